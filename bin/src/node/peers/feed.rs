//! What a leader tells all its learners alike, as the bytes that go out: one run of PROPOSALs and COMMITs for those that
//! vote, and one of INFORMs for observers, which is kept only while there are any.
//!
//! Each link has the offset of what it is sent next. So a slow learner costs a number, and not a queue; one whose offset is
//! forgotten is too far behind and is closed, and comes back to be brought what it lacks from the log.

use std::collections::VecDeque;

use paddock_consensus::{ServerId, Zxid};
use paddock_net::peer::activation::Activation;
use paddock_net::peer::packet::{Packet, write_with};
use paddock_net::peer::packet_type::PacketType;

use super::ring::Ring;

/// Bytes of each run that are kept at most.
pub const FEED_BYTES: usize = 64 << 20;
/// Bytes of a packet without what is in its data, at most.
const PACKET_BYTES: usize = 32;

/// Bytes between two offsets of a run up to which its packets are counted, at least.
const COUNTED_BYTES: u64 = 16 << 10;

/// One run of packets.
#[derive(Debug)]
pub struct Feed {
    ring: Ring,
    /// Some of the offsets between packets, and what was told up to there, the oldest first. There is one at least, and the first
    /// is no later than the oldest byte that is kept; each piece of the ring begins with one.
    counted: VecDeque<(u64, Told)>,
    /// What was told up to the end.
    told: Told,
    /// Behind the last packet that waits for no acknowledgement.
    urgent: u64,
    /// The transaction that was proposed last.
    proposed: Zxid,
}

/// What packets up to an offset have told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told {
    /// How many there are.
    pub packets: u64,
    /// The transaction of the last.
    pub zxid: Zxid,
}

impl Feed {
    /// One behind transaction `last`.
    pub fn new(last: Zxid) -> Feed {
        Feed::with_bound(last, FEED_BYTES)
    }

    fn with_bound(last: Zxid, bytes_max: usize) -> Feed {
        let told = Told { packets: 0, zxid: last };
        Feed { ring: Ring::new(bytes_max), counted: [(0, told)].into(), told, urgent: 0, proposed: last }
    }

    /// The offset behind the last packet.
    pub fn end(&self) -> u64 {
        self.ring.end()
    }

    /// What all of it has told.
    pub fn told(&self) -> Told {
        self.told
    }

    /// What whole packets before an offset have told; of what is forgotten, something later.
    pub fn told_before(&self, offset: u64) -> Told {
        if offset == self.end() {
            return self.told;
        }
        let before = self.counted.partition_point(|(counted, _)| *counted <= offset).saturating_sub(1);
        let (mut at, mut told) = self.counted[before];
        while let Some(piece) = self.ring.read(at)
            && let Ok((packet, length)) = Packet::read(piece, piece.len())
            && at + length as u64 <= offset
        {
            at += length as u64;
            told = Told { packets: told.packets + 1, zxid: packet.zxid };
        }
        told
    }

    /// What is behind it goes out only when something else does that waits for nothing.
    pub fn urgent(&self) -> u64 {
        self.urgent
    }

    /// The transaction that was proposed last.
    pub fn proposed(&self) -> Zxid {
        self.proposed
    }

    /// The packets from an offset on, as far as they are in one piece. `None` if they are forgotten.
    pub fn read(&self, offset: u64) -> Option<&[u8]> {
        self.ring.read(offset)
    }

    /// No link needs what is before this offset.
    pub fn forget_before(&mut self, offset: u64) {
        self.ring.forget_before(offset);
    }

    /// PROPOSAL of a transaction, as it stands in the log.
    pub fn propose(&mut self, zxid: Zxid, txn: &[u8]) {
        self.proposed = zxid;
        self.append(zxid, txn.len(), |out| write_txn(PacketType::Proposal, zxid, txn, out));
    }

    /// COMMIT of what was proposed.
    pub fn commit(&mut self, zxid: Zxid) {
        self.append(zxid, 0, |out| Packet::bare(PacketType::Commit, zxid).write(out));
        self.urgent = self.end();
    }

    /// COMMITANDACTIVATE: the configuration that was proposed counts from here on.
    pub fn commit_and_activate(&mut self, zxid: Zxid, leader: ServerId) {
        let activation = Activation { leader, proposal: &[] };
        let write =
            |out: &mut Vec<u8>| write_with(PacketType::CommitAndActivate, zxid, |out| activation.write(out), out);
        self.append(zxid, 0, write);
        self.urgent = self.end();
    }

    /// INFORM of a transaction that is committed, as it stands in the log.
    pub fn inform(&mut self, zxid: Zxid, txn: &[u8]) {
        self.append(zxid, txn.len(), |out| write_txn(PacketType::Inform, zxid, txn, out));
        self.urgent = self.end();
    }

    /// INFORMANDACTIVATE: the same of one that changes the configuration.
    pub fn inform_and_activate(&mut self, zxid: Zxid, leader: ServerId, txn: &[u8]) {
        let activation = Activation { leader, proposal: txn };
        let write =
            |out: &mut Vec<u8>| write_with(PacketType::InformAndActivate, zxid, |out| activation.write(out), out);
        self.append(zxid, txn.len(), write);
        self.urgent = self.end();
    }

    /// Appends a packet.
    fn append(&mut self, zxid: Zxid, length: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.end();
        self.ring.append(PACKET_BYTES + length, write);
        let last = self.counted.back().map_or(0, |(counted, _)| *counted);
        if before > last && (before - last >= COUNTED_BYTES || self.ring.last_piece() == before) {
            self.counted.push_back((before, self.told));
        }
        self.told = Told { packets: self.told.packets + 1, zxid };
        while self.counted.get(1).is_some_and(|(counted, _)| *counted <= self.ring.start()) {
            self.counted.pop_front();
        }
    }
}

/// Appends a packet that brings a transaction.
pub fn write_txn(packet_type: PacketType, zxid: Zxid, txn: &[u8], out: &mut Vec<u8>) {
    Packet { packet_type, zxid, data: Some(txn), authinfo: None }.write(out);
}

#[cfg(test)]
mod tests {
    use paddock_consensus::{ServerId, Zxid};
    use paddock_net::peer::packet::Packet;
    use paddock_net::peer::packet_type::PacketType;

    use super::{COUNTED_BYTES, Feed, Told};

    /// The packets from an offset on: type, zxid and data.
    fn packets(feed: &Feed, from: u64) -> Vec<(PacketType, i64, Vec<u8>)> {
        let mut bytes = Vec::new();
        while let Some(piece) = feed.read(from + bytes.len() as u64).filter(|piece| !piece.is_empty()) {
            bytes.extend_from_slice(piece);
        }
        let (mut left, mut packets) = (&bytes[..], Vec::new());
        while !left.is_empty() {
            let (packet, length) = Packet::read(left, 1000).unwrap();
            packets.push((packet.packet_type, packet.zxid.0, packet.data.unwrap_or_default().to_vec()));
            left = &left[length..];
        }
        packets
    }

    #[test]
    fn packets_are_read_from_any_offset_that_is_an_end() {
        let mut feed = Feed::with_bound(Zxid(4), 1 << 20);
        feed.propose(Zxid(5), b"five");
        let behind_five = feed.end();
        assert_eq!((feed.urgent(), feed.proposed()), (0, Zxid(5)));
        feed.commit(Zxid(5));
        assert_eq!(feed.urgent(), feed.end());
        feed.propose(Zxid(6), b"");
        feed.commit_and_activate(Zxid(6), ServerId(3));
        feed.inform(Zxid(7), b"seven");
        feed.inform_and_activate(Zxid(8), ServerId(3), b"eight");
        let three = 3i64.to_be_bytes();
        let all = [
            (PacketType::Proposal, 5, b"five".to_vec()),
            (PacketType::Commit, 5, vec![]),
            (PacketType::Proposal, 6, vec![]),
            (PacketType::CommitAndActivate, 6, three.to_vec()),
            (PacketType::Inform, 7, b"seven".to_vec()),
            (PacketType::InformAndActivate, 8, [&three[..], b"eight"].concat()),
        ];
        assert_eq!((packets(&feed, 0), packets(&feed, behind_five)), (all.to_vec(), all[1..].to_vec()));
    }

    #[test]
    fn what_is_told_up_to_any_offset_is_known() {
        let mut feed = Feed::with_bound(Zxid(4), 1 << 20);
        assert_eq!(feed.told_before(0), Told { packets: 0, zxid: Zxid(4) });
        let mut ends = Vec::new();
        for zxid in 5..1005 {
            feed.inform(Zxid(zxid), &[7; 100]);
            ends.push(feed.end());
        }
        assert!(feed.end() > 3 * COUNTED_BYTES && feed.counted.len() as u64 <= 1 + feed.end() / COUNTED_BYTES);
        for (packets, end) in (1..).zip(&ends) {
            let told = |packets| Told { packets, zxid: Zxid(4 + packets as i64) };
            assert_eq!((feed.told_before(*end), feed.told_before(end - 1)), (told(packets), told(packets - 1)));
        }
        feed.forget_before(feed.end());
        feed.inform(Zxid(2000), b"");
        assert!(feed.counted.len() <= 2 && feed.told_before(0).packets <= feed.told().packets);
        assert_eq!(feed.told(), Told { packets: 1001, zxid: Zxid(2000) });
    }

    /// The observers that are furthest behind are there.
    #[test]
    fn what_is_told_up_to_the_oldest_that_is_kept_is_known() {
        let mut feed = Feed::with_bound(Zxid(0), 1 << 20);
        let mut ends = vec![0];
        for zxid in 1..=20_000 {
            feed.inform(Zxid(zxid), &[7; 90]);
            ends.push(feed.end());
        }
        let is_kept = |end: u64| feed.read(end).is_some();
        assert!(!is_kept(0));
        let told = |end| feed.told_before(end).packets as usize;
        assert_eq!((0..ends.len()).find(|packets| is_kept(ends[*packets]) && told(ends[*packets]) != *packets), None);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut feed = Feed::with_bound(Zxid::ZERO, 1 << 20);
        for zxid in 1..=100 {
            feed.propose(Zxid(zxid), &[7; 100_000]);
        }
        assert!(feed.read(0).is_none() && feed.read(feed.end() - 100_000).is_some());
        feed.forget_before(feed.end());
        assert!(feed.read(feed.end() - 100_000).is_none());
    }
}
