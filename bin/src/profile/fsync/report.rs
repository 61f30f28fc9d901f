//! The findings as text for people and as JSON for programs. Latencies are microseconds in both.

use serde_json::{Value, json};

use super::findings::Findings;
use super::measured::{Measured, Timed};
use super::sentences::{expected, to_know};
use crate::bench::latencies_json;
use crate::date::when;
use crate::table::{Table, grouped, micros};

const COLUMNS: [&str; 12] =
    ["latency in us", "space", "KiB", "in flight", "writes", "p50", "p90", "p99", "p99.9", "max", "MB/s", "syncs/s"];

/// Of the writes over time so many are in the JSON at most.
const TIMELINE_TOLD: usize = 10_000;

/// The table, and the sentences below it.
pub fn text(findings: &Findings) -> String {
    let mut table = Table::new(&COLUMNS);
    findings.measured.iter().for_each(|measured| table.row(row(measured)));
    let mut text = format!("{}\n{}\n\n{}\n", findings.machine, findings.place.words(), table.text());
    text += "What to expect:\n";
    text.extend(expected(findings).iter().map(|sentence| format!("* {sentence}\n")));
    text += "\nWhat to know, and what to change:\n";
    text.extend(to_know(findings).iter().map(|sentence| format!("* {sentence}\n")));
    let missing = findings.planned - findings.measured.len();
    if missing > 0 {
        text += &format!("\n{missing} of {} rows were not measured.\n", findings.planned);
    }
    text
}

fn row(measured: &Measured) -> Vec<String> {
    let cell = &measured.cell;
    let at = |quantile| micros(measured.microseconds_at(quantile) * 1000.0);
    vec![
        cell.way.name().to_owned(),
        cell.space.name().to_owned(),
        grouped(cell.bytes >> 10),
        cell.in_flight.to_string(),
        grouped(measured.writes()),
        at(0.5),
        at(0.9),
        at(0.99),
        measured.p99_9_us().map_or("-".to_owned(), |us| micros(us * 1000.0)),
        micros(measured.max_us() * 1000.0),
        format!("{:.1}", measured.megabytes_per_second()),
        grouped(measured.per_second().round() as u64),
    ]
}

/// All of it.
pub fn json(findings: &Findings) -> String {
    let place = &findings.place;
    let device = place.device.as_ref().map(|device| {
        json!({ "name": device.name, "rotational": device.is_rotational, "write_cache": device.has_write_cache })
    });
    let expectation = findings.expectation().map(|expectation| {
        let clients = expectation.clients.iter();
        let clients: Vec<Value> =
            clients.map(|(clients, writes)| json!({ "clients": clients, "writes_per_second": writes })).collect();
        json!({ "one_client": expectation.one, "clients": clients, "pipelined": expectation.pipelined })
    });
    let cells: Vec<Value> = findings.measured.iter().map(|measured| cell_json(findings, measured)).collect();
    let json = json!({
        "tool": "paddock profile fsync",
        "version": env!("CARGO_PKG_VERSION"),
        "machine": findings.machine,
        "directory": place.directory.display().to_string(),
        "file_system": place.kind,
        "mount_options": place.options,
        "device": device,
        "began": when(findings.began_ms),
        "unit_bytes": findings.unit,
        "direct": findings.is_direct,
        "file_bytes": findings.file_bytes,
        "way": findings.way.key(),
        "io_uring_refused": findings.ring_refused,
        "planned": findings.planned,
        "cells": cells,
        "durable_writes_per_second": expectation,
        "expected": expected(findings),
        "to_know": to_know(findings),
        "timeline": timeline_json(&findings.timeline),
    });
    format!("{json:#}\n")
}

fn cell_json(findings: &Findings, measured: &Measured) -> Value {
    let cell = &measured.cell;
    let slowest: Vec<Value> = measured
        .slowest
        .iter()
        .map(|timed| json!({ "at": findings.when(timed), "us": timed.took as f64 / 1000.0 }))
        .collect();
    json!({
        "way": cell.way.key(),
        "space": cell.space.name(),
        "bytes": cell.bytes,
        "in_flight": cell.in_flight,
        "seconds": measured.seconds,
        "latency": latencies_json(&measured.latencies, measured.seconds),
        "megabytes_per_second": measured.megabytes_per_second(),
        "slowest": slowest,
    })
}

/// Pairs of milliseconds since the beginning and microseconds. Of many writes the slowest are told.
fn timeline_json(timeline: &[Timed]) -> Vec<Value> {
    let mut told: Vec<&Timed> = timeline.iter().collect();
    told.sort_by_key(|timed| std::cmp::Reverse(timed.took));
    told.truncate(TIMELINE_TOLD);
    told.sort_by_key(|timed| timed.at);
    told.iter().map(|timed| json!([timed.at as f64 / 1e6, timed.took as f64 / 1000.0])).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{TIMELINE_TOLD, json, text, timeline_json};
    use crate::profile::fsync::findings::Findings;
    use crate::profile::fsync::findings::tests::findings;
    use crate::profile::fsync::measured::Timed;

    #[test]
    fn the_text_has_a_row_for_each_cell_and_the_sentences() {
        let findings = findings(96, true);
        let text = text(&findings);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "2 CPUs (a model), Linux 6.1, ext4");
        assert_eq!(lines[1], "/data: ext4 on nvme0n1p2, with a write cache");
        assert!(lines[3].starts_with("latency in us ") && lines[3].ends_with("  syncs/s"), "{}", lines[3]);
        let cells: Vec<&str> = lines[4].split_whitespace().collect();
        assert_eq!(cells[..7], ["io_uring,", "RWF_DSYNC", "zeroed", "4", "1", "2,000", "100.0"]);
        assert_eq!(cells[cells.len() - 1], "10,000");
        let rows =
            lines.iter().filter(|line| line.contains(" zeroed ") && line.ends_with(|c: char| c.is_ascii_digit()));
        assert_eq!(rows.count(), 30);
        assert!(
            text.contains("\nWhat to expect:\n* A server writes")
                && text.contains("\nWhat to know, and what to change:\n* ")
        );
        assert!(!text.contains("not measured"), "{text}");
    }

    #[test]
    fn what_is_missing_is_told() {
        let mut few = findings(96, true);
        few.measured.truncate(2);
        few.measured[0].latencies.clear();
        few.measured[0].latencies.saturating_record(5000);
        let text = text(&few);
        assert!(text.ends_with("\n43 of 45 rows were not measured.\n"), "{text}");
        let row: Vec<&str> = text.lines().nth(4).expect("the first row").split_whitespace().collect();
        assert_eq!(row[9], "-", "a single write has no 99.9th percentile: {row:?}");
        let nothing = Findings { measured: Vec::new(), timeline: Vec::new(), ..few };
        assert!(super::text(&nothing).contains("45 of 45 rows"));
    }

    #[test]
    fn the_json_holds_the_same_figures() {
        let findings = findings(96, true);
        let json: Value = serde_json::from_str(&json(&findings)).expect("it is JSON");
        assert_eq!(json["cells"].as_array().map(Vec::len), Some(45));
        let cell = &json["cells"][0];
        assert_eq!((&cell["way"], &cell["space"]), (&"ring-dsync".into(), &"zeroed".into()));
        assert_eq!((&cell["bytes"], &cell["latency"]["count"]), (&4096.into(), &2000.into()));
        assert_eq!(cell["slowest"][0]["us"], 10_000.0);
        assert_eq!(json["durable_writes_per_second"]["one_client"].as_f64().map(f64::round), Some(10_000.0));
        assert_eq!(json["device"]["name"], "nvme0n1p2");
        assert_eq!(json["timeline"].as_array().map(Vec::len), Some(5000));
    }

    #[test]
    fn of_many_writes_the_slowest_are_told_in_order() {
        let many: Vec<Timed> = (0..20_000).map(|n| Timed { at: n * 1_000_000, took: 1000 + n % 2 }).collect();
        let told = timeline_json(&many);
        assert_eq!(told.len(), TIMELINE_TOLD);
        assert_eq!(told[0], serde_json::json!([1.0, 1.001]), "the even ones are faster");
        let times: Vec<f64> = told.iter().filter_map(|pair| pair[0].as_f64()).collect();
        assert!(times.is_sorted());
    }
}
