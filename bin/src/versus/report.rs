//! The comparison as words and figures: a table for the terminal, a page, and JSON.

use std::path::Path;

use serde_json::{Value, json};

use super::args::VersusArgs;
use super::contender::Contender;
use super::figure::number;
use super::order::runs_of_each;
use super::outcome::Outcome;
use super::ratio::median;
use super::zoo_cfg::{ENSEMBLE_LINES, LINES};
use crate::machine;
use crate::table::Table;

/// What all rows have in common.
pub struct Comparison<'a> {
    pub args: &'a VersusArgs,
    pub sides: &'a [Contender; 2],
    /// What is said of the machine.
    pub machine: String,
}

impl<'a> Comparison<'a> {
    pub fn new(args: &'a VersusArgs, sides: &'a [Contender; 2]) -> Comparison<'a> {
        Comparison { args, sides, machine: machine::description(Path::new(&args.dir)) }
    }

    fn names(&self) -> [&str; 2] {
        [&self.sides[0].name, &self.sides[1].name]
    }

    /// One row for people.
    pub fn text(&self, outcome: &Outcome) -> String {
        let [a, b] = self.names();
        let mut table = Table::new(&["", a, b, &format!("{a} / {b}"), "from", "to", &format!("{a} is")]);
        for (figure, ratio) in outcome.figures() {
            let [ratio_text, least, greatest] = [ratio.ratio, ratio.least, ratio.greatest].map(ratio_of);
            let word = figure.word(&ratio).to_owned();
            table.row(vec![
                figure.title.to_owned(),
                number(ratio.a),
                number(ratio.b),
                ratio_text,
                least,
                greatest,
                word,
            ]);
        }
        let mut text = format!("{}\n{}", heading(outcome), table.text());
        for (name, failures) in self.names().iter().zip(outcome.failures()).filter(|(_, failures)| *failures > 0) {
            text += &format!("{name}: {} operations failed\n", crate::table::grouped(failures));
        }
        text
    }

    /// The page of all rows.
    pub fn markdown(&self, outcomes: &[Outcome]) -> String {
        let [a, b] = self.names();
        let VersusArgs { name, rounds, warmup, seconds, stolen_max, tries, .. } = self.args;
        let mut lines = vec![
            format!("# {name}: {a} and {b}"),
            String::new(),
            format!(
                "Order {}with A = {a}, B = {b}; medians of {} runs each, and the least and greatest ratio that two runs, one of \
                 each, have. Client and servers on the same machine: {}. Loads: {warmup} s of warm-up, {seconds} s measured. \
                 Values of 100 bytes, 10,000 keys, uniform, unless the work says otherwise.",
                "A B B A ".repeat(*rounds as usize),
                runs_of_each(*rounds),
                self.machine
            ),
            String::new(),
            format!("![{a} and {b}]({name}.svg)"),
            String::new(),
            format!("| work | figure | {a} | {b} | {a} / {b} | from | to | {a} is |"),
            "|---|---|--:|--:|--:|--:|--:|---|".to_owned(),
        ];
        for outcome in outcomes {
            lines.extend(rows_of(outcome));
        }
        lines.extend([
            String::new(),
            format!("- A: `{}`", self.sides[0].shown),
            format!("- B: `{}`", self.sides[1].shown),
            format!(
                "- zoo.cfg of both, where it is made for them: `{}`, in an ensemble also `{}` and the lines of the servers",
                LINES.join("; "),
                ENSEMBLE_LINES.join("; ")
            ),
            "- CPU is user + system time of the servers' processes, all together, over the measured time (for watchers: over the \
             changes, per notification). RSS is that of all of them, at the end of that time and the most until then. Latency is \
             that of the class (reads, writes) with most operations; for sessions the time from connect to session; for watchers \
             from the change to the last notification."
                .to_owned(),
            format!(
                "- Stolen: share of the machine's CPU time that its host gave to others during a run, warm-up included. Of at most \
                 {tries} tries a run is the first with at most {stolen_max} %, or else the one with the least."
            ),
            String::new(),
        ]);
        lines.join("\n")
    }

    pub fn json(&self, outcomes: &[Outcome]) -> Value {
        let VersusArgs { name, rounds, warmup, seconds, znodes, stolen_max, tries, bench_options, .. } = self.args;
        let side = |side: &Contender| json!({ "name": side.name, "command": side.shown });
        json!({
            "tool": "paddock bench versus",
            "version": env!("CARGO_PKG_VERSION"),
            "name": name,
            "sides": self.sides.iter().map(side).collect::<Vec<_>>(),
            "seconds": seconds,
            "warmup": warmup,
            "rounds": rounds,
            "znodes": znodes,
            "stolen_max": stolen_max,
            "tries": tries,
            "bench_options": bench_options,
            "zoo_cfg": LINES,
            "ensemble_cfg": ENSEMBLE_LINES,
            "machine": self.machine,
            "rows": outcomes.iter().map(Outcome::json).collect::<Vec<_>>(),
        })
    }
}

/// With the aim, if it has one.
pub fn heading(Outcome { row, title, .. }: &Outcome) -> String {
    if row.aim.is_empty() { title.clone() } else { format!("{title} (aim: {})", row.aim) }
}

/// What the page has of one row. Of the stolen time and of failures there is no ratio that would say anything.
fn rows_of(outcome: &Outcome) -> Vec<String> {
    let mut head = format!("**{}**", heading(outcome));
    let mut rows = Vec::new();
    for (figure, ratio) in outcome.figures() {
        let [ratio_text, least, greatest] = [ratio.ratio, ratio.least, ratio.greatest].map(ratio_of);
        let (a, b, word) = (number(ratio.a), number(ratio.b), figure.word(&ratio));
        rows.push(format!("| {head} | {} | {a} | {b} | {ratio_text} | {least} | {greatest} | {word} |", figure.title));
        head.clear();
    }
    let stolen =
        |runs: &[Value]| -> Vec<f64> { runs.iter().filter_map(|run| run["stolen_percent"].as_f64()).collect() };
    let [a, b] = [0, 1].map(|side| median(&stolen(&outcome.runs[side])).map_or_else(String::new, number));
    rows.push(format!("| {head} | stolen % | {a} | {b} | | | | |"));
    let [a, b] = outcome.failures();
    rows.push(format!("| | failures | {a} | {b} | | | | |"));
    rows
}

/// A ratio with three digits.
pub fn ratio_of(ratio: f64) -> String {
    let digits = if ratio >= 100.0 {
        0
    } else if ratio >= 10.0 {
        1
    } else if ratio >= 1.0 {
        2
    } else {
        3
    };
    format!("{ratio:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::{Comparison, ratio_of};
    use crate::versus::args::VersusArgs;
    use crate::versus::contender::Contender;
    use crate::versus::order::Side;
    use crate::versus::outcome::tests::outcome;

    #[test]
    fn a_row_is_a_table_and_a_part_of_the_page() {
        let words = ["--a", "/opt/left --at {port}", "--b", "right", "--name", "n"];
        let args = VersusArgs::of_words(words).expect("well formed");
        let sides = [Side::A, Side::B].map(|side| Contender::of(&args, side).expect("both are commands"));
        let comparison = Comparison::new(&args, &sides);
        let outcomes = [outcome("a title")];
        let text = comparison.text(&outcomes[0]);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(text.lines().next(), Some("a title (aim: 9 us CPU)"));
        assert_eq!(lines[1], ["left", "right", "left", "/", "right", "from", "to", "left", "is"]);
        assert_eq!(lines[2], ["ops/s", "315", "105", "3.00", "2.73", "3.30", "faster"]);
        assert_eq!(lines[3][7..], ["equal", "within", "the", "spread"]);
        let page = comparison.markdown(&outcomes);
        assert!(
            page.contains("| **a title (aim: 9 us CPU)** | ops/s | 315 | 105 | 3.00 | 2.73 | 3.30 | faster |"),
            "{page}"
        );
        let json = comparison.json(&outcomes).to_string();
        assert!(json.contains(r#""command":"left --at {port}""#), "{json}");
        assert!(!page.contains("/opt") && !json.contains("/opt"), "no path of this machine");
    }

    #[test]
    fn ratios_have_three_digits() {
        let texts = [0.1234, 1.0, 12.34, 123.4].map(ratio_of);
        assert_eq!(texts, ["0.123", "1.00", "12.3", "123"]);
    }
}
