//! Signals that end a process which does not know them, and what this server does about each.
use crate::wire::{assert_stands, server, setup};
use paddock_tests::server::{DEADLINE, Server, poll_until};
use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;

/// All that a JVM survives, and a limit of file sizes besides.
const HARMLESS: [&str; 6] = ["HUP", "USR1", "USR2", "QUIT", "PIPE", "XFSZ"];

fn send(server: &Server, signal: &str) {
    let pid = server.pid();
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status().expect("sh runs");
    assert!(sent.success(), "SIG{signal} could not be sent to {pid}");
}

/// A server that is at the very beginning of its start: it waits for its configuration, which comes through a pipe.
/// Returns the configuration and where it is to be written.
fn starting() -> (Server, String, std::fs::File) {
    let server = setup().prepare();
    let path = server.config_path();
    let config = std::fs::read_to_string(&path).expect("zoo.cfg was written");
    std::fs::remove_file(&path).expect("zoo.cfg is there");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
    server.spawn();
    let pipe = OpenOptions::new().write(true).open(&path).expect("opened as soon as the server reads");
    (server, config, pipe)
}

#[test]
fn signals_that_mean_nothing_end_nothing() {
    let server = server();
    for signal in HARMLESS {
        send(&server, signal);
        assert_stands(&server);
    }
    assert!(server.terminate().success(), "it stops in order");
}

#[test]
fn signals_that_mean_nothing_end_no_start() {
    let (server, config, mut pipe) = starting();
    for signal in HARMLESS {
        send(&server, signal);
    }
    pipe.write_all(config.as_bytes()).expect("the server reads");
    drop(pipe);
    server.wait_until_serving();
    assert_stands(&server);
}

#[test]
fn a_start_can_be_stopped_at_its_very_beginning() {
    let (server, _, pipe) = starting();
    assert!(server.terminate().success(), "it ends in order");
    drop(pipe);
}

/// The stop writes the milestone, beside it at first: there a pipe stands for a disk that does not answer.
#[test]
fn a_second_sigterm_ends_a_stop_that_hangs() {
    let server = server();
    assert_stands(&server);
    let beside = server.data_dir().join("paddock-1/milestone.tmp");
    assert!(Command::new("mkfifo").arg(&beside).status().expect("mkfifo runs").success());
    send(&server, "TERM");
    let told = poll_until(DEADLINE, || server.log().contains("told to stop").then_some(()));
    assert!(told.is_some(), "{}", server.log_tail());
    send(&server, "TERM");
    let status = poll_until(DEADLINE, || server.exit_status()).expect("the second one ends it");
    assert_eq!(status.code(), Some(1));
    let log = server.log();
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("WARN") && last.contains("SIGTERM") && last.contains("ends at once"), "{log}");
}

#[test]
fn sigquit_tells_the_state() {
    let server = server();
    assert_stands(&server);
    let before = server.log().len();
    send(&server, "QUIT");
    let parts = ["zxid=0x", "sessions=", "connections=", "watches=", "outstanding=", "segment=", "snapshot", "replica"];
    let lacks = || parts.iter().copied().find(|part| !server.log()[before..].contains(part));
    let told = poll_until(DEADLINE, || lacks().is_none().then_some(()));
    assert!(told.is_some(), "{:?} is not told of:\n{}", lacks(), server.log_tail());
    assert_stands(&server);
}
