//! What the operator decides about requests that wait.

use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestThrottleSettings {
    /// Requests under way, beyond which none is taken; `None` takes any number and throws none away.
    pub requests_max: Option<usize>,
    pub drops_stale: bool,
    /// What makes a request stale: that its connection is closed; that it is older than its session's timeout.
    pub checks_connection: bool,
    pub checks_latency: bool,
    /// A request that has waited longer is answered, and not executed.
    pub wait_max: Option<Duration>,
}

impl RequestThrottleSettings {
    /// Whether it matters which connections are closed.
    pub fn wants_gone(&self) -> bool {
        self.requests_max.is_some() && self.drops_stale && (self.checks_connection || self.checks_latency)
    }
}
