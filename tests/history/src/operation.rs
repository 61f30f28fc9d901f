//! What clients ask for and what they are answered, as plain values.

use std::fmt;

/// What was written to a znode, as its length and a digest, so that a long history stays small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data {
    /// In bytes.
    pub length: u32,
    pub digest: u64,
}

impl Data {
    /// FNV-1a: two texts that a test writes have the same digest once in 2^64.
    pub fn of(bytes: &[u8]) -> Data {
        let step = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let digest = bytes.iter().fold(0xcbf2_9ce4_8422_2325, step);
        Data { length: u32::try_from(bytes.len()).expect("no znode has 4 GiB"), digest }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:x}", self.length, self.digest)
    }
}

/// The fields of a Stat that a zxid determines: all but the two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stat {
    pub czxid: i64,
    pub mzxid: i64,
    pub pzxid: i64,
    pub version: i32,
    /// As shown: one more for each creation and for each deletion of a child.
    pub cversion: i32,
    pub aversion: i32,
    /// The session of an ephemeral, 0 for every other znode.
    pub ephemeral_owner: i64,
    pub data_length: i32,
    pub num_children: i32,
}

/// ZooKeeper's codes that the model itself gives.
pub mod code {
    pub const OK: i32 = 0;
    /// Of the members of a multi behind the one that failed.
    pub const RUNTIME_INCONSISTENCY: i32 = -2;
    pub const BAD_ARGUMENTS: i32 = -8;
    pub const NO_NODE: i32 = -101;
    pub const NO_AUTH: i32 = -102;
    pub const BAD_VERSION: i32 = -103;
    pub const NO_CHILDREN_FOR_EPHEMERALS: i32 = -108;
    pub const NODE_EXISTS: i32 = -110;
    pub const NOT_EMPTY: i32 = -111;
    pub const INVALID_ACL: i32 = -114;
    pub const QUOTA_EXCEEDED: i32 = -125;

    /// Whether the tree alone decides that an operation ends so. Permissions, quotas and names are not in the model.
    pub fn is_of_tree(code: i32) -> bool {
        matches!(code, OK | NO_NODE | BAD_VERSION | NO_CHILDREN_FOR_EPHEMERALS | NODE_EXISTS | NOT_EMPTY)
    }

    /// Whether a write that is answered so has a transaction, and with it a zxid that is nobody else's.
    pub fn has_transaction(code: i32) -> bool {
        is_of_tree(code) || matches!(code, BAD_ARGUMENTS | NO_AUTH | INVALID_ACL | QUOTA_EXCEEDED)
    }
}

/// How a znode is created. Containers and TTL znodes are persistent as far as the model goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mode {
    pub is_ephemeral: bool,
    pub is_sequential: bool,
}

/// What setWatches registers again: paths by the kind of their watch, and the last zxid that the client has seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rewatch {
    pub zxid: i64,
    pub data: Vec<String>,
    pub exist: Vec<String>,
    pub child: Vec<String>,
    pub persistent: Vec<String>,
    pub recursive: Vec<String>,
}

/// One request. A version of -1 means any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    Create {
        path: String,
        data: Option<Data>,
        mode: Mode,
    },
    Delete {
        path: String,
        version: i32,
    },
    SetData {
        path: String,
        data: Option<Data>,
        version: i32,
    },
    SetAcl {
        path: String,
        version: i32,
    },
    /// Only in a multi.
    Check {
        path: String,
        version: i32,
    },
    Multi(Vec<Operation>),
    GetData {
        path: String,
        is_watched: bool,
    },
    Exists {
        path: String,
        is_watched: bool,
    },
    GetChildren {
        path: String,
        is_watched: bool,
    },
    Sync {
        path: String,
    },
    Ping,
    /// Closes the session.
    Close,
    AddWatch {
        path: String,
        is_recursive: bool,
    },
    SetWatches(Box<Rewatch>),
}

impl Operation {
    /// Whether it has a zxid of its own.
    pub fn is_write(&self) -> bool {
        use Operation::{Check, Close, Create, Delete, Multi, SetAcl, SetData};
        matches!(self, Create { .. } | Delete { .. } | SetData { .. } | SetAcl { .. } | Check { .. } | Multi(_) | Close)
    }

    /// The path it names; none where there are several or no path.
    pub fn path(&self) -> Option<&str> {
        match self {
            Operation::Create { path, .. }
            | Operation::Delete { path, .. }
            | Operation::SetData { path, .. }
            | Operation::SetAcl { path, .. }
            | Operation::Check { path, .. }
            | Operation::GetData { path, .. }
            | Operation::Exists { path, .. }
            | Operation::GetChildren { path, .. }
            | Operation::Sync { path }
            | Operation::AddWatch { path, .. } => Some(path),
            Operation::Multi(_) | Operation::Ping | Operation::Close | Operation::SetWatches(_) => None,
        }
    }

    /// The paths it names, those of a multi's members included.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Operation::Multi(members) => members.iter().filter_map(Operation::path).collect(),
            one => one.path().into_iter().collect(),
        }
    }
}

/// What follows the header of a reply. Which of these it is follows from the operation and the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    None,
    /// Of create without a Stat.
    Path(String),
    /// Of create2.
    PathStat(String, Stat),
    Stat(Stat),
    Data(Option<Data>, Stat),
    /// Of getChildren, in any order; with the Stat of getChildren2.
    Names(Vec<String>, Option<Stat>),
    Multi(Vec<Outcome>),
}

/// What one member of a multi is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub code: i32,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// In the header: a write's own, or the last one of which a read shows the effect.
    pub zxid: i64,
    pub code: i32,
    pub body: Body,
}

/// The znode above; none for the root.
pub fn parent(path: &str) -> Option<&str> {
    match path.rfind('/') {
        Some(0) if path.len() > 1 => Some("/"),
        Some(end) if end > 0 => Some(&path[..end]),
        _ => None,
    }
}

/// The part of a path behind its last slash.
pub fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}
