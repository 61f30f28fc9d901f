//! Clients that know all servers, and go to the next one when their connection ends.
use crate::load::Load;
use paddock_history::Event;
use paddock_tests::client::ClientError;
use paddock_tests::noted::{Clock, Noted};
use paddock_tests::request::Request;
use paddock_tests::rounds::writer::{Fate, SHARED, Writer};
use paddock_tests::server::{DEADLINE, poll_every};
use std::net::SocketAddr;
use std::time::Duration;

/// Between two times that a client tries all servers.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);
/// Every second client gives up a server that is silent for so long. The others wait as long as tests wait for anything.
const PATIENCE: Duration = Duration::from_secs(1);
const TIMEOUT_MS: i32 = 40_000;

/// Every server, in the order in which one client tries them.
#[derive(Debug, Clone)]
pub struct Servers {
    addresses: Vec<SocketAddr>,
    at: usize,
}

impl Servers {
    /// Beginning with one of them, counted on from the last to the first.
    pub fn new(addresses: &[SocketAddr], first: usize) -> Servers {
        Servers { addresses: addresses.to_vec(), at: first % addresses.len() }
    }

    pub fn current(&self) -> SocketAddr {
        self.addresses[self.at]
    }

    /// Whether `attach` succeeds with one of them, of which each is tried once, the next one first.
    pub fn find_once(&mut self, mut attach: impl FnMut(SocketAddr) -> bool) -> bool {
        (0..self.addresses.len()).any(|_| {
            self.at = (self.at + 1) % self.addresses.len();
            attach(self.current())
        })
    }

    /// Goes on to the next one until `attach` succeeds with one. Nothing when another client has failed meanwhile.
    pub fn find<T>(&mut self, load: &Load, mut attach: impl FnMut(SocketAddr) -> Result<T, ClientError>) -> Option<T> {
        let found = poll_every(RETRY_INTERVAL, DEADLINE, || {
            for _ in 0..self.addresses.len() {
                if load.has_failed() {
                    return Some(None);
                }
                self.at = (self.at + 1) % self.addresses.len();
                match attach(self.current()) {
                    Ok(attached) => return Some(Some(attached)),
                    Err(error) => assert!(may_end(&error), "{}: {error}", self.current()),
                }
            }
            None
        });
        found.expect("no server takes the session")
    }
}

/// Whether a connection may end so when servers die. A session is never refused: each comes back in time.
pub fn may_end(error: &ClientError) -> bool {
    matches!(error, ClientError::Closed | ClientError::TimedOut | ClientError::Io(_))
}

/// What became of writes that were on their way when a connection ended.
#[derive(Debug, Default)]
pub struct Tally {
    pub connections: usize,
    pub executed: usize,
    pub lost: usize,
}

impl Tally {
    fn count(&mut self, fate: &Fate) {
        self.connections += 1;
        self.executed += fate.executed;
        self.lost += fate.lost;
    }

    pub fn plus(self, other: &Tally) -> Tally {
        Tally {
            connections: self.connections + other.connections,
            executed: self.executed + other.executed,
            lost: self.lost + other.lost,
        }
    }
}

#[derive(Debug)]
pub struct RoundsWriter {
    writer: Writer,
    servers: Servers,
    pub tally: Tally,
}

impl RoundsWriter {
    pub fn new(addresses: &[SocketAddr], number: usize, seed: u64, clock: Clock) -> RoundsWriter {
        let servers = Servers::new(addresses, number);
        let mut writer = Writer::new(servers.current(), number, seed, clock).expect("a new ensemble takes sessions");
        if number.is_multiple_of(2) {
            writer.set_patience(PATIENCE);
        }
        RoundsWriter { writer, servers, tally: Tally::default() }
    }

    /// Writes until the load is over, on one server after the other, and compares all that is there after each.
    pub fn write(&mut self, load: &Load) {
        loop {
            let acknowledged = || {
                load.acknowledge();
                load.rest();
            };
            let written = self.writer.write(|| load.goes_on(), acknowledged);
            match written.and_then(|()| self.writer.compare()) {
                Ok(_) => return,
                Err(error) => assert!(may_end(&error), "{}: {error}", self.writer.home),
            }
            let Some(fate) = self.servers.find(load, |address| self.writer.recover(address)) else { return };
            self.tally.count(&fate);
        }
    }

    pub fn into_events(self) -> Vec<Event> {
        self.writer.into_events()
    }
}

/// Asks for a sync and then for what all writers set, again and again, for the judge.
#[derive(Debug)]
pub struct Reader {
    client: Noted,
    servers: Servers,
}

impl Reader {
    pub fn new(addresses: &[SocketAddr], number: usize, clock: Clock) -> Reader {
        let servers = Servers::new(addresses, number);
        let client = Noted::connect(servers.current(), TIMEOUT_MS, clock).expect("an ensemble takes sessions");
        Reader { client, servers }
    }

    /// Reads until the load is over.
    pub fn read(&mut self, load: &Load) {
        while load.goes_on() {
            if let Err(error) = self.ask().and_then(|()| self.hear()) {
                assert!(may_end(&error), "a reader: {error}");
                let Some(()) = self.servers.find(load, |address| self.client.reattach(address)) else { return };
            }
            load.rest();
        }
    }

    /// Both are on their way at once, so that the read is done as soon as the server thinks that it may.
    pub fn ask(&mut self) -> Result<(), ClientError> {
        self.client.queue(&Request::sync(SHARED));
        self.client.queue(&Request::get_data(SHARED, false));
        self.client.flush()
    }

    /// Both answers; an error is the end of the connection.
    pub fn hear(&mut self) -> Result<(), ClientError> {
        for _ in 0..2 {
            let reply = self.client.next_reply()?;
            assert_eq!(reply.err, 0, "a reader's {reply:?}");
        }
        Ok(())
    }

    pub fn into_events(self) -> Vec<Event> {
        self.client.into_events()
    }
}
