//! A leader begins a new epoch on the links that it has, before the counter of the present one ends.
//!
//! First everything comes to its end that belongs to the present epoch: nothing more is proposed, all of it is committed and
//! durable here and with each who acknowledges, and a PING behind it is answered on each link, so that nothing is on its way any
//! more in either direction. Then the leader is where one is that has just been elected, when a quorum has told which epoch it
//! accepted, and goes the ordinary way from there. Every plan is that the learner keeps its history.

use super::broadcast::Broadcasting;
use super::link::{Learner, LearnerLink, Live, State};
use super::links::Links;
use crate::message::Message;
use crate::settings::{Features, Ms};
use crate::step::Step;

/// How long all wait at most for those who have not acknowledged everything. After that the leader goes on in its epoch.
const WAIT: Ms = Ms(500);

/// Waits until what was begun in the epoch has come to its end.
#[derive(Clone, Debug)]
pub(super) struct Renewing {
    pub(super) reign: Broadcasting,
    until: Ms,
    /// The node has nothing that it is still to propose.
    is_suspended: bool,
    /// Everything is committed, and the PINGs behind it are sent.
    is_asked: bool,
}

impl Renewing {
    /// Nothing more is to be proposed from here on.
    pub(super) fn begin(reign: Broadcasting, step: &Step<'_>) -> Renewing {
        Renewing { reign, until: step.now.after(WAIT), is_suspended: false, is_asked: false }
    }

    pub(super) fn until(&self) -> Ms {
        self.until
    }

    /// What was begun is proposed.
    pub(super) fn note_suspended(&mut self) {
        self.is_suspended = true;
    }

    /// Goes on as far as what has come allows. Whether the next epoch can begin.
    pub(super) fn go_on(&mut self, links: &mut Links, step: &mut Step<'_>) -> bool {
        if !self.is_asked && self.is_suspended && self.reign.has_committed_all() && self.reign.confirm.is_done() {
            self.is_asked = true;
            ask(links, step);
        }
        let proposed = self.reign.proposed();
        // Of an observer its answer says that everything is there; it looks itself whether that is durable.
        let has_all = |learner: Learner, live: &Live| {
            live.pings.answered == live.pings.sent && (learner.observes() || live.acknowledged >= proposed)
        };
        self.is_asked
            && step.server.log.is_drained()
            && links.all(|open| match open.state() {
                State::Live(learner, live) => has_all(learner, &live),
                _ => true,
            })
    }
}

fn ask(links: &mut Links, step: &mut Step<'_>) {
    for (link, open) in links.iter_mut() {
        if let State::Live(learner, mut live) = open.state() {
            live.pings.sent += 1;
            open.set(State::Live(learner, live));
            step.send(link, Message::Ping);
        }
    }
}

/// Whether everybody who has said who it is can begin the next epoch on its link.
pub(super) fn can_all(links: &Links) -> bool {
    links.all(|open: &LearnerLink| match open.state() {
        State::AwaitingInfo => true,
        State::Live(learner, _) => learner.features.has(Features::RENEWAL),
        _ => false,
    })
}
