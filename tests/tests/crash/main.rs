//! SIGKILL in the middle of everything, again and again: what was acknowledged is there, what was not is whole or absent.
//!
//! Every round, [`WRITERS`] clients write with many requests on their way, until a random number of acknowledgements has
//! been counted; the thread that counts the last one kills the server. It is started again (at times killed again while
//! it recovers), every session reattaches, and everything is read back and compared. Every few rounds some sessions do
//! not come back and their ephemerals must go.
//!
//! What every client has seen in all rounds is judged once more at the end, with the log (`paddock_history`).
//!
//! `PADDOCK_CRASH_ROUNDS` sets the number of rounds, `PADDOCK_CRASH_SEED` repeats the choices of a run.
mod logged;

use paddock_history::History;
use paddock_tests::client::ClientError;
use paddock_tests::noted::{Clock, Noted};
use paddock_tests::random::{Random, number_from_env};
use paddock_tests::records::Stat;
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::rounds::judged::judge;
use paddock_tests::rounds::visitors::{Departure, Visitor, expect_departure};
use paddock_tests::rounds::writer::{Fate, SHARED, Writer};
use paddock_tests::server::{Kind, Server, Setup, poll_until};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const DEFAULT_ROUNDS: usize = 200;
const WRITERS: usize = 20;
/// Acknowledgements before the kill, at most.
const ACKNOWLEDGED_MAX: usize = 4_000;
/// One round in this many has visitors.
const VISITORS_EVERY: usize = 20;
const VISITORS: usize = 3;
/// One round in this many is killed again while it recovers, this soon after its start at most.
const KILLED_AGAIN_ONE_IN: usize = 5;
const RECOVERY: Duration = Duration::from_millis(60);

/// Snapshots that are kept: with the log between them, so that it can be read once a round.
const SNAPSHOTS: &str = "20";

/// Short ticks, so that expiry is exact, and snapshots often, so that crashes meet them.
fn setup() -> Setup {
    Setup::new(Kind::under_test())
        .config("tickTime", "500")
        .config("maxSessionTimeout", "60000")
        .config("snapCount", "1000")
        .config("autopurge.snapRetainCount", SNAPSHOTS)
}

#[derive(Debug, Default)]
struct Totals {
    acknowledged: usize,
    executed: usize,
    lost: usize,
}

#[test]
fn acknowledged_writes_survive_and_others_are_whole_or_absent() {
    let (mut random, _) = Random::from_env("PADDOCK_CRASH_SEED");
    let rounds = number_from_env("PADDOCK_CRASH_ROUNDS", DEFAULT_ROUNDS);
    let server = setup().start();
    let clock = Clock::start();
    let mut history = History::default();
    let mut writers: Vec<Writer> = (0..WRITERS)
        .map(|number| Writer::new(server.address(), number, random.word(), clock).expect("a new server takes sessions"))
        .collect();
    create_shared(&server, clock, &mut history);
    let mut totals = Totals::default();
    for round in 1..=rounds {
        let mut visitors: Vec<Visitor> = match round % VISITORS_EVERY {
            0 => (0..VISITORS).map(|_| Visitor::new(server.address(), &mut random, clock)).collect(),
            _ => Vec::new(),
        };
        let most = if random.one_in(4) { WRITERS } else { ACKNOWLEDGED_MAX };
        let target = 1 + random.below(most);
        write_until_killed(&server, &mut writers, &mut visitors, target);
        if random.one_in(KILLED_AGAIN_ONE_IN) {
            server.spawn();
            let soon = RECOVERY.mul_f64(random.below(100) as f64 / 100.0);
            assert!(poll_until(soon, || server.exit_status()).is_none(), "it ended by itself: {}", server.log_tail());
            server.kill();
        }
        let spawned = Instant::now();
        visitors.iter_mut().for_each(|visitor| visitor.note_heard(clock.now()));
        server.spawn();
        server.wait_until_serving();
        take_log(&server, &mut history);
        compare(&server, &mut writers, &mut totals, clock, &mut history);
        if !visitors.is_empty() {
            let departure = Departure::after(spawned);
            history.events.extend(expect_departure(server.address(), visitors, departure, clock));
        }
    }
    eprintln!("{rounds} rounds: {totals:?}");
    assert!(totals.acknowledged > 0, "nothing was ever acknowledged");
    stop_in_peace(server, &mut writers, &mut history);
    history.events.extend(writers.into_iter().flat_map(Writer::into_events));
    judge(&history, "crash");
}

/// Adds to the history what the log has got since the last time. A ZooKeeper's is not read.
fn take_log(server: &Server, history: &mut History) {
    if Kind::under_test() == Kind::Paddock {
        logged::extend(history, &server.data_dir(), None).unwrap_or_else(|lack| panic!("{lack}"));
    }
}

/// All writers write; the acknowledgement number `target` kills the server.
fn write_until_killed(server: &Server, writers: &mut [Writer], visitors: &mut [Visitor], target: usize) {
    let acknowledged = AtomicUsize::new(0);
    let dying = AtomicBool::new(false);
    let killer = server.killer();
    let count = || {
        if acknowledged.fetch_add(1, Ordering::Relaxed) + 1 == target {
            dying.store(true, Ordering::SeqCst);
            killer.kill();
        }
    };
    let over = || assert!(dying.load(Ordering::SeqCst), "the server closed a connection and was not being killed");
    std::thread::scope(|scope| {
        for writer in writers {
            scope.spawn(|| {
                let ended = writer.write(|| true, count);
                assert!(matches!(ended, Err(ClientError::Closed)), "{}: {ended:?}", writer.home);
                over();
            });
        }
        for visitor in visitors {
            scope.spawn(|| {
                visitor.stay(|| true);
                over();
            });
        }
    });
}

/// Reattaches everybody and compares all that is there with all that was answered.
fn compare(server: &Server, writers: &mut [Writer], totals: &mut Totals, clock: Clock, history: &mut History) {
    let (data, stat) = read_shared(server, clock, history);
    compare_shared(writers, &data, stat);
    let fates: Vec<Fate> = writers.iter_mut().map(|writer| recover(writer, server)).collect();
    let mut zxids = HashSet::new();
    let told = writers.iter().flat_map(|writer| &writer.zxids);
    for zxid in told.chain(fates.iter().flat_map(|fate| &fate.zxids)) {
        assert!(zxids.insert(*zxid), "zxid {zxid} was given to two transactions");
    }
    totals.acknowledged += writers.iter().map(|writer| writer.zxids.len()).sum::<usize>();
    totals.executed += fates.iter().map(|fate| fate.executed).sum::<usize>();
    totals.lost += fates.iter().map(|fate| fate.lost).sum::<usize>();
}

fn recover(writer: &mut Writer, server: &Server) -> Fate {
    writer.recover(server.address()).unwrap_or_else(|error| panic!("{}: {error}", writer.home))
}

/// The shared znode has the last acknowledged set, or a later one that was on its way.
fn compare_shared(writers: &[Writer], data: &[u8], stat: Stat) {
    for set in writers.iter().flat_map(|writer| &writer.shared_sets) {
        let (version, zxid) = (set.version, set.zxid);
        assert!(version <= stat.version && zxid <= stat.mzxid, "version {version} of {SHARED} was undone: {stat:?}");
        if version == stat.version {
            assert_eq!((zxid, set.data.as_slice()), (stat.mzxid, data), "version {version} of {SHARED}");
        }
    }
    let newest = writers.iter().flat_map(|writer| &writer.shared_sets).map(|set| set.version).max();
    let on_their_way: usize = writers.iter().map(Writer::shared_sets_on_their_way).sum();
    if let Some(newest) = newest.filter(|&newest| newest < stat.version) {
        let more = usize::try_from(stat.version - newest).expect("not negative");
        assert!(more <= on_their_way, "version {} of {SHARED} after {newest}", stat.version);
        assert!(writers.iter().any(|writer| writer.may_have_set_shared(data)), "nobody wrote this to {SHARED}");
    }
}

fn create_shared(server: &Server, clock: Clock, history: &mut History) {
    let mut client = Noted::connect(server.address(), 40_000, clock).expect("a new server takes sessions");
    let reply = client.call(&Request::create(SHARED, b"", 0)).expect("a new server answers");
    assert_eq!(reply.err, 0, "{SHARED}");
    history.events.extend(client.into_events());
}

fn read_shared(server: &Server, clock: Clock, history: &mut History) -> (Vec<u8>, Stat) {
    let mut client =
        Noted::connect(server.address(), 40_000, clock).unwrap_or_else(|error| panic!("a reader: {error}"));
    let answer = client.call(&Request::get_data(SHARED, false)).map(|reply| reply.body);
    history.events.extend(client.into_events());
    match answer {
        Ok(Body::Data(Some(data), stat)) => (data, stat),
        other => panic!("{SHARED}: {other:?}"),
    }
}

/// The same comparison after an orderly stop.
fn stop_in_peace(mut server: Server, writers: &mut [Writer], history: &mut History) {
    server.terminate_in_peace();
    server.restart();
    take_log(&server, history);
    for writer in writers {
        let fate = recover(writer, &server);
        assert_eq!((fate.executed, fate.lost), (0, 0));
    }
}
