//! Whole frames with wrong contents, and lawful requests of unlawful size.
use crate::wire::{Wire, assert_stands, client, hello, record, request, server};
use paddock_tests::client::Client;
use paddock_tests::jute::Writer;
use paddock_tests::records::{Acl, err, flags, op};
use paddock_tests::reply::Body;
use paddock_tests::request::Request;

/// What a count that lies may make the server's memory grow by, bytes.
const LIE_BYTES: u64 = 32 << 20;
const MULTI_MEMBERS: usize = 20_000;
const LONG_PATH: usize = 900_000;
const DEEP_EXISTING: usize = 3_000;
const DEEP_MISSING: usize = 10_000;

fn raw(opcode: i32, write: impl FnOnce(&mut Writer)) -> Request {
    Request::Raw { opcode, body: record(write) }
}

fn answer(client: &mut Client, request: &Request) -> i32 {
    client.call(request).unwrap_or_else(|error| panic!("{request:?}: {error}")).err
}

#[test]
fn bodies_that_end_early_are_answered_and_the_connection_stays() {
    let server = server();
    let mut client = client(&server);
    let opcodes = [
        op::CREATE,
        op::CREATE2,
        op::DELETE,
        op::EXISTS,
        op::GET_DATA,
        op::SET_DATA,
        op::GET_ACL,
        op::SET_ACL,
        op::GET_CHILDREN,
        op::GET_CHILDREN2,
        op::SYNC,
        op::MULTI,
        op::SET_WATCHES,
    ];
    for opcode in opcodes {
        // Nothing, half an integer, a length beyond the end, a negative length.
        let bodies: [&[u8]; 4] = [&[], &[0, 0], &[0x7f, 255, 255, 255, 1], &[128, 0, 0, 0, 0]];
        for body in bodies {
            let request = Request::Raw { opcode, body: body.to_vec() };
            assert_eq!(answer(&mut client, &request), err::MARSHALLING, "{request:?}");
        }
    }
    assert_stands(&server);
}

#[test]
fn null_paths_have_the_answers_of_their_operations() {
    let server = server();
    let mut client = client(&server);
    let create = |opcode| Request::Create { opcode, path: None, data: None, acl: Some(Acl::open()), flags: 0 };
    let watched = |opcode| Request::PathWatch { opcode, path: None, watch: true };
    let delete = Request::PathVersion { opcode: op::DELETE, path: None, version: -1 };
    let set_data = Request::SetData { path: None, data: None, version: -1 };
    let expected = [
        (create(op::CREATE), err::MARSHALLING),
        (create(op::CREATE2), err::MARSHALLING),
        (delete.clone(), err::MARSHALLING),
        (watched(op::EXISTS), err::MARSHALLING),
        (watched(op::GET_DATA), err::MARSHALLING),
        (watched(op::GET_CHILDREN), err::MARSHALLING),
        (watched(op::GET_CHILDREN2), err::MARSHALLING),
        (Request::Path { opcode: op::GET_ACL, path: None }, err::MARSHALLING),
        (set_data.clone(), err::BAD_ARGUMENTS),
        (Request::SetAcl { path: None, acl: Some(Acl::open()), version: -1 }, err::BAD_ARGUMENTS),
        (Request::multi(vec![Request::check("/", -1), delete]), err::MARSHALLING),
        (Request::multi(vec![set_data]), err::MARSHALLING),
    ];
    for (request, code) in expected {
        assert_eq!(answer(&mut client, &request), code, "{request:?}");
    }
    let echoed = client.call(&Request::Path { opcode: op::SYNC, path: None }).expect("a reply");
    assert_eq!((echoed.err, echoed.body), (err::OK, Body::Path(None)));
    assert_stands(&server);
}

#[test]
fn acls_that_say_nothing() {
    let server = server();
    let mut client = client(&server);
    let entry = |scheme: Option<&str>, id: Option<&str>| {
        Some(vec![Acl { perms: 31, scheme: scheme.map(Into::into), id: id.map(Into::into) }])
    };
    let lists = [
        (None, err::INVALID_ACL),
        (Some(vec![]), err::INVALID_ACL),
        (entry(None, Some("anyone")), err::INVALID_ACL),
        (entry(Some("world"), None), err::MARSHALLING),
        (entry(Some("world"), Some("nobody")), err::INVALID_ACL),
        (entry(Some("ip"), Some("1.2.3.4/99999999999")), err::INVALID_ACL),
        (entry(Some("digest"), Some("no colon")), err::INVALID_ACL),
        (entry(Some("auth"), Some("")), err::INVALID_ACL),
        (entry(Some("nonsense"), Some("a")), err::INVALID_ACL),
    ];
    for (acl, code) in lists {
        let request = Request::Create { opcode: op::CREATE, path: Some("/acl".into()), data: None, acl, flags: 0 };
        assert_eq!(answer(&mut client, &request), code, "{request:?}");
    }
    assert_stands(&server);
}

#[test]
fn counts_that_lie_reserve_nothing() {
    let server = server();
    let mut client = client(&server);
    let before = server.resident_bytes();
    for count in [i32::MAX, 0x1000_0000, 2] {
        let acl = raw(op::CREATE, |out| {
            out.string(Some("/c")).buffer(None).i32(count).i32(31);
        });
        assert_eq!(answer(&mut client, &acl), err::MARSHALLING, "an ACL of {count}");
        let watches = raw(op::SET_WATCHES, |out| {
            out.i64(0).i32(count).string(Some("/c"));
        });
        assert_eq!(answer(&mut client, &watches), err::MARSHALLING, "{count} watches");
        let member = raw(op::MULTI, |out| {
            out.i32(op::CREATE).bool(false).i32(-1).string(Some("/c")).buffer(None).i32(count);
        });
        assert_eq!(answer(&mut client, &member), err::MARSHALLING, "an ACL of {count} in a multi");
    }
    for count in [-2, i32::MIN] {
        let acl = raw(op::CREATE, |out| {
            out.string(Some("/c")).buffer(None).i32(count).i32(0);
        });
        assert_eq!(answer(&mut client, &acl), err::INVALID_ACL, "a count of {count} is an empty list");
        let watches = raw(op::SET_WATCHES, |out| {
            out.i64(0).i32(count).i32(count).i32(count);
        });
        assert_eq!(answer(&mut client, &watches), err::OK, "{count} watches are none");
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < LIE_BYTES, "memory grew by {grown} bytes");
    assert_stands(&server);
}

#[test]
fn a_multi_without_end_or_with_foreign_members_is_refused_as_a_whole() {
    let server = server();
    let mut client = client(&server);
    let mut endless = record(|out| Request::multi(vec![Request::create("/e", b"", 0)]).write_body(out));
    endless.truncate(endless.len() - 9);
    let members = [
        Request::multi(vec![]),
        Request::get_data("/", false),
        Request::ping(),
        Request::close(),
        Request::Raw { opcode: 77, body: vec![] },
    ];
    assert_eq!(answer(&mut client, &Request::Raw { opcode: op::MULTI, body: endless }), err::MARSHALLING);
    for member in members {
        let request = Request::multi(vec![Request::create("/e", b"", 0), member]);
        assert_eq!(answer(&mut client, &request), err::MARSHALLING, "{request:?}");
    }
    assert_eq!(answer(&mut client, &Request::exists("/e", false)), err::NO_NODE);
    assert_stands(&server);
}

#[test]
fn unknown_operations_are_answered_and_then_the_connection_ends() {
    let server = server();
    for opcode in [0, 10, op::CHECK, 23, 99, 108, 1000, i32::MAX, -1, -2, -12, i32::MIN] {
        let mut client = client(&server);
        client.queue_as(5, &Request::Raw { opcode, body: vec![0; 9] });
        client.queue_as(6, &Request::ping());
        client.flush().expect("the bytes are taken");
        let reply = client.next_reply().unwrap_or_else(|error| panic!("operation {opcode}: {error}"));
        assert_eq!((reply.xid, reply.zxid, reply.err), (5, -1, err::UNIMPLEMENTED), "operation {opcode}");
        client.expect_close().unwrap_or_else(|error| panic!("operation {opcode}: {error}"));
    }
    assert_stands(&server);
}

#[test]
fn failed_authentication_is_answered_and_then_the_connection_ends() {
    let server = server();
    let packets = [
        Request::auth("nonsense", b"a"),
        Request::Auth { scheme: None, data: Some(b"a".to_vec()) },
        Request::Auth { scheme: Some("digest".into()), data: None },
        Request::auth("DIGEST", b"a:b"),
    ];
    for packet in packets {
        let mut client = client(&server);
        let reply = client.call(&packet).unwrap_or_else(|error| panic!("{packet:?}: {error}"));
        assert_eq!((reply.xid, reply.zxid, reply.err), (-4, 0, err::AUTH_FAILED), "{packet:?}");
        client.expect_close().unwrap_or_else(|error| panic!("{packet:?}: {error}"));
    }
    let mut wire = Wire::open(server.address());
    wire.send(&hello());
    wire.send(&request(-4, &Request::Raw { opcode: op::AUTH, body: vec![0, 0] }));
    assert!(wire.read_to_close().len() <= 41, "a packet that cannot be decoded gets no answer");
    let mut client = client(&server);
    assert_eq!(answer(&mut client, &Request::auth("digest", &[0xff, 0, b':', 0xfe])), err::OK);
    assert_eq!(answer(&mut client, &Request::auth("ip", b"whatever")), err::OK);
    assert_stands(&server);
}

#[test]
fn a_multi_of_many_members_is_one_transaction() {
    let server = server();
    let mut client = client(&server);
    answer(&mut client, &Request::create("/m", b"", flags::PERSISTENT));
    let mut members = vec![Request::set_data("/m", b"", -1); MULTI_MEMBERS];
    let reply = client.call(&Request::multi(members.clone())).expect("a reply");
    let Body::Multi(outcomes) = reply.body else { panic!("{:?}", reply.body) };
    assert_eq!(outcomes.len(), MULTI_MEMBERS);
    let last = outcomes.last().expect("there are some");
    assert!(matches!(last.body, Body::Stat(stat) if stat.version as usize == MULTI_MEMBERS), "{last:?}");
    members.push(Request::check("/m", 0));
    let reply = client.call(&Request::multi(members)).expect("a reply");
    let Body::Multi(outcomes) = reply.body else { panic!("{:?}", reply.body) };
    assert_eq!((outcomes.len(), outcomes[MULTI_MEMBERS].err), (MULTI_MEMBERS + 1, err::BAD_VERSION));
    let read = client.call(&Request::exists("/m", false)).expect("a reply");
    assert!(matches!(read.body, Body::Stat(stat) if stat.version as usize == MULTI_MEMBERS), "{read:?}");
    assert_stands(&server);
}

#[test]
fn long_and_deep_paths() {
    let mut server = server();
    let mut first = client(&server);
    let long = format!("/{}", "n".repeat(LONG_PATH));
    assert_eq!(answer(&mut first, &Request::create(&long, b"x", flags::PERSISTENT)), err::OK);
    assert_eq!(answer(&mut first, &Request::get_data(&long, true)), err::OK);
    assert_eq!(answer(&mut first, &Request::exists(&"/a".repeat(DEEP_MISSING), true)), err::NO_NODE);
    assert_eq!(answer(&mut first, &Request::exists(&"/a".repeat(LONG_PATH / 2), true)), err::NO_NODE);
    assert_eq!(answer(&mut first, &Request::create(&"/a".repeat(LONG_PATH / 2), b"", 0)), err::NO_NODE);
    assert_eq!(answer(&mut first, &Request::create(&"/".repeat(LONG_PATH), b"", 0)), err::NO_NODE);
    for depth in 1..=DEEP_EXISTING {
        first.queue(&Request::create(&"/d".repeat(depth), b"", flags::PERSISTENT));
    }
    first.flush().expect("the requests are taken");
    for depth in 1..=DEEP_EXISTING {
        assert_eq!(first.next_reply().expect("a reply").err, err::OK, "depth {depth}");
    }
    let deepest = "/d".repeat(DEEP_EXISTING);
    server.kill();
    server.restart();
    let mut second = client(&server);
    for path in [&long, &deepest] {
        assert_eq!(answer(&mut second, &Request::exists(path, false)), err::OK);
        assert_eq!(answer(&mut second, &Request::delete(path, -1)), err::OK);
        assert_eq!(answer(&mut second, &Request::exists(path, false)), err::NO_NODE);
    }
    assert_stands(&server);
}
