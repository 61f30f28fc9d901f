//! An ensemble that keeps its promises is never accused.

use proptest::prelude::*;

use super::ensemble::{Ensemble, watch_events};
use crate::check::check;
use crate::violation::Kind;

fn ensemble(seed: u64, steps: usize, loses: bool) -> Ensemble {
    let mut ensemble = Ensemble::new(seed);
    ensemble.loses = loses;
    for _ in 0..steps {
        ensemble.noise();
    }
    ensemble
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_the_log_everything_is_settled_and_well(seed in any::<u64>()) {
        let history = ensemble(seed, 300, true).history(true);
        let report = check(&history);
        prop_assert!(report.is_clean(), "{}", report.text(&history));
    }

    #[test]
    fn without_the_log_nobody_is_accused(seed in any::<u64>()) {
        let history = ensemble(seed, 300, true).history(false);
        let report = check(&history);
        prop_assert!(report.violations.is_empty(), "{}", report.text(&history));
    }

    #[test]
    fn where_no_write_is_lost_everything_is_well_without_the_log(seed in any::<u64>()) {
        let history = ensemble(seed, 300, false).history(false);
        let report = check(&history);
        prop_assert!(report.violations.is_empty(), "{}", report.text(&history));
    }
}

/// Without the log it is only guessed which request or session's end has a zxid that nobody was answered. What it did, and
/// which ephemerals a close finds behind it, is no reason to accuse anybody of a watch event; nor is what it may have undone
/// before a setWatches.
#[test]
fn no_guess_of_the_replay_is_held_against_a_watch() {
    for (seed, loses) in [
        (15952246006277580342, true),
        (8750720731245832651, true),
        (4056160221193262017, true),
        (6950142851125929398, false),
    ] {
        let history = ensemble(seed, 300, loses).history(false);
        let report = check(&history);
        assert!(report.violations.is_empty(), "seed {seed}: {}", report.text(&history));
    }
}

#[test]
fn what_was_lost_is_mostly_settled_without_the_log() {
    let undecided = (0..200).filter(|seed| check(&ensemble(*seed, 150, true).history(false)).undecided.is_some());
    let undecided: Vec<u64> = undecided.collect();
    assert!(undecided.len() <= 20, "of 200: {undecided:?}");
}

#[test]
fn the_histories_have_all_that_is_judged() {
    let ensemble = ensemble(1, 2_000, true);
    let report = check(&ensemble.history(true));
    assert!(report.is_clean() && report.writes > 500 && report.unknown > 50, "{report:?}");
    assert!(watch_events(&ensemble.events).values().sum::<usize>() > 100);
}

/// `PADDOCK_HISTORY_EVENTS` asks for more.
#[test]
fn a_long_history_is_judged_at_once() {
    let events = std::env::var("PADDOCK_HISTORY_EVENTS").map_or(50_000, |text| text.parse().expect("a number"));
    let mut ensemble = Ensemble::new(9);
    ensemble.loses = false;
    while ensemble.events.len() < events {
        ensemble.noise();
    }
    let history = ensemble.history(true);
    drop(ensemble);
    let began = std::time::Instant::now();
    let report = check(&history);
    let taken = began.elapsed();
    eprintln!("{} events in {taken:?}", report.events);
    assert!(report.is_clean(), "{}", report.text(&history));
    assert!(taken.as_secs() < 20, "{} events took {taken:?}", report.events);
}

/// A client that is back on another connection counts its requests anew, so that two of them may look alike: which of them
/// a transaction came from, only what follows it tells.
#[test]
fn a_request_that_was_lost_and_asked_again_is_not_taken_for_the_later_one() {
    let history = "paddock-history 1\n\
        connected 1 2 7 0 new 40000\n\
        called 3 9 7 0 1 delete /a -1 = unknown\n\
        disconnected 10 11 7 0\n\
        connected 12 13 7 0 again 40000\n\
        called 14 20 7 0 1 delete /a -1 = unknown\n\
        called 15 20 7 0 2 delete /b -1 = unknown\n\
        disconnected 21 22 7 0\n\
        txn 1 7 0 session\n\
        txn 2 7 1 failed\n\
        txn 3 7 2 failed\n";
    assert_eq!(found(history), []);
}

/// It has the number of one that was lost with another one before it.
#[test]
fn a_request_that_came_after_all_is_not_taken_for_one_that_was_lost_and_looks_like_it() {
    let history = "paddock-history 1\n\
        connected 1 2 7 0 new 40000\n\
        called 3 9 7 0 1 delete /a -1 = unknown\n\
        called 4 9 7 0 2 delete /b -1 = unknown\n\
        disconnected 10 11 7 0\n\
        connected 12 13 7 0 again 40000\n\
        called 14 20 7 0 2 delete /b -1 = unknown\n\
        disconnected 21 22 7 0\n\
        txn 1 7 0 session\n\
        txn 2 7 2 failed\n";
    assert_eq!(found(history), []);
    assert_eq!(found(&history.replace("20 7 0 2", "20 7 0 3")), [Kind::RequestSkipped]);
    // What was answered on the later connection before that request has a later zxid.
    let later = "called 14 16 7 0 1 delete /c -1 = 3 -101 -\ncalled 15 20 7 0 2";
    let history = history.replace("called 14 20 7 0 2", later);
    assert_eq!(found(&format!("{history}txn 3 7 1 failed\n")), [Kind::RequestSkipped]);
}

/// The leader has ended the session, and the close that its client had sent has never come.
#[test]
fn the_end_of_a_session_that_has_expired_is_not_taken_for_a_close_that_was_lost() {
    let history = "paddock-history 1\n\
        connected 1 2 7 0 new 40000\n\
        called 3 9 7 0 1 delete /a -1 = unknown\n\
        called 4 9 7 0 2 close = unknown\n\
        disconnected 10 11 7 0\n\
        txn 1 7 0 session\n";
    assert_eq!(found(&format!("{history}txn 2 7 0 close\n")), []);
    assert_eq!(found(&format!("{history}txn 2 7 2 close\n")), [Kind::RequestSkipped]);
}

/// A server was slow to pass them on, and the leader refuses them, since the client has gone to another server by then. In
/// the log they stand behind what the client asked for there.
#[test]
fn requests_of_a_connection_that_was_given_up_may_fail_after_those_of_the_next_one() {
    let history = "paddock-history 1\n\
        connected 1 2 7 0 new 40000\n\
        called 3 9 7 0 1 delete /a -1 = unknown\n\
        called 4 9 7 0 2 delete /b -1 = unknown\n\
        disconnected 10 11 7 0\n\
        connected 12 13 7 1 again 40000\n\
        called 14 20 7 1 3 delete /c -1 = unknown\n\
        disconnected 21 22 7 1\n\
        txn 1 7 0 session\n\
        txn 2 7 3 failed\n";
    for (late, kinds) in [
        ("txn 3 7 1 failed\n", &[][..]),
        ("txn 3 7 1 failed\ntxn 4 7 2 failed\n", &[]),
        ("txn 3 7 2 failed\n", &[Kind::RequestSkipped]),
        ("txn 3 7 2 failed\ntxn 4 7 1 failed\n", &[Kind::RequestSkipped]),
        ("txn 3 7 1 failed\ntxn 4 7 1 failed\n", &[Kind::TransactionUnfounded]),
        ("txn 3 7 1 delete /a -1\n", &[Kind::TransactionUnfounded]),
    ] {
        assert_eq!(found(&format!("{history}{late}")), kinds, "{late}");
    }
}

fn found(history: &str) -> Vec<Kind> {
    let history = crate::text::read(&mut history.as_bytes()).unwrap();
    check(&history).violations.iter().map(|violation| violation.kind).collect()
}
