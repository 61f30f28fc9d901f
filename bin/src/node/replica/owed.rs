//! Who is told what when a transaction is applied.

use paddock_engine::answer::ReplyForm;
use paddock_net::exchange::AnswerKind;

use super::home::Home;
use crate::audit::Record;

pub enum Owed<'a> {
    /// A write's reply, and what is recorded of the write, if something is.
    Reply { home: Home, xid: i32, form: ReplyForm<'a>, audit: Option<Box<Record>> },
    /// What needs nothing of the transaction.
    Told(Home, AnswerKind),
    /// A line for the operator, and the connection that a session had when it expired is closed.
    Expiry { session: i64, home: Option<Home> },
    /// Whoever asked is told by another server.
    Nothing,
}

impl Owed<'_> {
    pub fn into_owned(self) -> Owed<'static> {
        match self {
            Owed::Reply { home, xid, form, audit } => Owed::Reply { home, xid, form: form.into_owned(), audit },
            Owed::Told(home, kind) => Owed::Told(home, kind),
            Owed::Expiry { session, home } => Owed::Expiry { session, home },
            Owed::Nothing => Owed::Nothing,
        }
    }
}
