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

/// The owner of each session of which one is known. After a change of leader nobody knows: the first that asks for a session
/// is its owner.
#[derive(Debug, Default)]
pub struct Owners {
    by_session: HashMap<i64, Origin>,
}

impl Owners {
    /// The session's client is there from now on.
    pub fn set(&mut self, session: i64, origin: Origin) {
        self.by_session.insert(session, origin);
    }

    /// Whether a request of the session that comes from there comes too late, because the client has gone elsewhere. Where
    /// no owner is known, whoever asks is it from now on.
    pub fn has_moved(&mut self, session: i64, origin: Origin) -> bool {
        *self.by_session.entry(session).or_insert(origin) != origin
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

    use super::{Origin, Owners};

    #[test]
    fn a_session_belongs_to_whoever_had_it_last() {
        let (mut owners, link) = (Owners::default(), Origin::Link(Link(3)));
        assert!(!owners.has_moved(7, link), "nobody was known to have it");
        assert!(owners.has_moved(7, Origin::Here) && owners.has_moved(7, Origin::Link(Link(4))));
        owners.set(7, Origin::Here);
        assert!(owners.has_moved(7, link) && !owners.has_moved(7, Origin::Here));
        owners.forget(7);
        assert!(!owners.has_moved(7, link));
        owners.clear();
        assert!(!owners.has_moved(7, Origin::Here));
    }
}
