//! Kinds of lines, and how often each comes.
//!
//! A kind is a place in the program that has something to say. Whatever it is that clients do thousands of times a
//! second, the log has some lines of it and their number; and what is said seldom is never held back by what is said
//! often. Holding a line back takes a look at a table: nothing is formatted, nothing allocated.
//!
//! DEBUG and TRACE, which nobody sees without having asked for them, are never held back.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// Lines of one kind that come in one period; further ones are counted.
const LINES_MAX: u32 = 20;
const PERIOD: Duration = Duration::from_secs(10);

/// The kinds by their places, of which there are as many as the program has lines that say something.
pub struct Kinds<P = Identifier> {
    limited: AtomicBool,
    kinds: Mutex<HashMap<P, Kind>>,
}

struct Kind {
    level: Level,
    /// When its period began.
    since: Instant,
    lines: u32,
    held_back: u64,
    /// What the first that was held back had to say.
    text: String,
}

/// What becomes of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    Told,
    HeldBack,
    /// The first of its period.
    FirstHeldBack,
}

impl Kinds {
    pub fn admit(&self, event: &Event<'_>) -> Admission {
        if !self.limited.load(Ordering::Relaxed) {
            return Admission::Told;
        }
        let metadata = event.metadata();
        let admission = self.count(metadata.callsite(), *metadata.level(), Instant::now());
        if admission == Admission::FirstHeldBack {
            let text = text_of(event);
            if let Some(kind) = self.lock().get_mut(&metadata.callsite()) {
                kind.text = text;
            }
        }
        admission
    }
}

impl<P: Eq + Hash> Kinds<P> {
    pub fn new() -> Kinds<P> {
        Kinds { limited: AtomicBool::new(false), kinds: Mutex::default() }
    }

    /// Begins to hold back. What is said before is not counted: a start may have much to say of one kind.
    pub fn limit(&self) {
        self.limited.store(true, Ordering::Relaxed);
    }

    fn count(&self, place: P, level: Level, now: Instant) -> Admission {
        if level > Level::INFO {
            return Admission::Told;
        }
        let mut kinds = self.lock();
        let new = || Kind { level, since: now, lines: 0, held_back: 0, text: String::new() };
        let kind = kinds.entry(place).or_insert_with(new);
        // A period in which some were held back ends when their number is told.
        if kind.held_back == 0 && now.saturating_duration_since(kind.since) >= PERIOD {
            (kind.since, kind.lines) = (now, 0);
        }
        if kind.lines < LINES_MAX {
            kind.lines += 1;
            return Admission::Told;
        }
        kind.held_back += 1;
        if kind.held_back == 1 { Admission::FirstHeldBack } else { Admission::HeldBack }
    }

    /// When the next number is to be told.
    pub fn next_due(&self) -> Option<Instant> {
        let kinds = self.lock();
        kinds.values().filter(|kind| kind.held_back > 0).map(|kind| kind.since + PERIOD).min()
    }

    /// The numbers of those whose period is over, or of `all`.
    pub fn tell(&self, all: bool) -> Vec<(Level, String)> {
        self.tell_at(Instant::now(), all)
    }

    fn tell_at(&self, now: Instant, all: bool) -> Vec<(Level, String)> {
        let mut kinds = self.lock();
        let is_due = |kind: &Kind| all || now >= kind.since + PERIOD;
        let due = kinds.values_mut().filter(|kind| kind.held_back > 0 && is_due(kind));
        due.map(|kind| kind.tell(now)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<P, Kind>> {
        // Nothing that holds it can leave it half changed.
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    /// Tells the number, and begins a period.
    fn tell(&mut self, now: Instant) -> (Level, String) {
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        let text = format!("and {} more of this kind in {seconds:.1} s, such as: {}", self.held_back, self.text);
        (self.since, self.lines, self.held_back) = (now, 0, 0);
        (self.level, text)
    }
}

/// The sentence of an event, without its fields.
fn text_of(event: &Event<'_>) -> String {
    struct Message(String);

    impl Visit for Message {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            if field.name() == "message" {
                self.0 = format!("{value:?}");
            }
        }
    }

    let mut message = Message(String::new());
    event.record(&mut message);
    message.0
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tracing::Level;

    use super::{Admission, Kinds, LINES_MAX, PERIOD};

    #[test]
    fn so_many_lines_of_a_kind_and_then_their_number() {
        let (kinds, start) = (Kinds::new(), Instant::now());
        let count = |place, now| kinds.count(place, Level::INFO, now);
        for _ in 0..LINES_MAX {
            assert_eq!(count("often", start), Admission::Told);
        }
        assert_eq!(kinds.next_due(), None);
        assert_eq!(count("often", start), Admission::FirstHeldBack);
        assert_eq!(count("often", start), Admission::HeldBack);
        assert_eq!(
            count("seldom", start),
            Admission::Told,
            "what is said seldom is not held back by what is said often"
        );
        assert_eq!(kinds.next_due(), Some(start + PERIOD));
        assert!(kinds.tell_at(start + PERIOD / 2, false).is_empty());
        let late = start + PERIOD + Duration::from_secs(2);
        assert_eq!(count("often", late), Admission::HeldBack, "its number has not been told yet");
        let told = kinds.tell_at(late, false);
        assert!(matches!(&told[..], [(Level::INFO, text)] if text.contains("and 3 more of this kind in 12.0 s")));
        assert_eq!(count("often", late), Admission::Told);
        assert!(kinds.tell_at(late + PERIOD, true).is_empty());
    }

    #[test]
    fn who_asks_for_details_gets_all_of_them() {
        let (kinds, start) = (Kinds::new(), Instant::now());
        for level in [Level::DEBUG, Level::TRACE] {
            for _ in 0..2 * LINES_MAX {
                assert_eq!(kinds.count("often", level, start), Admission::Told);
            }
        }
    }

    #[test]
    fn a_period_ends_by_itself_where_nothing_was_held_back() {
        let (kinds, start) = (Kinds::new(), Instant::now());
        for period in 0..3 {
            for _ in 0..LINES_MAX {
                assert_eq!(kinds.count("often", Level::WARN, start + PERIOD * period), Admission::Told);
            }
        }
    }
}
