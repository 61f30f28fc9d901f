//! TLS of the ports for clients: what their connections are made with, which may change while the server runs.

use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::tls::context::ServerContext;

/// Which of the ports for clients a connection came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortKind {
    /// `clientPort`.
    Plain,
    /// `secureClientPort`: whoever does not speak TLS is closed.
    Secure,
    /// `clientPort` with `client.portUnification`: the first byte tells whether a client speaks TLS.
    Unified,
}

/// What every reactor goes by.
#[derive(Debug)]
pub struct ClientTls {
    /// What the next connections are made with. Those that are there keep theirs.
    context: RwLock<ServerContext>,
    /// Whether clients are asked for certificates, which tell who they are.
    asks_for_certificate: bool,
    /// `netty.server.outstandingHandshake.limit`, if there is one.
    handshakes_max: Option<u64>,
    /// `netty.server.earlyDropSecureConnectionHandshakes`.
    drops_early: bool,
}

impl ClientTls {
    /// One without limits, that asks for certificates.
    pub fn new(context: ServerContext) -> ClientTls {
        ClientTls {
            context: RwLock::new(context),
            asks_for_certificate: true,
            handshakes_max: None,
            drops_early: false,
        }
    }

    /// Whether clients are asked for certificates.
    pub fn with_certificates(self, asks_for_certificate: bool) -> ClientTls {
        ClientTls { asks_for_certificate, ..self }
    }

    /// No more handshakes than these are under way at once.
    pub fn with_handshakes_max(self, handshakes_max: Option<u64>) -> ClientTls {
        ClientTls { handshakes_max, ..self }
    }

    /// Whether secure connections are closed before their handshakes while nobody is served.
    pub fn with_early_drops(self, drops_early: bool) -> ClientTls {
        ClientTls { drops_early, ..self }
    }

    /// What a connection is made with at this moment.
    pub fn context(&self) -> ServerContext {
        self.context.read().expect("no holder of this lock panics").clone()
    }

    /// From now on connections are made with this.
    pub fn replace(&self, context: ServerContext) {
        *self.context.write().expect("no holder of this lock panics") = context;
    }

    /// Whether clients are asked for certificates, which tell who they are.
    pub fn asks_for_certificate(&self) -> bool {
        self.asks_for_certificate
    }

    /// Whether secure connections are closed before their handshakes while nobody is served.
    pub fn drops_early(&self) -> bool {
        self.drops_early
    }

    /// How many handshakes may be under way at once; `None` is no limit.
    pub fn handshakes_max(&self) -> Option<u64> {
        self.handshakes_max
    }
}

/// The TLS handshakes that are under way, over all reactors. Where the first byte tells whether a client speaks TLS, it counts
/// until that is there.
#[derive(Debug, Default)]
pub struct OutstandingHandshakes(AtomicU64);

impl OutstandingHandshakes {
    /// Counts one more, unless there are `max` already.
    pub fn begin(&self, max: Option<u64>) -> bool {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        let is_taken = max.is_none_or(|max| before < max);
        if !is_taken {
            self.end();
        }
        is_taken
    }

    /// One is over, however it has ended.
    pub fn end(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::OutstandingHandshakes;

    #[test]
    fn no_more_handshakes_are_under_way_than_may_be() {
        let handshakes = OutstandingHandshakes::default();
        assert!(handshakes.begin(Some(2)) && handshakes.begin(Some(2)));
        assert!(!handshakes.begin(Some(2)));
        assert_eq!(handshakes.count(), 2, "one that is too many does not count");
        handshakes.end();
        assert!(handshakes.begin(Some(2)) && handshakes.begin(None));
    }
}
