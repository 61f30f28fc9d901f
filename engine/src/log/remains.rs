//! What a crash has torn off the end of the log: copied when the log is cut, for whoever wants to know what it was.
//!
//! Nothing tells whether it was acknowledged: a crash kept the last groups from being whole on the disk, and the disk may
//! have done so later. No server reads it again, and where it cannot be copied the start says so and goes on without.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::scan::Torn;
use super::shortened::beside;
use crate::io::{Access, Files};

const PREFIX: &str = "torn.";
/// So many copies stay, the newest ones.
const COPIES_MAX: usize = 4;
/// Bytes of each copy.
const BYTES_MAX: u64 = 16 << 20;

/// Copies what is torn to `torn.<name of the segment>.<offset>` and says where. A former copy of that name stays until the new one
/// is whole.
pub(super) fn copy_torn(files: &Files, directory: &Path, torn: &Torn) -> io::Result<PathBuf> {
    let mut former = former(files, directory)?;
    former.sort_by_key(|(modified, _)| *modified);
    let too_many = (former.len() + 1).saturating_sub(COPIES_MAX);
    former.drain(..too_many).try_for_each(|(_, path)| files.remove(&path))?;

    let name = torn.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path = directory.join(format!("{PREFIX}{name}.{:x}", torn.offset));
    let copied = copy(files, torn, &path);
    copied.map(|()| path)
}

fn copy(files: &Files, torn: &Torn, path: &Path) -> io::Result<()> {
    let beside = beside(path);
    let copied = copy_beside(files, torn, &beside).and_then(|()| files.rename(&beside, path));
    if copied.is_err() {
        // Half a copy is worth less than its space.
        let _ = files.unlink(&beside);
    }
    copied?;
    files.sync_dir(path.parent().expect("it lies in a directory"))
}

fn copy_beside(files: &Files, torn: &Torn, beside: &Path) -> io::Result<()> {
    let from = files.open(&torn.file, Access::Read)?;
    let file = files.open(beside, Access::Replace)?;
    let bytes = torn.bytes.min(BYTES_MAX);
    let copied = file.copy_from(&from, torn.offset, bytes)?;
    if copied < bytes {
        return Err(io::Error::new(ErrorKind::UnexpectedEof, format!("it has {copied} of {bytes} torn bytes")));
    }
    file.sync_all()
}

/// The copies of former crashes, with the time of each.
fn former(files: &Files, directory: &Path) -> io::Result<Vec<(std::time::SystemTime, PathBuf)>> {
    let mut found = Vec::new();
    for name in files.list(directory)? {
        if name.to_string_lossy().starts_with(PREFIX) {
            let path = directory.join(name);
            found.push((files.metadata(&path)?.modified, path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{COPIES_MAX, copy_torn};
    use std::path::Path;

    use crate::io::simulated::FileSystem;
    use crate::io::{Access, Files};
    use crate::log::Torn;

    #[test]
    fn the_newest_copies_stay() {
        let dir = std::env::temp_dir().join(format!("paddock-remains-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        let file = dir.join("log.1");
        std::fs::write(&file, b"good, and torn").unwrap();
        for offset in 0..6 {
            let path = copy_torn(&Files::Real, &dir, &Torn { file: file.clone(), offset, bytes: 4 }).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"good, and torn"[offset as usize..][..4]);
            // Each is older than the next, whatever the clock of the file system can tell.
            let age = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(offset);
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(age).unwrap();
        }
        let left: Vec<bool> = (0..6).map(|offset| dir.join(format!("torn.log.1.{offset}")).exists()).collect();
        assert_eq!(left, [false, false, true, true, true, true]);
        assert_eq!(left.iter().filter(|left| **left).count(), COPIES_MAX);
        assert!(copy_torn(&Files::Real, &dir.join("none"), &Torn { file: file.clone(), offset: 0, bytes: 1 }).is_err());
        // Not all that was torn is there any more.
        assert!(copy_torn(&Files::Real, &dir, &Torn { file, offset: 9, bytes: 6 }).is_err());
        assert!(!dir.join("torn.log.1.9").exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_former_copy_stays_where_the_next_one_has_no_space() {
        let machine = FileSystem::new(1);
        let (files, directory) = (Files::Simulated(machine.clone()), Path::new("/log"));
        files.create_dir(directory).unwrap();
        let file = directory.join("log.1");
        files.open(&file, Access::Replace).unwrap().write_all_at(b"good, and torn", 0).unwrap();
        let torn = Torn { file, offset: 6, bytes: 8 };
        let path = copy_torn(&files, directory, &torn).unwrap();
        machine.set_space(0);
        assert!(copy_torn(&files, directory, &torn).is_err());
        assert_eq!(files.read(&path, 100).unwrap(), b"and torn");
        assert_eq!(files.list(directory).unwrap().len(), 2);
    }
}
