//! The sessions of this server alone: they take no zxid and are in no log and no snapshot.

use crate::config::NewSessions;
use crate::node::session_set::SessionMap;

#[derive(Debug)]
pub struct LocalSessions {
    new_sessions: NewSessions,
    /// Timeouts by session, ms.
    timeouts: SessionMap<i32>,
}

impl LocalSessions {
    pub fn new(new_sessions: NewSessions) -> LocalSessions {
        LocalSessions { new_sessions, timeouts: SessionMap::default() }
    }

    /// Whether new sessions are local ones.
    pub fn are_begun(&self) -> bool {
        self.new_sessions != NewSessions::Global
    }

    pub fn contains(&self, session: i64) -> bool {
        self.timeouts.contains_key(&session)
    }

    pub fn len(&self) -> usize {
        self.timeouts.len()
    }

    /// All of them are over.
    pub fn clear(&mut self) {
        self.timeouts.clear();
    }

    /// The sessions with their timeouts, ms.
    pub fn iter(&self) -> impl Iterator<Item = (i64, i32)> {
        self.timeouts.iter().map(|(&session, &timeout)| (session, timeout))
    }

    /// The timeout of a session that is one of these, ms.
    pub fn timeout(&self, session: i64) -> Option<i32> {
        self.timeouts.get(&session).copied()
    }

    /// Takes in a new session, if new ones are local.
    pub fn take_in(&mut self, session: i64, timeout: i32) -> bool {
        let is_local = self.are_begun();
        if is_local {
            self.insert(session, timeout);
        }
        is_local
    }

    /// Takes in a new session.
    pub fn insert(&mut self, session: i64, timeout: i32) {
        self.timeouts.insert(session, timeout);
    }

    /// Forgets the session. Whether it was one of these.
    pub fn remove(&mut self, session: i64) -> bool {
        self.timeouts.remove(&session).is_some()
    }

    /// The session's timeout, if it is a local one and may become global; it is none of these from then on.
    pub fn take_for_upgrade(&mut self, session: i64) -> Option<i32> {
        let may_upgrade = self.new_sessions == NewSessions::Local { may_upgrade: true };
        if may_upgrade { self.timeouts.remove(&session) } else { None }
    }
}
