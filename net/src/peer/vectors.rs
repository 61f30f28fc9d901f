//! Packets of every type, byte for byte as ZooKeeper's source makes them: what it sends is read, and is written the same.

use paddock_consensus::settings::Features;
use paddock_consensus::{Epoch, ServerId, Zxid};
use paddock_engine::acl::Id;
use paddock_engine::request::opcode;

use super::ack_epoch;
use super::activation::Activation;
use super::forwarded_request::ForwardedRequest;
use super::leader_info::LeaderInfo;
use super::learner_info::LearnerInfo;
use super::packet::{Packet, write_with, write_with_ids};
use super::packet_type::PacketType;
use super::proposal::Proposal;
use super::revalidation::{Revalidation, RevalidationAnswer};
use super::touches::Touches;

const DATA_MAX: usize = 1 << 20;

/// Of a create of `/a`: what its record in the log has behind its length.
const CREATE: &str = "0000000100000001 00000005 0000000100000002 0000018bcfe56800 00000001 00000002 2f61 00000005 \
    68656c6c6f 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00 00000001 00000002 0000000213ac2648";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    let byte = |place: usize| u8::from_str_radix(&digits[place..place + 2], 16).expect("two digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// The packet that these bytes are, and nothing else; and it is written the same.
fn packet(bytes: &[u8]) -> Packet<'_> {
    let (packet, length) = Packet::read(bytes, DATA_MAX).expect("it is a packet");
    let mut out = Vec::new();
    packet.write(&mut out);
    assert_eq!((&out[..], length), (bytes, bytes.len()));
    packet
}

/// Whether the packet of this type and zxid, with the data that `fields` appends, has these bytes.
fn is_written(packet_type: PacketType, zxid: i64, fields: impl FnOnce(&mut Vec<u8>), expected: &[u8]) -> bool {
    let mut out = Vec::new();
    write_with(packet_type, Zxid(zxid), fields, &mut out);
    out == expected
}

#[test]
fn packets_without_data() {
    let cases = [
        (PacketType::Ack, 0x1_0000_0002, "00000003 0000000100000002 ffffffff ffffffff"),
        (PacketType::Ack, 0x5_0000_0000, "00000003 0000000500000000 ffffffff ffffffff"),
        (PacketType::Commit, 0x1_0000_0002, "00000004 0000000100000002 ffffffff ffffffff"),
        (PacketType::Ping, 0x1_0000_0002, "00000005 0000000100000002 ffffffff ffffffff"),
        (PacketType::Sync, 0, "00000007 0000000000000000 ffffffff ffffffff"),
        (PacketType::UpToDate, -1, "0000000c ffffffffffffffff ffffffff ffffffff"),
        (PacketType::Diff, 0x4_0000_0007, "0000000d 0000000400000007 ffffffff ffffffff"),
        (PacketType::Trunc, 0x4_0000_0006, "0000000e 0000000400000006 ffffffff ffffffff"),
        (PacketType::Snap, 0x4_0000_0007, "0000000f 0000000400000007 ffffffff ffffffff"),
    ];
    for (packet_type, zxid, hex) in cases {
        assert_eq!(packet(&bytes(hex)), Packet::bare(packet_type, Zxid(zxid)));
    }
}

#[test]
fn packets_of_discovery() {
    let follower_info = bytes("0000000b 0000000400000000 00000014 0000000000000002 00010000 0000000000000000 ffffffff");
    let info = LearnerInfo { server: ServerId(2), config_version: Zxid(0), features: Features(0) };
    let read = packet(&follower_info);
    assert_eq!((read.packet_type, read.zxid.epoch()), (PacketType::FollowerInfo, Epoch(4)));
    assert_eq!(LearnerInfo::read(read.data), Ok(info));
    assert!(is_written(PacketType::FollowerInfo, 4 << 32, |out| info.write(out), &follower_info));

    let observer_info = bytes("00000010 0000000400000000 00000014 0000000000000009 00010000 0000000100000003 ffffffff");
    let info = LearnerInfo { server: ServerId(9), config_version: Zxid(0x1_0000_0003), features: Features(0) };
    let read = packet(&observer_info);
    assert_eq!((read.packet_type, LearnerInfo::read(read.data)), (PacketType::ObserverInfo, Ok(info)));
    assert!(is_written(PacketType::ObserverInfo, 4 << 32, |out| info.write(out), &observer_info));

    let leader_info = bytes("00000011 0000000500000000 00000004 00010000 ffffffff");
    let read = packet(&leader_info);
    assert_eq!((read.packet_type, read.zxid.epoch()), (PacketType::LeaderInfo, Epoch(5)));
    assert_eq!(LeaderInfo::read(read.data), Ok(LeaderInfo { features: Features(0) }));
    assert!(is_written(
        PacketType::LeaderInfo,
        5 << 32,
        |out| LeaderInfo { features: Features(0) }.write(out),
        &leader_info
    ));

    for (current, data) in [(Some(Epoch(4)), "00000004"), (None, "ffffffff")] {
        let ack = bytes(&format!("00000012 0000000400000007 00000004 {data} ffffffff"));
        let read = packet(&ack);
        assert_eq!((read.packet_type, read.zxid), (PacketType::AckEpoch, Zxid(0x4_0000_0007)));
        assert_eq!(ack_epoch::read(read.data), Ok(current));
        assert!(is_written(PacketType::AckEpoch, 0x4_0000_0007, |out| ack_epoch::write(current, out), &ack));
    }

    // The text is `server.1=a:2:3:participant`, a line's end, and `version=0`.
    let text = b"server.1=a:2:3:participant\nversion=0";
    let new_leader = bytes(
        "0000000a 0000000500000000 00000024 7365727665722e313d613a323a333a7061727469636970616e74 0a 76657273696f6e3d30 \
         ffffffff",
    );
    let read = packet(&new_leader);
    assert_eq!((read.packet_type, read.data), (PacketType::NewLeader, Some(&text[..])));
    assert!(is_written(PacketType::NewLeader, 5 << 32, |out| out.extend_from_slice(text), &new_leader));
}

#[test]
fn packets_with_a_transaction() {
    let txn = bytes(CREATE);
    let length = format!("{:08x}", txn.len());
    for (packet_type, number) in [(PacketType::Proposal, "00000002"), (PacketType::Inform, "00000008")] {
        let whole = bytes(&format!("{number} 0000000100000002 {length} {CREATE} ffffffff"));
        let read = packet(&whole);
        let proposal = Proposal::read(read.zxid, read.data).expect("the header is whole");
        assert_eq!((read.packet_type, proposal.opcode, proposal.txn), (packet_type, opcode::CREATE, &txn[..]));
        assert!(is_written(packet_type, 0x1_0000_0002, |out| out.extend_from_slice(&txn), &whole));
    }
}

#[test]
fn packets_that_activate_a_configuration() {
    // A setData of `/zookeeper/config` to the text "c", by opcode 16.
    let reconfig = "0000000100000001 00000005 0000000100000002 0000018bcfe56800 00000010 \
        00000011 2f7a6f6f6b65657065722f636f6e666967 00000001 63 ffffffff";
    let txn = bytes(reconfig);
    let commit = bytes("00000009 0000000100000002 00000008 0000000000000003 ffffffff");
    let inform =
        bytes(&format!("00000013 0000000100000002 {:08x} 0000000000000003 {reconfig} ffffffff", txn.len() + 8));
    let cases = [(PacketType::CommitAndActivate, commit, &[][..]), (PacketType::InformAndActivate, inform, &txn)];
    for (packet_type, whole, proposal) in cases {
        let read = packet(&whole);
        let activation = Activation { leader: ServerId(3), proposal };
        assert_eq!((read.packet_type, Activation::read(read.data)), (packet_type, Ok(activation)));
        assert!(is_written(packet_type, 0x1_0000_0002, |out| activation.write(out), &whole));
    }
    let proposal = Proposal::read(Zxid(0x1_0000_0002), Some(&txn)).expect("the header is whole");
    assert_eq!(proposal.configuration(), Ok(Some(&b"c"[..])));
}

#[test]
fn packets_of_sessions() {
    let pong = bytes("00000005 0000000100000002 00000018 0200000000000001 00001388 0200000000000002 00007530 ffffffff");
    let read = packet(&pong);
    let touches: Vec<_> = Touches::read(read.data).expect("two are whole").iter().collect();
    assert_eq!(touches.iter().map(|touch| touch.timeout).collect::<Vec<_>>(), [5000, 30_000]);
    let write = |out: &mut Vec<u8>| touches.iter().for_each(|touch| touch.write(out));
    assert!(is_written(PacketType::Ping, 0x1_0000_0002, write, &pong));
    let without_touches = bytes("00000005 0000000100000002 00000000 ffffffff");
    assert_eq!(Touches::read(packet(&without_touches).data).expect("none is cut short").iter().len(), 0);

    let question = bytes("00000006 ffffffffffffffff 0000000c 0200000000000001 00007530 ffffffff");
    let revalidation = Revalidation { session: 0x0200_0000_0000_0001, timeout: 30_000 };
    assert_eq!(Revalidation::read(packet(&question).data), Ok(revalidation));
    assert!(is_written(PacketType::Revalidate, -1, |out| revalidation.write(out), &question));

    let answer = bytes("00000006 ffffffffffffffff 00000009 0200000000000001 01 ffffffff");
    let valid = RevalidationAnswer { session: 0x0200_0000_0000_0001, is_valid: true };
    assert_eq!(RevalidationAnswer::read(packet(&answer).data), Ok(valid));
    assert!(is_written(PacketType::Revalidate, -1, |out| valid.write(out), &answer));
}

#[test]
fn requests_have_the_identities_of_their_clients() {
    // A delete of `/a` whatever its version, by a client from 10.0.0.7.
    let delete = bytes(
        "00000001 ffffffffffffffff 0000001a 0200000000000001 00000003 00000002 00000002 2f61 ffffffff \
         00000001 00000002 6970 00000008 31302e302e302e37",
    );
    let body = bytes("00000002 2f61 ffffffff");
    let request = ForwardedRequest { session: 0x0200_0000_0000_0001, cxid: 3, opcode: opcode::DELETE, body: &body };
    let ids = [Id { scheme: "ip".into(), id: "10.0.0.7".into() }];
    let read = packet(&delete);
    assert_eq!(ForwardedRequest::read(read.data), Ok(request));
    assert_eq!(read.authinfo.expect("there is one").ids(), ids);
    let mut out = Vec::new();
    write_with_ids(PacketType::Request, Zxid(-1), |out| request.write(out), &ids, &mut out);
    assert_eq!(out, delete);

    // What opens a session is nobody's request.
    let create_session =
        bytes("00000001 ffffffffffffffff 00000014 0200000000000001 00000000 fffffff6 00007530 ffffffff");
    let read = packet(&create_session);
    let request = ForwardedRequest::read(read.data).expect("it is whole");
    assert_eq!((request.opcode, read.authinfo), (opcode::CREATE_SESSION, None));
    assert!(is_written(PacketType::Request, -1, |out| request.write(out), &create_session));
}
