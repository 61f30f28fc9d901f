//! Authentication that is enforced: nothing but proving who one is works before.
use crate::{ask, client, done, setup};
use paddock_tests::client::Client;
use paddock_tests::records::{op, xid};
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::server::{Server, Setup};

const REQUIRE_AUTH: i32 = -124;

fn enforcing(schemes: &str) -> Setup {
    let setup = setup().config("enforce.auth.enabled", "true").config("enforce.auth.schemes", schemes);
    // Debian's 3.8.0 reads them as properties only.
    setup.property("zookeeper.enforce.auth.enabled", "true").property("zookeeper.enforce.auth.schemes", schemes)
}

fn assert_refused(client: &mut Client, xid: i32, request: &Request) {
    client.queue_as(xid, request);
    client.flush().expect("the server reads");
    let reply = client.next_reply().unwrap_or_else(|error| panic!("{request:?}: {error}"));
    assert_eq!((reply.xid, reply.zxid, reply.err), (xid, 0, REQUIRE_AUTH), "{request:?}");
    client.expect_close().unwrap_or_else(|error| panic!("{request:?}: {error}"));
}

/// Every operation there is, before anything is proven.
fn every_request() -> Vec<Request> {
    let mut requests = vec![
        Request::create("/a", b"", 0),
        Request::delete("/a", -1),
        Request::set_data("/", b"", -1),
        Request::exists("/", true),
        Request::get_data("/", true),
        Request::get_children("/", false),
        Request::get_children2("/", false),
        Request::get_acl("/"),
        Request::sync("/"),
        Request::multi(vec![]),
        Request::close(),
    ];
    requests.extend(
        (-20..130)
            .filter(|code| ![op::AUTH, op::SASL].contains(code))
            .map(|opcode| Request::Raw { opcode, body: Vec::new() }),
    );
    requests
}

#[test]
fn trap_73_x14_nothing_but_authentication_works_before_authentication() {
    let server = enforcing("digest").start();
    let before = zxid_of(&server);
    let mut requests = 0;
    for request in every_request() {
        assert_refused(&mut client(&server), 7, &request);
        requests += 1;
    }
    assert_eq!(zxid_of(&server), before + requests + 1, "sessions begin, and nothing else happens");
}

/// The zxid after a session of its own has begun.
fn zxid_of(server: &Server) -> i64 {
    let mut client = client(server);
    done(&mut client, Request::auth("digest", b"a:b"));
    ask(&mut client, Request::exists("/", false)).zxid
}

#[test]
fn trap_73_a_ping_is_refused_under_its_own_xid() {
    let server = enforcing("digest").start();
    assert_refused(&mut client(&server), xid::PING, &Request::ping());
}

#[test]
fn trap_73_whoever_has_proven_an_identity_is_served() {
    let server = enforcing("digest").start();
    let mut client = client(&server);
    let token = Request::Sasl { token: Some(Vec::new()) };
    assert_eq!(done(&mut client, token).body, Body::Token(None), "an exchange may begin");
    done(&mut client, Request::auth("ip", b""));
    done(&mut client, Request::auth("digest", b"a:b"));
    done(&mut client, Request::ping());
    done(&mut client, Request::create("/a", b"", 0));
    done(&mut client, Request::close());
}

#[test]
fn trap_73_one_of_several_schemes_is_enough() {
    let server = enforcing("digest, ip").start();
    done(&mut client(&server), Request::create("/a", b"", 0));
}

#[test]
fn trap_73_the_session_outlives_the_refusal() {
    let server = enforcing("digest").start();
    let mut first = client(&server);
    let session = first.session.clone();
    assert_refused(&mut first, 1, &Request::close());
    let mut second = Client::reattach(server.address(), &session, 0).expect("it lives");
    done(&mut second, Request::auth("digest", b"a:b"));
    done(&mut second, Request::close());
}
