//! Sessions: how one begins, comes back on another connection, ends, and which connection it has.
//!
//! A *global* session begins and ends by transactions, so that every server knows it and it outlives a restart. A *local*
//! one is this server's alone: it takes no zxid and is in no log and no snapshot. Only a global session may own an
//! ephemeral; a local one that asks for its first is made global before, by a transaction that keeps its id, where the
//! operator allows it.

use std::collections::HashMap;
use std::time::Instant;

use paddock_engine::keeper;
use paddock_engine::request::asks_for_ephemeral;
use paddock_engine::txn::Txn;
use paddock_net::exchange::{AnswerKind, ConnectionId, Pause};
use paddock_net::reactor::PAUSE_MIN;

use super::Replica;
use super::gather::VERSION_TXNS;
use super::unfinished::Owed;

/// Where a session's connection is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Home {
    pub reactor: usize,
    pub connection: ConnectionId,
}

/// The connection of every session that has one. Only living sessions do.
pub struct Homes {
    by_session: HashMap<i64, Home>,
    /// By reactor and slot, up to the highest slot that had a session. Every write looks here, so nothing is hashed.
    by_slot: Vec<Vec<Option<Tenant>>>,
}

/// The session of one generation of a slot.
#[derive(Clone, Copy)]
struct Tenant {
    generation: u32,
    session: i64,
}

impl Homes {
    pub fn new(reactors: usize) -> Homes {
        Homes { by_session: HashMap::new(), by_slot: vec![Vec::new(); reactors] }
    }

    /// The session's connection is here from now on.
    pub fn settle(&mut self, session: i64, home: Home) {
        let (slots, slot) = (&mut self.by_slot[home.reactor], home.connection.slot as usize);
        if slots.len() <= slot {
            slots.resize(slot + 1, None);
        }
        slots[slot] = Some(Tenant { generation: home.connection.generation, session });
        self.by_session.insert(session, home);
    }

    /// The session that has its connection here.
    pub fn session_at(&self, home: Home) -> Option<i64> {
        let Tenant { generation, session } = (*self.by_slot[home.reactor].get(home.connection.slot as usize)?)?;
        (generation == home.connection.generation).then_some(session)
    }

    /// Where the session's connection was.
    pub fn forget(&mut self, session: i64) -> Option<Home> {
        let home = self.by_session.remove(&session)?;
        self.vacate(home);
        Some(home)
    }

    /// The connection is gone.
    pub fn leave(&mut self, home: Home) {
        if let Some(session) = self.vacate(home) {
            self.by_session.remove(&session);
        }
    }

    /// No session has its connection here any more. Returns the one that had.
    fn vacate(&mut self, home: Home) -> Option<i64> {
        let session = self.session_at(home)?;
        self.by_slot[home.reactor][home.connection.slot as usize] = None;
        Some(session)
    }
}

/// What kind of session a new one is, and whether it may become another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewSessions {
    Global,
    Local { may_upgrade: bool },
}

/// The sessions of this server alone.
pub struct LocalSessions {
    new_sessions: NewSessions,
    /// Timeouts by session, ms.
    timeouts: HashMap<i64, i32>,
}

impl LocalSessions {
    pub fn new(new_sessions: NewSessions) -> LocalSessions {
        LocalSessions { new_sessions, timeouts: HashMap::new() }
    }

    pub fn contains(&self, session: i64) -> bool {
        self.timeouts.contains_key(&session)
    }

    /// The session's timeout, if it is a local one and may become global; it is none of these from then on.
    fn take_for_upgrade(&mut self, session: i64) -> Option<i32> {
        let may_upgrade = self.new_sessions == NewSessions::Local { may_upgrade: true };
        if may_upgrade { self.timeouts.remove(&session) } else { None }
    }
}

impl Replica {
    pub(super) fn connect(&mut self, home: Home, timeout: i32) {
        while self.lives(self.next_session) || self.next_session == 0 {
            self.next_session = self.next_session.wrapping_add(1);
        }
        let session = self.next_session;
        self.next_session = session.wrapping_add(1);
        match self.local.new_sessions {
            NewSessions::Global => self.propose(session, 0, &Txn::CreateSession { timeout }),
            NewSessions::Local { .. } => {
                self.local.timeouts.insert(session, timeout);
            }
        }
        self.settle(home, session, timeout);
    }

    /// Whether the session is there, local or global.
    fn lives(&self, session: i64) -> bool {
        self.session_timeout(session).is_some()
    }

    /// The timeout that the session began with, ms.
    pub(super) fn session_timeout(&self, session: i64) -> Option<i32> {
        self.database.session_timeout(session).or_else(|| self.local.timeouts.get(&session).copied())
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
        if password_matches && self.lives(session) {
            self.settle(home, session, timeout);
        } else {
            if password_matches {
                let session = format_args!("0x{session:x}");
                tracing::info!(
                    session,
                    "a client came back to a session that has expired or never was; it was refused"
                );
            }
            self.answer(home, AnswerKind::Refused);
        }
    }

    /// A client asks for the end of its session, whose connection this is.
    pub(super) fn close_for(&mut self, home: Home, session: i64, xid: i32) {
        self.homes.forget(session);
        self.close_session(session, xid, Owed::Told(home, AnswerKind::Closed { xid }));
    }

    fn close_session(&mut self, session: i64, cxid: i32, owed: Owed<'_>) {
        self.expiry.remove(session);
        if self.local.timeouts.remove(&session).is_some() {
            return self.pay(owed);
        }
        let txn = self.database.prepare_close_session(session);
        if !self.database.is_long(session, &txn) {
            // Many short ones together are long too.
            self.steps_left = self.steps_left.saturating_sub(self.database.ephemeral_count_of(session));
        }
        self.carry_out(session, cxid, &txn, owed);
    }

    /// Makes a local session global before it asks for an ephemeral. Its id, timeout and connection stay.
    pub(super) fn upgrade_for(&mut self, session: i64, opcode: i32, body: &[u8], keeper: bool) {
        let asks = if keeper { keeper::asks_for_ephemeral } else { asks_for_ephemeral };
        if self.local.contains(session)
            && asks(opcode, body)
            && let Some(timeout) = self.local.take_for_upgrade(session)
        {
            tracing::debug!(session = format_args!("0x{session:x}"), "a local session becomes global");
            self.propose(session, 0, &Txn::CreateSession { timeout });
        }
    }

    /// Up to when every reactor has reported whom it heard, and done with all that came before.
    pub(super) fn oldest_report(&self) -> Instant {
        self.heard_until.iter().min().copied().unwrap_or(self.now)
    }

    /// Sessions have not aged while a reactor stood still.
    pub(super) fn give_back(&mut self, Pause { from, to }: Pause) {
        let now = self.millis(Instant::now());
        let given = self.expiry.stand_still(self.millis(from), self.millis(to), now);
        // The reactors' ends of one pause differ a little, which is not worth another line.
        if u128::from(given) >= PAUSE_MIN.as_millis() {
            tracing::warn!(
                millis = given,
                "this server stood still, so that no client could be heard; its sessions are given that time back; \
                 if it was not stopped on purpose, it lacks CPU or memory"
            );
        }
    }

    /// Closes the sessions that were due before the oldest report: whoever was heard since is in a later one.
    pub(super) fn expire_sessions(&mut self) {
        let until = self.millis(self.oldest_report());
        self.expires_more = false;
        while self.may_gather() {
            if !self.may_step() {
                self.expires_more = true;
                return;
            }
            let Some(session) = self.expiry.pop_expired(until) else { return };
            if self.draft.transactions() >= VERSION_TXNS {
                self.seal();
            }
            let home = self.homes.forget(session);
            self.close_session(session, 0, Owed::Expiry { session, home });
        }
    }
}

/// The first session id after a start: the server, 40 bits of its clock, and room to count. Where the clock has gone back,
/// the ids go on after those of the `living` sessions.
pub fn first_session(server_id: i64, wall_ms: i64, living: impl Iterator<Item = i64>) -> i64 {
    let start = (server_id << 56) | ((wall_ms & 0xff_ffff_ffff) << 16);
    // That value marks containers.
    let start = if start == i64::MIN { start + 1 } else { start };
    let newest = living.filter(|session| session >> 56 == start >> 56).max();
    newest.map_or(start, |newest| start.max(newest.wrapping_add(1)))
}

#[cfg(test)]
mod tests {
    use paddock_net::exchange::ConnectionId;

    use super::{Home, Homes, first_session};

    const fn home(reactor: usize, slot: u32, generation: u32) -> Home {
        Home { reactor, connection: ConnectionId { slot, generation } }
    }

    #[test]
    fn a_slot_is_a_home_in_one_generation_only() {
        let mut homes = Homes::new(2);
        homes.settle(7, home(1, 3, 1));
        assert_eq!(homes.session_at(home(1, 3, 1)), Some(7));
        for other in [home(0, 3, 1), home(1, 2, 1), home(1, 4, 1), home(1, 3, 0), home(1, 3, 2)] {
            assert_eq!(homes.session_at(other), None);
            homes.leave(other);
        }
        assert_eq!(homes.forget(7), Some(home(1, 3, 1)));
        assert_eq!((homes.forget(7), homes.session_at(home(1, 3, 1))), (None, None));
    }

    #[test]
    fn who_is_late_to_leave_takes_nobody_along() {
        let mut homes = Homes::new(1);
        homes.settle(7, home(0, 0, 1));
        homes.settle(8, home(0, 0, 2));
        homes.leave(home(0, 0, 1));
        assert_eq!(homes.session_at(home(0, 0, 2)), Some(8));
        assert_eq!(homes.forget(7), Some(home(0, 0, 1)));
        assert_eq!(homes.session_at(home(0, 0, 2)), Some(8));
    }

    fn first(server_id: i64, wall_ms: i64) -> i64 {
        first_session(server_id, wall_ms, std::iter::empty())
    }

    #[test]
    fn session_ids_start_with_the_server() {
        let id = first(1, 0x1234_5678_9abc);
        assert_eq!((id >> 56, id & 0xffff, (id >> 16) & 0xff_ffff_ffff), (1, 0, 0x34_5678_9abc));
    }

    #[test]
    fn trap_084_servers_from_128_have_negative_ids_and_none_marks_a_container() {
        assert_eq!(first(128, 0), i64::MIN + 1);
        assert!(first(200, 5) < 0);
        assert_eq!(first(200, 5) as u64 >> 56, 200);
    }

    #[test]
    fn ids_go_on_where_the_clock_has_gone_back() {
        let before = first(1, 5000) + 3;
        assert_eq!(first_session(1, 4000, [before, first(2, 9000)].into_iter()), before + 1);
        assert_eq!(first_session(1, 6000, [before].into_iter()), first(1, 6000));
        let negative = first(200, 5000);
        assert_eq!(first_session(200, 4000, [negative].into_iter()), negative + 1);
    }
}
