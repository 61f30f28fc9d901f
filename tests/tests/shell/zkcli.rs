//! The same lines in ZooKeeper's own shell, on a server of their own, and in this one on a ZooKeeper: all must say the same, on
//! stdout and on stderr.
use crate::said::{Said, run};
use crate::start;
use crate::table;
use paddock_tests::installed::current_zookeeper;
use paddock_tests::server::{Kind, Server, Setup, paddock};
use std::process::Command;

/// ZooKeeper's shell without its log.
fn zkcli() -> Command {
    let mut command = Command::new("java");
    command.args([
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
        "-Duser.timezone=UTC",
    ]);
    command.args(["-cp", &current_zookeeper(), "org.apache.zookeeper.ZooKeeperMain"]);
    command
}

fn ours() -> Command {
    let mut command = Command::new(paddock());
    command.args(["shell", "--zkcli-args"]).env("TZ", "UTC");
    command
}

/// What a shell says on a server, without what is the server's own.
fn on(server: &Server, mut command: Command, arguments: &[&str], stdin: &str) -> Said {
    let at = server.connect_string();
    command.args(["-server", &at]).args(arguments);
    let mut said = run(command, stdin);
    said.out.iter_mut().for_each(|line| *line = in_order(&line.replace(&at, "SERVER")));
    said
}

/// A list of paths in a certain order: a ZooKeeper tells ephemerals in that of its hash map.
fn in_order(line: &str) -> String {
    let Some(list) = line.strip_prefix("[/").and_then(|line| line.strip_suffix(']')) else { return line.into() };
    let mut paths: Vec<&str> = list.split(", /").collect();
    paths.sort_unstable();
    format!("[/{}]", paths.join(", /"))
}

/// What both say on servers that are alike.
fn both(arguments: &[&str], stdin: &str) -> [Said; 2] {
    [ours(), zkcli()].map(|command| on(&start(), command, arguments, stdin))
}

/// Line by line, so that the first difference is seen.
#[track_caller]
fn assert_alike(ours: &Said, zkclis: &Said) {
    for (name, ours, zkclis) in [("stdout", &ours.out, &zkclis.out), ("stderr", &ours.err, &zkclis.err)] {
        for (at, (ours, zkclis)) in ours.iter().zip(zkclis).enumerate() {
            assert_eq!(ours, zkclis, "line {at} on {name}");
        }
        assert_eq!(ours.len(), zkclis.len(), "lines on {name}");
    }
    assert_eq!(ours.code, zkclis.code);
}

#[test]
fn all_lines_of_the_table_are_answered_alike() {
    let typed = table::read().typed;
    assert!(typed.lines().count() >= 140, "a session that leaves nothing out");
    let [ours, zkclis] = both(&[], &typed);
    assert_alike(&ours, &zkclis);
    let zookeeper = Setup::new(Kind::ZooKeeper).class_path(current_zookeeper()).start();
    assert_alike(&on(&zookeeper, self::ours(), &[], &typed), &zkclis);
}

#[test]
fn one_command_is_answered_alike() {
    for arguments in [
        &["create", "/a", "data"][..],
        &["-waitforconnection", "get", "/none"],
        &["nonsense"],
        &["-unknown", "ls", "/"],
        &["get"],
        &["get", "-z"],
        &["ls", "-R", "/zookeeper"],
    ] {
        let [ours, zkclis] = both(arguments, "");
        assert_eq!((ours.out, ours.err, ours.code), (zkclis.out, zkclis.err, zkclis.code), "{arguments:?}");
    }
}

#[test]
fn events_are_told_alike() {
    let script = "create /w x\nget -w /w\nset /w y\nls -w /w\ncreate /w/a\naddWatch -m PERSISTENT /w\nset /w z\n\
                  removewatches /w -p\nsync /w\nclose\n";
    let mut said = both(&[], script);
    for Said { events, .. } in &mut said {
        // ZooKeeper's shell may end before it has told of its own end.
        events.retain(|event| !event.contains("state:Closed"));
    }
    let [ours, zkclis] = said;
    assert_eq!(ours.events.len(), 5, "{:#?}", ours.events);
    assert_eq!(ours, zkclis);
}
