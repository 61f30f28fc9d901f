//! Servers that are added and removed.

use crate::ensemble::{Ensemble, OBSERVER, PARTICIPANT, joining, leaving, members, reconfigure, text};
use paddock_tests::records::{err, event, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, four_letter_word, poll_until};
use std::fs;

#[test]
fn a_server_observes_votes_and_leaves_and_all_start_again_from_their_files() {
    let kind = Kind::under_test();
    let mut ensemble = Ensemble::start(kind, 3);
    ensemble.join(4, kind, OBSERVER);
    let all = ensemble.ids();
    let mut master = ensemble.master(2);
    let config = reconfigure(&mut master, &joining(&[ensemble.line(4, OBSERVER)]));
    assert!(config.contains(&ensemble.line(4, OBSERVER)), "{config}");
    ensemble.wait_for_config(&all, &config);
    ensemble.wait_for_mode(4, "observer");
    ensemble.assert_serves(&all, "observed");

    let config = reconfigure(&mut master, &joining(&[ensemble.line(4, PARTICIPANT)]));
    ensemble.wait_for_mode(4, "follower");
    ensemble.wait_for_config(&all, &config);
    ensemble.assert_serves(&all, "of-four");
    let leader = ensemble.wait_for_leader(&all);
    let mntr = four_letter_word(ensemble.server(leader).address(), "mntr", DEADLINE).expect("it answers");
    assert!(mntr.contains("zk_quorum_size\t4\n") && mntr.contains("zk_synced_followers\t3\n"), "{mntr}");
    ensemble.start_again(&all);
    ensemble.wait_for_config(&all, &config);
    ensemble.assert_serves(&all, "again");

    // Three of four are needed: one that is away is not missed, two are.
    ensemble.server(1).terminate();
    ensemble.assert_serves(&[2, 3, 4], "without-one");
    ensemble.server(1).spawn();
    ensemble.wait_for(1);

    let leader = ensemble.wait_for_leader(&all);
    let leaves = all.iter().copied().find(|id| *id != leader).expect("there are four");
    let rest: Vec<u32> = all.iter().copied().filter(|id| *id != leaves).collect();
    let config = reconfigure(&mut ensemble.master(rest[0]), &leaving(&[leaves]));
    assert!(!config.contains(&format!("server.{leaves}=")), "{config}");
    ensemble.wait_for_config(&all, &config);
    // It goes on, without a vote.
    ensemble.wait_for_mode(leaves, "follower");
    ensemble.assert_serves(&all, "left");
    ensemble.server(leaves).terminate();
    ensemble.start_again(&rest);
    ensemble.wait_for_config(&rest, &config);
    ensemble.assert_serves(&rest, "of-three");
    ensemble.assert_content();
}

#[test]
fn files_are_those_of_zookeeper() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let lines: Vec<String> = (1..=3).map(|id| ensemble.line(id, PARTICIPANT)).collect();
    let config = reconfigure(&mut ensemble.master(1), &members(&lines, -1));
    let version = config.rsplit_once("version=").expect("it has one").1;
    for id in ensemble.ids() {
        ensemble.wait_for_config(&[id], &config);
        let file = ensemble.server(id).config_path();
        let beside = |suffix: &str| format!("{}{suffix}", file.display());
        let dynamic = beside(&format!(".dynamic.{version}"));
        let points = format!("dynamicConfigFile={dynamic}\n");
        let pointed = poll_until(DEADLINE, || fs::read_to_string(&file).ok().filter(|text| text.contains(&points)));
        let text = pointed.unwrap_or_else(|| panic!("{} does not name {dynamic}", file.display()));
        assert!(!text.contains("server.") && !text.contains("clientPort=") && text.contains("initLimit=10"), "{text}");
        assert_eq!(fs::read_to_string(&dynamic).expect("it is there"), lines.join("\n"));
        let gone = poll_until(DEADLINE, || fs::metadata(beside(".dynamic.next")).is_err().then_some(()));
        assert!(gone.is_some(), "the proposal is committed");
        let former = fs::read_to_string(beside(".bak")).expect("it is there");
        assert!(lines.iter().all(|line| former.contains(line)), "{former}");
    }
    ensemble.assert_content();
}

/// A zoo.cfg that is mounted by itself, as Docker mounts one: no other file can take its place. ZooKeeper goes on too.
#[test]
fn a_file_that_cannot_be_replaced_is_told_and_ends_nobody() {
    const MOUNTED: [&str; 6] =
        ["unshare", "--map-root-user", "--mount", "sh", "-c", "mount --bind zoo.cfg zoo.cfg && exec \"$0\" \"$@\""];
    let mut ensemble = Ensemble::with(&[]);
    let ids: Vec<u32> = (1..=3).map(|id| ensemble.prepare(id, Kind::under_test())).collect();
    let list: Vec<String> = ids.iter().map(|id| ensemble.line(*id, PARTICIPANT)).collect();
    ensemble.list(1, &list);
    ensemble.server(1).spawn_behind(&MOUNTED);
    ids[1..].iter().for_each(|id| ensemble.spawn(*id, &list));
    ids.iter().for_each(|id| drop(ensemble.wait_for(*id)));
    let config = reconfigure(&mut ensemble.master(2), &joining(&[ensemble.line(1, OBSERVER)]));
    ensemble.wait_for_mode(1, "observer");
    ensemble.wait_for_config(&ids, &config);
    let server = ensemble.server(1);
    if Kind::under_test() == Kind::Paddock {
        let told = "zoo.cfg: Device or resource busy";
        let log = poll_until(DEADLINE, || Some(server.log()).filter(|log| log.contains(told)));
        let log = log.expect("it says so");
        assert!(log.contains("put zoo.cfg into a directory where this process can create and replace files"), "{log}");
    }
    let text = fs::read_to_string(server.config_path()).expect("it is there");
    assert!(text.contains(&ensemble.line(1, PARTICIPANT)) && !text.contains("dynamicConfigFile"), "{text}");
    // Its file still says that it is a participant. ZooKeeper begins as one, and hears that it is to observe.
    server.terminate();
    server.spawn_behind(&MOUNTED);
    ensemble.wait_for_mode(1, "observer");
    if Kind::under_test() == Kind::Paddock {
        let told =
            "zoo.cfg has the ensemble of version 0, and this server's data that of version 100000002, which counts";
        assert!(server.log().contains(told), "{}", server.log());
    }
    ensemble.wait_for_config(&ids, &config);
    ensemble.assert_serves(&ids, "mounted");
}

#[test]
fn a_leader_that_is_removed_hands_over_and_follows() {
    let ensemble = Ensemble::start(Kind::under_test(), 4);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    let rest: Vec<u32> = ensemble.ids().into_iter().filter(|id| *id != leader).collect();
    let config = reconfigure(&mut ensemble.master(leader), &leaving(&[leader]));
    ensemble.wait_for_leader(&rest);
    ensemble.wait_for_config(&rest, &config);
    ensemble.wait_for_mode(leader, "follower");
    ensemble.assert_serves(&ensemble.ids(), "handed-over");
    ensemble.start_again(&rest);
    ensemble.assert_serves(&rest, "again");
}

#[test]
fn a_leader_that_is_to_observe_hands_over_and_may_vote_again() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    let config = reconfigure(&mut ensemble.master(leader), &joining(&[ensemble.line(leader, OBSERVER)]));
    ensemble.wait_for_mode(leader, "observer");
    ensemble.wait_for_config(&ensemble.ids(), &config);
    let rest: Vec<u32> = ensemble.ids().into_iter().filter(|id| *id != leader).collect();
    ensemble.wait_for_leader(&rest);
    ensemble.assert_serves(&ensemble.ids(), "observed");
    let config = reconfigure(&mut ensemble.master(rest[0]), &joining(&[ensemble.line(leader, PARTICIPANT)]));
    ensemble.wait_for_mode(leader, "follower");
    ensemble.wait_for_config(&ensemble.ids(), &config);
    ensemble.assert_serves(&ensemble.ids(), "voting");
    ensemble.assert_content();
}

#[test]
fn an_ensemble_of_one_grows_to_three() {
    let kind = Kind::under_test();
    let mut ensemble = Ensemble::with(&[("standaloneEnabled", "false")]).and_start(&[kind]);
    ensemble.assert_serves(&[1], "alone");
    ensemble.join(2, kind, PARTICIPANT);
    reconfigure(&mut ensemble.master(1), &joining(&[ensemble.line(2, PARTICIPANT)]));
    ensemble.join(3, kind, PARTICIPANT);
    let config = reconfigure(&mut ensemble.master(1), &joining(&[ensemble.line(3, PARTICIPANT)]));
    ensemble.wait_for_config(&[1, 2, 3], &config);
    ensemble.server(1).terminate();
    ensemble.assert_serves(&[2, 3], "without-the-first");
    ensemble.server(1).spawn();
    ensemble.wait_for(1);
    ensemble.assert_serves(&[1, 2, 3], "of-three");
    ensemble.assert_content();
}

#[test]
fn a_whole_list_takes_the_place_of_another_if_that_is_the_present_one() {
    let kind = Kind::under_test();
    let mut ensemble = Ensemble::start(kind, 3);
    ensemble.join(4, kind, PARTICIPANT);
    ensemble.join(5, kind, OBSERVER);
    let mut master = ensemble.master(3);
    let present = master.ok(&Request::get_data("/zookeeper/config", false)).stat().mzxid;
    let list: Vec<String> = [(2, PARTICIPANT), (3, PARTICIPANT), (4, PARTICIPANT), (5, OBSERVER)]
        .map(|(id, role)| ensemble.line(id, role))
        .into();
    assert_eq!(master.code(&members(&list, present + 1)), err::BAD_VERSION);
    let config = reconfigure(&mut master, &members(&list, present));
    let version = i64::from_str_radix(config.rsplit_once('=').expect("it has a version").1, 16).expect("hexadecimal");
    assert_eq!(master.code(&members(&list, present)), err::BAD_VERSION);
    let config = reconfigure(&mut master, &members(&list[..3], version));
    assert!(!config.contains("server.5=") && !config.contains("server.1="), "{config}");
    ensemble.wait_for_config(&[2, 3, 4], &config);
    ensemble.assert_serves(&[2, 3, 4], "of-a-list");
    ensemble.assert_content();
}

#[test]
fn groups_are_counted_from_a_list_on() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let mut list: Vec<String> = (1..=3).map(|id| ensemble.line(id, PARTICIPANT)).collect();
    list.extend(["group.1=1:2", "group.2=3", "weight.1=1", "weight.2=1", "weight.3=0"].map(str::to_owned));
    let mut master = ensemble.master(1);
    let config = reconfigure(&mut master, &members(&list, -1));
    assert!(config.contains("weight.3=0"), "{config}");
    ensemble.wait_for_config(&ensemble.ids(), &config);
    assert_eq!(master.code(&leaving(&[3])), err::BAD_ARGUMENTS, "a list has groups");
    ensemble.server(3).terminate();
    ensemble.assert_serves(&[1, 2], "without-weight");
    ensemble.server(3).spawn();
    ensemble.wait_for(3);
    ensemble.assert_serves(&[1, 2, 3], "of-groups");
}

#[test]
fn clients_are_told_of_a_change_once_and_see_it_wherever_they_are() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    // A follower is to observe: it closes its connections, and the others do not.
    let changed = ensemble.wait_for_leader(&ensemble.ids()) % 3 + 1;
    let others: Vec<u32> = ensemble.ids().into_iter().filter(|id| *id != changed).collect();
    let mut watchers: Vec<_> = others.iter().map(|id| ensemble.connect(*id)).collect();
    for watcher in &mut watchers {
        watcher.ok(&Request::get_data("/zookeeper/config", true));
    }
    let config = reconfigure(&mut ensemble.master(others[0]), &joining(&[ensemble.line(changed, OBSERVER)]));
    for watcher in &mut watchers {
        let told = watcher.next_event().expect("it is told");
        assert_eq!((told.kind, &*told.path), (event::DATA_CHANGED, "/zookeeper/config"));
        assert_eq!(text(&watcher.ok(&Request::get_data("/zookeeper/config", false))), config);
        watcher.ok(&Request::create("/seen-", b"", flags::SEQUENTIAL));
        assert!(watcher.events.is_empty(), "{:?}", watcher.events);
    }
    ensemble.wait_for_config(&ensemble.ids(), &config);
    ensemble.assert_content();
}
