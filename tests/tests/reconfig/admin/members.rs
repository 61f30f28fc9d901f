//! Servers that come, go and take another part.

use super::{Admin, from, joining, leaving, members, version};
use crate::ensemble::{Ensemble, OBSERVER, PARTICIPANT};
use paddock_tests::server::Kind;

/// Of these, those that are not among the others.
fn without(ids: &[u32], others: &[u32]) -> Vec<u32> {
    ids.iter().copied().filter(|id| !others.contains(id)).collect()
}

/// A follower, by a client of another server, and then the leader, by its own client.
#[test]
fn a_server_is_removed_and_added_again() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let all = ensemble.ids();
    for is_leader in [false, true] {
        let leader = ensemble.wait_for_leader(&all);
        let leaves = if is_leader { leader } else { leader % 3 + 1 };
        let stays = without(&all, &[leaves])[0];
        let [mut there, mut elsewhere] = [leaves, stays].map(|id| Admin::master(&ensemble, &[id]));
        let config = if is_leader { &mut there } else { &mut elsewhere }.change(&leaving(&[leaves]));
        assert!(!config.contains(&format!("server.{leaves}=")), "{config}");
        ensemble.wait_for_config(&without(&all, &[leaves]), &config);
        ensemble.assert_serves(&all, &format!("without-{leaves}"));
        there.create(&format!("/there-{leaves}"));

        let joins = joining(&[ensemble.line(leaves, PARTICIPANT)]);
        // The leader that was removed may have left a configuration of its own time behind it.
        let present = elsewhere.config();
        let number = i64::from_str_radix(version(&present), 16).expect("it is hexadecimal");
        assert_eq!(elsewhere.code(&from(&format!("{:x}", number + 1), &joins)), "BADVERSION");
        let config = elsewhere.change(&from(version(&present), &joins));
        assert!(config.contains(&ensemble.line(leaves, PARTICIPANT)), "{config}");
        ensemble.wait_for_config(&all, &config);
        assert_eq!(there.config(), config);
        ensemble.assert_serves(&all, &format!("with-{leaves}"));
    }
}

#[test]
fn new_servers_come_two_at_once_and_vote() {
    let kind = Kind::under_test();
    let mut ensemble = Ensemble::start(kind, 3);
    [4, 5].iter().for_each(|id| ensemble.join(*id, kind, PARTICIPANT));
    let lines = [4, 5].map(|id| ensemble.line(id, PARTICIPANT));
    let config = Admin::master(&ensemble, &[2]).change(&joining(&lines));
    assert!(lines.iter().all(|line| config.contains(line)), "{config}");
    ensemble.wait_for_config(&ensemble.ids(), &config);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    // Two of the first three go: without the votes of the new ones nobody would serve.
    let gone = [leader, without(&[1, 2, 3], &[leader])[0]];
    gone.iter().for_each(|id| ensemble.server(*id).kill());
    ensemble.assert_serves(&without(&ensemble.ids(), &gone), "voting");
    ensemble.assert_content();
}

/// Two of five are away and are removed, the leader among them; one of them comes back as an observer.
#[test]
fn servers_that_are_away_are_removed_and_added_again() {
    let ensemble = Ensemble::start(Kind::under_test(), 5);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    let away = [leader, leader % 5 + 1];
    let rest = without(&ensemble.ids(), &away);
    away.iter().for_each(|id| ensemble.server(*id).kill());
    ensemble.wait_for_leader(&rest);
    let config = Admin::master(&ensemble, &rest[..1]).change(&leaving(&away));
    ensemble.wait_for_config(&rest, &config);

    // Two are a quorum of three, and were none of five.
    let leader = ensemble.wait_for_leader(&rest);
    let third = without(&rest, &[leader])[0];
    let two = without(&rest, &[third]);
    ensemble.server(third).kill();
    ensemble.assert_serves(&two, "two");
    let mut master = Admin::master(&ensemble, &[leader]);
    let lines = [ensemble.line(away[0], PARTICIPANT), ensemble.line(away[1], OBSERVER)];
    ensemble.wait_for_figure(leader, "zk_synced_followers", 1);
    assert_eq!(master.code(&joining(&lines)), "NEWCONFIGNOQUORUM");

    ensemble.server(third).spawn();
    let config = master.change(&joining(&lines));
    ensemble.wait_for_config(&rest, &config);
    // It hears what it has become when it is back.
    ensemble.server(away[1]).spawn();
    ensemble.wait_for_mode(away[1], "observer");
    let there = [&rest[..], &away[1..]].concat();
    ensemble.wait_for_config(&there, &config);
    ensemble.assert_serves(&there, "there");
    ensemble.assert_content();
}

/// A follower, and then the leader, observes and votes again.
#[test]
fn a_server_takes_another_part_by_its_own_client() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    for is_leader in [false, true] {
        let leader = ensemble.wait_for_leader(&ensemble.ids());
        let changed = if is_leader { leader } else { leader % 3 + 1 };
        for (role, mode) in [(OBSERVER, "observer"), (PARTICIPANT, "follower")] {
            let line = ensemble.line(changed, role);
            let config = Admin::master(&ensemble, &[changed]).change(&joining(std::slice::from_ref(&line)));
            assert!(config.contains(&line), "{config}");
            ensemble.wait_for_config(&ensemble.ids(), &config);
            ensemble.wait_for_mode(changed, mode);
            ensemble.assert_serves(&ensemble.ids(), &format!("{role}-{changed}"));
        }
    }
    ensemble.assert_content();
}

/// Of seven, three of which are away, a whole list makes three that vote and two that observe.
#[test]
fn a_whole_list_is_taken_with_servers_away() {
    let ensemble = Ensemble::start(Kind::under_test(), 7);
    let roles = [(1, PARTICIPANT), (2, PARTICIPANT), (3, PARTICIPANT), (4, OBSERVER), (5, OBSERVER)];
    let lines = roles.map(|(id, role)| ensemble.line(id, role));
    [3, 6, 7].iter().for_each(|id| ensemble.server(*id).kill());
    ensemble.wait_for_leader(&[1, 2, 4, 5]);
    let mut master = Admin::master(&ensemble, &[1]);
    let config = master.change(&members(&lines));
    assert!(["server.6=", "server.7="].iter().all(|gone| !config.contains(gone)), "{config}");
    ensemble.wait_for_config(&[1, 2, 4, 5], &config);
    ensemble.assert_serves(&[1, 2, 4, 5], "listed");
    [4, 5].iter().for_each(|id| ensemble.server(*id).kill());
    ensemble.assert_serves(&[1, 2], "voters");
    ensemble.assert_content();
}

/// Where one server may be an ensemble it grows to three and shrinks to another one, beside which others observe.
#[test]
fn an_ensemble_grows_from_one_server_and_shrinks_to_another() {
    let kind = Kind::under_test();
    let mut ensemble = Ensemble::with(&[("standaloneEnabled", "false")]).and_start(&[kind]);
    assert!(Admin::connect(&ensemble, &[1]).config().contains(&ensemble.line(1, PARTICIPANT)));
    [2, 3].iter().for_each(|id| ensemble.join(*id, kind, PARTICIPANT));
    let lines = [2, 3].map(|id| ensemble.line(id, PARTICIPANT));
    let config = Admin::master(&ensemble, &[1]).change(&joining(&lines));
    ensemble.wait_for_config(&[1, 2, 3], &config);
    ensemble.server(1).kill();
    ensemble.assert_serves(&[2, 3], "of-three");

    // One of two is no quorum.
    let leader = ensemble.wait_for_leader(&[2, 3]);
    ensemble.wait_for_figure(leader, "zk_synced_followers", 1);
    assert_eq!(Admin::master(&ensemble, &[2]).code(&leaving(&[3])), "NEWCONFIGNOQUORUM");
    let config = Admin::master(&ensemble, &[3]).change(&leaving(&[1, 2]));
    ensemble.wait_for_mode(3, "leader");
    ensemble.wait_for_config(&[3], &config);
    ensemble.server(2).terminate();
    ensemble.assert_serves(&[3], "alone");
    let mut master = Admin::master(&ensemble, &[3]);
    assert_eq!(master.code(&leaving(&[3])), "BADARGUMENTS");

    for id in [4, 5] {
        ensemble.prepare(id, kind);
        ensemble.spawn(id, &[ensemble.line(3, PARTICIPANT), ensemble.line(id, PARTICIPANT)]);
        ensemble.wait_for(id);
    }
    for role in [PARTICIPANT, OBSERVER] {
        let config = master.change(&joining(&[4, 5].map(|id| ensemble.line(id, role))));
        ensemble.wait_for_config(&[3, 4, 5], &config);
    }
    [4, 5].iter().for_each(|id| ensemble.wait_for_mode(*id, "observer"));
    ensemble.assert_serves(&[3, 4, 5], "observed");
    ensemble.assert_content();
}
