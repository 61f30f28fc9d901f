//! What is between the servers: connections, what is on the way on them, and where nothing gets through.

use std::collections::{BTreeMap, BTreeSet};

use paddock_consensus::ServerId;
use paddock_consensus::input::Link;
use paddock_consensus::message::FromLearner;
use paddock_consensus::settings::Ms;

use crate::election_port::ElectionPort;
use crate::pace::Pace;
use crate::wire::{Arrival, ToLearner, Wire};

/// An attempt to connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attempt {
    pub of: ServerId,
    pub to: ServerId,
    pub port: Port,
    answered: Ms,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Port {
    Election,
    Quorum,
    ObserverMaster,
}

/// What of the network can happen next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Delivery {
    Notification {
        from: ServerId,
        to: ServerId,
    },
    ToLearner(Link),
    ToLeader(Link),
    /// One of the attempts to connect has its answer.
    Attempt(usize),
}

#[derive(Clone, Debug)]
pub struct Network {
    pub now: Ms,
    pub pace: Pace,
    pub election: ElectionPort,
    wires: BTreeMap<Link, Wire>,
    /// How often each has connected to a leader.
    connected: BTreeMap<ServerId, u32>,
    attempts: Vec<Attempt>,
    /// Directions in which nothing gets through.
    cuts: BTreeSet<(ServerId, ServerId)>,
}

/// Links of one learner at most, over all its processes.
const LINKS_MAX: u32 = 1_000_000;

impl Network {
    pub fn new(pace: Pace) -> Network {
        Network {
            now: Ms(0),
            pace,
            election: ElectionPort::default(),
            wires: BTreeMap::new(),
            connected: BTreeMap::new(),
            attempts: Vec::new(),
            cuts: BTreeSet::new(),
        }
    }

    /// When a packet arrives that is sent now.
    pub fn arrives(&mut self) -> Ms {
        self.now.after(self.pace.packet())
    }

    /// When a write is durable that is begun now.
    pub fn durable(&mut self) -> Ms {
        self.now.after(self.pace.write())
    }

    /// Everything that can be delivered: when, to whom.
    pub fn deliveries(&self) -> Vec<(Ms, ServerId, Delivery)> {
        let open = |from, to| !self.is_cut(from, to);
        let mut deliveries = Vec::new();
        for (due, from, to) in self.election.due().filter(|(_, from, to)| open(*from, *to)) {
            deliveries.push((due, to, Delivery::Notification { from, to }));
        }
        for (link, Wire { learner, leader, to_learner, to_leader }) in &self.wires {
            let down = to_learner.due().filter(|_| open(*leader, *learner));
            deliveries.extend(down.map(|due| (due, *learner, Delivery::ToLearner(*link))));
            let up = to_leader.due().filter(|_| open(*learner, *leader));
            deliveries.extend(up.map(|due| (due, *leader, Delivery::ToLeader(*link))));
        }
        let attempts = self.attempts.iter().enumerate();
        deliveries.extend(attempts.map(|(place, attempt)| (attempt.answered, attempt.of, Delivery::Attempt(place))));
        deliveries
    }

    pub fn cut(&mut self, from: ServerId, to: ServerId) {
        self.cuts.insert((from, to));
    }

    pub fn heal(&mut self) {
        self.cuts.clear();
    }

    fn is_cut(&self, from: ServerId, to: ServerId) -> bool {
        self.cuts.contains(&(from, to))
    }

    /// Whether packets get through in both directions.
    pub fn can_connect(&self, from: ServerId, to: ServerId) -> bool {
        !self.is_cut(from, to) && !self.is_cut(to, from)
    }

    /// An attempt begins; one that gets no answer at all is given up later.
    pub fn begin_attempt(&mut self, of: ServerId, to: ServerId, port: Port) {
        let takes = if self.can_connect(of, to) { self.pace.packet() } else { self.pace.connect };
        let answered = self.now.after(takes);
        self.attempts.push(Attempt { of, to, port, answered });
    }

    pub fn take_attempt(&mut self, place: usize) -> Attempt {
        self.attempts.remove(place)
    }

    /// Whether the attempt is one at the election port.
    pub fn is_election_attempt(&self, place: usize) -> bool {
        self.attempts[place].port == Port::Election
    }

    /// A process is gone.
    pub fn forget_attempts(&mut self, of: ServerId) {
        self.attempts.retain(|attempt| attempt.of != of);
    }

    /// A learner looks for another leader.
    pub fn forget_quorum_attempts(&mut self, of: ServerId) {
        self.attempts.retain(|attempt| attempt.of != of || attempt.port == Port::Election);
    }

    /// Connects a learner to the quorum port of a leader.
    pub fn connect(&mut self, learner: ServerId, leader: ServerId) -> Link {
        let count = self.connected.entry(learner).or_default();
        *count += 1;
        // A number that says whose link it is, so that it does not depend on what others have done.
        let link = Link(learner.0 as u32 * LINKS_MAX + *count);
        self.wires.insert(link, Wire::new(learner, leader));
        link
    }

    pub fn links(&self) -> Vec<Link> {
        self.wires.keys().copied().collect()
    }

    pub fn learner(&self, link: Link) -> ServerId {
        self.wires[&link].learner
    }

    pub fn leader(&self, link: Link) -> ServerId {
        self.wires[&link].leader
    }

    /// Whether no more comes to the learner than is on the way.
    pub fn is_broken(&self, link: Link) -> bool {
        self.wires.get(&link).is_none_or(|wire| wire.to_learner.is_closed())
    }

    pub fn take_for_learner(&mut self, link: Link) -> Option<Arrival<ToLearner>> {
        self.wires.get_mut(&link)?.to_learner.take()
    }

    pub fn take_for_leader(&mut self, link: Link) -> Option<Arrival<FromLearner>> {
        self.wires.get_mut(&link)?.to_leader.take()
    }

    /// # Panics
    /// If there is no such link.
    pub fn send_to_learner(&mut self, link: Link, packet: ToLearner) {
        let arrives = self.arrives();
        let wire = self.wires.get_mut(&link).expect("what is sent goes to an open link");
        wire.to_learner.send(arrives, packet);
    }

    /// # Panics
    /// If there is no such link.
    pub fn send_to_leader(&mut self, link: Link, message: FromLearner) {
        let arrives = self.arrives();
        let wire = self.wires.get_mut(&link).expect("what is sent goes to an open link");
        wire.to_leader.send(arrives, message);
    }

    /// A server closes its end; some of what is on the way to the other still arrives, or all of it.
    pub fn close(&mut self, end: ServerId, link: Link, flushed: bool) {
        let arrives = self.arrives();
        let Some(wire) = self.wires.get_mut(&link) else { return };
        let sent = wire.sent_by(end);
        let kept = if flushed { sent } else { self.pace.some_of(sent) };
        wire.close(end, arrives, kept);
        if wire.is_over() {
            self.wires.remove(&link);
        }
    }

    /// The connection breaks; of what is on the way some arrives.
    pub fn reset(&mut self, link: Link) {
        let arrives = self.arrives();
        let Some(wire) = self.wires.get_mut(&link) else { return };
        let (down, up) = (self.pace.some_of(wire.to_learner.len()), self.pace.some_of(wire.to_leader.len()));
        wire.to_learner.close(arrives, down);
        wire.to_leader.close(arrives, up);
    }

    /// The connection breaks, and nothing that is on the way arrives.
    pub fn lose(&mut self, link: Link) {
        let now = self.now;
        if let Some(wire) = self.wires.get_mut(&link) {
            wire.to_learner.close(now, 0);
            wire.to_leader.close(now, 0);
        }
    }

    /// Whether a packet is on the way to the learner.
    pub fn has_packet_for_learner(&self, link: Link) -> bool {
        self.wires.get(&link).is_some_and(|wire| wire.to_learner.len() > 0)
    }

    /// Whether nothing but what is on the way between learners and leaders is another.
    pub fn differs_only_on_links(&self, other: &Network) -> bool {
        (&self.election, &self.attempts, &self.cuts) == (&other.election, &other.attempts, &other.cuts)
            && self.wires.keys().eq(other.wires.keys())
    }

    /// Everything that tells this state from others.
    pub fn describe(&self) -> String {
        let links: Vec<_> = self.wires.iter().map(|(link, wire)| (link, &wire.to_learner, &wire.to_leader)).collect();
        format!("{links:?} {:?} {:?}", self.attempts, self.election)
    }
}
