//! Worlds by seed.

#![allow(clippy::print_stdout)]

use std::time::Duration;

use paddock_sim::world::{Mix, World};

fn run(seed: u64, mix: Mix) {
    let tells = std::env::var_os("PADDOCK_SIM_STORY").is_some();
    let calm = Duration::from_secs(120);
    let mut world = World::new(seed, mix, calm, tells);
    world.run_until(calm + Duration::from_secs(60));
    let writes: u64 = world.clients.iter().map(|client| client.done.writes).sum();
    println!("seed {seed}: {:?} {:?} epochs {} writes {writes}", world.tally, world.ghost.looks, world.ghost.epochs());
    assert_eq!(world.serving(), world.servers.len(), "seed {seed}: all serve in the end\n{}", world.description());
    world.judge();
    assert!(writes > 0, "seed {seed}: nothing was written");
}

#[test]
fn an_ensemble_of_three_serves() {
    run(1, Mix { voters: 3, observers: 0, clients: 4, faults: false });
}

#[test]
fn ensembles_survive_faults() {
    let seeds = std::env::var("PADDOCK_SIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let from = std::env::var("PADDOCK_SIM_FROM").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for seed in from..from + seeds {
        run(
            seed,
            Mix { voters: 3 + 2 * (seed as usize % 2), observers: seed as usize % 3 / 2, clients: 6, faults: true },
        );
    }
}
