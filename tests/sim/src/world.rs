//! All of a world, and what happens next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use paddock::config::NewSessions;
use paddock::node::member::Plans;
use paddock::node::moment::Moment;
use paddock::node::peers::simulated::{Dials, HostId, Network, Ports, Route};
use paddock::node::settings::FEATURES;
use paddock_consensus::config::{Config, Configs, HostPort, Member as ConfigMember, PeerAddress, PeerType};
use paddock_consensus::output::Part;
use paddock_consensus::quorum::QuorumSystem;
use paddock_consensus::settings::Ms;
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::io::simulated::{Choice, Seeded};
use paddock_engine::progress::Progress;
use paddock_engine::request::opcode;
use paddock_history::{History, check};

use super::client::{Client, Stage};
use super::clock::Clock;
use super::digest::Digest;
use super::faults::{Condition, Faults, Kind, draw_up_to};
use super::ghost::{Ghost, again};
use super::hearing::{Taker, Tells};
use super::mix::Mix;
use super::operator::Operator;
use super::reactor::{Asked, ClientId, REPORT_EVERY, Told};
use super::server::{Server, Setting, Stand, describe};
use super::story::Story;
use super::transactions::transaction;
use super::zoo_cfg;

const PORTS: Ports = Ports { election: 3888, quorum: 2888 };
/// Steps of a process's side work in one turn.
const WORK_STEPS: usize = 8;
/// How long it may take until a process has its turn once something has come for it, microseconds.
const WAKES_AFTER: [u64; 4] = [0, 50, 300, 2000];
/// A large value comes in so many pieces at most, if their length is drawn as long as it may be.
const PIECES: usize = 16;
/// A write takes so long at most on a disk that is in order.
const DISK_MAX: Duration = Duration::from_millis(5);
/// A process that has ended is started again after this.
const RESTART_AFTER: Duration = Duration::from_millis(500);
/// A fault of the disk, of a way, or of its ports that ends by itself does so after this time at most.
const PASSING_MAX: Duration = Duration::from_secs(20);
/// During one change of the ensemble in so many servers end, so long after it was asked for at most.
const STRUCK_ONE_OF: usize = 4;
const STRUCK_WITHIN: Duration = Duration::from_millis(40);
/// Beyond syncLimit, how long a quorum may take until it serves again.
const RECOVERY_MAX: Duration = Duration::from_secs(1);
/// How long after the end of the faults all servers serve.
const ALL_SERVE_AFTER: Duration = Duration::from_secs(45);

/// What happens at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Event {
    /// One of the writes of a process's disk completes, if the process is still the one of this life.
    Disk {
        server: usize,
        life: u64,
    },
    Client {
        client: ClientId,
    },
    Fault,
    /// A machine loses its power, or its process ends, while the ensemble is changed.
    Strike {
        server: usize,
    },
    /// A machine is in order again.
    Mend {
        server: usize,
    },
    Start {
        server: usize,
    },
    /// After the end of the faults a quorum is to serve by now, or all.
    Expect {
        all: bool,
    },
}

/// How often what has happened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    pub events: u64,
    pub turns: u64,
    pub power_cuts: u64,
    pub ends: u64,
    pub partitions: u64,
    pub resets: u64,
    pub dials: u64,
    pub latencies: u64,
    pub slow_disks: u64,
    pub full_disks: u64,
    pub disk_errors: u64,
    pub pauses: u64,
    pub jumps: u64,
    /// Processes that ended by themselves, or did not start, because of their disk.
    pub failures: u64,
    pub diffs: u64,
    pub truncs: u64,
    pub snaps: u64,
    /// Epochs that began without an election.
    pub renewals: u64,
    /// Changes of the ensemble that were committed, and that were refused.
    pub changes: u64,
    pub refused_changes: u64,
    /// How long it took after the end of the faults until a quorum served, ms.
    pub recovery_ms: u64,
}

impl Tally {
    fn note(&mut self, plans: Plans) {
        self.diffs += plans.diffs;
        self.truncs += plans.truncs;
        self.snaps += plans.snaps;
    }

    /// Of many worlds: the sums, and the longest recovery.
    pub fn add(&mut self, other: &Tally) {
        self.recovery_ms = self.recovery_ms.max(other.recovery_ms);
        for (own, other) in self.counts().into_iter().zip(other.clone().counts()) {
            *own.1 += *other.1;
        }
    }

    /// All but the recovery, each with its name.
    fn counts(&mut self) -> [(&'static str, &mut u64); 20] {
        [
            ("events", &mut self.events),
            ("turns", &mut self.turns),
            ("power cuts", &mut self.power_cuts),
            ("ends of processes", &mut self.ends),
            ("partitions", &mut self.partitions),
            ("resets", &mut self.resets),
            ("refused dials", &mut self.dials),
            ("slow ways", &mut self.latencies),
            ("slow disks", &mut self.slow_disks),
            ("full disks", &mut self.full_disks),
            ("disk errors", &mut self.disk_errors),
            ("pauses", &mut self.pauses),
            ("jumps of clocks", &mut self.jumps),
            ("processes that ended for their disk", &mut self.failures),
            ("DIFF", &mut self.diffs),
            ("TRUNC", &mut self.truncs),
            ("SNAP", &mut self.snaps),
            ("renewals", &mut self.renewals),
            ("reconfigurations", &mut self.changes),
            ("refused", &mut self.refused_changes),
        ]
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in self.clone().counts() {
            write!(f, "{count} {name}, ")?;
        }
        write!(f, "recovered after {} ms", self.recovery_ms)
    }
}

pub struct World {
    pub seed: u64,
    clock: Clock,
    now: Duration,
    draws: Seeded,
    network: Network,
    setting: Setting,
    pub servers: Vec<Server>,
    /// Of each server's machine.
    conditions: Vec<Condition>,
    faults: Faults,
    /// What ways between machines are like that are in order.
    route: Route,
    /// A process has its turn so long after something has come for it: what comes meanwhile is in the same turn.
    wakes_after: Duration,
    pub clients: Vec<Client>,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    last_event: u64,
    pub ghost: Ghost,
    mix: Mix,
    pub tally: Tally,
    /// Faults happen until then.
    calm_from: Duration,
    story: Story,
    /// Of all events and answers.
    digest: Digest,
}

impl World {
    pub fn new(seed: u64, mix: Mix, calm_from: Duration, tells: bool) -> World {
        let mut draws = Seeded::new(seed);
        let network = Network::new(Box::new(Seeded::new(draws.draw())));
        let count = mix.servers();
        let first = Arc::new(config(&mix));
        let configs = Configs::settled(first.clone());
        let setting = Setting {
            configs,
            is_changed: mix.changes(),
            observer_masters: mix.observer_masters,
            tick: Ms(2000),
            init_limit: 10,
            sync_limit: 5,
            snap_count: 30 + draws.draw() % 400,
            segment_bytes: 16 << (10 + draws.choose(3)),
            window_transactions: 1 + draws.choose(300),
            features: mix.renews().then_some(FEATURES),
            renew_from: mix.renew_from,
            autocreate: true,
            leader_serves: true,
            read_only_mode: false,
            new_sessions: match mix.begins_local {
                true => NewSessions::Local { may_upgrade: true },
                false => NewSessions::Global,
            },
        };
        let servers = (0..count).map(|place| {
            let host = network.add(&format!("s{}", place + 1), PORTS);
            Server::new(ServerId(place as i64 + 1), host, draws.draw())
        });
        let servers: Vec<Server> = servers.collect();
        let faults = Faults::draw(&mut draws);
        let condition = |_| Condition::new(faults.draw_drift(&mut draws));
        let conditions = (0..count).map(condition).collect();
        let route = Route {
            latency_max: Duration::from_micros(50 << draws.choose(8)),
            // A value goes in some pieces, and not in hundreds.
            piece_max: (64 << draws.choose(11)).max(mix.load.value_max / PIECES),
            ..Route::default()
        };
        network.set_other_routes(|other| *other = route.clone());
        let wakes_after = Duration::from_micros(WAKES_AFTER[draws.choose(WAKES_AFTER.len())]);
        let mut clients: Vec<Client> =
            (0..mix.load.clients).map(|number| Client::new(&mix, number, &mut draws)).collect();
        if mix.changes() {
            clients.push(Client::operator(&mix, Operator::new(count, calm_from), &mut draws));
        }
        let mut world = World {
            seed,
            clock: Clock::default(),
            now: Duration::ZERO,
            draws,
            network,
            setting,
            servers,
            conditions,
            faults,
            route,
            wakes_after,
            clients,
            events: BinaryHeap::new(),
            last_event: 0,
            ghost: Ghost::new(seed, count, first),
            mix,
            tally: Tally::default(),
            calm_from,
            story: Story::new(tells),
            digest: Digest::default(),
        };
        for server in 0..count {
            if world.mix.changes() {
                assert!(world.tell_ensemble(server), "a disk in order takes a file");
            }
            let after = world.draw_up_to(Duration::from_millis(500));
            world.at(after, Event::Start { server });
        }
        for client in 0..world.clients.len() {
            let after = world.draw_up_to(world.mix.load.every);
            world.at(after, Event::Client { client });
        }
        if world.mix.faults {
            world.tell(|| format!("seed {seed}: {}", world.kind()));
            world.at(Duration::from_secs(5), Event::Fault);
        }
        world
    }

    pub fn now(&self) -> Duration {
        self.now
    }

    /// What its seed has drawn.
    pub fn kind(&self) -> String {
        let Setting { snap_count, segment_bytes, window_transactions, .. } = self.setting;
        let Route { latency_max, piece_max, .. } = self.route;
        format!(
            "{}; {}; snapshots after {snap_count}, segments of {segment_bytes}, a window \
             of {window_transactions}, latency {latency_max:?}, pieces of {piece_max}, turns after {:?}",
            self.mix, self.faults, self.wakes_after
        )
    }

    /// Tells what is nobody's doing.
    fn tell(&self, what: impl FnOnce() -> String) {
        self.story.turn_to(self.now, None);
        self.story.tell(what);
    }

    fn draw_up_to(&mut self, most: Duration) -> Duration {
        draw_up_to(&mut self.draws, most)
    }

    /// What the clocks of a machine show.
    fn moment(&self, place: usize) -> Moment {
        self.conditions[place].moment(&self.clock, self.now)
    }

    fn at(&mut self, after: Duration, event: Event) {
        self.last_event += 1;
        self.events.push(Reverse((self.now + after, self.last_event, event)));
    }

    /// Goes on until this time.
    pub fn run_until(&mut self, end: Duration) {
        loop {
            let (arrival, turn) = (self.network.next(), self.next_turn());
            let event = self.events.peek().map(|Reverse((time, ..))| *time);
            let times = [arrival, event, turn.map(|(time, _)| time)];
            let Some(next) = times.into_iter().flatten().min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            self.tally.events += 1;
            if arrival.is_some_and(|arrival| arrival <= next) {
                self.network.advance(next);
                self.wake_hosts();
            } else if event.is_some_and(|event| event <= next)
                && let Some(Reverse((_, _, event))) = self.events.pop()
            {
                self.digest.note((self.now, event));
                self.happen(event);
            } else if let Some((_, place)) = turn {
                self.digest.note((self.now, place));
                self.turn(place);
            }
        }
        self.now = end;
    }

    /// Which process has the next turn, and when.
    fn next_turn(&self) -> Option<(Duration, usize)> {
        let turns = self.servers.iter().enumerate();
        turns.filter_map(|(place, server)| Some((server.process.as_ref()?.wake_at?, place))).min()
    }

    /// Whoever something has arrived for has a turn.
    fn wake_hosts(&mut self) {
        for server in 0..self.servers.len() {
            if self.network.has_event(self.servers[server].host) {
                self.wake(server, self.wakes_after);
            }
        }
    }

    fn wake(&mut self, server: usize, after: Duration) {
        let at = (self.now + after).max(self.conditions[server].paused_until);
        if let Some(process) = &mut self.servers[server].process {
            process.wake_at = Some(process.wake_at.map_or(at, |before| before.min(at)));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Disk { server, life } => self.complete(server, life),
            Event::Client { client } => self.act(client),
            Event::Fault => self.fail(),
            Event::Strike { server } => self.strike(server),
            Event::Mend { server } => self.mend(server),
            Event::Start { server } => self.start(server),
            Event::Expect { all } => self.expect(all),
        }
    }

    /// An operator tells a server who belongs to the ensemble, and that it does itself. `false` if its disk does not take that.
    fn tell_ensemble(&mut self, place: usize) -> bool {
        let server = &self.servers[place];
        let newest = self.ghost.quorums().newest();
        let config = match newest.members().contains_key(&server.id) {
            true => (**newest).clone(),
            false => joined(newest, server.id, &mut self.draws),
        };
        let is_written = zoo_cfg::write(&server.files(), server.id, &config).is_ok();
        self.tell(|| format!("s{} is told that the ensemble is\n{}", place + 1, config.text()));
        is_written
    }

    fn start(&mut self, place: usize) {
        if self.servers[place].process.is_some() {
            return;
        }
        if self.setting.is_changed && self.servers[place].is_left_out() && !self.tell_ensemble(place) {
            return self.at(RESTART_AFTER, Event::Start { server: place });
        }
        if std::mem::take(&mut self.conditions[place].is_silent) {
            self.set_routes_from(place, |route| route.is_cut = false);
        }
        let at = self.moment(place);
        let server = &mut self.servers[place];
        self.story.turn_to(self.now, Some(server.id));
        match server.start(&self.setting, &self.network, &mut self.draws, self.now, at) {
            Ok(()) => {
                server.process.as_mut().expect("it has just started").wake_at = None;
                self.ghost.begin(place, &self.servers[place], &self.setting);
                self.story.tell(|| "starts".to_owned());
                self.wake(place, Duration::ZERO);
            }
            Err(error) => self.fail_for_disk(place, &format!("does not start: {error}")),
        }
    }

    /// A process ends, or does not begin, which only its disk may have made it do.
    fn fail_for_disk(&mut self, place: usize, what: &str) {
        self.story.turn_to(self.now, Some(self.servers[place].id));
        self.story.tell(|| what.to_owned());
        let may_fail = self.conditions[place].disk_may_fail;
        self.conditions[place].disk_may_fail &= self.now < self.calm_from;
        assert!(may_fail, "seed {}: server {} {what}, and its disk is in order", self.seed, place + 1);
        self.tally.failures += 1;
        self.end_process(place);
    }

    fn turn(&mut self, place: usize) {
        self.tally.turns += 1;
        let at = self.moment(place);
        let life = self.servers[place].lives;
        let server = &mut self.servers[place];
        let story = self.story;
        story.turn_to(self.now, Some(server.id));
        let process = server.process.as_mut().expect("it has a turn");
        process.wake_at = None;
        let reports = self.now >= process.last_report + REPORT_EVERY;
        if reports {
            process.last_report = self.now;
        }
        process.reactor.submit(reports, at.now);
        process.slices.begin_turn(at.now);
        let before = story.is_told().then(|| Stand::of(process));
        let outcome = process.member.turn(at);
        let works = (0..WORK_STEPS).all(|_| process.member.work(at.now) == Progress::More);
        process.reactor.take_releases();
        if before.is_some_and(|before| before != Stand::of(process)) {
            story.tell(|| describe(process));
        }
        let told = process.reactor.take_told();
        let timeout = process.member.timeout();
        let halted = process.member.halted();
        let under_way = server.disk.under_way();
        let disk_is_due = std::mem::replace(&mut process.disk_is_due, under_way > 0);
        self.ghost.look(place, &self.servers, &self.setting);
        self.note_recovery();
        for (client, told) in told {
            self.answer(client, &told);
        }
        if under_way > 0 && !disk_is_due {
            self.complete_later(place, life);
        }
        if let Err(error) = outcome {
            return self.fail_for_disk(place, &format!("ends: {error}"));
        }
        if let Some(reason) = halted {
            return self.fail_for_disk(place, &format!("halts: {reason:?}"));
        }
        let sleep = if works { Duration::ZERO } else { REPORT_EVERY };
        let sleep = timeout.map_or(sleep, |timeout| timeout.min(sleep)).max(Duration::from_micros(10));
        self.wake(place, sleep);
    }

    fn complete(&mut self, place: usize, life: u64) {
        let server = &mut self.servers[place];
        if server.lives != life {
            return;
        }
        let Some(process) = &mut server.process else { return };
        process.disk_is_due = false;
        let under_way = server.disk.under_way();
        if under_way > 0 {
            let index = self.draws.choose(under_way);
            server.disk.complete(index);
        }
        if under_way > 1 {
            process.disk_is_due = true;
            self.complete_later(place, life);
        }
        self.wake(place, self.wakes_after);
    }

    fn complete_later(&mut self, place: usize, life: u64) {
        let after = Duration::from_micros(100) + self.draw_up_to(DISK_MAX + self.conditions[place].slow);
        self.at(after, Event::Disk { server: place, life });
    }

    fn act(&mut self, number: ClientId) {
        let after = self.draw_up_to(self.mix.load.every * 2);
        self.at(after, Event::Client { client: number });
        self.settle(number);
        let client = &mut self.clients[number];
        if client.stage == Stage::Away {
            if !client.is_silent(self.now) {
                self.connect(number);
            }
            return;
        }
        for _ in 0..self.mix.load.draw_burst(&mut self.draws) {
            self.ask(number);
        }
        if self.clients[number].has_second() {
            self.ask(number);
        }
    }

    /// A client that is connected says what it says next.
    fn ask(&mut self, number: ClientId) {
        let client = &mut self.clients[number];
        let Some((place, slot)) = client.place else { return };
        let now = self.conditions[place].moment(&self.clock, self.now).now;
        let Some(asked) = client.next(&mut self.draws, number, self.now, self.ghost.told()) else { return };
        let taker = self.taker(place);
        if matches!(asked, Asked::Request { opcode: opcode::RECONFIG, .. }) {
            self.draw_strikes();
        }
        let client = &mut self.clients[number];
        match &mut self.servers[place].process {
            Some(process) => {
                process.reactor.take(slot, &asked, now);
                client.note_taken(self.now, taker);
                self.wake(place, Duration::from_micros(200));
            }
            None => client.leave(self.now),
        }
    }

    fn connect(&mut self, number: ClientId) {
        let place = self.draws.choose(self.servers.len());
        let now = self.moment(place).now;
        let taker = self.taker(place);
        let Some(process) = &mut self.servers[place].process else { return };
        // A server that is behind what the client has seen refuses it.
        if process.reactor.zxid() < self.clients[number].zxid {
            return;
        }
        let Some(slot) = process.reactor.accept(number) else { return };
        let greeting = self.clients[number].greeting(self.now);
        self.clients[number].place = Some((place, slot));
        process.reactor.take(slot, &greeting, now);
        self.clients[number].note_taken(self.now, taker);
        self.wake(place, Duration::from_micros(200));
    }

    /// Who takes what comes to this server now, if that is part of the newest epoch.
    fn taker(&self, place: usize) -> Option<Taker> {
        let server = &self.servers[place];
        let process = server.process.as_ref()?;
        let newest = self.ghost.newest_epoch();
        let tells = match process.member.part() {
            Part::Leading { epoch } if epoch == newest => Tells::AtOnce,
            // What it tells goes by its master, which tells the leader with its own.
            Part::Observing { epoch, .. } if epoch == newest && self.setting.observer_masters => Tells::Perhaps,
            Part::Following { epoch, .. } | Part::Observing { epoch, .. } if epoch == newest => {
                if self.faults.delay_messages() { Tells::Perhaps } else { Tells::InTime }
            }
            _ => return None,
        };
        Some(Taker { server: place, life: server.lives, period: process.reactor.period(), tells })
    }

    fn settle(&mut self, client: ClientId) {
        let World { servers, clients, .. } = self;
        clients[client].settle(|taker| {
            let server = &servers[taker.server];
            let process = server.process.as_ref().filter(|_| server.lives == taker.life)?;
            (process.reactor.period() == taker.period).then_some(process.last_report)
        });
    }

    fn answer(&mut self, client: ClientId, told: &Told) {
        self.digest.note((client, told));
        let Some(seen) = self.clients[client].hear(told, self.now) else { return };
        self.ghost.see_answer(seen.zxid, seen.written);
        if let Some(ensemble) = &seen.ensemble {
            self.ghost.see_ensemble(seen.zxid, ensemble);
        }
        if let Some(told) = seen.synced {
            self.ghost.see_sync(seen.zxid, told);
        }
    }

    fn lose_clients(&mut self, place: usize) {
        for client in &mut self.clients {
            if client.place.is_some_and(|(server, _)| server == place) {
                client.leave(self.now);
            }
        }
    }

    fn end_process(&mut self, place: usize) {
        self.note_plans(place);
        self.servers[place].end_process(&self.network, &mut self.draws);
        self.lose_clients(place);
        let after = self.restart_after();
        self.at(after, Event::Start { server: place });
    }

    fn restart_after(&mut self) -> Duration {
        let most = if self.now < self.calm_from { PASSING_MAX / 2 } else { Duration::ZERO };
        RESTART_AFTER + self.draw_up_to(most)
    }

    fn note_plans(&mut self, place: usize) {
        if let Some(process) = &self.servers[place].process {
            self.tally.note(process.member.plans());
        }
    }

    /// A fault happens, and the next one later.
    fn fail(&mut self) {
        if self.now >= self.calm_from {
            return self.calm_down();
        }
        let after = self.faults.pause(&mut self.draws);
        self.at(after.min(self.calm_from - self.now), Event::Fault);
        let kind = self.faults.next(&mut self.draws);
        let place = self.draws.choose(self.servers.len());
        if kind != Kind::Healing {
            self.tell(|| format!("FAULT: s{}: {kind:?}", place + 1));
        }
        match kind {
            Kind::PowerCut => self.cut_power(place),
            Kind::End => self.end_by_fault(place),
            Kind::Partition => self.partition(place),
            Kind::Reset => {
                let other = self.draws.choose(self.servers.len());
                self.tally.resets += 1;
                self.network.reset(self.servers[place].host, self.servers[other].host);
                self.wake_hosts();
            }
            Kind::Dials => self.refuse_dials(place),
            Kind::Latency => self.delay(place),
            Kind::SlowDisk => {
                self.tally.slow_disks += 1;
                self.conditions[place].slow_down(&mut self.draws);
                self.mend_later(place);
            }
            Kind::FullDisk => {
                self.tally.full_disks += 1;
                self.conditions[place].fill(&self.servers[place].disk);
                self.mend_later(place);
            }
            Kind::DiskError => {
                self.tally.disk_errors += 1;
                let fault = self.conditions[place].break_disk(&self.servers[place].disk, &mut self.draws);
                self.tell(|| format!("{:?} fails after {} others", fault.operation, fault.skipped));
            }
            Kind::Pause => {
                self.tally.pauses += 1;
                let most = self.sync_limit() * 2;
                self.pause(place, most);
            }
            Kind::Jump => {
                self.tally.jumps += 1;
                self.conditions[place].jump(&mut self.draws);
            }
            Kind::Healing => self.heal(),
        }
    }

    /// Some changes of the ensemble are under way while servers end: other faults hit the moment too seldom.
    fn draw_strikes(&mut self) {
        if !self.mix.faults || self.now >= self.calm_from || self.draws.choose(STRUCK_ONE_OF) > 0 {
            return;
        }
        for _ in 0..=self.draws.choose(2) {
            let (after, server) = (self.draw_up_to(STRUCK_WITHIN), self.draws.choose(self.servers.len()));
            self.at(after, Event::Strike { server });
        }
    }

    fn strike(&mut self, place: usize) {
        self.tell(|| format!("FAULT: s{} ends while the ensemble is changed", place + 1));
        match self.draws.choose(2) {
            0 => self.cut_power(place),
            _ => self.end_by_fault(place),
        }
    }

    fn end_by_fault(&mut self, place: usize) {
        if self.servers[place].process.is_some() {
            self.tally.ends += 1;
            self.end_process(place);
        }
    }

    /// A process has no turn for so long at most.
    fn pause(&mut self, place: usize, most: Duration) {
        let until = self.now + self.draw_up_to(most);
        self.conditions[place].paused_until = until;
        if let Some(process) = &mut self.servers[place].process {
            process.wake_at = process.wake_at.map(|at| at.max(until));
        }
    }

    fn cut_power(&mut self, place: usize) {
        if self.servers[place].process.is_none() {
            return;
        }
        self.tally.power_cuts += 1;
        if self.draws.choose(2) == 0 {
            self.conditions[place].is_silent = true;
            self.set_routes_from(place, |route| route.is_cut = true);
        }
        self.note_plans(place);
        self.servers[place].lose_power(&self.network, &mut self.draws);
        self.lose_clients(place);
        let after = self.restart_after();
        self.at(after, Event::Start { server: place });
    }

    fn set_routes_from(&self, place: usize, mut change: impl FnMut(&mut Route)) {
        let host = self.servers[place].host;
        for other in self.servers.iter().map(|server| server.host).filter(|other| *other != host) {
            self.network.set_route(host, other, &mut change);
        }
    }

    fn refuse_dials(&mut self, place: usize) {
        self.tally.dials += 1;
        let other = self.draws.choose(self.servers.len());
        let dials = [Dials::Refused, Dials::Hang][self.draws.choose(2)];
        self.network.set_route(self.servers[place].host, self.servers[other].host, |route| route.dials = dials);
    }

    fn delay(&mut self, place: usize) {
        self.tally.latencies += 1;
        let other = self.draws.choose(self.servers.len());
        let latency_max = Duration::from_millis(1 << self.draws.choose(10));
        let piece_max = (1 << self.draws.choose(12)).max(self.mix.load.value_max / PIECES);
        self.network.set_route(self.servers[place].host, self.servers[other].host, |route| {
            (route.latency_max, route.piece_max) = (latency_max, piece_max);
        });
    }

    fn mend_later(&mut self, place: usize) {
        let after = self.draw_up_to(PASSING_MAX);
        self.at(after, Event::Mend { server: place });
    }

    fn mend(&mut self, place: usize) {
        self.tell(|| format!("the disk of s{} is in order", place + 1));
        self.conditions[place].heal(&self.servers[place].disk);
    }

    fn sync_limit(&self) -> Duration {
        Duration::from_millis(self.setting.tick.0 * u64::from(self.setting.sync_limit))
    }

    /// The faults are over, in some worlds with the power of all machines: whatever is down is started, and a quorum is to serve
    /// soon.
    fn calm_down(&mut self) {
        if self.draws.choose(3) == 0 {
            self.tell(|| "FAULT: the power of all is cut".to_owned());
            (0..self.servers.len()).for_each(|place| self.cut_power(place));
        }
        self.heal();
        for place in 0..self.servers.len() {
            self.mend(place);
            self.conditions[place].disk_may_fail &= self.servers[place].process.is_some();
            self.at(RESTART_AFTER, Event::Start { server: place });
            self.wake(place, Duration::ZERO);
        }
        self.at(self.sync_limit() + RECOVERY_MAX, Event::Expect { all: false });
        self.at(ALL_SERVE_AFTER, Event::Expect { all: true });
    }

    /// Notes when a quorum serves for the first time after the end of the faults.
    fn note_recovery(&mut self) {
        if self.mix.faults && self.now >= self.calm_from && self.tally.recovery_ms == 0 && self.quorum_serves() {
            self.tally.recovery_ms = (self.now - self.calm_from).as_millis() as u64 + 1;
        }
    }

    fn expect(&mut self, all: bool) {
        let (serve, who) = match all {
            true => (self.all_serve(), "not all servers"),
            false => (self.quorum_serves(), "no quorum"),
        };
        assert!(
            serve,
            "seed {}: {who} serve {:?} after the end of the faults\n{}",
            self.seed,
            self.now - self.calm_from,
            self.description()
        );
    }

    /// What goes from a server to some others, or comes from them, or both, is held.
    fn partition(&mut self, place: usize) {
        self.tally.partitions += 1;
        let host = self.servers[place].host;
        let shape = self.draws.choose(3);
        for other in 0..self.servers.len() {
            if other == place || self.draws.choose(3) == 0 {
                continue;
            }
            let far = self.servers[other].host;
            let way = ["is cut from and to", "is cut from what comes of", "is cut from what goes to"][shape];
            self.tell(|| format!("FAULT: s{} {way} s{}", place + 1, other + 1));
            if shape != 1 {
                self.network.set_route(host, far, |route| route.is_cut = true);
            }
            if shape != 2 {
                self.network.set_route(far, host, |route| route.is_cut = true);
            }
        }
    }

    fn heal(&mut self) {
        let hosts: Vec<HostId> = self.servers.iter().map(|server| server.host).collect();
        for &one in &hosts {
            for &other in hosts.iter().filter(|other| **other != one) {
                self.network.set_route(one, other, |route| *route = self.route.clone());
            }
        }
        self.tell(|| "every way between servers is open".to_owned());
    }

    /// Of all events and answers so far, and of the disks as they are.
    pub fn digest(&self) -> u64 {
        let mut digest = self.digest.clone();
        self.servers.iter().for_each(|server| digest.note(server.disk.digest()));
        digest.value()
    }

    /// After the end: judges what clients have seen, with all that was committed. Then the power of some machines goes, the
    /// processes of others end, and what is on the disks is looked at.
    ///
    /// # Panics
    /// If a promise was not kept, with the few events that show it.
    pub fn judge(&mut self) {
        let now = self.now;
        let history = History {
            events: self.clients.iter_mut().flat_map(|client| client.take_events(now)).collect(),
            log: Some(self.ghost.records().values().map(|record| transaction(record)).collect()),
        };
        let report = check(&history);
        assert!(report.is_clean(), "seed {}: {}{}", self.seed, report.text(&history), again(self.seed));
        for place in 0..self.servers.len() {
            self.note_plans(place);
            let server = &mut self.servers[place];
            match self.draws.choose(2) {
                0 => server.lose_power(&self.network, &mut self.draws),
                _ => server.end_process(&self.network, &mut self.draws),
            }
        }
        self.ghost.see_disks_at_end(&self.servers, &self.setting);
    }

    /// Whether all that belong to the ensemble serve clients.
    pub fn all_serve(&self) -> bool {
        self.ghost.quorums().newest().members().keys().all(|id| self.serves(*id))
    }

    /// Whether those that serve clients are a quorum.
    fn quorum_serves(&self) -> bool {
        self.ghost.quorums().newest().quorum().is_quorum(|id| self.serves(id))
    }

    fn serves(&self, id: ServerId) -> bool {
        self.servers.iter().any(|server| server.id == id && server.serves())
    }

    /// How many changes of the ensemble were refused.
    pub fn refused_changes(&self) -> u64 {
        self.clients.iter().filter_map(|client| client.operator.as_ref()).map(|operator| operator.refused).sum()
    }

    /// Every line that says where a server is.
    pub fn description(&self) -> String {
        let lines = self.servers.iter().map(|server| match &server.process {
            Some(process) => format!("server {}: {}\n", server.id.0, describe(process)),
            None => format!("server {}: down\n", server.id.0),
        });
        lines.collect()
    }
}

fn config(mix: &Mix) -> Config {
    let members = (1..=mix.members()).map(|number| {
        let peer_type = if number <= mix.voters() { PeerType::Participant } else { PeerType::Observer };
        let id = ServerId(number as i64);
        (id, member(id, peer_type, mix.changes()))
    });
    Config::new(Zxid::ZERO, members.collect(), mix.quorum.clone())
}

/// Where a server listens; for clients too, if the ensemble is changed.
fn member(ServerId(number): ServerId, peer_type: PeerType, listens: bool) -> ConfigMember {
    let host = |port| HostPort { host: format!("s{number}").into(), port };
    let addresses = vec![PeerAddress { quorum: host(PORTS.quorum), election: host(PORTS.election) }];
    let client = listens.then(|| HostPort { host: "0.0.0.0".into(), port: 2181 });
    ConfigMember { peer_type, addresses, client }
}

/// A configuration with one server more. It votes or observes; where there are groups it observes, since it is in none.
fn joined(config: &Config, id: ServerId, draws: &mut Seeded) -> Config {
    let mut members = config.members().clone();
    let quorum = match config.quorum() {
        QuorumSystem::Majority(voters) if draws.choose(2) == 0 => {
            QuorumSystem::Majority(voters.iter().copied().chain([id]).collect())
        }
        quorum => quorum.clone(),
    };
    let peer_type = if quorum.is_voter(id) { PeerType::Participant } else { PeerType::Observer };
    members.insert(id, member(id, peer_type, true));
    Config::new(Zxid::ZERO, members, quorum)
}
