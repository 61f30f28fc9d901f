//! Three servers in virtual time, each of which is started and ended by hand.

use std::time::Duration;

use paddock::config::NewSessions;
use paddock::node::peers::simulated::{Network, Ports};
use paddock_consensus::ServerId;
use paddock_consensus::config::{Config, Configs};
use paddock_consensus::output::Part;
use paddock_consensus::settings::{Features, Ms, RENEW_FROM};
use paddock_engine::io::simulated::{FileSystem, Seeded};
use paddock_engine::jute::Write;
use paddock_engine::progress::Progress;
use paddock_engine::request::opcode;
use paddock_net::serving::Serve;
use paddock_sim::clock::Clock;
use paddock_sim::reactor::{Asked, Told};
use paddock_sim::server::{Server, Setting};
use paddock_sim::zoo_cfg;

/// What is due at the same time is done so long after each other.
const STEP: Duration = Duration::from_micros(50);
/// Longer than any server waits for an event that does come.
const NEVER: Duration = Duration::from_secs(3600);
/// A process that runs has a turn at least this often.
const TURNS_APART: Duration = Duration::from_millis(250);
/// What can be done is done by then.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How many steps of what has threads elsewhere are taken in a turn.
const WORK_STEPS: usize = 64;

pub struct Servers {
    clock: Clock,
    now: Duration,
    draws: Seeded,
    network: Network,
    pub setting: Setting,
    servers: Vec<Server>,
    /// When each server has a turn although nothing has come.
    due: Vec<Duration>,
    /// By server: it has ended by itself, and what it said.
    ended: Vec<Option<String>>,
}

impl Servers {
    /// Three voters with these disks, of which none runs yet.
    pub fn new(seed: u64, disks: Option<&[FileSystem; 3]>) -> Servers {
        Servers::of(seed, &["participant"; 3], disks)
    }

    /// Servers that are these, of which none runs yet.
    pub fn of(seed: u64, roles: &[&str], disks: Option<&[FileSystem; 3]>) -> Servers {
        let ports = Ports { election: 3888, quorum: 2888 };
        let network = Network::new(Box::new(Seeded::new(seed)));
        let line = |(role, id): (&&str, i64)| format!("server.{id}=s{id}:2888:3888:{role}\n");
        let lines: String = roles.iter().zip(1..).map(line).collect();
        let configs = Configs::settled(Config::parse(&format!("{lines}version=0")).unwrap().into());
        let setting = Setting {
            configs,
            is_changed: false,
            observer_masters: false,
            tick: Ms(2000),
            init_limit: 10,
            sync_limit: 5,
            window_transactions: 20,
            snap_count: 40,
            segment_bytes: 32 << 10,
            features: Some(Features(0)),
            renew_from: RENEW_FROM,
            autocreate: disks.is_none(),
            leader_serves: true,
            read_only_mode: false,
            new_sessions: NewSessions::Global,
        };
        let server = |id: i64| {
            let host = network.add(&format!("s{id}"), ports);
            let server = Server::new(ServerId(id), host, seed + id as u64);
            let disk = disks.map(|disks| disks[id as usize - 1].clone());
            Server { disk: disk.unwrap_or_else(|| server.disk.clone()), ..server }
        };
        let servers: Vec<Server> = (1..).map(server).take(roles.len()).collect();
        Servers {
            clock: Clock::default(),
            now: Duration::ZERO,
            draws: Seeded::new(seed),
            network,
            setting,
            due: vec![NEVER; servers.len()],
            ended: vec![None; servers.len()],
            servers,
        }
    }

    /// The ensemble may be changed: each server keeps who belongs to it beside a `zoo.cfg` of its own. None runs yet.
    pub fn allow_changes(&mut self) {
        self.setting.is_changed = true;
        for server in &self.servers {
            zoo_cfg::write(&server.files(), server.id, &self.setting.configs.committed)
                .expect("an empty disk takes it");
        }
    }

    /// A process begins on what is on the disk.
    ///
    /// # Errors
    /// Why it does not.
    pub fn start(&mut self, place: usize) -> Result<(), String> {
        let at = self.clock.moment(self.now);
        let Servers { servers, setting, network, draws, now, .. } = self;
        let started = servers[place].start(setting, network, draws, *now, at).map_err(|error| error.to_string());
        if started.is_err() {
            self.end(place);
        }
        self.due[place] = self.now;
        started
    }

    /// The process ends, and the machine goes on.
    pub fn end(&mut self, place: usize) {
        let Servers { servers, network, draws, .. } = self;
        servers[place].end_process(network, draws);
    }

    /// These are told to stop, and end in order.
    pub fn stop(&mut self, places: &[usize]) {
        for &place in places {
            self.servers[place].process.as_mut().expect("it runs").member.stop();
            self.due[place] = self.now;
        }
        self.wait("they stop", |servers| places.iter().all(|place| servers.servers[*place].process.is_none()));
    }

    /// The process ends, and all that was on the disk is gone.
    pub fn lose(&mut self, place: usize) {
        self.end(place);
        let server = &mut self.servers[place];
        server.disk = Server::new(server.id, server.host, 99).disk;
    }

    /// Another disk takes the place of the one that was there, where no process runs.
    pub fn replace_disk(&mut self, place: usize, disk: FileSystem) {
        self.servers[place].disk = disk;
    }

    /// All of them.
    pub fn places(&self) -> Vec<usize> {
        (0..self.servers.len()).collect()
    }

    /// Who belongs to the ensemble, as a server goes by it.
    pub fn members(&self, place: usize) -> String {
        let process = self.servers[place].process.as_ref().expect("it runs");
        process.member.state().configs.committed.text().to_owned()
    }

    pub fn server(&self, place: usize) -> &Server {
        &self.servers[place]
    }

    /// Why a server that was started runs no more.
    pub fn ended(&self, place: usize) -> Option<&str> {
        self.ended[place].as_deref()
    }

    /// Goes on to what happens next.
    fn step(&mut self) {
        let due = self.due.iter().zip(&self.servers).filter(|(_, server)| server.process.is_some());
        let next = due.map(|(due, _)| *due).chain(self.network.next()).min().unwrap_or(NEVER);
        self.now = (self.now + STEP).max(next.min(self.now + Duration::from_millis(100)));
        self.network.advance(self.now);
        for place in 0..self.servers.len() {
            let disk = self.servers[place].disk.clone();
            let mut has_come = self.network.has_event(self.servers[place].host);
            while disk.under_way() > 0 {
                disk.complete(0);
                has_come = true;
            }
            if has_come || self.due[place] <= self.now {
                self.turn(place);
            }
        }
    }

    fn turn(&mut self, place: usize) {
        let at = self.clock.moment(self.now);
        let Some(process) = &mut self.servers[place].process else { return };
        process.slices.begin_turn(at.now);
        process.reactor.submit(false, at.now);
        let outcome = process.member.turn(at).map_err(|error| error.to_string());
        let works = (0..WORK_STEPS).all(|_| process.member.work(at.now) == Progress::More);
        process.reactor.take_releases();
        if process.member.has_stopped() {
            let process = self.servers[place].process.take().expect("it runs");
            process.member.end().expect("its log is closed");
            return self.end(place);
        }
        let halted = process.member.halted().map(|reason| format!("{reason:?}"));
        if let Some(why) = outcome.err().or(halted) {
            self.ended[place] = Some(why);
            return self.end(place);
        }
        // What a thread would ring for is found at the next turn.
        let sleep =
            if works { Duration::ZERO } else { process.member.timeout().unwrap_or(TURNS_APART).min(TURNS_APART) };
        self.due[place] = self.now + sleep;
    }

    /// Whether it is so within [`PATIENCE`].
    pub fn comes(&mut self, is_so: impl Fn(&Servers) -> bool) -> bool {
        let until = self.now + PATIENCE;
        while !is_so(self) {
            if self.now >= until {
                return false;
            }
            self.step();
        }
        true
    }

    pub fn wait(&mut self, what: &str, is_so: impl Fn(&Servers) -> bool) {
        let comes = self.comes(is_so);
        assert!(comes, "{what} within {PATIENCE:?}\n{:?}\n{}", self.ended, super::said::take_said());
    }

    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.step();
        }
    }

    pub fn serves(&self, place: usize) -> bool {
        self.servers[place].process.as_ref().is_some_and(|process| process.reactor.serving() == Serve::Yes)
    }

    pub fn all_serve(&self, places: &[usize]) -> bool {
        places.iter().all(|place| self.serves(*place))
    }

    pub fn leader(&self) -> Option<usize> {
        let leads = |place: &usize| {
            let process = self.servers[*place].process.as_ref();
            process.is_some_and(|process| matches!(process.member.part(), Part::Leading { .. }))
        };
        (0..self.servers.len()).find(leads)
    }

    /// What the state has for a path, which need not be public yet.
    pub fn data(&self, place: usize, path: &str) -> Option<Vec<u8>> {
        let process = self.servers[place].process.as_ref()?;
        process.member.database().tree().get(path)?.data().map(<[u8]>::to_vec)
    }

    /// A server's state becomes another one, as if a transaction had been applied wrongly.
    pub fn falsify(&mut self, place: usize, path: &str) {
        self.servers[place].process.as_mut().expect("it runs").member.falsify(path, b"wrong");
    }

    /// The newest transaction of the state, and the digest of its tree.
    pub fn state(&self, place: usize) -> (i64, u64) {
        let database = self.servers[place].process.as_ref().expect("it runs").member.database();
        (database.last_zxid().0, database.tree().digest())
    }

    /// A client's connection.
    pub fn connect(&mut self, place: usize) -> u32 {
        self.try_connect(place).expect("clients are taken")
    }

    /// A client's connection, if it is taken.
    pub fn try_connect(&mut self, place: usize) -> Option<u32> {
        let slot = self.servers[place].process.as_mut()?.reactor.accept(0)?;
        let told = self.ask(place, slot, &Asked::Connect { timeout: 40_000 });
        matches!(told, Some(Told::Connected { .. })).then_some(slot)
    }

    /// A client asks for something and waits for no answer.
    pub fn send(&mut self, place: usize, slot: u32, asked: &Asked) {
        let at = self.clock.moment(self.now);
        self.servers[place].process.as_mut().expect("it runs").reactor.take(slot, asked, at.now);
        self.due[place] = self.now;
    }

    /// The newest transaction in a server's log.
    pub fn logged(&self, place: usize) -> i64 {
        self.servers[place].process.as_ref().map_or(0, |process| process.member.window().last().0)
    }

    /// What a client is told within [`PATIENCE`].
    pub fn ask(&mut self, place: usize, slot: u32, asked: &Asked) -> Option<Told> {
        let (at, began) = (self.clock.moment(self.now), self.now);
        self.servers[place].process.as_mut()?.reactor.take(slot, asked, at.now);
        self.due[place] = self.now;
        while self.now < began + PATIENCE {
            self.step();
            let told = self.servers[place].process.as_mut()?.reactor.take_told();
            if let Some((_, told)) = told.into_iter().next() {
                return Some(told);
            }
        }
        None
    }

    /// Creates a znode and has that acknowledged.
    pub fn create(&mut self, place: usize, slot: u32, path: &str, data: &[u8]) {
        let told = self.ask(place, slot, &create(path, data));
        assert!(matches!(told, Some(Told::Reply { code: 0, .. })), "{path}: {told:?}");
    }
}

pub fn create(path: &str, data: &[u8]) -> Asked {
    let mut body = Vec::new();
    body.put_string(path);
    body.put_buffer(Some(data));
    paddock_engine::acl::write(&None, &mut body);
    body.put_i32(0);
    Asked::Request { xid: 1, opcode: opcode::CREATE, body }
}
