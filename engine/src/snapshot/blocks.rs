//! A snapshot file as blocks.

use std::io;

use rkyv::rancor;
use rkyv::util::AlignedVec;

use super::error::SnapshotError;
use super::format::{BLOCK_HEADER, BlockKind, MAGIC, block_header};
use crate::io::Map;

/// Reads numbers off a header that is long enough for all of them.
pub struct Fields<'a>(pub &'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (first, rest) = self.0.split_first_chunk::<N>().expect("the header's length is that of its fields");
        self.0 = rest;
        *first
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }
}

/// The file, block by block, each checked before it is given out.
pub struct Blocks<'m> {
    map: &'m Map,
    /// Behind the block that was given out last.
    pub offset: usize,
}

impl<'m> Blocks<'m> {
    pub fn begin(map: &'m Map) -> Result<Blocks<'m>, SnapshotError> {
        let mut blocks = Blocks { map, offset: 0 };
        if blocks.take(MAGIC.len() as u64)? != Some(&MAGIC[..]) {
            return Err(blocks.damaged("it does not begin as a snapshot of this format"));
        }
        Ok(blocks)
    }

    /// The next bytes; `None` if the file has not so many.
    fn take(&mut self, count: u64) -> Result<Option<&'m [u8]>, SnapshotError> {
        let left = self.map.len() - self.offset;
        let Some(count) = usize::try_from(count).ok().filter(|count| *count <= left) else { return Ok(None) };
        let bytes = self.map.read(self.offset..self.offset + count).map_err(|unreadable| {
            SnapshotError::Io(io::Error::other(format!("the disk cannot read byte {}", unreadable.offset)))
        })?;
        self.offset += count;
        Ok(Some(bytes))
    }

    /// The next block; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<(BlockKind, &'m [u8])>, SnapshotError> {
        if self.offset == self.map.len() {
            return Ok(None);
        }
        let cut_short = "a block is cut short";
        let header = self.take(BLOCK_HEADER as u64)?.ok_or_else(|| self.damaged(cut_short))?;
        let mut fields = Fields(header);
        let (number, _checksum, length) = (fields.u32(), fields.u32(), fields.u64());
        let payload = self.take(length)?.ok_or_else(|| self.damaged(cut_short))?;
        if block_header(number, payload) != *header {
            return Err(self.damaged("the checksum of the block before this does not match"));
        }
        let kind = BlockKind::of_number(number).ok_or_else(|| self.damaged("a block is of no known kind"))?;
        Ok(Some((kind, payload)))
    }

    /// Shows an archive to `see`, once it has been checked.
    pub fn access<T, R>(&self, payload: &[u8], see: impl FnOnce(&T) -> R) -> Result<R, SnapshotError>
    where
        T: rkyv::Portable + for<'b> rkyv::bytecheck::CheckBytes<rkyv::api::high::HighValidator<'b, rancor::Error>>,
    {
        let mut aligned = AlignedVec::<16>::with_capacity(payload.len());
        aligned.extend_from_slice(payload);
        rkyv::access::<T, rancor::Error>(&aligned).map(see).map_err(|error| self.damaged(&error.to_string()))
    }

    pub fn expect_end(&self) -> Result<(), SnapshotError> {
        if self.offset == self.map.len() { Ok(()) } else { Err(self.damaged("it goes on behind its footer")) }
    }

    pub fn damaged(&self, what: &str) -> SnapshotError {
        SnapshotError::Damaged { offset: self.offset as u64, what: what.to_owned() }
    }
}
