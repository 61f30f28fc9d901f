//! All that a client can see of a server's tree, and the same of a recovered state.

use std::collections::BTreeMap;

use paddock_engine::acl;
use paddock_engine::database::Database;
use paddock_tests::client::Client;
use paddock_tests::jute::Reader;
use paddock_tests::records::{Acl, Stat, read_stat};
use paddock_tests::reply::Body;
use paddock_tests::request::Request;

/// Paths that are asked for at a time.
const BATCH: usize = 200;

#[derive(Debug, PartialEq)]
pub struct Seen {
    data: Option<Vec<u8>>,
    pub stat: Stat,
    acl: Vec<Acl>,
    children: Vec<String>,
}

pub type Content = BTreeMap<String, Seen>;

/// Everything below the root, as a client sees it that may see it.
pub fn of_server(client: &mut Client) -> Content {
    let mut content = Content::new();
    let mut ahead = vec!["/".to_owned()];
    while !ahead.is_empty() {
        let batch = ahead.split_off(ahead.len().saturating_sub(BATCH));
        for path in &batch {
            client.queue(&Request::get_data(path, false));
            client.queue(&Request::get_acl(path));
            client.queue(&Request::get_children(path, false));
        }
        client.flush().expect("the server takes requests");
        for path in batch {
            let mut reply = || client.next_reply().expect("the server answers");
            let Body::Data(data, stat) = reply().body else { panic!("no data of {path}") };
            let acl = reply().acl().to_vec();
            let mut children: Vec<String> = reply().names().into_iter().map(str::to_owned).collect();
            children.sort();
            let above = if path == "/" { "" } else { &path };
            ahead.extend(children.iter().map(|name| format!("{above}/{name}")));
            content.insert(path, Seen { data, stat, acl, children });
        }
    }
    content
}

pub fn of_database(database: &Database) -> Content {
    let mut content = Content::new();
    database.tree().for_each(|znode| {
        let stat = read_stat(&mut Reader::new(znode.stat_wire())).expect("a Stat has 68 bytes");
        let entries = acl::entries(znode.acl());
        let acl = entries.iter().map(|entry| Acl::new(entry.perms, &entry.id.scheme, &entry.id.id)).collect();
        let mut children: Vec<String> = znode.children().map(str::to_owned).collect();
        children.sort();
        let seen = Seen { data: znode.data().map(<[u8]>::to_vec), stat, acl, children };
        content.insert(znode.path().to_owned(), seen);
    });
    content
}

/// Panics with the first difference, if there is one.
#[track_caller]
pub fn assert_same(one: &Content, other: &Content) {
    for (path, seen) in one {
        assert_eq!(Some(seen), other.get(path), "{path}");
    }
    let added: Vec<&String> = other.keys().filter(|path| !one.contains_key(*path)).collect();
    assert!(added.is_empty(), "{added:?}");
}
