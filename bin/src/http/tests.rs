//! A listener with a site whose answers take as long as a test wants.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use hyper::StatusCode;
use socket2::{Domain, Socket, Type};

use super::bounds::{CONNECTIONS_PER_ADDRESS_MAX, LARGE_ANSWERS_MAX, WAITING_MAX, WORKERS};
use super::site::{Answer, Content, Request, Site};
use super::{Port, bind, start};

/// What is waited for longer has failed.
const DEADLINE: Duration = Duration::from_secs(60);
/// More than the sockets of both sides hold.
const LARGE: usize = 16 << 20;

const ONE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// `/block` is answered when the gate is open: when its other end is dropped.
struct Gated(Receiver<()>);

impl Site for Gated {
    fn at_once(&self, request: &Request) -> Option<Answer> {
        (request.path == "/now").then(|| Answer::text(StatusCode::OK, "now"))
    }

    fn answer(&self, request: &Request) -> Answer {
        let content = match &*request.path {
            "/block" => {
                // Nothing is sent; it ends.
                let _ = self.0.recv();
                Content::Whole(b"open".to_vec())
            }
            "/large" => Content::Whole(vec![b'x'; LARGE]),
            "/broken" => Content::Pieces(Box::new(|take: &mut dyn FnMut(Vec<u8>) -> bool| {
                take(b"piece".to_vec());
                Err(io::ErrorKind::UnexpectedEof.into())
            })),
            _ => return Answer::text(StatusCode::NOT_FOUND, "no"),
        };
        Answer { status: StatusCode::OK, headers: Vec::new(), content }
    }
}

/// A port, and what keeps its gate closed.
fn serve() -> (SocketAddr, Sender<()>) {
    let (gate, closed) = bounded(0);
    let listener = bind("127.0.0.1", 0).expect("there is a port");
    let address = listener.local_addr().expect("it is bound");
    start(vec![Port { name: "test", listener, site: Arc::new(Gated(closed)), idle: None, tls: None }])
        .expect("it is started");
    (address, gate)
}

/// A connection that comes from this address.
fn connect(to: SocketAddr, from: Ipv4Addr) -> BufReader<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into()).expect("it is an address of this machine");
    socket.connect(&to.into()).expect("it is listened to");
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
    BufReader::new(stream)
}

fn ask(stream: &mut BufReader<TcpStream>, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes()).expect("it takes a request");
}

/// The status of the next answer.
fn status(stream: &mut BufReader<TcpStream>) -> u16 {
    let mut line = String::new();
    stream.read_line(&mut line).expect("an answer");
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status in {line:?}"))
}

fn status_of(to: SocketAddr, from: Ipv4Addr, path: &str) -> u16 {
    let mut stream = connect(to, from);
    ask(&mut stream, path);
    status(&mut stream)
}

/// So many connections that wait behind the gate.
fn block(to: SocketAddr, from: Ipv4Addr, count: usize) -> Vec<BufReader<TcpStream>> {
    let mut streams: Vec<_> = (0..count).map(|_| connect(to, from)).collect();
    streams.iter_mut().for_each(|stream| ask(stream, "/block"));
    streams
}

#[test]
fn requests_wait_in_a_bounded_queue_and_health_does_not() {
    let (address, gate) = serve();
    let half = (WORKERS + WAITING_MAX) / 2;
    let mut streams = block(address, ONE, half);
    streams.extend(block(address, OTHER, WORKERS + WAITING_MAX + 1 - half));
    // By then what was sent before has been read.
    for _ in 0..3 {
        assert_eq!(status_of(address, OTHER, "/now"), 200);
    }
    drop(gate);
    let statuses: Vec<u16> = streams.iter_mut().map(status).collect();
    let refused = statuses.iter().filter(|status| **status == 503).count();
    // The workers may have taken theirs before the queue was full, or not.
    assert!((1..=WORKERS + 1).contains(&refused), "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
}

#[test]
fn an_address_whose_connections_are_all_busy_has_no_place_for_another() {
    let (address, gate) = serve();
    let mut streams = block(address, ONE, CONNECTIONS_PER_ADDRESS_MAX);
    // By then what was sent before has been read.
    for _ in 0..3 {
        assert_eq!(status_of(address, OTHER, "/now"), 200);
    }
    assert_eq!(status(&mut connect(address, ONE)), 503, "it is told before it asks");
    drop(gate);
    assert!(streams.iter_mut().all(|stream| status(stream) == 200), "the others keep theirs");
}

#[test]
fn large_answers_are_few_at_a_time() {
    let (address, _gate) = serve();
    let mut taken: Vec<BufReader<TcpStream>> = Vec::new();
    for _ in 0..LARGE_ANSWERS_MAX {
        let mut stream = connect(address, ONE);
        ask(&mut stream, "/large");
        assert_eq!(status(&mut stream), 200);
        taken.push(stream);
    }
    assert_eq!(status_of(address, ONE, "/large"), 503);
    assert_eq!(status_of(address, ONE, "/now"), 200);
    let mut first = taken.swap_remove(0);
    let mut rest = vec![0; LARGE];
    first.read_exact(&mut rest).expect("it is sent to the end");
    drop(first);
    // The place in memory is given back when the last piece is handed over.
    let again = (0..1000).map(|_| status_of(address, ONE, "/large")).find(|status| *status == 200);
    assert_eq!(again, Some(200), "there is room again");
}

#[test]
fn an_answer_that_breaks_off_shows_that_it_does() {
    let (address, _gate) = serve();
    let mut stream = connect(address, ONE);
    ask(&mut stream, "/broken");
    let mut bytes = Vec::new();
    // It may end with a reset, and what was not sent by then is not.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
}
