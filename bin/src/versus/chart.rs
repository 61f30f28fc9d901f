//! The comparison as a picture: for each figure a dot on a scale of "how many times better", and a line as far as it may be
//! off. To the right of the middle A is better.

use std::fmt::Write;

use super::figure::number;
use super::outcome::Outcome;
use super::ratio::Verdict;
use super::report::{heading, ratio_of};
use crate::drawing::{WIDTH, begin, escaped, text};

/// The scale, between the names of figures and the medians.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 92.0;
const LINE_HEIGHT: f64 = 20.0;
const BLOCK_GAP: f64 = 30.0;
const BOTTOM: f64 = 40.0;
/// The scale reaches at least from a half to twice, and at most so far: what is beyond stands at its end.
const REACH_MIN: f64 = 2.0;
const REACH_MAX: f64 = 1000.0;

const STYLE: &str = "\
.middle { stroke: var(--faint); stroke-width: 1.5 }\n\
.better { fill: var(--better); stroke: var(--better) } .worse { fill: var(--worse); stroke: var(--worse) }\n\
.equal { fill: var(--equal); stroke: var(--equal) } .spread { stroke-width: 3; stroke-opacity: 0.45 }\n\
text.better, text.worse { stroke: none }";

/// The picture of all rows, of sides with these names.
pub fn svg(title: &str, names: [&str; 2], outcomes: &[Outcome]) -> String {
    let scale = Scale::of(outcomes);
    let blocks: f64 =
        outcomes.iter().map(|outcome| BLOCK_GAP + LINE_HEIGHT * (1 + outcome.figures().count()) as f64).sum();
    let height = TOP + blocks + BOTTOM;
    let title = format!("{title}: {} and {}", names[0], names[1]);
    let mut out = begin(&title, height, STYLE);
    let middle = scale.x(1.0);
    text(&mut out, (middle - 12.0, 56.0), "worse", "end", &format!("← {} is better", names[1]));
    text(&mut out, (middle + 12.0, 56.0), "better", "start", &format!("{} is better →", names[0]));
    text(&mut out, (RIGHT + 110.0, 76.0), "head", "end", names[0]);
    text(&mut out, (WIDTH - 30.0, 76.0), "head", "end", names[1]);
    axis(&mut out, &scale, height);
    let mut y = TOP;
    for outcome in outcomes {
        y += BLOCK_GAP;
        text(&mut out, (20.0, y), "head", "start", &heading(outcome));
        for (figure, ratio) in outcome.figures() {
            y += LINE_HEIGHT;
            let class = match (ratio.verdict(), figure.goodness(ratio.ratio) > 1.0) {
                (Verdict::Equal, _) => "equal",
                (_, true) => "better",
                (_, false) => "worse",
            };
            let [at, least, greatest] = [ratio.ratio, ratio.least, ratio.greatest].map(|r| figure.goodness(r));
            let (from, to) = (scale.x(least.min(greatest)), scale.x(least.max(greatest)));
            let place = y - 4.0;
            let told = format!(
                "{}: {} / {}, ratio {} ({} to {}), {}",
                figure.title,
                number(ratio.a),
                number(ratio.b),
                ratio_of(ratio.ratio),
                ratio_of(ratio.least),
                ratio_of(ratio.greatest),
                figure.word(&ratio)
            );
            writeln!(
                out,
                "<g class=\"{class} figure\"><title>{}</title><line class=\"spread\" x1=\"{from:.1}\" x2=\"{to:.1}\" \
                 y1=\"{place}\" y2=\"{place}\"/><circle cx=\"{:.1}\" cy=\"{place}\" r=\"5\"/></g>",
                escaped(&told),
                scale.x(at)
            )
            .expect("writing to a string cannot fail");
            text(&mut out, (LEFT - 16.0, y), "faint", "end", figure.title);
            text(&mut out, (RIGHT + 110.0, y), "", "end", &number(ratio.a));
            text(&mut out, (WIDTH - 30.0, y), "", "end", &number(ratio.b));
        }
        y += LINE_HEIGHT;
    }
    let note =
        "dot: ratio of the medians; line: the least and greatest that two runs, one of each, have; grey: they overlap";
    text(&mut out, (20.0, height - 14.0), "faint", "start", note);
    out + "</svg>\n"
}

fn axis(out: &mut String, scale: &Scale, height: f64) {
    for times in scale.marks() {
        let x = scale.x(times);
        let class = if times == 1.0 { "middle" } else { "grid" };
        writeln!(
            out,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{}\"/>",
            TOP - 8.0,
            height - BOTTOM
        )
        .expect("writing to a string cannot fail");
        // A half is twice as good for the other side; what rounding adds is taken off.
        let factor = (times.max(1.0 / times) * 10.0).round() / 10.0;
        let label = if times == 1.0 { "equal".to_owned() } else { format!("{factor}×") };
        text(out, (x, TOP - 16.0), "faint", "middle", &label);
    }
}

/// Logarithmic, as far to the left of the middle as to the right.
struct Scale {
    reach: f64,
}

impl Scale {
    /// As far as everything that is shown.
    fn of(outcomes: &[Outcome]) -> Scale {
        let figures = outcomes.iter().flat_map(Outcome::figures);
        let ends = figures.flat_map(|(_, ratio)| [ratio.least, ratio.ratio, ratio.greatest]).filter(|end| *end > 0.0);
        let reach = ends.map(|end| end.max(1.0 / end)).filter(|end| end.is_finite()).fold(REACH_MIN, f64::max);
        Scale { reach: (reach * 1.1).min(REACH_MAX) }
    }

    /// Of "so many times better".
    fn x(&self, times: f64) -> f64 {
        let part = if times > 0.0 { times.ln() / self.reach.ln() } else { -1.0 };
        let half = (RIGHT - LEFT) / 2.0;
        LEFT + half + half * part.clamp(-1.0, 1.0)
    }

    /// What has a line and a label.
    fn marks(&self) -> Vec<f64> {
        let steps: &[f64] = if self.reach > 30.0 {
            &[3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]
        } else {
            &[1.5, 2.0, 3.0, 5.0, 10.0, 20.0]
        };
        // Labels that are near the middle, on a scale that reaches far, would run into one another.
        let shown = steps.iter().copied().filter(|step| *step <= self.reach && (self.x(*step) - self.x(1.0)) > 45.0);
        let mut last = f64::NEG_INFINITY;
        let shown: Vec<f64> = shown
            .filter(|step| {
                let is_apart = self.x(*step) - last > 35.0;
                last = if is_apart { self.x(*step) } else { last };
                is_apart
            })
            .collect();
        shown.iter().rev().map(|step| 1.0 / step).chain([1.0]).chain(shown.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{LEFT, RIGHT, Scale, svg};
    use crate::versus::outcome::tests::outcome;

    #[test]
    fn words_cannot_become_marks() {
        let picture = svg("<script>", ["A & Co", "\"B\""], &[outcome("x < y")]);
        assert!(!picture.contains("<script") && !picture.contains("& Co") && picture.contains("x &lt; y"), "{picture}");
    }

    #[test]
    fn every_figure_is_one_element() {
        let outcomes = [outcome("one"), outcome("two")];
        let picture = svg("n", ["A", "B"], &outcomes);
        let figures: usize = outcomes.iter().map(|outcome| outcome.figures().count()).sum();
        assert_eq!(picture.matches(" figure\">").count(), figures);
        assert_eq!(picture.matches("<circle").count(), figures);
        assert!(picture.contains("class=\"better figure\"") && picture.contains("class=\"equal figure\""), "{picture}");
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
        assert!(!picture.contains("href") && !picture.contains("url("), "nothing comes from elsewhere");
    }

    #[test]
    fn the_scale_is_even_on_both_sides_and_has_ends() {
        let scale = Scale { reach: 10.0 };
        let places = [10.0, 0.1, 1.0].map(|times| scale.x(times).round());
        assert_eq!(places, [RIGHT, LEFT, (LEFT + RIGHT) / 2.0]);
        assert_eq!((scale.x(1e9), scale.x(0.0)), (RIGHT, LEFT));
        let marks = scale.marks();
        assert!(marks.contains(&1.0) && marks.contains(&10.0) && marks.is_sorted(), "{marks:?}");
        assert!(Scale::of(&[]).marks().contains(&2.0));
    }
}
