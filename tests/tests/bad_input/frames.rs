//! Frames that are not what they should be.
use crate::{TIMEOUT_MS, assert_bounded, assert_serves, connect, read_to_close, start};
use paddock_tests::client::{Client, ClientError, Hello, frame};
use paddock_tests::random::Random;
use paddock_tests::records::{err, op};
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server};
use std::io::Write;
use std::net::{Shutdown, TcpStream};

/// jute.maxbuffer's default: the largest frame, in bytes, that is taken.
const MAX_BUFFER: i32 = 0xf_ffff;
const GARBAGE_ROUNDS: usize = 400;
/// Connections that announce much and send little.
const ANNOUNCERS: usize = 1_000;

fn session(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).unwrap_or_else(|error| panic!("handshake: {error}"))
}

fn send(mut stream: &TcpStream, bytes: &[u8]) {
    // The server may have closed before the last byte is on its way.
    drop(stream.write_all(bytes));
}

#[test]
fn a_frame_of_impossible_length_ends_the_connection_and_not_the_session() {
    let server = start();
    for length in [-1, -2, i32::MIN, 0, 1, 7, MAX_BUFFER + 1, i32::MAX] {
        // A length that is possible comes with its bytes, so that nothing is left to wait for.
        let body = usize::try_from(length).map_or(0, |length| length.min(7));
        let bytes = [&length.to_be_bytes()[..], &vec![0xee; body]].concat();
        let first = connect(&server);
        send(&first, &bytes);
        assert_eq!(read_to_close(&first), [], "length {length} before the handshake");
        let mut client = session(&server);
        assert_eq!(client.call(&Request::ping()).map(|reply| reply.err).ok(), Some(0));
        client.queue_raw(&bytes);
        drop(client.flush());
        client.expect_close().unwrap_or_else(|error| panic!("length {length}: {error}"));
        let again = Client::reattach(server.address(), &client.session, client.last_zxid);
        again.unwrap_or_else(|error| panic!("the session after a frame of length {length}: {error}"));
    }
    assert_serves(&server);
}

#[test]
fn the_largest_frame_is_taken() {
    let server = start();
    let mut client = session(&server);
    let path = "/largest";
    assert_eq!(client.call(&Request::create(path, b"", 0)).expect("a reply").err, 0);
    // Header, path, length of the data, version.
    let around = 8 + 4 + path.len() + 4 + 4;
    let data = vec![b'x'; MAX_BUFFER as usize - around];
    let reply = client.call(&Request::set_data(path, &data, -1)).expect("a frame of jute.maxbuffer bytes is taken");
    assert_eq!(reply.err, 0);
    let too_much = [data, vec![b'x']].concat();
    match client.call(&Request::set_data(path, &too_much, -1)) {
        Err(ClientError::Closed) => {}
        other => panic!("one byte more: {other:?}"),
    }
    assert_serves(&server);
}

#[test]
fn a_wrong_first_frame_ends_the_connection() {
    let server = start();
    let request = |opcode: i32| [1_i32.to_be_bytes(), opcode.to_be_bytes()].concat();
    let whole = Hello::new_session(TIMEOUT_MS).frame()[4..].to_vec();
    let mut long_password = whole.clone();
    long_password[24..28].copy_from_slice(&1_000_000_i32.to_be_bytes());
    let firsts = [request(op::PING), request(op::GET_DATA), whole[..27].to_vec(), whole[..43].to_vec(), long_password];
    for first in firsts {
        let stream = connect(&server);
        send(&stream, &frame(&first));
        assert_eq!(read_to_close(&stream), [], "{first:02x?}");
    }
    assert_serves(&server);
}

/// A client that counts one byte too few leaves a zero in front of its next frame, which then begins with length 0.
#[test]
fn a_stray_byte_behind_the_handshake_ends_the_connection() {
    let server = start();
    let mut bytes = Hello::new_session(TIMEOUT_MS).frame();
    bytes[3] -= 1;
    bytes.extend_from_slice(&frame(&[1_i32.to_be_bytes(), op::PING.to_be_bytes()].concat()));
    let stream = connect(&server);
    send(&stream, &bytes);
    let said = read_to_close(&stream);
    assert!(said.is_empty() || said.len() == 40, "more than a welcome: {said:02x?}");
    assert_serves(&server);
}

#[test]
fn garbage_and_truncated_frames_harm_nobody() {
    let server = start();
    let (mut random, _) = Random::from_env("PADDOCK_HOSTILE_SEED");
    for round in 0..GARBAGE_ROUNDS {
        let length = 1 + random.below(300);
        let mut garbage = random.bytes(length);
        match round % 4 {
            // As it is, before a handshake.
            0 => {}
            // A whole frame of it, and a frame that ends too early.
            1 => garbage = frame(&garbage),
            2 => {
                garbage = frame(&garbage);
                garbage.truncate(garbage.len() - 1);
            }
            // Behind a good handshake: requests of known opcodes with garbage for a body.
            _ => {
                let opcode = *random.pick(&OPCODES);
                let header = [round.to_be_bytes()[4..].to_vec(), opcode.to_be_bytes().to_vec()].concat();
                garbage = [Hello::new_session(TIMEOUT_MS).frame(), frame(&[header, garbage].concat())].concat();
            }
        }
        let stream = connect(&server);
        send(&stream, &garbage);
        // The end of our side ends the other.
        drop(stream.shutdown(Shutdown::Write));
        read_to_close(&stream);
    }
    assert_serves(&server);
}

/// Every opcode of the protocol but those that end the session.
const OPCODES: [i32; 20] = [
    op::CREATE,
    op::DELETE,
    op::EXISTS,
    op::GET_DATA,
    op::SET_DATA,
    op::GET_ACL,
    op::SET_ACL,
    op::GET_CHILDREN,
    op::SYNC,
    op::PING,
    op::GET_CHILDREN2,
    op::CHECK,
    op::MULTI,
    op::CREATE2,
    op::CREATE_TTL,
    op::MULTI_READ,
    op::AUTH,
    op::SET_WATCHES,
    op::SET_WATCHES2,
    op::ADD_WATCH,
];

/// Counts that promise billions, and empty bodies.
#[test]
fn counts_without_content_are_marshalling_errors() {
    let server = start();
    let before = server.resident_bytes();
    let mut client = session(&server);
    let huge = i32::MAX.to_be_bytes();
    let path = [&[0, 0, 0, 2][..], b"/a", &[0xff; 4]].concat();
    let zxid = [0; 8];
    for (opcode, body) in [
        (op::CREATE, [&path[..], &huge].concat()),
        (op::SET_ACL, [&path[..6], &huge].concat()),
        (op::SET_WATCHES, [&zxid[..], &huge].concat()),
        (op::GET_DATA, huge.to_vec()),
        (op::MULTI, [&op::CREATE.to_be_bytes()[..], &[0], &[0xff; 4], &path, &huge].concat()),
        (op::CREATE, vec![]),
        (op::MULTI, vec![]),
        (op::SET_WATCHES, vec![]),
    ] {
        let reply = client.call(&Request::Raw { opcode, body: body.clone() });
        assert_eq!(reply.map(|reply| reply.err).ok(), Some(err::MARSHALLING), "opcode {opcode}, {body:02x?}");
    }
    assert_bounded(&server, before, 64 << 20);
    assert_serves(&server);
}

/// A check outside a multi, and an opcode that nobody knows.
#[test]
fn an_opcode_that_is_not_allowed_is_answered_before_the_close() {
    let server = start();
    let unknown = Request::Bare { opcode: 4_711 };
    // Debian's ZooKeeper 3.8.0 still takes the check; 3.9 does not.
    let check = (Kind::under_test() == Kind::Paddock).then(|| Request::check("/", -1));
    for request in std::iter::once(unknown).chain(check) {
        let mut client = session(&server);
        let reply = client.call(&request).unwrap_or_else(|error| panic!("{request:?}: {error}"));
        assert_eq!((reply.err, reply.zxid), (err::UNIMPLEMENTED, -1), "{request:?}");
        client.expect_close().unwrap_or_else(|error| panic!("{request:?}: {error}"));
    }
    assert_serves(&server);
}

/// What is only announced takes no memory.
#[test]
fn announced_frames_take_no_memory_before_they_come() {
    let server = start();
    let before = server.resident_bytes();
    let count = if Kind::under_test() == Kind::Paddock { ANNOUNCERS } else { ANNOUNCERS / 10 };
    let clients: Vec<Client> = (0..count)
        .map(|_| {
            let mut client = session(&server);
            client.queue_raw(&[&MAX_BUFFER.to_be_bytes()[..], &[0; 10]].concat());
            client.flush().expect("the connection is open");
            client
        })
        .collect();
    assert_serves(&server);
    assert_bounded(&server, before, 128 << 20);
    drop(clients);
    assert_serves(&server);
}
