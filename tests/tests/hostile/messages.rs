//! The log of words: clients cannot fill it, nobody has to read it, and what an operator must know is in it.
use crate::wire::{Wire, assert_stands, client, hello, request, server, setup};
use paddock_tests::client::{Client, ClientError};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Server, TempDir, poll_until};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Garbage connections, and the lines that they may leave: those of one kind that come before only their number is told,
/// some times over where the test is slow.
const GARBAGE: usize = 2_000;
const GARBAGE_LINES: usize = 200;
/// More than one connection may prove.
const IDENTITIES: usize = 300;
/// Keys that no server knows, each of which is told in a line at start: more bytes than a pipe and the queue take.
const UNKNOWN_KEYS: usize = 25_000;

/// Of `open`, on every Linux that this runs on.
const O_NONBLOCK: i32 = 0o4000;

/// A pipe that a server can be given for its log, and that nobody reads.
struct Pipe {
    path: PathBuf,
    /// Keeps the pipe open for reading and for writing.
    _end: File,
    _dir: TempDir,
}

impl Pipe {
    fn new() -> Pipe {
        let dir = TempDir::new("pipe");
        let path = dir.path().join("stderr");
        let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
        assert!(made.success());
        let end = OpenOptions::new().read(true).write(true).open(&path).expect("a pipe can be opened by both ends");
        Pipe { path, _end: end, _dir: dir }
    }

    /// Leaves no room for another byte.
    fn fill(&self) {
        // What can be opened again can be made non-blocking without making others' handles so.
        let mut filler = OpenOptions::new();
        let mut filler = filler.write(true).custom_flags(O_NONBLOCK).open(&self.path).expect("the other end is open");
        while filler.write(b"x").is_ok() {}
    }

    /// What can be read at once.
    fn said(&self) -> String {
        let mut reader = OpenOptions::new();
        let mut reader = reader.read(true).custom_flags(O_NONBLOCK).open(&self.path).expect("the other end is open");
        let mut said = Vec::new();
        let _ = reader.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Reads all that is written, until nobody is left who writes.
    fn into_lines(self) -> impl Iterator<Item = String> {
        let reader = File::open(&self.path).expect("the other end is open");
        drop(self);
        BufReader::new(reader).lines().map(|line| line.expect("lines are UTF-8"))
    }
}

/// Starts the server with its stderr somewhere else.
fn spawn_with_log(server: &Server, log: &Path) {
    server.spawn_behind(&["sh", "-c", &format!("exec \"$0\" \"$@\" 2>{}", log.display())]);
}

fn start_with_log(server: &Server, log: &Path) {
    spawn_with_log(server, log);
    server.wait_until_serving();
}

/// [`start_with_log`] that tells what the pipe has where the server ends.
fn start_with_pipe(server: &Server, pipe: &Pipe) {
    spawn_with_log(server, &pipe.path);
    let serves = poll_until(DEADLINE, || match server.exit_status() {
        Some(status) => panic!("the server ended with {status} instead of serving, and said:\n{}", pipe.said()),
        None => server.mode(),
    });
    assert!(serves.is_some(), "the server does not serve, and said:\n{}", pipe.said());
}

fn add_unknown_keys(server: &Server) {
    let mut file = OpenOptions::new().append(true).open(server.config_path()).expect("zoo.cfg is there");
    let keys: String = (0..UNKNOWN_KEYS).map(|number| format!("unknown.{number}=x\n")).collect();
    file.write_all(keys.as_bytes()).expect("the temporary directory is writable");
}

fn send_garbage(server: &Server, times: usize) {
    for _ in 0..times {
        let mut wire = Wire::open(server.address());
        wire.send(b"GET / HTTP/1.1\r\n\r\n");
        wire.read_to_close();
    }
}

/// The number before `what` in a line.
fn number_before(line: &str, what: &str) -> Option<usize> {
    let (before, _) = line.split_once(what)?;
    before.split_whitespace().next_back()?.parse().ok()
}

#[test]
fn a_log_that_nobody_reads_stops_nobody() {
    let pipe = Pipe::new();
    let server = setup().prepare();
    add_unknown_keys(&server);
    start_with_pipe(&server, &pipe);
    send_garbage(&server, 100);
    assert_stands(&server);
    // Whoever looks at last finds what was told first, and how much is missing.
    let (told, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (tell, drop) = (told.clone(), dropped.clone());
    let reader = std::thread::spawn(move || {
        for line in pipe.into_lines() {
            match number_before(&line, " lines were dropped") {
                Some(number) => drop.fetch_add(number, Ordering::Relaxed),
                None => tell.fetch_add(1, Ordering::Relaxed),
            };
        }
    });
    let counts = || (told.load(Ordering::Relaxed), dropped.load(Ordering::Relaxed));
    let all = poll_until(DEADLINE, || (counts().0 + counts().1 >= UNKNOWN_KEYS).then_some(()));
    assert!(all.is_some() && counts().0 > 0 && counts().1 > 0, "lines told, and dropped: {:?}", counts());
    assert_stands(&server);
    server.terminate();
    reader.join().expect("lines are UTF-8");
}

#[test]
fn a_stop_does_not_wait_for_whoever_reads_the_log() {
    let pipe = Pipe::new();
    let server = setup().prepare();
    add_unknown_keys(&server);
    start_with_pipe(&server, &pipe);
    assert!(server.terminate().success(), "it stops in order");
}

/// Nor does a start that fails.
#[test]
fn a_refused_start_does_not_wait_for_whoever_reads_the_log() {
    let pipe = Pipe::new();
    let server = setup().config("tickTime", "soon").prepare();
    pipe.fill();
    spawn_with_log(&server, &pipe.path);
    let status = poll_until(DEADLINE, || server.exit_status()).expect("it ends");
    assert_eq!(status.code(), Some(2));
}

#[test]
fn the_last_line_is_written_before_the_end() {
    let server = server();
    client(&server).call(&Request::close()).expect("a reply");
    assert!(server.terminate().success());
    assert!(server.log().trim_end().ends_with("stopped"), "{}", server.log_tail());
}

#[test]
fn a_log_whose_reader_has_gone_stops_nobody() {
    let pipe = Pipe::new();
    let server = setup().prepare();
    let held = OpenOptions::new().write(true).open(&pipe.path).expect("the other end is open");
    start_with_pipe(&server, &pipe);
    drop((pipe, held));
    send_garbage(&server, 100);
    assert_stands(&server);
    assert!(server.terminate().success(), "it stops in order");
}

#[test]
fn a_log_on_a_full_disk_stops_nobody() {
    let server = setup().prepare();
    start_with_log(&server, Path::new("/dev/full"));
    send_garbage(&server, 100);
    assert_stands(&server);
    assert!(server.terminate().success(), "it stops in order");
}

#[test]
fn garbage_leaves_some_lines_and_the_number_of_the_others() {
    const KIND: &str = "a frame of this length is not taken";
    let server = server();
    send_garbage(&server, GARBAGE);
    assert_stands(&server);
    assert!(server.terminate().success(), "it stops in order");
    let log = server.log();
    let of_kind: Vec<&str> = log.lines().filter(|line| line.contains(KIND)).collect();
    assert!(of_kind.len() < GARBAGE_LINES, "{} lines of {GARBAGE} garbage connections", of_kind.len());
    let told = of_kind.iter().map(|line| number_before(line, " more of this kind").unwrap_or(1)).sum::<usize>();
    assert_eq!(told, GARBAGE, "the log ends:\n{}", server.log_tail());
}

/// What becomes of a number that nobody asks for: it is told when its time is over, and not only by the next line.
#[test]
fn the_number_of_the_others_comes_by_itself() {
    let server = server();
    send_garbage(&server, GARBAGE / 10);
    let told = poll_until(DEADLINE, || server.log().contains(" more of this kind").then_some(()));
    assert!(told.is_some(), "nothing tells how many lines are missing:\n{}", server.log_tail());
}

/// A warning with all of `parts` comes.
fn wait_for_warning(server: &Server, parts: &[&str]) {
    let is_meant = |line: &str| line.contains(" WARN ") && parts.iter().all(|part| line.contains(part));
    let told = poll_until(DEADLINE, || server.log().lines().any(is_meant).then_some(()));
    assert!(told.is_some(), "no warning tells of {parts:?}:\n{}", server.log_tail());
}

#[test]
fn failed_authentication_leaves_a_line() {
    const SECRET: &str = "sesame-open";
    let server = server();
    let mut wire = Wire::open(server.address());
    wire.send(&hello());
    // A scheme that nobody knows is as good a place to leave a password in as any.
    wire.send(&request(-4, &Request::auth(SECRET, SECRET.as_bytes())));
    wire.read_to_close();
    let session = client(&server).session.clone();
    let mut wrong = session.clone();
    wrong.password = SECRET.as_bytes().to_vec();
    wrong.password.resize(16, b'!');
    let refused = Client::reattach(server.address(), &wrong, 0);
    assert!(matches!(refused, Err(ClientError::Refused)));
    wait_for_warning(&server, &["authentication failed", "address=127.0.0.1"]);
    wait_for_warning(&server, &["wrong password", &format!("0x{:x}", session.id)]);
    assert!(!server.log().contains(SECRET), "a secret is in the log:\n{}", server.log_tail());
}

/// More identities than a connection may prove; a request from a connection that has proven none where it must.
#[test]
fn refused_identities_leave_a_line() {
    let enforcing = setup().config("enforce.auth.enabled", "true").config("enforce.auth.schemes", "digest").start();
    let mut wire = Wire::open(enforcing.address());
    wire.send(&hello());
    wire.send(&request(1, &Request::exists("/", false)));
    wire.read_to_close();
    wait_for_warning(&enforcing, &["before it had proven who it is", "address=127.0.0.1"]);
    let mut wire = Wire::open(enforcing.address());
    wire.send(&hello());
    for number in 0..IDENTITIES {
        wire.send(&request(-4, &Request::auth("digest", format!("user-{number}:p").as_bytes())));
    }
    wire.read_to_close();
    wait_for_warning(&enforcing, &["more identities than are kept", "address=127.0.0.1"]);
}

#[test]
fn a_filter_that_cannot_be_read_is_told_of() {
    for filter in ["paddock=loud", "loud", "info,a=b=c"] {
        let server = setup().prepare();
        server.spawn_behind(&["env", &format!("RUST_LOG={filter}")]);
        server.wait_until_serving();
        let told = poll_until(DEADLINE, || server.log().contains("listening").then_some(()));
        assert!(told.is_some(), "RUST_LOG={filter} leaves an empty log");
        let log = server.log();
        let hint = log.lines().find(|line| line.contains(" WARN ") && line.contains("RUST_LOG"));
        assert!(hint.is_some_and(|hint| hint.contains(filter)), "RUST_LOG={filter}: {log}");
    }
}

/// Reads to the end, so that an answer of the shell's is seen too.
#[test]
fn the_reason_of_a_refused_start_is_told_through_a_pipe() {
    let dir = TempDir::new("reason");
    let config = dir.write("zoo.cfg", b"dataDir=/proc/self/fdinfo\nclientPort=0\n");
    let mut command = paddock_tests::server::command(&setup(), &config);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().expect("the binary can be started");
    let mut said = String::new();
    child.stderr.take().expect("it is a pipe").read_to_string(&mut said).expect("messages are UTF-8");
    assert_eq!(child.wait().expect("a child can be waited for").code(), Some(3));
    assert!(said.lines().last().is_some_and(|line| line.contains("/proc/self/fdinfo")), "{said}");
}
