//! Figures of the running server, for whoever asks.
//!
//! Every counter has one thread that writes it. Readers may see a value that is a moment old, and values that were never
//! true at the same moment.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use crate::admin_status::AdminStatus;
use crate::client_tls::OutstandingHandshakes;
use crate::clock::Clock;
use crate::counter::{Counter, Totals};
use crate::member_status::MemberStatus;

pub use crate::reactor_status::ReactorStatus;
pub use crate::replica_status::ReplicaStatus;

/// What the thread counts that takes backups, where there is one.
#[derive(Debug, Default)]
pub struct BackupStatus {
    /// Those that were taken since the start.
    pub taken: Counter,
    /// 1 while the last one that was tried could not be taken.
    pub fails: Counter,
    /// When the newest one was taken, ms of the wall clock, and how long that took.
    pub at_millis: Counter,
    pub millis: Counter,
}

/// How many connections each address has, over all reactors, and how many descriptors all of them have. Its lock is taken
/// only when a connection opens or closes.
#[derive(Debug)]
pub struct Peers {
    /// How many connections there are descriptors for.
    room: u64,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    by_address: HashMap<IpAddr, u32>,
    connections: u64,
    /// The descriptors of the connections, and of those that have left and are not closed yet.
    descriptors: u64,
    /// Whether the reactor that accepts has found no room, and waits for a descriptor.
    is_awaited: bool,
}

/// There is no limit of all connections together.
impl Default for Peers {
    fn default() -> Peers {
        Peers::new(u64::MAX)
    }
}

impl Peers {
    /// The peers of a server that has descriptors for so many connections.
    pub fn new(room: u64) -> Peers {
        Peers { room, counts: Mutex::default() }
    }

    /// How many connections there are descriptors for.
    pub fn room(&self) -> u64 {
        self.room
    }

    /// Whether there is a descriptor for one more. If not, [`note_closed`](Peers::note_closed) tells when there is.
    pub fn has_room(&self) -> bool {
        let mut counts = self.lock();
        counts.is_awaited = counts.descriptors >= self.room;
        !counts.is_awaited
    }

    /// Counts one connection more, unless the address has `max` already, or all addresses together have `total_max`. 0 is no
    /// limit.
    pub fn admit(&self, address: IpAddr, max: u32, total_max: u32) -> bool {
        let mut counts = self.lock();
        if total_max > 0 && counts.connections >= u64::from(total_max) {
            return false;
        }
        let count = counts.by_address.entry(address).or_insert(0);
        if max > 0 && *count >= max {
            return false;
        }
        *count += 1;
        counts.connections += 1;
        counts.descriptors += 1;
        true
    }

    /// Counts one connection less. Its descriptor counts until [`note_closed`](Peers::note_closed).
    pub fn leave(&self, address: IpAddr) {
        let mut counts = self.lock();
        let count = counts.by_address.get_mut(&address).expect("only who was admitted leaves");
        *count -= 1;
        if *count == 0 {
            counts.by_address.remove(&address);
        }
        counts.connections -= 1;
    }

    /// Notes that the descriptor of a connection that has left is closed. Returns whether somebody waits for it.
    #[must_use]
    pub fn note_closed(&self) -> bool {
        let mut counts = self.lock();
        counts.descriptors -= 1;
        std::mem::take(&mut counts.is_awaited)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("no holder of this lock panics")
    }
}

/// What ZooKeeper's trace shows, by bits. Nothing of this server goes by it.
#[derive(Debug)]
pub struct TraceMask(pub AtomicI64);

/// Requests of clients, packets of servers, sessions and warnings.
impl Default for TraceMask {
    fn default() -> TraceMask {
        TraceMask(AtomicI64::new(306))
    }
}

/// A text that is made when somebody asks for it.
pub struct Text(Box<dyn Fn() -> String + Send + Sync>);

impl Text {
    pub fn new(make: impl Fn() -> String + Send + Sync + 'static) -> Text {
        Text(Box::new(make))
    }

    pub fn now(&self) -> String {
        (self.0)()
    }
}

/// The empty text.
impl Default for Text {
    fn default() -> Text {
        Text::new(String::new)
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Text")
    }
}

/// The figures of one reactor among those of all.
pub struct Figures {
    status: Arc<Status>,
    /// Which of the reactors it is.
    reactor: usize,
}

impl Figures {
    pub fn new(status: Arc<Status>, reactor: usize) -> Figures {
        Figures { status, reactor }
    }

    /// The figures of the whole server.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// How many reactors there are.
    pub fn reactors(&self) -> usize {
        self.status.reactors.len()
    }

    /// The figures that this reactor writes.
    #[inline]
    pub fn own(&self) -> &ReactorStatus {
        &self.status.reactors[self.reactor]
    }

    /// The sum of one counter over the other reactors.
    pub fn sum_elsewhere(&self, counter: impl Fn(&ReactorStatus) -> &Counter) -> u64 {
        let others = self.status.reactors.iter().enumerate().filter(|(reactor, _)| *reactor != self.reactor);
        others.map(|(_, figures)| counter(figures).get()).sum()
    }
}

/// Everything that four-letter words tell of.
#[derive(Debug, Default)]
pub struct Status {
    pub reactors: Vec<ReactorStatus>,
    pub replica: ReplicaStatus,
    pub member: MemberStatus,
    pub backups: BackupStatus,
    pub admin: AdminStatus,
    pub peers: Peers,
    pub tls_handshakes: OutstandingHandshakes,
    /// How many open files the process may have.
    pub descriptors_max: u64,
    pub clock: Clock,
    /// The name of the version and the date of its build, as ZooKeeper's `getFullVersion`.
    pub version: String,
    /// The body of `conf`.
    pub configuration: Text,
    /// The answer to `envi`.
    pub environment: String,
    /// The answer to `dirs`.
    pub directory_sizes: Text,
    /// Whether new sessions are this server's alone.
    pub has_local_sessions: bool,
    /// How long a connection may be without a session, ms: ZooKeeper looks after connections by this.
    pub sessionless_millis: i64,
    pub trace_mask: TraceMask,
    /// The four-letter words that the operator allows.
    pub allowed_words: Vec<&'static str>,
}

impl Status {
    /// The sum of one counter over the reactors.
    pub fn sum(&self, counter: impl Fn(&ReactorStatus) -> &Counter) -> u64 {
        self.reactors.iter().map(|reactor| counter(reactor).get()).sum()
    }

    /// How long this server has been what it is, ms: since its part began or, where it stands alone, since the start.
    pub fn uptime_millis(&self) -> u64 {
        let since = self.clock.anchor_millis().max(self.member.since.get());
        self.clock.millis(Instant::now()).saturating_sub(since)
    }

    /// Everything that was sent to clients.
    pub fn sent(&self) -> u64 {
        self.reactors.iter().map(ReactorStatus::sent).sum()
    }

    /// Least, mean and greatest latency, in milliseconds as ZooKeeper tells them.
    pub fn latency_millis(&self) -> (u64, f64, u64) {
        let at_once = Totals { count: self.sum(|r| &r.at_once), ..Totals::default() };
        let waited = self.reactors.iter().flat_map(|r| [&r.reads, &r.updates]).map(|latency| latency.micros.totals());
        let all = waited.fold(at_once, Totals::and);
        (all.min / 1000, all.mean() / 1000.0, all.max / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::Peers;

    #[test]
    fn addresses_are_limited_apart_and_together() {
        let peers = Peers::new(u64::MAX);
        let (a, b) = ("1.1.1.1".parse().unwrap(), "1.1.1.2".parse().unwrap());
        assert!(peers.admit(a, 2, 3) && peers.admit(a, 2, 3));
        assert!(!peers.admit(a, 2, 3));
        assert!(peers.admit(b, 2, 3));
        assert!(!peers.admit(b, 2, 3));
        peers.leave(a);
        assert!(peers.admit(a, 2, 3), "it counts no more, although its descriptor is not closed");
        assert!(peers.admit(a, 0, 0));
    }

    #[test]
    fn room_is_told_of_to_whom_it_lacked_and_once() {
        let peers = Peers::new(2);
        let a = "1.1.1.1".parse().unwrap();
        for _ in 0..2 {
            assert!(peers.has_room() && peers.admit(a, 0, 0));
        }
        assert!(!peers.has_room());
        peers.leave(a);
        assert!(!peers.has_room(), "its descriptor is not closed yet");
        assert!(peers.note_closed());
        peers.leave(a);
        assert!(!peers.note_closed(), "it has been told");
        assert!(peers.has_room());
    }
}
