//! ZooKeeper's summaries without percentiles. They stand in the order in which ZooKeeper makes them.

use super::metric::Metric;
use crate::distribution::{Distribution, Values};
use crate::reactor_status::ReactorStatus;
use crate::status::Status;

const NO_STAGES: &str = "none: ordering, encoding and applying are one step, see prep_process_time";
const NO_POOL: &str = "none: no pool of threads has to be empty before a commit";
const NO_READS_IN_COMMIT: &str = "none: reads wait in their connections, and the stage of commits has none";

fn reactors(status: &Status, distribution: fn(&ReactorStatus) -> &Distribution) -> Values {
    Values::of_all(status.reactors.iter().map(distribution))
}

pub static BASIC_SUMMARIES: [Metric; 42] = [
    Metric::values(
        "fsynctime",
        "ms",
        "from the submission of a group of transactions to the sight of its completion on the disk",
        |s| s.replica.log.syncing.millis(),
    ),
    Metric::values("snapshottime", "ms", "to write a snapshot", |s| s.replica.snapshot_time.values()),
    Metric::values("restore_time", "ms", "to put a snapshot back that an operator gave", |s| {
        s.admin.restore_time.values()
    }),
    Metric::values("dbinittime", "ms", "to have the state from the files at the start", |s| {
        s.replica.recovery.whole.values()
    }),
    Metric::values("follower_sync_time", "ms", "from deciding on a leader to serving as its follower", |s| {
        s.member.learning.followed_after.values()
    }),
    Metric::values("observer_sync_time", "ms", "from deciding on a leader to serving as its observer", |s| {
        s.member.learning.observed_after.values()
    }),
    Metric::values("election_time", "ms", "from looking for a leader to deciding on one, but for observers", |s| {
        s.member.election_time.values()
    }),
    Metric::values("connection_token_deficit", "tokens", "what the throttle's bucket lacked at a handshake", |s| {
        reactors(s, |r| &r.handshakes.token_deficit)
    }),
    Metric::values(
        "inflight_snap_count",
        "syncs",
        "others that are being brought a whole state when one more is",
        |s| s.member.bringing.snaps_under_way.values(),
    ),
    Metric::values(
        "inflight_diff_count",
        "syncs",
        "others that are being brought what they lack when one more is",
        |s| s.member.bringing.diffs_under_way.values(),
    ),
    Metric::values("node_created_watch_count", "connections", "of one reactor, that were told of one event", |s| {
        reactors(s, |r| &r.told.created)
    }),
    Metric::values("node_deleted_watch_count", "connections", "of one reactor, that were told of one event", |s| {
        reactors(s, |r| &r.told.deleted)
    }),
    Metric::values("node_changed_watch_count", "connections", "of one reactor, that were told of one event", |s| {
        reactors(s, |r| &r.told.changed)
    }),
    Metric::values("node_children_watch_count", "connections", "of one reactor, that were told of one event", |s| {
        reactors(s, |r| &r.told.children)
    }),
    Metric::values("prep_processor_queue_size", "requests", "those that a reactor handed over together", |s| {
        s.replica.requests.together.values()
    }),
    Metric::values(
        "prep_process_time",
        "ms",
        "a turn of the replica: it orders, encodes and applies all that has come",
        |s| s.replica.turns.millis(),
    ),
    Metric::none("proposal_process_time", "ms", NO_STAGES),
    Metric::values(
        "unavailable_time",
        "ms",
        "from looking for a leader until there is one whose history is here",
        |s| s.member.unavailable_time.values(),
    ),
    Metric::values("leader_unavailable_time", "ms", "the same, of the times after which this server led", |s| {
        s.member.leader_unavailable_time.values()
    }),
    Metric::none("requests_in_session_queue", "requests", NO_READS_IN_COMMIT),
    Metric::values(
        "pending_session_queue_size",
        "sessions",
        "those that wait for something when a commit comes to a learner",
        |s| s.member.learning.sessions_waiting.values(),
    ),
    Metric::values(
        "reads_after_write_in_session_queue",
        "requests",
        "reads of one connection that ran behind its write",
        |s| reactors(s, |r| &r.reads_behind_write),
    ),
    Metric::values(
        "reads_issued_from_session_queue",
        "requests",
        "reads of all connections of a reactor that ran behind the writes of a version",
        |s| reactors(s, |r| &r.reads_behind_version),
    ),
    Metric::values(
        "session_queues_drained",
        "connections",
        "of a reactor, that had reads which ran behind the writes of a version",
        |s| reactors(s, |r| &r.connections_drained),
    ),
    Metric::none("time_waiting_empty_pool_in_commit_processor_read_ms", "ms", NO_POOL),
    Metric::none("write_batch_time_in_commit_processor", "ms", NO_STAGES),
    Metric::none("concurrent_request_processing_in_commit_processor", "requests", NO_POOL),
    Metric::none("read_commit_proc_req_queued", "requests", NO_READS_IN_COMMIT),
    Metric::values(
        "write_commit_proc_req_queued",
        "requests",
        "those of a learner's clients that wait for the leader",
        |s| s.member.learning.forwarded.values(),
    ),
    Metric::values("commit_commit_proc_req_queued", "versions", "those that wait to become public", |s| {
        s.replica.versions_waiting.values()
    }),
    Metric::none("read_commit_proc_issued", "requests", NO_READS_IN_COMMIT),
    Metric::values(
        "write_commit_proc_issued",
        "transactions",
        "those that a learner was told together to be committed",
        |s| s.member.learning.committed_together.values(),
    ),
    Metric::values(
        "commit_process_time",
        "ms",
        "in an ensemble a turn of the replica, which takes commits and makes them public",
        |s| s.member.part().map_or_else(Values::default, |_| s.replica.turns.millis()),
    ),
    Metric::values("startup_txns_loaded", "transactions", "replayed from the log at the start", |s| {
        s.replica.recovery.transactions.values()
    }),
    Metric::values("startup_txns_load_time", "ms", "to replay the log at the start", |s| {
        s.replica.recovery.log.values()
    }),
    Metric::values("startup_snap_load_time", "ms", "to load the snapshot at the start", |s| {
        s.replica.recovery.snapshot.values()
    }),
    Metric::values("sync_processor_queue_size", "transactions", "those that wait for the log, at each look", |s| {
        s.replica.log.waiting.values()
    }),
    Metric::values(
        "sync_process_time",
        "ms",
        "from the submission of a group of transactions to the sight of its completion",
        |s| s.replica.log.flushing.millis(),
    ),
    Metric::values("sync_processor_batch_size", "transactions", "those that were written together", |s| {
        s.replica.log.together.values()
    }),
    Metric::none("netty_queued_buffer_capacity", "bytes", "none: this server has no Netty"),
    Metric::values(
        "learner_request_processor_queue_size",
        "requests",
        "those of a learner's clients that wait for the leader",
        |s| s.member.learning.forwarded.values(),
    ),
    Metric::none("socket_closing_time", "ms", "none: no thread waits for a socket to close"),
];
