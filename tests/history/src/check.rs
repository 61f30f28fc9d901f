//! All promises, one after the other.

use crate::history::{History, What};
use crate::operation::Operation;
use crate::replay::{Stop, replay};
use crate::violation::Violation;
use crate::{order, sessions, watches};

/// What a history was found to be.
#[derive(Debug, Default)]
pub struct Report {
    /// The first violation of each promise that was looked at. None of them: as far as can be told, all were kept.
    pub violations: Vec<Violation>,
    /// Requests without a reply could explain this in more ways than were tried. What comes after it was not judged, nor were
    /// watches.
    pub undecided: Option<Violation>,
    pub events: usize,
    /// Answered writes with a zxid.
    pub writes: usize,
    /// Writes without a reply.
    pub unknown: usize,
}

impl Report {
    /// Whether nothing is wrong and nothing was left open.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.undecided.is_none()
    }

    /// For a person.
    pub fn text(&self, history: &History) -> String {
        let mut text = String::new();
        for violation in &self.violations {
            text += &violation.text(history);
        }
        if let Some(violation) = &self.undecided {
            text += "undecided: requests without a reply could explain this in more ways than were tried\n";
            text += &violation.text(history);
        }
        text + &format!(
            "{} events, {} writes with a zxid, {} without a reply: {}\n",
            self.events,
            self.writes,
            self.unknown,
            if self.is_clean() { "all promises were kept" } else { "see above" }
        )
    }
}

/// Judges a history.
pub fn check(history: &History) -> Report {
    let events = &history.events;
    let is_unknown = |what: &What| matches!(what, What::Called { operation, reply: None, .. } if operation.is_write());
    let mut report = Report {
        violations: order::check(history),
        undecided: None,
        events: events.len(),
        writes: events.iter().filter(|event| event.written_zxid().is_some()).count(),
        unknown: events.iter().filter(|event| is_unknown(&event.what)).count(),
    };
    let replayed = match replay(history) {
        Ok(replayed) => replayed,
        Err(stop) => {
            match stop {
                Stop::Violation(violation) => report.violations.push(violation),
                Stop::Undecided(violation) => report.undecided = Some(violation),
            }
            report.violations.extend(sessions::check(events, &[]));
            return report;
        }
    };
    report.violations.extend(sessions::check(events, &replayed.expiries));
    let is_close = |what: &What| matches!(what, What::Called { operation: Operation::Close, reply: Some(_), .. });
    let connected = events.iter().filter(|event| matches!(event.what, What::Connected { is_new: true, .. })).count();
    let closed = events.iter().filter(|event| is_close(&event.what)).count();
    let is_settled = history.log.is_some() || (report.unknown == 0 && connected <= closed);
    report.violations.extend(watches::check(events, &replayed, is_settled));
    report
}
