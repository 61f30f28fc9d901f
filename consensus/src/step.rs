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
