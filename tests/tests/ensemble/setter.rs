//! Clients that tell when an ensemble serves.
use crate::clients::{Servers, may_end};
use crate::load::Load;
use paddock_history::Event;
use paddock_tests::client::ClientError;
use paddock_tests::noted::{Clock, Noted};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, poll_until};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A server that is silent for so long is given up.
const PATIENCE: Duration = Duration::from_secs(1);

/// A write that was acknowledged, in nanoseconds of the clock of the run.
#[derive(Debug, Clone, Copy)]
pub struct Ack {
    pub asked: u64,
    pub acknowledged: u64,
}

/// Those of all setters, in the order in which they came.
#[derive(Debug, Default)]
pub struct Acks(Mutex<Vec<Ack>>);

impl Acks {
    pub fn add(&self, ack: Ack) {
        self.lock().push(ack);
    }

    /// The first one of a write that was asked for after this time, which must come as long as no client has failed.
    pub fn first_after(&self, time: u64, load: &Load) -> Ack {
        let found = poll_until(DEADLINE, || {
            assert!(!load.has_failed(), "a client has failed");
            self.lock().iter().find(|ack| ack.asked >= time).copied()
        });
        found.unwrap_or_else(|| panic!("nothing was acknowledged in {DEADLINE:?}"))
    }

    /// Whether there is one of a write that was asked for after this time.
    pub fn has_after(&self, time: u64) -> bool {
        self.lock().iter().any(|ack| ack.asked >= time)
    }

    /// The longest time in which none came, between these two times.
    pub fn silence(&self, from: u64, to: u64) -> Duration {
        let mut times: Vec<u64> = self.lock().iter().map(|ack| ack.acknowledged.clamp(from, to)).collect();
        times.extend([from, to]);
        times.sort_unstable();
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
        Duration::from_nanos(longest.expect("there are two times"))
    }

    /// The longest time that a write waited which was acknowledged between these two times.
    pub fn longest_wait(&self, from: u64, to: u64) -> Duration {
        let acks = self.lock();
        let between = acks.iter().filter(|ack| (from..=to).contains(&ack.acknowledged));
        Duration::from_nanos(between.map(|ack| ack.acknowledged - ack.asked).max().unwrap_or_default())
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Ack>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that sets an ephemeral of its own again and again, soon after it has been answered.
#[derive(Debug)]
pub struct Setter {
    client: Noted,
    servers: Servers,
    path: String,
    clock: Clock,
}

impl Setter {
    /// One that knows these servers and begins with one of them. As long as any of them is there for it within its timeout, in
    /// milliseconds, neither session nor ephemeral may be lost.
    pub fn new(addresses: &[SocketAddr], first: usize, timeout_ms: i32, clock: Clock) -> Setter {
        let servers = Servers::new(addresses, first);
        let client = Noted::connect_within(servers.current(), timeout_ms, PATIENCE, clock);
        let mut client = client.unwrap_or_else(|error| panic!("a setter: {error}"));
        let path = format!("/setter-{:x}", client.session());
        let reply = client.call(&Request::create(&path, b"", flags::EPHEMERAL));
        assert_eq!(reply.map(|reply| reply.err).ok(), Some(0), "{path}");
        Setter { client, servers, path, clock }
    }

    /// Sets it as long as that is to go on, and no client of the load has failed.
    pub fn set(&mut self, goes_on: impl Fn() -> bool, load: &Load, acks: &Acks) {
        while goes_on() && !load.has_failed() {
            let asked = self.clock.now();
            match self.client.call(&Request::set_data(&self.path, b"", -1)) {
                Ok(reply) => {
                    assert_eq!(reply.err, 0, "{}", self.path);
                    acks.add(Ack { asked, acknowledged: self.clock.now() });
                }
                Err(error) => self.go_on(&error, load),
            }
            load.rest();
        }
    }

    /// Ends the session, and with it the ephemeral. Gives all that was seen.
    pub fn close(mut self, load: &Load) -> Vec<Event> {
        loop {
            match self.client.call(&Request::close()) {
                Ok(_) | Err(ClientError::Refused) => return self.client.into_events(),
                Err(error) => self.go_on(&error, load),
            }
        }
    }

    /// Takes the session to another server.
    fn go_on(&mut self, error: &ClientError, load: &Load) {
        assert!(may_end(error), "{}: {error}", self.path);
        // Where another client has failed there is nothing to find.
        let _: Option<()> = self.servers.find(load, |address| self.client.reattach(address));
    }
}

#[test]
fn the_first_acknowledgement_and_the_longest_silence_are_found() {
    let acks = Acks::default();
    for (asked, acknowledged) in [(1, 3), (2, 12), (11, 30), (13, 20)] {
        acks.add(Ack { asked, acknowledged });
    }
    assert_eq!(acks.first_after(10, &Load::default()).acknowledged, 30);
    assert_eq!(acks.silence(3, 31), Duration::from_nanos(10));
    assert_eq!(acks.silence(13, 60), Duration::from_nanos(30));
    assert_eq!(
        (acks.longest_wait(3, 12), acks.longest_wait(13, 60)),
        (Duration::from_nanos(10), Duration::from_nanos(19))
    );
}
