//! Looking ahead at a version with very many events, so that to take it is a short step.
//!
//! The end of a session with a million ephemerals is one version with two million events. Nearly all are nobody's business,
//! but to find out takes as long as to fire them. So the replica puts such a version into the queues and announces it only
//! when every reactor has looked through its events, a slice each turn, and picked those of which somebody is to be told:
//! of a one-shot watch, the first that uses it up. Reads go on meanwhile, on the version before. To take the version then is
//! to fire what was picked. A persistent watch is told of each event at its path, and a recursive one of each below; with
//! one on the parent, a million notifications are encoded in one turn, and what bounds the output of a connection and the
//! memory of all bounds them.
//!
//! **No event is missed.** A watch that is set meanwhile comes after its event was looked at, perhaps. It does no harm where
//! the version ahead has the same znode, for then there is no event of it. Any other read that sets a watch waits for the
//! version, as if it came behind a write, and is answered after the events.

use std::sync::atomic::Ordering;
use std::time::Instant;

use paddock_engine::event::{Event, Events};
use paddock_engine::path;
use paddock_engine::tree::View;

use super::Reactor;
use crate::exchange::ConnectionId;
use crate::read::watches::{WatchPlace, watch_place};
use crate::time_share::TimeShare;
use crate::watch::{Foreseen, Watches};

/// Events that one turn looks at, at least: about a thousandth of a second.
const SLICE: usize = 4096;
/// Events between two looks at the clock, where there is time for more.
const BLOCK: usize = 1024;
/// Levels above a znode that is not there, at which is looked for one that is.
const LEVELS_MAX: usize = 16;

/// What is known of the events of the version that the reactor holds.
#[derive(Default)]
pub(super) struct Ahead {
    /// How many were looked at.
    looked_at: usize,
    share: TimeShare,
    foreseen: Foreseen,
    /// The numbers of those of which somebody is to be told.
    picked: Vec<usize>,
    /// The replica knows that all were looked at.
    is_reported: bool,
    /// Connections with a read that waits for the version.
    waiting: Vec<ConnectionId>,
}

impl Ahead {
    /// The connections whose reads have waited.
    pub(super) fn into_waiting(self) -> Vec<ConnectionId> {
        self.waiting
    }

    /// Whether there is more to be looked at.
    pub(super) fn goes_on(&self) -> bool {
        !self.is_reported
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
}

/// The events that are to be fired: those that were picked ahead, or else all.
pub(super) fn due<'r>(events: &'r Events, ahead: Option<&'r Ahead>) -> impl Iterator<Item = Event<'r>> {
    let picked = ahead.map(|ahead| &ahead.picked[..]);
    let count = picked.map_or(events.len(), <[usize]>::len);
    (0..count).map(move |at| events.get(picked.map_or(at, |picked| picked[at])))
}

impl Reactor {
    /// Looks at one slice more of what is ahead. Where nobody watches anything, that is all of it.
    pub(super) fn look_on(&mut self) {
        let Some(ahead) = self.ahead.as_mut().filter(|ahead| ahead.goes_on()) else { return };
        let release = self.held.as_ref().expect("what is looked at ahead is held");
        let looked_through = release.looked_through.as_ref().expect("it is one that is looked at ahead");
        let count = release.events.len();
        if self.watches.is_empty() {
            ahead.looked_at = count;
        }
        ahead.share.begin(Instant::now());
        ahead.look_at(&release.events, SLICE, &self.watches);
        while ahead.looked_at < count && ahead.share.is_left(Instant::now()) {
            ahead.look_at(&release.events, BLOCK, &self.watches);
        }
        ahead.share.end(Instant::now());
        if ahead.looked_at == count {
            ahead.is_reported = true;
            looked_through.fetch_add(1, Ordering::Release);
            self.exchange().replica_bell.ring();
        }
    }

    /// Whether a read must not be answered before the version that is ahead, because it sets a watch on what that has
    /// changed. It is run when the version is there. Behind something else that is pending it waits in any case.
    pub(super) fn waits_for_version(&mut self, slot: u32, opcode: i32, body: &[u8]) -> bool {
        let Reactor { ahead, held, connections, reader, .. } = self;
        let (Some(ahead), Some(release)) = (ahead, held) else { return false };
        let Some(connection) = connections.at(slot).filter(|connection| connection.pending.is_empty()) else {
            return false;
        };
        let waits = match watch_place(opcode, connection.keeper, body) {
            WatchPlace::Nowhere => false,
            WatchPlace::Anywhere => true,
            WatchPlace::At(path) => {
                is_touched(reader.view(), reader.view_ahead(&release.root), path.as_deref().unwrap_or_default())
            }
        };
        if waits {
            ahead.waiting.push(connection.id);
        }
        waits
    }
}

/// Whether there may be an event of this path between two versions. A znode that has none is the same in both, and where
/// there is none in either, one that came and went has left a trace in the nearest znode above.
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
