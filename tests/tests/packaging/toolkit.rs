use crate::{fine, packaging, said};
use paddock_tests::client::Client;
use paddock_tests::installed::{class_path, current_zookeeper};
use paddock_tests::records::{Acl, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup, TempDir, paddock};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TIMEOUT_MS: i32 = 20_000;
/// Behind `org.apache.zookeeper.server.`, and the scripts that stand for them here.
const TXN_LOG: (&str, &str) = ("persistence.TxnLogToolkit", "zkTxnLogToolkit.sh");
const FORMATTER: (&str, &str) = ("SnapshotFormatter", "zkSnapShotToolkit.sh");
const SUMMARY: (&str, &str) = ("SnapshotRecursiveSummary", "zkSnapshotRecursiveSummaryToolkit.sh");
const COMPARER: (&str, &str) = ("SnapshotComparer", "zkSnapshotComparer.sh");

/// A ZooKeeper that has served a little, so that its log has transactions of every kind that its tool tells of alike in each
/// version: the log of 3.9's multis is bytes.
fn left() -> Server {
    let server = Setup::new(Kind::ZooKeeper).property("zookeeper.extendedTypesEnabled", "true");
    let server = server.class_path(current_zookeeper()).start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client");
    client.ok(&Request::create("/app", b"top", flags::PERSISTENT));
    client.ok(&Request::create("/app/one,}%", b"some, text", flags::PERSISTENT));
    client.ok(&Request::create("/app/empty", b"", flags::PERSISTENT));
    client.ok(&Request::create("/app/alive", b"12345", flags::EPHEMERAL));
    client.ok(&Request::create_container("/app/container"));
    client.ok(&Request::create_ttl("/app/ttl", flags::TTL, 100_000_000));
    client.ok(&Request::create_with_acl("/app/closed", vec![Acl::new(3, "ip", "127.0.0.1")], flags::PERSISTENT));
    client.ok(&Request::set_data("/app/empty", b"longer", -1));
    client.ok(&Request::set_acl(
        "/app/empty",
        vec![Acl::new(31, "ip", "127.0.0.1"), Acl::new(1, "world", "anyone")],
        -1,
    ));
    client.ok(&Request::create("/gone", b"", flags::PERSISTENT));
    client.ok(&Request::delete("/gone", -1));
    client.code(&Request::delete("/none", -1));
    client.ok(&Request::close());
    let mut other = Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client");
    other.ok(&Request::create("/last", b"", flags::EPHEMERAL));
    server.kill();
    server
}

/// What ZooKeeper's own tool says.
fn theirs((class, _): (&str, &str), words: &[&str]) -> String {
    let jars = format!("{}:{}", current_zookeeper(), class_path(&["commons-cli", "jackson-core", "snappy-java"]));
    let mut java = Command::new("java");
    java.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.language=en", "-Duser.country=US"]);
    java.args([
        "-Duser.timezone=UTC",
        "-Dfile.encoding=UTF-8",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
        "-cp",
        &jars,
    ]);
    java.arg(format!("org.apache.zookeeper.server.{class}")).args(words);
    // Newer JVMs have a narrow blank that does not break before AM.
    fine(&mut java).replace('\u{202f}', " ")
}

fn ours((_, script): (&str, &str), words: &[&str]) -> String {
    let mut ours = Command::new(packaging("scripts").join(script));
    fine(ours.env("PADDOCK", paddock()).env("TZ", "UTC").args(words))
}

/// The only file whose name begins so in `version-2`.
fn file(data_dir: &Path, prefix: &str) -> PathBuf {
    let entries = fs::read_dir(data_dir.join("version-2")).expect("it is there").flatten();
    let mut found = entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains(prefix));
    let file = found.next().unwrap_or_else(|| panic!("there is no {prefix}"));
    assert_eq!(found.next(), None, "there is one {prefix}");
    file
}

/// The state of a ZooKeeper as a snapshot of it: converted, and back.
fn snapshot(server: &Server, into: &TempDir, name: &str) -> PathBuf {
    let (cfg, out) = (server.config_path(), into.path().join(name));
    let convert = |words: &[&str]| {
        let mut convert = Command::new(paddock());
        convert.args(["convert", "-Dzookeeper.extendedTypesEnabled=true"]).args(words);
        convert
    };
    fine(convert(&["--from-zookeeper"]).arg(&cfg));
    fine(convert(&["--to-zookeeper"]).arg(&out).arg(&cfg));
    file(&out, "/snapshot.")
}

/// Pieces in an order of their own: ZooKeeper has children in that of a hash table.
fn sorted(text: &str, between: &str) -> Vec<String> {
    let mut pieces: Vec<String> = text.split(between).map(str::to_owned).collect();
    pieces.sort();
    pieces
}

#[test]
fn files_are_told_of_as_by_zookeepers_own_tools() {
    let server = left();
    let log = file(&server.data_dir(), "/log.");
    let log = log.to_str().expect("UTF-8");
    let told = ours(TXN_LOG, &[log]);
    assert_eq!(told, theirs(TXN_LOG, &[log]));
    for kind in ["createTTL ", "createContainer ", "setACL ", "error -101", "closeSession v{'/app/alive}"] {
        assert!(told.contains(kind), "{kind} is not in {told}");
    }
    let chop = |tool: fn((&str, &str), &[&str]) -> String, zxid: &str| {
        let copy = format!("{log}.chopped{zxid}");
        let said = tool(TXN_LOG, &["-c", "-z", zxid, log]);
        // ZooKeeper leaves a whole copy where it has nothing to cut off.
        let bytes = fs::read(&copy).ok().filter(|_| said.contains("Chopping at"));
        drop(fs::remove_file(&copy));
        (said, bytes)
    };
    for zxid in ["3", "1000"] {
        assert_eq!(chop(ours, zxid), chop(theirs, zxid), "{zxid}");
    }
    let mut bytes = fs::read(log).expect("it is readable");
    let at = bytes.windows(10).position(|window| window == b"some, text").expect("it is logged");
    bytes[at] ^= 1;
    let dir = TempDir::new("toolkit");
    let damaged = dir.write("log.damaged", &bytes);
    let damaged = damaged.to_str().expect("UTF-8");
    let told = ours(TXN_LOG, &[damaged]);
    assert_eq!(told, theirs(TXN_LOG, &[damaged]));
    assert_eq!(told.matches("CRC ERROR - ").count(), 1, "{told}");
}

#[test]
fn snapshots_are_told_of_as_by_zookeepers_own_tools() {
    let (server, dir) = (left(), TempDir::new("toolkit"));
    let first = snapshot(&server, &dir, "first");
    let first = first.to_str().expect("UTF-8");
    for words in [&[first][..], &["-d", first]] {
        let (ours, theirs) = (ours(FORMATTER, words), theirs(FORMATTER, words));
        assert_eq!(sorted(&ours, "----\n"), sorted(&theirs, "----\n"), "{words:?}");
    }
    let names = |text: &str| -> BTreeSet<String> {
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        assert!(value[2]["progname"].is_string() && value[3].is_array(), "{text}");
        text.split("\"name\":")
            .skip(1)
            .map(|rest| rest.split(",\"dev\"").next().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(names(&ours(FORMATTER, &["-json", first])), names(&theirs(FORMATTER, &["-json", first])));
    for words in [[first, "/", "0"], [first, "/app", "0"], [first, "/", "1"], [first, "/last", "0"]] {
        let (ours, theirs) = (ours(SUMMARY, &words), theirs(SUMMARY, &words));
        assert_eq!(sorted(&ours, "\n"), sorted(&theirs, "\n"), "{words:?}");
    }

    let other = Setup::new(Kind::Paddock).start();
    let mut client = Client::connect(other.address(), TIMEOUT_MS).expect("the server takes a client");
    client.ok(&Request::create("/app", &[0; 50], flags::PERSISTENT));
    client.ok(&Request::create("/own", b"", flags::PERSISTENT));
    other.terminate_in_peace();
    let out = dir.path().join("second");
    fine(Command::new(paddock()).args(["convert", "--to-zookeeper"]).arg(&out).arg(other.config_path()));
    let second = file(&out, "/snapshot.");
    let second = second.to_str().expect("UTF-8");
    let timeless = |text: &str| -> Vec<String> {
        let end = |line: &str| if line.ends_with(" seconds") { line.find(" in ") } else { None };
        text.lines().map(|line| line[..end(line).unwrap_or(line.len())].to_owned()).collect()
    };
    for more in [&[][..], &["-d"]] {
        let words = [&["-l", first, "-r", second, "-b", "10", "-n", "1"][..], more].concat();
        assert_eq!(timeless(&ours(COMPARER, &words)), timeless(&theirs(COMPARER, &words)), "{words:?}");
    }
}

#[test]
fn a_paddocks_files_are_told_of_alike() {
    let server = Setup::new(Kind::Paddock).start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client");
    client.ok(&Request::create("/app", b"top", flags::PERSISTENT));
    server.terminate_in_peace();
    let data_dir = server.data_dir();
    let log = ours(TXN_LOG, &[data_dir.to_str().expect("UTF-8")]);
    assert!(log.starts_with("ZooKeeper Transactional Log File with dbid 0 txnlog format version 2\n"), "{log}");
    assert!(log.contains(" create /app,top,[31,s{'world,'anyone}\n],false,"), "{log}");
    assert!(log.ends_with(" txns.\n"), "{log}");
}

#[test]
fn what_cannot_be_understood_ends_as_there() {
    let run = |(_, script): (&str, &str), words: &[&str]| {
        said(Command::new(packaging("scripts").join(script)).env("PADDOCK", paddock()).args(words))
    };
    let missing = run(TXN_LOG, &["/none"]);
    assert_eq!((missing.err.as_str(), missing.code), ("File doesn't exist or not readable: /none\n", Some(1)));
    assert_eq!(run(TXN_LOG, &["-h"]).code, Some(0));
    assert_eq!(run(TXN_LOG, &[]).code, Some(1));
    let recovery = run(TXN_LOG, &["-r", "/none"]);
    assert!(recovery.err.contains("would look sound") && recovery.code == Some(1), "{recovery:?}");
    let missing = run(FORMATTER, &["/none"]);
    assert_eq!((missing.err.as_str(), missing.code), ("File '/none' does not exist.\n", Some(2)));
    assert_eq!(run(FORMATTER, &[]).code, Some(2));
    assert_eq!(run(SUMMARY, &["/none", "/"]).code, Some(2));
    let missing = run(COMPARER, &["-l", "/none"]);
    assert_eq!((missing.err.as_str(), missing.code), ("Missing required options: r, b, n\n", Some(2)));
}
