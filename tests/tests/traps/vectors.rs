//! The test vectors of the protocol reference: exact bytes.
use crate::ground::{Place, TIMEOUT_MS, client, is_current, setup};
use paddock_tests::client::{Hello, Session};
use paddock_tests::records::{Acl, perms};
use paddock_tests::request::Request;
use paddock_tests::server::Server;
use paddock_tests::wire::Wire;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let value = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex digits");
    digits.chunks(2).map(value).collect()
}

/// A connection past its handshake, on a server of which the last transaction is this zxid.
fn at_zxid(zxid: i64) -> (Server, Wire) {
    let server = setup().start();
    // A session's creation is a transaction, and so is what fails.
    let mut writer = client(&server);
    while writer.last_zxid < zxid - 1 {
        writer.call(&Request::delete("/missing", -1)).expect("a reply");
    }
    let mut wire = Wire::open(server.address());
    wire.send(&Hello::new_session(TIMEOUT_MS).frame());
    wire.read(41);
    (server, wire)
}

/// Sends these bytes, and reads as many as are due.
#[track_caller]
fn answered(wire: &mut Wire, sent: &str, due: &str) {
    wire.send(&bytes(sent));
    let due = bytes(due);
    assert_eq!(hex(&wire.read(due.len())), hex(&due));
}

#[test]
fn vector_passwords() {
    let expected = [
        (0x0000_0000_0000_0001, "054cc74a37327db215e702e20c73f005"),
        (0x0100_0000_0000_0001, "054cc74a37327db215e702e20c73f005"),
        (0x0100_0123_4567_0000, "4be494d27cc739baa123244a251a7415"),
        (0x0200_0000_abcd_0003, "16a0ad9962fa794bba235a6d48b27b00"),
    ];
    for (id, password) in expected {
        let session = Session { id, password: vec![], timeout_ms: 0 };
        assert_eq!(hex(&session.expected_password()), password, "{id:#x}");
    }
}

#[test]
fn vector_digest_ids() {
    let place = Place::new("vector_digest_ids");
    let expected = [
        ("super:test", "super:D/InIHSb7yEEbrWz8b9l71RjZJU="),
        ("super:admin", "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="),
        ("pat:passwd", "pat:SYIOH1LKU7GTQz5fhafPZCTNyNQ="),
        ("", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
        ("foo", "foo:C+7Hteo/D9vJXQ3UfzxbwnXaijM="),
    ];
    for (number, (credential, id)) in (0..).zip(expected) {
        let mut client = place.user(credential.as_bytes());
        let path = place.path(&format!("/{number}"));
        client.ok(&Request::create_with_acl(&path, vec![Acl::new(perms::ALL, "auth", "")], 0));
        assert_eq!(client.ok(&Request::get_acl(&path)).acl(), [Acl::new(perms::ALL, "digest", id)]);
    }
}

#[test]
fn vector_new_session_handshake() {
    let place = Place::new("vector_new_session_handshake");
    let sent = "0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 \
                00000000000000000000000000000000 00";
    assert_eq!(hex(&Hello::new_session(30_000).frame()), hex(&bytes(sent)));
    answered(&mut Wire::open(place.server.address()), sent, "00000025 00000000 00007530 01");
}

#[test]
fn vector_refusal() {
    let place = Place::new("vector_refusal");
    let mut wire = Wire::open(place.server.address());
    let unknown = Session { id: 0x0100_0000_0000_0042, password: vec![0; 16], timeout_ms: 30_000 };
    wire.send(&Hello::reattach(&unknown, 0).frame());
    let due = "00000025 00000000 00000000 0000000000000000 00000010 00000000000000000000000000000000 00";
    assert_eq!(hex(&wire.read_to_close()), hex(&bytes(due)));
}

#[test]
fn vector_ping() {
    let (_server, mut wire) = at_zxid(5);
    answered(&mut wire, "00000008 fffffffe 0000000b", "00000010 fffffffe 0000000000000005 00000000");
}

#[test]
fn vector_close_session() {
    let (_server, mut wire) = at_zxid(5);
    answered(&mut wire, "00000008 00000007 fffffff5", "00000010 00000007 0000000000000006 00000000");
    assert_eq!(wire.read_to_close(), []);
}

#[test]
fn vector_exists_and_its_notification() {
    let (server, mut wire) = at_zxid(4);
    let mut writer = client(&server);
    let sent = "0000000f 00000003 00000003 00000002 2f61 01";
    answered(&mut wire, sent, "00000010 00000003 0000000000000005 ffffff9b");
    assert_eq!(writer.ok(&Request::create("/a", b"", 0)).zxid, 6);
    // Before 3.9 a notification tells no zxid.
    let zxid = if is_current() { "0000000000000006" } else { "ffffffffffffffff" };
    answered(&mut wire, "", &format!("0000001e ffffffff {zxid} 00000000 00000001 00000003 00000002 2f61"));
}

#[test]
fn vector_empty_multi() {
    let (_server, mut wire) = at_zxid(7);
    let sent = "00000011 00000009 0000000e ffffffff 01 ffffffff";
    answered(&mut wire, sent, "00000019 00000009 0000000000000008 00000000 ffffffff 01 ffffffff");
}

#[test]
fn vector_failed_multi() {
    let (_server, mut wire) = at_zxid(7);
    // check "/" and delete "/missing", any version of both
    let sent = "0000003c 00000009 0000000e 0000000d 00 ffffffff 00000001 2f ffffffff \
                00000002 00 ffffffff 00000008 2f6d697373696e67 ffffffff ffffffff 01 ffffffff";
    let due = "00000033 00000009 0000000000000008 00000000 ffffffff 00 00000000 00000000 \
               ffffffff 00 ffffff9b ffffff9b ffffffff 01 ffffffff";
    answered(&mut wire, sent, due);
}

#[test]
fn vector_unknown_opcode() {
    let (_server, mut wire) = at_zxid(5);
    answered(&mut wire, "00000008 00000004 0000002a", "00000010 00000004 ffffffffffffffff fffffffa");
    assert_eq!(wire.read_to_close(), []);
}
