//! The commands that tell of the ensemble.

use std::sync::atomic::Ordering;

use paddock_consensus::config::{HostPort, Member, PeerAddress, PeerType};
use paddock_consensus::output::Part;
use paddock_consensus::{Epoch, ServerId, Zxid};
use paddock_engine::acl::id_of_address;
use paddock_net::observers::ObserverFigures;

use super::json::{Fields, Json, named};
use super::outcome::{Outcome, Refusal};
use super::source::Source;

/// `leader`.
pub fn leader(source: &Source) -> Result<Outcome, Refusal> {
    let part = source.status.member.part();
    let Some((me, config)) = source.membership() else {
        return Ok(Outcome::of(named([("error", "server is not initialized".into())])));
    };
    let leader = match part {
        Some(Part::Leading { .. }) => Some(me),
        Some(Part::Following { leader, .. } | Part::Observing { leader, .. }) => Some(leader),
        _ => None,
    };
    let host = leader.and_then(|leader| config.members().get(&leader)).map(hosts).unwrap_or_default();
    Ok(Outcome::of(named([
        ("is_leader", (leader == Some(me)).into()),
        ("leader_id", leader.map_or(-1, |ServerId(id)| id).into()),
        ("leader_ip", host.into()),
    ])))
}

fn hosts(member: &Member) -> String {
    let hosts: Vec<&str> = member.addresses.iter().map(|address| &*address.quorum.host).collect();
    hosts.join("|")
}

/// `voting_view`.
pub fn voting_view(source: &Source) -> Result<Outcome, Refusal> {
    let view = source.membership().map_or_else(Vec::new, |(me, config)| {
        let voters = config.members().iter().filter(|(id, _)| config.is_voter(**id));
        let own = |id: ServerId| (id == me).then(|| own_client_address(source));
        let client = |id: ServerId, member: &Member| member.client.clone().or_else(|| own(id));
        voters.map(|(id, member)| (id.0.to_string(), member_view(member, client(*id, member)))).collect()
    });
    Ok(Outcome::of(named([("current_config", Json::Object(view))])))
}

/// Where clients reach this server if its line does not say that: a ZooKeeper knows it of itself, and of no other.
fn own_client_address(source: &Source) -> HostPort {
    HostPort { host: id_of_address(source.client_ip).into(), port: (source.conf)().any_client_port() }
}

fn member_view(member: &Member, client: Option<HostPort>) -> Json {
    let addresses =
        |of: fn(&PeerAddress) -> &HostPort| Json::array(member.addresses.iter().map(|address| of(address).to_string()));
    let learner_type = match member.peer_type {
        PeerType::Participant => "participant",
        PeerType::Observer => "observer",
    };
    Json::object([
        ("server_addresses", addresses(|address| &address.quorum)),
        ("election_addresses", addresses(|address| &address.election)),
        ("client_address", client.map(|client| client.to_string()).unwrap_or_default().into()),
        ("learner_type", learner_type.into()),
    ])
}

/// `zabstate`. As in ZooKeeper, a member that does not serve says nothing here: one that does is in the last phase of its part.
pub fn zab_state(source: &Source) -> Result<Outcome, Refusal> {
    let part = source.status.member.part();
    let Some(((me, config), part)) = source.membership().zip(part).filter(|_| source.serves()) else {
        return Ok(Outcome::of(named([("voting", false.into()), ("zabstate", "".into())])));
    };
    let member = config.members().get(&me);
    let zxid = Zxid(source.status.replica.zxid.load(Ordering::Relaxed));
    let Epoch(epoch) = zxid.epoch();
    let mut fields = named([("myid", me.0.into()), ("is_leader", matches!(part, Part::Leading { .. }).into())]);
    fields.extend(member_addresses(source, member));
    fields.extend(named([
        ("voting", config.is_voter(me).into()),
        ("last_zxid", format!("0x{:x}", zxid.0).into()),
        ("zab_epoch", i64::from(epoch).into()),
        ("zab_counter", zxid.counter().into()),
        ("zabstate", "broadcast".into()),
    ]));
    Ok(Outcome::of(fields))
}

fn member_addresses(source: &Source, member: Option<&Member>) -> Fields {
    let client = member.map(|member| member.client.clone().unwrap_or_else(|| own_client_address(source)));
    let addresses = |of: fn(&PeerAddress) -> &HostPort| {
        let list = member.into_iter().flat_map(|member| &member.addresses);
        several_addresses(&list.map(of).collect::<Vec<_>>())
    };
    named([
        ("quorum_address", addresses(|address| &address.quorum)),
        ("election_address", addresses(|address| &address.election)),
        ("client_address", client.map(|client| client.to_string()).into()),
    ])
}

/// The addresses of one server as Jackson tells ZooKeeper's class of them. All are told as if they could be reached: this server
/// does not try that for a command.
fn several_addresses(addresses: &[&HostPort]) -> Json {
    let all = || Json::array(addresses.iter().map(|address| address.to_string()));
    let first = || Json::from(addresses.first().map(|address| address.to_string()));
    // The address that stands for all of a machine's, as Java has it: that of IPv4, whatever the hosts are.
    let wildcards = distinct(addresses.iter().map(|address| format!("0.0.0.0:{}", address.port)));
    Json::object([
        ("empty", addresses.is_empty().into()),
        ("all_addresses", all()),
        ("wildcard_addresses", Json::array(wildcards)),
        ("all_ports", Json::array(distinct(addresses.iter().map(|address| address.port)))),
        ("all_host_strings", Json::array(distinct(addresses.iter().map(|address| &*address.host)))),
        ("reachable_address", first()),
        ("all_reachable_addresses", all()),
        ("all_reachable_addresses_or_all", all()),
        ("reachable_or_one", first()),
        ("one", first()),
    ])
}

/// Each of them once, where it comes first.
fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// `observers`.
pub fn observers(source: &Source) -> Result<Outcome, Refusal> {
    let observers = source.status.member.observers.told();
    let told = observers.iter().map(observer);
    Ok(Outcome::of(named([("synced_observers", observers.len().into()), ("observers", Json::Array(told.collect()))])))
}

fn observer(observer: &ObserverFigures<Box<str>>) -> Json {
    let ObserverFigures { server, address, established_ms, queued_packets, queued_bytes, counts, zxid } = observer;
    Json::object([
        ("remote_socket_address", format!("/{address}").into()),
        ("sid", server.0.into()),
        ("established", (*established_ms).into()),
        ("queued_packets", (*queued_packets).into()),
        ("queued_packets_size", (*queued_bytes).into()),
        ("packets_received", counts.received.into()),
        ("packets_sent", counts.sent.into()),
        ("requests", counts.requests.into()),
        ("last_zxid", (*zxid).into()),
    ])
}

/// `observer_connection_stat_reset`.
pub fn reset_observers(source: &Source) -> Result<Outcome, Refusal> {
    source.status.member.observers.reset();
    Ok(Outcome::nothing())
}

#[cfg(test)]
mod tests {
    use paddock_consensus::config::ServerLine;

    use super::{hosts, member_view, several_addresses};

    #[test]
    fn a_member_is_told_by_its_line() {
        let member = ServerLine::parse("a:1:2|b:3:4;0.0.0.0:5").expect("a line").member;
        assert_eq!(hosts(&member), "a|b");
        let expected = "{\n  \"server_addresses\" : [ \"a:1\", \"b:3\" ],\n  \"election_addresses\" : [ \"a:2\", \"b:4\" ],\n  \
                        \"client_address\" : \"0.0.0.0:5\",\n  \"learner_type\" : \"participant\"\n}";
        assert_eq!(member_view(&member, member.client.clone()).print(), expected);
        let addresses: Vec<_> = member.addresses.iter().map(|address| &address.quorum).collect();
        let told = several_addresses(&addresses).print();
        assert!(told.contains("\"all_ports\" : [ 1, 3 ]") && told.contains("\"one\" : \"a:1\""), "{told}");
        assert!(several_addresses(&[]).print().contains("\"one\" : null"));
        let member = ServerLine::parse("a:1:2|b:1:3;5").expect("a line").member;
        let addresses: Vec<_> = member.addresses.iter().map(|address| &address.quorum).collect();
        let told = several_addresses(&addresses).print();
        assert!(told.contains("\"wildcard_addresses\" : [ \"0.0.0.0:1\" ],\n  \"all_ports\" : [ 1 ]"), "{told}");
    }
}
