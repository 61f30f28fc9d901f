//! Sessions that move, end and expire.

use std::time::Duration;

use paddock_net::exchange::RequestKind;

use crate::node::replica::long_work::STEPS_PER_TURN;

use super::world::*;

#[test]
fn what_was_on_its_way_when_the_session_moved_is_not_executed() {
    let mut world = World::new("moved");
    let session = world.connect(FIRST);
    world.send(SECOND, session, reattach(true), &[]);
    assert_eq!(world.answers(), [(FIRST, "dropped".into()), (SECOND, "connected".into())]);
    // The session has been answered on its new connection already.
    world.send(SECOND, session, create(7), &create_body("/a", 0));
    assert_eq!(world.answers(), [(SECOND, "7: 0".into())]);
    let before = world.database().last_zxid();
    ask_everything(&mut world, FIRST, session, "/late");
    assert_eq!(world.answers(), [], "its connection has been told that it is closed");
    assert!(!world.exists("/late"));
    assert_eq!(world.database().last_zxid(), before, "nothing takes a zxid");
    // The old connection's end, however late, is not the session's new one's.
    world.send(FIRST, session, |_| RequestKind::Disconnected, &[]);
    world.send(SECOND, session, create(8), &create_body("/b", 1));
    assert_eq!(world.answers(), [(SECOND, "8: 0".into())]);
    assert_eq!(world.database().ephemeral_count_of(session), 1);
}

#[test]
fn what_was_on_its_way_when_a_stranger_cut_the_connection_is_not_executed() {
    let mut world = World::new("stranger");
    let session = world.connect(FIRST);
    world.send(SECOND, session, reattach(false), &[]);
    assert_eq!(world.answers(), [(FIRST, "dropped".into()), (SECOND, "refused".into())]);
    ask_everything(&mut world, FIRST, session, "/late");
    ask_everything(&mut world, SECOND, session, "/strangers");
    assert_eq!(world.answers(), []);
    assert!(!world.exists("/late") && !world.exists("/strangers"));
    let third = home(0, 2);
    world.send(third, session, reattach(true), &[]);
    assert_eq!(world.answers(), [(third, "connected".into())], "the session lives");
}

#[test]
fn sessions_that_move_from_each_other_end_where_the_last_was() {
    let mut world = World::new("race");
    let session = world.connect(FIRST);
    let (second, third) = (home(0, 2), home(0, 3));
    world.send(second, session, reattach(true), &[]);
    world.send(second, session, create(1), &create_body("/from-second", 0));
    world.send(third, session, reattach(true), &[]);
    world.send(second, session, create(2), &create_body("/late", 0));
    world.send(third, session, create(1), &create_body("/from-third", 0));
    let told: Vec<String> =
        world.answers().into_iter().map(|(home, said)| format!("{} {said}", home.connection.slot)).collect();
    assert_eq!(told, ["1 dropped", "2 connected", "2 1: 0", "2 dropped", "3 connected", "3 1: 0"]);
    assert!(world.exists("/from-second") && world.exists("/from-third") && !world.exists("/late"));
}

#[test]
fn a_session_that_is_over_does_nothing_any_more() {
    let mut world = World::new("over");
    let session = world.connect(FIRST);
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    assert_eq!(world.answers(), [(FIRST, "1: closed".into())]);
    let before = world.database().last_zxid();
    ask_everything(&mut world, FIRST, session, "/late");
    assert_eq!(world.answers(), []);
    assert_eq!(world.database().last_zxid(), before);
}

/// A client has given up before the replica came to its handshake: it took nothing for a while.
#[test]
fn a_session_that_begins_without_a_connection_expires() {
    let mut world = World::new("nobody");
    world.send(FIRST, 0, |_| RequestKind::Connect { timeout: TIMEOUT }, &[]);
    world.send(FIRST, 0, |_| RequestKind::Disconnected, &[]);
    world.answers();
    assert_eq!(world.database().sessions().len(), 1);
    world.go_on(2 * Duration::from_millis(TIMEOUT as u64));
    world.report(&[], Duration::ZERO);
    assert_eq!(world.answers(), [], "nobody is told");
    assert_eq!(world.database().sessions().len(), 0);
}

#[test]
fn sessions_that_are_due_together_are_ended_a_few_each_turn() {
    const SESSIONS: usize = 6;
    let mut world = World::new("expiry");
    for number in 0..SESSIONS {
        let session = world.connect(home(0, number as u32));
        give_ephemerals(&mut world, session, &format!("{number}-"), STEPS_PER_TURN / 2);
    }
    world.go_on(2 * Duration::from_millis(TIMEOUT as u64));
    world.report(&[], Duration::ZERO);
    for left in [SESSIONS - 2, SESSIONS - 4] {
        world.turn();
        assert_eq!(world.database().sessions().len(), left);
        assert_eq!(world.replica.timeout(), Some(Duration::ZERO), "the others are next");
    }
    world.turn();
    assert_eq!(world.database().sessions().len(), 0);
    assert_eq!(world.answers().len(), SESSIONS, "each connection is told");
    assert_ne!(world.replica.timeout(), Some(Duration::ZERO));
}

/// The reports are older than the writes, and a session that has a report's worth of time too little by them is not over.
#[test]
fn whoever_writes_is_heard_though_no_report_says_so_yet() {
    for leaves in [false, true] {
        let mut world = World::new("writer");
        let timeout = Duration::from_millis(TIMEOUT as u64);
        let session = world.connect(FIRST);
        world.connect(SECOND);
        world.go_on(2 * timeout);
        world.send(FIRST, session, create(1), &create_body("/late", 0));
        if leaves {
            world.send(FIRST, session, |_| RequestKind::Disconnected, &[]);
        }
        world.report(&[], timeout / 2);
        assert_eq!(world.answers(), [(FIRST, "1: 0".into()), (SECOND, "dropped".into())]);
        world.go_on(timeout);
        world.report(&[], Duration::ZERO);
        world.answers();
        assert_eq!(world.database().sessions().len(), 1, "it lives a whole timeout from then on");
        world.go_on(Duration::from_secs(2));
        world.report(&[], Duration::ZERO);
        world.answers();
        assert_eq!(world.database().sessions().len(), 0, "and no longer");
    }
}
