//! Where other servers are.

use std::collections::BTreeSet;

use paddock_consensus::ServerId;
use paddock_consensus::config::{Configs, HostPort};

use super::links::Port;

/// Where a port of a server is: as the committed configuration says, and then as the last seen does. Of the observer master's port
/// they say the hosts alone: see [`observer_master_addresses`].
pub fn addresses(configs: &Configs, server: ServerId, port: Port) -> Vec<HostPort> {
    let mut addresses: Vec<HostPort> = Vec::new();
    for config in [&configs.committed, &configs.last_seen] {
        let member = config.members().get(&server);
        for address in member.into_iter().flat_map(|member| &member.addresses) {
            let address = match port {
                Port::Election => &address.election,
                Port::Quorum | Port::ObserverMaster => &address.quorum,
            };
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
    }
    addresses
}

/// The hosts of all servers of both configurations.
pub fn hosts(configs: &Configs) -> BTreeSet<Box<str>> {
    let members = [&configs.committed, &configs.last_seen].into_iter().flat_map(|config| config.members().values());
    members.flat_map(|member| &member.addresses).map(|address| address.quorum.host.clone()).collect()
}

/// Where a server with these quorum addresses serves observers, at the port that is the same of all: on the same hosts. Nowhere if
/// the port is 0.
pub fn observer_master_addresses(quorum: &[HostPort], port: u16) -> Vec<HostPort> {
    let mut addresses: Vec<HostPort> = Vec::new();
    for HostPort { host, .. } in quorum.iter().filter(|_| port != 0) {
        if addresses.iter().all(|address| address.host != *host) {
            addresses.push(HostPort { host: host.clone(), port });
        }
    }
    addresses
}
