//! Changes of which a quorum is lost, or is not there.

use super::{Admin, joining, members, text};
use crate::ensemble::{Ensemble, PARTICIPANT};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, free_port, poll_until};

#[test]
fn of_two_at_once_one_is_refused() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    let list: Vec<String> = (1..=3).map(|id| ensemble.line(id, PARTICIPANT)).collect();
    let mut master = Admin::master(&ensemble, &[leader]);
    let change = members(&list);
    // The first one cannot be made before the leader has the second one.
    let followers = [leader % 3 + 1, (leader + 1) % 3 + 1];
    followers.iter().for_each(|id| ensemble.server(*id).pause());
    (0..2).for_each(|_| assert_eq!(master.ask(&format!("begin {change}")), "OK"));
    ensemble.wait_for_figure(leader, "zk_outstanding_requests", 2);
    followers.iter().for_each(|id| ensemble.server(*id).resume());
    text(&master.ask("begun"));
    assert_eq!(master.ask("begun"), "RECONFIGINPROGRESS");
    let config = master.change(&change);
    ensemble.wait_for_config(&ensemble.ids(), &config);
    ensemble.assert_content();
}

/// Nobody has ever heard of the servers that are to be most of the ensemble.
#[test]
fn a_change_to_servers_that_are_not_there_is_refused() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let strangers: Vec<String> = (4..=7)
        .map(|id| format!("server.{id}=127.0.0.1:{}:{};127.0.0.1:{}", free_port(), free_port(), free_port()))
        .collect();
    let before = ensemble.config(1);
    for id in ensemble.ids() {
        let mut master = Admin::master(&ensemble, &[id]);
        assert_eq!(master.code(&joining(&strangers)), "NEWCONFIGNOQUORUM");
        assert_eq!(master.code(&members(&strangers)), "NEWCONFIGNOQUORUM");
        assert_eq!(master.config(), before);
    }
    ensemble.assert_content();
}

/// Two followers of five are to be most of the ensemble together with the leader, stand still before they have heard of it, and
/// die. Nobody is served by the former majority meanwhile: the change may have been committed. When they are back it is made.
#[test]
fn nothing_is_lost_when_the_new_quorum_is_lost_while_a_change_is_pending() {
    let ensemble = Ensemble::start(Kind::under_test(), 5);
    ensemble.assert_serves(&ensemble.ids(), "before");
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    let followers: Vec<u32> = ensemble.ids().into_iter().filter(|id| *id != leader).collect();
    let (go, stay) = followers.split_at(2);
    let (former, next) = ([&[leader], go].concat(), [&[leader], stay].concat());
    let list: Vec<String> = next.iter().map(|id| ensemble.line(*id, PARTICIPANT)).collect();
    let mut master = Admin::master(&ensemble, go);
    stay.iter().for_each(|id| ensemble.server(*id).pause());
    assert_eq!(master.ask(&format!("begin {}", members(&list))), "OK");
    for id in &former {
        let proposed = ensemble.server(*id).config_path().with_file_name("zoo.cfg.dynamic.next");
        let is_written = poll_until(DEADLINE, || proposed.exists().then_some(()));
        assert!(is_written.is_some(), "{} is not there", proposed.display());
    }
    stay.iter().for_each(|id| ensemble.server(*id).kill());
    for id in &former {
        let waits = poll_until(DEADLINE, || ensemble.server(*id).mode().is_none().then_some(()));
        assert!(waits.is_some(), "{id} serves; its log ends:\n{}", ensemble.server(*id).log_tail());
    }
    assert_eq!(master.ask("begun"), "CONNECTIONLOSS");

    stay.iter().for_each(|id| ensemble.server(*id).spawn());
    ensemble.wait_for_leader(&next);
    let config = Admin::connect(&ensemble, stay).config();
    assert!(list.iter().all(|line| config.contains(line)), "{config}");
    assert!(go.iter().all(|id| !config.contains(&format!("server.{id}="))), "{config}");
    ensemble.wait_for_config(&next, &config);
    go.iter().for_each(|id| ensemble.server(*id).kill());
    ensemble.assert_serves(&next, "after");
    let mut client = ensemble.connect(stay[0]);
    for id in ensemble.ids() {
        let path = format!("/before-{id}");
        assert_eq!(client.ok(&Request::get_data(&path, false)).data(), Some(&b"data"[..]), "{path} is lost");
    }
    ensemble.start_again(&next);
    ensemble.wait_for_config(&next, &config);
}
