//! The election port: one connection for each pair of servers, on which they tell each other their votes.
//!
//! Of a pair the server with the larger id dials. The other one rings: it connects, says who it is, and waits to be dialled
//! back. Whoever is rung ends that connection once it has read who it is; where it breaks instead, nobody has read that: a
//! process that was killed takes connections until its port is closed. An attempt is answered when there is a connection,
//! whoever has begun it, when the other side refuses, or when its time is over. Whoever rings late in an attempt is dialled for
//! a whole time all the same.
//!
//! ```text
//! dial ─► Dialling ─┬─ the larger id ──────────────────────────────────────────► Connected
//!                   └─ the smaller id ─► Rung: waits for the other's connection ─┐   ▲
//! accepted ─► Greeting ─┬─ from a larger id ─────────────────────────────────────┴───┘
//!                       └─ from a smaller id ─► ended, and dialled back
//! ```
//!
//! To each server one notification is held, and a newer one takes its place; the last one that was taken is sent again on a
//! new connection. So notifications are lost and come twice, which election bears. What cannot be read as a notification is
//! passed over. A connection that sends no frames, or says nothing at first, is closed and costs nobody else anything.
//!
//! An observer without an id calls itself the largest there is. It is given a private id, below all others, and its
//! connection is kept: ZooKeeper dials it back, which it would answer by dialling back in turn, for ever.

mod connection;
mod greeting;
mod origins;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use paddock_consensus::config::{Config, Configs, HostPort};
use paddock_consensus::input::Event;
use paddock_consensus::notification::Notification;
use paddock_consensus::settings::Ms;
use paddock_consensus::{Input, ServerId};
use paddock_net::peer::initial_message::{self, ANONYMOUS, BadInitialMessage};
use paddock_net::peer::notification as wire;

use self::connection::{Connection, Next, Outcome};
use self::greeting::{Greeting, Heard};
use self::origins::Origins;
use super::addresses::addresses;
use super::complaints::Complaints;
use super::config_text::read_config;
use super::dial::Dial;
use super::links::{Introduced, Links, Port, Read, StreamEvent, StreamId};
use super::strangers::{UNKNOWN_LINKS, is_member};

/// How long a server waits here.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// For the initial message of whoever has connected.
    pub greeting: Ms,
    /// For a connection to a server that is dialled.
    pub attempt: Ms,
}

/// What there is to tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    Event {
        peer: ServerId,
        event: Event,
    },
    /// The last notification for this server has been written.
    Drained {
        peer: ServerId,
    },
    /// `config` is the configuration in it, if it has one that can be read.
    Notification {
        from: ServerId,
        notification: Notification,
        config: Option<Arc<Config>>,
    },
}

impl Told {
    pub fn input(&self) -> Input<'_> {
        match self {
            Told::Event { peer, event } => Input::Election { peer: *peer, event: *event },
            Told::Drained { peer } => Input::Drained { peer: *peer },
            Told::Notification { from, notification, config } => {
                Input::Notification { from: *from, notification: *notification, config: config.as_ref() }
            }
        }
    }
}

#[derive(Debug)]
pub struct ElectionPort {
    me: ServerId,
    waits: Waits,
    /// What this server says first on a connection that it has begun.
    initial_message: Vec<u8>,
    peers: BTreeMap<ServerId, Peer>,
    streams: BTreeMap<StreamId, Stage>,
    told: VecDeque<Told>,
    /// Whether there may be something to read on a connection; if not, a turn looks at none of them.
    may_read: bool,
    /// Whether there may be an attempt or a greeting, which have deadlines.
    may_be_late: bool,
    /// The private id that was given last.
    last_private: i64,
    /// Whether it was said that another server has this one's id.
    twin_is_named: bool,
    complaints: Complaints,
    /// This server is to end.
    has_ended: bool,
    origins: Origins,
}

/// What there is for one server.
#[derive(Default, Debug)]
struct Peer {
    connection: Option<Connection>,
    attempt: Option<Attempt>,
    /// The notification that is held.
    held: Option<Notification>,
    /// The last one that was written, or begun to be.
    last: Option<Notification>,
}

/// Ends with a connection, with a refusal, or when its time is over.
#[derive(Debug)]
struct Attempt {
    /// Has ended once this server has rung.
    dial: Dial,
    /// The stream on which this server has rung, until the other one ends it.
    rung: Option<StreamId>,
    /// Where the server was when it rang last, as it says itself.
    told: Vec<HostPort>,
    /// Whoever has asked for a connection is answered then; `None` if nobody has, or it was answered.
    answer_at: Option<Ms>,
    /// It goes on until then: a server that has rung is dialled for a whole time, whether or not somebody here waits for that.
    until: Ms,
}

impl Attempt {
    fn begin(now: Ms) -> Attempt {
        Attempt { dial: Dial::new(now), rung: None, told: Vec::new(), answer_at: None, until: now }
    }

    /// This server wants a connection, and is answered within this time. It may be waiting already.
    fn ask(&mut self, now: Ms, wait: Ms) {
        let answer_at = *self.answer_at.get_or_insert(now.after(wait));
        self.until = self.until.max(answer_at);
        // Where this server has rung, the other one may be somewhere else now.
        self.dial.resume(now);
    }

    /// The other server has rung, and says where it is.
    fn take_ring(&mut self, told: Vec<HostPort>, now: Ms, wait: Ms) {
        (self.told, self.until) = (told, now.after(wait));
    }

    /// Whether somebody waits in vain from now on.
    fn take_late(&mut self, now: Ms) -> bool {
        self.answer_at.take_if(|answer_at| *answer_at <= now).is_some()
    }

    fn is_over(&self, now: Ms) -> bool {
        self.until <= now
    }

    /// It has no stream any more. Returns those that it had.
    fn end(&mut self) -> Vec<StreamId> {
        let mut streams = self.dial.end();
        streams.extend(self.rung.take());
        streams
    }

    /// When there is something to do for it.
    fn next(&self) -> Ms {
        [self.dial.next(), self.answer_at].into_iter().flatten().fold(self.until, Ms::min)
    }
}

#[derive(Debug)]
enum Stage {
    Greeting(Greeting),
    Dialling(ServerId),
    Rung(ServerId),
    Connected(ServerId),
}

impl ElectionPort {
    /// `addresses` is where others reach this server's election port: one, or several if all of them are of ZooKeeper 3.6 or
    /// newer.
    ///
    /// # Errors
    /// If there is no address, or they are longer than anybody reads.
    pub fn new(me: ServerId, addresses: &[HostPort], waits: Waits) -> Result<ElectionPort, BadInitialMessage> {
        let mut initial_message = Vec::new();
        initial_message::write(me, addresses, &mut initial_message)?;
        Ok(ElectionPort {
            me,
            waits,
            initial_message,
            peers: BTreeMap::new(),
            streams: BTreeMap::new(),
            told: VecDeque::new(),
            may_read: false,
            may_be_late: false,
            last_private: 0,
            twin_is_named: false,
            complaints: Complaints::default(),
            has_ended: false,
            origins: Origins::default(),
        })
    }

    /// Which server this is.
    pub fn me(&self) -> ServerId {
        self.me
    }

    /// Others reach this server's election port at these addresses from here on: it says so on each connection that it begins.
    ///
    /// # Errors
    /// As [`ElectionPort::new`], and then it says what it said before.
    pub fn move_to(&mut self, addresses: &[HostPort]) -> Result<(), BadInitialMessage> {
        let mut initial_message = Vec::new();
        initial_message::write(self.me, addresses, &mut initial_message)?;
        self.initial_message = initial_message;
        Ok(())
    }

    /// One attempt to have a connection with this server, unless there is one already; what comes of it is told.
    pub fn dial(&mut self, peer: ServerId, configs: &Configs, links: &mut dyn Links, now: Ms) {
        let is_connected = self.peers.get(&peer).is_some_and(|known| known.connection.is_some());
        if is_connected {
            self.told.push_back(Told::Event { peer, event: Event::Up });
            return;
        }
        let wait = self.waits.attempt;
        self.attempt(peer, now).ask(now, wait);
        self.go_on(peer, configs, links, now);
    }

    /// Holds a notification for this server, in place of one that is not sent yet, and sends it as soon as that can be.
    pub fn notify(&mut self, peer: ServerId, notification: Notification, configs: &Configs, links: &mut dyn Links) {
        // Nobody would forget what is held for a server that is in no configuration and has gone.
        if !is_member(configs, peer) && !self.peers.contains_key(&peer) {
            return;
        }
        self.peers.entry(peer).or_default().held = Some(notification);
        self.send(peer, configs, links);
    }

    /// This server is to end, and says nothing here any more. Whoever looks for a leader dials it and is refused at once, and
    /// need not wait for its vote until the process has ended, which takes a while: its log and its clients come first.
    pub fn end(&mut self, links: &mut dyn Links) {
        self.has_ended = true;
        links.listen(Port::Election, false);
        let streams: Vec<StreamId> = self.streams.keys().copied().collect();
        self.close_all(&streams, links);
        self.peers.clear();
        self.told.clear();
    }

    /// Whether the stream is one of this port.
    pub fn owns(&self, stream: StreamId) -> bool {
        self.streams.contains_key(&stream)
    }

    /// Somebody has connected.
    pub fn accept(&mut self, stream: StreamId, from: Box<str>, configs: &Configs, links: &mut dyn Links, now: Ms) {
        if self.has_ended {
            // It was there before the port was closed.
            return links.close(stream);
        }
        self.streams.insert(stream, Stage::Greeting(Greeting::new(from, now.after(self.waits.greeting))));
        self.may_be_late = true;
        self.bound_strangers(configs, links);
        self.hear(stream, configs, links, now);
    }

    /// Something has happened to a stream of this port.
    pub fn on_event(&mut self, event: &StreamEvent, configs: &Configs, links: &mut dyn Links, now: Ms) {
        match event {
            StreamEvent::Accepted { .. } => {}
            StreamEvent::Connected(stream) => self.connected(*stream, configs, links),
            StreamEvent::Refused(stream) => self.refused(*stream, configs, links),
            StreamEvent::Introduced(stream) => self.introduced(*stream, configs, links),
            StreamEvent::Readable(stream) => match self.streams.get(stream) {
                Some(Stage::Greeting(_)) => self.hear(*stream, configs, links, now),
                Some(Stage::Connected(peer)) => {
                    let connection = self.peers.get_mut(peer).and_then(|peer| peer.connection.as_mut());
                    connection.expect("a connected stream is its server's").note_readable();
                    self.may_read = true;
                }
                Some(Stage::Rung(peer)) => self.hear_rung(*peer, *stream, configs, links),
                Some(Stage::Dialling(_)) | None => {}
            },
            StreamEvent::Writable(stream) => {
                if let Some(Stage::Connected(peer)) = self.streams.get(stream) {
                    self.send(*peer, configs, links);
                }
            }
        }
    }

    /// When [`on_time`](ElectionPort::on_time) has something to do.
    pub fn deadline(&self) -> Option<Ms> {
        if !self.may_be_late {
            return None;
        }
        let greetings = self.streams.values().filter_map(|stage| match stage {
            Stage::Greeting(greeting) => Some(greeting.deadline),
            Stage::Dialling(_) | Stage::Rung(_) | Stage::Connected(_) => None,
        });
        let attempts = self.peers.values().filter_map(|peer| Some(peer.attempt.as_ref()?.next()));
        greetings.chain(attempts).min()
    }

    /// Ends what has taken too long.
    pub fn on_time(&mut self, configs: &Configs, links: &mut dyn Links, now: Ms) {
        let deadline = self.deadline();
        self.may_be_late = deadline.is_some();
        if deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        let late: Vec<StreamId> =
            self.streams.iter().filter(|(_, stage)| stage.is_late(now)).map(|(id, _)| *id).collect();
        for stream in late {
            self.end_greeting(stream, "has not said which server it is in time", links);
        }
        for peer in self.attempting(|attempt| attempt.next() <= now) {
            self.answer_late(peer, links, now);
            self.forget_stranger(peer, configs);
        }
        for peer in self.attempting(|attempt| attempt.dial.is_due(now)) {
            self.go_on(peer, configs, links, now);
        }
    }

    /// The servers to which there are such attempts.
    fn attempting(&self, is_meant: impl Fn(&Attempt) -> bool) -> Vec<ServerId> {
        let meant = self.peers.iter().filter(|(_, known)| known.attempt.as_ref().is_some_and(&is_meant));
        meant.map(|(peer, _)| *peer).collect()
    }

    /// Answers whoever has waited for an attempt for its whole time, and ends the attempt if its own is over.
    fn answer_late(&mut self, peer: ServerId, links: &mut dyn Links, now: Ms) {
        let Some(attempt) = self.peers.get_mut(&peer).and_then(|known| known.attempt.as_mut()) else { return };
        if attempt.take_late(now) {
            self.told.push_back(Told::Event { peer, event: Event::Refused });
        }
        if attempt.is_over(now) {
            self.end_attempt(peer, links);
        }
    }

    /// A turn begins: connections are read again.
    pub fn begin_turn(&mut self) {
        if self.may_read {
            self.peers.values_mut().filter_map(|peer| peer.connection.as_mut()).for_each(Connection::begin_turn);
        }
    }

    /// Whether there is something left that the turn had no room for.
    pub fn has_more(&self) -> bool {
        !self.told.is_empty() || self.may_read && self.has_unread()
    }

    /// Whether a connection was not read to its end.
    fn has_unread(&self) -> bool {
        self.peers.values().filter_map(|peer| peer.connection.as_ref()).any(Connection::has_more)
    }

    /// What there is to tell next.
    pub fn next(&mut self, configs: &Configs, links: &mut dyn Links) -> Option<Told> {
        while self.told.is_empty() && self.read_one(configs, links) {}
        self.told.pop_front()
    }

    /// Whether there may be more.
    fn read_one(&mut self, configs: &Configs, links: &mut dyn Links) -> bool {
        if !self.may_read {
            return false;
        }
        let next = self.peers.iter_mut().find_map(|(peer, known)| {
            let next = known.connection.as_mut()?.read(links);
            (next != Next::Nothing).then_some((*peer, next))
        });
        let Some((peer, next)) = next else {
            self.may_read = self.has_unread();
            return false;
        };
        match next {
            Next::Frame => self.take_notification(peer, configs),
            Next::Ended => self.disconnect(peer, configs, links),
            Next::Bad(length) => {
                tracing::warn!(
                    "the connection of server {} to the election port is closed, which sent a frame of {} bytes; whoever \
                     is at its address speaks another protocol",
                    peer.0,
                    length.0
                );
                self.disconnect(peer, configs, links);
            }
            Next::Nothing => {}
        }
        true
    }

    fn take_notification(&mut self, from: ServerId, configs: &Configs) {
        let connection = self.peers.get_mut(&from).and_then(|peer| peer.connection.as_mut());
        let frame = connection.expect("it has sent a frame").take_frame();
        match wire::read(frame) {
            Ok((notification, text)) => {
                let config = text.and_then(|text| read_config(configs, from, text, &mut self.complaints));
                self.told.push_back(Told::Notification { from, notification, config });
            }
            Err(bad) => {
                if let Some(line) = self.complaints.line(from, "a notification that cannot be understood", &bad) {
                    tracing::warn!("{line}");
                }
            }
        }
    }

    /// The attempt that is under way, or a new one.
    fn attempt(&mut self, peer: ServerId, now: Ms) -> &mut Attempt {
        self.may_be_late = true;
        self.peers.entry(peer).or_default().attempt.get_or_insert_with(|| Attempt::begin(now))
    }

    /// Begins a stream if one is due, to wherever the server is by now.
    fn go_on(&mut self, peer: ServerId, configs: &Configs, links: &mut dyn Links, now: Ms) {
        let attempt = self.peers.get_mut(&peer).and_then(|known| known.attempt.as_mut());
        let Some(attempt) = attempt.filter(|attempt| attempt.dial.is_due(now)) else { return };
        let stream = links.connect(Port::Election, &addresses(configs, peer, Port::Election), &attempt.told);
        if let Some(given_up) = attempt.dial.note_begun(stream, now) {
            self.streams.remove(&given_up);
            links.close(given_up);
        }
        self.streams.insert(stream, Stage::Dialling(peer));
    }

    /// An attempt of this server's has a stream.
    fn connected(&mut self, stream: StreamId, configs: &Configs, links: &mut dyn Links) {
        if !matches!(self.streams.get(&stream), Some(Stage::Dialling(_))) {
            return;
        }
        // ZooKeeper refuses what does not come at once.
        match links.introduce(stream, &self.initial_message) {
            Introduced::Done => self.introduced(stream, configs, links),
            Introduced::Awaited => {}
            Introduced::Failed => {
                links.close(stream);
                self.refused(stream, configs, links);
            }
        }
    }

    /// The other side knows who this server is.
    fn introduced(&mut self, stream: StreamId, configs: &Configs, links: &mut dyn Links) {
        let Some(Stage::Dialling(peer)) = self.streams.get(&stream) else { return };
        let peer = *peer;
        if peer < self.me {
            return self.establish(peer, Connection::new(stream, &[]), configs, links);
        }
        // It has rung.
        links.finish(stream);
        if let Some(attempt) = self.peers.get_mut(&peer).and_then(|peer| peer.attempt.as_mut()) {
            let mut others = attempt.end();
            others.retain(|other| *other != stream);
            attempt.rung = Some(stream);
            self.streams.insert(stream, Stage::Rung(peer));
            self.close_all(&others, links);
        }
    }

    /// Something has happened where this server has rung. Nothing but the end is to come.
    fn hear_rung(&mut self, peer: ServerId, stream: StreamId, configs: &Configs, links: &mut dyn Links) {
        let read = links.read(stream, &mut [0]);
        if read == Read::Nothing {
            return;
        }
        self.close_all(&[stream], links);
        let attempt = self.peers.get_mut(&peer).and_then(|known| known.attempt.as_mut());
        let Some(attempt) = attempt.filter(|attempt| attempt.rung == Some(stream)) else { return };
        attempt.rung = None;
        // Another stream may be under way by now.
        if read == Read::Broken && attempt.dial.first().is_none() {
            self.give_up(peer, configs, links);
        }
    }

    /// A stream of an attempt has failed. The attempt goes on while it has others: they may have been sent another way, or to
    /// another place.
    fn refused(&mut self, stream: StreamId, configs: &Configs, links: &mut dyn Links) {
        let Some(Stage::Dialling(peer)) = self.streams.remove(&stream) else { return };
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let goes_on = known.attempt.as_mut().is_some_and(|attempt| attempt.dial.remove(stream));
        if !goes_on {
            self.give_up(peer, configs, links);
        }
    }

    /// An attempt has come to nothing. Whoever has asked for it is answered.
    fn give_up(&mut self, peer: ServerId, configs: &Configs, links: &mut dyn Links) {
        let Some(mut attempt) = self.peers.get_mut(&peer).and_then(|known| known.attempt.take()) else { return };
        self.close_all(&attempt.end(), links);
        if attempt.answer_at.is_some() {
            self.told.push_back(Told::Event { peer, event: Event::Refused });
        }
        self.forget_stranger(peer, configs);
    }

    fn close_all(&mut self, streams: &[StreamId], links: &mut dyn Links) {
        for stream in streams {
            self.streams.remove(stream);
            links.close(*stream);
        }
    }

    /// Reads an initial message.
    fn hear(&mut self, stream: StreamId, configs: &Configs, links: &mut dyn Links, now: Ms) {
        let Some(Stage::Greeting(greeting)) = self.streams.get_mut(&stream) else { return };
        let heard = greeting.read(links, stream);
        if let Heard::Whole { server, .. } = heard {
            let from = greeting.from.clone();
            self.note_origin(server, &from, configs);
        }
        match heard {
            Heard::Part => {}
            Heard::GivenUp => {
                self.streams.remove(&stream);
                links.close(stream);
            }
            Heard::Ended => self.end_greeting(stream, "has ended it", links),
            Heard::Bad(bad) => self.end_greeting(stream, &format!("cannot be understood: {bad}"), links),
            Heard::Whole { server, .. } if server == self.me => self.meet_twin(stream, links),
            Heard::Whole { server: ServerId(..0), .. } => {
                self.end_greeting(stream, "calls itself by a negative id", links);
            }
            Heard::Whole { server: ANONYMOUS, rest, .. } => {
                self.last_private -= 1;
                self.establish(ServerId(self.last_private), Connection::new(stream, &rest), configs, links);
            }
            Heard::Whole { server, addresses, .. } if server < self.me => {
                self.streams.remove(&stream);
                links.close(stream);
                self.dial_back(server, addresses, configs, links, now);
            }
            Heard::Whole { server, .. } if self.has_later(server, stream) => {
                self.streams.remove(&stream);
                links.close(stream);
            }
            Heard::Whole { server, rest, .. } => {
                self.establish(server, Connection::new(stream, &rest), configs, links);
            }
        }
    }

    /// Whether a server has begun its connection after this stream, which it has given up then: whoever dials does it one
    /// time after the other, but what it says on both may come in any order.
    fn has_later(&self, server: ServerId, stream: StreamId) -> bool {
        let connection = self.peers.get(&server).and_then(|known| known.connection.as_ref());
        connection.is_some_and(|connection| connection.stream > stream)
    }

    /// A server of a smaller id has rung. It has no connection any more, whatever this side still has.
    fn dial_back(&mut self, peer: ServerId, told: Vec<HostPort>, configs: &Configs, links: &mut dyn Links, now: Ms) {
        if self.peers.get(&peer).is_some_and(|known| known.connection.is_some()) {
            self.disconnect(peer, configs, links);
        }
        if told.is_empty() && addresses(configs, peer, Port::Election).is_empty() {
            return;
        }
        let wait = self.waits.attempt;
        self.attempt(peer, now).take_ring(told, now, wait);
        self.go_on(peer, configs, links, now);
        self.bound_strangers(configs, links);
    }

    /// There is a connection, and it is the only one of its server from here on.
    fn establish(&mut self, peer: ServerId, connection: Connection, configs: &Configs, links: &mut dyn Links) {
        self.streams.insert(connection.stream, Stage::Connected(peer));
        self.may_read = true;
        let known = self.peers.entry(peer).or_default();
        let mut others = known.attempt.take().map(|mut attempt| attempt.end()).unwrap_or_default();
        others.retain(|stream| *stream != connection.stream);
        others.extend(known.connection.replace(connection).map(|replaced| replaced.stream));
        known.held = known.held.or(known.last);
        self.close_all(&others, links);
        self.told.push_back(Told::Event { peer, event: Event::Up });
        self.bound_strangers(configs, links);
        self.send(peer, configs, links);
    }

    /// Writes what there is for a server, as far as it is taken.
    fn send(&mut self, peer: ServerId, configs: &Configs, links: &mut dyn Links) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let Some(connection) = &mut known.connection else { return };
        let had_frame = !connection.is_drained();
        let mut outcome = connection.go_on(links);
        let mut has_written = had_frame && connection.is_drained();
        if outcome == Outcome::Open
            && connection.is_drained()
            && let Some(notification) = known.held.take()
        {
            known.last = Some(notification);
            let frame = frame(&notification, configs);
            outcome = connection.write(links, frame);
            has_written = connection.is_drained();
        }
        match outcome {
            Outcome::Ended => self.disconnect(peer, configs, links),
            Outcome::Open if has_written => self.told.push_back(Told::Drained { peer }),
            Outcome::Open => {}
        }
    }

    /// Ends the connection with this server, if there is one. A leader that was lost, or was not reached, may still be heard on
    /// it although nothing that is sent to it arrives: it would be elected again, and waited for in vain. A new connection can
    /// only be had where both sides hear each other.
    pub fn disconnect(&mut self, peer: ServerId, configs: &Configs, links: &mut dyn Links) {
        let connection = self.peers.get_mut(&peer).and_then(|known| known.connection.take());
        if let Some(connection) = connection {
            self.streams.remove(&connection.stream);
            links.close(connection.stream);
            self.told.push_back(Told::Event { peer, event: Event::Down });
            self.forget_stranger(peer, configs);
        }
    }

    fn end_attempt(&mut self, peer: ServerId, links: &mut dyn Links) {
        let attempt = self.peers.get_mut(&peer).and_then(|known| known.attempt.take());
        let streams = attempt.map(|mut attempt| attempt.end()).unwrap_or_default();
        self.close_all(&streams, links);
    }

    /// Ends a connection that has not said who it is.
    fn end_greeting(&mut self, stream: StreamId, why: &str, links: &mut dyn Links) {
        if let Some(Stage::Greeting(greeting)) = self.streams.remove(&stream) {
            links.close(stream);
            tracing::warn!(
                "a connection from {} to the election port is closed, which {why}; only servers of the ensemble should \
                 reach this port",
                greeting.from
            );
        }
    }

    /// A server has said that it connects from there.
    fn note_origin(&mut self, server: ServerId, from: &str, configs: &Configs) {
        if server == self.me || !is_member(configs, server) {
            return;
        }
        let is_connected = self.peers.get(&server).is_some_and(|known| known.connection.is_some());
        if let Some(before) = self.origins.note(server, from, is_connected) {
            tracing::warn!(
                "server {} connects to the election port from {from}, and has a connection from {before} that is not ended: are \
                 there two servers with the id {} in myid?",
                server.0,
                server.0
            );
        }
    }

    fn meet_twin(&mut self, stream: StreamId, links: &mut dyn Links) {
        let Some(Stage::Greeting(greeting)) = self.streams.remove(&stream) else { return };
        links.close(stream);
        if !std::mem::replace(&mut self.twin_is_named, true) {
            tracing::error!(
                "a server at {} has the id {} of this one, and is not listened to; give each server an id of its own in \
                 the file myid of its dataDir",
                greeting.from,
                self.me.0
            );
        }
    }

    /// Whoever is in no configuration leaves nothing behind.
    fn forget_stranger(&mut self, peer: ServerId, configs: &Configs) {
        let is_gone = |known: &Peer| known.connection.is_none() && known.attempt.is_none();
        if !is_member(configs, peer) && self.peers.get(&peer).is_some_and(is_gone) {
            self.peers.remove(&peer);
        }
    }

    /// Closes the oldest stream of a stranger where there are too many.
    fn bound_strangers(&mut self, configs: &Configs, links: &mut dyn Links) {
        let is_first = |stream: StreamId, peer: &ServerId| {
            let attempt = self.peers.get(peer).and_then(|known| known.attempt.as_ref());
            attempt.is_some_and(|attempt| attempt.dial.first() == Some(stream))
        };
        let is_strange = |stream: StreamId, stage: &Stage| match stage {
            Stage::Greeting(_) => true,
            // An attempt counts once.
            Stage::Dialling(peer) => !is_member(configs, *peer) && is_first(stream, peer),
            Stage::Rung(peer) | Stage::Connected(peer) => !is_member(configs, *peer),
        };
        let strangers = self.streams.iter().filter(|(stream, stage)| is_strange(**stream, stage));
        let mut strangers = strangers.map(|(stream, _)| *stream);
        let Some(oldest) = strangers.next() else { return };
        if strangers.count() < UNKNOWN_LINKS {
            return;
        }
        match self.streams.get(&oldest) {
            Some(Stage::Greeting(_)) => {
                self.end_greeting(oldest, "has not said which server it is, and there are too many such", links);
            }
            Some(&Stage::Connected(peer)) => {
                tracing::warn!(
                    "the connection of server {} to the election port is closed: it is in no configuration, and there are \
                     too many such",
                    peer.0
                );
                self.disconnect(peer, configs, links);
            }
            Some(&(Stage::Dialling(peer) | Stage::Rung(peer))) => self.give_up(peer, configs, links),
            None => {}
        }
    }
}

impl Stage {
    fn is_late(&self, now: Ms) -> bool {
        matches!(self, Stage::Greeting(greeting) if greeting.deadline <= now)
    }
}

/// A notification in its frame, with the committed configuration.
fn frame(notification: &Notification, configs: &Configs) -> Vec<u8> {
    let mut frame = Vec::new();
    if wire::write(notification, configs.committed.text().as_bytes(), &mut frame).is_err() {
        // Votes are what matters; a configuration so long has thousands of servers.
        wire::write(notification, &[], &mut frame).expect("a notification without a configuration is short");
    }
    frame
}
