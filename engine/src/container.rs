//! Containers and znodes with a time to live: what goes away by itself.
//!
//! The [`ContainerManager`] walks the index of them, pass after pass, and gives a deletion for each that qualifies:
//!
//! | znode | qualifies when it has no children, and |
//! |---|---|
//! | container | it had one, or, where that is configured, it is old enough without ever having had one |
//! | TTL | it is older than its time to live |
//!
//! Age counts from mtime: writing data renews it, children do not. A deletion is decided on the head at the moment it is
//! proposed, so that it cannot fail, and a child that was created just before saves its parent. A parent's path sorts
//! before its children's, so nested containers go one level a pass, as ZooKeeper's do.
//!
//! Invariant: the index holds exactly the containers and TTL znodes of the head. Ordinary znodes cost nothing.
//!
//! The manager knows no clock: the monotonic one, which paces it, and the wall clock, against which mtime stands, are
//! arguments. It looks at a bounded number of znodes a turn, and deletes no faster than it is told.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Bound;

use crate::tree::{OwnerKind, Tree, Znode};
use crate::txn::Txn;

/// Znodes that the manager looks at in one turn.
pub const LOOKS_PER_TURN: usize = 256;
const MINUTE_MS: u64 = 60_000;

/// The paths of all containers and TTL znodes.
#[derive(Debug, Default)]
pub struct ContainerIndex {
    paths: BTreeSet<Box<str>>,
}

impl ContainerIndex {
    pub(crate) fn note(&mut self, kind: OwnerKind, path: &str) {
        if is_indexed(kind) {
            self.paths.insert(path.into());
        }
    }

    pub(crate) fn forget(&mut self, kind: OwnerKind, path: &str) {
        if is_indexed(kind) {
            self.paths.remove(path);
        }
    }

    fn after(&self, path: &str) -> Option<&str> {
        let rest = (Bound::Excluded(path), Bound::Unbounded);
        self.paths.range::<str, _>(rest).next().map(|path| &**path)
    }
}

fn is_indexed(kind: OwnerKind) -> bool {
    matches!(kind, OwnerKind::Container | OwnerKind::Ttl(_))
}

/// How often and how fast the manager works, and what it spares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContainerSettings {
    /// From the begin of a pass to that of the next, ms.
    pub check_interval_ms: u64,
    /// Deletions are at least a minute divided by this apart, in whole milliseconds.
    pub max_per_minute: u32,
    /// A container older than this goes even if it never had a child, ms. `None`: it is kept.
    pub max_never_used_ms: Option<i64>,
}

/// Decides which containers and TTL znodes are deleted when.
#[derive(Debug)]
pub struct ContainerManager {
    settings: ContainerSettings,
    /// While a pass runs: the path it has come to. No znode has the empty path.
    at: Option<String>,
    /// On the monotonic clock, ms.
    next_pass: u64,
    next_delete: u64,
}

impl ContainerManager {
    /// The first pass begins one interval after `now_ms`.
    pub fn new(settings: ContainerSettings, now_ms: u64) -> ContainerManager {
        let next_pass = now_ms.saturating_add(settings.check_interval_ms);
        ContainerManager { settings, at: None, next_pass, next_delete: now_ms }
    }

    /// When [`ContainerManager::next`] may have something to do, on the monotonic clock, ms.
    pub fn next_due(&self) -> u64 {
        if self.at.is_some() { self.next_delete } else { self.next_pass }
    }

    /// The next deletion, to be proposed before this is called again. Takes from `looks` what it looked at, and ends
    /// when there is nothing left of it.
    pub fn next(
        &mut self,
        tree: &Tree,
        index: &ContainerIndex,
        now_ms: u64,
        wall_ms: i64,
        looks: &mut usize,
    ) -> Option<Txn<'static>> {
        if self.at.is_none() && now_ms >= self.next_pass {
            self.at = Some(String::new());
            let interval = self.settings.check_interval_ms;
            self.next_pass = (self.next_pass + interval).max(now_ms.saturating_add(1));
        }
        let at = self.at.as_mut()?;
        while now_ms >= self.next_delete && *looks > 0 {
            let Some(path) = index.after(at) else {
                self.at = None;
                return None;
            };
            *looks -= 1;
            at.clear();
            at.push_str(path);
            if tree.get(path).is_some_and(|znode| self.settings.is_due(&znode, wall_ms)) {
                self.next_delete = now_ms + MINUTE_MS / u64::from(self.settings.max_per_minute.max(1));
                return Some(Txn::DeleteContainer { path: Cow::Owned(path.to_owned()) });
            }
        }
        None
    }
}

impl ContainerSettings {
    fn is_due(&self, znode: &Znode<'_>, wall_ms: i64) -> bool {
        let stat = znode.stat();
        let age = wall_ms.saturating_sub(stat.mtime);
        let old_enough = match znode.owner_kind() {
            OwnerKind::Container => stat.cversion > 0 || self.max_never_used_ms.is_some_and(|max| age > max),
            // A TTL of 0 can only come from an owner that another server wrote; ZooKeeper keeps such znodes too.
            OwnerKind::Ttl(ttl) => ttl != 0 && age > ttl,
            OwnerKind::Persistent | OwnerKind::Ephemeral => false,
        };
        old_enough && znode.num_children() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{ContainerManager, ContainerSettings, LOOKS_PER_TURN};
    use crate::database::{Database, Rules};
    use crate::tree::{ExtendedTypes, HashSeed};
    use crate::txn::{CreateKind, Txn, TxnHeader};

    const SETTINGS: ContainerSettings =
        ContainerSettings { check_interval_ms: 100, max_per_minute: 60_000, max_never_used_ms: None };

    struct World {
        database: Database,
        wall_ms: i64,
    }

    impl World {
        fn new() -> World {
            let database =
                Database::new(HashSeed([7; 16]), Rules { extended_types: ExtendedTypes::On, ..Rules::default() });
            World { database, wall_ms: 1_000_000 }
        }

        fn apply(&mut self, txn: &Txn<'_>) {
            let zxid = self.database.last_zxid().next().unwrap().0;
            let header = TxnHeader { client: 0, cxid: 0, zxid, time: self.wall_ms };
            self.database.apply(&header, txn, None);
        }

        fn create(&mut self, path: &str, kind: CreateKind) {
            self.apply(&Txn::Create { kind, path: path.into(), data: None, acl: None, parent_cversion: -1 });
        }

        fn plain(&mut self, path: &str) {
            self.create(path, CreateKind::Plain { opcode: 1, ephemeral: false });
        }

        fn delete(&mut self, path: &str) {
            self.apply(&Txn::Delete { path: path.into() });
        }

        fn used_container(&mut self, path: &str) {
            self.create(path, CreateKind::Container);
            self.plain(&format!("{path}/child"));
            self.delete(&format!("{path}/child"));
        }

        /// What one turn deletes.
        fn turn(&mut self, manager: &mut ContainerManager, now_ms: u64) -> Vec<String> {
            let (mut looks, mut deleted) = (LOOKS_PER_TURN, Vec::new());
            loop {
                let (tree, index) = (self.database.tree(), self.database.containers());
                let Some(txn) = manager.next(tree, index, now_ms, self.wall_ms, &mut looks) else { break };
                self.apply(&txn);
                let Txn::DeleteContainer { path } = txn else { panic!("{txn:?}") };
                assert!(self.database.tree().get(&path).is_none());
                deleted.push(path.into_owned());
            }
            deleted
        }

        /// What turns delete until the pass has ended that begins at `now_ms`.
        fn pass(&mut self, manager: &mut ContainerManager, mut now_ms: u64) -> Vec<String> {
            let mut deleted = self.turn(manager, now_ms);
            while manager.at.is_some() {
                now_ms += 1;
                deleted.extend(self.turn(manager, now_ms));
            }
            deleted
        }
    }

    #[test]
    fn trap_092_a_container_that_never_had_a_child_is_spared() {
        let mut world = World::new();
        world.create("/unused", CreateKind::Container);
        world.used_container("/used");
        let mut manager = ContainerManager::new(SETTINGS, 0);
        assert_eq!(world.turn(&mut manager, 99), [""; 0], "before the first interval is over");
        assert_eq!(world.pass(&mut manager, 100), ["/used"]);
        world.wall_ms += 1 << 40;
        assert_eq!(world.pass(&mut manager, 200), [""; 0]);

        let mut strict = ContainerManager::new(ContainerSettings { max_never_used_ms: Some(5), ..SETTINGS }, 0);
        world.create("/younger", CreateKind::Container);
        world.wall_ms += 5;
        assert_eq!(world.pass(&mut strict, 100), ["/unused"]);
        world.wall_ms += 1;
        assert_eq!(world.pass(&mut strict, 200), ["/younger"]);
    }

    #[test]
    fn trap_091_age_counts_from_the_last_write_of_data() {
        let mut world = World::new();
        world.create("/t", CreateKind::Ttl(50));
        let mut manager = ContainerManager::new(SETTINGS, 0);
        world.wall_ms += 40;
        world.apply(&Txn::SetData { path: "/t".into(), data: None, version: 1 });
        world.wall_ms += 50;
        assert_eq!(world.pass(&mut manager, 100), [""; 0], "it is not older than its time");
        world.plain("/t/child");
        world.wall_ms += 50;
        assert_eq!(world.pass(&mut manager, 200), [""; 0], "it has a child");
        world.delete("/t/child");
        assert_eq!(world.pass(&mut manager, 300), ["/t"], "the child has not renewed it");
    }

    #[test]
    fn trap_093_a_child_created_in_between_saves_the_container() {
        let mut world = World::new();
        world.used_container("/a");
        world.used_container("/b");
        let mut manager = ContainerManager::new(ContainerSettings { max_per_minute: 60, ..SETTINGS }, 0);
        assert_eq!(world.turn(&mut manager, 100), ["/a"]);
        assert_eq!(manager.next_due(), 1100, "60 a minute are a second apart");
        world.plain("/b/child");
        let before = world.database.last_zxid();
        assert_eq!(world.pass(&mut manager, 1100), [""; 0]);
        assert_eq!(world.database.last_zxid(), before, "nothing is spent on what does not happen");
    }

    #[test]
    fn nested_containers_go_one_level_a_pass() {
        let mut world = World::new();
        world.create("/a", CreateKind::Container);
        world.create("/a/b", CreateKind::Container);
        world.used_container("/a/b/c");
        let mut manager = ContainerManager::new(SETTINGS, 0);
        assert_eq!(world.pass(&mut manager, 100), ["/a/b/c"]);
        assert_eq!(world.pass(&mut manager, 200), ["/a/b"]);
        assert_eq!(world.pass(&mut manager, 300), ["/a"]);
        assert!(world.database.containers.paths.is_empty());
    }

    #[test]
    fn a_turn_looks_at_a_bounded_number_and_the_next_goes_on() {
        let mut world = World::new();
        for i in 0..=LOOKS_PER_TURN {
            world.create(&format!("/{i:05}"), CreateKind::Ttl(1_000_000));
        }
        world.used_container("/z");
        let mut manager = ContainerManager::new(SETTINGS, 0);
        assert_eq!(world.turn(&mut manager, 100), [""; 0]);
        assert!(manager.next_due() <= 100, "it wants to go on at once");
        assert_eq!(world.turn(&mut manager, 100), ["/z"]);
        assert_eq!(world.turn(&mut manager, 101), [""; 0]);
        assert_eq!(manager.next_due(), 200);
    }

    #[test]
    fn only_containers_and_ttl_znodes_are_indexed() {
        let mut world = World::new();
        world.plain("/p");
        world.apply(&Txn::CreateSession { timeout: 1 });
        world.create("/e", CreateKind::Plain { opcode: 1, ephemeral: true });
        assert!(world.database.containers.paths.is_empty());
        world.create("/c", CreateKind::Container);
        world.create("/t", CreateKind::Ttl(1));
        assert_eq!(world.database.containers.paths.len(), 2);
        world.delete("/c");
        world.delete("/t");
        assert!(world.database.containers.paths.is_empty());
    }
}
