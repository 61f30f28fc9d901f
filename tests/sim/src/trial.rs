//! The life of one world from its begin to its end, and the verdict.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::mix::Mix;
use super::world::{Tally, World};

/// How long faults happen.
const FAULTS: Duration = Duration::from_secs(60);
/// How long the last of them may go on: until ways are open again, and until a server that is down starts.
const LAST_FAULTS: Duration = Duration::from_secs(11);
/// How long an ensemble then has until all of its servers serve and a client has written something. A world ends with that.
const CALM: Duration = Duration::from_secs(60);
/// How often it is seen whether they do.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What became of a world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub seed: u64,
    pub mix: Mix,
    /// Virtual time until the end, or until what was wrong was found.
    pub lived: Duration,
    pub tally: Tally,
    /// How many epochs had a leader.
    pub epochs: usize,
    /// How many writes were acknowledged.
    pub writes: u64,
    /// Of all events, all answers, and the disks.
    pub digest: u64,
    /// What was wrong.
    pub failure: Option<String>,
}

/// Lets a world live. `tells`: what happens is told on the standard output.
pub fn run(seed: u64, mix: Mix, tells: bool) -> Verdict {
    let mut world = None;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let world = world.insert(World::new(seed, mix.clone(), FAULTS, tells));
        world.run_until(FAULTS + LAST_FAULTS);
        let end = world.now() + CALM;
        while (!world.all_serve() || writes(world) == 0) && world.now() < end {
            world.run_until(world.now() + LOOK_EVERY);
        }
        check_end(world);
    }));
    let failure = outcome.err().map(|panic| PANIC.take().unwrap_or_else(|| message(&*panic)));
    let mut verdict =
        Verdict { seed, mix, lived: Duration::ZERO, tally: Tally::default(), epochs: 0, writes: 0, digest: 0, failure };
    if let Some(world) = world {
        verdict.lived = world.now();
        let (renewals, changes) = (world.ghost.looks.renewals, world.ghost.quorums().changes());
        let refused_changes = world.refused_changes();
        verdict.tally = Tally { renewals, changes, refused_changes, ..world.tally };
        verdict.epochs = world.ghost.epochs();
        (verdict.writes, verdict.digest) = (writes(&world), world.digest());
    }
    verdict
}

/// Some seeds are run a second time, one of so many.
const TWICE_ONE_OF: u64 = 100;

/// Like [`run`], without a word. A part of the seeds is run a second time, and a difference is a failure.
pub fn run_checked(seed: u64) -> Verdict {
    let mut verdict = run(seed, Mix::of(seed), false);
    if is_run_twice(seed) && verdict.failure.is_none() {
        let again = run(seed, Mix::of(seed), false);
        if again != verdict {
            verdict.failure = Some(format!("it was run twice, and not the same has happened:\n{verdict}{again}"));
        }
    }
    verdict
}

pub fn is_run_twice(seed: u64) -> bool {
    seed.is_multiple_of(TWICE_ONE_OF)
}

fn writes(world: &World) -> u64 {
    world.clients.iter().map(|client| client.done.writes).sum()
}

/// What must be true after the calm.
fn check_end(world: &mut World) {
    assert!(world.all_serve(), "all serve in the end\n{}", world.description());
    assert!(writes(world) > 0, "something was written");
    world.judge();
}

thread_local! {
    /// What this thread panicked with last, and where.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From here on panics are not printed: they belong to the verdicts.
pub fn keep_panics() {
    std::panic::set_hook(Box::new(|info| PANIC.set(Some(info.to_string()))));
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { seed, lived, tally, epochs, writes, digest, .. } = self;
        writeln!(f, "seed {seed}: {}", self.mix)?;
        writeln!(f, "  {:.3} s, {epochs} epochs, {writes} writes, {tally}", lived.as_secs_f64())?;
        writeln!(f, "  digest {digest:016x}")
    }
}
