//! The log of slow requests: a line for each request whose answer took longer than the operator wants to hear of.
//!
//! The path of a write is kept with it only where such lines are wanted. A read that is answered in the turn in which it came has
//! not waited, and costs no look at the clock, unless so many bytes were asked or answered that it may have taken long by itself.
//! How often lines come is the log's affair, as with everything that clients can cause.

use std::time::{Duration, Instant};

use paddock_engine::io::probes;
use paddock_engine::jute::Reader;
use paddock_engine::request::{opcode, path_ahead};

use super::submitter::Submitter;
use crate::connection::Connection;
use crate::distribution::micros;
use crate::exchange::RequestKind;
use crate::pending::PendingWrite;
use crate::stages::Way;

/// Of a path no more is told, characters.
const PATH_CHARACTERS: usize = 256;
/// A read whose request and reply together are as long takes some microseconds at least, against which a look at the clock is
/// nothing, bytes.
const LONG_READ: usize = 64 << 10;

/// What to keep of a request whose line may be wanted: the path that it is about, if it is about one.
pub fn path_of(kind: &RequestKind, submitter: &Submitter) -> Option<Box<str>> {
    match kind {
        RequestKind::Write { opcode, body, .. } => path_in(*opcode, submitter.body(body)),
        _ => None,
    }
}

fn path_in(opcode: i32, body: &[u8]) -> Option<Box<str>> {
    let (path, _) = path_ahead(opcode, body)?;
    Some(beginning(path))
}

fn beginning(path: &str) -> Box<str> {
    path.chars().take(PATH_CHARACTERS).collect()
}

/// The path that a read is about, if it is about one.
fn path_read(opcode: i32, body: &[u8]) -> Option<Box<str>> {
    match opcode {
        opcode::EXISTS
        | opcode::GET_DATA
        | opcode::GET_ACL
        | opcode::GET_CHILDREN
        | opcode::GET_CHILDREN2
        | opcode::GET_ALL_CHILDREN_NUMBER
        | opcode::CHECK_WATCHES
        | opcode::REMOVE_WATCHES
        | opcode::ADD_WATCH => {
            let path = std::str::from_utf8(Reader::new(body).buffer().ok()??).ok()?;
            Some(beginning(path))
        }
        _ => None,
    }
}

/// Whether a read may have taken long by itself.
#[inline]
pub fn is_long(body: usize, reply: usize) -> bool {
    body + reply >= LONG_READ
}

/// A read that may be told of.
pub struct SlowRead {
    opcode: i32,
    xid: i32,
    path: Option<Box<str>>,
    took: Duration,
    /// How long it waited for those before it, where it is known when it was begun.
    waited: Option<Duration>,
    /// From the beginning of this half of the turn until it was answered; `None` where it was too short for a look at the clock.
    answered: Option<Duration>,
}

impl SlowRead {
    /// One that came then and has been answered in the half of the turn that began `now`, if it took as long as `threshold`. A PING
    /// reads nothing.
    pub fn answered(
        (opcode, xid): (i32, i32),
        body: &[u8],
        reply: usize,
        (received, now): (Instant, Instant),
        threshold: Duration,
    ) -> Option<SlowRead> {
        let waited = now.saturating_duration_since(received);
        let answered = is_long(body.len(), reply).then(|| now.elapsed());
        let took = waited + answered.unwrap_or_default();
        let is_told = took >= threshold && opcode != opcode::PING;
        is_told.then(|| SlowRead { opcode, xid, path: path_read(opcode, body), took, waited: Some(waited), answered })
    }

    /// A count that was made over several turns, or behind writes, and is answered now, if it took as long as `threshold`.
    pub fn counted(xid: i32, path: &str, took: Duration, threshold: Duration) -> Option<SlowRead> {
        let opcode = opcode::GET_ALL_CHILDREN_NUMBER;
        let read = || SlowRead { opcode, xid, path: Some(beginning(path)), took, waited: None, answered: None };
        (took >= threshold).then(read)
    }

    /// Tells of it. `zxid`: of the version that it was answered from.
    pub fn tell(&self, connection: &Connection, zxid: i64) {
        probes::request_slow(zxid, connection.session, micros(self.took));
        tracing::warn!(
            operation = operation(self.opcode),
            path = self.path.as_deref().map(tracing::field::debug),
            session = format_args!("0x{:x}", connection.session),
            address = %connection.address,
            xid = self.xid,
            zxid = format_args!("0x{zxid:x}"),
            waited_us = self.waited.map(micros),
            answered_us = self.answered.map(micros),
            "a request took {} ms, as long as paddock.slowRequestMillis or longer",
            self.took.as_millis()
        );
    }
}

/// The answer to a write, which came in this turn's half that began `now`. `way`: how the version of the answer went.
pub struct Slow<'a> {
    pub write: &'a PendingWrite,
    /// See [`path_of`].
    pub path: Option<Box<str>>,
    pub xid: i32,
    pub zxid: i64,
    pub way: Option<&'a Way>,
    pub now: Instant,
}

impl Slow<'_> {
    /// Tells of it if it took as long as `threshold`.
    pub fn tell(&self, connection: &Connection, threshold: Duration) {
        let took = self.now.saturating_duration_since(self.write.received);
        if took < threshold {
            return;
        }
        probes::request_slow(self.zxid, connection.session, micros(took));
        let [before, answered] = self.ends().map(micros);
        let is_ordered_here = self.way.is_none_or(|way| way.is_ordered_here);
        // A stage that it was not in is left out.
        let stage = |micros: fn(&Way) -> u32| self.way.filter(|_| is_ordered_here).map(micros);
        tracing::warn!(
            operation = operation(self.write.opcode),
            path = self.path.as_deref().map(tracing::field::debug),
            session = format_args!("0x{:x}", connection.session),
            address = %connection.address,
            xid = self.xid,
            zxid = format_args!("0x{:x}", self.zxid),
            queued_us = is_ordered_here.then_some(before),
            leader_us = (!is_ordered_here).then_some(before),
            ordered_us = stage(|way| way.ordered),
            submitted_us = stage(|way| way.submitted),
            synced_us = stage(|way| way.synced),
            quorum_us = stage(|way| way.quorum),
            released_us = self.way.map(|way| way.released),
            answered_us = answered,
            "a request took {} ms, as long as paddock.slowRequestMillis or longer",
            took.as_millis()
        );
    }

    /// How long it was queued, and the last stage up to here. On a server that does not order, the first one is told as the
    /// leader's: it has all the time until that had committed it.
    fn ends(&self) -> [Duration; 2] {
        match self.way {
            Some(way) => [
                way.taken.saturating_duration_since(self.write.received),
                self.now.saturating_duration_since(way.released_at),
            ],
            None => [self.now.saturating_duration_since(self.write.received), Duration::ZERO],
        }
    }
}

/// A word for each operation.
fn operation(opcode: i32) -> &'static str {
    match opcode {
        opcode::CREATE | opcode::CREATE2 => "create",
        opcode::CREATE_CONTAINER => "createContainer",
        opcode::CREATE_TTL => "createTTL",
        opcode::DELETE => "delete",
        opcode::SET_DATA => "setData",
        opcode::SET_ACL => "setACL",
        opcode::MULTI => "multi",
        opcode::RECONFIG => "reconfig",
        opcode::SYNC => "sync",
        opcode::GET_EPHEMERALS => "getEphemerals",
        opcode::CLOSE_SESSION => "closeSession",
        opcode::EXISTS => "exists",
        opcode::GET_DATA => "getData",
        opcode::GET_ACL => "getACL",
        opcode::GET_CHILDREN => "getChildren",
        opcode::GET_CHILDREN2 => "getChildren2",
        opcode::GET_ALL_CHILDREN_NUMBER => "getAllChildrenNumber",
        opcode::MULTI_READ => "multiRead",
        opcode::SET_WATCHES => "setWatches",
        opcode::SET_WATCHES2 => "setWatches2",
        opcode::CHECK_WATCHES => "checkWatches",
        opcode::REMOVE_WATCHES => "removeWatches",
        opcode::ADD_WATCH => "addWatch",
        opcode::WHO_AM_I => "whoAmI",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use paddock_engine::jute::Write;
    use paddock_engine::request::opcode;

    use super::{LONG_READ, PATH_CHARACTERS, SlowRead, operation, path_in};

    #[test]
    fn a_read_is_slow_by_what_it_waited_or_by_what_it_took_itself() {
        let now = Instant::now();
        let received = now.checked_sub(Duration::from_millis(20)).expect("the machine runs longer");
        let mut body = Vec::new();
        body.put_string("/a");
        let answered = |opcode, received, reply, threshold| {
            SlowRead::answered((opcode, 3), &body, reply, (received, now), Duration::from_millis(threshold))
        };
        let read = answered(opcode::GET_DATA, received, 10, 20).expect("it waited so long");
        assert_eq!((read.path.as_deref(), read.waited, read.answered), (Some("/a"), Some(now - received), None));
        assert!(answered(opcode::GET_DATA, received, 10, 21).is_none());
        assert!(answered(opcode::PING, received, 10, 20).is_none(), "it reads nothing");
        let read = answered(opcode::MULTI_READ, now, LONG_READ, 0).expect("it is long");
        assert!(read.path.is_none() && read.waited == Some(Duration::ZERO) && read.answered.is_some());
        assert!(answered(opcode::GET_CHILDREN, now, LONG_READ, 3_600_000).is_none());
    }

    #[test]
    fn a_count_is_slow_by_all_that_it_took() {
        let second = Duration::from_secs(1);
        let read = SlowRead::counted(3, "/a", second, second).expect("it took so long");
        assert_eq!((read.path.as_deref(), read.waited, read.took), (Some("/a"), None, second));
        assert!(SlowRead::counted(3, "/a", second, second * 2).is_none());
    }

    #[test]
    fn of_a_path_no_more_is_kept_than_is_told() {
        let mut body = Vec::new();
        body.put_string("/a/b");
        assert_eq!(path_in(opcode::SET_DATA, &body).as_deref(), Some("/a/b"));
        assert_eq!(path_in(opcode::MULTI, &body), None);
        assert_eq!(path_in(opcode::SET_DATA, &[0, 0]), None);
        let mut body = Vec::new();
        body.put_string(&"ä".repeat(10_000));
        assert_eq!(path_in(opcode::DELETE, &body).map(|path| path.chars().count()), Some(PATH_CHARACTERS));
    }

    #[test]
    fn operations_have_words() {
        assert_eq!([opcode::CREATE2, opcode::MULTI_READ, 12_345].map(operation), ["create", "multiRead", "other"]);
    }
}
