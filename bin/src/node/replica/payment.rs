//! How those are answered who wait for a transaction: into the version under construction, behind the newest transaction.

use std::time::Instant;

use paddock_engine::apply::Effects;
use paddock_engine::database::Database;
use paddock_engine::ephemerals;
use paddock_engine::error::Code;
use paddock_net::exchange::AnswerKind;

use super::home::Home;
use super::owed::Owed;
use super::publication::Publication;
use crate::audit::{Entry, Record};

/// A session's ephemerals are not told in more bytes than this.
const EPHEMERALS_BYTES_MAX: usize = 256 << 20;

pub struct Payment<'a> {
    pub database: &'a Database,
    /// What it was to apply the newest transaction.
    pub effects: &'a Effects,
    pub publication: &'a mut Publication,
}

impl Payment<'_> {
    /// A write's reply is what it was to apply that transaction.
    #[inline]
    pub fn pay(&mut self, owed: Owed<'_>) {
        match owed {
            Owed::Reply { home, xid, form, audit } => {
                self.audit(audit);
                self.reply(home, xid, form.code(), &form.body(&self.effects.reply));
            }
            Owed::Told(home, kind) => self.answer(home, kind),
            Owed::Expiry { session, home } => {
                tracing::info!(session = format_args!("0x{session:x}"), "session expired");
                self.publication.note_expired_session();
                if let Some(home) = home {
                    self.answer(home, AnswerKind::Dropped);
                }
            }
            Owed::Nothing => {}
        }
    }

    /// A client here has waited for the newest transaction, which was asked of the leader then.
    pub fn note_learnt(&mut self, asked: Option<Instant>) {
        self.publication.note_learnt(self.database.last_zxid(), asked);
    }

    /// The session's ephemerals whose paths begin with what `body` says, as the newest transaction has left them.
    pub fn reply_ephemerals(&mut self, home: Home, session: i64, xid: i32, body: &[u8]) {
        match ephemerals::list(self.database, session, body, EPHEMERALS_BYTES_MAX) {
            Ok(list) => self.reply(home, xid, 0, &list),
            Err(_) => self.reply(home, xid, Code::Marshalling.number(), &[]),
        }
    }

    /// What there is to record of what a client has asked for.
    #[inline]
    pub fn audit(&mut self, record: Option<Box<Record>>) {
        if let Some(record) = record {
            self.publication.audit(Entry::Request(record));
        }
    }

    /// The client gets it when the version is public.
    pub fn answer(&mut self, home: Home, kind: AnswerKind) {
        self.publication.answer(home, self.database.last_zxid(), kind);
    }

    /// Likewise, by a reply with this body.
    pub fn reply(&mut self, home: Home, xid: i32, code: i32, body: &[u8]) {
        self.publication.reply(home, self.database.last_zxid(), xid, code, body);
    }
}
