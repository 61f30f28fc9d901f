//! Virtual time: how long it is since the world began.

use std::time::{Duration, Instant};

use paddock::node::moment::Moment;

/// The wall clock of every world at its begin, ms since 1970.
const WALL_MS: i64 = 1_700_000_000_000;

/// What the moments of a world are counted from. Nothing depends on which instant that is.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    begin: Instant,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock { begin: Instant::now() }
    }
}

impl Clock {
    pub fn moment(&self, now: Duration) -> Moment {
        Moment { now: self.begin + now, wall_ms: WALL_MS + now.as_millis() as i64 }
    }
}
