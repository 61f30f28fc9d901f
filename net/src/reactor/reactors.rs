//! The reactors of the server, as one of them sees them: their queues.

use std::net::IpAddr;
use std::sync::Arc;

use mio::net::TcpStream;

use crate::client_tls::PortKind;
use crate::exchange::{Errand, Exchange};

/// The reactor that accepts for all.
pub const ACCEPTOR: usize = 0;

/// One reactor among all.
pub struct Reactors {
    /// Which of them this one is.
    index: usize,
    /// The queues of each reactor, this one's at `index`.
    exchanges: Arc<[Arc<Exchange>]>,
}

impl Reactors {
    pub fn new(index: usize, exchanges: Arc<[Arc<Exchange>]>) -> Reactors {
        Reactors { index, exchanges }
    }

    pub fn count(&self) -> usize {
        self.exchanges.len()
    }

    pub fn index(&self) -> usize {
        self.index
    }

    /// The queues of this reactor.
    pub fn own(&self) -> &Arc<Exchange> {
        &self.exchanges[self.index]
    }

    /// The queues of the reactor that accepts.
    pub fn acceptor(&self) -> &Arc<Exchange> {
        &self.exchanges[ACCEPTOR]
    }

    /// Wakes every reactor that sleeps.
    pub fn ring_all(&self) {
        self.exchanges.iter().for_each(|exchange| exchange.reactor_bell.ring());
    }

    /// Gives a new connection to another reactor. `false`: that has too many, and the connection is closed.
    pub fn hand_over(&self, reactor: usize, stream: TcpStream, kind: PortKind, (address, port): (IpAddr, u16)) -> bool {
        self.send(reactor, Errand::Accepted { stream, kind, address, port })
    }

    /// `false`: there was no room for it.
    fn send(&self, reactor: usize, errand: Errand) -> bool {
        let exchange = &self.exchanges[reactor];
        let is_taken = exchange.errands.push(errand).is_ok();
        if is_taken {
            exchange.reactor_bell.ring();
        }
        is_taken
    }
}
