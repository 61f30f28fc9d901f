//! How a session begins, comes back, is taken over, expires and ends.
use crate::{TIMEOUT_MS, ask, client, connect, done, read_to_close, request, send, setup, short_ticks};
use paddock_tests::client::{Client, ClientError, Hello};
use paddock_tests::records::{err, flags, op};
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, poll_until};
use std::time::{Duration, Instant};

/// How long after its end something must be known of it.
const SOON: Duration = Duration::from_secs(20);

fn exists(server: &Server, path: &str) -> bool {
    ask(&mut client(server), Request::exists(path, false)).err == err::OK
}

#[test]
fn trap_77_a_second_connection_closes_the_first() {
    let server = setup().start();
    let mut first = client(&server);
    done(&mut first, Request::create("/mine", b"", flags::EPHEMERAL));
    let mut second = Client::reattach(server.address(), &first.session, first.last_zxid).expect("it lives");
    assert_eq!(second.session, first.session);
    first.queue(&Request::create("/stale", b"", 0));
    // The close may already have come, or come in place of an answer.
    let _ = first.flush();
    first.expect_close().expect("closed without a word");
    assert_eq!(ask(&mut second, Request::exists("/stale", false)).err, err::NO_NODE);
    done(&mut second, Request::set_data("/mine", b"x", 0));
    done(&mut second, Request::close());
    assert!(!exists(&server, "/mine"));
}

#[test]
fn trap_77_many_take_the_session_from_each_other() {
    let server = setup().start();
    let mut last = client(&server);
    for _ in 0..50 {
        let next = Client::reattach(server.address(), &last.session, last.last_zxid).expect("it lives");
        last.expect_close().expect("closed without a word");
        last = next;
    }
    done(&mut last, Request::create("/a", b"", 0));
}

#[test]
fn trap_6_a_wrong_password_closes_the_old_connection_and_leaves_the_session() {
    let server = setup().start();
    let mut first = client(&server);
    let session = first.session.clone();
    for password in [Some(vec![0; 16]), Some(vec![]), None, Some(vec![1; 17])] {
        let hello = Hello { password, ..Hello::reattach(&session, 0) };
        assert!(matches!(Client::greet(server.address(), &hello), Err(ClientError::Refused)), "{hello:?}");
        first.expect_close().expect("closed without a word");
        first = Client::reattach(server.address(), &session, 0).expect("it lives");
    }
}

#[test]
fn trap_4_a_dead_session_is_refused_in_full_and_then_closed() {
    let server = setup().start();
    let mut first = client(&server);
    done(&mut first, Request::close());
    for read_only in [Some(false), Some(true), None] {
        let hello = Hello { read_only, ..Hello::reattach(&first.session, 0) };
        let stream = connect(&server);
        send(&stream, &hello.frame());
        let said = read_to_close(&stream);
        let mut expected = vec![0, 0, 0, 36 + u8::from(read_only.is_some())];
        expected.extend([0; 16]);
        expected.extend([0, 0, 0, 16]);
        expected.extend(vec![0; 16 + usize::from(read_only.is_some())]);
        assert_eq!(said, expected, "{read_only:?}");
    }
}

#[test]
fn trap_3_the_read_only_flag_is_echoed_and_a_writable_server_says_no() {
    let server = setup().start();
    for (read_only, length) in [(Some(true), 37), (Some(false), 37), (None, 36)] {
        let stream = connect(&server);
        send(&stream, &Hello { read_only, ..Hello::new_session(TIMEOUT_MS) }.frame());
        send(&stream, &request(1, op::CLOSE_SESSION, &[]));
        let said = read_to_close(&stream);
        assert_eq!((said.len(), usize::from(said[3])), (4 + length + 20, length), "{read_only:?}");
        if length == 37 {
            assert_eq!(said[40], 0, "not read-only");
        }
    }
}

#[test]
fn trap_5_a_client_that_has_seen_more_is_dropped_without_a_word() {
    let server = setup().start();
    let first = client(&server);
    let zxid = crate::zxid(&server);
    for session in [0, first.session.id] {
        let ahead = Hello { session_id: session, last_zxid: zxid + 100, ..Hello::reattach(&first.session, 0) };
        assert!(matches!(Client::greet(server.address(), &ahead), Err(ClientError::Closed)));
    }
    let level = Client::reattach(server.address(), &first.session, zxid);
    assert!(level.is_ok(), "neither has hurt the session");
}

#[test]
fn trap_78_requests_behind_a_close_do_not_execute() {
    let server = setup().start();
    let mut client = client(&server);
    client.queue(&Request::create("/before", b"", flags::EPHEMERAL));
    client.queue(&Request::close());
    client.queue(&Request::create("/behind", b"", 0));
    client.queue(&Request::create("/behind-ephemeral", b"", flags::EPHEMERAL));
    client.queue(&Request::ping());
    client.flush().expect("the server reads");
    assert_eq!(client.next_reply().expect("the create").err, err::OK);
    assert_eq!(client.next_reply().expect("the close").err, err::OK);
    if Kind::under_test() == Kind::ZooKeeper {
        // There the close races with refusals of what is behind it.
        while client.next_reply().is_ok_and(|reply| reply.err == err::SESSION_EXPIRED) {}
    } else {
        // trap 22
        client.expect_close().expect("nothing follows");
    }
    for path in ["/before", "/behind", "/behind-ephemeral"] {
        assert!(!exists(&server, path), "{path}");
    }
}

#[test]
fn trap_82_a_close_takes_pending_creates_along_and_leaves_pending_deletes_alone() {
    let server = setup().start();
    let mut first = client(&server);
    done(&mut first, Request::create("/p", b"", 0));
    done(&mut first, Request::create("/p/old", b"", flags::EPHEMERAL));
    for number in 0..20 {
        first.queue(&Request::create(&format!("/p/new-{number}"), b"", flags::EPHEMERAL));
    }
    first.queue(&Request::delete("/p/old", -1));
    first.queue(&Request::create("/p/old", b"", 0));
    first.queue(&Request::close());
    first.flush().expect("the server reads");
    for _ in 0..23 {
        assert_eq!(first.next_reply().expect("a reply").err, err::OK);
    }
    let mut other = client(&server);
    let children = done(&mut other, Request::get_children("/p", false));
    let names = vec![Some("old".to_owned())];
    assert_eq!(children.body, paddock_tests::reply::Body::Names(Some(names)), "it is no ephemeral any more");
}

#[test]
fn trap_83_a_session_that_is_closed_elsewhere_does_nothing_any_more() {
    let server = setup().start();
    for round in 0..20 {
        let mut first = client(&server);
        let mut second = Client::reattach(server.address(), &first.session, 0).expect("it lives");
        second.queue(&Request::close());
        second.queue(&Request::create("/zombie", b"", flags::EPHEMERAL));
        second.flush().expect("the server reads");
        // On its way while the close is.
        first.queue(&Request::create("/zombie", b"", flags::EPHEMERAL));
        let _ = first.flush();
        assert_eq!(second.next_reply().expect("the close").err, err::OK, "round {round}");
        second.expect_close().expect("nothing follows");
        first.expect_close().expect("no success");
        assert!(!exists(&server, "/zombie"), "round {round}");
    }
}

#[test]
fn trap_84_sessions_that_cannot_be_are_refused() {
    let server = setup().start();
    for id in [1, -1, i64::MIN, i64::MAX, 0x0100_0000_0000_0000] {
        let session = paddock_tests::client::Session { id, password: vec![0; 16], timeout_ms: TIMEOUT_MS };
        let greeted = Client::reattach(server.address(), &session, 0);
        assert!(matches!(greeted, Err(ClientError::Refused)), "{id:x}: {greeted:?}");
    }
    let fresh = client(&server).session;
    assert!(fresh.id != 0 && fresh.id >> 56 == 1, "{:x}", fresh.id);
}

#[test]
fn trap_79_timeouts_are_clamped() {
    let server = setup().config("minSessionTimeout", "5000").config("maxSessionTimeout", "9000").start();
    for (asked, given) in [(0, 5000), (-1, 5000), (4999, 5000), (7000, 7000), (9001, 9000), (i32::MAX, 9000)] {
        let fresh = Client::connect(server.address(), asked).expect("a session");
        assert_eq!(fresh.session.timeout_ms, given, "{asked}");
        let again = Hello { timeout_ms: asked, ..Hello::reattach(&fresh.session, 0) };
        let again = Client::greet(server.address(), &again).expect("it lives");
        assert_eq!(again.session.timeout_ms, given, "{asked} again");
    }
}

#[test]
fn trap_80_a_silent_session_expires_and_its_connection_is_closed_without_a_word() {
    let server = short_ticks().start();
    let mut silent = Client::connect(server.address(), 300).expect("a session");
    done(&mut silent, Request::create("/gone", b"", flags::EPHEMERAL));
    let heard = Instant::now();
    silent.expect_close().expect("closed without a word");
    assert!(heard.elapsed() >= Duration::from_millis(300), "early: {:?}", heard.elapsed());
    assert!(!exists(&server, "/gone"));
    let back = Client::reattach(server.address(), &silent.session, 0);
    assert!(matches!(back, Err(ClientError::Refused)), "{back:?}");
}

#[test]
fn trap_81_any_frame_keeps_a_session_alive() {
    let server = short_ticks().start();
    let mut pinging = Client::connect(server.address(), 400).expect("a session");
    let mut reading = Client::connect(server.address(), 400).expect("a session");
    let mut witness = Client::connect(server.address(), 400).expect("a session");
    done(&mut witness, Request::create("/witness", b"", flags::EPHEMERAL));
    // The witness is silent; the others are not, until it has expired.
    let expired = poll_until(SOON, || {
        done(&mut pinging, Request::ping());
        let read = ask(&mut reading, Request::exists("/witness", false));
        (read.err == err::NO_NODE).then_some(())
    });
    assert!(expired.is_some(), "the witness has not expired");
    done(&mut pinging, Request::create("/a", b"", flags::EPHEMERAL));
    done(&mut reading, Request::create("/b", b"", flags::EPHEMERAL));
}

#[test]
fn trap_76_sessions_and_ephemerals_outlive_a_restart() {
    let mut server = setup().start();
    let mut first = client(&server);
    done(&mut first, Request::create("/mine", b"", flags::EPHEMERAL));
    server.terminate();
    server.restart();
    let mut back = Client::reattach(server.address(), &first.session, first.last_zxid).expect("it lives");
    done(&mut back, Request::set_data("/mine", b"x", 0));
    let fresh = client(&server).session;
    assert!(fresh.id > first.session.id, "ids go on: {:x} after {:x}", fresh.id, first.session.id);
    done(&mut back, Request::close());
    assert!(!exists(&server, "/mine"));
}

#[test]
fn connections_without_a_session_are_closed_after_their_time() {
    let server = setup().config("nio.sessionlessCnxnTimeout", "300");
    let server = server.property("zookeeper.nio.sessionlessCnxnTimeout", "300").start();
    let silent = connect(&server);
    let half = connect(&server);
    send(&half, &Hello::new_session(TIMEOUT_MS).frame()[..20]);
    let mut served = client(&server);
    let began = Instant::now();
    assert_eq!(read_to_close(&silent).len(), 0);
    assert_eq!(read_to_close(&half).len(), 0);
    assert!(began.elapsed() < SOON);
    done(&mut served, Request::exists("/", false));
}
