//! The head: the newest state, durable or not, and the one way in which it goes on.
//!
//! A transaction is given its zxid, encoded into the log's group, applied, and counted into the version under
//! construction; nothing else changes the state. What a request becomes is decided against the head, so that whoever wants
//! to change it comes here: clients' requests, sessions that end, containers that go.

use std::time::Instant;

use paddock_consensus::config::Config;
use paddock_consensus::input::Ticket;
use paddock_consensus::mutants::mutant;
use paddock_consensus::{Epoch, Reign, ServerId, Zxid};
use paddock_engine::admit::Operation;
use paddock_engine::application::Application;
use paddock_engine::apply::Effects;
use paddock_engine::database::{CONFIG_PATH, Database};
use paddock_engine::error::Code;
use paddock_engine::log::{GroupBuffer, Log, LogError, LogRange};
use paddock_engine::order::{Caller, Ensemble};
use paddock_engine::quota::ExceededQuota;
use paddock_engine::replay::{Before, ReplayError};
use paddock_engine::request::Reconfig;
use paddock_engine::snapshot::HeldVersion;
use paddock_engine::tree::{LOOKUPS_TOGETHER, Reader};
use paddock_engine::txn::{ReadTxn, Txn, TxnHeader, write_digest};
use paddock_net::exchange::AnswerKind;
use paddock_net::serving::Serve;
use paddock_net::status::ReplicaStatus;

use super::digests::Digests;
use super::group_times::GroupTimes;
use super::home::Home;
use super::long_work::LongWork;
use super::owed::Owed;
use super::paths_ahead::PathsAhead;
use super::payment::Payment;
use super::publication::Publication;
use super::transactions::transactions_between;
use super::window::Window;
use super::written::note_refused;
use crate::audit::Entry;
use crate::node::peers::Records;

/// A group takes no more transactions beyond this, bytes.
const GROUP_BYTES: usize = 1024 * 1024;
/// Transactions that a leader has proposed and that are not committed; beyond, nothing is taken.
const OUTSTANDING_TXNS: usize = 65_536;
/// Bytes of their records likewise.
const OUTSTANDING_BYTES: usize = 64 << 20;
/// Garbage above this stops the intake until readers have moved on, bytes.
pub const GARBAGE_MAX: usize = 1 << 30;
/// Calls of the reclaimer in one turn, at least.
const RECLAIMS_MIN: u64 = 4;
/// One call frees more objects than this many transactions replace; one transaction replaces five to ten.
const TRANSACTIONS_PER_RECLAIM: u64 = 64;

/// What a transaction has besides the paths that it lists, at most, bytes: its header, the list's length, the digest.
const RECORD_BYTES: usize = 64;
/// What a path in a list has besides its text, bytes.
const LISTED_PATH_BYTES: usize = 4;

/// What a member of an ensemble has been given.
const HAS_WINDOW: &str = "a member of an ensemble keeps a window";

/// What has happened to the state of a learner.
pub enum Applied<'a> {
    Txn(&'a ReadTxn<'a>),
    /// The version has ended behind a transaction of this session.
    Version(i64),
}

pub struct Head {
    database: Database,
    log: Log,
    /// The newest log records, kept in memory for servers that lack only these; `None` where no server can ask for them.
    window: Option<Window>,
    /// The zxids of the transactions to come.
    reign: Reign,
    /// Whether this server gives them: it stands alone, or leads.
    gives_zxids: bool,
    /// No zxid is given for now.
    is_suspended: bool,
    /// The events of the transactions in the draft, and the reply of the last one.
    effects: Effects,
    publication: Publication,
    long_work: LongWork,
    garbage_max: usize,
    /// A transaction that those who read it may refuse is longer than this, bytes.
    record_max: usize,
    appended: Appended,
    /// `appended.transactions` at the last call of the reclaimer.
    reclaimed_at: u64,
    /// Memory waits to be freed that nobody sees.
    may_reclaim_more: bool,
    /// Digests of a leader that this state had too.
    agreed: u64,
    digests: Digests,
    group_times: GroupTimes,
}

/// What has gone into the log since the start.
#[derive(Clone, Copy, Default, Debug)]
pub struct Appended {
    pub transactions: u64,
    pub bytes: u64,
}

impl Head {
    /// `garbage_max` is [`GARBAGE_MAX`], or less.
    pub fn new(
        database: Database,
        log: Log,
        window: Option<Window>,
        mut publication: Publication,
        long_work: LongWork,
        garbage_max: usize,
        record_max: usize,
    ) -> Head {
        publication.times().measure_by(log.clock().clone());
        publication.times().set_orders(window.is_none());
        Head {
            reign: Reign::after(database.last_zxid()),
            gives_zxids: window.is_none(),
            is_suspended: false,
            database,
            log,
            window,
            effects: Effects::default(),
            publication,
            long_work,
            garbage_max,
            record_max,
            appended: Appended::default(),
            reclaimed_at: 0,
            may_reclaim_more: false,
            agreed: 0,
            digests: Digests::default(),
            group_times: GroupTimes::default(),
        }
    }

    /// Sets the figures of the recovered state, which is public.
    pub fn begin(&mut self, status: &ReplicaStatus) {
        self.publication.begin(&self.database);
        self.tell(status);
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    pub fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// The newest transactions as they are in the log, where somebody reads them.
    pub fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    /// What a member of an ensemble has of the transactions.
    ///
    /// # Panics
    /// Where there is no window.
    pub fn records(&self) -> Records<'_> {
        Records { window: self.window.as_ref().expect(HAS_WINDOW), log: &self.log }
    }

    /// The newest transaction in the log, durable or not.
    pub fn last_logged(&self) -> Zxid {
        self.log.last_zxid()
    }

    /// The newest transaction that the log has told to be durable.
    pub fn completed(&self) -> Zxid {
        self.log.completed_zxid()
    }

    /// A reader of the state that is public, with the state's newest transaction, before any other was applied.
    pub fn reader(&mut self) -> (Reader, Zxid) {
        (self.database.tree_mut().reader(), self.database.last_zxid())
    }

    /// What the log has.
    pub fn log_range(&self) -> LogRange {
        self.log.range()
    }

    /// Whether everything in the log is durable.
    pub fn is_drained(&self) -> bool {
        !self.log.is_filling() && self.log.completed_zxid() == self.log.last_zxid()
    }

    /// This server leads, and gives the zxids of this epoch.
    ///
    /// # Panics
    /// Unless the state is that of the whole log.
    pub fn begin_reign(&mut self, epoch: Epoch) {
        assert_eq!(self.database.last_zxid(), self.log.last_zxid(), "a leader has the state of its whole history");
        self.reign = Reign::begin(epoch);
        self.gives_zxids = true;
        self.publication.times().set_orders(true);
    }

    /// This server leads no more: another one gives the zxids.
    pub fn end_reign(&mut self) {
        (self.gives_zxids, self.is_suspended) = (false, false);
        self.publication.times().set_orders(false);
    }

    /// Whether no transaction is given a zxid for now. What is in the middle of its making has one.
    pub fn suspend(&mut self, is_suspended: bool) {
        self.is_suspended = is_suspended;
    }

    /// The log was cut after this transaction, and nothing after it is applied: nothing of that is kept.
    pub fn forget_after(&mut self, last: Zxid) {
        self.window.as_mut().expect(HAS_WINDOW).cut_after(last);
        self.note_group();
        self.group_times.clear();
        self.publication.times().clear();
    }

    /// Keeps the record of a transaction that the log has already, and that is not applied.
    pub fn keep(&mut self, zxid: Zxid, record: &[u8]) {
        self.window.as_mut().expect(HAS_WINDOW).push(zxid, record);
    }

    /// Digests of the state at some of its transactions.
    pub fn digests(&self) -> &Digests {
        &self.digests
    }

    pub fn appended(&self) -> Appended {
        self.appended
    }

    /// Gives a znode other data than the transactions say.
    #[cfg(feature = "testing")]
    pub fn falsify(&mut self, path: &str, data: &[u8]) {
        self.database.tree_mut().rewrite_data(path, Some(data));
    }

    /// How many digests of a leader this state had too, since the process began.
    pub fn agreed(&self) -> u64 {
        self.agreed
    }

    /// Whether there is room for more transactions.
    pub fn has_room(&self) -> bool {
        !self.long_work.is_under_way()
            && !self.long_work.is_given_up()
            && self.log.filling_bytes() < GROUP_BYTES
            && self.publication.has_room()
            && self.has_room_in_epoch()
            && self.has_room_for_proposals()
            && !self.has_too_much_garbage()
    }

    /// Whether the epoch has another zxid, which may be given, unless another server gives them. In an ensemble an election begins
    /// the next one.
    fn has_room_in_epoch(&self) -> bool {
        self.window.is_none() || !self.gives_zxids || !self.is_suspended && self.reign.next().is_some()
    }

    /// Whether those to whom it is proposed keep up.
    fn has_room_for_proposals(&self) -> bool {
        self.window.as_ref().is_none_or(|window| {
            let (transactions, bytes) = window.uncommitted();
            transactions < OUTSTANDING_TXNS && bytes < OUTSTANDING_BYTES
        })
    }

    /// Bytes of what a learner has still to write, or to apply, of what its leader has proposed.
    pub fn tail_bytes(&self) -> usize {
        self.log.filling_bytes() + self.window.as_ref().map_or(0, |window| window.uncommitted().1)
    }

    /// Whether readers and snapshots hold so much that nothing may be added to it.
    pub fn has_too_much_garbage(&self) -> bool {
        self.database.tree().garbage_bytes() >= self.garbage_max
    }

    /// Whether there is room for more requests, which take transactions, steps and answers.
    pub fn has_room_for_requests(&self) -> bool {
        self.has_room()
            && self.long_work.has_steps_left()
            && self.publication.has_room_for_answers()
            && self.publication.has_room_for_audit()
    }

    /// Whether it is recorded what is done.
    pub fn audits(&self) -> bool {
        self.publication.audits()
    }

    /// Answers that no reactor has yet.
    pub fn answers(&self) -> usize {
        self.publication.answers()
    }

    /// Whether all that was taken is public.
    pub fn is_idle(&self) -> bool {
        self.publication.is_done() && !self.log.is_filling() && !self.long_work.is_under_way()
    }

    /// Whether a committed version cannot be made public yet, because a reactor's queue is full or a reactor has still to
    /// look through its events.
    pub fn is_blocked(&self) -> bool {
        self.publication.is_blocked()
    }

    /// Whether it is in the middle of a transaction.
    pub fn is_in_long_work(&self) -> bool {
        self.long_work.is_under_way()
    }

    /// Whether this session is being ended, and is only still there for that.
    pub fn is_closing(&self, session: i64) -> bool {
        self.long_work.closes(session)
    }

    /// Whether a turn would do something although nothing has come.
    pub fn has_work(&self) -> bool {
        self.long_work.is_left() || self.may_reclaim_more
    }

    /// Before the turn's first transaction.
    pub fn begin_turn(&mut self, now: Instant) {
        self.note_group();
        self.group_times.begin_turn(now);
        self.publication.times().begin_turn(now);
        self.long_work.begin_turn(now);
    }

    /// After its last one: the version ends, unless a transaction is unfinished or the state does not go on by turns.
    pub fn end_turn(&mut self, goes_on: bool) {
        self.long_work.end_turn();
        if goes_on {
            self.seal();
        }
        self.publication.note_ordered();
    }

    /// The process is stopping. A transaction that is still half applied some seconds after the first call is dropped: it
    /// is not in the log.
    pub fn stop(&mut self, now: Instant) {
        self.long_work.stop(now);
    }

    /// Whether this turn may do a step more of what takes long.
    pub fn may_step(&mut self) -> bool {
        self.long_work.may_step()
    }

    /// The transaction that a client's write becomes, to be carried out next; `None` if there is nothing to change. `time` is
    /// the wall clock, ms.
    #[inline]
    pub fn order<'a>(
        &mut self,
        client: i64,
        cxid: i32,
        operation: &Operation<'a>,
        caller: Caller<'_>,
        time: i64,
    ) -> Option<Txn<'a>> {
        let header = self.next_header(client, cxid, time);
        let txn = self.database.order(&header, operation, caller)?;
        note_refused(&self.publication.figures().refused_by_namespace, operation, &txn);
        Some(txn)
    }

    /// The configuration that a client's reconfig brings at a leader, to be proposed next, or why it is refused.
    pub fn order_reconfig(
        &mut self,
        (client, cxid): (i64, i32),
        reconfig: &Reconfig<'_>,
        caller: Caller<'_>,
        time: i64,
        ensemble: &dyn Ensemble,
    ) -> Result<Config, Code> {
        let header = self.next_header(client, cxid, time);
        self.database.order_reconfig(&header, reconfig, caller, ensemble)
    }

    fn next_header(&mut self, client: i64, cxid: i32, time: i64) -> TxnHeader {
        TxnHeader { client, cxid, zxid: self.next_zxid().0, time }
    }

    /// A server alone has no election that would begin an epoch where the counter ends, so that it begins one itself.
    fn next_zxid(&mut self) -> Zxid {
        if let Some(zxid) = self.reign.next() {
            return zxid;
        }
        let epoch = self.reign.epoch().next().expect("a server does not start in the last epoch");
        tracing::info!(epoch = epoch.0, "the counter of zxids has come to its end, and an epoch begins");
        self.reign = Reign::begin(epoch);
        Zxid::first_of(epoch)
    }

    /// Gives the transaction its zxid, logs it and applies it. `time` is the wall clock, ms.
    pub fn propose(&mut self, client: i64, cxid: i32, txn: &Txn<'_>, time: i64) {
        let mut header = self.next_header(client, cxid, time);
        if mutant!(29) && matches!(txn, Txn::Error(_)) {
            header.zxid = self.database.last_zxid().0;
        }
        let zxid = Zxid(header.zxid);
        let (database, effects) = (&mut self.database, &mut self.effects);
        effects.reply.clear();
        let before = self.log.filling_bytes();
        let record = self.log.append(zxid, |out| {
            txn.write(&header, out);
            database.apply(&header, txn, Some(effects));
            if txn.takes_digest() {
                write_digest(database.tree().digest(), out);
            }
        });
        if let Some(window) = &mut self.window {
            window.push(zxid, record);
        }
        self.reign.take(zxid);
        self.publication.note_written(txn, time);
        self.publication.note_own();
        self.digests.note(zxid, self.database.tree().digest());
        audit_end(&mut self.publication, &header, txn);
        self.note_appended(before);
    }

    /// Learner: puts into the log what the leader has proposed, as `record`. Nothing is applied; it is kept in the window
    /// until it is.
    ///
    /// # Panics
    /// Where there is no window.
    pub fn append(&mut self, zxid: Zxid, record: &[u8]) {
        let before = self.log.filling_bytes();
        self.log.append(zxid, |out: &mut GroupBuffer| out.extend_from_slice(record));
        self.window.as_mut().expect(HAS_WINDOW).push(zxid, record);
        self.publication.times().note_proposed(zxid);
        self.note_appended(before);
    }

    /// Learner: applies what was [appended](Head::append) up to transaction `committed`, or as much of that as this turn may.
    /// `pay` is given each one that is applied, and answers those who wait for it; where it says so, the version ends there,
    /// and it is told of that. Where one cannot be applied, or leads to another state than the leader's, that is the last.
    ///
    /// # Panics
    /// Where there is no window.
    pub fn apply_up_to(
        &mut self,
        committed: Zxid,
        mut pay: impl FnMut(Applied<'_>, &mut Payment<'_>) -> bool,
    ) -> Result<(), ReplayError> {
        while !self.long_work.is_given_up() {
            if self.long_work.is_under_way() {
                let done = self.long_work.go_on_of_leader(&mut self.database, &mut self.effects);
                let Some(zxid) = done else { break };
                self.end_of_leader(zxid, &mut pay)?;
            }
            if !self.begins_long_on_way_to(committed, &mut pay)? {
                break;
            }
        }
        Ok(())
    }

    /// Learner: applies the rest of a transaction of the leader of which a part is applied, however long that takes.
    pub fn finish_of_leader(
        &mut self,
        mut pay: impl FnMut(Applied<'_>, &mut Payment<'_>) -> bool,
    ) -> Result<(), ReplayError> {
        match self.long_work.finish_of_leader(&mut self.database, &mut self.effects) {
            Some(zxid) => self.end_of_leader(zxid, &mut pay),
            None => Ok(()),
        }
    }

    /// Applies what is committed, up to a transaction that takes several turns. Whether there is such a one, which has begun
    /// then.
    fn begins_long_on_way_to(
        &mut self,
        committed: Zxid,
        pay: &mut impl FnMut(Applied<'_>, &mut Payment<'_>) -> bool,
    ) -> Result<bool, ReplayError> {
        let Head { database, window, effects, publication, long_work, agreed, digests, .. } = self;
        let window = window.as_ref().expect(HAS_WINDOW);
        let mut ahead = LookAhead::default();
        let mut records = unapplied(window, database, committed);
        while let Some((zxid, record)) = ahead.next(&mut records, database) {
            let read = database.read_next(zxid, record)?;
            if database.is_long(read.header.client, &read.txn) {
                // What came before must not wait for it, nor be seen with a part of it.
                publication.seal(database, effects);
                effects.reply.clear();
                long_work.begin_of_leader(database.begin(&read.header, &read.txn));
                return Ok(true);
            }
            effects.reply.clear();
            database.apply(&read.header, &read.txn, Some(effects));
            tell_applied(&read, (database, effects, publication, agreed, digests), pay)?;
        }
        Ok(false)
    }

    /// All of a transaction that took several turns is applied.
    fn end_of_leader(
        &mut self,
        zxid: Zxid,
        pay: &mut impl FnMut(Applied<'_>, &mut Payment<'_>) -> bool,
    ) -> Result<(), ReplayError> {
        let Head { database, window, effects, publication, agreed, digests, .. } = self;
        let record = window.as_ref().expect(HAS_WINDOW).record(zxid).expect("what is not applied stays in the window");
        let read = database.read_again(record);
        tell_applied(&read, (database, effects, publication, agreed, digests), pay)
    }

    /// The same while nobody is served: nothing is answered, nobody is told, and all of it is one version once
    /// [`Head::begin_period`] ends it.
    pub fn apply_unseen_up_to(&mut self, committed: Zxid) -> Result<(), ReplayError> {
        let Head { database, window, publication, agreed, .. } = self;
        let window = window.as_ref().expect(HAS_WINDOW);
        for (zxid, record) in unapplied(window, database, committed) {
            let read = database.apply_record(zxid, record, Before::Exact, None)?;
            publication.note_transaction();
            check_digest(database, read.digest, agreed)?;
        }
        if let Some(window) = &mut self.window
            && mutant!(6)
            && window.last() <= committed
        {
            window.restart(window.before());
        }
        Ok(())
    }

    /// Shows the configuration that is committed, while nobody is served: whoever is served sees it by its transaction.
    pub fn show_config(&mut self, config: &Config) {
        let bytes = CONFIG_PATH.len() + config.text().len();
        self.publication.figures().written_by_namespace.note(CONFIG_PATH.as_bytes(), bytes as u64);
        self.database.show_config(config.text(), config.version());
        self.publication.note_transaction();
    }

    /// Counts a transaction whose record is the last in the log, which had `before` bytes to write without it.
    fn note_appended(&mut self, before: usize) {
        self.appended.transactions += 1;
        self.appended.bytes += (self.log.filling_bytes() - before) as u64;
    }

    /// Takes up in the times of groups what was appended in this turn.
    fn note_group(&mut self) {
        self.group_times.note_appended(self.appended.transactions, &self.publication.figures().log);
    }

    /// Proposes a transaction, and answers when it is applied: at once, unless it takes several turns.
    #[inline]
    pub fn carry_out(&mut self, client: i64, cxid: i32, txn: &Txn<'_>, time: i64, owed: Owed<'_>) {
        if self.database.is_long(client, txn) {
            self.begin_long(client, cxid, txn, time, owed.into_owned());
        } else {
            self.propose(client, cxid, txn, time);
            self.pay(owed);
        }
    }

    /// Ends a global session.
    pub fn close_session(&mut self, session: i64, cxid: i32, time: i64, owed: Owed<'_>) {
        let txn = without_long_list(self.database.order_close_session(session), self.record_max);
        if !self.database.is_long(session, &txn) {
            // Many short ones together are long too.
            self.long_work.take_steps(self.database.ephemeral_count_of(session));
        }
        self.carry_out(session, cxid, &txn, time, owed);
    }

    fn begin_long(&mut self, client: i64, cxid: i32, txn: &Txn<'_>, time: i64, owed: Owed<'static>) {
        // What came before must not wait for it, nor be seen with a part of it.
        self.seal();
        self.effects.reply.clear();
        self.publication.times().begin_long();
        let header = self.next_header(client, cxid, time);
        audit_end(&mut self.publication, &header, txn);
        self.long_work.begin(self.database.begin(&header, txn), owed);
        self.go_on();
    }

    /// Applies as much as this turn may of a transaction that is unfinished.
    pub fn go_on(&mut self) {
        if let Some((application, owed)) = self.long_work.go_on(&mut self.database, &mut self.effects) {
            self.end_long(application, owed);
        }
    }

    fn end_long(&mut self, application: Application, owed: Owed<'static>) {
        let before = self.log.filling_bytes();
        let zxid = application.zxid();
        let record = application.into_record(&self.database);
        self.log.append(zxid, |out: &mut GroupBuffer| out.extend_from_slice(&record));
        if let Some(window) = &mut self.window {
            window.push(zxid, &record);
        }
        self.reign.take(zxid);
        self.publication.note_transaction();
        self.publication.note_own();
        self.digests.note(zxid, self.database.tree().digest());
        self.note_appended(before);
        self.pay(owed);
    }

    /// Queues what is owed behind the newest transaction. A write's reply is what it was to apply that transaction.
    #[inline]
    pub fn pay(&mut self, owed: Owed<'_>) {
        self.payment().pay(owed);
    }

    /// Queues an answer into the version under construction, behind the newest transaction. The client gets it when that
    /// version is public.
    pub fn answer(&mut self, home: Home, kind: AnswerKind) {
        self.payment().answer(home, kind);
    }

    /// Likewise, by a reply with this body.
    pub fn reply(&mut self, home: Home, xid: i32, code: i32, body: &[u8]) {
        self.payment().reply(home, xid, code, body);
    }

    /// The version under construction is not to be public before this ticket is confirmed.
    pub fn wait_for(&mut self, ticket: Ticket) {
        self.publication.wait_for(ticket);
    }

    /// Tickets up to this one are confirmed.
    pub fn confirm(&mut self, ticket: Ticket) {
        self.publication.confirm(ticket);
    }

    /// How clients are answered behind the newest transaction.
    pub fn payment(&mut self) -> Payment<'_> {
        Payment { database: &self.database, effects: &self.effects, publication: &mut self.publication }
    }

    /// Ends the version under construction. In the middle of a transaction it goes on until that is done: whoever is answered
    /// meanwhile, as one whose session has gone to another server, is answered with it, and nobody sees a part of it. Where it
    /// was given up, the process ends, and with it all connections.
    pub fn seal(&mut self) {
        if self.long_work.is_given_up() {
            return self.publication.drop_answers();
        }
        if self.is_in_long_work() {
            return;
        }
        self.publication.seal(&mut self.database, &mut self.effects);
    }

    /// Ends it if it is large enough.
    pub fn seal_if_full(&mut self) {
        if self.publication.is_full() {
            self.seal();
        }
    }

    /// The clock by which stages are measured, read now; `None` where none are.
    pub fn now(&mut self) -> Option<Instant> {
        self.publication.times().now()
    }

    /// Of a leader: this server's acknowledgement has made the last quorum.
    pub fn note_quorum(&mut self, by: ServerId) {
        self.publication.times().note_quorum(by);
    }

    /// Hands what was appended to the log's disk, if that can take it. Whether nothing is left to be handed over.
    pub fn submit(&mut self) -> Result<bool, LogError> {
        if !self.log.is_filling() {
            return Ok(true);
        }
        self.note_group();
        self.group_times.note_look(&self.publication.figures().log);
        let can_submit = self.log.can_submit();
        if can_submit {
            self.log.submit()?;
            self.group_times.note_submitted(&self.publication.figures().log);
            if let Some(newest) = self.log.newest_under_way() {
                self.publication.times().note_submitted(newest);
            }
        }
        Ok(can_submit)
    }

    /// The last transaction that is durable, with all before it.
    pub fn durable(&mut self) -> Result<Zxid, LogError> {
        self.log.completed()?;
        while let Some(completion) = self.log.take_completion() {
            let filled = self.group_times.note_completed(completion, &self.publication.figures().log);
            if let Some(filled) = filled {
                self.publication.note_completed(&completion, filled);
            }
        }
        Ok(self.log.completed_zxid())
    }

    /// Clients are served in this way from transaction `committed` on: returns the number of the period that begins.
    ///
    /// What has been taken belongs to the period before, and so the version under construction ends here. A transaction that
    /// is unfinished is finished first, in this call, however long that takes: it has its zxid, and must not be ordered in
    /// one period and logged in another. Those who would wait for the turn's end are about to be disconnected.
    pub fn begin_period(&mut self, serve: Serve, committed: Zxid) -> u64 {
        self.finish_long_work();
        self.seal();
        self.publication.begin_period(serve, committed)
    }

    /// Finishes a transaction that is unfinished, however long that takes.
    pub fn finish_long_work(&mut self) {
        if let Some((application, owed)) = self.long_work.finish(&mut self.database, &mut self.effects) {
            self.end_long(application, owed);
        }
    }

    /// Whether no transaction is unfinished, and all that is committed is public, so that another state may take this one's
    /// place.
    pub fn may_be_replaced(&mut self, committed: Zxid) -> bool {
        self.seal();
        self.release(committed);
        !self.is_blocked() && !self.is_in_long_work() && !self.long_work.is_given_up()
    }

    /// Puts a state that was built anew in the place of the present one: zxids go on behind its newest transaction, and the
    /// reactors get readers of its tree, behind all that is committed of the former one. What was not committed of that is
    /// never public. The log is the caller's, who has cut it or opened another one.
    ///
    /// Returns the former state, for whoever built the new one: to drop it takes time by its size, and so does dropping its
    /// tree's last reader afterwards. It is to be kept until its tree is not [seen](paddock_engine::tree::Tree::is_seen) by a reactor or a snapshot
    /// any more, and dropped in a thread that nobody waits for.
    ///
    /// # Panics
    /// If clients are served, or unless [`Head::may_be_replaced`].
    pub fn replace_database(&mut self, mut database: Database, committed: Zxid) -> Database {
        let is_whole = !self.is_in_long_work() && !self.long_work.is_given_up();
        assert!(is_whole, "a state is replaced between two transactions");
        self.publication.replace_state(&mut database, committed);
        self.reign = Reign::after(database.last_zxid());
        if let Some(window) = &mut self.window {
            window.restart(database.last_zxid());
        }
        (self.effects, self.may_reclaim_more) = (Effects::default(), false);
        self.digests.clear();
        self.note_group();
        self.group_times.clear();
        self.publication.times().clear();
        std::mem::replace(&mut self.database, database)
    }

    /// Puts a history in the place of the present one: as [`Head::replace_database`], and what is ordered from then on goes to
    /// its log. The former log is given back too.
    pub fn replace(&mut self, database: Database, log: Log, committed: Zxid) -> (Database, Log) {
        assert!(database.last_zxid() <= log.last_zxid(), "a log goes on behind its state");
        let former = self.replace_database(database, committed);
        if mutant!(12) {
            return (former, log);
        }
        (former, std::mem::replace(&mut self.log, log))
    }

    /// Answers whoever waits behind the newest transaction now, by what is public: nothing is ordered for them.
    pub fn answer_at_once(&mut self) {
        self.publication.answer_at_once(&self.database);
    }

    /// Makes public what is committed. Whether that was anything.
    pub fn release(&mut self, committed: Zxid) -> bool {
        if let Some(window) = &mut self.window {
            // What is committed and not applied yet is read from there.
            window.commit(committed.min(self.database.last_zxid()));
        }
        let before = self.publication.public();
        let is_released = self.publication.release(committed, self.database.tree_mut());
        if is_released && self.gives_zxids {
            let changes = transactions_between(before, self.publication.public());
            self.publication.figures().requests.changes_public.add(changes);
        }
        is_released
    }

    /// When the newest transaction was ordered that became public since this was asked last, ms.
    pub fn take_public_order(&mut self) -> Option<i64> {
        self.publication.take_public_order()
    }

    /// The figures that the replica writes.
    pub fn figures(&self) -> &ReplicaStatus {
        self.publication.figures()
    }

    /// Frees a bounded amount of what no reader sees any more.
    pub fn reclaim(&mut self) {
        let transactions = self.appended.transactions;
        let written = transactions - std::mem::replace(&mut self.reclaimed_at, transactions);
        let calls = RECLAIMS_MIN.max(written / TRANSACTIONS_PER_RECLAIM);
        self.may_reclaim_more = (0..calls).all(|_| self.database.tree_mut().reclaim());
    }

    /// Pins the newest sealed version, for a snapshot. `None` while the head is beyond it, or where too many pins are held.
    pub fn hold(&mut self) -> Option<HeldVersion> {
        if !self.publication.is_sealed() || self.long_work.is_under_way() || self.long_work.is_given_up() {
            return None;
        }
        let pin = self.database.tree_mut().pin()?;
        let sessions = self.database.sessions();
        let sessions = if mutant!(20) { sessions.skip(1).collect() } else { sessions.collect() };
        Some(HeldVersion { pin, zxid: self.database.last_zxid(), sessions })
    }

    /// A quota that a write has exceeded since this was asked last.
    pub fn take_exceeded_quota(&mut self) -> Option<ExceededQuota> {
        self.database.take_exceeded_quota()
    }

    /// Sets the figures of the log and of the tree's garbage.
    pub fn tell(&self, figures: &ReplicaStatus) {
        figures.transactions.set(self.appended.transactions);
        figures.garbage_bytes.set(self.database.tree().garbage_bytes() as u64);
        let log = self.log.stats();
        figures.groups.set(log.groups);
        figures.log_bytes.set(log.bytes);
        figures.sync_micros_sum.set(log.sync_total.as_micros() as u64);
        figures.sync_micros_max.set(log.sync_max.as_micros() as u64);
        figures.sync_micros_last.set(log.sync_last.as_micros() as u64);
        figures.slow_syncs.set(log.warnings);
        figures.log_segment.set(log.segment);
    }

    /// Closes the log.
    pub fn end(self) -> Result<(), LogError> {
        self.log.close()
    }
}

/// A list of ephemerals that is longer than a reader takes is left out: each server has its own.
fn without_long_list(txn: Txn<'static>, record_max: usize) -> Txn<'static> {
    match txn {
        Txn::CloseSession { ephemerals: Some(list) }
            if list.iter().map(|path| path.len() + LISTED_PATH_BYTES).sum::<usize>() + RECORD_BYTES > record_max =>
        {
            Txn::CloseSession { ephemerals: Some(Vec::new()) }
        }
        txn => txn,
    }
}

/// What a learner changes with each transaction that it applies.
type Applying<'a> = (&'a mut Database, &'a mut Effects, &'a mut Publication, &'a mut u64, &'a mut Digests);

/// Learner: a transaction of the leader is applied. Whoever waits for it is answered, and versions end where one of them is to.
fn tell_applied(
    read: &ReadTxn<'_>,
    (database, effects, publication, agreed, digests): Applying<'_>,
    pay: &mut impl FnMut(Applied<'_>, &mut Payment<'_>) -> bool,
) -> Result<(), ReplayError> {
    publication.note_written(&read.txn, read.header.time);
    digests.note(Zxid(read.header.zxid), database.tree().digest());
    audit_end(publication, &read.header, &read.txn);
    let mut ends = pay(Applied::Txn(read), &mut Payment { database, effects, publication });
    check_digest(database, read.digest, agreed)?;
    while ends {
        publication.seal(database, effects);
        ends = pay(Applied::Version(read.header.client), &mut Payment { database, effects, publication });
    }
    if publication.is_full() {
        publication.seal(database, effects);
    }
    Ok(())
}

/// Records that are about to be applied, with what they will read already on its way into the caches.
#[derive(Default)]
struct LookAhead<'w> {
    records: [Option<(Zxid, &'w [u8])>; LOOKUPS_TOGETHER],
    taken: usize,
}

impl<'w> LookAhead<'w> {
    /// The next one.
    #[inline]
    fn next(
        &mut self,
        records: &mut impl Iterator<Item = (Zxid, &'w [u8])>,
        database: &Database,
    ) -> Option<(Zxid, &'w [u8])> {
        if self.taken.is_multiple_of(LOOKUPS_TOGETHER) {
            self.taken = 0;
            self.records.fill_with(|| records.next());
            let mut paths = PathsAhead::default();
            self.records.iter().flatten().for_each(|(_, record)| paths.push(Txn::path_ahead(record)));
            paths.prefetch(database.tree());
        }
        self.taken += 1;
        self.records[self.taken - 1].take()
    }
}

/// The ephemerals that go with a session are recorded: the version's events tell which they are.
fn audit_end(publication: &mut Publication, header: &TxnHeader, txn: &Txn<'_>) {
    if matches!(txn, Txn::CloseSession { .. }) {
        publication.audit(Entry::Ephemerals { session: header.client, zxid: header.zxid });
    }
}

/// What is in the window and not applied, up to a transaction.
fn unapplied<'w>(
    window: &'w Window,
    database: &Database,
    last: Zxid,
) -> impl Iterator<Item = (Zxid, &'w [u8])> + use<'w> {
    window.range(database.last_zxid(), last).expect("what is not applied stays in the window")
}

/// Whether the state is what it was for the one who wrote this digest.
fn check_digest(database: &Database, written: Option<u64>, agreed: &mut u64) -> Result<(), ReplayError> {
    let computed = database.tree().digest();
    match written {
        Some(written) if written != computed => Err(ReplayError::Digest { computed, written }),
        Some(_) => {
            *agreed += 1;
            Ok(())
        }
        None => Ok(()),
    }
}
