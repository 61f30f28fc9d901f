//! Votes: whom a server wants to lead.

use core::cmp::Ordering;

use crate::mutants::mutant;
use crate::{ServerId, Zxid};

/// A candidate, by what it has. Votes have one total order: by epoch, then zxid, then server id, all with their signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vote {
    pub leader: ServerId,
    /// The end of the candidate's durable history.
    pub zxid: Zxid,
    /// The candidate's currentEpoch. It has 64 bits on the wire, and a server that does not vote sends the least.
    pub peer_epoch: i64,
}

impl Vote {
    /// The vote of a server that is never elected: the least of all.
    pub const LEAST: Vote = Vote { leader: ServerId(i64::MIN), zxid: Zxid(i64::MIN), peer_epoch: i64::MIN };
}

impl Ord for Vote {
    fn cmp(&self, other: &Vote) -> Ordering {
        if mutant!(24) {
            return (self.zxid, self.leader).cmp(&(other.zxid, other.leader));
        }
        let key = |vote: &Vote| (vote.peer_epoch, vote.zxid, vote.leader);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Vote {
    fn partial_cmp(&self, other: &Vote) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
