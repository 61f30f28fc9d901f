//! The plan for a learner: how its history is made the leader's.

use crate::Zxid;

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
