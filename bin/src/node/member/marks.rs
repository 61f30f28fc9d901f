//! What the core has to know durable beside the history: epochs and configurations. Where the disk has no room for one it waits,
//! and so does every later one: the core is answered in order.

use std::collections::VecDeque;

use paddock_consensus::input::Mark;
use paddock_consensus::settings::Ms;

use super::full_disk::FullDisk;

/// What this server does while one waits.
const MEANWHILE: &str =
    "Until that is written this server promises nobody anything and acknowledges nothing that rests on it";

/// Those that are not written yet.
#[derive(Default)]
pub struct Marks {
    waiting: VecDeque<Mark>,
    disk: FullDisk,
    /// The next one cannot be written, and this server ends. Nothing that comes behind it is written either.
    has_failed: bool,
}

impl Marks {
    /// One is to be written, behind those that wait.
    pub fn push(&mut self, mark: Mark) {
        self.waiting.push_back(mark);
    }

    /// The next one, if it may be tried now. It stays the next one until it is [written](Self::end_one).
    pub fn next(&self, now: Ms) -> Option<&Mark> {
        self.waiting.front().filter(|_| !self.has_failed && self.disk.may_try(now))
    }

    /// When the next one is tried again.
    pub fn deadline(&self) -> Option<Ms> {
        self.disk.deadline().filter(|_| !self.has_failed)
    }

    /// There is no room for the next one.
    pub fn note_full(&mut self, error: &str, now: Ms) {
        self.disk.note(&error, MEANWHILE, now);
    }

    /// The next one cannot be written, whatever space there is.
    pub fn fail(&mut self) {
        self.has_failed = true;
    }

    /// The next one is written.
    ///
    /// # Panics
    /// If there is none.
    pub fn end_one(&mut self, now: Ms) -> Mark {
        self.disk.end("what this server had to promise is written", now);
        self.waiting.pop_front().expect("one was tried")
    }

    /// Whether a configuration waits. The log takes nothing before it is in its file: after a crash this server would not know
    /// whom the history behind it needs for a quorum.
    pub fn hold_log_back(&self) -> bool {
        self.waiting.iter().any(|mark| matches!(mark, Mark::LastSeen(_) | Mark::Committed(_)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use paddock_consensus::Epoch;
    use paddock_consensus::config::Config;
    use paddock_consensus::input::Mark;
    use paddock_consensus::settings::Ms;

    use super::Marks;

    #[test]
    fn what_has_no_room_holds_up_what_comes_behind_it() {
        let config = Arc::new(Config::parse("server.1=a:2888:3888\nversion=0").unwrap());
        let mut marks = Marks::default();
        marks.push(Mark::AcceptedEpoch(Epoch(3)));
        assert!(!marks.hold_log_back());
        marks.push(Mark::LastSeen(config.clone()));
        assert!(marks.hold_log_back());
        assert_eq!(marks.next(Ms(0)), Some(&Mark::AcceptedEpoch(Epoch(3))));
        marks.note_full("no room", Ms(0));
        assert_eq!((marks.next(Ms(0)), marks.deadline()), (None, Some(Ms(1000))));
        assert_eq!(marks.next(Ms(1000)), Some(&Mark::AcceptedEpoch(Epoch(3))));
        assert_eq!(marks.end_one(Ms(1000)), Mark::AcceptedEpoch(Epoch(3)));
        assert_eq!(marks.next(Ms(1000)), Some(&Mark::LastSeen(config.clone())), "at once");
        marks.end_one(Ms(1000));
        assert!(!marks.hold_log_back() && marks.next(Ms(1000)).is_none() && marks.deadline().is_none());
        marks.push(Mark::LastSeen(config));
        marks.note_full("no room", Ms(1000));
        marks.fail();
        assert_eq!(marks.deadline(), None);
        assert!(marks.next(Ms(1000)).is_none() && marks.hold_log_back(), "nothing rests on what was not written");
    }
}
