//! Sockets of this machine.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use paddock_consensus::config::HostPort;
use paddock_consensus::settings::Ms;
use paddock_net::doorbell::Doorbell;
use paddock_net::reactor::FOREIGN;

use super::lookups::Resolver;
use super::{Readiness, SocketLinks, SocketSettings};
use crate::node::moment::Start;
use crate::node::peers::links::{CannotListen, Links, Port, Read, StreamEvent, StreamId, Written};

/// Whatever is waited for comes sooner.
const SOON: Duration = Duration::from_secs(20);

/// A server's links, and the poll that a replica would have.
struct Node {
    poll: Poll,
    events: Events,
    readiness: Readiness,
    bell: Arc<Doorbell>,
    links: SocketLinks,
    start: Start,
}

impl Node {
    /// Its election port has this address.
    fn new(election: HostPort) -> Node {
        Node::with(settings(election), Arc::new(resolve))
    }

    fn with(settings: SocketSettings, resolver: Resolver) -> Node {
        let poll = Poll::new().unwrap();
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(FOREIGN)).unwrap());
        let readiness = Readiness::default();
        let registry = poll.registry().try_clone().unwrap();
        let links = SocketLinks::with_resolver(registry, readiness.clone(), bell.clone(), &settings, resolver);
        Node { poll, events: Events::with_capacity(16), readiness, bell, links, start: Start(Instant::now()) }
    }

    /// Sleeps for exactly as long as the links say, and begins a turn.
    fn turn(&mut self) -> Result<(), CannotListen> {
        self.bell.going_to_sleep();
        let now = Instant::now();
        let timeout = match self.links.has_more() {
            true => Some(Duration::ZERO),
            false => self.links.deadline().map(|deadline| self.start.until(deadline.0, now)),
        };
        self.poll.poll(&mut self.events, Some(timeout.unwrap_or(SOON).min(SOON))).unwrap();
        assert!(now.elapsed() < SOON, "nothing happens");
        self.bell.awake();
        self.readiness.take_in(&self.events);
        self.links.begin_turn(Ms(self.start.millis(Instant::now())))
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
                Read::Ended => panic!("ended after {} bytes", read.len()),
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
                Read::Ended => return read,
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
        election: vec![election],
        quorum: vec![at(free_port())],
        listens_on_all: false,
        election_tries: 0,
        keep_alive: false,
        untaken_max: SOON,
    }
}

/// A resolver that knows one name, whatever the machine's does.
fn resolve(name: &str) -> io::Result<Vec<SocketAddr>> {
    match name {
        "here" => Ok(vec![(Ipv6Addr::LOCALHOST, 0).into(), (Ipv4Addr::LOCALHOST, 0).into()]),
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
    let here = one.links.connect(&[at(port)]);
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
    let here = one.links.connect(&[at(port)]);
    assert_eq!(one.next(), StreamEvent::Connected(here));
    let there = other.accepted();
    let bytes = vec![7; 64 << 20];
    let Written::Bytes(taken) = one.links.write(here, &bytes) else { panic!("it is broken") };
    assert!(taken < bytes.len(), "no kernel holds so much");
    one.poll.poll(&mut one.events, Some(Duration::ZERO)).unwrap();
    one.readiness.take_in(&one.events);
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
        let stream = one.links.connect(&addresses);
        assert_eq!(one.next(), StreamEvent::Connected(stream), "{addresses:?}");
        one.links.close(stream);
    }
    let unknown = named("nowhere", port);
    for addresses in
        [vec![], vec![at(nobody)], vec![at(nobody), at(nobody)], vec![unknown.clone()], vec![unknown, at(nobody)]]
    {
        let stream = one.links.connect(&addresses);
        assert_eq!(one.next(), StreamEvent::Refused(stream), "{addresses:?}");
    }
    assert_eq!((one.links.streams.len(), one.links.dialled.len(), one.links.watched.len()), (0, 0, 0));
}

#[test]
fn what_is_given_up_is_told_of_no_more() {
    let port = free_port();
    let (mut one, mut other) = (Node::new(at(free_port())), Node::new(at(port)));
    other.links.listen(Port::Election, true);
    let given_up = [one.links.connect(&[at(port)]), one.links.connect(&[]), one.links.connect(&[named("here", port)])];
    given_up.into_iter().for_each(|stream| one.links.close(stream));
    one.links.close(StreamId(99));
    let kept = one.links.connect(&[at(port)]);
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
    node.turn().unwrap();
    // Nothing happens in the turns until it is tried again.
    while node.links.deadline().is_some() {
        node.turn().unwrap();
    }
    let connected = TcpStream::connect(address).unwrap();
    node.accepted();
    drop(connected);
    node.links.listen(Port::Election, false);
    node.links.listen(Port::Election, false);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    node.links.listen(Port::Election, true);
    let _connected = TcpStream::connect(address).unwrap();
    node.accepted();
}

/// What a thread that sleeps as it is told is waked by: names, and ports that become free.
#[test]
fn a_name_and_a_port_that_becomes_free_later_connect_two_servers() {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = other.local_addr().unwrap().port();
    let mut listener = Node::with(settings(named("here", port)), Arc::new(resolve));
    listener.links.listen(Port::Election, true);
    while listener.links.deadline().is_none() {
        listener.turn().unwrap();
    }
    drop(other);
    while listener.links.deadline().is_some() {
        listener.turn().unwrap();
    }
    let mut node = Node::new(at(free_port()));
    let stream = node.links.connect(&[named("here", port)]);
    assert_eq!(node.next(), StreamEvent::Connected(stream));
    listener.accepted();
}

#[test]
fn an_answer_of_the_resolver_is_seen_whenever_it_comes() {
    let (answer, answers) = mpsc::sync_channel::<()>(0);
    let answers = std::sync::Mutex::new(answers);
    let resolver = move |name: &str| {
        answers.lock().unwrap().recv().unwrap();
        resolve(name)
    };
    let mut node = Node::with(settings(at(free_port())), Arc::new(resolver));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let here = named("here", listener.local_addr().unwrap().port());
    // Behind the look of a turn, and before the thread goes to sleep.
    let stream = node.links.connect(std::slice::from_ref(&here));
    node.links.begin_turn(Ms(0)).unwrap();
    assert_eq!((node.links.poll(), node.links.has_more()), (None, false));
    answer.send(()).unwrap();
    while !node.links.has_more() {
        std::thread::yield_now();
    }
    assert_eq!(node.next(), StreamEvent::Connected(stream));
    // While it sleeps.
    let stream = node.links.connect(&[here]);
    node.bell.going_to_sleep();
    assert!(!node.links.has_more());
    answer.send(()).unwrap();
    node.poll.poll(&mut node.events, Some(SOON)).unwrap();
    assert!(!node.events.is_empty(), "nobody has rung");
    node.bell.awake();
    assert_eq!(node.next(), StreamEvent::Connected(stream));
}
