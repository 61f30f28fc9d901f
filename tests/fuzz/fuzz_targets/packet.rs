//! What comes on a connection of the quorum port, in pieces of a size that the first byte tells: the pieces do not matter,
//! and what can be read is written as it came.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use paddock_consensus::Zxid;
use paddock_consensus::config::Config;
use paddock_consensus::quorum::QuorumSystem;
use paddock_net::peer::ack_epoch;
use paddock_net::peer::activation::Activation;
use paddock_net::peer::arriving::Stop;
use paddock_net::peer::forwarded_request::ForwardedRequest;
use paddock_net::peer::incoming::Incoming;
use paddock_net::peer::message::{LearnerPacket, MasterPacket};
use paddock_net::peer::packet::{BadPacket, Packet, bytes_max};
use paddock_net::peer::proposal::Proposal;
use paddock_net::peer::revalidation::{Revalidation, RevalidationAnswer};
use paddock_net::peer::touches::Touches;

const DATA_MAX: usize = 600;

/// Bytes of the vector's count, and of the length that says that there is none.
const COUNT: usize = 4;
const NULL: [u8; COUNT] = [255; COUNT];

/// The packets one behind the other, and what ends them.
fn packets(mut bytes: &[u8]) -> (Vec<Packet<'_>>, Result<(), BadPacket>) {
    let mut found = Vec::new();
    loop {
        match Packet::read(bytes, DATA_MAX) {
            Ok((packet, length)) => {
                is_written_as_it_came(&packet, &bytes[..length]);
                found.push(packet);
                bytes = &bytes[length..];
            }
            Err(Stop::Incomplete(incomplete)) => {
                assert!(incomplete.needed > bytes.len(), "nothing is lacking");
                return (found, Ok(()));
            }
            Err(Stop::Bad(bad)) => return (found, Err(bad)),
        }
    }
}

fn is_written_as_it_came(packet: &Packet<'_>, came: &[u8]) {
    let mut out = Vec::new();
    packet.write(&mut out);
    assert_eq!(out.len(), came.len());
    if out != came {
        // A count below that of null is written as none.
        let (fields, count) = came.split_at(came.len() - COUNT);
        assert!(count[0] & 0x80 != 0 && count != NULL && out[..fields.len()] == *fields, "it is another packet");
    }
}

/// What is read of data is written as the beginning of the data.
fn begins(data: Option<&[u8]>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut out = Vec::new();
    write(&mut out);
    assert_eq!(data.and_then(|data| data.get(..out.len())), Some(&out[..]));
}

/// All that the data of a packet can be.
fn data(packet: &Packet<'_>) {
    let data = packet.data;
    if let Ok(current) = ack_epoch::read(data) {
        begins(data, |out| ack_epoch::write(current, out));
    }
    if let Ok(activation) = Activation::read(data) {
        begins(data, |out| activation.write(out));
    }
    if let Ok(request) = ForwardedRequest::read(data) {
        begins(data, |out| request.write(out));
    }
    if let Ok(revalidation) = Revalidation::read(data) {
        begins(data, |out| revalidation.write(out));
    }
    if let Ok(answer) = RevalidationAnswer::read(data) {
        let last = data.map_or(0, |data| data[8]);
        assert_eq!(answer.is_valid, last != 0);
    }
    if let Ok(touches) = Touches::read(data) {
        let mut out = Vec::new();
        touches.iter().for_each(|touch| touch.write(&mut out));
        assert_eq!(out, data.unwrap_or_default());
    }
    if let Ok(proposal) = Proposal::read(packet.zxid, data) {
        assert_eq!(Some(proposal.txn), data);
        if let Ok(Some(configuration)) = proposal.configuration() {
            assert!(configuration.len() < proposal.txn.len());
        }
    }
}

/// What the packet says, if it comes from a leader and if it comes from a learner.
fn message(packet: &Packet<'_>) {
    for is_understood in [true, false] {
        let config = Arc::new(Config::new(Zxid::ZERO, BTreeMap::new(), QuorumSystem::Majority(BTreeSet::new())));
        let mut is_asked = false;
        let read = MasterPacket::read(packet, |text| {
            assert!(packet.data.is_some_and(|data| text.len() <= data.len()));
            is_asked = true;
            is_understood.then_some(&config)
        });
        assert!(is_understood || !is_asked || read.is_err(), "what nobody understands was taken");
        if let Ok(MasterPacket::Message { txn: Some(txn), .. }) = read {
            assert!(packet.data.is_some_and(|data| data.ends_with(txn)));
        }
    }
    if let Err(bad) = LearnerPacket::read(packet) {
        assert_eq!((bad.packet_type, bad.zxid), (packet.packet_type, packet.zxid));
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&piece, bytes)) = input.split_first() else { return };
    let (expected, end) = packets(bytes);
    expected.iter().for_each(data);
    expected.iter().for_each(message);
    expected.iter().filter_map(|packet| packet.authinfo).for_each(|authinfo| drop(authinfo.ids()));

    let mut incoming = Incoming::new(bytes_max(DATA_MAX));
    let mut awaited = expected.iter();
    for piece in bytes.chunks(usize::from(piece).max(1)) {
        incoming.extend(piece);
        loop {
            match incoming.next(|bytes| Packet::read(bytes, DATA_MAX)) {
                Ok(Some(packet)) => assert_eq!(Some(&packet), awaited.next()),
                Ok(None) => break,
                Err(bad) => {
                    assert_eq!((Err(bad), awaited.next()), (end, None));
                    return;
                }
            }
        }
    }
    assert_eq!((end, awaited.next()), (Ok(()), None));
});
