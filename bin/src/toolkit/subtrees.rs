//! The subtrees of a snapshot, level by level, as zkSnapshotComparer.sh compares them.

use std::fmt;

use paddock_engine::path::ROOT;
use paddock_engine::tree::Znode;

use crate::snapshot::by_path::level;
use crate::snapshot::totals::totals;

/// What a znode and those below it add up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subtree<'t> {
    /// The path, which of the root is empty.
    pub label: &'t str,
    /// Of data, of the znode and of those below it.
    pub bytes: i64,
    /// Znodes below it.
    pub descendants: i64,
}

impl Subtree<'_> {
    /// The label of what it lies in; `None` for the root.
    fn above(&self) -> Option<&str> {
        self.label.rsplit_once('/').map(|(above, _)| above)
    }
}

/// All subtrees of a snapshot.
pub struct Subtrees<'t> {
    /// By the level of their tops, each in the order of labels.
    levels: Vec<Vec<Subtree<'t>>>,
}

impl<'t> Subtrees<'t> {
    /// Of all znodes, in the order of their paths.
    pub fn of(znodes: &[Znode<'t>]) -> Subtrees<'t> {
        let mut levels: Vec<Vec<Subtree<'t>>> = Vec::new();
        for totals in totals(znodes) {
            let level = level(totals.path);
            if levels.len() <= level {
                levels.resize_with(level + 1, Vec::new);
            }
            let label = if totals.path == ROOT { "" } else { totals.path };
            let (bytes, descendants) = (totals.bytes as i64, totals.znodes as i64 - 1);
            levels[level].push(Subtree { label, bytes, descendants });
        }
        for level in &mut levels {
            level.sort_by_key(|subtree| subtree.label);
        }
        Subtrees { levels }
    }

    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Those whose tops are so many levels below the root.
    pub fn at(&self, level: usize) -> &[Subtree<'t>] {
        self.levels.get(level).map_or(&[][..], |level| &level[..])
    }

    /// Those of a znode's children; `None` if there is no such znode.
    pub fn below(&self, label: &str) -> Option<Vec<Subtree<'t>>> {
        let own = label.bytes().filter(|byte| *byte == b'/').count();
        self.at(own).iter().find(|subtree| subtree.label == label)?;
        Some(self.at(own + 1).iter().filter(|subtree| subtree.above() == Some(label)).copied().collect())
    }
}

impl fmt::Display for Subtrees<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count: usize = self.levels.iter().map(Vec::len).sum();
        let bytes = self.at(0).first().map_or(0, |root| root.bytes);
        writeln!(f, "Node count: {count}\nTotal size: {bytes}\nMax depth: {}", self.depth())?;
        for (depth, level) in self.levels.iter().enumerate() {
            writeln!(f, "Count of nodes at depth {depth}: {}", level.len())?;
        }
        Ok(())
    }
}
