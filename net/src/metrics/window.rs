//! Of which time the quantiles are that Prometheus is told: the last ten minutes, as from ZooKeeper.
//!
//! Those who count know nothing of that: whoever renders keeps what all buckets had been at former times, two minutes apart, and
//! takes the oldest of these off. Before there are enough of them, quantiles are those since the start. Where nobody asks for long
//! the time is longer.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// So many former times are kept.
const FRAMES: usize = 5;
/// They are this far apart at least.
const APART: Duration = Duration::from_secs(120);

/// What buckets had been.
#[derive(Default)]
pub struct Window {
    frames: VecDeque<Frame>,
    /// What the next frame will have, if there is to be one.
    next: Option<Frame>,
}

struct Frame {
    at: Instant,
    counts: HashMap<String, Counts>,
}

/// The buckets that are not empty, with their counts.
type Counts = Box<[(u16, u64)]>;

impl Window {
    /// Before all summaries are told at a moment.
    pub fn begin(&mut self, now: Instant) {
        let is_due = self.frames.back().is_none_or(|last| now.saturating_duration_since(last.at) >= APART);
        self.next = is_due.then(|| Frame { at: now, counts: HashMap::new() });
    }

    /// How many values each bucket of a summary got within the window, of what they have by now.
    pub fn recent(&mut self, name: &str, counts: &[u64]) -> Vec<u64> {
        if let Some(next) = &mut self.next {
            let not_empty = counts.iter().enumerate().filter(|(_, count)| **count > 0);
            let kept = not_empty.map(|(bucket, count)| (bucket as u16, *count)).collect();
            next.counts.insert(name.to_owned(), kept);
        }
        let mut recent = counts.to_vec();
        let oldest = self.frames.front().filter(|_| self.frames.len() >= FRAMES);
        let former = oldest.and_then(|frame| frame.counts.get(name));
        // What counts events may have begun anew since: then it has nothing of the former.
        let goes_on = |former: &Counts| former.iter().all(|(bucket, count)| counts[*bucket as usize] >= *count);
        for (bucket, count) in former.filter(|former| goes_on(former)).into_iter().flat_map(|former| former.iter()) {
            recent[*bucket as usize] -= *count;
        }
        recent
    }

    /// All summaries were told.
    pub fn end(&mut self) {
        self.frames.extend(self.next.take());
        while self.frames.len() > FRAMES {
            self.frames.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Window;

    /// What a summary had got, each time that it was told, and what of that is recent.
    fn recent(window: &mut Window, at: Instant, counts: &[u64]) -> Vec<u64> {
        window.begin(at);
        let recent = window.recent("a", counts);
        window.end();
        recent
    }

    #[test]
    fn what_was_counted_ten_minutes_ago_is_not_recent() {
        let (mut window, start) = (Window::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(recent(&mut window, at(0), &[1, 0]), [1, 0]);
        assert_eq!(recent(&mut window, at(15), &[2, 0]), [2, 0], "it is not kept");
        for minutes in [2, 4, 6] {
            assert_eq!(recent(&mut window, at(minutes * 60), &[5, 0]), [5, 0]);
        }
        assert_eq!(recent(&mut window, at(8 * 60), &[5, 3]), [5, 3], "there were four before it");
        assert_eq!(recent(&mut window, at(8 * 60 + 30), &[5, 3]), [4, 3], "the oldest had one");
        assert_eq!(recent(&mut window, at(10 * 60), &[5, 3]), [4, 3]);
        assert_eq!(recent(&mut window, at(12 * 60), &[5, 4]), [0, 4]);
    }

    #[test]
    fn what_began_anew_has_nothing_of_before() {
        let (mut window, start) = (Window::default(), Instant::now());
        for minutes in 0..6 {
            recent(&mut window, start + Duration::from_secs(minutes * 120), &[9, 9]);
        }
        assert_eq!(recent(&mut window, start + Duration::from_secs(700), &[1, 9]), [1, 9]);
        assert_eq!(recent(&mut window, start + Duration::from_secs(701), &[9, 10]), [0, 1]);
    }
}
