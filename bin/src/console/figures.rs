//! Counters of the running server, from which a browser makes rates: it subtracts what it was told the last time.

use std::sync::atomic::Ordering;
use std::time::Instant;

use paddock_consensus::Zxid;
use paddock_net::counter::Counter;
use paddock_net::distribution::Values;
use paddock_net::histogram::value_of;
use paddock_net::reactor_status::ReactorStatus;
use serde_json::{Value, json};

use super::told::hex;
use crate::admin::Source;

/// `figures`. Times are microseconds unless a name says otherwise.
pub fn figures(source: &Source) -> Value {
    let status = &source.status;
    let replica = &status.replica;
    let sum = |counter: fn(&ReactorStatus) -> &Counter| status.sum(counter);
    let zxid = replica.zxid.load(Ordering::Relaxed);
    let reads = Values::of_all(status.reactors.iter().map(|reactor| &reactor.reads.micros));
    let updates = Values::of_all(status.reactors.iter().map(|reactor| &reactor.updates.micros));
    json!({
        "at_ms": status.clock.millis(Instant::now()),
        "started_ms": status.clock.anchor_millis(),
        "version": status.version,
        "state": source.mode(),
        "serves": source.serves(),
        "zxid": hex(zxid),
        "epoch": Zxid(zxid).epoch().0,
        "uptime_ms": status.uptime_millis(),
        "connections": sum(|reactor| &reactor.connections),
        "outstanding": sum(|reactor| &reactor.outstanding),
        "watches": sum(|reactor| &reactor.watches),
        "sessions": replica.sessions.get(),
        "local_sessions": replica.local_sessions.get(),
        "znodes": replica.znodes.get(),
        "ephemerals": replica.ephemerals.get(),
        "data_bytes": replica.data_bytes.get(),
        "log_waits": replica.log_waits.get() > 0,
        "at_once": sum(|reactor| &reactor.at_once),
        "reads": distribution(&reads),
        "updates": distribution(&updates),
        "groups": replica.groups.get(),
        "syncs": distribution(&replica.log.syncing.micros.values()),
    })
}

/// How many values there were, their sum, and the buckets that are not empty: what its values are taken for, and how many it has.
fn distribution(values: &Values) -> Value {
    let buckets = values.counts().iter().enumerate().filter(|(_, count)| **count > 0);
    let buckets: Vec<[u64; 2]> = buckets.map(|(bucket, count)| [value_of(bucket), *count]).collect();
    json!({ "count": values.totals.count, "sum": values.totals.sum, "buckets": buckets })
}

#[cfg(test)]
mod tests {
    use paddock_net::distribution::Distribution;
    use serde_json::json;

    use super::distribution;

    #[test]
    fn a_distribution_is_told_by_its_buckets() {
        let noted = Distribution::default();
        [3, 9, 3].into_iter().for_each(|value| noted.note(value));
        assert_eq!(distribution(&noted.values()), json!({ "count": 3, "sum": 15, "buckets": [[3, 2], [9, 1]] }));
        let none = distribution(&Distribution::default().values());
        assert_eq!(none, json!({ "count": 0, "sum": 0, "buckets": [] }));
    }
}
