//! Whether the files are still where they belong: a person can remove or move them while the server runs.
//!
//! What is lost with the open segment of the log cannot be made good: nobody could be told of a write any more, so the
//! server ends. Whatever else is gone is still in memory, all of it: it is put back, by a snapshot at once.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_engine::io::create_dir;
use paddock_engine::log::milestone_path;
use paddock_engine::snapshot::{snapshot_dir, snapshot_path};

use super::{Replica, ReplicaError};

const LOOKS_APART: Duration = Duration::from_secs(1);

/// The files of the `dataDir` that a running server does not have open.
pub struct Files {
    data_dir: PathBuf,
    milestone: PathBuf,
    newest_snapshot: Option<PathBuf>,
    next_look: Instant,
}

impl Files {
    /// `snapshot` is the newest one.
    pub fn new(data_dir: &Path, snapshot: Option<Zxid>) -> Files {
        Files {
            data_dir: data_dir.to_owned(),
            milestone: milestone_path(data_dir),
            newest_snapshot: snapshot.map(|zxid| snapshot_path(data_dir, zxid)),
            next_look: Instant::now(),
        }
    }

    /// A newer snapshot is in place.
    pub fn note_snapshot(&mut self, zxid: Zxid) {
        self.newest_snapshot = Some(snapshot_path(&self.data_dir, zxid));
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next_look;
        if is_due {
            self.next_look = now + LOOKS_APART;
        }
        is_due
    }

    /// A file that is gone; it is told once.
    fn take_lost(&mut self) -> Option<PathBuf> {
        // A directory that cannot be looked into for a moment has lost nothing yet.
        let is_lost = |path: &PathBuf| matches!(path.try_exists(), Ok(false));
        if is_lost(&self.milestone) {
            return Some(self.milestone.clone());
        }
        self.newest_snapshot.take_if(|path| is_lost(path))
    }
}

impl Replica {
    /// Looks after the files, about once a second.
    pub(super) fn see_to_files(&mut self) -> Result<(), ReplicaError> {
        if !self.files.is_due(self.now) {
            return Ok(());
        }
        self.log.see_in_place()?;
        if let Some(lost) = self.files.take_lost().or_else(|| self.log.take_lost_segment()) {
            tracing::error!(
                "{} was removed or moved away while the server runs; what it told is put back by a snapshot",
                lost.display()
            );
            let directory = snapshot_dir(&self.files.data_dir);
            if let Err(error) = create_dir(&directory) {
                tracing::error!(%error, directory = %directory.display(), "the directory cannot be put back");
            }
            self.log.renew_milestone();
            self.trigger.hurry();
        }
        Ok(())
    }
}
