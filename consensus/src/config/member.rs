//! A member of an ensemble, and its `server.N` line.
//!
//! ```text
//! server.<id>=<address>[|<address>...][;[<host>:]<clientPort>][;[<host>:]<securePort>]
//! <address> is <host>:<quorumPort>:<electionPort>[:<role>]
//! ```
//!
//! Written is the form that ZooKeeper writes: the addresses by their hosts, behind them the role, once, and the client's
//! listener with its host.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::Ipv6Addr;

use super::malformed::{Malformed, shown};
use crate::ServerId;

/// Addresses of one server in one line.
const ADDRESSES_MAX: usize = 64;

const FORM: &str = "host:quorumPort:electionPort[:role][;[host:]clientPort], such as 10.0.0.1:2888:3888;2181";

/// A listener without a host listens on every address of its machine.
const EVERY_ADDRESS: &str = "0.0.0.0";

/// What part a server was given in the ensemble.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PeerType {
    /// One that votes, if it is in the configuration.
    Participant,
    Observer,
}

/// A host and a port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostPort {
    /// A name as it was written, or an address: an IPv6 address without its brackets, with all of its eight numbers.
    pub host: Box<str>,
    pub port: u16,
}

/// Where other servers reach a member: one of its addresses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PeerAddress {
    pub quorum: HostPort,
    pub election: HostPort,
}

/// A server of the ensemble.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    pub peer_type: PeerType,
    /// At least one, each once, in ascending order.
    pub addresses: Vec<PeerAddress>,
    /// Where clients reach it, if the line says that.
    pub client: Option<HostPort>,
}

/// What a `server.N` line says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerLine {
    pub member: Member,
    /// Where TLS clients reach it. ZooKeeper 3.10 writes that, and 3.9 refuses a line that has it, so that it is no part of
    /// what servers tell each other.
    pub secure_client: Option<HostPort>,
}

impl ServerLine {
    /// The server of a line, by its key `server.N`.
    pub fn server(key: &str) -> Result<ServerId, Malformed> {
        let id = key.strip_prefix("server.").unwrap_or(key);
        parse_id(id).ok_or_else(|| not_an_id(id, "server.N with a whole number N"))
    }

    /// `value` is what stands behind the `=`.
    pub fn parse(value: &str) -> Result<ServerLine, Malformed> {
        let mut parts = value.split(';');
        let (addresses, peer_type) = parse_addresses(parts.next().unwrap_or_default())?;
        let client = parse_listener(parts.next())?;
        let secure_client = parse_listener(parts.next())?;
        if parts.next().is_some() {
            return Err(Malformed::new("there are more than two client listeners", FORM));
        }
        Ok(ServerLine { member: Member { peer_type, addresses, client }, secure_client })
    }
}

/// What stands behind the `=`.
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, address) in self.addresses.iter().enumerate() {
            let bar = if place == 0 { "" } else { "|" };
            write!(f, "{bar}{}:{}", address.quorum, address.election.port)?;
        }
        f.write_str(match self.peer_type {
            PeerType::Participant => ":participant",
            PeerType::Observer => ":observer",
        })?;
        self.client.iter().try_for_each(|client| write!(f, ";{client}"))
    }
}

/// `host:port`; what has colons of its own stands in brackets.
impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The id of a server, in decimal.
pub(super) fn parse_id(text: &str) -> Option<ServerId> {
    text.parse().ok().filter(|id| *id >= 0).map(ServerId)
}

pub(super) fn not_an_id(text: &str, expected: &str) -> Malformed {
    Malformed::new(format!("{} is not a server id", shown(text)), expected)
}

/// The addresses in ascending order, and their role. An address that names no role leaves it to the others.
fn parse_addresses(text: &str) -> Result<(Vec<PeerAddress>, PeerType), Malformed> {
    let mut addresses = Vec::new();
    let mut role = None;
    for address in text.split('|') {
        if addresses.len() == ADDRESSES_MAX {
            return Err(Malformed::new(
                format!("the server has more than {ADDRESSES_MAX} addresses"),
                "fewer addresses",
            ));
        }
        let (address, named) = parse_address(address)?;
        if role.is_some_and(|role| named.is_some_and(|named| named != role)) {
            return Err(Malformed::new("the addresses have different roles", "the same role at each address"));
        }
        role = role.or(named);
        addresses.push(address);
    }
    addresses.sort();
    addresses.dedup();
    Ok((addresses, role.unwrap_or(PeerType::Participant)))
}

/// `host:quorumPort:electionPort[:role]`.
fn parse_address(text: &str) -> Result<(PeerAddress, Option<PeerType>), Malformed> {
    let (host, rest) = split_host(text)?;
    let mut parts = rest.splitn(3, ':');
    let (Some(quorum), Some(election)) = (parts.next(), parts.next()) else { return Err(lacks(text, "a port")) };
    let (quorum, election) = (parse_port(quorum)?, parse_port(election)?);
    if quorum == election {
        return Err(Malformed::new("the quorum port and the election port are the same", FORM));
    }
    let role = parts.next().map(parse_role).transpose()?;
    let at = |port| HostPort { host: host.clone(), port };
    Ok((PeerAddress { quorum: at(quorum), election: at(election) }, role))
}

fn parse_role(text: &str) -> Result<PeerType, Malformed> {
    let role = text.trim();
    if role.eq_ignore_ascii_case("participant") {
        return Ok(PeerType::Participant);
    }
    match role.eq_ignore_ascii_case("observer") {
        true => Ok(PeerType::Observer),
        false => Err(Malformed::new(format!("{} is neither participant nor observer", shown(text)), FORM)),
    }
}

/// `[host:]port`; an empty text is no listener.
fn parse_listener(text: Option<&str>) -> Result<Option<HostPort>, Malformed> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let (host, port) = match text.contains(':') {
        true => split_host(text)?,
        false => (EVERY_ADDRESS.into(), text),
    };
    Ok(Some(HostPort { host, port: parse_port(port)? }))
}

/// The host, and what is behind the colon after it. An IPv6 address stands in brackets.
fn split_host(text: &str) -> Result<(Box<str>, &str), Malformed> {
    let split = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once("]:"),
        None => text.split_once(':'),
    };
    match split {
        None => Err(lacks(text, "a port")),
        Some(("", _)) => Err(lacks(text, "a host")),
        Some((host, rest)) => Ok((parse_host(host)?, rest)),
    }
}

/// An address as ZooKeeper writes it, any name as it is. What no name has would be read differently once it is written.
fn parse_host(text: &str) -> Result<Box<str>, Malformed> {
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Ok(address_text(address).into_boxed_str());
    }
    match text.chars().all(|char| char.is_alphanumeric() || ".-_:%".contains(char)) {
        true => Ok(text.into()),
        false => Err(Malformed::new(format!("{} is not a host", shown(text)), FORM)),
    }
}

/// All eight numbers, in hexadecimal; an IPv4 address that was written as one of IPv6 is one of IPv4 again.
fn address_text(address: Ipv6Addr) -> String {
    if let Some(address) = address.to_ipv4_mapped() {
        return format!("{address}");
    }
    let mut text = String::new();
    for (place, number) in address.segments().iter().enumerate() {
        let colon = if place == 0 { "" } else { ":" };
        write!(text, "{colon}{number:x}").expect("a String takes everything");
    }
    text
}

fn parse_port(text: &str) -> Result<u16, Malformed> {
    text.parse().map_err(|_| Malformed::new(format!("{} is not a port", shown(text)), FORM))
}

fn lacks(text: &str, what: &str) -> Malformed {
    Malformed::new(format!("{} lacks {what}", shown(text)), FORM)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{PeerType, ServerLine};

    /// Pairs of QuorumServerTest, and what its class makes of others.
    #[test]
    fn lines_are_written_as_zookeeper_writes_them() {
        for (read, written) in [
            ("127.0.0.1:1234:1236:participant;0.0.0.0:1237", "127.0.0.1:1234:1236:participant;0.0.0.0:1237"),
            ("127.0.0.1:1234:1236;0.0.0.0:1237", "127.0.0.1:1234:1236:participant;0.0.0.0:1237"),
            ("127.0.0.1:1234:1236:observer;0.0.0.0:1237", "127.0.0.1:1234:1236:observer;0.0.0.0:1237"),
            ("127.0.0.1:1234:1236:participant;1237", "127.0.0.1:1234:1236:participant;0.0.0.0:1237"),
            ("127.0.0.1:1234:1236:participant;1.2.3.4:1237", "127.0.0.1:1234:1236:participant;1.2.3.4:1237"),
            ("example.com:1234:1236:participant;1237", "example.com:1234:1236:participant;0.0.0.0:1237"),
            ("[::1]:1234:1236:participant", "[0:0:0:0:0:0:0:1]:1234:1236:participant"),
            ("127.0.0.1:1234:1236;[::1]:1237", "127.0.0.1:1234:1236:participant;[0:0:0:0:0:0:0:1]:1237"),
            ("127.0.0.1:1234:1236|127.0.0.1:2234:2236", "127.0.0.1:1234:1236|127.0.0.1:2234:2236:participant"),
            (
                "b:3:4|[2001:DB8::00a]:5:6|10.0.0.1:7:8;[::]:2181",
                "10.0.0.1:7:8|[2001:db8:0:0:0:0:0:a]:5:6|b:3:4:participant;[0:0:0:0:0:0:0:0]:2181",
            ),
            ("[::ffff:1.2.3.4]:1:2;host:3", "1.2.3.4:1:2:participant;host:3"),
            ("[fe80::1%eth0]:1:2: Observer ", "[fe80::1%eth0]:1:2:observer"),
            ("h:5:6|g:3:4|h:1:2|g:3:4", "g:3:4|h:1:2|h:5:6:participant"),
        ] {
            let line = ServerLine::parse(read).unwrap_or_else(|error| panic!("{read}: {error}"));
            assert_eq!(line.member.to_string(), written, "{read}");
            assert_eq!(ServerLine::parse(written).as_ref(), Ok(&line), "{read}");
        }
    }

    #[test]
    fn the_listener_for_tls_clients_is_read_and_not_written() {
        for (read, written, secure) in [
            ("h:1:2:participant;1237;1238", "h:1:2:participant;0.0.0.0:1237", Some("0.0.0.0:1238")),
            ("h:1:2:participant;;1.2.3.4:1237", "h:1:2:participant", Some("1.2.3.4:1237")),
            ("h:1:2:participant;1237;", "h:1:2:participant;0.0.0.0:1237", None),
            ("h:1:2:participant;;", "h:1:2:participant", None),
        ] {
            let ServerLine { member, secure_client } = ServerLine::parse(read).expect(read);
            assert_eq!(member.to_string(), written);
            assert_eq!(secure_client.map(|client| client.to_string()).as_deref(), secure);
        }
    }

    #[test]
    fn roles() {
        use PeerType::{Observer, Participant};
        for (value, peer_type) in [
            ("h:1:2", Participant),
            ("h:1:2:participant", Participant),
            ("h:1:2:OBSERVER;3", Observer),
            ("a:1:2|b:1:2:observer|[::3]:3:4:observer;5", Observer),
        ] {
            assert_eq!(ServerLine::parse(value).expect(value).member.peer_type, peer_type, "{value}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_right() {
        for (value, problem) in [
            ("", "\"\" lacks a port"),
            ("h", "\"h\" lacks a port"),
            ("h:1", "\"h:1\" lacks a port"),
            (":1:2", "\":1:2\" lacks a host"),
            ("[]:1:2", "\"[]:1:2\" lacks a host"),
            ("[::1:1234:1236:participant", "\"[::1:1234:1236:participant\" lacks a port"),
            ("h:1:2;[::1:1237", "\"[::1:1237\" lacks a port"),
            ("[[::1]:1:2", "\"[::1\" is not a host"),
            ("a b:1:2", "\"a b\" is not a host"),
            ("a\\:1:2", "\"a\\\\\" is not a host"),
            ("localhost:2888:2888", "the quorum port and the election port are the same"),
            ("h:1:65536", "\"65536\" is not a port"),
            ("h:-1:2", "\"-1\" is not a port"),
            ("h:1: 2", "\" 2\" is not a port"),
            ("h:1:2:leader", "\"leader\" is neither participant nor observer"),
            ("h:1:2:observer:x", "\"observer:x\" is neither participant nor observer"),
            ("h:1:2;x", "\"x\" is not a port"),
            ("h:1:2;1;2;3", "there are more than two client listeners"),
        ] {
            let error = ServerLine::parse(value).expect_err(value);
            assert_eq!(error.problem, problem);
            assert!(error.to_string().contains("; expected host:quorumPort:electionPort[:role]"), "{error}");
        }
        let roles = ServerLine::parse("a:1:2:observer|b:1:2:participant").expect_err("two roles").to_string();
        assert_eq!(roles, "the addresses have different roles; expected the same role at each address");
        let many = ServerLine::parse(&"a:1:2|".repeat(1000)).expect_err("many").to_string();
        assert_eq!(many, "the server has more than 64 addresses; expected fewer addresses");
        let long = ServerLine::parse(&"x".repeat(1000)).expect_err("long").problem;
        assert!(long.ends_with("\"... lacks a port") && long.len() < 100, "{long}");
    }

    #[test]
    fn ids_are_whole_numbers() {
        let ids =
            ["server.0", "server.7", "server.9223372036854775807"].map(|key| ServerLine::server(key).map(|id| id.0));
        assert_eq!(ids, [Ok(0), Ok(7), Ok(i64::MAX)]);
        for key in ["server.", "server.x", "server.-1", "server.9223372036854775808", "server.1 "] {
            let error = ServerLine::server(key).expect_err(key).to_string();
            assert!(error.ends_with(" is not a server id; expected server.N with a whole number N"), "{error}");
        }
    }
}
