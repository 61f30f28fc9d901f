//! What every reactor is told beside versions: how clients are served, and that another state takes the place of the
//! present one.

use std::sync::Arc;

use paddock_engine::tree::Reader;
use paddock_net::exchange::{Exchange, Release, State};
use paddock_net::serving::Period;

/// A change on its way into every reactor's queue.
pub enum Change {
    /// Another serving period begins.
    Serve {
        period: Period,
        /// How many reactors have it in their queues.
        delivered: usize,
    },
    /// Another state takes the place of the present one.
    State {
        /// What is left to be delivered: a reader for each reactor that does not have the change yet, the last reactor's
        /// first.
        readers: Vec<Reader>,
        /// The newest transaction of the state.
        zxid: i64,
    },
}

impl Change {
    /// A period begins.
    pub fn serve(period: Period) -> Change {
        Change::Serve { period, delivered: 0 }
    }

    /// A state takes the present one's place, of which `readers` has one for each reactor, in the reactors' order. `zxid` is
    /// its newest transaction.
    pub fn state(mut readers: Vec<Reader>, zxid: i64) -> Change {
        readers.reverse();
        Change::State { readers, zxid }
    }

    /// Puts it into every queue, and rings for the reactors; `false` if a queue is full, and then goes on from there the
    /// next time.
    pub fn deliver(&mut self, exchanges: &[Arc<Exchange>]) -> bool {
        match self {
            Change::Serve { period, delivered } => {
                let is_taken = |exchange: &&Arc<Exchange>| push(exchange, Release::Serve(*period)).is_none();
                *delivered += exchanges[*delivered..].iter().take_while(is_taken).count();
                *delivered == exchanges.len()
            }
            Change::State { readers, zxid } => {
                while let Some(reader) = readers.pop() {
                    let exchange = &exchanges[exchanges.len() - 1 - readers.len()];
                    if let Some(back) = push(exchange, Release::State(State { reader, zxid: *zxid })) {
                        let Release::State(back) = back else {
                            unreachable!("a queue gives back what it does not take")
                        };
                        readers.push(back.reader);
                        return false;
                    }
                }
                true
            }
        }
    }
}

/// Rings in any case: a queue that is full is to be emptied. Gives back what the queue does not take.
fn push(exchange: &Exchange, release: Release) -> Option<Release> {
    let outcome = exchange.releases.push(release);
    exchange.reactor_bell.ring();
    outcome.err()
}
