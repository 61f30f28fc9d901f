//! The way from one host to another.

use std::time::Duration;

use paddock_engine::io::simulated::Choice;

/// What becomes of attempts to connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dials {
    Work,
    Refused,
    /// Nothing comes of them.
    Hang,
}

/// What one direction between two hosts is like. The other direction has its own.
#[derive(Clone, Debug)]
pub struct Route {
    /// How long anything is under way, at least and at most.
    pub latency_min: Duration,
    pub latency_max: Duration,
    /// A longer piece of what is written is torn into pieces of random lengths up to this, bytes.
    pub piece_max: usize,
    /// What is under way is held until this is healed.
    pub is_cut: bool,
    pub dials: Dials,
}

impl Default for Route {
    fn default() -> Route {
        Route {
            latency_min: Duration::from_micros(50),
            latency_max: Duration::from_micros(50),
            piece_max: 64 << 10,
            is_cut: false,
            dials: Dials::Work,
        }
    }
}

impl Route {
    pub(super) fn draw_latency(&self, choice: &mut dyn Choice) -> Duration {
        let spread = self.latency_max.saturating_sub(self.latency_min).as_nanos();
        let of = usize::try_from(spread).expect("latencies are short") + 1;
        self.latency_min + Duration::from_nanos(draw(choice, of) as u64)
    }

    /// Of so many bytes that are left, at least one.
    pub(super) fn draw_piece(&self, choice: &mut dyn Choice, left: usize) -> usize {
        if left <= self.piece_max { left } else { draw(choice, self.piece_max) + 1 }
    }
}

/// Where there is nothing to choose the choice is not asked.
fn draw(choice: &mut dyn Choice, of: usize) -> usize {
    if of > 1 { choice.choose(of) } else { 0 }
}
