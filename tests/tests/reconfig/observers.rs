//! An ensemble is changed while followers serve its observers (`observerMasterPort`).

use crate::ensemble::{Ensemble, OBSERVER, PARTICIPANT, joining, reconfigure};
use paddock_tests::server::{DEADLINE, Kind, four_letter_word, free_port};

/// How many observers a leader has.
fn observers_of(ensemble: &Ensemble, leader: u32) -> Option<u32> {
    let monitored = four_letter_word(ensemble.server(leader).address(), "mntr", DEADLINE).expect("it serves");
    monitored.lines().find_map(|line| line.strip_prefix("zk_synced_observers"))?.trim().parse().ok()
}

/// Observers come, one by the other; one is to vote, and a follower to observe; and the leader goes.
#[test]
fn observers_of_followers_hear_of_every_change() {
    let port = free_port().to_string();
    let ensemble = Ensemble::with(&[("observerMasterPort", &port)]).at_own_addresses();
    let mut ensemble = ensemble.and_start(&[Kind::Paddock; 3]);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    for (id, at) in [(4, leader), (5, 4)] {
        ensemble.join(id, Kind::Paddock, OBSERVER);
        let config = reconfigure(&mut ensemble.master(at), &joining(&[ensemble.line(id, OBSERVER)]));
        ensemble.wait_for_config(&ensemble.ids(), &config);
        ensemble.wait_for_mode(id, "observer");
        ensemble.assert_serves(&ensemble.ids(), &format!("with-{id}"));
    }
    assert_eq!(observers_of(&ensemble, leader), Some(0), "the leader is not asked");

    let config = reconfigure(&mut ensemble.master(5), &joining(&[ensemble.line(4, PARTICIPANT)]));
    ensemble.wait_for_mode(4, "follower");
    ensemble.wait_for_config(&ensemble.ids(), &config);

    let follower = (1..=3).find(|id| *id != leader).expect("there are three");
    let config = reconfigure(&mut ensemble.master(leader), &joining(&[ensemble.line(follower, OBSERVER)]));
    ensemble.wait_for_mode(follower, "observer");
    ensemble.wait_for_config(&ensemble.ids(), &config);
    ensemble.assert_serves(&ensemble.ids(), "other-parts");
    assert_eq!(observers_of(&ensemble, leader), Some(0), "the leader is not asked");

    let config = ensemble.remove_leader(leader, 4);
    let rest: Vec<u32> = ensemble.ids().into_iter().filter(|id| *id != leader).collect();
    let next = ensemble.wait_for_leader(&rest);
    ensemble.wait_for_config(&rest, &config);
    [5, follower].iter().for_each(|id| ensemble.wait_for_mode(*id, "observer"));
    ensemble.assert_serves(&rest, "without-the-leader");
    assert_eq!(observers_of(&ensemble, next), Some(0), "the leader is not asked");
    ensemble.assert_content();
}
