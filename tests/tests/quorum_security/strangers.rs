//! Whoever reaches the ports and is no server: sends nonsense, half of something, or nothing. The ensemble serves meanwhile.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use paddock_tests::certificates::Authority;
use paddock_tests::server::{DEADLINE, Kind, TempDir};

use crate::ensemble::Ensemble;
use crate::sasl::required;
use crate::secured::{IDS, assert_serves, begin, jaas, three, with_jaas, with_stores};

/// More than a port keeps.
const CROWD: usize = 100;
/// The beginning of a ClientHello: its record has more.
const HALF_A_HANDSHAKE: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
/// The initial message of server 9, and a packet of quorum SASL that does not come whole.
const HALF_AN_EXCHANGE: &[u8] = b"\0\0\0\0\0\0\0\x09\x5f\x24\x35\x01\x35\x01\xed\xcc\0\0\0\0\0\0\0\x10half";

fn crowd(ensemble: &Ensemble, words: &[u8]) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for port in IDS.iter().flat_map(|&id| ensemble.ports(id)) {
        for _ in 0..CROWD {
            // A follower's quorum port is closed.
            let Ok(mut stream) = TcpStream::connect_timeout(&port, DEADLINE) else { break };
            let _ = stream.write_all(words);
            streams.push(stream);
        }
    }
    streams
}

fn assert_bears_strangers(ensemble: &Ensemble) {
    let garbage: &[u8] = b"GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n";
    let mut all = Vec::new();
    for (number, words) in [&b""[..], garbage, HALF_A_HANDSHAKE, HALF_AN_EXCHANGE].into_iter().enumerate() {
        all.push(crowd(ensemble, words));
        assert_serves(ensemble, &IDS, &format!("/strangers-{number}"));
    }
    // One that speaks nonsense is closed, and told nothing.
    let [_, election] = ensemble.ports(1);
    let mut stream = TcpStream::connect(election).expect("it is open");
    stream.write_all(garbage).and_then(|()| stream.set_read_timeout(Some(DEADLINE))).expect("it is connected");
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    assert!(read.is_ok() || read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
    assert!(answer.len() < 100, "{answer:?}");
    // A server still comes in through the crowd.
    ensemble.terminate(3);
    ensemble.begin_again(3, &[]);
    ensemble.wait_for_leader(&IDS);
    assert_serves(ensemble, &IDS, "/among-strangers");
    ensemble.assert_content();
}

#[test]
fn an_ensemble_with_tls_bears_strangers() {
    let authority = Authority::new();
    let mut ensemble = with_stores(three(), &authority).config("sslQuorum", "true");
    begin(&mut ensemble, [Kind::Paddock; 3]);
    assert_bears_strangers(&ensemble);
}

#[test]
fn an_ensemble_with_sasl_bears_strangers() {
    let directory = TempDir::new("jaas");
    let mut ensemble = required(with_jaas(three(), &jaas(directory.path(), "jaas.conf", "hush")));
    begin(&mut ensemble, [Kind::Paddock; 3]);
    assert_bears_strangers(&ensemble);
}

#[test]
fn an_ensemble_that_takes_both_bears_strangers() {
    let authority = Authority::new();
    let mut ensemble = with_stores(three(), &authority).config("portUnification", "true");
    begin(&mut ensemble, [Kind::Paddock; 3]);
    assert_bears_strangers(&ensemble);
}
