//! The sessions of a learner's clients that its leader is to be told of, because they were heard.

use std::collections::VecDeque;

use crate::node::session_set::{SessionMap, SessionSet};

/// What the next answer to a PING tells. It has an entry for each session at most that has a client here, or had one.
#[derive(Debug, Default)]
pub struct Touched {
    /// The timeouts that clients were promised here, by session, ms.
    timeouts: SessionMap<i32>,
    /// Those that were heard and not told of.
    heard: SessionSet,
    /// The same, in the order in which they were heard, with some that have ended since.
    order: VecDeque<i64>,
}

impl Touched {
    /// The session's client is here from now on, and its session expires when it is silent for `timeout` ms.
    pub fn welcome(&mut self, session: i64, timeout: i32) {
        self.timeouts.insert(session, timeout);
        self.touch(session);
    }

    /// The session was heard, if it has a client here.
    pub fn touch(&mut self, session: i64) {
        if self.timeouts.contains_key(&session) && self.heard.insert(session) {
            self.order.push_back(session);
        }
    }

    /// The session has ended.
    pub fn forget(&mut self, session: i64) {
        self.timeouts.remove(&session);
        self.heard.remove(&session);
    }

    /// So many of those that were heard and not told of, the first ones, each with its timeout in ms.
    pub fn take(&mut self, max: usize) -> impl Iterator<Item = (i64, i32)> {
        let Touched { timeouts, heard, order } = self;
        let next = move || {
            let session = order.pop_front()?;
            Some(heard.remove(&session).then(|| (session, timeouts.get(&session).copied().unwrap_or_default())))
        };
        std::iter::from_fn(next).flatten().take(max)
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
        assert_eq!(touched.take(9).collect::<Vec<_>>(), [(7, 6000)], "session 9 has no client here");
        assert_eq!(touched.take(9).count(), 0);
        touched.touch(8);
        touched.touch(7);
        assert_eq!(touched.take(9).collect::<Vec<_>>(), [(7, 6000)]);
    }

    #[test]
    fn what_there_is_no_room_for_comes_next() {
        let mut touched = Touched::default();
        (1..=5).for_each(|session| touched.welcome(session, 4000));
        touched.forget(2);
        let told = |touched: &mut Touched| touched.take(2).map(|(session, _)| session).collect::<Vec<_>>();
        assert_eq!(told(&mut touched), [1, 3]);
        touched.touch(1);
        touched.touch(4);
        assert_eq!((told(&mut touched), told(&mut touched)), (vec![4, 5], vec![1]), "each once, the first ones first");
    }
}
