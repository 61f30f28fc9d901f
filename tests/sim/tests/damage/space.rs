//! The disk of one server is full for a while: what it does by itself, and what the ensemble does meanwhile.

use std::time::Duration;

use paddock_sim::reactor::Told;

use super::said::{listen, take_said};
use super::servers::Servers;

/// Longer than any limit of the ensemble.
const LONG: Duration = Duration::from_secs(120);
/// Where the one is that does not vote.
const OBSERVER: usize = 3;
/// More than the segments that are ready have room for, and more than waits in one group.
const ZNODES: usize = 2500;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Leader,
    Follower,
    Observer,
}

/// Creates znodes at whichever server takes clients but this one, and notes those that are acknowledged.
fn write(servers: &mut Servers, full: usize, acknowledged: &mut Vec<(String, Vec<u8>)>) -> usize {
    let (mut at, mut count) = (None, 0);
    // What was asked when its server ended may have been done, and is not asked again.
    for attempt in 0.. {
        if count == ZNODES {
            break;
        }
        let (place, slot) = match at {
            Some(at) => at,
            None => {
                let serves = |servers: &Servers| {
                    servers.places().into_iter().find(|place| *place != full && servers.serves(*place))
                };
                if !servers.comes(|servers| serves(servers).is_some()) {
                    return count;
                }
                let place = serves(servers).expect("one serves");
                let Some(slot) = servers.try_connect(place) else { return count };
                (place, slot)
            }
        };
        let (path, data) = (format!("/{attempt}"), vec![7; 600]);
        match servers.ask(place, slot, &super::servers::create(&path, &data)) {
            Some(Told::Reply { code: 0, .. }) => {
                acknowledged.push((path, data));
                (at, count) = (Some((place, slot)), count + 1);
            }
            Some(Told::Ended) => at = None,
            Some(other) => panic!("{path}: {other:?}"),
            None => return count,
        }
    }
    count
}

fn check(role: Role) {
    let mut servers = four();
    let places = servers.places();
    let leader = servers.leader().expect("they serve");
    let full = match role {
        Role::Leader => leader,
        Role::Follower => (leader + 1) % 3,
        Role::Observer => OBSERVER,
    };
    let mut acknowledged = Vec::new();
    take_said();
    servers.server(full).disk.set_space(0);
    let written = write(&mut servers, full, &mut acknowledged);
    let said = take_said();
    assert_eq!(written, ZNODES, "{role:?}: the others go on\n{said}");
    assert!(said.contains("no space is left for the transaction log"), "{role:?}: it is told\n{said}");
    servers.pass(LONG);
    assert_eq!(servers.ended(full), None, "{role:?}: it waits for space\n{}", take_said());
    let said = take_said();
    let elections = said.matches(" looks for a").count();
    assert!(elections < 60, "{role:?}: {elections} elections in {LONG:?}\n{said}");
    servers.server(full).disk.set_space(u64::MAX);
    servers.wait("all serve again", |servers| servers.all_serve(&places));
    let slot = servers.connect(full);
    servers.create(full, slot, "/afterwards", b"");
    servers.wait("all have the same", have_the_same);
    for (path, data) in &acknowledged {
        assert_eq!(servers.data(full, path).as_ref(), Some(data), "{path} was acknowledged");
    }
}

/// Three voters, and an observer behind them, all of which serve.
fn four() -> Servers {
    listen();
    let mut servers = Servers::of(3, &["participant", "participant", "participant", "observer"], None);
    let places = servers.places();
    places.iter().for_each(|place| servers.start(*place).unwrap());
    servers.wait("all serve", |servers| servers.all_serve(&places));
    servers
}

fn have_the_same(servers: &Servers) -> bool {
    servers.places().into_iter().all(|place| servers.state(place) == servers.state(0))
}

#[test]
fn a_follower_without_space_holds_nobody_up_and_is_back_when_there_is_some() {
    check(Role::Follower);
}

#[test]
fn an_observer_without_space_holds_nobody_up_and_is_back_when_there_is_some() {
    check(Role::Observer);
}

/// It needs no disk of its own as long as what waits for that fits into one group; then it leaves the others to themselves.
#[test]
fn a_leader_without_space_gives_way_to_the_others_and_loses_nothing() {
    check(Role::Leader);
}
