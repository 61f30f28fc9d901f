//! Worlds by seed: those that fit into every test run. `cargo xtask sim` searches through more.

#![allow(clippy::print_stdout)]

use paddock_sim::mix::Mix;
use paddock_sim::trial;
use paddock_sim::world::Tally;

/// So many worlds are lived through in a test run.
const SEEDS: u64 = 10;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn tells() -> bool {
    std::env::var_os("PADDOCK_SIM_STORY").is_some()
}

fn must_succeed(verdict: &trial::Verdict) {
    if let Some(failure) = &verdict.failure {
        panic!("{verdict}  replay it: cargo xtask sim --seed {}\n{failure}", verdict.seed);
    }
}

#[test]
fn an_ensemble_of_three_serves() {
    let verdict = trial::run(1, Mix::calm(3, 4), tells());
    must_succeed(&verdict);
    assert_eq!(verdict.epochs, 1, "without a fault there is one leader");
}

#[test]
fn ensembles_survive_faults() {
    let (from, seeds) = (number("PADDOCK_SIM_FROM", 1), number("PADDOCK_SIM_SEEDS", SEEDS));
    let mut all = Tally::default();
    for seed in from..from + seeds {
        let verdict = trial::run(seed, Mix::of(seed), tells());
        println!("{verdict}");
        must_succeed(&verdict);
        all.add(&verdict.tally);
    }
    let Tally { diffs, truncs, snaps, changes, refused_changes, .. } = all;
    assert!(
        seeds < SEEDS || diffs.min(truncs).min(snaps) > 0,
        "each way to bring a learner up to date is taken: {all}"
    );
    assert!(seeds < SEEDS || changes.min(refused_changes) > 0, "ensembles are changed: {all}");
}

#[test]
fn the_same_seed_lives_the_same_life() {
    let lives = [7, 7, 8].map(|seed| trial::run(seed, Mix::of(seed), false));
    assert_eq!(lives[0], lives[1]);
    assert_ne!(lives[0].digest, lives[2].digest);
}
