//! Quotas: how many znodes and how many bytes of data there may be below a path.
//!
//! A quota on `/p` is two znodes below `/zookeeper/quota/p`: `zookeeper_limits`, which an operator writes, and
//! `zookeeper_stats`, whose data the server keeps at the present usage. Both hold a text, [`Usage`]. There is a quota as
//! long as there is a limits znode.
//!
//! **Accounting** is a part of applying a transaction, the same everywhere: creations, deletions and changes of data are
//! added to the stats of the deepest quota above the path, and to no other. A stats znode that is created starts with
//! the usage counted anew, of the whole subtree. Stats change without a zxid, version or event of their own, and the
//! tree's digest leaves out everything below `/zookeeper`.
//!
//! **Enforcement** is a part of preparing a write, and only where `zookeeper.enforceQuota` says so. It looks at the
//! head, and in a multi also at what earlier members will use.
//!
//! Costs: nothing while there is no quota. With quotas, a search in an ordered set for each level of the path that
//! another quota lies beside, and for a write below a quota the change of one more znode. The creation of a stats znode
//! visits the whole subtree, at once or in steps: [`SubtreeCount`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::ops::Bound;

use crate::error::Code;
use crate::jute::Reader;
use crate::path;
use crate::tree::{Tree, View, Znode};

const QUOTAS: &str = "/zookeeper/quota";
const LIMITS: &str = "/zookeeper_limits";
const STATS: &str = "/zookeeper_stats";
/// Longer texts mean nothing, bytes: no client's tool writes one, and each write below a quota reads it.
const TEXT_MAX: usize = 1024;
/// What is kept of a path for a log line, bytes.
const SHOWN_PATH_MAX: usize = 256;

/// What the znodes of a quota say. -1 is what is not said: no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Usage {
    count: i64,
    bytes: i64,
    count_hard_limit: Option<i64>,
    byte_hard_limit: Option<i64>,
}

impl Usage {
    fn new(count: i64, bytes: i64) -> Usage {
        Usage { count, bytes, count_hard_limit: None, byte_hard_limit: None }
    }

    /// Whatever cannot be understood is not said.
    fn of(znode: Znode<'_>) -> Usage {
        let data = znode.data().filter(|data| data.len() <= TEXT_MAX);
        Usage::parse(data.and_then(|data| std::str::from_utf8(data).ok()).unwrap_or_default())
    }

    fn parse(text: &str) -> Usage {
        let mut usage = Usage::new(-1, -1);
        for pair in text.split([',', ';']) {
            let mut parts = pair.split('=');
            let (Some(key), Some(value)) = (parts.next(), parts.next()) else { continue };
            let value = if value.is_empty() { Ok(-1) } else { value.parse() };
            match (key, value) {
                ("count", Ok(value)) => usage.count = value,
                ("bytes", Ok(value)) => usage.bytes = value,
                ("countHardLimit", Ok(value)) => usage.count_hard_limit = Some(value),
                ("byteHardLimit", Ok(value)) => usage.byte_hard_limit = Some(value),
                _ => {}
            }
        }
        usage
    }

    /// The form that ZooKeeper's oldest parser can read too: hence the odd `=` before further keys.
    fn text(&self) -> String {
        let mut text = format!("count={},bytes={}", self.count, self.bytes);
        let further = [("byteHardLimit", self.byte_hard_limit), ("countHardLimit", self.count_hard_limit)];
        if further.iter().any(|(_, value)| value.is_some()) {
            text.push('=');
        }
        for (key, value) in further {
            if let Some(value) = value {
                write!(text, ";{key}={value}").expect("a String takes everything");
            }
        }
        text
    }

    fn plus(self, difference: Difference) -> Usage {
        Usage {
            count: self.count.wrapping_add(difference.count),
            bytes: self.bytes.wrapping_add(difference.bytes),
            ..self
        }
    }
}

/// What a write adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Difference {
    pub(crate) count: i64,
    pub(crate) bytes: i64,
}

impl Difference {
    /// What a znode makes.
    fn of(znode: Znode<'_>) -> Difference {
        Difference::creation(znode.data().map_or(0, <[u8]>::len))
    }

    pub(crate) fn creation(bytes: usize) -> Difference {
        Difference { count: 1, bytes: bytes as i64 }
    }

    pub(crate) fn deletion(bytes: usize) -> Difference {
        Difference { count: -1, bytes: -(bytes as i64) }
    }

    pub(crate) fn rewriting(before: usize, after: usize) -> Difference {
        Difference { count: 0, bytes: after as i64 - before as i64 }
    }

    pub(crate) fn add(&mut self, other: Difference) {
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

/// The paths that have a quota: `/p` for each znode `/zookeeper/quota/p/zookeeper_limits`.
#[derive(Debug, Default)]
pub(crate) struct QuotaIndex {
    prefixes: BTreeSet<Box<str>>,
}

impl QuotaIndex {
    /// The deepest quota on the path or above it.
    ///
    /// In the order of bytes, whatever lies between a prefix of a text and the text begins with that prefix. So if the
    /// greatest quota that is not behind the path is none above it, any that is above it is among the levels that the
    /// two have in common.
    pub(crate) fn deepest(&self, path: &str) -> Option<&str> {
        let mut end = path;
        while !end.is_empty() {
            let found = self.prefixes.range::<str, _>((Bound::Unbounded, Bound::Included(end))).next_back()?;
            let common = common_level(end, found);
            if common == found.len() {
                return Some(found);
            }
            end = &end[..common];
        }
        None
    }

    /// All limits znodes, from the tree.
    pub(crate) fn of(tree: &Tree) -> QuotaIndex {
        let mut index = QuotaIndex::default();
        Walk::below(QUOTAS).go_on(tree.head(), &mut { usize::MAX }, |znode| index.note(znode.path()));
        index
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// The quotas of all paths with the same first name, added up: of no more paths than `max`.
    pub(crate) fn sums(&self, tree: &Tree, max: usize) -> Vec<QuotaSums> {
        let mut by_namespace: BTreeMap<&str, QuotaSums> = BTreeMap::new();
        for prefix in self.prefixes.iter().take(max) {
            let namespace = prefix[1..].split('/').next().unwrap_or_default();
            let sums = by_namespace.entry(namespace).or_insert_with(|| QuotaSums::of(namespace));
            if let Some(limits) = usage_at(tree, prefix, LIMITS) {
                let limit = |hard: Option<i64>, soft: i64| hard.filter(|hard| *hard > -1).unwrap_or(soft);
                sums.count_limit = sums.count_limit.saturating_add(limit(limits.count_hard_limit, limits.count));
                sums.bytes_limit = sums.bytes_limit.saturating_add(limit(limits.byte_hard_limit, limits.bytes));
            }
            if let Some(used) = usage_at(tree, prefix, STATS) {
                sums.count_usage = sums.count_usage.saturating_add(used.count);
                sums.bytes_usage = sums.bytes_usage.saturating_add(used.bytes);
            }
        }
        by_namespace.into_values().collect()
    }

    fn note(&mut self, path: &str) {
        if let Some(prefix) = prefix_of(path, LIMITS) {
            self.prefixes.insert(prefix.into());
        }
    }

    fn forget(&mut self, path: &str) {
        if let Some(prefix) = prefix_of(path, LIMITS) {
            self.prefixes.remove(prefix);
        }
    }
}

/// The quotas of one namespace. A limit that is not said counts as -1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuotaSums {
    /// The first name of their paths.
    pub namespace: String,
    pub count_limit: i64,
    pub bytes_limit: i64,
    pub count_usage: i64,
    pub bytes_usage: i64,
}

impl QuotaSums {
    fn of(namespace: &str) -> QuotaSums {
        QuotaSums { namespace: namespace.to_owned(), count_limit: 0, bytes_limit: 0, count_usage: 0, bytes_usage: 0 }
    }
}

/// Bytes of the deepest of `path` and the paths above it with which `other` begins.
fn common_level(path: &str, other: &str) -> usize {
    let common = path.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let is_level = matches!(path.as_bytes().get(common), None | Some(b'/'));
    // A slash is no part of a longer character, so that this cut is one between characters too.
    if is_level { common } else { path.as_bytes()[..common].iter().rposition(|byte| *byte == b'/').unwrap_or(0) }
}

/// The path that the znode of a quota is about. There is no quota on the root.
fn prefix_of<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    path.strip_prefix(QUOTAS)?.strip_suffix(name).filter(|prefix| prefix.starts_with('/'))
}

/// Whether a quota on `prefix` counts this path too: the znodes of a quota on `/zookeeper` are among those it counts.
fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
}

fn usage_at(tree: &Tree, prefix: &str, name: &str) -> Option<Usage> {
    tree.get(&format!("{QUOTAS}{prefix}{name}")).map(Usage::of)
}

/// A walk through all znodes below one, in steps. The tree must not change from one to the next. Between them it holds
/// the paths of the parents that it has met and not come to yet.
#[derive(Debug)]
struct Walk {
    /// The znode whose children are visited, and the last name of the pages that are done.
    parent: Box<str>,
    done: Option<Box<str>>,
    /// Others that have children.
    parents: Vec<Box<str>>,
}

impl Walk {
    fn below(top: &str) -> Walk {
        Walk { parent: top.into(), done: None, parents: Vec::new() }
    }

    /// Calls `visit` with one znode for each of the `steps`, and no more than a page of names beyond them. Whether that
    /// was all.
    fn go_on<'t>(&mut self, view: View<'t>, steps: &mut usize, mut visit: impl FnMut(Znode<'t>)) -> bool {
        loop {
            let mut last = None;
            let pages = view.get(&self.parent).map(|parent| view.child_pages_after(parent, self.done.as_deref()));
            for page in pages.into_iter().flatten() {
                if *steps == 0 {
                    if let Some(last) = last {
                        let (_, name) = path::split(last).expect("a child has a parent");
                        self.done = Some(name.into());
                    }
                    return false;
                }
                for child in children_in(page, &self.parent, view) {
                    visit(child);
                    *steps = steps.saturating_sub(1);
                    if child.num_children() > 0 {
                        self.parents.push(child.path().into());
                    }
                    last = Some(child.path());
                }
            }
            let Some(parent) = self.parents.pop() else { return true };
            (self.parent, self.done) = (parent, None);
        }
    }
}

/// The children of a parent whose names this page has. They are looked up together: one by one, nearly all of a walk is waiting
/// for memory.
fn children_in<'t>(page: &[u8], parent: &str, view: View<'t>) -> impl Iterator<Item = Znode<'t>> {
    let mut names = Reader::new(page);
    let mut paths = Vec::new();
    while !names.is_empty() {
        let name = names.string().ok().flatten().expect("a page has whole names");
        paths.push(format!("{parent}/{name}"));
    }
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut found = vec![None; paths.len()];
    view.get_many(&paths, &mut found);
    found.into_iter().map(|child| child.expect("every listed child is in the tree"))
}

/// A count of what a subtree uses, in steps. The tree must not change from one to the next.
#[derive(Debug)]
pub(crate) struct SubtreeCount {
    walk: Walk,
    usage: Usage,
}

impl SubtreeCount {
    fn of(view: View<'_>, top: &str) -> SubtreeCount {
        let usage = view.get(top).map_or(Usage::new(0, 0), |top| Usage::new(0, 0).plus(Difference::of(top)));
        SubtreeCount { walk: Walk::below(top), usage }
    }

    /// What has to be counted before this znode is created: of a stats znode, the subtree that it is about.
    pub(crate) fn before_creation(view: View<'_>, path: &str) -> Option<SubtreeCount> {
        prefix_of(path, STATS).map(|prefix| SubtreeCount::of(view, prefix))
    }

    /// Looks at about as many znodes as there are steps. The usage, once all are counted.
    pub(crate) fn go_on(&mut self, view: View<'_>, steps: &mut usize) -> Option<Usage> {
        let SubtreeCount { walk, usage } = self;
        walk.go_on(view, steps, |znode| *usage = usage.plus(Difference::of(znode))).then_some(*usage)
    }
}

impl QuotaIndex {
    /// Counts anew what every quota that has a stats znode is about.
    pub(crate) fn recount(&self, tree: &mut Tree) {
        for prefix in &self.prefixes {
            let stats = format!("{QUOTAS}{prefix}{STATS}");
            let head = tree.head();
            if head.get(&stats).is_some() {
                let usage = SubtreeCount::of(head, prefix).go_on(head, &mut { usize::MAX });
                let text = usage.expect("a count without a bound comes to its end").text();
                tree.rewrite_data(&stats, Some(text.as_bytes()));
            }
        }
    }

    /// Accounts for a znode that was just created. `counted` is what was counted before.
    pub(crate) fn charge_creation(&mut self, tree: &mut Tree, path: &str, bytes: usize, counted: Option<Usage>) {
        self.note(path);
        if let (Some(prefix), Some(mut usage)) = (prefix_of(path, STATS), counted) {
            if is_below(path, prefix) {
                usage = usage.plus(Difference::creation(bytes));
            }
            tree.rewrite_data(path, Some(usage.text().as_bytes()));
        }
        self.charge(tree, path, Difference::creation(bytes));
    }

    /// Accounts for a znode that was just deleted.
    pub(crate) fn charge_deletion(&mut self, tree: &mut Tree, path: &str, bytes: usize) {
        self.forget(path);
        self.charge(tree, path, Difference::deletion(bytes));
    }

    /// Adds to the stats of the quota that the path is under. Where they are missing, nothing is counted.
    pub(crate) fn charge(&self, tree: &mut Tree, path: &str, difference: Difference) {
        let Some(prefix) = self.deepest(path) else { return };
        let stats = format!("{QUOTAS}{prefix}{STATS}");
        if let Some(znode) = tree.get(&stats) {
            let text = Usage::of(znode).plus(difference).text();
            tree.rewrite_data(&stats, Some(text.as_bytes()));
        }
    }
}

/// What a write would make of a quota.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExceededQuota {
    /// The path with the quota, cut if it is long.
    pub prefix: String,
    /// `count` or `bytes`.
    pub what: &'static str,
    pub usage: i64,
    pub limit: i64,
    /// The write was refused.
    pub is_hard: bool,
}

/// Holds writes against the quotas of the head.
pub(crate) struct QuotaCheck<'d> {
    enforced: bool,
    tree: &'d Tree,
    quotas: &'d QuotaIndex,
    exceeded: &'d mut Option<ExceededQuota>,
    /// What earlier members of the same multi will add, by prefix.
    ahead: HashMap<&'d str, Difference>,
}

impl<'d> QuotaCheck<'d> {
    /// One that refuses only where limits are `enforced`. What it finds exceeded is left in `exceeded`.
    pub(crate) fn new(
        enforced: bool,
        tree: &'d Tree,
        quotas: &'d QuotaIndex,
        exceeded: &'d mut Option<ExceededQuota>,
    ) -> QuotaCheck<'d> {
        QuotaCheck { enforced, tree, quotas, exceeded, ahead: HashMap::new() }
    }

    /// `Err` where a hard limit would be exceeded. A hard limit replaces the soft one of its kind.
    pub(crate) fn check(&mut self, path: &str, difference: Difference) -> Result<(), Code> {
        if !self.enforced {
            return Ok(());
        }
        let Some(prefix) = self.quotas.deepest(path) else { return Ok(()) };
        let limits = usage_at(self.tree, prefix, LIMITS);
        let (Some(limits), Some(used)) = (limits, usage_at(self.tree, prefix, STATS)) else { return Ok(()) };
        let used = used.plus(self.ahead.get(prefix).copied().unwrap_or_default()).plus(difference);
        let kinds = [
            ("count", difference.count, used.count, limits.count_hard_limit, limits.count),
            ("bytes", difference.bytes, used.bytes, limits.byte_hard_limit, limits.bytes),
        ];
        for (what, difference, usage, hard, soft) in kinds {
            let hard = hard.filter(|limit| *limit > -1);
            let limit = hard.unwrap_or(soft);
            if difference == 0 || limit < 0 || usage <= limit {
                continue;
            }
            let is_hard = hard.is_some();
            self.exceeded.get_or_insert_with(|| {
                let cut = prefix.floor_char_boundary(SHOWN_PATH_MAX);
                ExceededQuota { prefix: prefix[..cut].to_owned(), what, usage, limit, is_hard }
            });
            if is_hard {
                return Err(Code::QuotaExceeded);
            }
        }
        Ok(())
    }

    /// Lets later members of a multi see what this one will use.
    pub(crate) fn foresee(&mut self, path: &str, difference: Difference) {
        if self.enforced
            && let Some(prefix) = self.quotas.deepest(path)
        {
            self.ahead.entry(prefix).or_default().add(difference);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{QuotaIndex, QuotaSums, SubtreeCount, Usage, common_level};
    use crate::database::{Database, Rules};
    use crate::stat::Stat;
    use crate::tree::{HashSeed, NewZnode, page_visits};

    #[test]
    fn texts_are_read_and_written_as_zookeeper_does() {
        for text in [
            "count=4,bytes=5",
            "count=-1,bytes=7=;byteHardLimit=9",
            "count=4,bytes=5=;byteHardLimit=-1;countHardLimit=10",
        ] {
            assert_eq!(Usage::parse(text).text(), text);
        }
        assert_eq!(Usage::parse("count=4;;bytes=5=,countHardLimit=6").text(), "count=4,bytes=5=;countHardLimit=6");
        assert_eq!(Usage::parse("count==,bytes=x,other=3"), Usage::new(-1, -1));
        assert_eq!(Usage::parse(""), Usage::new(-1, -1));
    }

    /// However many children of one znode are counted already, to go on costs as much as what is counted then.
    #[test]
    fn a_count_goes_on_where_it_stopped() {
        const CHILDREN: usize = 20_000;
        // There are about a thousand pages, of about twenty names each.
        const PAGES_OF_A_SLICE: usize = 32;
        let Database { mut tree, .. } = Database::new(HashSeed([7; 16]), Rules::default());
        let children = (0..CHILDREN).map(|number| format!("/wide/{number}"));
        for path in ["/wide".into()].into_iter().chain(children).chain(["/wide/7/a".into(), "/wide/7/a/b".into()]) {
            tree.create(NewZnode { path: &path, data: Some(b"x"), acl: None, stat: Stat::default() }, -1);
        }
        let mut count = SubtreeCount::of(tree.head(), "/wide");
        page_visits::take();
        let usage = loop {
            let usage = count.go_on(tree.head(), &mut 256);
            let visits = page_visits::take();
            assert!(visits <= PAGES_OF_A_SLICE, "{visits} pages were looked at for 256 steps");
            if let Some(usage) = usage {
                break usage;
            }
        };
        assert_eq!(usage, Usage::new(CHILDREN as i64 + 3, CHILDREN as i64 + 3));
    }

    #[test]
    fn quotas_are_added_up_by_the_first_name() {
        let Database { mut tree, .. } = Database::new(HashSeed([7; 16]), Rules::default());
        let mut index = QuotaIndex::default();
        for (path, data) in [
            ("/zookeeper/quota/a", ""),
            ("/zookeeper/quota/a/zookeeper_limits", "count=5,bytes=-1"),
            ("/zookeeper/quota/a/zookeeper_stats", "count=2,bytes=7"),
            ("/zookeeper/quota/a/b", ""),
            ("/zookeeper/quota/a/b/zookeeper_limits", "count=5,bytes=9=;byteHardLimit=100;countHardLimit=-1"),
            ("/zookeeper/quota/a-b", ""),
            ("/zookeeper/quota/a-b/zookeeper_limits", "count=1,bytes=2"),
        ] {
            tree.create(NewZnode { path, data: Some(data.as_bytes()), acl: None, stat: Stat::default() }, -1);
            index.note(path);
        }
        let sums = |namespace: &str, [count_limit, bytes_limit, count_usage, bytes_usage]: [i64; 4]| QuotaSums {
            namespace: namespace.into(),
            count_limit,
            bytes_limit,
            count_usage,
            bytes_usage,
        };
        assert_eq!(index.sums(&tree, 9), [sums("a", [10, 99, 2, 7]), sums("a-b", [1, 2, 0, 0])]);
        assert_eq!(index.sums(&tree, 1), [sums("a", [5, -1, 2, 7])]);
        assert!(!index.is_empty());
    }

    #[test]
    fn levels_in_common() {
        for (path, other, common) in [
            ("/a/b", "/a/b", "/a/b"),
            ("/a/b", "/a", "/a"),
            ("/a/b", "/a-b", "/a"),
            ("/ab", "/ac", ""),
            ("/ab", "/a", ""),
            ("/é", "/è", ""),
            ("/a/é", "/a/è/b", "/a"),
        ] {
            assert_eq!(&path[..common_level(path, other)], common, "{path} {other}");
        }
    }

    #[test]
    fn the_deepest_quota_is_found_among_its_neighbours() {
        let mut index = QuotaIndex::default();
        assert_eq!(index.deepest("/a"), None);
        for prefix in ["/a", "/a/b/c", "/a-b", "/a/b/a", "/a/b0", "/ab", "/x/y"] {
            index.note(&format!("/zookeeper/quota{prefix}/zookeeper_limits"));
        }
        for inert in ["/zookeeper/quota/zookeeper_limits", "/zookeeper/quotaz/zookeeper_limits", "/q/zookeeper_limits"]
        {
            index.note(inert);
        }
        for (path, quota) in [
            ("/a", Some("/a")),
            ("/a/b", Some("/a")),
            ("/a/b/z", Some("/a")),
            ("/a/b/c", Some("/a/b/c")),
            ("/a/b/c/d/e", Some("/a/b/c")),
            ("/a/b/cd", Some("/a")),
            ("/a-b/c", Some("/a-b")),
            ("/a0", None),
            ("/", None),
            ("/x", None),
            ("/x/y/z", Some("/x/y")),
            ("/z", None),
        ] {
            assert_eq!(index.deepest(path), quota, "{path}");
        }
        index.forget("/zookeeper/quota/a/b/c/zookeeper_limits");
        assert_eq!(index.deepest("/a/b/c/d"), Some("/a"));
    }
}
