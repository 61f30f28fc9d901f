//! How each test of a suite ended, read from what the test runners write.
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Passes,
    Skips,
    Fails,
}

/// By the test's name as its runner has it.
pub type Outcomes = BTreeMap<String, Outcome>;

/// Of two reports on the same test, the worse one: pytest reports a test and what follows it one by one.
fn add(outcomes: &mut Outcomes, name: String, outcome: Outcome) {
    let known = outcomes.entry(name).or_insert(outcome);
    *known = outcome.max(*known);
}

/// pytest's `--junitxml`: a `testcase` holds a `failure`, an `error` or a `skipped`, or nothing.
pub fn of_junit(xml: &str) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for case in xml.split("<testcase ").skip(1) {
        let case = case.split("</testcase>").next().unwrap_or_default();
        let class = attribute(case, "classname");
        // The module's place among the packages is not part of the name.
        let class = class.rsplit_once("tests.").or(class.rsplit_once("test.")).map_or(class, |(_, class)| class);
        let name = format!("{class}::{}", attribute(case, "name"));
        let outcome = if case.contains("<failure") || case.contains("<error") {
            Outcome::Fails
        } else if case.contains("<skipped") {
            Outcome::Skips
        } else {
            Outcome::Passes
        };
        add(&mut outcomes, name, outcome);
    }
    outcomes
}

fn attribute<'xml>(element: &'xml str, name: &str) -> &'xml str {
    let head = element.split('>').next().unwrap_or_default();
    let value = head.split_once(&format!("{name}=\"")).map(|(_, rest)| rest);
    // `name` is also the end of `classname`.
    let value = match name {
        "name" => head.split_once(" name=\"").map(|(_, rest)| rest).or(value),
        _ => value,
    };
    value.and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

/// `cargo test`: `test name ... ok`. What a test itself writes may come between, and puts the verdict on a line of its
/// own.
pub fn of_libtest(output: &str) -> Outcomes {
    let mut outcomes = Outcomes::new();
    let mut running: Option<&str> = None;
    for line in output.lines() {
        let begins = line.strip_prefix("test ").and_then(|line| line.split_once(" ... "));
        if let Some((name, _)) = begins {
            running = Some(name.trim_end_matches(" - should panic"));
        }
        let verdict = begins.map_or(line, |(_, verdict)| verdict);
        let outcome = match verdict.split(',').next().unwrap_or_default().trim() {
            "ok" => Outcome::Passes,
            "FAILED" => Outcome::Fails,
            "ignored" => Outcome::Skips,
            _ => continue,
        };
        if let Some(name) = running.take() {
            add(&mut outcomes, name.to_owned(), outcome);
        }
    }
    outcomes
}

/// The Test Anything Protocol: `ok 1 - name`, `not ok 2 - name`, `ok 3 - name # SKIP`.
pub fn of_tap(output: &str) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for line in output.lines() {
        let (line, good) = match line.strip_prefix("not ok ") {
            Some(rest) => (rest, false),
            None => match line.strip_prefix("ok ") {
                Some(rest) => (rest, true),
                None => continue,
            },
        };
        let Some((_, name)) = line.split_once(" - ") else { continue };
        match (good, name.split_once(" # SKIP")) {
            (_, Some((name, _))) => add(&mut outcomes, name.to_owned(), Outcome::Skips),
            (true, None) => add(&mut outcomes, name.to_owned(), Outcome::Passes),
            (false, None) => add(&mut outcomes, name.to_owned(), Outcome::Fails),
        }
    }
    outcomes
}

mod tests {
    use super::Outcome::{Fails, Passes, Skips};
    use super::*;

    fn check(outcomes: Outcomes, wanted: &[(&str, Outcome)]) {
        let wanted: Outcomes = wanted.iter().map(|(name, outcome)| ((*name).to_owned(), *outcome)).collect();
        assert_eq!(outcomes, wanted);
    }

    #[test]
    fn reports_of_pytest() {
        let xml = "<testsuite tests=\"4\"><testcase classname=\"a.tests.test_x.Case\" name=\"one\" time=\"1\" />\
                   <testcase classname=\"test_x.Case\" name=\"two\"><failure message=\"no &lt;skipped\">x</failure></testcase>\
                   <testcase classname=\"a.test.test_x\" name=\"three[1]\"><skipped message=\"\">x</skipped></testcase>\
                   <testcase classname=\"a.tests.test_x.Case\" name=\"one\"><error message=\"at the end\">x</error></testcase>\
                   </testsuite>";
        check(of_junit(xml), &[("test_x.Case::one", Fails), ("test_x.Case::two", Fails), ("test_x::three[1]", Skips)]);
    }

    #[test]
    fn reports_of_cargo_test() {
        let output = "running 4 tests\ntest a::b ... ok\ntest c - should panic ... ok\ntest d ... a word\nmore\nFAILED\n\
                      test e ... ignored, needs more\ntest result: FAILED. 2 passed";
        check(of_libtest(output), &[("a::b", Passes), ("c", Passes), ("d", Fails), ("e", Skips)]);
    }

    #[test]
    fn reports_of_tap() {
        let output = "TAP version 13\nok 1 - a › it works\nnot ok 2 - a › it fails\n  ---\nok 3 - b # SKIP\n1..3";
        check(of_tap(output), &[("a › it works", Passes), ("a › it fails", Fails), ("b", Skips)]);
    }
}
