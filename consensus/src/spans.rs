//! Spans: which quorums the proposals of a reign need.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::mem;

use crate::config::Config;
use crate::mutants::mutant;
use crate::{ServerId, Zxid};

/// The proposals of a reign that are not committed, and the rule by which they are.
///
/// A proposal needs a quorum of every configuration that is attached to it: of the one in force when it was made, of the one to
/// come as well if it is a reconfiguration, and of that alone behind it. Nothing behind a reconfiguration is committed before
/// that is. Proposals with the same configurations follow each other, and are kept as one span.
///
/// ZooKeeper asks for a quorum of both for what was proposed while a reconfiguration was pending, also when that is committed.
/// But then nobody can lead without the new quorum: one of the old quorum has the reconfiguration, and votes for nobody who has
/// not. And voters of the old configuration may observe by then, and acknowledge nothing any more, so that such a proposal would
/// stop everything behind it for as long as the leader lives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spans {
    committed: Zxid,
    /// In ascending order, none empty, and together everything after `committed`. With one reconfiguration pending they are at
    /// most three: what is before it, itself, and what is behind it.
    outstanding: VecDeque<Span>,
    /// What the next proposal needs.
    attached: Attached,
    /// The reconfiguration that is not committed.
    pending: Option<Zxid>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Span {
    first: Zxid,
    last: Zxid,
    attached: Attached,
}

/// The configurations in which a proposal needs a quorum.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Attached {
    config: Arc<Config>,
    /// What the reconfiguration makes of it, if it is one.
    next: Option<Arc<Config>>,
}

impl Attached {
    /// The highest zxid that a quorum of each has reached.
    fn reach(&self, granted: bool, reached: impl Fn(ServerId) -> Option<Zxid>) -> Option<Zxid> {
        let reach = self.config.quorum().reach_by(granted, &reached)?;
        match self.next.as_ref().filter(|_| !mutant!(35)) {
            Some(next) => Some(reach.min(next.quorum().reach_by(granted, &reached)?)),
            None => Some(reach),
        }
    }
}

impl Spans {
    /// Of a reign that has begun: everything up to `committed` is committed, and `config` is in force.
    pub fn begin(committed: Zxid, config: Arc<Config>) -> Spans {
        Spans { committed, outstanding: VecDeque::new(), attached: Attached { config, next: None }, pending: None }
    }

    /// Everything up to here is committed.
    pub fn committed(&self) -> Zxid {
        self.committed
    }

    /// The newest proposal, or what is committed.
    pub fn proposed(&self) -> Zxid {
        self.outstanding.back().map_or(self.committed, |span| span.last)
    }

    /// The reconfiguration that is proposed and not committed.
    pub fn pending(&self) -> Option<Zxid> {
        self.pending
    }

    /// `change` is the configuration that this proposal brings, if it is a reconfiguration.
    ///
    /// # Panics
    /// If it does not follow, or if it is a second reconfiguration while one is pending.
    pub fn propose(&mut self, zxid: Zxid, change: Option<Arc<Config>>) {
        assert!(zxid > self.proposed(), "proposal {zxid} cannot follow {}", self.proposed());
        if let Some(config) = change {
            assert_eq!(self.pending, None, "one reconfiguration after the other");
            self.pending = Some(zxid);
            let behind = Attached { config: config.clone(), next: None };
            let before = mem::replace(&mut self.attached, behind);
            let attached = Attached { next: Some(config), ..before };
            self.outstanding.push_back(Span { first: zxid, last: zxid, attached });
            return;
        }
        match self.outstanding.back_mut() {
            Some(span) if Some(span.last) != self.pending => span.last = zxid,
            _ => self.outstanding.push_back(Span { first: zxid, last: zxid, attached: self.attached.clone() }),
        }
    }

    /// Up to where everything may be committed, when each voter has reached what `reached` says; what is committed already if
    /// there is no more. Never beyond a reconfiguration that is pending: what comes behind it may be another leader's to
    /// commit, so that the reconfiguration is committed first.
    pub fn committable(&self, reached: impl Fn(ServerId) -> Option<Zxid>) -> Zxid {
        self.committable_by(false, reached)
    }

    /// The same with the [word of an oracle](crate::quorum::QuorumSystem::is_quorum_by).
    pub fn committable_by(&self, granted: bool, reached: impl Fn(ServerId) -> Option<Zxid>) -> Zxid {
        let mut committable = self.committed;
        for span in &self.outstanding {
            let reach = span.attached.reach(granted, &reached).unwrap_or(committable);
            if reach < span.first {
                break;
            }
            committable = reach.min(span.last);
            if committable < span.last {
                break;
            }
        }
        committable.min(self.pending.unwrap_or(committable))
    }

    /// Everything up to `zxid` is committed: the configuration that is in force from here on, if that is new.
    ///
    /// # Panics
    /// If it is no proposal, or if a reconfiguration before it is pending.
    pub fn commit(&mut self, zxid: Zxid) -> Option<Arc<Config>> {
        assert!(self.committed <= zxid && zxid <= self.proposed(), "{zxid} is no proposal that could be committed");
        assert!(self.pending.is_none_or(|pending| zxid <= pending), "a reconfiguration before {zxid} is pending");
        self.committed = zxid;
        while self.outstanding.pop_front_if(|span| span.last <= zxid).is_some() {}
        if let Some(span) = self.outstanding.front_mut()
            && span.first <= zxid
        {
            span.first = Zxid(zxid.0 + 1);
        }
        if self.pending != Some(zxid) {
            return None;
        }
        self.pending = None;
        Some(self.attached.config.clone())
    }
}
