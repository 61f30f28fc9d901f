//! What one server has, kept outside of the server from one of its turns to the next.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};
use std::rc::Rc;

use paddock::node::replica::window::Window;
use paddock_consensus::output::Part;
use paddock_consensus::{Epoch, Zxid};

use super::durable::Records;
use super::server::Process;

/// All of a server that a look at it goes by. As long as it is the same, there is nothing new to be seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    pub part: Part,
    pub is_looking: bool,
    /// The first and the last transaction of its log, and up to which it has told it to be durable.
    pub base: Zxid,
    pub last: Zxid,
    pub completed: Zxid,
    pub committed: Zxid,
    /// The version of the configuration that it goes by.
    pub config: Zxid,
    /// acceptedEpoch and currentEpoch.
    pub epochs: (Epoch, Epoch),
    /// What clients see, and the digest of that, if they are served.
    pub public: Option<(Zxid, u64)>,
}

impl Look {
    pub fn at(process: &Process) -> Look {
        let Process { member, reactor, .. } = process;
        let (range, completed) = member.log();
        let state = member.state();
        let public = reactor.serves().then(|| (Zxid(reactor.zxid()), reactor.reader().view().digest()));
        Look {
            part: member.part(),
            is_looking: state.decision.is_none() && !matches!(state.awaits, "Pausing" | "Halted"),
            base: range.base,
            last: member.window().last(),
            completed,
            committed: state.committed,
            config: state.configs.committed.version(),
            epochs: (state.epochs.accepted(), state.epochs.current()),
            public,
        }
    }
}

/// It outlives the processes of its server.
#[derive(Default)]
pub struct Shadow {
    /// What the log has, durable or not.
    pub records: Records,
    /// What the state that the log begins with was made of, beyond what was committed by then: a history that comes as a state
    /// brings no records, and another log had them.
    pub brought: BTreeMap<Zxid, Rc<[u8]>>,
    /// Up to here the log has told it to be durable.
    pub durable: Zxid,
    /// Up to here its commits were compared.
    pub compared: Zxid,
    pub accepted: Epoch,
    pub current: Epoch,
    /// The reign whose beginning was looked at.
    pub reign: Option<Epoch>,
    /// What it announces was compared with its disk since it looks for a leader.
    pub was_looking: bool,
    /// The version of the configuration that was looked at.
    pub config: Option<Zxid>,
    /// What the last look went by.
    pub looked: Option<Look>,
}

impl Shadow {
    /// A process has begun with this log.
    pub fn begin(&mut self, records: Records) {
        self.durable = records.last();
        self.records = records;
        (self.compared, self.reign, self.was_looking) = (Zxid::ZERO, None, false);
        (self.config, self.looked) = (None, None);
    }

    /// Takes over what has become of the log since the last turn. `base`: of the log; `on_disk`: what is in its files by now,
    /// which is asked for only if so much came in one turn that the window has not all of it.
    ///
    /// # Errors
    /// A transaction that does not follow the one before it.
    pub fn follow(&mut self, window: &Window, base: Zxid, on_disk: impl FnOnce() -> Records) -> Result<(), String> {
        let last = window.last();
        if base > self.records.base {
            // Old segments have gone, or another history has come. Of the latter the window has all.
            self.records.base = base;
            self.records.by_zxid = self.records.by_zxid.split_off(&Zxid(base.0 + 1));
            if window.range(base, last).is_some() {
                self.records.by_zxid.clear();
            }
        }
        if last < self.records.last() {
            self.records.by_zxid.split_off(&Zxid(last.0 + 1));
            self.compared = self.compared.min(last);
        }
        if window.range(self.records.last(), last).is_none() {
            for (zxid, record) in on_disk().by_zxid.range(Zxid(self.records.last().0 + 1)..) {
                self.take(*zxid, record.clone())?;
            }
        }
        // What is in neither is still to be written.
        for (zxid, record) in window.range(self.records.last(), last).into_iter().flatten() {
            self.take(zxid, record.into())?;
        }
        Ok(())
    }

    fn take(&mut self, zxid: Zxid, record: Rc<[u8]>) -> Result<(), String> {
        let before = self.records.last();
        let begins_epoch = zxid.epoch() > before.epoch() && zxid == Zxid::first_of(zxid.epoch());
        if before.next() != Some(zxid) && !begins_epoch {
            return Err(format!("its log has {zxid} behind {before}"));
        }
        self.records.by_zxid.insert(zxid, record);
        Ok(())
    }

    /// Whether the record of this transaction is here.
    pub fn knows(&self, zxid: Zxid) -> bool {
        self.records.by_zxid.contains_key(&zxid) || self.brought.contains_key(&zxid)
    }

    /// The records of its history after the first of these transactions, up to the other one, as far as they are here.
    pub fn between(&self, after: Zxid, to: Zxid) -> impl Iterator<Item = (Zxid, Rc<[u8]>)> {
        let base = self.records.base;
        let range = (Excluded(after), Included(to.max(after)));
        let brought = self.brought.range(range).take_while(move |(zxid, _)| **zxid <= base);
        let records = self.records.by_zxid.range(range);
        brought.chain(records).map(|(zxid, record)| (*zxid, record.clone()))
    }

    /// Whether this transaction is in the log, and the log has told it to be durable.
    pub fn has_durable(&self, zxid: Zxid, record: &[u8]) -> bool {
        zxid <= self.durable && self.records.has(zxid, record)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use paddock_consensus::Zxid;

    use super::Shadow;
    use crate::durable::Records;

    fn shadow(base: i64, brought: &[i64], records: &[i64]) -> Shadow {
        let by_zxid = |zxids: &[i64]| zxids.iter().map(|zxid| (Zxid(*zxid), Rc::from([*zxid as u8]))).collect();
        let by_zxid: [BTreeMap<_, _>; 2] = [by_zxid(brought), by_zxid(records)];
        let [brought, by_zxid] = by_zxid;
        Shadow { records: Records { base: Zxid(base), by_zxid }, brought, ..Shadow::default() }
    }

    #[test]
    fn a_history_that_came_as_a_state_goes_on_with_the_log() {
        let between = |shadow: &Shadow, after, to| -> Vec<i64> {
            shadow.between(Zxid(after), Zxid(to)).map(|(zxid, _)| zxid.0).collect()
        };
        let brought = shadow(4, &[3, 4], &[5, 6]);
        assert_eq!(between(&brought, 2, 6), [3, 4, 5, 6]);
        assert_eq!(between(&brought, 3, 5), [4, 5]);
        assert_eq!(between(&brought, 6, 5), [0; 0]);
        assert!(brought.knows(Zxid(3)) && brought.knows(Zxid(6)) && !brought.knows(Zxid(2)));
        assert_eq!(between(&shadow(3, &[3, 4], &[]), 2, 6), [3], "the state is one from before by now");
    }
}
