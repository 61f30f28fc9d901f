//! Servers on a simulated network, and others that send what they like.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use paddock_consensus::config::{Config, Configs, HostPort};
use paddock_consensus::input::Event;
use paddock_consensus::notification::{Format, Notification, ServerState};
use paddock_consensus::settings::Ms;
use paddock_consensus::vote::Vote;
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::io::simulated::Seeded;

use super::{ElectionPort, Told, UNKNOWN_LINKS, Waits};
use crate::node::peers::dial::{NEXT_STREAM, STREAMS_MAX};
use crate::node::peers::links::{Links, Port, Read, StreamEvent, StreamId, Written};
use crate::node::peers::simulated::{Dials, HostId, HostLinks, Network, Ports, Route};

const WAITS: Waits = Waits { greeting: Ms(5000), attempt: Ms(5000) };
const PORTS: Ports = Ports { election: 3888, quorum: 2888 };

struct World {
    network: Network,
    servers: BTreeMap<i64, Server>,
}

struct Server {
    host: HostId,
    links: HostLinks,
    port: ElectionPort,
    configs: Configs,
    told: Vec<Told>,
}

/// Of servers 1 to 3, on hosts of their names.
fn configs() -> Configs {
    let lines: Vec<String> = (1..=3).map(|id| format!("server.{id}=host{id}:2888:3888:participant")).collect();
    Configs::settled(Arc::new(Config::parse(&format!("{}\nversion=100000000", lines.join("\n"))).unwrap()))
}

fn election_address(id: i64) -> HostPort {
    HostPort { host: format!("host{id}").into(), port: 3888 }
}

fn vote(leader: i64) -> Notification {
    Notification {
        state: ServerState::Looking,
        vote: Vote { leader: ServerId(leader), zxid: Zxid(7), peer_epoch: 1 },
        round: 4,
        format: Format::Versioned,
    }
}

impl World {
    /// Hosts for four servers, of which these run.
    fn new(seed: u64, ids: &[i64]) -> World {
        let network = Network::new(Box::new(Seeded::new(seed)));
        (1..=4).for_each(|id| {
            network.add(&format!("host{id}"), PORTS);
        });
        let mut world = World { network, servers: BTreeMap::new() };
        ids.iter().for_each(|id| world.start(*id));
        world
    }

    fn start(&mut self, id: i64) {
        self.start_on(HostId(usize::try_from(id).unwrap() - 1), id);
    }

    fn start_on(&mut self, host: HostId, id: i64) {
        let mut links = HostLinks::begin(&self.network, host);
        links.listen(Port::Election, true);
        let port = ElectionPort::new(ServerId(id), &[election_address(id)], WAITS).unwrap();
        self.servers.insert(id, Server { host, links, port, configs: configs(), told: Vec::new() });
    }

    fn now(&self) -> Ms {
        Ms(self.network.now().as_millis() as u64)
    }

    fn dial(&mut self, from: i64, to: i64) {
        let now = self.now();
        let server = self.servers.get_mut(&from).unwrap();
        server.port.dial(ServerId(to), &server.configs, &mut server.links, now);
    }

    fn notify(&mut self, from: i64, to: i64, notification: Notification) {
        let server = self.servers.get_mut(&from).unwrap();
        server.port.notify(ServerId(to), notification, &server.configs, &mut server.links);
    }

    /// Each server takes a turn for as long as something is under way.
    fn settle(&mut self) {
        loop {
            self.turns();
            if self.servers.values().any(|server| self.network.has_event(server.host)) {
                continue;
            }
            let Some(due) = self.network.next() else { return };
            self.network.advance(due);
        }
    }

    fn turns(&mut self) {
        let now = self.now();
        for server in self.servers.values_mut() {
            server.turn(now);
            while server.port.has_more() {
                server.turn(now);
            }
        }
    }

    /// So long passes.
    fn pass(&mut self, wait: Ms) {
        self.network.advance(self.network.now() + Duration::from_millis(wait.0));
        self.turns();
    }

    /// So long passes, in short steps.
    fn live(&mut self, wait: Ms) {
        let end = self.now().after(wait);
        while self.now() < end {
            self.pass(Ms(10));
        }
    }

    fn set_dials(&self, from: i64, to: i64, dials: Dials) {
        self.set_way(from, self.servers[&to].host, |route| route.dials = dials);
    }

    fn set_way(&self, from: i64, to: HostId, change: impl FnOnce(&mut Route)) {
        self.network.set_route(self.servers[&from].host, to, change);
    }

    /// What a server was told since the last call.
    fn told(&mut self, id: i64) -> Vec<Told> {
        std::mem::take(&mut self.servers.get_mut(&id).unwrap().told)
    }

    /// Somebody on host 4 who listens there, where server 1 now has server 3.
    fn stranger_as_server_3(&mut self) -> Stranger {
        let mut stranger = self.stranger();
        stranger.links.listen(Port::Election, true);
        let lines = "server.1=host1:2888:3888:participant\nserver.3=host4:2888:3888:participant\nversion=1";
        self.servers.get_mut(&1).unwrap().configs = Configs::settled(Arc::new(Config::parse(lines).unwrap()));
        stranger
    }

    /// Somebody who speaks for himself, on host 4.
    fn stranger(&mut self) -> Stranger {
        Stranger { links: HostLinks::begin(&self.network, HostId(3)) }
    }
}

impl Server {
    fn turn(&mut self, now: Ms) {
        self.port.begin_turn();
        while let Some(event) = self.links.poll() {
            match event {
                StreamEvent::Accepted { stream, from, .. } => {
                    self.port.accept(stream, from, &self.configs, &mut self.links, now);
                }
                event => self.port.on_event(&event, &self.configs, &mut self.links, now),
            }
        }
        while let Some(told) = self.port.next(&self.configs, &mut self.links) {
            self.told.push(told);
        }
        self.port.on_time(&self.configs, &mut self.links, now);
        while let Some(told) = self.port.next(&self.configs, &mut self.links) {
            self.told.push(told);
        }
    }
}

struct Stranger {
    links: HostLinks,
}

impl Stranger {
    /// Connects to a server and sends some bytes.
    fn connect(&mut self, world: &mut World, to: i64, bytes: &[u8]) -> StreamId {
        let stream = self.links.connect(Port::Election, &[election_address(to)], &[]);
        world.settle();
        if !bytes.is_empty() {
            assert_eq!(self.links.write(stream, bytes), Written::Bytes(bytes.len()));
        }
        world.settle();
        stream
    }

    /// What has come, and whether the connection has ended.
    fn read(&mut self, stream: StreamId) -> (Vec<u8>, bool) {
        let (mut all, mut bytes) = (Vec::new(), [0; 4096]);
        loop {
            match self.links.read(stream, &mut bytes) {
                Read::Bytes(count) => all.extend_from_slice(&bytes[..count]),
                Read::Nothing => return (all, false),
                Read::Ended | Read::Broken => return (all, true),
            }
        }
    }
}

fn event(peer: i64, event: Event) -> Told {
    Told::Event { peer: ServerId(peer), event }
}

fn heard(from: i64, notification: Notification) -> Told {
    Told::Notification { from: ServerId(from), notification, config: Some(configs().committed) }
}

fn drained(peer: i64) -> Told {
    Told::Drained { peer: ServerId(peer) }
}

/// The bare initial message of 3.4.
fn bare(id: i64) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

/// An initial message in V1 or V2.
fn versioned(version: i64, id: i64, addresses: &str) -> Vec<u8> {
    let length = (addresses.len() as i32).to_be_bytes();
    [&version.to_be_bytes()[..], &id.to_be_bytes(), &length, addresses.as_bytes()].concat()
}

#[test]
fn the_larger_id_dials_and_the_smaller_one_rings() {
    for piece_max in [1, 7, 65536] {
        let mut world = World::new(1, &[1, 2]);
        world.network.set_other_routes(|route| route.piece_max = piece_max);
        world.notify(1, 2, vote(1));
        world.notify(2, 1, vote(2));
        world.dial(2, 1);
        world.settle();
        assert_eq!(world.told(1), [event(2, Event::Up), drained(2), heard(2, vote(2))]);
        assert_eq!(world.told(2), [event(1, Event::Up), drained(1), heard(1, vote(1))]);
        let mut world = World::new(1, &[1, 2]);
        world.network.set_other_routes(|route| route.piece_max = piece_max);
        world.notify(1, 2, vote(1));
        world.dial(1, 2);
        world.settle();
        assert_eq!(world.told(1), [event(2, Event::Up), drained(2)]);
        assert_eq!(world.told(2), [event(1, Event::Up), heard(1, vote(1))]);
    }
}

#[test]
fn whoever_dials_at_once_there_is_one_connection_in_the_end() {
    for seed in 0..200 {
        let mut world = World::new(seed, &[1, 2, 3]);
        world.network.set_other_routes(|route| route.latency_max = Duration::from_millis(20));
        for (from, to) in [(1, 2), (2, 1), (3, 1), (1, 3), (2, 3), (3, 2)] {
            world.dial(from, to);
        }
        world.settle();
        (1..=3).for_each(|id| {
            world.told(id);
        });
        for (from, to) in [(1, 2), (2, 3), (3, 1), (1, 3)] {
            world.notify(from, to, vote(from));
            world.settle();
            assert_eq!(world.told(to), [heard(from, vote(from))], "seed {seed}: from {from} to {to}");
            assert_eq!(world.told(from), [drained(to)], "seed {seed}");
        }
        for server in world.servers.values() {
            assert_eq!(server.port.streams.len(), 2, "seed {seed}: one for each of the others");
            assert_eq!(server.port.deadline(), None);
        }
    }
}

#[test]
fn an_attempt_is_answered_once_whatever_becomes_of_it() {
    let mut world = World::new(1, &[1, 3]);
    world.dial(1, 2);
    world.settle();
    assert_eq!(world.told(1), [event(2, Event::Refused)], "nobody listens there");
    let hosts = [1, 3].map(|id| world.servers[&id].host);
    world.network.set_route(hosts[0], hosts[1], |route| route.dials = Dials::Hang);
    world.dial(1, 3);
    world.dial(1, 3);
    world.settle();
    assert_eq!(world.servers[&1].port.deadline(), Some(world.now().after(NEXT_STREAM)));
    world.pass(Ms(5000));
    assert_eq!(world.told(1), [event(3, Event::Refused)], "nothing comes of it");
    world.network.set_route(hosts[0], hosts[1], |route| route.dials = Dials::Work);
    world.network.set_route(hosts[1], hosts[0], |route| route.dials = Dials::Hang);
    world.dial(1, 3);
    world.settle();
    assert_eq!((world.told(1), world.told(3)), (vec![], vec![]), "it has rung");
    world.pass(Ms(5001));
    assert_eq!(world.told(1), [event(3, Event::Refused)], "and was not dialled back");
    assert_eq!(world.told(3), [], "nobody there has asked for a connection");
    world.network.set_route(hosts[1], hosts[0], |route| route.dials = Dials::Work);
    world.dial(1, 3);
    world.settle();
    assert_eq!(world.told(1), [event(3, Event::Up)]);
    world.dial(1, 3);
    world.settle();
    assert_eq!(world.told(1), [event(3, Event::Up)], "there is a connection");
    assert!(world.servers.values().all(|server| server.port.deadline().is_none()));
}

/// A network drops the first packets and heals: what was dialled into it does not hold up the next dial, nor one that is asked
/// for.
#[test]
fn a_second_after_the_network_has_healed_there_is_a_connection() {
    for (rings, cut) in [(false, Ms(0)), (true, Ms(0)), (false, Ms(2500)), (true, Ms(2500)), (false, Ms(3900))] {
        let mut world = World::new(3, &[1, 3]);
        world.set_dials(3, 1, Dials::Hang);
        world.dial(3, 1);
        world.settle();
        world.live(cut);
        world.set_dials(3, 1, Dials::Work);
        if rings {
            world.dial(1, 3);
        }
        world.settle();
        assert_eq!(world.told(3), [], "what was dialled has no answer");
        world.live(NEXT_STREAM);
        world.settle();
        assert_eq!(world.told(3), [event(1, Event::Up)], "after {cut:?}");
        assert_eq!(world.told(1), [event(3, Event::Up)]);
        for server in world.servers.values() {
            assert_eq!((server.port.streams.len(), server.port.deadline()), (1, None), "the others are closed");
        }
    }
}

#[test]
fn a_slow_network_has_its_connection_within_the_time_of_the_attempt() {
    // The other side has still to ring back, which takes as long.
    for (from, to, one_way) in [(3, 1, 1500), (3, 1, 2400), (1, 3, 800)] {
        let mut world = World::new(3, &[1, 3]);
        world.network.set_other_routes(|route| {
            (route.latency_min, route.latency_max) = (Duration::from_millis(one_way), Duration::from_millis(one_way));
        });
        world.dial(from, to);
        world.live(WAITS.attempt);
        assert_eq!(world.told(from), [event(to, Event::Up)], "{one_way} ms");
        world.live(WAITS.attempt);
        world.settle();
        assert_eq!(world.told(to), [event(from, Event::Up)], "{one_way} ms");
        assert_eq!(world.told(from), [], "it is answered once, and the connection stays");
        for server in world.servers.values() {
            assert_eq!((server.port.streams.len(), server.port.deadline()), (1, None), "the others are closed");
        }
    }
}

#[test]
fn an_attempt_has_so_many_streams_and_goes_on_while_one_may_be_connected() {
    let mut world = World::new(1, &[1, 3]);
    world.set_dials(3, 1, Dials::Hang);
    world.dial(3, 1);
    world.live(Ms(4990));
    assert_eq!(world.servers[&3].port.streams.len(), STREAMS_MAX);
    world.live(Ms(10));
    assert_eq!(world.told(3), [event(1, Event::Refused)]);
    assert_eq!((world.servers[&3].port.streams.len(), world.servers[&3].port.deadline()), (0, None));
    // One hangs, one is refused, and the third is connected.
    world.dial(3, 1);
    world.settle();
    world.set_dials(3, 1, Dials::Refused);
    world.live(NEXT_STREAM);
    world.settle();
    assert_eq!((world.told(3), world.servers[&3].port.streams.len()), (vec![], 1));
    world.set_dials(3, 1, Dials::Work);
    world.live(NEXT_STREAM);
    world.settle();
    assert_eq!(world.told(3), [event(1, Event::Up)]);
}

#[test]
fn a_server_that_has_moved_is_dialled_where_it_is_now() {
    let moved = Configs::settled(Arc::new(
        Config::parse("server.1=host2:2888:3888:participant\nserver.3=host3:2888:3888:participant\nversion=1").unwrap(),
    ));
    // The larger id dials, and the smaller one rings.
    for (from, peer) in [(3, 1), (1, 3)] {
        let mut world = World::new(1, &[3]);
        world.start_on(HostId(1), 1);
        world.network.set_route(HostId(2), HostId(0), |route| route.dials = Dials::Hang);
        world.dial(3, 1);
        world.settle();
        // Server 3 hears of the new place while its attempt is under way.
        world.servers.get_mut(&3).unwrap().configs = moved.clone();
        if from == 1 {
            world.dial(1, 3);
        }
        world.live(NEXT_STREAM);
        world.settle();
        assert_eq!(world.told(from), [event(peer, Event::Up)]);
        assert_eq!(world.told(peer), [event(from, Event::Up)]);
    }
}

#[test]
fn a_server_that_rings_anew_is_dialled_where_it_says_it_is_now() {
    let mut world = World::new(1, &[3]);
    let mut stranger = world.stranger();
    stranger.links.listen(Port::Election, true);
    world.network.set_route(HostId(2), HostId(0), |route| route.dials = Dials::Hang);
    stranger.connect(&mut world, 3, &versioned(-65536, 0, "host1:3888"));
    stranger.connect(&mut world, 3, &versioned(-65536, 0, "host4:3888"));
    assert_eq!(world.told(3), []);
    world.live(NEXT_STREAM);
    world.settle();
    assert_eq!(world.told(3), [event(0, Event::Up)]);
}

#[test]
fn this_server_rings_anew_where_another_attempt_is_asked_for() {
    let mut world = World::new(1, &[1, 3]);
    world.set_dials(3, 1, Dials::Hang);
    let mut stranger = world.stranger();
    stranger.links.listen(Port::Election, true);
    world.dial(1, 3);
    world.settle();
    // Server 3 has moved to host 4.
    let lines = "server.1=host1:2888:3888:participant\nserver.3=host4:2888:3888:participant\nversion=1";
    world.servers.get_mut(&1).unwrap().configs = Configs::settled(Arc::new(Config::parse(lines).unwrap()));
    world.dial(1, 3);
    world.settle();
    let Some(StreamEvent::Accepted { stream, .. }) = stranger.links.poll() else { panic!("nobody has rung") };
    assert_eq!(stranger.read(stream), (versioned(-65536, 1, "host1:3888"), false));
    stranger.links.close(stream);
    world.live(WAITS.attempt);
    assert_eq!(world.told(1), [event(3, Event::Refused)], "both are one attempt");
}

#[test]
fn whoever_was_rung_and_has_not_read_who_rings_has_refused() {
    let mut world = World::new(1, &[1]);
    world.stranger_as_server_3();
    world.dial(1, 3);
    world.settle();
    assert_eq!(world.told(1), [], "it has rung");
    // A process that is killed has connections that it was not told of yet.
    world.network.end_process(HostId(3));
    world.settle();
    assert_eq!(world.told(1), [event(3, Event::Refused)]);
    assert_eq!(world.servers[&1].port.deadline(), None);
    // Where another connection is asked for meanwhile, its stream may still come to something.
    let mut stranger = world.stranger();
    stranger.links.listen(Port::Election, true);
    world.dial(1, 3);
    world.settle();
    world.set_way(1, HostId(3), |route| route.is_cut = true);
    world.dial(1, 3);
    world.network.reset(HostId(0), HostId(3));
    world.settle();
    assert_eq!(world.told(1), []);
    world.live(WAITS.attempt);
    assert_eq!(world.told(1), [event(3, Event::Refused)]);
    assert!(world.servers[&1].port.streams.is_empty());
}

/// What was rung in one attempt says nothing of the next one.
#[test]
fn an_attempt_that_is_refused_leaves_no_stream_on_which_this_server_has_rung() {
    let mut world = World::new(1, &[1, 3]);
    world.set_dials(3, 1, Dials::Hang);
    let mut stranger = world.stranger_as_server_3();
    world.dial(1, 3);
    world.settle();
    let Some(StreamEvent::Accepted { stream, .. }) = stranger.links.poll() else { panic!("nobody has rung") };
    world.set_way(1, HostId(3), |route| route.dials = Dials::Refused);
    world.dial(1, 3);
    world.settle();
    assert_eq!(world.told(1), [event(3, Event::Refused)]);
    assert!(world.servers[&1].port.streams.is_empty());
    assert!(stranger.read(stream).1, "it is ended");
}

#[test]
fn whoever_rings_late_in_an_attempt_is_dialled_for_the_whole_time() {
    let mut world = World::new(1, &[1, 3]);
    world.set_dials(3, 1, Dials::Hang);
    world.dial(3, 1);
    world.live(Ms(4900));
    world.dial(1, 3);
    world.live(Ms(4000));
    assert_eq!(world.told(3), [event(1, Event::Refused)], "what was asked for is answered in its time");
    assert_eq!(world.told(1), []);
    world.set_dials(3, 1, Dials::Work);
    world.live(NEXT_STREAM);
    assert_eq!((world.told(3), world.told(1)), (vec![event(1, Event::Up)], vec![event(3, Event::Up)]));
    assert_eq!(world.servers[&3].port.deadline(), None);
    world.network.end_process(world.servers[&1].host);
    world.settle();
    world.told(3);
    world.set_dials(3, 1, Dials::Hang);
    world.dial(3, 1);
    world.live(Ms(11_000));
    assert_eq!(world.told(3), [event(1, Event::Refused)], "where nobody rings it is over then");
}

#[test]
fn an_attempt_that_is_rung_late_is_answered_once_and_one_that_joins_it_has_its_whole_time() {
    let mut world = World::new(1, &[1, 3]);
    world.set_dials(3, 1, Dials::Hang);
    world.dial(3, 1);
    world.live(Ms(4900));
    world.dial(1, 3);
    world.live(Ms(12_000));
    assert_eq!(world.told(3), [event(1, Event::Refused)], "it was asked for once");
    assert_eq!(world.servers[&3].port.deadline(), None);
    world.told(1);
    // Nobody here waits for a server that rings.
    world.dial(1, 3);
    world.live(Ms(4900));
    world.dial(3, 1);
    world.live(Ms(4900));
    assert_eq!(world.told(3), [], "its time is not over");
    world.live(Ms(200));
    assert_eq!(world.told(3), [event(1, Event::Refused)]);
}

#[test]
fn a_server_that_comes_back_is_told_the_last_notification_again() {
    for returning in [1, 3] {
        let mut world = World::new(1, &[1, 3]);
        let other = 4 - returning;
        world.dial(3, 1);
        world.notify(other, returning, vote(7));
        world.settle();
        world.network.end_process(world.servers[&returning].host);
        world.settle();
        world.told(other);
        world.start(returning);
        world.dial(returning, other);
        world.settle();
        assert_eq!(world.told(returning), [event(other, Event::Up), heard(other, vote(7))]);
        assert_eq!(world.told(other), [event(returning, Event::Up), drained(returning)]);
    }
}

#[test]
fn a_server_that_rings_has_no_connection_any_more() {
    let mut world = World::new(1, &[1, 3]);
    world.dial(3, 1);
    world.settle();
    let hosts = [1, 3].map(|id| world.servers[&id].host);
    // Server 3 is not told of the end of the connection before the new process rings.
    world.told(3);
    world.network.set_route(hosts[0], hosts[1], |route| route.is_cut = true);
    world.start(1);
    world.dial(1, 3);
    world.network.set_route(hosts[0], hosts[1], |route| route.is_cut = false);
    world.settle();
    assert_eq!(world.told(3), [event(1, Event::Down), event(1, Event::Up)]);
    assert_eq!(world.told(1), [event(3, Event::Up)]);
}

#[test]
fn the_newest_notification_takes_the_place_of_one_that_is_not_sent() {
    let mut world = World::new(1, &[1, 2]);
    for leader in [1, 2, 3] {
        world.notify(1, 2, vote(leader));
    }
    world.dial(2, 1);
    world.settle();
    assert_eq!(world.told(2), [event(1, Event::Up), heard(1, vote(3))]);
    assert_eq!(world.told(1), [event(2, Event::Up), drained(2)]);
}

#[test]
fn a_peer_that_does_not_read_is_owed_one_frame_and_one_notification() {
    let mut world = World::new(1, &[1]);
    let mut stranger = world.stranger();
    let stream = stranger.connect(&mut world, 1, &versioned(-65536, 3, "host3:3888"));
    for leader in 0..10_000 {
        world.notify(1, 3, vote(leader));
    }
    let drained_frames = world.servers.get_mut(&1).unwrap();
    drained_frames.turn(Ms(1));
    let count = drained_frames.told.iter().filter(|told| **told == drained(3)).count();
    assert!((1000..9000).contains(&count), "{count} were written before the stream was full");
    let mut last = Vec::new();
    loop {
        world.settle();
        let (bytes, has_ended) = stranger.read(stream);
        assert!(!has_ended);
        if bytes.is_empty() {
            break;
        }
        last = bytes;
    }
    let text = configs();
    let length = 48 + text.committed.text().len();
    let leader = &last[last.len() - length + 8..][..8];
    assert_eq!(leader, 9999i64.to_be_bytes(), "the newest came last, whole");
    assert_eq!(world.told(1).last(), Some(&drained(3)));
}

#[test]
fn each_layout_is_understood_from_each_initial_message() {
    let fields = |state: i32| {
        let longs: Vec<u8> = [2i64, 0x5_0000_0003, 9].iter().flat_map(|long| long.to_be_bytes()).collect();
        [&state.to_be_bytes()[..], &longs].concat()
    };
    let frame = |payload: &[u8]| [&(payload.len() as i32).to_be_bytes()[..], payload].concat();
    let vote = Vote { leader: ServerId(2), zxid: Zxid(0x5_0000_0003), peer_epoch: 5 };
    let expected = |state, format| Notification { state, vote, round: 9, format };
    let epoch = 5i64.to_be_bytes();
    let text = configs();
    let text = text.committed.text().as_bytes();
    let newest = [&fields(2)[..], &epoch, &2i32.to_be_bytes(), &(text.len() as i32).to_be_bytes(), text].concat();
    let layouts = [
        (frame(&fields(0)), None, expected(ServerState::Looking, Format::Unversioned)),
        (
            frame(&[&fields(1)[..], &epoch, &1i32.to_be_bytes()].concat()),
            None,
            expected(ServerState::Following, Format::Unversioned),
        ),
        (frame(&newest), Some(configs().committed), expected(ServerState::Leading, Format::Versioned)),
    ];
    for greeting in [bare(3), versioned(-65536, 3, "host3:3888"), versioned(-65535, 3, "host3:3888|0.0.0.0:3888")] {
        for piece_max in [1, 65536] {
            let mut world = World::new(1, &[1]);
            world.network.set_other_routes(|route| route.piece_max = piece_max);
            let mut stranger = world.stranger();
            let all: Vec<u8> = layouts.iter().flat_map(|(frame, ..)| frame.clone()).collect();
            stranger.connect(&mut world, 1, &[&greeting[..], &all].concat());
            let told = world.told(1);
            let mut expected = vec![event(3, Event::Up)];
            expected.extend(layouts.iter().map(|(_, config, notification)| Told::Notification {
                from: ServerId(3),
                notification: *notification,
                config: config.clone(),
            }));
            assert_eq!(told, expected);
        }
    }
}

#[test]
fn what_is_no_notification_is_passed_over_and_what_is_no_frame_ends_the_connection() {
    let mut world = World::new(1, &[1]);
    let mut stranger = world.stranger();
    let stream = stranger.connect(&mut world, 1, &bare(3));
    world.told(1);
    let frame = |payload: &[u8]| [&(payload.len() as i32).to_be_bytes()[..], payload].concat();
    // Short, of an unknown state, with a configuration that is cut short, and with one that is none.
    let mut cut_short = vec![0; 44];
    cut_short[39] = 2;
    cut_short[43] = 9;
    let mut unreadable = vec![0; 44];
    (unreadable[39], unreadable[43]) = (2, 4);
    unreadable.extend_from_slice(b"what");
    for payload in [&[1][..], &[0; 36], &[9; 28], &cut_short] {
        assert_eq!(stranger.links.write(stream, &frame(payload)), Written::Bytes(payload.len() + 4));
    }
    world.settle();
    assert_eq!(world.told(1), []);
    stranger.links.write(stream, &frame(&unreadable));
    world.settle();
    assert!(
        matches!(&world.told(1)[..], [Told::Notification { from: ServerId(3), config: None, .. }]),
        "a vote counts without its configuration"
    );
    for length in [0, -1, 524_289, i32::MAX, i32::MIN] {
        let stream = stranger.connect(&mut world, 1, &[bare(3), length.to_be_bytes().to_vec()].concat());
        assert_eq!(world.told(1).last(), Some(&event(3, Event::Down)), "{length}");
        assert!(stranger.read(stream).1);
    }
    let largest = frame(&[9; 524_288]);
    let stream = stranger.connect(&mut world, 1, &bare(3));
    let mut left = &largest[..];
    while !left.is_empty() {
        let Written::Bytes(count) = stranger.links.write(stream, left) else { panic!("the connection was closed") };
        left = &left[count..];
        world.settle();
    }
    assert_eq!(world.told(1).last(), Some(&event(3, Event::Up)), "the largest frame is passed over too");
    assert!(!stranger.read(stream).1);
}

#[test]
fn whoever_does_not_say_who_it_is_is_closed() {
    let bad = [
        (-1i64).to_be_bytes().to_vec(),
        i64::MIN.to_be_bytes().to_vec(),
        versioned(-65536, 3, ""),
        versioned(-65536, 3, "host3"),
        versioned(-65536, 3, "host3:99999"),
        versioned(-65534, 3, "host3:3888"),
        versioned(-65536, -7, "host3:3888"),
        versioned(-65536, 1, "host1:3888"),
        versioned(-65535, 3, &"x".repeat(2049)),
        b"GET / HTTP/1.1\r\nHost: host1:3888\r\n\r\n".to_vec(),
    ];
    for bytes in bad {
        let mut world = World::new(1, &[1]);
        let mut stranger = world.stranger();
        let stream = stranger.connect(&mut world, 1, &bytes);
        // An HTTP request begins with what would be an id above all others.
        let has_ended = stranger.read(stream).1 || world.told(1).ends_with(&[event(0, Event::Down)]);
        let is_known = world.servers[&1].port.peers.keys().all(|peer| peer.0 > i64::from(u32::MAX));
        assert!(has_ended || is_known, "{:?}", String::from_utf8_lossy(&bytes));
    }
    let mut world = World::new(1, &[1]);
    let mut stranger = world.stranger();
    let whole = versioned(-65536, 3, "host3:3888");
    let silent: Vec<StreamId> =
        (0..whole.len()).map(|length| stranger.connect(&mut world, 1, &whole[..length])).collect();
    world.pass(WAITS.greeting.after(Ms(1)));
    world.settle();
    for stream in silent {
        assert!(stranger.read(stream).1, "its time is over");
    }
    assert!(world.told(1).is_empty() && world.servers[&1].port.streams.is_empty());
}

#[test]
fn strangers_are_answered_and_there_are_not_too_many() {
    let mut world = World::new(1, &[1]);
    let mut stranger = world.stranger();
    let count = UNKNOWN_LINKS as i64 + 6;
    let member = stranger.connect(&mut world, 1, &bare(3));
    let streams: Vec<StreamId> = (0..count).map(|at| stranger.connect(&mut world, 1, &bare(100 + at))).collect();
    let open: Vec<bool> = streams.iter().map(|stream| !stranger.read(*stream).1).collect();
    assert_eq!(open, (0..count).map(|at| at >= 6).collect::<Vec<_>>(), "the oldest had to go");
    assert!(!stranger.read(member).1);
    assert_eq!(world.servers[&1].port.peers.len(), UNKNOWN_LINKS + 1, "whoever is gone left nothing behind");
    world.told(1);
    world.notify(1, 106, vote(1));
    world.notify(1, 99, vote(1));
    world.settle();
    assert_eq!(world.told(1), [drained(106)]);
    assert!(!stranger.read(streams[6]).0.is_empty());
    let silent: Vec<StreamId> = (0..UNKNOWN_LINKS).map(|_| stranger.connect(&mut world, 1, &[])).collect();
    assert!(stranger.read(streams[6]).1 && !stranger.read(member).1 && !stranger.read(silent[0]).1);
}

#[test]
fn strangers_who_cannot_be_dialled_back_crowd_out_nobody_who_is_connected() {
    let mut world = World::new(1, &[]);
    world.start_on(HostId(2), 1000);
    let mut stranger = world.stranger();
    let greetings = |id: i64| versioned(-65536, id, "host4:3888");
    let mut connect = |world: &mut World, id: i64| {
        let stream = stranger.links.connect(Port::Election, &[election_address(3)], &[]);
        world.settle();
        stranger.links.write(stream, &greetings(id));
        world.settle();
        stream
    };
    let connected = connect(&mut world, 2000);
    world.network.set_route(HostId(2), HostId(3), |route| route.dials = Dials::Hang);
    let ringing = UNKNOWN_LINKS as i64 / 2;
    for id in 0..ringing {
        connect(&mut world, 500 + id);
    }
    world.live(Ms(4500));
    assert_eq!(world.servers[&1000].port.streams.len() as i64, 1 + STREAMS_MAX as i64 * ringing);
    connect(&mut world, 3000);
    assert!(!stranger.read(connected).1);
    world.live(Ms(501));
    assert_eq!((world.servers[&1000].port.streams.len(), world.servers[&1000].port.peers.len()), (2, 2));
}

#[test]
fn observers_without_an_id_are_told_apart() {
    let mut world = World::new(1, &[1]);
    let mut stranger = world.stranger();
    let greeting = versioned(-65536, i64::MAX, "host4:3888");
    let streams = [(); 2].map(|()| stranger.connect(&mut world, 1, &greeting));
    assert_eq!(world.told(1), [event(-1, Event::Up), event(-2, Event::Up)]);
    world.notify(1, -2, vote(1));
    world.settle();
    let got = streams.map(|stream| stranger.read(stream));
    assert!(got[0] == (vec![], false) && !got[1].0.is_empty() && !got[1].1);
}

#[test]
fn a_stranger_of_a_smaller_id_is_dialled_where_it_says_it_is() {
    let mut world = World::new(1, &[3]);
    let mut stranger = world.stranger();
    stranger.links.listen(Port::Election, true);
    let ringing = stranger.connect(&mut world, 3, &versioned(-65535, 0, "0.0.0.0:3888|host4:3888"));
    assert!(stranger.read(ringing).1);
    let accepted = loop {
        match stranger.links.poll() {
            Some(StreamEvent::Accepted { stream, .. }) => break stream,
            Some(_) => {}
            None => panic!("it was not dialled back"),
        }
    };
    assert_eq!(world.told(3), [event(0, Event::Up)]);
    let (initial, _) = stranger.read(accepted);
    assert_eq!(initial, versioned(-65536, 3, "host3:3888"));
    // One that cannot be dialled anywhere is let go.
    stranger.connect(&mut world, 3, &bare(2));
    stranger.connect(&mut world, 3, &versioned(-65536, -0, "[::]:3888"));
    world.settle();
    assert_eq!(world.told(3).last(), Some(&event(0, Event::Down)));
}

#[test]
fn no_bytes_whatsoever_do_more_than_end_their_connection() {
    let mut draws = Seeded::new(7);
    let mut world = World::new(1, &[1, 2]);
    world.dial(2, 1);
    world.settle();
    let mut stranger = world.stranger();
    for _ in 0..300 {
        let mut bytes = match draws.draw() % 4 {
            0 => Vec::new(),
            1 => bare((draws.draw() % 6) as i64),
            2 => versioned(-65536, (draws.draw() % 6) as i64, "host4:3888"),
            _ => versioned(-65535, draws.draw() as i64, "host4:3888|nowhere:1"),
        };
        for _ in 0..draws.draw() % 200 {
            // Mostly small numbers, so that lengths are often possible.
            let byte = draws.draw();
            bytes.push(if byte.is_multiple_of(3) { (byte >> 8) as u8 } else { 0 });
        }
        stranger.connect(&mut world, 1, &bytes);
    }
    (1..=2).for_each(|id| {
        world.told(id);
    });
    // Whoever called itself server 2 had its connection; the real one dials again.
    world.dial(2, 1);
    world.settle();
    world.told(1);
    world.notify(2, 1, vote(2));
    world.settle();
    assert_eq!(world.told(1).last(), Some(&heard(2, vote(2))));
}

#[test]
fn another_host_with_the_id_of_a_connected_server_is_noted() {
    let mut world = World::new(1, &[1, 3]);
    let note = |world: &mut World, from: &str| {
        let port = &mut world.servers.get_mut(&1).unwrap().port;
        port.origins.note(ServerId(3), from, true).map(String::from)
    };
    world.dial(3, 1);
    world.settle();
    world.stranger().connect(&mut world, 1, &versioned(-65536, 3, "host4:3888"));
    assert_eq!(note(&mut world, "host3:1").as_deref(), Some("host4"), "that was noted");
    assert_eq!(note(&mut world, "host4:1"), None, "it is told");
}
