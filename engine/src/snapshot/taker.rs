//! Taking snapshots, a step at a time: a thread drives it, or the scheduler of a simulation.
//!
//! ```text
//! begun -> written beside -> waits until what it holds is kept -> in place -> older ones removed -> their space given back
//! ```
//!
//! A snapshot that fails is no reason to stop: the log has everything, and the next one may succeed.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;

use super::directory::{Purged, purge, snapshot_dir};
use super::loader::check;
use super::writer::{WrittenSnapshot, write};
use crate::io::{Files, Removed, advice};
use crate::progress::Progress;
use crate::tree::Pin;

/// Where and how snapshots are kept.
#[derive(Clone, Debug)]
pub struct Settings {
    pub files: Files,
    pub data_dir: PathBuf,
    /// Snapshots that stay when a new one is in place; `None` keeps all.
    pub retain: Option<usize>,
}

/// A version that is held until it has been written.
pub struct HeldVersion {
    pub pin: Pin,
    /// Its last transaction.
    pub zxid: Zxid,
    /// The sessions that lived at its end, with their timeouts, ms.
    pub sessions: Vec<(i64, i32)>,
}

/// A snapshot that is in place.
#[derive(Debug)]
pub struct Done {
    pub zxid: Zxid,
    pub millis: u64,
    /// The log is not needed up to here any more.
    pub oldest_kept: Option<Zxid>,
}

/// Takes one snapshot at a time.
pub struct Taker {
    settings: Settings,
    stage: Stage,
    /// What has become of the last version, until it is asked for: `None` inside if there is no snapshot.
    outcome: Option<Option<Done>>,
    /// Removed files whose space is given back.
    removed: Vec<Removed>,
    /// The last one failed, which was told.
    is_failing: bool,
}

enum Stage {
    Idle,
    Begun(HeldVersion),
    /// Its writing began at `since`.
    Written {
        zxid: Zxid,
        since: Instant,
        written: WrittenSnapshot,
        is_kept: bool,
    },
}

impl Taker {
    pub fn new(settings: Settings) -> Taker {
        Taker { settings, stage: Stage::Idle, outcome: None, removed: Vec::new(), is_failing: false }
    }

    /// Begins with a snapshot of this version.
    ///
    /// # Panics
    /// If another one is being taken.
    pub fn begin(&mut self, version: HeldVersion) {
        assert!(matches!(self.stage, Stage::Idle), "one snapshot at a time");
        self.stage = Stage::Begun(version);
    }

    /// Whether it is written, and counts as soon as it is known that what it holds is kept.
    pub fn waits_until_kept(&self) -> bool {
        matches!(self.stage, Stage::Written { is_kept: false, .. })
    }

    /// Everything in the snapshot is committed and durable: it may be put in place.
    pub fn note_kept(&mut self) {
        if let Stage::Written { is_kept, .. } = &mut self.stage {
            *is_kept = true;
        }
    }

    /// What it holds will not be kept for now: it is thrown away.
    pub fn give_up(&mut self) {
        if !matches!(self.stage, Stage::Idle) {
            (self.stage, self.outcome) = (Stage::Idle, Some(None));
        }
    }

    /// What has become of the last version, once; `None` inside if there is no snapshot.
    pub fn take_outcome(&mut self) -> Option<Option<Done>> {
        self.outcome.take()
    }

    /// Takes a step. `go_on` is asked in long ones; `false` gives up. The step that writes a version writes all of it.
    pub fn work(&mut self, now: Instant, go_on: &mut dyn FnMut() -> bool) -> Progress {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Begun(version) => {
                let zxid = version.zxid;
                match self.write(version, go_on) {
                    Ok(written) => self.stage = Stage::Written { zxid, since: now, written, is_kept: false },
                    Err(error) => self.fail(zxid, &error),
                }
                Progress::More
            }
            Stage::Written { zxid, since, written, is_kept: true } => {
                match self.place(zxid, written, now.saturating_duration_since(since), go_on) {
                    Ok(done) => self.outcome = Some(Some(done)),
                    Err(error) => self.fail(zxid, &error),
                }
                Progress::More
            }
            waiting @ Stage::Written { .. } => {
                self.stage = waiting;
                Progress::Waits { until: None }
            }
            Stage::Idle => self.give_back(go_on),
        }
    }

    fn write(&self, version: HeldVersion, go_on: &mut dyn FnMut() -> bool) -> io::Result<WrittenSnapshot> {
        let Settings { files, data_dir, .. } = &self.settings;
        let HeldVersion { pin, zxid, sessions } = version;
        write(files, data_dir, &pin.view(), zxid, &pin.seed(), &sessions, go_on)
    }

    fn place(
        &mut self,
        zxid: Zxid,
        written: WrittenSnapshot,
        time: Duration,
        go_on: &mut dyn FnMut() -> bool,
    ) -> io::Result<Done> {
        let (znodes, bytes) = (written.znodes, written.bytes);
        let path = written.publish()?;
        let millis = time.as_millis() as u64;
        self.is_failing = false;
        tracing::info!(%zxid, znodes, bytes, millis, file = %path.display(), "snapshot written");
        Ok(Done { zxid, millis, oldest_kept: self.purge(go_on) })
    }

    fn purge(&mut self, go_on: &mut dyn FnMut() -> bool) -> Option<Zxid> {
        let Settings { files, data_dir, retain, .. } = &self.settings;
        match purge(files, data_dir, (*retain)?, |path| go_on() && check(files, path).is_ok()) {
            Ok(Purged { oldest_kept, removed }) => {
                self.removed = removed;
                oldest_kept
            }
            Err(error) => {
                tracing::error!(%error, directory = %data_dir.display(), "old snapshots could not be removed");
                None
            }
        }
    }

    fn fail(&mut self, zxid: Zxid, error: &io::Error) {
        // The next one that succeeds tells of the end.
        if error.kind() != ErrorKind::Interrupted && !std::mem::replace(&mut self.is_failing, true) {
            let directory = snapshot_dir(&self.settings.data_dir);
            let what_to_do = advice(error);
            tracing::error!(%error, %zxid, directory = %directory.display(), "the snapshot could not be written; the log keeps growing until one can: {what_to_do}");
        }
        self.outcome = Some(None);
    }

    /// A piece at a time. A stop does not wait for it.
    fn give_back(&mut self, go_on: &mut dyn FnMut() -> bool) -> Progress {
        if !go_on() {
            self.removed.clear();
        }
        if let Some(last) = self.removed.last_mut()
            && !last.shrink()
        {
            self.removed.pop();
        }
        if self.removed.is_empty() { Progress::Waits { until: None } } else { Progress::More }
    }
}
