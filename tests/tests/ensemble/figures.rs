//! How long clients waited.
use crate::partition::Partition;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What was measured of one partition.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From its beginning to the first acknowledgement, by any server, of a write that was asked for after it.
    pub begun: Duration,
    /// From its end to the same.
    pub ended: Duration,
    /// The longest time in between in which nothing was acknowledged.
    pub silence: Duration,
    /// From its end until all servers serve.
    pub whole: Duration,
}

/// All that were measured.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<Partition, Vec<Times>>);

impl Figures {
    pub fn add(&mut self, partition: Partition, times: Times) {
        self.0.entry(partition).or_default().push(times);
    }
}

/// A table in which each time is median and maximum, in milliseconds.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| partition | rounds | first write, ms | after its end | longest silence | all serve again |")?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for (partition, times) in &self.0 {
            let column = |of: fn(&Times) -> Duration| {
                let mut sorted: Vec<u128> = times.iter().map(|times| of(times).as_millis()).collect();
                sorted.sort_unstable();
                format!("{}, {}", sorted[sorted.len() / 2], sorted[sorted.len() - 1])
            };
            write!(
                f,
                "| {partition:?} | {} | {} | {} ",
                times.len(),
                column(|one| one.begun),
                column(|one| one.ended)
            )?;
            writeln!(f, "| {} | {} |", column(|one| one.silence), column(|one| one.whole))?;
        }
        Ok(())
    }
}

#[test]
fn a_table_has_median_and_maximum() {
    let mut figures = Figures::default();
    for ms in [7, 1, 3] {
        let times = |ms| Duration::from_millis(ms);
        let times = Times { begun: times(ms), ended: times(10 * ms), silence: times(2), whole: times(100 * ms) };
        figures.add(Partition::Bridge, times);
    }
    let table = figures.to_string();
    assert_eq!(table.lines().nth(2), Some("| Bridge | 3 | 3, 7 | 30, 70 | 2, 2 | 300, 700 |"));
}
