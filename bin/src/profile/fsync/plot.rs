//! The findings as a picture: percentiles by size for each way, and the writes of one run over time.

use super::cell::{Space, Way};
use super::findings::Findings;
use super::measured::{Measured, Timed};
use crate::drawing::{WIDTH, begin, escaped, put, text};
use crate::panel::{Panel, time};

const TOP: f64 = 110.0;
const PANEL_HEIGHT: f64 = 230.0;
const GAP: f64 = 90.0;
const BOTTOM: f64 = 50.0;
/// Where a scale's figures stand, left of its panel.
const MARGIN: f64 = 90.0;
const RIGHT: f64 = 30.0;
/// From the ends of a panel to its first and last dot.
const INSET: f64 = 30.0;
/// Panels side by side.
const COLUMNS: usize = 2;
/// The timeline is cut into so many pieces, each of which is one line from its least to its greatest.
const PIECES: usize = 420;
/// So many of the slowest writes have a dot, those that took so many times as long as the one in the middle.
const OUTLIERS: usize = 50;
const OUTLIER: f64 = 10.0;

/// What is drawn of each cell, and its class.
const QUANTILES: [(f64, &str, &str); 4] =
    [(0.5, "p50", "p50"), (0.9, "p90", "p90"), (0.99, "p99", "p99"), (0.999, "p99.9", "p999")];

const STYLE: &str = "\
.p50 { fill: var(--a); stroke: var(--a) } .p90 { fill: var(--better); stroke: var(--better) }\n\
.p99 { fill: var(--b); stroke: var(--b) } .p999 { fill: var(--faint); stroke: var(--faint) }\n\
text.p50, text.p90, text.p99, text.p999 { stroke: none } path { stroke-width: 2; fill: none }\n\
path.p50, path.p90, path.p99, path.p999 { fill: none } .piece { stroke: var(--a); stroke-width: 2 }\n\
.outlier { fill: var(--b); stroke: none }";

/// The rows of the table that have a panel.
const PANELS: [(Way, Space); 6] = [
    (Way::RingDsync, Space::Zeroed),
    (Way::RingDsync, Space::Growing),
    (Way::RingThenSync, Space::Zeroed),
    (Way::Thread, Space::Zeroed),
    (Way::Thread, Space::Growing),
    (Way::ZooKeeper, Space::Holes),
];

/// The picture.
pub fn svg(findings: &Findings) -> String {
    let panels: Vec<(Way, Space, Vec<&Measured>)> = PANELS
        .into_iter()
        .map(|(way, space)| (way, space, findings.of(way, space, 1)))
        .filter(|(.., measured)| !measured.is_empty())
        .collect();
    let rows = panels.len().div_ceil(COLUMNS) as f64;
    let timeline_top = TOP + rows * (PANEL_HEIGHT + GAP);
    let height = timeline_top + PANEL_HEIGHT + BOTTOM;
    let title = format!("durable writes to {} ({})", findings.place.directory.display(), findings.place.kind);
    let mut out = begin(&title, height, STYLE);
    text(&mut out, (20.0, 54.0), "faint", "start", &findings.machine);
    legend(&mut out);
    // One scale for all, so that they can be compared.
    let all: Vec<f64> = panels.iter().flat_map(|(.., measured)| measured).flat_map(|one| shown_values(one)).collect();
    let width = (WIDTH - RIGHT - MARGIN * COLUMNS as f64) / COLUMNS as f64;
    for (n, (way, space, measured)) in panels.iter().enumerate() {
        let left = MARGIN + (n % COLUMNS) as f64 * (width + MARGIN);
        let top = TOP + (n / COLUMNS) as f64 * (PANEL_HEIGHT + GAP);
        let title = format!("{}, {}, by size", way.name(), space.name());
        let panel = Panel::new(&title, (left, left + width), (top, PANEL_HEIGHT), &all);
        percentiles(&mut out, &panel, measured);
    }
    timeline(&mut out, timeline_top, findings);
    out + "</svg>\n"
}

fn legend(out: &mut String) {
    for (n, (_, name, class)) in QUANTILES.into_iter().enumerate() {
        let x = WIDTH - RIGHT - (QUANTILES.len() - n) as f64 * 70.0;
        put(out, &format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"65.5\" r=\"5\"/>"));
        text(out, (x + 10.0, 70.0), &format!("head {class}"), "start", name);
    }
}

/// Of few writes no 99.9th percentile is shown.
fn value(measured: &Measured, quantile: f64) -> Option<f64> {
    let us = if quantile > 0.99 { measured.p99_9_us() } else { Some(measured.microseconds_at(quantile)) };
    us.filter(|us| *us > 0.0)
}

fn shown_values(measured: &Measured) -> Vec<f64> {
    QUANTILES.into_iter().filter_map(|(quantile, ..)| value(measured, quantile)).collect()
}

fn percentiles(out: &mut String, panel: &Panel, measured: &[&Measured]) {
    panel.frame(out, &time);
    let step = (panel.right - panel.left - 2.0 * INSET) / (measured.len().max(2) - 1) as f64;
    let x = |n: usize| panel.left + INSET + n as f64 * step;
    for (n, one) in measured.iter().enumerate() {
        panel.mark(out, x(n), &format!("{} KiB", one.cell.bytes >> 10));
    }
    for (quantile, name, class) in QUANTILES {
        let dots = measured.iter().enumerate().filter_map(|(n, one)| Some((x(n), value(one, quantile)?)));
        let dots: Vec<(f64, f64)> = dots.collect();
        let path: Vec<String> = dots.iter().map(|(x, us)| format!("{x:.1},{:.1}", panel.y(*us))).collect();
        if path.len() > 1 {
            put(out, &format!("<path class=\"{class}\" d=\"M{}\"/>", path.join("L")));
        }
        for (x, us) in dots {
            let (y, told) = (panel.y(us), escaped(&format!("{name}: {}", time(us))));
            put(
                out,
                &format!(
                    "<circle class=\"{class} dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{told}</title></circle>"
                ),
            );
        }
    }
}

/// Each write of the server's way with the smallest size, one at a time.
fn timeline(out: &mut String, top: f64, findings: &Findings) {
    let writes = &findings.timeline;
    let (Some(first), Some(last)) = (writes.first(), writes.last()) else {
        return text(out, (MARGIN, top), "faint", "start", "the writes of the server's way were not measured");
    };
    let us = |timed: &Timed| (timed.took as f64 / 1000.0).max(0.1);
    let values: Vec<f64> = writes.iter().map(us).collect();
    let title =
        format!("each of {} writes over time: {}, smallest size, one at a time", writes.len(), findings.way.name());
    let panel = Panel::new(&title, (MARGIN, WIDTH - RIGHT), (top, PANEL_HEIGHT), &values);
    panel.frame(out, &time);
    let span = (last.at - first.at).max(1) as f64;
    let part = |timed: &Timed| (timed.at.saturating_sub(first.at) as f64 / span).min(1.0);
    let x = |part: f64| panel.left + part * (panel.right - panel.left);
    for quarter in 0..=4 {
        let part = f64::from(quarter) / 4.0;
        panel.mark(out, x(part), &time(part * span / 1000.0));
    }
    let piece = |timed: &Timed| (part(timed) * (PIECES - 1) as f64) as usize;
    for together in writes.chunk_by(|one, next| piece(one) == piece(next)) {
        let (least, greatest) = together
            .iter()
            .map(us)
            .fold((f64::INFINITY, 0.0_f64), |(least, greatest), us| (least.min(us), greatest.max(us)));
        let x = x(part(&together[0]));
        // A line without length is not drawn.
        let (from, to) = (panel.y(least) + 1.0, panel.y(greatest) - 1.0);
        put(out, &format!("<line class=\"piece\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{from:.1}\" y2=\"{to:.1}\"/>"));
    }
    for timed in outliers(writes) {
        let (x, y) = (x(part(timed)), panel.y(us(timed)));
        let told = escaped(&format!("{} after {}", time(us(timed)), time((timed.at - first.at) as f64 / 1000.0)));
        put(
            out,
            &format!("<circle class=\"outlier\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{told}</title></circle>"),
        );
    }
}

/// Those that stand out, the slowest first.
fn outliers(writes: &[Timed]) -> Vec<&Timed> {
    let mut slowest: Vec<&Timed> = writes.iter().collect();
    slowest.sort_by_key(|timed| std::cmp::Reverse(timed.took));
    let median = slowest.get(slowest.len() / 2).map_or(0, |timed| timed.took);
    slowest.retain(|timed| timed.took as f64 > OUTLIER * median as f64);
    slowest.truncate(OUTLIERS);
    slowest
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::svg;
    use crate::profile::fsync::findings::Findings;
    use crate::profile::fsync::findings::tests::findings;

    #[test]
    fn each_way_has_its_percentiles_and_one_run_its_writes() {
        let picture = svg(&findings(96, true));
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        assert_eq!(picture.matches(" dot\"").count(), 6 * 5 * 4, "six panels, five sizes, four percentiles");
        assert_eq!(picture.matches("class=\"outlier\"").count(), 1);
        assert!(picture.matches("class=\"piece\"").count() <= super::PIECES);
        for words in ["growing, by size", ">1024 KiB<", "each of 5000 writes over time", "9 ms after 7 ms"] {
            assert!(picture.contains(words), "{words}: {picture}");
        }
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
        assert!(!picture.contains("NaN") && !picture.contains("inf") && !picture.contains("href"), "{picture}");
    }

    #[test]
    fn what_was_not_measured_has_no_panel() {
        let findings = findings(96, false);
        let picture = svg(&findings);
        assert_eq!(picture.matches(" dot\"").count(), 3 * 5 * 4);
        let mut nothing = Findings { measured: Vec::new(), timeline: Vec::new(), ..findings };
        nothing.place.directory = PathBuf::from("/a<b>&c");
        let picture = svg(&nothing);
        assert!(picture.contains("were not measured") && picture.contains("/a&lt;b&gt;&amp;c"), "{picture}");
        assert!(!picture.contains("NaN") && !picture.contains("<circle class=\"outlier\""), "{picture}");
    }
}
