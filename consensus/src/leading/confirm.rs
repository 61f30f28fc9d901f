//! Which syncs are proven to have come while the leader still led.

use alloc::vec::Vec;
use core::mem;

use super::link::{LearnerLink, State};
use super::links::Links;
use crate::input::{Link, Ticket};
use crate::message::Message;
use crate::output::Output;
use crate::step::Step;

/// A voter that answers a PING had not promised to follow another leader when it was asked. When a quorum has answered PINGs
/// that were sent after a sync had come, nothing was committed elsewhere before it came.
///
/// One round is under way at a time, and what comes meanwhile waits for the next: so the number of PINGs does not grow with
/// that of the syncs. There are as many tickets as the node has syncs that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Confirm {
    /// Those of the round that is under way.
    asked: Vec<Ticket>,
    /// Those that came after it began.
    waiting: Vec<Ticket>,
}

impl Confirm {
    pub(super) fn ask(&mut self, ticket: Ticket, links: &mut Links, step: &mut Step<'_>) {
        self.waiting.push(ticket);
        if self.asked.is_empty() {
            self.begin_round(links, step);
        }
    }

    fn begin_round(&mut self, links: &mut Links, step: &mut Step<'_>) {
        mem::swap(&mut self.asked, &mut self.waiting);
        for (link, open) in links.iter_mut() {
            ask_voter(link, open, step);
        }
        self.look(links, step);
    }

    /// A PING was answered, or a link is gone.
    pub(super) fn look(&mut self, links: &mut Links, step: &mut Step<'_>) {
        let proven = |open: &LearnerLink| matches!(open.state(), State::Live(_, live) if live.pings.are_enough());
        if self.asked.is_empty() || !links.are_quorum(step, proven) {
            return;
        }
        step.out.extend(self.asked.drain(..).map(Output::Confirmed));
        if !self.waiting.is_empty() {
            self.begin_round(links, step);
        }
    }

    /// Whether nobody waits.
    pub(super) fn is_done(&self) -> bool {
        self.asked.is_empty() && self.waiting.is_empty()
    }

    /// The reign ends: nothing is known of what came meanwhile.
    pub(super) fn end(self, step: &mut Step<'_>) {
        step.out.extend(self.asked.into_iter().chain(self.waiting).map(Output::Lost));
    }
}

/// Only an answer to this PING, or to a later one, counts.
fn ask_voter(link: Link, open: &mut LearnerLink, step: &mut Step<'_>) {
    if let State::Live(learner, mut live) = open.state()
        && step.server.configs().is_voter(learner.server)
    {
        live.pings.sent += 1;
        live.pings.needed = live.pings.sent;
        open.set(State::Live(learner, live));
        step.send(link, Message::Ping);
    }
}
