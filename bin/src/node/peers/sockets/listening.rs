//! A port at which other servers connect.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use paddock_consensus::config::HostPort;
use paddock_net::accept::{Accepted, accept, listen};

/// Connections that may wait to be accepted. Servers are few.
const BACKLOG: i32 = 256;
/// What could not be opened is tried again after this.
const RETRY: Duration = Duration::from_secs(1);

pub struct Listening {
    /// Which port it is, for people.
    name: &'static str,
    places: Vec<Place>,
    is_open: bool,
    /// There may be somebody to accept.
    may_accept: bool,
    /// It was said that nobody can be accepted.
    failure_is_told: bool,
}

/// One of its addresses.
struct Place {
    address: HostPort,
    state: State,
    /// It was said that it cannot be opened.
    is_told: bool,
}

enum State {
    Closed,
    /// Its name is being looked up.
    Awaited,
    Open(Token, TcpListener),
    /// It is tried again then.
    Failed(Instant),
}

impl Listening {
    pub fn new(name: &'static str, addresses: Vec<HostPort>) -> Listening {
        let place = |address| Place { address, state: State::Closed, is_told: false };
        Listening {
            name,
            places: addresses.into_iter().map(place).collect(),
            is_open: false,
            may_accept: false,
            failure_is_told: false,
        }
    }

    /// It is to be open or closed. Returns the tokens of what is closed with that.
    pub fn set_open(&mut self, is_open: bool) -> Vec<Token> {
        let mut closed = Vec::new();
        if !is_open {
            for place in &mut self.places {
                if let State::Open(token, _) = std::mem::replace(&mut place.state, State::Closed) {
                    closed.push(token);
                }
            }
        }
        self.is_open = is_open;
        closed
    }

    /// The hosts at which it is to be opened now, each with its place. Each is owed [`Listening::take_found`].
    pub fn take_due(&mut self) -> Vec<(usize, Box<str>)> {
        if !self.is_open || self.places.iter().all(|place| matches!(place.state, State::Open(..) | State::Awaited)) {
            return Vec::new();
        }
        let now = Instant::now();
        let mut due = Vec::new();
        for (place, one) in self.places.iter_mut().enumerate() {
            if matches!(one.state, State::Closed) || matches!(one.state, State::Failed(again_at) if again_at <= now) {
                one.state = State::Awaited;
                due.push((place, one.address.host.clone()));
            }
        }
        due
    }

    /// The address of a host, or `None` if it could not be found. Whether the port is open there now, under this token.
    pub fn take_found(&mut self, place: usize, address: Option<IpAddr>, registry: &Registry, token: Token) -> bool {
        let Place { address: HostPort { host, port }, state, is_told } = &mut self.places[place];
        if !self.is_open || !matches!(state, State::Awaited) {
            return false;
        }
        let opened = match address {
            Some(address) => open(SocketAddr::new(address, *port), registry, token).map_err(|error| error.to_string()),
            None => Err("its name cannot be looked up".to_owned()),
        };
        match opened {
            Ok(listener) => {
                *state = State::Open(token, listener);
                *is_told = false;
                self.may_accept = true;
                true
            }
            Err(why) => {
                *state = State::Failed(Instant::now() + RETRY);
                if !std::mem::replace(is_told, true) {
                    let name = self.name;
                    tracing::error!(
                        "the {name} port {host}:{port} cannot be opened, so that no server can connect here; it is tried \
                         again each second: {why}"
                    );
                }
                false
            }
        }
    }

    /// Somebody waits to be accepted.
    pub fn note_readable(&mut self) {
        self.may_accept = true;
    }

    /// Accepts those who wait, as many as a turn accepts, with their addresses.
    pub fn accept(&mut self) -> Vec<(TcpStream, SocketAddr)> {
        if !std::mem::take(&mut self.may_accept) {
            return Vec::new();
        }
        let mut accepted = Vec::new();
        for place in &self.places {
            let State::Open(_, listener) = &place.state else { continue };
            let take = |stream, address: IpAddr, port| accepted.push((stream, SocketAddr::new(address, port)));
            match accept(listener, || true, take) {
                Accepted::All => self.failure_is_told = false,
                Accepted::Some | Accepted::Full => self.may_accept = true,
                Accepted::Failed(error) => {
                    // Nothing tells of those who wait already, so that the next turn looks again.
                    self.may_accept = true;
                    if !std::mem::replace(&mut self.failure_is_told, true) {
                        tracing::error!(
                            "no server can be accepted at the {} port, which is tried again; does the process need more \
                             file descriptors (ulimit -n)? {error}",
                            self.name
                        );
                    }
                }
            }
        }
        accepted
    }
}

fn open(address: SocketAddr, registry: &Registry, token: Token) -> std::io::Result<TcpListener> {
    let mut listener = listen(address, BACKLOG)?;
    registry.register(&mut listener, token, Interest::READABLE)?;
    Ok(listener)
}
