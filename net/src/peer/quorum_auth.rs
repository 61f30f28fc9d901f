//! Packets by which servers make sure of each other, before anything else on a connection of the quorum port and behind the
//! initial message on one of the election port.
//!
//! ```text
//! i64 0x5f2435013501edcc, i32 status (0 in progress, 1 success, -1 error), buffer token
//! ```
//!
//! No packet and no notification begins with these eight bytes, so that a server which takes others without SASL knows from
//! the first of them that somebody does not authenticate.

use std::fmt;

use paddock_engine::jute::Write;

use super::arriving::{Arriving, Stop};

/// What each begins with.
pub const MAGIC: i64 = 0x5f24_3501_3501_edcc;
/// The longest token, bytes. A Kerberos ticket with all groups of its owner has 48,000 at most where nobody has raised that.
pub const TOKEN_MAX: usize = 64 << 10;
/// What one takes at most, bytes.
pub const BYTES_MAX: usize = 8 + 4 + 4 + TOKEN_MAX;

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The other side is to answer.
    InProgress,
    /// Of who accepts: the other side is who it says.
    Success,
    /// Of who accepts: it is not.
    Error,
}

impl Status {
    fn number(self) -> i32 {
        match self {
            Status::InProgress => 0,
            Status::Success => 1,
            Status::Error => -1,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuorumAuthPacket<'a> {
    pub status: Status,
    /// What the mechanism says.
    pub token: Option<&'a [u8]>,
}

/// What is no such packet. The connection must be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadQuorumAuthPacket {
    /// It begins otherwise.
    Magic(i64),
    Status(i32),
    /// Its token cannot have that length.
    Length(i32),
}

impl<'a> QuorumAuthPacket<'a> {
    /// Reads the first one, and gives its length too, bytes.
    pub fn read(bytes: &'a [u8]) -> Result<(QuorumAuthPacket<'a>, usize), Stop<BadQuorumAuthPacket>> {
        let mut arriving = Arriving::new(bytes);
        match arriving.i64()? {
            MAGIC => {}
            other => return Err(Stop::Bad(BadQuorumAuthPacket::Magic(other))),
        }
        let status = match arriving.i32()? {
            0 => Status::InProgress,
            1 => Status::Success,
            -1 => Status::Error,
            other => return Err(Stop::Bad(BadQuorumAuthPacket::Status(other))),
        };
        let token = arriving.buffer(TOKEN_MAX);
        let token = token.map_err(|stop| stop.map_bad(|length| BadQuorumAuthPacket::Length(length.0)))?;
        Ok((QuorumAuthPacket { status, token }, arriving.offset()))
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i64(MAGIC);
        out.put_i32(self.status.number());
        out.put_buffer(self.token);
    }
}

/// Whether what begins with these bytes is such a packet; `None` as long as that is not known.
pub fn authenticates(bytes: &[u8]) -> Option<bool> {
    let magic = MAGIC.to_be_bytes();
    let come = bytes.len().min(magic.len());
    match bytes[..come] == magic[..come] {
        false => Some(false),
        true => (come == magic.len()).then_some(true),
    }
}

impl fmt::Display for BadQuorumAuthPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadQuorumAuthPacket::Magic(_) => f.write_str("it has sent something else than a packet of quorum SASL"),
            BadQuorumAuthPacket::Status(status) => write!(f, "a packet of quorum SASL has the unknown status {status}"),
            BadQuorumAuthPacket::Length(length) => {
                write!(f, "the token of a packet of quorum SASL cannot have {length} bytes")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, BadQuorumAuthPacket, MAGIC, QuorumAuthPacket, Status, TOKEN_MAX, authenticates};
    use crate::peer::arriving::{Incomplete, Stop};

    fn written(status: Status, token: Option<&[u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        QuorumAuthPacket { status, token }.write(&mut out);
        out
    }

    #[test]
    fn packets_are_those_of_zookeeper() {
        // ZooKeeper writes the number as the negative of another one.
        assert_eq!(MAGIC, 0xa0db_cafe_cafe_1234_u64.cast_signed().wrapping_neg());
        let magic = b"\x5f\x24\x35\x01\x35\x01\xed\xcc";
        let packet = |rest: &[u8]| [&magic[..], rest].concat();
        assert_eq!(written(Status::InProgress, Some(b"")), packet(b"\0\0\0\0\0\0\0\0"));
        assert_eq!(written(Status::Success, None), packet(b"\0\0\0\x01\xff\xff\xff\xff"));
        assert_eq!(written(Status::Error, Some(b"no")), packet(b"\xff\xff\xff\xff\0\0\0\x02no"));
    }

    #[test]
    fn what_was_written_is_read_however_much_has_come() {
        for (status, token) in [
            (Status::InProgress, Some(&b"token"[..])),
            (Status::Success, None),
            (Status::Error, Some(b"")),
            (Status::InProgress, Some(&[7; TOKEN_MAX])),
        ] {
            let bytes = written(status, token);
            assert!(bytes.len() <= BYTES_MAX);
            assert_eq!(QuorumAuthPacket::read(&bytes), Ok((QuorumAuthPacket { status, token }, bytes.len())));
            for length in 0..bytes.len().min(100) {
                let Err(Stop::Incomplete(Incomplete { needed })) = QuorumAuthPacket::read(&bytes[..length]) else {
                    panic!("of {length} bytes");
                };
                assert!(length < needed && needed <= bytes.len());
            }
        }
    }

    #[test]
    fn nothing_else_is_a_packet() {
        let mut bytes = written(Status::InProgress, Some(b"x"));
        let read = |bytes: &[u8]| QuorumAuthPacket::read(bytes).expect_err("it is none");
        assert_eq!(read(b"GET / HTTP/1.1"), Stop::Bad(BadQuorumAuthPacket::Magic(0x4745_5420_2f20_4854)));
        bytes[11] = 2;
        assert_eq!(read(&bytes), Stop::Bad(BadQuorumAuthPacket::Status(2)));
        bytes[11] = 0;
        for length in [-2, i32::MIN, i32::MAX, 1 + TOKEN_MAX as i32] {
            bytes[12..16].copy_from_slice(&length.to_be_bytes());
            assert_eq!(read(&bytes), Stop::Bad(BadQuorumAuthPacket::Length(length)));
        }
    }

    #[test]
    fn whoever_does_not_authenticate_is_known_by_the_first_byte() {
        let bytes = written(Status::InProgress, None);
        assert_eq!((authenticates(b""), authenticates(&bytes[..7])), (None, None));
        assert_eq!((authenticates(&bytes[..8]), authenticates(&bytes)), (Some(true), Some(true)));
        // FOLLOWERINFO, and a notification.
        assert_eq!((authenticates(&[0, 0, 0, 11]), authenticates(&[0])), (Some(false), Some(false)));
    }
}
