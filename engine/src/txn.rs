//! Transactions: what is proposed, logged and replayed, in ZooKeeper's own bytes.
//!
//! A transaction is `TxnHeader · body · TxnDigest`. The one who orders it fixes everything that could differ between
//! replicas (zxid, time, the number of a sequential znode, versions, expanded ACLs); whoever applies it computes nothing
//! of that again.

use std::borrow::Cow;

use crate::acl::{Acl, AclTable, Entry, Id, read_claimed, read_open};
use crate::jute::{Malformed, Reader, Write, wire_length};
use crate::request::{self, opcode};

/// The version of the tree digest that is written.
pub const DIGEST_VERSION: i32 = 2;

/// Bytes of a digest with its version.
const DIGEST_BYTES: usize = 12;

/// Where the time stands in an encoded transaction, bytes.
const TIME_AT: usize = 20;

/// Where the type stands in an encoded transaction, behind the header, bytes.
pub(crate) const OPCODE_AT: usize = 28;

/// Who asked, when, and the transaction's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TxnHeader {
    /// The session; 0 for the server's own.
    pub client: i64,
    /// The client's xid.
    pub cxid: i32,
    pub zxid: i64,
    /// Wall clock of the one who ordered it, ms.
    pub time: i64,
}

/// What kind of znode a create makes, and by which of the operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreateKind {
    /// create (1) or create2 (15), which differ in their replies alone.
    Plain {
        opcode: i32,
        ephemeral: bool,
    },
    Container,
    /// Milliseconds to live.
    Ttl(i64),
}

/// The body of a transaction.
#[derive(Clone, Debug)]
pub enum Txn<'a> {
    Create {
        kind: CreateKind,
        path: Cow<'a, str>,
        data: Option<&'a [u8]>,
        acl: Acl,
        /// Children ever created in the parent, this one counted; -1 in old logs: one more than it has.
        parent_cversion: i32,
    },
    Delete {
        path: Cow<'a, str>,
    },
    /// An empty container or a TTL node past its time.
    DeleteContainer {
        path: Cow<'a, str>,
    },
    /// `version` is the new one.
    SetData {
        path: Cow<'a, str>,
        data: Option<&'a [u8]>,
        version: i32,
    },
    /// The members of the ensemble, or what they count for, are others: the same to the tree as a change of the data of the
    /// configuration's znode.
    Reconfig {
        path: Cow<'a, str>,
        /// The [text](paddock_consensus::config::Config::text) of the new configuration.
        data: Option<&'a [u8]>,
        version: i32,
    },
    /// `version` is the new aversion.
    SetAcl {
        path: Cow<'a, str>,
        acl: Acl,
        version: i32,
    },
    Check {
        path: Cow<'a, str>,
        version: i32,
    },
    /// Where a member is an error, none of them changes anything.
    Multi(Vec<Txn<'a>>),
    /// Changes nothing but has its zxid.
    Error(i32),
    CreateSession {
        timeout: i32,
    },
    /// The ephemerals that go with the session, and after those listed all that it still owns. Logs of old servers have no
    /// list.
    CloseSession {
        ephemerals: Option<Vec<Cow<'a, str>>>,
    },
}

impl Txn<'_> {
    /// The type on the wire.
    pub fn opcode(&self) -> i32 {
        match self {
            Txn::Create { kind: CreateKind::Plain { opcode, .. }, .. } => *opcode,
            Txn::Create { kind: CreateKind::Container, .. } => opcode::CREATE_CONTAINER,
            Txn::Create { kind: CreateKind::Ttl(_), .. } => opcode::CREATE_TTL,
            Txn::Delete { .. } => opcode::DELETE,
            Txn::DeleteContainer { .. } => opcode::DELETE_CONTAINER,
            Txn::SetData { .. } => opcode::SET_DATA,
            Txn::Reconfig { .. } => opcode::RECONFIG,
            Txn::SetAcl { .. } => opcode::SET_ACL,
            Txn::Check { .. } => opcode::CHECK,
            Txn::Multi(_) => opcode::MULTI,
            Txn::Error(_) => opcode::ERROR,
            Txn::CreateSession { .. } => opcode::CREATE_SESSION,
            Txn::CloseSession { .. } => opcode::CLOSE_SESSION,
        }
    }

    /// Whether a digest may follow: it would be taken for the list of a close that has none.
    pub fn takes_digest(&self) -> bool {
        !matches!(self, Txn::CloseSession { ephemerals: None })
    }

    /// Appends header and body; the digest follows once the transaction is applied: [`write_digest`].
    pub fn write(&self, header: &TxnHeader, out: &mut impl Write) {
        out.put_i64(header.client);
        out.put_i32(header.cxid);
        out.put_i64(header.zxid);
        out.put_i64(header.time);
        out.put_i32(self.opcode());
        self.write_body(out);
    }

    fn write_body(&self, out: &mut impl Write) {
        match self {
            Txn::Create { kind, path, data, acl, parent_cversion } => {
                out.put_string(path);
                out.put_buffer(*data);
                crate::acl::write(acl, out);
                if let CreateKind::Plain { ephemeral, .. } = kind {
                    out.put_bool(*ephemeral);
                }
                out.put_i32(*parent_cversion);
                if let CreateKind::Ttl(ttl) = kind {
                    out.put_i64(*ttl);
                }
            }
            Txn::Delete { path } | Txn::DeleteContainer { path } => out.put_string(path),
            Txn::SetData { path, data, version } | Txn::Reconfig { path, data, version } => {
                out.put_string(path);
                out.put_buffer(*data);
                out.put_i32(*version);
            }
            Txn::SetAcl { path, acl, version } => {
                out.put_string(path);
                crate::acl::write(acl, out);
                out.put_i32(*version);
            }
            Txn::Check { path, version } => {
                out.put_string(path);
                out.put_i32(*version);
            }
            Txn::Multi(members) => {
                out.put_i32(wire_length(members.len()));
                let mut body = Vec::new();
                for member in members {
                    body.clear();
                    member.write_body(&mut body);
                    out.put_i32(member.opcode());
                    out.put_buffer(Some(&body));
                }
            }
            Txn::Error(code) => out.put_i32(*code),
            Txn::CreateSession { timeout } => out.put_i32(*timeout),
            Txn::CloseSession { ephemerals: None } => {}
            Txn::CloseSession { ephemerals: Some(paths) } => {
                out.put_i32(wire_length(paths.len()));
                for path in paths {
                    out.put_string(path);
                }
            }
        }
    }

    /// The path that an encoded transaction is about, and whether it changes the parent's children too; `None` for those
    /// that have no path, or several, and where it cannot be read. For looking ahead, not for applying.
    pub fn path_ahead(bytes: &[u8]) -> Option<(&str, bool)> {
        let mut reader = Reader::new(bytes.get(OPCODE_AT..)?);
        request::path_ahead(reader.i32().ok()?, reader.rest())
    }

    /// The [time](TxnHeader::time) of an encoded transaction; `None` where it is too short to have one.
    pub fn time_of(bytes: &[u8]) -> Option<i64> {
        bytes.get(TIME_AT..)?.first_chunk().map(|time| i64::from_be_bytes(*time))
    }

    /// Reads a whole transaction and, where there is one, its digest.
    pub fn read<'a>(bytes: &'a [u8], acls: &mut AclTable) -> Result<ReadTxn<'a>, Malformed> {
        let mut reader = Reader::new(bytes);
        let header = TxnHeader { client: reader.i64()?, cxid: reader.i32()?, zxid: reader.i64()?, time: reader.i64()? };
        let opcode = reader.i32()?;
        let txn = match opcode {
            opcode::MULTI => Txn::Multi(read_members(&mut reader, acls)?),
            _ => Txn::read_body(opcode, &mut reader, acls)?,
        };
        let digest = match reader.i32() {
            Ok(DIGEST_VERSION) => Some(reader.i64()? as u64),
            _ => None,
        };
        Ok(ReadTxn { header, txn, digest })
    }

    pub(crate) fn read_body<'a>(
        opcode: i32,
        reader: &mut Reader<'a>,
        acls: &mut AclTable,
    ) -> Result<Txn<'a>, Malformed> {
        let path = |reader: &mut Reader<'a>| reader.string()?.ok_or(Malformed);
        Ok(match opcode {
            opcode::CREATE | opcode::CREATE2 | opcode::CREATE_CONTAINER | opcode::CREATE_TTL => {
                let (path, data, acl) = (path(reader)?, reader.buffer()?, read_acl(reader, acls)?);
                let ephemeral = matches!(opcode, opcode::CREATE | opcode::CREATE2) && reader.bool()?;
                let parent_cversion = match reader.i32() {
                    Err(_) if opcode == opcode::CREATE => -1,
                    read => read?,
                };
                let kind = match opcode {
                    opcode::CREATE_CONTAINER => CreateKind::Container,
                    opcode::CREATE_TTL => CreateKind::Ttl(reader.i64()?),
                    _ => CreateKind::Plain { opcode, ephemeral },
                };
                Txn::Create { kind, path, data, acl, parent_cversion }
            }
            opcode::DELETE => Txn::Delete { path: path(reader)? },
            opcode::DELETE_CONTAINER => Txn::DeleteContainer { path: path(reader)? },
            opcode::SET_DATA => Txn::SetData { path: path(reader)?, data: reader.buffer()?, version: reader.i32()? },
            opcode::RECONFIG => Txn::Reconfig { path: path(reader)?, data: reader.buffer()?, version: reader.i32()? },
            opcode::SET_ACL => {
                Txn::SetAcl { path: path(reader)?, acl: read_acl(reader, acls)?, version: reader.i32()? }
            }
            opcode::CHECK => Txn::Check { path: path(reader)?, version: reader.i32()? },
            opcode::ERROR => Txn::Error(reader.i32()?),
            opcode::CREATE_SESSION => Txn::CreateSession { timeout: reader.i32()? },
            opcode::CLOSE_SESSION => Txn::CloseSession { ephemerals: read_ephemerals(reader)? },
            _ => return Err(Malformed),
        })
    }
}

/// A transaction as it was read.
#[derive(Clone, Debug)]
pub struct ReadTxn<'a> {
    pub header: TxnHeader,
    pub txn: Txn<'a>,
    /// Of the tree after it, where the writer kept one of our version.
    pub digest: Option<u64>,
}

/// Appends the digest of the tree after the transaction.
pub fn write_digest(digest: u64, out: &mut impl Write) {
    out.put_i32(DIGEST_VERSION);
    out.put_i64(digest as i64);
}

fn read_acl(reader: &mut Reader<'_>, acls: &mut AclTable) -> Result<Acl, Malformed> {
    if read_open(reader) {
        return Ok(None);
    }
    let mut entries = Vec::new();
    for claimed in read_claimed(reader)? {
        let (Some(scheme), Some(id)) = (claimed.scheme, claimed.id) else { return Err(Malformed) };
        entries.push(Entry { perms: claimed.perms, id: Id { scheme, id } });
    }
    Ok(acls.intern(entries))
}

fn read_members<'a>(reader: &mut Reader<'a>, acls: &mut AclTable) -> Result<Vec<Txn<'a>>, Malformed> {
    let count = reader.count()?.unwrap_or(0);
    let mut members = Vec::new();
    for _ in 0..count {
        members.push(read_member(reader, acls)?);
    }
    Ok(members)
}

pub(crate) fn read_member<'a>(reader: &mut Reader<'a>, acls: &mut AclTable) -> Result<Txn<'a>, Malformed> {
    let opcode = reader.i32()?;
    if matches!(opcode, opcode::CREATE_SESSION | opcode::CLOSE_SESSION | opcode::SET_ACL | opcode::RECONFIG) {
        return Err(Malformed);
    }
    let body = reader.buffer()?.ok_or(Malformed)?;
    Txn::read_body(opcode, &mut Reader::new(body), acls)
}

/// A body of nothing, or of a digest alone, has no list. A list of as many bytes as a digest has two empty paths: zeros.
fn read_ephemerals<'a>(reader: &mut Reader<'a>) -> Result<Option<Vec<Cow<'a, str>>>, Malformed> {
    let mut ahead = *reader;
    let is_digest = ahead.rest().len() == DIGEST_BYTES
        && ahead.i32() == Ok(DIGEST_VERSION)
        && ahead.i64().is_ok_and(|digest| digest != 0);
    if reader.is_empty() || is_digest {
        return Ok(None);
    }
    let count = reader.count()?.unwrap_or(0);
    let mut paths = Vec::new();
    for _ in 0..count {
        paths.push(reader.string()?.ok_or(Malformed)?);
    }
    Ok(Some(paths))
}

#[cfg(test)]
mod tests {
    use super::{CreateKind, ReadTxn, Txn, TxnHeader, write_digest};
    use crate::acl::AclTable;
    use crate::request::opcode;

    const HEADER: TxnHeader = TxnHeader { client: 7, cxid: 3, zxid: 9, time: 11 };

    fn survives(txn: &Txn<'_>) {
        let mut out = Vec::new();
        txn.write(&HEADER, &mut out);
        write_digest(42, &mut out);
        let mut acls = AclTable::default();
        let ReadTxn { header, txn: read, digest } = Txn::read(&out, &mut acls).unwrap();
        assert_eq!(header, HEADER);
        assert_eq!(format!("{read:?}"), format!("{txn:?}"));
        assert_eq!(digest, Some(42));
        let (path, in_parent) = match txn {
            Txn::Create { path, .. } | Txn::Delete { path } | Txn::DeleteContainer { path } => (Some(&**path), true),
            Txn::SetData { path, .. } | Txn::SetAcl { path, .. } => (Some(&**path), false),
            _ => (None, false),
        };
        assert_eq!(Txn::path_ahead(&out), path.map(|path| (path, in_parent)));
        for length in 0..out.len() {
            // Any result will do, a panic will not.
            let _ = Txn::read(&out[..length], &mut acls);
            let _ = Txn::path_ahead(&out[..length]);
        }
    }

    #[test]
    fn every_transaction_survives_the_wire() {
        let path = || "/a".into();
        let plain = |opcode, ephemeral| Txn::Create {
            kind: CreateKind::Plain { opcode, ephemeral },
            path: path(),
            data: Some(b"x"),
            acl: None,
            parent_cversion: 4,
        };
        survives(&plain(opcode::CREATE, true));
        survives(&plain(opcode::CREATE2, false));
        survives(&Txn::Create { kind: CreateKind::Container, path: path(), data: None, acl: None, parent_cversion: 4 });
        survives(&Txn::Create { kind: CreateKind::Ttl(5), path: path(), data: None, acl: None, parent_cversion: 4 });
        survives(&Txn::Delete { path: path() });
        survives(&Txn::DeleteContainer { path: path() });
        survives(&Txn::SetData { path: path(), data: None, version: 3 });
        survives(&Txn::Reconfig { path: path(), data: Some(b"x"), version: -1 });
        survives(&Txn::SetAcl { path: path(), acl: None, version: 3 });
        survives(&Txn::Error(-101));
        survives(&Txn::CreateSession { timeout: 4000 });
        survives(&Txn::CloseSession { ephemerals: Some(vec![path(), path()]) });
        survives(&Txn::Multi(vec![
            plain(opcode::CREATE, false),
            Txn::Check { path: path(), version: 1 },
            Txn::Error(-2),
        ]));
    }

    #[test]
    fn a_create_without_a_parent_cversion_is_an_old_one() {
        let mut out = Vec::new();
        let kind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
        Txn::Create { kind, path: "/a".into(), data: None, acl: None, parent_cversion: 4 }.write(&HEADER, &mut out);
        out.truncate(out.len() - 4);
        let mut acls = AclTable::default();
        let ReadTxn { txn, digest, .. } = Txn::read(&out, &mut acls).unwrap();
        assert!(matches!(txn, Txn::Create { parent_cversion: -1, .. }));
        assert_eq!(digest, None);
    }
}
