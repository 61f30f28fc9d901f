//! Servers of an ensemble die, end or stand still in the middle of everything, again and again: what was acknowledged is
//! there, what was not is whole or absent, and all servers show the same.
//!
//! Every round, [`WRITERS`] clients on all servers write with many requests on their way, until a random number of
//! acknowledgements has been counted; then a [`Fault`] comes. A client that loses its connection goes on with its session on
//! another server at once, after it has compared all that it wrote with what it finds there. When all servers run again, all
//! clients compare, and what the servers show is compared. In some rounds there are sessions that do not come back, and
//! their ephemerals must go.
//!
//! What every client has seen in all rounds is judged once more at the end, with the log (`paddock_history`).
//!
//! ZooKeeper (`PADDOCK_TEST_SERVER=zookeeper`) fails this where a leader stands still: when it goes on it answers a sync before
//! it has learnt that others have another leader, and what is read behind the sync is stale.
//!
//! `PADDOCK_ENSEMBLE_ROUNDS` sets the number of rounds, `PADDOCK_ENSEMBLE_SEED` repeats the choices of a run.
mod clients;
mod fault;
mod load;
#[path = "../crash/logged.rs"]
mod logged;
mod state;

use clients::{Reader, RoundsWriter, Servers, Tally};
use fault::{Fault, Faults};
use load::Load;
use paddock_history::History;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::noted::{Clock, Noted};
use paddock_tests::random::{Random, number_from_env};
use paddock_tests::request::Request;
use paddock_tests::rounds::judged::judge;
use paddock_tests::rounds::visitors::{Departure, Visitor, expect_departure};
use paddock_tests::rounds::writer::SHARED;
use paddock_tests::server::{DEADLINE, Kind, Setup, poll_until};
use state::State;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const DEFAULT_ROUNDS: usize = 30;
/// One round in this many is one of five servers.
const FIVE_ONE_IN: usize = 6;
const WRITERS: usize = 12;
const READERS: usize = 3;
/// Acknowledgements before the fault, at most, and after it, when all servers serve again.
const ACKNOWLEDGED_MAX: usize = 1_500;
const ACKNOWLEDGED_AFTER: usize = 100;
/// One round in this many has visitors, besides those in which followers lose their disks.
const VISITORS_EVERY: usize = 6;
const VISITORS: usize = 3;
/// How long visitors of a follower live at least after its end: what it had not told the leader of them counts for nothing.
const UNTOLD_LEAST: Duration = Duration::from_millis(1_500);
/// Snapshots that are kept: with the log between them, so that it can be read once a round.
const SNAPSHOTS: &str = "20";

/// One ensemble at a time, so that there is a core for each that needs one.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn what_three_servers_acknowledge_survives_whatever_becomes_of_them() {
    let all = number_from_env("PADDOCK_ENSEMBLE_ROUNDS", DEFAULT_ROUNDS);
    Rounds::run(3, all - all / FIVE_ONE_IN);
}

#[test]
fn what_five_servers_acknowledge_survives_whatever_becomes_of_them() {
    Rounds::run(5, number_from_env("PADDOCK_ENSEMBLE_ROUNDS", DEFAULT_ROUNDS) / FIVE_ONE_IN);
}

/// Short ticks, so that a leader that stands still is missed soon, with limits that a busy machine meets; and snapshots
/// often, so that crashes meet them. A server that has lost its data does not vote before it has been sent it.
fn setup() -> Setup {
    Setup::new(Kind::under_test())
        .config("tickTime", "200")
        .config("initLimit", "50")
        .config("syncLimit", "15")
        .config("maxSessionTimeout", "60000")
        .config("db.autocreate", "false")
        .config("snapCount", "1000")
        .config("autopurge.snapRetainCount", SNAPSHOTS)
}

/// An ensemble with its clients, and all that they have seen.
struct Rounds {
    ensemble: Ensemble,
    addresses: Vec<SocketAddr>,
    /// The place of the present one.
    leader: usize,
    random: Random,
    clock: Clock,
    writers: Vec<RoundsWriter>,
    readers: Vec<Reader>,
    history: History,
    to_come: Faults,
    /// How often each fault has come.
    had: BTreeMap<Fault, usize>,
}

impl Rounds {
    fn run(servers: usize, rounds: usize) {
        let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut all = Rounds::begin(servers);
        for round in 1..=rounds {
            all.round(round);
        }
        all.end(rounds);
    }

    fn begin(servers: usize) -> Rounds {
        let (mut random, _) = Random::from_env("PADDOCK_ENSEMBLE_SEED");
        let ensemble = Ensemble::start(setup(), servers);
        let (leader, addresses) = (ensemble.wait_for_leader(&ensemble.places()), ensemble.addresses());
        let clock = Clock::start();
        let mut history = History::default();
        let mut creator = Noted::connect(addresses[leader], 40_000, clock).expect("a new ensemble takes sessions");
        let reply = creator.call(&Request::create(SHARED, b"", 0)).expect("a new ensemble answers");
        assert_eq!(reply.err, 0, "{SHARED}");
        history.events.extend(creator.into_events());
        let writers = (0..WRITERS).map(|number| RoundsWriter::new(&addresses, number, random.word(), clock)).collect();
        let readers = (0..READERS).map(|number| Reader::new(&addresses, number, clock)).collect();
        Rounds {
            ensemble,
            addresses,
            leader,
            random,
            clock,
            writers,
            readers,
            history,
            to_come: Faults::default(),
            had: BTreeMap::new(),
        }
    }

    fn round(&mut self, round: usize) {
        let fault = self.to_come.next(&mut self.random);
        *self.had.entry(fault).or_default() += 1;
        // Who is brought a whole state has to know whose the ephemerals in it are.
        let has_visitors = round.is_multiple_of(VISITORS_EVERY) || fault == Fault::FollowersWiped;
        let visitors = if has_visitors { VISITORS } else { 0 };
        let mut visitors: Vec<Visitor> = (0..visitors).map(|number| self.visitor(number)).collect();
        let began = Instant::now();
        let struck = self.load(fault, &mut visitors);
        if !visitors.is_empty() {
            let least = if fault.ends_reign() { Departure::after(struck).least } else { UNTOLD_LEAST };
            let departure = Departure { since: struck, least };
            let address = self.addresses[self.leader];
            self.history.events.extend(expect_departure(address, visitors, departure, self.clock));
        }
        self.compare();
        eprintln!("round {round}: {fault:?}, {:?}", began.elapsed());
    }

    fn visitor(&mut self, number: usize) -> Visitor {
        let address = Servers::new(&self.addresses, number).current();
        Visitor::new(address, &mut self.random, self.clock)
    }

    /// All clients write and read, in the middle of that comes the fault, and they go on until all servers serve again. Gives
    /// the time just before the fault.
    fn load(&mut self, fault: Fault, visitors: &mut [Visitor]) -> Instant {
        let Rounds { ensemble, leader, random, clock, writers, readers, history, .. } = self;
        let target = 1 + random.below(ACKNOWLEDGED_MAX);
        let (load, stay) = (Load::default(), Load::default());
        let (struck, heard) = std::thread::scope(|scope| {
            for writer in writers {
                scope.spawn(|| load.share(|| writer.write(&load)));
            }
            for reader in readers {
                scope.spawn(|| load.share(|| reader.read(&load)));
            }
            for visitor in visitors.iter_mut() {
                scope.spawn(|| load.share(|| visitor.stay(|| stay.goes_on() && !load.has_failed())));
            }
            load.share(|| {
                load.wait_for(target);
                let times = (Instant::now(), clock.now());
                stay.end();
                let seen = fault.strike(ensemble, *leader, random, &load, *clock);
                history.events.extend(seen);
                *leader = ensemble.wait_for_leader(&ensemble.places());
                load.wait_for(ACKNOWLEDGED_AFTER);
                load.end();
                times
            })
        });
        if fault.ends_reign() {
            visitors.iter_mut().for_each(|visitor| visitor.note_heard(heard));
        }
        struck
    }

    /// All servers show the same, and what they have committed is taken from a log.
    fn compare(&mut self) {
        let events = &mut self.history.events;
        let mut states = self.addresses.iter().map(|&address| State::read(address, self.clock, events));
        let first = states.next().expect("an ensemble has servers");
        let zxid = states.fold(first.zxid, |zxid, state| {
            first.assert_equal(&state);
            zxid.max(state.zxid)
        });
        self.take_log(zxid);
    }

    /// Adds to the history what was committed since the last time. A server that was sent a whole state lacks what was before,
    /// and one may show what its own disk does not have yet. A ZooKeeper's log is not read.
    fn take_log(&mut self, zxid: i64) {
        if Kind::under_test() == Kind::ZooKeeper {
            return;
        }
        let mut lacks = Vec::new();
        let taken = poll_until(DEADLINE, || {
            lacks.clear();
            std::iter::once(self.leader).chain(self.ensemble.places()).find_map(|place| {
                let data_dir = self.ensemble.server(place).data_dir();
                logged::extend(&mut self.history, &data_dir, Some(zxid)).map_err(|lack| lacks.push(lack)).ok()
            })
        });
        assert!(taken.is_some(), "no server has the whole log: {lacks:#?}");
    }

    /// Compares once more after an orderly stop of all, and has everything judged.
    fn end(mut self, rounds: usize) {
        for place in self.ensemble.places() {
            self.ensemble.server(place).terminate_in_peace();
        }
        for place in self.ensemble.places() {
            self.ensemble.server(place).spawn();
        }
        self.leader = self.ensemble.wait_for_leader(&self.ensemble.places());
        let nobody_asks = Load::default();
        nobody_asks.end();
        self.writers.iter_mut().for_each(|writer| writer.write(&nobody_asks));
        self.compare();
        self.ensemble.assert_no_errors();
        let tally = self.writers.iter().fold(Tally::default(), |sum, writer| sum.plus(&writer.tally));
        eprintln!("{rounds} rounds: {:?}", self.had);
        eprintln!("{tally:?}");
        assert!(rounds == 0 || tally.connections > 0, "no writer ever lost its connection");
        self.history.events.extend(self.writers.into_iter().flat_map(RoundsWriter::into_events));
        self.history.events.extend(self.readers.into_iter().flat_map(Reader::into_events));
        judge(&self.history, "ensemble");
    }
}
