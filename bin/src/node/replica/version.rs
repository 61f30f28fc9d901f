//! A version that is not public yet, on its way to every reactor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::time::Instant;

use paddock_consensus::Zxid;
use paddock_consensus::input::Ticket;
use paddock_engine::event::Events;
use paddock_engine::tree::{Root, Sealed, Tree};
use paddock_net::exchange::{EVENTS_AT_ONCE, Exchange, Release, VersionRelease};
use paddock_net::stages::Way;
use paddock_net::status::Status;

use super::figures::Figures;
use super::share::Share;
use super::stage_times::{StageTimes, VersionTimes};
use crate::audit::Entry;

/// Releases that may wait in the queue of a reactor that sleeps and has nothing to hear.
const QUIET_RELEASES: usize = 128;

pub struct Version {
    /// The state, until it is committed.
    sealed: Option<Sealed>,
    /// The state, once it is committed.
    root: Option<Root>,
    /// The last transaction in it, or before it. The version is public when that is committed.
    zxid: Zxid,
    /// What is to be confirmed, too, before it is public.
    ticket: Option<Ticket>,
    figures: Figures,
    events: Arc<Events>,
    /// How many reactors have looked through the events, as in [`VersionRelease`].
    looked_through: Option<Arc<AtomicUsize>>,
    shares: Vec<Share>,
    /// How many answers there are in all shares.
    answers: usize,
    /// Bytes of their bodies.
    bytes: usize,
    /// How many reactors have it in their queues.
    delivered: usize,
    /// It could not be announced as soon as it was committed.
    has_waited: bool,
    /// What there is to record of its transactions.
    audited: Vec<Entry>,
    /// When its writes were taken and ordered, if that is measured.
    times: Option<VersionTimes>,
    /// How it went, once it was to be released. What held it back then is the reactors' affair.
    way: Option<Way>,
}

impl Version {
    /// The state as transaction `zxid` has left it, which waits for `ticket` if there is one, with the events that led to it, the
    /// share of each reactor, what of its transactions is to be recorded, and what is known of its stages.
    pub fn new(
        sealed: Sealed,
        (zxid, ticket): (Zxid, Option<Ticket>),
        figures: Figures,
        events: Events,
        (shares, audited): (Vec<Share>, Vec<Entry>),
        times: Option<VersionTimes>,
    ) -> Version {
        Version {
            sealed: Some(sealed),
            root: None,
            zxid,
            ticket,
            figures,
            looked_through: (events.len() > EVENTS_AT_ONCE).then(Arc::default),
            events: Arc::new(events),
            answers: shares.iter().map(|share| share.answers()).sum(),
            bytes: shares.iter().map(|share| share.bytes()).sum(),
            shares,
            delivered: 0,
            has_waited: false,
            audited,
            times,
            way: None,
        }
    }

    /// Answers of the state that is public already, as `root`, and that transaction `zxid` has left.
    pub fn public(root: Root, zxid: Zxid, figures: Figures, mut shares: Vec<Share>) -> Version {
        shares.iter_mut().for_each(|share| share.set_zxid(zxid.0));
        Version {
            sealed: None,
            root: Some(root),
            zxid,
            ticket: None,
            figures: figures.with_zxid(zxid),
            events: Arc::default(),
            looked_through: None,
            answers: shares.iter().map(Share::answers).sum(),
            bytes: shares.iter().map(Share::bytes).sum(),
            shares,
            delivered: 0,
            has_waited: false,
            audited: Vec::new(),
            times: None,
            way: None,
        }
    }

    /// The ordering of its turn ended then. Whether that was not known.
    pub fn note_ordered(&mut self, ordered: Instant) -> bool {
        self.times.as_mut().is_some_and(|times| times.note_ordered(ordered))
    }

    /// Whether it is measured, and the ordering of its turn has not ended.
    pub fn is_to_be_ordered(&self) -> bool {
        self.times.is_some_and(|times| times.is_to_be_ordered())
    }

    /// How it went, being committed, and released now or when this was asked first; `None` if that is not measured.
    pub fn way(&mut self, times: &mut StageTimes) -> Option<Way> {
        if self.way.is_none() {
            self.way = times.way(self.times.as_ref(), self.zxid);
        }
        self.way
    }

    /// What there is to record of its transactions, if that was not taken yet, and its events.
    pub fn take_audited(&mut self) -> Option<(Vec<Entry>, Arc<Events>)> {
        (!self.audited.is_empty()).then(|| (std::mem::take(&mut self.audited), self.events.clone()))
    }

    pub fn zxid(&self) -> Zxid {
        self.zxid
    }

    /// Whether it may be public once everything up to `committed` is committed, and tickets up to `confirmed` are confirmed.
    pub fn may_be_public(&self, committed: Zxid, confirmed: Ticket) -> bool {
        self.root.is_some() || self.zxid <= committed && self.ticket.is_none_or(|ticket| ticket <= confirmed)
    }

    /// Waits for no ticket after `confirmed` any more. Whether it did.
    pub fn gives_up_ticket(&mut self, confirmed: Ticket) -> bool {
        self.ticket.take_if(|ticket| *ticket > confirmed).is_some()
    }

    /// Nobody is answered by it who has no answer yet. What its transactions have done is recorded all the same once they are
    /// committed.
    pub fn drop_answers(&mut self) {
        self.shares.iter_mut().for_each(|share| *share = Share::default());
        (self.answers, self.bytes) = (0, 0);
    }

    pub fn figures(&self) -> Figures {
        self.figures
    }

    pub fn answers(&self) -> usize {
        self.answers
    }

    /// How many bytes the answers' bodies have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it was not announced when that was tried before.
    pub fn has_waited(&self) -> bool {
        self.has_waited
    }

    pub fn note_wait(&mut self) {
        self.has_waited = true;
    }

    /// Commits it to the tree, unless it was. Versions are committed in their order.
    pub fn commit(&mut self, tree: &mut Tree) -> Root {
        match self.sealed.take() {
            Some(sealed) => *self.root.insert(tree.commit(sealed)),
            None => self.root.expect("what is not sealed any more is committed"),
        }
    }

    /// Whether so many reactors, all of them, can take it in a short step.
    pub fn is_looked_through(&self, reactors: usize) -> bool {
        self.looked_through.as_ref().is_none_or(|count| count.load(Ordering::Acquire) == reactors)
    }

    /// Puts it, committed as `root`, into every queue, with how it went, and notes which reactors have something to hear;
    /// `false` if one is full, and then goes on from there the next time.
    pub fn deliver(
        &mut self,
        (root, way): (Root, Option<Way>),
        exchanges: &[Arc<Exchange>],
        status: &Status,
        to_ring: &mut [bool],
    ) -> bool {
        for reactor in self.delivered..exchanges.len() {
            let (answers, bytes) = std::mem::take(&mut self.shares[reactor]).into_parts();
            let has_answers = !answers.is_empty();
            let release = VersionRelease {
                root,
                zxid: self.zxid.0,
                events: self.events.clone(),
                looked_through: self.looked_through.clone(),
                answers,
                bytes,
                way,
            };
            let queue = &exchanges[reactor].releases;
            if let Err(back) = queue.push(Release::Version(release)) {
                let Release::Version(back) = back else { unreachable!("a queue gives back what it does not take") };
                self.shares[reactor] = Share::of(back.answers, back.bytes);
                self.delivered = reactor;
                to_ring[reactor] = true;
                return false;
            }
            // After the push: a reactor that counts its first watch and then finds its queue empty must be seen here.
            fence(Ordering::SeqCst);
            let has_events = !self.events.is_empty() && status.reactors[reactor].watches.get() > 0;
            let is_awaited = self.looked_through.is_some();
            to_ring[reactor] |= has_answers || has_events || is_awaited || queue.len() >= QUIET_RELEASES;
        }
        self.delivered = exchanges.len();
        true
    }
}
