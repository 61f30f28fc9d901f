//! The same by the commands: Paddock serves what `paddock convert` makes of a killed ZooKeeper's files, and a ZooKeeper
//! serves what it writes back.
//!
//! `PADDOCK_CONVERTED` sets how many znodes there are at least (`cargo xtask conversions`).

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use paddock_engine::zookeeper::Compression;
use paddock_tests::client::Client;
use paddock_tests::content::{Content, assert_same, of_server};
use paddock_tests::installed::current_zookeeper;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, four_letter_word, paddock};
use serde_json::Value;

use crate::filling::{CHILDREN, fill, reattach};

/// With fewer, ZooKeeper is too busy to take the next snapshot.
const SNAP_COUNT_MIN: usize = 500;
/// Znodes in the usual test run.
const ZNODES: usize = 2000;

fn znodes() -> usize {
    let told = std::env::var("PADDOCK_CONVERTED");
    told.map_or(ZNODES, |text| text.parse().expect("the variable is a number"))
}

fn setup(kind: Kind, class_path: Option<&str>, method: &str, znodes: usize) -> Setup {
    let setup = Setup::new(kind)
        // No session ends while many znodes are read.
        .config("maxSessionTimeout", "600000")
        .property("zookeeper.extendedTypesEnabled", "true")
        .property("zookeeper.snapshot.compression.method", method)
        // Several snapshots are taken meanwhile, and the logs go on in new files.
        .property("zookeeper.snapCount", &(znodes / 2).max(SNAP_COUNT_MIN).to_string())
        .property("zookeeper.preAllocSize", "256");
    class_path.map(str::to_owned).into_iter().fold(setup, Setup::class_path)
}

/// What a command says on stdout and stderr together, and its exit code.
pub fn run(arguments: &[&str], paths: &[&Path]) -> (String, i32) {
    let done = Command::new(paddock()).args(arguments).args(paths).output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(!said.contains("panicked"), "{said}");
    (said, done.status.code().expect("no signal ended it"))
}

#[track_caller]
pub fn converted(arguments: &[&str], paths: &[&Path]) -> Value {
    let words = ["convert", "--json", "-Dzookeeper.extendedTypesEnabled=true"];
    let (said, code) = run(&[&words, arguments].concat(), paths);
    assert_eq!(code, 0, "{arguments:?}: {said}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// What must be equal on the way there and on the way back.
pub fn state(converted: &Value) -> [&Value; 4] {
    ["zxid", "znodes", "sessions", "digest"].map(|name| &converted[name])
}

fn zxid(converted: &Value) -> i64 {
    let text = converted["zxid"].as_str().and_then(|text| text.strip_prefix("0x")).expect("it is told");
    i64::from_str_radix(text, 16).expect("it is a number")
}

/// The sessions of the newest snapshot in a `dataDir`, as `paddock snapshot show` tells them.
fn sessions_in(data_dir: &Path) -> Vec<String> {
    let (said, code) = run(&["snapshot", "show"], &[data_dir]);
    assert_eq!(code, 0, "{said}");
    let mut sessions: Vec<String> =
        said.lines().filter(|line| line.starts_with("session ")).map(str::to_owned).collect();
    sessions.sort();
    sessions
}

/// The same from what their clients know.
fn sessions_of(clients: &[Client], content: &Content) -> Vec<String> {
    let line = |client: &Client| {
        let (id, timeout_ms) = (client.session.id, client.session.timeout_ms);
        let ephemerals = content.values().filter(|seen| seen.stat.ephemeral_owner == id).count();
        format!("session 0x{id:x}, timeout {timeout_ms} ms, {ephemerals} ephemerals")
    };
    let mut sessions: Vec<String> = clients.iter().map(line).collect();
    sessions.sort();
    sessions
}

/// Everything as it is served to the sessions, which live on.
fn served(server: &Server, clients: &[Client]) -> (Client, Content) {
    let mut clients: Vec<Client> = clients.iter().map(|client| reattach(server, client)).collect();
    let mut client = clients.swap_remove(0);
    let content = of_server(&mut client);
    (client, content)
}

/// The value behind a word of a server's answer.
fn told(server: &Server, word: &str, name: &str) -> String {
    let told = four_letter_word(server.address(), word, DEADLINE).expect("it is answered");
    let value = told.lines().find_map(|line| line.strip_prefix(name));
    value.unwrap_or_else(|| panic!("no {name} in {told}")).trim().to_owned()
}

fn by_command(class_path: Option<&str>, compression: Compression, znodes: usize) {
    let began = Instant::now();
    let (extension, method) = (compression.extension(), compression.extension().trim_start_matches('.'));
    let property = format!("-Dzookeeper.snapshot.compression.method={method}");
    let setup = |kind| setup(kind, class_path, method, znodes);
    let theirs = setup(Kind::ZooKeeper).start();
    let version = told(&theirs, "srvr", "Zookeeper version: ");
    let mut clients = fill(theirs.address(), znodes.div_ceil(CHILDREN));
    let was = of_server(&mut clients[0]);
    theirs.kill();

    let mut ours = setup(Kind::Paddock).prepare();
    ours.configure("dataDir", Some(&theirs.data_dir()));
    let there = converted(&["--from-zookeeper"], &[&ours.config_path()]);
    assert!(there["snapshot"].as_str().is_some_and(|path| path.ends_with(extension)), "{there}");
    assert_eq!(there["digestAgreedAt"], there["zxid"], "the digests agree to the end: {there}");
    assert_eq!(there["remarks"], Value::Array(Vec::new()));
    let sessions = sessions_of(&clients, &was);
    assert_eq!(sessions_in(&theirs.data_dir()), sessions);
    ours.restart();
    assert_same(&was, &served(&ours, &clients).1);
    ours.kill();

    let mut again = setup(Kind::ZooKeeper).prepare();
    let back = converted(&[&property, "--to-zookeeper"], &[&again.data_dir(), &ours.config_path()]);
    assert!(back["file"].as_str().is_some_and(|path| path.ends_with(extension)), "{back}");
    assert_eq!(state(&back), state(&there));
    assert_eq!(sessions_in(&again.data_dir()), sessions);
    again.restart();
    let (mut client, content) = served(&again, &clients);
    assert_same(&was, &content);
    client.ok(&Request::create("/after", b"", flags::PERSISTENT));
    assert_eq!(told(&again, "mntr", "zk_digest_mismatches_count\t"), "0");
    again.kill();
    // The digest of the last transaction is ZooKeeper's own.
    let last = converted(&["--from-zookeeper", "--data-dir"], &[&again.data_dir()]);
    assert_eq!((zxid(&last), &last["digestAgreedAt"]), (zxid(&back) + 1, &last["zxid"]));

    let version = version.split('-').next().unwrap_or_default();
    let method = if method.is_empty() { "not compressed" } else { method };
    println!(
        "ZooKeeper {version}, {method}: {} znodes, {} ephemerals, {} sessions, digest {} after {}, the same on every side, no mismatch; \
         there in {} ms, back in {} ms, all in {:.0} s",
        there["znodes"],
        there["ephemerals"],
        there["sessions"],
        there["digest"].as_str().unwrap_or_default(),
        there["zxid"].as_str().unwrap_or_default(),
        there["millis"],
        back["millis"],
        began.elapsed().as_secs_f64()
    );
}

#[test]
fn a_zookeeper_3_8_goes_there_and_back() {
    by_command(None, Compression::None, znodes());
}

#[test]
fn a_zookeeper_3_9_goes_there_and_back() {
    by_command(Some(&current_zookeeper()), Compression::None, znodes());
}

/// The znodes are a tenth of the others': what is compressed is the same.
#[test]
fn a_zookeeper_that_compresses_by_gzip_goes_there_and_back() {
    by_command(Some(&current_zookeeper()), Compression::Gzip, znodes() / 10);
}

#[test]
fn a_zookeeper_that_compresses_by_snappy_goes_there_and_back() {
    by_command(Some(&current_zookeeper()), Compression::Snappy, znodes() / 10);
}
