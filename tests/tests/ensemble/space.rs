//! The disk of one process is full: of the leader, of a follower, of an observer. It is a file system of its own, which nobody
//! else sees.
use crate::alone;
use crate::crashes::setup;
use paddock_tests::client::Client;
use paddock_tests::content;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, poll_until};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

const TIMEOUT_MS: i32 = 40_000;
/// Has room for a few segments.
const MEGABYTES: usize = 32;
/// Where the observer is.
const OBSERVER: usize = 3;
/// More than is ready in segments, each with so many bytes.
const ZNODES: usize = 300;
const ZNODE_BYTES: usize = 20_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Leader,
    Follower,
    Observer,
}

/// Starts it on a file system of its own, with what it has on the disk.
fn move_to_small_disk(server: &Server) {
    server.kill();
    let mount = format!(
        "cp -a \"$0\" \"$0.kept\" && mount -t tmpfs -o size={MEGABYTES}m tmpfs \"$0\" && cp -a \"$0.kept/.\" \"$0\" && exec \"$@\""
    );
    let data_dir = server.data_dir();
    server.spawn_behind(&["unshare", "--mount", "sh", "-c", &mount, data_dir.to_str().expect("it is text")]);
}

/// A path below the `dataDir` as the process sees it.
fn seen_by(server: &Server, name: &str) -> PathBuf {
    let data_dir = server.data_dir();
    let below = data_dir.strip_prefix("/").expect("an absolute path");
    PathBuf::from(format!("/proc/{}/root", server.pid())).join(below).join(name)
}

fn fill(path: &PathBuf) {
    let mut file = File::create(path).expect("there is room for a name");
    while file.write_all(&[1; 4096]).is_ok() {}
}

#[test]
fn a_full_disk_of_one_loses_nothing_and_is_got_over_without_a_hand() {
    if Kind::under_test() == Kind::Paddock {
        for role in [Role::Observer, Role::Follower, Role::Leader] {
            alone(|| check(role));
        }
    }
}

fn check(role: Role) {
    let setup = setup().config("preAllocSize", "1024").config("snapCount", "1000000");
    let ensemble = Ensemble::start_with_observers(setup, 3, 1);
    let leader = ensemble.wait_for_leader(&ensemble.places());
    let full = match role {
        Role::Observer => OBSERVER,
        Role::Follower => (leader + 1) % 3,
        // Of those who have the same it is elected.
        Role::Leader => 2,
    };
    move_to_small_disk(ensemble.server(full));
    let mut leader = ensemble.wait_for_leader(&ensemble.places());
    if role == Role::Leader && leader != full {
        // It is elected if only one of the others is there to vote.
        let away = (0..3).find(|place| ![leader, full].contains(place)).expect("there are three");
        ensemble.kill(&[leader, away]);
        ensemble.server(away).spawn();
        leader = ensemble.wait_for_leader(&[full, away]);
        assert_eq!(leader, full, "the largest id is elected");
        ensemble.server((0..3).find(|place| ![full, away].contains(place)).expect("there are three")).spawn();
        ensemble.wait_for_leader(&ensemble.places());
    }
    eprintln!("{role:?}: place {full} has the small disk, {leader} leads");
    let others: Vec<usize> = ensemble.voters().into_iter().filter(|place| *place != full).collect();
    let server = ensemble.server(full);
    let ballast = seen_by(server, "ballast");
    fill(&ballast);
    let mut acknowledged = Vec::new();
    let mut client: Option<Client> = None;
    for number in 0..ZNODES {
        let path = format!("/{number}");
        let request = Request::create(&path, &[7; ZNODE_BYTES], flags::PERSISTENT);
        let other = ensemble.server(others[number % others.len()]).address();
        let connect = || poll_until(DEADLINE, || Client::connect(other, TIMEOUT_MS).ok());
        let mut connected = client.take().or_else(connect).expect("the others serve");
        // What was asked for when its server went has been done or not.
        if connected.call(&request).is_ok_and(|reply| reply.err == 0) {
            acknowledged.push(path);
            client = Some(connected);
        }
    }
    assert!(acknowledged.len() > ZNODES / 2, "{role:?}: the others go on: {}", acknowledged.len());
    let said = server.log();
    assert!(said.contains("no space is left for the transaction log"), "{role:?}: it is told\n{said}");
    assert!(said.contains("free space on that file system"), "{role:?}: it says what to do\n{said}");
    assert_eq!(server.exit_status(), None, "{role:?}: it waits for space");
    assert!(!said.contains("panicked"), "{role:?}: {said}");
    // There is another leader, which the one without space cannot promise anything.
    let leader = ensemble.wait_for_leader(&others);
    ensemble.server(leader).kill();
    ensemble.server(leader).spawn();
    ensemble.wait_for_leader(&others);
    assert_eq!(server.exit_status(), None, "{role:?}: it waits for space\n{}", server.log());
    fs::remove_file(&ballast).expect("it is there");
    let back = poll_until(DEADLINE, || server.mode());
    assert!(back.is_some(), "{role:?}: it is not back\n{}", server.log());
    ensemble.wait_for_leader(&ensemble.places());
    let shown = ensemble.places().into_iter().map(|place| {
        let mut client = Client::connect(ensemble.server(place).address(), TIMEOUT_MS).expect("it serves");
        client.ok(&Request::sync("/"));
        content::of_server(&mut client)
    });
    let shown: Vec<content::Content> = shown.collect();
    let lost = acknowledged.iter().find(|path| !shown[full].contains_key(*path));
    assert_eq!(lost, None, "{role:?}: it was acknowledged");
    shown.iter().for_each(|content| content::assert_same(&shown[0], content));
    let lines = server.log().lines().filter(|line| line.contains("ERROR")).count();
    assert!(lines < 20, "{role:?}: {lines} errors are told\n{}", server.log());
}
