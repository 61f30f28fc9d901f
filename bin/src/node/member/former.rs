//! States that others took the place of. To drop one takes time by its size, so that a thread does it which nobody waits for.

use paddock_engine::database::Database;

use crate::node::snapshotter::DrivenBy;

pub struct Former {
    /// Whether there is no thread, because the files are simulated, and so is time.
    is_simulated: bool,
    /// Until nobody sees them.
    states: Vec<Database>,
}

impl Former {
    pub fn new(driven_by: &DrivenBy) -> Former {
        Former { is_simulated: matches!(driven_by, DrivenBy::Caller), states: Vec::new() }
    }

    /// Takes over a state that reactors or a snapshot may still see.
    pub fn push(&mut self, state: Database) {
        self.states.push(state);
    }

    /// Drops those that nobody sees any more: their readers have gone.
    pub fn let_go(&mut self) {
        let unseen = self.states.extract_if(.., |state| !state.tree().is_seen()).collect::<Vec<_>>();
        if !unseen.is_empty() {
            self.dispose(unseen);
        }
    }

    /// Drops something that takes long to be dropped, and that nobody sees.
    pub fn dispose<T: Send + 'static>(&self, value: T) {
        if self.is_simulated {
            return drop(value);
        }
        let dropped = std::thread::Builder::new().name("former-state".into()).spawn(move || drop(value));
        if let Err(error) = dropped {
            // Then it was dropped here.
            tracing::warn!(%error, "no thread could be started for a former state; clients have waited for it");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};
    use std::thread::ThreadId;
    use std::time::Duration;

    use mio::{Poll, Token};
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::tree::HashSeed;
    use paddock_net::doorbell::Doorbell;

    use super::Former;
    use crate::node::snapshotter::DrivenBy;

    /// Tells where it was dropped.
    struct Told(Sender<ThreadId>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.0.send(std::thread::current().id()).unwrap();
        }
    }

    #[test]
    fn a_state_goes_when_nobody_sees_it_and_nobody_waits_for_that() {
        let mut former = Former::new(&DrivenBy::Caller);
        let mut database = Database::new(HashSeed([7; 16]), Rules::default());
        let reader = database.tree_mut().reader();
        former.push(database);
        former.let_go();
        assert_eq!(former.states.len(), 1);
        drop(reader);
        former.let_go();
        assert!(former.states.is_empty());
        let poll = Poll::new().unwrap();
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(0)).unwrap());
        for (driven_by, is_here) in [(DrivenBy::Caller, true), (DrivenBy::Thread(bell), false)] {
            let (tell, told) = channel();
            Former::new(&driven_by).dispose(Told(tell));
            let dropped_in = told.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!(dropped_in == std::thread::current().id(), is_here);
        }
    }
}
