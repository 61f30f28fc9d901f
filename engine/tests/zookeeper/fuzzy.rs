//! ZooKeeper writes a snapshot while the tree changes. With the log behind it, it is the state all the same.

use paddock_engine::io::Files;
use paddock_engine::zookeeper::recover;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};

use super::history::{History, Op, content};
use super::place::{Place, settings};
use super::raw::RawSnapshot;

fn op() -> impl Strategy<Value = Op> {
    (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(kind, path, argument)| Op { kind, path, argument })
}

/// `meanwhile` has, for each znode that is written, the operations that come before it.
fn written_meanwhile(before: &[Op], meanwhile: &[Vec<Op>], after: &[Op], has_digest: bool) {
    let place = Place::new();
    let mut history = History::new();
    before.iter().for_each(|op| history.try_op(*op));
    let zxid = history.database.last_zxid();
    let mut snapshot = RawSnapshot::begin(&history.database);
    for ops in meanwhile {
        ops.iter().for_each(|op| history.try_op(*op));
        snapshot.step(&history.database);
    }
    snapshot.end(&history.database);
    if has_digest {
        snapshot.digest(history.database.last_zxid(), history.database.tree().digest());
        snapshot.last_zxid(history.database.last_zxid());
    }
    snapshot.write(&place.files(), zxid);
    after.iter().for_each(|op| history.try_op(*op));
    history.write_log(&place.files(), history.records[0].0);
    let recovered = recover(&Files::Real, &place.directories(), &settings()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(content(&recovered.database), history.content());
}

/// The znode was written after it had been deleted and created again, now with a child. Its deletion is replayed all the
/// same, and what is set before that is of its first life.
#[test]
fn a_znode_that_came_back_with_a_child_is_as_it_came_back() {
    let (set_data, delete, create) = (7, 4, 0);
    let op = |kind, path| Op { kind, path, argument: 1 };
    let (parent, child) = (0, 8);
    let came_back = [op(set_data, parent), op(delete, parent), op(create, parent), op(create, child)];
    for has_digest in [false, true] {
        written_meanwhile(&[op(create, parent)], &[came_back.to_vec()], &[], has_digest);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_snapshot_written_meanwhile_and_its_log_are_the_state(
        before in vec(op(), 0..40),
        meanwhile in vec(vec(op(), 0..12), 0..16),
        after in vec(op(), 0..20),
        has_digest in any::<bool>(),
    ) {
        written_meanwhile(&before, &meanwhile, &after, has_digest);
    }
}
