//! What is served after a conversion, and what is refused before.
use crate::{
    Left, MANY, assert_goes_on, assert_names, assert_same, beside, client, content, files, newest, obey, refused, run,
    setup,
};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, TempDir};
use std::os::unix::fs::FileExt;

fn went_on(theirs: &mut Server, path: &str) {
    theirs.restart();
    client(theirs).ok(&Request::create(path, b"", flags::PERSISTENT));
    theirs.kill();
}

#[test]
fn a_zookeepers_state_is_served_after_the_command_that_the_refusal_tells() {
    let Left { server: theirs, session, content: was } = Left::new(setup(Kind::ZooKeeper));
    let place = theirs.data_dir().join("version-2");
    let before = files(&place);
    let mut ours = beside(&theirs);
    let (sentence, code) = refused(&ours);
    assert_names(&sentence, &[place.to_str().unwrap(), "ZooKeeper", ours.config_path().to_str().unwrap()]);
    assert_eq!(code, 3);
    let said = obey(&sentence);
    assert_names(
        &said,
        &["it was what ZooKeeper had computed", "read it back", "1 ephemerals", "2 sessions", "next: "],
    );
    assert!(files(&place) == before, "ZooKeeper's files are as they were");

    ours.restart();
    assert_names(&ours.log(), &["was converted up to 0x", "nothing newer is in it"]);
    assert!(!ours.log().contains(" WARN "), "{}", ours.log());
    assert_same(&content(&ours), &was);
    assert_goes_on(&ours, &session);
    ours.kill();
    // Now there are transactions of its own.
    ours.restart();
    assert_eq!(content(&ours).len(), was.len() - 1);
    ours.kill();
    let (said, code) = run(&["convert", "--from-zookeeper"], &[&ours.config_path()]);
    assert_names(&said, &["transactions of its own", theirs.data_dir().join("paddock-1").to_str().unwrap()]);
    assert_eq!(code, 1);
}

#[test]
fn one_start_can_convert_two_directories() {
    let theirs = setup(Kind::ZooKeeper).prepare();
    let logs = theirs.config_path().with_file_name("logs");
    theirs.configure("dataLogDir", Some(&logs));
    let Left { server: theirs, session, content: was } = Left::on(theirs);
    let mut ours = setup(Kind::Paddock).property("paddock.convert", "yes").prepare();
    ours.configure("dataDir", Some(&theirs.data_dir()));
    ours.configure("dataLogDir", Some(&logs));
    ours.restart();
    assert_names(&ours.log(), &["conversion from ZooKeeper: read ", "conversion from ZooKeeper: wrote "]);
    assert_same(&content(&ours), &was);
    assert_goes_on(&ours, &session);
    ours.kill();
    let before = ours.log().len();
    ours.restart();
    let said = ours.log().split_off(before);
    assert!(!said.contains("conversion from ZooKeeper"), "it is done once: {said}");
    assert_eq!(content(&ours).len(), was.len() - 1);
}

#[test]
fn the_command_that_is_told_has_both_directories() {
    let theirs = setup(Kind::ZooKeeper).prepare();
    let logs = theirs.config_path().with_file_name("my logs");
    theirs.configure("dataLogDir", Some(&logs));
    let Left { server: mut theirs, content: was, .. } = Left::on(theirs);
    // So that there is a snapshot at rest, which is whole by itself.
    theirs.restart();
    theirs.kill();
    let missing = theirs.config_path().with_file_name("missing");
    std::fs::create_dir(&missing).expect("it can be made");
    let words = ["convert", "--from-zookeeper", "-Dzookeeper.extendedTypesEnabled=true", "--data-log-dir"];
    let (said, code) = run(&words, &[&missing, "--data-dir".as_ref(), &theirs.data_dir()]);
    assert_names(&said, &[missing.to_str().unwrap(), "snapshot.", "--accept-missing-logs"]);
    assert_eq!(code, 1);

    let mut ours = beside(&theirs);
    ours.configure("dataLogDir", Some(&logs));
    let done = std::process::Command::new(paddock_tests::server::paddock())
        .args(["serve", "-DclientPortAddress=127.0.0.1", "-DclientPort=0", "-Dzookeeper.extendedTypesEnabled=true"])
        .arg(format!("-DdataDir={}", theirs.data_dir().display()))
        .arg(format!("-DdataLogDir={}", logs.display()))
        .output()
        .expect("it runs");
    let sentence = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    obey(&sentence);
    ours.restart();
    assert_same(&content(&ours), &was);
}

#[test]
fn a_zookeeper_that_has_gone_on_is_not_passed_over() {
    let Left { server: mut theirs, .. } = Left::new(setup(Kind::ZooKeeper));
    let mut ours = beside(&theirs);
    obey(&refused(&ours).0);
    // A start alone writes files, and nothing newer.
    theirs.restart();
    theirs.kill();
    ours.restart();
    ours.kill();

    went_on(&mut theirs, "/newer");
    let (sentence, code) = refused(&ours);
    assert_names(&sentence, &["ZooKeeper has gone on to 0x", theirs.data_dir().to_str().unwrap()]);
    assert_eq!(code, 3);
    obey(&sentence);
    ours.restart();
    client(&ours).ok(&Request::exists("/newer", false));
    ours.kill();

    went_on(&mut theirs, "/newest");
    let (sentence, code) = refused(&ours);
    assert_names(&sentence, &["and Paddock too", "version-2 away", "paddock-1 away"]);
    assert_eq!(code, 3);
    let (said, code) = run(&["convert", "--from-zookeeper"], &[&ours.config_path()]);
    assert_names(&said, &["transactions of its own"]);
    assert_eq!(code, 1);
    // What it tells helps.
    let place = theirs.data_dir().join("version-2");
    std::fs::rename(&place, place.with_extension("old")).expect("it is moved");
    ours.restart();
    client(&ours).ok(&Request::exists("/newer", false));
}

/// A power cut can leave half a record, which was acknowledged to nobody.
#[test]
fn a_torn_log_is_converted_up_to_its_last_whole_transaction() {
    let Left { server: theirs, content: was, .. } = Left::new(setup(Kind::ZooKeeper));
    let log = newest(&theirs.data_dir().join("version-2"), "log.");
    let bytes = std::fs::read(&log).expect("it is there");
    // The last one that names it is its deletion.
    let at = bytes.windows(7).rposition(|window| window == b"/many-7").expect("it was written");
    let file = std::fs::File::options().write(true).open(&log).expect("it is there");
    file.set_len(at as u64 + 3).expect("it can be cut");
    let mut ours = beside(&theirs);
    let said = obey(&refused(&ours).0);
    assert_names(&said, &[log.to_str().unwrap(), "ends within a transaction, at byte ", "as after a crash"]);
    ours.restart();
    assert_eq!(content(&ours).len(), was.len() + 1);
    client(&ours).ok(&Request::exists("/many-7", false));
}

#[test]
fn a_damaged_log_is_told_and_can_be_cut() {
    let Left { server: theirs, .. } = Left::new(setup(Kind::ZooKeeper));
    let log = newest(&theirs.data_dir().join("version-2"), "log.");
    let bytes = std::fs::read(&log).expect("it is there");
    let at = bytes.windows(8).position(|window| window == b"/many-99").expect("it was written") as u64;
    let file = std::fs::File::options().write(true).open(&log).expect("it is there");
    file.write_all_at(b"x", at).expect("it is writable");
    let mut ours = beside(&theirs);
    let (said, code) = run(&["convert", "--from-zookeeper", "--data-dir"], &[&theirs.data_dir()]);
    assert_names(&said, &[log.to_str().unwrap(), "checksum", "damaged at byte"]);
    assert_eq!(code, 1);
    assert!(!theirs.data_dir().join("paddock-1/conversion").exists());
    let (said, code) = run(&["log", "check"], &[&log]);
    assert_names(&said, &[log.to_str().unwrap(), "checksum", "the last good transaction is 0x"]);
    assert_eq!(code, 1);

    let last = said.trim().rsplit("the last good transaction is ").next().expect("it is told");
    let (said, code) = run(&["log", "cut", "--after", last], &[&log]);
    assert_eq!(code, 0, "{said}");
    let copy = said.split_once("wrote ").and_then(|(_, rest)| rest.split_once(": ")).expect("it is told").0;
    let (said, code) = run(&["log", "check"], &[std::path::Path::new(copy)]);
    assert_names(&said, &["sound", last]);
    assert_eq!(code, 0);
    std::fs::rename(copy, &log).expect("it is moved");
    obey(&refused(&ours).0);
    ours.restart();
    assert!(content(&ours).len() < MANY + 10);
    client(&ours).ok(&Request::exists("/many-98", false));
}

#[test]
fn a_refusal_without_a_file_names_the_directories() {
    let dir = TempDir::new("directories");
    let [data, logs] = ["data", "logs"].map(|name| dir.path().join(name));
    std::fs::create_dir_all(data.join("version-2")).expect("it can be made");
    std::fs::write(data.join("version-2/snapshot.0"), b"ZooKeeper's").expect("it is writable");
    let [data, logs] = [data.display().to_string(), logs.display().to_string()];
    let properties = [format!("-DdataDir={data}"), format!("-DdataLogDir={logs}"), "-DclientPort=0".to_owned()];
    let arguments: Vec<&str> = ["serve"].into_iter().chain(properties.iter().map(String::as_str)).collect();
    let (said, code) = run(&arguments, &[]);
    assert_names(&said, &[&format!("`paddock convert --from-zookeeper --data-dir {data} --data-log-dir {logs}`")]);
    assert_eq!(code, 3);
}

#[test]
fn a_zookeeper_that_runs_is_not_converted() {
    let mut theirs = setup(Kind::ZooKeeper).prepare();
    theirs.restart();
    let pid = theirs.pid().to_string();
    // As zkServer.sh does.
    std::fs::write(theirs.data_dir().join("zookeeper_server.pid"), &pid).expect("it is writable");
    let convert = || run(&["convert", "--from-zookeeper", "--data-dir"], &[&theirs.data_dir()]);
    let (said, code) = convert();
    assert_names(&said, &[&format!("process {pid} "), theirs.data_dir().to_str().unwrap(), "stop it"]);
    assert_eq!(code, 1);
    theirs.kill();
    let (said, code) = convert();
    assert_eq!(code, 0, "{said}");
}

#[test]
fn what_cannot_be_converted_is_refused_by_name() {
    let ours = setup(Kind::Paddock).prepare();
    let data_dir = ours.data_dir();
    let convert = || run(&["convert", "--from-zookeeper", "--data-dir"], &[&data_dir]);
    let (said, code) = convert();
    assert_names(&said, &[data_dir.to_str().unwrap(), "does not exist"]);
    assert_eq!(code, 1);
    std::fs::create_dir(&data_dir).expect("it can be made");
    let (said, code) = convert();
    assert_names(&said, &[data_dir.to_str().unwrap(), "no data of a ZooKeeper"]);
    assert_eq!(code, 1);
    std::fs::create_dir(data_dir.join("version-2")).expect("it can be made");
    std::fs::write(data_dir.join("version-2/snapshot.0"), b"rubbish").expect("it is writable");
    let (said, code) = convert();
    assert_names(&said, &["snapshot.0", "none of the snapshots"]);
    assert_eq!(code, 1);
    let (said, code) = run(&["convert", "--from-zookeeper", "--data-dir"], &[&data_dir.join("version-2")]);
    assert_names(&said, &["the directory inside", "give the one above"]);
    assert_eq!(code, 1);
    for arguments in [&["convert"][..], &["convert", "--from-zookeeper"], &["convert", "zoo.cfg"]] {
        assert_eq!(run(arguments, &[]).1, 2, "{arguments:?}");
    }
}
