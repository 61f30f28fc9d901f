//! The answer to the four-letter word `mntr`, as ZooKeeper's default provider of metrics dumps it.
//!
//! First the server and its part; then gauges, gauges by key, counters, counters by key, summaries, summaries with percentiles, and
//! both by key. Within each group they stand in the order of ZooKeeper's maps ([`java_map`](super::java_map)). What this server tells
//! beyond that comes behind all of it.

use std::collections::HashMap;
use std::fmt::{Display, Write as _};

use paddock_consensus::output::Part;

use super::advanced_summaries::ADVANCED_SUMMARIES;
use super::basic_summaries::BASIC_SUMMARIES;
use super::counters::COUNTERS;
use super::gauges::GAUGES;
use super::java_double::{java_double, rounded};
use super::java_map::in_map_order;
use super::metric::{Metric, Number};
use super::paddocks::{
    FORMER_KEYS, LEARNER_WAITING, PADDOCK_COUNTERS, PADDOCK_GAUGES, PADDOCK_SUMMARIES, PEER_ACKNOWLEDGED, PEER_AWAITED,
};
use super::sets::{ADVANCED_SETS, BASIC_SETS, COUNTER_SETS, GAUGE_SETS};
use crate::counter::Totals;
use crate::distribution::Values;
use crate::server_state::ServerState;
use crate::status::Status;

/// The percentiles, by their names.
const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)];

/// The answer of a server that serves clients.
pub fn render_mntr(state: ServerState, status: &Status) -> String {
    let mut text = Lines::default();
    text.line("version", &status.version);
    text.line("server_state", state.name());
    if let Some(peer_state) = state.peer_state() {
        text.line("peer_state", peer_state);
    }
    if state == ServerState::Observer {
        // It may have become something else a moment ago.
        let master = match status.member.part() {
            Some(Part::Observing { leader, .. }) => leader.0,
            _ => -1,
        };
        text.line("observer_master_id", master);
    }
    let gauges = GAUGES.iter().filter(|gauge| gauge.on.has(state)).map(|gauge| &gauge.metric);
    ordered(gauges).iter().for_each(|gauge| text.number(gauge.name, gauge.number(status)));
    for set in &GAUGE_SETS {
        by_key((set.read)(status)).for_each(|(key, value)| text.line(&format!("{key}_{}", set.name), value));
    }
    ordered(COUNTERS.iter()).iter().for_each(|counter| text.number(counter.name, counter.number(status)));
    for set in &COUNTER_SETS {
        by_key((set.read)(status)).for_each(|(key, value)| text.line(&format!("{key}_{}", set.name), value));
    }
    ordered(BASIC_SUMMARIES.iter()).iter().for_each(|basic| text.totals(basic.name, basic.summary(status).totals));
    ordered(ADVANCED_SUMMARIES.iter())
        .iter()
        .for_each(|advanced| text.values(advanced.name, &advanced.summary(status)));
    for set in &BASIC_SETS {
        by_key((set.read)(status)).for_each(|(key, totals)| text.totals(&format!("{key}_{}", set.name), totals));
    }
    for set in &ADVANCED_SETS {
        by_key((set.read)(status)).for_each(|(key, values)| text.values(&format!("{key}_{}", set.name), &values));
    }
    paddocks(status, &mut text);
    text.0
}

/// What ZooKeeper does not have.
fn paddocks(status: &Status, text: &mut Lines) {
    let numbers = PADDOCK_GAUGES.iter().chain(&PADDOCK_COUNTERS);
    numbers.for_each(|metric| text.number(metric.name, metric.number(status)));
    PADDOCK_SUMMARIES.iter().for_each(|metric| text.values(metric.name, &metric.summary(status)));
    status.member.leading.waiting_for.for_each(|server, waiting| {
        text.totals(&format!("{}_{}", server.0, LEARNER_WAITING), waiting.totals());
    });
    status.member.leading.peers.for_each(|server, peer| {
        text.values(&format!("{}_{PEER_ACKNOWLEDGED}", server.0), &peer.acknowledged.values());
        text.values(&format!("{}_{PEER_AWAITED}", server.0), &peer.awaited.values());
    });
    for (former, now) in FORMER_KEYS {
        let metric = PADDOCK_GAUGES.iter().chain(&PADDOCK_COUNTERS).find(|metric| metric.name == now);
        text.number(former, metric.expect("it is told by its name of now").number(status));
    }
}

/// In the order of ZooKeeper's map.
fn ordered<'a>(metrics: impl Iterator<Item = &'a Metric> + Clone) -> Vec<&'a Metric> {
    let by_name: HashMap<&str, &'a Metric> = metrics.clone().map(|metric| (metric.name, metric)).collect();
    in_map_order(metrics.map(|metric| metric.name)).iter().map(|name| by_name[name]).collect()
}

fn by_key<V>(values: Vec<(String, V)>) -> impl Iterator<Item = (String, V)> {
    let names: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
    let places: HashMap<&str, usize> = in_map_order(names.iter().map(String::as_str))
        .into_iter()
        .enumerate()
        .map(|(place, name)| (name, place))
        .collect();
    let mut placed: Vec<(usize, (String, V))> =
        values.into_iter().map(|(name, value)| (places[&*name], (name, value))).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, value)| value)
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, key: &str, value: impl Display) {
        writeln!(self.0, "zk_{key}\t{value}").expect("writing to a String cannot fail");
    }

    fn number(&mut self, key: &str, number: Number) {
        match number {
            Number::Whole(value) => self.line(key, value),
            Number::Decimal(value) => self.line(key, java_double(value)),
        }
    }

    fn totals(&mut self, name: &str, totals: Totals) {
        let Totals { count, sum, min, max } = totals;
        self.line(&format!("avg_{name}"), java_double(rounded(totals.mean())));
        for (key, value) in [("min", min), ("max", max), ("cnt", count), ("sum", sum)] {
            self.line(&format!("{key}_{name}"), value);
        }
    }

    fn values(&mut self, name: &str, values: &Values) {
        self.totals(name, values.totals);
        for (key, quantile) in PERCENTILES {
            self.line(&format!("{key}_{name}"), values.percentile(quantile));
        }
    }
}
