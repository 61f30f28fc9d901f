//! What came of a row: the runs of both sides, and their figures side by side.

use serde_json::{Value, json};

use super::figure::{FIGURES, Figure, failures};
use super::ratio::Ratio;
use super::row::Row;

pub struct Outcome {
    pub row: Row,
    /// It is the row's, but where the row is several runs.
    pub title: String,
    /// Of A and of B, in their order.
    pub runs: [Vec<Value>; 2],
}

impl Outcome {
    /// Every figure that runs of both have.
    pub fn figures(&self) -> impl Iterator<Item = (&'static Figure, Ratio)> {
        let [a, b] = &self.runs;
        FIGURES.iter().filter_map(|figure| Some((figure, Ratio::of(&figure.of(a), &figure.of(b))?)))
    }

    /// Of each side.
    pub fn failures(&self) -> [u64; 2] {
        [failures(&self.runs[0]), failures(&self.runs[1])]
    }

    /// The sides are a list, so that there may be more of them one day.
    pub fn json(&self) -> Value {
        let figure = |(figure, ratio): (&Figure, Ratio)| {
            json!({
                "figure": figure.key,
                "medians": [ratio.a, ratio.b],
                "ratio": ratio.ratio,
                "least": ratio.least,
                "greatest": ratio.greatest,
                "verdict": figure.word(&ratio),
            })
        };
        let Row { name, options, aim, servers, to, .. } = &self.row;
        json!({
            "row": name,
            "title": self.title,
            "aim": aim,
            "options": options,
            "servers": servers,
            "to": to.name(),
            "figures": self.figures().map(figure).collect::<Vec<_>>(),
            "failures": self.failures(),
            "runs": self.runs,
        })
    }
}

#[cfg(test)]
pub mod tests {
    use serde_json::json;

    use super::Outcome;
    use crate::versus::row;

    /// Two runs of each: A has thrice the operations per second, and the same latency as nearly as can be told.
    pub fn outcome(title: &str) -> Outcome {
        let run = |per_second: f64, p50: f64| json!({ "ops_per_second": per_second, "latency": { "p50_us": p50 } });
        let runs = [vec![run(300.0, 10.0), run(330.0, 14.0)], vec![run(100.0, 12.0), run(110.0, 11.0)]];
        let row = row::chosen(&["read".to_owned()]).expect("it is a row").remove(0);
        Outcome { row, title: title.to_owned(), runs }
    }

    #[test]
    fn figures_that_both_have_are_compared() {
        let json = outcome("a title").json();
        let keys: Vec<&str> =
            json["figures"].as_array().expect("a list").iter().filter_map(|f| f["figure"].as_str()).collect();
        assert_eq!(keys, ["ops_per_second", "p50_us"]);
        assert_eq!(json["figures"][0]["ratio"], 3.0);
        assert_eq!(
            (&json["figures"][0]["verdict"], &json["figures"][1]["verdict"]),
            (&json!("faster"), &json!("equal within the spread"))
        );
        assert_eq!((json["runs"][1].as_array().map(Vec::len), &json["row"]), (Some(2), &json!("read")));
    }
}
