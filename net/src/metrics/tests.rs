//! What is told as a whole: `mntr` and Prometheus' text.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use paddock_consensus::output::Part;
use paddock_consensus::{Epoch, ServerId};

use super::advanced_summaries::ADVANCED_SUMMARIES;
use super::basic_summaries::BASIC_SUMMARIES;
use super::catalogue::all;
use super::counters::COUNTERS;
use super::gauges::GAUGES;
use super::metric::Metric;
use super::paddocks::{FORMER_KEYS, PADDOCK_COUNTERS, PADDOCK_GAUGES, PADDOCK_SUMMARIES};
use super::sets::{ABSENT_SETS, ADVANCED_SETS, BASIC_SETS, COUNTER_SETS, GAUGE_SETS};
use super::strict::judge;
use super::{Process, Window, render_mntr, render_prometheus};
use crate::replica_status::NamespaceQuota;
use crate::server_state::ServerState;
use crate::status::{ReactorStatus, Status};

const EPOCH: Epoch = Epoch(5);

fn status() -> Status {
    let reactors = vec![ReactorStatus::default(), ReactorStatus::default()];
    Status { reactors, version: "3.9.5-paddock".into(), ..Status::default() }
}

fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix("zk_")?.strip_prefix(key)?.strip_prefix('\t'))
}

/// The keys of `mntr` that ZooKeeper has too.
fn keys(text: &str) -> Vec<&str> {
    let keys = text.lines().map(|line| line.split('\t').next().unwrap_or_default());
    let is_ours = |key: &str| {
        key.contains("paddock_") || FORMER_KEYS.iter().any(|(former, _)| key.strip_prefix("zk_") == Some(*former))
    };
    keys.filter(|key| !is_ours(key)).collect()
}

#[test]
fn every_metric_of_zookeepers_is_in_its_table_in_its_order() {
    let listed = include_str!("zookeeper_names.txt");
    let of = |group: &str| -> Vec<&str> {
        let lines = listed.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
        lines.filter(|(of, _)| of.split(' ').next() == Some(group)).map(|(_, name)| name).collect()
    };
    let names = |metrics: &[Metric]| metrics.iter().map(|metric| metric.name).collect::<Vec<_>>();
    assert_eq!(GAUGES.iter().map(|gauge| gauge.metric.name).collect::<Vec<_>>(), of("gauge"));
    assert_eq!(names(&COUNTERS[..]), of("counter"));
    assert_eq!(names(&BASIC_SUMMARIES[..]), of("basic"));
    assert_eq!(names(&ADVANCED_SUMMARIES[..]), of("advanced"));
    assert_eq!(GAUGE_SETS.iter().map(|set| set.name).collect::<Vec<_>>(), of("gaugeset"));
    assert_eq!(COUNTER_SETS.iter().map(|set| set.name).collect::<Vec<_>>(), of("counterset"));
    let absent = |name: &&str| ABSENT_SETS.iter().all(|(absent, _)| absent != name);
    let basic: Vec<&str> = of("basicset").into_iter().filter(absent).collect();
    assert_eq!(BASIC_SETS.iter().map(|set| set.name).collect::<Vec<_>>(), basic);
    let advanced: Vec<&str> = of("advancedset").into_iter().filter(absent).collect();
    assert_eq!(ADVANCED_SETS.iter().map(|set| set.name).collect::<Vec<_>>(), advanced);
}

#[test]
fn what_nothing_moves_says_why() {
    for metric in all() {
        assert_eq!(metric.what.starts_with("none: "), !metric.is_counted(), "{}", metric.name);
        assert!(!metric.what.contains("  ") && !metric.unit.is_empty(), "{}", metric.name);
    }
    let ours = PADDOCK_GAUGES.iter().chain(&PADDOCK_COUNTERS).chain(&PADDOCK_SUMMARIES);
    for metric in ours {
        assert!(metric.name.starts_with("paddock_") && metric.is_counted(), "{}", metric.name);
    }
}

#[test]
fn as_many_keys_as_from_zookeeper_by_the_part() {
    let following = Part::Following { leader: ServerId(3), epoch: EPOCH };
    let observing = Part::Observing { leader: ServerId(3), epoch: EPOCH };
    for (part, state, count) in [
        (None, ServerState::Standalone, 494),
        (Some(Part::Looking), ServerState::ReadOnly, 494),
        (Some(following), ServerState::Follower, 496),
        (Some(observing), ServerState::Observer, 497),
        (Some(Part::Leading { epoch: EPOCH }), ServerState::Leader, 505),
    ] {
        let status = status();
        part.into_iter().for_each(|part| status.member.set_part(part));
        let text = render_mntr(state, &status);
        let keys = keys(&text);
        assert_eq!(keys.len(), count, "{state:?}");
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), count, "{state:?}: none comes twice");
        assert_eq!(value(&text, "server_state"), Some(state.name()));
        assert_eq!(value(&text, "peer_state"), state.peer_state());
        assert_eq!(value(&text, "observer_master_id"), (state == ServerState::Observer).then_some("3"));
    }
}

#[test]
fn a_fresh_server_tells_what_a_fresh_zookeeper_tells() {
    let text = render_mntr(ServerState::Standalone, &status());
    assert!(
        text.starts_with("zk_version\t3.9.5-paddock\nzk_server_state\tstandalone\nzk_ephemerals_count\t0\n"),
        "{text}"
    );
    for (key, expected) in [
        ("avg_latency", "0.0"),
        ("max_latency", "0"),
        ("connection_drop_probability", "0.0"),
        ("last_client_response_size", "-1"),
        ("min_client_response_size", "-1"),
        ("jvm_pause_time_ms", ""),
        ("p999_jvm_pause_time_ms", "0"),
        ("avg_fsynctime", "0.0"),
        ("cnt_fsynctime", "0"),
        ("response_packet_cache_hits", "0"),
    ] {
        assert_eq!(value(&text, key), (!expected.is_empty()).then_some(expected), "{key}");
    }
    assert!(text.ends_with('\n') && !text.contains("\n\n"));
}

#[test]
fn what_is_counted_is_told() {
    let status = status();
    let [one, other] = &status.reactors[..] else { panic!("there are two") };
    one.at_once.add(3);
    other.note_latency(Duration::from_millis(9), 1, false);
    one.note_latency(Duration::from_micros(1500), 1, true);
    one.response_bytes.add(100);
    one.responses.note(100);
    other.response_bytes.add(20);
    other.responses.note(20);
    one.read_by_namespace.note(b"/a/b", 10);
    other.read_by_namespace.note(b"/a", 20);
    other.read_by_namespace.note(b"/b", 5);
    status.replica.written_by_namespace.note(b"/a", 7);
    status.replica.refused_by_namespace.note(b"/a/c", 1);
    status.replica.stages.synced.note_many(700, 3);
    other.stages.written.note(6);
    status.replica.stages.released.note_many(2400, 2);
    status.replica.turns.note(Duration::from_millis(3));
    status.replica.log.syncing.note(Duration::from_millis(4));
    status.replica.set_quotas(vec![NamespaceQuota {
        namespace: "a".into(),
        count_limit: 5,
        bytes_limit: -1,
        count_usage: 2,
        bytes_usage: 40,
    }]);
    let text = render_mntr(ServerState::Standalone, &status);
    for (key, expected) in [
        ("packets_sent", "3"),
        ("max_latency", "9"),
        ("avg_latency", "2.1"),
        ("cnt_readlatency", "4"),
        ("sum_readlatency", "9"),
        ("p50_readlatency", "0"),
        ("p99_readlatency", "9"),
        ("cnt_updatelatency", "1"),
        ("max_updatelatency", "1"),
        ("response_bytes", "120"),
        ("max_client_response_size", "100"),
        ("min_client_response_size", "20"),
        ("cnt_a_read_per_namespace", "2"),
        ("avg_a_read_per_namespace", "15.0"),
        ("sum_b_read_per_namespace", "5"),
        ("sum_a_write_per_namespace", "7"),
        ("a_quota_exceeded_error_per_namespace", "1"),
        ("a_quota_count_limit_per_namespace", "5"),
        ("a_quota_bytes_limit_per_namespace", "-1"),
        ("a_quota_bytes_usage_per_namespace", "40"),
        ("sum_fsynctime", "4"),
        ("sum_paddock_update_latency_micros", "1500"),
        ("cnt_paddock_stage_synced_micros", "3"),
        ("sum_paddock_stage_synced_micros", "2100"),
        ("max_paddock_stage_written_micros", "6"),
        ("sum_local_write_committed_time_ms", "4"),
        ("p99_local_write_committed_time_ms", "2"),
        ("sum_prep_process_time", "3"),
        ("cnt_commit_process_time", "0"),
    ] {
        assert_eq!(value(&text, key), Some(expected), "{key}");
    }
}

#[test]
fn a_leader_tells_of_its_learners() {
    let status = status();
    status.member.set_part(Part::Leading { epoch: EPOCH });
    let leading = &status.member.leading;
    [(&leading.learners, 4), (&leading.synced_followers, 2), (&leading.proposed, 7), (&status.member.quorum_size, 3)]
        .into_iter()
        .for_each(|(counter, value)| counter.set(value));
    [48, 32, 2077, 50].into_iter().for_each(|bytes| leading.proposals.note(bytes));
    [20, 31].into_iter().for_each(|millis| status.member.election_time.note(millis));
    leading.acknowledged_by.with(ServerId(2), |acknowledged| acknowledged.note(6));
    leading.waiting_for.with(ServerId(2), |waiting| waiting.note(600));
    leading.peers.with(ServerId(2), |peer| peer.awaited.note_many(900, 4));
    status.replica.turns.note(Duration::from_millis(3));
    let text = render_mntr(ServerState::Leader, &status);
    for (key, expected) in [
        ("peer_state", "leading - broadcast"),
        ("quorum_size", "3"),
        ("learners", "4"),
        ("synced_followers", "2"),
        ("last_proposal_size", "50"),
        ("max_proposal_size", "2077"),
        ("min_proposal_size", "32"),
        ("proposal_count", "7"),
        ("avg_election_time", "25.5"),
        ("cnt_election_time", "2"),
        ("p99_2_ack_latency", "6"),
        ("max_2_paddock_learner_waiting_bytes", "600"),
        ("sum_2_paddock_peer_awaited_micros", "3600"),
        ("cnt_2_paddock_peer_acknowledged_micros", "0"),
        ("max_commit_process_time", "3"),
    ] {
        assert_eq!(value(&text, key), Some(expected), "{key}");
    }
}

/// The families of a text, each with its kind, and the names of all samples.
fn families(text: &str) -> (HashSet<(&str, &str)>, HashSet<&str>) {
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    (kinds, samples.map(|line| line.split(['{', ' ']).next().unwrap_or_default()).collect())
}

fn exposed(state: Option<ServerState>, status: &Status) -> String {
    render_prometheus(state, status, &mut Window::default(), Instant::now(), Some(&Process::default()))
}

#[test]
fn what_dashboards_and_alerts_read_is_exposed() {
    let status = status();
    status.member.set_part(Part::Leading { epoch: EPOCH });
    status.member.leading.acknowledged_by.with(ServerId(2), |acknowledged| acknowledged.note(6));
    status.replica.written_by_namespace.note(b"/a", 7);
    status.reactors[0].read_by_namespace.note(b"/a", 7);
    let text = exposed(Some(ServerState::Leader), &status);
    let (kinds, samples) = families(&text);
    let families: HashSet<&str> = kinds.iter().map(|(name, _)| *name).collect();
    for name in include_str!("dashboards.txt").lines().filter(|line| !line.starts_with('#')) {
        assert!(samples.contains(name) || families.contains(name), "{name}");
    }
    assert_eq!(families.len(), text.lines().filter(|line| line.starts_with("# TYPE ")).count(), "none comes twice");
    assert!(kinds.contains(&("commit_count", "counter")) && kinds.contains(&("readlatency", "summary")));
    assert!(kinds.contains(&("quota_count_limit_per_namespace", "gauge")), "also without a quota");
}

/// Whatever clients name their znodes.
#[test]
fn a_strict_parser_takes_all_that_is_exposed() {
    let status = status();
    status.member.set_part(Part::Leading { epoch: EPOCH });
    let leading = &status.member.leading;
    for server in [2, 3].map(ServerId) {
        leading.acknowledged_by.with(server, |acknowledged| acknowledged.note(6));
        leading.waiting_for.with(server, |waiting| waiting.note(600));
        leading.peers.with(server, |peer| peer.awaited.note_many(900, 4));
    }
    for path in ["/a", "/ü b", "/quote\"and\\slash", "/{x=\"1\",} 2"] {
        status.replica.written_by_namespace.note(path.as_bytes(), 7);
        status.replica.refused_by_namespace.note(path.as_bytes(), 1);
        status.reactors.iter().for_each(|reactor| reactor.read_by_namespace.note(path.as_bytes(), 7));
    }
    status.replica.set_quotas(vec![NamespaceQuota {
        namespace: "quote\"and\\slash".into(),
        count_limit: -2,
        bytes_limit: 1 << 40,
        count_usage: 2,
        bytes_usage: 40,
    }]);
    status.reactors[0].note_latency(Duration::from_millis(12), 1, true);
    for state in [
        None,
        Some(ServerState::Standalone),
        Some(ServerState::ReadOnly),
        Some(ServerState::Leader),
        Some(ServerState::Follower),
        Some(ServerState::Observer),
    ] {
        judge(&exposed(state, &status)).unwrap_or_else(|what| panic!("{state:?}: {what}"));
    }
}

#[test]
fn a_summary_has_quantiles_a_count_and_a_sum() {
    let status = status();
    status.replica.log.syncing.note(Duration::from_millis(4));
    status.reactors[1].note_latency(Duration::from_millis(12), 1, true);
    let text = exposed(Some(ServerState::Standalone), &status);
    for expected in [
        "# HELP fsynctime fsynctime\n# TYPE fsynctime summary\nfsynctime{quantile=\"0.5\",} 4.0\nfsynctime_count 1.0\nfsynctime_sum 4.0\n",
        "updatelatency{quantile=\"0.5\",} 12.0\nupdatelatency{quantile=\"0.9\",} 12.0\nupdatelatency{quantile=\"0.99\",} 12.0\n\
         updatelatency_count 1.0\nupdatelatency_sum 12.0\n",
        "readlatency{quantile=\"0.5\",} NaN\n",
        "# HELP znode_count znode_count\n# TYPE znode_count gauge\nznode_count 1.0\n",
    ] {
        assert!(text.contains(expected), "{expected}");
    }
}

#[test]
fn while_nobody_is_served_there_are_no_gauges_of_zookeepers() {
    let text = exposed(None, &status());
    let (kinds, _) = families(&text);
    assert!(!kinds.contains(&("znode_count", "gauge")) && kinds.contains(&("looking_count", "counter")));
    let follower = exposed(Some(ServerState::Follower), &status());
    assert!(follower.contains("\nsynced_observers 0.0\n") && !follower.contains("\nlearners "));
    assert!(!render_prometheus(None, &status(), &mut Window::default(), Instant::now(), None).contains("jvm_threads"));
}
