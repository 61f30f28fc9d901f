//! `paddock log check` and `show`: on a log, on none, and for a reader that goes away.
use crate::{assert_names, client, configure, copy, create, files, inside, setup};
use paddock_tests::server::{TempDir, paddock};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn paddock_log(arguments: &[&str], dir: &Path) -> (String, Option<i32>) {
    let Output { status, stdout, stderr } =
        Command::new(paddock()).arg("log").args(arguments).arg(dir).output().expect("it runs");
    let said = String::from_utf8(stdout).expect("UTF-8") + &String::from_utf8(stderr).expect("UTF-8");
    assert!(!said.contains("panicked"), "{said}");
    (said, status.code())
}

#[test]
fn what_is_no_log_is_not_sound() {
    let dir = TempDir::new("check");
    let theirs = dir.path().join("theirs");
    std::fs::create_dir_all(theirs.join("version-2")).expect("it can be made");
    std::fs::write(theirs.join("version-2/log.1"), b"ZooKeeper's").expect("it is writable");
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).expect("it can be made");
    for command in ["check", "show"] {
        for (place, parts) in [
            (&empty, &["holds no transaction log", "neither"][..]),
            (&theirs, &["version-2/log.1", "cut short at byte 8"]),
            (&theirs.join("version-2"), &["version-2/log.1", "cut short at byte 8"]),
            (&dir.path().join("nowhere"), &["cannot look at", "nowhere"]),
        ] {
            let (said, code) = paddock_log(&[command], place);
            assert_names(&said, parts);
            assert_eq!(code, Some(1), "{said}");
            assert!(!said.contains("sound"), "{said}");
        }
    }
}

#[test]
fn the_half_with_the_snapshots_is_not_the_log() {
    // No segment goes, whenever the snapshots come into place.
    let mut server = setup().config("snapCount", "20").config("autopurge.snapRetainCount", "1000").prepare();
    let log_dir = server.config_path().with_file_name("logs");
    configure(&server, "dataLogDir", Some(&log_dir));
    server.restart();
    // Each snapshot begins a segment; the last file is one that is prepared.
    let mut client = client(&server);
    let mut created = 0;
    while files(&inside(&log_dir), "log.").len() < 4 || files(&inside(&server.data_dir()), "snapshot.0").is_empty() {
        create(&mut client, created..created + 10);
        created += 10;
        assert!(created < 100_000, "the log never rolls");
    }
    server.terminate();
    let (said, code) = paddock_log(&["check"], &server.data_dir());
    assert_names(&said, &["snapshots", "the log was in", log_dir.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    let (said, code) = paddock_log(&["check", "--data-dir", server.data_dir().to_str().unwrap()], &log_dir);
    assert_names(&said, &["sound"]);
    assert_eq!(code, Some(0));
    let (said, code) = paddock_log(&["check"], &inside(&log_dir));
    assert_names(&said, &["give the one above it"]);
    assert_eq!(code, Some(1));

    // A log without its end is no sound one, for whoever knows of the rest.
    let shorter = TempDir::new("shorter");
    copy(&log_dir, shorter.path());
    std::fs::remove_file(files(&inside(shorter.path()), "log.").pop().unwrap()).expect("it is there");
    let (said, code) = paddock_log(&["check", "--data-dir", server.data_dir().to_str().unwrap()], shorter.path());
    assert_names(&said, &["are missing", "paddock log cut"]);
    assert_eq!(code, Some(1));
}

#[test]
fn a_reader_may_go_away() {
    let mut server = setup().start();
    create(&mut client(&server), 0..3_000);
    server.terminate();
    for name in ["show", "check"] {
        // It has gone before the first byte comes, so that even what fits the pipe finds nobody.
        let (reader, writer) = std::io::pipe().expect("there are descriptors");
        drop(reader);
        let mut command = Command::new(paddock());
        command.args(["log", name]).arg(server.data_dir()).stdout(writer);
        let done = command.stderr(Stdio::piped()).output().expect("it ends");
        assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(done.status.code(), Some(0));
    }
    server.restart();
}
