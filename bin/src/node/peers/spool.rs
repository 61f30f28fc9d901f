//! A whole state for learners that lack too much, in a file, as ZooKeeper sends it (SNAP).
//!
//! The state is written once, at the speed of the disk, and lets go of its version then. Every link that needs a state is sent
//! the file at its own pace, and after it the history from there on, which stays in the log as long as the file is of use. So
//! a slow learner holds no version. A file is of use until the log has grown by a third of its size since.
//!
//! The file has no name once it is written: it goes with the last link that is sent it, and with the process at the latest.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, bounded};
use paddock_consensus::Zxid;
use paddock_engine::io::{Access, File, Files, Sequential};
use paddock_engine::log::Hold;
use paddock_engine::progress::Progress;
use paddock_engine::snapshot::HeldVersion;
use paddock_engine::zookeeper::{OutputArchive, stream};

use crate::node::snapshotter::DrivenBy;

/// The name of the file while it is written, in the `dataDir`.
const NAME: &str = "snap.spool";
/// Of the size of a state, so much may the log grow before another one is written.
const FRESH_SHARE: u64 = 3;
/// And so much at least, bytes: whoever waits for a small state has the time to take it.
const GROWTH_MIN: u64 = 4 << 20;

/// A state that is written.
#[derive(Debug)]
pub struct Spool {
    pub file: Arc<File>,
    pub bytes: u64,
    /// Where the state stands.
    pub zxid: Zxid,
    /// How much the log has grown since, bytes.
    grown: u64,
    /// Keeps the history behind the state.
    _hold: Hold,
}

/// Has states written, one at a time.
pub struct Spooler {
    files: Files,
    path: PathBuf,
    driven_by: DrivenBy,
    stage: Stage,
    /// The newest that is written.
    spool: Option<Spool>,
}

enum Stage {
    Idle,
    /// Where no thread does it.
    Begun(Box<HeldVersion>, Hold),
    /// A thread does.
    Writing {
        zxid: Zxid,
        hold: Hold,
        written: Receiver<io::Result<(File, u64)>>,
        thread: JoinHandle<()>,
    },
}

impl Spooler {
    /// The file is in this directory. One that a former process has left is removed.
    pub fn new(files: Files, data_dir: &Path, driven_by: DrivenBy) -> Spooler {
        let path = data_dir.join(NAME);
        // Where there is none, or none can be removed, the next one is written over it or fails.
        let _ = files.unlink(&path);
        Spooler { files, path, driven_by, stage: Stage::Idle, spool: None }
    }

    /// The newest state that is written.
    pub fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// Whether no state is being written.
    pub fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// The log has grown by so many bytes. A state that is no longer of use is let go.
    pub fn note_growth(&mut self, bytes: u64) {
        if let Some(spool) = &mut self.spool {
            spool.grown += bytes;
            if spool.grown > (spool.bytes / FRESH_SHARE).max(GROWTH_MIN) {
                self.spool = None;
            }
        }
    }

    /// Nobody needs what there is: another history takes its place, perhaps.
    pub fn clear(&mut self) {
        self.spool = None;
    }

    /// Has this version written. `hold` keeps the log behind it.
    ///
    /// # Panics
    /// If one is being written.
    pub fn begin(&mut self, version: HeldVersion, hold: Hold) {
        assert!(self.is_idle(), "one state at a time");
        let DrivenBy::Thread(bell) = &self.driven_by else {
            self.stage = Stage::Begun(Box::new(version), hold);
            return;
        };
        let (zxid, bell) = (version.zxid, bell.clone());
        let (done, written) = bounded(1);
        let (files, path) = (self.files.clone(), self.path.clone());
        let run = move || {
            let outcome = write(&files, &path, version);
            // Nobody waits for it where the node has ended.
            let _ = done.send(outcome);
            bell.ring();
        };
        match std::thread::Builder::new().name("spooler".into()).spawn(run) {
            Ok(thread) => self.stage = Stage::Writing { zxid, hold, written, thread },
            Err(error) => self.note_failure(&error),
        }
    }

    /// Takes a step, where no thread does. It writes all of a state, however large.
    pub fn work(&mut self) -> Progress {
        if let Stage::Begun(..) = &self.stage
            && let Stage::Begun(version, hold) = std::mem::replace(&mut self.stage, Stage::Idle)
        {
            let zxid = version.zxid;
            let outcome = write(&self.files, &self.path, *version);
            self.take_in(zxid, hold, outcome);
            return Progress::More;
        }
        Progress::Waits { until: None }
    }

    /// Takes in what a thread has written. Whether one is there, or has failed.
    pub fn poll(&mut self) -> bool {
        let Stage::Writing { written, .. } = &self.stage else { return false };
        let Ok(outcome) = written.try_recv() else { return false };
        if let Stage::Writing { zxid, hold, thread, .. } = std::mem::replace(&mut self.stage, Stage::Idle) {
            if thread.join().is_err() {
                tracing::error!("the spooler had panicked");
            }
            self.take_in(zxid, hold, outcome);
        }
        true
    }

    fn take_in(&mut self, zxid: Zxid, hold: Hold, outcome: io::Result<(File, u64)>) {
        match outcome {
            Ok((file, bytes)) => self.spool = Some(Spool { file: Arc::new(file), bytes, zxid, grown: 0, _hold: hold }),
            Err(error) => self.note_failure(&error),
        }
    }

    fn note_failure(&self, error: &io::Error) {
        tracing::error!(
            "the state for learners that lack too much cannot be written to {}, and is tried again: {error}; is there \
             space in the dataDir?",
            self.path.display()
        );
    }
}

/// Writes a state and what ends it. The file has no name any more then. Returns it with how many bytes it has.
fn write(files: &Files, path: &Path, version: HeldVersion) -> io::Result<(File, u64)> {
    let HeldVersion { pin, sessions, .. } = version;
    let mut archive = OutputArchive::new(Sequential::new(files.open(path, Access::Replace)?));
    let written = stream::write(&mut archive, &pin.view(), &sessions)
        .and_then(|()| stream::write_signature(&mut archive))
        .and_then(|()| archive.finish());
    drop(pin);
    let reader = written.and_then(|_| files.open(path, Access::Read));
    files.unlink(path)?;
    let reader = reader?;
    let bytes = reader.length()?;
    Ok((reader, bytes))
}
