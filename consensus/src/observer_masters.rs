//! Whom an observer asks to be its master.

use alloc::vec::Vec;

use crate::config::Config;
use crate::random::Random;
use crate::{ServerId, Zxid};

/// The voters in an order of this server's own, so that the observers of an ensemble are spread over them. Each is asked after the
/// one before has refused, or has been lost; who leads refuses, since it serves no observers at that port.
#[derive(Clone, Default, Debug)]
pub(crate) struct ObserverMasters {
    order: Vec<ServerId>,
    /// The place of the one that is asked next.
    next: usize,
    /// Of the configuration whose voters these are.
    version: Zxid,
}

impl ObserverMasters {
    /// Whether the next one is the first again.
    pub(crate) fn is_round_over(&self) -> bool {
        self.next == self.order.len()
    }

    /// The next one, and whether each has been asked since the first was.
    pub(crate) fn next(&mut self, config: &Config, random: &mut Random) -> (ServerId, bool) {
        if self.order.is_empty() || self.version != config.version() {
            *self = ObserverMasters { order: shuffled(config, random), next: 0, version: config.version() };
        }
        let is_round_over = self.next == self.order.len();
        if is_round_over {
            self.next = 0;
        }
        self.next += 1;
        (self.order[self.next - 1], is_round_over)
    }
}

fn shuffled(config: &Config, random: &mut Random) -> Vec<ServerId> {
    let mut order: Vec<ServerId> = config.quorum().voters().collect();
    for last in (1..order.len()).rev() {
        let other = random.draw_up_to(last as u64) as usize;
        order.swap(last, other);
    }
    order
}
