//! Two sessions that talk to each other over pipes in memory.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::rc::Rc;

use super::super::context::ClientContext;
use super::super::settings::{ClientAuth, Settings};
use super::super::test_authority::TestAuthority;
use super::{EARLY_MAX, INCOMING_MAX, OUTGOING_MAX, RECORD_MAX, SCRATCH, Session, TlsFailure};

#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    has_ended: bool,
}

/// One end of two pipes. It takes and gives no more than so many bytes at a time, and holds no more than `room`.
#[derive(Clone)]
struct End {
    incoming: Rc<RefCell<Pipe>>,
    outgoing: Rc<RefCell<Pipe>>,
    at_once: usize,
    room: usize,
}

fn ends(at_once: usize, room: usize) -> (End, End) {
    let (one, other) = (Rc::<RefCell<Pipe>>::default(), Rc::<RefCell<Pipe>>::default());
    let end = End { incoming: one.clone(), outgoing: other.clone(), at_once, room };
    (end, End { incoming: other, outgoing: one, at_once, room })
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.incoming.borrow_mut();
        if pipe.bytes.is_empty() {
            return if pipe.has_ended { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let count = buffer.len().min(self.at_once);
        pipe.bytes.read(&mut buffer[..count])
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pipe = self.outgoing.borrow_mut();
        let count = bytes.len().min(self.at_once).min(self.room - pipe.bytes.len());
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.bytes.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl End {
    fn end(&self) {
        self.outgoing.borrow_mut().has_ended = true;
    }
}

/// A session with its end of the pipes.
struct Side {
    session: Session,
    socket: End,
}

impl Side {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.session.read(&mut self.socket, buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.session.write(&mut self.socket, &[IoSlice::new(bytes)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.session.flush(&mut self.socket)
    }
}

fn is_blocked<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

fn sides(
    server: &super::super::context::ServerContext,
    client: &ClientContext,
    (server_end, client_end): (End, End),
) -> (Side, Side) {
    let name = ClientContext::server_name("localhost").unwrap();
    (
        Side { session: Session::server(server.config().clone()).unwrap(), socket: server_end },
        Side { session: Session::client(client.config().clone(), name).unwrap(), socket: client_end },
    )
}

/// Until both are through, or one fails.
fn shake_hands(server: &mut Side, client: &mut Side) -> io::Result<()> {
    let mut buffer = vec![0; 128 << 10];
    for _ in 0..100_000 {
        for side in [&mut *client, &mut *server] {
            match side.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => panic!("{count} bytes that nobody has said"),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
            let _ = side.flush();
        }
        if !server.session.is_handshaking() && !client.session.is_handshaking() {
            return Ok(());
        }
    }
    panic!("it comes to no end");
}

fn connected(at_once: usize, room: usize) -> (Side, Side) {
    let authority = TestAuthority::new();
    let (server, client) = (authority.server(ClientAuth::Need), authority.client(Some("/O=paddock/CN=client")));
    let (mut server, mut client) = sides(&server, &client, ends(at_once, room));
    shake_hands(&mut server, &mut client).unwrap();
    (server, client)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// Sends all of it, while the other side reads into buffers of this length.
fn send(from: &mut Side, to: &mut Side, bytes: &[u8], buffer: usize) -> Vec<u8> {
    let (mut sent, mut got, mut buffer) = (0, Vec::new(), vec![0; buffer]);
    while got.len() < bytes.len() {
        if sent < bytes.len() {
            match from.write(&bytes[sent..]) {
                Ok(count) => sent += count,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        } else {
            let _ = from.flush();
        }
        assert!(from.session.memory() < 4 * OUTGOING_MAX, "{}", from.session.memory());
        match to.read(&mut buffer) {
            Ok(count) => got.extend_from_slice(&buffer[..count]),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted), "{error}"),
        }
        assert!(to.session.memory() < 2 * SCRATCH + INCOMING_MAX + RECORD_MAX, "{}", to.session.memory());
    }
    got
}

#[test]
fn what_goes_in_comes_out_whatever_the_pipes_take() {
    for (at_once, room) in [(usize::MAX, usize::MAX), (7, 1000), (1500, 20_000), (65_536, 65_536)] {
        let (mut server, mut client) = connected(at_once, room);
        for (length, buffer) in [(1, 128 << 10), (100, 10), (70_000, 128 << 10), (300_000, 4096), (20_000, 40_000)] {
            let said = pattern(length);
            assert!(send(&mut client, &mut server, &said, buffer) == said, "{at_once} {room} {length} {buffer}");
            assert!(send(&mut server, &mut client, &said, buffer) == said, "{at_once} {room} {length} {buffer}");
        }
    }
}

#[test]
fn who_waits_for_nothing_holds_next_to_nothing() {
    let (mut server, mut client) = connected(usize::MAX, usize::MAX);
    let certificates = server.session.certificate_bytes;
    assert!(certificates > 0 && server.session.peer_certificates().is_some_and(|chain| chain.len() == 1));
    let said = pattern(200_000);
    send(&mut client, &mut server, &said, 128 << 10);
    send(&mut server, &mut client, &said, 128 << 10);
    for side in [&mut server, &mut client] {
        assert!(side.session.memory() <= certificates + 3 * super::KEEP + 2000, "{}", side.session.memory());
        side.session.shrink();
    }
    assert_eq!(server.session.memory(), certificates);
}

#[test]
fn a_read_fills_its_buffer_as_far_as_there_is_something() {
    let (mut server, mut client) = connected(usize::MAX, usize::MAX);
    let said = pattern(1000);
    client.write(&said).unwrap();
    client.write(&said).unwrap();
    let mut buffer = vec![0; 128 << 10];
    assert_eq!(server.read(&mut buffer).unwrap(), 2000, "both records");
    assert!(!server.session.has_more());
    client.write(&said).unwrap();
    assert_eq!(server.read(&mut buffer[..600]).unwrap(), 600);
    assert!(server.session.has_more(), "the rest is here, and no event will tell of it");
    assert_eq!(server.read(&mut buffer).unwrap(), 400);
    assert!(is_blocked(&server.read(&mut buffer)));
}

#[test]
fn what_is_written_stays_within_its_bound_where_nobody_reads() {
    let (mut server, _client) = connected(usize::MAX, 20_000);
    let said = vec![0; 2 << 20];
    let taken = server.write(&said).unwrap();
    assert!(taken <= OUTGOING_MAX + 20_000, "{taken} bytes were taken");
    assert!(is_blocked(&server.write(&said)) && is_blocked(&server.flush()));
    let unwritten = server.session.unwritten();
    assert!(unwritten > 0 && unwritten <= OUTGOING_MAX + 1000, "{unwritten}");
}

#[test]
fn what_comes_before_the_end_of_the_handshake_waits_for_it() {
    let authority = TestAuthority::new();
    let (server, client) = (authority.server(ClientAuth::None), authority.client(None));
    let (mut server, mut client) = sides(&server, &client, ends(usize::MAX, usize::MAX));
    let said = pattern(EARLY_MAX);
    assert_eq!(client.write(&said).unwrap(), EARLY_MAX);
    assert!(is_blocked(&client.write(&[1])));
    let mut buffer = vec![0; 128 << 10];
    let mut got = Vec::new();
    while got.len() < said.len() {
        assert!(client.read(&mut buffer).is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
        let _ = client.flush();
        if let Ok(count) = server.read(&mut buffer) {
            got.extend_from_slice(&buffer[..count]);
        }
    }
    assert!(got == said && client.session.unwritten() == 0);
}

#[test]
fn an_end_is_told_and_is_not_mistaken_for_a_failure() {
    let (mut server, mut client) = connected(usize::MAX, usize::MAX);
    let mut buffer = vec![0; 128 << 10];
    client.write(b"last").unwrap();
    client.session.close(&mut client.socket);
    assert_eq!(server.read(&mut buffer).unwrap(), 4);
    assert!(server.session.has_more(), "the end is known");
    assert_eq!(server.read(&mut buffer).unwrap(), 0);
    // Without a word of it, as a process that is killed.
    let (mut server, client) = connected(usize::MAX, usize::MAX);
    client.socket.end();
    assert_eq!(server.read(&mut buffer).unwrap(), 0);
}

#[test]
fn whoever_does_not_speak_tls_is_told_apart_at_once() {
    let authority = TestAuthority::new();
    let (server, client) = (authority.server(ClientAuth::Need), authority.client(None));
    for said in [&b"ruok"[..], &[0, 0, 0, 44], &[0x80, 0x2e], &[0x15, 3, 3]] {
        let (mut server, client) = sides(&server, &client, ends(usize::MAX, usize::MAX));
        client.socket.clone().write_all(said).unwrap();
        let error = server.read(&mut [0; 40_000]).unwrap_err();
        assert_eq!(TlsFailure::of(&error), Some(&TlsFailure::NotTls));
        assert_eq!(server.session.unwritten() + client.socket.incoming.borrow().bytes.len(), 0, "it is told nothing");
    }
    // Something that only begins like it.
    let (mut server, client) = sides(&server, &client, ends(usize::MAX, usize::MAX));
    client.socket.clone().write_all(&[0x16; 100]).unwrap();
    let error = server.read(&mut [0; 40_000]).unwrap_err();
    assert!(matches!(TlsFailure::of(&error), Some(TlsFailure::Tls(_))), "{error}");
}

#[test]
fn a_message_of_the_handshake_without_an_end_is_not_kept_for_ever() {
    let authority = TestAuthority::new();
    let (server, client) = (authority.server(ClientAuth::Need), authority.client(None));
    let (mut server, client) = sides(&server, &client, ends(usize::MAX, usize::MAX));
    // A ClientHello of 16 MiB, in records of 16 KiB.
    let mut record = vec![0x16, 3, 1, 0x40, 0];
    record.extend([1, 0xff, 0xff, 0xff]);
    record.resize(5 + (16 << 10), 0);
    for _ in 0..64 {
        client.socket.clone().write_all(&record).unwrap();
        record[5..9].fill(0);
        match server.read(&mut [0; 40_000]) {
            Err(error) if TlsFailure::of(&error).is_some() => return,
            Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted), "{error}"),
            Ok(count) => panic!("{count} bytes of nothing"),
        }
        assert!(server.session.memory() < 2 * INCOMING_MAX, "{}", server.session.memory());
    }
    panic!("a megabyte of it was taken");
}

#[test]
fn who_may_not_enter_is_told_why() {
    let (authority, other) = (TestAuthority::new(), TestAuthority::new());
    let expired =
        ClientContext::load(&authority.settings(Some(authority.issue("expired", "/CN=expired", -1)))).unwrap();
    let strange = {
        let key = other.issue("strange", "/CN=strange", 30);
        ClientContext::load(&Settings { ..authority.settings(Some(key)) }).unwrap()
    };
    let server = authority.server(ClientAuth::Need);
    for client in [authority.client(None), expired, strange] {
        let (mut server, mut client) = sides(&server, &client, ends(usize::MAX, usize::MAX));
        let outcome = shake_hands(&mut server, &mut client);
        // In TLS 1.3 the client is through before it is judged.
        let error = outcome.err().or_else(|| client.read(&mut [0; 40_000]).err()).expect("somebody was told");
        assert!(matches!(TlsFailure::of(&error), Some(TlsFailure::Tls(_))), "{error}");
        let error = client.read(&mut [0; 40_000]).unwrap_err();
        assert!(matches!(TlsFailure::of(&error), Some(TlsFailure::Tls(rustls::Error::AlertReceived(_)))), "{error}");
    }
}
