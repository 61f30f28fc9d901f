//! A configuration: who belongs to the ensemble, and how quorums are counted.

mod change;
mod config_of_data;
mod configs;
mod malformed;
mod member;
mod text;

pub use self::change::{Change, Refused};
pub use self::config_of_data::ConfigOfData;
pub use self::configs::Configs;
pub use self::malformed::Malformed;
pub use self::member::{HostPort, Member, PeerAddress, PeerType, ServerLine};
pub use self::text::TextError;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::quorum::QuorumSystem;
use crate::{ServerId, Zxid};

/// A member list with its version. Two of one version are the same.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    version: Zxid,
    members: BTreeMap<ServerId, Member>,
    quorum: QuorumSystem,
    text: Box<str>,
}

impl Config {
    /// `version` is the zxid of the transaction that made it, or 0 for one from a file. The voters of `quorum` are the
    /// participants among the members.
    ///
    /// # Panics
    /// If they are not.
    pub fn new(version: Zxid, members: BTreeMap<ServerId, Member>, quorum: QuorumSystem) -> Config {
        let participants = members.iter().filter(|(_, member)| member.peer_type == PeerType::Participant);
        assert!(participants.map(|(server, _)| *server).eq(quorum.voters()), "the participants vote, and nobody else");
        let text = text::write(version, &members, &quorum).into_boxed_str();
        Config { version, members, quorum, text }
    }

    /// Reads a [text](Config::text), or one in which a server's line has any form that `zoo.cfg` allows.
    pub fn parse(text: &str) -> Result<Config, TextError> {
        let text::Parts { version, members, quorum } = text::parse(text)?;
        let config = Config::new(version, members, quorum);
        // What is written in one form may be longer than what was read.
        text::check_length(&config.text)?;
        Ok(config)
    }

    /// The same members under another version.
    #[must_use]
    pub fn with_version(&self, version: Zxid) -> Config {
        Config::new(version, self.members.clone(), self.quorum.clone())
    }

    pub fn version(&self) -> Zxid {
        self.version
    }

    pub fn members(&self) -> &BTreeMap<ServerId, Member> {
        &self.members
    }

    pub fn quorum(&self) -> &QuorumSystem {
        &self.quorum
    }

    pub fn is_voter(&self, server: ServerId) -> bool {
        self.quorum.is_voter(server)
    }

    /// Whether a server votes in both, and others find its quorum port where it was: then it leads on, and whoever follows it
    /// stays. Hosts are compared as they are written. What a name stands for now is no part of a configuration, and a leader
    /// that compared that has judged itself to be another server, and committed nothing (ZOOKEEPER-3829, ZOOKEEPER-4708).
    pub fn keeps_leader(&self, since: &Config, leader: ServerId) -> bool {
        let ports = |member: &'_ Member| -> Vec<HostPort> {
            member.addresses.iter().map(|address| address.quorum.clone()).collect()
        };
        let [now, then] = [self, since].map(|config| config.members.get(&leader).map(ports));
        self.is_voter(leader) && since.is_voter(leader) && now == then
    }

    /// Whether those who vote in `former` and do not observe here are a quorum there. Whoever observes acknowledges nothing; whoever is
    /// no member any more does.
    pub fn leaves_quorum(&self, former: &Config) -> bool {
        let observes = |voter| self.members.get(&voter).is_some_and(|member| member.peer_type == PeerType::Observer);
        former.quorum.is_quorum(|voter| !observes(voter))
    }

    /// As ZooKeeper writes it, in NEWLEADER, in notifications and in the znode `/zookeeper/config`: a line for each server,
    /// then the version, without a newline at the end.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The version alone: the members are many words wherever a configuration is told of.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config({})", self.version)
    }
}
