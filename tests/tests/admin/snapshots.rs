//! `snapshot`: what it sends is a snapshot of ZooKeeper, of all that was acknowledged, and a ZooKeeper and a Paddock begin with it.
use crate::{SUPER, TIMEOUT_MS, setup, start, start_with, zookeeper_with_jetty};
use paddock_tests::client::Client;
use paddock_tests::http::{Answer, Connection, ask};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, paddock, poll_until};
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

const ZNODES: usize = 2_000;

fn fill(client: &mut Client) {
    for number in 0..ZNODES {
        client.queue(&Request::create(&format!("/n{number}"), &[b'x'; 100], 0));
    }
    client.flush().expect("they are sent");
    (0..ZNODES).for_each(|_| assert_eq!(client.next_reply().expect("a reply").err, 0));
}

/// Asks until it is not too early for another one.
fn snapshot(address: std::net::SocketAddr) -> Answer {
    let taken = poll_until(DEADLINE, || {
        Some(ask(address, "GET", "/commands/snapshot", &[SUPER])).filter(|answer| answer.status != 429)
    });
    taken.expect("there is a limit for how often, and no more")
}

/// The zxid in the header, in hexadecimal.
fn zxid_of(answer: &Answer) -> &str {
    answer.header("last_zxid").and_then(|zxid| zxid.strip_prefix("0x")).expect("it is told")
}

fn check(answer: &Answer) {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/octet-stream")));
    assert_eq!(answer.header("snapshot_size"), Some(answer.body.len().to_string().as_str()));
    assert!(answer.body.starts_with(b"ZKSN"));
}

#[test]
fn all_that_is_acknowledged_is_in_it_whatever_goes_on() {
    let admin = start();
    let mut client = Client::connect(admin.server.address(), TIMEOUT_MS).expect("handshake");
    fill(&mut client);
    let (address, is_over) = (admin.server.address(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = Client::connect(address, TIMEOUT_MS).expect("handshake");
            while !is_over.load(Ordering::Relaxed) {
                writer.ok(&Request::set_data("/n0", b"y", -1));
            }
        });
        for _ in 0..3 {
            let created = client.ok(&Request::create("/last", b"", 0)).zxid;
            let taken = snapshot(admin.address);
            check(&taken);
            let zxid = i64::from_str_radix(zxid_of(&taken), 16).expect("a zxid");
            assert!(zxid >= created, "{zxid:x} is before {created:x}");
            assert!(taken.body.windows(5).any(|bytes| bytes == b"/last"));
            client.ok(&Request::delete("/last", -1));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let leftover = fs::read_dir(admin.server.data_dir()).expect("a directory").flatten();
    let names: Vec<_> = leftover.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(!names.iter().any(|name| name.contains("spool")), "{names:?}");
}

#[test]
fn a_paddock_begins_with_it() {
    let admin = start();
    let mut client = Client::connect(admin.server.address(), TIMEOUT_MS).expect("handshake");
    fill(&mut client);
    let taken = snapshot(admin.address);
    check(&taken);
    let (setup, _) = setup(Kind::Paddock);
    let mut other = setup.prepare();
    let version_2 = other.data_dir().join("version-2");
    fs::create_dir_all(&version_2).expect("it is writable");
    fs::write(version_2.join(format!("snapshot.{}", zxid_of(&taken))), &taken.body).expect("it is writable");
    let mut convert = Command::new(paddock());
    convert.args(["convert", "--accept-missing-logs", "--from-zookeeper"]).arg(other.config_path());
    let told = convert.output().expect("it runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    other.restart();
    let mut client = Client::connect(other.address(), TIMEOUT_MS).expect("handshake");
    assert_eq!(client.code(&Request::exists(&format!("/n{}", ZNODES - 1), false)), 0);
}

#[test]
fn a_zookeeper_restores_it() {
    let admin = start();
    let mut client = Client::connect(admin.server.address(), TIMEOUT_MS).expect("handshake");
    fill(&mut client);
    let taken = snapshot(admin.address);
    check(&taken);
    let (setup, address) = setup(Kind::ZooKeeper);
    let zookeeper = setup.class_path(zookeeper_with_jetty()).start();
    let mut connection = Connection::open(address).expect("the AdminServer is there");
    let headers = [SUPER, ("content-type", "application/octet-stream")];
    let answer = connection.ask_with("POST", "/commands/restore", &headers, Some(&taken.body)).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut client = Client::connect(zookeeper.address(), TIMEOUT_MS).expect("handshake");
    assert_eq!(client.code(&Request::exists(&format!("/n{}", ZNODES - 1), false)), 0);
}

#[test]
fn they_are_not_taken_more_often_than_the_operator_wants() {
    // Microseconds, as ZooKeeper 3.9 takes the number: more than half an hour.
    let admin = start_with(|setup| setup.config("admin.rateLimiterIntervalInMS", "2147483647"));
    let statuses = [(); 3].map(|()| ask(admin.address, "GET", "/commands/snapshot", &[SUPER]).status);
    assert_eq!(statuses, [200, 429, 429]);
    assert_eq!(admin.json("monitor")["snapshot_rate_limited_count"], 2);
    admin.json("srst");
    assert_eq!(admin.json("monitor")["snapshot_rate_limited_count"], 0);
}
