//! Where the audit log goes, and what becomes of clients where it cannot.
use crate::told::{file, lines, send, setup, text};
use paddock_tests::client::Client;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, TempDir, poll_until};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Longer than any test.
const TIMEOUT_MS: i32 = 60_000;
/// Enough deletes of long paths that more than the queue takes is to be recorded.
const DELETES: usize = 4_000;
const PATH_BYTES: usize = 4_096;
/// Shorter than all of them together.
const SHORT_FILE: &str = "1000000";

fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server serves")
}

/// Deletes of znodes that are not there, the path of each of which has its number.
fn deletes() -> impl Iterator<Item = Request> {
    (0..DELETES).map(|number| Request::delete(&format!("/{number}-{}", "x".repeat(PATH_BYTES)), -1))
}

/// The number of the path in each line that tells of a delete.
fn numbers(text: &str) -> Vec<usize> {
    let number = |line: &String| line.split_once("znode=/")?.1.split_once('-')?.0.parse().ok();
    lines(text).iter().filter_map(number).collect()
}

fn wait_for_words(server: &Server, words: &str) {
    let told = poll_until(DEADLINE, || server.log().contains(words).then_some(()));
    assert!(told.is_some(), "it does not say {words:?}:\n{}", server.log_tail());
}

/// A server whose audit log is at `path`, which may be anything.
fn with_audit_at(setup: Setup, path: &Path) -> Server {
    let server = setup.prepare();
    server.configure("paddock.audit.file", Some(path));
    server.spawn();
    server.wait_until_serving();
    server
}

#[test]
fn full_files_are_followed_by_others_and_the_oldest_goes() {
    let setup =
        setup(Kind::Paddock).property("paddock.audit.maxBytes", SHORT_FILE).property("paddock.audit.files", "3");
    let server = setup.start();
    let mut client = client(&server);
    for request in deletes() {
        client.code(&request);
    }
    server.terminate_in_peace();
    let newest = file(&server);
    let former = |number: usize| newest.with_file_name(format!("zookeeper_audit.log.{number}"));
    let mut told = Vec::new();
    for path in [former(3), former(2), former(1), newest.clone()] {
        let text = text(&path);
        assert!(
            !text.is_empty() && text.len() <= SHORT_FILE.parse::<usize>().expect("it is a number"),
            "{}",
            path.display()
        );
        assert!(text.ends_with("\n"));
        told.extend(numbers(&text));
    }
    assert!(!former(4).exists());
    let first = DELETES - told.len();
    assert_eq!(told, (first..DELETES).collect::<Vec<_>>(), "none is missing between the files");
}

#[test]
fn a_file_that_was_renamed_is_opened_anew_on_sighup() {
    let server = setup(Kind::Paddock).start();
    let mut client = client(&server);
    client.ok(&Request::create("/before", b"", flags::PERSISTENT));
    let path = file(&server);
    assert!(poll_until(DEADLINE, || text(&path).contains("/before").then_some(())).is_some());
    let away = path.with_file_name("away");
    fs::rename(&path, &away).expect("it is there");
    send(&server, "HUP");
    assert!(poll_until(DEADLINE, || path.exists().then_some(())).is_some(), "{}", server.log_tail());
    client.ok(&Request::create("/after", b"", flags::PERSISTENT));
    server.terminate_in_peace();
    assert!(!text(&away).contains("/after") && text(&path).contains("/after") && !text(&path).contains("/before"));
}

/// What stands for a full disk is exchanged for one with room, as an operator does it: then nothing is missing.
#[test]
fn writes_wait_for_a_full_disk_and_nothing_is_lost() {
    let dir = TempDir::new("full");
    let path = dir.path().join("audit.log");
    symlink("/dev/full", &path).expect("the directory is writable");
    // One file for all of it.
    let setup = setup(Kind::Paddock).property("paddock.audit.maxBytes", "1000000000");
    let server = with_audit_at(setup, &path);
    wait_for_words(&server, "the audit log cannot be written");
    let (mut reader, mut writer) = (client(&server), client(&server));
    for request in deletes() {
        writer.queue(&request);
    }
    let writer = std::thread::spawn(move || {
        writer.flush().expect("the server reads when it can");
        (0..DELETES).map(|_| writer.next_reply().expect("it is answered").err).collect::<Vec<_>>()
    });
    // Whoever only reads is served.
    reader.ok(&Request::get_data("/zookeeper", false));
    fs::remove_file(&path).expect("it is there");
    send(&server, "HUP");
    let answers = writer.join().expect("it does not panic");
    assert_eq!(answers.len(), DELETES);
    server.terminate_in_peace();
    assert_eq!(numbers(&text(&path)), (0..DELETES).collect::<Vec<_>>());
}

#[test]
fn a_log_that_drops_lets_writes_go_on_and_says_how_many_lines_are_missing() {
    let dir = TempDir::new("drops");
    let path = dir.path().join("audit.log");
    symlink("/dev/full", &path).expect("the directory is writable");
    let server = with_audit_at(setup(Kind::Paddock).property("paddock.audit.whenFull", "drop"), &path);
    let mut client = client(&server);
    client.ok(&Request::create("/lost", b"", flags::PERSISTENT));
    wait_for_words(&server, "lines of the audit log were dropped");
    fs::remove_file(&path).expect("it is there");
    send(&server, "HUP");
    assert!(poll_until(DEADLINE, || path.exists().then_some(())).is_some(), "{}", server.log_tail());
    client.ok(&Request::create("/told", b"", flags::PERSISTENT));
    server.terminate_in_peace();
    let told = lines(&text(&path));
    let lost = told.first().expect("it is told");
    assert!(lost.contains("operation=auditLoss") && lost.ends_with("result=failure"), "{told:?}");
    assert!(told.iter().any(|line| line.contains("znode=/told")), "{told:?}");
}

#[test]
fn a_stop_does_not_wait_for_a_full_disk_for_ever() {
    let dir = TempDir::new("stop");
    let path = dir.path().join("audit.log");
    symlink("/dev/full", &path).expect("the directory is writable");
    let server = with_audit_at(setup(Kind::Paddock), &path);
    client(&server).ok(&Request::create("/a", b"", flags::PERSISTENT));
    server.terminate_in_peace();
    let log = server.log();
    assert!(log.contains("the last lines of its audit log are not written"), "{log}");
}

/// Ends with this code, and says these words at the last.
fn refuses(setup: Setup, code: i32, words: &[&str]) {
    let server = setup.prepare();
    server.spawn();
    let status = poll_until(DEADLINE, || server.exit_status()).expect("it does not start");
    assert_eq!(status.code(), Some(code));
    let log = server.log();
    let last = log.lines().last().unwrap_or_default();
    assert!(words.iter().all(|word| last.contains(word)), "{log}");
}

#[test]
fn what_cannot_be_had_is_refused() {
    let class = "com.example.OwnAuditLogger";
    refuses(setup(Kind::Paddock).config("audit.impl.class", class), 2, &["audit.impl.class", class, "remove the line"]);
    let nowhere = "/proc/nowhere/audit.log";
    refuses(setup(Kind::Paddock).config("paddock.audit.file", nowhere), 1, &[nowhere, "audit log cannot be opened"]);
}

#[test]
fn a_start_that_fails_is_told() {
    let running = setup(Kind::Paddock).start();
    let server = setup(Kind::Paddock).prepare();
    fs::create_dir(server.data_dir()).expect("the directory is writable");
    server.configure("clientPort", Some(Path::new(&running.address().port().to_string())));
    server.spawn();
    let status = poll_until(DEADLINE, || server.exit_status()).expect("it does not start");
    assert!(!status.success());
    let told = lines(&text(&file(&server)));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("ERROR user=") && told[0].ends_with("operation=serverStart result=failure"),
        "{told:?}"
    );
}

#[test]
fn without_it_there_is_no_file_and_a_class_of_ones_own_is_no_fault() {
    let server = Setup::new(Kind::Paddock).config("audit.impl.class", "com.example.OwnAuditLogger").start();
    client(&server).ok(&Request::create("/a", b"", flags::PERSISTENT));
    server.terminate_in_peace();
    assert!(!file(&server).exists());
    assert!(server.log().contains("audit.enable is not true"), "{}", server.log_tail());
}
