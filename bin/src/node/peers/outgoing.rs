//! What one link has to send: bytes of its own, and from a moment on what all are sent.
//!
//! A packet for this link alone waits with the offset of the feed at which it goes, so that it is sent behind whatever all
//! had been sent when it was queued, and nothing of the feed is copied for it.

use std::collections::VecDeque;

use paddock_consensus::Zxid;

use super::feed::Feed;
use super::links::Written;

/// Turns whose proposals a link carries before they are acknowledged. Those of further turns wait for something that has to
/// go anyway, so that groups grow with the load, and a lone write waits for nothing.
const BATCHES_MAX: usize = 2;
/// Memory that is kept while nothing waits, bytes.
const KEEP: usize = 64 << 10;

#[derive(Default, Debug)]
pub struct Outgoing {
    own: Vec<u8>,
    /// How many of `own` are written.
    written: usize,
    /// The place of the first of `own` among all bytes of its own that the link ever had.
    place: u64,
    /// When those of `own` go that wait for an offset of the feed.
    marks: VecDeque<Mark>,
    /// Packets of its own that were queued, and those that went.
    queued: u64,
    gone: u64,
    /// Packets of the feed that went before the link was last sent it, and how many the feed had when it was from then on.
    fed: u64,
    joined: u64,
    /// What is before this place does not count for the bound.
    uncounted: u64,
    /// What is sent next of the feed, once this link is sent what all are.
    cursor: Option<u64>,
    /// Up to which offset of the feed is written now.
    target: u64,
    /// The last transaction of each batch that is not acknowledged.
    batches: VecDeque<Zxid>,
    /// The last transaction that was in a batch.
    batched: Zxid,
    /// Whether nothing comes after what waits, so that nothing is waited for.
    is_last: bool,
}

/// Bytes of its own up to a place go at an offset of the feed.
#[derive(Clone, Copy, Debug)]
struct Mark {
    offset: u64,
    until: u64,
    packets: u64,
}

/// What has gone on a link, and what waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Traffic {
    /// Packets.
    pub sent: u64,
    pub queued: u64,
    /// Of those that wait.
    pub bytes: u64,
    /// The transaction of the last packet that has gone of what all are sent; `None` for a link that is not sent it.
    pub zxid: Option<Zxid>,
}

/// What has become of an attempt to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// There is nothing that could go now.
    All,
    /// The stream takes no more.
    Blocked,
    /// The stream is broken.
    Ended,
    /// What comes next of the feed is forgotten.
    Behind,
}

impl Outgoing {
    /// Queues a packet for this link alone, if `write` writes one.
    pub fn queue(&mut self, feed: &Feed, write: impl FnOnce(&mut Vec<u8>)) {
        self.queue_packets(feed, 1, write);
    }

    /// Queues so many packets that do not count for the bound, and none that wait now do: whoever has them brought waits for them
    /// to become few. What a state is sent as is none.
    pub fn supply(&mut self, feed: &Feed, packets: u64, write: impl FnOnce(&mut Vec<u8>)) {
        self.queue_packets(feed, packets, write);
        self.uncounted = self.end();
    }

    fn queue_packets(&mut self, feed: &Feed, packets: u64, write: impl FnOnce(&mut Vec<u8>)) {
        self.move_up();
        let before = self.own.len();
        write(&mut self.own);
        let packets = if self.own.len() == before { 0 } else { packets };
        self.queued += packets;
        let mark = Mark { offset: self.cursor.map_or(0, |_| feed.end()), until: self.end(), packets };
        match self.marks.back_mut() {
            Some(last) if last.offset == mark.offset => {
                last.until = mark.until;
                last.packets += packets;
            }
            _ => self.marks.push_back(mark),
        }
    }

    /// What has gone, and what waits. Of packets for this link alone that were queued together none has gone before all have.
    pub fn traffic(&self, feed: &Feed) -> Traffic {
        let told = self.cursor.map(|cursor| feed.told_before(cursor));
        let fed = told.map_or(0, |told| told.packets.saturating_sub(self.joined));
        let of_feed = told.map_or(0, |told| feed.told().packets - told.packets);
        let bytes = self.cursor.map_or(0, |cursor| feed.end() - cursor);
        Traffic {
            sent: self.gone + self.fed + fed,
            queued: self.queued - self.gone + of_feed,
            bytes: self.waiting() as u64 + bytes,
            zxid: told.map(|told| told.zxid),
        }
    }

    /// From here on the link is sent the feed too. What it has queued does not count for its bound.
    pub fn join(&mut self, feed: &Feed) {
        self.cursor = Some(feed.end());
        self.joined = feed.told().packets;
        self.target = feed.end();
        self.batched = feed.proposed();
        self.uncounted = self.end();
    }

    /// From here on the link is not sent the feed any more, of which it has all.
    ///
    /// # Panics
    /// If something of it was not sent.
    pub fn leave(&mut self, feed: &Feed) {
        if let Some(cursor) = self.cursor.take() {
            assert_eq!(cursor, feed.end(), "a link leaves that was not sent everything");
            self.fed += feed.told().packets.saturating_sub(self.joined);
            self.marks.iter_mut().for_each(|mark| mark.offset = 0);
        }
    }

    /// Nothing comes after what waits: all of it goes as soon as it is taken.
    pub fn end_here(&mut self) {
        self.is_last = true;
    }

    /// The offset of what is sent next of the feed; `None` if the link is not sent it.
    pub fn cursor(&self) -> Option<u64> {
        self.cursor
    }

    /// Bytes for this link alone that wait.
    pub fn waiting(&self) -> usize {
        self.own.len() - self.written
    }

    /// Whether there is nothing to send, now or when something else goes.
    pub fn is_idle(&self, feed: &Feed) -> bool {
        self.waiting() == 0 && self.cursor.is_none_or(|cursor| cursor == feed.end())
    }

    /// Whether more than so many bytes wait that count for the bound.
    pub fn is_above(&self, bytes_max: usize) -> bool {
        let counted = self.end() - (self.place + self.written as u64).max(self.uncounted);
        counted > bytes_max as u64
    }

    /// Whether what comes next of the feed is forgotten.
    pub fn is_behind(&self, feed: &Feed) -> bool {
        self.cursor.is_some_and(|cursor| feed.read(cursor).is_none())
    }

    /// The learner has acknowledged everything up to this transaction.
    pub fn acknowledge(&mut self, zxid: Zxid) {
        while self.batches.pop_front_if(|last| *last <= zxid).is_some() {}
    }

    /// Sends what can go, as far as `write` takes it.
    pub fn send(&mut self, feed: &Feed, mut write: impl FnMut(&[u8]) -> Written) -> Sent {
        self.set_target(feed);
        loop {
            let Some(piece) = self.next_piece(feed) else { return Sent::Behind };
            if piece.is_empty() {
                return Sent::All;
            }
            let length = piece.len();
            match write(piece) {
                Written::Ended => return Sent::Ended,
                Written::Bytes(count) => {
                    self.note_written(count);
                    if count < length {
                        return Sent::Blocked;
                    }
                }
            }
        }
    }

    /// Decides how much of the feed goes now.
    fn set_target(&mut self, feed: &Feed) {
        let Some(cursor) = self.cursor else { return };
        let must_go = self.is_last || cursor < feed.urgent() || self.waiting() > 0;
        if !must_go && self.batches.len() >= BATCHES_MAX {
            return;
        }
        self.target = feed.end();
        if feed.proposed() > self.batched {
            self.batched = feed.proposed();
            // What goes along with something else makes the newest batch longer.
            if self.batches.len() >= BATCHES_MAX {
                self.batches.pop_back();
            }
            self.batches.push_back(self.batched);
        }
    }

    /// What goes next, in one piece; empty if nothing does. `None` if it is forgotten.
    fn next_piece<'a>(&'a self, feed: &'a Feed) -> Option<&'a [u8]> {
        let mark = self.marks.front();
        let cursor = self.cursor.unwrap_or(0);
        if let Some(mark) = mark
            && mark.offset <= cursor
        {
            let until = usize::try_from(mark.until - self.place).expect("it is in memory");
            return Some(&self.own[self.written..until]);
        }
        if self.cursor.is_none() {
            return Some(&[]);
        }
        let piece = feed.read(cursor)?;
        let limit = mark.map_or(self.target, |mark| mark.offset.min(self.target)).saturating_sub(cursor);
        Some(&piece[..piece.len().min(usize::try_from(limit).unwrap_or(usize::MAX))])
    }

    fn note_written(&mut self, count: usize) {
        match self.marks.front() {
            Some(mark) if mark.offset <= self.cursor.unwrap_or(0) => {
                self.written += count;
                if self.place + self.written as u64 == mark.until {
                    self.gone += mark.packets;
                    self.marks.pop_front();
                }
            }
            _ => {
                let cursor = self.cursor.as_mut().expect("only a link with a cursor is sent the feed");
                *cursor += count as u64;
            }
        }
    }

    /// The place behind the last byte of its own.
    fn end(&self) -> u64 {
        self.place + self.own.len() as u64
    }

    /// Lets what waits take the place of what is written, if it is not longer: each byte is moved once on average.
    fn move_up(&mut self) {
        if self.written == 0 || self.waiting() > self.written {
            return;
        }
        self.place += self.written as u64;
        self.own.drain(..self.written);
        self.written = 0;
        if self.own.is_empty() {
            self.own.shrink_to(KEEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;
    use paddock_net::peer::packet::Packet;
    use paddock_net::peer::packet_type::PacketType;

    use super::{Outgoing, Sent, Traffic};
    use crate::node::peers::feed::Feed;
    use crate::node::peers::links::Written;

    /// Takes so many bytes in a call.
    struct Sink {
        bytes: Vec<u8>,
        room: usize,
        calls: usize,
    }

    impl Sink {
        fn new(room: usize) -> Sink {
            Sink { bytes: Vec::new(), room, calls: 0 }
        }

        fn take(&mut self, bytes: &[u8]) -> Written {
            let count = bytes.len().min(self.room);
            self.bytes.extend_from_slice(&bytes[..count]);
            self.calls += 1;
            Written::Bytes(count)
        }

        /// Type and zxid of each packet that was taken.
        fn packets(&self) -> Vec<(PacketType, i64)> {
            let (mut left, mut packets) = (&self.bytes[..], Vec::new());
            while let Ok((packet, length)) = Packet::read(left, 1 << 20) {
                packets.push((packet.packet_type, packet.zxid.0));
                left = &left[length..];
            }
            assert!(left.is_empty(), "only whole packets were sent");
            packets
        }
    }

    fn queue(outgoing: &mut Outgoing, feed: &Feed, packet_type: PacketType, zxid: i64) {
        outgoing.queue(feed, |out| Packet::bare(packet_type, Zxid(zxid)).write(out));
    }

    use PacketType::{Commit, NewLeader, Ping, Proposal, Sync};

    #[test]
    fn what_is_for_one_link_goes_where_it_was_queued_whatever_the_stream_takes() {
        for room in [1, 3, 20, 1000] {
            let (mut feed, mut outgoing, mut sink) = (Feed::new(Zxid::ZERO), Outgoing::default(), Sink::new(room));
            feed.propose(Zxid(1), b"not for this link");
            queue(&mut outgoing, &feed, NewLeader, 0);
            outgoing.join(&feed);
            feed.propose(Zxid(2), b"two");
            queue(&mut outgoing, &feed, Sync, 0);
            queue(&mut outgoing, &feed, Ping, 2);
            feed.commit(Zxid(2));
            feed.propose(Zxid(3), b"three");
            while outgoing.send(&feed, |bytes| sink.take(bytes)) != Sent::All {}
            let expected = [(NewLeader, 0), (Proposal, 2), (Sync, 0), (Ping, 2), (Commit, 2), (Proposal, 3)];
            assert_eq!(sink.packets(), expected, "{room} bytes at a time");
            assert_eq!((outgoing.waiting(), outgoing.cursor()), (0, Some(feed.end())));
        }
    }

    #[test]
    fn two_batches_are_carried_and_further_ones_wait_for_company() {
        let (mut feed, mut outgoing) = (Feed::new(Zxid::ZERO), Outgoing::default());
        outgoing.join(&feed);
        let turn = |feed: &mut Feed, outgoing: &mut Outgoing, zxids: std::ops::RangeInclusive<i64>| {
            zxids.for_each(|zxid| feed.propose(Zxid(zxid), b"x"));
            let mut sink = Sink::new(1000);
            outgoing.send(feed, |bytes| sink.take(bytes));
            sink.packets().iter().map(|(_, zxid)| *zxid).collect::<Vec<_>>()
        };
        assert_eq!(turn(&mut feed, &mut outgoing, 1..=2), [1, 2]);
        assert_eq!(turn(&mut feed, &mut outgoing, 3..=3), [3]);
        assert_eq!(turn(&mut feed, &mut outgoing, 4..=5), [0; 0], "two are not acknowledged");
        outgoing.acknowledge(Zxid(1));
        assert_eq!(turn(&mut feed, &mut outgoing, 6..=6), [0; 0], "the first is not wholly acknowledged");
        outgoing.acknowledge(Zxid(2));
        assert_eq!(turn(&mut feed, &mut outgoing, 7..=7), [4, 5, 6, 7]);
        feed.commit(Zxid(2));
        assert_eq!(turn(&mut feed, &mut outgoing, 8..=8), [2, 8], "a COMMIT takes it along");
        queue(&mut outgoing, &feed, Ping, 8);
        assert_eq!(turn(&mut feed, &mut outgoing, 9..=9), [8, 9], "and so does a PING");
        outgoing.acknowledge(Zxid(3));
        assert_eq!(turn(&mut feed, &mut outgoing, 10..=10), [10]);
        assert_eq!(turn(&mut feed, &mut outgoing, 11..=11), [0; 0], "4 to 9 are one batch");
        outgoing.end_here();
        assert_eq!(turn(&mut feed, &mut outgoing, 12..=12), [11, 12], "nothing comes that they could go with");
    }

    #[test]
    fn what_has_gone_and_what_waits_is_counted_in_packets() {
        let (mut feed, mut outgoing, mut sink) = (Feed::new(Zxid::ZERO), Outgoing::default(), Sink::new(1));
        feed.propose(Zxid(1), b"not for this link");
        outgoing.supply(&feed, 0, |out| out.extend_from_slice(&[7; 100]));
        queue(&mut outgoing, &feed, NewLeader, 0);
        outgoing.queue(&feed, |_| {});
        assert_eq!(outgoing.traffic(&feed), Traffic { sent: 0, queued: 1, bytes: 120, zxid: None });
        outgoing.join(&feed);
        feed.commit(Zxid(1));
        queue(&mut outgoing, &feed, Ping, 1);
        let Traffic { sent, queued, zxid, .. } = outgoing.traffic(&feed);
        assert_eq!((sent, queued, zxid), (0, 3, Some(Zxid(1))));
        let mut told = Vec::new();
        while outgoing.send(&feed, |bytes| sink.take(bytes)) != Sent::All {
            let Traffic { sent, queued, .. } = outgoing.traffic(&feed);
            assert_eq!(sent + queued, 3);
            told.push(sent);
        }
        assert!(told.is_sorted() && [0, 1, 2].iter().all(|sent| told.contains(sent)), "{told:?}");
        assert_eq!(outgoing.traffic(&feed), Traffic { sent: 3, queued: 0, bytes: 0, zxid: Some(Zxid(1)) });
    }

    #[test]
    fn a_link_whose_next_bytes_are_forgotten_is_behind() {
        let (mut feed, mut outgoing) = (Feed::new(Zxid::ZERO), Outgoing::default());
        outgoing.join(&feed);
        feed.commit(Zxid(1));
        feed.forget_before(feed.end());
        assert!(outgoing.is_behind(&feed));
        assert_eq!(outgoing.send(&feed, |_| panic!("there is nothing to send")), Sent::Behind);
    }

    #[test]
    fn who_leaves_and_joins_again_is_sent_nothing_of_the_feed_in_between() {
        let (mut feed, mut outgoing, mut sink) = (Feed::new(Zxid::ZERO), Outgoing::default(), Sink::new(1000));
        outgoing.join(&feed);
        feed.propose(Zxid(1), b"one");
        queue(&mut outgoing, &feed, Ping, 1);
        while outgoing.send(&feed, |bytes| sink.take(bytes)) != Sent::All {}
        queue(&mut outgoing, &feed, Sync, 0);
        outgoing.leave(&feed);
        queue(&mut outgoing, &feed, NewLeader, 0);
        feed.propose(Zxid(2), b"not for this link");
        while outgoing.send(&feed, |bytes| sink.take(bytes)) != Sent::All {}
        outgoing.join(&feed);
        feed.propose(Zxid(3), b"three");
        while outgoing.send(&feed, |bytes| sink.take(bytes)) != Sent::All {}
        assert_eq!(sink.packets(), [(Proposal, 1), (Ping, 1), (Sync, 0), (NewLeader, 0), (Proposal, 3)]);
        assert_eq!(outgoing.traffic(&feed), Traffic { sent: 5, queued: 0, bytes: 0, zxid: Some(Zxid(3)) });
    }

    #[test]
    fn a_broken_stream_is_told_and_what_came_with_joining_is_not_counted() {
        const MOST: usize = 200_000;
        let (feed, mut outgoing) = (Feed::new(Zxid::ZERO), Outgoing::default());
        outgoing.queue(&feed, |out| out.resize(MOST + 1, 0));
        assert!(outgoing.is_above(MOST));
        outgoing.join(&feed);
        assert!(!outgoing.is_above(0));
        outgoing.queue(&feed, |out| out.resize(out.len() + MOST, 0));
        assert!(!outgoing.is_above(MOST));
        outgoing.queue(&feed, |out| out.push(0));
        assert!(outgoing.is_above(MOST));
        assert_eq!(outgoing.send(&feed, |_| Written::Ended), Sent::Ended);
        let mut sink = Sink::new(usize::MAX);
        assert_eq!((outgoing.send(&feed, |bytes| sink.take(bytes)), outgoing.waiting()), (Sent::All, 0));
        assert_eq!(sink.bytes.len(), 2 * MOST + 2);
        outgoing.queue(&feed, |out| out.push(0));
        assert!(outgoing.own.capacity() <= super::KEEP);
    }
}
