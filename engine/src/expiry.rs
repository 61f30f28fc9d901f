//! When sessions expire.
//!
//! Time is cut into ticks. A session is due at the end of the tick in which its timeout runs out, so it expires between
//! its timeout and one tick more after it was last heard, never earlier, and all that are due in one tick go together.
//! Times are milliseconds of a monotonic clock, which the caller reads.

use std::collections::{BTreeMap, HashMap, HashSet};

/// The sessions by the moment at which they are due.
#[derive(Debug)]
pub struct ExpiryQueue {
    tick_ms: u64,
    /// When each session is due, and its timeout, ms.
    sessions: HashMap<i64, (u64, u64)>,
    due: BTreeMap<u64, HashSet<i64>>,
}

impl ExpiryQueue {
    /// # Panics
    /// If the tick is 0.
    pub fn new(tick_ms: u64) -> ExpiryQueue {
        assert!(tick_ms > 0, "a tick has a length");
        ExpiryQueue { tick_ms, sessions: HashMap::new(), due: BTreeMap::new() }
    }

    /// The session was heard at `now` and has this timeout from now on.
    pub fn arm(&mut self, session: i64, timeout_ms: u64, now: u64) {
        let due = ((now + timeout_ms) / self.tick_ms + 1) * self.tick_ms;
        match self.sessions.insert(session, (due, timeout_ms)) {
            Some((before, _)) if before == due => return,
            Some((before, _)) => self.leave(session, before),
            None => {}
        }
        self.due.entry(due).or_default().insert(session);
    }

    /// The session was heard at `now`; one that is not here stays away.
    pub fn touch(&mut self, session: i64, now: u64) {
        if let Some(&(_, timeout_ms)) = self.sessions.get(&session) {
            self.arm(session, timeout_ms, now);
        }
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

    /// Removes one session that was due at or before `now`.
    pub fn pop_expired(&mut self, now: u64) -> Option<i64> {
        let (_, sessions) = self.due.range(..=now).next()?;
        let session = *sessions.iter().next().expect("a moment without sessions is removed");
        self.remove(session);
        Some(session)
    }

    /// When the next session is due.
    pub fn next_due(&self) -> Option<u64> {
        self.due.keys().next().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::ExpiryQueue;

    #[test]
    fn trap_080_never_early_and_at_most_a_tick_late() {
        for heard in [0, 1, 999, 1000, 1001] {
            let mut queue = ExpiryQueue::new(1000);
            queue.arm(1, 4000, heard);
            assert_eq!(queue.pop_expired(heard + 4000), None);
            assert_eq!(queue.pop_expired(heard + 5000), Some(1));
            assert_eq!(queue.next_due(), None);
        }
    }

    #[test]
    fn being_heard_puts_it_off() {
        let mut queue = ExpiryQueue::new(1000);
        queue.arm(1, 4000, 0);
        queue.touch(1, 3000);
        assert_eq!(queue.pop_expired(7000), None);
        assert_eq!(queue.pop_expired(8000), Some(1));
        queue.touch(1, 9000);
        assert_eq!(queue.next_due(), None, "a session that is gone does not come back");
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
}
