//! The file of the log of words: what is in it, and that it is opened anew.
use crate::told::{send, text};
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, TempDir, poll_until};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A server whose log of words is this file.
fn with_words_in(setup: Setup, path: &Path) -> Server {
    let server = setup.prepare();
    server.configure("paddock.log.file", Some(path));
    server.spawn();
    server.wait_until_serving();
    server
}

fn wait_for(path: &Path, words: &str) {
    let told = poll_until(DEADLINE, || text(path).contains(words).then_some(()));
    assert!(told.is_some(), "{} does not say {words:?}: {}", path.display(), text(path));
}

#[test]
fn lines_are_in_the_file_and_not_on_stderr() {
    let dir = TempDir::new("words");
    let path = dir.path().join("made/words.log");
    let server = with_words_in(Setup::new(Kind::Paddock), &path);
    wait_for(&path, "listening on");
    server.terminate_in_peace();
    assert!(text(&path).lines().last().is_some_and(|line| line.ends_with("stopped")), "{}", text(&path));
    assert!(!server.log().contains("listening on"), "{}", server.log());
    assert!(!text(&path).contains('\u{1b}'), "no colours");
}

#[test]
fn lines_for_programs_are_objects() {
    let dir = TempDir::new("objects");
    let path = dir.path().join("words.log");
    let setup = Setup::new(Kind::Paddock).config("paddock.log.format", "json").config("clientPrt", "1");
    let server = with_words_in(setup, &path);
    send(&server, "QUIT");
    server.terminate_in_peace();
    let text = text(&path);
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect();
    for line in &lines {
        let names: Vec<&String> = line.as_object().expect("it is an object").keys().collect();
        let mut names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["fields", "level", "message", "target", "time"], "{line}");
    }
    let listening =
        lines.iter().find(|line| line["message"].as_str().is_some_and(|text| text.starts_with("listening on")));
    let listening = listening.expect("it is told");
    assert_eq!((&listening["level"], &listening["target"]), (&Value::from("INFO"), &Value::from("paddock::node")));
    assert!(listening["fields"]["reactors"].is_u64(), "{listening}");
    let warned = |line: &Value| {
        line["level"] == "WARN" && line["message"].as_str().is_some_and(|text| text.contains("clientPrt"))
    };
    assert!(lines.iter().any(warned), "{text}");
}

#[test]
fn sighup_opens_the_file_anew_and_reads_the_level() {
    let dir = TempDir::new("hangup");
    let path = dir.path().join("words.log");
    let server = with_words_in(Setup::new(Kind::Paddock), &path);
    wait_for(&path, "listening on");
    let away = dir.path().join("away");
    fs::rename(&path, &away).expect("it is there");
    server.configure("paddock.log.level", Some(Path::new("warn,paddock::serve=info")));
    send(&server, "HUP");
    wait_for(&path, "paddock.log.level is warn,paddock::serve=info");
    server.configure("paddock.log.level", Some(Path::new("loud")));
    send(&server, "HUP");
    wait_for(&path, "loud");
    server.terminate_in_peace();
    assert!(!text(&path).contains("told to stop"), "that is info: {}", text(&path));
    assert!(!text(&away).contains("paddock.log.level"), "{}", text(&away));
}

#[test]
fn levels_are_those_of_the_configuration_and_not_of_the_environment() {
    let server = Setup::new(Kind::Paddock).config("paddock.log.level", "warn").prepare();
    server.spawn_behind(&["env", "RUST_LOG=trace"]);
    server.wait_until_serving();
    server.terminate_in_peace();
    assert!(!server.log().contains("listening on"), "{}", server.log());
}

/// Ends with this code, and says these words on stderr.
fn refuses(setup: Setup, code: i32, words: &[&str]) {
    let server = setup.prepare();
    server.spawn();
    let status = poll_until(DEADLINE, || server.exit_status()).expect("it does not start");
    assert_eq!(status.code(), Some(code));
    let log = server.log();
    assert!(words.iter().all(|word| log.contains(word)), "{log}");
}

#[test]
fn what_cannot_be_had_is_refused_and_told_on_stderr() {
    let plain = || Setup::new(Kind::Paddock);
    refuses(
        plain().config("paddock.log.level", "loud"),
        2,
        &["paddock.log.level", "\"loud\"", "info,paddock_net=debug"],
    );
    refuses(plain().config("paddock.log.format", "xml"), 2, &["paddock.log.format", "text or json"]);
    let nowhere = "/proc/nowhere/words.log";
    refuses(plain().config("paddock.log.file", nowhere), 1, &[nowhere, "the log cannot be opened"]);
    let dir = TempDir::new("reason");
    let words = dir.path().join("words.log");
    let setup = plain().config("paddock.log.file", &words.display().to_string());
    refuses(
        setup.config("paddock.audit.file", "/proc/nowhere/audit.log").config("audit.enable", "true"),
        1,
        &["paddock: /proc/nowhere/audit.log"],
    );
    assert!(text(&words).contains("/proc/nowhere/audit.log"), "{}", text(&words));
}
