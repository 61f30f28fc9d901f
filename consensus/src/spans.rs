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
/// come as well if it is a reconfiguration; and of both behind one that is not committed. Nothing behind a reconfiguration is
/// committed before that is. Proposals with the same configurations follow each other, and are kept as one span.
///
/// What was proposed while a reconfiguration was pending keeps both also when that is committed, as in ZooKeeper. A server of
/// ZooKeeper that has not heard of the commit may come to lead with the old quorum: it compares its history with nobody's who
/// joins it late, and cuts off what it does not have. A Paddock cannot, since it needs the new quorum as soon as it has seen the
/// reconfiguration, which one of each old quorum has. So where every voter of both is known to be a Paddock, the new quorum alone
/// is enough where the old one could never come: voters of the old configuration may observe by then, and acknowledge nothing
/// any more, and where the old quorum counts such a proposal stops everything behind it, and its leader has to give up. Where it can
/// come it counts among Paddocks too: of those who may lead before they know that the change is committed, one then has
/// all that was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spans {
    committed: Zxid,
    /// In ascending order, none empty, and together everything after `committed`. They are at most four: what was proposed while
    /// the last reconfiguration was pending, what was after that, and, with another one pending, itself and what is behind it.
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
    also: Also,
}

/// A second one.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Also {
    None,
    /// What the reconfiguration makes of it, if it is one.
    Next(Arc<Config>),
    /// The one before the reconfiguration that was pending, unless those who voted there and do not observe now are no quorum of it,
    /// and all who vote in either are Paddocks.
    Former(Arc<Config>),
}

impl Attached {
    fn also(&self, is_paddock: impl Fn(ServerId) -> bool) -> Option<&Arc<Config>> {
        match &self.also {
            Also::None => None,
            Also::Next(_) if mutant!(35) => None,
            Also::Next(next) => Some(next),
            Also::Former(former) if self.config.leaves_quorum(former) => Some(former),
            Also::Former(former) => {
                let mut voters = self.config.quorum().voters().chain(former.quorum().voters());
                (!voters.all(is_paddock)).then_some(former)
            }
        }
    }

    /// The highest zxid that a quorum of each has reached.
    fn reach(
        &self,
        granted: bool,
        reached: impl Fn(ServerId) -> Option<Zxid>,
        is_paddock: impl Fn(ServerId) -> bool,
    ) -> Option<Zxid> {
        let also = self.also(is_paddock);
        // An oracle says nothing while two apply.
        let reach = self.config.quorum().reach_by(granted && also.is_none(), &reached)?;
        match also {
            Some(also) => Some(reach.min(also.quorum().reach(&reached)?)),
            None => Some(reach),
        }
    }

    /// Whether those of which `counts` is true are a quorum of each.
    fn is_quorum(&self, counts: impl Fn(ServerId) -> bool, is_paddock: impl Fn(ServerId) -> bool) -> bool {
        let also = self.also(is_paddock);
        [Some(&self.config), also].into_iter().flatten().all(|config| config.quorum().is_quorum(&counts))
    }
}

impl Spans {
    /// Of a reign that has begun: everything up to `committed` is committed, and `config` is in force.
    pub fn begin(committed: Zxid, config: Arc<Config>) -> Spans {
        Spans {
            committed,
            outstanding: VecDeque::new(),
            attached: Attached { config, also: Also::None },
            pending: None,
        }
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
            let former = self.attached.config.clone();
            let behind = Attached { config: config.clone(), also: Also::Former(former) };
            let before = mem::replace(&mut self.attached, behind);
            let attached = Attached { also: Also::Next(config), ..before };
            self.outstanding.push_back(Span { first: zxid, last: zxid, attached });
            return;
        }
        match self.outstanding.back_mut() {
            Some(span) if span.attached == self.attached => span.last = zxid,
            _ => self.outstanding.push_back(Span { first: zxid, last: zxid, attached: self.attached.clone() }),
        }
    }

    /// Up to where everything may be committed, when each voter has reached what `reached` says; what is committed already if
    /// there is no more. `is_paddock` is whether a voter is known to be one. Never beyond a reconfiguration that is pending: what
    /// comes behind it may be another leader's to commit, so that the reconfiguration is committed first.
    pub fn committable(
        &self,
        reached: impl Fn(ServerId) -> Option<Zxid>,
        is_paddock: impl Fn(ServerId) -> bool,
    ) -> Zxid {
        self.committable_by(false, reached, is_paddock)
    }

    /// The same with the [word of an oracle](crate::quorum::QuorumSystem::is_quorum_by).
    pub fn committable_by(
        &self,
        granted: bool,
        reached: impl Fn(ServerId) -> Option<Zxid>,
        is_paddock: impl Fn(ServerId) -> bool,
    ) -> Zxid {
        let mut committable = self.committed;
        for span in &self.outstanding {
            let reach = span.attached.reach(granted, &reached, &is_paddock).unwrap_or(committable);
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
        self.attached.also = Also::None;
        Some(self.attached.config.clone())
    }

    /// Whether the voters of which `counts` is true are enough to commit everything that is proposed.
    pub fn are_enough(&self, counts: impl Fn(ServerId) -> bool, is_paddock: impl Fn(ServerId) -> bool) -> bool {
        self.outstanding.iter().all(|span| span.attached.is_quorum(&counts, &is_paddock))
    }
}
