//! Whether an AdminServer is that of the server that was asked for: of several servers on a machine one alone has the port.

use std::net::{IpAddr, ToSocketAddrs};

use paddock_consensus::config::HostPort;

/// `told` is where clients reach the server, as it says itself. Names that cannot be looked up here say nothing against it.
pub fn is_of(asked: &HostPort, told: &HostPort) -> bool {
    asked.port == told.port && is_host(&asked.host, &told.host)
}

fn is_host(asked: &str, told: &str) -> bool {
    let is_everywhere = told.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified());
    if is_everywhere || asked.eq_ignore_ascii_case(told) {
        return true;
    }
    let (asked, told) = (addresses(asked), addresses(told));
    asked.is_empty() || told.is_empty() || asked.iter().any(|ip| told.contains(ip))
}

fn addresses(host: &str) -> Vec<IpAddr> {
    (host, 0).to_socket_addrs().map_or_else(|_| Vec::new(), |found| found.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::is_of;
    use crate::status::target::Target;

    #[track_caller]
    fn assert_is_of(asked: &str, told: &str, is: bool) {
        let [one, other] = [asked, told].map(|text| Target::parse(text).expect("an address").address);
        assert_eq!(is_of(&one, &other), is, "{asked} {told}");
    }

    #[test]
    fn a_server_is_known_by_its_port_and_by_the_address_that_it_is_bound_to() {
        assert_is_of("10.0.0.1:2181", "0.0.0.0:2181", true);
        assert_is_of("10.0.0.1:2181", "[::]:2181", true);
        assert_is_of("10.0.0.1:2181", "0.0.0.0:2182", false);
        assert_is_of("127.0.0.1:2181", "127.0.0.1:2181", true);
        assert_is_of("127.0.0.1:2181", "127.0.0.2:2181", false);
        assert_is_of("[::1]:2181", "127.0.0.1:2181", false);
        assert_is_of("localhost:2181", "127.0.0.1:2181", true);
        assert_is_of("localhost:2181", "10.0.0.1:2181", false);
        assert_is_of("ZK1.invalid:2181", "zk1.invalid:2181", true);
        assert_is_of("127.0.0.1:2181", "zk1.invalid:2181", true);
    }
}
