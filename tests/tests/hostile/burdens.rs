//! Clients that do not read, too many of them, and requests that cost more than they weigh.
use crate::wire::{BIG, TIMEOUT_MS, Wire, assert_stands, client, hello, server, setup};
use paddock_tests::client::Client;
use paddock_tests::records::{Acl, err, flags, op};
use paddock_tests::request::Request;
use paddock_tests::server::Server;
use std::io::Read;
use std::process::Command;
use std::time::{Duration, Instant};

/// What one client that does not read may make the server's memory grow by, bytes: room for a few dozen big replies.
/// Several times that where a connection is only closed once it has too much: buffers double, and are freed later.
const UNREAD_BYTES: u64 = 96 << 20;
const UNREAD_REPLIES: usize = 1_000;
/// What the credentials of one connection may take, bytes.
const CREDENTIAL_BYTES: u64 = 64 << 20;
const CREDENTIALS: usize = 200;
/// What a connection may take that has said nothing, or little, bytes; buffers of its thread's share included.
const CONNECTION_BYTES: u64 = 12 << 10;
const CONNECTIONS: usize = 10_000;
/// Descriptors that this process needs besides the connections.
const SPARE_DESCRIPTORS: usize = 500;
/// Others wait no longer than this, whatever one client asks for.
const PATIENCE: Duration = Duration::from_secs(3);

fn with_big_znode() -> (Server, Client) {
    let server = server();
    let mut client = client(&server);
    client.call(&Request::create("/big", &vec![7; BIG], flags::PERSISTENT)).expect("a reply");
    (server, client)
}

fn assert_grown_less(server: &Server, before: u64, bound: u64) {
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < bound, "the server's memory grew by {} MiB, {} are allowed", grown >> 20, bound >> 20);
}

#[test]
fn replies_that_nobody_reads_do_not_gather() {
    let (server, mut greedy) = with_big_znode();
    let before = server.resident_bytes();
    for _ in 0..UNREAD_REPLIES {
        greedy.queue(&Request::get_data("/big", false));
    }
    greedy.flush().expect("small requests are taken");
    assert_stands(&server);
    assert_grown_less(&server, before, UNREAD_BYTES);
    for _ in 0..UNREAD_REPLIES {
        assert_eq!(greedy.next_reply().expect("it was only slow").err, err::OK);
    }
    assert_stands(&server);
}

/// Reads behind a write wait for it; when it is answered they must not all be answered into memory.
#[test]
fn replies_behind_a_write_that_nobody_reads_do_not_gather() {
    let (server, mut greedy) = with_big_znode();
    let mut witness = client(&server);
    witness.call(&Request::get_data("/zookeeper/quota", true)).expect("a reply");
    let before = server.resident_bytes();
    greedy.queue(&Request::set_data("/zookeeper/quota", b"now", -1));
    for _ in 0..UNREAD_REPLIES {
        greedy.queue(&Request::get_data("/big", false));
    }
    greedy.flush().expect("small requests are taken");
    witness.next_event().expect("the write is done");
    // A round on every reactor: what followed from the write has happened after it.
    assert_stands(&server);
    assert_grown_less(&server, before, UNREAD_BYTES);
}

/// What a read behind a write will weigh is not known before the write is done.
#[test]
fn replies_that_a_write_makes_long_do_not_gather() {
    let server = server();
    let mut greedy = client(&server);
    greedy.call(&Request::create("/grows", b"", flags::PERSISTENT)).expect("a reply");
    let mut witness = client(&server);
    witness.call(&Request::get_data("/grows", true)).expect("a reply");
    let before = server.resident_bytes();
    greedy.queue(&Request::set_data("/grows", &vec![7; BIG], -1));
    for _ in 0..UNREAD_REPLIES {
        greedy.queue(&Request::get_data("/grows", false));
    }
    greedy.flush().expect("small requests are taken");
    witness.next_event().expect("the write is done");
    assert_stands(&server);
    assert_grown_less(&server, before, 3 * UNREAD_BYTES);
}

/// A list of ephemerals comes from the replica, and is long where a session has many.
#[test]
fn lists_of_ephemerals_that_nobody_reads_do_not_gather() {
    let server = server();
    let mut greedy = client(&server);
    for number in 0..1_000 {
        greedy.queue(&Request::create(&format!("/{number}{}", "n".repeat(1_000)), b"", flags::EPHEMERAL));
    }
    greedy.flush().expect("small requests are taken");
    for _ in 0..1_000 {
        assert_eq!(greedy.next_reply().expect("a reply").err, err::OK);
    }
    let before = server.resident_bytes();
    for _ in 0..UNREAD_REPLIES {
        greedy.queue(&Request::get_ephemerals("/"));
    }
    // The server may have closed the connection by then.
    let _ = greedy.flush();
    assert_stands(&server);
    assert_grown_less(&server, before, 6 * UNREAD_BYTES);
}

#[test]
fn credentials_of_one_connection_are_bounded() {
    let server = server();
    let before = server.resident_bytes();
    let mut wire = Wire::open(server.address());
    wire.send(&hello());
    for number in 0..CREDENTIALS {
        let credential = format!("{number:06}").repeat(BIG / 6) + ":p";
        wire.send(&crate::wire::request(-4, &Request::auth("digest", credential.as_bytes())));
    }
    // A refusal is as good as an answer; the last one has been looked at when either has come.
    let mut answers = [0; 41 + 20];
    wire.stream.read_exact(&mut answers).expect("the first is answered");
    assert_stands(&server);
    assert_grown_less(&server, before, CREDENTIAL_BYTES);
}

/// Entries of one list are compared with each other: a list that fills a frame must not cost their square.
#[test]
fn a_list_of_many_entries_keeps_nobody_waiting() {
    let server = server();
    let (mut hostile, mut other) = (client(&server), client(&server));
    let entries = 50_000;
    let acl = (0..entries).map(|number| Acl::new(31, "ip", &format!("{number:05}"))).collect();
    let path = Some("/list".into());
    hostile.queue(&Request::Create { opcode: op::CREATE, path, data: None, acl: Some(acl), flags: 0 });
    hostile.flush().expect("it fits a frame");
    let began = Instant::now();
    while hostile.outstanding() > 0 && began.elapsed() < PATIENCE {
        let asked = Instant::now();
        other.call(&Request::set_data("/zookeeper/quota", b"", -1)).expect("a reply");
        assert!(asked.elapsed() < PATIENCE, "another client waited {:?} for its write", asked.elapsed());
        hostile.queue(&Request::ping());
        hostile.flush().expect("it is taken");
        assert_eq!(hostile.next_reply().expect("a reply").err, err::INVALID_ACL);
        hostile.next_reply().expect("the ping's");
    }
    assert_stands(&server);
}

/// Lists of ephemerals that all but nothing is found in: small requests, small replies, and long looks between them. Where
/// the replica serves the clients itself it has to look up from them.
#[test]
fn long_looks_at_ephemerals_leave_others_their_turns() {
    const EPHEMERALS: usize = 30_000;
    const LISTS: usize = 1_000;
    const ANSWERED_MEANWHILE: usize = 20;
    let server = setup().config("forceSync", "no").property("paddock.reactors", "0").start();
    let (mut owner, mut other) = (client(&server), client(&server));
    for number in 0..EPHEMERALS {
        owner.queue(&Request::create(&format!("/ephemeral-{number}"), b"", flags::EPHEMERAL));
    }
    owner.flush().expect("the creates are taken");
    for _ in 0..EPHEMERALS {
        assert_eq!(owner.next_reply().expect("a reply").err, err::OK);
    }
    for _ in 0..LISTS {
        owner.queue(&Request::get_ephemerals("/ephemeral-none"));
    }
    owner.flush().expect("the lists are asked for");
    let listing = std::thread::spawn(move || {
        for _ in 0..LISTS {
            assert_eq!(owner.next_reply().expect("a list").err, err::OK);
        }
    });
    let mut answered = 0;
    while !listing.is_finished() {
        other.call(&Request::exists("/", false)).expect("a reply");
        answered += 1;
    }
    listing.join().expect("every list is told");
    assert!(answered >= ANSWERED_MEANWHILE, "{answered} reads were answered while {LISTS} lists were looked for");
    assert_stands(&server);
}

/// Each `auth` entry becomes one entry for each identity of the caller: 100 KB of request, 100 MB of transaction.
#[test]
fn a_list_that_unfolds_does_not_end_the_server() {
    let server = server();
    let mut hostile = client(&server);
    let name = "n".repeat(20_000) + ":p";
    hostile.call(&Request::auth("digest", name.as_bytes())).expect("a reply");
    let acl = (1..=5_000).map(|perms| Acl::new(perms, "auth", "")).collect();
    let path = Some("/unfolded".into());
    // Any answer, or none, but one that leaves the server alive.
    let _ = hostile.call(&Request::Create { opcode: op::CREATE, path, data: None, acl: Some(acl), flags: 0 });
    assert_stands(&server);
}

/// Raises the limit of open files of this process, and so of the servers it starts, as far as it goes; tells how far.
fn raise_descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("Linux tells the limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("this one too");
    let hard = line.split_whitespace().nth(4).expect("name, soft, hard");
    let pid = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={hard}:{hard}")]).status();
    let soft = line.split_whitespace().nth(3).expect("name, soft");
    let limit = if raised.is_ok_and(|status| status.success()) { hard } else { soft };
    limit.parse().unwrap_or(usize::MAX)
}

#[test]
fn many_connections_half_of_them_silent() {
    let count = CONNECTIONS.min(raise_descriptors().saturating_sub(SPARE_DESCRIPTORS));
    let server = setup().start();
    let mut worker = client(&server);
    worker.call(&Request::create("/work", b"", flags::PERSISTENT)).expect("a reply");
    let before = server.resident_bytes();
    let mut silent = Vec::new();
    let mut greeted = Vec::new();
    for number in 0..count / 2 {
        silent.push(Wire::open(server.address()));
        let mut wire = Wire::open(server.address());
        wire.send(&hello());
        greeted.push(wire);
        if number % 100 == 0 {
            assert_eq!(worker.call(&Request::set_data("/work", b"x", -1)).expect("it is served").err, err::OK);
            assert_eq!(worker.call(&Request::get_data("/work", false)).expect("it is served").err, err::OK);
        }
    }
    let mut welcome = [0; 41];
    for wire in &mut greeted {
        wire.stream.read_exact(&mut welcome).expect("each is welcomed");
    }
    let bound = CONNECTION_BYTES * count as u64;
    assert_grown_less(&server, before, bound);
    let began = Instant::now();
    assert_eq!(worker.call(&Request::set_data("/work", b"y", -1)).expect("it is served").err, err::OK);
    assert!(began.elapsed() < PATIENCE, "a write took {:?}", began.elapsed());
    drop((silent, greeted));
    assert_stands(&server);
    let mut late = Client::connect(server.address(), TIMEOUT_MS).expect("there is room again");
    assert_eq!(late.call(&Request::ping()).expect("a reply").err, err::OK);
}
