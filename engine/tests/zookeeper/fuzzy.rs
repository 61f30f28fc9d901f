//! ZooKeeper writes a snapshot while the tree changes. With the log behind it, it is the state all the same.

use paddock_engine::io::Files;
use paddock_engine::zookeeper::recover;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use proptest::sample::select;

use super::history::{History, Op, content};
use super::place::{Place, settings};
use super::raw::RawSnapshot;

fn op() -> impl Strategy<Value = Op> {
    (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(kind, path, argument)| Op { kind, path, argument })
}

/// What a snapshot says about its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SnapshotDigest {
    None,
    /// Of the state in which the last znode was written.
    Exact,
    /// Of the transaction before that: the last one was applied, but not yet told of.
    Late,
}

/// `meanwhile` has, for each znode that is written, the operations that come before it.
fn written_meanwhile(before: &[Op], meanwhile: &[Vec<Op>], after: &[Op], digest: SnapshotDigest) {
    let place = Place::new();
    let mut history = History::new();
    before.iter().for_each(|op| history.try_op(*op));
    let zxid = history.database.last_zxid();
    let mut snapshot = RawSnapshot::begin(&history.database);
    let told = |history: &History| (history.database.last_zxid(), history.database.tree().digest());
    let mut late = told(&history);
    for ops in meanwhile {
        for op in ops {
            late = told(&history);
            history.try_op(*op);
        }
        snapshot.step(&history.database);
    }
    snapshot.end(&history.database);
    let told = if digest == SnapshotDigest::Late { late } else { told(&history) };
    if digest != SnapshotDigest::None {
        snapshot.digest(told.0, told.1);
        snapshot.last_zxid(told.0);
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
    for digest in [SnapshotDigest::None, SnapshotDigest::Exact, SnapshotDigest::Late] {
        written_meanwhile(&[op(create, parent)], &[came_back.to_vec()], &[], digest);
    }
}

/// The same where it went with a session.
#[test]
fn an_ephemeral_whose_path_came_back_with_a_child_is_as_it_came_back() {
    let (set_data, create, close) = (7, 0, 9);
    let op = |kind, path, argument| Op { kind, path, argument };
    let (parent, child, ephemeral, persistent) = (0, 8, 5, 1);
    let came_back = [
        op(set_data, parent, ephemeral),
        op(close, parent, ephemeral),
        // The session begins anew.
        op(close, parent, ephemeral),
        op(create, parent, persistent),
        op(create, child, persistent),
    ];
    for digest in [SnapshotDigest::None, SnapshotDigest::Exact, SnapshotDigest::Late] {
        written_meanwhile(&[op(create, parent, ephemeral)], &[came_back.to_vec()], &[], digest);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_snapshot_written_meanwhile_and_its_log_are_the_state(
        before in vec(op(), 0..40),
        meanwhile in vec(vec(op(), 0..12), 0..16),
        after in vec(op(), 0..20),
        digest in select([SnapshotDigest::None, SnapshotDigest::Exact, SnapshotDigest::Late].to_vec()),
    ) {
        written_meanwhile(&before, &meanwhile, &after, digest);
    }
}
