//! A server without sockets and disk, for the fuzz targets: what a reactor and the replica do with a request, and
//! beside it a second database that is fed nothing but the log. The two must never differ.

pub mod caller;

use std::ops::ControlFlow;

use paddock_engine::acl::{Authority, Id};
use paddock_engine::admit::admit;
use paddock_engine::answer::ReplyForm;
use paddock_engine::apply::Effects;
use paddock_engine::database::{Database, Rules};
use paddock_engine::order::Caller;
use paddock_engine::tree::{ExtendedTypes, HashSeed, Tree};
use paddock_engine::txn::{Txn, TxnHeader, write_digest};
use paddock_net::read::{self, ReadCaller, ReadContext, ReadFigures};
use paddock_net::status::{Figures, ReactorStatus, Status};
use paddock_net::watch::Watches;

/// The session that asks.
pub const SESSION: i64 = 0x1000_0000_0000_0001;

/// A reply may be longer than its request by what the tree holds, which all came in requests. Beyond this it is a bug.
const REPLY_MAX: usize = 64 << 20;

/// The longest frame, bytes.
const FRAME_MAX: usize = 0xf_ffff;

pub struct World {
    database: Database,
    replica: Database,
    authority: Authority,
    watches: Watches,
    figures: ReadFigures,
    effects: Effects,
    told: Vec<u32>,
    ids: Vec<Id>,
}

impl Default for World {
    fn default() -> World {
        World::new()
    }
}

impl World {
    pub fn new() -> World {
        let authority = Authority::default();
        let rules = Rules { extended_types: ExtendedTypes::On, enforce_quota: true, ..Rules::default() };
        let fresh = || Database::new(HashSeed(*b"0123456789abcdef"), rules.clone());
        let status = Status { reactors: vec![ReactorStatus::default()], ..Status::default() };
        let mut world = World {
            database: fresh(),
            replica: fresh(),
            watches: Watches::default(),
            figures: ReadFigures::new(Figures::new(status.into(), 0)),
            effects: Effects::default(),
            told: Vec::new(),
            ids: vec![Id { scheme: "ip".into(), id: "127.0.0.1".into() }],
            authority,
        };
        world.commit(&Txn::CreateSession { timeout: 4000 });
        world
    }

    /// One request, read or write, as its opcode says.
    pub fn ask(&mut self, opcode: i32, body: &[u8]) {
        if read::is_read(opcode) { self.read(opcode, body) } else { self.write(opcode, body) }
    }

    fn read(&mut self, opcode: i32, body: &[u8]) {
        let mut out = Vec::new();
        let mut context = ReadContext {
            view: self.database.tree().head(),
            zxid: self.database.last_zxid().0,
            authority: &self.authority,
            watches: &mut self.watches,
            figures: &mut self.figures,
            frame_max: FRAME_MAX,
        };
        let caller = ReadCaller { slot: 1, ids: &self.ids, keeper: true };
        if let ControlFlow::Break(mut count) = read::answer(&mut context, caller, 1, opcode, body, &mut out) {
            while count.go_on(self.database.tree().head()).is_none() {}
        }
        assert!(out.len() <= REPLY_MAX, "a reply of {} bytes", out.len());
        frames_are_whole(&out);
    }

    fn write(&mut self, opcode: i32, body: &[u8]) {
        let Ok(operation) = admit(opcode, body, true) else { return };
        let ids = self.ids.clone();
        let caller = Caller { ids: &ids, is_local: false, has_moved: false };
        let ordered = self.database.order(&self.next_header(), &operation, caller);
        ordered.iter().for_each(|txn| self.commit(txn));
        let form = ReplyForm::of(&operation, &ordered.unwrap_or(Txn::Multi(Vec::new())));
        let body = form.expect("the transaction became of the operation").body(&self.effects.reply).len();
        assert!(body <= REPLY_MAX, "a reply of {body} bytes");
    }

    fn next_header(&self) -> TxnHeader {
        let zxid = self.database.last_zxid().next().expect("there are fewer requests than zxids");
        TxnHeader { client: SESSION, cxid: 1, zxid: zxid.0, time: 1_000_000 + zxid.0 }
    }

    /// Logs and applies the transaction, and replays the log's bytes on the other side.
    fn commit(&mut self, txn: &Txn<'_>) {
        let header = self.next_header();
        let mut logged = Vec::new();
        txn.write(&header, &mut logged);
        self.effects.reply.clear();
        self.effects.events = Default::default();
        self.database.apply(&header, txn, Some(&mut self.effects));
        if txn.takes_digest() {
            write_digest(self.database.tree().digest(), &mut logged);
        }
        for event in self.effects.events.iter() {
            self.watches.trigger(event.kind, event.path, &mut self.told);
        }
        self.replica.replay(self.database.last_zxid(), &logged).unwrap_or_else(|error| panic!("what was written is replayed: {error}"));
        assert_eq!(self.replica.tree().digest(), self.database.tree().digest(), "a replay makes another tree");
        assert_eq!(self.replica.tree().len(), self.database.tree().len(), "a replay makes another tree");
        assert_eq!(self.replica.ephemeral_count(), self.database.ephemeral_count(), "a replay makes other ephemerals");
    }
}

/// Replays one encoded transaction after another, as a log or another server brings them: each in the next place, by the
/// session that there is or by one of its own. Whatever they are, the tree stays whole.
pub fn replay<'t>(transactions: impl IntoIterator<Item = &'t [u8]>) {
    let mut world = World::new();
    let database = &mut world.database;
    for transaction in transactions {
        let zxid = database.last_zxid().next().unwrap();
        let mut bytes = transaction.to_vec();
        if let Some(place) = bytes.get_mut(ZXID_AT..ZXID_AT + 8) {
            place.copy_from_slice(&zxid.0.to_be_bytes());
        }
        if let Err(error) = database.replay(zxid, &bytes) {
            assert!(error.to_string().len() < ERROR_MAX, "a reason is a line: {error}");
        }
        is_whole(database.tree());
    }
}

/// Where the zxid stands in a transaction, and how long a reason for refusing one may be, bytes.
const ZXID_AT: usize = 12;
const ERROR_MAX: usize = 1000;

/// Every znode is named by its parent, and every name is a znode's.
fn is_whole(tree: &Tree) {
    let mut named = 1;
    tree.for_each(|znode| {
        named += znode.num_children() as usize;
        let parent = if znode.path() == "/" { "" } else { znode.path() };
        for name in znode.children() {
            let path = format!("{parent}/{name}");
            assert!(tree.get(&path).is_some(), "{path:?} is named and is not there");
        }
    });
    assert_eq!(named, tree.len(), "a znode that nobody names");
}

/// Everything that is sent is a frame with at least a reply header.
fn frames_are_whole(mut out: &[u8]) {
    while !out.is_empty() {
        let (length, rest) = out.split_first_chunk::<4>().expect("a frame has a length");
        let length = i32::from_be_bytes(*length);
        assert!(length >= 16 && length as usize <= rest.len(), "a frame of {length} bytes, {} follow", rest.len());
        out = &rest[length as usize..];
    }
}

/// Cuts fuzzed bytes into requests: an opcode of one byte, a length of two, the body.
pub fn requests(mut data: &[u8]) -> impl Iterator<Item = (i32, &[u8])> {
    std::iter::from_fn(move || {
        let (&[opcode, high, low], rest) = data.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (body, rest) = rest.split_at(length);
        data = rest;
        Some((i32::from(opcode), body))
    })
}
