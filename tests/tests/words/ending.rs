//! How a connection ends that the server ends. A socket that is closed before all that came was read, or that more comes
//! for, answers with a reset, and the client's system may throw away what the client has not read yet.
use crate::{TIMEOUT_MS, ask, setup};
use paddock_tests::client::{Hello, Session, frame};
use paddock_tests::server::{DEADLINE, Server, poll_until};
use paddock_tests::wire::Wire;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A race between a word and what comes behind it is run this often.
const RACES: usize = 300;
/// Newlines that come one by one behind an answer.
const LATE: usize = 10;

fn connect(server: &Server) -> TcpStream {
    Wire::open(server.address()).stream
}

/// Everything until the end, which must come and must not be a reset.
#[track_caller]
fn whole(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap_or_else(|error| panic!("{error} after {} bytes", answer.len()));
    answer
}

#[track_caller]
fn assert_srvr(answer: &[u8]) {
    let text = std::str::from_utf8(answer).expect("text");
    assert!(text.starts_with("Zookeeper version: ") && text.contains("Node count: "), "{text}");
}

/// `echo srvr | nc`, the newline in a packet of its own.
#[test]
fn a_newline_behind_a_word_costs_nothing() {
    let server = setup().start();
    for _ in 0..RACES {
        let mut stream = connect(&server);
        stream.write_all(b"srvr").expect("the server reads");
        stream.write_all(b"\n").expect("the server reads");
        assert_srvr(&whole(&mut stream));
    }
}

#[test]
fn newlines_that_come_after_the_answer_are_taken() {
    let server = setup().config("4lw.commands.whitelist", "srvr,stat,conf").start();
    // The last is refused, which is an answer like any other.
    for word in ["srvr", "stat", "conf", "wchc"] {
        let mut stream = connect(&server);
        stream.write_all(word.as_bytes()).expect("the server reads");
        assert!(!whole(&mut stream).is_empty());
        for late in 0..LATE {
            stream.write_all(b"\n").unwrap_or_else(|error| panic!("newline {late} after {word}: {error}"));
        }
    }
}

#[test]
fn a_word_in_four_packets_is_a_word() {
    let server = setup().start();
    let mut stream = connect(&server);
    for byte in b"srvr" {
        stream.write_all(&[*byte]).expect("the server reads");
    }
    assert_srvr(&whole(&mut stream));
}

#[test]
fn what_stands_behind_a_word_is_not_looked_at() {
    let server = setup().start();
    for behind in [&b"\r\n"[..], b" and more", b"srvr", &[0xff; 1000], &[0; 200_000]] {
        let mut stream = connect(&server);
        stream.write_all(&[b"srvr", behind].concat()).expect("the server reads");
        assert_srvr(&whole(&mut stream));
    }
}

/// Whoever never stops sending is not read from for ever.
#[test]
fn a_client_that_keeps_sending_is_cut_off() {
    let server = setup().start();
    let mut stream = connect(&server);
    stream.write_all(b"ruok").expect("the server reads");
    let ended = poll_until(DEADLINE, || stream.write_all(b"and on and on").err());
    assert!(ended.is_some(), "the server still takes what comes");
    assert_eq!(ask(&server, "ruok"), "imok");
}

/// A client whose side is closed already gets its answer, and one that never closes holds nothing for long.
#[test]
fn silent_clients_do_not_stay() {
    let server = setup().start();
    let open_files = || std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the process lives").count();
    let before = open_files();
    let silent: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = connect(&server);
            stream.write_all(b"ruok").expect("the server reads");
            assert_eq!(whole(&mut stream), b"imok");
            stream
        })
        .collect();
    let gone = poll_until(DEADLINE, || (open_files() <= before + 1).then_some(()));
    assert!(gone.is_some(), "{} files are open, {before} before", open_files());
    drop(silent);
}

/// A browser at the wrong port is told nothing, and nobody suffers.
#[test]
fn http_is_no_word() {
    let server = setup().start();
    let mut stream = connect(&server);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the server reads");
    assert_eq!(whole(&mut stream), b"");
    assert_eq!(ask(&server, "ruok"), "imok");
}

/// The refusal of a session reaches a client that has sent requests behind its handshake.
#[test]
fn a_refusal_is_not_lost_to_what_comes_behind_the_handshake() {
    let server = setup().start();
    let unknown = Session { id: 0x0100_0000_0000_0042, password: vec![3; 16], timeout_ms: TIMEOUT_MS };
    let mut bytes = Hello::reattach(&unknown, 0).frame();
    bytes.extend_from_slice(&frame(&[0; 900_000]));
    let mut stream = connect(&server);
    stream.write_all(&bytes).expect("the server reads");
    let refusal = whole(&mut stream);
    assert_eq!(refusal[..12], [0, 0, 0, 37, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(refusal.len(), 41);
}
