//! One address of a port, at which other servers connect.
//!
//! Its name is looked up each time it is opened, and not while it is open, as in ZooKeeper: a machine whose address changes
//! under a server that runs needs a restart of the server.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use mio::Token;
use mio::net::TcpListener;
use paddock_consensus::ServerId;
use paddock_consensus::config::HostPort;
use paddock_consensus::settings::Ms;
use paddock_engine::io::advice;
use paddock_net::accept::listen;

use super::watched::{Use, Watched};
use crate::node::peers::links::Port;

/// Connections that may wait to be accepted. Servers are few.
const BACKLOG: i32 = 256;
/// What could not be opened is tried again after this, as in ZooKeeper.
const RETRY: Ms = Ms(1000);

/// Which server this is, and the file that says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MyId {
    pub server: ServerId,
    pub file: PathBuf,
}

pub struct Listener {
    port: Port,
    address: HostPort,
    my_id: Arc<MyId>,
    /// A name may stand for several addresses of this machine: there is one for each.
    sockets: Vec<Socket>,
    state: State,
    /// How often it could be opened at none of its addresses since it was open last.
    failures: u32,
    /// Why it cannot be opened, once that was said.
    told: Option<Box<str>>,
}

struct Socket {
    address: SocketAddr,
    token: Token,
    listener: TcpListener,
}

enum State {
    Closed,
    /// Its name is being looked up.
    Awaited,
    Open,
    /// It is not open at each address. It is tried again then.
    Failed(Ms),
}

impl Listener {
    pub fn new(port: Port, address: HostPort, my_id: Arc<MyId>) -> Listener {
        Listener { port, address, my_id, sockets: Vec::new(), state: State::Closed, failures: 0, told: None }
    }

    pub fn address(&self) -> &HostPort {
        &self.address
    }

    /// Those who listen now.
    pub fn sockets(&self) -> impl Iterator<Item = &TcpListener> {
        self.sockets.iter().map(|socket| &socket.listener)
    }

    /// Whether this address of the machine is one at which it is open.
    pub fn is_at(&self, address: SocketAddr) -> bool {
        let is_there =
            |own: SocketAddr| own.port() == address.port() && (own.ip() == address.ip() || own.ip().is_unspecified());
        self.sockets.iter().any(|socket| is_there(socket.address))
    }

    /// How often it could not be opened at all since it was open last. A name that cannot be looked up says nothing of the port,
    /// and does not count: its server may be the first one to know the name.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Why it cannot be opened, and what to do; empty if that is not known.
    pub fn why(&self) -> &str {
        self.told.as_deref().unwrap_or_default()
    }

    pub fn close(&mut self, watched: &mut Watched) {
        self.sockets.drain(..).for_each(|socket| watched.forget(socket.token));
        self.state = State::Closed;
    }

    /// Whether it is to be opened now. Its addresses are awaited then.
    pub fn take_due(&mut self, now: Ms) -> bool {
        let is_due = matches!(self.state, State::Closed) || self.deadline().is_some_and(|again_at| again_at <= now);
        if is_due {
            self.state = State::Awaited;
        }
        is_due
    }

    /// When it is tried again.
    pub fn deadline(&self) -> Option<Ms> {
        match self.state {
            State::Failed(again_at) => Some(again_at),
            State::Closed | State::Awaited | State::Open => None,
        }
    }

    /// What its host stands for, if that is an address and not a name.
    pub fn literal(&self) -> Option<Vec<SocketAddr>> {
        let address: IpAddr = self.address.host.parse().ok()?;
        let all = [IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
        let addresses = if address.is_unspecified() { all.to_vec() } else { vec![address] };
        Some(addresses.into_iter().map(|address| SocketAddr::new(address, self.address.port)).collect())
    }

    /// Opens it at its addresses, of which there are none if its name could not be looked up. Does nothing if they are not
    /// awaited any more.
    pub fn open(&mut self, addresses: &[SocketAddr], now: Ms, watched: &mut Watched) {
        if !matches!(self.state, State::Awaited) {
            return;
        }
        match self.open_each(addresses, watched) {
            Ok(()) => {
                self.state = State::Open;
                if self.told.take().is_some() {
                    tracing::info!("{self} is open now");
                }
            }
            Err(why) => {
                self.state = State::Failed(now.after(RETRY));
                if self.told.as_deref() != Some(why.as_str()) {
                    tracing::error!(
                        "{self} cannot be opened, so that no server can connect there; it is tried again each second: {why}"
                    );
                    self.told = Some(why.into());
                }
            }
        }
        self.failures = match (self.sockets.is_empty(), addresses.is_empty()) {
            (false, _) => 0,
            (true, true) => self.failures,
            (true, false) => self.failures.saturating_add(1),
        };
    }

    /// Opens what is not open. Of the addresses of a name some may be of other machines; one that is in use is tried again.
    fn open_each(&mut self, addresses: &[SocketAddr], watched: &mut Watched) -> Result<(), String> {
        let (mut failure, mut elsewhere) = (None, None);
        for address in addresses {
            if self.sockets.iter().any(|socket| socket.address == *address) {
                continue;
            }
            match open(*address, Use::Listen(self.port), watched) {
                Ok((token, listener)) => {
                    self.sockets.push(Socket { address: *address, token, listener });
                    if address.ip().is_unspecified() {
                        // It is the whole machine, of both kinds of addresses if it has both.
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::AddrNotAvailable => elsewhere = Some(error),
                Err(error) => failure = Some(error),
            }
        }
        match failure.or(elsewhere.filter(|_| self.sockets.is_empty())) {
            Some(error) => Err(format!("{error}; {}", self.advice(&error))),
            None if self.sockets.is_empty() => Err("its name cannot be looked up".to_owned()),
            None => Ok(()),
        }
    }

    /// What to do about a refusal of the system: a clause for the end of a sentence.
    fn advice(&self, error: &io::Error) -> String {
        let MyId { server: ServerId(n), file } = &*self.my_id;
        match error.raw_os_error() {
            Some(libc::EADDRINUSE) => format!(
                "another process has it; is this server {n} ({})? Stop that process, or correct server.{n} or myid",
                file.display()
            ),
            Some(libc::EADDRNOTAVAIL) => format!(
                "no interface of this machine has it; is this server {n} ({})? Correct server.{n} or myid, or set \
                 quorumListenOnAllIPs=true",
                file.display()
            ),
            Some(libc::EACCES) => format!(
                "a port below 1024 is for privileged users; give server.{n} another one, or this process CAP_NET_BIND_SERVICE"
            ),
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => advice(error).to_owned(),
            _ => format!("correct server.{n}"),
        }
    }
}

impl std::fmt::Display for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the {} port {}", self.port, self.address)
    }
}

fn open(address: SocketAddr, used: Use, watched: &mut Watched) -> io::Result<(Token, TcpListener)> {
    let mut listener = listen(address, BACKLOG)?;
    let token = watched.add(&mut listener, used)?;
    Ok((token, listener))
}
