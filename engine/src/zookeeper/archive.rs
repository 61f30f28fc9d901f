//! Jute from a stream and into one: what [`jute`](crate::jute) is for slices, for what is too large to be held whole.
//!
//! An archive counts its bytes and keeps their Adler-32, with which ZooKeeper seals snapshots and log records. Nothing is
//! reserved by a length that the input claims: a text or buffer grows as its bytes come, up to a bound.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use adler2::Adler32;

use super::error::FormatError;

/// What is gathered before it goes to the output, bytes.
const PENDING_BYTES: usize = 64 << 10;

/// Reads records from a stream, which should be buffered. Takes no byte more than it is asked for.
#[derive(Debug)]
pub struct InputArchive<R> {
    input: R,
    offset: u64,
    checksum: Adler32,
    /// Where what was read last ends, or would if the input were not cut short.
    wanted: u64,
    /// Longer texts and buffers are damage, bytes.
    length_max: usize,
}

impl<R: Read> InputArchive<R> {
    pub fn new(input: R, length_max: usize) -> InputArchive<R> {
        InputArchive::at(input, 0, length_max)
    }

    /// Of what comes from `offset` on.
    pub fn at(input: R, offset: u64, length_max: usize) -> InputArchive<R> {
        InputArchive { input, offset, checksum: Adler32::new(), wanted: offset, length_max }
    }

    /// Where what was read last ends, in bytes from the start: if the input was cut short, so much of it has to be there.
    pub fn wanted(&self) -> u64 {
        self.wanted
    }

    /// Bytes that were read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Of all bytes since the start, or since the checksum was started anew.
    pub fn checksum(&self) -> u32 {
        self.checksum.checksum()
    }

    pub fn restart_checksum(&mut self) {
        self.checksum = Adler32::new();
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut bytes = [0; N];
        self.wanted = self.offset + N as u64;
        self.input.read_exact(&mut bytes).map_err(|error| self.failed(error))?;
        self.offset += N as u64;
        self.checksum.write_slice(&bytes);
        Ok(bytes)
    }

    pub fn i32(&mut self) -> Result<i32, FormatError> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, FormatError> {
        self.array().map(i64::from_be_bytes)
    }

    /// The length of a text or buffer; `None` is null.
    pub fn length(&mut self) -> Result<Option<usize>, FormatError> {
        let claimed = self.i32()?;
        self.check_length(claimed)
    }

    /// What a length that was read means.
    pub fn check_length(&self, claimed: i32) -> Result<Option<usize>, FormatError> {
        match usize::try_from(claimed) {
            Ok(length) if length <= self.length_max => Ok(Some(length)),
            _ if claimed == -1 => Ok(None),
            _ => {
                Err(self
                    .damaged(format!("a length of {claimed} bytes, where jute.maxbuffer admits {}", self.length_max)))
            }
        }
    }

    /// So many bytes, in place of what was in `bytes`. Those that there are, where the input is cut short.
    pub fn bytes(&mut self, length: usize, bytes: &mut Vec<u8>) -> Result<(), FormatError> {
        bytes.clear();
        self.wanted = self.offset + length as u64;
        let read = self.input.by_ref().take(length as u64).read_to_end(bytes).map_err(|error| self.failed(error))?;
        if read < length {
            return Err(FormatError::CutShort { offset: self.offset });
        }
        self.offset += length as u64;
        self.checksum.write_slice(bytes);
        Ok(())
    }

    /// A text or buffer, in place of what was in `bytes`. Whether it is one: `false` is null.
    pub fn buffer(&mut self, bytes: &mut Vec<u8>) -> Result<bool, FormatError> {
        match self.length()? {
            Some(length) => self.bytes(length, bytes).map(|()| true),
            None => Ok(false),
        }
    }

    /// A text, as Java decodes it; null where it may not be is damage.
    pub fn text(&mut self) -> Result<String, FormatError> {
        let mut bytes = Vec::new();
        match self.buffer(&mut bytes)? {
            true => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            false => Err(self.damaged("a text is null".to_owned())),
        }
    }

    pub fn damaged(&self, what: String) -> FormatError {
        FormatError::Damaged { offset: self.offset, what }
    }

    fn failed(&self, error: io::Error) -> FormatError {
        match error.kind() {
            ErrorKind::UnexpectedEof => FormatError::CutShort { offset: self.offset },
            // What decompression says of bytes that are not its own.
            ErrorKind::InvalidData | ErrorKind::InvalidInput => self.damaged(error.to_string()),
            _ => FormatError::Io(error),
        }
    }
}

impl<R: BufRead> InputArchive<R> {
    /// Whether nothing comes any more.
    pub fn is_at_end(&mut self) -> Result<bool, FormatError> {
        match self.input.fill_buf() {
            Ok(rest) => Ok(rest.is_empty()),
            Err(error) => Err(self.failed(error)),
        }
    }
}

/// Writes records to a stream.
#[derive(Debug)]
pub struct OutputArchive<W> {
    output: W,
    checksum: Adler32,
    pending: Vec<u8>,
}

impl<W: Write> OutputArchive<W> {
    pub fn new(output: W) -> OutputArchive<W> {
        OutputArchive { output, checksum: Adler32::new(), pending: Vec::new() }
    }

    /// Appends what `fields` puts in.
    pub fn put(&mut self, fields: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        fields(&mut self.pending);
        if self.pending.len() < PENDING_BYTES { Ok(()) } else { self.hand_on() }
    }

    /// Of all bytes that were put.
    pub fn checksum(&mut self) -> io::Result<u32> {
        self.hand_on()?;
        Ok(self.checksum.checksum())
    }

    /// The output, which has all that was put.
    pub fn finish(mut self) -> io::Result<W> {
        self.hand_on()?;
        Ok(self.output)
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.checksum.write_slice(&self.pending);
        self.output.write_all(&self.pending)?;
        self.pending.clear();
        // One large znode is no reason to keep so much memory.
        self.pending.shrink_to(2 * PENDING_BYTES);
        Ok(())
    }
}
