//! What the operator decides about requests that wait.

use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestThrottleSettings {
    /// With so many requests under way no other is taken; `None` takes any number and throws none away.
    pub requests_max: Option<usize>,
    /// Whether stale requests are dropped, with their connections.
    pub drops_stale: bool,
    /// Whether a request is stale when its connection is closed.
    pub checks_connection: bool,
    /// Whether a request is stale when it has waited for longer than the timeout of its session.
    pub checks_latency: bool,
    /// A request that has waited for longer than this is answered with an error, and not executed; `None` lets all wait.
    pub wait_max: Option<Duration>,
}

impl RequestThrottleSettings {
    /// Whether it matters which connections are closed.
    pub fn wants_gone(&self) -> bool {
        self.requests_max.is_some() && self.drops_stale && (self.checks_connection || self.checks_latency)
    }
}
