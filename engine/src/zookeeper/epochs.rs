//! The two files in which a ZooKeeper of an ensemble remembers epochs. A standalone one has neither, and minds none.

use std::io::{self, ErrorKind};
use std::path::Path;

use paddock_consensus::{Epoch, Zxid};

use crate::io::Files;

const ACCEPTED: &str = "acceptedEpoch";
const CURRENT: &str = "currentEpoch";
/// No epoch is longer, bytes.
const TEXT_MAX: usize = 64;

/// What the files say; `None` where one is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Epochs {
    /// The newest epoch that this server has promised to follow.
    pub accepted: Option<Epoch>,
    /// The newest epoch whose leader this server has followed, or been.
    pub current: Option<Epoch>,
}

impl Epochs {
    /// Those that a ZooKeeper takes where it finds a state and no files.
    pub fn of(zxid: Zxid) -> Epochs {
        Epochs { accepted: Some(zxid.epoch()), current: Some(zxid.epoch()) }
    }

    /// Reads the files of a directory.
    ///
    /// # Errors
    /// Of the file system; `InvalidData` where there is no epoch in a file. Each names the file.
    pub fn read(files: &Files, directory: &Path) -> io::Result<Epochs> {
        Ok(Epochs {
            accepted: read_one(files, &directory.join(ACCEPTED))?,
            current: read_one(files, &directory.join(CURRENT))?,
        })
    }

    /// Replaces the files, the accepted epoch first: it is never below the other.
    pub fn write(&self, files: &Files, directory: &Path) -> io::Result<()> {
        for (name, epoch) in [(ACCEPTED, self.accepted), (CURRENT, self.current)] {
            if let Some(Epoch(number)) = epoch {
                files.write_atomically(&directory.join(name), number.to_string().as_bytes())?;
            }
        }
        Ok(())
    }
}

/// The first line is a decimal number.
fn read_one(files: &Files, path: &Path) -> io::Result<Option<Epoch>> {
    let text = match files.read(path, TEXT_MAX) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    };
    let number: Option<i32> = text.lines().next().and_then(|line| line.parse().ok());
    match number.filter(|number| *number >= 0) {
        Some(number) => Ok(Some(Epoch(number))),
        None => Err(io::Error::new(ErrorKind::InvalidData, format!("{} has no epoch in it", path.display()))),
    }
}
