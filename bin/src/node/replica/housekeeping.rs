//! What the replica does without being asked: it deletes containers and TTL znodes, and tells of exceeded quotas.

use std::time::{Duration, Instant};

use paddock_engine::container::{ContainerManager, ContainerSettings, LOOKS_PER_TURN};
use paddock_engine::quota::ExceededQuota;

use super::head::Head;
use super::reports::{REPORT_WAIT, Reports};
use crate::node::moment::{Moment, Start};

/// Exceeded quotas are told in the log no more often than this.
const QUOTA_WARNINGS_APART: Duration = Duration::from_secs(1);

pub struct Housekeeping {
    settings: ContainerSettings,
    /// When containers are due, in milliseconds since `start`.
    containers: ContainerManager,
    start: Start,
    next_quota_warning: Instant,
}

impl Housekeeping {
    pub fn new(containers: ContainerSettings, now: Instant) -> Housekeeping {
        Housekeeping {
            settings: containers,
            containers: ContainerManager::new(containers, 0),
            start: Start(now),
            next_quota_warning: now,
        }
    }

    /// Another state has taken the place of the one before.
    pub fn begin_anew(&mut self, now: Instant) {
        *self = Housekeeping::new(self.settings, now);
    }

    /// Deletes containers and TTL znodes that were due at the oldest report, as many as the manager's pace allows; none
    /// that a write which had come by then renews or gives a child. Under an overload that may be long ago.
    pub fn reap(&mut self, head: &mut Head, reports: &Reports, at: Moment) {
        let (now, mut looks) = (self.start.millis(at.now), LOOKS_PER_TURN);
        if now < self.containers.next_due() || !reports.are_fresh(at.now) {
            return;
        }
        let age = at.now.saturating_duration_since(reports.heard_until());
        let wall_ms = at.wall_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        while head.has_room() {
            let (tree, index) = (head.database().tree(), head.database().containers());
            let Some(txn) = self.containers.next(tree, index, now, wall_ms, &mut looks) else { return };
            head.seal_if_full();
            head.propose(0, 0, &txn, at.wall_ms);
        }
    }

    /// Says that a quota is exceeded: one of all in [`QUOTA_WARNINGS_APART`].
    pub fn warn_of_quotas(&mut self, head: &mut Head, now: Instant) {
        if now < self.next_quota_warning {
            return;
        }
        if let Some(ExceededQuota { prefix, what, usage, limit, is_hard }) = head.take_exceeded_quota() {
            self.next_quota_warning = now + QUOTA_WARNINGS_APART;
            let outcome = if is_hard { "the write was refused" } else { "it is a soft limit" };
            tracing::warn!(path = prefix, what, usage, limit, "a quota is exceeded; {outcome}");
        }
    }

    /// How long no container is due.
    pub fn until_due(&self, reports: &Reports, now: Instant) -> Duration {
        let until = self.start.until(self.containers.next_due(), now);
        if until.is_zero() && !reports.are_fresh(now) { REPORT_WAIT } else { until }
    }
}
