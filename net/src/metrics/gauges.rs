//! ZooKeeper's gauges: what there is at this moment. They stand in the order in which ZooKeeper makes them.

use paddock_engine::io::sys::open_descriptors;

use super::java_double::rounded;
use super::metric::{Gauge, Metric, On};
use crate::sizes::Sizes;
use crate::status::Status;

/// ZooKeeper counts the root twice: its table of znodes has it by the name `/` and by none.
pub const ROOT_AGAIN: u64 = 1;

const fn all(metric: Metric) -> Gauge {
    Gauge { metric, on: On::All }
}

const fn leader(metric: Metric) -> Gauge {
    Gauge { metric, on: On::Leader }
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn responses(status: &Status) -> [i64; 3] {
    Sizes::told_together(status.reactors.iter().map(|reactor| &reactor.responses))
}

pub static GAUGES: [Gauge; 34] = [
    all(Metric::decimal(
        "avg_latency",
        "ms",
        "the mean time from a request to its answer; those that were answered in the turn in \
         which they came have taken none",
        |s| rounded(s.latency_millis().1),
    )),
    all(Metric::whole("max_latency", "ms", "the longest of these times", |s| whole(s.latency_millis().2))),
    all(Metric::whole("min_latency", "ms", "the shortest of these times", |s| whole(s.latency_millis().0))),
    all(Metric::whole("packets_received", "packets", "frames and four-letter words that have come", |s| {
        whole(s.sum(|r| &r.received))
    })),
    all(Metric::whole("packets_sent", "packets", "replies, notifications and texts", |s| whole(s.sent()))),
    all(Metric::whole("num_alive_connections", "connections", "all, with the one that asks", |s| {
        whole(s.sum(|r| &r.connections))
    })),
    all(Metric::whole("outstanding_requests", "requests", "those that the replica has and has not answered", |s| {
        whole(s.sum(|r| &r.outstanding))
    })),
    all(Metric::whole("uptime", "ms", "since the server is what it is: leader, follower, or alone", |s| {
        whole(s.uptime_millis())
    })),
    all(Metric::whole("znode_count", "znodes", "those of the newest public version; the root counts twice", |s| {
        whole(s.replica.znodes.get() + ROOT_AGAIN)
    })),
    all(Metric::whole(
        "watch_count",
        "watches",
        "pairs of a path and a connection, once for data and once for children",
        |s| whole(s.sum(|r| &r.watches)),
    )),
    all(Metric::whole("ephemerals_count", "znodes", "those that belong to sessions", |s| {
        whole(s.replica.ephemerals.get())
    })),
    all(Metric::whole("approximate_data_size", "bytes", "of all paths and all data", |s| {
        whole(s.replica.data_bytes.get())
    })),
    all(Metric::whole("global_sessions", "sessions", "those that every server knows", |s| {
        whole(s.replica.sessions.get())
    })),
    all(Metric::whole("local_sessions", "sessions", "those that this server alone knows", |s| {
        whole(s.replica.local_sessions.get())
    })),
    all(Metric::whole("open_file_descriptor_count", "files", "of the process; -1 where there is no /proc", |_| {
        open_descriptors().map_or(-1, whole)
    })),
    all(Metric::whole("max_file_descriptor_count", "files", "as many as the process may have open", |s| {
        whole(s.descriptors_max)
    })),
    all(Metric::decimal(
        "connection_drop_probability",
        "0 to 1",
        "the throttle's chance at the last handshake of the reactor that \
         has the greatest",
        |s| s.reactors.iter().map(|r| r.handshakes.drop_chance()).fold(0.0, f64::max),
    )),
    all(Metric::whole(
        "last_client_response_size",
        "bytes",
        "the longest of the last replies or notifications of each reactor",
        |s| responses(s)[0],
    )),
    all(Metric::whole("max_client_response_size", "bytes", "the longest reply or notification", |s| responses(s)[2])),
    all(Metric::whole("min_client_response_size", "bytes", "the shortest reply or notification", |s| responses(s)[1])),
    all(Metric::whole("outstanding_tls_handshake", "handshakes", "those that are under way", |s| {
        whole(s.tls_handshakes.count())
    })),
    all(Metric::whole(
        "auth_failed_count",
        "connections",
        "those whose TLS handshake failed, or by whose certificate nobody may enter",
        |s| whole(s.sum(|r| &r.handshakes.refused)),
    )),
    all(Metric::whole(
        "non_mtls_remote_conn_count",
        "connections",
        "those that have come from other machines to a port that takes plain ones",
        |s| whole(s.sum(|r| &r.handshakes.plain_remote)),
    )),
    all(Metric::whole(
        "non_mtls_local_conn_count",
        "connections",
        "those that have come from this machine to such a port",
        |s| whole(s.sum(|r| &r.handshakes.plain_local)),
    )),
    Gauge {
        metric: Metric::whole("quorum_size", "servers", "those that vote", |s| whole(s.member.quorum_size.get())),
        on: On::Members,
    },
    leader(Metric::whole("learners", "servers", "those that have told who they are", |s| {
        whole(s.member.leading.learners.get())
    })),
    leader(Metric::whole("synced_followers", "servers", "participants that are sent proposals", |s| {
        whole(s.member.leading.synced_followers.get())
    })),
    leader(Metric::whole("synced_non_voting_followers", "servers", "those of them that do not vote", |s| {
        whole(s.member.leading.synced_non_voting_followers.get())
    })),
    Gauge {
        metric: Metric::whole(
            "synced_observers",
            "servers",
            "observers of a leader that are told of commits; those that a \
         follower serves are not counted",
            |s| whole(s.member.leading.synced_observers.get()),
        ),
        on: On::LeaderAndFollower,
    },
    leader(Metric::whole("pending_syncs", "syncs", "those of learners that have no answer yet", |s| {
        whole(s.member.leading.pending_syncs.get())
    })),
    leader(Metric::whole("leader_uptime", "ms", "since the server leads", |s| whole(s.member.leading.uptime.get()))),
    leader(Metric::whole("last_proposal_size", "bytes", "of this reign; -1 before the first", |s| {
        s.member.leading.proposals.told()[0]
    })),
    leader(Metric::whole("max_proposal_size", "bytes", "of this reign; -1 before the first", |s| {
        s.member.leading.proposals.told()[2]
    })),
    leader(Metric::whole("min_proposal_size", "bytes", "of this reign; -1 before the first", |s| {
        s.member.leading.proposals.told()[1]
    })),
];
