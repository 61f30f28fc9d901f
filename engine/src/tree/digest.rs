//! The part of a znode in ZooKeeper's digest of the tree: a CRC-32 over path, data and Stat.

use std::sync::LazyLock;

use crc32fast::Hasher;

use crate::path::ROOT;
use crate::stat::Stat;

/// Path and data up to this length are copied together before their CRC-32 is computed: from 128 bytes on it goes four
/// times as fast.
const JOINED_BYTES: usize = 256;

/// Znodes below this have no part in the tree digest: each server writes quotas by itself.
const NO_DIGEST: &str = "/zookeeper/";

/// The CRC-32 of path and data, with which a digest begins. It names the root by the empty path.
pub(super) fn prefix_crc(path: &str, data: &[u8]) -> u32 {
    if path == ROOT {
        return crc(data);
    }
    let mut joined = [0; JOINED_BYTES];
    if let Some(joined) = joined.get_mut(..path.len() + data.len()) {
        joined[..path.len()].copy_from_slice(path.as_bytes());
        joined[path.len()..].copy_from_slice(data);
        return prefix_crc_of(path, joined);
    }
    prefix_crc_of(path, &[path.as_bytes(), data].concat())
}

/// [`prefix_crc`] of a path, not the root's, and of data that stands behind it in one piece.
pub(super) fn prefix_crc_of(path: &str, path_and_data: &[u8]) -> u32 {
    if path.starts_with(NO_DIGEST) { 0 } else { crc(path_and_data) }
}

fn crc(bytes: &[u8]) -> u32 {
    /// One that has looked at what this processor can do: each new one looks again, which takes as long as some of the bytes.
    static NEW: LazyLock<Hasher> = LazyLock::new(Hasher::new);
    let mut crc = NEW.clone();
    crc.update(bytes);
    crc.finalize()
}

/// The part of a znode in the tree digest.
pub(super) fn digest(path: &str, prefix_crc: u32, stat: &Stat) -> u32 {
    if path.starts_with(NO_DIGEST) {
        return 0;
    }
    let mut crc = Hasher::new_with_initial(prefix_crc);
    crc.update(&stat.to_digest_input());
    crc.finalize()
}
