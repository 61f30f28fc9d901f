//! Requests, replies and events of the client port as plain values, with their jute form.
//!
//! Fields that may be null on the wire are `Option`s, because null and empty are different things there.
use crate::jute::{Malformed, Reader, Writer};

/// Codes that a reply's `err` may carry, under ZooKeeper's names.
pub mod err {
    pub const OK: i32 = 0;
    pub const RUNTIME_INCONSISTENCY: i32 = -2;
    pub const MARSHALLING: i32 = -5;
    pub const UNIMPLEMENTED: i32 = -6;
    pub const BAD_ARGUMENTS: i32 = -8;
    pub const NO_NODE: i32 = -101;
    pub const NO_AUTH: i32 = -102;
    pub const BAD_VERSION: i32 = -103;
    pub const NODE_EXISTS: i32 = -110;
    pub const NOT_EMPTY: i32 = -111;
    pub const SESSION_EXPIRED: i32 = -112;
    pub const INVALID_ACL: i32 = -114;
    pub const AUTH_FAILED: i32 = -115;
}

/// Opcodes, under ZooKeeper's names.
pub mod op {
    pub const CREATE: i32 = 1;
    pub const DELETE: i32 = 2;
    pub const EXISTS: i32 = 3;
    pub const GET_DATA: i32 = 4;
    pub const SET_DATA: i32 = 5;
    pub const GET_ACL: i32 = 6;
    pub const SET_ACL: i32 = 7;
    pub const GET_CHILDREN: i32 = 8;
    pub const SYNC: i32 = 9;
    pub const PING: i32 = 11;
    pub const GET_CHILDREN2: i32 = 12;
    pub const CHECK: i32 = 13;
    pub const MULTI: i32 = 14;
    pub const CREATE2: i32 = 15;
    pub const RECONFIG: i32 = 16;
    pub const CHECK_WATCHES: i32 = 17;
    pub const REMOVE_WATCHES: i32 = 18;
    pub const CREATE_CONTAINER: i32 = 19;
    pub const CREATE_TTL: i32 = 21;
    pub const MULTI_READ: i32 = 22;
    pub const AUTH: i32 = 100;
    pub const SET_WATCHES: i32 = 101;
    pub const SASL: i32 = 102;
    pub const GET_EPHEMERALS: i32 = 103;
    pub const GET_ALL_CHILDREN_NUMBER: i32 = 104;
    pub const SET_WATCHES2: i32 = 105;
    pub const ADD_WATCH: i32 = 106;
    pub const WHO_AM_I: i32 = 107;
    pub const CLOSE_SESSION: i32 = -11;
    pub const ERROR: i32 = -1;
}

/// The xids that mean something to the server or to clients.
pub mod xid {
    pub const NOTIFICATION: i32 = -1;
    pub const PING: i32 = -2;
    pub const AUTH: i32 = -4;
    pub const SET_WATCHES: i32 = -8;
}

/// Flags of create: bit 0 ephemeral, bit 1 sequential.
pub mod flags {
    pub const PERSISTENT: i32 = 0;
    pub const EPHEMERAL: i32 = 1;
    pub const SEQUENTIAL: i32 = 2;
    pub const EPHEMERAL_SEQUENTIAL: i32 = 3;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    pub perms: i32,
    pub scheme: Option<String>,
    pub id: Option<String>,
}

impl Acl {
    pub fn new(perms: i32, scheme: &str, id: &str) -> Self {
        Acl { perms, scheme: Some(scheme.into()), id: Some(id.into()) }
    }

    /// The list that lets everybody do everything.
    pub fn open() -> Vec<Acl> {
        vec![Acl::new(31, "world", "anyone")]
    }
}

/// 68 bytes on the wire; `pzxid` comes last there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stat {
    pub czxid: i64,
    pub mzxid: i64,
    /// Milliseconds since 1970.
    pub ctime: i64,
    /// Milliseconds since 1970.
    pub mtime: i64,
    pub version: i32,
    pub cversion: i32,
    pub aversion: i32,
    pub ephemeral_owner: i64,
    pub data_length: i32,
    pub num_children: i32,
    pub pzxid: i64,
}

/// A request, or a member of a multi. The comment tells the opcodes that share a form.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// create, create2, createContainer
    Create {
        opcode: i32,
        path: Option<String>,
        data: Option<Vec<u8>>,
        acl: Option<Vec<Acl>>,
        flags: i32,
    },
    CreateTtl {
        path: Option<String>,
        data: Option<Vec<u8>>,
        acl: Option<Vec<Acl>>,
        flags: i32,
        ttl: i64,
    },
    /// delete, check
    PathVersion {
        opcode: i32,
        path: Option<String>,
        version: i32,
    },
    /// exists, getData, getChildren, getChildren2
    PathWatch {
        opcode: i32,
        path: Option<String>,
        watch: bool,
    },
    SetData {
        path: Option<String>,
        data: Option<Vec<u8>>,
        version: i32,
    },
    /// getACL, sync, getAllChildrenNumber, getEphemerals
    Path {
        opcode: i32,
        path: Option<String>,
    },
    SetAcl {
        path: Option<String>,
        acl: Option<Vec<Acl>>,
        version: i32,
    },
    /// multi, multiRead
    Multi {
        opcode: i32,
        members: Vec<Request>,
    },
    /// ping, whoAmI, closeSession
    Bare {
        opcode: i32,
    },
    Auth {
        scheme: Option<String>,
        data: Option<Vec<u8>>,
    },
    SetWatches {
        relative_zxid: i64,
        data: Vec<String>,
        exist: Vec<String>,
        child: Vec<String>,
    },
    SetWatches2 {
        relative_zxid: i64,
        data: Vec<String>,
        exist: Vec<String>,
        child: Vec<String>,
        persistent: Vec<String>,
        recursive: Vec<String>,
    },
    /// addWatch (number = mode), checkWatches and removeWatches (number = type)
    PathNumber {
        opcode: i32,
        path: Option<String>,
        number: i32,
    },
    Reconfig {
        joining: Option<String>,
        leaving: Option<String>,
        members: Option<String>,
        config_id: i64,
    },
    Sasl {
        token: Option<Vec<u8>>,
    },
    /// Any opcode with any bytes for a body.
    Raw {
        opcode: i32,
        body: Vec<u8>,
    },
}

/// Short ways to write the requests that tests use most.
impl Request {
    pub fn create(path: &str, data: &[u8], flags: i32) -> Request {
        Request::Create {
            opcode: op::CREATE,
            path: Some(path.into()),
            data: Some(data.into()),
            acl: Some(Acl::open()),
            flags,
        }
    }

    pub fn create2(path: &str, data: &[u8], flags: i32) -> Request {
        Request::Create {
            opcode: op::CREATE2,
            path: Some(path.into()),
            data: Some(data.into()),
            acl: Some(Acl::open()),
            flags,
        }
    }

    pub fn delete(path: &str, version: i32) -> Request {
        Request::PathVersion { opcode: op::DELETE, path: Some(path.into()), version }
    }

    pub fn check(path: &str, version: i32) -> Request {
        Request::PathVersion { opcode: op::CHECK, path: Some(path.into()), version }
    }

    pub fn exists(path: &str, watch: bool) -> Request {
        Request::PathWatch { opcode: op::EXISTS, path: Some(path.into()), watch }
    }

    pub fn get_data(path: &str, watch: bool) -> Request {
        Request::PathWatch { opcode: op::GET_DATA, path: Some(path.into()), watch }
    }

    pub fn get_children(path: &str, watch: bool) -> Request {
        Request::PathWatch { opcode: op::GET_CHILDREN, path: Some(path.into()), watch }
    }

    pub fn get_children2(path: &str, watch: bool) -> Request {
        Request::PathWatch { opcode: op::GET_CHILDREN2, path: Some(path.into()), watch }
    }

    pub fn get_acl(path: &str) -> Request {
        Request::Path { opcode: op::GET_ACL, path: Some(path.into()) }
    }

    pub fn sync(path: &str) -> Request {
        Request::Path { opcode: op::SYNC, path: Some(path.into()) }
    }

    pub fn set_data(path: &str, data: &[u8], version: i32) -> Request {
        Request::SetData { path: Some(path.into()), data: Some(data.into()), version }
    }

    pub fn multi(members: Vec<Request>) -> Request {
        Request::Multi { opcode: op::MULTI, members }
    }

    pub fn ping() -> Request {
        Request::Bare { opcode: op::PING }
    }

    pub fn close() -> Request {
        Request::Bare { opcode: op::CLOSE_SESSION }
    }

    pub fn auth(scheme: &str, data: &[u8]) -> Request {
        Request::Auth { scheme: Some(scheme.into()), data: Some(data.into()) }
    }
}

impl Request {
    pub fn opcode(&self) -> i32 {
        match self {
            Request::Create { opcode, .. }
            | Request::PathVersion { opcode, .. }
            | Request::PathWatch { opcode, .. }
            | Request::Path { opcode, .. }
            | Request::Multi { opcode, .. }
            | Request::Bare { opcode }
            | Request::PathNumber { opcode, .. }
            | Request::Raw { opcode, .. } => *opcode,
            Request::CreateTtl { .. } => op::CREATE_TTL,
            Request::SetData { .. } => op::SET_DATA,
            Request::SetAcl { .. } => op::SET_ACL,
            Request::Auth { .. } => op::AUTH,
            Request::SetWatches { .. } => op::SET_WATCHES,
            Request::SetWatches2 { .. } => op::SET_WATCHES2,
            Request::Reconfig { .. } => op::RECONFIG,
            Request::Sasl { .. } => op::SASL,
        }
    }

    /// The operation record alone, without the request header.
    pub fn write_body(&self, out: &mut Writer) {
        match self {
            Request::Create { path, data, acl, flags, .. } => {
                write_create(out, path, data, acl);
                out.i32(*flags);
            }
            Request::CreateTtl { path, data, acl, flags, ttl } => {
                write_create(out, path, data, acl);
                out.i32(*flags).i64(*ttl);
            }
            Request::PathVersion { path, version, .. } => drop(out.string(path.as_deref()).i32(*version)),
            Request::PathWatch { path, watch, .. } => drop(out.string(path.as_deref()).bool(*watch)),
            Request::SetData { path, data, version } => {
                out.string(path.as_deref()).buffer(data.as_deref()).i32(*version);
            }
            Request::Path { path, .. } => drop(out.string(path.as_deref())),
            Request::SetAcl { path, acl, version } => {
                write_acl(out.string(path.as_deref()), acl);
                out.i32(*version);
            }
            Request::Multi { members, .. } => write_multi(out, members),
            Request::Bare { .. } => {}
            Request::Auth { scheme, data } => drop(out.i32(0).string(scheme.as_deref()).buffer(data.as_deref())),
            Request::SetWatches { relative_zxid, data, exist, child } => {
                out.i64(*relative_zxid).strings(data).strings(exist).strings(child);
            }
            Request::SetWatches2 { relative_zxid, data, exist, child, persistent, recursive } => {
                out.i64(*relative_zxid).strings(data).strings(exist).strings(child);
                out.strings(persistent).strings(recursive);
            }
            Request::PathNumber { path, number, .. } => drop(out.string(path.as_deref()).i32(*number)),
            Request::Reconfig { joining, leaving, members, config_id } => {
                out.string(joining.as_deref()).string(leaving.as_deref()).string(members.as_deref()).i64(*config_id);
            }
            Request::Sasl { token } => drop(out.buffer(token.as_deref())),
            Request::Raw { body, .. } => out.bytes.extend_from_slice(body),
        }
    }

    /// The paths this request names, members of a multi included.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Request::Create { path, .. }
            | Request::CreateTtl { path, .. }
            | Request::PathVersion { path, .. }
            | Request::PathWatch { path, .. }
            | Request::SetData { path, .. }
            | Request::Path { path, .. }
            | Request::SetAcl { path, .. }
            | Request::PathNumber { path, .. } => path.as_deref().into_iter().collect(),
            Request::Multi { members, .. } => members.iter().flat_map(Request::paths).collect(),
            Request::SetWatches { data, exist, child, .. } | Request::SetWatches2 { data, exist, child, .. } => {
                [data, exist, child].into_iter().flatten().map(String::as_str).collect()
            }
            Request::Bare { .. }
            | Request::Auth { .. }
            | Request::Reconfig { .. }
            | Request::Sasl { .. }
            | Request::Raw { .. } => Vec::new(),
        }
    }
}

fn write_create(out: &mut Writer, path: &Option<String>, data: &Option<Vec<u8>>, acl: &Option<Vec<Acl>>) {
    write_acl(out.string(path.as_deref()).buffer(data.as_deref()), acl);
}

fn write_acl(out: &mut Writer, acl: &Option<Vec<Acl>>) {
    let Some(entries) = acl else { return drop(out.i32(-1)) };
    out.count(entries.len());
    for entry in entries {
        out.i32(entry.perms).string(entry.scheme.as_deref()).string(entry.id.as_deref());
    }
}

fn write_multi(out: &mut Writer, members: &[Request]) {
    for member in members {
        out.i32(member.opcode()).bool(false).i32(-1);
        member.write_body(out);
    }
    out.i32(-1).bool(true).i32(-1);
}

/// What follows the header of a successful reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    None,
    Path(Option<String>),
    PathStat(Option<String>, Stat),
    Stat(Stat),
    Data(Option<Vec<u8>>, Stat),
    Acl(Option<Vec<Acl>>, Stat),
    Names(Option<Vec<Option<String>>>),
    NamesStat(Option<Vec<Option<String>>>, Stat),
    Multi(Vec<Outcome>),
    Number(i32),
    /// whoAmI: scheme and user.
    Clients(Option<Vec<(Option<String>, Option<String>)>>),
    Token(Option<Vec<u8>>),
}

/// One member's part of a multi's reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Opcode of the result, -1 for an error.
    pub kind: i32,
    pub err: i32,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub xid: i32,
    pub zxid: i64,
    pub err: i32,
    pub body: Body,
}

/// A watch event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// From the notification's header: the transaction's zxid, or -1.
    pub zxid: i64,
    /// 1 NodeCreated, 2 NodeDeleted, 3 NodeDataChanged, 4 NodeChildrenChanged.
    pub kind: i32,
    pub state: i32,
    pub path: String,
}

/// The 16 bytes at the head of every frame from the server after the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyHeader {
    pub xid: i32,
    pub zxid: i64,
    pub err: i32,
}

impl ReplyHeader {
    pub fn read(reader: &mut Reader<'_>) -> Result<ReplyHeader, Malformed> {
        Ok(ReplyHeader { xid: reader.i32()?, zxid: reader.i64()?, err: reader.i32()? })
    }
}

/// The event behind the header of a notification.
pub fn read_event(header: ReplyHeader, mut reader: Reader<'_>) -> Result<Event, Malformed> {
    let (kind, state) = (reader.i32()?, reader.i32()?);
    let path = reader.string()?.ok_or(Malformed { offset: 24, what: "an event without a path" })?;
    reader.finish()?;
    Ok(Event { zxid: header.zxid, kind, state, path })
}

/// The reply to a request of this opcode, every byte accounted for.
pub fn read_reply(header: ReplyHeader, opcode: i32, mut reader: Reader<'_>) -> Result<Reply, Malformed> {
    // The one error reply with a body is a failing SASL exchange.
    let body = match (header.err, opcode) {
        (0, _) => read_body(opcode, &mut reader)?,
        (_, op::SASL) if !reader.is_empty() => Body::Token(reader.buffer()?),
        _ => Body::None,
    };
    reader.finish()?;
    Ok(Reply { xid: header.xid, zxid: header.zxid, err: header.err, body })
}

fn read_body(opcode: i32, reader: &mut Reader<'_>) -> Result<Body, Malformed> {
    Ok(match opcode {
        op::CREATE | op::SYNC => Body::Path(reader.string()?),
        op::CREATE2 | op::CREATE_CONTAINER | op::CREATE_TTL => Body::PathStat(reader.string()?, read_stat(reader)?),
        op::EXISTS | op::SET_DATA | op::SET_ACL => Body::Stat(read_stat(reader)?),
        op::GET_DATA | op::RECONFIG => Body::Data(reader.buffer()?, read_stat(reader)?),
        op::GET_ACL => Body::Acl(reader.vector(read_acl)?, read_stat(reader)?),
        op::GET_CHILDREN | op::GET_EPHEMERALS => Body::Names(reader.vector(Reader::string)?),
        op::GET_CHILDREN2 => Body::NamesStat(reader.vector(Reader::string)?, read_stat(reader)?),
        op::MULTI | op::MULTI_READ => Body::Multi(read_outcomes(reader)?),
        op::GET_ALL_CHILDREN_NUMBER | op::ADD_WATCH => Body::Number(reader.i32()?),
        op::WHO_AM_I => Body::Clients(reader.vector(|reader| Ok((reader.string()?, reader.string()?)))?),
        op::SASL => Body::Token(reader.buffer()?),
        _ => Body::None,
    })
}

fn read_outcomes(reader: &mut Reader<'_>) -> Result<Vec<Outcome>, Malformed> {
    let mut outcomes = Vec::new();
    loop {
        let (kind, done, err) = (reader.i32()?, reader.bool()?, reader.i32()?);
        if done {
            return Ok(outcomes);
        }
        let body = match kind {
            op::ERROR => Body::Number(reader.i32()?),
            op::CHECK => Body::None,
            opcode => read_body(opcode, reader)?,
        };
        outcomes.push(Outcome { kind, err, body });
    }
}

fn read_acl(reader: &mut Reader<'_>) -> Result<Acl, Malformed> {
    Ok(Acl { perms: reader.i32()?, scheme: reader.string()?, id: reader.string()? })
}

fn read_stat(reader: &mut Reader<'_>) -> Result<Stat, Malformed> {
    Ok(Stat {
        czxid: reader.i64()?,
        mzxid: reader.i64()?,
        ctime: reader.i64()?,
        mtime: reader.i64()?,
        version: reader.i32()?,
        cversion: reader.i32()?,
        aversion: reader.i32()?,
        ephemeral_owner: reader.i64()?,
        data_length: reader.i32()?,
        num_children: reader.i32()?,
        pzxid: reader.i64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
        let digit = |byte: u8| (byte as char).to_digit(16).expect("a hex digit") as u8;
        digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    }

    /// The reply of a two-member multi that failed at its second member, from the protocol's test vectors.
    #[test]
    fn a_failed_multi_is_read_member_by_member() {
        let bytes = hex("00000009 0000000000000008 00000000 ffffffff 00 00000000 00000000 \
                         ffffffff 00 ffffff9b ffffff9b ffffffff 01 ffffffff");
        let mut reader = Reader::new(&bytes);
        let header = ReplyHeader::read(&mut reader).expect("16 bytes");
        let reply = read_reply(header, op::MULTI, reader).expect("a whole reply");
        let failed = |err| Outcome { kind: -1, err, body: Body::Number(err) };
        assert_eq!(reply.body, Body::Multi(vec![failed(0), failed(err::NO_NODE)]));
        assert_eq!((reply.xid, reply.zxid, reply.err), (9, 8, 0));
    }

    #[test]
    fn exists_and_an_empty_multi_have_the_documented_bytes() {
        let body = |request: &Request| {
            let mut out = Writer::default();
            request.write_body(&mut out);
            out.bytes
        };
        assert_eq!(body(&Request::exists("/a", true)), hex("00000002 2f61 01"));
        assert_eq!(body(&Request::multi(vec![])), hex("ffffffff 01 ffffffff"));
    }
}
