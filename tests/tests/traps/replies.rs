//! Replies: their headers, their bodies, and which of them end the connection.
use crate::ground::{Place, assert_closed, client, created, events, is_current, is_paddock, setup};
use paddock_tests::client::{Frame, Hello};
use paddock_tests::jute::Reader;
use paddock_tests::records::{err, flags, mode, op, watcher};
use paddock_tests::reply::{Body, ReplyHeader};
use paddock_tests::request::Request;
use paddock_tests::wire::{Wire, request};

/// Every code that clients can name. Java and kazoo fail in odd ways at others.
const CODES: [i32; 22] = [
    0, -2, -5, -6, -8, -13, -14, -101, -102, -103, -108, -110, -111, -112, -114, -115, -119, -120, -121, -123, -125,
    -127,
];

#[test]
fn trap_013_a_ping_is_answered_under_its_own_xid() {
    let place = Place::new("trap_013");
    let mut client = place.client();
    let zxid = client.ok(&Request::create(&place.path("/a"), b"", 0)).zxid;
    client.queue_raw(&request(77, &Request::ping()));
    client.flush().expect("the ping is taken");
    let payload = client.next_payload().expect("an answer");
    let header = ReplyHeader::read(&mut Reader::new(&payload)).expect("16 bytes");
    assert_eq!((payload.len(), header.xid, header.err), (16, -2, err::OK));
    assert!(header.zxid >= zxid, "{} after {zxid}", header.zxid);
}

#[test]
fn trap_014_an_unknown_operation_is_answered_before_the_close() {
    let place = Place::new("trap_014");
    let mut unknown = vec![Request::Bare { opcode: 23 }, Request::Bare { opcode: 0 }, Request::Bare { opcode: -12 }];
    if is_current() {
        unknown.push(Request::check("/", -1));
    }
    // ZooKeeper executes it: a second welcome.
    if is_paddock() {
        unknown.push(Request::Raw { opcode: op::CREATE_SESSION, body: vec![0, 0, 0x27, 0x10] });
    }
    for request in unknown {
        let mut client = place.client();
        let reply = client.call(&request).unwrap_or_else(|error| panic!("{request:?}: {error}"));
        assert_eq!((reply.zxid, reply.err), (-1, err::UNIMPLEMENTED), "{request:?}");
        assert_closed(&mut client);
    }
}

#[test]
fn trap_015_a_ttl_where_there_is_none_leaves_the_connection_open() {
    let place = Place::on(setup().property("zookeeper.extendedTypesEnabled", "false").start(), "trap_015");
    let mut client = place.client();
    let path = place.path("/ttl");
    for flags in [flags::TTL, flags::SEQUENTIAL_TTL] {
        assert_eq!(client.code(&Request::create_ttl(&path, flags, 1000)), err::UNIMPLEMENTED);
        assert_eq!(client.code(&Request::create_ttl(&path, flags, -1)), err::UNIMPLEMENTED);
        assert_eq!(client.code(&Request::create(&path, b"", flags)), err::UNIMPLEMENTED);
    }
    client.ok(&Request::create(&path, b"", 0));
}

#[test]
fn trap_016_a_failed_authentication_is_told_before_the_close() {
    let place = Place::new("trap_016");
    let no_data = Request::Auth { scheme: Some("digest".into()), data: None };
    for request in [Request::auth("unheard-of", b"x"), Request::auth("sasl", b"x"), no_data] {
        let mut client = place.client();
        let reply = client.call(&request).unwrap_or_else(|error| panic!("{request:?}: {error}"));
        assert_eq!((reply.xid, reply.zxid, reply.err), (-4, 0, err::AUTH_FAILED), "{request:?}");
        assert_closed(&mut client);
    }
}

#[test]
fn trap_017_empty_digest_credentials_and_any_ip_credentials_succeed() {
    let place = Place::new("trap_017");
    let mut client = place.client();
    client.ok(&Request::auth("digest", b""));
    client.ok(&Request::auth("digest", b"no colon"));
    client.ok(&Request::auth("ip", b"whatever"));
    client.ok(&Request::auth("ip", b""));
    client.ok(&Request::exists("/", false));
}

#[test]
fn trap_018_the_zxid_of_an_authentication_is_0() {
    let place = Place::new("trap_018");
    let mut client = place.client();
    client.ok(&Request::create(&place.path("/a"), b"", 0));
    assert_eq!(client.ok(&Request::auth("digest", b"u:p")).zxid, 0);
}

#[test]
fn trap_019_exists_of_nothing_has_no_stat_and_sets_its_watch() {
    let place = Place::new("trap_019");
    let mut client = place.client();
    let path = place.path("/later");
    let reply = client.call(&Request::exists(&path, true)).expect("a reply");
    assert_eq!((reply.err, reply.body), (err::NO_NODE, Body::None));
    place.client().ok(&Request::create(&path, b"", 0));
    assert_eq!(events(&mut client), [created(&path)]);
}

#[test]
fn trap_020_which_watch_operations_have_a_body() {
    let place = Place::new("trap_020");
    let mut client = place.client();
    let path = place.path("/a");
    client.ok(&Request::create(&path, b"", 0));
    // Every reply is read to its last byte, so a body too many or too few would be an error.
    assert_eq!(client.ok(&Request::add_watch(&path, mode::PERSISTENT)).body, Body::Number(0));
    assert_eq!(client.ok(&Request::remove_watches(&path, watcher::ANY)).body, Body::None);
    let set = Request::SetWatches { relative_zxid: 0, data: vec![], exist: vec![], child: vec![] };
    assert_eq!(client.ok(&set).body, Body::None);
    assert_eq!(client.ok(&Request::delete(&path, 0)).body, Body::None);
}

#[test]
fn trap_021_containers_and_ttls_are_answered_with_path_and_stat() {
    let place = Place::new("trap_021");
    let mut client = place.client();
    for request in
        [Request::create_container(&place.path("/c")), Request::create_ttl(&place.path("/t"), flags::TTL, 3_600_000)]
    {
        let reply = client.ok(&request);
        assert_eq!(request.paths(), [reply.path()]);
        assert_eq!(reply.stat(), client.ok(&Request::exists(reply.path(), false)).stat());
    }
    let numbered = client.ok(&Request::create_ttl(&place.path("/n-"), flags::SEQUENTIAL_TTL, 3_600_000));
    assert_eq!(numbered.path(), place.path("/n-0000000002"));
}

#[test]
fn trap_022_a_close_is_answered_and_nothing_follows() {
    let place = Place::new("trap_022");
    let mut client = place.client();
    client.queue(&Request::create(&place.path("/a"), b"", 0));
    client.queue(&Request::close());
    client.queue(&Request::ping());
    client.queue(&Request::exists("/", false));
    client.flush().expect("the requests are taken");
    assert_eq!(client.next_reply().expect("of the create").err, err::OK);
    match client.next_frame() {
        Ok(Frame::Reply(reply)) => assert_eq!((reply.xid, reply.err, reply.body), (2, err::OK, Body::None)),
        other => panic!("{other:?} where the close's answer was due"),
    }
    assert_closed(&mut client);
}

/// Every operation with bodies that mean something, nothing, and the wrong thing: no code but those that clients know.
#[test]
fn trap_023_only_codes_that_clients_know() {
    let place = Place::new("trap_023");
    let path = place.path("/missing/too");
    let path_bytes = {
        let mut body = Vec::from(i32::try_from(path.len()).expect("short").to_be_bytes());
        body.extend_from_slice(path.as_bytes());
        body
    };
    let mut with_zeros = path_bytes.clone();
    with_zeros.extend_from_slice(&[0; 24]);
    let mut with_ones = path_bytes.clone();
    with_ones.extend_from_slice(&[0xff; 24]);
    let bodies = [vec![], vec![0xff; 4], path_bytes, with_zeros, with_ones, vec![0; 64]];
    for opcode in (-13..=-9).chain(-1..=25).chain(99..=110) {
        for body in &bodies {
            let mut wire = Wire::open(place.server.address());
            wire.send(&Hello::new_session(1).frame());
            wire.read(41);
            wire.send(&request(5, &Request::Raw { opcode, body: body.clone() }));
            // Whatever the answer is, this is the end behind it.
            wire.send(&[0; 4]);
            let answer = wire.read_to_close();
            if !answer.is_empty() {
                let mut reader = Reader::new(&answer[4..]);
                let header = ReplyHeader::read(&mut reader).expect("a whole header");
                assert!(CODES.contains(&header.err), "operation {opcode}, {body:02x?}: {header:?}");
            }
        }
    }
    client(&place.server).ok(&Request::exists("/", false));
}
