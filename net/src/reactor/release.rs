//! What the replica sends: versions with their events and answers.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use paddock_engine::acl::perms;
use paddock_engine::event::Event;
use paddock_engine::request::opcode;

use super::Reactor;
use super::ahead::{Ahead, due};
use super::output::enlist;
use crate::connect::{password_of, write_refusal, write_response};
use crate::connection::{Pending, Stage};
use crate::exchange::{Answer, AnswerKind, Release};
use crate::output::{SHARED_MIN, Shared};
use crate::read::{self, ReadCaller, ReadContext};
use crate::reply;

/// A connection with more unwritten output than this is cut off when still more comes that it did not ask for, or
/// of reads that waited for a write.
const OUTPUT_MAX: usize = 64 * 1024 * 1024;

/// A notification, encoded once.
enum Notification {
    /// Copied to each watcher, and its memory used again.
    Small(Vec<u8>),
    /// In memory once for all watchers.
    Large(Arc<Shared>),
}

impl Reactor {
    /// Takes every release that is public.
    pub(super) fn catch_up(&mut self) {
        let public = self.reader.published();
        if self.reader.version() == public && self.held.is_none() && self.exchange().releases.is_empty() {
            return;
        }
        while let Some(release) = self.held.take().or_else(|| self.exchange().releases.pop()) {
            if release.root.version() > public {
                if release.looked_through.is_some() {
                    self.ahead.get_or_insert_default();
                }
                self.held = Some(release);
                break;
            }
            self.take_release(release);
        }
        assert!(self.reader.version() >= public, "a version is queued before it is public");
    }

    fn take_release(&mut self, release: Release) {
        // A version that was over before a wake-up has nothing that waits to be read on it: a reactor with a write under
        // way does not let go of its versions.
        if !self.reader.has_missed(release.root) {
            self.reader.advance(release.root);
            self.reader.release();
        }
        self.zxid = release.zxid;
        let ahead = self.ahead.take();
        // Where nobody watches, nobody is told; a watch that is set below is set on this version.
        let watched = (!self.watches.is_empty()).then(|| due(&release.events, ahead.as_ref()));
        let mut events = watched.into_iter().flatten().peekable();
        for answer in &release.answers {
            while let Some(event) = events.next_if(|event| event.zxid <= answer.zxid) {
                self.fire(&event);
            }
            self.take_answer(answer, &release.bytes);
            self.relieve();
        }
        events.for_each(|event| self.fire(&event));
        // Only now: what they read is the whole version, and its events come first.
        for answer in &release.answers {
            self.run_reads(answer.connection.slot);
        }
        for id in ahead.map_or_else(Vec::new, Ahead::into_waiting) {
            if self.connections.get(id).is_some() {
                self.run_reads(id.slot);
            }
        }
    }

    /// Tells the watchers.
    fn fire(&mut self, event: &Event<'_>) {
        if self.watches.is_empty() {
            return;
        }
        let mut told = std::mem::take(&mut self.told);
        self.watches.trigger(event.kind, event.path, &mut told);
        if !told.is_empty() {
            let notification = self.encode(event);
            let sent = told.iter().filter(|slot| self.notify(**slot, event, &notification)).count();
            self.figures().sent.add(sent as u64);
            if let Notification::Small(mut bytes) = notification {
                bytes.clear();
                self.notification = bytes;
            }
        }
        self.told = told;
        self.relieve();
    }

    fn encode(&mut self, event: &Event<'_>) -> Notification {
        let mut bytes = std::mem::take(&mut self.notification);
        reply::write_notification(event.kind, event.zxid, event.path, &mut bytes);
        if bytes.len() < SHARED_MIN {
            Notification::Small(bytes)
        } else {
            Notification::Large(self.memory.share(bytes))
        }
    }

    /// Queues a notification, unless the watcher may not read what it tells of. `false`: it was not queued.
    fn notify(&mut self, slot: u32, event: &Event<'_>, notification: &Notification) -> bool {
        let Reactor { connections, settings, memory, dirty, now, .. } = self;
        let Some(connection) = connections.at(slot) else { return false };
        if !settings.authority.permits(event.acl, perms::READ, &connection.ids) {
            return false;
        }
        if connection.unwritten() > OUTPUT_MAX {
            tracing::warn!(address = %connection.address, session = format_args!("0x{:x}", connection.session), "a client does not read its notifications; its connection was closed");
            self.close(slot);
            return false;
        }
        match notification {
            Notification::Small(bytes) => connection.output.tail().extend_from_slice(bytes),
            Notification::Large(shared) => connection.output.share(shared),
        }
        connection.tally.sent += 1;
        enlist(connection, memory, dirty, *now);
        true
    }

    fn take_answer(&mut self, answer: &Answer, bytes: &[u8]) {
        let Some(connection) = self.connections.get(answer.connection) else { return };
        if connection.stage == Stage::Flushing {
            // It has been told that it is closed; nothing may follow.
            return;
        }
        let slot = answer.connection.slot;
        match &answer.kind {
            AnswerKind::Reply { xid, code, body } => {
                let body = &bytes[body.start as usize..body.end as usize];
                if connection.unwritten() > OUTPUT_MAX {
                    tracing::warn!(address = %connection.address, session = format_args!("0x{:x}", connection.session), "a client asked for far more than it could read; its connection was closed");
                    return self.close(slot);
                }
                reply::write(*xid, answer.zxid, *code, body, connection.output.tail());
                self.settle_write(slot, *xid, *code);
            }
            AnswerKind::Closed { xid } => {
                reply::write(*xid, answer.zxid, 0, &[], connection.output.tail());
                connection.session = 0;
                self.settle_write(slot, *xid, 0);
                self.flush_and_close(slot);
            }
            AnswerKind::Connected { session, timeout } => {
                connection.session = *session;
                connection.timeout = *timeout;
                connection.stage = Stage::Established;
                let password = password_of(*session);
                write_response(*timeout, *session, password, connection.with_flag, connection.output.tail());
                let greeted = connection.greeted;
                self.note_answer(slot, Some(opcode::CREATE_SESSION), 0, greeted);
                self.revisit(slot);
            }
            AnswerKind::Refused => {
                write_refusal(connection.with_flag, connection.output.tail());
                connection.session = 0;
                self.note_sent(slot);
                self.flush_and_close(slot);
            }
            AnswerKind::Dropped => {
                connection.session = 0;
                return self.close(slot);
            }
            AnswerKind::Cut => return self.close(slot),
        }
        self.mark_dirty(slot);
    }

    /// The oldest pending entry is the write that was just answered.
    fn settle_write(&mut self, slot: u32, xid: i32, code: i32) {
        let Some(connection) = self.connections.at(slot) else { return };
        let Some(Pending::Write { opcode, received, large }) = connection.pending.pop_front() else {
            panic!("the replica answers what it was asked, in order");
        };
        connection.in_flight -= 1;
        self.outstanding -= 1;
        self.limits.large.release(large);
        self.figures().outstanding.set(self.outstanding as u64);
        self.note_answer(slot, (code == 0).then_some(opcode), xid, received);
        self.append_ready(slot);
    }

    /// Replies that were only waiting for their turn, and have it now.
    fn append_ready(&mut self, slot: u32) {
        let Some(connection) = self.connections.at(slot) else { return };
        while let Some(Pending::Ready(bytes)) =
            connection.pending.pop_front_if(|entry| matches!(entry, Pending::Ready(_)))
        {
            connection.output.tail().extend_from_slice(&bytes);
        }
    }

    /// Runs what waited behind writes that are answered now, up to the next write or a count that takes its time.
    fn run_reads(&mut self, slot: u32) {
        loop {
            let Reactor { connections, reader, watches, settings, limits, zxid, .. } = self;
            let Some(connection) = connections.at(slot) else { return };
            if connection.stage == Stage::Flushing {
                return;
            }
            // Reads are let wait by about how long their replies will be, which the write before them can make wrong.
            if connection.unwritten() > OUTPUT_MAX {
                tracing::warn!(address = %connection.address, session = format_args!("0x{:x}", connection.session), "a client asked for far more than it could read; its connection was closed");
                return self.close(slot);
            }
            match connection.pending.pop_front_if(|entry| matches!(entry, Pending::Read { .. } | Pending::Ready(_))) {
                Some(Pending::Read { xid, opcode, body, ids, received, weight, large }) => {
                    connection.pending_bytes -= weight;
                    limits.large.release(large);
                    let mut context = ReadContext {
                        view: reader.view(),
                        zxid: *zxid,
                        authority: &settings.authority,
                        watches,
                        frame_max: settings.frame_max,
                    };
                    let caller = ReadCaller { slot, ids: &ids, keeper: connection.keeper };
                    let bytes = connection.bodies.first(body);
                    let answered = read::answer(&mut context, caller, xid, opcode, bytes, connection.output.tail());
                    connection.bodies.pop(body);
                    match answered {
                        ControlFlow::Break(count) => self.postpone_count(slot, xid, count, received),
                        ControlFlow::Continue(()) => {
                            connection.counts &= opcode != opcode::GET_ALL_CHILDREN_NUMBER;
                            self.note_answer(slot, Some(opcode), xid, received);
                        }
                    }
                }
                Some(Pending::Ready(bytes)) => connection.output.tail().extend_from_slice(&bytes),
                _ => break,
            }
            self.mark_dirty(slot);
            self.relieve();
        }
        // It may have had to wait for this; its next frames may be here already.
        if self.connections.at(slot).is_some_and(|connection| connection.has_more()) {
            self.revisit(slot);
        }
    }

    /// Counts an answer and its latency. `opcode`: `None` where the words are not told what was answered.
    pub(super) fn note_answer(&mut self, slot: u32, opcode: Option<i32>, xid: i32, received: Instant) {
        let (now, zxid) = (self.now, self.zxid);
        // Most reads are answered in the turn in which they came, and times are not cheap to subtract.
        let latency = if received == now { Duration::ZERO } else { now.saturating_duration_since(received) };
        if let Some(connection) = self.connections.at(slot) {
            connection.tally.note_answer(opcode, xid, zxid, now, latency.as_millis() as u64);
        }
        let figures = self.figures();
        figures.sent.add(1);
        figures.note_latency(latency.as_micros() as u64);
    }

    /// Counts something that came and is no request of a session.
    pub(super) fn note_received(&mut self, slot: u32) {
        if let Some(connection) = self.connections.at(slot) {
            connection.tally.received += 1;
        }
        self.figures().received.add(1);
    }

    /// Counts something that was said and answers no request.
    pub(super) fn note_sent(&mut self, slot: u32) {
        if let Some(connection) = self.connections.at(slot) {
            connection.tally.sent += 1;
        }
        self.figures().sent.add(1);
    }
}
