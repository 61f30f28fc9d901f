//! `paddock snapshot` and `paddock log` on a ZooKeeper's files.
use crate::{Left, assert_names, client, fine, newest, run, setup};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, TempDir};
use std::path::Path;

#[test]
fn a_zookeepers_files_are_looked_at_as_ours_are() {
    let Left { mut server, session, content } = Left::new(setup(Kind::ZooKeeper));
    // A start writes a snapshot of all, and the first write after it begins a log.
    server.restart();
    client(&server).ok(&Request::create("/later", b"123", flags::PERSISTENT));
    server.kill();
    let data_dir = server.data_dir();
    let place = data_dir.join("version-2");
    let (snapshot, log) = (newest(&place, "snapshot."), newest(&place, "log."));

    let all = fine(&["snapshot", "show", "--data"], &[&data_dir]);
    assert_eq!(all, fine(&["snapshot", "show", "--data"], &[&snapshot]), "the newest of a directory is taken");
    assert_names(&all, &["ZooKeeper's snapshot ", snapshot.to_str().unwrap(), "\n/app/one\n", "  data = bG9uZ2Vy\n"]);
    assert_names(&all, &["(container)", "(lives 100000000 ms)", "  acl = ip:127.0.0.1:rwcda\n", "as its end says"]);
    assert_names(&all, &[&format!("session 0x{:x}, timeout 20000 ms, 1 ephemerals", session.id)]);
    // Under any name, and from no directory of its own.
    let dir = TempDir::new("copies");
    let copy = dir.path().join("a copy");
    std::fs::copy(&snapshot, &copy).expect("it is copied");
    assert_names(
        &fine(&["snapshot", "check"], &[&copy]),
        &["sound: ZooKeeper's", &format!("{} znodes", content.len() + 1)],
    );
    let summary = fine(&["snapshot", "summary", "--depth", "1"], &[&data_dir]);
    assert!(summary.lines().any(|line| line.ends_with("  /app")), "{summary}");

    assert_names(&fine(&["log", "check"], &[&data_dir]), &["2 files", "sound; the last transaction is 0x"]);
    let shown = fine(&["log", "show", "--json", "--data"], &[&log]);
    assert_names(&shown, &["\"path\":\"/later\"", "\"data\":\"MTIz\"", "\"type\":\"create\"", "\"digest\""]);
    let summary = fine(&["log", "summary"], &[&place]);
    assert!(summary.lines().any(|line| line.split_whitespace().eq(["1", "setACL"])), "{summary}");
    assert!(!summary.contains("/many-"), "few of all are written there: {summary}");
    assert_names(&fine(&["log", "compare"], &[&data_dir, &place]), &["0 are not"]);

    // Nothing of ours comes into ZooKeeper's directories.
    let theirs = || (crate::files(&place), data_dir.join("paddock-1").exists());
    let before = theirs();
    for directory in [&data_dir, &place] {
        let (said, code) = run(&["log", "cut", "--after", "5"], &[directory]);
        assert_names(&said, &[directory.to_str().unwrap(), "a ZooKeeper's files", "give the one log file"]);
        assert_eq!(code, 1);
    }
    let (said, code) = run(&["log", "cut", "--after", "5"], &[&server.config_path()]);
    assert_names(&said, &[server.config_path().to_str().unwrap(), "no transaction log"]);
    assert_eq!(code, 1);
    assert!(theirs() == before);
    // What has nothing in common is not equal, and what cannot be read is neither.
    let (said, code) = run(&["log", "compare"], &[&log, &crate::oldest(&place, "log.")]);
    assert_names(&said, &["no transaction is in the range of both"]);
    assert_eq!(code, 1);
    for what in ["log", "snapshot"] {
        assert_eq!(run(&[what, "compare"], &[&data_dir, &server.config_path()]).1, 2);
    }

    // Kinds can be compared with each other.
    let (said, code) = run(&["convert", "--from-zookeeper", "--data-dir"], &[&data_dir]);
    assert_names(&said, &["time to live", "extendedTypesEnabled"]);
    assert_eq!(code, 1);
    let with_ttl = ["convert", "--from-zookeeper", "-Dzookeeper.extendedTypesEnabled=true", "--data-dir"];
    fine(&with_ttl, &[&data_dir]);
    let (said, code) = run(&["snapshot", "compare"], &[&snapshot, &data_dir]);
    assert_names(&said, &["left  ZooKeeper's", "right Paddock's", "only right  /later", "different: "]);
    assert_eq!(code, 1);
    let (said, code) = run(&["snapshot", "compare"], &[&snapshot, &snapshot]);
    assert_eq!((said.ends_with("\nequal\n"), code), (true, 0), "{said}");
}

#[test]
fn damage_and_gaps_are_told() {
    let Left { mut server, .. } = Left::new(setup(Kind::ZooKeeper));
    for path in ["/second", "/third"] {
        server.restart();
        client(&server).ok(&Request::create(path, b"", flags::PERSISTENT));
        server.kill();
    }
    let place = server.data_dir().join("version-2");
    let snapshot = newest(&place, "snapshot.");
    let dir = TempDir::new("damage");
    let mut bytes = std::fs::read(&snapshot).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = dir.write("snapshot.1", &bytes);
    let (said, code) = run(&["snapshot", "check"], &[&damaged]);
    assert_names(&said, &["not sound", damaged.to_str().unwrap(), "byte"]);
    assert_eq!(code, 1);
    std::fs::create_dir(dir.path().join("version-2")).expect("it can be made");
    std::fs::write(dir.path().join("version-2/snapshot.5"), b"").expect("it is writable");
    std::fs::copy(&snapshot, dir.path().join("version-2/snapshot.3")).expect("it is copied");
    std::fs::remove_file(&damaged).expect("it is ours");
    let (said, code) = run(&["snapshot", "check"], &[dir.path()]);
    assert_names(&said, &["sound: ZooKeeper's", "snapshot.3 (", "not sound: ", "snapshot.5: it is cut short"]);
    assert_eq!(code, 1);
    let cut = dir.write("snapshot.2", &bytes[..middle]);
    assert_eq!(run(&["snapshot", "show"], &[&cut]).1, 1);
    let torn = newest(&place, "log.");
    let written = std::fs::read(&torn).expect("it is there");
    let end = written.iter().rposition(|byte| *byte != 0).expect("it was written to");
    let torn = dir.write("log.torn", &written[..end]);
    let (said, code) = run(&["log", "check"], &[&torn]);
    assert_names(&said, &["sound up to 0x", "a crash has torn", torn.to_str().unwrap()]);
    assert_eq!(code, 0);

    // The one in the middle is gone.
    let mut logs: Vec<_> = crate::files(&place).into_iter().map(|(path, _)| path).filter(|path| is_log(path)).collect();
    logs.sort_by_key(|path| {
        path.extension().map_or(0, |zxid| i64::from_str_radix(&zxid.to_string_lossy(), 16).unwrap())
    });
    assert_eq!(logs.len(), 3);
    std::fs::remove_file(&logs[1]).expect("it is there");
    let (said, code) = run(&["log", "check"], &[Path::new(&place)]);
    assert_names(&said, &["transactions between 0x", "are missing", logs[2].to_str().unwrap()]);
    assert_eq!(code, 1);
}

fn is_log(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log."))
}
