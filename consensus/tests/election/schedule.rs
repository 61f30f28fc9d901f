//! One random election: faults of all kinds for a while, then none, and by then all have to be of one mind.
//!
//! What comes after an election is only hinted at. A learner is with its leader as soon as it sees it, a leader whose learners
//! are a quorum begins an epoch, and whoever waits for too long looks for a leader again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use paddock_consensus::config::{Config, PeerType};
use paddock_consensus::election::Decision;
use paddock_consensus::input::Event;
use paddock_consensus::notification::{Notification, ServerState};
use paddock_consensus::quorum::{GroupId, QuorumSystem, Share};
use paddock_consensus::settings::Ms;
use paddock_consensus::summary::Summary;
use paddock_consensus::{Epoch, Output, ServerId, Zxid};
use paddock_tests::random::Random;

use crate::commands::member;
use crate::network::{Network, Path};
use crate::server::Server;
use crate::tally::{Happened, Tally};

const VOTERS: i64 = 5;
/// Faults happen for so long at least, and for so long at most.
const FAULTS_MS: (u64, u64) = (500, 4000);
/// After the faults all have to be of one mind by then.
const CALM_MS: u64 = 20_000;
/// What came of an election is looked at so often.
const LOOK_MS: u64 = 50;
/// A learner waits so long for its leader, and a leader for its quorum.
const CONNECT_MS: u64 = 600;
const INIT_MS: u64 = 1500;
/// More than any run has: servers that keep each other busy for ever.
const EVENTS: u64 = 1_000_000;

/// What is going to happen.
enum Coming {
    Start(ServerId),
    /// The end of an attempt to connect.
    Dialled(Path),
    Send(Path),
    Arrive {
        path: Path,
        connection: u64,
        notification: Notification,
    },
    Time(ServerId),
    /// What came of the role that the server took as its `role`th.
    Look {
        me: ServerId,
        role: u64,
    },
    Fault,
    Calm,
}

/// A server and what the schedule knows of it.
struct Node {
    server: Server,
    accepted: Epoch,
    /// How many roles it had.
    roles: u64,
    /// Since when it has this role, and whether a learner has found its leader or a leader has begun its epoch.
    since: u64,
    established: bool,
    /// The earliest time at which its deadline is looked at.
    awake_at: Option<u64>,
}

struct Schedule {
    random: Random,
    now: u64,
    /// By time, then by the order in which it was thought of.
    coming: BTreeMap<(u64, u64), Coming>,
    thought_of: u64,
    nodes: BTreeMap<ServerId, Node>,
    network: Network,
    /// Milliseconds that a notification is under way at most.
    latency: usize,
    calm_since: Option<u64>,
    tally: Tally,
}

/// What happened, if it ended well.
pub fn run(seed: u64) -> Result<Tally, String> {
    let mut schedule = Schedule::draw(seed);
    for _ in 0..EVENTS {
        let (time, coming) = schedule.next();
        schedule.now = time;
        let may_be_over = matches!(coming, Coming::Look { .. });
        schedule.happen(coming)?;
        let Some(calm_since) = schedule.calm_since.filter(|_| may_be_over) else { continue };
        if schedule.is_of_one_mind() {
            schedule.tally.longest = schedule.now - calm_since;
            return Ok(schedule.tally);
        }
        if schedule.now > calm_since + CALM_MS {
            return Err(format!("no leader whom all follow by {} ms: {}", schedule.now, schedule.states()));
        }
    }
    Err(format!("busy for ever at {} ms: {}", schedule.now, schedule.states()))
}

impl Schedule {
    fn draw(seed: u64) -> Schedule {
        let mut random = Random::new(seed);
        let mut tally = Tally::default();
        let observers = random.below(3) as i64;
        if observers > 0 {
            tally.count(Happened::WithObservers);
        }
        let config = Arc::new(draw_config(observers, &mut random, &mut tally));
        let nodes = config.members().iter().map(|(me, member)| {
            let history = Summary { current_epoch: Epoch(random.below(3) as i32), last: Zxid(random.below(4) as i64) };
            let mut server = Server::new(*me, &config, Some(history));
            server.peer_type = member.peer_type;
            (*me, Node { server, accepted: Epoch(2), roles: 0, since: 0, established: false, awake_at: None })
        });
        let nodes = nodes.collect();
        let mut schedule = Schedule {
            random,
            now: 0,
            coming: BTreeMap::new(),
            thought_of: 0,
            nodes,
            network: Network::default(),
            latency: 5,
            calm_since: None,
            tally,
        };
        schedule.begin();
        schedule
    }

    fn begin(&mut self) {
        let servers: Vec<ServerId> = self.nodes.keys().copied().collect();
        for me in servers {
            let after = self.up_to(400);
            self.plan(after, Coming::Start(me));
        }
        self.plan(0, Coming::Fault);
        let calm = FAULTS_MS.0 + self.up_to((FAULTS_MS.1 - FAULTS_MS.0) as usize);
        self.plan(calm, Coming::Calm);
    }

    fn up_to(&mut self, most: usize) -> u64 {
        self.random.below(most + 1) as u64
    }

    fn plan(&mut self, after: u64, coming: Coming) {
        self.thought_of += 1;
        self.coming.insert((self.now + after, self.thought_of), coming);
    }

    fn next(&mut self) -> (u64, Coming) {
        let ((time, _), coming) = self.coming.pop_first().expect("somebody always looks at what came of an election");
        (time, coming)
    }

    fn happen(&mut self, coming: Coming) -> Result<(), String> {
        match coming {
            Coming::Start(me) if self.runs(me) => Ok(()),
            Coming::Start(me) => self.step(me, Server::start),
            Coming::Dialled(path) => self.dialled(path),
            Coming::Send(path) => {
                self.send(path);
                Ok(())
            }
            Coming::Arrive { path, connection, notification } => self.arrive(path, connection, &notification),
            Coming::Time(me) => {
                self.node(me).awake_at = None;
                self.step(me, Server::on_time)
            }
            Coming::Look { me, role } if self.node(me).roles == role && self.runs(me) => self.look(me),
            Coming::Look { .. } => Ok(()),
            Coming::Fault if self.calm_since.is_some() => Ok(()),
            Coming::Fault => self.fault(),
            Coming::Calm => {
                self.calm();
                Ok(())
            }
        }
    }

    fn node(&mut self, me: ServerId) -> &mut Node {
        self.nodes.get_mut(&me).expect("it is one of them")
    }

    fn runs(&self, me: ServerId) -> bool {
        self.nodes[&me].server.role.is_some()
    }

    /// One step of a server that runs, or of one that starts.
    fn step(&mut self, me: ServerId, step: impl FnOnce(&mut Server, Ms, &mut Vec<Output>)) -> Result<(), String> {
        self.tally.count(Happened::Step);
        let (mut out, now) = (Vec::new(), self.now);
        let node = self.node(me);
        let had_decided = node.server.decision().is_some();
        step(&mut node.server, Ms(now), &mut out);
        if let Some(deadline) = node.server.deadline().map(|deadline| deadline.0.max(now))
            && node.awake_at.is_none_or(|awake_at| deadline < awake_at)
        {
            node.awake_at = Some(deadline);
            self.plan(deadline - now, Coming::Time(me));
        }
        for output in out {
            self.perform(me, output);
        }
        match self.nodes[&me].server.decision().cloned() {
            Some(decision) if !had_decided => self.decided(me, &decision),
            _ => Ok(()),
        }
    }

    fn perform(&mut self, me: ServerId, output: Output) {
        match output {
            Output::Dial(peer) => {
                let after = self.up_to(self.latency);
                self.plan(after, Coming::Dialled((me, peer)));
            }
            Output::Notify(peer, notification) => {
                if self.network.notify((me, peer), notification, &mut self.tally) {
                    let after = self.up_to(2);
                    self.plan(after, Coming::Send((me, peer)));
                }
            }
            other => panic!("an election does not put out {other:?}"),
        }
    }

    fn event(&mut self, me: ServerId, peer: ServerId, event: Event) -> Result<(), String> {
        match self.runs(me) {
            true => self.step(me, |server, now, out| server.on_event(peer, event, now, out)),
            false => Ok(()),
        }
    }

    fn dialled(&mut self, (me, peer): Path) -> Result<(), String> {
        if !self.runs(me) {
            return Ok(());
        }
        if !self.runs(peer) || !self.network.is_open((me, peer)) {
            self.tally.count(Happened::DialRefused);
            return self.event(me, peer, Event::Refused);
        }
        // The other side may have been quicker. A connection that stands is replaced then.
        self.network.connect((me, peer));
        self.event(me, peer, Event::Up)?;
        self.event(peer, me, Event::Up)
    }

    fn fall(&mut self, (one, other): Path) -> Result<(), String> {
        if !self.network.fall((one, other)) {
            return Ok(());
        }
        self.tally.count(Happened::ConnectionFell);
        self.event(one, other, Event::Down)?;
        self.event(other, one, Event::Down)
    }

    fn send(&mut self, path: Path) {
        let delay = self.up_to(self.latency);
        let Some(sent) = self.network.send(path, self.now, delay, &mut self.tally) else { return };
        let (connection, notification) = (sent.connection, sent.notification);
        if self.random.one_in(20) {
            self.tally.count(Happened::DeliveredTwice);
            let later = sent.at - self.now + self.up_to(300);
            self.plan(later, Coming::Arrive { path, connection, notification });
        }
        self.plan(sent.at - self.now, Coming::Arrive { path, connection, notification });
    }

    fn arrive(&mut self, path: Path, connection: u64, notification: &Notification) -> Result<(), String> {
        let (from, to) = path;
        if !self.runs(to) || !self.network.arrives(path, connection, &mut self.random, &mut self.tally) {
            return Ok(());
        }
        self.step(to, |server, now, out| server.on_notification(from, notification, None, now, out))
    }

    /// One that leads by votes has to be the best of those who voted for it.
    fn decided(&mut self, me: ServerId, decision: &Decision) -> Result<(), String> {
        let now = self.now;
        let node = self.node(me);
        node.roles += 1;
        (node.since, node.established) = (now, false);
        let role = node.roles;
        self.plan(LOOK_MS, Coming::Look { me, role });
        self.tally.count(match decision.state {
            ServerState::Leading => Happened::DecidedToLead,
            ServerState::Following => Happened::DecidedToFollow,
            ServerState::Observing => Happened::DecidedToObserve,
            ServerState::Looking => return Err("a decision to look on".into()),
        });
        let server = &self.nodes[&me].server;
        if !server.configs.is_quorum(|voter| decision.supporters.contains(&voter)) {
            return Err(format!("{} decided {decision:?} without a quorum", me.0));
        }
        if decision.state == ServerState::Leading {
            self.count_rivals(me, decision);
        }
        self.is_best_of_supporters(decision)
    }

    fn count_rivals(&mut self, me: ServerId, decision: &Decision) {
        let leads = |node: &Node| {
            let other = node.server.decision();
            other.is_some_and(|other| other.state == ServerState::Leading && other.round == decision.round)
        };
        if self.nodes.iter().any(|(other, node)| *other != me && leads(node)) {
            self.tally.count(Happened::Rivals);
        }
    }

    /// Of those who still want just that. A voter without weight may want what cannot be.
    fn is_best_of_supporters(&self, decision: &Decision) -> Result<(), String> {
        for supporter in &decision.supporters {
            let server = &self.nodes[supporter].server;
            let Some(says) = server.says() else { continue };
            let wants =
                says.state == ServerState::Looking && says.vote == decision.vote && says.round == decision.round;
            let own = server.own_vote();
            let may_lead = server.configs.committed.quorum().weight(own.leader) > 0;
            if wants && may_lead && own > decision.vote {
                return Err(format!("{} is better than {decision:?}, which it supports", supporter.0));
            }
        }
        Ok(())
    }

    /// What came of an election.
    fn look(&mut self, me: ServerId) -> Result<(), String> {
        let Some(decision) = self.nodes[&me].server.decision() else { return Ok(()) };
        let (state, leader) = (decision.state, decision.vote.leader);
        let goes_on = match state {
            ServerState::Leading => self.lead(me),
            _ => self.follow(me, leader),
        };
        if !goes_on {
            self.node(me).roles += 1;
            return self.step(me, Server::look);
        }
        let role = self.nodes[&me].roles;
        self.plan(LOOK_MS, Coming::Look { me, role });
        Ok(())
    }

    /// Whether a learner stays one.
    fn follow(&mut self, me: ServerId, leader: ServerId) -> bool {
        let has_leader = self.is_with(me, leader);
        let (node, epoch) = (&self.nodes[&me], self.epoch_of(leader));
        let late = self.now > node.since + CONNECT_MS;
        let joins = has_leader && !node.established && epoch.is_some();
        let waits = !node.established && (has_leader || !late);
        if joins {
            self.tally.count(Happened::JoinedLate);
            self.join(me, leader, epoch.expect("it has begun"));
        }
        let goes_on = has_leader || waits;
        if !goes_on {
            self.tally.count(Happened::LearnerGaveUp);
        }
        goes_on
    }

    /// Whether a leader stays one.
    fn lead(&mut self, me: ServerId) -> bool {
        let mut with: BTreeSet<ServerId> =
            self.nodes.keys().copied().filter(|other| self.is_with(*other, me)).collect();
        with.insert(me);
        let node = &self.nodes[&me];
        let (established, late) = (node.established, self.now > node.since + INIT_MS);
        if !established {
            let newer = |server: &ServerId| self.nodes[server].server.history > self.nodes[&me].server.history;
            let newer: Vec<ServerId> = with.iter().copied().filter(newer).collect();
            newer.iter().for_each(|_| self.tally.count(Happened::LearnerIsNewer));
            with.retain(|server| !newer.contains(server));
        }
        // One that has no history is served, and does not count.
        let counts =
            |server: ServerId| with.contains(&server) && (established || self.nodes[&server].server.history.is_some());
        let enough = self.nodes[&me].server.configs.is_quorum(counts);
        if enough && !established {
            self.begin_epoch(me, &with);
        } else if enough {
            self.propose(me, &with);
        }
        let goes_on = enough || (!established && !late);
        if !goes_on {
            self.tally.count(Happened::LeaderGaveUp);
        }
        goes_on
    }

    /// Whether a learner has this leader, both of them run, and nothing is between them.
    fn is_with(&self, me: ServerId, leader: ServerId) -> bool {
        let follows = self.nodes[&me].server.decision().is_some_and(|decision| decision.vote.leader == leader);
        let leader_decision = self.nodes.get(&leader).and_then(|node| node.server.decision());
        let leads = leader_decision.is_some_and(|decision| decision.state == ServerState::Leading);
        me != leader && follows && leads && self.network.is_open((me, leader))
    }

    /// The epoch that this leader has begun.
    fn epoch_of(&self, leader: ServerId) -> Option<Epoch> {
        let node = self.nodes.get(&leader)?;
        let leads = node.server.decision().is_some_and(|decision| decision.state == ServerState::Leading);
        (leads && node.established).then_some(node.accepted)
    }

    fn begin_epoch(&mut self, leader: ServerId, with: &BTreeSet<ServerId>) {
        self.tally.count(Happened::EpochBegan);
        let accepted = with.iter().map(|server| self.nodes[server].accepted).max().expect("the leader is one of them");
        let epoch = accepted.next().expect("no run has so many");
        with.iter().for_each(|server| self.join(*server, leader, epoch));
    }

    /// The learner has what the leader has.
    fn join(&mut self, me: ServerId, leader: ServerId, epoch: Epoch) {
        let history = self.nodes[&leader].server.history;
        let node = self.node(me);
        (node.accepted, node.established) = (epoch, true);
        node.server.history = history;
        node.server.begin_epoch(epoch);
    }

    /// Another transaction. Some of those who follow have it.
    fn propose(&mut self, leader: ServerId, with: &BTreeSet<ServerId>) {
        if !self.random.one_in(4) {
            return;
        }
        let epoch = self.nodes[&leader].accepted;
        let history = self.nodes[&leader].server.history.expect("a leader has one");
        let last = history.last.max(Zxid::start_of(epoch)).next().expect("no run has so many");
        for server in with {
            let has = *server == leader || !self.random.one_in(4);
            let node = self.node(*server);
            if has && node.established && node.accepted == epoch {
                node.server.history = Some(Summary { current_epoch: epoch, last });
            }
        }
    }

    fn fault(&mut self) -> Result<(), String> {
        let after = 5 + self.up_to(300);
        self.plan(after, Coming::Fault);
        let servers: Vec<ServerId> = self.nodes.keys().copied().collect();
        let (one, other) = (*self.random.pick(&servers), *self.random.pick(&servers));
        match self.random.below(10) {
            0 | 1 => self.crash(one),
            2 => self.fall((one, other)),
            3 => {
                let mut all = self.network.paths().into_iter();
                all.try_for_each(|path| self.fall(path))
            }
            4 | 5 => {
                self.network.block((one, other));
                Ok(())
            }
            6 => {
                self.network.unblock_all();
                Ok(())
            }
            7 => {
                self.latency = *self.random.pick(&[1, 20, 100, 500]);
                Ok(())
            }
            8 => self.lose_history(one),
            _ if self.runs(one) => {
                self.node(one).roles += 1;
                self.step(one, Server::look)
            }
            _ => Ok(()),
        }
    }

    fn crash(&mut self, me: ServerId) -> Result<(), String> {
        if !self.runs(me) {
            return Ok(());
        }
        self.tally.count(Happened::Crash);
        let node = self.node(me);
        (node.server.role, node.established) = (None, false);
        node.roles += 1;
        let again = self.up_to(1500);
        self.plan(again, Coming::Start(me));
        self.network.peers(me).into_iter().try_for_each(|peer| self.fall((me, peer)))
    }

    /// Only where the others that have one are a quorum.
    fn lose_history(&mut self, me: ServerId) -> Result<(), String> {
        let sound = |server: ServerId| server != me && self.nodes[&server].server.history.is_some();
        let configs = &self.nodes[&me].server.configs;
        if configs.is_voter(me) && configs.is_quorum(sound) {
            self.tally.count(Happened::HistoryLost);
            self.crash(me)?;
            self.node(me).server.history = None;
        }
        Ok(())
    }

    fn calm(&mut self) {
        self.calm_since = Some(self.now);
        self.latency = 5;
        self.network.unblock_all();
        let servers: Vec<ServerId> = self.nodes.keys().copied().collect();
        servers.into_iter().for_each(|me| self.plan(0, Coming::Start(me)));
    }

    /// Whether one leads whom all the others follow or observe.
    fn is_of_one_mind(&self) -> bool {
        let leaders = self.nodes.keys().filter(|me| self.epoch_of(**me).is_some());
        let [leader] = leaders.collect::<Vec<_>>()[..] else { return false };
        let with_it = |me: &ServerId| self.nodes[me].established && self.is_with(*me, *leader);
        self.nodes.keys().all(|me| me == leader || with_it(me))
    }

    fn states(&self) -> String {
        let states = self.nodes.iter().map(|(me, node)| {
            let says = node.server.says().map_or_else(|| "down".into(), |says| crate::server::notification(&says));
            format!("\n{}: {says}, own {}", me.0, crate::server::vote(&node.server.own_vote()))
        });
        states.collect()
    }
}

/// Five voters of equal weight, or in groups, or one of them without weight; and observers.
fn draw_config(observers: i64, random: &mut Random, tally: &mut Tally) -> Config {
    let voters = (1..=VOTERS).map(ServerId);
    let groups: &[[i64; VOTERS as usize]] = &[[1, 1, 1, 1, 1], [1, 1, 1, 2, 2], [1, 2, 2, 3, 3]];
    let quorum = match random.below(3) {
        0 => QuorumSystem::Majority(voters.clone().collect()),
        kind => {
            let groups = random.pick(groups);
            let weightless = (kind == 2).then(|| ServerId(1 + random.below(VOTERS as usize) as i64));
            tally.count(if kind == 2 { Happened::WithWeightless } else { Happened::WithGroups });
            let shares = voters.clone().zip(groups).map(|(voter, group)| {
                let weight = u32::from(Some(voter) != weightless);
                (voter, Share { group: GroupId(*group), weight })
            });
            QuorumSystem::Hierarchical(shares.collect())
        }
    };
    let observers = (VOTERS + 1..=VOTERS + observers).map(|observer| (ServerId(observer), member(PeerType::Observer)));
    let members = voters.map(|voter| (voter, member(PeerType::Participant))).chain(observers);
    Config::new(Zxid::ZERO, members.collect(), quorum)
}
