//! Links over TCP.
//!
//! ```text
//! poll ── events ──► Readiness ──► SocketLinks::poll ──► StreamEvent
//! name lookups (threads) ── bell ─────┘
//! ```
//! The thread of the replica may share its poll with connections of clients, so the events come from outside: whoever polls
//! gives them to [`Readiness`]. Sockets are registered once, for both directions and edge-triggered, so that a stream costs no
//! system call but its reads and writes.
//!
//! An attempt dials all of its addresses together and takes the first that answers; an address is dialled as soon as it is
//! known. Whoever gives the attempt up decides how long it lasts.
//!
//! | bound | of | full |
//! |---|---|---|
//! | `ADDRESSES_MAX` | addresses that one attempt dials | the others are left out |
//! | `LOOKUPS_MAX` | names that are looked up at a time, each in a thread | the next one fails |
//! | `ACCEPTS_PER_TURN` of [`paddock_net::accept`] | connections that are accepted in a turn of a port | next turn |
//! | `DRAINED_MAX` | what is read of a stream that ends here | the other side may see a broken stream |
//!
//! How many streams there are is bounded by whoever has them: a stranger too many is closed.

mod listening;
mod lookups;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};

use mio::net::TcpStream;
use mio::{Events, Interest, Registry, Token};
use paddock_consensus::config::HostPort;
use paddock_net::doorbell::Doorbell;
use paddock_net::reactor::FOREIGN;

use self::listening::Listening;
use self::lookups::{Lookups, Waiter};
use super::links::{Links, Port, Read, StreamEvent, StreamId, Written};

/// Tokens from here on are of sockets to other servers. Below are other sources of the same poll.
const FIRST_TOKEN: usize = FOREIGN + 16;
/// Addresses that one attempt dials: those of a member's line, and what its names stand for.
const ADDRESSES_MAX: usize = 64;
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
}

/// Where this server is reached at each port.
#[derive(Clone, Debug)]
pub struct Addresses {
    pub election: Vec<HostPort>,
    pub quorum: Vec<HostPort>,
}

/// Whose a token is.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Port(Port),
    Stream(StreamId),
}

#[derive(Debug)]
enum Stage {
    Dialling(Attempt),
    Open(Socket),
}

#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    token: Token,
    /// It has not taken all, and an event is to tell when it takes more.
    is_blocked: bool,
}

/// Several sockets that are being connected, and names that are looked up.
#[derive(Default, Debug)]
struct Attempt {
    sockets: Vec<(Token, TcpStream)>,
    /// Addresses that were dialled so far.
    dialled: usize,
    /// Names that are still looked up.
    lookups: usize,
}

pub struct SocketLinks {
    registry: Registry,
    readiness: Readiness,
    /// What of it is looked at.
    ready: Vec<Ready>,
    owners: HashMap<Token, Owner>,
    streams: HashMap<StreamId, Stage>,
    last_stream: u64,
    last_token: usize,
    election: Listening,
    quorum: Listening,
    lookups: Lookups,
    /// What is to be told.
    events: VecDeque<StreamEvent>,
    /// Some of what was found by the last look is told.
    has_looked: bool,
}

impl SocketLinks {
    /// `readiness` is to be given what the poll of `registry` tells, and `bell` wakes the thread that polls.
    pub fn new(registry: Registry, readiness: Readiness, bell: Arc<Doorbell>, addresses: Addresses) -> SocketLinks {
        SocketLinks {
            registry,
            readiness,
            ready: Vec::new(),
            owners: HashMap::new(),
            streams: HashMap::new(),
            last_stream: 0,
            last_token: FIRST_TOKEN,
            election: Listening::new("election", addresses.election),
            quorum: Listening::new("quorum", addresses.quorum),
            lookups: Lookups::new(bell),
            events: VecDeque::new(),
            has_looked: false,
        }
    }

    fn next_stream(&mut self) -> StreamId {
        self.last_stream += 1;
        StreamId(self.last_stream)
    }

    /// No token is ever used twice, so that an event that comes late is nobody's.
    fn next_token(&mut self, owner: Owner) -> Token {
        self.last_token += 1;
        let token = Token(self.last_token);
        self.owners.insert(token, owner);
        token
    }

    /// Takes up what has happened since it was looked at last.
    fn look(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        self.readiness.take(&mut ready);
        for one in ready.drain(..) {
            match self.owners.get(&one.token) {
                Some(Owner::Port(port)) => self.port(*port).note_readable(),
                Some(Owner::Stream(stream)) => self.take_ready(*stream, one),
                None => {}
            }
        }
        self.ready = ready;
        while let Some(found) = self.lookups.next() {
            for waiter in found.waiters {
                self.take_found(waiter, &found.addresses);
            }
        }
        self.listen_again();
        for port in [Port::Election, Port::Quorum] {
            self.accept(port);
        }
    }

    fn take_ready(&mut self, stream: StreamId, ready: Ready) {
        match self.streams.get_mut(&stream) {
            Some(Stage::Dialling(_)) => self.look_at_attempt(stream, ready),
            Some(Stage::Open(socket)) => {
                if ready.reads {
                    self.events.push_back(StreamEvent::Readable(stream));
                }
                if ready.writes && std::mem::take(&mut socket.is_blocked) {
                    self.events.push_back(StreamEvent::Writable(stream));
                }
            }
            None => {}
        }
    }
}

/// Dialling.
impl SocketLinks {
    /// Begins to connect to one more address of an attempt. What fails at once is as if it had never been.
    fn dial(&mut self, stream: StreamId, address: SocketAddr) {
        let Some(Stage::Dialling(attempt)) = self.streams.get_mut(&stream) else { return };
        attempt.dialled += 1;
        if attempt.dialled > ADDRESSES_MAX {
            return;
        }
        let token = self.next_token(Owner::Stream(stream));
        match connect(&self.registry, token, address) {
            Ok(socket) => {
                let Some(Stage::Dialling(attempt)) = self.streams.get_mut(&stream) else { return };
                attempt.sockets.push((token, socket));
            }
            Err(error) => {
                tracing::debug!(%address, %error, "cannot dial");
                self.owners.remove(&token);
            }
        }
    }

    /// One of its sockets is connected, or has failed.
    fn look_at_attempt(&mut self, stream: StreamId, ready: Ready) {
        let Some(Stage::Dialling(attempt)) = self.streams.get_mut(&stream) else { return };
        let Some(place) = attempt.sockets.iter().position(|(token, _)| *token == ready.token) else { return };
        match is_connected(&attempt.sockets[place].1) {
            Ok(false) => {}
            Ok(true) => {
                let (token, socket) = attempt.sockets.swap_remove(place);
                for (other, _) in attempt.sockets.drain(..) {
                    self.owners.remove(&other);
                }
                self.open(stream, token, socket);
                self.events.push_back(StreamEvent::Connected(stream));
                if ready.reads {
                    self.events.push_back(StreamEvent::Readable(stream));
                }
            }
            Err(error) => {
                tracing::debug!(%error, "cannot connect");
                attempt.sockets.swap_remove(place);
                self.owners.remove(&ready.token);
                self.refuse_if_over(stream);
            }
        }
    }

    /// An attempt of which nothing is left has failed.
    fn refuse_if_over(&mut self, stream: StreamId) {
        if let Some(Stage::Dialling(Attempt { sockets, lookups: 0, .. })) = self.streams.get(&stream)
            && sockets.is_empty()
        {
            self.streams.remove(&stream);
            self.events.push_back(StreamEvent::Refused(stream));
        }
    }

    fn open(&mut self, id: StreamId, token: Token, stream: TcpStream) {
        // Packets are small, and somebody waits for each. Without it they are late, and nothing is wrong.
        let _ = stream.set_nodelay(true);
        self.streams.insert(id, Stage::Open(Socket { stream, token, is_blocked: false }));
    }

    /// A name was looked up for one who waited for it; without addresses it could not be found.
    fn take_found(&mut self, waiter: Waiter, addresses: &[IpAddr]) {
        match waiter {
            Waiter::Dial { stream, port } => {
                let Some(Stage::Dialling(attempt)) = self.streams.get_mut(&stream) else { return };
                attempt.lookups -= 1;
                for address in addresses {
                    self.dial(stream, SocketAddr::new(*address, port));
                }
                self.refuse_if_over(stream);
            }
            Waiter::Listen { port, place } => {
                let token = self.next_token(Owner::Port(port));
                let registry = &self.registry;
                let listening = if port == Port::Election { &mut self.election } else { &mut self.quorum };
                if !listening.take_found(place, addresses.first().copied(), registry, token) {
                    self.owners.remove(&token);
                }
            }
        }
    }
}

/// Being dialled.
impl SocketLinks {
    fn port(&mut self, port: Port) -> &mut Listening {
        match port {
            Port::Election => &mut self.election,
            Port::Quorum => &mut self.quorum,
        }
    }

    /// Opens what is to be open and is not.
    fn listen_again(&mut self) {
        for port in [Port::Election, Port::Quorum] {
            for (place, host) in self.port(port).take_due() {
                match host.parse() {
                    Ok(address) => self.take_found(Waiter::Listen { port, place }, &[address]),
                    Err(_) => {
                        if !self.lookups.ask(&host, Waiter::Listen { port, place }) {
                            self.take_found(Waiter::Listen { port, place }, &[]);
                        }
                    }
                }
            }
        }
    }

    fn accept(&mut self, port: Port) {
        for (mut stream, from) in self.port(port).accept() {
            let id = self.next_stream();
            let token = self.next_token(Owner::Stream(id));
            let interests = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = self.registry.register(&mut stream, token, interests) {
                tracing::error!("a connection from {from} is closed, because the poll does not take it: {error}");
                self.owners.remove(&token);
                continue;
            }
            self.open(id, token, stream);
            self.events.push_back(StreamEvent::Accepted { port, stream: id, from: from.to_string().into() });
        }
    }
}

impl Links for SocketLinks {
    fn connect(&mut self, addresses: &[HostPort]) -> StreamId {
        let stream = self.next_stream();
        self.streams.insert(stream, Stage::Dialling(Attempt::default()));
        for HostPort { host, port } in addresses {
            match host.parse() {
                Ok(address) => self.dial(stream, SocketAddr::new(address, *port)),
                Err(_) => {
                    if self.lookups.ask(host, Waiter::Dial { stream, port: *port })
                        && let Some(Stage::Dialling(attempt)) = self.streams.get_mut(&stream)
                    {
                        attempt.lookups += 1;
                    }
                }
            }
        }
        self.refuse_if_over(stream);
        stream
    }

    fn listen(&mut self, port: Port, is_open: bool) {
        for token in self.port(port).set_open(is_open) {
            self.owners.remove(&token);
        }
        self.listen_again();
    }

    fn read(&mut self, stream: StreamId, bytes: &mut [u8]) -> Read {
        assert!(!bytes.is_empty(), "a read of nothing says nothing");
        let Some(Stage::Open(socket)) = self.streams.get_mut(&stream) else { panic!("{stream:?} is no stream") };
        loop {
            match socket.stream.read(bytes) {
                Ok(0) => return Read::Ended,
                Ok(count) => return Read::Bytes(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Read::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Read::Ended,
            }
        }
    }

    fn write(&mut self, stream: StreamId, bytes: &[u8]) -> Written {
        assert!(!bytes.is_empty(), "a write of nothing says nothing");
        let Some(Stage::Open(socket)) = self.streams.get_mut(&stream) else { panic!("{stream:?} is no stream") };
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
        match self.streams.remove(&stream) {
            Some(Stage::Dialling(attempt)) => {
                for (token, _) in &attempt.sockets {
                    self.owners.remove(token);
                }
            }
            Some(Stage::Open(mut socket)) => {
                self.owners.remove(&socket.token);
                end(&mut socket.stream);
            }
            None => {}
        }
        // What was found out before and is not told yet is told of nobody.
        self.events.retain(|event| event.stream() != stream);
    }

    fn poll(&mut self) -> Option<StreamEvent> {
        // Once for each time that all is told: whoever connects without a pause does not keep a turn from ending.
        if self.events.is_empty() {
            if std::mem::take(&mut self.has_looked) {
                return None;
            }
            self.look();
            self.has_looked = !self.events.is_empty();
        }
        self.events.pop_front()
    }
}

fn connect(registry: &Registry, token: Token, address: SocketAddr) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address)?;
    registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(socket)
}

/// `false` while it is still being connected.
fn is_connected(socket: &TcpStream) -> io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

/// Ends a stream so that what was written still goes out.
fn end(stream: &mut TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let mut bytes = [0; 4 << 10];
    for _ in 0..DRAINED_MAX / bytes.len() {
        if !matches!(stream.read(&mut bytes), Ok(1..)) {
            return;
        }
    }
}
