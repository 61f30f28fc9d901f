//! A server that is told to stop answers what is committed before it closes its connections: a client whose connection has
//! ended without an answer would have to ask what became of its request.
use crate::alone;
use crate::crashes::setup;
use crate::load::Load;
use paddock_tests::client::{Client, ClientError, Frame};
use paddock_tests::ensemble::Ensemble;
use paddock_tests::records::flags;
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::server::Kind;
use std::net::SocketAddr;

/// How often the leader is stopped, and as often a follower.
const STOPS: usize = 3;
/// Clients of the server that is stopped, and what each of them has on its way.
const WRITERS: usize = 8;
const WINDOW: usize = 32;
/// One request in this many is a sync, of which the others behind it wait for the answer.
const SYNC_ONE_IN: usize = 10;
/// Answers before the stop.
const ACKNOWLEDGED: usize = 500;
const TIMEOUT_MS: i32 = 40_000;

/// It sets its znode again and again, whose version tells how often that was done.
struct Pipeline {
    client: Client,
    path: String,
    sent: usize,
    sets: usize,
    acknowledged: usize,
}

impl Pipeline {
    fn new(address: SocketAddr, path: String) -> Pipeline {
        let mut client = Client::connect(address, TIMEOUT_MS).expect("the server takes sessions");
        client.ok(&Request::create(&path, b"", flags::PERSISTENT));
        Pipeline { client, path, sent: 0, sets: 0, acknowledged: 0 }
    }

    /// Asks for more than is answered until the connection ends, and then takes what had come before.
    fn run(&mut self, load: &Load) {
        loop {
            while self.client.outstanding() < WINDOW {
                self.sent += 1;
                if self.sent.is_multiple_of(SYNC_ONE_IN) {
                    self.client.queue(&Request::sync(&self.path));
                } else {
                    self.sets += 1;
                    self.client.queue(&Request::set_data(&self.path, b"again", -1));
                }
            }
            if self.client.flush().and_then(|()| self.hear(load)).is_err() {
                while self.hear(load).is_ok() {}
                return;
            }
        }
    }

    fn hear(&mut self, load: &Load) -> Result<(), ClientError> {
        let Frame::Reply(reply) = self.client.next_frame()? else { panic!("{}: nothing is watched", self.path) };
        assert_eq!(reply.err, 0, "{}", self.path);
        if matches!(reply.body, Body::Stat(_)) {
            self.acknowledged += 1;
        }
        load.acknowledge();
        Ok(())
    }
}

/// What became of the writes that were on their way when the connections ended.
#[derive(Default)]
struct Left {
    done: usize,
    not_done: usize,
}

/// The server of this place is told to stop while all clients write there, and comes back.
fn stop_under_load(ensemble: &Ensemble, place: usize, round: usize) -> Left {
    let address = ensemble.server(place).address();
    let mut pipelines: Vec<Pipeline> =
        (0..WRITERS).map(|number| Pipeline::new(address, format!("/set-{round}-{number}"))).collect();
    let load = Load::default();
    std::thread::scope(|scope| {
        for pipeline in &mut pipelines {
            scope.spawn(|| load.share(|| pipeline.run(&load)));
        }
        load.wait_for(ACKNOWLEDGED);
        ensemble.server(place).terminate_in_peace();
    });
    let others: Vec<usize> = ensemble.places().into_iter().filter(|other| *other != place).collect();
    ensemble.wait_for_leader(&others);
    let mut reader = Client::connect(ensemble.server(others[0]).address(), TIMEOUT_MS).expect("the others serve");
    let mut left = Left::default();
    for Pipeline { path, sets, acknowledged, .. } in pipelines {
        reader.ok(&Request::sync(&path));
        let version = reader.ok(&Request::exists(&path, false)).stat().version;
        let version = usize::try_from(version).expect("versions are counted from 0");
        assert!((acknowledged..=sets).contains(&version), "{path}: {acknowledged} {version} {sets}");
        left.done += version - acknowledged;
        left.not_done += sets - version;
    }
    ensemble.server(place).spawn();
    left
}

#[test]
fn who_stops_answers_what_is_committed() {
    alone(stop_by_turns);
}

/// The leader, and then a follower, again and again.
fn stop_by_turns() {
    let ensemble = Ensemble::start(setup(), 3);
    for round in 0..2 * STOPS {
        let leader = ensemble.wait_for_leader(&ensemble.places());
        let follower = (leader + 1) % ensemble.places().len();
        let (place, part) = if round.is_multiple_of(2) { (leader, "leader") } else { (follower, "follower") };
        let Left { done, not_done } = stop_under_load(&ensemble, place, round);
        eprintln!("a {part} has stopped: {done} writes were done and not answered, {not_done} were not done");
        // A ZooKeeper closes its connections first.
        assert!(done == 0 || Kind::under_test() == Kind::ZooKeeper, "a {part} has not answered {done} writes");
    }
    ensemble.assert_no_errors();
}
