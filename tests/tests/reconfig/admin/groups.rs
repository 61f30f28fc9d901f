//! Groups and weights: a quorum is a majority by weight in a majority of the groups that have weight.

use super::{Admin, joining, leaving, members};
use crate::ensemble::{Ensemble, OBSERVER, PARTICIPANT};
use paddock_tests::server::{DEADLINE, Kind, poll_until};

/// The lines of these participants.
fn lines(ensemble: &Ensemble, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|id| ensemble.line(*id, PARTICIPANT)).collect()
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// Three groups of two are in zoo.cfg. One group is lost, and one server more.
#[test]
fn an_ensemble_of_three_groups_is_changed_by_whole_lists_alone() {
    let mut groups = vec![("group.1", "1:2"), ("group.2", "3:4"), ("group.3", "5:6")];
    groups.extend(["weight.1", "weight.2", "weight.3", "weight.4", "weight.5", "weight.6"].map(|line| (line, "1")));
    let ensemble = Ensemble::with(&groups).and_start(&[Kind::under_test(); 6]);
    let all = ensemble.ids();
    let text = ensemble.config(1);
    assert!(groups.iter().all(|(key, value)| text.contains(&format!("{key}={value}"))), "{text}");
    for refused in [leaving(&[6]), joining(&[ensemble.line(6, OBSERVER)])] {
        assert_eq!(Admin::master(&ensemble, &[1]).code(&refused), "BADARGUMENTS", "{refused}");
    }
    // Any two groups are enough, also without the one that leads.
    let leader = ensemble.wait_for_leader(&all);
    let first = leader - (leader - 1) % 2;
    let lost = [first, first + 1];
    let rest: Vec<u32> = all.iter().copied().filter(|id| !lost.contains(id)).collect();
    lost.iter().for_each(|id| ensemble.server(*id).kill());
    ensemble.assert_serves(&rest, "two-groups");

    let mut master = Admin::master(&ensemble, &rest[..1]);
    assert_eq!(master.code(&leaving(&lost)), "BADARGUMENTS");
    // Of two groups both are needed, and of the second one a server is away.
    let leader = ensemble.wait_for_leader(&rest);
    ensemble.wait_for_figure(leader, "zk_synced_followers", 3);
    let mut list = lines(&ensemble, &[rest[0], rest[1], lost[0], lost[1]]);
    list.extend([format!("group.1={}:{}", rest[0], rest[1]), format!("group.2={}:{}", lost[0], lost[1])]);
    assert_eq!(master.code(&members(&list)), "NEWCONFIGNOQUORUM");

    // The others are an ensemble without groups, of which one may go.
    let config = master.change(&members(&lines(&ensemble, &rest)));
    assert!(!config.contains("group.") && !config.contains("weight."), "{config}");
    ensemble.wait_for_config(&rest, &config);
    let leader = ensemble.wait_for_leader(&rest);
    ensemble.server(leader).kill();
    let three: Vec<u32> = rest.into_iter().filter(|id| *id != leader).collect();
    ensemble.assert_serves(&three, "majority");
    ensemble.assert_content();
}

/// Two of a group of two are needed, and with one away nobody serves until it is back.
#[test]
fn nobody_serves_without_a_majority_of_the_groups() {
    let ensemble = Ensemble::with(&[("group.1", "1:2"), ("group.2", "3"), ("weight.1", "1"), ("weight.2", "1")]);
    let ensemble = ensemble.and_start(&[Kind::under_test(); 3]);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    ensemble.assert_serves(&ensemble.ids(), "before");
    ensemble.server(1).kill();
    // The two that are left would be a majority.
    for id in [2, 3] {
        let server = ensemble.server(id);
        let waits = poll_until(DEADLINE, || server.mode().is_none().then_some(()));
        assert!(waits.is_some(), "{id} serves; {leader} led; its log ends:\n{}", server.log_tail());
    }
    ensemble.server(1).spawn();
    ensemble.assert_serves(&ensemble.ids(), "after");
}

/// By a whole list an ensemble of five has groups of which one has no weight, and by another one it has none.
#[test]
fn groups_come_and_go_with_whole_lists() {
    let ensemble = Ensemble::start(Kind::under_test(), 5);
    let mut list = owned(&["group.1=3:4:5", "group.2=1:2"]);
    list.extend(owned(&["weight.1=0", "weight.2=0", "weight.3=1", "weight.4=1", "weight.5=1"]));
    list.extend(lines(&ensemble, &[1, 2, 3, 4, 5]));
    let config = Admin::master(&ensemble, &[1]).change(&members(&list));
    ensemble.wait_for_config(&ensemble.ids(), &config);
    [1, 2, 3].iter().for_each(|id| ensemble.server(*id).kill());
    ensemble.assert_serves(&[4, 5], "weight");
    [1, 2].iter().for_each(|id| ensemble.server(*id).spawn());
    [1, 2].iter().for_each(|id| drop(ensemble.wait_for(*id)));
    let config = Admin::master(&ensemble, &[1]).change(&members(&lines(&ensemble, &[1, 2, 3])));
    ensemble.wait_for_config(&[1, 2], &config);
    [4, 5].iter().for_each(|id| ensemble.server(*id).kill());
    ensemble.assert_serves(&[1, 2], "majority");
    ensemble.assert_content();
}
