//! This server's end of one connection of the quorum port, by whichever side it was begun.
//!
//! What comes is kept where it was read to, and looked at there: a packet is given out as what it is made of, and is taken
//! when the next one is asked for. After SNAP the bytes are not packets but a whole state, until whoever takes it in says
//! that it has ended.

use std::fmt;

use paddock_consensus::config::PeerType;
use paddock_consensus::input::Link;
use paddock_consensus::settings::Ms;
use paddock_consensus::{ServerId, Zxid};
use paddock_net::peer::arriving::Stop;
use paddock_net::peer::incoming::Incoming;
use paddock_net::peer::packet::{BadPacket, Packet, bytes_max};
use paddock_net::peer::packet_type::PacketType;

use super::links::{Links, Read, StreamId};
use super::outgoing::Outgoing;
use super::supply::Supply;

/// Bytes that are read at a time.
pub const PEER_READ_BYTES: usize = 256 << 10;
/// Reads of one link in a turn.
pub const PEER_READS: u32 = 4;

/// Bytes of packets for one learner alone that wait at most. History pauses before; other packets end the link.
pub const LINK_OUT_BYTES: usize = 4 << 20;
/// Bytes that wait for the leader at most. What clients ask is to be held back before: see
/// [`has_room`](LinkEnd::has_room).
pub const REQUEST_BYTES: usize = 64 << 20;

/// Which end of the link this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// That of a leader, or of an observer master.
    Master,
    /// That of a learner, whose leader is this server.
    Learner { leader: ServerId },
}

/// What a link is closed for when it has not done it in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Awaited {
    /// To say who it is.
    Introduction,
    /// To send more of a state.
    State,
    /// To take more of what it lacks.
    Taking,
    /// To take what was sent before this server stopped.
    Farewell,
}

/// What comes next on a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// A whole packet.
    Packet,
    /// Bytes of a state.
    State,
    /// Nothing now.
    Nothing,
    /// The other side has ended the link.
    Ended,
    Bad(BadPacket),
}

#[derive(Debug)]
pub struct LinkEnd {
    pub stream: StreamId,
    pub side: Side,
    /// Its number, which it has once it has said who it is, or at once if this server has begun it.
    pub link: Option<Link>,
    /// Its address, for people to read.
    pub from: Box<str>,
    /// Who is at the other end, once that is known.
    pub server: Option<ServerId>,
    /// Of a learner: what it is.
    pub peer_type: PeerType,
    /// Of a learner: whether one COMMIT stands for all before it.
    pub is_grouped: bool,
    /// What it is waited for until then.
    pub awaited: Option<(Awaited, Ms)>,
    /// Whether UPTODATE has ended the time in which the learner is brought what it lacks.
    pub is_up_to_date: bool,
    /// The zxid of the last PING that has come.
    pub pinged: Zxid,
    /// The greatest zxid that a NEWLEADER or PING to it has named.
    pub named: Zxid,
    /// When its stream was there.
    pub begun: Ms,
    /// Packets that have come since UPTODATE went to it, and those of them that were requests of clients.
    pub received: u64,
    pub requests: u64,
    pub outgoing: Outgoing,
    pub supply: Supply,
    /// Whether the stream takes nothing until an event tells otherwise.
    pub is_blocked: bool,
    incoming: Incoming,
    data_max: usize,
    /// Bytes of what was given out last.
    given: usize,
    /// Whether what comes is a state.
    brings_state: bool,
    /// Whether nothing is given out for now.
    is_paused: bool,
    /// Whether there may be something to read.
    is_readable: bool,
    /// Reads that are left in this turn.
    reads_left: u32,
}

impl LinkEnd {
    /// `data_max` is the most that the data of a packet may have, bytes.
    pub fn new(stream: StreamId, side: Side, from: Box<str>, data_max: usize, begun: Ms) -> LinkEnd {
        LinkEnd {
            stream,
            side,
            link: None,
            from,
            server: None,
            peer_type: PeerType::Participant,
            is_grouped: false,
            awaited: None,
            is_up_to_date: false,
            pinged: Zxid::ZERO,
            named: Zxid::ZERO,
            begun,
            received: 0,
            requests: 0,
            outgoing: Outgoing::default(),
            supply: Supply::default(),
            is_blocked: false,
            incoming: Incoming::new(bytes_max(data_max)),
            data_max,
            given: 0,
            brings_state: false,
            is_paused: false,
            is_readable: true,
            reads_left: PEER_READS,
        }
    }

    pub fn begin_turn(&mut self) {
        self.reads_left = PEER_READS;
    }

    pub fn note_readable(&mut self) {
        self.is_readable = true;
    }

    /// Whether it was not read to its end, because the turn has.
    pub fn has_more(&self) -> bool {
        self.is_readable && !self.is_paused
    }

    /// Whether little waits to be sent.
    pub fn has_room(&self) -> bool {
        !self.outgoing.is_above(LINK_OUT_BYTES)
    }

    /// Whether more waits to be sent than may.
    pub fn is_full(&self) -> bool {
        match self.side {
            Side::Master => !self.has_room(),
            Side::Learner { .. } => self.outgoing.is_above(REQUEST_BYTES),
        }
    }

    /// When it is late. What it has to send is not awaited while it is not read.
    pub fn deadline(&self) -> Option<Ms> {
        let (_, deadline) = self.awaited.filter(|(awaited, _)| *awaited != Awaited::State || !self.is_paused)?;
        Some(deadline)
    }

    /// What was given out is given out again.
    pub fn keep_given(&mut self) {
        self.given = 0;
    }

    /// Keeps what the answer to a PING needs, if that is what has come, and that UPTODATE has.
    pub fn note_packet(&mut self) {
        let packet = self.packet();
        match packet.packet_type {
            PacketType::Ping => self.pinged = packet.zxid,
            PacketType::UpToDate => self.is_up_to_date = true,
            _ => {}
        }
    }

    /// Counts what has come of a learner that is up to date.
    pub fn count_packet(&mut self, packet_type: PacketType) {
        if self.is_up_to_date {
            self.received += 1;
            self.requests += u64::from(packet_type == PacketType::Request);
        }
    }

    /// Whether what comes is a state.
    pub fn brings_state(&self) -> bool {
        self.brings_state
    }

    /// What comes is a state from here on, and more of it has to come until the deadline.
    pub fn begin_state(&mut self, deadline: Ms) {
        self.take_given();
        self.brings_state = true;
        self.awaited = Some((Awaited::State, deadline));
    }

    /// Nothing is given out any more, or it is again; the stream is not read meanwhile.
    pub fn pause(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Nothing that comes matters any more. What waits goes out until the deadline.
    pub fn bid_farewell(&mut self, deadline: Ms) {
        (self.link, self.is_paused) = (None, true);
        self.awaited = Some((Awaited::Farewell, deadline));
        self.outgoing.end_here();
    }

    /// Whether it is only kept until what waits has gone out.
    pub fn is_leaving(&self) -> bool {
        matches!(self.awaited, Some((Awaited::Farewell, _)))
    }

    /// Something has been done that was awaited, and more of it has to be until the deadline.
    pub fn prolong(&mut self, done: Awaited, deadline: Ms) {
        self.awaited = self.awaited.map(|(awaited, until)| (awaited, if awaited == done { deadline } else { until }));
    }

    /// As long as something waits for a learner that is being brought what it lacks, it has to take some of it until the
    /// deadline.
    pub fn await_taking(&mut self, has_taken: bool, deadline: Ms) {
        let must_take = self.supply.is_bringing() && self.outgoing.waiting() > 0;
        match self.awaited {
            None if must_take => self.awaited = Some((Awaited::Taking, deadline)),
            Some((Awaited::Taking, _)) if !must_take => self.awaited = None,
            _ if has_taken => self.prolong(Awaited::Taking, deadline),
            _ => {}
        }
    }

    /// The state has ended, so many bytes before the end of what was given out last: these are packets.
    ///
    /// # Panics
    /// If no state is brought, or so many were not given.
    pub fn end_state(&mut self, behind: usize) {
        assert!(self.brings_state && behind <= self.given, "a state ends within what was given of it");
        self.given -= behind;
        self.take_given();
        (self.brings_state, self.awaited) = (false, None);
    }

    /// Reads until something can be given out, as far as the turn allows. What was given out before is taken. `deadline` is
    /// when more of a state has to come, where some comes now.
    pub fn read(&mut self, links: &mut dyn Links, buffer: &mut [u8; PEER_READ_BYTES], deadline: Ms) -> Next {
        self.take_given();
        loop {
            if self.is_paused {
                return Next::Nothing;
            }
            match self.look() {
                Next::Nothing if !self.is_readable || self.reads_left == 0 => return Next::Nothing,
                Next::Nothing => {}
                next => return next,
            }
            // There is always room for more of a packet that is not whole.
            let room = self.incoming.room().min(PEER_READ_BYTES);
            self.reads_left -= 1;
            match links.read(self.stream, &mut buffer[..room]) {
                Read::Bytes(count) => {
                    self.incoming.extend(&buffer[..count]);
                    self.prolong(Awaited::State, deadline);
                }
                Read::Nothing => self.is_readable = false,
                Read::Ended | Read::Broken => return Next::Ended,
            }
        }
    }

    /// The packet that has come.
    ///
    /// # Panics
    /// If none has.
    pub fn packet(&self) -> Packet<'_> {
        Packet::read(self.incoming.rest(), self.data_max).expect("a whole packet has come").0
    }

    /// The bytes of a state that have come.
    pub fn state(&self) -> &[u8] {
        self.incoming.rest()
    }

    /// What is given out by what is there.
    fn look(&mut self) -> Next {
        let rest = self.incoming.rest();
        if self.brings_state {
            self.given = rest.len();
            return if rest.is_empty() { Next::Nothing } else { Next::State };
        }
        match Packet::read(rest, self.data_max) {
            Ok((_, length)) => {
                self.given = length;
                Next::Packet
            }
            Err(Stop::Incomplete(_)) => Next::Nothing,
            Err(Stop::Bad(bad)) => Next::Bad(bad),
        }
    }

    fn take_given(&mut self) {
        self.incoming.take(std::mem::take(&mut self.given));
    }
}

/// Who is at the other end, for people to read.
impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = match self.side {
            Side::Learner { leader } => Some(leader),
            Side::Master => self.server,
        };
        match server {
            Some(server) => write!(f, "server {} at {}", server.0, self.from),
            None => write!(f, "somebody at {}", self.from),
        }
    }
}
