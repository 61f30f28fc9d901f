//! A Paddock that leads beside a ZooKeeper that follows it: it ends in order, again and again; and it does not begin another
//! epoch on a link of which the other side knows nothing of that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};

use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, poll_until};

use crate::clients::assert_same_trees;
use crate::ensemble::{Ensemble, Part};
use crate::rolling::{StopAtEnd, wait_for_writes};
use crate::writers::{Writer, Written};

/// With the smallest id: among equal histories it is not the one that leads.
const ZOOKEEPER: u32 = 1;
const IDS: [u32; 3] = [ZOOKEEPER, 2, 3];
const HAND_OVERS: usize = 4;

/// Server 3 leads.
fn begin(mut ensemble: Ensemble) -> Ensemble {
    ensemble.begin(2, Kind::Paddock);
    ensemble.begin(3, Kind::Paddock);
    assert_eq!(ensemble.wait_for_leader(&[2, 3]), 3);
    ensemble.begin(ZOOKEEPER, Kind::ZooKeeper);
    assert_eq!(ensemble.wait_for(ZOOKEEPER), "follower");
    ensemble
}

#[test]
fn an_epoch_is_not_renewed_beside_a_zookeeper_and_is_without_it() {
    let ensemble = begin(Ensemble::of(&[Part::Participant; 3]).property("paddock.ensemble.renewFrom", "20"));
    let mut client = ensemble.connect(3);
    let path = "/written";
    client.ok(&Request::create(path, b"", flags::PERSISTENT));
    let epoch = client.last_zxid >> 32;
    let mut write = |times: usize| {
        (0..times).for_each(|_| drop(client.ok(&Request::set_data(path, b"again", -1))));
        client.last_zxid
    };
    let zxid = write(60);
    assert!(zxid >> 32 == epoch && zxid & 0xffff_ffff > 60, "{zxid:#x} behind epoch {epoch}");
    ensemble.server(ZOOKEEPER).kill();
    let renewed = poll_until(DEADLINE, || (write(1) >> 32 > epoch).then_some(()));
    assert!(renewed.is_some(), "the epoch is still {epoch}");
    // It comes back to a leader of that epoch.
    ensemble.server(ZOOKEEPER).spawn();
    assert_eq!(ensemble.wait_for(ZOOKEEPER), "follower");
    write(10);
    assert_same_trees(&ensemble);
    ensemble.assert_content();
}

#[test]
fn a_paddock_hands_over_beside_a_zookeeper() {
    let ensemble = begin(Ensemble::of(&[Part::Participant; 3]));
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
