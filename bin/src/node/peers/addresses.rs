//! Where other servers are.

use paddock_consensus::ServerId;
use paddock_consensus::config::{Configs, HostPort};

use super::links::Port;

/// Where a port of a server is: as the committed configuration says, and then as the last seen does.
pub fn addresses(configs: &Configs, server: ServerId, port: Port) -> Vec<HostPort> {
    let mut addresses: Vec<HostPort> = Vec::new();
    for config in [&configs.committed, &configs.last_seen] {
        let member = config.members().get(&server);
        for address in member.into_iter().flat_map(|member| &member.addresses) {
            let address = match port {
                Port::Election => &address.election,
                Port::Quorum => &address.quorum,
            };
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
    }
    addresses
}
