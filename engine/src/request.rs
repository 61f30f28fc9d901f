//! What clients ask for: the operation records of the client port, decoded in place.
//!
//! Decoding follows ZooKeeper where it can be seen from outside: missing bytes are malformed, bytes too many are
//! ignored, and a null path is an error of the operation, not of the record (see [`Text`]).

use std::borrow::Cow;

use paddock_consensus::config::Change;

use crate::acl::{ClaimedEntry, read_claimed};
use crate::jute::{Malformed, Reader, Write};

/// The numbers of the operations.
pub mod opcode {
    pub const ERROR: i32 = -1;
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
    pub const DELETE_CONTAINER: i32 = 20;
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
    pub const CREATE_SESSION: i32 = -10;
    pub const CLOSE_SESSION: i32 = -11;
}

/// The path that a write is about, and whether it changes the parent's children too; `None` for those that have no path,
/// or several, and where it cannot be read. Requests and transactions begin alike. For looking ahead, not for doing.
pub fn path_ahead(opcode: i32, body: &[u8]) -> Option<(&str, bool)> {
    let in_parent = match opcode {
        opcode::CREATE | opcode::CREATE2 | opcode::CREATE_CONTAINER | opcode::CREATE_TTL => true,
        opcode::DELETE | opcode::DELETE_CONTAINER => true,
        opcode::SET_DATA | opcode::SET_ACL => false,
        _ => return None,
    };
    Some((std::str::from_utf8(Reader::new(body).buffer().ok()??).ok()?, in_parent))
}

/// A text that may be null on the wire.
pub type Text<'a> = Option<Cow<'a, str>>;

/// The header in front of every request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestHeader {
    pub xid: i32,
    pub opcode: i32,
}

impl RequestHeader {
    pub fn read(reader: &mut Reader<'_>) -> Result<RequestHeader, Malformed> {
        Ok(RequestHeader { xid: reader.i32()?, opcode: reader.i32()? })
    }
}

/// create, create2, createContainer, createTTL; `ttl` is -1 where the record has none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Create<'a> {
    pub opcode: i32,
    pub path: Text<'a>,
    pub data: Option<&'a [u8]>,
    /// The null vector reads as an empty one, but a multi tells them apart.
    pub acl: Option<Vec<ClaimedEntry>>,
    pub flags: i32,
    pub ttl: i64,
}

impl<'a> Create<'a> {
    /// Whether it would make an ephemeral, if it were to succeed.
    pub fn asks_for_ephemeral(&self) -> bool {
        matches!(self.opcode, opcode::CREATE | opcode::CREATE2) && matches!(self.flags, 1 | 3)
    }

    pub fn read(opcode: i32, reader: &mut Reader<'a>) -> Result<Create<'a>, Malformed> {
        let path = reader.string()?;
        let data = reader.buffer()?;
        let acl_is_null = { *reader }.count()?.is_none();
        let acl = read_claimed(reader)?;
        let flags = reader.i32()?;
        let ttl = if opcode == opcode::CREATE_TTL { reader.i64()? } else { -1 };
        Ok(Create { opcode, path, data, acl: (!acl_is_null).then_some(acl), flags, ttl })
    }
}

/// delete; also check, which has the same fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Versioned<'a> {
    pub path: Text<'a>,
    /// -1 matches any version.
    pub version: i32,
}

impl<'a> Versioned<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<Versioned<'a>, Malformed> {
        Ok(Versioned { path: reader.string()?, version: reader.i32()? })
    }
}

/// setData.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetData<'a> {
    pub path: Text<'a>,
    pub data: Option<&'a [u8]>,
    pub version: i32,
}

impl<'a> SetData<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<SetData<'a>, Malformed> {
        Ok(SetData { path: reader.string()?, data: reader.buffer()?, version: reader.i32()? })
    }
}

/// setACL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAcl<'a> {
    pub path: Text<'a>,
    pub acl: Vec<ClaimedEntry>,
    pub version: i32,
}

impl<'a> SetAcl<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<SetAcl<'a>, Malformed> {
        Ok(SetAcl { path: reader.string()?, acl: read_claimed(reader)?, version: reader.i32()? })
    }
}

/// exists, getData, getChildren, getChildren2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched<'a> {
    pub path: Text<'a>,
    pub watch: bool,
}

impl<'a> Watched<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<Watched<'a>, Malformed> {
        Ok(Watched { path: reader.string()?, watch: reader.bool()? })
    }
}

/// reconfig. A server that stands alone refuses it, whatever it asks for, but only as a whole record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reconfig<'a> {
    pub joining: Text<'a>,
    pub leaving: Text<'a>,
    pub members: Text<'a>,
    /// Of the configuration that it starts from; -1 is any.
    pub config_id: i64,
}

impl<'a> Reconfig<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<Reconfig<'a>, Malformed> {
        Ok(Reconfig {
            joining: reader.string()?,
            leaving: reader.string()?,
            members: reader.string()?,
            config_id: reader.i64()?,
        })
    }

    /// What it asks for.
    pub fn change(&self) -> Change<'_> {
        let Reconfig { joining, leaving, members, config_id } = self;
        Change {
            joining: joining.as_deref(),
            leaving: leaving.as_deref(),
            members: members.as_deref(),
            config_id: *config_id,
        }
    }
}

/// auth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Auth<'a> {
    pub scheme: Text<'a>,
    pub credential: Option<&'a [u8]>,
}

impl<'a> Auth<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<Auth<'a>, Malformed> {
        reader.i32()?;
        Ok(Auth { scheme: reader.string()?, credential: reader.buffer()? })
    }
}

/// addWatch, whose number is a mode; checkWatches and removeWatches, whose number is a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Numbered<'a> {
    pub path: Text<'a>,
    pub number: i32,
}

impl<'a> Numbered<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<Numbered<'a>, Malformed> {
        Ok(Numbered { path: reader.string()?, number: reader.i32()? })
    }
}

/// setWatches and setWatches2. A null list is an error of the operation when it is its turn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetWatches<'a> {
    /// The newest zxid that the client has seen.
    pub relative_zxid: i64,
    pub data: Option<Vec<Text<'a>>>,
    pub exist: Option<Vec<Text<'a>>>,
    pub child: Option<Vec<Text<'a>>>,
    /// These two are empty where the record has none.
    pub persistent: Option<Vec<Text<'a>>>,
    pub recursive: Option<Vec<Text<'a>>>,
}

impl<'a> SetWatches<'a> {
    pub fn read(opcode: i32, reader: &mut Reader<'a>) -> Result<SetWatches<'a>, Malformed> {
        let relative_zxid = reader.i64()?;
        let (data, exist, child) = (read_paths(reader)?, read_paths(reader)?, read_paths(reader)?);
        let (persistent, recursive) = match opcode {
            opcode::SET_WATCHES2 => (read_paths(reader)?, read_paths(reader)?),
            _ => (Some(Vec::new()), Some(Vec::new())),
        };
        Ok(SetWatches { relative_zxid, data, exist, child, persistent, recursive })
    }
}

fn read_paths<'a>(reader: &mut Reader<'a>) -> Result<Option<Vec<Text<'a>>>, Malformed> {
    let Some(count) = reader.count()? else { return Ok(None) };
    let mut paths = Vec::new();
    for _ in 0..count {
        paths.push(reader.string()?);
    }
    Ok(Some(paths))
}

/// Appends what stands before each result of a multi and a multiRead, and at their end.
pub fn write_multi_header(opcode: i32, done: bool, code: i32, out: &mut Vec<u8>) {
    out.put_i32(opcode);
    out.put_bool(done);
    out.put_i32(code);
}

/// The members of a multi or multiRead, each decoded by `read_member` from its opcode and what follows.
pub fn read_members<'a, M>(
    reader: &mut Reader<'a>,
    mut read_member: impl FnMut(i32, &mut Reader<'a>) -> Result<M, Malformed>,
) -> Result<Vec<M>, Malformed> {
    let mut members = Vec::new();
    loop {
        let opcode = reader.i32()?;
        let done = reader.bool()?;
        reader.i32()?;
        if done {
            return Ok(members);
        }
        members.push(read_member(opcode, reader)?);
    }
}

/// The path that a sync gives, as it lies in its body, length and all; the reply repeats it.
pub fn sync_path(body: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(body);
    reader.buffer()?;
    Ok(&body[..body.len() - reader.rest().len()])
}

/// One member of a multiRead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadMember<'a> {
    /// getData or getChildren.
    pub opcode: i32,
    pub path: Cow<'a, str>,
}

impl<'a> ReadMember<'a> {
    /// `Malformed` for anything for which ZooKeeper refuses the whole multiRead: other operations than getData and
    /// getChildren, a null path. The watch flag means nothing.
    pub fn read(opcode: i32, reader: &mut Reader<'a>) -> Result<ReadMember<'a>, Malformed> {
        if !matches!(opcode, opcode::GET_DATA | opcode::GET_CHILDREN) {
            return Err(Malformed);
        }
        let path = Watched::read(reader)?.path.ok_or(Malformed)?;
        Ok(ReadMember { opcode, path })
    }
}

#[cfg(test)]
mod tests {
    use super::{Create, ReadMember, SetWatches, opcode, read_members};
    use crate::jute::{Malformed, Reader, Write};

    fn create_body(flags: i32, acl_count: i32) -> Vec<u8> {
        let mut body = Vec::new();
        body.put_string("/a");
        body.put_buffer(None);
        body.put_i32(acl_count);
        body.put_i32(flags);
        body
    }

    fn multi(members: &[(i32, Vec<u8>)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (opcode, member) in members {
            body.put_i32(*opcode);
            body.put_bool(false);
            body.put_i32(-1);
            body.extend_from_slice(member);
        }
        body.extend_from_slice(&[255, 255, 255, 255, 1, 255, 255, 255, 255]);
        body
    }

    #[test]
    fn a_null_list_is_not_an_empty_one() {
        let body = create_body(0, -1);
        assert_eq!(Create::read(opcode::CREATE, &mut Reader::new(&body)).unwrap().acl, None);
        let body = create_body(0, 0);
        assert_eq!(Create::read(opcode::CREATE, &mut Reader::new(&body)).unwrap().acl, Some(vec![]));
    }

    #[test]
    fn what_a_multi_read_refuses_as_a_whole() {
        let watched = |path: &[u8]| [&(path.len() as i32).to_be_bytes()[..], path, &[1]].concat();
        let body = multi(&[(opcode::GET_DATA, watched(b"/a")), (opcode::GET_CHILDREN, watched(b""))]);
        let members = read_members(&mut Reader::new(&body), ReadMember::read).unwrap();
        let seen: Vec<(i32, &str)> = members.iter().map(|member| (member.opcode, &*member.path)).collect();
        assert_eq!(seen, [(opcode::GET_DATA, "/a"), (opcode::GET_CHILDREN, "")]);
        for member in [
            (opcode::EXISTS, watched(b"/a")),
            (opcode::GET_CHILDREN2, watched(b"/a")),
            (opcode::DELETE, vec![0, 0, 0, 0, 0, 0, 0, 0]),
            (opcode::GET_DATA, vec![255, 255, 255, 255, 0]),
            (opcode::GET_DATA, vec![0, 0, 0, 9]),
        ] {
            assert_eq!(read_members(&mut Reader::new(&multi(&[member])), ReadMember::read), Err(Malformed));
        }
        assert_eq!(read_members(&mut Reader::new(&multi(&[])), ReadMember::read), Ok(vec![]));
    }

    #[test]
    fn the_five_lists_of_set_watches() {
        let mut body = Vec::new();
        body.put_i64(7);
        for list in ["/d", "/e", "/c", "/p"] {
            body.put_i32(1);
            body.put_string(list);
        }
        body.put_i32(-1);
        let path = |text: &'static str| Some(vec![Some(text.into())]);
        let read = |opcode| SetWatches::read(opcode, &mut Reader::new(&body)).unwrap();
        let request = read(opcode::SET_WATCHES2);
        assert_eq!((request.relative_zxid, request.data, request.exist), (7, path("/d"), path("/e")));
        assert_eq!((request.child, request.persistent, request.recursive), (path("/c"), path("/p"), None));
        let request = read(opcode::SET_WATCHES);
        assert_eq!((request.persistent, request.recursive), (Some(vec![]), Some(vec![])));
    }
}
