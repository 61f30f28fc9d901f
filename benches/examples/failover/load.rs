//! What the clients ask for, at fixed times, whether or not anything is answered.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use paddock_tests::random::Random;
use paddock_tests::request::Request;

/// Bytes of each value that is set.
const VALUE: [u8; 100] = [b'v'; 100];

/// A request of the load.
#[derive(Clone, Debug)]
pub struct Operation {
    pub is_write: bool,
    /// The znode, of those that were made by `paddock bench`, by its number.
    key: usize,
}

impl Operation {
    pub fn request(&self, root: &str) -> Request {
        let path = format!("{root}/keys/{:016}", self.key);
        if self.is_write { Request::set_data(&path, &VALUE, -1) } else { Request::get_data(&path, false) }
    }
}

pub struct Load {
    random: Random,
    interval: Duration,
    next: Instant,
    write_percent: usize,
    keys: usize,
}

impl Load {
    /// `rate` in operations a second.
    pub fn new(rate: NonZeroU32, write_percent: usize, keys: usize) -> Load {
        let interval = Duration::from_secs(1) / rate.get();
        Load { random: Random::new(1), interval, next: Instant::now(), write_percent, keys }
    }

    /// Another rate, from now on.
    pub fn pace(&mut self, rate: NonZeroU32) {
        (self.interval, self.next) = (Duration::from_secs(1) / rate.get(), Instant::now());
    }

    /// The next operation, once it is due.
    pub fn due(&mut self, now: Instant) -> Option<Operation> {
        if now < self.next {
            return None;
        }
        self.next += self.interval;
        let is_write = self.random.below(100) < self.write_percent;
        Some(Operation { is_write, key: self.random.below(self.keys) })
    }
}
