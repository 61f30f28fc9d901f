//! What a client asks of a server, as it goes on the wire. Paths are the server's here, but for those of [`Registration`].
//!
//! ```text
//! frame   i32 length | i32 xid | i32 opcode | record        length counts what follows it
//! ```

use paddock_engine::acl::Entry;
use paddock_engine::jute::{Write as _, wire_length};
use paddock_engine::request::{opcode, write_multi_header};

/// xids of what no caller waits for.
pub const XID_NOTIFICATION: i32 = -1;
pub const XID_PING: i32 = -2;
pub const XID_AUTH: i32 = -4;
pub const XID_SET_WATCHES: i32 = -8;

/// Any version is the right one.
pub const ANY_VERSION: i32 = -1;

/// Which watches of a path are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WatcherType {
    Children = 1,
    Data = 2,
    Any = 3,
    Persistent = 4,
    PersistentRecursive = 5,
}

/// How long a watch lasts that is set by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddWatchMode {
    Persistent = 0,
    PersistentRecursive = 1,
}

/// What the answer to a request changes about the watches of the client, by the client's own path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Registration {
    /// exists: where the znode is missing, of its creation.
    Exists(String),
    Data(String),
    Children(String),
    Added(String, AddWatchMode),
    Removed {
        path: String,
        kind: WatcherType,
        /// Also where no server can be asked.
        local: bool,
    },
}

/// A request without its xid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub opcode: i32,
    pub record: Vec<u8>,
    pub registration: Option<Registration>,
}

impl Request {
    fn new(opcode: i32, put: impl FnOnce(&mut Vec<u8>)) -> Request {
        let mut record = Vec::new();
        put(&mut record);
        Request { opcode, record, registration: None }
    }

    pub fn registering(self, registration: Option<Registration>) -> Request {
        Request { registration, ..self }
    }

    /// Appends the whole frame.
    pub fn append(&self, xid: i32, out: &mut Vec<u8>) {
        out.put_i32(wire_length(8 + self.record.len()));
        out.put_i32(xid);
        out.put_i32(self.opcode);
        out.extend_from_slice(&self.record);
    }

    /// `ttl`, in milliseconds, makes it a createTTL.
    pub fn create(path: &str, data: Option<&[u8]>, acl: &[Entry], flags: i32, ttl: Option<i64>) -> Request {
        const CONTAINER: i32 = 4;
        let opcode = match ttl {
            Some(_) => opcode::CREATE_TTL,
            None if flags == CONTAINER => opcode::CREATE_CONTAINER,
            None => opcode::CREATE,
        };
        Request::new(opcode, |out| {
            out.put_string(path);
            out.put_buffer(data);
            put_acl(acl, out);
            out.put_i32(flags);
            if let Some(ttl) = ttl {
                out.put_i64(ttl);
            }
        })
    }

    pub fn delete(path: &str, version: i32) -> Request {
        Request::new(opcode::DELETE, |out| put_versioned(path, version, out))
    }

    /// Deletions of any version, of which all are made or none.
    pub fn delete_all(paths: &[String]) -> Request {
        Request::new(opcode::MULTI, |out| {
            for path in paths {
                write_multi_header(opcode::DELETE, false, -1, out);
                put_versioned(path, ANY_VERSION, out);
            }
            write_multi_header(-1, true, -1, out);
        })
    }

    pub fn exists(path: &str, watch: bool) -> Request {
        Request::new(opcode::EXISTS, |out| put_watched(path, watch, out))
    }

    pub fn get_data(path: &str, watch: bool) -> Request {
        Request::new(opcode::GET_DATA, |out| put_watched(path, watch, out))
    }

    /// Children with the Stat of their parent.
    pub fn get_children(path: &str, watch: bool) -> Request {
        Request::new(opcode::GET_CHILDREN2, |out| put_watched(path, watch, out))
    }

    pub fn set_data(path: &str, data: &[u8], version: i32) -> Request {
        Request::new(opcode::SET_DATA, |out| {
            out.put_string(path);
            out.put_buffer(Some(data));
            out.put_i32(version);
        })
    }

    pub fn get_acl(path: &str) -> Request {
        Request::new(opcode::GET_ACL, |out| out.put_string(path))
    }

    pub fn set_acl(path: &str, acl: &[Entry], version: i32) -> Request {
        Request::new(opcode::SET_ACL, |out| {
            out.put_string(path);
            put_acl(acl, out);
            out.put_i32(version);
        })
    }

    pub fn sync(path: &str) -> Request {
        Request::new(opcode::SYNC, |out| out.put_string(path))
    }

    pub fn get_ephemerals(prefix: &str) -> Request {
        Request::new(opcode::GET_EPHEMERALS, |out| out.put_string(prefix))
    }

    pub fn get_all_children_number(path: &str) -> Request {
        Request::new(opcode::GET_ALL_CHILDREN_NUMBER, |out| out.put_string(path))
    }

    pub fn add_watch(path: &str, mode: AddWatchMode) -> Request {
        Request::new(opcode::ADD_WATCH, |out| put_versioned(path, mode as i32, out))
    }

    pub fn remove_watches(path: &str, kind: WatcherType) -> Request {
        Request::new(opcode::REMOVE_WATCHES, |out| put_versioned(path, kind as i32, out))
    }

    pub fn reconfig(joining: Option<&str>, leaving: Option<&str>, members: Option<&str>, version: i64) -> Request {
        Request::new(opcode::RECONFIG, |out| {
            [joining, leaving, members].iter().for_each(|text| out.put_buffer(text.map(str::as_bytes)));
            out.put_i64(version);
        })
    }

    pub fn who_am_i() -> Request {
        Request::new(opcode::WHO_AM_I, |_| ())
    }

    pub fn auth(scheme: &str, credential: Option<&[u8]>) -> Request {
        Request::new(opcode::AUTH, |out| {
            out.put_i32(0);
            out.put_string(scheme);
            out.put_buffer(credential);
        })
    }

    /// A token of a negotiation.
    pub fn sasl(token: &[u8]) -> Request {
        Request::new(opcode::SASL, |out| out.put_buffer(Some(token)))
    }

    pub fn ping() -> Request {
        Request::new(opcode::PING, |_| ())
    }

    pub fn close_session() -> Request {
        Request::new(opcode::CLOSE_SESSION, |_| ())
    }

    /// Paths of data, of exists, of children, and those of persistent and of recursive ones. Without the last two it is what
    /// older servers understand too.
    pub fn set_watches(zxid: i64, lists: &[Vec<String>; 5]) -> Request {
        let has_persistent = lists[3..].iter().any(|list| !list.is_empty());
        let (opcode, count) = if has_persistent { (opcode::SET_WATCHES2, 5) } else { (opcode::SET_WATCHES, 3) };
        Request::new(opcode, |out| {
            out.put_i64(zxid);
            for list in &lists[..count] {
                out.put_i32(wire_length(list.len()));
                list.iter().for_each(|path| out.put_string(path));
            }
        })
    }
}

fn put_watched(path: &str, watch: bool, out: &mut Vec<u8>) {
    out.put_string(path);
    out.put_bool(watch);
}

fn put_versioned(path: &str, version: i32, out: &mut Vec<u8>) {
    out.put_string(path);
    out.put_i32(version);
}

fn put_acl(acl: &[Entry], out: &mut Vec<u8>) {
    out.put_i32(wire_length(acl.len()));
    for Entry { perms, id } in acl {
        out.put_i32(*perms);
        out.put_string(&id.scheme);
        out.put_string(&id.id);
    }
}

/// The frame that asks for a session, or for one that there was.
pub fn hello(
    last_zxid: i64,
    timeout_ms: i32,
    session: i64,
    password: &[u8],
    may_be_read_only: bool,
    out: &mut Vec<u8>,
) {
    let mut record = Vec::new();
    record.put_i32(0); // protocol version
    record.put_i64(last_zxid);
    record.put_i32(timeout_ms);
    record.put_i64(session);
    record.put_buffer(Some(password));
    record.put_bool(may_be_read_only);
    out.put_buffer(Some(&record));
}

#[cfg(test)]
mod tests {
    use paddock_engine::acl::{Entry, Id};
    use paddock_engine::jute::Reader;
    use paddock_engine::request::{Create, RequestHeader, SetWatches, Versioned, opcode, read_members};

    use super::{Request, hello};

    #[test]
    fn a_frame_is_what_a_server_reads() {
        let id = Id { scheme: "world".into(), id: "anyone".into() };
        let acl = [Entry { perms: 31, id }];
        let request = Request::create("/a", Some(b"x"), &acl, 5, Some(1000));
        let mut frame = Vec::new();
        request.append(7, &mut frame);
        let mut reader = Reader::new(&frame);
        assert_eq!(reader.i32().map(|length| length as usize), Ok(frame.len() - 4));
        let header = RequestHeader::read(&mut reader).expect("whole");
        assert_eq!(header, RequestHeader { xid: 7, opcode: opcode::CREATE_TTL });
        let create = Create::read(header.opcode, &mut reader).expect("whole");
        assert_eq!(
            (create.path.as_deref(), create.data, create.flags, create.ttl),
            (Some("/a"), Some(&b"x"[..]), 5, 1000)
        );
        assert_eq!(create.acl.map(|acl| acl.len()), Some(1));
        assert!(reader.is_empty());
    }

    #[test]
    fn the_flags_choose_the_operation_of_a_create() {
        let opcode_of = |flags, ttl| Request::create("/a", None, &[], flags, ttl).opcode;
        assert_eq!(opcode_of(3, None), opcode::CREATE);
        assert_eq!(opcode_of(4, None), opcode::CREATE_CONTAINER);
        assert_eq!(opcode_of(6, Some(1)), opcode::CREATE_TTL);
    }

    #[test]
    fn many_deletions_are_one_multi() {
        let request = Request::delete_all(&["/a/b".to_owned(), "/a".to_owned()]);
        let members = read_members(&mut Reader::new(&request.record), |opcode, reader| {
            let member = Versioned::read(reader)?;
            Ok((opcode, member.path.map(|path| path.into_owned()), member.version))
        });
        let delete = |path: &str| (opcode::DELETE, Some(path.to_owned()), -1);
        assert_eq!(members, Ok(vec![delete("/a/b"), delete("/a")]));
    }

    #[test]
    fn older_servers_are_asked_for_the_watches_that_they_know() {
        let mut lists: [Vec<String>; 5] = Default::default();
        lists[0].push("/d".into());
        let read = |request: &Request| {
            let read = SetWatches::read(request.opcode, &mut Reader::new(&request.record)).expect("whole");
            (read.relative_zxid, read.data.map_or(0, |list| list.len()), read.recursive.map_or(0, |list| list.len()))
        };
        let request = Request::set_watches(9, &lists);
        assert_eq!((request.opcode, read(&request)), (opcode::SET_WATCHES, (9, 1, 0)));
        lists[4].push("/r".into());
        let request = Request::set_watches(9, &lists);
        assert_eq!((request.opcode, read(&request)), (opcode::SET_WATCHES2, (9, 1, 1)));
    }

    #[test]
    fn a_hello_has_45_bytes() {
        let mut frame = Vec::new();
        hello(1, 2, 3, &[0; 16], true, &mut frame);
        assert_eq!((frame.len(), frame[3], frame[48]), (49, 45, 1));
    }
}
