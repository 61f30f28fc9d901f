//! Two lists of figures side by side: the ratio of their medians, and how far it may be off.

/// A figure of A and of B in their runs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ratio {
    /// Medians.
    pub a: f64,
    pub b: f64,
    /// That of A divided by that of B; and the least and the greatest that two runs give, one of each.
    pub ratio: f64,
    pub least: f64,
    pub greatest: f64,
}

/// What can be said of A.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every run of A was above every one of B.
    Above,
    Below,
    /// The runs overlap. What differs by less than they spread is not told apart.
    Equal,
}

impl Ratio {
    /// `None` where there are no runs, or a figure of B is zero.
    pub fn of(a: &[f64], b: &[f64]) -> Option<Ratio> {
        let (median_a, median_b) = (median(a)?, median(b)?);
        let (least_a, greatest_a) = ends(a);
        let (least_b, greatest_b) = ends(b);
        (least_b > 0.0).then(|| Ratio {
            a: median_a,
            b: median_b,
            ratio: median_a / median_b,
            least: least_a / greatest_b,
            greatest: greatest_a / least_b,
        })
    }

    /// With one round, two equals seem to differ once in three times; with two rounds, once in 35.
    pub fn verdict(&self) -> Verdict {
        if self.least > 1.0 {
            Verdict::Above
        } else if self.greatest < 1.0 {
            Verdict::Below
        } else {
            Verdict::Equal
        }
    }
}

/// The one in the middle, or the mean of the two there.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// Of at least one value.
pub fn ends(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    (least, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

#[cfg(test)]
mod tests {
    use super::{Ratio, Verdict, median};

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[5.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), Some(3.0));
    }

    #[test]
    fn the_spread_is_what_two_runs_may_give() {
        let ratio = Ratio::of(&[100.0, 120.0], &[40.0, 50.0]).expect("both have runs");
        assert_eq!((ratio.a, ratio.b), (110.0, 45.0));
        assert_eq!((ratio.ratio, ratio.least, ratio.greatest), (110.0 / 45.0, 2.0, 3.0));
        assert_eq!(ratio.verdict(), Verdict::Above);
        assert_eq!(Ratio::of(&[1.0], &[2.0]).expect("both have runs").verdict(), Verdict::Below);
    }

    #[test]
    fn runs_that_overlap_are_equal() {
        for (a, b) in [([1.0, 3.0], [2.0, 2.0]), ([1.0, 2.0], [2.0, 3.0]), ([9.0, 11.0], [1.0, 10.0])] {
            assert_eq!(Ratio::of(&a, &b).expect("both have runs").verdict(), Verdict::Equal, "{a:?} {b:?}");
        }
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(Ratio::of(&[1.0], &[]), None);
        assert_eq!(Ratio::of(&[], &[1.0]), None);
        assert_eq!(Ratio::of(&[1.0, 1.0], &[0.0, 3.0]), None);
    }
}
