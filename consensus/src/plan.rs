//! The plan for a learner: how its history is made the leader's.

use crate::mutants::mutant;
use crate::settings::Features;
use crate::{History, Zxid};

/// With what the synchronisation begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First {
    /// The learner keeps what it has. The zxid is where the leader is.
    Diff(Zxid),
    /// It keeps what it has up to here.
    Trunc(Zxid),
    /// It is brought a whole state.
    Snap,
}

/// What follows the first packet is every transaction of the leader's history after [`from`](Plan::from), each with its
/// COMMIT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    pub first: First,
    /// Where the learner is once it has done what the first packet says; the state that is brought decides where that is
    /// after SNAP, and this is [`Zxid::NOTHING`].
    pub from: Zxid,
}

impl Plan {
    /// `position` is what the learner announced as its last transaction, and `end` where `history` counts for it: its last
    /// transaction before the reign is established, the committed one afterwards.
    ///
    /// A learner whose position is in the history has nothing but what is in the history, since the same transaction is never
    /// written behind two different pasts. A position that only lies between two of the history says nothing of the kind: its
    /// owner may have led an epoch of which nobody kept the end.
    ///
    /// # Panics
    /// If the history does not have `end`.
    pub fn for_learner(position: Zxid, features: Features, history: &History, end: Zxid, force_snapshot: bool) -> Plan {
        assert!(history.contains(end), "transaction {end} is not in the history that ends with it");
        if force_snapshot || position == Zxid::NOTHING {
            return Plan::SNAP;
        }
        // Whoever leads an epoch may count the blank zxid of its beginning as its position, once the epoch has begun: the
        // history that the epoch began with is then what it has, and everybody's. That the history here reaches back so far
        // is the proof that nothing of it is left out.
        let is_before_an_epoch = position.is_blank() && (history.base() <= position || mutant!(32));
        if is_before_an_epoch
            || (position <= end && (history.contains(position) || (mutant!(17) && history.base() <= position)))
        {
            return Plan { first: First::Diff(end), from: position };
        }
        if position > end {
            return Plan::cut(end);
        }
        let kept = history.last_before(position).filter(|kept| kept.epoch() == position.epoch());
        match kept {
            Some(kept) if features.has(Features::EXACT_TRUNC) => Plan::cut(kept),
            _ => Plan::SNAP,
        }
    }

    const SNAP: Plan = Plan { first: First::Snap, from: Zxid::NOTHING };

    /// The learner ends with `last`, if that names a transaction: no log can be searched for any other, and ZooKeeper's
    /// keeps the first one behind it.
    fn cut(last: Zxid) -> Plan {
        match last.is_blank() {
            true => Plan::SNAP,
            false => Plan { first: First::Trunc(last), from: last },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{First, Plan};
    use crate::settings::Features;
    use crate::{History, Zxid};

    const E1: i64 = 1 << 32;
    const E2: i64 = 2 << 32;
    const E3: i64 = 3 << 32;
    const SNAP: (First, i64) = (First::Snap, -1);

    fn diff(end: i64, from: i64) -> (First, i64) {
        (First::Diff(Zxid(end)), from)
    }

    fn trunc(last: i64) -> (First, i64) {
        (First::Trunc(Zxid(last)), last)
    }

    fn history(base: i64, zxids: &[i64]) -> History {
        let mut history = History::new(Zxid(base));
        zxids.iter().for_each(|zxid| history.push(Zxid(*zxid)));
        history
    }

    fn plan(position: i64, history: &History, end: i64) -> (First, i64) {
        let Plan { first, from } = Plan::for_learner(Zxid(position), Features::EXACT_TRUNC, history, Zxid(end), false);
        (first, from.0)
    }

    #[test]
    fn who_has_everything_up_to_its_position_is_sent_the_rest() {
        let history = history(E1 + 2, &[E1 + 3, E1 + 4, E3 + 1, E3 + 2, E3 + 3]);
        let end = E3 + 2;
        for position in [E1 + 2, E1 + 3, E1 + 4, E3 + 1, E3 + 2] {
            assert_eq!(plan(position, &history, end), diff(end, position), "{position:x}");
        }
    }

    #[test]
    fn who_has_no_history_is_brought_a_state() {
        assert_eq!(plan(-1, &history(0, &[E1 + 1]), E1 + 1), SNAP);
        assert_eq!(plan(-1, &history(0, &[]), 0), SNAP);
        let history = history(0, &[E1 + 1]);
        let forced = Plan::for_learner(Zxid(E1 + 1), Features::EXACT_TRUNC, &history, Zxid(E1 + 1), true);
        assert_eq!(forced.first, First::Snap);
    }

    #[test]
    fn who_has_more_than_the_end_is_cut_there() {
        let history = history(0, &[E1 + 1, E1 + 2, E1 + 3]);
        assert_eq!(plan(E1 + 4, &history, E1 + 3), trunc(E1 + 3));
        assert_eq!(plan(E2 + 7, &history, E1 + 3), trunc(E1 + 3));
        assert_eq!(plan(E1 + 3, &history, E1 + 2), trunc(E1 + 2), "what is proposed and not committed goes too");
        assert_eq!(plan(E1 + 3, &history, 0), SNAP, "no log holds the transaction 0");
    }

    /// ZOOKEEPER-1154 and 1156: the position lies within the range of the history, and is not in it.
    #[test]
    fn a_position_between_two_transactions_is_no_member() {
        let history = history(0, &[E1 + 1, E1 + 2, E3 + 1, E3 + 2]);
        for position in [E1 + 3, E1 + 9] {
            assert_eq!(plan(position, &history, E3 + 2), trunc(E1 + 2), "{position:x}");
        }
        for position in [E2 + 1, E2 + 2] {
            assert_eq!(plan(position, &history, E3 + 2), SNAP, "of an epoch of which nothing is left: {position:x}");
        }
    }

    /// The old leader comes back with proposals that nobody else has.
    #[test]
    fn an_old_leader_is_cut_exactly_where_its_histories_part() {
        let others = history(E1 + 5, &[E1 + 6, E2 + 1]);
        assert_eq!(plan(E1 + 8, &others, E2 + 1), trunc(E1 + 6));
        assert_eq!(plan(E1 + 8, &history(E1 + 6, &[E2 + 1]), E2 + 1), trunc(E1 + 6), "the base is a member");
        let plan = Plan::for_learner(Zxid(E1 + 8), Features::default(), &others, Zxid(E2 + 1), false);
        assert_eq!(plan.first, First::Snap, "a server of ZooKeeper's may have a snapshot of what must go");
    }

    /// ZOOKEEPER-4352: a new server is at 0, which is blank, and got a DIFF from a leader whose history begins later.
    #[test]
    fn a_new_server_gets_the_whole_history_or_a_state() {
        assert_eq!(plan(0, &history(0, &[1, 2, E1 + 1]), E1 + 1), diff(E1 + 1, 0));
        assert_eq!(plan(0, &history(1, &[2, E1 + 1]), E1 + 1), SNAP);
        assert_eq!(plan(0, &history(E1 + 1, &[]), E1 + 1), SNAP);
    }

    #[test]
    fn the_beginning_of_an_epoch_is_a_place_in_every_history_that_reaches_back_so_far() {
        let zxids = [E1 + 1, E1 + 2, E3 + 1];
        assert_eq!(plan(E2, &history(0, &zxids), E3 + 1), diff(E3 + 1, E2));
        assert_eq!(plan(E2, &history(E1 + 2, &zxids[2..]), E3 + 1), diff(E3 + 1, E2));
        assert_eq!(plan(E3, &history(E1 + 2, &[]), E1 + 2), diff(E1 + 2, E3), "nothing came after it");
        assert_eq!(plan(E1, &history(E1 + 2, &zxids[2..]), E3 + 1), SNAP);
    }

    #[test]
    fn who_ends_below_the_history_is_brought_a_state() {
        let history = history(E1 + 5, &[E1 + 6, E2 + 1]);
        for position in [i64::MIN, -2, 1, E1 + 1, E1 + 4] {
            assert_eq!(plan(position, &history, E2 + 1), SNAP, "{position:x}");
        }
    }
}
