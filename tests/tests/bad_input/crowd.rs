//! Very many connections at once, and more than are allowed.
use crate::{PATIENCE, TIMEOUT_MS, assert_bounded, assert_serves, assert_serves_client, connect, read_to_close};
use paddock_tests::client::Client;
use paddock_tests::server::{Kind, Setup, four_letter_word, poll_until};
use std::net::TcpStream;
use std::process::Command;

/// Connections held open at the same time, where the limit on open files allows.
const CROWD: usize = 10_000;
/// Open files that the test and the server need besides.
const SPARE_FILES: usize = 300;
/// Memory that one idle connection may cost, in bytes.
const EACH: u64 = 32 << 10;
const LONG_MS: i32 = 600_000;
/// Connections allowed where there is a limit.
const LIMIT: usize = 5;

/// Raises the limit on open files as far as it goes, also for the servers started later, and returns it.
fn open_files() -> usize {
    let pid = std::process::id().to_string();
    let hard = limit("Max open files", 4);
    let raised = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={hard}:{hard}")]).status();
    if !raised.is_ok_and(|status| status.success()) {
        eprintln!("the limit on open files cannot be raised to {hard}");
    }
    limit("Max open files", 3)
}

/// A column of /proc/self/limits; `Max open files` counts as three words.
fn limit(name: &str, column: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("Linux has limits");
    let line = limits.lines().find(|line| line.starts_with(name)).expect("Linux has this limit");
    line.split_whitespace().nth(column).and_then(|word| word.parse().ok()).unwrap_or(usize::MAX)
}

/// What `srvr` says of the number of connections; the one that asks is one of them.
fn connections(server: &paddock_tests::server::Server) -> Option<usize> {
    let answer = four_letter_word(server.address(), "srvr", PATIENCE).ok()?;
    answer.lines().find_map(|line| line.strip_prefix("Connections: ")?.parse().ok())
}

#[test]
fn a_crowd_is_held_while_others_are_served() {
    let count = CROWD.min(open_files().saturating_sub(SPARE_FILES));
    // Nobody of the crowd says anything more, for as long as a slow machine needs to gather it.
    let server = Setup::new(Kind::under_test()).config("maxSessionTimeout", &LONG_MS.to_string()).start();
    let before = server.resident_bytes();
    let mut other = Client::connect(server.address(), LONG_MS).expect("handshake");
    let mut sessions: Vec<Client> = Vec::new();
    let mut silent: Vec<TcpStream> = Vec::new();
    for number in 0..count {
        // One in ten never says anything.
        match number % 10 {
            0 => silent.push(connect(&server)),
            _ => sessions.push(Client::connect(server.address(), LONG_MS).expect("handshake")),
        }
        if number % 500 == 0 {
            assert_serves_client(&mut other);
        }
    }
    eprintln!("{} sessions, {} silent connections", sessions.len(), silent.len());
    assert_serves(&server);
    assert_bounded(&server, before, EACH * count as u64);
    let held = connections(&server).expect("srvr tells the connections");
    assert!(held >= sessions.len(), "srvr tells of {held} connections, there are {count}");
    drop((sessions, silent));
    let gone = poll_until(PATIENCE, || connections(&server).filter(|&left| left < 10));
    assert!(gone.is_some(), "still {:?} connections after all were closed", connections(&server));
    assert_serves(&server);
}

#[test]
fn connections_beyond_max_client_cnxns_are_closed_at_once() {
    let server = Setup::new(Kind::under_test()).config("maxClientCnxns", &LIMIT.to_string()).start();
    // The connection that asked whether it serves may not be forgotten yet.
    let session = || Client::connect(server.address(), TIMEOUT_MS).ok();
    let mut clients: Vec<Client> = Vec::new();
    while clients.len() < LIMIT {
        clients.push(poll_until(PATIENCE, session).expect("there is room"));
    }
    for _ in 0..3 {
        assert_eq!(read_to_close(&connect(&server)), [], "one too many is closed without a word");
    }
    clients.iter_mut().for_each(assert_serves_client);
    clients.pop();
    let again = poll_until(PATIENCE, session);
    assert_serves_client(&mut again.expect("the place of a client that left is free"));
}
