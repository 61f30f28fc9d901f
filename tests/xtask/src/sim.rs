//! Ensembles in virtual time: long searches, and searches for a bug that was put back.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::cargo;
use crate::step::{Failure, TestCounts, run, section};

/// Seeds of `cargo xtask test`; `cargo xtask sim` searches through more.
const SEEDS_IN_TEST: &str = "2000";
/// A world that does not come to an end is given up so long after the others, s.
const PATIENCE: u64 = 60;

/// `cargo xtask sim ...`: the arguments are those of the package `paddock-sim`. A search for some time is worth a build that takes
/// longer.
pub fn sim(arguments: impl Iterator<Item = String>) -> Result<(), Failure> {
    let arguments: Vec<String> = arguments.collect();
    let profile = if arguments.iter().any(|argument| argument.starts_with("--for")) { "search" } else { "sim" };
    run(cargo().args(["run", "--profile", profile, "--quiet", "--package", "paddock-sim", "--"]).args(arguments))
}

/// What is part of every test run.
pub fn test() -> Result<TestCounts, Failure> {
    section("ensembles in virtual time");
    let counts = |passed, failed| TestCounts { passed, failed };
    Ok(match sim(["--seeds", SEEDS_IN_TEST, "--from", "1"].into_iter().map(str::to_owned)) {
        Ok(()) => counts(1, 0),
        Err(Failure(what)) => {
            println!("{what}");
            counts(0, 1)
        }
    })
}

/// What a search for a bug has come to.
pub struct Found {
    pub worlds: String,
    pub seconds: u64,
    /// What the first failure says.
    pub failure: Option<String>,
}

/// Lets worlds live with a bug until one fails, or until so many seconds are over. `program` is a `sim` that can put bugs back.
pub fn find(program: &Path, number: u32, seconds: u64) -> Result<Found, Failure> {
    let began = Instant::now();
    let mut search = Command::new("timeout");
    search.arg((seconds + PATIENCE).to_string()).arg(program);
    search.args(["--first", "--from", "1", "--for", &format!("{seconds}s"), "--mutant", &number.to_string()]);
    let output = search.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.map_err(|error| Failure(format!("{search:?} cannot be started: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let worlds = text.lines().find_map(|line| line.split_once(" seeds, ")).map(|(worlds, _)| worlds.to_owned());
    let failure = match output.status.code() {
        Some(0) => None,
        Some(1) => {
            text.lines().filter_map(|line| line.strip_prefix("    ")).find(|line| !line.contains("panicked at "))
        }
        Some(124) => Some("a world does not come to its end"),
        _ => Some("the process ends"),
    };
    let failure = failure.map(str::to_owned);
    Ok(Found { worlds: worlds.unwrap_or_else(|| "?".to_owned()), seconds: began.elapsed().as_secs(), failure })
}
