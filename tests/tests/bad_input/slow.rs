//! Clients that do not take, or do not give, what they have begun.
use crate::{TIMEOUT_MS, assert_bounded, assert_serves, connect, start};
use paddock_tests::client::{Client, Hello, frame};
use paddock_tests::jute::Writer;
use paddock_tests::request::Request;
use paddock_tests::server::Kind;
use std::io::{ErrorKind, Write};
use std::time::Duration;

/// Bytes of the znode that is asked for again and again.
const BIG: usize = 100_000;
/// Requests that would ask for more than 200 GB, in bytes.
const ASKED_MAX: usize = 64 << 20;
/// A server that takes nothing for this long has stopped taking.
const STOPPED: Duration = Duration::from_millis(500);
/// Memory that one connection that is not read from may cost, in bytes: its replies on their way, not all of them.
const BOUND: u64 = 96 << 20;
/// jute.maxbuffer's default, the longest frame that may be announced, in bytes.
const MAX_BUFFER: i32 = 0xf_ffff;
/// Connections that announce much and send little.
const ANNOUNCERS: usize = 1_000;

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
    stream.set_write_timeout(Some(STOPPED)).expect("not zero");
    let mut sent = 0;
    let stopped = loop {
        match stream.write(&burst[sent % burst.len()..]) {
            Ok(length) => sent += length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break true,
            Err(error) => panic!("after {sent} bytes of requests: {error}"),
        }
        if sent > ASKED_MAX {
            break false;
        }
    };
    eprintln!("the server stopped reading after {sent} bytes of requests");
    assert!(stopped, "{sent} bytes of requests were taken from a client that does not read");
    assert_bounded(&server, before, BOUND);
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

/// What is only announced takes no memory.
#[test]
fn announced_frames_take_no_memory_before_they_come() {
    let server = start();
    let before = server.resident_bytes();
    let count = if Kind::under_test() == Kind::Paddock { ANNOUNCERS } else { ANNOUNCERS / 10 };
    let clients: Vec<Client> = (0..count)
        .map(|_| {
            let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
            client.queue_raw(&[&MAX_BUFFER.to_be_bytes()[..], &[0; 10]].concat());
            client.flush().expect("the connection is open");
            client
        })
        .collect();
    assert_serves(&server);
    assert_bounded(&server, before, 64 << 20);
    drop(clients);
    assert_serves(&server);
}
