//! The replica: the one thread that changes the state.
//!
//! A turn is an order, and the order is the durability:
//!
//! 1. *Completions.* The log says what is durable, and the role what is committed by that: each version up to there goes
//!    into every reactor's queue, is made public, and only then are its answers seen. Nothing else acknowledges anything.
//! 2. *Go on* with a transaction that takes several turns, if there is one: see [`unfinished`]. Nothing is gathered and
//!    nothing expires until it is done.
//! 3. *Gather.* The reactors' submissions, in the order of their queues: each write is prepared against the head, encoded
//!    into the group being filled, and applied to the head. While the log has no room, queues are left to fill, and a
//!    full queue stops its reactor from reading sockets.
//! 4. *Time.* Sessions that are due are closed, and containers and TTL znodes deleted, by transactions like any other.
//! 5. *Submit.* If the log can take a group, the filled one goes; no timer holds it back. While earlier groups are in
//!    flight the next one fills, so that groups are as large as the device is slow.
//! 6. *Reclaim* what no reader sees any more, a bounded amount.
//!
//! Cost of a write: two or three look-ups, one encoding, one copy into the log's buffer, its share of a submission to the
//! ring, and its share of a release to each reactor.

mod alone;
mod background;
mod files;
mod gather;
mod session;
mod shortage;
#[cfg(test)]
mod tests;
mod throttle;
mod unfinished;

pub use self::files::Files;
pub use self::session::NewSessions;
pub use self::throttle::ThrottleSettings;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use paddock_consensus::Zxid;
use paddock_engine::apply::Effects;
use paddock_engine::container::{ContainerManager, ContainerSettings};
use paddock_engine::database::Database;
use paddock_engine::expiry::ExpiryQueue;
use paddock_engine::io::advice;
use paddock_engine::log::{Log, LogError};
use paddock_net::exchange::{Errand, Exchange, Submission};
use paddock_net::reactor::{FOREIGN, pause_min};
use paddock_net::status::Status;
use paddock_net::time_share::TimeShare;

use self::alone::Alone;
use self::session::{Homes, LocalSessions, first_session};
use self::shortage::Shortage;
use self::throttle::RequestThrottle;
use self::unfinished::{STEPS_PER_TURN, Unfinished};
use super::release::{Commits, Draft};
use super::snapshotter::{Snapshotter, Trigger};

/// The token of the replica's bell.
pub const BELL: Token = Token(FOREIGN);
const LOG: Token = Token(FOREIGN + 1);
const SIGNAL: Token = Token(FOREIGN + 2);
/// Events taken from a poll of its own.
const EVENTS_PER_TURN: usize = 16;

/// Calls of the reclaimer in one turn, at least.
const RECLAIMS_MIN: u64 = 4;
/// A call frees more than so many transactions replace, which is five to ten objects each.
const TRANSACTIONS_PER_RECLAIM: u64 = 64;
/// A reactor whose queue was full is tried again after this.
const RETRY: Duration = Duration::from_millis(1);
/// Readers say nothing when they move on from a version: while one of them may hold back what waits, it is looked after
/// so often.
const READERS_WAIT: Duration = Duration::from_millis(10);
/// What is due waits so long at a time for the reactors' reports, which ring.
const REPORT_WAIT: Duration = Duration::from_millis(50);

/// What ends a replica before its time.
#[derive(Debug)]
pub enum ReplicaError {
    Log(LogError),
    /// The `dataDir` was moved or removed.
    DirectoryGone {
        path: PathBuf,
    },
    Poll(io::Error),
}

impl std::fmt::Display for ReplicaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReplicaError::Log(error) => {
                write!(f, "the transaction log failed, so that nothing can be acknowledged any more: {error}")
            }
            ReplicaError::DirectoryGone { path } => write!(
                f,
                "the dataDir {} was moved or removed while the server runs, so that it is not locked any more; put it back \
                 and start the server again",
                path.display()
            ),
            ReplicaError::Poll(error) => write!(f, "waiting for events failed: {error}; {}", advice(error)),
        }
    }
}

impl From<LogError> for ReplicaError {
    fn from(error: LogError) -> Self {
        ReplicaError::Log(error)
    }
}

impl From<io::Error> for ReplicaError {
    fn from(error: io::Error) -> Self {
        ReplicaError::Poll(error)
    }
}

pub struct Replica {
    exchanges: Arc<[Arc<Exchange>]>,
    status: Arc<Status>,
    /// A pipe that becomes readable when the process is told to stop.
    _signal: OwnedFd,

    role: Alone,
    database: Database,
    log: Log,
    draft: Draft,
    effects: Effects,
    commits: Commits,
    /// While it is there, the head is in the middle of it, and the draft is empty.
    unfinished: Option<Unfinished>,
    /// Of long transactions, and of ends of sessions, which this turn may still take before it looks at the clock.
    steps_left: usize,
    share: TimeShare,
    /// Sessions that are due were left to the next turn.
    expires_more: bool,

    homes: Homes,
    local: LocalSessions,
    throttle: RequestThrottle,
    next_session: i64,
    expiry: ExpiryQueue,
    containers: ContainerManager,
    next_quota_warning: Instant,
    /// A submission of each reactor that did not fit, and how many of its requests are taken.
    begun: Vec<Option<(Submission, usize)>>,
    /// The reactor whose submissions were first in the last turn.
    gathers_first: usize,
    /// Up to when each reactor has reported whom it heard.
    heard_until: Vec<Instant>,
    /// When each reactor has reported.
    reported_at: Vec<Instant>,
    /// Reports that are older than this mean that a reactor stands still, or has just done so.
    report_age_max: Duration,
    epoch: Instant,
    now: Instant,
    wall_ms: i64,

    snapshotter: Snapshotter,
    trigger: Trigger,
    files: Files,
    shortage: Shortage,
    expired: u64,
    transactions: u64,
    /// `transactions` at the last call of the reclaimer.
    reclaimed_at: u64,
    /// Ephemerals that this turn has looked at for clients who list them.
    looked_at: usize,
    /// [`gather::GARBAGE_MAX`].
    garbage_max: usize,
    /// Memory waits to be freed that nobody sees.
    may_reclaim_more: bool,
}

/// What a replica is made from.
pub struct Parts {
    /// Of the poll that wakes the replica.
    pub registry: Registry,
    pub exchanges: Arc<[Arc<Exchange>]>,
    pub status: Arc<Status>,
    pub signal: OwnedFd,
    pub database: Database,
    pub log: Log,
    pub containers: ContainerSettings,
    pub tick_ms: u64,
    /// How often the reactors report.
    pub heard_interval: Duration,
    pub server_id: i64,
    pub new_sessions: NewSessions,
    pub throttle: ThrottleSettings,
    pub snapshotter: Snapshotter,
    pub trigger: Trigger,
    pub files: Files,
}

impl Replica {
    pub fn new(parts: Parts) -> io::Result<Replica> {
        let Parts {
            registry,
            exchanges,
            status,
            signal,
            database,
            log,
            containers,
            tick_ms,
            heard_interval,
            server_id,
            new_sessions,
            throttle,
            snapshotter,
            trigger,
            files,
        } = parts;
        for fd in log.event_fds() {
            registry.register(&mut SourceFd(&fd), LOG, Interest::READABLE)?;
        }
        registry.register(&mut SourceFd(&signal.as_raw_fd()), SIGNAL, Interest::READABLE)?;
        let now = Instant::now();
        let wall_ms = wall_clock_ms();
        // Sessions of before the restart get their whole timeout again.
        let mut expiry = ExpiryQueue::new(tick_ms);
        for (session, timeout) in database.sessions() {
            expiry.arm(session, timeout.max(0) as u64, 0);
        }
        let reactors = exchanges.len();
        Ok(Replica {
            exchanges,
            status,
            _signal: signal,
            draft: Draft::new(reactors),
            effects: Effects::default(),
            commits: Commits::new(reactors),
            unfinished: None,
            steps_left: STEPS_PER_TURN,
            share: TimeShare::default(),
            expires_more: false,
            homes: Homes::new(reactors),
            local: LocalSessions::new(new_sessions),
            throttle: RequestThrottle::new(throttle),
            next_session: first_session(server_id, wall_ms, database.sessions().map(|(session, _)| session)),
            expiry,
            containers: ContainerManager::new(containers, 0),
            next_quota_warning: now,
            begun: (0..reactors).map(|_| None).collect(),
            gathers_first: 0,
            heard_until: vec![now; reactors],
            reported_at: vec![now; reactors],
            report_age_max: pause_min(heard_interval),
            epoch: now,
            now,
            wall_ms,
            snapshotter,
            trigger,
            files,
            shortage: Shortage::default(),
            expired: 0,
            transactions: 0,
            reclaimed_at: 0,
            looked_at: 0,
            garbage_max: gather::GARBAGE_MAX,
            may_reclaim_more: false,
            role: Alone::new(database.last_zxid()),
            database,
            log,
        })
    }

    /// Serves in a thread of its own until the process is told to stop, and then closes the log.
    pub fn run(mut self, mut poll: Poll) -> Result<(), ReplicaError> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        let bell = self.exchanges[0].replica_bell.clone();
        while !self.has_stopped() {
            bell.going_to_sleep();
            let timeout = self.timeout();
            let polled = poll.poll(&mut events, timeout);
            bell.awake();
            match polled {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                polled => polled?,
            }
            self.heed(&events);
            self.turn()?;
        }
        self.stop_reactors();
        self.end()
    }

    /// Before the first turn, and before reactors serve: what is told of the state is true from then on.
    pub fn begin(&mut self) -> Result<(), ReplicaError> {
        self.update_status(self.database.last_zxid());
        self.see_to_snapshots()
    }

    /// After the last turn.
    pub fn end(mut self) -> Result<(), ReplicaError> {
        self.snapshotter.stop();
        self.log.close()?;
        Ok(())
    }

    /// The process was told to stop, and all that was taken is answered, or cannot be for want of space.
    pub fn has_stopped(&self) -> bool {
        self.role.may_end(self.is_idle(), !self.shortage.is_over())
    }

    /// Looks for a signal among the events.
    pub fn heed(&mut self, events: &Events) {
        if events.iter().any(|event| event.token() == SIGNAL) && !self.role.is_stopping() {
            tracing::info!("told to stop");
            self.role.stop();
        }
    }

    /// A turn: see the module.
    pub fn turn(&mut self) -> Result<(), ReplicaError> {
        self.now = Instant::now();
        self.wall_ms = wall_clock_ms();
        self.commit()?;
        self.share.begin(self.now);
        self.go_on();
        if self.role.gathers() {
            self.gather();
        }
        if self.role.expires_sessions() {
            self.expire_sessions();
        }
        if self.role.reaps_containers() {
            self.reap_containers();
        }
        self.warn_of_quotas();
        if self.unfinished.is_some() || self.expires_more {
            self.share.end(Instant::now());
        }
        self.seal();
        // The next turn's.
        self.steps_left = STEPS_PER_TURN;
        self.submit()?;
        self.reclaim();
        self.see_to_files()?;
        self.see_to_snapshots()
    }

    fn is_idle(&self) -> bool {
        self.commits.is_empty() && !self.log.is_filling() && self.unfinished.is_none()
    }

    fn exchange_of(&self, reactor: usize) -> &Exchange {
        &self.exchanges[reactor]
    }

    /// How long the poll may sleep; the last look at the queues.
    pub fn timeout(&self) -> Option<Duration> {
        if self.role.is_stopping() && self.unfinished.is_none() {
            // Nothing is taken any more. What is under way waits for the log, which wakes, or for a reactor.
            return self.commits.is_blocked().then_some(RETRY);
        }
        let has_submissions = self.begun.iter().any(Option::is_some)
            || self.exchanges.iter().any(|exchange| !exchange.submissions.is_empty());
        let has_work = self.unfinished.is_some() || self.expires_more || (has_submissions && self.may_take());
        if has_work || self.may_reclaim_more {
            return Some(Duration::ZERO);
        }
        if self.commits.is_blocked() {
            return Some(RETRY);
        }
        let since_start = self.now.duration_since(self.epoch);
        let until = |due: u64| Duration::from_millis(due).saturating_sub(since_start);
        let until_reaping = match until(self.containers.next_due()) {
            Duration::ZERO if !self.is_up_to_date() => REPORT_WAIT,
            until => until,
        };
        let until_expiry = self.expiry.next_due().map(until).map(|until| match until {
            Duration::ZERO => REPORT_WAIT,
            until => until + Duration::from_millis(1),
        });
        let until_next = match self.may_gather() {
            true => Some(until_reaping),
            // What may not be gathered may not be reaped either; completions and snapshots wake.
            false => (has_submissions && self.has_too_much_garbage()).then_some(READERS_WAIT),
        };
        until_expiry.into_iter().chain(until_next).min()
    }

    fn submit(&mut self) -> Result<(), ReplicaError> {
        if self.log.is_filling() {
            if self.log.can_submit() {
                self.log.submit()?;
                // The log may have seen the completion of an earlier group, of which nothing will tell again.
                self.commit()?;
                self.note_shortage(None);
            } else {
                self.note_shortage(self.log.shortage());
            }
        } else {
            // Answers without a transaction wait for nothing but what came before them.
            self.commit()?;
        }
        Ok(())
    }

    fn note_shortage(&mut self, shortage: Option<LogError>) {
        if shortage.is_some() || !self.shortage.is_over() {
            if shortage.is_some() {
                // It may have the space that the log needs, and waits for the log itself.
                self.snapshotter.give_up_waiting();
            }
            self.shortage.note(shortage, self.now);
            self.status.replica.log_waits.set(u64::from(!self.shortage.is_over()));
        }
    }

    /// Makes public what is committed by what is durable.
    fn commit(&mut self) -> Result<(), ReplicaError> {
        self.log.completed()?;
        self.role.note_durable(self.log.completed_zxid());
        let committed = self.role.committed();
        if let Some(zxid) = self.commits.release(committed, self.database.tree_mut(), &self.exchanges, &self.status) {
            self.update_status(zxid);
        }
        Ok(())
    }

    fn update_status(&self, zxid: Zxid) {
        let figures = &self.status.replica;
        let tree = self.database.tree();
        figures.zxid.store(zxid.0, Ordering::Relaxed);
        // In the middle of a transaction the head tells what nobody may see.
        if self.unfinished.is_none() {
            figures.znodes.set(tree.len() as u64);
            figures.ephemerals.set(self.database.ephemeral_count() as u64);
            figures.data_bytes.set(tree.data_bytes());
        }
        figures.sessions.set(self.database.sessions().len() as u64);
        figures.sessions_expired.set(self.expired);
        figures.transactions.set(self.transactions);
        figures.garbage_bytes.set(tree.garbage_bytes() as u64);
        let log = self.log.stats();
        figures.groups.set(log.groups);
        figures.log_bytes.set(log.bytes);
        figures.sync_micros_sum.set(log.sync_total.as_micros() as u64);
        figures.sync_micros_max.set(log.sync_max.as_micros() as u64);
        figures.sync_micros_last.set(log.sync_last.as_micros() as u64);
        figures.log_segment.set(log.segment);
    }

    fn reclaim(&mut self) {
        let written = self.transactions - std::mem::replace(&mut self.reclaimed_at, self.transactions);
        let calls = RECLAIMS_MIN.max(written / TRANSACTIONS_PER_RECLAIM);
        self.may_reclaim_more = (0..calls).all(|_| self.database.tree_mut().reclaim());
    }

    fn see_to_snapshots(&mut self) -> Result<(), ReplicaError> {
        if let Some(done) = self.snapshotter.poll_done() {
            self.status.replica.snapshots.add(1);
            self.status.replica.snapshot_millis.set(done.millis);
            self.files.note_snapshot(done.zxid);
            if let Some(oldest_kept) = done.oldest_kept {
                self.log.remove_before(oldest_kept)?;
            }
        }
        let head_is_sealed = self.draft.is_empty() && self.unfinished.is_none();
        if self.trigger.is_due()
            && self.shortage.is_over()
            && !self.role.is_stopping()
            && self.snapshotter.is_idle()
            && head_is_sealed
        {
            let zxid = self.database.last_zxid();
            if let Some(pin) = self.database.tree_mut().pin() {
                let sessions = self.database.sessions().collect();
                self.snapshotter.take(pin, zxid, sessions);
                self.log.roll();
                self.trigger.reset();
            }
        }
        self.status.replica.snapshotting.set(u64::from(!self.snapshotter.is_idle()));
        self.snapshotter.note_kept(self.role.committed().min(self.log.completed_zxid()));
        Ok(())
    }

    fn stop_reactors(&self) {
        for exchange in self.exchanges.iter() {
            // A queue that is full of errands is emptied in the reactor's next turn.
            let mut errand = Errand::Stop;
            while let Err(back) = exchange.errands.push(errand) {
                errand = back;
                exchange.reactor_bell.ring();
                std::thread::sleep(RETRY);
            }
            exchange.reactor_bell.ring();
        }
    }
}

fn wall_clock_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
