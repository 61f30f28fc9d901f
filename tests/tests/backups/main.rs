//! Backups of servers that go on, and what is restored of them.
//!
//! Under a load of writes three backups are taken, each of which copies what is new. Then states are restored at random
//! transactions and served, each by a server of its own, and a client reads all that there is: the judge of histories
//! (`paddock_history`) holds that against a model that has replayed the log up to there. `PADDOCK_BACKUPS` sets how many states are
//! restored, `PADDOCK_BACKUP_SEED` repeats the choices of a run.
#[path = "../crash/logged.rs"]
mod logged;

use paddock_history::{Change, Event, History, What};
use paddock_tests::client::Client;
use paddock_tests::content;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::noted::{Clock, Noted};
use paddock_tests::random::{Random, number_from_env};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::rounds::judged::judge;
use paddock_tests::rounds::writer::{SHARED, Writer};
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, TempDir, paddock, poll_until};
use serde_json::Value;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const DEFAULT_RESTORED: usize = 10;
const WRITERS: usize = 8;
const BACKUPS: usize = 3;
/// Acknowledged between two backups, at least.
const ACKNOWLEDGED: usize = 1500;
const TIMEOUT_MS: i32 = 40_000;

/// Snapshots often, and kept with the log between them, which is what a state is judged by.
fn setup() -> Setup {
    let setup = Setup::new(Kind::Paddock).config("maxSessionTimeout", "60000").config("snapCount", "2000");
    setup.config("autopurge.snapRetainCount", "1000")
}

/// What a command says on stdout, which must go well.
fn fine(arguments: &[&OsStr]) -> String {
    let done = Command::new(paddock()).args(arguments).output().expect("it runs");
    let (said, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{arguments:?}: {said}{error}");
    said.into_owned()
}

/// What is said of a backup that is taken now.
fn back_up(data_dir: &Path, backups: &Path) -> Value {
    let said =
        fine(&["backup".as_ref(), "--json".as_ref(), "--data-dir".as_ref(), data_dir.as_ref(), backups.as_ref()]);
    let object: Value = serde_json::from_str(&said).expect("it answers with one object");
    assert_eq!(object["inDoubt"], Value::Null, "the server vouches for all that was written before: {said}");
    assert_eq!(object["diverged"], Value::Null, "{said}");
    object
}

fn zxid(value: &Value) -> i64 {
    let digits =
        value.as_str().and_then(|text| text.strip_prefix("0x")).unwrap_or_else(|| panic!("{value} is no zxid"));
    i64::from_str_radix(digits, 16).expect("a zxid is hexadecimal")
}

fn restore(backups: &Path, data_dir: &Path, to: i64, more: &[&str]) -> Value {
    let to = format!("0x{to:x}");
    let mut arguments: Vec<&OsStr> = vec!["restore".as_ref(), "--json".as_ref(), "--to".as_ref(), to.as_ref()];
    arguments.extend(more.iter().map(AsRef::<OsStr>::as_ref));
    arguments.extend([backups.as_os_str(), data_dir.as_os_str()]);
    serde_json::from_str(&fine(&arguments)).expect("it answers with one object")
}

#[test]
fn each_transaction_of_backups_under_load_can_be_restored() {
    let (mut random, _) = Random::from_env("PADDOCK_BACKUP_SEED");
    let count = number_from_env("PADDOCK_BACKUPS", DEFAULT_RESTORED);
    let (server, clock, directory) = (setup().start(), Clock::start(), TempDir::new("backups"));
    let backups = directory.path().join("kept");
    let mut history = History::default();
    create_shared(&server, clock, &mut history);
    let mut writers: Vec<Writer> = (0..WRITERS)
        .map(|number| Writer::new(server.address(), number, random.word(), clock).expect("a new server takes sessions"))
        .collect();
    let taken = back_up_under_load(&server, &mut writers, &backups);
    logged::extend(&mut history, &server.data_dir(), None).unwrap_or_else(|lack| panic!("{lack}"));
    let homes: Vec<String> = writers.iter().map(|writer| writer.home.clone()).collect();
    history.events.extend(writers.into_iter().flat_map(Writer::into_events));
    let said = fine(&["backup".as_ref(), "--verify".as_ref(), backups.as_ref()]);
    assert!(said.contains(&format!("sound: {BACKUPS} backups")), "{said}");
    // Its log is one of ZooKeeper's.
    let said = fine(&["log".as_ref(), "check".as_ref(), backups.join("history.1").as_ref()]);
    assert!(said.contains("sound; the last transaction is "), "{said}");
    // The first one begins with the newest snapshot of its time.
    let (from, last) = (zxid(&taken[0]["from"]), zxid(&taken[BACKUPS - 1]["last"]));
    let span = usize::try_from(last - from).expect("a backup ends behind its snapshot");
    for round in 0..count {
        let to = match round {
            0 => last,
            1 => from,
            _ => from + i64::try_from(random.below(span)).expect("it is small"),
        };
        let restored = setup().prepare();
        let object = restore(&backups, &restored.data_dir(), to, &[]);
        assert_eq!(zxid(&object["zxid"]), to, "{object}");
        judge_restored(restored, to, &homes, &history, clock);
    }
    eprintln!("{count} states restored, from 0x{from:x} to 0x{last:x}");
}

/// Whatever is found meanwhile, nobody is left writing.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Takes backups while all writers write. What was acknowledged before one was begun is in it.
fn back_up_under_load(server: &Server, writers: &mut [Writer], backups: &Path) -> Vec<Value> {
    let (acknowledged, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let count = || {
        acknowledged.fetch_add(1, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        let over = Over(&is_over);
        for writer in writers {
            scope.spawn(|| {
                let ended = writer.write(|| !is_over.load(Ordering::Relaxed), count);
                assert!(ended.is_ok(), "{}: {ended:?}", writer.home);
            });
        }
        let mut taken = Vec::new();
        for round in 1..=BACKUPS {
            let is_enough = || (acknowledged.load(Ordering::Relaxed) >= round * ACKNOWLEDGED).then_some(());
            let enough = poll_until(DEADLINE, is_enough);
            let before = server.told("Zxid").map(|text| zxid(&Value::String(text)));
            if enough.is_some() {
                taken.push((back_up(&server.data_dir(), backups), before));
            }
        }
        drop(over);
        assert_eq!(taken.len(), BACKUPS, "the writers write too slowly");
        for (backup, before) in &taken {
            let is_in = before.is_some_and(|before| before <= zxid(&backup["last"]));
            assert!(is_in, "{before:?} was announced before {backup}");
        }
        taken.into_iter().map(|(backup, _)| backup).collect()
    })
}

fn create_shared(server: &Server, clock: Clock, history: &mut History) {
    let mut client = Noted::connect(server.address(), TIMEOUT_MS, clock).expect("a new server takes sessions");
    assert_eq!(client.call(&Request::create(SHARED, b"", 0)).expect("a new server answers").err, 0, "{SHARED}");
    history.events.extend(client.into_events());
}

/// Serves what was restored up to a transaction, reads all of it, and has that judged.
fn judge_restored(mut restored: Server, to: i64, homes: &[String], whole: &History, clock: Clock) {
    let mut history = up_to(whole, to);
    restored.restart();
    let mut reader = Noted::connect(restored.address(), TIMEOUT_MS, clock).expect("it takes a session");
    let mut call = |request: &Request| reader.call(request).unwrap_or_else(|error| panic!("{request:?}: {error}"));
    call(&Request::get_data(SHARED, false));
    for home in homes {
        call(&Request::get_data(home, false));
        let children = call(&Request::get_children2(home, false));
        if children.err == 0 {
            for name in children.names() {
                let path = format!("{home}/{name}");
                call(&Request::get_data(&path, false));
                call(&Request::get_children2(&path, false));
            }
        }
    }
    history.events.extend(reader.into_events());
    restored.kill();
    logged::extend(&mut history, &restored.data_dir(), None).unwrap_or_else(|lack| panic!("{lack}"));
    judge(&history, "backup");
}

/// What was true up to a transaction, and nothing that came after it.
fn up_to(whole: &History, to: i64) -> History {
    let log: Vec<_> = whole.log.iter().flatten().take_while(|transaction| transaction.zxid <= to).cloned().collect();
    let begun = log.iter().filter(|transaction| transaction.change == Change::CreateSession);
    let sessions: HashSet<i64> = begun.map(|transaction| transaction.session).collect();
    let was = |event: &&Event| match &event.what {
        What::Called { reply, .. } => reply.as_ref().is_some_and(|reply| reply.zxid <= to),
        _ => true,
    };
    let events = whole.events.iter().filter(|event| sessions.contains(&event.session)).filter(was);
    History { events: events.cloned().collect(), log: Some(log) }
}

#[test]
fn a_server_takes_backups_by_itself_and_keeps_as_many_as_it_is_told() {
    let directory = TempDir::new("scheduled");
    let backups = directory.path().join("kept");
    let setup = setup().config("paddock.backup.dir", backups.to_str().expect("UTF-8"));
    let server = setup.config("paddock.backup.interval", "1").config("paddock.backup.keep", "2").start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("it takes a client");
    let mut last = client.ok(&Request::create("/first", b"one", flags::PERSISTENT)).zxid;
    let is_taken = |last: i64| {
        let is_in = |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|object| zxid(&object["last"]) >= last);
        let listed =
            Command::new(paddock()).args(["backup", "--list", "--json"]).arg(&backups).output().expect("it runs");
        let said = String::from_utf8_lossy(&listed.stdout).into_owned();
        let newest = said.lines().rfind(|line| line.contains("\"backup\":"));
        newest.is_some_and(is_in).then_some(said)
    };
    for name in ["/second", "/third", "/fourth"] {
        let there = poll_until(DEADLINE, || is_taken(last));
        assert!(there.is_some(), "0x{last:x} is in no backup; its log ends:\n{}", server.log_tail());
        last = client.ok(&Request::create(name, b"more", flags::PERSISTENT)).zxid;
    }
    let said = poll_until(DEADLINE, || is_taken(last)).expect("the last one is in a backup too");
    assert_eq!(said.lines().filter(|line| line.contains("\"backup\":")).count(), 2, "{said}");
    assert!(server.log().contains("backup taken"), "{}", server.log_tail());
    let content = content::of_server(&mut client);
    server.terminate_in_peace();
    let mut restored = Setup::new(Kind::Paddock).prepare();
    restore(&backups, &restored.data_dir(), last, &[]);
    restored.restart();
    let mut client = Client::connect(restored.address(), TIMEOUT_MS).expect("it takes a client");
    content::assert_same(&content, &content::of_server(&mut client));
}

#[test]
fn an_ensemble_is_restored_from_the_backup_of_one_server() {
    let ensemble = Ensemble::start(setup(), 3);
    let directory = TempDir::new("ensemble");
    let backups = directory.path().join("kept");
    let leader = ensemble.wait_for_leader(&ensemble.places());
    let mut client = Client::connect(ensemble.server(leader).address(), TIMEOUT_MS).expect("it takes a client");
    let mut create = |name: &str| client.ok(&Request::create(name, b"data", flags::PERSISTENT)).zxid;
    let kept = (0..20).fold(0, |_, number| create(&format!("/kept-{number}")));
    let data_dir = ensemble.server(leader).data_dir();
    // A leader may have acknowledged what its own disk has not yet.
    let last = poll_until(DEADLINE, || Some(zxid(&back_up(&data_dir, &backups)["last"])).filter(|last| *last >= kept));
    let last = last.expect("what was acknowledged is in the leader's log");
    let given_up = (0..20).fold(0, |_, number| create(&format!("/later-{number}")));
    assert!(last < given_up);
    drop(client);
    ensemble.kill(&ensemble.places());
    for place in ensemble.places() {
        let data_dir = ensemble.server(place).data_dir();
        fs::remove_dir_all(&data_dir).expect("it can be removed");
        restore(&backups, &data_dir, last, &["--member", &(place + 1).to_string()]);
    }
    ensemble.places().into_iter().for_each(|place| ensemble.server(place).spawn());
    ensemble.wait_for_leader(&ensemble.places());
    let mut zxids = Vec::new();
    for place in ensemble.places() {
        ensemble.server(place).wait_until_serving();
        let mut client = Client::connect(ensemble.server(place).address(), TIMEOUT_MS).expect("it takes a client");
        client.ok(&Request::sync("/"));
        let names = client.ok(&Request::get_children("/", false));
        let names: HashSet<String> = names.names().into_iter().map(str::to_owned).collect();
        assert!((0..20).all(|number| names.contains(&format!("kept-{number}"))), "{names:?}");
        assert!(!names.iter().any(|name| name.starts_with("later-")), "{names:?}");
        zxids.push(client.ok(&Request::create(&format!("/new-{place}"), b"", flags::PERSISTENT)).zxid);
    }
    // No zxid is given again that somebody may have seen.
    assert!(zxids.iter().all(|zxid| *zxid > given_up && zxid >> 32 > given_up >> 32), "{zxids:x?} after {given_up:x}");
}

#[test]
fn what_cannot_be_done_is_one_sentence() {
    let (server, directory) = (setup().start(), TempDir::new("refused"));
    let backups = directory.path().join("kept");
    Client::connect(server.address(), TIMEOUT_MS).expect("it takes a client").ok(&Request::create("/a", b"", 0));
    let last = zxid(&back_up(&server.data_dir(), &backups)["last"]);
    let refused = |arguments: &[&OsStr], parts: &[&str]| {
        let done = Command::new(paddock()).args(arguments).output().expect("it runs");
        let error = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!((done.status.success(), error.lines().count()), (false, 1), "{arguments:?}: {error}");
        parts.iter().for_each(|part| assert!(error.contains(part), "{part} is not in: {error}"));
    };
    let (data_dir, empty) = (server.data_dir(), directory.path().join("empty"));
    let (restore, backup, to): (&OsStr, &OsStr, &OsStr) = ("restore".as_ref(), "backup".as_ref(), "--to".as_ref());
    refused(&[restore, backups.as_ref(), data_dir.as_ref()], &["is not empty", "nothing is written over"]);
    let beyond = format!("0x{:x}", last + 1);
    let reach = format!("from 0x0 to 0x{last:x}");
    refused(&[restore, to, beyond.as_ref(), backups.as_ref(), empty.as_ref()], &["do not reach", &beyond, &reach]);
    refused(&[restore, to, "1000000000000".as_ref(), backups.as_ref(), data_dir.as_ref()], &["is not empty"]);
    refused(&[restore, to, "1".as_ref(), backups.as_ref(), empty.as_ref()], &["too small for milliseconds since 1970"]);
    refused(&[restore, to, "soon".as_ref(), backups.as_ref(), empty.as_ref()], &["nor a time", "see paddock --help"]);
    refused(&[restore, empty.as_ref(), empty.as_ref()], &["holds no backup"]);
    let other: [&OsStr; 2] = ["--history".as_ref(), "9".as_ref()];
    refused(&[restore, other[0], other[1], backups.as_ref(), empty.as_ref()], &["has no history 9", "backup --list"]);
    refused(
        &[backup, "--data-dir".as_ref(), data_dir.as_ref(), data_dir.as_ref()],
        &["holds no backup, but something else"],
    );
    refused(&[backup, "--data-dir".as_ref(), empty.as_ref(), backups.as_ref()], &["holds no data of Paddock's"]);
    assert!(!empty.exists());
}
