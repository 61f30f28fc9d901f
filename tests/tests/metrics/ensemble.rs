//! Keys by the part of a server, and what moves when servers work together.
use crate::agents::{assert_srvr_taken, assert_taken};
use crate::keys::assert_keys;
use crate::told::{Told, wait_for};
use crate::{TIMEOUT_MS, setup};
use paddock_tests::client::Client;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::Kind;

/// Writes by which the first session is made, too.
const WRITES: usize = 20;

#[test]
fn each_part_has_its_keys_and_what_servers_do_together_is_counted() {
    if !Kind::under_test().is_current() {
        return;
    }
    let ensemble = Ensemble::start_with_observers(setup(), 3, 1);
    let leader = ensemble.wait_for_leader(&ensemble.places());
    let observer = *ensemble.places().last().expect("there are four");
    let follower = *ensemble.voters().iter().find(|place| **place != leader).expect("there are three");
    wait_for(ensemble.server(leader), "synced_followers", 2.0);
    wait_for(ensemble.server(leader), "synced_observers", 1.0);

    let mut client = Client::connect(ensemble.server(follower).address(), TIMEOUT_MS).expect("it takes a client");
    for number in 1..WRITES {
        client.ok(&Request::create(&format!("/n{number}"), b"x", flags::PERSISTENT));
    }
    client.ok(&Request::sync("/"));
    let least = WRITES as f64;
    let told = |place: usize, key: &str| wait_for(ensemble.server(place), key, least);
    let of_leader = told(leader, "commit_count");
    let of_follower = told(follower, "learner_commit_received_count");
    let of_observer = told(observer, "learner_commit_received_count");
    for (place, told, mode) in
        [(leader, &of_leader, "leader"), (follower, &of_follower, "follower"), (observer, &of_observer, "observer")]
    {
        assert_keys(told, mode);
        assert_srvr_taken(ensemble.server(place), mode);
        assert_taken(told);
        assert!(told.number("looking_count") >= 1.0 && told.number("cnt_unavailable_time") >= 1.0, "{mode}");
        assert_eq!(told.number("quorum_size"), 3.0, "{mode}");
        assert!(told.number("request_commit_queued") >= least, "{mode}");
        assert!(told.number("cnt_zookeeper_write_per_namespace") >= 1.0, "{mode}: it has written its configuration");
        assert!(told.number("cnt_propagation_latency") >= 1.0, "{mode}");
    }
    for key in ["proposal_count", "prep_processor_request_queued"] {
        assert!(of_leader.number(key) >= least, "{key}");
    }
    for key in [
        "cnt_quorum_ack_latency",
        "cnt_proposal_ack_creation_latency",
        "cnt_election_time",
        "cnt_leader_unavailable_time",
    ] {
        assert!(of_leader.number(key) >= 1.0, "{key}");
    }
    assert!(of_leader.number("diff_count") + of_leader.number("snap_count") >= 3.0, "it has brought three its history");
    assert!(of_leader.number("last_proposal_size") > 0.0);
    assert!(of_follower.number("learner_proposal_received_count") >= least);
    for key in [
        "cnt_proposal_latency",
        "cnt_commit_propagation_latency",
        "cnt_follower_sync_time",
        "cnt_write_commit_proc_issued",
    ] {
        assert!(of_follower.number(key) >= 1.0, "{key}");
    }
    assert!(of_observer.number("cnt_observer_sync_time") >= 1.0);
    assert_eq!(of_observer.number("learner_proposal_received_count"), 0.0);
    assert_eq!(of_observer.text_of("observer_master_id"), Some(&(leader + 1).to_string()[..]));
}

#[test]
fn a_session_that_comes_to_another_server_is_asked_about() {
    let ensemble = Ensemble::start(setup(), 3);
    let leader = ensemble.wait_for_leader(&ensemble.places());
    let followers: Vec<usize> = ensemble.places().into_iter().filter(|place| *place != leader).collect();
    let client = Client::connect(ensemble.server(followers[0]).address(), TIMEOUT_MS).expect("it takes a client");
    let before = Told::by(ensemble.server(leader)).number("revalidate_count");
    let session = client.session.clone();
    let _again = Client::reattach(ensemble.server(followers[1]).address(), &session, 0).expect("the session lives");
    wait_for(ensemble.server(leader), "revalidate_count", before + 1.0);
}

/// Of so many zxids one is measured.
const MEASURED_APART: i64 = 1000;
/// As many as surely have some that are.
const MANY_WRITES: usize = 2500;
/// Of them so many are under way at a time.
const TOGETHER: usize = 100;

/// Of a transaction that a quorum has already, ZooKeeper measures no acknowledgement.
#[test]
fn acknowledgements_behind_the_quorums_are_not_timed() {
    if Kind::under_test() != Kind::Paddock {
        return;
    }
    let ensemble = Ensemble::start(setup(), 3);
    let leader = ensemble.wait_for_leader(&ensemble.places());
    let [near, far] = [1, 2].map(|next| (leader + next) % 3);
    wait_for(ensemble.server(leader), "synced_followers", 2.0);
    ensemble.server(far).pause();
    let mut client = Client::connect(ensemble.server(leader).address(), TIMEOUT_MS).expect("it takes a client");
    client.ok(&Request::create("/w", b"", flags::PERSISTENT));
    // The last of those that are measured is still in the leader's window.
    let mut written = 0;
    while written < MANY_WRITES || !(100..300).contains(&(client.last_zxid % MEASURED_APART)) {
        (0..TOGETHER).for_each(|_| {
            client.queue(&Request::set_data("/w", b"x", -1));
        });
        client.flush().expect("they are taken");
        (0..TOGETHER).for_each(|_| assert_eq!(client.next_reply().expect("a quorum is there").err, 0));
        written += TOGETHER;
    }

    // What is acknowledged by the one alone that was not waited for comes behind all that it had to acknowledge.
    ensemble.server(far).resume();
    ensemble.server(near).pause();
    client.ok(&Request::set_data("/w", b"x", -1));
    let told = Told::by(ensemble.server(leader));
    let timed = |place: usize| told.text_of(&format!("cnt_{}_ack_latency", place + 1));
    assert!(told.number(&format!("cnt_{}_ack_latency", near + 1)) >= 2.0, "{}", told.text());
    assert_eq!(timed(far), None, "{}", told.text());
    ensemble.server(near).resume();
}
