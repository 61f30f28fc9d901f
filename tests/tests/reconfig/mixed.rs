//! Paddock and ZooKeeper beside each other.

use crate::ensemble::{Ensemble, OBSERVER, PARTICIPANT, joining, reconfigure};
use paddock_tests::server::Kind::{self, Paddock, ZooKeeper};

/// The last of them leads: of two without a history it is the one with the larger id.
fn start(kinds: [Kind; 3]) -> Ensemble {
    let ensemble = Ensemble::with(&[]).and_start_by_turns(&kinds, &[&[3, 1], &[2]]);
    assert_eq!(ensemble.wait_for_leader(&ensemble.ids()), 3);
    ensemble
}

/// One of each kind comes, and one goes.
fn come_and_go(mut ensemble: Ensemble) {
    for (id, kind) in [(4, Paddock), (5, ZooKeeper)] {
        ensemble.join(id, kind, OBSERVER);
        reconfigure(&mut ensemble.master(1), &joining(&[ensemble.line(id, OBSERVER)]));
        ensemble.wait_for_mode(id, "observer");
        let config = reconfigure(&mut ensemble.master(1), &joining(&[ensemble.line(id, PARTICIPANT)]));
        ensemble.wait_for_mode(id, "follower");
        ensemble.wait_for_config(&ensemble.ids(), &config);
        ensemble.assert_serves(&ensemble.ids(), &format!("with-{id}"));
    }
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    let rest: Vec<u32> = ensemble.ids().into_iter().filter(|id| *id != leader).collect();
    let config = ensemble.remove_leader(leader, rest[0]);
    ensemble.wait_for_leader(&rest);
    ensemble.wait_for_config(&rest, &config);
    ensemble.assert_serves(&rest, "without-the-leader");
    ensemble.server(leader).terminate();
    ensemble.start_again(&rest);
    ensemble.wait_for_config(&rest, &config);
    ensemble.assert_serves(&rest, "again");
}

#[test]
fn a_zookeeper_is_changed_with_paddocks_that_follow() {
    come_and_go(start([Paddock, Paddock, ZooKeeper]));
}

#[test]
fn a_paddock_is_changed_with_zookeepers_that_follow() {
    come_and_go(start([ZooKeeper, ZooKeeper, Paddock]));
}
