//! Transactions that take several turns.

use std::time::{Duration, Instant};

use paddock_net::exchange::{AnswerKind, RequestKind};

use crate::node::replica::long_work::STEPS_PER_TURN;

use super::world::*;

#[test]
fn a_long_transaction_is_applied_a_slice_each_turn_and_nothing_comes_between() {
    const TURNS: usize = 4;
    let mut world = World::new("long");
    let (session, other) = (world.connect(FIRST), world.connect(SECOND));
    let count = TURNS * STEPS_PER_TURN - 1;
    give_ephemerals(&mut world, session, "e", count);
    world.replica.snapshots.hurry();
    let (before, version) = (world.database().last_zxid(), world.database().tree().root().version());
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    for left in (1..TURNS).rev() {
        world.turn();
        assert_eq!(world.database().ephemeral_count(), left * STEPS_PER_TURN - 1);
        assert_eq!(world.replica.timeout(), Some(Duration::ZERO), "it goes on at once");
        assert_eq!(world.logged(), before, "the log has nothing of it");
        assert_eq!(world.database().tree().root().version(), version, "nor has any reader");
        let appended = world.replica.head.appended();
        assert!(world.replica.snapshots.are_due(appended), "nor a snapshot, which is begun later");
        assert!(!world.replica.head.is_idle());
        if left == TURNS - 1 {
            world.send(SECOND, other, create(2), &create_body("/later", 0));
        }
        assert_eq!(world.exchanges[1].submissions.len(), 1, "others wait");
    }
    assert_eq!(world.answers(), [(FIRST, "1: closed".into()), (SECOND, "2: 0".into())]);
    assert_eq!(world.database().last_zxid().0, before.0 + 2, "one transaction, and the other's");
    assert_eq!(world.database().ephemeral_count(), 0);
}

/// A client of this server that has gone to another one, which says so in the meantime, is disconnected here.
#[test]
fn who_is_answered_while_a_long_transaction_is_under_way_makes_no_part_of_it_public() {
    const TURNS: usize = 4;
    let mut world = World::new("answered");
    let (session, _) = (world.connect(FIRST), world.connect(SECOND));
    give_ephemerals(&mut world, session, "e", TURNS * STEPS_PER_TURN - 1);
    let version = world.database().tree().root().version();
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    for _ in 1..TURNS {
        world.turn();
        world.replica.with_turn(|turn, _| turn.head.answer(SECOND, AnswerKind::Dropped));
        world.replica.publish();
        assert!(world.is_in_long_work());
        assert_eq!(world.database().tree().root().version(), version);
    }
    let answers = world.answers();
    assert_eq!(answers.iter().filter(|(home, _)| *home == SECOND).count(), TURNS - 1);
    assert_eq!((answers.len(), world.database().ephemeral_count()), (TURNS, 0));
}

#[test]
fn a_long_transaction_has_as_much_time_as_the_others_took() {
    const TURNS: usize = 12;
    let mut world = World::new("share");
    let session = world.connect(FIRST);
    give_ephemerals(&mut world, session, "e", TURNS * STEPS_PER_TURN);
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    world.turn();
    assert_eq!(world.database().ephemeral_count(), (TURNS - 1) * STEPS_PER_TURN);
    // As if the turns of the reactor had taken this long, and the slice took no time.
    world.go_on(DEADLINE);
    world.turn();
    assert!(!world.is_in_long_work());
    assert_eq!(world.answers(), [(FIRST, "1: closed".into())]);
}

#[test]
fn what_came_before_a_long_transaction_does_not_wait_for_it() {
    let mut world = World::new("before-long");
    let (session, other) = (world.connect(FIRST), world.connect(home(0, 2)));
    let count = 3 * STEPS_PER_TURN;
    give_ephemerals(&mut world, session, "e", count);
    world.reader().wake();
    world.send(home(0, 2), other, create(2), &create_body("/before", 0));
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    world.turn();
    assert!(world.is_in_long_work());
    world.finish();
    // The create is public in a version that has nothing of the close, the close in one that has all of it.
    for (left, expected) in [(count, "2: 0"), (0, "1: closed")] {
        let releases = world.exchanges.iter().map(|exchange| version(exchange).expect("each has each version"));
        let releases: Vec<_> = releases.collect();
        let view = world.reader().view_ahead(&releases[0].root);
        assert_eq!((0..count).filter(|number| view.get(&format!("/e{number}")).is_some()).count(), left);
        let told: Vec<String> = releases.iter().flat_map(|one| &one.answers).map(|one| said(&one.kind)).collect();
        assert_eq!(told, [expected]);
    }
}

/// Figures are of what others can see, not of the head in the middle of a transaction.
#[test]
fn figures_are_those_of_the_public_version_while_a_long_transaction_is_under_way() {
    let mut world = World::new("figures");
    let (session, other) = (world.connect(FIRST), world.connect(SECOND));
    give_ephemerals(&mut world, session, "e", 3 * STEPS_PER_TURN);
    let figures = |world: &World| {
        let figures = &world.status.replica;
        [figures.znodes.get(), figures.ephemerals.get(), figures.sessions_expired.get()]
    };
    let [znodes, ephemerals, _] = figures(&world);
    world.go_on(2 * Duration::from_millis(TIMEOUT as u64));
    world.report(&[other], Duration::ZERO);
    // It is durable, and tells its figures, in the middle of the other's end.
    world.send(SECOND, other, create(2), &create_body("/before", 0));
    world.turn();
    let deadline = Instant::now() + DEADLINE;
    while figures(&world)[0] == znodes {
        assert!(Instant::now() < deadline, "the log is done within {DEADLINE:?}");
        world.sleep();
        world.replica.commit().unwrap();
    }
    assert!(world.is_in_long_work() && world.database().ephemeral_count() < ephemerals as usize);
    assert_eq!(figures(&world), [znodes + 1, ephemerals, 0]);
    world.finish();
    assert_eq!(figures(&world), [znodes + 1 - 3 * STEPS_PER_TURN as u64, 0, 1]);
}
