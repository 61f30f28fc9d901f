//! ZooKeeper's summaries with percentiles. They stand in the order in which ZooKeeper makes them.

use super::metric::Metric;
use crate::distribution::{Latency, Values};
use crate::reactor_status::ReactorStatus;
use crate::status::Status;

const OTHERS_WRITES: &str =
    "none: they take as long as those of this server's clients, see local_write_committed_time_ms";
const NO_OBSERVER_QUEUE: &str =
    "none: what observers are sent is taken from the transactions that are kept in any case";
const NO_CLOCK: &str = "none: it takes microseconds, and reading the clock for each would take a part of that";

fn latencies(status: &Status, latency: fn(&ReactorStatus) -> &Latency) -> Values {
    status.reactors.iter().fold(Values::default(), |all, reactor| all.and(&latency(reactor).millis()))
}

/// Those that were answered at once, too.
fn reads(status: &Status) -> Values {
    latencies(status, |r| &r.reads).with_zeros(status.sum(|r| &r.at_once))
}

pub static ADVANCED_SUMMARIES: [Metric; 23] = [
    Metric::values("readlatency", "ms", "from a request that changes nothing to its answer", reads),
    Metric::values("updatelatency", "ms", "from a request that changes something to its answer", |s| {
        latencies(s, |r| &r.updates)
    }),
    Metric::values(
        "propagation_latency",
        "ms",
        "from when a transaction was ordered to when it was public here, of the last one of \
         those that became public together",
        |s| s.replica.propagation.values(),
    ),
    Metric::none(
        "dead_watchers_cleaner_latency",
        "ms",
        "none: watches go with their connection at once, and no dead ones are left to be cleaned",
    ),
    Metric::values(
        "prep_processor_queue_time_ms",
        "ms",
        "from when a reactor decoded a request to when the replica took it",
        |s| s.replica.requests.waited.millis(),
    ),
    Metric::none("close_session_prep_time", "ms", NO_CLOCK),
    Metric::values("read_commitproc_time_ms", "ms", "how long reads waited that came behind a write", |s| {
        latencies(s, |r| &r.reads)
    }),
    Metric::values("write_commitproc_time_ms", "ms", "how long writes took of this server's clients", |s| {
        latencies(s, |r| &r.updates)
    }),
    Metric::values(
        "local_write_committed_time_ms",
        "ms",
        "from when writes of this server's clients were committed to when they were \
         public and on their way to the reactors",
        |s| s.replica.stages.released.values().in_millis(),
    ),
    Metric::none("server_write_committed_time_ms", "ms", OTHERS_WRITES),
    Metric::none("om_proposal_process_time_ms", "ms", NO_OBSERVER_QUEUE),
    Metric::none("om_commit_process_time_ms", "ms", NO_OBSERVER_QUEUE),
    Metric::none("read_final_proc_time_ms", "ms", NO_CLOCK),
    Metric::none("write_final_proc_time_ms", "ms", NO_CLOCK),
    Metric::values(
        "proposal_latency",
        "ms",
        "from when the leader ordered a transaction to when its proposal was here",
        |s| s.member.learning.proposed_after.values(),
    ),
    Metric::values(
        "proposal_ack_creation_latency",
        "ms",
        "from when a transaction was ordered to when it was acknowledged here, of the \
         last one of those that were acknowledged together",
        |s| s.member.acknowledged_after.values(),
    ),
    Metric::values(
        "commit_propagation_latency",
        "ms",
        "from when the leader ordered a transaction to when its commit was here, of the \
         last one of those that were committed together",
        |s| s.member.learning.committed_after.values(),
    ),
    Metric::values(
        "sync_processor_queue_and_flush_time_ms",
        "ms",
        "from when the first transaction of a group was appended to when the \
         group's completion was seen",
        |s| s.replica.log.whole.values(),
    ),
    Metric::values(
        "sync_processor_queue_time_ms",
        "ms",
        "from when the first transaction of a group was appended to when the group was \
         submitted",
        |s| s.replica.log.filling.millis(),
    ),
    Metric::values(
        "sync_processor_queue_flush_time_ms",
        "ms",
        "from when a group was submitted to when its completion was seen",
        |s| s.replica.log.flushing.millis(),
    ),
    Metric::values(
        "quorum_ack_latency",
        "ms",
        "from when this leader ordered a transaction to when a quorum had it, of the last one of \
         those that were committed together",
        |s| s.member.leading.quorum_after.values(),
    ),
    Metric::values(
        "request_throttle_queue_time_ms",
        "ms",
        "from when a reactor decoded a request to when the replica took it",
        |s| s.replica.requests.waited.millis(),
    ),
    Metric::none("jvm_pause_time_ms", "ms", "none: this server has no JVM, and nothing that stops all of its threads"),
];
