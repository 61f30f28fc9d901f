//! Sockets of this machine.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use paddock_consensus::config::HostPort;
use paddock_net::doorbell::Doorbell;
use paddock_net::reactor::FOREIGN;

use super::{Addresses, Readiness, SocketLinks};
use crate::node::peers::links::{Links, Port, Read, StreamEvent, StreamId, Written};

/// Whatever is waited for comes sooner.
const SOON: Duration = Duration::from_secs(20);

/// A server's links, and the poll that a replica would have.
struct Node {
    poll: Poll,
    events: Events,
    readiness: Readiness,
    bell: Arc<Doorbell>,
    links: SocketLinks,
}

impl Node {
    /// Its election port has this address.
    fn new(election: HostPort) -> Node {
        let poll = Poll::new().unwrap();
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(FOREIGN)).unwrap());
        let readiness = Readiness::default();
        let addresses = Addresses { election: vec![election], quorum: vec![at(free_port())] };
        let links = SocketLinks::new(poll.registry().try_clone().unwrap(), readiness.clone(), bell.clone(), addresses);
        Node { poll, events: Events::with_capacity(16), readiness, bell, links }
    }

    /// What happens next.
    fn next(&mut self) -> StreamEvent {
        let deadline = Instant::now() + SOON;
        loop {
            self.bell.going_to_sleep();
            if let Some(event) = self.links.poll() {
                self.bell.awake();
                return event;
            }
            assert!(Instant::now() < deadline, "nothing happens");
            self.poll.poll(&mut self.events, Some(Duration::from_millis(100))).unwrap();
            self.bell.awake();
            self.readiness.take_in(&self.events);
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
    HostPort { host: "127.0.0.1".into(), port }
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
    assert_eq!(one.links.owners.len(), 0);
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
    let named = HostPort { host: "localhost".into(), port };
    for addresses in [vec![at(nobody), at(port)], vec![at(port), at(nobody)], vec![named.clone(), at(nobody)]] {
        let stream = one.links.connect(&addresses);
        assert_eq!(one.next(), StreamEvent::Connected(stream), "{addresses:?}");
        one.links.close(stream);
    }
    let unknown = HostPort { host: "no-such-host.invalid".into(), port };
    for addresses in
        [vec![], vec![at(nobody)], vec![at(nobody), at(nobody)], vec![unknown.clone()], vec![unknown, at(nobody)]]
    {
        let stream = one.links.connect(&addresses);
        assert_eq!(one.next(), StreamEvent::Refused(stream), "{addresses:?}");
    }
    assert_eq!((one.links.streams.len(), one.links.owners.len()), (0, 0));
}

#[test]
fn what_is_given_up_is_told_of_no_more() {
    let port = free_port();
    let (mut one, mut other) = (Node::new(at(free_port())), Node::new(at(port)));
    other.links.listen(Port::Election, true);
    let given_up = [
        one.links.connect(&[at(port)]),
        one.links.connect(&[]),
        one.links.connect(&[HostPort { host: "localhost".into(), port }]),
    ];
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
    assert_eq!(node.links.poll(), None);
    drop(other);
    // It is told of nobody until it is open.
    let connected = connect_when_open(&mut node, address);
    node.accepted();
    drop(connected);
    node.links.listen(Port::Election, false);
    node.links.listen(Port::Election, false);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    node.links.listen(Port::Election, true);
    let _connected = connect_when_open(&mut node, address);
    node.accepted();
}

fn connect_when_open(node: &mut Node, address: SocketAddr) -> TcpStream {
    let deadline = Instant::now() + SOON;
    loop {
        if let Ok(stream) = TcpStream::connect(address) {
            return stream;
        }
        assert!(Instant::now() < deadline, "it is never opened");
        assert_eq!(node.links.poll(), None);
        std::thread::yield_now();
    }
}
