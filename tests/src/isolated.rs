//! A test in namespaces of its own: it has no network but what it makes, and nothing that it starts outlives it.
use crate::server::TempDir;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

/// Set for the process that does the work.
const INSIDE: &str = "PADDOCK_TEST_ISOLATED";
/// What these tests need of the machine: a program, arguments with which it succeeds, and what is lacking
/// where it fails.
const NEEDED: [(&str, &[&str], &str); 4] = [
    ("setpriv", &["--version"], "setpriv, of Debian's package util-linux"),
    ("ip", &["-Version"], "ip, of Debian's package iproute2"),
    ("nft", &["--version"], "nft, of Debian's package nftables"),
    ("unshare", &["--net", "--pid", "--fork", "--mount-proc", "true"], "the right to make namespaces, as root has it"),
];

/// Does the work of the test with this name: in a process that runs this test alone, within a network, processes and mounts
/// of its own. With that process, which ends with this one, all it has started ends, and its namespaces with that. What the
/// work leaves in temporary directories is in one of this test's.
///
/// Panics if the work does, and with what is lacking where there can be no such namespaces.
pub fn isolated(test: &str, work: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return work();
    }
    demand();
    let directory = TempDir::new("isolated");
    let mut command = Command::new("setpriv");
    // The signal comes when this thread ends, and whoever has it takes the other processes along.
    command.args(["--pdeathsig", "KILL", "unshare", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]);
    command.arg(std::env::current_exe().expect("a test knows its own path")).args(["--exact", test, "--nocapture"]);
    command.env(INSIDE, "yes").env("TMPDIR", directory.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    // As what is said here: shown when the test fails, or when all is to be shown.
    for line in BufReader::new(child.stderr.take().expect("it is piped")).split(b'\n') {
        eprintln!("{}", String::from_utf8_lossy(&line.expect("a pipe can be read")));
    }
    let mut result = String::new();
    let read = child.stdout.take().expect("it is piped").read_to_string(&mut result);
    let status = child.wait().expect("a child can be waited for");
    assert!(status.success() && read.is_ok(), "{test} has failed within its namespaces: {status}");
    assert!(result.contains("1 passed"), "there is no test {test}: {result}");
}

/// Panics with what is lacking here.
fn demand() {
    for (program, arguments, lacking) in NEEDED {
        let ran = Command::new(program).args(arguments).output();
        let said = match &ran {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        panic!("this test needs {lacking}; {program} {}: {said}", arguments.join(" "));
    }
}
