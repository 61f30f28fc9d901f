//! A follower that serves observers in its leader's place.

use alloc::vec::Vec;

use super::broadcast::Broadcasting;
use super::link::{Catching, Joined, Learner, LearnerState, Live, Promise, State};
use super::links::Links;
use super::liveness::{Pulse, close_late, ping};
use super::{lacks_config, start, sync};
use crate::config::PeerType;
use crate::input::Link;
use crate::message::{FromLearner, Message};
use crate::output::{Output, Reason};
use crate::settings::Ms;
use crate::step::Step;
use crate::{Epoch, Zxid};

/// What a leader does for observers, with the epoch that is the follower's already and no quorum to wait for. It has what its
/// follower knows to be committed, and ends with the follower's role.
#[derive(Clone, Debug)]
pub(crate) struct ObserverMaster {
    epoch: Epoch,
    links: Links,
    pulse: Pulse,
}

impl ObserverMaster {
    pub(crate) fn begin(epoch: Epoch, step: &mut Step<'_>) -> ObserverMaster {
        step.put(Output::ServeObservers);
        ObserverMaster { epoch, links: Links::default(), pulse: Pulse::begin(step) }
    }

    pub(crate) fn deadline(&self) -> Ms {
        self.pulse.next()
    }

    /// The observers that have told who they are.
    pub(crate) fn observers(&self) -> impl Iterator<Item = LearnerState> {
        self.links.learners()
    }

    pub(crate) fn on_time(&mut self, step: &mut Step<'_>) {
        if self.pulse.beats(step) {
            close_late(&mut self.links, Zxid::NOTHING, step);
            self.close_ahead(step);
            ping(&mut self.links, step);
        }
    }

    pub(crate) fn on_learner_up(&mut self, link: Link, step: &mut Step<'_>) {
        self.links.add(link, step);
    }

    pub(crate) fn on_learner_down(&mut self, link: Link) {
        self.links.remove(link);
    }

    pub(crate) fn on_message(&mut self, link: Link, message: FromLearner, step: &mut Step<'_>) {
        let Some(open) = self.links.get(link) else { return };
        open.hear(step.now);
        match (message, open.state()) {
            (
                FromLearner::Info {
                    server: Some(server), peer_type: PeerType::Observer, config_version, features, ..
                },
                State::AwaitingInfo,
            ) if server != step.server.me => {
                self.on_info(link, Learner { server, peer_type: PeerType::Observer, features, config_version }, step);
            }
            (FromLearner::Info { accepted, .. }, _) => self.links.refuse(link, Zxid::start_of(accepted), step),
            (FromLearner::AckEpoch { last, .. }, State::AwaitingAckEpoch(learner)) => {
                self.on_ack_epoch(link, learner, last, step);
            }
            (FromLearner::AckEpoch { last, .. }, _) => self.links.refuse(link, last, step),
            (FromLearner::Ack(zxid), state) => self.on_ack(link, state, zxid, step),
            (FromLearner::Pong, _) => {
                if !Broadcasting::on_pong(open) {
                    self.links.refuse(link, Zxid::ZERO, step);
                }
            }
        }
    }

    fn on_info(&mut self, link: Link, learner: Learner, step: &mut Step<'_>) {
        if learner.config_version > step.server.configs().committed.version() {
            return self.links.close(link, Reason::Newer, step);
        }
        if lacks_config(learner, step) {
            return self.links.close(link, Reason::OldConfig, step);
        }
        self.links.name(link, learner.server);
        step.send(link, Message::LeaderInfo { epoch: self.epoch });
        self.enter(link, State::AwaitingAckEpoch(learner), step);
    }

    fn on_ack_epoch(&mut self, link: Link, learner: Learner, last: Zxid, step: &mut Step<'_>) {
        self.links.take_place(link, learner.server, step);
        self.enter(link, State::AwaitingAckEpochQuorum(learner, Promise { last, counts: false }), step);
        self.on_committed(step);
    }

    /// An observer has nothing that is not committed. One that comes from another master may be ahead of what this one knows to
    /// be, and is not told to take that back: it waits until this follower has come so far.
    pub(crate) fn on_committed(&mut self, step: &mut Step<'_>) {
        let (epoch, committed) = (self.epoch, step.server.committed());
        let is_ahead = |promise: Promise| promise.last > committed && promise.last.epoch() == epoch;
        self.links.advance(step, |link, state, step| match state {
            State::AwaitingAckEpochQuorum(learner, promise) if !is_ahead(promise) => {
                Some(sync(link, learner, promise, committed, step))
            }
            _ => None,
        });
    }

    /// Whoever tells of what never comes goes: with another master it may have more luck.
    fn close_ahead(&mut self, step: &mut Step<'_>) {
        let longest = step.server.settings.init_wait();
        let is_late = |(link, open): (Link, &mut super::link::LearnerLink)| {
            let is_waiting = matches!(open.state(), State::AwaitingAckEpochQuorum(..));
            (is_waiting && step.now.since(open.heard()) >= longest).then_some(link)
        };
        let late: Vec<Link> = self.links.iter_mut().filter_map(is_late).collect();
        late.into_iter().for_each(|link| self.links.close(link, Reason::TimedOut, step));
    }

    /// The observer is sent its state from here on.
    pub(crate) fn on_state_begun(&mut self, link: Link) {
        if let Some(open) = self.links.get(link)
            && let State::CatchingUp(learner, catching) = open.state()
        {
            open.set(State::CatchingUp(learner, Catching { awaits_state: false, ..catching }));
        }
    }

    /// What it lacked of the history is in memory: the rest goes out in this moment, and NEWLEADER behind it.
    pub(crate) fn on_caught_up(&mut self, link: Link, step: &mut Step<'_>) {
        let learner = self.links.get(link).and_then(|open| open.learner());
        if learner.is_some_and(|learner| lacks_config(learner, step)) {
            return self.links.close(link, Reason::OldConfig, step);
        }
        if let Some(open) = self.links.get(link)
            && let State::CatchingUp(learner, _) = open.state()
        {
            let covered = step.server.committed();
            open.enter(State::AwaitingNewLeaderAck(learner, Joined { covered, early: covered }), step.now);
            let config = step.server.configs().last_seen.clone();
            step.put(Output::Join(link));
            step.send(link, Message::NewLeader { epoch: self.epoch, config });
        }
    }

    /// It acknowledges NEWLEADER and UPTODATE, and nothing else.
    fn on_ack(&mut self, link: Link, state: State, zxid: Zxid, step: &mut Step<'_>) {
        match state {
            State::AwaitingNewLeaderAck(learner, joined) if zxid == Zxid::start_of(self.epoch) => {
                let live = start(link, learner, joined.covered, step);
                self.enter(link, live, step);
            }
            State::Live(_, Live { .. }) if zxid.is_blank() => {}
            _ => self.links.refuse(link, zxid, step),
        }
    }

    /// Its follower begins another epoch, or stops: nobody is served any more.
    pub(crate) fn end(self, reason: Reason, step: &mut Step<'_>) {
        self.links.end(reason, step);
    }

    fn enter(&mut self, link: Link, state: State, step: &Step<'_>) {
        if let Some(open) = self.links.get(link) {
            open.enter(state, step.now);
        }
    }
}
