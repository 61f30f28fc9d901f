//! What follows a whole state and is in it already.

use crate::output::Reason;
use crate::{History, Zxid};

/// A leader goes on applying while it sends its state, and so may propose and commit again what the state has. That is counted
/// in its order like everything else, and skipped.
#[derive(Clone, Debug)]
pub(super) struct Repeats {
    /// The last transaction of the state.
    last: Zxid,
    state: State,
}

/// So many epochs may have begun with repeats that are not committed. A leader repeats what it proposes in its own, so that
/// this is more than any needs; nothing else would bound what a wrong one makes this server keep.
const EPOCHS_MAX: usize = 16;

#[derive(Clone, Debug)]
enum State {
    NothingCame,
    /// What was committed is the base.
    Proposed(History),
}

impl Repeats {
    pub(super) fn of(last: Zxid) -> Repeats {
        Repeats { last, state: State::NothingCame }
    }

    /// Whether the state has this transaction.
    pub(super) fn contain(&self, zxid: Zxid) -> bool {
        zxid <= self.last
    }

    /// Whether what comes after the state may be proposed: repeats that have begun come to their end first.
    pub(super) fn are_over(&self) -> bool {
        match &self.state {
            State::NothingCame => true,
            State::Proposed(history) => history.last() == self.last,
        }
    }

    pub(super) fn propose(&mut self, state: &'static str, zxid: Zxid) -> Result<(), Reason> {
        let unexpected = Reason::Unexpected { state, zxid };
        match &mut self.state {
            // No transaction is blank, and behind any other number one may follow.
            State::NothingCame if zxid.is_blank() => Err(unexpected),
            State::NothingCame => {
                let mut history = History::new(Zxid(zxid.0 - 1));
                history.push(zxid);
                self.state = State::Proposed(history);
                Ok(())
            }
            State::Proposed(history) if history.may_follow(zxid) && has_room(history, zxid) => {
                history.push(zxid);
                Ok(())
            }
            State::Proposed(_) => Err(unexpected),
        }
    }

    pub(super) fn commit(&mut self, state: &'static str, zxid: Zxid) -> Result<(), Reason> {
        match &mut self.state {
            State::Proposed(history) if history.next_after(history.base()) == Some(zxid) => {
                history.forget_up_to(zxid);
                Ok(())
            }
            State::NothingCame | State::Proposed(_) => Err(Reason::Unexpected { state, zxid }),
        }
    }

    /// Every one of them up to this one.
    pub(super) fn commit_group(&mut self, state: &'static str, zxid: Zxid) -> Result<(), Reason> {
        match &mut self.state {
            State::Proposed(history) if history.base() < zxid && history.contains(zxid) => {
                history.forget_up_to(zxid);
                Ok(())
            }
            State::NothingCame | State::Proposed(_) => Err(Reason::Unexpected { state, zxid }),
        }
    }
}

fn has_room(history: &History, zxid: Zxid) -> bool {
    zxid.epoch() == history.last().epoch() || history.runs().count() < EPOCHS_MAX
}

#[cfg(test)]
mod tests {
    use super::Repeats;
    use crate::Zxid;

    const E1: i64 = 1 << 32;

    #[test]
    fn they_come_in_order_and_to_their_end() {
        let mut repeats = Repeats::of(Zxid(E1 + 5));
        assert!(repeats.are_over() && repeats.contain(Zxid(E1 + 5)) && !repeats.contain(Zxid(E1 + 6)));
        assert!(repeats.commit("", Zxid(E1 + 4)).is_err(), "nothing was proposed");
        assert!(repeats.propose("", Zxid(E1)).is_err(), "it names no transaction");
        repeats.propose("", Zxid(E1 + 4)).unwrap();
        assert!(!repeats.are_over());
        assert!(repeats.commit("", Zxid(E1 + 5)).is_err());
        assert!(repeats.propose("", Zxid(E1 + 4)).is_err());
        repeats.propose("", Zxid(E1 + 5)).unwrap();
        assert!(repeats.are_over());
        repeats.commit("", Zxid(E1 + 4)).unwrap();
        assert!(repeats.commit("", Zxid(E1 + 4)).is_err());
        repeats.commit("", Zxid(E1 + 5)).unwrap();
        assert!(repeats.propose("", Zxid(i64::MIN)).is_err());
    }

    #[test]
    fn a_group_is_committed_at_once() {
        let mut repeats = Repeats::of(Zxid(E1 + 5));
        assert!(repeats.commit_group("", Zxid(E1 + 2)).is_err(), "nothing was proposed");
        (2..=5).for_each(|counter| repeats.propose("", Zxid(E1 + counter)).unwrap());
        assert!(repeats.commit_group("", Zxid(E1 + 1)).is_err(), "it is before all that came");
        repeats.commit_group("", Zxid(E1 + 4)).unwrap();
        assert!(repeats.commit_group("", Zxid(E1 + 4)).is_err());
        assert!(repeats.commit_group("", Zxid(E1 + 6)).is_err(), "it did not come");
        repeats.commit_group("", Zxid(E1 + 5)).unwrap();
    }
}
