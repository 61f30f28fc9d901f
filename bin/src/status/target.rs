//! Which server is asked.

use std::fmt;

use paddock_consensus::ServerId;
use paddock_consensus::config::HostPort;

/// A server's client port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Which one it is of a member list that has named it.
    pub server: Option<ServerId>,
    pub address: HostPort,
}

impl Target {
    /// `text` is HOST:PORT, with an IPv6 address in brackets; `None` if it is not.
    pub fn parse(text: &str) -> Option<Target> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port > 0)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_host = !host.is_empty() && !host.contains('/');
        is_host.then(|| Target { server: None, address: HostPort { host: host.into(), port } })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ServerId(number)) = self.server {
            write!(f, "server.{number} ")?;
        }
        self.address.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn addresses_are_told_from_files() {
        for (text, host, port) in
            [("zk1:2181", "zk1", 2181), ("10.0.0.1:1", "10.0.0.1", 1), ("[::1]:2181", "::1", 2181)]
        {
            let target = Target::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((&*target.address.host, target.address.port, target.to_string()), (host, port, text.to_owned()));
        }
        for text in ["zoo.cfg", "zk1", "zk1:", ":2181", "zk1:0", "zk1:65536", "/etc/zk:2181", "c:zoo.cfg", ""] {
            assert_eq!(Target::parse(text), None, "{text}");
        }
    }
}
