//! Hosts, their streams, and what is under way between them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use paddock_consensus::config::HostPort;
use paddock_engine::io::simulated::Choice;

use super::pipe::{Ending, Item, Pipe};
use super::route::{Dials, Route};
use crate::node::peers::links::{Port, Read, StreamEvent, StreamId, Written};

/// Bytes of one direction of a stream that are under way or not read; a write takes no more.
const PIPE_BYTES: usize = 256 << 10;

/// At which port every host serves observers while it follows.
pub const OBSERVER_MASTER_PORT: u16 = 2191;

/// A machine of the network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostId(pub usize);

/// The numbers of a host's ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ports {
    pub election: u16,
    pub quorum: u16,
}

/// A handle on the network. Cheap to clone.
#[derive(Clone)]
pub struct Network {
    state: Arc<Mutex<State>>,
}

/// All of the network.
pub(super) struct State {
    choice: Box<dyn Choice + Send>,
    now: Duration,
    hosts: Vec<Host>,
    /// Those that are not like the rest.
    routes: BTreeMap<(HostId, HostId), Route>,
    other_routes: Route,
    ends: BTreeMap<StreamId, End>,
    last_stream: u64,
    /// When the next item of what a stream sends arrives, in the order in which that happens.
    due: BTreeMap<(Duration, u64), StreamId>,
    last_due: u64,
}

struct Host {
    name: Box<str>,
    ports: Ports,
    /// Whether its ports are open.
    election_is_open: bool,
    quorum_is_open: bool,
    observer_master_is_open: bool,
    /// Processes that have run on it.
    lives: u64,
    events: VecDeque<StreamEvent>,
}

/// What one side has of a stream.
struct End {
    host: HostId,
    /// The other side.
    other: StreamId,
    stage: Stage,
    /// What goes to the other side.
    pipe: Pipe,
    /// Whether it was told that not all bytes were taken.
    awaits_room: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Has asked to be connected.
    Attempt,
    /// Is asked for on this port; the attempt is under way.
    Asked(Port),
    Open,
    Closed,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Network").field("now", &state.now).field("streams", &state.ends.len()).finish()
    }
}

impl Network {
    pub fn new(choice: Box<dyn Choice + Send>) -> Network {
        let state = State {
            choice,
            now: Duration::ZERO,
            hosts: Vec::new(),
            routes: BTreeMap::new(),
            other_routes: Route::default(),
            ends: BTreeMap::new(),
            last_stream: 0,
            due: BTreeMap::new(),
            last_due: 0,
        };
        Network { state: Arc::new(Mutex::new(state)) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // After a panic the simulation is over, and only looks at what there is.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a host, on which no process runs.
    pub fn add(&self, name: &str, ports: Ports) -> HostId {
        let mut state = self.state();
        state.hosts.push(Host {
            name: name.into(),
            ports,
            election_is_open: false,
            quorum_is_open: false,
            observer_master_is_open: false,
            lives: 0,
            events: VecDeque::new(),
        });
        HostId(state.hosts.len() - 1)
    }

    /// The process of a host ends: others see the ends of its streams, behind as much of what it wrote as may be. Handles of
    /// that process do nothing any more.
    pub fn end_process(&self, host: HostId) {
        self.state().end_process(host);
    }

    /// Breaks all streams between two hosts.
    pub fn reset(&self, one: HostId, other: HostId) {
        let mut state = self.state();
        let between = |state: &State, end: &End| {
            let far = state.ends.get(&end.other).map(|end| end.host);
            end.host == one && far == Some(other)
        };
        let broken: Vec<StreamId> =
            state.ends.iter().filter(|(_, end)| between(&state, end)).map(|(stream, _)| *stream).collect();
        broken.into_iter().for_each(|stream| state.reset(stream));
    }

    /// Changes what the way from one host to another is like.
    pub fn set_route(&self, from: HostId, to: HostId, change: impl FnOnce(&mut Route)) {
        let mut state = self.state();
        let mut route = state.route(from, to).clone();
        change(&mut route);
        let is_healed = !route.is_cut;
        state.routes.insert((from, to), route);
        if is_healed {
            state.release(from, to);
        }
    }

    /// Changes what all ways are like that were not changed on their own.
    pub fn set_other_routes(&self, change: impl FnOnce(&mut Route)) {
        change(&mut self.state().other_routes);
    }

    /// When something arrives next.
    pub fn next(&self) -> Option<Duration> {
        self.state().due.first_key_value().map(|((due, _), _)| *due)
    }

    /// Moves the clock; whatever is due by then arrives, in its order.
    pub fn advance(&self, now: Duration) {
        let mut state = self.state();
        while let Some(first) = state.due.first_entry()
            && first.key().0 <= now
        {
            let ((due, _), stream) = first.remove_entry();
            state.now = due;
            state.deliver(stream);
        }
        state.now = state.now.max(now);
    }

    pub fn now(&self) -> Duration {
        self.state().now
    }

    /// Whether a host's process has not been told of everything yet.
    pub fn has_event(&self, host: HostId) -> bool {
        self.state().has_event(host)
    }
}

impl State {
    #[cfg(test)]
    pub fn has_no_stream(&self) -> bool {
        self.ends.is_empty()
    }

    /// The number of a new process on a host.
    pub fn begin_process(&mut self, host: HostId) -> u64 {
        self.end_process(host);
        self.hosts[host.0].lives
    }

    /// Whether this is the process that runs on the host.
    pub fn is_alive(&self, host: HostId, life: u64) -> bool {
        self.hosts[host.0].lives == life
    }

    pub fn end_process(&mut self, host: HostId) {
        let its_own: Vec<StreamId> =
            self.ends.iter().filter(|(_, end)| end.host == host).map(|(stream, _)| *stream).collect();
        for stream in its_own {
            self.lose(stream);
            let ending = self.ending_of(stream);
            self.end(stream, ending);
        }
        let host = &mut self.hosts[host.0];
        host.lives += 1;
        host.events.clear();
        (host.election_is_open, host.quorum_is_open, host.observer_master_is_open) = (false, false, false);
    }

    pub fn listen(&mut self, host: HostId, port: Port, is_open: bool) {
        let host = &mut self.hosts[host.0];
        match port {
            Port::Election => host.election_is_open = is_open,
            Port::Quorum => host.quorum_is_open = is_open,
            Port::ObserverMaster => host.observer_master_is_open = is_open,
        }
    }

    pub fn connect(&mut self, from: HostId, addresses: &[HostPort], told: &[HostPort]) -> StreamId {
        let (stream, other) = (self.next_stream(), self.next_stream());
        let end = |host, other, stage| End { host, other, stage, pipe: Pipe::default(), awaits_room: false };
        self.ends.insert(stream, end(from, other, Stage::Attempt));
        match addresses.iter().chain(told).find_map(|address| self.find(address)) {
            Some((to, port)) => {
                self.ends.insert(other, end(to, stream, Stage::Asked(port)));
                self.send(stream, Item::Hello);
            }
            None => {
                self.ends.remove(&stream);
                self.tell(from, StreamEvent::Refused(stream));
            }
        }
        stream
    }

    pub fn read(&mut self, stream: StreamId, bytes: &mut [u8]) -> Read {
        assert!(!bytes.is_empty(), "nothing is asked for");
        let end = self.ends.get(&stream).filter(|end| end.stage == Stage::Open).expect("only an open stream is read");
        let other = end.other;
        // The other side may be gone for good, and with it what had not arrived.
        let Some(writer) = self.ends.get_mut(&other) else { return Read::Ended };
        let count = writer.pipe.read(bytes);
        if count == 0 {
            return match writer.pipe.ending() {
                None => Read::Nothing,
                Some(Ending::Closed) => Read::Ended,
                Some(Ending::Broken) => Read::Broken,
            };
        }
        if std::mem::take(&mut writer.awaits_room) && writer.stage == Stage::Open {
            let host = writer.host;
            self.tell(host, StreamEvent::Writable(other));
        }
        Read::Bytes(count)
    }

    pub fn write(&mut self, stream: StreamId, bytes: &[u8]) -> Written {
        assert!(!bytes.is_empty(), "nothing is written");
        let end =
            self.ends.get(&stream).filter(|end| end.stage == Stage::Open).expect("only an open stream is written to");
        if self.ends.get(&end.other).is_none_or(|other| other.pipe.ending().is_some()) {
            return Written::Ended;
        }
        let taken = bytes.len().min(PIPE_BYTES.saturating_sub(end.pipe.bytes()));
        let mut left = &bytes[..taken];
        while !left.is_empty() {
            let route = self.route_of(stream).expect("both sides are there").clone();
            let (piece, rest) = left.split_at(route.draw_piece(&mut *self.choice, left.len()));
            self.send(stream, Item::Bytes(piece.to_vec()));
            left = rest;
        }
        self.ends.get_mut(&stream).expect("it was there").awaits_room = taken < bytes.len();
        Written::Bytes(taken)
    }

    pub fn close(&mut self, stream: StreamId) {
        self.end(stream, Ending::Closed);
    }

    fn end(&mut self, stream: StreamId, ending: Ending) {
        let Some(end) = self.ends.get_mut(&stream) else { return };
        if end.stage == Stage::Closed {
            return;
        }
        end.stage = Stage::Closed;
        let (host, other) = (end.host, end.other);
        self.hosts[host.0].events.retain(|event| event.stream() != stream);
        self.send(stream, Item::End(ending));
        if self.ends.get(&other).is_none_or(|other| other.stage == Stage::Closed) {
            self.ends.remove(&stream);
            self.ends.remove(&other);
        }
    }

    /// How the other side sees a stream end whose process does: it breaks if not all was read, or if nobody has even taken it.
    fn ending_of(&self, stream: StreamId) -> Ending {
        let Some(end) = self.ends.get(&stream) else { return Ending::Closed };
        let is_unread = self.ends.get(&end.other).is_some_and(|writer| writer.pipe.has_unread());
        let is_taken =
            |event: &StreamEvent| !matches!(event, StreamEvent::Accepted { stream: other, .. } if *other == stream);
        let was_taken = self.hosts[end.host.0].events.iter().all(is_taken);
        if is_unread || !was_taken { Ending::Broken } else { Ending::Closed }
    }

    pub fn has_event(&self, host: HostId) -> bool {
        !self.hosts[host.0].events.is_empty()
    }

    pub fn poll(&mut self, host: HostId) -> Option<StreamEvent> {
        self.hosts[host.0].events.pop_front()
    }

    fn reset(&mut self, stream: StreamId) {
        let Some(end) = self.ends.get(&stream) else { return };
        let other = end.other;
        for one in [stream, other] {
            self.lose(one);
            // Both sides see an end that neither has asked for.
            if self.ends.contains_key(&one) {
                self.send(one, Item::End(Ending::Broken));
            }
        }
    }

    /// A suffix of what the stream has sent is lost.
    fn lose(&mut self, stream: StreamId) {
        if let Some(end) = self.ends.get_mut(&stream)
            && end.stage == Stage::Open
        {
            end.pipe.lose(&mut *self.choice);
        }
    }

    fn next_stream(&mut self) -> StreamId {
        self.last_stream += 1;
        StreamId(self.last_stream)
    }

    fn find(&self, address: &HostPort) -> Option<(HostId, Port)> {
        let place = self.hosts.iter().position(|host| host.name == address.host)?;
        let Ports { election, quorum } = self.hosts[place].ports;
        match address.port {
            port if port == election => Some((HostId(place), Port::Election)),
            port if port == quorum => Some((HostId(place), Port::Quorum)),
            OBSERVER_MASTER_PORT => Some((HostId(place), Port::ObserverMaster)),
            _ => None,
        }
    }

    fn route(&self, from: HostId, to: HostId) -> &Route {
        self.routes.get(&(from, to)).unwrap_or(&self.other_routes)
    }

    /// The way of what the stream sends; `None` if the other side is gone.
    fn route_of(&self, stream: StreamId) -> Option<&Route> {
        let end = self.ends.get(&stream)?;
        Some(self.route(end.host, self.ends.get(&end.other)?.host))
    }

    fn tell(&mut self, host: HostId, event: StreamEvent) {
        let events = &mut self.hosts[host.0].events;
        if !events.contains(&event) {
            events.push_back(event);
        }
    }

    fn send(&mut self, stream: StreamId, item: Item) {
        let Some(route) = self.route_of(stream).cloned() else { return };
        let arrival = self.now + route.draw_latency(&mut *self.choice);
        let end = self.ends.get_mut(&stream).expect("it has a route");
        let arrival = end.pipe.send(item, arrival);
        self.note_due(arrival, stream);
    }

    fn note_due(&mut self, due: Duration, stream: StreamId) {
        self.last_due += 1;
        self.due.insert((due, self.last_due), stream);
    }

    /// What was held between two hosts goes on.
    fn release(&mut self, from: HostId, to: HostId) {
        let ends = &self.ends;
        let is_there = |end: &End| end.host == from && ends.get(&end.other).is_some_and(|other| other.host == to);
        let streams: Vec<StreamId> = ends.iter().filter(|(_, end)| is_there(end)).map(|(stream, _)| *stream).collect();
        let route = self.route(from, to).clone();
        for stream in streams {
            let held = self.ends.get_mut(&stream).expect("it was found").pipe.release();
            for _ in 0..held {
                let due = self.now + route.draw_latency(&mut *self.choice);
                self.note_due(due, stream);
            }
        }
    }

    /// The next item of what the stream sends arrives.
    fn deliver(&mut self, stream: StreamId) {
        let Some(route) = self.route_of(stream) else { return };
        let (is_cut, dials) = (route.is_cut, route.dials);
        let end = self.ends.get_mut(&stream).expect("it has a route");
        let other = end.other;
        if is_cut {
            return end.pipe.hold();
        }
        let Some(item) = end.pipe.arrive() else { return };
        match item {
            Item::Hello => self.connect_at(other, stream, dials),
            Item::Refusal => {
                self.tell_if(other, Stage::Attempt, StreamEvent::Refused);
                self.ends.remove(&other);
                self.ends.remove(&stream);
            }
            item => {
                end.pipe.keep(item);
                self.tell_if(other, Stage::Open, StreamEvent::Readable);
            }
        }
    }

    /// An attempt has come to the side that it asks for, or has come back.
    fn connect_at(&mut self, at: StreamId, from: StreamId, dials: Dials) {
        let end = &self.ends[&at];
        let (host, stage) = (end.host, end.stage);
        match (stage, dials) {
            (Stage::Asked(_), Dials::Hang) => {
                self.ends.remove(&at);
            }
            (Stage::Asked(port), Dials::Work) if self.is_open(host, port) => {
                self.ends.get_mut(&at).expect("it was there").stage = Stage::Open;
                let from = self.ends.get(&from).map_or("?".into(), |from| self.hosts[from.host.0].name.clone());
                self.tell(host, StreamEvent::Accepted { port, stream: at, from });
                self.send(at, Item::Hello);
            }
            (Stage::Asked(_), _) => self.send(at, Item::Refusal),
            (Stage::Attempt, _) => {
                self.ends.get_mut(&at).expect("it was there").stage = Stage::Open;
                self.tell(host, StreamEvent::Connected(at));
            }
            // The process that was asked has ended.
            (Stage::Closed, _) if self.ends.get(&from).is_some_and(|from| from.stage == Stage::Attempt) => {
                self.send(at, Item::Refusal);
            }
            (Stage::Open | Stage::Closed, _) => {}
        }
    }

    fn is_open(&self, host: HostId, port: Port) -> bool {
        let host = &self.hosts[host.0];
        match port {
            Port::Election => host.election_is_open,
            Port::Quorum => host.quorum_is_open,
            Port::ObserverMaster => host.observer_master_is_open,
        }
    }

    fn tell_if(&mut self, stream: StreamId, stage: Stage, event: impl FnOnce(StreamId) -> StreamEvent) {
        if let Some(end) = self.ends.get(&stream).filter(|end| end.stage == stage) {
            self.tell(end.host, event(stream));
        }
    }
}
