//! Rounds in which servers are cut off from each other, or the leader stands still.
//!
//! Besides all that every round is judged by: where a quorum hears each other, a write is acknowledged within [`BOUND`] after a
//! partition has begun, and has ended; no session is lost that finds a server within its timeout; and when another leader has
//! acknowledged something, a sync that the former one is asked for afterwards, on a connection from before, is never confirmed.
//! Where the former one has writes on their way that nobody will commit, the sync waits for them; so one partition begins when
//! there are none, and nobody but those who ask for a sync asks the former leader anything.
use crate::clients::{Reader, may_end};
use crate::figures::{Figures, Times};
use crate::load::Load;
use crate::partition::{PARTITIONS, Partition, Plan};
use crate::rounds::{Rounds, Scene};
use crate::setter::{Acks, Setter};
use crate::to_come::ToCome;
use paddock_history::{Event, Operation};
use paddock_tests::ensemble::Ensemble;
use paddock_tests::random::Random;
use paddock_tests::rounds::visitors::Visitor;
use paddock_tests::server::{Kind, Setup, poll_until};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// syncLimit x tickTime.
const LIMIT: Duration = Duration::from_millis(1_200);
/// Within this time there must be service again.
const BOUND: Duration = Duration::from_millis(LIMIT.as_millis() as u64 + 1_000);
/// Of the sessions that go on with whatever server there is.
const SESSION: Duration = Duration::from_millis(3_000);
/// Of the sessions that stay with one server, which may be cut off for long.
const STAYING_MS: i32 = 40_000;
/// Sessions that go on with whatever server there is.
const SETTERS: usize = 3;
/// Readers that ask a former leader when there is another one.
const LATE: usize = 3;
const FLAP: Duration = Duration::from_secs(1);
const FLAPS: usize = 3;
/// How long a client rests after each answer: a partition lasts for seconds, and all that is seen is kept.
const REST: Duration = Duration::from_millis(5);
/// Acknowledgements before a partition, at most.
const ACKNOWLEDGED_MAX: usize = 600;
/// Acknowledgements that another leader's clients are given, at most, before the former one is back.
const MEANWHILE_MAX: usize = 300;
/// One round in this many has visitors.
const VISITORS_EVERY: usize = 6;
const VISITORS: usize = 3;
/// Of one ensemble: what its clients have seen is kept to its end.
const ROUNDS_MAX: usize = 20;

/// Snapshots often, but not so often that the log between those that are kept is less than that of a round.
fn setup() -> Setup {
    Setup::new(Kind::under_test())
        .config("tickTime", "100")
        .config("initLimit", "100")
        .config("syncLimit", "12")
        .config("maxSessionTimeout", "60000")
        .config("snapCount", "20000")
        .config("autopurge.snapRetainCount", "20")
}

pub fn run(voters: usize, observers: usize, rounds: usize) {
    let (mut random, _) = Random::from_env("PADDOCK_ENSEMBLE_SEED");
    let mut figures = Figures::default();
    let mut to_come: Option<ToCome<Partition>> = None;
    for first in (0..rounds).step_by(ROUNDS_MAX) {
        let ensemble = Ensemble::start_apart(setup(), voters, observers);
        let possible = || PARTITIONS.into_iter().filter(|one| one.is_possible(&ensemble)).collect::<Vec<_>>();
        let to_come = to_come.get_or_insert_with(|| ToCome::of(&possible()));
        let mut all = Rounds::begin(ensemble, Random::new(random.word()));
        for number in first + 1..=rounds.min(first + ROUNDS_MAX) {
            let partition = to_come.next(&mut all.random);
            round(&mut all, number, partition, &mut figures);
        }
        all.end();
        eprintln!("{figures}");
    }
}

fn round(all: &mut Rounds, number: usize, partition: Partition, figures: &mut Figures) {
    let count = if number.is_multiple_of(VISITORS_EVERY) { VISITORS } else { 0 };
    let mut visitors: Vec<Visitor> = (0..count).map(|number| all.visitor(number)).collect();
    let began = Instant::now();
    let target = 1 + all.random.below(ACKNOWLEDGED_MAX);
    let ends_reign = partition.ends_reign();
    let mut measured = None;
    let struck = all.load((target, REST), &mut visitors, ends_reign, |scene| {
        let (times, events) = strike(partition, scene);
        measured = Some(times);
        events
    });
    all.expect_departure(visitors, struck, ends_reign);
    all.compare();
    let times = measured.expect("it has happened");
    eprintln!("round {number}: {partition:?}, {:?}: {times:?}", began.elapsed());
    for (what, time) in [("begun", times.begun), ("ended", times.ended), ("lasted", times.silence)] {
        assert!(time <= BOUND, "nothing was acknowledged for {time:?} when {partition:?} had {what}");
    }
    figures.add(partition, times);
}

/// Lets it happen, with clients of its own. Gives what was measured and seen.
fn strike(partition: Partition, scene: Scene<'_>) -> (Times, Vec<Event>) {
    let (load, clock) = (scene.load, scene.clock);
    let addresses = scene.ensemble.addresses();
    let staying = addresses.iter().map(|&address| Setter::new(&[address], 0, STAYING_MS, clock));
    let timeout_ms = i32::try_from(SESSION.as_millis()).expect("some seconds");
    let moving = (0..SETTERS).map(|number| Setter::new(&addresses, number, timeout_ms, clock));
    let mut setters: Vec<Setter> = staying.chain(moving).collect();
    let (acks, setting) = (Acks::default(), Load::default());
    let (times, mut events) = std::thread::scope(|scope| {
        for setter in &mut setters {
            scope.spawn(|| load.share(|| setter.set(|| setting.goes_on(), load, &acks)));
        }
        load.share(|| {
            let happened = happen(partition, scene, &acks);
            setting.end();
            happened
        })
    });
    events.extend(setters.into_iter().flat_map(|setter| setter.close(load)));
    (times, events)
}

/// From before the partition until all servers serve after it.
fn happen(partition: Partition, scene: Scene<'_>, acks: &Acks) -> (Times, Vec<Event>) {
    let Scene { ensemble, leader, random, load, clock } = scene;
    let meanwhile = 1 + random.below(MEANWHILE_MAX);
    let before_its_end = LIMIT.mul_f64(random.below(100) as f64 / 100.0);
    let plan = partition.plan(ensemble, leader, random);
    let mut late: Vec<Reader> =
        (0..LATE).map(|_| Reader::new(&[ensemble.server(leader).address()], 0, clock)).collect();
    let is_quiet = partition == Partition::LeaderForsaken;
    let serving: Vec<SocketAddr> = plan.serving.iter().map(|&place| ensemble.server(place).address()).collect();
    let mut alone = Setter::new(&serving, 0, STAYING_MS, clock);
    if is_quiet {
        quieten(ensemble, leader, load);
    }
    let begin = clock.now();
    apply(partition, &plan, ensemble, leader);
    let cut = clock.now();
    if partition == Partition::Flapping {
        flap(&plan, ensemble, load);
    }
    if is_quiet {
        alone.set(|| !acks.has_after(cut), &Load::default(), acks);
    }
    let first = acks.first_after(cut, load);
    let others_lead = clock.now();
    let ends_reign = !plan.serving.contains(&leader) && partition != Partition::Flapping;
    if ends_reign {
        late.iter_mut().for_each(ask);
        if is_quiet {
            late.iter_mut().for_each(hear);
            load.hold(false);
        }
        ensemble.wait_for_leader(&plan.serving);
        load.wait_for(meanwhile);
        pass(before_its_end, load);
    }
    match partition {
        Partition::LeaderPaused => pass(2 * SESSION, load),
        Partition::Flapping => {}
        _ if ends_reign => {}
        _ => pass(LIMIT + LIMIT / 2, load),
    }
    end(partition, ensemble, leader);
    let healed = clock.now();
    let after = acks.first_after(healed, load);
    ensemble.wait_for_leader(&ensemble.places());
    let whole = clock.now();
    let times = Times {
        begun: Duration::from_nanos(first.acknowledged - cut),
        ended: Duration::from_nanos(after.acknowledged - healed),
        silence: acks.silence(begin, whole),
        whole: Duration::from_nanos(whole - healed),
    };
    if ends_reign && !is_quiet {
        late.iter_mut().for_each(hear);
    }
    let events = late.into_iter().flat_map(Reader::into_events).chain(alone.close(&Load::default()));
    let events: Vec<Event> = events.collect();
    let confirmed = events.iter().find(|event| event.from >= others_lead && is_confirmed_sync(event));
    assert!(!ends_reign || confirmed.is_none(), "a former leader has confirmed a sync: {confirmed:?}");
    (times, events)
}

/// Waits until nobody asks for anything, and the leader has nothing on its way.
fn quieten(ensemble: &Ensemble, leader: usize, load: &Load) {
    load.hold(true);
    let is_quiet = || ensemble.server(leader).told("Outstanding").is_some_and(|count| count == "0").then_some(());
    assert!(poll_until(LIMIT, is_quiet).is_some(), "the leader has requests on their way that end never");
}

fn apply(partition: Partition, plan: &Plan, ensemble: &Ensemble, leader: usize) {
    match partition {
        Partition::LeaderPaused => ensemble.server(leader).pause(),
        _ => ensemble.network().cut(&plan.cuts),
    }
}

fn end(partition: Partition, ensemble: &Ensemble, leader: usize) {
    match partition {
        Partition::LeaderPaused => ensemble.server(leader).resume(),
        _ => ensemble.network().heal(),
    }
}

/// What is cut at first is whole and is cut by turns.
fn flap(plan: &Plan, ensemble: &Ensemble, load: &Load) {
    for _ in 1..FLAPS {
        pass(FLAP, load);
        ensemble.network().heal();
        pass(FLAP, load);
        ensemble.network().cut(&plan.cuts);
    }
    pass(FLAP, load);
}

/// Lets so much time pass, unless a client fails.
fn pass(time: Duration, load: &Load) {
    let failed = poll_until(time, || load.has_failed().then_some(()));
    assert!(failed.is_none(), "a client has failed");
}

/// Where the former leader has seen that it is none, the connection is gone.
fn ask(late: &mut Reader) {
    if let Err(error) = late.ask() {
        assert!(may_end(&error), "a reader who asked late: {error}");
    }
}

fn hear(late: &mut Reader) {
    if let Err(error) = late.hear() {
        assert!(may_end(&error), "a reader who asked late: {error}");
    }
}

fn is_confirmed_sync(event: &Event) -> bool {
    matches!(event.operation(), Some(Operation::Sync { .. })) && event.reply().is_some_and(|reply| reply.code == 0)
}
