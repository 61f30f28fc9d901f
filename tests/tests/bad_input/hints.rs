//! Mistakes that a server can start with, and those that it cannot: what the operator is told in either case. A hint is
//! there to be read when the start then fails, so that it must not be lost to what it explains.
use crate::setup_of_paddock as setup;
use paddock_tests::server::{DEADLINE, Server, TempDir, command, four_letter_word, free_port, poll_until};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What a start said, and how it ended: `None` if it serves.
struct Outcome {
    said: String,
    code: Option<i32>,
}

/// Starts a server on a zoo.cfg of these bytes, and waits until it serves or has ended.
fn start(config: &[u8], options: &[&str]) -> Outcome {
    let dir = TempDir::new("hints");
    let log = dir.path().join("server.log");
    let file = dir.write("zoo.cfg", config);
    let mut serve = Command::new(command(&setup(), &file).get_program());
    serve.arg("serve").args(options).arg(&file).current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child =
        serve.stderr(File::create(&log).expect("the directory is writable")).spawn().expect("it can be run");
    let outcome = poll_until(DEADLINE, || outcome(&mut child, &log));
    // An error means that it has ended by itself.
    drop(child.kill());
    child.wait().expect("a child can be waited for");
    outcome.expect("it serves or ends")
}

fn outcome(child: &mut Child, log: &Path) -> Option<Outcome> {
    let code = child.try_wait().expect("a child can be waited for");
    let said = std::fs::read_to_string(log).expect("messages are UTF-8");
    assert!(!said.contains("panicked"), "{said}");
    match code {
        Some(status) => Some(Outcome { said, code: Some(status.code().expect("no signal ends it")) }),
        None => said.contains("listening on").then_some(Outcome { said, code: None }),
    }
}

/// A whole configuration, with these lines before it.
fn whole(lines: &str) -> Vec<u8> {
    format!("{lines}\ndataDir=./data\nclientPortAddress=127.0.0.1\nclientPort={}\n", free_port()).into_bytes()
}

#[track_caller]
fn assert_tells(outcome: &Outcome, level: &str, parts: &[&str]) {
    let told = outcome.said.lines().any(|line| line.contains(level) && parts.iter().all(|part| line.contains(part)));
    assert!(told, "no {level} with {parts:?} in:\n{}", outcome.said);
}

/// ZooKeeper warns and starts.
#[test]
fn an_authentication_provider_that_is_not_there() {
    let class = "org.example.MyProvider";
    let server = setup().config("authProvider.1", class).start();
    crate::assert_serves(&server);
    let log = server.log();
    assert!(
        log.lines().any(|line| line.contains("WARN") && line.contains("authProvider.1") && line.contains(class)),
        "{log}"
    );
    // Nor where it comes from a variable or the command line.
    let outcome = start(&whole(""), &["-Dzookeeper.authProvider.sasl=org.example.Another"]);
    assert_eq!(outcome.code, None);
    assert_tells(&outcome, "WARN", &["-Dzookeeper.authProvider.sasl", "org.example.Another"]);
    // What is to be enforced must be there all the same.
    let outcome = start(&whole("authProvider.1=x.Y\nenforce.auth.enabled=true\nenforce.auth.schemes=y"), &[]);
    assert_eq!(outcome.code, Some(2));
}

#[test]
fn an_address_with_a_zone() {
    let listens = |address: &str| -> Server {
        let server = setup().config("clientPortAddress", address).prepare();
        server.spawn();
        let local = (std::net::Ipv6Addr::LOCALHOST, server.address().port()).into();
        let answer = poll_until(DEADLINE, || {
            assert_eq!(server.exit_status(), None, "{}", server.log());
            four_letter_word(local, "ruok", DEADLINE).ok()
        });
        assert_eq!(answer.as_deref(), Some("imok"));
        server
    };
    for address in ["::1%lo", "[::1%lo]", "::1%1"] {
        listens(address);
    }
    for (address, parts) in [
        ("::1%nosuch0", &["nosuch0", "clientPortAddress"][..]),
        ("fe80::1%nosuch0", &["nosuch0", "clientPortAddress"]),
        ("fe80::1", &["clientPortAddress", "fe80::1%"]),
        ("127.0.0.1%lo", &["clientPortAddress", "127.0.0.1%lo"]),
    ] {
        let lines = format!("dataDir=./data\nclientPort={}\nclientPortAddress={address}", free_port());
        let outcome = start(lines.as_bytes(), &[]);
        assert_eq!(outcome.code, Some(2), "{address}: {}", outcome.said);
        assert_tells(&outcome, "ERROR", parts);
        assert_tells(&outcome, "ERROR", &["zoo.cfg:3"]);
    }
}

#[test]
fn hints_are_there_when_the_start_then_fails() {
    let port = free_port();
    // The wrong case of the key that is then missing.
    let outcome = start(format!("datadir=./data\nclientPort={port}").as_bytes(), &[]);
    assert_eq!(outcome.code, Some(2));
    assert_tells(&outcome, "WARN", &["zoo.cfg:1", "datadir", "did you mean dataDir?"]);
    assert_tells(&outcome, "ERROR", &["dataDir is not set"]);
    // A hint behind the line that stops the start, and one before it.
    let outcome = start(b"tikTime=1\ntickTime=soon\ndatadir=./data\nclientprot=1", &[]);
    assert_eq!(outcome.code, Some(2));
    assert_tells(&outcome, "WARN", &["zoo.cfg:1", "did you mean tickTime?"]);
    assert_tells(&outcome, "WARN", &["zoo.cfg:3", "did you mean dataDir?"]);
    assert_tells(&outcome, "WARN", &["zoo.cfg:4", "did you mean clientPort?"]);
    assert_tells(&outcome, "ERROR", &["zoo.cfg:2", "tickTime"]);
    // A member list that is refused.
    let outcome = start(&whole("server.1=a:1:2\nserver.2=b:1:2\nsnapcount=7"), &[]);
    assert_eq!(outcome.code, Some(2));
    assert_tells(&outcome, "WARN", &["zoo.cfg:3", "did you mean snapCount?"]);
    // A directory that cannot be used.
    let outcome = start(format!("dataDir=/dev/null\nclientPort={port}\nsnapcount=7").as_bytes(), &[]);
    assert_eq!(outcome.code, Some(3));
    assert_tells(&outcome, "WARN", &["zoo.cfg:3", "did you mean snapCount?"]);
    assert_tells(&outcome, "ERROR", &["/dev/null is not a directory"]);
}

/// What an editor puts before the first key.
#[test]
fn a_byte_order_mark() {
    let outcome = start(&[b"\xef\xbb\xbf", &whole("tickTime=soon")[..]].concat(), &[]);
    assert_eq!(outcome.code, Some(2));
    assert_tells(&outcome, "WARN", &["zoo.cfg:1", "byte order mark"]);
    assert_tells(&outcome, "ERROR", &["zoo.cfg:1", "tickTime"]);
    let config = String::from_utf8(whole("")).expect("text");
    let outcome = start(&[b"\xef\xbb\xbf", config.trim_start().as_bytes()].concat(), &[]);
    assert_eq!(outcome.code, None, "{}", outcome.said);
    let wide: Vec<u8> = std::iter::once(0xfeff).chain(config.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let outcome = start(&wide, &[]);
    assert_eq!(outcome.code, Some(2));
    assert_tells(&outcome, "ERROR", &["zoo.cfg:1", "UTF-16"]);
}

#[test]
fn values_that_cannot_be_what_was_meant() {
    let outcome = start(&whole("paddock.reactors=1000"), &[]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.said);
    assert_tells(&outcome, "ERROR", &["zoo.cfg:1", "paddock.reactors", "1000 is too large", "64"]);
    for (line, parts) in [
        ("preAllocSize=-1", &["preAllocSize", "-1", "1024"][..]),
        ("preAllocSize=5", &["preAllocSize", "5", "1024"]),
        ("DigestAuthenticationProvider.superDigest=plain", &["superDigest", "no password"]),
        ("DigestAuthenticationProvider.superDigest=super:secret", &["superDigest", "no password"]),
    ] {
        let outcome = start(&whole(line), &[]);
        assert_eq!(outcome.code, None, "{line}: {}", outcome.said);
        assert_tells(&outcome, "WARN", &[parts, &["zoo.cfg:1"]].concat());
        assert!(!outcome.said.contains("secret") && !outcome.said.contains("plain"), "{}", outcome.said);
    }
    let right = "DigestAuthenticationProvider.superDigest=super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
    let said = start(&whole(right), &[]).said;
    assert!(!said.lines().any(|line| line.contains("WARN") && line.contains("superDigest")), "{said}");
}

#[test]
fn an_option_without_a_value() {
    let outcome = start(&whole(""), &["-Dfoo"]);
    assert_eq!(outcome.code, None);
    assert_tells(&outcome, "WARN", &["-Dfoo", "-Dname=value"]);
    let outcome = start(&whole(""), &["-Dzookeeper.snapCount"]);
    assert_eq!(outcome.code, Some(2));
    assert_tells(&outcome, "WARN", &["-Dzookeeper.snapCount=value"]);
    assert_tells(&outcome, "ERROR", &["-Dzookeeper.snapCount"]);
    // What a JVM has without a value is none of this.
    let outcome = start(&whole(""), &["-Dcom.sun.management.jmxremote"]);
    assert_eq!(outcome.code, None);
    assert!(!outcome.said.contains("=value"), "{}", outcome.said);
}
