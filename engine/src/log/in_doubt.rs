//! What was read of a log and is not vouched for yet, up to a named bound.
//!
//! Where marks follow closely these are a few groups. Without `forceSync` no mark advances within a segment, which may have a
//! hundred thousand groups: then some between the others are forgotten. What is vouched for later is known up to a group that was kept, and so
//! a little less may be certain than could be, never more. The newest group always stays, so that a log that has come to rest is
//! certain up to its end.

use std::collections::VecDeque;

/// Of so many groups it is known where they end, and of the newest one besides.
pub(crate) const IN_DOUBT_MAX: usize = 4096;

#[derive(Debug)]
pub(crate) struct InDoubt<T> {
    /// Each so many groups behind the one before, the oldest first.
    kept: VecDeque<T>,
    stride: u64,
    /// Groups since the last one that was kept, with the newest one.
    since: u64,
    newest: Option<T>,
}

impl<T> InDoubt<T> {
    pub fn new() -> InDoubt<T> {
        InDoubt { kept: VecDeque::new(), stride: 1, since: 0, newest: None }
    }

    pub fn push(&mut self, group: T) {
        if let Some(before) = self.newest.replace(group)
            && self.since >= self.stride
        {
            self.keep(before);
        }
        self.since += 1;
    }

    fn keep(&mut self, group: T) {
        if self.kept.len() == IN_DOUBT_MAX {
            let mut stays = false;
            self.kept.retain(|_| {
                stays = !stays;
                stays
            });
            self.stride *= 2;
        }
        self.kept.push_back(group);
        self.since = 0;
    }

    /// Takes those off, from the oldest on, that are vouched for. The newest of them.
    pub fn settle(&mut self, is_vouched: impl Fn(&T) -> bool) -> Option<T> {
        let mut settled = None;
        while let Some(group) = self.kept.pop_front_if(|group| is_vouched(group)) {
            settled = Some(group);
        }
        if self.kept.is_empty() {
            (self.stride, self.since) = (1, 1);
            settled = self.newest.take_if(|group| is_vouched(group)).or(settled);
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::{IN_DOUBT_MAX, InDoubt};

    #[test]
    fn few_groups_are_all_known() {
        let mut groups = InDoubt::new();
        for round in 0..3 {
            (0..100).for_each(|number| groups.push(round * 100 + number));
            for number in [0, 1, 57, 98, 99] {
                let number = round * 100 + number;
                assert_eq!(groups.settle(|group| *group <= number), Some(number));
                assert_eq!(groups.settle(|group| *group <= number), None);
            }
        }
    }

    #[test]
    fn of_many_groups_some_are_known_and_the_newest_always() {
        let (mut groups, count) = (InDoubt::new(), 20 * IN_DOUBT_MAX);
        for number in 0..count {
            groups.push(number);
            assert!(groups.kept.len() <= IN_DOUBT_MAX);
        }
        for part in 1..20 {
            let vouched = count / 20 * part;
            let certain = groups.settle(|number| *number <= vouched).expect("some of them are known");
            assert!(certain <= vouched && vouched - certain <= 64, "{certain} of {vouched}");
        }
        assert_eq!(groups.settle(|_| true), Some(count - 1));
        groups.push(count);
        groups.push(count + 1);
        assert_eq!(groups.settle(|number| *number <= count), Some(count), "they are few again");
    }
}
