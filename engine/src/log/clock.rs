//! The clock by which a log measures how long its disk takes.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// A monotonic clock, which is read twice for each group, and a few times at the start.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Instant + Send + Sync>);

impl Clock {
    /// One that shows what `read` returns.
    pub fn new(read: impl Fn() -> Instant + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(read))
    }

    /// The present moment.
    pub fn now(&self) -> Instant {
        (self.0)()
    }
}

/// The system's.
impl Default for Clock {
    fn default() -> Clock {
        Clock::new(Instant::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
