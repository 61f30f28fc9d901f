//! `paddock snapshot` and `paddock log` on what a server has left.
use crate::{assert_names, client, copy, create, files, inside, setup};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Server, TempDir, paddock, poll_until};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a command says on stdout and stderr, and how it ends.
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

pub fn run(arguments: &[&str], paths: &[&Path]) -> Said {
    let done = Command::new(paddock()).args(arguments).args(paths).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let said = Said { out: text(done.stdout), err: text(done.stderr), code: done.status.code() };
    assert!(!said.err.contains("panicked"), "{}", said.err);
    said
}

/// One that must go well.
fn fine(arguments: &[&str], paths: &[&Path]) -> String {
    let said = run(arguments, paths);
    assert_eq!(said.code, Some(0), "{arguments:?}: {}{}", said.out, said.err);
    assert_eq!(said.err, "", "{arguments:?}");
    said.out
}

/// The line of an answer for programs that has this in it. A value is found by its text, which will do for such objects.
fn object_of<'t>(lines: &'t str, part: &str) -> &'t str {
    let found = lines.lines().find(|line| line.contains(part));
    let found = found.unwrap_or_else(|| panic!("{part} is not in:\n{lines}"));
    assert!(found.starts_with('{') && found.ends_with('}'), "{found}");
    found
}

/// A server that has taken a snapshot and a few writes more, and the session that owns its only ephemeral.
fn left() -> (Server, i64) {
    let mut server = setup().config("snapCount", "50").prepare();
    server.restart();
    let mut client = client(&server);
    client.ok(&Request::create("/app", b"top", flags::PERSISTENT));
    client.ok(&Request::create("/app/one", b"\x00\xff", flags::PERSISTENT));
    client.ok(&Request::create("/app/two", b"12345", flags::EPHEMERAL));
    create(&mut client, 0..60);
    poll_until(DEADLINE, || (!snapshots(&server).is_empty()).then_some(())).expect("a snapshot is taken");
    let session = client.session.id;
    server.kill();
    (server, session)
}

fn snapshots(server: &Server) -> Vec<PathBuf> {
    files(&inside(&server.data_dir()), "snapshot.0")
}

#[test]
fn a_snapshot_is_shown() {
    let (server, session) = left();
    let data_dir = server.data_dir();
    let newest = snapshots(&server).pop().expect("there is one");
    let all = fine(&["snapshot", "show"], &[&data_dir]);
    assert_eq!(all, fine(&["snapshot", "show"], &[&newest]), "the newest of a directory is taken");
    assert_eq!(all, fine(&["snapshot", "show"], &[&inside(&data_dir)]));
    assert_names(&all, &["\n/app/one\n  cZxid = 0x3\n", "  dataLength = 2\n", "(ephemeral)", newest.to_str().unwrap()]);
    assert_names(&all, &[&format!("session 0x{session:x}, timeout 20000 ms, 1 ephemerals")]);
    assert!(!all.contains("AP8="), "data may be secret: {all}");

    let app = fine(&["snapshot", "show", "--data", "--path", "/app"], &[&newest]);
    assert_names(&app, &["\n/app\n", "  data = AP8=\n", "  acl = world:anyone:rwcda\n"]);
    assert!(!app.contains("/znode-") && !app.contains("session 0x"), "{app}");

    let objects = fine(&["snapshot", "show", "--json", "--data"], &[&newest]);
    assert_names(object_of(&objects, "\"/app/one\""), &["\"data\":\"AP8=\"", "\"czxid\":\"0x3\"", "\"persistent\""]);
    assert_names(object_of(&objects, "\"/app/two\""), &["\"kind\":\"ephemeral\""]);
    assert_names(object_of(&objects, "\"timeout\""), &[&format!("\"session\":\"0x{session:x}\"")]);
    let said = run(&["snapshot", "show", "--path", "/none"], &[&newest]);
    assert_names(&said.err, &["/none", newest.to_str().unwrap()]);
    assert_eq!(said.code, Some(1));
}

#[test]
fn subtrees_of_a_snapshot_are_summed_up() {
    let (server, _) = left();
    let all = fine(&["snapshot", "summary"], &[&server.data_dir()]);
    let line = |text: &str, path: &str| -> Vec<String> {
        let found = text.lines().find(|line| line.ends_with(&format!("  {path}")));
        found.unwrap_or_else(|| panic!("{path}: {text}")).split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(line(&all, "/app"), ["3", "1", "10", "1", "/app"]);
    assert!(!all.contains("/app/one"), "what has no children is no subtree: {all}");
    let only = fine(&["snapshot", "summary", "--depth", "0"], &[&server.data_dir()]);
    assert_eq!(line(&only, "/"), line(&all, "/"), "all are counted");
    assert!(!only.contains("/app"), "{only}");
    let leaf = fine(&["snapshot", "summary", "--path", "/app/one", "--json"], &[&server.data_dir()]);
    assert_names(object_of(&leaf, "/app/one"), &["\"znodes\":1", "\"dataBytes\":2", "\"levels\":0"]);
}

#[test]
fn a_snapshot_is_sound_or_told_to_be_damaged() {
    let (server, _) = left();
    let newest = snapshots(&server).pop().expect("there is one");
    let said = run(&["snapshot", "check"], &[&server.data_dir()]);
    assert_names(&said.out, &["sound: ", newest.to_str().unwrap()]);
    assert_eq!(said.code, Some(0));
    let mut bytes = std::fs::read(&newest).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).expect("it is writable");
    let said = run(&["snapshot", "check"], &[&newest]);
    assert_names(&said.out, &["not sound: ", newest.to_str().unwrap(), "damaged at byte"]);
    assert_eq!(said.code, Some(1));
    let said = run(&["snapshot", "check", "--json"], &[&newest]);
    assert_names(&said.out, &["\"verdict\":\"damaged\""]);
    let said = run(&["snapshot", "show"], &[&newest]);
    assert_names(&said.err, &[newest.to_str().unwrap(), "damaged at byte"]);
    assert_eq!((said.out.as_str(), said.code), ("", Some(1)));
}

#[test]
fn snapshots_are_compared() {
    let (mut server, _) = left();
    let dir = TempDir::new("compare");
    let before = dir.path().join("a copy of any name");
    std::fs::copy(snapshots(&server).pop().expect("there is one"), &before).expect("it is copied");
    let said = run(&["snapshot", "compare"], &[&before, &before]);
    assert_names(&said.out, &["\nequal\n"]);
    assert_eq!(said.code, Some(0));

    server.restart();
    let mut client = client(&server);
    client.ok(&Request::set_data("/app/one", b"longer", -1));
    client.ok(&Request::create("/app/new", b"123", flags::PERSISTENT));
    client.ok(&Request::delete("/znode-1", -1));
    let taken = snapshots(&server).len();
    let mut created = 60;
    while snapshots(&server).len() == taken {
        create(&mut client, created..created + 10);
        created += 10;
    }
    server.kill();
    let said = run(&["snapshot", "compare"], &[&before, &server.data_dir()]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert_names(
        &said.out,
        &["only left   /znode-1: 100 bytes", "only right  /app/new: 3 bytes of data", "\ndifferent: "],
    );
    let line = said.out.lines().find(|line| line.starts_with("changed     /app/one:")).expect("it is told");
    assert_names(line, &["version 0 -> 1", "data 2 bytes -> 6 bytes", "mzxid 0x3 -> "]);
    let said = run(&["snapshot", "compare", "--json"], &[&before, &server.data_dir()]);
    assert_names(object_of(&said.out, "\"/app/one\""), &["\"version\":[\"0\",\"1\"]"]);
    assert_names(object_of(&said.out, "\"equal\""), &["\"equal\":false", "\"onlyLeft\":"]);
    let said = run(&["snapshot", "compare", "--subtrees", "--bytes", "6"], &[&before, &server.data_dir()]);
    assert!(said.out.lines().any(|line| line.split_whitespace().eq(["+1", "+7", "/app"])), "{}", said.out);
    assert!(!said.out.contains("/app/one"), "{}", said.out);
}

#[test]
fn transactions_are_shown_counted_and_compared() {
    let (server, session) = left();
    let data_dir = server.data_dir();
    let all = fine(&["log", "show"], &[&data_dir]);
    assert_names(&all, &["create \"/app/one\", 2 bytes", &format!("session 0x{session:x} "), "ephemeral, 5 bytes"]);
    let one = fine(&["log", "show", "--from", "3", "--to", "0x3", "--data", "--json"], &[&data_dir]);
    assert_eq!(one.lines().count(), 1, "{one}");
    assert_names(object_of(&one, "\"zxid\":\"0x3\""), &["\"type\":\"create\"", "\"data\":\"AP8=\"", "\"digest\""]);
    // A segment by itself, under any name.
    let dir = TempDir::new("segment");
    let segment = dir.path().join("copied");
    std::fs::copy(&files(&inside(&data_dir), "log.")[0], &segment).expect("it is copied");
    let said = fine(&["log", "show", "--to", "3"], &[&segment]);
    assert_names(&said, &["segment 1: ", "create \"/app/one\"", "sound"]);
    assert_names(&fine(&["log", "check"], &[&segment]), &["1 segments", "sound"]);

    let summary = fine(&["log", "summary", "--depth", "1"], &[&data_dir]);
    assert!(summary.lines().any(|line| line.split_whitespace().eq(["3", "10", "/app"])), "{summary}");
    assert!(summary.lines().any(|line| line.split_whitespace().eq(["63", "create"])), "{summary}");
    assert!(!summary.contains("/app/one"), "{summary}");

    let other = dir.path().join("other");
    copy(&data_dir, &other);
    let said = run(&["log", "compare"], &[&data_dir, &other]);
    assert_names(&said.out, &["0 are not"]);
    assert_eq!(said.code, Some(0));
    let other = setup().start();
    create(&mut client(&other), 0..10);
    other.kill();
    let said = run(&["log", "compare"], &[&data_dir, &other.data_dir()]);
    assert_names(&said.out, &["0x3 different", "0 transactions are equal"]);
    assert_eq!(said.code, Some(1));
}

#[test]
fn what_is_no_snapshot_is_refused_by_name() {
    let (server, _) = left();
    let dir = TempDir::new("none");
    let text = dir.write("text", b"hello");
    let empty = dir.write("empty", b"");
    let segment = files(&inside(&server.data_dir()), "log.")[0].clone();
    for command in ["check", "show", "summary"] {
        for (path, part) in [
            (&text, "it begins as no snapshot does"),
            (&empty, "nothing is written in it"),
            (&segment, "`paddock log` reads those"),
            (&dir.path().join("nowhere"), "cannot look at"),
            (&dir.path().to_owned(), "holds no snapshot"),
        ] {
            let said = run(&["snapshot", command], &[path]);
            assert_names(&said.err, &[part, path.to_str().unwrap()]);
            assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
        }
    }
    let snapshot = snapshots(&server).pop().expect("there is one");
    for (path, part) in
        [(&text, "begins as no log does"), (&snapshot, "`paddock snapshot` reads those"), (&empty, "nothing")]
    {
        let said = run(&["log", "show"], &[path]);
        assert_names(&said.err, &[part, path.to_str().unwrap()]);
        assert_eq!(said.code, Some(1));
    }
    let said = run(&["snapshot"], &[]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    let said = run(&["snapshot", "compare", "--bytes", "1"], &[&text, &text]);
    assert_eq!(said.code, Some(2), "{}", said.err);
}

#[test]
fn whoever_reads_a_snapshot_may_go_away() {
    let (server, _) = left();
    let newest = snapshots(&server).pop().expect("there is one");
    for (arguments, paths) in [
        (&["show"][..], &[&newest][..]),
        (&["show", "--json"], &[&newest]),
        (&["summary"], &[&newest]),
        (&["check"], &[&newest]),
        (&["compare"], &[&newest, &newest]),
    ] {
        let (reader, writer) = std::io::pipe().expect("there are descriptors");
        drop(reader);
        let mut command = Command::new(paddock());
        command.arg("snapshot").args(arguments).args(paths).stdout(writer);
        let done = command.stderr(Stdio::piped()).output().expect("it ends");
        assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(done.status.code(), Some(0), "{arguments:?}");
    }
}
