//! What the replica tells whoever asks, over as many turns as that takes.

use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded};
use paddock_engine::io::Files;
use paddock_net::exchange::{ConnectionId, Request, RequestKind, Submission};
use paddock_net::reactor::ACCEPTOR;
use paddock_net::survey::{PIECE_MAX, Piece, Question, Survey};

use super::world::*;

fn ask(world: &World, question: Question) -> Receiver<Piece> {
    let (pieces, told) = bounded(1);
    assert!(world.exchanges[ACCEPTOR].surveys.push(Survey::new(question, pieces)).is_ok(), "there is room");
    told
}

/// Turns until there is a piece.
fn await_piece(world: &mut World, told: &Receiver<Piece>) -> Piece {
    loop {
        world.turn();
        if let Ok(piece) = told.try_recv() {
            return piece;
        }
        world.sleep();
    }
}

/// Has this many znodes created, of which nothing is told yet.
fn create_some(world: &mut World, session: i64, names: &[&str]) {
    for (xid, name) in (1..).zip(names) {
        world.send(FIRST, session, create(xid), &create_body(name, 0));
    }
}

#[test]
fn a_version_is_told_when_all_of_it_is_durable() {
    let mut world = World::new("survey-version");
    let session = world.connect(FIRST);
    create_some(&mut world, session, &["/a", "/b"]);
    let told = ask(&world, Question::Version);
    let Piece::Version(version) = await_piece(&mut world, &told) else { panic!("a version was asked for") };
    assert_eq!(version.zxid, world.database().last_zxid());
    assert!(version.zxid <= world.replica.head.completed(), "what is told is durable");
    assert_eq!(version.sessions.len(), 1);
    create_some(&mut world, session, &["/c"]);
    world.answers();
    let view = version.pin.view();
    assert!(view.get("/b").is_some() && view.get("/c").is_none(), "it stays as it was");
    drop(version);
    world.turn();
    assert!(told.try_recv().is_err_and(|error| error.is_disconnected()), "there is one");
}

#[test]
fn what_may_never_be_committed_is_let_go() {
    let mut world = World::new("survey-let-go");
    let session = world.connect(FIRST);
    create_some(&mut world, session, &["/a"]);
    let told = ask(&world, Question::Version);
    world.turn();
    world.replica.surveys.forget_versions();
    create_some(&mut world, session, &["/b"]);
    if let Ok(Piece::Version(version)) = told.try_recv() {
        // The disk was that fast.
        return assert!(version.pin.view().get("/a").is_some());
    }
    let Piece::Version(version) = await_piece(&mut world, &told) else { panic!("a version was asked for") };
    assert!(version.pin.view().get("/b").is_some(), "another one is held in its place");
}

#[test]
fn a_snapshot_that_is_asked_for_has_what_there_was() {
    let mut world = World::new("survey-snapshot");
    let session = world.connect(FIRST);
    for name in ["/a", "/b"] {
        create_some(&mut world, session, &[name]);
        let told = ask(&world, Question::Snapshot);
        let Piece::Snapshot(zxid) = await_piece(&mut world, &told) else { panic!("a snapshot was asked for") };
        assert_eq!(zxid, world.database().last_zxid(), "{name}");
        let snapshots = paddock_engine::snapshot::list(&Files::Real, &world.dir.0).expect("it can be listed");
        assert_eq!(snapshots.last().map(|(zxid, _)| *zxid), Some(zxid), "it is in place");
    }
}

/// Its thread rings, which wakes nobody who was not asleep yet.
#[test]
fn whoever_is_to_hear_of_a_snapshot_does_not_sleep_over_it() {
    let mut world = World::new("survey-news");
    let session = world.connect(FIRST);
    create_some(&mut world, session, &["/a"]);
    let told = ask(&world, Question::Snapshot);
    world.turn();
    world.finish();
    let deadline = Instant::now() + DEADLINE;
    while !world.replica.snapshots.have_news() {
        if !told.is_empty() {
            // The last turns were that slow, and have heard of it.
            return;
        }
        assert!(Instant::now() < deadline, "the snapshot is taken within {DEADLINE:?}");
        std::thread::yield_now();
    }
    assert_eq!(world.replica.timeout(), Some(Duration::ZERO));
    assert!(matches!(await_piece(&mut world, &told), Piece::Snapshot(_)));
    assert!(!world.replica.snapshots.have_news(), "it was told");
}

#[test]
fn sessions_that_are_due_at_one_moment_are_told_so_however_many_turns_it_takes() {
    let mut world = World::new("survey-sessions");
    let received = world.at.now;
    let request = |slot: usize| {
        let connection = ConnectionId { slot: slot as u32, generation: 1 };
        Request { connection, session: 0, fence: false, received, kind: RequestKind::Connect { timeout: TIMEOUT } }
    };
    let requests = (0..=PIECE_MAX).map(request).collect();
    world.submit(FIRST.reactor, Submission { requests, ..Submission::default() });
    let are_there = (0..PIECE_MAX).any(|_| {
        world.answers();
        world.database().sessions_after(None).count() > PIECE_MAX
    });
    assert!(are_there, "every client has its session");
    let told = ask(&world, Question::Sessions);
    let mut due = Vec::new();
    while due.len() <= PIECE_MAX {
        let Piece::Sessions(sessions) = await_piece(&mut world, &told) else { panic!("sessions were asked for") };
        due.extend(sessions.iter().map(|session| session.due_in));
        world.go_on(Duration::from_millis(1));
    }
    assert!(due[0].is_some() && due.iter().all(|one| *one == due[0]), "{due:?}");
}

#[test]
fn the_list_of_the_root_is_told() {
    let mut world = World::new("survey-acl");
    let told = ask(&world, Question::RootAcl);
    assert!(matches!(await_piece(&mut world, &told), Piece::RootAcl(None)), "anybody may do anything with it");
}
