//! Whether learners are still there.

use alloc::vec::Vec;

use super::link::{LearnerLink, State};
use super::links::Links;
use crate::Zxid;
use crate::input::Link;
use crate::message::Message;
use crate::output::Reason;
use crate::settings::Ms;
use crate::step::Step;

/// Beats twice in a tick.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    next: Ms,
}

impl Pulse {
    pub(super) fn begin(step: &Step<'_>) -> Pulse {
        Pulse { next: step.now.after(half_tick(step)) }
    }

    pub(super) fn next(&self) -> Ms {
        self.next
    }

    /// Whether it beats now. What a clock that comes late has left out is not made up for.
    pub(super) fn beats(&mut self, step: &Step<'_>) -> bool {
        let beats = self.next <= step.now;
        if beats {
            self.next = step.now.after(half_tick(step));
        }
        beats
    }
}

fn half_tick(step: &Step<'_>) -> Ms {
    Ms((step.server.settings.tick.0 / 2).max(1))
}

/// Whoever was silent for too long, or has not acknowledged a proposal for too long, goes.
pub(super) fn close_late(links: &mut Links, owed: Zxid, step: &mut Step<'_>) {
    let late: Vec<Link> =
        links.iter_mut().filter_map(|(link, open)| is_late(open, owed, step).then_some(link)).collect();
    late.into_iter().for_each(|link| links.close(link, Reason::TimedOut, step));
}

fn is_late(open: &mut LearnerLink, owed: Zxid, step: &Step<'_>) -> bool {
    let settings = &step.server.settings;
    let is_silent = open.deadline(settings).is_some_and(|deadline| deadline <= step.now);
    is_silent || is_slow(open, owed, step.now, settings.sync_wait())
}

fn is_slow(open: &mut LearnerLink, owed: Zxid, now: Ms, limit: Ms) -> bool {
    let State::Live(learner, mut live) = open.state() else { return false };
    if learner.observes() {
        return false;
    }
    let is_slow = live.lag.look(live.acknowledged, owed, now, limit);
    open.set(State::Live(learner, live));
    is_slow
}

/// A learner is told that the leader is there from the first packet of its synchronisation on, as far as anything can be said
/// between the bytes of a state. It answers once it serves.
pub(super) fn ping(links: &mut Links, step: &mut Step<'_>) {
    for (link, open) in links.iter_mut() {
        let is_told = match open.state() {
            State::CatchingUp(_, catching) => !catching.by_state,
            State::AwaitingNewLeaderAck(..) | State::AwaitingStart(..) => true,
            State::Live(learner, mut live) => {
                live.pings.sent += 1;
                open.set(State::Live(learner, live));
                true
            }
            State::AwaitingInfo
            | State::AwaitingEpochQuorum(_)
            | State::AwaitingAckEpoch(_)
            | State::AwaitingAckEpochQuorum(..) => false,
        };
        if is_told {
            step.send(link, Message::Ping);
        }
    }
}
