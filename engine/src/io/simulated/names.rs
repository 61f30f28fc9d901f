//! A directory's names, and which of them survive a power cut: any of the changes since its last sync may be lost.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::choice::Choice;

/// A file or a directory, whatever its names.
pub type Node = u64;

#[derive(Clone, Hash, Debug)]
enum Change {
    Set(OsString, Node),
    Clear(OsString),
    /// Both at once, or nothing.
    Move(OsString, OsString, Node),
}

type Map = BTreeMap<OsString, Node>;

/// See the module.
#[derive(Clone, Default, Hash, Debug)]
pub struct Names {
    now: Map,
    durable: Map,
    pending: Vec<Change>,
}

impl Change {
    fn apply(&self, map: &mut Map) {
        match self {
            Change::Set(name, node) => {
                map.insert(name.clone(), *node);
            }
            Change::Clear(name) => {
                map.remove(name);
            }
            Change::Move(from, to, node) => {
                map.remove(from);
                map.insert(to.clone(), *node);
            }
        }
    }
}

impl Names {
    pub fn get(&self, name: &OsStr) -> Option<Node> {
        self.now.get(name).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&OsString, Node)> {
        self.now.iter().map(|(name, node)| (name, *node))
    }

    /// What is named, or may be after a crash.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        let pending = self.pending.iter().filter_map(|change| match change {
            Change::Set(_, node) | Change::Move(_, _, node) => Some(*node),
            Change::Clear(_) => None,
        });
        self.now.values().chain(self.durable.values()).copied().chain(pending)
    }

    pub fn set(&mut self, name: &OsStr, node: Node) {
        self.change(Change::Set(name.to_owned(), node));
    }

    pub fn clear(&mut self, name: &OsStr) {
        self.change(Change::Clear(name.to_owned()));
    }

    /// Gives a node another name, which another node may have had.
    pub fn rename(&mut self, from: &OsStr, to: &OsStr, node: Node) {
        self.change(Change::Move(from.to_owned(), to.to_owned(), node));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.pending.push(change);
    }

    pub fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync has failed: some of what is pending is durable, and the rest never will be, although it still seems so.
    pub fn lose_pending(&mut self, choice: &mut dyn Choice) {
        self.durable = self.survivor(choice);
        self.pending.clear();
    }

    /// What a power cut leaves.
    pub fn crashed(&self, choice: &mut dyn Choice) -> Names {
        let durable = self.survivor(choice);
        Names { now: durable.clone(), durable, pending: Vec::new() }
    }

    fn survivor(&self, choice: &mut dyn Choice) -> Map {
        let mut map = self.durable.clone();
        for change in &self.pending {
            if choice.choose(2) == 1 {
                change.apply(&mut map);
            }
        }
        map
    }

    /// How many changes a crash may keep or lose.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ffi::OsStr;

    use super::super::choice::Every;
    use super::Names;

    /// Names and nodes, for everything that a crash may leave.
    fn survivors(names: &Names) -> BTreeSet<String> {
        let (mut every, mut found) = (Every::default(), BTreeSet::new());
        loop {
            let left = names.crashed(&mut every);
            found.insert(left.iter().map(|(name, node)| format!("{}{node}", name.display())).collect());
            if !every.go_on() {
                return found;
            }
        }
    }

    #[test]
    fn a_crash_keeps_any_of_what_was_not_synced() {
        let name = |text: &'static str| OsStr::new(text);
        let mut names = Names::default();
        names.set(name("a"), 1);
        names.sync();
        names.set(name("t"), 2);
        assert_eq!(survivors(&names), ["a1", "a1t2"].map(str::to_owned).into());
        names.rename(name("t"), name("a"), 2);
        assert_eq!(survivors(&names), ["a1", "a1t2", "a2"].map(str::to_owned).into());
        names.clear(name("a"));
        assert!(survivors(&names).contains(""));
        names.sync();
        assert_eq!(survivors(&names), ["".to_owned()].into());
    }
}
