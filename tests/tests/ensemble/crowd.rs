//! Very many sessions that go on with whatever server there is, and write now and then.
use crate::clients::{Servers, may_end};
use crate::setter::{Ack, Acks};
use paddock_history::Event;
use paddock_tests::client::ClientError;
use paddock_tests::noted::{Clock, Noted};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, poll_until};
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const TIMEOUT_MS: i32 = 10_000;
/// The system waits for no shorter time.
const SHORTEST: Duration = Duration::from_micros(1);
/// A server that is silent for so long is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// A session writes so often, or pings. Its turn comes in each of these periods at the same time, whatever has kept it before:
/// so that there are always some that write, also after all have lost their servers at once.
const PERIOD: Duration = Duration::from_secs(2);
/// Between two times that somebody tries all servers of which none has taken anybody.
const KNOCK_INTERVAL: Duration = Duration::from_millis(5);
/// Sessions are made by so many threads.
const MAKERS: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Write,
    /// Only ping.
    Hold,
    End,
}

#[derive(Debug)]
struct State {
    order: Order,
    /// Writes that were asked for and are not acknowledged.
    writing: usize,
    /// Sessions that have lost their connection and have no other yet.
    away: usize,
    expired: usize,
    has_failed: bool,
    /// Somebody tries all servers. Who has lost his connection since anybody was taken waits for him, as clients do that
    /// do not want to be a storm.
    is_knocking: bool,
    /// When a session was last taken by another server, and taken last of those that were away.
    taken: u64,
}

/// What all of them share.
#[derive(Debug)]
pub struct Crowd {
    state: Mutex<State>,
    changed: Condvar,
    pub acks: Acks,
    clock: Clock,
}

impl Crowd {
    pub fn new(clock: Clock) -> Crowd {
        let state = State {
            order: Order::Write,
            writing: 0,
            away: 0,
            expired: 0,
            has_failed: false,
            is_knocking: false,
            taken: 0,
        };
        Crowd { state: Mutex::new(state), changed: Condvar::new(), acks: Acks::default(), clock }
    }

    /// So many sessions, spread over these servers.
    pub fn members(&self, addresses: &[SocketAddr], count: usize) -> Vec<Member<'_>> {
        let make = |maker| (maker..count).step_by(MAKERS).map(|number| Member::new(self, addresses, number, count));
        std::thread::scope(|scope| {
            let makers: Vec<_> =
                (0..MAKERS).map(|maker| scope.spawn(move || make(maker).collect::<Vec<_>>())).collect();
            makers.into_iter().flat_map(|maker| maker.join().expect("a new ensemble takes sessions")).collect()
        })
    }

    /// They only ping from now on, and what they have asked for is acknowledged when this returns.
    pub fn hold(&self) {
        self.give(Order::Hold);
        let end = poll_until(DEADLINE, || (self.lock().writing == 0).then_some(()));
        assert!(end.is_some(), "{} sessions wait for their writes", self.lock().writing);
    }

    /// They write again.
    pub fn go_on(&self) {
        self.give(Order::Write);
    }

    /// They close their sessions.
    pub fn end(&self) {
        self.give(Order::End);
    }

    /// Waits until every session has a server. When the last one of them was taken.
    pub fn wait_until_back(&self) -> u64 {
        let back = poll_until(DEADLINE, || {
            let state = self.lock();
            assert!(!state.has_failed, "a session has failed");
            (state.away == 0).then_some(state.taken)
        });
        back.unwrap_or_else(|| panic!("{} sessions find no server", self.lock().away))
    }

    /// How many sessions were refused by a server.
    pub fn expired(&self) -> usize {
        self.lock().expired
    }

    fn give(&self, order: Order) {
        self.lock().order = order;
        self.changed.notify_all();
    }

    /// Whether it may write. It is counted until it is [done](Crowd::done) with it.
    fn begin_write(&self) -> bool {
        let mut state = self.lock();
        let may = state.order == Order::Write;
        state.writing += usize::from(may);
        may
    }

    fn done(&self) {
        self.lock().writing -= 1;
    }

    /// Calls `attach` until that succeeds: one at a time, until a server has taken somebody since `lost`.
    fn come_in(&self, lost: u64, mut attach: impl FnMut() -> bool) {
        self.lock().away += 1;
        loop {
            let knocks = {
                let waits = |state: &mut State| state.taken <= lost && state.is_knocking && !state.has_failed;
                let mut state = self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
                if state.has_failed {
                    return;
                }
                let knocks = state.taken <= lost;
                state.is_knocking |= knocks;
                knocks
            };
            let is_in = attach();
            let mut state = self.lock();
            if knocks {
                state.is_knocking = false;
            }
            if is_in {
                state.away -= 1;
                state.taken = self.clock.now();
            }
            self.changed.notify_all();
            drop(state);
            if is_in {
                return;
            }
            std::thread::park_timeout(KNOCK_INTERVAL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic leaves is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that sets an ephemeral of its own again and again.
#[derive(Debug)]
pub struct Member<'c> {
    crowd: &'c Crowd,
    client: Noted,
    servers: Servers,
    path: String,
    /// When it is to write, or to ping, next: nanoseconds of the clock of the run.
    due: u64,
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("some seconds")
}

/// A session that is no more.
struct Expired;

impl<'c> Member<'c> {
    fn new(crowd: &'c Crowd, addresses: &[SocketAddr], number: usize, count: usize) -> Member<'c> {
        let servers = Servers::new(addresses, number);
        let client = Noted::connect_within(servers.current(), TIMEOUT_MS, PATIENCE, crowd.clock);
        let mut client = client.unwrap_or_else(|error| panic!("session {number}: {error}"));
        let path = format!("/member-{number}");
        let reply = client.call(&Request::create(&path, b"", flags::EPHEMERAL));
        assert_eq!(reply.map(|reply| reply.err).ok(), Some(0), "{path}");
        Member { crowd, client, servers, path, due: nanos(PERIOD.mul_f64(number as f64 / count as f64)) }
    }

    /// Writes, rests, and pings as it is told, until it is to end. Gives all that was seen.
    pub fn stay(mut self) -> Vec<Event> {
        let _failure = Failure(self.crowd);
        loop {
            let stayed = self.wait_for_turn().and_then(|()| match self.crowd.begin_write() {
                true => self.write(),
                false => self.ping(),
            });
            let (order, has_failed) = {
                let state = self.crowd.lock();
                (state.order, state.has_failed)
            };
            if stayed.is_err() || has_failed || (order == Order::End && self.close().is_ok()) {
                return self.client.into_events();
            }
        }
    }

    /// Comes back at once when the connection ends meanwhile.
    fn wait_for_turn(&mut self) -> Result<(), Expired> {
        let now = self.crowd.clock.now();
        self.due += now.saturating_sub(self.due).div_ceil(nanos(PERIOD)) * nanos(PERIOD);
        loop {
            let left = self.due.saturating_sub(self.crowd.clock.now());
            if left == 0 {
                return Ok(());
            }
            if let Err(error) = self.client.idle(Duration::from_nanos(left).max(SHORTEST)) {
                self.come_back(&error)?;
            }
        }
    }

    /// Again, at another server, until it is acknowledged.
    fn write(&mut self) -> Result<(), Expired> {
        let asked = self.crowd.clock.now();
        let written = loop {
            match self.client.call(&Request::set_data(&self.path, b"", -1)) {
                Ok(reply) => {
                    assert_eq!(reply.err, 0, "{}", self.path);
                    self.crowd.acks.add(Ack { asked, acknowledged: self.crowd.clock.now() });
                    break Ok(());
                }
                Err(error) => {
                    if let Err(expired) = self.come_back(&error) {
                        break Err(expired);
                    }
                }
            }
            if self.crowd.lock().has_failed {
                break Err(Expired);
            }
        };
        self.crowd.done();
        written
    }

    fn ping(&mut self) -> Result<(), Expired> {
        match self.client.call(&Request::ping()) {
            Ok(_) => Ok(()),
            Err(error) => self.come_back(&error),
        }
    }

    fn close(&mut self) -> Result<(), ClientError> {
        match self.client.call(&Request::close()) {
            Ok(_) | Err(ClientError::Refused) => Ok(()),
            Err(error) => self.come_back(&error).map_err(|Expired| ClientError::Refused),
        }
    }

    /// The connection has ended: the session goes to another server.
    fn come_back(&mut self, error: &ClientError) -> Result<(), Expired> {
        assert!(may_end(error), "{}: {error}", self.path);
        let Member { crowd, client, servers, path, .. } = self;
        let mut is_expired = false;
        crowd.come_in(crowd.clock.now(), || {
            servers.find_once(|address| match client.reattach(address) {
                Ok(()) => true,
                Err(ClientError::Refused) => {
                    is_expired = true;
                    true
                }
                Err(error) => {
                    assert!(may_end(&error), "{path} at {address}: {error}");
                    false
                }
            })
        });
        if is_expired {
            self.crowd.lock().expired += 1;
            return Err(Expired);
        }
        Ok(())
    }
}

/// Where one panics nobody waits for it.
struct Failure<'c>(&'c Crowd);

impl Drop for Failure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().has_failed = true;
            self.0.changed.notify_all();
        }
    }
}
