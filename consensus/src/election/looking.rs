//! The role of a server that looks for a leader.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::answer::answer;
use super::decision::Decision;
use super::standpoint::Standpoint;
use super::votes::Votes;
use crate::config::{Config, PeerType};
use crate::input::{Event, Mark};
use crate::notification::{Format, Notification, ServerState};
use crate::settings::Ms;
use crate::vote::Vote;
use crate::{Output, ServerId, Zxid};

/// How long a server that could decide waits for a better vote. No rule of safety: it spares elections of a leader that is
/// not the best.
const SILENCE: Ms = Ms(200);
/// Dials of one voter between two repetitions. A connection may fall because the other side has begun one at the same time, and
/// comes about with the second dial.
const DIALS_MAX: u32 = 2;

/// One search for a leader. It ends with the [`Decision`] that a call returns; after that the value is to be dropped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Looking {
    state: State,
    /// Whom this server wants to lead, by what it has heard in this round.
    proposal: Vote,
    /// What each voter said last, this server included if it votes.
    votes: Votes,
    /// Those whose last dial came to nothing, or whose connection fell and is not dialled any more before the next repetition,
    /// since this search began. They are not waited for.
    unreachable: BTreeSet<ServerId>,
    /// How often who was dialled since the last repetition: a connection that falls at once is not tried without an end.
    dials: BTreeMap<ServerId, u32>,
    /// It has gone back to an earlier round since the last repetition.
    went_back: bool,
    /// What is to pass between this repetition and the next. It doubles.
    interval: Ms,
    repeat_at: Ms,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No quorum has the vote of this server.
    Voting,
    /// A quorum has it. What comes until then may be better.
    AwaitingSilence { until: Ms },
    /// A newer configuration is being written, and nothing is decided by the old one.
    WritingConfig,
}

impl Looking {
    /// Begins a search with a new round: this server proposes itself, and tells the voters. Even a server that needs nobody
    /// else decides at the [deadline](Looking::deadline), which has come already then.
    pub fn begin(at: &mut Standpoint<'_>, now: Ms, out: &mut Vec<Output>) -> Looking {
        // A peer may have told any round; the last one is used for ever.
        *at.round = at.round.saturating_add(1);
        at.connections.keep_voters(at.configs);
        let interval = at.settings.notification_interval_min.max(Ms(1));
        let mut looking = Looking {
            state: State::Voting,
            proposal: at.own,
            votes: Votes::default(),
            unreachable: BTreeSet::new(),
            dials: BTreeMap::new(),
            went_back: false,
            interval,
            repeat_at: now.after(interval),
        };
        looking.propose(at.own, at, out);
        looking.dial_missing(at, out);
        looking.weigh(at, now);
        looking
    }

    /// When [`on_time`](Looking::on_time) is owed next.
    pub fn deadline(&self) -> Option<Ms> {
        match self.state {
            State::Voting => Some(self.repeat_at),
            State::AwaitingSilence { until } => Some(until.min(self.repeat_at)),
            State::WritingConfig => None,
        }
    }

    /// The name of the state.
    pub fn awaits(&self) -> &'static str {
        match self.state {
            State::Voting => "Voting",
            State::AwaitingSilence { .. } => "AwaitingSilence",
            State::WritingConfig => "WritingConfig",
        }
    }

    /// What this server tells of itself in this round.
    pub fn says(&self, round: i64) -> Notification {
        Notification { state: ServerState::Looking, vote: self.proposal, round, format: Format::Versioned }
    }

    /// `config` is the configuration that came with it. One that is newer is written as the committed one, and
    /// [`on_configured`](Looking::on_configured) is owed when it is.
    pub fn on_notification(
        &mut self,
        at: &mut Standpoint<'_>,
        from: ServerId,
        heard: &Notification,
        config: Option<&Arc<Config>>,
        now: Ms,
        out: &mut Vec<Output>,
    ) -> Option<Decision> {
        let is_left = self.is_left(at, heard);
        let answer = answer(&self.says(*at.round), heard).filter(|_| !is_left);
        out.extend(answer.map(|answer| Output::Notify(from, answer)));
        self.adopt(at, from, config, out);
        if self.state == State::WritingConfig || from == at.me || !at.configs.is_voter(from) {
            return None;
        }
        let joins =
            heard.state == ServerState::Looking && heard.round == *at.round && !self.votes.knows(from, heard.round);
        match heard.state {
            ServerState::Observing => self.votes.forget(from),
            _ => self.votes.hear(from, *heard),
        }
        let established = match heard.state {
            ServerState::Looking if is_left => None,
            ServerState::Looking => {
                let proposal = self.proposal;
                self.consider(at, heard, out);
                // What it was told before it began to look in this round it has not heard, and the next repetition may be far.
                if joins && self.proposal == proposal && at.proposes() {
                    out.push(Output::Notify(from, self.says(*at.round)));
                }
                None
            }
            ServerState::Following | ServerState::Leading => self.established(at, heard),
            ServerState::Observing => None,
        };
        if let Some(decision) = established {
            // What this server told in a round may come back to it, and must not be of a round to come.
            *at.round = decision.round.max(*at.round);
            return Some(decision);
        }
        self.weigh(at, now);
        self.decide(at, now)
    }

    /// The connections know the event already.
    pub fn on_event(
        &mut self,
        at: &mut Standpoint<'_>,
        peer: ServerId,
        event: Event,
        now: Ms,
        out: &mut Vec<Output>,
    ) -> Option<Decision> {
        if self.state == State::WritingConfig || peer == at.me || !at.configs.is_voter(peer) {
            return None;
        }
        match event {
            Event::Up => {
                self.unreachable.remove(&peer);
                out.push(Output::Notify(peer, self.says(*at.round)));
            }
            Event::Refused if !at.connections.is_up(peer) => {
                self.unreachable.insert(peer);
            }
            Event::Refused => {}
            Event::Down if self.dial(peer, at, out) => {}
            Event::Down => {
                self.unreachable.insert(peer);
            }
        }
        self.weigh(at, now);
        self.decide(at, now)
    }

    /// Harmless at any time.
    pub fn on_time(&mut self, at: &mut Standpoint<'_>, now: Ms, out: &mut Vec<Output>) -> Option<Decision> {
        let decision = self.decide(at, now);
        if decision.is_none() && self.state != State::WritingConfig && self.repeat_at <= now {
            self.repeat(at, now, out);
        }
        decision
    }

    /// The oracle was asked. What it grants is taken as long as this server has to go on alone.
    pub fn on_oracle(&mut self, at: &mut Standpoint<'_>, grants: bool) -> Option<Decision> {
        (grants && self.may_go_on_alone(at)).then(|| decided(at, self.proposal, *at.round, self.supporters(at)))
    }

    /// Whether nothing but the word of an oracle is missing to lead, because the other of two voters says nothing.
    fn may_go_on_alone(&self, at: &Standpoint<'_>) -> bool {
        let is_candidate = self.state == State::Voting && self.proposal.leader == at.me && at.may_lead(at.me);
        let supporters = self.supporters(at);
        at.settings.has_oracle
            && is_candidate
            && at.proposes()
            && at.configs.is_quorum_by(true, |voter| supporters.contains(&voter))
    }

    /// The configuration that came with a notification is durable, and is the committed one of `at`: the search begins again.
    pub fn on_configured(&mut self, at: &mut Standpoint<'_>, now: Ms, out: &mut Vec<Output>) {
        *self = Looking::begin(at, now, out);
    }

    /// A server with reconfiguration switched off has no use for other configurations, and goes on as if there were none. A
    /// stranger is not believed, unless the configuration has both it and this server: whoever was away while others came knows
    /// none of them. Nor is a version that is so far ahead that no other could ever follow it.
    fn adopt(&mut self, at: &Standpoint<'_>, from: ServerId, config: Option<&Arc<Config>>, out: &mut Vec<Output>) {
        let newer = config.filter(|config| config.version() > at.configs.committed.version());
        if let Some(config) = newer
            && at.settings.reconfig_enabled
            && (at.configs.is_member(from) || [from, at.me].iter().all(|server| config.members().contains_key(server)))
            && at.accepted.is_credible(config.version().epoch())
            && self.state != State::WritingConfig
        {
            out.push(Output::Write(Mark::Committed(config.clone())));
            self.state = State::WritingConfig;
        }
    }

    /// Whether this is a word of an earlier round to which it does not go back before the next repetition. Voters of two rounds that
    /// hear it and not each other answer whatever it says in the other's round at once, and it says that to all.
    fn is_left(&self, at: &Standpoint<'_>, heard: &Notification) -> bool {
        self.went_back && at.supports() && heard.state == ServerState::Looking && heard.round < *at.round
    }

    /// A vote of one who looks: it may be of a later round, or better than the own one.
    fn consider(&mut self, at: &mut Standpoint<'_>, heard: &Notification, out: &mut Vec<Output>) {
        let Notification { vote, round, .. } = *heard;
        // It proposes nobody, or one that has no history.
        let void = !at.configs.is_voter(vote.leader) || vote.zxid == Zxid::NOTHING;
        if void || !(at.proposes() || at.supports()) {
            return;
        }
        // Nobody follows into its round who wants nobody of its own accord: it goes into that of others, also back.
        if round > *at.round || (at.supports() && round != *at.round) {
            self.went_back |= round < *at.round;
            *at.round = round;
            self.propose(if at.beats(&vote, &at.own) { vote } else { at.own }, at, out);
        } else if round == *at.round && at.beats(&vote, &self.proposal) {
            self.propose(vote, at, out);
        }
    }

    /// The own vote counts without a way over the wire.
    fn propose(&mut self, vote: Vote, at: &Standpoint<'_>, out: &mut Vec<Output>) {
        self.state = State::Voting;
        self.proposal = vote;
        let says = self.says(*at.round);
        if at.proposes() && at.configs.is_voter(at.me) {
            self.votes.hear(at.me, says);
        }
        // Whoever is not connected, too. A server says what it told another one last first of all when that comes back. If that is
        // a former leader that was started anew, "I follow you" must not be what it hears.
        out.extend(at.others().map(|voter| Output::Notify(voter, says)));
    }

    /// Of one who follows or leads: whether a quorum does, and the leader says so too. Either in this round, with those who
    /// still look but want the same; or in whatever rounds, with those alone who look no more.
    fn established(&self, at: &Standpoint<'_>, heard: &Notification) -> Option<Decision> {
        let leader = heard.vote.leader;
        if !at.configs.is_voter(leader) {
            return None;
        }
        // Others may follow what this server was before it was started anew.
        if leader == at.me && (heard.round != *at.round || at.own.leader != at.me) {
            return None;
        }
        let this_round = |said: &Notification| said.round == *at.round;
        let settled = |said: &Notification| said.state != ServerState::Looking;
        self.backed(at, heard, this_round).or_else(|| self.backed(at, heard, settled))
    }

    /// The decision for what was heard, if those that said what `counts` says are enough for it: a quorum of the committed
    /// configuration. A change that this server has seen may have come to nothing, and then its quorum never comes.
    fn backed(
        &self,
        at: &Standpoint<'_>,
        heard: &Notification,
        counts: impl Fn(&Notification) -> bool,
    ) -> Option<Decision> {
        let leader = heard.vote.leader;
        let supporters = self.votes.supporters(heard, &counts);
        // Whoever leads alone has been let by the oracle: there is nobody else who could say so.
        let is_alone = at.settings.has_oracle && heard.state == ServerState::Leading;
        let enough = at.configs.committed.quorum().is_quorum_by(is_alone, |voter| supporters.contains(&voter));
        let leads = leader == at.me || self.votes.leads(leader, counts);
        (enough && leads).then(|| decided(at, heard.vote, heard.round, supporters))
    }

    /// Whether a quorum has the vote of this server, and how long it waits then.
    fn weigh(&mut self, at: &Standpoint<'_>, now: Ms) {
        let supporters = self.supporters(at);
        let enough = at.proposes()
            && at.may_lead(self.proposal.leader)
            && at.configs.is_quorum(|voter| supporters.contains(&voter));
        if !enough {
            self.state = State::Voting;
            return;
        }
        let latest = match self.state {
            State::AwaitingSilence { until } => until,
            State::Voting | State::WritingConfig => now.after(SILENCE),
        };
        let mut others = at.others();
        let all_heard = others.all(|voter| supporters.contains(&voter) || self.unreachable.contains(&voter));
        let until = if all_heard { latest.min(now) } else { latest };
        self.state = State::AwaitingSilence { until };
    }

    fn decide(&self, at: &Standpoint<'_>, now: Ms) -> Option<Decision> {
        let State::AwaitingSilence { until } = self.state else { return None };
        (until <= now).then(|| decided(at, self.proposal, *at.round, self.supporters(at)))
    }

    fn supporters(&self, at: &Standpoint<'_>) -> BTreeSet<ServerId> {
        self.votes.supporters(&self.says(*at.round), |_| true)
    }

    /// Whoever is connected is told again, and whoever is not is dialled.
    fn repeat(&mut self, at: &mut Standpoint<'_>, now: Ms, out: &mut Vec<Output>) {
        let says = self.says(*at.round);
        let connected = at.others().filter(|voter| at.connections.is_up(*voter));
        out.extend(connected.map(|voter| Output::Notify(voter, says)));
        self.dials.clear();
        self.went_back = false;
        self.dial_missing(at, out);
        // Whoever cannot be heard by a leader as long as that is left by it: an ensemble that has healed finds those who look
        // within the same time. ZooKeeper's longest is a minute.
        let longest = at.settings.notification_interval_max.min(at.settings.sync_wait()).max(Ms(1));
        self.interval = self.interval.after(self.interval).min(longest);
        self.repeat_at = now.after(self.interval);
        if self.may_go_on_alone(at) {
            out.push(Output::AskOracle);
        }
    }

    fn dial_missing(&mut self, at: &mut Standpoint<'_>, out: &mut Vec<Output>) {
        let (me, configs) = (at.me, at.configs);
        for voter in configs.voters().filter(|voter| *voter != me) {
            if !at.connections.is_up(voter) {
                self.dial(voter, at, out);
            }
        }
    }

    /// Whether it may be dialled once more before the next repetition.
    fn dial(&mut self, voter: ServerId, at: &mut Standpoint<'_>, out: &mut Vec<Output>) -> bool {
        let dials = self.dials.entry(voter).or_default();
        let may_dial = *dials < DIALS_MAX;
        if may_dial {
            *dials += 1;
            at.connections.dial(voter, out);
        }
        may_dial
    }
}

fn decided(at: &Standpoint<'_>, vote: Vote, round: i64, supporters: BTreeSet<ServerId>) -> Decision {
    let state = match at.peer_type {
        _ if vote.leader == at.me => ServerState::Leading,
        PeerType::Participant => ServerState::Following,
        PeerType::Observer => ServerState::Observing,
    };
    Decision { vote, round, state, supporters }
}
