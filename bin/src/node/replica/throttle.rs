//! The throttle of requests: how many may be under way, and what becomes of those that have waited too long.
//!
//! A request is *under way* from the moment it is taken to that of its answer. While too many are, nothing is taken, and
//! what the reactors send stays in their queues. A request that has lost its sense meanwhile is *stale*: its connection
//! is closed, or its session has timed out since. It is thrown away, and with it whatever comes later on its connection,
//! because later requests of a client must not be executed without the earlier ones.
//!
//! Time in which the server stood still counts: sessions are given it back, but a client that has waited has waited.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use paddock_net::exchange::{Request, RequestKind};

use super::home::Home;
use crate::config::RequestThrottleSettings;

/// Why the later requests of a connection may have to be thrown away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gone {
    /// The client has closed it.
    Closed,
    /// One of its requests was thrown away.
    Cut,
}

/// What to do with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judgement {
    Execute,
    /// Throw it away and close its connection.
    Drop,
    /// Answer that it has waited too long.
    Refuse,
}

#[derive(Debug)]
pub struct RequestThrottle {
    settings: RequestThrottleSettings,
    /// Until the reactor says in its turn that the connection is closed, which it always does after it said so ahead.
    gone: HashMap<Home, Gone>,
}

impl RequestThrottle {
    pub fn new(settings: RequestThrottleSettings) -> RequestThrottle {
        RequestThrottle { settings, gone: HashMap::new() }
    }

    /// Whether every request is executed, whatever becomes of it meanwhile.
    pub fn is_off(&self) -> bool {
        self.settings.requests_max.is_none() && self.settings.wait_max.is_none()
    }

    /// Whether so many requests under way leave room for one more.
    pub fn has_room(&self, under_way: usize) -> bool {
        self.settings.requests_max.is_none_or(|max| under_way < max)
    }

    /// The connection is closed; what was sent on it may still come.
    pub fn note_closed(&mut self, home: Home) {
        if self.settings.wants_gone() {
            self.gone.entry(home).or_insert(Gone::Closed);
        }
    }

    /// Nothing comes from this connection any more.
    pub fn forget(&mut self, home: Home) {
        self.gone.remove(&home);
    }

    /// Nothing comes from any connection that there was.
    pub fn forget_all(&mut self) {
        self.gone.clear();
    }

    /// What to do with the request. `timeout_ms` is that of its session.
    pub fn judge(&mut self, home: Home, request: &Request, timeout_ms: i32, now: Instant) -> Judgement {
        if matches!(request.kind, RequestKind::Disconnected) {
            return Judgement::Execute;
        }
        let waited = now.saturating_duration_since(request.received);
        if self.must_drop(home, request, timeout_ms, waited) {
            self.gone.insert(home, Gone::Cut);
            return Judgement::Drop;
        }
        let may_be_refused = refusable_xid(&request.kind).is_some();
        let is_late = self.settings.wait_max.is_some_and(|max| waited > max);
        if may_be_refused && is_late { Judgement::Refuse } else { Judgement::Execute }
    }

    fn must_drop(&self, home: Home, request: &Request, timeout_ms: i32, waited: Duration) -> bool {
        let gone = self.gone.get(&home);
        if gone == Some(&Gone::Cut) {
            return true;
        }
        if self.settings.requests_max.is_none() || !self.settings.drops_stale {
            return false;
        }
        // A session's end is worth having, however late.
        if matches!(request.kind, RequestKind::CloseSession { .. }) {
            return false;
        }
        let timeout = Duration::from_millis(timeout_ms.max(0).unsigned_abs().into());
        (self.settings.checks_connection && gone.is_some()) || (self.settings.checks_latency && waited > timeout)
    }
}

/// The xid of a request that may be refused for having waited; the begin and the end of a session never are.
pub fn refusable_xid(kind: &RequestKind) -> Option<i32> {
    match *kind {
        RequestKind::Write { xid, .. } | RequestKind::Sync { xid, .. } | RequestKind::Ephemerals { xid, .. } => {
            Some(xid)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use paddock_net::exchange::{ConnectionId, Request, RequestKind};

    use super::{Judgement, RequestThrottle};
    use crate::config::RequestThrottleSettings;
    use crate::node::replica::home::Home;

    const HOME: Home = Home { reactor: 0, connection: ConnectionId { slot: 0, generation: 0 } };
    const SETTINGS: RequestThrottleSettings = RequestThrottleSettings {
        requests_max: Some(1),
        drops_stale: true,
        checks_connection: true,
        checks_latency: false,
        wait_max: None,
    };

    fn write() -> RequestKind {
        RequestKind::Write { xid: 1, opcode: 5, body: 0..0, ids: [].into(), keeper: false }
    }

    /// Judges a request that has waited so many milliseconds, of a session with a timeout of a second.
    fn judge(throttle: &mut RequestThrottle, kind: RequestKind, waited: u64) -> Judgement {
        let received = Instant::now();
        let request = Request { connection: HOME.connection, session: 1, fence: false, received, kind };
        throttle.judge(HOME, &request, 1000, received + Duration::from_millis(waited))
    }

    #[test]
    fn room_for_so_many() {
        let throttle = RequestThrottle::new(SETTINGS);
        assert!(throttle.has_room(0) && !throttle.has_room(1));
        let off = RequestThrottle::new(RequestThrottleSettings { requests_max: None, ..SETTINGS });
        assert!(off.has_room(1 << 40));
    }

    #[test]
    fn requests_of_closed_connections_are_dropped_with_all_that_follow() {
        let mut throttle = RequestThrottle::new(SETTINGS);
        assert_eq!(judge(&mut throttle, write(), 0), Judgement::Execute);
        throttle.note_closed(HOME);
        assert_eq!(judge(&mut throttle, RequestKind::CloseSession { xid: 1 }, 0), Judgement::Execute);
        assert_eq!(judge(&mut throttle, write(), 0), Judgement::Drop);
        assert_eq!(judge(&mut throttle, RequestKind::CloseSession { xid: 2 }, 0), Judgement::Drop);
        assert_eq!(judge(&mut throttle, RequestKind::Disconnected, 0), Judgement::Execute);
        throttle.forget(HOME);
        assert_eq!(judge(&mut throttle, write(), 0), Judgement::Execute, "another connection, in the same place");
    }

    #[test]
    fn closed_connections_do_not_matter_where_nobody_wants_to_know() {
        for settings in [
            RequestThrottleSettings { requests_max: None, ..SETTINGS },
            RequestThrottleSettings { drops_stale: false, ..SETTINGS },
            RequestThrottleSettings { checks_connection: false, ..SETTINGS },
        ] {
            let mut throttle = RequestThrottle::new(settings);
            throttle.note_closed(HOME);
            assert_eq!(judge(&mut throttle, write(), 5000), Judgement::Execute, "{settings:?}");
        }
    }

    #[test]
    fn requests_older_than_their_sessions_timeout_are_dropped() {
        let mut throttle = RequestThrottle::new(RequestThrottleSettings { checks_latency: true, ..SETTINGS });
        assert_eq!(judge(&mut throttle, write(), 1000), Judgement::Execute);
        assert_eq!(judge(&mut throttle, RequestKind::CloseSession { xid: 1 }, 1001), Judgement::Execute);
        assert_eq!(judge(&mut throttle, write(), 1001), Judgement::Drop);
        assert_eq!(judge(&mut throttle, write(), 0), Judgement::Drop, "one was dropped before it");
    }

    #[test]
    fn requests_that_have_waited_too_long_are_answered() {
        let wait_max = Some(Duration::from_millis(50));
        let mut throttle = RequestThrottle::new(RequestThrottleSettings { requests_max: None, wait_max, ..SETTINGS });
        assert_eq!(judge(&mut throttle, write(), 50), Judgement::Execute);
        assert_eq!(judge(&mut throttle, write(), 51), Judgement::Refuse);
        assert_eq!(judge(&mut throttle, RequestKind::Sync { xid: 1, body: 0..0 }, 51), Judgement::Refuse);
        for kind in [RequestKind::CloseSession { xid: 1 }, RequestKind::Connect { timeout: 1 }] {
            assert_eq!(judge(&mut throttle, kind, 51), Judgement::Execute);
        }
    }
}
