//! The member list: `server.N` lines, in the file or in its dynamic file.
//!
//! This version serves standalone. A list is judged as ZooKeeper judges it (no voter, one voter, observers without
//! voters), and one that makes an ensemble is refused.

use paddock_consensus::config::{Malformed, PeerType, ServerLine};

use super::error::ConfigError;
use super::place::Place;

/// A `server.N` line, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: i64,
    pub line: ServerLine,
    pub place: Place,
    /// `server.N` as it was written.
    pub key: String,
}

impl Member {
    /// `key` is `server.N`. `several_addresses` is the setting `multiAddress.enabled`.
    pub fn parse(place: &Place, key: &str, value: &str, several_addresses: bool) -> Result<Self, ConfigError> {
        let wrong = |Malformed { problem, expected }| ConfigError::Value {
            place: place.clone(),
            key: key.to_owned(),
            problem,
            expected,
        };
        let id = ServerLine::server(key).map_err(wrong)?.0;
        let line = ServerLine::parse(value).map_err(wrong)?;
        if line.member.addresses.len() > 1 && !several_addresses {
            let expected = "one address, or multiAddress.enabled=true".to_owned();
            return Err(wrong(Malformed { problem: "the server has several addresses".to_owned(), expected }));
        }
        Ok(Self { id, line, place: place.clone(), key: key.to_owned() })
    }

    fn is_observer(&self) -> bool {
        self.line.member.peer_type == PeerType::Observer
    }
}

/// The one voter of a list that ZooKeeper serves standalone; `None` if the list is empty.
pub fn alone(
    members: Vec<Member>,
    standalone_enabled: bool,
    standalone_place: Option<&Place>,
) -> Result<Option<Member>, ConfigError> {
    let refuse = |place: &Place, key: &str, problem: String| {
        Err(ConfigError::Refused { place: place.clone(), key: key.to_owned(), problem })
    };
    let (observers, mut voters): (Vec<_>, Vec<_>) = members.into_iter().partition(Member::is_observer);
    if let (false, [], Some(place)) = (standalone_enabled, voters.as_slice(), standalone_place) {
        let problem =
            "without standalone mode a server.N line must name a participant; remove this line to serve alone";
        return refuse(place, "standaloneEnabled", problem.to_owned());
    }
    if let [first, ..] = voters.as_slice()
        && (voters.len() > 1 || !standalone_enabled)
    {
        let why = match voters.len() {
            1 => "standaloneEnabled=false makes this server an ensemble of one".to_owned(),
            count => format!("{count} voters make an ensemble"),
        };
        let problem = format!(
            "{why}, and this version serves standalone only; to serve one server alone, remove the server.N lines or \
             leave one, with standaloneEnabled=true"
        );
        return refuse(&first.place, &first.key, problem);
    }
    if let Some(observer) = observers.first() {
        let problem = "an observer needs an ensemble to observe; remove the line to serve alone".to_owned();
        return refuse(&observer.place, &observer.key, problem);
    }
    Ok(voters.pop())
}

#[cfg(test)]
mod tests {
    use paddock_consensus::config::HostPort;

    use super::*;

    fn parse(key: &str, value: &str) -> Result<Member, ConfigError> {
        Member::parse(&Place::CommandLine, key, value, true)
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
            let member = parse("server.7", value).unwrap_or_else(|error| panic!("{error}"));
            let is_observer = member.is_observer();
            let found = (member.id, is_observer, member.line.member.client, member.line.secure_client.is_some());
            assert_eq!(found, (7, observer, client, secure_client), "{value}");
        }
    }

    #[test]
    fn malformed_lines() {
        for (key, value, problem) in [
            ("server.x", "h:1:2", "\"x\" is not a server id"),
            ("server.-1", "h:1:2", "\"-1\" is not a server id"),
            ("server.1", "", "\"\" lacks a port"),
            ("server.1", "h", "\"h\" lacks a port"),
            ("server.1", "h:1", "\"h:1\" lacks a port"),
            ("server.1", ":1:2", "\":1:2\" lacks a host"),
            ("server.1", "[::1:1:2", "\"[::1:1:2\" lacks a port"),
            ("server.1", "h:1:1", "the quorum port and the election port are the same"),
            ("server.1", "h:1:70000", "\"70000\" is not a port"),
            ("server.1", "h:1:2:leader", "\"leader\" is neither participant nor observer"),
            ("server.1", "h:1:2;x", "\"x\" is not a port"),
            ("server.1", "h:1:2;1;2;3", "there are more than two client listeners"),
            ("server.1", "a:1:2:observer|b:1:2:participant", "the addresses have different roles"),
        ] {
            let error = parse(key, value).expect_err(value).to_string();
            assert!(error.contains(&format!("{key}: {problem}; expected ")), "{error}");
        }
        let error = Member::parse(&Place::CommandLine, "server.1", "a:1:2|b:1:2", false).expect_err("two addresses");
        assert!(error.to_string().contains("multiAddress.enabled=true"), "{error}");
        assert!(parse("server.1", &"a:1:2|".repeat(1000)).expect_err("too many").to_string().contains("more than 64"));
    }

    #[test]
    fn judgement() {
        let voter = |n: u32| parse(&format!("server.{n}"), "h:1:2;3").expect("well formed");
        let observer = |n: u32| parse(&format!("server.{n}"), "h:1:2:observer;3").expect("well formed");
        let cases = [
            (vec![], true, Ok(None)),
            (vec![voter(1)], true, Ok(Some(1))),
            (vec![], false, Err("standaloneEnabled: ")),
            (vec![voter(1)], false, Err("server.1: standaloneEnabled=false makes this server an ensemble of one")),
            (vec![voter(1), voter(2)], true, Err("server.1: 2 voters make an ensemble")),
            (vec![observer(1)], true, Err("server.1: an observer needs an ensemble")),
            (vec![voter(1), observer(2)], true, Err("server.2: an observer needs an ensemble")),
        ];
        for (members, standalone_enabled, expected) in cases {
            let told = format!("{members:?} {standalone_enabled}");
            match (alone(members, standalone_enabled, Some(&Place::CommandLine)), expected) {
                (Ok(member), Ok(id)) => assert_eq!(member.map(|member| member.id), id, "{told}"),
                (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{told}: {error}"),
                (found, _) => panic!("{told}: {found:?}"),
            }
        }
    }
}
