//! What becomes of the files: missing, damaged, in the wrong place, without space, removed while the server runs. Whatever
//! happens to them, what was acknowledged is served, or the start is refused with a sentence that says what is missing and
//! what to do; nothing is lost in silence that anything on the disk could tell of.
//!
//! | module | is about |
//! |---|---|
//! | `damage` | every file of a data directory, damaged in every way |
//! | `directories` | directories that were added, exchanged, emptied, shared with ZooKeeper |
//! | `check` | `paddock log` on what is there and what is not |
//! | `space` | a full disk |
//! | `tools` | `paddock snapshot` and `paddock log` on sound files |
//! | `vanishing` | files that go while the server runs |
mod check;
mod damage;
mod directories;
mod space;
mod tools;
mod vanishing;

use paddock_tests::client::Client;
use paddock_tests::records::{err, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, poll_until};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const TIMEOUT_MS: i32 = 20_000;

fn setup() -> Setup {
    Setup::new(Kind::Paddock)
}

fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client")
}

/// Creates znodes with these numbers, each acknowledged.
fn create(client: &mut Client, numbers: std::ops::Range<usize>) {
    for number in numbers.clone() {
        client.queue(&Request::create(&format!("/znode-{number}"), &[7; 100], flags::PERSISTENT));
    }
    client.flush().expect("the creates are taken");
    for _ in numbers {
        assert_eq!(client.next_reply().expect("a reply").err, err::OK);
    }
}

/// How many of the znodes of [`create`] there are.
fn count(server: &Server) -> usize {
    let children = client(server).ok(&Request::get_children("/", false));
    children.names().iter().filter(|name| name.starts_with("znode-")).count()
}

/// Starts a server that must end by itself, badly, and with one sentence; returns that sentence and the exit code.
fn refused(server: &Server) -> (String, i32) {
    let before = server.log().len();
    server.spawn();
    let status = poll_until(DEADLINE, || server.exit_status());
    let status = status.unwrap_or_else(|| panic!("it is not refused; its log ends:\n{}", server.log_tail()));
    server.kill();
    let said = server.log().split_off(before);
    assert!(!said.contains("panicked"), "{said}");
    let sentence = said.lines().last().unwrap_or_default().to_owned();
    let code = status.code().unwrap_or_else(|| panic!("it was ended by a signal: {said}"));
    assert_ne!(code, 0, "{said}");
    (sentence, code)
}

fn assert_names(sentence: &str, names: &[&str]) {
    for name in names {
        assert!(sentence.contains(name), "{name} is not in: {sentence}");
    }
}

/// The directory inside, where the files are.
fn inside(dir: &Path) -> PathBuf {
    dir.join("paddock-1")
}

/// The files of a directory whose names begin so, ascending.
fn files(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    found.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)));
    found.sort();
    found
}

/// Copies a directory with all that is in it; what goes meanwhile is left out.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("it can be made");
    for entry in std::fs::read_dir(from).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            match std::fs::copy(&path, &target) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                copied => drop(copied.expect("it can be copied")),
            }
        }
    }
}

/// Puts a line into the zoo.cfg of a server, in place of one with the same key; `None` takes it away.
fn configure(server: &Server, key: &str, value: Option<&Path>) {
    server.configure(key, value);
}
