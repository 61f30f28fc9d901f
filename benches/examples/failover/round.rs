//! What is measured after a server was killed.

use std::time::{Duration, Instant};

/// A round is over when nobody has had to come again for so long.
const SETTLED: Duration = Duration::from_millis(500);
/// Or after this, whatever is lacking.
const ROUND_MAX: Duration = Duration::from_secs(60);

pub struct Round {
    killed_at: Instant,
    /// Of the leader that was killed. What a later leader acknowledges has a higher one, and so is told from answers that were
    /// under way.
    epoch: i64,
    /// For each session, whether it was on the server that was killed.
    was_there: Vec<bool>,
    first_write: Option<Duration>,
    first_write_of_the_killed: Option<Duration>,
    last_resumed: Option<Duration>,
    /// Sessions that lost their connection, as often as they did.
    resumed: usize,
    expired: usize,
}

impl Round {
    pub fn new(killed_at: Instant, epoch: i64, was_there: Vec<bool>) -> Round {
        Round {
            killed_at,
            epoch,
            was_there,
            first_write: None,
            first_write_of_the_killed: None,
            last_resumed: None,
            resumed: 0,
            expired: 0,
        }
    }

    /// A write of a session was acknowledged with this zxid.
    pub fn acknowledged(&mut self, session: usize, zxid: i64, now: Instant) {
        if zxid >> 32 <= self.epoch {
            return;
        }
        let elapsed = now - self.killed_at;
        self.first_write.get_or_insert(elapsed);
        if self.was_there[session] {
            self.first_write_of_the_killed.get_or_insert(elapsed);
        }
    }

    pub fn resumed(&mut self, now: Instant) {
        self.resumed += 1;
        self.last_resumed = Some(now - self.killed_at);
    }

    pub fn expired(&mut self) {
        self.expired += 1;
    }

    /// Whether there is nothing more to come, when `all_open` tells that every session has a connection.
    pub fn is_over(&self, all_open: bool, now: Instant) -> bool {
        let elapsed = now - self.killed_at;
        let wrote =
            self.first_write.is_some() && (self.first_write_of_the_killed.is_some() || !self.was_there.contains(&true));
        let settled = elapsed >= self.last_resumed.unwrap_or_default() + SETTLED;
        (wrote && all_open && settled) || elapsed >= ROUND_MAX
    }

    /// As a line of JSON; times in milliseconds, null for what did not come.
    pub fn json(&self, all_open: bool) -> String {
        let ms = |time: Option<Duration>| time.map_or("null".into(), |time| format!("{:.1}", time.as_secs_f64() * 1e3));
        format!(
            r#"{{"first_write_ms": {}, "first_write_of_the_killed_ms": {}, "last_resumed_ms": {}, "resumed": {}, "expired": {}}}"#,
            ms(self.first_write),
            ms(self.first_write_of_the_killed),
            ms(self.last_resumed.filter(|_| all_open)),
            self.resumed,
            self.expired,
        )
    }
}
