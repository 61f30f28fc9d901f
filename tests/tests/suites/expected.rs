//! The tests of a suite that do not pass, each with its reason: `tests/clients/suites/<suite>.expected`.
//!
//! ```text
//! # A comment.
//! tests 340
//! both alone follower fails test_x.Case::test_y
//!     wants three servers
//! paddock fails test_x.Case::test_z
//!     waits for TLS
//! ```
//!
//! `both` servers or one of them; the shapes of the service in which it is so, unless it is in all; `fails`, `skips`,
//! `may fail` or `hangs`; the test; and below it why. Every other test
//! must pass, and what is in the list must not; only what is up to chance `may fail`. What `hangs` is left out. The number
//! keeps a suite from shrinking unseen.
use crate::outcome::{Outcome, Outcomes};
use paddock_tests::installed::source;
use paddock_tests::server::Kind;
use paddock_tests::service::Shape;
use std::collections::BTreeMap;
use std::fmt::Write as _;

struct Expected {
    tests: usize,
    /// `None` for what is up to chance.
    others: BTreeMap<String, Option<Outcome>>,
    hanging: Vec<String>,
}

enum Entry {
    Ends(Outcome),
    MayFail,
    Hangs,
}

impl Expected {
    fn parse(text: &str, (kind, shape): (Kind, Shape)) -> Result<Expected, String> {
        let mut expected = Expected { tests: 0, others: BTreeMap::new(), hanging: Vec::new() };
        let mut reasonless: Option<&str> = None;
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with(' ') {
                reasonless = None;
                continue;
            }
            if let Some(line) = reasonless {
                return Err(format!("{line:?} has no reason below it"));
            }
            if let Some(tests) = line.strip_prefix("tests ") {
                expected.tests = tests.parse().map_err(|_| format!("{line:?} has no number"))?;
                continue;
            }
            let Line { server, shapes, entry, name } = Line::parse(line).ok_or_else(|| format!("what is {line:?}?"))?;
            if server.is_none_or(|server| server == kind) && (shapes.is_empty() || shapes.contains(&shape)) {
                expected.add(name, &entry);
            }
            reasonless = Some(line);
        }
        reasonless.map_or(Ok(expected), |line| Err(format!("{line:?} has no reason below it")))
    }

    fn add(&mut self, name: &str, entry: &Entry) {
        match entry {
            Entry::Ends(outcome) => drop(self.others.insert(name.to_owned(), Some(*outcome))),
            Entry::MayFail => drop(self.others.insert(name.to_owned(), None)),
            Entry::Hangs => self.hanging.push(name.to_owned()),
        }
    }

    fn of(suite: &str, on: (Kind, Shape)) -> Expected {
        let path = source(&format!("clients/suites/{suite}.expected"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Expected::parse(&text, on).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()))
    }
}

/// The tests of a suite that must not be run.
pub fn hanging(suite: &str, on: (Kind, Shape)) -> Vec<String> {
    Expected::of(suite, on).hanging
}

/// A line that begins an entry.
struct Line<'text> {
    /// `None` for both.
    server: Option<Kind>,
    /// None for all.
    shapes: Vec<Shape>,
    entry: Entry,
    name: &'text str,
}

impl Line<'_> {
    fn parse(line: &str) -> Option<Line<'_>> {
        let (server, mut rest) = line.split_once(' ')?;
        let server = match server {
            "both" => None,
            "paddock" => Some(Kind::Paddock),
            "zookeeper" => Some(Kind::ZooKeeper),
            _ => return None,
        };
        let mut shapes = Vec::new();
        while let Some((word, behind)) = rest.split_once(' ')
            && let Some(shape) = Shape::named(word)
        {
            shapes.push(shape);
            rest = behind;
        }
        let (entry, name) = if let Some(name) = rest.strip_prefix("fails ") {
            (Entry::Ends(Outcome::Fails), name)
        } else if let Some(name) = rest.strip_prefix("skips ") {
            (Entry::Ends(Outcome::Skips), name)
        } else if let Some(name) = rest.strip_prefix("may fail ") {
            (Entry::MayFail, name)
        } else {
            (Entry::Hangs, rest.strip_prefix("hangs ")?)
        };
        Some(Line { server, shapes, entry, name })
    }
}

/// What is wrong with the outcomes, one sentence a line; empty when nothing is.
fn differences(expected: &Expected, outcomes: &Outcomes) -> String {
    let mut wrong = String::new();
    for (name, outcome) in outcomes {
        let wanted = expected.others.get(name).copied().unwrap_or(Some(Outcome::Passes));
        if wanted.is_some_and(|wanted| wanted != *outcome) {
            writeln!(wrong, "{name}: {outcome:?} instead of {wanted:?}").expect("a String takes everything");
        }
    }
    for name in expected.others.keys().filter(|name| !outcomes.contains_key(*name)) {
        writeln!(wrong, "{name} is in the list and was not run").expect("a String takes everything");
    }
    let (tests, ran) = (expected.tests, outcomes.len() + expected.hanging.len());
    if ran != tests {
        writeln!(wrong, "there are {ran} tests, and the list says {tests}").expect("a String takes everything");
    }
    wrong
}

/// Panics unless the suite ended as its list says.
pub fn judge(suite: &str, on: (Kind, Shape), outcomes: &Outcomes, log: &str) {
    let count = |wanted: Outcome| outcomes.values().filter(|outcome| **outcome == wanted).count();
    let (passed, failed, skipped) = (count(Outcome::Passes), count(Outcome::Fails), count(Outcome::Skips));
    let figures = format!("{suite} on {on:?}: {passed} passed, {failed} failed, {skipped} skipped");
    let expected = Expected::of(suite, on);
    let wrong = differences(&expected, outcomes);
    assert!(wrong.is_empty(), "{figures}\n{wrong}its output:\n{log}");
    eprintln!("{figures}");
}

mod tests {
    use super::*;

    const LIST: &str = "# why\ntests 3\nboth fails a\n    it is so\npaddock alone three skips b\n    it is so\n";

    fn compare(on: (Kind, Shape), outcomes: &[(&str, Outcome)]) -> String {
        let outcomes = outcomes.iter().map(|(name, outcome)| ((*name).to_owned(), *outcome)).collect();
        differences(&Expected::parse(LIST, on).expect("a good list"), &outcomes)
    }

    #[test]
    fn what_the_list_says_is_no_difference() {
        let outcomes = [("a", Outcome::Fails), ("b", Outcome::Skips), ("c", Outcome::Passes)];
        for shape in [Shape::Alone, Shape::Three] {
            assert_eq!(compare((Kind::Paddock, shape), &outcomes), "");
        }
        for other in [(Kind::ZooKeeper, Shape::Alone), (Kind::Paddock, Shape::Follower)] {
            assert!(compare(other, &outcomes).contains("b: Skips instead of Some(Passes)"));
        }
    }

    #[test]
    fn passing_unexpectedly_shrinking_and_failing_are_differences() {
        let outcomes = [("a", Outcome::Passes), ("c", Outcome::Fails)];
        let wrong = compare((Kind::Paddock, Shape::Alone), &outcomes);
        assert_eq!(wrong.lines().count(), 4, "{wrong}");
    }

    #[test]
    fn every_line_has_a_reason() {
        let parse = |text| Expected::parse(text, (Kind::Paddock, Shape::Alone));
        assert!(parse("both fails a\nboth fails b\n    why\n").is_err());
        assert!(parse("sometimes fails a\n    why\n").is_err());
        assert!(parse("both often fails a\n    why\n").is_err());
    }
}
