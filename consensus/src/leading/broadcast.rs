//! A reign: what its leader proposes, and when that is committed.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use super::confirm::Confirm;
use super::link::{Lag, LearnerLink, State};
use super::links::Links;
use crate::config::{Config, Configs};
use crate::mutants::mutant;
use crate::output::{Cause, Output};
use crate::server::Server;
use crate::settings::{Features, Ms};
use crate::spans::Spans;
use crate::step::{Over, Step};
use crate::{Epoch, ServerId, Zxid};

/// From the moment on at which a quorum has the leader's history.
#[derive(Clone, Debug)]
pub(super) struct Broadcasting {
    epoch: Epoch,
    spans: Spans,
    pub(super) confirm: Confirm,
    /// When it is asked next whether a quorum follows.
    check_at: Ms,
    /// Since when those who follow have not been enough to commit what is proposed, though they are a quorum.
    stuck_since: Option<Ms>,
    /// The configuration in force has another leader: nothing more is committed by this one, for good. It leaves at this moment,
    /// or when all have left it.
    leaves_at: Option<Ms>,
    /// Before this moment it is not tried to renew the epoch.
    renew_at: Ms,
    /// Since when the leader's own disk has not taken what was proposed.
    lag: Lag,
    /// None follows, and the oracle is asked whether the leader goes on.
    is_doubted: bool,
    /// The voters that followed and were known to be Paddocks when the last change was committed. Those who leave with it to
    /// observe are known still: what was held until then is acknowledged when they are gone.
    paddocks: BTreeSet<ServerId>,
}

impl Broadcasting {
    /// Everything that the leader has is committed by that.
    pub(super) fn begin(epoch: Epoch, step: &mut Step<'_>) -> Broadcasting {
        let last = step.server.log.history().last();
        step.server.commit(last);
        step.put(Output::Commit(last));
        let before = step.server.configs().committed.clone();
        let config = enforce_last_seen(step);
        let check_at = step.now.after(step.server.settings.tick);
        let leads = Arc::ptr_eq(&before, &config) || config.keeps_leader(&before, step.server.me);
        Broadcasting {
            epoch,
            spans: Spans::begin(last, config),
            confirm: Confirm::default(),
            check_at,
            stuck_since: None,
            leaves_at: if leads { None } else { Some(check_at) },
            renew_at: step.now,
            lag: Lag::None,
            is_doubted: false,
            paddocks: BTreeSet::new(),
        }
    }

    /// When a leader leaves that commits nothing any more.
    pub(super) fn leaves_at(&self) -> Option<Ms> {
        self.leaves_at
    }

    /// Whether it commits nothing any more, and everybody who was told so is gone.
    pub(super) fn is_left(&self, links: &Links, step: &Step<'_>) -> bool {
        self.leaves_at.is_some() && !step.server.configs().voters().any(|voter| links.has_joined(voter))
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// # Panics
    /// If it is not the next one of this epoch.
    pub(super) fn propose(&mut self, zxid: Zxid, change: Option<&Arc<Config>>, step: &mut Step<'_>) {
        assert_eq!(zxid.epoch(), self.epoch, "a leader proposes in its own epoch");
        step.server.log.append(zxid);
        self.spans.propose(zxid, change.cloned());
        if let Some(config) = change {
            step.server.see(zxid, config, step.out);
        }
    }

    /// What a quorum has durable is committed. The leader's own disk is one of them, and may be the last. Behind the last
    /// transaction of an epoch there is no other: the reign is over with it.
    pub(super) fn commit(&mut self, links: &Links, step: &mut Step<'_>) -> Result<(), Over> {
        while self.leaves_at.is_none() {
            let (me, own) = (step.server.me, step.server.acknowledgeable());
            let reached = |voter| if voter == me { Some(own) } else { links.acknowledged(voter) };
            let is_paddock = |voter| self.is_paddock(voter, links, step);
            let granted = links.goes_on_alone(step);
            let committable = self.spans.committable_by(granted, reached, is_paddock);
            if committable <= self.spans.committed() {
                return Ok(());
            }
            let change = self.spans.commit(committable);
            step.server.commit(committable);
            step.put(Output::Commit(committable));
            if let Some(config) = change {
                self.activate(committable, config, links, step);
            }
            if committable.next().is_none() {
                return Err(Over::Look(Cause::EpochUsedUp));
            }
        }
        Ok(())
    }

    /// The reconfiguration at `zxid` is committed. If another server is to lead under it, all are told whom to go to, and the
    /// closing of the links is theirs: so what is on its way to them arrives.
    fn activate(&mut self, zxid: Zxid, config: Arc<Config>, links: &Links, step: &mut Step<'_>) {
        let leader = designate(zxid, &config, links, step);
        self.paddocks = step.server.configs().voters().filter(|voter| links.is_paddock(*voter)).collect();
        step.server.activate(&config, step.out);
        step.put(Output::Activate { config, leader: Some(leader) });
        if leader != step.server.me && !mutant!(38) {
            step.server.designate(leader);
            self.leaves_at = Some(step.now.after(step.server.settings.tick));
            // Nothing that was asked of it now would be committed here.
            step.put(Output::Suspend(true));
        }
    }

    /// Whether the counter has come so far that the epoch is to be renewed, and that may be tried: there is another epoch, this
    /// server leads on, no change of the configuration is under way, and a learner that has everything is not brought a full copy
    /// all the same.
    pub(super) fn is_to_renew(&self, step: &Step<'_>) -> bool {
        let Server { settings, .. } = &*step.server;
        let Configs { committed, last_seen } = step.server.configs();
        let proposed = self.spans.proposed();
        self.leaves_at.is_none()
            && proposed.epoch() == self.epoch
            && proposed.counter() >= settings.renew_from
            && settings.features.has(Features::RENEWAL)
            && !settings.force_snapshot
            && self.renew_at <= step.now
            && step.server.newest_accepted().next().is_some()
            && committed.version() == last_seen.version()
            && step.server.is_written()
    }

    /// The epoch was not renewed. It is not tried again before the time has passed in which whoever was too slow is closed.
    pub(super) fn put_renewal_off(&mut self, step: &Step<'_>) {
        self.renew_at = step.now.after(step.server.settings.sync_wait());
    }

    pub(super) fn has_committed_all(&self) -> bool {
        self.spans.committed() == self.spans.proposed()
    }

    /// Whether every voter that is there has everything, and nobody waits for the proof of a sync.
    pub(super) fn is_handed_over(&self, links: &Links, step: &Step<'_>) -> bool {
        let proposed = self.spans.proposed();
        let mut voters = step.server.configs().voters();
        self.is_done()
            && voters.all(|voter| links.acknowledged(voter).is_none_or(|acknowledged| acknowledged >= proposed))
    }

    /// Whether so many others have everything that they are a quorum without this leader, and nobody waits for the proof of a sync.
    /// No quorum of the others is without one of them, and so nobody who has less is elected.
    pub(super) fn is_handed_to_quorum(&self, links: &Links, step: &Step<'_>) -> bool {
        let (me, proposed) = (step.server.me, self.spans.proposed());
        let has_everything = |voter| voter != me && links.acknowledged(voter) >= Some(proposed);
        self.is_done() && step.server.configs().is_quorum(has_everything)
    }

    /// Whether everything is committed, and nobody waits for the proof of a sync.
    fn is_done(&self) -> bool {
        self.confirm.is_done() && self.has_committed_all()
    }

    /// Whether a quorum follows, asked once in a tick. A whole state may hold what is proposed and not committed, and nothing of it
    /// is sent before that is committed: who waits for it cannot help with that. Nor can who observes, and is to vote under a
    /// configuration that is not committed: without the others there is a quorum for that in an election only. Where what was
    /// proposed while a change was pending still needs the quorum before that, and it is gone for syncLimit, the leader gives up:
    /// in the next reign it is a part of the history. ZooKeeper's leader would stay, and commit nothing any more.
    pub(super) fn is_followed(&mut self, links: &Links, step: &Step<'_>) -> bool {
        if step.now < self.check_at {
            return true;
        }
        self.check_at = step.now.after(step.server.settings.tick);
        let is_all_committed = self.has_committed_all();
        let helps =
            |open: &LearnerLink| !open.awaits_state() && !open.learner().is_some_and(|learner| learner.observes());
        let follows = |open: &LearnerLink| open.follows() && (is_all_committed || helps(open));
        let (me, now) = (step.server.me, step.now);
        let counts = |voter| voter == me || links.is(voter, follows);
        match self.spans.are_enough(counts, |voter| self.is_paddock(voter, links, step)) {
            true => self.stuck_since = None,
            false => drop(self.stuck_since.get_or_insert(now)),
        }
        let is_stuck = self.stuck_since.is_some_and(|since| now.since(since) >= step.server.settings.sync_wait());
        !is_stuck && links.are_quorum(step, follows)
    }

    /// Whether the leader's own disk has not taken what was proposed for as long as a learner would be let go for, and the others
    /// can go on without it. Full, it may be so for hours.
    pub(super) fn is_behind(&mut self, links: &Links, step: &Step<'_>) -> bool {
        let limit = step.server.settings.sync_wait();
        self.lag.look(step.server.acknowledgeable(), self.owed(step), step.now, limit)
            && links.are_quorum_without_leader(step)
    }

    pub(super) fn is_reconfiguring(&self) -> bool {
        self.spans.pending().is_some()
    }

    /// Nobody follows: the oracle is asked whether the leader goes on. No answer until it is asked the next time is none.
    pub(super) fn doubt(&mut self, links: &Links, step: &mut Step<'_>) -> bool {
        let asks = !self.is_doubted && links.is_alone(step) && step.ask_oracle();
        self.is_doubted = asks;
        asks
    }

    /// The oracle has answered. Whether the leader goes on, if that was the question.
    pub(super) fn on_oracle(&mut self, grants: bool) -> bool {
        !core::mem::take(&mut self.is_doubted) || grants
    }

    /// Whether something is left to do that a leader who is alone may do once the oracle lets it.
    pub(super) fn awaits_oracle(&self, step: &Step<'_>) -> bool {
        if self.leaves_at.is_some() {
            return false;
        }
        let (me, own) = (step.server.me, step.server.acknowledgeable());
        let committable = self.spans.committable_by(true, |voter| (voter == me).then_some(own), |_| true);
        committable > self.spans.committed() || !self.confirm.is_done()
    }

    /// What was proposed last.
    pub(super) fn proposed(&self) -> Zxid {
        self.spans.proposed()
    }

    /// Whether this voter has told what no server of ZooKeeper does. The leader tells the learners too.
    fn is_paddock(&self, voter: ServerId, links: &Links, step: &Step<'_>) -> bool {
        match voter == step.server.me {
            true => step.server.settings.features != Features::default(),
            false => self.paddocks.contains(&voter) || links.is_paddock(voter),
        }
    }

    /// What is to be acknowledged by now: nothing behind a change that holds it.
    pub(super) fn owed(&self, step: &Step<'_>) -> Zxid {
        step.server.held_by().map_or(self.proposed(), |change| change.min(self.proposed()))
    }

    /// A PING is answered; whether one was to be.
    pub(super) fn on_pong(open: &mut LearnerLink) -> bool {
        match open.state() {
            // Before UPTODATE nobody answers, and nothing is counted.
            State::AwaitingStart(..) => true,
            State::Live(learner, mut live) if live.pings.answered < live.pings.sent => {
                live.pings.answered += 1;
                open.set(State::Live(learner, live));
                true
            }
            _ => false,
        }
    }
}

/// A quorum has agreed on the configuration that was seen last when it took the leader's history. The one in force is returned.
fn enforce_last_seen(step: &mut Step<'_>) -> Arc<Config> {
    let configs = step.server.configs();
    let (committed, last_seen) = (configs.committed.clone(), configs.last_seen.clone());
    if !step.server.settings.reconfig_enabled || last_seen.version() <= committed.version() {
        return committed;
    }
    step.server.activate(&last_seen, step.out);
    step.put(Output::Activate { config: last_seen.clone(), leader: None });
    last_seen
}

/// Who leads under a configuration that is committed with `zxid`: this server, if it may and is where it was; otherwise a voter
/// of it that has the transaction, and of those one that has the most of what was proposed after it, so that the least of it
/// is lost. There is one, since a quorum has the transaction, unless nobody else has a say.
fn designate(zxid: Zxid, config: &Config, links: &Links, step: &Step<'_>) -> ServerId {
    let (me, configs) = (step.server.me, step.server.configs());
    if config.keeps_leader(&configs.committed, me) {
        return me;
    }
    let candidates = config.quorum().voters().filter(|voter| *voter != me && config.quorum().weight(*voter) > 0);
    let have = candidates.filter_map(|voter| links.acknowledged(voter).map(|acknowledged| (acknowledged, voter)));
    let best = have.filter(|(acknowledged, _)| *acknowledged >= zxid).max_by_key(|(acknowledged, _)| *acknowledged);
    best.map_or(me, |(_, voter)| voter)
}

#[cfg(test)]
mod tests {
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    use super::{Broadcasting, Confirm, Lag, Links};
    use crate::config::{Config, Configs, HostPort, Member, PeerAddress, PeerType};
    use crate::epochs::Epochs;
    use crate::output::{Cause, Output};
    use crate::quorum::QuorumSystem;
    use crate::server::{Found, Server, Standing};
    use crate::settings::{Features, Ms, RENEW_FROM, Settings};
    use crate::spans::Spans;
    use crate::step::{Over, Step};
    use crate::{Epoch, History, ServerId, Zxid};

    /// A server that needs nobody else.
    fn alone(last: Zxid) -> Server {
        let me = ServerId(1);
        let host = HostPort { host: "h".into(), port: 2888 };
        let addresses = Vec::from([PeerAddress { quorum: host.clone(), election: host }]);
        let member = Member { peer_type: PeerType::Participant, addresses, client: None };
        let quorum = QuorumSystem::Majority(BTreeSet::from([me]));
        let config = Arc::new(Config::new(Zxid::ZERO, BTreeMap::from([(me, member)]), quorum));
        let settings = Settings {
            tick: Ms(100),
            init_limit: 10,
            sync_limit: 5,
            connect_limit: 0,
            notification_interval_min: Ms(200),
            notification_interval_max: Ms(200),
            epoch_wait_max: None,
            reconfig_enabled: false,
            leader_serves: true,
            force_snapshot: false,
            observer_election_delay_max: Ms(0),
            read_only_mode: false,
            has_oracle: false,
            has_observer_masters: false,
            observer_reconnect_delay_max: Ms(0),
            features: Features::default(),
            renew_from: RENEW_FROM,
            seed: 0,
        };
        let found = Found {
            epochs: Epochs::new(None, None, last).unwrap(),
            history: History::new(last),
            standing: Standing::Sound,
            configs: Configs::settled(config),
        };
        Server::new(me, settings, found)
    }

    /// ZOOKEEPER-1277.
    #[test]
    fn a_reign_ends_with_the_last_transaction_of_its_epoch() {
        let [before, last] = [0x2_ffff_fffe, 0x2_ffff_ffff].map(Zxid);
        let mut server = alone(before);
        let config = server.configs().committed.clone();
        let mut reign = Broadcasting {
            epoch: Epoch(2),
            spans: Spans::begin(before, config),
            confirm: Confirm::default(),
            check_at: Ms(0),
            stuck_since: None,
            leaves_at: None,
            renew_at: Ms(0),
            lag: Lag::None,
            is_doubted: false,
            paddocks: BTreeSet::new(),
        };
        let (links, mut out) = (Links::default(), Vec::new());
        let step = &mut Step { server: &mut server, now: Ms(0), out: &mut out };
        reign.propose(last, None, step);
        assert_eq!(reign.commit(&links, step), Ok(()));
        step.server.log.on_durable(last);
        assert_eq!(reign.commit(&links, step), Err(Over::Look(Cause::EpochUsedUp)));
        assert_eq!(out, [Output::Commit(last)]);
    }
}
