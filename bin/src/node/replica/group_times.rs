//! How long transactions wait for the log, and how long the log takes for them.
//!
//! A group is told of by its first transaction, which waits longest. Time is that of the turns: what is appended and submitted in
//! the same turn has not waited.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use paddock_engine::log::Completion;
use paddock_net::replica_status::GroupStatus;

#[derive(Default)]
pub struct GroupTimes {
    /// The moment of the turn; `None` before the first.
    now: Option<Instant>,
    /// When the first transaction was appended of the group that fills.
    since: Option<Instant>,
    /// How many were.
    waiting: u64,
    /// How many transactions were appended since the start, as far as they are taken up here.
    appended: u64,
    /// How long those groups have filled that are under way, oldest first.
    under_way: VecDeque<Duration>,
}

impl GroupTimes {
    pub fn begin_turn(&mut self, now: Instant) {
        self.now = Some(now);
    }

    /// So many transactions were appended since the start, of which those that are new came in this turn, and are in the group
    /// that fills.
    pub fn note_appended(&mut self, appended: u64, status: &GroupStatus) {
        let more = appended - std::mem::replace(&mut self.appended, appended);
        if more > 0 {
            self.since = self.since.or(self.now);
            self.waiting += more;
            status.appended.add(more);
        }
    }

    /// The group that fills is looked at, and is not empty.
    pub fn note_look(&self, status: &GroupStatus) {
        status.waiting.note(self.waiting);
    }

    /// It is submitted.
    pub fn note_submitted(&mut self, status: &GroupStatus) {
        let filling = match (self.now, self.since.take()) {
            (Some(now), Some(since)) if now != since => now.saturating_duration_since(since),
            _ => Duration::ZERO,
        };
        status.filling.note(filling);
        self.waiting = 0;
        self.under_way.push_back(filling);
    }

    /// The log has seen that a group has completed. Returns how long it had filled.
    pub fn note_completed(&mut self, completion: Completion, status: &GroupStatus) -> Option<Duration> {
        let Completion { records, time, is_synced, .. } = completion;
        // One without records was the log's own, and was not submitted here.
        if records == 0 {
            return None;
        }
        let filling = self.under_way.pop_front().unwrap_or_default();
        status.together.note(u64::from(records));
        status.flushing.note(time);
        status.whole.note_millis(filling + time);
        if is_synced {
            status.syncing.note(time);
        }
        Some(filling)
    }

    /// The log is another one, or ends where it did not.
    pub fn clear(&mut self) {
        *self = GroupTimes { now: self.now, appended: self.appended, ..GroupTimes::default() };
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use paddock_consensus::Zxid;
    use paddock_engine::log::Completion;
    use paddock_net::replica_status::GroupStatus;

    use super::GroupTimes;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_group_is_told_of_by_its_first_transaction() {
        let (status, start, mut times) = (GroupStatus::default(), Instant::now(), GroupTimes::default());
        times.begin_turn(start);
        times.note_appended(1, &status);
        times.note_appended(1, &status);
        times.begin_turn(start + ms(5));
        times.note_appended(2, &status);
        times.note_look(&status);
        times.begin_turn(start + ms(7));
        times.note_submitted(&status);
        times.note_appended(3, &status);
        times.note_submitted(&status);
        let completion = |records, time, is_synced| Completion {
            last: Zxid(1),
            records,
            bytes: 4096,
            since: start,
            time: ms(time),
            is_synced,
        };
        assert_eq!(times.note_completed(completion(0, 100, true), &status), None, "the log has sealed itself");
        assert_eq!(times.note_completed(completion(2, 3, true), &status), Some(ms(7)));
        assert_eq!(times.note_completed(completion(1, 4, false), &status), Some(ms(0)));
        assert_eq!((status.appended.get(), status.waiting.totals().max), (3, 2));
        assert_eq!((status.filling.millis().totals.sum, status.filling.millis().totals.count), (7, 2));
        assert_eq!((status.together.totals().sum, status.flushing.millis().totals.sum), (3, 7));
        assert_eq!((status.whole.totals().max, status.syncing.millis().totals.count), (10, 1));
    }
}
