//! What is compared of two runs, and where it stands in what `paddock bench` tells of them.

use serde_json::Value;

use super::ratio::{Ratio, Verdict};

/// Which way is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Better {
    More,
    Less,
}

/// What is said of the one that has more of it, and less.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Words {
    Speed,
    Size,
}

pub struct Figure {
    /// In the JSON.
    pub key: &'static str,
    /// For people, with its unit.
    pub title: &'static str,
    pub better: Better,
    words: Words,
    of: fn(&Value) -> Option<f64>,
}

/// All of them. A run that has no such figure is compared by the others.
pub const FIGURES: [Figure; 10] = [
    Figure {
        key: "ops_per_second",
        title: "ops/s",
        better: Better::More,
        words: Words::Speed,
        of: |run| run["ops_per_second"].as_f64(),
    },
    Figure {
        key: "ops_per_cpu_second",
        title: "ops per server CPU s",
        better: Better::More,
        words: Words::Speed,
        of: |run| run["server"]["ops_per_cpu_second"].as_f64().filter(|per_second| *per_second > 0.0),
    },
    Figure {
        key: "cpu_us_per_op",
        title: "server CPU us/op",
        better: Better::Less,
        words: Words::Speed,
        of: |run| run["server"]["cpu_us_per_op"].as_f64(),
    },
    Figure {
        key: "p50_us",
        title: "p50 us",
        better: Better::Less,
        words: Words::Speed,
        of: |run| latency(run)["p50_us"].as_f64(),
    },
    Figure {
        key: "p99_us",
        title: "p99 us",
        better: Better::Less,
        words: Words::Speed,
        of: |run| latency(run)["p99_us"].as_f64(),
    },
    Figure {
        key: "p99_9_us",
        title: "p99.9 us",
        better: Better::Less,
        words: Words::Speed,
        of: |run| latency(run)["p99_9_us"].as_f64(),
    },
    Figure {
        key: "start_ms",
        title: "start ms",
        better: Better::Less,
        words: Words::Speed,
        of: |run| run["start_ms"].as_f64(),
    },
    Figure {
        key: "bytes_per_znode",
        title: "bytes per znode",
        better: Better::Less,
        words: Words::Size,
        of: |run| run["bytes_per_znode"].as_f64(),
    },
    Figure {
        key: "resident_peak_mib",
        title: "RSS peak MiB",
        better: Better::Less,
        words: Words::Size,
        of: |run| mebibytes(&run["server"]["resident_peak_bytes"]),
    },
    Figure {
        key: "resident_mib",
        title: "RSS after MiB",
        better: Better::Less,
        words: Words::Size,
        of: |run| mebibytes(&run["server"]["resident_bytes"]),
    },
];

impl Figure {
    /// Of all runs that have it.
    pub fn of(&self, runs: &[Value]) -> Vec<f64> {
        runs.iter().filter_map(self.of).collect()
    }

    /// How many times as good A is as B.
    pub fn goodness(&self, ratio: f64) -> f64 {
        match self.better {
            Better::More => ratio,
            Better::Less => 1.0 / ratio,
        }
    }

    /// What A is.
    pub fn word(&self, ratio: &Ratio) -> &'static str {
        match (self.words, self.better, ratio.verdict()) {
            (_, _, Verdict::Equal) => "equal within the spread",
            (Words::Speed, Better::More, Verdict::Above) | (Words::Speed, Better::Less, Verdict::Below) => "faster",
            (Words::Speed, _, _) => "slower",
            (Words::Size, _, Verdict::Above) => "larger",
            (Words::Size, _, Verdict::Below) => "smaller",
        }
    }
}

/// The latencies that stand for a run: its own, or those of the class with most operations.
fn latency(run: &Value) -> &Value {
    if run["latency"].is_object() {
        return &run["latency"];
    }
    let classes = run["classes"].as_object().into_iter().flatten().map(|(_, latency)| latency);
    classes.max_by_key(|latency| latency["count"].as_u64()).unwrap_or(&Value::Null)
}

/// Operations that failed, whatever the reason, of all runs.
pub fn failures(runs: &[Value]) -> u64 {
    let of_sessions = |run: &Value| -> u64 {
        run["failed"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
    };
    runs.iter().map(|run| run["failures"].as_u64().unwrap_or(0) + of_sessions(run)).sum()
}

fn mebibytes(bytes: &Value) -> Option<f64> {
    Some(bytes.as_f64()? / f64::from(1 << 20))
}

/// A figure with three digits that count, and commas.
pub fn number(value: f64) -> String {
    match value.abs() {
        great if great >= 100.0 => crate::table::grouped(value.round() as u64),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{FIGURES, failures, number};
    use crate::versus::ratio::Ratio;

    fn figure(key: &str) -> &'static super::Figure {
        FIGURES.iter().find(|figure| figure.key == key).expect("it is one")
    }

    #[test]
    fn the_class_with_most_operations_stands_for_a_run() {
        let run =
            json!({ "classes": { "reads": { "count": 9, "p99_us": 7.0 }, "writes": { "count": 1, "p99_us": 80.0 } } });
        assert_eq!(figure("p99_us").of(&[run]), [7.0]);
        let run = json!({ "latency": { "count": 1, "p99_us": 5.0 } });
        assert_eq!(figure("p99_us").of(&[run, json!({})]), [5.0], "a run without it is left out");
    }

    #[test]
    fn less_of_a_latency_is_faster_and_less_memory_is_smaller() {
        let third = Ratio::of(&[1.0], &[3.0]).expect("there are runs");
        assert_eq!(figure("ops_per_second").word(&third), "slower");
        assert_eq!(figure("p50_us").word(&third), "faster");
        assert_eq!(figure("resident_mib").word(&third), "smaller");
        assert_eq!(figure("p50_us").goodness(third.ratio).round(), 3.0);
        let equal = Ratio::of(&[1.0], &[1.0]).expect("there are runs");
        assert_eq!(figure("p50_us").word(&equal), "equal within the spread");
    }

    #[test]
    fn failures_of_loads_and_of_storms_count() {
        assert_eq!(
            failures(&[json!({ "failures": 2 }), json!({ "failed": { "closed": 3, "late": 4 } }), json!({})]),
            9
        );
    }

    #[test]
    fn figures_have_three_digits() {
        for (value, text) in [(0.127, "0.13"), (12.34, "12.3"), (1234.5, "1,235"), (99.97, "100.0")] {
            assert_eq!(number(value), text);
        }
    }
}
