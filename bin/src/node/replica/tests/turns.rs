//! What turns do besides.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_engine::container::ContainerSettings;
use paddock_engine::generation::FormerGenerations;
use paddock_engine::io::Files;
use paddock_engine::log::{Entry, Log, LogConfig};
use paddock_engine::txn::{CreateKind, Txn, TxnHeader};
use paddock_net::exchange::{EVENTS_AT_ONCE, Request, RequestKind, Submission};

use crate::node::replica::long_work::STEPS_PER_TURN;
use crate::node::replica::turn::REQUESTS_PER_TURN;
use crate::node::replica::window::Window;
use crate::node::replica::{READERS_WAIT, RETRY};
use crate::node::snapshotter::{self, DrivenBy, Snapshotter};

use super::world::*;

#[test]
fn a_replica_with_too_much_garbage_looks_after_its_readers() {
    let mut world = World::with("garbage", |parts| parts.garbage_max = 1);
    let session = world.connect(FIRST);
    world.reader().wake();
    world.send(FIRST, session, create(1), &create_body("/a", 0));
    assert_eq!(world.answers(), [(FIRST, "1: 0".into())]);
    world.send(FIRST, session, sync(2), b"\0\0\0\x02/a");
    assert_eq!(world.answers(), [], "nothing is taken");
    assert_eq!(world.replica.timeout(), Some(READERS_WAIT));
    world.reader().sleep();
    assert_eq!(world.answers(), [], "what nobody sees is freed at the turn's end");
    assert_eq!(world.replica.timeout(), Some(Duration::ZERO));
    assert_eq!(world.answers(), [(FIRST, "2: 0".into())]);
}

/// Whatever one submission has, and whoever reads meanwhile in the same thread.
#[test]
fn a_turn_takes_no_more_requests_than_its_share() {
    const MORE: usize = 3;
    let mut world = World::new("share");
    let session = world.connect(FIRST);
    let body = create_body("/there", 0);
    let requests = (0..REQUESTS_PER_TURN + MORE).map(|xid| {
        let kind = create(xid as i32)(0..body.len() as u32);
        Request { connection: FIRST.connection, session, fence: false, received: world.at.now, kind }
    });
    let requests = requests.collect();
    world.submit(FIRST.reactor, Submission { bytes: body, requests, ..Submission::default() });
    let before = world.replica.head.database().last_zxid().0;
    world.turn();
    assert_eq!(world.replica.head.database().last_zxid().0 - before, REQUESTS_PER_TURN as i64);
    assert_eq!(world.replica.timeout(), Some(Duration::ZERO), "the others are next");
    world.turn();
    assert_eq!(world.replica.head.database().last_zxid().0 - before, (REQUESTS_PER_TURN + MORE) as i64);
    assert_ne!(world.replica.timeout(), Some(Duration::ZERO));
}

/// As an ensemble's first leader would: no transaction has the counter 0.
#[test]
fn where_the_counter_ends_a_server_alone_begins_the_next_epoch() {
    let mut world = World::with("counter", |parts| {
        let header = TxnHeader { client: 0, cxid: 0, zxid: 0xffff_fffc, time: 0 };
        parts.database.apply(&header, &Txn::Error(0), None);
    });
    let session = world.connect(FIRST);
    let mut zxids = Vec::new();
    for xid in 1..5 {
        world.send(FIRST, session, create(xid), &create_body(&format!("/{xid}"), 0));
        assert_eq!(world.answers(), [(FIRST, format!("{xid}: 0"))]);
        zxids.push(world.replica.head.database().last_zxid().0);
    }
    assert_eq!(zxids, [0xffff_fffe, 0xffff_ffff, 0x1_0000_0001, 0x1_0000_0002]);
    let World { replica, dir, .. } = world;
    replica.end().unwrap();
    let mut recovered = Vec::new();
    let mut take = |zxid: Zxid, _: &[u8]| {
        recovered.push(zxid.0);
        Ok(())
    };
    let (log, _) = Log::open(LogConfig::new(&dir.0), Zxid::ZERO, &mut take).unwrap();
    assert_eq!(log.last_zxid(), Zxid(0x1_0000_0002));
    zxids.insert(0, 0xffff_fffd);
    assert_eq!(recovered, zxids, "a start finds them in the same log");
}

#[test]
fn a_caller_has_a_snapshot_taken_step_by_step() {
    let mut world = World::with("caller", |parts| {
        let settings = snapshotter::Settings { files: Files::Real, data_dir: directory("caller"), retain: None };
        parts.snapshotter = Snapshotter::start(settings, FormerGenerations::default(), DrivenBy::Caller).unwrap();
    });
    world.connect(FIRST);
    world.replica.snapshots.hurry();
    world.turn();
    let mut steps = 0;
    while world.status.replica.snapshots.get() == 0 {
        steps += 1;
        assert!(steps < 10, "it is written, and put into place");
        world.replica.work(world.at.now);
        world.answers();
    }
    assert!(!paddock_engine::snapshot::list(&Files::Real, &world.dir.0).unwrap().is_empty());
}

#[test]
fn the_window_has_what_the_log_has() {
    let mut world = World::with("window", |parts| parts.window = Some(Window::new(Zxid::ZERO, 0)));
    let session = world.connect(FIRST);
    give_ephemerals(&mut world, session, "e", STEPS_PER_TURN + 1);
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    assert_eq!(world.answers(), [(FIRST, "1: closed".into())]);
    let window = world.replica.window().expect("it was given one");
    let in_window = window.range(Zxid::ZERO, window.last()).expect("they are few");
    let in_window: Vec<(Zxid, Vec<u8>)> = in_window.map(|(zxid, record)| (zxid, record.to_vec())).collect();
    let mut in_log = Vec::new();
    paddock_engine::log::inspect(&Files::Real, &world.dir.0, &world.dir.0, &mut |entry| {
        if let Entry::Record { zxid, payload, .. } = entry {
            in_log.push((zxid, payload.to_vec()));
        }
    })
    .unwrap();
    assert_eq!((in_window.len(), in_window == in_log), (STEPS_PER_TURN + 3, true));
}

#[test]
fn a_version_with_very_many_events_is_public_when_every_reactor_has_looked_through_them() {
    let mut world = World::new("looked-through");
    let session = world.connect(FIRST);
    // Each deletion is told of by two events.
    give_ephemerals(&mut world, session, "e", EVENTS_AT_ONCE / 2 + 1);
    let public = world.reader().published();
    world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    let deadline = Instant::now() + DEADLINE;
    while !world.replica.head.is_blocked() {
        assert!(Instant::now() < deadline, "the log is done within {DEADLINE:?}");
        world.sleep();
        world.turn();
    }
    for exchange in world.exchanges.clone().iter() {
        world.turn();
        assert_eq!((world.reader().published(), world.replica.timeout()), (public, Some(RETRY)));
        let release = version(exchange).expect("every reactor has it in its queue");
        assert!(exchange.releases.is_empty());
        release.looked_through.expect("it has very many events").fetch_add(1, Ordering::Release);
    }
    world.turn();
    assert!(world.reader().published() > public && world.replica.head.is_idle());
}

/// Under an overload a report tells of what came seconds ago, and is followed by the next as late as that.
#[test]
fn containers_go_although_every_report_is_late() {
    let mut world = World::with("late-reports", |parts| {
        parts.containers =
            ContainerSettings { check_interval_ms: 0, max_per_minute: 60_000, max_never_used_ms: Some(0) };
    });
    let second = Duration::from_secs(1);
    world.go_on(10 * second);
    for (path, age_ms) in [("/older", 10_000), ("/newer", 1000)] {
        let path = path.into();
        let txn = Txn::Create { kind: CreateKind::Container, path, data: None, acl: None, parent_cversion: -1 };
        world.replica.head.propose(0, 0, &txn, world.at.wall_ms - age_ms);
    }
    world.report(&[], 4 * second);
    world.go_on(3 * second);
    world.answers();
    assert!(world.exists("/older"), "a reactor may have stood still since it has reported");
    world.report(&[], 7 * second);
    world.answers();
    assert!(!world.exists("/older"));
    world.go_on(Duration::from_millis(2));
    world.answers();
    assert!(world.exists("/newer"), "it was not due yet when what came before the reports came");
}
