//! What this server tells beyond ZooKeeper's metrics, under a prefix of its own. Times are in microseconds.

use super::catalogue::counted;
use super::metric::Metric;
use crate::distribution::{Distribution, Values};
use crate::reactor_status::ReactorStatus;
use crate::stages::WriteStage;
use crate::status::Status;

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn reactors(status: &Status, distribution: fn(&ReactorStatus) -> &Distribution) -> Values {
    Values::of_all(status.reactors.iter().map(distribution))
}

fn left_out(status: &Status) -> u64 {
    let read = status.reactors.iter().map(|reactor| reactor.read_by_namespace.left_out().count).sum::<u64>();
    read + status.replica.written_by_namespace.left_out().count
}

/// What there is at this moment.
pub static PADDOCK_GAUGES: [Metric; 12] = [
    Metric::whole("paddock_connection_bytes", "bytes", "the memory of all connections", |s| {
        whole(s.sum(|r| &r.connection_bytes))
    }),
    Metric::whole("paddock_max_client_connections", "connections", "as many as there are descriptors for", |s| {
        whole(s.peers.room())
    }),
    Metric::whole("paddock_tree_garbage_bytes", "bytes", "what was replaced in the tree and is not freed yet", |s| {
        whole(s.replica.garbage_bytes.get())
    }),
    Metric::whole(
        "paddock_log_waits_for_space",
        "0 or 1",
        "whether writes wait because the disk of the log is full",
        |s| whole(s.replica.log_waits.get()),
    ),
    Metric::whole("paddock_log_segment", "number", "of the file that the log is in", |s| {
        whole(s.replica.log_segment.get())
    }),
    Metric::whole(
        "paddock_log_sync_micros_max",
        "microseconds",
        "the longest time that a group took to the disk, since the start",
        |s| whole(s.replica.sync_micros_max.get()),
    ),
    Metric::whole("paddock_snapshotting", "0 or 1", "whether a snapshot is being written", |s| {
        whole(s.replica.snapshotting.get())
    }),
    Metric::whole("paddock_last_snapshot_millis", "milliseconds", "how long the last snapshot took", |s| {
        whole(s.replica.snapshot_millis.get())
    }),
    Metric::whole("paddock_backup_fails", "0 or 1", "whether the last backup by schedule could not be taken", |s| {
        whole(s.backups.fails.get())
    }),
    Metric::whole(
        "paddock_last_backup_time_ms",
        "milliseconds since 1970",
        "when the last backup by schedule was taken since the start; 0 before the first",
        |s| whole(s.backups.at_millis.get()),
    ),
    Metric::whole("paddock_last_backup_millis", "milliseconds", "how long that took", |s| {
        whole(s.backups.millis.get())
    }),
    Metric::whole("paddock_metrics_counted", "metrics", "those of ZooKeeper's that this server counts", |_| {
        whole(counted() as u64)
    }),
];

/// What counts from the start on, whatever `srst` says.
pub static PADDOCK_COUNTERS: [Metric; 11] = [
    Metric::whole("paddock_log_transactions", "transactions", "appended to the log", |s| {
        whole(s.replica.transactions.get())
    }),
    Metric::whole("paddock_log_groups", "groups", "written to the log", |s| whole(s.replica.groups.get())),
    Metric::whole("paddock_log_bytes", "bytes", "written to the log, with what fills a group up", |s| {
        whole(s.replica.log_bytes.get())
    }),
    Metric::whole("paddock_log_sync_micros_sum", "microseconds", "that all groups took to the disk", |s| {
        whole(s.replica.sync_micros_sum.get())
    }),
    Metric::whole(
        "paddock_log_slow_syncs",
        "groups",
        "that took longer to the disk than fsync.warningthresholdms",
        |s| whole(s.replica.slow_syncs.get()),
    ),
    Metric::whole("paddock_snapshots", "snapshots", "taken", |s| whole(s.replica.snapshots.get())),
    Metric::whole("paddock_backups", "backups", "taken by schedule", |s| whole(s.backups.taken.get())),
    Metric::whole("paddock_written_bytes", "bytes", "written to the sockets of clients; srst begins it anew", |s| {
        whole(s.sum(|r| &r.written_bytes))
    }),
    Metric::whole("paddock_auth_proven", "packets", "of authentication that were right; srst begins it anew", |s| {
        whole(s.sum(|r| &r.authentications.proven))
    }),
    Metric::whole(
        "paddock_auth_failed",
        "packets",
        "of authentication that proved nothing; srst begins it anew",
        |s| whole(s.sum(|r| &r.authentications.failed)),
    ),
    Metric::whole(
        "paddock_namespaces_left_out",
        "requests",
        "reads and writes of namespaces for which there was no room; srst begins it \
         anew",
        |s| whole(left_out(s)),
    ),
];

pub static PADDOCK_SUMMARIES: [Metric; 17] = [
    Metric::values(
        "paddock_read_wait_micros",
        "microseconds",
        "from a request that changes nothing to its answer, where that did not come \
         in the same turn",
        |s| reactors(s, |r| &r.reads.micros),
    ),
    Metric::values(
        "paddock_update_latency_micros",
        "microseconds",
        "from a request that changes something to its answer",
        |s| reactors(s, |r| &r.updates.micros),
    ),
    Metric::values(
        "paddock_log_fill_micros",
        "microseconds",
        "from when the first transaction of a group was appended to when the group \
         was submitted",
        |s| s.replica.log.filling.micros.values(),
    ),
    Metric::values(
        "paddock_log_flush_micros",
        "microseconds",
        "from when a group was submitted to when its completion was seen",
        |s| s.replica.log.flushing.micros.values(),
    ),
    Metric::values("paddock_turn_micros", "microseconds", "a turn of the replica", |s| s.replica.turns.micros.values()),
    Metric::values("paddock_stage_queued_micros", "microseconds", WriteStage::Queued.what(), |s| {
        s.replica.requests.waited.micros.values()
    }),
    Metric::values("paddock_stage_ordered_micros", "microseconds", WriteStage::Ordered.what(), |s| {
        s.replica.stages.ordered.values()
    }),
    Metric::values("paddock_stage_forwarded_micros", "microseconds", WriteStage::Forwarded.what(), |s| {
        s.replica.stages.forwarded.values()
    }),
    Metric::values("paddock_stage_agreed_micros", "microseconds", WriteStage::Agreed.what(), |s| {
        s.replica.stages.agreed.values()
    }),
    Metric::values("paddock_stage_submitted_micros", "microseconds", WriteStage::Submitted.what(), |s| {
        s.replica.stages.submitted.values()
    }),
    Metric::values("paddock_stage_synced_micros", "microseconds", WriteStage::Synced.what(), |s| {
        s.replica.stages.synced.values()
    }),
    Metric::values("paddock_stage_quorum_micros", "microseconds", WriteStage::Quorum.what(), |s| {
        s.replica.stages.quorum.values()
    }),
    Metric::values("paddock_stage_released_micros", "microseconds", WriteStage::Released.what(), |s| {
        s.replica.stages.released.values()
    }),
    Metric::values("paddock_stage_answered_micros", "microseconds", WriteStage::Answered.what(), |s| {
        reactors(s, |r| &r.stages.answered)
    }),
    Metric::values("paddock_stage_written_micros", "microseconds", WriteStage::Written.what(), |s| {
        reactors(s, |r| &r.stages.written)
    }),
    Metric::values(
        "paddock_sent_micros",
        "microseconds",
        "from when a leader's turn began to when what it has proposed in it was handed to \
         the links of its learners",
        |s| s.replica.stages.sent.values(),
    ),
    Metric::values(
        "paddock_reactor_turn_micros",
        "microseconds",
        "from when a reactor heard of something to when it began to write answers; \
         where the replica shares its thread, with the replica's turn",
        |s| reactors(s, |r| &r.stages.turns),
    ),
];

/// Keys that `mntr` had before these had a prefix. Programs that measure this server read them, and read those of older ones.
pub const FORMER_KEYS: [(&str, &str); 6] = [
    ("log_transactions", "paddock_log_transactions"),
    ("log_groups", "paddock_log_groups"),
    ("log_bytes", "paddock_log_bytes"),
    ("log_sync_micros_sum", "paddock_log_sync_micros_sum"),
    ("log_waits_for_space", "paddock_log_waits_for_space"),
    ("snapshots", "paddock_snapshots"),
];

/// How long each server takes to acknowledge what this leader sends: by server, and so in no table.
pub const PEER_ACKNOWLEDGED: &str = "paddock_peer_acknowledged_micros";
/// The same, of those transactions for which this server was waited for.
pub const PEER_AWAITED: &str = "paddock_peer_awaited_micros";
/// Bytes that wait to be sent on each learner's link: by server, and so in no table.
pub const LEARNER_WAITING: &str = "paddock_learner_waiting_bytes";
