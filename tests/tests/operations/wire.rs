//! Short ways to ask.
use paddock_tests::client::{Client, ClientError};
use paddock_tests::records::{Acl, Stat, err};
use paddock_tests::reply::{Body, Reply};
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};

/// Of sessions whose timeout is not the matter, ms.
const TIMEOUT_MS: i32 = 20_000;

pub fn setup() -> Setup {
    Setup::new(Kind::under_test())
}

pub fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client")
}

pub fn ask(client: &mut Client, request: &Request) -> Reply {
    client.call(request).unwrap_or_else(|error| panic!("{request:?}: {error}"))
}

/// The reply to a request that must succeed.
pub fn done(client: &mut Client, request: &Request) -> Body {
    let reply = ask(client, request);
    assert_eq!(reply.err, err::OK, "{request:?}");
    reply.body
}

/// The Stat in the reply.
pub fn stat(body: Body) -> Stat {
    match body {
        Body::Stat(stat) | Body::PathStat(_, stat) | Body::Data(_, stat) | Body::NamesStat(_, stat) => stat,
        other => panic!("no Stat in {other:?}"),
    }
}

/// The server answers with this code and zxid -1, and closes.
pub fn assert_unknown(mut client: Client, request: &Request) {
    let reply = ask(&mut client, request);
    assert_eq!((reply.err, reply.zxid), (err::UNIMPLEMENTED, -1), "{request:?}");
    let closed = client.next_frame();
    assert!(matches!(closed, Err(ClientError::Closed)), "{closed:?} instead of the end");
}

pub fn create(opcode: i32, path: &str, flags: i32) -> Request {
    Request::Create { opcode, path: Some(path.into()), data: Some(vec![]), acl: Some(Acl::open()), flags }
}

pub fn create_ttl(path: &str, flags: i32, ttl: i64) -> Request {
    Request::CreateTtl { path: Some(path.into()), data: Some(vec![]), acl: Some(Acl::open()), flags, ttl }
}
