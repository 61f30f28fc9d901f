//! What a request to change the ensemble makes of its configuration.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::malformed::{Malformed, shown};
use super::member::{HostPort, Member, PeerType, ServerLine};
use super::text::{self, TextError};
use super::{Config, Configs};
use crate::quorum::QuorumSystem;
use crate::{ServerId, Zxid};

/// The config id of a request that does not say which configuration it changes.
const ANY_CONFIG: i64 = -1;

/// Members that a configuration has at least: one that votes alone is a server that stands alone, unless that is switched off.
const VOTERS_MIN: usize = 2;

const JOINER: &str = "server.N=host:quorumPort:electionPort[:role];[host:]clientPort, with commas between servers";

/// A `reconfig` request. With `members` it replaces the whole list, and says nothing else; without, it edits the list that
/// there is: first servers leave, then others join, where a server that is there already takes its new line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change<'a> {
    /// `server.N` lines with commas between them, each with a client's listener.
    pub joining: Option<&'a str>,
    /// Server ids with commas between them. Who is no member cannot leave, and is not missed.
    pub leaving: Option<&'a str>,
    /// A [text](Config::text) of all members, with commas or newlines between its lines. Its version counts for nothing.
    pub members: Option<&'a str>,
    /// The version of the configuration that is to be changed; -1 is any.
    pub config_id: i64,
}

/// Why a request to change the ensemble is refused: the names are those of ZooKeeper's codes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Another change is under way.
    ReconfigInProgress,
    /// The request changes another configuration than the one there is.
    BadVersion {
        there_is: Zxid,
    },
    BadArguments(Malformed),
    /// What is to be a number is none: ZooKeeper has no better word for it.
    Marshalling(Malformed),
    /// No quorum of the new voters is connected to the leader, with everything that it has.
    NewConfigNoQuorum,
}

impl Change<'_> {
    /// The configuration that this makes of the one that was seen last, with `version`, the zxid of the transaction that will
    /// bring it. Everything is looked at in ZooKeeper's order, except whether the new voters
    /// [would be a quorum](crate::Zab::would_have_quorum), which comes last and is the leader's to know.
    pub fn apply(&self, configs: &Configs, standalone_enabled: bool, version: Zxid) -> Result<Config, Refused> {
        let present = &configs.last_seen;
        if present.version() != configs.committed.version() {
            return Err(Refused::ReconfigInProgress);
        }
        if self.config_id != ANY_CONFIG && self.config_id != present.version().0 {
            return Err(Refused::BadVersion { there_is: present.version() });
        }
        match self.members {
            Some(members) => replace(members, standalone_enabled, version),
            None => self.edit(present, standalone_enabled, version),
        }
    }

    fn edit(&self, present: &Config, standalone_enabled: bool, version: Zxid) -> Result<Config, Refused> {
        if let QuorumSystem::Hierarchical(_) = present.quorum() {
            let problem = "servers join and leave, and there are groups of servers";
            return Err(bad_arguments(problem, "the whole list of servers, with their groups"));
        }
        let mut members = present.members().clone();
        for leaving in items(self.leaving) {
            members.remove(&ServerId(parse_number(leaving)?));
        }
        for joining in items(self.joining) {
            let (server, member) = parse_joiner(joining)?;
            check_apart(server, &member, &members)?;
            members.insert(server, member);
        }
        let voters = members.iter().filter(|(_, member)| member.peer_type == PeerType::Participant);
        let voters: BTreeSet<ServerId> = voters.map(|(server, _)| *server).collect();
        check_voters(voters.len(), standalone_enabled)?;
        text::check_count(members.len()).map_err(Refused::BadArguments)?;
        checked(Config::new(version, members, QuorumSystem::Majority(voters)))
    }
}

/// The configuration of a whole list.
fn replace(members: &str, standalone_enabled: bool, version: Zxid) -> Result<Config, Refused> {
    text::check_length(members).map_err(|error| Refused::BadArguments(error.malformed))?;
    let lines = members.replace(',', "\n");
    check_numbers(&lines)?;
    let config = Config::parse(&lines).map_err(|TextError { malformed, .. }| {
        let has_observers = || lines.lines().any(|line| line.trim_start().starts_with("server."));
        match malformed == text::without_participant() && (!standalone_enabled || has_observers()) {
            // ZooKeeper reads it as a file, of a server that stands alone if that is allowed, which nobody can observe.
            true => Refused::Marshalling(malformed),
            false => Refused::BadArguments(malformed),
        }
    })?;
    let voters = config.quorum().voters().count();
    if standalone_enabled && voters < VOTERS_MIN && voters < config.members().len() {
        // The same.
        return Err(Refused::Marshalling(too_few(voters)));
    }
    check_voters(voters, standalone_enabled)?;
    checked(config.with_version(version))
}

/// Whether what is to be a number in the lines of a list is one, before anything else is asked of them.
fn check_numbers(lines: &str) -> Result<(), Refused> {
    for line in lines.lines().map(str::trim).filter(|line| !line.starts_with(['#', '!'])) {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let (key, value) = (key.trim_end(), value.trim_start());
        let number = ["server.", "group.", "weight."].into_iter().find_map(|kind| key.strip_prefix(kind));
        number.map_or(Ok(0), parse_number)?;
        if key.starts_with("server.") {
            check_ports(value)?;
        }
        if key.starts_with("group.") {
            value.split(':').try_for_each(|server| parse_number(server).map(drop))?;
        } else if key.starts_with("weight.") {
            parse_number(value)?;
        } else if key == "version" && i64::from_str_radix(value, 16).is_err() {
            return Err(not_a_number(value));
        }
    }
    Ok(())
}

/// Whether the numbers where a server's line has ports can be ports. What is none otherwise, and whatever stands behind that, is
/// for whoever reads the line.
fn check_ports(line: &str) -> Result<(), Refused> {
    let mut parts = line.split(';');
    let addresses = parts.next().unwrap_or_default();
    for listener in parts.take(2).filter(|listener| !listener.is_empty()) {
        let pieces = pieces(listener);
        let port = pieces.last().filter(|_| pieces.len() <= 2).and_then(|port| port.parse().ok());
        let Some(port) = port else { return Ok(()) };
        check_port(port)?;
    }
    for address in addresses.split('|') {
        let pieces = pieces(address);
        let ports = pieces.get(1..3).filter(|_| pieces.len() <= 4);
        for port in ports.into_iter().flatten() {
            let Ok(port) = port.parse() else { return Ok(()) };
            check_port(port)?;
        }
        if ports.is_none() {
            return Ok(());
        }
    }
    Ok(())
}

/// A host, which may stand in brackets, and what is behind it.
fn pieces(address: &str) -> Vec<&str> {
    let host = address.strip_prefix('[').and_then(|bracketed| bracketed.split_once("]:"));
    match host {
        Some((host, rest)) => core::iter::once(host).chain(rest.split(':')).collect(),
        None => address.split(':').collect(),
    }
}

fn check_port(port: i32) -> Result<(), Refused> {
    match u16::try_from(port) {
        Ok(_) => Ok(()),
        Err(_) => Err(Refused::Marshalling(Malformed::new(format!("{port} is not a port"), "0 to 65535"))),
    }
}

/// What stands between commas, without empty pieces.
fn items(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.into_iter().flat_map(|list| list.split(',')).map(str::trim).filter(|item| !item.is_empty())
}

fn parse_joiner(joining: &str) -> Result<(ServerId, Member), Refused> {
    let mut parts = joining.split('=').map(str::trim).filter(|part| !part.is_empty());
    let (Some(key), Some(line), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(bad_arguments(format!("{} is no server", shown(joining)), JOINER));
    };
    let id = parse_number(key.rsplit('.').next().unwrap_or(key))?;
    if id < 0 {
        return Err(bad_arguments(format!("{id} is not a server id"), JOINER));
    }
    check_ports(line)?;
    let ServerLine { member, secure_client } = ServerLine::parse(line).map_err(Refused::BadArguments)?;
    if secure_client.is_some() {
        let problem = format!("server {id} has a listener for TLS clients, which servers do not tell each other");
        return Err(bad_arguments(problem, JOINER));
    }
    if member.client.is_none() {
        return Err(bad_arguments(format!("server {id} lacks a client's listener"), JOINER));
    }
    Ok((ServerId(id), member))
}

/// Whether no other server listens where this one would.
fn check_apart(server: ServerId, member: &Member, members: &BTreeMap<ServerId, Member>) -> Result<(), Refused> {
    let taken = |other: &Member| listeners(other).any(|one| listeners(member).any(|own| is_same(own, one)));
    match members.iter().find(|(id, other)| **id != server && taken(other)) {
        None => Ok(()),
        Some((other, _)) => {
            let problem = format!("an address of server {} is one of server {}", server.0, other.0);
            Err(bad_arguments(problem, "addresses of its own for each server"))
        }
    }
}

/// Where a member listens, as far as others can tell that from where they do: every machine has addresses of its own for itself.
fn listeners(member: &Member) -> impl Iterator<Item = &HostPort> {
    let peers = member.addresses.iter().flat_map(|address| [&address.quorum, &address.election]);
    peers.chain(&member.client).filter(|listener| !is_everywhere(&listener.host))
}

fn is_everywhere(host: &str) -> bool {
    let is_loopback = host.starts_with("127.") || host == "0:0:0:0:0:0:0:1" || host.eq_ignore_ascii_case("localhost");
    is_loopback || host == "0.0.0.0" || host == "0:0:0:0:0:0:0:0"
}

/// Hosts are compared as they are written: what a name stands for may differ from machine to machine.
fn is_same(one: &HostPort, other: &HostPort) -> bool {
    one.port == other.port && one.host.eq_ignore_ascii_case(&other.host)
}

fn check_voters(voters: usize, standalone_enabled: bool) -> Result<(), Refused> {
    let enough = if standalone_enabled { VOTERS_MIN } else { 1 };
    if voters >= enough { Ok(()) } else { Err(Refused::BadArguments(too_few(voters))) }
}

fn too_few(voters: usize) -> Malformed {
    Malformed::new(
        format!("the new configuration has {voters} participants"),
        "two or more, or one with standaloneEnabled=false",
    )
}

/// Whether others would read its text.
fn checked(config: Config) -> Result<Config, Refused> {
    text::check_length(config.text()).map_err(|error| Refused::BadArguments(error.malformed))?;
    Ok(config)
}

fn parse_number(text: &str) -> Result<i64, Refused> {
    text.parse().map_err(|_| not_a_number(text))
}

fn not_a_number(text: &str) -> Refused {
    Refused::Marshalling(Malformed::new(format!("{} is not a number", shown(text)), "a whole number"))
}

fn bad_arguments(problem: impl Into<String>, expected: &str) -> Refused {
    Refused::BadArguments(Malformed::new(problem, expected))
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::ReconfigInProgress => f.write_str("another change of the configuration is under way"),
            Refused::BadVersion { there_is } => write!(f, "the configuration has version {:x}", there_is.0),
            Refused::BadArguments(malformed) | Refused::Marshalling(malformed) => malformed.fmt(f),
            Refused::NewConfigNoQuorum => f.write_str("no quorum of the new configuration follows the leader"),
        }
    }
}

impl core::error::Error for Refused {}
