//! The reactors of the server, as one of them sees them: their queues, and what it has asked them.

use std::net::IpAddr;
use std::sync::Arc;

use mio::net::TcpStream;

use crate::exchange::{ConnectionId, Errand, Exchange, Inquiry};

/// The reactor that accepts for all.
pub const ACCEPTOR: usize = 0;
/// Inquiries for so many four-letter words of one reactor's connections may be under way at a time.
const WORDS_MAX: usize = 8;

/// One reactor among all.
pub struct Reactors {
    /// Which of them this one is.
    index: usize,
    /// The queues of each reactor, this one's at `index`.
    exchanges: Arc<[Arc<Exchange>]>,
    /// What this reactor has asked others holds a clone of this.
    inquiry: Inquiry,
}

impl Reactors {
    pub fn new(index: usize, exchanges: Arc<[Arc<Exchange>]>) -> Reactors {
        Reactors { index, exchanges, inquiry: Inquiry::default() }
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
    pub fn hand_over(&self, reactor: usize, stream: TcpStream, address: IpAddr, port: u16) -> bool {
        self.send(reactor, Errand::Accepted { stream, address, port })
    }

    /// Asks every other reactor for the text of its connections, for one of this reactor's. Returns how many were asked;
    /// `None` if too many inquiries are under way.
    pub fn inquire(&self, connection: ConnectionId, long: bool) -> Option<usize> {
        // For each word every other reactor is asked once.
        let asks = self.count() - 1;
        if self.inquiry.others() + asks > WORDS_MAX * asks {
            return None;
        }
        let mut asked = 0;
        for reactor in (0..self.count()).filter(|reactor| *reactor != self.index) {
            tracing::trace!(reactor, "asked for its connections");
            let inquiry = self.inquiry.clone();
            let errand = Errand::DescribeConnections { reactor: self.index, connection, long, inquiry };
            asked += usize::from(self.send(reactor, errand));
        }
        Some(asked)
    }

    /// Answers another reactor's inquiry. If that reactor's queue is full, it closes the word's connection when it has
    /// waited too long.
    pub fn answer(&self, reactor: usize, connection: ConnectionId, text: String, inquiry: Inquiry) {
        self.send(reactor, Errand::Connections { connection, text, inquiry });
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
