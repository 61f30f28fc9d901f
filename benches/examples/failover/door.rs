//! What all clients together know of one server: whether it is worth a try.
//!
//! A thousand clients that each try three servers in turn, without a pause, would take from the servers the processors that
//! they elect a leader with. So one of them tries each server that has turned somebody away, every [`RETRY`], and as soon as
//! it is welcomed the others follow, [`GREETINGS_MAX`] at a time: ZooKeeper's listening socket holds 50 that it has not
//! accepted yet, and lets what comes beyond wait for a second.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Between two tries of a server that welcomes nobody.
const RETRY: Duration = Duration::from_millis(2);
/// Clients that a server has not answered yet, at the most.
const GREETINGS_MAX: usize = 32;

pub struct Door {
    pub address: SocketAddr,
    /// Clients that have knocked and have no answer.
    greetings: usize,
    /// When the next one may knock, at a server that has turned away the last.
    closed_until: Option<Instant>,
}

impl Door {
    pub fn new(address: SocketAddr) -> Door {
        Door { address, greetings: 0, closed_until: None }
    }

    /// Whether one more client may try.
    pub fn admits(&self, now: Instant) -> bool {
        match self.closed_until {
            None => self.greetings < GREETINGS_MAX,
            Some(until) => self.greetings == 0 && now >= until,
        }
    }

    pub fn knock(&mut self) {
        self.greetings += 1;
    }

    /// A client that knocked was answered, whatever it was told.
    pub fn opened(&mut self) {
        self.greetings -= 1;
        self.closed_until = None;
    }

    /// A client that knocked was refused, cut off or not answered.
    pub fn closed(&mut self, now: Instant) {
        self.greetings -= 1;
        self.closed_until = Some(now + RETRY);
    }
}
