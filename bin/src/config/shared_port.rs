//! Whether two ports of the member list are one.

use std::net::IpAddr;

use paddock_consensus::config::HostPort;

/// What every address of a machine is called here.
const EVERYWHERE: &str = "0.0.0.0";

/// Every address of a machine.
fn is_unspecified(host: &str) -> bool {
    host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_unspecified())
}

/// The same for two ports that are written for two servers as if they were one place. Every address of a machine is another
/// machine's than a host is that is named.
pub fn spot(HostPort { host, port }: &HostPort) -> (String, u16) {
    let host = if is_unspecified(host) { EVERYWHERE.to_owned() } else { host.to_ascii_lowercase() };
    (host, *port)
}

/// Whether one server cannot open both.
pub fn collides(one: &HostPort, other: &HostPort) -> bool {
    if one.port != other.port {
        return false;
    }
    is_unspecified(&one.host) || is_unspecified(&other.host) || spot(one) == spot(other)
}

#[cfg(test)]
mod tests {
    use paddock_consensus::config::HostPort;

    use super::{collides, spot};

    #[test]
    fn two_ports_are_one_where_their_hosts_are() {
        let at = |host: &str, port| HostPort { host: host.into(), port };
        for (one, other, same, collide) in [
            (("zk1", 1), ("ZK1", 1), true, true),
            (("zk1", 1), ("zk1", 2), false, false),
            (("zk1", 1), ("zk2", 1), false, false),
            (("0.0.0.0", 1), ("0:0:0:0:0:0:0:0", 1), true, true),
            (("0.0.0.0", 1), ("zk2", 1), false, true),
            (("::ffff:0.0.0.0", 1), ("10.0.0.1", 1), false, true),
            (("0.0.0.0", 1), ("zk2", 2), false, false),
        ] {
            let (one, other) = (at(one.0, one.1), at(other.0, other.1));
            assert_eq!(spot(&one) == spot(&other), same, "{one} {other}");
            assert_eq!((collides(&one, &other), collides(&other, &one)), (collide, collide), "{one} {other}");
        }
    }
}
