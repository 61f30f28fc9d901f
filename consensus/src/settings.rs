//! What an operator sets of the protocol.

use core::ops::BitOr;

/// Milliseconds of a monotonic clock, since the process began; or a number of them.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ms(pub u64);

impl Ms {
    /// So much later; the end of time at most.
    #[must_use]
    pub fn after(self, wait: Ms) -> Ms {
        Ms(self.0.saturating_add(wait.0))
    }

    /// How long ago `earlier` was; 0 if it is still to come.
    #[must_use]
    pub fn since(self, earlier: Ms) -> Ms {
        Ms(self.0.saturating_sub(earlier.0))
    }
}

/// What a Paddock does beyond ZooKeeper's protocol: bits that two Paddocks tell each other. With whoever tells none everything goes
/// as ZooKeeper has it, and that is always safe. A leader takes whoever tells any for a Paddock, and a rule of safety rests on
/// that: which quorums commit what was proposed while a change of the ensemble was pending (`Attached::also` in `spans`).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Features(pub u32);

impl Features {
    /// The operations of ClickHouse Keeper's clients.
    pub const KEEPER: Features = Features(1);
    /// A learner that serves takes part in a new epoch of its leader on the link that it has: [`Settings::renew_from`].
    pub const RENEWAL: Features = Features(1 << 1);
    /// A learner that is told TRUNC to a transaction of an earlier epoch than its last cuts exactly there, whatever its
    /// snapshots hold.
    pub const EXACT_TRUNC: Features = Features(1 << 3);
    /// Many transactions cost one packet: an ACK stands for every proposal before it, as in any leader's count, and a COMMIT for
    /// every proposal up to it that is not committed. ZooKeeper wants one of each for each.
    pub const GROUPED: Features = Features(1 << 4);

    /// Whether all bits of `wanted` are here.
    pub fn has(self, wanted: Features) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

impl BitOr for Features {
    type Output = Features;

    fn bitor(self, other: Features) -> Features {
        Features(self.0 | other.0)
    }
}

/// From this counter on a leader begins a new epoch, where all that follow it can do that without an election. What is left
/// of the epoch is enough for the time in which they cannot.
pub const RENEW_FROM: u32 = 0xffff_f000;

#[derive(Clone, Debug)]
pub struct Settings {
    /// tickTime.
    pub tick: Ms,
    /// initLimit, in ticks.
    pub init_limit: u32,
    /// syncLimit, in ticks.
    pub sync_limit: u32,
    /// connectToLearnerMasterLimit, in ticks; 0 is initLimit.
    pub connect_limit: u32,
    /// Between two notifications of a server that hears nothing: at first, and at most. It is never longer than syncLimit.
    pub notification_interval_min: Ms,
    pub notification_interval_max: Ms,
    /// leader.maxTimeToWaitForEpoch; `None` is a tick.
    pub epoch_wait_max: Option<Ms>,
    /// reconfigEnabled.
    pub reconfig_enabled: bool,
    /// leaderServes: whether a leader takes clients.
    pub leader_serves: bool,
    /// forceSnapshotSync: every learner is brought a full copy.
    pub force_snapshot: bool,
    /// observer.election.DelayMs: an observer that lost its master waits a random time up to this before it looks again.
    pub observer_election_delay_max: Ms,
    /// readonlymode.enabled: a server that has looked for a leader in vain for a while serves reads.
    pub read_only_mode: bool,
    /// oraclePath: of two voters, one may go on while the other is gone if an oracle says so.
    pub has_oracle: bool,
    /// observerMasterPort: a follower serves observers, and an observer asks the voters for that, not the leader.
    pub has_observer_masters: bool,
    /// observer.reconnectDelayMs: an observer waits a random time up to this before it asks the leader, or all observer masters
    /// once more.
    pub observer_reconnect_delay_max: Ms,
    pub features: Features,
    /// A leader whose counter has come so far begins a new epoch on the links that it has, if everybody at them has
    /// [`Features::RENEWAL`]: [`RENEW_FROM`].
    pub renew_from: u32,
    /// Draws the random waits.
    pub seed: u64,
}

impl Settings {
    /// How long discovery and synchronisation may take.
    pub fn init_wait(&self) -> Ms {
        self.ticks(self.init_limit)
    }

    /// How long a leader waits for a quorum that has left it, or so it seems: who looks again may find this same leader.
    pub fn abandon_wait(&self) -> Ms {
        self.epoch_wait_max.unwrap_or(self.tick)
    }

    /// How long a peer may be silent once it is synchronised.
    pub fn sync_wait(&self) -> Ms {
        self.ticks(self.sync_limit)
    }

    /// How long a learner tries to connect to its leader.
    pub fn connect_wait(&self) -> Ms {
        self.ticks(if self.connect_limit == 0 { self.init_limit } else { self.connect_limit })
    }

    fn ticks(&self, count: u32) -> Ms {
        Ms(self.tick.0.saturating_mul(u64::from(count)))
    }
}
