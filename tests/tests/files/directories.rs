//! Directories that were added, exchanged, emptied, or are shared with a ZooKeeper server.
use crate::{assert_names, client, configure, count, create, files, inside, refused, setup};
use paddock_tests::server::{DEADLINE, Server, poll_until};
use std::path::{Path, PathBuf};

/// A server that has stopped in order, with a hundred znodes in one directory or in two.
fn stopped(has_log_dir: bool) -> (Server, PathBuf) {
    let mut server = setup().prepare();
    let log_dir = server.config_path().with_file_name("logs");
    configure(&server, "dataLogDir", has_log_dir.then_some(&log_dir));
    server.restart();
    create(&mut client(&server), 0..100);
    server.terminate();
    (server, log_dir)
}

fn assert_serves_all(server: &mut Server) {
    server.restart();
    assert_eq!(count(server), 100);
}

#[test]
fn a_log_directory_that_was_added_is_refused() {
    let (mut server, log_dir) = stopped(false);
    configure(&server, "dataLogDir", Some(&log_dir));
    let (sentence, code) = refused(&server);
    assert_names(
        &sentence,
        &[inside(&server.data_dir()).to_str().unwrap(), inside(&log_dir).to_str().unwrap(), "log.*", "move"],
    );
    assert_eq!(code, 3, "as ZooKeeper ends");
    // What it says helps.
    std::fs::create_dir_all(inside(&log_dir)).expect("it can be made");
    for path in files(&inside(&server.data_dir()), "log.") {
        std::fs::rename(&path, inside(&log_dir).join(path.file_name().unwrap())).expect("it is moved");
    }
    assert_serves_all(&mut server);
}

#[test]
fn directories_that_were_exchanged_are_refused() {
    let (mut server, log_dir) = stopped(true);
    let data_dir = server.data_dir();
    configure(&server, "dataDir", Some(&log_dir));
    configure(&server, "dataLogDir", Some(&data_dir));
    let (sentence, code) = refused(&server);
    assert_names(&sentence, &[data_dir.to_str().unwrap(), log_dir.to_str().unwrap()]);
    assert_eq!(code, 3);
    configure(&server, "dataDir", Some(&data_dir));
    configure(&server, "dataLogDir", Some(&log_dir));
    assert_serves_all(&mut server);
}

#[test]
fn a_log_directory_that_was_dropped_is_missed() {
    let (mut server, log_dir) = stopped(true);
    configure(&server, "dataLogDir", None);
    let (sentence, code) = refused(&server);
    let data_dir = server.data_dir();
    assert_names(&sentence, &[data_dir.to_str().unwrap(), log_dir.to_str().unwrap(), "The log was in", "0x"]);
    assert_eq!(code, 3);
    configure(&server, "dataLogDir", Some(&log_dir));
    assert_serves_all(&mut server);
}

/// The directory is there and empty, as when its disk is not mounted.
#[test]
fn an_empty_log_directory_is_missed() {
    let (mut server, log_dir) = stopped(true);
    let elsewhere = log_dir.with_file_name("unmounted");
    std::fs::rename(&log_dir, &elsewhere).expect("it is moved");
    std::fs::create_dir(&log_dir).expect("it can be made");
    let (sentence, code) = refused(&server);
    assert_names(&sentence, &[log_dir.to_str().unwrap(), "no segment", "paddock log cut", "--data-dir"]);
    assert_eq!(code, 3);
    std::fs::remove_dir_all(&log_dir).expect("it is ours");
    std::fs::rename(&elsewhere, &log_dir).expect("it is moved back");
    assert_serves_all(&mut server);
}

/// An order, as the refusal words it, goes on with what there is.
#[test]
fn an_order_gives_up_what_is_missing() {
    let (mut server, log_dir) = stopped(true);
    std::fs::remove_dir_all(inside(&log_dir)).expect("it is ours");
    let (sentence, _) = refused(&server);
    let order = sentence.split('`').find(|part| part.starts_with("paddock log cut")).expect("an order is told");
    let mut words = order.split(' ');
    words.next();
    let done = std::process::Command::new(paddock_tests::server::paddock()).args(words).output().expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    server.restart();
    assert_eq!(count(&server), 0);
    create(&mut client(&server), 0..5);
    server.kill();
    server.restart();
    assert_eq!(count(&server), 5);
}

#[test]
fn two_names_of_one_directory_are_one_directory() {
    let (mut server, log_dir) = stopped(false);
    std::os::unix::fs::symlink(server.data_dir(), &log_dir).expect("a link can be made");
    configure(&server, "dataLogDir", Some(&log_dir));
    assert_serves_all(&mut server);
}

fn zookeepers_files(dir: &Path) {
    std::fs::create_dir_all(dir).expect("it can be made");
    for name in ["log.1", "snapshot.0"] {
        std::fs::write(dir.join(name), b"ZooKeeper's").expect("it is writable");
    }
}

#[test]
fn a_zookeepers_files_beside_nothing_of_ours_are_refused() {
    let server = setup().prepare();
    let theirs = server.data_dir().join("version-2");
    zookeepers_files(&theirs);
    for dir in [server.data_dir(), theirs.clone()] {
        configure(&server, "dataDir", Some(&dir));
        for ours in [false, true] {
            if ours {
                // What a server leaves that was started once, and served nothing.
                std::fs::create_dir_all(inside(&dir)).expect("it can be made");
                std::fs::write(inside(&dir).join("log.0000000000000001"), [0; 8192]).expect("it is writable");
            }
            let (sentence, code) = refused(&server);
            assert_names(&sentence, &[theirs.to_str().unwrap(), "ZooKeeper"]);
            assert_eq!(code, 3);
        }
        std::fs::remove_dir_all(inside(&dir)).expect("it is ours");
    }
}

#[test]
fn a_zookeepers_files_restored_beside_ours_are_told() {
    let (mut server, _) = stopped(false);
    let theirs = server.data_dir().join("version-2");
    zookeepers_files(&theirs);
    assert_serves_all(&mut server);
    let log = server.log();
    let warning = log.lines().find(|line| line.contains("WARN") && line.contains("version-2")).expect("it is told");
    assert_names(warning, &[theirs.to_str().unwrap(), inside(&server.data_dir()).to_str().unwrap()]);
}

#[test]
fn a_deleted_lock_lets_no_second_server_in() {
    let (mut server, _) = stopped(false);
    server.restart();
    std::fs::remove_file(server.data_dir().join("paddock.lock")).expect("it is there");
    let second = setup().prepare();
    configure(&second, "dataDir", Some(&server.data_dir()));
    let (sentence, code) = refused(&second);
    assert_names(&sentence, &[server.data_dir().to_str().unwrap(), "in use"]);
    assert_eq!(code, 3);
    assert_eq!(count(&server), 100);
}

#[test]
fn a_lock_that_cannot_be_opened_is_named() {
    let (server, _) = stopped(false);
    let lock = server.data_dir().join("paddock.lock");
    std::fs::remove_file(&lock).expect("it is there");
    std::fs::create_dir(&lock).expect("it can be made");
    let (sentence, _) = refused(&server);
    assert_names(&sentence, &[lock.to_str().unwrap()]);
}

/// The lock goes with the directory: whoever comes to its place may lock what is there.
#[test]
fn a_data_directory_that_is_moved_ends_its_server() {
    let (mut server, _) = stopped(true);
    server.restart();
    let moved = server.data_dir().with_extension("moved");
    std::fs::rename(server.data_dir(), &moved).expect("it is moved");
    let status = poll_until(DEADLINE, || server.exit_status()).expect("it ends by itself");
    assert_eq!(status.code(), Some(1));
    assert_names(&server.log_tail(), &[server.data_dir().to_str().unwrap(), "was moved or removed"]);
    assert!(!server.data_dir().exists(), "nothing is written there");
    server.kill();
    std::fs::rename(&moved, server.data_dir()).expect("it is moved back");
    assert_serves_all(&mut server);
}

#[test]
fn the_half_with_the_log_does_not_judge_alone() {
    let (_server, log_dir) = stopped(true);
    for (arguments, part) in
        [(&["check"][..], "nothing in"), (&["cut", "--after", "0x1"], "has neither a milestone nor a snapshot")]
    {
        let mut command = std::process::Command::new(paddock_tests::server::paddock());
        let done = command.arg("log").args(arguments).arg(&log_dir).output().expect("it runs");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_names(&said, &[part, "--data-dir", log_dir.to_str().unwrap()]);
        assert_eq!(done.status.code(), Some(1));
    }
}
