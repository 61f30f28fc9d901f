//! Sessions that do not come back after a crash: their ephemerals are there at first, and go when the time is up.
use paddock_history::Event;
use paddock_tests::client::Frame;
use paddock_tests::noted::{Clock, Noted};
use paddock_tests::random::Random;
use paddock_tests::records::flags;
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Short enough to be waited for, long enough for a busy machine.
pub const TIMEOUT_MS: i32 = 3_000;
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

    /// A server is about to be started, and will give the session its whole timeout anew.
    pub fn note_start(&mut self) {
        self.client.note_heard();
    }

    /// Keeps the session alive until the server dies.
    pub fn stay(&mut self) {
        loop {
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

/// Waits until the ephemerals of all visitors are gone; `spawned` is when the new server process was started. Gives what
/// everybody here has seen.
pub fn expect_departure(address: SocketAddr, mut visitors: Vec<Visitor>, spawned: Instant, clock: Clock) -> Vec<Event> {
    let mut watcher = Noted::connect(address, 40_000, clock).unwrap_or_else(|error| panic!("the watcher: {error}"));
    let timeout = Duration::from_millis(u64::try_from(TIMEOUT_MS).expect("positive"));
    let paths: Vec<String> = visitors.iter().flat_map(|visitor| visitor.paths.clone()).collect();
    for path in &paths {
        let reply = watcher.call(&Request::exists(path, true)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let early = spawned.elapsed() < timeout;
        match reply.body {
            Body::Stat(stat) => assert!(visitors.iter().any(|one| one.client.session() == stat.ephemeral_owner)),
            _ => assert!(!early, "{path} was acknowledged and is not there"),
        }
    }
    for _ in &paths {
        let event = watcher.next_event().unwrap_or_else(|error| panic!("an ephemeral did not go: {error}"));
        assert!(event.kind == NODE_DELETED && paths.contains(&event.path), "{event:?}");
        assert!(spawned.elapsed() >= timeout, "{} went {:?} after the start", event.path, spawned.elapsed());
    }
    assert!(spawned.elapsed() < timeout + LATE, "the ephemerals went only after {:?}", spawned.elapsed());
    for visitor in &mut visitors {
        let back = visitor.client.reattach(address);
        assert!(back.is_err(), "session {:#x} is over and was taken back", visitor.client.session());
    }
    let seen = visitors.into_iter().flat_map(|visitor| visitor.client.into_events());
    seen.chain(watcher.into_events()).collect()
}
