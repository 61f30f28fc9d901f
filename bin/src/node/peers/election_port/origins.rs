//! From where servers connect: two servers with one id do it from two machines, and take the connection from each other.

use std::collections::{BTreeMap, BTreeSet};

use paddock_consensus::ServerId;

/// So many are told, each once.
const TOLD_MAX: usize = 64;

#[derive(Default, Debug)]
pub struct Origins {
    /// The host from which each member has connected last.
    last: BTreeMap<ServerId, Box<str>>,
    told: BTreeSet<(ServerId, Box<str>)>,
}

impl Origins {
    /// A member has connected. `from` is its address with a port. Returns the host of its connection before, if there may be two
    /// servers with that id and it is not told yet: there `is_connected` already, from another host.
    pub fn note(&mut self, server: ServerId, from: &str, is_connected: bool) -> Option<Box<str>> {
        let host: Box<str> = from.rsplit_once(':').map_or(from, |(host, _)| host).into();
        let before = self.last.insert(server, host.clone()).filter(|before| is_connected && *before != host)?;
        let is_new = self.told.len() < TOLD_MAX && self.told.insert((server, host));
        is_new.then_some(before)
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;

    use super::{Origins, TOLD_MAX};

    #[test]
    fn two_hosts_of_one_server_are_told_once_each() {
        let mut origins = Origins::default();
        let three = ServerId(3);
        assert_eq!(origins.note(three, "10.0.0.3:4000", false), None);
        assert_eq!(origins.note(three, "10.0.0.3:4001", true), None, "it is the same host");
        assert_eq!(origins.note(three, "10.0.0.4:4000", true).as_deref(), Some("10.0.0.3"));
        assert_eq!(origins.note(three, "10.0.0.3:4002", true).as_deref(), Some("10.0.0.4"));
        assert_eq!(origins.note(three, "10.0.0.4:4001", true), None, "it is told");
        assert_eq!(origins.note(three, "10.0.0.5:4001", false), None, "it may have moved");
        let told = (0..2 * TOLD_MAX).filter(|host| origins.note(three, &format!("[::{host}]:1"), true).is_some());
        assert_eq!(told.count(), TOLD_MAX - 2);
    }
}
