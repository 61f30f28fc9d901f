//! Where a trap is laid: a server, a znode of the test's own, and clients.
use paddock_tests::client::{Client, ClientError};
use paddock_tests::records::{Acl, event};
use paddock_tests::reply::Event;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};
use std::sync::{Arc, Mutex, Weak};

/// Of sessions whose timeout is not the matter, ms.
pub const TIMEOUT_MS: i32 = 20_000;
/// The superuser of every server here.
pub const SUPER: &[u8] = b"super:test";
const SUPER_DIGEST: &str = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";

/// Whether the server follows 3.9. Debian's ZooKeeper, which can be put in its place, is 3.8.0.
pub fn is_current() -> bool {
    Kind::under_test().is_current()
}

/// Where Paddock means to differ from every ZooKeeper.
pub fn is_paddock() -> bool {
    Kind::under_test() == Kind::Paddock
}

pub fn setup() -> Setup {
    Setup::new(Kind::under_test())
        .property("zookeeper.extendedTypesEnabled", "true")
        .property("zookeeper.DigestAuthenticationProvider.superDigest", SUPER_DIGEST)
}

pub fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client")
}

/// A znode of this test alone, on a server that tests of the moment share. It ends with the last of them.
pub struct Place {
    pub server: Arc<Server>,
    root: String,
}

impl Place {
    /// `name` is another one in each test.
    pub fn new(name: &str) -> Place {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        // A test that failed while its server started has left nothing half done.
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let server = shared.upgrade().unwrap_or_else(|| Arc::new(setup().start()));
        *shared = Arc::downgrade(&server);
        drop(shared);
        Place::on(server, name)
    }

    /// The same on a server of the test's own.
    pub fn on(server: impl Into<Arc<Server>>, name: &str) -> Place {
        let server = server.into();
        let root = format!("/{name}");
        client(&server).ok(&Request::create(&root, b"", 0));
        Place { server, root }
    }

    /// The path of `below`, which begins with a slash or is empty, in this place.
    pub fn path(&self, below: &str) -> String {
        format!("{}{below}", self.root)
    }

    pub fn client(&self) -> Client {
        client(&self.server)
    }

    /// A client of this digest identity.
    pub fn user(&self, credential: &[u8]) -> Client {
        let mut client = self.client();
        client.ok(&Request::auth("digest", credential));
        client
    }
}

/// The events that wait on this connection, as (type, path).
pub fn events(client: &mut Client) -> Vec<(i32, String)> {
    all_events(client).into_iter().map(|event| (event.kind, event.path)).collect()
}

/// The events that wait on this connection: whatever happened before is told before the answer to a ping.
pub fn all_events(client: &mut Client) -> Vec<Event> {
    client.ok(&Request::ping());
    client.events.drain(..).collect()
}

pub fn created(path: &str) -> (i32, String) {
    (event::CREATED, path.into())
}

pub fn deleted(path: &str) -> (i32, String) {
    (event::DELETED, path.into())
}

pub fn data_changed(path: &str) -> (i32, String) {
    (event::DATA_CHANGED, path.into())
}

pub fn children_changed(path: &str) -> (i32, String) {
    (event::CHILDREN_CHANGED, path.into())
}

pub fn only(perms: i32, scheme: &str, id: &str) -> Vec<Acl> {
    vec![Acl::new(perms, scheme, id)]
}

/// Asserts that the server has closed this connection, and that it did so without another word.
#[track_caller]
pub fn assert_closed(client: &mut Client) {
    client.expect_close().unwrap_or_else(|error| panic!("a close was due: {error}"));
}

/// Sends a request to which the connection ends, perhaps before it can be sent.
pub fn lost(client: &mut Client, request: &Request) {
    match client.call(request) {
        Err(ClientError::Closed) => {}
        other => panic!("{request:?}: {other:?} where a lost connection was due"),
    }
}
