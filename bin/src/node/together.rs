//! The replica and the only reactor in one thread, with one poll.
//!
//! A write that finds the server idle wakes two threads twice where they are apart: the reactor for the request, the
//! replica for the submission, the replica for the completion, the reactor for the release. Together it is two wake-ups
//! of one thread, and each costs a machine with few cores more than the write itself. The price is that reads wait while
//! writes are ordered and applied, so that a machine with cores to spare keeps them apart.
//!
//! Neither side knows: the queues between them are the same, and since their one bell is never asleep while either works,
//! it is never rung from within.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use paddock_net::distribution::Latency;
use paddock_net::doorbell::Doorbell;
use paddock_net::reactor::{EVENTS_PER_TURN, Reactor};

use super::moment::Moment;
use super::pulse::Pulse;
use super::replica::ReplicaError;
use super::server::Server;
use super::sources::Sources;

/// Serves until the process is told to stop. `bell` is that of both; `turns` is told how long each of the replica's turns took, and
/// `pulse` that it goes on. The server is to be ended.
pub fn run(
    server: &mut Server,
    mut reactor: Reactor,
    mut poll: Poll,
    sources: &Sources,
    bell: &Doorbell,
    pulse: &Pulse,
    turns: &Latency,
) -> Result<(), ReplicaError> {
    let mut events = Events::with_capacity(EVENTS_PER_TURN);
    let mut next_beat = Instant::now();
    while !server.has_stopped() {
        bell.going_to_sleep();
        let timeout = pulse.shorten(shorter(reactor.rest(), server.timeout()));
        let polled = poll.poll(&mut events, Some(timeout));
        bell.awake();
        reactor.rise();
        // The completion of a write interrupts it too.
        let told = match polled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            polled => polled.map(|()| Some(&events))?,
        };
        if sources.tell_to_stop(&events) {
            pulse.stopping();
            server.stop();
        }
        reactor.take_in(told);
        let at = Moment::read();
        server.turn(at, told, poll.registry(), sources)?;
        let ended = Instant::now();
        turns.note(ended.saturating_duration_since(at.now));
        if ended >= next_beat {
            next_beat = pulse.beat(ended);
        }
        reactor.give_out(ended);
    }
    // Clients see the end now, and not when the log is closed.
    drop(reactor);
    Ok(())
}

fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
