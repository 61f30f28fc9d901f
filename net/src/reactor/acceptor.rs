//! New connections: one reactor accepts for all, and gives them to each in turn.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry};

use super::clients::Clients;
use super::reactors::ACCEPTOR;
use super::token::LISTENER;
use crate::accept::{Accepted, accept};

/// The listening socket, if this is the reactor that has it.
pub struct Acceptor {
    listener: Option<TcpListener>,
    /// Whether connections may wait at the listener although no event will tell of them.
    is_due: bool,
    /// Whose turn it is to be given a connection.
    next_reactor: usize,
}

impl Acceptor {
    /// # Errors
    /// When the poll cannot watch the listener.
    pub fn new(mut listener: Option<TcpListener>, registry: &Registry) -> io::Result<Acceptor> {
        if let Some(listener) = &mut listener {
            registry.register(listener, LISTENER, Interest::READABLE)?;
        }
        Ok(Acceptor { is_due: listener.is_some(), listener, next_reactor: ACCEPTOR })
    }

    /// Whether connections may wait at the listener although no event will tell of them.
    pub fn is_due(&self) -> bool {
        self.is_due
    }

    /// Has the listener looked at in this turn, if there is one.
    pub fn note_due(&mut self) {
        self.is_due = self.listener.is_some();
    }

    /// Accepts those that wait, if it is due.
    pub fn accept(&mut self, clients: &mut Clients) {
        let Acceptor { listener: Some(listener), is_due: true, next_reactor } = self else { return };
        let status = clients.ledger.figures.status().clone();
        let outcome = accept(
            listener,
            || status.peers.has_room(),
            |stream, address, port| assign(clients, next_reactor, stream, address, port),
        );
        self.is_due = matches!(outcome, Accepted::Some);
        match outcome {
            Accepted::All | Accepted::Some => {}
            Accepted::Full => tracing::warn!(
                connections = status.peers.room(),
                descriptors = status.descriptors_max,
                "the limit of open files has no room for another client: connections wait until one closes; raise \
                 the limit (ulimit -n, LimitNOFILE= of a systemd unit)"
            ),
            // The next housekeeping accepts, which is soon enough and not at once.
            Accepted::Failed(error) => {
                tracing::error!(%error, "cannot accept a connection; those that wait are tried again");
            }
        }
    }
}

/// Gives a new connection to the reactor whose turn it is.
fn assign(clients: &mut Clients, next_reactor: &mut usize, stream: TcpStream, address: IpAddr, port: u16) {
    let settings = &clients.ledger.settings;
    let (per_address_max, total_max) = (settings.connections_per_address_max, settings.connections_max);
    if !clients.ledger.figures.status().peers.admit(address, per_address_max, total_max) {
        tracing::warn!(%address, most = per_address_max, "too many connections, from this address or in all; one was closed");
        return reset(stream);
    }
    let reactor = *next_reactor;
    *next_reactor = (reactor + 1) % clients.reactors.count();
    if reactor == clients.reactors.index() {
        clients.open(stream, address, port);
    } else if !clients.reactors.hand_over(reactor, stream, address, port) {
        tracing::warn!(%address, "a reactor has too many new connections; one was closed");
        clients.note_turned_away(address);
    }
}

/// Closes a connection that is one too many, so that its peer finds it refused and not merely quiet.
fn reset(stream: TcpStream) {
    if let Err(error) = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a connection that is one too many is closed and not reset");
    }
}

#[cfg(test)]
impl Acceptor {
    /// The next connection stays with the reactor that accepts, and nothing is due.
    pub fn restart(&mut self) {
        (self.is_due, self.next_reactor) = (false, ACCEPTOR);
    }
}
