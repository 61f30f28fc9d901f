//! A replica of two reactors that are not there.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use paddock_consensus::output::Part;
use paddock_consensus::{Epoch, Zxid};
use paddock_engine::container::ContainerSettings;
use paddock_engine::database::{Database, Rules};
use paddock_engine::generation::{FormerGenerations, Generation};
use paddock_engine::io::{DataDir, Files};
use paddock_engine::jute::Write;
use paddock_engine::log::{Log, LogConfig, RECORD_BYTES_MAX};
use paddock_engine::request::opcode;
use paddock_engine::tree::{HashSeed, Reader};
use paddock_engine::txn::{CreateKind, Txn};
use paddock_net::doorbell::Doorbell;
use paddock_net::exchange::{
    AnswerKind, ConnectionId, Exchange, Heard, Release, Request, RequestKind, Submission, VersionRelease,
};
use paddock_net::serving::{Period, Serve};
use paddock_net::status::Status;

use crate::config::{NewSessions, RequestThrottleSettings};
use crate::node::moment::Moment;
use crate::node::replica::draft::VERSION_TXNS;
use crate::node::replica::home::Home;
use crate::node::replica::role::Role;
use crate::node::replica::{FilesInPlace, GARBAGE_MAX, Parts, Replica};
use crate::node::snapshotter::{self, DrivenBy, Snapshotter, Trigger};

/// Of sessions whose timeout is not the matter, ms.
pub(super) const TIMEOUT: i32 = 100_000;
/// What does not happen within this time does not happen.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

pub(super) const FIRST: Home = home(0, 1);
pub(super) const SECOND: Home = home(1, 1);

pub(super) const fn home(reactor: usize, slot: u32) -> Home {
    Home { reactor, connection: ConnectionId { slot, generation: 0 } }
}

/// A replica of two reactors that are not there. It stands alone, or leads an ensemble of one. Its clocks
/// stand still unless they are moved, so that slices of a turn are what they are at least, however long the machine takes.
pub(super) struct World {
    pub(super) replica: Replica,
    pub(super) exchanges: Arc<[Arc<Exchange>]>,
    pub(super) status: Arc<Status>,
    /// One of the first state's tree; it sleeps unless a test wakes it.
    pub(super) reader: Option<Reader>,
    /// That the reactors have been told of last.
    pub(super) period: Period,
    pub(super) at: Moment,
    pub(super) slice_clock: Arc<Mutex<Instant>>,
    pub(super) poll: Poll,
    pub(super) dir: Directory,
}

/// Goes with the value.
pub(super) struct Directory(pub(super) PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl World {
    pub(super) fn new(name: &str) -> World {
        World::with(name, |_| {})
    }

    /// One whose parts are changed before it is made.
    pub(super) fn with(name: &str, change: impl FnOnce(&mut Parts)) -> World {
        let dir = Directory(directory(name));
        fs::create_dir_all(&dir.0).unwrap();
        let poll = Poll::new().unwrap();
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(0)).unwrap());
        let reactor_bell = || {
            let poll = Poll::new().unwrap();
            Arc::new(Doorbell::new(poll.registry(), Token(0)).unwrap())
        };
        let exchanges: Arc<[Arc<Exchange>]> =
            (0..2).map(|_| Arc::new(Exchange::new(reactor_bell(), bell.clone()))).collect();
        let status = Arc::new(Status { reactors: (0..2).map(|_| Default::default()).collect(), ..Status::default() });
        let mut database = Database::new(HashSeed([7; 16]), Rules::default());
        let mut reader = database.tree_mut().reader();
        reader.sleep();
        let at = Moment::read();
        let slice_clock = Arc::new(Mutex::new(at.now));
        let told = slice_clock.clone();
        let mut parts = Parts {
            exchanges: exchanges.clone(),
            status: status.clone(),
            database,
            log: open_log(&dir.0),
            is_member: false,
            window: None,
            containers: ContainerSettings { check_interval_ms: 60_000, max_per_minute: 1, max_never_used_ms: None },
            tick_ms: 2000,
            heard_interval: Duration::from_millis(500),
            server_id: 1,
            new_sessions: NewSessions::Global,
            throttle: RequestThrottleSettings {
                requests_max: None,
                drops_stale: false,
                checks_connection: false,
                checks_latency: false,
                wait_max: None,
            },
            snapshotter: Snapshotter::start(
                snapshotter::Settings { files: Files::Real, data_dir: dir.0.clone(), retain: None },
                FormerGenerations::default(),
                DrivenBy::Thread(bell),
            )
            .unwrap(),
            trigger: Trigger::new(u64::MAX, u64::MAX, 7),
            files: FilesInPlace::new(
                Arc::new(DataDir::open(&Files::Real, &dir.0, false).unwrap()),
                Generation::FIRST,
                None,
            ),
            garbage_max: GARBAGE_MAX,
            record_max: RECORD_BYTES_MAX,
            slice_clock: Box::new(move || *told.lock().unwrap()),
            audit: None,
            start: at,
        };
        change(&mut parts);
        let is_member = parts.is_member;
        let mut replica = Replica::new(parts);
        for fd in replica.event_fds() {
            poll.registry().register(&mut SourceFd(&fd), Token(1), Interest::READABLE).unwrap();
        }
        replica.begin().unwrap();
        let serve = if is_member { Serve::No } else { Serve::Yes };
        let period = Period { number: 1, serve };
        let mut world = World { replica, exchanges, status, reader: Some(reader), period, at, slice_clock, poll, dir };
        assert_eq!(
            world.told_period(),
            period,
            "a server that stands alone serves from the start on, and no other does"
        );
        if is_member {
            world.serve_as(Part::Leading { epoch: Epoch(0) });
        }
        world
    }

    /// A member of an ensemble serves in this part from now on.
    pub(super) fn serve_as(&mut self, part: Part) {
        self.replica.membership_mut().become_part(part, Serve::Yes);
        self.replica.begin_period(Serve::Yes);
        self.period = self.told_period();
    }

    /// Both clocks go on, and that of slices with them.
    pub(super) fn go_on(&mut self, time: Duration) {
        self.at.now += time;
        self.at.wall_ms += time.as_millis() as i64;
        *self.slice_clock.lock().unwrap() = self.at.now;
    }

    /// Puts a submission into a reactor's queue.
    pub(super) fn submit(&mut self, reactor: usize, submission: Submission) {
        let submission = Submission { period: self.period.number, ..submission };
        assert!(self.exchanges[reactor].submissions.push(submission).is_ok(), "there is room");
    }

    /// Puts a request of this connection into its reactor's queue.
    pub(super) fn send(&mut self, home: Home, session: i64, kind: impl FnOnce(Range<u32>) -> RequestKind, body: &[u8]) {
        let kind = kind(0..body.len() as u32);
        let request = Request { connection: home.connection, session, fence: false, received: self.at.now, kind };
        self.submit(
            home.reactor,
            Submission { bytes: body.to_vec(), requests: vec![request], ..Submission::default() },
        );
    }

    /// Every reactor reports now that it heard these sessions, and nobody else, up to `age` ago.
    pub(super) fn report(&mut self, heard: &[i64], age: Duration) {
        let (until, at) = (self.at.now - age, self.at.now);
        for reactor in 0..self.exchanges.len() {
            let heard = Some(Heard { sessions: heard.to_vec(), until, at, pause: None });
            self.submit(reactor, Submission { heard, ..Submission::default() });
        }
    }

    /// Takes from every queue the period that begins.
    pub(super) fn told_period(&mut self) -> Period {
        let next = |exchange: &Arc<Exchange>| match exchange.releases.pop() {
            Some(Release::Serve(period)) => Some(period),
            _ => None,
        };
        let told: Vec<_> = self.exchanges.iter().map(next).collect();
        assert!(told.iter().all(|period| *period == told[0]), "{told:?}");
        told[0].expect("a period begins")
    }

    pub(super) fn reader(&mut self) -> &mut Reader {
        self.reader.as_mut().expect("the first state is there")
    }

    pub(super) fn turn(&mut self) {
        self.replica.turn(self.at).unwrap();
        // Of an ensemble of one, what is durable is committed.
        let durable = self.replica.head.completed();
        if let Role::Member(member) = &mut self.replica.role
            && member.serving() == Serve::Yes
        {
            member.commit(durable);
            self.replica.publish();
        }
    }

    /// Turns until everything that was sent is answered. Returns what connections were told.
    pub(super) fn answers(&mut self) -> Vec<(Home, String)> {
        self.finish();
        self.told()
    }

    /// What connections were told by the versions that are in the queues, up to what is no version.
    pub(super) fn told(&mut self) -> Vec<(Home, String)> {
        let mut told = Vec::new();
        for (reactor, exchange) in self.exchanges.iter().enumerate() {
            while let Some(release) = version(exchange) {
                told.extend(
                    release.answers.iter().map(|one| (Home { reactor, connection: one.connection }, said(&one.kind))),
                );
            }
        }
        told
    }

    /// Turns until everything that was sent is answered; the answers stay in the queues.
    pub(super) fn finish(&mut self) {
        self.turn();
        while !self.replica.head.is_idle() {
            self.sleep();
            self.turn();
        }
    }

    /// Waits as long as the replica would.
    pub(super) fn sleep(&mut self) {
        let mut events = Events::with_capacity(8);
        let bell = self.exchanges[0].replica_bell.clone();
        bell.going_to_sleep();
        let timeout = self.replica.timeout().unwrap_or(DEADLINE).min(DEADLINE);
        // The completion of a write can interrupt it.
        let polled = self.poll.poll(&mut events, Some(timeout));
        bell.awake();
        let is_in_time = polled.is_err() || !events.is_empty() || timeout < DEADLINE;
        assert!(is_in_time, "the log is done within {DEADLINE:?}");
    }

    pub(super) fn connect(&mut self, home: Home) -> i64 {
        self.send(home, 0, |_| RequestKind::Connect { timeout: TIMEOUT }, &[]);
        self.answers();
        self.replica.sessions.session_at(home).expect("it is there now")
    }

    pub(super) fn database(&self) -> &Database {
        self.replica.head.database()
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.database().tree().get(path).is_some()
    }

    /// The last transaction that the log has.
    pub(super) fn logged(&mut self) -> Zxid {
        self.replica.head.log().last_zxid()
    }

    pub(super) fn is_in_long_work(&self) -> bool {
        self.replica.head.is_in_long_work()
    }
}

/// Where the files of the test with this name are.
pub(super) fn directory(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("paddock-replica-{name}-{}", std::process::id()))
}

/// What is next in a reactor's queue, which is a version.
pub(super) fn version(exchange: &Exchange) -> Option<VersionRelease> {
    exchange.releases.pop().map(|release| match release {
        Release::Version(version) => version,
        _ => panic!("it is no version"),
    })
}

pub(super) fn said(kind: &AnswerKind) -> String {
    match kind {
        AnswerKind::Reply { xid, code, .. } => format!("{xid}: {code}"),
        AnswerKind::Connected { .. } => "connected".into(),
        AnswerKind::Refused => "refused".into(),
        AnswerKind::Closed { xid } => format!("{xid}: closed"),
        AnswerKind::Dropped => "dropped".into(),
        AnswerKind::Cut => "cut".into(),
    }
}

pub(super) fn open_log(dir: &Path) -> Log {
    Log::open(LogConfig::new(dir), Zxid::ZERO, &mut |_, _| Ok(())).unwrap().0
}

/// The body of a create of a znode that anybody may do anything with.
pub(super) fn create_body(path: &str, flags: i32) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_string(path);
    body.put_buffer(Some(b""));
    paddock_engine::acl::write(&None, &mut body);
    body.put_i32(flags);
    body
}

pub(super) fn create(xid: i32) -> impl FnOnce(Range<u32>) -> RequestKind {
    move |body| RequestKind::Write { xid, opcode: opcode::CREATE, body, ids: [].into(), keeper: false }
}

pub(super) fn reattach(password_matches: bool) -> impl FnOnce(Range<u32>) -> RequestKind {
    move |_| RequestKind::Reattach { timeout: TIMEOUT, password_matches }
}

/// Everything that a client may ask the replica for, with a path of this text.
pub(super) fn ask_everything(world: &mut World, home: Home, session: i64, path: &str) {
    let mut text = Vec::new();
    text.put_string(path);
    world.send(home, session, create(1), &create_body(path, 0));
    world.send(home, session, create(2), &create_body(&format!("{path}-ephemeral"), 1));
    world.send(home, session, |body| RequestKind::Sync { xid: 3, body }, &text);
    world.send(home, session, |body| RequestKind::Ephemerals { xid: 4, body }, &text);
    world.send(home, session, |_| RequestKind::CloseSession { xid: 5 }, &[]);
}

/// Gives the session so many ephemerals, `/<prefix>0` and so on.
pub(super) fn give_ephemerals(world: &mut World, session: i64, prefix: &str, count: usize) {
    for number in 0..count {
        let txn = Txn::Create {
            kind: CreateKind::Plain { opcode: opcode::CREATE, ephemeral: true },
            path: format!("/{prefix}{number}").into(),
            data: None,
            acl: None,
            parent_cversion: -1,
        };
        world.replica.head.propose(session, 0, &txn, 0);
        if number % VERSION_TXNS == 0 {
            world.answers();
        }
    }
    world.answers();
}

pub(super) fn sync(xid: i32) -> impl FnOnce(Range<u32>) -> RequestKind {
    move |body| RequestKind::Sync { xid, body }
}
