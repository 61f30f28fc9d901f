//! Reading a snapshot. Nothing in the file is trusted: not a length, not a count, not an archive.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use paddock_consensus::Zxid;
use rkyv::rancor;
use rkyv::util::AlignedVec;

use super::format::{
    ArchivedAcls, ArchivedFooter, ArchivedHeader, ArchivedSessions, BLOCK_HEADER, BlockKind, Footer, MAGIC,
    PAYLOAD_MAX, ZNODE_HEADER, block_header,
};
use crate::acl::{Acl, AclTable, Entry, Id};
use crate::stat::Stat;
use crate::tree::{BulkLoader, ExtendedTypes, HashSeed, LoadError, LoadedZnode, Tree};

/// What a snapshot holds.
pub struct LoadedSnapshot {
    pub zxid: Zxid,
    pub tree: Tree,
    pub sessions: BTreeMap<i64, i32>,
    pub acls: AclTable,
    /// Of the tree's hash.
    pub seed: HashSeed,
}

/// Why a file is no snapshot.
#[derive(Debug)]
pub enum SnapshotError {
    Io(io::Error),
    /// Where in the file, and what is wrong there.
    Damaged {
        offset: u64,
        what: String,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SnapshotError::Io(error) => write!(f, "it cannot be read: {error}"),
            SnapshotError::Damaged { offset, what } => write!(f, "it is damaged at byte {offset}: {what}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// Loads a snapshot whole, or not at all.
pub fn load(path: &Path, extended_types: ExtendedTypes) -> Result<LoadedSnapshot, SnapshotError> {
    let mut blocks = Blocks::open(path)?;
    let Some((BlockKind::Header, payload)) = blocks.next()? else { return Err(blocks.damaged("it has no header")) };
    let header = blocks.access::<ArchivedHeader>(&payload)?;
    let (zxid, seed) = (Zxid(header.zxid.to_native()), header.seed);
    let mut loading = Loading {
        sessions: BTreeMap::new(),
        acls: AclTable::default(),
        numbered: Vec::new(),
        loader: BulkLoader::new(HashSeed(seed), extended_types),
        rest: Vec::new(),
        footer: Footer::default(),
    };
    loop {
        match blocks.next()? {
            Some((BlockKind::Sessions, payload)) => loading.take_sessions(blocks.access::<ArchivedSessions>(&payload)?),
            Some((BlockKind::Acls, payload)) => loading.take_acls(blocks.access::<ArchivedAcls>(&payload)?),
            Some((BlockKind::Znodes, payload)) => {
                loading.take_znodes(&payload).map_err(|what| blocks.damaged(&what))?;
            }
            Some((BlockKind::Footer, payload)) => {
                let footer = blocks.access::<ArchivedFooter>(&payload)?;
                let claimed = Footer {
                    sessions: footer.sessions.to_native(),
                    acls: footer.acls.to_native(),
                    znodes: footer.znodes.to_native(),
                    stream_bytes: footer.stream_bytes.to_native(),
                    digest: footer.digest.to_native(),
                };
                blocks.expect_end()?;
                return loading.finish(zxid, HashSeed(seed), &claimed).map_err(|what| blocks.damaged(&what));
            }
            Some((BlockKind::Header, _)) => return Err(blocks.damaged("it has a second header")),
            None => return Err(blocks.damaged("it ends without a footer")),
        }
    }
}

/// Whether every block of the file is as it was written, without building anything of it.
pub fn check(path: &Path) -> Result<(), SnapshotError> {
    let mut blocks = Blocks::open(path)?;
    while let Some((kind, _)) = blocks.next()? {
        if kind == BlockKind::Footer {
            return blocks.expect_end();
        }
    }
    Err(blocks.damaged("it ends without a footer"))
}

struct Loading {
    sessions: BTreeMap<i64, i32>,
    acls: AclTable,
    /// The lists by their numbers less one.
    numbered: Vec<Acl>,
    loader: BulkLoader,
    /// The start of a znode whose end is in the next block.
    rest: Vec<u8>,
    footer: Footer,
}

impl Loading {
    fn take_sessions(&mut self, sessions: &ArchivedSessions) {
        for pair in sessions.0.iter() {
            self.sessions.insert(pair.0.to_native(), pair.1.to_native());
        }
    }

    fn take_acls(&mut self, acls: &ArchivedAcls) {
        for list in acls.0.iter() {
            let entries = list
                .iter()
                .map(|entry| Entry {
                    perms: entry.perms.to_native(),
                    id: Id { scheme: entry.scheme.to_string(), id: entry.id.to_string() },
                })
                .collect();
            self.numbered.push(self.acls.intern(entries));
        }
    }

    fn take_znodes(&mut self, block: &[u8]) -> Result<(), String> {
        self.footer.stream_bytes += block.len() as u64;
        if self.rest.is_empty() {
            let used = self.take_stream(block)?;
            self.rest.extend_from_slice(&block[used..]);
            return Ok(());
        }
        let mut stream = std::mem::take(&mut self.rest);
        stream.extend_from_slice(block);
        let used = self.take_stream(&stream)?;
        stream.drain(..used);
        self.rest = stream;
        Ok(())
    }

    /// Takes the whole znodes at the start of `stream`, and returns how many bytes they were.
    fn take_stream(&mut self, stream: &[u8]) -> Result<usize, String> {
        let mut at = 0;
        while let Some(image) = Image::first(&stream[at..])? {
            let acl = match image.acl {
                0 => None,
                number => {
                    let list = self.numbered.get(number as usize - 1);
                    list.ok_or_else(|| format!("no ACL has the number {number}"))?.clone()
                }
            };
            let path = std::str::from_utf8(image.path).map_err(|_| "a path is not UTF-8".to_owned())?;
            let znode = LoadedZnode {
                path,
                data: image.data,
                acl,
                stat: image.stat,
                num_children: image.num_children,
                child_names: image.child_names,
            };
            self.loader.push(znode).map_err(|error: LoadError| error.to_string())?;
            self.footer.znodes += 1;
            at += image.length;
        }
        Ok(at)
    }

    fn finish(mut self, zxid: Zxid, seed: HashSeed, claimed: &Footer) -> Result<LoadedSnapshot, String> {
        if !self.rest.is_empty() {
            return Err("its last znode is cut short".into());
        }
        self.footer.sessions = self.sessions.len() as u64;
        self.footer.acls = self.numbered.len() as u64;
        let tree = self.loader.finish().map_err(|error| error.to_string())?;
        self.footer.digest = tree.digest();
        if self.footer != *claimed {
            return Err(format!("its content is {:?}, but its footer says {claimed:?}", self.footer));
        }
        Ok(LoadedSnapshot { zxid, tree, sessions: self.sessions, acls: self.acls, seed })
    }
}

/// One znode of the stream.
struct Image<'a> {
    length: usize,
    path: &'a [u8],
    data: Option<&'a [u8]>,
    acl: u32,
    stat: Stat,
    num_children: u32,
    child_names: &'a [u8],
}

impl<'a> Image<'a> {
    /// The znode at the start, or `None` while its end is missing.
    fn first(stream: &'a [u8]) -> Result<Option<Image<'a>>, String> {
        let Some(header) = stream.get(..ZNODE_HEADER) else { return Ok(None) };
        let mut fields = Fields(header);
        let path_length = fields.u32() as usize;
        let data_length = fields.u32() as i32;
        let acl = fields.u32();
        let num_children = fields.u32();
        let names_length = fields.u32() as usize;
        let stat = Stat {
            czxid: fields.i64(),
            mzxid: fields.i64(),
            ctime: fields.i64(),
            mtime: fields.i64(),
            pzxid: fields.i64(),
            ephemeral_owner: fields.i64(),
            version: fields.u32() as i32,
            cversion: fields.u32() as i32,
            aversion: fields.u32() as i32,
        };
        if data_length < -1 {
            return Err(format!("a znode has data of {data_length} bytes"));
        }
        let data_bytes = data_length.max(0) as usize;
        let length = ZNODE_HEADER + path_length + data_bytes + names_length;
        let Some(body) = stream.get(ZNODE_HEADER..length) else { return Ok(None) };
        let (path, body) = body.split_at(path_length);
        let (data, child_names) = body.split_at(data_bytes);
        let data = (data_length >= 0).then_some(data);
        Ok(Some(Image { length, path, data, acl, stat, num_children, child_names }))
    }
}

/// Reads numbers off a header that is long enough for all of them.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (first, rest) = self.0.split_first_chunk::<N>().expect("the header's length is that of its fields");
        self.0 = rest;
        *first
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }
}

/// The file, block by block, each checked before it is given out.
struct Blocks {
    file: File,
    offset: u64,
}

impl Blocks {
    fn open(path: &Path) -> Result<Blocks, SnapshotError> {
        let file = File::open(path).map_err(SnapshotError::Io)?;
        let mut blocks = Blocks { file, offset: 0 };
        let mut magic = [0; MAGIC.len()];
        if blocks.read(&mut magic)? != magic.len() || magic != *MAGIC {
            return Err(blocks.damaged("it does not begin as a snapshot of this format"));
        }
        Ok(blocks)
    }

    /// Fills as much of the buffer as the file has.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, SnapshotError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SnapshotError::Io(error)),
            }
        }
        self.offset += filled as u64;
        Ok(filled)
    }

    /// The next block; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<(BlockKind, AlignedVec)>, SnapshotError> {
        let mut header = [0; BLOCK_HEADER];
        match self.read(&mut header)? {
            0 => return Ok(None),
            BLOCK_HEADER => {}
            _ => return Err(self.damaged("a block is cut short")),
        }
        let mut fields = Fields(&header);
        let (number, length) = (fields.u32(), fields.u32() as usize);
        if length > PAYLOAD_MAX {
            return Err(self.damaged("a block is longer than blocks are"));
        }
        let mut payload = AlignedVec::with_capacity(length);
        payload.resize(length, 0);
        if self.read(&mut payload)? != length {
            return Err(self.damaged("a block is cut short"));
        }
        if block_header(number, &payload) != header {
            return Err(self.damaged("the checksum of the block before this does not match"));
        }
        let kind = BlockKind::of_number(number).ok_or_else(|| self.damaged("a block is of no known kind"))?;
        Ok(Some((kind, payload)))
    }

    fn access<'a, T>(&self, payload: &'a AlignedVec) -> Result<&'a T, SnapshotError>
    where
        T: rkyv::Portable + for<'b> rkyv::bytecheck::CheckBytes<rkyv::api::high::HighValidator<'b, rancor::Error>>,
    {
        rkyv::access::<T, rancor::Error>(payload).map_err(|error| self.damaged(&error.to_string()))
    }

    fn expect_end(&mut self) -> Result<(), SnapshotError> {
        if self.read(&mut [0])? == 0 { Ok(()) } else { Err(self.damaged("it goes on behind its footer")) }
    }

    fn damaged(&self, what: &str) -> SnapshotError {
        SnapshotError::Damaged { offset: self.offset, what: what.to_owned() }
    }
}
