//! A leader's part in discovery: which epoch begins, and whether its history is the newest of a quorum's.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;

use super::link::{LearnerLink, State};
use super::links::Links;
use crate::config::Configs;
use crate::input::Mark;
use crate::output::{Cause, HaltReason, Output};
use crate::settings::Ms;
use crate::step::{Over, Step};
use crate::summary::Summary;
use crate::{Epoch, ServerId, Zxid};

/// Waits until a quorum has told which epoch it accepted last. The new one is above them all, and so nobody in a quorum ever
/// promised it, or a later one, to another leader.
#[derive(Clone, Debug)]
pub(super) struct AwaitingInfo {
    /// The one that would begin by what was told so far.
    epoch: Epoch,
    began: Ms,
}

impl AwaitingInfo {
    pub(super) fn begin(step: &Step<'_>) -> Result<AwaitingInfo, Over> {
        let next = step.server.newest_accepted().next();
        let epoch = next.ok_or(Over::Halt(HaltReason::EpochsExhausted))?;
        Ok(AwaitingInfo { epoch, began: step.now })
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn began(&self) -> Ms {
        self.began
    }

    /// A learner, whether it votes or not, accepted this epoch last. The last epoch of all cannot be heard here.
    pub(super) fn hear(&mut self, accepted: Epoch) {
        self.epoch = accepted.next().map_or(self.epoch, |next| next.max(self.epoch));
    }

    pub(super) fn has_quorum(links: &Links, step: &Step<'_>) -> bool {
        links.are_quorum(step, |open| matches!(open.state(), State::AwaitingEpochQuorum(_)))
    }
}

/// The epoch is known: it is written before anybody is told.
///
/// A configuration that only stands in files has no version. The first leader gives it one, so that a server which was started
/// with another file cannot have a newer one.
pub(super) fn write_accepted(epoch: Epoch, step: &mut Step<'_>) {
    step.put(Output::Write(Mark::AcceptedEpoch(epoch)));
    let Configs { committed, last_seen } = step.server.configs();
    if committed.version() == Zxid::ZERO && last_seen.version() == Zxid::ZERO {
        let begin = Zxid::start_of(epoch);
        let stamped = Arc::new(last_seen.with_version(begin));
        step.server.see(begin, &stamped, step.out);
    }
}

/// Waits until a quorum has promised to follow. Elections are not trusted: each history is compared once more.
#[derive(Clone, Debug)]
pub(super) struct AwaitingAckEpoch {
    epoch: Epoch,
    own: Summary,
    began: Ms,
    /// The voters with no newer history, this server included, and where that of each ends.
    older: BTreeMap<ServerId, Zxid>,
    /// The voters with a newer history, which this server must not lead, unless nothing of what they have more was committed.
    newer: BTreeSet<ServerId>,
    /// Those of them that were in the same epoch as this server last. None of them knows of a later committed configuration: who does
    /// is let go before it tells its history.
    newer_in_epoch: BTreeSet<ServerId>,
    /// The voters that had promised this epoch before: none of them counts in it any more.
    spent: BTreeSet<ServerId>,
}

/// How a history is beside the leader's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compared {
    /// It has nothing more.
    Older,
    /// It has more, and so its server is let go.
    Newer,
    /// It has more. Its server waits, because it cannot lead in this one's place: it votes in the configuration to come alone.
    NewerOfNewVoter,
}

impl AwaitingAckEpoch {
    pub(super) fn begin(epoch: Epoch, step: &Step<'_>) -> Result<AwaitingAckEpoch, Over> {
        let own = step.server.summary().ok_or(Over::Look(Cause::NoHistory))?;
        let older = BTreeMap::from([(step.server.me, own.last)]);
        let [newer, newer_in_epoch, spent] = [const { BTreeSet::new() }; 3];
        Ok(AwaitingAckEpoch { epoch, own, began: step.now, older, newer, newer_in_epoch, spent })
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn began(&self) -> Ms {
        self.began
    }

    /// A learner has promised the epoch, and tells its history. Of others than voters, who may be any number, nothing is kept.
    pub(super) fn compare(&mut self, server: ServerId, summary: Summary, step: &Step<'_>) -> Compared {
        let configs = step.server.configs();
        let is_newer = summary > self.own;
        if configs.is_voter(server) {
            match is_newer {
                true => {
                    self.newer.insert(server);
                    match summary.current_epoch == self.own.current_epoch {
                        true => self.newer_in_epoch.insert(server),
                        false => self.newer_in_epoch.remove(&server),
                    };
                }
                // Whoever has lost its history may have had anything.
                false if summary.last == Zxid::NOTHING => {}
                false => drop(self.older.insert(server, summary.last)),
            }
        }
        match is_newer {
            false => Compared::Older,
            true if is_new_voter(configs, server) => Compared::NewerOfNewVoter,
            true => Compared::Newer,
        }
    }

    /// This learner had promised the epoch before.
    pub(super) fn note_spent(&mut self, server: ServerId) {
        self.spent.insert(server);
    }

    /// Whether those who may be led can be a quorum.
    pub(super) fn can_lead(&self, step: &Step<'_>) -> bool {
        step.server.configs().is_quorum(|voter| self.may_be_led(voter, step))
    }

    /// Whether those who may still promise this epoch, or have done so, can be a quorum.
    pub(super) fn can_begin(&self, step: &Step<'_>) -> bool {
        step.server.configs().is_quorum(|voter| !self.spent.contains(&voter) && self.may_be_led(voter, step))
    }

    fn may_be_led(&self, voter: ServerId, step: &Step<'_>) -> bool {
        let configs = step.server.configs();
        let is_unheard = |voter| !self.newer.contains(&voter) && !self.spent.contains(&voter);
        !self.newer.contains(&voter) || is_new_voter(configs, voter) && self.is_newer_void(configs, is_unheard)
    }

    pub(super) fn has_quorum(&self, links: &Links, step: &Step<'_>) -> bool {
        let is_void = self.is_newer_void(step.server.configs(), |_| false);
        let counts = |open: &LearnerLink| match open.state() {
            State::AwaitingAckEpochQuorum(learner, promise) => {
                promise.counts && (is_void || !self.newer.contains(&learner.server))
            }
            _ => false,
        };
        links.are_quorum(step, counts)
    }

    /// Whether nothing of what others have more than this server was ever committed, while a change of the configuration is under
    /// way. Either those who have no more leave no quorum that could have committed it without them; or so many voters of the
    /// committed configuration have not even the change that it was not committed, and nothing behind it either. `also` are taken
    /// for such servers besides.
    ///
    /// Where the new quorum alone commits what was proposed behind the change, nobody helps with that who does not know, durably,
    /// that the change is committed ([`Server::held_by`](crate::server::Server::held_by)). A reign that begins commits its history
    /// with others too: so only what is of the own epoch is taken for that.
    fn is_newer_void(&self, configs: &Configs, also: impl Fn(ServerId) -> bool) -> bool {
        let Configs { committed, last_seen } = configs;
        let may_have_more = |voter| !(self.older.contains_key(&voter) || also(voter));
        let may_have_change = |voter| self.older.get(&voter).map_or(!also(voter), |last| *last >= last_seen.version());
        let may_know_more = |voter| may_have_more(voter) && !self.newer_in_epoch.contains(&voter);
        let could_commit = committed.quorum().is_quorum(may_have_more);
        let could_new = !last_seen.leaves_quorum(committed) && last_seen.quorum().is_quorum(may_know_more);
        let has_no_more = !could_commit && !could_new;
        configs.is_changing() && (has_no_more || !committed.quorum().is_quorum(may_have_change))
    }
}

/// Whether this server votes in the configuration to come, and may not lead under the one in force.
fn is_new_voter(configs: &Configs, server: ServerId) -> bool {
    configs.is_changing() && configs.last_seen.is_voter(server) && configs.committed.quorum().weight(server) == 0
}
