//! When a client has to say something to its server, and when it has heard nothing for too long. Pure: it is handed the time.

use std::time::{Duration, Instant};

/// A client that has nothing to ask for says at least this often that it is there.
const PING_INTERVAL_MAX: Duration = Duration::from_secs(10);

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// Nothing for so long.
    Nothing(Duration),
    Ping,
    /// The connection is given up.
    Lost,
    /// The session is: no server can have kept it.
    Expired,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Until the server has answered the hello.
    Opening,
    Open,
}

#[derive(Clone, Debug)]
pub struct Pulse {
    session_timeout: Duration,
    hosts: u32,
    heard: Instant,
    said: Instant,
}

impl Pulse {
    /// `hosts` share the time in which one of them has to be reached.
    pub fn new(session_timeout: Duration, hosts: usize, now: Instant) -> Pulse {
        let hosts = u32::try_from(hosts).unwrap_or(u32::MAX).max(1);
        Pulse { session_timeout, hosts, heard: now, said: now }
    }

    pub fn negotiated(&mut self, session_timeout: Duration) {
        self.session_timeout = session_timeout;
    }

    /// An attempt to connect begins.
    pub fn begins(&mut self, now: Instant) {
        self.said = now;
    }

    /// The stream is connected.
    pub fn connected(&mut self, now: Instant) {
        (self.heard, self.said) = (now, now);
    }

    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    pub fn said(&mut self, now: Instant) {
        self.said = now;
    }

    /// No server can have kept the session. `has_session`: an attempt without one cannot lose it.
    pub fn is_expired(&self, has_session: bool, now: Instant) -> bool {
        has_session && now.saturating_duration_since(self.heard) >= self.session_timeout * 4 / 3
    }

    pub fn due(&self, phase: Phase, has_session: bool, now: Instant) -> Due {
        let silent = now.saturating_duration_since(self.heard);
        let idle = now.saturating_duration_since(self.said);
        if self.is_expired(has_session, now) {
            return Due::Expired;
        }
        let read_timeout = self.session_timeout * 2 / 3;
        match phase {
            Phase::Opening => left(self.session_timeout / self.hosts, idle).map_or(Due::Lost, Due::Nothing),
            Phase::Open => {
                let Some(until_lost) = left(read_timeout, silent) else { return Due::Lost };
                let until_ping = left((read_timeout / 2).min(PING_INTERVAL_MAX), idle);
                until_ping.map_or(Due::Ping, |until_ping| Due::Nothing(until_ping.min(until_lost)))
            }
        }
    }
}

/// What is left of a time, if anything is.
fn left(of: Duration, gone: Duration) -> Option<Duration> {
    of.checked_sub(gone).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Due, Phase, Pulse};

    #[test]
    fn silence_costs_the_connection_and_then_the_session() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse::new(Duration::from_secs(30), 3, start);
        assert_eq!(pulse.due(Phase::Opening, false, at(9)), Due::Nothing(Duration::from_secs(1)));
        assert_eq!(pulse.due(Phase::Opening, false, at(10)), Due::Lost);
        assert_eq!(pulse.due(Phase::Opening, false, at(50)), Due::Lost);
        assert_eq!(pulse.due(Phase::Opening, true, at(40)), Due::Expired);
        pulse.connected(at(50));
        assert_eq!(pulse.due(Phase::Open, true, at(59)), Due::Nothing(Duration::from_secs(1)));
        assert_eq!(pulse.due(Phase::Open, true, at(60)), Due::Ping);
        pulse.said(at(60));
        assert_eq!(pulse.due(Phase::Open, true, at(69)), Due::Nothing(Duration::from_secs(1)));
        assert_eq!(pulse.due(Phase::Open, true, at(70)), Due::Lost);
        pulse.heard(at(70));
        assert_eq!(pulse.due(Phase::Open, true, at(71)), Due::Ping);
    }

    #[test]
    fn a_short_session_is_kept_by_many_pings() {
        let start = Instant::now();
        let mut pulse = Pulse::new(Duration::from_secs(30), 1, start);
        pulse.negotiated(Duration::from_secs(3));
        assert_eq!(pulse.due(Phase::Open, true, start + Duration::from_secs(1)), Due::Ping);
    }
}
