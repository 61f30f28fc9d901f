//! The model: what a tree of znodes does with one request after the other. Written to be obvious, after ZooKeeper's own
//! documentation and source, and on none of the code that it judges.
//!
//! It knows nothing of permissions, quotas and times. What it does can be undone as far as the journal goes back, because
//! where requests without a reply come in is found by trying.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::history::EventType;
use crate::operation::{Body, Data, Mode, Operation, Outcome, Stat, code, name, parent};
use crate::source::Source;

/// Steps that can be undone at most.
const JOURNAL_MAX: usize = 200_000;
/// Digits of the number in a sequential name.
const NUMBER_DIGITS: usize = 10;
const RESERVED: [&str; 4] = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];

/// Something that watches are told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    pub zxid: i64,
    pub event_type: EventType,
    pub path: String,
    pub source: Source,
}

#[derive(Debug, Clone, Default)]
pub struct Znode {
    data: Option<Data>,
    czxid: i64,
    mzxid: i64,
    version: i32,
    aversion: i32,
    owner: i64,
    children: BTreeSet<String>,
    peopling: Peopling,
    pub created_by: Source,
    pub written_by: Source,
    pub guarded_by: Source,
}

/// What a change of its children leaves in a znode.
#[derive(Debug, Clone, Default)]
pub struct Peopling {
    /// Creations of children, ever: the number of the next sequential one.
    creations: i32,
    pzxid: i64,
    pub by: Source,
}

impl Znode {
    pub fn stat(&self) -> Stat {
        let num_children = i32::try_from(self.children.len()).expect("no history has so many znodes");
        Stat {
            czxid: self.czxid,
            mzxid: self.mzxid,
            pzxid: self.peopling.pzxid,
            version: self.version,
            cversion: self.peopling.creations.wrapping_mul(2).wrapping_sub(num_children),
            aversion: self.aversion,
            ephemeral_owner: self.owner,
            data_length: self.data.map_or(0, |data| data.length as i32),
            num_children,
        }
    }

    /// The session whose ephemeral this is.
    pub fn owner(&self) -> Option<i64> {
        (self.owner != 0).then_some(self.owner)
    }

    /// Who changed its children last.
    pub fn peopled_by(&self) -> Source {
        self.peopling.by
    }
}

/// How one step is undone.
#[derive(Debug)]
enum Undo {
    Creation { path: String, parent: Peopling },
    Deletion { path: String, znode: Box<Znode>, parent: Peopling, removed_by: Option<Source> },
    Writing { path: String, data: Option<Data>, version: i32, mzxid: i64, by: Source },
    Guarding { path: String, aversion: i32, by: Source },
}

/// One write as far as the tree needs it.
#[derive(Debug, Clone, Copy)]
pub struct Write<'w> {
    pub zxid: i64,
    pub session: i64,
    pub source: Source,
    pub operation: &'w Operation,
}

#[derive(Debug)]
pub struct Tree {
    znodes: HashMap<String, Znode>,
    ephemerals: HashMap<i64, BTreeSet<String>>,
    /// Who deleted what is not there.
    removed: HashMap<String, Source>,
    /// With the zxid of each step, the oldest first.
    journal: VecDeque<(i64, Undo)>,
    /// Steps up to this zxid can no longer be undone.
    journal_floor: i64,
    /// All that watches would have been told of, in the order of the transactions.
    pub triggers: Vec<Trigger>,
}

impl Tree {
    /// That of an ensemble without a transaction.
    pub fn new() -> Tree {
        let fresh = Znode { data: Some(Data::of(b"")), ..Znode::default() };
        let mut znodes: HashMap<String, Znode> =
            RESERVED.iter().map(|path| ((*path).to_owned(), fresh.clone())).collect();
        for path in RESERVED.iter().filter(|path| **path != "/") {
            let above = parent(path).and_then(|above| znodes.get_mut(above)).expect("the root comes first");
            above.children.insert(name(path).to_owned());
        }
        Tree {
            znodes,
            ephemerals: HashMap::new(),
            removed: HashMap::new(),
            journal: VecDeque::new(),
            journal_floor: 0,
            triggers: Vec::new(),
        }
    }

    pub fn znode(&self, path: &str) -> Option<&Znode> {
        self.znodes.get(path)
    }

    pub fn removed_by(&self, path: &str) -> Option<Source> {
        self.removed.get(path).copied()
    }

    /// The ephemerals of a session.
    pub fn ephemerals(&self, session: i64) -> impl Iterator<Item = &str> {
        self.ephemerals.get(&session).into_iter().flatten().map(String::as_str)
    }

    /// What a read is answered now.
    pub fn read(&self, operation: &Operation) -> Outcome {
        let znode = match operation.path() {
            Some(_) if matches!(operation, Operation::Sync { .. } | Operation::AddWatch { .. }) => None,
            Some(path) => match self.znodes.get(path) {
                None => return failed(code::NO_NODE),
                znode => znode,
            },
            None => None,
        };
        let body = match (operation, znode) {
            (Operation::GetData { .. }, Some(znode)) => Body::Data(znode.data, znode.stat()),
            (Operation::Exists { .. }, Some(znode)) => Body::Stat(znode.stat()),
            (Operation::GetChildren { .. }, Some(znode)) => {
                Body::Names(znode.children.iter().cloned().collect(), Some(znode.stat()))
            }
            _ => Body::None,
        };
        Outcome { code: code::OK, body }
    }

    /// Does a write and says what it is answered. One that fails changes nothing.
    pub fn write(&mut self, write: &Write<'_>) -> Outcome {
        let outcome = match write.operation {
            Operation::Multi(members) => self.multi(write, members),
            Operation::Close => {
                self.close(write, write.session);
                Outcome { code: code::OK, body: Body::None }
            }
            one => self.single(write, one),
        };
        while self.journal.len() > JOURNAL_MAX {
            let (zxid, _) = self.journal.pop_front().expect("it is not empty");
            self.journal_floor = zxid;
        }
        outcome
    }

    fn multi(&mut self, write: &Write<'_>, members: &[Operation]) -> Outcome {
        let (steps, triggers) = (self.journal.len(), self.triggers.len());
        let mut outcomes: Vec<Outcome> = Vec::new();
        for (place, member) in members.iter().enumerate() {
            let outcome = self.single(write, member);
            if outcome.code != code::OK {
                self.undo(|step, _| step >= steps);
                self.triggers.truncate(triggers);
                let code_of = |other: usize| match other.cmp(&place) {
                    std::cmp::Ordering::Less => code::OK,
                    std::cmp::Ordering::Equal => outcome.code,
                    std::cmp::Ordering::Greater => code::RUNTIME_INCONSISTENCY,
                };
                outcomes = (0..members.len()).map(|other| failed(code_of(other))).collect();
                break;
            }
            outcomes.push(outcome);
        }
        Outcome { code: code::OK, body: Body::Multi(outcomes) }
    }

    fn single(&mut self, write: &Write<'_>, operation: &Operation) -> Outcome {
        let done = match operation {
            Operation::Create { path, data, mode } => self.create(write, path, *data, *mode),
            Operation::Delete { path, version } => self.delete_asked(write, path, *version),
            Operation::SetData { path, data, version } => self.set_data(write, path, *data, *version),
            Operation::SetAcl { path, version } => self.set_acl(write, path, *version),
            Operation::Check { path, version } => {
                self.version_checked(path, *version, |znode| znode.version).map(|_| Body::None)
            }
            _ => Err(code::BAD_ARGUMENTS),
        };
        done.map_or_else(failed, |body| Outcome { code: code::OK, body })
    }

    fn version_checked(&mut self, path: &str, version: i32, of: impl Fn(&Znode) -> i32) -> Result<&mut Znode, i32> {
        let znode = self.znodes.get_mut(path).ok_or(code::NO_NODE)?;
        if version != -1 && version != of(znode) { Err(code::BAD_VERSION) } else { Ok(znode) }
    }

    fn create(&mut self, write: &Write<'_>, asked: &str, data: Option<Data>, mode: Mode) -> Result<Body, i32> {
        // The text before the last slash names the parent, also where nothing follows it.
        let above = match asked.rfind('/') {
            None => return Err(code::BAD_ARGUMENTS),
            Some(0) => "/",
            Some(end) => &asked[..end],
        };
        let parent = self.znodes.get(above).ok_or(code::NO_NODE)?;
        let path = match mode.is_sequential {
            true => format!("{asked}{:0digits$}", parent.peopling.creations, digits = NUMBER_DIGITS),
            false => asked.to_owned(),
        };
        if self.znodes.contains_key(&path) {
            return Err(code::NODE_EXISTS);
        }
        if parent.owner().is_some() {
            return Err(code::NO_CHILDREN_FOR_EPHEMERALS);
        }
        let (zxid, source) = (write.zxid, write.source);
        let znode = Znode {
            data,
            czxid: zxid,
            mzxid: zxid,
            owner: if mode.is_ephemeral { write.session } else { 0 },
            peopling: Peopling { creations: 0, pzxid: zxid, by: source },
            created_by: source,
            written_by: source,
            ..Znode::default()
        };
        let body = Body::PathStat(path.clone(), znode.stat());
        let parent = self.znodes.get_mut(above).expect("it was found above");
        let before = parent.peopling.clone();
        parent.peopling = Peopling { creations: before.creations.wrapping_add(1), pzxid: zxid, by: source };
        self.insert(&path, znode);
        self.tell(write, EventType::NodeCreated, &path);
        self.tell(write, EventType::NodeChildrenChanged, above);
        self.journal.push_back((zxid, Undo::Creation { path, parent: before }));
        Ok(body)
    }

    fn delete_asked(&mut self, write: &Write<'_>, path: &str, version: i32) -> Result<Body, i32> {
        if RESERVED.contains(&path) {
            return Err(code::BAD_ARGUMENTS);
        }
        let znode = self.version_checked(path, version, |znode| znode.version)?;
        if !znode.children.is_empty() {
            return Err(code::NOT_EMPTY);
        }
        self.delete(write, path);
        Ok(Body::None)
    }

    /// Of what is there and has no children.
    fn delete(&mut self, write: &Write<'_>, path: &str) {
        let above = parent(path).expect("the root is never deleted");
        let znode = Box::new(self.remove(path));
        let parent = self.znodes.get_mut(above).expect("what has a child is there");
        let before = parent.peopling.clone();
        parent.peopling = Peopling { creations: before.creations, pzxid: write.zxid, by: write.source };
        let removed_by = self.removed.insert(path.to_owned(), write.source);
        self.tell(write, EventType::NodeDeleted, path);
        self.tell(write, EventType::NodeChildrenChanged, above);
        let undo = Undo::Deletion { path: path.to_owned(), znode, parent: before, removed_by };
        self.journal.push_back((write.zxid, undo));
    }

    fn set_data(&mut self, write: &Write<'_>, path: &str, data: Option<Data>, version: i32) -> Result<Body, i32> {
        let znode = self.version_checked(path, version, |znode| znode.version)?;
        let undo = Undo::Writing {
            path: path.to_owned(),
            data: znode.data,
            version: znode.version,
            mzxid: znode.mzxid,
            by: znode.written_by,
        };
        znode.data = data;
        znode.version = znode.version.wrapping_add(1);
        znode.mzxid = write.zxid;
        znode.written_by = write.source;
        let body = Body::Stat(znode.stat());
        self.tell(write, EventType::NodeDataChanged, path);
        self.journal.push_back((write.zxid, undo));
        Ok(body)
    }

    fn set_acl(&mut self, write: &Write<'_>, path: &str, version: i32) -> Result<Body, i32> {
        let znode = self.version_checked(path, version, |znode| znode.aversion)?;
        let undo = Undo::Guarding { path: path.to_owned(), aversion: znode.aversion, by: znode.guarded_by };
        znode.aversion = znode.aversion.wrapping_add(1);
        znode.guarded_by = write.source;
        let body = Body::Stat(znode.stat());
        self.journal.push_back((write.zxid, undo));
        Ok(body)
    }

    /// Deletes the ephemerals of a session.
    fn close(&mut self, write: &Write<'_>, session: i64) {
        for path in self.ephemerals.get(&session).cloned().unwrap_or_default() {
            self.delete(write, &path);
        }
    }

    fn tell(&mut self, write: &Write<'_>, event_type: EventType, path: &str) {
        let (zxid, source) = (write.zxid, write.source);
        self.triggers.push(Trigger { zxid, event_type, path: path.to_owned(), source });
    }

    /// Puts a znode in, and its name among its parent's children.
    fn insert(&mut self, path: &str, znode: Znode) {
        if let Some(owner) = znode.owner() {
            self.ephemerals.entry(owner).or_default().insert(path.to_owned());
        }
        let above = parent(path).and_then(|above| self.znodes.get_mut(above)).expect("it has a parent");
        above.children.insert(name(path).to_owned());
        self.znodes.insert(path.to_owned(), znode);
    }

    fn remove(&mut self, path: &str) -> Znode {
        let znode = self.znodes.remove(path).expect("only what is there is removed");
        if let Some(owned) = znode.owner().and_then(|owner| self.ephemerals.get_mut(&owner)) {
            owned.remove(path);
        }
        let above = parent(path).and_then(|above| self.znodes.get_mut(above)).expect("it has a parent");
        above.children.remove(name(path));
        znode
    }

    /// Whether everything from a zxid on can be undone.
    pub fn can_undo(&self, zxid: i64) -> bool {
        zxid > self.journal_floor
    }

    /// Undoes everything from a zxid on.
    pub fn undo_from(&mut self, zxid: i64) {
        assert!(self.can_undo(zxid), "the journal does not reach back to zxid {zxid:x}");
        self.undo(|_, of| of >= zxid);
        let kept = self.triggers.partition_point(|trigger| trigger.zxid < zxid);
        self.triggers.truncate(kept);
    }

    /// Undoes the newest steps as long as this is so of their place and zxid.
    fn undo(&mut self, is_undone: impl Fn(usize, i64) -> bool) {
        while let Some((zxid, _)) = self.journal.back() {
            if !is_undone(self.journal.len() - 1, *zxid) {
                break;
            }
            let (_, undo) = self.journal.pop_back().expect("it was looked at");
            self.undo_step(undo);
        }
    }

    fn undo_step(&mut self, undo: Undo) {
        match undo {
            Undo::Creation { path, parent } => {
                self.remove(&path);
                self.repeople(&path, parent);
            }
            Undo::Deletion { path, znode, parent, removed_by } => {
                self.insert(&path, *znode);
                self.repeople(&path, parent);
                match removed_by {
                    Some(source) => drop(self.removed.insert(path, source)),
                    None => drop(self.removed.remove(&path)),
                }
            }
            Undo::Writing { path, data, version, mzxid, by } => {
                let znode = self.znodes.get_mut(&path).expect("later steps were undone before");
                (znode.data, znode.version, znode.mzxid, znode.written_by) = (data, version, mzxid, by);
            }
            Undo::Guarding { path, aversion, by } => {
                let znode = self.znodes.get_mut(&path).expect("later steps were undone before");
                (znode.aversion, znode.guarded_by) = (aversion, by);
            }
        }
    }

    fn repeople(&mut self, path: &str, peopling: Peopling) {
        let above = parent(path).and_then(|above| self.znodes.get_mut(above)).expect("it has a parent");
        above.peopling = peopling;
    }
}

fn failed(code: i32) -> Outcome {
    Outcome { code, body: Body::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(path: &str, mode: Mode) -> Operation {
        Operation::Create { path: path.into(), data: Some(Data::of(b"x")), mode }
    }

    fn write(tree: &mut Tree, zxid: i64, operation: &Operation) -> Outcome {
        tree.write(&Write { zxid, session: 7, source: Source::Start, operation })
    }

    #[test]
    fn a_fresh_root_is_shown_as_zookeeper_shows_it() {
        let tree = Tree::new();
        let stat = tree.znode("/").expect("there is a root").stat();
        assert_eq!((stat.cversion, stat.num_children), (-1, 1));
        let read = tree.read(&Operation::GetData { path: "/".into(), is_watched: false });
        assert_eq!(read.body, Body::Data(Some(Data::of(b"")), stat));
        assert_eq!(tree.znode("/zookeeper").expect("it is there").stat().cversion, -2);
    }

    #[test]
    fn what_is_undone_was_never_there() {
        let mut tree = Tree::new();
        let before = tree.read(&Operation::GetChildren { path: "/".into(), is_watched: false });
        let ephemeral = Mode { is_ephemeral: true, is_sequential: true };
        let first = write(&mut tree, 1, &create("/s", ephemeral));
        write(&mut tree, 2, &Operation::SetData { path: "/s0000000000".into(), data: None, version: 0 });
        write(&mut tree, 3, &Operation::SetAcl { path: "/s0000000000".into(), version: -1 });
        write(&mut tree, 4, &Operation::Close);
        assert!(tree.znode("/s0000000000").is_none());
        tree.undo_from(4);
        let stat = tree.znode("/s0000000000").expect("it is back").stat();
        assert_eq!((stat.version, stat.aversion, stat.mzxid, stat.ephemeral_owner), (1, 1, 2, 7));
        tree.undo_from(1);
        assert_eq!(tree.read(&Operation::GetChildren { path: "/".into(), is_watched: false }), before);
        assert_eq!(write(&mut tree, 1, &create("/s", ephemeral)), first, "the number is not skipped");
        assert_eq!(tree.triggers.len(), 2);
    }

    #[test]
    fn a_failed_multi_changes_nothing_and_says_who_failed() {
        let mut tree = Tree::new();
        let delete = Operation::Delete { path: "/none".into(), version: -1 };
        let multi = Operation::Multi(vec![create("/a", Mode::default()), delete, create("/b", Mode::default())]);
        let Outcome { body: Body::Multi(outcomes), .. } = write(&mut tree, 1, &multi) else { panic!("a multi") };
        let codes: Vec<i32> = outcomes.iter().map(|outcome| outcome.code).collect();
        assert_eq!(codes, [0, code::NO_NODE, code::RUNTIME_INCONSISTENCY]);
        assert!(tree.znode("/a").is_none() && tree.triggers.is_empty());
    }
}
