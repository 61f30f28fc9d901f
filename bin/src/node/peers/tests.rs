//! Leaders and learners on a simulated network, whose core is the test: it says what to send, and looks at what comes.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use paddock_consensus::config::{Config, Configs, HostPort, PeerType};
use paddock_consensus::input::{Event, Link};
use paddock_consensus::message::{FromLearner, FromMaster, Message};
use paddock_consensus::output::{HaltReason, Part, Reason, Serve};
use paddock_consensus::plan::{First, Plan};
use paddock_consensus::settings::{Features, Ms};
use paddock_consensus::{Epoch, Input, Output, ServerId, Zxid};
use paddock_engine::acl::Id;
use paddock_engine::database::{Database, Rules};
use paddock_engine::io::Files;
use paddock_engine::io::simulated::{FileSystem, Seeded};
use paddock_engine::jute::Write as _;
use paddock_engine::log::{Log, LogConfig};
use paddock_engine::progress::Progress;
use paddock_engine::snapshot::HeldVersion;
use paddock_engine::tree::HashSeed;
use paddock_engine::zookeeper::{InputArchive, stream};
use paddock_net::peer::forwarded_request::ForwardedRequest;
use paddock_net::peer::packet::Packet;
use paddock_net::peer::packet_type::PacketType;
use paddock_net::peer::revalidation::{Revalidation, RevalidationAnswer};
use paddock_net::peer::touches::Touch;

use super::election_port::{ElectionPort, Waits};
use super::historian::Historian;
use super::link::{LINK_OUT_BYTES, REQUEST_BYTES};
use super::links::{Links, Port, Read, StreamEvent, StreamId, Written};
use super::quorum_port::{QuorumPort, QuorumSettings};
use super::simulated::{Dials, HostId, HostLinks, Network, OBSERVER_MASTER_PORT, Ports};
use super::spool::Spooler;
use super::strangers::UNKNOWN_LINKS;
use super::{Arrival, Peers, Records};
use crate::node::replica::window::Window;
use crate::node::snapshotter::DrivenBy;

const PORTS: Ports = Ports { election: 3888, quorum: 2888 };
const DATA_MAX: usize = 2 << 20;
const TXN_MAX: usize = DATA_MAX - 1;
const E: i64 = 1 << 32;

/// Servers 1 to 3, and 4 as an observer, on hosts of their names; whoever speaks for himself is on host 5.
struct World {
    network: Network,
    servers: BTreeMap<i64, Server>,
}

struct Server {
    host: HostId,
    peers: Peers,
    window: Window,
    log: Log,
    /// What has come, as it is printed.
    seen: Vec<String>,
    /// The transactions that have come.
    txns: Vec<(i64, Vec<u8>)>,
    /// The bytes of a state that have come.
    state: Vec<u8>,
    /// The sessions of a state that has come whole.
    taken: Option<Vec<(i64, i32)>>,
    /// How many bytes of a state are taken before it is paused.
    state_room: usize,
}

fn configs() -> Configs {
    let line = |id: i64, role: &str| format!("server.{id}=host{id}:2888:3888:{role}\n");
    let participants: String = (1..=3).map(|id| line(id, "participant")).collect();
    Configs::settled(Arc::new(Config::parse(&format!("{participants}{}version=0", line(4, "observer"))).unwrap()))
}

/// A transaction as it stands in the log.
fn txn(zxid: i64, body: usize) -> Vec<u8> {
    let mut txn = Vec::new();
    txn.put_i64(77);
    txn.put_i32(5);
    txn.put_i64(zxid);
    txn.put_i64(1_700_000_000_000);
    txn.put_i32(5);
    txn.extend((0..body).map(|at| (zxid as usize * 7 + at) as u8));
    txn
}

fn printed(input: Input<'_>) -> String {
    format!("{input:?}")
}

fn from_master(link: u32, message: FromMaster<'_>) -> String {
    printed(Input::FromMaster { link: Link(link), message })
}

fn from_learner(link: u32, message: FromLearner) -> String {
    printed(Input::FromLearner { link: Link(link), message })
}

impl World {
    fn new(seed: u64, ids: &[i64]) -> World {
        let features: Vec<(i64, Features)> = ids.iter().map(|id| (*id, Features(0))).collect();
        World::with_features(seed, &features)
    }

    fn with_features(seed: u64, servers: &[(i64, Features)]) -> World {
        let network = Network::new(Box::new(Seeded::new(seed)));
        (1..=5).for_each(|id| {
            network.add(&format!("host{id}"), PORTS);
        });
        let mut world = World { network, servers: BTreeMap::new() };
        for (id, features) in servers {
            let server = Server::new(&world.network, *id, *features);
            world.servers.insert(*id, server);
        }
        world
    }

    fn now(&self) -> Ms {
        Ms(self.network.now().as_millis() as u64)
    }

    fn server(&mut self, id: i64) -> &mut Server {
        self.servers.get_mut(&id).unwrap()
    }

    fn perform(&mut self, id: i64, output: Output) -> Option<Output> {
        let now = self.now();
        self.server(id).perform(output, now)
    }

    fn turns(&mut self) {
        let now = self.now();
        for server in self.servers.values_mut() {
            while server.turn(now) {}
        }
    }

    /// Turns are taken until nothing is under way.
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

    fn pass(&mut self, wait: u64) {
        self.network.advance(self.network.now() + Duration::from_millis(wait));
        self.settle();
    }

    /// So long passes, in short steps.
    fn live(&mut self, wait: u64) {
        let end = self.now().after(Ms(wait));
        while self.now() < end {
            self.network.advance(self.network.now() + Duration::from_millis(10));
            self.turns();
        }
    }

    fn seen(&mut self, id: i64) -> Vec<String> {
        std::mem::take(&mut self.server(id).seen)
    }

    fn stranger(&self) -> Stranger {
        Stranger { links: HostLinks::begin(&self.network, HostId(4)) }
    }

    /// Server 1 leads, and this one has connected to it and said who it is. Returns the leader's number of the link.
    fn connect(&mut self, learner: i64) -> Link {
        self.perform(1, Output::Listen(true));
        self.perform(learner, Output::Connect(ServerId(1)));
        // A learner that has only just dialled this leader waits a while before it does so again.
        self.pass(100);
        let peer_type = if learner == 4 { PeerType::Observer } else { PeerType::Participant };
        let link = self.server(learner).last_link();
        let info = Message::Info { peer_type, accepted: Epoch(1), config_version: Zxid(0) };
        self.perform(learner, Output::Send(link, info));
        self.settle();
        let link = self.server(1).last_link();
        self.seen(1);
        self.seen(learner);
        link
    }

    /// The learner has what the leader has, and is sent what all are.
    fn synchronise(&mut self, link: Link, plan: Plan) {
        self.perform(1, Output::Sync(link, plan));
        self.settle();
        assert_eq!(self.seen(1), [printed(Input::CaughtUp { link })]);
        self.perform(1, Output::Join(link));
        self.settle();
    }

    /// The leader proposes transactions, without the log.
    fn propose(&mut self, zxids: std::ops::RangeInclusive<i64>, body: usize) {
        let leader = self.server(1);
        for zxid in zxids {
            let txn = txn(zxid, body);
            leader.window.push(Zxid(zxid), &txn);
            leader.peers.propose(Zxid(zxid), &txn);
        }
    }

    fn commit(&mut self, zxid: i64) {
        assert!(self.perform(1, Output::Commit(Zxid(zxid))).is_some());
        self.server(1).window.commit(Zxid(zxid));
    }
}

impl Server {
    fn new(network: &Network, id: i64, features: Features) -> Server {
        let host = HostId(usize::try_from(id).unwrap() - 1);
        let address = [HostPort { host: format!("host{id}").into(), port: 3888 }];
        let waits = Waits { greeting: Ms(1000), attempt: Ms(1000) };
        let election = ElectionPort::new(ServerId(id), &address, waits).unwrap();
        let settings = QuorumSettings {
            observer_master_port: OBSERVER_MASTER_PORT,
            me: ServerId(id),
            features,
            data_max: DATA_MAX,
            txn_max: TXN_MAX,
            attempt: Ms(5000),
            introduction: Ms(5000),
            standstill: Ms(5000),
        };
        let files = Files::Simulated(FileSystem::new(1));
        files.create_dir(Path::new("/data")).unwrap();
        let config = LogConfig { files: files.clone(), segment_bytes: 1 << 20, ..LogConfig::new("/data") };
        let (log, _) = Log::open(config, Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
        let historian = Historian::start(DrivenBy::Caller).unwrap();
        let spooler = Spooler::new(files, Path::new("/data"), DrivenBy::Caller);
        let quorum = QuorumPort::new(settings, historian, spooler);
        let links = Box::new(HostLinks::begin(network, host));
        Server {
            host,
            peers: Peers::new(links, configs(), election, quorum),
            window: Window::new(Zxid::ZERO, 500),
            log,
            seen: Vec::new(),
            txns: Vec::new(),
            state: Vec::new(),
            taken: None,
            state_room: usize::MAX,
        }
    }

    fn perform(&mut self, output: Output, now: Ms) -> Option<Output> {
        self.peers.perform(output, Records { window: &self.window, log: &self.log }, now)
    }

    /// Whether another one is to follow at once.
    fn turn(&mut self, now: Ms) -> bool {
        self.peers.begin_turn(now).unwrap();
        while let Some(arrival) = self.peers.next_arrival() {
            if let Arrival::State(bytes) = &arrival {
                self.state.extend_from_slice(bytes);
                self.take_state();
                continue;
            }
            self.seen.push(match arrival.input() {
                Some(input) if !matches!(arrival, Arrival::Pong { .. }) => printed(input),
                _ => format!("{arrival:?}"),
            });
            if let Arrival::Input(Input::FromMaster { message: FromMaster::Snap(zxid), .. }) = arrival {
                self.perform(Output::Replace(zxid), now);
                continue;
            }
            let Arrival::Input(Input::FromMaster { message, .. }) = arrival else { continue };
            if let FromMaster::Proposal { zxid, .. } | FromMaster::Inform { zxid } = message {
                self.txns.push((zxid.0, self.peers.txn_at_hand().to_vec()));
            }
        }
        self.peers.end_turn(Records { window: &self.window, log: &self.log });
        let mut has_worked = self.peers.quorum().spooler().work() == Progress::More;
        while self.peers.quorum().historian().work() == Progress::More {
            has_worked = true;
        }
        has_worked || self.peers.has_more()
    }

    /// Looks whether the state has come whole.
    fn take_state(&mut self) {
        let mut archive = InputArchive::new(BufReader::with_capacity(1, &self.state[..]), DATA_MAX);
        let rules = Rules::default();
        let Ok(content) = stream::read(&mut archive, Zxid(5), HashSeed([7; 16]), rules) else { return self.pause() };
        if stream::read_signature(&mut archive).is_err() {
            return self.pause();
        }
        self.peers.end_state(self.state.len() - usize::try_from(archive.offset()).unwrap());
        self.taken = Some(content.database.sessions().collect());
    }

    fn pause(&mut self) {
        self.peers.pause(self.state.len() >= self.state_room);
    }

    /// Has a state written that stands at this transaction.
    fn spool(&mut self, held: &mut Database, zxid: i64) {
        let sessions = vec![(9, 4000), (10, 5000)];
        let version = HeldVersion { pin: held.tree_mut().pin().unwrap(), zxid: Zxid(zxid), sessions };
        let hold = self.log.hold(Zxid(zxid));
        self.peers.quorum().spooler().begin(version, hold);
    }

    fn last_link(&mut self) -> Link {
        self.peers.quorum().newest_link()
    }

    /// Transactions that are durable and committed. The window keeps the newest.
    fn fill(&mut self, zxids: std::ops::RangeInclusive<i64>, body: usize) {
        for zxid in zxids {
            let txn = txn(zxid, body);
            self.log.append(Zxid(zxid), |out| out.extend_from_slice(&txn));
            self.window.push(Zxid(zxid), &txn);
            self.window.commit(Zxid(zxid));
            if self.log.filling_bytes() > 200_000 {
                self.log.fence_durably().unwrap();
            }
        }
        self.log.fence_durably().unwrap();
    }
}

struct Stranger {
    links: HostLinks,
}

impl Stranger {
    fn connect(&mut self, world: &mut World, to: i64) -> StreamId {
        let stream =
            self.links.connect(Port::Election, &[HostPort { host: format!("host{to}").into(), port: 2888 }], &[]);
        world.settle();
        stream
    }

    /// Sends bytes, and lets things settle.
    fn send(&mut self, world: &mut World, stream: StreamId, bytes: &[u8]) {
        let mut left = bytes;
        while !left.is_empty() {
            match self.links.write(stream, left) {
                Written::Bytes(count) => left = &left[count..],
                Written::Ended => return,
            }
            world.settle();
        }
        world.settle();
    }

    fn read(&mut self, stream: StreamId) -> (Vec<u8>, bool) {
        let (mut all, mut bytes) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            match self.links.read(stream, &mut bytes) {
                Read::Bytes(count) => all.extend_from_slice(&bytes[..count]),
                Read::Nothing => return (all, false),
                Read::Ended | Read::Broken => return (all, true),
            }
        }
    }

    /// Whom this one has accepted.
    fn accepted(&mut self) -> StreamId {
        loop {
            match self.links.poll().expect("somebody has connected") {
                StreamEvent::Accepted { stream, .. } => return stream,
                _ => continue,
            }
        }
    }
}

/// Bytes as they are written in a document.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn packet(packet_type: PacketType, zxid: i64, data: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    Packet { packet_type, zxid: Zxid(zxid), data, authinfo: None }.write(&mut bytes);
    bytes
}

/// Type, zxid and length of the data of each packet.
fn packets(bytes: &[u8]) -> Vec<(PacketType, i64, usize)> {
    let (mut left, mut packets) = (bytes, Vec::new());
    while let Ok((packet, length)) = Packet::read(left, DATA_MAX) {
        packets.push((packet.packet_type, packet.zxid.0, packet.data.map_or(0, <[u8]>::len)));
        left = &left[length..];
    }
    assert!(left.is_empty(), "only whole packets were sent");
    packets
}

const FOLLOWER_INFO: &str = "0000000b 0000000400000000 00000014 0000000000000002 00010000 0000000000000000 ffffffff";
const LEADER_INFO: &str = "00000011 0000000500000000 00000004 00010000 ffffffff";
const ACK_EPOCH: &str = "00000012 0000000400000007 00000004 00000004 ffffffff";
const UP_TO_DATE: &str = "0000000c ffffffffffffffff ffffffff ffffffff";

#[test]
fn a_learner_speaks_with_a_leader_as_zookeeper_does() {
    for piece_max in [1, 5, 65536] {
        let mut world = World::new(1, &[2]);
        world.network.set_other_routes(|route| route.piece_max = piece_max);
        let mut leader = world.stranger();
        leader.links.listen(Port::Quorum, true);
        // Server 1 is where the stranger is.
        let lines = "server.1=host5:2888:3888:participant\nserver.2=host2:2888:3888:participant\nversion=0";
        let moved = Arc::new(Config::parse(lines).unwrap());
        world.server(2).peers.set_configs(Configs::settled(moved.clone()));
        world.perform(2, Output::Connect(ServerId(1)));
        world.settle();
        assert_eq!(world.seen(2), [printed(Input::MasterUp { link: Link(1) })]);
        let stream = leader.accepted();
        let info = Message::Info { peer_type: PeerType::Participant, accepted: Epoch(4), config_version: Zxid(0) };
        world.perform(2, Output::Send(Link(1), info));
        world.settle();
        assert_eq!(leader.read(stream), (hex(FOLLOWER_INFO), false));
        leader.send(&mut world, stream, &hex(LEADER_INFO));
        let told = FromMaster::LeaderInfo { epoch: Epoch(5), features: Features(0) };
        assert_eq!(world.seen(2), [from_master(1, told)]);
        let answer = Message::AckEpoch { current: Some(Epoch(4)), last: Zxid(0x4_0000_0007) };
        world.perform(2, Output::Send(Link(1), answer));
        world.settle();
        assert_eq!(leader.read(stream), (hex(ACK_EPOCH), false));
        let (first, second) = (txn(0x4_0000_0008, 3), txn(0x5_0000_0001, 40));
        let conversation = [
            packet(PacketType::Diff, 0x4_0000_0008, None),
            packet(PacketType::Proposal, 0x4_0000_0008, Some(&first)),
            packet(PacketType::Commit, 0x4_0000_0008, None),
            packet(PacketType::Unknown(25), 9, Some(b"nobody knows it")),
            packet(PacketType::NewLeader, 0x5_0000_0000, Some(moved.text().as_bytes())),
            packet(PacketType::Proposal, 0x5_0000_0001, Some(&second)),
            hex(UP_TO_DATE),
            packet(PacketType::Ping, 0x5_0000_0001, None),
            packet(PacketType::Sync, 0, None),
            packet(PacketType::Revalidate, -1, Some(&[0, 0, 0, 0, 0, 0, 0, 9, 1])),
        ];
        leader.send(&mut world, stream, &conversation.concat());
        let answer = RevalidationAnswer { session: 9, is_valid: true };
        let expected = [
            from_master(1, FromMaster::Diff(Zxid(0x4_0000_0008))),
            from_master(1, FromMaster::Proposal { zxid: Zxid(0x4_0000_0008), change: None }),
            from_master(1, FromMaster::Commit(Zxid(0x4_0000_0008))),
            from_master(1, FromMaster::NewLeader { epoch: Epoch(5), config: Some(&moved) }),
            from_master(1, FromMaster::Proposal { zxid: Zxid(0x5_0000_0001), change: None }),
            from_master(1, FromMaster::UpToDate),
            from_master(1, FromMaster::Ping),
            format!("{:?}", Arrival::SyncAnswer),
            format!("{:?}", Arrival::RevalidationAnswer(answer)),
        ];
        assert_eq!(world.seen(2), expected);
        assert_eq!(world.server(2).txns, [(0x4_0000_0008, first), (0x5_0000_0001, second)]);
        let acks = Message::Ack { first: Zxid(0x5_0000_0001), last: Zxid(0x5_0000_0003) };
        world.perform(2, Output::Send(Link(1), Message::AckNewLeader { epoch: Epoch(5) }));
        world.perform(2, Output::Send(Link(1), acks));
        assert!(world.perform(2, Output::Send(Link(1), Message::Pong)).is_some(), "it needs sessions");
        let server = world.server(2);
        let records = Records { window: &server.window, log: &server.log };
        server.peers.pong(Link(1), &[Touch { session: 9, timeout: 4000 }], records);
        let request = ForwardedRequest { session: 9, cxid: 3, opcode: 5, body: b"body" };
        assert!(server.peers.forward(request, &[Id { scheme: "ip".into(), id: "::1".into() }]));
        assert!(server.peers.revalidate(Revalidation { session: 9, timeout: 4000 }));
        world.settle();
        let expected = [
            hex("00000003 0000000500000000 ffffffff ffffffff"),
            hex("00000003 0000000500000001 ffffffff ffffffff"),
            hex("00000003 0000000500000002 ffffffff ffffffff"),
            hex("00000003 0000000500000003 ffffffff ffffffff"),
            hex("00000005 0000000500000001 0000000c 0000000000000009 00000fa0 ffffffff"),
            hex("00000001 ffffffffffffffff 00000014 0000000000000009 00000003 00000005 626f6479"),
            hex("00000001 00000002 6970 00000003 3a3a31"),
            hex("00000006 ffffffffffffffff 0000000c 0000000000000009 00000fa0 ffffffff"),
        ];
        assert_eq!(leader.read(stream), (expected.concat(), false));
        leader.links.close(stream);
        world.settle();
        assert_eq!(world.seen(2), [printed(Input::MasterDown { link: Link(1) })]);
        assert!(!world.server(2).peers.revalidate(Revalidation { session: 9, timeout: 4000 }));
    }
}

#[test]
fn a_learner_leaves_a_leader_whose_transactions_it_cannot_keep() {
    let mut world = World::new(1, &[1, 2]);
    let longest = TXN_MAX - txn(0, 0).len();
    for is_left in [true, false] {
        let link = world.connect(2);
        let learner = world.server(2).last_link();
        world.synchronise(link, Plan { first: First::Diff(Zxid::ZERO), from: Zxid::ZERO });
        world.seen(2);
        if is_left {
            world.server(2).peers.leave_leader();
        } else {
            world.propose(1..=1, longest);
            world.settle();
            let proposal = FromMaster::Proposal { zxid: Zxid(1), change: None };
            assert_eq!(world.seen(2), [printed(Input::FromMaster { link: learner, message: proposal })]);
            // It is longer than the log takes.
            world.propose(2..=2, longest + 1);
        }
        world.settle();
        assert_eq!(world.seen(2), [printed(Input::MasterDown { link: learner })]);
        world.seen(1);
    }
}

#[test]
fn a_leader_speaks_with_a_learner_as_zookeeper_does() {
    for piece_max in [1, 5, 65536] {
        let mut world = World::new(1, &[1]);
        world.network.set_other_routes(|route| route.piece_max = piece_max);
        world.perform(1, Output::Listen(true));
        world.server(1).fill(E + 1..=E + 3, 10);
        let mut learner = world.stranger();
        let stream = learner.connect(&mut world, 1);
        assert!(world.seen(1).is_empty(), "nobody knows who it is");
        learner.send(&mut world, stream, &hex(FOLLOWER_INFO));
        let info = FromLearner::Info {
            peer_type: PeerType::Participant,
            server: Some(ServerId(2)),
            accepted: Epoch(4),
            config_version: Zxid(0),
            features: Features(0),
        };
        let link = Link(1);
        assert_eq!(world.seen(1), [printed(Input::LearnerUp { link }), from_learner(1, info)]);
        world.perform(1, Output::Send(link, Message::LeaderInfo { epoch: Epoch(5) }));
        world.settle();
        assert_eq!(learner.read(stream), (hex(LEADER_INFO), false));
        learner.send(&mut world, stream, &hex(ACK_EPOCH));
        let answer = FromLearner::AckEpoch { current: Some(Epoch(4)), last: Zxid(0x4_0000_0007) };
        assert_eq!(world.seen(1), [from_learner(1, answer)]);
        // What was proposed in the reign before this learner came, of which one is committed.
        world.propose(E + 4..=E + 6, 10);
        world.commit(E + 4);
        world.synchronise(link, Plan { first: First::Diff(Zxid(E + 3)), from: Zxid(E + 1) });
        let config = configs().committed;
        world.perform(1, Output::Send(link, Message::NewLeader { epoch: Epoch(5), config: config.clone() }));
        world.propose(E + 7..=E + 7, 10);
        world.perform(1, Output::Send(link, Message::UpToDate));
        world.commit(E + 5);
        world.server(1).peers.answer_sync(link);
        world.server(1).peers.answer_revalidation(link, RevalidationAnswer { session: 9, is_valid: false });
        world.perform(1, Output::Send(link, Message::Ping));
        world.settle();
        let (proposal, commit) = (txn(0, 10).len(), PacketType::Commit);
        let expected = [
            (PacketType::Diff, E + 3, 0),
            (PacketType::Proposal, E + 2, proposal),
            (commit, E + 2, 0),
            (PacketType::Proposal, E + 3, proposal),
            (commit, E + 3, 0),
            (PacketType::Proposal, E + 4, proposal),
            (commit, E + 4, 0),
            (PacketType::Proposal, E + 5, proposal),
            (PacketType::Proposal, E + 6, proposal),
            (PacketType::NewLeader, 5 << 32, config.text().len()),
            (PacketType::Proposal, E + 7, proposal),
            (PacketType::UpToDate, -1, 0),
            (commit, E + 5, 0),
            (PacketType::Sync, 0, 0),
            (PacketType::Revalidate, -1, 9),
            (PacketType::Ping, E + 7, 0),
        ];
        assert_eq!(packets(&learner.read(stream).0), expected);
        let touches = hex("00000005 0000000100000007 0000000c 0000000000000009 00000fa0 ffffffff");
        let request = hex("00000001 ffffffffffffffff 00000014 0000000000000009 00000003 00000005 626f6479
             00000001 00000002 6970 00000003 3a3a31");
        let revalidation = hex("00000006 ffffffffffffffff 0000000c 0000000000000009 00000fa0 ffffffff");
        let ack = packet(PacketType::Ack, E + 6, None);
        learner.send(&mut world, stream, &[touches, request, revalidation, ack].concat());
        let seen = world.seen(1);
        assert!(
            seen[0].starts_with("Pong { link: Link(1)") && seen[1].starts_with("Request { link: Link(1)"),
            "{seen:?}"
        );
        assert!(seen[1].contains("session: 9, cxid: 3, opcode: 5, body: [98, 111, 100, 121]"), "{seen:?}");
        let revalidation = Revalidation { session: 9, timeout: 4000 };
        assert_eq!(
            seen[2..],
            [
                format!("{:?}", Arrival::Revalidation { link, revalidation }),
                from_learner(1, FromLearner::Ack(Zxid(E + 6))),
            ]
        );
    }
}

#[test]
fn what_comes_of_a_history_is_what_the_log_holds() {
    for (seed, piece_max, body) in [(1, 65536, 2000), (2, 700, 100), (3, 65536, 1_100_000), (4, 65536, 0)] {
        let mut world = World::new(seed, &[1, 2]);
        world.network.set_other_routes(|route| {
            route.piece_max = piece_max;
            route.latency_max = Duration::from_millis(3);
        });
        // More than the window keeps, so that the log has to give the rest.
        let last = if body > 1_000_000 { 90 } else { 1200 };
        world.server(1).fill(1..=last, body);
        let in_window = world.server(1).window.range(Zxid(3), Zxid(last)).is_some();
        assert!(!in_window, "the window keeps too much");
        let link = world.connect(2);
        world.synchronise(link, Plan { first: First::Trunc(Zxid(3)), from: Zxid(3) });
        world.propose(E + 1..=E + 5, 20);
        world.commit(E + 4);
        world.settle();
        let history = (4..=last).map(|zxid| (zxid, txn(zxid, body)));
        let expected: Vec<_> = history.chain((E + 1..=E + 5).map(|zxid| (zxid, txn(zxid, 20)))).collect();
        let learner = world.server(2);
        assert!(learner.txns == expected, "{} transactions of {} have come", learner.txns.len(), expected.len());
        let mut messages = vec![from_master(1, FromMaster::Trunc(Zxid(3)))];
        for zxid in 4..=last {
            messages.push(from_master(1, FromMaster::Proposal { zxid: Zxid(zxid), change: None }));
            messages.push(from_master(1, FromMaster::Commit(Zxid(zxid))));
        }
        assert_eq!(world.seen(2)[..messages.len()], messages);
    }
}

#[test]
fn a_learner_catches_up_while_its_leader_goes_on() {
    for seed in 0..20 {
        let mut world = World::new(seed, &[1, 2, 3]);
        world.network.set_other_routes(|route| route.latency_max = Duration::from_millis(2));
        world.server(1).fill(1..=700, 1000);
        let (link, other) = (world.connect(2), world.connect(3));
        world.synchronise(other, Plan { first: First::Diff(Zxid(700)), from: Zxid(700) });
        world.perform(1, Output::Sync(link, Plan { first: First::Diff(Zxid(700)), from: Zxid(20) }));
        let (mut proposed, mut has_joined) = (E, false);
        for _ in 0..400 {
            world.turns();
            if world.seen(1).contains(&printed(Input::CaughtUp { link })) {
                world.perform(1, Output::Join(link));
                has_joined = true;
            }
            proposed += 1;
            world.propose(proposed..=proposed, 300);
            if proposed > E + 3 {
                world.commit(proposed - 3);
            }
            if let Some(due) = world.network.next() {
                world.network.advance(due);
            }
        }
        world.settle();
        assert!(has_joined, "seed {seed}");
        let expected: Vec<i64> = (21..=700).chain(E + 1..=proposed).collect();
        let zxids: Vec<i64> = world.server(2).txns.iter().map(|(zxid, _)| *zxid).collect();
        assert_eq!(zxids, expected, "seed {seed}: without a gap and none twice");
        let commits = |id: i64, world: &mut World| {
            let seen = world.seen(id);
            seen.iter().filter(|seen| seen.contains("Commit(")).count()
        };
        assert_eq!(commits(2, &mut world), 680 + 397, "seed {seed}");
        assert_eq!(world.server(3).txns.len(), 400);
    }
}

#[test]
fn a_commit_stands_for_all_before_it_as_long_as_everybody_who_hears_it_knows_that() {
    let grouped = Features::GROUPED;
    let mut world = World::with_features(1, &[(1, grouped), (2, grouped), (3, Features(0))]);
    let commits = |world: &mut World, id: i64| -> Vec<i64> {
        let seen = world.seen(id);
        let zxid = |zxid: &i64| seen.iter().any(|seen| seen.contains(&format!("Commit({:?})", Zxid(*zxid))));
        (E + 1..=E + 12).filter(zxid).collect()
    };
    let link = world.connect(2);
    world.synchronise(link, Plan { first: First::Diff(Zxid(0)), from: Zxid(0) });
    world.propose(E + 1..=E + 4, 10);
    world.commit(E + 3);
    world.settle();
    assert_eq!(commits(&mut world, 2), [E + 3]);
    // One who knows nothing of it has connected, and is not sent what all are before it has caught up.
    let other = world.connect(3);
    world.commit(E + 4);
    world.propose(E + 5..=E + 6, 10);
    world.commit(E + 6);
    world.settle();
    assert_eq!(commits(&mut world, 2), [E + 4, E + 6]);
    world.synchronise(other, Plan { first: First::Diff(Zxid(E + 6)), from: Zxid(E + 6) });
    world.seen(3);
    world.propose(E + 7..=E + 9, 10);
    world.commit(E + 9);
    world.settle();
    assert_eq!([commits(&mut world, 2), commits(&mut world, 3)], [[E + 7, E + 8, E + 9]; 2]);
    world.perform(1, Output::Close(other, Reason::RoleEnded));
    world.propose(E + 10..=E + 12, 10);
    world.commit(E + 12);
    world.settle();
    assert_eq!(commits(&mut world, 2), [E + 12]);
}

/// A leader whose disk was full notes the change and commits it in one step: what it knows of configurations has then neither the
/// one before nor that which was proposed.
#[test]
fn a_change_is_told_in_the_place_of_its_commit_whatever_is_known_of_configurations() {
    for features in [Features(0), Features::GROUPED] {
        let mut world = World::with_features(1, &[(1, features), (2, features)]);
        let link = world.connect(2);
        world.synchronise(link, Plan { first: First::Diff(Zxid(0)), from: Zxid(0) });
        world.propose(E + 1..=E + 3, 10);
        world.settle();
        world.seen(2);
        let config = Arc::new(configs().committed.with_version(Zxid(E + 2)));
        let leader = Some(ServerId(1));
        let outputs = [Output::Commit(Zxid(E + 2)), Output::Activate { config, leader }, Output::Commit(Zxid(E + 3))];
        world.server(1).peers.begin_step(&outputs);
        outputs.into_iter().for_each(|output| drop(world.perform(1, output)));
        world.settle();
        let told = world.seen(2);
        let activated = FromMaster::CommitAndActivate { zxid: Zxid(E + 2), leader: ServerId(1) };
        let expected = [FromMaster::Commit(Zxid(E + 1)), activated, FromMaster::Commit(Zxid(E + 3))];
        assert_eq!(told, expected.map(|message| from_master(1, message)));
    }
}

/// A follower serves it beside its own link to the leader, and has something in its log already that is not committed.
#[test]
fn an_observer_of_a_follower_is_informed_of_what_is_committed() {
    let mut world = World::new(1, &[1, 2, 4]);
    let follows = world.connect(2);
    world.server(2).fill(1..=3, 10);
    for zxid in [4, 5] {
        world.server(2).window.push(Zxid(zxid), &txn(zxid, 10));
    }
    assert!(world.perform(2, Output::ServeObservers).is_some());
    world.server(2).peers.quorum().serve_observers(Zxid(3));
    world.perform(4, Output::ConnectToObserverMaster(ServerId(2)));
    world.settle();
    let link = world.server(4).last_link();
    let info = Message::Info { peer_type: PeerType::Observer, accepted: Epoch(0), config_version: Zxid(0) };
    world.perform(4, Output::Send(link, info));
    world.settle();
    let observes = world.server(2).last_link();
    assert_ne!(observes, follows);
    world.perform(2, Output::Sync(observes, Plan { first: First::Diff(Zxid(3)), from: Zxid(2) }));
    world.settle();
    world.perform(2, Output::Join(observes));
    let commit = |world: &mut World, zxid: i64| {
        assert!(world.perform(2, Output::Commit(Zxid(zxid))).is_some());
        world.server(2).window.commit(Zxid(zxid));
        world.settle();
    };
    commit(&mut world, 4);
    world.server(2).window.push(Zxid(6), &txn(6, 10));
    commit(&mut world, 6);
    let expected: Vec<(i64, Vec<u8>)> = (3..=6).map(|zxid| (zxid, txn(zxid, 10))).collect();
    assert_eq!(world.server(4).txns, expected);
    // It stops following: nobody is served at that port any more.
    world.perform(2, Output::Become(Part::Looking, Serve::No));
    world.seen(4);
    world.perform(4, Output::Become(Part::Looking, Serve::No));
    world.perform(4, Output::ConnectToObserverMaster(ServerId(2)));
    world.pass(200);
    assert_eq!(world.seen(4), [printed(Input::MasterRefused)]);
}

#[test]
fn observers_are_informed_of_what_is_committed() {
    let mut world = World::new(1, &[1, 4]);
    world.server(1).fill(1..=3, 10);
    let link = world.connect(4);
    world.propose(E + 1..=E + 2, 10);
    world.commit(E + 1);
    world.synchronise(link, Plan { first: First::Diff(Zxid(E + 1)), from: Zxid(2) });
    world.propose(E + 3..=E + 4, 10);
    world.commit(E + 3);
    world.settle();
    let proposal = |zxid| from_master(1, FromMaster::Proposal { zxid: Zxid(zxid), change: None });
    let commit = |zxid| from_master(1, FromMaster::Commit(Zxid(zxid)));
    let inform = |zxid| from_master(1, FromMaster::Inform { zxid: Zxid(zxid) });
    let expected = [
        from_master(1, FromMaster::Diff(Zxid(E + 1))),
        proposal(3),
        commit(3),
        proposal(E + 1),
        commit(E + 1),
        inform(E + 2),
        inform(E + 3),
    ];
    assert_eq!(world.seen(4), expected);
    assert!(world.server(4).txns.iter().all(|(zxid, bytes)| *bytes == txn(*zxid, 10)));
}

/// A state of some znodes, and how it is held.
fn database() -> Database {
    let mut database = Database::new(HashSeed([7; 16]), Rules::default());
    let sealed = database.tree_mut().seal();
    database.tree_mut().publish(sealed);
    database
}

#[test]
fn a_whole_state_comes_before_the_history_behind_it() {
    for (seed, piece_max, state_room) in [(1, 1, usize::MAX), (2, 7, 100), (3, 65536, usize::MAX)] {
        let mut world = World::new(seed, &[1, 2, 3]);
        world.network.set_other_routes(|route| route.piece_max = piece_max);
        let mut held = database();
        world.server(1).fill(1..=5, 10);
        let links = [2, 3].map(|id| {
            world.server(id).state_room = state_room;
            world.connect(id)
        });
        for link in links {
            world.perform(1, Output::Sync(link, Plan { first: First::Snap, from: Zxid::NOTHING }));
            world.perform(1, Output::Send(link, Message::Ping));
        }
        world.settle();
        assert!(world.seen(2).is_empty(), "nothing goes before the first packet");
        world.propose(E + 1..=E + 1, 10);
        world.commit(4);
        let server = world.server(1);
        assert!(server.peers.quorum().needs_state());
        // It stands behind what is committed.
        server.spool(&mut held, 5);
        assert!(!server.peers.quorum().needs_state(), "one is being written");
        world.settle();
        assert!(world.seen(2).is_empty(), "no learner is given what is not committed");
        assert!(world.seen(1).is_empty(), "nor is it said to be");
        world.commit(5);
        world.settle();
        if state_room < usize::MAX {
            let taken = world.servers[&2].state.len();
            assert!((state_room..state_room + piece_max).contains(&taken), "it is not paused at {taken}");
            for id in [2, 3] {
                world.server(id).state_room = usize::MAX;
                world.server(id).peers.pause(false);
            }
            world.settle();
        }
        let mut told = world.seen(1);
        told.sort();
        let caught_up = links.map(|link| printed(Input::CaughtUp { link }));
        let begun = links.map(|link| printed(Input::StateBegun { link }));
        assert_eq!(told, [caught_up, begun].concat());
        for (link, id) in links.into_iter().zip([2, 3]) {
            world.perform(1, Output::Join(link));
            world.perform(1, Output::Send(link, Message::UpToDate));
            world.settle();
            let learner = world.server(id);
            let taken = learner.taken.take().expect("the state has come whole");
            assert_eq!(taken, vec![(9, 4000), (10, 5000)]);
            assert_eq!(learner.txns, [(E + 1, txn(E + 1, 10))], "and what is behind it");
            let expected = [
                from_master(1, FromMaster::Snap(Zxid(5))),
                from_master(1, FromMaster::Proposal { zxid: Zxid(E + 1), change: None }),
                from_master(1, FromMaster::UpToDate),
            ];
            assert_eq!(world.seen(id), expected);
        }
    }
}

#[test]
fn a_state_of_many_chunks_is_followed_by_history_from_the_log() {
    let mut world = World::new(1, &[1, 2]);
    let mut held = database();
    let data = vec![7; 1_000_000];
    held.tree_mut().rewrite_data("/zookeeper", Some(&data));
    let sealed = held.tree_mut().seal();
    held.tree_mut().publish(sealed);
    world.server(1).fill(1..=900, 1000);
    let link = world.connect(2);
    world.perform(1, Output::Sync(link, Plan { first: First::Snap, from: Zxid::NOTHING }));
    world.server(1).spool(&mut held, 100);
    world.server(1).log.remove_before(Zxid(900)).unwrap();
    world.settle();
    assert_eq!(world.seen(1), [Input::StateBegun { link }, Input::CaughtUp { link }].map(printed));
    world.perform(1, Output::Join(link));
    world.settle();
    let learner = world.server(2);
    assert!(learner.taken.is_some());
    let expected: Vec<_> = (101..=900).map(|zxid| (zxid, txn(zxid, 1000))).collect();
    assert!(learner.txns == expected, "{} transactions have come", learner.txns.len());
}

#[test]
fn what_was_purged_ends_the_link_that_lacks_it() {
    let mut world = World::new(1, &[1, 2]);
    world.server(1).fill(1..=3000, 2000);
    assert!(world.server(1).log.remove_before(Zxid(3000)).unwrap() > 0);
    let link = world.connect(2);
    world.perform(1, Output::Sync(link, Plan { first: First::Diff(Zxid(3000)), from: Zxid(1) }));
    world.settle();
    assert_eq!(world.seen(1), [printed(Input::LearnerDown { link })]);
}

#[test]
fn a_slow_learner_costs_only_itself() {
    let mut world = World::new(1, &[1, 2, 3]);
    let links = [2, 3].map(|id| {
        let link = world.connect(id);
        world.synchronise(link, Plan { first: First::Diff(Zxid(0)), from: Zxid(0) });
        link
    });
    let hosts = [1, 2].map(|id| world.servers[&id].host);
    world.network.set_route(hosts[0], hosts[1], |route| route.is_cut = true);
    let mut zxid = 0;
    while world.server(1).seen.is_empty() && zxid < 200 {
        zxid += 1;
        world.propose(zxid..=zxid, 1_000_000);
        world.commit(zxid);
        world.settle();
    }
    assert!((64..=70).contains(&zxid), "a feed of 64 MiB is kept, and {zxid} MB were sent");
    assert_eq!(world.seen(1), [printed(Input::LearnerDown { link: links[0] })]);
    assert_eq!(world.server(3).txns.len() as i64, zxid);
    // What is for one link alone is bounded too.
    let host = world.servers[&3].host;
    world.network.set_route(hosts[0], host, |route| route.is_cut = true);
    let mut count = 0;
    while world.server(1).seen.is_empty() && count < 1_000_000 {
        world.server(1).peers.answer_sync(links[1]);
        count += 1;
        if count % 10_000 == 0 {
            world.turns();
        }
    }
    world.settle();
    let bytes = count * 20;
    assert!((LINK_OUT_BYTES..2 * LINK_OUT_BYTES).contains(&bytes), "{bytes} bytes waited");
    assert_eq!(world.seen(1), [printed(Input::LearnerDown { link: links[1] })]);
    assert_eq!(world.seen(3).len() as i64, 1 + 2 * zxid, "until then everything has come");
}

/// A leader's port is reached through a slow network, and soon after the network has healed.
#[test]
fn a_slow_leader_is_waited_for_and_one_whom_nothing_has_reached_is_dialled_again() {
    for (hangs, one_way) in [(true, 0), (false, 1500), (false, 2400)] {
        let mut world = World::new(1, &[1, 2]);
        world.perform(1, Output::Listen(true));
        let hosts = [1, 2].map(|id| world.servers[&id].host);
        world.network.set_other_routes(|route| {
            (route.latency_min, route.latency_max) = (Duration::from_millis(one_way), Duration::from_millis(one_way));
        });
        if hangs {
            world.network.set_route(hosts[1], hosts[0], |route| route.dials = Dials::Hang);
        }
        world.perform(2, Output::Connect(ServerId(1)));
        world.live(1500);
        assert!(world.seen(2).is_empty());
        world.network.set_route(hosts[1], hosts[0], |route| route.dials = Dials::Work);
        world.live(if hangs { 501 } else { 3400 });
        assert_eq!(world.seen(2), [printed(Input::MasterUp { link: Link(1) })], "{hangs} {one_way}");
        assert_eq!(world.server(2).peers.deadline(), None, "the attempt is over");
        let info = Message::Info { peer_type: PeerType::Participant, accepted: Epoch(1), config_version: Zxid(0) };
        world.perform(2, Output::Send(Link(1), info));
        world.settle();
        assert_eq!(world.seen(1)[0], printed(Input::LearnerUp { link: Link(1) }));
        assert_eq!((world.seen(1), world.seen(2)), (vec![], vec![]), "the link stays");
        assert_eq!(world.server(1).peers.quorum().open(), 1, "the others have ended");
    }
}

#[test]
fn an_attempt_to_reach_a_leader_is_answered_once() {
    let mut world = World::new(1, &[1, 2]);
    world.perform(2, Output::Connect(ServerId(1)));
    world.settle();
    assert_eq!(world.seen(2), [printed(Input::MasterRefused)], "the port is not open");
    world.perform(2, Output::Connect(ServerId(9)));
    world.settle();
    assert_eq!(world.seen(2), [printed(Input::MasterRefused)], "nobody has an address for it");
    world.perform(1, Output::Listen(true));
    let hosts = [1, 2].map(|id| world.servers[&id].host);
    world.network.set_route(hosts[1], hosts[0], |route| route.dials = Dials::Hang);
    world.perform(2, Output::Connect(ServerId(1)));
    world.settle();
    assert!(world.seen(2).is_empty() && world.server(2).peers.deadline().is_some());
    world.live(4900);
    assert!(world.seen(2).is_empty());
    world.live(200);
    assert_eq!(world.seen(2), [printed(Input::MasterRefused)]);
    assert_eq!(world.server(2).peers.deadline(), None);
    world.network.set_route(hosts[1], hosts[0], |route| route.dials = Dials::Work);
    let link = world.connect(2);
    world.network.reset(hosts[0], hosts[1]);
    world.settle();
    assert_eq!(world.seen(2), [printed(Input::MasterDown { link: Link(1) })]);
    assert_eq!(world.seen(1), [printed(Input::LearnerDown { link })]);
    assert_eq!(world.server(2).peers.deadline(), None);
}

#[test]
fn the_end_of_a_role_ends_every_link_without_a_word_to_the_core() {
    let mut world = World::new(1, &[1, 2, 3]);
    let links = [world.connect(2), world.connect(3)];
    world.perform(1, Output::Close(links[0], Reason::TimedOut));
    assert!(world.perform(1, Output::Become(Part::Looking, Serve::No)).is_some());
    world.settle();
    assert!(world.seen(1).is_empty());
    for id in [2, 3] {
        assert_eq!(world.seen(id), [printed(Input::MasterDown { link: Link(1) })]);
    }
    // What is for links of before goes nowhere.
    for link in links {
        world.perform(1, Output::Send(link, Message::Ping));
        world.perform(1, Output::Join(link));
        world.perform(1, Output::Close(link, Reason::TimedOut));
    }
    let next = world.connect(2);
    assert!(!links.contains(&next), "no number is used twice");
}

#[test]
fn what_stands_still_is_given_up() {
    let mut world = World::new(1, &[1, 2]);
    let mut held = database();
    world.server(1).fill(1..=700, 1000);
    let link = world.connect(2);
    let hosts = [1, 2].map(|id| world.servers[&id].host);
    // The learner takes a part of what it lacks, and no more.
    world.perform(1, Output::Sync(link, Plan { first: First::Diff(Zxid(700)), from: Zxid(1) }));
    world.turns();
    world.network.set_route(hosts[0], hosts[1], |route| route.is_cut = true);
    world.settle();
    assert!(world.seen(1).is_empty() && world.server(1).peers.deadline().is_some());
    world.pass(4990);
    assert!(world.seen(1).is_empty());
    world.pass(20);
    assert_eq!(world.seen(1), [printed(Input::LearnerDown { link })]);
    world.network.set_route(hosts[0], hosts[1], |route| route.is_cut = false);
    world.settle();
    // The leader sends a part of a state, and no more.
    let link = world.connect(2);
    let data = vec![7; 900_000];
    held.tree_mut().rewrite_data("/zookeeper", Some(&data));
    let sealed = held.tree_mut().seal();
    held.tree_mut().publish(sealed);
    world.perform(1, Output::Sync(link, Plan { first: First::Snap, from: Zxid::NOTHING }));
    world.server(1).spool(&mut held, 700);
    for _ in 0..1000 {
        world.turns();
        if world.server(2).state.len() >= 100_000 {
            break;
        }
        world.network.next().into_iter().for_each(|due| world.network.advance(due));
    }
    assert!((100_000..800_000).contains(&world.server(2).state.len()));
    world.network.set_route(hosts[0], hosts[1], |route| route.is_cut = true);
    world.seen(2);
    world.pass(4000);
    world.server(2).peers.pause(true);
    world.pass(4000);
    world.server(2).peers.pause(false);
    world.pass(4000);
    assert!(world.seen(2).is_empty(), "a pause of its own is not the leader's");
    world.pass(1100);
    assert_eq!(world.seen(2), [printed(Input::MasterDown { link: Link(2) })]);
}

#[test]
fn what_is_paused_waits_where_it_is() {
    let mut world = World::new(1, &[1, 2]);
    let link = world.connect(2);
    world.server(2).peers.pause(true);
    world.perform(1, Output::Send(link, Message::UpToDate));
    world.settle();
    assert!(world.seen(2).is_empty());
    world.server(2).peers.pause(false);
    world.settle();
    assert_eq!(world.seen(2), [from_master(1, FromMaster::UpToDate)]);
}

#[test]
fn requests_for_a_leader_that_does_not_read_are_held_back_and_bounded() {
    let mut world = World::new(1, &[1, 2]);
    assert!(!world.server(2).peers.has_room_to_forward(), "there is no leader");
    world.connect(2);
    let hosts = [1, 2].map(|id| world.servers[&id].host);
    world.network.set_route(hosts[1], hosts[0], |route| route.is_cut = true);
    let body = vec![7; 100_000];
    let request = ForwardedRequest { session: 9, cxid: 3, opcode: 5, body: &body };
    let (mut held_back, mut count) = (None, 0);
    while world.server(2).peers.forward(request, &[]) && count < 10_000 {
        world.turns();
        count += 1;
        if held_back.is_none() && !world.server(2).peers.has_room_to_forward() {
            held_back = Some(count * body.len());
        }
    }
    let around = |bytes: usize, bound: usize| (bound..bound + (1 << 20)).contains(&bytes);
    assert!(
        around(held_back.unwrap(), LINK_OUT_BYTES) && around(count * body.len(), REQUEST_BYTES),
        "{count} were taken"
    );
    assert_eq!(world.seen(2), [printed(Input::MasterDown { link: Link(1) })]);
}

#[test]
fn a_server_that_stops_sends_what_was_to_be_sent() {
    let mut world = World::new(1, &[1, 2, 3]);
    let links = [2, 3].map(|id| {
        let link = world.connect(id);
        world.synchronise(link, Plan { first: First::Diff(Zxid(0)), from: Zxid(0) });
        link
    });
    let hosts = [1, 3].map(|id| world.servers[&id].host);
    world.network.set_route(hosts[0], hosts[1], |route| route.is_cut = true);
    // Nothing of it is acknowledged, and it is more than a stream takes at once.
    for zxid in 1..=4 {
        world.propose(zxid..=zxid, 300_000);
        world.turns();
    }
    for link in links {
        world.perform(1, Output::Close(link, Reason::Stopped));
    }
    assert!(world.server(1).peers.has_farewells());
    world.settle();
    assert_eq!(world.server(2).txns.len(), 4);
    assert_eq!(world.seen(2).last(), Some(&printed(Input::MasterDown { link: Link(1) })));
    assert!(world.server(1).peers.has_farewells(), "one of them takes nothing");
    world.pass(1001);
    assert!(!world.server(1).peers.has_farewells() && world.seen(1).is_empty());
    world.perform(1, Output::Become(Part::Looking, Serve::No));
}

#[test]
fn what_is_no_packet_ends_its_link_alone() {
    let bad = [
        packet(PacketType::Ping, 0, None),
        packet(PacketType::FollowerInfo, 0, None),
        packet(PacketType::Unknown(99), 0, None),
        hex("0000000b 0000000400000000 7fffffff"),
        hex("0000000b 0000000400000000 fffffffe"),
        [hex(FOLLOWER_INFO), packet(PacketType::AckEpoch, 0, None)].concat(),
        [hex(FOLLOWER_INFO), packet(PacketType::Request, 0, Some(b"short"))].concat(),
        [hex(FOLLOWER_INFO), packet(PacketType::Ping, 0, Some(b"thirteen byte"))].concat(),
        [hex(FOLLOWER_INFO), hex("00000003 0000000000000000 ffffffff 7fffffff")].concat(),
        b"GET / HTTP/1.1\r\nHost: host1:2888\r\n\r\n".to_vec(),
    ];
    let mut world = World::new(1, &[1, 3]);
    let good = world.connect(3);
    world.synchronise(good, Plan { first: First::Diff(Zxid(0)), from: Zxid(0) });
    for bytes in bad {
        let mut stranger = world.stranger();
        let stream = stranger.connect(&mut world, 1);
        stranger.send(&mut world, stream, &bytes);
        assert!(stranger.read(stream).1, "{:?}", String::from_utf8_lossy(&bytes));
        let seen = world.seen(1);
        let count = |what: &str| seen.iter().filter(|seen| seen.starts_with(what)).count();
        assert_eq!(count("LearnerUp"), count("LearnerDown"), "{seen:?}");
    }
    let mut draws = Seeded::new(3);
    for _ in 0..300 {
        let mut bytes = if draws.draw().is_multiple_of(2) { hex(FOLLOWER_INFO) } else { Vec::new() };
        for _ in 0..draws.draw() % 100 {
            let draw = draws.draw();
            bytes.push(if draw.is_multiple_of(4) {
                (draw >> 8) as u8
            } else {
                (draw >> 8) as u8 % 20 * u8::from(draw.is_multiple_of(3))
            });
        }
        let mut stranger = world.stranger();
        let stream = stranger.connect(&mut world, 1);
        stranger.send(&mut world, stream, &bytes);
    }
    drop(world.stranger());
    world.pass(2000);
    world.seen(1);
    world.propose(1..=1, 10);
    world.settle();
    assert_eq!(world.server(3).txns, [(1, txn(1, 10))]);
    assert!(world.seen(1).is_empty() && !world.server(1).peers.has_more());
}

#[test]
fn strangers_are_let_in_and_there_are_not_too_many() {
    let mut world = World::new(1, &[1, 3]);
    let member = world.connect(3);
    let mut stranger = world.stranger();
    let silent: Vec<StreamId> = (0..UNKNOWN_LINKS).map(|_| stranger.connect(&mut world, 1)).collect();
    assert!(silent.iter().all(|stream| !stranger.read(*stream).1));
    let joiner = stranger.connect(&mut world, 1);
    let introduction = hex("0000000b 0000000400000000 00000014 0000000000000063 00010000 0000000000000000 ffffffff");
    stranger.send(&mut world, joiner, &introduction);
    assert!(stranger.read(silent[0]).1 && !stranger.read(silent[1]).1, "the oldest had to go");
    assert!(world.seen(1).iter().any(|seen| seen.contains("server: Some(ServerId(99))")));
    let more: Vec<StreamId> = (0..UNKNOWN_LINKS).map(|_| stranger.connect(&mut world, 1)).collect();
    assert!(!stranger.read(joiner).1, "those who say nothing go first");
    assert!(more[1..].iter().all(|stream| !stranger.read(*stream).1));
    let deadline = world.server(1).peers.deadline().unwrap();
    assert!(deadline > world.now() && deadline <= world.now().after(Ms(5000)));
    world.pass(5001);
    assert!(more.iter().all(|stream| stranger.read(*stream).1), "their time is over");
    assert!(!stranger.read(joiner).1);
    world.perform(1, Output::Send(member, Message::UpToDate));
    world.settle();
    assert_eq!(world.seen(3), [from_master(1, FromMaster::UpToDate)]);
}

#[test]
fn who_dials_a_server_that_is_to_end_is_refused_at_once() {
    let mut world = World::new(1, &[1, 2]);
    let event = |event| printed(Input::Election { peer: ServerId(1), event });
    world.perform(2, Output::Dial(ServerId(1)));
    world.settle();
    assert_eq!(world.seen(2), [event(Event::Up)]);
    let halt = Output::Halt(HaltReason::Stopped);
    assert_eq!(world.perform(1, halt.clone()), Some(halt));
    world.settle();
    assert_eq!(world.seen(2), [event(Event::Down)]);
    let began = world.now();
    world.perform(2, Output::Dial(ServerId(1)));
    world.settle();
    assert_eq!(world.seen(2), [event(Event::Refused)]);
    assert!(world.now() < began.after(Ms(1000)), "it has waited for an answer until {:?}", world.now());
}
