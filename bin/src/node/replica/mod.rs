//! The replica: the one thread that changes the state.
//!
//! A turn is an order, and the order is the durability:
//!
//! 1. *Completions.* What the log says is durable is committed: each version of those groups goes into every reactor's
//!    queue, is made public, and only then are its answers seen. Nothing else acknowledges anything.
//! 2. *Gather.* The reactors' submissions, in the order of their queues: each write is prepared against the head, encoded
//!    into the group being filled, and applied to the head. While the log has no room, queues are left to fill, and a
//!    full queue stops its reactor from reading sockets.
//! 3. *Time.* Sessions that are due are closed, and containers and TTL znodes deleted, by transactions like any other.
//! 4. *Submit.* If the log can take a group, the filled one goes; no timer holds it back. While earlier groups are in
//!    flight the next one fills, so that groups are as large as the device is slow.
//! 5. *Reclaim* what no reader sees any more, a bounded amount.
//!
//! Cost of a write: two or three look-ups, one encoding, one copy into the log's buffer, its share of a submission to the
//! ring, and its share of a release to each reactor.

mod background;
mod session;
mod throttle;

pub use self::session::NewSessions;
pub use self::throttle::ThrottleSettings;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use paddock_consensus::Zxid;
use paddock_engine::apply::Effects;
use paddock_engine::container::{ContainerManager, ContainerSettings};
use paddock_engine::database::Database;
use paddock_engine::error::Code;
use paddock_engine::expiry::ExpiryQueue;
use paddock_engine::jute::{Reader, Write, wire_length};
use paddock_engine::keeper::Prepared;
use paddock_engine::log::{Log, LogError};
use paddock_engine::path;
use paddock_engine::prepare::{Caller, Refusal};
use paddock_engine::request::{opcode, path_ahead};
use paddock_engine::tree;
use paddock_engine::txn::{Txn, TxnHeader, write_digest};
use paddock_net::exchange::{Answer, AnswerKind, Errand, Exchange, Heard, Request, RequestKind, Submission};
use paddock_net::reactor::FOREIGN;
use paddock_net::status::Status;

use self::session::{Home, Homes, LocalSessions, first_session};
use self::throttle::{Judgement, RequestThrottle, refusable_xid};
use super::release::{Commits, Draft};
use super::snapshotter::{Snapshotter, Trigger};

/// The token of the replica's bell.
pub const BELL: Token = Token(FOREIGN);
const LOG: Token = Token(FOREIGN + 1);
const SIGNAL: Token = Token(FOREIGN + 2);
/// Events taken from a poll of its own.
const EVENTS_PER_TURN: usize = 16;

/// A group takes no more transactions beyond this, bytes.
const GROUP_BYTES: usize = 1024 * 1024;
/// Versions that wait for the log or for reactors; beyond, nothing is gathered.
const VERSIONS_MAX: usize = 4096;
/// A version takes at most so many transactions: larger ones are built no faster, and are public later.
const VERSION_TXNS: usize = 128;
/// Nor does it take more once its answers have so many bytes.
const VERSION_BYTES: usize = 16 << 20;
/// Answers that wait for the log or for reactors; beyond, nothing is gathered, bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// A session's ephemerals are not told in more bytes than this.
const EPHEMERALS_BYTES_MAX: usize = 256 << 20;
/// Submissions taken from one reactor before the next one's turn.
const SUBMISSIONS_PER_TURN: usize = 16;
/// Calls of the reclaimer in one turn.
const RECLAIMS_PER_TURN: usize = 4;
/// Garbage above this stops the intake until readers have moved on, bytes.
const GARBAGE_MAX: usize = 1 << 30;
/// Longer paths are not looked up ahead, bytes: to hash one is more than the caches give back.
const PATH_AHEAD_MAX: usize = 1024;
/// A reactor whose queue was full is tried again after this.
const RETRY: Duration = Duration::from_millis(1);

/// What ends a replica before its time.
#[derive(Debug)]
pub enum ReplicaError {
    Log(LogError),
    Poll(io::Error),
}

impl std::fmt::Display for ReplicaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReplicaError::Log(error) => {
                write!(f, "the transaction log failed, so that nothing can be acknowledged any more: {error}")
            }
            ReplicaError::Poll(error) => write!(f, "waiting for events failed: {error}"),
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

    database: Database,
    log: Log,
    draft: Draft,
    effects: Effects,
    commits: Commits,

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
    epoch: Instant,
    now: Instant,
    wall_ms: i64,

    snapshotter: Snapshotter,
    trigger: Trigger,
    expired: u64,
    transactions: u64,
    /// Memory waits to be freed that nobody sees.
    may_reclaim_more: bool,
    stopping: bool,
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
    pub server_id: i64,
    pub new_sessions: NewSessions,
    pub throttle: ThrottleSettings,
    pub snapshotter: Snapshotter,
    pub trigger: Trigger,
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
            server_id,
            new_sessions,
            throttle,
            snapshotter,
            trigger,
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
            homes: Homes::default(),
            local: LocalSessions::new(new_sessions),
            throttle: RequestThrottle::new(throttle),
            next_session: first_session(server_id, wall_ms, database.sessions().map(|(session, _)| session)),
            expiry,
            containers: ContainerManager::new(containers, 0),
            next_quota_warning: now,
            begun: (0..reactors).map(|_| None).collect(),
            gathers_first: 0,
            heard_until: vec![now; reactors],
            epoch: now,
            now,
            wall_ms,
            snapshotter,
            trigger,
            expired: 0,
            transactions: 0,
            may_reclaim_more: false,
            stopping: false,
            database,
            log,
        })
    }

    /// Serves in a thread of its own until the process is told to stop, and then closes the log.
    pub fn run(mut self, mut poll: Poll) -> Result<(), ReplicaError> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        let bell = self.exchanges[0].replica_bell.clone();
        self.begin()?;
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

    /// Before the first turn.
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

    /// The process was told to stop, and all that was taken is answered.
    pub fn has_stopped(&self) -> bool {
        self.stopping && self.is_idle()
    }

    /// Looks for a signal among the events.
    pub fn heed(&mut self, events: &Events) {
        if events.iter().any(|event| event.token() == SIGNAL) && !self.stopping {
            tracing::info!("told to stop");
            self.stopping = true;
        }
    }

    /// A turn: see the module.
    pub fn turn(&mut self) -> Result<(), ReplicaError> {
        self.now = Instant::now();
        self.wall_ms = wall_clock_ms();
        self.commit()?;
        if !self.stopping {
            self.gather();
            self.expire_sessions();
            self.reap_containers();
            self.warn_of_quotas();
        }
        self.seal();
        self.submit()?;
        self.reclaim();
        self.see_to_snapshots()
    }

    fn is_idle(&self) -> bool {
        self.commits.is_empty() && !self.log.is_filling()
    }

    fn exchange_of(&self, reactor: usize) -> &Exchange {
        &self.exchanges[reactor]
    }

    /// How long the poll may sleep; the last look at the queues.
    pub fn timeout(&self) -> Option<Duration> {
        let has_submissions = self.begun.iter().any(Option::is_some)
            || self.exchanges.iter().any(|exchange| !exchange.submissions.is_empty());
        if (has_submissions && self.may_take()) || self.may_reclaim_more || self.stopping {
            return Some(Duration::ZERO);
        }
        if self.commits.is_blocked() {
            return Some(RETRY);
        }
        let since_start = self.now.duration_since(self.epoch);
        let until = |due: u64| Duration::from_millis(due).saturating_sub(since_start);
        let until_reaping = until(self.containers.next_due());
        let until_expiry = self.expiry.next_due().map(until).map(|until| match until {
            // A session that is due waits for the reactors' reports, which ring.
            Duration::ZERO => Duration::from_millis(50),
            until => until + Duration::from_millis(1),
        });
        // What may not be gathered may not be reaped either; completions wake.
        if !self.may_gather() {
            return until_expiry;
        }
        Some(until_expiry.map_or(until_reaping, |until| until.min(until_reaping)))
    }

    /// Whether there is room for more writes.
    fn may_gather(&self) -> bool {
        self.log.filling_bytes() < GROUP_BYTES
            && self.commits.len() < VERSIONS_MAX
            && self.database.tree().garbage_bytes() < GARBAGE_MAX
    }

    /// Whether there is room for more requests.
    fn may_take(&self) -> bool {
        self.may_gather()
            && self.draft.bytes() + self.commits.bytes() < ANSWER_BYTES_MAX
            && self.throttle.has_room(self.draft.answers() + self.commits.answers())
    }

    /// Each turn begins with another reactor, so that none is left out where there is room for one only.
    fn gather(&mut self) {
        let reactors = self.exchanges.len();
        let first = (self.gathers_first + 1) % reactors;
        self.gathers_first = first;
        for reactor in (first..reactors).chain(0..first) {
            for _ in 0..SUBMISSIONS_PER_TURN {
                if !self.may_take() {
                    return;
                }
                let begun = self.begun[reactor].take();
                let next =
                    begun.or_else(|| self.exchange_of(reactor).submissions.pop().map(|submission| (submission, 0)));
                let Some((submission, done)) = next else { break };
                self.hear_of_the_gone(reactor);
                self.take_submission(reactor, submission, done);
            }
        }
    }

    /// Before a submission is looked at: what it says of a closed connection comes later.
    fn hear_of_the_gone(&mut self, reactor: usize) {
        while let Some(connection) = self.exchanges[reactor].gone.pop() {
            self.throttle.note_closed(Home { reactor, connection });
        }
    }

    /// Takes the requests after the first `done`. A small request can make a large transaction, so there may be no room
    /// for all of them.
    fn take_submission(&mut self, reactor: usize, submission: Submission, done: usize) {
        for (index, request) in submission.requests.iter().enumerate().skip(done) {
            if (index - done).is_multiple_of(tree::GROUP) {
                self.look_ahead(&submission, index);
            }
            if !self.may_take() {
                self.begun[reactor] = Some((submission, index));
                return;
            }
            // Whatever becomes of the request: a read of its connection waits for the version before it.
            if request.fence || self.draft.transactions() >= VERSION_TXNS || self.draft.bytes() >= VERSION_BYTES {
                self.seal();
            }
            let home = Home { reactor, connection: request.connection };
            match self.judge(home, request) {
                Judgement::Execute => self.take_request(home, request, &submission.bytes),
                Judgement::Drop => self.answer(home, AnswerKind::Cut),
                Judgement::Refuse => self.refuse(home, request),
            }
        }
        if let Some(Heard { sessions, until, at }) = submission.heard {
            let at_ms = self.millis(at);
            for session in sessions {
                self.expiry.touch(session, at_ms);
            }
            self.heard_until[reactor] = until;
        }
    }

    /// Has what the next writes will read on its way into the caches. Alone, a write has nobody to wait with.
    fn look_ahead(&self, submission: &Submission, from: usize) {
        let to = submission.requests.len().min(from + tree::GROUP);
        if to - from < 2 {
            return;
        }
        let mut paths = [(path::ROOT, false); tree::GROUP];
        let mut count = 0;
        for request in &submission.requests[from..to] {
            if let RequestKind::Write { opcode, body, .. } = &request.kind
                && let Some(ahead) = path_ahead(*opcode, &submission.bytes[body.start as usize..body.end as usize])
                && ahead.0.len() <= PATH_AHEAD_MAX
            {
                paths[count] = ahead;
                count += 1;
            }
        }
        self.database.tree().expect(&paths[..count]);
    }

    fn millis(&self, moment: Instant) -> u64 {
        moment.saturating_duration_since(self.epoch).as_millis() as u64
    }

    fn judge(&mut self, home: Home, request: &Request) -> Judgement {
        if self.throttle.is_off() {
            return Judgement::Execute;
        }
        let timeout = match request.kind {
            RequestKind::Connect { timeout } | RequestKind::Reattach { timeout, .. } => timeout,
            _ => self.session_timeout(request.session).unwrap_or(0),
        };
        self.throttle.judge(home, request, timeout, self.now)
    }

    /// It has waited too long to be executed.
    fn refuse(&mut self, home: Home, request: &Request) {
        let xid = refusable_xid(&request.kind).expect("the throttle refuses no others");
        self.answer(home, AnswerKind::Reply { xid, code: Code::Throttled.number(), body: 0..0 });
    }

    fn take_request(&mut self, home: Home, request: &Request, bytes: &[u8]) {
        match &request.kind {
            RequestKind::Write { xid, opcode, body, ids, keeper } => {
                let body = &bytes[body.start as usize..body.end as usize];
                self.upgrade_for(request.session, *opcode, body, *keeper);
                let is_local = self.local.contains(request.session);
                let caller = Caller { session: request.session, ids, is_local };
                let is_keepers = *keeper && (*opcode == opcode::MULTI || paddock_net::keeper::is_write(*opcode));
                let prepared = match is_keepers {
                    true => self.database.prepare_keeper(*opcode, body, caller),
                    false => self.database.prepare(*opcode, body, caller).map(Prepared::from),
                };
                self.write(home, request.session, *xid, prepared);
            }
            RequestKind::Sync { xid, body } => {
                self.sync(home, *xid, &bytes[body.start as usize..body.end as usize]);
            }
            RequestKind::Ephemerals { xid, body } => {
                self.list_ephemerals(home, request.session, *xid, &bytes[body.start as usize..body.end as usize]);
            }
            RequestKind::CloseSession { xid } => self.close_for(home, request.session, *xid),
            RequestKind::Connect { timeout } => self.connect(home, *timeout),
            RequestKind::Reattach { timeout, password_matches } => {
                self.reattach(home, request.session, *timeout, *password_matches);
            }
            RequestKind::Disconnected => {
                self.homes.leave(home);
                self.throttle.forget(home);
            }
        }
    }

    fn write(&mut self, home: Home, session: i64, xid: i32, prepared: Result<Prepared<'_>, Refusal>) {
        let (code, reply) = match prepared {
            Err(Refusal::Undecodable) => (Code::Marshalling.number(), 0..0),
            Err(Refusal::Failed(code)) => {
                self.propose(session, xid, &Txn::Error(code.number()));
                (code.number(), 0..0)
            }
            Ok(Prepared { txn, reply }) => {
                self.effects.reply.clear();
                txn.iter().for_each(|txn| self.propose(session, xid, txn));
                (0, self.draft.append(home.reactor, &reply.body(&self.effects.reply)))
            }
        };
        self.answer(home, AnswerKind::Reply { xid, code, body: reply });
    }

    /// Gives the transaction its zxid, logs it and applies it to the head. Its reply is in `effects`.
    fn propose(&mut self, client: i64, cxid: i32, txn: &Txn<'_>) {
        let zxid = self.database.last_zxid().next();
        let header = TxnHeader { client, cxid, zxid: zxid.0, time: self.wall_ms };
        let (database, effects) = (&mut self.database, &mut self.effects);
        effects.reply.clear();
        let before = self.log.filling_bytes();
        self.log.append(zxid, |out| {
            txn.write(&header, out);
            database.apply(&header, txn, Some(effects));
            if txn.takes_digest() {
                write_digest(database.tree().digest(), out);
            }
        });
        self.draft.note_transaction();
        self.transactions += 1;
        self.trigger.note(self.log.filling_bytes() - before);
    }

    fn answer(&mut self, home: Home, kind: AnswerKind) {
        let zxid = self.database.last_zxid().0;
        self.draft.answer(home.reactor, Answer { connection: home.connection, zxid, kind });
    }

    /// Everything proposed before it is committed before it is answered: that is all a sync asks for here.
    fn sync(&mut self, home: Home, xid: i32, body: &[u8]) {
        let mut reader = Reader::new(body);
        let kind = match reader.buffer() {
            Err(_) => AnswerKind::Reply { xid, code: Code::Marshalling.number(), body: 0..0 },
            Ok(_) => {
                let path = &body[..body.len() - reader.rest().len()];
                AnswerKind::Reply { xid, code: 0, body: self.draft.append(home.reactor, path) }
            }
        };
        self.answer(home, kind);
    }

    /// The session's own, as the head has them: answered when that is public.
    fn list_ephemerals(&mut self, home: Home, session: i64, xid: i32, body: &[u8]) {
        let kind = match Reader::new(body).string() {
            Err(_) => AnswerKind::Reply { xid, code: Code::Marshalling.number(), body: 0..0 },
            Ok(prefix) => {
                let prefix = prefix.unwrap_or_default();
                let mut list = vec![0; 4];
                let mut count = 0;
                for path in self.database.ephemerals_with_prefix(session, &prefix) {
                    list.put_string(path);
                    count += 1;
                    if list.len() > EPHEMERALS_BYTES_MAX {
                        break;
                    }
                }
                list[..4].copy_from_slice(&wire_length(count).to_be_bytes());
                if list.len() > EPHEMERALS_BYTES_MAX {
                    AnswerKind::Reply { xid, code: Code::Marshalling.number(), body: 0..0 }
                } else {
                    AnswerKind::Reply { xid, code: 0, body: self.draft.append(home.reactor, &list) }
                }
            }
        };
        self.answer(home, kind);
    }

    /// Ends the version under construction.
    fn seal(&mut self) {
        if self.draft.is_empty() {
            return;
        }
        let sealed = self.database.tree_mut().seal();
        let zxid = self.database.last_zxid();
        let events = std::mem::take(&mut self.effects.events);
        self.commits.push(self.draft.finish(sealed, zxid, events));
    }

    fn submit(&mut self) -> Result<(), ReplicaError> {
        if self.log.is_filling() {
            if self.log.can_submit() {
                let group = self.log.submit()?;
                self.commits.assign(group);
            }
        } else {
            // Answers without a transaction wait for nothing but what came before them.
            self.commits.assign_to_last();
            self.commit()?;
        }
        Ok(())
    }

    /// Makes public what is durable.
    fn commit(&mut self) -> Result<(), ReplicaError> {
        let durable = self.log.completed()?;
        let committed = self.commits.release(durable, self.database.tree_mut(), &self.exchanges, &self.status);
        if let Some(zxid) = committed {
            self.snapshotter.note_durable(zxid);
            self.update_status(zxid);
        }
        Ok(())
    }

    fn update_status(&self, zxid: Zxid) {
        let figures = &self.status.replica;
        let tree = self.database.tree();
        figures.zxid.store(zxid.0, Ordering::Relaxed);
        figures.znodes.set(tree.len() as u64);
        figures.ephemerals.set(self.database.ephemeral_count() as u64);
        figures.data_bytes.set(tree.data_bytes());
        figures.sessions.set(self.database.sessions().len() as u64);
        figures.sessions_expired.set(self.expired);
        figures.transactions.set(self.transactions);
        figures.garbage_bytes.set(tree.garbage_bytes() as u64);
        let log = self.log.stats();
        figures.groups.set(log.groups);
        figures.log_bytes.set(log.bytes);
        figures.sync_micros_sum.set(log.sync_total.as_micros() as u64);
        figures.sync_micros_max.set(log.sync_max.as_micros() as u64);
    }

    fn reclaim(&mut self) {
        self.may_reclaim_more = (0..RECLAIMS_PER_TURN).all(|_| self.database.tree_mut().reclaim());
    }

    fn see_to_snapshots(&mut self) -> Result<(), ReplicaError> {
        if let Some(done) = self.snapshotter.poll_done() {
            self.status.replica.snapshots.add(1);
            self.status.replica.snapshot_millis.set(done.millis);
            if let Some(oldest_kept) = done.oldest_kept {
                self.log.remove_before(oldest_kept)?;
            }
        }
        if self.trigger.is_due() && !self.stopping && self.snapshotter.is_idle() && self.draft.is_empty() {
            let zxid = self.database.last_zxid();
            if let Some(pin) = self.database.tree_mut().pin() {
                let sessions = self.database.sessions().collect();
                self.snapshotter.take(pin, zxid, sessions);
                self.log.roll();
                self.trigger.reset();
            }
        }
        // What is durable already will not be told again.
        self.snapshotter.note_durable(self.log.completed_zxid());
        Ok(())
    }

    fn stop_reactors(&self) {
        for exchange in self.exchanges.iter() {
            // A queue that is full of errands is emptied before long.
            let mut errand = Errand::Stop;
            while let Err(back) = exchange.errands.push(errand) {
                errand = back;
                exchange.reactor_bell.ring();
                std::thread::yield_now();
            }
            exchange.reactor_bell.ring();
        }
    }
}

fn wall_clock_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
