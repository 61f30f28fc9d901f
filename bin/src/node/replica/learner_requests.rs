//! What learners ask of their leader for their clients: writes, sessions, syncs.
//!
//! Each learner's requests are taken in their order, and learners by turns. A write becomes a transaction here, whatever is
//! wrong with it, because its learner waits for one; its answer is the learner's. A sync is answered to the learner.
//!
//! What a session asks for behind a sync waits for the sync's answer. A learner of ZooKeeper's takes what is committed of a
//! session, and the answers to its syncs, in the order in which the session asked: where the COMMIT of a later write comes
//! before the answer, it answers the session in another order, or never again. ZooKeeper's leader sends the answer right
//! behind the COMMIT of what came before; here it waits for its ticket besides.

use std::collections::{BTreeMap, VecDeque};

use paddock_consensus::Zxid;
use paddock_consensus::input::{Link, Ticket};
use paddock_consensus::mutants::mutant;
use paddock_engine::acl::Id;
use paddock_engine::admit::{Operation, admit};
use paddock_engine::error::Code;
use paddock_engine::order::{Caller, Ensemble, reconfig_txn};
use paddock_engine::request::{opcode, path_ahead};
use paddock_engine::tree::LOOKUPS_TOGETHER;
use paddock_engine::txn::Txn;

use super::head::Head;
use super::leader::Leader;
use super::owed::Owed;
use super::owners::RequestNumber;
use super::paths_ahead::PathsAhead;
use super::sessions::Sessions;
use super::turn::{REQUESTS_PER_TURN, Turn};

/// Bytes of one learner's requests that may wait for room; beyond, its link is closed, because what comes behind them on it
/// must not wait.
pub const REQUEST_BYTES_MAX: usize = 64 << 20;
/// What a request takes besides its body and its identities, bytes.
const REQUEST_BYTES: usize = 64;

/// A learner's REQUEST.
#[derive(Debug)]
pub struct LearnerRequest {
    pub session: i64,
    /// The client's xid.
    pub cxid: i32,
    pub opcode: i32,
    pub body: Box<[u8]>,
    /// Who the client was when it asked.
    pub ids: Box<[Id]>,
}

/// The learner asks for more at once than is kept for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManyRequests;

#[derive(Debug, Default)]
pub struct LearnerRequests {
    queues: BTreeMap<Link, Queue>,
    /// Whose turn was last.
    last: Option<Link>,
}

#[derive(Debug, Default)]
struct Queue {
    requests: VecDeque<LearnerRequest>,
    /// The number of the first of them.
    first: RequestNumber,
    /// What they take together.
    bytes: usize,
    /// Syncs that were taken and have no answer, in their order.
    syncs: VecDeque<Sync>,
    /// How many of these each session has that has some.
    sync_counts: BTreeMap<i64, usize>,
    /// The learner has said that it knows ClickHouse Keeper's operations.
    with_keepers: bool,
    /// The learner is not sent what others are, so that the answer to a sync would come before what it is to be behind.
    is_suspended: bool,
}

/// A sync is answered when everything that was proposed before it is committed, and its ticket is confirmed.
#[derive(Clone, Copy, Debug)]
struct Sync {
    session: i64,
    after: Zxid,
    ticket: Ticket,
}

/// The next request, of whom it is, and where it stood.
struct Taken {
    link: Link,
    number: RequestNumber,
    request: LearnerRequest,
    with_keepers: bool,
}

impl LearnerRequests {
    /// A learner whose requests are taken from here on.
    pub fn join(&mut self, link: Link, with_keepers: bool) {
        self.queues.insert(link, Queue { with_keepers, ..Queue::default() });
    }

    /// The learner takes part in a new epoch: until that is done, nothing is done for it. `false` if it has not joined.
    pub fn suspend(&mut self, link: Link, is_suspended: bool) -> bool {
        let queue = self.queues.get_mut(&link);
        queue.map(|queue| queue.is_suspended = is_suspended).is_some()
    }

    /// Nothing is owed to this learner any more, and nothing is done for it.
    pub fn leave(&mut self, link: Link) {
        self.queues.remove(&link);
    }

    /// Whether there are some that wait for room alone.
    pub fn has_ready(&self) -> bool {
        self.queues.values().any(Queue::is_ready)
    }

    /// How many syncs were taken and have no answer.
    pub fn syncs(&self) -> usize {
        self.queues.values().map(|queue| queue.syncs.len()).sum()
    }

    /// The number of what comes next from a learner.
    pub fn next_number(&self, link: Link) -> RequestNumber {
        self.queues
            .get(&link)
            .map_or(RequestNumber::default(), |queue| RequestNumber(queue.first.0 + queue.requests.len() as u64))
    }

    /// Takes in a request of a learner. One of a learner that has not joined is dropped.
    pub fn push(&mut self, link: Link, request: LearnerRequest) -> Result<(), TooManyRequests> {
        let Some(queue) = self.queues.get_mut(&link) else { return Ok(()) };
        let bytes = request.bytes();
        if queue.bytes + bytes > REQUEST_BYTES_MAX {
            return Err(TooManyRequests);
        }
        queue.bytes += bytes;
        queue.requests.push_back(request);
        Ok(())
    }

    /// Takes what there is room for in this turn, one of each learner by turns.
    pub fn gather(
        &mut self,
        turn: &mut Turn<'_>,
        sessions: &mut Sessions,
        leader: &mut Leader,
        ensemble: &dyn Ensemble,
    ) {
        for taken in 0..REQUESTS_PER_TURN {
            if !turn.head.has_room_for_requests() {
                break;
            }
            if taken % LOOKUPS_TOGETHER == 0 {
                self.look_ahead(turn.head);
            }
            let Some(Taken { link, number, request, with_keepers }) = self.next() else { break };
            turn.head.seal_if_full();
            turn.head.figures().requests.ordered.add(1);
            match request.opcode {
                opcode::SYNC => {
                    let after = turn.head.database().last_zxid();
                    let sync = Sync { session: request.session, after, ticket: leader.use_ticket() };
                    self.queues.get_mut(&link).expect("it has just asked").begin_sync(sync);
                }
                opcode::CREATE_SESSION => create_session(turn, sessions, link, &request),
                opcode::CLOSE_SESSION => sessions.close_for_learner(turn, request.session, request.cxid),
                _ => write(turn, sessions, (link, number), &request, with_keepers, ensemble),
            }
        }
    }

    /// Answers the syncs that may be: `answer` is told of each one's learner.
    pub fn answer_syncs(&mut self, committed: Zxid, confirmed: Ticket, mut answer: impl FnMut(Link)) {
        for (link, queue) in self.queues.iter_mut().filter(|(_, queue)| !queue.is_suspended) {
            let is_confirmed = |sync: &Sync| sync.ticket <= confirmed || mutant!(28);
            while let Some(sync) = queue.syncs.pop_front_if(|sync| sync.after <= committed && is_confirmed(sync)) {
                queue.end_sync(sync.session);
                answer(*link);
            }
        }
    }

    /// Looks the next writes up together, of each learner about as many.
    fn look_ahead(&self, head: &Head) {
        let ready = || self.queues.values().filter(|queue| queue.is_ready());
        let each = LOOKUPS_TOGETHER / ready().count().clamp(1, LOOKUPS_TOGETHER);
        let mut paths = PathsAhead::default();
        for request in ready().flat_map(|queue| queue.requests.iter().take(each)) {
            paths.push(path_ahead(request.opcode, &request.body));
        }
        paths.prefetch(head.database().tree());
    }

    /// The oldest request of the learner whose turn it is, among those of which it can be taken.
    fn next(&mut self) -> Option<Taken> {
        let is_ready = |(_, queue): &(&Link, &mut Queue)| queue.is_ready();
        let from = self.last.map_or(Link(0), |last| Link(last.0.saturating_add(1)));
        let first = self.queues.range_mut(from..).find(is_ready).map(|(link, _)| *link);
        let link = match first {
            Some(link) => link,
            None => self.queues.iter_mut().find(is_ready).map(|(link, _)| *link)?,
        };
        self.last = Some(link);
        let queue = self.queues.get_mut(&link)?;
        let request = queue.requests.pop_front()?;
        queue.bytes -= request.bytes();
        let number = queue.first;
        queue.first = RequestNumber(number.0 + 1);
        Some(Taken { link, number, request, with_keepers: queue.with_keepers })
    }
}

impl Queue {
    /// Whether the oldest request can be taken: it is a sync, or its session has none without an answer.
    fn is_ready(&self) -> bool {
        let is_ready = |request: &LearnerRequest| {
            request.opcode == opcode::SYNC || !self.sync_counts.contains_key(&request.session)
        };
        !self.is_suspended && self.requests.front().is_some_and(is_ready)
    }

    fn begin_sync(&mut self, sync: Sync) {
        self.syncs.push_back(sync);
        *self.sync_counts.entry(sync.session).or_default() += 1;
    }

    /// The session's oldest sync has its answer.
    fn end_sync(&mut self, session: i64) {
        let count = self.sync_counts.get_mut(&session).expect("a sync is counted until it is answered");
        *count -= 1;
        if *count == 0 {
            self.sync_counts.remove(&session);
        }
    }
}

impl LearnerRequest {
    /// What it takes.
    pub fn bytes(&self) -> usize {
        let ids = self.ids.iter().map(|id| id.scheme.len() + id.id.len() + REQUEST_BYTES).sum::<usize>();
        self.body.len() + ids + REQUEST_BYTES
    }
}

fn create_session(turn: &mut Turn<'_>, sessions: &mut Sessions, link: Link, request: &LearnerRequest) {
    let session = request.session;
    let txn = match <[u8; 4]>::try_from(&request.body[..]) {
        Ok(timeout) => Txn::CreateSession { timeout: i32::from_be_bytes(timeout) },
        Err(_) => Txn::Error(Code::Marshalling.number()),
    };
    turn.head.propose(session, request.cxid, &txn, turn.at.wall_ms);
    if let Txn::CreateSession { timeout } = txn {
        sessions.begin_for_learner(link, session, timeout, turn.at.now);
    }
}

fn write(
    turn: &mut Turn<'_>,
    sessions: &mut Sessions,
    from: (Link, RequestNumber),
    request: &LearnerRequest,
    with_keepers: bool,
    ensemble: &dyn Ensemble,
) {
    let LearnerRequest { session, cxid, opcode, body, ids } = request;
    let (session, cxid, time) = (*session, *cxid, turn.at.wall_ms);
    let operation: Result<Operation<'_>, Code> = admit(*opcode, body, with_keepers);
    let reconfigured;
    let txn = match &operation {
        Ok(operation) => {
            let is_local = sessions.may_be_local_elsewhere(turn.head.database(), session);
            let has_moved = !is_local && sessions.has_moved(turn.head.database(), from, session);
            let caller = Caller { ids, is_local, has_moved };
            if let Operation::Reconfig(reconfig) = operation {
                reconfigured = turn.head.order_reconfig((session, cxid), reconfig, caller, time, ensemble);
                reconfig_txn(&reconfigured)
            } else {
                // Where nothing changes, the learner waits for a transaction all the same.
                turn.head.order(session, cxid, operation, caller, time).unwrap_or_else(|| Txn::Multi(Vec::new()))
            }
        }
        Err(code) => Txn::Error(code.number()),
    };
    turn.head.carry_out(session, cxid, &txn, time, Owed::Nothing);
}
