//! Configurations and settings for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use paddock_consensus::config::{Config, HostPort, Member, PeerAddress, PeerType};
use paddock_consensus::quorum::{GroupId, QuorumSystem, Share};
use paddock_consensus::settings::{Features, Ms, RENEW_FROM, Settings};
use paddock_consensus::{ServerId, Zxid};

/// More than half of the voters are a quorum.
pub fn majority(version: Zxid, voters: &[i64], observers: &[i64]) -> Arc<Config> {
    let counted = voters.iter().map(|voter| ServerId(*voter)).collect::<BTreeSet<_>>();
    Arc::new(Config::new(version, members(voters, observers), QuorumSystem::Majority(counted)))
}

/// Each voter with its group and weight.
pub fn groups(version: Zxid, voters: &[(i64, i64, u32)], observers: &[i64]) -> Arc<Config> {
    let ids: Vec<i64> = voters.iter().map(|(voter, ..)| *voter).collect();
    let share = |group, weight| Share { group: GroupId(group), weight };
    let shares = voters.iter().map(|(voter, group, weight)| (ServerId(*voter), share(*group, *weight)));
    Arc::new(Config::new(version, members(&ids, observers), QuorumSystem::Hierarchical(shares.collect())))
}

fn members(voters: &[i64], observers: &[i64]) -> BTreeMap<ServerId, Member> {
    let voters = voters.iter().map(|voter| (*voter, PeerType::Participant));
    let all = voters.chain(observers.iter().map(|observer| (*observer, PeerType::Observer)));
    all.map(|(server, peer_type)| (ServerId(server), member(server, peer_type))).collect()
}

/// More than half of the voters are a quorum, and a server has moved to another address.
pub fn moved(version: Zxid, voters: &[i64], observers: &[i64], server: i64) -> Arc<Config> {
    let config = majority(version, voters, observers);
    let mut members = config.members().clone();
    let member = members.get_mut(&ServerId(server)).expect("a member moves");
    member.addresses.iter_mut().for_each(|address| address.quorum.port += 1);
    Arc::new(Config::new(version, members, config.quorum().clone()))
}

/// The line with which a server joins.
pub fn joining_line(server: i64, role: &str) -> String {
    format!("server.{server}=server-{server}:2888:3888:{role};server-{server}:2181")
}

fn member(server: i64, peer_type: PeerType) -> Member {
    let at = |port| HostPort { host: format!("server-{server}").into(), port };
    Member { peer_type, addresses: vec![PeerAddress { quorum: at(2888), election: at(3888) }], client: None }
}

/// A tick of 100 ms; five of them for everything.
pub fn settings() -> Settings {
    Settings {
        tick: Ms(100),
        init_limit: 5,
        sync_limit: 5,
        connect_limit: 0,
        notification_interval_min: Ms(50),
        notification_interval_max: Ms(400),
        epoch_wait_max: None,
        reconfig_enabled: false,
        leader_serves: true,
        force_snapshot: false,
        observer_election_delay_max: Ms(50),
        read_only_mode: false,
        has_oracle: false,
        has_observer_masters: false,
        observer_reconnect_delay_max: Ms(0),
        features: Features::EXACT_TRUNC,
        renew_from: RENEW_FROM,
        seed: 1,
    }
}
