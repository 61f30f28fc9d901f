//! Figures by server: one for each that something was counted for.

use std::sync::OnceLock;

use paddock_consensus::ServerId;

/// No more servers have figures than this.
const SERVERS_MAX: usize = 255;

/// Figures of one kind for each server, which one thread writes. A server that has some keeps its place.
#[derive(Debug)]
pub struct ByServer<T>(Box<[Place<T>]>);

/// Of one server, once it has one.
type Place<T> = OnceLock<(ServerId, Box<T>)>;

impl<T> Default for ByServer<T> {
    fn default() -> ByServer<T> {
        ByServer((0..SERVERS_MAX).map(|_| OnceLock::new()).collect())
    }
}

impl<T: Default> ByServer<T> {
    /// Writes the figures of a server. One that is too many has none. For their one writer.
    pub fn with(&self, server: ServerId, write: impl FnOnce(&T)) {
        let of_server = self.0.iter().find_map(|place| {
            let (known, figures) = place.get_or_init(|| (server, Box::default()));
            (*known == server).then_some(figures)
        });
        if let Some(figures) = of_server {
            write(figures);
        }
    }

    /// Calls with each server that has figures.
    pub fn for_each(&self, mut take: impl FnMut(ServerId, &T)) {
        for (server, figures) in self.0.iter().map_while(OnceLock::get) {
            take(*server, figures);
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;

    use super::{ByServer, SERVERS_MAX};
    use crate::counter::Counter;

    #[test]
    fn each_server_has_its_own_up_to_a_bound() {
        let counters = ByServer::<Counter>::default();
        for server in [3, 1, 3] {
            counters.with(ServerId(server), |counter| counter.add(1));
        }
        let told = |counters: &ByServer<Counter>| {
            let mut told = Vec::new();
            counters.for_each(|ServerId(server), counter| told.push((server, counter.get())));
            told
        };
        assert_eq!(told(&counters), [(3, 2), (1, 1)]);
        (0..1000).for_each(|server| counters.with(ServerId(server), |counter| counter.add(1)));
        assert_eq!(told(&counters).len(), SERVERS_MAX);
    }
}
