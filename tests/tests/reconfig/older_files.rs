//! Servers that start with older files than they left: a directory that each start brings anew, or that was never writable.

use crate::ensemble::{Ensemble, OBSERVER, PARTICIPANT, joining, reconfigure};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, poll_until};
use std::fs;

/// Puts back what an operator wrote as a server's zoo.cfg, without what servers made of it.
fn put_back(ensemble: &Ensemble, id: u32) {
    let file = ensemble.server(id).config_path();
    let name = file.file_name().expect("it has a name").to_string_lossy().into_owned();
    let beside = |suffix: &str| file.with_file_name(format!("{name}{suffix}"));
    fs::copy(beside(".bak"), &file).expect("servers keep it");
    let dynamic = format!("{name}.dynamic.");
    for entry in fs::read_dir(file.parent().expect("it is in a directory")).expect("it is there") {
        let entry = entry.expect("it is there");
        if entry.file_name().to_string_lossy().starts_with(&dynamic) {
            fs::remove_file(entry.path()).expect("it is there");
        }
    }
    assert!(!fs::read_to_string(&file).expect("it is there").contains("dynamicConfigFile="));
}

/// Two of the three servers that the files name would be a quorum by them, and are none of the five that there are. ZooKeeper
/// goes by the files.
#[test]
fn a_change_that_the_files_do_not_have_counts_after_a_restart() {
    let kind = Kind::Paddock;
    let mut ensemble = Ensemble::start(kind, 3);
    for id in [4, 5] {
        ensemble.join(id, kind, PARTICIPANT);
    }
    let leader = ensemble.wait_for_leader(&[1, 2, 3]);
    let lines = [4, 5].map(|id| ensemble.line(id, PARTICIPANT));
    let config = reconfigure(&mut ensemble.master(leader), &joining(&lines));
    ensemble.wait_for_config(&ensemble.ids(), &config);
    for id in ensemble.ids() {
        ensemble.server(id).terminate();
        put_back(&ensemble, id);
    }
    let logged_by = |id: u32, line: &str| {
        let found = poll_until(DEADLINE, || ensemble.server(id).log().contains(line).then_some(()));
        assert!(
            found.is_some(),
            "server {id} does not say {line:?}; its log ends:\n{}",
            ensemble.server(id).log_tail()
        );
    };
    for id in [1, 2] {
        ensemble.server(id).spawn();
    }
    // A quorum by the files would serve long before that.
    for id in [1, 2] {
        logged_by(id, "which counts and is written there now");
        logged_by(id, "finds no leader");
        assert_eq!(ensemble.server(id).mode(), None, "two of five do not serve");
    }
    ensemble.server(5).spawn();
    ensemble.wait_for_config(&[1, 2, 5], &config);
    ensemble.assert_serves(&[1, 2, 5], "after");
    ensemble.start_again(&[1, 2, 5]);
    ensemble.wait_for_config(&[1, 2, 5], &config);
    ensemble.assert_content();
}

/// The way out where a quorum is lost: one server starts without the server lines, and an ensemble is made of it anew.
#[test]
fn an_ensemble_that_is_made_anew_of_one_server_goes_by_what_an_operator_wrote() {
    let kind = Kind::Paddock;
    let mut ensemble = Ensemble::start(kind, 3);
    let leader = ensemble.wait_for_leader(&[1, 2, 3]);
    let config = reconfigure(&mut ensemble.master(leader), &joining(&[ensemble.line(3, OBSERVER)]));
    ensemble.wait_for_config(&[1, 2, 3], &config);
    ensemble.assert_serves(&[1, 2, 3], "before");
    for id in 1..=3 {
        ensemble.server(id).terminate();
    }
    put_back(&ensemble, 1);
    let file = ensemble.server(1).config_path();
    let text = fs::read_to_string(&file).expect("it is there");
    let alone: Vec<&str> = text.lines().filter(|line| !line.starts_with("server.")).collect();
    let port = ensemble.server(1).address().port();
    fs::write(&file, format!("{}\nclientPort={port}\n", alone.join("\n"))).expect("it is writable");
    ensemble.server(1).spawn();
    ensemble.wait_for_mode(1, "standalone");
    ensemble.server(1).terminate();
    // Two others come to it, which have nothing.
    for id in [4, 5] {
        ensemble.prepare(id, kind);
    }
    let list: Vec<String> = [1, 4, 5].iter().map(|id| ensemble.line(*id, PARTICIPANT)).collect();
    fs::write(&file, format!("{}\n", alone.join("\n"))).expect("it is writable");
    ensemble.spawn(1, &list);
    ensemble.spawn(4, &list);
    ensemble.wait_for_leader(&[1, 4]);
    ensemble.spawn(5, &list);
    ensemble.wait_for(5);
    ensemble.assert_serves(&[1, 4, 5], "after");
    let mut client = ensemble.connect(5);
    client.ok(&Request::sync("/"));
    assert_eq!(client.ok(&Request::get_data("/before-1", false)).data(), Some(&b"data"[..]), "nothing is lost");
    assert!(!ensemble.config(5).contains("server.2="), "{}", ensemble.config(5));
    ensemble.start_again(&[1, 4, 5]);
    assert!(!ensemble.config(1).contains("server.2="), "{}", ensemble.config(1));
}
