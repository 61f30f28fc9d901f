//! The election port between servers, as a seed draws it.
//!
//! A connection keeps one notification for each direction that is not sent yet, and what is sent arrives in order while the
//! connection stands. Beyond what a connection may do, what is sent over a blocked path is lost without a word, some arrive a
//! second time, and some arrive after their connection has fallen.

use std::collections::{BTreeMap, BTreeSet};

use paddock_consensus::ServerId;
use paddock_consensus::notification::Notification;
use paddock_tests::random::Random;

use crate::tally::{Happened, Tally};

/// From whom, to whom.
pub type Path = (ServerId, ServerId);

#[derive(Default)]
pub struct Network {
    /// In both directions of each connection.
    ways: BTreeMap<Path, Way>,
    /// What is sent this way is lost, and no connection can be made.
    blocked: BTreeSet<Path>,
    /// No connection has a number twice.
    connections: u64,
}

struct Way {
    connection: u64,
    unsent: Option<Notification>,
    /// When the last one arrives that was sent.
    last_arrival: u64,
}

/// Something that was sent, and when it arrives.
pub struct Sent {
    pub at: u64,
    pub connection: u64,
    pub notification: Notification,
}

impl Network {
    pub fn connect(&mut self, (one, other): Path) {
        self.connections += 1;
        for path in [(one, other), (other, one)] {
            self.ways.insert(path, Way { connection: self.connections, unsent: None, last_arrival: 0 });
        }
    }

    /// Whether there was a connection.
    pub fn fall(&mut self, (one, other): Path) -> bool {
        self.ways.remove(&(other, one));
        self.ways.remove(&(one, other)).is_some()
    }

    /// Those to whom this server is connected.
    pub fn peers(&self, me: ServerId) -> Vec<ServerId> {
        self.ways.keys().filter(|(from, _)| *from == me).map(|(_, to)| *to).collect()
    }

    pub fn paths(&self) -> Vec<Path> {
        self.ways.keys().copied().collect()
    }

    pub fn block(&mut self, path: Path) {
        self.blocked.insert(path);
    }

    pub fn unblock_all(&mut self) {
        self.blocked.clear();
    }

    pub fn is_open(&self, (one, other): Path) -> bool {
        !self.blocked.contains(&(one, other)) && !self.blocked.contains(&(other, one))
    }

    /// Whether this is the connection that stands.
    pub fn stands(&self, path: Path, connection: u64) -> bool {
        self.ways.get(&path).is_some_and(|way| way.connection == connection)
    }

    /// Keeps a notification until it is sent. True if the sending is owed for it.
    pub fn notify(&mut self, path: Path, notification: Notification, tally: &mut Tally) -> bool {
        let Some(way) = self.ways.get_mut(&path) else {
            tally.count(Happened::Lost);
            return false;
        };
        let superseded = way.unsent.replace(notification).is_some();
        if superseded {
            tally.count(Happened::Superseded);
        }
        !superseded
    }

    /// Sends what waits on this path. Nothing may wait: the connection is another one.
    pub fn send(&mut self, path: Path, now: u64, delay: u64, tally: &mut Tally) -> Option<Sent> {
        let is_blocked = self.blocked.contains(&path);
        let way = self.ways.get_mut(&path)?;
        let notification = way.unsent.take()?;
        if is_blocked {
            tally.count(Happened::Lost);
            return None;
        }
        way.last_arrival = way.last_arrival.max(now + delay);
        Some(Sent { at: way.last_arrival, connection: way.connection, notification })
    }

    /// Whether something that was sent reaches its receiver.
    pub fn arrives(&self, path: Path, connection: u64, random: &mut Random, tally: &mut Tally) -> bool {
        let stands = self.stands(path, connection);
        let arrives = stands || random.one_in(2);
        tally.count(match (arrives, stands) {
            (true, true) => Happened::Delivered,
            (true, false) => Happened::DeliveredLate,
            (false, _) => Happened::Lost,
        });
        arrives
    }
}
