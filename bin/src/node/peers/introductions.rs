//! What learners say that they are, beside what the configuration says.

use std::collections::BTreeSet;

use paddock_consensus::ServerId;
use paddock_consensus::config::{Configs, PeerType};

/// Of so many servers that no line names it is told, of each once.
const STRANGERS_MAX: usize = 64;

#[derive(Default, Debug)]
pub struct Introductions {
    told: BTreeSet<ServerId>,
    /// How many of them no line names.
    strangers: usize,
}

impl Introductions {
    /// A learner has said what it is. Returns what is to be told of it, for people to read.
    pub fn remark(&mut self, server: ServerId, peer_type: PeerType, configs: &Configs) -> Option<String> {
        let member = configs.committed.members().get(&server);
        let remark = match member {
            Some(member) if member.peer_type == peer_type => return None,
            Some(member) => format!(
                "server {} says that it is {}; the server lines here say {}: make them alike on all servers",
                server.0,
                name(peer_type),
                name(member.peer_type)
            ),
            None => format!(
                "server {} connects to follow this one, and no server line here is its; it gets everything and does not vote",
                server.0
            ),
        };
        if member.is_none() && self.strangers == STRANGERS_MAX || !self.told.insert(server) {
            return None;
        }
        self.strangers += usize::from(member.is_none());
        Some(remark)
    }
}

fn name(peer_type: PeerType) -> &'static str {
    match peer_type {
        PeerType::Participant => "a participant",
        PeerType::Observer => "an observer",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use paddock_consensus::ServerId;
    use paddock_consensus::config::{Config, Configs, PeerType};

    use super::{Introductions, STRANGERS_MAX};

    #[test]
    fn who_is_something_else_than_the_configuration_says_is_told_once() {
        let config = Config::parse("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2:observer\nversion=0");
        let configs = Configs::settled(Arc::new(config.expect("it is well formed")));
        let mut introductions = Introductions::default();
        let mut remark = |server, peer_type| introductions.remark(ServerId(server), peer_type, &configs);
        assert_eq!(remark(1, PeerType::Participant), None);
        let told = remark(1, PeerType::Observer).expect("it is a participant");
        assert!(told.starts_with("server 1 says that it is an observer; the server lines here say a participant"));
        assert_eq!(remark(1, PeerType::Observer), None, "it is told");
        assert_eq!(remark(3, PeerType::Observer), None);
        let told = remark(4, PeerType::Participant).expect("it has no line");
        assert!(told.starts_with("server 4 connects to follow this one, and no server line here is its"), "{told}");
        let told = (5..5 + 2 * STRANGERS_MAX as i64).filter(|server| remark(*server, PeerType::Observer).is_some());
        assert_eq!(told.count(), STRANGERS_MAX - 1);
        assert!(remark(3, PeerType::Participant).is_some(), "of a member there is always something to tell");
    }
}
