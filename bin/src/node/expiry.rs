//! When sessions expire.
//!
//! Time is cut into ticks. A session is due at the end of the tick in which its timeout runs out, so it expires between
//! its timeout and one tick more after it was last heard, never earlier, and all that are due in one tick go together.
//! Times are milliseconds of a monotonic clock, which the caller reads.
//!
//! Sessions do not age while nobody could be heard: they go by a clock of their own, which stood still then. So none of
//! them, the silent ones included, has less left after such a time than before it. Between two such times the clock goes
//! on for a tick at least, whatever is told: under an overload somebody always says that he could hear nobody.

use std::collections::BTreeMap;
use std::ops::Range;

use super::session_set::{SessionMap, SessionSet};

/// The sessions by the moment at which they are due.
#[derive(Debug)]
pub struct ExpiryQueue {
    tick_ms: u64,
    clock: SessionClock,
    /// When each session is due on the sessions' clock, and its timeout, ms.
    sessions: SessionMap<(u64, u64)>,
    due: BTreeMap<u64, SessionSet>,
}

/// The clock by which sessions age, ms.
#[derive(Debug, Default)]
struct SessionClock {
    /// When it stood still last, by the monotonic clock.
    stood: Range<u64>,
    /// Who tells of a time that began before this tells of that same time. 0: it has not stood still yet.
    same_until: u64,
    /// How much it has stood still in all.
    lost: u64,
}

impl SessionClock {
    /// What it showed, or will show, at a moment of the monotonic clock. Only the last time at which it stood still is
    /// known: for a moment before an earlier one this is less than what it showed, so that nothing is due sooner.
    fn at(&self, moment: u64) -> u64 {
        if moment >= self.stood.end {
            return moment.saturating_sub(self.lost);
        }
        let lost_before = self.lost - (self.stood.end - self.stood.start);
        moment.min(self.stood.start).saturating_sub(lost_before)
    }

    /// It stood still during this time of the monotonic clock, unless that began within `apart` after the last one's end.
    /// Returns how much was not known yet.
    fn stand_still(&mut self, time: Range<u64>, apart: u64) -> u64 {
        let length = time.end.saturating_sub(time.start);
        let anew = if length == 0 {
            0
        } else if time.end < self.stood.start {
            // Told so late that there was another since. It may be a part of one before, which is not known any more: too
            // much is given back then, never too little.
            length
        } else if time.start < self.same_until {
            let before = self.stood.end - self.stood.start;
            self.stood = self.stood.start.min(time.start)..self.stood.end.max(time.end);
            self.stood.end - self.stood.start - before
        } else if self.same_until == 0 || time.start >= self.stood.end + apart {
            (self.stood, self.same_until) = (time.clone(), time.end);
            length
        } else {
            0
        };
        self.lost += anew;
        anew
    }
}

impl ExpiryQueue {
    /// # Panics
    /// If the tick is 0.
    pub fn new(tick_ms: u64) -> ExpiryQueue {
        assert!(tick_ms > 0, "a tick has a length");
        ExpiryQueue { tick_ms, clock: SessionClock::default(), sessions: SessionMap::default(), due: BTreeMap::new() }
    }

    /// No session is here any more.
    pub fn clear(&mut self) {
        *self = ExpiryQueue::new(self.tick_ms);
    }

    /// The session was heard at `now` and has this timeout from now on.
    pub fn arm(&mut self, session: i64, timeout_ms: u64, now: u64) {
        let due = self.due_after(timeout_ms, now);
        self.put(session, timeout_ms, due);
    }

    fn due_after(&self, timeout_ms: u64, now: u64) -> u64 {
        ((self.clock.at(now) + timeout_ms) / self.tick_ms + 1) * self.tick_ms
    }

    fn put(&mut self, session: i64, timeout_ms: u64, due: u64) {
        match self.sessions.insert(session, (due, timeout_ms)) {
            Some((before, _)) if before == due => return,
            Some((before, _)) => self.leave(session, before),
            None => {}
        }
        self.due.entry(due).or_default().insert(session);
    }

    /// The session was heard at `now`; one that is not here stays away. Who is told of late was perhaps heard since, and is
    /// not due any earlier for it.
    pub fn touch(&mut self, session: i64, now: u64) {
        if let Some(&(before, timeout_ms)) = self.sessions.get(&session) {
            let due = self.due_after(timeout_ms, now);
            self.put(session, timeout_ms, due.max(before));
        }
    }

    /// Likewise where the session was heard by another server, which has promised it this timeout.
    pub fn touch_for(&mut self, session: i64, timeout_ms: u64, now: u64) {
        if let Some(&(before, _)) = self.sessions.get(&session) {
            let due = self.due_after(timeout_ms, now);
            self.put(session, timeout_ms, due.max(before));
        }
    }

    /// Nobody could be heard from `from` to `to`, as is known `now`: every session that was there has that much more time.
    /// Returns how much of it was not given before; nothing is given of a time that began less than a tick after the last
    /// one. Looks at every session if something is given.
    pub fn stand_still(&mut self, from: u64, to: u64, now: u64) -> u64 {
        let given = self.clock.stand_still(from..to, self.tick_ms);
        if given == 0 {
            return 0;
        }
        // Who came, or was heard, after that time and before this moment was put behind time that is none any more.
        let too_late: Vec<(i64, u64)> = self
            .sessions
            .iter()
            .filter(|(_, (due, timeout_ms))| *due > self.due_after(*timeout_ms, now))
            .map(|(&session, &(_, timeout_ms))| (session, timeout_ms))
            .collect();
        for (session, timeout_ms) in too_late {
            self.arm(session, timeout_ms, now);
        }
        given
    }

    pub fn remove(&mut self, session: i64) {
        if let Some((due, _)) = self.sessions.remove(&session) {
            self.leave(session, due);
        }
    }

    fn leave(&mut self, session: i64, due: u64) {
        if let Some(sessions) = self.due.get_mut(&due) {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.due.remove(&due);
            }
        }
    }

    /// A session that was due at or before `now`.
    pub fn first_expired(&self, now: u64) -> Option<i64> {
        let (_, sessions) = self.due.range(..=self.clock.at(now)).next()?;
        Some(*sessions.iter().next().expect("a moment without sessions is removed"))
    }

    /// When a session is due, if the sessions' clock goes on.
    pub fn due(&self, session: i64) -> Option<u64> {
        self.sessions.get(&session).map(|(due, _)| due + self.clock.lost)
    }

    /// When the next session is due, if the sessions' clock goes on.
    pub fn next_due(&self) -> Option<u64> {
        self.due.keys().next().map(|due| due + self.clock.lost)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use paddock_net::exchange::Pause;
    use paddock_net::reactor::Hearing;

    use super::ExpiryQueue;

    /// How often a reactor reports.
    const INTERVAL: Duration = Duration::from_millis(500);

    /// Removes one session that is due.
    fn pop_expired(queue: &mut ExpiryQueue, now: u64) -> Option<i64> {
        let session = queue.first_expired(now)?;
        queue.remove(session);
        Some(session)
    }

    #[test]
    fn trap_080_never_early_and_at_most_a_tick_late() {
        for heard in [0, 1, 999, 1000, 1001] {
            let mut queue = ExpiryQueue::new(1000);
            queue.arm(1, 4000, heard);
            assert_eq!(pop_expired(&mut queue, heard + 4000), None);
            assert_eq!(pop_expired(&mut queue, heard + 5000), Some(1));
            assert_eq!(queue.next_due(), None);
        }
    }

    #[test]
    fn being_heard_puts_it_off() {
        let mut queue = ExpiryQueue::new(1000);
        queue.arm(1, 4000, 0);
        queue.touch(1, 3000);
        assert_eq!(pop_expired(&mut queue, 7000), None);
        assert_eq!(pop_expired(&mut queue, 8000), Some(1));
        queue.touch(1, 9000);
        assert_eq!(queue.next_due(), None, "a session that is gone does not come back");
    }

    #[test]
    fn what_is_told_late_brings_nothing_forward() {
        let mut queue = ExpiryQueue::new(1000);
        queue.arm(1, 4000, 3000);
        queue.touch(1, 0);
        assert_eq!(queue.next_due(), Some(8000));
    }

    #[test]
    fn time_in_which_nobody_could_be_heard_is_given_back() {
        let mut queue = ExpiryQueue::new(1000);
        queue.arm(1, 4000, 0);
        queue.arm(2, 10_000, 0);
        assert_eq!(queue.stand_still(2000, 9000, 9000), 7000);
        assert_eq!(queue.next_due(), Some(12_000));
        assert_eq!(pop_expired(&mut queue, 11_999), None, "as much was left before");
        queue.touch(2, 9500);
        queue.arm(3, 4000, 9000);
        assert_eq!(pop_expired(&mut queue, 12_000), Some(1), "and no more");
        assert_eq!(pop_expired(&mut queue, 13_999), None);
        assert_eq!(pop_expired(&mut queue, 14_000), Some(3));
        assert_eq!(queue.next_due(), Some(20_000));
        assert_eq!(queue.stand_still(15_000, 16_000, 16_000), 1000);
        assert_eq!(queue.next_due(), Some(21_000), "another time adds to it");
    }

    #[test]
    fn one_time_that_several_tell_of_is_given_back_once() {
        let mut queue = ExpiryQueue::new(1000);
        queue.arm(1, 4000, 1000);
        assert_eq!(queue.stand_still(2000, 9000, 9000), 7000);
        assert_eq!(queue.stand_still(2100, 8900, 9000), 0);
        assert_eq!(queue.stand_still(1900, 9050, 9050), 150);
        assert_eq!(queue.next_due(), Some(6000 + 7150));
        assert_eq!(queue.stand_still(12_000, 11_000, 12_000), 0, "an end before its begin");
    }

    #[test]
    fn between_two_such_times_a_tick_goes_by() {
        let mut queue = ExpiryQueue::new(1000);
        queue.arm(1, 4000, 0);
        assert_eq!(queue.stand_still(1000, 2000, 2000), 1000);
        assert_eq!(queue.stand_still(1900, 2500, 2500), 500, "another who tells of the same time");
        assert_eq!(queue.stand_still(2400, 3400, 3400), 0, "it began when the one that was told first had ended");
        assert_eq!(queue.stand_still(3499, 4499, 4499), 0);
        assert_eq!(queue.stand_still(3500, 4500, 4500), 1000);
        assert_eq!(queue.next_due(), Some(5000 + 2500));
    }

    #[test]
    fn what_is_told_after_a_later_time_is_given_without_the_time_between() {
        let mut queue = ExpiryQueue::new(1000);
        queue.arm(1, 4000, 0);
        assert_eq!(queue.stand_still(7000, 9000, 9000), 2000);
        assert_eq!(queue.stand_still(1000, 2000, 9100), 1000);
        assert_eq!(queue.next_due(), Some(5000 + 3000));
        assert_eq!(queue.stand_still(7000, 9500, 9500), 500, "the later one is still the last");
    }

    #[test]
    fn who_came_after_it_but_before_it_was_known_gets_none_of_it() {
        let mut queue = ExpiryQueue::new(1000);
        queue.arm(1, 4000, 1000);
        queue.arm(2, 4000, 9100);
        queue.touch(1, 9150);
        queue.arm(3, 20_000, 500);
        assert_eq!(queue.stand_still(2000, 9000, 9200), 7000);
        assert_eq!(pop_expired(&mut queue, 13_999), None);
        let mut gone = [14_000, 14_000, 28_000].map(|now| pop_expired(&mut queue, now));
        gone.sort();
        assert_eq!(gone, [Some(1), Some(2), Some(3)]);
        assert_eq!(queue.next_due(), None);
    }

    #[test]
    fn a_moment_before_is_told_as_it_was() {
        let mut queue = ExpiryQueue::new(1000);
        queue.arm(1, 4000, 0);
        queue.arm(2, 4000, 0);
        queue.stand_still(2000, 9000, 9000);
        queue.touch(1, 1500);
        queue.touch(2, 5000);
        assert_eq!(queue.next_due(), Some(13_000));
        assert_eq!(pop_expired(&mut queue, 13_000), Some(1));
        assert_eq!(queue.next_due(), Some(14_000), "heard while the clock stood: as of when it did");
        assert_eq!(pop_expired(&mut queue, 8000), None, "nor does anything expire as of then");
    }

    #[test]
    fn a_new_timeout_counts_from_its_touch() {
        let mut queue = ExpiryQueue::new(1000);
        queue.arm(1, 4000, 0);
        queue.arm(1, 10_000, 1000);
        assert_eq!(queue.next_due(), Some(12_000));
        queue.remove(1);
        assert_eq!(queue.next_due(), None);
    }

    /// Each reactor's turns are long, and begin while others are in the midst of theirs.
    #[test]
    fn overload_without_end_does_not_keep_a_dead_session() {
        for reactors in 1..=5_u32 {
            let start = Instant::now();
            let millis = |moment: Instant| moment.duration_since(start).as_millis() as u64;
            let mut sessions = ExpiryQueue::new(2000);
            sessions.arm(1, 4000, 0);
            let mut hearings: Vec<Hearing> = (0..reactors).map(|_| Hearing::new(start, INTERVAL)).collect();
            let is_gone = (1..200_u32).any(|turn| {
                let number = turn % reactors;
                let began = start + turn * Duration::from_millis(1300) / reactors;
                let hearing = &mut hearings[number as usize];
                hearing.note_poll(began, 3, 10, false);
                if let Some(Pause { from, to }) = hearing.take_pause() {
                    sessions.stand_still(millis(from), millis(to), millis(began));
                }
                pop_expired(&mut sessions, millis(hearing.until())).is_some()
            });
            assert!(is_gone, "{reactors} reactors: it lives for ever");
        }
    }
}
