//! Virtual time: how long it is since the world began.

use std::sync::{Arc, Mutex, PoisonError};
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

/// What passes between two looks at the clock in a turn.
const LOOK: Duration = Duration::from_micros(100);

/// The clock by which a process measures its slices of long work: in a turn time stands still for the world, and here it goes
/// on with each look.
#[derive(Clone, Debug)]
pub struct SliceClock(Arc<Mutex<Instant>>);

impl SliceClock {
    pub fn new(now: Instant) -> SliceClock {
        SliceClock(Arc::new(Mutex::new(now)))
    }

    /// A turn begins.
    pub fn begin_turn(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    pub fn look(&self) -> Instant {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += LOOK;
        *now
    }
}
