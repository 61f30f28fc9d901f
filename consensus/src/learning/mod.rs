//! A follower or an observer: a server that learns from a leader.

mod activation;
mod broadcast;
mod connected;
mod discovery;
mod history;
mod master;
mod outstanding;
mod renewal;
mod repeats;

use self::connected::Connected;
use self::master::Master;
use crate::ServerId;
use crate::Zxid;
use crate::election::{Connections, Decision};
use crate::input::{Link, Mark, Unsettled};
use crate::leading::ObserverMaster;
use crate::message::FromMaster;
use crate::mutants::mutant;
use crate::notification::{Notification, ServerState};
use crate::output::{Cause, HaltReason, Output, Reason};
use crate::settings::{Ms, Settings};
use crate::step::{Over, Step};

/// What passes between two attempts to connect to a leader that refuses: it may have decided later than this server, mostly by
/// the time of one message. The first wait is so short; each is twice as long as the one before, up to the longest.
const RETRY_MIN: Ms = Ms(2);
const RETRY_MAX: Ms = Ms(100);

/// The role of a learner. It ends with its link to the leader, and begins with each link anew.
#[derive(Clone, Debug)]
pub(crate) struct Learning {
    decision: Decision,
    /// Whom it asks, or has a link to: the leader, or one who serves observers in its place.
    master: ServerId,
    /// Of an observer that asks those who serve in its leader's place: it asks the leader itself this time.
    asks_leader: bool,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// One attempt is under way; no other begins after `until`. If the leader does not take it, `wait` passes before the next.
    Connecting {
        until: Ms,
        wait: Ms,
    },
    /// The leader did not take the last one. If it does not take the next one either, `wait` passes.
    AwaitingRetry {
        at: Ms,
        until: Ms,
        wait: Ms,
    },
    Connected(Connected),
}

impl Learning {
    pub(crate) fn begin(decision: Decision, step: &mut Step<'_>) -> Learning {
        let until = step.now.after(step.server.settings.connect_wait());
        let master = decision.vote.leader;
        let state = State::AwaitingRetry { at: step.now, until, wait: RETRY_MIN };
        let mut learning = Learning { decision, master, asks_leader: false, state };
        let delay = learning.choose_master(step);
        learning.connect_after(delay, until, RETRY_MIN, step)
    }

    fn observes(&self) -> bool {
        self.decision.state == ServerState::Observing
    }

    /// Whether it asks others than the leader.
    fn has_observer_masters(&self, step: &Step<'_>) -> bool {
        self.observes() && step.server.settings.has_observer_masters
    }

    /// Decides whom to ask next, and how long to wait before that.
    fn choose_master(&mut self, step: &mut Step<'_>) -> Ms {
        let mut waits = self.observes();
        if self.has_observer_masters(step) {
            (self.master, waits) = step.server.next_observer_master();
        }
        let longest = step.server.settings.observer_reconnect_delay_max.0;
        Ms(if waits && longest > 0 { step.server.random.draw_up_to(longest) } else { 0 })
    }

    fn connect_after(self, delay: Ms, until: Ms, wait: Ms, step: &mut Step<'_>) -> Learning {
        if delay > Ms(0) {
            return Learning { state: State::AwaitingRetry { at: step.now.after(delay), until, wait }, ..self };
        }
        step.put(match self.has_observer_masters(step) && !self.asks_leader {
            true => Output::ConnectToObserverMaster(self.master),
            false => Output::Connect(self.master),
        });
        Learning { state: State::Connecting { until, wait }, ..self }
    }

    /// Of a follower that serves observers.
    pub(crate) fn observer_master(&self) -> Option<&ObserverMaster> {
        match &self.state {
            State::Connected(connected) => connected.observer_master(),
            _ => None,
        }
    }

    pub(crate) fn observer_master_mut(&mut self) -> Option<&mut ObserverMaster> {
        match &mut self.state {
            State::Connected(connected) => connected.observer_master_mut(),
            _ => None,
        }
    }

    pub(crate) fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The name of the state.
    pub(crate) fn awaits(&self) -> &'static str {
        match &self.state {
            State::Connecting { .. } => "Connecting",
            State::AwaitingRetry { .. } => "AwaitingRetry",
            State::Connected(connected) => connected.awaits(),
        }
    }

    pub(crate) fn deadline(&self, settings: &Settings) -> Option<Ms> {
        match &self.state {
            State::Connecting { until, .. } => Some(*until),
            State::AwaitingRetry { at, until, .. } => Some(*at.min(until)),
            State::Connected(connected) => connected.deadline(settings),
        }
    }

    fn leader(&self) -> ServerId {
        self.decision.vote.leader
    }

    pub(crate) fn on_time(self, step: &mut Step<'_>) -> Result<Learning, Over> {
        match self.state {
            State::Connecting { until, .. } | State::AwaitingRetry { until, .. } if until <= step.now => {
                Err(Over::Look(Cause::LeaderUnreached))
            }
            State::AwaitingRetry { at, until, wait } if at <= step.now => {
                Ok(self.connect_after(Ms(0), until, wait, step))
            }
            State::Connected(_) => self.connected(None, step, |connected, step| connected.on_time(step)),
            State::Connecting { .. } | State::AwaitingRetry { .. } => Ok(self),
        }
    }

    pub(crate) fn on_master_up(self, link: Link, step: &mut Step<'_>) -> Result<Learning, Over> {
        match self.state {
            State::Connecting { .. } => {
                let (leader, server, observes) = (self.leader(), self.master, self.observes());
                let connected = Connected::begin(Master::new(link, leader, server, observes), step);
                Ok(Learning { state: State::Connected(connected), ..self })
            }
            State::AwaitingRetry { .. } | State::Connected(_) => {
                step.put(Output::Close(link, Reason::RoleEnded));
                Ok(self)
            }
        }
    }

    /// A leader that refuses has perhaps not decided yet, unless the election's connection to it is gone too: then it is not
    /// there any more, and nobody is owed the rest of the time. An observer master that refuses leads, or does not follow yet: the
    /// next one is asked at once, and after all of them the first one again, after a wait. After a tick the leader is asked between:
    /// a change that gives this server a vote may be needed before anybody can serve, and the server for that change.
    pub(crate) fn on_master_refused(
        mut self,
        connections: &Connections,
        step: &mut Step<'_>,
    ) -> Result<Learning, Over> {
        // What one observer master refuses says nothing of the leader, unless all have.
        let is_round_over = !self.has_observer_masters(step) || step.server.observer_masters.is_round_over();
        match self.state {
            State::Connecting { .. } if is_round_over && !connections.is_up(self.leader()) => {
                Err(Over::Look(Cause::LeaderGone))
            }
            State::Connecting { until, wait } => {
                let next = Ms(2 * wait.0).min(RETRY_MAX);
                if self.has_observer_masters(step) {
                    self.asks_leader = is_round_over && !self.asks_leader && has_asked_for_long(until, step);
                    if self.asks_leader {
                        self.master = self.leader();
                        return Ok(self.connect_after(Ms(0), until, wait, step));
                    }
                    let delay = self.choose_master(step);
                    let (delay, next) = if is_round_over { (delay.after(wait), next) } else { (delay, wait) };
                    return Ok(self.connect_after(delay, until, next, step));
                }
                Ok(Learning { state: State::AwaitingRetry { at: step.now.after(wait), until, wait: next }, ..self })
            }
            State::AwaitingRetry { .. } | State::Connected(_) => Ok(self),
        }
    }

    pub(crate) fn on_master_down(self, link: Link) -> Result<Learning, Over> {
        match self.state {
            State::Connected(connected) if connected.link() == link => Err(Over::Look(Cause::LinkDown)),
            _ => Ok(self),
        }
    }

    pub(crate) fn on_message(
        self,
        link: Link,
        message: &FromMaster<'_>,
        step: &mut Step<'_>,
    ) -> Result<Learning, Over> {
        let mut learning = self.connected(Some(link), step, |connected, step| connected.on_message(message, step))?;
        if let State::Connected(connected) = &learning.state
            && let Some(epoch) = connected.served_epoch()
            && !mutant!(25)
        {
            learning.decision.begin_epoch(epoch);
        }
        Ok(learning)
    }

    pub(crate) fn on_written(self, mark: &Mark, step: &mut Step<'_>) -> Result<Learning, Over> {
        self.connected(None, step, |connected, step| Ok(connected.on_written(mark, step)))
    }

    pub(crate) fn on_durable(self, step: &mut Step<'_>) -> Result<Learning, Over> {
        self.connected(None, step, |connected, step| Ok(connected.on_durable(step)))
    }

    pub(crate) fn on_settled(self, settled: Result<Zxid, Unsettled>, step: &mut Step<'_>) -> Result<Learning, Over> {
        self.connected(None, step, |connected, step| connected.on_settled(settled, step))
    }

    pub(crate) fn on_diverged(self, step: &mut Step<'_>) -> Result<Learning, Over> {
        self.connected(None, step, |connected, step| connected.on_diverged(step))
    }

    /// A leader that is seen looking will not take a connection.
    pub(crate) fn hear(self, from: ServerId, heard: &Notification) -> Result<Learning, Over> {
        let gave_up =
            from == self.leader() && heard.state == ServerState::Looking && !heard.agrees_with(&self.wanted());
        match self.state {
            State::Connecting { .. } | State::AwaitingRetry { .. } if gave_up => Err(Over::Look(Cause::LeaderLooks)),
            _ => Ok(self),
        }
    }

    /// What the leader says while it has not decided yet.
    fn wanted(&self) -> Notification {
        Notification { state: ServerState::Looking, ..self.decision.says() }
    }

    /// The role ends from outside.
    pub(crate) fn end(self, over: Over, step: &mut Step<'_>) -> Over {
        if let State::Connected(connected) = self.state {
            step.put(Output::Close(connected.link(), Reason::RoleEnded));
            if over == Over::Halt(HaltReason::Stopped) {
                connected.stop(step);
            }
        }
        over
    }

    /// What happens on the link, if it is this one; `None` is whichever there is. What its state refuses ends it and the role.
    fn connected(
        self,
        link: Option<Link>,
        step: &mut Step<'_>,
        happens: impl FnOnce(Connected, &mut Step<'_>) -> Result<Connected, Reason>,
    ) -> Result<Learning, Over> {
        let connected = match self.state {
            State::Connected(connected) if link.is_none_or(|link| link == connected.link()) => connected,
            _ => return Ok(self),
        };
        let link = connected.link();
        match happens(connected, step) {
            Ok(connected) => Ok(Learning { state: State::Connected(connected), ..self }),
            Err(reason) => {
                step.put(Output::Close(link, reason));
                Err(Over::Look(Cause::LinkClosed(reason)))
            }
        }
    }
}

/// Whether a tick has passed of the time in which a learner may connect, or half of it: followers serve sooner after most
/// elections.
fn has_asked_for_long(until: Ms, step: &Step<'_>) -> bool {
    let (wait, tick) = (step.server.settings.connect_wait(), step.server.settings.tick);
    wait.since(until.since(step.now)) >= tick.min(Ms(wait.0 / 2))
}
