//! How much of a thread's time goes into long work.
//!
//! Long work is done in slices, one each turn of the thread, so that nothing else has to wait for the whole of it. If every
//! slice were the same amount of work, then on a busy thread, whose turns are long, the work would take very long. So a
//! slice lasts as long as everything else took since the last slice: each has half of the time. Only while the rest of a
//! turn takes longer than [`SLICE_MAX`] does the work have less.

use std::time::{Duration, Instant};

/// No slice is longer than this: what comes meanwhile waits for it.
pub const SLICE_MAX: Duration = Duration::from_millis(8);

/// The time of one piece of long work. Whoever does the work begins a slice and does its least amount, goes on in small
/// blocks while there is time left, and ends the slice unless all is done. Clocks are read by the caller.
#[derive(Debug)]
pub struct TimeShare {
    /// How long a slice may last.
    max: Duration,
    /// When the last slice ended, if the work was not done by then.
    ended: Option<Instant>,
    /// Up to when this slice goes on.
    until: Option<Instant>,
}

impl Default for TimeShare {
    fn default() -> Self {
        TimeShare::with_max(SLICE_MAX)
    }
}

impl TimeShare {
    /// One whose slices are no longer than this.
    pub fn with_max(max: Duration) -> TimeShare {
        TimeShare { max, ended: None, until: None }
    }

    /// Begins a slice. The first slice of a work consists of its least amount: there is no last one from which to measure.
    pub fn begin(&mut self, now: Instant) {
        self.until = self.ended.take().map(|ended| now + now.saturating_duration_since(ended).min(self.max));
    }

    /// Whether the slice goes on at this moment.
    pub fn is_left(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Ends a slice of work that is not done: from here on the time is the others'.
    pub fn end(&mut self, now: Instant) {
        self.ended = Some(now);
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, TimeShare};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_slice_is_as_long_as_the_others_took_since_the_last_one() {
        let start = Instant::now();
        let mut share = TimeShare::with_max(5 * MS);
        share.begin(start);
        assert!(!share.is_left(start), "nobody has taken time yet");
        share.end(start + MS);
        share.begin(start + 4 * MS);
        assert!(share.is_left(start + 6 * MS));
        assert!(!share.is_left(start + 7 * MS));
        share.end(start + 7 * MS);
        share.begin(start + 100 * MS);
        assert!(share.is_left(start + 104 * MS));
        assert!(!share.is_left(start + 105 * MS), "no longer than the most");
        // What ends for good takes no time from the next.
        share.begin(start + 200 * MS);
        assert!(!share.is_left(start + 200 * MS));
    }
}
