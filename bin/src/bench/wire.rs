//! The frames of ZooKeeper's client protocol that a load generator needs.
//!
//! ```text
//! request   i32 length | i32 xid | i32 opcode | record        length counts what follows it
//! reply     i32 length | i32 xid | i64 zxid | i32 err | record (none if err is not 0)
//! ```
//!
//! A request is a template made once: sending one copies it into the output buffer and fills in the xid and the name
//! of the znode, so an operation allocates nothing. Of a reply only the header is looked at; the record is skipped
//! wherever it lies, so a reply of any length costs no memory.

use std::fmt;

use super::keys::NAME_BYTES;

/// Opcodes of the requests used here.
pub mod opcode {
    pub const CREATE: i32 = 1;
    pub const DELETE: i32 = 2;
    pub const EXISTS: i32 = 3;
    pub const GET_DATA: i32 = 4;
    pub const SET_DATA: i32 = 5;
    pub const GET_CHILDREN: i32 = 8;
    pub const SYNC: i32 = 9;
    pub const PING: i32 = 11;
    pub const ADD_WATCH: i32 = 106;
    pub const CLOSE_SESSION: i32 = -11;
}

pub const XID_NOTIFICATION: i32 = -1;
pub const XID_PING: i32 = -2;

/// Error codes that this tool must tell apart.
pub const NO_NODE: i32 = -101;
pub const NODE_EXISTS: i32 = -110;
pub const NOT_EMPTY: i32 = -111;

/// Longest reply taken for one; what is longer is taken for a broken stream. Child lists may be long.
pub const REPLY_BYTES_MAX: usize = 1 << 30;

const HEADER_BYTES: usize = 20;
const REPLY_HEADER_BYTES: usize = 16;
const ANY_VERSION: i32 = -1;
/// Permission bits of "everything", for `world:anyone`.
const PERMISSIONS_ALL: i32 = 31;

/// The name ZooKeeper gives to an error code, or "error" if it has none that a server sends.
pub fn error_name(code: i32) -> &'static str {
    match code {
        -4 => "connection loss",
        -5 => "marshalling error",
        -6 => "unimplemented",
        -8 => "bad arguments",
        -101 => "no node",
        -102 => "no auth",
        -103 => "bad version",
        -108 => "no children for ephemerals",
        -110 => "node exists",
        -111 => "not empty",
        -112 => "session expired",
        -114 => "invalid ACL",
        -115 => "auth failed",
        -118 => "session moved",
        -119 => "not read-only",
        -124 => "authentication required",
        -125 => "quota exceeded",
        -127 => "throttled",
        _ => "error",
    }
}

/// A request without its xid and its znode's name.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    /// Where the name stands, if the path ends in one.
    name_at: Option<usize>,
}

impl Template {
    pub fn get(parent: &str) -> Template {
        named(opcode::GET_DATA, parent, |bytes| bytes.push(0))
    }

    pub fn exists(parent: &str) -> Template {
        named(opcode::EXISTS, parent, |bytes| bytes.push(0))
    }

    pub fn set(parent: &str, value: &[u8]) -> Template {
        named(opcode::SET_DATA, parent, |bytes| {
            put_buffer(bytes, value);
            bytes.extend(ANY_VERSION.to_be_bytes());
        })
    }

    pub fn create(parent: &str, value: &[u8]) -> Template {
        named(opcode::CREATE, parent, |bytes| put_create_rest(bytes, value))
    }

    pub fn delete(parent: &str) -> Template {
        named(opcode::DELETE, parent, |bytes| bytes.extend(ANY_VERSION.to_be_bytes()))
    }

    pub fn list(path: &str) -> Template {
        Template { bytes: request(opcode::GET_CHILDREN, path, |bytes| bytes.push(0)), name_at: None }
    }

    pub fn sync(path: &str) -> Template {
        Template { bytes: request(opcode::SYNC, path, |_| ()), name_at: None }
    }

    /// Appends the whole frame to `out`.
    pub fn append(&self, out: &mut Vec<u8>, xid: i32, name: &[u8; NAME_BYTES]) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        out[start + 4..start + 8].copy_from_slice(&xid.to_be_bytes());
        if let Some(at) = self.name_at {
            out[start + at..start + at + NAME_BYTES].copy_from_slice(name);
        }
    }

    /// Bytes of the frame.
    pub fn frame_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// A template of a path that ends in a name under `parent`.
fn named(opcode: i32, parent: &str, rest: impl FnOnce(&mut Vec<u8>)) -> Template {
    let path = format!("{parent}/{}", "#".repeat(NAME_BYTES));
    let name_at = HEADER_BYTES_OF_REQUEST + 4 + parent.len() + 1;
    Template { bytes: request(opcode, &path, rest), name_at: Some(name_at) }
}

/// Length, xid and opcode.
const HEADER_BYTES_OF_REQUEST: usize = 12;

/// A frame with xid 0 whose record starts with `path`.
fn request(opcode: i32, path: &str, rest: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    frame(|bytes| {
        bytes.extend(0i32.to_be_bytes());
        bytes.extend(opcode.to_be_bytes());
        put_buffer(bytes, path.as_bytes());
        rest(bytes);
    })
}

/// The create request of one path, with `xid` to be filled in by [`set_xid`].
pub fn create_request(path: &str, value: &[u8]) -> Vec<u8> {
    request(opcode::CREATE, path, |bytes| put_create_rest(bytes, value))
}

pub fn delete_request(path: &str) -> Vec<u8> {
    request(opcode::DELETE, path, |bytes| bytes.extend(ANY_VERSION.to_be_bytes()))
}

pub fn set_request(path: &str, value: &[u8]) -> Vec<u8> {
    request(opcode::SET_DATA, path, |bytes| {
        put_buffer(bytes, value);
        bytes.extend(ANY_VERSION.to_be_bytes());
    })
}

pub fn get_request(path: &str, watch: bool) -> Vec<u8> {
    request(opcode::GET_DATA, path, |bytes| bytes.push(u8::from(watch)))
}

pub fn exists_request(path: &str, watch: bool) -> Vec<u8> {
    request(opcode::EXISTS, path, |bytes| bytes.push(u8::from(watch)))
}

pub fn add_watch_request(path: &str, mode: i32) -> Vec<u8> {
    request(opcode::ADD_WATCH, path, |bytes| bytes.extend(mode.to_be_bytes()))
}

pub fn list_request(path: &str) -> Vec<u8> {
    request(opcode::GET_CHILDREN, path, |bytes| bytes.push(0))
}

pub fn ping_request() -> Vec<u8> {
    bare_request(XID_PING, opcode::PING)
}

pub fn close_request(xid: i32) -> Vec<u8> {
    bare_request(xid, opcode::CLOSE_SESSION)
}

/// Fills in the xid of a frame made by one of the functions above.
pub fn set_xid(frame: &mut [u8], xid: i32) {
    frame[4..8].copy_from_slice(&xid.to_be_bytes());
}

/// Asks for a new session. `timeout` in milliseconds.
pub fn connect_request(timeout: i32) -> Vec<u8> {
    frame(|bytes| {
        bytes.extend(0i32.to_be_bytes()); // protocol version
        bytes.extend(0i64.to_be_bytes()); // last zxid seen
        bytes.extend(timeout.to_be_bytes());
        bytes.extend(0i64.to_be_bytes()); // session id: a new one
        put_buffer(bytes, &[0; 16]);
        bytes.push(0); // not content with a read-only server
    })
}

fn bare_request(xid: i32, opcode: i32) -> Vec<u8> {
    frame(|bytes| {
        bytes.extend(xid.to_be_bytes());
        bytes.extend(opcode.to_be_bytes());
    })
}

fn frame(payload: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    payload(&mut bytes);
    let length = bytes.len() as i32 - 4;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn put_buffer(bytes: &mut Vec<u8>, content: &[u8]) {
    bytes.extend((content.len() as i32).to_be_bytes());
    bytes.extend_from_slice(content);
}

/// What follows the path in a create: data, an open ACL, and the flags of a persistent znode.
fn put_create_rest(bytes: &mut Vec<u8>, value: &[u8]) {
    put_buffer(bytes, value);
    bytes.extend(1i32.to_be_bytes());
    bytes.extend(PERMISSIONS_ALL.to_be_bytes());
    put_buffer(bytes, b"world");
    put_buffer(bytes, b"anyone");
    bytes.extend(0i32.to_be_bytes());
}

/// A session as the server granted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: i64,
    /// Milliseconds.
    pub timeout: i32,
}

/// What a peer sent is not the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// A frame whose length no reply can have.
    Length(i32),
    /// A reply out of order, or to no request.
    Xid { expected: Option<i32>, got: i32 },
    /// The server refused to open a session.
    Refused,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProtocolError::Length(length) => write!(f, "a frame of {length} bytes is no ZooKeeper reply"),
            ProtocolError::Xid { expected: Some(xid), got } => write!(f, "a reply with xid {got} where {xid} was due"),
            ProtocolError::Xid { expected: None, got } => write!(f, "a reply with xid {got} where none was due"),
            ProtocolError::Refused => write!(f, "the server refused to open a session"),
        }
    }
}

/// Reads the payload of the handshake's reply (36 or 37 bytes).
pub fn connect_reply(payload: &[u8]) -> Result<Session, ProtocolError> {
    if !(36..=37).contains(&payload.len()) {
        return Err(ProtocolError::Length(payload.len() as i32));
    }
    let session = Session { timeout: i32_at(payload, 4), id: i64_at(payload, 8) };
    if session.timeout <= 0 {
        return Err(ProtocolError::Refused);
    }
    Ok(session)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHeader {
    pub xid: i32,
    pub zxid: i64,
    pub err: i32,
}

/// Cuts a stream of replies into headers, however the stream was cut into reads.
#[derive(Clone, Debug)]
pub struct ReplyReader {
    head: [u8; HEADER_BYTES],
    /// Bytes of `head` that have arrived.
    have: usize,
    /// Bytes of the record that have not; only meaningful once `head` is full.
    record_left: usize,
}

impl ReplyReader {
    pub fn new() -> ReplyReader {
        ReplyReader { head: [0; HEADER_BYTES], have: 0, record_left: 0 }
    }

    /// Takes `bytes` and calls `on_reply` for each reply that they complete.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut on_reply: impl FnMut(ReplyHeader) -> Result<(), ProtocolError>,
    ) -> Result<(), ProtocolError> {
        while !bytes.is_empty() {
            if self.have < HEADER_BYTES {
                let taken = bytes.len().min(HEADER_BYTES - self.have);
                self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
                self.have += taken;
                bytes = &bytes[taken..];
                if self.have < HEADER_BYTES {
                    return Ok(());
                }
                self.record_left = record_bytes(&self.head)?;
            }
            let skipped = bytes.len().min(self.record_left);
            self.record_left -= skipped;
            bytes = &bytes[skipped..];
            if self.record_left == 0 {
                self.have = 0;
                on_reply(header(&self.head))?;
            }
        }
        Ok(())
    }
}

/// Bytes that follow the header of the frame that starts with `head`.
fn record_bytes(head: &[u8; HEADER_BYTES]) -> Result<usize, ProtocolError> {
    let length = i32_at(head, 0);
    match usize::try_from(length) {
        Ok(bytes) if (REPLY_HEADER_BYTES..=REPLY_BYTES_MAX).contains(&bytes) => Ok(bytes - REPLY_HEADER_BYTES),
        _ => Err(ProtocolError::Length(length)),
    }
}

fn header(head: &[u8; HEADER_BYTES]) -> ReplyHeader {
    ReplyHeader { xid: i32_at(head, 4), zxid: i64_at(head, 8), err: i32_at(head, 16) }
}

/// The header of a reply's payload (without the length), or nothing if it is too short.
pub fn reply_header(payload: &[u8]) -> Option<ReplyHeader> {
    (payload.len() >= REPLY_HEADER_BYTES).then(|| ReplyHeader {
        xid: i32_at(payload, 0),
        zxid: i64_at(payload, 4),
        err: i32_at(payload, 12),
    })
}

/// The record of a getData reply's payload: its data.
pub fn data_of(payload: &[u8]) -> Option<&[u8]> {
    let (data, _) = take_buffer(payload.get(REPLY_HEADER_BYTES..)?)?;
    Some(data)
}

/// The record of a getChildren reply's payload: the names. Names that are not UTF-8 are left out: nothing made here
/// has one.
pub fn children_of(payload: &[u8]) -> Option<Vec<String>> {
    let record = payload.get(REPLY_HEADER_BYTES..)?;
    let (count, mut rest) = record.split_at_checked(4)?;
    let mut children = Vec::new();
    for _ in 0..i32_at(count, 0).max(0) {
        let (name, after) = take_buffer(rest)?;
        rest = after;
        children.extend(String::from_utf8(name.to_vec()));
    }
    Some(children)
}

/// A length-prefixed piece (the null piece, of length -1, counts as empty) and what follows it.
fn take_buffer(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(4)?;
    rest.split_at_checked(usize::try_from(i32_at(length, 0).max(0)).ok()?)
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(bytes[at..at + 4].try_into().expect("the range has four bytes"))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(bytes[at..at + 8].try_into().expect("the range has eight bytes"))
}

#[cfg(test)]
mod tests;
