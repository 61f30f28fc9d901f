//! What is wrong in a world is found: disks that lie, and answers that show less or more than there was.

use std::time::Duration;

use paddock_consensus::config::Config;
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::io::simulated::{Effect, Fault, Operation};
use paddock_sim::ghost::Ghost;
use paddock_sim::mix::Mix;
use paddock_sim::operator::Ensemble;
use paddock_sim::world::World;
use paddock_tests::request::Request;

/// A world whose disks do not do this, and say that they have.
fn live_with_disks_that_leave_out(operation: Operation) {
    let mix = Mix::calm(3, 4);
    let end = Duration::from_secs(20);
    let mut world = World::new(1, mix, end, false);
    for server in &world.servers {
        server.disk.add_fault(Fault { operation, skipped: 0, times: u64::MAX, effect: Effect::IsLeftOut });
    }
    world.run_until(end);
}

#[test]
#[should_panic(expected = "is on the disks of no quorum")]
fn a_commit_of_what_no_disk_has_is_found() {
    live_with_disks_that_leave_out(Operation::Complete);
}

#[test]
#[should_panic(expected = "claims epochs that its disk has not")]
fn a_promise_that_is_not_on_the_disk_is_found() {
    live_with_disks_that_leave_out(Operation::SyncDirectory);
}

/// Of three servers, before anything has happened.
fn ghost() -> Ghost {
    let config = Config::parse("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2").unwrap();
    Ghost::new(1, 3, config.into())
}

#[test]
#[should_panic(expected = "nobody has committed it")]
fn an_answer_with_what_was_never_committed_is_found() {
    ghost().see_answer(Zxid(5), None);
}

#[test]
#[should_panic(expected = "a sync shows 0x4, and 0x5 had been told")]
fn a_sync_that_shows_too_little_is_found() {
    ghost().see_sync(Zxid(4), Zxid(5));
}

/// Who reads who belongs to the ensemble is told of servers that never did.
#[test]
#[should_panic(expected = "who reads at 0x5 who belongs to the ensemble sees")]
fn a_configuration_that_was_never_committed_is_found() {
    let text = "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nversion=4".to_owned();
    ghost().see_ensemble(Zxid(5), &Ensemble { change: None, text });
}

/// One server joins, and the answer tells of one more.
#[test]
#[should_panic(expected = "is answered with")]
fn a_change_that_nobody_asked_for_is_found() {
    let joining = Some("server.4=d:1:2:participant;3".to_owned());
    let change = Some(Request::Reconfig { joining, leaving: None, members: None, config_id: -1 });
    let text = "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nversion=5".to_owned();
    ghost().see_ensemble(Zxid(5), &Ensemble { change, text });
}

#[test]
#[should_panic(expected = "shows another state than server 1 did")]
fn two_states_after_one_transaction_are_found() {
    let mut ghost = ghost();
    ghost.see_public(ServerId(1), Zxid(5), 7);
    ghost.see_public(ServerId(2), Zxid(5), 8);
}
