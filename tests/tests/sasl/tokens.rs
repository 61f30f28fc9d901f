//! Tokens that no client sends, and those that come again.

use paddock_tests::client::Client;
use paddock_tests::records::{err, flags};
use paddock_tests::reply::{Body, Reply};
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup, TempDir};

use crate::setup;

const USERS: &str = "org.apache.zookeeper.server.auth.DigestLoginModule required user_bob=\"bobsecret\";";

fn client(server: &Server) -> Client {
    Client::connect(server.address(), 20_000).expect("the server takes a client")
}

fn step(client: &mut Client, token: &[u8]) -> Reply {
    client.call(&Request::Sasl { token: Some(token.to_vec()) }).expect("an answer")
}

fn challenge(client: &mut Client) -> String {
    let reply = step(client, b"");
    assert_eq!(reply.err, err::OK);
    match reply.body {
        Body::Token(Some(token)) => String::from_utf8(token).expect("text"),
        body => panic!("{body:?} is no challenge"),
    }
}

/// A login with garbage for an answer.
fn fail(server: &Server) -> i32 {
    let mut client = client(server);
    challenge(&mut client);
    step(&mut client, b"garbage").err
}

fn start(dir: &TempDir, change: impl FnOnce(Setup) -> Setup) -> Server {
    change(setup(dir, USERS)).start()
}

#[test]
fn garbage_is_refused_and_others_are_served() {
    let dir = TempDir::new("garbage");
    let server = start(&dir, |setup| setup);
    let mut other = client(&server);
    let tokens: [&[u8]; 7] =
        [b"x", b"\0", b"username=\"bob\"", &[0xff; 4096], &[b','; 5000], &[b'='; 100_000], b"nonce=\"\\"];
    for token in tokens {
        // As the first token, of which only the length matters, and as an answer to the challenge.
        for challenged in [false, true] {
            let mut client = client(&server);
            if challenged {
                challenge(&mut client);
            } else if token.len() <= 4096 {
                assert_eq!(step(&mut client, token).err, err::OK, "{token:?}");
            }
            let reply = step(&mut client, token);
            assert_eq!((reply.zxid, reply.err), (0, err::AUTH_FAILED), "{token:?}");
            client.expect_close().unwrap_or_else(|error| panic!("{token:?}: {error}"));
        }
        assert_eq!(other.call(&Request::exists("/", false)).expect("a reply").err, err::OK);
    }
}

/// The challenge comes in its turn, however much is asked before it.
#[test]
fn a_login_may_come_behind_other_requests() {
    let dir = TempDir::new("behind");
    let server = start(&dir, |setup| setup);
    let mut client = client(&server);
    let requests = [
        Request::sync("/"),
        Request::Sasl { token: Some(Vec::new()) },
        Request::create("/behind", b"", flags::PERSISTENT),
        Request::exists("/behind", false),
    ];
    let xids = requests.each_ref().map(|request| client.queue(request));
    client.flush().expect("it is sent");
    let replies = [(); 4].map(|()| client.next_reply().expect("an answer"));
    assert_eq!(replies.each_ref().map(|reply| (reply.xid, reply.err)), [0, 1, 2, 3].map(|at| (xids[at], err::OK)));
    assert!(matches!(&replies[1].body, Body::Token(Some(token)) if token.len() > 60), "{:?}", replies[1].body);
    assert_eq!(step(&mut client, b"garbage").err, err::AUTH_FAILED);
}

/// Longer than any ticket.
#[test]
fn a_token_without_measure_is_refused() {
    let dir = TempDir::new("measure");
    let server = start(&dir, |setup| setup);
    let mut client = client(&server);
    challenge(&mut client);
    assert_eq!(step(&mut client, &[7; 900_000]).err, err::AUTH_FAILED);
}

#[test]
fn a_challenge_is_for_one_connection() {
    let dir = TempDir::new("challenges");
    let server = start(&dir, |setup| setup);
    let (mut one, mut two) = (client(&server), client(&server));
    let (first, second) = (challenge(&mut one), challenge(&mut two));
    assert_ne!(first, second);
    for challenge in [&first, &second] {
        assert!(challenge.starts_with("realm=\"zk-sasl-md5\",nonce=\""), "{challenge}");
        assert!(challenge.ends_with("\",charset=utf-8,algorithm=md5-sess"), "{challenge}");
    }
}

#[test]
fn whoever_has_failed_may_stay_where_that_is_allowed() {
    let dir = TempDir::new("stay");
    let server = start(&dir, |setup| setup.property("zookeeper.allowSaslFailedClients", "true"));
    let mut client = client(&server);
    challenge(&mut client);
    for _ in 0..3 {
        let reply = step(&mut client, b"garbage");
        assert_eq!((reply.zxid, reply.err), (0, err::OK));
        assert!(matches!(reply.body, Body::Token(None)), "{:?}", reply.body);
    }
    assert_eq!(client.call(&Request::exists("/", false)).expect("a reply").err, err::OK);
}

#[test]
fn who_must_log_in_is_told_so() {
    let dir = TempDir::new("must");
    let change = |setup: Setup| {
        let setup = setup.property("zookeeper.sessionRequireClientSASLAuth", "true");
        setup.property("zookeeper.allowSaslFailedClients", "true")
    };
    let server = start(&dir, change);
    let mut failed = client(&server);
    challenge(&mut failed);
    assert_eq!(step(&mut failed, b"garbage").err, err::SESSION_CLOSED_REQUIRE_AUTH);
    failed.expect_close().expect("a close");
    let mut other = client(&server);
    let reply = other.call(&Request::exists("/", false)).expect("a reply");
    assert_eq!(reply.err, err::SESSION_CLOSED_REQUIRE_AUTH);
    other.expect_close().expect("a close");
}

#[test]
fn those_who_guess_are_slowed_down_and_not_refused() {
    if Kind::under_test() == Kind::ZooKeeper {
        return;
    }
    let dir = TempDir::new("guess");
    let server = start(&dir, |setup| setup);
    for _ in 0..=100 {
        assert_eq!(fail(&server), err::AUTH_FAILED);
    }
    let mut slowed = client(&server);
    challenge(&mut slowed);
    slowed.queue(&Request::Sasl { token: Some(b"garbage".to_vec()) });
    slowed.flush().expect("the server reads");
    // Others of the same address are served meanwhile, and so is the next challenge.
    let mut other = client(&server);
    assert_eq!(other.call(&Request::exists("/", false)).expect("a reply").err, err::OK);
    challenge(&mut other);
    assert_eq!(slowed.next_reply().expect("an answer").err, err::AUTH_FAILED);
    slowed.expect_close().expect("a close");
    assert_eq!(server.log().matches("SASL authentications have failed from this address").count(), 1);
}
