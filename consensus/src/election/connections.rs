//! The connections to the voters on the election port.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::config::Configs;
use crate::input::Event;
use crate::{Output, ServerId};

/// To whom of the voters there is a connection, and who is being dialled. Others connect too, and are answered, but are not
/// remembered here: the table is never longer than the list of voters.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Connections {
    /// A voter that is not here has no connection, and no attempt is under way.
    voters: BTreeMap<ServerId, Connection>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Connection {
    /// One attempt is under way.
    Dialling,
    Up,
}

impl Connections {
    /// Is to be called for each event of the election port, whatever the server's role is.
    ///
    /// A connection ends the attempt that is under way, by whichever side it was begun.
    pub fn on_event(&mut self, configs: &Configs, peer: ServerId, event: Event) {
        let was_up = self.is_up(peer);
        match event {
            Event::Up if configs.is_voter(peer) => {
                self.voters.insert(peer, Connection::Up);
            }
            // Whoever has left the ensemble since it was dialled is not remembered, nor is the attempt, which is over.
            Event::Up => {
                self.voters.remove(&peer);
            }
            Event::Refused if !was_up => {
                self.voters.remove(&peer);
            }
            Event::Down if was_up => {
                self.voters.remove(&peer);
            }
            // An attempt that came to nothing beside a connection; the end of a connection that was replaced.
            Event::Refused | Event::Down => {}
        }
    }

    pub fn is_up(&self, voter: ServerId) -> bool {
        self.voters.get(&voter) == Some(&Connection::Up)
    }

    /// Those who vote no more are forgotten.
    pub(super) fn keep_voters(&mut self, configs: &Configs) {
        self.voters.retain(|voter, _| configs.is_voter(*voter));
    }

    /// Dials this voter, unless there is a connection or an attempt.
    pub(crate) fn dial(&mut self, voter: ServerId, out: &mut Vec<Output>) {
        self.voters.entry(voter).or_insert_with(|| {
            out.push(Output::Dial(voter));
            Connection::Dialling
        });
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    use super::Connections;
    use crate::config::{Config, Configs, HostPort, Member, PeerAddress, PeerType};
    use crate::input::Event;
    use crate::quorum::QuorumSystem;
    use crate::{ServerId, Zxid};

    fn configs(voters: &[i64]) -> Configs {
        let host = HostPort { host: "localhost".into(), port: 2888 };
        let address = PeerAddress { quorum: host.clone(), election: host };
        let member = Member { peer_type: PeerType::Participant, addresses: Vec::from([address]), client: None };
        let voters: BTreeSet<ServerId> = voters.iter().map(|voter| ServerId(*voter)).collect();
        let members: BTreeMap<ServerId, Member> = voters.iter().map(|voter| (*voter, member.clone())).collect();
        Configs::settled(Arc::new(Config::new(Zxid::ZERO, members, QuorumSystem::Majority(voters))))
    }

    #[test]
    fn one_attempt_is_under_way_at_most() {
        let (configs, peer) = (configs(&[1, 2]), ServerId(2));
        let (mut connections, mut out) = (Connections::default(), Vec::new());
        let mut dials = |connections: &mut Connections| {
            connections.dial(peer, &mut out);
            core::mem::take(&mut out).len()
        };
        assert_eq!((dials(&mut connections), dials(&mut connections)), (1, 0));
        connections.on_event(&configs, peer, Event::Down);
        assert_eq!(dials(&mut connections), 0, "an earlier connection ended, not the attempt");
        connections.on_event(&configs, peer, Event::Refused);
        assert_eq!((dials(&mut connections), dials(&mut connections)), (1, 0));
        connections.on_event(&configs, peer, Event::Up);
        connections.on_event(&configs, peer, Event::Refused);
        assert!(connections.is_up(peer), "the other side was quicker");
        assert_eq!(dials(&mut connections), 0);
        connections.on_event(&configs, peer, Event::Down);
        assert_eq!(dials(&mut connections), 1);
    }

    #[test]
    fn who_leaves_while_it_is_dialled_can_be_dialled_when_it_comes_back() {
        let (mut connections, mut out) = (Connections::default(), Vec::new());
        connections.dial(ServerId(2), &mut out);
        connections.on_event(&configs(&[1, 3]), ServerId(2), Event::Up);
        connections.dial(ServerId(2), &mut out);
        assert_eq!(out.len(), 2);
    }

    #[test]
    fn strangers_are_not_remembered() {
        let mut connections = Connections::default();
        for stranger in 3..1000 {
            connections.on_event(&configs(&[1, 2]), ServerId(stranger), Event::Up);
        }
        assert_eq!(connections, Connections::default());
        connections.on_event(&configs(&[1, 2]), ServerId(2), Event::Up);
        connections.keep_voters(&configs(&[1]));
        assert_eq!(connections, Connections::default());
    }
}
