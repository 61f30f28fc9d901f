//! Through which server each session asks: a leader lets only the owner of a session write for it.

use std::collections::HashMap;

use paddock_consensus::input::Link;

/// Where a session's client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// At this server.
    Here,
    /// At the learner of this link.
    Link(Link),
}

/// The number of a request among all that have come from one origin, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct RequestNumber(pub u64);

#[derive(Clone, Copy, Debug)]
struct Owner {
    origin: Origin,
    /// Requests from there before this one were asked before the client went elsewhere and came back.
    since: RequestNumber,
}

/// The owner of each session of which one is known. After a change of leader nobody knows: the first that asks for a session
/// is its owner.
#[derive(Debug, Default)]
pub struct Owners {
    by_session: HashMap<i64, Owner>,
}

impl Owners {
    /// The session's client is there from now on.
    pub fn set(&mut self, session: i64, origin: Origin) {
        self.by_session.insert(session, Owner { origin, since: RequestNumber::default() });
    }

    /// The session's client is there from now on, and the next request from there has this number. If it was elsewhere, whatever
    /// it has asked there before comes too late: what it has asked elsewhere may be done by now.
    pub fn come_back(&mut self, session: i64, origin: Origin, next: RequestNumber) {
        let owner = self.by_session.entry(session).or_insert(Owner { origin, since: RequestNumber::default() });
        if owner.origin != origin {
            *owner = Owner { origin, since: next };
        }
    }

    /// Whether a request of the session that came from there with this number comes too late, because the client has gone
    /// elsewhere since. Where no owner is known, whoever asks is it from now on.
    pub fn has_moved(&mut self, session: i64, origin: Origin, number: RequestNumber) -> bool {
        let owner = self.by_session.entry(session).or_insert(Owner { origin, since: RequestNumber::default() });
        owner.origin != origin || number < owner.since
    }

    /// The sessions whose clients are there.
    pub fn of(&self, origin: Origin) -> impl Iterator<Item = i64> {
        self.by_session.iter().filter(move |(_, owner)| owner.origin == origin).map(|(session, _)| *session)
    }

    /// The session has ended.
    pub fn forget(&mut self, session: i64) {
        self.by_session.remove(&session);
    }

    /// A leader begins.
    pub fn clear(&mut self) {
        self.by_session.clear();
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::input::Link;

    use super::{Origin, Owners, RequestNumber};

    const FIRST: RequestNumber = RequestNumber(0);

    #[test]
    fn a_session_belongs_to_whoever_had_it_last() {
        let (mut owners, link) = (Owners::default(), Origin::Link(Link(3)));
        assert!(!owners.has_moved(7, link, FIRST), "nobody was known to have it");
        let is_elsewhere = |owners: &mut Owners, origin| owners.has_moved(7, origin, FIRST);
        assert!(is_elsewhere(&mut owners, Origin::Here) && is_elsewhere(&mut owners, Origin::Link(Link(4))));
        owners.set(7, Origin::Here);
        assert!(is_elsewhere(&mut owners, link) && !is_elsewhere(&mut owners, Origin::Here));
        owners.forget(7);
        assert!(!is_elsewhere(&mut owners, link));
        owners.clear();
        assert!(!is_elsewhere(&mut owners, Origin::Here));
    }

    #[test]
    fn what_was_asked_before_the_client_went_and_came_back_is_late() {
        let (mut owners, link) = (Owners::default(), Origin::Link(Link(3)));
        owners.come_back(7, link, RequestNumber(4));
        assert!(!owners.has_moved(7, link, FIRST), "it may have been there all the time");
        owners.come_back(7, link, RequestNumber(5));
        assert!(!owners.has_moved(7, link, FIRST), "it has another connection to the same server");
        owners.set(7, Origin::Here);
        owners.come_back(7, link, RequestNumber(6));
        assert!(owners.has_moved(7, link, RequestNumber(5)) && !owners.has_moved(7, link, RequestNumber(6)));
        assert!(owners.has_moved(7, Origin::Here, RequestNumber(9)));
    }
}
