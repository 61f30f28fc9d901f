//! The two files in which a ZooKeeper of an ensemble remembers epochs. A standalone one has neither, and minds none.

use std::io::{self, ErrorKind};
use std::path::Path;

use paddock_consensus::{Epoch, Zxid};

use crate::epoch_files::{self, ACCEPTED, CURRENT, EpochError};
use crate::io::Files;

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
        let read = |name: &str| epoch_files::read(files, &directory.join(name)).map_err(with_name);
        Ok(Epochs { accepted: read(ACCEPTED)?, current: read(CURRENT)? })
    }

    /// Replaces the files, the accepted epoch first: it is never below the other.
    pub fn write(&self, files: &Files, directory: &Path) -> io::Result<()> {
        for (name, epoch) in [(ACCEPTED, self.accepted), (CURRENT, self.current)] {
            if let Some(epoch) = epoch {
                epoch_files::write(files, &directory.join(name), epoch)?;
            }
        }
        Ok(())
    }
}

fn with_name(error: EpochError) -> io::Error {
    match error {
        EpochError::Io { path, source } => io::Error::new(source.kind(), format!("{}: {source}", path.display())),
        EpochError::Damaged { path } | EpochError::Lost { path, .. } | EpochError::Fallen { path, .. } => {
            io::Error::new(ErrorKind::InvalidData, format!("{} has no epoch in it", path.display()))
        }
    }
}
