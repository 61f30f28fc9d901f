//! What one writer's znodes must look like: its acknowledged operations, and any number of the first unacknowledged ones.
//!
//! A writer alone writes below its own znode and its connection is FIFO, so of the operations that were on their way
//! when the server died a prefix was executed and the rest was not:
//!
//! ```text
//!   acknowledged: every one, exactly as answered | on the way: o1 o2 .. oj executed | oj+1 .. om without a trace
//! ```
//!
//! The zxids of `o1..oj` nobody has told; they must be in order, above all acknowledged ones, and one per operation.
use crate::records::{Stat, flags};
use crate::request::Request;
use std::collections::BTreeMap;

/// One write below the writer's znode; names are without its path.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    Create {
        name: String,
        data: Vec<u8>,
        ephemeral: bool,
    },
    /// The server appends the number, which the writer knows beforehand.
    CreateSequential {
        name: String,
        data: Vec<u8>,
    },
    Set {
        name: String,
        data: Vec<u8>,
    },
    Delete {
        name: String,
    },
    Multi(Vec<Operation>),
    /// A set of the znode that all writers share; its order among the writers is judged elsewhere.
    SetShared {
        data: Vec<u8>,
    },
}

/// Digits of a sequential znode's name.
const NUMBER_DIGITS: usize = 10;

impl Operation {
    pub fn request(&self, home: &str, shared: &str) -> Request {
        match self {
            Operation::Create { name, data, ephemeral } => {
                Request::create2(&format!("{home}/{name}"), data, if *ephemeral { flags::EPHEMERAL } else { 0 })
            }
            Operation::CreateSequential { name, data } => {
                let stem = &name[..name.len() - NUMBER_DIGITS];
                Request::create2(&format!("{home}/{stem}"), data, flags::SEQUENTIAL)
            }
            Operation::Set { name, data } => Request::set_data(&format!("{home}/{name}"), data, -1),
            Operation::Delete { name } => Request::delete(&format!("{home}/{name}"), -1),
            Operation::Multi(members) => {
                Request::multi(members.iter().map(|member| member.request(home, shared)).collect())
            }
            Operation::SetShared { data } => Request::set_data(shared, data, -1),
        }
    }
}

/// A zxid as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zxid {
    Told(i64),
    /// Of the unacknowledged operation with this place among them.
    Untold(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Znode {
    pub data: Vec<u8>,
    pub version: i32,
    pub ephemeral: bool,
    pub czxid: Zxid,
    pub mzxid: Zxid,
}

/// A writer's znode and all below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub znodes: BTreeMap<String, Znode>,
    /// Creations below the writer's znode, ever: the number of the next sequential one.
    pub created: i32,
    pub deleted: i32,
    /// Of the last creation or deletion.
    pub pzxid: Zxid,
}

/// What a server shows: the writer's znode's Stat, and data and Stat of each child.
#[derive(Debug)]
pub struct Shown {
    pub home: Stat,
    pub znodes: BTreeMap<String, (Vec<u8>, Stat)>,
}

impl Model {
    /// Just created by the transaction `zxid`.
    pub fn new(zxid: i64) -> Model {
        Model { znodes: BTreeMap::new(), created: 0, deleted: 0, pzxid: Zxid::Told(zxid) }
    }

    pub fn next_sequential(&self, stem: &str) -> String {
        format!("{stem}{:0digits$}", self.created, digits = NUMBER_DIGITS)
    }

    pub fn apply(&mut self, operation: &Operation, zxid: Zxid) {
        match operation {
            Operation::Create { name, data, ephemeral } => self.create(name, data, *ephemeral, zxid),
            Operation::CreateSequential { name, data } => self.create(name, data, false, zxid),
            Operation::Set { name, data } => {
                let znode = self.znodes.get_mut(name).expect("only what exists is set");
                znode.data.clone_from(data);
                znode.version += 1;
                znode.mzxid = zxid;
            }
            Operation::Delete { name } => {
                self.znodes.remove(name).expect("only what exists is deleted");
                self.deleted += 1;
                self.pzxid = zxid;
            }
            Operation::Multi(members) => members.iter().for_each(|member| self.apply(member, zxid)),
            Operation::SetShared { .. } => {}
        }
    }

    fn create(&mut self, name: &str, data: &[u8], ephemeral: bool, zxid: Zxid) {
        let znode = Znode { data: data.into(), version: 0, ephemeral, czxid: zxid, mzxid: zxid };
        assert!(self.znodes.insert(name.into(), znode).is_none(), "only what does not exist is created");
        self.created += 1;
        self.pzxid = zxid;
    }

    /// Whether this is what the server shows, and if so the zxids that nobody had told: (place of the operation, zxid).
    pub fn matches(&self, shown: &Shown, session: i64) -> Option<Vec<(usize, i64)>> {
        let mut untold = Vec::new();
        let mut same = |zxid: Zxid, shown: i64| match zxid {
            Zxid::Told(zxid) => zxid == shown,
            Zxid::Untold(place) => {
                untold.push((place, shown));
                true
            }
        };
        // Shown cversion: one more for each creation and for each deletion.
        let home = shown.home.cversion == self.created + self.deleted && same(self.pzxid, shown.home.pzxid);
        let names = self.znodes.keys().eq(shown.znodes.keys());
        let znodes = self.znodes.values().zip(shown.znodes.values()).all(|(znode, (data, stat))| {
            let owner = if znode.ephemeral { session } else { 0 };
            znode.data == *data
                && znode.version == stat.version
                && stat.ephemeral_owner == owner
                && usize::try_from(stat.data_length) == Ok(data.len())
                && (stat.cversion, stat.aversion, stat.num_children, stat.pzxid) == (0, 0, 0, stat.czxid)
                && same(znode.czxid, stat.czxid)
                && same(znode.mzxid, stat.mzxid)
        });
        (home && names && znodes).then_some(untold)
    }

    /// Puts the zxids in that a server has shown; from now on they count as told.
    pub fn settle(&mut self, untold: &BTreeMap<usize, i64>) {
        let settle = |zxid: &mut Zxid| {
            if let Zxid::Untold(place) = zxid {
                *zxid = Zxid::Told(untold[place]);
            }
        };
        settle(&mut self.pzxid);
        for znode in self.znodes.values_mut() {
            settle(&mut znode.czxid);
            settle(&mut znode.mzxid);
        }
    }
}

/// The untold zxids by operation: one per operation, in the order of the operations, all above `floor`.
pub fn order(untold: &[(usize, i64)], floor: i64) -> Result<BTreeMap<usize, i64>, String> {
    let mut by_place = BTreeMap::new();
    for &(place, zxid) in untold {
        if *by_place.entry(place).or_insert(zxid) != zxid {
            return Err(format!("operation {place} shows two zxids: {untold:?}"));
        }
    }
    let zxids: Vec<i64> = std::iter::once(floor).chain(by_place.values().copied()).collect();
    match zxids.is_sorted_by(|one, next| one < next) {
        true => Ok(by_place),
        false => Err(format!("zxids out of order or not above {floor}: {untold:?}")),
    }
}

#[test]
fn a_lost_a_half_done_and_a_wrongly_numbered_operation_are_seen() {
    let create = |name: &str| Operation::Create { name: name.into(), data: vec![1], ephemeral: false };
    let pair = Operation::Multi(vec![create("a"), create("b")]);
    let mut model = Model::new(1);
    model.apply(&pair, Zxid::Told(2));
    let stat = |zxid| Stat { czxid: zxid, mzxid: zxid, pzxid: zxid, data_length: 1, ..Stat::default() };
    let shown = |names: &[&str], zxid, cversion| Shown {
        home: Stat { cversion, pzxid: zxid, ..Stat::default() },
        znodes: names.iter().map(|name| (name.to_string(), (vec![1], stat(zxid)))).collect(),
    };
    assert_eq!(model.matches(&shown(&["a", "b"], 2, 2), 7), Some(vec![]));
    assert_eq!(model.matches(&shown(&[], 1, 0), 7), None);
    assert_eq!(model.matches(&shown(&["a"], 2, 1), 7), None);
    assert_eq!(model.matches(&shown(&["a", "b"], 3, 2), 7), None);
    assert!(order(&[(0, 5), (0, 6)], 1).is_err());
    assert!(order(&[(0, 6), (1, 5)], 1).is_err());
    assert!(order(&[(0, 1)], 1).is_err());
    assert_eq!(order(&[(1, 6), (0, 5)], 1), Ok(BTreeMap::from([(0, 5), (1, 6)])));
}
