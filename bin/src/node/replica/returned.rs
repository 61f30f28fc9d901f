//! Where the clients are that came back to their sessions through this follower: here, or at an observer that it serves.
//!
//! For the leader all of these are at the end of one link, so that it cannot tell that a client went from one to another. Its
//! master alone can know that what an observer passes on was asked before the client asked elsewhere.
//!
//! Where a client comes back it may have given up meanwhile, and that may be said late, when it is elsewhere again. So nobody is
//! taken for gone by that alone: only a write shows that a client is there, and not any more where it was before. What each of
//! them asks comes in its order.

use std::collections::BTreeSet;

use paddock_consensus::input::Link;

use super::owners::Origin;
use crate::node::session_set::SessionMap;

#[derive(Debug, Default)]
pub struct Returned {
    /// The observers that are served. Without any of them nothing comes late, and nothing is kept.
    observers: BTreeSet<Link>,
    /// Of each session of which a client has come back, where it may be, in the order in which it came there last.
    by_session: SessionMap<Vec<Origin>>,
}

impl Returned {
    /// An observer that is served from here on.
    pub fn join(&mut self, link: Link) {
        self.observers.insert(link);
    }

    /// The leader is asked whether the session lives, for a client that has come back there, or to begin it.
    pub fn come_back(&mut self, session: i64, origin: Origin) {
        if self.observers.is_empty() {
            return;
        }
        let origins = self.by_session.entry(session).or_insert_with(|| vec![origin]);
        origins.retain(|other| *other != origin);
        origins.push(origin);
    }

    /// Whether what the session asks from there comes too late, because its client has come back elsewhere since.
    pub fn has_moved(&self, session: i64, origin: Origin) -> bool {
        self.by_session.get(&session).is_some_and(|origins| !origins.contains(&origin))
    }

    /// The leader is asked for a write of the session from there: where its client was before, it is not any more.
    pub fn write(&mut self, session: i64, origin: Origin) {
        if let Some(origins) = self.by_session.get_mut(&session)
            && let Some(place) = origins.iter().position(|other| *other == origin)
        {
            origins.drain(..place);
        }
    }

    /// The observer is gone, and asks for nothing more. If it was the last one of a session, what comes late of others is still
    /// known by that.
    pub fn leave(&mut self, link: Link) {
        if self.observers.remove(&link) && self.observers.is_empty() {
            self.by_session = SessionMap::default();
        }
        for origins in self.by_session.values_mut().filter(|origins| origins.len() > 1) {
            origins.retain(|origin| *origin != Origin::Link(link));
        }
    }

    /// The session has ended.
    pub fn forget(&mut self, session: i64) {
        self.by_session.remove(&session);
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::input::Link;

    use super::{Origin, Returned};

    const HERE: Origin = Origin::Here;
    const ONE: Origin = Origin::Link(Link(1));
    const OTHER: Origin = Origin::Link(Link(2));

    fn serving(observers: impl Iterator<Item = u32>) -> Returned {
        let mut returned = Returned::default();
        observers.for_each(|link| returned.join(Link(link)));
        returned
    }

    #[test]
    fn what_was_asked_before_the_client_came_back_elsewhere_is_late() {
        let mut returned = serving(1..=2);
        let are_late = |returned: &Returned| [HERE, ONE, OTHER].map(|origin| returned.has_moved(7, origin));
        returned.write(7, ONE);
        assert_eq!(are_late(&returned), [false; 3], "it began anywhere");
        returned.come_back(7, HERE);
        assert_eq!(are_late(&returned), [false, true, true]);
        returned.write(7, HERE);
        returned.come_back(7, ONE);
        assert_eq!(are_late(&returned), [false, false, true], "what it asked before is on its way");
        returned.write(7, HERE);
        assert_eq!(are_late(&returned), [false, false, true], "that was asked before");
        returned.write(7, ONE);
        assert_eq!(are_late(&returned), [true, false, true]);
        returned.forget(7);
        assert_eq!(are_late(&returned), [false; 3]);
    }

    #[test]
    fn a_client_is_where_it_writes_though_it_was_on_its_way_elsewhere() {
        let mut returned = serving(1..=2);
        returned.come_back(7, ONE);
        // It has given up, and this comes late.
        returned.come_back(7, OTHER);
        returned.come_back(7, HERE);
        for _ in 0..2 {
            returned.write(7, ONE);
            assert!(!returned.has_moved(7, ONE));
        }
        returned.come_back(7, ONE);
        returned.write(7, HERE);
        assert!(!returned.has_moved(7, ONE) && returned.has_moved(7, OTHER));
    }

    #[test]
    fn of_observers_that_are_gone_no_more_is_kept_than_says_what_is_late() {
        let mut returned = serving(1..=1);
        for link in 3..9 {
            returned.join(Link(link));
            returned.come_back(7, Origin::Link(Link(link)));
            returned.leave(Link(link));
            assert_eq!(returned.by_session[&7].len(), 1);
            assert!(returned.has_moved(7, ONE));
        }
        returned.leave(Link(1));
        returned.come_back(7, HERE);
        assert!(returned.by_session.is_empty(), "nobody asks for anything late");
    }
}
