//! Links over TCP.
//!
//! ```text
//! poll ── events ──► Readiness ──► SocketLinks::begin_turn ──► StreamEvent
//! name lookups (threads) ── bell ─────┘
//! ```
//! The thread of the replica may share its poll with connections of clients, so the events come from outside: whoever polls
//! gives them to [`Readiness`]. Sockets are registered once, for both directions and edge-triggered, so that a stream costs no
//! system call but its reads and writes.
//!
//! An attempt dials its addresses one soon after the other and takes the first that answers; an address is dialled as soon as
//! it is known. Whoever gives the attempt up decides how long it lasts.
//!
//! | bound | of | full |
//! |---|---|---|
//! | `ADDRESSES_MAX` | addresses that one attempt dials | the others are left out |
//! | `LOOKUPS_MAX` | names of the configuration that are looked up at a time, each in a thread | the next one fails |
//! | `TOLD_LOOKUPS_MAX` | the same of names that somebody has told who has connected | the next one fails |
//! | `ACCEPTS_PER_TURN` | connections that are accepted at one address in a turn | next turn |
//! | `DRAINED_MAX` | what is read of a stream that ends here | the other side may see a broken stream |
//! | `UNKNOWN_LINKS` | accepted streams of a port whose sides make sure of each other | the oldest is closed |
//! | `SECURED_PER_TURN`, `SECURED_TIME_PER_TURN` | streams that get on with that in a turn, and the time for it | next turn |
//! | `STEPS_MAX` | steps of Kerberos of either side that wait | the stream is closed |
//! | `LEAVING_MAX` | closed streams of which TLS has something to write | what waits is lost |
//!
//! Where servers make sure of each other, by TLS, SASL or both, a stream is told of only when they have: what is above this
//! seam has no part in it, but for the initial message that stands between the two at the election port.
//!
//! How many streams there are is bounded by whoever has them: a stranger too many is closed.

mod certificates;
mod channel;
mod dialling;
mod exchange;
mod failure;
mod listener;
mod listening;
mod lookups;
mod refusals;
mod securing;
mod security;
mod steps;
mod watched;

pub use self::listener::MyId;
pub use self::security::{Security, SecurityError};

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Registry, Token};
use paddock_consensus::config::HostPort;
use paddock_consensus::settings::Ms;
use paddock_net::doorbell::Doorbell;
use socket2::SockRef;

use self::channel::Channel;
use self::dialling::Dialling;
use self::failure::Failure;
use self::listening::{ACCEPTS_PER_TURN, Listening};
use self::lookups::{Found, LOOKUPS_MAX, Lookups, Origin, Resolver, TOLD_LOOKUPS_MAX, Waiter, resolve};
use self::refusals::{Party, Refusals};
use self::securing::{Other, Progress, Secured, Securing};
use self::steps::{Steps, Taken};
use self::watched::{FIRST_TOKEN, Use, Watched};
use super::dial::STREAMS_MAX;
use super::links::{CannotListen, Introduced, Links, Port, Read, StreamEvent, StreamId, Written};
use super::strangers::UNKNOWN_LINKS;

/// Streams that get on with making sure of each other in a turn. A signature takes a millisecond.
const SECURED_PER_TURN: usize = 4;
/// After this no other one does in the same turn, so that the others' transactions do not wait for strangers.
const SECURED_TIME_PER_TURN: Duration = Duration::from_millis(2);
/// Closed streams that are kept for what TLS has to write, and how long.
const LEAVING_MAX: usize = 64;
const LEAVING: Ms = Ms(1000);
/// A server that has ended a connection to its election port without a word is not dialled again before.
const SHUT_OUT: Ms = Ms(200);

/// A socket about which the poll has told something.
#[derive(Clone, Copy, Debug)]
struct Ready {
    token: Token,
    reads: bool,
    writes: bool,
}

/// What the poll has told of sockets to other servers, until the next turn takes it.
#[derive(Clone, Default, Debug)]
pub struct Readiness {
    told: Arc<Mutex<Vec<Ready>>>,
}

impl Readiness {
    /// Takes in those of the events that are of sockets to other servers.
    pub fn take_in(&self, events: &Events) {
        let ours = events.iter().filter(|event| event.token().0 >= FIRST_TOKEN);
        let ready = ours.map(|event| {
            let has_ended = event.is_error() || event.is_read_closed();
            Ready { token: event.token(), reads: event.is_readable() || has_ended, writes: event.is_writable() }
        });
        self.told.lock().expect("nobody panics with this lock").extend(ready);
    }

    /// All that was told since the last call. `into` is empty.
    fn take(&self, into: &mut Vec<Ready>) {
        std::mem::swap(&mut *self.told.lock().expect("nobody panics with this lock"), into);
    }

    fn is_empty(&self) -> bool {
        self.told.lock().expect("nobody panics with this lock").is_empty()
    }
}

/// File descriptors that the links of an ensemble of so many servers take at most, but for several addresses of a server:
/// strangers at all three ports, also while they are secured, a connection and a link with each server and what takes their place, what dials each, a listener
/// for each port, and two for each look-up.
pub fn descriptors(servers: usize) -> u64 {
    let strangers = 3 * (2 * UNKNOWN_LINKS + ACCEPTS_PER_TURN) + LEAVING_MAX;
    (strangers + servers * (4 + STREAMS_MAX) + 3 + 2 * (LOOKUPS_MAX + TOLD_LOOKUPS_MAX)) as u64
}

/// What an operator sets of it.
#[derive(Clone, Debug)]
pub struct SocketSettings {
    pub my_id: MyId,
    /// Where this server is reached at its election port.
    pub election: Vec<HostPort>,
    /// The same of its quorum port.
    pub quorum: Vec<HostPort>,
    /// The same of the port at which it serves observers while it follows; none where it does not.
    pub observer_master: Vec<HostPort>,
    /// Whether it listens at every address of the machine, with the ports of these: quorumListenOnAllIPs.
    pub listens_on_all: bool,
    /// How often it is tried to open the election port before the server is to end; 0 for ever: electionPortBindRetry.
    pub election_tries: u32,
    /// Whether the kernel asks a silent other side now and then whether it is there: tcpKeepAlive.
    pub keep_alive: bool,
    /// A connection breaks when nothing of what was sent is taken by the other side for so long: its machine may be gone, or the
    /// network between, and what was sent into such a network goes out again long after it has healed.
    pub untaken_max: UntakenMax,
    /// How servers make sure of each other.
    pub security: Security,
    /// How long that may take of who has connected, or is dialled, at the election port and at the others.
    pub securing_max: SecuringMax,
}

/// How long servers may take to make sure of each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecuringMax {
    pub election: Ms,
    pub quorum: Ms,
}

/// How long what was sent may not be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UntakenMax {
    pub election: Duration,
    /// A learner may take nothing for initLimit, as long as it takes in a state.
    pub quorum: Duration,
}

impl SocketSettings {
    fn listening(&self, port: Port) -> Listening {
        let (addresses, tries_max) = match port {
            Port::Election => (&self.election, self.election_tries),
            // A leader that cannot be connected to looks for another leader before long, and is none then.
            Port::Quorum => (&self.quorum, 0),
            // Observers find another follower.
            Port::ObserverMaster => (&self.observer_master, 0),
        };
        Listening::new(port, listened(addresses, self.listens_on_all), &Arc::new(self.my_id.clone()), tries_max)
    }
}

/// Where a port is opened that others reach at these addresses.
fn listened(addresses: &[HostPort], on_all: bool) -> Vec<HostPort> {
    let mut listened = Vec::new();
    for address in addresses {
        let host = if on_all { ALL_ADDRESSES.to_string().into() } else { address.host.clone() };
        let address = HostPort { host, port: address.port };
        if !listened.contains(&address) {
            listened.push(address);
        }
    }
    listened
}

/// Every address of the machine.
const ALL_ADDRESSES: Ipv6Addr = Ipv6Addr::UNSPECIFIED;

#[derive(Debug)]
struct Socket {
    channel: Channel,
    token: Token,
    /// It has not taken all, and an event is to tell when it takes more.
    is_blocked: bool,
    /// What was read while it was secured, and how much of it was given out.
    read: Vec<u8>,
    given: usize,
    /// Of one that this server has begun: who it is with, and the host in that server's line of the configuration.
    dialled: Option<(Party, Option<Box<str>>)>,
    /// Whether anything has come, or nothing more goes and so nothing need come.
    is_heard: bool,
}

/// A closed stream of which TLS has something to write.
#[derive(Debug)]
struct Leaving {
    channel: Channel,
    token: Token,
    until: Ms,
}

pub struct SocketLinks {
    watched: Watched,
    readiness: Readiness,
    /// What of it is looked at.
    ready: Vec<Ready>,
    streams: HashMap<StreamId, Socket>,
    dialled: BTreeMap<StreamId, Dialling>,
    securing: BTreeMap<StreamId, Securing>,
    /// The last stream that got on with that.
    secured_last: StreamId,
    steps: Steps,
    security: Security,
    securing_max: SecuringMax,
    refusals: Refusals,
    leaving: BTreeMap<StreamId, Leaving>,
    /// Addresses that are not dialled before.
    shut_out: BTreeMap<SocketAddr, Ms>,
    last_stream: u64,
    election: Listening,
    quorum: Listening,
    observer_master: Listening,
    listens_on_all: bool,
    lookups: Lookups,
    keep_alive: bool,
    untaken_max: UntakenMax,
    /// What is to be told.
    events: VecDeque<StreamEvent>,
    /// The moment of the turn.
    now: Ms,
}

impl SocketLinks {
    /// `readiness` is to be given what the poll of `registry` tells, and `bell` wakes the thread that polls.
    pub fn new(
        registry: Registry,
        readiness: Readiness,
        bell: Arc<Doorbell>,
        settings: &SocketSettings,
    ) -> SocketLinks {
        SocketLinks::with_resolver(registry, readiness, bell, settings, Arc::new(resolve))
    }

    fn with_resolver(
        registry: Registry,
        readiness: Readiness,
        bell: Arc<Doorbell>,
        settings: &SocketSettings,
        resolver: Resolver,
    ) -> SocketLinks {
        SocketLinks {
            watched: Watched::new(registry),
            readiness,
            ready: Vec::new(),
            streams: HashMap::new(),
            dialled: BTreeMap::new(),
            securing: BTreeMap::new(),
            secured_last: StreamId(0),
            steps: Steps::new(bell.clone()),
            security: settings.security.clone(),
            securing_max: settings.securing_max,
            refusals: Refusals::default(),
            leaving: BTreeMap::new(),
            shut_out: BTreeMap::new(),
            last_stream: 0,
            election: settings.listening(Port::Election),
            quorum: settings.listening(Port::Quorum),
            observer_master: settings.listening(Port::ObserverMaster),
            listens_on_all: settings.listens_on_all,
            lookups: Lookups::new(bell, resolver),
            keep_alive: settings.keep_alive,
            untaken_max: settings.untaken_max,
            events: VecDeque::new(),
            now: Ms(0),
        }
    }

    fn next_stream(&mut self) -> StreamId {
        self.last_stream += 1;
        StreamId(self.last_stream)
    }

    /// Takes up what the poll has told.
    fn take_ready(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        self.readiness.take(&mut ready);
        for one in ready.drain(..) {
            match self.watched.used_for(one.token) {
                Some(Use::Listen(port)) => self.port(port).note_readable(),
                Some(Use::Stream(stream)) if self.dialled.contains_key(&stream) => self.look_at_dialled(stream, one),
                Some(Use::Stream(stream)) => match self.securing.get_mut(&stream) {
                    Some(securing) => securing.is_due = true,
                    None => self.look_at_open(stream, one),
                },
                None => {}
            }
        }
        self.ready = ready;
    }

    fn look_at_open(&mut self, stream: StreamId, ready: Ready) {
        let Some(socket) = self.streams.get_mut(&stream) else { return self.look_at_leaving(stream) };
        // What is wrong with it is found by whoever reads.
        let is_flushed = !ready.writes || socket.channel.flush().unwrap_or(true);
        if ready.reads {
            self.events.push_back(StreamEvent::Readable(stream));
        }
        if ready.writes && is_flushed && std::mem::take(&mut socket.is_blocked) {
            self.events.push_back(StreamEvent::Writable(stream));
        }
    }

    /// A closed stream may take what TLS has to write.
    fn look_at_leaving(&mut self, stream: StreamId) {
        let is_over = |leaving: &mut Leaving| leaving.channel.flush().unwrap_or(true);
        if self.leaving.get_mut(&stream).is_some_and(is_over) {
            self.leave(stream);
        }
    }

    fn leave(&mut self, stream: StreamId) {
        if let Some(Leaving { channel, token, .. }) = self.leaving.remove(&stream) {
            self.watched.forget(token);
            channel.end();
        }
    }

    /// Ends what has been leaving for too long.
    fn leave_late(&mut self) {
        let late = self.leaving.iter().filter(|(_, leaving)| leaving.until <= self.now);
        let late: Vec<StreamId> = late.map(|(stream, _)| *stream).collect();
        late.into_iter().for_each(|stream| self.leave(stream));
    }

    /// Those who wait for names have them; without addresses a name could not be found.
    fn take_found(&mut self, Found { host, addresses, waiters }: &Found) {
        for waiter in waiters {
            match *waiter {
                Waiter::Dial { stream, port, origin } => {
                    let Some(dialling) = self.dialled.get_mut(&stream) else { continue };
                    dialling.take_lookup();
                    // Every address of a machine is none of it for others; a name may stand for it there.
                    let is_somewhere = |address: &&SocketAddr| {
                        origin == Origin::Known || !address.ip().to_canonical().is_unspecified()
                    };
                    for address in addresses.iter().filter(is_somewhere) {
                        let mut address = *address;
                        address.set_port(port);
                        dialling.add(address, host, not_before(&self.shut_out, address));
                    }
                }
                Waiter::Listen { port, place } => self.found_listener(port, place, addresses),
            }
        }
    }

    fn found_listener(&mut self, port: Port, place: usize, addresses: &[SocketAddr]) {
        let (listening, now, watched) = self.listening(port);
        listening.take_found(place, addresses, now, watched);
    }

    fn tune(&self, port: Port, stream: &TcpStream) {
        let socket = SockRef::from(stream);
        // Packets are small, and somebody waits for each. Whatever of this is refused costs time and nothing else.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_keepalive(self.keep_alive);
        let untaken_max = match port {
            Port::Election => self.untaken_max.election,
            Port::Quorum | Port::ObserverMaster => self.untaken_max.quorum,
        };
        let _ = socket.set_tcp_user_timeout(Some(untaken_max));
    }

    /// A stream is there: for one that this server has begun, with whom.
    fn open(&mut self, id: StreamId, secured: Secured, dialled: Option<(Party, Option<Box<str>>)>) {
        let Secured { channel, token, read } = secured;
        self.streams.insert(
            id,
            Socket { channel, token, is_blocked: false, is_heard: !read.is_empty(), read, given: 0, dialled },
        );
    }

    /// A stream has ended, or broken by this error. One to an election port of which nothing has come was not let in there: whoever
    /// speaks TLS is told that only behind the handshake, and whoever should authenticate is not told at all.
    fn note_end(&mut self, stream: StreamId, error: Option<io::Error>) {
        let Some(socket) = self.streams.get(&stream).filter(|socket| !socket.is_heard) else { return };
        let Some((party @ Party::Dialled(port, _), _)) = &socket.dialled else { return };
        if let Some(error) = error.filter(|error| error.kind() == ErrorKind::InvalidData)
            && let Some(line) = self.refusals.line(party, Failure::Handshake(error).to_string())
        {
            tracing::warn!("{line}");
        }
        if let (Port::Election, Ok(address)) = (port, socket.channel.socket().peer_addr()) {
            self.shut_out.retain(|_, until| *until > self.now);
            self.shut_out.insert(address, self.now.after(SHUT_OUT));
        }
    }
}

/// Dialling.
impl SocketLinks {
    /// Dials what is to be dialled now.
    fn dial_due(&mut self) {
        let mut failed = Vec::new();
        for (stream, dialling) in &mut self.dialled {
            dialling.dial_due(self.now, &mut self.watched);
            if dialling.has_failed() {
                failed.push(*stream);
            }
        }
        for stream in failed {
            self.dialled.remove(&stream);
            self.events.push_back(StreamEvent::Refused(stream));
        }
    }

    /// One of the sockets of an attempt is connected, or has failed.
    fn look_at_dialled(&mut self, stream: StreamId, ready: Ready) {
        let Some(dialling) = self.dialled.get_mut(&stream) else { return };
        let Some((socket, host)) = dialling.take_connected(ready.token, &mut self.watched) else { return };
        let (port, member) = (dialling.port(), dialling.member().map(Box::from));
        if self.leads_here(&socket) {
            tracing::debug!(?socket, "a dialled address is one of this server");
            // Whatever else the attempt has may lead to the other server.
            return self.watched.forget(ready.token);
        }
        if let Some(dialling) = self.dialled.remove(&stream) {
            dialling.give_up(&mut self.watched);
        }
        self.lookups.forget(stream);
        self.tune(port, &socket);
        let deadline = self.now.after(self.securing_max(port));
        let party = Party::Dialled(port, host.clone());
        if self.security.lets_all_in() {
            let secured = Secured { channel: Channel::plain(socket), token: ready.token, read: Vec::new() };
            self.open(stream, secured, Some((party, member)));
            self.events.push_back(StreamEvent::Connected(stream));
            if ready.reads {
                self.events.push_back(StreamEvent::Readable(stream));
            }
            return;
        }
        match Securing::dialled(port, (host, member), (socket, ready.token), &self.security, deadline) {
            Ok(securing) => _ = self.securing.insert(stream, securing),
            Err(error) => {
                self.watched.forget(ready.token);
                self.tell_refusal(&party, &Failure::Handshake(error));
                self.events.push_back(StreamEvent::Refused(stream));
            }
        }
    }
}

/// Making sure of each other.
impl SocketLinks {
    fn securing_max(&self, port: Port) -> Ms {
        match port {
            Port::Election => self.securing_max.election,
            Port::Quorum | Port::ObserverMaster => self.securing_max.quorum,
        }
    }

    /// Streams get on that can, as many as a turn has room for, each in its turn.
    fn secure_due(&mut self) {
        while let Some(Taken { stream, negotiation, step }) = self.steps.next() {
            let Some(securing) = self.securing.get_mut(&stream) else { continue };
            if let Err(failure) = securing.take_step(negotiation, step, &self.security) {
                self.refuse(stream, failure);
            }
        }
        let late = self.securing.iter().filter(|(_, securing)| securing.deadline <= self.now);
        let late: Vec<StreamId> = late.map(|(stream, _)| *stream).collect();
        for stream in late {
            if let Some(progress) = self.securing.get_mut(&stream).map(|securing| securing.late(&self.security)) {
                self.take_progress(stream, progress);
            }
        }
        let next = StreamId(self.secured_last.0 + 1);
        let in_turn = self.securing.range(next..).chain(self.securing.range(..next));
        let due = in_turn.filter(|(_, securing)| securing.is_due).take(SECURED_PER_TURN);
        let due: Vec<StreamId> = due.map(|(stream, _)| *stream).collect();
        let began = Instant::now();
        for stream in due {
            self.secured_last = stream;
            if let Some(progress) = self.securing.get_mut(&stream).map(|securing| securing.go_on(&self.security)) {
                self.take_progress(stream, progress);
            }
            // A step may be a signature with a long key.
            if began.elapsed() >= SECURED_TIME_PER_TURN {
                break;
            }
        }
    }

    fn take_progress(&mut self, stream: StreamId, progress: Progress) {
        match progress {
            Progress::Waits => {}
            Progress::Step { role, negotiation, token } if self.security.is_slow(role) => {
                if !self.steps.take(role, stream, negotiation, token) {
                    self.refuse(stream, Failure::Busy);
                }
            }
            Progress::Step { mut negotiation, token, .. } => {
                let step = negotiation.step(&token);
                let Some(securing) = self.securing.get_mut(&stream) else { return };
                if let Err(failure) = securing.take_step(negotiation, step, &self.security) {
                    self.refuse(stream, failure);
                }
            }
            Progress::Secured { doubt } => self.let_in(stream, doubt),
            Progress::Failed(failure) => self.refuse(stream, failure),
        }
    }

    /// A stream is a link from here on.
    fn let_in(&mut self, stream: StreamId, doubt: Option<Failure>) {
        let Some(securing) = self.securing.remove(&stream) else { return };
        let (port, party, is_introduced) = (securing.port, securing.party(), securing.is_introduced);
        match doubt {
            None => self.refusals.forget(&party),
            Some(failure) => {
                if let Some(line) = self.refusals.doubt(&party, failure.to_string()) {
                    tracing::warn!("{line}");
                }
            }
        }
        let (other, secured) = securing.into_secured();
        let (event, dialled) = match other {
            Other::Accepted { from } => (StreamEvent::Accepted { port, stream, from }, None),
            Other::Dialled { member, .. } if is_introduced => (StreamEvent::Introduced(stream), Some((party, member))),
            Other::Dialled { member, .. } => (StreamEvent::Connected(stream), Some((party, member))),
        };
        self.open(stream, secured, dialled);
        // Of what has come already nothing else tells.
        self.events.extend([event, StreamEvent::Readable(stream)]);
    }

    /// A stream never becomes a link.
    fn refuse(&mut self, stream: StreamId, failure: Failure) {
        let Some(securing) = self.securing.remove(&stream) else { return };
        self.watched.forget(securing.token);
        self.tell_refusal(&securing.party(), &failure);
        if !securing.is_accepted() {
            self.events.push_back(StreamEvent::Refused(stream));
        }
        securing.end();
    }

    fn tell_refusal(&mut self, party: &Party, failure: &Failure) {
        if failure.is_usual() {
            return tracing::debug!(?party, %failure, "a stream is no link");
        }
        if let Some(line) = self.refusals.line(party, failure.to_string()) {
            tracing::warn!("{line}");
        }
    }

    /// Closes one of those who have connected to a port and not shown who they are, where there are too many: the oldest of those who
    /// have said nothing, since whoever only connects is not to push away whoever shakes hands.
    fn bound_strangers(&mut self, port: Port) {
        let strangers = || self.securing.iter().filter(|(_, securing)| securing.port == port && securing.is_accepted());
        if strangers().count() <= UNKNOWN_LINKS {
            return;
        }
        let silent = strangers().find(|(_, securing)| securing.is_silent());
        if let Some(stream) = silent.or_else(|| strangers().next()).map(|(stream, _)| *stream) {
            self.refuse(stream, Failure::TooMany);
        }
    }
}

/// Being dialled.
impl SocketLinks {
    /// Whether a connection that this server has begun ends at one of its own ports, or in itself: an address may have been told
    /// by mistake, and a name may stand for something else here than where it was told.
    fn leads_here(&self, socket: &TcpStream) -> bool {
        let (Ok(here), Ok(there)) = (socket.local_addr(), socket.peer_addr()) else { return false };
        let ports = [&self.election, &self.quorum, &self.observer_master];
        here == there || here.ip() == there.ip() && ports.iter().any(|port| port.is_at(there))
    }

    fn port(&mut self, port: Port) -> &mut Listening {
        self.listening(port).0
    }

    /// With what it needs to be opened and closed.
    fn listening(&mut self, port: Port) -> (&mut Listening, Ms, &mut Watched) {
        let listening = match port {
            Port::Election => &mut self.election,
            Port::Quorum => &mut self.quorum,
            Port::ObserverMaster => &mut self.observer_master,
        };
        (listening, self.now, &mut self.watched)
    }

    /// Opens what is to be open and is not.
    fn open_due(&mut self, port: Port) {
        let (listening, now, watched) = self.listening(port);
        for (place, host) in listening.open_due(now, watched) {
            if !self.lookups.ask(&host, Origin::Known, Waiter::Listen { port, place }) {
                self.found_listener(port, place, &[]);
            }
        }
    }

    fn accept(&mut self, port: Port) {
        let now = self.now;
        for (mut stream, from) in self.port(port).accept(now) {
            let id = self.next_stream();
            match self.watched.add(&mut stream, Use::Stream(id)) {
                Ok(token) => self.take_in(id, port, (stream, token), from.to_string().into()),
                Err(error) => {
                    tracing::error!("a connection from {from} is closed, because the poll does not take it: {error}");
                }
            }
        }
    }

    /// Somebody was accepted.
    fn take_in(&mut self, stream: StreamId, port: Port, (socket, token): (TcpStream, Token), from: Box<str>) {
        self.tune(port, &socket);
        if self.security.lets_all_in() {
            self.open(stream, Secured { channel: Channel::plain(socket), token, read: Vec::new() }, None);
            return self.events.push_back(StreamEvent::Accepted { port, stream, from });
        }
        let deadline = self.now.after(self.securing_max(port));
        let securing = Securing::accepted(port, from, (socket, token), &self.security, deadline);
        self.securing.insert(stream, securing);
        self.bound_strangers(port);
    }
}

impl Links for SocketLinks {
    fn begin_turn(&mut self, now: Ms) -> Result<(), CannotListen> {
        self.now = now;
        self.take_ready();
        while let Some(found) = self.lookups.next() {
            self.take_found(&found);
        }
        self.dial_due();
        for port in [Port::Election, Port::Quorum, Port::ObserverMaster] {
            self.open_due(port);
            self.accept(port);
            self.port(port).check()?;
        }
        self.secure_due();
        self.leave_late();
        Ok(())
    }

    fn connect(&mut self, port: Port, addresses: &[HostPort], told: &[HostPort]) -> StreamId {
        let stream = self.next_stream();
        let member = addresses.first().map(|address| address.host.clone());
        let mut dialling = Dialling::new(stream, port, member);
        let told = told.iter().filter(|address| !addresses.contains(address)).map(|told| (told, Origin::Told));
        for (HostPort { host, port }, origin) in addresses.iter().map(|known| (known, Origin::Known)).chain(told) {
            match host.parse::<IpAddr>() {
                Ok(address) => {
                    let address = SocketAddr::new(address, *port);
                    dialling.add(address, host, not_before(&self.shut_out, address));
                }
                Err(_) => {
                    if self.lookups.ask(host, origin, Waiter::Dial { stream, port: *port, origin }) {
                        dialling.note_lookup();
                    }
                }
            }
        }
        self.dialled.insert(stream, dialling);
        self.dial_due();
        stream
    }

    fn listen(&mut self, port: Port, is_open: bool) {
        let (listening, _, watched) = self.listening(port);
        listening.set_open(is_open, watched);
        self.open_due(port);
    }

    fn move_to(&mut self, port: Port, addresses: &[HostPort]) {
        let addresses = listened(addresses, self.listens_on_all);
        let (listening, _, watched) = self.listening(port);
        listening.move_to(addresses, watched);
        self.open_due(port);
    }

    fn read(&mut self, stream: StreamId, bytes: &mut [u8]) -> Read {
        assert!(!bytes.is_empty(), "a read of nothing says nothing");
        let Some(socket) = self.streams.get_mut(&stream) else { panic!("{stream:?} is no stream") };
        if let Some(rest) = socket.read.get(socket.given..).filter(|rest| !rest.is_empty()) {
            let count = rest.len().min(bytes.len());
            bytes[..count].copy_from_slice(&rest[..count]);
            socket.given += count;
            return Read::Bytes(count);
        }
        (socket.read, socket.given) = (Vec::new(), 0);
        match socket.channel.read(bytes) {
            Ok(Some(0)) => {
                self.note_end(stream, None);
                Read::Ended
            }
            Ok(Some(count)) => {
                socket.is_heard = true;
                Read::Bytes(count)
            }
            Ok(None) => {
                if socket.channel.has_more() {
                    self.events.push_back(StreamEvent::Readable(stream));
                }
                Read::Nothing
            }
            Err(error) => {
                self.note_end(stream, Some(error));
                Read::Broken
            }
        }
    }

    fn write(&mut self, stream: StreamId, bytes: &[u8]) -> Written {
        assert!(!bytes.is_empty(), "a write of nothing says nothing");
        let Some(socket) = self.streams.get_mut(&stream) else { panic!("{stream:?} is no stream") };
        match socket.channel.write(bytes) {
            Ok(written) => {
                socket.is_blocked = written < bytes.len();
                Written::Bytes(written)
            }
            Err(_) => Written::Ended,
        }
    }

    fn introduce(&mut self, stream: StreamId, words: &[u8]) -> Introduced {
        if self.write(stream, words) != Written::Bytes(words.len()) {
            return Introduced::Failed;
        }
        let member = self.streams.get(&stream).and_then(|socket| socket.dialled.as_ref()?.1.clone());
        let Some(host) = member.filter(|_| self.security.shows_itself()) else { return Introduced::Done };
        let Some(Socket { channel, token, read, .. }) = self.streams.remove(&stream) else {
            unreachable!("it was written to")
        };
        let deadline = self.now.after(self.securing_max.election);
        self.securing.insert(stream, Securing::introduced(host, Secured { channel, token, read }, deadline));
        Introduced::Awaited
    }

    fn finish(&mut self, stream: StreamId) {
        if let Some(socket) = self.streams.get_mut(&stream) {
            socket.channel.finish();
            socket.is_heard = true;
        }
    }

    fn set_hosts(&mut self, hosts: BTreeSet<Box<str>>) {
        self.security.set_hosts(&hosts);
    }

    fn close(&mut self, stream: StreamId) {
        if let Some(dialling) = self.dialled.remove(&stream) {
            dialling.give_up(&mut self.watched);
            self.lookups.forget(stream);
        }
        if let Some(securing) = self.securing.remove(&stream) {
            self.watched.forget(securing.token);
            securing.end();
        }
        if let Some(Socket { mut channel, token, .. }) = self.streams.remove(&stream) {
            let is_flushed = channel.flush().unwrap_or(true);
            self.leaving.insert(stream, Leaving { channel, token, until: self.now.after(LEAVING) });
            if is_flushed || self.leaving.len() > LEAVING_MAX {
                self.leave(stream);
            }
        }
        // What was found out before and is not told yet is told of nobody.
        self.events.retain(|event| event.stream() != stream);
    }

    fn poll(&mut self) -> Option<StreamEvent> {
        self.events.pop_front()
    }

    fn has_more(&self) -> bool {
        let ports = [&self.election, &self.quorum, &self.observer_master];
        ports.into_iter().any(Listening::has_more)
            || !self.events.is_empty()
            || self.lookups.has_found()
            || self.steps.has_taken()
            || self.securing.values().any(|securing| securing.is_due)
            || !self.readiness.is_empty()
    }

    fn deadline(&self) -> Option<Ms> {
        let dialled = self.dialled.values().filter_map(Dialling::deadline);
        let ports = [&self.election, &self.quorum, &self.observer_master];
        let securing = self.securing.values().map(|securing| securing.deadline);
        let leaving = self.leaving.values().map(|leaving| leaving.until);
        dialled.chain(ports.into_iter().filter_map(Listening::deadline)).chain(securing).chain(leaving).min()
    }
}

/// When an address may be dialled.
fn not_before(shut_out: &BTreeMap<SocketAddr, Ms>, address: SocketAddr) -> Ms {
    shut_out.get(&address).copied().unwrap_or_default()
}
