//! The member list: `server.N`, `group.N` and `weight.N` lines, in the file or in its dynamic file.
//!
//! A list is judged as ZooKeeper judges it: one participant is served alone unless `standaloneEnabled=false`, several make an
//! ensemble, and observers without one are refused.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use paddock_consensus::config::{Config, HostPort, Malformed, PeerType, ServerLine, TextError};
use paddock_consensus::{ServerId, Zxid};

use super::assembly::{Assembly, BYTE_ORDER_MARK, Text};
use super::error::ConfigError;
use super::place::Place;
use super::settings::{Setting, Written};
use super::shared_port::{collides, spot};
use super::value::shown;

/// What is behind the name of `zoo.cfg` in that of the file with the change that was proposed last.
pub const NEXT: &str = ".dynamic.next";
/// What a member list may hold.
const FAMILIES: [&str; 3] = ["server.", "group.", "weight."];

/// A `server.N` line, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: ServerId,
    pub line: ServerLine,
    pub place: Place,
    /// `server.N` as it was written.
    pub key: String,
}

impl Member {
    /// `several_addresses` is the setting `multiAddress.enabled`.
    fn parse(written: &Written, several_addresses: bool) -> Result<Member, ConfigError> {
        let Written { place, name, value, .. } = written;
        let wrong = |malformed| malformed_at(place, name, malformed);
        let id = ServerLine::server(name).map_err(wrong)?;
        let line = ServerLine::parse(value).map_err(wrong)?;
        if line.member.addresses.len() > 1 && !several_addresses {
            let expected = "one address, or multiAddress.enabled=true".to_owned();
            return Err(wrong(Malformed { problem: "the server has several addresses".to_owned(), expected }));
        }
        Ok(Member { id, line, place: place.clone(), key: name.clone() })
    }

    fn is_observer(&self) -> bool {
        self.line.member.peer_type == PeerType::Observer
    }

    fn quorum_ports(&self) -> impl Iterator<Item = &HostPort> {
        self.line.member.addresses.iter().map(|address| &address.quorum)
    }

    fn election_ports(&self) -> impl Iterator<Item = &HostPort> {
        self.line.member.addresses.iter().map(|address| &address.election)
    }

    /// Those at which other servers connect.
    pub fn ports(&self) -> impl Iterator<Item = &HostPort> {
        self.quorum_ports().chain(self.election_ports())
    }

    /// A port that is to be both the quorum port and the election port.
    fn doubled_port(&self) -> Option<&HostPort> {
        self.quorum_ports().find(|quorum| self.election_ports().any(|election| collides(quorum, election)))
    }
}

/// The lines of a member list.
#[derive(Debug, Default)]
pub struct Members {
    /// Each line of the list, of two of one key only the one that counts.
    lines: Vec<Written>,
    by_id: BTreeMap<ServerId, Member>,
    /// Of the dynamic file; 0 without one.
    pub version: Zxid,
}

impl Members {
    /// `lines` are `server.N`, `group.N` and `weight.N`, each key once.
    fn new(lines: Vec<Written>, version: Zxid, several_addresses: bool) -> Result<Members, ConfigError> {
        let mut by_id: BTreeMap<ServerId, Member> = BTreeMap::new();
        for line in &lines {
            if line.value.contains(['\n', '\r']) {
                let problem = "the value has a line break in it".to_owned();
                return Err(malformed_at(
                    &line.place,
                    &line.name,
                    Malformed { problem, expected: "one line".to_owned() },
                ));
            }
            if !line.name.starts_with("server.") {
                continue;
            }
            let member = Member::parse(line, several_addresses)?;
            if let Some(other) = by_id.get(&member.id) {
                let problem = format!("{} ({}) is the same server; remove one of the lines", other.key, other.place);
                return Err(ConfigError::Refused { place: member.place, key: member.key, problem });
            }
            by_id.insert(member.id, member);
        }
        let members = Members { lines, by_id, version };
        members.refuse_shared_ports()?;
        Ok(members)
    }

    /// Refuses a port that is there twice: whoever dials one of its servers would reach the other, or none could open it.
    fn refuse_shared_ports(&self) -> Result<(), ConfigError> {
        let mut owners: BTreeMap<(String, u16), &Member> = BTreeMap::new();
        for member in self.by_id.values() {
            if let Some(port) = member.doubled_port() {
                let problem = "the quorum port and the election port are the same".to_owned();
                let expected = format!("another port than {} for one of them", port.port);
                return Err(malformed_at(&member.place, &member.key, Malformed { problem, expected }));
            }
            for port in member.ports() {
                let Member { id, key, place, .. } = owners.entry(spot(port)).or_insert(member);
                if *id != member.id {
                    let problem =
                        format!("{port} is {key}'s too ({place}); give each server its own address and ports");
                    let (place, key) = (member.place.clone(), member.key.clone());
                    return Err(ConfigError::Refused { place, key, problem });
                }
            }
        }
        Ok(())
    }

    pub fn get(&self, server: ServerId) -> Option<&Member> {
        self.by_id.get(&server)
    }

    /// Of whatever concerns the list as a whole: its first server. An ensemble has one.
    pub fn first(&self) -> &Member {
        self.by_id.values().next().expect("an ensemble has servers")
    }

    fn participants(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values().filter(|member| !member.is_observer())
    }

    fn observers(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values().filter(|member| member.is_observer())
    }

    /// The configuration that the lines make.
    ///
    /// # Errors
    /// Groups that do not have every participant once, and a list that is too long.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let mut text: String = self.lines.iter().map(|line| format!("{}={}\n", line.name, line.value)).collect();
        text.push_str(&format!("version={:x}", self.version.0));
        Config::parse(&text).map_err(|TextError { line, malformed }| {
            match line.and_then(|number| self.lines.get(number - 1)) {
                Some(line) => malformed_at(&line.place, &line.name, malformed),
                None => malformed_at(&self.first().place, &self.first().key, malformed),
            }
        })
    }

    /// What is to be remarked of an ensemble of majorities, if anything. Of two participants one may go on alone where an oracle
    /// says so.
    fn weakness(&self, has_oracle: bool) -> Option<&'static str> {
        if self.lines.iter().any(|line| !line.name.starts_with("server.")) {
            return None;
        }
        match self.participants().count() {
            2 if has_oracle => None,
            ..=2 => Some(
                "the ensemble serves only while every participant does; add participants, three bear the loss of one",
            ),
            count if count % 2 == 0 => Some(
                "an even number of participants bears no more losses than one participant less; make the number odd",
            ),
            _ => None,
        }
    }
}

/// Refuses a configuration with which some server could not be started: what a start refuses of a list, and a port for clients
/// that is one of the same server's for servers. `several_addresses` is the setting `multiAddress.enabled`.
///
/// # Errors
/// Says what is wrong.
pub fn refuse_unstartable(config: &Config, several_addresses: bool) -> Result<(), Malformed> {
    let lines = config.text().lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| *name != "version");
    let written = |(name, value): (&str, &str)| Written {
        place: Place::CommandLine,
        name: name.to_owned(),
        value: value.to_owned(),
        has_value: true,
    };
    let expected = "a list with which each of its servers can be started".to_owned();
    let members = Members::new(lines.map(written).collect(), config.version(), several_addresses)
        .map_err(|error| Malformed { problem: error.to_string(), expected: expected.clone() })?;
    for member in members.by_id.values() {
        if let Some(client) = &member.line.member.client
            && member.ports().any(|port| collides(client, port))
        {
            let problem = format!("{} has one port for clients and for servers, {}", member.key, client.port);
            return Err(Malformed { problem, expected });
        }
    }
    Ok(())
}

fn malformed_at(place: &Place, key: &str, Malformed { problem, expected }: Malformed) -> ConfigError {
    ConfigError::Value { place: place.clone(), key: key.to_owned(), problem, expected }
}

/// What a member list makes of this server.
#[derive(Debug)]
pub enum Membership {
    /// It serves alone, as its only server if there is a list.
    Alone(Option<Member>),
    Ensemble(Members),
}

impl Membership {
    /// `not_alone` is the place of `standaloneEnabled=false`.
    fn judge(members: Members, not_alone: Option<&Place>) -> Result<Membership, ConfigError> {
        let count = members.participants().count();
        if let (0, Some(place)) = (count, not_alone) {
            let problem =
                "without standalone mode a server.N line must name a participant; remove this line to serve alone";
            let key = "standaloneEnabled".to_owned();
            return Err(ConfigError::Refused { place: place.clone(), key, problem: problem.to_owned() });
        }
        if count > 1 || not_alone.is_some() {
            return Ok(Membership::Ensemble(members));
        }
        if let Some(observer) = members.observers().next() {
            let problem =
                "an observer needs an ensemble to observe; add participants, or remove the line to serve alone";
            let (place, key) = (observer.place.clone(), observer.key.clone());
            return Err(ConfigError::Refused { place, key, problem: problem.to_owned() });
        }
        let alone = members.participants().next().cloned();
        Ok(Membership::Alone(alone))
    }
}

impl Assembly<'_> {
    /// What the member list says, from the file or the dynamic file.
    pub(super) fn membership(&mut self) -> Result<Membership, ConfigError> {
        let (lines, version) = match self.text("dynamicConfigFile") {
            None => (self.static_lines().collect(), Zxid(0)),
            Some(file) => {
                self.refuse_static_members()?;
                let lines = self.dynamic_lines(Path::new(&file))?;
                self.refuse_without_members(&file, &lines)?;
                (lines, version_of(&file))
            }
        };
        let members = Members::new(lines, version, self.flag("multiAddress.enabled"))?;
        let not_alone = match self.flag("standaloneEnabled") {
            true => None,
            false => self.settings.given("standaloneEnabled").map(|setting| setting.place.clone()),
        };
        let membership = Membership::judge(members, not_alone.as_ref())?;
        match &membership {
            Membership::Alone(None) => {}
            Membership::Alone(Some(member)) => {
                let remark =
                    format!("{}: the only server is served standalone; its quorum ports stay closed", member.key);
                self.settings.warn(&member.place, remark);
            }
            Membership::Ensemble(members) => {
                if let Some(weakness) = members.weakness(self.settings.given("oraclePath").is_some()) {
                    let first = members.first();
                    self.settings.warn(&first.place, format!("{}: {weakness}", first.key));
                }
            }
        }
        Ok(membership)
    }

    /// The lines of the list that stand in the file itself, or without one at the command line.
    fn static_lines(&self) -> impl Iterator<Item = Written> {
        FAMILIES.into_iter().flat_map(|prefix| self.settings.family(prefix)).map(|(name, setting)| Written {
            place: setting.place.clone(),
            name: name.to_owned(),
            value: setting.text.clone(),
            has_value: true,
        })
    }

    fn refuse_static_members(&self) -> Result<(), ConfigError> {
        match self.static_lines().next() {
            None => Ok(()),
            Some(Written { place, name, .. }) => {
                let problem =
                    "members belong into the file that dynamicConfigFile names; move the line there".to_owned();
                Err(ConfigError::Refused { place, key: name, problem })
            }
        }
    }

    /// A list that something has emptied would have a member of an ensemble stand alone, beside the others and with their data. A
    /// ZooKeeper does that.
    fn refuse_without_members(&self, file: &str, lines: &[Written]) -> Result<(), ConfigError> {
        match self.settings.given("dynamicConfigFile") {
            Some(Setting { place, spelled, .. }) if lines.is_empty() => {
                let problem = format!(
                    "{file} names no server, as if something had emptied it; put it back, or remove this line to have the server \
                     stand alone"
                );
                Err(ConfigError::Refused { place: place.clone(), key: spelled.clone(), problem })
            }
            _ => Ok(()),
        }
    }

    /// The lines of a dynamic file, which holds the list and nothing else.
    fn dynamic_lines(&mut self, file: &Path) -> Result<Vec<Written>, ConfigError> {
        let Text { entries, mark, .. } = self.outside.text(file)?;
        if let Some(place) = mark {
            self.settings.warn(&place, BYTE_ORDER_MARK.to_owned());
        }
        let mut lines = BTreeMap::new();
        for entry in entries {
            if !FAMILIES.iter().any(|prefix| entry.name.starts_with(prefix)) {
                let problem = match entry.name.as_str() {
                    "version" => {
                        "the version of a dynamic file stands in hexadecimal behind the last dot of its name; remove the line"
                    }
                    _ => "a dynamic file holds only server.N, group.N and weight.N; move the line to the static file",
                };
                let (place, key) = (entry.place, shown(&entry.name));
                return Err(ConfigError::Refused { place, key, problem: problem.to_owned() });
            }
            // Of two lines of one key the last counts, as everywhere.
            lines.insert(entry.name.clone(), entry);
        }
        Ok(lines.into_values().collect())
    }

    /// The change of the ensemble that was proposed last, if it is newer than `version` and so not known to be made: until it is,
    /// it takes a quorum of the old members and one of the new.
    ///
    /// # Errors
    /// If there is one, and this server may not take part in changes: it would go by the old members alone.
    pub(super) fn begun_change(&self, version: Zxid, takes_part: bool) -> Result<Option<Config>, ConfigError> {
        let Some(file) = self.file else { return Ok(None) };
        let mut next = file.as_os_str().to_owned();
        next.push(NEXT);
        let next = PathBuf::from(next);
        let text = match self.outside.text(&next) {
            Err(ConfigError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let Some(Written { place, name, value, .. }) = text.entries.iter().rfind(|entry| entry.name == "version")
        else {
            // It is written whole, so that nothing but damage takes it away.
            let advice = "so that nobody knows which change of the ensemble was proposed last: put the file back; if none was under \
                          way, remove it";
            let damaged = ConfigError::Missing { file: next, key: "version", advice };
            return if takes_part { Err(damaged) } else { Ok(None) };
        };
        // What was made since leaves the file behind at times.
        if parse_version(value).is_some_and(|proposed| proposed <= version) {
            return Ok(None);
        }
        if !takes_part {
            let problem = "this change of the ensemble was begun and is not known to be made; set reconfigEnabled=true until it \
                           is and the file is gone";
            let (place, key) = (place.clone(), name.clone());
            return Err(ConfigError::Refused { place, key, problem: problem.to_owned() });
        }
        let lines: String = text.entries.iter().map(|line| format!("{}={}\n", line.name, line.value)).collect();
        match Config::parse(&lines) {
            Ok(config) => Ok(Some(config)),
            Err(TextError { line, malformed }) => {
                // A line break that is written as an escape makes more lines of a value.
                let entry = line.and_then(|line| text.entries.get(line - 1));
                let (place, name) = entry.map_or((place, name), |entry| (&entry.place, &entry.name));
                Err(malformed_at(place, name, malformed))
            }
        }
    }
}

/// The version in the name of a dynamic file, such as `zoo.cfg.dynamic.100000002`; 0 if there is none.
fn version_of(file: &str) -> Zxid {
    file.rsplit_once('.').and_then(|(_, suffix)| parse_version(suffix)).unwrap_or_default()
}

/// A version in hexadecimal.
fn parse_version(text: &str) -> Option<Zxid> {
    i64::from_str_radix(text, 16).ok().filter(|version| *version >= 0).map(Zxid)
}

#[cfg(test)]
mod tests {
    use paddock_consensus::config::HostPort;

    use super::*;

    #[test]
    fn a_change_with_which_a_server_could_not_start_is_refused() {
        for (lines, several_addresses, problem) in [
            ("server.1=a:1:2;3\nserver.2=b:1:2;3", false, None),
            ("server.1=a:1:2|c:1:2;3\nserver.2=b:1:2;3", true, None),
            ("server.1=a:1:2|c:1:2;3\nserver.2=b:1:2;3", false, Some("several addresses")),
            ("server.1=127.0.0.1:1:2;3\nserver.2=127.0.0.1:4:2;5", false, Some("127.0.0.1:2 is server.1's too")),
            ("server.1=a:1:2;1\nserver.2=b:1:2;3", false, Some("server.1 has one port for clients and for servers, 1")),
            ("server.1=a:1:2;b:1\nserver.2=b:1:2;3", false, None),
        ] {
            let config = Config::parse(&format!("{lines}\nversion=7")).expect("it can be read");
            let refused = refuse_unstartable(&config, several_addresses).err().map(|malformed| malformed.problem);
            match (problem, &refused) {
                (None, None) => {}
                (Some(problem), Some(refused)) if refused.contains(problem) => {}
                _ => panic!("{lines}: {refused:?}"),
            }
        }
    }

    fn line(name: &str, value: &str) -> Written {
        Written { place: Place::CommandLine, name: name.to_owned(), value: value.to_owned(), has_value: true }
    }

    fn members(lines: &[(&str, &str)]) -> Result<Members, ConfigError> {
        Members::new(lines.iter().map(|(name, value)| line(name, value)).collect(), Zxid(0), true)
    }

    #[test]
    fn lines() {
        let at = |host: &str, port| Some(HostPort { host: host.into(), port });
        let any = |port| at("0.0.0.0", port);
        for (value, observer, client, secure_client) in [
            ("h:2888:3888", false, None, false),
            ("h:2888:3888:participant;2181", false, any(2181), false),
            ("h:2888:3888:OBSERVER;0.0.0.0:2181", true, at("0.0.0.0", 2181), false),
            ("[::1]:2888:3888;[::2]:2181", false, at("0:0:0:0:0:0:0:2", 2181), false),
            ("h:2888:3888;2181;2281", false, any(2181), true),
            ("h:2888:3888;;2281", false, None, true),
            ("a:1:2|b:1:2:observer|[::3]:3:4:observer;5", true, any(5), false),
        ] {
            let member = Member::parse(&line("server.7", value), true).unwrap_or_else(|error| panic!("{error}"));
            let is_observer = member.is_observer();
            let found = (member.id, is_observer, member.line.member.client, member.line.secure_client.is_some());
            assert_eq!(found, (ServerId(7), observer, client, secure_client), "{value}");
        }
    }

    #[test]
    fn malformed_lines() {
        for (key, value, problem) in [
            ("server.x", "h:1:2", "\"x\" is not a server id; expected server.N"),
            ("server.-1", "h:1:2", "\"-1\" is not a server id; expected server.N"),
            ("server.1", "", "\"\" lacks a port; expected "),
            ("server.1", "h:1", "\"h:1\" lacks a port; expected "),
            ("server.1", ":1:2", "\":1:2\" lacks a host; expected "),
            ("server.1", "[::1:1:2", "\"[::1:1:2\" lacks a port; expected "),
            ("server.1", "h:1:1", "the quorum port and the election port are the same; expected "),
            ("server.1", "h:1:70000", "\"70000\" is not a port; expected "),
            ("server.1", "h:1:2:leader", "\"leader\" is neither participant nor observer; expected "),
            ("server.1", "h:1:2;x", "\"x\" is not a port; expected "),
            ("server.1", "h:1:2;1;2;3", "there are more than two client listeners; expected "),
            ("server.1", "a:1:2:observer|b:1:2:participant", "the addresses have different roles; expected the same"),
            ("server.1", "h:1:2\nversion=9", "the value has a line break in it; expected one line"),
            ("group.1", "1\r", "the value has a line break in it; expected one line"),
        ] {
            let error = members(&[(key, value)]).expect_err(value).to_string();
            assert!(error.starts_with(&format!("command line: {key}: {problem}")), "{error}");
        }
        let error = Member::parse(&line("server.1", "a:1:2|b:1:2"), false).expect_err("two addresses").to_string();
        let expected = "command line: server.1: the server has several addresses; expected one address, or \
                        multiAddress.enabled=true";
        assert_eq!(error, expected);
        let many = "a:1:2|".repeat(1000);
        assert!(members(&[("server.1", &many)]).expect_err("too many").to_string().contains("more than 64"));
        let error = members(&[("server.01", "a:1:2"), ("server.1", "b:1:2")]).expect_err("twice").to_string();
        assert_eq!(
            error,
            "command line: server.1: server.01 (command line) is the same server; remove one of the lines"
        );
    }

    #[test]
    fn ports_that_are_there_twice() {
        for (second, problem) in [
            (
                "127.0.0.1:2888:3889",
                "127.0.0.1:2888 is server.1's too (command line); give each server its own address",
            ),
            ("127.0.0.1:2889:3888", "127.0.0.1:3888 is server.1's too (command line); give each"),
            ("127.0.0.1:3888:2889", "127.0.0.1:3888 is server.1's too (command line); give each"),
            ("b:1:2|127.0.0.1:2888:4", "127.0.0.1:2888 is server.1's too (command line); give each"),
            ("b:1:2|0.0.0.0:2:4", "the quorum port and the election port are the same; expected another port than 2"),
        ] {
            let error = members(&[("server.1", "127.0.0.1:2888:3888"), ("server.2", second)]).expect_err(second);
            assert!(error.to_string().starts_with(&format!("command line: server.2: {problem}")), "{second}: {error}");
        }
        for (first, second) in [
            ("0.0.0.0:2888:3888", "b:2888:3888"),
            ("127.0.0.1:2888:3888", "127.0.0.1:2889:3889"),
            ("a:2888:3888", "b:2888:3888|c:2888:3889|c:2888:3890"),
        ] {
            assert!(members(&[("server.1", first), ("server.2", second)]).is_ok(), "{first} {second}");
        }
    }

    #[test]
    fn judgement() {
        let voter = |n: i64| (format!("server.{n}"), format!("h{n}:1:2;3"));
        let observer = |n: i64| (format!("server.{n}"), format!("h{n}:1:2:observer;3"));
        let cases = [
            (vec![], true, Ok("alone, nobody")),
            (vec![voter(1)], true, Ok("alone, server.1")),
            (vec![], false, Err("standaloneEnabled: without standalone mode a server.N line must name a participant")),
            (vec![observer(1)], false, Err("standaloneEnabled: without standalone mode a server.N line must name a")),
            (vec![voter(1)], false, Ok("ensemble of 1")),
            (vec![voter(1), observer(2)], false, Ok("ensemble of 2")),
            (vec![voter(1), voter(2)], true, Ok("ensemble of 2")),
            (vec![voter(1), voter(2), observer(3)], true, Ok("ensemble of 3")),
            (vec![observer(1)], true, Err("server.1: an observer needs an ensemble to observe; add participants")),
            (vec![voter(1), observer(2)], true, Err("server.2: an observer needs an ensemble to observe; add")),
        ];
        for (lines, standalone_enabled, expected) in cases {
            let told = format!("{lines:?} {standalone_enabled}");
            let lines: Vec<_> = lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let not_alone = (!standalone_enabled).then_some(&Place::CommandLine);
            match (Membership::judge(members(&lines).expect(&told), not_alone), expected) {
                (Ok(found), Ok(expected)) => {
                    let found = match found {
                        Membership::Alone(None) => "alone, nobody".to_owned(),
                        Membership::Alone(Some(member)) => format!("alone, {}", member.key),
                        Membership::Ensemble(members) => format!("ensemble of {}", members.by_id.len()),
                    };
                    assert_eq!(found, expected, "{told}");
                }
                (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{told}: {error}"),
                (found, _) => panic!("{told}: {found:?}"),
            }
        }
    }

    #[test]
    fn the_version_is_in_the_name_of_the_dynamic_file() {
        for (file, version) in [
            ("/etc/zoo.cfg.dynamic", 0),
            ("/etc/zoo.cfg.dynamic.0", 0),
            ("/etc/zoo.cfg.dynamic.1a00000002", 0x1a_0000_0002),
            ("/etc/zoo.d/members", 0),
            ("members", 0),
            ("/etc/zoo.cfg.dynamic.-1", 0),
            ("/etc/zoo.cfg.dynamic.", 0),
        ] {
            assert_eq!(version_of(file), Zxid(version), "{file}");
        }
    }
}
