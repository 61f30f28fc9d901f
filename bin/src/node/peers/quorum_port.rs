//! The links of the quorum port: those of this server's learners, or the one to its leader.
//!
//! A connection that somebody has begun has no number, and the core does not know of it, until it has said who it is. Each
//! link costs only itself: what it sends is read a bounded amount a turn, what it is sent waits in a bounded buffer or is a
//! number, and whatever is wrong with it ends it and nothing else.

use std::collections::VecDeque;
use std::sync::Arc;

use paddock_consensus::config::{Config, Configs, PeerType};
use paddock_consensus::input::Link;
use paddock_consensus::message::{FromLearner, Message};
use paddock_consensus::output::Reason;
use paddock_consensus::plan::Plan;
use paddock_consensus::settings::{Features, Ms};
use paddock_consensus::{Input, ServerId, Zxid};
use paddock_engine::acl::Id;
use paddock_net::observers::{ObserverCounts, ObserverFigures};
use paddock_net::peer::activation::Activation;
use paddock_net::peer::forwarded_request::ForwardedRequest;
use paddock_net::peer::message::{BadMessage, LearnerPacket, MasterPacket, Sender};
use paddock_net::peer::packet::{Packet, write_with, write_with_ids};
use paddock_net::peer::packet_type::PacketType;
use paddock_net::peer::revalidation::{Revalidation, RevalidationAnswer};
use paddock_net::peer::touches::Touch;

use super::addresses::{addresses, observer_master_addresses};
use super::arrival::Arrival;
use super::attempt::Attempts;
use super::closing::Closing;
use super::complaints::Complaints;
use super::config_text::read_config;
use super::ends::Ends;
use super::historian::Historian;
use super::introductions::Introductions;
use super::link::{Awaited, LinkEnd, Next, PEER_READ_BYTES, Side};
use super::links::{Links, Port, StreamEvent, StreamId};
use super::spool::Spooler;
use super::supplies::{Records, Served, Supplies};
use crate::node::replica::window::Window;

/// Bytes that wait to be sent on all links together, at most. The link with most of them is closed.
pub const LINKS_OUT_BYTES: usize = 512 << 20;
/// How long a link is kept for what waits to be sent when this server stops.
const FAREWELL: Ms = Ms(1000);
/// What an operator sets of it.
#[derive(Clone, Copy, Debug)]
pub struct QuorumSettings {
    pub me: ServerId,
    /// observerMasterPort, the same of every server; 0 for none.
    pub observer_master_port: u16,
    pub features: Features,
    /// The most that the data of a packet may have, bytes: jute.maxbuffer and its extrasize together.
    pub data_max: usize,
    /// The longest transaction that the log takes, bytes.
    pub txn_max: usize,
    /// How long an attempt to connect to the leader may take.
    pub attempt: Ms,
    /// How long whoever has connected may take to say who it is.
    pub introduction: Ms,
    /// How long a whole state or a history may stand still that is brought: initLimit.
    pub standstill: Ms,
}

pub struct QuorumPort {
    settings: QuorumSettings,
    ends: Ends,
    attempts: Attempts,
    /// The port that attempts dial.
    dialled: Port,
    introductions: Introductions,
    supplies: Supplies,
    told: VecDeque<Input<'static>>,
    /// The stream that is read now, or a later one: those before have been in this turn.
    reading: StreamId,
    /// The stream whose packet was given out last.
    given: Option<StreamId>,
    /// The configuration in that packet.
    config: Option<Arc<Config>>,
    complaints: Complaints,
    /// Where streams are read to.
    buffer: Box<[u8; PEER_READ_BYTES]>,
    /// The moment of the turn.
    now: Ms,
}

impl QuorumPort {
    pub fn new(settings: QuorumSettings, historian: Historian, spooler: Spooler) -> QuorumPort {
        QuorumPort {
            settings,
            ends: Ends::default(),
            attempts: Attempts::default(),
            dialled: Port::Quorum,
            introductions: Introductions::default(),
            supplies: Supplies::new(historian, spooler),
            told: VecDeque::new(),
            reading: StreamId(0),
            given: None,
            config: None,
            complaints: Complaints::default(),
            buffer: vec![0; PEER_READ_BYTES].try_into().expect("it is as long as that"),
            now: Ms::default(),
        }
    }

    pub fn historian(&mut self) -> &mut Historian {
        self.supplies.historian()
    }

    pub fn spooler(&mut self) -> &mut Spooler {
        self.supplies.spooler()
    }

    /// Bytes that wait to be sent to each learner for which any do.
    pub fn waiting(&self) -> impl Iterator<Item = (ServerId, usize)> {
        let waiting = self.ends.iter().filter_map(|end| Some((end.server?, end.outgoing.waiting())));
        waiting.filter(|(_, bytes)| *bytes > 0)
    }

    /// The link that was given its number last.
    #[cfg(test)]
    pub fn newest_link(&self) -> Link {
        self.ends.newest()
    }

    /// Connections that have not ended.
    #[cfg(test)]
    pub fn open(&self) -> usize {
        self.ends.iter().count()
    }

    /// One attempt to connect to a leader's quorum port, or to that at which a follower serves observers, at once or soon. One that is
    /// under way is given up.
    pub fn connect(&mut self, leader: ServerId, port: Port, configs: &Configs, links: &mut dyn Links) {
        self.dialled = port;
        let former = self.attempts.begin(leader, self.now, self.settings.attempt);
        former.into_iter().for_each(|stream| links.close(stream));
        self.dial_if_due(configs, links);
    }

    fn dial_if_due(&mut self, configs: &Configs, links: &mut dyn Links) {
        let Some(leader) = self.attempts.take_due(self.now) else { return };
        let mut addresses = addresses(configs, leader, self.dialled);
        if self.dialled == Port::ObserverMaster {
            addresses = observer_master_addresses(&addresses, self.settings.observer_master_port);
        }
        let stream = links.connect(self.dialled, &addresses, &[]);
        if let Some(given_up) = self.attempts.note_begun(stream, self.now) {
            links.close(given_up);
        }
    }

    /// observerMasterPort; 0 for none.
    pub fn observer_master_port(&self) -> u16 {
        self.settings.observer_master_port
    }

    /// Who is at the other end of a link, and as what, if that has told.
    pub fn learner_of(&self, link: Link) -> Option<(ServerId, PeerType)> {
        let end = self.ends.at(self.ends.stream_of(link)?)?;
        Some((end.server?, end.peer_type))
    }

    /// What went to an observer and came from it, and what waits for it. `wall_ms` is this moment by the wall clock.
    pub fn observer(&self, server: ServerId, wall_ms: i64) -> Option<ObserverFigures<&str>> {
        let end = self.ends.of_server(server)?;
        let traffic = end.outgoing.traffic(self.supplies.feed(PeerType::Observer));
        let age = self.now.0.saturating_sub(end.begun.0);
        Some(ObserverFigures {
            server,
            address: &end.from,
            established_ms: wall_ms.saturating_sub_unsigned(age),
            queued_packets: traffic.queued,
            queued_bytes: traffic.bytes,
            counts: ObserverCounts { received: end.received, sent: traffic.sent, requests: end.requests },
            zxid: traffic.zxid.unwrap_or_default().max(end.named).0,
        })
    }

    /// This server leads from here on, or does not.
    pub fn lead(&mut self, is_leading: bool) {
        self.supplies.lead(is_leading);
    }

    /// This server is a follower that serves observers from here on, with what is committed up to this transaction.
    pub fn serve_observers(&mut self, committed: Zxid) {
        self.supplies.serve_observers(committed);
    }

    /// Every link ends, and so does a reign.
    pub fn end_role(&mut self, links: &mut dyn Links) {
        let streams: Vec<StreamId> = self.ends.iter().map(|end| end.stream).collect();
        for stream in streams {
            self.close(stream, &Closing::Decided(Reason::RoleEnded), links);
        }
        self.attempts.end().into_iter().for_each(|stream| links.close(stream));
        self.told.clear();
        self.supplies.end_reign();
    }

    /// Whether the stream is one of this port.
    pub fn owns(&self, stream: StreamId) -> bool {
        self.ends.contains(stream) || self.attempts.is_on(stream)
    }

    /// Somebody has connected.
    pub fn accept(&mut self, stream: StreamId, from: Box<str>, configs: &Configs, links: &mut dyn Links) {
        let mut end = LinkEnd::new(stream, Side::Master, from, self.settings.data_max, self.now);
        end.awaited = Some((Awaited::Introduction, self.now.after(self.settings.introduction)));
        self.ends.insert(end);
        self.bound_strangers(configs, links);
    }

    /// Something has happened to a stream of this port.
    pub fn on_event(&mut self, event: &StreamEvent, links: &mut dyn Links) {
        match event {
            StreamEvent::Accepted { .. } | StreamEvent::Introduced(_) => {}
            StreamEvent::Connected(stream) => self.connected(*stream, links),
            StreamEvent::Refused(stream) => self.refused(*stream),
            StreamEvent::Readable(stream) => {
                if let Some(end) = self.ends.at_mut(*stream) {
                    end.note_readable();
                }
            }
            StreamEvent::Writable(stream) => {
                if let Some(end) = self.ends.at_mut(*stream) {
                    end.is_blocked = false;
                }
            }
        }
    }

    /// A turn begins: links are read again, and what was read for them from the disk is taken in.
    pub fn begin_turn(&mut self, links: &mut dyn Links, now: Ms) {
        self.now = now;
        self.ends.iter_mut().for_each(LinkEnd::begin_turn);
        self.reading = StreamId(0);
        for (stream, why) in self.supplies.begin_turn(&mut self.ends) {
            self.lose(stream, &Closing::Unsupplied(why), links);
        }
    }

    /// When [`on_time`](QuorumPort::on_time) has something to do.
    pub fn deadline(&self) -> Option<Ms> {
        self.ends.iter().filter_map(LinkEnd::deadline).chain(self.attempts.deadline()).min()
    }

    /// Ends what has taken too long, and dials who is to be dialled now.
    pub fn on_time(&mut self, configs: &Configs, links: &mut dyn Links) {
        let now = self.now;
        let late = |end: &LinkEnd| {
            let (awaited, _) = end.awaited.filter(|_| end.deadline().is_some_and(|deadline| deadline <= now))?;
            Some((end.stream, awaited))
        };
        let late: Vec<(StreamId, Awaited)> = self.ends.iter().filter_map(late).collect();
        late.into_iter().for_each(|(stream, awaited)| self.lose(stream, &Closing::Late(awaited), links));
        if let Some(streams) = self.attempts.take_late(now) {
            streams.into_iter().for_each(|stream| links.close(stream));
            self.told.push_back(Input::MasterRefused);
        }
        self.dial_if_due(configs, links);
    }

    /// Whether there is something left that the turn had no room for.
    pub fn has_more(&self) -> bool {
        !self.told.is_empty() || self.supplies.has_more() || self.ends.iter().any(LinkEnd::has_more)
    }

    /// What comes next. The packet that was given out before is taken.
    pub fn next(&mut self, configs: &Configs, links: &mut dyn Links) -> Option<Arrival<'_>> {
        self.given = None;
        loop {
            if let Some(told) = self.told.pop_front() {
                return Some(Arrival::Input(told));
            }
            let (stream, next) = self.read_one(links)?;
            match next {
                Next::Nothing => {}
                Next::Ended => self.lose(stream, &Closing::Ended, links),
                Next::Bad(bad) => {
                    let is_introduced = self.ends.at(stream).is_some_and(|end| end.link.is_some());
                    self.lose(stream, &Closing::bad(bad, is_introduced), links);
                }
                Next::State => break self.given = Some(stream),
                Next::Packet => match self.admit(stream, configs) {
                    Ok(true) => break self.given = Some(stream),
                    Ok(false) => {}
                    Err(closing) => self.lose(stream, &closing, links),
                },
            }
        }
        let end = self.given.and_then(|stream| self.ends.at(stream)).expect("it has given something");
        Some(Arrival::of(end, self.config.as_ref()))
    }

    /// The transaction in the PROPOSAL or INFORM that was given out last. Empty if it was nothing such.
    pub fn txn_at_hand(&self) -> &[u8] {
        self.given.and_then(|stream| self.ends.at(stream)).map_or(&[], |end| txn_of(&end.packet()))
    }

    /// What comes on the link to the leader is a state from here on.
    pub fn begin_state(&mut self) {
        let deadline = self.now.after(self.settings.standstill);
        self.ends.master_mut().expect("only a leader's link brings a state").begin_state(deadline);
    }

    /// Nothing of the leader is given out for now, or it is again. Nothing of it is read meanwhile.
    pub fn pause(&mut self, is_paused: bool) {
        let deadline = self.now.after(self.settings.standstill);
        if let Some(end) = self.ends.master_mut() {
            end.pause(is_paused);
            end.prolong(Awaited::State, deadline);
        }
    }

    /// The state has ended, so many bytes before the end of what was given out last.
    pub fn end_state(&mut self, behind: usize) {
        if let Some(end) = self.ends.master_mut() {
            end.end_state(behind);
        }
    }

    /// Ends the link to the leader, if there is one.
    pub fn leave_leader(&mut self, links: &mut dyn Links) {
        if let Some(stream) = self.ends.master_mut().map(|end| end.stream) {
            self.lose(stream, &Closing::TooFarBehind, links);
        }
    }

    /// Sends a message of the core.
    pub fn send(
        &mut self,
        link: Link,
        message: &Message,
        touches: &[Touch],
        records: Records<'_>,
        links: &mut dyn Links,
    ) {
        let (server, features) = (self.settings.me, self.settings.features);
        if let (Message::UpToDate, Some(end)) = (message, self.ends.of_mut(link)) {
            end.is_up_to_date = true;
        }
        if let (Message::LeaderInfo { .. }, Some(end)) = (message, self.ends.of_mut(link)) {
            self.supplies.leave_broadcast(end);
        }
        let named = match message {
            Message::NewLeader { epoch, .. } => Zxid::start_of(*epoch),
            Message::Ping => records.window.last(),
            _ => Zxid::ZERO,
        };
        if let Some(end) = self.ends.of_mut(link).filter(|end| named > end.named) {
            end.named = named;
        }
        self.queue(link, links, |end, out| {
            // Where packets cannot go, others do, so that the learner hears of its leader.
            if *message == Message::Ping && !end.supply.is_between_packets() {
                return;
            }
            let ping_zxid = if end.side == Side::Master { records.window.last() } else { end.pinged };
            Sender { server, features, ping_zxid, touches }.write(message, out);
        });
    }

    /// Whether there is a leader, for which little waits.
    pub fn has_room_to_forward(&self) -> bool {
        self.ends.master().is_some_and(LinkEnd::has_room)
    }

    /// Forwards a request of a client to the leader, with who the client is. Whether there is a leader.
    pub fn forward(&mut self, request: ForwardedRequest<'_>, ids: &[Id], links: &mut dyn Links) -> bool {
        let fields = |out: &mut Vec<u8>| request.write(out);
        self.queue_to_master(links, |out| write_with_ids(PacketType::Request, Zxid::NOTHING, fields, ids, out))
    }

    /// Asks the leader whether a session is alive. Whether there is a leader.
    pub fn revalidate(&mut self, revalidation: Revalidation, links: &mut dyn Links) -> bool {
        let fields = |out: &mut Vec<u8>| revalidation.write(out);
        self.queue_to_master(links, |out| write_with(PacketType::Revalidate, Zxid::NOTHING, fields, out))
    }

    /// Answers a learner's question whether a session is alive.
    pub fn answer_revalidation(&mut self, link: Link, answer: RevalidationAnswer, links: &mut dyn Links) {
        let fields = |out: &mut Vec<u8>| answer.write(out);
        self.queue(link, links, |_, out| write_with(PacketType::Revalidate, Zxid::NOTHING, fields, out));
    }

    /// Answers the oldest sync of a learner.
    pub fn answer_sync(&mut self, link: Link, links: &mut dyn Links) {
        self.queue(link, links, |_, out| Packet::bare(PacketType::Sync, Zxid::ZERO).write(out));
    }

    /// Begins to bring a learner what the plan says.
    pub fn synchronise(&mut self, link: Link, plan: Plan) {
        if let Some(end) = self.ends.of_mut(link) {
            self.supplies.synchronise(end, plan);
        }
    }

    /// Brings a learner what is left of the history in this moment; it is sent what all are from here on.
    pub fn join(&mut self, link: Link, records: Records<'_>, links: &mut dyn Links) {
        let Some(end) = self.ends.of_mut(link) else { return };
        if let Err(why) = self.supplies.join(end, records) {
            let stream = end.stream;
            self.lose(stream, &Closing::Unsupplied(why), links);
        }
    }

    /// A leader has proposed the next transaction.
    pub fn propose(&mut self, zxid: Zxid, txn: &[u8]) {
        self.supplies.propose(zxid, txn);
    }

    /// Transaction `zxid` is committed with a change of the configuration that names this leader, and everything before it.
    pub fn activate(&mut self, zxid: Zxid, leader: ServerId, window: &Window) {
        self.supplies.activate(zxid, leader, window, &self.ends);
    }

    /// Everything up to this transaction is committed. Nothing of it may have left the window that was not committed before.
    pub fn commit(&mut self, zxid: Zxid, window: &Window) {
        self.supplies.commit(zxid, window, &self.ends);
    }

    /// The configuration was changed: what learners say that they are is held against another one from here on.
    pub fn forget_introductions(&mut self) {
        self.introductions = Introductions::default();
    }

    /// Whether a version is to be given to the [spooler](QuorumPort::spooler).
    pub fn needs_state(&mut self) -> bool {
        self.supplies.needs_state(&self.ends, self.now)
    }

    /// Sends what there is to be sent, as far as it is taken.
    pub fn end_turn(&mut self, records: Records<'_>, links: &mut dyn Links) {
        let deadline = self.now.after(self.settings.standstill);
        let mut lost = Vec::new();
        for end in self.ends.iter_mut() {
            match self.supplies.serve(end, records, links, deadline) {
                Ok(Served::Nothing) => {}
                Ok(Served::StateBegun(link)) => self.told.push_back(Input::StateBegun { link }),
                Ok(Served::CaughtUp(link)) => self.told.push_back(Input::CaughtUp { link }),
                Err(closing) => lost.push((end.stream, closing)),
            }
        }
        lost.into_iter().for_each(|(stream, closing)| self.lose(stream, &closing, links));
        self.supplies.end_turn(&self.ends);
        self.bound_output(links);
    }

    /// Ends a link. The core knows.
    pub fn close_link(&mut self, link: Link, reason: Reason, links: &mut dyn Links) {
        if reason == Reason::Stopped {
            self.ends.bid_farewell(link, self.now.after(FAREWELL));
        } else if let Some(stream) = self.ends.stream_of(link) {
            let is_up_to_date = self.ends.at(stream).is_some_and(|end| end.is_up_to_date);
            self.close(stream, &Closing::decided(reason, is_up_to_date), links);
        }
    }

    /// Whether links are only kept until what waits for them has gone out.
    pub fn has_farewells(&self) -> bool {
        self.ends.iter().any(LinkEnd::is_leaving)
    }

    /// Goes from link to link until something has come.
    fn read_one(&mut self, links: &mut dyn Links) -> Option<(StreamId, Next)> {
        let deadline = self.now.after(self.settings.standstill);
        loop {
            let end = self.ends.first_from(self.reading)?;
            self.reading = end.stream;
            match end.read(links, &mut self.buffer, deadline) {
                Next::Nothing => self.reading = StreamId(end.stream.0 + 1),
                next => return Some((end.stream, next)),
            }
        }
    }

    /// Looks at a packet before it is given out. `false` if it is not to be, or not yet.
    fn admit(&mut self, stream: StreamId, configs: &Configs) -> Result<bool, Closing> {
        let end = self.ends.at_mut(stream).expect("a packet has come on it");
        match end.side {
            Side::Learner { leader } => {
                if txn_of(&end.packet()).len() > self.settings.txn_max {
                    return Err(Closing::LongTransaction);
                }
                let is_given = check_master(end, leader, configs, (&mut self.config, &mut self.complaints))
                    .map_err(Closing::BadMessage)?;
                end.note_packet();
                Ok(is_given)
            }
            Side::Master => {
                let packet_type = end.packet().packet_type;
                end.count_packet(packet_type);
                let packet = end.packet();
                let read = LearnerPacket::read(&packet).map_err(Closing::BadMessage)?;
                match (end.link, read) {
                    (Some(_), LearnerPacket::Message(FromLearner::Ack(zxid))) => {
                        end.outgoing.acknowledge(zxid);
                        Ok(true)
                    }
                    (Some(_), read) => Ok(read != LearnerPacket::Ignored),
                    (None, LearnerPacket::Message(FromLearner::Info { peer_type, server, features, .. })) => {
                        end.is_grouped =
                            features.has(Features::GROUPED) && self.settings.features.has(Features::GROUPED);
                        if let Some(remark) =
                            server.and_then(|server| self.introductions.remark(server, peer_type, configs))
                        {
                            tracing::warn!("{remark}");
                        }
                        self.introduce(stream, peer_type, server)
                    }
                    (None, _) => Err(Closing::NotIntroduced(packet.packet_type)),
                }
            }
        }
    }

    /// A link has said who it is. It is given a number first, and its packet is given out afterwards.
    fn introduce(&mut self, stream: StreamId, peer_type: PeerType, server: Option<ServerId>) -> Result<bool, Closing> {
        let link = self.ends.number(stream).ok_or(Closing::NoNumber)?;
        let end = self.ends.at_mut(stream).expect("it has said who it is");
        (end.awaited, end.peer_type, end.server) = (None, peer_type, server);
        end.keep_given();
        self.told.push_back(Input::LearnerUp { link });
        Ok(false)
    }

    fn connected(&mut self, stream: StreamId, links: &mut dyn Links) {
        let Some((leader, others)) = self.attempts.take(stream) else { return };
        others.into_iter().for_each(|stream| links.close(stream));
        let side = Side::Learner { leader };
        self.ends.insert(LinkEnd::new(
            stream,
            side,
            format!("its {} port", self.dialled).into(),
            self.settings.data_max,
            self.now,
        ));
        match self.ends.number(stream) {
            Some(link) => self.told.push_back(Input::MasterUp { link }),
            None => {
                self.close(stream, &Closing::NoNumber, links);
                self.told.push_back(Input::MasterRefused);
            }
        }
    }

    fn refused(&mut self, stream: StreamId) {
        if self.attempts.fail(stream) {
            self.told.push_back(Input::MasterRefused);
        }
    }

    fn queue_to_master(&mut self, links: &mut dyn Links, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(link) = self.ends.master_mut().and_then(|end| end.link) else { return false };
        self.queue(link, links, |_, out| write(out));
        true
    }

    /// Queues what one link alone is sent. One that has gone is told of, or the core knows.
    fn queue(&mut self, link: Link, links: &mut dyn Links, write: impl FnOnce(&LinkEnd, &mut Vec<u8>)) {
        let Some(end) = self.ends.of_mut(link) else { return };
        let mut outgoing = std::mem::take(&mut end.outgoing);
        outgoing.queue(self.supplies.feed(end.peer_type), |out| write(end, out));
        end.outgoing = outgoing;
        if end.is_full() {
            let stream = end.stream;
            self.lose(stream, &Closing::Full, links);
        }
    }

    /// Ends a link of which the core has to hear that.
    fn lose(&mut self, stream: StreamId, closing: &Closing, links: &mut dyn Links) {
        let Some(end) = self.close(stream, closing, links) else { return };
        if let Some(link) = end.link {
            let is_learner = end.side == Side::Master;
            self.told.push_back(if is_learner { Input::LearnerDown { link } } else { Input::MasterDown { link } });
        }
    }

    fn close(&mut self, stream: StreamId, closing: &Closing, links: &mut dyn Links) -> Option<LinkEnd> {
        let end = self.ends.remove(stream)?;
        links.close(stream);
        if let Some(link) = end.link {
            self.supplies.leave(link);
            // What was to be told of a link that has gone.
            self.told.retain(|told| ![Input::StateBegun { link }, Input::CaughtUp { link }].contains(told));
        }
        if closing.is_usual() {
            tracing::info!("the link with {end} is closed: {closing}");
        } else {
            tracing::warn!("the link with {end} is closed: {closing}");
        }
        Some(end)
    }

    fn bound_strangers(&mut self, configs: &Configs, links: &mut dyn Links) {
        if let Some(oldest) = self.ends.stranger_too_many(configs) {
            self.lose(oldest, &Closing::TooManyStrangers, links);
        }
    }

    fn bound_output(&mut self, links: &mut dyn Links) {
        while self.ends.iter().map(|end| end.outgoing.waiting()).sum::<usize>() > LINKS_OUT_BYTES
            && let Some(fullest) = self.ends.iter().max_by_key(|end| end.outgoing.waiting())
        {
            let stream = fullest.stream;
            self.lose(stream, &Closing::Full, links);
        }
    }
}

/// The transaction in a PROPOSAL or INFORM; empty if it is nothing such.
fn txn_of<'a>(packet: &Packet<'a>) -> &'a [u8] {
    match packet.packet_type {
        PacketType::Proposal | PacketType::Inform => packet.data.unwrap_or_default(),
        PacketType::InformAndActivate => Activation::read(packet.data).map_or(&[], |activation| activation.proposal),
        _ => &[],
    }
}

/// Whether what has come from a leader is to be given out. The configuration in it is left in `config`.
fn check_master(
    end: &LinkEnd,
    leader: ServerId,
    configs: &Configs,
    (config, complaints): (&mut Option<Arc<Config>>, &mut Complaints),
) -> Result<bool, BadMessage> {
    let packet = end.packet();
    let read = MasterPacket::read(&packet, move |text| {
        *config = read_config(configs, leader, text, complaints);
        config.as_ref()
    })?;
    Ok(read != MasterPacket::Ignored)
}
