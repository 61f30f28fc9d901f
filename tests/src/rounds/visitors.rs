//! Sessions that do not come back after a crash: their ephemerals are there at first, and go when the time is up.
use crate::client::Frame;
use crate::noted::{Clock, Noted};
use crate::random::Random;
use crate::records::flags;
use crate::reply::Body;
use crate::request::Request;
use paddock_history::Event;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Short enough to be waited for, long enough for a busy machine.
const TIMEOUT_MS: i32 = 3_000;
const TIMEOUT: Duration = Duration::from_millis(TIMEOUT_MS as u64);
/// Expiry comes in steps of one tick, and a busy machine may be late by much; never early.
const LATE: Duration = Duration::from_secs(30);
const NODE_DELETED: i32 = 2;

/// One session with some ephemerals, which ends with the server.
#[derive(Debug)]
pub struct Visitor {
    client: Noted,
    paths: Vec<String>,
}

impl Visitor {
    pub fn new(address: SocketAddr, random: &mut Random, clock: Clock) -> Visitor {
        let mut client =
            Noted::connect(address, TIMEOUT_MS, clock).unwrap_or_else(|error| panic!("a visitor: {error}"));
        let paths = (0..1 + random.below(3)).map(|number| format!("/visitor-{:x}-{number}", client.session()));
        let paths: Vec<String> = paths.collect();
        for path in &paths {
            let reply = client.call(&Request::create(path, b"", flags::EPHEMERAL));
            assert_eq!(reply.map(|reply| reply.err).ok(), Some(0), "{path}");
        }
        Visitor { client, paths }
    }

    /// Whoever lets the session expire gives it its whole timeout anew after this time: a server that starts, or begins to
    /// lead.
    pub fn note_heard(&mut self, time: u64) {
        self.client.note_heard(time);
    }

    /// Keeps the session alive as long as it is to go on, or until the server dies.
    pub fn stay(&mut self, goes_on: impl Fn() -> bool) {
        while goes_on() {
            self.client.queue(&Request::ping());
            if self.client.flush().is_err() {
                return;
            }
            match self.client.next_frame() {
                Ok(Frame::Reply(reply)) => assert_eq!(reply.err, 0, "a visitor's ping"),
                Ok(Frame::Event(event)) => panic!("{event:?} for someone who watches nothing"),
                Err(_) => return,
            }
        }
    }
}

/// When the ephemerals of visitors may go.
#[derive(Debug, Clone, Copy)]
pub struct Departure {
    /// When the visitors had been there, by the server or leader before.
    pub since: Instant,
    /// How long they are there after that at least.
    pub least: Duration,
}

impl Departure {
    /// Of those whom a server or leader that begins after this moment gives their whole timeout.
    pub fn after(since: Instant) -> Departure {
        Departure { since, least: TIMEOUT }
    }
}

/// Waits until the ephemerals of all visitors are gone. Gives what everybody here has seen.
pub fn expect_departure(
    address: SocketAddr,
    mut visitors: Vec<Visitor>,
    departure: Departure,
    clock: Clock,
) -> Vec<Event> {
    let Departure { since, least } = departure;
    let mut watcher = Noted::connect(address, 40_000, clock).unwrap_or_else(|error| panic!("the watcher: {error}"));
    watcher.call(&Request::sync("/")).unwrap_or_else(|error| panic!("the watcher's sync: {error}"));
    let paths: Vec<String> = visitors.iter().flat_map(|visitor| visitor.paths.clone()).collect();
    let mut there = 0;
    for path in &paths {
        let reply = watcher.call(&Request::exists(path, true)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let early = since.elapsed() < least;
        match reply.body {
            Body::Stat(stat) => {
                assert!(visitors.iter().any(|one| one.client.session() == stat.ephemeral_owner), "{path}: {stat:?}");
                there += 1;
            }
            _ => assert!(!early, "{path} was acknowledged and is not there"),
        }
    }
    for _ in 0..there {
        let event = watcher.next_event().unwrap_or_else(|error| panic!("an ephemeral did not go: {error}"));
        assert!(event.kind == NODE_DELETED && paths.contains(&event.path), "{event:?}");
        assert!(since.elapsed() >= least, "{} went after {:?}", event.path, since.elapsed());
    }
    assert!(since.elapsed() < TIMEOUT + LATE, "the ephemerals went only after {:?}", since.elapsed());
    for visitor in &mut visitors {
        let back = visitor.client.reattach(address);
        assert!(back.is_err(), "session {:#x} is over and was taken back", visitor.client.session());
    }
    let seen = visitors.into_iter().flat_map(|visitor| visitor.client.into_events());
    seen.chain(watcher.into_events()).collect()
}
