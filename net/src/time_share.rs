//! The share of a thread's time that long work has.
//!
//! Work that others must not wait for is done a slice each turn. Were a slice always the same amount, the whole would take
//! as long as there are slices, times a turn of whatever length the others make it. So a slice goes on for as long as the
//! others took since the last one ended: they have half of the time at least, and so has the work, while their turns are no
//! longer than [`SLICE_MAX`].

use std::time::{Duration, Instant};

/// A slice is no longer, however long the others took: what comes meanwhile waits so much longer at most.
pub const SLICE_MAX: Duration = Duration::from_millis(8);

/// Who does the work begins a slice and does its least amount, goes on in small blocks while there is time left, and ends it
/// unless all is done. Moments are the caller's.
#[derive(Debug)]
pub struct TimeShare {
    max: Duration,
    /// When the last slice ended, of work that is not done.
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

    /// Begins a slice. The first of a work has its least amount alone: nobody has taken time from it yet.
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
