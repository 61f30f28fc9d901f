//! A leader begins one epoch after the other while clients write: no connection ends, and nobody waits for an election.
use crate::alone;
use crate::restarts::epoch;
use crate::rounds::Rounds;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::random::Random;
use paddock_tests::server::{Kind, Setup};
use std::time::Duration;

/// Transactions of an epoch.
const RENEW_FROM: &str = "500";
/// Acknowledgements, of which not all are transactions of their own.
const ACKNOWLEDGED: usize = 15_000;
/// Epochs that begin meanwhile at least, on a machine that does other things.
const EPOCHS: i64 = 10;

fn setup() -> Setup {
    Setup::new(Kind::under_test())
        .config("tickTime", "1000")
        .config("initLimit", "20")
        .config("syncLimit", "10")
        .config("snapCount", "20000")
        .config("maxSessionTimeout", "60000")
        .property("paddock.ensemble.renewFrom", RENEW_FROM)
        // Where a run is without features, this one is about them.
        .property("paddock.ensemble.features", "true")
}

#[test]
fn a_new_epoch_begins_without_an_election() {
    if Kind::under_test() == Kind::Paddock {
        alone(renew);
    }
}

fn renew() {
    let (random, _) = Random::from_env("PADDOCK_ENSEMBLE_SEED");
    let mut all = Rounds::begin(Ensemble::start(setup(), 3), random);
    let mut epochs = (0, 0);
    all.load((1, Duration::ZERO), &mut [], false, |scene| {
        let begun = epoch(scene.ensemble, scene.leader);
        scene.load.wait_for(ACKNOWLEDGED);
        epochs = (begun, epoch(scene.ensemble, scene.leader));
        assert_eq!(scene.ensemble.wait_for_leader(&scene.ensemble.places()), scene.leader, "another leads");
        Vec::new()
    });
    all.compare();
    let (begun, last) = epochs;
    eprintln!("from epoch {begun} to {last}");
    assert!(last >= begun + EPOCHS, "from epoch {begun} to {last}");
    assert_eq!(all.connections_lost(), 0, "a client has lost its connection");
    for place in all.ensemble.places() {
        let log = all.ensemble.server(place).log();
        let looks = log.lines().filter(|line| line.contains("looks for a leader:")).count();
        assert_eq!(looks, 0, "the server of place {place} has looked for a leader: {log}");
    }
    all.end();
}
