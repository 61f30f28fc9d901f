//! A state, and the transactions that made it.

use std::path::Path;

use paddock_consensus::Zxid;
use paddock_engine::acl::{Acl, AclTable, Entry, Id};
use paddock_engine::database::Database;
use paddock_engine::io::Files;
use paddock_engine::request::opcode;
use paddock_engine::txn::{CreateKind, Txn, TxnHeader, write_digest};
use paddock_engine::zookeeper::log::LogWriter;

use super::place::{SEED, rules};

pub const SESSIONS: [i64; 2] = [0x0100_0000_0000_0001, 0x0100_0000_0000_0002];
const PLAIN: CreateKind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
pub const EPHEMERAL: CreateKind = CreateKind::Plain { opcode: opcode::CREATE2, ephemeral: true };

pub struct History {
    pub database: Database,
    pub records: Vec<(Zxid, Vec<u8>)>,
    acls: AclTable,
}

/// What [`History::try_op`] makes a transaction of.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    pub kind: u8,
    pub path: u8,
    pub argument: u8,
}

/// Where everything happens: two names, three levels.
pub fn path(number: u8) -> String {
    let name = |bit: u8| if number >> bit & 1 == 0 { "a" } else { "b" };
    match number >> 3 & 3 {
        0 => format!("/{}", name(0)),
        1 => format!("/{}/{}", name(0), name(1)),
        _ => format!("/{}/{}/{}", name(0), name(1), name(2)),
    }
}

impl History {
    pub fn new() -> History {
        let database = Database::new(SEED, rules());
        let mut history = History { database, records: Vec::new(), acls: AclTable::default() };
        for session in SESSIONS {
            history.apply(session, &Txn::CreateSession { timeout: 4000 });
        }
        history
    }

    /// Every kind of znode, ACL and session.
    pub fn rich() -> History {
        let mut history = History::new();
        for (kind, path) in [
            (PLAIN, "/plain"),
            (PLAIN, "/plain/child"),
            (PLAIN, "/plain/child/中"),
            (EPHEMERAL, "/plain/mine"),
            (CreateKind::Container, "/container"),
            (CreateKind::Ttl(60_000), "/ttl"),
            (PLAIN, "/zookeeper/quota/plain"),
            (PLAIN, "/zookeeper/quota/plain/zookeeper_limits"),
            (PLAIN, "/zookeeper/quota/plain/zookeeper_stats"),
        ] {
            history.create(kind, path, Some(b"data"));
        }
        history.create(PLAIN, "/null", None);
        history.create(PLAIN, "/empty", Some(b""));
        let long = vec![7; 100_000];
        history.create(PLAIN, "/long", Some(&long));
        for number in 0..500 {
            history.create(PLAIN, &format!("/plain/child/{number:04}"), Some(&[number as u8; 40]));
        }
        for (number, path) in ["/plain/child", "/container", "/ttl"].into_iter().enumerate() {
            let acl = history.acl(number as i32 + 1);
            history.apply(SESSIONS[0], &Txn::SetAcl { path: path.into(), acl, version: 1 });
        }
        history
    }

    pub fn apply(&mut self, client: i64, txn: &Txn<'_>) {
        let zxid = self.database.last_zxid().next().unwrap();
        self.apply_at(zxid, client, txn);
    }

    pub fn apply_at(&mut self, zxid: Zxid, client: i64, txn: &Txn<'_>) {
        let header = TxnHeader { client, cxid: 1, zxid: zxid.0, time: 1_700_000_000_000 + zxid.0 };
        let mut record = Vec::new();
        txn.write(&header, &mut record);
        self.database.apply(&header, txn, None);
        if txn.takes_digest() {
            write_digest(self.database.tree().digest(), &mut record);
        }
        self.records.push((zxid, record));
    }

    pub fn create(&mut self, kind: CreateKind, path: &str, data: Option<&[u8]>) {
        let txn = self.creation(kind, path, data, None);
        self.apply(SESSIONS[0], &txn);
    }

    pub fn acl(&mut self, number: i32) -> Acl {
        let id = Id { scheme: "digest".into(), id: format!("user{number}:hash") };
        self.acls.intern(vec![Entry { perms: 31, id }])
    }

    fn creation<'t>(&self, kind: CreateKind, path: &'t str, data: Option<&'t [u8]>, acl: Acl) -> Txn<'t> {
        let parent = path.rsplit_once('/').unwrap().0;
        let parent_cversion = self.database.tree().get(parent).unwrap().stat().cversion + 1;
        Txn::Create { kind, path: path.into(), data, acl, parent_cversion }
    }

    /// Applies what an operation would become, if there is a transaction for it now.
    pub fn try_op(&mut self, op: Op) {
        let path = path(op.path);
        let data = [op.argument; 3];
        let data = (!op.argument.is_multiple_of(5)).then_some(&data[..]);
        let client = SESSIONS[usize::from(op.argument & 1)];
        let acl = self.acl(i32::from(op.argument % 4)).filter(|_| !op.argument.is_multiple_of(4));
        let tree = self.database.tree();
        let znode = tree.get(&path).map(|znode| (znode.stat(), znode.num_children()));
        let parent = tree.get(path.rsplit_once('/').unwrap().0);
        let can_create = znode.is_none() && parent.is_some_and(|parent| !parent.is_ephemeral());
        let is_leaf = znode.is_some_and(|(_, children)| children == 0);
        let txn = match (op.kind % 10, znode) {
            (0..=2, None) if can_create => {
                let kind = [PLAIN, EPHEMERAL, CreateKind::Container, PLAIN][usize::from(op.argument >> 2 & 3)];
                self.creation(kind, &path, data, acl)
            }
            (3, None) if can_create => Txn::Multi(vec![
                self.creation(PLAIN, &path, data, acl),
                Txn::SetData { path: path.clone().into(), data: None, version: 1 },
            ]),
            (2..=5, Some(_)) if is_leaf => Txn::Delete { path: path.clone().into() },
            (6, Some(_)) if is_leaf => {
                let delete = Txn::Delete { path: path.clone().into() };
                Txn::Multi(vec![delete, self.creation(PLAIN, &path, data, acl)])
            }
            (0..=1 | 7, Some((stat, _))) => Txn::SetData { path: path.clone().into(), data, version: stat.version + 1 },
            (8, Some((stat, _))) => Txn::SetAcl { path: path.clone().into(), acl, version: stat.aversion + 1 },
            (9, _) if self.database.session_timeout(client).is_none() => Txn::CreateSession { timeout: 5000 },
            (9, _) => self.database.order_close_session(client),
            _ => Txn::Error(-101),
        };
        if self.database.session_timeout(client).is_none() && !matches!(txn, Txn::CreateSession { .. }) {
            self.apply(client, &Txn::CreateSession { timeout: 4000 });
            return;
        }
        self.apply(client, &txn);
    }

    /// Everything that can be seen of a state.
    pub fn content(&self) -> Vec<String> {
        content(&self.database)
    }

    pub fn sessions(&self) -> Vec<(i64, i32)> {
        self.database.sessions().collect()
    }

    /// Writes the transactions from this one on as a log of its own.
    pub fn write_log(&self, directory: &Path, from: Zxid) {
        self.write_log_to(directory, from, Zxid(i64::MAX));
    }

    /// The same, up to another one.
    pub fn write_log_to(&self, directory: &Path, from: Zxid, to: Zxid) {
        let mut log = LogWriter::create(&Files::Real, directory, from, 1 << 16).unwrap();
        for (_, record) in self.records.iter().filter(|(zxid, _)| (from..=to).contains(zxid)) {
            log.append(record).unwrap();
        }
        log.sync().unwrap();
    }
}

pub fn content(database: &Database) -> Vec<String> {
    let mut lines = Vec::new();
    database.tree().for_each(|znode| {
        let mut children: Vec<&str> = znode.children().collect();
        children.sort_unstable();
        lines.push(format!("{} {:?} {:?} {:?} {children:?}", znode.path(), znode.data(), znode.stat(), znode.acl()));
    });
    lines.sort();
    for (session, timeout) in database.sessions() {
        let ephemerals: Vec<&str> = database.ephemerals_of(session).collect();
        lines.push(format!("{session:x} {timeout} {ephemerals:?}"));
    }
    lines.push(format!("{} {:x}", database.last_zxid(), database.tree().digest()));
    lines
}
