//! The commands that tell of clients' connections.

use paddock_engine::acl::id_of_address;
use paddock_net::four_letter::{interest_ops, operation_name};
use paddock_net::survey::{ConnectionInfo, Piece, Question};

use super::json::{Fields, Json, named};
use super::list_cost::ListCost;
use super::outcome::{Outcome, Refusal};
use super::source::Source;

/// A connection takes about as many bytes.
const FULL_BYTES: usize = 560;
const BRIEF_BYTES: usize = 200;

/// `connections`.
pub fn connections(source: &Source) -> Result<Outcome, Refusal> {
    Ok(Outcome::of(lists(source, FULL_BYTES, &|connection| full(connection, source))?))
}

/// The connections in brief, for `stats`.
pub fn brief_lists(source: &Source) -> Result<Fields, Refusal> {
    lists(source, BRIEF_BYTES, &brief)
}

/// `connection_stat_reset`.
pub fn reset(source: &Source) -> Result<Outcome, Refusal> {
    source.surveyor.ask(Question::ResetConnections, |_| true)?;
    Ok(Outcome::nothing())
}

/// Those to `clientPort`, whatever they speak, and those to `secureClientPort`.
fn lists(source: &Source, bytes_each: usize, describe: &dyn Fn(&ConnectionInfo) -> Fields) -> Result<Fields, Refusal> {
    let ([mut plain, mut secure], mut cost) = ([Vec::new(), Vec::new()], ListCost::default());
    source.surveyor.ask(Question::Connections, |piece| {
        if let Piece::Connections(connections) = piece {
            for connection in &connections {
                let fields = describe(connection);
                // Each field has a name of its own.
                cost.add(2 * fields.len(), bytes_each);
                let list = if connection.is_secure { &mut secure } else { &mut plain };
                list.push(Json::Object(fields));
            }
        }
        cost.is_borne()
    })?;
    cost.check()?;
    Ok(named([("connections", Json::Array(plain)), ("secure_connections", Json::Array(secure))]))
}

fn brief(connection: &ConnectionInfo) -> Fields {
    named([
        ("remote_socket_address", address(connection).into()),
        ("interest_ops", u32::from(interest_ops(connection)).into()),
        ("outstanding_requests", connection.queued.into()),
        ("packets_received", connection.tally.received.into()),
        ("packets_sent", connection.tally.sent().into()),
    ])
}

fn full(connection: &ConnectionInfo, source: &Source) -> Fields {
    let tally = &connection.tally;
    // Java has no operation before the first answer, and `NA` after what is counted has begun anew.
    let is_new = tally.answered == 0 && tally.last_xid >= 0;
    let operation = (!is_new).then(|| tally.last_opcode.map_or("NA", operation_name));
    let last_response = tally.last_answer.map_or(0, |answer| source.status.clock.millis(answer));
    let least = if tally.answered == 0 { 0 } else { tally.latency_min };
    let mut fields = brief(connection);
    fields.extend(named([
        ("session_id", connection.session.into()),
        ("last_operation", operation.into()),
        ("established", tally.established_ms.into()),
        ("session_timeout", connection.timeout.into()),
        ("last_cxid", tally.last_xid.into()),
        ("last_zxid", tally.last_zxid.into()),
        ("last_response_time", last_response.into()),
        ("last_latency", tally.latency_last.into()),
        ("min_latency", least.into()),
        ("avg_latency", (tally.latency_sum / tally.answered.max(1)).into()),
        ("max_latency", tally.latency_max.into()),
    ]));
    fields
}

/// As Jackson tells an address that has no name.
fn address(connection: &ConnectionInfo) -> String {
    let (host, port) = (id_of_address(connection.address), connection.port);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use paddock_net::survey::ConnectionInfo;
    use paddock_net::tally::Tally;

    use super::{address, brief};
    use crate::admin::json::Json;

    fn connection(address: &str) -> ConnectionInfo {
        ConnectionInfo {
            address: address.parse().expect("an address"),
            port: 4000,
            is_secure: false,
            is_read: true,
            is_written: true,
            queued: 3,
            session: 0,
            timeout: 0,
            heard: Instant::now(),
            tally: Tally { received: 5, sent_besides: 4, ..Tally::new(1_700_000_000_000) },
        }
    }

    #[test]
    fn addresses_are_those_of_jackson() {
        assert_eq!(address(&connection("10.0.0.1")), "10.0.0.1:4000");
        assert_eq!(address(&connection("::1")), "[0:0:0:0:0:0:0:1]:4000");
    }

    #[test]
    fn a_connection_in_brief() {
        let expected = "{\n  \"remote_socket_address\" : \"10.0.0.1:4000\",\n  \"interest_ops\" : 5,\n  \
                        \"outstanding_requests\" : 3,\n  \"packets_received\" : 5,\n  \"packets_sent\" : 4\n}";
        assert_eq!(Json::Object(brief(&connection("10.0.0.1"))).print(), expected);
    }
}
