//! A state that has come by HTTP and was checked, on its way to the thread that serves: it ends the server, puts the state in the
//! place of the former one, and the process begins anew with it, as after any other end.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use paddock_consensus::Zxid;
use paddock_engine::database::{Database, Rules};
use paddock_engine::tree::HashSeed;

use crate::http::Departure;

/// Whoever has brought a state waits no longer for what becomes of it: the server answers what it has taken, ends its log and writes
/// the state meanwhile.
const PATIENCE: Duration = Duration::from_secs(600);

/// Stops the server in order, to begin anew; `false` where it stops already.
pub type Stop = Box<dyn Fn() -> bool + Send + Sync>;

/// A state that is to be the server's.
pub struct BroughtState {
    pub database: Database,
    /// When whoever has brought it was answered, and has gone.
    pub departure: Departure,
}

/// What one who has brought a state is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Conclusion {
    /// It is in place, durably.
    Placed(Zxid),
    /// The former state is, which the server begins anew with.
    Refused(String),
}

pub struct Restorer {
    stop: Stop,
    /// How a state is read.
    pub rules: Rules,
    pub length_max: usize,
    /// Of its tree's hash. A process takes in one state at most.
    pub seed: HashSeed,
    desk: Mutex<Desk>,
    changed: Condvar,
}

#[derive(Default)]
struct Desk {
    brought: Option<BroughtState>,
    conclusion: Option<Conclusion>,
}

impl Restorer {
    pub fn new(rules: Rules, length_max: usize, seed: HashSeed, stop: Stop) -> Restorer {
        Restorer { stop, rules, length_max, seed, desk: Mutex::default(), changed: Condvar::new() }
    }

    /// Hands a state over, and waits for what becomes of it.
    pub fn bring(&self, state: BroughtState) -> Conclusion {
        let mut desk = self.desk();
        // Whoever ends the server comes to the desk no sooner than the state is there.
        if !(self.stop)() {
            return Conclusion::Refused("the server stops; nothing was changed".to_owned());
        }
        desk.brought = Some(state);
        let waited = self.changed.wait_timeout_while(desk, PATIENCE, |desk| desk.conclusion.is_none());
        let (desk, _) = waited.unwrap_or_else(PoisonError::into_inner);
        desk.conclusion.clone().unwrap_or_else(|| {
            Conclusion::Refused("the server takes too long over it; see its log for what has become of it".to_owned())
        })
    }

    /// What is to be put in place, once the server has ended.
    pub fn take(&self) -> Option<BroughtState> {
        self.desk().brought.take()
    }

    /// That is what has become of it.
    pub fn conclude(&self, conclusion: Conclusion) {
        self.desk().conclusion = Some(conclusion);
        self.changed.notify_all();
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // What is there is whole, whoever has panicked.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use paddock_consensus::Zxid;
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::tree::HashSeed;

    use super::{BroughtState, Conclusion, Restorer};
    use crate::http::departed;

    const SEED: HashSeed = HashSeed([7; 16]);

    fn state() -> BroughtState {
        BroughtState {
            database: Database::new(SEED, Rules::default()),
            departure: departed(Ipv4Addr::LOCALHOST.into()),
        }
    }

    #[test]
    fn whoever_brings_a_state_is_told_what_becomes_of_it() {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let stopped = is_stopping.clone();
        let stop = move || !stopped.swap(true, Ordering::SeqCst);
        let restorer = Restorer::new(Rules::default(), 1 << 20, SEED, Box::new(stop));
        assert!(restorer.take().is_none());
        thread::scope(|scope| {
            let bringing = scope.spawn(|| restorer.bring(state()));
            while !is_stopping.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            let taken = restorer.take().expect("it is there as soon as the server is to stop");
            assert!(taken.departure.has_come());
            restorer.conclude(Conclusion::Placed(Zxid(7)));
            assert_eq!(bringing.join().expect("it does not panic"), Conclusion::Placed(Zxid(7)));
        });
        assert!(matches!(restorer.bring(state()), Conclusion::Refused(why) if why.contains("nothing was changed")));
        assert!(restorer.take().is_none(), "a server that stops takes nothing in");
    }
}
