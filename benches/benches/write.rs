//! What a write costs the replica's thread, without sockets and disk: order, encode into a group, apply, and a version
//! of every 64.
//!
//! Prints nanoseconds for each write, the median of the rounds. The work is the same in every run, so that instructions can be counted where
//! time is uneven: the difference between two counts of rounds is the cost of the writes alone.
//!
//! ```text
//! cargo bench --bench write -- ROUNDS ZNODES
//! valgrind --tool=callgrind target/release/deps/write-... 2 1000
//! ```
#![allow(clippy::print_stdout)] // A bench is a command.

use std::time::Instant;

use paddock_engine::admit::admit;
use paddock_engine::apply::Effects;
use paddock_engine::database::{Database, Rules};
use paddock_engine::jute::Write;
use paddock_engine::order::Caller;
use paddock_engine::request::opcode;
use paddock_engine::tree::{HashSeed, Reader};
use paddock_engine::txn::{Txn, TxnHeader, write_digest};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SESSION: i64 = 0x0100_0000_0000_0001;
const PER_VERSION: u64 = 64;
const WRITES: u64 = 6400;
const DATA: [u8; 100] = [b'd'; 100];

struct Replica {
    database: Database,
    reader: Reader,
    effects: Effects,
    log: Vec<u8>,
    body: Vec<u8>,
    writes: u64,
}

impl Replica {
    fn new() -> Replica {
        let mut database = Database::new(HashSeed([7; 16]), Rules::default());
        let sealed = database.tree_mut().seal();
        database.tree_mut().publish(sealed);
        let reader = database.tree_mut().reader();
        let mut replica =
            Replica { database, reader, effects: Effects::default(), log: Vec::new(), body: Vec::new(), writes: 0 };
        let txn = Txn::CreateSession { timeout: 10_000 };
        replica.propose(&txn);
        replica.create("/parent");
        replica
    }

    fn next_header(&self) -> TxnHeader {
        let zxid = self.database.last_zxid().next().expect("there are fewer writes than zxids");
        TxnHeader { client: SESSION, cxid: 1, zxid: zxid.0, time: 1 }
    }

    fn propose(&mut self, txn: &Txn<'_>) {
        let header = self.next_header();
        self.effects.reply.clear();
        txn.write(&header, &mut self.log);
        self.database.apply(&header, txn, Some(&mut self.effects));
        write_digest(self.database.tree().digest(), &mut self.log);
        self.writes += 1;
        if self.writes.is_multiple_of(PER_VERSION) {
            self.commit();
        }
    }

    fn commit(&mut self) {
        let tree = self.database.tree_mut();
        let sealed = tree.seal();
        self.reader.advance(tree.publish(sealed));
        self.reader.let_go();
        while tree.reclaim() {}
        self.effects.events = Default::default();
        self.log.clear();
    }

    fn write(&mut self, opcode: i32) {
        let body = std::mem::take(&mut self.body);
        let caller = Caller { ids: &[], is_local: false, has_moved: false };
        let operation = admit(opcode, &body, false).expect("the write can be decoded");
        let txn = self.database.order(&self.next_header(), &operation, caller).expect("it changes something");
        assert!(!matches!(txn, Txn::Error(_)), "the write is allowed");
        self.propose(&txn);
        drop((txn, operation));
        self.body = body;
        self.body.clear();
    }

    fn create(&mut self, path: &str) {
        self.body.put_string(path);
        self.body.put_buffer(Some(&DATA));
        paddock_engine::acl::write(&None, &mut self.body);
        self.body.put_i32(0);
        self.write(opcode::CREATE);
    }

    fn set_data(&mut self, path: &str) {
        self.body.put_string(path);
        self.body.put_buffer(Some(&DATA));
        self.body.put_i32(-1);
        self.write(opcode::SET_DATA);
    }

    fn delete(&mut self, path: &str) {
        self.body.put_string(path);
        self.body.put_i32(-1);
        self.write(opcode::DELETE);
    }
}

fn path_of(index: u64) -> String {
    format!("/parent/with-a-name-of-bytes-{index:06}")
}

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let [rounds, znodes] = numbers[..] else { return run(20, 200_000) };
    run(rounds, znodes);
}

fn run(rounds: u64, znodes: u64) {
    let mut replica = Replica::new();
    (0..znodes).for_each(|index| replica.create(&path_of(index)));
    let (mut sets, mut creates, mut deletes) = (Vec::new(), Vec::new(), Vec::new());
    let mut random = 1u64;
    for _ in 0..rounds {
        let timed = |times: &mut Vec<f64>, write: &mut dyn FnMut(u64)| {
            let start = Instant::now();
            (0..WRITES).for_each(write);
            times.push(start.elapsed().as_nanos() as f64 / WRITES as f64);
        };
        let fresh = |index: u64| format!("/parent/fresh-one-{index:06}-of-35-byte");
        timed(&mut sets, &mut |_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            replica.set_data(&path_of((random >> 33) % znodes));
        });
        timed(&mut creates, &mut |index| replica.create(&fresh(index)));
        timed(&mut deletes, &mut |index| replica.delete(&fresh(index)));
    }
    for (what, times) in [("set", &mut sets), ("create", &mut creates), ("delete", &mut deletes)] {
        times.sort_unstable_by(f64::total_cmp);
        println!("{what}: {:.0} ns", times.get(times.len() / 2).unwrap_or(&0.0));
    }
}
