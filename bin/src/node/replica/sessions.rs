//! Sessions: how one begins, comes back on another connection, ends, and which connection it has.
//!
//! A *global* session begins and ends by transactions, so that every server knows it and it outlives a restart. A *local*
//! one is this server's alone: it takes no zxid and is in no log and no snapshot. Only a global session may own an
//! ephemeral; a local one that asks for its first is made global before, by a transaction that keeps its id, where the
//! operator allows it.

use std::time::{Duration, Instant};

use paddock_consensus::input::Link;
use paddock_engine::admit::Operation;
use paddock_engine::database::Database;
use paddock_engine::session_id::SessionIds;
use paddock_engine::txn::Txn;
use paddock_net::exchange::{AnswerKind, Heard, Pause};
use paddock_net::reactor::PAUSE_MIN;

use super::head::Head;
use super::home::{Home, Homes};
use super::local_sessions::LocalSessions;
use super::owed::Owed;
use super::owners::{Origin, Owners, RequestNumber};
use super::payment::Payment;
use super::reports::{REPORT_WAIT, Reports};
use super::turn::Turn;
use crate::config::NewSessions;
use crate::node::expiry::ExpiryQueue;
use crate::node::moment::{Moment, Start};

pub struct Sessions {
    server_id: i64,
    ids: SessionIds,
    homes: Homes,
    local: LocalSessions,
    /// When sessions are due, in milliseconds since `start`.
    expiry: ExpiryQueue,
    start: Start,
    reports: Reports,
    /// On a leader: where the clients of global sessions are.
    owners: Owners,
    /// Whether global sessions expire here. On a learner only its local ones do: the leader ends the others.
    ends_global: bool,
}

impl Sessions {
    /// None of them expires before it is [armed](Sessions::arm_all).
    pub fn new(
        database: &Database,
        server_id: i64,
        new_sessions: NewSessions,
        tick_ms: u64,
        reactors: usize,
        heard_interval: Duration,
        at: Moment,
    ) -> Sessions {
        Sessions {
            server_id,
            ids: SessionIds::new(server_id, at.wall_ms, database.sessions().map(|(session, _)| session)),
            homes: Homes::new(reactors),
            local: LocalSessions::new(new_sessions),
            expiry: ExpiryQueue::new(tick_ms),
            start: Start(at.now),
            reports: Reports::new(reactors, heard_interval, at.now),
            owners: Owners::default(),
            ends_global: true,
        }
    }

    /// This server begins to serve as the one that ends sessions: every living one gets its whole timeout again.
    pub fn arm_all(&mut self, database: &Database, now: Instant) {
        self.ends_global = true;
        self.arm_anew(database.sessions(), now);
    }

    /// This server begins to serve as one that ends its own local sessions only: they get their whole timeout again.
    pub fn arm_local(&mut self, now: Instant) {
        self.ends_global = false;
        self.arm_anew(std::iter::empty(), now);
    }

    fn arm_anew(&mut self, global: impl Iterator<Item = (i64, i32)>, now: Instant) {
        let now = self.start.millis(now);
        self.expiry.clear();
        for (session, timeout) in global.chain(self.local.iter()) {
            self.expiry.arm(session, timeout.max(0) as u64, now);
        }
    }

    /// Another state has taken the place of the one before, while nobody is served.
    pub fn begin_anew(&mut self, database: &Database, at: Moment) {
        let living = database.sessions().map(|(session, _)| session);
        self.ids.go_on_after(self.server_id, at.wall_ms, living);
        self.homes.leave_all();
        self.local.clear();
        self.expiry.clear();
        self.owners.clear();
    }

    /// A reign begins: nobody knows where any session's client is.
    pub fn begin_reign(&mut self, database: &Database, now: Instant) {
        self.reports.leave_all();
        self.owners.clear();
        self.arm_all(database, now);
    }

    /// The reign goes on in another epoch, and nothing was ordered since `suspended`. Learners did not tell whom they heard, and
    /// no client could come back: if that was long, all have their whole timeout again, as when a leader begins.
    pub fn renew_reign(&mut self, database: &Database, suspended: Instant, now: Instant) {
        if self.reports.is_pause(suspended, now) {
            let now = self.start.millis(now);
            for (session, _) in database.sessions() {
                self.expiry.touch(session, now);
            }
        }
    }

    /// This server looks for a leader again: it has no learners, and the sessions that it alone knows are over.
    pub fn end_part(&mut self) {
        self.reports.leave_all();
        self.owners.clear();
        self.end_local_ones();
    }

    /// The sessions that this server alone knows are over.
    pub fn end_local_ones(&mut self) {
        for (session, _) in self.local.iter() {
            self.expiry.remove(session);
        }
        self.local.clear();
    }

    /// On a leader: the session's client, if it has one here, is here from now on.
    pub fn own(&mut self, home: Home) {
        if let Some(session) = self.homes.session_at(home) {
            self.owners.set(session, Origin::Here);
        }
    }

    pub fn reports(&self) -> &Reports {
        &self.reports
    }

    /// The learner is gone. Those who were there were perhaps heard to the end, if it was not asked whom it heard.
    pub fn leave_learner(&mut self, link: Link, now: Instant) {
        if self.reports.leave(link) {
            let now = self.start.millis(now);
            for session in self.owners.of(Origin::Link(link)) {
                self.expiry.touch(session, now);
            }
        }
    }

    /// Learners come, and go from one epoch to the next.
    pub fn reports_mut(&mut self) -> &mut Reports {
        &mut self.reports
    }

    /// The session that has its connection here.
    pub fn session_at(&self, home: Home) -> Option<i64> {
        self.homes.session_at(home)
    }

    /// Likewise; it asks for something now.
    pub fn note_request(&mut self, home: Home, now: Instant) -> Option<i64> {
        self.homes.note_request(home, now)
    }

    /// The sessions that are this server's alone, with their timeouts, ms.
    pub fn local(&self) -> impl Iterator<Item = (i64, i32)> {
        self.local.iter()
    }

    /// In how many milliseconds the session is due, if it is this server that ends it. Less than 0: it is late.
    pub fn due_in(&self, session: i64, now: Instant) -> Option<i64> {
        let due = self.expiry.due(session)?;
        Some(due as i64 - self.start.millis(now) as i64)
    }

    /// How many sessions are this server's alone.
    pub fn local_count(&self) -> usize {
        self.local.len()
    }

    pub fn is_local(&self, session: i64) -> bool {
        self.local.contains(session)
    }

    /// The timeout that the session, local or global, began with, ms.
    pub fn timeout(&self, head: &Head, session: i64) -> Option<i32> {
        head.database().session_timeout(session).or_else(|| self.local.timeout(session))
    }

    /// Begins a session.
    pub fn connect(&mut self, turn: &mut Turn<'_>, home: Home, timeout: i32) {
        let session = self.next_id(turn.head.database(), |_| false);
        if !self.local.take_in(session, timeout) {
            turn.head.propose(session, 0, &Txn::CreateSession { timeout }, turn.at.wall_ms);
        }
        self.welcome(&mut turn.head.payment(), home, session, timeout, turn.at.now);
    }

    /// Begins a session that this server alone knows, whatever kind new ones are: there is no leader.
    pub fn begin_without_leader(&mut self, turn: &mut Turn<'_>, home: Home, timeout: i32) {
        let session = self.next_id(turn.head.database(), |_| false);
        self.local.insert(session, timeout);
        self.welcome(&mut turn.head.payment(), home, session, timeout, turn.at.now);
    }

    /// An id for a new session, which no session has, and none that `is_taken`.
    pub fn next_id(&mut self, database: &Database, is_taken: impl Fn(i64) -> bool) -> i64 {
        let local = &self.local;
        let is_living = |session| database.session_timeout(session).is_some() || local.contains(session);
        self.ids.next(|session| is_living(session) || is_taken(session))
    }

    /// Begins a local session, if new ones are local.
    pub fn begin_local(&mut self, session: i64, timeout: i32) -> bool {
        self.local.take_in(session, timeout)
    }

    /// The session's connection is here from now on.
    pub fn welcome(&mut self, payment: &mut Payment<'_>, home: Home, session: i64, timeout: i32, now: Instant) {
        if self.ends_global || self.local.contains(session) {
            self.expiry.arm(session, timeout.max(0) as u64, self.start.millis(now));
        }
        self.homes.move_in(session, home);
        payment.answer(home, AnswerKind::Connected { session, timeout });
    }

    /// The connection that the session has here is closed.
    pub fn disconnect(&mut self, payment: &mut Payment<'_>, session: i64) {
        self.count_request(session);
        if let Some(former) = self.homes.forget(session) {
            payment.answer(former, AnswerKind::Dropped);
        }
    }

    /// A client that came back to a session which is no more is refused.
    pub fn refuse(payment: &mut Payment<'_>, home: Home, session: i64) {
        let session = format_args!("0x{session:x}");
        tracing::info!(session, "a client came back to a session that has expired or never was; it was refused");
        payment.answer(home, AnswerKind::Refused);
    }

    /// The session's former connection is closed before anything else is looked at, as ZooKeeper does it.
    pub fn reattach(&mut self, turn: &mut Turn<'_>, home: Home, session: i64, timeout: i32, password_matches: bool) {
        let lives = self.timeout(turn.head, session).is_some();
        let payment = &mut turn.head.payment();
        self.disconnect(payment, session);
        match (password_matches, lives) {
            (true, true) => self.welcome(payment, home, session, timeout, turn.at.now),
            (true, false) => Sessions::refuse(payment, home, session),
            (false, _) => payment.answer(home, AnswerKind::Refused),
        }
    }

    /// Another serving period begins: every connection is closed; the sessions live on.
    pub fn begin_period(&mut self) {
        self.homes.leave_all();
    }

    /// The connection is gone; its session lives on.
    pub fn leave(&mut self, home: Home) {
        if let Some(session) = self.homes.session_at(home) {
            self.count_request(session);
        }
        self.homes.leave(home);
    }

    /// A client asks for the end of its session, whose connection this is.
    pub fn close(&mut self, turn: &mut Turn<'_>, home: Home, session: i64, xid: i32) {
        self.homes.forget(session);
        self.end(turn.head, session, xid, turn.at, Owed::Told(home, AnswerKind::Closed { xid }));
    }

    /// A learner's client ends its session.
    pub fn close_for_learner(&mut self, turn: &mut Turn<'_>, session: i64, cxid: i32) {
        self.disconnect(&mut turn.head.payment(), session);
        self.forget(session);
        turn.head.close_session(session, cxid, turn.at.wall_ms, Owed::Nothing);
    }

    /// Nothing is kept of a global session that ends.
    fn forget(&mut self, session: i64) {
        self.expiry.remove(session);
        self.owners.forget(session);
    }

    /// A session begins whose client is at this learner. It expires here.
    pub fn begin_for_learner(&mut self, link: Link, session: i64, timeout: i32, now: Instant) {
        self.owners.set(session, Origin::Link(link));
        self.arm(session, timeout, now);
    }

    fn arm(&mut self, session: i64, timeout: i32, now: Instant) {
        self.expiry.arm(session, timeout.max(0) as u64, self.start.millis(now));
    }

    /// A learner has heard these sessions, each with its timeout, ms, by `at`. Every session that it had heard `until` then is
    /// told by now; `None` if it may have more to tell.
    pub fn hear_of(
        &mut self,
        link: Link,
        touched: impl Iterator<Item = (i64, i32)>,
        until: Option<Instant>,
        at: Instant,
    ) {
        if let Some(until) = until {
            self.reports.note_learner(link, until);
        }
        let at = self.start.millis(at);
        for (session, timeout) in touched {
            self.expiry.touch_for(session, timeout.max(0) as u64, at);
        }
    }

    /// A client has come back with its session to a learner, whose next request has the number `next`. Whether the session lives;
    /// if so, its connection here is closed.
    pub fn revalidate(
        &mut self,
        turn: &mut Turn<'_>,
        (link, next): (Link, RequestNumber),
        session: i64,
        timeout: i32,
    ) -> bool {
        let lives = turn.head.database().session_timeout(session).is_some() && !turn.head.is_closing(session);
        if lives {
            self.disconnect(&mut turn.head.payment(), session);
            self.owners.come_back(session, Origin::Link(link), next);
            self.arm(session, timeout, turn.at.now);
        }
        lives
    }

    /// Whether a learner's request of a session comes too late, because the session's client has gone elsewhere. Of a session
    /// that is no more nothing is kept.
    pub fn has_moved(&mut self, database: &Database, (link, number): (Link, RequestNumber), session: i64) -> bool {
        database.session_timeout(session).is_some() && self.owners.has_moved(session, Origin::Link(link), number)
    }

    /// Whether a session that is not global may be a local one of another server.
    pub fn may_be_local_elsewhere(&self, database: &Database, session: i64) -> bool {
        let is_own = SessionIds::are_of(self.server_id, session);
        self.local.are_begun() && !is_own && database.session_timeout(session).is_none()
    }

    /// The session has no connection here any more. Returns the one that it had.
    pub fn forget_home(&mut self, session: i64) -> Option<Home> {
        self.homes.forget(session)
    }

    /// Ends the session, if it is a local one.
    pub fn end_local(&mut self, session: i64) -> bool {
        let is_local = self.local.remove(session);
        if is_local {
            self.expiry.remove(session);
        }
        is_local
    }

    fn end(&mut self, head: &mut Head, session: i64, cxid: i32, at: Moment, owed: Owed<'_>) {
        if self.end_local(session) {
            head.pay(owed);
        } else {
            self.forget(session);
            head.close_session(session, cxid, at.wall_ms, owed);
        }
    }

    /// Makes a local session global before it asks for an ephemeral. Its id, timeout and connection stay.
    pub fn upgrade_for(&mut self, turn: &mut Turn<'_>, session: i64, operation: &Operation<'_>) {
        if self.local.contains(session)
            && operation.asks_for_ephemeral()
            && let Some(timeout) = self.upgrade(session)
        {
            turn.head.propose(session, 0, &Txn::CreateSession { timeout }, turn.at.wall_ms);
        }
    }

    /// The timeout of a local session that becomes global, ms; `None` if it may not. It stays armed where global sessions
    /// expire too.
    pub fn upgrade(&mut self, session: i64) -> Option<i32> {
        let timeout = self.local.take_for_upgrade(session)?;
        tracing::debug!(session = format_args!("0x{session:x}"), "a local session becomes global");
        if !self.ends_global {
            self.expiry.remove(session);
        }
        Some(timeout)
    }

    /// A reactor reports whom it heard.
    pub fn hear(&mut self, reactor: usize, heard: &Heard, now: Instant) {
        let Heard { ref sessions, until, at, pause } = *heard;
        if let Some(pause) = pause {
            self.give_back(pause, now);
        }
        let at_ms = self.start.millis(at);
        for session in sessions {
            self.expiry.touch(*session, at_ms);
        }
        self.reports.note(reactor, until, at);
    }

    /// Sessions have not aged while a reactor stood still.
    fn give_back(&mut self, Pause { from, to }: Pause, now: Instant) {
        // A report may have come after the turn's begin, and what it tells of counts from then.
        let now = self.start.millis(now.max(self.reports.newest()));
        let given = self.expiry.stand_still(self.start.millis(from), self.start.millis(to), now);
        // The reactors' ends of one pause differ a little, which is not worth another line.
        if u128::from(given) >= PAUSE_MIN.as_millis() {
            tracing::warn!(
                millis = given,
                "this server stood still, so that no client could be heard; its sessions are given that time back; \
                 if it was not stopped on purpose, it lacks CPU or memory"
            );
        }
    }

    /// Whoever asks for something is heard, and a write that is done must not be the last thing before the end of its session
    /// only because no report tells of it yet. Whether the session asked for something that was not counted.
    fn count_request(&mut self, session: i64) -> bool {
        let asked = self.homes.take_asked(session);
        if let Some(asked) = asked {
            self.expiry.touch(session, self.start.millis(asked));
        }
        asked.is_some()
    }

    /// Ends the sessions that were due before the oldest report: whoever was heard since is in a later one.
    pub fn expire(&mut self, head: &mut Head, at: Moment) {
        let until = self.start.millis(self.reports.heard_until());
        if self.expiry.next_due().is_none_or(|due| until < due) {
            return;
        }
        while head.has_room() && head.may_step() {
            let Some(session) = self.expiry.first_expired(until) else { return };
            if self.count_request(session) {
                continue;
            }
            head.seal_if_full();
            let home = self.homes.forget(session);
            self.end(head, session, 0, at, Owed::Expiry { session, home });
        }
    }

    /// How long nothing expires, if anything ever does.
    pub fn until_due(&self, now: Instant) -> Option<Duration> {
        let until = self.start.until(self.expiry.next_due()?, now);
        Some(if until.is_zero() { REPORT_WAIT } else { until + Duration::from_millis(1) })
    }
}
