//! Another history in the place of the present one.

use std::path::Path;

use mio::unix::SourceFd;
use mio::{Interest, Token};
use paddock_consensus::Zxid;
use paddock_engine::database::{Database, Rules};
use paddock_engine::generation::FormerGenerations;
use paddock_engine::installation::{self, InPlace, IncomingState};
use paddock_engine::io::Files;
use paddock_engine::log::LogConfig;
use paddock_engine::progress::Progress;
use paddock_engine::replay::Before;
use paddock_engine::tree::HashSeed;
use paddock_engine::txn::{Txn, TxnHeader};
use paddock_engine::zookeeper::{OutputArchive, stream};
use paddock_net::exchange::Release;
use paddock_net::serving::Serve;

use crate::node::recovery::{Present, recover_present};
use crate::node::snapshotter::{self, DrivenBy, Snapshotter};

use super::world::*;

/// What a leader has sent, in the place of what this server had.
fn installed(dir: &Path, state: &Database) -> InPlace {
    let mut archive = OutputArchive::new(Vec::new());
    let sessions: Vec<_> = state.sessions().collect();
    stream::write(&mut archive, &state.tree().head(), &sessions).unwrap();
    stream::write_signature(&mut archive).unwrap();
    let (seed, rules) = (HashSeed([9; 16]), Rules::default());
    let settings = installation::Settings { seed, rules, length_max: 1 << 20, before: Before::Exact };
    let mut incoming = IncomingState::new(settings);
    incoming.take(&archive.finish().unwrap()).unwrap();
    let installed = incoming.finish(state.last_zxid()).unwrap();
    installed.put_in_place(LogConfig::new(dir), [], &mut || {}).unwrap()
}

#[test]
fn another_history_takes_the_place_of_the_present_one() {
    let mut world = World::with("history", |parts| {
        let settings = snapshotter::Settings { files: Files::Real, data_dir: directory("history"), retain: None };
        parts.snapshotter = Snapshotter::start(settings, FormerGenerations::default(), DrivenBy::Caller).unwrap();
    });
    let session = world.connect(FIRST);
    world.send(FIRST, session, create(1), &create_body("/old", 0));
    world.answers();
    world.replica.begin_period(Serve::No);
    world.period = world.told_period();
    let zxid = world.database().last_zxid();
    let mut state = Database::new(HashSeed([8; 16]), Rules::default());
    let header = TxnHeader { client: session, cxid: 0, zxid: zxid.0, time: 0 };
    state.apply(&header, &Txn::CreateSession { timeout: TIMEOUT }, None);
    // One that is being taken of the former history.
    world.replica.snapshots.hurry();
    world.turn();
    let placed = installed(&world.dir.0, &state);
    let generation = placed.generation;
    assert!(world.replica.may_be_replaced());
    let former = world.replica.replace(placed, world.at).unwrap();
    assert!(former.tree().get("/old").is_some());
    for exchange in world.exchanges.iter() {
        assert!(matches!(exchange.releases.pop(), Some(Release::State(_))));
    }
    for fd in world.replica.event_fds() {
        world.poll.registry().register(&mut SourceFd(&fd), Token(1), Interest::READABLE).unwrap();
    }
    world.reader = None;
    drop(former);
    while world.replica.work(world.at.now) == Progress::More {}
    assert!(!world.dir.0.join("paddock-1").exists(), "the former history goes");

    world.replica.begin_period(Serve::Yes);
    world.period = world.told_period();
    world.send(FIRST, session, reattach(true), &[]);
    world.send(FIRST, session, create(2), &create_body("/new", 0));
    assert_eq!(world.answers(), [(FIRST, "connected".into()), (FIRST, "2: 0".into())]);
    assert_eq!(world.logged().0, zxid.0 + 1);
    world.replica.snapshots.hurry();
    world.turn();
    while world.status.replica.snapshots.get() == 0 {
        world.replica.work(world.at.now);
        world.answers();
    }
    let dir = generation.dir(&world.dir.0);
    let snapshots = paddock_engine::snapshot::list(&Files::Real, &dir).unwrap();
    assert_eq!(snapshots.last().map(|(zxid, _)| *zxid), Some(Zxid(zxid.0 + 1)), "in its own directory");
    let World { replica, dir, .. } = world;
    replica.end().unwrap();
    let Present { recovered, .. } = recover_present(LogConfig::new(&dir.0), Rules::default()).unwrap();
    assert!(recovered.database.tree().get("/new").is_some());
}
