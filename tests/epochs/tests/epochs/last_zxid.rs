//! Beside a ZooKeeper an epoch is not renewed, and is used up: after the last of its zxids there is an election.

use std::path::Path;
use std::process::Command;

use paddock_consensus::{Epoch, Zxid};
use paddock_tests::server::{Kind, TempDir};

use crate::ensemble::{Ensemble, Part, zookeeper};
use crate::history::{PROGRAM, epoch_of, write_before};
use crate::load::{self, IDS, epoch_at};

/// Transactions of the epoch.
const EPOCH: Epoch = epoch_of(3_000);
/// No snapshot for so many transactions: the log of the epoch is read when the test ends, and must not have given way
/// to snapshots, however many writes a slow ZooKeeper leaves time for.
const SNAP_COUNT: &str = "100000000";

/// Three voters that keep their logs.
fn three() -> Ensemble {
    Ensemble::of(&[Part::Participant; 3]).program(PROGRAM).config("snapCount", SNAP_COUNT)
}

#[test]
fn a_paddock_that_leads_a_zookeeper_uses_up_its_epoch_and_another_begins() {
    let mut ensemble = three().furnish(|kind, data_dir| match kind {
        Kind::Paddock => write_before(EPOCH, kind, data_dir),
        Kind::ZooKeeper => {}
    });
    ensemble.begin(2, Kind::Paddock);
    ensemble.begin(3, Kind::Paddock);
    assert_eq!(ensemble.wait_for_leader(&[2, 3]), 3);
    // With the smallest id, so that it is not the one that leads among equal histories.
    ensemble.begin(1, Kind::ZooKeeper);
    assert_eq!(ensemble.wait_for(1), "follower");
    let seen = load::beyond(EPOCH, &ensemble);
    seen.tell("the last zxid, of a Paddock that leads", EPOCH);
    let log = ensemble.server(3).log();
    assert_eq!(log.matches("it has used the last transaction of its epoch").count(), 1, "{log}");
    for id in IDS {
        assert_eq!(epoch_at(&ensemble, id), Some(Epoch(EPOCH.0 + 1)), "server {id}");
    }
    seen.assert_kept(&ensemble);
    for id in [2, 3] {
        assert_whole(&ensemble, id, Zxid(i64::from(EPOCH.0) << 32 | 0xffff_ffff));
    }
}

/// It gives its last zxid to nothing that it proposes, and looks for a leader instead.
#[test]
fn paddocks_follow_a_zookeeper_that_uses_up_its_epoch() {
    let classes = TempDir::new("classes");
    compile(classes.path());
    let mut ensemble = three()
        // Only so it shows a configuration that is not in what it begins with.
        .config("reconfigEnabled", "true")
        .classes(classes.path(), ("zookeeper.serverCnxnFactory", "ShortEpochs"))
        .furnish(|kind, data_dir| write_before(EPOCH, kind, data_dir));
    ensemble.begin(1, Kind::Paddock);
    ensemble.begin(3, Kind::ZooKeeper);
    assert_eq!(ensemble.wait_for_leader(&[1, 3]), 3);
    // Its session is the first transaction. Who came before it would be brought a state that lacks the others of the epoch.
    drop(ensemble.connect(3));
    ensemble.begin(2, Kind::Paddock);
    assert_eq!(ensemble.wait_for(2), "follower");
    let seen = load::beyond(EPOCH, &ensemble);
    seen.tell("the last zxid, of a ZooKeeper that leads", EPOCH);
    let log = ensemble.server(3).log();
    assert!(log.contains("zxid lower 32 bits have rolled over"), "{log}");
    seen.assert_kept(&ensemble);
    assert_whole(&ensemble, 1, Zxid(i64::from(EPOCH.0) << 32 | 0xffff_fffe));
}

/// Compiles what makes the epochs of a ZooKeeper short.
fn compile(into: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/epochs/ShortEpochs.java");
    let mut javac = Command::new("javac");
    javac.args(["-proc:none", "-cp", &zookeeper(), "-d"]).arg(into).arg(source);
    let compiled = javac.output().expect("javac, of Debian's package default-jdk-headless, runs");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
}

/// Every zxid of the epoch up to the last one is in the log of a Paddock, and the first of a later epoch behind it.
fn assert_whole(ensemble: &Ensemble, id: u32, last: Zxid) {
    let shown = Command::new(PROGRAM).args(["log", "show", "--json"]).arg(ensemble.server(id).data_dir()).output();
    let shown = shown.expect("it runs");
    assert!(shown.status.success(), "server {id}: {}", String::from_utf8_lossy(&shown.stderr));
    let text = String::from_utf8(shown.stdout).expect("JSON is UTF-8");
    let zxids = text.lines().filter_map(|line| line.split("\"zxid\":\"0x").nth(1)?.split('"').next());
    let zxids = zxids.map(|digits| Zxid(i64::from_str_radix(digits, 16).expect("hexadecimal")));
    let (of_epoch, later): (Vec<Zxid>, Vec<Zxid>) =
        zxids.filter(|zxid| zxid.epoch() >= EPOCH).partition(|zxid| zxid.epoch() == EPOCH);
    let whole: Vec<Zxid> = (Zxid::first_of(EPOCH).0..=last.0).map(Zxid).collect();
    assert!(of_epoch == whole, "server {id}: {:?} to {:?}, {}", of_epoch.first(), of_epoch.last(), of_epoch.len());
    assert_eq!(later.first().map(|first| first.counter()), Some(1), "server {id}");
}
