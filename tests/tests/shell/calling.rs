//! One command, scripts, and how they end.
use crate::said::{lines, run, shell};
use crate::start;
use paddock_tests::server::paddock;
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn one_command_ends_with_zkclis_code() {
    let server = start();
    let at = server.connect_string();
    for (command, out, err, code) in [
        (&["create", "/a", "data"][..], &[""; 0][..], &["Created /a"][..], 0),
        (&["get", "/a"], &["data"], &[], 0),
        (&["ls", "-R", "/a"], &["/a"], &[], 0),
        (&["get", "/none"], &[], &["Node does not exist: /none"], 1),
        (
            &["create", "-q", "/b"],
            &[],
            &["org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: -q"],
            1,
        ),
        (&["quit"], &[], &[], 0),
    ] {
        let said = shell(&[&["--server", &at][..], command].concat());
        assert_eq!(said.out[0], format!("Connecting to {at}"));
        assert_eq!(
            (&said.out[1..], &said.err[..], said.code),
            (&strings(out)[..], &strings(err)[..], Some(code)),
            "{command:?}"
        );
    }
    let said = shell(&["--server", &at, "nonsense"]);
    assert_eq!(said.code, Some(127));
    assert_eq!(said.err[0], "ZooKeeper -server host:port -client-configuration properties-file cmd args");
    assert_eq!(said.err[1..29].iter().filter(|line| line.starts_with('\t')).count(), 28);
    assert_eq!(said.err.last().map(String::as_str), Some("Command not found: Command not found nonsense"));
}

fn strings(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn an_event_of_the_session_stands_before_the_answer() {
    let server = start();
    let said = shell(&["--server", &server.connect_string(), "ls", "/"]);
    assert_eq!(said.events, ["WatchedEvent state:SyncConnected type:None path:null zxid: -1"]);
    let quiet = shell(&["--server", &server.connect_string(), "--quiet", "ls", "/"]);
    assert_eq!((quiet.out, quiet.events.len()), (strings(&["[zookeeper]"]), 0));
}

#[test]
fn a_script_ends_with_the_first_command_that_fails() {
    let server = start();
    let at = server.connect_string();
    let said = shell(&["--server", &at, "-e", "create /a 'x; y'; get /a; get /b; create /c"]);
    assert_eq!((said.out, said.code), (strings(&["x; y"]), Some(1)));
    assert_eq!(said.err, ["Created /a", "Node does not exist: /b"]);
    // Lines on stdin go on, and the last one counts, as with zkCli.
    let said = lines(&["--server", &at, "--quiet"], "get /b\nget /a\n");
    assert_eq!((said.out, said.code), (strings(&["x; y"]), Some(0)));
    let said = lines(&["--server", &at, "--quiet"], "get /a\nget /b");
    assert_eq!(said.code, Some(1));
}

#[test]
fn lines_can_be_done_again() {
    let server = start();
    let said = lines(&["--server", &server.connect_string(), "--quiet"], "create -s /n\nredo 0\nhistory\nredo 1\n");
    assert_eq!(said.out, ["0 - create -s /n", "1 - create -s /n", "2 - history"]);
    assert_eq!(said.err, ["Created /n0000000000", "Created /n0000000001", "Created /n0000000002"]);
}

#[test]
fn without_a_server_it_is_told_that_there_is_none() {
    let at = "127.0.0.1:1";
    let said = shell(&["--server", at, "get", "/a"]);
    assert_eq!((said.err, said.code), (strings(&["KeeperErrorCode = ConnectionLoss for /a"]), Some(1)));
    let said = shell(&["--zkcli-args", "-server", at, "-timeout", "1000", "-waitforconnection", "ls", "/"]);
    assert_eq!(said.out, ["Connecting to 127.0.0.1:1"]);
    assert!(said.err.iter().any(|line| line.ends_with("KeeperErrorCode = ConnectionLoss")), "{:?}", said.err);
    assert_eq!(said.code, Some(1));
}

#[test]
fn one_of_several_servers_is_enough() {
    let server = start();
    let at = format!("127.0.0.1:1,{},127.0.0.1:2", server.connect_string());
    for _ in 0..3 {
        let said = shell(&["--server", &at, "--quiet", "ls", "/"]);
        assert_eq!((said.out, said.code), (strings(&["[zookeeper]"]), Some(0)));
    }
}

#[test]
fn what_cannot_be_understood_is_one_sentence() {
    for (arguments, why, code) in [
        (&["-server", "zk1"][..], "is no flag of this shell; those of zkCli.sh come behind --zkcli-args", 2),
        (&["--server", "zk1:x", "ls", "/"], "For input string: \"x\"", 1),
        (&["--timeout", "x", "ls", "/"], "For input string: \"x\"", 1),
        (&["--client-configuration", "/nonexistent/file", "ls", "/"], "/nonexistent/file: it cannot be read", 2),
    ] {
        let said = shell(arguments);
        assert!(said.err.len() == 1 && said.err[0].contains(why), "{:?}", said.err);
        assert_eq!(said.code, Some(code), "{arguments:?}");
    }
}

#[test]
fn no_part_of_a_line_that_is_too_long_is_a_line() {
    let server = start();
    // Its last bytes would be a command of their own.
    let script = format!("{}\nls /\n", "quit ".repeat(4 << 20));
    let said = lines(&["--server", &server.connect_string(), "--quiet"], &script);
    assert_eq!((said.out, said.code), (strings(&["[zookeeper]"]), Some(0)));
    assert_eq!(said.err, ["a line may have 16777216 bytes, and this one has more"]);
}

#[test]
fn what_is_asked_for_is_done_also_where_nobody_reads() {
    let server = start();
    let mut command = Command::new(paddock());
    command.args(["shell", "--server", &server.connect_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    drop((child.stdout.take(), child.stderr.take()));
    let script = b"ls -R /\nnonsense\ncreate /a\ncreate /a/b\ndeleteall /a\ncreate /after\n";
    child.stdin.take().expect("it is piped").write_all(script).expect("it reads");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let said = shell(&["--server", &server.connect_string(), "--quiet", "ls", "/"]);
    assert_eq!(said.out, ["[after, zookeeper]"]);
}

#[test]
fn whoever_has_seen_enough_may_go() {
    let server = start();
    // More than is kept until it is written.
    let script: String = (0..300).map(|number| format!("create /{number:0100}\n")).collect();
    assert_eq!(lines(&["--server", &server.connect_string()], &script).code, Some(0));
    let mut command = Command::new(paddock());
    command.args(["shell", "--server", &server.connect_string(), "--quiet", "tree", "/"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()), ("", Some(0)));
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let server = start();
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" shell --server \"$1\" --quiet ls / > /dev/full"]);
    command.arg(paddock()).arg(server.connect_string());
    let said = run(command, "");
    assert!(
        said.err.len() == 1 && said.err[0].starts_with("paddock: the answer cannot be written: "),
        "{:?}",
        said.err
    );
    assert_eq!(said.code, Some(1));
}

#[test]
fn programs_are_answered_with_objects() {
    let server = start();
    let script = "create /a data\nget /a\nls -s /\nstat /a\ngetAcl /a\nls -R /a\nget /none\n";
    let said = lines(&["--server", &server.connect_string(), "--json"], script);
    let objects: Vec<serde_json::Value> =
        said.out.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert_eq!(objects.len(), 6, "{:#?}", said.out);
    assert_eq!(objects[0]["created"], "/a");
    assert_eq!((&objects[1]["data"], &objects[1]["stat"]["dataLength"]), (&"data".into(), &4.into()));
    assert_eq!(objects[2]["children"], serde_json::json!(["a", "zookeeper"]));
    assert_eq!(objects[4]["acl"][0]["perms"], "cdrwa");
    assert_eq!(objects[5]["path"], "/a");
    assert_eq!((said.err, said.code), (strings(&["Node does not exist: /none"]), Some(1)));
}
