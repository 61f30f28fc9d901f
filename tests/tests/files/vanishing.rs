//! Files that a person removes or moves while the server runs.
use crate::{assert_names, client, configure, count, create, files, inside, setup};
use paddock_tests::client::Client;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Server, four_letter_word, poll_until};
use std::path::PathBuf;

fn two_directories() -> (Server, PathBuf) {
    let mut server = setup().config("snapCount", "200").prepare();
    let log_dir = server.config_path().with_file_name("logs");
    configure(&server, "dataLogDir", Some(&log_dir));
    server.restart();
    (server, log_dir)
}

/// Writes until the server is gone; returns how many were acknowledged.
fn write_on(client: &mut Client) -> usize {
    let mut acknowledged = 0;
    while acknowledged < 100_000 {
        let request = Request::create(&format!("/late-{acknowledged}"), b"", flags::PERSISTENT);
        if client.call(&request).is_err() {
            return acknowledged;
        }
        acknowledged += 1;
    }
    panic!("the server goes on without its log");
}

fn assert_ended(server: &Server, parts: &[&str]) {
    let status = poll_until(DEADLINE, || server.exit_status()).expect("it ends by itself");
    assert_eq!(status.code(), Some(1));
    let log = server.log();
    assert_names(log.lines().last().expect("it has said why"), parts);
}

#[test]
fn nothing_is_acknowledged_into_a_removed_log() {
    let server = setup().start();
    let mut client = client(&server);
    create(&mut client, 0..100);
    for entry in std::fs::read_dir(server.data_dir()).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        removed.expect("it is ours");
    }
    assert_eq!(write_on(&mut client), 0);
    assert_ended(&server, &["log.0000000000000001", "removed or moved away"]);
}

#[test]
fn a_log_that_is_moved_is_missed_by_a_server_that_idles() {
    let (server, log_dir) = two_directories();
    let mut client = client(&server);
    create(&mut client, 0..100);
    std::fs::rename(&log_dir, log_dir.with_extension("moved")).expect("it is moved");
    assert_ended(&server, &["log.0000000000000001", "removed or moved away"]);
}

#[test]
fn what_is_still_in_memory_is_put_back() {
    let (mut server, log_dir) = two_directories();
    let mut client = client(&server);
    let mut created = 0;
    let snapshots = || four_letter_word(server.address(), "mntr", DEADLINE).expect("it answers");
    while snapshots().contains("zk_paddock_snapshots\t0") {
        create(&mut client, created..created + 100);
        created += 100;
        assert!(created < 100_000, "no snapshot is taken");
    }
    let there = || {
        let here = inside(&server.data_dir());
        (!files(&here, "snapshot.0").is_empty() && here.join("milestone").exists()).then_some(())
    };
    // A snapshot that is just being taken may put the directory back itself, and then nothing is found to be missing.
    let is_told = poll_until(DEADLINE, || {
        // The server may just be writing there.
        let removed = poll_until(DEADLINE, || std::fs::remove_dir_all(inside(&server.data_dir())).ok());
        removed.expect("it is ours");
        poll_until(DEADLINE, there).unwrap_or_else(|| panic!("{}", server.log_tail()));
        server.log().contains("was removed or moved away while the server runs").then_some(())
    });
    is_told.unwrap_or_else(|| panic!("{}", server.log_tail()));
    create(&mut client, created..created + 10);
    server.kill();
    server.restart();
    assert_eq!(count(&server), created + 10);
    assert!(log_dir.exists());
}

#[test]
fn an_older_segment_that_is_gone_is_made_good() {
    let mut server = setup().config("snapCount", "30").config("forceSync", "no").start();
    let mut client = client(&server);
    let mut created = 0;
    let segments = |server: &Server| files(&inside(&server.data_dir()), "log.");
    while segments(&server).len() < 4 {
        create(&mut client, created..created + 10);
        created += 10;
        assert!(created < 100_000, "the log never rolls");
    }
    // A server that has just begun to serve, and that nobody writes to, has no snapshot to take.
    assert!(server.terminate().success());
    server.restart();
    let snapshots = || {
        let said = four_letter_word(server.address(), "mntr", DEADLINE).expect("it answers");
        let count = said.lines().find_map(|line| line.strip_prefix("zk_paddock_snapshots\t"));
        count.and_then(|count| count.parse::<u64>().ok()).unwrap_or_else(|| panic!("{said}"))
    };
    assert_eq!(snapshots(), 0);
    // Not the current one, nor the next: those are the last two.
    let all = segments(&server);
    let lost = &all[all.len() - 3];
    std::fs::remove_file(lost).expect("it is there");
    let told = format!("{} was removed or moved away", lost.display());
    poll_until(DEADLINE, || server.log().contains(&told).then_some(())).expect("it is noticed");
    poll_until(DEADLINE, || (snapshots() > 0).then_some(())).expect("a snapshot is taken");
    server.kill();
    server.restart();
    assert_eq!(count(&server), created);
}
