//! A rolling restart: one server after the other ends in order and is started again, while 1,000 sessions go on with whatever
//! server there is and clients write with many requests on their way. No session expires, nothing that was acknowledged is lost,
//! and there is one election at most for each restart, and none for a follower's.
//!
//! How long nothing was acknowledged is told, and never fails.
use crate::crowd::Crowd;
use crate::rounds::{Rounds, Scene};
use paddock_tests::ensemble::Ensemble;
use paddock_tests::random::Random;
use paddock_tests::server::{Kind, Setup};
use std::fmt;
use std::time::Duration;

const SESSIONS: usize = 1_000;
/// How long a client with many requests on their way rests after each answer.
const REST: Duration = Duration::from_millis(25);
/// Acknowledgements before each restart.
const ACKNOWLEDGED: usize = 200;

/// Ticks by which no server is missed that a busy machine keeps waiting.
pub fn setup() -> Setup {
    Setup::new(Kind::under_test())
        .config("tickTime", "1000")
        .config("initLimit", "20")
        .config("syncLimit", "10")
        .config("maxSessionTimeout", "60000")
        .config("snapCount", "20000")
        .config("autopurge.snapRetainCount", "20")
}

/// What one restart has cost.
#[derive(Debug, Clone, Copy)]
struct Restart {
    of_leader: bool,
    elections: i64,
    /// From SIGTERM until the process was gone.
    stop: Duration,
    /// From SIGTERM until all servers served, the one that was restarted too.
    whole: Duration,
    /// From SIGTERM until the last session was taken by another server.
    sessions_back: Duration,
    /// The longest time in which no session's write was acknowledged.
    stall: Duration,
    /// The longest time that one session's write waited.
    wait: Duration,
}

/// Restarts each of three servers so often.
pub fn run(rounds: usize) {
    let (random, _) = Random::from_env("PADDOCK_ENSEMBLE_SEED");
    let ensemble = Ensemble::start(setup(), 3);
    let addresses = ensemble.addresses();
    let mut all = Rounds::begin(ensemble, random);
    let crowd = Crowd::new(all.clock());
    let mut restarts = Vec::new();
    std::thread::scope(|scope| {
        let members = crowd.members(&addresses, SESSIONS);
        let members: Vec<_> = members.into_iter().map(|member| scope.spawn(|| member.stay())).collect();
        let end = End(&crowd);
        for number in 1..=rounds {
            crowd.go_on();
            all.load((ACKNOWLEDGED, REST), &mut [], true, |scene| {
                for place in scene.ensemble.places() {
                    let restart = restart(&scene, place, &crowd);
                    eprintln!("round {number}, place {place}: {restart:?}");
                    restarts.push(restart);
                }
                Vec::new()
            });
            crowd.hold();
            all.compare();
        }
        drop(end);
        all.add(members.into_iter().flat_map(|member| member.join().expect("a session does not panic")));
    });
    eprintln!("{}", Table(&restarts));
    let tally = all.end();
    assert_eq!(crowd.expired(), 0, "sessions have expired");
    assert!(rounds == 0 || tally.connections > 0, "no writer ever lost its connection");
}

/// Sends the sessions home when it goes, also when a restart fails, so that nobody waits for them for ever.
struct End<'c>(&'c Crowd);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn restart(scene: &Scene<'_>, place: usize, crowd: &Crowd) -> Restart {
    let Scene { ensemble, load, clock, .. } = scene;
    let leader = ensemble.wait_for_leader(&ensemble.places());
    crowd.wait_until_back();
    load.wait_for(ACKNOWLEDGED);
    crowd.acks.clear();
    let before = epoch(ensemble, leader);
    let begin = clock.now();
    ensemble.server(place).terminate_in_peace();
    let ended = clock.now();
    ensemble.server(place).spawn();
    let next = ensemble.wait_for_leader(&ensemble.places());
    let whole = clock.now();
    let back = crowd.wait_until_back();
    crowd.acks.first_after(whole.max(back), load);
    let now = clock.now();
    let since = |time: u64| Duration::from_nanos(time.saturating_sub(begin));
    let restart = Restart {
        of_leader: place == leader,
        elections: epoch(ensemble, next) - before,
        stop: since(ended),
        whole: since(whole),
        sessions_back: since(back),
        stall: crowd.acks.silence(begin, now),
        wait: crowd.acks.longest_wait(begin, now),
    };
    let allowed = i64::from(restart.of_leader);
    assert!((0..=allowed).contains(&restart.elections), "{restart:?}");
    restart
}

/// Of the transactions that a leader orders now.
pub fn epoch(ensemble: &Ensemble, leader: usize) -> i64 {
    let zxid = ensemble.server(leader).told("Zxid").expect("a leader serves");
    let digits = zxid.trim_start_matches("0x");
    i64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("Zxid: {zxid}")) >> 32
}

/// What restarts have cost: p50, p99 and maximum, in milliseconds.
struct Table<'r>(&'r [Restart]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| restarted | times | elections | nothing acknowledged, ms | one write waits | sessions back | process gone | all serve |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for (part, of_leader) in [("leader", true), ("follower", false)] {
            let restarts: Vec<&Restart> = self.0.iter().filter(|restart| restart.of_leader == of_leader).collect();
            if restarts.is_empty() {
                continue;
            }
            let elections: i64 = restarts.iter().map(|restart| restart.elections).sum();
            write!(f, "| {part} | {} | {elections} ", restarts.len())?;
            let columns: [fn(&Restart) -> Duration; 5] = [
                |restart| restart.stall,
                |restart| restart.wait,
                |restart| restart.sessions_back,
                |restart| restart.stop,
                |restart| restart.whole,
            ];
            for of in columns {
                let mut sorted: Vec<u128> = restarts.iter().map(|restart| of(restart).as_millis()).collect();
                sorted.sort_unstable();
                let at = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100) - 1];
                write!(f, "| {}, {}, {} ", at(50), at(99), at(100))?;
            }
            writeln!(f, "|")?;
        }
        Ok(())
    }
}

#[test]
fn a_table_has_percentiles_of_leaders_and_followers() {
    let restart = |of_leader, ms| {
        let time = Duration::from_millis(ms);
        let elections = i64::from(of_leader);
        Restart { of_leader, elections, stop: time, whole: 2 * time, sessions_back: time, stall: time, wait: time }
    };
    let restarts: Vec<Restart> = (1..=200).map(|ms| restart(true, ms)).chain([restart(false, 7)]).collect();
    let table = Table(&restarts).to_string();
    let lines: Vec<&str> = table.lines().skip(2).collect();
    let of_leader = "100, 198, 200 | 100, 198, 200 | 100, 198, 200 | 100, 198, 200 | 200, 396, 400";
    assert_eq!(lines[0], format!("| leader | 200 | 200 | {of_leader} |"));
    assert_eq!(lines[1], "| follower | 1 | 0 | 7, 7, 7 | 7, 7, 7 | 7, 7, 7 | 7, 7, 7 | 14, 14, 14 |");
}
