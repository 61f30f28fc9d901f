//! A configuration: who belongs to the ensemble, and how quorums are counted.

mod configs;
mod text;

pub use self::configs::Configs;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::quorum::QuorumSystem;
use crate::{ServerId, Zxid};

/// What part a server was given in the ensemble.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PeerType {
    /// One that votes, if it is in the configuration.
    Participant,
    Observer,
}

/// A host, as it was written, and a port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostPort {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: Box<str>,
    pub port: u16,
}

/// Where other servers reach a member: one of its addresses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PeerAddress {
    pub quorum: HostPort,
    pub election: HostPort,
}

/// A `server.N` line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    pub peer_type: PeerType,
    /// At least one.
    pub addresses: Vec<PeerAddress>,
    /// Where clients reach it, if the line says that.
    pub client: Option<HostPort>,
}

/// A member list with its version. Two of one version are the same.
#[derive(Clone, PartialEq, Eq, Debug)]
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

    /// As ZooKeeper writes it, in NEWLEADER, in notifications and in the znode `/zookeeper/config`: a line for each server,
    /// then the version, without a newline at the end.
    pub fn text(&self) -> &str {
        &self.text
    }
}
