//! `cargo xtask sim`: worlds by seed, one that is told or many that are searched through.
#![allow(clippy::print_stdout, reason = "a command speaks on stdout")]

mod ledger;
mod search;
mod story;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use paddock_sim::trial;

use self::search::{Extent, Search};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Ensembles of real replicas in virtual time.
#[derive(Parser)]
#[command(name = "cargo xtask sim")]
struct Arguments {
    /// Lets the world of this seed live and tells what happens.
    #[arg(long, conflicts_with_all = ["seeds", "for", "from", "jobs", "ledger"])]
    seed: Option<u64>,
    /// Searches through so many seeds.
    #[arg(long, conflicts_with = "for")]
    seeds: Option<u64>,
    /// Searches for so long, such as 10m.
    #[arg(long, value_parser = humantime::parse_duration)]
    r#for: Option<Duration>,
    /// The first seed, if it is not to be one that was never used.
    #[arg(long)]
    from: Option<u64>,
    /// Worlds at a time; as many as there are cores unless told.
    #[arg(long)]
    jobs: Option<usize>,
    /// Adds what was run to tests/sim/LEDGER.md.
    #[arg(long)]
    ledger: bool,
    /// Puts a bug back. Only in builds with `--cfg mutants`.
    #[arg(long)]
    mutant: Option<u32>,
    /// Ends with the first failure.
    #[arg(long)]
    first: bool,
}

/// Seeds, unless told otherwise.
const SEEDS: u64 = 2_000;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(number) = arguments.mutant
        && !put_back(number)
    {
        eprintln!("bugs can be put back in builds with --cfg mutants; see cargo xtask mutants");
        return ExitCode::from(2);
    }
    if let Some(seed) = arguments.seed {
        return story::tell(seed);
    }
    let extent = arguments.r#for.map_or(Extent::Seeds(arguments.seeds.unwrap_or(SEEDS)), Extent::Time);
    let jobs = arguments.jobs.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    let from = arguments.from.unwrap_or_else(unused_seed);
    trial::keep_panics();
    let report = Search { from, extent, jobs, ends_with_first: arguments.first }.run();
    print!("{report}");
    if arguments.ledger
        && let Err(error) = ledger::append(&report)
    {
        eprintln!("{}: {error}", ledger::PATH);
        return ExitCode::FAILURE;
    }
    if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// No search is as fast as a seed each millisecond.
fn unused_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(mutants)]
fn put_back(number: u32) -> bool {
    paddock_consensus::mutants::choose(number);
    true
}

#[cfg(not(mutants))]
fn put_back(_: u32) -> bool {
    false
}
