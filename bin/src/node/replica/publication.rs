//! How the state becomes public: the draft of the next version, and the versions that wait for their commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_consensus::input::Ticket;
use paddock_consensus::mutants::mutant;
use paddock_engine::apply::Effects;
use paddock_engine::database::Database;
use paddock_engine::log::Completion;
use paddock_engine::tree::Tree;
use paddock_engine::txn::Txn;
use paddock_net::exchange::{Answer, AnswerKind, Exchange};
use paddock_net::namespaces::Run;
use paddock_net::serving::{Period, Serve};
use paddock_net::status::{ReplicaStatus, Status};

use super::change::Change;
use super::commits::Commits;
use super::draft::Draft;
use super::figures::Figures;
use super::home::Home;
use super::stage_times::StageTimes;
use super::written::note_written;
use crate::audit::{AuditLog, Entry};

/// Versions that wait for their commit or for reactors; beyond, nothing is proposed.
const VERSIONS_MAX: usize = 4096;
/// Answers that wait likewise; beyond, no request is taken, bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

pub struct Publication {
    exchanges: Arc<[Arc<Exchange>]>,
    status: Arc<Status>,
    draft: Draft,
    commits: Commits,
    /// How many sessions have expired since the start, with those in the draft.
    sessions_expired: u64,
    /// How clients are served by what is decided last.
    period: Period,
    /// Syncs that were asked for up to this one are confirmed.
    confirmed: Ticket,
    /// When the newest transaction of the draft was ordered, ms, if that is known.
    ordered_at: Option<i64>,
    /// The same of the version that became public last, until it is asked for.
    public_ordered_at: Option<i64>,
    /// What the transactions of the draft have written, and how many of them were ordered here, of what is not told yet.
    written: Run,
    ordered: u64,
    /// Where it is recorded what is done, if it is.
    audit: Option<Arc<AuditLog>>,
}

impl Publication {
    pub fn new(exchanges: Arc<[Arc<Exchange>]>, status: Arc<Status>, audit: Option<Arc<AuditLog>>) -> Publication {
        let reactors = exchanges.len();
        let (draft, commits) = (Draft::new(reactors), Commits::new(reactors));
        let (period, confirmed) = (Period::default(), Ticket::default());
        let (ordered_at, public_ordered_at) = (None, None);
        Publication {
            exchanges,
            status,
            draft,
            commits,
            sessions_expired: 0,
            period,
            confirmed,
            ordered_at,
            public_ordered_at,
            written: Run::default(),
            ordered: 0,
            audit,
        }
    }

    /// Tells of the recovered state, which is public.
    pub fn begin(&mut self, database: &Database) {
        self.commits.begin(database.last_zxid());
        Figures::of(database, self.sessions_expired).tell(&self.status.replica);
    }

    /// Clients are served in this way from transaction `committed` on: returns the number of the period that begins.
    ///
    /// # Panics
    /// If something is not sealed: it would be public in a period to which it does not belong.
    pub fn begin_period(&mut self, serve: Serve, committed: Zxid) -> u64 {
        assert!(self.is_sealed(), "a period begins when the version under construction has ended");
        self.commits.give_up_unconfirmed(self.confirmed);
        self.period = Period { number: self.period.number + 1, serve };
        self.commits.change(Change::serve(self.period), committed);
        self.period.number
    }

    /// Another state takes the place of the present one, which has transaction `committed` and perhaps later ones, which are
    /// never public.
    ///
    /// # Panics
    /// If clients are served, or something that is committed is not public.
    pub fn replace_state(&mut self, database: &mut Database, committed: Zxid) {
        assert_eq!(self.period.serve, Serve::No, "a state is replaced while nobody sees it");
        assert!(self.is_sealed(), "a state is replaced when the version under construction has ended");
        let zxid = database.last_zxid().0;
        let tree = database.tree_mut();
        let sealed = tree.seal();
        tree.publish(sealed);
        let readers = self.exchanges.iter().map(|_| tree.reader()).collect();
        self.commits.replace_state(Change::state(readers, zxid), committed);
        self.commits.begin(database.last_zxid());
        Figures::of(database, self.sessions_expired).tell(&self.status.replica);
    }

    /// Whether nothing waits to be sealed.
    pub fn is_sealed(&self) -> bool {
        self.draft.is_empty()
    }

    /// Whether the draft is to be sealed before more comes.
    pub fn is_full(&self) -> bool {
        self.draft.is_full()
    }

    /// Whether every version is public.
    pub fn is_done(&self) -> bool {
        self.commits.is_empty()
    }

    /// A reactor keeps a version from being public that is committed.
    pub fn is_blocked(&self) -> bool {
        self.commits.is_blocked()
    }

    pub fn has_room(&self) -> bool {
        self.commits.len() < VERSIONS_MAX
    }

    pub fn has_room_for_answers(&self) -> bool {
        self.draft.bytes() + self.commits.bytes() < ANSWER_BYTES_MAX
    }

    /// Whether it is recorded what is done.
    pub fn audits(&self) -> bool {
        self.audit.is_some()
    }

    /// Whether more may be recorded; where nothing is, there is always room.
    pub fn has_room_for_audit(&self) -> bool {
        self.audit.as_ref().is_none_or(|audit| audit.has_room())
    }

    /// This is to be recorded when the version under construction is committed.
    pub fn audit(&mut self, entry: Entry) {
        if self.audits() {
            self.draft.audit(entry);
        }
    }

    /// Answers that no reactor has yet.
    pub fn answers(&self) -> usize {
        self.draft.answers() + self.commits.answers()
    }

    pub fn note_transaction(&mut self) {
        self.draft.note_transaction();
    }

    /// A transaction is in the draft, which was ordered then, by the wall clock of the one who did, ms. What it has written is
    /// counted.
    #[inline]
    pub fn note_written(&mut self, txn: &Txn<'_>, time: i64) {
        self.draft.note_transaction();
        self.ordered_at = Some(time);
        note_written(&mut self.written, txn, &self.status.replica.written_by_namespace);
    }

    /// The newest transaction of the draft was ordered here.
    #[inline]
    pub fn note_own(&mut self) {
        self.ordered += 1;
    }

    /// Before anything of the draft can be public.
    fn tell_counted(&mut self) {
        let figures = &self.status.replica;
        self.written.tell(&figures.written_by_namespace);
        figures.requests.changes.add(std::mem::take(&mut self.ordered));
    }

    /// The figures that the replica writes.
    pub fn figures(&self) -> &ReplicaStatus {
        &self.status.replica
    }

    /// The newest transaction that is public.
    pub fn public(&self) -> Zxid {
        self.commits.public()
    }

    /// When the newest transaction was ordered that became public since this was asked last, ms.
    pub fn take_public_order(&mut self) -> Option<i64> {
        self.public_ordered_at.take()
    }

    pub fn note_expired_session(&mut self) {
        self.sessions_expired += 1;
    }

    /// An answer that comes with the version under construction, after the events of transaction `zxid`.
    pub fn answer(&mut self, home: Home, zxid: Zxid, kind: AnswerKind) {
        self.draft.answer(home.reactor, Answer { connection: home.connection, zxid: zxid.0, kind });
    }

    /// An answer that is a reply with this body.
    pub fn reply(&mut self, home: Home, zxid: Zxid, xid: i32, code: i32, body: &[u8]) {
        let body = self.draft.append(home.reactor, body);
        self.answer(home, zxid, AnswerKind::Reply { xid, code, body });
    }

    /// Ends the version under construction, unless there is nothing in it. `effects` has its events, and the tree is between two
    /// transactions.
    pub fn seal(&mut self, database: &mut Database, effects: &mut Effects) {
        if self.draft.is_empty() {
            return;
        }
        self.tell_counted();
        let figures = Figures::of(database, self.sessions_expired).ordered_at(self.ordered_at.take());
        let sealed = database.tree_mut().seal();
        let times = self.commits.times.seal();
        self.commits.push(self.draft.finish(sealed, database.last_zxid(), figures, effects.events.take(), times));
    }

    /// The turn has ordered all that it orders.
    pub fn note_ordered(&mut self) {
        self.commits.note_ordered();
    }

    /// How long versions are in each stage.
    pub fn times(&mut self) -> &mut StageTimes {
        &mut self.commits.times
    }

    /// The log has seen that a group has completed, which had filled so long.
    pub fn note_completed(&mut self, completion: &Completion, filled: Duration) {
        let Status { replica, clock, .. } = &*self.status;
        self.commits.times.note_completed(completion, filled, &replica.stages, clock);
    }

    /// A transaction is applied that a client here has waited for, and that was sent to the leader then.
    pub fn note_learnt(&mut self, zxid: Zxid, asked: Option<Instant>) {
        self.commits.times.note_learnt(zxid, asked, &self.status.replica.stages);
    }

    /// Drops the version under construction.
    ///
    /// # Panics
    /// If it has a transaction.
    pub fn drop_answers(&mut self) {
        self.draft.drop_answers();
    }

    /// Gives the answers to the reactors with what is public already, before everything that is not.
    ///
    /// # Panics
    /// If there are transactions among them.
    pub fn answer_at_once(&mut self, database: &Database) {
        if self.draft.is_empty() {
            return;
        }
        let (root, figures) = (database.tree().root(), Figures::of(database, self.sessions_expired));
        self.commits.push_public(self.draft.finish_public(root, self.commits.public(), figures));
    }

    /// The version under construction is not to be public before this ticket is confirmed.
    pub fn wait_for(&mut self, ticket: Ticket) {
        if !mutant!(28) {
            self.draft.wait_for(ticket);
        }
    }

    /// Tickets up to this one are confirmed.
    pub fn confirm(&mut self, ticket: Ticket) {
        self.confirmed = self.confirmed.max(ticket);
    }

    /// Makes public whatever has nothing after transaction `committed`. Whether that was anything.
    pub fn release(&mut self, committed: Zxid, tree: &mut Tree) -> bool {
        if !self.commits.is_empty() {
            self.status.replica.versions_waiting.note(self.commits.len() as u64);
        }
        let released = self.commits.release((committed, self.confirmed), tree, &self.exchanges, &self.status);
        if let Some(audit) = &self.audit {
            for (list, events) in self.commits.take_audited() {
                audit.record(list, events);
            }
        }
        if let Some(figures) = released {
            self.public_ordered_at = figures.order_time();
            figures.tell(&self.status.replica);
        }
        released.is_some()
    }
}
