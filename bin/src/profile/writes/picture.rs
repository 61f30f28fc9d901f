//! What was found as a picture: for each server the stages of its writes, at the mean and at percentiles, and its syncs over
//! time with the writes that waited for them.

use std::fmt::Write as _;

use paddock_net::stages::WriteStage;

use super::course::{Course, stages, sum_of_means, writes};
use super::report::sentences;
use super::sample::{Counts, Group, Sample};
use crate::drawing::{WIDTH, begin, escaped, put, text};
use crate::panel::{Panel, time};

const TOP: f64 = 90.0;
/// Where figures stand, left of bars and panels.
const MARGIN: f64 = 90.0;
const RIGHT: f64 = 30.0;
/// Where the figures behind bars stand.
const FIGURES: f64 = 90.0;
const BAR: f64 = 22.0;
const BAR_STEP: f64 = 30.0;
const LINE: f64 = 20.0;
const PANEL_HEIGHT: f64 = 130.0;
const GAP: f64 = 70.0;
/// The timeline is cut into so many pieces, each of which is one line from its least to its greatest.
const PIECES: usize = 400;
/// A stage has its name in its bar where that is so wide.
const NAMED: f64 = 64.0;
/// So many characters of a sentence are as wide as the picture.
const CHARACTERS: usize = 125;
/// So many long turns are drawn at most, the longest.
const TURNS_MAX: usize = 200;

/// A bar, and how each stage is told in it.
const BARS: [(&str, Option<f64>); 5] =
    [("mean", None), ("p50", Some(0.5)), ("p90", Some(0.9)), ("p99", Some(0.99)), ("p99.9", Some(0.999))];

const STYLE: &str = "\
.queued { fill: #8250df } .ordered { fill: #0a7d4f } .forwarded { fill: #9a6700 } .agreed { fill: #bf8700 } .submitted { fill: #d4a72c }\n\
.synced { fill: #c2410c } .quorum { fill: #0969da } .released { fill: #1b7c83 } .answered { fill: #bf3989 } .written { fill: #6e7781 }\n\
text.in { fill: #ffffff } .piece { stroke: var(--a); stroke-width: 2 } .turn { stroke: var(--b); stroke-width: 3 }\n\
.records { stroke: var(--faint); stroke-width: 2 }";

/// Of all servers, one below the other.
pub fn svg(courses: &[Course]) -> String {
    let sections: Vec<Section<'_>> = courses.iter().map(Section::of).collect();
    let height = TOP + sections.iter().map(Section::height).sum::<f64>();
    let mut out = begin("where the time of writes goes", height, STYLE);
    legend(&mut out);
    let mut top = TOP;
    for section in &sections {
        section.draw(&mut out, top);
        top += section.height();
    }
    out + "</svg>\n"
}

fn legend(out: &mut String) {
    let step = (WIDTH - MARGIN - RIGHT) / WriteStage::ALL.len() as f64;
    for (n, stage) in WriteStage::ALL.into_iter().enumerate() {
        let x = MARGIN + n as f64 * step;
        let (name, what) = (stage.name(), escaped(stage.what()));
        put(
            out,
            &format!(
                "<rect class=\"{name}\" x=\"{x:.1}\" y=\"48\" width=\"12\" height=\"12\"><title>{what}</title></rect>"
            ),
        );
        text(out, (x + 17.0, 59.0), "faint", "start", name);
    }
}

/// One server.
struct Section<'a> {
    course: &'a Course,
    /// If any write was answered.
    whole: Option<Sample>,
    /// What is said of it.
    lines: Vec<String>,
}

impl<'a> Section<'a> {
    fn of(course: &'a Course) -> Section<'a> {
        let whole = course.whole().filter(|whole| writes(whole) > 0);
        let said = whole.as_ref().map(sentences).unwrap_or_default();
        let lines = said.iter().flat_map(|sentence| lines_of(sentence)).collect();
        Section { course, whole, lines }
    }

    fn bars_height(&self) -> f64 {
        if self.whole.is_some() { BARS.len() as f64 * BAR_STEP + LINE } else { 0.0 }
    }

    fn height(&self) -> f64 {
        let panels = if self.course.groups.is_empty() { 0.0 } else { 2.0 * (PANEL_HEIGHT + GAP) };
        2.0 * LINE + self.bars_height() + self.lines.len() as f64 * LINE + panels + GAP
    }

    fn draw(&self, out: &mut String, top: f64) {
        text(out, (20.0, top + LINE), "head", "start", &self.title());
        let mut top = top + 2.0 * LINE;
        if let Some(whole) = &self.whole {
            for (n, (name, part)) in BARS.into_iter().enumerate() {
                bar(out, top + n as f64 * BAR_STEP, name, &shares(whole, part));
            }
        }
        top += self.bars_height();
        for line in &self.lines {
            text(out, (MARGIN, top), "faint", "start", line);
            top += LINE;
        }
        if !self.course.groups.is_empty() {
            timeline(out, top + GAP, self.course);
        }
    }

    fn title(&self) -> String {
        let target = &self.course.target;
        let Some(whole) = &self.whole else { return format!("{target}: no write was answered here") };
        let per_second = writes(whole) as f64 / self.course.seconds.max(1e-6);
        format!(
            "{target}, {}: {} writes, {per_second:.0} a second, {} each",
            whole.mode,
            writes(whole),
            time(sum_of_means(whole))
        )
    }
}

/// A sentence in lines that the picture has room for, cut between words.
fn lines_of(sentence: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= CHARACTERS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Each stage's mean, or its own percentile.
fn shares(sample: &Sample, part: Option<f64>) -> Vec<(WriteStage, f64)> {
    let of =
        |(stage, counts): (WriteStage, &Counts)| (stage, part.map_or_else(|| counts.mean(), |part| counts.at(part)));
    stages(sample).into_iter().map(of).collect()
}

/// The stages of one bar, which is as wide as any other: its sum stands behind it.
fn bar(out: &mut String, top: f64, name: &str, shares: &[(WriteStage, f64)]) {
    let sum: f64 = shares.iter().map(|(_, us)| us).sum();
    let width = WIDTH - MARGIN - RIGHT - FIGURES;
    text(out, (MARGIN - 8.0, top + BAR - 6.0), "faint", "end", name);
    text(out, (MARGIN + width + 8.0, top + BAR - 6.0), "head", "start", &time(sum));
    let mut x = MARGIN;
    for (stage, us) in shares.iter().filter(|(_, us)| *us > 0.0) {
        let (name, wide) = (stage.name(), width * us / sum);
        let told = escaped(&format!("{name}: {} ({:.0} %)", time(*us), 100.0 * us / sum));
        put(
            out,
            &format!(
                "<rect class=\"{name}\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{BAR}\"><title>{told}</title></rect>"
            ),
        );
        if wide >= NAMED {
            text(out, (x + wide / 2.0, top + BAR - 6.0), "in", "middle", name);
        }
        x += wide;
    }
}

/// How long each sync took, with the long turns of reactors; and below how many writes waited for it.
fn timeline(out: &mut String, top: f64, course: &Course) {
    let here = |group: &Group| course.here(group.submitted_at);
    let (first, last) =
        course.groups.iter().map(here).fold((i64::MAX, i64::MIN), |(low, high), at| (low.min(at), high.max(at)));
    let span = last.saturating_sub(first).max(1) as f64;
    let part = |at: i64| (at.saturating_sub(first) as f64 / span).clamp(0.0, 1.0);
    let took = |group: &Group| (group.took as f64).max(1.0);
    let records = |group: &Group| (group.records as f64).max(1.0);
    let mut turns: Vec<_> = course.turns.iter().collect();
    turns.sort_by_key(|turn| std::cmp::Reverse(turn.took));
    turns.truncate(TURNS_MAX);

    let mut values: Vec<f64> = course.groups.iter().map(took).collect();
    values.extend(turns.iter().map(|turn| turn.took as f64));
    let title = format!("each of {} syncs over time, and long turns of reactors", course.groups.len());
    let panel = Panel::new(&title, (MARGIN, WIDTH - RIGHT), (top, PANEL_HEIGHT), &values);
    pieces(out, &panel, "piece", &time, course, &|group| (part(here(group)), took(group)));
    for turn in turns {
        let (from, to) = (course.here(turn.began), course.here(turn.began.saturating_add(turn.took)));
        let [left, right] = [from, to].map(|at| panel.left + part(at) * (panel.right - panel.left));
        let (y, right) = (panel.y(turn.took as f64), right.max(left + 3.0));
        let told = escaped(&format!("a turn of a reactor took {}", time(turn.took as f64)));
        put(
            out,
            &format!(
                "<line class=\"turn\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"><title>{told}</title></line>"
            ),
        );
    }
    let values: Vec<f64> = course.groups.iter().map(records).collect();
    let below = top + PANEL_HEIGHT + GAP;
    let panel =
        Panel::new("writes that waited for each of them", (MARGIN, WIDTH - RIGHT), (below, PANEL_HEIGHT), &values);
    pieces(out, &panel, "records", &whole_number, course, &|group| (part(here(group)), records(group)));
    for quarter in 0..=4 {
        let part = f64::from(quarter) / 4.0;
        panel.mark(out, panel.left + part * (panel.right - panel.left), &time(part * span));
    }
}

fn whole_number(value: f64) -> String {
    if value < 1.0 { String::new() } else { format!("{value:.0}") }
}

/// Where a group is on the x axis, from 0 to 1, and its value.
type Placed<'a> = &'a dyn Fn(&Group) -> (f64, f64);

/// A line for each piece of the timeline, from its least value to its greatest.
fn pieces(
    out: &mut String,
    panel: &Panel,
    class: &str,
    shown: &dyn Fn(f64) -> String,
    course: &Course,
    placed: Placed<'_>,
) {
    panel.frame(out, shown);
    let mut ends: Vec<Option<(f64, f64)>> = vec![None; PIECES];
    for group in &course.groups {
        let (part, value) = placed(group);
        let end = &mut ends[((part * PIECES as f64) as usize).min(PIECES - 1)];
        *end = Some(end.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
    }
    let mut path = String::new();
    for (piece, (low, high)) in ends.iter().enumerate().filter_map(|(piece, end)| Some((piece, (*end)?))) {
        let x = panel.left + (piece as f64 + 0.5) / PIECES as f64 * (panel.right - panel.left);
        // A line without length is not drawn.
        let (from, to) = (panel.y(low) + 1.0, panel.y(high) - 1.0);
        write!(path, "M{x:.1},{from:.1}V{to:.1}").expect("writing to a string cannot fail");
    }
    put(out, &format!("<path class=\"{class}\" d=\"{path}\"/>"));
}

#[cfg(test)]
mod tests {
    use super::super::course::Course;
    use super::super::course::tests::course;
    use super::{BARS, CHARACTERS, lines_of, svg};
    use crate::status::target::Target;

    #[test]
    fn every_server_has_its_stages_and_its_syncs() {
        let picture = svg(&[course(), course()]);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        // In the legend and in each bar.
        assert_eq!(picture.matches("<rect class=\"synced\"").count(), 1 + 2 * BARS.len());
        assert_eq!(
            (picture.matches("<path class=\"piece\"").count(), picture.matches("<path class=\"records\"").count()),
            (2, 2)
        );
        assert_eq!(picture.matches("<line class=\"turn\"").count(), 4);
        for words in [
            ">mean<",
            ">p99.9<",
            "each of 4 syncs over time",
            "writes that waited for each of them",
            "acknowledgement of server.2",
        ] {
            assert!(picture.contains(words), "{words}: {picture}");
        }
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
        assert!(!picture.contains("NaN") && !picture.contains("inf\"") && !picture.contains("href"), "{picture}");
    }

    #[test]
    fn sentences_are_no_wider_than_the_picture() {
        let sentence = "none of these is long ".repeat(20);
        let lines = lines_of(sentence.trim_end());
        assert!(lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= CHARACTERS), "{lines:?}");
        assert_eq!(lines.join(" "), sentence.trim_end());
        assert_eq!(lines_of("short"), ["short"]);
    }

    #[test]
    fn a_server_without_writes_is_named() {
        let mut silent = Course::new(Target::parse("zk<2>:2181").expect("an address"));
        silent.hear(Err(std::io::Error::other("refused")), std::time::Duration::ZERO);
        let picture = svg(&[silent]);
        assert!(
            picture.contains("zk&lt;2&gt;:2181: no write was answered here") && !picture.contains("<path"),
            "{picture}"
        );
        assert!(!picture.contains("NaN"), "{picture}");
    }
}
