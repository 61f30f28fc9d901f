//! What the replica's thread drives: a server that stands alone, or a member of an ensemble.

use std::time::Duration;

use mio::{Events, Registry};
use paddock_consensus::Zxid;
use paddock_consensus::output::HaltReason;
use paddock_engine::tree::Reader;

use super::member::Member;
use super::moment::Moment;
use super::peers::sockets::Readiness;
use super::replica::{Replica, ReplicaError};
use super::sources::Sources;

pub enum Server {
    Alone(Box<Replica>),
    Member {
        member: Box<Member>,
        /// Where it looks for what the poll has told of the others' sockets.
        readiness: Readiness,
    },
}

impl Server {
    /// Before the first turn.
    pub fn begin(&mut self) -> Result<(), ReplicaError> {
        match self {
            Server::Alone(replica) => replica.begin(),
            Server::Member { member, .. } => member.begin(),
        }
    }

    /// A reader of the recovered state for a reactor, before the first turn, with the state's newest transaction.
    pub fn reader(&mut self) -> (Reader, Zxid) {
        match self {
            Server::Alone(replica) => replica.reader(),
            Server::Member { member, .. } => member.reader(),
        }
    }

    /// Has the poll tell of the log.
    pub fn register(&mut self, registry: &Registry, sources: &Sources) -> Result<(), ReplicaError> {
        let fds = match self {
            Server::Alone(replica) => replica.event_fds(),
            Server::Member { member, .. } => member.event_fds(),
        };
        Ok(sources.register_log(registry, fds)?)
    }

    /// The process was told to stop.
    pub fn stop(&mut self) {
        match self {
            Server::Alone(replica) => replica.stop(),
            Server::Member { member, .. } => member.stop(),
        }
    }

    /// Whether there is nothing left to wait for.
    pub fn has_stopped(&self) -> bool {
        match self {
            Server::Alone(replica) => replica.has_stopped(),
            Server::Member { member, .. } => member.has_stopped(),
        }
    }

    /// How long the poll may sleep.
    pub fn timeout(&self) -> Option<Duration> {
        match self {
            Server::Alone(replica) => replica.timeout(),
            Server::Member { member, .. } => member.timeout(),
        }
    }

    /// The turn of this moment, in which the poll has told of these events.
    pub fn turn(
        &mut self,
        at: Moment,
        events: Option<&Events>,
        registry: &Registry,
        sources: &Sources,
    ) -> Result<(), ReplicaError> {
        match self {
            Server::Alone(replica) => replica.turn(at),
            Server::Member { member, readiness } => {
                if let Some(events) = events {
                    readiness.take_in(events);
                }
                member.turn(at)?;
                if member.take_log_changed() {
                    self.register(registry, sources)?;
                }
                Ok(())
            }
        }
    }

    /// After the last turn. Why a member has ended, if that was not because it was told to stop.
    pub fn end(self) -> Result<Option<HaltReason>, ReplicaError> {
        match self {
            Server::Alone(replica) => replica.end().map(|()| None),
            Server::Member { member, .. } => {
                let halted = member.halted().filter(|reason| *reason != HaltReason::Stopped);
                member.end().map(|()| halted)
            }
        }
    }
}
