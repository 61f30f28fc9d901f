//! Spans: which quorums the proposals of a reign need.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use crate::config::Config;
use crate::{ServerId, Zxid};

/// The proposals of a reign that are not committed, and the rule by which they are.
///
/// A proposal needs a quorum of every configuration that was attached to it when it was made: of the one in force and, from a
/// reconfiguration on until that is committed, of the one to come as well. Proposals with the same configurations follow
/// each other, and are kept as one span.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spans {
    committed: Zxid,
    /// In ascending order, none empty, and together everything after `committed`. With one reconfiguration pending they are at
    /// most three: with both configurations of the one before, with that one's alone, and with both of this one.
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
    /// What a reconfiguration that was pending makes of it.
    next: Option<Arc<Config>>,
}

impl Attached {
    /// The highest zxid that a quorum of each has reached.
    fn reach(&self, reached: impl Fn(ServerId) -> Option<Zxid>) -> Option<Zxid> {
        let reach = self.config.quorum().reach(&reached)?;
        match &self.next {
            Some(next) => Some(reach.min(next.quorum().reach(&reached)?)),
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
        let is_change = change.is_some();
        if is_change {
            assert_eq!(self.pending, None, "one reconfiguration after the other");
            self.pending = Some(zxid);
            self.attached.next = change;
        }
        match self.outstanding.back_mut() {
            // What was proposed before a change, or before its commit, keeps what it had.
            Some(span) if !is_change && span.attached == self.attached => span.last = zxid,
            _ => self.outstanding.push_back(Span { first: zxid, last: zxid, attached: self.attached.clone() }),
        }
    }

    /// Up to where everything may be committed, when each voter has reached what `reached` says; what is committed already if
    /// there is no more. Never beyond a reconfiguration that is pending: what comes after it may be another leader's to
    /// commit, so that the reconfiguration is committed first.
    pub fn committable(&self, reached: impl Fn(ServerId) -> Option<Zxid>) -> Zxid {
        let mut committable = self.committed;
        for span in &self.outstanding {
            let reach = span.attached.reach(&reached).unwrap_or(committable);
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
        self.attached.config = self.attached.next.take().expect("a reconfiguration brings a configuration");
        Some(self.attached.config.clone())
    }
}
