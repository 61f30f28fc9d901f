use std::io::{ErrorKind, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Sender, bounded};
use mio::{Poll, Waker};
use paddock_consensus::config::HostPort;
use paddock_engine::jute::Write as _;

use super::{Link, Order, WAKER};
use crate::client::connect_string::ConnectString;
use crate::client::event::Event;
use crate::client::listener::Listener;
use crate::client::session::Session;
use crate::client::state::{Standing, State};
use crate::security::Security;

const DEADLINE: Duration = Duration::from_secs(60);

struct Deaf;

impl Listener for Deaf {
    fn hear(&self, _: Event) {}
}

fn listen() -> (TcpListener, HostPort) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let port = listener.local_addr().expect("it is bound").port();
    (listener, HostPort { host: "127.0.0.1".into(), port })
}

/// Answers a hello with a session of so many milliseconds.
fn welcome(stream: &mut TcpStream, timeout_ms: i32) {
    let mut hello = [0; 49];
    stream.read_exact(&mut hello).expect("a hello comes");
    let mut record = Vec::new();
    record.put_i32(0);
    record.put_i32(timeout_ms);
    record.put_i64(7);
    record.put_buffer(Some(&[1; 16]));
    record.put_bool(false);
    let mut frame = Vec::new();
    frame.put_buffer(Some(&record));
    stream.write_all(&frame).expect("it is taken");
}

/// A link that runs in a thread of its own, the orders that it takes, and how it stands.
fn run(hosts: Vec<HostPort>) -> (Sender<Order>, Arc<Waker>, Arc<Standing>) {
    let poll = Poll::new().expect("there are descriptors");
    let waker = Arc::new(Waker::new(poll.registry(), WAKER).expect("there are descriptors"));
    let (orders, taken) = bounded(8);
    let standing = Arc::new(Standing::new());
    let chroot = ConnectString::parse("zk").expect("it is one").chroot;
    let session = Session::new(chroot, 30_000, false, None, standing.clone(), Arc::new(Deaf));
    let link = Link::new(poll, waker.clone(), (orders.clone(), taken), (hosts, Security::default()), session);
    thread::spawn(move || link.run());
    (orders, waker, standing)
}

#[test]
fn a_server_that_welcomes_and_hangs_up_is_left_for_another() {
    let ((bad, bad_host), (good, good_host)) = (listen(), listen());
    thread::spawn(move || {
        for mut stream in bad.incoming().map_while(Result::ok) {
            welcome(&mut stream, 30_000);
        }
    });
    let (came, comes) = bounded(1);
    thread::spawn(move || came.send(good.accept().map(|(stream, _)| stream)));
    let (orders, waker, standing) = run(vec![bad_host, good_host]);
    let mut stream = comes.recv_timeout(DEADLINE).expect("it comes here in the end").expect("it is accepted");
    welcome(&mut stream, 30_000);
    let (told, ended) = bounded(1);
    orders.send(Order::Close(told)).expect("it runs");
    waker.wake().expect("it runs");
    let mut end = [0; 12];
    stream.read_exact(&mut end).expect("the end of the session is asked for");
    drop(stream);
    assert_eq!(ended.recv_timeout(DEADLINE), Ok(()));
    assert_eq!(standing.get(), State::Closed);
}

#[test]
fn a_session_is_over_also_where_every_attempt_fails_at_once() {
    let (server, host) = listen();
    let (_orders, _waker, standing) = run(vec![host]);
    let (mut stream, _) = server.accept().expect("it comes");
    welcome(&mut stream, 3000);
    assert!(standing.wait_for(|state| state == State::Connected, DEADLINE));
    drop((stream, server));
    assert!(standing.wait_for(|state| state == State::Closed, DEADLINE), "nobody listens there any more");
}

#[test]
fn a_frame_that_is_too_long_ends_the_connection() {
    let (server, host) = listen();
    let (_orders, _waker, standing) = run(vec![host]);
    for length in [i32::MAX, -1, 0] {
        let (mut stream, _) = server.accept().expect("it comes, and comes again");
        welcome(&mut stream, 30_000);
        stream.write_all(&length.to_be_bytes()).expect("it is taken");
        stream.set_read_timeout(Some(DEADLINE)).expect("it can be set");
        let ended = stream.read_to_end(&mut Vec::new());
        let waits = ended.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        assert!(!waits, "{length}");
    }
    assert!(standing.get().is_alive());
}
