//! A leader: it begins an epoch, brings a quorum to its history, and then proposes.

mod broadcast;
mod confirm;
mod discovery;
mod handing_over;
mod link;
mod links;
mod liveness;
mod looking;
mod observer_master;
mod renewal;

use alloc::sync::Arc;

use self::broadcast::Broadcasting;
use self::discovery::{AwaitingAckEpoch, AwaitingInfo, Compared, write_accepted};
use self::handing_over::HandingOver;
pub use self::link::LearnerState;
use self::link::{Catching, Joined, Learner, LearnerLink, Live, Promise, State};
use self::links::Links;
pub use self::links::{LINKS_MAX, LINKS_OF_VOTERS};
use self::liveness::Pulse;
use self::looking::LookingMembers;
pub(crate) use self::observer_master::ObserverMaster;
use self::renewal::{Renewing, can_all};
use crate::config::{Config, Configs};
use crate::election::Decision;
use crate::input::{Link, Mark, Ticket};
use crate::message::{FromLearner, Message};
use crate::mutants::mutant;
use crate::notification::Notification;
use crate::output::{Cause, HaltReason, Output, Part, Reason, Serve};
use crate::plan::{First, Plan};
use crate::settings::{Ms, Settings};
use crate::step::{Over, Step};
use crate::summary::Summary;
use crate::{Epoch, ServerId, Zxid};

/// The role of a leader.
#[derive(Clone, Debug)]
pub(crate) struct Leading {
    decision: Decision,
    links: Links,
    looking: LookingMembers,
    pulse: Pulse,
    phase: Phase,
}

/// Named by what is waited for, in the order in which it comes.
#[derive(Clone, Debug)]
enum Phase {
    AwaitingInfo(AwaitingInfo),
    WritingAccepted { epoch: Epoch, began: Ms },
    AwaitingAckEpoch(AwaitingAckEpoch),
    WritingCurrent { epoch: Epoch, began: Ms },
    AwaitingNewLeaderAcks { epoch: Epoch, began: Ms },
    Broadcasting(Broadcasting),
    Renewing(Renewing),
    HandingOver(HandingOver),
}

impl Phase {
    /// Since when, if there is no epoch yet.
    fn awaits_quorum_since(&self) -> Option<Ms> {
        match self {
            Phase::AwaitingInfo(waiting) => Some(waiting.began()),
            Phase::AwaitingAckEpoch(waiting) => Some(waiting.began()),
            Phase::AwaitingNewLeaderAcks { began, .. } => Some(*began),
            Phase::WritingAccepted { .. }
            | Phase::WritingCurrent { .. }
            | Phase::Broadcasting(_)
            | Phase::Renewing(_)
            | Phase::HandingOver(_) => None,
        }
    }

    /// The reign, once it has begun.
    fn reign(&self) -> Option<&Broadcasting> {
        match self {
            Phase::Broadcasting(reign)
            | Phase::Renewing(Renewing { reign, .. })
            | Phase::HandingOver(HandingOver { reign, .. }) => Some(reign),
            _ => None,
        }
    }

    fn reign_mut(&mut self) -> Option<&mut Broadcasting> {
        match self {
            Phase::Broadcasting(reign)
            | Phase::Renewing(Renewing { reign, .. })
            | Phase::HandingOver(HandingOver { reign, .. }) => Some(reign),
            _ => None,
        }
    }
}

impl Leading {
    pub(crate) fn begin(decision: Decision, step: &mut Step<'_>) -> Result<Leading, Over> {
        let phase = Phase::AwaitingInfo(AwaitingInfo::begin(step)?);
        step.put(Output::Listen(true));
        let (links, looking) = (Links::default(), LookingMembers::default());
        let mut leading = Leading { decision, links, looking, pulse: Pulse::begin(step), phase };
        leading.advance(step)?;
        Ok(leading)
    }

    pub(crate) fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The name of the state.
    pub(crate) fn awaits(&self) -> &'static str {
        match &self.phase {
            Phase::AwaitingInfo(_) => "AwaitingInfo",
            Phase::WritingAccepted { .. } => "WritingAccepted",
            Phase::AwaitingAckEpoch(_) => "AwaitingAckEpoch",
            Phase::WritingCurrent { .. } => "WritingCurrent",
            Phase::AwaitingNewLeaderAcks { .. } => "AwaitingNewLeaderAcks",
            Phase::Broadcasting(reign) if reign.leaves_at().is_some() => "Closed",
            Phase::Broadcasting(_) => "Broadcasting",
            Phase::Renewing(_) => "Renewing",
            Phase::HandingOver(_) => "HandingOver",
        }
    }

    /// Whether the reign has begun, so that it may propose.
    pub(crate) fn has_begun(&self) -> bool {
        self.phase.reign().is_some()
    }

    /// Whether a quorum of this configuration follows, the leader included if it votes there.
    pub(crate) fn would_have_quorum(&self, me: ServerId, config: &Config) -> bool {
        self.has_begun()
            && !self.is_closed()
            && config.quorum().is_quorum(|voter| voter == me || self.links.is_synchronized(voter))
    }

    /// Whether another server leads under the configuration in force, so that nothing more is committed by this one.
    pub(crate) fn is_closed(&self) -> bool {
        self.phase.reign().is_some_and(|reign| reign.leaves_at().is_some())
    }

    /// Whether a reconfiguration is proposed and not committed.
    pub(crate) fn is_reconfiguring(&self) -> bool {
        self.phase.reign().is_some_and(Broadcasting::is_reconfiguring)
    }

    /// The learners that have told who they are.
    pub(crate) fn learners(&self) -> impl Iterator<Item = LearnerState> {
        self.links.learners()
    }

    pub(crate) fn deadline(&self, settings: &Settings) -> Ms {
        self.phase_deadline(settings).map_or(self.pulse.next(), |deadline| deadline.min(self.pulse.next()))
    }

    fn phase_deadline(&self, settings: &Settings) -> Option<Ms> {
        match &self.phase {
            Phase::HandingOver(handing_over) => Some(handing_over.until()),
            Phase::Broadcasting(reign) => reign.leaves_at(),
            Phase::Renewing(renewing) => Some(renewing.until()),
            // A disk may be full for hours, and who leads already goes on being read from.
            Phase::WritingAccepted { began, .. } | Phase::WritingCurrent { began, .. } => {
                Some(began.after(settings.init_wait()))
            }
            phase => phase.awaits_quorum_since().map(|began| began.after(settings.init_wait())),
        }
    }

    /// Who is late goes, and whether a quorum is left is asked before anybody is told anything.
    pub(crate) fn on_time(&mut self, step: &mut Step<'_>) -> Result<(), Over> {
        if self.pulse.beats(step) {
            let owed = self.phase.reign().map_or(Zxid::NOTHING, |reign| reign.owed(step));
            liveness::close_late(&mut self.links, owed, step);
            self.check_followed(step)?;
            self.start_served(step);
            self.consult(step);
            liveness::ping(&mut self.links, step);
        }
        match self.phase_deadline(&step.server.settings) {
            Some(deadline) if deadline <= step.now => match self.phase {
                Phase::Broadcasting(_) => Err(Over::Look(Cause::Reconfigured)),
                Phase::Renewing(_) => {
                    self.go_on_in_epoch(step);
                    if let Some(reign) = self.phase.reign_mut() {
                        reign.put_renewal_off(step);
                    }
                    Ok(())
                }
                _ => Err(Over::Look(Cause::NoQuorum)),
            },
            _ => self.advance(step),
        }
    }

    fn check_followed(&mut self, step: &mut Step<'_>) -> Result<(), Over> {
        let Some(reign) = self.phase.reign_mut() else { return self.check_supported(step) };
        let goes_on = reign.leaves_at().is_some() || reign.is_followed(&self.links, step);
        if !goes_on && !reign.doubt(&self.links, step) {
            return Err(Over::Look(Cause::NotFollowed));
        }
        match reign.is_behind(&self.links, step) {
            true => Err(Over::Look(Cause::DiskBehind)),
            false => Ok(()),
        }
    }

    fn check_supported(&self, step: &Step<'_>) -> Result<(), Over> {
        if self.is_abandoned(step) { Err(Over::Look(Cause::Abandoned)) } else { Ok(()) }
    }

    /// Asks the oracle where nothing but its word is missing. A granted one has just been used.
    fn consult(&self, step: &mut Step<'_>) {
        let Leading { decision, links, phase, .. } = self;
        let awaits = match phase.reign() {
            Some(reign) => reign.awaits_oracle(step),
            None => {
                let is_supported = decision.is_supported(step.server.configs(), |server| links.has(server));
                phase.awaits_quorum_since().is_some() && !is_supported
            }
        };
        if step.server.settings.has_oracle && !step.server.oracle.grants() && awaits && links.is_alone(step) {
            step.ask_oracle();
        }
    }

    /// The oracle was asked.
    pub(crate) fn on_oracle(&mut self, step: &mut Step<'_>) -> Result<(), Over> {
        let grants = step.server.oracle.grants();
        if let Some(reign) = self.phase.reign_mut() {
            if !reign.on_oracle(grants) {
                return Err(Over::Look(Cause::NotFollowed));
            }
            reign.confirm.look(&mut self.links, step);
        }
        if grants { self.advance(step) } else { Ok(()) }
    }

    /// Whether it waits for a quorum, and has for a while, of which so many look for another leader or are gone that those who
    /// are left are none.
    fn is_abandoned(&self, step: &Step<'_>) -> bool {
        let Some(began) = self.phase.awaits_quorum_since() else { return false };
        let Leading { decision, links, .. } = self;
        step.now.since(began) > step.server.settings.abandon_wait()
            && !decision.is_supported(step.server.configs(), |server| links.has(server))
    }

    /// The epoch that began, or that would.
    fn epoch(&self) -> Epoch {
        match &self.phase {
            Phase::AwaitingInfo(waiting) => waiting.epoch(),
            Phase::AwaitingAckEpoch(waiting) => waiting.epoch(),
            Phase::WritingAccepted { epoch, .. }
            | Phase::WritingCurrent { epoch, .. }
            | Phase::AwaitingNewLeaderAcks { epoch, .. } => *epoch,
            Phase::Broadcasting(reign)
            | Phase::Renewing(Renewing { reign, .. })
            | Phase::HandingOver(HandingOver { reign, .. }) => reign.epoch(),
        }
    }

    /// Where the history ends that is brought to a learner as committed: all of it, as long as all of it is to become that.
    fn history_end(&self, step: &Step<'_>) -> Zxid {
        match self.phase.reign() {
            Some(_) => step.server.committed(),
            None => step.server.log.history().last(),
        }
    }

    /// A notification of somebody else.
    pub(crate) fn hear(&mut self, from: ServerId, heard: &Notification, step: &Step<'_>) -> Result<(), Over> {
        self.decision.hear(from, heard);
        if step.server.configs().is_member(from) {
            self.looking.hear(from, heard);
        }
        self.check_supported(step)
    }

    /// The election's connection to this server is gone.
    pub(crate) fn on_peer_down(&mut self, peer: ServerId, step: &Step<'_>) -> Result<(), Over> {
        self.decision.lose(peer);
        // It may come back as one that follows. If it looks, it says so before it asks to follow.
        self.looking.forget(peer);
        self.check_supported(step)
    }

    pub(crate) fn on_learner_up(&mut self, link: Link, step: &mut Step<'_>) -> Result<(), Over> {
        self.links.add(link, step);
        Ok(())
    }

    pub(crate) fn on_learner_down(&mut self, link: Link, step: &mut Step<'_>) -> Result<(), Over> {
        self.links.remove(link);
        self.advance(step)?;
        self.start_served(step);
        Ok(())
    }

    pub(crate) fn on_message(&mut self, link: Link, message: FromLearner, step: &mut Step<'_>) -> Result<(), Over> {
        let Some(open) = self.links.get(link) else { return Ok(()) };
        open.hear(step.now);
        match (message, open.state()) {
            (FromLearner::Info { server: Some(server), .. }, State::AwaitingInfo) if server == step.server.me => {
                self.refuse(link, Zxid::ZERO, step)
            }
            (
                FromLearner::Info { server: Some(server), peer_type, accepted, config_version, features },
                State::AwaitingInfo,
            ) => self.on_info(link, Learner { server, peer_type, features, config_version }, accepted, step),
            (FromLearner::Info { accepted, .. }, _) => self.refuse(link, Zxid::start_of(accepted), step),
            (FromLearner::AckEpoch { current, last }, State::AwaitingAckEpoch(learner)) => {
                self.on_ack_epoch(link, learner, current, last, step)
            }
            (FromLearner::AckEpoch { last, .. }, _) => self.refuse(link, last, step),
            (FromLearner::Ack(zxid), state) => self.on_ack(link, state, zxid, step),
            (FromLearner::Pong, _) => self.on_pong(link, step),
        }
    }

    fn refuse(&mut self, link: Link, zxid: Zxid, step: &mut Step<'_>) -> Result<(), Over> {
        self.links.refuse(link, zxid, step);
        Ok(())
    }

    fn enter(&mut self, link: Link, state: State, step: &Step<'_>) {
        if let Some(open) = self.links.get(link) {
            open.enter(state, step.now);
        }
    }

    /// What the learner accepted counts before the epoch is known, if it is a member's. After that, who has promised a later
    /// one is told the epoch, and leaves.
    fn on_info(&mut self, link: Link, learner: Learner, accepted: Epoch, step: &mut Step<'_>) -> Result<(), Over> {
        if learner.config_version > step.server.configs().committed.version() {
            self.links.close(link, Reason::Newer, step);
            return Ok(());
        }
        if lacks_config(learner, step) {
            self.links.close(link, Reason::OldConfig, step);
            return Ok(());
        }
        if !self.links.have_room_for(learner.server, step) {
            self.links.close(link, Reason::TooMany, step);
            return Ok(());
        }
        let is_believed = accepted.next().is_some() && step.server.epochs().accepted().is_credible(accepted);
        if let Phase::AwaitingInfo(waiting) = &mut self.phase {
            if !is_believed {
                return self.refuse(link, Zxid::start_of(accepted), step);
            }
            if step.server.configs().is_member(learner.server) {
                step.server.hear_accepted(accepted);
                waiting.hear(accepted);
            }
        } else if is_believed && self.leaves_out(learner.server, accepted) {
            step.server.hear_accepted(accepted);
            return Err(Over::Look(Cause::LaterEpoch));
        }
        self.links.name(link, learner.server);
        match self.phase {
            Phase::AwaitingInfo(_) | Phase::WritingAccepted { .. } => {
                self.enter(link, State::AwaitingEpochQuorum(learner), step);
                self.advance(step)
            }
            _ => {
                step.send(link, Message::LeaderInfo { epoch: self.epoch() });
                self.enter(link, State::AwaitingAckEpoch(learner), step);
                Ok(())
            }
        }
    }

    /// Whether a member cannot follow before there is another leader, because it has promised a later epoch to one that perhaps
    /// never was one. It must have been heard to look for a leader, with a history of no later epoch than this one: a server
    /// that follows, and whoever calls itself by its id, changes nothing, nor does a server with the data of another ensemble.
    fn leaves_out(&self, server: ServerId, accepted: Epoch) -> bool {
        accepted > self.epoch() && !self.links.has(server) && self.looking.has_none_later(server, self.epoch())
    }

    fn on_ack_epoch(
        &mut self,
        link: Link,
        learner: Learner,
        current: Option<Epoch>,
        last: Zxid,
        step: &mut Step<'_>,
    ) -> Result<(), Over> {
        let promise = Promise { last, counts: current.is_some() && last != Zxid::NOTHING };
        if let Phase::AwaitingAckEpoch(waiting) = &mut self.phase
            && let Some(current_epoch) = current
        {
            let compared = waiting.compare(learner.server, Summary { current_epoch, last }, step);
            let can_lead = waiting.can_lead(step);
            match (compared, can_lead) {
                (Compared::Older | Compared::NewerOfNewVoter, true) => {}
                (Compared::Older, false) => return Err(Over::Look(Cause::NewerHistories)),
                (Compared::Newer | Compared::NewerOfNewVoter, can_lead) => {
                    self.links.close(link, Reason::Newer, step);
                    return if can_lead { Ok(()) } else { Err(Over::Look(Cause::NewerHistories)) };
                }
            }
        }
        if let Phase::AwaitingAckEpoch(waiting) = &mut self.phase
            && current.is_none()
            && last != Zxid::NOTHING
            && step.server.configs().is_voter(learner.server)
        {
            waiting.note_spent(learner.server);
            // Nobody is owed initLimit: the epoch after it counts for all.
            if !waiting.can_begin(step) {
                return Err(Over::Look(Cause::PromisesSpent));
            }
        }
        self.links.take_place(link, learner.server, step);
        self.looking.forget(learner.server);
        match self.phase {
            Phase::AwaitingAckEpoch(_) | Phase::WritingCurrent { .. } => {
                self.enter(link, State::AwaitingAckEpochQuorum(learner, promise), step);
                self.advance(step)
            }
            _ => {
                let catching = sync(link, learner, promise, self.history_end(step), step);
                self.enter(link, catching, step);
                Ok(())
            }
        }
    }

    /// From here on this learner needs nothing that is not committed.
    pub(crate) fn on_state_begun(&mut self, link: Link) {
        if let Some(open) = self.links.get(link)
            && let State::CatchingUp(learner, catching) = open.state()
        {
            open.set(State::CatchingUp(learner, Catching { awaits_state: false, ..catching }));
        }
    }

    /// What this learner lacked of the history is in memory: the rest goes out in this moment, and NEWLEADER behind it.
    pub(crate) fn on_caught_up(&mut self, link: Link, step: &mut Step<'_>) -> Result<(), Over> {
        let (epoch, covered) = (self.epoch(), self.history_end(step));
        let learner = self.links.get(link).and_then(|open| open.learner());
        if learner.is_some_and(|learner| lacks_config(learner, step)) {
            self.links.close(link, Reason::OldConfig, step);
            return self.advance(step);
        }
        if let Some(open) = self.links.get(link)
            && let State::CatchingUp(learner, _) = open.state()
        {
            open.enter(State::AwaitingNewLeaderAck(learner, Joined { covered, early: covered }), step.now);
            let config = step.server.configs().last_seen.clone();
            let new_leader = Output::Send(link, Message::NewLeader { epoch, config });
            let [first, second] = match mutant!(10) {
                true => [new_leader, Output::Join(link)],
                false => [Output::Join(link), new_leader],
            };
            step.put(first);
            step.put(second);
        }
        Ok(())
    }

    fn on_ack(&mut self, link: Link, state: State, zxid: Zxid, step: &mut Step<'_>) -> Result<(), Over> {
        match state {
            State::AwaitingNewLeaderAck(learner, joined) if zxid == Zxid::start_of(self.epoch()) || mutant!(4) => {
                self.on_ack_new_leader(link, learner, joined, step)
            }
            State::AwaitingNewLeaderAck(..) | State::AwaitingStart(..) | State::Live(..) if zxid.is_blank() => Ok(()),
            _ if !self.was_sent(zxid, step) => self.refuse(link, zxid, step),
            State::AwaitingNewLeaderAck(learner, joined) => {
                let early = joined.early.max(zxid);
                self.set(link, State::AwaitingNewLeaderAck(learner, Joined { early, ..joined }));
                Ok(())
            }
            State::AwaitingStart(learner, acknowledged) => {
                self.set(link, State::AwaitingStart(learner, acknowledged.max(zxid)));
                self.advance(step)
            }
            // ZooKeeper also acknowledges what its synchronisation brought.
            State::Live(_, live) if zxid <= live.acknowledged => Ok(()),
            State::Live(learner, live) => {
                self.set(link, State::Live(learner, Live { acknowledged: zxid, ..live }));
                self.advance(step)
            }
            _ => self.refuse(link, zxid, step),
        }
    }

    fn set(&mut self, link: Link, state: State) {
        if let Some(open) = self.links.get(link) {
            open.set(state);
        }
    }

    /// Whether there is this transaction, so that somebody can have it.
    fn was_sent(&self, zxid: Zxid, step: &Step<'_>) -> bool {
        let history = step.server.log.history();
        zxid <= history.last() && (zxid.epoch() == self.epoch() || history.contains(zxid))
    }

    /// A learner has the history; what it acknowledged too early counts from here on.
    fn on_ack_new_leader(
        &mut self,
        link: Link,
        learner: Learner,
        joined: Joined,
        step: &mut Step<'_>,
    ) -> Result<(), Over> {
        self.enter(link, State::AwaitingStart(learner, joined.early), step);
        self.start_served(step);
        self.advance(step)
    }

    /// Those who have the history serve once the reign has begun. A change that is pending is waited for: NEWLEADER told of it, and a
    /// server of ZooKeeper has that in force with UPTODATE, and tells others so. But such a server acknowledges no proposal before
    /// UPTODATE, so that nobody waits where the others cannot commit the change.
    fn start_served(&mut self, step: &mut Step<'_>) {
        let can_commit = |open: &LearnerLink| match open.state() {
            State::Live(learner, _) => !learner.observes(),
            State::AwaitingStart(learner, _) => !learner.observes() && learner.is_paddock(),
            _ => false,
        };
        let waits = self.is_reconfiguring() && self.links.are_quorum(step, can_commit);
        if self.has_begun() && !waits {
            self.links.advance(step, |link, state, step| {
                let State::AwaitingStart(learner, acknowledged) = state else { return None };
                Some(start(link, learner, acknowledged, step))
            });
        }
    }

    fn on_pong(&mut self, link: Link, step: &mut Step<'_>) -> Result<(), Over> {
        if !self.links.get(link).is_some_and(Broadcasting::on_pong) {
            return self.refuse(link, Zxid::ZERO, step);
        }
        if let Some(reign) = self.phase.reign_mut() {
            reign.confirm.look(&mut self.links, step);
        }
        self.advance(step)
    }

    pub(crate) fn on_written(&mut self, mark: &Mark, step: &mut Step<'_>) -> Result<(), Over> {
        match self.phase {
            Phase::WritingAccepted { epoch, .. } if step.server.is_written() => self.begin_epoch(epoch, step)?,
            Phase::WritingCurrent { epoch, .. } if *mark == Mark::CurrentEpoch(epoch) => self.begin_sync(epoch, step),
            _ => {}
        }
        self.advance(step)
    }

    /// The promise is durable: the learners may be told the epoch.
    fn begin_epoch(&mut self, epoch: Epoch, step: &mut Step<'_>) -> Result<(), Over> {
        self.phase = Phase::AwaitingAckEpoch(AwaitingAckEpoch::begin(epoch, step)?);
        self.links.advance(step, |link, state, step| {
            let State::AwaitingEpochQuorum(learner) = state else { return None };
            step.send(link, Message::LeaderInfo { epoch });
            Some(State::AwaitingAckEpoch(learner))
        });
        Ok(())
    }

    /// This server leads: what it has is what all others will have.
    fn begin_sync(&mut self, epoch: Epoch, step: &mut Step<'_>) {
        self.phase = Phase::AwaitingNewLeaderAcks { epoch, began: step.now };
        let end = self.history_end(step);
        self.links.advance(step, |link, state, step| {
            let State::AwaitingAckEpochQuorum(learner, promise) = state else { return None };
            Some(sync(link, learner, promise, end, step))
        });
    }

    pub(crate) fn on_durable(&mut self, step: &mut Step<'_>) -> Result<(), Over> {
        self.advance(step)
    }

    /// # Panics
    /// If this server may not propose, or not this transaction.
    pub(crate) fn on_proposed(
        &mut self,
        zxid: Zxid,
        change: Option<&Arc<Config>>,
        step: &mut Step<'_>,
    ) -> Result<(), Over> {
        match self.phase.reign_mut() {
            Some(reign) => reign.propose(zxid, change, step),
            None => panic!("{zxid} is proposed before the reign has begun"),
        }
        Ok(())
    }

    /// What was begun is proposed.
    pub(crate) fn on_suspended(&mut self, step: &mut Step<'_>) -> Result<(), Over> {
        if let Phase::Renewing(renewing) = &mut self.phase {
            renewing.note_suspended();
        }
        self.advance(step)
    }

    pub(crate) fn on_confirm(&mut self, ticket: Ticket, step: &mut Step<'_>) -> Result<(), Over> {
        match self.phase.reign_mut() {
            Some(reign) => {
                reign.confirm.ask(ticket, &mut self.links, step);
                self.consult(step);
            }
            None => step.put(Output::Lost(ticket)),
        }
        Ok(())
    }

    /// Nothing more is to be proposed; what was proposed comes to its end first. Those who wait for it are still served.
    pub(crate) fn stop(self, step: &mut Step<'_>) -> Result<Leading, Over> {
        let Leading { decision, links, looking, pulse, phase } = self;
        let (phase, is_over) = match phase {
            Phase::Broadcasting(reign) | Phase::Renewing(Renewing { reign, .. }) => {
                (Phase::HandingOver(HandingOver::begin(reign, step)), false)
            }
            Phase::HandingOver(_) => (phase, false),
            phase => (phase, true),
        };
        let mut leading = Leading { decision, links, looking, pulse, phase };
        let stopped = if is_over { Err(Over::Halt(HaltReason::Stopped)) } else { leading.advance(step) };
        match stopped {
            Ok(()) => Ok(leading),
            Err(over) => Err(leading.end(over, step)),
        }
    }

    /// Goes on as far as what has come allows.
    fn advance(&mut self, step: &mut Step<'_>) -> Result<(), Over> {
        let was_reconfiguring = self.is_reconfiguring();
        self.go_on(step)?;
        if was_reconfiguring && !self.is_reconfiguring() {
            self.start_served(step);
        }
        Ok(())
    }

    fn go_on(&mut self, step: &mut Step<'_>) -> Result<(), Over> {
        match &mut self.phase {
            Phase::AwaitingInfo(waiting) if AwaitingInfo::has_quorum(&self.links, step) => {
                let epoch = waiting.epoch();
                write_accepted(epoch, step);
                self.phase = Phase::WritingAccepted { epoch, began: step.now };
            }
            Phase::AwaitingAckEpoch(waiting) if waiting.has_quorum(&self.links, step) => {
                let epoch = waiting.epoch();
                step.put(Output::Write(Mark::CurrentEpoch(epoch)));
                self.phase = Phase::WritingCurrent { epoch, began: step.now };
            }
            Phase::AwaitingNewLeaderAcks { epoch, .. }
                if self.links.are_quorum(step, |open| open.acknowledged().is_some()) =>
            {
                let epoch = *epoch;
                self.establish(epoch, step);
            }
            Phase::Broadcasting(reign) => {
                reign.commit(&self.links, step)?;
                if reign.is_left(&self.links, step) {
                    return Err(Over::Look(Cause::Reconfigured));
                }
                if reign.is_to_renew(step) && can_all(&self.links) {
                    self.suspend(step);
                }
            }
            Phase::Renewing(renewing) => {
                renewing.reign.commit(&self.links, step)?;
                if !can_all(&self.links) {
                    self.go_on_in_epoch(step);
                } else if renewing.go_on(&mut self.links, step) {
                    self.renew(step);
                }
            }
            Phase::HandingOver(handing_over) => handing_over.go_on(&self.links, step)?,
            _ => {}
        }
        self.consult(step);
        Ok(())
    }

    /// The epoch is to be renewed: nothing more is proposed in it.
    fn suspend(&mut self, step: &mut Step<'_>) {
        if let Phase::Broadcasting(reign) = &self.phase {
            step.put(Output::Suspend(true));
            self.phase = Phase::Renewing(Renewing::begin(reign.clone(), step));
        }
    }

    /// Somebody cannot begin the next epoch on its link, or keeps all others waiting.
    fn go_on_in_epoch(&mut self, step: &mut Step<'_>) {
        if let Phase::Renewing(renewing) = &self.phase {
            step.put(Output::Suspend(false));
            self.phase = Phase::Broadcasting(renewing.reign.clone());
        }
    }

    /// Everybody who follows has told with that which epoch it accepted: the present one, as the leader has.
    fn renew(&mut self, step: &mut Step<'_>) {
        let Some(epoch) = step.server.newest_accepted().next() else { return };
        write_accepted(epoch, step);
        self.phase = Phase::WritingAccepted { epoch, began: step.now };
        self.links.advance(step, |_, state, _| match state {
            State::Live(learner, _) => Some(State::AwaitingEpochQuorum(learner)),
            _ => None,
        });
    }

    /// A quorum has the history of this leader, which therefore can no more be lost. The reign begins.
    fn establish(&mut self, epoch: Epoch, step: &mut Step<'_>) {
        if !mutant!(25) {
            self.decision.begin_epoch(epoch);
        }
        self.phase = Phase::Broadcasting(Broadcasting::begin(epoch, step));
        let serve = if step.server.settings.leader_serves { Serve::Yes } else { Serve::No };
        step.put(Output::Become(Part::Leading { epoch }, serve));
        if self.is_closed() {
            step.put(Output::Suspend(true));
        }
        self.start_served(step);
    }

    /// The role is over. A leader that stops leaves nothing unsaid, and does not look for another, whatever happens meanwhile.
    pub(crate) fn end(self, over: Over, step: &mut Step<'_>) -> Over {
        let stopped = Over::Halt(HaltReason::Stopped);
        let over = match (&self.phase, over) {
            (Phase::HandingOver(_), Over::Look(_)) => stopped,
            _ => over,
        };
        if let Phase::Broadcasting(reign)
        | Phase::Renewing(Renewing { reign, .. })
        | Phase::HandingOver(HandingOver { reign, .. }) = self.phase
        {
            reign.confirm.end(step);
        }
        self.links.end(if over == stopped { Reason::Stopped } else { Reason::RoleEnded }, step);
        step.put(Output::Listen(false));
        over
    }
}

/// Whether a learner that comes while a change is under way has not heard of the change before. NEWLEADER tells the newest alone,
/// and so it would take the one before that for the one in force, whose quorum can do nothing any more. It comes back with what
/// it hears from others while it looks.
fn lacks_config(learner: Learner, step: &Step<'_>) -> bool {
    let Configs { committed, last_seen } = step.server.configs();
    last_seen.version() > committed.version() && learner.config_version < committed.version()
}

/// The learner is brought to the history up to `end`.
fn sync(link: Link, learner: Learner, promise: Promise, end: Zxid, step: &mut Step<'_>) -> State {
    let server = &step.server;
    let force = server.settings.force_snapshot;
    let plan = Plan::for_learner(promise.last, learner.features, server.log.history(), end, force);
    step.put(Output::Sync(link, plan));
    let by_state = plan.first == First::Snap;
    State::CatchingUp(learner, Catching { by_state, awaits_state: by_state })
}

/// The learner may serve.
fn start(link: Link, learner: Learner, acknowledged: Zxid, step: &mut Step<'_>) -> State {
    step.send(link, Message::UpToDate);
    State::Live(learner, Live::begin(acknowledged))
}
