//! The log of a server, as far as the core has to know it.

use crate::input::Unsettled;
use crate::{History, Zxid};

/// What is in the log's buffer, how much of it is durable, and what is being made of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Log {
    history: History,
    /// In the history, or its base.
    durable: Zxid,
    /// What a leader brings in the place of the whole history, until it is durable. What is appended goes there.
    brought: Option<History>,
    /// What was asked for and has no answer yet.
    pending: Option<Pending>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pending {
    Cut(Zxid),
    Replace(Zxid),
    /// Up to this transaction at least.
    Settle(Zxid),
}

impl Log {
    /// All of it is durable.
    pub(crate) fn new(history: History) -> Log {
        Log { durable: history.last(), history, brought: None, pending: None }
    }

    /// The durable history, and behind it what is in the buffer.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// The history that is being written: the one that is brought, if there is one.
    pub(crate) fn written(&self) -> &History {
        self.brought.as_ref().unwrap_or(&self.history)
    }

    /// The end of what is durable.
    pub(crate) fn durable(&self) -> Zxid {
        self.durable
    }

    /// Whether nothing waits for the disk: the history is known, and durable to its end.
    pub(crate) fn is_drained(&self) -> bool {
        self.pending.is_none() && self.durable == self.history.last()
    }

    /// # Panics
    /// Unless it may follow.
    pub(crate) fn append(&mut self, zxid: Zxid) {
        self.brought.as_mut().unwrap_or(&mut self.history).push(zxid);
    }

    /// Everything up to here is durable.
    ///
    /// # Panics
    /// If it was not appended.
    pub(crate) fn on_durable(&mut self, zxid: Zxid) {
        if zxid > self.durable && self.brought.is_none() {
            assert!(self.history.contains(zxid), "transaction {zxid} is durable, but was never appended");
            self.durable = zxid;
        }
    }

    /// The history is to end with `last`.
    pub(crate) fn cut(&mut self, last: Zxid) {
        self.ask(Pending::Cut(last));
    }

    /// A leader is to bring a whole state, of which `last` is the last transaction.
    pub(crate) fn replace(&mut self, last: Zxid) {
        self.ask(Pending::Replace(last));
        self.brought = Some(History::new(last));
    }

    /// Whatever was appended or brought is to become durable. The state that was brought is the one after `applied` by then.
    pub(crate) fn settle(&mut self, applied: Zxid) {
        self.ask(Pending::Settle(self.written().last()));
        if let Some(brought) = &mut self.brought {
            brought.forget_up_to(applied);
        }
    }

    fn ask(&mut self, pending: Pending) {
        assert_eq!(self.pending, None, "a history is made one thing at a time");
        self.pending = Some(pending);
    }

    /// The answer to what was asked; whether the history is another one now.
    ///
    /// # Panics
    /// If nothing was asked, or if that is no answer to it.
    pub(crate) fn on_settled(&mut self, settled: Result<Zxid, Unsettled>) -> Result<bool, Unsettled> {
        let pending = self.pending.take().expect("nothing was to be settled");
        let end = settled.inspect_err(|_| self.brought = None)?;
        match pending {
            Pending::Cut(last) => {
                assert_eq!(end, last, "the history does not end where it was to be cut");
                self.history.cut_after(last);
                self.durable = last;
                Ok(false)
            }
            Pending::Replace(last) => {
                assert_eq!(end, last, "the state is not the one that was to be brought");
                Ok(false)
            }
            Pending::Settle(last) => {
                assert!(last <= end, "the history is to be durable up to {last}, and is up to {end}");
                Ok(self.become_durable(end))
            }
        }
    }

    /// Whether the history is another one now.
    fn become_durable(&mut self, end: Zxid) -> bool {
        let brought = self.brought.take();
        let is_replaced = brought.is_some();
        if let Some(brought) = brought {
            self.durable = brought.base();
            self.history = brought;
        }
        self.on_durable(end);
        is_replaced
    }

    /// What is brought is not taken. If it is becoming durable in this moment, it is taken all the same, once it is.
    pub(crate) fn abandon(&mut self) {
        if !matches!(self.pending, Some(Pending::Settle(_))) {
            self.brought = None;
        }
    }

    /// The transactions up to here are in the state only.
    ///
    /// # Panics
    /// If they are not durable.
    pub(crate) fn forget_up_to(&mut self, base: Zxid) {
        assert!(base <= self.durable, "transaction {base} is not durable, and cannot be forgotten");
        self.history.forget_up_to(base);
    }
}
