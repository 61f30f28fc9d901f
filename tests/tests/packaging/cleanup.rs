use crate::{packaging, said};
use paddock_tests::client::Client;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, paddock, poll_until};
use std::fs;
use std::process::Command;

const TIMEOUT_MS: i32 = 20_000;
/// So many snapshots, and segments of the log, there are before some go.
const SNAPSHOTS: usize = 5;
const SEGMENTS: usize = 8;
/// What is kept.
const COUNT: usize = 3;

/// How many files there are whose names begin so.
fn count(server: &Server, prefix: &str) -> usize {
    let entries = fs::read_dir(server.data_dir().join("paddock-1")).expect("it is there").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)).count()
}

fn clean(server: &Server, count: usize) -> crate::Said {
    let mut script = Command::new(packaging("scripts/zkCleanup.sh"));
    let config = server.config_path();
    script.env("ZOOCFGDIR", config.parent().expect("it lies in a directory")).env("PADDOCK", paddock());
    said(script.args(["-n", &count.to_string()]))
}

/// With `autopurge.purgeInterval=0` nothing goes by itself, and a program that is run now and then keeps the disk from filling.
#[test]
fn old_files_go_while_a_server_runs_and_nothing_is_missed() {
    let mut server =
        Setup::new(Kind::Paddock).config("autopurge.purgeInterval", "0").config("snapCount", "20").prepare();
    server.restart();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client");
    let mut number = 0;
    let mut write = || {
        for _ in 0..10 {
            client.ok(&Request::create(&format!("/znode-{number}"), &[7; 100], flags::PERSISTENT));
            number += 1;
        }
    };
    let filled = poll_until(DEADLINE, || {
        write();
        (count(&server, "snapshot.") >= SNAPSHOTS && count(&server, "log.") >= SEGMENTS).then_some(())
    });
    assert!(filled.is_some(), "snapshots are taken and stay");
    let few = clean(&server, COUNT - 1);
    assert!(few.err.contains("count should be greater than or equal to 3") && few.code == Some(1), "{few:?}");
    let before = count(&server, "snapshot.");
    let done = clean(&server, COUNT);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(count(&server, "snapshot.") < before && done.out.contains("/log."), "{done:?}");
    assert!(
        !done.out.is_empty() && done.out.lines().all(|line| line.starts_with("Removing file: ") && line.contains('\t')),
        "{done:?}"
    );
    write();
    server.assert_alive();
    server.kill();
    assert!(!server.log().contains("was removed or moved away"), "{}", server.log_tail());
    server.restart();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client");
    client.ok(&Request::exists(&format!("/znode-{}", number - 1), false));
    client.ok(&Request::exists("/znode-0", false));
}
