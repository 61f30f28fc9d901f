//! What a server has durable: a base, and every transaction after it.

use alloc::collections::VecDeque;

use crate::{Epoch, Zxid};

/// The zxids of a history, without the transactions. The counters of one epoch follow each other without a gap, so that each
/// epoch is one pair.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    /// The history has what the transactions up to here made of the state, but not the transactions themselves.
    base: Zxid,
    /// In ascending order, one for each epoch of which there are transactions.
    runs: VecDeque<Run>,
}

/// The transactions of one epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    pub first: Zxid,
    pub last: Zxid,
}

impl History {
    /// One without any transaction after `base`.
    pub fn new(base: Zxid) -> History {
        History { base, runs: VecDeque::new() }
    }

    pub fn base(&self) -> Zxid {
        self.base
    }

    /// The newest transaction, or the base.
    pub fn last(&self) -> Zxid {
        self.runs.back().map_or(self.base, |run| run.last)
    }

    pub fn runs(&self) -> impl Iterator<Item = Run> {
        self.runs.iter().copied()
    }

    /// Whether `zxid` may come next: the next of the epoch, or the first of a later one.
    pub fn may_follow(&self, zxid: Zxid) -> bool {
        let last = self.last();
        last.next() == Some(zxid) || (zxid.epoch() > last.epoch() && zxid == Zxid::first_of(zxid.epoch()))
    }

    /// # Panics
    /// Unless it [may follow](History::may_follow).
    pub fn push(&mut self, zxid: Zxid) {
        assert!(self.may_follow(zxid), "transaction {zxid} cannot follow {}", self.last());
        match self.runs.back_mut() {
            Some(run) if run.last.epoch() == zxid.epoch() => run.last = zxid,
            _ => self.runs.push_back(Run { first: zxid, last: zxid }),
        }
    }

    /// Whether the transaction is here, or is the base.
    pub fn contains(&self, zxid: Zxid) -> bool {
        zxid == self.base || self.run_of(zxid.epoch()).is_some_and(|run| run.first <= zxid && zxid <= run.last)
    }

    /// The newest transaction before `zxid`, or the base if that is before it.
    pub fn last_before(&self, zxid: Zxid) -> Option<Zxid> {
        let later = self.runs.partition_point(|run| run.first < zxid);
        match later.checked_sub(1) {
            Some(place) => Some(self.runs[place].last.min(Zxid(zxid.0 - 1))),
            None => (self.base < zxid).then_some(self.base),
        }
    }

    /// The oldest transaction after `zxid`; `None` if there is none, or if only the base is after it.
    pub fn next_after(&self, zxid: Zxid) -> Option<Zxid> {
        let place = self.runs.partition_point(|run| run.last <= zxid);
        let run = self.runs.get(place)?;
        (zxid >= self.base).then_some(if zxid < run.first { run.first } else { Zxid(zxid.0 + 1) })
    }

    /// The transactions after `from` and up to `to`, each epoch by itself.
    pub fn between(&self, from: Zxid, to: Zxid) -> impl Iterator<Item = Run> {
        let place = self.runs.partition_point(|run| run.last <= from);
        let runs = self.runs.range(place..).copied().take_while(move |run| run.first <= to && from < to);
        runs.map(move |run| Run {
            first: if run.first <= from { Zxid(from.0 + 1) } else { run.first },
            last: run.last.min(to),
        })
    }

    /// What comes after `last` goes.
    ///
    /// # Panics
    /// Unless it is [here](History::contains).
    pub fn cut_after(&mut self, last: Zxid) {
        assert!(self.contains(last), "transaction {last} is not in the history, which cannot end with it");
        while self.runs.pop_back_if(|run| run.first > last).is_some() {}
        if let Some(run) = self.runs.back_mut() {
            run.last = run.last.min(last);
        }
    }

    /// Transactions up to this one are only in the state from here on; nothing happens if they are already.
    ///
    /// # Panics
    /// If it is after the base and not here.
    pub fn forget_up_to(&mut self, base: Zxid) {
        if base <= self.base {
            return;
        }
        assert!(self.contains(base), "transaction {base} is not in the history, which cannot begin after it");
        while self.runs.pop_front_if(|run| run.last <= base).is_some() {}
        if let Some(run) = self.runs.front_mut()
            && run.first <= base
        {
            run.first = Zxid(base.0 + 1);
        }
        self.base = base;
    }

    fn run_of(&self, epoch: Epoch) -> Option<Run> {
        let place = self.runs.binary_search_by_key(&epoch, |run| run.last.epoch()).ok()?;
        Some(self.runs[place])
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::History;
    use crate::Zxid;

    fn history(base: i64, zxids: &[i64]) -> History {
        let mut history = History::new(Zxid(base));
        zxids.iter().for_each(|zxid| history.push(Zxid(*zxid)));
        history
    }

    const E1: i64 = 1 << 32;
    const E3: i64 = 3 << 32;

    #[test]
    fn what_is_there_is_found_and_nothing_between() {
        let history = history(E1 + 2, &[E1 + 3, E1 + 4, E3 + 1, E3 + 2]);
        let here = [E1 + 2, E1 + 3, E1 + 4, E3 + 1, E3 + 2];
        for zxid in [0, E1, E1 + 1, E1 + 2, E1 + 3, E1 + 4, E1 + 5, 2 * E1 + 1, E3, E3 + 1, E3 + 2, E3 + 3] {
            assert_eq!(history.contains(Zxid(zxid)), here.contains(&zxid), "{zxid:x}");
            let before = here.iter().rev().find(|one| **one < zxid).map(|one| Zxid(*one));
            assert_eq!(history.last_before(Zxid(zxid)), before, "{zxid:x}");
            let after = here.iter().find(|one| **one > zxid).filter(|_| zxid >= here[0]).map(|one| Zxid(*one));
            assert_eq!(history.next_after(Zxid(zxid)), after, "{zxid:x}");
        }
    }

    #[test]
    fn a_part_is_told_by_epochs() {
        let history = history(E1 + 2, &[E1 + 3, E1 + 4, E3 + 1, E3 + 2]);
        let between = |from: i64, to: i64| -> Vec<(i64, i64)> {
            history.between(Zxid(from), Zxid(to)).map(|run| (run.first.0, run.last.0)).collect()
        };
        assert_eq!(between(E1 + 2, E3 + 2), [(E1 + 3, E1 + 4), (E3 + 1, E3 + 2)]);
        assert_eq!(between(E1 + 3, E3 + 1), [(E1 + 4, E1 + 4), (E3 + 1, E3 + 1)]);
        assert_eq!(between(E1 + 4, E3 + 2), [(E3 + 1, E3 + 2)]);
        assert_eq!(between(E3 + 1, E3 + 1), []);
        assert_eq!(between(E3 + 2, E3 + 9), []);
    }

    #[test]
    fn no_transaction_is_left_out() {
        let history = history(0, &[1, 2, E1 + 1]);
        let may = [2, 3, E1, E1 + 1, E1 + 2, E1 + 3, E3, E3 + 1, E3 + 2].map(|zxid| history.may_follow(Zxid(zxid)));
        assert_eq!(may, [false, false, false, false, true, false, false, true, false]);
        assert!(History::new(Zxid(E1)).may_follow(Zxid(E1 + 1)), "behind a state without a transaction of its epoch");
        assert!(!History::new(Zxid(0xffff_ffff)).may_follow(Zxid(E1)));
    }

    #[test]
    fn it_is_cut_at_both_ends() {
        let zxids = [E1 + 1, E1 + 2, E3 + 1, E3 + 2];
        for (place, last) in zxids.iter().enumerate() {
            let mut cut = history(0, &zxids);
            cut.cut_after(Zxid(*last));
            assert_eq!(cut, history(0, &zxids[..=place]));
            let mut begun = history(0, &zxids);
            begun.forget_up_to(Zxid(*last));
            assert_eq!(begun, history(*last, &zxids[place + 1..]));
            begun.forget_up_to(Zxid(E1 + 1));
            assert_eq!(begun.base(), Zxid(*last), "it is before that already");
        }
        let mut empty = history(0, &zxids);
        empty.cut_after(Zxid(0));
        assert_eq!((empty.last(), empty.runs().collect::<Vec<_>>()), (Zxid(0), Vec::new()));
    }
}
