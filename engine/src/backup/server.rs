//! Where a server keeps which [`Owner`] it is: its number in the `dataDir`, and `myid`.
//!
//! ```text
//! <dataDir>/paddock.server   32 hexadecimal digits and a line feed
//! ```
//!
//! The first backup of a server makes the file; it is the one thing that a backup writes to a server's directories. It belongs to
//! the server and not to one of its histories, so that it stays where the server takes another state, and goes with the data where
//! these are lost. Where a `dataDir` was copied to begin another server, the two have different numbers in `myid`.

use std::io::ErrorKind;
use std::path::Path;

use super::error::BackupError;
use super::owner::{DIGITS, Owner, number_of};
use crate::io::Files;

const FILE: &str = "paddock.server";
const MY_ID: &str = "myid";
/// No `myid` is longer, bytes.
const MY_ID_BYTES_MAX: usize = 64;

/// Reads who a server is, and makes its number durably where there is none yet. Of two that make the first one at a time that of
/// the later one stays; a directory that has noted the other refuses the next backup, and says what to do.
pub(super) fn owner_of(files: &Files, data_dir: &Path) -> Result<Owner, BackupError> {
    let (file, member) = (data_dir.join(FILE), member_of(files, &data_dir.join(MY_ID))?);
    let number = match files.read(&file, DIGITS + 2) {
        Ok(text) => parse(&text).ok_or_else(|| BackupError::Damaged {
            file: file.clone(),
            what: "it has no number of a server; remove it, and take the next backup with `paddock backup --take-over`"
                .to_owned(),
        })?,
        Err(error) if error.kind() == ErrorKind::NotFound => make(files, &file)?,
        Err(error) => return Err(BackupError::io("read", &file)(error)),
    };
    Ok(Owner { number, member })
}

fn make(files: &Files, file: &Path) -> Result<u128, BackupError> {
    let half = || match files {
        Files::Real | Files::Private => {
            getrandom::u64().map_err(|error| BackupError::io("draw a random number for", file)(error.into()))
        }
        Files::Simulated(machine) => Ok(machine.draw()),
    };
    let number = u128::from(half()?) << 64 | u128::from(half()?);
    let text = format!("{number:032x}\n");
    files.write_atomically(file, text.as_bytes()).map_err(BackupError::io("write", file))?;
    Ok(number)
}

fn parse(text: &[u8]) -> Option<u128> {
    number_of(std::str::from_utf8(text).ok()?.strip_suffix('\n')?)
}

/// What is no number says nothing here: the server itself refuses it.
fn member_of(files: &Files, file: &Path) -> Result<Option<u64>, BackupError> {
    match files.read(file, MY_ID_BYTES_MAX) {
        Ok(text) => Ok(std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BackupError::io("read", file)(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{FILE, MY_ID, owner_of};
    use crate::backup::BackupError;
    use crate::backup::owner::Owner;
    use crate::io::Files;
    use crate::io::simulated::FileSystem;

    #[test]
    fn a_server_is_the_same_as_long_as_it_has_its_data_and_its_myid() {
        let files = Files::Simulated(FileSystem::new(1));
        let (one, other) = (Path::new("/one"), Path::new("/other"));
        [one, other].iter().for_each(|directory| files.create_dir(directory).unwrap());
        let alone = owner_of(&files, one).unwrap();
        assert_eq!(owner_of(&files, one).unwrap(), alone);
        assert!(!alone.is_same(owner_of(&files, other).unwrap()));
        files.write_atomically(&one.join(MY_ID), b" 3\n").unwrap();
        let member = owner_of(&files, one).unwrap();
        assert!(member.member == Some(3) && member.is_same(alone) && alone.is_same(member));
        // A copy of its directory is another one.
        files.write_atomically(&one.join(MY_ID), b"4").unwrap();
        assert!(!owner_of(&files, one).unwrap().is_same(member));
        for id in [alone, member] {
            let text = id.text();
            let words: Vec<&str> = text.split(' ').collect();
            assert_eq!(Owner::read(words[0], words[2]), Some(id));
        }
        files.write_atomically(&one.join(FILE), b"00\n").unwrap();
        let error = owner_of(&files, one).unwrap_err();
        assert!(matches!(&error, BackupError::Damaged { .. }) && error.to_string().contains("--take-over"), "{error}");
    }
}
