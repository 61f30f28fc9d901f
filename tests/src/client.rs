//! One connection to a ZooKeeper-protocol server, with nothing hidden: no reconnecting, no watch bookkeeping, no pings of
//! its own. Requests are queued with [`Client::queue`], sent with [`Client::flush`], and every frame that comes back is
//! handed out by [`Client::next_frame`] in the order of the wire. [`Client::call`] is the three together for one request.
use crate::jute::{Malformed, Reader, Writer};
use crate::records::{op, xid};
use crate::reply::{Event, Reply, ReplyHeader, read_event, read_reply};
use crate::request::Request;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A server that says nothing for this long to someone who waits for a reply has failed the test.
pub const REPLY_DEADLINE: Duration = Duration::from_secs(20);
/// No reply of any test is near this size, in bytes.
const MAX_FRAME: usize = 64 << 20;
const READ_CHUNK: usize = 64 << 10;

/// What outlives a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: i64,
    /// 16 bytes.
    pub password: Vec<u8>,
    /// As negotiated, in milliseconds.
    pub timeout_ms: i32,
}

impl Session {
    /// What every ZooKeeper server derives from a session id: java.util.Random, seeded, 16 bytes.
    pub fn expected_password(&self) -> Vec<u8> {
        const MULTIPLIER: u64 = 0x5_DEEC_E66D;
        const MASK: u64 = (1 << 48) - 1;
        let mut state = (self.id as u64 ^ 0xB341_5C00 ^ MULTIPLIER) & MASK;
        let mut word = || {
            state = state.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
            ((state >> 16) as u32).to_le_bytes()
        };
        [word(), word(), word(), word()].concat()
    }
}

/// The handshake that a client sends.
#[derive(Debug, Clone)]
pub struct Hello {
    pub last_zxid: i64,
    pub timeout_ms: i32,
    /// 0 asks for a new session.
    pub session_id: i64,
    pub password: Option<Vec<u8>>,
    /// `None` leaves the field out, as clients before 3.4 did.
    pub read_only: Option<bool>,
}

impl Hello {
    pub fn new_session(timeout_ms: i32) -> Hello {
        Hello { last_zxid: 0, timeout_ms, session_id: 0, password: Some(vec![0; 16]), read_only: Some(false) }
    }

    pub fn reattach(session: &Session, last_zxid: i64) -> Hello {
        Hello {
            last_zxid,
            timeout_ms: session.timeout_ms,
            session_id: session.id,
            password: Some(session.password.clone()),
            read_only: Some(false),
        }
    }

    /// The whole frame, length included.
    pub fn frame(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.i32(0).i64(self.last_zxid).i32(self.timeout_ms).i64(self.session_id).buffer(self.password.as_deref());
        if let Some(read_only) = self.read_only {
            out.bool(read_only);
        }
        frame(&out.bytes)
    }
}

/// `payload` behind its 4-byte length.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = Writer::default();
    out.buffer(Some(payload));
    out.bytes
}

/// One frame after the handshake.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    Reply(Reply),
    Event(Event),
}

#[derive(Debug)]
pub enum ClientError {
    /// The server closed the connection (an orderly end or a reset).
    Closed,
    /// The handshake was answered with session id 0: the session is expired or the password wrong.
    Refused,
    /// Nothing came within [`REPLY_DEADLINE`], or within the patience of someone who has less.
    TimedOut,
    /// A frame that breaks the protocol.
    Protocol(String),
    Io(io::Error),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Closed => write!(f, "the server closed the connection"),
            ClientError::Refused => write!(f, "the server refused the session"),
            ClientError::TimedOut => write!(f, "no answer in time"),
            ClientError::Protocol(what) => write!(f, "the server broke the protocol: {what}"),
            ClientError::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => ClientError::Closed,
            ErrorKind::WouldBlock | ErrorKind::TimedOut => ClientError::TimedOut,
            _ => ClientError::Io(error),
        }
    }
}

impl From<Malformed> for ClientError {
    fn from(malformed: Malformed) -> Self {
        ClientError::Protocol(malformed.to_string())
    }
}

/// A connection whose handshake has succeeded.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// What it waits for longer than this has failed.
    patience: Duration,
    pub session: Session,
    /// Highest zxid of an ordinary reply; what a handshake on reconnecting presents.
    pub last_zxid: i64,
    /// Events that [`Client::call`] met while it waited for its reply.
    pub events: VecDeque<Event>,
    /// Requests sent or queued and not yet answered: (xid, opcode).
    pending: VecDeque<(i32, i32)>,
    next_xid: i32,
    output: Vec<u8>,
    input: Vec<u8>,
    /// Start of the bytes in `input` that were not handed out yet.
    input_at: usize,
}

impl Client {
    /// A new session with the asked timeout in milliseconds.
    pub fn connect(address: SocketAddr, timeout_ms: i32) -> Result<Client, ClientError> {
        Client::greet(address, &Hello::new_session(timeout_ms))
    }

    /// The same session on a new connection.
    pub fn reattach(address: SocketAddr, session: &Session, last_zxid: i64) -> Result<Client, ClientError> {
        Client::greet(address, &Hello::reattach(session, last_zxid))
    }

    /// Any handshake. [`ClientError::Closed`] when the server drops it, [`ClientError::Refused`] when it says so.
    pub fn greet(address: SocketAddr, hello: &Hello) -> Result<Client, ClientError> {
        Client::greet_within(address, hello, REPLY_DEADLINE)
    }

    /// The same by someone who waits for nothing longer than `patience`, on this connection at all.
    pub fn greet_within(address: SocketAddr, hello: &Hello, patience: Duration) -> Result<Client, ClientError> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(REPLY_DEADLINE))?;
        stream.write_all(&hello.frame())?;
        let session = read_welcome(&mut stream, hello)?;
        Ok(Client {
            stream,
            patience,
            session,
            last_zxid: hello.last_zxid,
            events: VecDeque::new(),
            pending: VecDeque::new(),
            next_xid: 1,
            output: Vec::new(),
            input: Vec::new(),
            input_at: 0,
        })
    }

    /// Puts a request behind the others that [`Client::flush`] will send; returns its xid.
    pub fn queue(&mut self, request: &Request) -> i32 {
        let xid = match request.opcode() {
            op::PING => xid::PING,
            op::AUTH => xid::AUTH,
            op::SET_WATCHES | op::SET_WATCHES2 => xid::SET_WATCHES,
            _ => {
                self.next_xid += 1;
                self.next_xid - 1
            }
        };
        self.queue_as(xid, request);
        xid
    }

    /// The same under an xid of the caller's choice.
    pub fn queue_as(&mut self, xid: i32, request: &Request) {
        let mut payload = Writer::default();
        payload.i32(xid).i32(request.opcode());
        request.write_body(&mut payload);
        self.output.extend_from_slice(&frame(&payload.bytes));
        self.pending.push_back((xid, request.opcode()));
    }

    /// Bytes that go out exactly as given, behind what is queued.
    pub fn queue_raw(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    pub fn flush(&mut self) -> Result<(), ClientError> {
        let output = std::mem::take(&mut self.output);
        self.stream.write_all(&output).map_err(ClientError::from)
    }

    /// Waits so long, or until something comes: the end of the connection is an error.
    pub fn idle(&mut self, time: Duration) -> Result<(), ClientError> {
        self.stream.set_read_timeout(Some(time))?;
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(Some(self.patience))?;
        match peeked {
            Ok(0) => Err(ClientError::Closed),
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Requests that wait for their reply.
    pub fn outstanding(&self) -> usize {
        self.pending.len()
    }

    /// The next frame; waits for it.
    pub fn next_frame(&mut self) -> Result<Frame, ClientError> {
        let payload = self.next_payload()?;
        let mut reader = Reader::new(&payload);
        let header = ReplyHeader::read(&mut reader)?;
        if header.xid == xid::NOTIFICATION {
            return Ok(Frame::Event(read_event(header, reader)?));
        }
        let opcode = self.settle(header.xid)?;
        let reply = read_reply(header, opcode, reader)
            .map_err(|error| ClientError::Protocol(format!("reply to opcode {opcode}: {error}")))?;
        if header.xid > 0 && header.zxid > self.last_zxid {
            self.last_zxid = header.zxid;
        }
        Ok(Frame::Reply(reply))
    }

    /// Sends one request and waits for its reply; events on the way go to [`Client::events`]. Nothing may be outstanding.
    pub fn call(&mut self, request: &Request) -> Result<Reply, ClientError> {
        assert!(self.pending.is_empty(), "call would take an earlier request's reply for its own");
        self.queue(request);
        self.flush()?;
        self.next_reply()
    }

    /// The reply to a request that must succeed.
    #[track_caller]
    pub fn ok(&mut self, request: &Request) -> Reply {
        let reply = self.call(request).unwrap_or_else(|error| panic!("{request:?}: {error}"));
        assert_eq!(reply.err, 0, "{request:?}");
        reply
    }

    /// The code that one request is answered with.
    #[track_caller]
    pub fn code(&mut self, request: &Request) -> i32 {
        self.call(request).unwrap_or_else(|error| panic!("{request:?}: {error}")).err
    }

    /// The next reply; events before it go to [`Client::events`].
    pub fn next_reply(&mut self) -> Result<Reply, ClientError> {
        loop {
            match self.next_frame()? {
                Frame::Reply(reply) => return Ok(reply),
                Frame::Event(event) => self.events.push_back(event),
            }
        }
    }

    /// The next event, which must come before any reply.
    pub fn next_event(&mut self) -> Result<Event, ClientError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        match self.next_frame()? {
            Frame::Event(event) => Ok(event),
            Frame::Reply(reply) => Err(ClientError::Protocol(format!("{reply:?} where an event was due"))),
        }
    }

    /// Waits until the server has closed the connection; anything else that comes is an error.
    pub fn expect_close(&mut self) -> Result<(), ClientError> {
        match self.next_payload() {
            Err(ClientError::Closed) => Ok(()),
            Err(other) => Err(other),
            Ok(payload) => Err(ClientError::Protocol(format!("{payload:02x?} where a close was due"))),
        }
    }

    /// The stream itself, for tests that write in odd pieces or stop reading.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Takes the request that this xid answers off the list. Replies come in order; only auth may overtake.
    fn settle(&mut self, xid: i32) -> Result<i32, ClientError> {
        let place = match xid {
            xid::AUTH => self.pending.iter().position(|&(pending, _)| pending == xid),
            _ => Some(0).filter(|_| self.pending.front().is_some_and(|&(pending, _)| pending == xid)),
        };
        let settled = place.and_then(|place| self.pending.remove(place));
        settled.map(|(_, opcode)| opcode).ok_or_else(|| {
            ClientError::Protocol(format!("reply with xid {xid} where {:?} was due", self.pending.front()))
        })
    }

    /// The next frame without its length, whatever it says.
    pub fn next_payload(&mut self) -> Result<Vec<u8>, ClientError> {
        loop {
            if let Some(payload) = self.take_payload()? {
                return Ok(payload);
            }
            let mut chunk = [0; READ_CHUNK];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(length) => self.input.extend_from_slice(&chunk[..length]),
                // A read with a timeout ends so when the process was stopped and goes on.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The next whole frame among the bytes that have arrived.
    fn take_payload(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let rest = &self.input[self.input_at..];
        let Some(prefix) = rest.first_chunk::<4>() else {
            self.input.drain(..self.input_at);
            self.input_at = 0;
            return Ok(None);
        };
        let length = frame_length(*prefix)?;
        if rest.len() < 4 + length {
            self.input.drain(..self.input_at);
            self.input_at = 0;
            return Ok(None);
        }
        let payload = rest[4..4 + length].to_vec();
        self.input_at += 4 + length;
        Ok(Some(payload))
    }
}

fn frame_length(prefix: [u8; 4]) -> Result<usize, ClientError> {
    let length = i32::from_be_bytes(prefix);
    usize::try_from(length)
        .ok()
        .filter(|&length| length <= MAX_FRAME)
        .ok_or_else(|| ClientError::Protocol(format!("a frame of {length} bytes")))
}

fn read_welcome(stream: &mut TcpStream, hello: &Hello) -> Result<Session, ClientError> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix)?;
    let mut payload = vec![0; frame_length(prefix)?];
    stream.read_exact(&mut payload)?;
    let mut reader = Reader::new(&payload);
    let (version, timeout_ms, id, password) = (reader.i32()?, reader.i32()?, reader.i64()?, reader.buffer()?);
    if hello.read_only.is_some() {
        reader.bool()?;
    }
    reader.finish()?;
    let password = password.filter(|password| password.len() == 16);
    let password = password.ok_or_else(|| ClientError::Protocol("a password that is not 16 bytes".into()))?;
    if version != 0 {
        return Err(ClientError::Protocol(format!("protocol version {version}")));
    }
    match (timeout_ms, id) {
        (0, 0) if password == [0; 16] => Err(ClientError::Refused),
        (1.., id) if id != 0 => Ok(Session { id, password, timeout_ms }),
        _ => Err(ClientError::Protocol(format!("a welcome with timeout {timeout_ms} and session {id:#x}"))),
    }
}
