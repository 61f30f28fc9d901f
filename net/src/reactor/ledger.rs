//! What a reactor keeps for its connections together: the lists in which they stand, the memory that they hold, what
//! they watch, what they have asked the replica, and what is counted of them.
//!
//! What is done with one connection is done with that connection and the ledger. A connection is closed by
//! [`Clients`](super::clients::Clients), which has both.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crossbeam::channel::Sender;
use paddock_engine::error::Code;
use paddock_engine::request::opcode;

use super::negotiations::Negotiations;
use super::report::Reports;
use super::settings::Settings;
use super::slow::{self, Slow, SlowRead};
use super::submitter::Submitter;
use super::untold::Untold;
use super::view::ReactorView;
use crate::connection::{Connection, Stage};
use crate::distribution::micros;
use crate::exchange::{ConnectionId, Exchange, Request, RequestKind};
use crate::limits::Limits;
use crate::long_words::Asked;
use crate::memory::Memory;
use crate::pending::ReadyReply;
use crate::read::count::Count;
use crate::read::{ReadContext, ReadFigures};
use crate::reply;
use crate::sasl_tokens::SaslToken;
use crate::serving::{Period, Serve};
use crate::slots::SlotList;
use crate::stages::{LONG_TURN, Unwritten, Way};
use crate::status::Figures;
use crate::watch::Watches;

/// While a connection has more unwritten output than this, its requests wait, bytes.
const UNWRITTEN_MAX: usize = 1024 * 1024;
/// While so many of a connection's requests are not answered, the next ones wait.
const PENDING_MAX: usize = 4096;
/// While what waits behind a connection's writes weighs more than this, its requests wait, bytes.
const PENDING_BYTES_MAX: usize = 1024 * 1024;

/// The lists, sums and counts of one reactor, and what all its connections go by.
pub struct Ledger {
    pub settings: Arc<Settings>,
    pub limits: Arc<Limits>,
    pub figures: Figures,
    /// What is counted and not told yet.
    pub untold: Untold,
    /// Likewise of what was read.
    reads: ReadFigures,
    pub memory: Memory,
    pub watches: Watches,
    pub submitter: Submitter,
    pub reports: Reports,
    /// Where four-letter words go that take long.
    pub long_words: Sender<Asked>,
    pub negotiations: Negotiations,
    period: Period,
    /// Connections with output that is to be written.
    to_write: SlotList,
    /// Connections that are to be served although no event will tell.
    to_serve: SlotList,
    /// Connections whose TLS handshake is to go on.
    to_shake: SlotList,
    /// Connections whose znodes are being counted.
    to_count: VecDeque<ConnectionId>,
    /// Answers that are in outputs and not written.
    unwritten: Unwritten,
    /// How the version went of which answers are given.
    way: Option<Way>,
    /// A turn has two halves: what comes in, and what goes out. When the present one began.
    now: Instant,
}

/// The most unwritten output, and the most bytes waiting behind its writes, that a connection may have for its next frame
/// to be decoded.
#[derive(Clone, Copy)]
pub struct Allowance {
    output_max: usize,
    pending_bytes_max: usize,
}

impl Ledger {
    /// One without connections, of the reactor whose queues `exchange` are.
    pub fn new(
        now: Instant,
        settings: Arc<Settings>,
        limits: Arc<Limits>,
        (figures, reads): (Figures, ReadFigures),
        exchange: Arc<Exchange>,
        (long_words, sasl_tokens): (Sender<Asked>, Sender<SaslToken>),
    ) -> Ledger {
        Ledger {
            memory: Memory::new(settings.connections_bytes_max, figures.reactors()),
            watches: Watches::default(),
            submitter: Submitter::new(exchange),
            reports: Reports::new(now, settings.heard_interval),
            long_words,
            negotiations: Negotiations::new(sasl_tokens),
            period: Period::default(),
            to_write: SlotList::default(),
            to_serve: SlotList::default(),
            to_shake: SlotList::default(),
            to_count: VecDeque::new(),
            unwritten: Unwritten::default(),
            way: None,
            now,
            settings,
            limits,
            figures,
            untold: Untold::default(),
            reads,
        }
    }

    /// When this half of the turn began. For everything that is done in it this is the present moment.
    #[inline]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Begins a half of the turn, and returns when the half before it began.
    pub fn begin_half(&mut self, now: Instant) -> Instant {
        self.untold.end_answers(self.figures.own());
        std::mem::replace(&mut self.now, now)
    }

    /// How clients are served.
    #[inline]
    pub fn serving(&self) -> Serve {
        self.period.serve
    }

    /// Another serving period begins. No connection of the former one is there.
    pub fn begin_period(&mut self, period: Period) {
        self.period = period;
        self.submitter.begin_period(period.number);
    }

    /// A turn begins: takes note of how many requests of the other reactors are not answered.
    pub fn begin_turn(&mut self) {
        self.memory.begin_turn();
        self.submitter.note_outstanding_elsewhere(self.figures.sum_elsewhere(|figures| &figures.outstanding));
    }

    /// Whether there is something to be done in the next turn although no event will tell.
    pub fn has_work(&self) -> bool {
        !self.to_serve.is_empty() || !self.to_write.is_empty() || !self.to_shake.is_empty() || self.counts()
    }

    /// Tells what was counted of what clients may hear of next.
    pub fn tell_counted(&mut self) {
        self.untold.tell(self.figures.own());
        self.reads.tell();
        self.tell_outstanding();
    }

    /// Sets the figures that are set once a turn.
    pub fn tell(&mut self) {
        let figures = self.figures.own();
        self.untold.tell_rest(figures);
        figures.watches.set(self.watches.registrations() as u64);
        figures.connection_bytes.set(self.memory.held() as u64);
    }

    /// What a connection is allowed at this moment. While memory is scarce both are 0: a connection is not read from until
    /// all its output is written and none of its reads waits.
    #[inline]
    pub fn allowance(&self) -> Allowance {
        match self.memory.is_scarce() {
            true => Allowance { output_max: 0, pending_bytes_max: 0 },
            false => Allowance { output_max: UNWRITTEN_MAX, pending_bytes_max: PENDING_BYTES_MAX },
        }
    }

    /// Whether the connection's next frame may be looked at.
    #[inline]
    pub fn may_read(&self, connection: &Connection, allowance: Allowance) -> bool {
        let pending = &connection.pending;
        let stage_allows = matches!(connection.stage, Stage::Handshake | Stage::Established);
        let must_wait = connection.lists.starved.is_set()
            || pending.counts()
            || connection.unwritten() > allowance.output_max
            || pending.len() >= PENDING_MAX
            || (connection.waiting_bytes() > allowance.pending_bytes_max && !pending.is_empty())
            || (pending.writes() > 0 && self.submitter.outstanding_in_all() > self.settings.outstanding_max);
        stage_allows && !must_wait
    }

    /// Counts what has changed with a connection's memory.
    pub fn settle(&mut self, connection: &mut Connection) {
        connection.settle(&mut self.memory, self.now);
    }

    /// To be called when something was added to the connection's output.
    #[inline]
    pub fn owe(&mut self, connection: &mut Connection) {
        connection.settle_output(&mut self.memory, self.now);
        self.write_to(connection);
    }

    /// The connection is to be written to.
    #[inline]
    pub fn write_to(&mut self, connection: &mut Connection) {
        self.to_write.add(connection.id.slot, &mut connection.lists.to_write);
    }

    /// Takes the connections that are to be written to.
    pub fn take_to_write(&mut self) -> Vec<u32> {
        self.to_write.take()
    }

    /// Puts back the memory of a list of connections that have been written to.
    pub fn put_back_to_write(&mut self, written: Vec<u32>) {
        self.to_write.put_back(written);
    }

    /// The connection is to be served in the next turn, although no event may tell of it.
    pub fn serve_again(&mut self, connection: &mut Connection) {
        self.to_serve.add(connection.id.slot, &mut connection.lists.to_serve);
    }

    /// Takes the connections that are to be served although no event will tell.
    pub fn take_to_serve(&mut self) -> Vec<u32> {
        self.to_serve.take()
    }

    /// The connection's TLS handshake is to go on when it is its turn, in this turn or in a later one.
    pub fn shake_hands_later(&mut self, connection: &mut Connection) {
        self.to_shake.add(connection.id.slot, &mut connection.lists.to_shake);
    }

    /// Takes the connections whose TLS handshake is to go on.
    pub fn take_to_shake(&mut self) -> Vec<u32> {
        self.to_shake.take()
    }

    /// Puts those back for which there was no time.
    pub fn shake_rest_later(&mut self, rest: &[u32]) {
        self.to_shake.put_before(rest);
    }

    /// What a read is answered from.
    #[inline]
    pub fn read_context<'a>(&'a mut self, view: &'a ReactorView) -> ReadContext<'a> {
        ReadContext {
            view: view.tree(),
            zxid: view.zxid(),
            authority: &self.settings.authority,
            watches: &mut self.watches,
            figures: &mut self.reads,
            frame_max: self.settings.frame_max,
        }
    }

    /// Ends the connection as soon as what is in its output now has been written.
    pub fn end_after_output(&mut self, connection: &mut Connection) {
        connection.stage = Stage::Flushing;
        connection.progress = self.now;
        self.watches.forget(connection.id.slot);
        self.owe(connection);
    }

    /// Puts a request into the turn's submission.
    pub fn request(&mut self, connection: ConnectionId, session: i64, fence: bool, kind: RequestKind) {
        self.submitter.request(Request { connection, session, fence, received: self.now, kind });
    }

    /// Puts a request into the turn's submission that the replica answers. The answer comes behind those to earlier requests.
    pub fn await_replica(&mut self, connection: &mut Connection, opcode: i32, kind: RequestKind) {
        let fence = connection.pending.ends_with_reads();
        connection.pending.push_write(opcode, self.now);
        if self.settings.slow_request.is_some() {
            connection.pending.keep_path(slow::path_of(&kind, &self.submitter));
        }
        self.submitter.note_asked();
        self.request(connection.id, connection.session, fence, kind);
    }

    /// Notes that the request which has waited longest was answered with this code.
    pub fn end_write(&mut self, connection: &mut Connection, xid: i32, zxid: i64, code: i32) {
        let write = connection.pending.pop_write();
        self.submitter.note_answered(1);
        self.limits.large.give_back(write.large);
        if let Some(threshold) = self.settings.slow_request {
            let (path, way) = (connection.pending.take_path(), self.way.as_ref());
            Slow { write: &write, path, xid, zxid, way, now: self.now }.tell(connection, threshold);
        }
        let operation = ((code == 0).then_some(write.opcode), updates(write.opcode));
        self.note_answer(connection, operation, xid, zxid, write.received);
        while let Some(reply) = connection.pending.pop_ready() {
            connection.output.tail().extend_from_slice(&reply);
        }
    }

    /// A read, its operation and its xid, that came then and has been answered, if it is to be told of.
    pub fn slow_read(&self, read: (i32, i32), body: &[u8], reply: usize, received: Instant) -> Option<SlowRead> {
        SlowRead::answered(read, body, reply, (received, self.now), self.settings.slow_request?)
    }

    /// The same of a count that came then.
    pub fn slow_count(&self, xid: i32, path: &str, received: Instant) -> Option<SlowRead> {
        let took = self.now.saturating_duration_since(received);
        SlowRead::counted(xid, path, took, self.settings.slow_request?)
    }

    /// A version is taken, with so many answers. They are given next.
    pub fn note_release(&mut self, way: Option<Way>, answers: usize) {
        self.way = way;
        if let Some(way) = way
            && answers > 0
        {
            let answered = self.now.saturating_duration_since(way.released_at);
            self.figures.own().stages.answered.note_many(micros(answered), answers as u64);
            self.unwritten.add(self.now.max(way.released_at), answers as u64);
        }
    }

    /// All that could be written of the turn's answers is written.
    pub fn note_written(&mut self) {
        if !self.unwritten.is_empty() {
            self.unwritten.note(Instant::now(), &self.figures.own().stages.written);
        }
    }

    /// The half of the turn is over in which requests came, which began then.
    pub fn note_turn(&self, began: Instant) {
        let took = self.now.saturating_duration_since(began);
        let figures = self.figures.own();
        figures.stages.turns.note(micros(took));
        if took >= LONG_TURN {
            let began = self.figures.status().clock.micros(began);
            figures.stages.long_turns.note([began, micros(took)]);
        }
    }

    /// Others add up what all reactors have asked: to be called before the replica is asked, and when it has answered.
    pub fn tell_outstanding(&self) {
        self.figures.own().outstanding.set(self.submitter.outstanding());
    }

    /// Queues an unfinished count for its next slice, in a later turn. No earlier request of the connection may be
    /// unanswered.
    pub fn postpone_count(&mut self, connection: &mut Connection, xid: i32, count: Count, received: Instant) {
        connection.pending.put_count(xid, count, received);
        self.to_count.push_back(connection.id);
    }

    /// Whether znodes are being counted for any connection.
    pub fn counts(&self) -> bool {
        !self.to_count.is_empty()
    }

    /// Takes the connection whose count has waited longest for its next slice.
    pub fn take_to_count(&mut self) -> Option<ConnectionId> {
        self.to_count.pop_front()
    }

    /// Gives a reply that needs neither the replica nor the view. It comes behind those to earlier requests.
    pub fn answer_in_turn(&mut self, connection: &mut Connection, xid: i32, body: &[u8]) {
        self.reply_in_turn(connection, xid, 0, 0, body);
    }

    /// Answers with an error that does not end the connection. It comes behind the replies to earlier requests.
    pub fn reject_in_turn(&mut self, connection: &mut Connection, xid: i32, zxid: i64, code: Code) {
        self.reply_in_turn(connection, xid, zxid, code.number(), &[]);
    }

    fn reply_in_turn(&mut self, connection: &mut Connection, xid: i32, zxid: i64, code: i32, body: &[u8]) {
        if connection.pending.is_empty() {
            reply::write(xid, zxid, code, body, connection.output.tail());
            self.owe(connection);
        } else {
            let mut bytes = Vec::new();
            reply::write(xid, zxid, code, body, &mut bytes);
            connection.pending.push_ready(ReadyReply::new(&bytes));
        }
        self.note_sent(connection);
    }

    /// Answers with an error, and ends the connection.
    pub fn refuse(&mut self, connection: &mut Connection, xid: i32, zxid: i64, code: Code) {
        self.refuse_with(connection, xid, zxid, code, &[]);
    }

    /// The same with a body, which no client reads but those that take every answer for the same.
    pub fn refuse_with(&mut self, connection: &mut Connection, xid: i32, zxid: i64, code: Code, body: &[u8]) {
        reply::write(xid, zxid, code.number(), body, connection.output.tail());
        self.note_sent(connection);
        self.end_after_output(connection);
    }

    /// Answers with plain text, and ends the connection.
    pub fn say(&mut self, connection: &mut Connection, text: &str) {
        connection.output.tail().extend_from_slice(text.as_bytes());
        self.note_sent(connection);
        self.end_after_output(connection);
    }

    /// Counts a frame or a four-letter word that has come.
    #[inline]
    pub fn note_received(&mut self, connection: &mut Connection) {
        connection.tally.note_received();
        self.untold.note_received();
    }

    /// Counts the reply to a read, of so many bytes with its own length.
    #[inline]
    pub fn note_read_reply(&mut self, opcode: i32, bytes: usize) {
        match opcode {
            opcode::PING => self.untold.note_ping(bytes),
            _ => self.untold.note_response(bytes),
        }
    }

    /// Counts an answer that has no latency.
    pub fn note_sent(&mut self, connection: &mut Connection) {
        connection.tally.note_besides();
        self.untold.note_sent();
    }

    /// Counts an answer and its latency. `updates`: the request changes something. `opcode`: `None` for an answer with an error, of
    /// which `cons` does not tell the operation.
    #[inline]
    pub fn note_answer(
        &mut self,
        connection: &mut Connection,
        (opcode, updates): (Option<i32>, bool),
        xid: i32,
        zxid: i64,
        received: Instant,
    ) {
        let millis = self.untold.note_answer(received, updates, self.now, || self.figures.own());
        connection.tally.note_answer(opcode, xid, zxid, self.now, millis);
    }

    /// Counts an answer in the turn in which the request came. It changes nothing.
    #[inline]
    pub fn note_answer_at_once(&mut self, connection: &mut Connection, opcode: i32, xid: i32, zxid: i64) {
        connection.tally.note_answer(Some(opcode), xid, zxid, self.now, 0);
        self.untold.note_at_once();
    }
}

/// Whether what the replica answers changes something, or is only to be told in its place.
fn updates(opcode: i32) -> bool {
    !matches!(opcode, opcode::SYNC | opcode::GET_EPHEMERALS)
}
