//! One step of the core, and how a role ends with it.

use alloc::vec::Vec;

use crate::input::Link;
use crate::message::Message;
use crate::output::{Cause, HaltReason, Output};
use crate::server::Server;
use crate::settings::Ms;

/// What a role is lent for one step.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) server: &'a mut Server,
    pub(crate) now: Ms,
    pub(crate) out: &'a mut Vec<Output>,
}

impl Step<'_> {
    pub(crate) fn put(&mut self, output: Output) {
        self.out.push(output);
    }

    /// Asks the oracle whether this server goes on alone; `false` if its word would be worth nothing.
    pub(crate) fn ask_oracle(&mut self) -> bool {
        let me = self.server.me;
        let is_worth_asking = self.server.settings.has_oracle && self.server.configs().is_quorum_by(true, |v| v == me);
        if is_worth_asking {
            self.server.oracle.ask(self.out);
        }
        is_worth_asking
    }

    pub(crate) fn send(&mut self, link: Link, message: Message) {
        self.put(Output::Send(link, message));
    }
}

/// Why a role is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Over {
    /// The server looks for a leader again.
    Look(Cause),
    Halt(HaltReason),
}
