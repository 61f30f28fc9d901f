//! An observer that is served by followers (`observerMasterPort`): those of the one kind, and the observer of the other.

use paddock_tests::client::Client;
use paddock_tests::records::{err, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, four_letter_word, free_port, poll_until};

use crate::clients::{assert_same_trees, move_a_session, write_and_sync_at_once, write_at_every_server};
use crate::ensemble::{Ensemble, Part};

const OBSERVER: u32 = 2;
const VOTERS: [u32; 3] = [1, 3, 4];
/// Of sessions of which some expire, ms: the shortest that there is.
const SHORT_MS: i32 = 2_000;

fn observers_of_followers(voters: Kind, observer: Kind) {
    let parts = [Part::Participant, Part::Observer, Part::Participant, Part::Participant];
    let port = free_port().to_string();
    let ensemble = Ensemble::of_addresses(&parts).config("tickTime", "1000").config("maxSessionTimeout", "60000");
    let mut ensemble = ensemble.config("observerMasterPort", &port);
    VOTERS.into_iter().for_each(|id| ensemble.begin(id, voters));
    let leader = ensemble.wait_for_leader(&VOTERS);
    ensemble.connect(leader).ok(&Request::create("/before", b"the observer came", flags::PERSISTENT));
    ensemble.begin(OBSERVER, observer);
    assert_eq!(ensemble.wait_for(OBSERVER), "observer");
    let followers: Vec<u32> = VOTERS.into_iter().filter(|id| *id != leader).collect();
    assert_eq!(observers_of(&ensemble, leader), Some(0), "the leader is not asked");

    write_at_every_server(&ensemble, "/first");
    write_and_sync_at_once(&ensemble);
    move_a_session(&ensemble, &[OBSERVER, followers[0], OBSERVER, leader, OBSERVER, followers[1], OBSERVER]);
    expire_who_is_silent(&ensemble, leader);

    // One of them serves it, and it finds the other.
    for follower in followers {
        ensemble.server(follower).kill();
        ensemble.connect(leader).ok(&Request::create(&format!("/without-{follower}"), b"", flags::PERSISTENT));
        let path = format!("/at-the-observer-without-{follower}");
        let writes = || Some(writes_at(&ensemble, &path)).filter(|wrote| *wrote).map(drop);
        assert!(poll_until(DEADLINE, writes).is_some(), "{}", ensemble.server(OBSERVER).log_tail());
        ensemble.server(follower).spawn();
        assert_eq!(ensemble.wait_for(follower), "follower");
    }
    assert_eq!(observers_of(&ensemble, leader), Some(0), "the leader is not asked");
    assert_same_trees(&ensemble);
    ensemble.assert_content();
}

/// How many observers a leader has.
fn observers_of(ensemble: &Ensemble, leader: u32) -> Option<u32> {
    let monitored = four_letter_word(ensemble.server(leader).address(), "mntr", DEADLINE).expect("it serves");
    let line = monitored.lines().find_map(|line| line.strip_prefix("zk_synced_observers"))?;
    line.trim().trim_end_matches(".0").parse().ok()
}

/// Whether the observer takes a write, which it may have taken before.
fn writes_at(ensemble: &Ensemble, path: &str) -> bool {
    let Ok(mut client) = Client::connect(ensemble.server(OBSERVER).address(), crate::ensemble::TIMEOUT_MS) else {
        return false;
    };
    let reply = client.call(&Request::create(path, b"", flags::PERSISTENT));
    reply.is_ok_and(|reply| [err::OK, err::NODE_EXISTS].contains(&reply.err))
}

/// The leader hears of the clients of the observer by the follower between them.
fn expire_who_is_silent(ensemble: &Ensemble, leader: u32) {
    let begin = |path: &str| {
        let address = ensemble.server(OBSERVER).address();
        let mut client = Client::connect(address, SHORT_MS).expect("the observer takes sessions");
        client.ok(&Request::create(path, b"", flags::EPHEMERAL));
        client
    };
    let (mut heard, silent) = (begin("/heard"), begin("/silent"));
    let mut other = ensemble.connect(leader);
    let has_expired = poll_until(DEADLINE, || {
        heard.ok(&Request::ping());
        (other.code(&Request::exists("/silent", false)) == err::NO_NODE).then_some(())
    });
    assert!(has_expired.is_some(), "a silent session does not expire");
    heard.ok(&Request::set_data("/heard", b"", -1));
    // It is not to expire while trees are compared.
    heard.ok(&Request::close());
    drop(silent);
}

#[test]
fn a_zookeeper_observes_behind_paddocks() {
    observers_of_followers(Kind::Paddock, Kind::ZooKeeper);
}

#[test]
fn a_paddock_observes_behind_zookeepers() {
    observers_of_followers(Kind::ZooKeeper, Kind::Paddock);
}

#[test]
fn a_paddock_observes_behind_paddocks() {
    observers_of_followers(Kind::Paddock, Kind::Paddock);
}
