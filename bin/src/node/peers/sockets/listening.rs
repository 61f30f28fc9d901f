//! A port at which other servers connect, with all of its addresses.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use mio::net::TcpStream;
use paddock_consensus::config::HostPort;
use paddock_consensus::settings::Ms;
use paddock_net::accept::{Accepted, accept};

use super::listener::{Listener, MyId};
use super::watched::Watched;
use crate::node::peers::links::{CannotListen, Port};

/// Where nobody can be accepted, it is tried again after this: nothing tells when there are file descriptors again.
const ACCEPT_RETRY: Ms = Ms(200);
/// Connections that are accepted at one address in a turn. Only then strangers are too many, and the oldest are closed: so many
/// there may be beyond that.
pub const ACCEPTS_PER_TURN: usize = 32;

pub struct Listening {
    port: Port,
    my_id: Arc<MyId>,
    /// Each in a place of its own, which no later one is given.
    listeners: BTreeMap<usize, Listener>,
    next_place: usize,
    /// How often it is tried to open it before that is told as a failure; 0 for ever.
    tries_max: u32,
    is_open: bool,
    /// There may be somebody to accept.
    may_accept: bool,
    /// Somebody is to be accepted who could not be. It is tried again then.
    accepts_again: Option<Ms>,
    /// It was said that nobody can be accepted.
    failure_is_told: bool,
}

impl Listening {
    pub fn new(port: Port, addresses: Vec<HostPort>, my_id: &Arc<MyId>, tries_max: u32) -> Listening {
        let mut listening = Listening {
            port,
            my_id: my_id.clone(),
            listeners: BTreeMap::new(),
            next_place: 0,
            tries_max,
            is_open: false,
            may_accept: false,
            accepts_again: None,
            failure_is_told: false,
        };
        addresses.into_iter().for_each(|address| listening.add(address));
        listening
    }

    fn add(&mut self, address: HostPort) {
        self.listeners.insert(self.next_place, Listener::new(self.port, address, self.my_id.clone()));
        self.next_place += 1;
    }

    /// These are its addresses from here on. One that stays is not closed; those that come are opened when the port is.
    pub fn move_to(&mut self, addresses: Vec<HostPort>, watched: &mut Watched) {
        self.listeners.retain(|_, listener| {
            let stays = addresses.contains(listener.address());
            if !stays {
                listener.close(watched);
            }
            stays
        });
        for address in addresses {
            if !self.listeners.values().any(|listener| *listener.address() == address) {
                self.add(address);
            }
        }
    }

    /// It is to be open or closed.
    pub fn set_open(&mut self, is_open: bool, watched: &mut Watched) {
        if !is_open {
            self.listeners.values_mut().for_each(|listener| listener.close(watched));
            (self.may_accept, self.accepts_again) = (false, None);
        }
        self.is_open = is_open;
    }

    /// Opens what is to be open and can be. Returns the names that are to be looked up for that, each with the place of its
    /// listener; each is owed [`Listening::take_found`].
    pub fn open_due(&mut self, now: Ms, watched: &mut Watched) -> Vec<(usize, Box<str>)> {
        let mut names = Vec::new();
        if !self.is_open {
            return names;
        }
        for (&place, listener) in &mut self.listeners {
            if !listener.take_due(now) {
                continue;
            }
            match listener.literal() {
                Some(addresses) => {
                    listener.open(&addresses, now, watched);
                    self.may_accept = true;
                }
                None => names.push((place, listener.address().host.clone())),
            }
        }
        names
    }

    /// The addresses of a name, none if it could not be looked up. Their ports do not count.
    pub fn take_found(&mut self, place: usize, addresses: &[SocketAddr], now: Ms, watched: &mut Watched) {
        let Some(listener) = self.listeners.get_mut(&place) else { return };
        let port = listener.address().port;
        let at_port = |address: &SocketAddr| {
            let mut address = *address;
            address.set_port(port);
            address
        };
        let addresses: Vec<SocketAddr> = addresses.iter().map(at_port).collect();
        listener.open(&addresses, now, watched);
        self.may_accept = true;
    }

    /// # Errors
    /// If it was tried as often as may be to open it at each address, and it is open at none.
    pub fn check(&self) -> Result<(), CannotListen> {
        let is_lost = |listener: &Listener| self.tries_max > 0 && listener.failures() >= self.tries_max;
        if !self.is_open || self.listeners.is_empty() || !self.listeners.values().all(is_lost) {
            return Ok(());
        }
        let addresses = self.listeners.values().map(|listener| listener.address().clone()).collect();
        let mut reasons: Vec<&str> = self.listeners.values().map(Listener::why).collect();
        reasons.dedup();
        Err(CannotListen { port: self.port, addresses, tries: self.tries_max, why: reasons.join("; ") })
    }

    /// Whether this address of the machine is one at which it is open.
    pub fn is_at(&self, address: SocketAddr) -> bool {
        self.listeners.values().any(|listener| listener.is_at(address))
    }

    /// Somebody waits to be accepted.
    pub fn note_readable(&mut self) {
        self.may_accept = true;
    }

    /// Whether somebody waits to be accepted for whom the turn had no room.
    pub fn has_more(&self) -> bool {
        self.may_accept
    }

    /// When there is something to try again.
    pub fn deadline(&self) -> Option<Ms> {
        self.listeners.values().filter_map(Listener::deadline).chain(self.accepts_again).min()
    }

    /// Accepts those who wait, as many as a turn accepts, with their addresses.
    pub fn accept(&mut self, now: Ms) -> Vec<(TcpStream, SocketAddr)> {
        let mut accepted = Vec::new();
        let is_again = self.accepts_again.take_if(|again_at| *again_at <= now).is_some();
        if !mem::take(&mut self.may_accept) && !is_again {
            return accepted;
        }
        let mut failure = None;
        for listener in self.listeners.values().flat_map(Listener::sockets) {
            let room = Cell::new(ACCEPTS_PER_TURN);
            let take = |stream, address: IpAddr, port| {
                room.set(room.get() - 1);
                accepted.push((stream, SocketAddr::new(address, port)));
            };
            match accept(listener, || room.get() > 0, take) {
                Accepted::All => {}
                Accepted::Some | Accepted::Full => self.may_accept = true,
                Accepted::Failed(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) => {
                self.accepts_again = Some(now.after(ACCEPT_RETRY));
                if !mem::replace(&mut self.failure_is_told, true) {
                    tracing::error!(
                        "no server can be accepted at the {} port, which is tried again; does the process need more \
                         file descriptors (ulimit -n)? {error}",
                        self.port
                    );
                }
            }
            None => self.failure_is_told = false,
        }
        accepted
    }
}
