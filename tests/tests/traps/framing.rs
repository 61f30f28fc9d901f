//! Framing and the handshake.
use crate::ground::{Place, TIMEOUT_MS, assert_closed, client, setup};
use paddock_tests::client::{Client, ClientError, Hello, Session, frame};
use paddock_tests::jute::Writer;
use paddock_tests::records::{err, op};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, four_letter_word};
use paddock_tests::wire::{Wire, request};

/// A welcome without the read-only flag, its length included; with the flag it has one byte more.
const WELCOME: usize = 40;
/// `jute.maxbuffer` where nobody sets it, bytes.
const FRAME_MAX: usize = 0xf_ffff;

fn hello_without_flag() -> Vec<u8> {
    Hello { read_only: None, ..Hello::new_session(TIMEOUT_MS) }.frame()
}

/// A session that no server has handed out.
fn unknown_session() -> Session {
    Session { id: 0x0100_0000_0000_0042, password: vec![3; 16], timeout_ms: TIMEOUT_MS }
}

#[test]
fn trap_001_null_and_empty_data_stay_apart() {
    let place = Place::new("trap_001");
    let mut client = place.client();
    for (name, data) in [("/null", None), ("/empty", Some(vec![]))] {
        let path = place.path(name);
        client.ok(&Request::create(&path, b"something", 0));
        client.ok(&Request::SetData { path: Some(path.clone()), data: data.clone(), version: -1 });
        let read = client.ok(&Request::get_data(&path, false));
        assert_eq!((read.data(), read.stat().data_length), (data.as_deref(), 0), "after a setData");
        client.ok(&Request::delete(&path, -1));
        let mut create = Request::create(&path, b"", 0);
        if let Request::Create { data: given, .. } = &mut create {
            given.clone_from(&data);
        }
        client.ok(&create);
        let read = client.ok(&Request::get_data(&path, false));
        assert_eq!((read.data(), read.stat().data_length), (data.as_deref(), 0), "after a create");
    }
}

#[test]
fn trap_002_a_frame_of_length_0_closes_the_connection() {
    let place = Place::new("trap_002");
    let mut wire = Wire::open(place.server.address());
    wire.send(&Hello::new_session(TIMEOUT_MS).frame());
    wire.read(WELCOME + 1);
    wire.send(&[0; 4]);
    assert_eq!(wire.read_to_close(), []);

    // 45 bytes behind a prefix that says 44: the last byte makes the length of the ping that follows a zero.
    let mut wire = Wire::open(place.server.address());
    let mut bytes = Hello::new_session(TIMEOUT_MS).frame();
    bytes[3] = 44;
    wire.send(&bytes);
    wire.read(WELCOME);
    wire.send(&request(-2, &Request::ping()));
    assert_eq!(wire.read_to_close(), []);
}

#[test]
fn trap_003_the_answer_has_the_flag_only_if_the_handshake_had() {
    let place = Place::new("trap_003");
    let mut without = Wire::open(place.server.address());
    without.send(&hello_without_flag());
    without.send(&request(1, &Request::close()));
    let answer = without.read_to_close();
    assert_eq!(answer[..4], [0, 0, 0, 36]);
    assert_eq!(answer.len(), WELCOME + 20);

    let mut with = Wire::open(place.server.address());
    with.send(&Hello::new_session(TIMEOUT_MS).frame());
    with.send(&request(1, &Request::close()));
    let answer = with.read_to_close();
    assert_eq!(answer[..4], [0, 0, 0, 37]);
    assert_eq!(answer.len(), WELCOME + 1 + 20);
    assert_eq!(answer[WELCOME], 0, "not read-only");
}

#[test]
fn trap_004_a_refusal_is_a_whole_answer_and_then_the_close() {
    let place = Place::new("trap_004");
    let mut hello = Hello::reattach(&unknown_session(), 0);
    for (flag, length) in [(None, 36), (Some(false), 37)] {
        hello.read_only = flag;
        let mut wire = Wire::open(place.server.address());
        wire.send(&hello.frame());
        let mut refusal = Writer::default();
        refusal.i32(length).i32(0).i32(0).i64(0).buffer(Some(&[0; 16]));
        if flag.is_some() {
            refusal.bool(false);
        }
        assert_eq!(wire.read_to_close(), refusal.bytes);
    }
}

#[test]
fn trap_005_a_client_that_knows_more_is_closed_without_a_word() {
    let mut place = Place::on(setup().start(), "trap_005");
    let mut living = place.client();
    let newest = living.ok(&Request::create(&place.path("/newest"), b"", 0)).zxid;
    let mut wire = Wire::open(place.server.address());
    wire.send(&Hello::reattach(&living.session, newest + 1).frame());
    assert_eq!(wire.read_to_close(), []);
    living.ok(&Request::exists("/", false));

    // What was known before a restart is known when the first handshake is judged after it.
    let session = living.session.clone();
    let server = std::sync::Arc::get_mut(&mut place.server).expect("nobody shares it");
    server.kill();
    server.restart();
    Client::reattach(place.server.address(), &session, newest).expect("the log was replayed");
}

#[test]
fn trap_006_a_wrong_password_closes_the_old_connection_and_spares_the_session() {
    let place = Place::new("trap_006");
    let mut old = place.client();
    let wrong = Session { password: vec![9; 16], ..old.session.clone() };
    assert!(matches!(Client::reattach(place.server.address(), &wrong, 0), Err(ClientError::Refused)));
    assert_closed(&mut old);
    let mut again = Client::reattach(place.server.address(), &old.session, 0).expect("the session lives");
    again.ok(&Request::exists("/", false));
}

#[test]
fn trap_007_the_password_follows_from_the_session_id() {
    let place = Place::new("trap_007");
    for session in [place.client().session, place.client().session] {
        assert_eq!(session.password, session.expected_password());
    }
}

#[test]
fn trap_008_requests_behind_the_handshake_wait_for_the_session() {
    let place = Place::new("trap_008");
    let path = place.path("/pipelined");
    let mut bytes = Hello::new_session(TIMEOUT_MS).frame();
    let requests = [Request::create(&path, b"", 1), Request::exists(&path, false), Request::delete(&path, 0)];
    for (xid, one) in (1..).zip(&requests) {
        bytes.extend_from_slice(&request(xid, one));
    }
    bytes.extend_from_slice(&request(4, &Request::close()));
    let mut wire = Wire::open(place.server.address());
    wire.send(&bytes);
    let answer = wire.read_to_close();
    let mut rest = &answer[WELCOME + 1..];
    for xid in 1..=4_i32 {
        let length = u32::from_be_bytes(rest[..4].try_into().expect("4 bytes")) as usize;
        assert_eq!(rest[4..8], xid.to_be_bytes(), "replies come in order");
        assert_eq!(rest[16..20], [0; 4], "request {xid} succeeds");
        rest = &rest[4 + length..];
    }
    assert_eq!(rest, []);
}

#[test]
fn trap_009_isro_answers_rw_without_a_newline() {
    let place = Place::new("trap_009");
    let answer = four_letter_word(place.server.address(), "isro", DEADLINE).expect("an answer");
    assert_eq!(answer, "rw");
}

#[test]
fn trap_010_four_letter_words_are_lengths_after_the_handshake() {
    let place = Place::new("trap_010");
    let mut wire = Wire::open(place.server.address());
    wire.send(b"ruok");
    assert_eq!(wire.read_to_close(), b"imok");
    let mut wire = Wire::open(place.server.address());
    wire.send(&Hello::new_session(TIMEOUT_MS).frame());
    wire.read(WELCOME + 1);
    wire.send(b"ruok");
    assert_eq!(wire.read_to_close(), []);
}

#[test]
fn trap_011_a_frame_that_is_too_long_costs_the_connection_only() {
    let place = Place::new("trap_011");
    let mut living = place.client();
    let ephemeral = place.path("/ephemeral");
    living.ok(&Request::create(&ephemeral, b"", 1));
    // The length is enough: the server does not wait for what it will not take.
    living.queue_raw(&i32::try_from(FRAME_MAX + 1).expect("a MiB").to_be_bytes());
    living.flush().expect("4 bytes are taken");
    assert_closed(&mut living);
    let mut again = Client::reattach(place.server.address(), &living.session, living.last_zxid).expect("at once");
    again.ok(&Request::exists(&ephemeral, false));

    // One byte less is a frame like any other.
    let mut body = Writer::default();
    body.i32(77).i32(op::EXISTS).string(Some("/")).bool(false);
    body.bytes.resize(FRAME_MAX, 0);
    let mut wire = Wire::open(place.server.address());
    wire.send(&Hello::new_session(TIMEOUT_MS).frame());
    wire.read(WELCOME + 1);
    wire.send(&frame(&body.bytes));
    assert_eq!(wire.read(8)[4..], 77_i32.to_be_bytes());
}

#[test]
fn trap_012_trailing_bytes_are_ignored_and_missing_ones_are_told() {
    let place = Place::new("trap_012");
    let mut client = client(&place.server);
    for (number, opcode) in (0..).zip([op::EXISTS, op::GET_DATA, op::SET_DATA, op::CREATE, op::MULTI]) {
        let good = match opcode {
            op::SET_DATA => Request::set_data(&place.path(""), b"x", -1),
            op::CREATE => Request::create(&place.path(&format!("/{number}")), b"", 0),
            op::MULTI => Request::multi(vec![Request::check(&place.path(""), -1)]),
            opcode => Request::PathWatch { opcode, path: Some(place.path("")), watch: false },
        };
        let mut body = Writer::default();
        good.write_body(&mut body);
        let mut longer = body.bytes.clone();
        longer.extend_from_slice(b"more than was asked for");
        assert_eq!(client.code(&Request::Raw { opcode, body: longer }), err::OK, "trailing bytes of {opcode}");
        let mut shorter = body.bytes;
        shorter.pop();
        assert_eq!(client.code(&Request::Raw { opcode, body: shorter }), err::MARSHALLING, "missing bytes of {opcode}");
    }
    client.ok(&Request::exists("/", false));
}
