//! All of a world, and what happens next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::time::Duration;

use paddock::node::peers::simulated::{HostId, Network, Ports};
use paddock_consensus::config::{Config, Configs, HostPort, Member as ConfigMember, PeerAddress, PeerType};
use paddock_consensus::quorum::QuorumSystem;
use paddock_consensus::settings::{Features, Ms};
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::io::simulated::{Choice, Seeded};
use paddock_engine::progress::Progress;

use super::client::{Client, Stage};
use super::clock::Clock;
use super::digest::Digest;
use super::ghost::Ghost;
use super::reactor::{ClientId, REPORT_EVERY, Told};
use super::server::{Server, Setting, Stand, describe};
use super::story::Story;

const PORTS: Ports = Ports { election: 3888, quorum: 2888 };
/// Steps of a process's side work in one turn.
const WORK_STEPS: usize = 8;
/// A client does something about so often.
const CLIENT_EVERY: Duration = Duration::from_millis(100);

/// What happens at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Event {
    /// A process has its turn, if it is still the one of this life and it is due.
    Turn {
        server: usize,
        life: u64,
    },
    /// One of its disk's writes completes.
    Disk {
        server: usize,
        life: u64,
    },
    Client {
        client: ClientId,
    },
    Fault,
    Start {
        server: usize,
    },
}

/// What a world is like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mix {
    pub voters: usize,
    pub observers: usize,
    pub clients: usize,
    /// Whether faults happen.
    pub faults: bool,
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
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        let Tally { events, turns, power_cuts, ends, partitions, resets } = other;
        self.events += events;
        self.turns += turns;
        self.power_cuts += power_cuts;
        self.ends += ends;
        self.partitions += partitions;
        self.resets += resets;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { events, turns, power_cuts, ends, partitions, resets } = self;
        write!(
            f,
            "{events} events, {turns} turns, {power_cuts} power cuts, {ends} ends of processes, {partitions} partitions, \
             {resets} resets"
        )
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
        let count = mix.voters + mix.observers;
        let configs = Configs::settled(config(&mix).into());
        let setting = Setting {
            configs,
            tick: Ms(2000),
            init_limit: 10,
            sync_limit: 5,
            snap_count: 50 + draws.draw() % 400,
            segment_bytes: 64 << 10,
            features: Features(0),
        };
        let servers = (0..count).map(|place| {
            let host = network.add(&format!("s{}", place + 1), PORTS);
            Server::new(ServerId(place as i64 + 1), host, draws.draw())
        });
        let servers = servers.collect();
        let clients = (0..mix.clients).map(|_| Client::default()).collect();
        let mut world = World {
            seed,
            clock: Clock::default(),
            now: Duration::ZERO,
            draws,
            network,
            setting,
            servers,
            clients,
            events: BinaryHeap::new(),
            last_event: 0,
            ghost: Ghost::new(seed, count),
            mix,
            tally: Tally::default(),
            calm_from,
            story: Story::new(tells),
            digest: Digest::default(),
        };
        for server in 0..count {
            let after = world.draw_up_to(Duration::from_millis(500));
            world.at(after, Event::Start { server });
        }
        for client in 0..world.mix.clients {
            let after = world.draw_up_to(CLIENT_EVERY);
            world.at(after, Event::Client { client });
        }
        if world.mix.faults {
            world.at(Duration::from_secs(5), Event::Fault);
        }
        world
    }

    pub fn now(&self) -> Duration {
        self.now
    }

    /// Tells what is nobody's doing.
    fn tell(&self, what: impl FnOnce() -> String) {
        self.story.turn_to(self.now, None);
        self.story.tell(what);
    }

    fn draw_up_to(&mut self, most: Duration) -> Duration {
        Duration::from_nanos(self.draws.draw() % most.as_nanos().max(1) as u64)
    }

    fn at(&mut self, after: Duration, event: Event) {
        self.last_event += 1;
        self.events.push(Reverse((self.now + after, self.last_event, event)));
    }

    /// Goes on until this time.
    pub fn run_until(&mut self, end: Duration) {
        loop {
            let next_event = self.events.peek().map(|Reverse((time, ..))| *time);
            let next_arrival = self.network.next();
            let next = [next_event, next_arrival].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            self.tally.events += 1;
            if next_arrival.is_some_and(|arrival| arrival <= next) {
                self.network.advance(next);
                self.wake_hosts();
            }
            if next_event.is_some_and(|event| event <= next)
                && let Some(Reverse((_, _, event))) = self.events.pop()
            {
                self.digest.note((self.now, event));
                self.happen(event);
            }
        }
        self.now = end;
    }

    /// Whoever something has arrived for has a turn.
    fn wake_hosts(&mut self) {
        for server in 0..self.servers.len() {
            if self.network.has_event(self.servers[server].host) {
                self.wake(server, Duration::ZERO);
            }
        }
    }

    fn wake(&mut self, server: usize, after: Duration) {
        let at = self.now + after;
        let life = self.servers[server].lives;
        let Some(process) = &mut self.servers[server].process else { return };
        if process.wake_at.is_none_or(|before| at < before) {
            process.wake_at = Some(at);
            self.at(after, Event::Turn { server, life });
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Turn { server, life } => self.turn_if_due(server, life),
            Event::Disk { server, life } => self.complete(server, life),
            Event::Client { client } => self.act(client),
            Event::Fault => self.fail(),
            Event::Start { server } => self.start(server),
        }
    }

    fn start(&mut self, place: usize) {
        if self.servers[place].process.is_some() {
            return;
        }
        let at = self.clock.moment(self.now);
        let server = &mut self.servers[place];
        self.story.turn_to(self.now, Some(server.id));
        if let Err(error) = server.start(&self.setting, &self.network, &mut self.draws, self.now, at) {
            panic!("seed {}: server {} does not start: {error}", self.seed, server.id.0);
        }
        server.process.as_mut().expect("it has just started").wake_at = None;
        self.ghost.begin(place, &self.servers[place], &self.setting);
        self.story.tell(|| "starts".to_owned());
        self.wake(place, Duration::ZERO);
    }

    fn turn_if_due(&mut self, place: usize, life: u64) {
        let server = &self.servers[place];
        let is_due = server.process.as_ref().is_some_and(|process| process.wake_at.is_some_and(|at| at <= self.now));
        if server.lives == life && is_due {
            self.turn(place);
        }
    }

    fn turn(&mut self, place: usize) {
        self.tally.turns += 1;
        let at = self.clock.moment(self.now);
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
        for (client, told) in told {
            self.answer(client, &told);
        }
        if under_way > 0 && !disk_is_due {
            let after = Duration::from_micros(100) + self.draw_up_to(Duration::from_millis(5));
            self.at(after, Event::Disk { server: place, life });
        }
        if let Err(error) = outcome {
            story.tell(|| format!("ends: {error}"));
            panic!("seed {}: server {} ends: {error}", self.seed, place + 1);
        }
        if let Some(reason) = halted {
            story.tell(|| format!("halts: {reason:?}"));
            self.end_process(place);
            return;
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
            let after = Duration::from_micros(100) + self.draw_up_to(Duration::from_millis(5));
            self.at(after, Event::Disk { server: place, life });
        }
        self.wake(place, Duration::ZERO);
    }

    fn act(&mut self, number: ClientId) {
        let after = self.draw_up_to(CLIENT_EVERY * 2);
        self.at(after, Event::Client { client: number });
        if self.clients[number].stage == Stage::Away {
            return self.connect(number);
        }
        let Some((place, slot)) = self.clients[number].place else { return };
        let now = self.clock.moment(self.now).now;
        let Some(asked) = self.clients[number].next(&mut self.draws, number) else { return };
        match &mut self.servers[place].process {
            Some(process) => {
                process.reactor.take(slot, &asked, now);
                self.wake(place, Duration::from_micros(200));
            }
            None => self.clients[number].leave(),
        }
    }

    fn connect(&mut self, number: ClientId) {
        let place = self.draws.choose(self.servers.len());
        let now = self.clock.moment(self.now).now;
        let Some(process) = &mut self.servers[place].process else { return };
        // A server that is behind what the client has seen refuses it.
        if process.reactor.zxid() < self.clients[number].zxid {
            return;
        }
        let Some(slot) = process.reactor.accept(number) else { return };
        let greeting = self.clients[number].greeting();
        self.clients[number].place = Some((place, slot));
        process.reactor.take(slot, &greeting, now);
        self.wake(place, Duration::from_micros(200));
    }

    fn answer(&mut self, client: ClientId, told: &Told) {
        self.digest.note((client, told));
        self.clients[client].hear(told);
    }

    fn lose_clients(&mut self, place: usize) {
        for client in &mut self.clients {
            if client.place.is_some_and(|(server, _)| server == place) {
                client.leave();
            }
        }
    }

    fn end_process(&mut self, place: usize) {
        self.servers[place].end_process(&self.network, &mut self.draws);
        self.lose_clients(place);
        self.at(Duration::from_millis(500), Event::Start { server: place });
    }

    /// A fault happens, and the next one later.
    fn fail(&mut self) {
        if self.now >= self.calm_from {
            return self.heal();
        }
        let after = Duration::from_millis(200) + self.draw_up_to(Duration::from_secs(8));
        self.at(after, Event::Fault);
        let place = self.draws.choose(self.servers.len());
        match self.draws.choose(6) {
            0 if self.servers[place].process.is_some() => {
                self.tally.power_cuts += 1;
                self.tell(|| format!("FAULT: s{} loses its power", place + 1));
                self.servers[place].lose_power(&self.network, &mut self.draws);
                self.lose_clients(place);
                let after = Duration::from_millis(100) + self.draw_up_to(Duration::from_secs(10));
                self.at(after, Event::Start { server: place });
            }
            1 if self.servers[place].process.is_some() => {
                self.tally.ends += 1;
                self.tell(|| format!("FAULT: the process of s{} is killed", place + 1));
                self.end_process(place);
            }
            2 | 3 => self.partition(place),
            4 => {
                let other = self.draws.choose(self.servers.len());
                self.tally.resets += 1;
                self.tell(|| format!("FAULT: what connects s{} and s{} is reset", place + 1, other + 1));
                self.network.reset(self.servers[place].host, self.servers[other].host);
                self.wake_hosts();
            }
            _ => self.heal(),
        }
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
                self.network.set_route(one, other, |route| route.is_cut = false);
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

    /// After the end: the disks.
    pub fn judge(&mut self) {
        for server in &self.servers {
            self.ghost.see_disk_at_end(server, &self.setting);
        }
    }

    /// How many servers serve clients.
    pub fn serving(&self) -> usize {
        let serves = |server: &&Server| server.process.as_ref().is_some_and(|process| process.reactor.serves());
        self.servers.iter().filter(serves).count()
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
    let members = (1..=mix.voters + mix.observers).map(|number| {
        let host = |port| HostPort { host: format!("s{number}").into(), port };
        let peer_type = if number <= mix.voters { PeerType::Participant } else { PeerType::Observer };
        let addresses = vec![PeerAddress { quorum: host(PORTS.quorum), election: host(PORTS.election) }];
        (ServerId(number as i64), ConfigMember { peer_type, addresses, client: None })
    });
    let voters = (1..=mix.voters).map(|number| ServerId(number as i64));
    Config::new(Zxid::ZERO, members.collect(), QuorumSystem::Majority(voters.collect()))
}
