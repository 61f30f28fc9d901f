//! What clients see of the limits: connections, handshakes, requests under way, large requests.
use crate::{TIMEOUT_MS, ask, client, connect, done, read_to_close, request, send, setup, zxid};
use paddock_tests::client::{Client, ClientError, Hello};
use paddock_tests::records::{err, op};
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;

const THROTTLED: i32 = -127;
/// Tries of what depends on the machine's load.
const ROUNDS: u32 = 30;

/// Sets a key both ways, because Debian's 3.8.0 reads some as properties only.
fn with(setup: Setup, key: &str, value: &str) -> Setup {
    setup.config(key, value).property(&format!("zookeeper.{key}"), value)
}

fn refused(server: &Server) -> bool {
    matches!(Client::connect(server.address(), TIMEOUT_MS), Err(ClientError::Closed))
}

#[test]
fn trap_94_one_connection_too_many_of_an_address_is_reset() {
    // The one that `start` asks with may not be gone yet when the last of these comes.
    let server = setup().config("maxClientCnxns", "3").start();
    let mut held: Vec<Client> = Vec::new();
    while held.len() < 3 {
        held.extend(Client::connect(server.address(), TIMEOUT_MS).ok());
    }
    let mut stream = connect(&server);
    // ZooKeeper ends the stream before it resets it, so that either may be what the client sees first.
    match stream.read(&mut [0; 64]) {
        Ok(0) if Kind::under_test() == Kind::ZooKeeper => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("a reset was due, not {other:?}"),
    }
    assert!(refused(&server));
    drop(held.pop());
    let again = paddock_tests::server::poll_until(paddock_tests::server::DEADLINE, || {
        Client::connect(server.address(), TIMEOUT_MS).ok()
    });
    assert!(again.is_some(), "a place has become free");
    for client in &mut held {
        done(client, Request::exists("/", false));
    }
}

#[test]
fn connections_are_limited_in_all() {
    let server = with(setup(), "maxCnxns", "2").start();
    let mut held: Vec<Client> = Vec::new();
    while held.len() < 2 {
        held.extend(Client::connect(server.address(), TIMEOUT_MS).ok());
    }
    assert!(refused(&server));
}

#[test]
fn handshakes_are_dropped_when_the_bucket_is_empty() {
    let setup = with(setup(), "connection_throttle_tokens", "3");
    let server = with(setup, "connection_throttle_fill_time", "1000000").start();
    let mut held: Vec<Client> = (0..3).map(|_| client(&server)).collect();
    assert!(refused(&server));
    let back = Client::reattach(server.address(), &held[0].session, 0);
    assert!(matches!(back, Err(ClientError::Closed)), "a session that comes back takes a token too: {back:?}");
    for client in &mut held {
        done(client, Request::exists("/", false));
    }
}

#[test]
fn handshakes_have_weights() {
    let setup = with(setup(), "connection_throttle_tokens", "2");
    let setup = with(setup, "connection_throttle_fill_time", "1000000");
    // Six tokens: a new session takes three, one that comes back two.
    let server = with(setup, "connection_throttle_weight_enabled", "true").start();
    let first = client(&server);
    let back = Client::reattach(server.address(), &first.session, 0).expect("two tokens of three");
    assert!(refused(&server), "one is left");
    drop(back);
}

#[test]
fn tokens_come_back() {
    let setup = with(setup(), "connection_throttle_tokens", "1");
    let server = with(setup, "connection_throttle_fill_time", "50").start();
    for _ in 0..3 {
        let admitted = paddock_tests::server::poll_until(paddock_tests::server::DEADLINE, || {
            Client::connect(server.address(), TIMEOUT_MS).ok()
        });
        assert!(admitted.is_some());
    }
}

/// Sends many writes at once on several connections, all of which must be answered.
fn flood(server: &Server) {
    let mut clients: Vec<Client> = (0..4).map(|_| client(server)).collect();
    for client in &mut clients {
        for _ in 0..500 {
            client.queue(&Request::create("/n-", b"", 2));
        }
        client.flush().expect("the server reads on");
    }
    for client in &mut clients {
        for _ in 0..500 {
            assert_eq!(client.next_reply().expect("every request is answered").err, err::OK);
        }
    }
}

#[test]
fn trap_95_back_pressure_never_stops_a_connection_for_good() {
    flood(&with(setup(), "globalOutstandingLimit", "1").start());
}

#[test]
fn requests_under_way_are_limited_and_all_are_answered() {
    flood(&with(setup(), "request_throttle_max_requests", "1").start());
}

#[test]
fn requests_of_a_closed_connection_are_dropped_while_the_throttle_stalls() {
    let server = with(setup(), "request_throttle_max_requests", "1").start();
    let mut dropped = 0;
    for round in 0..20 {
        let mut hasty = client(&server);
        for number in 0..200 {
            hasty.queue(&Request::create(&format!("/r-{round}-{number}"), b"", 0));
        }
        hasty.queue(&Request::close());
        hasty.flush().expect("the server reads on");
        drop(hasty);
        let mut other = client(&server);
        done(&mut other, Request::sync("/"));
        let mut present = (0..200)
            .map(|number| ask(&mut other, Request::exists(&format!("/r-{round}-{number}"), false)).err == err::OK);
        // What is dropped is a tail: no later request without the earlier ones.
        let executed = present.by_ref().take_while(|present| *present).count();
        assert!(present.all(|present| !present), "round {round}: a request after a dropped one was executed");
        dropped += 200 - executed.min(200);
    }
    eprintln!("{dropped} of 4000 requests were dropped");
}

#[test]
fn requests_that_have_waited_too_long_are_answered_and_not_executed() {
    let setup = with(setup(), "request_throttle_max_requests", "1");
    let server = with(setup, "throttled_op_wait_time", "10").start();
    let mut client = client(&server);
    let mut counts = (0, 0);
    // How many are late is a matter of the machine's load; that it is all of them, or none, cannot go on.
    for round in 0..ROUNDS {
        let (executed, throttled) = flood_and_check(&mut client, round);
        counts = (counts.0 + executed, counts.1 + throttled);
        if counts.0 > 0 && counts.1 > 0 {
            done(&mut client, Request::close());
            return;
        }
    }
    panic!("{} executed, {} throttled", counts.0, counts.1);
}

/// Creates many znodes at once; what was answered with success is there, and nothing else. Returned are how many were
/// executed and how many throttled.
fn flood_and_check(client: &mut Client, round: u32) -> (u32, u32) {
    let paths: Vec<String> = (0..2000).map(|number| format!("/n-{round}-{number}")).collect();
    for path in &paths {
        client.queue(&Request::create(path, b"", 0));
    }
    client.flush().expect("the server reads on");
    let replies: Vec<_> = paths.iter().map(|_| client.next_reply().expect("every request is answered")).collect();
    let (mut executed, mut throttled) = (0, 0);
    for (path, reply) in paths.iter().zip(replies) {
        match reply.err {
            err::OK => executed += 1,
            THROTTLED => throttled += 1,
            other => panic!("{path}: {other}"),
        }
        let there = ask(client, Request::exists(path, false)).err == err::OK;
        assert_eq!(there, reply.err == err::OK, "{path}");
    }
    (executed, throttled)
}

/// A handshake and the beginning of a frame of this length.
fn begin_frame(server: &Server, length: i32) -> TcpStream {
    let stream = connect(server);
    send(&stream, &Hello::new_session(TIMEOUT_MS).frame());
    (&stream).read_exact(&mut [0; 41]).expect("a welcome");
    send(&stream, &length.to_be_bytes());
    stream
}

#[test]
fn large_requests_find_room_or_their_connection_is_closed() {
    let server = with(with(setup(), "largeRequestThreshold", "1000"), "largeRequestMaxBytes", "5000").start();
    let mut client = client(&server);
    done(&mut client, Request::create("/small", &[b'x'; 800], 0));
    done(&mut client, Request::create("/large", &[b'x'; 4000], 0));
    // Each is over before the next comes, and has left its room to it.
    for _ in 0..5 {
        done(&mut client, Request::set_data("/large", &[b'x'; 4000], -1));
    }
    let before = zxid(&server);
    let stream = begin_frame(&server, 5001);
    assert_eq!(read_to_close(&stream).len(), 0, "told by its length alone");
    client.queue(&Request::set_data("/large", &[b'y'; 5000], -1));
    client.flush().expect("the server reads");
    client.expect_close().expect("no answer");
    let session = client.session.clone();
    let mut back = Client::reattach(server.address(), &session, 0).expect("the session lives");
    assert_eq!(zxid(&server), before + 2, "two sessions began, and nothing else has happened");
    done(&mut back, Request::set_data("/large", &[b'x'; 4000], -1));
}

#[test]
fn trap_11_a_frame_beyond_jute_maxbuffer_closes_the_connection_and_no_more() {
    let setup = setup().config("jute.maxbuffer", "2000").property("jute.maxbuffer", "2000");
    let server = setup.property("zookeeper.jute.maxbuffer.extrasize", "5000").start();
    let mut client = client(&server);
    // 8 bytes of header, 4 + 2 of path, 4 of data, 27 of list, 4 of flags.
    let fits = 2000 - 8 - 6 - 4 - (4 + 4 + 4 + 5 + 4 + 6) - 4;
    done(&mut client, Request::create("/a", &vec![b'x'; fits], 0));
    client.queue(&Request::create("/b", &vec![b'x'; fits + 1], 0));
    client.flush().expect("the server reads");
    client.expect_close().expect("no answer");
    let mut back = Client::reattach(server.address(), &client.session, client.last_zxid).expect("at once");
    assert_eq!(ask(&mut back, Request::exists("/b", false)).err, err::NO_NODE);
    let stream = begin_frame(&server, 2001);
    assert_eq!(read_to_close(&stream).len(), 0, "told by its length alone");
}

#[test]
fn pings_are_answered_while_others_writes_are_under_way() {
    let server = with(setup(), "globalOutstandingLimit", "1").start();
    let mut busy = client(&server);
    let mut calm = client(&server);
    for _ in 0..2000 {
        busy.queue(&Request::create("/n-", b"", 2));
    }
    busy.flush().expect("the server reads on");
    let ping = Request::Raw { opcode: op::PING, body: Vec::new() };
    for _ in 0..20 {
        calm.queue_as(-2, &ping);
        calm.flush().expect("the server reads");
        assert_eq!(calm.next_reply().expect("a ping is answered").err, err::OK);
    }
    for _ in 0..2000 {
        assert_eq!(busy.next_reply().expect("a reply").err, err::OK);
    }
}

/// A read waits for the write before it, and comes before the one after it, also where both are refused.
#[test]
fn reads_between_refused_writes_have_their_turn() {
    const BURST: usize = 500;
    let setup = with(setup(), "request_throttle_max_requests", "2");
    let server = with(setup, "throttled_op_wait_time", "1").start();
    let mut client = client(&server);
    for _ in 0..BURST {
        client.queue(&Request::set_data("/zookeeper/quota", b"", -1));
        client.queue(&Request::get_data("/zookeeper/quota", false));
    }
    client.flush().expect("small requests are taken");
    for _ in 0..BURST {
        let write = client.next_reply().expect("a reply").err;
        assert!([err::OK, THROTTLED].contains(&write), "{write}");
        assert_eq!(client.next_reply().expect("a reply").err, err::OK);
    }
}

#[test]
fn a_pipelined_ping_and_close_pass_the_throttles() {
    let setup = with(setup(), "request_throttle_max_requests", "1");
    let server = with(setup, "throttled_op_wait_time", "1").start();
    let stream = connect(&server);
    let mut bytes = Hello::new_session(TIMEOUT_MS).frame();
    for xid in 1..=100 {
        bytes.extend(request(xid, op::PING, &[]));
    }
    bytes.extend(request(101, op::CLOSE_SESSION, &[]));
    send(&stream, &bytes);
    let said = read_to_close(&stream);
    assert_eq!(said.len(), 41 + 101 * 20);
    let errors = said[41..].chunks(20).map(|reply| i32::from_be_bytes([reply[16], reply[17], reply[18], reply[19]]));
    assert!(errors.into_iter().all(|error| error == err::OK));
}
