//! The role of a server that stands alone: what is durable on its disk is committed, and every session and every write is
//! its own.

use paddock_consensus::Zxid;
use paddock_net::serving::Serve;

#[derive(Debug)]
pub struct Alone {
    committed: Zxid,
    is_stopping: bool,
}

impl Alone {
    /// Whatever was recovered, up to this transaction, is committed.
    pub fn new(recovered: Zxid) -> Alone {
        Alone { committed: recovered, is_stopping: false }
    }

    /// The log has everything up to this transaction on the disk.
    pub fn note_durable(&mut self, durable: Zxid) {
        self.committed = self.committed.max(durable);
    }

    /// Everything up to this transaction may be public.
    pub fn committed(&self) -> Zxid {
        self.committed
    }

    /// How clients are served: from the start on, by whatever was recovered.
    pub fn serving(&self) -> Serve {
        Serve::Yes
    }

    /// Nothing new is begun from here on.
    pub fn stop(&mut self) {
        self.is_stopping = true;
    }

    pub fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// Whether the reactors' requests are taken.
    pub fn gathers(&self) -> bool {
        !self.is_stopping
    }

    /// Whether sessions that are due are ended.
    pub fn expires_sessions(&self) -> bool {
        !self.is_stopping
    }

    /// Whether containers and TTL znodes that are due are deleted.
    pub fn reaps_containers(&self) -> bool {
        !self.is_stopping
    }

    /// Whether a server that stops has nothing to wait for: all that was taken `is_answered`, or `is_short` of something,
    /// space most likely, without which that cannot be.
    pub fn may_end(&self, is_answered: bool, is_short: bool) -> bool {
        self.is_stopping && (is_answered || is_short)
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;

    use super::Alone;

    #[test]
    fn what_is_durable_is_committed() {
        let mut alone = Alone::new(Zxid(7));
        assert_eq!(alone.committed(), Zxid(7), "what was recovered was durable before");
        alone.note_durable(Zxid(7));
        alone.note_durable(Zxid(9));
        assert_eq!(alone.committed(), Zxid(9));
    }

    #[test]
    fn whoever_stops_begins_nothing_and_ends_when_all_is_answered_or_cannot_be() {
        let mut alone = Alone::new(Zxid::ZERO);
        let duties = |alone: &Alone| [alone.gathers(), alone.expires_sessions(), alone.reaps_containers()];
        assert_eq!((duties(&alone), alone.may_end(true, false)), ([true; 3], false));
        alone.stop();
        assert_eq!(duties(&alone), [false; 3]);
        assert!(!alone.may_end(false, false) && alone.may_end(true, false) && alone.may_end(false, true));
    }
}
