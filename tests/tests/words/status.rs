//! `paddock status`: what it makes of the answers of servers.
use crate::setup;
use paddock_tests::server::{Server, paddock};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::thread;

const NOT_RUNNING: &str = "Error contacting service. It is probably not running.\n";

/// What it prints, what it says to people, and what it ends with.
fn status(arguments: &[&str]) -> (String, String, Option<i32>) {
    let done = Command::new(paddock()).arg("status").args(arguments).output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (text(&done.stdout), text(&done.stderr), done.status.code())
}

/// A server that answers one question.
fn stand_in(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("somebody asks");
        let mut word = Vec::new();
        client.read_to_end(&mut word).expect("the question ends");
        assert_eq!(word, b"srvr");
        client.write_all(answer.as_bytes()).expect("it is read");
    });
    address
}

fn found(server: &Server) -> String {
    format!("Client port found: {}. Client address: 127.0.0.1. Client SSL: false.\n", server.address().port())
}

#[test]
fn one_server_is_told_of_in_the_lines_of_zookeepers_script() {
    let server = setup().start();
    let (address, file) = (server.connect_string(), server.config_path());
    let targets = [&address, file.to_str().expect("text")];
    for target in targets {
        let expected = (found(&server) + "Mode: standalone\n", String::new(), Some(0));
        assert_eq!(status(&[target]), expected, "{target}");
    }
    server.kill();
    for target in targets {
        let (told, why, code) = status(&[target]);
        assert_eq!((told, code), (found(&server) + NOT_RUNNING, Some(1)));
        assert_eq!(why.lines().count(), 1, "{why}");
        assert!(why.contains(&format!("{address}: it does not answer: ")), "{why}");
    }
}

#[test]
fn a_server_that_serves_nobody_is_not_one_that_does_not_run() {
    let looking = stand_in("This ZooKeeper instance is not currently serving requests\n").to_string();
    let (told, why, code) = status(&[&looking]);
    assert!(told.ends_with(NOT_RUNNING), "scripts know this line alone: {told}");
    assert!(why.contains("it runs, but serves no clients"), "{why}");
    assert_eq!(code, Some(1));
}

#[test]
fn several_servers_are_a_table_and_one_that_fails_is_told_of() {
    let server = setup().start();
    let leads = "Latency min/avg/max: 0/0.4213/37\nConnections: 12\nZxid: 0x1400000a2f\nMode: leader\n";
    let row = |told: &str, target: &str| {
        let row = told.lines().find(|line| line.starts_with(target)).unwrap_or_else(|| panic!("{target} in {told}"));
        row.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let (address, leader) = (server.connect_string(), stand_in(leads).to_string());
    let (told, why, code) = status(&[&address, &leader]);
    assert!(told.starts_with("server ") && told.lines().count() == 3, "{told}");
    assert_eq!(row(&told, &leader), ["leader", "0x1400000a2f", "12", "0/0.4213/37"]);
    assert_eq!(row(&told, &address)[0], "standalone");
    assert_eq!((why, code), (String::new(), Some(0)));

    let leader = stand_in(leads).to_string();
    server.kill();
    let (told, why, code) = status(&[&address, &leader, "--json"]);
    let objects: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert_eq!((&objects[0]["address"], &objects[0]["mode"]), (&address.into(), &serde_json::Value::Null));
    assert_eq!((&objects[1]["mode"], &objects[1]["connections"]), (&"leader".into(), &12.into()));
    assert!(why.contains("it does not answer") && code == Some(1), "{why}");
}

#[test]
fn a_file_may_name_every_server_of_an_ensemble() {
    let server = setup().start();
    let follows = stand_in("Zxid: 0x1\nMode: follower\n");
    let line = |id, port| format!("server.{id}=127.0.0.1:{id}2888:{id}3888;{port}\n");
    let text = line(1, server.address().port()) + &line(2, follows.port());
    let file = server.data_dir().join("ensemble.cfg");
    std::fs::write(&file, text).expect("the directory is writable");
    let (told, why, code) = status(&["--all", file.to_str().expect("text")]);
    let rows: Vec<&str> = told.lines().skip(1).collect();
    assert!(rows[0].starts_with("server.1 ") && rows[0].contains(" standalone "), "{told}");
    assert!(rows[1].starts_with("server.2 ") && rows[1].contains(" follower "), "{told}");
    assert_eq!((rows.len(), why, code), (2, String::new(), Some(0)));
}

#[test]
fn what_is_no_server_is_refused_in_one_sentence() {
    for arguments in [&["zk1"][..], &["/nonexistent/zoo.cfg"], &["127.0.0.1:1", "zk1"]] {
        let (told, why, code) = status(arguments);
        assert_eq!((told, code), (String::new(), Some(1)), "{arguments:?}");
        assert!(why.contains("is neither HOST:PORT nor a file") && why.lines().count() == 1, "{why}");
    }
}
