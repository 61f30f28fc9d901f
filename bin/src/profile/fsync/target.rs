//! The file that is written to. It is removed when the value goes, however the measurement ends.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use paddock_engine::io::sys::WRITE_UNIT;
use paddock_engine::io::{Access, AlignedBuffer, File, Files};

use super::cell::Space;
use super::error::FsyncError;

/// One name for all: of two measurements at a time on one disk neither would tell anything, and what a killed one has left is
/// found by the next.
const NAME: &str = "paddock-profile.fsync";

/// Zeros are written in pieces of this size, as the log writes them.
const ZERO_BYTES: usize = 256 << 10;

/// See the module.
pub struct Target {
    directory: PathBuf,
    path: PathBuf,
    pub file: Arc<File>,
    /// The most that it becomes long.
    pub bytes: u64,
    /// Bytes that writes are aligned and padded to.
    pub unit: usize,
    /// Whether writes go past the system's cache.
    pub is_direct: bool,
    is_there: bool,
}

impl Target {
    /// Makes the file, empty. It is opened as a segment of the log is: past the cache if that is wanted and can be.
    pub fn create(directory: &Path, bytes: u64, wants_direct: bool) -> Result<Target, FsyncError> {
        let path = directory.join(NAME);
        let file = match Files::Real.open(&path, Access::New { direct: wants_direct }) {
            Ok(file) => Arc::new(file),
            // A file system without O_DIRECT may refuse it only after it has created the file.
            Err(error) if wants_direct && error.raw_os_error() == Some(libc::EINVAL) => {
                let _ = Files::Real.unlink(&path);
                return Target::create(directory, bytes, false);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(FsyncError::InUse { file: path }),
            Err(source) => return Err(FsyncError::File { did: "make the file", file: path, source }),
        };
        let unit = if wants_direct { file.write_unit() } else { Some(WRITE_UNIT) };
        let is_direct = wants_direct && unit.is_some();
        let target = Target {
            directory: directory.to_owned(),
            path,
            file,
            bytes,
            unit: unit.unwrap_or(WRITE_UNIT),
            is_direct,
            is_there: true,
        };
        if wants_direct && !is_direct {
            drop(target);
            return Target::create(directory, bytes, false);
        }
        Ok(target)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has the file be as `space` says, durably. Once `is_enough` says so it is left as far as it has come.
    pub fn prepare(&self, space: Space, is_enough: &dyn Fn() -> bool) -> Result<(), FsyncError> {
        let prepared = match space {
            Space::Zeroed => self.zero(is_enough),
            Space::Growing => self.file.set_length(0),
            Space::Holes => self.file.set_length(0).and_then(|()| self.file.set_length(self.bytes)),
        };
        prepared
            .and_then(|()| self.file.sync_all())
            .and_then(|()| Files::Real.sync_dir(&self.directory))
            .map_err(|source| FsyncError::File { did: "prepare the file", file: self.path.clone(), source })
    }

    fn zero(&self, is_enough: &dyn Fn() -> bool) -> io::Result<()> {
        let zeros = AlignedBuffer::new(ZERO_BYTES, self.unit);
        let mut at = 0;
        while at < self.bytes && !is_enough() {
            // Both are multiples of every unit.
            let piece = usize::try_from(self.bytes - at).unwrap_or(usize::MAX).min(zeros.len());
            self.file.write_all_at(&zeros[..piece], at)?;
            at += piece as u64;
        }
        Ok(())
    }

    /// Removes the file.
    pub fn remove(mut self) -> Result<(), FsyncError> {
        // Another one may have the name next.
        self.is_there = false;
        let removed = Files::Real.remove(&self.path);
        removed.map_err(|source| FsyncError::File { did: "remove the file", file: self.path.clone(), source })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.is_there {
            // The first error is the one to report.
            let _ = Files::Real.unlink(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{NAME, Target};
    use crate::profile::fsync::cell::Space;
    use crate::profile::fsync::error::FsyncError;

    const BYTES: u64 = 1 << 20;

    fn fresh(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("paddock-profile-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).expect("the temporary directory is writable");
        dir
    }

    #[test]
    fn the_file_is_as_each_space_says_and_goes_in_the_end() {
        let dir = fresh("spaces");
        let target = Target::create(&dir, BYTES, true).expect("it can be made");
        assert!(target.unit.is_power_of_two() && target.unit >= 512);
        for (space, length) in [(Space::Zeroed, BYTES), (Space::Growing, 0), (Space::Holes, BYTES)] {
            target.prepare(space, &|| false).expect("there is room");
            assert_eq!(fs::metadata(target.path()).expect("it is there").len(), length, "{space:?}");
        }
        target.prepare(Space::Growing, &|| false).expect("it can be emptied");
        target.prepare(Space::Zeroed, &|| true).expect("nothing is written");
        assert_eq!(fs::metadata(target.path()).expect("it is there").len(), 0, "somebody had enough");
        target.remove().expect("it is there");
        assert_eq!(fs::read_dir(&dir).expect("it is there").count(), 0);
        drop(Target::create(&dir, BYTES, false).expect("the name is free again"));
        assert_eq!(fs::read_dir(&dir).expect("it is there").count(), 0);
        fs::remove_dir(&dir).expect("it is empty");
    }

    #[test]
    fn a_file_of_somebody_else_stays() {
        let dir = fresh("taken");
        fs::write(dir.join(NAME), b"theirs").expect("the directory is writable");
        let refused = Target::create(&dir, BYTES, true);
        assert!(matches!(refused, Err(FsyncError::InUse { .. })));
        assert_eq!(fs::read(dir.join(NAME)).expect("it is there"), b"theirs");
        fs::remove_dir_all(&dir).expect("it is there");
    }
}
