//! Sockets of this machine.

mod secured;

use std::collections::HashSet;
use std::io::{self, ErrorKind, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use paddock_consensus::config::{Config, Configs, HostPort, PeerType};
use paddock_consensus::input::Link;
use paddock_consensus::message::Message;
use paddock_consensus::settings::{Features, Ms};
use paddock_consensus::{Epoch, Output, ServerId, Zxid};
use paddock_engine::io::Files;
use paddock_engine::io::simulated::FileSystem;
use paddock_engine::log::{Log, LogConfig};
use paddock_net::doorbell::Doorbell;
use paddock_net::reactor::FOREIGN;
use socket2::{Domain, SockRef, Socket, Type};

use super::dialling::APART;
use super::listener::MyId;
use super::lookups::{LOOKUPS_MAX, Resolver, TOLD_LOOKUPS_MAX};
use super::{Readiness, SecuringMax, Security, SocketLinks, SocketSettings, UntakenMax};
use crate::node::moment::Start;
use crate::node::peers::election_port::{ElectionPort, Waits};
use crate::node::peers::historian::Historian;
use crate::node::peers::links::{CannotListen, Links, Port, Read, StreamEvent, StreamId, Written};
use crate::node::peers::quorum_port::{QuorumPort, QuorumSettings};
use crate::node::peers::spool::Spooler;
use crate::node::peers::strangers::UNKNOWN_LINKS;
use crate::node::peers::{Peers, Records};
use crate::node::replica::window::Window;
use crate::node::snapshotter::DrivenBy;

/// Whatever is waited for comes sooner.
const SOON: Duration = Duration::from_secs(20);

/// The poll that a replica would have.
struct Thread {
    poll: Poll,
    events: Events,
    readiness: Readiness,
    bell: Arc<Doorbell>,
    start: Start,
}

impl Thread {
    fn new() -> Thread {
        let poll = Poll::new().unwrap();
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(FOREIGN)).unwrap());
        let (events, readiness) = (Events::with_capacity(16), Readiness::default());
        Thread { poll, events, readiness, bell, start: Start(Instant::now()) }
    }

    fn links(&self, settings: &SocketSettings, resolver: Resolver) -> SocketLinks {
        let registry = self.poll.registry().try_clone().unwrap();
        SocketLinks::with_resolver(registry, self.readiness.clone(), self.bell.clone(), settings, resolver)
    }

    /// Sleeps for as long as there is nothing to do: whoever wants a turn is asked for [more](Links::has_more) and for its
    /// deadline. Returns the moment.
    fn sleep(&mut self, longest: Duration, wants: impl Fn() -> (bool, Option<Ms>)) -> Ms {
        self.bell.going_to_sleep();
        let now = Instant::now();
        let timeout = match wants() {
            (true, _) => Duration::ZERO,
            (false, Some(deadline)) => self.start.until(deadline.0, now).min(longest),
            (false, None) => longest,
        };
        self.poll.poll(&mut self.events, Some(timeout)).unwrap();
        self.bell.awake();
        self.readiness.take_in(&self.events);
        Ms(self.start.millis(Instant::now()))
    }
}

/// A server's links, and nothing else of it.
struct Node {
    thread: Thread,
    links: SocketLinks,
}

impl Node {
    /// Its election port has this address.
    fn new(election: HostPort) -> Node {
        Node::with(&settings(election), Arc::new(resolve))
    }

    fn with(settings: &SocketSettings, resolver: Resolver) -> Node {
        let thread = Thread::new();
        let links = thread.links(settings, resolver);
        Node { thread, links }
    }

    fn turn(&mut self) -> Result<(), CannotListen> {
        let began = Instant::now();
        let now = self.thread.sleep(SOON, || (self.links.has_more(), self.links.deadline()));
        assert!(began.elapsed() < SOON, "nothing happens");
        self.links.begin_turn(now)
    }

    /// What happens next.
    fn next(&mut self) -> StreamEvent {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(event) = self.links.poll() {
                return event;
            }
            assert!(Instant::now() < deadline, "nothing of it happens");
            self.turn().unwrap();
        }
    }

    fn accepted(&mut self) -> StreamId {
        loop {
            if let StreamEvent::Accepted { stream, .. } = self.next() {
                return stream;
            }
        }
    }

    /// Reads until there are so many bytes.
    fn read(&mut self, stream: StreamId, count: usize) -> Vec<u8> {
        let mut read = Vec::new();
        while read.len() < count {
            let mut bytes = [0; 4096];
            match self.links.read(stream, &mut bytes) {
                Read::Bytes(count) => read.extend_from_slice(&bytes[..count]),
                Read::Nothing => while self.next() != StreamEvent::Readable(stream) {},
                Read::Ended | Read::Broken => panic!("ended after {} bytes", read.len()),
            }
        }
        read
    }

    /// What comes until the other side has ended the stream.
    fn read_end(&mut self, stream: StreamId) -> Vec<u8> {
        let mut read = Vec::new();
        loop {
            let mut bytes = [0; 4096];
            match self.links.read(stream, &mut bytes) {
                Read::Bytes(count) => read.extend_from_slice(&bytes[..count]),
                Read::Nothing => while self.next() != StreamEvent::Readable(stream) {},
                Read::Ended | Read::Broken => return read,
            }
        }
    }
}

fn at(port: u16) -> HostPort {
    named("127.0.0.1", port)
}

fn named(host: &str, port: u16) -> HostPort {
    HostPort { host: host.into(), port }
}

fn settings(election: HostPort) -> SocketSettings {
    SocketSettings {
        my_id: MyId { server: ServerId(2), file: "/data/myid".into() },
        election: vec![election],
        observer_master: Vec::new(),
        quorum: vec![at(free_port())],
        listens_on_all: false,
        election_tries: 0,
        keep_alive: false,
        untaken_max: UntakenMax { election: SOON, quorum: SOON },
        security: Security::default(),
        securing_max: SecuringMax { election: LONG, quorum: LONG },
    }
}

/// A resolver that knows one name, whatever the machine's does.
fn resolve(name: &str) -> io::Result<Vec<SocketAddr>> {
    match name {
        "here" => Ok(vec![(Ipv4Addr::LOCALHOST, 0).into()]),
        _ => Err(io::Error::new(ErrorKind::NotFound, "no such name")),
    }
}

/// A port at which nobody listens.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn two_servers_talk_and_one_ends_it() {
    let port = free_port();
    let (mut one, mut other) = (Node::new(at(free_port())), Node::new(at(port)));
    other.links.listen(Port::Election, true);
    let here = one.links.connect(Port::Election, &[at(port)], &[]);
    assert_eq!(one.next(), StreamEvent::Connected(here));
    assert_eq!(one.links.write(here, b"ping"), Written::Bytes(4));
    let there = other.accepted();
    assert_eq!(other.read(there, 4), b"ping");
    assert_eq!(other.links.write(there, b"pong and more"), Written::Bytes(13));
    assert_eq!(one.read(here, 4)[..4], *b"pong");
    // What was written before the end arrives, although there is something that the other side has not read.
    assert_eq!(other.links.write(there, b"last"), Written::Bytes(4));
    assert_eq!(one.links.write(here, b"unread"), Written::Bytes(6));
    other.links.close(there);
    assert!(one.read_end(here).ends_with(b"last"));
    one.links.close(here);
    assert_eq!((one.links.streams.len(), other.links.streams.len()), (0, 0));
    assert_eq!(one.links.watched.len(), 0);
}

#[test]
fn who_could_not_write_all_is_told_when_there_is_room() {
    let port = free_port();
    let (mut one, mut other) = (Node::new(at(free_port())), Node::new(at(port)));
    other.links.listen(Port::Election, true);
    let here = one.links.connect(Port::Election, &[at(port)], &[]);
    assert_eq!(one.next(), StreamEvent::Connected(here));
    let there = other.accepted();
    let bytes = vec![7; 64 << 20];
    let Written::Bytes(taken) = one.links.write(here, &bytes) else { panic!("it is broken") };
    assert!(taken < bytes.len(), "no kernel holds so much");
    one.thread.poll.poll(&mut one.thread.events, Some(Duration::ZERO)).unwrap();
    one.thread.readiness.take_in(&one.thread.events);
    one.links.begin_turn(Ms(0)).unwrap();
    while let Some(event) = one.links.poll() {
        assert_ne!(event, StreamEvent::Writable(here), "there is no room yet");
    }
    let mut left = bytes.len() - taken;
    let mut read = other.read(there, taken).len();
    while left > 0 {
        while one.next() != StreamEvent::Writable(here) {}
        let Written::Bytes(taken) = one.links.write(here, &bytes[..left]) else { panic!("it is broken") };
        left -= taken;
        read += other.read(there, bytes.len() - left - read).len();
    }
    assert_eq!(read, bytes.len());
}

#[test]
fn an_attempt_takes_whoever_answers_and_fails_when_nobody_does() {
    let (port, nobody) = (free_port(), free_port());
    let (mut one, mut other) = (Node::new(at(free_port())), Node::new(at(port)));
    other.links.listen(Port::Election, true);
    let here = named("here", port);
    for addresses in [vec![at(nobody), at(port)], vec![at(port), at(nobody)], vec![here, at(nobody)]] {
        let stream = one.links.connect(Port::Election, &addresses, &[]);
        assert_eq!(one.next(), StreamEvent::Connected(stream), "{addresses:?}");
        one.links.close(stream);
    }
    let unknown = named("nowhere", port);
    for addresses in
        [vec![], vec![at(nobody)], vec![at(nobody), at(nobody)], vec![unknown.clone()], vec![unknown, at(nobody)]]
    {
        let stream = one.links.connect(Port::Election, &addresses, &[]);
        assert_eq!(one.next(), StreamEvent::Refused(stream), "{addresses:?}");
    }
    assert_eq!((one.links.streams.len(), one.links.dialled.len(), one.links.watched.len()), (0, 0, 0));
}

#[test]
fn what_is_given_up_is_told_of_no_more() {
    let port = free_port();
    let (mut one, mut other) = (Node::new(at(free_port())), Node::new(at(port)));
    other.links.listen(Port::Election, true);
    let given_up = [
        one.links.connect(Port::Election, &[at(port)], &[]),
        one.links.connect(Port::Election, &[], &[]),
        one.links.connect(Port::Election, &[named("here", port)], &[]),
    ];
    given_up.into_iter().for_each(|stream| one.links.close(stream));
    one.links.close(StreamId(99));
    let kept = one.links.connect(Port::Election, &[at(port)], &[]);
    assert_eq!(one.next(), StreamEvent::Connected(kept));
    assert!(given_up.iter().all(|stream| *stream < kept), "who has connected later has the higher number");
}

#[test]
fn a_port_is_opened_and_closed_and_tried_again_where_another_has_it() {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = other.local_addr().unwrap();
    let mut node = Node::new(at(address.port()));
    node.links.listen(Port::Election, true);
    assert!(node.links.deadline().is_some(), "it is tried again");
    drop(other);
    let connected = connect_when_open(&mut node, address);
    node.accepted();
    drop(connected);
    node.links.listen(Port::Election, false);
    node.links.listen(Port::Election, false);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    node.links.listen(Port::Election, true);
    let _connected = TcpStream::connect(address).unwrap();
    node.accepted();
}

#[test]
fn a_port_moves_and_what_stays_is_not_closed() {
    let ports = [free_port(), free_port(), free_port()];
    let address = |place: usize| SocketAddr::from((Ipv4Addr::LOCALHOST, ports[place]));
    let mut node = Node::new(at(ports[0]));
    node.links.move_to(Port::Election, &[at(ports[0]), at(ports[1])]);
    assert!(TcpStream::connect(address(1)).is_err(), "it is not open yet");
    node.links.listen(Port::Election, true);
    drop(connect_when_open(&mut node, address(1)));
    let kept = TcpStream::connect(address(0)).unwrap();
    let there = node.accepted();
    node.links.move_to(Port::Election, &[at(ports[2]), at(ports[1])]);
    for (place, is_open) in [(0, false), (1, true), (2, true)] {
        assert_eq!(TcpStream::connect(address(place)).is_ok(), is_open, "{place}");
    }
    // A name of the former list that is found now opens nothing.
    node.links.move_to(Port::Election, &[named("here", ports[0])]);
    node.links.move_to(Port::Election, &[at(ports[1])]);
    drop(connect_when_open(&mut node, address(1)));
    assert!(TcpStream::connect(address(0)).is_err());
    assert_eq!(node.links.write(there, b"still"), Written::Bytes(5));
    drop(kept);
}

fn connect_when_open(node: &mut Node, address: SocketAddr) -> TcpStream {
    for _ in 0..100 {
        if let Ok(stream) = TcpStream::connect(address) {
            return stream;
        }
        assert_eq!(node.links.poll(), None);
        node.turn().unwrap();
    }
    panic!("it is never opened");
}

/// What a thread that sleeps as it is told is waked by: names, and ports that become free.
#[test]
fn a_name_and_a_port_that_becomes_free_later_connect_two_servers() {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = other.local_addr().unwrap();
    let port = address.port();
    let mut listener = Node::with(&settings(named("here", port)), Arc::new(resolve));
    listener.links.listen(Port::Election, true);
    while listener.links.deadline().is_none() {
        listener.turn().unwrap();
    }
    drop(other);
    let _connected = connect_when_open(&mut listener, address);
    listener.accepted();
    let mut node = Node::new(at(free_port()));
    let stream = node.links.connect(Port::Election, &[named("here", port)], &[]);
    assert_eq!(node.next(), StreamEvent::Connected(stream));
    listener.accepted();
}

#[test]
fn an_answer_of_the_resolver_is_seen_whenever_it_comes() {
    let (answer, answers) = mpsc::sync_channel::<()>(0);
    let answers = Mutex::new(answers);
    let resolver = move |name: &str| {
        answers.lock().unwrap().recv().unwrap();
        resolve(name)
    };
    let mut node = Node::with(&settings(at(free_port())), Arc::new(resolver));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let here = named("here", listener.local_addr().unwrap().port());
    // Behind the look of a turn, and before the thread goes to sleep.
    let stream = node.links.connect(Port::Election, std::slice::from_ref(&here), &[]);
    node.links.begin_turn(Ms(0)).unwrap();
    assert_eq!((node.links.poll(), node.links.has_more()), (None, false));
    answer.send(()).unwrap();
    let began = Instant::now();
    while !node.links.has_more() {
        assert!(began.elapsed() < SOON, "it is never seen");
        std::thread::yield_now();
    }
    assert_eq!(node.next(), StreamEvent::Connected(stream));
    // While it sleeps.
    let stream = node.links.connect(Port::Election, &[here], &[]);
    node.thread.bell.going_to_sleep();
    assert!(!node.links.has_more());
    answer.send(()).unwrap();
    node.thread.poll.poll(&mut node.thread.events, Some(SOON)).unwrap();
    assert!(!node.thread.events.is_empty(), "nobody has rung");
    node.thread.bell.awake();
    assert_eq!(node.next(), StreamEvent::Connected(stream));
}

#[test]
fn a_resolver_that_never_answers_holds_up_nobody_but_who_asks_for_a_name() {
    let (answer, answers) = mpsc::channel::<()>();
    let (asked, names) = mpsc::channel();
    let (answers, asked) = (Mutex::new(answers), Mutex::new(asked));
    let resolver = move |name: &str| {
        asked.lock().unwrap().send(name.to_owned()).unwrap();
        let _ = answers.lock().unwrap().recv();
        resolve(name)
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut node = Node::with(&settings(at(free_port())), Arc::new(resolver));
    for _ in 0..100 {
        let given_up = node.links.connect(Port::Election, &[named("name0", port)], &[]);
        node.links.close(given_up);
    }
    let waiting: Vec<StreamId> = (0..LOOKUPS_MAX)
        .map(|number| node.links.connect(Port::Election, &[named(&format!("name{number}"), port)], &[]))
        .collect();
    let asked: HashSet<String> = names.iter().take(LOOKUPS_MAX).collect();
    assert_eq!((asked.len(), node.links.lookups.waiters()), (LOOKUPS_MAX, LOOKUPS_MAX), "each is asked for once");
    let too_many = node.links.connect(Port::Election, &[named("here", port)], &[]);
    assert_eq!(node.next(), StreamEvent::Refused(too_many));
    let stream = node.links.connect(Port::Election, &[at(port), named("name0", port)], &[]);
    assert_eq!(node.next(), StreamEvent::Connected(stream));
    waiting.into_iter().for_each(|stream| node.links.close(stream));
    assert_eq!(node.links.lookups.waiters(), 0);
    drop(answer);
}

#[test]
fn names_that_strangers_tell_leave_room_for_those_of_the_configuration() {
    let (answer, answers) = mpsc::channel::<()>();
    let answers = Mutex::new(answers);
    let resolver = move |name: &str| {
        if name != "here" {
            let _ = answers.lock().unwrap().recv();
        }
        resolve(name)
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut node = Node::with(&settings(at(free_port())), Arc::new(resolver));
    let told: Vec<HostPort> = (0..200).map(|number| named(&format!("name{number}"), port)).collect();
    let held_up = node.links.connect(Port::Election, &[], &told);
    assert_eq!(node.links.lookups.waiters(), TOLD_LOOKUPS_MAX);
    let refused = node.links.connect(Port::Election, &[], &[named("here", port)]);
    assert_eq!(node.next(), StreamEvent::Refused(refused));
    let stream = node.links.connect(Port::Election, &[named("here", port)], &[]);
    assert_eq!(node.next(), StreamEvent::Connected(stream));
    let stream = node.links.connect(Port::Election, &[], &[at(port)]);
    assert_eq!(node.next(), StreamEvent::Connected(stream), "an address is no name");
    node.links.close(held_up);
    drop(answer);
}

#[test]
fn the_scope_of_an_address_is_kept() {
    let found = super::lookups::resolve("fe80::1%lo").unwrap();
    assert!(matches!(found[..], [SocketAddr::V6(address)] if address.scope_id() != 0), "{found:?}");
}

#[test]
fn the_next_address_is_dialled_where_the_one_before_does_not_answer() {
    // Of those who wait to be accepted there is room for one.
    let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    silent.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    silent.listen(0).unwrap();
    let address = silent.local_addr().unwrap().as_socket().unwrap();
    let _waiting = TcpStream::connect(address).unwrap();
    let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let ports = listeners.each_ref().map(|listener| at(listener.local_addr().unwrap().port()));
    let mut node = Node::new(at(free_port()));
    let began = Instant::now();
    let stream = node.links.connect(Port::Election, &[at(address.port()), ports[0].clone(), ports[1].clone()], &[]);
    assert_eq!(node.next(), StreamEvent::Connected(stream));
    assert!(began.elapsed() >= Duration::from_millis(APART.0 - 1), "it was given no time");
    listeners[0].accept().unwrap();
    listeners[1].set_nonblocking(true).unwrap();
    assert_eq!(listeners[1].accept().unwrap_err().kind(), ErrorKind::WouldBlock, "it was not needed");
}

#[test]
fn a_port_is_open_wherever_its_name_stands_for_this_machine() {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = other.local_addr().unwrap().port();
    let resolver = |_: &str| {
        let elsewhere = Ipv4Addr::new(192, 0, 2, 1);
        Ok([elsewhere, Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)].map(|address| (address, 0).into()).to_vec())
    };
    let settings = SocketSettings { election_tries: 1, ..settings(named("here", port)) };
    let mut node = Node::with(&settings, Arc::new(resolver));
    node.links.listen(Port::Election, true);
    node.turn().unwrap();
    let connected = TcpStream::connect(("127.0.0.2", port)).unwrap();
    node.accepted();
    assert!(node.links.deadline().is_some(), "one is in use, and tried again");
    drop(other);
    let also_connected = connect_when_open(&mut node, (Ipv4Addr::LOCALHOST, port).into());
    node.accepted();
    drop((connected, also_connected));
}

#[test]
fn a_port_is_open_at_every_address_of_the_machine_where_that_is_wanted() {
    let port = free_port();
    let settings = SocketSettings { listens_on_all: true, ..settings(named("nowhere", port)) };
    let mut node = Node::with(&settings, Arc::new(resolve));
    node.links.listen(Port::Election, true);
    let _connected = TcpStream::connect(("127.0.0.2", port)).unwrap();
    node.accepted();
}

#[test]
fn nobody_dials_what_is_said_to_be_everywhere_nor_himself() {
    let everywhere = |_: &str| Ok(vec![(Ipv4Addr::UNSPECIFIED, 0).into()]);
    let (own, other) = (free_port(), TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let other = other.local_addr().unwrap().port();
    for host in ["127.0.0.1", "0.0.0.0"] {
        let settings = settings(HostPort { host: host.into(), port: own });
        let mut node = Node::with(&settings, Arc::new(everywhere));
        node.links.listen(Port::Election, true);
        let told = node.links.connect(Port::Election, &[], &[named("everywhere", other)]);
        assert_eq!(node.next(), StreamEvent::Refused(told), "it stands for no other machine");
        let (known, here) = ([named("everywhere", own)], at(own));
        for addresses in [&known, &[here]] {
            let stream = node.links.connect(Port::Election, addresses, &[]);
            let refused = std::iter::repeat_with(|| node.next())
                .find(|event| matches!(event, StreamEvent::Refused(_) | StreamEvent::Connected(_)));
            assert_eq!(refused, Some(StreamEvent::Refused(stream)), "{addresses:?} is this server itself");
        }
    }
}

#[test]
fn a_name_that_is_not_known_yet_ends_no_server() {
    let settings = SocketSettings { election_tries: 1, ..settings(named("nowhere", free_port())) };
    let mut node = Node::with(&settings, Arc::new(|_: &str| Err(ErrorKind::NotFound.into())));
    node.links.listen(Port::Election, true);
    while node.links.deadline().is_none() {
        assert_eq!(node.turn(), Ok(()));
    }
    assert_eq!(node.turn(), Ok(()), "it is looked up again");
}

#[test]
fn a_server_that_cannot_be_connected_to_ends_after_as_many_tries_as_are_wanted() {
    let others = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let addresses = others.each_ref().map(|other| at(other.local_addr().unwrap().port()));
    let settings = SocketSettings {
        election: addresses.to_vec(),
        quorum: addresses.to_vec(),
        election_tries: 2,
        ..settings(at(0))
    };
    let mut node = Node::with(&settings, Arc::new(resolve));
    node.links.listen(Port::Quorum, true);
    node.links.listen(Port::Election, true);
    let mut turns = std::iter::repeat_with(|| node.turn()).take(10);
    assert_eq!(turns.next(), Some(Ok(())), "it is tried again");
    let why = "Address already in use (os error 98); another process has it; is this server 2 (/data/myid)? Stop that process, \
               or correct server.2 or myid";
    let (port, addresses) = (Port::Election, addresses.to_vec());
    let error = CannotListen { port, addresses, tries: 2, why: why.to_owned() };
    assert_eq!(turns.find(Result::is_err), Some(Err(error)));
}

#[test]
fn a_server_whose_address_is_another_machines_is_told_what_to_do() {
    let settings = SocketSettings { election_tries: 1, ..settings(named("192.0.2.1", free_port())) };
    let mut node = Node::with(&settings, Arc::new(resolve));
    node.links.listen(Port::Election, true);
    let error = node.turn().expect_err("no interface of this machine has that address").to_string();
    let expected = "no interface of this machine has it; is this server 2 (/data/myid)? Correct server.2 or myid, or set \
                    quorumListenOnAllIPs=true";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn a_socket_is_as_the_operator_wants_it() {
    for keep_alive in [false, true] {
        let port = free_port();
        let settings = SocketSettings { keep_alive, ..settings(at(port)) };
        let mut nodes = [(); 2].map(|()| Node::with(&settings, Arc::new(resolve)));
        nodes[1].links.listen(Port::Election, true);
        let here = nodes[0].links.connect(Port::Election, &[at(port)], &[]);
        assert_eq!(nodes[0].next(), StreamEvent::Connected(here));
        let there = nodes[1].accepted();
        for (node, stream) in nodes.iter().zip([here, there]) {
            let socket = SockRef::from(node.links.streams[&stream].channel.socket());
            assert!(socket.tcp_nodelay().unwrap());
            assert_eq!(socket.keepalive().unwrap(), keep_alive);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(SOON));
        }
    }
}

#[test]
fn a_connection_breaks_whose_other_side_takes_nothing_for_too_long() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let untaken_max = UntakenMax { election: Duration::from_millis(300), quorum: Duration::from_secs(3600) };
    let settings = SocketSettings { untaken_max, ..settings(at(free_port())) };
    let mut node = Node::with(&settings, Arc::new(resolve));
    let stream = node.links.connect(Port::Election, &[at(port)], &[]);
    assert_eq!(node.next(), StreamEvent::Connected(stream));
    let _silent = listener.accept().unwrap();
    let bytes = vec![7; 64 << 20];
    assert!(matches!(node.links.write(stream, &bytes), Written::Bytes(taken) if taken < bytes.len()));
    assert_eq!(node.next(), StreamEvent::Readable(stream));
    assert_eq!(node.links.read(stream, &mut [0; 10]), Read::Broken);
}

#[test]
fn a_connection_that_nobody_took_breaks_and_one_that_was_taken_ends() {
    for is_taken in [true, false] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut node = Node::new(at(free_port()));
        let stream = node.links.connect(Port::Election, &[at(port)], &[]);
        assert_eq!(node.next(), StreamEvent::Connected(stream));
        assert_eq!(node.links.write(stream, b"abc"), Written::Bytes(3));
        if is_taken {
            listener.accept().unwrap().0.read_exact(&mut [0; 3]).unwrap();
        } else {
            drop(listener);
        }
        while node.next() != StreamEvent::Readable(stream) {}
        assert_eq!(node.links.read(stream, &mut [0; 10]), if is_taken { Read::Ended } else { Read::Broken });
    }
}

/// A server with everything that it has for others.
struct Server {
    thread: Thread,
    peers: Peers,
    log: Log,
    window: Window,
    /// What it was told, as it is printed.
    told: Vec<String>,
}

impl Server {
    /// Of two servers, with these ports on this machine.
    fn new(me: i64, ports: [[u16; 2]; 2]) -> Server {
        let line = |id: usize, [quorum, election]: [u16; 2]| format!("server.{id}=127.0.0.1:{quorum}:{election}\n");
        let text = format!("{}{}version=0", line(1, ports[0]), line(2, ports[1]));
        let configs = Configs::settled(Arc::new(Config::parse(&text).unwrap()));
        let [quorum, election] = ports[usize::try_from(me).unwrap() - 1].map(at);
        let settings = SocketSettings { quorum: vec![quorum], ..settings(election.clone()) };
        let thread = Thread::new();
        let links = Box::new(thread.links(&settings, Arc::new(resolve)));
        let waits = Waits { greeting: LONG, attempt: LONG };
        let election = ElectionPort::new(ServerId(me), &[election], waits).unwrap();
        let files = Files::Simulated(FileSystem::new(1));
        files.create_dir(Path::new("/data")).unwrap();
        let config = LogConfig { files: files.clone(), segment_bytes: 1 << 20, ..LogConfig::new("/data") };
        let (log, _) = Log::open(config, Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
        let settings = QuorumSettings {
            observer_master_port: 0,
            me: ServerId(me),
            features: Features(0),
            data_max: 1 << 20,
            txn_max: 1 << 20,
            attempt: LONG,
            introduction: LONG,
            standstill: LONG,
        };
        let historian = Historian::start(DrivenBy::Caller).unwrap();
        let spooler = Spooler::new(files, Path::new("/data"), DrivenBy::Caller);
        let quorum = QuorumPort::new(settings, historian, spooler);
        let peers = Peers::new(links, configs, election, quorum);
        Server { thread, peers, log, window: Window::new(Zxid::ZERO, 500), told: Vec::new() }
    }

    fn perform(&mut self, output: Output) {
        let now = Ms(self.thread.start.millis(Instant::now()));
        self.peers.perform(output, Records { window: &self.window, log: &self.log }, now);
    }

    fn turn(&mut self) {
        let now = self.thread.sleep(MOMENT, || (self.peers.has_more(), self.peers.deadline()));
        self.peers.begin_turn(now).unwrap();
        while let Some(arrival) = self.peers.next_arrival() {
            self.told.push(format!("{:?}", arrival.input()));
        }
        self.peers.end_turn(Records { window: &self.window, log: &self.log });
    }

    fn was_told(&self, what: &str) -> bool {
        self.told.iter().any(|told| told.contains(what))
    }
}

/// Servers take turns until one was told something.
fn turn_until_told(servers: &mut [Server; 2], at: usize, what: &str) {
    let deadline = Instant::now() + SOON;
    while !servers[at].was_told(what) {
        assert!(Instant::now() < deadline, "{what} is never told: {:?}", servers[at].told);
        servers.iter_mut().for_each(Server::turn);
    }
}

/// While one of two servers sleeps the other one waits.
const MOMENT: Duration = Duration::from_millis(1);

/// Whoever connects is given all the time of the test.
const LONG: Ms = Ms(60_000);

#[test]
fn a_server_gets_through_where_many_connect_who_say_nothing() {
    let ports = [[free_port(), free_port()], [free_port(), free_port()]];
    let mut servers = [1, 2].map(|me| Server::new(me, ports));
    servers[0].perform(Output::Listen(true));
    let mut silent = Vec::new();
    for port in ports[0] {
        for _ in 0..200 {
            silent.push(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap());
        }
    }
    let is_open = |mut stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    // All but as many as there may be are closed, before anybody has said anything.
    let kept = 2 * UNKNOWN_LINKS;
    let deadline = Instant::now() + SOON;
    while silent.iter().filter(|stream| is_open(stream)).count() > kept {
        assert!(Instant::now() < deadline, "there are more of them");
        servers[0].turn();
    }
    servers[1].perform(Output::Dial(ServerId(1)));
    turn_until_told(&mut servers, 0, "Election { peer: ServerId(2), event: Up }");
    servers[1].perform(Output::Connect(ServerId(1)));
    turn_until_told(&mut servers, 1, "MasterUp");
    let info = Message::Info { peer_type: PeerType::Participant, accepted: Epoch(1), config_version: Zxid(0) };
    servers[1].perform(Output::Send(Link(1), info));
    turn_until_told(&mut servers, 0, "LearnerUp");
}
