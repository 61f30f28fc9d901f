//! All that a client can see of a server's tree.

use std::collections::BTreeMap;

use crate::client::Client;
use crate::records::{Acl, Stat};
use crate::reply::Body;
use crate::request::Request;

/// Paths that are asked for at a time.
const BATCH: usize = 200;

/// One znode.
#[derive(Debug, PartialEq)]
pub struct Seen {
    pub data: Option<Vec<u8>>,
    pub stat: Stat,
    pub acl: Vec<Acl>,
    /// In the order of their names.
    pub children: Vec<String>,
}

/// By path.
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

/// Panics with the first difference, if there is one.
#[track_caller]
pub fn assert_same(one: &Content, other: &Content) {
    for (path, seen) in one {
        assert_eq!(Some(seen), other.get(path), "{path}");
    }
    let added: Vec<&String> = other.keys().filter(|path| !one.contains_key(*path)).collect();
    assert!(added.is_empty(), "{added:?}");
}
