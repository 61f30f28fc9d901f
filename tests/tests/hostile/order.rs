//! Requests whose timing is the trouble: none may be lost, answered twice, or answered for another.
use crate::wire::{BIG, TIMEOUT_MS, Wire, assert_stands, client, server, setup};
use paddock_tests::client::{Client, ClientError, Frame, Hello};
use paddock_tests::records::{err, flags};
use paddock_tests::request::Request;
use paddock_tests::server::Server;
use std::time::{Duration, Instant};

/// Big replies that are asked for one by one and not read, more than the sockets of both sides hold.
const SLOW_REPLIES: usize = 24;
/// Turns in which a large write and another client's small read meet.
const MEETINGS: usize = 300;
const MOVES: usize = 150;

/// Credentials count at once, but their reply keeps its place: here between two writes.
#[test]
fn auth_between_pipelined_writes_and_reads() {
    let server = server();
    let mut client = client(&server);
    client.call(&Request::create("/a", b"", flags::PERSISTENT)).expect("a reply");
    let write = Request::set_data("/a", b"x", -1);
    let auth = Request::auth("digest", b"user:password");
    let read = Request::get_data("/a", false);
    for round in 0..50 {
        for request in [&write, &auth, &write, &read, &auth, &write, &auth, &read, &write] {
            client.queue(request);
        }
        client.flush().expect("the requests are taken");
        for _ in 0..9 {
            let reply = client.next_reply().unwrap_or_else(|error| panic!("round {round}: {error}"));
            assert_eq!(reply.err, err::OK);
        }
    }
    client.queue(&write);
    client.queue(&auth);
    client.queue(&Request::close());
    client.flush().expect("the requests are taken");
    for _ in 0..3 {
        client.next_reply().expect("each is answered");
    }
    client.expect_close().expect("the session was closed");
    assert_stands(&server);
}

/// While a client's replies wait to be read, its further requests wait in the socket; once it reads they must be served,
/// although the socket has told of them before.
#[test]
fn requests_that_came_while_output_was_full_are_served_later() {
    let server = server();
    let mut greedy = client(&server);
    let mut other = client(&server);
    greedy.call(&Request::create("/big", &vec![7; BIG], flags::PERSISTENT)).expect("a reply");
    for _ in 0..SLOW_REPLIES {
        greedy.queue(&Request::get_data("/big", false));
        greedy.flush().expect("a small request is taken");
        // Gives the reactors a turn of their own for each request.
        other.call(&Request::set_data("/zookeeper/quota", b"", -1)).expect("a reply");
    }
    for number in 0..SLOW_REPLIES {
        let reply = greedy.next_reply().unwrap_or_else(|error| panic!("reply {number}: {error}"));
        assert_eq!(reply.err, err::OK);
    }
    assert_stands(&server);
}

/// A submission that is full stops a reactor from decoding; whoever came in that turn must not be forgotten.
#[test]
fn a_read_that_meets_a_large_write_is_answered() {
    for reactors in ["0", "1"] {
        reads_meet_large_writes(&setup().property("paddock.reactors", reactors).start());
    }
}

fn reads_meet_large_writes(server: &Server) {
    let (mut writer, mut reader) = (client(server), client(server));
    writer.call(&Request::create("/w", b"", flags::PERSISTENT)).expect("a reply");
    let large = vec![1; 300_000];
    for meeting in 0..MEETINGS {
        writer.queue(&Request::set_data("/w", &large, -1));
        reader.queue(&Request::exists("/w", false));
        writer.flush().expect("the write is taken");
        reader.flush().expect("the read is taken");
        reader.next_reply().unwrap_or_else(|error| panic!("the read of meeting {meeting}: {error}"));
        writer.next_reply().unwrap_or_else(|error| panic!("the write of meeting {meeting}: {error}"));
    }
    assert_stands(server);
}

/// The old connection closes the session just as a new one takes it over. Whichever wins, the new one either works or is
/// closed: it is not left with a session that is gone.
#[test]
fn a_session_that_is_closed_while_it_moves_leaves_no_connection_behind() {
    let server = server();
    for round in 0..MOVES {
        let mut old = client(&server);
        old.queue(&Request::close());
        let hello = Hello::reattach(&old.session, 0);
        let (address, before) = (server.address(), round % 2 == 0);
        if before {
            old.flush().expect("the close is taken");
        }
        let greeting = std::thread::spawn(move || Client::greet(address, &hello));
        if !before {
            old.flush().expect("the close is taken");
        }
        match greeting.join().expect("greeting does not panic") {
            Ok(mut new) => match new.call(&Request::set_data("/zookeeper/quota", b"", -1)) {
                Ok(reply) if reply.err == err::OK => drop(new),
                Ok(reply) => {
                    assert_eq!(reply.err, err::SESSION_EXPIRED, "round {round}");
                    new.expect_close().unwrap_or_else(|error| panic!("round {round}, session gone: {error}"));
                }
                Err(ClientError::Closed) => {}
                Err(error) => panic!("round {round}: {error}"),
            },
            Err(ClientError::Refused | ClientError::Closed) => {}
            Err(error) => panic!("round {round}: {error}"),
        }
    }
    assert_stands(&server);
}

/// A session lives for its timeout after its last answered request, also when the connection went right after it.
#[test]
fn the_last_request_before_a_lost_connection_keeps_the_session_alive() {
    let timeout = Duration::from_millis(1_200);
    let server = setup().config("tickTime", "200").start();
    let mut witness = client(&server);
    let mut watched = Client::connect(server.address(), 1_200).expect("welcome");
    assert_eq!(watched.session.timeout_ms, 1_200);
    // Its end by silence is the clock of this test.
    let mut clock = Client::connect(server.address(), 600).expect("welcome");
    watched.call(&Request::create("/alive", b"", flags::EPHEMERAL)).expect("a reply");
    assert_eq!(witness.call(&Request::exists("/alive", true)).expect("a reply").err, err::OK);
    clock.expect_close().expect("a silent session expires");
    watched.call(&Request::ping()).expect("the session lives");
    let heard = Instant::now();
    drop(watched);
    witness.next_event().expect("the session expires");
    let lived = heard.elapsed();
    assert!(lived >= timeout, "it expired {lived:?} after it was heard, its timeout is {timeout:?}");
    assert_stands(&server);
}

/// What was asked before a close is answered before it, however slowly it is read.
#[test]
fn a_slow_reader_gets_every_reply_before_its_close() {
    let server = setup().property("zookeeper.nio.sessionlessCnxnTimeout", "1000").start();
    let mut slow = client(&server);
    slow.call(&Request::create("/big", &vec![7; BIG], flags::PERSISTENT)).expect("a reply");
    // The server sees to its connections before it closes a silent one: that is the clock of this test.
    let pass_the_deadline = || assert_eq!(Wire::open(server.address()).read_to_close(), []);
    pass_the_deadline();
    slow.queue(&Request::set_data("/zookeeper/quota", b"", -1));
    for _ in 0..SLOW_REPLIES {
        slow.queue(&Request::get_data("/big", false));
    }
    slow.queue(&Request::close());
    slow.flush().expect("small requests are taken");
    pass_the_deadline();
    for number in 0..SLOW_REPLIES + 2 {
        match slow.next_frame() {
            Ok(Frame::Reply(reply)) => assert_eq!(reply.err, err::OK),
            other => panic!("{other:?} where reply {number} of {} was due", SLOW_REPLIES + 2),
        }
    }
    slow.expect_close().expect("the session was closed");
    let again = Client::greet(server.address(), &Hello::reattach(&slow.session, 0));
    assert!(matches!(again, Err(ClientError::Refused)), "{again:?} within {TIMEOUT_MS} ms");
    assert_stands(&server);
}
