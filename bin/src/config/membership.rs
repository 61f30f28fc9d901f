//! The member list: `server.N` lines, in the file or in its dynamic file.
//!
//! ```text
//! server.<id>=<address>[|<address>...][;[<host>:]<clientPort>][;[<host>:]<securePort>]
//! <address> is <host>:<quorumPort>:<electionPort>[:<role>]
//! ```
//!
//! This version serves standalone. A list is judged as ZooKeeper judges it (no voter, one voter, observers without
//! voters), and one that makes an ensemble is refused.

use super::error::ConfigError;
use super::place::Place;
use super::value::{Kind, Notation, Value, shown};

/// A `server.N` line: what a server that stands alone can use of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: i64,
    pub observer: bool,
    /// Host and port of the plain client listener; no host means every address.
    pub client: Option<(Option<String>, u16)>,
    /// There is a port for TLS clients too.
    pub secure_client: bool,
    pub place: Place,
    /// `server.N` as it was written.
    pub key: String,
}

const FORM: &str = "host:quorumPort:electionPort[:role][;[host:]clientPort], such as 10.0.0.1:2888:3888;2181";

/// Addresses of one server in one line.
const MOST_ADDRESSES: usize = 64;

impl Member {
    /// `key` is `server.N`. `several_addresses` is the setting `multiAddress.enabled`.
    pub fn parse(place: &Place, key: &str, value: &str, several_addresses: bool) -> Result<Self, ConfigError> {
        let wrong = |problem: String, expected: &str| ConfigError::Value {
            place: place.clone(),
            key: key.to_owned(),
            problem,
            expected: expected.to_owned(),
        };
        let id = key.strip_prefix("server.").unwrap_or_default();
        let id = match id.parse::<i64>() {
            Ok(id) if id >= 0 => id,
            _ => return Err(wrong(format!("{} is not a server id", shown(id)), "server.N with a whole number N")),
        };
        let mut parts = value.split(';');
        let addresses: Vec<&str> = parts.next().unwrap_or_default().split('|').take(MOST_ADDRESSES + 1).collect();
        if addresses.len() > MOST_ADDRESSES {
            return Err(wrong(format!("the server has more than {MOST_ADDRESSES} addresses"), "fewer addresses"));
        }
        if addresses.len() > 1 && !several_addresses {
            let expected = "one address, or multiAddress.enabled=true";
            return Err(wrong("the server has several addresses".to_owned(), expected));
        }
        let roles = addresses.iter().map(|address| role(address)).collect::<Result<Vec<_>, _>>();
        let roles = roles.map_err(|problem| wrong(problem, FORM))?;
        // An address that names no role leaves it to the others.
        let mut named = roles.into_iter().flatten();
        let observer = named.next().unwrap_or(false);
        if named.any(|other| other != observer) {
            return Err(wrong("the addresses have different roles".to_owned(), "the same role at each address"));
        }
        let client = listener(parts.next()).map_err(|problem| wrong(problem, FORM))?;
        let secure = listener(parts.next()).map_err(|problem| wrong(problem, FORM))?;
        if parts.next().is_some() {
            return Err(wrong("there are more than two client listeners".to_owned(), FORM));
        }
        let secure_client = secure.is_some();
        Ok(Self { id, observer, client, secure_client, place: place.clone(), key: key.to_owned() })
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
    let (observers, mut voters): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| member.observer);
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

/// `host:quorumPort:electionPort[:role]`: whether the role is observer, if it is named.
fn role(address: &str) -> Result<Option<bool>, String> {
    let (_, rest) = host(address)?;
    let parts: Vec<&str> = rest.splitn(4, ':').collect();
    let [quorum, election, role @ ..] = parts.as_slice() else {
        return Err(format!("{} lacks a port", shown(address)));
    };
    if port(quorum)? == port(election)? {
        return Err("the quorum port and the election port are the same".to_owned());
    }
    match role.first().map(|role| role.trim().to_ascii_lowercase()).as_deref() {
        None => Ok(None),
        Some("participant") => Ok(Some(false)),
        Some("observer") => Ok(Some(true)),
        Some(other) => Err(format!("{} is neither participant nor observer", shown(other))),
    }
}

/// `[host:]port`; an empty text is no listener.
fn listener(text: Option<&str>) -> Result<Option<(Option<String>, u16)>, String> {
    match text {
        None | Some("") => Ok(None),
        Some(text) if !text.contains(':') => Ok(Some((None, port(text)?))),
        Some(text) => {
            let (host, rest) = host(text)?;
            Ok(Some((Some(host.to_owned()), port(rest)?)))
        }
    }
}

/// Splits at the colon after the host; IPv6 addresses stand in brackets.
fn host(text: &str) -> Result<(&str, &str), String> {
    let split = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once("]:"),
        None => text.split_once(':'),
    };
    match split {
        Some(("", _)) => Err(format!("{} lacks a host", shown(text))),
        Some(split) => Ok(split),
        None => Err(format!("{} lacks a port", shown(text))),
    }
}

fn port(text: &str) -> Result<u16, String> {
    match Kind::Port.parse(text, Notation::Decimal) {
        Ok(Value::Number(port)) => Ok(u16::try_from(port).expect("the kind ends at 65535")),
        _ => Err(format!("{} is not a port", shown(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(key: &str, value: &str) -> Result<Member, ConfigError> {
        Member::parse(&Place::CommandLine, key, value, true)
    }

    #[test]
    fn lines() {
        let any = |port| Some((None, port));
        let at = |host: &str, port| Some((Some(host.to_owned()), port));
        for (value, observer, client, secure_client) in [
            ("h:2888:3888", false, None, false),
            ("h:2888:3888:participant;2181", false, any(2181), false),
            ("h:2888:3888:OBSERVER;0.0.0.0:2181", true, at("0.0.0.0", 2181), false),
            ("[::1]:2888:3888;[::2]:2181", false, at("::2", 2181), false),
            ("h:2888:3888;2181;2281", false, any(2181), true),
            ("h:2888:3888;;2281", false, None, true),
            ("a:1:2|b:1:2:observer|[::3]:3:4:observer;5", true, any(5), false),
        ] {
            let member = parse("server.7", value).unwrap_or_else(|error| panic!("{error}"));
            let found = (member.id, member.observer, member.client, member.secure_client);
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
