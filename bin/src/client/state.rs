//! How it stands with the session, for whoever is not the thread that drives it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// By ZooKeeper's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Connecting,
    Connected,
    ConnectedReadOnly,
    Closed,
    AuthFailed,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Connecting => "CONNECTING",
            State::Connected => "CONNECTED",
            State::ConnectedReadOnly => "CONNECTEDREADONLY",
            State::Closed => "CLOSED",
            State::AuthFailed => "AUTH_FAILED",
        }
    }

    /// Whether requests may still be answered.
    pub fn is_alive(self) -> bool {
        !matches!(self, State::Closed | State::AuthFailed)
    }
}

/// The state, and who waits for another one.
#[derive(Debug)]
pub struct Standing {
    state: Mutex<State>,
    changed: Condvar,
}

impl Standing {
    pub fn new() -> Standing {
        Standing { state: Mutex::new(State::Connecting), changed: Condvar::new() }
    }

    pub fn get(&self) -> State {
        *self.lock()
    }

    pub fn set(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_all();
    }

    /// Waits so long for a state for which `is_wanted` holds; whether there was one.
    pub fn wait_for(&self, is_wanted: impl Fn(State) -> bool, patience: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), patience, |state| !is_wanted(*state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        is_wanted(*state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Standing, State};

    #[test]
    fn a_state_can_be_waited_for() {
        let standing = Standing::new();
        assert!(!standing.wait_for(|state| state == State::Connected, Duration::ZERO));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| standing.wait_for(|state| state == State::Connected, Duration::from_secs(60)));
            standing.set(State::Connected);
            assert!(waiting.join().expect("it does not panic"));
        });
        assert_eq!(standing.get().name(), "CONNECTED");
    }
}
