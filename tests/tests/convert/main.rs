//! From a ZooKeeper to Paddock and back, each time with the data that the other has left when it was killed. Debian's own
//! ZooKeeper writes what is converted, and starts on what is written.
//!
//! | module | is about |
//! |---|---|
//! | `from_zookeeper` | what is served afterwards, and what is refused |
//! | `kills` | a conversion that is killed at each of its steps |
//! | `to_zookeeper` | the way back |
//! | `tools` | `paddock snapshot` and `paddock log` on a ZooKeeper's files |
mod from_zookeeper;
mod kills;
mod to_zookeeper;
mod tools;

use paddock_tests::client::{Client, Session};
use paddock_tests::records::{Acl, err, flags};
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, error_of, paddock, poll_until};
use std::path::{Path, PathBuf};
use std::process::Command;

const TIMEOUT_MS: i32 = 20_000;
/// Znodes in a row, so that there is more than one page of names.
const MANY: usize = 300;

fn setup(kind: Kind) -> Setup {
    Setup::new(kind).property("zookeeper.extendedTypesEnabled", "true")
}

/// A Paddock on the same directories, and with the same settings.
fn beside(theirs: &Server) -> Server {
    let ours = setup(Kind::Paddock).prepare();
    ours.configure("dataDir", Some(&theirs.data_dir()));
    ours
}

/// A ZooKeeper that has served a little and was killed, and the session that was alive then.
struct Left {
    server: Server,
    session: Session,
    /// What its clients saw at last.
    content: Vec<String>,
}

/// Writes of every kind on a running server; the session is left alive with an ephemeral.
fn write(server: &Server) -> Session {
    let mut client = client(server);
    client.ok(&Request::auth("digest", b"pat:secret"));
    client.ok(&Request::create("/app", b"top", flags::PERSISTENT));
    client.ok(&Request::create("/app/one", b"\x00\xff", flags::PERSISTENT));
    client.ok(&Request::create("/app/empty", b"", flags::PERSISTENT));
    client.ok(&Request::create("/app/alive", b"12345", flags::EPHEMERAL));
    client.ok(&Request::create_with_acl("/app/secret", vec![Acl::new(31, "auth", "")], flags::PERSISTENT));
    client.ok(&Request::create_container("/app/container"));
    client.ok(&Request::create("/app/container/child", b"", flags::PERSISTENT));
    client.ok(&Request::create_ttl("/app/ttl", flags::TTL, 100_000_000));
    client.ok(&Request::create("/app/queue-", b"", flags::SEQUENTIAL));
    client.ok(&Request::set_data("/app/one", b"longer", -1));
    client.ok(&Request::set_acl("/app/one", vec![Acl::new(31, "ip", "127.0.0.1")], -1));
    client.ok(&Request::multi(vec![
        Request::create("/app/multi", b"m", flags::PERSISTENT),
        Request::check("/app", -1),
        Request::set_data("/app", b"other", -1),
    ]));
    assert_ne!(client.code(&Request::delete("/app/none", -1)), err::OK, "a failed write is a transaction too");
    for number in 0..MANY {
        client.queue(&Request::create(&format!("/many-{number}"), &[7; 50], flags::PERSISTENT));
    }
    client.flush().expect("they are taken");
    for _ in 0..MANY {
        assert_eq!(client.next_reply().expect("a reply").err, err::OK);
    }
    client.ok(&Request::delete("/many-7", -1));
    client.session.clone()
}

fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client")
}

impl Left {
    fn new(setup: Setup) -> Left {
        Left::on(setup.prepare())
    }

    fn on(mut server: Server) -> Left {
        server.restart();
        let session = write(&server);
        let content = content(&server);
        server.kill();
        Left { server, session, content }
    }
}

/// Everything that a client can see: paths, data, Stats, ACLs, children.
fn content(server: &Server) -> Vec<String> {
    let mut client = client(server);
    client.ok(&Request::auth("digest", b"pat:secret"));
    let mut seen = Vec::new();
    let mut waiting = vec!["/".to_owned()];
    while let Some(path) = waiting.pop() {
        let data = client.ok(&Request::get_data(&path, false)).body;
        let acl = match client.call(&Request::get_acl(&path)).expect("a reply").body {
            Body::Acl(acl, _) => format!("{acl:?}"),
            other => format!("{other:?}"),
        };
        let children = client.ok(&Request::get_children(&path, false));
        let mut names: Vec<&str> = children.names();
        names.sort_unstable();
        // Servers keep books of their own there.
        if path != "/zookeeper/config" {
            seen.push(format!("{path} {data:?} {acl} {names:?}"));
        }
        let above = if path == "/" { "" } else { &path };
        waiting.extend(names.iter().map(|name| format!("{above}/{name}")));
    }
    seen.sort();
    seen
}

#[track_caller]
fn assert_same(is: &[String], was: &[String]) {
    for (is, was) in is.iter().zip(was) {
        assert_eq!(is, was);
    }
    assert_eq!(is.len(), was.len());
}

/// The session goes on, with its ephemeral, and ends when it is told to.
fn assert_goes_on(server: &Server, session: &Session) {
    let mut client = Client::reattach(server.address(), session, 0).expect("the session lives");
    assert_eq!(client.session.timeout_ms, TIMEOUT_MS);
    assert_eq!(client.code(&Request::exists("/app/alive", false)), err::OK);
    client.ok(&Request::close());
    let mut other = self::client(server);
    assert_eq!(other.code(&Request::exists("/app/alive", false)), err::NO_NODE);
}

/// What a command says on stdout and stderr together, and its exit code.
fn run(arguments: &[&str], paths: &[&Path]) -> (String, i32) {
    let done = Command::new(paddock()).args(arguments).args(paths).output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(!said.contains("panicked"), "{said}");
    (said, done.status.code().expect("no signal ended it"))
}

#[track_caller]
fn fine(arguments: &[&str], paths: &[&Path]) -> String {
    let (said, code) = run(arguments, paths);
    assert_eq!(code, 0, "{arguments:?}: {said}");
    said
}

#[track_caller]
fn assert_names(sentence: &str, names: &[&str]) {
    for name in names {
        assert!(sentence.contains(name), "{name} is not in: {sentence}");
    }
}

/// Starts a server that must end by itself, badly; returns its last sentence and the exit code.
fn refused(server: &Server) -> (String, i32) {
    let before = server.log().len();
    server.spawn();
    let status = poll_until(DEADLINE, || server.exit_status());
    let status = status.unwrap_or_else(|| panic!("it is not refused; its log ends:\n{}", server.log_tail()));
    server.kill();
    let said = server.log().split_off(before);
    let sentence = error_of(said.lines().last().unwrap_or_default()).unwrap_or_default().to_owned();
    (sentence, status.code().expect("no signal ended it"))
}

/// Does just what a sentence tells between backquotes, as a shell does it.
#[track_caller]
fn obey(sentence: &str) -> String {
    let order = sentence.split('`').find(|part| part.starts_with("paddock convert ")).expect("an order is told");
    let arguments = order.strip_prefix("paddock").expect("it begins so");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("exec \"$PADDOCK_TOLD\"{arguments}")).env("PADDOCK_TOLD", paddock());
    let done = shell.output().expect("a shell runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{order}: {said}");
    said
}

/// Every file of a directory with its content.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).expect("it can be listed");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let mut files: Vec<_> = paths.map(|path| (path.clone(), std::fs::read(path).expect("it can be read"))).collect();
    files.sort();
    files
}

/// Files whose names begin so, the oldest first.
fn numbered(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let zxid = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.strip_prefix(prefix)?;
        i64::from_str_radix(name, 16).ok()
    };
    let mut found: Vec<PathBuf> = files(directory).into_iter().map(|(path, _)| path).collect();
    found.retain(|path| zxid(path).is_some());
    found.sort_by_key(zxid);
    found
}

/// The newest file whose name begins so.
fn newest(directory: &Path, prefix: &str) -> PathBuf {
    numbered(directory, prefix).pop().unwrap_or_else(|| panic!("no {prefix} in {}", directory.display()))
}

/// The oldest file whose name begins so.
fn oldest(directory: &Path, prefix: &str) -> PathBuf {
    numbered(directory, prefix).swap_remove(0)
}
