//! The two epochs that a server keeps on its disk.

use crate::input::Mark;
use crate::{Epoch, Zxid};

/// What a server has promised, and whose history it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Epochs {
    accepted: Epoch,
    current: Epoch,
    /// Which files are not there.
    missing: Missing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Missing {
    accepted: bool,
    current: bool,
}

/// The epochs of a disk contradict each other, or its history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochsDisagree {
    pub accepted: Epoch,
    pub current: Epoch,
    pub last: Zxid,
}

impl Epochs {
    /// As a disk has them; `None` for a file that is not there, which stands for the epoch of the last transaction.
    ///
    /// The last transaction may be of a later epoch than currentEpoch: that is what a crash leaves between a history and the
    /// epoch in which it was taken.
    pub fn new(accepted: Option<Epoch>, current: Option<Epoch>, last: Zxid) -> Result<Epochs, EpochsDisagree> {
        let missing = Missing { accepted: accepted.is_none(), current: current.is_none() };
        let accepted = accepted.unwrap_or(last.epoch());
        let current = current.unwrap_or(last.epoch());
        match current <= accepted && last.epoch() <= accepted {
            true => Ok(Epochs { accepted, current, missing }),
            false => Err(EpochsDisagree { accepted, current, last }),
        }
    }

    /// The newest epoch that was promised to a leader: no leader of an earlier one is followed any more.
    pub fn accepted(&self) -> Epoch {
        self.accepted
    }

    /// The epoch in which this server last took a whole history from a leader, or led.
    pub fn current(&self) -> Epoch {
        self.current
    }

    /// The files that are not there yet, once. They are written before anything is added to the history: afterwards the epoch
    /// of the last transaction would be one whose history this server may have only in part.
    pub(crate) fn take_missing(&mut self) -> impl Iterator<Item = Mark> + use<> {
        let Missing { accepted, current } = self.missing;
        self.missing = Missing { accepted: false, current: false };
        let accepted = accepted.then_some(Mark::AcceptedEpoch(self.accepted));
        accepted.into_iter().chain(current.then_some(Mark::CurrentEpoch(self.current)))
    }

    /// # Panics
    /// If it falls.
    pub(crate) fn accept(&mut self, epoch: Epoch) {
        assert!(self.accepted <= epoch, "acceptedEpoch falls from {} to {}", self.accepted.0, epoch.0);
        self.accepted = epoch;
    }

    /// # Panics
    /// If it falls, or was not accepted.
    pub(crate) fn enter(&mut self, epoch: Epoch) {
        assert!(self.current <= epoch, "currentEpoch falls from {} to {}", self.current.0, epoch.0);
        assert!(epoch <= self.accepted, "epoch {} was never accepted", epoch.0);
        self.current = epoch;
    }
}

#[cfg(test)]
mod tests {
    use super::Epochs;
    use crate::{Epoch, Zxid};

    const LAST: Zxid = Zxid(3 << 32 | 7);

    #[test]
    fn a_missing_file_is_the_epoch_of_the_last_transaction() {
        let epochs = Epochs::new(None, None, LAST).unwrap();
        assert_eq!((epochs.accepted(), epochs.current()), (Epoch(3), Epoch(3)));
        assert!(Epochs::new(None, Some(Epoch(4)), LAST).is_err());
    }

    #[test]
    fn a_history_may_be_newer_than_its_epoch_but_not_than_the_promise() {
        assert!(Epochs::new(Some(Epoch(3)), Some(Epoch(2)), LAST).is_ok());
        assert!(Epochs::new(Some(Epoch(2)), Some(Epoch(2)), LAST).is_err());
        assert!(Epochs::new(Some(Epoch(3)), Some(Epoch(4)), LAST).is_err());
    }
}
