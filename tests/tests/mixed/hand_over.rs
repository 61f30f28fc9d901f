//! A Paddock that leads ends in order, again and again, beside a ZooKeeper that follows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};

use paddock_tests::server::Kind;

use crate::clients::assert_same_trees;
use crate::ensemble::{Ensemble, Part};
use crate::rolling::{StopAtEnd, wait_for_writes};
use crate::writers::{Writer, Written};

/// With the smallest id: among equal histories it is not the one that leads.
const ZOOKEEPER: u32 = 1;
const IDS: [u32; 3] = [ZOOKEEPER, 2, 3];
const HAND_OVERS: usize = 4;

#[test]
fn a_paddock_hands_over_beside_a_zookeeper() {
    let mut ensemble = Ensemble::of(&[Part::Participant; 3]);
    ensemble.begin(2, Kind::Paddock);
    ensemble.begin(3, Kind::Paddock);
    assert_eq!(ensemble.wait_for_leader(&[2, 3]), 3);
    ensemble.begin(ZOOKEEPER, Kind::ZooKeeper);
    assert_eq!(ensemble.wait_for(ZOOKEEPER), "follower");
    let writers: Vec<Writer> = IDS.iter().map(|&id| Writer::begin(&ensemble, id)).collect();
    let progress: Vec<Arc<AtomicU32>> = writers.iter().map(Writer::acknowledged).collect();
    let stop = AtomicBool::new(false);
    let written: Vec<Written> = std::thread::scope(|scope| {
        let running: Vec<_> = writers.into_iter().map(|writer| scope.spawn(|| writer.run(&stop))).collect();
        {
            let _stop = StopAtEnd(&stop);
            for _ in 0..HAND_OVERS {
                let leader = ensemble.wait_for_leader(&IDS);
                wait_for_writes(&progress);
                ensemble.server(leader).terminate_in_peace();
                let others: Vec<u32> = IDS.into_iter().filter(|&id| id != leader).collect();
                ensemble.wait_for_leader(&others);
                wait_for_writes(&progress);
                ensemble.server(leader).spawn();
                ensemble.wait_for(leader);
            }
        }
        running.into_iter().map(|writer| writer.join().expect("a writer does not panic")).collect()
    });
    for written in &written {
        IDS.iter().for_each(|&id| written.assert_kept(&ensemble, id));
    }
    assert_same_trees(&ensemble);
    ensemble.assert_content();
}
