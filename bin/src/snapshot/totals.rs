//! What a subtree adds up to.

use paddock_engine::tree::Znode;

use super::by_path::{is_in, level};

/// One subtree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Totals<'t> {
    pub path: &'t str,
    /// Znodes in it, the one at its top counted.
    pub znodes: u64,
    /// Of them, those that go with a session.
    pub ephemerals: u64,
    /// Of data.
    pub bytes: u64,
    /// Levels below its top.
    pub depth: usize,
}

/// Of every subtree, in the order of the znodes, which is that of [`order`](super::order).
pub fn totals<'t>(znodes: &[Znode<'t>]) -> Vec<Totals<'t>> {
    let mut totals: Vec<Totals<'t>> = Vec::with_capacity(znodes.len());
    // Those that the next znode may be in, outermost first.
    let mut open: Vec<usize> = Vec::new();
    for (index, znode) in znodes.iter().enumerate() {
        let path = znode.path();
        while let Some(inner) = open.pop_if(|inner| !is_in(path, totals[*inner].path)) {
            close(&mut totals, inner, open.last().copied());
        }
        let bytes = znode.data().map_or(0, <[u8]>::len) as u64;
        totals.push(Totals { path, znodes: 1, ephemerals: u64::from(znode.is_ephemeral()), bytes, depth: 0 });
        open.push(index);
    }
    while let Some(inner) = open.pop() {
        close(&mut totals, inner, open.last().copied());
    }
    totals
}

/// Adds a subtree that is complete to the one around it.
fn close(totals: &mut [Totals<'_>], inner: usize, outer: Option<usize>) {
    let Some(outer) = outer else { return };
    let inner = totals[inner];
    let outer = &mut totals[outer];
    outer.znodes += inner.znodes;
    outer.ephemerals += inner.ephemerals;
    outer.bytes += inner.bytes;
    outer.depth = outer.depth.max(inner.depth + level(inner.path) - level(outer.path));
}

#[cfg(test)]
mod tests {
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::stat::Stat;
    use paddock_engine::tree::{HashSeed, NewZnode};

    use super::super::by_path::ordered;
    use super::{Totals, totals};

    #[test]
    fn subtrees_add_up() {
        let mut database = Database::new(HashSeed([7; 16]), Rules::default());
        for (path, owner, data) in [("/a", 0, "1"), ("/a/b", 0, "22"), ("/a/b/c", 5, "333"), ("/a-b", 0, "4444")] {
            let stat = Stat { ephemeral_owner: owner, ..Stat::default() };
            database.tree_mut().install(NewZnode { path, data: Some(data.as_bytes()), acl: None, stat });
        }
        let znodes = ordered(database.tree(), "/");
        let totals = totals(&znodes);
        let of = |path| *totals.iter().find(|totals| totals.path == path).unwrap();
        assert_eq!(of("/"), Totals { path: "/", znodes: 8, ephemerals: 1, bytes: 10, depth: 3 });
        assert_eq!(of("/a"), Totals { path: "/a", znodes: 3, ephemerals: 1, bytes: 6, depth: 2 });
        assert_eq!(of("/a/b"), Totals { path: "/a/b", znodes: 2, ephemerals: 1, bytes: 5, depth: 1 });
        assert_eq!(of("/a-b"), Totals { path: "/a-b", znodes: 1, ephemerals: 0, bytes: 4, depth: 0 });
        assert_eq!(of("/zookeeper"), Totals { path: "/zookeeper", znodes: 3, ephemerals: 0, bytes: 0, depth: 1 });
    }
}
