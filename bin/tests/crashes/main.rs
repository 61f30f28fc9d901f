//! Power cuts at every moment of a server's life, on simulated files: what was told as durable is there after each, and
//! nothing is there in part.
//!
//! `PADDOCK_CRASHES` sets how many power cuts there are at least (`cargo xtask crashes`), `PADDOCK_SEED` the first life.

#![allow(clippy::print_stdout, reason = "a long run says what it covered")]

mod examination;
mod generation;
mod history;
mod recovered;
mod workload;

use std::time::Instant;

use examination::{Bound, Examined, Loss};
use paddock_engine::io::simulated::{Effect, Fault, Operation};
use workload::{Mix, Recording, Steps, run};

/// Power cuts in the usual test run.
const CRASHES: u64 = 5000;

const CALM: Mix = Mix { steps: 200, crashes: false, shortages: false, failures: false };
const MIXES: [Mix; 4] = [
    CALM,
    Mix { crashes: true, ..CALM },
    Mix { crashes: true, shortages: true, ..CALM },
    Mix { crashes: true, failures: true, ..CALM },
];
const BOUND: Bound = Bound { whole: 16, draws: 3 };

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("the variable is a number"))
}

/// Lives a life, and cuts the power in every moment of it.
fn live_and_examine(seed: u64, mix: Mix, faults: &[Fault], examined: &mut Examined) -> Result<Steps, Loss> {
    let recording = run(seed, mix, faults).map_err(|what| Loss { moment: 0, what })?;
    for index in 0..recording.moments.len() {
        examined.examine(&recording, index, BOUND)?;
    }
    Ok(recording.steps)
}

#[test]
fn what_was_told_survives_every_power_cut_and_nothing_is_there_in_part() {
    let (most, first, began) = (setting("PADDOCK_CRASHES", CRASHES), setting("PADDOCK_SEED", 1), Instant::now());
    let (mut examined, mut steps, mut seed) = (Examined::default(), Steps::default(), first);
    while examined.crashes < most {
        let mix = MIXES[seed as usize % MIXES.len()];
        let lived = live_and_examine(seed, mix, &[], &mut examined);
        steps.add(&lived.unwrap_or_else(|loss| panic!("seed {seed}, {loss}")));
        seed += 1;
    }
    assert!(examined.kept_untold > 0 && examined.torn > 0 && steps.snapshots > 0, "{examined}");
    println!("seeds {first} to {}, {:.0} s: zero lost, zero partial", seed - 1, began.elapsed().as_secs_f64());
    println!("{examined}\n{steps:?}");
}

/// What was done in a moment: the operation, and the name of the file.
fn done(recording: &Recording, index: usize) -> Option<(Operation, String)> {
    let (operation, path) = recording.moments.get(index)?.next.as_ref()?;
    Some((*operation, path.file_name().unwrap_or_default().to_string_lossy().into_owned()))
}

/// Whether no promise holds without the operation of this moment. Others may be made good by a later one.
fn is_needed(recording: &Recording, index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| done(recording, before));
    let (Some((operation, name)), Some((former, named))) = (done(recording, index), before) else { return false };
    match operation {
        // What is renamed counts from then on.
        Operation::SyncFile => name == "milestone.tmp" || is_placed(recording, index),
        // Without its milestone alone a log is taken for what it is.
        Operation::SyncDirectory if former == Operation::Create => {
            named == "paddock-1" && recording.setup.log_dir.ends_with(&name)
        }
        // The removal of an older snapshot syncs the directory too, before anybody is told of this one.
        Operation::SyncDirectory => {
            let next = done(recording, index + 1).map(|(operation, _)| operation);
            let removes = matches!(next, Some(Operation::Unlink | Operation::SyncDirectory));
            former == Operation::Rename && named.starts_with("snapshot.") && !removes
        }
        // Somebody is told of it before anything else is done.
        Operation::Complete => recording.expected(index + 1).least > recording.expected(index).least,
        _ => false,
    }
}

/// Whether the snapshot that is synced gets its name before the next one is begun.
fn is_placed(recording: &Recording, index: usize) -> bool {
    let later = (index + 1..).map_while(|later| done(recording, later));
    let mut snapshots = later.filter(|(_, name)| name.starts_with("snapshot."));
    let is_it = done(recording, index).is_some_and(|(_, name)| name == "snapshot.tmp");
    is_it && snapshots.next().is_some_and(|(operation, _)| operation == Operation::Rename)
}

/// How many of the same kind came before a moment.
fn same_before(recording: &Recording, index: usize) -> u64 {
    let operation = |index: usize| done(recording, index).map(|(operation, _)| operation);
    (0..index).filter(|before| operation(*before) == operation(index)).count() as u64
}

/// Whether power cuts find out that a life goes without the operation of a moment.
fn finds_left_out(seed: u64, recording: &Recording, index: usize) -> bool {
    let (operation, _) = done(recording, index).expect("something was done");
    let fault = Fault { operation, skipped: same_before(recording, index), times: 1, effect: Effect::IsLeftOut };
    let Ok(without) = run(seed, CALM, &[fault]) else { return true };
    let mut examined = Examined::default();
    (index..without.moments.len()).any(|later| examined.examine(&without, later, BOUND).is_err())
}

/// Otherwise power cuts that find nothing would prove nothing.
#[test]
fn a_sync_or_a_write_that_is_left_out_is_found() {
    let stride = setting("PADDOCK_STRIDE", 32) as usize;
    for kind in [Operation::SyncFile, Operation::SyncDirectory, Operation::Complete] {
        let mut tried = 0;
        for seed in 1..=8 {
            let recording = run(seed, CALM, &[]).unwrap_or_else(|what| panic!("{what}"));
            let is_such = |index: &usize| done(&recording, *index).is_some_and(|(done, _)| done == kind);
            let moments = (0..recording.moments.len()).filter(is_such);
            for index in moments.filter(|index| is_needed(&recording, *index)).step_by(stride) {
                let what = done(&recording, index);
                assert!(finds_left_out(seed, &recording, index), "seed {seed}, moment {index}: {what:?}");
                tried += 1;
            }
        }
        assert!(tried > 0, "{kind:?}");
        println!("{tried} times {kind:?} was left out, and each time a loss was found");
    }
}
