//! A rectangle of a picture with a logarithmic scale of its own, so that both can be read where one figure is a thousand times
//! another.

use crate::drawing::{put, text};

/// Where it is in the picture, and what it shows.
pub struct Panel {
    title: String,
    pub left: f64,
    pub right: f64,
    top: f64,
    height: f64,
    /// The ends of its scale.
    pub low: f64,
    pub high: f64,
}

impl Panel {
    /// Its scale ends with a step of 1, 2 or 5 below and above all values, which are above zero.
    pub fn new(title: &str, (left, right): (f64, f64), (top, height): (f64, f64), values: &[f64]) -> Panel {
        let (least, greatest) = if values.is_empty() { (1.0, 10.0) } else { ends(values) };
        let steps = steps();
        let low = steps.iter().copied().rfind(|step| *step <= least * 0.8).unwrap_or(steps[0]);
        let high = steps.iter().copied().find(|step| *step >= greatest * 1.25).unwrap_or(steps[steps.len() - 1]);
        Panel { title: title.to_owned(), left, right, top, height, low, high: high.max(low * 2.0) }
    }

    /// Where a value is.
    pub fn y(&self, value: f64) -> f64 {
        let part = (value / self.low).ln() / (self.high / self.low).ln();
        self.top + self.height * (1.0 - part.clamp(0.0, 1.0))
    }

    /// The title, and the scale's lines with their figures.
    pub fn frame(&self, out: &mut String, shown: &dyn Fn(f64) -> String) {
        text(out, (self.left, self.top - 12.0), "faint", "start", &self.title);
        let is_wide = self.high / self.low > 1000.0;
        let is_end = |step: f64| step == self.low || step == self.high;
        let is_line =
            |step: &f64| (self.low..=self.high).contains(step) && (!is_wide || is_power_of_ten(*step) || is_end(*step));
        for step in steps().into_iter().filter(is_line) {
            let y = self.y(step);
            put(
                out,
                &format!(
                    "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                    self.left, self.right
                ),
            );
            text(out, (self.left - 8.0, y + 4.0), "faint", "end", &shown(step));
        }
    }

    /// A name below a place of the x axis.
    pub fn mark(&self, out: &mut String, x: f64, name: &str) {
        text(out, (x, self.top + self.height + 22.0), "faint", "middle", name);
    }
}

fn ends(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

/// 1, 2 and 5 of every power of ten that a figure may have.
fn steps() -> Vec<f64> {
    (-1..10).flat_map(|power| [1.0, 2.0, 5.0].map(|times| times * 10f64.powi(power))).collect()
}

fn is_power_of_ten(step: f64) -> bool {
    (step.log10() - step.log10().round()).abs() < 1e-9
}

/// A time that is given in microseconds.
pub fn time(us: f64) -> String {
    let (value, unit) = match us {
        seconds if seconds >= 999_500.0 => (seconds / 1e6, "s"),
        millis if millis >= 999.5 => (millis / 1e3, "ms"),
        us => (us, "us"),
    };
    let digits = if value >= 99.95 || value.fract() == 0.0 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::{Panel, time};

    #[test]
    fn a_scale_holds_all_values_between_even_steps() {
        let panel = Panel::new("t", (0.0, 100.0), (0.0, 350.0), &[130.0, 7000.0]);
        assert_eq!((panel.low, panel.high), (100.0, 10_000.0));
        assert!(panel.y(10_000.0) < panel.y(7000.0) && panel.y(7000.0) < panel.y(130.0));
        assert_eq!((panel.y(10_000.0), panel.y(100.0)), (0.0, 350.0));
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        let times = [90.0, 999.4, 1000.0, 12_345.0, 1_500_000.0].map(time);
        assert_eq!(times, ["90 us", "999 us", "1 ms", "12.3 ms", "1.50 s"]);
    }
}
