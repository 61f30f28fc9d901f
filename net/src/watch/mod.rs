//! The watches of one reactor's connections.
//!
//! A watch has a path, a connection and a kind. The path is a text that need not name a znode, and is compared as it was
//! sent.
//!
//! | kind | set by | Created | DataChanged | Deleted | ChildrenChanged | of descendants | used up |
//! |---|---|---|---|---|---|---|---|
//! | data | getData, exists | x | x | x | | | x |
//! | child | getChildren | | | x | x | | x |
//! | persistent | addWatch 0 | x | x | x | x | | |
//! | recursive | addWatch 1 | x | x | x | | x | |
//!
//! Whatever mix of kinds a connection has, it is told of an event once. Watches belong to the connection and go with it.
//!
//! **Cost.** To fire an event takes one look-up, one more for each level of its path if there are recursive watches, and a
//! few steps for each connection that is told or whose watch is used up. To set or remove a watch takes one look-up. To
//! forget a connection takes a few steps for each of its watches, however many others watch the same. A one-shot watch of a
//! path that nobody else watches takes about 60 bytes and the text; one of many of the same path takes about 14 bytes.

mod holdings;
mod kind;
#[cfg(test)]
mod model;
mod paths;
mod watchers;

use std::collections::HashSet;

use paddock_engine::event::EventKind;

use holdings::Holdings;
use paths::{Path, Paths};
use watchers::Crowds;

pub use kind::Kind;

/// By which kinds one connection watches one path.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Held([bool; Kind::COUNT]);

impl Held {
    fn has(self, kind: Kind) -> bool {
        self.0[kind as usize]
    }

    fn any(self) -> bool {
        self.0.contains(&true)
    }

    /// ZooKeeper counts a pair of path and connection once for data and once for children.
    fn registrations(self) -> usize {
        let Held([data, child, persistent, recursive]) = self;
        usize::from(data || persistent || recursive) + usize::from(child || persistent)
    }
}

/// Which watches will be used up by the events that were looked at before they fire.
#[derive(Default)]
pub struct Foreseen {
    /// The number of a path, and a one-shot kind of which its watches will be used up.
    used_up: HashSet<(u32, Kind)>,
}

/// All watches of a reactor.
#[derive(Default)]
pub struct Watches {
    /// What is watched.
    paths: Paths,
    /// Who watches what several watch.
    crowds: Crowds,
    /// What each connection watches.
    holdings: Holdings,
    /// See [`Watches::registrations`].
    registrations: usize,
}

impl Watches {
    /// Sets a watch; one that is there stays.
    pub fn add(&mut self, kind: Kind, path: &str, slot: u32) {
        let number = self.paths.find_or_add(path);
        let Watches { paths, crowds, holdings, .. } = self;
        let watched = paths.at_mut(number);
        let before = held(crowds, watched, slot);
        let is_first = watched.watchers(kind).is_nobody();
        if !crowds.insert(watched.watchers_mut(kind), slot) {
            return;
        }
        let after = held(crowds, watched, slot);
        self.registrations += after.registrations() - before.registrations();
        if kind == Kind::Recursive && is_first {
            paths.add_recursive(number);
        }
        if !before.any() {
            holdings.add(slot, number, |number| is_held(paths, crowds, number, slot));
        }
    }

    /// Removes a connection's watches of these kinds; `false` if there are none.
    pub fn remove(&mut self, kinds: &[Kind], path: &str, slot: u32) -> bool {
        let Some(number) = self.paths.find(path) else { return false };
        let removed = self.unwatch(kinds, number, slot);
        if removed && !is_held(&self.paths, &self.crowds, number, slot) {
            let Watches { paths, crowds, holdings, .. } = self;
            holdings.remove(slot, |number| is_held(paths, crowds, number, slot));
        }
        self.forget_unwatched(number);
        removed
    }

    /// Whether a connection has a watch of any of these kinds.
    pub fn contains(&self, kinds: &[Kind], path: &str, slot: u32) -> bool {
        let Some(number) = self.paths.find(path) else { return false };
        let watched = self.paths.at(number);
        kinds.iter().any(|kind| self.crowds.contains(watched.watchers(*kind), slot))
    }

    /// The numbers of paths are below this. Each path keeps its number for as long as it is watched.
    pub fn numbers(&self) -> usize {
        self.paths.numbers()
    }

    /// The path that has a number, with the slots of those who watch its data: by a watch of data, a persistent or a
    /// recursive one, as ZooKeeper's table of them has it. `None` if there are none.
    pub fn data_watchers(&self, number: u32) -> Option<(&str, Vec<u32>)> {
        let path = self.paths.get(number)?;
        let mut slots = Vec::new();
        for kind in [Kind::Data, Kind::Persistent, Kind::Recursive] {
            self.crowds.for_each(path.watchers(kind), |slot| slots.push(slot));
        }
        slots.sort_unstable();
        slots.dedup();
        (!slots.is_empty()).then(|| (path.text(), slots))
    }

    /// Uses up the watches that an event uses up, and puts the slots of those that are to be told into `told`, each once.
    pub fn trigger(&mut self, event: EventKind, path: &str, told: &mut Vec<u32>) {
        told.clear();
        self.holdings.next_event();
        if let Some(number) = self.paths.find(path) {
            self.use_up(Kind::used_up_by(event), number, told);
            self.tell(number, Kind::Persistent, told);
            self.forget_unwatched(number);
        }
        if event != EventKind::ChildrenChanged {
            let Watches { paths, crowds, holdings, .. } = self;
            paths.recursive_over(path, |watched| {
                crowds.for_each(watched.watchers(Kind::Recursive), |slot| {
                    if holdings.is_to_be_told(slot) {
                        told.push(slot);
                    }
                });
            });
        }
    }

    /// Whether [`Watches::trigger`] will tell anybody of an event after the events that were foreseen before; from now on
    /// this one has been. Until they fire, watches may be removed, and none may be set on a path of these events.
    pub fn foresee(&self, event: EventKind, path: &str, foreseen: &mut Foreseen) -> bool {
        let mut tells = false;
        if let Some(number) = self.paths.find(path) {
            let watched = self.paths.at(number);
            for kind in Kind::used_up_by(event) {
                tells |= !watched.watchers(*kind).is_nobody() && foreseen.used_up.insert((number, *kind));
            }
            tells |= !watched.watchers(Kind::Persistent).is_nobody();
        }
        if event != EventKind::ChildrenChanged && !tells {
            self.paths.recursive_over(path, |_| tells = true);
        }
        tells
    }

    /// Removes all watches of a connection that is gone.
    pub fn forget(&mut self, slot: u32) {
        for number in self.holdings.take(slot) {
            // The number may be that of a path that is gone, or of another that has the number now.
            if self.paths.get(number).is_some() && self.unwatch(&Kind::ALL, number, slot) {
                self.forget_unwatched(number);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.registrations == 0
    }

    /// How many pairs of path and connection there are, as ZooKeeper counts them: once for data and once for children.
    pub fn registrations(&self) -> usize {
        self.registrations
    }

    /// Removes the watches of these kinds from a path, and adds their slots to `told`, each once.
    fn use_up(&mut self, kinds: &[Kind], number: u32, told: &mut Vec<u32>) {
        let Watches { paths, crowds, holdings, registrations } = self;
        let watched = paths.at_mut(number);
        for kind in kinds {
            let first = told.len();
            crowds.take(watched.watchers_mut(*kind), told);
            *registrations -= told[first..].iter().filter(|slot| !stays(crowds, watched, **slot, *kind)).count();
        }
        told.retain(|slot| holdings.is_to_be_told(*slot));
        for slot in told {
            if !held(crowds, paths.at(number), *slot).any() {
                holdings.remove(*slot, |number| is_held(paths, crowds, number, *slot));
            }
        }
    }

    /// Removes one connection's watches from a path; `false` if there are none.
    fn unwatch(&mut self, kinds: &[Kind], number: u32, slot: u32) -> bool {
        let Watches { paths, crowds, registrations, .. } = self;
        let watched = paths.at_mut(number);
        let before = held(crowds, watched, slot);
        let mut removed = false;
        for kind in kinds {
            removed |= crowds.remove(watched.watchers_mut(*kind), slot);
        }
        let after = held(crowds, watched, slot);
        *registrations -= before.registrations() - after.registrations();
        let was_last = watched.watchers(Kind::Recursive).is_nobody();
        if before.has(Kind::Recursive) && !after.has(Kind::Recursive) && was_last {
            paths.remove_recursive(number);
        }
        removed
    }

    fn tell(&mut self, number: u32, kind: Kind, told: &mut Vec<u32>) {
        let Watches { paths, crowds, holdings, .. } = self;
        crowds.for_each(paths.at(number).watchers(kind), |slot| {
            if holdings.is_to_be_told(slot) {
                told.push(slot);
            }
        });
    }

    /// Forgets the path if nobody watches it any more.
    fn forget_unwatched(&mut self, number: u32) {
        if !self.paths.at(number).is_watched() {
            self.paths.remove(number);
        }
    }
}

fn held(crowds: &Crowds, path: &Path, slot: u32) -> Held {
    Held(Kind::ALL.map(|kind| crowds.contains(path.watchers(kind), slot)))
}

fn is_held(paths: &Paths, crowds: &Crowds, number: u32, slot: u32) -> bool {
    paths.get(number).is_some_and(|path| held(crowds, path, slot).any())
}

/// Whether a pair of path and connection still counts, for data or for children, when its watch of a one-shot kind is used
/// up.
fn stays(crowds: &Crowds, path: &Path, slot: u32, kind: Kind) -> bool {
    crowds.contains(path.watchers(Kind::Persistent), slot)
        || kind == Kind::Data && crowds.contains(path.watchers(Kind::Recursive), slot)
}

#[cfg(test)]
mod tests {
    use super::{EventKind, Kind, Watches};

    fn told(watches: &mut Watches, event: EventKind, path: &str) -> Vec<u32> {
        let mut told = vec![99];
        watches.trigger(event, path, &mut told);
        told.sort_unstable();
        told
    }

    #[test]
    fn trap_048_a_deletion_tells_each_connection_once() {
        let mut watches = Watches::default();
        watches.add(Kind::Data, "/a", 1);
        watches.add(Kind::Child, "/a", 1);
        watches.add(Kind::Child, "/a", 2);
        watches.add(Kind::Recursive, "/", 2);
        watches.add(Kind::Persistent, "/a", 2);
        assert_eq!(told(&mut watches, EventKind::Deleted, "/a"), [1, 2]);
        assert_eq!(watches.registrations(), 3, "the persistent one, in both tables, and the recursive one");
        assert_eq!(told(&mut watches, EventKind::Deleted, "/a"), [2]);
    }

    #[test]
    fn trap_052_recursive_watches_hear_of_no_children() {
        let mut watches = Watches::default();
        watches.add(Kind::Recursive, "/a", 1);
        watches.add(Kind::Recursive, "/", 2);
        assert_eq!(told(&mut watches, EventKind::ChildrenChanged, "/a"), [0; 0]);
        watches.add(Kind::Child, "/a", 1);
        assert_eq!(told(&mut watches, EventKind::ChildrenChanged, "/a"), [1]);
        assert_eq!(told(&mut watches, EventKind::ChildrenChanged, "/a"), [0; 0]);
        assert_eq!(told(&mut watches, EventKind::Created, "/a/b/c"), [1, 2]);
        assert_eq!(told(&mut watches, EventKind::DataChanged, "/ab"), [2]);
    }

    #[test]
    fn trap_053_a_persistent_watch_hears_of_everything_at_its_path() {
        let mut watches = Watches::default();
        watches.add(Kind::Persistent, "/a", 1);
        assert_eq!(watches.registrations(), 2);
        for event in [EventKind::Created, EventKind::DataChanged, EventKind::ChildrenChanged, EventKind::Deleted] {
            assert_eq!(told(&mut watches, event, "/a"), [1]);
            assert_eq!(told(&mut watches, event, "/a/b"), [0; 0]);
        }
    }

    #[test]
    fn trap_058_registrations_of_one_connection_collapse() {
        let mut watches = Watches::default();
        watches.add(Kind::Data, "/a", 1);
        watches.add(Kind::Data, "/a", 1);
        assert_eq!(watches.registrations(), 1);
        watches.add(Kind::Recursive, "/a", 1);
        assert_eq!(watches.registrations(), 1);
        assert_eq!(told(&mut watches, EventKind::DataChanged, "/a"), [1]);
        assert_eq!(watches.registrations(), 1, "the one-shot part is used up, the recursive one stays");
        assert_eq!(told(&mut watches, EventKind::DataChanged, "/a"), [1]);
    }

    #[test]
    fn trap_059_removal_goes_by_exact_path_and_kind() {
        let mut watches = Watches::default();
        watches.add(Kind::Data, "/a", 1);
        watches.add(Kind::Persistent, "/a", 1);
        assert!(!watches.remove(&[Kind::Child], "/a", 1));
        assert!(!watches.remove(&[Kind::Data], "/a", 2));
        assert!(!watches.remove(&[Kind::Data], "/a/", 1));
        assert!(watches.contains(&[Kind::Data], "/a", 1));
        assert!(watches.remove(&[Kind::Data], "/a", 1));
        assert!(!watches.contains(&[Kind::Data], "/a", 1));
        assert!(watches.remove(&Kind::ALL, "/a", 1));
        assert!(watches.is_empty());
    }

    #[test]
    fn the_tables_are_apart() {
        let mut watches = Watches::default();
        watches.add(Kind::Child, "/a", 1);
        assert_eq!(told(&mut watches, EventKind::DataChanged, "/a"), [0; 0]);
        assert_eq!(told(&mut watches, EventKind::ChildrenChanged, "/a"), [1]);
    }

    #[test]
    fn watches_go_with_their_connection() {
        let mut watches = Watches::default();
        watches.add(Kind::Data, "/a", 1);
        watches.add(Kind::Child, "/b", 1);
        watches.add(Kind::Data, "/a", 2);
        watches.forget(1);
        watches.forget(7);
        assert_eq!(watches.registrations(), 1);
        assert_eq!(told(&mut watches, EventKind::Created, "/a"), [2]);
    }
}
