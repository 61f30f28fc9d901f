//! What a step of a long transaction costs, with a million znodes below one parent: the end of a session that has them as
//! ephemerals, with and without their list, and the count that a new quota above them begins with.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use paddock_engine::apply::Effects;
use paddock_engine::database::{Database, Rules};
use paddock_engine::tree::HashSeed;
use paddock_engine::txn::{CreateKind, Txn, TxnHeader};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ZNODES: i64 = 1_000_000;
const SESSION: i64 = 7;
const PERSISTENT: CreateKind = CreateKind::Plain { opcode: 1, ephemeral: false };
const EPHEMERAL: CreateKind = CreateKind::Plain { opcode: 1, ephemeral: true };
/// Of a turn.
const STEPS: usize = 256;

fn header(zxid: i64) -> TxnHeader {
    TxnHeader { client: SESSION, cxid: 0, zxid, time: 0 }
}

fn path_of(number: i64) -> String {
    // In an order that is not that of the names.
    format!("/many/instance-{:07}", number * 7_919 % ZNODES)
}

fn create(database: &mut Database, kind: CreateKind, path: &str, data: &[u8]) {
    let zxid = database.last_zxid().0 + 1;
    let create = Txn::Create { kind, path: path.into(), data: Some(data), acl: None, parent_cversion: -1 };
    database.apply(&header(zxid), &create, None);
}

/// A published database with a million znodes.
fn full(kind: CreateKind) -> Database {
    let mut database = Database::new(HashSeed([7; 16]), Rules::default());
    let begin = Txn::CreateSession { timeout: 30_000 };
    database.apply(&header(1), &begin, None);
    create(&mut database, PERSISTENT, "/many", b"");
    for number in 0..ZNODES {
        create(&mut database, kind, &path_of(number), &[b'd'; 100]);
    }
    database
}

/// How long all steps of the transaction take.
fn time_of(database: &mut Database, txn: &Txn<'_>) -> Duration {
    let mut application = database.begin(&header(database.last_zxid().0 + 1), txn);
    let mut effects = Effects::default();
    let start = Instant::now();
    while !database.go_on(&mut application, &mut { STEPS }, Some(&mut effects)) {}
    start.elapsed()
}

fn long_transactions(c: &mut Criterion) {
    let mut group = c.benchmark_group("a step of");
    group.throughput(Throughput::Elements(ZNODES as u64)).sample_size(10);
    let listed: Vec<String> = (0..ZNODES).map(path_of).collect();
    for (what, is_listed) in [("a session's end", false), ("a session's end that lists them", true)] {
        group.bench_function(what, |b| {
            b.iter_custom(|times| {
                let one = || {
                    let ephemerals = is_listed.then(|| listed.iter().map(|path| path.as_str().into()).collect());
                    time_of(&mut full(EPHEMERAL), &Txn::CloseSession { ephemerals })
                };
                (0..times).map(|_| one()).sum()
            });
        });
    }
    let mut database = full(PERSISTENT);
    let stats = "/zookeeper/quota/many/zookeeper_stats";
    create(&mut database, PERSISTENT, "/zookeeper/quota/many", b"");
    group.bench_function("a count for a quota", |b| {
        b.iter_custom(|times| {
            let mut one = || {
                let path = stats.into();
                let create = Txn::Create { kind: PERSISTENT, path, data: Some(b""), acl: None, parent_cversion: -1 };
                let took = time_of(&mut database, &create);
                let zxid = database.last_zxid().0 + 1;
                database.apply(&header(zxid), &Txn::Delete { path: stats.into() }, None);
                took
            };
            (0..times).map(|_| one()).sum()
        });
    });
    group.finish();
}

criterion_group!(benches, long_transactions);
criterion_main!(benches);
