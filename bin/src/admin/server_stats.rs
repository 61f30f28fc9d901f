//! The commands that tell what the server has done.

use hyper::StatusCode;
use paddock_consensus::output::Part;
use paddock_net::four_letter;
use paddock_net::metrics::java_double::rounded;
use paddock_net::metrics::render_mntr;
use paddock_net::server_state::ServerState;
use paddock_net::sizes::Sizes;
use paddock_net::status::Status;
use paddock_net::survey::Question;

use super::connections::brief_lists;
use super::json::{Fields, Json, named};
use super::outcome::{Outcome, Refusal};
use super::source::Source;

/// `server_stats`.
pub fn server_stats(source: &Source) -> Result<Outcome, Refusal> {
    Ok(Outcome::of(stats_fields(source)))
}

/// `stats`.
pub fn stats(source: &Source) -> Result<Outcome, Refusal> {
    let mut fields = stats_fields(source);
    fields.extend(brief_lists(source)?);
    Ok(Outcome::of(fields))
}

/// `stat_reset`.
pub fn reset(source: &Source) -> Result<Outcome, Refusal> {
    source.status.admin.reset();
    source.surveyor.ask(Question::ResetTotals, |_| true)?;
    Ok(Outcome::nothing())
}

/// `monitor`: what the word `mntr` tells.
pub fn monitor(source: &Source) -> Result<Outcome, Refusal> {
    let told = ServerState::of(&source.status).map(|state| render_mntr(state, &source.status));
    // ZooKeeper fails here where there is no server.
    let told =
        told.ok_or_else(|| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, four_letter::NOT_SERVING.trim_end()))?;
    Ok(Outcome::of(told.lines().filter_map(monitored).collect()))
}

/// A line of `mntr` as a field: numbers as they are told.
fn monitored(line: &str) -> Option<(String, Json)> {
    let (key, value) = line.split_once('\t')?;
    let key = key.strip_prefix("zk_").unwrap_or(key);
    let is_number = value.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let value = match value.parse::<f64>() {
        Ok(number) if is_number && number.is_finite() => Json::Digits(value.to_owned()),
        _ => value.into(),
    };
    Some((key.to_owned(), value))
}

fn stats_fields(source: &Source) -> Fields {
    let status = &source.status;
    let mut fields = named([
        ("version", status.version.as_str().into()),
        ("read_only", source.is_read_only().into()),
        ("server_stats", server_object(source)),
        ("client_response", responses(status)),
    ]);
    if let Some(Part::Leading { .. }) = status.member.part() {
        fields.extend(named([("proposal_stats", sizes(status.member.leading.proposals.told()))]));
    }
    fields.extend(named([("node_count", four_letter::node_count(status).into())]));
    fields
}

/// The sizes of replies to clients.
fn responses(status: &Status) -> Json {
    sizes(Sizes::told_together(status.reactors.iter().map(|reactor| &reactor.responses)))
}

/// The last, the least and the greatest size of something, bytes; -1 before there is any.
fn sizes([last, min, max]: [i64; 3]) -> Json {
    Json::object([("last_buffer_size", last.into()), ("min_buffer_size", min.into()), ("max_buffer_size", max.into())])
}

fn server_object(source: &Source) -> Json {
    let status = &source.status;
    let conf = (source.conf)();
    let (least, mean, most) = status.latency_millis();
    Json::object([
        ("packets_sent", status.sent().into()),
        ("packets_received", status.sum(|r| &r.received).into()),
        ("fsync_threshold_exceed_count", status.replica.slow_syncs.get().into()),
        ("client_response_stats", responses(status)),
        ("provider_null", false.into()),
        ("server_state", source.mode().into()),
        ("outstanding_requests", status.sum(|r| &r.outstanding).into()),
        ("min_latency", least.into()),
        ("avg_latency", Json::double(rounded(mean))),
        ("max_latency", most.into()),
        ("data_dir_size", conf.data_dir_bytes.into()),
        ("log_dir_size", conf.data_log_dir_bytes.into()),
        ("last_processed_zxid", four_letter::shown_zxid(status).into()),
        ("num_alive_client_connections", status.sum(|r| &r.connections).into()),
        ("auth_failed_count", status.sum(|r| &r.handshakes.refused).into()),
        ("non_mtlsremote_conn_count", status.sum(|r| &r.handshakes.plain_remote).into()),
        ("non_mtlslocal_conn_count", status.sum(|r| &r.handshakes.plain_local).into()),
        ("uptime", status.uptime_millis().into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::{Json, monitored};

    #[test]
    fn lines_of_mntr_become_fields() {
        let digits = |text: &str| Json::Digits(text.into());
        for (line, key, value) in [
            ("zk_uptime\t12", "uptime", digits("12")),
            ("zk_avg_latency\t0.5", "avg_latency", digits("0.5")),
            ("zk_p50_x\t-1", "p50_x", digits("-1")),
            ("zk_big\t1.2E7", "big", digits("1.2E7")),
            ("zk_version\t3.9.5, built on 2026", "version", "3.9.5, built on 2026".into()),
            ("zk_server_state\tleader", "server_state", "leader".into()),
            ("zk_quantile\tNaN", "quantile", "NaN".into()),
        ] {
            assert_eq!(monitored(line), Some((key.to_owned(), value)), "{line}");
        }
        assert_eq!(monitored("nonsense"), None);
    }
}
