use serde_json::{Value, json};

use super::svg;
use crate::versus::outcome::Outcome;
use crate::versus::row::of_preset;

fn run(reads: u64, writes: u64, per_second: f64) -> Value {
    let latency = |count: u64, us: f64| json!({ "count": count, "p50_us": us, "p90_us": us * 2.0, "p99_us": us * 3.0, "p99_9_us": us * 4.0 });
    json!({
        "ops_per_second": per_second,
        "classes": { "reads": latency(reads, 90.0), "writes": latency(writes, 400.0) },
        "operations": { "create": latency(writes, 500.0) },
    })
}

fn outcome(preset: &str, reads: u64) -> Outcome {
    let runs = [3000.0, 100.0].map(|per_second| vec![run(reads, 100 - reads, per_second); 2]);
    Outcome { row: of_preset(preset, 3), title: format!("{preset} <{reads}>"), runs }
}

/// Dots of both sides.
fn dots(picture: &str) -> usize {
    picture.matches(" dot\">").count()
}

#[test]
fn shares_of_reads_are_one_curve_for_each_side() {
    let outcomes = [0, 50, 90, 100].map(|reads| outcome("atc10-saturation", reads));
    let picture = svg("n", ["A & Co", "B"], &outcomes).expect("it has a picture");
    assert_eq!((dots(&picture), picture.matches("<path").count()), (8, 2));
    for words in [">0 %<", ">50 %<", ">90 %<", ">100 %<", ">3,000<", "3 servers", "A &amp; Co"] {
        assert!(picture.contains(words), "{words}: {picture}");
    }
    assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
    assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
}

#[test]
fn a_mix_shows_throughput_and_latencies_of_what_it_has() {
    let both = svg("n", ["A", "B"], &[outcome("ycsb-b", 95)]).expect("it has a picture");
    assert!(both.contains("latency of reads") && both.contains("latency of writes"), "{both}");
    // Throughput of each side, and four quantiles of two classes.
    assert_eq!(dots(&both), 2 + 2 * 2 * 4);
    let reads = svg("n", ["A", "B"], &[outcome("ycsb-b", 100)]).expect("it has a picture");
    assert!(!reads.contains("latency of writes"), "{reads}");
    let creates = svg("n", ["A", "B"], &[outcome("chubby-latency", 0)]).expect("it has a picture");
    assert!(creates.contains("latency of create") && creates.contains(">500 us<"), "{creates}");
    assert!(svg("n", ["A", "B"], &[outcome("zk-latencies", 0)]).is_none());
}

#[test]
fn several_workloads_stand_below_each_other() {
    let outcomes = [outcome("ycsb-b", 95), outcome("raftkeeper-mix", 90)];
    let one = svg("n", ["A", "B"], &outcomes[..1]).expect("it has a picture");
    let two = svg("n", ["A", "B"], &outcomes).expect("it has a picture");
    assert_eq!(dots(&two), 2 * dots(&one));
}

#[test]
fn a_side_without_figures_has_no_dots() {
    let mut lacking = outcome("ycsb-b", 95);
    lacking.runs = [vec![json!({})], vec![run(95, 5, 100.0)]];
    let picture = svg("n", ["A", "B"], &[lacking]).expect("it has a picture");
    assert_eq!(dots(&picture), 1 + 2 * 4);
    assert!(!picture.contains("NaN"), "{picture}");
}
