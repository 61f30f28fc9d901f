//! Whether sessions expired too early, by what servers say that they have heard.

use std::collections::HashMap;

use crate::history::{Event, What};
use crate::operation::Operation;
use crate::source::Source;
use crate::violation::{Kind, Violation};

/// A close that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    pub session: i64,
    pub zxid: i64,
    pub source: Source,
}

/// When a session was heard, in nanoseconds, and how long it lives after that.
#[derive(Debug, Default)]
struct Hearing {
    timeout: u64,
    /// Times with the events, in order.
    heard: Vec<(u64, usize)>,
    is_closed_by_client: bool,
}

/// The first session that expired although it was heard.
pub fn check(events: &[Event], expiries: &[Expiry]) -> Option<Violation> {
    let hearings = hearings(events);
    let early = |session: i64, told: u64| {
        let hearing = hearings.get(&session)?;
        let count = hearing.heard.partition_point(|(heard, _)| *heard <= told);
        let (heard, witness) = *hearing.heard[..count].last()?;
        (heard.saturating_add(hearing.timeout) > told).then(|| (told - heard, hearing.timeout, witness))
    };
    let sentence = |session: i64, (age, timeout, _): (u64, u64, usize)| {
        let ms = |nanoseconds: u64| nanoseconds / 1_000_000;
        format!(
            "session 0x{session:x} lives {} ms after a packet of it, and was over {} ms after one",
            ms(timeout),
            ms(age)
        )
    };
    for (place, event) in events.iter().enumerate().filter(|(_, event)| event.what == What::Refused) {
        let is_closed = hearings.get(&event.session).is_some_and(|hearing| hearing.is_closed_by_client);
        if let Some(found) = early(event.session, event.to).filter(|_| !is_closed) {
            let window = [Source::Event(found.2), Source::Event(place)];
            return Some(Violation::new(Kind::ExpiredEarly, window, sentence(event.session, found)));
        }
    }
    let told = first_told(events);
    expiries.iter().find_map(|expiry| {
        let (_, time, witness) = *told.get(told.partition_point(|(zxid, ..)| *zxid < expiry.zxid))?;
        let found = early(expiry.session, time)?;
        let window = [Source::Event(found.2), expiry.source, Source::Event(witness)];
        Some(Violation::new(Kind::ExpiredEarly, window, sentence(expiry.session, found)))
    })
}

fn hearings(events: &[Event]) -> HashMap<i64, Hearing> {
    let mut hearings: HashMap<i64, Hearing> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        let hearing = hearings.entry(event.session).or_default();
        match &event.what {
            What::Connected { timeout_ms, .. } => hearing.timeout = u64::from(*timeout_ms) * 1_000_000,
            What::Heard => hearing.heard.push((event.from, place)),
            What::Called { operation: Operation::Close, .. } => hearing.is_closed_by_client = true,
            _ => {}
        }
    }
    for hearing in hearings.values_mut() {
        hearing.heard.sort_unstable();
    }
    hearings
}

/// By zxid, the first time at which somebody had been told this one or a higher one, with the event.
fn first_told(events: &[Event]) -> Vec<(i64, u64, usize)> {
    let replies = events.iter().enumerate().filter_map(|(place, event)| match &event.what {
        What::WatchEvent(told) => Some((told.zxid, event.to, place)),
        _ => Some((event.reply()?.zxid, event.to, place)),
    });
    let mut told: Vec<(i64, u64, usize)> = replies.collect();
    told.sort_unstable();
    for place in (1..told.len()).rev() {
        if told[place].1 < told[place - 1].1 {
            (told[place - 1].1, told[place - 1].2) = (told[place].1, told[place].2);
        }
    }
    told
}
