//! What two servers may legitimately say differently is brought to one form; nothing else is touched.
//!
//! | field | normal form | checked on the way |
//! |---|---|---|
//! | session id | number of the session in this run | top byte is the server id 1, the password is derived from it |
//! | ctime, mtime | 0 | one transaction has one time, which lies within this run |
//! | names of children, paths of ephemerals, entries of whoAmI | sorted | |
//! | order of ACL entries that `auth` became | by id | |
//! | zxid of an event | 0 | -1, or a transaction's, never going back on its connection |
use paddock_tests::client::Session;
use paddock_tests::records::{Acl, Stat};
use paddock_tests::reply::{Body, Event, Reply};
use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Clocks of one machine, read by two processes: they cannot be further apart than this, in milliseconds.
const CLOCK_SLACK_MS: i64 = 2_000;
/// The server id that a standalone server puts into its session ids.
const STANDALONE_ID: i64 = 1;

/// What is known of one server.
#[derive(Debug)]
pub struct Normal {
    sessions: HashMap<i64, i64>,
    /// Time of each transaction seen so far, in milliseconds since 1970.
    times: HashMap<i64, i64>,
    started_ms: i64,
}

impl Normal {
    pub fn new() -> Normal {
        Normal { sessions: HashMap::new(), times: HashMap::new(), started_ms: now_ms() }
    }

    /// Takes note of a new session; the answer is its number, the same on both servers.
    pub fn session(&mut self, session: &Session) -> Result<i64, String> {
        if session.id >> 56 != STANDALONE_ID {
            return Err(format!("session id {:#x} does not begin with server id {STANDALONE_ID}", session.id));
        }
        if session.password != session.expected_password() {
            return Err(format!("session {:#x} came with password {:02x?}", session.id, session.password));
        }
        let number = i64::try_from(self.sessions.len() + 1).expect("few sessions");
        match self.sessions.insert(session.id, number) {
            None => Ok(number),
            Some(_) => Err(format!("session id {:#x} was handed out twice", session.id)),
        }
    }

    pub fn reply(&mut self, mut reply: Reply) -> Result<Reply, String> {
        self.body(&mut reply.body)?;
        Ok(reply)
    }

    /// `latest` is the zxid of the last event on the same connection, -1 at first; it moves along.
    pub fn event(&self, mut event: Event, latest: &mut i64) -> Result<Event, String> {
        match event.zxid {
            -1 => {}
            zxid if zxid >= *latest && zxid > 0 => *latest = zxid,
            zxid => return Err(format!("an event of zxid {zxid} after one of zxid {latest}: {event:?}")),
        }
        event.zxid = 0;
        Ok(event)
    }

    fn body(&mut self, body: &mut Body) -> Result<(), String> {
        match body {
            Body::PathStat(_, stat) | Body::Stat(stat) | Body::Data(_, stat) => self.stat(stat),
            Body::Acl(entries, stat) => {
                entries.iter_mut().for_each(|entries| sort_expansions(entries));
                self.stat(stat)
            }
            Body::Names(names) => {
                names.iter_mut().for_each(|names| names.sort());
                Ok(())
            }
            Body::NamesStat(names, stat) => {
                names.iter_mut().for_each(|names| names.sort());
                self.stat(stat)
            }
            Body::Multi(outcomes) => outcomes.iter_mut().try_for_each(|outcome| self.body(&mut outcome.body)),
            Body::Clients(clients) => {
                clients.iter_mut().for_each(|clients| clients.sort());
                Ok(())
            }
            Body::None | Body::Path(_) | Body::Number(_) | Body::Token(_) => Ok(()),
        }
    }

    fn stat(&mut self, stat: &mut Stat) -> Result<(), String> {
        self.time(stat.czxid, &mut stat.ctime)?;
        self.time(stat.mzxid, &mut stat.mtime)?;
        // An owner that is no session of this run stays as it is and shows up as a difference.
        stat.ephemeral_owner = *self.sessions.get(&stat.ephemeral_owner).unwrap_or(&stat.ephemeral_owner);
        Ok(())
    }

    fn time(&mut self, zxid: i64, time: &mut i64) -> Result<(), String> {
        if zxid == 0 {
            return Ok(()); // The znodes of a fresh server; their times are part of the comparison.
        }
        let known = *self.times.entry(zxid).or_insert(*time);
        let run = self.started_ms - CLOCK_SLACK_MS..=now_ms() + CLOCK_SLACK_MS;
        if known != *time || !run.contains(time) {
            return Err(format!("zxid {zxid} with time {time}; before it was {known}, and the run is {run:?}"));
        }
        *time = 0;
        Ok(())
    }
}

/// An `auth` entry becomes one entry per credential of the caller, in no particular order and with the same permissions.
fn sort_expansions(entries: &mut [Acl]) {
    let together = |one: &Acl, next: &Acl| one.perms == next.perms && one.scheme == next.scheme;
    for expansion in entries.chunk_by_mut(together) {
        expansion.sort_by(|one, other| one.id.cmp(&other.id));
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970");
    i64::try_from(now.as_millis()).expect("within the next 292 million years")
}
