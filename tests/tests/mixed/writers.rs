//! Clients that write while servers come and go. Each has a session, a znode whose versions it counts, and an ephemeral.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use paddock_tests::client::{Client, ClientError};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, poll_until};

use crate::ensemble::{Addresses, Ensemble, mode};

pub struct Writer {
    addresses: Addresses,
    client: Client,
    path: String,
    /// Writes that were sent, and are done or not.
    sent: u32,
    /// Writes that were answered. Others may look.
    acknowledged: Arc<AtomicU32>,
    answers: Vec<Answer>,
    connections_lost: u32,
}

/// When a write was acknowledged, and as which transaction.
#[derive(Clone, Copy)]
pub struct Answer {
    pub time: Instant,
    pub zxid: i64,
}

/// What is left of a writer, and must be there.
pub struct Written {
    path: String,
    session: i64,
    sent: u32,
    acknowledged: u32,
    /// In their order.
    pub answers: Vec<Answer>,
    pub connections_lost: u32,
}

impl Writer {
    /// With a session at that server.
    pub fn begin(ensemble: &Ensemble, id: u32) -> Writer {
        Writer::of_path(ensemble, id, format!("/writer-{id}"))
    }

    /// The same, where a server has more than one.
    pub fn of_path(ensemble: &Ensemble, id: u32, path: String) -> Writer {
        let mut client = ensemble.connect(id);
        client.ok(&Request::create(&path, b"", flags::PERSISTENT));
        client.ok(&Request::create(&format!("{path}-lives"), b"", flags::EPHEMERAL));
        let (addresses, acknowledged) = (ensemble.addresses(), Arc::default());
        Writer { addresses, client, path, sent: 0, acknowledged, answers: Vec::new(), connections_lost: 0 }
    }

    /// How many writes were answered, while the writer goes on.
    pub fn acknowledged(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.acknowledged)
    }

    /// Writes, one at a time, until it is told to stop.
    pub fn run(mut self, stop: &AtomicBool) -> Written {
        while !stop.load(Ordering::Relaxed) {
            self.sent += 1;
            match self.client.call(&Request::set_data(&self.path, self.sent.to_string().as_bytes(), -1)) {
                Ok(reply) => {
                    assert_eq!(reply.err, 0, "{} {}", self.path, self.sent);
                    self.answers.push(Answer { time: Instant::now(), zxid: reply.zxid });
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                Err(ClientError::Closed) => self.come_back(),
                Err(error) => panic!("{} {}: {error}", self.path, self.sent),
            }
        }
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        let Writer { path, client, sent, answers, connections_lost, .. } = self;
        Written { path, session: client.session.id, sent, acknowledged, answers, connections_lost }
    }

    /// The same session, at any server that serves and has seen what this client has.
    fn come_back(&mut self) {
        self.connections_lost += 1;
        let client = poll_until(DEADLINE, || {
            let addresses: Vec<_> = self.addresses.lock().expect("nobody panics with it").values().copied().collect();
            addresses.into_iter().filter(|&address| mode(address).is_some()).find_map(|address| match Client::reattach(
                address,
                &self.client.session,
                self.client.last_zxid,
            ) {
                Ok(client) => Some(client),
                Err(ClientError::Refused) => panic!("the session of {} has expired", self.path),
                Err(_) => None,
            })
        });
        self.client = client.unwrap_or_else(|| panic!("nobody serves {}", self.path));
    }
}

impl Written {
    /// What was acknowledged is there, nothing that was not sent, and the session has lived all the time.
    pub fn assert_kept(&self, ensemble: &Ensemble, id: u32) {
        let mut client = ensemble.connect(id);
        client.ok(&Request::sync(&self.path));
        let reply = client.ok(&Request::get_data(&self.path, false));
        let version = u32::try_from(reply.stat().version).expect("versions are counted from 0");
        let (acknowledged, sent) = (self.acknowledged, self.sent);
        assert!((acknowledged..=sent).contains(&version), "{}: {acknowledged} {version} {sent}", self.path);
        let last = std::str::from_utf8(reply.data().expect("it was set")).ok().and_then(|last| last.parse().ok());
        assert!((acknowledged..=sent).contains(&last.expect("a number")), "{}: {acknowledged} {last:?}", self.path);
        let lives = client.ok(&Request::exists(&format!("{}-lives", self.path), false));
        assert_eq!(lives.stat().ephemeral_owner, self.session);
    }
}
