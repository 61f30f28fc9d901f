//! What the replica does without being asked: it deletes containers and TTL znodes, and tells of exceeded quotas.

use std::time::Duration;

use paddock_engine::container::LOOKS_PER_TURN;
use paddock_engine::quota::ExceededQuota;

use super::Replica;
use super::gather::VERSION_TXNS;

/// Exceeded quotas are told in the log no more often than this.
const QUOTA_WARNINGS_APART: Duration = Duration::from_secs(1);

impl Replica {
    /// Whether every reactor has reported just now. After a pause none has: writes wait in the sockets.
    pub(super) fn is_up_to_date(&self) -> bool {
        let oldest = self.reported_at.iter().min().copied().unwrap_or(self.now);
        self.now.saturating_duration_since(oldest) <= self.report_age_max
    }

    /// Deletes containers and TTL znodes that were due at the oldest report, as many as the manager's pace allows; none
    /// that a write which had come by then renews or gives a child. Under an overload that may be long ago.
    pub(super) fn reap_containers(&mut self) {
        if !self.is_up_to_date() {
            return;
        }
        let (now, mut looks) = (self.millis(self.now), LOOKS_PER_TURN);
        let age = self.now.saturating_duration_since(self.oldest_report());
        let wall_ms = self.wall_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        while self.may_gather() {
            let Some(txn) = self.containers.next(&self.database, now, wall_ms, &mut looks) else { return };
            if self.draft.transactions() >= VERSION_TXNS {
                self.seal();
            }
            self.propose(0, 0, &txn);
        }
    }

    /// Says that a quota is exceeded: one of all in [`QUOTA_WARNINGS_APART`].
    pub(super) fn warn_of_quotas(&mut self) {
        if self.now < self.next_quota_warning {
            return;
        }
        if let Some(ExceededQuota { prefix, what, usage, limit, is_hard }) = self.database.take_exceeded_quota() {
            self.next_quota_warning = self.now + QUOTA_WARNINGS_APART;
            let outcome = if is_hard { "the write was refused" } else { "it is a soft limit" };
            tracing::warn!(path = prefix, what, usage, limit, "a quota is exceeded; {outcome}");
        }
    }
}
