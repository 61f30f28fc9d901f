//! Clients that are slow, idle, many, or ask for too much.
use crate::{TIMEOUT_MS, start, start_with};
use paddock_tests::client::Client;
use paddock_tests::http::{Connection, get};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, four_letter_word, poll_until};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;

/// More than there are places for one address.
const IDLE: usize = 200;
/// Memory that many who want something may cost, bytes.
const BOUND: u64 = 96 << 20;

/// Whether the server has closed a connection that nothing was sent on: there is an end, or a reset, and not just nothing.
fn is_closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    let mut stream = stream;
    match stream.read(&mut [0; 1024]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn who_keeps_connections_without_asking_keeps_nobody_out() {
    let admin = start();
    let idle: Vec<Connection> = (0..IDLE).map(|_| Connection::open(admin.address).expect("it is open")).collect();
    for _ in 0..3 {
        assert_eq!(admin.get("ruok").status, 200);
        assert_eq!(get(admin.address, "/health/ready").status, 200);
    }
    assert!(idle.iter().filter(|connection| is_closed(connection.stream())).count() > IDLE / 2, "places are few");
    let mut client = Client::connect(admin.server.address(), TIMEOUT_MS).expect("clients are served");
    client.ok(&Request::exists("/", false));
}

#[test]
fn whoever_sends_half_a_request_is_let_go() {
    let admin = start_with(|setup| setup.config("admin.idleTimeout", "300"));
    for bytes in [&b""[..], &b"GET /commands/ruok HTTP/1.1\r\nhost"[..]] {
        let mut connection = Connection::open(admin.address).expect("it is open");
        connection.send(bytes).expect("it takes some bytes");
        let closed = poll_until(DEADLINE, || is_closed(connection.stream()).then_some(()));
        assert!(closed.is_some(), "{bytes:?}");
    }
    assert_eq!(admin.get("ruok").status, 200);
}

#[test]
fn a_request_has_its_bounds() {
    let admin = start();
    let large = "x".repeat(64 << 10);
    let mut connection = Connection::open(admin.address).expect("it is open");
    let answer = connection.ask("GET", "/commands/ruok", &[("x-large", &large)]);
    // The answer may be lost with what was not read.
    assert!(answer.as_ref().map_or(true, |answer| answer.status == 431), "{answer:?}");
    let many: Vec<(String, &str)> = (0..500).map(|number| (format!("x-{number}"), "1")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (&**name, *value)).collect();
    let answer = Connection::open(admin.address).expect("it is open").ask("GET", "/commands/ruok", &many);
    assert!(answer.as_ref().map_or(true, |answer| answer.status == 431), "{answer:?}");
    assert_eq!(admin.get("ruok").status, 200);
}

#[test]
fn several_requests_are_answered_on_one_connection() {
    let admin = start();
    let mut connection = Connection::open(admin.address).expect("it is open");
    for path in ["/commands/ruok", "/health/live", "/nothing", "/commands/srvr"] {
        let answer = connection.ask("GET", path, &[]).expect("an answer");
        assert_eq!(answer.status, if path == "/nothing" { 404 } else { 200 }, "{path}");
    }
    // Sent at once, they are answered one after the other.
    connection
        .send(b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\nGET /commands/isro HTTP/1.1\r\nhost: a\r\n\r\n")
        .expect("sent");
    assert_eq!(connection.answer(false).expect("an answer").text(), "live\n");
    assert!(connection.answer(false).expect("an answer").text().contains("read_only"));
}

#[test]
fn whoever_takes_no_answer_costs_little_and_delays_nobody() {
    let admin = start();
    let mut client = Client::connect(admin.server.address(), TIMEOUT_MS).expect("handshake");
    // A list of watches that is longer than what sockets hold.
    let long = "n".repeat(200);
    for number in 0..20_000 {
        client.queue(&Request::exists(&format!("/{long}-{number}"), true));
    }
    client.flush().expect("they are sent");
    (0..20_000).for_each(|_| drop(client.next_reply().expect("a reply")));
    let before = admin.server.resident_bytes();
    let request = b"GET /commands/wchc HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut greedy: Vec<Connection> = (0..10).map(|_| Connection::open(admin.address).expect("it is open")).collect();
    for connection in &mut greedy {
        connection.send(request).expect("it takes a request");
    }
    for _ in 0..10 {
        assert_eq!(get(admin.address, "/health/ready").status, 200);
        assert_eq!(admin.get("isro").status, 200);
        assert_eq!(four_letter_word(admin.server.address(), "ruok", DEADLINE).expect("an answer"), "imok");
    }
    let grown = admin.server.resident_bytes().saturating_sub(before);
    assert!(grown < BOUND, "{grown} bytes more");
    let mut answered = 0;
    for connection in &mut greedy {
        let answer = connection.answer(false).expect("an answer");
        assert!(answer.status == 200 && answer.body.len() > 4_000_000 || answer.status == 503, "{}", answer.status);
        answered += usize::from(answer.status == 200);
    }
    assert!(answered > 0, "some are answered");
}
