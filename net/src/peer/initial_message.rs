//! What a server says first on a connection to another's election port: who it is, and where it can be dialled.
//!
//! ```text
//! i64 server                                                                  3.4 and older
//! i64 -65536, i64 server, i32 length, text host:port                          V1
//! i64 -65535, i64 server, i32 length, text host:port|host:port|...            V2: several addresses
//! ```
//!
//! The addresses are those of the election port. A server that listens on all its addresses may tell a wildcard, where
//! nobody can dial it: that one is passed over, and where nothing is left the address in the configuration is dialled. A
//! name is not looked up here, so one that stands for a wildcard is for the dialler to refuse.

use std::fmt;
use std::net::IpAddr;

use paddock_consensus::ServerId;
use paddock_consensus::config::HostPort;
use paddock_engine::jute::{Write, wire_length};

use super::arriving::{Arriving, Stop};

/// What V1 and V2 begin with, in the place of a server's id, which is never negative there.
const V1: i64 = -65536;
const V2: i64 = -65535;
/// How long the text of the addresses may be, bytes.
pub const ADDRESSES_MAX: usize = 2048;
/// What an initial message takes at most, bytes.
pub const BYTES_MAX: usize = 8 + 8 + 4 + ADDRESSES_MAX;
/// What an observer that has no id of its own calls itself.
pub const ANONYMOUS: ServerId = ServerId(i64::MAX);

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InitialMessage {
    pub server: ServerId,
    /// Where it says it can be dialled, without wildcards.
    pub addresses: Vec<HostPort>,
}

/// An initial message that nobody can read. The connection must be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadInitialMessage {
    /// It begins with a negative number that stands for no version.
    Version(i64),
    /// The addresses cannot have that length.
    Length(i32),
    /// What should be addresses is not.
    Addresses,
}

impl InitialMessage {
    /// Reads one, and gives its length too, bytes.
    pub fn read(bytes: &[u8]) -> Result<(InitialMessage, usize), Stop<BadInitialMessage>> {
        let mut arriving = Arriving::new(bytes);
        let server = match arriving.i64()? {
            V1 | V2 => ServerId(arriving.i64()?),
            server @ 0.. => {
                let message = InitialMessage { server: ServerId(server), addresses: Vec::new() };
                return Ok((message, arriving.offset()));
            }
            version => return Err(Stop::Bad(BadInitialMessage::Version(version))),
        };
        let claimed = arriving.i32()?;
        let length = usize::try_from(claimed).ok().filter(|length| (1..=ADDRESSES_MAX).contains(length));
        let text = arriving.bytes(length.ok_or(Stop::Bad(BadInitialMessage::Length(claimed)))?)?;
        let addresses = std::str::from_utf8(text).ok().and_then(addresses);
        let addresses = addresses.ok_or(Stop::Bad(BadInitialMessage::Addresses))?;
        Ok((InitialMessage { server, addresses }, arriving.offset()))
    }
}

/// Appends the initial message of a server with one election address, in V1, which every version since 3.5 reads, or with
/// several, in V2, which only those since 3.6 do. It must go out by one write: ZooKeeper refuses what does not come at once.
///
/// # Errors
/// If the addresses are longer than anybody reads, or there are none. Nothing is appended then.
pub fn write(server: ServerId, addresses: &[HostPort], out: &mut Vec<u8>) -> Result<(), BadInitialMessage> {
    let text = addresses.iter().map(text_of).collect::<Vec<_>>().join("|");
    if !(1..=ADDRESSES_MAX).contains(&text.len()) {
        return Err(BadInitialMessage::Length(wire_length(text.len())));
    }
    out.put_i64(if addresses.len() == 1 { V1 } else { V2 });
    out.put_i64(server.0);
    out.put_string(&text);
    Ok(())
}

/// The addresses of a text, without wildcards; `None` if one of them is none.
fn addresses(text: &str) -> Option<Vec<HostPort>> {
    let mut addresses = Vec::new();
    for part in text.split('|') {
        let address = parse(part)?;
        if !is_wildcard(&address) {
            addresses.push(address);
        }
    }
    Some(addresses)
}

/// `host:port`, where an IPv6 address is in brackets.
fn parse(text: &str) -> Option<HostPort> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let port = port.parse().ok()?;
    let is_of_host = |character: char| !character.is_control() && !" []".contains(character);
    (!host.is_empty() && host.chars().all(is_of_host)).then(|| HostPort { host: host.into(), port })
}

fn text_of(HostPort { host, port }: &HostPort) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Whether it is "all addresses", of either version, and in either's notation.
fn is_wildcard(address: &HostPort) -> bool {
    address.host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_unspecified())
}

impl fmt::Display for BadInitialMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadInitialMessage::Version(version) => write!(f, "there is no initial message of version {version}"),
            BadInitialMessage::Length(length) => {
                write!(f, "the addresses of an initial message cannot have {length} bytes")
            }
            BadInitialMessage::Addresses => write!(f, "the addresses of an initial message cannot be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;
    use paddock_consensus::config::HostPort;
    use proptest::prelude::*;

    use super::{ADDRESSES_MAX, BYTES_MAX, BadInitialMessage, InitialMessage, V1, V2, text_of, write};
    use crate::peer::arriving::{Incomplete, Stop};
    use crate::peer::incoming::Incoming;

    fn at(host: &str, port: u16) -> HostPort {
        HostPort { host: host.into(), port }
    }

    fn message(version: i64, server: i64, length: i32, text: &[u8]) -> Vec<u8> {
        [&version.to_be_bytes()[..], &server.to_be_bytes(), &length.to_be_bytes(), text].concat()
    }

    /// The addresses of a message with this text, or what is wrong with it.
    fn addresses_of(text: &str) -> Result<Vec<String>, BadInitialMessage> {
        let bytes = message(V2, 1, i32::try_from(text.len()).unwrap(), text.as_bytes());
        match InitialMessage::read(&bytes) {
            Ok((message, length)) => {
                assert_eq!(length, bytes.len());
                Ok(message.addresses.iter().map(text_of).collect())
            }
            Err(Stop::Bad(bad)) => Err(bad),
            Err(Stop::Incomplete(incomplete)) => panic!("{incomplete:?}"),
        }
    }

    #[test]
    fn one_address_is_v1_and_several_are_v2() {
        let mut out = Vec::new();
        write(ServerId(3), &[at("zk3", 3888)], &mut out).unwrap();
        assert_eq!(out, b"\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\x03\0\0\0\x08zk3:3888");
        out.clear();
        let several = [at("10.0.0.3", 3888), at("fd00::3", 4888)];
        write(ServerId(3), &several, &mut out).unwrap();
        let bytes = b"\xff\xff\xff\xff\xff\xff\0\x01\0\0\0\0\0\0\0\x03\0\0\0\x1c10.0.0.3:3888|[fd00::3]:4888";
        assert_eq!(out, bytes);
        let message = InitialMessage { server: ServerId(3), addresses: several.to_vec() };
        assert_eq!(InitialMessage::read(bytes), Ok((message, bytes.len())));
    }

    #[test]
    fn a_bare_id_is_a_message_too() {
        for server in [0, 7, i64::MAX] {
            let bytes = [&i64::to_be_bytes(server)[..], b"what follows"].concat();
            let message = InitialMessage { server: ServerId(server), addresses: Vec::new() };
            assert_eq!(InitialMessage::read(&bytes), Ok((message, 8)));
        }
    }

    #[test]
    fn other_versions_are_refused() {
        for version in [-1, V1 - 1, V2 + 1, i64::MIN] {
            let bad = BadInitialMessage::Version(version);
            assert_eq!(InitialMessage::read(&version.to_be_bytes()), Err(Stop::Bad(bad)));
        }
        let bad = BadInitialMessage::Version(-1).to_string();
        assert_eq!(bad, "there is no initial message of version -1");
    }

    #[test]
    fn no_length_is_believed() {
        for version in [V1, V2] {
            let of_length = |length| InitialMessage::read(&message(version, 1, length, b"")).unwrap_err();
            for bad in [0, -1, -2, 2049, i32::MAX, i32::MIN] {
                assert_eq!(of_length(bad), Stop::Bad(BadInitialMessage::Length(bad)));
            }
            assert_eq!(of_length(1), Stop::Incomplete(Incomplete { needed: 21 }));
            assert_eq!(of_length(2048), Stop::Incomplete(Incomplete { needed: BYTES_MAX }));
        }
    }

    #[test]
    fn a_message_that_has_not_come_whole_says_what_is_lacking() {
        let whole = message(V1, 1, 6, b"a:3888");
        for length in 0..whole.len() {
            let Err(Stop::Incomplete(Incomplete { needed })) = InitialMessage::read(&whole[..length]) else {
                panic!("of {length} bytes");
            };
            assert!(length < needed && needed <= whole.len());
        }
        let mut incoming = Incoming::new(BYTES_MAX);
        for byte in &whole[..whole.len() - 1] {
            incoming.extend(&[*byte]);
            assert_eq!(incoming.next(InitialMessage::read), Ok(None));
        }
        incoming.extend(b"8frame");
        assert_eq!(incoming.next(InitialMessage::read).unwrap().unwrap().addresses, [at("a", 3888)]);
        assert_eq!(incoming.rest(), b"frame");
    }

    #[test]
    fn wildcards_are_passed_over() {
        let kept = |text| addresses_of(text).unwrap().join(" ");
        assert_eq!(kept("0.0.0.0:3888|a:1|[::]:2|b:3|[0:0::0]:4|[::ffff:0.0.0.0]:5"), "a:1 b:3");
        assert_eq!(kept("0.0.0.0:3888"), "");
        assert_eq!(kept("[::]:3888|0.0.0.0:3888"), "");
        assert_eq!(kept("127.0.0.1:1|[::1]:2|10.0.0.0:3"), "127.0.0.1:1 [::1]:2 10.0.0.0:3");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "a",
            "a:",
            ":1",
            "a:65536",
            "a:-1",
            "a:x",
            "::1:3888",
            "[::1:3888",
            "[::1]3888",
            "[]:1",
            "|",
            "a:1|",
            "a:1||b:2",
            "[[2]:1",
            "a]:1",
            "a b:1",
            "a\0:1",
            "a\n:1",
        ] {
            assert_eq!(addresses_of(text), Err(BadInitialMessage::Addresses), "{text}");
        }
        let bytes = message(V1, 1, 3, b"\xff:1");
        assert_eq!(InitialMessage::read(&bytes), Err(Stop::Bad(BadInitialMessage::Addresses)));
    }

    #[test]
    fn what_nobody_reads_is_not_written() {
        let mut out = Vec::new();
        let host = "h".repeat(ADDRESSES_MAX - 4);
        let too_long = write(ServerId(1), &[at(&host, 3888)], &mut out);
        assert_eq!(too_long, Err(BadInitialMessage::Length(2049)));
        assert_eq!(write(ServerId(1), &[], &mut out), Err(BadInitialMessage::Length(0)));
        assert_eq!(out, []);
        write(ServerId(1), &[at(&host[1..], 3888)], &mut out).unwrap();
        assert_eq!(out.len(), BYTES_MAX);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            server in any::<i64>(),
            hosts in prop::collection::vec(("[a-z][a-z0-9.-]{0,20}|[1-9]\\.2\\.3\\.4|fd00::[1-9a-f]", any::<u16>()), 1..9),
        ) {
            let addresses: Vec<_> = hosts.iter().map(|(host, port)| at(host, *port)).collect();
            let mut out = Vec::new();
            write(ServerId(server), &addresses, &mut out).unwrap();
            prop_assert_eq!(InitialMessage::read(&out), Ok((InitialMessage { server: ServerId(server), addresses }, out.len())));
        }

        #[test]
        fn whatever_comes_is_read_or_refused(
            start in prop_oneof![Just(&[][..]), Just(&[255, 255, 255, 255, 255, 255, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 20][..])],
            rest in prop::collection::vec(prop_oneof![Just(b':'), Just(b'|'), Just(b'['), Just(b'0'), any::<u8>()], 0..40),
        ) {
            let input = [start, &rest].concat();
            match InitialMessage::read(&input) {
                Ok((_, length)) => prop_assert!((8..=input.len()).contains(&length)),
                Err(Stop::Incomplete(Incomplete { needed })) => prop_assert!(input.len() < needed && needed <= BYTES_MAX),
                Err(Stop::Bad(_)) => {}
            }
        }
    }
}
