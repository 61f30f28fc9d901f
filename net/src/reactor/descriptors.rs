//! The descriptors of clients' sockets. Their number is bounded, so that whoever closes one makes room for another.

use std::net::IpAddr;
use std::sync::Arc;

use mio::net::TcpStream;

use crate::exchange::{Errand, Exchange};
use crate::status::Status;

/// Counts the descriptors of this reactor's sockets among those of all.
pub struct Descriptors {
    /// The status, in which all are counted.
    status: Arc<Status>,
    /// The queues of the reactor that accepts for all.
    acceptor: Arc<Exchange>,
}

impl Descriptors {
    pub fn new(status: Arc<Status>, acceptor: Arc<Exchange>) -> Descriptors {
        Descriptors { status, acceptor }
    }

    /// A connection counts no more for its address. Its socket is the caller's, to be [closed](Descriptors::close).
    pub fn leave(&self, address: IpAddr) {
        self.status.peers.leave(address);
    }

    /// Closes the socket of a connection that has [left](Descriptors::leave). If somebody waits for the descriptor, the
    /// reactor that accepts is told.
    pub fn close(&self, stream: TcpStream) {
        drop(stream);
        self.note_closed();
    }

    /// The socket of a connection that has left is closed already.
    pub fn note_closed(&self) {
        if self.status.peers.note_closed() {
            // Where the errand finds no room, the next housekeeping accepts.
            let _ = self.acceptor.errands.push(Errand::Accept);
            self.acceptor.reactor_bell.ring();
        }
    }
}
