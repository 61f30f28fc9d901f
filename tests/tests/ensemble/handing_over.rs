//! The leader ends in order while a follower stands still. No session of the other servers expires, nothing that was acknowledged is
//! lost, and there is one election.
//!
//! Of five servers the others are a quorum without both, and the leader does not wait for who stands still. Of three servers nobody can
//! go on before that one does: the leader gives it the time that it has.
//!
//! How long nothing was acknowledged by the others is told, and never fails.
use crate::alone;
use crate::load::Load;
use crate::restarts::{epoch, setup};
use crate::rounds::{Rounds, Scene};
use crate::setter::{Acks, Setter};
use paddock_history::Event;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::noted::Clock;
use paddock_tests::random::Random;
use std::net::SocketAddr;
use std::time::Duration;

/// Sessions of the servers that stay. None of them tries another one, which might be silent.
const SETTERS: usize = 6;
const SESSION_MS: i32 = 10_000;
/// How long a client rests after each answer.
const REST: Duration = Duration::from_millis(10);
/// Acknowledgements before each time.
const ACKNOWLEDGED: usize = 200;
/// How often a leader ends.
const ROUNDS: usize = 3;

#[test]
fn of_five_servers_a_leader_ends_beside_one_that_stands_still() {
    alone(|| run(5));
}

#[test]
fn of_three_servers_a_leader_ends_beside_one_that_stands_still() {
    alone(|| run(3));
}

fn run(servers: usize) {
    let (random, _) = Random::from_env("PADDOCK_ENSEMBLE_SEED");
    let mut all = Rounds::begin(Ensemble::start(setup(), servers), random);
    for number in 1..=ROUNDS {
        all.load((ACKNOWLEDGED, REST), &mut [], true, |scene| strike(scene, number));
        all.compare();
    }
    let tally = all.end();
    assert!(tally.connections > 0, "no writer ever lost its connection");
}

/// Who ends, who stands still, and who stays.
struct Standstill<'r> {
    ensemble: &'r Ensemble,
    load: &'r Load,
    clock: Clock,
    leader: usize,
    still: usize,
    others: Vec<usize>,
}

/// What it has cost, from SIGTERM on.
#[derive(Debug)]
#[expect(dead_code, reason = "for the words that are told")]
struct Times {
    /// The longest time in which nothing was acknowledged.
    silence: Duration,
    leader_gone: Duration,
    /// Until the other server went on.
    resumed: Duration,
}

fn strike(scene: Scene<'_>, number: usize) -> Vec<Event> {
    let Scene { ensemble, leader, random, load, clock } = scene;
    let count = ensemble.places().len();
    let still = (leader + 1 + random.below(count - 1)) % count;
    let others = ensemble.places().into_iter().filter(|place| ![leader, still].contains(place)).collect();
    let standstill = Standstill { ensemble, load, clock, leader, still, others };
    let mut setters = standstill.setters();
    let (acks, setting) = (Acks::default(), Load::default());
    std::thread::scope(|scope| {
        for setter in &mut setters {
            scope.spawn(|| load.share(|| setter.set(|| setting.goes_on(), load, &acks)));
        }
        load.share(|| {
            load.wait_for(ACKNOWLEDGED);
            let times = standstill.hand_over(&acks);
            setting.end();
            eprintln!("round {number} of {count} servers: {times:?}");
        });
    });
    setters.into_iter().flat_map(|setter| setter.close(load)).collect()
}

impl Standstill<'_> {
    fn setters(&self) -> Vec<Setter> {
        let addresses: Vec<SocketAddr> =
            self.others.iter().map(|&place| self.ensemble.server(place).address()).collect();
        (0..SETTERS).map(|first| Setter::new(&addresses, first, SESSION_MS, self.clock)).collect()
    }

    fn hand_over(&self, acks: &Acks) -> Times {
        let &Standstill { ensemble, load, clock, leader, still, .. } = self;
        let before = epoch(ensemble, leader);
        ensemble.server(still).pause();
        let begin = clock.now();
        ensemble.server(leader).terminate_in_peace();
        let ended = clock.now();
        if self.others.len() > ensemble.places().len() / 2 {
            ensemble.wait_for_leader(&self.others);
            acks.first_after(clock.now(), load);
        }
        let resumed = clock.now();
        ensemble.server(still).resume();
        ensemble.wait_for_leader(&[&self.others[..], &[still]].concat());
        let end = acks.first_after(clock.now(), load).acknowledged;
        ensemble.server(leader).spawn();
        let last = ensemble.wait_for_leader(&ensemble.places());
        assert_eq!(epoch(ensemble, last) - before, 1, "there is one election");
        let since = |time: u64| Duration::from_nanos(time - begin);
        Times { silence: acks.silence(begin, end), leader_gone: since(ended), resumed: since(resumed) }
    }
}
