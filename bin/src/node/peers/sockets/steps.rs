//! Steps of quorum SASL that take time: Kerberos may read files, and ask the KDC.
//!
//! There is one thread for servers that come and one for those that are dialled: only the latter's steps ask the KDC, and one
//! that does not answer keeps nobody from being let in. A thread begins with the first step that it has to take.

use std::io;
use std::sync::Arc;
use std::thread;

use crossbeam::channel::{Receiver, Sender, bounded};
use paddock_net::doorbell::Doorbell;
use paddock_net::sasl::{Negotiation, Step};

use crate::node::peers::links::StreamId;

/// Steps of one side that wait or are taken.
pub const STEPS_MAX: usize = 32;

/// Who a step is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Whoever has accepted.
    Server,
    /// Whoever has dialled.
    Learner,
}

struct Job {
    stream: StreamId,
    negotiation: Box<dyn Negotiation>,
    token: Vec<u8>,
}

/// A step that was taken.
pub struct Taken {
    pub stream: StreamId,
    pub negotiation: Box<dyn Negotiation>,
    pub step: Step,
}

pub struct Steps {
    bell: Arc<Doorbell>,
    server: Option<Sender<Job>>,
    learner: Option<Sender<Job>>,
    taken: (Sender<Taken>, Receiver<Taken>),
}

impl Steps {
    /// `bell` is rung when one was taken.
    pub fn new(bell: Arc<Doorbell>) -> Steps {
        Steps { bell, server: None, learner: None, taken: bounded(2 * STEPS_MAX) }
    }

    /// Has a step taken, which is [given](Steps::next) later. `false` if too many wait, or there is no thread.
    pub fn take(&mut self, role: Role, stream: StreamId, negotiation: Box<dyn Negotiation>, token: Vec<u8>) -> bool {
        let queue = match self.queue(role) {
            Ok(queue) => queue,
            Err(error) => {
                tracing::error!("there is no thread for quorum SASL, which is tried again: {error}");
                return false;
            }
        };
        queue.try_send(Job { stream, negotiation, token }).is_ok()
    }

    fn queue(&mut self, role: Role) -> io::Result<&Sender<Job>> {
        let (bell, taken) = (self.bell.clone(), self.taken.0.clone());
        let (place, name) = match role {
            Role::Server => (&mut self.server, "sasl-accepted"),
            Role::Learner => (&mut self.learner, "sasl-dialled"),
        };
        if place.is_none() {
            let (sender, jobs) = bounded(STEPS_MAX);
            thread::Builder::new().name(name.into()).spawn(move || run(&jobs, &taken, &bell))?;
            *place = Some(sender);
        }
        Ok(place.as_ref().expect("it was made"))
    }

    /// Whether one was taken.
    pub fn has_taken(&self) -> bool {
        !self.taken.1.is_empty()
    }

    /// The next that was taken.
    pub fn next(&mut self) -> Option<Taken> {
        self.taken.1.try_recv().ok()
    }
}

/// Ends with the queue.
fn run(jobs: &Receiver<Job>, taken: &Sender<Taken>, bell: &Doorbell) {
    while let Ok(Job { stream, mut negotiation, token }) = jobs.recv() {
        let step = negotiation.step(&token);
        // Nobody takes it once the server ends.
        if taken.send(Taken { stream, negotiation, step }).is_err() {
            return;
        }
        bell.ring();
    }
}
