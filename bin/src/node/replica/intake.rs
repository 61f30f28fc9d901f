//! What the reactors hand over: each request is taken in the order of its queue, and what it asks for is done or drafted.

use std::sync::Arc;
use std::time::Instant;

use paddock_engine::acl::Id;
use paddock_engine::admit::{Operation, admit};
use paddock_engine::answer::ReplyForm;
use paddock_engine::error::Code;
use paddock_engine::order::{Caller, Ensemble, reconfig_txn};
use paddock_engine::request::{path_ahead, sync_path};
use paddock_engine::tree;
use paddock_engine::txn::Txn;
use paddock_net::exchange::{AnswerKind, Exchange, Request, RequestKind, Submission};

use super::desk::Desk;
use super::head::Head;
use super::home::Home;
use super::owed::Owed;
use super::paths_ahead::PathsAhead;
use super::read_only;
use super::sessions::Sessions;
use super::throttle::{Judgement, RequestThrottle, refusable_xid};
use super::turn::{REQUESTS_PER_TURN, Turn};
use super::waits::Waits;
use crate::audit::Record;
use crate::config::RequestThrottleSettings;

/// Ephemerals that clients have listed in one turn; beyond, the next request waits for the next turn.
const LOOKS_PER_TURN: usize = 100_000;
/// Submissions taken from one reactor before the next one's turn.
const SUBMISSIONS_PER_TURN: usize = 16;

pub struct Intake {
    exchanges: Arc<[Arc<Exchange>]>,
    throttle: RequestThrottle,
    /// The number of the serving period. What was asked in another is dropped. Reports are not: they name sessions, and
    /// those outlive a period.
    period: u64,
    /// For each reactor a submission for which there was not room enough.
    begun: Vec<Option<Begun>>,
    /// The reactor whose submissions were first in the last turn.
    first: usize,
    /// Ephemerals that this turn has looked at for clients who list them.
    looked_at: usize,
    /// Requests that this turn has taken.
    taken: usize,
    /// How long they have waited.
    waits: Waits,
    /// How many of them are ordered here.
    ordered: u64,
}

/// A submission of which some requests are taken.
struct Begun {
    submission: Submission,
    taken: usize,
}

impl Intake {
    pub fn new(exchanges: Arc<[Arc<Exchange>]>, throttle: RequestThrottleSettings, now: Instant) -> Intake {
        let begun = exchanges.iter().map(|_| None).collect();
        Intake {
            exchanges,
            throttle: RequestThrottle::new(throttle),
            period: 0,
            begun,
            first: 0,
            looked_at: 0,
            taken: 0,
            waits: Waits::new(now),
            ordered: 0,
        }
    }

    /// Another serving period begins: nothing that was asked before is done any more. What was reported before counts.
    pub fn begin_period(&mut self, number: u64) {
        self.period = number;
        for Begun { submission, taken } in self.begun.iter_mut().flatten() {
            submission.requests.clear();
            *taken = 0;
        }
        self.throttle.forget_all();
    }

    /// The last look at the queues before a sleep.
    pub fn has_submissions(&self) -> bool {
        self.begun.iter().any(Option::is_some) || self.exchanges.iter().any(|exchange| !exchange.submissions.is_empty())
    }

    /// Whether there is room for more requests, where so many wait for the leader, or as many as may.
    pub fn has_room(&self, head: &Head, outstanding: Option<usize>) -> bool {
        let has_room = |outstanding| self.throttle.has_room(head.answers() + outstanding);
        head.has_room_for_requests() && outstanding.is_some_and(has_room)
    }

    fn may_take(&self, head: &Head, desk: &Desk<'_>) -> bool {
        self.has_room(head, desk.outstanding()) && self.looked_at <= LOOKS_PER_TURN && self.taken < REQUESTS_PER_TURN
    }

    /// No more is taken. If that is because as many are under way as may be, it is counted.
    fn note_stall(&self, head: &Head, desk: &Desk<'_>) {
        let is_full = |outstanding| !self.throttle.has_room(head.answers() + outstanding);
        if desk.outstanding().is_some_and(is_full) && self.has_submissions() {
            head.figures().requests.stalls.add(1);
        }
    }

    /// Takes what there is room for. Each turn begins with another reactor, so that none is left out where there is room for
    /// one only.
    pub fn gather(&mut self, turn: &mut Turn<'_>, sessions: &mut Sessions, desk: &mut Desk<'_>) {
        self.take_submissions(turn, sessions, desk);
        let figures = &turn.head.figures().requests;
        self.waits.tell(turn.at.now, &figures.waited);
        figures.ordered.add(std::mem::take(&mut self.ordered));
    }

    fn take_submissions(&mut self, turn: &mut Turn<'_>, sessions: &mut Sessions, desk: &mut Desk<'_>) {
        let reactors = self.exchanges.len();
        self.first = (self.first + 1) % reactors;
        (self.looked_at, self.taken) = (0, 0);
        for reactor in (self.first..reactors).chain(0..self.first) {
            for _ in 0..SUBMISSIONS_PER_TURN {
                if self.begun[reactor].is_none() && self.exchanges[reactor].submissions.is_empty() {
                    break;
                }
                if !self.may_take(turn.head, desk) {
                    self.note_stall(turn.head, desk);
                    return;
                }
                let Some(begun) = self.next_of(reactor, sessions, desk, turn.at.now) else { break };
                self.hear_of_the_gone(reactor);
                self.take_submission(turn, sessions, desk, reactor, begun);
            }
        }
    }

    fn next_of(&mut self, reactor: usize, sessions: &mut Sessions, desk: &mut Desk<'_>, now: Instant) -> Option<Begun> {
        if self.begun[reactor].is_some() {
            return self.begun[reactor].take();
        }
        loop {
            let submission = self.exchanges[reactor].submissions.pop()?;
            if submission.period == self.period {
                return Some(Begun { submission, taken: 0 });
            }
            if let Some(heard) = submission.heard {
                desk.hear(&heard);
                sessions.hear(reactor, &heard, now);
            }
        }
    }

    /// Takes the early notices of closed connections. To be called before a submission is looked at: the request that says
    /// the same stands behind the connection's other requests, and the throttle is to know sooner.
    fn hear_of_the_gone(&mut self, reactor: usize) {
        while let Some(connection) = self.exchanges[reactor].gone.pop() {
            self.throttle.note_closed(Home { reactor, connection });
        }
    }

    /// Takes the rest of its requests. A small request can make a large transaction, so there may be no room for all.
    fn take_submission(
        &mut self,
        turn: &mut Turn<'_>,
        sessions: &mut Sessions,
        desk: &mut Desk<'_>,
        reactor: usize,
        Begun { submission, taken }: Begun,
    ) {
        if taken == 0 && !submission.requests.is_empty() {
            turn.head.figures().requests.together.note(submission.requests.len() as u64);
        }
        for (index, request) in submission.requests.iter().enumerate().skip(taken) {
            if (index - taken).is_multiple_of(tree::LOOKUPS_TOGETHER) {
                look_ahead(turn.head, &submission, index);
            }
            if !self.may_take(turn.head, desk) {
                self.begun[reactor] = Some(Begun { submission, taken: index });
                return;
            }
            self.taken += 1;
            // Also where the request is dropped or refused then: the client sent a read before it, and that read must run
            // on a version that ends before this request.
            if request.fence {
                turn.head.seal();
            }
            turn.head.seal_if_full();
            let home = Home { reactor, connection: request.connection };
            let judgement = self.judge(turn.head, sessions, home, request, turn.at.now);
            self.note_taken(turn.head, request, judgement, turn.at.now);
            match judgement {
                Judgement::Execute => self.take_request(turn, sessions, desk, home, request, &submission.bytes),
                Judgement::Drop => turn.head.answer(home, AnswerKind::Cut),
                Judgement::Refuse => refuse(turn.head, home, request),
            }
        }
        if let Some(heard) = submission.heard {
            desk.hear(&heard);
            sessions.hear(reactor, &heard, turn.at.now);
        }
    }

    /// Counts a request that is taken, and how long it has waited for that. What tells that a connection is gone is none.
    fn note_taken(&mut self, head: &Head, request: &Request, judgement: Judgement, now: Instant) {
        if matches!(request.kind, RequestKind::Disconnected) {
            return;
        }
        let status = || &head.figures().requests;
        self.waits.note(request.received, now, || &status().waited);
        match judgement {
            Judgement::Execute => {}
            Judgement::Drop => status().stale.add(1),
            Judgement::Refuse => status().refused.add(1),
        }
    }

    fn judge(&mut self, head: &Head, sessions: &Sessions, home: Home, request: &Request, now: Instant) -> Judgement {
        if self.throttle.is_off() {
            return Judgement::Execute;
        }
        let timeout = match request.kind {
            RequestKind::Connect { timeout } | RequestKind::Reattach { timeout, .. } => timeout,
            _ => sessions.timeout(head, request.session).unwrap_or(0),
        };
        self.throttle.judge(home, request, timeout, now)
    }

    /// A request is ignored if its session has another connection by now: the reactor has been told to close this one, and
    /// the session's answers go to the other. ZooKeeper's SessionMovedException closes without a word too.
    fn take_request(
        &mut self,
        turn: &mut Turn<'_>,
        sessions: &mut Sessions,
        desk: &mut Desk<'_>,
        home: Home,
        request: &Request,
        bytes: &[u8],
    ) {
        if request.kind.needs_session() && sessions.note_request(home, turn.at.now) != Some(request.session) {
            return;
        }
        if let RequestKind::Disconnected = request.kind {
            self.throttle.forget(home);
        }
        match desk {
            Desk::Alone | Desk::Leads(..) => self.carry_out(turn, sessions, desk, home, request, bytes),
            Desk::ReadOnly => read_only::take_request(turn, sessions, home, request, bytes),
            Desk::Learns(learner, leader) => learner.take_request(turn, sessions, home, request, bytes, *leader),
        }
    }

    /// This server orders writes.
    fn carry_out(
        &mut self,
        turn: &mut Turn<'_>,
        sessions: &mut Sessions,
        desk: &mut Desk<'_>,
        home: Home,
        request: &Request,
        bytes: &[u8],
    ) {
        let session = request.session;
        if request.kind.changes_state() {
            self.ordered += 1;
        }
        match &request.kind {
            RequestKind::Write { xid, opcode, body, ids, keeper } => {
                match admit(*opcode, &bytes[body.start as usize..body.end as usize], *keeper) {
                    Ok(operation) => {
                        sessions.upgrade_for(turn, session, &operation);
                        // A request of a session that has moved to another connection or server is dropped above.
                        let caller = Caller { ids, is_local: sessions.is_local(session), has_moved: false };
                        let ensemble = if let Desk::Leads(_, ensemble) = desk { Some(*ensemble) } else { None };
                        write(turn, home, (session, *xid), &operation, (caller, ids), ensemble);
                    }
                    Err(code) => turn.head.reply(home, *xid, code.number(), &[]),
                }
            }
            RequestKind::Sync { xid, body } => {
                sync(turn.head, home, *xid, &bytes[body.start as usize..body.end as usize]);
                if let Desk::Leads(leader, _) = desk {
                    leader.confirm(turn.head);
                }
            }
            RequestKind::Ephemerals { xid, body } => {
                let body = &bytes[body.start as usize..body.end as usize];
                self.list_ephemerals(turn.head, home, session, *xid, body);
            }
            RequestKind::CloseSession { xid } => sessions.close(turn, home, session, *xid),
            RequestKind::Connect { timeout } => sessions.connect(turn, home, *timeout),
            RequestKind::Reattach { timeout, password_matches } => {
                sessions.reattach(turn, home, session, *timeout, *password_matches);
            }
            RequestKind::Disconnected => sessions.leave(home),
        }
        if let (Desk::Leads(..), RequestKind::Connect { .. } | RequestKind::Reattach { .. }) = (desk, &request.kind) {
            sessions.own(home);
        }
    }

    /// Lists the session's ephemerals as the head has them. The reply goes out with the version under construction, so that
    /// the client gets it when that is public.
    fn list_ephemerals(&mut self, head: &mut Head, home: Home, session: i64, xid: i32, body: &[u8]) {
        self.looked_at += head.database().ephemeral_count_of(session);
        head.payment().reply_ephemerals(home, session, xid, body);
    }
}

/// Looks the next writes up together.
fn look_ahead(head: &Head, submission: &Submission, from: usize) {
    let mut paths = PathsAhead::default();
    for request in submission.requests.iter().skip(from).take(tree::LOOKUPS_TOGETHER) {
        if let RequestKind::Write { opcode, body, .. } = &request.kind {
            paths.push(path_ahead(*opcode, &submission.bytes[body.start as usize..body.end as usize]));
        }
    }
    paths.prefetch(head.database().tree());
}

/// It has waited too long to be executed.
fn refuse(head: &mut Head, home: Home, request: &Request) {
    let xid = refusable_xid(&request.kind).expect("the throttle refuses no others");
    head.reply(home, xid, Code::Throttled.number(), &[]);
}

fn write(
    turn: &mut Turn<'_>,
    home: Home,
    (session, xid): (i64, i32),
    operation: &Operation<'_>,
    (caller, ids): (Caller<'_>, &Arc<[Id]>),
    ensemble: Option<&dyn Ensemble>,
) {
    let (head, time) = (&mut *turn.head, turn.at.wall_ms);
    let is_audited = head.audits();
    let owed = |txn: &Txn<'_>| {
        let form = ReplyForm::of(operation, txn).expect("the transaction became of this operation");
        let audit = if is_audited { Record::of(session, ids, operation, txn) } else { None };
        Owed::Reply { home, xid, form, audit }
    };
    if let (Operation::Reconfig(reconfig), Some(ensemble)) = (operation, ensemble) {
        let ordered = head.order_reconfig((session, xid), reconfig, caller, time, ensemble);
        let txn = reconfig_txn(&ordered);
        return head.carry_out(session, xid, &txn, time, owed(&txn));
    }
    match head.order(session, xid, operation, caller, time) {
        Some(txn) => head.carry_out(session, xid, &txn, time, owed(&txn)),
        // Nothing changes, which only an operation of ClickHouse Keeper can ask for. A server that stands alone answers at
        // once, without a transaction; the empty multi only says which form the reply has.
        None => head.pay(owed(&Txn::Multi(Vec::new()))),
    }
}

/// Everything proposed before it is committed before it is answered: that is all a sync asks for here.
fn sync(head: &mut Head, home: Home, xid: i32, body: &[u8]) {
    match sync_path(body) {
        Ok(path) => head.reply(home, xid, 0, path),
        Err(_) => head.reply(home, xid, Code::Marshalling.number(), &[]),
    }
}
