//! Metrics by key: by namespace or by server. A key is there from the first value on.

use std::collections::BTreeMap;

use crate::counter::Totals;
use crate::distribution::Values;
use crate::namespaces::Namespaces;
use crate::replica_status::NamespaceQuota;
use crate::status::Status;

/// A set of metrics of one name.
pub struct Set<V: 'static> {
    pub name: &'static str,
    pub unit: &'static str,
    pub what: &'static str,
    /// The keys that there are, each with its value.
    pub read: fn(&Status) -> Vec<(String, V)>,
}

fn quotas(status: &Status, value: fn(&NamespaceQuota) -> i64) -> Vec<(String, i64)> {
    let quotas = status.replica.quotas();
    quotas
        .into_iter()
        .map(|quota| (value(&quota), quota.namespace))
        .map(|(value, namespace)| (namespace, value))
        .collect()
}

fn totals<'a>(of: impl Iterator<Item = &'a Namespaces>) -> Vec<(String, Totals)> {
    let mut all: BTreeMap<&str, Totals> = BTreeMap::new();
    for (name, totals) in of.flat_map(|namespaces| namespaces.iter()) {
        let sum = all.entry(name).or_default();
        *sum = sum.and(totals);
    }
    all.into_iter().map(|(name, totals)| (name.to_owned(), totals)).collect()
}

/// Sums of the quotas of each first name, a second old at most.
pub static GAUGE_SETS: [Set<i64>; 4] = [
    Set {
        name: "quota_count_limit_per_namespace",
        unit: "znodes",
        what: "the limits of its quotas; where a quota says none it counts as -1; of all namespaces the first 1,024 quotas count",
        read: |s| quotas(s, |quota| quota.count_limit),
    },
    Set {
        name: "quota_bytes_limit_per_namespace",
        unit: "bytes",
        what: "the limits of its quotas; where a quota says none it counts as -1; of all namespaces the first 1,024 quotas count",
        read: |s| quotas(s, |quota| quota.bytes_limit),
    },
    Set {
        name: "quota_count_usage_per_namespace",
        unit: "znodes",
        what: "what its quotas count, of the first 1,024 quotas of all namespaces",
        read: |s| quotas(s, |quota| quota.count_usage),
    },
    Set {
        name: "quota_bytes_usage_per_namespace",
        unit: "bytes",
        what: "what its quotas count, of the first 1,024 quotas of all namespaces",
        read: |s| quotas(s, |quota| quota.bytes_usage),
    },
];

pub static COUNTER_SETS: [Set<i64>; 1] = [Set {
    name: "quota_exceeded_error_per_namespace",
    unit: "requests",
    what: "writes that a hard limit refused",
    read: |s| {
        let refused = &s.replica.refused_by_namespace;
        refused.iter().map(|(name, totals)| (name.to_owned(), totals.count as i64)).collect()
    },
}];

pub static BASIC_SETS: [Set<Totals>; 2] = [
    Set {
        name: "write_per_namespace",
        unit: "bytes",
        what: "path and data of each create and setData, and path of each delete, that was applied; what went with its session is \
               left out; of up to 128 namespaces, see paddock_namespaces_left_out",
        read: |s| totals(std::iter::once(&s.replica.written_by_namespace)),
    },
    Set {
        name: "read_per_namespace",
        unit: "bytes",
        what: "path, Stat and what was read, of each getData, exists and getChildren that succeeded; of up to 128 namespaces in \
               each reactor, see paddock_namespaces_left_out",
        read: |s| totals(s.reactors.iter().map(|reactor| &reactor.read_by_namespace)),
    },
];

pub static ADVANCED_SETS: [Set<Values>; 1] = [Set {
    name: "ack_latency",
    unit: "ms",
    what: "from when this leader ordered a transaction to when a server acknowledged it, itself included, of each zxid that 1000 divides; \
           acknowledgements behind the quorum's are left out",
    read: |s| {
        let mut all = Vec::new();
        s.member.leading.acknowledged_by.for_each(|server, values| all.push((server.0.to_string(), values.values())));
        all
    },
}];

/// Sets of ZooKeeper's that never have a key here, and why.
pub const ABSENT_SETS: [(&str, &str); 2] = [
    (
        "learner_handler_qp_size",
        "a link to a learner has bytes that wait, and no queue of packets: see paddock_learner_waiting_bytes",
    ),
    ("learner_handler_qp_time_ms", "likewise"),
];
