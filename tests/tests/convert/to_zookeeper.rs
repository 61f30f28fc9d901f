//! The way back: a ZooKeeper starts on what is written.
use crate::{Left, assert_goes_on, assert_names, assert_same, client, content, fine, run, setup, write};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, TempDir, four_letter_word};

#[test]
fn a_zookeeper_goes_on_with_what_paddock_has_left() {
    let mut ours = setup(Kind::Paddock).config("snapCount", "100").prepare();
    ours.restart();
    let session = write(&ours);
    let was = content(&ours);
    ours.kill();
    let before = crate::files(&ours.data_dir().join("paddock-1"));
    let mut theirs = setup(Kind::ZooKeeper).prepare();
    let (into, from) = (theirs.data_dir(), ours.config_path());
    let arguments = ["convert", "-Dzookeeper.extendedTypesEnabled=true", "--to-zookeeper"];
    let said = fine(&arguments, &[&into, &from]);
    assert_names(&said, &[into.to_str().unwrap(), "read it back", "sessions", "next: "]);
    assert!(crate::files(&ours.data_dir().join("paddock-1")) == before, "Paddock's files are as they were");
    let said = fine(&["log", "check"], &[&ours.data_dir()]);
    assert_names(&said, &["sound"]);

    theirs.restart();
    assert_same(&content(&theirs), &was);
    assert_goes_on(&theirs, &session);
    client(&theirs).ok(&Request::create("/there", b"", flags::PERSISTENT));
    let was = content(&theirs);
    theirs.kill();
    // With its own log behind what was written, ZooKeeper's own digests agree.
    theirs.restart();
    let told = four_letter_word(theirs.address(), "mntr", DEADLINE).expect("it is answered");
    assert!(told.lines().any(|line| line == "zk_digest_mismatches_count\t0"), "{told}");
    theirs.kill();

    // And once more the other way.
    let mut again = crate::beside(&theirs);
    fine(&["convert", "--from-zookeeper", "-Dzookeeper.extendedTypesEnabled=true"], &[&again.config_path()]);
    again.restart();
    assert_same(&content(&again), &was);
}

#[test]
fn compressed_snapshots_go_both_ways() {
    for (method, extension) in [("gz", ".gz"), ("snappy", ".snappy")] {
        let property = format!("-Dzookeeper.snapshot.compression.method={method}");
        let compressing = || setup(Kind::ZooKeeper).property("zookeeper.snapshot.compression.method", method);
        let Left { server: mut theirs, content: was, .. } = Left::new(compressing());
        // A start writes a snapshot of all.
        theirs.restart();
        theirs.kill();
        let mut ours = crate::beside(&theirs);
        let arguments = ["convert", "-Dzookeeper.extendedTypesEnabled=true", &property, "--from-zookeeper"];
        let said = fine(&arguments, &[&ours.config_path()]);
        assert!(said.lines().next().is_some_and(|line| line.contains(&format!("{extension} and 0 "))), "{said}");
        ours.restart();
        assert_same(&content(&ours), &was);
        ours.kill();

        let mut again = compressing().prepare();
        let arguments = ["convert", "-Dzookeeper.extendedTypesEnabled=true", &property, "--to-zookeeper"];
        let said = fine(&arguments, &[&again.data_dir(), &ours.config_path()]);
        assert_names(&said, &[&format!("{extension} ("), "read it back"]);
        again.restart();
        assert_same(&content(&again), &was);
    }
}

#[test]
fn nothing_is_written_over_and_nothing_of_a_running_server() {
    let mut ours = setup(Kind::Paddock).prepare();
    let dir = TempDir::new("into");
    let into = dir.path().join("zookeeper");
    let convert = || run(&["convert", "--to-zookeeper"], &[&into, &ours.config_path()]);
    let (said, code) = convert();
    assert_names(&said, &[ours.data_dir().to_str().unwrap(), "does not exist"]);
    assert_eq!(code, 1);
    std::fs::create_dir(ours.data_dir()).expect("it can be made");
    let (said, code) = convert();
    assert_names(&said, &[ours.data_dir().to_str().unwrap(), "holds no state of Paddock's"]);
    assert_eq!(code, 1);
    ours.restart();
    client(&ours).ok(&Request::create("/here", b"", flags::PERSISTENT));
    let convert = || run(&["convert", "--to-zookeeper"], &[&into, &ours.config_path()]);
    let (said, code) = convert();
    assert_names(&said, &[ours.data_dir().to_str().unwrap(), "in use by process"]);
    assert_eq!(code, 1);
    ours.kill();
    std::fs::create_dir(&into).expect("it can be made");
    std::fs::write(into.join("myid"), b"1").expect("it is writable");
    let (said, code) = convert();
    assert_names(&said, &[into.to_str().unwrap(), "not empty"]);
    assert_eq!(code, 1);
    assert_eq!(crate::files(&into).len(), 1);
    std::fs::remove_file(into.join("myid")).expect("it is there");
    let (said, code) = convert();
    assert_eq!(code, 0, "{said}");
}
