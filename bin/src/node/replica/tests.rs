//! The replica by hand: what reactors would send is put into its queues, and what it tells them is read, turn by turn.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use paddock_consensus::Zxid;
use paddock_engine::container::ContainerSettings;
use paddock_engine::database::{Database, Rules};
use paddock_engine::generation::{FormerGenerations, Generation};
use paddock_engine::installation::{self, InPlace, IncomingState};
use paddock_engine::io::{DataDir, Files};
use paddock_engine::jute::Write;
use paddock_engine::log::{Entry, Log, LogConfig};
use paddock_engine::progress::Progress;
use paddock_engine::replay::Before;
use paddock_engine::request::opcode;
use paddock_engine::tree::{HashSeed, Reader};
use paddock_engine::txn::{CreateKind, Txn, TxnHeader};
use paddock_engine::zookeeper::{OutputArchive, stream};
use paddock_net::doorbell::Doorbell;
use paddock_net::exchange::{
    AnswerKind, ConnectionId, EVENTS_AT_ONCE, Exchange, Heard, Release, Request, RequestKind, Submission,
    VersionRelease,
};
use paddock_net::serving::{Period, Serve};
use paddock_net::status::Status;

use super::draft::VERSION_TXNS;
use super::home::Home;
use super::long_work::STEPS_PER_TURN;
use super::window::Window;
use super::{FilesInPlace, GARBAGE_MAX, Parts, READERS_WAIT, RETRY, Replica};
use crate::config::{NewSessions, RequestThrottleSettings};
use crate::node::moment::Moment;
use crate::node::recovery::{Present, recover_present};
use crate::node::snapshotter::{self, DrivenBy, Snapshotter, Trigger};

/// Of sessions whose timeout is not the matter, ms.
const TIMEOUT: i32 = 100_000;
/// What does not happen within this time does not happen.
const DEADLINE: Duration = Duration::from_secs(20);

const FIRST: Home = home(0, 1);
const SECOND: Home = home(1, 1);

const fn home(reactor: usize, slot: u32) -> Home {
    Home { reactor, connection: ConnectionId { slot, generation: 0 } }
}

/// A replica of two reactors that are not there. Its clocks stand still unless they are moved, so that slices of a turn are
/// what they are at least, however long the machine takes.
struct World {
    replica: Replica,
    exchanges: Arc<[Arc<Exchange>]>,
    status: Arc<Status>,
    /// One of the first state's tree; it sleeps unless a test wakes it.
    reader: Option<Reader>,
    /// That the reactors have been told of last.
    period: Period,
    at: Moment,
    slice_clock: Arc<Mutex<Instant>>,
    poll: Poll,
    dir: Directory,
}

/// Goes with the value.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl World {
    fn new(name: &str) -> World {
        World::with(name, |_| {})
    }

    /// One whose parts are changed before it is made.
    fn with(name: &str, change: impl FnOnce(&mut Parts)) -> World {
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
            slice_clock: Box::new(move || *told.lock().unwrap()),
            start: at,
        };
        change(&mut parts);
        let mut replica = Replica::new(parts);
        for fd in replica.event_fds() {
            poll.registry().register(&mut SourceFd(&fd), Token(1), Interest::READABLE).unwrap();
        }
        replica.begin().unwrap();
        let period = Period { number: 1, serve: Serve::Yes };
        let mut world = World { replica, exchanges, status, reader: Some(reader), period, at, slice_clock, poll, dir };
        assert_eq!(world.told_period(), period, "a server that stands alone serves from the start on");
        world
    }

    /// Both clocks go on, and that of slices with them.
    fn go_on(&mut self, time: Duration) {
        self.at.now += time;
        self.at.wall_ms += time.as_millis() as i64;
        *self.slice_clock.lock().unwrap() = self.at.now;
    }

    /// Puts a submission into a reactor's queue.
    fn submit(&mut self, reactor: usize, submission: Submission) {
        let submission = Submission { period: self.period.number, ..submission };
        assert!(self.exchanges[reactor].submissions.push(submission).is_ok(), "there is room");
    }

    /// Puts a request of this connection into its reactor's queue.
    fn send(&mut self, home: Home, session: i64, kind: impl FnOnce(Range<u32>) -> RequestKind, body: &[u8]) {
        let kind = kind(0..body.len() as u32);
        let request = Request { connection: home.connection, session, fence: false, received: self.at.now, kind };
        self.submit(
            home.reactor,
            Submission { bytes: body.to_vec(), requests: vec![request], ..Submission::default() },
        );
    }

    /// Every reactor reports now that it heard these sessions, and nobody else, up to `age` ago.
    fn report(&mut self, heard: &[i64], age: Duration) {
        let (until, at) = (self.at.now - age, self.at.now);
        for reactor in 0..self.exchanges.len() {
            let heard = Some(Heard { sessions: heard.to_vec(), until, at, pause: None });
            self.submit(reactor, Submission { heard, ..Submission::default() });
        }
    }

    /// Takes from every queue the period that begins.
    fn told_period(&mut self) -> Period {
        let next = |exchange: &Arc<Exchange>| match exchange.releases.pop() {
            Some(Release::Serve(period)) => Some(period),
            _ => None,
        };
        let told: Vec<_> = self.exchanges.iter().map(next).collect();
        assert!(told.iter().all(|period| *period == told[0]), "{told:?}");
        told[0].expect("a period begins")
    }

    fn reader(&mut self) -> &mut Reader {
        self.reader.as_mut().expect("the first state is there")
    }

    fn turn(&mut self) {
        self.replica.turn(self.at).unwrap();
    }

    /// Turns until everything that was sent is answered. Returns what connections were told.
    fn answers(&mut self) -> Vec<(Home, String)> {
        self.finish();
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
    fn finish(&mut self) {
        self.turn();
        while !self.replica.head.is_idle() {
            self.sleep();
            self.turn();
        }
    }

    /// Waits as long as the replica would.
    fn sleep(&mut self) {
        let mut events = Events::with_capacity(8);
        let timeout = self.replica.timeout().unwrap_or(DEADLINE).min(DEADLINE);
        // The completion of a write can interrupt it.
        let polled = self.poll.poll(&mut events, Some(timeout));
        let is_in_time = polled.is_err() || !events.is_empty() || timeout < DEADLINE;
        assert!(is_in_time, "the log is done within {DEADLINE:?}");
    }

    fn connect(&mut self, home: Home) -> i64 {
        self.send(home, 0, |_| RequestKind::Connect { timeout: TIMEOUT }, &[]);
        self.answers();
        self.replica.sessions.session_at(home).expect("it is there now")
    }

    fn database(&self) -> &Database {
        self.replica.head.database()
    }

    fn exists(&self, path: &str) -> bool {
        self.database().tree().get(path).is_some()
    }

    /// The last transaction that the log has.
    fn logged(&mut self) -> Zxid {
        self.replica.head.log().last_zxid()
    }

    fn is_in_long_work(&self) -> bool {
        self.replica.head.is_in_long_work()
    }
}

/// Where the files of the test with this name are.
fn directory(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("paddock-replica-{name}-{}", std::process::id()))
}

/// What is next in a reactor's queue, which is a version.
fn version(exchange: &Exchange) -> Option<VersionRelease> {
    exchange.releases.pop().map(|release| match release {
        Release::Version(version) => version,
        _ => panic!("it is no version"),
    })
}

fn said(kind: &AnswerKind) -> String {
    match kind {
        AnswerKind::Reply { xid, code, .. } => format!("{xid}: {code}"),
        AnswerKind::Connected { .. } => "connected".into(),
        AnswerKind::Refused => "refused".into(),
        AnswerKind::Closed { xid } => format!("{xid}: closed"),
        AnswerKind::Dropped => "dropped".into(),
        AnswerKind::Cut => "cut".into(),
    }
}

fn open_log(dir: &Path) -> Log {
    Log::open(LogConfig::new(dir), Zxid::ZERO, &mut |_, _| Ok(())).unwrap().0
}

/// The body of a create of a znode that anybody may do anything with.
fn create_body(path: &str, flags: i32) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_string(path);
    body.put_buffer(Some(b""));
    paddock_engine::acl::write(&None, &mut body);
    body.put_i32(flags);
    body
}

fn create(xid: i32) -> impl FnOnce(Range<u32>) -> RequestKind {
    move |body| RequestKind::Write { xid, opcode: opcode::CREATE, body, ids: [].into(), keeper: false }
}

fn reattach(password_matches: bool) -> impl FnOnce(Range<u32>) -> RequestKind {
    move |_| RequestKind::Reattach { timeout: TIMEOUT, password_matches }
}

/// Everything that a client may ask the replica for, with a path of this text.
fn ask_everything(world: &mut World, home: Home, session: i64, path: &str) {
    let mut text = Vec::new();
    text.put_string(path);
    world.send(home, session, create(1), &create_body(path, 0));
    world.send(home, session, create(2), &create_body(&format!("{path}-ephemeral"), 1));
    world.send(home, session, |body| RequestKind::Sync { xid: 3, body }, &text);
    world.send(home, session, |body| RequestKind::Ephemerals { xid: 4, body }, &text);
    world.send(home, session, |_| RequestKind::CloseSession { xid: 5 }, &[]);
}

#[test]
fn what_was_on_its_way_when_the_session_moved_is_not_executed() {
    let mut world = World::new("moved");
    let session = world.connect(FIRST);
    world.send(SECOND, session, reattach(true), &[]);
    assert_eq!(world.answers(), [(FIRST, "dropped".into()), (SECOND, "connected".into())]);
    // The session has been answered on its new connection already.
    world.send(SECOND, session, create(7), &create_body("/a", 0));
    assert_eq!(world.answers(), [(SECOND, "7: 0".into())]);
    let before = world.database().last_zxid();
    ask_everything(&mut world, FIRST, session, "/late");
    assert_eq!(world.answers(), [], "its connection has been told that it is closed");
    assert!(!world.exists("/late"));
    assert_eq!(world.database().last_zxid(), before, "nothing takes a zxid");
    // The old connection's end, however late, is not the session's new one's.
    world.send(FIRST, session, |_| RequestKind::Disconnected, &[]);
    world.send(SECOND, session, create(8), &create_body("/b", 1));
    assert_eq!(world.answers(), [(SECOND, "8: 0".into())]);
    assert_eq!(world.database().ephemeral_count_of(session), 1);
}

#[test]
fn what_was_on_its_way_when_a_stranger_cut_the_connection_is_not_executed() {
    let mut world = World::new("stranger");
    let session = world.connect(FIRST);
    world.send(SECOND, session, reattach(false), &[]);
    assert_eq!(world.answers(), [(FIRST, "dropped".into()), (SECOND, "refused".into())]);
    ask_everything(&mut world, FIRST, session, "/late");
    ask_everything(&mut world, SECOND, session, "/strangers");
    assert_eq!(world.answers(), []);
    assert!(!world.exists("/late") && !world.exists("/strangers"));
    let third = home(0, 2);
    world.send(third, session, reattach(true), &[]);
    assert_eq!(world.answers(), [(third, "connected".into())], "the session lives");
}

#[test]
fn sessions_that_move_from_each_other_end_where_the_last_was() {
    let mut world = World::new("race");
    let session = world.connect(FIRST);
    let (second, third) = (home(0, 2), home(0, 3));
    world.send(second, session, reattach(true), &[]);
    world.send(second, session, create(1), &create_body("/from-second", 0));
    world.send(third, session, reattach(true), &[]);
    world.send(second, session, create(2), &create_body("/late", 0));
    world.send(third, session, create(1), &create_body("/from-third", 0));
    let told: Vec<String> =
        world.answers().into_iter().map(|(home, said)| format!("{} {said}", home.connection.slot)).collect();
    assert_eq!(told, ["1 dropped", "2 connected", "2 1: 0", "2 dropped", "3 connected", "3 1: 0"]);
    assert!(world.exists("/from-second") && world.exists("/from-third") && !world.exists("/late"));
}

#[test]
fn a_session_that_is_over_does_nothing_any_more() {
    let mut world = World::new("over");
    let session = world.connect(FIRST);
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    assert_eq!(world.answers(), [(FIRST, "1: closed".into())]);
    let before = world.database().last_zxid();
    ask_everything(&mut world, FIRST, session, "/late");
    assert_eq!(world.answers(), []);
    assert_eq!(world.database().last_zxid(), before);
}

fn sync(xid: i32) -> impl FnOnce(Range<u32>) -> RequestKind {
    move |body| RequestKind::Sync { xid, body }
}

#[test]
fn a_replica_that_stops_waits_for_a_reactor_without_spinning() {
    let mut world = World::new("stopping-blocked");
    let session = world.connect(FIRST);
    // Nobody takes the answers.
    while !world.replica.head.is_blocked() {
        world.send(FIRST, session, sync(1), b"\0\0\0\x02/a");
        world.turn();
    }
    world.replica.stop();
    world.send(FIRST, session, sync(1), b"\0\0\0\x02/a");
    world.turn();
    assert!(!world.replica.has_stopped());
    assert_eq!(world.replica.timeout(), Some(RETRY));
    world.exchanges.iter().for_each(|exchange| while exchange.releases.pop().is_some() {});
    world.turn();
    assert!(world.replica.has_stopped(), "what was not taken is nobody's any more");
}

#[test]
fn a_replica_that_stops_sleeps_until_the_log_wakes_it() {
    let mut world = World::new("stopping-log");
    let session = world.connect(FIRST);
    let txn = Txn::Create {
        kind: CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false },
        path: "/a".into(),
        data: None,
        acl: None,
        parent_cversion: -1,
    };
    world.replica.head.propose(session, 0, &txn, 0);
    world.replica.stop();
    assert!(!world.replica.has_stopped());
    assert_eq!(world.replica.timeout(), None);
    world.finish();
    assert!(world.replica.has_stopped());
}

#[test]
fn a_replica_with_too_much_garbage_looks_after_its_readers() {
    let mut world = World::with("garbage", |parts| parts.garbage_max = 1);
    let session = world.connect(FIRST);
    world.reader().wake();
    world.send(FIRST, session, create(1), &create_body("/a", 0));
    assert_eq!(world.answers(), [(FIRST, "1: 0".into())]);
    world.send(FIRST, session, sync(2), b"\0\0\0\x02/a");
    assert_eq!(world.answers(), [], "nothing is taken");
    assert_eq!(world.replica.timeout(), Some(READERS_WAIT));
    world.reader().sleep();
    assert_eq!(world.answers(), [], "what nobody sees is freed at the turn's end");
    assert_eq!(world.replica.timeout(), Some(Duration::ZERO));
    assert_eq!(world.answers(), [(FIRST, "2: 0".into())]);
}

/// As an ensemble's first leader would: no transaction has the counter 0.
#[test]
fn where_the_counter_ends_a_server_alone_begins_the_next_epoch() {
    let mut world = World::with("counter", |parts| {
        let header = TxnHeader { client: 0, cxid: 0, zxid: 0xffff_fffc, time: 0 };
        parts.database.apply(&header, &Txn::Error(0), None);
    });
    let session = world.connect(FIRST);
    let mut zxids = Vec::new();
    for xid in 1..5 {
        world.send(FIRST, session, create(xid), &create_body(&format!("/{xid}"), 0));
        assert_eq!(world.answers(), [(FIRST, format!("{xid}: 0"))]);
        zxids.push(world.replica.head.database().last_zxid().0);
    }
    assert_eq!(zxids, [0xffff_fffe, 0xffff_ffff, 0x1_0000_0001, 0x1_0000_0002]);
    let World { replica, dir, .. } = world;
    replica.end().unwrap();
    let mut recovered = Vec::new();
    let mut take = |zxid: Zxid, _: &[u8]| {
        recovered.push(zxid.0);
        Ok(())
    };
    let (log, _) = Log::open(LogConfig::new(&dir.0), Zxid::ZERO, &mut take).unwrap();
    assert_eq!(log.last_zxid(), Zxid(0x1_0000_0002));
    zxids.insert(0, 0xffff_fffd);
    assert_eq!(recovered, zxids, "a start finds them in the same log");
}

/// Gives the session so many ephemerals, `/<prefix>0` and so on.
fn give_ephemerals(world: &mut World, session: i64, prefix: &str, count: usize) {
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

#[test]
fn a_long_transaction_is_applied_a_slice_each_turn_and_nothing_comes_between() {
    const TURNS: usize = 4;
    let mut world = World::new("long");
    let (session, other) = (world.connect(FIRST), world.connect(SECOND));
    let count = TURNS * STEPS_PER_TURN - 1;
    give_ephemerals(&mut world, session, "e", count);
    world.replica.snapshots.hurry();
    let (before, version) = (world.database().last_zxid(), world.database().tree().root().version());
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    for left in (1..TURNS).rev() {
        world.turn();
        assert_eq!(world.database().ephemeral_count(), left * STEPS_PER_TURN - 1);
        assert_eq!(world.replica.timeout(), Some(Duration::ZERO), "it goes on at once");
        assert_eq!(world.logged(), before, "the log has nothing of it");
        assert_eq!(world.database().tree().root().version(), version, "nor has any reader");
        let appended = world.replica.head.appended();
        assert!(world.replica.snapshots.are_due(appended), "nor a snapshot, which is begun later");
        assert!(!world.replica.head.is_idle());
        if left == TURNS - 1 {
            world.send(SECOND, other, create(2), &create_body("/later", 0));
        }
        assert_eq!(world.exchanges[1].submissions.len(), 1, "others wait");
    }
    assert_eq!(world.answers(), [(FIRST, "1: closed".into()), (SECOND, "2: 0".into())]);
    assert_eq!(world.database().last_zxid().0, before.0 + 2, "one transaction, and the other's");
    assert_eq!(world.database().ephemeral_count(), 0);
}

#[test]
fn a_long_transaction_has_as_much_time_as_the_others_took() {
    const TURNS: usize = 12;
    let mut world = World::new("share");
    let session = world.connect(FIRST);
    give_ephemerals(&mut world, session, "e", TURNS * STEPS_PER_TURN);
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    world.turn();
    assert_eq!(world.database().ephemeral_count(), (TURNS - 1) * STEPS_PER_TURN);
    // As if the turns of the reactor had taken this long, and the slice took no time.
    world.go_on(DEADLINE);
    world.turn();
    assert!(!world.is_in_long_work());
    assert_eq!(world.answers(), [(FIRST, "1: closed".into())]);
}

#[test]
fn what_came_before_a_long_transaction_does_not_wait_for_it() {
    let mut world = World::new("before-long");
    let (session, other) = (world.connect(FIRST), world.connect(home(0, 2)));
    let count = 3 * STEPS_PER_TURN;
    give_ephemerals(&mut world, session, "e", count);
    world.reader().wake();
    world.send(home(0, 2), other, create(2), &create_body("/before", 0));
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    world.turn();
    assert!(world.is_in_long_work());
    world.finish();
    // The create is public in a version that has nothing of the close, the close in one that has all of it.
    for (left, expected) in [(count, "2: 0"), (0, "1: closed")] {
        let releases = world.exchanges.iter().map(|exchange| version(exchange).expect("each has each version"));
        let releases: Vec<_> = releases.collect();
        let view = world.reader().view_ahead(&releases[0].root);
        assert_eq!((0..count).filter(|number| view.get(&format!("/e{number}")).is_some()).count(), left);
        let told: Vec<String> = releases.iter().flat_map(|one| &one.answers).map(|one| said(&one.kind)).collect();
        assert_eq!(told, [expected]);
    }
}

/// Figures are of what others can see, not of the head in the middle of a transaction.
#[test]
fn figures_are_those_of_the_public_version_while_a_long_transaction_is_under_way() {
    let mut world = World::new("figures");
    let (session, other) = (world.connect(FIRST), world.connect(SECOND));
    give_ephemerals(&mut world, session, "e", 3 * STEPS_PER_TURN);
    let figures = |world: &World| {
        let figures = &world.status.replica;
        [figures.znodes.get(), figures.ephemerals.get(), figures.sessions_expired.get()]
    };
    let [znodes, ephemerals, _] = figures(&world);
    world.go_on(2 * Duration::from_millis(TIMEOUT as u64));
    world.report(&[other], Duration::ZERO);
    // It is durable, and tells its figures, in the middle of the other's end.
    world.send(SECOND, other, create(2), &create_body("/before", 0));
    world.turn();
    let deadline = Instant::now() + DEADLINE;
    while figures(&world)[0] == znodes {
        assert!(Instant::now() < deadline, "the log is done within {DEADLINE:?}");
        world.sleep();
        world.replica.commit().unwrap();
    }
    assert!(world.is_in_long_work() && world.database().ephemeral_count() < ephemerals as usize);
    assert_eq!(figures(&world), [znodes + 1, ephemerals, 0]);
    world.finish();
    assert_eq!(figures(&world), [znodes + 1 - 3 * STEPS_PER_TURN as u64, 0, 1]);
}

#[test]
fn what_was_asked_in_another_period_is_dropped() {
    let mut world = World::new("period");
    let session = world.connect(FIRST);
    let connect = |_| RequestKind::Connect { timeout: TIMEOUT };
    world.send(FIRST, session, create(1), &create_body("/before", 0));
    world.send(home(0, 2), 0, connect, &[]);
    world.replica.begin_period(Serve::No);
    let before = world.period;
    world.period = world.told_period();
    assert_eq!(world.period, Period { number: before.number + 1, serve: Serve::No });
    assert_eq!(world.answers(), []);
    assert!(!world.exists("/before"));
    world.replica.begin_period(Serve::Yes);
    // It does not know yet.
    world.send(FIRST, session, create(2), &create_body("/between", 0));
    world.send(home(1, 2), 0, connect, &[]);
    world.period = world.told_period();
    world.send(FIRST, session, create(3), &create_body("/without-session", 0));
    world.send(SECOND, session, reattach(true), &[]);
    world.send(SECOND, session, create(4), &create_body("/after", 0));
    assert_eq!(world.answers(), [(SECOND, "connected".into()), (SECOND, "4: 0".into())], "the session lives");
    assert!(world.exists("/after") && !world.exists("/between") && !world.exists("/without-session"));
    assert_eq!(world.database().sessions().len(), 1);
}

/// As one that another server tells what is committed: it applies that in the midst of a turn.
#[test]
fn what_is_committed_is_public_before_the_next_period_begins() {
    let mut world = World::new("committed-before");
    world.replica.head.propose(0, 0, &Txn::CreateSession { timeout: TIMEOUT }, 0);
    let committed = world.database().last_zxid();
    world.replica.role.note_durable(committed);
    world.replica.head.propose(0, 0, &Txn::Error(0), 0);
    world.replica.head.seal();
    world.replica.head.propose(0, 0, &Txn::Error(0), 0);
    world.replica.begin_period(Serve::No);
    assert_eq!(world.told_period().serve, Serve::No, "the version has a transaction that is not committed");
    world.replica.head.propose(0, 0, &Txn::Error(0), 0);
    let committed = world.database().last_zxid();
    world.replica.role.note_durable(committed);
    world.replica.begin_period(Serve::Yes);
    for exchange in world.exchanges.iter() {
        let versions = [(); 3].map(|()| version(exchange).expect("a version comes before the period").zxid);
        assert_eq!(versions, [2, 3, 4]);
    }
    assert_eq!(world.told_period().serve, Serve::Yes);
}

#[test]
fn a_transaction_that_was_begun_is_finished_before_the_next_period_begins() {
    let mut world = World::new("finished-before");
    let (session, other) = (world.connect(FIRST), world.connect(home(0, 2)));
    give_ephemerals(&mut world, session, "e", 3 * STEPS_PER_TURN);
    world.go_on(Duration::from_secs(1));
    let request = |home: Home, session, kind| Request {
        connection: home.connection,
        session,
        fence: false,
        received: world.at.now,
        kind,
    };
    let bytes = create_body("/late", 0);
    let late = create(2)(0..bytes.len() as u32);
    let requests =
        vec![request(FIRST, session, RequestKind::CloseSession { xid: 1 }), request(home(0, 2), other, late)];
    let heard = Some(Heard { sessions: vec![other], until: world.at.now, at: world.at.now, pause: None });
    world.submit(0, Submission { bytes, requests, heard, ..Submission::default() });
    world.turn();
    let before = world.logged();
    assert!(world.is_in_long_work() && world.replica.sessions.reports().newest() < world.at.now);
    world.replica.begin_period(Serve::No);
    assert!(!world.is_in_long_work());
    assert_eq!((world.logged().0, world.database().ephemeral_count()), (before.0 + 1, 0));
    world.period = world.told_period();
    world.finish();
    assert!(!world.exists("/late"), "the rest of the submission was asked in the period before");
    assert_eq!(world.replica.sessions.reports().newest(), world.at.now, "what it reports counts");
}

#[test]
fn what_a_reactor_heard_before_a_period_counts() {
    let mut world = World::new("heard-before");
    let session = world.connect(FIRST);
    world.go_on(Duration::from_secs(1));
    world.report(&[session], Duration::ZERO);
    world.replica.begin_period(Serve::No);
    world.turn();
    assert_eq!(world.replica.sessions.reports().heard_until(), world.at.now);
}

#[test]
fn connections_of_another_period_are_no_reason_to_drop_a_request() {
    let mut world = World::with("throttle-period", |parts| {
        parts.throttle = RequestThrottleSettings {
            requests_max: Some(1),
            drops_stale: true,
            checks_connection: true,
            ..parts.throttle
        };
    });
    let session = world.connect(FIRST);
    world.exchanges[0].gone.push(FIRST.connection).unwrap();
    world.send(FIRST, session, create(1), &create_body("/a", 0));
    assert_eq!(world.answers(), [(FIRST, "cut".into())]);
    for serve in [Serve::No, Serve::Yes] {
        world.replica.begin_period(serve);
        world.period = world.told_period();
    }
    world.connect(FIRST);
}

/// A server that begins to end sessions has not heard anybody.
#[test]
fn sessions_have_their_whole_timeout_again_when_a_period_begins() {
    let mut world = World::new("armed");
    let session = world.connect(FIRST);
    world.go_on(Duration::from_millis(TIMEOUT as u64));
    world.turn();
    for serve in [Serve::No, Serve::Yes] {
        world.replica.begin_period(serve);
        world.period = world.told_period();
    }
    world.go_on(Duration::from_millis(TIMEOUT as u64 / 2));
    world.report(&[], Duration::ZERO);
    world.answers();
    assert_eq!(world.database().session_timeout(session), Some(TIMEOUT));
    world.go_on(Duration::from_millis(TIMEOUT as u64));
    world.report(&[], Duration::ZERO);
    world.answers();
    assert_eq!(world.database().session_timeout(session), None);
}

#[test]
#[should_panic(expected = "a session without a transaction")]
fn clients_that_only_read_are_not_served_yet() {
    World::new("read-only").replica.begin_period(Serve::ReadOnly);
}

#[test]
fn another_state_takes_the_place_of_the_present_one() {
    let mut world = World::with("state", |parts| parts.window = Some(Window::new(Zxid::ZERO, 0)));
    let (session, gone) = (world.connect(FIRST), world.connect(SECOND));
    world.send(FIRST, session, create(1), &create_body("/old", 0));
    assert_eq!(world.answers(), [(FIRST, "1: 0".into())]);
    world.replica.begin_period(Serve::No);
    world.period = world.told_period();
    let zxid = world.database().last_zxid();
    let mut rebuilt = Database::new(HashSeed([8; 16]), Rules::default());
    let header = TxnHeader { client: session, cxid: 0, zxid: zxid.0, time: 0 };
    rebuilt.apply(&header, &Txn::CreateSession { timeout: TIMEOUT }, None);
    assert!(world.replica.may_be_replaced());
    let former = world.replica.replace_database(rebuilt, world.at);
    assert!(former.tree().get("/old").is_some() && former.tree().is_seen(), "readers have it");
    for exchange in world.exchanges.iter() {
        let Some(Release::State(state)) = exchange.releases.pop() else { panic!("it is no state") };
        assert_eq!((state.zxid, state.reader.view().get("/old").is_some()), (zxid.0, false));
    }
    world.reader = None;
    assert!(!former.tree().is_seen(), "whoever has it may drop it");
    let window = world.replica.window().expect("it was given one");
    assert_eq!((window.last(), window.has(Zxid(1))), (zxid, false));
    world.replica.begin_period(Serve::Yes);
    world.period = world.told_period();
    world.send(FIRST, session, reattach(true), &[]);
    world.send(SECOND, gone, reattach(true), &[]);
    world.send(FIRST, session, create(2), &create_body("/new", 0));
    assert_eq!(
        world.answers(),
        [(FIRST, "connected".into()), (FIRST, "2: 0".into()), (SECOND, "refused".into())],
        "only what the state has is there"
    );
    assert_eq!((world.database().last_zxid().0, world.exists("/old")), (zxid.0 + 1, false));
    world.go_on(2 * Duration::from_millis(TIMEOUT as u64));
    world.report(&[], Duration::ZERO);
    world.answers();
    assert_eq!(world.database().sessions().len(), 0, "its sessions expire");
}

/// What a leader has sent, in the place of what this server had.
fn installed(dir: &Path, state: &Database) -> InPlace {
    let mut archive = OutputArchive::new(Vec::new());
    let sessions: Vec<_> = state.sessions().collect();
    stream::write(&mut archive, &state.tree().head(), &sessions).unwrap();
    stream::write_signature(&mut archive).unwrap();
    let (seed, rules) = (HashSeed([9; 16]), Rules::default());
    let settings = installation::Settings { seed, rules, length_max: 1 << 20, before: Before::Exact };
    let mut incoming = IncomingState::new(settings);
    incoming.take(&archive.finish().unwrap()).unwrap();
    let installed = incoming.finish(state.last_zxid()).unwrap();
    installed.put_in_place(LogConfig::new(dir), []).unwrap()
}

#[test]
fn another_history_takes_the_place_of_the_present_one() {
    let mut world = World::with("history", |parts| {
        let settings = snapshotter::Settings { files: Files::Real, data_dir: directory("history"), retain: None };
        parts.snapshotter = Snapshotter::start(settings, FormerGenerations::default(), DrivenBy::Caller).unwrap();
    });
    let session = world.connect(FIRST);
    world.send(FIRST, session, create(1), &create_body("/old", 0));
    world.answers();
    world.replica.begin_period(Serve::No);
    world.period = world.told_period();
    let zxid = world.database().last_zxid();
    let mut state = Database::new(HashSeed([8; 16]), Rules::default());
    let header = TxnHeader { client: session, cxid: 0, zxid: zxid.0, time: 0 };
    state.apply(&header, &Txn::CreateSession { timeout: TIMEOUT }, None);
    // One that is being taken of the former history.
    world.replica.snapshots.hurry();
    world.turn();
    let placed = installed(&world.dir.0, &state);
    let generation = placed.generation;
    assert!(world.replica.may_be_replaced());
    let former = world.replica.replace(placed, world.at).unwrap();
    assert!(former.tree().get("/old").is_some());
    for exchange in world.exchanges.iter() {
        assert!(matches!(exchange.releases.pop(), Some(Release::State(_))));
    }
    for fd in world.replica.event_fds() {
        world.poll.registry().register(&mut SourceFd(&fd), Token(1), Interest::READABLE).unwrap();
    }
    world.reader = None;
    drop(former);
    while world.replica.work(world.at.now) == Progress::More {}
    assert!(!world.dir.0.join("paddock-1").exists(), "the former history goes");

    world.replica.begin_period(Serve::Yes);
    world.period = world.told_period();
    world.send(FIRST, session, reattach(true), &[]);
    world.send(FIRST, session, create(2), &create_body("/new", 0));
    assert_eq!(world.answers(), [(FIRST, "connected".into()), (FIRST, "2: 0".into())]);
    assert_eq!(world.logged().0, zxid.0 + 1);
    world.replica.snapshots.hurry();
    world.turn();
    while world.status.replica.snapshots.get() == 0 {
        world.replica.work(world.at.now);
        world.answers();
    }
    let dir = generation.dir(&world.dir.0);
    let snapshots = paddock_engine::snapshot::list(&Files::Real, &dir).unwrap();
    assert_eq!(snapshots.last().map(|(zxid, _)| *zxid), Some(Zxid(zxid.0 + 1)), "in its own directory");
    let World { replica, dir, .. } = world;
    replica.end().unwrap();
    let Present { recovered, .. } = recover_present(LogConfig::new(&dir.0), Rules::default()).unwrap();
    assert!(recovered.database.tree().get("/new").is_some());
}

#[test]
fn a_caller_has_a_snapshot_taken_step_by_step() {
    let mut world = World::with("caller", |parts| {
        let settings = snapshotter::Settings { files: Files::Real, data_dir: directory("caller"), retain: None };
        parts.snapshotter = Snapshotter::start(settings, FormerGenerations::default(), DrivenBy::Caller).unwrap();
    });
    world.connect(FIRST);
    world.replica.snapshots.hurry();
    world.turn();
    let mut steps = 0;
    while world.status.replica.snapshots.get() == 0 {
        steps += 1;
        assert!(steps < 10, "it is written, and put into place");
        world.replica.work(world.at.now);
        world.answers();
    }
    assert!(!paddock_engine::snapshot::list(&Files::Real, &world.dir.0).unwrap().is_empty());
}

#[test]
fn the_window_has_what_the_log_has() {
    let mut world = World::with("window", |parts| parts.window = Some(Window::new(Zxid::ZERO, 0)));
    let session = world.connect(FIRST);
    give_ephemerals(&mut world, session, "e", STEPS_PER_TURN + 1);
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    assert_eq!(world.answers(), [(FIRST, "1: closed".into())]);
    let window = world.replica.window().expect("it was given one");
    let in_window = window.range(Zxid::ZERO, window.last()).expect("they are few");
    let in_window: Vec<(Zxid, Vec<u8>)> = in_window.map(|(zxid, record)| (zxid, record.to_vec())).collect();
    let mut in_log = Vec::new();
    paddock_engine::log::inspect(&Files::Real, &world.dir.0, &mut |entry| {
        if let Entry::Record { zxid, payload, .. } = entry {
            in_log.push((zxid, payload.to_vec()));
        }
    })
    .unwrap();
    assert_eq!((in_window.len(), in_window == in_log), (STEPS_PER_TURN + 3, true));
}

#[test]
fn a_replica_that_stops_finishes_a_long_transaction_or_gives_it_up() {
    for gives_up in [false, true] {
        let mut world = World::new(if gives_up { "gives-up" } else { "finishes" });
        let session = world.connect(FIRST);
        give_ephemerals(&mut world, session, "e", 3 * STEPS_PER_TURN);
        let before = world.logged();
        world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
        world.turn();
        world.replica.stop();
        world.turn();
        assert_eq!((world.replica.has_stopped(), world.replica.timeout()), (false, Some(Duration::ZERO)));
        if gives_up {
            world.go_on(DEADLINE);
        }
        let told = world.answers();
        assert!(world.replica.has_stopped());
        let expected = if gives_up { vec![] } else { vec![(FIRST, "1: closed".into())] };
        assert_eq!(told, expected);
        assert_eq!(world.logged() == before, gives_up);
    }
}

/// A client has given up before the replica came to its handshake: it took nothing for a while.
#[test]
fn a_session_that_begins_without_a_connection_expires() {
    let mut world = World::new("nobody");
    world.send(FIRST, 0, |_| RequestKind::Connect { timeout: TIMEOUT }, &[]);
    world.send(FIRST, 0, |_| RequestKind::Disconnected, &[]);
    world.answers();
    assert_eq!(world.database().sessions().len(), 1);
    world.go_on(2 * Duration::from_millis(TIMEOUT as u64));
    world.report(&[], Duration::ZERO);
    assert_eq!(world.answers(), [], "nobody is told");
    assert_eq!(world.database().sessions().len(), 0);
}

#[test]
fn sessions_that_are_due_together_are_ended_a_few_each_turn() {
    const SESSIONS: usize = 6;
    let mut world = World::new("expiry");
    for number in 0..SESSIONS {
        let session = world.connect(home(0, number as u32));
        give_ephemerals(&mut world, session, &format!("{number}-"), STEPS_PER_TURN / 2);
    }
    world.go_on(2 * Duration::from_millis(TIMEOUT as u64));
    world.report(&[], Duration::ZERO);
    for left in [SESSIONS - 2, SESSIONS - 4] {
        world.turn();
        assert_eq!(world.database().sessions().len(), left);
        assert_eq!(world.replica.timeout(), Some(Duration::ZERO), "the others are next");
    }
    world.turn();
    assert_eq!(world.database().sessions().len(), 0);
    assert_eq!(world.answers().len(), SESSIONS, "each connection is told");
    assert_ne!(world.replica.timeout(), Some(Duration::ZERO));
}

#[test]
fn a_version_with_very_many_events_is_public_when_every_reactor_has_looked_through_them() {
    let mut world = World::new("looked-through");
    let session = world.connect(FIRST);
    // Each deletion is told of by two events.
    give_ephemerals(&mut world, session, "e", EVENTS_AT_ONCE / 2 + 1);
    let public = world.reader().published();
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    let deadline = Instant::now() + DEADLINE;
    while !world.replica.head.is_blocked() {
        assert!(Instant::now() < deadline, "the log is done within {DEADLINE:?}");
        world.sleep();
        world.turn();
    }
    for exchange in world.exchanges.clone().iter() {
        world.turn();
        assert_eq!((world.reader().published(), world.replica.timeout()), (public, Some(RETRY)));
        let release = version(exchange).expect("every reactor has it in its queue");
        assert!(exchange.releases.is_empty());
        release.looked_through.expect("it has very many events").fetch_add(1, Ordering::Release);
    }
    world.turn();
    assert!(world.reader().published() > public && world.replica.head.is_idle());
}

/// Under an overload a report tells of what came seconds ago, and is followed by the next as late as that.
#[test]
fn containers_go_although_every_report_is_late() {
    let mut world = World::with("late-reports", |parts| {
        parts.containers =
            ContainerSettings { check_interval_ms: 0, max_per_minute: 60_000, max_never_used_ms: Some(0) };
    });
    let second = Duration::from_secs(1);
    world.go_on(10 * second);
    for (path, age_ms) in [("/older", 10_000), ("/newer", 1000)] {
        let path = path.into();
        let txn = Txn::Create { kind: CreateKind::Container, path, data: None, acl: None, parent_cversion: -1 };
        world.replica.head.propose(0, 0, &txn, world.at.wall_ms - age_ms);
    }
    world.report(&[], 4 * second);
    world.go_on(3 * second);
    world.answers();
    assert!(world.exists("/older"), "a reactor may have stood still since it has reported");
    world.report(&[], 7 * second);
    world.answers();
    assert!(!world.exists("/older"));
    world.go_on(Duration::from_millis(2));
    world.answers();
    assert!(world.exists("/newer"), "it was not due yet when what came before the reports came");
}
