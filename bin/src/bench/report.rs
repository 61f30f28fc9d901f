//! The results as a table for people and as JSON for programs.
//!
//! Latencies are microseconds in both. The table shows reads and writes, each followed by its operations if there are
//! several; the JSON always has the operations too.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::load::{Measured, Spent};
use super::operation::{Class, Operation};
use super::tally::Tally;
use super::wire;
use super::workload::{Extent, Pace, Workload};
use crate::table::{Table, grouped, mebibytes, micros};

const COLUMNS: [&str; 9] = ["latency in us", "ops", "ops/s", "mean", "p50", "p90", "p99", "p99.9", "max"];
const CLASSES: [(Class, &str); 3] = [(Class::Read, "reads"), (Class::Write, "writes"), (Class::Sync, "syncs")];

/// The table of one run, with the lines around it.
pub fn text(run: &Workload, measured: &Measured) -> String {
    let tally = &measured.tally;
    let mut table = Table::new(&COLUMNS);
    for (class, name) in CLASSES {
        let sum = tally.of_class(class);
        if sum.is_empty() {
            continue;
        }
        table.row(row(name, &sum, measured.seconds));
        let operations = Operation::ALL.into_iter().filter(|o| o.class() == class && !tally.of(*o).is_empty());
        let operations: Vec<Operation> = operations.collect();
        if operations.len() > 1 {
            for operation in operations {
                table.row(row(&format!("  {}", operation.name()), tally.of(operation), measured.seconds));
            }
        }
    }
    let per_second = tally.successes() as f64 / measured.seconds;
    let mut text = format!("{}: {}\n{}", run.label, run.describe(), table.text());
    text += &format!(
        "{} operations in {:.2} s, {} per second\n",
        grouped(tally.successes()),
        measured.seconds,
        grouped(per_second.round() as u64)
    );
    if let Some(server) = &measured.server {
        text += &format!("server: {}\n", spent(server, tally.successes()));
    }
    text += &format!("this tool: {}\n", spent(&measured.client, tally.successes()));
    if !tally.lateness.is_empty() {
        let late = |quantile| micros(tally.lateness.value_at_quantile(quantile) as f64);
        text += &format!("sent late by, in us: p50 {}, p99 {} (the latencies include it)\n", late(0.5), late(0.99));
    }
    text += &troubles(tally);
    text
}

fn row(name: &str, latencies: &Histogram<u64>, seconds: f64) -> Vec<String> {
    let at = |quantile| micros(latencies.value_at_quantile(quantile) as f64);
    vec![
        name.into(),
        grouped(latencies.len()),
        grouped((latencies.len() as f64 / seconds).round() as u64),
        micros(latencies.mean()),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        micros(latencies.max() as f64),
    ]
}

/// What processes used, in words; `operations` is what it was used for.
pub fn spent(spent: &Spent, operations: u64) -> String {
    format!(
        "{:.2} s CPU, {:.2} us per operation, {} operations per CPU second, {} resident (most ever {})",
        spent.cpu_seconds,
        spent.cpu_seconds * 1e6 / operations.max(1) as f64,
        grouped(per_cpu_second(spent, operations).round() as u64),
        mebibytes(spent.resident),
        mebibytes(spent.resident_peak),
    )
}

fn per_cpu_second(spent: &Spent, operations: u64) -> f64 {
    if spent.cpu_seconds > 0.0 { operations as f64 / spent.cpu_seconds } else { 0.0 }
}

/// A line for each sort of trouble; nothing if all went well.
fn troubles(tally: &Tally) -> String {
    let mut text = String::new();
    for ((operation, code), count) in &tally.errors {
        text += &format!("errors: {} of {operation}: {} ({code})\n", grouped(*count), wire::error_name(*code));
    }
    for (reason, count) in &tally.losses {
        text += &format!("connections lost: {}: {reason}\n", grouped(*count));
    }
    let lines = [
        (tally.lost, "operations lost with their connection"),
        (tally.unanswered, "operations not answered within 5 s after the end, or 1 s without a word"),
        (tally.behind, "operations were due and not sent: the server does not keep up with this rate"),
        (tally.notifications, "notifications although nothing was watched"),
    ];
    for (count, what) in lines.into_iter().filter(|&(count, _)| count > 0) {
        text += &format!("{} {what}\n", grouped(count));
    }
    text
}

/// One run as JSON.
pub fn json(run: &Workload, measured: &Measured) -> Value {
    let tally = &measured.tally;
    let operations = Operation::ALL.into_iter().filter(|operation| !tally.of(*operation).is_empty());
    let operations: serde_json::Map<String, Value> = operations
        .map(|operation| (operation.name().into(), latencies_json(tally.of(operation), measured.seconds)))
        .collect();
    let classes: serde_json::Map<String, Value> = CLASSES
        .into_iter()
        .map(|(class, name)| (name.into(), latencies_json(&tally.of_class(class), measured.seconds)))
        .collect();
    let errors: Vec<Value> = tally
        .errors
        .iter()
        .map(|((operation, code), count)| {
            json!({ "operation": operation, "code": code, "name": wire::error_name(*code), "count": count })
        })
        .collect();
    json!({
        "label": run.label,
        "settings": settings_json(run),
        "seconds": measured.seconds,
        "operations_total": tally.successes(),
        "ops_per_second": tally.successes() as f64 / measured.seconds,
        "classes": classes,
        "operations": operations,
        "errors": errors,
        "failures": tally.failures(),
        "connections_lost": tally.losses,
        "operations_lost": tally.lost,
        "unanswered": tally.unanswered,
        "behind": tally.behind,
        "notifications": tally.notifications,
        "sent_late": (!tally.lateness.is_empty()).then(|| latencies_json(&tally.lateness, measured.seconds)),
        "server": measured.server.as_ref().map(|spent| spent_json(spent, tally.successes())),
        "client": spent_json(&measured.client, tally.successes()),
    })
}

fn settings_json(run: &Workload) -> Value {
    let (rate, pace) = match run.pace {
        Pace::Closed => (None, "closed"),
        Pace::Open { rate } => (Some(rate), "open"),
    };
    let operations = match run.extent {
        Extent::Time(_) => None,
        Extent::Operations(all) => Some(all),
    };
    json!({
        "what": run.describe(),
        "connections": run.connections,
        "pipeline": run.pipeline,
        "value_bytes": run.value_size,
        "keys": run.keys,
        "distribution": format!("{:?}", run.distribution).to_lowercase(),
        "names": format!("{:?}", run.names).to_lowercase(),
        "children": run.children,
        "loop": pace,
        "rate": rate,
        "operations": operations,
        "warmup_seconds": run.warmup.as_secs_f64(),
    })
}

/// Latencies in microseconds.
pub fn latencies_json(latencies: &Histogram<u64>, seconds: f64) -> Value {
    let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1000.0;
    json!({
        "count": latencies.len(),
        "per_second": latencies.len() as f64 / seconds,
        "mean_us": latencies.mean() / 1000.0,
        "stdev_us": latencies.stdev() / 1000.0,
        "min_us": latencies.min() as f64 / 1000.0,
        "p50_us": at(0.5),
        "p90_us": at(0.9),
        "p99_us": at(0.99),
        "p99_9_us": at(0.999),
        "p99_99_us": at(0.9999),
        "max_us": latencies.max() as f64 / 1000.0,
    })
}

/// What processes used, for so many operations.
pub fn spent_json(spent: &Spent, operations: u64) -> Value {
    json!({
        "cpu_seconds": spent.cpu_seconds,
        "cpu_us_per_op": spent.cpu_seconds * 1e6 / operations.max(1) as f64,
        "ops_per_cpu_second": per_cpu_second(spent, operations),
        "resident_bytes": spent.resident,
        "resident_peak_bytes": spent.resident_peak,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::keys::{Distribution, Names};
    use crate::bench::operation::Mix;
    use crate::bench::workload::Pattern;
    use std::time::Duration;

    fn run() -> Workload {
        Workload {
            label: "example".into(),
            pattern: Pattern::Mix(Mix::reads(90)),
            connections: 2,
            pipeline: 1,
            value_size: 100,
            keys: 10,
            distribution: Distribution::Uniform,
            zipf_exponent: 0.99,
            names: Names::Sequential,
            children: 0,
            pace: Pace::Closed,
            extent: Extent::Time(Duration::from_secs(2)),
            warmup: Duration::ZERO,
        }
    }

    fn measured() -> Measured {
        let mut tally = Tally::new();
        for us in 1..=1000 {
            tally.succeeded(Operation::Get, us * 1000);
        }
        tally.succeeded(Operation::Set, 5_000_000);
        tally.succeeded(Operation::Create, 5_000_000);
        tally.failed(Operation::Set, -101);
        let spent = Spent { cpu_seconds: 0.5, resident: 1 << 20, resident_peak: 3 << 20 };
        Measured { seconds: 2.0, tally, server: Some(spent), client: spent }
    }

    #[test]
    fn the_table_shows_classes_operations_and_troubles() {
        let text = text(&run(), &measured());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "example: get=90,set=10; 2 connections, 1 in flight each; values of 100 bytes; 10 keys, uniform"
        );
        assert!(lines[1].starts_with("latency in us ") && lines[1].ends_with(" max"), "{}", lines[1]);
        let cells = |line: &str| -> Vec<String> { line.split_whitespace().map(String::from).collect() };
        assert_eq!(cells(lines[2])[..3], ["reads", "1,000", "500"]);
        assert_eq!(cells(lines[3])[..3], ["writes", "2", "1"]);
        assert_eq!(cells(lines[4])[..3], ["set", "1", "1"]);
        assert_eq!(cells(lines[5])[..3], ["create", "1", "1"]);
        let p50: f64 = cells(lines[2])[4].parse().unwrap();
        assert!((p50 - 500.0).abs() < 1.0, "{p50}");
        assert!(lines[6].starts_with("1,002 operations in 2.00 s, 501 per second"), "{}", lines[6]);
        assert!(lines[7].contains("0.50 s CPU, 499.00 us per operation, 2,004 operations per CPU second, 1.0 MiB"));
        assert_eq!(lines[9], "errors: 1 of set: no node (-101)");
        assert_eq!(lines.len(), 10);
    }

    #[test]
    fn the_json_holds_the_same_figures() {
        let json = json(&run(), &measured());
        assert_eq!(json["operations_total"], 1002);
        assert_eq!(json["classes"]["reads"]["count"], 1000);
        assert_eq!(json["operations"]["set"]["count"], 1);
        assert_eq!(json["errors"][0]["code"], -101);
        assert_eq!(json["server"]["ops_per_cpu_second"], 2004.0);
        let p99 = json["classes"]["reads"]["p99_us"].as_f64().unwrap();
        assert!((p99 / 990.0 - 1.0).abs() < 0.002, "{p99}");
        assert!(json["operations"]["delete"].is_null());
    }
}
