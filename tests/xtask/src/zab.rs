//! The consensus core over models: long runs of its schedules and its search, and whether they find bugs that are put back.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::step::{Failure, TestCounts, run_tests};
use crate::{cargo, root, target_dir};

/// Schedules, unless told otherwise.
const SEEDS: u64 = 20_000;
/// States of the search from each beginning, unless told otherwise: more than there are with two transactions and a crash.
const STATES: u64 = 20_000_000;

const MUTANTS_HEADING: &str = "# Bugs put back\n
`cargo xtask mutants` writes this table. The core is built with `--cfg mutants`, so that one of its `mutant!`s can be chosen
while it runs. Of each it is told which scripts print something else, the first seed of a random schedule that finds it, and
after how many states the exhaustive search does. The numbers in brackets are those of the invariants in
`tests/zab/main.rs`.\n";

/// `cargo xtask zab [--seeds N] [--seed FIRST] [--exhaustive [STATES]]`.
pub fn zab(arguments: &[String]) -> Result<TestCounts, Failure> {
    let value = |name: &str| match arguments.iter().position(|argument| argument == name) {
        None => Ok(None),
        Some(place) => arguments.get(place + 1).map(number).transpose(),
    };
    let (seeds, seed) = (value("--seeds")?, value("--seed")?);
    let exhaustive = arguments.iter().any(|argument| argument == "--exhaustive");
    if exhaustive {
        let states = value("--exhaustive")?.unwrap_or(STATES);
        let mut search = cargo();
        search.args(["test", "--profile", "sim", "--package", "paddock-consensus", "--test", "zab"]);
        search.args(["--", "--nocapture", "everything_that_can_happen"]);
        return run_tests(search.env("PADDOCK_ZAB_STATES", states.to_string()));
    }
    let count = seeds.unwrap_or(if seed.is_some() { 1 } else { SEEDS });
    let first = seed.unwrap_or(1);
    let mut schedules = tests();
    schedules.arg("random_schedules").env("PADDOCK_ZAB_SEEDS", count.to_string());
    run_tests(schedules.env("PADDOCK_ZAB_SEED", first.to_string()))
}

const MUTANTS: &str = "consensus/MUTANTS.md";

/// Puts bugs back in the core, and writes the table of what finds each.
pub fn mutants() -> Result<(), Failure> {
    let mut tests = tests();
    tests.arg("every_bug_that_is_put_back").env("RUSTFLAGS", "--cfg mutants");
    tests.env("CARGO_TARGET_DIR", target_dir().join("mutants")).stdin(Stdio::null()).stdout(Stdio::piped());
    let cannot = |error: std::io::Error| Failure(format!("the tests with bugs that are put back: {error}"));
    let mut child = tests.spawn().map_err(cannot)?;
    let stdout = child.stdout.take().expect("it is piped");
    let mut table = MUTANTS_HEADING.to_owned();
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(cannot)?;
        println!("{line}");
        if line.starts_with('|') {
            table.push('\n');
            table.push_str(&line);
        }
    }
    table.push('\n');
    let status = child.wait().map_err(cannot)?;
    std::fs::write(root().join(MUTANTS), table).map_err(cannot)?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure("a bug that was put back is not found".to_owned())),
    }
}

/// The numbers of the bugs that the table says were found.
pub fn found_mutants() -> Vec<u32> {
    let text = std::fs::read_to_string(root().join(MUTANTS)).unwrap_or_default();
    let rows = text.lines().map(|line| line.trim_matches(['|', ' ']).split(" | ").collect::<Vec<_>>());
    let found = rows.filter(|row| row.iter().skip(3).any(|cell| !matches!(*cell, "" | "-")));
    found.filter_map(|row| row.first()?.parse().ok()).collect()
}

fn tests() -> Command {
    let mut tests = cargo();
    tests.args(["test", "--package", "paddock-consensus", "--test", "zab", "--", "--nocapture"]);
    tests
}

fn number(text: &String) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure(format!("{text:?} is not a number")))
}
