//! What the replica counts.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::counter::Counter;
use crate::distribution::{Distribution, Latency};
use crate::namespaces::Namespaces;
use crate::serving::Serve;
use crate::stages::ReplicaStages;

/// The figures of the replica, which is the only one to write them.
#[derive(Debug, Default)]
pub struct ReplicaStatus {
    /// The newest transaction that is announced.
    pub zxid: AtomicI64,
    pub znodes: Counter,
    pub ephemerals: Counter,
    pub data_bytes: Counter,
    /// Global ones.
    pub sessions: Counter,
    pub local_sessions: Counter,
    pub transactions: Counter,
    pub groups: Counter,
    pub log_bytes: Counter,
    /// 1 while writes wait because the log's disk is full, or because something else is missing that the log needs.
    pub log_waits: Counter,
    pub sync_micros_sum: Counter,
    pub sync_micros_max: Counter,
    pub sync_micros_last: Counter,
    /// Groups of the log that took longer than `fsync.warningthresholdms`.
    pub slow_syncs: Counter,
    /// The number of the segment that is written to.
    pub log_segment: Counter,
    pub snapshots: Counter,
    pub snapshot_millis: Counter,
    /// 1 while one is being written.
    pub snapshotting: Counter,
    /// Since the start.
    pub sessions_expired: Counter,
    /// What had expired when what counts events began anew last.
    sessions_expired_before: Counter,
    pub garbage_bytes: Counter,
    pub requests: RequestStatus,
    pub log: GroupStatus,
    /// How long the stages of writes took.
    pub stages: ReplicaStages,
    /// How long each turn took.
    pub turns: Latency,
    /// When the replica's thread last told that it goes on, ms of the monotonic clock; 0 before its first turn and after its last.
    pub alive: Counter,
    /// From when a transaction was ordered, here or by a leader, to when it was public here, ms: of the last one of those that
    /// became public together.
    pub propagation: Distribution,
    /// How many versions waited to become public, at each look.
    pub versions_waiting: Distribution,
    /// What writes have written, by namespace, bytes.
    pub written_by_namespace: Namespaces,
    /// Writes that a quota refused, by namespace.
    pub refused_by_namespace: Namespaces,
    /// ms.
    pub snapshot_time: Distribution,
    pub recovery: RecoveryStatus,
    /// Transactions after which the state was not that of the one who ordered them.
    pub digest_mismatches: Counter,
    quotas: Mutex<Vec<NamespaceQuota>>,
    /// How clients are served from the newest period on, as a number.
    serving: AtomicU8,
}

/// What clients have asked of the replica.
#[derive(Debug, Default)]
pub struct RequestStatus {
    /// Those that were ordered here.
    pub ordered: Counter,
    /// From when a reactor decoded one to when it was taken.
    pub waited: Latency,
    /// How many came together, at each submission of a reactor.
    pub together: Distribution,
    /// How often no more were taken because as many were under way as may be.
    pub stalls: Counter,
    /// Those that were thrown away because nobody waited for their answers.
    pub stale: Counter,
    /// Those that were refused because they had waited too long.
    pub refused: Counter,
    /// Transactions that were ordered here, and those of them that are public.
    pub changes: Counter,
    pub changes_public: Counter,
}

/// How transactions went to the log.
#[derive(Debug, Default)]
pub struct GroupStatus {
    pub appended: Counter,
    /// How many transactions waited, at each look at a group that is not empty.
    pub waiting: Distribution,
    /// How many were written together.
    pub together: Distribution,
    /// From when the first of a group was appended to when it was submitted.
    pub filling: Latency,
    /// From there to when its completion was seen.
    pub flushing: Latency,
    /// The same, of those that a sync of the disk was part of.
    pub syncing: Latency,
    /// From the first append to the completion, ms.
    pub whole: Distribution,
}

/// How the state was had from the files.
#[derive(Debug, Default)]
pub struct RecoveryStatus {
    /// ms.
    pub whole: Distribution,
    pub snapshot: Distribution,
    pub log: Distribution,
    pub transactions: Distribution,
}

/// How long it took to have the state from the files.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RecoveryTimes {
    /// To load the snapshot.
    pub snapshot: Duration,
    /// To replay the log.
    pub log: Duration,
    /// So many transactions were replayed.
    pub transactions: u64,
}

/// The quotas of one namespace, added up. Where no limit is said it counts as -1, as in ZooKeeper.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamespaceQuota {
    pub namespace: String,
    pub count_limit: i64,
    pub bytes_limit: i64,
    pub count_usage: i64,
    pub bytes_usage: i64,
}

impl ReplicaStatus {
    /// What counts events begins anew. For the one who writes them.
    pub fn reset(&self) {
        let ReplicaStatus { requests, log, recovery, .. } = self;
        for counter in [
            &requests.ordered,
            &requests.stalls,
            &requests.stale,
            &requests.refused,
            &requests.changes,
            &requests.changes_public,
            &log.appended,
            &self.digest_mismatches,
        ] {
            counter.set(0);
        }
        for distribution in [
            &requests.together,
            &log.waiting,
            &log.together,
            &log.whole,
            &self.propagation,
            &self.versions_waiting,
            &self.snapshot_time,
            &recovery.whole,
            &recovery.snapshot,
            &recovery.log,
            &recovery.transactions,
        ] {
            distribution.reset();
        }
        for latency in [&requests.waited, &log.filling, &log.flushing, &log.syncing, &self.turns] {
            latency.reset();
        }
        self.stages.reset();
        self.written_by_namespace.reset();
        self.refused_by_namespace.reset();
        self.sessions_expired_before.set(self.sessions_expired.get());
    }

    /// Sessions that have expired since what counts events began.
    pub fn sessions_expired_since_reset(&self) -> u64 {
        self.sessions_expired.get().saturating_sub(self.sessions_expired_before.get())
    }

    /// How clients are served, as the replica has decided last. Reactors hear of it a moment later.
    pub fn serving(&self) -> Serve {
        let number = self.serving.load(Ordering::Relaxed);
        [Serve::ReadOnly, Serve::Yes].into_iter().find(|serve| *serve as u8 == number).unwrap_or(Serve::No)
    }

    pub fn set_serving(&self, serve: Serve) {
        self.serving.store(serve as u8, Ordering::Relaxed);
    }

    /// The quotas by namespace, as they were a moment ago.
    pub fn quotas(&self) -> Vec<NamespaceQuota> {
        self.lock_quotas().clone()
    }

    pub fn set_quotas(&self, quotas: Vec<NamespaceQuota>) {
        *self.lock_quotas() = quotas;
    }

    /// It is taken by whoever asks for figures, and by the replica about once in a second while there are quotas.
    fn lock_quotas(&self) -> MutexGuard<'_, Vec<NamespaceQuota>> {
        self.quotas.lock().expect("no holder of this lock panics")
    }
}

impl RecoveryStatus {
    pub fn note(&self, times: RecoveryTimes) {
        self.snapshot.note_millis(times.snapshot);
        self.log.note_millis(times.log);
        self.transactions.note(times.transactions);
        self.whole.note_millis(times.snapshot + times.log);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{RecoveryTimes, ReplicaStatus};
    use crate::serving::Serve;

    #[test]
    fn how_clients_are_served_is_told_as_it_was_set() {
        let status = ReplicaStatus::default();
        assert_eq!(status.serving(), Serve::No, "nobody before the first period");
        for serve in [Serve::Yes, Serve::ReadOnly, Serve::No] {
            status.set_serving(serve);
            assert_eq!(status.serving(), serve);
        }
    }

    #[test]
    fn what_counts_events_begins_anew_and_what_is_there_stays() {
        let status = ReplicaStatus::default();
        status.znodes.set(5);
        status.sessions_expired.set(3);
        status.requests.ordered.add(2);
        status.recovery.note(RecoveryTimes {
            snapshot: Duration::from_millis(4),
            log: Duration::from_millis(3),
            transactions: 9,
        });
        assert_eq!((status.recovery.whole.totals().sum, status.recovery.transactions.totals().sum), (7, 9));
        status.reset();
        assert_eq!((status.znodes.get(), status.requests.ordered.get()), (5, 0));
        assert_eq!(status.recovery.whole.totals().count, 0);
        // They are counted from the start for others, who set them.
        status.sessions_expired.set(4);
        assert_eq!((status.sessions_expired.get(), status.sessions_expired_since_reset()), (4, 1));
    }
}
