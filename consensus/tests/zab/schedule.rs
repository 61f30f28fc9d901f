//! Random schedules: a seed draws an ensemble, how slow everything is, and which faults come when; then everything is
//! healed, and the ensemble has to serve again.

use std::fmt;
use std::sync::Arc;

use paddock_consensus::config::{Change, Config, PeerType, Refused};
use paddock_consensus::settings::{Features, Ms, RENEW_FROM, Settings};
use paddock_consensus::{ServerId, Zxid};

use crate::disk::Disk;
use crate::ensemble::{Ensemble, Kept, Move};
use crate::log::{Log, Point};
use crate::membership::{groups, joining_line, majority, settings};
use crate::pace::{Pace, Range};
use crate::random::Random;

/// How often something is done: on average once in so many milliseconds, or never.
#[derive(Clone, Copy, Debug)]
struct Rate(Option<u64>);

/// What a seed draws.
#[derive(Clone, Debug)]
pub struct Mix {
    config: Arc<Config>,
    settings: Settings,
    network: Range,
    disk: Range,
    /// How long there are faults.
    faults: Ms,
    proposals: Rate,
    confirmations: Rate,
    snapshots: Rate,
    crashes: Rate,
    stops: Rate,
    cuts: Rate,
    heals: Rate,
    resets: Rate,
    stalls: Rate,
    divergences: Rate,
    /// A server crashes while it takes a leader's history, and perhaps the leader with it.
    crashes_in_sync: Rate,
    /// All servers crash at the same moment.
    blackouts: Rate,
    /// Servers join, leave and take other parts.
    reconfigs: Rate,
    /// Servers that are in no configuration yet.
    joiners: Vec<ServerId>,
}

/// Whatever a seed came to.
#[derive(Clone, Copy, Default, Debug)]
pub struct Outcome {
    pub steps: u64,
    pub committed: u64,
    pub reigns: u64,
    /// Those of them that began without an election.
    pub renewed: u64,
    pub confirmed: u64,
    pub crashes: u64,
    pub reconfigs: u64,
    /// How long it took at most from the last fault until something new was committed.
    pub healed_within: u64,
}

impl Outcome {
    pub fn add(&mut self, other: &Outcome) {
        self.steps += other.steps;
        self.committed += other.committed;
        self.reigns += other.reigns;
        self.renewed += other.renewed;
        self.confirmed += other.confirmed;
        self.crashes += other.crashes;
        self.reconfigs += other.reconfigs;
        self.healed_within = self.healed_within.max(other.healed_within);
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} steps, {} reigns, {} of them without an election, {} transactions committed, {} of them reconfigurations, \
             {} syncs confirmed, {} crashes; served again within {} ms",
            self.steps,
            self.reigns,
            self.renewed,
            self.committed,
            self.reconfigs,
            self.confirmed,
            self.crashes,
            self.healed_within
        )
    }
}

/// What can be done to an ensemble from outside.
#[derive(Clone, Copy, Debug)]
enum Act {
    Propose,
    Confirm,
    Snapshot,
    Crash,
    Start,
    Stop,
    Cut,
    Heal,
    Reset,
    Stall,
    Diverge,
    CrashInSync,
    Blackout,
    Reconfig,
}

/// On average between the end of a process and its next start.
const DOWN: Rate = Rate(Some(400));

/// How long a packet, and a write, take when nothing is wrong.
const HEALTHY: Range = Range { from: 0, to: 5 };

/// How long each step of the healing may take beyond syncLimit: the search for a leader, and what begins its epoch.
const GRACE: Ms = Ms(1000);

/// What is drawn for reconfigurations is drawn from another beginning, so that a seed without them is what it was.
const RECONFIGS: u64 = 0x7265_636f_6e66_6967;
/// So the choice of those that are like servers of ZooKeeper leaves all else that a seed draws as it is.
const ZOOKEEPERS: u64 = 0x7a6f_6f6b_6565_7065;

/// The same for who serves observers.
const OBSERVER_MASTERS: u64 = 0x6f62_7365_7276_6572;

/// Transactions of an epoch after which it is renewed, at the least, where that sends observers away.
const RENEWALS_APART: u32 = 300;

/// Servers that join are numbered behind all others.
const JOINERS: [i64; 2] = [8, 9];

/// A schedule that goes on without virtual time passing would never end.
const STEPS_MAX: u64 = 2_000_000;

impl Mix {
    pub fn draw(random: &mut Random) -> Mix {
        let observers: &[i64] = random.pick(&[&[][..], &[], &[], &[6], &[6, 7]]);
        let config = match random.below(8) {
            0..=3 => majority(Zxid::ZERO, &[1, 2, 3], observers),
            4 | 5 => majority(Zxid::ZERO, &[1, 2, 3, 4, 5], observers),
            6 => groups(Zxid::ZERO, &[(1, 1, 1), (2, 1, 1), (3, 2, 1), (4, 2, 1), (5, 3, 1)], observers),
            _ => groups(Zxid::ZERO, &[(1, 1, 2), (2, 1, 1), (3, 1, 1), (4, 1, 0)], observers),
        };
        let mut rate = |mean: &[u64]| {
            let mean = random.pick(mean);
            Rate((mean > 0).then_some(mean))
        };
        let proposals = rate(&[2, 10, 50]);
        let confirmations = rate(&[0, 100]);
        let snapshots = rate(&[0, 300, 2000]);
        let crashes = rate(&[0, 300, 1000, 3000]);
        let stops = rate(&[0, 0, 2000]);
        let cuts = rate(&[0, 300, 1000]);
        let heals = rate(&[200, 700]);
        let resets = rate(&[0, 100, 1000]);
        let stalls = rate(&[0, 500, 2000]);
        let divergences = rate(&[0, 0, 3000]);
        let crashes_in_sync = rate(&[0, 20, 100, 400]);
        let blackouts = rate(&[0, 0, 1500]);
        let network = random.pick(&[(0, 1), (0, 5), (1, 20), (0, 150)]);
        let disk = random.pick(&[(0, 1), (0, 10), (5, 30), (0, 300)]);
        let exact = random.one_in(2);
        let grouped = if random.one_in(2) { Features::GROUPED } else { Features::default() };
        let settings = Settings {
            features: grouped | if exact { Features::EXACT_TRUNC | Features::RENEWAL } else { Features::default() },
            renew_from: random.pick(&[RENEW_FROM, 3, 20]),
            force_snapshot: random.one_in(12),
            leader_serves: !random.one_in(8),
            seed: random.word(),
            ..settings()
        };
        Mix {
            config,
            settings,
            network: Range { from: network.0, to: network.1 },
            disk: Range { from: disk.0, to: disk.1 },
            faults: Ms(random.between(2000, 8000)),
            proposals,
            confirmations,
            snapshots,
            crashes,
            stops,
            cuts,
            heals,
            resets,
            stalls,
            divergences,
            crashes_in_sync,
            blackouts,
            reconfigs: Rate(None),
            joiners: Vec::new(),
        }
    }

    /// In one seed of two that have observers, followers serve them. Each renewal of the epoch sends these away, so that there
    /// is time between two.
    fn draw_observer_masters(&mut self, random: &mut Random) {
        let has_observers = self.config.members().values().any(|member| member.peer_type == PeerType::Observer);
        if !has_observers || random.one_in(2) {
            return;
        }
        self.settings.has_observer_masters = true;
        self.settings.observer_reconnect_delay_max = Ms(random.pick(&[0, 0, 20]));
        self.settings.renew_from = self.settings.renew_from.max(RENEWALS_APART);
    }

    /// One seed of three changes its ensemble.
    fn draw_reconfigs(&mut self, random: &mut Random) {
        if !random.one_in(3) {
            return;
        }
        self.settings.reconfig_enabled = true;
        self.reconfigs = Rate(Some(random.pick(&[50, 200, 800])));
        self.joiners = JOINERS[..random.pick(&[0, 1, 2])].iter().map(|id| ServerId(*id)).collect();
    }

    fn rates(&self) -> [(Act, Rate); 14] {
        [
            (Act::Propose, self.proposals),
            (Act::Confirm, self.confirmations),
            (Act::Snapshot, self.snapshots),
            (Act::Crash, self.crashes),
            (Act::Start, DOWN),
            (Act::Stop, self.stops),
            (Act::Cut, self.cuts),
            (Act::Heal, self.heals),
            (Act::Reset, self.resets),
            (Act::Stall, self.stalls),
            (Act::Diverge, self.divergences),
            (Act::CrashInSync, self.crashes_in_sync),
            (Act::Blackout, self.blackouts),
            (Act::Reconfig, self.reconfigs),
        ]
    }
}

/// An ensemble on its way through a schedule.
pub struct Schedule {
    random: Random,
    mix: Mix,
    pub ensemble: Ensemble,
    /// When each act is due next.
    acts: Vec<(Ms, Act, Rate)>,
    outcome: Outcome,
}

impl Schedule {
    /// `story` says whether what happens is to be kept as text.
    pub fn new(seed: u64, story: bool) -> Schedule {
        let mut random = Random::new(seed);
        let mut mix = Mix::draw(&mut random);
        mix.draw_reconfigs(&mut Random::new(seed ^ RECONFIGS));
        mix.draw_observer_masters(&mut Random::new(seed ^ OBSERVER_MASTERS));
        let pace = Pace::new(random.word(), mix.network, mix.disk, Ms(200));
        let mut ensemble = Ensemble::new(&mix.config, &mix.settings, &Log::new(Point::START), pace);
        for joiner in &mix.joiners {
            let disk = Disk::new(Log::new(Point::START), joining_file(&mix.config, *joiner));
            ensemble.add(*joiner, disk, mix.settings.clone());
        }
        ensemble.story = story.then(Vec::new);
        // A server of ZooKeeper says nothing of itself.
        let mut zookeepers = Random::new(seed ^ ZOOKEEPERS);
        let are_mixed = zookeepers.one_in(3);
        for server in ensemble.servers() {
            if are_mixed && zookeepers.one_in(3) {
                ensemble.settings_mut(server).features = Features::default();
                ensemble.tell(|| format!("{} tells no features", server.0));
            }
        }
        ensemble.tell(|| format!("{mix:?}"));
        let acts = mix.rates().map(|(act, rate)| (next_due(&mut random, Ms(0), rate), act, rate)).to_vec();
        Schedule { random, mix, ensemble, acts, outcome: Outcome::default() }
    }

    /// # Panics
    /// When something is wrong.
    pub fn run(&mut self) -> Outcome {
        for server in self.ensemble.servers() {
            self.ensemble.start(server);
        }
        while self.ensemble.now() < self.mix.faults {
            self.next(true);
        }
        self.heal();
        self.outcome.committed = self.ensemble.ghost.len() as u64;
        self.outcome.reigns = self.ensemble.ghost.established().len() as u64;
        self.outcome.renewed = self.ensemble.renewed;
        self.outcome.confirmed = self.ensemble.confirmed;
        self.outcome.reconfigs = self.ensemble.ghost.reconfigs() as u64;
        self.outcome
    }

    /// What happens next, and that it does.
    fn next(&mut self, faults: bool) {
        self.outcome.steps += 1;
        assert!(self.outcome.steps < STEPS_MAX, "virtual time stands still");
        let moves = self.ensemble.moves();
        let first = moves.iter().map(|(due, _)| *due).min().unwrap_or(Ms(u64::MAX));
        let (at, place) = self.next_act(faults);
        if at <= first {
            self.ensemble.pass_to(at);
            let (_, act, rate) = self.acts[place];
            self.acts[place].0 = next_due(&mut self.random, self.ensemble.now(), rate);
            self.act(act);
            return;
        }
        self.ensemble.pass_to(first);
        let due: Vec<Move> =
            moves.into_iter().filter(|(due, _)| *due <= self.ensemble.now()).map(|(_, next)| next).collect();
        let next = self.random.pick(&due);
        self.ensemble.perform(next);
    }

    /// Without faults clients alone do something.
    fn next_act(&self, faults: bool) -> (Ms, usize) {
        let acts = self.acts.iter().enumerate();
        let wanted = acts.filter(|(_, (_, act, _))| faults || matches!(act, Act::Propose | Act::Confirm));
        wanted.map(|(place, (due, ..))| (*due, place)).min().expect("clients always do something")
    }

    fn act(&mut self, act: Act) {
        let servers = self.ensemble.servers();
        let one = self.random.pick(&servers);
        let other = self.random.pick(&servers);
        let up = self.ensemble.is_up(one);
        match act {
            Act::Propose => self.propose(),
            Act::Confirm => {
                if self.ensemble.process(one).is_some_and(|process| process.is_leader()) {
                    self.ensemble.confirm(one);
                }
            }
            Act::Snapshot if up => self.ensemble.forget(one),
            Act::Crash if up => self.crash(one),
            Act::Start if !up => self.ensemble.start(one),
            Act::Stop if up => self.ensemble.stop(one),
            Act::Cut if one != other => {
                self.ensemble.cut(one, other);
                if self.random.one_in(2) {
                    self.ensemble.cut(other, one);
                }
            }
            Act::Heal => self.ensemble.heal(),
            Act::Reset => {
                let links = self.ensemble.links();
                if !links.is_empty() && self.random.one_in(2) {
                    let link = self.random.pick(&links);
                    self.ensemble.reset(link);
                } else {
                    self.ensemble.reset_election(one, other);
                }
            }
            Act::Stall => {
                let until = self.ensemble.now().after(Ms(self.random.between(1, 1500)));
                self.ensemble.stall(one, until);
            }
            Act::Diverge if up => self.ensemble.diverge(one),
            Act::CrashInSync => self.crash_in_sync(),
            Act::Reconfig => self.reconfigure(),
            Act::Blackout => {
                for server in servers.into_iter().filter(|server| self.ensemble.is_up(*server)).collect::<Vec<_>>() {
                    // The end of one may have been that of another.
                    if self.ensemble.is_up(server) {
                        self.crash(server);
                    }
                }
            }
            Act::Snapshot | Act::Crash | Act::Start | Act::Stop | Act::Cut | Act::Diverge => {}
        }
    }

    fn crash(&mut self, server: ServerId) {
        self.outcome.crashes += 1;
        let kept = self.random.pick(&[Kept::Nothing, Kept::Everything, Kept::Some]);
        self.ensemble.crash(server, kept);
    }

    fn crash_in_sync(&mut self) {
        let servers = self.ensemble.servers().into_iter();
        let syncing: Vec<ServerId> = servers.filter(|server| self.ensemble.takes_history(*server)).collect();
        if syncing.is_empty() {
            return;
        }
        let learner = self.random.pick(&syncing);
        let leader = self.ensemble.leader_of(learner);
        self.crash(learner);
        if let Some(leader) = leader.filter(|leader| self.ensemble.is_up(*leader))
            && self.random.one_in(2)
        {
            self.crash(leader);
        }
    }

    /// Each that believes to lead proposes, whether it does or not.
    fn propose(&mut self) {
        let burst = if self.random.one_in(20) { self.random.between(2, 20) } else { 1 };
        for server in self.ensemble.servers() {
            for _ in 0..burst {
                if self.ensemble.process(server).is_some_and(|process| process.is_leader()) {
                    self.ensemble.propose(server, None);
                }
            }
        }
    }

    /// Each that believes to lead is asked to change the ensemble, sometimes to one that has no quorum in this moment.
    fn reconfigure(&mut self) {
        for leader in self.ensemble.servers() {
            if !self.ensemble.process(leader).is_some_and(|process| process.is_leader()) {
                continue;
            }
            let (joining, leaving, members) = self.draw_change();
            let members = members.as_deref();
            let change = Change { joining: Some(&joining), leaving: Some(&leaving), members, config_id: -1 };
            let refused = self.ensemble.reconfigure(leader, &change);
            if refused == Err(Refused::NewConfigNoQuorum) && self.random.one_in(4) {
                self.ensemble.force(leader, &change);
            }
        }
    }

    /// Servers that join, that leave, and a whole list.
    fn draw_change(&mut self) -> (String, String, Option<String>) {
        let servers = self.ensemble.servers();
        let [mut joining, mut leaving] = [const { Vec::new() }; 2];
        for _ in 0..self.random.pick(&[1, 1, 2]) {
            let server = self.random.pick(&servers).0;
            match self.random.below(8) {
                0..=2 => joining.push(joining_line(server, "participant")),
                3 => joining.push(joining_line(server, "observer")),
                4 => joining.push(joining_line(server, "participant").replace(":2888", ":2889")),
                _ => leaving.push(server.to_string()),
            }
        }
        let members = self.random.one_in(6).then(|| {
            let line = |server: &ServerId| joining_line(server.0, self.random.pick(&["participant", "observer"]));
            servers.iter().map(line).collect::<Vec<_>>().join(",")
        });
        (joining.join(","), leaving.join(","), members)
    }

    /// Everything is whole again and quick, and serves in time; then all servers come to the same.
    fn heal(&mut self) {
        self.ensemble.heal();
        self.ensemble.quicken(HEALTHY);
        for server in self.ensemble.servers() {
            self.ensemble.stall(server, Ms(0));
        }
        self.start_all();
        let (began, committed) = (self.ensemble.now(), self.ensemble.ghost.len());
        self.within("something new is committed", |ensemble| ensemble.ghost.len() > committed);
        self.outcome.healed_within = self.ensemble.now().since(began).0;
        self.within("all serve", |ensemble| {
            let mut servers = ensemble.servers().into_iter();
            servers.all(|server| ensemble.process(server).is_some_and(|process| process.serves()))
        });
        let committed = self.ensemble.ghost.last().zxid;
        self.within("all have what was committed", |ensemble| {
            let mut servers = ensemble.servers().into_iter();
            servers.all(|server| ensemble.process(server).is_some_and(|process| process.applied >= committed))
        });
    }

    /// Also those that were told to stop before, and end now.
    fn start_all(&mut self) {
        for server in self.ensemble.servers() {
            if !self.ensemble.is_up(server) {
                self.ensemble.start(server);
            }
        }
    }

    fn within(&mut self, what: &str, holds: impl Fn(&Ensemble) -> bool) {
        self.ensemble.tell(|| format!("healed; soon {what}"));
        let deadline = self.ensemble.now().after(self.mix.settings.sync_wait()).after(GRACE);
        while !holds(&self.ensemble) {
            assert!(self.ensemble.now() < deadline, "(9) not in time: {what}");
            self.start_all();
            self.next(false);
        }
    }
}

/// The file of a server that joins: the others, and itself.
fn joining_file(config: &Config, joiner: ServerId) -> Arc<Config> {
    let of = |peer_type| {
        let members = config.members().iter().filter(move |(_, member)| member.peer_type == peer_type);
        members.map(|(server, _)| server.0)
    };
    let voters: Vec<i64> = of(PeerType::Participant).chain([joiner.0]).collect();
    majority(Zxid::ZERO, &voters, &of(PeerType::Observer).collect::<Vec<_>>())
}

fn next_due(random: &mut Random, now: Ms, rate: Rate) -> Ms {
    match rate.0 {
        None => Ms(u64::MAX),
        Some(mean) => now.after(Ms(random.between(1, 2 * mean))),
    }
}
