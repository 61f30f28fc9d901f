//! What a file is, by what it begins with. A name says nothing: files are copied and renamed.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use paddock_engine::zookeeper::{self, Compression};
use paddock_engine::{log, snapshot};

/// Looked at, bytes.
const BEGINNING_BYTES: u64 = 512;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    PaddockSnapshot,
    PaddockLog,
    ZooKeeperSnapshot(Compression),
    ZooKeeperLog,
    /// Empty, or zeros: a file that was prepared.
    Void,
    Other,
}

/// Reads the beginning of a file.
pub fn of_file(path: &Path) -> io::Result<Kind> {
    let mut beginning = Vec::new();
    // Whatever lies there, nothing is waited for.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    file.take(BEGINNING_BYTES).read_to_end(&mut beginning)?;
    Ok(of_beginning(&beginning))
}

fn of_beginning(beginning: &[u8]) -> Kind {
    if beginning.iter().all(|byte| *byte == 0) {
        return Kind::Void;
    }
    if snapshot::is_snapshot(beginning) {
        return Kind::PaddockSnapshot;
    }
    if log::is_segment(beginning) {
        return Kind::PaddockLog;
    }
    if zookeeper::log::is_log(beginning) {
        return Kind::ZooKeeperLog;
    }
    zookeeper::snapshot::compression_of(beginning).map_or(Kind::Other, Kind::ZooKeeperSnapshot)
}

#[cfg(test)]
mod tests {
    use super::{Compression, Kind, of_beginning};

    #[test]
    fn a_file_is_known_by_what_it_begins_with() {
        for (beginning, kind) in [
            (&b"PADSNAP2 and more"[..], Kind::PaddockSnapshot),
            (b"PADDOCKG", Kind::PaddockLog),
            (b"ZKSN\0\0\0\x02", Kind::ZooKeeperSnapshot(Compression::None)),
            (b"\x1f\x8b\x08", Kind::ZooKeeperSnapshot(Compression::Gzip)),
            (b"\x82SNAPPY\0\0\0\0\x01", Kind::ZooKeeperSnapshot(Compression::Snappy)),
            (b"ZKLG\0\0\0\x02", Kind::ZooKeeperLog),
            (b"", Kind::Void),
            (&[0; 512], Kind::Void),
            (b"ZK", Kind::Other),
            (b"PADSNAP", Kind::Other),
            (b"hello", Kind::Other),
        ] {
            assert_eq!(of_beginning(beginning), kind, "{beginning:?}");
        }
    }
}
