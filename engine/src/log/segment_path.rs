//! Where the files of a log are, and how they are called.

use std::path::{Path, PathBuf};

use super::format::COUNT_MAX;

/// Below the `dataLogDir`. The number is that of the layout of files; ZooKeeper uses `version-2`.
const DIRECTORY: &str = "paddock-1";

const PREFIX: &str = "log.";

/// Where the segments of a `dataLogDir` are.
pub fn directory(data_log_dir: &Path) -> PathBuf {
    data_log_dir.join(DIRECTORY)
}

/// A segment's file by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SegmentPath {
    pub sequence: u64,
    pub path: PathBuf,
}

impl SegmentPath {
    pub fn new(directory: &Path, sequence: u64) -> SegmentPath {
        SegmentPath { sequence, path: directory.join(format!("{PREFIX}{sequence:016x}")) }
    }

    /// The segment that a file of this name is; `None` if it is none. Only the one spelling that [`new`](Self::new) writes
    /// counts, so that two names never mean one segment, and only a sequence that a log can reach.
    pub fn of_name(directory: &Path, name: &str) -> Option<SegmentPath> {
        let digits = name.strip_prefix(PREFIX)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != 16 || !digits.bytes().all(is_digit) {
            return None;
        }
        let sequence = u64::from_str_radix(digits, 16).ok().filter(|sequence| *sequence <= COUNT_MAX)?;
        Some(SegmentPath::new(directory, sequence))
    }

    /// The directory that the segment lies in.
    pub fn parent(&self) -> &Path {
        self.path.parent().expect("a segment lies in a directory")
    }
}

#[cfg(test)]
mod tests {
    use super::{COUNT_MAX, SegmentPath};
    use std::path::Path;

    #[test]
    fn names_are_exact() {
        let directory = Path::new("/d");
        let sequence_of = |name: &str| SegmentPath::of_name(directory, name).map(|segment| segment.sequence);
        let segment = SegmentPath::new(directory, 0x1f);
        assert_eq!(segment.path, Path::new("/d/log.000000000000001f"));
        assert_eq!(SegmentPath::of_name(directory, "log.000000000000001f"), Some(segment));
        assert_eq!(sequence_of("log.7fffffffffffffff"), Some(COUNT_MAX));
        for name in [
            "log.1f",
            "log.000000000000001F",
            "log.+00000000000001f",
            "log.000000000000001f.cut",
            "snapshot.0",
            "log.8000000000000000",
        ] {
            assert_eq!(sequence_of(name), None, "{name}");
        }
    }
}
