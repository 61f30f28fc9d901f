//! The sessions of a learner's clients that its leader is to be told of, because they were heard.

use crate::node::session_set::{SessionMap, SessionSet};

/// What the next answer to a PING tells. It has an entry for each session at most that has a client here, or had one.
#[derive(Debug, Default)]
pub struct Touched {
    /// The timeouts that clients were promised here, by session, ms.
    timeouts: SessionMap<i32>,
    heard: SessionSet,
}

impl Touched {
    /// The session's client is here from now on, and its session expires when it is silent for `timeout` ms.
    pub fn welcome(&mut self, session: i64, timeout: i32) {
        self.timeouts.insert(session, timeout);
        self.heard.insert(session);
    }

    /// The session was heard, if it has a client here.
    pub fn touch(&mut self, session: i64) {
        if self.timeouts.contains_key(&session) {
            self.heard.insert(session);
        }
    }

    /// The session has ended.
    pub fn forget(&mut self, session: i64) {
        self.timeouts.remove(&session);
        self.heard.remove(&session);
    }

    /// Those that were heard since this was asked last, each with its timeout in ms, in no order.
    pub fn take(&mut self) -> impl Iterator<Item = (i64, i32)> {
        self.heard.drain().filter_map(|session| Some((session, *self.timeouts.get(&session)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::Touched;

    #[test]
    fn what_was_heard_is_told_once() {
        let mut touched = Touched::default();
        touched.welcome(7, 4000);
        touched.welcome(8, 4000);
        touched.welcome(7, 6000);
        touched.touch(9);
        touched.forget(8);
        assert_eq!(touched.take().collect::<Vec<_>>(), [(7, 6000)], "session 9 has no client here");
        assert_eq!(touched.take().count(), 0);
        touched.touch(8);
        touched.touch(7);
        assert_eq!(touched.take().collect::<Vec<_>>(), [(7, 6000)]);
    }
}
