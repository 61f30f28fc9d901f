//! `cargo xtask test`: installs what the tests need, builds, runs every test there is, and ends in one verdict.
//! `cargo xtask clients`: only installs, and builds the programs around other people's clients.
//! `cargo xtask console`: looks at every part of the console in headless Chromium, with 100,000 znodes and 5,000 sessions, and takes
//! the pictures in `docs/pictures`.
//! `cargo xtask fuzz [SECONDS [TARGET...]]`: fuzzes each target so long, 600 s unless told.
//! `cargo xtask crashes [COUNT [SEED]]`: cuts the power of simulated servers so often at least, 10,000 times unless told,
//! beginning with the life that SEED draws, and says what that covered.
//! `cargo xtask damage [CASES [SEED]]`: damages each file of the servers of an ensemble in each way at each place, in virtual
//! time, and writes `tests/sim/DAMAGE.md`; or tries so many of these cases, drawn by SEED, and writes `target/damage.md`. Then
//! come those of processes.
//! `cargo xtask ensembles [ROUNDS [SEED]]`: rounds in which servers of real ensembles die under load, 200 unless told, with the
//! choices that SEED draws. With `PADDOCK_TEST_FEATURES=off` no server tells another that it is a Paddock.
//! `cargo xtask partitions [ROUNDS [SEED]]`: rounds in which such servers, in network namespaces of their own, are cut off from
//! each other, 100 unless told; says how long nothing was acknowledged.
//! `cargo xtask restarts [ROUNDS [SEED]]`: each of three servers in turn ends in order and is started again, so often, 100 times
//! unless told, under 1,000 sessions and a load of writes; says what a restart costs.
//! `cargo xtask elections [COUNT [SEED]]`: so many random elections of five servers, 1,000,000 unless told, beginning with the
//! one that SEED draws, and says what that covered.
//! `cargo xtask conversions [SAMPLES_DIR]`: converts 100,000 znodes of each ZooKeeper there and back, and what lies below
//! SAMPLES_DIR, such as `zookeeper-server/src/test/resources/data` of ZooKeeper's own source. The clients must be installed.
//! `cargo xtask backups [COUNT [SEED]]`: takes backups of a server under load, restores so many states of them, 50 unless told, at
//! transactions that SEED draws, and has each judged.
//! `cargo xtask rolling [ROUNDS [VERSION]]`: the servers of an ensemble give way one by one to such of the other kind, from
//! ZooKeeper to Paddock and back, so often, 10 times unless told, while clients write. VERSION is the ZooKeeper's, 3.9 or 3.8.
//! The clients must be installed.
//! `cargo xtask suites [SHAPE...]`: other clients' programs and suites on three servers, `follower` through one that follows and
//! `three` with all of them in the connect string, both unless told; `alone` is what the test run does. The clients must be
//! installed.
//! `cargo xtask history FILE...`: judges histories that were kept as text (`tests/history/src/text.rs`).
//! `cargo xtask zab [--seeds N] [--seed FIRST]`: random schedules of the consensus core over models, 20,000 unless told, or the
//! one of a seed; `cargo xtask zab --exhaustive [STATES]` searches through everything that can happen, within bounds.
//! `cargo xtask sim --seed N`: the world of a seed, told; `cargo xtask sim [--seeds COUNT | --for 10m] [--from N] [--jobs J]
//! [--ledger]` searches through many, 2,000 unless told, and may add a row to `tests/sim/LEDGER.md`.
//! `cargo xtask container`: builds the image, by podman or docker, and has a server serve in a container of it.
//! `cargo xtask deb`: builds for release and packs `target/deb/paddock_VERSION_ARCHITECTURE.deb`.
//! `cargo xtask debian`: makes the bare Debian in which that package is tried, with debootstrap, as root.
//! `cargo xtask docs [PAGE...]`: runs the commands of README.md and of the book below `docs`, and judges their links; the clients must be
//! installed. `cargo xtask docs --write` writes the page of settings from the table of keys.
//! `cargo xtask helm`: lints and renders the chart, with a helm that it builds where there is none.
//! `cargo xtask musl`: builds the program as one static file, which needs the package musl-tools.
//! `cargo xtask mutants`: whether bugs that are put back are found, by the core's tests, by ensembles in virtual time, 300 s for
//! each, and by the tests of the engine and the server; writes `consensus/MUTANTS.md` and `tests/sim/MUTANTS.md`.
//! `cargo xtask mutants SECONDS [N...]`: so long; those with these numbers, without the core's tests.
//! `cargo xtask results [OPTION...]`: builds for release, measures Paddock beside ZooKeeper and etcd, row by row, goes on where it
//! was stopped, and writes `benches/RESULTS.md`; `--list` says how long it takes, `--help` all else. ZooKeeper must be installed.
#![allow(clippy::print_stdout, reason = "a command speaks on stdout")]

mod bare;
mod clients;
mod container;
mod damage;
mod deb;
mod debian;
mod docs;
mod fuzz;
mod helm;
mod history;
mod musl;
mod mutants;
mod packages;
mod results;
mod sim;
mod step;
mod suites;
mod zab;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use step::{Failure, TestCounts, run, run_tests, section, tell_end};

/// Of each target, unless told otherwise.
const FUZZ_SECONDS: u32 = 600;
/// Of each target in `cargo xtask test`, behind the kept corpus.
const FUZZ_SECONDS_IN_TEST: u32 = 4;

/// Power cuts, unless told otherwise.
const CRASHES: u64 = 10_000;

/// Rounds in which servers of ensembles die, unless told otherwise.
const ENSEMBLE_ROUNDS: u64 = 200;

/// Rounds in which no server tells another that it is a Paddock.
const PLAIN_ROUNDS: u64 = 12;

/// Rounds in which servers of ensembles are cut off, unless told otherwise.
const PARTITION_ROUNDS: u64 = 100;

/// Rolling restarts, unless told otherwise.
const RESTART_ROUNDS: u64 = 100;

/// Random elections, unless told otherwise.
const ELECTIONS: u64 = 1_000_000;

/// Znodes of a ZooKeeper that is converted; those that compress have a tenth.
const CONVERTED: u32 = 100_000;

/// How clients know the servers that `cargo xtask suites` runs them on, and how many of these are meant unless told.
const SHAPES: [&str; 3] = ["follower", "three", "alone"];
const SHAPES_OF_ENSEMBLES: usize = 2;

/// States that are restored, unless told otherwise.
const RESTORED: u64 = 50;

/// Rolling replacements there and back, unless told otherwise.
const ROLLING: u64 = 10;

/// What tells the tests of mixed ensembles which ZooKeeper stands beside Paddock, and the one before the newest.
const MIXED_ZOOKEEPER: &str = "PADDOCK_MIXED_ZOOKEEPER";
const FORMER_ZOOKEEPER: &str = "3.8";

/// Tests whose servers serve clients once in the replica's thread and once in threads of their own.
const BOTH_WAYS: [&str; 7] = ["hostile", "sessions", "operations", "watches", "traps", "words", "files"];

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let outcome = match &command[..] {
        "test" => test(),
        "clients" => packages::install().and_then(|()| clients::build(&clients_dir())).map(|()| TestCounts::default()),
        "console" => console(),
        "fuzz" => fuzz_as_told().map(|()| TestCounts::default()),
        "crashes" => crashes_as_told(),
        "damage" => damage::damage(),
        "ensembles" => ensembles_as_told(),
        "partitions" => partitions_as_told(),
        "restarts" => restarts_as_told(),
        "elections" => elections_as_told(),
        "conversions" => conversions_as_told(),
        "backups" => backups_as_told(),
        "rolling" => rolling_as_told(),
        "suites" => suites_as_told(),
        "history" => history::judge(std::env::args_os().skip(2)),
        "zab" => zab::zab(&std::env::args().skip(2).collect::<Vec<_>>()),
        "sim" => sim::sim(std::env::args().skip(2)).map(|()| TestCounts::default()),
        "docs" => docs::docs(&std::env::args().skip(2).collect::<Vec<_>>()),
        "container" => container::build().map(|()| TestCounts::default()),
        "deb" => deb::build().map(|_| TestCounts::default()),
        "debian" => packages::install().and_then(|()| debian::build()).map(|_| TestCounts::default()),
        "helm" => helm::check(helm::Missing::Build).map(|()| TestCounts::default()),
        "musl" => musl::build().map(|_| TestCounts::default()),
        "results" => results::results(std::env::args_os().skip(2)).map(|()| TestCounts::default()),
        "mutants" => mutants::mutants(&std::env::args().skip(2).collect::<Vec<_>>()).map(|()| TestCounts::default()),
        _ => {
            eprintln!(
                "usage: cargo xtask test | clients | console | fuzz [SECONDS [TARGET...]] | crashes [COUNT [SEED]] | \
                 damage [CASES [SEED]] | ensembles [ROUNDS [SEED]] | partitions [ROUNDS [SEED]] | restarts [ROUNDS [SEED]] | \
                 elections [COUNT [SEED]] | \
                 conversions [SAMPLES_DIR] | backups [COUNT [SEED]] | rolling [ROUNDS [VERSION]] | \
                 suites [alone | follower | three]... | \
                 history FILE... | \
                 zab [--seeds N] [--seed FIRST] [--exhaustive [STATES]] | \
                 docs [--write | PAGE...] | deb | debian | container | helm | musl | sim [--seed N | --help] | mutants [SECONDS [N...]] | results [--list | --help]"
            );
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(counts) if counts.failed == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(Failure(what)) => {
            println!("\nFAILED: {what}");
            ExitCode::FAILURE
        }
    }
}

/// What `cargo xtask fuzz` does with its arguments.
fn fuzz_as_told() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let seconds = match arguments.first() {
        None => FUZZ_SECONDS,
        Some(text) => text.parse().map_err(|_| Failure(format!("{text:?} is not a number of seconds")))?,
    };
    let named: Vec<&str> = arguments.iter().skip(1).map(|name| &name[..]).collect();
    if let Some(unknown) = named.iter().find(|name| !fuzz::TARGETS.contains(name)) {
        return Err(Failure(format!("there is no fuzz target {unknown}; there are {}", fuzz::TARGETS.join(", "))));
    }
    let targets = if named.is_empty() { &fuzz::TARGETS[..] } else { &named };
    fuzz::fuzz(&target_dir().join("fuzz"), seconds, targets)
}

/// A number behind the command, by its place.
fn number(place: usize, otherwise: u64) -> Result<u64, Failure> {
    match std::env::args().nth(place) {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| Failure(format!("{text:?} is not a number"))),
    }
}

/// What `cargo xtask crashes` does with its arguments. Each write and sync that is needed is left out once, too.
fn crashes_as_told() -> Result<TestCounts, Failure> {
    let (count, seed) = (number(2, CRASHES)?, number(3, 1)?);
    let mut tests = cargo();
    tests.args(["test", "--package", "paddock", "--test", "crashes", "--", "--nocapture"]);
    tests.env("PADDOCK_CRASHES", count.to_string()).env("PADDOCK_SEED", seed.to_string()).env("PADDOCK_STRIDE", "1");
    run_tests(&mut tests)
}

/// What `cargo xtask ensembles` does with its arguments.
fn ensembles_as_told() -> Result<TestCounts, Failure> {
    ensembles("survives_whatever", "PADDOCK_ENSEMBLE_ROUNDS", ENSEMBLE_ROUNDS)
}

/// What `cargo xtask partitions` does with its arguments.
fn partitions_as_told() -> Result<TestCounts, Failure> {
    ensembles("through_partitions", "PADDOCK_PARTITION_ROUNDS", PARTITION_ROUNDS)
}

/// What `cargo xtask restarts` does with its arguments.
fn restarts_as_told() -> Result<TestCounts, Failure> {
    ensembles("rolling_restart", "PADDOCK_RESTART_ROUNDS", RESTART_ROUNDS)
}

/// The tests of real ensembles that have this in their names, for as many rounds as the command says, else `rounds`.
fn ensembles(names: &str, count: &str, rounds: u64) -> Result<TestCounts, Failure> {
    let (rounds, seed) = (number(2, rounds)?, number(3, 1)?);
    run(cargo().args(["build", "--package", "paddock"]))?;
    let mut tests = cargo();
    tests.args(["test", "--package", "paddock-tests", "--test", "ensemble", "--", "--nocapture", names]);
    tests.env("PADDOCK_BIN", target_dir().join("debug/paddock"));
    tests.env(count, rounds.to_string()).env("PADDOCK_ENSEMBLE_SEED", seed.to_string());
    run_tests(&mut tests)
}

/// What `cargo xtask elections` does with its arguments.
fn elections_as_told() -> Result<TestCounts, Failure> {
    let (count, seed) = (number(2, ELECTIONS)?, number(3, 1)?);
    let mut tests = cargo();
    tests.args(["test", "--package", "paddock-consensus", "--test", "election", "--", "--nocapture", "random"]);
    tests.env("PADDOCK_ELECTIONS", count.to_string()).env("PADDOCK_SEED", seed.to_string());
    run_tests(&mut tests)
}

/// What `cargo xtask conversions` does with its arguments. One after the other, so that what they say is not mixed.
fn conversions_as_told() -> Result<TestCounts, Failure> {
    run(cargo().args(["build", "--package", "paddock"]))?;
    let mut tests = cargo();
    tests.args(["test", "--package", "paddock-tests", "--test", "zookeeper", "--"]);
    tests.args(["--nocapture", "--test-threads=1", "by_command", "samples"]);
    tests.env("PADDOCK_BIN", target_dir().join("debug/paddock")).env("PADDOCK_CONVERTED", CONVERTED.to_string());
    if let Some(samples) = std::env::args_os().nth(2) {
        // The tests run in another directory.
        let absolute = std::path::absolute(&samples);
        tests.env("PADDOCK_SAMPLES", absolute.map_err(|error| Failure(format!("{samples:?}: {error}")))?);
    }
    run_tests(&mut tests)
}

/// What `cargo xtask console` does.
fn console() -> Result<TestCounts, Failure> {
    packages::install()?;
    let (pictures, browser) = (root().join("docs/pictures"), clients_dir().join("console"));
    [&pictures, &browser].into_iter().try_for_each(|directory| clients::create_directory(directory))?;
    clients::npm(&clients::source("console/package.json"), &browser)?;
    run(cargo().args(["build", "--release", "--package", "paddock"]))?;
    let mut tests = tests();
    tests.args(["--package", "paddock-tests", "--test", "console", "--", "--nocapture", "browser"]);
    run_tests(tests.env("PADDOCK_CONSOLE_PICTURES", pictures))
}

/// What `cargo xtask backups` does with its arguments.
fn backups_as_told() -> Result<TestCounts, Failure> {
    let (count, seed) = (number(2, RESTORED)?, number(3, 1)?);
    run(cargo().args(["build", "--package", "paddock"]))?;
    let mut tests = cargo();
    tests.args(["test", "--package", "paddock-tests", "--test", "backups", "--", "--nocapture", "under_load"]);
    tests.env("PADDOCK_BIN", target_dir().join("debug/paddock"));
    tests.env("PADDOCK_BACKUPS", count.to_string()).env("PADDOCK_BACKUP_SEED", seed.to_string());
    run_tests(&mut tests)
}

/// What `cargo xtask rolling` does with its arguments.
fn rolling_as_told() -> Result<TestCounts, Failure> {
    let rounds = number(2, ROLLING)?;
    run(cargo().args(["build", "--package", "paddock"]))?;
    let mut tests = cargo();
    tests.args(["test", "--package", "paddock-tests", "--test", "mixed", "--", "--nocapture", "rolling"]);
    tests.env("PADDOCK_BIN", target_dir().join("debug/paddock")).env("PADDOCK_ROLLING", rounds.to_string());
    if let Some(version) = std::env::args_os().nth(3) {
        tests.env(MIXED_ZOOKEEPER, version);
    }
    run_tests(&mut tests)
}

/// What `cargo xtask suites` does with its arguments. Few at a time, for some of the tests count on times, and each of them may
/// have three servers.
fn suites_as_told() -> Result<TestCounts, Failure> {
    let told: Vec<String> = std::env::args().skip(2).collect();
    if let Some(unknown) = told.iter().find(|shape| !SHAPES.contains(&shape.as_str())) {
        return Err(Failure(format!("there is no shape {unknown}; there are {}", SHAPES.join(", "))));
    }
    let shapes = if told.is_empty() {
        SHAPES[..SHAPES_OF_ENSEMBLES].iter().map(|shape| shape.to_string()).collect()
    } else {
        told
    };
    run(cargo().args(["build", "--package", "paddock"]))?;
    let mut counts = TestCounts::default();
    for shape in shapes {
        section(&format!("other clients: {shape}"));
        let mut tests = tests();
        tests.args(["--package", "paddock-tests", "--test", "clients", "--test", "suites", "--"]);
        tests.args(["--nocapture", "--test-threads=2", "--skip", "on_three_servers"]);
        tests.env("PADDOCK_BIN", target_dir().join("debug/paddock")).env("PADDOCK_TEST_SHAPE", shape);
        let more = run_tests(&mut tests)?;
        counts.passed += more.passed;
        counts.failed += more.failed;
    }
    Ok(counts)
}

fn test() -> Result<TestCounts, Failure> {
    let began = Instant::now();
    packages::install()?;
    // The clients wait for downloads, and for compilers that use one core.
    std::thread::scope(|scope| {
        let clients = scope.spawn(|| clients::build(&clients_dir()));
        lint_and_build()?;
        clients.join().expect("building the clients does not panic")
    })?;
    fuzz::fuzz(&target_dir().join("fuzz"), FUZZ_SECONDS_IN_TEST, &fuzz::TARGETS)?;
    let deb = deb::build()?;
    debian::build()?;
    helm::check(helm::Missing::LeaveOut)?;
    section("tests");
    let mut counts = run_tests(tests().args(["--workspace"]).env("PADDOCK_DEB", deb))?;
    section("tests of one server, with the other number of reactors");
    let again = BOTH_WAYS.iter().flat_map(|name| ["--test", name]);
    let other =
        run_tests(tests().args(["--package", "paddock-tests"]).args(again).env("PADDOCK_TEST_REACTORS", "other"))?;
    section("tests beside the former ZooKeeper");
    let mut mixed = tests();
    mixed.args(["--package", "paddock-tests", "--test", "mixed"]).env(MIXED_ZOOKEEPER, FORMER_ZOOKEEPER);
    let former = run_tests(&mut mixed)?;
    section("tests of ensembles, without what Paddocks alone can");
    let mut plain = tests();
    plain.args(["--package", "paddock-tests", "--test", "ensemble", "--"]);
    plain.args(["whatever_becomes_of_them", "rolling_restart"]);
    plain.env("PADDOCK_TEST_FEATURES", "off").env("PADDOCK_ENSEMBLE_ROUNDS", PLAIN_ROUNDS.to_string());
    let plain = run_tests(&mut plain)?;
    let documents = docs::check(&target_dir().join("release/paddock"), &[])?;
    for more in [other, former, plain, documents, sim::test()?] {
        counts.passed += more.passed;
        counts.failed += more.failed;
    }
    tell_end();
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let verdict = if counts.failed == 0 { "ALL GOOD" } else { "FAILED: the tests named above" };
    println!("\n{verdict} after {minutes:.1} minutes\n{} passed, {} failed", counts.passed, counts.failed);
    Ok(counts)
}

fn lint_and_build() -> Result<(), Failure> {
    section("format");
    run(cargo().args(["fmt", "--all", "--", "--check"]))?;
    section("lints");
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    bare::build(&target_dir().join("bare"))?;
    section("release build");
    run(cargo().args(["build", "--release"]))
}

fn tests() -> Command {
    let mut tests = cargo();
    tests.args(["test", "--no-fail-fast"]);
    tests.env("PADDOCK_BIN", target_dir().join("release/paddock")).env("PADDOCK_CLIENTS", clients_dir());
    tests
}

/// The cargo that runs this.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The workspace.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("the crate lies two levels below the workspace").to_owned()
}

fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

fn clients_dir() -> PathBuf {
    target_dir().join("clients")
}
