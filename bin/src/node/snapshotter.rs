//! The thread that takes snapshots, and when it is asked to. What former generations have left it removes between them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded};
use paddock_consensus::Zxid;
use paddock_engine::generation::FormerGenerations;
use paddock_engine::progress::Progress;
pub use paddock_engine::snapshot::{Done, Settings};
use paddock_engine::snapshot::{HeldVersion, Taker};
use paddock_net::doorbell::Doorbell;

/// Decides when it is time: after a random number of transactions between half of `snap_count` and all of it, or of bytes
/// alike, so that the servers of an ensemble do not do it together.
#[derive(Debug)]
pub struct Trigger {
    snap_count: u64,
    size_limit: u64,
    transactions: u64,
    bytes: u64,
    next_transactions: u64,
    next_bytes: u64,
    /// What random numbers are made of.
    seed: u64,
}

impl Trigger {
    /// `size_limit` in bytes, `u64::MAX` for none. The same `seed` gives the same numbers.
    pub fn new(snap_count: u64, size_limit: u64, seed: u64) -> Trigger {
        let mut trigger =
            Trigger { snap_count, size_limit, transactions: 0, bytes: 0, next_transactions: 0, next_bytes: 0, seed };
        trigger.reset();
        trigger
    }

    /// Counts transactions, with their bytes in the log, of which no snapshot has been taken.
    pub fn note(&mut self, transactions: u64, bytes: u64) {
        self.transactions = self.transactions.saturating_add(transactions);
        self.bytes += bytes;
    }

    /// It is time, whatever was counted.
    pub fn hurry(&mut self) {
        self.transactions = u64::MAX;
    }

    pub fn is_due(&self) -> bool {
        self.transactions > self.next_transactions || self.bytes > self.next_bytes
    }

    pub fn reset(&mut self) {
        let random = self.draw_random();
        let draw = |whole: u64| whole / 2 + random % (whole / 2).max(1);
        (self.transactions, self.bytes) = (0, 0);
        (self.next_transactions, self.next_bytes) = (draw(self.snap_count), draw(self.size_limit));
    }

    /// SplitMix64.
    fn draw_random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Who has work beside the replica's take its steps.
#[derive(Clone)]
pub enum DrivenBy {
    /// A thread, on files of this machine. It rings the bell when it has something to tell: the snapshotter when it lets go of
    /// a version, and when a snapshot is in place.
    Thread(Arc<Doorbell>),
    /// Whoever calls `work`, where the files are simulated, and so is time.
    Caller,
}

/// The replica's handle on whoever takes snapshots.
pub struct Snapshotter {
    settings: Settings,
    driven_by: DrivenBy,
    driver: Driver,
    /// The zxid up to which the log must be committed and durable before the snapshot may be put in place.
    awaited: Option<Zxid>,
    is_busy: bool,
}

enum Driver {
    Thread(Thread),
    Caller { taker: Box<Taker>, former: FormerGenerations },
}

/// The thread, and the ways to and from it.
struct Thread {
    /// `None` once it has been told to end.
    versions: Option<Sender<(HeldVersion, Receiver<()>)>>,
    done: Receiver<Option<Done>>,
    /// What is sent here puts the snapshot in place; where this is dropped the snapshot is thrown away.
    kept: Option<Sender<()>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Snapshotter {
    /// Starts the thread if there is to be one. It begins to remove what `former` generations have left.
    pub fn start(settings: Settings, former: FormerGenerations, driven_by: DrivenBy) -> io::Result<Snapshotter> {
        let taker = Taker::new(settings.clone());
        let driver = match driven_by.clone() {
            DrivenBy::Thread(bell) => Driver::Thread(Thread::start(taker, former, bell)?),
            DrivenBy::Caller => Driver::Caller { taker: Box::new(taker), former },
        };
        Ok(Snapshotter { settings, driven_by, driver, awaited: None, is_busy: false })
    }

    /// Goes on in another directory, and removes what `former` generations have left. A snapshot that is being taken is given
    /// up.
    pub fn move_to(&mut self, data_dir: PathBuf, former: FormerGenerations) -> io::Result<()> {
        self.stop();
        let settings = Settings { data_dir, ..self.settings.clone() };
        *self = Snapshotter::start(settings, former, self.driven_by.clone())?;
        Ok(())
    }

    /// Takes a step, where no thread does. The one that writes a version writes all of it, however large.
    pub fn work(&mut self, now: Instant) -> Progress {
        match &mut self.driver {
            Driver::Caller { taker, former } => match taker.work(now, &mut || true) {
                Progress::Waits { .. } if former.work() == Progress::More => Progress::More,
                progress => progress,
            },
            Driver::Thread(_) => Progress::Waits { until: None },
        }
    }

    pub fn is_idle(&self) -> bool {
        !self.is_busy
    }

    /// Has a version written.
    pub fn take(&mut self, version: HeldVersion) {
        assert!(!self.is_busy, "one snapshot at a time");
        let zxid = version.zxid;
        let is_taken = match &mut self.driver {
            Driver::Thread(thread) => thread.begin(version),
            Driver::Caller { taker, .. } => {
                taker.begin(version);
                true
            }
        };
        if is_taken {
            (self.is_busy, self.awaited) = (true, Some(zxid));
        }
    }

    /// Everything up to `zxid` is committed, and durable here.
    pub fn note_kept(&mut self, zxid: Zxid) {
        if self.awaited.is_none_or(|awaited| awaited > zxid) {
            return;
        }
        match &mut self.driver {
            Driver::Thread(thread) => thread.note_kept(),
            Driver::Caller { taker, .. } if taker.waits_until_kept() => taker.note_kept(),
            // The taker has not finished writing, and would not heed it: a later call tells it.
            Driver::Caller { .. } => return,
        }
        self.awaited = None;
    }

    /// The log cannot become durable up to the snapshot's zxid for now, so that the snapshot is thrown away. The thread
    /// notices only when it has written the file.
    pub fn give_up_waiting(&mut self) {
        self.awaited = None;
        match &mut self.driver {
            Driver::Thread(thread) => thread.kept = None,
            Driver::Caller { taker, .. } => taker.give_up(),
        }
    }

    /// A snapshot that has come into place since the last call.
    pub fn poll_done(&mut self) -> Option<Done> {
        if !self.is_busy {
            return None;
        }
        let outcome = match &mut self.driver {
            Driver::Thread(thread) => thread.done.try_recv().ok(),
            Driver::Caller { taker, .. } => taker.take_outcome(),
        }?;
        self.is_busy = false;
        outcome
    }

    /// Whether [`poll_done`](Snapshotter::poll_done) would take something. To be asked once more after
    /// [`Doorbell::going_to_sleep`].
    pub fn has_outcome(&self) -> bool {
        self.is_busy
            && match &self.driver {
                Driver::Thread(thread) => !thread.done.is_empty(),
                Driver::Caller { .. } => false,
            }
    }

    /// Gives up what is being written and ends the thread.
    pub fn stop(&mut self) {
        self.give_up_waiting();
        if let Driver::Thread(thread) = &mut self.driver {
            thread.stop();
        }
    }
}

impl Thread {
    fn start(taker: Taker, former: FormerGenerations, bell: Arc<Doorbell>) -> io::Result<Thread> {
        let (versions, take_versions) = bounded(1);
        let (done, take_done) = bounded(1);
        let stopping = Arc::new(AtomicBool::new(false));
        let is_stopping = Arc::clone(&stopping);
        let run = move || drive(taker, former, &take_versions, &done, &bell, &is_stopping);
        let thread = std::thread::Builder::new().name("snapshotter".into()).spawn(run)?;
        Ok(Thread { versions: Some(versions), done: take_done, kept: None, stopping, thread: Some(thread) })
    }

    /// Whether the thread takes the version.
    fn begin(&mut self, version: HeldVersion) -> bool {
        let versions = self.versions.as_ref().expect("no snapshot is asked for after the stop");
        let (kept, take_kept) = bounded(1);
        let is_taken = versions.try_send((version, take_kept)).is_ok();
        self.kept = is_taken.then_some(kept);
        is_taken
    }

    fn note_kept(&mut self) {
        if let Some(kept) = self.kept.take() {
            // A thread that has failed meanwhile does not listen any more.
            let _ = kept.try_send(());
        }
    }

    fn stop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.versions = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the snapshotter had panicked");
        }
    }
}

/// The thread: writes the versions that it is given, and sends what has become of each.
fn drive(
    mut taker: Taker,
    mut former: FormerGenerations,
    versions: &Receiver<(HeldVersion, Receiver<()>)>,
    done: &Sender<Option<Done>>,
    bell: &Doorbell,
    stopping: &AtomicBool,
) {
    let go_on = &mut || !stopping.load(Ordering::Relaxed);
    while let Some((version, kept)) = next_version(versions, &mut former, stopping) {
        taker.begin(version);
        // After the outcome is sent, the steps that are left only free the space of removed snapshots; the replica may trim
        // the log meanwhile.
        loop {
            let progress = taker.work(Instant::now(), go_on);
            if taker.waits_until_kept() {
                // What the version held can be freed now, and writes may wait for that.
                bell.ring();
                match kept.recv() {
                    Ok(()) => taker.note_kept(),
                    Err(_) => taker.give_up(),
                }
            }
            if let Some(outcome) = taker.take_outcome() {
                if done.send(outcome).is_err() {
                    return;
                }
                bell.ring();
            }
            if progress != Progress::More {
                break;
            }
        }
    }
}

/// Waits for the next version; `None` at the end. Removes meanwhile what former generations have left: a version is held while
/// it waits, so that it comes first, and a stop waits for none of it.
fn next_version<T>(versions: &Receiver<T>, former: &mut FormerGenerations, stopping: &AtomicBool) -> Option<T> {
    while !stopping.load(Ordering::Relaxed) {
        match versions.try_recv() {
            Ok(version) => return Some(version),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) if former.work() == Progress::More => {}
            Err(TryRecvError::Empty) => break,
        }
    }
    versions.recv().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    use crossbeam::channel::bounded;

    use mio::{Events, Poll, Token};
    use paddock_consensus::Zxid;
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::generation::{FormerGenerations, Generation};
    use paddock_engine::io::Files;
    use paddock_engine::io::simulated::FileSystem;
    use paddock_engine::progress::Progress;
    use paddock_engine::snapshot::HeldVersion;
    use paddock_engine::tree::HashSeed;
    use paddock_net::doorbell::Doorbell;

    use super::{DrivenBy, Settings, Snapshotter, Trigger, next_version};

    /// The snapshot is written long before the log is durable that makes it valid.
    #[test]
    fn the_replica_is_woken_when_the_walk_lets_go_of_its_version() {
        let dir = std::env::temp_dir().join(format!("paddock-snapshotter-{}", std::process::id()));
        fs::create_dir_all(dir.join("paddock-1")).unwrap();
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(1));
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(7)).unwrap());
        let settings = Settings { files: Files::Real, data_dir: dir.clone(), retain: None };
        let mut snapshotter =
            Snapshotter::start(settings, FormerGenerations::default(), DrivenBy::Thread(bell.clone())).unwrap();
        let mut database = Database::new(HashSeed([7; 16]), Rules::default());
        let tree = database.tree_mut();
        let sealed = tree.seal();
        tree.publish(sealed);
        let pin = tree.pin().unwrap();
        tree.rewrite_data("/zookeeper", Some(b"x"));
        let sealed = tree.seal();
        tree.publish(sealed);
        while tree.reclaim() {}
        assert!(tree.garbage_bytes() > 0, "the pin holds it");

        bell.going_to_sleep();
        snapshotter.take(HeldVersion { pin, zxid: Zxid(1), sessions: Vec::new() });
        poll.poll(&mut events, Some(Duration::from_secs(20))).unwrap();
        assert!(!events.is_empty(), "nothing has woken the replica");
        assert!(snapshotter.poll_done().is_none(), "the snapshot is not valid yet");
        while tree.reclaim() {}
        assert_eq!(tree.garbage_bytes(), 0);
        snapshotter.stop();
        fs::remove_dir_all(dir).unwrap();
    }

    /// A version that waits is held, and a stop is waited for.
    #[test]
    fn what_former_generations_have_left_goes_when_nothing_else_is_to_do() {
        let files = Files::Simulated(FileSystem::new(1));
        let (data, inner) = (Path::new("/data"), Path::new("/data/paddock-1"));
        files.create_dir(inner).unwrap();
        files.write_atomically(&inner.join("log.1"), b"of the first").unwrap();
        let mut former = FormerGenerations::find(&files, data, data, Generation(1)).unwrap();
        let (versions, take_versions) = bounded(1);
        let (going_on, stopping) = (AtomicBool::new(false), AtomicBool::new(true));
        versions.send(7).unwrap();
        assert_eq!(next_version(&take_versions, &mut former, &going_on), Some(7));
        assert!(files.exists(&inner.join("log.1")).unwrap(), "the version comes first");
        std::thread::scope(|scope| {
            let next = scope.spawn(|| next_version(&take_versions, &mut former, &going_on));
            while files.exists(inner).unwrap() {
                std::thread::yield_now();
            }
            versions.send(8).unwrap();
            assert_eq!(next.join().unwrap(), Some(8));
        });
        files.create_dir(inner).unwrap();
        let mut former = FormerGenerations::find(&files, data, data, Generation(1)).unwrap();
        drop(versions);
        assert_eq!(next_version(&take_versions, &mut former, &stopping), None);
        assert!(files.exists(inner).unwrap(), "a stop does not wait for it");
    }

    #[test]
    fn where_there_is_no_thread_each_step_is_asked_for() {
        let machine = FileSystem::new(1);
        let files = Files::Simulated(machine.clone());
        files.create_dir(Path::new("/data/paddock-1")).unwrap();
        let settings = Settings { files, data_dir: "/data".into(), retain: None };
        let mut snapshotter = Snapshotter::start(settings, FormerGenerations::default(), DrivenBy::Caller).unwrap();
        let mut database = Database::new(HashSeed([7; 16]), Rules::default());
        let tree = database.tree_mut();
        let sealed = tree.seal();
        tree.publish(sealed);
        snapshotter.take(HeldVersion { pin: tree.pin().unwrap(), zxid: Zxid(1), sessions: Vec::new() });
        snapshotter.note_kept(Zxid(1));
        let before = machine.moment().pending();
        assert_eq!(snapshotter.work(Instant::now()), Progress::More);
        assert!(machine.moment().pending() > before, "the first step has written it");
        snapshotter.work(Instant::now());
        assert!(snapshotter.poll_done().is_none() && !snapshotter.is_idle(), "nobody has said since that it is kept");
        snapshotter.note_kept(Zxid(1));
        snapshotter.work(Instant::now());
        assert_eq!(snapshotter.poll_done().unwrap().zxid, Zxid(1));
        assert!(snapshotter.is_idle());
    }

    #[test]
    fn snapshots_are_due_between_half_the_count_and_all_of_it() {
        for seed in 0..100 {
            let mut trigger = Trigger::new(100, u64::MAX, seed);
            trigger.note(50, 50);
            assert!(!trigger.is_due());
            trigger.note(50, 50);
            assert!(trigger.is_due());
            trigger.reset();
            assert!(!trigger.is_due());
        }
        let mut by_size = Trigger::new(u64::MAX, 1000, 0);
        by_size.note(10, 1000);
        assert!(by_size.is_due());
    }

    #[test]
    fn a_seed_says_when_all_snapshots_are_due() {
        let due_after = |seed: u64| {
            let mut trigger = Trigger::new(1000, u64::MAX, seed);
            [(); 8].map(|()| {
                let count = (1..=1001).find(|_| {
                    trigger.note(1, 1);
                    trigger.is_due()
                });
                trigger.reset();
                count.expect("it is due at all of it at the latest")
            })
        };
        assert_eq!(due_after(7), due_after(7));
        assert_ne!(due_after(7), due_after(8));
        assert!(due_after(7).iter().any(|count| *count != due_after(7)[0]), "each time is drawn anew");
    }
}
