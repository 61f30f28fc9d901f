//! The removal of a large file, a piece at a time.
//!
//! The blocks of a removed file go back to the file system in its next commit, all together, and one that is mounted with
//! `discard` tells the device of them then: for a snapshot of 200 MB that is 60 ms in which a virtual disk serves nothing
//! else, and a write that must become durable waits for it. So the name goes first, durably, while the file stays open,
//! and then the file is made shorter step by step, each with a commit of its own, so that others' writes go in between.
//!
//! Only a file that is nobody else's: one with another name (a backup by hard links) or another reader (a copy that is
//! being made, an inspection) goes as any removed file does, when its last user is done with it.
//!
//! A crash leaves nothing to tidy: a file without a name is freed when the last descriptor is closed, or at the next
//! mount.

use std::io;
use std::path::Path;

use super::access::Access;
use super::file::File;
use super::files::Files;

/// Bytes given back at a time: about a millisecond of a disk that is told of each.
const PIECE: u64 = 4 << 20;

/// A file that has no name any more, and is given back by [`shrink`](Removed::shrink), or whole when the value is dropped.
#[derive(Debug)]
pub struct Removed(Option<Nameless>);

#[derive(Debug)]
struct Nameless {
    file: File,
    left: u64,
}

impl Removed {
    /// Removes a file so that it stays removed.
    pub fn begin(files: &Files, path: &Path) -> io::Result<Removed> {
        // What may be removed may not always be written to; then it goes at once.
        let file = files.open(path, Access::WriteItself);
        files.remove(path)?;
        Ok(Removed(file.ok().and_then(Nameless::of)))
    }

    /// Gives one piece back. Whether more is left.
    pub fn shrink(&mut self) -> bool {
        let more = self.0.as_mut().is_some_and(|nameless| {
            nameless.shrink().unwrap_or_else(|error| {
                tracing::debug!(%error, "a removed file is given back at once");
                false
            })
        });
        if !more {
            self.0 = None;
        }
        more
    }
}

impl Nameless {
    fn of(file: File) -> Option<Nameless> {
        let left = file.length().ok()?;
        file.is_last_use().then_some(Nameless { file, left })
    }

    fn shrink(&mut self) -> io::Result<bool> {
        if self.left <= PIECE {
            return Ok(false);
        }
        self.left -= PIECE;
        self.file.set_length(self.left)?;
        self.file.sync_data()?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE, Removed};
    use crate::io::Files;
    use std::fs::File;
    use std::path::PathBuf;

    fn file(name: &str, length: u64) -> PathBuf {
        let path = std::env::temp_dir().join(format!("paddock-removal-{name}-{}", std::process::id()));
        File::create(&path).unwrap().set_len(length).unwrap();
        path
    }

    #[test]
    fn a_file_goes_at_once_and_its_blocks_by_and_by() {
        let path = file("pieces", 3 * PIECE + 1);
        let mut removed = Removed::begin(&Files::Real, &path).unwrap();
        assert!(!path.exists());
        for pieces in [2, 1, 0] {
            assert!(removed.shrink());
            assert_eq!(removed.0.as_ref().unwrap().file.length().unwrap(), pieces * PIECE + 1);
        }
        assert!(!removed.shrink(), "the last piece goes with the descriptor");
        assert!(Removed::begin(&Files::Real, &path).is_err());
    }

    #[test]
    fn small_files_are_one_piece() {
        for length in [0, 1, PIECE] {
            assert!(!Removed::begin(&Files::Real, &file("small", length)).unwrap().shrink());
        }
    }

    #[test]
    fn what_others_use_is_left_whole() {
        let path = file("linked", 3 * PIECE);
        let backup = path.with_extension("backup");
        std::fs::hard_link(&path, &backup).unwrap();
        assert!(!Removed::begin(&Files::Real, &path).unwrap().shrink());
        assert_eq!(backup.metadata().unwrap().len(), 3 * PIECE);

        std::os::unix::fs::symlink(&backup, &path).unwrap();
        assert!(!Removed::begin(&Files::Real, &path).unwrap().shrink());
        assert!(!path.is_symlink());
        assert_eq!(backup.metadata().unwrap().len(), 3 * PIECE);

        let reader = File::open(&backup).unwrap();
        assert!(!Removed::begin(&Files::Real, &backup).unwrap().shrink());
        assert_eq!(reader.metadata().unwrap().len(), 3 * PIECE);

        let path = file("mapped", 3 * PIECE);
        let map = Files::Real.map(&path).unwrap();
        assert!(!Removed::begin(&Files::Real, &path).unwrap().shrink());
        assert_eq!(map.len() as u64, 3 * PIECE);
    }
}
