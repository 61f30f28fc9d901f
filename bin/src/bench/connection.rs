//! One client connection that never blocks: handshake, requests out, replies in.
//!
//! Costs per wake-up: one read into a buffer that all connections of a thread share, one write of everything that was
//! put into the output buffer meanwhile. A socket is registered once for both directions, edge-triggered.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::server::Server;
use super::wire::{self, ProtocolError, ReplyHeader, ReplyReader, Session};
use crate::security::Stream;

/// Length and longest payload of the handshake's reply.
const CONNECT_REPLY_BYTES_MAX: usize = 4 + 37;
/// Unsent output is moved to the front of its buffer once this much before it has been sent.
const COMPACT_BYTES: usize = 64 << 10;

pub struct Connection {
    stream: Stream<TcpStream>,
    /// Nothing until the server has answered the handshake.
    session: Option<Session>,
    hello: Vec<u8>,
    replies: ReplyReader,
    out: Vec<u8>,
    /// Bytes of `out` that have been sent.
    sent: usize,
}

/// Why a connection is of no more use.
#[derive(Debug)]
pub enum ConnectionError {
    Closed,
    Io(io::Error),
    Protocol(ProtocolError),
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionError::Closed => write!(f, "the server closed the connection"),
            ConnectionError::Io(error) => write!(f, "{error}"),
            ConnectionError::Protocol(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> ConnectionError {
        ConnectionError::Io(error)
    }
}

impl From<ProtocolError> for ConnectionError {
    fn from(error: ProtocolError) -> ConnectionError {
        ConnectionError::Protocol(error)
    }
}

/// What arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The session is open; requests may be sent.
    Opened,
    /// The answer to a request.
    Reply(ReplyHeader),
    /// A watch fired.
    Notification,
}

impl Connection {
    /// Begins to connect and to open a session with the given timeout (milliseconds).
    pub fn open(server: &Server, timeout: i32, registry: &Registry, token: Token) -> io::Result<Connection> {
        let mut socket = TcpStream::connect(server.address)?;
        socket.set_nodelay(true)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let stream = server.security.over(socket, &server.host)?;
        Ok(Connection {
            stream,
            session: None,
            hello: Vec::with_capacity(CONNECT_REPLY_BYTES_MAX),
            replies: ReplyReader::new(),
            out: wire::connect_request(timeout),
            sent: 0,
        })
    }

    pub fn session(&self) -> Option<Session> {
        self.session
    }

    /// Where requests are put; [`Connection::flush`] sends them.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Sends what was put into the output buffer, as far as the socket takes it. To be called again when the socket
    /// becomes writable.
    pub fn flush(&mut self) -> Result<(), ConnectionError> {
        while self.sent < self.out.len() {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(0) => return Err(ConnectionError::Closed),
                Ok(bytes) => self.sent += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    if self.sent >= COMPACT_BYTES {
                        self.out.drain(..self.sent);
                        self.sent = 0;
                    }
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.out.clear();
        self.sent = 0;
        match self.stream.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// One read into `scratch`: how many bytes came, or nothing if the socket has no more for now. A read that does
    /// not fill `scratch` has emptied the socket, except that the end of the stream may still follow.
    pub fn receive(&mut self, scratch: &mut [u8]) -> Result<Option<usize>, ConnectionError> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(ConnectionError::Closed),
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes what was received. Replies to pings are dropped.
    pub fn take(
        &mut self,
        mut bytes: &[u8],
        mut on_arrival: impl FnMut(Arrival) -> Result<(), ProtocolError>,
    ) -> Result<(), ProtocolError> {
        if self.session.is_none() {
            match self.take_hello(bytes)? {
                None => return Ok(()),
                Some(rest) => bytes = rest,
            }
            on_arrival(Arrival::Opened)?;
        }
        self.replies.feed(bytes, |header| match header.xid {
            wire::XID_PING => Ok(()),
            wire::XID_NOTIFICATION => on_arrival(Arrival::Notification),
            _ => on_arrival(Arrival::Reply(header)),
        })
    }

    /// Takes the handshake's reply out of `bytes`: what follows it, once it is complete.
    fn take_hello<'a>(&mut self, mut bytes: &'a [u8]) -> Result<Option<&'a [u8]>, ProtocolError> {
        while let Some((&byte, rest)) = bytes.split_first() {
            self.hello.push(byte);
            bytes = rest;
            let Some((length, payload)) = self.hello.split_first_chunk::<4>() else { continue };
            let length = i32::from_be_bytes(*length);
            if !(0..=CONNECT_REPLY_BYTES_MAX as i32 - 4).contains(&length) {
                return Err(ProtocolError::Length(length));
            }
            if payload.len() == length as usize {
                self.session = Some(wire::connect_reply(payload)?);
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Asks for a new event if the socket is still readable: for a reader that stops before it has read everything.
    pub fn rearm(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.reregister(self.stream.socket_mut(), token, Interest::READABLE | Interest::WRITABLE)
    }
}
