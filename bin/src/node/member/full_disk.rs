//! What cannot be written for now because the disk is full, or something else is short. Nothing is acknowledged that needs it, it
//! is tried again until it can be, and an operator is told once when that begins, and once when it is over.

use std::fmt::Display;

use paddock_consensus::settings::Ms;

/// It is tried again so much later.
const RETRY: Ms = Ms(1000);
/// What writes much each time waits twice as long after each, up to this.
const RETRY_MAX: Ms = Ms(64_000);

#[derive(Default)]
pub struct FullDisk {
    waiting: Option<Waiting>,
    /// Whether each attempt writes much.
    is_much: bool,
}

#[derive(Clone, Copy)]
struct Waiting {
    since: Ms,
    next_try: Ms,
    wait: Ms,
}

impl FullDisk {
    /// For what writes much each time it is tried: a whole state fills the disk for everybody, and takes its time.
    pub fn for_much() -> FullDisk {
        FullDisk { waiting: None, is_much: true }
    }

    /// Whether nothing waits for the disk, or what waits may be tried again.
    pub fn may_try(&self, now: Ms) -> bool {
        self.waiting.is_none_or(|waiting| waiting.next_try <= now)
    }

    /// When what waits is tried again.
    pub fn deadline(&self) -> Option<Ms> {
        self.waiting.map(|waiting| waiting.next_try)
    }

    /// Something cannot be written for now. `meanwhile` says what this server does, and does not do.
    pub fn note(&mut self, error: &dyn Display, meanwhile: &str, now: Ms) {
        if self.waiting.is_none() {
            let how_often = if self.is_much { "every now and then" } else { "every second" };
            tracing::error!("{error}. {meanwhile}; it is tried again {how_often}, and needs nothing else");
        }
        let since = self.waiting.map_or(now, |waiting| waiting.since);
        let wait = match self.waiting {
            Some(waiting) if self.is_much => RETRY_MAX.min(waiting.wait.after(waiting.wait)),
            _ => RETRY,
        };
        self.waiting = Some(Waiting { since, next_try: now.after(wait), wait });
    }

    /// What waits could not be tried when it was time.
    pub fn put_off(&mut self, now: Ms) {
        if let Some(waiting) = self.waiting.as_mut().filter(|waiting| waiting.next_try <= now) {
            waiting.next_try = now.after(waiting.wait);
        }
    }

    /// Nothing waits any more. `what` was written.
    pub fn end(&mut self, what: &str, now: Ms) {
        if let Some(Waiting { since, .. }) = self.waiting.take() {
            tracing::info!(millis = now.since(since).0, "there is space again: {what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::settings::Ms;

    use super::{FullDisk, RETRY, RETRY_MAX};

    #[test]
    fn it_is_tried_again_until_it_is_over() {
        let mut disk = FullDisk::default();
        assert!(disk.may_try(Ms(7)) && disk.deadline().is_none());
        for now in [Ms(7), Ms(7).after(RETRY)] {
            disk.note(&"no space", "it waits", now);
            assert!(!disk.may_try(now), "not at once");
            assert_eq!(disk.deadline(), Some(now.after(RETRY)));
            assert!(disk.may_try(now.after(RETRY)));
        }
        disk.put_off(Ms(8000));
        assert_eq!(disk.deadline(), Some(Ms(9000)), "nobody wakes again and again for it");
        disk.end("it goes on", Ms(9000));
        assert!(disk.may_try(Ms(0)) && disk.deadline().is_none());
    }

    #[test]
    fn what_writes_much_is_tried_less_and_less_often() {
        let mut disk = FullDisk::for_much();
        let mut waits = Vec::new();
        let mut now = Ms(0);
        for _ in 0..9 {
            disk.note(&"no space", "it waits", now);
            let next = disk.deadline().unwrap();
            waits.push(next.since(now).0 / 1000);
            now = next;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        assert_eq!(RETRY_MAX.0, 64_000);
        disk.end("it goes on", now);
        disk.note(&"no space", "it waits", now);
        assert_eq!(disk.deadline(), Some(now.after(RETRY)));
    }
}
