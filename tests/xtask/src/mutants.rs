//! The bugs that can be put back by `paddock_consensus::mutants`, where ZooKeeper had them (`Bnn` is of the protocol's list), and
//! the table of what finds each.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::sim::{self, Found};
use crate::step::{Failure, run, section};
use crate::{cargo, root, target_dir, zab};

/// How long worlds live to find a bug, s, unless told otherwise. They use two cores.
const WORLDS_SECONDS: u64 = 300;
/// Tests that do not come to their end by then have found the bug, s.
const TESTS_SECONDS: u64 = 300;
/// What `timeout` ends with when the time is over.
const TIME_IS_OVER: i32 = 124;

const TABLE: &str = "tests/sim/MUTANTS.md";
const HEADING: &str = "# Bugs put back

`cargo xtask mutants` writes this table. Everything is built with `--cfg mutants`, so that one `mutant!` can be chosen while it
runs. Worlds live from seed 1 on until one of them fails; then come the tests of the engine and of the server, if the bug has
its place there, until one of them fails. What the scripts and models of the core find of those in the core is in
[consensus/MUTANTS.md](../../consensus/MUTANTS.md). Worlds look for 300 s unless the command says otherwise; a row says how long
they looked in vain, and where that is 100 s it was made when they looked for so long. Seconds are those of two cores.

| N | put back | of | worlds | what was seen there | tests of the engine and the server |
|---|---|---|---|---|---|
";

/// Where a bug is put back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Site {
    Core,
    /// In the engine or in the server.
    Server,
}

struct Mutant {
    number: u32,
    site: Site,
    what: &'static str,
    of: &'static str,
}

const fn core(number: u32, what: &'static str, of: &'static str) -> Mutant {
    Mutant { number, site: Site::Core, what, of }
}

const fn server(number: u32, what: &'static str, of: &'static str) -> Mutant {
    Mutant { number, site: Site::Server, what, of }
}

const MUTANTS: [Mutant; 37] = [
    core(1, "ACK(NEWLEADER) before the history is appended", "B01"),
    core(2, "ACK(NEWLEADER) when the history is appended, not durable", "B02"),
    core(3, "currentEpoch before the history", "B03"),
    core(4, "ACK(z) before ACK(NEWLEADER); the leader takes any first ACK", "B04"),
    core(5, "a COMMIT between the ACK of NEWLEADER and UPTODATE is forgotten", "B05"),
    server(6, "the window has not what was applied while it was synchronised", "B06"),
    server(7, "TRUNC cuts the memory and not the log", "B07"),
    server(9, "the installed snapshot and its directory are not synced", "B09"),
    core(10, "NEWLEADER is queued before the end of the history", "B10"),
    server(11, "a snapshot of what is not committed comes into place, and a cut passes it by", "B12"),
    server(12, "the old log goes on after SNAP", "B13, B21"),
    core(13, "announces what is applied instead of the log's end", "B14"),
    core(14, "a position is announced while groups are under way", "B15"),
    server(15, "a link joins the feed one turn after its history was cut", "B16"),
    core(16, "acceptedEpoch written after ACKEPOCH", "B17"),
    core(17, "membership by range", "B18"),
    server(18, "the log goes on at its old offset after a cut", "B19"),
    server(19, "history from the disk begins behind a gap", "B20"),
    server(20, "sessions of another moment than the tree in a snapshot", "B26"),
    server(21, "a multi's zxid is visible after its first member", "B27"),
    server(22, "pzxid is not raised where a deleted child is missing", "B28"),
    server(23, "a cut that failed is taken for done", "B30"),
    core(24, "votes compared by sid before the epoch", "B33"),
    core(25, "the vote's peerEpoch is not replaced after the synchronisation", "B35"),
    core(26, "observers and strangers are counted", "B36"),
    core(27, "the counter carries into the epoch", "B42"),
    server(28, "a sync is answered without confirmation", "B46"),
    server(29, "a request that cannot be decoded has the last zxid", "B47"),
    core(31, "acknowledgements survive their link", "-"),
    core(32, "zxid 0 gets DIFF from a log that begins later", "B22"),
    server(33, "the log goes on after a failed write", "ZK-4882"),
    server(34, "an ephemeral that came by SNAP is not its session's", "ZK-4837"),
    core(35, "a reconfiguration is committed by a quorum of the old configuration alone", "-"),
    core(36, "a reconfiguration is acknowledged before its configuration is durable", "-"),
    core(37, "UPTODATE puts a configuration in force that is only proposed", "-"),
    core(38, "a leader that may not lead on goes on committing", "B45"),
    server(39, "what was appended is written although the configuration could not be kept", "-"),
];

/// How many bugs there are in the list.
const BUGS: usize = 39;
/// Of them, what the shape of the code leaves no place for.
const NOT_PUT_BACK: &str = "\
Two bugs of the list have no place where they could be put back. A state that comes is built beside the one that is there, and
only a whole one can take its place, so that half a SNAP (8, B11) never stays. What a server announces is the end of what was
appended to its log and has become durable, so that it cannot become the zxid of a DIFF (30, B57); the core's assertion holds
that.

A cut that fails (23, B30) needs a server whose whole state came from a leader that had more than was ever committed, and a next
leader that has less: no log holds the transaction at which it should end then. Worlds meet that too seldom. What the core does
about it is in its script `b12_snapshot_above_the_cut`.
";

/// `cargo xtask mutants [SECONDS [N...]]`: worlds look so long for each bug, or for those named, and the table of all is written.
/// Where none is named, the core's own tests look too.
pub fn mutants(arguments: &[String]) -> Result<(), Failure> {
    let mut numbers = Vec::new();
    for text in arguments {
        numbers.push(text.parse::<u64>().map_err(|_| Failure(format!("{text:?} is not a number")))?);
    }
    let seconds = numbers.first().copied().unwrap_or(WORLDS_SECONDS);
    let named = numbers.get(1..).unwrap_or_default();
    let core = if named.is_empty() { zab::mutants() } else { Ok(()) };
    let program = build()?;
    if let Some(failure) = own_tests(0)? {
        return Err(Failure(format!("the tests of the engine and the server fail without any bug: {failure}")));
    }
    let path = root().join(TABLE);
    let mut rows = Rows::read(&path);
    for mutant in MUTANTS.iter().filter(|mutant| named.is_empty() || named.contains(&u64::from(mutant.number))) {
        let worlds = sim::find(&program, mutant.number, seconds)?;
        let tests = match mutant.site {
            Site::Core => None,
            Site::Server => Some(own_tests(mutant.number)?.unwrap_or_else(|| NOT_FOUND.to_owned())),
        };
        let row = row(mutant, &worlds, tests);
        print!("{row}");
        rows.set(mutant.number, row);
        rows.write(&path)?;
    }
    core
}

fn build() -> Result<PathBuf, Failure> {
    section("a build in which bugs can be put back");
    let mut worlds = cargo();
    worlds.args(["build", "--profile", "sim", "--quiet", "--package", "paddock-sim"]);
    run(with_bugs(&mut worlds))?;
    run(with_bugs(&mut tests()).args(["--quiet", "--no-run"]))?;
    Ok(target_dir().join("mutants/sim/sim"))
}

fn tests() -> Command {
    let mut tests = cargo();
    tests.args(["test", "--profile", "sim", "--package", "paddock-engine", "--package", "paddock"]);
    tests
}

fn with_bugs(command: &mut Command) -> &mut Command {
    command.env("RUSTFLAGS", "--cfg mutants").env("CARGO_TARGET_DIR", target_dir().join("mutants"))
}

/// Runs the tests of the engine and of the server with a bug. What the table says of what found it.
fn own_tests(number: u32) -> Result<Option<String>, Failure> {
    let began = Instant::now();
    let tests = tests();
    let mut command = Command::new("timeout");
    command.arg(TESTS_SECONDS.to_string()).arg(tests.get_program()).args(tests.get_args());
    // What a bug makes fail is no case for the tests without it.
    command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    command.env("PADDOCK_MUTANT", number.to_string()).stdin(Stdio::null());
    let output = with_bugs(&mut command).output();
    let output = output.map_err(|error| Failure(format!("{command:?} cannot be started: {error}")))?;
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let found = match output.status.code() {
        Some(0) => return Ok(None),
        Some(TIME_IS_OVER) => "the tests do not come to their end".to_owned(),
        _ => failure(&told, &said)?,
    };
    Ok(Some(format!("{found}, {} s", began.elapsed().as_secs())))
}

/// What failed of tests that did not pass, by what cargo wrote to its two outputs. What failed before there was any test, a
/// build for one, is not found by a test.
fn failure(told: &str, said: &str) -> Result<String, Failure> {
    let failed = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    let failed: Vec<String> = told.lines().filter_map(failed).collect();
    match &failed[..] {
        [] if said.contains("(signal: ") => Ok("the tests' process ends".to_owned()),
        [] => Err(Failure(format!("the tests of the engine and the server cannot be run:\n{said}"))),
        [only] => Ok(only.clone()),
        [first, rest @ ..] => Ok(format!("{first} and {} more", rest.len())),
    }
}

fn row(mutant: &Mutant, worlds: &Found, tests: Option<String>) -> String {
    let Mutant { number, what, of, .. } = mutant;
    let Found { worlds, seconds, failure } = worlds;
    let (after, seen) = match failure {
        Some(failure) => (format!("{worlds} seeds, {seconds} s"), shortened(failure)),
        None => (format!("{NOT_IN} {worlds} seeds, {seconds} s"), "-".to_owned()),
    };
    let tests = tests.unwrap_or_default();
    format!("| {number} | {what} | {of} | {after} | {seen} | {tests} |\n")
}

/// The cell of tests that have not found a bug.
const NOT_FOUND: &str = "-";
/// How the cell begins of worlds that have not found a bug.
const NOT_IN: &str = "not in";

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
        let mut text = HEADING.to_owned();
        self.0.iter().for_each(|(_, row)| text.push_str(row));
        let by_core = zab::found_mutants();
        let is_missed = |(number, row): &&(u32, String)| !is_found(row) && !by_core.contains(number);
        let missed: Vec<String> = self.0.iter().filter(is_missed).map(|(number, _)| number.to_string()).collect();
        let found = self.0.len() - missed.len();
        let missed = if missed.is_empty() { "none".to_owned() } else { missed.join(", ") };
        write!(
            text,
            "\nFound by these or by the core's own tests: {found} of {BUGS}; put back and not found: {missed}.\n\n"
        )
        .and_then(|()| text.write_str(NOT_PUT_BACK))
        .expect("a String takes everything");
        std::fs::write(path, text).map_err(|error| Failure(format!("cannot write {}: {error}", path.display())))
    }
}

/// Whether worlds or tests have found the bug of this row.
fn is_found(row: &str) -> bool {
    let cell = |number| row.split(" | ").nth(number).unwrap_or_default().trim_end_matches([' ', '|', '\n']);
    !cell(3).starts_with(NOT_IN) || !matches!(cell(5), "" | NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use super::{failure, is_found};

    #[test]
    fn only_a_test_finds_a_bug() {
        let told = "test a::b ... ok\ntest a::c ... FAILED\ntest a::d ... FAILED\n";
        assert_eq!(failure(told, "error: test failed").expect("tests failed"), "a::c and 1 more");
        assert_eq!(failure("test a::c ... FAILED\n", "").expect("a test failed"), "a::c");
        let said = "process didn't exit successfully: `t` (signal: 6, SIGABRT: process abort signal)";
        assert_eq!(failure("", said).expect("a test's process ended"), "the tests' process ends");
        assert!(failure("", "error: could not compile `paddock`").is_err());
    }

    #[test]
    fn a_row_tells_whether_a_bug_was_found() {
        assert!(is_found("| 1 | a | B01 | 5 seeds, 12 s | seed 4: it fails | |\n"));
        assert!(is_found("| 1 | a | B01 | not in 7 seeds, 9 s | - | log::tests::a_test, 3 s |\n"));
        assert!(!is_found("| 1 | a | B01 | not in 7 seeds, 9 s | - | - |\n"));
        assert!(!is_found("| 1 | a | B01 | not in 7 seeds, 9 s | - | |\n"));
    }
}
