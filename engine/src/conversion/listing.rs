//! What tells at a glance whether files have changed.

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use crate::io::Files;

/// Equal for the same names, lengths and times of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listing(pub(super) u32);

impl Listing {
    /// That of some files, in whatever order. One that is gone is none.
    pub fn of(files: &Files, mut paths: Vec<PathBuf>) -> io::Result<Listing> {
        paths.sort_unstable();
        let mut checksum = 0;
        let mut note = |bytes: &[u8]| checksum = crc32c::crc32c_append(checksum, bytes);
        for path in &paths {
            let found = match files.metadata(path) {
                Ok(found) => found,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // Times before 1970 are all one.
            let modified = found.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
            note(path.file_name().unwrap_or_default().as_bytes());
            note(&found.bytes.to_le_bytes());
            note(&modified.as_nanos().to_le_bytes());
        }
        Ok(Listing(checksum))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use super::Listing;
    use crate::io::Files;

    #[test]
    fn a_listing_tells_each_change() {
        let dir = std::env::temp_dir().join(format!("paddock-listing-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        let (one, two) = (dir.join("log.1"), dir.join("log.2"));
        let listing = || Listing::of(&Files::Real, vec![two.clone(), one.clone()]).unwrap();
        let mut seen = vec![listing()];
        let mut changed = |what: &str| {
            let now = listing();
            assert_eq!(now, listing());
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        };
        fs::write(&one, b"1").unwrap();
        changed("a file came");
        fs::write(&two, b"22").unwrap();
        changed("another came");
        let later = SystemTime::now() + Duration::from_secs(9);
        fs::File::options().write(true).open(&two).unwrap().set_modified(later).unwrap();
        changed("it was written to");
        fs::write(&two, b"333").unwrap();
        changed("it is longer");
        fs::remove_file(&one).unwrap();
        changed("one went");
        fs::remove_dir_all(&dir).unwrap();
    }
}
