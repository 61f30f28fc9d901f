//! Many sessions of one thread that do the same thing at the same time.

use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::BenchError;
use super::connection::{Arrival, Connection, ConnectionError};
use super::load::Site;
use super::wire;

const EVENTS_MAX: usize = 4096;
const SCRATCH_BYTES: usize = 64 << 10;
const TICK: Duration = Duration::from_millis(50);
/// A step (all open, all answered, all notified) that takes longer fails the run.
pub const STEP_MAX: Duration = Duration::from_secs(60);
/// Sessions that are being opened at the same time.
const OPENING_MAX: usize = 32;
/// How long the ends of the sessions are waited for.
const CLOSE_MAX: Duration = Duration::from_secs(2);

pub struct Crowd {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    next_xid: i32,
    /// An error code that is as good as none.
    tolerated: i32,
    scratch: Vec<u8>,
}

/// What came in one turn of the poll.
#[derive(Default)]
pub struct Heard {
    opened: usize,
    pub replies: usize,
    /// When each of the notifications was read.
    pub notified: Vec<Instant>,
    error: i32,
}

impl Crowd {
    pub fn new() -> std::io::Result<Crowd> {
        Ok(Crowd {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            connections: Vec::new(),
            next_xid: 1,
            tolerated: 0,
            scratch: vec![0; SCRATCH_BYTES],
        })
    }

    pub fn open(&mut self, count: usize, site: &Site) -> Result<(), BenchError> {
        let bar = site.progress.count("opening sessions", count as u64);
        let server = |index: usize| &site.servers[index % site.servers.len()];
        let timeout = site.root.session_timeout;
        let mut opened = 0;
        let deadline = Instant::now() + STEP_MAX;
        while opened < count {
            while self.connections.len() < count.min(opened + OPENING_MAX) {
                let index = self.connections.len();
                let connection = Connection::open(server(index), timeout, self.poll.registry(), Token(index));
                self.connections.push(connection.map_err(|error| BenchError::Open(error.to_string()))?);
            }
            opened += self.turn(deadline, "all sessions to open")?.opened;
            bar.set(opened as u64);
        }
        Ok(())
    }

    /// From now on this error counts as success.
    pub fn tolerate(&mut self, code: i32) {
        self.tolerated = code;
    }

    /// The first `count` sessions each send what `put` appends, some requests, and all are answered. `put` is given the
    /// session's index and the xid to use, and returns how many requests it has put.
    pub fn ask(
        &mut self,
        count: usize,
        mut put: impl FnMut(usize, i32, &mut Vec<u8>) -> usize,
    ) -> Result<(), BenchError> {
        let xid = self.take_xid();
        let mut asked = 0;
        for (index, connection) in self.connections[..count].iter_mut().enumerate() {
            asked += put(index, xid, connection.out());
            connection.flush().map_err(|error| lost(&error))?;
        }
        let deadline = Instant::now() + STEP_MAX;
        let mut replies = 0;
        while replies < asked {
            replies += self.turn(deadline, "all requests to be answered")?.replies;
        }
        Ok(())
    }

    /// One session sends a frame whose xid is still to be filled in.
    pub fn send(&mut self, index: usize, frame: &[u8]) -> Result<(), BenchError> {
        let xid = self.take_xid();
        let mut frame = frame.to_vec();
        wire::set_xid(&mut frame, xid);
        let connection = &mut self.connections[index];
        connection.out().extend_from_slice(&frame);
        connection.flush().map_err(|error| lost(&error))
    }

    /// One turn of the poll.
    pub fn turn(&mut self, deadline: Instant, awaited: &'static str) -> Result<Heard, BenchError> {
        if Instant::now() >= deadline {
            return Err(BenchError::Silent { awaited, seconds: STEP_MAX.as_secs() });
        }
        match self.poll.poll(&mut self.events, Some(TICK)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(BenchError::Poll(error)),
            _ => (),
        }
        let mut heard = Heard::default();
        for event in &self.events {
            let connection = &mut self.connections[event.token().0];
            hear(connection, &mut self.scratch, self.tolerated, &mut heard).map_err(|error| lost(&error))?;
        }
        match heard.error {
            0 => Ok(heard),
            code => Err(BenchError::Code(code)),
        }
    }

    pub fn close(&mut self) {
        let xid = self.take_xid();
        for connection in &mut self.connections {
            connection.out().extend(wire::close_request(xid));
            // A session whose end is not told ends by itself.
            let _ = connection.flush();
        }
        // The server answers and closes: the first loss ends the waiting for replies, the poll gives it the time.
        let deadline = Instant::now() + CLOSE_MAX;
        let mut ended = 0;
        while ended < self.connections.len() {
            match self.turn(deadline, "the sessions to end") {
                Ok(heard) => ended += heard.replies,
                Err(_) => break,
            }
        }
    }

    fn take_xid(&mut self) -> i32 {
        self.next_xid += 1;
        self.next_xid
    }
}

fn hear(
    connection: &mut Connection,
    scratch: &mut [u8],
    tolerated: i32,
    heard: &mut Heard,
) -> Result<(), ConnectionError> {
    connection.flush()?;
    while let Some(bytes) = connection.receive(scratch)? {
        let now = Instant::now();
        connection.take(&scratch[..bytes], |arrival| {
            match arrival {
                Arrival::Opened => heard.opened += 1,
                Arrival::Notification => heard.notified.push(now),
                Arrival::Reply(reply) => {
                    heard.replies += 1;
                    if reply.err != 0 && reply.err != tolerated {
                        heard.error = reply.err;
                    }
                }
            }
            Ok(())
        })?;
        if bytes < scratch.len() {
            break;
        }
    }
    Ok(())
}

fn lost(error: &ConnectionError) -> BenchError {
    BenchError::Open(format!("a watcher's connection: {error}"))
}
