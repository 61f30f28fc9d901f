//! What a learner does with its clients' requests: it asks the leader, and answers when it has applied what became of them.
//!
//! Local sessions are its own, as they are of any server: they begin, end and expire here.

use std::collections::VecDeque;
use std::sync::Arc;

use paddock_consensus::Zxid;
use paddock_consensus::input::Link;
use paddock_engine::acl::Id;
use paddock_engine::admit::admit;
use paddock_engine::error::Code;
use paddock_engine::replay::ReplayError;
use paddock_engine::request::{opcode, sync_path};
use paddock_engine::txn::ReadTxn;
use paddock_net::exchange::{Heard, Request, RequestKind};

use super::forwarding::{Asker, Became, Forwarding, LeaderRequest, ToLeader};
use super::head::{Applied, Head};
use super::home::Home;
use super::owners::Origin;
use super::payment::Payment;
use super::returned::Returned;
use super::sessions::Sessions;
use super::touched::Touched;
use super::turn::Turn;
use crate::audit::Record;
use crate::node::moment::Moment;

#[derive(Debug, Default)]
pub struct Learner {
    forwarding: Forwarding,
    touched: Touched,
    returned: Returned,
    /// For each sync that the leader has answered and that is not answered here yet, what was committed then: it is not applied.
    awaiting_apply: VecDeque<Zxid>,
}

impl Learner {
    /// Requests that have no answer yet; `None` if no more may wait.
    pub fn outstanding(&self) -> Option<usize> {
        self.forwarding.has_room().then(|| self.forwarding.len())
    }

    /// How many requests have no answer yet.
    pub fn waiting(&self) -> usize {
        self.forwarding.len()
    }

    /// How many sessions have such requests.
    pub fn sessions(&self) -> usize {
        self.forwarding.sessions()
    }

    /// Whether somebody waits for an answer.
    pub fn owes_answers(&self) -> bool {
        self.forwarding.len() > 0
    }

    /// So many of the sessions that were heard and not told of, the first ones, each with its timeout in ms, for the leader.
    pub fn take_touched(&mut self, max: usize) -> impl Iterator<Item = (i64, i32)> {
        self.touched.take(max)
    }

    /// A reactor reports whom it heard.
    pub fn hear(&mut self, heard: &Heard) {
        heard.sessions.iter().for_each(|session| self.touched.touch(*session));
    }

    /// Takes a client's request, whose body lies in `bytes`.
    pub fn take_request(
        &mut self,
        turn: &mut Turn<'_>,
        sessions: &mut Sessions,
        home: Home,
        request: &Request,
        bytes: &[u8],
        leader: &mut dyn ToLeader,
    ) {
        let session = request.session;
        self.forwarding.fence(request.fence);
        self.forwarding.note_moment(turn.at.now);
        let body_of = |body: &std::ops::Range<u32>| &bytes[body.start as usize..body.end as usize];
        match &request.kind {
            RequestKind::Write { xid, opcode, body, ids, keeper } => {
                let asked = LeaderRequest { session, cxid: *xid, opcode: *opcode, body: body_of(body), ids };
                let audited = turn.head.audits().then(|| ids.clone());
                self.write(sessions, home, &asked, *keeper, audited, leader);
            }
            RequestKind::Sync { xid, body } => self.sync(home, session, *xid, body_of(body), leader),
            RequestKind::Ephemerals { xid, body } => self.forwarding.list(home, session, *xid, body_of(body)),
            RequestKind::CloseSession { xid } => {
                sessions.forget_home(session);
                match sessions.end_local(session) {
                    true => self.forwarding.close_local(home, session, *xid),
                    false => self.forwarding.close(home, session, *xid, leader),
                }
            }
            RequestKind::Connect { timeout } => self.connect(turn, sessions, home, *timeout, leader),
            RequestKind::Reattach { timeout, password_matches: true } if !sessions.is_local(session) => {
                sessions.disconnect(&mut turn.head.payment(), session);
                self.returned.come_back(session, Origin::Here);
                self.forwarding.revalidate(Asker::Client(home), session, *timeout, leader);
            }
            RequestKind::Reattach { timeout, password_matches } => {
                sessions.reattach(turn, home, session, *timeout, *password_matches);
            }
            RequestKind::Disconnected => sessions.leave(home),
        }
        self.answer_ready(turn.head, session);
    }

    /// Before a local session asks for its first ephemeral, it becomes global, or is refused where it may not. `audited`: who
    /// asked, if it is to be recorded.
    fn write(
        &mut self,
        sessions: &mut Sessions,
        home: Home,
        request: &LeaderRequest<'_>,
        keeper: bool,
        audited: Option<Arc<[Id]>>,
        leader: &mut dyn ToLeader,
    ) {
        let LeaderRequest { session, cxid, opcode, body, .. } = *request;
        let asks_for_ephemeral = || admit(opcode, body, keeper).is_ok_and(|asked| asked.asks_for_ephemeral());
        if sessions.is_local(session) && asks_for_ephemeral() {
            match sessions.upgrade(session) {
                Some(timeout) => {
                    self.touched.welcome(session, timeout);
                    self.forwarding.upgrade(session, timeout, leader);
                }
                None => {
                    let operation = admit(opcode, body, keeper).ok();
                    let audit = operation.zip(audited).and_then(|(asked, ids)| Record::refused(session, &ids, &asked));
                    let code = Code::EphemeralOnLocalSession;
                    return self.forwarding.refuse(home, session, cxid, code, audit);
                }
            }
        }
        self.returned.write(session, Origin::Here);
        self.forwarding.write(home, request, keeper, audited, leader);
    }

    fn sync(&mut self, home: Home, session: i64, xid: i32, body: &[u8], leader: &mut dyn ToLeader) {
        match sync_path(body) {
            Ok(path) => {
                let request = LeaderRequest { session, cxid: xid, opcode: opcode::SYNC, body, ids: &[] };
                self.forwarding.sync(home, &request, path, leader);
            }
            Err(_) => self.forwarding.fail(home, session, xid, Code::Marshalling),
        }
    }

    fn connect(
        &mut self,
        turn: &mut Turn<'_>,
        sessions: &mut Sessions,
        home: Home,
        timeout: i32,
        leader: &mut dyn ToLeader,
    ) {
        let session = sessions.next_id(turn.head.database(), |session| self.forwarding.begins(session));
        if sessions.begin_local(session, timeout) {
            sessions.welcome(&mut turn.head.payment(), home, session, timeout, turn.at.now);
        } else {
            self.forwarding.connect(home, session, timeout, leader);
        }
    }

    /// The client of a session was heard by an observer that this follower serves, and was promised this timeout, ms.
    pub fn hear_for_observer(&mut self, session: i64, timeout: i32) {
        self.touched.welcome(session, timeout);
    }

    /// An observer's sync goes to the leader next.
    pub fn note_observer_sync(&mut self, link: Link) {
        self.forwarding.note_observer_sync(link);
    }

    /// The leader is asked for an observer whether a session lives.
    pub fn revalidate_for_observer(&mut self, link: Link, session: i64, timeout: i32, leader: &mut dyn ToLeader) {
        self.returned.come_back(session, Origin::Link(link));
        self.forwarding.revalidate(Asker::Observer(link), session, timeout, leader);
    }

    /// The leader is asked for a session of an observer's client, which may have been a local one of that observer.
    pub fn begin_for_observer(&mut self, link: Link, session: i64) {
        self.returned.come_back(session, Origin::Link(link));
    }

    /// A write of an observer's client comes to be passed on. `false`: it comes too late, since the client has come back elsewhere
    /// through this follower.
    pub fn may_write_for_observer(&mut self, link: Link, session: i64) -> bool {
        let origin = Origin::Link(link);
        let has_moved = self.returned.has_moved(session, origin);
        self.returned.write(session, origin);
        !has_moved
    }

    /// An observer that this follower serves from here on.
    pub fn join_observer(&mut self, link: Link) {
        self.returned.join(link);
    }

    /// It is gone.
    pub fn leave_observer(&mut self, link: Link) {
        self.returned.leave(link);
    }

    /// Whose the oldest sync is, which it is not any more.
    #[cfg(test)]
    pub fn next_sync(&mut self) -> Option<Link> {
        self.forwarding.take_observer_sync(0)
    }

    /// The leader says whether a session lives. Returns who has asked; an observer is to be told. `None`: nobody has.
    pub fn take_revalidated(
        &mut self,
        turn: &mut Turn<'_>,
        sessions: &mut Sessions,
        session: i64,
        lives: bool,
    ) -> Option<Asker<Home>> {
        let (asker, timeout) = self.forwarding.take_revalidated(session)?;
        if !lives {
            self.returned.forget(session);
        }
        let payment = &mut turn.head.payment();
        let Asker::Client(home) = asker else {
            if lives {
                // It has left this server for the observer.
                sessions.disconnect(payment, session);
                self.touched.welcome(session, timeout);
            }
            return Some(asker);
        };
        if lives {
            // Another connection may have come back meanwhile; this one asked later, or the leader would not have answered
            // it yet.
            sessions.disconnect(payment, session);
            sessions.welcome(payment, home, session, timeout, turn.at.now);
            self.touched.welcome(session, timeout);
        } else {
            Sessions::refuse(payment, home, session);
        }
        Some(asker)
    }

    /// The leader answers the oldest sync, when everything up to transaction `committed` is committed. Returns whose it is: an
    /// observer, which has been sent all of that, is to be answered. `None`: there is none.
    pub fn take_sync(&mut self, head: &mut Head, committed: Zxid) -> Option<Asker<()>> {
        if self.awaiting_apply.len() == self.forwarding.syncs() {
            return None;
        }
        if let Some(link) = self.forwarding.take_observer_sync(self.awaiting_apply.len()) {
            return Some(Asker::Observer(link));
        }
        self.awaiting_apply.push_back(committed);
        self.answer_syncs(head);
        Some(Asker::Client(()))
    }

    /// Answers the syncs before which everything is applied that was committed.
    fn answer_syncs(&mut self, head: &mut Head) {
        while !head.is_in_long_work()
            && self.awaiting_apply.pop_front_if(|committed| *committed <= head.database().last_zxid()).is_some()
        {
            let session = self.forwarding.take_sync().expect("there are as many syncs as are counted");
            self.answer_ready(head, session);
        }
    }

    /// Answers what is ready of a session, in as many versions as its reads need.
    fn answer_ready(&mut self, head: &mut Head, session: i64) {
        while self.forwarding.answer_ready(session, &mut head.payment()) {
            head.seal();
        }
    }

    /// Applies what is committed, or as much of it as this turn may, and answers those who wait for it.
    pub fn apply_up_to(
        &mut self,
        turn: &mut Turn<'_>,
        sessions: &mut Sessions,
        committed: Zxid,
    ) -> Result<(), ReplayError> {
        let at = turn.at;
        loop {
            // What a session has asked for behind a sync is answered behind it.
            let until = self.awaiting_apply.front().map_or(committed, |first| committed.min(*first));
            turn.head.apply_up_to(until, |applied, payment| self.take(applied, sessions, payment, at))?;
            self.answer_syncs(turn.head);
            if until == committed || turn.head.database().last_zxid() < until {
                return Ok(());
            }
        }
    }

    /// Applies the rest of a transaction of which a part is applied, however long that takes.
    pub fn finish_applying(&mut self, turn: &mut Turn<'_>, sessions: &mut Sessions) -> Result<(), ReplayError> {
        let at = turn.at;
        turn.head.finish_of_leader(|applied, payment| self.take(applied, sessions, payment, at))
    }

    /// Whether the version is to end here.
    fn take(&mut self, applied: Applied<'_>, sessions: &mut Sessions, payment: &mut Payment<'_>, at: Moment) -> bool {
        match applied {
            Applied::Txn(read) => self.take_applied(sessions, read, payment, at),
            Applied::Version(session) => self.forwarding.answer_ready(session, payment),
        }
    }

    /// Whether the version is to end here.
    fn take_applied(
        &mut self,
        sessions: &mut Sessions,
        read: &ReadTxn<'_>,
        payment: &mut Payment<'_>,
        at: Moment,
    ) -> bool {
        let session = read.header.client;
        let (became, ends_version) = self.forwarding.take_applied(read, payment);
        match became {
            Became::Begun { home, timeout } => {
                sessions.welcome(payment, home, session, timeout, at.now);
                self.touched.welcome(session, timeout);
            }
            Became::Ended => {
                sessions.disconnect(payment, session);
                self.touched.forget(session);
                self.returned.forget(session);
            }
            Became::Moved { home } => sessions.leave(home),
            Became::Unchanged => {}
        }
        ends_version
    }
}
