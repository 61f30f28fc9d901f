//! An ensemble under load, to which something happens once a round.
use crate::clients::{Reader, RoundsWriter, Servers, Tally};
use crate::load::Load;
use crate::logged;
use crate::state::State;
use paddock_history::{Event, History};
use paddock_tests::ensemble::Ensemble;
use paddock_tests::noted::{Clock, Noted};
use paddock_tests::random::Random;
use paddock_tests::request::Request;
use paddock_tests::rounds::judged::judge;
use paddock_tests::rounds::visitors::{Departure, Visitor, expect_departure};
use paddock_tests::rounds::writer::SHARED;
use paddock_tests::server::{DEADLINE, Kind, poll_until};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const WRITERS: usize = 12;
const READERS: usize = 3;
/// Acknowledgements when all servers serve again.
const ACKNOWLEDGED_AFTER: usize = 100;
/// How long visitors of a follower live at least after its end: what it had not told the leader of them counts for nothing.
const UNTOLD_LEAST: Duration = Duration::from_millis(1_500);

/// An ensemble with its clients, and all that they have seen.
pub struct Rounds {
    pub ensemble: Ensemble,
    addresses: Vec<SocketAddr>,
    /// The place of the present one.
    leader: usize,
    pub random: Random,
    clock: Clock,
    writers: Vec<RoundsWriter>,
    readers: Vec<Reader>,
    history: History,
}

/// Where something happens, while all clients write and read.
pub struct Scene<'r> {
    pub ensemble: &'r Ensemble,
    /// Its place.
    pub leader: usize,
    pub random: &'r mut Random,
    pub load: &'r Load,
    pub clock: Clock,
}

impl Rounds {
    /// With the choices that `random` makes.
    pub fn begin(ensemble: Ensemble, mut random: Random) -> Rounds {
        let (leader, addresses) = (ensemble.wait_for_leader(&ensemble.places()), ensemble.addresses());
        let clock = Clock::start();
        let mut history = History::default();
        let mut creator = Noted::connect(addresses[leader], 40_000, clock).expect("a new ensemble takes sessions");
        let reply = creator.call(&Request::create(SHARED, b"", 0)).expect("a new ensemble answers");
        assert_eq!(reply.err, 0, "{SHARED}");
        history.events.extend(creator.into_events());
        let writers = (0..WRITERS).map(|number| RoundsWriter::new(&addresses, number, random.word(), clock)).collect();
        let readers = (0..READERS).map(|number| Reader::new(&addresses, number, clock)).collect();
        Rounds { ensemble, addresses, leader, random, clock, writers, readers, history }
    }

    /// What all clients of these rounds tell the time by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Others have seen this.
    pub fn add(&mut self, events: impl IntoIterator<Item = Event>) {
        self.history.events.extend(events);
    }

    /// A session that does not come back, on one server or another.
    pub fn visitor(&mut self, number: usize) -> Visitor {
        let address = Servers::new(&self.addresses, number).current();
        Visitor::new(address, &mut self.random, self.clock)
    }

    /// All clients write and read, and rest so long after each answer; after so many acknowledgements something happens, which gives what was seen of it, and they
    /// go on until all servers serve again. Gives the time just before it.
    pub fn load(
        &mut self,
        (target, rest): (usize, Duration),
        visitors: &mut [Visitor],
        ends_reign: bool,
        strike: impl FnOnce(Scene<'_>) -> Vec<Event>,
    ) -> Instant {
        let Rounds { ensemble, leader, random, clock, writers, readers, history, .. } = self;
        let (load, stay) = (Load::of_patient_clients(rest), Load::default());
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
                let scene = Scene { ensemble, leader: *leader, random, load: &load, clock: *clock };
                history.events.extend(strike(scene));
                *leader = ensemble.wait_for_leader(&ensemble.places());
                load.wait_for(ACKNOWLEDGED_AFTER);
                load.end();
                times
            })
        });
        if ends_reign {
            visitors.iter_mut().for_each(|visitor| visitor.note_heard(heard));
        }
        struck
    }

    /// Waits until the ephemerals of visitors are gone, who were last heard just before this time.
    pub fn expect_departure(&mut self, visitors: Vec<Visitor>, since: Instant, ends_reign: bool) {
        if !visitors.is_empty() {
            let least = if ends_reign { Departure::after(since).least } else { UNTOLD_LEAST };
            let departure = Departure { since, least };
            let address = self.addresses[self.leader];
            self.history.events.extend(expect_departure(address, visitors, departure, self.clock));
        }
    }

    /// All servers show the same, and what they have committed is taken from a log.
    pub fn compare(&mut self) {
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

    /// How many connections the writers have lost.
    pub fn connections_lost(&self) -> usize {
        self.writers.iter().map(|writer| writer.tally.connections).sum()
    }

    /// Compares once more after an orderly stop of all, and has everything judged.
    pub fn end(mut self) -> Tally {
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
        eprintln!("{tally:?}");
        self.history.events.extend(self.writers.into_iter().flat_map(RoundsWriter::into_events));
        self.history.events.extend(self.readers.into_iter().flat_map(Reader::into_events));
        judge(&self.history, "ensemble");
        tally
    }
}
