//! The listening socket.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted, where the configuration does not say.
const BACKLOG: i32 = 4096;
/// Connections accepted in one turn, so that a storm of them does not starve those that are there.
const ACCEPTS_PER_TURN: usize = 256;

/// Listens on the address. A `backlog` below 1 takes the default.
pub fn listen(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server takes its port again although old connections linger.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(if backlog < 1 { BACKLOG } else { backlog })?;
    Ok(TcpListener::from_std(socket.into()))
}

/// What a turn of accepting came to.
pub enum Accepted {
    /// No more are waiting.
    All,
    /// More may be waiting.
    Some,
    /// It failed: file descriptors or memory are short. Those that wait keep waiting.
    Failed(io::Error),
}

/// Accepts those that wait, up to a turn's share.
pub fn accept(listener: &TcpListener, mut take: impl FnMut(TcpStream, IpAddr, u16)) -> Accepted {
    for _ in 0..ACCEPTS_PER_TURN {
        match listener.accept() {
            Ok((stream, peer)) => take(stream, peer.ip().to_canonical(), peer.port()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Accepted::All,
            // The peer has gone before it was accepted, or a signal came.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
            Err(error) => return Accepted::Failed(error),
        }
    }
    Accepted::Some
}
