//! Transactions, and the state after each of them.

use std::borrow::Cow;

use paddock_consensus::Zxid;
use paddock_engine::database::{Database, Rules};
use paddock_engine::io::simulated::{Choice, Seeded};
use paddock_engine::request::opcode;
use paddock_engine::tree::HashSeed;
use paddock_engine::txn::{CreateKind, Txn, TxnHeader, write_digest};

/// Of the trees that are made here.
pub const SEED: HashSeed = HashSeed([7; 16]);
const PATHS: usize = 12;
const SESSIONS: usize = 3;

/// A transaction, and what the state is after it, which tells of all before it too.
#[derive(Clone)]
struct Entry {
    bytes: Vec<u8>,
    digest: u64,
    sessions: Vec<(i64, i32)>,
}

/// What a server's log and state are made of, from the first transaction on.
#[derive(Clone, Default)]
pub struct History(Vec<Entry>);

impl History {
    /// The last transaction; they are counted from 1.
    pub fn last(&self) -> i64 {
        self.0.len() as i64
    }

    /// The same without what comes after a transaction.
    pub fn up_to(&self, zxid: i64) -> History {
        History(self.0[..usize::try_from(zxid).unwrap()].to_vec())
    }

    /// The state after the last transaction.
    pub fn state(&self) -> Database {
        let mut database = Database::new(SEED, Rules::default());
        for (zxid, entry) in (1..).zip(&self.0) {
            database.replay(Zxid(zxid), &entry.bytes).expect("what was written can be replayed");
        }
        database
    }

    pub fn bytes(&self, zxid: i64) -> Option<&[u8]> {
        self.0.get(usize::try_from(zxid - 1).ok()?).map(|entry| &entry.bytes[..])
    }

    /// What is wrong with a state that claims to be that after its last transaction.
    pub fn check(&self, database: &Database) -> Result<(), String> {
        let zxid = database.last_zxid().0;
        let fresh = Database::new(SEED, Rules::default());
        let (digest, sessions) = match self.0.get((zxid as usize).wrapping_sub(1)) {
            Some(entry) => (entry.digest, entry.sessions.clone()),
            None if zxid == 0 => (fresh.tree().digest(), Vec::new()),
            None => return Err(format!("nobody has ever written transaction {zxid}")),
        };
        if database.tree().digest() != digest {
            return Err(format!("the tree at transaction {zxid} is another one"));
        }
        if database.sessions().collect::<Vec<_>>() != sessions {
            return Err(format!("the sessions at transaction {zxid} are others"));
        }
        Ok(())
    }

    /// Draws the next transaction, and applies it.
    pub fn write(&mut self, database: &mut Database, draws: &mut Seeded) -> (Zxid, Vec<u8>) {
        let zxid = self.last() + 1;
        let session = draws.choose(SESSIONS) as i64 + 1;
        let path = format!("/znode-{}", draws.choose(PATHS));
        // Sometimes longer than a sector, sometimes than several groups of others.
        let length = [0, 10, 300, 700, 5000][draws.choose(5)];
        let data: Vec<u8> = (0..length).map(|at| (zxid as usize * 31 + at) as u8).collect();
        let txn = match draws.choose(10) {
            0 => Txn::CreateSession { timeout: 4000 + zxid as i32 },
            1 => {
                let paths = database.ephemerals_of(session).map(|path| Cow::Owned(path.to_owned()));
                Txn::CloseSession { ephemerals: Some(paths.collect()) }
            }
            2 | 3 => Txn::Delete { path: Cow::Owned(path) },
            4 | 5 => Txn::SetData { path: Cow::Owned(path), data: Some(&data), version: zxid as i32 },
            kind => {
                let kind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: kind == 6 };
                Txn::Create { kind, path: Cow::Owned(path), data: Some(&data), acl: None, parent_cversion: -1 }
            }
        };
        let header = TxnHeader { client: session, cxid: 1, zxid, time: zxid };
        let mut bytes = Vec::new();
        txn.write(&header, &mut bytes);
        database.apply(&header, &txn, None);
        let digest = database.tree().digest();
        write_digest(digest, &mut bytes);
        self.0.push(Entry { bytes: bytes.clone(), digest, sessions: database.sessions().collect() });
        (Zxid(zxid), bytes)
    }
}
