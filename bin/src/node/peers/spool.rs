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
use paddock_consensus::settings::Ms;
use paddock_engine::io::{Access, File, Files, Sequential, advice, is_shortage};
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
/// What had no room is tried again so much later.
const RETRY: Ms = Ms(5000);

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
    /// Whether the last one could not be written, and nobody has asked since.
    has_failed: bool,
    /// None could be written since that was told.
    is_failing: bool,
    /// There was no room, and it is tried again then; `None` until it is known how late it is.
    pause: Option<Option<Ms>>,
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
        /// Whether it is still of use.
        is_wanted: bool,
    },
}

impl Spooler {
    /// The file is in this directory. One that a former process has left is removed.
    pub fn new(files: Files, data_dir: &Path, driven_by: DrivenBy) -> Spooler {
        let path = data_dir.join(NAME);
        // Where there is none, or none can be removed, the next one is written over it or fails.
        let _ = files.unlink(&path);
        Spooler {
            files,
            path,
            driven_by,
            stage: Stage::Idle,
            spool: None,
            has_failed: false,
            is_failing: false,
            pause: None,
        }
    }

    /// The newest state that is written.
    pub fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// Whether no state is being written.
    pub fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Whether a state may be written now. Where there was no room it is tried again only after a while: whoever waits for one goes
    /// on waiting until then, instead of coming back for it again and again.
    pub fn may_begin(&mut self, now: Ms) -> bool {
        if let Some(until) = &mut self.pause {
            let until = *until.get_or_insert(now.after(RETRY));
            if now < until {
                return false;
            }
            self.pause = None;
        }
        self.is_idle()
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

    /// Nothing that is written or being written is of use: another history takes the place of this one, perhaps.
    pub fn clear(&mut self) {
        self.spool = None;
        match &mut self.stage {
            Stage::Writing { is_wanted, .. } => *is_wanted = false,
            stage => *stage = Stage::Idle,
        }
    }

    /// Whether a state could not be written since the last call.
    pub fn take_failure(&mut self) -> bool {
        std::mem::take(&mut self.has_failed)
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
            Ok(thread) => self.stage = Stage::Writing { zxid, hold, written, thread, is_wanted: true },
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

    /// Takes in what a thread has written.
    pub fn poll(&mut self) {
        let Stage::Writing { written, .. } = &self.stage else { return };
        let Ok(outcome) = written.try_recv() else { return };
        if let Stage::Writing { zxid, hold, thread, is_wanted, .. } = std::mem::replace(&mut self.stage, Stage::Idle) {
            if thread.join().is_err() {
                tracing::error!("the spooler had panicked");
            }
            if is_wanted {
                self.take_in(zxid, hold, outcome);
            }
        }
    }

    fn take_in(&mut self, zxid: Zxid, hold: Hold, outcome: io::Result<(File, u64)>) {
        match outcome {
            Ok((file, bytes)) => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("the state for learners that lack too much is written to {}", self.path.display());
                }
                self.spool = Some(Spool { file: Arc::new(file), bytes, zxid, grown: 0, _hold: hold });
            }
            Err(error) => self.note_failure(&error),
        }
    }

    fn note_failure(&mut self, error: &io::Error) {
        match is_shortage(error) {
            true => self.pause = Some(None),
            false => self.has_failed = true,
        }
        // Learners ask again and again.
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::error!(
                "the state for learners that lack too much cannot be written to {}: {error}; {}. Until it can they are not \
                 brought one",
                self.path.display(),
                advice(error)
            );
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use mio::{Events, Poll, Token};
    use paddock_consensus::Zxid;
    use paddock_consensus::settings::Ms;
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::io::Files;
    use paddock_engine::io::simulated::{Effect, Fault, FileSystem, Operation};
    use paddock_engine::log::{Log, LogConfig};
    use paddock_engine::progress::Progress;
    use paddock_engine::snapshot::HeldVersion;
    use paddock_engine::tree::HashSeed;
    use paddock_net::doorbell::Doorbell;

    use super::{GROWTH_MIN, RETRY, Spooler};
    use crate::node::snapshotter::DrivenBy;

    struct World {
        machine: FileSystem,
        files: Files,
        log: Log,
        database: Database,
    }

    impl World {
        fn new() -> World {
            let machine = FileSystem::new(1);
            let files = Files::Simulated(machine.clone());
            files.create_dir(Path::new("/data")).unwrap();
            let config = LogConfig { files: files.clone(), ..LogConfig::new("/data") };
            let (log, _) = Log::open(config, Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
            let mut database = Database::new(HashSeed([7; 16]), Rules::default());
            let sealed = database.tree_mut().seal();
            database.tree_mut().publish(sealed);
            World { machine, files, log, database }
        }

        fn spooler(&self) -> Spooler {
            Spooler::new(self.files.clone(), Path::new("/data"), DrivenBy::Caller)
        }

        fn begin(&mut self, spooler: &mut Spooler) {
            let pin = self.database.tree_mut().pin().unwrap();
            spooler.begin(HeldVersion { pin, zxid: Zxid(3), sessions: Vec::new() }, self.log.hold(Zxid(3)));
        }
    }

    #[test]
    fn a_state_is_of_use_until_the_log_has_grown() {
        let mut world = World::new();
        let mut spooler = world.spooler();
        world.begin(&mut spooler);
        assert!(!spooler.is_idle() && spooler.spool().is_none());
        assert_eq!(spooler.work(), Progress::More);
        let spool = spooler.spool().unwrap();
        assert_eq!((spool.zxid, spool.bytes), (Zxid(3), spool.file.length().unwrap()));
        assert!(!world.files.exists(Path::new("/data/snap.spool")).unwrap(), "it goes with whoever uses it");
        spooler.note_growth(GROWTH_MIN);
        assert!(spooler.spool().is_some());
        spooler.note_growth(1);
        assert!(spooler.spool().is_none() && spooler.is_idle());
    }

    #[test]
    fn what_is_not_of_use_any_more_is_not_written() {
        let mut world = World::new();
        let mut spooler = world.spooler();
        world.begin(&mut spooler);
        spooler.clear();
        assert!(spooler.is_idle());
        assert!(matches!(spooler.work(), Progress::Waits { .. }) && spooler.spool().is_none());
    }

    #[test]
    fn a_failure_is_told_once_and_leaves_nothing() {
        let mut world = World::new();
        let mut spooler = world.spooler();
        for operation in [Operation::Create, Operation::Write] {
            let effect = Effect::Fails(libc::EIO);
            world.machine.add_fault(Fault { operation, skipped: 0, times: 1, effect });
            world.begin(&mut spooler);
            spooler.work();
            assert!(spooler.spool().is_none() && spooler.take_failure() && !spooler.take_failure(), "{operation:?}");
            assert!(!world.files.exists(Path::new("/data/snap.spool")).unwrap());
        }
        world.begin(&mut spooler);
        spooler.work();
        assert!(spooler.spool().is_some() && !spooler.take_failure());
    }

    #[test]
    fn where_there_is_no_room_it_is_tried_again_later_and_nobody_is_sent_away() {
        let mut world = World::new();
        let mut spooler = world.spooler();
        let effect = Effect::Fails(libc::ENOSPC);
        world.machine.add_fault(Fault { operation: Operation::Write, skipped: 0, times: 1, effect });
        world.begin(&mut spooler);
        spooler.work();
        assert!(spooler.spool().is_none() && !spooler.take_failure());
        assert!(!spooler.may_begin(Ms(7)) && !spooler.may_begin(Ms(6).after(RETRY)));
        assert!(spooler.may_begin(Ms(7).after(RETRY)));
        world.begin(&mut spooler);
        spooler.work();
        assert!(spooler.spool().is_some() && spooler.may_begin(Ms(8)));
    }

    #[test]
    fn what_a_former_process_has_left_is_removed() {
        let world = World::new();
        let path = Path::new("/data/snap.spool");
        world.files.write_atomically(path, b"half").unwrap();
        world.spooler();
        assert!(!world.files.exists(path).unwrap());
    }

    #[test]
    fn a_thread_rings_when_it_has_written() {
        let mut world = World::new();
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(1));
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(7)).unwrap());
        let mut spooler = Spooler::new(world.files.clone(), Path::new("/data"), DrivenBy::Thread(bell.clone()));
        for is_wanted in [true, false] {
            bell.going_to_sleep();
            world.begin(&mut spooler);
            if !is_wanted {
                spooler.clear();
            }
            while !spooler.is_idle() {
                poll.poll(&mut events, Some(Duration::from_secs(20))).unwrap();
                assert!(!events.is_empty(), "nothing has woken the replica");
                spooler.poll();
            }
            assert_eq!(spooler.spool().is_some(), is_wanted);
        }
    }
}
