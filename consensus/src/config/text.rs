//! The text of a configuration: a `server.N` line for each member, `group.N` and `weight.N` lines where the quorum is one of
//! groups, then the version in hexadecimal, without a newline at the end.
//!
//! It is written as ZooKeeper writes it. Its maps give servers in the order of hash buckets, which for a few servers with
//! small numbers is ascending; in one bucket they come as they were put in, here ascending.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::malformed::{Malformed, shown};
use super::member::{Member, PeerType, ServerLine, not_an_id, parse_id};
use crate::quorum::{GroupId, QuorumSystem, Share};
use crate::{ServerId, Zxid};

/// Bytes of a text.
const TEXT_BYTES_MAX: usize = 512 << 10;
/// Servers of a configuration that is read.
const MEMBERS_MAX: usize = 1024;

/// Buckets of a `HashMap` of Java's without an entry; they are doubled when three quarters as many entries are in them.
const BUCKETS_MIN: usize = 16;

const KEYS: &str = "server.N, group.N, weight.N or version";

/// What is wrong with the text of a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextError {
    /// Its number, the first is 1; `None` if something is wrong with the whole.
    pub line: Option<usize>,
    pub malformed: Malformed,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.malformed),
            None => write!(f, "{}", self.malformed),
        }
    }
}

impl core::error::Error for TextError {}

/// What a text says.
pub(super) struct Parts {
    pub version: Zxid,
    pub members: BTreeMap<ServerId, Member>,
    pub quorum: QuorumSystem,
}

/// Of two lines of one key the last counts. Empty lines and comments are skipped.
pub(super) fn parse(text: &str) -> Result<Parts, TextError> {
    check_length(text)?;
    let mut lines = Lines::default();
    for (place, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with(['#', '!']) {
            let number = place + 1;
            lines.take(number, line).map_err(|malformed| TextError { line: Some(number), malformed })?;
        }
    }
    lines.finish()
}

/// Whether others would read the text.
pub(super) fn check_length(text: &str) -> Result<(), TextError> {
    if text.len() <= TEXT_BYTES_MAX {
        return Ok(());
    }
    let problem = format!("the text has {} bytes", text.len());
    Err(of_whole(Malformed::new(problem, &format!("at most {TEXT_BYTES_MAX}"))))
}

/// Whether others would read so many servers.
pub(super) fn check_count(servers: usize) -> Result<(), Malformed> {
    match servers <= MEMBERS_MAX {
        true => Ok(()),
        false => Err(Malformed::new(format!("there are more than {MEMBERS_MAX} servers"), "fewer servers")),
    }
}

/// What was read, each with the number of its line.
#[derive(Default)]
struct Lines {
    version: Zxid,
    servers: BTreeMap<ServerId, (usize, Member)>,
    groups: BTreeMap<GroupId, (usize, Vec<ServerId>)>,
    weights: BTreeMap<ServerId, u32>,
}

impl Lines {
    fn take(&mut self, number: usize, line: &str) -> Result<(), Malformed> {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let (key, value) = (key.trim_end(), value.trim_start());
        if key.starts_with("server.") {
            self.servers.insert(ServerLine::server(key)?, (number, ServerLine::parse(value)?.member));
            check_count(self.servers.len())?;
        } else if let Some(group) = key.strip_prefix("group.") {
            self.groups.insert(parse_group(group)?, (number, parse_ids(value)?));
        } else if let Some(server) = key.strip_prefix("weight.") {
            let server = parse_id(server).ok_or_else(|| not_an_id(server, "weight.N with a whole number N"))?;
            self.weights.insert(server, parse_weight(value)?);
        } else if key == "version" {
            self.version = parse_version(value)?;
        } else {
            return Err(Malformed::new(format!("{} is no key of a configuration", shown(key)), KEYS));
        }
        Ok(())
    }

    fn finish(self) -> Result<Parts, TextError> {
        let voters = self.servers.iter().filter(|(_, (_, member))| member.peer_type == PeerType::Participant);
        let voters: BTreeMap<ServerId, usize> = voters.map(|(server, (number, _))| (*server, *number)).collect();
        if voters.is_empty() {
            return Err(of_whole(without_participant()));
        }
        let quorum = match self.groups.is_empty() && self.weights.is_empty() {
            true => QuorumSystem::Majority(voters.into_keys().collect()),
            false => QuorumSystem::Hierarchical(shares(&voters, self.groups, &self.weights)?),
        };
        let members = self.servers.into_iter().map(|(server, (_, member))| (server, member)).collect();
        Ok(Parts { version: self.version, members, quorum })
    }
}

/// What is wrong of a text in which nobody votes.
pub(super) fn without_participant() -> Malformed {
    Malformed::new("no server is a participant", "a server.N line of a participant")
}

/// Every voter must be in one group, and nobody else: what somebody weighs who is never counted would still make it harder
/// for its group to win. A voter weighs 1 if no line says otherwise.
fn shares(
    voters: &BTreeMap<ServerId, usize>,
    groups: BTreeMap<GroupId, (usize, Vec<ServerId>)>,
    weights: &BTreeMap<ServerId, u32>,
) -> Result<BTreeMap<ServerId, Share>, TextError> {
    let wrong = |line: usize, server: ServerId, problem: &str| {
        let problem = format!("server {} is {problem}", server.0);
        TextError { line: Some(line), malformed: Malformed::new(problem, "each participant in one group.N line") }
    };
    let mut shares = BTreeMap::new();
    for (group, (line, servers)) in groups {
        for server in servers {
            if !voters.contains_key(&server) {
                return Err(wrong(line, server, "in a group and no participant"));
            }
            let weight = weights.get(&server).copied().unwrap_or(1);
            if shares.insert(server, Share { group, weight }).is_some() {
                return Err(wrong(line, server, "in a group already"));
            }
        }
    }
    match voters.iter().find(|(server, _)| !shares.contains_key(*server)) {
        Some((server, line)) => Err(wrong(*line, *server, "in no group")),
        None => Ok(shares),
    }
}

fn parse_group(text: &str) -> Result<GroupId, Malformed> {
    let wrong = || Malformed::new(format!("{} is not a group", shown(text)), "group.N with a whole number N");
    text.parse().map(GroupId).map_err(|_| wrong())
}

/// `1:2:3`.
fn parse_ids(text: &str) -> Result<Vec<ServerId>, Malformed> {
    let id = |text| parse_id(text).ok_or_else(|| not_an_id(text, "server ids with colons between them, such as 1:2:3"));
    text.split(':').map(id).collect()
}

fn parse_weight(text: &str) -> Result<u32, Malformed> {
    let wrong = || Malformed::new(format!("{} is not a weight", shown(text)), "a whole number, 0 or more");
    text.parse().map_err(|_| wrong())
}

fn parse_version(text: &str) -> Result<Zxid, Malformed> {
    let wrong = || Malformed::new(format!("{} is not a version", shown(text)), "a zxid in hexadecimal");
    i64::from_str_radix(text, 16).ok().filter(|version| *version >= 0).map(Zxid).ok_or_else(wrong)
}

fn of_whole(malformed: Malformed) -> TextError {
    TextError { line: None, malformed }
}

pub(super) fn write(version: Zxid, members: &BTreeMap<ServerId, Member>, quorum: &QuorumSystem) -> String {
    let mut text = String::new();
    for server in in_hash_order(members.keys().map(|server| server.0)) {
        push(&mut text, format_args!("server.{server}={}\n", members[&ServerId(server)]));
    }
    if let QuorumSystem::Hierarchical(shares) = quorum {
        write_groups(&mut text, shares);
    }
    push(&mut text, format_args!("version={:x}", version.0));
    text
}

fn write_groups(text: &mut String, shares: &BTreeMap<ServerId, Share>) {
    let servers = in_hash_order(shares.keys().map(|server| server.0));
    let mut groups: BTreeMap<i64, String> = BTreeMap::new();
    for server in &servers {
        let group = groups.entry(shares[&ServerId(*server)].group.0).or_default();
        let colon = if group.is_empty() { "" } else { ":" };
        push(group, format_args!("{colon}{server}"));
    }
    for group in in_hash_order(groups.keys().copied()) {
        push(text, format_args!("group.{group}={}\n", groups[&group]));
    }
    for server in servers {
        push(text, format_args!("weight.{server}={}\n", shares[&ServerId(server)].weight));
    }
}

/// The order in which a `HashMap` of Java's gives its keys, if they are of type `Long`.
fn in_hash_order(keys: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut keys: Vec<i64> = keys.collect();
    let mut buckets = BUCKETS_MIN;
    while keys.len() > buckets / 4 * 3 {
        buckets *= 2;
    }
    let bucket = |key: i64| {
        let hash = (key ^ (key as u64 >> 32) as i64) as u32;
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    };
    keys.sort_by_key(|key| (bucket(*key), *key));
    keys
}

fn push(text: &mut String, arguments: fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String takes everything");
}
