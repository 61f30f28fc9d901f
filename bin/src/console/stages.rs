//! Where the time of a write goes, one stage behind the other.

use paddock_net::distribution::Values;
use paddock_net::stages::WriteStage;
use serde_json::{Value, json};

use crate::admin::Source;
use crate::admin::stages::values_of;

/// `stages`, since the start or since what counts events began anew. Times are microseconds. Writes of a server that orders
/// have other stages than those of one that does not (`net/src/stages.rs`): a stage that none went through has counted nothing.
pub fn stages(source: &Source) -> Value {
    let status = &source.status;
    let stages = WriteStage::ALL.map(|each| stage(each.name(), each.what(), &values_of(status, each)));
    let whole = Values::of_all(status.reactors.iter().map(|reactor| &reactor.updates.micros));
    json!({ "stages": stages, "whole": stage("all of it", "from the request to the answer", &whole) })
}

fn stage(name: &str, what: &str, values: &Values) -> Value {
    let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|quantile| values.percentile(quantile));
    json!({
        "name": name,
        "what": what,
        "count": values.totals.count,
        "sum_us": values.totals.sum,
        "p50": p50,
        "p90": p90,
        "p99": p99,
        "p999": p999,
    })
}

#[cfg(test)]
mod tests {
    use paddock_net::distribution::Distribution;

    use super::stage;

    #[test]
    fn a_stage_has_its_percentiles() {
        let noted = Distribution::default();
        (1..=10).for_each(|value| noted.note(value));
        let told = stage("queued", "it waits", &noted.values());
        assert_eq!((&told["name"], &told["count"], &told["sum_us"]), (&"queued".into(), &10.into(), &55.into()));
        assert_eq!((&told["what"], &told["p50"], &told["p99"]), (&"it waits".into(), &6.into(), &10.into()));
    }
}
