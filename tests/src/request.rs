//! Requests as plain values, with their jute form. Anything can be written, wrong things too.
use crate::jute::Writer;
use crate::records::{Acl, flags, op, write_acl};

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

    pub fn create_with_acl(path: &str, acl: Vec<Acl>, flags: i32) -> Request {
        Request::Create { opcode: op::CREATE, path: Some(path.into()), data: Some(vec![]), acl: Some(acl), flags }
    }

    pub fn create_container(path: &str) -> Request {
        Request::Create {
            opcode: op::CREATE_CONTAINER,
            path: Some(path.into()),
            data: Some(vec![]),
            acl: Some(Acl::open()),
            flags: flags::CONTAINER,
        }
    }

    pub fn create_ttl(path: &str, flags: i32, ttl: i64) -> Request {
        Request::CreateTtl { path: Some(path.into()), data: Some(vec![]), acl: Some(Acl::open()), flags, ttl }
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

    pub fn set_acl(path: &str, acl: Vec<Acl>, version: i32) -> Request {
        Request::SetAcl { path: Some(path.into()), acl: Some(acl), version }
    }

    pub fn get_all_children_number(path: &str) -> Request {
        Request::Path { opcode: op::GET_ALL_CHILDREN_NUMBER, path: Some(path.into()) }
    }

    pub fn get_ephemerals(prefix: &str) -> Request {
        Request::Path { opcode: op::GET_EPHEMERALS, path: Some(prefix.into()) }
    }

    pub fn add_watch(path: &str, mode: i32) -> Request {
        Request::PathNumber { opcode: op::ADD_WATCH, path: Some(path.into()), number: mode }
    }

    pub fn check_watches(path: &str, kind: i32) -> Request {
        Request::PathNumber { opcode: op::CHECK_WATCHES, path: Some(path.into()), number: kind }
    }

    pub fn remove_watches(path: &str, kind: i32) -> Request {
        Request::PathNumber { opcode: op::REMOVE_WATCHES, path: Some(path.into()), number: kind }
    }

    pub fn multi_read(members: Vec<Request>) -> Request {
        Request::Multi { opcode: op::MULTI_READ, members }
    }

    pub fn who_am_i() -> Request {
        Request::Bare { opcode: op::WHO_AM_I }
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
            Request::PathVersion { path, version, .. } => {
                out.string(path.as_deref()).i32(*version);
            }
            Request::PathWatch { path, watch, .. } => {
                out.string(path.as_deref()).bool(*watch);
            }
            Request::SetData { path, data, version } => {
                out.string(path.as_deref()).buffer(data.as_deref()).i32(*version);
            }
            Request::Path { path, .. } => {
                out.string(path.as_deref());
            }
            Request::SetAcl { path, acl, version } => {
                write_acl(out.string(path.as_deref()), acl.as_deref());
                out.i32(*version);
            }
            Request::Multi { members, .. } => write_multi(out, members),
            Request::Bare { .. } => {}
            Request::Auth { scheme, data } => {
                out.i32(0).string(scheme.as_deref()).buffer(data.as_deref());
            }
            Request::SetWatches { relative_zxid, data, exist, child } => {
                out.i64(*relative_zxid).strings(data).strings(exist).strings(child);
            }
            Request::SetWatches2 { relative_zxid, data, exist, child, persistent, recursive } => {
                out.i64(*relative_zxid).strings(data).strings(exist).strings(child);
                out.strings(persistent).strings(recursive);
            }
            Request::PathNumber { path, number, .. } => {
                out.string(path.as_deref()).i32(*number);
            }
            Request::Reconfig { joining, leaving, members, config_id } => {
                out.string(joining.as_deref()).string(leaving.as_deref()).string(members.as_deref()).i64(*config_id);
            }
            Request::Sasl { token } => {
                out.buffer(token.as_deref());
            }
            Request::Raw { body, .. } => out.bytes.extend_from_slice(body),
        }
    }

    /// Whether it takes a zxid when it is well formed, whatever comes of it.
    pub fn is_write(&self) -> bool {
        matches!(
            self.opcode(),
            op::CREATE
                | op::CREATE2
                | op::CREATE_CONTAINER
                | op::CREATE_TTL
                | op::DELETE
                | op::SET_DATA
                | op::SET_ACL
                | op::MULTI
                | op::RECONFIG
                | op::CLOSE_SESSION
        )
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
    write_acl(out.string(path.as_deref()).buffer(data.as_deref()), acl.as_deref());
}

fn write_multi(out: &mut Writer, members: &[Request]) {
    for member in members {
        out.i32(member.opcode()).bool(false).i32(-1);
        member.write_body(out);
    }
    out.i32(-1).bool(true).i32(-1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exists_and_an_empty_multi_have_the_documented_bytes() {
        let body = |request: &Request| {
            let mut out = Writer::default();
            request.write_body(&mut out);
            out.bytes
        };
        assert_eq!(body(&Request::exists("/a", true)), [0, 0, 0, 2, b'/', b'a', 1]);
        assert_eq!(body(&Request::multi(vec![])), [0xff, 0xff, 0xff, 0xff, 1, 0xff, 0xff, 0xff, 0xff]);
    }
}
