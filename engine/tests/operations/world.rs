//! A database with one session, and the records that clients send.

use paddock_engine::acl::{AclTable, Id};
use paddock_engine::admit::admit;
use paddock_engine::answer::ReplyForm;
use paddock_engine::apply::Effects;
use paddock_engine::database::{Database, Rules};
use paddock_engine::error::Code;
use paddock_engine::event::EventKind;
use paddock_engine::jute::{Reader, Write};
use paddock_engine::order::Caller;
use paddock_engine::replay::Before;
use paddock_engine::request::opcode;
use paddock_engine::tree::HashSeed;
use paddock_engine::txn::{Txn, TxnHeader, write_digest};

pub const SESSION: i64 = 0x77;

/// What a write can fail with.
const CODES: [Code; 14] = [
    Code::Marshalling,
    Code::Unimplemented,
    Code::BadArguments,
    Code::NoNode,
    Code::NoAuth,
    Code::BadVersion,
    Code::NoChildrenForEphemerals,
    Code::NodeExists,
    Code::NotEmpty,
    Code::SessionExpired,
    Code::InvalidAcl,
    Code::SessionMoved,
    Code::ReconfigDisabled,
    Code::QuotaExceeded,
];

/// A database, the log of what was applied to it, and a follower, which has nothing but that log.
pub struct World {
    pub database: Database,
    log: Vec<Vec<u8>>,
    effects: Effects,
    follower: Database,
    follower_effects: Effects,
    rules: Rules,
}

fn fresh(rules: &Rules) -> Database {
    Database::new(HashSeed(*b"sixteen byte key"), rules.clone())
}

impl World {
    pub fn new() -> World {
        World::with(Rules::default())
    }

    pub fn with(rules: Rules) -> World {
        let mut world = World {
            database: fresh(&rules),
            log: Vec::new(),
            effects: Effects::default(),
            follower: fresh(&rules),
            follower_effects: Effects::default(),
            rules,
        };
        world.apply(SESSION, &Txn::CreateSession { timeout: 4000 });
        world
    }

    pub fn apply(&mut self, client: i64, txn: &Txn<'_>) {
        let header = self.next_header(client);
        let mut record = Vec::new();
        txn.write(&header, &mut record);
        self.effects.reply.clear();
        self.database.apply(&header, txn, Some(&mut self.effects));
        if txn.takes_digest() {
            write_digest(self.database.tree().digest(), &mut record);
        }
        self.keep(record);
    }

    /// Logs the record, and has the follower apply it.
    fn keep(&mut self, record: Vec<u8>) {
        self.follower_effects.reply.clear();
        let (zxid, effects) = (self.database.last_zxid(), Some(&mut self.follower_effects));
        let read = self.follower.apply_record(zxid, &record, Before::Exact, effects).expect("it was ordered");
        assert_eq!(self.follower.tree().digest(), self.database.tree().digest());
        assert!(read.digest.is_none_or(|digest| digest == self.follower.tree().digest()));
        self.log.push(record);
    }

    /// The same as [`World::apply`], in steps of so many.
    pub fn apply_in_steps(&mut self, client: i64, txn: &Txn<'_>, steps: usize) {
        let header = self.next_header(client);
        self.effects.reply.clear();
        let mut application = self.database.begin(&header, txn);
        while !self.database.go_on(&mut application, &mut { steps }, Some(&mut self.effects)) {
            assert_eq!(self.next_header(client), header, "until all is applied, the head is after nothing new");
        }
        self.keep(application.into_record(&self.database));
    }

    /// The record of the last transaction.
    pub fn last_record(&self) -> &[u8] {
        self.log.last().unwrap()
    }

    /// The header of the next transaction.
    pub fn next_header(&self, client: i64) -> TxnHeader {
        let zxid = self.database.last_zxid().next().unwrap();
        TxnHeader { client, cxid: 1, zxid: zxid.0, time: 1000 + zxid.0 }
    }

    /// What a client gets: the body of the reply, or the error.
    pub fn ask(&mut self, opcode: i32, body: &[u8]) -> Result<Vec<u8>, Code> {
        self.ask_with(opcode, body, false)
    }

    /// The same of a client who may ask for Keeper's operations too. The follower, which has nothing but the request and the
    /// record, answers the same.
    pub fn ask_with(&mut self, opcode: i32, body: &[u8], with_keepers: bool) -> Result<Vec<u8>, Code> {
        let ids = [Id { scheme: "ip".into(), id: "127.0.0.1".into() }];
        let operation = admit(opcode, body, with_keepers)?;
        let caller = Caller { ids: &ids, is_local: false, has_moved: false };
        let ordered = self.database.order(&self.next_header(SESSION), &operation, caller);
        let of = |txn: &Txn<'_>| ReplyForm::of(&operation, txn).expect("it became of this operation");
        let form = of(ordered.as_ref().unwrap_or(&Txn::Multi(Vec::new())));
        if let Some(txn) = &ordered {
            self.apply(SESSION, txn);
            let read = Txn::read(self.last_record(), &mut AclTable::default()).unwrap();
            let followers = of(&read.txn);
            assert_eq!(followers.code(), form.code());
            assert_eq!(followers.body(&self.follower_effects.reply), form.body(&self.effects.reply));
        }
        match form.code() {
            0 => Ok(form.body(&self.effects.reply).into_owned()),
            number => Err(CODES.into_iter().find(|code| code.number() == number).expect("it is among those known")),
        }
    }

    /// The body of the last reply.
    pub fn reply(&self) -> &[u8] {
        &self.effects.reply
    }

    pub fn create(&mut self, path: &str, flags: i32) -> Result<String, Code> {
        let reply = self.ask(opcode::CREATE, &create(path, flags))?;
        Ok(Reader::new(&reply).string().unwrap().unwrap().into_owned())
    }

    pub fn delete(&mut self, path: &str) -> Result<(), Code> {
        self.ask(opcode::DELETE, &versioned(path, -1)).map(drop)
    }

    /// The events since they were asked for last, as they are told, with their transactions and lists.
    pub fn whole_events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.effects.events).iter().map(|event| format!("{event:?}")).collect()
    }

    pub fn events(&mut self) -> Vec<(EventKind, String)> {
        let events = std::mem::take(&mut self.effects.events);
        events.iter().map(|event| (event.kind, event.path.to_owned())).collect()
    }

    /// The log gives the same state again, by the same digests.
    pub fn assert_replays(&self) {
        let mut again = fresh(&self.rules);
        let mut acls = Default::default();
        for record in &self.log {
            let read = Txn::read(record, &mut acls).unwrap();
            again.apply(&read.header, &read.txn, None);
            assert_eq!(read.digest, read.txn.takes_digest().then(|| again.tree().digest()));
        }
        assert_eq!(again.tree().len(), self.database.tree().len());
        assert_eq!(again.ephemeral_count(), self.database.ephemeral_count());
    }
}

pub fn create(path: &str, flags: i32) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_string(path);
    body.put_buffer(Some(b"x"));
    body.put_i32(1);
    body.put_i32(31);
    body.put_string("world");
    body.put_string("anyone");
    body.put_i32(flags);
    body
}

pub fn versioned(path: &str, version: i32) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_string(path);
    body.put_i32(version);
    body
}

pub fn multi(members: &[(i32, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (opcode, member) in members {
        body.put_i32(*opcode);
        body.put_bool(false);
        body.put_i32(-1);
        body.extend_from_slice(member);
    }
    body.put_i32(-1);
    body.put_bool(true);
    body.put_i32(-1);
    body
}

/// The result types and codes of a multi whose results have no bodies but errors' and create's.
pub fn results(mut reply: &[u8]) -> Vec<(i32, i32)> {
    let mut found = Vec::new();
    loop {
        let mut reader = Reader::new(reply);
        let (kind, done, code) = (reader.i32().unwrap(), reader.bool().unwrap(), reader.i32().unwrap());
        if done {
            return found;
        }
        found.push((kind, code));
        match kind {
            -1 => {
                reader.i32().unwrap();
            }
            opcode::CREATE => drop(reader.string().unwrap()),
            opcode::CREATE2 => {
                reader.string().unwrap();
                for _ in 0..17 {
                    reader.i32().unwrap();
                }
            }
            _ => {}
        }
        reply = reader.rest();
    }
}
