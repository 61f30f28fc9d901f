//! Packets: what goes on a connection of the quorum port, one behind the other, with no length in front.
//!
//! ```text
//! i32 type, i64 zxid, buffer data, vector<(text scheme, text id)> authinfo
//! ```
//!
//! Data and authinfo may be null. Of all that servers send, only a REQUEST has an authinfo.

use std::fmt;

use paddock_consensus::Zxid;
use paddock_engine::acl::Id;
use paddock_engine::jute::{Write, wire_length};

use super::arriving::{Arriving, Stop};
use super::authinfo::{self, Authinfo, BadAuthinfo};
use super::packet_type::PacketType;

/// Bytes of a packet before its data: type, zxid, and the data's length.
const BEFORE_DATA: usize = 4 + 8 + 4;

/// What a packet takes at most whose data has at most `data_max` bytes.
pub const fn bytes_max(data_max: usize) -> usize {
    BEFORE_DATA + data_max + authinfo::BYTES_MAX
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    pub packet_type: PacketType,
    pub zxid: Zxid,
    pub data: Option<&'a [u8]>,
    pub authinfo: Option<Authinfo<'a>>,
}

/// A packet that nobody can read, nor what follows it: the connection must be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadPacket {
    pub packet_type: PacketType,
    pub zxid: Zxid,
    pub flaw: Flaw,
}

/// What is wrong with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// Its data cannot have that length.
    Data(i32),
    Authinfo(BadAuthinfo),
}

impl<'a> Packet<'a> {
    /// One that has neither data nor authinfo.
    pub fn bare(packet_type: PacketType, zxid: Zxid) -> Packet<'a> {
        Packet { packet_type, zxid, data: None, authinfo: None }
    }

    /// Reads the first packet, and gives its length too, bytes. `data_max` is the most that its data may have, inclusive:
    /// `jute.maxbuffer` and its `extrasize` together, or less where nothing so long is awaited.
    pub fn read(bytes: &'a [u8], data_max: usize) -> Result<(Packet<'a>, usize), Stop<BadPacket>> {
        let mut arriving = Arriving::new(bytes);
        let packet_type = PacketType::of(arriving.i32()?);
        let zxid = Zxid(arriving.i64()?);
        let bad = |flaw| BadPacket { packet_type, zxid, flaw };
        let data = arriving.buffer(data_max).map_err(|stop| stop.map_bad(|length| bad(Flaw::Data(length.0))))?;
        let authinfo = Authinfo::read(&mut arriving, data_max);
        let authinfo = authinfo.map_err(|stop| stop.map_bad(|flaw| bad(Flaw::Authinfo(flaw))))?;
        Ok((Packet { packet_type, zxid, data, authinfo }, arriving.offset()))
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i32(self.packet_type.number());
        out.put_i64(self.zxid.0);
        out.put_buffer(self.data);
        match &self.authinfo {
            None => authinfo::write_null(out),
            Some(authinfo) => authinfo.write(out),
        }
    }
}

/// Appends a packet with the data that `fields` appends.
pub fn write_with(packet_type: PacketType, zxid: Zxid, fields: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    write_fields(packet_type, zxid, fields, out);
    authinfo::write_null(out);
}

/// Appends a packet with the data that `fields` appends and these identities.
pub fn write_with_ids(
    packet_type: PacketType,
    zxid: Zxid,
    fields: impl FnOnce(&mut Vec<u8>),
    ids: &[Id],
    out: &mut Vec<u8>,
) {
    write_fields(packet_type, zxid, fields, out);
    authinfo::write(ids, out);
}

fn write_fields(packet_type: PacketType, zxid: Zxid, fields: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    out.put_i32(packet_type.number());
    out.put_i64(zxid.0);
    out.put_i32(0);
    let start = out.len();
    fields(out);
    let length = wire_length(out.len() - start);
    out[start - 4..start].copy_from_slice(&length.to_be_bytes());
}

impl fmt::Display for BadPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BadPacket { packet_type, zxid, flaw } = self;
        write!(f, "a packet {packet_type} with zxid {zxid} cannot be read: ")?;
        match flaw {
            Flaw::Data(length) => write!(f, "its data cannot have {length} bytes"),
            Flaw::Authinfo(BadAuthinfo::Count(count)) => write!(f, "its authinfo cannot have {count} identities"),
            Flaw::Authinfo(BadAuthinfo::Length(length)) => {
                write!(f, "a text in its authinfo cannot have {length} bytes")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;
    use paddock_engine::acl::Id;
    use proptest::prelude::*;

    use super::{BadAuthinfo, BadPacket, Flaw, Packet, bytes_max, write_with, write_with_ids};
    use crate::peer::arriving::{Incomplete, Stop};
    use crate::peer::authinfo;
    use crate::peer::incoming::Incoming;
    use crate::peer::packet_type::PacketType;

    /// What ZooKeeper admits by default: `jute.maxbuffer` and as much again.
    const DATA_MAX: usize = 2 * 0xf_ffff;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes(packet: &Packet<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        packet.write(&mut out);
        out
    }

    fn request(ids: &[Id]) -> Vec<u8> {
        let mut out = Vec::new();
        write_with_ids(PacketType::Request, Zxid(-1), |out| out.extend_from_slice(b"body"), ids, &mut out);
        out
    }

    fn id(scheme: &str, id: &str) -> Id {
        Id { scheme: scheme.into(), id: id.into() }
    }

    #[test]
    fn packets_are_zookeepers_byte_for_byte() {
        let up_to_date = Packet::bare(PacketType::UpToDate, Zxid(-1));
        assert_eq!(hex(&bytes(&up_to_date)), "0000000cffffffffffffffffffffffffffffffff");
        let empty = Packet { data: Some(b""), ..Packet::bare(PacketType::Ping, Zxid(0x7_0000_0003)) };
        assert_eq!(hex(&bytes(&empty)), "00000005000000070000000300000000ffffffff");
        let relayed = request(&[id("ip", "::1"), id("world", "")]);
        let expected = concat!(
            "00000001ffffffffffffffff",
            "00000004626f6479",
            "00000002",
            "000000026970000000033a3a31",
            "00000005776f726c6400000000",
        );
        assert_eq!(hex(&relayed), expected);
    }

    #[test]
    fn what_is_written_piece_by_piece_is_the_same_packet() {
        let mut out = Vec::new();
        write_with(PacketType::Proposal, Zxid(9), |out| out.extend_from_slice(b"txn"), &mut out);
        let packet = Packet { data: Some(b"txn"), ..Packet::bare(PacketType::Proposal, Zxid(9)) };
        assert_eq!(out, bytes(&packet));
        let request = request(&[]);
        let (packet, length) = Packet::read(&request, DATA_MAX).unwrap();
        assert_eq!((length, packet.authinfo.unwrap().ids().len()), (request.len(), 0));
        assert_eq!(bytes(&packet), request);
    }

    #[test]
    fn a_packet_that_has_not_come_whole_says_what_is_lacking() {
        let whole = request(&[id("digest", "me:hash"), id("ip", "10.1.1.1")]);
        for length in 0..whole.len() {
            match Packet::read(&whole[..length], DATA_MAX) {
                Err(Stop::Incomplete(Incomplete { needed })) => assert!(length < needed && needed <= whole.len()),
                other => panic!("of {length} bytes: {other:?}"),
            }
        }
        let more = [&whole[..], &[0; 3]].concat();
        assert_eq!(Packet::read(&more, DATA_MAX).unwrap().1, whole.len());
    }

    #[test]
    fn no_length_of_data_is_believed() {
        let of_length = |length: i32, data_max: usize| {
            let bare = bytes(&Packet::bare(PacketType::Diff, Zxid(3)));
            Packet::read(&[&bare[..12], &length.to_be_bytes()].concat(), data_max).map(|_| ())
        };
        let flaw = |length| BadPacket { packet_type: PacketType::Diff, zxid: Zxid(3), flaw: Flaw::Data(length) };
        let most = i32::try_from(DATA_MAX).unwrap();
        assert_eq!(of_length(-1, DATA_MAX), Err(Stop::Incomplete(Incomplete { needed: 20 })));
        assert_eq!(of_length(0, DATA_MAX), Err(Stop::Incomplete(Incomplete { needed: 20 })));
        assert_eq!(of_length(most, DATA_MAX), Err(Stop::Incomplete(Incomplete { needed: 16 + DATA_MAX })));
        for length in [most + 1, i32::MAX, -2, i32::MIN] {
            assert_eq!(of_length(length, DATA_MAX), Err(Stop::Bad(flaw(length))));
        }
        assert_eq!(of_length(1, 0), Err(Stop::Bad(flaw(1))));
        let bad = BadPacket { flaw: Flaw::Authinfo(BadAuthinfo::Length(-1)), ..flaw(0) };
        assert_eq!(flaw(-2).to_string(), "a packet DIFF with zxid 0x3 cannot be read: its data cannot have -2 bytes");
        assert!(bad.to_string().ends_with("a text in its authinfo cannot have -1 bytes"));
    }

    #[test]
    fn no_count_of_identities_is_believed() {
        let mut of_count = bytes(&Packet::bare(PacketType::Request, Zxid(-1)));
        for count in [authinfo::IDS_MAX as i32 + 1, i32::MAX] {
            of_count.truncate(16);
            of_count.extend_from_slice(&count.to_be_bytes());
            let Err(Stop::Bad(bad)) = Packet::read(&of_count, DATA_MAX) else { panic!("a count of {count}") };
            assert_eq!(bad.flaw, Flaw::Authinfo(BadAuthinfo::Count(count)));
        }
    }

    #[test]
    fn the_longest_packet_has_room() {
        let text_max = authinfo::TEXTS_MAX / authinfo::IDS_MAX;
        let most = vec![id(&"s".repeat(text_max), ""); authinfo::IDS_MAX];
        let mut longest = Vec::new();
        write_with_ids(PacketType::Request, Zxid(-1), |out| out.resize(out.len() + text_max, 7), &most, &mut longest);
        assert_eq!(longest.len(), bytes_max(text_max));
        let mut incoming = Incoming::new(bytes_max(text_max));
        incoming.extend(&longest);
        let packet = incoming.next(|bytes| Packet::read(bytes, text_max)).unwrap().unwrap();
        assert_eq!(packet.authinfo.unwrap().ids(), most);
    }

    #[test]
    fn packets_come_whole_however_their_bytes_come() {
        let packets = [
            request(&[id("ip", "10.0.0.1")]),
            bytes(&Packet::bare(PacketType::Commit, Zxid(1))),
            bytes(&Packet::bare(PacketType::Unknown(77), Zxid(2))),
        ];
        let all = packets.concat();
        for piece in [1, 2, 7, all.len()] {
            let mut incoming = Incoming::new(bytes_max(DATA_MAX));
            let mut found = Vec::new();
            for bytes_of_piece in all.chunks(piece) {
                incoming.extend(bytes_of_piece);
                while let Some(packet) = incoming.next(|bytes| Packet::read(bytes, DATA_MAX)).unwrap() {
                    found.push(bytes(&packet));
                }
            }
            assert_eq!(found, packets, "in pieces of {piece} bytes");
        }
    }

    #[test]
    fn a_stream_goes_between_two_packets() {
        let snap = bytes(&Packet::bare(PacketType::Snap, Zxid(5)));
        let new_leader = bytes(&Packet::bare(PacketType::NewLeader, Zxid(6)));
        let mut incoming = Incoming::new(bytes_max(DATA_MAX));
        incoming.extend(&[&snap[..], b"znodes", &new_leader].concat());
        let read = |bytes| Packet::read(bytes, DATA_MAX);
        assert_eq!(incoming.next(read).unwrap().unwrap().packet_type, PacketType::Snap);
        assert!(incoming.rest().starts_with(b"znodes"));
        incoming.take(6);
        assert_eq!(incoming.next(|bytes| Packet::read(bytes, DATA_MAX)).unwrap().unwrap().zxid, Zxid(6));
    }

    proptest! {
        #[test]
        fn a_written_packet_reads_back(
            number: i32,
            zxid: i64,
            data in prop::option::of(prop::collection::vec(any::<u8>(), 0..100)),
            ids in prop::option::of(prop::collection::vec((".{0,9}", ".{0,9}"), 0..5)),
        ) {
            let ids: Option<Vec<Id>> = ids.map(|ids| ids.iter().map(|(scheme, text)| id(scheme, text)).collect());
            let mut out = Vec::new();
            let bare = Packet::bare(PacketType::of(number), Zxid(zxid));
            Packet { data: data.as_deref(), ..bare }.write(&mut out);
            if let Some(ids) = &ids {
                out.truncate(out.len() - 4);
                authinfo::write(ids, &mut out);
            }
            let (packet, length) = Packet::read(&out, DATA_MAX).unwrap();
            prop_assert_eq!(length, out.len());
            prop_assert_eq!((packet.packet_type.number(), packet.zxid.0, packet.data), (number, zxid, data.as_deref()));
            prop_assert_eq!(packet.authinfo.map(|authinfo| authinfo.ids()), ids);
            prop_assert_eq!(bytes(&packet), out);
        }

        #[test]
        fn whatever_comes_is_read_or_refused(input in prop::collection::vec(prop_oneof![Just(0u8), Just(255), any::<u8>()], 0..80)) {
            match Packet::read(&input, 40) {
                Ok((packet, length)) => {
                    prop_assert!(length <= input.len());
                    let again = bytes(&packet);
                    prop_assert_eq!(Packet::read(&again, 40), Ok((packet, again.len())));
                }
                Err(Stop::Incomplete(Incomplete { needed })) => {
                    prop_assert!(input.len() < needed && needed <= bytes_max(40));
                }
                Err(Stop::Bad(_)) => {}
            }
        }
    }
}
