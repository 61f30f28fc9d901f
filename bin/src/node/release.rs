//! From a version under construction to one that every reactor has.
//!
//! ```text
//! Draft ── sealed ──► waiting for its group ── durable ──► Root, into every queue ──► announced ──► bells
//! ```

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use paddock_consensus::Zxid;
use paddock_engine::event::Events;
use paddock_engine::log::GroupNumber;
use paddock_engine::tree::{Root, Sealed, Tree};
use paddock_net::exchange::{Answer, Exchange, Release};
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

    /// Ends the version; the draft is empty again.
    pub fn finish(&mut self, sealed: Sealed, zxid: Zxid, events: Events) -> Version {
        let shares = {
            let empty = self.per_reactor.iter().map(Share::with_as_much_room).collect();
            std::mem::replace(&mut self.per_reactor, empty)
        };
        self.transactions = 0;
        let answers = std::mem::take(&mut self.answers);
        let bytes = std::mem::take(&mut self.bytes);
        let events = Arc::new(events);
        Version { group: None, sealed: Some(sealed), root: None, zxid, events, shares, delivered: 0, answers, bytes }
    }
}

/// A version that is not public yet.
pub struct Version {
    /// The group that must be durable first; `None` while it is being filled.
    group: Option<GroupNumber>,
    sealed: Option<Sealed>,
    /// Once it is committed.
    root: Option<Root>,
    zxid: Zxid,
    events: Arc<Events>,
    shares: Vec<Share>,
    /// Reactors that have it in their queues.
    delivered: usize,
    answers: usize,
    bytes: usize,
}

/// The versions that are not public yet, oldest first.
pub struct Commits {
    versions: VecDeque<Version>,
    /// In all of them, and the bytes of their bodies.
    answers: usize,
    bytes: usize,
    last_group: Option<GroupNumber>,
    /// A reactor's queue was full.
    blocked: bool,
    /// Reactors that have something to hear.
    to_ring: Vec<bool>,
}

impl Commits {
    pub fn new(reactors: usize) -> Commits {
        Commits {
            versions: VecDeque::new(),
            answers: 0,
            bytes: 0,
            last_group: None,
            blocked: false,
            to_ring: vec![false; reactors],
        }
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

    /// The versions that were waiting for a group have this one.
    pub fn assign(&mut self, group: GroupNumber) {
        self.last_group = Some(group);
        for version in self.versions.iter_mut().rev().take_while(|version| version.group.is_none()) {
            version.group = Some(group);
        }
    }

    /// The versions that are waiting for a group have no transactions: they only come after the last one.
    pub fn assign_to_last(&mut self) {
        if let Some(group) = self.last_group {
            self.assign(group);
        }
    }

    /// Commits and announces every version whose group is durable, and returns the newest transaction among them.
    pub fn release(
        &mut self,
        durable: GroupNumber,
        tree: &mut Tree,
        exchanges: &[Arc<Exchange>],
        status: &Status,
    ) -> Option<Zxid> {
        let mut committed = None;
        self.blocked = false;
        while let Some(version) = self.versions.front_mut() {
            // Before the first group there is nothing that an answer could have to wait for.
            if version.group.is_some_and(|group| group > durable)
                || (version.group.is_none() && self.last_group.is_some())
            {
                break;
            }
            if let Some(sealed) = version.sealed.take() {
                version.root = Some(tree.commit(sealed));
            }
            let root = version.root.expect("it was committed above");
            if !deliver(version, root, exchanges, status, &mut self.to_ring) {
                self.blocked = true;
                break;
            }
            tree.announce(root);
            committed = Some(version.zxid);
            self.answers -= version.answers;
            self.bytes -= version.bytes;
            self.versions.pop_front();
        }
        for (exchange, ring) in exchanges.iter().zip(&mut self.to_ring) {
            if std::mem::take(ring) {
                exchange.reactor_bell.ring();
            }
        }
        committed
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
    // Those that have it already have been waiting for the rest.
    to_ring[..version.delivered].fill(true);
    for reactor in version.delivered..exchanges.len() {
        let share = std::mem::take(&mut version.shares[reactor]);
        let has_answers = !share.answers.is_empty();
        let release = Release {
            root,
            zxid: version.zxid.0,
            events: version.events.clone(),
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
        to_ring[reactor] |= has_answers || has_events || queue.len() >= QUIET_RELEASES;
    }
    version.delivered = exchanges.len();
    true
}
