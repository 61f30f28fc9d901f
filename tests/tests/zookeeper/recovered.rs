//! A recovered state, as a client would see it.

use paddock_engine::acl;
use paddock_engine::database::Database;
use paddock_tests::content::{Content, Seen};
use paddock_tests::jute::Reader;
use paddock_tests::records::{Acl, read_stat};

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
