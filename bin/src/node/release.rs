//! From a version under construction to one that every reactor has.
//!
//! ```text
//! Draft ── sealed ──► waiting for its last transaction ── committed ──► Root, into every queue ──► announced ──► bells
//! ```
//! A version without transactions waits for the last one before it. One with very many events is announced only when every
//! reactor has looked through them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use paddock_consensus::Zxid;
use paddock_engine::event::Events;
use paddock_engine::tree::{Root, Sealed, Tree};
use paddock_net::exchange::{Answer, EVENTS_AT_ONCE, Exchange, Release};
use paddock_net::status::Status;

/// Releases that may gather in the queue of a reactor that sleeps and has nothing to hear.
const QUIET_RELEASES: usize = 128;

/// The answers of the version under construction.
pub struct Draft {
    transactions: usize,
    answers: usize,
    /// Of all answers' bodies.
    bytes: usize,
    per_reactor: Vec<Share>,
}

/// One reactor's answers and their bodies.
#[derive(Default)]
struct Share {
    answers: Vec<Answer>,
    bytes: Vec<u8>,
}

/// Room that is made ahead, answers and bytes of their bodies.
const ROOM: usize = 256;
const ROOM_BYTES: usize = 64 << 10;

impl Share {
    /// An empty one: one version is much like the next.
    fn with_as_much_room(&self) -> Share {
        let answers = Vec::with_capacity(self.answers.len().min(ROOM));
        Share { answers, bytes: Vec::with_capacity(self.bytes.len().min(ROOM_BYTES)) }
    }
}

impl Draft {
    pub fn new(reactors: usize) -> Draft {
        Draft { transactions: 0, answers: 0, bytes: 0, per_reactor: (0..reactors).map(|_| Share::default()).collect() }
    }

    pub fn transactions(&self) -> usize {
        self.transactions
    }

    pub fn is_empty(&self) -> bool {
        self.transactions == 0 && self.answers == 0
    }

    pub fn answers(&self) -> usize {
        self.answers
    }

    /// Of the answers' bodies.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn note_transaction(&mut self) {
        self.transactions += 1;
    }

    /// Keeps the body of an answer.
    pub fn append(&mut self, reactor: usize, body: &[u8]) -> Range<u32> {
        let bytes = &mut self.per_reactor[reactor].bytes;
        let start = bytes.len();
        bytes.extend_from_slice(body);
        self.bytes += body.len();
        let place = |at: usize| u32::try_from(at).expect("a version is sealed long before its answers have 4 GiB");
        place(start)..place(bytes.len())
    }

    pub fn answer(&mut self, reactor: usize, answer: Answer) {
        self.per_reactor[reactor].answers.push(answer);
        self.answers += 1;
    }

    /// Ends the version, which is as transaction `zxid` has left it; the draft is empty again.
    pub fn finish(&mut self, sealed: Sealed, zxid: Zxid, events: Events) -> Version {
        let shares = {
            let empty = self.per_reactor.iter().map(Share::with_as_much_room).collect();
            std::mem::replace(&mut self.per_reactor, empty)
        };
        self.transactions = 0;
        let answers = std::mem::take(&mut self.answers);
        let bytes = std::mem::take(&mut self.bytes);
        let looked_through = (events.len() > EVENTS_AT_ONCE).then(Arc::default);
        let events = Arc::new(events);
        Version {
            sealed: Some(sealed),
            root: None,
            zxid,
            events,
            looked_through,
            shares,
            delivered: 0,
            has_waited: false,
            answers,
            bytes,
        }
    }
}

/// A version that is not public yet.
pub struct Version {
    sealed: Option<Sealed>,
    /// Once it is committed.
    root: Option<Root>,
    /// The last transaction in it, or before it. It is public when that is committed.
    zxid: Zxid,
    events: Arc<Events>,
    /// As in [`Release`].
    looked_through: Option<Arc<AtomicUsize>>,
    shares: Vec<Share>,
    /// Reactors that have it in their queues.
    delivered: usize,
    /// It could not be announced as soon as it was committed.
    has_waited: bool,
    answers: usize,
    bytes: usize,
}

impl Version {
    /// Whether so many reactors, all of them, can take it in a short step.
    fn is_looked_through(&self, reactors: usize) -> bool {
        self.looked_through.as_ref().is_none_or(|count| count.load(Ordering::Acquire) == reactors)
    }
}

/// The versions that are not public yet, oldest first.
pub struct Commits {
    versions: VecDeque<Version>,
    /// In all of them, and the bytes of their bodies.
    answers: usize,
    bytes: usize,
    /// A reactor's queue was full, or one has still to look through the events of the oldest.
    blocked: bool,
    /// Reactors that have something to hear.
    to_ring: Vec<bool>,
}

impl Commits {
    pub fn new(reactors: usize) -> Commits {
        Commits { versions: VecDeque::new(), answers: 0, bytes: 0, blocked: false, to_ring: vec![false; reactors] }
    }

    pub fn len(&self) -> usize {
        self.versions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Answers that no reactor has yet.
    pub fn answers(&self) -> usize {
        self.answers
    }

    /// The bytes of their bodies.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn push(&mut self, version: Version) {
        self.answers += version.answers;
        self.bytes += version.bytes;
        self.versions.push_back(version);
    }

    /// Announces every version that has nothing after transaction `committed`, and returns the newest transaction of them.
    pub fn release(
        &mut self,
        committed: Zxid,
        tree: &mut Tree,
        exchanges: &[Arc<Exchange>],
        status: &Status,
    ) -> Option<Zxid> {
        let mut released = None;
        self.blocked = false;
        while let Some(version) = self.versions.front_mut() {
            if version.zxid > committed {
                break;
            }
            if let Some(sealed) = version.sealed.take() {
                version.root = Some(tree.commit(sealed));
            }
            let root = version.root.expect("it was committed above");
            if !deliver(version, root, exchanges, status, &mut self.to_ring)
                || !version.is_looked_through(exchanges.len())
            {
                self.blocked = true;
                version.has_waited = true;
                break;
            }
            tree.announce(root);
            if version.has_waited {
                // Those that had it already have been waiting for this.
                self.to_ring.fill(true);
            }
            released = Some(version.zxid);
            self.answers -= version.answers;
            self.bytes -= version.bytes;
            self.versions.pop_front();
        }
        for (exchange, ring) in exchanges.iter().zip(&mut self.to_ring) {
            if std::mem::take(ring) {
                exchange.reactor_bell.ring();
            }
        }
        released
    }
}

/// Puts the version into every queue; `false` if one is full, and then goes on from there the next time.
fn deliver(
    version: &mut Version,
    root: Root,
    exchanges: &[Arc<Exchange>],
    status: &Status,
    to_ring: &mut [bool],
) -> bool {
    for reactor in version.delivered..exchanges.len() {
        let share = std::mem::take(&mut version.shares[reactor]);
        let has_answers = !share.answers.is_empty();
        let release = Release {
            root,
            zxid: version.zxid.0,
            events: version.events.clone(),
            looked_through: version.looked_through.clone(),
            answers: share.answers,
            bytes: share.bytes,
        };
        let queue = &exchanges[reactor].releases;
        if let Err(back) = queue.push(release) {
            version.shares[reactor] = Share { answers: back.answers, bytes: back.bytes };
            version.delivered = reactor;
            to_ring[reactor] = true;
            return false;
        }
        // After the push: a reactor that counts its first watch and then finds its queue empty must be seen here.
        fence(Ordering::SeqCst);
        let has_events = !version.events.is_empty() && status.reactors[reactor].watches.get() > 0;
        let is_awaited = version.looked_through.is_some();
        to_ring[reactor] |= has_answers || has_events || is_awaited || queue.len() >= QUIET_RELEASES;
    }
    version.delivered = exchanges.len();
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use mio::{Poll, Token};
    use paddock_consensus::Zxid;
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::event::{EventKind, Events};
    use paddock_engine::tree::HashSeed;
    use paddock_net::doorbell::Doorbell;
    use paddock_net::exchange::{Answer, AnswerKind, ConnectionId, EVENTS_AT_ONCE, Exchange};
    use paddock_net::status::{ReactorStatus, Status};

    use super::{Commits, Draft};

    /// One reactor, and the versions that it has not been given yet.
    struct World {
        database: Database,
        draft: Draft,
        commits: Commits,
        exchanges: Vec<Arc<Exchange>>,
        status: Status,
        /// Where its bell is heard.
        poll: Poll,
        /// Transactions so far.
        zxid: i64,
    }

    impl World {
        fn new() -> World {
            let poll = Poll::new().unwrap();
            let bell = Arc::new(Doorbell::new(poll.registry(), Token(0)).unwrap());
            let status = Status { reactors: vec![ReactorStatus::default()], ..Status::default() };
            World {
                database: Database::new(HashSeed([7; 16]), Rules::default()),
                draft: Draft::new(1),
                commits: Commits::new(1),
                exchanges: vec![Arc::new(Exchange::new(bell.clone(), bell))],
                status,
                poll,
                zxid: 0,
            }
        }

        /// A version with this many transactions, and an answer.
        fn version(&mut self, transactions: i64) {
            (0..transactions).for_each(|_| self.draft.note_transaction());
            self.zxid += transactions;
            let connection = ConnectionId { slot: 0, generation: 0 };
            self.draft.answer(0, Answer { connection, zxid: self.zxid, kind: AnswerKind::Dropped });
            let sealed = self.database.tree_mut().seal();
            self.commits.push(self.draft.finish(sealed, Zxid(self.zxid), Events::default()));
        }

        /// Whether the reactor, which sleeps, is rung for when versions are released.
        fn is_rung(&mut self) -> bool {
            self.exchanges[0].reactor_bell.going_to_sleep();
            self.commits.release(Zxid(1), self.database.tree_mut(), &self.exchanges, &self.status);
            let mut told = mio::Events::with_capacity(1);
            self.poll.poll(&mut told, Some(Duration::ZERO)).unwrap();
            !told.is_empty()
        }

        /// The zxids of the versions that are released once this transaction is committed.
        fn release(&mut self, committed: i64) -> Vec<i64> {
            let tree = self.database.tree_mut();
            self.commits.release(Zxid(committed), tree, &self.exchanges, &self.status);
            std::iter::from_fn(|| self.exchanges[0].releases.pop()).map(|release| release.zxid).collect()
        }
    }

    #[test]
    fn a_version_waits_for_the_last_of_its_transactions() {
        let mut world = World::new();
        world.version(2);
        world.version(1);
        assert_eq!(world.release(0), [0; 0]);
        assert_eq!(world.release(1), [0; 0], "its second is not committed");
        assert_eq!(world.release(2), [2]);
        world.version(3);
        assert_eq!(world.release(5), [3], "the last is committed for a part");
        assert_eq!(world.release(6), [6]);
        assert!(world.commits.is_empty());
    }

    #[test]
    fn a_reactor_that_looks_ahead_is_rung_for_a_version_when_it_comes_and_when_it_is_public() {
        let mut world = World::new();
        let mut events = Events::default();
        (0..=EVENTS_AT_ONCE).for_each(|_| events.push(EventKind::Deleted, 1, "/a", &None));
        world.draft.note_transaction();
        let sealed = world.database.tree_mut().seal();
        world.commits.push(world.draft.finish(sealed, Zxid(1), events));
        assert!(world.is_rung());
        let release = world.exchanges[0].releases.pop().unwrap();
        assert!(!world.is_rung(), "it knows all about it");
        release.looked_through.unwrap().fetch_add(1, Ordering::Release);
        assert!(world.is_rung());
        assert!(world.commits.is_empty() && !world.is_rung());
    }

    #[test]
    fn answers_alone_wait_for_what_came_before_them() {
        let mut world = World::new();
        world.version(0);
        assert_eq!(world.release(0), [0], "before the first transaction there is nothing to wait for");
        world.version(1);
        world.version(0);
        assert_eq!(world.release(0), [0; 0]);
        world.version(0);
        assert_eq!(world.release(0), [0; 0]);
        assert_eq!(world.release(1), [1, 1, 1]);
        world.version(0);
        assert_eq!(world.release(1), [1]);
    }
}
