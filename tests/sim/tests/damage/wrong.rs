//! One server has applied something wrongly, so that its state is not that of the others.

use std::time::Duration;

use paddock_sim::reactor::Told;

use super::said::{listen, take_said};
use super::servers::{Servers, create};

const ZNODES: usize = 20;
/// Longer than any limit of the ensemble.
const LONG: Duration = Duration::from_secs(120);

fn begin() -> (Servers, usize) {
    listen();
    let mut servers = Servers::new(5, None);
    (0..3).for_each(|place| servers.start(place).unwrap());
    servers.wait("all serve", |servers| servers.all_serve(&[0, 1, 2]));
    servers.setting.autocreate = false;
    let leader = servers.leader().expect("they serve");
    write(&mut servers, leader, "before");
    take_said();
    (servers, leader)
}

fn write(servers: &mut Servers, place: usize, what: &str) {
    let slot = servers.connect(place);
    (0..ZNODES).for_each(|number| servers.create(place, slot, &format!("/{what}-{number}"), what.as_bytes()));
}

fn has(servers: &Servers, place: usize, what: &str) -> bool {
    (0..ZNODES).all(|number| servers.data(place, &format!("/{what}-{number}")).as_deref() == Some(what.as_bytes()))
}

fn have_the_same(servers: &Servers) -> bool {
    (1..3).all(|place| servers.state(place) == servers.state(0))
}

/// The two digests and the transaction are in the words of whoever finds that it differs.
fn names_both(said: &str) -> bool {
    said.lines()
        .any(|line| ["transaction 0x", "the digest ", " but had ", "full copy"].iter().all(|part| line.contains(part)))
}

#[test]
fn a_follower_that_is_wrong_once_is_healed_and_one_that_is_wrong_again_is_stopped() {
    let (mut servers, leader) = begin();
    let wrong = (leader + 1) % 3;
    let others = [leader, (leader + 2) % 3];
    servers.falsify(wrong, "/before-3");
    write(&mut servers, leader, "once");
    servers.wait("it is healed", |servers| servers.serves(wrong) && have_the_same(servers));
    let said = take_said();
    assert!(names_both(&said), "{said}");
    assert_eq!(said.matches("ERROR").count(), 1, "it is told once\n{said}");
    assert_eq!(servers.data(wrong, "/before-3").as_deref(), Some(&b"before"[..]));
    assert_eq!(servers.leader(), Some(leader), "the others go on");

    servers.falsify(wrong, "/before-3");
    write(&mut servers, leader, "again");
    servers.wait("it is stopped", |servers| servers.ended(wrong).is_some());
    let why = servers.ended(wrong).expect("it has ended").to_owned();
    assert!(why.contains("applies something wrongly") && why.contains("transaction 0x"), "{why}");
    assert!(why.contains("the digest ") && why.contains("start it again"), "{why}");
    servers.pass(LONG);
    assert!(servers.all_serve(&others) && servers.leader() == Some(leader), "the others go on\n{}", take_said());

    servers.start(wrong).unwrap();
    servers.wait("all serve", |servers| servers.all_serve(&[0, 1, 2]));
    write(&mut servers, leader, "behind");
    servers.wait("all have the same", have_the_same);
    let whole = ["before", "once", "again", "behind"];
    assert!(whole.iter().all(|what| (0..3).all(|place| has(&servers, place, what))));
}

/// Nobody follows it, and it is brought the state of those who were right. What all have logged of it does not keep them from
/// starting again.
#[test]
fn a_leader_that_is_wrong_leads_no_longer_and_is_healed() {
    let (mut servers, leader) = begin();
    let slot = servers.connect(leader);
    servers.wait("all have the same", have_the_same);
    servers.falsify(leader, "/before-3");
    let told = servers.ask(leader, slot, &create("/by-the-wrong-one", b"x"));
    let is_acknowledged = matches!(told, Some(Told::Reply { code: 0, .. }));
    // Those who were right have a quorum. The wrong one has the largest id, and is elected again if it is in time for their
    // search; then the next write ends that too.
    let leads_another = |servers: &Servers| servers.leader().is_some_and(|next| next != leader);
    for attempt in 0..20 {
        servers.pass(Duration::from_secs(5));
        servers.wait("all serve", |servers| servers.leader().is_some() && servers.all_serve(&[0, 1, 2]));
        if leads_another(&servers) {
            break;
        }
        try_create(&mut servers, (leader + 1) % 3, &format!("/attempt-{attempt}"));
    }
    assert!(leads_another(&servers), "it is elected again and again\n{}", take_said());
    let said = take_said();
    assert!(names_both(&said), "{said}");
    let next = servers.leader().expect("they serve");
    write(&mut servers, next, "behind");
    servers.wait("all have the same", have_the_same);
    let is_right = |servers: &Servers, when: &str| {
        for place in 0..3 {
            assert!(["before", "behind"].iter().all(|what| has(servers, place, what)), "{place} {when}");
            let is_there = servers.data(place, "/by-the-wrong-one").as_deref() == Some(&b"x"[..]);
            assert!(is_there || !is_acknowledged, "{place} {when}: it was acknowledged");
        }
    };
    is_right(&servers, "before they end");
    servers.pass(Duration::from_secs(5));
    (0..3).for_each(|place| servers.end(place));
    take_said();
    (0..3).for_each(|place| servers.start(place).unwrap());
    servers.wait("all serve again", |servers| servers.all_serve(&[0, 1, 2]));
    assert!(!take_said().contains("does not vote"), "a quorum without its history waits for a person");
    is_right(&servers, "after they have started again");
}

/// Of two that are left neither can do without the other, and which of them is wrong they cannot know: each write is acknowledged
/// and costs a search for a leader, until the third comes, which settles it.
#[test]
fn a_leader_that_is_wrong_beside_one_follower_is_found_out_when_the_third_comes() {
    let (mut servers, leader) = begin();
    let away = (leader + 1) % 3;
    servers.end(away);
    let other = (leader + 2) % 3;
    servers.wait("two serve", |servers| servers.all_serve(&[leader, other]));
    servers.falsify(leader, "/before-3");
    let mut acknowledged = Vec::new();
    for number in 0..3 {
        servers.wait("two serve", |servers| servers.all_serve(&[leader, other]));
        acknowledged.extend(try_create(&mut servers, other, &format!("/wrong-{number}")));
    }
    servers.start(away).unwrap();
    for number in 0..10 {
        servers.wait("all serve", |servers| servers.all_serve(&[0, 1, 2]));
        acknowledged.extend(try_create(&mut servers, other, &format!("/settled-{number}")));
        servers.pass(Duration::from_secs(5));
    }
    servers.wait("all have the same", |servers| servers.all_serve(&[0, 1, 2]) && have_the_same(servers));
    assert!((0..3).all(|place| servers.ended(place).is_none()), "nobody ends by it");
    assert!(acknowledged.len() > 5, "{acknowledged:?}");
    let is_there = |path: &String| (0..3).all(|place| servers.data(place, path).is_some());
    assert!(acknowledged.iter().all(is_there), "{acknowledged:?}");
}

/// The path, if that is acknowledged: a search for a leader may come between.
fn try_create(servers: &mut Servers, place: usize, path: &str) -> Option<String> {
    let slot = servers.try_connect(place)?;
    let told = servers.ask(place, slot, &create(path, b"x"));
    matches!(told, Some(Told::Reply { code: 0, .. })).then(|| path.to_owned())
}

/// What it has proposed, and not committed, is in all logs with its digest.
#[test]
fn what_a_wrong_leader_leaves_behind_does_not_keep_the_others_from_leading() {
    let (mut servers, leader) = begin();
    let others = [(leader + 1) % 3, (leader + 2) % 3];
    let slot = servers.connect(leader);
    servers.wait("all have the same", have_the_same);
    servers.falsify(leader, "/before-3");
    let before = servers.state(leader).0;
    servers.send(leader, slot, &create("/by-the-wrong-one", b"x"));
    servers.wait("all have logged it", |servers| others.iter().all(|place| servers.logged(*place) > before));
    servers.end(leader);
    servers.wait("the others serve", |servers| servers.leader().is_some() && servers.all_serve(&others));
    let next = servers.leader().expect("they serve");
    write(&mut servers, next, "behind");
    servers.start(leader).unwrap();
    servers.wait("all have the same", |servers| servers.all_serve(&[0, 1, 2]) && have_the_same(servers));
    assert!((0..3).all(|place| has(&servers, place, "before") && has(&servers, place, "behind")));
}
