//! Which opcodes are taken at all, and the two that are answered out of the pipeline.
use crate::{client, done, read_to_close, request, send, setup};
use paddock_tests::client::ClientError;
use paddock_tests::records::{err, op, xid};
use paddock_tests::reply::{Body, Reply};
use paddock_tests::request::Request;
use paddock_tests::server::Kind;

/// What no client may ask for: nothing has these numbers, or only the server uses them.
fn unknown() -> impl Iterator<Item = i32> {
    let singles = [i32::MIN, -100, -12, -10, -9, -2, -1, 0, 10, op::CHECK, 20, 108, 200, 1000, i32::MAX];
    singles.into_iter().chain(23..100)
}

#[test]
fn trap_14_unknown_opcodes_are_answered_and_then_the_connection_is_closed() {
    let server = setup().start();
    for opcode in unknown() {
        // ZooKeeper executes a createSession and a deleteContainer that a client asks for, Debian's 3.8.0 a check too.
        let kind = Kind::under_test();
        if kind == Kind::ZooKeeper && ([-10, 20].contains(&opcode) || opcode == op::CHECK && !kind.is_current()) {
            continue;
        }
        let mut client = client(&server);
        client.queue_as(4, &Request::Raw { opcode, body: vec![0, 0, 0, 1, b'/', 0, 0, 0, 0] });
        client.flush().expect("the server reads");
        let reply = client.next_reply().unwrap_or_else(|error| panic!("{opcode}: {error}"));
        assert_eq!((reply.xid, reply.zxid, reply.err), (4, -1, err::UNIMPLEMENTED), "{opcode}");
        client.expect_close().unwrap_or_else(|error| panic!("{opcode}: {error}"));
    }
}

#[test]
fn trap_14_what_follows_an_unknown_opcode_is_not_executed() {
    if Kind::under_test() == Kind::ZooKeeper {
        // There the close races with what follows.
        return;
    }
    let server = setup().start();
    let mut first = client(&server);
    first.queue(&Request::Raw { opcode: 77, body: Vec::new() });
    first.queue(&Request::create("/after", b"", 0));
    first.flush().expect("the server reads");
    assert_eq!(first.next_reply().expect("a refusal").err, err::UNIMPLEMENTED);
    first.expect_close().expect("a close");
    let mut other = client(&server);
    assert_eq!(other.call(&Request::exists("/after", false)).expect("a reply").err, err::NO_NODE);
}

#[test]
fn trap_16_a_failed_auth_is_answered_before_the_close() {
    let server = setup().start();
    let no_data = Request::Auth { scheme: Some("digest".into()), data: None };
    for request in [
        Request::auth("nobody", b"x"),
        Request::auth("", b"x"),
        Request::auth("sasl", b"x"),
        Request::auth("world", b"anyone"),
        Request::auth("super", b"x"),
        no_data,
    ] {
        let mut client = client(&server);
        let reply = client.call(&request).unwrap_or_else(|error| panic!("{request:?}: {error}"));
        assert_eq!((reply.xid, reply.zxid, reply.err), (xid::AUTH, 0, err::AUTH_FAILED), "{request:?}");
        client.expect_close().unwrap_or_else(|error| panic!("{request:?}: {error}"));
    }
}

#[test]
fn trap_17_empty_digests_and_any_ip_succeed() {
    let server = setup().start();
    let mut client = client(&server);
    for request in [
        Request::auth("digest", b""),
        Request::auth("digest", b"no colon"),
        Request::auth("digest", b"a:b"),
        Request::auth("digest", b"a:b"),
        Request::auth("ip", b"what\xffever"),
        Request::Auth { scheme: Some("ip".into()), data: None },
    ] {
        let reply = done(&mut client, request);
        // trap 18
        assert_eq!((reply.xid, reply.zxid), (xid::AUTH, 0));
    }
}

#[test]
fn an_auth_packet_that_cannot_be_read_closes_the_connection() {
    let server = setup().start();
    for opcode in [op::AUTH, op::SASL] {
        let mut client = client(&server);
        client.queue_as(1, &Request::Raw { opcode, body: vec![0, 0, 0, 9] });
        client.flush().expect("the server reads");
        client.expect_close().unwrap_or_else(|error| panic!("{opcode}: {error}"));
    }
}

#[test]
fn sasl_without_a_configuration_is_answered_with_a_null_token() {
    let server = setup().start();
    let mut client = client(&server);
    for token in [&b""[..], b"any token"] {
        client.queue_as(9, &Request::Sasl { token: Some(token.into()) });
        client.flush().expect("the server reads");
        let reply = client.next_reply().expect("a reply");
        assert_eq!(reply, Reply { xid: 9, zxid: 0, err: err::OK, body: Body::Token(None) });
    }
    done(&mut client, Request::exists("/", false));
    client.queue(&Request::Sasl { token: None });
    client.flush().expect("the server reads");
    assert!(matches!(client.next_frame(), Err(ClientError::Closed)), "a null token");
}

#[test]
fn the_answer_to_an_auth_keeps_its_place_behind_a_write() {
    let server = setup().start();
    let mut client = client(&server);
    client.queue(&Request::create("/first", b"", 0));
    client.queue(&Request::auth("digest", b"a:b"));
    client.flush().expect("the server reads");
    let replies = [client.next_reply().expect("a reply"), client.next_reply().expect("a reply")];
    assert!(replies.iter().all(|reply| reply.err == err::OK), "{replies:?}");
}

#[test]
fn trap_2_a_frame_of_no_length_closes_the_connection() {
    let server = setup().start();
    for frame in [&[0, 0, 0, 0][..], &[0, 0, 0, 4, 0, 0, 0, 1], &[0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0]] {
        let mut stream = client(&server);
        stream.queue_raw(frame);
        stream.flush().expect("the server reads");
        assert_eq!(read_to_close(stream.stream()).len(), 0, "{frame:?}");
    }
}

#[test]
fn trap_8_requests_in_the_handshakes_segment_wait_and_run_in_order() {
    let server = setup().start();
    let mut bytes = paddock_tests::client::Hello::new_session(crate::TIMEOUT_MS).frame();
    bytes.extend(request(1, op::PING, &[]));
    bytes.extend(request(2, op::CLOSE_SESSION, &[]));
    let stream = crate::connect(&server);
    send(&stream, &bytes);
    let said = read_to_close(&stream);
    assert_eq!(said.len(), 41 + 20 + 20, "welcome, ping, close: {said:02x?}");
    assert_eq!(said[45..49], (-2_i32).to_be_bytes());
    assert_eq!(said[65..69], 2_i32.to_be_bytes());
}
