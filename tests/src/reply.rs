//! Replies and events as plain values, read from their jute form with every byte accounted for.
use crate::jute::{Malformed, Reader};
use crate::records::{Acl, Stat, op, read_acl, read_stat};

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

/// The one thing in a reply that a test asks for; panics when the reply holds something else.
impl Reply {
    #[track_caller]
    pub fn stat(&self) -> Stat {
        match &self.body {
            Body::Stat(stat) | Body::PathStat(_, stat) | Body::Data(_, stat) => *stat,
            Body::Acl(_, stat) | Body::NamesStat(_, stat) => *stat,
            other => panic!("no Stat in {other:?}, err {}", self.err),
        }
    }

    #[track_caller]
    pub fn path(&self) -> &str {
        match &self.body {
            Body::Path(Some(path)) | Body::PathStat(Some(path), _) => path,
            other => panic!("no path in {other:?}, err {}", self.err),
        }
    }

    #[track_caller]
    pub fn data(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Data(data, _) => data.as_deref(),
            other => panic!("no data in {other:?}, err {}", self.err),
        }
    }

    #[track_caller]
    pub fn acl(&self) -> &[Acl] {
        match &self.body {
            Body::Acl(Some(acl), _) => acl,
            other => panic!("no ACL in {other:?}, err {}", self.err),
        }
    }

    /// In the order of the wire.
    #[track_caller]
    pub fn names(&self) -> Vec<&str> {
        match &self.body {
            Body::Names(Some(names)) | Body::NamesStat(Some(names), _) => {
                names.iter().flatten().map(|s| &**s).collect()
            }
            other => panic!("no names in {other:?}, err {}", self.err),
        }
    }

    #[track_caller]
    pub fn outcomes(&self) -> &[Outcome] {
        match &self.body {
            Body::Multi(outcomes) => outcomes,
            other => panic!("no results in {other:?}, err {}", self.err),
        }
    }

    #[track_caller]
    pub fn number(&self) -> i32 {
        match &self.body {
            Body::Number(number) => *number,
            other => panic!("no number in {other:?}, err {}", self.err),
        }
    }
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
    let body = match (header.err, opcode) {
        (0, _) => read_body(opcode, &mut reader)?,
        // Error replies have no body, with two exceptions that no client reads: ZooKeeper sends a null token when a SASL
        // exchange fails, and an empty list behind the error of a multi that it could not decode.
        (_, op::SASL) if !reader.is_empty() => Body::Token(reader.buffer()?),
        (_, op::MULTI | op::MULTI_READ) if !reader.is_empty() => {
            let outcomes = read_outcomes(&mut reader)?;
            let none = outcomes.is_empty();
            none.then_some(Body::None).ok_or(Malformed { offset: 16, what: "results behind the error of a multi" })?
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::err;

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
}
