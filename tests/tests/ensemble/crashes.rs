//! Rounds in which servers die, end or stand still.
use crate::fault::{FAULTS, Fault};
use crate::rounds::Rounds;
use crate::to_come::ToCome;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::random::Random;
use paddock_tests::rounds::visitors::Visitor;
use paddock_tests::server::{Kind, Setup};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One round in this many has visitors, besides those in which followers lose their disks.
const VISITORS_EVERY: usize = 6;
const VISITORS: usize = 3;
/// Acknowledgements before the fault, at most.
const ACKNOWLEDGED_MAX: usize = 1_500;

/// Snapshots that are kept, with the log between them: it is read once a round, and clients go on writing for as long as a
/// server that was wiped takes to be sent a whole state. So many hold the writes of some seconds at the machine's full speed.
const SNAPSHOTS: &str = "400";

/// Short ticks, so that a leader that stands still is missed soon, with limits that a busy machine meets; and snapshots
/// often, so that crashes meet them. A server that has lost its data does not vote before it has been sent it.
pub fn setup() -> Setup {
    Setup::new(Kind::under_test())
        .config("tickTime", "200")
        .config("initLimit", "50")
        .config("syncLimit", "15")
        .config("maxSessionTimeout", "60000")
        .config("db.autocreate", "false")
        .config("snapCount", "1000")
        .config("autopurge.snapRetainCount", SNAPSHOTS)
}

pub fn run(ensemble: Ensemble, rounds: usize) {
    let (random, _) = Random::from_env("PADDOCK_ENSEMBLE_SEED");
    let mut all = Rounds::begin(ensemble, random);
    let mut to_come = ToCome::of(&FAULTS);
    let mut had: BTreeMap<Fault, usize> = BTreeMap::new();
    for number in 1..=rounds {
        let fault = to_come.next(&mut all.random);
        *had.entry(fault).or_default() += 1;
        round(&mut all, number, fault);
    }
    eprintln!("{rounds} rounds: {had:?}");
    let tally = all.end();
    assert!(rounds == 0 || tally.connections > 0, "no writer ever lost its connection");
}

fn round(all: &mut Rounds, number: usize, fault: Fault) {
    // Who is brought a whole state has to know whose the ephemerals in it are.
    let has_visitors = number.is_multiple_of(VISITORS_EVERY) || fault == Fault::FollowersWiped;
    let count = if has_visitors { VISITORS } else { 0 };
    let mut visitors: Vec<Visitor> = (0..count).map(|number| all.visitor(number)).collect();
    let began = Instant::now();
    let target = 1 + all.random.below(ACKNOWLEDGED_MAX);
    let struck = all.load((target, Duration::ZERO), &mut visitors, fault.ends_reign(), |scene| fault.strike(scene));
    all.expect_departure(visitors, struck, fault.ends_reign());
    all.compare();
    eprintln!("round {number}: {fault:?}, {:?}", began.elapsed());
}
