//! A learner's link to its leader.

use super::broadcast::Broadcasting;
use super::discovery::{AwaitingCut, AwaitingPlan, AwaitingState, Promise, WritingAccepted};
use super::history::{Taken, TakingHistory};
use super::master::Master;
use super::renewal::Renewing;
use crate::config::PeerType;
use crate::input::{Link, Mark, Unsettled};
use crate::leading::ObserverMaster;
use crate::message::{FromMaster, Message};
use crate::mutants::mutant;
use crate::output::Reason;
use crate::settings::{Features, Ms, Settings};
use crate::step::Step;
use crate::{Epoch, Zxid};

/// The link, and how far the learner has come on it.
#[derive(Clone, Debug)]
pub(super) struct Connected {
    master: Master,
    /// When the last packet came.
    heard: Ms,
    /// The leader has been followed on this link, so that clients are served whatever is waited for.
    has_served: bool,
    /// The state has turned out not to be the leader's while it begins another epoch.
    diverged: bool,
    state: State,
}

/// Named by what is waited for, in the order in which it comes.
#[derive(Clone, Debug)]
enum State {
    AwaitingLeaderInfo,
    WritingAccepted(WritingAccepted),
    AwaitingPlan(AwaitingPlan),
    AwaitingCut(AwaitingCut),
    AwaitingState(AwaitingState),
    TakingHistory(TakingHistory),
    WritingLastSeen(Taken),
    Settling(Taken),
    WritingCurrent(Taken),
    AwaitingUpToDate(Taken),
    Broadcasting(Broadcasting),
    Renewing(Renewing),
}

impl Connected {
    pub(super) fn begin(master: Master, step: &mut Step<'_>) -> Connected {
        let link = master.link;
        let peer_type = if master.observes { PeerType::Observer } else { PeerType::Participant };
        let accepted = step.server.epochs().accepted();
        let config_version = step.server.configs().committed.version();
        step.send(link, Message::Info { peer_type, accepted, config_version });
        Connected { master, heard: step.now, has_served: false, diverged: false, state: State::AwaitingLeaderInfo }
    }

    pub(super) fn link(&self) -> Link {
        self.master.link
    }

    pub(super) fn awaits(&self) -> &'static str {
        self.state.name()
    }

    /// The epoch of the leader, once this server has its history and serves.
    pub(super) fn served_epoch(&self) -> Option<Epoch> {
        match &self.state {
            State::Broadcasting(broadcasting) => Some(broadcasting.epoch()),
            _ => None,
        }
    }

    pub(super) fn observer_master(&self) -> Option<&ObserverMaster> {
        match &self.state {
            State::Broadcasting(broadcasting) => broadcasting.observer_master(),
            _ => None,
        }
    }

    pub(super) fn observer_master_mut(&mut self) -> Option<&mut ObserverMaster> {
        match &mut self.state {
            State::Broadcasting(broadcasting) => broadcasting.observer_master_mut(),
            _ => None,
        }
    }

    /// The role ends because this server stops: its observers are told so.
    pub(super) fn stop(self, step: &mut Step<'_>) {
        if let State::Broadcasting(broadcasting) = self.state {
            broadcasting.end_observers(Reason::Stopped, step);
        }
    }

    /// When there is something to look at.
    pub(super) fn deadline(&self, settings: &Settings) -> Option<Ms> {
        let observers = self.observer_master().map(ObserverMaster::deadline);
        self.silent_until(settings).into_iter().chain(observers).min()
    }

    /// When the leader has been silent for too long. While a whole state comes no packet can: the node watches its bytes.
    fn silent_until(&self, settings: &Settings) -> Option<Ms> {
        match &self.state {
            State::AwaitingState(_) => None,
            State::AwaitingUpToDate(_) | State::Broadcasting(_) => Some(self.heard.after(settings.sync_wait())),
            // Clients are served meanwhile, by whoever may be none of the ensemble any more.
            _ if self.has_served => Some(self.heard.after(settings.sync_wait())),
            _ => Some(self.heard.after(settings.init_wait())),
        }
    }

    pub(super) fn on_time(mut self, step: &mut Step<'_>) -> Result<Connected, Reason> {
        if self.silent_until(&step.server.settings).is_some_and(|deadline| deadline <= step.now) {
            return Err(Reason::TimedOut);
        }
        if let Some(observer_master) = self.observer_master_mut() {
            observer_master.on_time(step);
        }
        Ok(self)
    }

    pub(super) fn on_message(self, message: &FromMaster<'_>, step: &mut Step<'_>) -> Result<Connected, Reason> {
        let mut master = self.master;
        if let (State::AwaitingLeaderInfo, FromMaster::LeaderInfo { features, .. }) = (&self.state, message) {
            let both_have = |wanted| features.has(wanted) && step.server.settings.features.has(wanted);
            (master.renews, master.is_grouped) = (both_have(Features::RENEWAL), both_have(Features::GROUPED));
            master.is_paddock =
                [*features, step.server.settings.features].iter().all(|told| *told != Features::default());
        }
        let has_served = self.has_served || matches!(self.state, State::Broadcasting(_));
        let state = self.state.on_message(&master, message, step)?;
        let connected = Connected { master, heard: step.now, has_served, diverged: self.diverged, state };
        match connected.diverged && matches!(connected.state, State::Broadcasting(_)) {
            true => Connected { diverged: false, ..connected }.on_diverged(step),
            false => Ok(connected),
        }
    }

    pub(super) fn on_written(self, mark: &Mark, step: &mut Step<'_>) -> Connected {
        let state = self.state.on_written(&self.master, mark, step);
        Connected { state, ..self }
    }

    pub(super) fn on_durable(self, step: &mut Step<'_>) -> Connected {
        let state = self.state.on_durable(&self.master, step);
        Connected { state, ..self }
    }

    /// What took its time here was not the leader's silence.
    pub(super) fn on_settled(self, settled: Result<Zxid, Unsettled>, step: &mut Step<'_>) -> Result<Connected, Reason> {
        let state = self.state.on_settled(&self.master, settled, step)?;
        Ok(Connected { heard: step.now, state, ..self })
    }

    /// While the leader begins another epoch, that epoch has to be served first: it is its leader who is asked for a full copy.
    pub(super) fn on_diverged(self, step: &mut Step<'_>) -> Result<Connected, Reason> {
        match &self.state {
            State::Broadcasting(broadcasting) if step.server.distrust(broadcasting.epoch()) => Err(Reason::Diverged),
            State::Broadcasting(_) => Ok(self),
            _ => Ok(Connected { diverged: true, ..self }),
        }
    }
}

impl State {
    pub(super) fn name(&self) -> &'static str {
        match self {
            State::AwaitingLeaderInfo => "AwaitingLeaderInfo",
            State::WritingAccepted(_) => "WritingAccepted",
            State::AwaitingPlan(_) => "AwaitingPlan",
            State::AwaitingCut(_) => "AwaitingCut",
            State::AwaitingState(_) => "AwaitingState",
            State::TakingHistory(_) => "TakingHistory",
            State::WritingLastSeen(_) => "WritingLastSeen",
            State::Settling(_) => "Settling",
            State::WritingCurrent(_) => "WritingCurrent",
            State::AwaitingUpToDate(_) => "AwaitingUpToDate",
            State::Broadcasting(_) => "Broadcasting",
            State::Renewing(_) => "Renewing",
        }
    }

    fn on_message(self, master: &Master, message: &FromMaster<'_>, step: &mut Step<'_>) -> Result<State, Reason> {
        let name = self.name();
        Ok(match (self, message) {
            // It is answered by those alone who serve.
            (State::Broadcasting(broadcasting), FromMaster::Ping) => {
                step.send(master.link, Message::Pong);
                State::Broadcasting(broadcasting)
            }
            (state, FromMaster::Ping) => state,

            (State::AwaitingLeaderInfo, FromMaster::LeaderInfo { epoch, .. }) => {
                match Promise::make(*epoch, master, step)? {
                    Promise::Writing(writing) => State::WritingAccepted(writing),
                    Promise::Kept(plan) => State::AwaitingPlan(plan),
                }
            }
            (State::AwaitingPlan(plan), FromMaster::Diff(told)) => State::TakingHistory(plan.on_diff(*told, step)?),
            (State::AwaitingPlan(plan), FromMaster::Trunc(last)) => State::AwaitingCut(plan.on_trunc(*last, step)?),
            (State::AwaitingPlan(plan), FromMaster::Snap(last)) => State::AwaitingState(plan.on_snap(*last, step)?),

            (State::TakingHistory(taking), FromMaster::NewLeader { epoch, config }) => {
                State::on_new_leader(taking.on_new_leader(*epoch, *config)?, master, step)?
            }
            (State::TakingHistory(mut taking), message) => {
                taking.on_history(master, message, step)?;
                State::TakingHistory(taking)
            }
            (State::AwaitingUpToDate(taken), FromMaster::UpToDate) => {
                State::Broadcasting(Broadcasting::begin(taken, master, step)?)
            }
            (State::WritingLastSeen(mut taken), message) => {
                taken.on_history(master, message, step)?;
                State::WritingLastSeen(taken)
            }
            (State::Settling(mut taken), message) => {
                taken.on_history(master, message, step)?;
                State::Settling(taken)
            }
            (State::WritingCurrent(mut taken), message) => {
                taken.on_history(master, message, step)?;
                State::WritingCurrent(taken)
            }
            (State::AwaitingUpToDate(mut taken), message) => {
                taken.on_history(master, message, step)?;
                State::AwaitingUpToDate(taken)
            }
            (State::Broadcasting(broadcasting), FromMaster::LeaderInfo { epoch, .. }) if master.renews => {
                State::promise(broadcasting.renew(*epoch, step)?, step)
            }
            (State::Broadcasting(mut broadcasting), message) => {
                broadcasting.on_message(master, message, step)?;
                State::Broadcasting(broadcasting)
            }
            (
                State::AwaitingLeaderInfo
                | State::WritingAccepted(_)
                | State::AwaitingPlan(_)
                | State::AwaitingCut(_)
                | State::AwaitingState(_)
                | State::Renewing(_),
                message,
            ) => return Err(Reason::Unexpected { state: name, zxid: message.zxid() }),
        })
    }

    /// First the configuration, then the history, then the epoch, and only then the acknowledgement of them all: each durable
    /// before the next is written, so that no crash leaves an epoch without its history.
    fn on_new_leader(taken: Taken, master: &Master, step: &mut Step<'_>) -> Result<State, Reason> {
        if mutant!(1) {
            taken.acknowledge_epoch(master, step);
        }
        Ok(match taken.see_config(master, step)? {
            true => State::WritingLastSeen(taken),
            false => State::on_config_written(taken, master, step),
        })
    }

    fn on_config_written(taken: Taken, master: &Master, step: &mut Step<'_>) -> State {
        if mutant!(3) {
            taken.write_epoch(master, step).ok();
            return State::WritingCurrent(taken);
        }
        taken.settle(step);
        if mutant!(2) {
            taken.acknowledge_epoch(master, step);
        }
        State::Settling(taken)
    }

    fn on_history_durable(taken: Taken, master: &Master, step: &mut Step<'_>) -> Result<State, Reason> {
        if mutant!(3) {
            return Ok(State::acknowledge_new_leader(taken, master, step));
        }
        taken.write_epoch(master, step)?;
        Ok(State::WritingCurrent(taken))
    }

    fn on_epoch_written(taken: Taken, master: &Master, step: &mut Step<'_>) -> State {
        if mutant!(3) {
            taken.settle(step);
            return State::Settling(taken);
        }
        State::acknowledge_new_leader(taken, master, step)
    }

    fn acknowledge_new_leader(mut taken: Taken, master: &Master, step: &mut Step<'_>) -> State {
        if !mutant!(1 | 2) {
            taken.acknowledge_epoch(master, step);
        }
        taken.acknowledge(master, step);
        State::AwaitingUpToDate(taken)
    }

    /// What is durable now may be what this state waits for.
    fn on_written(self, master: &Master, mark: &Mark, step: &mut Step<'_>) -> State {
        match self {
            State::WritingAccepted(writing) if *mark == Mark::AcceptedEpoch(writing.epoch()) => {
                State::AwaitingPlan(writing.on_written(master, step))
            }
            State::WritingLastSeen(taken) if step.server.are_configs_written() => {
                State::on_config_written(taken, master, step)
            }
            State::WritingCurrent(taken) if *mark == Mark::CurrentEpoch(taken.epoch()) => {
                State::on_epoch_written(taken, master, step)
            }
            State::Renewing(renewing) => State::promise(renewing, step),
            state => state.acknowledge(master, step),
        }
    }

    /// Another epoch may be promised.
    fn promise(renewing: Renewing, step: &mut Step<'_>) -> State {
        match renewing.promise(step) {
            Some(writing) => State::WritingAccepted(writing),
            None => State::Renewing(renewing),
        }
    }

    /// More is durable.
    fn on_durable(self, master: &Master, step: &mut Step<'_>) -> State {
        match self {
            State::Renewing(renewing) => State::promise(renewing, step),
            state => state.acknowledge(master, step),
        }
    }

    /// Acknowledges what is durable, once NEWLEADER is acknowledged.
    fn acknowledge(self, master: &Master, step: &mut Step<'_>) -> State {
        match self {
            State::Settling(mut taken) if mutant!(4) => {
                taken.acknowledge(master, step);
                State::Settling(taken)
            }
            State::AwaitingUpToDate(mut taken) => {
                taken.acknowledge(master, step);
                State::AwaitingUpToDate(taken)
            }
            State::Broadcasting(mut broadcasting) => {
                broadcasting.acknowledge(master, step);
                State::Broadcasting(broadcasting)
            }
            state => state,
        }
    }

    fn on_settled(
        self,
        master: &Master,
        settled: Result<Zxid, Unsettled>,
        step: &mut Step<'_>,
    ) -> Result<State, Reason> {
        let epoch = match &self {
            State::AwaitingCut(cut) => cut.epoch(),
            State::AwaitingState(state) => state.epoch(),
            State::Settling(taken) => taken.epoch(),
            state => panic!("nothing was to be settled in the state {}", state.name()),
        };
        if let Err(unsettled) = settled {
            step.server.distrust(epoch);
            return Err(Reason::Unsettled(unsettled));
        }
        Ok(match self {
            State::AwaitingCut(cut) => State::TakingHistory(cut.on_settled(step)),
            State::AwaitingState(state) => State::TakingHistory(state.on_settled()),
            State::Settling(taken) => State::on_history_durable(taken, master, step)?,
            state => state,
        })
    }
}
