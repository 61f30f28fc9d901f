//! Those who observe this server, for whoever asks: where they are, and what went to them and came from them. The replica writes it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use paddock_consensus::ServerId;

/// An observer that this server sends what it sends all, at the end of a turn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObserverFigures<A> {
    pub server: ServerId,
    /// Where its connection comes from.
    pub address: A,
    /// When it has connected, by the wall clock, ms since 1970.
    pub established_ms: i64,
    /// What waits to be sent to it.
    pub queued_packets: u64,
    pub queued_bytes: u64,
    pub counts: ObserverCounts,
    /// The transaction that the last packet to it which has named one did; -1 before that.
    pub zxid: i64,
}

/// Packets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ObserverCounts {
    /// From when it was told that it is up to date.
    pub received: u64,
    /// Without what a state is sent as.
    pub sent: u64,
    /// Those received that were requests of its clients.
    pub requests: u64,
}

#[derive(Debug, Default)]
pub struct Observers(Mutex<Vec<Observer>>);

#[derive(Debug)]
struct Observer {
    figures: ObserverFigures<Box<str>>,
    /// From where on it is counted.
    since: ObserverCounts,
}

impl Observers {
    /// These are the observers by now.
    pub fn set(&self, all: &[ObserverFigures<&str>]) {
        let mut observers = self.lock();
        let is_same = observers.iter().map(|one| one.key()).eq(all.iter().map(|one| (one.server, one.address)));
        if !is_same {
            let mut former = std::mem::take(&mut *observers);
            *observers = all.iter().map(|one| Observer::next(one, &mut former)).collect();
        }
        observers.iter_mut().zip(all).for_each(|(observer, figures)| observer.update(figures));
    }

    /// All of them, with what is counted since the last reset.
    pub fn told(&self) -> Vec<ObserverFigures<Box<str>>> {
        self.lock().iter().map(Observer::told).collect()
    }

    /// What is counted begins anew.
    pub fn reset(&self) {
        self.lock().iter_mut().for_each(|observer| observer.since = observer.figures.counts);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Observer>> {
        // What is there is whole, whoever has panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer {
    /// One that may be among the former ones.
    fn next(figures: &ObserverFigures<&str>, former: &mut Vec<Observer>) -> Observer {
        let known = former.iter().position(|one| one.key() == (figures.server, figures.address));
        known.map(|place| former.swap_remove(place)).unwrap_or_else(|| Observer {
            figures: ObserverFigures {
                server: figures.server,
                address: figures.address.into(),
                established_ms: figures.established_ms,
                queued_packets: 0,
                queued_bytes: 0,
                counts: ObserverCounts::default(),
                zxid: -1,
            },
            since: ObserverCounts::default(),
        })
    }

    fn key(&self) -> (ServerId, &str) {
        (self.figures.server, &self.figures.address)
    }

    /// When it has connected stays what was said first: it comes from two clocks that may not go together.
    fn update(&mut self, now: &ObserverFigures<&str>) {
        let figures = &mut self.figures;
        (figures.queued_packets, figures.queued_bytes) = (now.queued_packets, now.queued_bytes);
        (figures.counts, figures.zxid) = (now.counts, now.zxid);
    }

    fn told(&self) -> ObserverFigures<Box<str>> {
        let Observer { figures, since } = self;
        let counts = ObserverCounts {
            received: figures.counts.received.saturating_sub(since.received),
            sent: figures.counts.sent.saturating_sub(since.sent),
            requests: figures.counts.requests.saturating_sub(since.requests),
        };
        // As in ZooKeeper, what was named before the reset is forgotten by it.
        let zxid = if counts.sent == 0 { -1 } else { figures.zxid };
        ObserverFigures { counts, zxid, ..figures.clone() }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;

    use super::{ObserverCounts, ObserverFigures, Observers};

    fn figures(server: i64, address: &str, sent: u64) -> ObserverFigures<&str> {
        ObserverFigures {
            server: ServerId(server),
            address,
            established_ms: 100,
            queued_packets: 1,
            queued_bytes: 20,
            counts: ObserverCounts { received: 2 * sent, sent, requests: sent },
            zxid: 7,
        }
    }

    /// Server, address, packets sent, and the last transaction.
    fn told(observers: &Observers) -> Vec<(i64, String, u64, i64)> {
        let told = observers.told();
        told.iter().map(|one| (one.server.0, one.address.to_string(), one.counts.sent, one.zxid)).collect()
    }

    #[test]
    fn observers_are_those_of_the_last_turn() {
        let observers = Observers::default();
        assert_eq!(told(&observers), []);
        observers.set(&[figures(4, "10.0.0.4:5", 3), figures(5, "10.0.0.5:6", 9)]);
        assert_eq!(told(&observers), [(4, "10.0.0.4:5".to_owned(), 3, 7), (5, "10.0.0.5:6".to_owned(), 9, 7)]);
        observers.set(&[figures(5, "10.0.0.5:7", 1)]);
        assert_eq!(told(&observers), [(5, "10.0.0.5:7".to_owned(), 1, 7)]);
        observers.set(&[]);
        assert_eq!(told(&observers), []);
    }

    #[test]
    fn a_reset_has_counts_begin_anew_and_stays_with_its_connection() {
        let observers = Observers::default();
        observers.set(&[figures(4, "a:1", 3), figures(5, "b:1", 9)]);
        observers.reset();
        assert_eq!(told(&observers), [(4, "a:1".to_owned(), 0, -1), (5, "b:1".to_owned(), 0, -1)]);
        observers.set(&[ObserverFigures { established_ms: 101, ..figures(5, "b:1", 11) }, figures(6, "c:1", 2)]);
        assert_eq!(told(&observers), [(5, "b:1".to_owned(), 2, 7), (6, "c:1".to_owned(), 2, 7)]);
        let one = &observers.told()[0];
        assert_eq!((one.counts.received, one.counts.requests, one.queued_packets), (4, 2, 1));
        assert_eq!((one.queued_bytes, one.established_ms), (20, 100));
    }
}
