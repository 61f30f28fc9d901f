//! A transaction that takes several turns, and how much of it each turn does.
//!
//! Where one would keep the readers waiting, it is applied a slice in each turn. Its zxid is taken at the begin, and until
//! it is done nothing else is ordered: requests stay in the reactors' queues, nothing expires, nothing is reaped. All that
//! came before it is in a version of its own, which becomes public meanwhile, and is what the readers see; no version ends
//! while it is under way. Its record goes into the log, whole, when the last slice is done; a crash before that leaves nothing
//! of it.
//!
//! What it replaces in the tree cannot be freed before it is public. Within one version everything is copied once at most,
//! so that this is bounded by the tree, and not by `GARBAGE_MAX`.
//!
//! A slice measures itself, and so has a clock of its own; the ends of many sessions share it.

use std::time::{Duration, Instant};

use paddock_engine::application::Application;
use paddock_engine::apply::Effects;
use paddock_engine::database::Database;
use paddock_net::time_share::TimeShare;

use super::owed::Owed;

/// Steps of one turn, at least: with some microseconds for each, about as long as a turn of many small writes.
pub const STEPS_PER_TURN: usize = 256;
/// Steps between two looks at the clock, where there is time for more.
const BLOCK: usize = 64;

/// A stop waits no longer than this for one. A million steps are some three seconds, and have half of the time where turns
/// are not longer than [`SLICE_MAX`](paddock_net::time_share::SLICE_MAX).
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// The monotonic clock of a slice.
pub type SliceClock = Box<dyn Fn() -> Instant + Send>;

pub struct LongWork {
    clock: SliceClock,
    share: TimeShare,
    /// Steps of long transactions, and of ends of sessions, which this turn may still take before it looks at the clock.
    steps_left: usize,
    /// This turn has left something to the next.
    is_cut_short: bool,
    /// The transaction that is under way. While there is one, the head is in the middle of it, and the draft has answers at
    /// most.
    unfinished: Option<Unfinished>,
    /// Whether one was given up: the head stays in the middle of it until the process ends.
    is_given_up: bool,
}

/// A transaction of which a part is applied.
struct Unfinished {
    application: Application,
    owed: Owed<'static>,
    /// The moment at which a stop waits for it no longer.
    give_up_at: Option<Instant>,
}

impl LongWork {
    pub fn new(clock: SliceClock) -> LongWork {
        LongWork {
            clock,
            share: TimeShare::default(),
            steps_left: STEPS_PER_TURN,
            is_cut_short: false,
            unfinished: None,
            is_given_up: false,
        }
    }

    /// Before the turn's first step.
    pub fn begin_turn(&mut self, now: Instant) {
        self.share.begin(now);
        self.is_cut_short = false;
    }

    /// After its last one.
    pub fn end_turn(&mut self) {
        if self.is_left() {
            self.share.end((self.clock)());
        }
        // The next turn's.
        self.steps_left = STEPS_PER_TURN;
    }

    /// Whether a transaction is unfinished.
    pub fn is_under_way(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Whether it is the end of this session that is under way.
    pub fn closes(&self, session: i64) -> bool {
        self.unfinished.as_ref().is_some_and(|unfinished| unfinished.application.closes() == Some(session))
    }

    /// Whether a transaction was given up, so that nobody may see the head any more.
    pub fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// Whether the next turn is to follow at once.
    pub fn is_left(&self) -> bool {
        self.is_under_way() || self.is_cut_short
    }

    pub fn has_steps_left(&self) -> bool {
        self.steps_left > 0
    }

    /// Something was done that takes so many.
    pub fn take_steps(&mut self, count: usize) {
        self.steps_left = self.steps_left.saturating_sub(count);
    }

    /// Whether this turn may do a step more of what takes long: its least number is not done, or it has time left.
    pub fn may_step(&mut self) -> bool {
        if self.steps_left == 0 && self.share.is_left((self.clock)()) {
            self.steps_left = BLOCK;
        }
        self.is_cut_short |= self.steps_left == 0;
        self.steps_left > 0
    }

    /// Takes over a transaction of which nothing is applied yet.
    pub fn begin(&mut self, application: Application, owed: Owed<'static>) {
        self.unfinished = Some(Unfinished { application, owed, give_up_at: None });
    }

    /// Gives up what is unfinished once a stop has waited too long for it.
    pub fn stop(&mut self, now: Instant) {
        let late = self.unfinished.take_if(|work| now > *work.give_up_at.get_or_insert(now + STOP_PATIENCE));
        if let Some(Unfinished { application, .. }) = late {
            self.is_given_up = true;
            tracing::warn!(
                zxid = %application.zxid(),
                "a transaction takes too long to stop after it, and is given up: it is not in the log, so that after the \
                 restart it will not have happened, and nobody was told that it had"
            );
        }
    }

    /// Applies the rest of what is unfinished, however long that takes. Returns it.
    pub fn finish(&mut self, database: &mut Database, effects: &mut Effects) -> Option<(Application, Owed<'static>)> {
        let mut unfinished = self.unfinished.take()?;
        let mut steps_left = BLOCK;
        while !database.go_on(&mut unfinished.application, &mut steps_left, Some(effects)) {
            steps_left = BLOCK;
        }
        Some((unfinished.application, unfinished.owed))
    }

    /// Applies as much as this turn may of what is unfinished. Returns it when all is done.
    pub fn go_on(&mut self, database: &mut Database, effects: &mut Effects) -> Option<(Application, Owed<'static>)> {
        let mut unfinished = self.unfinished.take()?;
        while self.may_step() {
            if database.go_on(&mut unfinished.application, &mut self.steps_left, Some(effects)) {
                return Some((unfinished.application, unfinished.owed));
            }
        }
        self.unfinished = Some(unfinished);
        None
    }
}
