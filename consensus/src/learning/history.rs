//! A learner takes its leader's history.

use alloc::sync::Arc;

use super::activation::activate;
use super::master::Master;
use super::outstanding::Outstanding;
use super::repeats::Repeats;
use crate::config::Config;
use crate::input::Mark;
use crate::message::{FromMaster, Message};
use crate::mutants::mutant;
use crate::output::{Output, Reason};
use crate::step::Step;
use crate::{Epoch, Zxid};

/// From the first packet of the synchronisation to NEWLEADER. What is committed is applied as it comes, so that the memory
/// for it stays bounded, and nobody is shown it.
#[derive(Clone, Debug)]
pub(super) struct TakingHistory {
    outstanding: Outstanding,
    source: Source,
    /// Up to here the leader's history was committed when the synchronisation began, or is to be, as its first packet told.
    told: Zxid,
}

/// Upon what the leader's transactions come.
#[derive(Clone, Debug)]
enum Source {
    /// The own history, as far as the leader has it too.
    Kept,
    /// A whole state of the leader's.
    State(Repeats),
    /// The own history, which is all that the leader had before this epoch, and is served meanwhile. What comes is of a leader
    /// that proposes in this epoch, so that what is told as committed is, also before NEWLEADER: whoever is served waits for it.
    Served,
}

/// From NEWLEADER to UPTODATE. The history up to NEWLEADER becomes durable; what comes after it is the beginning of the
/// broadcast, of which nothing is applied yet.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    outstanding: Outstanding,
    source: Source,
    /// What NEWLEADER told; a leader before ZooKeeper 3.5 tells none.
    config: Option<Arc<Config>>,
    /// What was committed when NEWLEADER came: its acknowledgement stands for all of that.
    settled: Zxid,
    /// Up to here everything is acknowledged, or will be with NEWLEADER.
    acknowledged: Zxid,
}

impl TakingHistory {
    /// Behind what is kept, which is a part of the leader's history.
    pub(super) fn behind(epoch: Epoch, last: Zxid, told: Zxid, step: &mut Step<'_>) -> TakingHistory {
        step.put(Output::Commit(last));
        TakingHistory { outstanding: Outstanding::begin(epoch, last), source: Source::Kept, told }
    }

    /// Clients see the history, which is all that the leader has.
    pub(super) fn in_service(epoch: Epoch, last: Zxid) -> TakingHistory {
        TakingHistory { outstanding: Outstanding::begin(epoch, last), source: Source::Served, told: last }
    }

    /// Behind a whole state.
    pub(super) fn in_state(epoch: Epoch, last: Zxid) -> TakingHistory {
        let (outstanding, source) = (Outstanding::begin(epoch, last), Source::State(Repeats::of(last)));
        TakingHistory { outstanding, source, told: last }
    }

    pub(super) fn on_history(
        &mut self,
        master: &Master,
        message: &FromMaster<'_>,
        step: &mut Step<'_>,
    ) -> Result<(), Reason> {
        check_enabled(message, self.told, step)?;
        let before = self.outstanding.committed();
        take(&mut self.outstanding, &mut self.source, "TakingHistory", master, message, step)?;
        let committed = self.outstanding.committed();
        if committed > before {
            if let Source::Served = self.source {
                step.server.commit(committed);
            }
            step.put(Output::Commit(committed));
        }
        Ok(())
    }

    pub(super) fn on_new_leader(self, epoch: Epoch, config: Option<&Arc<Config>>) -> Result<Taken, Reason> {
        if epoch != self.outstanding.epoch() {
            return Err(Reason::Unexpected { state: "TakingHistory", zxid: Zxid::start_of(epoch) });
        }
        let TakingHistory { outstanding, source, .. } = self;
        let settled = outstanding.committed();
        Ok(Taken { outstanding, source, config: config.cloned(), settled, acknowledged: settled })
    }
}

impl Taken {
    pub(super) fn epoch(&self) -> Epoch {
        self.outstanding.epoch()
    }

    /// Writes the configuration of NEWLEADER as the one that was seen last, if it is newer; whether there is something to write.
    pub(super) fn see_config(&self, master: &Master, step: &mut Step<'_>) -> Result<bool, Reason> {
        if let Some(config) = &self.config {
            if let Some(before) = self.committed_before(config, step) {
                activate(&before, None, master, step)?;
            }
            step.server.see(Zxid::start_of(self.epoch()), config, step.out);
        }
        Ok(!step.server.are_configs_written())
    }

    /// The configuration that this server saw last, if it is committed without this server having heard so, and NEWLEADER tells of the
    /// next one, which is pending. A Paddock brings nobody to its history then; ZooKeeper's leader does.
    fn committed_before(&self, told: &Config, step: &Step<'_>) -> Option<Arc<Config>> {
        let configs = step.server.configs();
        let seen = &configs.last_seen;
        let is_committed = seen.version() <= self.outstanding.committed()
            && step.server.log.written().contains(seen.version())
            && seen.version() < told.version();
        (configs.is_changing() && self.outstanding.awaits(told) && is_committed).then(|| seen.clone())
    }

    pub(super) fn settle(&self, step: &mut Step<'_>) {
        step.server.log.settle(self.settled);
        step.put(Output::Settle);
    }

    /// A configuration in the place of a newer one is written here: until now the history on the disk may have been one that
    /// had the change to that.
    pub(super) fn write_epoch(&self, master: &Master, step: &mut Step<'_>) -> Result<(), Reason> {
        if let Some(config) = &self.config {
            step.server.take_over(Zxid::start_of(self.epoch()), self.outstanding.newest(config), step.out);
        }
        if step.server.log.history().last().epoch() == self.epoch() {
            self.activate_config(master, step)?;
        }
        step.put(Output::Write(Mark::CurrentEpoch(self.epoch())));
        Ok(())
    }

    pub(super) fn on_history(
        &mut self,
        master: &Master,
        message: &FromMaster<'_>,
        step: &mut Step<'_>,
    ) -> Result<(), Reason> {
        check_enabled(message, Zxid::NOTHING, step)?;
        if let FromMaster::Proposal { .. } | FromMaster::Inform { .. } | FromMaster::InformAndActivate { .. } = message
        {
            self.activate_config(master, step)?;
        }
        let before = self.outstanding.committed();
        take(&mut self.outstanding, &mut self.source, "AwaitingUpToDate", master, message, step)?;
        let committed = self.outstanding.committed();
        if committed > before && matches!(self.source, Source::Served) {
            step.server.commit(committed);
            step.put(Output::Commit(committed));
        }
        Ok(())
    }

    /// Of a leader that proposes, or that serves: it has had the configuration of NEWLEADER committed before. Nothing that it has
    /// proposed is acknowledged without knowing that: what is proposed behind the commit needs the quorum of that configuration
    /// alone, and who comes to lead without having heard of it is to hear of it from whoever has what was committed so.
    fn activate_config(&self, master: &Master, step: &mut Step<'_>) -> Result<(), Reason> {
        match self.outstanding.in_force(self.config.as_ref()) {
            Some(config) => activate(config, None, master, step),
            None => Ok(()),
        }
    }

    /// All that came before NEWLEADER is durable, and so is the epoch.
    pub(super) fn acknowledge_epoch(&self, master: &Master, step: &mut Step<'_>) {
        step.send(master.link, Message::AckNewLeader { epoch: self.epoch() });
    }

    /// Each proposal that is durable and was not committed when NEWLEADER came.
    pub(super) fn acknowledge(&mut self, master: &Master, step: &mut Step<'_>) {
        self.acknowledged = acknowledge(self.acknowledged, master, step);
    }

    /// The leader serves: everything that it has committed is, and this server's part begins.
    pub(super) fn on_up_to_date(self, master: &Master, step: &mut Step<'_>) -> Result<(Outstanding, Zxid), Reason> {
        let committed = if mutant!(5) { self.settled } else { self.outstanding.committed() };
        step.server.commit(committed);
        step.put(Output::Commit(committed));
        self.acknowledge_epoch(master, step);
        self.activate_config(master, step)?;
        Ok((self.outstanding, self.acknowledged))
    }
}

/// Acknowledges everything durable after `acknowledged`; up to where everything is acknowledged then.
pub(super) fn acknowledge(acknowledged: Zxid, master: &Master, step: &mut Step<'_>) -> Zxid {
    let durable = match master.is_paddock {
        true => step.server.acknowledgeable(),
        false => step.server.acknowledgeable_to_zookeeper(),
    };
    if master.observes || durable <= acknowledged {
        return acknowledged;
    }
    if master.is_grouped {
        step.send(master.link, Message::Ack { first: durable, last: durable });
        return durable;
    }
    let acks = step.server.log.history().between(acknowledged, durable);
    step.out.extend(acks.map(|run| Output::Send(master.link, Message::Ack { first: run.first, last: run.last })));
    durable
}

/// Refuses a reconfiguration that may not be committed where it could not be taken over. What is committed up to `told` is nobody's
/// to acknowledge any more, so that whoever was refused can come back when the change is.
fn check_enabled(message: &FromMaster<'_>, told: Zxid, step: &Step<'_>) -> Result<(), Reason> {
    match *message {
        FromMaster::Proposal { zxid, change: Some(_) } if zxid > told && !step.server.settings.reconfig_enabled => {
            Err(Reason::ReconfigDisabled)
        }
        _ => Ok(()),
    }
}

/// One message of a leader's history.
fn take(
    outstanding: &mut Outstanding,
    source: &mut Source,
    state: &'static str,
    master: &Master,
    message: &FromMaster<'_>,
    step: &mut Step<'_>,
) -> Result<(), Reason> {
    let unexpected = Err(Reason::Unexpected { state, zxid: message.zxid() });
    match (source, *message) {
        (Source::State(repeats), FromMaster::Proposal { zxid, change }) if repeats.contain(zxid) => {
            outstanding.repeat(zxid, change);
            repeats.propose(state, zxid)
        }
        (Source::State(repeats), FromMaster::Commit(zxid)) if repeats.contain(zxid) => {
            outstanding.enforce_up_to(zxid);
            match master.is_grouped {
                true => repeats.commit_group(state, zxid),
                false => repeats.commit(state, zxid),
            }
        }
        // The state has the transaction, and this server not the configuration.
        (Source::State(repeats), FromMaster::CommitAndActivate { zxid, leader }) if repeats.contain(zxid) => {
            repeats.commit(state, zxid)?;
            let Some(config) = outstanding.enforce(zxid) else { return unexpected };
            activate(&config, Some(leader), master, step)
        }
        (Source::State(repeats), FromMaster::InformAndActivate { zxid, leader, change })
            if master.observes && repeats.contain(zxid) =>
        {
            repeats.propose(state, zxid)?;
            repeats.commit(state, zxid)?;
            activate(change, Some(leader), master, step)
        }
        (Source::State(repeats), FromMaster::Inform { zxid }) if master.observes && repeats.contain(zxid) => {
            repeats.propose(state, zxid)?;
            repeats.commit(state, zxid)
        }
        (Source::State(repeats), _) if !repeats.are_over() => unexpected,
        (Source::Served, _) if message.zxid().epoch() != outstanding.epoch() => unexpected,
        (_, FromMaster::Proposal { zxid, change }) => outstanding.propose(state, zxid, change, step),
        (_, FromMaster::Commit(zxid)) if master.is_grouped => outstanding.commit_group(state, zxid, step),
        (_, FromMaster::Commit(zxid)) => outstanding.commit(state, zxid, step).map(drop),
        (_, FromMaster::CommitAndActivate { zxid, leader }) => {
            let change = outstanding.commit(state, zxid, step)?;
            let Some(config) = change else { return unexpected };
            activate(&config, Some(leader), master, step)
        }
        (_, FromMaster::Inform { zxid }) if master.observes => {
            outstanding.propose(state, zxid, None, step)?;
            outstanding.commit(state, zxid, step).map(drop)
        }
        (_, FromMaster::InformAndActivate { zxid, leader, change }) if master.observes => {
            outstanding.propose(state, zxid, Some(change), step)?;
            outstanding.commit(state, zxid, step)?;
            activate(change, Some(leader), master, step)
        }
        _ => unexpected,
    }
}
