//! Workloads of the literature as pictures: what each side did, in figures of its own, not their ratio. A dot is the median of a
//! side's runs, the line through it reaches from the least to the greatest.
//!
//! Scales are logarithmic, so that both sides can be read where one is thirty times the other; every dot has its figure beside
//! it.

use serde_json::Value;

use super::outcome::Outcome;
use super::ratio::{ends, median};
use super::row::Plot;
use crate::drawing::{WIDTH, begin, escaped, put, text};
use crate::panel::{Panel, time};
use crate::table::grouped;

const TOP: f64 = 96.0;
/// Of one outcome, or of all where they are one line.
const BLOCK_HEIGHT: f64 = 350.0;
const BLOCK_GAP: f64 = 90.0;
const BOTTOM: f64 = 64.0;
/// Where a scale's figures stand, left of its panel.
const MARGIN: f64 = 90.0;
/// From the ends of a panel to its first and last dot.
const INSET: f64 = 60.0;
/// A panel of throughput beside those of latencies.
const BARS_WIDTH: f64 = 240.0;

/// Latencies that are shown, by their names in the JSON.
const QUANTILES: [(&str, &str); 4] = [("p50_us", "p50"), ("p90_us", "p90"), ("p99_us", "p99"), ("p99_9_us", "p99.9")];

const STYLE: &str = "\
.a { fill: var(--a); stroke: var(--a) } .b { fill: var(--b); stroke: var(--b) }\n\
text.a, text.b { stroke: none } path { stroke-width: 2 } path.a, path.b { fill: none }\n\
.spread { stroke-width: 6; stroke-opacity: 0.35 }\n\
text.value { font-size: 12px; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; paint-order: stroke }";

/// The class of each side.
const CLASSES: [&str; 2] = ["a", "b"];

/// The picture of outcomes that have one of their own; `None` if one of them has not.
pub fn svg(title: &str, names: [&str; 2], outcomes: &[Outcome]) -> Option<String> {
    if outcomes.is_empty() || outcomes.iter().any(|outcome| outcome.row.plot == Plot::Ratios) {
        return None;
    }
    // The runs of one curve are one block, and blocks stand one below the other.
    let blocks: Vec<&[Outcome]> =
        outcomes.chunk_by(|one, next| one.row == next.row && one.row.plot == Plot::Shares).collect();
    let height = TOP + blocks.len() as f64 * (BLOCK_HEIGHT + BLOCK_GAP) - BLOCK_GAP + BOTTOM;
    let mut out = begin(&format!("{title}: {} and {}", names[0], names[1]), height, STYLE);
    legend(&mut out, names);
    let mut top = TOP;
    for block in blocks {
        let Outcome { row, title, .. } = &block[0];
        let (servers, is_curve) = (row.servers, row.plot == Plot::Shares);
        let head = format!(
            "{}, {servers} server{}",
            if is_curve { &row.title } else { title },
            if servers == 1 { "" } else { "s" }
        );
        text(&mut out, (20.0, top - 36.0), "head", "start", &head);
        if is_curve {
            shares(&mut out, top, names, block)
        } else {
            latencies(&mut out, top, names, &block[0])
        }
        top += BLOCK_HEIGHT + BLOCK_GAP;
    }
    let note = "dot: median of the runs; bar through it: least and greatest; scales are logarithmic";
    text(&mut out, (20.0, height - 12.0), "faint", "start", note);
    Some(out + "</svg>\n")
}

fn legend(out: &mut String, names: [&str; 2]) {
    let mut right = WIDTH - 30.0;
    for (name, class) in names.into_iter().zip(CLASSES).rev() {
        text(out, (right, 30.0), &format!("head {class}"), "end", name);
        // Letters are at most so wide, on average.
        right -= name.chars().count() as f64 * 9.0 + 12.0;
        put(out, &format!("<circle class=\"{class}\" cx=\"{right:.1}\" cy=\"25.5\" r=\"5\"/>"));
        right -= 24.0;
    }
}

/// Throughput over the share of reads.
fn shares(out: &mut String, top: f64, names: [&str; 2], outcomes: &[Outcome]) {
    // The share is that of the work: of both sides together.
    let percent = |outcome: &Outcome| reads_percent(outcome.runs.iter().flatten());
    let points = |side: usize| -> Vec<(f64, Vec<f64>)> {
        let point = |outcome: &Outcome| (percent(outcome), throughputs(&outcome.runs[side]));
        let mut points: Vec<(f64, Vec<f64>)> = outcomes.iter().map(point).collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        points
    };
    let sides = [points(0), points(1)];
    let all: Vec<f64> = sides.iter().flatten().flat_map(|(_, values)| values.iter().copied()).collect();
    let panel = Panel::new("operations/s, by the share of reads", (MARGIN, WIDTH - 30.0), (top, BLOCK_HEIGHT), &all);
    panel.frame(out, &grouped_whole);
    let x = |percent: f64| panel.left + INSET + percent / 100.0 * (panel.right - panel.left - 2.0 * INSET);
    for (percent, _) in &sides[0] {
        panel.mark(out, x(*percent), &format!("{percent} %"));
    }
    let sides = sides.map(|side| side.into_iter().map(|(percent, values)| (x(percent), values)).collect::<Vec<_>>());
    lines(&panel, out, names, &sides, &grouped_whole);
}

/// Throughput, and beside it a panel for each kind of operation.
fn latencies(out: &mut String, top: f64, names: [&str; 2], outcome: &Outcome) {
    let kinds: Vec<(&str, &str)> = if outcome.row.plot == Plot::Creates {
        vec![("operations", "create")]
    } else {
        [("classes", "reads"), ("classes", "writes")].into_iter().filter(|kind| has(outcome, kind)).collect()
    };
    let sides = [0, 1].map(|side: usize| throughputs(&outcome.runs[side]));
    let all: Vec<f64> = sides.iter().flatten().copied().collect();
    let panel = Panel::new("operations/s", (MARGIN, MARGIN + BARS_WIDTH), (top, BLOCK_HEIGHT), &all);
    panel.frame(out, &grouped_whole);
    let step = (panel.right - panel.left - 2.0 * INSET).max(1.0);
    for (side, values) in sides.iter().enumerate() {
        let x = panel.left + INSET + side as f64 * step;
        panel.mark(out, x, names[side]);
        let mut points = [Vec::new(), Vec::new()];
        points[side] = vec![(x, values.clone())];
        lines(&panel, out, names, &points, &grouped_whole);
    }
    let begin = panel.right + MARGIN;
    let width = (WIDTH - 30.0 - begin - MARGIN * (kinds.len() as f64 - 1.0)) / kinds.len() as f64;
    for (n, (group, kind)) in kinds.into_iter().enumerate() {
        let left = begin + n as f64 * (width + MARGIN);
        let values = |side: usize, quantile: &str| -> Vec<f64> {
            let of = |run: &Value| run[group][kind][quantile].as_f64().filter(|us| *us > 0.0);
            outcome.runs[side].iter().filter_map(of).collect()
        };
        let all: Vec<f64> =
            (0..2).flat_map(|side| QUANTILES.into_iter().flat_map(move |(key, _)| values(side, key))).collect();
        let panel = Panel::new(&format!("latency of {kind}"), (left, left + width), (top, BLOCK_HEIGHT), &all);
        panel.frame(out, &time);
        let inset = INSET.min(width / 8.0);
        let x = |n: usize| panel.left + inset + n as f64 * (width - 2.0 * inset) / (QUANTILES.len() - 1) as f64;
        for (n, (_, name)) in QUANTILES.into_iter().enumerate() {
            panel.mark(out, x(n), name);
        }
        let points = |side| -> Vec<(f64, Vec<f64>)> {
            QUANTILES.into_iter().enumerate().map(|(n, (key, _))| (x(n), values(side, key))).collect()
        };
        lines(&panel, out, names, &[points(0), points(1)], &time);
    }
}

fn has(outcome: &Outcome, (group, kind): &(&str, &str)) -> bool {
    outcome.runs.iter().flatten().any(|run| run[group][kind]["count"].as_u64().is_some_and(|count| count > 0))
}

fn throughputs(runs: &[Value]) -> Vec<f64> {
    runs.iter().filter_map(|run| run["ops_per_second"].as_f64()).filter(|per_second| *per_second > 0.0).collect()
}

/// What share of the operations reads were, whole per cent.
fn reads_percent<'a>(runs: impl Iterator<Item = &'a Value> + Clone) -> f64 {
    let count = |class: &str| runs.clone().filter_map(|run| run["classes"][class]["count"].as_f64()).sum::<f64>();
    let (reads, writes) = (count("reads"), count("writes"));
    (100.0 * reads / (reads + writes).max(1.0)).round()
}

/// A line through the medians of each side. The figures of the upper side stand above their dots, those of the lower below.
fn lines(
    panel: &Panel,
    out: &mut String,
    names: [&str; 2],
    sides: &[Vec<(f64, Vec<f64>)>; 2],
    shown: &dyn Fn(f64) -> String,
) {
    let medians =
        |points: &[(f64, Vec<f64>)]| -> Vec<f64> { points.iter().map(|(_, v)| median(v).unwrap_or(0.0)).collect() };
    let sums = [0, 1].map(|side: usize| medians(&sides[side]));
    for (side, points) in sides.iter().enumerate() {
        let class = CLASSES[side];
        let dots: Vec<(f64, f64, &[f64])> =
            points.iter().filter_map(|(x, values)| Some((*x, median(values)?, &values[..]))).collect();
        let path: Vec<String> = dots.iter().map(|(x, at, _)| format!("{x:.1},{:.1}", panel.y(*at))).collect();
        if path.len() > 1 {
            put(out, &format!("<path class=\"{class}\" d=\"M{}\"/>", path.join("L")));
        }
        for (n, (x, at, values)) in dots.into_iter().enumerate() {
            let (least, greatest) = ends(values);
            let (y, from, to) = (panel.y(at), panel.y(least), panel.y(greatest));
            let told = format!("{}: {} ({} to {})", names[side], shown(at), shown(least), shown(greatest));
            put(
                out,
                &format!(
                    "<g class=\"{class} dot\"><title>{}</title><line class=\"spread\" x1=\"{x:.1}\" x2=\"{x:.1}\" \
                     y1=\"{from:.1}\" y2=\"{to:.1}\"/><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/></g>",
                    escaped(&told)
                ),
            );
            let is_upper = at >= sums[1 - side].get(n).copied().unwrap_or(0.0);
            let place = if is_upper { to.min(y) - 11.0 } else { from.max(y) + 20.0 };
            text(out, (x, place), &format!("value {class}"), "middle", &shown(at));
        }
    }
}

fn grouped_whole(value: f64) -> String {
    grouped(value.round() as u64)
}

#[cfg(test)]
mod tests;
