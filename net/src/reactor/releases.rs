//! What the replica sends: versions with their events and answers.

use std::ops::ControlFlow;

use paddock_engine::request::opcode;

use super::ahead::{Ahead, due};
use super::clients::Clients;
use super::ledger::Ledger;
use super::notifications::Notifications;
use super::view::{Held, Next, ReactorView};
use crate::connect::{password_of, write_refusal, write_response};
use crate::connection::{Connection, Stage};
use crate::exchange::{Answer, AnswerKind};
use crate::pending::{Due, PendingRead};
use crate::read::{self, ReadCaller};
use crate::reply;
use crate::serving::Serve;

/// Takes releases: moves the view, tells those who watch, and gives the answers.
pub struct Releases {
    pub view: ReactorView,
    notifications: Notifications,
}

impl Releases {
    pub fn new(view: ReactorView) -> Releases {
        Releases { view, notifications: Notifications::default() }
    }

    /// Takes every release that is announced.
    #[inline]
    pub fn catch_up(&mut self, clients: &mut Clients) {
        let announced = self.view.announced();
        if !self.view.is_newest(announced) {
            self.take_releases(clients, announced);
        }
    }

    fn take_releases(&mut self, clients: &mut Clients, mut announced: u64) {
        while let Some(next) = self.view.take_next(announced) {
            match next {
                Next::Version(version) => self.take_version(clients, version),
                Next::Serve(period) => clients.begin_period(period),
                Next::State(state) => {
                    assert_eq!(clients.ledger.serving(), Serve::No, "nobody sees two states");
                    self.view.replace(state);
                    announced = self.view.announced();
                }
            }
        }
        assert!(self.view.version() >= announced, "a version is queued before it is announced");
    }

    fn take_version(&mut self, clients: &mut Clients, Held { release, ahead }: Held) {
        self.view.advance(release.root, release.zxid);
        clients.ledger.note_release(release.way, release.answers.len());
        // Where nobody watches, nobody is told; a watch that is set below is set on this version.
        let watched = (!clients.ledger.watches.is_empty()).then(|| due(&release.events, ahead.as_deref()));
        let mut events = watched.into_iter().flatten().peekable();
        for answer in &release.answers {
            while let Some(event) = events.next_if(|event| event.zxid <= answer.zxid) {
                self.notifications.fire(clients, &event);
            }
            take_answer(clients, answer, release.zxid, &release.bytes);
            clients.relieve();
        }
        events.for_each(|event| self.notifications.fire(clients, &event));
        // The events of a version come before any read of it, and a read sees all of the version.
        let mut ran = Ran::default();
        for answer in &release.answers {
            let reads = self.run_reads(clients, answer.connection.slot);
            ran.note(clients, reads);
        }
        for id in ahead.map_or_else(Vec::new, |ahead| Ahead::into_waiting(*ahead)) {
            if clients.get(id).is_some() {
                let reads = self.run_reads(clients, id.slot);
                ran.note(clients, reads);
            }
        }
        ran.tell(clients);
    }

    /// Runs what waited behind writes that are answered now, up to the next write or a count that takes its time. Returns how many
    /// reads that were.
    fn run_reads(&self, clients: &mut Clients, slot: u32) -> u64 {
        let mut reads = 0;
        loop {
            let Some((connection, ledger)) = clients.at(slot) else { return reads };
            if connection.stage == Stage::Flushing {
                return reads;
            }
            // How many reads may wait is limited by how long their replies were going to be when they came, and a write
            // before them can have made the replies longer. So the output is looked at again before each.
            if connection.is_far_behind() {
                warn_of_output(connection);
                clients.close(slot);
                return reads;
            }
            match connection.pending.pop_due() {
                Some(Due::Read(read)) => {
                    reads += 1;
                    run_read(connection, ledger, &self.view, &read);
                }
                Some(Due::Ready(reply)) => connection.output.tail().extend_from_slice(&reply),
                None => break,
            }
            ledger.owe(connection);
            clients.relieve();
        }
        // Reading from the connection may have been stopped until these reads had run. Frames that came meanwhile are
        // served in the next turn.
        if let Some((connection, ledger)) = clients.at(slot)
            && connection.has_more()
        {
            ledger.serve_again(connection);
        }
        reads
    }
}

/// How many reads have run behind the writes of a version.
#[derive(Default)]
struct Ran {
    reads: u64,
    connections: u64,
}

impl Ran {
    /// So many reads of a connection have.
    fn note(&mut self, clients: &Clients, reads: u64) {
        if reads > 0 {
            clients.ledger.figures.own().reads_behind_write.note(reads);
            self.reads += reads;
            self.connections += 1;
        }
    }

    /// Those were all.
    fn tell(self, clients: &Clients) {
        if self.connections > 0 {
            let figures = clients.ledger.figures.own();
            figures.reads_behind_version.note(self.reads);
            figures.connections_drained.note(self.connections);
        }
    }
}

fn run_read(connection: &mut Connection, ledger: &mut Ledger, view: &ReactorView, read: &PendingRead) {
    ledger.limits.large.give_back(read.large);
    let mut context = ledger.read_context(view);
    let caller = ReadCaller { slot: connection.id.slot, ids: &read.ids, keeper: connection.keeper };
    let body = connection.pending.body(read);
    let out = connection.output.tail();
    let start = out.len();
    let answered = read::answer(&mut context, caller, read.xid, read.opcode, body, out);
    let reply = out.len() - start;
    let is_answered = answered.is_continue();
    let slow = is_answered.then(|| ledger.slow_read((read.opcode, read.xid), body, reply, read.received)).flatten();
    connection.pending.end_read(read);
    match answered {
        ControlFlow::Break(count) => ledger.postpone_count(connection, read.xid, count, read.received),
        ControlFlow::Continue(()) => {
            ledger.note_read_reply(read.opcode, reply);
            if let Some(slow) = slow {
                slow.tell(connection, view.zxid());
            }
            ledger.note_answer(connection, (Some(read.opcode), false), read.xid, view.zxid(), read.received);
        }
    }
}

/// Tells a connection what the replica has answered. `zxid`: the newest transaction of the answer's version.
fn take_answer(clients: &mut Clients, answer: &Answer, zxid: i64, bytes: &[u8]) {
    let slot = answer.connection.slot;
    let Some((connection, ledger)) = clients.get(answer.connection) else {
        if matches!(answer.kind, AnswerKind::Reply { .. } | AnswerKind::Connected { .. }) {
            clients.ledger.figures.own().stale_replies.add(1);
        }
        return;
    };
    if connection.stage == Stage::Flushing {
        // The client has been told that the connection ends; nothing may follow.
        return;
    }
    match &answer.kind {
        AnswerKind::Reply { xid, code, body } => {
            let body = &bytes[body.start as usize..body.end as usize];
            if connection.is_far_behind() {
                warn_of_output(connection);
                return clients.close(slot);
            }
            let out = connection.output.tail();
            let start = out.len();
            reply::write(*xid, answer.zxid, *code, body, out);
            ledger.untold.note_response(out.len() - start);
            ledger.end_write(connection, *xid, zxid, *code);
        }
        AnswerKind::Closed { xid } => {
            reply::write(*xid, answer.zxid, 0, &[], connection.output.tail());
            connection.session = 0;
            ledger.end_write(connection, *xid, zxid, 0);
            ledger.end_after_output(connection);
        }
        AnswerKind::Connected { session, timeout } => {
            connection.session = *session;
            connection.timeout = *timeout;
            connection.stage = Stage::Established;
            let password = password_of(*session);
            let read_only = connection.with_flag.then_some(ledger.serving() == Serve::ReadOnly);
            write_response(*timeout, *session, password, read_only, connection.output.tail());
            let greeted = connection.greeted;
            let is_global = !ledger.settings.local_sessions;
            ledger.note_answer(connection, (Some(opcode::CREATE_SESSION), is_global), 0, zxid, greeted);
            ledger.serve_again(connection);
        }
        AnswerKind::Refused => {
            let read_only = connection.with_flag.then_some(ledger.serving() == Serve::ReadOnly);
            write_refusal(read_only, connection.output.tail());
            connection.session = 0;
            ledger.note_sent(connection);
            ledger.end_after_output(connection);
        }
        AnswerKind::Dropped => {
            connection.session = 0;
            return clients.close(slot);
        }
        AnswerKind::Cut => return clients.close(slot),
    }
    ledger.owe(connection);
}

fn warn_of_output(connection: &Connection) {
    tracing::warn!(
        address = %connection.address,
        session = format_args!("0x{:x}", connection.session),
        "a client asked for far more than it could read; its connection was closed"
    );
}
