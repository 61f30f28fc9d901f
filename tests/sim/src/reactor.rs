//! What stands between the clients of a server and its replica, in the place of a thread with sockets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use paddock_engine::acl::Id;
use paddock_engine::tree::Reader;
use paddock_net::exchange::{AnswerKind, ConnectionId, Exchange, Heard, Release, Request, RequestKind, Submission};
use paddock_net::serving::{Period, Serve};

/// Who a connection is for the world.
pub type ClientId = usize;

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum Asked {
    Connect { timeout: i32 },
    Reattach { session: i64, timeout: i32 },
    Write { xid: i32, opcode: i32, body: Vec<u8> },
    Sync { xid: i32, body: Vec<u8> },
    Close { xid: i32 },
    Ping,
}

/// What a client is told.
#[derive(Clone, Hash, Debug)]
pub enum Told {
    Connected {
        session: i64,
        timeout: i32,
    },
    Refused,
    Reply {
        xid: i32,
        code: i32,
        zxid: i64,
        body: Vec<u8>,
    },
    Closed {
        xid: i32,
    },
    /// The connection has ended.
    Ended,
}

pub struct Reactor {
    exchange: Arc<Exchange>,
    reader: Reader,
    /// The newest transaction of the view.
    zxid: i64,
    period: Period,
    /// By slot.
    connections: BTreeMap<u32, Connection>,
    next_slot: u32,
    heard: Vec<i64>,
    submission: Submission,
    told: Vec<(ClientId, Told)>,
}

struct Connection {
    client: ClientId,
    session: i64,
}

impl Reactor {
    pub fn new(exchange: Arc<Exchange>, reader: Reader, zxid: i64) -> Reactor {
        Reactor {
            exchange,
            reader,
            zxid,
            period: Period::default(),
            connections: BTreeMap::new(),
            next_slot: 0,
            heard: Vec::new(),
            submission: Submission::default(),
            told: Vec::new(),
        }
    }

    /// The newest transaction that clients see.
    pub fn zxid(&self) -> i64 {
        self.zxid
    }

    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    pub fn serves(&self) -> bool {
        self.serving() == Serve::Yes
    }

    /// How clients are served.
    pub fn serving(&self) -> Serve {
        self.period.serve
    }

    /// A client connects. `None`: nobody is served here. Its connection's slot.
    pub fn accept(&mut self, client: ClientId) -> Option<u32> {
        if self.serving() == Serve::No {
            return None;
        }
        self.next_slot += 1;
        self.connections.insert(self.next_slot, Connection { client, session: 0 });
        Some(self.next_slot)
    }

    /// The client's end of the connection is gone.
    pub fn disconnect(&mut self, slot: u32, now: Instant) {
        if let Some(connection) = self.connections.remove(&slot) {
            self.request(slot, connection.session, RequestKind::Disconnected, now);
        }
    }

    /// What a client has sent. Nothing happens if the connection has ended.
    pub fn take(&mut self, slot: u32, asked: &Asked, now: Instant) {
        let Some(connection) = self.connections.get(&slot) else { return };
        let session = match asked {
            Asked::Reattach { session, .. } => *session,
            _ => connection.session,
        };
        if connection.session != 0 {
            self.heard.push(connection.session);
        }
        let ids: Arc<[Id]> = Arc::new([]);
        let kind = match asked {
            Asked::Connect { timeout } => RequestKind::Connect { timeout: *timeout },
            Asked::Reattach { timeout, .. } => RequestKind::Reattach { timeout: *timeout, password_matches: true },
            Asked::Write { xid, opcode, body } => {
                let body = self.append(body);
                RequestKind::Write { xid: *xid, opcode: *opcode, body, ids, keeper: false }
            }
            Asked::Sync { xid, body } => RequestKind::Sync { xid: *xid, body: self.append(body) },
            Asked::Close { xid } => RequestKind::CloseSession { xid: *xid },
            Asked::Ping => return,
        };
        self.request(slot, session, kind, now);
    }

    fn append(&mut self, body: &[u8]) -> std::ops::Range<u32> {
        let start = self.submission.bytes.len() as u32;
        self.submission.bytes.extend_from_slice(body);
        start..self.submission.bytes.len() as u32
    }

    fn request(&mut self, slot: u32, session: i64, kind: RequestKind, now: Instant) {
        let connection = ConnectionId { slot, generation: 0 };
        self.submission.requests.push(Request { connection, session, fence: false, received: now, kind });
    }

    /// Reports whom it has heard, and hands over what clients have asked.
    pub fn submit(&mut self, report: bool, now: Instant) {
        self.submission.period = self.period.number;
        if report {
            let sessions = std::mem::take(&mut self.heard);
            self.submission.heard = Some(Heard { sessions, until: now, at: now, pause: None });
        }
        if !self.submission.requests.is_empty() || self.submission.heard.is_some() {
            let submission = self.submission.take();
            if let Err(back) = self.exchange.submissions.push(submission) {
                self.submission = back;
            }
        }
    }

    /// Takes in what the replica has released.
    pub fn take_releases(&mut self) {
        while let Some(release) = self.exchange.releases.pop() {
            match release {
                Release::Version(version) => {
                    if let Some(looked_through) = &version.looked_through {
                        looked_through.fetch_add(1, std::sync::atomic::Ordering::Release);
                    }
                    self.reader.advance(version.root);
                    self.zxid = version.zxid;
                    for answer in version.answers {
                        self.answer(answer.connection.slot, answer.zxid, answer.kind, &version.bytes);
                    }
                }
                Release::Serve(period) => {
                    self.period = period;
                    // What was asked in the period before is not done in this one.
                    self.submission = Submission::default();
                    for (_, connection) in std::mem::take(&mut self.connections) {
                        self.told.push((connection.client, Told::Ended));
                    }
                }
                Release::State(state) => {
                    self.reader = state.reader;
                    self.zxid = state.zxid;
                }
            }
        }
    }

    fn answer(&mut self, slot: u32, zxid: i64, kind: AnswerKind, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(&slot) else { return };
        let client = connection.client;
        let told = match kind {
            AnswerKind::Reply { xid, code, body } => {
                let body = bytes[body.start as usize..body.end as usize].to_vec();
                Told::Reply { xid, code, zxid, body }
            }
            AnswerKind::Connected { session, timeout } => {
                connection.session = session;
                Told::Connected { session, timeout }
            }
            AnswerKind::Refused => Told::Refused,
            AnswerKind::Closed { xid } => Told::Closed { xid },
            AnswerKind::Dropped | AnswerKind::Cut => Told::Ended,
        };
        if matches!(told, Told::Refused | Told::Closed { .. } | Told::Ended) {
            self.connections.remove(&slot);
        }
        self.told.push((client, told));
    }

    /// What clients were told since this was asked last.
    pub fn take_told(&mut self) -> Vec<(ClientId, Told)> {
        std::mem::take(&mut self.told)
    }
}

/// How often whom it has heard is reported.
pub const REPORT_EVERY: Duration = Duration::from_millis(500);
