//! A reactor: one poll, its own clients, their watches, and its own view of the tree. It has a thread of its own, or
//! shares one with the replica.
//!
//! Cost of a wake-up for one connection: one `read`, one `write`; for each request in it a look-up and one copy. No
//! lock, and no atomic that another thread writes but the public version, which is loaded after each `read`, and the other
//! reactors' sums, which are loaded once a turn and as memory grows.
//!
//! A turn, in the order that the guarantees rest on:
//!
//! 1. *Poll.* Offline meanwhile, so that a sleeping reactor keeps no old version alive.
//! 2. *Serve* each connection that has something: read from its socket, **then** catch up with what has become public,
//!    then decode. Reads are answered from the view, writes go into the turn's submission. Because the view is looked
//!    at after the bytes came, whoever heard of a write from anybody, anywhere, reads it here.
//! 3. *Errands*: new connections, inquiries.
//! 4. *Submit* the turn's writes. A replica that shares the thread has its turn now; another works beside what follows.
//! 5. *Write* once to each connection that has output. Where memory runs out (`relief`) this comes in between, too.
//!
//! Catching up takes the releases one version at a time: the view moves, the version's events fire and its answers are
//! queued in the order of their transactions, and then the reads that waited behind those answers run, on exactly that
//! version. One with very many events is looked through before it is public: see [`ahead`].

mod ahead;
mod counting;
mod gather;
mod hearing;
mod intake;
mod linger;
mod output;
mod release;
mod relief;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use paddock_engine::acl::{Authority, Id, id_of_address};
use paddock_engine::tree::Reader;

use crate::accept::{Accepted, accept};
use crate::bodies::Bodies;
use crate::connection::{Connection, Connections, Pending, Stage, Tally};
use crate::exchange::{ConnectionId, Errand, Exchange, Heard, Inquiry, Release, Request, RequestKind, Submission};
use crate::identities::Identities;
use crate::limits::Limits;
use crate::memory::Memory;
use crate::output::Output;
use crate::status::{Counter, ReactorStatus, Status};
use crate::time_share::TimeShare;
use crate::watch::Watches;
use linger::{LINGERING, Lingering};

use hearing::Hearing;
pub use hearing::{PAUSE_MIN, pause_min};

use ahead::Ahead;

/// The token of a reactor's bell.
pub const BELL: Token = Token(0);
const LISTENER: Token = Token(1);
/// The reactor that accepts for all.
pub const ACCEPTOR: usize = 0;
/// Tokens from here on are somebody else's, with whom the reactor shares a poll.
pub const FOREIGN: usize = usize::MAX - (SOURCES_BESIDE - 1);
/// What a poll may watch besides connections: the bell, the listener, and what is somebody else's.
const SOURCES_BESIDE: usize = 16;
/// Connections' tokens begin here.
const FIRST_CONNECTION: usize = 2;

/// Bytes read from one socket at a time.
const READ_BYTES: usize = 128 * 1024;
/// Events taken from one poll.
pub const EVENTS_PER_TURN: usize = 1024;
/// While connections are waited on, the poll returns at least this often to see to those without a session.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// A full submission queue is tried again after this, and ever more seldom while it stays full: each time after this part
/// of the time that it has been full, up to the last.
const RETRY: Duration = Duration::from_millis(1);
const RETRY_PART: u32 = 8;
const RETRY_MAX: Duration = Duration::from_millis(20);

/// What the operator decides about connections.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `jute.maxbuffer`: the longest frame, bytes.
    pub frame_max: usize,
    /// Bounds of a session's timeout, ms.
    pub session_timeout_min: i32,
    pub session_timeout_max: i32,
    /// Connections of one address, and of all; 0 is no limit.
    pub connections_per_address_max: u32,
    pub connections_max: u32,
    /// A connection that has not finished its handshake by then is closed; so is one whose client has ended it, and which the
    /// replica has kept waiting for so long.
    pub handshake_deadline: Duration,
    /// How often the replica hears which sessions are alive.
    pub heard_interval: Duration,
    /// While more writes than this are unanswered, connections that have one are not read from.
    pub outstanding_max: u64,
    /// `paddock.connections.maxBytes`: the memory of all connections, of every reactor.
    pub connections_bytes_max: usize,
    pub tcp_keep_alive: bool,
    pub authority: Authority,
    /// A connection that holds no identity of these schemes may do nothing but prove one; empty: whoever comes is served.
    pub enforced_schemes: Vec<String>,
    /// Whether new sessions are local.
    pub local_sessions: bool,
    /// Whether the replica wants to hear early which connections are gone.
    pub tells_gone: bool,
}

/// Everything a reactor is made of.
pub struct Reactor {
    index: usize,
    registry: Registry,
    /// Every reactor's, its own at `index`.
    exchanges: Arc<[Arc<Exchange>]>,
    settings: Arc<Settings>,
    limits: Arc<Limits>,
    memory: Memory,
    /// The reactors with more than their share have been told in this turn that all have too much.
    awaits_room: bool,
    status: Arc<Status>,
    listener: Option<TcpListener>,
    /// Connections wait at the listener although no event will tell of them.
    accept_again: bool,
    next_reactor: usize,

    reader: Reader,
    /// The newest transaction of the view.
    zxid: i64,
    /// A release that was taken from the queue before it was public.
    held: Option<Release>,
    /// While that is a version with very many events.
    ahead: Option<Ahead>,

    connections: Connections,
    /// Sockets whose connections this server has ended.
    lingering: Lingering,
    watches: Watches,
    /// Whom an event is told, and what they are told: kept for their memory.
    told: Vec<u32>,
    notification: Vec<u8>,
    submission: Submission,
    /// Slots to be served again although no event will tell.
    revisit: Vec<u32>,
    /// Slots that wait for room in the submission, each once; a connection that closes leaves it.
    starved: Vec<u32>,
    /// Since when the queue has had no room for the submission.
    stuck: Option<Instant>,
    /// What this reactor has asked others is a clone of this.
    inquiry: Inquiry,
    /// Connections whose counts are under way.
    counting: VecDeque<ConnectionId>,
    counting_share: TimeShare,
    /// Slots with output.
    dirty: Vec<u32>,
    /// Slots heard since the last report, and sessions whose connections are gone since.
    heard: Vec<u32>,
    heard_before_close: Vec<i64>,
    outstanding: usize,
    /// Of the other reactors, as it was at the beginning of the turn.
    outstanding_elsewhere: u64,
    /// What is read from a socket, on its way to the decoder.
    buffer: Box<[u8]>,
    now: Instant,
    hearing: Hearing,
    next_report: Instant,
    next_housekeeping: Instant,
    stopping: bool,
}

/// What a reactor is made from.
pub struct Parts {
    pub index: usize,
    /// Of the poll that tells of this reactor's sockets.
    pub registry: Registry,
    pub exchanges: Arc<[Arc<Exchange>]>,
    pub settings: Arc<Settings>,
    pub limits: Arc<Limits>,
    pub status: Arc<Status>,
    /// Of the [`ACCEPTOR`].
    pub listener: Option<TcpListener>,
    pub reader: Reader,
    /// The newest transaction of the reader's view.
    pub zxid: i64,
}

impl Reactor {
    pub fn new(parts: Parts) -> io::Result<Reactor> {
        let Parts { index, registry, exchanges, settings, limits, status, mut listener, reader, zxid } = parts;
        if let Some(listener) = &mut listener {
            registry.register(listener, LISTENER, Interest::READABLE)?;
        }
        let now = Instant::now();
        Ok(Reactor {
            index,
            registry,
            awaits_room: false,
            memory: Memory::new(settings.connections_bytes_max, exchanges.len()),
            exchanges,
            limits,
            status,
            accept_again: listener.is_some(),
            listener,
            next_reactor: 0,
            reader,
            zxid,
            held: None,
            ahead: None,
            connections: Connections::default(),
            lingering: Lingering::default(),
            watches: Watches::default(),
            told: Vec::new(),
            notification: Vec::new(),
            submission: Submission::default(),
            revisit: Vec::new(),
            starved: Vec::new(),
            stuck: None,
            inquiry: Inquiry::default(),
            counting: VecDeque::new(),
            counting_share: TimeShare::default(),
            dirty: Vec::new(),
            heard: Vec::new(),
            heard_before_close: Vec::new(),
            outstanding: 0,
            outstanding_elsewhere: 0,
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            now,
            hearing: Hearing::new(now, settings.heard_interval),
            next_report: now + settings.heard_interval,
            next_housekeeping: now + HOUSEKEEPING,
            stopping: false,
            settings,
        })
    }

    /// Runs in a thread of its own until it is told to stop.
    ///
    /// # Errors
    /// When the poll itself fails.
    pub fn run(mut self, mut poll: Poll) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        while !self.stopping {
            self.exchange().reactor_bell.going_to_sleep();
            let timeout = self.rest();
            let polled = poll.poll(&mut events, timeout);
            self.exchange().reactor_bell.awake();
            self.rise();
            let told = match polled {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
                polled => polled.map(|()| Some(&events))?,
            };
            self.take_in(told);
            self.give_out();
        }
        Ok(())
    }

    /// The first half of a turn: serves who has something, and hands the writes over. `events` are those of a poll that
    /// began after the last turn; `None` if it was interrupted, and so has looked at nothing.
    pub fn take_in(&mut self, events: Option<&Events>) {
        let polled = std::mem::replace(&mut self.now, Instant::now());
        self.awaits_room = false;
        self.outstanding_elsewhere = self.sum_elsewhere(|figures| &figures.outstanding);
        self.compare_memory();
        self.relieve();
        self.catch_up();
        let mut buffer = std::mem::take(&mut self.buffer);
        for slot in std::mem::take(&mut self.revisit) {
            self.serve_again(slot, &mut buffer);
        }
        // What the list leaves out is among these, also where what it tells of is closed on the way.
        let sources = self.connections.len() + self.lingering.len() + SOURCES_BESIDE;
        let mut seen = 0;
        for event in events.into_iter().flatten() {
            seen += 1;
            match event.token() {
                BELL => {}
                LISTENER => self.accept_again = true,
                Token(FOREIGN..) => {}
                token @ Token(LINGERING..) => self.drain(token),
                Token(token) => self.on_event(event, (token - FIRST_CONNECTION) as u32, &mut buffer),
            }
        }
        self.buffer = buffer;
        if events.is_some() {
            self.hearing.note_poll(polled, seen, sources, seen >= EVENTS_PER_TURN);
        }
        self.count_on();
        self.look_on();
        // Only now may a slot be used again: an event of this turn may have meant its former connection.
        self.run_errands();
        if self.accept_again {
            self.accept_connections();
        }
        self.report();
        self.submit();
    }

    /// The second half: what has become public meanwhile, and a write to each connection that has output.
    pub fn give_out(&mut self) {
        self.now = Instant::now();
        self.catch_up();
        self.write_all();
        self.relieve();
        self.housekeep();
        // Connections that were closed while they were written to.
        self.submit();
        let figures = self.figures();
        figures.watches.set(self.watches.registrations() as u64);
        figures.connection_bytes.set(self.memory.held() as u64);
    }

    fn exchange(&self) -> &Exchange {
        &self.exchanges[self.index]
    }

    fn figures(&self) -> &ReactorStatus {
        &self.status.reactors[self.index]
    }

    /// The sum of one counter over the other reactors.
    fn sum_elsewhere(&self, counter: impl Fn(&ReactorStatus) -> &Counter) -> u64 {
        let others = self.status.reactors.iter().enumerate().filter(|(reactor, _)| *reactor != self.index);
        others.map(|(_, figures)| counter(figures).get()).sum()
    }

    /// Before the poll: how long it may sleep.
    pub fn rest(&mut self) -> Option<Duration> {
        // Reads that wait behind a write are owed exactly the version of that write. What is ahead is held against the
        // version before it.
        if self.outstanding == 0 && self.ahead.is_none() {
            self.reader.sleep();
        }
        self.timeout()
    }

    /// After the poll.
    pub fn rise(&mut self) {
        self.reader.wake();
    }

    /// How long the poll may sleep; the last look at the queues.
    fn timeout(&self) -> Option<Duration> {
        let exchange = self.exchange();
        if !self.revisit.is_empty()
            || !self.dirty.is_empty()
            || !self.counting.is_empty()
            || self.ahead.as_ref().is_some_and(Ahead::goes_on)
            || self.accept_again
            || !exchange.errands.is_empty()
            || !exchange.releases.is_empty()
        {
            return Some(Duration::ZERO);
        }
        if self.held.is_some() {
            return Some(RETRY);
        }
        if let Some(since) = self.stuck {
            return Some((self.now.saturating_duration_since(since) / RETRY_PART).clamp(RETRY, RETRY_MAX));
        }
        // A reactor without connections reports too: sessions expire only by what every reactor has said.
        let next = self.next_housekeeping.min(self.next_report);
        let until_next = next.saturating_duration_since(Instant::now());
        // Rounded up, so that the poll does not return a moment before it is time.
        Some(if until_next.is_zero() { until_next } else { until_next + Duration::from_millis(1) })
    }

    fn run_errands(&mut self) {
        while let Some(errand) = self.exchange().errands.pop() {
            match errand {
                Errand::Accepted { stream, address, port } => self.open(stream, address, port),
                Errand::Accept => self.accept_again = true,
                Errand::DescribeConnections { reactor, connection, long, inquiry } => {
                    let text = self.describe_connections(long);
                    let asker = &self.exchanges[reactor];
                    // An asker whose queue is full closes the word's connection when it has waited too long.
                    if asker.errands.push(Errand::Connections { connection, text, inquiry }).is_ok() {
                        asker.reactor_bell.ring();
                    }
                }
                Errand::Connections { connection, text, inquiry: _ } => self.gather(connection, &text),
                Errand::Stop => self.stopping = true,
            }
        }
    }

    fn accept_connections(&mut self) {
        let Some(listener) = self.listener.take() else {
            self.accept_again = false;
            return;
        };
        let status = self.status.clone();
        let outcome =
            accept(&listener, || status.peers.has_room(), |stream, address, port| self.place(stream, address, port));
        self.listener = Some(listener);
        self.accept_again = match outcome {
            Accepted::All => false,
            Accepted::Some => true,
            Accepted::Full => {
                tracing::warn!(
                    connections = status.peers.room(),
                    descriptors = status.descriptors_max,
                    "the limit of open files has no room for another client: connections wait until one closes; raise \
                     the limit (ulimit -n, LimitNOFILE= of a systemd unit)"
                );
                false
            }
            Accepted::Failed(error) => {
                tracing::error!(%error, "cannot accept a connection; those that wait are tried again");
                // Housekeeping tries again, which is soon enough and not at once.
                false
            }
        };
    }

    /// Gives a new connection to the reactor whose turn it is.
    fn place(&mut self, stream: TcpStream, address: std::net::IpAddr, port: u16) {
        let settings = &self.settings;
        let admitted = self.status.peers.admit(address, settings.connections_per_address_max, settings.connections_max);
        if !admitted {
            tracing::warn!(%address, most = settings.connections_per_address_max, "too many connections, from this address or in all; one was closed");
            return reset(stream);
        }
        let reactor = self.next_reactor;
        self.next_reactor = (reactor + 1) % self.exchanges.len();
        if reactor == self.index {
            return self.open(stream, address, port);
        }
        let exchange = &self.exchanges[reactor];
        let is_taken = exchange.errands.push(Errand::Accepted { stream, address, port }).is_ok();
        exchange.reactor_bell.ring();
        if !is_taken {
            tracing::warn!(%address, "a reactor has too many new connections; one was closed");
            self.status.peers.leave(address);
            self.note_released();
        }
    }

    fn open(&mut self, mut stream: TcpStream, address: std::net::IpAddr, port: u16) {
        let id = self.connections.next_id();
        let token = Token(id.slot as usize + FIRST_CONNECTION);
        let registered = stream
            .set_nodelay(true)
            .and_then(|()| self.keep_alive(&stream))
            .and_then(|()| self.registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE));
        if let Err(error) = registered {
            tracing::debug!(%address, %error, "a connection was gone before it was served");
            self.status.peers.leave(address);
            return self.release(stream);
        }
        let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        self.connections.insert(Box::new(Connection {
            id,
            stream,
            address,
            port,
            stage: Stage::Handshake,
            session: 0,
            timeout: 0,
            with_flag: false,
            ids: Identities::new(Id { scheme: "ip".into(), id: id_of_address(address) }),
            keeper: false,
            input: Vec::new(),
            output: Output::default(),
            pending: Default::default(),
            bodies: Bodies::default(),
            pending_bytes: 0,
            counted: 0,
            counted_output: 0,
            burdened: None,
            in_flight: 0,
            counts: false,
            greeted: self.now,
            progress: self.now,
            heard: false,
            known: false,
            starved: false,
            unread: false,
            ended: false,
            dirty: false,
            revisit: false,
            tally: Tally::new(wall_ms),
        }));
        self.figures().connections.set(self.connections.len() as u64);
    }

    /// A descriptor is closed: whoever waits for it may be accepted.
    fn note_released(&mut self) {
        if !self.status.peers.release() {
            return;
        }
        if self.index == ACCEPTOR {
            self.accept_again = true;
            return;
        }
        let exchange = &self.exchanges[ACCEPTOR];
        // Where the errand finds no room, housekeeping accepts again.
        let _ = exchange.errands.push(Errand::Accept);
        exchange.reactor_bell.ring();
    }

    fn keep_alive(&self, stream: &TcpStream) -> io::Result<()> {
        if self.settings.tcp_keep_alive { socket2::SockRef::from(stream).set_keepalive(true) } else { Ok(()) }
    }

    /// Forgets a connection and closes its socket; its session lives on.
    fn close(&mut self, slot: u32) {
        if let Some(stream) = self.detach(slot) {
            self.release(stream);
        }
    }

    /// Closes a socket, which makes room for another.
    fn release(&mut self, stream: TcpStream) {
        drop(stream);
        self.note_released();
    }

    /// Forgets a connection, which counts for its address no more; its session lives on. The socket is the caller's, who
    /// releases it.
    fn detach(&mut self, slot: u32) -> Option<TcpStream> {
        let mut connection = self.connections.remove(slot)?;
        self.status.peers.leave(connection.address);
        // A descriptor that is closed right after this is removed from the poll in any case.
        let _ = self.registry.deregister(&mut connection.stream);
        self.watches.forget(slot);
        self.memory.forget(&connection);
        if connection.starved {
            self.starved.retain(|starved| *starved != slot);
        }
        self.outstanding -= connection.in_flight;
        self.limits.large.release(connection.pending.iter().map(Pending::large).sum());
        if connection.heard && connection.session != 0 {
            self.heard_before_close.push(connection.session);
        }
        let has_session = connection.session != 0 || connection.stage == Stage::Establishing;
        if connection.known && (has_session || self.settings.tells_gone) {
            if self.settings.tells_gone {
                // Where there is no room, the replica hears of it in its turn.
                let _ = self.exchange().gone.push(connection.id);
            }
            self.request(connection.id, connection.session, false, RequestKind::Disconnected);
        }
        let figures = self.figures();
        figures.connections.set(self.connections.len() as u64);
        figures.outstanding.set(self.outstanding as u64);
        Some(connection.stream)
    }

    /// Puts a request without a body into the turn's submission.
    fn request(&mut self, connection: ConnectionId, session: i64, fence: bool, kind: RequestKind) {
        self.submission.requests.push(Request { connection, session, fence, received: self.now, kind });
    }

    /// Hands the turn's writes over. A full queue keeps them here; no more are decoded until it has room.
    fn submit(&mut self) {
        if self.submission.requests.is_empty() && self.submission.heard.is_none() {
            return;
        }
        if self.exchange().submissions.is_full() {
            self.stuck.get_or_insert(self.now);
            return;
        }
        let submission = self.submission.take();
        match self.exchange().submissions.push(submission) {
            Ok(()) => {
                self.stuck = None;
                self.exchange().replica_bell.ring();
                self.feed_the_starved();
            }
            Err(back) => self.submission = back,
        }
    }

    /// Waits with a connection for room in the submission.
    fn starve(&mut self, slot: u32) {
        if let Some(connection) = self.connections.at(slot)
            && !std::mem::replace(&mut connection.starved, true)
        {
            self.starved.push(slot);
        }
    }

    fn feed_the_starved(&mut self) {
        for slot in std::mem::take(&mut self.starved) {
            if let Some(connection) = self.connections.at(slot) {
                connection.starved = false;
            }
            self.revisit(slot);
        }
    }

    /// Tells the replica which sessions were heard of, once it is known of all up to the time for it.
    fn report(&mut self) {
        // What is heard while the last report waits for room goes into the next.
        if self.hearing.until() < self.next_report || self.submission.heard.is_some() {
            return;
        }
        self.next_report = self.now + self.settings.heard_interval;
        self.hear_those_who_wait();
        let mut sessions = std::mem::take(&mut self.heard_before_close);
        for slot in std::mem::take(&mut self.heard) {
            if let Some(connection) = self.connections.at(slot)
                && std::mem::take(&mut connection.heard)
            {
                sessions.push(connection.session);
            }
        }
        let pause = self.hearing.take_pause();
        self.submission.heard = Some(Heard { sessions, until: self.hearing.until(), at: Instant::now(), pause });
    }

    /// A client whose requests wait for the replica, for room on the way to it, for a version or for a count is alive,
    /// although nothing of it is decoded; one that waits only because it does not read its replies has to do something itself.
    fn hear_those_who_wait(&mut self) {
        let waiting = self.connections.iter_mut().filter(|connection| {
            connection.stage == Stage::Established
                && !connection.heard
                && (!connection.pending.is_empty() || connection.starved)
                && connection.has_more()
        });
        for connection in waiting {
            connection.heard = true;
            self.heard.push(connection.id.slot);
        }
    }

    fn housekeep(&mut self) {
        if self.now < self.next_housekeeping {
            return;
        }
        self.next_housekeeping = self.now + HOUSEKEEPING;
        self.stop_lingering();
        self.accept_again = self.listener.is_some();
        let deadline = self.settings.handshake_deadline;
        let is_stuck = self.stuck.is_some_and(|since| self.now.saturating_duration_since(since) > deadline);
        let late: Vec<u32> = self
            .connections
            .iter()
            .filter(|connection| {
                let has_deadline = match connection.stage {
                    Stage::Handshake | Stage::Gathering { .. } | Stage::Flushing => true,
                    // Whoever waits for its session may wait long. Whoever has given up must not keep a descriptor: its
                    // session begins without a connection, and expires as any other.
                    Stage::Establishing => connection.ended,
                    // Its end stands behind what is not read. What it has asked for is executed all the same, as far as it
                    // has been read.
                    Stage::Established | Stage::Leaving => connection.ended && is_stuck,
                };
                has_deadline && self.hearing.waited_since(connection.progress) > deadline
            })
            .map(|connection| connection.id.slot)
            .collect();
        for slot in late {
            self.close(slot);
        }
    }
}

/// Closes a connection that is one too many, so that its peer finds it refused and not merely quiet.
fn reset(stream: TcpStream) {
    if let Err(error) = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a connection that is one too many is closed and not reset");
    }
}
