//! The disk of a server is full where something else than the log is written: an epoch, the end of a history that a leader never
//! had, the state that a leader brings or spools, a snapshot. Nothing that was acknowledged is lost, nobody votes or acknowledges
//! with what is not durable, no process ends, and service comes back by itself. Each is told once when it begins, and once when
//! it is over.

use std::time::Duration;

use paddock_consensus::settings::Features;
use paddock_engine::io::simulated::FileSystem;
use paddock_engine::jute::Write;
use paddock_engine::request::opcode;
use paddock_sim::reactor::{Asked, Told};

use super::said::{listen, take_said};
use super::servers::{Servers, create};

/// Longer than any limit of the ensemble.
const LONG: Duration = Duration::from_secs(120);
/// What one line tells when space is had again.
const SPACE: &str = "there is space again";

struct World {
    servers: Servers,
    acknowledged: Vec<(String, Vec<u8>)>,
}

impl World {
    fn new() -> World {
        World::with(Features(0))
    }

    fn with(features: Features) -> World {
        listen();
        let mut world = World { servers: Servers::new(11, None), acknowledged: Vec::new() };
        world.servers.setting.features = Some(features);
        (0..3).for_each(|place| world.servers.start(place).unwrap());
        world.servers.wait("all serve", |servers| servers.all_serve(&[0, 1, 2]));
        world.servers.setting.autocreate = false;
        let leader = world.leader();
        world.write(leader, 30);
        take_said();
        world
    }

    fn leader(&self) -> usize {
        self.servers.leader().expect("one leads")
    }

    fn write(&mut self, place: usize, count: usize) {
        let slot = self.servers.connect(place);
        for _ in 0..count {
            let (path, data) = (format!("/{}", self.acknowledged.len()), vec![7; 300]);
            self.servers.create(place, slot, &path, &data);
            self.acknowledged.push((path, data));
        }
    }

    fn disk_of(&self, place: usize) -> FileSystem {
        self.servers.server(place).disk.clone()
    }

    /// For a long time. Nobody ends, and what waits is told once.
    fn endure(&mut self, full: &[usize], words: &str) {
        self.servers.pass(LONG);
        let said = take_said();
        for &place in full {
            assert_eq!(self.servers.ended(place), None, "{words}: it waits\n{said}");
            assert!(!self.servers.serves(place), "{words}: it has no part\n{said}");
        }
        let told: Vec<&str> = said.lines().filter(|line| line.contains("ERROR")).collect();
        let times = told.iter().filter(|line| line.contains(words)).count();
        assert!((1..=full.len()).contains(&times), "{words}: told {times} times\n{said}");
        assert!(told.iter().all(|line| line.contains("No space left")), "{words}: {told:#?}");
        assert!(told.iter().all(|line| line.contains("free space")), "{words}: it says what to do: {told:#?}");
        assert!(said.lines().count() < 400, "{words}: {} lines\n{said}", said.lines().count());
    }

    /// There is space again.
    fn recover(&mut self, full: &[usize], words: &str) {
        full.iter().for_each(|place| self.disk_of(*place).set_space(u64::MAX));
        full.iter().for_each(|place| self.disk_of(*place).refuse_space(&[]));
        self.servers.wait("all serve again", |servers| servers.all_serve(&[0, 1, 2]));
        let leader = self.leader();
        self.write(leader, 1);
        self.servers.wait("all have the same", |servers| (1..3).all(|place| servers.state(place) == servers.state(0)));
        for (path, data) in &self.acknowledged {
            (0..3).for_each(|place| {
                assert_eq!(self.servers.data(place, path).as_ref(), Some(data), "{words}: {path} was acknowledged");
            });
        }
        let said = take_said();
        assert!((1..=full.len()).contains(&said.matches(SPACE).count()), "{words}: it is told that it is over\n{said}");
    }
}

/// Of two that are left one cannot promise anything: nobody is elected, or leads, by half a promise.
#[test]
fn an_epoch_that_cannot_be_written_is_not_promised_and_waits_for_space() {
    for name in ["acceptedEpoch", "currentEpoch"] {
        let mut world = World::new();
        let leader = world.leader();
        let full = (leader + 1) % 3;
        world.disk_of(full).refuse_space(&[name]);
        world.servers.end(leader);
        world.servers.pass(LONG);
        assert!((0..3).all(|place| !world.servers.serves(place)), "{name}: a quorum has promised nothing");
        // With the third one there is a quorum without it.
        world.servers.start(leader).unwrap();
        let others = [leader, (leader + 2) % 3];
        world.servers.wait("the others serve", |servers| servers.all_serve(&others));
        let leads = world.leader();
        world.write(leads, 5);
        world.endure(&[full], name);
        world.recover(&[full], name);
    }
}

#[test]
fn all_disks_that_are_full_at_an_election_are_waited_for() {
    let mut world = World::new();
    let leader = world.leader();
    (0..3).for_each(|place| world.disk_of(place).set_space(0));
    world.servers.end(leader);
    let left = [(leader + 1) % 3, (leader + 2) % 3];
    world.endure(&left, "acceptedEpoch");
    world.disk_of(leader).set_space(u64::MAX);
    world.servers.start(leader).unwrap();
    world.recover(&left, "acceptedEpoch");
}

/// What a leader never had goes when there is room for that, and until then the server that has it has no part.
#[test]
fn a_history_is_cut_when_there_is_room_for_that() {
    let mut world = World::with(Features::EXACT_TRUNC);
    let leader = world.leader();
    let others = [(leader + 1) % 3, (leader + 2) % 3];
    let slot = world.servers.connect(leader);
    others.iter().for_each(|place| world.servers.end(*place));
    let told = world.servers.ask(leader, slot, &create("/nobody-has-it", b""));
    assert!(!matches!(told, Some(Told::Reply { code: 0, .. })), "one of three is no quorum: {told:?}");
    world.servers.end(leader);
    others.iter().for_each(|place| world.servers.start(*place).unwrap());
    world.servers.wait("the others serve", |servers| servers.all_serve(&others));
    let leads = world.leader();
    world.write(leads, 5);
    take_said();
    world.servers.start(leader).unwrap();
    world.disk_of(leader).refuse_space(&["/data/paddock-1/"]);
    world.endure(&[leader], "What the leader never had");
    world.recover(&[leader], "What the leader never had");
    assert!((0..3).all(|place| world.servers.data(place, "/nobody-has-it").is_none()), "it is cut");
}

/// The state stays in memory, and is not asked for again and again.
#[test]
fn a_state_that_a_leader_brings_is_put_in_place_when_there_is_room() {
    for name in ["/data/paddock.generation.1", "/data/paddock.generation.tmp"] {
        let mut world = World::new();
        let leader = world.leader();
        let full = (leader + 1) % 3;
        world.servers.lose(full);
        world.servers.start(full).unwrap();
        world.disk_of(full).refuse_space(&[name]);
        world.endure(&[full], "is kept in memory");
        let spooled = world.servers.server(leader).process.as_ref().unwrap().member.plans().snaps;
        assert!(spooled < 3, "{name}: the leader has sent {spooled} states");
        world.recover(&[full], name);
    }
}

/// Those who lack too much wait; the others are served all the time.
#[test]
fn a_state_that_cannot_be_spooled_is_brought_when_there_is_room() {
    let mut world = World::new();
    let leader = world.leader();
    let lacking = (leader + 1) % 3;
    world.servers.lose(lacking);
    world.disk_of(leader).refuse_space(&["snap.spool"]);
    world.servers.start(lacking).unwrap();
    world.servers.pass(LONG);
    let said = take_said();
    assert_eq!(said.matches("cannot be written to /data/snap.spool").count(), 1, "{said}");
    assert!(said.contains("free space") && said.lines().count() < 400, "{} lines\n{said}", said.lines().count());
    assert!(world.servers.serves(leader) && !world.servers.serves(lacking));
    world.write(leader, 3);
    world.disk_of(leader).refuse_space(&[]);
    world.servers.wait("all serve again", |servers| servers.all_serve(&[0, 1, 2]));
    let said = take_said();
    assert!(said.contains("is written to /data/snap.spool"), "{said}");
    assert_eq!(world.servers.state(lacking), world.servers.state(leader));
}

/// The log has everything, and goes on.
#[test]
fn a_snapshot_that_cannot_be_written_is_told_once_and_holds_nobody_up() {
    let mut world = World::new();
    let leader = world.leader();
    let full = (leader + 1) % 3;
    (0..3).for_each(|place| world.disk_of(place).refuse_space(&["/snapshot."]));
    world.write(leader, 400);
    let said = take_said();
    assert_eq!(said.matches("the snapshot could not be written").count(), 3, "{said}");
    assert!(said.contains("free space"), "{said}");
    world.servers.end(full);
    (0..3).for_each(|place| world.disk_of(place).refuse_space(&[]));
    world.servers.start(full).unwrap();
    world.servers.wait("all serve", |servers| servers.all_serve(&[0, 1, 2]));
    world.write(leader, 80);
    assert!(take_said().contains("snapshot written"));
    world.servers.wait("all have the same", |servers| servers.state(full) == servers.state(leader));
    for (path, data) in &world.acknowledged {
        assert_eq!(world.servers.data(full, path).as_ref(), Some(data), "{path} was acknowledged");
    }
}

/// Who belongs to the ensemble is in no log before it is in its file, and a server that has no room for that holds nobody up.
#[test]
fn a_change_of_the_ensemble_is_kept_when_there_is_room() {
    for is_leader in [false, true] {
        listen();
        let mut servers = Servers::of(13, &["participant", "participant", "participant", "observer"], None);
        servers.allow_changes();
        let places = servers.places();
        places.iter().for_each(|place| servers.start(*place).unwrap());
        servers.wait("all serve", |servers| servers.all_serve(&places));
        let leader = servers.leader().expect("they serve");
        let full = if is_leader { leader } else { (leader + 1) % 3 };
        let other = (leader + 2) % 3;
        take_said();
        servers.server(full).disk.refuse_space(&["/conf/"]);
        let slot = servers.connect(other);
        let told = servers.ask(other, slot, &without(4));
        assert!(
            matches!(told, Some(Told::Reply { code: 0, .. })),
            "the others are a quorum: {told:?}\n{}",
            take_said()
        );
        servers.pass(LONG);
        let said = take_said();
        assert_eq!(servers.ended(full), None, "it waits for space\n{said}");
        assert_eq!(said.matches("zoo.cfg.dynamic.next: No space left").count(), 1, "it is told once\n{said}");
        assert!(said.contains("free space"), "{said}");
        servers.server(full).disk.refuse_space(&[]);
        servers.wait("the voters serve", |servers| servers.all_serve(&[0, 1, 2]));
        let slot = servers.connect(full);
        servers.create(full, slot, "/behind", b"");
        servers.wait("all have the same", |servers| (1..3).all(|place| servers.state(place) == servers.state(0)));
        assert!(take_said().contains(SPACE), "it is told that it is over");
        servers.end(full);
        servers.start(full).unwrap();
        let members = servers.members(full);
        assert!(
            !members.contains("server.4") && members.contains("server.3"),
            "a start knows of the change: {members}"
        );
    }
}

/// A server is to leave the ensemble.
fn without(id: i64) -> Asked {
    let mut body = Vec::new();
    body.put_i32(-1);
    body.put_string(&id.to_string());
    body.put_i32(-1);
    body.put_i64(-1);
    Asked::Request { xid: 1, opcode: opcode::RECONFIG, body }
}
