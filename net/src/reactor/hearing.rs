//! Up to which moment a reactor knows who has sent something, so that no session expires whose client's bytes wait in a
//! socket.
//!
//! A poll tells of everything that had come before it *began*. The moment at which it returned says nothing, since a thread
//! can stand still between any two instructions. If the list of events is full, there may be more sockets for which
//! something has come. These stand first in the lists of the next polls; once the full lists have told of as many sockets
//! as there are, all that had come before the first of these polls is known.
//!
//! An idle reactor polls again in time for its next report. So if much time passes from the beginning of one poll to that
//! of the next, the reactor stood still: the process was stopped, or had no CPU or memory, or a turn took that long. Nobody
//! could be heard meanwhile. That time is a *pause*, and is not counted against the sessions.
//!
//! Under an overload every turn can be that long, although everybody is heard in each. If all of them were pauses, no time
//! would ever be counted, and the session of a client that is gone would live for as long as the overload lasts. So after
//! a pause some time has to count before there can be another; a long turn that comes sooner is no pause.

use std::time::{Duration, Instant};

use crate::exchange::Pause;

/// No pause is shorter than this, or than two intervals of reports if these are longer.
pub const PAUSE_MIN: Duration = Duration::from_millis(250);

/// More time than this from the beginning of one poll to that of the next is a pause; and so much must have counted since
/// the last pause.
pub fn pause_min(heard_interval: Duration) -> Duration {
    PAUSE_MIN.max(2 * heard_interval)
}

/// What one reactor knows of whom it has heard.
#[derive(Debug)]
pub struct Hearing {
    /// See [`pause_min`].
    pause_min: Duration,
    /// Whatever came before this has been read, as far as connections are read from.
    until: Instant,
    /// When the last poll began.
    polled: Instant,
    /// While lists are full: when the first of these polls began.
    began: Instant,
    /// While lists are full: how many sockets may not have been told of since.
    left_out: usize,
    /// The longest pause that has not been reported yet.
    pause: Option<Pause>,
    /// When the last pause ended.
    resumed: Option<Instant>,
}

impl Hearing {
    pub fn new(now: Instant, heard_interval: Duration) -> Hearing {
        let pause_min = pause_min(heard_interval);
        Hearing { pause_min, until: now, polled: now, began: now, left_out: 0, pause: None, resumed: None }
    }

    /// Whatever came before this has been read, as far as connections are read from.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Notes that a poll, which began at this moment, has told of so many of the `sources` that it watches. `is_full`: there
    /// may be more for which something has come.
    pub fn note_poll(&mut self, began: Instant, told: usize, sources: usize, is_full: bool) {
        self.note_step(Pause { from: self.polled, to: began });
        self.polled = began;
        if !is_full {
            self.left_out = 0;
            self.until = began;
            return;
        }
        if self.left_out == 0 {
            (self.began, self.left_out) = (began, sources);
        }
        self.left_out = self.left_out.saturating_sub(told);
        if self.left_out == 0 {
            self.until = self.began;
        }
    }

    fn note_step(&mut self, step: Pause) {
        let counted = self.resumed.map(|resumed| step.from.saturating_duration_since(resumed));
        if step.length() > self.pause_min && counted.is_none_or(|counted| counted >= self.pause_min) {
            self.pause = Some(self.pause.map_or(step, |before| before.longer(step)));
            self.resumed = Some(step.to);
        }
    }

    /// The pause since this was last asked, of several the longest. It is not told before all has been read that came before
    /// its end.
    pub fn take_pause(&mut self) -> Option<Pause> {
        self.pause.take_if(|pause| pause.to <= self.until)
    }

    /// How long a client has been waited for since `since`. The time before the last pause ended does not count, and neither
    /// does time of which it is not known yet what came in it.
    pub fn waited_since(&self, since: Instant) -> Duration {
        self.until.saturating_duration_since(self.resumed.map_or(since, |resumed| since.max(resumed)))
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
        hearing.note_poll(start + ms(6999), 0, 1, false);
        hearing.note_poll(start + ms(9000), 0, 1, false);
        assert_eq!(hearing.take_pause(), None, "too little has counted since");
        hearing.note_poll(start + ms(11_500), 0, 1, false);
        hearing.note_poll(start + ms(12_500), 0, 1, false);
        hearing.note_poll(start + ms(14_000), 0, 1, false);
        let longer = Pause { from: start + ms(9000), to: start + ms(11_500) };
        assert_eq!(hearing.take_pause(), Some(longer), "of two that were not told yet");
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

    #[test]
    fn a_pause_is_told_when_its_end_is_read() {
        let start = Instant::now();
        let mut hearing = Hearing::new(start, INTERVAL);
        hearing.note_poll(start + ms(1), 4, 8, true);
        let (from, to) = (start + ms(1), start + ms(5000));
        hearing.note_poll(to, 4, 8, true);
        assert_eq!((hearing.until(), hearing.take_pause()), (from, None));
        hearing.note_poll(start + ms(5001), 1, 8, false);
        assert_eq!(hearing.take_pause(), Some(Pause { from, to }));
    }

    #[test]
    fn full_lists_that_are_served_are_no_pause() {
        let start = Instant::now();
        let mut hearing = Hearing::new(start, INTERVAL);
        for turn in 1..100 {
            hearing.note_poll(start + turn * ms(100), 1, 30, true);
            assert_eq!(hearing.take_pause(), None);
        }
        assert!(hearing.until() > start + ms(5000));
    }
}
