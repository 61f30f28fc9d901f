//! The watches of one reactor's connections.
//!
//! Two tables, one for data and existence, one for children. A registration is (path, connection); several by one
//! connection on one path in one table are one. Watches belong to the connection and go with it.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use paddock_engine::event::EventKind;

/// Which table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Of getData and exists.
    Data,
    /// Of getChildren.
    Child,
}

/// Slots of the connections that watch a path.
type Watchers = Vec<u32>;

#[derive(Default)]
struct Table {
    by_path: HashMap<Rc<str>, Watchers>,
    by_connection: HashMap<u32, HashSet<Rc<str>>>,
    registrations: usize,
}

impl Table {
    fn add(&mut self, path: &str, slot: u32) {
        let shared: Rc<str> = match self.by_path.get_key_value(path) {
            Some((shared, _)) => shared.clone(),
            None => path.into(),
        };
        if self.by_connection.entry(slot).or_default().insert(shared.clone()) {
            self.by_path.entry(shared).or_default().push(slot);
            self.registrations += 1;
        }
    }

    /// Takes all who watch the path.
    fn take(&mut self, path: &str) -> Watchers {
        let Some(watchers) = self.by_path.remove(path) else { return Watchers::new() };
        for slot in &watchers {
            if let Some(paths) = self.by_connection.get_mut(slot) {
                paths.remove(path);
                if paths.is_empty() {
                    self.by_connection.remove(slot);
                }
            }
        }
        self.registrations -= watchers.len();
        watchers
    }

    fn forget(&mut self, slot: u32) {
        for path in self.by_connection.remove(&slot).into_iter().flatten() {
            self.registrations -= 1;
            if let Some(watchers) = self.by_path.get_mut(&path) {
                watchers.retain(|watcher| *watcher != slot);
                if watchers.is_empty() {
                    self.by_path.remove(&path);
                }
            }
        }
    }
}

/// All watches of a reactor.
#[derive(Default)]
pub struct Watches {
    data: Table,
    child: Table,
}

impl Watches {
    pub fn add(&mut self, kind: Kind, path: &str, slot: u32) {
        match kind {
            Kind::Data => self.data.add(path, slot),
            Kind::Child => self.child.add(path, slot),
        }
    }

    /// Takes the watches that an event uses up and returns whom to tell, each once: a deletion concerns both tables.
    pub fn trigger(&mut self, kind: EventKind, path: &str) -> Vec<u32> {
        match kind {
            EventKind::Created | EventKind::DataChanged => self.data.take(path),
            EventKind::ChildrenChanged => self.child.take(path),
            EventKind::Deleted => {
                let mut watchers = self.data.take(path);
                let told: HashSet<u32> = watchers.iter().copied().collect();
                watchers.extend(self.child.take(path).into_iter().filter(|slot| !told.contains(slot)));
                watchers
            }
        }
    }

    /// A connection is gone.
    pub fn forget(&mut self, slot: u32) {
        self.data.forget(slot);
        self.child.forget(slot);
    }

    pub fn is_empty(&self) -> bool {
        self.registrations() == 0
    }

    /// Pairs of path and connection, over both tables.
    pub fn registrations(&self) -> usize {
        self.data.registrations + self.child.registrations
    }
}

#[cfg(test)]
mod tests {
    use super::{EventKind, Kind, Watches};

    #[test]
    fn trap_48_a_deletion_tells_each_connection_once() {
        let mut watches = Watches::default();
        watches.add(Kind::Data, "/a", 1);
        watches.add(Kind::Child, "/a", 1);
        watches.add(Kind::Child, "/a", 2);
        assert_eq!(watches.trigger(EventKind::Deleted, "/a"), [1, 2]);
        assert!(watches.is_empty());
    }

    #[test]
    fn trap_58_registrations_of_one_connection_collapse() {
        let mut watches = Watches::default();
        watches.add(Kind::Data, "/a", 1);
        watches.add(Kind::Data, "/a", 1);
        assert_eq!(watches.registrations(), 1);
        assert_eq!(watches.trigger(EventKind::DataChanged, "/a"), [1]);
        assert_eq!(watches.trigger(EventKind::DataChanged, "/a"), [0; 0]);
    }

    #[test]
    fn the_tables_are_apart() {
        let mut watches = Watches::default();
        watches.add(Kind::Child, "/a", 1);
        assert_eq!(watches.trigger(EventKind::DataChanged, "/a"), [0; 0]);
        assert_eq!(watches.trigger(EventKind::ChildrenChanged, "/a"), [1]);
    }

    #[test]
    fn watches_go_with_their_connection() {
        let mut watches = Watches::default();
        watches.add(Kind::Data, "/a", 1);
        watches.add(Kind::Child, "/b", 1);
        watches.add(Kind::Data, "/a", 2);
        watches.forget(1);
        assert_eq!(watches.registrations(), 1);
        assert_eq!(watches.trigger(EventKind::Created, "/a"), [2]);
    }
}
