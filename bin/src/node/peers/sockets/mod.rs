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
//!
//! How many streams there are is bounded by whoever has them: a stranger too many is closed.

mod dialling;
mod listener;
mod listening;
mod lookups;
mod watched;

pub use self::listener::MyId;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Registry, Token};
use paddock_consensus::config::HostPort;
use paddock_consensus::settings::Ms;
use paddock_net::doorbell::Doorbell;
use socket2::SockRef;

use self::dialling::Dialling;
use self::listening::{ACCEPTS_PER_TURN, Listening};
use self::lookups::{Found, LOOKUPS_MAX, Lookups, Origin, Resolver, TOLD_LOOKUPS_MAX, Waiter, resolve};
use self::watched::{FIRST_TOKEN, Use, Watched};
use super::dial::STREAMS_MAX;
use super::links::{CannotListen, Links, Port, Read, StreamEvent, StreamId, Written};
use super::strangers::UNKNOWN_LINKS;

/// What is read of a stream that ends here, so that it does not break under what was written last: the kernel breaks a stream
/// that is closed while something is unread. Bytes.
const DRAINED_MAX: usize = 64 << 10;

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
/// strangers at all three ports, a connection and a link with each server and what takes their place, what dials each, a listener
/// for each port, and two for each look-up.
pub fn descriptors(servers: usize) -> u64 {
    let strangers = 3 * (UNKNOWN_LINKS + ACCEPTS_PER_TURN);
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
    stream: TcpStream,
    token: Token,
    /// It has not taken all, and an event is to tell when it takes more.
    is_blocked: bool,
}

pub struct SocketLinks {
    watched: Watched,
    readiness: Readiness,
    /// What of it is looked at.
    ready: Vec<Ready>,
    streams: HashMap<StreamId, Socket>,
    dialled: BTreeMap<StreamId, Dialling>,
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
                Some(Use::Stream(stream)) => self.look_at_open(stream, one),
                None => {}
            }
        }
        self.ready = ready;
    }

    fn look_at_open(&mut self, stream: StreamId, ready: Ready) {
        let Some(socket) = self.streams.get_mut(&stream) else { return };
        if ready.reads {
            self.events.push_back(StreamEvent::Readable(stream));
        }
        if ready.writes && std::mem::take(&mut socket.is_blocked) {
            self.events.push_back(StreamEvent::Writable(stream));
        }
    }

    /// Those who wait for names have them; without addresses a name could not be found.
    fn take_found(&mut self, Found { addresses, waiters }: &Found) {
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
                        dialling.add(address);
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

    fn open(&mut self, id: StreamId, port: Port, token: Token, stream: TcpStream) {
        let socket = SockRef::from(&stream);
        // Packets are small, and somebody waits for each. Whatever of this is refused costs time and nothing else.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_keepalive(self.keep_alive);
        let untaken_max = match port {
            Port::Election => self.untaken_max.election,
            Port::Quorum | Port::ObserverMaster => self.untaken_max.quorum,
        };
        let _ = socket.set_tcp_user_timeout(Some(untaken_max));
        self.streams.insert(id, Socket { stream, token, is_blocked: false });
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
        let Some(socket) = dialling.take_connected(ready.token, &mut self.watched) else { return };
        let port = dialling.port();
        if self.leads_here(&socket) {
            tracing::debug!(?socket, "a dialled address is one of this server");
            // Whatever else the attempt has may lead to the other server.
            return self.watched.forget(ready.token);
        }
        if let Some(dialling) = self.dialled.remove(&stream) {
            dialling.give_up(&mut self.watched);
        }
        self.lookups.forget(stream);
        self.open(stream, port, ready.token, socket);
        self.events.push_back(StreamEvent::Connected(stream));
        if ready.reads {
            self.events.push_back(StreamEvent::Readable(stream));
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
                Ok(token) => {
                    self.open(id, port, token, stream);
                    self.events.push_back(StreamEvent::Accepted { port, stream: id, from: from.to_string().into() });
                }
                Err(error) => {
                    tracing::error!("a connection from {from} is closed, because the poll does not take it: {error}");
                }
            }
        }
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
        Ok(())
    }

    fn connect(&mut self, port: Port, addresses: &[HostPort], told: &[HostPort]) -> StreamId {
        let stream = self.next_stream();
        let mut dialling = Dialling::new(stream, port);
        let told = told.iter().filter(|address| !addresses.contains(address)).map(|told| (told, Origin::Told));
        for (HostPort { host, port }, origin) in addresses.iter().map(|known| (known, Origin::Known)).chain(told) {
            match host.parse::<IpAddr>() {
                Ok(address) => dialling.add(SocketAddr::new(address, *port)),
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
        loop {
            match socket.stream.read(bytes) {
                Ok(0) => return Read::Ended,
                Ok(count) => return Read::Bytes(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Read::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Read::Broken,
            }
        }
    }

    fn write(&mut self, stream: StreamId, bytes: &[u8]) -> Written {
        assert!(!bytes.is_empty(), "a write of nothing says nothing");
        let Some(socket) = self.streams.get_mut(&stream) else { panic!("{stream:?} is no stream") };
        let mut written = 0;
        // Only a socket that has refused bytes tells when it takes more.
        while written < bytes.len() {
            match socket.stream.write(&bytes[written..]) {
                Ok(0) => return Written::Ended,
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    socket.is_blocked = true;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Written::Ended,
            }
        }
        Written::Bytes(written)
    }

    fn close(&mut self, stream: StreamId) {
        if let Some(dialling) = self.dialled.remove(&stream) {
            dialling.give_up(&mut self.watched);
            self.lookups.forget(stream);
        }
        if let Some(mut socket) = self.streams.remove(&stream) {
            self.watched.forget(socket.token);
            end(&mut socket.stream);
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
            || !self.readiness.is_empty()
    }

    fn deadline(&self) -> Option<Ms> {
        let dialled = self.dialled.values().filter_map(Dialling::deadline);
        let ports = [&self.election, &self.quorum, &self.observer_master];
        dialled.chain(ports.into_iter().filter_map(Listening::deadline)).min()
    }
}

/// Ends a stream so that what was written still goes out, unless the other side goes on to send what nobody reads: that breaks
/// the stream, and what was not sent yet is lost. What was read or is there is taken out first, so that a server that rings sees
/// an end and no break. What a leader that stops has told last, the next one tells again.
fn end(stream: &mut TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let mut bytes = [0; 4 << 10];
    for _ in 0..DRAINED_MAX / bytes.len() {
        if !matches!(stream.read(&mut bytes), Ok(1..)) {
            return;
        }
    }
}
