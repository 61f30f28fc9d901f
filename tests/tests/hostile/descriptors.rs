//! Connections by the hundred against a limit of open files: what clients can use up is never what durability needs.
use crate::wire::{Wire, assert_stands, client, hello, setup};
use paddock_tests::client::Client;
use paddock_tests::records::{err, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Server, four_letter_word, poll_until};
use std::fs;
use std::io::Read;

/// Open files that the server may have, and connections that try to get them all.
const DESCRIPTORS: usize = 256;
const CONNECTIONS: usize = 300;
/// Transactions from one snapshot to the next, at most.
const SNAP_COUNT: usize = 100;
/// What is written, in bytes and times: three snapshots, and more than the first two segments hold.
const DATA: usize = 100_000;
const WRITES: usize = 350;

fn limited(server: &Server, soft: usize, hard: usize) {
    server.spawn_behind(&["prlimit", &format!("--nofile={soft}:{hard}")]);
    server.wait_until_serving();
}

/// Writes what makes the log begin new segments and the server take snapshots; every write is acknowledged.
fn write_much(client: &mut Client) {
    for number in 0..WRITES {
        let data = vec![number as u8; DATA];
        let reply = client.call(&Request::set_data("/written", &data, -1)).expect("a write is acknowledged");
        assert_eq!(reply.err, err::OK);
    }
}

fn snapshots(server: &Server) -> usize {
    let snapshots = fs::read_dir(server.data_dir().join("paddock-1")).expect("the directory of snapshots");
    let names = snapshots.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    names.filter(|name| name.starts_with("snapshot.") && !name.ends_with(".tmp")).count()
}

/// The server's log says how many connections are too many.
fn wait_until_full(server: &Server) {
    let said = poll_until(DEADLINE, || server.log().contains("connections wait until one closes").then_some(()));
    assert!(said.is_some(), "nothing was said of {CONNECTIONS} connections against {DESCRIPTORS} open files");
}

#[test]
fn the_log_and_snapshots_keep_their_descriptors() {
    let server = setup().property("snapCount", &SNAP_COUNT.to_string()).prepare();
    limited(&server, DESCRIPTORS, DESCRIPTORS);
    let mut writer = client(&server);
    writer.call(&Request::create("/written", b"", flags::PERSISTENT)).expect("a reply");
    let mut silent: Vec<Wire> = (0..CONNECTIONS).map(|_| Wire::open(server.address())).collect();
    let mut waiting = Wire::open(server.address());
    waiting.send(&hello());
    write_much(&mut writer);
    wait_until_full(&server);
    let taken = poll_until(DEADLINE, || (snapshots(&server) >= 2).then_some(()));
    assert!(taken.is_some(), "no snapshots were taken");
    // Whoever waits is served as soon as somebody has left, and nobody who came later is let down.
    silent.truncate(CONNECTIONS / 3);
    let mut welcome = [0; 41];
    waiting.stream.read_exact(&mut welcome).expect("the connection that waited is welcomed");
    assert_stands(&server);
    write_much(&mut writer);
    assert!(server.terminate().success(), "it stops in order");
}

/// At the limit one connection in and one out, over and over: each finds its place, and nothing is lost on the way.
#[test]
fn each_one_that_leaves_makes_room_for_one() {
    let server = setup().prepare();
    limited(&server, DESCRIPTORS, DESCRIPTORS);
    let mut connections: Vec<Wire> = (0..CONNECTIONS).map(|_| Wire::open(server.address())).collect();
    wait_until_full(&server);
    for wire in &mut connections {
        wire.send(&hello());
    }
    // Leaving in the order of coming: those that wait come last.
    for mut wire in connections.drain(..) {
        let mut welcome = [0; 41];
        wire.stream.read_exact(&mut welcome).expect("each is welcomed in its turn");
    }
    assert_stands(&server);
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    let server = setup().prepare();
    limited(&server, 64, 2 * DESCRIPTORS);
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).expect("the process lives");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("Linux tells it");
    assert_eq!(line.split_whitespace().nth(3), Some("512"), "{line}");
    let told = four_letter_word(server.address(), "mntr", DEADLINE).expect("an answer");
    assert!(told.contains("zk_max_file_descriptor_count\t512\n"), "{told}");
    assert_stands(&server);
}
