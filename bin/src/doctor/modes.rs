//! Who of this machine may read and write a file, by modes alone: an ACL of the file system can only be seen in the mode of the
//! group, and who is in a group is not looked at.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
const OTHERS_ENTER: u32 = 0o001;
/// In a directory with it nobody removes what is another's.
const STICKY: u32 = 0o1000;

/// What others may do, who are neither the owner nor in the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Others {
    pub read: bool,
    pub write: bool,
    pub mode: u32,
}

/// A file or a directory, through links, where every directory above it is taken into account.
///
/// # Errors
/// If it cannot be looked at.
pub fn of(path: &Path) -> io::Result<Others> {
    let real = fs::canonicalize(path)?;
    let mode = fs::metadata(&real)?.mode() & 0o7777;
    let reached = reach(&real)?;
    let write = mode & OTHERS_WRITE != 0 && mode & STICKY == 0;
    Ok(Others { read: reached && mode & OTHERS_READ != 0, write: reached && write, mode: mode & 0o777 })
}

/// Whether others come as far as the directory that it is in.
fn reach(real: &Path) -> io::Result<bool> {
    for directory in real.ancestors().skip(1) {
        if fs::metadata(directory)?.mode() & OTHERS_ENTER == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::of;

    #[test]
    fn a_file_is_as_open_as_the_directories_above_it() {
        let dir = std::env::temp_dir().join(format!("paddock-modes-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let file = dir.join("key.pem");
        fs::write(&file, "k").unwrap();
        let mode = |path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        for (of_dir, of_file, read, write) in [
            (0o755, 0o600, false, false),
            (0o755, 0o640, false, false),
            (0o755, 0o644, true, false),
            (0o755, 0o646, true, true),
            (0o700, 0o666, false, false),
            (0o711, 0o644, true, false),
        ] {
            mode(&dir, of_dir);
            mode(&file, of_file);
            let others = of(&file).unwrap();
            assert_eq!((others.read, others.write), (read, write), "{of_dir:o} {of_file:o}");
        }
        mode(&dir, 0o1777);
        assert!(!of(&dir).unwrap().write, "as the directory of temporary files, where nobody removes another's");
        fs::remove_dir_all(&dir).unwrap();
        assert!(of(&file).is_err());
    }
}
