//! How long everything takes.

use paddock_consensus::settings::Ms;

use crate::random::Random;

/// The bounds, in milliseconds, both included.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub from: u64,
    pub to: u64,
}

#[derive(Clone, Debug)]
pub struct Pace {
    random: Random,
    pub network: Range,
    pub disk: Range,
    /// Until an attempt to connect to somebody who cannot be reached is given up.
    pub connect: Ms,
}

impl Pace {
    /// Nothing takes any time.
    pub fn instant() -> Pace {
        let none = Range { from: 0, to: 0 };
        Pace { random: Random::new(0), network: none, disk: none, connect: Ms(0) }
    }

    pub fn new(seed: u64, network: Range, disk: Range, connect: Ms) -> Pace {
        Pace { random: Random::new(seed), network, disk, connect }
    }

    /// How long a packet is on its way.
    pub fn packet(&mut self) -> Ms {
        self.draw(self.network)
    }

    /// How long a write to the disk takes.
    pub fn write(&mut self) -> Ms {
        self.draw(self.disk)
    }

    /// How many of so many: none, all, or some; all where nothing takes any time.
    pub fn some_of(&mut self, count: usize) -> usize {
        if self.network.to == 0 { count } else { self.random.below(count as u64 + 1) as usize }
    }

    fn draw(&mut self, range: Range) -> Ms {
        if range.from == range.to { Ms(range.from) } else { Ms(self.random.between(range.from, range.to)) }
    }
}
