//! Paddock in each part that a server has, beside ZooKeeper in the others. How a history is synchronised is read in
//! ZooKeeper's log.

use std::process::Command;

use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, paddock};
use serde_json::Value;

use crate::clients::{assert_same_trees, move_a_session, write_and_sync_at_once, write_at_every_server};
use crate::ensemble::{Ensemble, Part};

/// Of a ZooKeeper that leads, before the id of a server.
const SENT_DIFF: &str = "Sending DIFF zxid=";
const SENT_SNAP: &str = "Sending snapshot last zxid of peer is";
/// Of a ZooKeeper that learns.
const TOOK_DIFF: &str = "Getting a diff from the leader";

/// Three participants, and an observer with id 2.
fn four() -> Ensemble {
    Ensemble::of(&[Part::Participant, Part::Observer, Part::Participant, Part::Participant])
}

/// The servers with ids 3 and 4 begin, one of which leads; this gives its id. The others are to be of the other kind.
fn begin(ensemble: &mut Ensemble, kind: Kind) -> u32 {
    for id in [3, 4] {
        ensemble.begin(id, kind);
    }
    let leader = ensemble.wait_for_leader(&[3, 4]);
    let mut client = ensemble.connect(leader);
    client.ok(&Request::create("/before", b"the others came", flags::PERSISTENT));
    leader
}

/// A server is away while something is written.
fn miss_a_write(ensemble: &mut Ensemble, id: u32, at: u32) {
    ensemble.server(id).kill();
    let mut client = ensemble.connect(at);
    client.ok(&Request::create("/missed", b"by one server", flags::PERSISTENT));
    ensemble.server(id).spawn();
    assert_eq!(ensemble.wait_for(id), "follower");
}

/// `paddock ensemble` tells of servers of either kind alike.
fn assert_told_of_side_by_side(ensemble: &Ensemble) {
    let ids = ensemble.ids();
    let addresses: Vec<String> = ids.iter().map(|&id| ensemble.server(id).address().to_string()).collect();
    let told = Command::new(paddock()).args(["ensemble", "--json", &addresses.join(",")]).output().expect("it ends");
    let (rows, why) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert_eq!((&*why, told.status.code()), ("", Some(0)), "{rows}");
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    assert_eq!(rows.len(), ids.len());
    for (&id, row) in ids.iter().zip(&rows) {
        assert_eq!(row["role"].as_str(), ensemble.mode(id).as_deref(), "{row}");
        assert_eq!(row["epoch"], rows[0]["epoch"], "{row}");
        assert!(row["lag"].is_u64() && row["sync_us"].is_number() && row["clients"].is_u64(), "{row}");
        assert!(row["version"].as_str().is_some_and(|version| version.starts_with("3.")), "{row}");
    }
}

#[test]
fn paddock_follows_and_observes_a_zookeeper() {
    // Where ZooKeeper may be reconfigured, its leader gives the first configuration a version.
    let mut ensemble = four().config("reconfigEnabled", "true");
    let leader = begin(&mut ensemble, Kind::ZooKeeper);
    for (id, part) in [(1, "follower"), (2, "observer")] {
        ensemble.begin(id, Kind::Paddock);
        assert_eq!(ensemble.wait_for(id), part);
    }
    ensemble.wait_for_words(leader, SENT_SNAP, 2);
    write_at_every_server(&ensemble, "/first");
    let synchronised = ensemble.server(leader).log().matches(SENT_DIFF).count();
    miss_a_write(&mut ensemble, 1, leader);
    ensemble.wait_for_words(leader, SENT_DIFF, synchronised + 1);
    write_at_every_server(&ensemble, "/second");
    write_and_sync_at_once(&ensemble);
    move_a_session(&ensemble, &[3, 1, 4, 2, 3, 1]);
    assert_told_of_side_by_side(&ensemble);
    assert_same_trees(&ensemble);
    ensemble.assert_content();
}

#[test]
fn paddock_leads_zookeepers() {
    let mut ensemble = four();
    let leader = begin(&mut ensemble, Kind::Paddock);
    for (id, part) in [(1, "follower"), (2, "observer")] {
        ensemble.begin(id, Kind::ZooKeeper);
        assert_eq!(ensemble.wait_for(id), part);
        ensemble.wait_for_words(id, TOOK_DIFF, 1);
    }
    write_at_every_server(&ensemble, "/first");
    miss_a_write(&mut ensemble, 1, leader);
    ensemble.wait_for_words(1, TOOK_DIFF, 2);
    write_at_every_server(&ensemble, "/second");
    write_and_sync_at_once(&ensemble);
    move_a_session(&ensemble, &[1, 3, 2, 4, 1, 3]);
    assert_told_of_side_by_side(&ensemble);
    assert_same_trees(&ensemble);
    ensemble.assert_content();
}
