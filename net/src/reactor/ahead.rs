//! Looking ahead at a version with very many events, so that it does not take long to move to it.
//!
//! The end of a session with a million ephemerals is one version with two million events. Nobody watches nearly all of
//! them, but to find that out takes as long as to fire them. So the replica puts such a version into the queues, and
//! announces it only when every reactor has looked through its events, a slice each turn. A reactor picks the events of
//! which somebody is to be told; for a one-shot watch that is the first event which uses it up. Reads go on meanwhile, on
//! the version before. When the version is announced, only the events that were picked are fired. A persistent watch is
//! told of each event at its path, and a recursive one of each below: with one on the parent, a million notifications are
//! encoded in one turn. Only the bounds of a connection's output and of the memory of all connections bound them.
//!
//! **No event is missed.** A watch may be set after the event that concerns it has been looked at. If the version ahead has
//! the same znode as the version before, there is no such event. If it has not, the read that sets the watch waits for the
//! version as if it came behind a write, and is answered after the events.

use std::sync::atomic::Ordering;
use std::time::Instant;

use paddock_engine::event::{Event, Events};
use paddock_engine::path;
use paddock_engine::tree::View;

use crate::exchange::{ConnectionId, VersionRelease};
use crate::read::watches::{WatchScope, watch_scope};
use crate::time_share::TimeShare;
use crate::watch::{Foreseen, Watches};

/// How many events one turn looks at, at least. It takes about a millisecond.
const SLICE: usize = 4096;
/// How many events are looked at between two looks at the clock, where there is time for more.
const BLOCK: usize = 1024;
/// How many levels above a znode that does not exist are searched for one that exists.
const LEVELS_MAX: usize = 16;

/// What is known of the events of the version that the reactor holds.
#[derive(Default)]
pub struct Ahead {
    /// How many events were looked at.
    looked_at: usize,
    /// How much of the thread's time the looking may take.
    share: TimeShare,
    /// Which watches the events that were looked at will use up.
    foreseen: Foreseen,
    /// The numbers of the events of which somebody is to be told.
    picked: Vec<usize>,
    /// Whether the replica knows that all were looked at.
    is_reported: bool,
    /// Connections with a read that waits for the version.
    waiting: Vec<ConnectionId>,
}

impl Ahead {
    /// The connections whose reads have waited.
    pub fn into_waiting(self) -> Vec<ConnectionId> {
        self.waiting
    }

    /// A connection has a read that waits for the version.
    pub fn note_waiting(&mut self, connection: ConnectionId) {
        self.waiting.push(connection);
    }

    /// Whether there is more to be looked at.
    pub fn goes_on(&self) -> bool {
        !self.is_reported
    }

    /// Looks at one slice more of the version's events; where nobody watches anything, that is all of them. Returns whether
    /// all have been looked at, which is counted for the replica to see.
    pub fn look_on(&mut self, release: &VersionRelease, watches: &Watches) -> bool {
        let looked_through = release.looked_through.as_ref().expect("it is one that is looked at ahead");
        let count = release.events.len();
        if watches.is_empty() {
            self.looked_at = count;
        }
        self.share.begin(Instant::now());
        self.look_at(&release.events, SLICE, watches);
        while self.looked_at < count && self.share.is_left(Instant::now()) {
            self.look_at(&release.events, BLOCK, watches);
        }
        self.share.end(Instant::now());
        self.is_reported = self.looked_at == count;
        if self.is_reported {
            looked_through.fetch_add(1, Ordering::Release);
        }
        self.is_reported
    }

    /// Looks at so many events more, if there are.
    fn look_at(&mut self, events: &Events, more: usize, watches: &Watches) {
        let end = events.len().min(self.looked_at + more);
        let concerns = |number: &usize| {
            let event = events.get(*number);
            watches.foresee(event.kind, event.path, &mut self.foreseen)
        };
        self.picked.extend((self.looked_at..end).filter(concerns));
        self.looked_at = end;
    }

    /// Whether a read sets a watch of which there may be an event between the view and the version ahead. `is_keeper`: its
    /// connection may ask for ClickHouse Keeper's operations.
    pub fn concerns_watch(&self, before: View<'_>, after: View<'_>, opcode: i32, is_keeper: bool, body: &[u8]) -> bool {
        match watch_scope(opcode, is_keeper, body) {
            WatchScope::Nowhere => false,
            WatchScope::Anywhere => true,
            WatchScope::At(path) => is_touched(before, after, path.as_deref().unwrap_or_default()),
        }
    }
}

/// The events that are to be fired: those that were picked ahead, or else all.
pub fn due<'r>(events: &'r Events, ahead: Option<&'r Ahead>) -> impl Iterator<Item = Event<'r>> {
    let picked = ahead.map(|ahead| &ahead.picked[..]);
    let count = picked.map_or(events.len(), <[usize]>::len);
    (0..count).map(move |at| events.get(picked.map_or(at, |picked| picked[at])))
}

/// Whether there may be an event of this path between two versions. If a znode has no event, both versions have the same
/// record of it. If neither has a znode there, one may have been created and deleted between them; then the nearest znode
/// above has changed.
fn is_touched(before: View<'_>, after: View<'_>, path: &str) -> bool {
    let mut at = path;
    for _ in 0..LEVELS_MAX {
        match (before.get(at), after.get(at)) {
            // Versions share the records that did not change between them.
            (Some(one), Some(other)) => return !std::ptr::eq(one.path(), other.path()),
            (None, None) => {}
            _ => return true,
        }
        match path::split(at) {
            Some((parent, _)) => at = parent,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
