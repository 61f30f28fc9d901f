//! The tables as a document: of each metric what is counted here, or why nothing is.

use std::fmt::Write as _;

use super::advanced_summaries::ADVANCED_SUMMARIES;
use super::basic_summaries::BASIC_SUMMARIES;
use super::counters::COUNTERS;
use super::gauges::GAUGES;
use super::metric::Metric;
use super::paddocks::{PADDOCK_COUNTERS, PADDOCK_GAUGES, PADDOCK_SUMMARIES};
use super::sets::{ABSENT_SETS, ADVANCED_SETS, BASIC_SETS, COUNTER_SETS, GAUGE_SETS, Set};

/// All tables, in Markdown.
pub fn document() -> String {
    let mut text = String::new();
    table("Gauges", GAUGES.iter().map(|gauge| row(&gauge.metric)), &mut text);
    table("Counters", COUNTERS.iter().map(row), &mut text);
    table("Summaries", BASIC_SUMMARIES.iter().map(row), &mut text);
    table("Summaries with percentiles", ADVANCED_SUMMARIES.iter().map(row), &mut text);
    let sets = GAUGE_SETS.iter().chain(&COUNTER_SETS).map(set_row);
    let sets = sets.chain(BASIC_SETS.iter().map(set_row)).chain(ADVANCED_SETS.iter().map(set_row));
    let absent = ABSENT_SETS.iter().map(|(name, why)| [*name, "", *why]);
    table("By namespace or server", sets.chain(absent), &mut text);
    let own = PADDOCK_GAUGES.iter().chain(&PADDOCK_COUNTERS).chain(&PADDOCK_SUMMARIES);
    table("This server's own", own.map(row), &mut text);
    text
}

type Row = [&'static str; 3];

fn row(metric: &Metric) -> Row {
    [metric.name, metric.unit, metric.what]
}

fn set_row<V: 'static>(set: &Set<V>) -> Row {
    [set.name, set.unit, set.what]
}

fn table(title: &str, rows: impl Iterator<Item = Row>, text: &mut String) {
    writeln!(text, "## {title}\n\n| metric | unit | what is counted |\n|---|---|---|")
        .expect("writing to a String cannot fail");
    for [name, unit, what] in rows {
        writeln!(text, "| `{name}` | {unit} | {what} |").expect("writing to a String cannot fail");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::document;
    use crate::metrics::catalogue::all;

    #[test]
    fn every_metric_has_a_row() {
        let text = document();
        for metric in all() {
            let rows = text.lines().filter(|line| line.starts_with(&format!("| `{}` | ", metric.name))).count();
            assert_eq!(rows, 1, "{}", metric.name);
        }
        let rows = text.lines().filter(|line| line.starts_with('|'));
        assert!(rows.into_iter().all(|line| line.matches('|').count() == 4), "no text has a bar of its own");
    }
}
