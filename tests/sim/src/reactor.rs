//! What stands between the clients of a server and its replica, in the place of a thread with sockets.
//!
//! As the real one it answers reads from its own view, behind the writes that the same connection has asked for before, tells
//! watchers of the events of a version before anything else of that version is seen, and hands writes to the replica.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use paddock_engine::acl::{Authority, Id};
use paddock_engine::event::Event;
use paddock_engine::jute;
use paddock_engine::request::opcode;
use paddock_engine::tree::Reader;
use paddock_net::exchange::{
    AnswerKind, ConnectionId, Exchange, Heard, Release, Request, RequestKind, Submission, VersionRelease,
};
use paddock_net::reactor::Hearing;
use paddock_net::read::{self, ReadCaller, ReadContext, ReadFigures};
use paddock_net::serving::{Period, Serve};
use paddock_net::status::{Figures, ReactorStatus, Status};
use paddock_net::watch::Watches;

/// Who a connection is for the world.
pub type ClientId = usize;

/// The longest frame that a client may send, bytes.
const FRAME_MAX: usize = 1 << 20;
/// The xid of a watch event.
const XID_EVENT: i32 = -1;

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum Asked {
    Connect {
        timeout: i32,
    },
    Reattach {
        session: i64,
        timeout: i32,
    },
    /// Whatever has an opcode and a body, a read or a write.
    Request {
        xid: i32,
        opcode: i32,
        body: Vec<u8>,
    },
    Close {
        xid: i32,
    },
    Ping,
    /// Its end of the connection goes away.
    Leave,
}

/// What a client is told.
#[derive(Clone, Hash, Debug)]
pub enum Told {
    Connected {
        session: i64,
        timeout: i32,
    },
    Refused,
    Reply {
        xid: i32,
        code: i32,
        zxid: i64,
        body: Vec<u8>,
    },
    /// A watch has fired: the kind of the event as on the wire.
    Event {
        zxid: i64,
        kind: i32,
        path: String,
    },
    Closed {
        xid: i32,
        zxid: i64,
    },
    /// The connection has ended.
    Ended,
}

pub struct Reactor {
    exchange: Arc<Exchange>,
    reader: Reader,
    /// The newest transaction of the view.
    zxid: i64,
    period: Period,
    authority: Authority,
    watches: Watches,
    figures: ReadFigures,
    /// By slot.
    connections: BTreeMap<u32, Connection>,
    next_slot: u32,
    hearing: Hearing,
    heard: Vec<i64>,
    submission: Submission,
    /// For the client of a slot.
    told: Vec<(u32, ClientId, Told)>,
}

struct Connection {
    client: ClientId,
    session: i64,
    /// What was asked for and has no answer, in its order.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
enum Waiting {
    /// For the replica.
    Replica(i32),
    /// For what came before it.
    Read { xid: i32, opcode: i32, body: Vec<u8> },
}

impl Reactor {
    pub fn new(exchange: Arc<Exchange>, reader: Reader, zxid: i64, now: Instant) -> Reactor {
        let status = Status { reactors: vec![ReactorStatus::default()], ..Status::default() };
        Reactor {
            exchange,
            reader,
            zxid,
            period: Period::default(),
            authority: Authority::default(),
            watches: Watches::default(),
            figures: ReadFigures::new(Figures::new(status.into(), 0)),
            connections: BTreeMap::new(),
            next_slot: 0,
            hearing: Hearing::new(now, REPORT_EVERY),
            heard: Vec::new(),
            submission: Submission::default(),
            told: Vec::new(),
        }
    }

    /// The newest transaction that clients see.
    pub fn zxid(&self) -> i64 {
        self.zxid
    }

    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    pub fn serves(&self) -> bool {
        self.serving() == Serve::Yes
    }

    /// How clients are served.
    pub fn serving(&self) -> Serve {
        self.period.serve
    }

    /// The number of the serving period.
    pub fn period(&self) -> u64 {
        self.period.number
    }

    /// A client connects. `None`: nobody is served here. Its connection's slot.
    pub fn accept(&mut self, client: ClientId) -> Option<u32> {
        if self.serving() == Serve::No {
            return None;
        }
        self.next_slot += 1;
        self.connections.insert(self.next_slot, Connection { client, session: 0, waiting: VecDeque::new() });
        Some(self.next_slot)
    }

    /// The client's end of the connection is gone; it is told of nothing more.
    fn disconnect(&mut self, slot: u32, now: Instant) {
        self.told.retain(|(other, ..)| *other != slot);
        if let Some(connection) = self.forget(slot) {
            self.request(slot, connection.session, RequestKind::Disconnected, now);
        }
    }

    fn forget(&mut self, slot: u32) -> Option<Connection> {
        self.watches.forget(slot);
        self.connections.remove(&slot)
    }

    /// What a client has sent. Nothing happens if the connection has ended.
    pub fn take(&mut self, slot: u32, asked: &Asked, now: Instant) {
        let Some(connection) = self.connections.get_mut(&slot) else { return };
        let session = match asked {
            Asked::Reattach { session, .. } => *session,
            _ => connection.session,
        };
        if connection.session != 0 && !matches!(asked, Asked::Leave) {
            self.heard.push(connection.session);
        }
        let kind = match asked {
            Asked::Connect { timeout } => RequestKind::Connect { timeout: *timeout },
            Asked::Reattach { timeout, .. } => RequestKind::Reattach { timeout: *timeout, password_matches: true },
            Asked::Request { xid, opcode, body } if read::is_read(*opcode) => {
                connection.waiting.push_back(Waiting::Read { xid: *xid, opcode: *opcode, body: body.clone() });
                return self.run_reads(slot);
            }
            Asked::Request { xid, opcode, body } => {
                connection.waiting.push_back(Waiting::Replica(*xid));
                self.write(*xid, *opcode, body)
            }
            Asked::Close { xid } => {
                connection.waiting.push_back(Waiting::Replica(*xid));
                RequestKind::CloseSession { xid: *xid }
            }
            Asked::Ping => return,
            Asked::Leave => return self.disconnect(slot, now),
        };
        self.request(slot, session, kind, now);
    }

    fn write(&mut self, xid: i32, opcode: i32, body: &[u8]) -> RequestKind {
        let start = self.submission.bytes.len() as u32;
        self.submission.bytes.extend_from_slice(body);
        let body = start..self.submission.bytes.len() as u32;
        let ids: Arc<[Id]> = match opcode {
            opcode::RECONFIG => Arc::new([Id { scheme: "super".into(), id: String::new() }]),
            _ => Arc::new([]),
        };
        match opcode {
            opcode::SYNC => RequestKind::Sync { xid, body },
            opcode::GET_EPHEMERALS => RequestKind::Ephemerals { xid, body },
            opcode => RequestKind::Write { xid, opcode, body, ids, keeper: false },
        }
    }

    fn request(&mut self, slot: u32, session: i64, kind: RequestKind, now: Instant) {
        let connection = ConnectionId { slot, generation: 0 };
        let waiting = self.connections.get(&slot).into_iter().flat_map(|connection| connection.waiting.iter().rev());
        // The request itself is the last that waits.
        let fence =
            waiting.skip(1).map_while(|waiting| matches!(waiting, Waiting::Read { .. }).then_some(())).count() > 0;
        self.submission.requests.push(Request { connection, session, fence, received: now, kind });
    }

    /// Reports whom it has heard, and for how long it stood still, and hands over what clients have asked.
    pub fn submit(&mut self, report: bool, now: Instant) {
        self.hearing.note_poll(now, 0, self.connections.len(), false);
        self.submission.period = self.period.number;
        if report {
            let sessions = std::mem::take(&mut self.heard);
            let (until, pause) = (self.hearing.until(), self.hearing.take_pause());
            self.submission.heard = Some(Heard { sessions, until, at: now, pause });
        }
        if !self.submission.requests.is_empty() || self.submission.heard.is_some() {
            let submission = self.submission.take();
            if let Err(back) = self.exchange.submissions.push(submission) {
                self.submission = back;
            }
        }
    }

    /// Takes in what the replica has released. Where it listens is all the same: nobody connects by an address.
    pub fn take_releases(&mut self) {
        while self.exchange.errands.pop().is_some() {}
        while let Some(release) = self.exchange.releases.pop() {
            match release {
                Release::Version(version) => self.take_version(version),
                Release::Serve(period) => {
                    self.period = period;
                    // What was asked in the period before is not done in this one.
                    self.submission = Submission::default();
                    self.watches = Watches::default();
                    for (slot, connection) in std::mem::take(&mut self.connections) {
                        self.told.push((slot, connection.client, Told::Ended));
                    }
                }
                Release::State(state) => {
                    self.reader = state.reader;
                    self.zxid = state.zxid;
                }
            }
        }
    }

    fn take_version(&mut self, version: VersionRelease) {
        if let Some(looked_through) = &version.looked_through {
            looked_through.fetch_add(1, Ordering::Release);
        }
        self.reader.advance(version.root);
        self.zxid = version.zxid;
        let mut events = version.events.iter().peekable();
        let slots: Vec<u32> = version.answers.iter().map(|answer| answer.connection.slot).collect();
        for answer in version.answers {
            while let Some(event) = events.next_if(|event| event.zxid <= answer.zxid) {
                self.fire(&event);
            }
            self.answer(answer.connection.slot, answer.zxid, answer.kind, &version.bytes);
        }
        events.for_each(|event| self.fire(&event));
        slots.into_iter().for_each(|slot| self.run_reads(slot));
    }

    fn fire(&mut self, event: &Event<'_>) {
        let mut watchers = Vec::new();
        self.watches.trigger(event.kind, event.path, &mut watchers);
        for slot in watchers {
            let client = self.connections[&slot].client;
            let told = Told::Event { zxid: event.zxid, kind: event.kind as i32, path: event.path.to_owned() };
            self.told.push((slot, client, told));
        }
    }

    /// Answers the reads of a connection that wait for no write.
    fn run_reads(&mut self, slot: u32) {
        let Reactor { reader, zxid, authority, watches, figures, connections, told, .. } = self;
        let Some(connection) = connections.get_mut(&slot) else { return };
        let is_read = |waiting: &mut Waiting| matches!(waiting, Waiting::Read { .. });
        while let Some(Waiting::Read { xid, opcode, body }) = connection.waiting.pop_front_if(is_read) {
            let mut context =
                ReadContext { view: reader.view(), zxid: *zxid, authority, watches, figures, frame_max: FRAME_MAX };
            let mut frames = Vec::new();
            let caller = ReadCaller { slot, ids: &[], keeper: false };
            let answered = read::answer(&mut context, caller, xid, opcode, &body, &mut frames);
            assert!(answered.is_continue(), "nothing is counted that has to be counted in slices");
            told.extend(words(&frames).into_iter().map(|one| (slot, connection.client, one)));
        }
    }

    fn answer(&mut self, slot: u32, zxid: i64, kind: AnswerKind, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(&slot) else { return };
        let client = connection.client;
        if let AnswerKind::Reply { xid, .. } | AnswerKind::Closed { xid } = &kind {
            let xid = *xid;
            let waiting = connection.waiting.pop_front();
            assert!(
                matches!(waiting, Some(Waiting::Replica(asked)) if asked == xid),
                "the answer to {xid} comes to session {:x} where {waiting:?} is the first, and then {:?}",
                connection.session,
                connection.waiting
            );
        }
        let told = match kind {
            AnswerKind::Reply { xid, code, body } => {
                let body = bytes[body.start as usize..body.end as usize].to_vec();
                Told::Reply { xid, code, zxid, body }
            }
            AnswerKind::Connected { session, timeout } => {
                connection.session = session;
                Told::Connected { session, timeout }
            }
            AnswerKind::Refused => Told::Refused,
            AnswerKind::Closed { xid } => Told::Closed { xid, zxid },
            AnswerKind::Dropped | AnswerKind::Cut => Told::Ended,
        };
        if matches!(told, Told::Refused | Told::Closed { .. } | Told::Ended) {
            self.forget(slot);
        }
        self.told.push((slot, client, told));
    }

    /// What clients were told since this was asked last.
    pub fn take_told(&mut self) -> Vec<(ClientId, Told)> {
        std::mem::take(&mut self.told).into_iter().map(|(_, client, told)| (client, told)).collect()
    }
}

/// What frames say that were written to a client.
fn words(mut frames: &[u8]) -> Vec<Told> {
    let mut words = Vec::new();
    while let Some((length, rest)) = frames.split_first_chunk() {
        let (frame, rest) = rest.split_at(i32::from_be_bytes(*length) as usize);
        words.push(word(frame).expect("a frame that this server has written"));
        frames = rest;
    }
    words
}

fn word(frame: &[u8]) -> Result<Told, jute::Malformed> {
    let mut reader = jute::Reader::new(frame);
    let (xid, zxid, code) = (reader.i32()?, reader.i64()?, reader.i32()?);
    if xid != XID_EVENT {
        return Ok(Told::Reply { xid, code, zxid, body: reader.rest().to_vec() });
    }
    let (kind, _) = (reader.i32()?, reader.i32()?);
    Ok(Told::Event { zxid, kind, path: reader.string()?.ok_or(jute::Malformed)?.into_owned() })
}

/// How often whom it has heard is reported.
pub const REPORT_EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use mio::{Poll, Token};
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::tree::HashSeed;
    use paddock_net::doorbell::Doorbell;
    use paddock_net::exchange::{Exchange, Pause};

    use super::{REPORT_EVERY, Reactor};

    #[test]
    fn a_reactor_that_stood_still_says_so() {
        let poll = Poll::new().unwrap();
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(0)).unwrap());
        let exchange = Arc::new(Exchange::new(bell.clone(), bell));
        let reader = Database::new(HashSeed([7; 16]), Rules::default()).tree_mut().reader();
        let begin = Instant::now();
        let mut reactor = Reactor::new(exchange.clone(), reader, 0, begin);
        let mut pause_at = |time: Duration| {
            reactor.submit(true, begin + time);
            let submission = exchange.submissions.pop().expect("it reports");
            submission.heard.expect("it reports").pause.map(|Pause { from, to }| (from - begin, to - begin))
        };
        assert_eq!(pause_at(REPORT_EVERY), None);
        assert_eq!(pause_at(10 * REPORT_EVERY), Some((REPORT_EVERY, 10 * REPORT_EVERY)));
        assert_eq!(pause_at(11 * REPORT_EVERY), None);
    }
}
