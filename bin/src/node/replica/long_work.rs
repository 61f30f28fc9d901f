//! A transaction that takes several turns, and how much of it each turn does.
//!
//! Where one would keep the readers waiting, it is applied a slice in each turn. Its zxid is taken at the begin, and until
//! it is done nothing else is ordered: requests stay in the reactors' queues, nothing expires, nothing is reaped. All that
//! came before it is in a version of its own, which becomes public meanwhile, and is what the readers see; no version ends
//! while it is under way. Its record goes into the log, whole, when the last slice is done; a crash before that leaves nothing
//! of it.
//!
//! A learner applies what its leader has ordered likewise. There the record was in the log before, and what the leader says
//! meanwhile is heard, logged and acknowledged: only what is committed behind it waits to be applied.
//!
//! What it replaces in the tree cannot be freed before it is public. Within one version everything is copied once at most,
//! so that this is bounded by the tree, and not by `GARBAGE_MAX`.
//!
//! A slice measures itself, and so has a clock of its own; the ends of many sessions share it.

use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
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
    ordered: Ordered,
    /// The moment at which a stop waits for it no longer.
    give_up_at: Option<Instant>,
}

/// Who has ordered a transaction.
enum Ordered {
    /// This server: it goes into the log when it is applied, and this is owed for it.
    Here(Owed<'static>),
    /// The leader of this learner: it is in the log, and committed.
    ByLeader,
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

    /// Takes over a transaction of this server, of which nothing is applied yet, and for which this is owed.
    pub fn begin(&mut self, application: Application, owed: Owed<'static>) {
        self.unfinished = Some(Unfinished { application, ordered: Ordered::Here(owed), give_up_at: None });
    }

    /// Takes over a transaction of the leader, of which nothing is applied yet.
    pub fn begin_of_leader(&mut self, application: Application) {
        self.unfinished = Some(Unfinished { application, ordered: Ordered::ByLeader, give_up_at: None });
    }

    /// Gives up what is unfinished once a stop has waited too long for it.
    pub fn stop(&mut self, now: Instant) {
        let late = self.unfinished.take_if(|work| now > *work.give_up_at.get_or_insert(now + STOP_PATIENCE));
        let Some(Unfinished { application, ordered, .. }) = late else { return };
        self.is_given_up = true;
        let zxid = application.zxid();
        match ordered {
            Ordered::Here(_) => tracing::warn!(
                %zxid,
                "a transaction takes too long to stop after it, and is given up: it is not in the log, so that after the \
                 restart it will not have happened, and nobody was told that it had"
            ),
            Ordered::ByLeader => tracing::warn!(
                %zxid,
                "a transaction takes too long to stop after it, and is given up: it is in the log, and will be applied at \
                 the next start"
            ),
        }
    }

    /// Applies the rest of what this server has ordered, however long that takes. Returns it.
    pub fn finish(&mut self, database: &mut Database, effects: &mut Effects) -> Option<(Application, Owed<'static>)> {
        let (mut application, owed) = self.take_own()?;
        finish(&mut application, database, effects);
        Some((application, owed))
    }

    /// Applies as much as this turn may of what this server has ordered. Returns it when all is done.
    pub fn go_on(&mut self, database: &mut Database, effects: &mut Effects) -> Option<(Application, Owed<'static>)> {
        let is_own = self.unfinished.as_ref().is_some_and(|unfinished| matches!(unfinished.ordered, Ordered::Here(_)));
        if !is_own || !self.is_done(database, effects) {
            return None;
        }
        self.take_own()
    }

    /// Applies the rest of what the leader has ordered, however long that takes. Returns its zxid.
    pub fn finish_of_leader(&mut self, database: &mut Database, effects: &mut Effects) -> Option<Zxid> {
        let mut application = self.take_of_leader()?;
        finish(&mut application, database, effects);
        Some(application.zxid())
    }

    /// Applies as much as this turn may of what the leader has ordered. Returns its zxid when all is done.
    pub fn go_on_of_leader(&mut self, database: &mut Database, effects: &mut Effects) -> Option<Zxid> {
        let is_done = self.is_done(database, effects);
        is_done.then(|| self.take_of_leader()).flatten().map(|application| application.zxid())
    }

    /// Applies as much as this turn may of what is unfinished, if there is something. Whether all of it is applied.
    fn is_done(&mut self, database: &mut Database, effects: &mut Effects) -> bool {
        let Some(mut unfinished) = self.unfinished.take() else { return false };
        let mut is_done = false;
        while !is_done && self.may_step() {
            is_done = database.go_on(&mut unfinished.application, &mut self.steps_left, Some(effects));
        }
        self.unfinished = Some(unfinished);
        is_done
    }

    fn take_own(&mut self) -> Option<(Application, Owed<'static>)> {
        match self.unfinished.take()? {
            Unfinished { application, ordered: Ordered::Here(owed), .. } => Some((application, owed)),
            unfinished => {
                self.unfinished = Some(unfinished);
                None
            }
        }
    }

    fn take_of_leader(&mut self) -> Option<Application> {
        let of_leader = self.unfinished.take_if(|unfinished| matches!(unfinished.ordered, Ordered::ByLeader));
        of_leader.map(|unfinished| unfinished.application)
    }
}

fn finish(application: &mut Application, database: &mut Database, effects: &mut Effects) {
    let mut steps_left = BLOCK;
    while !database.go_on(application, &mut steps_left, Some(effects)) {
        steps_left = BLOCK;
    }
}
