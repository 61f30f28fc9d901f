//! What was ever committed, and what must be true after every step.

use std::collections::BTreeMap;

use paddock_consensus::{Epoch, ServerId, Zxid};

/// Outside of the world: it knows what no server can.
#[derive(Default)]
pub struct Ghost {
    /// The digest that the tree has after each transaction that some server has made public.
    digests: BTreeMap<Zxid, (u64, ServerId)>,
    /// Who has led each epoch.
    leaders: BTreeMap<Epoch, ServerId>,
}

impl Ghost {
    /// A server shows its clients the state after this transaction.
    pub fn see_public(&mut self, server: ServerId, zxid: Zxid, digest: u64) {
        let (known, by) = *self.digests.entry(zxid).or_insert((digest, server));
        assert_eq!(known, digest, "after {zxid} server {} shows another state than server {} did", server.0, by.0);
    }

    /// A server serves as the leader of an epoch.
    pub fn see_leader(&mut self, server: ServerId, epoch: Epoch) {
        let leader = *self.leaders.entry(epoch).or_insert(server);
        assert_eq!(leader, server, "epoch {} has two leaders", epoch.0);
    }

    /// The newest transaction that was ever public.
    pub fn newest(&self) -> Zxid {
        self.digests.last_key_value().map_or(Zxid::ZERO, |(zxid, _)| *zxid)
    }

    pub fn digest(&self, zxid: Zxid) -> Option<u64> {
        self.digests.get(&zxid).map(|(digest, _)| *digest)
    }

    /// How many epochs had a leader.
    pub fn epochs(&self) -> usize {
        self.leaders.len()
    }
}
