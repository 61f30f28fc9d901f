//! That `mntr` has every key of ZooKeeper's. Those by namespace or server come and go with these, and are looked at apart.
use crate::setup;
use crate::told::Told;
use paddock_tests::server::Kind;
use std::collections::BTreeSet;

const NAMES: &str = include_str!("../../../net/src/metrics/zookeeper_names.txt");
/// Keys that this server had before the others of its own got a prefix. ZooKeeper has none of them.
const FORMER: [&str; 6] =
    ["log_transactions", "log_groups", "log_bytes", "log_sync_micros_sum", "log_waits_for_space", "snapshots"];

/// The keys that a server has in this mode, as ZooKeeper's.
fn of_zookeeper(mode: &str) -> BTreeSet<String> {
    let mut keys: BTreeSet<String> = ["version", "server_state"].map(str::to_owned).into();
    let is_member = mode != "standalone" && mode != "read-only";
    if is_member {
        keys.insert("peer_state".into());
    }
    if mode == "observer" {
        keys.insert("observer_master_id".into());
    }
    for line in NAMES.lines().filter(|line| !line.starts_with('#')) {
        let (group, name) = line.split_once('\t').unwrap_or_else(|| panic!("{line}"));
        let forms: &[&str] = match group {
            "gauge all" | "counter" => &[""],
            "gauge quorum" if is_member => &[""],
            "gauge leader" | "gauge synced" if mode == "leader" => &[""],
            "basic" => &["avg_", "min_", "max_", "cnt_", "sum_"],
            "advanced" => &["avg_", "min_", "max_", "cnt_", "sum_", "p50_", "p95_", "p99_", "p999_"],
            _ => &[],
        };
        keys.extend(forms.iter().map(|form| format!("{form}{name}")));
    }
    keys
}

/// The keys that a server told, without those by namespace or server that are not `expected`, and without its own.
fn without_sets(told: &Told, expected: &BTreeSet<String>) -> BTreeSet<String> {
    let sets: Vec<&str> =
        NAMES.lines().filter(|line| line.split('\t').next().is_some_and(|group| group.ends_with("set"))).collect();
    let names: Vec<&str> = sets.iter().filter_map(|line| line.split('\t').nth(1)).collect();
    let is_of_set = |key: &str| names.iter().any(|name| key.ends_with(&format!("_{name}")));
    let is_own = |key: &str| key.contains("paddock_") || FORMER.contains(&key);
    let is_kept = |key: &&str| expected.contains(*key) || !is_of_set(key) && !is_own(key);
    told.keys().into_iter().filter(is_kept).map(str::to_owned).collect()
}

#[track_caller]
pub fn assert_keys(told: &Told, mode: &str) {
    let expected = of_zookeeper(mode);
    let found = without_sets(told, &expected);
    let missing: Vec<_> = expected.difference(&found).collect();
    let unknown: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "{mode}: missing {missing:?}, unknown {unknown:?}");
    let all = told.keys();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{mode}: a key comes twice");
}

#[test]
fn a_server_that_stands_alone_has_all_keys() {
    if !Kind::under_test().is_current() {
        return;
    }
    let server = setup().start();
    let told = Told::by(&server);
    assert_keys(&told, "standalone");
    assert_eq!(of_zookeeper("standalone").len(), 494);
    let without_session =
        [("znode_count", 5.0), ("num_alive_connections", 1.0), ("approximate_data_size", 44.0), ("watch_count", 0.0)];
    for (key, value) in without_session {
        assert_eq!(told.number(key), value, "{key}");
    }
    for key in ["last_client_response_size", "max_client_response_size", "min_client_response_size"] {
        assert_eq!(told.text_of(key), Some("-1"));
    }
    assert_eq!((told.text_of("avg_latency"), told.text_of("max_latency")), (Some("0.0"), Some("0")));
}
