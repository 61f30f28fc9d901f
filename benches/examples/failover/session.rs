//! One client's session: what outlives its connections, and the connection it has.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Registry, Token};
use paddock_tests::client::{Hello, Session as Granted, frame};
use paddock_tests::jute::{Malformed, Reader, Writer};
use paddock_tests::records::xid;
use paddock_tests::reply::ReplyHeader;
use paddock_tests::request::Request;

use crate::connection::Connection;
use crate::load::Operation;

/// A server that does not answer a handshake for so long is left.
const GREETING_MAX: Duration = Duration::from_secs(1);
/// Requests of one session that wait for their reply, at the most.
const AWAITED_MAX: usize = 16;

pub struct Session {
    /// Place of the server where it is when sessions are spread.
    pub home: usize,
    granted: Option<Granted>,
    /// Asked for, in milliseconds.
    timeout_ms: i32,
    last_zxid: i64,
    link: Link,
    awaited: VecDeque<(i32, Operation)>,
    /// What is asked for as soon as there is a connection: what a lost one left open, or what fell due without any.
    owed: Option<Operation>,
    next_xid: i32,
    sent_at: Instant,
    heard_at: Instant,
}

enum Link {
    None,
    Greeting { connection: Connection, place: usize },
    Open { connection: Connection, place: usize },
}

/// What a server has told.
pub enum Heard {
    /// The session is served.
    Welcomed,
    /// The session is no more. The next connection asks for a new one.
    Expired,
    Answered {
        is_write: bool,
        zxid: i64,
        err: i32,
    },
}

impl Session {
    pub fn new(home: usize, timeout_ms: i32) -> Session {
        let now = Instant::now();
        Session {
            home,
            granted: None,
            timeout_ms,
            last_zxid: 0,
            link: Link::None,
            awaited: VecDeque::new(),
            owed: None,
            next_xid: 1,
            sent_at: now,
            heard_at: now,
        }
    }

    /// Where it is served.
    pub fn place(&self) -> Option<usize> {
        if let Link::Open { place, .. } = self.link { Some(place) } else { None }
    }

    /// Where it has asked to be served and has no answer yet.
    pub fn greets(&self) -> Option<usize> {
        if let Link::Greeting { place, .. } = self.link { Some(place) } else { None }
    }

    pub fn is_idle(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Begins to connect. What came of it is heard.
    pub fn connect(&mut self, place: usize, at: SocketAddr, registry: &Registry, token: Token) -> io::Result<()> {
        let hello = match &self.granted {
            Some(granted) => Hello::reattach(granted, self.last_zxid),
            None => Hello::new_session(self.timeout_ms),
        };
        let connection = Connection::open(at, hello.frame(), registry, token)?;
        (self.sent_at, self.heard_at) = (Instant::now(), Instant::now());
        self.link = Link::Greeting { connection, place };
        Ok(())
    }

    /// Gives up the connection. Of what it leaves without an answer one operation, a write if there is one, is owed.
    pub fn lose(&mut self) {
        self.link = Link::None;
        for (_, operation) in std::mem::take(&mut self.awaited) {
            self.owe(operation);
        }
    }

    fn owe(&mut self, operation: Operation) {
        if operation.is_write || self.owed.is_none() {
            self.owed = Some(operation);
        }
    }

    /// Asks for this, at once if there is a connection, else as soon as there is one.
    pub fn ask(&mut self, operation: Operation, root: &str) -> io::Result<()> {
        let Link::Open { connection, .. } = &mut self.link else {
            self.owe(operation);
            return Ok(());
        };
        if self.awaited.len() < AWAITED_MAX {
            connection.send(&framed(self.next_xid, &operation.request(root)))?;
            self.awaited.push_back((self.next_xid, operation));
            self.next_xid += 1;
            self.sent_at = Instant::now();
        }
        Ok(())
    }

    /// Pings when it has been silent for a third of its timeout, as clients do. An error when the server has been silent for
    /// too long.
    pub fn look_after(&mut self, now: Instant) -> io::Result<()> {
        let timeout = Duration::from_millis(u64::try_from(self.timeout_ms).expect("a timeout is positive"));
        let patience = match &self.link {
            Link::None => return Ok(()),
            Link::Greeting { .. } => GREETING_MAX,
            Link::Open { .. } => timeout * 2 / 3,
        };
        if now.saturating_duration_since(self.heard_at) > patience {
            return Err(ErrorKind::TimedOut.into());
        }
        if let Link::Open { connection, .. } = &mut self.link
            && now.saturating_duration_since(self.sent_at) >= timeout / 3
        {
            connection.send(&framed(xid::PING, &Request::ping()))?;
            self.sent_at = now;
        }
        Ok(())
    }

    /// Sends and reads what can be. `on_heard` is told of all that came, also before the connection ended with an error.
    pub fn hear(&mut self, scratch: &mut [u8], root: &str, mut on_heard: impl FnMut(Heard)) -> io::Result<()> {
        let (Link::Greeting { connection, .. } | Link::Open { connection, .. }) = &mut self.link else { return Ok(()) };
        let flushed = connection.flush();
        let received = connection.receive(scratch);
        while let Some(frame) = self.next_frame()? {
            self.heard_at = Instant::now();
            let heard = match self.link {
                Link::Open { .. } => self.read_reply(&frame)?,
                _ => Some(self.read_welcome(&frame)?),
            };
            let is_welcome = matches!(heard, Some(Heard::Welcomed));
            if let Some(heard) = heard {
                on_heard(heard);
            }
            if is_welcome && let Some(operation) = self.owed.take() {
                self.ask(operation, root)?;
            }
        }
        flushed.and(received)
    }

    fn next_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        match &mut self.link {
            Link::None => Ok(None),
            Link::Greeting { connection, .. } | Link::Open { connection, .. } => connection.take_frame(),
        }
    }

    fn read_welcome(&mut self, frame: &[u8]) -> io::Result<Heard> {
        let mut reader = Reader::new(frame);
        let mut welcome = || Ok((reader.i32()?, reader.i32()?, reader.i64()?, reader.buffer()?));
        let (_version, timeout_ms, id, password) = welcome().map_err(broken)?;
        let Link::Greeting { connection, place } = std::mem::replace(&mut self.link, Link::None) else {
            unreachable!("only who greets is welcomed")
        };
        if id == 0 {
            (self.granted, self.last_zxid) = (None, 0);
            return Ok(Heard::Expired);
        }
        self.link = Link::Open { connection, place };
        self.timeout_ms = timeout_ms;
        self.granted = Some(Granted { id, password: password.unwrap_or_default(), timeout_ms });
        Ok(Heard::Welcomed)
    }

    /// Nothing of a ping's.
    fn read_reply(&mut self, frame: &[u8]) -> io::Result<Option<Heard>> {
        let header = ReplyHeader::read(&mut Reader::new(frame)).map_err(broken)?;
        if header.xid < 0 {
            return Ok(None);
        }
        let operation = match self.awaited.pop_front() {
            Some((xid, operation)) if xid == header.xid => operation,
            _ => return Err(io::Error::new(ErrorKind::InvalidData, "a reply that was not due")),
        };
        self.last_zxid = self.last_zxid.max(header.zxid);
        Ok(Some(Heard::Answered { is_write: operation.is_write, zxid: header.zxid, err: header.err }))
    }
}

fn framed(xid: i32, request: &Request) -> Vec<u8> {
    let mut payload = Writer::default();
    payload.i32(xid).i32(request.opcode());
    request.write_body(&mut payload);
    frame(&payload.bytes)
}

fn broken(malformed: Malformed) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, malformed)
}
