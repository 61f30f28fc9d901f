//! Prometheus' text format 0.0.4, as ZooKeeper's provider writes it by the library simpleclient: counters without `_total`, a comma
//! behind every label, and each metric's name as its help.
//!
//! Its families come in an order of their own at each start; here it is that of the tables. Quantiles are those of a [`Window`], and
//! NaN where it has no value. By namespace they always are: there only sums are kept. A set
//! without a key is told of by its family alone, as by ZooKeeper.

use std::time::Instant;

use super::advanced_summaries::ADVANCED_SUMMARIES;
use super::basic_summaries::BASIC_SUMMARIES;
use super::counters::COUNTERS;
use super::exposition::Exposition;
use super::gauges::GAUGES;
use super::metric::{Metric, Number};
use super::paddocks::{
    LEARNER_WAITING, PADDOCK_COUNTERS, PADDOCK_GAUGES, PADDOCK_SUMMARIES, PEER_ACKNOWLEDGED, PEER_AWAITED,
};
use super::process::Process;
use super::sets::{ABSENT_SETS, ADVANCED_SETS, BASIC_SETS, COUNTER_SETS, GAUGE_SETS};
use super::window::Window;
use crate::counter::Totals;
use crate::distribution::{Distribution, Values, value_at};
use crate::server_state::ServerState;
use crate::stages::PeerStages;
use crate::status::Status;

/// Quantiles of a summary without percentiles, and of one with some.
const BASIC: &[(&str, f64)] = &[("0.5", 0.5)];
const ADVANCED: &[(&str, f64)] = &[("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99)];

/// All metrics at this moment. `state` is `None` while nobody is served: then there are no gauges of ZooKeeper's, as from ZooKeeper.
/// `process` is `None` where the operator wants no figures of the process.
pub fn render_prometheus(
    state: Option<ServerState>,
    status: &Status,
    window: &mut Window,
    now: Instant,
    process: Option<&Process>,
) -> String {
    let mut text = Exposition::default();
    window.begin(now);
    if let Some(state) = state {
        gauges(state, status, &mut text);
    }
    for counter in &COUNTERS {
        text.number(counter, "counter", counter.name, status);
    }
    for set in &COUNTER_SETS {
        text.family(set.name, set.name, "counter");
        (set.read)(status).iter().for_each(|(key, value)| text.sample(set.name, &[("key", &key[..])], *value as f64));
    }
    for (summaries, quantiles) in [(&BASIC_SUMMARIES[..], BASIC), (&ADVANCED_SUMMARIES[..], ADVANCED)] {
        for summary in summaries {
            text.family(summary.name, summary.name, "summary");
            text.summary(summary.name, None, quantiles, &summary.summary(status), window);
        }
    }
    summaries_by_key(status, &mut text, window);
    paddocks(status, &mut text, window);
    window.end();
    if let Some(process) = process {
        process.render(&mut text);
    }
    text.finish()
}

fn gauges(state: ServerState, status: &Status, text: &mut Exposition) {
    for gauge in GAUGES.iter().filter(|gauge| gauge.on.is_exposed(state)) {
        let Metric { name, .. } = gauge.metric;
        if gauge.on.has(state) {
            text.number(&gauge.metric, "gauge", name, status);
        } else {
            text.family(name, name, "gauge");
            text.sample(name, &[], 0.0);
        }
    }
    for set in &GAUGE_SETS {
        text.family(set.name, set.name, "gauge");
        (set.read)(status).iter().for_each(|(key, value)| text.sample(set.name, &[("key", &key[..])], *value as f64));
    }
}

fn summaries_by_key(status: &Status, text: &mut Exposition, window: &mut Window) {
    for set in &BASIC_SETS {
        text.family(set.name, set.name, "summary");
        for (key, totals) in (set.read)(status) {
            text.sample(set.name, &[("key", &key[..]), ("quantile", "0.5")], f64::NAN);
            text.totals(set.name, Some(&key[..]), totals);
        }
    }
    for set in &ADVANCED_SETS {
        text.family(set.name, set.name, "summary");
        for (key, values) in (set.read)(status) {
            text.summary(set.name, Some(&key[..]), ADVANCED, &values, window);
        }
    }
    for (name, _) in ABSENT_SETS {
        text.family(name, name, "summary");
    }
}

/// What ZooKeeper does not have.
fn paddocks(status: &Status, text: &mut Exposition, window: &mut Window) {
    for (metrics, kind) in [(&PADDOCK_GAUGES[..], "gauge"), (&PADDOCK_COUNTERS[..], "counter")] {
        metrics.iter().for_each(|metric| text.number(metric, kind, metric.what, status));
    }
    for summary in &PADDOCK_SUMMARIES {
        text.family(summary.name, summary.what, "summary");
        text.summary(summary.name, None, ADVANCED, &summary.summary(status), window);
    }
    let name = LEARNER_WAITING;
    text.family(name, "bytes that wait to be sent on the link to a learner, by server", "summary");
    status.member.leading.waiting_for.for_each(|server, waiting| {
        text.summary(name, Some(&server.0.to_string()[..]), ADVANCED, &waiting.values(), window);
    });
    type Of = fn(&PeerStages) -> &Distribution;
    let acknowledged: (&str, &str, Of) =
        (PEER_ACKNOWLEDGED, "from when this leader sent a transaction to when a server acknowledged it", |peer| {
            &peer.acknowledged
        });
    let awaited: (&str, &str, Of) =
        (PEER_AWAITED, "the same, of those transactions that this acknowledgement committed", |peer| &peer.awaited);
    for (name, help, of) in [acknowledged, awaited] {
        text.family(name, help, "summary");
        status.member.leading.peers.for_each(|server, peer| {
            text.summary(name, Some(&server.0.to_string()[..]), ADVANCED, &of(peer).values(), window);
        });
    }
}

impl Exposition {
    fn number(&mut self, metric: &Metric, kind: &str, help: &str, status: &Status) {
        self.family(metric.name, help, kind);
        let value = match metric.number(status) {
            Number::Whole(value) => value as f64,
            Number::Decimal(value) => value,
        };
        self.sample(metric.name, &[], value);
    }

    fn summary(
        &mut self,
        name: &str,
        key: Option<&str>,
        quantiles: &[(&str, f64)],
        values: &Values,
        window: &mut Window,
    ) {
        let recent = match key {
            Some(key) => window.recent(&format!("{name} {key}"), values.counts()),
            None => window.recent(name, values.counts()),
        };
        for (quantile, part) in quantiles {
            let value = quantile_of(&recent, *part);
            match key {
                Some(key) => self.sample(name, &[("key", key), ("quantile", *quantile)], value),
                None => self.sample(name, &[("quantile", *quantile)], value),
            }
        }
        self.totals(name, key, values.totals);
    }

    fn totals(&mut self, name: &str, key: Option<&str>, totals: Totals) {
        let label = key.map(|key| [("key", key)]);
        let labels = label.as_ref().map_or(&[][..], |label| &label[..]);
        self.sample(&format!("{name}_count"), labels, totals.count as f64);
        self.sample(&format!("{name}_sum"), labels, totals.sum as f64);
    }
}

/// The value that so large a part of all is not above; NaN if there is none.
fn quantile_of(counts: &[u64], part: f64) -> f64 {
    let count: u64 = counts.iter().sum();
    let place = ((part * count as f64).ceil() as u64).max(1);
    value_at(counts, place).map_or(f64::NAN, |value| value as f64)
}

#[cfg(test)]
mod tests {
    use super::quantile_of;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        assert!(quantile_of(&[0, 0], 0.5).is_nan());
        let counts = [0, 6, 3, 1];
        assert_eq!([0.5, 0.9, 0.99].map(|part| quantile_of(&counts, part)), [1.0, 2.0, 3.0]);
    }
}
