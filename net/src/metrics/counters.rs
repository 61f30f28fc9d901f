//! ZooKeeper's counters. They stand in the order in which ZooKeeper makes them.

use super::metric::Metric;
use crate::counter::Counter;
use crate::reactor_status::ReactorStatus;
use crate::status::Status;

const NO_WATCH_CLEANER: &str =
    "none: watches go with their connection at once, and no dead ones are left to be cleaned";
const NO_CACHE: &str = "none: the tree has replies as they go on the wire, and there is no cache of them";

fn told(counter: &Counter) -> i64 {
    i64::try_from(counter.get()).unwrap_or(i64::MAX)
}

fn sum(status: &Status, counter: fn(&ReactorStatus) -> &Counter) -> i64 {
    i64::try_from(status.sum(counter)).unwrap_or(i64::MAX)
}

pub static COUNTERS: [Metric; 51] = [
    Metric::whole("snapshot_error_count", "errors", "snapshots that an operator asked for and did not get", |s| {
        told(&s.admin.snapshot_errors)
    }),
    Metric::whole("snapshot_rate_limited_count", "calls", "snapshots that an operator asked for too soon", |s| {
        told(&s.admin.snapshots_limited)
    }),
    Metric::whole("restore_error_count", "errors", "snapshots that an operator could not put back", |s| {
        told(&s.admin.restore_errors)
    }),
    Metric::whole("restore_rate_limited_count", "calls", "snapshots that an operator put back too soon", |s| {
        told(&s.admin.restores_limited)
    }),
    Metric::whole("looking_count", "times", "how often this server began to look for a leader", |s| {
        told(&s.member.looking_count)
    }),
    Metric::whole("diff_count", "syncs", "others that were brought what they lacked, perhaps behind a cut", |s| {
        told(&s.member.bringing.diffs)
    }),
    Metric::whole("snap_count", "syncs", "others that were brought a whole state", |s| told(&s.member.bringing.snaps)),
    Metric::whole("commit_count", "transactions", "those that this server committed as a leader", |s| {
        told(&s.member.leading.committed)
    }),
    Metric::whole("connection_request_count", "handshakes", "those that the throttle let go on", |s| {
        sum(s, |r| &r.handshakes.admitted)
    }),
    Metric::whole(
        "connection_rejected",
        "connections",
        "those that the throttle or a limit of their number turned away, or that could \
         not be accepted",
        |s| sum(s, |r| &r.handshakes.rejected),
    ),
    Metric::whole("bytes_received_count", "bytes", "read from the sockets of clients", |s| sum(s, |r| &r.read_bytes)),
    Metric::none("unrecoverable_error_count", "errors", "none: a thread that cannot go on ends the process"),
    Metric::none("add_dead_watcher_stall_time", "ms", NO_WATCH_CLEANER),
    Metric::none("dead_watchers_queued", "watchers", NO_WATCH_CLEANER),
    Metric::none("dead_watchers_cleared", "watchers", NO_WATCH_CLEANER),
    Metric::none("response_packet_cache_hits", "replies", NO_CACHE),
    Metric::none("response_packet_cache_misses", "replies", NO_CACHE),
    Metric::none("response_packet_get_children_cache_hits", "replies", NO_CACHE),
    Metric::none("response_packet_get_children_cache_misses", "replies", NO_CACHE),
    Metric::whole("ensemble_auth_success", "clients", "those that named this ensemble", |s| {
        sum(s, |r| &r.authentications.ensemble_right)
    }),
    Metric::whole("ensemble_auth_fail", "clients", "those that named another ensemble, and were closed", |s| {
        sum(s, |r| &r.authentications.ensemble_wrong)
    }),
    Metric::whole("ensemble_auth_skip", "clients", "those that named none, or whose name was not asked for", |s| {
        sum(s, |r| &r.authentications.ensemble_unasked)
    }),
    Metric::whole("prep_processor_request_queued", "requests", "those that this server ordered", |s| {
        told(&s.replica.requests.ordered)
    }),
    Metric::whole("outstanding_changes_queued", "transactions", "those that this server ordered", |s| {
        told(&s.replica.requests.changes)
    }),
    Metric::whole("outstanding_changes_removed", "transactions", "those of them that are public", |s| {
        told(&s.replica.requests.changes_public)
    }),
    Metric::whole("revalidate_count", "sessions", "those of which other servers asked whether they live", |s| {
        told(&s.member.bringing.revalidations)
    }),
    Metric::whole("connection_drop_count", "connections", "those that were found closed by their clients", |s| {
        sum(s, |r| &r.dropped)
    }),
    Metric::whole("connection_revalidate_count", "handshakes", "those with a session", |s| {
        sum(s, |r| &r.handshakes.with_session)
    }),
    Metric::whole(
        "sessionless_connections_expired",
        "connections",
        "those that had their time for a handshake, or to take the last \
         of their output",
        |s| sum(s, |r| &r.late),
    ),
    Metric::whole(
        "stale_sessions_expired",
        "sessions",
        "those that this server ended because nothing was heard of them",
        |s| i64::try_from(s.replica.sessions_expired_since_reset()).unwrap_or(i64::MAX),
    ),
    Metric::whole(
        "request_commit_queued",
        "transactions",
        "those whose commit has come, or was decided on here",
        |s| told(&s.member.leading.committed).saturating_add(told(&s.member.learning.commits)),
    ),
    Metric::whole("throttled_ops", "requests", "those that were refused because they had waited too long", |s| {
        told(&s.replica.requests.refused)
    }),
    Metric::whole(
        "learner_proposal_received_count",
        "transactions",
        "those that a leader proposed to this follower",
        |s| told(&s.member.learning.proposals),
    ),
    Metric::whole(
        "learner_commit_received_count",
        "transactions",
        "those that this learner was told to be committed",
        |s| told(&s.member.learning.commits),
    ),
    Metric::whole("sync_processor_request_queued", "transactions", "those that were appended to the log", |s| {
        told(&s.replica.log.appended)
    }),
    Metric::whole("proposal_count", "transactions", "those that this server proposed as a leader", |s| {
        told(&s.member.leading.proposed)
    }),
    Metric::none(
        "quit_leading_due_to_disloyal_voter",
        "times",
        "none: a leader leads until its quorum is gone, as by default in ZooKeeper",
    ),
    Metric::whole(
        "stale_requests",
        "requests",
        "those that were thrown away because nobody waited for their answers",
        |s| told(&s.replica.requests.stale),
    ),
    Metric::whole("stale_requests_dropped", "requests", "the same", |s| told(&s.replica.requests.stale)),
    Metric::whole("stale_replies", "replies", "those whose connection was gone when they came", |s| {
        sum(s, |r| &r.stale_replies)
    }),
    Metric::whole(
        "request_throttle_wait_count",
        "times",
        "how often no request was taken because as many were under way as may be",
        |s| told(&s.replica.requests.stalls),
    ),
    Metric::whole("large_requests_rejected", "requests", "those for which largeRequestMaxBytes had no room", |s| {
        sum(s, |r| &r.large_rejected)
    }),
    Metric::whole(
        "digest_mismatches_count",
        "transactions",
        "those after which the state was not that of the one who ordered them",
        |s| told(&s.replica.digest_mismatches),
    ),
    Metric::whole("unsuccessful_handshake", "handshakes", "those of TLS that failed, or came to no end", |s| {
        sum(s, |r| &r.handshakes.failed)
    }),
    Metric::whole(
        "insecure_admin_count",
        "connections",
        "those to the port for operators that came without TLS",
        |s| told(&s.admin.insecure),
    ),
    Metric::whole(
        "tls_handshake_exceeded",
        "connections",
        "those that were closed because as many TLS handshakes were under way as may be",
        |s| sum(s, |r| &r.handshakes.exceeded),
    ),
    Metric::whole(
        "cnxn_closed_without_zk_server_running",
        "connections",
        "those to the secure port that were closed before their handshake, because nobody was served",
        |s| sum(s, |r| &r.handshakes.unserved),
    ),
    Metric::none(
        "skip_learner_request_to_next_processor_count",
        "requests",
        "none: what an observer asks goes to the leader alone",
    ),
    Metric::none(
        "requests_not_forwarded_to_commit_processor",
        "requests",
        "none: what a learner asks goes to the order alone",
    ),
    Metric::whole("response_bytes", "bytes", "of replies, but for those to pings and handshakes", |s| {
        sum(s, |r| &r.response_bytes)
    }),
    Metric::whole("watch_bytes", "bytes", "of notifications", |s| sum(s, |r| &r.watch_bytes)),
];
