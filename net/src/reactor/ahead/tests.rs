//! A reactor by hand: what its clients send it reads from sockets, and what the replica would send is put into its queue.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::bounded;
use mio::{Events as PollEvents, Poll};
use paddock_engine::acl::Authority;
use paddock_engine::apply::Effects;
use paddock_engine::database::{Database, Rules};
use paddock_engine::jute::Write;
use paddock_engine::request::opcode;
use paddock_engine::tree::{HashSeed, Root};
use paddock_engine::txn::{CreateKind, Txn, TxnHeader};

use super::super::clients::Clients;
use super::super::{BELL, Listeners, Parts, Reactor, Settings};
use super::{LEVELS_MAX, SLICE, is_touched};
use crate::client_tls::PortKind;
use crate::connection::Connection;
use crate::doorbell::Doorbell;
use crate::exchange::{Answer, AnswerKind, Errand, Exchange, Release, VersionRelease};
use crate::frame;
use crate::limits::{LargeRequests, Limits};
use crate::serving::{Period, Serve};
use crate::status::{ReactorStatus, Status};
use crate::throttle::ConnectionThrottleSettings;
use crate::time_share::TimeShare;

const SESSION: i64 = 7;
/// Children of `/many`.
const MANY: usize = 2000;
/// What does not happen within this time does not happen.
const DEADLINE: Duration = Duration::from_secs(20);

/// One reactor with one client, and the state whose versions it is told of.
struct World {
    reactor: Reactor,
    poll: Poll,
    exchange: Arc<Exchange>,
    database: Database,
    effects: Effects,
    client: TcpStream,
    looked_through: Arc<AtomicUsize>,
}

impl World {
    fn new() -> World {
        let poll = Poll::new().unwrap();
        let bell = Arc::new(Doorbell::new(poll.registry(), BELL).unwrap());
        let exchange = Arc::new(Exchange::new(bell.clone(), bell));
        let mut database = Database::new(HashSeed([7; 16]), Rules::default());
        let reactor = Reactor::new(Parts {
            index: 0,
            registry: poll.registry().try_clone().unwrap(),
            exchanges: [exchange.clone()].into(),
            settings: Arc::new(settings()),
            limits: Arc::new(Limits::new(unthrottled(), LargeRequests::new(None, 0))),
            status: Arc::new(Status { reactors: vec![ReactorStatus::default()], ..Status::default() }),
            long_words: bounded(1).0,
            sasl_tokens: bounded(1).0,
            listeners: Listeners::default(),
            reader: database.tree_mut().reader(),
            zxid: 0,
        })
        .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let SocketAddr::V4(peer) = peer else { panic!("{peer}") };
        let accepted = Errand::Accepted {
            stream: mio::net::TcpStream::from_std(stream),
            kind: PortKind::Plain,
            address: (*peer.ip()).into(),
            port: peer.port(),
        };
        assert!(exchange.errands.push(accepted).is_ok());
        let period = Period { number: 1, serve: Serve::Yes };
        assert!(exchange.releases.push(Release::Serve(period)).is_ok());
        let effects = Effects::default();
        let mut world = World { reactor, poll, exchange, database, effects, client, looked_through: Arc::default() };
        world.connect();
        world
    }

    /// Has a session, which takes one version.
    fn connect(&mut self) {
        let mut handshake = Vec::new();
        handshake.put_i32(0);
        handshake.put_i64(0);
        handshake.put_i32(10_000);
        handshake.put_i64(0);
        handshake.put_buffer(Some(&[0; 16]));
        self.turn();
        self.send(&handshake);
        let submission = self.exchange.submissions.pop().expect("the handshake is passed on");
        let connection = submission.requests[0].connection;
        self.apply(&Txn::CreateSession { timeout: 10_000 });
        let kind = AnswerKind::Connected { session: SESSION, timeout: 10_000 };
        let root = self.release(vec![Answer { connection, zxid: self.database.last_zxid().0, kind }], false);
        self.announce(root);
    }

    fn turn(&mut self) {
        let mut events = PollEvents::with_capacity(64);
        let timeout = self.reactor.rest().unwrap_or(DEADLINE);
        self.poll.poll(&mut events, Some(timeout)).unwrap();
        self.reactor.rise();
        self.reactor.take_in(Some(&events));
        self.reactor.give_out(Instant::now());
    }

    /// Has the client send a frame, and the reactor take it in.
    fn send(&mut self, payload: &[u8]) {
        self.send_all(&[payload]);
    }

    fn send_all(&mut self, payloads: &[&[u8]]) {
        let mut bytes = Vec::new();
        for payload in payloads {
            let start = frame::begin(&mut bytes);
            bytes.extend_from_slice(payload);
            frame::end(&mut bytes, start);
        }
        self.client.write_all(&bytes).unwrap();
        self.turn();
    }

    fn apply(&mut self, txn: &Txn<'_>) {
        let zxid = self.database.last_zxid().next().unwrap();
        let header = TxnHeader { client: SESSION, cxid: 0, zxid: zxid.0, time: 0 };
        self.database.apply(&header, txn, Some(&mut self.effects));
    }

    fn create(&mut self, path: &str, ephemeral: bool) {
        let kind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral };
        self.apply(&Txn::Create { kind, path: path.into(), data: None, acl: None, parent_cversion: -1 });
    }

    /// Puts what was applied into the reactor's queue as one version.
    fn release(&mut self, answers: Vec<Answer>, is_looked_through: bool) -> Root {
        let sealed = self.database.tree_mut().seal();
        let root = self.database.tree_mut().commit(sealed);
        let release = VersionRelease {
            root,
            zxid: self.database.last_zxid().0,
            events: Arc::new(self.effects.events.take()),
            looked_through: is_looked_through.then(|| self.looked_through.clone()),
            answers,
            bytes: Vec::new(),
            way: None,
        };
        assert!(self.exchange.releases.push(Release::Version(release)).is_ok());
        root
    }

    fn announce(&mut self, root: Root) {
        self.database.tree_mut().announce(root);
        self.turn();
    }

    /// Makes `/many` public with so many children, ephemerals.
    fn create_many(&mut self, count: usize) {
        self.create("/many", false);
        for number in 0..count {
            self.create(&format!("/many/{number}"), true);
        }
        let root = self.release(vec![], false);
        self.announce(root);
    }

    /// The version ahead has none of the children any more, and the reactor has looked through it.
    fn delete_many_ahead(&mut self) -> Root {
        let root = self.release_deletion();
        while self.looked_through.load(Ordering::Acquire) == 0 {
            self.turn();
        }
        root
    }

    fn release_deletion(&mut self) -> Root {
        self.apply(&Txn::CloseSession { ephemerals: None });
        self.release(vec![], true)
    }

    fn connection(&mut self) -> &mut Connection {
        self.reactor.clients.connections.at(0).expect("it is there")
    }
}

fn settings() -> Settings {
    Settings {
        frame_max: 1 << 20,
        session_timeout_min: 0,
        session_timeout_max: i32::MAX,
        connections_per_address_max: 0,
        connections_max: 0,
        handshake_deadline: DEADLINE,
        heard_interval: DEADLINE,
        outstanding_max: u64::MAX,
        connections_bytes_max: 1 << 30,
        tcp_keep_alive: false,
        authority: Authority::default(),
        enforced_schemes: vec![],
        sasl: None,
        local_sessions: false,
        tells_gone: false,
        slow_request: None,
        tls: None,
    }
}

fn unthrottled() -> ConnectionThrottleSettings {
    ConnectionThrottleSettings {
        tokens: 0,
        fill_count: 0,
        fill_time_ms: 1,
        freeze_time_ms: None,
        drop_increase: 0.0,
        drop_decrease: 0.0,
        decrease_ratio: 0.0,
        weights: None,
    }
}

/// A request that reads at a path and sets a watch there.
fn watching(opcode: i32, path: &str) -> Vec<u8> {
    let mut payload = Vec::new();
    payload.put_i32(1);
    payload.put_i32(opcode);
    payload.put_string(path);
    payload.put_bool(true);
    payload
}

#[test]
fn a_read_that_waits_for_the_version_ahead_is_charged_with_what_that_has() {
    let mut world = World::new();
    world.create_many(MANY);
    let root = world.delete_many_ahead();
    world.send(&watching(opcode::GET_CHILDREN, "/many"));
    let connection = world.connection();
    assert_eq!(connection.pending.len(), 1, "it waits");
    assert!(connection.pending.weight() < MANY, "{} bytes for a few", connection.pending.weight());
    world.announce(root);
    assert_eq!((world.connection().pending.len(), world.connection().pending.weight()), (0, 0));
}

#[test]
fn who_waits_for_the_version_ahead_is_heard() {
    let mut world = World::new();
    world.create_many(MANY);
    world.delete_many_ahead();
    // More than may wait, so that the rest stays in the socket or undecoded.
    let read = watching(opcode::GET_DATA, "/many");
    world.send_all(&vec![&read[..]; 5000]);
    let connection = world.connection();
    assert!(connection.has_more() && !connection.pending.is_empty(), "some are not even decoded");
    // A report was made of what was heard until then.
    connection.lists.heard.clear();
    let Clients { connections, ledger, .. } = &mut world.reactor.clients;
    ledger.reports.hear_those_who_wait(connections);
    assert!(world.connection().lists.heard.is_set(), "its requests wait for the server");
}

/// Each child that goes is an event of its parent too, of which a one-shot watch is told once.
#[test]
fn events_that_cannot_concern_a_watch_any_more_are_not_picked() {
    for (opcode, path, picked) in [
        (opcode::GET_CHILDREN, "/many", 1),
        (opcode::EXISTS, "/many", 0),
        (opcode::GET_DATA, "/many/5", 1),
        (opcode::GET_CHILDREN, "/zookeeper", 0),
    ] {
        let mut world = World::new();
        world.create_many(MANY);
        world.send(&watching(opcode, path));
        assert_eq!(world.reactor.clients.ledger.watches.registrations(), 1);
        let root = world.delete_many_ahead();
        assert_eq!(world.reactor.releases.view.ahead().unwrap().picked.len(), picked, "of {path} by {opcode}");
        world.announce(root);
        assert_eq!(world.reactor.clients.ledger.watches.registrations(), 1 - picked, "{path} by {opcode}");
    }
}

#[test]
fn events_are_looked_through_in_as_much_time_as_the_others_took() {
    let mut world = World::new();
    // Each child that goes is two events.
    world.create_many(2 * SLICE);
    world.send(&watching(opcode::GET_DATA, "/zookeeper"));
    world.release_deletion();
    world.turn();
    let ahead = world.reactor.releases.view.ahead().unwrap();
    assert_eq!((ahead.looked_at, ahead.goes_on()), (SLICE, true));
    // As if the others' turn had taken this long.
    ahead.share = TimeShare::with_max(DEADLINE);
    ahead.share.end(Instant::now().checked_sub(DEADLINE).expect("the clock goes on since long before"));
    world.turn();
    assert!(!world.reactor.releases.view.ahead().unwrap().goes_on());
    assert_eq!(world.looked_through.load(Ordering::Acquire), 1);
}

#[test]
fn a_path_is_touched_where_there_may_be_an_event_of_it() {
    let mut database = Database::new(HashSeed([7; 16]), Rules::default());
    let plain = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
    let create =
        |path: &'static str| Txn::Create { kind: plain, path: path.into(), data: None, acl: None, parent_cversion: -1 };
    let delete = |path: &'static str| Txn::Delete { path: path.into() };
    let apply = |database: &mut Database, txns: &[Txn<'_>]| {
        for txn in txns {
            let zxid = database.last_zxid().next().unwrap();
            database.apply(&TxnHeader { client: SESSION, cxid: 0, zxid: zxid.0, time: 0 }, txn, None);
        }
        let tree = database.tree_mut();
        let sealed = tree.seal();
        tree.commit(sealed)
    };
    let still = ["/still", "/still/child", "/changed", "/parent", "/parent/gone", "/parent/still"].map(create);
    let root = apply(&mut database, &still);
    database.tree_mut().announce(root);
    let reader = database.tree_mut().reader();
    let changed = Txn::SetData { path: "/changed".into(), data: Some(b"x"), version: 1 };
    let came_and_went = [create("/parent/went"), create("/parent/went/below")];
    let went = [delete("/parent/went/below"), delete("/parent/went")];
    let txns = [changed, delete("/parent/gone"), create("/parent/new")].into_iter().chain(came_and_went).chain(went);
    let root = apply(&mut database, &txns.collect::<Vec<_>>());
    let is_touched = |path: &str| is_touched(reader.view(), reader.view_ahead(&root), path);
    for path in ["/changed", "/parent", "/parent/gone", "/parent/new", "/parent/went", "/parent/went/below"] {
        assert!(is_touched(path), "{path:?}");
    }
    for path in ["/still", "/still/child", "/parent/still", "/still/none", "/still/none/below", "/parent/still/none"] {
        assert!(!is_touched(path), "{path:?}");
    }
    // No event is of what is no path.
    assert!(!is_touched("still"));
    let below = |levels: usize| format!("/still{}", "/none".repeat(levels));
    assert!(!is_touched(&below(LEVELS_MAX - 1)));
    assert!(is_touched(&below(LEVELS_MAX)), "it is not looked for higher up");
}
