//! That the replica's thread goes on, for those who start this process anew where it does not: `/health/live` of the AdminServer, and
//! the service manager.
//!
//! It is told after each turn, and within a turn by what takes long for a good reason: a state that is put in place whole, or built
//! anew. Those tell it between two pieces of their work, so that a disk that hangs is seen there too.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use paddock_net::status::Status;

use crate::service_manager::ServiceManager;

/// How often it is told at most.
const INTERVAL: Duration = Duration::from_secs(1);
/// The replica's thread sleeps no longer than this, however little there is to do: well within what `/health/live` waits for.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// Called by the replica's thread within what takes long.
pub type Alive = Arc<dyn Fn() + Send + Sync>;

pub struct Pulse {
    status: Arc<Status>,
    /// Only the replica's thread takes it, once in an interval.
    manager: Mutex<ServiceManager>,
    interval: Duration,
    sleep_max: Duration,
    /// When it is told next, ms of the monotonic clock.
    due: AtomicU64,
    /// The process begins anew when the server has stopped.
    begins_anew: AtomicBool,
}

impl Pulse {
    pub fn new(manager: ServiceManager, status: Arc<Status>) -> Pulse {
        // Told a little late after a sleep, it is still in time.
        let quarter = manager.watchdog_time().map_or(SLEEP_MAX, |allowed| allowed / 4);
        let (interval, sleep_max) = (INTERVAL.min(quarter), SLEEP_MAX.min(quarter));
        Pulse {
            status,
            manager: Mutex::new(manager),
            interval,
            sleep_max,
            due: AtomicU64::new(0),
            begins_anew: AtomicBool::new(false),
        }
    }

    /// The server has begun; `status` is for people.
    pub fn begin(&self, status: &str) {
        self.manager().ready(status);
        self.beat(Instant::now());
    }

    /// A sleep of the replica's thread, so that it is awake when this is to be told.
    pub fn shorten(&self, sleep: Option<Duration>) -> Duration {
        sleep.map_or(self.sleep_max, |sleep| sleep.min(self.sleep_max))
    }

    /// The replica's thread goes on. Returns when this is to be told next: before, it need not be.
    pub fn beat(&self, now: Instant) -> Instant {
        let millis = self.status.clock.millis(now);
        let due = self.due.load(Ordering::Relaxed);
        if millis < due {
            return now + Duration::from_millis(due - millis);
        }
        self.due.store(millis.saturating_add(self.interval.as_millis() as u64), Ordering::Relaxed);
        self.status.replica.alive.set(millis);
        self.manager().alive();
        now + self.interval
    }

    /// When the server stops, the process begins anew: for a service manager that is no end. Nor is it one that hangs, however long
    /// it is until there are turns again.
    pub fn will_begin_anew(&self) {
        self.begins_anew.store(true, Ordering::Relaxed);
        self.manager().watch_no_more();
    }

    /// It ends all the same.
    pub fn will_end(&self) {
        self.begins_anew.store(false, Ordering::Relaxed);
        self.stopping();
    }

    /// The server begins to stop.
    pub fn stopping(&self) {
        if !self.begins_anew.load(Ordering::Relaxed) {
            self.manager().stopping();
        }
    }

    /// There are no turns any more: the log is ended, however long that takes.
    pub fn end(&self) {
        self.status.replica.alive.set(0);
    }

    fn manager(&self) -> MutexGuard<'_, ServiceManager> {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use paddock_net::status::Status;

    use super::{INTERVAL, Pulse, SLEEP_MAX};
    use crate::service_manager::ServiceManager;

    #[test]
    fn it_is_told_once_in_an_interval_until_the_end() {
        let status = Arc::new(Status::default());
        let pulse = Pulse::new(ServiceManager::default(), status.clone());
        let told = || status.replica.alive.get();
        assert_eq!(told(), 0, "no turn has begun");
        let now = Instant::now();
        assert_eq!(pulse.beat(now), now + INTERVAL);
        let first = told();
        assert_eq!(first, status.clock.millis(now));
        let next = pulse.beat(now + INTERVAL / 2);
        assert_eq!(told(), first);
        assert!(next > now + INTERVAL / 2 && next <= now + INTERVAL);
        pulse.beat(now + 2 * INTERVAL);
        assert_eq!(told(), first + 2000);
        pulse.end();
        assert_eq!(told(), 0);
    }

    #[test]
    fn sleeps_are_short_enough_to_tell_it() {
        let pulse = Pulse::new(ServiceManager::default(), Arc::default());
        let short = Duration::from_millis(5);
        assert_eq!((pulse.shorten(None), pulse.shorten(Some(short))), (SLEEP_MAX, short));
        assert_eq!(pulse.shorten(Some(2 * SLEEP_MAX)), SLEEP_MAX);
    }
}
