//! Mistakes of the operator: each is told in one clear sentence, and the process ends with a code that is not 0.
use crate::wire::{assert_stands, server, setup};
use paddock_tests::server::{TempDir, behind, command, error_of, free_port, poll_until};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server that cannot start says so within this time.
const REFUSAL_DEADLINE: Duration = Duration::from_secs(10);

/// The exit code and stderr of a command that must end by itself.
fn refused(mut command: Command) -> (i32, String) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary can be started");
    let status = poll_until(REFUSAL_DEADLINE, || child.try_wait().expect("a child can be waited for"));
    let Some(status) = status else {
        stop(child);
        panic!("{command:?} still runs");
    };
    let mut said = String::new();
    child.stderr.take().expect("it is a pipe").read_to_string(&mut said).expect("messages are UTF-8");
    let code = status.code().unwrap_or_else(|| panic!("{command:?} was killed: {status}; it said {said}"));
    assert_ne!(code, 0, "{said}");
    assert!(!said.contains("panicked") && !said.contains("RUST_BACKTRACE"), "{said}");
    (code, said)
}

fn stop(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("a child can be waited for");
}

/// One line of the log, an error that names all of `parts`.
fn assert_sentence(said: &str, parts: &[&str]) {
    let lines: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
    let [line] = lines[..] else { panic!("one sentence was due, not:\n{said}") };
    let sentence = error_of(line).unwrap_or_else(|| panic!("no line of the log: {line}"));
    for part in parts {
        assert!(sentence.contains(part), "{part:?} is missing in: {said}");
    }
}

fn zoo_cfg(dir: &TempDir, data_dir: &Path, port: u16, more: &str) -> std::path::PathBuf {
    let text = format!("dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\n{more}", data_dir.display());
    dir.write("zoo.cfg", text.as_bytes())
}

fn start(config: &Path) -> Command {
    command(&setup(), config)
}

#[test]
fn a_port_in_use() {
    let server = server();
    let dir = TempDir::new("start");
    let port = server.address().port();
    let (_, said) = refused(start(&zoo_cfg(&dir, &dir.path().join("data"), port, "")));
    assert_sentence(&said, &["port is in use", &port.to_string(), "clientPort"]);
    assert_stands(&server);
}

#[test]
fn a_data_directory_that_is_a_file() {
    let dir = TempDir::new("start");
    let file = dir.write("data", b"not a directory");
    let (_, said) = refused(start(&zoo_cfg(&dir, &file, free_port(), "")));
    assert_sentence(&said, &["not a directory", &file.display().to_string()]);
}

#[test]
fn a_data_directory_of_a_running_server() {
    let server = server();
    let dir = TempDir::new("start");
    let (_, said) = refused(start(&zoo_cfg(&dir, &server.data_dir(), free_port(), "")));
    let (data_dir, pid) = (server.data_dir().display().to_string(), server.pid().to_string());
    assert_sentence(&said, &["in use by process", &data_dir, &pid]);
    assert_stands(&server);
}

#[test]
fn values_that_cannot_be() {
    let wrong = [
        ("tickTime=soon", 4, "tickTime"),
        ("tickTime=-5", 4, "tickTime"),
        ("\n# a remark\nmaxClientCnxns=99999999999999999999", 6, "maxClientCnxns"),
        ("minSessionTimeout=9000\nmaxSessionTimeout=8000", 4, "maxSessionTimeout"),
        ("clientPort=70000", 4, "clientPort"),
        ("syncEnabled=\\u00zz", 4, "\\u"),
    ];
    for (lines, at, name) in wrong {
        let dir = TempDir::new("start");
        let config = zoo_cfg(&dir, &dir.path().join("data"), free_port(), lines);
        let (_, said) = refused(start(&config));
        let place = format!("{}:{at}:", config.display());
        assert_sentence(&said, &[&place, name]);
    }
}

#[test]
fn a_file_that_is_not_there() {
    let dir = TempDir::new("start");
    let missing = dir.path().join("nowhere.cfg");
    let (_, said) = refused(start(&missing));
    assert_sentence(&said, &["nowhere.cfg", "cannot be read"]);
}

#[test]
fn an_unknown_option() {
    let dir = TempDir::new("start");
    let mut command = start(&zoo_cfg(&dir, &dir.path().join("data"), free_port(), ""));
    command.arg("--nonsense");
    let (code, said) = refused(command);
    assert_eq!(code, 2);
    // There is no log yet: what is wrong is the command itself.
    assert!(said.starts_with("paddock: ") && said.lines().count() == 1, "{said}");
    assert!(said.contains("--nonsense") && said.contains("--help"), "{said}");
}

#[test]
fn fewer_open_files_than_the_server_needs() {
    let dir = TempDir::new("start");
    // Reactors in threads of their own, one for each core, could be what takes the last descriptor.
    let config = zoo_cfg(&dir, &dir.path().join("data"), free_port(), "paddock.reactors=0\n");
    let (_, said) = refused(behind(&["prlimit", "--nofile=40:40"], start(&config)));
    // What was recovered before is told too.
    let sentence = said.lines().last().and_then(error_of).expect("an error is said last");
    for part in ["open files is 40", "ulimit -n", "LimitNOFILE"] {
        assert!(sentence.contains(part), "{part:?} is missing in: {said}");
    }
}
