//! What a client does, and what it knows of what became of it.

use paddock_engine::io::simulated::Seeded;
use paddock_engine::jute::Write;
use paddock_engine::request::opcode;

use super::reactor::{Asked, Told};

/// The timeout that clients ask for, ms.
pub const TIMEOUT: i32 = 12_000;
/// Znodes that clients write to.
const ZNODES: usize = 8;

/// Where a client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It has no connection, and looks for a server.
    Away,
    /// It has asked to begin a session, or to come back with it.
    Greeting,
    /// It has a session and a connection.
    There,
}

/// One that has one request under way at a time.
pub struct Client {
    pub stage: Stage,
    /// The server that it is connected to, and the slot of its connection there.
    pub place: Option<(usize, u32)>,
    pub session: Option<i64>,
    xid: i32,
    /// What it waits for.
    pub asked: Option<Pending>,
    /// The newest transaction that it has learnt of.
    pub zxid: i64,
    pub done: Done,
}

/// A request that has no answer yet.
#[derive(Clone, Debug)]
pub struct Pending {
    pub xid: i32,
    pub opcode: i32,
    pub path: String,
}

/// How often what has become of requests.
#[derive(Clone, Copy, Default, Debug)]
pub struct Done {
    pub writes: u64,
    pub errors: u64,
    pub syncs: u64,
    pub unknown: u64,
    pub sessions: u64,
    pub expired: u64,
}

impl Default for Client {
    fn default() -> Client {
        Client { stage: Stage::Away, place: None, session: None, xid: 0, asked: None, zxid: 0, done: Done::default() }
    }
}

impl Client {
    /// What it says first on a new connection.
    pub fn greeting(&mut self) -> Asked {
        self.stage = Stage::Greeting;
        match self.session {
            None => Asked::Connect { timeout: TIMEOUT },
            Some(session) => Asked::Reattach { session, timeout: TIMEOUT },
        }
    }

    /// What it asks for next, if it waits for nothing.
    pub fn next(&mut self, draws: &mut Seeded, number: usize) -> Option<Asked> {
        use paddock_engine::io::simulated::Choice;
        if self.stage != Stage::There {
            return None;
        }
        if self.asked.is_some() {
            return Some(Asked::Ping);
        }
        self.xid += 1;
        let xid = self.xid;
        let path = format!("/z{}", draws.choose(ZNODES));
        let (opcode, path, asked) = match draws.choose(16) {
            0 => (opcode::SYNC, path.clone(), Asked::Sync { xid, body: path_body(&path) }),
            1..=3 => {
                let flags = draws.choose(2) as i32;
                let path = format!("{path}-{number}-{xid}");
                (opcode::CREATE, path.clone(), write(xid, opcode::CREATE, create_body(&path, flags)))
            }
            4..=6 => (opcode::CREATE, path.clone(), write(xid, opcode::CREATE, create_body(&path, 0))),
            7 => (opcode::DELETE, path.clone(), write(xid, opcode::DELETE, versioned_body(&path))),
            _ => (opcode::SET_DATA, path.clone(), write(xid, opcode::SET_DATA, set_body(&path, number, xid))),
        };
        self.asked = Some(Pending { xid, opcode, path });
        Some(asked)
    }

    /// What it was told.
    pub fn hear(&mut self, told: &Told) {
        match told {
            Told::Connected { session, .. } => {
                self.done.sessions += u64::from(self.session.is_none());
                (self.stage, self.session) = (Stage::There, Some(*session));
            }
            Told::Refused => {
                self.done.expired += 1;
                self.session = None;
                self.leave();
            }
            Told::Reply { xid, code, zxid, .. } => {
                let pending = self.asked.take().expect("it has asked for something");
                assert_eq!(pending.xid, *xid, "answers come in the order in which was asked");
                assert!(*zxid >= self.zxid, "a session never goes back: {zxid:x} after {:x}", self.zxid);
                self.zxid = *zxid;
                match (*code, pending.opcode) {
                    (0, opcode::SYNC) => self.done.syncs += 1,
                    (0, _) => self.done.writes += 1,
                    _ => self.done.errors += 1,
                }
            }
            Told::Closed { .. } => {
                self.session = None;
                self.leave();
            }
            Told::Ended => self.leave(),
        }
    }

    /// Its connection is gone; what it has asked for may have happened or not.
    pub fn leave(&mut self) {
        self.done.unknown += u64::from(self.asked.take().is_some());
        (self.stage, self.place) = (Stage::Away, None);
    }
}

fn write(xid: i32, opcode: i32, body: Vec<u8>) -> Asked {
    Asked::Write { xid, opcode, body }
}

fn path_body(path: &str) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_string(path);
    body
}

fn create_body(path: &str, flags: i32) -> Vec<u8> {
    let mut body = path_body(path);
    body.put_buffer(Some(b"new"));
    paddock_engine::acl::write(&None, &mut body);
    body.put_i32(flags);
    body
}

fn set_body(path: &str, number: usize, xid: i32) -> Vec<u8> {
    let mut body = path_body(path);
    body.put_buffer(Some(format!("{number} {xid}").as_bytes()));
    body.put_i32(-1);
    body
}

fn versioned_body(path: &str) -> Vec<u8> {
    let mut body = path_body(path);
    body.put_i32(-1);
    body
}
