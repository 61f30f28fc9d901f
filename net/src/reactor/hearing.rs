//! Up to when it is known who has sent something, so that nobody is taken for dead whose bytes wait in a socket.
//!
//! Each poll tells of what had come before it *began*; when it returned says nothing, since a thread can stand still
//! between any two instructions. A list that is full is not all: what it left out stands first in the lists of the next
//! polls, which are followed until they have told of as many sockets as there are.
//!
//! An idle reactor polls again in time for its next report, so that a long step from one poll to the next means that it
//! stood still: the process was stopped, or had no CPU or memory, or a turn took that long. Nobody could be heard then.

use std::time::{Duration, Instant};

use crate::exchange::Pause;

/// What stands between two reports does not matter up to this, or up to two of their intervals if that is more.
pub const PAUSE_MIN: Duration = Duration::from_millis(250);

/// A step from poll to poll that is longer than this is a pause.
pub fn pause_min(heard_interval: Duration) -> Duration {
    PAUSE_MIN.max(2 * heard_interval)
}

#[derive(Debug)]
pub(super) struct Hearing {
    pause_min: Duration,
    /// Whatever came before this has been read, as far as connections are read from.
    until: Instant,
    /// While lists are full: when the first of these polls began, and how many sockets they may have left out.
    began: Instant,
    left_out: usize,
    /// What has not been reported yet: from the begin of the first to the end of the last.
    pause: Option<Pause>,
    /// The end of the last pause.
    resumed: Instant,
}

impl Hearing {
    pub fn new(now: Instant, heard_interval: Duration) -> Hearing {
        let pause_min = pause_min(heard_interval);
        Hearing { pause_min, until: now, began: now, left_out: 0, pause: None, resumed: now }
    }

    pub fn until(&self) -> Instant {
        self.until
    }

    /// A poll that began then has told of so many, of all the `sources` that it watches; `is_full` if there may be more.
    pub fn note_poll(&mut self, began: Instant, told: usize, sources: usize, is_full: bool) {
        if !is_full {
            self.left_out = 0;
            return self.advance(began);
        }
        if self.left_out == 0 {
            (self.began, self.left_out) = (began, sources);
        }
        self.left_out = self.left_out.saturating_sub(told);
        if self.left_out == 0 {
            self.advance(self.began);
        }
    }

    fn advance(&mut self, until: Instant) {
        let from = std::mem::replace(&mut self.until, until);
        if until.saturating_duration_since(from) > self.pause_min {
            self.pause = Some(Pause { from: self.pause.map_or(from, |before| before.from), to: until });
            self.resumed = until;
        }
    }

    /// The pause since this was asked last.
    pub fn take_pause(&mut self) -> Option<Pause> {
        self.pause.take()
    }

    /// How long something has been waited for that was there at `since`, not counting what waited in a socket or came
    /// before a pause.
    pub fn waited_since(&self, since: Instant) -> Duration {
        self.until.saturating_duration_since(since.max(self.resumed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Hearing, PAUSE_MIN, pause_min};
    use crate::exchange::Pause;

    const INTERVAL: Duration = Duration::from_millis(500);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_poll_tells_of_what_came_before_it_began() {
        let start = Instant::now();
        let mut hearing = Hearing::new(start, INTERVAL);
        hearing.note_poll(start + ms(400), 0, 10, false);
        assert_eq!(hearing.until(), start + ms(400));
        hearing.note_poll(start + ms(900), 7, 10, false);
        assert_eq!((hearing.until(), hearing.take_pause()), (start + ms(900), None));
    }

    #[test]
    fn full_lists_are_followed_until_they_have_told_of_all() {
        let start = Instant::now();
        let mut hearing = Hearing::new(start, INTERVAL);
        for (began, until) in [(1, 0), (2, 0), (3, 1), (4, 1), (5, 1), (6, 4)] {
            hearing.note_poll(start + ms(began), 4, 10, true);
            assert_eq!(hearing.until(), start + ms(until), "after the poll of {began} ms");
        }
        hearing.note_poll(start + ms(7), 4, 10, true);
        hearing.note_poll(start + ms(8), 3, 10, false);
        assert_eq!(hearing.until(), start + ms(8));
        hearing.note_poll(start + ms(9), 4, 4, true);
        assert_eq!(hearing.until(), start + ms(9), "one list can be full and tell of all");
    }

    #[test]
    fn a_long_step_is_a_pause() {
        let start = Instant::now();
        let mut hearing = Hearing::new(start, INTERVAL);
        hearing.note_poll(start + 2 * INTERVAL, 0, 1, false);
        assert_eq!(hearing.take_pause(), None);
        let (from, to) = (start + 2 * INTERVAL, start + ms(6000));
        hearing.note_poll(to, 0, 1, false);
        assert_eq!(hearing.take_pause(), Some(Pause { from, to }));
        assert_eq!(hearing.take_pause(), None, "it is told once");
        hearing.note_poll(start + ms(8000), 0, 1, false);
        hearing.note_poll(start + ms(8001), 0, 1, false);
        hearing.note_poll(start + ms(9999), 0, 1, false);
        assert_eq!(hearing.take_pause(), Some(Pause { from: to, to: start + ms(9999) }), "two that were not told yet");
        assert_eq!(pause_min(ms(25)), PAUSE_MIN, "however short the ticks are");
    }

    #[test]
    fn waiting_counts_what_has_been_read_since_the_last_pause() {
        let start = Instant::now();
        let mut hearing = Hearing::new(start, INTERVAL);
        hearing.note_poll(start + ms(700), 0, 1, false);
        assert_eq!(hearing.waited_since(start + ms(100)), ms(600));
        assert_eq!(hearing.waited_since(start + ms(800)), ms(0), "it came after what has been read");
        hearing.note_poll(start + ms(9000), 0, 1, false);
        hearing.note_poll(start + ms(9300), 0, 1, false);
        assert_eq!(hearing.waited_since(start + ms(100)), ms(300));
    }
}
