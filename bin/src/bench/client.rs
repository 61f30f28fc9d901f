//! A client that waits: for what is made before a run and removed after it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::server::Server;
use super::wire::{self, ProtocolError};
use crate::security::WaitingStream;

/// Requests in flight while many are sent: below the 1000 at which ZooKeeper stops reading.
const IN_FLIGHT_MAX: usize = 900;
/// Requests are written in pieces of about this many bytes or requests.
const PIECE_BYTES: usize = 128 << 10;
const PIECE_REQUESTS: usize = 300;

pub struct Client {
    stream: WaitingStream,
    address: SocketAddr,
    /// A server that is silent for this long is given up.
    patience: Duration,
    next_xid: i32,
    /// The payload of the last reply.
    payload: Vec<u8>,
}

#[derive(Debug)]
pub enum ClientError {
    Connect {
        address: SocketAddr,
        error: io::Error,
    },
    Io(io::Error),
    /// The server has said nothing for as long as it was waited for.
    Silent {
        address: SocketAddr,
        patience: Duration,
    },
    Protocol(ProtocolError),
    /// The server answered with an error code.
    Code {
        doing: &'static str,
        path: String,
        code: i32,
    },
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Connect { address, error } => write!(f, "cannot open a session on {address}: {error}"),
            ClientError::Io(error) => write!(f, "the connection to the server failed: {error}"),
            ClientError::Silent { address, patience } => {
                write!(f, "the server {address} has not answered for {} s", patience.as_secs_f64())
            }
            ClientError::Protocol(error) => write!(f, "the server does not keep to the protocol: {error}"),
            ClientError::Code { doing, path, code } => {
                write!(f, "{doing} {path}: {} ({code})", wire::error_name(*code))
            }
        }
    }
}

impl From<ProtocolError> for ClientError {
    fn from(error: ProtocolError) -> ClientError {
        ClientError::Protocol(error)
    }
}

impl Client {
    /// Opens a session with a timeout in milliseconds.
    pub fn connect(server: &Server, timeout: i32, patience: Duration) -> Result<Client, ClientError> {
        let address = server.address;
        let open = || -> io::Result<Client> {
            let socket = TcpStream::connect_timeout(&address, patience)?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(patience))?;
            socket.set_write_timeout(Some(patience))?;
            let stream = server.security.waiting(socket, &server.host)?;
            let mut client = Client { stream, address, patience, next_xid: 1, payload: Vec::new() };
            client.stream.write_all(&wire::connect_request(timeout))?;
            client.read_payload()?;
            Ok(client)
        };
        let client = open().map_err(|error| match error {
            error if is_silence(&error) => ClientError::Silent { address, patience },
            error => ClientError::Connect { address, error },
        })?;
        wire::connect_reply(&client.payload)?;
        Ok(client)
    }

    fn failed(&self, error: io::Error) -> ClientError {
        if is_silence(&error) {
            return ClientError::Silent { address: self.address, patience: self.patience };
        }
        ClientError::Io(error)
    }

    /// Creates `path`; false if it is there already.
    pub fn create(&mut self, path: &str, value: &[u8]) -> Result<bool, ClientError> {
        match self.call(wire::create_request(path, value))? {
            0 => Ok(true),
            wire::NODE_EXISTS => Ok(false),
            code => Err(ClientError::Code { doing: "create", path: path.into(), code }),
        }
    }

    /// The data of `path`, or nothing if there is no such znode.
    pub fn data(&mut self, path: &str) -> Result<Option<Vec<u8>>, ClientError> {
        match self.call(wire::get_request(path, false))? {
            0 => Ok(Some(wire::data_of(&self.payload).ok_or_else(|| self.short())?.to_vec())),
            wire::NO_NODE => Ok(None),
            code => Err(ClientError::Code { doing: "get", path: path.into(), code }),
        }
    }

    /// The names of the children of `path`.
    pub fn children(&mut self, path: &str) -> Result<Vec<String>, ClientError> {
        match self.call(wire::list_request(path))? {
            0 => Ok(wire::children_of(&self.payload).ok_or_else(|| self.short())?),
            code => Err(ClientError::Code { doing: "list", path: path.into(), code }),
        }
    }

    /// Deletes `path`; false if there is no such znode, or if it has children.
    pub fn delete_if_empty(&mut self, path: &str) -> Result<bool, ClientError> {
        match self.call(wire::delete_request(path))? {
            0 => Ok(true),
            wire::NO_NODE | wire::NOT_EMPTY => Ok(false),
            code => Err(ClientError::Code { doing: "delete", path: path.into(), code }),
        }
    }

    pub fn delete(&mut self, path: &str) -> Result<(), ClientError> {
        match self.call(wire::delete_request(path))? {
            0 => Ok(()),
            code => Err(ClientError::Code { doing: "delete", path: path.into(), code }),
        }
    }

    /// Sends many requests with many in flight. The first error code other than `tolerated` ends it; `doing` and
    /// `path` say in the message what was going on. `on_answered` hears how many have been answered.
    pub fn send_all(
        &mut self,
        requests: impl Iterator<Item = Vec<u8>>,
        (doing, path, tolerated): (&'static str, &str, i32),
        mut on_answered: impl FnMut(u64),
    ) -> Result<(), ClientError> {
        let mut requests = requests.peekable();
        let mut answered = 0;
        let mut due_xid = self.next_xid;
        while requests.peek().is_some() || due_xid != self.next_xid {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            for _ in 0..PIECE_REQUESTS {
                if piece.len() >= PIECE_BYTES {
                    break;
                }
                let Some(mut request) = requests.next() else { break };
                wire::set_xid(&mut request, self.take_xid());
                piece.extend(request);
            }
            self.stream.write_all(&piece).map_err(|error| self.failed(error))?;
            let keep = if requests.peek().is_some() { IN_FLIGHT_MAX - PIECE_REQUESTS } else { 0 };
            while (self.next_xid - due_xid) as usize > keep {
                match self.reply(due_xid)? {
                    0 => (),
                    code if code == tolerated => (),
                    code => return Err(ClientError::Code { doing, path: path.into(), code }),
                }
                due_xid += 1;
                answered += 1;
            }
            on_answered(answered);
        }
        Ok(())
    }

    /// Ends the session, so that the server need not wait for it to expire.
    pub fn close(mut self) {
        let request = wire::close_request(self.take_xid());
        // The session ends by itself later if this fails.
        let _ = self.stream.write_all(&request).and_then(|()| self.read_payload());
    }

    /// Sends one request and waits: the error code of its reply.
    fn call(&mut self, mut request: Vec<u8>) -> Result<i32, ClientError> {
        let xid = self.take_xid();
        wire::set_xid(&mut request, xid);
        self.stream.write_all(&request).map_err(|error| self.failed(error))?;
        self.reply(xid)
    }

    fn take_xid(&mut self) -> i32 {
        let xid = self.next_xid;
        self.next_xid += 1;
        xid
    }

    /// Waits for the reply to `xid`, which is the next one due; its payload stays in `self.payload`.
    fn reply(&mut self, xid: i32) -> Result<i32, ClientError> {
        self.read_payload().map_err(|error| self.failed(error))?;
        let header = wire::reply_header(&self.payload).ok_or_else(|| self.short())?;
        if header.xid != xid {
            return Err(ProtocolError::Xid { expected: Some(xid), got: header.xid }.into());
        }
        Ok(header.err)
    }

    fn short(&self) -> ProtocolError {
        ProtocolError::Length(self.payload.len() as i32)
    }

    fn read_payload(&mut self) -> io::Result<()> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = i32::from_be_bytes(length);
        let bytes = usize::try_from(length).ok().filter(|&bytes| bytes <= wire::REPLY_BYTES_MAX);
        let bytes = bytes
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, ProtocolError::Length(length).to_string()))?;
        // Grows with what arrives, not with what is announced.
        self.payload.clear();
        let got = Read::take(&mut self.stream, bytes as u64).read_to_end(&mut self.payload)?;
        if got < bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// Whether a call has waited in vain, which the system tells in one way or the other.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
