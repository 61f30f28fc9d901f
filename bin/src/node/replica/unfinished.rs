//! A transaction that takes several turns.
//!
//! Where one would keep the readers waiting, it is applied a slice in each turn. Its zxid is taken at the begin, and until
//! it is done nothing else is prepared: requests stay in the reactors' queues, nothing expires, nothing is reaped. All that
//! came before it is in a version of its own, which becomes public meanwhile, and is what the readers see. Its record goes
//! into the log, whole, when the last slice is done; a crash before that leaves nothing of it.
//!
//! What it replaces in the tree cannot be freed before it is public. Within one version everything is copied once at most,
//! so that this is bounded by the tree, and not by `GARBAGE_MAX`.

use std::time::{Duration, Instant};

use paddock_engine::application::Application;
use paddock_engine::keeper::ReplyForm;
use paddock_engine::txn::{Txn, TxnHeader};
use paddock_net::exchange::AnswerKind;

use super::Replica;
use super::session::Home;

/// Steps of one turn, at least: with some microseconds for each, about as long as a turn of many small writes.
pub(super) const STEPS_PER_TURN: usize = 256;
/// Steps between two looks at the clock, where there is time for more.
const BLOCK: usize = 64;

/// A stop waits no longer than this for one. A million steps are some three seconds, and have half of the time where turns
/// are not longer than [`SLICE_MAX`](paddock_net::time_share::SLICE_MAX).
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A transaction of which a part is applied.
pub(super) struct Unfinished {
    application: Application,
    owed: Owed<'static>,
    /// Once the process was told to stop.
    pub(super) give_up_at: Option<Instant>,
}

/// Who is told what when a transaction is applied.
pub(super) enum Owed<'a> {
    /// A write's reply.
    Reply { home: Home, xid: i32, form: ReplyForm<'a> },
    /// What needs nothing of the transaction.
    Told(Home, AnswerKind),
    /// A line for the operator, and the connection that a session had when it expired is closed.
    Expiry { session: i64, home: Option<Home> },
}

impl Owed<'_> {
    fn into_owned(self) -> Owed<'static> {
        match self {
            Owed::Reply { home, xid, form } => Owed::Reply { home, xid, form: form.into_owned() },
            Owed::Told(home, kind) => Owed::Told(home, kind),
            Owed::Expiry { session, home } => Owed::Expiry { session, home },
        }
    }
}

impl Replica {
    /// Proposes a transaction, and answers when it is applied: at once, unless it takes several turns.
    #[inline]
    pub(super) fn carry_out(&mut self, client: i64, cxid: i32, txn: &Txn<'_>, owed: Owed<'_>) {
        if self.database.is_long(client, txn) {
            self.begin_long(client, cxid, txn, owed.into_owned());
        } else {
            self.propose(client, cxid, txn);
            self.pay(owed);
        }
    }

    fn begin_long(&mut self, client: i64, cxid: i32, txn: &Txn<'_>, owed: Owed<'static>) {
        // What came before must not wait for it, nor be seen with a part of it.
        self.seal();
        self.effects.reply.clear();
        let header = TxnHeader { client, cxid, zxid: self.database.last_zxid().next().0, time: self.wall_ms };
        let application = self.database.begin(&header, txn);
        self.unfinished = Some(Unfinished { application, owed, give_up_at: None });
        self.go_on();
    }

    /// Applies as much as this turn may of a transaction that is unfinished.
    pub(super) fn go_on(&mut self) {
        let Some(mut unfinished) = self.unfinished.take() else { return };
        if self.role.is_stopping() && self.now > *unfinished.give_up_at.get_or_insert(self.now + STOP_PATIENCE) {
            let zxid = unfinished.application.zxid();
            tracing::warn!(
                %zxid,
                "a transaction takes too long to stop after it, and is given up: it is not in the log, so that after the \
                 restart it will not have happened, and nobody was told that it had"
            );
            return;
        }
        while self.may_step() {
            let (database, effects) = (&mut self.database, &mut self.effects);
            if database.go_on(&mut unfinished.application, &mut self.steps_left, Some(effects)) {
                return self.finish(unfinished);
            }
        }
        self.unfinished = Some(unfinished);
    }

    /// Whether this turn may do a step more of what takes long: its least number is not done, or it has time left.
    pub(super) fn may_step(&mut self) -> bool {
        if self.steps_left == 0 && self.share.is_left(Instant::now()) {
            self.steps_left = BLOCK;
        }
        self.steps_left > 0
    }

    fn finish(&mut self, Unfinished { application, owed, .. }: Unfinished) {
        let before = self.log.filling_bytes();
        let zxid = application.zxid();
        let record = application.into_record(&self.database);
        self.log.append(zxid, |out| out.extend_from_slice(&record));
        self.note_proposed(before);
        self.pay(owed);
    }

    /// Answers; the reply of the last transaction is in `effects`.
    #[inline]
    pub(super) fn pay(&mut self, owed: Owed<'_>) {
        match owed {
            Owed::Reply { home, xid, form } => {
                let body = self.draft.append(home.reactor, &form.body(&self.effects.reply));
                self.answer(home, AnswerKind::Reply { xid, code: 0, body });
            }
            Owed::Told(home, kind) => self.answer(home, kind),
            Owed::Expiry { session, home } => {
                tracing::info!(session = format_args!("0x{session:x}"), "session expired");
                self.expired += 1;
                if let Some(home) = home {
                    self.answer(home, AnswerKind::Dropped);
                }
            }
        }
    }
}
