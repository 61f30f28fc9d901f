//! A change of how clients are served, on its way to every reactor.

use std::sync::Arc;

use paddock_consensus::Zxid;
use paddock_net::exchange::{Exchange, Release};
use paddock_net::serving::Period;

/// It comes after every version that was committed when it was decided, and before all with later transactions.
#[derive(Debug)]
pub struct Change {
    period: Period,
    /// The last transaction that was committed then.
    after: Zxid,
    /// How many reactors have it in their queues.
    delivered: usize,
}

impl Change {
    /// A period begins behind transaction `committed`.
    pub fn new(period: Period, committed: Zxid) -> Change {
        Change { period, after: committed, delivered: 0 }
    }

    /// The last transaction whose version comes before it.
    pub fn after(&self) -> Zxid {
        self.after
    }

    /// Puts it into every queue, and rings for the reactors; `false` if a queue is full, and then goes on from there the
    /// next time.
    pub fn deliver(&mut self, exchanges: &[Arc<Exchange>]) -> bool {
        for exchange in &exchanges[self.delivered..] {
            let is_taken = exchange.releases.push(Release::Serve(self.period)).is_ok();
            exchange.reactor_bell.ring();
            if !is_taken {
                return false;
            }
            self.delivered += 1;
        }
        true
    }
}
