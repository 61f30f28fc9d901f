//! Quorums: which servers are enough to decide.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::{ServerId, Zxid};

/// The number of a group of servers, as in `group.N`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GroupId(pub i64);

/// What a voter counts for in its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    pub group: GroupId,
    /// 0 or more; a voter of weight 0 never leads and never counts.
    pub weight: u32,
}

/// The voters of a configuration, and how they are counted. Nobody else is ever counted, whatever a caller says of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum QuorumSystem {
    /// More than half of the voters.
    Majority(BTreeSet<ServerId>),
    /// In more than half of the groups that have any weight, more than half of the group's weight.
    Hierarchical(BTreeMap<ServerId, Share>),
}

impl QuorumSystem {
    pub fn is_voter(&self, server: ServerId) -> bool {
        match self {
            QuorumSystem::Majority(voters) => voters.contains(&server),
            QuorumSystem::Hierarchical(shares) => shares.contains_key(&server),
        }
    }

    /// In ascending order.
    pub fn voters(&self) -> impl Iterator<Item = ServerId> {
        let (majority, shares) = match self {
            QuorumSystem::Majority(voters) => (Some(voters), None),
            QuorumSystem::Hierarchical(shares) => (None, Some(shares)),
        };
        let majority = majority.into_iter().flatten();
        majority.chain(shares.into_iter().flat_map(BTreeMap::keys)).copied()
    }

    /// What a voter weighs; 0 for any other server. One of weight 0 never leads.
    pub fn weight(&self, server: ServerId) -> u32 {
        match self {
            QuorumSystem::Majority(voters) => u32::from(voters.contains(&server)),
            QuorumSystem::Hierarchical(shares) => shares.get(&server).map_or(0, |share| share.weight),
        }
    }

    /// Whether the voters of which `counts` is true are a quorum.
    pub fn is_quorum(&self, counts: impl Fn(ServerId) -> bool) -> bool {
        match self {
            QuorumSystem::Majority(voters) => {
                let counted = voters.iter().filter(|voter| counts(**voter)).count();
                counted > voters.len() / 2
            }
            QuorumSystem::Hierarchical(shares) => is_quorum_of_groups(shares, counts),
        }
    }

    /// Whether the voters of which `counts` is true are a quorum, where an oracle may have said that one of two voters is enough
    /// while the other is gone: `granted`. With fewer voters or more its word is worth nothing.
    pub fn is_quorum_by(&self, granted: bool, counts: impl Fn(ServerId) -> bool) -> bool {
        let is_one_of_two = || self.voters().count() == 2 && self.voters().any(|v| self.weight(v) > 0 && counts(v));
        self.is_quorum(&counts) || granted && is_one_of_two()
    }

    /// The highest zxid that a quorum has reached, where each voter has reached what `reached` says; `None` if there is no
    /// quorum of voters that have reached any. Costs the square of the number of voters; a majority is
    /// counted without an allocation.
    pub fn reach(&self, reached: impl Fn(ServerId) -> Option<Zxid>) -> Option<Zxid> {
        self.reach_by(false, reached)
    }

    /// The same with the [word of an oracle](QuorumSystem::is_quorum_by).
    pub fn reach_by(&self, granted: bool, reached: impl Fn(ServerId) -> Option<Zxid>) -> Option<Zxid> {
        let candidates = self.voters().filter_map(&reached);
        candidates.filter(|&zxid| self.is_quorum_by(granted, |voter| reached(voter) >= Some(zxid))).max()
    }
}

fn is_quorum_of_groups(shares: &BTreeMap<ServerId, Share>, counts: impl Fn(ServerId) -> bool) -> bool {
    // For each group: its weight, and that of those who are counted.
    let mut groups: BTreeMap<GroupId, (u64, u64)> = BTreeMap::new();
    for (&voter, share) in shares {
        let (whole, counted) = groups.entry(share.group).or_default();
        *whole += u64::from(share.weight);
        *counted += if counts(voter) { u64::from(share.weight) } else { 0 };
    }
    let with_weight = groups.values().filter(|(whole, _)| *whole > 0).count();
    let won = groups.values().filter(|(whole, counted)| *counted > whole / 2).count();
    won > with_weight / 2
}
