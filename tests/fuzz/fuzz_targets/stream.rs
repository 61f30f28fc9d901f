//! The whole state as a leader of ZooKeeper's sends it: what can be read is written, and that is read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_consensus::Zxid;
use paddock_engine::database::{Database, Rules};
use paddock_engine::tree::{ExtendedTypes, HashSeed};
use paddock_engine::zookeeper::{InputArchive, OutputArchive, stream};

const LENGTH_MAX: usize = 1 << 20;

fn read(bytes: &[u8]) -> Option<Database> {
    let rules = Rules { extended_types: ExtendedTypes::On, ..Rules::default() };
    let mut archive = InputArchive::new(bytes, LENGTH_MAX);
    let content = stream::read(&mut archive, Zxid(7), HashSeed(*b"0123456789abcdef"), rules);
    content.ok().map(|content| content.database)
}

fn written(database: &Database) -> Vec<u8> {
    let sessions: Vec<(i64, i32)> = database.sessions().collect();
    let mut archive = OutputArchive::new(Vec::new());
    stream::write(&mut archive, &database.tree().head(), &sessions).expect("a Vec takes everything");
    archive.finish().expect("a Vec takes everything")
}

fuzz_target!(|data: &[u8]| {
    let Some(database) = read(data) else { return };
    let once = written(&database);
    let again = read(&once).expect("what was written can be read");
    assert_eq!(again.tree().digest(), database.tree().digest(), "the tree is another");
    assert_eq!(again.tree().len(), database.tree().len(), "the tree is another");
    assert_eq!(again.ephemeral_count(), database.ephemeral_count(), "the ephemerals are others");
    assert_eq!(written(&again).len(), once.len(), "what is written is another");
});
