//! Sessions: how one begins, comes back on another connection, ends, and which connection it has.

use std::collections::HashMap;

use paddock_engine::txn::Txn;
use paddock_net::exchange::{AnswerKind, ConnectionId};

use super::{Replica, VERSION_TXNS};

/// A close-session transaction that would be longer does not list its ephemerals, bytes; whoever applies it has them.
const CLOSE_SESSION_BYTES: usize = 16 * 1024 * 1024;

/// Where a session's connection is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Home {
    pub reactor: usize,
    pub connection: ConnectionId,
}

/// The connection of every session that has one.
#[derive(Default)]
pub struct Homes {
    by_session: HashMap<i64, Home>,
    by_home: HashMap<Home, i64>,
}

impl Homes {
    /// The session's connection is here from now on.
    pub fn settle(&mut self, session: i64, home: Home) {
        self.by_session.insert(session, home);
        self.by_home.insert(home, session);
    }

    /// Where the session's connection was.
    pub fn forget(&mut self, session: i64) -> Option<Home> {
        let home = self.by_session.remove(&session)?;
        self.by_home.remove(&home);
        Some(home)
    }

    /// The connection is gone.
    pub fn leave(&mut self, home: Home) {
        if let Some(session) = self.by_home.remove(&home) {
            self.by_session.remove(&session);
        }
    }
}

impl Replica {
    pub(super) fn connect(&mut self, home: Home, timeout: i32) {
        while self.database.session_timeout(self.next_session).is_some() || self.next_session == 0 {
            self.next_session = self.next_session.wrapping_add(1);
        }
        let session = self.next_session;
        self.next_session = session.wrapping_add(1);
        self.propose(session, 0, &Txn::CreateSession { timeout });
        self.settle(home, session, timeout);
    }

    /// The session's connection is here from now on.
    fn settle(&mut self, home: Home, session: i64, timeout: i32) {
        self.expiry.arm(session, timeout.max(0) as u64, self.millis(self.now));
        self.homes.settle(session, home);
        self.answer(home, AnswerKind::Connected { session, timeout });
    }

    /// The session's former connection is closed before anything else is looked at, as ZooKeeper does it.
    pub(super) fn reattach(&mut self, home: Home, session: i64, timeout: i32, password_matches: bool) {
        if let Some(former) = self.homes.forget(session) {
            self.answer(former, AnswerKind::Dropped);
        }
        if password_matches && self.database.session_timeout(session).is_some() {
            self.settle(home, session, timeout);
        } else {
            self.answer(home, AnswerKind::Refused);
        }
    }

    pub(super) fn close_session(&mut self, session: i64, cxid: i32) {
        self.expiry.remove(session);
        let mut txn = self.database.prepare_close_session(session);
        let listed: usize = self.database.ephemerals_of(session).map(|path| path.len() + 4).sum();
        if listed > CLOSE_SESSION_BYTES {
            txn = Txn::CloseSession { ephemerals: None };
        }
        self.propose(session, cxid, &txn);
    }

    /// Closes the sessions that were due before the oldest report: whoever was heard since is in a later one.
    pub(super) fn expire_sessions(&mut self) {
        let Some(oldest) = self.heard_until.iter().min() else { return };
        let until = self.millis(*oldest);
        while self.may_gather() {
            let Some(session) = self.expiry.pop_expired(until) else { return };
            if self.draft.transactions() >= VERSION_TXNS {
                self.seal();
            }
            tracing::info!(session = format_args!("0x{session:x}"), "session expired");
            self.expired += 1;
            let home = self.homes.forget(session);
            self.close_session(session, 0);
            if let Some(home) = home {
                self.answer(home, AnswerKind::Dropped);
            }
        }
    }
}

/// The first session id after a start: the server, 40 bits of its clock, and room to count.
pub fn first_session(server_id: i64, wall_ms: i64) -> i64 {
    let start = (server_id << 56) | ((wall_ms & 0xff_ffff_ffff) << 16);
    // That value marks containers.
    if start == i64::MIN { start + 1 } else { start }
}

#[cfg(test)]
mod tests {
    use super::first_session;

    #[test]
    fn session_ids_start_with_the_server() {
        let first = first_session(1, 0x1234_5678_9abc);
        assert_eq!(first >> 56, 1);
        assert_eq!(first & 0xffff, 0);
        assert_eq!(first_session(128, 0), i64::MIN + 1);
    }
}
