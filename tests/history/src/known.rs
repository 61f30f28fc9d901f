//! What was known to somebody at a time.

/// The highest zxid of the answers that had come by a time.
#[derive(Debug, Default)]
pub struct Known {
    /// Times in order, each with the highest zxid by then and the event that told it.
    steps: Vec<(u64, i64, usize)>,
}

impl Known {
    /// From the time, zxid and event of each answer.
    pub fn new(mut answers: Vec<(u64, i64, usize)>) -> Known {
        answers.sort_unstable();
        let mut steps: Vec<(u64, i64, usize)> = Vec::new();
        for answer in answers {
            if steps.last().is_none_or(|last| last.1 < answer.1) {
                steps.push(answer);
            }
        }
        Known { steps }
    }

    /// The highest zxid that somebody had been told before this time, with the event.
    pub fn before(&self, time: u64) -> Option<(i64, usize)> {
        let count = self.steps.partition_point(|step| step.0 < time);
        self.steps[..count].last().map(|step| (step.1, step.2))
    }
}
