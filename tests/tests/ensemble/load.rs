//! What the clients of a round share: whether they go on, and how much was acknowledged.
use paddock_tests::server::DEADLINE;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
struct State {
    acknowledged: usize,
    /// Whoever waits is woken by this acknowledgement.
    awaited: usize,
    is_over: bool,
    is_held: bool,
    has_failed: bool,
}

#[derive(Debug, Default)]
pub struct Load {
    state: Mutex<State>,
    changed: Condvar,
    /// How long a client rests when it has been answered.
    rest: Duration,
}

impl Load {
    /// Of clients that are not as fast as they can.
    pub fn of_patient_clients(rest: Duration) -> Load {
        Load { rest, ..Load::default() }
    }

    /// Rests as long as that is wanted, unless the load is over.
    pub fn rest(&self) {
        if !self.rest.is_zero() {
            let is_on = |state: &mut State| !state.is_over;
            drop(self.changed.wait_timeout_while(self.lock(), self.rest, is_on));
        }
        drop(self.changed.wait_while(self.lock(), |state| state.is_held && !state.is_over));
    }

    /// Clients that have been answered ask nothing more until they are let go.
    pub fn hold(&self, is_held: bool) {
        self.lock().is_held = is_held;
        self.changed.notify_all();
    }

    pub fn acknowledge(&self) {
        let mut state = self.lock();
        state.acknowledged += 1;
        if state.acknowledged == state.awaited {
            self.changed.notify_all();
        }
    }

    /// Waits until so many more acknowledgements have come.
    pub fn wait_for(&self, more: usize) {
        let end = Instant::now() + DEADLINE;
        let mut state = self.lock();
        state.awaited = state.acknowledged + more;
        while state.acknowledged < state.awaited {
            assert!(!state.has_failed, "a client has failed");
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {more} acknowledgements did not come", state.awaited - state.acknowledged);
            state = self.changed.wait_timeout(state, left).expect("nobody panics with this lock").0;
        }
    }

    pub fn goes_on(&self) -> bool {
        !self.lock().is_over
    }

    /// Whether a client has panicked, so that nothing is to be waited for.
    pub fn has_failed(&self) -> bool {
        self.lock().has_failed
    }

    /// From now on nobody asks for more.
    pub fn end(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// Does the work of one thread. Where it panics, the round is over for all.
    pub fn share<T>(&self, work: impl FnOnce() -> T) -> T {
        let _share = Share(self);
        work()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic leaves is whole.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

struct Share<'l>(&'l Load);

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.lock();
            (state.is_over, state.has_failed) = (true, true);
            self.0.changed.notify_all();
        }
    }
}
