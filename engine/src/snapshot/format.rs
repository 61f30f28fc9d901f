//! The records of a snapshot file: `FORMAT.md` beside this file in code.

use std::fmt;

use rkyv::{Archive, Deserialize, Serialize};

pub const MAGIC: &[u8; 8] = b"PADSNAP2";
/// Bytes in front of a block's payload.
pub const BLOCK_HEADER: usize = 16;
/// A block of znodes ends with the first znode that makes it so long.
pub const ZNODE_BLOCK: usize = 256 * 1024;
/// Sessions or ACLs in one block.
pub const ENTRIES_PER_BLOCK: usize = 4096;
/// Bytes in front of a znode's path.
pub const ZNODE_HEADER: usize = 5 * 4 + 6 * 8 + 3 * 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum BlockKind {
    Header = 1,
    Sessions = 2,
    Acls = 3,
    Znodes = 4,
    Footer = 5,
}

impl BlockKind {
    pub fn of_number(number: u32) -> Option<BlockKind> {
        use BlockKind::{Acls, Footer, Header, Sessions, Znodes};
        [Header, Sessions, Acls, Znodes, Footer].into_iter().find(|kind| *kind as u32 == number)
    }
}

/// Whether a file that begins so is a snapshot of this format.
pub fn is_snapshot(beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC)
}

/// The first 16 bytes of a block.
pub fn block_header(kind: u32, payload: &[u8]) -> [u8; BLOCK_HEADER] {
    let mut header = [0; BLOCK_HEADER];
    header[0..4].copy_from_slice(&kind.to_le_bytes());
    header[8..16].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&header), payload);
    header[4..8].copy_from_slice(&checksum.to_le_bytes());
    header
}

#[derive(Archive, Serialize, Deserialize, Debug, PartialEq)]
pub struct Header {
    pub zxid: i64,
    pub seed: [u8; 16],
    pub wall_ms: i64,
}

#[derive(Archive, Serialize, Deserialize, Debug, PartialEq)]
pub struct Sessions(pub Vec<(i64, i32)>);

#[derive(Archive, Serialize, Deserialize, Debug, PartialEq)]
pub struct StoredEntry {
    pub perms: i32,
    pub scheme: String,
    pub id: String,
}

#[derive(Archive, Serialize, Deserialize, Debug, PartialEq)]
pub struct Acls(pub Vec<Vec<StoredEntry>>);

#[derive(Archive, Serialize, Deserialize, Debug, PartialEq, Default)]
pub struct Footer {
    pub sessions: u64,
    pub acls: u64,
    pub znodes: u64,
    pub znode_bytes: u64,
    pub digest: u64,
}

impl fmt::Display for Footer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Footer { sessions, acls, znodes, znode_bytes, digest } = self;
        write!(f, "{znodes} znodes of {znode_bytes} bytes, {acls} ACLs, {sessions} sessions and the digest {digest:x}")
    }
}
