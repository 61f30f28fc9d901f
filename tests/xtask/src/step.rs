//! Running other programs, and counting what test runners say.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

/// What went wrong, as a sentence.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many tests there were.
#[derive(Clone, Copy, Default, Debug)]
pub struct TestCounts {
    pub passed: u64,
    pub failed: u64,
}

/// The sections so far, and when each began.
static SECTIONS: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());
/// What test runners have said so far.
static SUITES: Mutex<Vec<Suite>> = Mutex::new(Vec::new());
/// So many suites are named at the end.
const SLOWEST: usize = 12;

/// Lines of a failed test that are told at the end, and characters of each.
const REASON_LINES: usize = 12;
const REASON_CHARS: usize = 500;

/// One program of tests.
struct Suite {
    /// The test of it that ended first, since the runner says nothing of its own name where it says its results.
    first: String,
    failed: Vec<String>,
    /// What the failed tests said as they failed, line by line.
    reasons: Vec<String>,
    /// So many of the next lines belong to a reason.
    reason_left: usize,
    seconds: f64,
}

impl Suite {
    const NONE: Suite =
        Suite { first: String::new(), failed: Vec::new(), reasons: Vec::new(), reason_left: 0, seconds: 0.0 };

    /// `test name ... ok`, or what else a line is.
    fn take(&mut self, line: &str) {
        self.take_reason(line);
        let Some((name, outcome)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) else {
            return;
        };
        if self.first.is_empty() {
            name.clone_into(&mut self.first);
        }
        if outcome == "FAILED" {
            self.failed.push(name.to_owned());
        }
    }

    /// Keeps the line of a panic and what is behind it, up to the trace.
    fn take_reason(&mut self, line: &str) {
        if line.starts_with("thread '") && line.contains("panicked at") {
            self.reason_left = REASON_LINES;
        }
        if line.starts_with("stack backtrace:") {
            self.reason_left = 0;
        }
        if self.reason_left > 0 {
            self.reason_left -= 1;
            self.reasons.push(line.chars().take(REASON_CHARS).collect());
        }
    }
}

/// Says what comes next, how long it has taken so far, and how much space the disk of the temporary files has left: what cannot
/// be made for want of it looks like any other failure.
pub fn section(name: &str) {
    let mut sections = SECTIONS.lock().expect("nobody panics with this lock");
    sections.push((name.to_owned(), Instant::now()));
    let seconds = sections[0].1.elapsed().as_secs();
    println!("\n=== {name} (at {}:{:02}, {} free)", seconds / 60, seconds % 60, free_space());
}

/// Says where the time went, and which tests failed: the end of a long output is what is read first.
pub fn tell_end() {
    let sections = SECTIONS.lock().expect("nobody panics with this lock");
    let ends = sections.iter().skip(1).map(|(_, began)| *began).chain([Instant::now()]);
    println!("\nseconds of each section:");
    for ((name, began), end) in sections.iter().zip(ends) {
        println!("{:8.0} {name}", end.duration_since(*began).as_secs_f64());
    }
    let mut suites = SUITES.lock().expect("nobody panics with this lock");
    suites.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    println!("\nseconds of the slowest programs of tests, by the test that each told first:");
    for Suite { first, seconds, .. } in suites.iter().take(SLOWEST) {
        println!("{seconds:8.0} {first}");
    }
    for Suite { failed, reasons, .. } in suites.iter().filter(|suite| !suite.failed.is_empty()) {
        reasons.iter().for_each(|line| println!("    {line}"));
        failed.iter().for_each(|name| println!("failed: {name}"));
    }
}

fn free_space() -> String {
    let told = Command::new("df").args(["-h", "--output=avail"]).arg(std::env::temp_dir()).output();
    let told = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned()).unwrap_or_default();
    told.lines().nth(1).map_or_else(|| "?".to_owned(), |free| free.trim().to_owned())
}

/// Runs a program that must succeed.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure(format!("{command:?} ended with {status}"))),
        Err(error) => Err(Failure(format!("{command:?} cannot be started: {error}"))),
    }
}

/// What a program that must succeed says, without the end of its last line.
pub fn said(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    match output.map_err(|error| Failure(format!("{command:?} cannot be started: {error}")))? {
        output if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned()),
        output => Err(Failure(format!("{command:?} ended with {}", output.status))),
    }
}

/// Runs `cargo test` and adds up its results. A run that ends badly without a failed test is one failure.
pub fn run_tests(command: &mut Command) -> Result<TestCounts, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| Failure(format!("{command:?} cannot be started: {error}")))?;
    let stdout = child.stdout.take().expect("it is piped");
    let (mut counts, mut suite) = (TestCounts::default(), Suite::NONE);
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.map_err(|error| Failure(format!("the tests' output cannot be read: {error}")))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        suite.take(&line);
        if let Some(result) = line.strip_prefix("test result: ") {
            counts.passed += count_before(result, " passed");
            counts.failed += count_before(result, " failed");
            suite.seconds = seconds_of(result);
            SUITES.lock().expect("nobody panics with this lock").push(std::mem::replace(&mut suite, Suite::NONE));
        }
    }
    let status = child.wait().map_err(|error| Failure(format!("the tests cannot be waited for: {error}")))?;
    if !status.success() && counts.failed == 0 {
        counts.failed = 1;
    }
    Ok(counts)
}

/// The number in front of a word: `ok. 3 passed; 0 failed; ...`.
fn count_before(result: &str, word: &str) -> u64 {
    let before = result.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// How long the tests took: `...; finished in 1.25s`.
fn seconds_of(result: &str) -> f64 {
    let seconds = result.split("finished in ").nth(1).and_then(|rest| rest.trim_end().strip_suffix('s'));
    seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{Suite, count_before, seconds_of};

    #[test]
    fn results_of_cargo_test() {
        let result = "FAILED. 28 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!((count_before(result, " passed"), count_before(result, " failed")), (28, 2));
        assert_eq!(seconds_of(result), 0.01);
        assert_eq!(seconds_of("ok"), 0.0);
        let mut suite = Suite::NONE;
        for line in
            ["running 2 tests", "test turns::first ... ok", "test turns::second ... FAILED", "test x has been running"]
        {
            suite.take(line);
        }
        assert_eq!((&suite.first[..], &suite.failed[..]), ("turns::first", &["turns::second".to_owned()][..]));
        let lines =
            ["thread 'turns::second' (7) panicked at tests/turns.rs:1:1:", "it turned", "stack backtrace:", "0: turn"];
        lines.into_iter().for_each(|line| suite.take(line));
        assert_eq!(suite.reasons, lines[..2]);
    }
}
