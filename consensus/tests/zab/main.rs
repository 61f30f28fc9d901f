//! The core over models: a vector is the history, a queue is a connection, and time is a number.
//!
//! What is looked at after each step, as the messages of failures number it:
//!
//! 1. What a leader commits first is durable on a quorum's disks in each configuration attached to it. Acknowledgements are
//!    not believed.
//! 2. What any server takes for committed is what was committed, in the same order.
//! 3. One leader is established in an epoch, and its history contains what was committed.
//! 4. Epochs on disk never fall; currentEpoch is at most acceptedEpoch, and so is the epoch of the last transaction.
//! 5. What a server announces or acknowledges is what its disk holds.
//! 6. A log has no gap, and what is applied is in it; nothing is shown that is not committed, and what a learner that serves
//!    was told as committed is shown.
//! 7. A log has no reconfiguration whose configuration, or a later one, is not in a file.
//! 8. A sync that is confirmed came to a server that had everything that was committed by then.
//! 9. When everything is healed, a quorum serves in time.

#![allow(clippy::print_stdout, reason = "a long run says what it covered")]

mod disk;
mod election_port;
mod ensemble;
mod ghost;
mod guarded;
mod log;
mod membership;
#[cfg(mutants)]
mod mutants;
mod network;
mod pace;
mod process;
mod random;
mod schedule;
mod script;
mod search;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Instant;

use ensemble::Ensemble;
use guarded::guarded;
use log::{Log, Point, Record};
use pace::Pace;
use paddock_consensus::settings::Settings;
use paddock_consensus::{Epoch, History, Reign, ServerId, Zxid};
use schedule::{Outcome, Schedule};
use search::{Budget, SERVERS, Steps};

/// Schedules in the usual test run.
const SEEDS: u64 = 200;
/// States of a search in the usual test run, which comes to its end before.
const STATES_MAX: u64 = 50_000;
/// States of a search that goes further than a long one has to, and does not come to its end.
const FURTHER_STATES_MAX: u64 = 2_000_000;
/// Lines of a story that are printed; the whole of it is in a file.
const LINES_MAX: usize = 400;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("the variable is a number"))
}

/// Prints the end of a story, and keeps the whole.
fn tell(name: &str, story: &[String]) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.story"));
    std::fs::write(&path, story.join("\n")).expect("the directory for the tests' files can be written to");
    println!("the last {LINES_MAX} lines of {}:", path.display());
    story[story.len().saturating_sub(LINES_MAX)..].iter().for_each(|line| println!("{line}"));
}

/// `PADDOCK_ZAB_SEEDS` sets how many there are (`cargo xtask zab --seeds`), `PADDOCK_ZAB_SEED` the first.
#[test]
fn random_schedules_keep_what_was_committed_and_come_to_serve() {
    let (first, count, began) = (setting("PADDOCK_ZAB_SEED", 1), setting("PADDOCK_ZAB_SEEDS", SEEDS), Instant::now());
    let mut total = Outcome::default();
    for seed in first..first + count {
        match guarded(|| Schedule::new(seed, false).run()) {
            Ok(outcome) => total.add(&outcome),
            Err(what) => {
                let mut again = Schedule::new(seed, true);
                let _ = guarded(|| again.run());
                tell(&format!("seed-{seed}"), &again.ensemble.story.take().unwrap_or_default());
                panic!("seed {seed}: {what}\nagain: cargo xtask zab --seed {seed}");
            }
        }
    }
    println!("seeds {first} to {}, {:.1} s: {total}", first + count - 1, began.elapsed().as_secs_f64());
}

/// Whatever is printed must be what the script has. `PADDOCK_REWRITE_SCRIPTS=1` writes it there; `PADDOCK_SCRIPT` runs only
/// those with this text in their name.
#[test]
fn scripts_print_what_they_did() {
    let failures = failing_scripts().into_iter().map(|(name, what)| format!("{name}: {what}"));
    let failures: Vec<String> = failures.collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The names of the scripts that print something else, and what they print or say.
fn failing_scripts() -> Vec<(String, String)> {
    let wanted = std::env::var("PADDOCK_SCRIPT").unwrap_or_default();
    let mut failures = Vec::new();
    for path in scripts().into_iter().filter(|path| path.to_string_lossy().contains(&wanted)) {
        let name = path.file_name().expect("a script has a name").to_string_lossy().into_owned();
        let expected = std::fs::read_to_string(&path).expect("the script can be read");
        match guarded(|| script::run(&path)) {
            Ok(printed) if printed == expected => {}
            Ok(printed) if setting("PADDOCK_REWRITE_SCRIPTS", 0) == 1 => {
                std::fs::write(&path, printed).expect("the script can be written");
            }
            Ok(printed) => failures.push((name, difference(&expected, &printed))),
            Err(what) => failures.push((name, what)),
        }
    }
    failures
}

/// The first line that is another one.
fn difference(expected: &str, printed: &str) -> String {
    let mut expected_lines = expected.lines();
    let mut lines = printed.lines().enumerate();
    let first = lines.find(|(_, line)| expected_lines.next() != Some(*line));
    let (place, line) = first.unwrap_or((printed.lines().count(), ""));
    let wanted = expected.lines().nth(place).unwrap_or_default();
    format!("line {} is to be\n  {wanted}\nand it prints\n  {line}", place + 1)
}

fn scripts() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/zab/scripts");
    let entries = std::fs::read_dir(directory).expect("the scripts can be listed");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("the scripts can be listed").path()).collect();
    paths.sort();
    paths
}

/// Three servers, and everything that can happen to them within bounds that leave nothing out. `PADDOCK_ZAB_STATES` asks for
/// two transactions and a crash of any of them, and then for more, up to so many states from each beginning
/// (`cargo xtask zab --exhaustive`).
#[test]
fn everything_that_can_happen_to_three_servers_keeps_what_was_committed() {
    let states = setting("PADDOCK_ZAB_STATES", 0);
    if states == 0 {
        assert!(search_from(roots(1, &[0, 0, 1]), STATES_MAX), "there are more states than were thought");
        return;
    }
    println!("{SEARCHED}");
    let is_all =
        CRASHES_OF_ONE.iter().map(|crashes| search_from(roots(2, crashes), states)).fold(true, |all, one| all & one);
    println!(
        "exhaustive search at 3 servers, 2 transactions, 1 crash: no violation{}",
        if is_all { "" } else { " as far as it went, which is not to the end" }
    );
    search_from(further_roots(), states.min(FURTHER_STATES_MAX));
}

/// What a long search says of itself.
const SEARCHED: &str = "\
three servers that vote: from a start on empty disks and from an ensemble that serves, each with two transactions, from one
of which a server is behind, without any, and from one that serves and of which the third is to leave, without any. In every
order in which packets, connections and disks come to their ends, one of them crashes in any moment; of what its disk had not
done yet all is there or nothing, what it had sent arrives, and it starts in any later moment. Timeouts are those of who looks
for a leader while nothing else can happen, 12 at most. Links that break by themselves, a part of what a disk had not done,
observers and other changes of the configuration are not in it: those are the
schedules' (cargo xtask zab --seeds N)";

const CRASHES_OF_ONE: [[u32; SERVERS]; 3] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];

/// Whether all of it was looked at.
fn search_from(roots: Vec<Root>, states_max: u64) -> bool {
    let mut is_all = true;
    for (name, root, budget) in roots {
        let began = Instant::now();
        match search::search(&root, budget, Steps::Enough, states_max) {
            Ok(seen) => {
                println!("{name}, {budget}: {seen}, {:.1} s", began.elapsed().as_secs_f64());
                is_all &= seen.complete;
            }
            Err(found) => {
                tell(name, &search::replay(&root, budget, &found.path));
                panic!("{name}: {} after {:?}", found.what, found.path);
            }
        }
    }
    is_all
}

/// What a search leaves out leads nowhere else.
#[test]
fn a_search_that_tries_what_is_enough_ends_where_one_that_tries_all_does() {
    for (root, proposals, crashes) in [(begun(), 1, [0, 0, 0]), (serving(), 1, [0, 1, 0]), (serving(), 0, [0, 0, 1])] {
        let budget = Budget { proposals, reconfigs: 0, crashes, timeouts: 0, elections: 12 };
        let search = |steps| search::search(&root, budget, steps, STATES_MAX);
        let seen =
            [Steps::All, Steps::Enough].map(|steps| search(steps).unwrap_or_else(|found| panic!("{}", found.what)));
        let [all, enough] = seen;
        assert!(all.complete && enough.complete, "there are more states than were thought");
        assert!(!all.ends.is_empty() && all.ends == enough.ends, "{} ends of {}", enough.ends.len(), all.ends.len());
        assert!(enough.states < all.states, "nothing was left out");
        println!("{budget}: {} states of {}", enough.states, all.states);
    }
}

/// `cargo xtask mutants`.
#[cfg(mutants)]
#[test]
fn every_bug_that_is_put_back_is_found() {
    let missed = mutants::table();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

type Root = (&'static str, Ensemble, Budget);

/// ZOOKEEPER-1277. What an ensemble does then is in the script `end_of_an_epoch`.
#[test]
fn no_transaction_carries_into_the_next_epoch() {
    let last = Zxid(0x1_ffff_ffff);
    assert_eq!(Reign::after(last).next(), None, "(3) a leader gives zxids of the next epoch");
    let mut history = History::new(Zxid(0x1_ffff_fffe));
    history.push(last);
    assert!(!history.may_follow(Zxid(0x2_0000_0000)) && history.may_follow(Zxid(0x2_0000_0001)));
}

/// What a search begins with, and how far it goes. With one transaction nobody crashes at the start.
fn roots(proposals: u32, crashes: &[u32; SERVERS]) -> Vec<Root> {
    let serve = Budget { proposals, reconfigs: 0, crashes: *crashes, timeouts: 0, elections: 12 };
    let begin = if proposals > 1 { serve } else { Budget { crashes: [0; SERVERS], ..serve } };
    let lag = Budget { proposals: 0, ..begin };
    let change = Budget { reconfigs: 1, ..lag };
    vec![
        ("from the start", begun(), begin),
        ("from an ensemble that serves", serving(), serve),
        ("from one that is behind", behind(), lag),
        ("from one that changes", changing(), change),
    ]
}

/// What has more states than can be looked at.
fn further_roots() -> Vec<Root> {
    let none = Budget { proposals: 0, reconfigs: 0, crashes: [0; SERVERS], timeouts: 0, elections: 12 };
    let serve = Budget { proposals: 2, crashes: [0, 0, 1], timeouts: 1, ..none };
    let lag = Budget { crashes: [0, 1, 1], ..none };
    vec![("from an ensemble that serves", serving(), serve), ("from one that is behind", behind(), lag)]
}

/// Nobody runs. 2 and 3 have a transaction that 1 has not.
fn behind() -> Ensemble {
    let config = membership::majority(Zxid::ZERO, &[1, 2, 3], &[]);
    let mut log = Log::new(Point::START);
    let mut ensemble = Ensemble::new(&config, &membership::settings(), &log, Pace::instant());
    let record = Record::after(log.last(), Zxid::first_of(Epoch(1)), 0, None);
    ensemble.ghost.propose(&record, log.last(), vec![config]);
    log.append(record);
    log.sync(log.last().zxid);
    for server in [2, 3].map(ServerId) {
        ensemble.disk_mut(server).log = log.clone();
    }
    ensemble.servers().into_iter().for_each(|server| ensemble.disk_mut(server).set_epochs(Epoch(1), Epoch(1)));
    ensemble.take_for_committed(&log);
    ensemble
}

/// Nobody has anything, and all look for a leader.
fn begun() -> Ensemble {
    let config = membership::majority(Zxid::ZERO, &[1, 2, 3], &[]);
    let settings = membership::settings();
    let mut ensemble = Ensemble::new(&config, &settings, &Log::new(Point::START), Pace::instant());
    for server in ensemble.servers() {
        ensemble.start(server);
    }
    ensemble
}

/// All serve, with one transaction.
fn serving() -> Ensemble {
    until_all_serve(begun())
}

/// All serve, and may change their ensemble.
fn changing() -> Ensemble {
    let config = membership::majority(Zxid::ZERO, &[1, 2, 3], &[]);
    let settings = Settings { reconfig_enabled: true, ..membership::settings() };
    let mut ensemble = Ensemble::new(&config, &settings, &Log::new(Point::START), Pace::instant());
    ensemble.servers().into_iter().for_each(|server| ensemble.start(server));
    until_all_serve(ensemble)
}

fn until_all_serve(mut ensemble: Ensemble) -> Ensemble {
    let all_serve = |ensemble: &Ensemble| {
        let mut servers = ensemble.servers().into_iter();
        servers.all(|server| ensemble.process(server).is_some_and(|process| process.serves()))
    };
    while !all_serve(&ensemble) {
        let moves = ensemble.moves().into_iter();
        let (due, next) = moves.min_by_key(|(due, _)| *due).expect("something happens until all serve");
        ensemble.pass_to(due);
        ensemble.perform(next);
    }
    ensemble
}
