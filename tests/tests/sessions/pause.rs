//! A server that stands still for longer than its sessions' timeouts (SIGSTOP, a machine that is out of memory or CPU):
//! what came meanwhile is read before anything expires, and the time is given back.
use crate::{connect, done, send};
use paddock_tests::client::{Client, ClientError, Hello};
use paddock_tests::records::{err, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};
use std::io::Read;

/// Of the sessions that must not expire, ms: more than a machine that is busy takes from here to there.
const TIMEOUT_MS: i32 = 6000;
/// The shortest that may be asked for, ms: two ticks.
const TIMEOUT_MIN_MS: i32 = 200;
/// Of a session on another server, whose end says that the pause has been long enough, ms: several ticks more.
const WITNESS_TIMEOUT_MS: i32 = TIMEOUT_MS + 500;
/// Where the reactors are: in the replica's thread, and two in their own.
const REACTORS: [&str; 2] = ["0", "2"];

fn setup(reactors: &str) -> Setup {
    let setup = Setup::new(Kind::Paddock).config("tickTime", "100").config("maxSessionTimeout", "60000");
    setup.property("paddock.reactors", reactors)
}

/// Does the same at both places of the reactors, side by side: a pause takes long.
fn both_ways(test: impl Fn(&str) + Sync) {
    let test = &test;
    std::thread::scope(|scope| {
        for reactors in REACTORS {
            scope.spawn(move || test(reactors));
        }
    });
}

/// Waits until what the server has heard so far is no news any more: a session that came after it has expired.
fn let_the_news_grow_old(server: &Server) {
    let mut brief = Client::connect(server.address(), TIMEOUT_MIN_MS).expect("a session");
    brief.expect_close().expect("it is silent");
}

/// The server stands still until a session with a longer timeout than the others', which was heard last after it had been
/// stopped, has expired on another server.
fn pause_until_sessions_are_due(server: &Server, other: &Server, meanwhile: impl FnOnce()) {
    let mut witness = Client::connect(other.address(), WITNESS_TIMEOUT_MS).expect("a session");
    server.pause();
    done(&mut witness, Request::ping());
    meanwhile();
    witness.expect_close().expect("the witness is silent");
    server.resume();
}

/// The milliseconds that each warning of a pause tells.
fn told_pauses(server: &Server) -> Vec<i32> {
    let log = server.log();
    let told = log.lines().filter(|line| line.contains("WARN") && line.contains("given that time back"));
    told.map(|line| {
        let (_, rest) = line.split_once("millis=").unwrap_or_else(|| panic!("no length: {line}"));
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().expect("a first part");
        digits.parse().unwrap_or_else(|_| panic!("no length: {line}"))
    })
    .collect()
}

#[test]
fn whoever_has_sent_something_meanwhile_stays() {
    let other = setup("0").start();
    both_ways(|reactors| {
        let server = setup(reactors).start();
        let mut clients: Vec<Client> =
            (0..20).map(|_| Client::connect(server.address(), TIMEOUT_MS).expect("a session")).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            done(client, Request::create(&format!("/mine-{number}"), b"", flags::EPHEMERAL));
        }
        let_the_news_grow_old(&server);
        pause_until_sessions_are_due(&server, &other, || {
            for client in &mut clients {
                client.queue(&Request::ping());
                client.flush().expect("the socket has room");
            }
        });
        for (number, client) in clients.iter_mut().enumerate() {
            let reply = client.next_reply();
            assert!(reply.is_ok(), "{reactors} reactors, client {number}: {reply:?}");
        }
        for (number, client) in clients.iter_mut().enumerate() {
            done(client, Request::delete(&format!("/mine-{number}"), 0));
        }
    });
}

#[test]
fn the_time_is_given_back_to_the_silent_and_only_that_time() {
    let other = setup("0").start();
    both_ways(|reactors| {
        let server = setup(reactors).start();
        let mut silent = Client::connect(server.address(), TIMEOUT_MS).expect("a session");
        done(&mut silent, Request::create("/mine", b"", flags::EPHEMERAL));
        let_the_news_grow_old(&server);
        let mut dead = Client::connect(server.address(), TIMEOUT_MIN_MS).expect("a session");
        pause_until_sessions_are_due(&server, &other, || {});
        dead.expect_close().expect("nobody is heard of it any more");
        done(&mut silent, Request::delete("/mine", 0));
        let told = told_pauses(&server);
        let long = told.iter().filter(|millis| **millis >= TIMEOUT_MS).count();
        assert_eq!(long, 1, "{reactors} reactors: {told:?} in\n{}", server.log_tail());
    });
}

#[test]
fn a_handshake_that_waits_in_the_socket_is_read_before_its_deadline_counts() {
    let other = setup("0").start();
    both_ways(|reactors| {
        let deadline = (TIMEOUT_MS / 3).to_string();
        let server = setup(reactors).config("nio.sessionlessCnxnTimeout", &deadline);
        let server = server.property("zookeeper.nio.sessionlessCnxnTimeout", &deadline).start();
        let hello = Hello::new_session(TIMEOUT_MS).frame();
        let streams: Vec<_> = (0..8).map(|_| connect(&server)).collect();
        // Half of the frame is read, so that all of them have been accepted and placed.
        for stream in &streams {
            send(stream, &hello[..20]);
        }
        done(&mut Client::connect(server.address(), TIMEOUT_MS).expect("a session"), Request::exists("/", false));
        pause_until_sessions_are_due(&server, &other, || streams.iter().for_each(|stream| send(stream, &hello[20..])));
        for mut stream in &streams {
            let mut length = [0; 4];
            let read = stream.read_exact(&mut length);
            assert!(read.is_ok(), "{reactors} reactors: {read:?}");
        }
    });
}

#[test]
fn a_session_can_come_back_while_nobody_looks() {
    let other = setup("0").start();
    both_ways(|reactors| {
        let server = setup(reactors).start();
        let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("a session");
        let session = client.session.clone();
        let back = connect(&server);
        let_the_news_grow_old(&server);
        pause_until_sessions_are_due(&server, &other, || {
            client.queue(&Request::create("/a", b"", 0));
            client.flush().expect("the socket has room");
            send(&back, &Hello::reattach(&session, 0).frame());
        });
        let mut welcome = [0; 4 + 37];
        (&back).read_exact(&mut welcome).expect("a welcome");
        assert_eq!(welcome[12..20], session.id.to_be_bytes(), "{reactors} reactors: the session lives");
        assert!(matches!(client.next_reply(), Ok(_) | Err(ClientError::Closed)));
    });
}

#[test]
fn a_ttl_znode_that_a_waiting_write_renews_stays() {
    let other = setup("0").start();
    both_ways(|reactors| {
        let server = setup(reactors).property("zookeeper.extendedTypesEnabled", "true");
        let server = server.property("znode.container.checkIntervalMs", "50").start();
        let mut client = Client::connect(server.address(), 3 * TIMEOUT_MS).expect("a session");
        for number in 0..10 {
            done(&mut client, Request::create_ttl(&format!("/t-{number}"), flags::TTL, i64::from(TIMEOUT_MS)));
        }
        pause_until_sessions_are_due(&server, &other, || {
            for number in 0..10 {
                client.queue(&Request::set_data(&format!("/t-{number}"), b"", 0));
            }
            client.flush().expect("the socket has room");
        });
        for number in 0..10 {
            let reply = client.next_reply().expect("it lives");
            assert_eq!(reply.err, err::OK, "{reactors} reactors, /t-{number}");
        }
    });
}
