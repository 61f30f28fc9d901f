//! A run of a shell, and what it has said.
use paddock_tests::server::paddock;
use std::io::Write;
use std::process::{Command, Stdio};

#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// Lines on stdout, without the events between them.
    pub out: Vec<String>,
    pub events: Vec<String>,
    /// Lines on stderr.
    pub err: Vec<String>,
    pub code: Option<i32>,
}

/// Runs a shell with these lines on its stdin.
pub fn run(mut command: Command, stdin: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    // One that does not read ends before.
    drop(child.stdin.take().expect("it is piped").write_all(stdin.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (out, events) = without_events(&text(&output.stdout));
    let err = text(&output.stderr).lines().map(str::to_owned).collect();
    Said { out, events, err, code: output.status.code() }
}

/// `paddock shell` with these arguments.
pub fn shell(arguments: &[&str]) -> Said {
    lines(arguments, "")
}

/// The same with lines on its stdin.
pub fn lines(arguments: &[&str], stdin: &str) -> Said {
    let mut command = Command::new(paddock());
    command.arg("shell").args(arguments).env("TZ", "UTC");
    run(command, stdin)
}

/// An event is an empty line, a heading, another empty line, and what happened.
fn without_events(out: &str) -> (Vec<String>, Vec<String>) {
    let lines: Vec<&str> = out.lines().collect();
    let (mut others, mut events, mut at) = (Vec::new(), Vec::new(), 0);
    while at < lines.len() {
        match &lines[at..] {
            ["", "WATCHER::", "", event, ..] => {
                events.push((*event).to_owned());
                at += 4;
            }
            [line, ..] => {
                others.push((*line).to_owned());
                at += 1;
            }
            [] => break,
        }
    }
    (others, events)
}

#[test]
fn events_are_told_from_answers() {
    let out = "a\n\nWATCHER::\n\nWatchedEvent x\n\nb\n";
    let expected = (["a", "", "b"].map(str::to_owned).to_vec(), vec!["WatchedEvent x".to_owned()]);
    assert_eq!(without_events(out), expected);
}
