//! The role of a member of an ensemble, as the core has decided it: what is committed, whether clients are served, and what
//! this server does for all.

use paddock_consensus::Zxid;
use paddock_consensus::output::Part;
use paddock_net::serving::Serve;

#[derive(Debug)]
pub struct Membership {
    part: Part,
    serve: Serve,
    committed: Zxid,
    is_stopping: bool,
}

impl Membership {
    /// It looks for a leader, and nothing of what was recovered is known to be committed.
    pub fn looking() -> Membership {
        Membership { part: Part::Looking, serve: Serve::No, committed: Zxid::ZERO, is_stopping: false }
    }

    /// The core has decided.
    pub fn become_part(&mut self, part: Part, serve: Serve) {
        (self.part, self.serve) = (part, serve);
    }

    pub fn part(&self) -> Part {
        self.part
    }

    pub fn serving(&self) -> Serve {
        self.serve
    }

    /// Everything up to this transaction may be public once clients are served.
    pub fn committed(&self) -> Zxid {
        self.committed
    }

    /// Everything up to this transaction is committed; or, as long as a learner is synchronised, belongs to its leader's
    /// history.
    pub fn commit(&mut self, zxid: Zxid) {
        self.committed = self.committed.max(zxid);
    }

    /// The history ends here now: what was said of later transactions by a leader whose reign never began does not hold.
    pub fn cut_after(&mut self, last: Zxid) {
        self.committed = self.committed.min(last);
    }

    /// Nothing new is begun from here on.
    pub fn stop(&mut self) {
        self.is_stopping = true;
    }

    pub fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    pub fn is_leading(&self) -> bool {
        matches!(self.part, Part::Leading { .. })
    }

    /// Whether it goes on with its state: a learner that is being synchronised only takes in what its leader has.
    pub fn goes_on(&self) -> bool {
        self.serve == Serve::Yes || self.is_leading()
    }

    /// A whole state that stands at `zxid` is in the place of the history.
    pub fn replace(&mut self, zxid: Zxid) {
        self.committed = zxid;
    }

    /// Whether the reactors' requests are taken.
    pub fn gathers(&self) -> bool {
        self.serve != Serve::No && !self.is_stopping
    }

    /// Whether sessions that are due are ended: all of them by a leader, its own local ones by a learner.
    pub fn expires_sessions(&self) -> bool {
        (self.goes_on() || self.serve == Serve::ReadOnly) && !self.is_stopping
    }

    /// Whether containers and TTL znodes that are due are deleted.
    pub fn reaps_containers(&self) -> bool {
        self.is_leading() && !self.is_stopping
    }
}
