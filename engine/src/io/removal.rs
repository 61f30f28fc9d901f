//! The removal of a large file, a piece at a time.
//!
//! The blocks of a removed file go back to the file system in its next commit, all together, and one that is mounted with
//! `discard` tells the device of them then: for a snapshot of 200 MB that is 60 ms in which a virtual disk serves nothing
//! else, and a write that must become durable waits for it. So the name goes first, durably, while the file stays open,
//! and then the file is made shorter step by step, each with a commit of its own, so that others' writes go in between.
//!
//! A crash leaves nothing to tidy: a file without a name is freed when the last descriptor is closed, or at the next
//! mount.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::directory::remove_file;

/// Bytes given back at a time: about a millisecond of a disk that is told of each.
const PIECE: u64 = 4 << 20;

/// A file that has no name any more.
#[derive(Debug)]
pub struct Removed {
    file: File,
    left: u64,
}

impl Removed {
    /// Removes a file so that it stays removed. Its blocks are given back by [`shrink`](Removed::shrink), and what is left
    /// of them when the value is dropped.
    pub fn begin(path: &Path) -> io::Result<Removed> {
        let file = OpenOptions::new().write(true).open(path)?;
        remove_file(path)?;
        let left = file.metadata()?.len();
        Ok(Removed { file, left })
    }

    /// Gives one piece back. Whether more is left.
    pub fn shrink(&mut self) -> io::Result<bool> {
        if self.left > PIECE {
            self.left -= PIECE;
            self.file.set_len(self.left)?;
            self.file.sync_data()?;
        } else {
            self.left = 0;
        }
        Ok(self.left > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE, Removed};

    #[test]
    fn a_file_goes_at_once_and_its_blocks_by_and_by() {
        let path = std::env::temp_dir().join(format!("paddock-removal-{}", std::process::id()));
        std::fs::File::create(&path).unwrap().set_len(3 * PIECE + 1).unwrap();
        let mut removed = Removed::begin(&path).unwrap();
        assert!(!path.exists());
        for pieces in [2, 1, 0] {
            assert!(removed.shrink().unwrap());
            assert_eq!(removed.file.metadata().unwrap().len(), pieces * PIECE + 1);
        }
        assert!(!removed.shrink().unwrap(), "the last piece goes with the descriptor");
        assert!(Removed::begin(&path).is_err());
    }
}
