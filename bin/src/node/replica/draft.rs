//! The version under construction: its transactions are counted and its answers kept until it is sealed.

use std::ops::Range;

use paddock_consensus::Zxid;
use paddock_consensus::input::Ticket;
use paddock_engine::event::Events;
use paddock_engine::tree::{Root, Sealed};
use paddock_net::exchange::Answer;

use super::figures::Figures;
use super::share::Share;
use super::stage_times::VersionTimes;
use super::version::Version;
use crate::audit::Entry;

/// A version takes at most so many transactions: larger ones are built no faster, and are public later.
pub const VERSION_TXNS: usize = 128;
/// Nor does it take more once its answers have so many bytes.
const VERSION_BYTES: usize = 16 << 20;

pub struct Draft {
    transactions: usize,
    answers: usize,
    /// How many bytes the bodies of all answers have.
    bytes: usize,
    /// What is to be confirmed before it is public.
    ticket: Option<Ticket>,
    per_reactor: Vec<Share>,
    /// What there is to record of its transactions.
    audited: Vec<Entry>,
}

impl Draft {
    pub fn new(reactors: usize) -> Draft {
        let per_reactor = (0..reactors).map(|_| Share::default()).collect();
        Draft { transactions: 0, answers: 0, bytes: 0, ticket: None, per_reactor, audited: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.transactions == 0 && self.answers == 0
    }

    /// Whether it is to be sealed before more comes.
    pub fn is_full(&self) -> bool {
        self.transactions >= VERSION_TXNS || self.bytes >= VERSION_BYTES
    }

    pub fn answers(&self) -> usize {
        self.answers
    }

    /// How many bytes the answers' bodies have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn note_transaction(&mut self) {
        self.transactions += 1;
    }

    /// Keeps the body of an answer.
    pub fn append(&mut self, reactor: usize, body: &[u8]) -> Range<u32> {
        self.bytes += body.len();
        self.per_reactor[reactor].append(body)
    }

    pub fn answer(&mut self, reactor: usize, answer: Answer) {
        self.per_reactor[reactor].push(answer);
        self.answers += 1;
    }

    /// This is to be recorded when it is committed.
    pub fn audit(&mut self, entry: Entry) {
        self.audited.push(entry);
    }

    /// It is not to be public before this ticket is confirmed. Tickets ascend.
    pub fn wait_for(&mut self, ticket: Ticket) {
        self.ticket = Some(ticket);
    }

    /// Ends it, without a transaction, as answers of the public state that transaction `zxid` has left.
    ///
    /// # Panics
    /// If it has a transaction.
    pub fn finish_public(&mut self, root: Root, zxid: Zxid, figures: Figures) -> Version {
        assert_eq!(self.transactions, 0, "what is answered at once has no transaction before it");
        self.audited.clear();
        Version::public(root, zxid, figures, self.take_shares())
    }

    /// Nobody gets the answers.
    ///
    /// # Panics
    /// If it has a transaction.
    pub fn drop_answers(&mut self) {
        assert_eq!(self.transactions, 0, "nothing is made behind a transaction that was given up");
        drop(self.take_shares());
        self.audited.clear();
        self.ticket = None;
    }

    fn take_shares(&mut self) -> Vec<Share> {
        let empty = self.per_reactor.iter().map(Share::with_as_much_room).collect();
        (self.transactions, self.answers, self.bytes) = (0, 0, 0);
        std::mem::replace(&mut self.per_reactor, empty)
    }

    /// Ends the version, which is as transaction `zxid` has left it, and of whose stages `times` is known; the draft is empty again.
    pub fn finish(
        &mut self,
        sealed: Sealed,
        zxid: Zxid,
        figures: Figures,
        events: Events,
        times: Option<VersionTimes>,
    ) -> Version {
        let shares = self.take_shares();
        let audited = std::mem::take(&mut self.audited);
        Version::new(sealed, (zxid, self.ticket.take()), figures, events, (shares, audited), times)
    }
}
