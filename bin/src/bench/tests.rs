//! Whole runs against the stand-in server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::load::{Measured, Site, load};
use super::operation::Operation;
use super::root::Root;
use super::server::Server;
use super::standin::{Fault, Standin};
use super::workload::Workload;
use super::{BenchArgs, BenchError, RootError, registration, run, storm, watch};
use crate::progress::Progress;

fn args(server: &Standin, words: &str) -> BenchArgs {
    BenchArgs::of_words(format!("--server {} {words}", server.address).split_whitespace()).unwrap()
}

fn site(server: &Standin, threads: usize) -> Site {
    let patience = Duration::from_secs(30);
    let root =
        Root { path: "/deep/root".into(), server: Server::plain(server.address), session_timeout: 30_000, patience };
    Site {
        patience,
        servers: vec![Server::plain(server.address)],
        pids: Vec::new(),
        root,
        threads,
        seed: 1,
        progress: Progress::new(false),
        interrupt: Arc::default(),
    }
}

/// The first run that `words` ask for, with its znodes made and not removed.
fn measure(server: &Standin, threads: usize, words: &str) -> Result<Measured, BenchError> {
    let runs = Workload::of(&args(server, words));
    let site = site(server, threads);
    site.root.make(&runs[0], 1, &site.progress).map_err(BenchError::Root)?;
    load(&runs[0], &site)
}

#[test]
fn every_operation_of_a_number_is_counted_once() {
    let server = Standin::start(Fault::None);
    let words = "--mix get=3,exists=1,list=1,set=3,create=3,delete=1,sync=1 -n 3001 -c 7 -p 5 --keys 50";
    let measured = measure(&server, 2, words).unwrap();
    assert_eq!(measured.tally.successes(), 3001);
    assert_eq!(measured.tally.failures(), 0);
    assert!(Operation::ALL.iter().all(|operation| !measured.tally.of(*operation).is_empty()));
    let (created, deleted) = (measured.tally.of(Operation::Create).len(), measured.tally.of(Operation::Delete).len());
    let made = server.paths().iter().filter(|path| path.starts_with("/deep/root/made/")).count() as u64;
    assert_eq!(made, created - deleted);
    assert_eq!(server.sessions(), (8, 8));
}

#[test]
fn a_load_by_time_counts_only_its_window() {
    let server = Standin::start(Fault::None);
    let measured = measure(&server, 1, "--reads 0 -c 3 -d 0.2 --warmup 0.2 --keys 5").unwrap();
    assert_eq!(measured.seconds, 0.2);
    assert_eq!(measured.tally.failures(), 0);
    let (counted, all) = (measured.tally.successes(), server.sets());
    assert!(counted > 0 && counted < all, "{counted} of {all} although the first ones are of the warm-up");
}

/// More is due than one connection can send: the time an operation waits to be sent is part of its latency.
#[test]
fn latency_counts_from_when_an_operation_was_due() {
    let server = Standin::start(Fault::None);
    let measured = measure(&server, 1, "--reads 0 -c 1 -p 1 -n 400 --rate 1e7 --keys 5").unwrap();
    let late = measured.tally.lateness.value_at_quantile(0.5);
    let median = measured.tally.of(Operation::Set).value_at_quantile(0.5);
    // All are due in 40 us, and half of them are sent after 200 round trips.
    assert!(late > 200_000 && median > late - late / 10, "{median} ns, sent {late} ns late");
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let server = Standin::start(Fault::None);
    let measured = measure(&server, 1, "--reads 100 -c 4 -d 0.5 --warmup 0.1 --rate 400 --keys 5").unwrap();
    let sent = measured.tally.successes() + measured.tally.behind + measured.tally.unanswered;
    assert!((100..=202).contains(&sent), "{sent} operations in half a second at 400 per second");
    assert!(!measured.tally.lateness.is_empty());
}

#[test]
fn an_interrupted_run_has_its_results() {
    let server = Standin::start(Fault::None);
    let site = site(&server, 1);
    let run = &Workload::of(&args(&server, "--reads 0 -c 2 -d 3600 --warmup 0 --keys 5"))[0];
    site.root.make(run, 1, &site.progress).unwrap();
    let interrupt = Arc::clone(&site.interrupt);
    let measured = std::thread::scope(|scope| {
        let running = scope.spawn(|| load(run, &site));
        while server.sets() < 100 {
            std::thread::yield_now();
        }
        interrupt.store(true, Ordering::Release);
        running.join().unwrap()
    });
    let measured = measured.unwrap();
    assert!(measured.seconds < 600.0 && measured.tally.successes() >= 90, "{}", measured.tally.successes());
}

#[test]
fn deletes_without_creates_end_with_the_stock() {
    let server = Standin::start(Fault::None);
    let measured = measure(&server, 1, "--mix delete=1 --keys 30 -c 4 -d 60").unwrap();
    assert_eq!(measured.tally.of(Operation::Delete).len(), 32);
    assert_eq!(measured.tally.failures(), 0);
    assert!(measured.seconds < 30.0);
}

#[test]
fn a_waited_create_and_its_delete_alternate() {
    let server = Standin::start(Fault::None);
    let measured = measure(&server, 1, "--preset chubby-latency -n 100").unwrap();
    assert_eq!(measured.tally.of(Operation::Create).len(), 50);
    assert_eq!(measured.tally.of(Operation::Delete).len(), 50);
    assert_eq!(measured.tally.failures(), 0);
}

#[test]
fn a_broken_connection_is_counted_and_opened_again() {
    let server = Standin::start(Fault::CloseAtSet(20));
    let measured = measure(&server, 1, "--reads 0 -c 2 -p 3 -n 200 --keys 5").unwrap();
    assert_eq!(measured.tally.losses.values().sum::<u64>(), 1);
    assert!((1..=3).contains(&measured.tally.lost), "{}", measured.tally.lost);
    assert_eq!(measured.tally.successes() + measured.tally.lost, 200);
}

#[test]
fn a_reply_out_of_order_is_an_error() {
    let server = Standin::start(Fault::WrongXidAtSet(10));
    let measured = measure(&server, 1, "--reads 0 -c 1 -n 50 --keys 5").unwrap();
    let reasons: Vec<&String> = measured.tally.losses.keys().collect();
    assert_eq!(reasons, ["a reply with xid 11 where 10 was due"]);
}

#[test]
fn error_codes_are_counted_by_operation() {
    let server = Standin::start(Fault::None);
    let run = &Workload::of(&args(&server, "--mix get=1,set=1 -n 100 --keys 5"))[0];
    let measured = load(run, &site(&server, 1)).unwrap();
    assert_eq!(measured.tally.successes(), 0);
    let (gets, sets) = (measured.tally.errors[&("get", -101)], measured.tally.errors[&("set", -101)]);
    assert_eq!(gets + sets, 100);
}

#[test]
fn a_server_that_refuses_sessions_is_told() {
    let server = Standin::start(Fault::CloseAtHandshake);
    let run = &Workload::of(&args(&server, "-n 1 -c 1"))[0];
    let error = load(run, &site(&server, 1)).unwrap_err();
    assert!(error.to_string().contains("connection 1 of 1: the server closed the connection"), "{error}");
}

#[test]
fn all_is_removed_in_the_end_and_the_rest_is_kept() {
    let server = Standin::start(Fault::None);
    server.put("/other", b"");
    run(args(&server, "--mix get=1,list=1,create=1 -n 50 --keys 700 --root /a/b")).unwrap();
    // The parents that it had to make are gone, too.
    assert_eq!(server.paths(), ["/other"]);
}

#[test]
fn parents_that_were_there_or_are_used_stay() {
    let server = Standin::start(Fault::None);
    server.put("/a", b"");
    server.put("/p", b"");
    run(args(&server, "--mix get=1 -n 5 --keys 3 --root /a/b/c/d")).unwrap();
    assert_eq!(server.paths(), ["/a", "/p"]);
    run(args(&server, "--mix get=1 -n 5 --keys 3 --root /q/r/s --keep")).unwrap();
    server.put("/q/mine", b"");
    run(args(&server, "--mix get=1 -n 5 --keys 3 --root /q/r/s")).unwrap();
    assert_eq!(server.paths(), ["/a", "/p", "/q", "/q/mine"]);
}

/// A file that cannot be written is told before anything is done.
#[test]
fn the_file_for_the_results_is_checked_before_the_run() {
    let server = Standin::start(Fault::None);
    let error = run(args(&server, "-n 5 --json /nowhere/results.json")).unwrap_err();
    assert!(matches!(&error, BenchError::Json { .. }), "{error}");
    assert!(error.to_string().contains("/nowhere/results.json"), "{error}");
    assert_eq!(server.sessions(), (0, 0));
}

#[test]
fn the_file_for_the_results_holds_results_or_what_it_held() {
    let server = Standin::start(Fault::None);
    server.put("/precious", b"");
    let file = std::env::temp_dir().join(format!("paddock-bench-{}.json", std::process::id()));
    let with = |more: &str| args(&server, &format!("{more} --mix get=1 -n 5 --keys 3 --json {}", file.display()));
    run(with("--root /precious")).unwrap_err();
    assert!(!file.exists(), "there are no results");
    std::fs::write(&file, "x".repeat(100_000)).unwrap();
    run(with("--root /precious")).unwrap_err();
    assert_eq!(std::fs::read(&file).unwrap().len(), 100_000);
    run(with("--root /mine")).unwrap();
    let results: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(results["runs"][0]["label"], "load");
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_server_that_never_answers_is_told_and_not_waited_for_longer_than_the_run() {
    let server = Standin::start(Fault::SilentAfterSessions(0));
    let error = run(args(&server, "-d 3")).unwrap_err().to_string();
    assert!(error.contains(&server.address.to_string()) && error.contains("not answered for 3 s"), "{error}");
}

#[test]
fn a_server_that_stops_answering_before_the_load_is_told() {
    let server = Standin::start(Fault::SilentAfterSessions(1));
    let error = run(args(&server, "-d 3 -c 4 --keys 5")).unwrap_err().to_string();
    assert!(error.contains("0 of 4") && error.contains("not answered for 3 s"), "{error}");
}

#[test]
fn a_server_that_stops_answering_in_the_load_is_told() {
    let server = Standin::start(Fault::SilentFromSet(50));
    let error = run(args(&server, "--reads 0 -d 0.3 --warmup 0 -c 2 --keys 5 --root /a")).unwrap_err().to_string();
    assert!(error.contains("/a could not be removed") && error.contains("not answered for 1 s"), "{error}");
}

#[test]
fn what_a_broken_run_left_is_removed_by_the_next() {
    let server = Standin::start(Fault::None);
    run(args(&server, "--mix get=1 -n 5 --keys 7 --keep --root /a")).unwrap();
    assert!(server.paths().contains(&"/a/keys/0000000000000006".to_owned()));
    run(args(&server, "--mix get=1 -n 5 --keys 3 --root /a")).unwrap();
    assert_eq!(server.paths(), Vec::<String>::new());
}

#[test]
fn znodes_of_others_are_not_touched() {
    let server = Standin::start(Fault::None);
    server.put("/a", b"precious");
    let error = run(args(&server, "-n 1 --root /a")).unwrap_err();
    assert!(matches!(error, BenchError::Root(RootError::Foreign(_))), "{error}");
    assert_eq!(server.paths(), ["/a"]);
}

#[test]
fn a_storm_counts_the_sessions_that_come() {
    let server = Standin::start(Fault::None);
    let came = storm::storm(40, Duration::from_secs(20), &site(&server, 2)).unwrap().json();
    assert_eq!((came["sessions"].as_u64(), came["asked"].as_u64()), (Some(40), Some(40)));
    let refusing = Standin::start(Fault::CloseAtHandshake);
    let refused = storm::storm(3, Duration::from_secs(20), &site(&refusing, 1)).unwrap().json();
    assert_eq!(refused["sessions"], 0);
    assert_eq!(refused["failed"]["the server closed the connection"], 3);
}

#[test]
fn every_watcher_is_heard_in_every_round() {
    let server = Standin::start(Fault::None);
    let site = site(&server, 1);
    site.root.make_watched(10, 1, &site.progress).unwrap();
    let audience = watch::Audience { watchers: 9, silent: 2, rounds: 4, value_size: 10 };
    let told = watch::watch(audience, &site).unwrap().json();
    assert_eq!(told["each"]["count"], 28);
    assert_eq!(told["latency"]["count"], 4);
    assert_eq!(told["answered"]["count"], 4);
}

#[test]
fn watches_are_set_by_all_sessions_and_counted() {
    let server = Standin::start(Fault::None);
    let site = site(&server, 1);
    let plan = registration::Plan { sessions: 7, one_shot: 100, persistent: 30, before_memory: Some("true") };
    let json = registration::register(plan, &site).unwrap().json();
    let set: Vec<u64> = (0..3).map(|step| json["steps"][step]["watches"].as_u64().unwrap()).collect();
    assert_eq!(set, [100, 30, 7]);
    assert_eq!(server.watches(), 137);
    let failing = registration::Plan { before_memory: Some("false"), ..plan };
    assert!(matches!(registration::register(failing, &site), Err(BenchError::Command { .. })));
}
