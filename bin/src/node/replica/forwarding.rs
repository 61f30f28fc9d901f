//! What clients of a learner have asked of the leader, and in which order they are answered.
//!
//! ```text
//! intake ── asked ──► the session's queue ── sent ──► leader ── PROPOSAL, COMMIT ──► taken ──► answer
//! ```
//! Each session has a queue of its own, and only the first of it is ever answered: an answer that is ready sooner waits for
//! those before it. The leader makes a transaction of every write in the order in which they were sent, so that the first
//! write of a session's queue is the next of which the session's transaction can be. A transaction that no queue waits for was
//! asked for elsewhere.
//!
//! Everything is put into its queue before it is sent. When the leader is lost, all of it is: the clients' connections are
//! closed, and they cannot know what became of it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use paddock_consensus::input::Link;
use paddock_engine::acl::Id;
use paddock_engine::admit::{Operation, admit};
use paddock_engine::answer::ReplyForm;
use paddock_engine::error::Code;
use paddock_engine::request::opcode;
use paddock_engine::txn::{ReadTxn, Txn, TxnHeader};
use paddock_net::exchange::AnswerKind;

use super::home::Home;
use super::owed::Owed;
use super::payment::Payment;
use crate::audit::Record;

/// Requests that may wait for the leader; beyond, none is taken.
const REQUESTS_MAX: usize = 65_536;
/// Bytes of their bodies that may wait likewise.
const BYTES_MAX: usize = 64 << 20;

/// The way to the leader. What goes there keeps its order.
pub trait ToLeader {
    /// Whether more is to be asked now: little waits for the leader to take it.
    fn has_room(&self) -> bool;
    /// REQUEST.
    fn request(&mut self, request: &LeaderRequest<'_>);
    /// REVALIDATE: whether the session lives, with the timeout that it has from now on, ms.
    fn revalidate(&mut self, session: i64, timeout: i32);
}

/// A request as it goes to the leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaderRequest<'a> {
    pub session: i64,
    /// The client's xid; 0 for what this server asks for the session.
    pub cxid: i32,
    pub opcode: i32,
    pub body: &'a [u8],
    /// Who the client was when it asked.
    pub ids: &'a [Id],
}

/// What a client waits for.
#[derive(Debug)]
enum Asked {
    Write {
        home: Home,
        xid: i32,
        opcode: i32,
        body: Box<[u8]>,
        keeper: bool,
        /// Who asked, if it is to be recorded.
        audited: Option<Arc<[Id]>>,
    },
    /// `path` is what is sent back, with its length before it.
    Sync {
        home: Home,
        xid: i32,
        path: Box<[u8]>,
        is_answered: bool,
    },
    /// The session begins.
    Connect {
        home: Home,
        timeout: i32,
    },
    /// A local session becomes a global one. Nobody is answered.
    Upgrade,
    Close {
        home: Home,
        xid: i32,
    },
    /// The session's ephemerals, by a prefix.
    List {
        home: Home,
        xid: i32,
        body: Box<[u8]>,
    },
    /// A local session has ended.
    EndLocal {
        home: Home,
        xid: i32,
    },
    /// A reply without a body, which needs nothing of the leader.
    Failed {
        home: Home,
        xid: i32,
        code: Code,
        /// What is recorded of it, if something is.
        audit: Option<Box<Record>>,
    },
}

/// What a client waits for, in its session's queue.
#[derive(Debug)]
struct Waiting {
    asked: Asked,
    /// The client has asked for a read before it, which is to run on the version of the answer before: so that version ends
    /// before this is done.
    is_fenced: bool,
    /// When it was asked for, if that is known.
    at: Option<Instant>,
}

/// For whom the leader is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asker<T> {
    /// A client of this server.
    Client(T),
    /// An observer that this follower serves.
    Observer(Link),
}

/// A client that comes back with its session.
#[derive(Debug)]
struct Return {
    session: i64,
    asker: Asker<Home>,
    timeout: i32,
}

/// What a transaction has made of its session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Became {
    /// It has begun, on this connection of this server.
    Begun {
        home: Home,
        timeout: i32,
    },
    /// It has ended. Whoever asked for that on a connection of this server is answered.
    Ended,
    /// It lives on another server, which a request of this one came after: the connection here is of no use.
    Moved {
        home: Home,
    },
    Unchanged,
}

#[derive(Debug, Default)]
pub struct Forwarding {
    by_session: HashMap<i64, VecDeque<Waiting>>,
    /// What is asked next comes behind a read.
    is_fenced: bool,
    /// The moment of the turn, once one was told.
    now: Option<Instant>,
    /// The sessions whose syncs have no answer yet, or the observers, in the order in which they were sent.
    syncs: VecDeque<Asker<i64>>,
    /// Those whom the leader is asked about, in the order in which it was asked.
    returns: VecDeque<Return>,
    /// Entries of all queues of sessions.
    count: usize,
    /// Bytes of their bodies.
    bytes: usize,
}

impl Forwarding {
    /// Whether more requests may be taken.
    pub fn has_room(&self) -> bool {
        self.count + self.returns.len() < REQUESTS_MAX && self.bytes < BYTES_MAX
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.count + self.returns.len()
    }

    /// How many sessions wait for something.
    pub fn sessions(&self) -> usize {
        self.by_session.len()
    }

    /// Whether the session is about to begin here.
    pub fn begins(&self, session: i64) -> bool {
        let queue = self.by_session.get(&session);
        queue.is_some_and(|queue| queue.iter().any(|waiting| matches!(waiting.asked, Asked::Connect { .. })))
    }

    /// The next thing that is asked for comes behind a read, or does not.
    pub fn fence(&mut self, is_fenced: bool) {
        self.is_fenced = is_fenced;
    }

    /// The next things are asked for at this moment.
    pub fn note_moment(&mut self, now: Instant) {
        self.now = Some(now);
    }

    /// A client's write. What cannot be decoded is answered here, in its place. `audited`: who asked, if it is to be recorded.
    pub fn write(
        &mut self,
        home: Home,
        request: &LeaderRequest<'_>,
        keeper: bool,
        audited: Option<Arc<[Id]>>,
        leader: &mut dyn ToLeader,
    ) {
        let LeaderRequest { session, cxid: xid, opcode, body, .. } = *request;
        if let Err(code) = admit(opcode, body, keeper) {
            return self.fail(home, session, xid, code);
        }
        self.push(session, Asked::Write { home, xid, opcode, body: body.into(), keeper, audited });
        leader.request(request);
    }

    /// A client's sync, answered once everything is applied here that was committed when the leader took it.
    pub fn sync(&mut self, home: Home, request: &LeaderRequest<'_>, path: &[u8], leader: &mut dyn ToLeader) {
        let (session, xid) = (request.session, request.cxid);
        self.push(session, Asked::Sync { home, xid, path: path.into(), is_answered: false });
        self.syncs.push_back(Asker::Client(session));
        leader.request(request);
    }

    /// A new session of a client, with an id that this server has made.
    pub fn connect(&mut self, home: Home, session: i64, timeout: i32, leader: &mut dyn ToLeader) {
        self.push(session, Asked::Connect { home, timeout });
        create_session(session, timeout, leader);
    }

    /// A local session becomes a global one before what it asks for next.
    pub fn upgrade(&mut self, session: i64, timeout: i32, leader: &mut dyn ToLeader) {
        self.push(session, Asked::Upgrade);
        create_session(session, timeout, leader);
    }

    /// A client ends its session.
    pub fn close(&mut self, home: Home, session: i64, xid: i32, leader: &mut dyn ToLeader) {
        self.push(session, Asked::Close { home, xid });
        leader.request(&LeaderRequest { session, cxid: xid, opcode: opcode::CLOSE_SESSION, body: &[], ids: &[] });
    }

    /// The session's ephemerals, as they are once all that the session asked before is done.
    pub fn list(&mut self, home: Home, session: i64, xid: i32, body: &[u8]) {
        self.push(session, Asked::List { home, xid, body: body.into() });
    }

    /// A client ends its local session, which has ended; it is told so in its place.
    pub fn close_local(&mut self, home: Home, session: i64, xid: i32) {
        self.push(session, Asked::EndLocal { home, xid });
    }

    /// What needs no leader, in its place.
    pub fn fail(&mut self, home: Home, session: i64, xid: i32, code: Code) {
        self.refuse(home, session, xid, code, None);
    }

    /// A write that may not go to the leader, in its place. This is recorded of it, if something is.
    pub fn refuse(&mut self, home: Home, session: i64, xid: i32, code: Code, audit: Option<Box<Record>>) {
        self.push(session, Asked::Failed { home, xid, code, audit });
    }

    /// An observer's sync is sent next.
    pub fn note_observer_sync(&mut self, link: Link) {
        self.syncs.push_back(Asker::Observer(link));
    }

    /// A client comes back with its session, here or at an observer.
    pub fn revalidate(&mut self, asker: Asker<Home>, session: i64, timeout: i32, leader: &mut dyn ToLeader) {
        self.returns.push_back(Return { session, asker, timeout });
        leader.revalidate(session, timeout);
    }

    /// The leader says whether a session lives. Returns who waits for that, and the session's timeout, ms. `None`: it was not
    /// asked.
    pub fn take_revalidated(&mut self, session: i64) -> Option<(Asker<Home>, i32)> {
        let place = self.returns.iter().position(|one| one.session == session)?;
        let Return { asker, timeout, .. } = self.returns.remove(place)?;
        Some((asker, timeout))
    }

    /// Syncs that the leader has not answered, or of which nobody here was told that it has.
    pub fn syncs(&self) -> usize {
        self.syncs.len()
    }

    /// Whose the sync is that is answered while so many before it, all of clients here, have their answer and wait: if it is an
    /// observer's, it waits no more.
    pub fn take_observer_sync(&mut self, place: usize) -> Option<Link> {
        let Some(&Asker::Observer(link)) = self.syncs.get(place) else { return None };
        self.syncs.remove(place);
        Some(link)
    }

    /// The oldest sync, of a client here, is answered. Returns its session, of which whatever is ready is to be
    /// [answered](Forwarding::answer_ready); `None`: there is none.
    pub fn take_sync(&mut self) -> Option<i64> {
        let Asker::Client(session) = self.syncs.pop_front()? else { unreachable!("an observer's does not wait") };
        let queue = self.by_session.get_mut(&session).expect("a sync waits in its session's queue");
        let waiting = queue.iter_mut().find_map(|waiting| match &mut waiting.asked {
            Asked::Sync { is_answered, .. } if !*is_answered => Some(is_answered),
            _ => None,
        });
        *waiting.expect("a sync waits in its session's queue") = true;
        Some(session)
    }

    /// Answers what is ready of a session, up to what comes behind a read. Whether there is such a thing: then the version is to
    /// end, and this to be called again.
    #[must_use]
    pub fn answer_ready(&mut self, session: i64, payment: &mut Payment<'_>) -> bool {
        while let Some((asked, _)) = self.take_first_if(session, Asked::is_ready) {
            match asked {
                Asked::Sync { home, xid, path, .. } => payment.reply(home, xid, 0, &path),
                Asked::Failed { home, xid, code, audit } => {
                    payment.audit(audit);
                    payment.reply(home, xid, code.number(), &[]);
                }
                Asked::List { home, xid, body } => payment.reply_ephemerals(home, session, xid, &body),
                Asked::EndLocal { home, xid } => payment.answer(home, AnswerKind::Closed { xid }),
                _ => unreachable!("the others wait for their transaction"),
            }
            if self.is_next_fenced(session) {
                return true;
            }
        }
        false
    }

    /// Whether what a session waits for first comes behind a read.
    fn is_next_fenced(&self, session: i64) -> bool {
        self.by_session.get(&session).and_then(VecDeque::front).is_some_and(|waiting| waiting.is_fenced)
    }

    /// A transaction was applied: whoever asked for it here is answered. Says what became of the session, and whether the
    /// version is to end here, as [`Forwarding::answer_ready`] does.
    pub fn take_applied(&mut self, read: &ReadTxn<'_>, payment: &mut Payment<'_>) -> (Became, bool) {
        let ReadTxn { header, txn, .. } = read;
        let session = header.client;
        let (outcome, ends_version) = match self.take_first_if(session, |asked| asked.is_asked_by(header, txn)) {
            Some((asked, at)) => {
                payment.note_learnt(at);
                let outcome = answer(asked, session, txn, payment);
                (outcome, self.is_next_fenced(session) || self.answer_ready(session, payment))
            }
            None => (Became::Unchanged, false),
        };
        (if matches!(txn, Txn::CloseSession { .. }) { Became::Ended } else { outcome }, ends_version)
    }

    fn push(&mut self, session: i64, asked: Asked) {
        self.count += 1;
        self.bytes += asked.bytes();
        let is_fenced = std::mem::take(&mut self.is_fenced);
        self.by_session.entry(session).or_default().push_back(Waiting { asked, is_fenced, at: self.now });
    }

    fn take_first_if(
        &mut self,
        session: i64,
        is_taken: impl FnOnce(&Asked) -> bool,
    ) -> Option<(Asked, Option<Instant>)> {
        let queue = self.by_session.get_mut(&session)?;
        let Waiting { asked, at, .. } = queue.pop_front_if(|waiting| is_taken(&waiting.asked))?;
        if queue.is_empty() {
            self.by_session.remove(&session);
        }
        self.count -= 1;
        self.bytes -= asked.bytes();
        Some((asked, at))
    }
}

impl Asked {
    /// Bytes that it keeps.
    fn bytes(&self) -> usize {
        match self {
            Asked::Write { body, .. } | Asked::List { body, .. } => body.len(),
            Asked::Sync { path, .. } => path.len(),
            Asked::Failed { audit: Some(record), .. } => record.bytes(),
            _ => 0,
        }
    }

    /// Whether it waits for nothing but what comes before it.
    fn is_ready(&self) -> bool {
        match self {
            Asked::Sync { is_answered, .. } => *is_answered,
            Asked::Failed { .. } | Asked::List { .. } | Asked::EndLocal { .. } => true,
            Asked::Write { .. } | Asked::Connect { .. } | Asked::Upgrade | Asked::Close { .. } => false,
        }
    }

    /// Whether the transaction is what the leader made of it.
    fn is_asked_by(&self, header: &TxnHeader, txn: &Txn<'_>) -> bool {
        match self {
            Asked::Write { xid, .. } => *xid == header.cxid && !is_of_session(txn),
            Asked::Connect { .. } | Asked::Upgrade => {
                header.cxid == 0 && matches!(txn, Txn::CreateSession { .. } | Txn::Error(_))
            }
            // A session ends once, whoever asked for it.
            Asked::Close { .. } => matches!(txn, Txn::CloseSession { .. }),
            Asked::Sync { .. } | Asked::List { .. } | Asked::EndLocal { .. } | Asked::Failed { .. } => false,
        }
    }
}

fn create_session(session: i64, timeout: i32, leader: &mut dyn ToLeader) {
    let body = timeout.to_be_bytes();
    let opcode = opcode::CREATE_SESSION;
    leader.request(&LeaderRequest { session, cxid: 0, opcode, body: &body, ids: &[] });
}

fn is_of_session(txn: &Txn<'_>) -> bool {
    matches!(txn, Txn::CreateSession { .. } | Txn::CloseSession { .. })
}

fn answer(asked: Asked, session: i64, txn: &Txn<'_>, payment: &mut Payment<'_>) -> Became {
    match asked {
        Asked::Write { home, .. } if is_moved(txn) => {
            payment.answer(home, AnswerKind::Dropped);
            Became::Moved { home }
        }
        Asked::Write { home, xid, opcode, body, keeper, audited } => {
            let operation = admit(opcode, &body, keeper).ok();
            answer_write((home, xid), operation.as_ref(), (session, audited), txn, payment);
            Became::Unchanged
        }
        Asked::Connect { home, timeout } if matches!(txn, Txn::CreateSession { .. }) => Became::Begun { home, timeout },
        Asked::Connect { home, .. } => {
            payment.answer(home, AnswerKind::Refused);
            Became::Unchanged
        }
        Asked::Close { home, xid } => {
            payment.answer(home, AnswerKind::Closed { xid });
            Became::Ended
        }
        Asked::Upgrade => Became::Unchanged,
        Asked::Sync { .. } | Asked::List { .. } | Asked::EndLocal { .. } | Asked::Failed { .. } => {
            unreachable!("they wait for no transaction")
        }
    }
}

fn answer_write(
    (home, xid): (Home, i32),
    operation: Option<&Operation<'_>>,
    (session, audited): (i64, Option<Arc<[Id]>>),
    txn: &Txn<'_>,
    payment: &mut Payment<'_>,
) {
    match operation.and_then(|operation| ReplyForm::of(operation, txn)) {
        Some(form) => {
            let audit = operation.zip(audited).and_then(|(asked, ids)| Record::of(session, &ids, asked, txn));
            payment.pay(Owed::Reply { home, xid, form, audit });
        }
        None => {
            tracing::warn!(
                zxid = %payment.database.last_zxid(),
                "the leader's transaction is not what was asked of it; the client is disconnected, and can see what became \
                 of its request"
            );
            payment.answer(home, AnswerKind::Cut);
        }
    }
}

/// The session has come to another server, as the leader knows.
fn is_moved(txn: &Txn<'_>) -> bool {
    matches!(txn, Txn::Error(code) if *code == Code::SessionMoved.number())
}
