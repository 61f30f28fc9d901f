//! The tables against a naive model of ZooKeeper's two: data and children, each (path, connection) to a set of modes.

use std::collections::{BTreeMap, BTreeSet};

use paddock_engine::event::EventKind;
use proptest::prelude::*;

use super::{Foreseen, Kind, Watches};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Mode {
    Standard,
    Persistent,
    Recursive,
}

#[derive(Clone, Default, Debug)]
struct Table(BTreeMap<(String, u32), BTreeSet<Mode>>);

impl Table {
    fn add(&mut self, path: &str, slot: u32, mode: Mode) {
        self.0.entry((path.into(), slot)).or_default().insert(mode);
    }

    fn remove(&mut self, path: &str, slot: u32, mode: Option<Mode>) -> bool {
        let key = (path.to_owned(), slot);
        let Some(modes) = self.0.get_mut(&key) else { return false };
        let removed = match mode {
            Some(mode) => modes.remove(&mode),
            None => !std::mem::take(modes).is_empty(),
        };
        if modes.is_empty() {
            self.0.remove(&key);
        }
        removed
    }

    fn has(&self, path: &str, slot: u32, mode: Option<Mode>) -> bool {
        let modes = self.0.get(&(path.to_owned(), slot));
        modes.is_some_and(|modes| mode.is_none_or(|mode| modes.contains(&mode)))
    }

    fn trigger(&mut self, path: &str) -> BTreeSet<u32> {
        let mut told = BTreeSet::new();
        self.0.retain(|(watched, slot), modes| {
            if watched == path {
                told.insert(*slot);
                modes.remove(&Mode::Standard);
            } else if modes.contains(&Mode::Recursive) && is_above(watched, path) {
                told.insert(*slot);
            }
            !modes.is_empty()
        });
        told
    }
}

fn is_above(ancestor: &str, path: &str) -> bool {
    ancestor == "/" || path.strip_prefix(ancestor).is_some_and(|rest| rest.starts_with('/') && !ancestor.is_empty())
}

#[derive(Default, Debug)]
struct Model {
    data: Table,
    child: Table,
}

impl Model {
    fn add(&mut self, kind: Kind, path: &str, slot: u32) {
        match kind {
            Kind::Data => self.data.add(path, slot, Mode::Standard),
            Kind::Child => self.child.add(path, slot, Mode::Standard),
            Kind::Recursive => self.data.add(path, slot, Mode::Recursive),
            Kind::Persistent => {
                self.data.add(path, slot, Mode::Persistent);
                self.child.add(path, slot, Mode::Persistent);
            }
        }
    }

    fn remove(&mut self, number: i32, path: &str, slot: u32) -> bool {
        match number {
            1 => self.child.remove(path, slot, Some(Mode::Standard)),
            2 => self.data.remove(path, slot, Some(Mode::Standard)),
            3 => self.child.remove(path, slot, None) | self.data.remove(path, slot, None),
            4 => {
                self.child.remove(path, slot, Some(Mode::Persistent))
                    | self.data.remove(path, slot, Some(Mode::Persistent))
            }
            _ => self.data.remove(path, slot, Some(Mode::Recursive)),
        }
    }

    fn contains(&self, number: i32, path: &str, slot: u32) -> bool {
        match number {
            1 => self.child.has(path, slot, Some(Mode::Standard)),
            2 => self.data.has(path, slot, Some(Mode::Standard)),
            3 => self.child.has(path, slot, None) || self.data.has(path, slot, None),
            4 => self.data.has(path, slot, Some(Mode::Persistent)),
            _ => self.data.has(path, slot, Some(Mode::Recursive)),
        }
    }

    fn trigger(&mut self, event: EventKind, path: &str) -> BTreeSet<u32> {
        match event {
            EventKind::ChildrenChanged => self.child.trigger(path),
            EventKind::Created | EventKind::DataChanged => self.data.trigger(path),
            EventKind::Deleted => &self.data.trigger(path) | &self.child.trigger(path),
        }
    }

    fn forget(&mut self, slot: u32) {
        self.data.0.retain(|(_, watcher), _| *watcher != slot);
        self.child.0.retain(|(_, watcher), _| *watcher != slot);
    }

    fn registrations(&self) -> usize {
        self.data.0.len() + self.child.0.len()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(Kind, &'static str, u32),
    /// Every connection of the first so many, so that crowds form.
    AddAll(Kind, &'static str, u32),
    Remove(i32, &'static str, u32),
    Trigger(EventKind, &'static str),
    Forget(u32),
    ForgetAll(u32),
}

const PATHS: [&str; 8] = ["/", "/a", "/a/b", "/a/b/c", "/ab", "/a/", "", "a"];
const EVENT_PATHS: [&str; 6] = ["/a", "/a/b", "/a/b/c", "/ab", "/ab/c", "/"];
const EVENTS: [EventKind; 4] =
    [EventKind::Created, EventKind::Deleted, EventKind::DataChanged, EventKind::ChildrenChanged];
const SLOTS: u32 = 40;

fn step() -> impl Strategy<Value = Step> {
    let kind = || prop::sample::select(&Kind::ALL[..]);
    let path = || prop::sample::select(&PATHS[..]);
    prop_oneof![
        6 => (kind(), path(), 0..SLOTS).prop_map(|(kind, path, slot)| Step::Add(kind, path, slot)),
        1 => (kind(), path(), 0..SLOTS).prop_map(|(kind, path, count)| Step::AddAll(kind, path, count)),
        3 => (1..=5, path(), 0..SLOTS).prop_map(|(number, path, slot)| Step::Remove(number, path, slot)),
        4 => (prop::sample::select(&EVENTS[..]), prop::sample::select(&EVENT_PATHS[..]))
            .prop_map(|(event, path)| Step::Trigger(event, path)),
        2 => (0..SLOTS).prop_map(Step::Forget),
        1 => (0..SLOTS).prop_map(Step::ForgetAll),
    ]
}

fn take(step: Step, watches: &mut Watches, model: &mut Model) -> Result<(), TestCaseError> {
    match step {
        Step::Add(kind, path, slot) => {
            watches.add(kind, path, slot);
            model.add(kind, path, slot);
        }
        Step::AddAll(kind, path, count) => {
            for slot in 0..count {
                watches.add(kind, path, slot);
                model.add(kind, path, slot);
            }
        }
        Step::Remove(number, path, slot) => {
            let kinds = Kind::of_type(number).expect("1 to 5 are types");
            prop_assert_eq!(watches.contains(kinds, path, slot), model.contains(number, path, slot));
            prop_assert_eq!(watches.remove(kinds, path, slot), model.remove(number, path, slot));
        }
        Step::Trigger(event, path) => {
            let mut told = Vec::new();
            let foreseen = watches.foresee(event, path, &mut Foreseen::default());
            watches.trigger(event, path, &mut told);
            told.sort_unstable();
            prop_assert_eq!(foreseen, !told.is_empty(), "{:?} {} told {:?}", event, path, told);
            prop_assert_eq!(told, model.trigger(event, path).into_iter().collect::<Vec<u32>>());
        }
        Step::Forget(slot) => {
            watches.forget(slot);
            model.forget(slot);
        }
        Step::ForgetAll(count) => {
            for slot in 0..count {
                watches.forget(slot);
                model.forget(slot);
            }
        }
    }
    prop_assert_eq!(watches.registrations(), model.registrations());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_tables_do_what_zookeepers_do(steps in prop::collection::vec(step(), 1..200)) {
        let (mut watches, mut model) = (Watches::default(), Model::default());
        for step in steps {
            take(step, &mut watches, &mut model)?;
        }
        for slot in 0..SLOTS {
            watches.forget(slot);
        }
        prop_assert!(watches.is_empty());
        prop_assert_eq!(watches.paths.len(), 0);
    }

    /// Of the events that are not foreseen to tell anybody, nobody would have been told; all else is told as ever.
    #[test]
    fn what_is_foreseen_is_all_that_is_told(
        steps in prop::collection::vec(step(), 1..100),
        events in prop::collection::vec((prop::sample::select(&EVENTS[..]), prop::sample::select(&EVENT_PATHS[..])), 1..30),
        gone in 0..SLOTS,
    ) {
        let (mut watches, mut model) = (Watches::default(), Model::default());
        for step in steps {
            take(step, &mut watches, &mut model)?;
        }
        let mut foreseen = Foreseen::default();
        let tells: Vec<bool> =
            events.iter().map(|(event, path)| watches.foresee(*event, path, &mut foreseen)).collect();
        // One that is gone meanwhile is told nothing, and the others as much.
        watches.forget(gone);
        model.forget(gone);
        for ((event, path), tells) in events.into_iter().zip(tells) {
            let expected = model.trigger(event, path);
            let mut told = Vec::new();
            if tells {
                watches.trigger(event, path, &mut told);
                told.sort_unstable();
            }
            prop_assert_eq!(told, expected.into_iter().collect::<Vec<u32>>());
        }
    }
}
