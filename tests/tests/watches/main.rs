//! Watches and the reads that came after 3.4, as clients see them on the wire.
//!
//! `PADDOCK_TEST_SERVER=zookeeper` has ZooKeeper judge the tests themselves.
//!
//! | module | what |
//! |---|---|
//! | `kinds` | what each kind of watch tells, in which order, and how watches are looked for, removed and set again |
//! | `hidden` | what is told of znodes that the watcher may not read |
//! | `reads` | multiRead, whoAmI, getAllChildrenNumber |
mod hidden;
mod kinds;
mod reads;

use paddock_tests::client::{Client, Frame};
use paddock_tests::records::{Acl, err, flags, op};
use paddock_tests::reply::Reply;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};

/// Of sessions whose timeout is not the matter, ms.
const TIMEOUT_MS: i32 = 20_000;

/// Kinds of event on the wire.
const CREATED: i32 = 1;
const DELETED: i32 = 2;
const DATA_CHANGED: i32 = 3;
const CHILDREN_CHANGED: i32 = 4;

fn setup() -> Setup {
    Setup::new(Kind::under_test())
}

fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client")
}

/// A request that must succeed.
fn done(client: &mut Client, request: &Request) -> Reply {
    let reply = client.call(request).expect("a reply");
    assert_eq!(reply.err, err::OK, "{request:?}");
    reply
}

fn create(client: &mut Client, path: &str) {
    done(client, &Request::create(path, b"", flags::PERSISTENT));
}

fn numbered(opcode: i32, path: &str, number: i32) -> Request {
    Request::PathNumber { opcode, path: Some(path.into()), number }
}

fn add_watch(path: &str, mode: i32) -> Request {
    numbered(op::ADD_WATCH, path, mode)
}

/// All events that were queued before the reply to a ping, as (kind, path).
fn events(client: &mut Client) -> Vec<(i32, String)> {
    done(client, &Request::ping());
    client.events.drain(..).map(|event| (event.kind, event.path)).collect()
}

fn expected(list: &[(i32, &str)]) -> Vec<(i32, String)> {
    list.iter().map(|(kind, path)| (*kind, (*path).to_owned())).collect()
}

/// A znode that only the holder of this digest may read.
fn hidden(path: &str) -> Request {
    let mut request = Request::create(path, b"", flags::PERSISTENT);
    if let Request::Create { acl, .. } = &mut request {
        *acl = Some(vec![Acl::new(31, "auth", ""), Acl::new(30, "world", "anyone")]);
    }
    request
}

/// Proves the identity whose znodes [`hidden`] makes.
fn prove(client: &mut Client) {
    done(client, &Request::auth("digest", b"owner:secret"));
}

fn next_reply(client: &mut Client) -> Reply {
    match client.next_frame().expect("a frame") {
        Frame::Reply(reply) => reply,
        Frame::Event(event) => panic!("{event:?} where a reply was due"),
    }
}
