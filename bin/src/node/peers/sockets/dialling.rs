//! An attempt to connect: several sockets of which the first that is connected counts.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::Token;
use mio::net::TcpStream;
use paddock_consensus::settings::Ms;

use super::watched::{Use, Watched};
use crate::node::peers::links::{Port, StreamId};

/// Addresses that one attempt dials: those of a member's line, and what its names stand for.
const ADDRESSES_MAX: usize = 64;
/// The next address is dialled when those before have not answered for so long, or have all failed: a server that answers at
/// once is not left with connections of which nothing comes.
pub const APART: Ms = Ms(200);

/// Where a socket is dialled.
#[derive(Debug)]
struct Address {
    address: SocketAddr,
    /// As it was written.
    host: Box<str>,
    /// It is not dialled before.
    from: Ms,
}

#[derive(Debug)]
struct Dialled {
    token: Token,
    socket: TcpStream,
    host: Box<str>,
}

#[derive(Debug)]
pub struct Dialling {
    stream: StreamId,
    /// The other server's port.
    port: Port,
    /// The host in the other server's line of the configuration, if it has one.
    member: Option<Box<str>>,
    sockets: Vec<Dialled>,
    /// Addresses that are dialled next.
    waiting: VecDeque<Address>,
    /// All that it was given.
    addresses: Vec<SocketAddr>,
    /// The next is not dialled before, unless the others have failed.
    next_at: Ms,
    /// Names that are still looked up.
    lookups: usize,
}

impl Dialling {
    pub fn new(stream: StreamId, port: Port, member: Option<Box<str>>) -> Dialling {
        Dialling {
            stream,
            port,
            member,
            sockets: Vec::new(),
            waiting: VecDeque::new(),
            addresses: Vec::new(),
            next_at: Ms(0),
            lookups: 0,
        }
    }

    pub fn port(&self) -> Port {
        self.port
    }

    /// The host in the other server's line of the configuration, if it has one.
    pub fn member(&self) -> Option<&str> {
        self.member.as_deref()
    }

    /// A name is looked up for it.
    pub fn note_lookup(&mut self) {
        self.lookups += 1;
    }

    /// A name was looked up.
    pub fn take_lookup(&mut self) {
        self.lookups -= 1;
    }

    /// One more address to dial, if it is another one and there are not too many: that of a host as it was written, and not
    /// before `from`.
    pub fn add(&mut self, address: SocketAddr, host: &str, from: Ms) {
        if self.addresses.len() < ADDRESSES_MAX && !self.addresses.contains(&address) {
            self.addresses.push(address);
            self.waiting.push_back(Address { address, host: host.into(), from });
        }
    }

    /// Dials what is to be dialled now. What fails at once is as if it had never been.
    pub fn dial_due(&mut self, now: Ms, watched: &mut Watched) {
        while self.deadline().is_some_and(|due| due <= now)
            && let Some(Address { address, host, .. }) = self.waiting.pop_front()
        {
            match connect(address, Use::Stream(self.stream), watched) {
                Ok((token, socket)) => {
                    self.sockets.push(Dialled { token, socket, host });
                    self.next_at = now.after(APART);
                }
                Err(error) => tracing::debug!(%address, %error, "cannot dial"),
            }
        }
    }

    /// When the next address is dialled.
    pub fn deadline(&self) -> Option<Ms> {
        let next = self.waiting.front()?;
        Some(if self.sockets.is_empty() { next.from } else { next.from.max(self.next_at) })
    }

    /// One of its sockets is connected, or has failed. Returns it if it is connected, with its host as that was written.
    pub fn take_connected(&mut self, token: Token, watched: &mut Watched) -> Option<(TcpStream, Box<str>)> {
        let place = self.sockets.iter().position(|dialled| dialled.token == token)?;
        match is_connected(&self.sockets[place].socket) {
            Ok(false) => None,
            Ok(true) => {
                let Dialled { socket, host, .. } = self.sockets.swap_remove(place);
                Some((socket, host))
            }
            Err(error) => {
                tracing::debug!(%error, "cannot connect");
                self.sockets.swap_remove(place);
                watched.forget(token);
                None
            }
        }
    }

    /// Whether nothing is left of it.
    pub fn has_failed(&self) -> bool {
        self.sockets.is_empty() && self.waiting.is_empty() && self.lookups == 0
    }

    /// Gives up what is left of it.
    pub fn give_up(self, watched: &mut Watched) {
        self.sockets.iter().for_each(|dialled| watched.forget(dialled.token));
    }
}

fn connect(address: SocketAddr, used: Use, watched: &mut Watched) -> io::Result<(Token, TcpStream)> {
    let mut socket = TcpStream::connect(address)?;
    let token = watched.add(&mut socket, used)?;
    Ok((token, socket))
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
