//! Histories that were kept as text, judged.

use std::ffi::OsString;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use paddock_history::{check, text};

use crate::step::{Failure, TestCounts};

/// Judges each file and says what was found; what was left undecided counts as failed.
pub fn judge(files: impl Iterator<Item = OsString>) -> Result<TestCounts, Failure> {
    let mut counts = TestCounts::default();
    for file in files {
        let file = Path::new(&file);
        let failure = |what: &dyn std::fmt::Display| Failure(format!("{}: {what}", file.display()));
        let opened = File::open(file).map_err(|error| failure(&error))?;
        let history = text::read(&mut BufReader::new(opened)).map_err(|error| failure(&error))?;
        let report = check(&history);
        println!("{}", file.display());
        print!("{}", report.text(&history));
        match report.is_clean() {
            true => counts.passed += 1,
            false => counts.failed += 1,
        }
    }
    if counts.passed + counts.failed == 0 {
        return Err(Failure("name the files of the histories".to_owned()));
    }
    Ok(counts)
}
