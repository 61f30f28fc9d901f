//! A leader ends with proposals that are on its disk alone, and comes back to a leader of the other kind, which has them cut
//! off.

use std::fs;
use std::path::Path;

use paddock_tests::records::{err, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, poll_until};

use crate::clients::{assert_same_trees, write_at_every_server};
use crate::ensemble::{Ensemble, Part};

const NOBODY_ELSE_HAS: &str = "/nobody-else-has";
/// Proposals that nobody else has.
const PROPOSALS: usize = 20;
/// Of a ZooKeeper that leads, and of one that learns.
const SENT_TRUNC: &str = "Sending TRUNC to follower";
const TOOK_TRUNC: &str = "Truncating log to get in sync with the leader";

/// A server of id 3 leads two of the other kind, and comes back as the follower of one of them, whose id this gives.
fn come_back(kind: Kind, other: Kind) -> (Ensemble, u32) {
    let mut ensemble = Ensemble::of(&[Part::Participant; 3]);
    // Neither has a history, so that the larger id leads.
    ensemble.begin(3, kind);
    ensemble.begin(1, other);
    assert_eq!(ensemble.wait_for_leader(&[1, 3]), 3);
    ensemble.begin(2, other);
    assert_eq!(ensemble.wait_for(2), "follower");
    write_at_every_server(&ensemble, "/first");

    let mut client = ensemble.connect(3);
    for id in [1, 2] {
        ensemble.server(id).pause();
    }
    for number in 0..PROPOSALS {
        client.queue(&Request::create(&format!("{NOBODY_ELSE_HAS}-{number}"), b"", flags::PERSISTENT));
    }
    client.flush().expect("the leader takes requests");
    let last = format!("{NOBODY_ELSE_HAS}-{}", PROPOSALS - 1);
    let is_logged = || has(&ensemble.server(3).data_dir(), last.as_bytes()).then_some(());
    assert!(poll_until(DEADLINE, is_logged).is_some(), "the leader logs no proposals");
    for id in [3, 1, 2] {
        ensemble.server(id).kill();
    }
    for id in [1, 2] {
        ensemble.server(id).spawn();
    }
    let leader = ensemble.wait_for_leader(&[1, 2]);
    ensemble.server(3).spawn();
    assert_eq!(ensemble.wait_for(3), "follower");
    (ensemble, leader)
}

/// Whether a file in the directory, or below, has these bytes.
fn has(directory: &Path, bytes: &[u8]) -> bool {
    let Ok(entries) = fs::read_dir(directory) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return has(&path, bytes);
        }
        fs::read(path).is_ok_and(|content| content.windows(bytes.len()).any(|window| window == bytes))
    })
}

fn assert_gone(ensemble: &Ensemble) {
    for id in ensemble.ids() {
        let mut client = ensemble.connect(id);
        client.ok(&Request::sync("/"));
        for number in 0..PROPOSALS {
            let path = format!("{NOBODY_ELSE_HAS}-{number}");
            assert_eq!(client.code(&Request::exists(&path, false)), err::NO_NODE, "server {id}");
        }
    }
    write_at_every_server(ensemble, "/second");
    assert_same_trees(ensemble);
}

#[test]
fn a_zookeeper_cuts_off_what_a_paddock_alone_has() {
    let (ensemble, leader) = come_back(Kind::Paddock, Kind::ZooKeeper);
    ensemble.wait_for_words(leader, SENT_TRUNC, 1);
    assert_gone(&ensemble);
    ensemble.server(3).kill();
    ensemble.server(3).spawn();
    assert_eq!(ensemble.wait_for(3), "follower");
    assert_same_trees(&ensemble);
    ensemble.assert_content();
}

#[test]
fn a_paddock_cuts_off_what_a_zookeeper_alone_has() {
    let (ensemble, _) = come_back(Kind::ZooKeeper, Kind::Paddock);
    ensemble.wait_for_words(3, TOOK_TRUNC, 1);
    assert_gone(&ensemble);
    ensemble.assert_content();
}
