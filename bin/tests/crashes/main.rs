//! Power cuts at every moment of a server's life, on simulated files: what was told as durable is there after each, and
//! nothing is there in part.
//!
//! `PADDOCK_CRASHES` sets how many power cuts there are at least (`cargo xtask crashes`), `PADDOCK_SEED` the first life.

#![allow(clippy::print_stdout, reason = "a long run says what it covered")]

mod backup;
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
/// Lives of each mix at least.
const LIVES: u64 = 2;

const CALM: Mix = Mix { steps: 200, crashes: false, ends: false, shortages: false, failures: false };
const MIXES: [Mix; 5] = [
    CALM,
    Mix { ends: true, ..CALM },
    Mix { crashes: true, ends: true, ..CALM },
    Mix { crashes: true, ends: true, shortages: true, ..CALM },
    Mix { crashes: true, ends: true, failures: true, ..CALM },
];
const BOUND: Bound = Bound { whole: 16, draws: 3 };
/// Where more power cuts are asked for than in the usual test run.
const LONG_BOUND: Bound = Bound { whole: 256, draws: 3 };

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("the variable is a number"))
}

/// Lives a life, and cuts the power in every moment of it.
fn live_and_examine(seed: u64, mix: Mix, bound: Bound, examined: &mut Examined) -> Result<Steps, Loss> {
    let recording = run(seed, mix, &[]).map_err(|what| Loss { moment: 0, what })?;
    for index in 0..recording.moments.len() {
        examined.examine(&recording, index, bound)?;
    }
    Ok(recording.steps)
}

#[test]
fn what_was_told_survives_every_power_cut_and_nothing_is_there_in_part() {
    let (most, first, began) = (setting("PADDOCK_CRASHES", CRASHES), setting("PADDOCK_SEED", 1), Instant::now());
    let (mut examined, mut steps, mut seed) = (Examined::default(), Steps::default(), first);
    let bound = if most > CRASHES { LONG_BOUND } else { BOUND };
    let mut lives = [0; MIXES.len()];
    while examined.crashes < most || lives.iter().any(|count| *count < LIVES) {
        let index = seed as usize % MIXES.len();
        let lived = live_and_examine(seed, MIXES[index], bound, &mut examined);
        steps.add(&lived.unwrap_or_else(|loss| panic!("seed {seed}, {loss}")));
        lives[index] += 1;
        seed += 1;
    }
    assert!(examined.kept_untold > 0 && examined.torn > 0, "{examined}");
    assert!(steps.has_all(), "{steps:?}");
    println!("seeds {first} to {}, {:.0} s: zero lost, zero partial", seed - 1, began.elapsed().as_secs_f64());
    println!("lives of each mix: {lives:?}\n{examined}\n{steps:?}");
}

/// What was done in a moment: the operation, and the name of the file.
fn done(recording: &Recording, index: usize) -> Option<(Operation, String)> {
    let (operation, path) = recording.moments.get(index)?.next.as_ref()?;
    Some((*operation, path.file_name().unwrap_or_default().to_string_lossy().into_owned()))
}

/// Whether no promise holds without the operation of this moment. Not tried are those that a later one may make good:
///
/// | left out | made good, if it is, by |
/// |---|---|
/// | the directory, behind a directory that is created | the next `create_dir` of the same, which syncs what exists too |
/// | the directory, behind the milestone's rename | the next milestone; one that lags behind is not wrong |
/// | the directory, behind a snapshot's rename, a new segment, or a removal | the next sync of the same directory |
/// | a segment, behind its zeros, its first groups, or a cut | the next start, which syncs what it has read |
/// | a directory or a segment at a start that finds nothing new | nothing: it was durable already |
fn is_needed(recording: &Recording, index: usize) -> bool {
    let Some((operation, name)) = done(recording, index) else { return false };
    match operation {
        // What is renamed counts from then on.
        Operation::SyncFile => name == "milestone.tmp" || is_placed(recording, index),
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
    for kind in [Operation::SyncFile, Operation::Complete] {
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
