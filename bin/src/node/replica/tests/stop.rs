//! The stop of a replica.

use std::time::Duration;

use paddock_engine::request::opcode;
use paddock_engine::txn::{CreateKind, Txn};
use paddock_net::exchange::{AnswerKind, RequestKind};
use paddock_net::serving::Serve;

use crate::node::replica::RETRY;
use crate::node::replica::long_work::STEPS_PER_TURN;

use super::world::*;

#[test]
fn a_replica_that_stops_waits_for_a_reactor_without_spinning() {
    let mut world = World::new("stopping-blocked");
    let session = world.connect(FIRST);
    // Nobody takes the answers.
    while !world.replica.head.is_blocked() {
        world.send(FIRST, session, sync(1), b"\0\0\0\x02/a");
        world.turn();
    }
    world.replica.stop();
    world.send(FIRST, session, sync(1), b"\0\0\0\x02/a");
    world.turn();
    assert!(!world.replica.has_stopped());
    assert_eq!(world.replica.timeout(), Some(RETRY));
    world.exchanges.iter().for_each(|exchange| while exchange.releases.pop().is_some() {});
    world.turn();
    assert!(world.replica.has_stopped(), "what was not taken is nobody's any more");
}

#[test]
fn a_replica_that_stops_sleeps_until_the_log_wakes_it() {
    let mut world = World::new("stopping-log");
    let session = world.connect(FIRST);
    let txn = Txn::Create {
        kind: CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false },
        path: "/a".into(),
        data: None,
        acl: None,
        parent_cversion: -1,
    };
    world.replica.head.propose(session, 0, &txn, 0);
    world.replica.stop();
    assert!(!world.replica.has_stopped());
    assert_eq!(world.replica.timeout(), None);
    world.finish();
    assert!(world.replica.has_stopped());
}

#[test]
fn a_replica_that_stops_finishes_a_long_transaction_or_gives_it_up() {
    for gives_up in [false, true] {
        let mut world = World::new(if gives_up { "gives-up" } else { "finishes" });
        let session = world.connect(FIRST);
        give_ephemerals(&mut world, session, "e", 3 * STEPS_PER_TURN);
        let before = world.logged();
        world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
        world.turn();
        world.replica.stop();
        world.turn();
        assert_eq!((world.replica.has_stopped(), world.replica.timeout()), (false, Some(Duration::ZERO)));
        let version = world.database().tree().root().version();
        if gives_up {
            world.go_on(DEADLINE);
        }
        let told = world.answers();
        if gives_up {
            // Somebody else's session has gone to another server meanwhile.
            world.replica.with_turn(|turn, _| turn.head.answer(SECOND, AnswerKind::Dropped));
            world.replica.begin_period(Serve::No);
            world.replica.publish();
            assert_eq!(world.database().tree().root().version(), version, "nobody sees what was given up");
            assert!(world.replica.head.hold().is_none(), "and no snapshot has it");
        }
        assert!(world.replica.has_stopped());
        let expected = if gives_up { vec![] } else { vec![(FIRST, "1: closed".into())] };
        assert_eq!(told, expected);
        assert_eq!(world.logged() == before, gives_up);
    }
}
