//! One client: its session over all its connections, what it asks for, and all that it has seen.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use paddock_consensus::Zxid;
use paddock_engine::io::simulated::{Choice, Seeded};
use paddock_history::{Event, EventType, Operation, WatchEvent, What};
use paddock_tests::jute::{Reader, Writer};
use paddock_tests::noted;
use paddock_tests::records::{err, event};
use paddock_tests::reply::{Reply, ReplyHeader, read_reply};
use paddock_tests::request::Request;

use super::hearing::{Hearing, Taker, Tells};
use super::load::Load;
use super::mix::Mix;
use super::operator::{Ensemble, Operator};
use super::reactor::{Asked, Told};
use super::recipe::{Kind, Recipe};

/// The timeouts that clients ask for, ms.
const TIMEOUTS: [i32; 2] = [6_000, 12_000];

/// Where a client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It has no connection, and looks for a server.
    Away,
    /// It has asked to begin a session, or to come back with it.
    Greeting,
    /// It has a session and a connection.
    There,
}

pub struct Client {
    pub stage: Stage,
    /// The server that it is connected to, and the slot of its connection there.
    pub place: Option<(usize, u32)>,
    pub session: Option<i64>,
    timeout: i32,
    xid: i32,
    /// What it waits for, in the order in which it was asked.
    asked: VecDeque<Pending>,
    /// The newest transaction that it has learnt of.
    pub zxid: i64,
    load: Load,
    /// Its sessions are known to their server alone to begin with. They may be over with that server, however well heard, and
    /// their end may be in no log: the judge is told of neither.
    begins_local: bool,
    recipe: Recipe,
    /// In the place of its recipe, if it is there to change the ensemble. The judge, who knows nothing of that, is told nothing of
    /// it.
    pub operator: Option<Operator>,
    watched: Watched,
    /// It has watches that this connection was not told of.
    owes_watches: bool,
    /// It says nothing before then.
    silent_until: Duration,
    /// When it greeted, and who took that; nobody who knows what the newest leader knows, if there is none.
    greeted: Duration,
    greeted_by: Option<Taker>,
    /// Of its session, since it is known when that was heard.
    hearing: Option<Hearing>,
    events: Vec<Event>,
    pub done: Done,
}

/// A request that has no answer yet.
struct Pending {
    xid: i32,
    request: Request,
    from: Duration,
    /// The newest transaction that anybody had been told of when it was asked for.
    told: Zxid,
    /// A server took it that was the leader, and no other has led since.
    is_heard: bool,
}

/// The paths that it watches, by the lists of setWatches.
#[derive(Default)]
struct Watched {
    data: BTreeSet<String>,
    exist: BTreeSet<String>,
    child: BTreeSet<String>,
    persistent: BTreeSet<String>,
    recursive: BTreeSet<String>,
}

/// How often what has become of requests.
#[derive(Clone, Copy, Default, Debug)]
pub struct Done {
    pub writes: u64,
    pub reads: u64,
    pub errors: u64,
    pub syncs: u64,
    pub events: u64,
    pub unknown: u64,
    pub sessions: u64,
    pub expired: u64,
}

/// What an answer shows, for whoever knows what it must show.
pub struct Seen {
    pub zxid: Zxid,
    /// Of a write that has a transaction: its session and xid.
    pub written: Option<(i64, i32)>,
    /// Of a sync: what had been told to anybody when it was asked for.
    pub synced: Option<Zxid>,
    /// Who belongs to the ensemble.
    pub ensemble: Option<Ensemble>,
}

impl Watched {
    /// What a reply has set.
    fn set(&mut self, operation: &Operation, code: i32) {
        match operation {
            Operation::GetData { path, is_watched: true } if code == err::OK => drop(self.data.insert(path.clone())),
            Operation::Exists { path, is_watched: true } if code == err::OK => drop(self.data.insert(path.clone())),
            Operation::Exists { path, is_watched: true } if code == err::NO_NODE => {
                self.exist.insert(path.clone());
            }
            Operation::GetChildren { path, is_watched: true } if code == err::OK => {
                self.child.insert(path.clone());
            }
            Operation::AddWatch { path, is_recursive } if code == err::OK => {
                let paths = if *is_recursive { &mut self.recursive } else { &mut self.persistent };
                paths.insert(path.clone());
            }
            _ => {}
        }
    }

    /// What an event has used up.
    fn use_up(&mut self, event_type: EventType, path: &str) {
        if event_type != EventType::NodeChildrenChanged {
            self.data.remove(path);
            self.exist.remove(path);
        }
        if matches!(event_type, EventType::NodeChildrenChanged | EventType::NodeDeleted) {
            self.child.remove(path);
        }
    }

    fn is_empty(&self) -> bool {
        [&self.data, &self.exist, &self.child, &self.persistent, &self.recursive].into_iter().all(BTreeSet::is_empty)
    }

    fn request(&self, relative_zxid: i64) -> Request {
        let list = |paths: &BTreeSet<String>| paths.iter().cloned().collect();
        Request::SetWatches2 {
            relative_zxid,
            data: list(&self.data),
            exist: list(&self.exist),
            child: list(&self.child),
            persistent: list(&self.persistent),
            recursive: list(&self.recursive),
        }
    }
}

impl Client {
    pub fn new(mix: &Mix, number: usize, draws: &mut Seeded) -> Client {
        let kind = Kind::draw(draws, number == 0);
        Client {
            stage: Stage::Away,
            place: None,
            session: None,
            timeout: TIMEOUTS[draws.choose(TIMEOUTS.len())],
            xid: 0,
            asked: VecDeque::new(),
            zxid: 0,
            recipe: Recipe::new(kind, &mix.load, draws),
            operator: None,
            load: mix.load.clone(),
            begins_local: mix.begins_local,
            watched: Watched::default(),
            owes_watches: false,
            silent_until: Duration::ZERO,
            greeted: Duration::ZERO,
            greeted_by: None,
            hearing: None,
            events: Vec::new(),
            done: Done::default(),
        }
    }

    /// One that changes the ensemble.
    pub fn operator(mix: &Mix, operator: Operator, draws: &mut Seeded) -> Client {
        let load = Load { under_way_max: mix.load.under_way_max.max(2), ..mix.load.clone() };
        Client { operator: Some(operator), load, ..Client::new(mix, 1, draws) }
    }

    /// Whether it says two things at once.
    pub fn has_second(&self) -> bool {
        self.operator.as_ref().is_some_and(Operator::has_second)
    }

    /// Whether it says nothing now.
    pub fn is_silent(&self, now: Duration) -> bool {
        now < self.silent_until
    }

    /// What it says first on a new connection.
    pub fn greeting(&mut self, now: Duration) -> Asked {
        (self.stage, self.greeted) = (Stage::Greeting, now);
        let timeout = self.timeout;
        match self.session {
            None => Asked::Connect { timeout },
            Some(session) => Asked::Reattach { session, timeout },
        }
    }

    /// What it says next. `told`: the newest transaction that anybody was told of.
    pub fn next(&mut self, draws: &mut Seeded, number: usize, now: Duration, told: Zxid) -> Option<Asked> {
        let is_patient = self.asked.front().is_none_or(|first| now < first.from + self.patience());
        if self.stage == Stage::Greeting && now > self.greeted + self.patience() || !is_patient {
            self.leave(now);
            return Some(Asked::Leave);
        }
        if self.stage != Stage::There || self.is_silent(now) {
            return None;
        }
        if self.asked.len() >= self.load.under_way_max || self.waits_to_read() || draws.choose(8) == 0 {
            return Some(Asked::Ping);
        }
        match draws.choose(400) {
            _ if self.has_second() => {
                let request = self.request(draws, number, now);
                Some(self.ask(request, now, told))
            }
            0 => {
                self.silent_until = now + Duration::from_millis(draws.draw() % (3 * self.timeout as u64));
                None
            }
            1..=3 => {
                self.leave(now);
                Some(Asked::Leave)
            }
            4 => Some(self.ask(Request::close(), now, told)),
            // After a close it is told nothing more.
            _ if self.asked.back().is_some_and(|last| last.request == Request::close()) => Some(Asked::Ping),
            _ => {
                let request = self.request(draws, number, now);
                Some(self.ask(request, now, told))
            }
        }
    }

    /// Whether it reads what it has written. It asks for nothing more before it has the answer.
    fn waits_to_read(&self) -> bool {
        self.asked.back().is_some_and(|last| !last.request.is_write())
    }

    /// As real clients it gives up a server that is silent for two thirds of the timeout.
    fn patience(&self) -> Duration {
        Duration::from_millis(self.timeout as u64 * 2 / 3)
    }

    fn request(&mut self, draws: &mut Seeded, number: usize, now: Duration) -> Request {
        if let Some(operator) = &mut self.operator {
            return operator.next(draws, now);
        }
        if std::mem::take(&mut self.owes_watches) && !self.watched.is_empty() {
            return self.watched.request(self.zxid);
        }
        match draws.choose(40) {
            0..=2 => Request::sync("/"),
            3 => Request::get_ephemerals("/"),
            _ => {
                let padding = self.load.draw_padding(draws);
                self.recipe.next(draws, &format!("{number} {}{:padding$}", self.xid, ""))
            }
        }
    }

    fn ask(&mut self, request: Request, now: Duration, told: Zxid) -> Asked {
        self.xid += 1;
        let xid = self.xid;
        let mut out = Writer::default();
        request.write_body(&mut out);
        let (opcode, body) = (request.opcode(), out.bytes);
        let is_close = request == Request::close();
        self.asked.push_back(Pending { xid, request, from: now, told, is_heard: false });
        if is_close { Asked::Close { xid } } else { Asked::Request { xid, opcode, body } }
    }

    /// What it was told.
    pub fn hear(&mut self, told: &Told, now: Duration) -> Option<Seen> {
        match told {
            Told::Connected { session, timeout } => {
                let is_new = self.session.is_none();
                self.done.sessions += u64::from(is_new);
                (self.stage, self.session, self.owes_watches) = (Stage::There, Some(*session), !is_new);
                self.begin_hearing(Duration::from_millis(timeout.unsigned_abs().into()));
                self.note(self.greeted, now, What::Connected { is_new, timeout_ms: timeout.unsigned_abs() });
                None
            }
            Told::Refused => {
                self.done.expired += 1;
                // A leader that others have left, and does not know it yet, has ended sessions that they have heard.
                if self.greeted_by.is_some() {
                    self.note(self.greeted, now, What::Refused);
                }
                self.end_session(now);
                None
            }
            Told::Reply { xid, code, zxid, body } => self.hear_reply((*xid, *code, *zxid), body, now),
            Told::Event { zxid, kind, path } => {
                self.hear_event(*zxid, *kind, path, now);
                None
            }
            Told::Closed { xid, zxid } => {
                let seen = self.hear_reply((*xid, err::OK, *zxid), &[], now);
                self.end_session(now);
                seen
            }
            Told::Ended => {
                self.leave(now);
                None
            }
        }
    }

    fn hear_reply(&mut self, (xid, code, zxid): (i32, i32, i64), body: &[u8], now: Duration) -> Option<Seen> {
        let pending = self.asked.pop_front().expect("it has asked for something");
        assert_eq!(pending.xid, xid, "answers come in the order in which was asked");
        assert!(zxid >= self.zxid, "a session never goes back: {zxid:x} after {:x}", self.zxid);
        self.zxid = zxid;
        let header = ReplyHeader { xid, zxid, err: code };
        let reply = read_reply(header, pending.request.opcode(), Reader::new(body))
            .unwrap_or_else(|error| panic!("{:?} is answered by {body:?}: {error:?}", pending.request));
        self.count(&pending.request, &reply);
        if let Some(operator) = &mut self.operator {
            let ensemble = operator.hear(&pending.request, &reply)?;
            let written = self.session.filter(|_| ensemble.change.is_some()).map(|session| (session, xid));
            return Some(Seen { zxid: Zxid(zxid), written, synced: None, ensemble: Some(ensemble) });
        }
        self.recipe.hear(&pending.request, &reply);
        let operation = noted::operation(&pending.request)?;
        self.watched.set(&operation, code);
        let is_close = operation == Operation::Close;
        let synced = matches!(operation, Operation::Sync { .. }).then_some(pending.told);
        let reply = paddock_history::Reply { zxid, code, body: noted::body(&reply.body) };
        let reply = Some(reply).filter(|_| !(is_close && self.begins_local));
        let called = What::Called { cxid: xid, operation, reply };
        self.note(pending.from, now, called);
        let event = self.events.last().expect("it was noted");
        let is_heard = pending.is_heard && code == err::OK && event.is_write() && !is_close;
        let written = event.written_zxid().filter(|_| !is_close).map(|_| (event.session, xid));
        let seen = event.told_zxid().map(|zxid| Seen { zxid: Zxid(zxid), written, synced, ensemble: None });
        if let Some(hearing) = self.hearing.as_mut().filter(|_| is_heard) {
            hearing.take_done(pending.from);
        }
        seen
    }

    fn count(&mut self, request: &Request, reply: &Reply) {
        let done = &mut self.done;
        match reply.err {
            err::OK if *request == Request::sync("/") => done.syncs += 1,
            err::OK if request.is_write() => done.writes += 1,
            err::OK => done.reads += 1,
            _ => done.errors += 1,
        }
    }

    fn hear_event(&mut self, zxid: i64, kind: i32, path: &str, now: Duration) {
        self.done.events += 1;
        let event_type = match kind {
            event::CREATED => EventType::NodeCreated,
            event::DELETED => EventType::NodeDeleted,
            event::DATA_CHANGED => EventType::NodeDataChanged,
            event::CHILDREN_CHANGED => EventType::NodeChildrenChanged,
            other => panic!("a watch event of type {other}"),
        };
        self.watched.use_up(event_type, path);
        self.note(now, now, What::WatchEvent(WatchEvent { zxid, event_type, path: path.to_owned() }));
    }

    /// Its session lives for its timeout from when it greeted.
    fn begin_hearing(&mut self, timeout: Duration) {
        match (self.greeted_by, &mut self.hearing) {
            (Some(_), Some(hearing)) => hearing.begin_again(timeout, self.greeted),
            (Some(_), None) => self.hearing = Some(Hearing::begin(timeout, self.greeted)),
            (None, _) => {}
        }
    }

    /// What it has just said was taken, by somebody who knows what the newest leader knows, if there is a `taker`. If that is a
    /// write, was taken by the leader itself and comes to be, the session was not over by then.
    pub fn note_taken(&mut self, now: Duration, taker: Option<Taker>) {
        if self.stage == Stage::Greeting {
            self.greeted_by = taker;
        }
        let Some(taker) = taker.filter(|_| self.stage == Stage::There) else { return };
        if let Some(hearing) = &mut self.hearing {
            hearing.take(now, taker);
        }
        if let Some(last) = self.asked.back_mut().filter(|last| last.from == now) {
            last.is_heard = taker.tells == Tells::AtOnce;
        }
    }

    /// Some time has gone by, as [`Hearing::settle`] says. The judge is told of what was heard.
    pub fn settle(&mut self, last_report: impl Fn(Taker) -> Option<Duration>) {
        if let Some(hearing) = &mut self.hearing {
            hearing.settle(last_report);
        }
        self.note_heard(self.stage == Stage::Away);
    }

    fn note_heard(&mut self, at_once: bool) {
        if let Some(heard) = self.hearing.as_mut().and_then(|hearing| hearing.note(at_once))
            && !self.begins_local
        {
            self.note(heard, heard, What::Heard);
        }
    }

    /// Its connection is gone; what it has asked for may have happened or not. Who wanted to close the session does not come
    /// back with it.
    pub fn leave(&mut self, now: Duration) {
        let wants_to_close = self.asked.iter().any(|pending| pending.request == Request::close());
        for Pending { xid, request, from, .. } in std::mem::take(&mut self.asked) {
            self.done.unknown += 1;
            if let Some(operation) = noted::operation(&request) {
                self.note(from, now, What::Called { cxid: xid, operation, reply: None });
            }
        }
        self.note_heard(true);
        if self.stage == Stage::There {
            self.note(now, now, What::Disconnected);
        }
        (self.stage, self.place) = (Stage::Away, None);
        if wants_to_close {
            self.forget_session();
        }
    }

    fn end_session(&mut self, now: Duration) {
        self.leave(now);
        self.forget_session();
    }

    fn forget_session(&mut self) {
        (self.session, self.watched, self.hearing) = (None, Watched::default(), None);
        self.recipe.forget();
    }

    fn note(&mut self, from: Duration, to: Duration, what: What) {
        let Some(session) = self.session.filter(|_| self.operator.is_none()) else { return };
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).expect("no world lasts for centuries");
        let server = self.place.map_or(0, |(server, _)| server as u32 + 1);
        self.events.push(Event { from: nanoseconds(from), to: nanoseconds(to), session, server, what });
    }

    /// All that it has seen; the world has ended.
    pub fn take_events(&mut self, now: Duration) -> Vec<Event> {
        self.leave(now);
        std::mem::take(&mut self.events)
    }
}
