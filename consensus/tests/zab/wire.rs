//! A connection between a learner and a leader: two pipes, first in, first out.

use std::collections::VecDeque;
use std::sync::Arc;

use paddock_consensus::config::Config;
use paddock_consensus::message::FromLearner;
use paddock_consensus::settings::{Features, Ms};
use paddock_consensus::{Epoch, ServerId, Zxid};

use crate::log::{Point, Record};

/// What goes to a learner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ToLearner {
    LeaderInfo {
        epoch: Epoch,
        features: Features,
    },
    Diff(Zxid),
    Trunc(Zxid),
    /// With the state of this point.
    Snap(Point),
    Proposal(Record),
    Commit(Zxid),
    CommitAndActivate {
        zxid: Zxid,
        leader: ServerId,
    },
    Inform(Record),
    InformAndActivate {
        record: Record,
        leader: ServerId,
    },
    NewLeader {
        epoch: Epoch,
        config: Option<Arc<Config>>,
    },
    UpToDate,
    Ping,
}

/// What is on the way in one direction, each with the moment at which it arrives.
#[derive(Clone, Debug)]
pub struct Pipe<T> {
    queue: VecDeque<(Ms, T)>,
    /// When the receiver learns, behind all that is queued, that the sender has closed.
    closed: Option<Ms>,
    /// Whether anybody still reads.
    read: bool,
}

/// What a receiver finds.
pub enum Arrival<T> {
    Packet(T),
    End,
}

impl<T> Pipe<T> {
    fn new() -> Pipe<T> {
        Pipe { queue: VecDeque::new(), closed: None, read: true }
    }

    pub fn send(&mut self, arrives: Ms, packet: T) {
        if self.read && self.closed.is_none() {
            // Nothing overtakes.
            let behind = self.queue.back().map_or(arrives, |(last, _)| arrives.max(*last));
            self.queue.push_back((behind, packet));
        }
    }

    /// When the receiver has something to read.
    pub fn due(&self) -> Option<Ms> {
        self.read.then_some(())?;
        self.queue.front().map(|(due, _)| *due).or(self.closed)
    }

    pub fn take(&mut self) -> Option<Arrival<T>> {
        match self.queue.pop_front() {
            Some((_, packet)) => Some(Arrival::Packet(packet)),
            None => self.closed.map(|_| Arrival::End),
        }
    }

    pub fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// The sender is gone; of what is on the way so many packets arrive.
    pub fn close(&mut self, arrives: Ms, kept: usize) {
        if self.closed.is_none() {
            self.queue.truncate(kept);
            self.closed = Some(arrives);
        }
    }

    fn stop_reading(&mut self) {
        self.read = false;
        self.queue.clear();
    }

    fn is_over(&self) -> bool {
        !self.read
    }
}

#[derive(Clone, Debug)]
pub struct Wire {
    pub learner: ServerId,
    pub leader: ServerId,
    pub to_learner: Pipe<ToLearner>,
    pub to_leader: Pipe<FromLearner>,
}

impl Wire {
    pub fn new(learner: ServerId, leader: ServerId) -> Wire {
        Wire { learner, leader, to_learner: Pipe::new(), to_leader: Pipe::new() }
    }

    /// The end of this server is closed. The other learns it then, behind so much of what is on the way to it.
    pub fn close(&mut self, end: ServerId, arrives: Ms, kept: usize) {
        if end == self.learner {
            self.to_learner.stop_reading();
            self.to_leader.close(arrives, kept);
        } else {
            self.to_leader.stop_reading();
            self.to_learner.close(arrives, kept);
        }
    }

    /// How much is on the way to the other end.
    pub fn sent_by(&self, end: ServerId) -> usize {
        if end == self.learner { self.to_leader.len() } else { self.to_learner.len() }
    }

    /// Whether neither end is open any more.
    pub fn is_over(&self) -> bool {
        self.to_learner.is_over() && self.to_leader.is_over()
    }
}
