//! From what the reactors hand over to transactions: each request is prepared, logged and applied, and its answer drafted.

use std::time::Instant;

use paddock_engine::error::Code;
use paddock_engine::jute::{Reader, Write, wire_length};
use paddock_engine::keeper::Prepared;
use paddock_engine::path;
use paddock_engine::prepare::{Caller, Refusal};
use paddock_engine::request::{opcode, path_ahead};
use paddock_engine::tree;
use paddock_engine::txn::{Txn, TxnHeader, write_digest};
use paddock_net::exchange::{Answer, AnswerKind, Heard, Request, RequestKind, Submission};

use super::Replica;
use super::session::Home;
use super::throttle::{Judgement, refusable_xid};
use super::unfinished::Owed;

/// A group takes no more transactions beyond this, bytes.
const GROUP_BYTES: usize = 1024 * 1024;
/// Versions that wait for the log or for reactors; beyond, nothing is gathered.
const VERSIONS_MAX: usize = 4096;
/// A version takes at most so many transactions: larger ones are built no faster, and are public later.
pub(super) const VERSION_TXNS: usize = 128;
/// Nor does it take more once its answers have so many bytes.
const VERSION_BYTES: usize = 16 << 20;
/// Answers that wait for the log or for reactors; beyond, nothing is gathered, bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// A session's ephemerals are not told in more bytes than this.
const EPHEMERALS_BYTES_MAX: usize = 256 << 20;
/// Ephemerals that clients have listed in one turn; beyond, the next request waits for the next turn.
const LOOKS_PER_TURN: usize = 100_000;
/// Submissions taken from one reactor before the next one's turn.
const SUBMISSIONS_PER_TURN: usize = 16;
/// Garbage above this stops the intake until readers have moved on, bytes.
pub(super) const GARBAGE_MAX: usize = 1 << 30;
/// Longer paths are not looked up ahead, bytes: to hash one is more than the caches give back.
const PATH_AHEAD_MAX: usize = 1024;

impl Replica {
    /// Whether there is room for more writes.
    pub(super) fn may_gather(&self) -> bool {
        self.unfinished.is_none()
            && self.log.filling_bytes() < GROUP_BYTES
            && self.commits.len() < VERSIONS_MAX
            && !self.has_too_much_garbage()
    }

    /// Whether readers and snapshots hold so much that nothing may be added to it.
    pub(super) fn has_too_much_garbage(&self) -> bool {
        self.database.tree().garbage_bytes() >= self.garbage_max
    }

    /// Whether there is room for more requests.
    pub(super) fn may_take(&self) -> bool {
        self.may_gather()
            && self.steps_left > 0
            && self.draft.bytes() + self.commits.bytes() < ANSWER_BYTES_MAX
            && self.throttle.has_room(self.draft.answers() + self.commits.answers())
    }

    /// Each turn begins with another reactor, so that none is left out where there is room for one only.
    pub(super) fn gather(&mut self) {
        let reactors = self.exchanges.len();
        let first = (self.gathers_first + 1) % reactors;
        self.gathers_first = first;
        self.looked_at = 0;
        for reactor in (first..reactors).chain(0..first) {
            for _ in 0..SUBMISSIONS_PER_TURN {
                if !self.may_take() || self.looked_at > LOOKS_PER_TURN {
                    return;
                }
                let begun = self.begun[reactor].take();
                let next =
                    begun.or_else(|| self.exchange_of(reactor).submissions.pop().map(|submission| (submission, 0)));
                let Some((submission, done)) = next else { break };
                self.hear_of_the_gone(reactor);
                self.take_submission(reactor, submission, done);
            }
        }
    }

    /// Before a submission is looked at: what it says of a closed connection comes later.
    fn hear_of_the_gone(&mut self, reactor: usize) {
        while let Some(connection) = self.exchanges[reactor].gone.pop() {
            self.throttle.note_closed(Home { reactor, connection });
        }
    }

    /// Takes the requests after the first `done`. A small request can make a large transaction, so there may be no room
    /// for all of them.
    pub(super) fn take_submission(&mut self, reactor: usize, submission: Submission, done: usize) {
        for (index, request) in submission.requests.iter().enumerate().skip(done) {
            if (index - done).is_multiple_of(tree::GROUP) {
                self.look_ahead(&submission, index);
            }
            if !self.may_take() || self.looked_at > LOOKS_PER_TURN {
                self.begun[reactor] = Some((submission, index));
                return;
            }
            // Whatever becomes of the request: a read of its connection waits for the version before it.
            if request.fence || self.draft.transactions() >= VERSION_TXNS || self.draft.bytes() >= VERSION_BYTES {
                self.seal();
            }
            let home = Home { reactor, connection: request.connection };
            match self.judge(home, request) {
                Judgement::Execute => self.take_request(home, request, &submission.bytes),
                Judgement::Drop => self.answer(home, AnswerKind::Cut),
                Judgement::Refuse => self.refuse(home, request),
            }
        }
        if let Some(Heard { sessions, until, at, pause }) = submission.heard {
            if let Some(pause) = pause {
                self.give_back(pause);
            }
            let at_ms = self.millis(at);
            for session in sessions {
                self.expiry.touch(session, at_ms);
            }
            (self.heard_until[reactor], self.reported_at[reactor]) = (until, at);
        }
    }

    /// Has what the next writes will read on its way into the caches. Alone, a write has nobody to wait with.
    fn look_ahead(&self, submission: &Submission, from: usize) {
        let to = submission.requests.len().min(from + tree::GROUP);
        if to - from < 2 {
            return;
        }
        let mut paths = [(path::ROOT, false); tree::GROUP];
        let mut count = 0;
        for request in &submission.requests[from..to] {
            if let RequestKind::Write { opcode, body, .. } = &request.kind
                && let Some(ahead) = path_ahead(*opcode, &submission.bytes[body.start as usize..body.end as usize])
                && ahead.0.len() <= PATH_AHEAD_MAX
            {
                paths[count] = ahead;
                count += 1;
            }
        }
        self.database.tree().expect(&paths[..count]);
    }

    pub(super) fn millis(&self, moment: Instant) -> u64 {
        moment.saturating_duration_since(self.epoch).as_millis() as u64
    }

    fn judge(&mut self, home: Home, request: &Request) -> Judgement {
        if self.throttle.is_off() {
            return Judgement::Execute;
        }
        let timeout = match request.kind {
            RequestKind::Connect { timeout } | RequestKind::Reattach { timeout, .. } => timeout,
            _ => self.session_timeout(request.session).unwrap_or(0),
        };
        self.throttle.judge(home, request, timeout, self.now)
    }

    /// It has waited too long to be executed.
    fn refuse(&mut self, home: Home, request: &Request) {
        let xid = refusable_xid(&request.kind).expect("the throttle refuses no others");
        self.answer(home, AnswerKind::Reply { xid, code: Code::Throttled.number(), body: 0..0 });
    }

    /// Nothing is done for a connection that is not its session's any more: it has been told that it is closed, and the
    /// session may have been answered elsewhere since. ZooKeeper's SessionMovedException closes without a word too.
    fn take_request(&mut self, home: Home, request: &Request, bytes: &[u8]) {
        if request.kind.needs_session() && self.homes.session_at(home) != Some(request.session) {
            return;
        }
        match &request.kind {
            RequestKind::Write { xid, opcode, body, ids, keeper } => {
                let body = &bytes[body.start as usize..body.end as usize];
                self.upgrade_for(request.session, *opcode, body, *keeper);
                let is_local = self.local.contains(request.session);
                let caller = Caller { session: request.session, ids, is_local };
                let is_keepers = *keeper && (*opcode == opcode::MULTI || paddock_net::keeper::is_write(*opcode));
                let prepared = match is_keepers {
                    true => self.database.prepare_keeper(*opcode, body, caller),
                    false => self.database.prepare(*opcode, body, caller).map(Prepared::from),
                };
                self.write(home, request.session, *xid, prepared);
            }
            RequestKind::Sync { xid, body } => {
                self.sync(home, *xid, &bytes[body.start as usize..body.end as usize]);
            }
            RequestKind::Ephemerals { xid, body } => {
                self.list_ephemerals(home, request.session, *xid, &bytes[body.start as usize..body.end as usize]);
            }
            RequestKind::CloseSession { xid } => self.close_for(home, request.session, *xid),
            RequestKind::Connect { timeout } => self.connect(home, *timeout),
            RequestKind::Reattach { timeout, password_matches } => {
                self.reattach(home, request.session, *timeout, *password_matches);
            }
            RequestKind::Disconnected => {
                self.homes.leave(home);
                self.throttle.forget(home);
            }
        }
    }

    fn write(&mut self, home: Home, session: i64, xid: i32, prepared: Result<Prepared<'_>, Refusal>) {
        let (code, body) = match prepared {
            Err(Refusal::Undecodable) => (Code::Marshalling.number(), 0..0),
            Err(Refusal::Failed(code)) => {
                self.propose(session, xid, &Txn::Error(code.number()));
                (code.number(), 0..0)
            }
            Ok(Prepared { txn: None, reply }) => (0, self.draft.append(home.reactor, &reply.body(&[]))),
            Ok(Prepared { txn: Some(txn), reply }) => {
                return self.carry_out(session, xid, &txn, Owed::Reply { home, xid, form: reply });
            }
        };
        self.answer(home, AnswerKind::Reply { xid, code, body });
    }

    /// Gives the transaction its zxid, logs it and applies it to the head. Its reply is in `effects`.
    pub(super) fn propose(&mut self, client: i64, cxid: i32, txn: &Txn<'_>) {
        let zxid = self.database.last_zxid().next();
        let header = TxnHeader { client, cxid, zxid: zxid.0, time: self.wall_ms };
        let (database, effects) = (&mut self.database, &mut self.effects);
        effects.reply.clear();
        let before = self.log.filling_bytes();
        self.log.append(zxid, |out| {
            txn.write(&header, out);
            database.apply(&header, txn, Some(effects));
            if txn.takes_digest() {
                write_digest(database.tree().digest(), out);
            }
        });
        self.note_proposed(before);
    }

    /// Counts a transaction whose record is the last in the log, which had `before` bytes to write without it.
    pub(super) fn note_proposed(&mut self, before: usize) {
        self.draft.note_transaction();
        self.transactions += 1;
        self.trigger.note(self.log.filling_bytes() - before);
    }

    pub(super) fn answer(&mut self, home: Home, kind: AnswerKind) {
        let zxid = self.database.last_zxid().0;
        self.draft.answer(home.reactor, Answer { connection: home.connection, zxid, kind });
    }

    /// Everything proposed before it is committed before it is answered: that is all a sync asks for here.
    fn sync(&mut self, home: Home, xid: i32, body: &[u8]) {
        let mut reader = Reader::new(body);
        let kind = match reader.buffer() {
            Err(_) => AnswerKind::Reply { xid, code: Code::Marshalling.number(), body: 0..0 },
            Ok(_) => {
                let path = &body[..body.len() - reader.rest().len()];
                AnswerKind::Reply { xid, code: 0, body: self.draft.append(home.reactor, path) }
            }
        };
        self.answer(home, kind);
    }

    /// The session's own, as the head has them: answered when that is public.
    fn list_ephemerals(&mut self, home: Home, session: i64, xid: i32, body: &[u8]) {
        let kind = match Reader::new(body).string() {
            Err(_) => AnswerKind::Reply { xid, code: Code::Marshalling.number(), body: 0..0 },
            Ok(prefix) => {
                let prefix = prefix.unwrap_or_default();
                self.looked_at += self.database.ephemeral_count_of(session);
                let mut list = vec![0; 4];
                let mut count = 0;
                for path in self.database.ephemerals_with_prefix(session, &prefix) {
                    list.put_string(path);
                    count += 1;
                    if list.len() > EPHEMERALS_BYTES_MAX {
                        break;
                    }
                }
                list[..4].copy_from_slice(&wire_length(count).to_be_bytes());
                if list.len() > EPHEMERALS_BYTES_MAX {
                    AnswerKind::Reply { xid, code: Code::Marshalling.number(), body: 0..0 }
                } else {
                    AnswerKind::Reply { xid, code: 0, body: self.draft.append(home.reactor, &list) }
                }
            }
        };
        self.answer(home, kind);
    }

    /// Ends the version under construction.
    pub(super) fn seal(&mut self) {
        if self.draft.is_empty() {
            return;
        }
        let sealed = self.database.tree_mut().seal();
        let zxid = self.database.last_zxid();
        let events = self.effects.events.take();
        self.commits.push(self.draft.finish(sealed, zxid, events));
    }
}
