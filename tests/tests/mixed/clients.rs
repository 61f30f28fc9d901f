//! What clients do at every server of an ensemble, and what must come of it.

use paddock_tests::client::{Client, ClientError};
use paddock_tests::content::{Content, assert_same, of_server};
use paddock_tests::records::{err, event, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, poll_until};

use crate::ensemble::{Ensemble, TIMEOUT_MS};

/// Writes of a session that waits for no answer.
const AT_ONCE: i32 = 50;

/// A client of each server. Whatever one of them writes, each is told of by its watch, and each reads it behind a sync.
pub fn write_at_every_server(ensemble: &Ensemble, parent: &str) {
    let ids = ensemble.ids();
    let mut clients: Vec<Client> = ids.iter().map(|&id| ensemble.connect(id)).collect();
    clients[0].ok(&Request::create(parent, b"", flags::PERSISTENT));
    for (place, id) in ids.iter().enumerate() {
        let path = format!("{parent}/{id}");
        for client in &mut clients {
            client.ok(&Request::sync(parent));
            client.ok(&Request::get_children(parent, true));
        }
        clients[place].ok(&Request::create(&path, format!("by {id}").as_bytes(), flags::PERSISTENT));
        for (client, at) in clients.iter_mut().zip(&ids) {
            let told = client.next_event().unwrap_or_else(|error| panic!("server {at}: {error}"));
            assert_eq!((told.kind, &told.path[..]), (event::CHILDREN_CHANGED, parent), "server {at}");
            client.ok(&Request::sync(&path));
            let reply = client.ok(&Request::get_data(&path, false));
            assert_eq!(reply.data(), Some(format!("by {id}").as_bytes()), "server {at}");
        }
        // The second member fails, so that the first is not done.
        let multi = Request::multi(vec![Request::delete(&path, -1), Request::check(parent, 7)]);
        let reply = clients[place].ok(&multi);
        let codes: Vec<i32> = reply.outcomes().iter().map(|outcome| outcome.err).collect();
        assert_eq!(codes, [err::OK, err::BAD_VERSION], "server {id}");
        clients[place].ok(&Request::exists(&path, false));
    }
    for mut client in clients {
        client.ok(&Request::close());
    }
}

/// At each server a session writes and syncs by turns without waiting for answers, which come in the order of the requests.
pub fn write_and_sync_at_once(ensemble: &Ensemble) {
    for id in ensemble.ids() {
        let mut client = ensemble.connect(id);
        let path = format!("/at-once-{id}");
        client.ok(&Request::create(&path, b"", flags::PERSISTENT));
        for _ in 0..AT_ONCE {
            client.queue(&Request::set_data(&path, b"more", -1));
            client.queue(&Request::sync(&path));
        }
        client.flush().expect("the server takes requests");
        while client.outstanding() > 0 {
            let reply = client.next_reply().unwrap_or_else(|error| panic!("server {id}: {error}"));
            assert_eq!(reply.err, err::OK, "server {id}");
        }
        assert_eq!(client.ok(&Request::exists(&path, false)).stat().version, AT_ONCE);
    }
}

/// One session goes from server to server, in this order; each serves it with what it has, and its ephemeral goes with it
/// only when it closes.
pub fn move_a_session(ensemble: &Ensemble, ids: &[u32]) {
    let path = "/of-one-session";
    let mut client = ensemble.connect(ids[0]);
    client.ok(&Request::create(path, b"", flags::EPHEMERAL));
    for (id, version) in ids[1..].iter().zip(1..) {
        client = come_back(ensemble, *id, &client);
        assert_eq!(client.session.timeout_ms, TIMEOUT_MS);
        let stat = client.ok(&Request::set_data(path, b"moved", -1)).stat();
        assert_eq!((stat.ephemeral_owner, stat.version), (client.session.id, version), "server {id}");
    }
    client.ok(&Request::close());
    for id in ensemble.ids() {
        let mut other = ensemble.connect(id);
        other.ok(&Request::sync(path));
        assert_eq!(other.code(&Request::exists(path, false)), err::NO_NODE, "server {id}");
        let refused = Client::reattach(ensemble.server(id).address(), &client.session, 0);
        assert!(refused.is_err(), "server {id} takes a session that has ended");
    }
}

/// The client's session at another server, which closes the connection as long as it has not all that the client has seen.
fn come_back(ensemble: &Ensemble, id: u32, client: &Client) -> Client {
    let address = ensemble.server(id).address();
    let moved = poll_until(DEADLINE, || match Client::reattach(address, &client.session, client.last_zxid) {
        Err(ClientError::Closed) => None,
        other => Some(other),
    });
    let moved = moved.unwrap_or_else(|| panic!("server {id} does not take the session"));
    moved.unwrap_or_else(|error| panic!("server {id}: {error}"))
}

/// Where clients read who belongs to the ensemble.
const CONFIG: &str = "/zookeeper/config";

/// The same is read at every server, with every Stat.
pub fn assert_same_trees(ensemble: &Ensemble) {
    let [first, others @ ..] = &ensemble.ids()[..] else { panic!("there are servers") };
    let expected = tree(ensemble, *first);
    for other in others {
        assert_same(&expected, &tree(ensemble, *other));
    }
}

fn tree(ensemble: &Ensemble, id: u32) -> Content {
    let mut client = ensemble.connect(id);
    client.ok(&Request::sync("/"));
    let mut content = of_server(&mut client);
    // Each server writes it by itself, without a transaction, at a time of its own. Where it may be reconfigured, a ZooKeeper
    // that leads gives the first configuration a version, which other servers may not show yet.
    let config = content.get_mut(CONFIG).expect("it is always there");
    assert!(config.data.as_ref().is_some_and(|text| text.starts_with(b"server.1=")), "server {id}: {config:?}");
    config.stat.mtime = 0;
    if ensemble.may_be_reconfigured() {
        content.remove(CONFIG);
    }
    content
}
