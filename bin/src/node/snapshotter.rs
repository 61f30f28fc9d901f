//! The thread that writes snapshots, and when it is asked to.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam::channel::{Receiver, Sender, bounded};
use paddock_consensus::Zxid;
use paddock_engine::io::{Files, Removed};
use paddock_engine::snapshot::{self, Purged};
use paddock_engine::tree::{HashSeed, Pin};
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
}

impl Trigger {
    /// `size_limit` in bytes, `u64::MAX` for none.
    pub fn new(snap_count: u64, size_limit: u64) -> Trigger {
        let mut trigger =
            Trigger { snap_count, size_limit, transactions: 0, bytes: 0, next_transactions: 0, next_bytes: 0 };
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
        // Without random numbers the servers may do it together, which costs them time and nothing else.
        let random = getrandom::u64().unwrap_or_default();
        let draw = |whole: u64| whole / 2 + random % (whole / 2).max(1);
        (self.transactions, self.bytes) = (0, 0);
        (self.next_transactions, self.next_bytes) = (draw(self.snap_count), draw(self.size_limit));
    }
}

/// One snapshot to be taken.
struct Order {
    pin: Pin,
    zxid: Zxid,
    sessions: Vec<(i64, i32)>,
    /// Says that everything up to `zxid` is committed and durable; closed if it never will be.
    kept: Receiver<()>,
}

/// A snapshot that is in place.
#[derive(Debug)]
pub struct Done {
    pub zxid: Zxid,
    pub millis: u64,
    /// The log is not needed up to here any more.
    pub oldest_kept: Option<Zxid>,
}

/// The replica's handle on the thread.
pub struct Snapshotter {
    orders: Option<Sender<Order>>,
    done: Receiver<Option<Done>>,
    /// What is being written becomes valid once this is committed and durable, and who is to be told.
    awaited: Option<(Zxid, Sender<()>)>,
    busy: bool,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Where and how snapshots are kept.
pub struct Settings {
    pub files: Files,
    pub data_dir: PathBuf,
    pub seed: HashSeed,
    /// Snapshots kept when a new one is in place; `None` keeps all.
    pub retain: Option<usize>,
}

impl Snapshotter {
    /// Starts the thread. It rings `bell` when it lets go of a version, and when a snapshot is in place.
    pub fn start(settings: Settings, bell: Arc<Doorbell>) -> io::Result<Snapshotter> {
        let (orders, take_orders) = bounded::<Order>(1);
        let (done, take_done) = bounded(1);
        let stopping = Arc::new(AtomicBool::new(false));
        let worker = Worker { settings, bell, stopping: stopping.clone() };
        let thread = std::thread::Builder::new().name("snapshotter".into()).spawn(move || {
            for order in take_orders {
                let (outcome, removed) = worker.take(order).unzip();
                if done.send(outcome).is_err() {
                    return;
                }
                worker.bell.ring();
                worker.give_back(removed.unwrap_or_default());
            }
        })?;
        Ok(Snapshotter {
            orders: Some(orders),
            done: take_done,
            awaited: None,
            busy: false,
            stopping,
            thread: Some(thread),
        })
    }

    pub fn is_idle(&self) -> bool {
        !self.busy
    }

    /// Has the version written that `pin` holds, which is that after `zxid`.
    pub fn take(&mut self, pin: Pin, zxid: Zxid, sessions: Vec<(i64, i32)>) {
        assert!(!self.busy, "one snapshot at a time");
        let orders = self.orders.as_ref().expect("no snapshot is asked for after the stop");
        let (kept, take_kept) = bounded(1);
        if orders.try_send(Order { pin, zxid, sessions, kept: take_kept }).is_ok() {
            self.busy = true;
            self.awaited = Some((zxid, kept));
        }
    }

    /// Everything up to `zxid` is committed, and durable here.
    pub fn note_kept(&mut self, zxid: Zxid) {
        if let Some((_, kept)) = self.awaited.take_if(|(awaited, _)| *awaited <= zxid) {
            // A thread that has failed meanwhile does not listen any more.
            let _ = kept.try_send(());
        }
    }

    /// What is being written will not become durable for now, and is given up when it is complete.
    pub fn give_up_waiting(&mut self) {
        self.awaited = None;
    }

    /// A snapshot that has come into place since the last call.
    pub fn poll_done(&mut self) -> Option<Done> {
        let outcome = self.done.try_recv().ok()?;
        self.busy = false;
        outcome
    }

    /// Gives up what is being written and ends the thread.
    pub fn stop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.orders = None;
        self.awaited = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the snapshotter had panicked");
        }
    }
}

struct Worker {
    settings: Settings,
    bell: Arc<Doorbell>,
    stopping: Arc<AtomicBool>,
}

impl Worker {
    /// A snapshot that fails is no reason to stop: the log has everything, and the next one may succeed.
    fn take(&self, order: Order) -> Option<(Done, Vec<Removed>)> {
        let zxid = order.zxid;
        match self.write(order) {
            Ok(done) => done,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => {
                let directory = snapshot::snapshot_dir(&self.settings.data_dir);
                tracing::error!(%error, %zxid, directory = %directory.display(), "the snapshot could not be written; the log keeps growing until one can");
                None
            }
        }
    }

    /// The log may be trimmed meanwhile. A stop does not wait for it.
    fn give_back(&self, removed: Vec<Removed>) {
        for mut removed in removed {
            while !self.stopping.load(Ordering::Relaxed) && removed.shrink() {}
        }
    }

    fn write(&self, order: Order) -> io::Result<Option<(Done, Vec<Removed>)>> {
        let began = Instant::now();
        let Order { pin, zxid, sessions, kept } = order;
        let Settings { files, data_dir, seed, retain } = &self.settings;
        let go_on = || !self.stopping.load(Ordering::Relaxed);
        let written = snapshot::write(files, data_dir, &pin.view(), zxid, seed, &sessions, &mut { go_on })?;
        drop(pin);
        // What it held can be freed now, and writes may wait for that.
        self.bell.ring();
        if kept.recv().is_err() {
            return Ok(None);
        }
        let (znodes, bytes) = (written.znodes, written.bytes);
        let path = written.publish()?;
        let millis = began.elapsed().as_millis() as u64;
        tracing::info!(%zxid, znodes, bytes, millis, file = %path.display(), "snapshot written");
        let Purged { oldest_kept, removed } = match retain {
            Some(retain) => {
                let purged =
                    snapshot::purge(files, data_dir, *retain, |path| go_on() && snapshot::check(files, path).is_ok());
                purged.unwrap_or_else(|error| {
                    tracing::error!(%error, directory = %data_dir.display(), "old snapshots could not be removed");
                    Purged { oldest_kept: None, removed: Vec::new() }
                })
            }
            None => Purged { oldest_kept: None, removed: Vec::new() },
        };
        Ok(Some((Done { zxid, millis, oldest_kept }, removed)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::time::Duration;

    use mio::{Events, Poll, Token};
    use paddock_consensus::Zxid;
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::io::Files;
    use paddock_engine::tree::HashSeed;
    use paddock_net::doorbell::Doorbell;

    use super::{Settings, Snapshotter, Trigger};

    /// The snapshot is written long before the log is durable that makes it valid.
    #[test]
    fn the_replica_is_woken_when_the_walk_lets_go_of_its_version() {
        let dir = std::env::temp_dir().join(format!("paddock-snapshotter-{}", std::process::id()));
        fs::create_dir_all(dir.join("paddock-1")).unwrap();
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(1));
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(7)).unwrap());
        let settings = Settings { files: Files::Real, data_dir: dir.clone(), seed: HashSeed([7; 16]), retain: None };
        let mut snapshotter = Snapshotter::start(settings, bell.clone()).unwrap();
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
        snapshotter.take(pin, Zxid(1), Vec::new());
        poll.poll(&mut events, Some(Duration::from_secs(20))).unwrap();
        assert!(!events.is_empty(), "nothing has woken the replica");
        assert!(snapshotter.poll_done().is_none(), "the snapshot is not valid yet");
        while tree.reclaim() {}
        assert_eq!(tree.garbage_bytes(), 0);
        snapshotter.stop();
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn snapshots_are_due_between_half_the_count_and_all_of_it() {
        for _ in 0..100 {
            let mut trigger = Trigger::new(100, u64::MAX);
            trigger.note(50, 50);
            assert!(!trigger.is_due());
            trigger.note(50, 50);
            assert!(trigger.is_due());
            trigger.reset();
            assert!(!trigger.is_due());
        }
        let mut by_size = Trigger::new(u64::MAX, 1000);
        by_size.note(10, 1000);
        assert!(by_size.is_due());
    }
}
