//! A server's files, as they are at one moment. None of them is locked, and none is changed.

use std::path::{Path, PathBuf};

use paddock_consensus::{Epoch, Zxid};

use super::error::BackupError;
use crate::epoch_files::EpochFiles;
use crate::generation::{self, Generation, GenerationError};
use crate::io::Files;
use crate::log::{FoundMilestone, segment_count};
use crate::snapshot::{self, snapshot_dir};

/// The directories of a server, as its configuration has them.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub files: &'a Files,
    pub data_dir: &'a Path,
    /// The `dataLogDir`, which may be the same.
    pub log_dir: &'a Path,
}

/// What there is of the generation that counts.
#[derive(Debug)]
pub(super) struct Found {
    generation: Generation,
    /// What stands for the `dataDir` and the `dataLogDir` in it.
    pub data: PathBuf,
    pub log: PathBuf,
    /// The oldest first.
    pub snapshots: Vec<(Zxid, PathBuf)>,
}

impl Source<'_> {
    /// Sees that there is something to be copied.
    ///
    /// # Errors
    /// [`Nothing`](BackupError::Nothing), [`LogElsewhere`](BackupError::LogElsewhere), and of the generation.
    pub fn see(&self) -> Result<(), BackupError> {
        self.find().map(drop)
    }

    /// Looks at what there is.
    pub(super) fn find(&self) -> Result<Found, BackupError> {
        let Source { files, data_dir, log_dir } = *self;
        let generation = generation::present(files, data_dir, log_dir)?;
        let (data, log) = (generation.dir(data_dir), generation.dir(log_dir));
        let inside = snapshot_dir(&data);
        if !files.exists(&inside).map_err(BackupError::io("look at", &inside))? {
            return Err(BackupError::Nothing { directory: data_dir.to_owned() });
        }
        let noted = FoundMilestone::read(files, &data)?;
        if let Some(noted) = noted.milestone().filter(|noted| noted.segment > 0)
            && segment_count(files, &log)? == 0
        {
            let was_in = Generation::above(&noted.dir).to_owned();
            return Err(BackupError::LogElsewhere { dir: log_dir.to_owned(), was_in });
        }
        let snapshots = snapshot::list(files, &data).map_err(BackupError::io("list the snapshots in", &inside))?;
        Ok(Found { generation, data, log, snapshots })
    }

    /// Whether what was found still counts.
    pub(super) fn still_has(&self, found: &Found) -> Result<bool, BackupError> {
        match generation::present(self.files, self.data_dir, self.log_dir) {
            Ok(present) => Ok(present == found.generation),
            // The next look at all of it says what is wrong.
            Err(GenerationError::Gone { .. } | GenerationError::Missing { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The newest epoch that the server has promised to follow; 0 for one that stands alone, or if nothing tells.
    pub(super) fn epoch(&self) -> Epoch {
        let epochs = EpochFiles::read(self.files, self.data_dir).ok();
        epochs.and_then(|epochs| epochs.accepted().max(epochs.current())).unwrap_or(Epoch(0))
    }
}
