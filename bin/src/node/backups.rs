//! The thread that takes backups, where the configuration names a directory for them. It reads the server's files as a command
//! in another process does, so that nobody is asked for anything, and nobody waits for it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use paddock_engine::backup::{
    BackupDirectory, BackupError, HISTORIES_KEPT, Keep, Observer, Source, Taken, read_index, take,
};
use paddock_engine::io::Files;
use paddock_net::status::{BackupStatus, Status};

use crate::backup::Patience;
use crate::config::BackupSchedule;

/// After a start, and after a backup that could not be taken, the next one is not tried earlier.
const FIRST: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(60);
/// After so many bytes the disk is left to the log for a moment.
const PIECE_BYTES: u64 = 4 << 20;
const PAUSE: Duration = Duration::from_millis(10);

/// The thread. It is told to end when this is dropped, and is not waited for: what it has not finished does not count.
pub struct Backups {
    _stop: Sender<()>,
}

impl Backups {
    /// Starts it. `data_dir` and `log_dir` are the directories themselves, not those of a generation.
    pub fn start(
        schedule: &BackupSchedule,
        data_dir: &Path,
        log_dir: &Path,
        status: Arc<Status>,
    ) -> io::Result<Backups> {
        let (stop, stopped) = bounded(0);
        let (schedule, data_dir, log_dir) = (schedule.clone(), data_dir.to_owned(), log_dir.to_owned());
        let worker = Worker { schedule, data_dir, log_dir, status, stopped, is_failing: false };
        std::thread::Builder::new().name("backups".into()).spawn(move || worker.run())?;
        Ok(Backups { _stop: stop })
    }
}

struct Worker {
    schedule: BackupSchedule,
    data_dir: PathBuf,
    log_dir: PathBuf,
    status: Arc<Status>,
    /// Nothing is sent; it is closed when the server stops.
    stopped: Receiver<()>,
    /// The last one could not be taken, which was told.
    is_failing: bool,
}

impl Worker {
    fn run(mut self) {
        let mut wait = self.first_wait(SystemTime::now());
        while self.stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            let began = Instant::now();
            wait = match self.take() {
                Ok(taken) => {
                    self.tell(&taken, began.elapsed());
                    self.schedule.interval.saturating_sub(began.elapsed())
                }
                Err(BackupError::GivenUp) => return,
                Err(error) => {
                    self.fail(&error);
                    self.schedule.interval.min(RETRY)
                }
            };
        }
    }

    /// Until the interval is over since the newest backup that there is.
    fn first_wait(&self, now: SystemTime) -> Duration {
        let found = read_index(&Files::Real, &self.schedule.dir).ok();
        let newest = found.and_then(|found| found.index.backups.last().map(|backup| backup.taken));
        let now_ms = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        wait_since(newest, now_ms, self.schedule.interval)
    }

    fn take(&self) -> Result<Taken, BackupError> {
        let Worker { schedule, data_dir, log_dir, stopped, .. } = self;
        let source = Source { files: &Files::Real, data_dir, log_dir };
        source.see()?;
        let mut directory = BackupDirectory::open(&Files::Real, &schedule.dir)?;
        let keep = Keep { count: Some(schedule.keep), days: None, histories: HISTORIES_KEPT };
        take(&source, &mut directory, keep, &mut Pace { stopped, bytes: 0, patience: Patience::default() })
    }

    fn tell(&mut self, taken: &Taken, took: Duration) {
        let Taken { backup, log, diverged, remarks, .. } = taken;
        let directory = self.schedule.dir.display();
        if std::mem::take(&mut self.is_failing) {
            tracing::info!("backups are taken again");
        }
        for remark in remarks {
            tracing::warn!("backup {}: {remark}", backup.number);
        }
        if let Some(why) = diverged {
            tracing::warn!(
                "backup {} in {directory} begins another history, which cannot be come to from the one before: {why}",
                backup.number
            );
        }
        let (transactions, millis) = (log.map_or(0, |log| log.records), took.as_millis() as u64);
        tracing::info!(number = backup.number, last = %backup.last, transactions, millis, %directory, "backup taken");
        let BackupStatus { taken, fails, at_millis, millis: took_millis } = &self.status.backups;
        taken.add(1);
        fails.set(0);
        at_millis.set(u64::try_from(backup.taken).unwrap_or(0));
        took_millis.set(millis);
    }

    fn fail(&mut self, error: &BackupError) {
        self.status.backups.fails.set(1);
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::error!(
                "no backup could be taken, and those before it are as they were; it is tried again: {error}"
            );
        }
    }
}

/// `newest` and `now` in ms of the wall clock, which may have been set.
fn wait_since(newest: Option<i64>, now: i64, interval: Duration) -> Duration {
    let since = newest.map(|newest| Duration::from_millis(u64::try_from(now.saturating_sub(newest)).unwrap_or(0)));
    since.map_or(FIRST, |since| interval.saturating_sub(since).max(FIRST))
}

/// Leaves the disk to others, and gives up when the server stops.
struct Pace<'a> {
    stopped: &'a Receiver<()>,
    /// Since the last pause.
    bytes: u64,
    patience: Patience,
}

impl Pace<'_> {
    /// `false` once the server stops.
    fn pause(&self, time: Duration) -> bool {
        self.stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}

impl Observer for Pace<'_> {
    fn expect(&mut self, _: u64) {}

    fn note(&mut self, bytes: u64) -> bool {
        self.bytes += bytes;
        if self.bytes < PIECE_BYTES {
            return true;
        }
        self.bytes = 0;
        self.pause(PAUSE)
    }

    fn wait(&mut self) -> bool {
        self.patience.next(Instant::now()).is_some_and(|time| self.pause(time))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FIRST, wait_since};

    #[test]
    fn the_first_one_waits_for_the_rest_of_the_interval() {
        let hour = Duration::from_secs(3600);
        assert_eq!(wait_since(None, 0, hour), FIRST);
        assert_eq!(wait_since(Some(0), 3_000_000, hour), Duration::from_secs(600));
        assert_eq!(wait_since(Some(0), 9_000_000, hour), FIRST);
        assert_eq!(wait_since(Some(9_000_000), 0, hour), hour, "the clock was set back");
    }
}
