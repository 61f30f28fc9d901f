//! The connections of the election port, and what is on the way on them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use paddock_consensus::ServerId;
use paddock_consensus::config::Config;
use paddock_consensus::notification::Notification;
use paddock_consensus::settings::Ms;

/// A notification as it goes over the wire.
pub type Sent = (Notification, Arc<Config>);

/// From one server to another.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Direction {
    /// Not written yet; a newer one takes its place.
    slot: Option<Sent>,
    wire: VecDeque<(Ms, Sent)>,
    /// What a new connection begins with.
    last: Option<Sent>,
}

#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ElectionPort {
    /// The smaller server first.
    connected: BTreeSet<(ServerId, ServerId)>,
    directions: BTreeMap<(ServerId, ServerId), Direction>,
}

impl ElectionPort {
    pub fn is_connected(&self, one: ServerId, other: ServerId) -> bool {
        self.connected.contains(&pair(one, other))
    }

    /// Queues a notification; whether it could be written to the connection at once.
    pub fn send(&mut self, from: ServerId, to: ServerId, arrives: Ms, sent: Sent) -> bool {
        let connected = self.is_connected(from, to);
        let direction = self.directions.entry((from, to)).or_default();
        direction.last = Some(sent.clone());
        let written = connected && direction.wire.is_empty();
        match written {
            true => direction.wire.push_back((arrives, sent)),
            false => direction.slot = Some(sent),
        }
        written
    }

    /// Connects two servers. What each has told the other last goes first; `true` for a side that had something.
    pub fn connect(&mut self, one: ServerId, other: ServerId, arrives: Ms) -> [bool; 2] {
        self.connected.insert(pair(one, other));
        [(one, other), (other, one)].map(|key| {
            let direction = self.directions.entry(key).or_default();
            let first = direction.slot.take().or_else(|| direction.last.clone());
            direction.wire.clear();
            direction.wire.extend(first.map(|sent| (arrives, sent)));
            !direction.wire.is_empty()
        })
    }

    /// The connection is lost, and what was on the way. Whether there was one.
    pub fn disconnect(&mut self, one: ServerId, other: ServerId) -> bool {
        for key in [(one, other), (other, one)] {
            if let Some(direction) = self.directions.get_mut(&key) {
                direction.wire.clear();
            }
        }
        self.connected.remove(&pair(one, other))
    }

    /// The process of this server is gone, with what it had to send.
    pub fn forget(&mut self, server: ServerId) {
        self.directions.retain(|(from, _), _| *from != server);
    }

    pub fn peers_of(&self, server: ServerId) -> Vec<ServerId> {
        let others = self.connected.iter().filter_map(|(one, other)| match () {
            () if *one == server => Some(*other),
            () if *other == server => Some(*one),
            () => None,
        });
        others.collect()
    }

    /// When which notification arrives.
    pub fn due(&self) -> impl Iterator<Item = (Ms, ServerId, ServerId)> {
        self.directions.iter().filter_map(|((from, to), direction)| {
            let (due, _) = direction.wire.front()?;
            Some((*due, *from, *to))
        })
    }

    /// The next notification; `true` if one that waited has been written by that.
    pub fn take(&mut self, from: ServerId, to: ServerId, next_arrives: Ms) -> Option<(Sent, bool)> {
        let direction = self.directions.get_mut(&(from, to))?;
        let (_, sent) = direction.wire.pop_front()?;
        let waiting = direction.slot.take();
        let written = waiting.is_some();
        direction.wire.extend(waiting.map(|sent| (next_arrives, sent)));
        Some((sent, written))
    }
}

fn pair(one: ServerId, other: ServerId) -> (ServerId, ServerId) {
    (one.min(other), one.max(other))
}
