//! The promises that two or three events break without any look at the tree: zxids that are given twice, that fall, that are
//! against real time, that a sync does not wait for; and writes after a close.

use std::collections::HashMap;

use crate::history::{Event, History, What};
use crate::known::Known;
use crate::operation::{Operation, code};
use crate::source::Source;
use crate::violation::{Kind, Violation};

/// The first violation of each kind.
pub fn check(history: &History) -> Vec<Violation> {
    let events = &history.events;
    let mut writes: Vec<(i64, usize)> = written(events).collect();
    writes.sort_unstable();
    let told = Known::new(writes.iter().map(|&(zxid, place)| (events[place].to, zxid, place)).collect());
    let found = [
        given_twice(&writes),
        against_time(events, &writes, &told),
        after_close(events),
        fallen(events),
        stale_after_sync(events, &told),
    ];
    found.into_iter().flatten().collect()
}

fn written(events: &[Event]) -> impl Iterator<Item = (i64, usize)> {
    events.iter().enumerate().filter_map(|(place, event)| Some((event.written_zxid()?, place)))
}

fn given_twice(writes: &[(i64, usize)]) -> Option<Violation> {
    let pair = writes.windows(2).find(|pair| pair[0].0 == pair[1].0)?;
    let window = [Source::Event(pair[0].1), Source::Event(pair[1].1)];
    Some(Violation::new(Kind::ZxidTwice, window, format!("two writes were answered with zxid 0x{:x}", pair[0].0)))
}

fn against_time(events: &[Event], writes: &[(i64, usize)], told: &Known) -> Option<Violation> {
    let late = |&(zxid, place): &(i64, usize)| {
        let (earlier, witness) = told.before(events[place].from)?;
        (earlier > zxid).then_some((earlier, zxid, witness, place))
    };
    let (earlier, zxid, witness, place) = writes.iter().find_map(late)?;
    let sentence = format!("zxid 0x{earlier:x} was acknowledged before the write of zxid 0x{zxid:x} was asked for");
    Some(Violation::new(Kind::WriteOrder, [Source::Event(witness), Source::Event(place)], sentence))
}

fn after_close(events: &[Event]) -> Option<Violation> {
    let closes = events.iter().enumerate().filter(|(_, event)| matches!(event.operation(), Some(Operation::Close)));
    let closes: HashMap<i64, (i64, usize)> =
        closes.filter_map(|(place, event)| Some((event.session, (event.written_zxid()?, place)))).collect();
    let (place, event, close) = events.iter().enumerate().find_map(|(place, event)| {
        let close = closes.get(&event.session)?;
        let is_done = event.reply().is_some_and(|reply| code::is_of_tree(reply.code));
        (is_done && event.written_zxid()? > close.0).then_some((place, event, close))
    })?;
    let sentence = format!("session 0x{:x} was closed by zxid 0x{:x} and wrote after that", event.session, close.0);
    Some(Violation::new(Kind::WriteAfterClose, [Source::Event(close.1), Source::Event(place)], sentence))
}

fn fallen(events: &[Event]) -> Option<Violation> {
    let mut last: HashMap<i64, (i64, usize)> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        let Some(zxid) = event.told_zxid() else { continue };
        let before = last.insert(event.session, (zxid, place));
        // A write comes after all that its session has seen.
        let Some((seen, witness)) = before.filter(|before| zxid < before.0 || (event.is_write() && zxid == before.0))
        else {
            continue;
        };
        let sentence = format!("session 0x{:x} had seen zxid 0x{seen:x}, and then was given 0x{zxid:x}", event.session);
        return Some(Violation::new(Kind::ZxidFell, [Source::Event(witness), Source::Event(place)], sentence));
    }
    None
}

/// What a connection's syncs have promised.
struct Synced {
    floor: i64,
    write: usize,
    sync: usize,
}

fn stale_after_sync(events: &[Event], told: &Known) -> Option<Violation> {
    let mut synced: HashMap<i64, Synced> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        if matches!(event.what, What::Connected { .. } | What::Disconnected | What::Refused) {
            synced.remove(&event.session);
        }
        if let (Some(one), Some(zxid)) = (synced.get(&event.session), event.told_zxid())
            && zxid < one.floor
            && !matches!(event.operation(), Some(Operation::Sync { .. }))
        {
            let window = [one.write, one.sync, place].map(Source::Event);
            let sentence = format!(
                "zxid 0x{:x} was acknowledged before the sync, and after the sync the state of zxid 0x{zxid:x} was shown",
                one.floor
            );
            return Some(Violation::new(Kind::StaleAfterSync, window, sentence));
        }
        if matches!(event.operation(), Some(Operation::Sync { .. }))
            && event.reply().is_some_and(|reply| reply.code == code::OK)
            && let Some((floor, write)) = told.before(event.from)
            && synced.get(&event.session).is_none_or(|one| one.floor < floor)
        {
            synced.insert(event.session, Synced { floor, write, sync: place });
        }
    }
    None
}
