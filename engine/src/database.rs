//! The replicated state: the tree, the sessions, and which ephemerals are whose.
//!
//! There is one writer. [`order`](crate::order) turns a client's operation into a transaction against the newest state, the
//! *head*, and [`apply`](crate::apply) changes the head by it. Both are pure: time and zxid are arguments.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use paddock_consensus::Zxid;

use crate::acl::{AclTable, Authority, Entry, Id, perms};
use crate::container::ContainerIndex;
use crate::quota::{Difference, ExceededQuota, QuotaIndex, QuotaSums, SubtreeCount, Usage};
use crate::stat::Stat;
use crate::tree::{ExtendedTypes, HashSeed, NewZnode, OwnerKind, Tree, owner_kind};

/// The znode in which clients read who belongs to the ensemble.
pub const CONFIG_PATH: &str = "/zookeeper/config";
/// The znodes that cannot be deleted.
pub const RESERVED: [&str; 4] = ["/", "/zookeeper", "/zookeeper/quota", CONFIG_PATH];

/// What the configuration says about writes.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub authority: Authority,
    /// Whether and how znodes may have a time to live.
    pub extended_types: ExtendedTypes,
    /// Whether clients may change the ensemble.
    pub reconfig_enabled: bool,
    /// Whether writes that exceed a hard quota are refused.
    pub enforce_quota: bool,
}

/// The replicated state and the rules by which it is changed.
pub struct Database {
    pub(crate) tree: Tree,
    /// Timeouts by session, ms.
    pub(crate) sessions: BTreeMap<i64, i32>,
    pub(crate) ephemerals: HashMap<i64, BTreeSet<Box<str>>>,
    ephemeral_count: usize,
    pub(crate) containers: ContainerIndex,
    pub(crate) quotas: QuotaIndex,
    pub(crate) exceeded_quota: Option<ExceededQuota>,
    pub(crate) acls: AclTable,
    pub(crate) last_zxid: Zxid,
    pub(crate) rules: Rules,
}

impl Database {
    /// The state of a fresh server.
    pub fn new(seed: HashSeed, rules: Rules) -> Database {
        let tree = Tree::new(seed, rules.extended_types);
        let acls = AclTable::default();
        let mut database = Database::assemble(tree, BTreeMap::new(), Vec::new(), acls, Zxid::ZERO, rules);
        database.install_reserved();
        database
    }

    /// Puts in those of the reserved znodes that are missing: all of a fresh server's, and what the state of an old one
    /// does not have.
    pub(crate) fn install_reserved(&mut self) {
        let entry = Entry { perms: perms::READ, id: Id { scheme: "world".into(), id: "anyone".into() } };
        for path in RESERVED {
            if self.tree.get(path).is_some() {
                continue;
            }
            let is_config = path == CONFIG_PATH;
            self.tree.install(NewZnode {
                path,
                data: Some(b""),
                acl: if is_config { self.acls.intern(vec![entry.clone()]) } else { None },
                stat: Stat { aversion: if is_config { -1 } else { 0 }, ..Stat::default() },
            });
        }
    }

    /// The state that a snapshot holds; `owners` are those of all znodes that have one, with their paths.
    pub fn assemble(
        tree: Tree,
        sessions: BTreeMap<i64, i32>,
        owners: Vec<(i64, String)>,
        acls: AclTable,
        last_zxid: Zxid,
        rules: Rules,
    ) -> Database {
        let quotas = QuotaIndex::of(&tree);
        let extended_types = rules.extended_types;
        let mut database = Database {
            tree,
            sessions,
            ephemerals: HashMap::new(),
            ephemeral_count: 0,
            containers: ContainerIndex::default(),
            quotas,
            exceeded_quota: None,
            acls,
            last_zxid,
            rules,
        };
        for (owner, path) in owners {
            match owner_kind(owner, extended_types) {
                OwnerKind::Persistent => {}
                OwnerKind::Ephemeral => database.add_ephemeral(owner, &path),
                kind => database.containers.note(kind, &path),
            }
        }
        database
    }

    /// The tree's newest state. Readers have their own views of it.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The tree alone, for whoever only looks at it.
    pub fn into_tree(self) -> Tree {
        self.tree
    }

    /// Shows the configuration with which a member of an ensemble begins: `text` in the data of [`CONFIG_PATH`], and as its
    /// mzxid `version`, the transaction that made the configuration. There is no transaction for this: each server writes what
    /// it was told itself, after it has recovered a state or was sent one, and the digest of the tree leaves it out. Every
    /// server writes the same: ZooKeeper's mtime, the time of each server's own clock, is left at 0.
    ///
    /// The znode has version -1 in its Stat, as a reconfiguration leaves it.
    pub fn show_config(&mut self, text: &str, version: Zxid) {
        self.install_reserved();
        let changed = self.tree.set_data(CONFIG_PATH, Some(text.as_bytes()), -1, version.0, 0);
        let (_, before) = changed.expect("it is installed");
        self.charge(CONFIG_PATH, Difference::rewriting(before, text.len()));
    }

    /// For sealing and publishing versions; changes go through transactions.
    pub fn tree_mut(&mut self) -> &mut Tree {
        &mut self.tree
    }

    /// The newest transaction applied to the head.
    pub fn last_zxid(&self) -> Zxid {
        self.last_zxid
    }

    /// The timeout of a living session, ms.
    pub fn session_timeout(&self, session: i64) -> Option<i32> {
        self.sessions.get(&session).copied()
    }

    /// Every living session with its timeout, ms.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = (i64, i32)> + '_ {
        self.sessions.iter().map(|(&session, &timeout)| (session, timeout))
    }

    /// Likewise those with a greater id, in the order of their ids; all without one.
    pub fn sessions_after(&self, session: Option<i64>) -> impl Iterator<Item = (i64, i32)> + '_ {
        let from = session.map_or(Bound::Unbounded, Bound::Excluded);
        self.sessions.range((from, Bound::Unbounded)).map(|(&session, &timeout)| (session, timeout))
    }

    /// How many znodes are ephemeral.
    pub fn ephemeral_count(&self) -> usize {
        self.ephemeral_count
    }

    /// The ephemerals of one session, in the order of their paths.
    pub fn ephemerals_of(&self, session: i64) -> impl Iterator<Item = &str> {
        self.ephemerals.get(&session).into_iter().flatten().map(|path| &**path)
    }

    /// Likewise those behind a path; all without one.
    pub fn ephemerals_after<'d>(&'d self, session: i64, path: Option<&'d str>) -> impl Iterator<Item = &'d str> {
        let from = path.map_or(Bound::Unbounded, Bound::Excluded);
        let paths = self.ephemerals.get(&session).into_iter();
        paths.flat_map(move |paths| paths.range::<str, _>((from, Bound::Unbounded))).map(|path| &**path)
    }

    /// How many they are.
    pub fn ephemeral_count_of(&self, session: i64) -> usize {
        self.ephemerals.get(&session).map_or(0, |paths| paths.len())
    }

    /// Those of them whose paths begin with this text; all for a blank one or the root.
    pub fn ephemerals_with_prefix<'d>(&'d self, session: i64, prefix: &'d str) -> impl Iterator<Item = &'d str> {
        let is_blank = matches!(prefix.trim_matches(|c| c <= ' '), "" | "/");
        self.ephemerals_of(session).filter(move |path| is_blank || path.starts_with(prefix))
    }

    /// The paths of the containers and TTL znodes of the head.
    pub fn containers(&self) -> &ContainerIndex {
        &self.containers
    }

    /// A limit that a write has met since this was asked last. Others met meanwhile are not told.
    pub fn take_exceeded_quota(&mut self) -> Option<ExceededQuota> {
        self.exceeded_quota.take()
    }

    /// Whether there are quotas.
    pub fn has_quotas(&self) -> bool {
        !self.quotas.is_empty()
    }

    /// The quotas of the head by the first name of their paths, of no more paths than `max`.
    pub fn quota_sums(&self, max: usize) -> Vec<QuotaSums> {
        self.quotas.sums(&self.tree, max)
    }

    /// What has to be counted before this znode is created.
    pub(crate) fn count_before_creation(&self, path: &str) -> Option<SubtreeCount> {
        SubtreeCount::before_creation(self.tree.head(), path)
    }

    /// The same, all of it now.
    pub(crate) fn count_at_once(&self, path: &str) -> Option<Usage> {
        self.count_before_creation(path)?.go_on(self.tree.head(), &mut { usize::MAX })
    }

    /// Counts anew what every quota that has a stats znode is about.
    pub(crate) fn recount_quotas(&mut self) {
        self.quotas.recount(&mut self.tree);
    }

    /// Accounts for a znode that was just created. `counted` is what was counted before.
    pub(crate) fn charge_creation(&mut self, path: &str, bytes: usize, counted: Option<Usage>) {
        self.quotas.charge_creation(&mut self.tree, path, bytes, counted);
    }

    /// Accounts for a znode that was just deleted.
    pub(crate) fn charge_deletion(&mut self, path: &str, bytes: usize) {
        self.quotas.charge_deletion(&mut self.tree, path, bytes);
    }

    /// Accounts for data that was just changed.
    pub(crate) fn charge(&mut self, path: &str, difference: Difference) {
        self.quotas.charge(&mut self.tree, path, difference);
    }

    pub(crate) fn add_ephemeral(&mut self, session: i64, path: &str) {
        let is_new = self.ephemerals.entry(session).or_default().insert(path.into());
        self.ephemeral_count += usize::from(is_new);
    }

    /// Takes the first of the session's ephemerals from what it owns.
    pub(crate) fn pop_ephemeral(&mut self, session: i64) -> Option<Box<str>> {
        let paths = self.ephemerals.get_mut(&session)?;
        let path = paths.pop_first()?;
        self.ephemeral_count -= 1;
        if paths.is_empty() {
            self.ephemerals.remove(&session);
        }
        Some(path)
    }

    pub(crate) fn remove_ephemeral(&mut self, session: i64, path: &str) {
        if let Some(paths) = self.ephemerals.get_mut(&session) {
            self.ephemeral_count -= usize::from(paths.remove(path));
            if paths.is_empty() {
                self.ephemerals.remove(&session);
            }
        }
    }
}
