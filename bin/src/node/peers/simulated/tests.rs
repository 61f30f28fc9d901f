//! What becomes of bytes, attempts and ends.

use std::time::Duration;

use paddock_consensus::config::HostPort;
use paddock_engine::io::simulated::{Choice, Seeded};

use super::{Dials, HostId, HostLinks, Network, Ports};
use crate::node::peers::links::{Links, Port, Read, StreamEvent, StreamId, Written};

const PORTS: Ports = Ports { election: 3888, quorum: 2888 };
/// Longer than anything is under way.
const LONG: Duration = Duration::from_secs(1);

struct Pair {
    network: Network,
    hosts: [HostId; 2],
    links: [HostLinks; 2],
}

impl Pair {
    fn new(choice: impl Choice + Send + 'static) -> Pair {
        let network = Network::new(Box::new(choice));
        let hosts = ["one", "other"].map(|name| network.add(name, PORTS));
        let mut links = hosts.map(|host| HostLinks::begin(&network, host));
        links.iter_mut().for_each(|links| links.listen(Port::Election, true));
        Pair { network, hosts, links }
    }

    /// Everything that is under way arrives.
    fn settle(&self) {
        while let Some(due) = self.network.next() {
            self.network.advance(due);
        }
    }

    /// The two sides of a new stream.
    fn connect(&mut self) -> [StreamId; 2] {
        let one = self.links[0].connect(Port::Election, &[address("other", 3888)], &[]);
        self.settle();
        assert_eq!(self.links[0].poll(), Some(StreamEvent::Connected(one)));
        let Some(StreamEvent::Accepted { port: Port::Election, stream, from }) = self.links[1].poll() else {
            panic!("nobody was accepted")
        };
        assert_eq!(&*from, "one");
        [one, stream]
    }

    /// All that a side can read, and whether it has ended.
    fn read(&mut self, side: usize, stream: StreamId) -> (Vec<u8>, bool) {
        let (mut read, mut bytes) = (Vec::new(), [0; 100]);
        loop {
            match self.links[side].read(stream, &mut bytes) {
                Read::Bytes(count) => read.extend_from_slice(&bytes[..count]),
                Read::Nothing => return (read, false),
                Read::Ended | Read::Broken => return (read, true),
            }
        }
    }
}

fn address(host: &str, port: u16) -> HostPort {
    HostPort { host: host.into(), port }
}

#[test]
fn bytes_arrive_in_their_order_whatever_the_pieces_and_latencies() {
    for seed in 0..50 {
        let mut pair = Pair::new(Seeded::new(seed));
        pair.network.set_other_routes(|route| {
            route.piece_max = 3;
            route.latency_max = Duration::from_millis(9);
        });
        let [one, other] = pair.connect();
        let sent: Vec<u8> = (0..200).collect();
        assert_eq!(pair.links[0].write(one, &sent[..120]), Written::Bytes(120));
        pair.network.advance(pair.network.next().unwrap());
        assert_eq!(pair.links[0].write(one, &sent[120..]), Written::Bytes(80));
        pair.links[0].close(one);
        pair.settle();
        assert_eq!(pair.read(1, other), (sent, true), "seed {seed}");
    }
}

#[test]
fn a_stream_that_is_not_read_takes_no_more_until_it_is() {
    let mut pair = Pair::new(Seeded::new(1));
    let [one, other] = pair.connect();
    let Written::Bytes(taken) = pair.links[0].write(one, &vec![7; 1 << 20]) else { panic!("the stream is not broken") };
    assert!(taken < 1 << 20);
    assert_eq!(pair.links[0].write(one, b"more"), Written::Bytes(0));
    pair.settle();
    assert_eq!(pair.links[0].poll(), None);
    assert_eq!(pair.read(1, other), (vec![7; taken], false));
    assert_eq!((pair.links[0].poll(), pair.links[0].poll()), (Some(StreamEvent::Writable(one)), None));
    assert_eq!(pair.links[0].write(one, b"more"), Written::Bytes(4));
}

#[test]
fn a_cut_holds_one_direction_until_it_is_healed() {
    let mut pair = Pair::new(Seeded::new(1));
    let [one, other] = pair.connect();
    let [from, to] = pair.hosts;
    pair.network.set_route(from, to, |route| route.is_cut = true);
    assert_eq!(pair.links[0].write(one, b"ab"), Written::Bytes(2));
    pair.settle();
    assert_eq!(pair.links[0].write(one, b"cd"), Written::Bytes(2));
    assert_eq!(pair.links[1].write(other, b"back"), Written::Bytes(4));
    pair.settle();
    assert_eq!((pair.read(1, other), pair.read(0, one)), ((vec![], false), (b"back".to_vec(), false)));
    pair.network.set_route(from, to, |route| route.is_cut = false);
    pair.settle();
    assert_eq!(pair.read(1, other), (b"abcd".to_vec(), false));
}

#[test]
fn an_attempt_is_refused_hangs_or_waits_for_a_cut_to_heal() {
    let mut pair = Pair::new(Seeded::new(1));
    let [from, to] = pair.hosts;
    for nowhere in [address("other", 2888), address("other", 1), address("nobody", 3888)] {
        let stream = pair.links[0].connect(Port::Election, &[nowhere], &[]);
        pair.settle();
        assert_eq!(pair.links[0].poll(), Some(StreamEvent::Refused(stream)));
    }
    pair.network.set_route(from, to, |route| route.dials = Dials::Hang);
    let hanging = pair.links[0].connect(Port::Election, &[address("other", 3888)], &[]);
    pair.settle();
    assert_eq!((pair.links[0].poll(), pair.links[1].poll()), (None, None));
    pair.links[0].close(hanging);
    pair.network.set_route(from, to, |route| {
        route.dials = Dials::Work;
        route.is_cut = true;
    });
    let late = pair.links[0].connect(Port::Election, &[address("nobody", 1), address("other", 3888)], &[]);
    pair.settle();
    assert_eq!(pair.links[1].poll(), None);
    pair.network.set_route(from, to, |route| route.is_cut = false);
    pair.settle();
    assert_eq!(pair.links[0].poll(), Some(StreamEvent::Connected(late)));
    assert!(pair.links[1].poll().is_some());
}

#[test]
fn an_attempt_that_finds_the_process_ended_is_refused() {
    let mut pair = Pair::new(Seeded::new(1));
    let attempt = pair.links[0].connect(Port::Election, &[address("other", 3888)], &[]);
    pair.network.end_process(pair.hosts[1]);
    pair.links[1] = HostLinks::begin(&pair.network, pair.hosts[1]);
    pair.settle();
    assert_eq!((pair.links[0].poll(), pair.links[0].poll()), (Some(StreamEvent::Refused(attempt)), None));
    assert!(pair.network.state().has_no_stream());
}

#[test]
fn what_was_given_up_is_accepted_and_ends() {
    let mut pair = Pair::new(Seeded::new(1));
    let given_up = pair.links[0].connect(Port::Election, &[address("other", 3888)], &[]);
    pair.links[0].close(given_up);
    pair.settle();
    let Some(StreamEvent::Accepted { stream, .. }) = pair.links[1].poll() else { panic!("nobody was accepted") };
    assert_eq!(pair.read(1, stream), (vec![], true));
    pair.links[1].close(stream);
    assert_eq!(pair.links[0].poll(), None);
    assert!(pair.network.state().has_no_stream());
}

#[test]
fn a_reset_loses_any_suffix_in_both_directions() {
    let mut lengths = [[false; 5]; 2];
    for seed in 0..200 {
        let mut pair = Pair::new(Seeded::new(seed));
        pair.network.set_other_routes(|route| route.piece_max = 1);
        let [one, other] = pair.connect();
        let [from, to] = pair.hosts;
        pair.links[0].write(one, b"abcd");
        pair.links[1].write(other, b"wxyz");
        pair.network.reset(from, to);
        pair.settle();
        for (side, stream, sent) in [(1, other, b"abcd"), (0, one, b"wxyz")] {
            let (read, has_ended) = pair.read(side, stream);
            assert!(has_ended && sent.starts_with(&read), "{read:?}");
            assert_eq!(pair.links[side].write(stream, b"late"), Written::Ended);
            lengths[side][read.len()] = true;
        }
    }
    assert_eq!(lengths, [[true; 5]; 2], "each suffix is lost once");
}

/// The end of the stream has not come to the writer yet.
#[test]
fn what_is_written_after_a_reset_never_arrives() {
    for seed in 0..20 {
        let mut pair = Pair::new(Seeded::new(seed));
        let [one, other] = pair.connect();
        let [from, to] = pair.hosts;
        let cut = |network: &Network, is_cut: bool| {
            network.set_route(from, to, |route| route.is_cut = is_cut);
            network.set_route(to, from, |route| route.is_cut = is_cut);
        };
        cut(&pair.network, true);
        assert_eq!(pair.links[0].write(one, b"ab"), Written::Bytes(2));
        pair.network.reset(from, to);
        assert_eq!(pair.links[0].write(one, b"late"), Written::Bytes(4));
        pair.settle();
        cut(&pair.network, false);
        pair.settle();
        let (read, has_ended) = pair.read(1, other);
        assert!(has_ended && b"ab".starts_with(&read), "seed {seed}: {read:?}");
    }
}

#[test]
fn a_process_that_ends_takes_its_streams_and_its_ports_along() {
    let mut pair = Pair::new(Seeded::new(1));
    let [one, other] = pair.connect();
    pair.network.end_process(pair.hosts[1]);
    assert_eq!(pair.links[1].read(other, &mut [0; 4]), Read::Ended, "a handle of a process that is gone");
    pair.settle();
    assert_eq!(pair.read(0, one), (vec![], true));
    pair.links[0].poll();
    pair.links[0].close(one);
    let attempt = pair.links[0].connect(Port::Election, &[address("other", 3888)], &[]);
    pair.settle();
    assert_eq!(pair.links[0].poll(), Some(StreamEvent::Refused(attempt)));
    pair.links[1] = HostLinks::begin(&pair.network, pair.hosts[1]);
    pair.links[1].listen(Port::Election, true);
    pair.connect();
    assert!(pair.network.next().is_none_or(|due| due < pair.network.now() + LONG));
}
