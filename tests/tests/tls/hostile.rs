//! Clients that speak no TLS, or never come to its end, and others meanwhile.
use super::{Secure, TIMEOUT_MS, figure};
use paddock_tests::client::{Client, Hello, frame};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, four_letter_word, poll_until};
use paddock_tests::wire::Wire;
use std::io::Write;
use std::net::TcpStream;

/// The first bytes of a ClientHello.
const BEGINNING: [u8; 11] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
const MANY: usize = 300;

#[test]
fn without_tls_nobody_is_told_anything_where_it_is_spoken() {
    let secure = Secure::start(&[]);
    let hello = Hello::new_session(TIMEOUT_MS).frame();
    for said in [&b"srvr"[..], &hello, &frame(&[0; 100]), &[0x80, 0x2e, 1, 3, 1], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut wire = Wire::open(secure.address);
        wire.send(said);
        assert_eq!(wire.read_to_close(), b"", "{said:?}");
    }
    // The reverse: the first byte makes a length that is not taken.
    let mut wire = Wire::open(secure.server.address());
    wire.send(&BEGINNING);
    assert_eq!(wire.read_to_close(), b"");
    secure.server.assert_alive();
}

#[test]
fn handshakes_that_come_to_no_end_are_closed_and_others_served_meanwhile() {
    let secure = Secure::start(&[("nio.sessionlessCnxnTimeout", "1000"), ("ssl.clientAuth", "none")]);
    let mut served = secure.connect(&secure.nobody());
    let mut plain = Client::connect(secure.server.address(), TIMEOUT_MS).expect("the plain port is there");
    let begin = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(secure.address).expect("it listens");
        stream.write_all(bytes).expect("nobody has closed it");
        stream
    };
    // Nothing said, a part said, and a part said by those who then go.
    let waiting: Vec<TcpStream> = (0..MANY).map(|number| begin(&BEGINNING[..number % BEGINNING.len()])).collect();
    (0..MANY).for_each(|_| drop(begin(&BEGINNING)));
    served.ok(&Request::exists("/", false));
    plain.ok(&Request::exists("/", false));
    let is_over = || (figure(&secure.server, "outstanding_tls_handshake") == 0).then_some(());
    assert!(poll_until(DEADLINE, is_over).is_some(), "handshakes are under way for ever");
    assert_eq!(figure(&secure.server, "unsuccessful_handshake"), 2 * MANY as i64);
    served.ok(&Request::exists("/", false));
    drop(waiting);
    secure.server.assert_alive();
}

#[test]
fn no_more_handshakes_are_under_way_than_may_be() {
    let limit = ("netty.server.outstandingHandshake.limit", "5");
    let secure = Secure::start(&[limit, ("ssl.clientAuth", "none")]);
    let waiting: Vec<TcpStream> = (0..5).map(|_| TcpStream::connect(secure.address).expect("it listens")).collect();
    let all = || (figure(&secure.server, "outstanding_tls_handshake") == 5).then_some(());
    assert!(poll_until(DEADLINE, all).is_some());
    let mut wire = Wire::open(secure.address);
    assert_eq!(wire.read_to_close(), b"");
    assert_eq!(figure(&secure.server, "tls_handshake_exceeded"), 1);
    assert!(four_letter_word(secure.server.address(), "ruok", DEADLINE).is_ok(), "who speaks no TLS is not concerned");
    drop(waiting);
    let none = || (figure(&secure.server, "outstanding_tls_handshake") == 0).then_some(());
    assert!(poll_until(DEADLINE, none).is_some());
    secure.connect(&secure.nobody()).ok(&Request::exists("/", false));
}

#[test]
fn whoever_reads_nothing_takes_no_more_memory_than_without_tls() {
    let secure = Secure::start(&[("ssl.clientAuth", "none")]);
    let mut client = secure.connect(&secure.nobody());
    client.ok(&Request::create("/a", &[7; 100_000], 0));
    let before = secure.server.resident_bytes();
    // A hundred million bytes are asked for, and the socket has room for a few million.
    let mut stream = secure.nobody().connect(secure.address).expect("it listens");
    stream.write_all(&Hello::new_session(TIMEOUT_MS).frame()).expect("it is read");
    let asks: Vec<u8> =
        (1..=1000).flat_map(|xid| paddock_tests::wire::request(xid, &Request::get_data("/a", false))).collect();
    stream.write_all(&asks).expect("it is read");
    // As much as a connection may be owed, and nothing more is read of it.
    let is_owed = || (figure(&secure.server, "paddock_connection_bytes") > 1 << 20).then_some(());
    assert!(poll_until(DEADLINE, is_owed).is_some(), "nothing waits to be read");
    client.ok(&Request::exists("/a", false));
    let after = secure.server.resident_bytes();
    assert!(after < before + (64 << 20), "{before} bytes have become {after}");
}
