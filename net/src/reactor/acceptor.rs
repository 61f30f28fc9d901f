//! New connections: one reactor accepts for all, and gives them to each in turn.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry};

use super::clients::Clients;
use super::reactors::ACCEPTOR;
use super::token::{LISTENER, SECURE_LISTENER};
use crate::accept::{Accepted, accept, listen};
use crate::client_tls::PortKind;
use crate::serving::Serve;

/// The listening sockets of a server.
#[derive(Default)]
pub struct Listeners {
    /// `clientPort`, and what its connections are.
    pub plain: Option<(TcpListener, PortKind)>,
    /// `secureClientPort`.
    pub secure: Option<TcpListener>,
}

/// The listening sockets, if this is the reactor that has them.
pub struct Acceptor {
    plain: Port,
    secure: Port,
    registry: Registry,
    /// Where clients are to connect, and cannot yet.
    move_to: Option<Move>,
    /// Whose turn it is to be given a connection.
    next_reactor: usize,
}

/// A port for clients.
struct Port {
    listener: Option<TcpListener>,
    kind: PortKind,
    /// Whether connections may wait at the listener although no event will tell of them.
    is_due: bool,
}

impl Port {
    fn new(listener: Option<TcpListener>, kind: PortKind) -> Port {
        Port { is_due: listener.is_some(), listener, kind }
    }

    fn note_due(&mut self) {
        self.is_due = self.listener.is_some();
    }
}

/// The listener is to be at another address.
struct Move {
    address: SocketAddr,
    backlog: i32,
    /// It was said that it cannot be.
    failure_is_told: bool,
}

impl Acceptor {
    /// # Errors
    /// When the poll cannot watch a listener.
    pub fn new(listeners: Listeners, registry: &Registry) -> io::Result<Acceptor> {
        let Listeners { plain, mut secure } = listeners;
        let (mut plain, kind) = plain.map_or((None, PortKind::Plain), |(listener, kind)| (Some(listener), kind));
        for (listener, token) in [(&mut plain, LISTENER), (&mut secure, SECURE_LISTENER)] {
            if let Some(listener) = listener {
                registry.register(listener, token, Interest::READABLE)?;
            }
        }
        Ok(Acceptor {
            plain: Port::new(plain, kind),
            secure: Port::new(secure, PortKind::Secure),
            registry: registry.try_clone()?,
            move_to: None,
            next_reactor: ACCEPTOR,
        })
    }

    /// Clients connect here from now on, but for those to the secure port; those who are connected stay. Where it cannot be opened it is tried again.
    pub fn move_to(&mut self, address: SocketAddr, backlog: i32) {
        let is_there =
            self.plain.listener.as_ref().is_some_and(|listener| listener.local_addr().is_ok_and(|at| at == address));
        self.move_to = (!is_there).then_some(Move { address, backlog, failure_is_told: false });
        self.go_on_moving();
    }

    /// Tries to open what could not be opened before.
    pub fn go_on_moving(&mut self) {
        let Some(Move { address, backlog, .. }) = self.move_to else { return };
        let opened = self.open(address, backlog).or_else(|error| {
            // The former listener may be what has the port, at every address of the machine or at one of them.
            let former = self.plain.listener.as_ref().and_then(|listener| listener.local_addr().ok());
            let Some(former) =
                former.filter(|former| error.kind() == io::ErrorKind::AddrInUse && former.port() == address.port())
            else {
                return Err(error);
            };
            self.plain.listener = None;
            let opened = self.open(address, backlog);
            if opened.is_err() {
                self.plain.listener = self.open(former, backlog).ok();
            }
            opened
        });
        match opened {
            Ok(listener) => {
                tracing::info!("listening on {address} for clients from now on");
                (self.plain.listener, self.plain.is_due, self.move_to) = (Some(listener), true, None);
            }
            Err(error) => {
                if let Some(Move { failure_is_told: is_told @ false, .. }) = &mut self.move_to {
                    *is_told = true;
                    tracing::error!(
                        "cannot listen on {address}, where the ensemble's configuration has this server for clients; they connect \
                         where they did until it can, and it is tried again: {error}"
                    );
                }
            }
        }
    }

    fn open(&self, address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
        let mut listener = listen(address, backlog)?;
        self.registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(listener)
    }

    /// Whether connections may wait at a listener although no event will tell of them.
    pub fn is_due(&self) -> bool {
        self.plain.is_due || self.secure.is_due
    }

    /// Has the listeners looked at in this turn, if there are any.
    pub fn note_due(&mut self) {
        self.plain.note_due();
        self.secure.note_due();
    }

    /// Accepts those that wait, where that is due.
    pub fn accept(&mut self, clients: &mut Clients) {
        let Acceptor { plain, secure, next_reactor, .. } = self;
        for port in [plain, secure] {
            accept_at(port, clients, next_reactor);
        }
    }
}

fn accept_at(port: &mut Port, clients: &mut Clients, next_reactor: &mut usize) {
    let Port { listener: Some(listener), kind, is_due: true } = port else { return };
    let (kind, status) = (*kind, clients.ledger.figures.status().clone());
    let outcome = accept(
        listener,
        || status.peers.has_room(),
        |stream, address, port| assign(clients, next_reactor, (stream, kind), (address, port)),
    );
    port.is_due = matches!(outcome, Accepted::Some);
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
            clients.ledger.figures.own().handshakes.rejected.add(1);
            tracing::error!(%error, "cannot accept a connection; those that wait are tried again");
        }
    }
}

/// Gives a new connection to the reactor whose turn it is.
fn assign(
    clients: &mut Clients,
    next_reactor: &mut usize,
    (stream, kind): (TcpStream, PortKind),
    (address, port): (IpAddr, u16),
) {
    let settings = &clients.ledger.settings;
    let (per_address_max, total_max) = (settings.connections_per_address_max, settings.connections_max);
    let figures = clients.ledger.figures.own();
    if !clients.ledger.figures.status().peers.admit(address, per_address_max, total_max) {
        figures.handshakes.rejected.add(1);
        tracing::warn!(%address, most = per_address_max, "too many connections, from this address or in all; one was closed");
        return reset(stream);
    }
    if kind != PortKind::Secure {
        let plain =
            if address.is_loopback() { &figures.handshakes.plain_local } else { &figures.handshakes.plain_remote };
        plain.add(1);
    }
    if kind != PortKind::Plain && !may_shake_hands(clients, kind, address) {
        return clients.turn_away(stream, address);
    }
    let reactor = *next_reactor;
    *next_reactor = (reactor + 1) % clients.reactors.count();
    if reactor == clients.reactors.index() {
        clients.open(stream, kind, (address, port));
    } else if !clients.reactors.hand_over(reactor, stream, kind, (address, port)) {
        clients.ledger.figures.own().handshakes.rejected.add(1);
        tracing::warn!(%address, "a reactor has too many new connections; one was closed");
        clients.note_turned_away(kind, address);
    }
}

/// Whether there may be another TLS handshake. If so, it counts from now on.
fn may_shake_hands(clients: &Clients, kind: PortKind, address: IpAddr) -> bool {
    let ledger = &clients.ledger;
    let Some(tls) = &ledger.settings.tls else { unreachable!("such a port is opened with a context alone") };
    if kind == PortKind::Secure && tls.drops_early() && ledger.serving() == Serve::No {
        ledger.figures.own().handshakes.unserved.add(1);
        tracing::debug!(%address, "a secure connection was closed before its handshake, because nobody is served");
        return false;
    }
    let may = ledger.figures.status().tls_handshakes.begin(tls.handshakes_max());
    if !may {
        ledger.figures.own().handshakes.exceeded.add(1);
        tracing::debug!(%address, "too many TLS handshakes are under way; a connection was closed");
    }
    may
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
        (self.plain.is_due, self.secure.is_due, self.next_reactor) = (false, false, ACCEPTOR);
    }
}
