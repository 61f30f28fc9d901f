//! Znodes in the order of their paths: a parent before its children, and its whole subtree before what comes next.

use std::cmp::Ordering;

use paddock_engine::path::ROOT;
use paddock_engine::tree::{Tree, Znode};

/// How two paths stand to each other. The slash comes before everything that a name can have, so that a subtree stays
/// together.
pub fn compare(left: &str, right: &str) -> Ordering {
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    left.bytes().map(rank).cmp(right.bytes().map(rank))
}

/// Whether a path is `above` or lies below it.
pub fn is_in(path: &str, above: &str) -> bool {
    above == ROOT || path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// How many levels below the root.
pub fn level(path: &str) -> usize {
    if path == ROOT { 0 } else { path.bytes().filter(|byte| *byte == b'/').count() }
}

/// All znodes of a subtree.
pub fn ordered<'t>(tree: &'t Tree, above: &str) -> Vec<Znode<'t>> {
    let mut znodes: Vec<Znode<'t>> = tree.head().iter().filter(|znode| is_in(znode.path(), above)).collect();
    znodes.sort_unstable_by(|left, right| compare(left.path(), right.path()));
    znodes
}

#[cfg(test)]
mod tests {
    use super::{compare, is_in, level};

    #[test]
    fn a_subtree_stays_together() {
        let ordered = ["/", "/a", "/a/b", "/a/b/c", "/a/c", "/a b", "/a-b", "/a-b/c", "/ab", "/b", "/ä"];
        for (left, path) in ordered.iter().enumerate() {
            for (right, other) in ordered.iter().enumerate() {
                assert_eq!(compare(path, other), left.cmp(&right), "{path} {other}");
            }
        }
    }

    #[test]
    fn what_is_in_a_subtree() {
        assert!(is_in("/a", "/") && is_in("/", "/") && is_in("/a", "/a") && is_in("/a/b", "/a"));
        assert!(!is_in("/ab", "/a") && !is_in("/", "/a"));
        assert_eq!([level("/"), level("/a"), level("/a/b")], [0, 1, 2]);
    }
}
