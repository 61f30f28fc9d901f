//! What a metric is, and how its value is read.

use crate::distribution::Values;
use crate::server_state::ServerState;
use crate::status::Status;

/// A metric of which there is one.
pub struct Metric {
    /// As ZooKeeper has it, without `zk_`.
    pub name: &'static str,
    /// Of what it is a number.
    pub unit: &'static str,
    /// What is counted here, or why nothing ever is.
    pub what: &'static str,
    pub read: Read,
}

/// How a value is read.
#[derive(Clone, Copy)]
pub enum Read {
    Whole(fn(&Status) -> i64),
    Decimal(fn(&Status) -> f64),
    Values(fn(&Status) -> Values),
    /// This server has nothing of the kind: it is 0, as that of a ZooKeeper where it never happens.
    Nothing,
}

/// A gauge, and on which servers it is.
pub struct Gauge {
    pub metric: Metric,
    pub on: On,
}

/// Which servers have a gauge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum On {
    All,
    /// Members of an ensemble, but for those that serve readers only.
    Members,
    Leader,
    /// The leader; a follower has it for Prometheus alone, and there it is 0.
    LeaderAndFollower,
}

impl On {
    /// Whether `mntr` of such a server tells it.
    pub fn has(self, state: ServerState) -> bool {
        match self {
            On::All => true,
            On::Members => state.peer_state().is_some(),
            On::Leader | On::LeaderAndFollower => state == ServerState::Leader,
        }
    }

    /// Whether Prometheus is told of it by such a server.
    pub fn is_exposed(self, state: ServerState) -> bool {
        self.has(state) || self == On::LeaderAndFollower && state == ServerState::Follower
    }
}

impl Metric {
    pub(super) const fn whole(
        name: &'static str,
        unit: &'static str,
        what: &'static str,
        read: fn(&Status) -> i64,
    ) -> Metric {
        Metric { name, unit, what, read: Read::Whole(read) }
    }

    pub(super) const fn decimal(
        name: &'static str,
        unit: &'static str,
        what: &'static str,
        read: fn(&Status) -> f64,
    ) -> Metric {
        Metric { name, unit, what, read: Read::Decimal(read) }
    }

    pub(super) const fn values(
        name: &'static str,
        unit: &'static str,
        what: &'static str,
        read: fn(&Status) -> Values,
    ) -> Metric {
        Metric { name, unit, what, read: Read::Values(read) }
    }

    /// One that nothing here moves.
    pub(super) const fn none(name: &'static str, unit: &'static str, why: &'static str) -> Metric {
        Metric { name, unit, what: why, read: Read::Nothing }
    }

    /// Whether anything here moves it.
    pub fn is_counted(&self) -> bool {
        !matches!(self.read, Read::Nothing)
    }

    /// What a gauge or a counter is at this moment.
    ///
    /// # Panics
    /// If it is a summary.
    pub fn number(&self, status: &Status) -> Number {
        match self.read {
            Read::Whole(read) => Number::Whole(read(status)),
            Read::Decimal(read) => Number::Decimal(read(status)),
            Read::Nothing => Number::Whole(0),
            Read::Values(_) => panic!("{} is a summary", self.name),
        }
    }

    /// What a summary has at this moment.
    ///
    /// # Panics
    /// If it is a gauge or a counter.
    pub fn summary(&self, status: &Status) -> Values {
        match self.read {
            Read::Values(read) => read(status),
            Read::Nothing => Values::default(),
            Read::Whole(_) | Read::Decimal(_) => panic!("{} is no summary", self.name),
        }
    }
}

/// The value of a gauge or a counter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    Whole(i64),
    Decimal(f64),
}
