//! What a server is and has, whichever part it plays at the moment.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::config::{Config, Configs, PeerType};
use crate::epochs::Epochs;
use crate::history::History;
use crate::input::{Mark, Unsettled};
use crate::log::Log;
use crate::mutants::mutant;
use crate::observer_masters::ObserverMasters;
use crate::oracle::Oracle;
use crate::output::Output;
use crate::random::Random;
use crate::settings::Settings;
use crate::summary::Summary;
use crate::{Epoch, ServerId, Zxid};

/// What a start has found on the disk.
#[derive(Clone, Debug)]
pub struct Found {
    pub epochs: Epochs,
    /// Of a server that is not [`Standing::Sound`], whatever could be read.
    pub history: History,
    pub standing: Standing,
    /// What the last [`Mark::Committed`] and [`Mark::LastSeen`] have left.
    pub configs: Configs,
}

/// Whether the history of a server can be relied on. One whose history cannot has the position
/// [`NOTHING`](Zxid::NOTHING): it never votes, and is brought a full copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Sound,
    /// There is none, and nobody said that there never was any.
    Nothing,
    /// Something of it is gone.
    Damaged,
}

/// Owned by [`Zab`](crate::zab::Zab), and lent to the role for each step.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) me: ServerId,
    pub(crate) settings: Settings,
    configs: Configs,
    epochs: Epochs,
    /// The newest epoch of which a learner said that it had accepted it, while this server led.
    heard_accepted: Epoch,
    pub(crate) log: Log,
    standing: Standing,
    /// A leader of this epoch is not told a position but asked for a full copy: the history could not be made what it said, or
    /// the state is not its state. Another leader may have been right about both.
    distrusted: Option<Epoch>,
    /// Up to here everything is known to be committed.
    committed: Zxid,
    /// Whom a reconfiguration has named as the leader to whom this server goes, once its role has ended with that.
    designated: Option<ServerId>,
    /// Voters that a configuration has brought, to whom there was no reason to connect before.
    new_voters: Vec<ServerId>,
    /// What the start has found as seen last is not what applies, and is to be replaced by what is committed.
    replaces_seen: bool,
    /// The oldest transaction that rests on a configuration which is not durable yet: it brings it, is behind its commit, or was held
    /// until that.
    unwritten: Option<Zxid>,
    /// How many writes have no answer yet.
    writes: usize,
    pub(crate) oracle: Oracle,
    /// What the random waits are drawn from.
    pub(crate) random: Random,
    pub(crate) observer_masters: ObserverMasters,
}

impl Server {
    pub(crate) fn new(me: ServerId, settings: Settings, found: Found) -> Server {
        let Found { epochs, history, standing, mut configs } = found;
        configs.see_committed();
        let replaces_seen = standing == Standing::Sound && is_unacknowledged(&configs, &epochs, history.last());
        if replaces_seen {
            configs.last_seen = configs.committed.clone();
        }
        let random = Random::new(settings.seed);
        Server {
            me,
            settings,
            configs,
            epochs,
            heard_accepted: epochs.accepted(),
            log: Log::new(history),
            standing,
            distrusted: None,
            committed: Zxid::ZERO,
            designated: None,
            new_voters: Vec::new(),
            replaces_seen,
            unwritten: None,
            writes: 0,
            oracle: Oracle::default(),
            random,
            observer_masters: ObserverMasters::default(),
        }
    }

    /// Whom an observer asks next to be its master, and whether all were asked since the first.
    pub(crate) fn next_observer_master(&mut self) -> (ServerId, bool) {
        self.observer_masters.next(&self.configs.committed, &mut self.random)
    }

    pub(crate) fn configs(&self) -> &Configs {
        &self.configs
    }

    pub(crate) fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    pub(crate) fn hear_accepted(&mut self, accepted: Epoch) {
        self.heard_accepted = self.heard_accepted.max(accepted);
    }

    /// The newest epoch of which this server knows that somebody accepted it.
    pub(crate) fn newest_accepted(&self) -> Epoch {
        self.epochs.accepted().max(self.heard_accepted)
    }

    pub(crate) fn committed(&self) -> Zxid {
        self.committed
    }

    /// Everything up to here is committed.
    pub(crate) fn commit(&mut self, zxid: Zxid) {
        self.committed = zxid;
    }

    /// What the committed configuration says; a server that is not in it asks a leader as one that would vote.
    pub(crate) fn peer_type(&self) -> PeerType {
        peer_type(&self.configs.committed, self.me)
    }

    /// What this server votes with, and what its leader's history is compared with; `None` if it has no usable history.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let last = if mutant!(13) { self.committed } else { self.log.durable() };
        (self.standing == Standing::Sound).then_some(Summary { current_epoch: self.epochs.current(), last })
    }

    /// What a leader of this epoch is told.
    pub(crate) fn summary_for(&self, epoch: Epoch) -> Option<Summary> {
        self.summary().filter(|_| self.distrusted != Some(epoch))
    }

    /// A leader of this epoch is asked for a full copy from now on; whether it was not before.
    pub(crate) fn distrust(&mut self, epoch: Epoch) -> bool {
        self.distrusted.replace(epoch) != Some(epoch)
    }

    /// The newest transaction that this server may acknowledge: everything up to it is durable, and so are the
    /// configurations that were proposed or committed on the way; and it is not behind a change that [`holds`](Server::held_by) it.
    pub(crate) fn acknowledgeable(&self) -> Zxid {
        self.acknowledgeable_before(self.behind_held().into_iter().chain(self.unwritten).min())
    }

    /// The same for a leader that is a server of ZooKeeper. It closes a link on which something is not acknowledged for syncLimit,
    /// also behind a change that is pending for longer, and lets the new quorum alone commit nothing of that.
    pub(crate) fn acknowledgeable_to_zookeeper(&self) -> Zxid {
        self.acknowledgeable_before(self.unwritten)
    }

    /// The change behind which nothing is acknowledged before it is committed, and that is durable here. What is proposed behind a
    /// change while it is pending may need the new quorum alone where the old one comes no more (see [`Spans`](crate::spans::Spans)).
    /// Those of the old one may lead until they hear of the commit. So everybody who has helped to commit such a proposal can tell
    /// of it, and whoever cannot has none that was committed.
    pub(crate) fn held_by(&self) -> Option<Zxid> {
        let Configs { committed, last_seen } = &self.configs;
        (self.configs.is_changing() && !last_seen.leaves_quorum(committed)).then_some(last_seen.version())
    }

    /// The oldest that may be held.
    fn behind_held(&self) -> Option<Zxid> {
        self.held_by().map(|change| Zxid(change.0 + 1))
    }

    /// The newest that is durable, in front of this one.
    fn acknowledgeable_before(&self, unsettled: Option<Zxid>) -> Zxid {
        let durable = self.log.durable();
        match unsettled {
            Some(change) if change <= durable => {
                let history = self.log.history();
                history.last_before(change).unwrap_or(history.base())
            }
            _ => durable,
        }
    }

    /// A proposal, or NEWLEADER, brings a configuration: it is written if it is newer. Switched off, reconfiguration
    /// takes no notice.
    pub(crate) fn see(&mut self, zxid: Zxid, config: &Arc<Config>, out: &mut Vec<Output>) {
        if self.settings.reconfig_enabled && config.version() > self.configs.last_seen.version() {
            self.write_last_seen(zxid, config, out);
        }
    }

    /// It applies at once, and whatever rests on it waits until it is durable.
    fn write_last_seen(&mut self, zxid: Zxid, config: &Arc<Config>, out: &mut Vec<Output>) {
        if !mutant!(36) {
            self.unwritten.get_or_insert(zxid);
        }
        out.push(Output::Write(Mark::LastSeen(config.clone())));
        self.configs.last_seen = config.clone();
    }

    /// A configuration is committed: from here on it alone applies.
    pub(crate) fn activate(&mut self, config: &Arc<Config>, out: &mut Vec<Output>) {
        let behind = Zxid(self.log.written().last().0 + 1);
        self.unwritten = [self.unwritten, self.behind_held(), Some(behind)].into_iter().flatten().min();
        out.push(Output::Write(Mark::Committed(config.clone())));
        self.enforce(config);
    }

    fn enforce(&mut self, config: &Arc<Config>) {
        self.configs.committed = config.clone();
        self.configs.see_committed();
    }

    /// The role ends with a reconfiguration, and this server goes to the leader that it names, itself perhaps.
    pub(crate) fn designate(&mut self, leader: ServerId) {
        self.designated = Some(leader);
    }

    /// The role has ended: whom a reconfiguration has named, if it has ended with one.
    pub(crate) fn take_designated(&mut self) -> Option<ServerId> {
        self.designated.take()
    }

    /// The voters of a configuration that was written since this was asked last.
    pub(crate) fn take_new_voters(&mut self) -> Vec<ServerId> {
        core::mem::take(&mut self.new_voters)
    }

    /// Writes the epochs of which there are no files, and what applies where another configuration is in the file; whether there
    /// was anything to write.
    pub(crate) fn write_missing(&mut self, out: &mut Vec<Output>) -> bool {
        let before = out.len();
        out.extend(self.epochs.take_missing().map(Output::Write));
        if core::mem::take(&mut self.replaces_seen) {
            out.push(Output::Write(Mark::LastSeen(self.configs.committed.clone())));
        }
        out.len() > before
    }

    /// NEWLEADER brings the configuration that its leader has seen last: it takes the place of any other, also of a newer one,
    /// which has come to nothing with the proposal that brought it.
    pub(crate) fn take_over(&mut self, zxid: Zxid, config: &Arc<Config>, out: &mut Vec<Output>) {
        if self.settings.reconfig_enabled && config.version() != self.configs.last_seen.version() {
            self.write_last_seen(zxid, config, out);
        }
    }

    /// These writes wait for their answer from now on.
    pub(crate) fn count_writes(&mut self, out: &[Output]) {
        self.writes += out.iter().filter(|output| matches!(output, Output::Write(_))).count();
    }

    /// # Panics
    /// If nothing was to be written.
    pub(crate) fn on_written(&mut self, mark: &Mark) {
        self.writes = self.writes.checked_sub(1).expect("nothing was to be written");
        match mark {
            Mark::AcceptedEpoch(epoch) => self.epochs.accept(*epoch),
            Mark::CurrentEpoch(epoch) => self.epochs.enter(*epoch),
            // It has applied since it was to be written.
            Mark::LastSeen(_) => {
                let new = self.configs.voters().filter(|voter| !self.configs.committed.is_voter(*voter));
                self.new_voters = new.filter(|voter| *voter != self.me).collect();
            }
            Mark::Committed(config) if config.version() > self.configs.committed.version() => self.enforce(config),
            Mark::Committed(_) => {}
        }
        if self.writes == 0 {
            self.unwritten = None;
        }
    }

    /// Whether the configurations are durable.
    pub(crate) fn are_configs_written(&self) -> bool {
        self.unwritten.is_none()
    }

    /// Whether every write has been answered.
    pub(crate) fn is_written(&self) -> bool {
        self.writes == 0
    }

    /// Whether nothing waits for the disk.
    pub(crate) fn is_drained(&self) -> bool {
        self.is_written() && self.log.is_drained()
    }

    /// # Panics
    /// If nothing was to be settled.
    pub(crate) fn on_settled(&mut self, settled: Result<Zxid, Unsettled>) -> Result<Zxid, Unsettled> {
        if self.log.on_settled(settled)? {
            self.standing = Standing::Sound;
        }
        settled
    }
}

/// Whether the configuration seen last was left by a crash between its file and the log, so that nobody has heard of it from this
/// server: it would need the new quorum for ever, for a change that perhaps nobody has. The file is written before the log, a
/// proposal is acknowledged when both are durable, and NEWLEADER when its epoch is the current one. So what the log does not have was
/// never acknowledged as a proposal; and in NEWLEADER neither, unless that was of an epoch after the change. A log that had the
/// transaction and was cut since, or replaced, was so by a leader with a quorum that does not have it, and that has promised to take
/// it from nobody. The stamp of the first leader has the number of no transaction.
fn is_unacknowledged(configs: &Configs, epochs: &Epochs, last: Zxid) -> bool {
    let seen = configs.last_seen.version();
    seen > configs.committed.version() && seen > last && !seen.is_blank() && seen.epoch() >= epochs.current()
}

/// The part that a configuration gives to a server. One that is not in it asks a leader as one that would vote.
pub(crate) fn peer_type(config: &Config, server: ServerId) -> PeerType {
    config.members().get(&server).map_or(PeerType::Participant, |member| member.peer_type)
}
