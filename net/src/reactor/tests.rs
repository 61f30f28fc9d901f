//! A reactor without a replica: its queues are held by the test, so that they can stay full.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded};
use mio::net::{TcpListener, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use paddock_engine::acl::{Authority, X509};
use paddock_engine::error::Code;
use paddock_engine::io::sys;
use paddock_engine::jute::{Reader, Write as _};
use paddock_engine::request::opcode;
use paddock_engine::stat::Stat;
use paddock_engine::tree::{ExtendedTypes, HashSeed, NewZnode, Root, Tree};
use socket2::SockRef;

use super::submitter::{RETRY, RETRY_MAX};
use super::{ACCEPTOR, BELL, EVENTS_PER_TURN, FOREIGN, Listeners, Parts, Reactor, SaslSettings, Settings};
use crate::client_tls::PortKind;
use crate::connection::{Connection, Stage};
use crate::doorbell::Doorbell;
use crate::exchange::{
    Answer, AnswerKind, ConnectionId, Errand, Exchange, Release, RequestKind, State, Submission, VersionRelease,
};
use crate::frame;
use crate::limits::{LargeRequests, Limits};
use crate::long_words::Asked;
use crate::memory::Memory;
use crate::sasl::failures::DELAY;
use crate::sasl::kerberos_name::KerberosNames;
use crate::sasl::server::Login;
use crate::sasl::{Negotiation, SaslError, Step};
use crate::sasl_tokens::{SaslToken, TOKENS_PER_REACTOR_MAX};
use crate::serving::{Period, Serve};
use crate::stages::Way;
use crate::status::{ReactorStatus, Status};
use crate::throttle::ConnectionThrottleSettings;

/// Nothing takes this long; a test that waits longer has failed.
const DEADLINE: Duration = Duration::from_secs(30);
/// Words that take long and may wait.
const WORDS_MAX: usize = 4;
/// A turn waits so long for events.
const POLL: Duration = Duration::from_millis(1);

mod secure;

struct World {
    reactor: Reactor,
    poll: Poll,
    events: Events,
    /// Of the one that there is.
    exchange: Arc<Exchange>,
    address: SocketAddr,
    tree: Tree,
    /// The words that wait for another thread.
    asked: Receiver<Asked>,
    /// SASL tokens that go to the thread.
    tokens: Receiver<SaslToken>,
    /// Of the last version.
    zxid: i64,
}

fn settings() -> Settings {
    Settings {
        frame_max: 1 << 20,
        session_timeout_min: 1,
        session_timeout_max: 60_000,
        connections_per_address_max: 0,
        connections_max: 0,
        handshake_deadline: Duration::from_secs(10),
        heard_interval: Duration::from_millis(1),
        outstanding_max: u64::MAX,
        connections_bytes_max: 1 << 30,
        tcp_keep_alive: false,
        authority: Authority::default(),
        enforced_schemes: Vec::new(),
        sasl: None,
        local_sessions: false,
        tells_gone: false,
        slow_request: None,
        tls: None,
    }
}

fn throttle() -> ConnectionThrottleSettings {
    ConnectionThrottleSettings {
        tokens: 0,
        fill_count: 1,
        fill_time_ms: 1,
        freeze_time_ms: None,
        drop_increase: 0.0,
        drop_decrease: 0.0,
        decrease_ratio: 0.0,
        weights: None,
    }
}

fn frame(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as i32).to_be_bytes()[..], payload].concat()
}

/// A handshake for a new session.
fn hello() -> Vec<u8> {
    let mut payload = vec![0; 12];
    payload.extend(20_000_i32.to_be_bytes());
    payload.extend([0; 8]);
    payload.extend(16_i32.to_be_bytes());
    payload.extend([0; 16]);
    frame(&payload)
}

fn ping() -> Vec<u8> {
    frame(&[(-2_i32).to_be_bytes(), 11_i32.to_be_bytes()].concat())
}

impl World {
    fn new(settings: Settings) -> World {
        World::among(settings, 1)
    }

    /// The first of so many reactors; of the others there are only the queues.
    fn among(settings: Settings, reactors: usize) -> World {
        World::at(settings, reactors, PortKind::Plain)
    }

    /// The same, with a port of this kind.
    fn at(settings: Settings, reactors: usize, kind: PortKind) -> World {
        let poll = Poll::new().unwrap();
        let bell = Arc::new(Doorbell::new(poll.registry(), BELL).unwrap());
        let exchanges: Arc<[_]> = (0..reactors).map(|_| Arc::new(Exchange::new(bell.clone(), bell.clone()))).collect();
        let exchange = exchanges[ACCEPTOR].clone();
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (long_words, asked) = bounded(WORDS_MAX);
        let (sasl_tokens, tokens) = bounded(TOKENS_PER_REACTOR_MAX);
        let mut tree = Tree::new(HashSeed([7; 16]), ExtendedTypes::Off);
        let reactor = Reactor::new(Parts {
            index: ACCEPTOR,
            registry: poll.registry().try_clone().unwrap(),
            exchanges,
            settings: Arc::new(settings),
            limits: Arc::new(Limits::new(throttle(), LargeRequests::new(None, 0))),
            status: Arc::new(Status {
                reactors: (0..reactors).map(|_| ReactorStatus::default()).collect(),
                allowed_words: vec!["ruok", "cons"],
                ..Status::default()
            }),
            long_words,
            sasl_tokens,
            listeners: match kind {
                PortKind::Secure => Listeners { plain: None, secure: Some(listener) },
                _ => Listeners { plain: Some((listener, kind)), secure: None },
            },
            reader: tree.reader(),
            zxid: 0,
        });
        let events = Events::with_capacity(EVENTS_PER_TURN);
        let mut world =
            World { reactor: reactor.unwrap(), poll, events, exchange, address, tree, asked, tokens, zxid: 0 };
        world.serve(1, Serve::Yes);
        world
    }

    /// A serving period begins.
    fn serve(&mut self, number: u64, serve: Serve) {
        assert!(self.exchange.releases.push(Release::Serve(Period { number, serve })).is_ok());
        self.turn();
    }

    fn turn(&mut self) {
        self.reactor.rest();
        self.poll.poll(&mut self.events, Some(POLL)).unwrap();
        self.reactor.rise();
        self.reactor.take_in(Some(&self.events));
        self.reactor.give_out(Instant::now());
    }

    #[track_caller]
    fn turn_until(&mut self, mut is_so: impl FnMut(&mut World) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < DEADLINE, "it never came to that");
            self.turn();
        }
    }

    /// A connection that the reactor has accepted, and not for another one.
    fn open(&mut self) -> TcpStream {
        self.reactor.acceptor.restart();
        let before = self.reactor.clients.connections.len();
        let stream = TcpStream::connect(self.address).unwrap();
        self.turn_until(|world| world.reactor.clients.connections.len() > before);
        stream.set_nonblocking(true).unwrap();
        stream
    }

    /// Connections that have this session.
    fn greet(&mut self, session: i64) -> TcpStream {
        self.greet_with(&hello(), session).0
    }

    /// One that has this session after its handshake, and what it was told by that.
    fn greet_with(&mut self, handshake: &[u8], session: i64) -> (TcpStream, Vec<u8>) {
        let mut stream = self.open();
        stream.write_all(handshake).unwrap();
        let mut connection = None;
        self.turn_until(|world| {
            connection = world.taken().into_iter().find_map(|submission| {
                submission.requests.iter().find_map(|request| match request.kind {
                    RequestKind::Connect { .. } => Some(request.connection),
                    _ => None,
                })
            });
            connection.is_some()
        });
        let connection = connection.unwrap();
        self.answer(connection, AnswerKind::Connected { session, timeout: 20_000 });
        self.turn_until(|world| {
            world.reactor.clients.connections.get(connection).is_some_and(|found| found.stage == Stage::Established)
        });
        let mut welcome = [0; 41];
        self.turn_until(|_| stream.peek(&mut welcome).is_ok_and(|count| count >= 40));
        let count = stream.read(&mut welcome).unwrap();
        (stream, welcome[..count].to_vec())
    }

    /// What the replica would take.
    fn taken(&self) -> Vec<Submission> {
        std::iter::from_fn(|| self.exchange.submissions.pop()).collect()
    }

    /// What a client is told, so many replies of it.
    fn told(&mut self, stream: &mut TcpStream, count: usize) -> Vec<u8> {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        self.turn_until(|_| {
            if let Ok(count) = stream.read(&mut buffer) {
                bytes.extend_from_slice(&buffer[..count]);
            }
            replies(&bytes).len() >= count
        });
        bytes
    }

    /// A version that changes nothing, with one answer.
    fn answer(&mut self, connection: ConnectionId, kind: AnswerKind) {
        let root = self.answer_ahead(connection, kind);
        self.tree.announce(root);
    }

    /// The same, before it is announced.
    fn answer_ahead(&mut self, connection: ConnectionId, kind: AnswerKind) -> Root {
        self.zxid += 1;
        let sealed = self.tree.seal();
        let root = self.tree.commit(sealed);
        let release = VersionRelease {
            root,
            zxid: self.zxid,
            events: Arc::default(),
            looked_through: None,
            answers: vec![Answer { connection, zxid: self.zxid, kind }],
            bytes: Vec::new(),
            way: None,
        };
        assert!(self.exchange.releases.push(Release::Version(release)).is_ok());
        root
    }

    /// From now on nobody is given any time. Before that a slow machine would be enough for that.
    fn shorten_the_deadline(&mut self) {
        let settings = &mut self.reactor.clients.ledger.settings;
        *settings = Arc::new(Settings { handshake_deadline: Duration::from_millis(1), ..Settings::clone(settings) });
    }

    /// Nothing goes to the replica any more.
    fn stop_the_replica(&mut self) {
        while self.exchange.submissions.push(Submission::default()).is_ok() {}
    }
}

/// Everything up to the end of the stream.
fn read_to_end(world: &mut World, mut stream: TcpStream) -> std::io::Result<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let began = Instant::now();
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => world.turn(),
            Err(error) => return Err(error),
        }
        assert!(began.elapsed() < DEADLINE, "it does not end");
    }
}

/// Closes with a reset, which a reactor sees whatever it is waiting for.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn handshakes_do_not_pile_up_while_the_replica_takes_nothing() {
    const BATCHES: usize = 40;
    const BATCH: usize = 100;
    let mut world = World::new(settings());
    world.stop_the_replica();
    for _ in 0..BATCHES {
        let mut batch: Vec<TcpStream> = (0..BATCH).map(|_| world.open()).collect();
        batch.iter_mut().for_each(|stream| stream.write_all(&hello()).unwrap());
        world.turn_until(|world| world.reactor.clients.connections.iter().all(|one| one.has_more() || !one.is_read()));
        batch.into_iter().for_each(reset);
        world.turn_until(|world| world.reactor.clients.connections.is_empty());
    }
    let requests = world.reactor.clients.ledger.submitter.submission().requests.len();
    assert!(requests <= 4096 + BATCH, "{requests} requests wait");
    let mut late = world.open();
    late.write_all(&hello()).unwrap();
    world.turn_until(|world| world.reactor.clients.ledger.submitter.starved() == 1);
    let mut word = world.open();
    word.write_all(b"ruok").unwrap();
    assert_eq!(read_to_end(&mut world, word).unwrap(), b"imok", "a word needs no room");
    world.taken();
    world.turn_until(|world| world.reactor.clients.connections.iter().all(|one| one.stage == Stage::Establishing));
    assert_eq!(world.reactor.clients.ledger.submitter.starved(), 0);
}

#[test]
fn sessions_are_reported_once_however_long_a_report_waits() {
    const SESSIONS: i64 = 3;
    let mut world = World::new(Settings { heard_interval: Duration::ZERO, ..settings() });
    let mut streams: Vec<TcpStream> = (1..=SESSIONS).map(|session| world.greet(session)).collect();
    world.stop_the_replica();
    world.turn_until(|world| world.reactor.clients.ledger.submitter.holds_report());
    for _ in 0..50 {
        let received = world.reactor.clients.ledger.figures.own().received.get();
        streams.iter_mut().for_each(|stream| stream.write_all(&ping()).unwrap());
        world.turn_until(|world| {
            world.reactor.clients.ledger.figures.own().received.get() >= received + SESSIONS as u64
        });
    }
    drop(streams.pop());
    world.turn_until(|world| world.reactor.clients.connections.len() == SESSIONS as usize - 1);
    let mut reported = Vec::new();
    world.turn_until(|world| {
        let taken = world.taken();
        let heard = taken.into_iter().filter_map(|submission| submission.heard);
        reported.extend(heard.filter(|heard| !heard.sessions.is_empty()).map(|mut heard| {
            heard.sessions.sort_unstable();
            heard.sessions
        }));
        reported.iter().flatten().any(|session| *session == SESSIONS)
    });
    assert!(reported.iter().all(|sessions| sessions.is_sorted_by(|one, next| one < next)), "{reported:?}");
    assert!(reported.concat().contains(&1), "{reported:?}");
}

/// Its session is the replica's to end; the descriptor is this reactor's.
#[test]
fn what_a_poll_tells_of_the_sockets_of_others_says_nothing_about_clients() {
    sys::raise_descriptor_limit().unwrap();
    let mut world = World::new(settings());
    let before = world.reactor.clients.ledger.reports.hearing().until();
    let others: Vec<UdpSocket> = (0..EVENTS_PER_TURN)
        .map(|number| {
            let mut socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            world.poll.registry().register(&mut socket, Token(FOREIGN + number), Interest::WRITABLE).unwrap();
            socket
        })
        .collect();
    world.turn();
    assert_eq!(world.reactor.clients.ledger.reports.hearing().until(), before, "clients may have been left out");
    world.turn();
    assert!(world.reactor.clients.ledger.reports.hearing().until() > before);
    drop(others);
}

#[test]
fn whoever_gives_up_waiting_for_a_session_is_let_go() {
    let mut world = World::new(settings());
    world.stop_the_replica();
    let (mut gone, mut waiting) = (world.open(), world.open());
    for stream in [&mut gone, &mut waiting] {
        stream.write_all(&hello()).unwrap();
    }
    world.turn_until(|world| world.reactor.clients.connections.iter().all(|one| one.stage == Stage::Establishing));
    gone.shutdown(Shutdown::Write).unwrap();
    world.shorten_the_deadline();
    world.turn_until(|world| world.reactor.clients.connections.len() == 1);
    assert!(world.reactor.clients.connections.iter().all(|one| !one.ended), "the other one waits on");
    // The replica's answer to it finds nobody, and the news of its end comes after what it asked.
    let submissions: Vec<Submission> =
        std::iter::once(world.reactor.clients.ledger.submitter.submission().take()).collect();
    let requests = &submissions[0].requests;
    let ended = requests.iter().rfind(|one| matches!(one.kind, RequestKind::Disconnected)).unwrap().connection;
    assert!(requests.iter().any(|one| one.connection == ended && matches!(one.kind, RequestKind::Connect { .. })));
    let stale = |world: &World| world.reactor.clients.ledger.figures.own().stale_replies.get();
    assert_eq!(stale(&world), 0);
    world.answer(ended, AnswerKind::Connected { session: 7, timeout: 1 });
    world.turn();
    assert_eq!(world.reactor.clients.connections.len(), 1);
    world.answer(ended, AnswerKind::Reply { xid: 1, code: 0, body: 0..0 });
    world.answer(ended, AnswerKind::Closed { xid: 2 });
    world.turn();
    assert_eq!(stale(&world), 2, "what ends a session is for nobody");
}

/// The end of a connection stands behind requests that there is no room for.
#[test]
fn whoever_gives_up_waiting_for_room_is_let_go() {
    let mut world = World::new(settings());
    let (mut gone, mut waiting) = (world.greet(1), world.greet(2));
    world.stop_the_replica();
    world.reactor.clients.ledger.submitter.submission().bytes = vec![0; 1 << 20];
    world.turn_until(|world| world.reactor.clients.ledger.submitter.stuck().is_some());
    for stream in [&mut gone, &mut waiting] {
        stream.write_all(&request(1, opcode::SYNC, &[0; 4])).unwrap();
    }
    gone.shutdown(Shutdown::Write).unwrap();
    world.turn_until(|world| {
        world.reactor.clients.ledger.submitter.starved() == 2
            && world.reactor.clients.connections.iter().any(|one| one.ended)
    });
    world.shorten_the_deadline();
    world.turn_until(|world| world.reactor.clients.connections.len() == 1);
    assert_eq!(world.connection().session, 2);
    assert_eq!(world.reactor.clients.ledger.submitter.starved(), 1, "who is closed waits for nothing");
}

#[test]
fn a_full_queue_is_tried_ever_more_seldom() {
    let mut world = World::new(settings());
    world.stop_the_replica();
    world.turn_until(|world| world.reactor.clients.ledger.submitter.stuck().is_some());
    let since = world.reactor.clients.ledger.submitter.stuck().unwrap();
    let waits = [0, 80, 1_000_000].map(|millis| {
        world.reactor.clients.ledger.begin_half(since + Duration::from_millis(millis));
        world.reactor.acceptor.restart();
        world.reactor.timeout()
    });
    assert_eq!(waits, [RETRY, Duration::from_millis(10), RETRY_MAX]);
    world.taken();
    world.turn();
    assert_eq!(world.reactor.clients.ledger.submitter.stuck(), None);
}

/// Whatever ends a connection in the middle of a turn, its client is not reset for what it still sends.
#[test]
fn a_connection_that_is_ended_in_the_middle_of_a_turn_lingers() {
    let mut world = World::new(settings());
    let mut stream = world.open();
    stream.write_all(b"ruok").unwrap();
    // What is owed is written at once, where memory is short.
    world.reactor.clients.ledger.memory = Memory::new(0, 1);
    world.turn_until(|world| world.reactor.clients.connections.is_empty());
    assert_eq!(world.reactor.clients.lingering(), 1);
    stream.write_all(b"\n").unwrap();
    assert_eq!(read_to_end(&mut world, stream).unwrap(), b"imok");
    world.turn_until(|world| world.reactor.clients.lingering() == 0);
}

#[test]
fn a_socket_that_lingers_counts_for_no_address() {
    let mut world = World::new(Settings { connections_per_address_max: 1, ..settings() });
    let mut lingering = world.open();
    lingering.write_all(b"ruok").unwrap();
    world.turn_until(|world| world.reactor.clients.lingering() == 1);
    let mut next = world.open();
    next.write_all(b"ruok").unwrap();
    assert_eq!(read_to_end(&mut world, next).unwrap(), b"imok");
    assert_eq!(read_to_end(&mut world, lingering).unwrap(), b"imok");
}

impl World {
    /// The only connection.
    fn connection(&mut self) -> &mut Connection {
        assert_eq!(self.reactor.clients.connections.len(), 1);
        self.reactor.clients.connections.iter_mut().next().unwrap()
    }

    /// Turns until the only connection has asked so much.
    fn turn_until_received(&mut self, count: u64) {
        self.turn_until(|world| world.connection().tally.received >= count);
    }
}

fn request(xid: i32, opcode: i32, body: &[u8]) -> Vec<u8> {
    frame(&[&xid.to_be_bytes()[..], &opcode.to_be_bytes(), body].concat())
}

fn auth(credential: &str) -> Vec<u8> {
    let mut body = vec![0; 4];
    for field in ["digest", credential] {
        body.extend((field.len() as i32).to_be_bytes());
        body.extend(field.as_bytes());
    }
    request(-4, opcode::AUTH, &body)
}

/// Each request that waits holds the list of its time.
#[test]
fn identities_that_waiting_requests_hold_are_counted_and_bounded() {
    const NAME: usize = 30_000;
    const PROOFS: usize = 200;
    let mut world = World::new(settings());
    let mut stream = world.greet(1);
    stream.write_all(&request(1, opcode::SYNC, &[0; 4])).unwrap();
    world.turn_until_received(2);
    let before = world.connection().account.counted();
    stream.write_all(&auth(&format!("{}:p", "n".repeat(NAME)))).unwrap();
    let mut proofs = Vec::new();
    for number in 0..PROOFS {
        proofs.extend(request(2, opcode::WHO_AM_I, &[]));
        proofs.extend(auth(&format!("{number}:p")));
    }
    stream.write_all(&proofs).unwrap();
    world.turn_until(|world| world.connection().has_more() && !world.connection().unread);
    assert!(world.connection().ids.len() < PROOFS, "it waits with the rest");
    let lists = world.connection().ids.len() - 2;
    let counted = world.connection().account.counted() - before;
    assert!(counted > lists * NAME, "{counted} bytes were counted of {lists} lists");
    assert!(world.connection().burden() > lists * NAME);
}

#[test]
fn what_is_proven_again_makes_no_list() {
    let mut world = World::new(settings());
    let mut stream = world.greet(1);
    stream.write_all(&auth("one:p")).unwrap();
    world.turn_until_received(2);
    let list = world.connection().ids.list();
    stream.write_all(&auth("one:p")).unwrap();
    world.turn_until_received(3);
    assert!(Arc::ptr_eq(&list, &world.connection().ids.list()));
}

/// A frame that is whole makes room for the next, which begins anew to be waited for.
#[test]
fn whoever_gets_on_is_not_waited_for_longest() {
    let mut world = World::new(settings());
    let mut stream = world.greet(1);
    let frame = ping();
    let (begun, rest) = frame.split_at(6);
    stream.write_all(begun).unwrap();
    world.turn_until(|world| world.connection().account.burdened().is_some());
    let since = world.connection().account.burdened();
    world.turn();
    let burden = world.connection().burden();
    world.connection().account.note_burden(burden, Instant::now());
    assert_eq!(world.connection().account.burdened(), since, "nothing has come");
    stream.write_all(&[rest, begun].concat()).unwrap();
    world.turn_until_received(2);
    assert!(world.connection().input.len() == begun.len() && world.connection().account.burdened() > since);
}

#[test]
fn what_is_left_of_a_long_frame_takes_no_more_than_it_is() {
    const LONG: usize = 900_000;
    let mut world = World::new(settings());
    let mut stream = world.greet(1);
    stream.set_nonblocking(false).unwrap();
    let mut bytes = request(1, opcode::EXISTS, &vec![255; LONG]);
    bytes.extend([0; 2]);
    let (all_but_the_end, end) = bytes.split_at(LONG);
    stream.write_all(all_but_the_end).unwrap();
    world.turn_until(|world| world.connection().input.len() == LONG);
    stream.write_all(end).unwrap();
    world.turn_until(|world| world.connection().input.len() == 2);
    let memory = world.connection().memory();
    assert!(memory < 20_000, "{memory} bytes are held for 2");
}

/// A client may go as soon as it has asked: what others answer waits all the same.
#[test]
fn words_that_take_long_wait_for_no_more_than_there_is_room_for() {
    const ASKED: usize = 20;
    let mut world = World::new(settings());
    let mut refused = 0;
    for _ in 0..ASKED {
        let mut stream = world.open();
        stream.write_all(b"cons").unwrap();
        let mut waits = false;
        world.turn_until(|world| {
            waits = world.reactor.clients.connections.iter().any(|one| one.stage == Stage::Inquiring);
            waits || world.reactor.clients.connections.is_empty()
        });
        refused += usize::from(!waits);
        reset(stream);
        world.turn_until(|world| world.reactor.clients.connections.is_empty());
    }
    assert_eq!((world.asked.len(), refused), (WORDS_MAX, ASKED - WORDS_MAX));
    while world.asked.try_recv().is_ok() {}
    let mut stream = world.open();
    stream.write_all(b"cons").unwrap();
    world.turn_until(|world| world.connection().stage == Stage::Inquiring);
}

#[test]
fn what_another_thread_answers_is_told_whole_and_ends_the_connection() {
    const LONG: usize = 1_000_000;
    let mut world = World::new(settings());
    let mut stream = world.open();
    stream.write_all(b"cons").unwrap();
    world.turn_until(|world| world.connection().stage == Stage::Inquiring);
    let connection = world.connection().id;
    let is_this_one = |asked: Asked| (asked.reactor, asked.connection) == (ACCEPTOR, connection);
    assert!(world.asked.try_recv().is_ok_and(is_this_one));
    assert!(world.exchange.errands.push(Errand::Say { connection, text: "n".repeat(LONG) }).is_ok());
    assert_eq!(read_to_end(&mut world, stream).unwrap().len(), LONG);
}

/// Whoever has less than its share waits for the others, and writes once a turn as always.
#[test]
fn room_is_asked_for_once_a_turn() {
    let mut world = World::among(Settings { connections_bytes_max: 1 << 20, ..settings() }, 2);
    let _stream = world.greet(1);
    world.reactor.clients.ledger.figures.status().reactors[1].connection_bytes.set(2 << 20);
    world.turn();
    world.reactor.clients.relieve();
    let memory = &mut world.reactor.clients.ledger.memory;
    assert!(memory.is_exceeded() && memory.awaits_room());
    let slot = world.connection().id.slot;
    world.connection().output.tail().push(0);
    let (connection, ledger) = world.reactor.clients.at(slot).unwrap();
    ledger.owe(connection);
    world.reactor.clients.relieve();
    assert_eq!(world.connection().unwritten(), 1, "it is written at the end of the turn");
    world.turn();
    assert_eq!(world.connection().unwritten(), 0);
}

#[test]
fn what_a_reactor_answers_itself_needs_no_room() {
    let mut world = World::new(settings());
    let mut stream = world.greet(1);
    world.stop_the_replica();
    world.reactor.clients.ledger.submitter.submission().bytes = vec![0; 1 << 20];
    let read = request(1, opcode::EXISTS, &[&1_i32.to_be_bytes()[..], b"/\0"].concat());
    stream.write_all(&[read, ping(), auth("one:p"), request(2, opcode::SYNC, &[0; 4]), ping()].concat()).unwrap();
    world.turn_until(|world| world.reactor.clients.ledger.submitter.starved() == 1);
    world.turn();
    assert_eq!((world.connection().tally.received, world.connection().tally.sent()), (3 + 1, 3 + 1), "a handshake too");
    world.taken();
    world.turn_until_received(4 + 2);
}

/// Codes.
const NOT_THERE: i32 = -101;
const NOT_READ_ONLY: i32 = -119;
const NOT_SERVING: &[u8] = b"This ZooKeeper instance is not currently serving requests\n";

/// The replies that are whole in these bytes: xid, zxid and code.
fn replies(mut bytes: &[u8]) -> Vec<(i32, i64, i32)> {
    let mut replies = Vec::new();
    while let Ok(Some(payload)) = frame::first(bytes, 1 << 20) {
        let mut reader = Reader::new(payload);
        replies.push((reader.i32().unwrap(), reader.i64().unwrap(), reader.i32().unwrap()));
        bytes = &bytes[frame::PREFIX + payload.len()..];
    }
    replies
}

fn exists(xid: i32, path: &str) -> Vec<u8> {
    let length = (path.len() as i32).to_be_bytes();
    request(xid, opcode::EXISTS, &[&length[..], path.as_bytes(), b"\0"].concat())
}

#[test]
fn while_nobody_is_served_connections_are_closed_handshakes_refused_and_words_say_so() {
    let mut world = World::new(Settings { tells_gone: true, ..settings() });
    let mut stream = world.greet(1);
    stream.write_all(&request(1, opcode::SYNC, &[0; 4])).unwrap();
    world.turn_until(|world| world.reactor.clients.ledger.submitter.outstanding() == 1);
    assert!(world.taken().iter().all(|submission| submission.period == 1));
    world.stop_the_replica();
    world.serve(2, Serve::No);
    assert!(world.reactor.clients.connections.is_empty());
    assert_eq!(world.reactor.clients.ledger.submitter.outstanding(), 0);
    assert_eq!(read_to_end(&mut world, stream).unwrap(), b"");
    let mut refused = world.open();
    refused.write_all(&hello()).unwrap();
    assert_eq!(read_to_end(&mut world, refused).unwrap(), b"");
    for (word, expected) in [(b"cons", NOT_SERVING), (b"ruok", b"imok")] {
        let mut stream = world.open();
        stream.write_all(word).unwrap();
        assert_eq!(read_to_end(&mut world, stream).unwrap(), expected);
    }
    world.taken();
    assert!(world.exchange.gone.is_empty(), "nobody was there whose end is of interest");
    world.serve(3, Serve::Yes);
    let mut stream = world.greet(2);
    stream.write_all(&request(1, opcode::SYNC, &[0; 4])).unwrap();
    let mut asked = Vec::new();
    world.turn_until(|world| {
        asked.extend(world.taken());
        asked.iter().any(|submission| !submission.requests.is_empty())
    });
    assert!(asked.iter().all(|submission| submission.period == 3), "what was asked before is not asked any more");
}

#[test]
fn a_period_begins_when_the_versions_before_it_are_announced() {
    let mut world = World::new(settings());
    let mut stream = world.greet(1);
    stream.write_all(&request(7, opcode::SYNC, &[0; 4])).unwrap();
    world.turn_until(|world| world.reactor.clients.ledger.submitter.outstanding() == 1);
    let connection = world.connection().id;
    let root = world.answer_ahead(connection, AnswerKind::Reply { xid: 7, code: 0, body: 0..0 });
    world.serve(2, Serve::No);
    assert_eq!(world.reactor.clients.connections.len(), 1, "the version before is not announced");
    world.tree.announce(root);
    world.turn();
    assert!(world.reactor.clients.connections.is_empty());
    assert_eq!(replies(&read_to_end(&mut world, stream).unwrap()), [(7, world.zxid, 0)], "the answer came before");
}

#[test]
fn no_reset_takes_away_what_was_told_at_the_end_of_a_period() {
    let mut world = World::new(settings());
    let mut stream = world.greet(1);
    stream.write_all(&exists(1, "/new")).unwrap();
    world.turn_until_received(2);
    world.serve(2, Serve::No);
    assert_eq!((world.reactor.clients.connections.len(), world.reactor.clients.lingering()), (0, 1));
    stream.write_all(&exists(2, "/new")).unwrap();
    world.turn();
    assert_eq!(replies(&read_to_end(&mut world, stream).unwrap()), [(1, world.zxid, NOT_THERE)]);
    world.turn_until(|world| world.reactor.clients.lingering() == 0);
}

#[test]
fn another_state_takes_the_place_of_the_one_before() {
    let mut world = World::new(settings());
    let mut stream = world.greet(1);
    let connection = world.connection().id;
    // The new one's versions have lower numbers.
    (0..5).for_each(|_| world.answer(ConnectionId { generation: 99, ..connection }, AnswerKind::Cut));
    stream.write_all(&exists(1, "/new")).unwrap();
    world.turn_until_received(2);
    assert_eq!(replies(&world.told(&mut stream, 1)), [(1, world.zxid, NOT_THERE)]);
    world.serve(2, Serve::No);
    let mut tree = Tree::new(HashSeed([8; 16]), ExtendedTypes::Off);
    for path in ["/", "/new"] {
        tree.install(NewZnode { path, data: None, acl: None, stat: Stat::default() });
    }
    let sealed = tree.seal();
    tree.publish(sealed);
    let state = State { reader: tree.reader(), zxid: 0x1_0000_0000 };
    (world.tree, world.zxid) = (tree, state.zxid);
    assert!(world.exchange.releases.push(Release::State(state)).is_ok());
    world.serve(3, Serve::Yes);
    let mut stream = world.greet(2);
    stream.write_all(&exists(1, "/new")).unwrap();
    assert_eq!(replies(&world.told(&mut stream, 1)), [(1, 0x1_0000_0001, 0)], "by a version of the new one");
}

#[test]
fn where_only_reads_are_served_clients_must_know_it_and_writes_are_rejected() {
    let mut world = World::new(settings());
    world.serve(2, Serve::ReadOnly);
    let with_flag = |read_only: u8| frame(&[&hello()[4..], &[read_only]].concat());
    for handshake in [hello(), with_flag(0)] {
        let mut refused = world.open();
        refused.write_all(&handshake).unwrap();
        assert_eq!(read_to_end(&mut world, refused).unwrap(), b"");
    }
    let (mut stream, welcome) = world.greet_with(&with_flag(1), 1);
    assert_eq!(welcome.last(), Some(&1), "it is told so");
    let (write, sync) = (request(1, opcode::DELETE, b"\0\0\0\x02/a\0\0\0\0"), request(2, opcode::SYNC, &[0; 4]));
    stream.write_all(&[write, sync, exists(3, "/")].concat()).unwrap();
    let told = replies(&world.told(&mut stream, 3));
    assert_eq!(told, [(1, world.zxid, NOT_READ_ONLY), (2, world.zxid, NOT_READ_ONLY), (3, world.zxid, NOT_THERE)]);
    assert!(world.taken().iter().all(|submission| submission.requests.is_empty()));
}

/// What one read from a socket brings may be answered with more than there is memory for.
#[test]
fn memory_is_looked_at_in_the_middle_of_what_one_read_brings() {
    const PINGS: usize = 6000;
    const BOUND: usize = 256 << 10;
    let mut world = World::new(Settings { connections_bytes_max: BOUND, ..settings() });
    let mut stream = world.greet(1);
    stream.set_nonblocking(false).unwrap();
    let pings = ping().repeat(PINGS);
    stream.write_all(&pings).unwrap();
    let began = Instant::now();
    let mut come = vec![0; pings.len()];
    while !world.connection().stream.socket().peek(&mut come).is_ok_and(|count| count == pings.len()) {
        assert!(began.elapsed() < DEADLINE, "it does not come");
    }
    world.reactor.rest();
    world.poll.poll(&mut world.events, Some(POLL)).unwrap();
    world.reactor.rise();
    world.reactor.take_in(Some(&world.events));
    let (unwritten, has_more) = (world.connection().unwritten(), world.connection().has_more());
    assert!(unwritten > 0 && unwritten < BOUND / 3 && has_more, "{unwritten} bytes are not written");
    world.turn_until_received(1 + PINGS as u64);
}

fn addresses_of(listener: &std::net::TcpListener) -> (SocketAddr, SocketAddr) {
    let address = listener.local_addr().unwrap();
    (address, SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), address.port()))
}

#[test]
fn clients_are_taken_where_the_listener_has_moved_and_those_who_are_there_stay() {
    let mut world = World::new(settings());
    let mut stays = world.greet(1);
    let former = world.address;
    // Of an address that no other test uses: one of them could get the port when it is free.
    let taken = std::net::TcpListener::bind("127.0.0.9:0").unwrap();
    let (address, everywhere) = addresses_of(&taken);
    let move_to = |world: &mut World, address| {
        assert!(world.exchange.errands.push(Errand::Listen { address, backlog: 0 }).is_ok());
        world.exchange.reactor_bell.ring();
    };
    move_to(&mut world, address);
    // Another process has the port until now: clients connect where they did, and the housekeeping tries again.
    world.turn();
    world.open();
    drop(taken);
    world.turn_until(|_| TcpStream::connect(former).is_err());
    assert!(TcpStream::connect(address).is_ok());
    // Every address of the machine has this one too, which is given up for that.
    for next in [everywhere, everywhere, address] {
        move_to(&mut world, next);
        world.turn();
        world.address = address;
        world.open();
    }
    stays.write_all(&ping()).unwrap();
    assert!(!world.told(&mut stays, 1).is_empty());
}

#[test]
fn answers_are_noted_with_how_long_they_have_waited_and_been_written() {
    let mut world = World::new(Settings { slow_request: Some(Duration::ZERO), ..settings() });
    let mut stream = world.greet(7);
    let path = [&2_i32.to_be_bytes()[..], b"/a", &(-1_i32).to_be_bytes(), &(-1_i32).to_be_bytes()].concat();
    stream.write_all(&request(1, opcode::SET_DATA, &path)).unwrap();
    let mut connection = None;
    world.turn_until(|world| {
        let taken = world.taken();
        let mut requests = taken.iter().flat_map(|submission| &submission.requests);
        connection = requests
            .find(|request| matches!(request.kind, RequestKind::Write { .. }))
            .map(|request| request.connection);
        connection.is_some()
    });
    let released_at = Instant::now();
    let sealed = world.tree.seal();
    let root = world.tree.commit(sealed);
    world.zxid += 1;
    let kind = AnswerKind::Reply { xid: 1, code: 0, body: 0..0 };
    let release = VersionRelease {
        root,
        zxid: world.zxid,
        events: Arc::default(),
        looked_through: None,
        answers: vec![Answer { connection: connection.unwrap(), zxid: world.zxid, kind }],
        bytes: Vec::new(),
        way: Some(Way {
            is_ordered_here: true,
            taken: released_at,
            released_at,
            ordered: 1,
            submitted: 2,
            synced: 3,
            quorum: 0,
            released: 4,
        }),
    };
    assert!(world.exchange.releases.push(Release::Version(release)).is_ok());
    world.tree.announce(root);
    let told = world.told(&mut stream, 1);
    assert_eq!(replies(&told), [(1, world.zxid, 0)]);
    let waited = released_at.elapsed();
    let stages = &world.reactor.clients.ledger.figures.own().stages;
    let [answered, written] = [&stages.answered, &stages.written].map(|stage| stage.totals());
    assert_eq!((answered.count, written.count), (1, 1), "the handshake's answer came without what is noted");
    assert!(answered.sum + written.sum <= waited.as_micros() as u64 + 2, "{answered:?} {written:?} {waited:?}");
    assert!(stages.turns.totals().count > 0);
}

/// Asks once more whatever comes, and then lets in whoever says `in`.
struct Scripted(bool);

impl Negotiation for Scripted {
    fn step(&mut self, token: &[u8]) -> Step {
        match (std::mem::replace(&mut self.0, true), token) {
            (false, _) => Step::Continue(b"more".to_vec()),
            (true, b"in") => Step::Done { token: None, authorization_id: "bob".to_owned() },
            (true, _) => Step::Failed(SaslError::new("it does not say in")),
        }
    }
}

fn with_sasl() -> Settings {
    let names = Arc::new(KerberosNames::new("DEFAULT", "", false, false).unwrap());
    let login = Login::scripted(|| Box::new(Scripted(false)), names);
    Settings { sasl: Some(SaslSettings { login, keeps_failed: false }), ..settings() }
}

fn sasl(xid: i32, token: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_buffer(Some(token));
    request(xid, opcode::SASL, &body)
}

impl World {
    /// The thread takes the token that has waited longest.
    fn take_token(&mut self) {
        let mut taken = None;
        self.turn_until(|world| {
            taken = world.tokens.try_recv().ok();
            taken.is_some()
        });
        let SaslToken { connection, xid, token, mut negotiation, .. } = taken.unwrap();
        let step = negotiation.step(&token);
        assert!(self.exchange.errands.push(Errand::Stepped { connection, xid, negotiation, step }).is_ok());
    }
}

#[test]
fn a_connection_waits_for_the_step_of_its_negotiation_and_others_do_not() {
    let mut world = World::new(with_sasl());
    let mut other = world.greet(2);
    let mut stream = world.greet(1);
    stream.write_all(&[sasl(1, b"first"), exists(2, "/")].concat()).unwrap();
    world.turn_until(|world| !world.tokens.is_empty());
    other.write_all(&exists(7, "/")).unwrap();
    assert_eq!(replies(&world.told(&mut other, 1))[0].0, 7);
    assert!(stream.read(&mut [0; 1]).is_err(), "nothing of it is answered yet");
    world.take_token();
    let told = world.told(&mut stream, 2);
    assert_eq!(replies(&told).iter().map(|reply| reply.0).collect::<Vec<_>>(), [1, 2]);
    assert!(told.windows(4).any(|window| window == b"more"));
    stream.write_all(&sasl(3, b"in")).unwrap();
    world.take_token();
    assert_eq!(replies(&world.told(&mut stream, 1)), [(3, 0, 0)]);
    let of_bob = |one: &&Connection| one.ids.iter().any(|id| (&id.scheme[..], &id.id[..]) == ("sasl", "bob"));
    assert_eq!(world.reactor.clients.connections.iter().filter(of_bob).count(), 1);
    // Nothing may come any more.
    stream.write_all(&sasl(4, b"in")).unwrap();
    let refusal = read_to_end(&mut world, stream).unwrap();
    assert_eq!(replies(&refusal), [(4, 0, Code::AuthFailed.number())]);
    assert!(refusal.ends_with(&[255; 4]), "a null token");
}

/// Its answer is longer than any other that waits for its turn.
#[test]
fn a_token_comes_behind_the_answer_to_a_write() {
    let mut world = World::new(with_sasl());
    let mut stream = world.greet(1);
    stream.write_all(&[request(7, opcode::SYNC, &[0; 4]), sasl(8, b"first")].concat()).unwrap();
    world.take_token();
    world.turn();
    assert!(stream.read(&mut [0; 1]).is_err(), "the write is not answered yet");
    let connection = world.connection().id;
    let waits = 4 + 16 + 4 + b"more".len();
    assert_eq!(world.connection().pending.weight(), waits, "it is memory that waits");
    world.answer(connection, AnswerKind::Reply { xid: 7, code: 0, body: 0..0 });
    let told = world.told(&mut stream, 2);
    assert_eq!(replies(&told).iter().map(|reply| reply.0).collect::<Vec<_>>(), [7, 8]);
    assert!(told.ends_with(b"more"));
    assert_eq!(world.connection().pending.weight(), 0);
}

#[test]
fn tokens_of_connections_that_are_gone_make_room_for_others() {
    let mut world = World::new(with_sasl());
    let mut gone = Vec::new();
    for session in 1..=TOKENS_PER_REACTOR_MAX as i64 + 10 {
        let mut stream = world.greet(session);
        stream.write_all(&sasl(1, b"first")).unwrap();
        gone.push(stream);
    }
    world.turn_until(|world| world.tokens.len() == TOKENS_PER_REACTOR_MAX);
    gone.into_iter().for_each(reset);
    world.turn_until(|world| world.reactor.clients.connections.is_empty());
    let mut stream = world.greet(1000);
    stream.write_all(&sasl(1, b"first")).unwrap();
    for _ in 0..=TOKENS_PER_REACTOR_MAX {
        world.take_token();
    }
    assert_eq!(replies(&world.told(&mut stream, 1)), [(1, 0, 0)]);
}

#[test]
fn ends_are_told_later_where_many_have_failed() {
    let mut world = World::new(with_sasl());
    let limits = world.reactor.clients.ledger.limits.clone();
    let fail = || limits.sasl_failures.note("127.0.0.1".parse().unwrap(), Instant::now());
    while fail().is_none() {}
    let mut stream = world.greet(1);
    stream.write_all(&sasl(1, b"first")).unwrap();
    world.take_token();
    assert_eq!(replies(&world.told(&mut stream, 1)), [(1, 0, 0)]);
    let began = Instant::now();
    stream.write_all(&sasl(2, b"in")).unwrap();
    world.take_token();
    assert_eq!(replies(&world.told(&mut stream, 1)), [(2, 0, 0)]);
    assert!(began.elapsed() >= DELAY, "a good end is told as late as a bad one");
}
