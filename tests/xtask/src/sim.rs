//! Ensembles in virtual time: long searches, and whether they find bugs that are put back.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::mutants::{MUTANTS, Mutant};
use crate::step::{Failure, TestCounts, run, section};
use crate::{cargo, root, target_dir};

/// Seeds of `cargo xtask test`; `cargo xtask sim` searches through more.
const SEEDS_IN_TEST: &str = "2000";
/// How long each bug is looked for, s, unless told otherwise.
const MUTANT_SECONDS: u64 = 300;
/// A world that does not come to an end is given up so long after the others, s.
const PATIENCE: u64 = 60;

const TABLE: &str = "tests/sim/MUTANTS.md";
const HEADING: &str = "# Bugs put back in ensembles

`cargo xtask mutants` writes this table. Everything is built with `--cfg mutants`, so that one `mutant!` can be chosen while it
runs, and worlds live from seed 1 on until one of them fails. What a world cannot show is left to the scripts and models of
the core and to the engine's own tests, or is told behind the table.

| N | put back | of | found after | what was seen |
|---|---|---|---|---|
";

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

/// `cargo xtask mutants [SECONDS [N...]]`: looks so long for each bug, or for those named, and writes the table of all.
pub fn mutants(arguments: &[String]) -> Result<(), Failure> {
    let mut numbers = Vec::new();
    for text in arguments {
        numbers.push(text.parse::<u64>().map_err(|_| Failure(format!("{text:?} is not a number")))?);
    }
    let seconds = numbers.first().copied().unwrap_or(MUTANT_SECONDS);
    let named = numbers.get(1..).unwrap_or_default();
    let program = build()?;
    let path = root().join(TABLE);
    let mut rows = Rows::read(&path);
    for mutant in MUTANTS.iter().filter(|mutant| named.is_empty() || named.contains(&u64::from(mutant.number))) {
        let row = row(mutant, &find(&program, mutant.number, seconds)?);
        print!("{row}");
        rows.set(mutant.number, row);
        rows.write(&path)?;
    }
    Ok(())
}

fn build() -> Result<PathBuf, Failure> {
    section("a build in which bugs can be put back");
    let into = target_dir().join("mutants");
    let mut build = cargo();
    build.args(["build", "--profile", "sim", "--quiet", "--package", "paddock-sim"]);
    run(build.env("RUSTFLAGS", "--cfg mutants").env("CARGO_TARGET_DIR", &into))?;
    Ok(into.join("sim/sim"))
}

/// What a search has come to.
struct Found {
    worlds: String,
    seconds: u64,
    /// What the first failure says.
    failure: Option<String>,
}

fn find(program: &Path, number: u32, seconds: u64) -> Result<Found, Failure> {
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

fn row(mutant: &Mutant, found: &Found) -> String {
    let Mutant { number, what, of } = mutant;
    let Found { worlds, seconds, failure } = found;
    let (after, seen) = match failure {
        Some(failure) => (format!("{worlds} seeds, {seconds} s"), shortened(failure)),
        None => (format!("not in {worlds} seeds, {seconds} s"), "-".to_owned()),
    };
    format!("| {number} | {what} | {of} | {after} | {seen} |\n")
}

fn shortened(failure: &str) -> String {
    failure.split("; again:").next().unwrap_or_default().replace('|', "/").chars().take(120).collect()
}

/// The rows of the table by their numbers.
struct Rows(Vec<(u32, String)>);

impl Rows {
    fn read(path: &Path) -> Rows {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let number = |line: &str| line.strip_prefix("| ")?.split(' ').next()?.parse().ok();
        Rows(text.lines().filter_map(|line| Some((number(line)?, format!("{line}\n")))).collect())
    }

    fn set(&mut self, number: u32, row: String) {
        self.0.retain(|(other, _)| *other != number);
        self.0.push((number, row));
        self.0.sort();
    }

    fn write(&self, path: &Path) -> Result<(), Failure> {
        let rows: String = self.0.iter().map(|(_, row)| &row[..]).collect();
        let text = format!("{HEADING}{rows}\n{}", crate::mutants::NOT_PUT_BACK);
        std::fs::write(path, text).map_err(|error| Failure(format!("cannot write {}: {error}", path.display())))
    }
}
