//! The replica in a thread of its own, beside those of the reactors.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use paddock_net::distribution::Latency;
use paddock_net::doorbell::Doorbell;
use paddock_net::exchange::{Errand, Exchange};

use super::moment::Moment;
use super::pulse::Pulse;
use super::replica::ReplicaError;
use super::server::Server;
use super::sources::Sources;

/// Events taken from a poll. In an ensemble there is a socket for each link.
const EVENTS_PER_TURN: usize = 256;
/// A reactor whose queue of errands is full is told to stop again after this.
const RETRY: Duration = Duration::from_millis(1);

/// Serves until the process is told to stop, and stops the reactors. `bell` is the replica's; `turns` is told how long each turn
/// took, and `pulse` that it goes on. The server is to be ended.
pub fn run(
    server: &mut Server,
    mut poll: Poll,
    sources: &Sources,
    bell: &Doorbell,
    exchanges: &[Arc<Exchange>],
    pulse: &Pulse,
    turns: &Latency,
) -> Result<(), ReplicaError> {
    let mut events = Events::with_capacity(EVENTS_PER_TURN);
    let mut next_beat = Instant::now();
    while !server.has_stopped() {
        bell.going_to_sleep();
        let timeout = pulse.shorten(server.timeout());
        let polled = poll.poll(&mut events, Some(timeout));
        bell.awake();
        let told = match polled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            polled => polled.map(|()| Some(&events))?,
        };
        if sources.tell_to_stop(&events) {
            pulse.stopping();
            server.stop();
        }
        let at = Moment::read();
        server.turn(at, told, poll.registry(), sources)?;
        let ended = Instant::now();
        turns.note(ended.saturating_duration_since(at.now));
        if ended >= next_beat {
            next_beat = pulse.beat(ended);
        }
    }
    stop(exchanges);
    Ok(())
}

fn stop(reactors: &[Arc<Exchange>]) {
    for exchange in reactors {
        // A queue that is full of errands is emptied in the reactor's next turn.
        let mut errand = Errand::Stop;
        while let Err(back) = exchange.errands.push(errand) {
            errand = back;
            exchange.reactor_bell.ring();
            std::thread::sleep(RETRY);
        }
        exchange.reactor_bell.ring();
    }
}
