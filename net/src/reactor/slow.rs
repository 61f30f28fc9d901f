//! The log of slow requests: a line for each request to the replica whose answer took longer than the operator wants to hear of.
//!
//! The path of a write is kept with it only where such lines are wanted. How often lines come is the log's affair, as with
//! everything that clients can cause.

use std::time::{Duration, Instant};

use paddock_engine::io::probes;
use paddock_engine::request::{opcode, path_ahead};

use crate::connection::Connection;
use crate::distribution::micros;
use crate::pending::PendingWrite;
use crate::stages::Way;

/// Of a path no more is told, characters.
const PATH_CHARACTERS: usize = 256;

/// What to keep of a request whose line may be wanted: the path that it is about, if it is about one.
pub fn path_of(opcode: i32, body: &[u8]) -> Option<Box<str>> {
    let (path, _) = path_ahead(opcode, body)?;
    Some(path.chars().take(PATH_CHARACTERS).collect())
}

/// The answer to a write, which came in this turn's half that began `now`. `way`: how the version of the answer went.
pub struct Slow<'a> {
    pub write: &'a PendingWrite,
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
            path = self.write.path.as_deref().map(tracing::field::debug),
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

/// A word for each operation that goes to the replica.
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
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use paddock_engine::jute::Write;
    use paddock_engine::request::opcode;

    use super::{PATH_CHARACTERS, operation, path_of};

    #[test]
    fn of_a_path_no_more_is_kept_than_is_told() {
        let mut body = Vec::new();
        body.put_string("/a/b");
        assert_eq!(path_of(opcode::SET_DATA, &body).as_deref(), Some("/a/b"));
        assert_eq!(path_of(opcode::MULTI, &body), None);
        assert_eq!(path_of(opcode::SET_DATA, &[0, 0]), None);
        let mut body = Vec::new();
        body.put_string(&"ä".repeat(10_000));
        assert_eq!(path_of(opcode::DELETE, &body).map(|path| path.chars().count()), Some(PATH_CHARACTERS));
    }

    #[test]
    fn operations_have_words() {
        assert_eq!([opcode::CREATE2, opcode::SYNC, 12_345].map(operation), ["create", "sync", "other"]);
    }
}
