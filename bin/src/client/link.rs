//! The thread of a client: it drives the session over one connection after the other, and reads the clock.
//!
//! The servers are tried in an order of chance, each at all of its addresses; after the end of a connection the others first. When
//! none of a round could be reached, whoever waits is told so, and the next round begins after a pause.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use paddock_consensus::config::HostPort;

use crate::security::{self, Security};

use super::pulse::{Due, Phase, Pulse};
use super::seeker::Seeker;
use super::session::{Call, Session};
use super::state::State;

const STREAM: Token = Token(0);
pub const WAKER: Token = Token(1);
const EVENTS_MAX: usize = 16;
/// After a round in which no server could be reached, and after a connection that was open for less than this.
const ROUND_PAUSE: Duration = Duration::from_millis(500);
/// A longer reply is taken for a broken stream. A list of many children is long; it is kept as it arrives, and no memory is
/// reserved by its length.
const REPLY_BYTES_MAX: usize = 256 << 20;
/// Read in one turn before requests are looked at again.
const TURN_BYTES: usize = 4 << 20;
const CHUNK_BYTES: usize = 64 << 10;
/// No request is taken while so much is not sent.
const OUT_BYTES_MAX: usize = 4 << 20;

/// What other threads want of it.
pub enum Order {
    Call(Call),
    AddAuth {
        scheme: String,
        secret: Option<Vec<u8>>,
    },
    /// The sender is told when the session is over, or goes.
    Close(Sender<()>),
    /// This server takes writes.
    GoTo(HostPort),
}

struct Stream {
    wire: security::Stream<TcpStream>,
    is_connected: bool,
    /// There may be something to read that no event will tell of.
    may_read: bool,
}

pub struct Link {
    poll: Poll,
    waker: Arc<Waker>,
    orders: Receiver<Order>,
    /// For a seeker, which has an order too.
    own_orders: Sender<Order>,
    hosts: Vec<HostPort>,
    security: Security,
    /// Those of this round that were not tried, each with its host.
    untried: VecDeque<(SocketAddr, Box<str>)>,
    /// Where to go first.
    wanted: Option<HostPort>,
    /// Of this connection, or of the last one.
    address: Option<SocketAddr>,
    /// When a server has welcomed it last.
    opened: Option<Instant>,
    /// Nothing is tried before.
    next_round: Instant,
    session: Session,
    pulse: Pulse,
    seeker: Option<Seeker>,
    stream: Option<Stream>,
    out: Vec<u8>,
    /// Bytes of `out` that were sent.
    sent: usize,
    input: Vec<u8>,
    /// Why there was no connection, as it was told last.
    explained: Option<String>,
}

impl Link {
    /// The hosts are tried in this order.
    pub fn new(
        poll: Poll,
        waker: Arc<Waker>,
        (own_orders, orders): (Sender<Order>, Receiver<Order>),
        (hosts, security): (Vec<HostPort>, Security),
        session: Session,
    ) -> Link {
        let now = Instant::now();
        let pulse = Pulse::new(milliseconds(session.timeout_ms()), hosts.len(), now);
        Link {
            poll,
            waker,
            orders,
            own_orders,
            hosts,
            security,
            untried: VecDeque::new(),
            wanted: None,
            address: None,
            opened: None,
            next_round: now,
            session,
            pulse,
            seeker: None,
            stream: None,
            out: Vec::new(),
            sent: 0,
            input: Vec::new(),
            explained: None,
        }
    }

    /// Until the session is over.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while self.session.state().is_alive() {
            if let Err(error) = self.turn(&mut events) {
                self.explain(&error);
                self.lose();
            }
        }
        self.session.end();
        // Orders that came meanwhile are answered that there is nobody; later ones find that there is nobody.
        while let Ok(order) = self.orders.try_recv() {
            self.obey(order);
        }
    }

    /// Of what goes wrong with TLS a person would never know: it is tried again and again. Each reason is told once.
    fn explain(&mut self, error: &io::Error) {
        if !self.security.has_tls() || !matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput) {
            return;
        }
        let why = error.to_string();
        if self.explained.as_deref() != Some(&why) {
            eprintln!("paddock: there is no connection: {why}");
            self.explained = Some(why);
        }
    }

    /// # Errors
    /// The connection is of no more use.
    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        // Also where every attempt fails at once.
        if self.stream.is_none() && self.pulse.is_expired(self.session.exists(), Instant::now()) {
            self.session.expire();
            return Ok(());
        }
        self.dial()?;
        let patience = self.patience();
        match self.poll.poll(events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        let has_stream_event = events.iter().any(|event| event.token() == STREAM);
        if has_stream_event && let Some(stream) = &mut self.stream {
            stream.may_read = true;
            self.finish_connecting()?;
        }
        self.read()?;
        self.take_orders();
        self.keep_alive()?;
        self.write()?;
        self.seek();
        Ok(())
    }

    /// How long there is nothing to do unless something comes.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        match &self.stream {
            None => self.next_round.saturating_duration_since(now),
            Some(stream) if stream.is_connected && stream.may_read => Duration::ZERO,
            Some(_) => match self.pulse.due(self.phase(), self.session.exists(), now) {
                Due::Nothing(left) => left,
                Due::Ping | Due::Lost | Due::Expired => Duration::ZERO,
            },
        }
    }

    fn phase(&self) -> Phase {
        if self.session.is_open() { Phase::Open } else { Phase::Opening }
    }

    /// Begins to connect, if it is time to.
    fn dial(&mut self) -> io::Result<()> {
        if self.stream.is_some() || Instant::now() < self.next_round {
            return Ok(());
        }
        if self.untried.is_empty() {
            self.untried = self.addresses();
        }
        let Some((address, host)) = self.untried.pop_front() else {
            return Err(io::Error::new(ErrorKind::NotFound, "no address is known of any server"));
        };
        self.pulse.begins(Instant::now());
        self.address = Some(address);
        let mut socket = TcpStream::connect(address)?;
        self.poll.registry().register(&mut socket, STREAM, Interest::READABLE | Interest::WRITABLE)?;
        self.session.reaches(&host);
        let wire = self.security.over(socket, &host)?;
        self.stream = Some(Stream { wire, is_connected: false, may_read: false });
        Ok(())
    }

    /// All addresses of the wanted host, and then of all of them; where it was last, it goes last. The name service may take its
    /// time.
    fn addresses(&mut self) -> VecDeque<(SocketAddr, Box<str>)> {
        let hosts = self.wanted.take().into_iter().chain(self.hosts.iter().cloned());
        // A host that is not known now may be known in the next round.
        let addresses = hosts.flat_map(|host| {
            let found = (&*host.host, host.port).to_socket_addrs().into_iter().flatten();
            found.map(move |address| (address, host.host.clone()))
        });
        let (left, others): (Vec<_>, Vec<_>) = addresses.partition(|(address, _)| self.address == Some(*address));
        others.into_iter().chain(left).collect()
    }

    /// A stream that has become writable is connected, or has failed.
    fn finish_connecting(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        if stream.is_connected {
            return Ok(());
        }
        let socket = stream.wire.socket();
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        match socket.peer_addr() {
            Ok(_) => {}
            // Not yet: another event will tell.
            Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(()),
            Err(error) => return Err(error),
        }
        socket.set_nodelay(true)?;
        stream.is_connected = true;
        self.pulse.connected(Instant::now());
        self.session.greet(&mut self.out);
        Ok(())
    }

    fn read(&mut self) -> io::Result<()> {
        let mut taken = 0;
        let mut chunk = [0; CHUNK_BYTES];
        while taken < TURN_BYTES {
            let Some(stream) = self.stream.as_mut().filter(|stream| stream.is_connected && stream.may_read) else {
                return Ok(());
            };
            match stream.wire.read(&mut chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => {
                    taken += bytes;
                    self.input.extend_from_slice(&chunk[..bytes]);
                    self.pulse.heard(Instant::now());
                    self.take_frames()?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => stream.may_read = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Hands every whole frame to the session.
    fn take_frames(&mut self) -> io::Result<()> {
        let mut at = 0;
        while let Some((length, rest)) = self.input[at..].split_first_chunk::<4>() {
            let length = usize::try_from(i32::from_be_bytes(*length)).ok().filter(|length| *length <= REPLY_BYTES_MAX);
            let length = length.ok_or(ErrorKind::InvalidData)?;
            let Some(payload) = rest.get(..length) else { break };
            let was_open = self.session.is_open();
            let received = self.session.receive(payload, &mut self.out);
            received.map_err(|broken| io::Error::new(ErrorKind::InvalidData, broken.to_string()))?;
            if let Some(trouble) = self.session.take_trouble() {
                eprintln!("paddock: the login at the server has failed: {trouble}");
            }
            at += 4 + length;
            if self.session.is_open() && !was_open {
                self.pulse.negotiated(milliseconds(self.session.timeout_ms()));
                self.opened = Some(Instant::now());
                // After the end of this connection all servers are as good as each other again.
                self.untried.clear();
            }
        }
        self.input.drain(..at);
        Ok(())
    }

    fn take_orders(&mut self) {
        while self.out.len() - self.sent < OUT_BYTES_MAX {
            let Ok(order) = self.orders.try_recv() else { return };
            self.obey(order);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Call(call) => self.session.submit(call, &mut self.out),
            Order::AddAuth { scheme, secret } => self.session.add_auth(scheme, secret, &mut self.out),
            Order::Close(told) => self.session.close(told, &mut self.out),
            Order::GoTo(host) => {
                self.seeker = None;
                if self.session.state() == State::ConnectedReadOnly {
                    self.drop_stream();
                    self.session.lose(false);
                    self.wanted = Some(host);
                    self.next_round = Instant::now();
                }
            }
        }
    }

    fn keep_alive(&mut self) -> io::Result<()> {
        if self.stream.is_none() {
            return Ok(());
        }
        let now = Instant::now();
        match self.pulse.due(self.phase(), self.session.exists(), now) {
            Due::Nothing(_) => Ok(()),
            Due::Ping => {
                self.session.ping(&mut self.out);
                self.pulse.said(now);
                Ok(())
            }
            Due::Lost => Err(ErrorKind::TimedOut.into()),
            Due::Expired => {
                self.session.expire();
                Ok(())
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.is_connected) else { return Ok(()) };
        while self.sent < self.out.len() {
            match stream.wire.write(&self.out[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => {
                    self.sent += bytes;
                    self.pulse.said(Instant::now());
                }
                // An event tells when it takes more.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.sent = 0;
        match stream.wire.flush() {
            // An event tells when it takes more.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            flushed => flushed,
        }
    }

    /// The connection, or an attempt at one, has failed.
    fn lose(&mut self) {
        self.drop_stream();
        let is_last = !self.session.is_open() && self.untried.is_empty();
        // A server that welcomes and hangs up would be asked without end otherwise.
        let is_brief = self.session.is_open() && self.opened.is_some_and(|opened| opened.elapsed() < ROUND_PAUSE);
        if is_last || is_brief {
            self.next_round = Instant::now() + ROUND_PAUSE;
        }
        self.session.lose(is_last);
    }

    fn drop_stream(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            // It goes in any case.
            drop(self.poll.registry().deregister(stream.wire.socket_mut()));
        }
        self.out.clear();
        self.sent = 0;
        self.input.clear();
    }

    /// Has a server looked for that takes writes, as long as this one does not.
    fn seek(&mut self) {
        let is_wanted = self.session.state() == State::ConnectedReadOnly;
        if !is_wanted {
            self.seeker = None;
        } else if self.seeker.is_none() {
            let (orders, waker) = (self.own_orders.clone(), self.waker.clone());
            let found = move |host| {
                // Where nobody takes it the session is over.
                if orders.send(Order::GoTo(host)).is_ok() {
                    drop(waker.wake());
                }
            };
            // Without a thread it is tried in the next turn.
            self.seeker = Seeker::begin(self.hosts.clone(), self.security.clone(), found).ok();
        }
    }
}

fn milliseconds(number: i32) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}

#[cfg(test)]
mod tests;
