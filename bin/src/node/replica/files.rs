//! Whether the files are still where they belong: a person can remove or move them while the server runs.
//!
//! What is lost with the open segment of the log cannot be made good: nobody could be told of a write any more, so the
//! server ends; likewise when the `dataDir` itself has gone, because its lock went with it. Other files that are gone were
//! of what is still in memory, all of it: it is put back, by a snapshot at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_engine::generation::{Generation, GenerationFile};
use paddock_engine::io::DataDir;
use paddock_engine::log::{Log, LostSegment, milestone_path};
use paddock_engine::snapshot::{self, snapshot_dir, snapshot_path};

use super::error::ReplicaError;

const LOOKS_APART: Duration = Duration::from_secs(1);

/// A segment is not missed that so many snapshots make needless: nobody removes more than `paddock toolkit cleanup` does.
const SNAPSHOTS_MIN: usize = 3;

/// The files of the `dataDir` that a running server does not have open.
pub struct FilesInPlace {
    data_dir: Arc<DataDir>,
    /// The present one, if that is known.
    generation: Option<Generation>,
    /// Its directory.
    dir: PathBuf,
    milestone: PathBuf,
    /// It was told that the milestone is gone, and it has not come back yet.
    is_milestone_lost: bool,
    newest_snapshot: Option<PathBuf>,
    /// Something was lost, and no snapshot has come into place since.
    is_snapshot_due: bool,
    /// When the files are looked at next; `None` before the first look, which is at the first turn.
    next_look: Option<Instant>,
}

impl FilesInPlace {
    /// `generation` is the present one, and `snapshot` the newest.
    pub fn new(data_dir: Arc<DataDir>, generation: Generation, snapshot: Option<Zxid>) -> FilesInPlace {
        let dir = generation.dir(data_dir.path());
        FilesInPlace {
            milestone: milestone_path(&dir),
            is_milestone_lost: false,
            newest_snapshot: snapshot.map(|zxid| snapshot_path(&dir, zxid)),
            is_snapshot_due: false,
            next_look: None,
            data_dir,
            generation: Some(generation),
            dir,
        }
    }

    /// Of a server without a history of its own: its files are in a generation that does not count, beside the present one.
    pub fn beside(data_dir: Arc<DataDir>, present: Option<Generation>, unfinished: Generation) -> FilesInPlace {
        FilesInPlace { generation: present, ..FilesInPlace::new(data_dir, unfinished, None) }
    }

    /// Another history has taken the place of the one before, in a generation that begins with the snapshot of `zxid`. Returns
    /// its directory.
    pub fn move_to(&mut self, generation: Generation, zxid: Zxid) -> &Path {
        *self = FilesInPlace::new(self.data_dir.clone(), generation, Some(zxid));
        &self.dir
    }

    /// The directory of the present generation.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A newer snapshot is in place.
    pub fn note_snapshot(&mut self, zxid: Zxid) {
        self.newest_snapshot = Some(snapshot_path(&self.dir, zxid));
        self.is_snapshot_due = false;
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.next_look.is_none_or(|next| now >= next);
        if is_due {
            self.next_look = Some(now + LOOKS_APART);
        }
        is_due
    }

    /// Where the directory is another one by now, its lock is not ours, and neither is what lies there.
    fn see_directory_in_place(&self) -> Result<(), ReplicaError> {
        match self.data_dir.is_in_place() {
            Ok(true) => Ok(()),
            Ok(false) => Err(ReplicaError::DirectoryGone { path: self.data_dir.path().to_owned() }),
            Err(error) => {
                let path = self.data_dir.path().display();
                tracing::warn!(%error, "it cannot be seen whether {path} is in place");
                Ok(())
            }
        }
    }

    /// A start needs the file that says which generation is present.
    fn keep_generation(&self) {
        let Some(generation) = self.generation else { return };
        let file = GenerationFile { files: self.data_dir.files(), data_dir: self.data_dir.path() };
        match file.put_back(generation) {
            Ok(None) => {}
            Ok(Some(file)) => {
                let file = file.display();
                tracing::error!("{file} was removed or moved away while the server runs; it is written again");
            }
            Err(error) => tracing::warn!(%error, "it cannot be seen to that a start finds the present generation"),
        }
    }

    /// A file that is gone; it is told once.
    fn take_lost(&mut self) -> Option<PathBuf> {
        // A directory that cannot be looked into for a moment has lost nothing yet.
        let is_lost = |path: &PathBuf| matches!(self.data_dir.files().exists(path), Ok(false));
        let was_lost = std::mem::replace(&mut self.is_milestone_lost, is_lost(&self.milestone));
        if self.is_milestone_lost && !was_lost {
            return Some(self.milestone.clone());
        }
        self.newest_snapshot.take_if(|path| is_lost(path))
    }

    /// Looks after the log's files and these, about once a second. Whether what was lost waits for a snapshot: until one is
    /// in place, however often it fails.
    pub fn look_after(&mut self, log: &mut Log, now: Instant) -> Result<bool, ReplicaError> {
        if !self.is_due(now) {
            return Ok(false);
        }
        log.see_at_its_path()?;
        self.see_directory_in_place()?;
        self.keep_generation();
        if let Some(lost) = self.take_lost() {
            self.put_back(&lost);
            log.renew_milestone();
        }
        log.note_rest();
        if let Some(lost) = log.take_lost_segment() {
            if self.is_purged(&lost) {
                tracing::info!("{} was removed, and is not needed any more", lost.path.display());
            } else {
                self.put_back(&lost.path);
                log.move_end()?;
            }
        }
        Ok(self.is_snapshot_due)
    }

    /// Whether all that a segment told is in every snapshot.
    fn is_purged(&self, lost: &LostSegment) -> bool {
        let snapshots = snapshot::list(self.data_dir.files(), &self.dir).unwrap_or_default();
        let oldest = snapshots.first().filter(|_| snapshots.len() >= SNAPSHOTS_MIN);
        oldest.zip(lost.last).is_some_and(|((oldest, _), last)| last <= *oldest)
    }

    fn put_back(&mut self, lost: &Path) {
        tracing::error!(
            "{} was removed or moved away while the server runs; what it told is put back by a snapshot",
            lost.display()
        );
        let directory = snapshot_dir(&self.dir);
        if let Err(error) = self.data_dir.files().create_dir(&directory) {
            tracing::error!(%error, directory = %directory.display(), "the directory cannot be put back");
        }
        self.is_snapshot_due = true;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use paddock_engine::database::{Database, Rules};
    use paddock_engine::generation::{self, NextGeneration, Succeeded};
    use paddock_engine::io::{DataDir, Files};
    use paddock_engine::log::LogConfig;
    use paddock_engine::tree::HashSeed;

    use super::FilesInPlace;

    #[test]
    fn the_file_that_names_the_generation_is_written_again() {
        let dir = std::env::temp_dir().join(format!("paddock-files-generation-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        let seed = HashSeed([7; 16]);
        let mut database = Database::new(seed, Rules::default());
        let next = NextGeneration::begin(LogConfig::new(&dir), &mut database, &seed).unwrap();
        let Succeeded { generation, mut log, .. } = next.succeed().unwrap();
        let data_dir = Arc::new(DataDir::open(&Files::Real, &dir, false).unwrap());
        let mut files = FilesInPlace::new(data_dir, generation, None);
        std::fs::remove_file(dir.join("paddock.generation")).unwrap();
        files.look_after(&mut log, Instant::now()).unwrap();
        assert_eq!(generation::present(&Files::Real, &dir, &dir).unwrap(), generation);
        log.close().unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
