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

/// When the first section began.
static BEGAN: Mutex<Option<Instant>> = Mutex::new(None);

/// Says what comes next, how long it has taken so far, and how much space the disk of the temporary files has left: what cannot
/// be made for want of it looks like any other failure.
pub fn section(name: &str) {
    let mut began = BEGAN.lock().expect("nobody panics with this lock");
    let seconds = began.get_or_insert_with(Instant::now).elapsed().as_secs();
    println!("\n=== {name} (at {}:{:02}, {} free)", seconds / 60, seconds % 60, free_space());
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
    let mut counts = TestCounts::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.map_err(|error| Failure(format!("the tests' output cannot be read: {error}")))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            counts.passed += count_before(result, " passed");
            counts.failed += count_before(result, " failed");
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

#[cfg(test)]
mod tests {
    use super::count_before;

    #[test]
    fn results_of_cargo_test() {
        let result = "FAILED. 28 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!((count_before(result, " passed"), count_before(result, " failed")), (28, 2));
    }
}
