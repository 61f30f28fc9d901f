//! Clients that do not take, or do not give, bytes as fast as others.
use crate::{TIMEOUT_MS, assert_bounded, assert_serves, assert_serves_client, connect, start};
use paddock_tests::client::{Client, Frame, Hello, frame};
use paddock_tests::jute::Writer;
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::server::Kind;
use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

/// Bytes of the znode that is asked for again and again.
const BIG: usize = 100_000;
/// Requests for it: 400 MB of replies.
const ASKED: usize = 4_000;
/// Memory that one connection that is not read from may cost, in bytes: its replies on their way, not all of them.
const BOUND: u64 = 96 << 20;
/// Times that others are served while it does not read.
const OTHERS: usize = 200;

#[test]
fn a_client_that_never_reads_costs_little_and_delays_nobody() {
    let server = start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
    assert_eq!(client.call(&Request::create("/big", &vec![b'b'; BIG], 0)).expect("a reply").err, 0);
    let before = server.resident_bytes();
    for _ in 0..ASKED {
        client.queue(&Request::get_data("/big", false));
    }
    client.flush().expect("100 KB of requests fit into the buffers of the sockets");
    let mut other = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
    let begun = Instant::now();
    for _ in 0..OTHERS {
        assert_serves_client(&mut other);
    }
    eprintln!("{OTHERS} times three requests of another client took {:?}", begun.elapsed());
    assert_bounded(&server, before, BOUND);
    // Held back is not lost: now that it reads, every answer comes, in order.
    for number in 0..ASKED {
        match client.next_frame() {
            Ok(Frame::Reply(reply)) => {
                assert!(matches!(&reply.body, Body::Data(Some(data), _) if data.len() == BIG), "reply {number}");
            }
            other => panic!("reply {number}: {other:?}"),
        }
    }
    assert_bounded(&server, before, BOUND);
    assert_serves(&server);
}

/// It keeps asking for as long as the server takes its requests; there must come a point where the server stops.
#[test]
fn a_client_that_never_reads_is_not_read_from_without_end() {
    let server = start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
    assert_eq!(client.call(&Request::create("/big", &vec![b'b'; BIG], 0)).expect("a reply").err, 0);
    let before = server.resident_bytes();
    let mut body = Writer::default();
    body.i32(1).i32(4);
    Request::get_data("/big", false).write_body(&mut body);
    let burst = frame(&body.bytes).repeat(1_000);
    let mut stream = client.stream();
    stream.set_write_timeout(Some(std::time::Duration::from_millis(500))).expect("not zero");
    // 64 MB of requests would ask for more than 200 GB.
    let mut sent = 0;
    let stopped = loop {
        match stream.write(&burst[sent % burst.len()..]) {
            Ok(length) => sent += length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break true,
            Err(error) => panic!("after {sent} bytes of requests: {error}"),
        }
        if sent > 64 << 20 {
            break false;
        }
    };
    eprintln!("the server stopped reading after {sent} bytes of requests");
    assert!(stopped, "{sent} bytes of requests were taken from a client that does not read");
    assert_bounded(&server, before, BOUND);
    assert_serves(&server);
}

#[test]
fn a_client_that_sends_byte_by_byte_is_served_and_delays_nobody() {
    let server = start();
    let mut other = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
    let mut stream = connect(&server);
    let mut drip = |bytes: &[u8]| {
        for (place, byte) in bytes.iter().enumerate() {
            stream.write_all(&[*byte]).expect("the connection is open");
            if place % 16 == 0 {
                assert_serves_client(&mut other);
            }
        }
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("an answer");
        let mut answer = vec![0; i32::from_be_bytes(length) as usize];
        stream.read_exact(&mut answer).expect("the whole answer");
        answer
    };
    let welcome = drip(&Hello::new_session(TIMEOUT_MS).frame());
    assert_eq!(welcome.len(), 37, "{welcome:02x?}");
    let mut request = Writer::default();
    request.i32(7).i32(1);
    Request::create("/drop-by-drop", b"data", 0).write_body(&mut request);
    let reply = drip(&frame(&request.bytes));
    assert_eq!((&reply[..4], &reply[12..16]), (&[0, 0, 0, 7][..], &[0; 4][..]), "{reply:02x?}");
    assert!(reply.ends_with(b"/drop-by-drop"), "{reply:02x?}");
    assert_serves(&server);
}

/// Many at once that stop in the middle of a frame, before and after their handshake.
#[test]
fn half_frames_on_many_connections_delay_nobody() {
    let server = start();
    let before = server.resident_bytes();
    let hello = Hello::new_session(TIMEOUT_MS).frame();
    let count = if Kind::under_test() == Kind::Paddock { 500 } else { 100 };
    let streams: Vec<_> = (0..count)
        .map(|number| {
            let mut stream = connect(&server);
            let bytes = [&hello[..], &[0, 0, 0, 9, 0]].concat();
            stream.write_all(&bytes[..number % bytes.len()]).expect("the connection is open");
            stream
        })
        .collect();
    assert_serves(&server);
    assert_bounded(&server, before, 64 << 20);
    drop(streams);
    assert_serves(&server);
}
