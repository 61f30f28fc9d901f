//! Local sessions. ZooKeeper's standalone server has none, whatever its configuration says, and Paddock's only if it is
//! told by a key of its own.
use crate::{ask, client, done, setup, zxid};
use paddock_tests::client::{Client, ClientError};
use paddock_tests::records::{err, flags, op};
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};

const EPHEMERAL_ON_LOCAL_SESSION: i32 = -120;

fn local(upgrading: bool) -> Setup {
    let setup = Setup::new(Kind::Paddock).config("localSessionsEnabled", "true");
    setup
        .config("localSessionsUpgradingEnabled", if upgrading { "true" } else { "false" })
        .config("paddock.standalone.localSessions", "true")
}

fn znode(server: &Server, path: &str) -> bool {
    ask(&mut client(server), Request::exists(path, false)).err == err::OK
}

#[test]
fn a_standalone_server_has_global_sessions_whatever_the_file_says() {
    let server = setup().config("localSessionsEnabled", "true").start();
    let before = zxid(&server);
    let mut client = client(&server);
    done(&mut client, Request::create("/e", b"", flags::EPHEMERAL));
    assert_eq!(zxid(&server), before + 3, "a session, a znode, a session");
}

#[test]
fn a_local_session_takes_no_zxid() {
    let server = local(false).start();
    let before = zxid(&server);
    let mut first = client(&server);
    assert_eq!(done(&mut first, Request::exists("/", false)).zxid, before);
    let closed = done(&mut first, Request::close());
    assert_eq!(closed.zxid, before);
    first.expect_close().expect("a close");
    assert!(matches!(Client::reattach(server.address(), &first.session, 0), Err(ClientError::Refused)));
    assert_eq!(zxid(&server), before);
}

#[test]
fn a_local_session_writes_all_but_ephemerals() {
    let server = local(false).start();
    let mut client = client(&server);
    done(&mut client, Request::create("/a", b"", 0));
    done(&mut client, Request::set_data("/a", b"x", 0));
    let zxid = done(&mut client, Request::create("/a/s-", b"", flags::SEQUENTIAL)).zxid;
    for request in [
        Request::create("/a/e", b"", flags::EPHEMERAL),
        Request::create2("/a/e", b"", flags::EPHEMERAL),
        // trap 34: this comes before what the path would be refused for
        Request::create("bad", b"", flags::EPHEMERAL_SEQUENTIAL),
    ] {
        let reply = ask(&mut client, request.clone());
        assert_eq!(reply.err, EPHEMERAL_ON_LOCAL_SESSION, "{request:?}");
        assert!(reply.zxid > zxid, "a failed write takes a zxid");
    }
    let members = vec![Request::create("/a/p", b"", 0), Request::create("/a/e", b"", flags::EPHEMERAL)];
    let Body::Multi(outcomes) = done(&mut client, Request::multi(members)).body else { panic!("a multi's results") };
    assert_eq!(outcomes.iter().map(|outcome| outcome.err).collect::<Vec<_>>().len(), 2);
    assert_eq!(outcomes[1].body, Body::Number(EPHEMERAL_ON_LOCAL_SESSION));
    assert!(!znode(&server, "/a/p") && !znode(&server, "/a/e"));
    done(&mut client, Request::delete("/a/s-0000000000", -1));
}

#[test]
fn an_ephemeral_makes_a_local_session_global() {
    for member_of_a_multi in [false, true] {
        let mut server = local(true).start();
        let mut first = client(&server);
        let before = done(&mut first, Request::create("/p", b"", 0)).zxid;
        let create = Request::create("/e", b"", flags::EPHEMERAL);
        let create = if member_of_a_multi { Request::multi(vec![create]) } else { create };
        let created = done(&mut first, create);
        assert_eq!(created.zxid, before + 2, "the session first, and then the znode");
        let Body::Stat(stat) = done(&mut first, Request::exists("/e", false)).body else { panic!("a Stat") };
        assert_eq!(stat.ephemeral_owner, first.session.id);
        let again = done(&mut first, Request::create2("/f", b"", flags::EPHEMERAL));
        assert_eq!(again.zxid, before + 3, "it is global already");
        server.kill();
        server.restart();
        let mut back =
            Client::reattach(server.address(), &first.session, first.last_zxid).expect("it outlives a restart");
        let closed = done(&mut back, Request::close());
        assert_eq!(closed.zxid, before + 4);
        assert!(!znode(&server, "/e") && !znode(&server, "/f"));
    }
}

#[test]
fn containers_and_undecodable_creates_upgrade_nothing() {
    let server = local(true).start();
    let mut client = client(&server);
    let before = done(&mut client, Request::exists("/", false)).zxid;
    let container = Request::Create {
        opcode: op::CREATE_CONTAINER,
        path: Some("/c".into()),
        data: None,
        acl: Some(paddock_tests::records::Acl::open()),
        flags: 4,
    };
    assert_eq!(ask(&mut client, container).zxid, before + 1);
    let cut = Request::Raw { opcode: op::CREATE, body: vec![0, 0, 0, 2, b'/', b'x'] };
    assert_eq!(ask(&mut client, cut).err, err::MARSHALLING);
    assert_eq!(done(&mut client, Request::create("/p", b"", 0)).zxid, before + 2);
}

#[test]
fn a_local_session_comes_back_to_its_server_and_dies_with_it() {
    let mut server = local(false).start();
    let first = client(&server);
    let mut second = Client::reattach(server.address(), &first.session, 0).expect("it lives");
    done(&mut second, Request::create("/a", b"", 0));
    server.terminate();
    server.restart();
    assert!(matches!(Client::reattach(server.address(), &first.session, 0), Err(ClientError::Refused)));
    assert!(znode(&server, "/a"));
}

#[test]
fn a_silent_local_session_expires() {
    let server = local(false).config("tickTime", "100").start();
    let mut silent = Client::connect(server.address(), 300).expect("a session");
    let before = done(&mut silent, Request::create("/a", b"", 0)).zxid;
    silent.expect_close().expect("closed without a word");
    assert!(matches!(Client::reattach(server.address(), &silent.session, 0), Err(ClientError::Refused)));
    assert_eq!(zxid(&server), before, "its end is no transaction");
}
