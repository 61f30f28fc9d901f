//! What a member does in its part, in small worlds: servers by hand, that have a turn only when something has come or is due.

use std::cell::RefCell;
use std::io;
use std::sync::Once;
use std::time::Duration;

use paddock::config::NewSessions;
use paddock::node::peers::simulated::{Network, Ports};
use paddock::node::settings::FEATURES;
use paddock_consensus::config::{Config, Configs};
use paddock_consensus::output::Part;
use paddock_consensus::settings::{Features, Ms, RENEW_FROM};
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::error::Code;
use paddock_engine::io::simulated::{Effect, Fault, Operation, Seeded};
use paddock_engine::jute::Write;
use paddock_engine::progress::Progress;
use paddock_engine::request::opcode;
use paddock_net::four_letter::{self, Reply};
use paddock_net::serving::Serve;
use paddock_sim::clock::Clock;
use paddock_sim::durable::Records;
use paddock_sim::reactor::{Asked, Told};
use paddock_sim::server::{Server, Setting};
use paddock_sim::zoo_cfg;
use paddock_tests::jute::Writer;
use paddock_tests::request::Request;

/// The disk is broken.
const EIO: i32 = 5;

const STEP: Duration = Duration::from_millis(1);
/// Longer than any server waits for an event that does come.
const NEVER: Duration = Duration::from_secs(3600);
/// Until an ensemble that can serve does.
const PATIENCE: Duration = Duration::from_secs(60);
/// Some round trips and syncs of disks, and far less than what passes between two PINGs.
const SOON: Duration = Duration::from_millis(100);
/// What passes between two turns of a slow server, ms.
const SLOW_MS: u128 = 20;
/// A quarter of a tick.
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// Of a session.
const TIMEOUT: Duration = Duration::from_secs(10);
/// An epoch of so many transactions is renewed.
const SHORT_EPOCH: u32 = 10;
/// A turn applies at least some hundred of a transaction.
const LONG_MEMBERS: usize = 12_000;
/// How many steps of what has threads elsewhere are taken in a turn.
const WORK_STEPS: usize = 64;

struct Ensemble {
    clock: Clock,
    now: Duration,
    draws: Seeded,
    network: Network,
    setting: Setting,
    servers: Vec<Server>,
    /// When each server has a turn although nothing has come.
    due: Vec<Duration>,
    /// A server that has a turn only now and then, so that much comes at once.
    slow: Option<usize>,
    /// Reactors tell whom they hear, so that sessions expire.
    reports: bool,
}

impl Ensemble {
    /// Three voters, whose settings are changed before they start.
    fn new(seed: u64, change: impl FnOnce(&mut Setting)) -> Ensemble {
        let ports = Ports { election: 3888, quorum: 2888 };
        let network = Network::new(Box::new(Seeded::new(seed)));
        let lines: String = (1..=3).map(|id| format!("server.{id}=s{id}:2888:3888:participant\n")).collect();
        let configs = Configs::settled(Config::parse(&format!("{lines}version=0")).unwrap().into());
        let mut setting = Setting {
            configs,
            is_changed: false,
            observer_masters: false,
            tick: Ms(2000),
            init_limit: 10,
            sync_limit: 5,
            window_transactions: 500,
            snap_count: 1000,
            segment_bytes: 64 << 10,
            features: Some(Features(0)),
            renew_from: RENEW_FROM,
            autocreate: true,
            leader_serves: true,
            read_only_mode: false,
            new_sessions: NewSessions::Global,
        };
        change(&mut setting);
        let servers =
            (1..=3).map(|id| Server::new(ServerId(id), network.add(&format!("s{id}"), ports), seed + id as u64));
        let servers: Vec<Server> = servers.collect();
        let due = vec![Duration::ZERO; servers.len()];
        let (clock, draws) = (Clock::default(), Seeded::new(seed));
        let (now, slow, reports) = (Duration::ZERO, None, false);
        let mut ensemble = Ensemble { clock, now, draws, network, setting, servers, due, slow, reports };
        if ensemble.setting.is_changed {
            for server in &ensemble.servers {
                let config = &ensemble.setting.configs.committed;
                zoo_cfg::write(&server.files(), server.id, config).expect("a disk in order takes a file");
            }
        }
        (0..3).for_each(|place| ensemble.start(place));
        ensemble.wait("all serve", Ensemble::all_serve);
        ensemble
    }

    fn start(&mut self, place: usize) {
        let at = self.clock.moment(self.now);
        let Ensemble { servers, setting, network, draws, .. } = self;
        servers[place].start(setting, network, draws, self.now, at).map_err(|error| error.to_string()).unwrap();
        self.due[place] = self.now;
    }

    /// The process ends, and all that was on the disk is gone.
    fn lose(&mut self, place: usize) {
        let Ensemble { servers, network, draws, .. } = self;
        let server = &mut servers[place];
        server.end_process(network, draws);
        server.disk = Server::new(server.id, server.host, 99).disk;
    }

    fn step(&mut self) {
        self.now += STEP;
        self.network.advance(self.now);
        for place in 0..self.servers.len() {
            let disk = self.servers[place].disk.clone();
            let mut has_come = self.network.has_event(self.servers[place].host);
            while disk.under_way() > 0 {
                disk.complete(0);
                has_come = true;
            }
            let is_held_up = self.slow == Some(place) && !self.now.as_millis().is_multiple_of(SLOW_MS);
            if !is_held_up && (has_come || self.due[place] <= self.now || self.is_to_report(place)) {
                self.turn(place);
            }
        }
    }

    fn is_to_report(&self, place: usize) -> bool {
        let process = self.servers[place].process.as_ref();
        self.reports && process.is_some_and(|process| process.last_report + REPORT_EVERY <= self.now)
    }

    fn turn(&mut self, place: usize) {
        let reports = self.is_to_report(place);
        let at = self.clock.moment(self.now);
        let Some(process) = &mut self.servers[place].process else { return };
        process.slices.begin_turn(at.now);
        process.reactor.submit(reports, at.now);
        if reports {
            process.last_report = self.now;
        }
        process.member.turn(at).map_err(|error| error.to_string()).unwrap();
        let works = (0..WORK_STEPS).all(|_| process.member.work(at.now) == Progress::More);
        process.reactor.take_releases();
        let sleep = if works { Duration::ZERO } else { process.member.timeout().unwrap_or(NEVER) };
        self.due[place] = self.now + sleep;
    }

    fn wait(&mut self, what: &str, is_so: impl Fn(&Ensemble) -> bool) {
        let until = self.now + PATIENCE;
        while !is_so(self) {
            assert!(self.now < until, "{what} within {PATIENCE:?}");
            self.step();
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.step();
        }
    }

    fn serving(&self, place: usize) -> Serve {
        self.servers[place].process.as_ref().map_or(Serve::No, |process| process.reactor.serving())
    }

    /// All but a leader that is not to.
    fn all_serve(&self) -> bool {
        let serve = (0..3).filter(|place| self.serving(*place) == Serve::Yes).count();
        serve == if self.setting.leader_serves { 3 } else { 2 }
    }

    fn awaits(&self, place: usize) -> &'static str {
        self.servers[place].process.as_ref().map_or("", |process| process.member.state().awaits)
    }

    fn part(&self, place: usize) -> Part {
        self.servers[place].process.as_ref().expect("it runs").member.part()
    }

    /// What a server answers to a four-letter word.
    fn word(&self, place: usize, word: &str) -> String {
        let process = self.servers[place].process.as_ref().expect("it runs");
        let word = four_letter::recognise(word.as_bytes().try_into().expect("four letters")).expect("it is a word");
        match four_letter::answer(word, process.reactor.serving(), &process.status) {
            Reply::Text(text) => text,
            other => panic!("the reactor answers it at once: {other:?}"),
        }
    }

    /// A figure of `mntr`; `None` if it is not there.
    fn figure(&self, place: usize, key: &str) -> Option<String> {
        let mntr = self.word(place, "mntr");
        let value = |line: &str| Some(line.strip_prefix(key)?.strip_prefix('\t')?.to_owned());
        mntr.lines().find_map(value)
    }

    fn leader(&self) -> usize {
        (0..3).find(|place| matches!(self.part(*place), Part::Leading { .. })).expect("there is one")
    }

    fn follower(&self) -> usize {
        (0..3).find(|place| matches!(self.part(*place), Part::Following { .. })).expect("there are two")
    }

    /// The end of a server's log.
    fn history(&self, place: usize) -> Zxid {
        self.servers[place].process.as_ref().expect("it runs").member.state().history.last()
    }

    fn zxid(&self, place: usize) -> i64 {
        self.servers[place].process.as_ref().expect("it runs").reactor.zxid()
    }

    /// A client's connection.
    fn connect(&mut self, place: usize) -> u32 {
        self.begin_session(place).0
    }

    /// Likewise, and its session.
    fn begin_session(&mut self, place: usize) -> (u32, i64) {
        let process = self.servers[place].process.as_mut().expect("it runs");
        let slot = process.reactor.accept(0).expect("clients are taken");
        let (told, _) = self.ask(place, slot, &Asked::Connect { timeout: TIMEOUT.as_millis() as i32 });
        let Told::Connected { session, .. } = told else { panic!("{told:?}") };
        (slot, session)
    }

    /// A client leaves the connection to the one server, and comes to the other with its session, which lives.
    fn go(&mut self, (from, slot): (usize, u32), place: usize, session: i64) -> u32 {
        let at = self.clock.moment(self.now);
        self.servers[from].process.as_mut().expect("it runs").reactor.take(slot, &Asked::Leave, at.now);
        self.due[from] = self.now;
        let process = self.servers[place].process.as_mut().expect("it runs");
        process.reactor.take_told();
        let slot = process.reactor.accept(0).expect("clients are taken");
        let (told, _) = self.ask(place, slot, &Asked::Reattach { session, timeout: TIMEOUT.as_millis() as i32 });
        assert!(matches!(told, Told::Connected { .. }), "{told:?}");
        slot
    }

    /// Whether the session lives, by what its client is told that comes back with it.
    fn lives(&mut self, place: usize, session: i64) -> bool {
        let process = self.servers[place].process.as_mut().expect("it runs");
        process.reactor.take_told();
        let slot = process.reactor.accept(0).expect("clients are taken");
        let (told, _) = self.ask(place, slot, &Asked::Reattach { session, timeout: TIMEOUT.as_millis() as i32 });
        match told {
            Told::Connected { .. } => true,
            Told::Refused => false,
            told => panic!("{told:?}"),
        }
    }

    /// A client says every second that it is there, as long as it has its connection.
    fn stay(&mut self, place: usize, slot: u32, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            let at = self.clock.moment(self.now);
            if self.serving(place) == Serve::Yes {
                self.servers[place].process.as_mut().expect("it runs").reactor.take(slot, &Asked::Ping, at.now);
                self.due[place] = self.now;
            }
            self.pass(Duration::from_secs(1));
        }
    }

    /// Creates znodes until the leader wants another epoch.
    fn write_until_renewed(&mut self, place: usize, slot: u32) {
        let process = |ensemble: &mut Ensemble, asked: &Asked| {
            let at = ensemble.clock.moment(ensemble.now);
            ensemble.servers[place].process.as_mut().expect("it runs").reactor.take(slot, asked, at.now);
            ensemble.due[place] = ensemble.now;
            ensemble.pass(SOON);
        };
        (1..=SHORT_EPOCH as i32).for_each(|xid| process(self, &create(xid, &format!("/{xid}"))));
    }

    /// What a client is told, and how long that takes.
    fn ask(&mut self, place: usize, slot: u32, asked: &Asked) -> (Told, Duration) {
        let (at, began) = (self.clock.moment(self.now), self.now);
        self.servers[place].process.as_mut().expect("it runs").reactor.take(slot, asked, at.now);
        self.due[place] = self.now;
        while self.now < began + PATIENCE {
            self.step();
            let told = self.servers[place].process.as_mut().expect("it runs").reactor.take_told();
            if let Some((_, told)) = told.into_iter().next() {
                return (told, self.now - began);
            }
        }
        panic!("{asked:?} is answered within {PATIENCE:?}");
    }

    /// What goes between this server and the others is held, or not any more.
    fn cut_off(&mut self, place: usize, is_cut: bool) {
        for other in (0..3).filter(|other| *other != place) {
            let (one, other) = (self.servers[place].host, self.servers[other].host);
            self.network.set_route(one, other, |route| route.is_cut = is_cut);
            self.network.set_route(other, one, |route| route.is_cut = is_cut);
        }
    }

    /// What the others send to this server is held, or not any more.
    fn be_deaf(&mut self, place: usize, is_deaf: bool) {
        for other in (0..3).filter(|other| *other != place) {
            let (from, to) = (self.servers[other].host, self.servers[place].host);
            self.network.set_route(from, to, |route| route.is_cut = is_deaf);
        }
    }
}

fn create(xid: i32, path: &str) -> Asked {
    let mut body = Vec::new();
    body.put_string(path);
    body.put_buffer(Some(b"new"));
    paddock_engine::acl::write(&None, &mut body);
    body.put_i32(0);
    Asked::Request { xid, opcode: opcode::CREATE, body }
}

/// Server 3 observes from now on.
fn reconfig(xid: i32) -> Asked {
    let joining = Some("server.3=s3:2888:3888:observer;0.0.0.0:2181".to_owned());
    let reconfig = Request::Reconfig { joining, leaving: None, members: None, config_id: -1 };
    let mut body = Writer::default();
    reconfig.write_body(&mut body);
    Asked::Request { xid, opcode: reconfig.opcode(), body: body.bytes }
}

fn sync(xid: i32) -> Asked {
    let mut body = Vec::new();
    body.put_string("/");
    Asked::Request { xid, opcode: opcode::SYNC, body }
}

/// A multi that takes many turns.
fn long_multi(xid: i32) -> Asked {
    let member = |number| Request::create(&format!("/{number}"), b"", 0);
    let multi = Request::multi((0..LONG_MEMBERS).map(member).collect());
    let mut body = Writer::default();
    multi.write_body(&mut body);
    Asked::Request { xid, opcode: multi.opcode(), body: body.bytes }
}

/// The next start goes by the files. With the change in the log and not there it would be committed by who the members were before.
#[test]
fn a_change_of_the_ensemble_that_cannot_be_kept_is_in_no_log() {
    for (seed, is_leader) in [(1, true), (2, true), (3, false), (4, false)] {
        let mut ensemble = Ensemble::new(seed, |setting| setting.is_changed = true);
        let place = if is_leader { ensemble.leader() } else { ensemble.follower() };
        let slot = ensemble.connect(place);
        ensemble.pass(SOON);
        let before = ensemble.history(place);
        let at = ensemble.clock.moment(ensemble.now);
        // A full disk would be waited for.
        let effect = Effect::Fails(EIO);
        ensemble.servers[place].disk.add_fault(Fault { operation: Operation::Rename, skipped: 0, times: 1, effect });
        let Ensemble { servers, due, now, .. } = &mut ensemble;
        servers[place].process.as_mut().expect("it runs").reactor.take(slot, &reconfig(1), at.now);
        due[place] = *now;
        let halts =
            |ensemble: &Ensemble| ensemble.servers[place].process.as_ref().expect("it runs").member.halted().is_some();
        ensemble.wait("it cannot go on", halts);
        let server = &mut ensemble.servers[place];
        server.process.take().expect("it runs").member.end().expect("what is left to be done can be done");
        let found = Records::read(&server.files(), &server.log_config(&ensemble.setting)).last();
        assert_eq!(found, before, "seed {seed}: whether the leader: {is_leader}");
    }
}

/// What follows of the last event of a turn is not left to the next event.
#[test]
fn writes_and_syncs_are_answered_as_soon_as_they_can_be() {
    for seed in 1..=3 {
        let mut ensemble = Ensemble::new(seed, |_| {});
        let follower = ensemble.follower();
        let leader = ensemble.leader();
        for place in [follower, leader] {
            let slot = ensemble.connect(place);
            for xid in 1..=10 {
                for asked in [create(xid, &format!("/{place}-{xid}")), sync(xid)] {
                    let (told, took) = ensemble.ask(place, slot, &asked);
                    assert!(matches!(told, Told::Reply { code: 0, .. }), "{told:?}");
                    assert!(took < SOON, "seed {seed}: {asked:?} took {took:?}");
                }
            }
        }
    }
}

#[test]
fn a_server_that_has_lost_its_disk_is_brought_a_copy_and_does_not_vote_before() {
    let mut ensemble = Ensemble::new(4, |setting| setting.autocreate = true);
    ensemble.setting.autocreate = false;
    let follower = ensemble.follower();
    let other = (0..3).find(|place| *place != follower).unwrap();
    let slot = ensemble.connect(other);
    ensemble.ask(other, slot, &create(1, "/a"));
    let zxid = ensemble.zxid(other);
    ensemble.lose(follower);
    ensemble.start(follower);
    ensemble.wait("it serves", |ensemble| ensemble.serving(follower) == Serve::Yes);
    assert!(ensemble.zxid(follower) >= zxid);
    // It has a history again, and starts with that.
    let Ensemble { servers, network, draws, .. } = &mut ensemble;
    servers[follower].end_process(network, draws);
    ensemble.start(follower);
    ensemble.wait("it serves again", |ensemble| ensemble.serving(follower) == Serve::Yes);
    // Of two that have lost theirs nobody is elected with the third: nobody knows what they had acknowledged.
    let rest: Vec<usize> = (0..3).filter(|place| *place != follower).collect();
    rest.iter().for_each(|place| ensemble.lose(*place));
    let Ensemble { servers, network, draws, .. } = &mut ensemble;
    servers[follower].end_process(network, draws);
    (0..3).for_each(|place| ensemble.start(place));
    ensemble.pass(PATIENCE / 2);
    assert!((0..3).all(|place| ensemble.serving(place) == Serve::No));
}

/// That an observer passes it on late its master alone can know: for the leader both are at the end of one link.
#[test]
fn what_a_client_asked_of_an_observer_is_not_done_behind_what_it_asked_of_the_observers_master() {
    for seed in 1..=4 {
        let mut ensemble = Ensemble::new(seed, |setting| {
            let role = |id| if id == 3 { "observer" } else { "participant" };
            let lines: String = (1..=3).map(|id| format!("server.{id}=s{id}:2888:3888:{}\n", role(id))).collect();
            setting.configs = Configs::settled(Config::parse(&format!("{lines}version=0")).unwrap().into());
            (setting.observer_masters, setting.features) = (true, Some([Features(0), FEATURES][seed as usize % 2]));
        });
        let (master, observer) = (ensemble.follower(), 2);
        let Part::Observing { leader, .. } = ensemble.part(observer) else { panic!("it observes") };
        assert_eq!(leader, ensemble.servers[master].id, "it observes its master");
        let (slot, session) = ensemble.begin_session(observer);
        let (from, to) = (ensemble.servers[observer].host, ensemble.servers[master].host);

        ensemble.network.set_route(from, to, |route| route.is_cut = true);
        let at = ensemble.clock.moment(ensemble.now);
        for xid in 1..=2 {
            let early = create(xid, &format!("/early-{xid}"));
            ensemble.servers[observer].process.as_mut().expect("it runs").reactor.take(slot, &early, at.now);
        }
        ensemble.due[observer] = ensemble.now;
        ensemble.pass(SOON);
        let slot = ensemble.go((observer, slot), master, session);
        let (told, _) = ensemble.ask(master, slot, &create(3, "/later"));
        assert!(matches!(told, Told::Reply { code: 0, .. }), "{told:?}");
        ensemble.network.set_route(from, to, |route| route.is_cut = false);
        ensemble.pass(SOON);
        let last = ensemble.zxid(observer);
        assert_eq!(ensemble.zxid(master), last, "both are told of all");
        for path in ["/early-1", "/early-2"] {
            let (told, _) = ensemble.ask(master, slot, &create(4, path));
            assert!(matches!(told, Told::Reply { code: 0, .. }), "seed {seed}: {path} is there: {told:?}");
        }

        // Nothing of that holds up the session when it is at the observer again, and then at the master.
        let mut at = (master, slot);
        for (xid, place) in [(5, observer), (6, master)] {
            let slot = ensemble.go(at, place, session);
            at = (place, slot);
            let (told, _) = ensemble.ask(place, slot, &create(xid, &format!("/{xid}")));
            assert!(matches!(told, Told::Reply { code: 0, .. }), "seed {seed}: {told:?}");
        }
    }
}

/// Of a state that comes, and of transactions that come behind it, nothing is left to be waited for when their leader is gone.
#[test]
fn a_server_whose_leader_ends_while_it_brings_a_copy_looks_for_another_one() {
    for awaits in ["AwaitingState", "TakingHistory"] {
        let mut ensemble = Ensemble::new(7, |_| {});
        ensemble.setting.autocreate = false;
        let (leader, follower) = (ensemble.leader(), ensemble.follower());
        let slot = ensemble.connect(leader);
        ensemble.ask(leader, slot, &create(1, "/a"));
        ensemble.lose(follower);
        let (near, far) = (ensemble.servers[leader].host, ensemble.servers[follower].host);
        ensemble.network.set_route(near, far, |route| {
            (route.latency_max, route.piece_max) = (Duration::from_millis(20), 16);
        });
        ensemble.start(follower);
        ensemble.wait(awaits, |ensemble| ensemble.awaits(follower) == awaits);
        let Ensemble { servers, network, draws, .. } = &mut ensemble;
        servers[leader].end_process(network, draws);
        ensemble.wait("it looks", |ensemble| ensemble.awaits(follower) == "Voting");
        ensemble.start(leader);
        ensemble.wait("all serve", |ensemble| (0..3).all(|place| ensemble.serving(place) == Serve::Yes));
    }
}

#[test]
fn a_server_that_is_cut_off_serves_who_only_reads_until_it_is_back() {
    let mut ensemble = Ensemble::new(5, |setting| setting.read_only_mode = true);
    let follower = ensemble.follower();
    let slot = ensemble.connect(follower);
    ensemble.ask(follower, slot, &create(1, "/a"));
    let zxid = ensemble.zxid(follower);
    ensemble.cut_off(follower, true);
    ensemble.wait("it serves readers", |ensemble| ensemble.serving(follower) == Serve::ReadOnly);
    ensemble.servers[follower].process.as_mut().unwrap().reactor.take_told();
    let slot = ensemble.connect(follower);
    let (told, took) = ensemble.ask(follower, slot, &create(2, "/b"));
    let refused = Code::NotReadOnly.number();
    assert!(matches!(told, Told::Reply { code, .. } if code == refused), "{told:?}");
    assert!(took < SOON);
    assert_eq!(ensemble.zxid(follower), zxid, "nothing is written");
    ensemble.cut_off(follower, false);
    ensemble.wait("it serves everybody", |ensemble| ensemble.serving(follower) == Serve::Yes);
    let told = ensemble.servers[follower].process.as_mut().unwrap().reactor.take_told();
    assert!(matches!(told[..], [(_, Told::Ended)]), "the reader's session ends with the period: {told:?}");
}

/// What it says itself does arrive on connections from before, but nobody can be connected to it.
#[test]
fn a_leader_that_hears_nobody_any_more_is_not_wanted_again() {
    for seed in 1..=5 {
        let mut ensemble = Ensemble::new(seed, |_| {});
        let deaf = ensemble.leader();
        ensemble.be_deaf(deaf, true);
        let began = ensemble.now;
        let others_lead = |ensemble: &Ensemble| {
            let others = (0..3).filter(|place| *place != deaf);
            others.clone().all(|place| ensemble.serving(place) == Serve::Yes)
                && others.clone().any(|place| matches!(ensemble.part(place), Part::Leading { .. }))
        };
        ensemble.wait("the others serve", others_lead);
        let tick = Duration::from_millis(ensemble.setting.tick.0);
        // A leader looks every half tick whether it is followed.
        let limit = tick * ensemble.setting.sync_limit + tick / 2;
        let took = ensemble.now - began;
        assert!(took <= limit + Duration::from_secs(1), "seed {seed}: {took:?}");
        ensemble.be_deaf(deaf, false);
        ensemble.wait("all serve", |ensemble| (0..3).all(|place| ensemble.serving(place) == Serve::Yes));
    }
}

/// It has its zxid, and is in the log of the leader that was, whose vote tells of it. It is not committed: the next leader keeps
/// it or has it cut off.
#[test]
fn a_reign_that_ends_in_the_middle_of_a_long_transaction_leaves_all_of_it_or_nothing() {
    for (seed, leader_serves) in [(1, true), (2, true), (3, false), (4, false)] {
        let mut ensemble = Ensemble::new(seed, |setting| {
            (setting.tick, setting.init_limit, setting.sync_limit) = (Ms(20), 500, 250);
            setting.leader_serves = leader_serves;
        });
        let (leader, follower) = (ensemble.leader(), ensemble.follower());
        let place = if leader_serves { leader } else { follower };
        let slot = ensemble.connect(place);
        ensemble.pass(SOON);
        let before = ensemble.history(leader);
        let at = ensemble.clock.moment(ensemble.now);
        ensemble.servers[place].process.as_mut().expect("it runs").reactor.take(slot, &long_multi(1), at.now);
        ensemble.due[place] = ensemble.now;
        ensemble.pass(if leader_serves { 2 } else { 10 } * STEP);
        let others: Vec<usize> = (0..3).filter(|place| *place != leader).collect();
        for place in &others {
            let Ensemble { servers, network, draws, .. } = &mut ensemble;
            servers[*place].end_process(network, draws);
        }
        let leads = |ensemble: &Ensemble| matches!(ensemble.part(leader), Part::Leading { .. });
        while leads(&ensemble) {
            assert_eq!(ensemble.history(leader), before, "seed {seed}: the reign ends in the middle");
            ensemble.step();
        }
        ensemble.pass(SOON);
        assert_eq!(
            ensemble.history(leader),
            before.next().expect("there is room in the epoch"),
            "seed {seed}: it is finished"
        );
        others.iter().for_each(|place| ensemble.start(*place));
        ensemble.wait("all serve", Ensemble::all_serve);
        let place = ensemble.follower();
        let slot = ensemble.connect(place);
        let (told, _) = ensemble.ask(place, slot, &create(1, "/later"));
        assert!(matches!(told, Told::Reply { code: 0, .. }), "{told:?}");
        ensemble.pass(SOON);
        let zxid = ensemble.zxid(place);
        assert!((0..3).all(|place| ensemble.history(place).0 == zxid), "seed {seed}");
        // A leader that does not serve tells no figures.
        let counts: Vec<String> = (0..3).filter_map(|place| ensemble.figure(place, "zk_znode_count")).collect();
        assert!(counts.len() >= 2 && counts.iter().all(|count| *count == counts[0]), "seed {seed}: {counts:?}");
    }
}

#[test]
fn an_epoch_is_renewed_while_clients_are_served() {
    let mut ensemble = Ensemble::new(6, |setting| (setting.features, setting.renew_from) = (Some(FEATURES), 10));
    let leader = ensemble.leader();
    let epoch = |ensemble: &Ensemble| match ensemble.part(leader) {
        Part::Leading { epoch } => epoch.0,
        part => panic!("it is {part:?}"),
    };
    let periods = |ensemble: &Ensemble| {
        [0, 1, 2].map(|place| ensemble.servers[place].process.as_ref().expect("it runs").reactor.period())
    };
    let (begun, served) = (epoch(&ensemble), periods(&ensemble));
    let slots = [0, 1, 2].map(|place| ensemble.connect(place));
    for xid in 1..=40 {
        for (place, slot) in slots.into_iter().enumerate() {
            ensemble.ask(place, slot, &create(xid, &format!("/{place}-{xid}")));
        }
    }
    ensemble.wait("all have come to the same epoch", |ensemble| {
        let last = ensemble.zxid(leader);
        last >> 32 == epoch(ensemble) as i64 && (0..3).all(|place| ensemble.zxid(place) == last)
    });
    assert!(epoch(&ensemble) >= begun + 10, "from epoch {begun} to {}", epoch(&ensemble));
    assert_eq!(periods(&ensemble), served, "a connection was closed");
}

/// Learners are given up after longer than sessions live.
fn renewing(seed: u64) -> Ensemble {
    let mut ensemble = Ensemble::new(seed, |setting| {
        (setting.features, setting.renew_from, setting.sync_limit) = (Some(FEATURES), SHORT_EPOCH, 8);
    });
    assert!(Duration::from_millis(ensemble.setting.tick.0) * ensemble.setting.sync_limit > TIMEOUT + TIMEOUT / 2);
    ensemble.reports = true;
    ensemble
}

/// No learner is asked whom it hears between the epochs, and the server of one client is gone before the next one begins. That of
/// the other was gone before: its client can come back nowhere while nothing is ordered.
#[test]
fn sessions_outlive_a_renewal_that_waits_for_room() {
    for stays in [true, false] {
        let mut ensemble = renewing(10);
        let (leader, follower) = (ensemble.leader(), ensemble.follower());
        let other = (0..3).find(|place| ![leader, follower].contains(place)).unwrap();
        let (slot, session) = ensemble.begin_session(follower);
        let writer = ensemble.connect(other);
        ensemble.servers[leader].disk.set_space(0);
        ensemble.write_until_renewed(other, writer);
        if stays {
            ensemble.stay(follower, slot, TIMEOUT + TIMEOUT / 4);
        }
        let Ensemble { servers, network, draws, .. } = &mut ensemble;
        servers[follower].end_process(network, draws);
        if !stays {
            ensemble.pass(TIMEOUT + TIMEOUT / 4);
        }
        assert_eq!((ensemble.awaits(leader), ensemble.awaits(other)), ("WritingAccepted", "Broadcasting"));
        ensemble.servers[leader].disk.set_space(u64::MAX);
        ensemble.wait("the epoch is renewed", |ensemble| ensemble.awaits(leader) == "Broadcasting");
        ensemble.pass(TIMEOUT / 2);
        assert!(ensemble.lives(leader, session), "it was heard to the end: {stays}");
    }
}

/// It serves all the time, and is not asked whom it hears before it has promised the epoch.
#[test]
fn sessions_outlive_a_learner_that_has_no_room_for_the_next_epoch() {
    let mut ensemble = renewing(12);
    let (leader, late) = (ensemble.leader(), ensemble.follower());
    let (slot, session) = ensemble.begin_session(late);
    let writer = ensemble.connect(leader);
    ensemble.servers[late].disk.set_space(0);
    ensemble.write_until_renewed(leader, writer);
    assert_eq!((ensemble.awaits(leader), ensemble.awaits(late)), ("Broadcasting", "WritingAccepted"));
    ensemble.stay(late, slot, TIMEOUT + TIMEOUT / 4);
    assert_eq!(ensemble.serving(late), Serve::Yes);
    let Ensemble { servers, network, draws, .. } = &mut ensemble;
    servers[late].end_process(network, draws);
    ensemble.pass(TIMEOUT / 2);
    assert!(ensemble.lives(leader, session));
    ensemble.pass(2 * TIMEOUT);
    assert!(!ensemble.lives(leader, session), "its client is silent");
}

/// Otherwise nobody's session would end where epochs are short.
#[test]
fn a_short_renewal_leaves_sessions_what_is_left_of_their_time() {
    let mut ensemble = renewing(13);
    let leader = ensemble.leader();
    let (_, session) = ensemble.begin_session(leader);
    let writer = ensemble.connect(leader);
    ensemble.pass(TIMEOUT - Duration::from_secs(2));
    ensemble.write_until_renewed(leader, writer);
    let Part::Leading { epoch } = ensemble.part(leader) else { panic!("it leads") };
    assert_eq!(epoch.0, 2);
    ensemble.pass(TIMEOUT / 2);
    assert!(!ensemble.lives(leader, session));
}

/// What follows TRUNC on the link comes at once, and is taken when the history has been cut.
#[test]
fn a_leader_that_comes_back_with_what_nobody_has_stays_with_the_link_that_tells_it_to_cut() {
    let mut ensemble = Ensemble::new(6, |setting| setting.features = Some(Features::EXACT_TRUNC));
    let leader = ensemble.leader();
    let slot = ensemble.connect(leader);
    ensemble.ask(leader, slot, &create(1, "/a"));
    ensemble.cut_off(leader, true);
    let at = ensemble.clock.moment(ensemble.now);
    let process = ensemble.servers[leader].process.as_mut().expect("it runs");
    process.reactor.take(slot, &create(2, "/lost"), at.now);
    ensemble.due[leader] = ensemble.now;
    let follower = (0..3).find(|place| *place != leader).expect("there are three");
    let leads = |ensemble: &Ensemble, place: usize| matches!(ensemble.part(place), Part::Leading { .. });
    ensemble.wait("another leads", |ensemble| (0..3).any(|place| place != leader && leads(ensemble, place)));
    ensemble.wait("it serves", |ensemble| ensemble.serving(follower) == Serve::Yes);
    let slot = ensemble.connect(follower);
    for xid in 1..=5 {
        ensemble.ask(follower, slot, &create(xid, &format!("/b{xid}")));
    }
    ensemble.wait("it looks", |ensemble| ensemble.serving(leader) == Serve::No);
    (ensemble.slow, ensemble.due[leader]) = (Some(leader), ensemble.now);
    ensemble.cut_off(leader, false);
    let until = ensemble.now + PATIENCE;
    let mut states: Vec<&str> = Vec::new();
    while ensemble.serving(leader) != Serve::Yes {
        assert!(ensemble.now < until, "it serves within {PATIENCE:?}: {states:?}");
        ensemble.step();
        let awaits = ensemble.servers[leader].process.as_ref().expect("it runs").member.state().awaits;
        if states.last() != Some(&awaits) {
            states.push(awaits);
        }
    }
    let count = |wanted: &str| states.iter().filter(|state| **state == wanted).count();
    assert_eq!((count("Connecting"), count("AwaitingState")), (1, 0), "{states:?}");
    assert!(ensemble.zxid(leader) >= ensemble.zxid(follower));
}

#[test]
fn the_words_of_a_server_follow_its_part() {
    let mut ensemble = Ensemble::new(8, |setting| setting.read_only_mode = true);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    let figures = |ensemble: &Ensemble, place, keys: [&str; 4]| keys.map(|key| ensemble.figure(place, key));
    let value = |text: &str| Some(text.to_owned());
    ensemble.wait("both follow", |ensemble| ensemble.figure(leader, "zk_synced_followers") == value("2"));
    let keys = ["zk_server_state", "zk_peer_state", "zk_quorum_size", "zk_learners"];
    let expected = ["leader", "leading - broadcast", "3", "2"].map(value);
    assert_eq!(figures(&ensemble, leader, keys), expected);
    let expected = [value("follower"), value("following - broadcast"), value("3"), None];
    assert_eq!(figures(&ensemble, follower, keys), expected);
    assert!(ensemble.word(leader, "srvr").ends_with("Proposal sizes last/min/max: -1/-1/-1\n"));
    let slot = ensemble.connect(leader);
    ensemble.ask(leader, slot, &create(1, "/a"));
    let srvr = ensemble.word(leader, "srvr");
    let sizes = srvr.lines().last().and_then(|line| line.strip_prefix("Proposal sizes last/min/max: "));
    let sizes: Vec<u64> =
        sizes.expect("it leads").split('/').map(|size| size.parse().expect("there was a proposal")).collect();
    // A session, and then a znode.
    assert!(sizes[0] == sizes[2] && (1..sizes[0]).contains(&sizes[1]), "{sizes:?}");
    assert!(ensemble.word(follower, "srvr").contains("Mode: follower\n"));
    assert_eq!(ensemble.word(follower, "isro"), "rw");

    // Nobody follows a leader that is cut off: it serves nobody, then only readers, and then it is a follower.
    ensemble.cut_off(leader, true);
    ensemble.wait("it serves nobody", |ensemble| ensemble.word(leader, "isro") == "null");
    assert_eq!(ensemble.word(leader, "srvr"), "This ZooKeeper instance is not currently serving requests\n");
    ensemble.wait("it serves readers", |ensemble| ensemble.word(leader, "isro") == "ro");
    assert!(ensemble.word(leader, "srvr").contains("\nMode: read-only\n"));
    let keys = ["zk_server_state", "zk_peer_state", "zk_quorum_size", "zk_cnt_unavailable_time"];
    assert_eq!(figures(&ensemble, leader, keys), [value("read-only"), None, None, value("1")]);
    ensemble.cut_off(leader, false);
    ensemble.wait("it follows", |ensemble| ensemble.word(leader, "srvr").contains("\nMode: follower\n"));
    let expected = [value("follower"), value("following - broadcast"), value("3"), value("2")];
    assert_eq!(figures(&ensemble, leader, keys), expected);
    let successor = ensemble.leader();
    ensemble.wait("both follow", |ensemble| ensemble.figure(successor, "zk_synced_followers") == value("2"));
    // One whose process has ended is no learner.
    let Ensemble { servers, network, draws, .. } = &mut ensemble;
    servers[leader].end_process(network, draws);
    ensemble.wait("one is left", |ensemble| ensemble.figure(successor, "zk_learners") == value("1"));
    assert_eq!(ensemble.figure(successor, "zk_synced_followers"), value("1"));
}

thread_local! {
    /// What the servers of this thread's test have said to operators.
    static SAID: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ToThisTest;

impl io::Write for ToThisTest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SAID.with_borrow_mut(|said| said.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From here on what is said is kept. All tests have one subscriber, each with its own thread: with one of a thread alone
/// `tracing` would have lines of that thread passed over which another thread says first.
fn listen() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let lines = tracing_subscriber::fmt().without_time().with_target(false).with_ansi(false);
        lines.with_writer(|| ToThisTest).init();
    });
}

/// What was said since the last time.
fn take_said() -> String {
    String::from_utf8(SAID.take()).unwrap()
}

#[test]
fn operators_are_told_who_leads_who_is_missing_and_why_a_leader_is_looked_for() {
    listen();
    let mut ensemble = Ensemble::new(9, |_| {});
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    let other = (0..3).find(|place| ![leader, follower].contains(place)).unwrap();
    let id = |place: usize| place + 1;
    ensemble.wait("both follow", |ensemble| ensemble.figure(leader, "zk_synced_followers").as_deref() == Some("2"));
    let told = take_said();
    let count = |text: &str| told.matches(text).count();
    assert_eq!(count(" looks for a leader of 3 voters\n"), 3, "{told}");
    assert_eq!(count("INFO this server leads in epoch 1, followed by server "), 1, "{told}");
    let follows = format!("INFO this server follows server {} in epoch 1; it had no leader for ", id(leader));
    assert_eq!(count(&follows), 2, "{told}");
    assert_eq!(count("WARN"), 0, "{told}");

    let Ensemble { servers, network, draws, .. } = &mut ensemble;
    servers[follower].end_process(network, draws);
    ensemble.wait("one is left", |ensemble| ensemble.figure(leader, "zk_learners").as_deref() == Some("1"));
    let gone = format!("WARN server {} does not follow this leader any more; voters here: 2 of 3\n", id(follower));
    let told = take_said();
    assert_eq!(told.matches(&gone).count(), 1, "{told}");
    ensemble.start(follower);
    ensemble.wait("it serves", |ensemble| ensemble.serving(follower) == Serve::Yes);
    let told = take_said();
    let back = format!("INFO server {} follows this leader again, after ", id(follower));
    assert_eq!(told.matches(&back).count(), 1, "{told}");

    ensemble.cut_off(leader, true);
    ensemble.wait("another one leads", |ensemble| {
        ensemble.part(leader) == Part::Looking
            && [follower, other].iter().any(|place| matches!(ensemble.part(*place), Part::Leading { .. }))
    });
    ensemble.pass(Duration::from_secs(30));
    let told = take_said();
    let line = |text: &str| told.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {told}"));
    let lost = line("WARN this server looks for a leader: no quorum of 3 voters follows it any more; missing: ");
    assert!([follower, other].iter().all(|place| lost.contains(&format!("server {} (for ", id(*place)))), "{lost}");
    let silent = format!("nothing was heard of its leader, server {}, for 10000 ms\n", id(leader));
    assert_eq!(told.matches(&silent).count(), 2, "{told}");
    let lacks = line("WARN this server finds no leader for 1");
    assert!(lacks.contains(&format!("nothing is heard of server {} (for ", id(follower.min(other)))), "{lacks}");
    assert_eq!(told.matches("WARN this server finds no leader for ").count(), 2, "after 10 s and 20 s: {told}");
    let never = format!("WARN server {} does not follow this leader, which leads for 20000 ms or longer\n", id(leader));
    assert_eq!(told.matches(&never).count(), 1, "{told}");
}
