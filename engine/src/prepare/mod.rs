//! From a request to a transaction.
//!
//! Everything that decides whether a write succeeds is decided here, once, against the head: the session, the path, the
//! ACL, versions, existence. The order of the checks is ZooKeeper's, because clients see which of two errors they get.
//!
//! The head is changed only afterwards, by [`apply`](crate::apply). The members of a multi see each other through an
//! [`Outlook`], a thin layer of changes over the head, so that a multi that fails leaves nothing to undo.

mod keeper;
mod outlook;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::acl::{Acl, AclTable, Authority, ClaimedEntry, Id, list_bytes, perms};
use crate::database::{Database, RESERVED};
use crate::error::Code;
use crate::jute::Reader;
use crate::path;
use crate::quota::{Difference, QuotaCheck};
use crate::request::{Create, Member, Reconfig, SetAcl, SetData, Text, Versioned, opcode, read_multi};
use crate::tree::{ExtendedTypes, OwnerKind, TTL_MAX_MS};
use crate::txn::{CreateKind, Txn};

use outlook::Outlook;

/// The lists of one request have no more bytes once `auth` is replaced in all of them. Everything else in a transaction
/// came in the request's frame, at most [`FRAME_MAX`] bytes, so that no transaction can be too long for the log.
const REQUEST_ACL_BYTES_MAX: usize = 8 << 20;
/// The end of a session with more ephemerals than this, or with more bytes of their paths, lists none: whoever applies it,
/// ZooKeeper too, deletes what is listed and then all that the session still has. To list them takes a thousandth of a
/// second for ten thousand.
const LISTED_MAX: usize = 10_000;
const LISTED_BYTES_MAX: usize = 16 << 20;
/// No server may take longer frames than this, whatever it is told.
pub const FRAME_MAX: usize = 16 << 20;
// A member of a multi has at most twice its bytes in the transaction: the digits of a sequential name, and headers.
const _: () =
    assert!(2 * FRAME_MAX + REQUEST_ACL_BYTES_MAX + keeper::REMOVED_BYTES_MAX <= crate::log::RECORD_BYTES_MAX);

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    pub session: i64,
    /// As they were when the request arrived: later auth packets do not help it.
    pub ids: &'a [Id],
    /// The session is one of this server's alone, which no transaction has made.
    pub is_local: bool,
}

/// Why there is no transaction that does what was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Answered at once; takes no zxid.
    Undecodable,
    /// Becomes an error transaction, which takes a zxid.
    Failed(Code),
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Refusal::Failed(code)
    }
}

impl Database {
    /// The transaction for a client's write. A multi that fails is a transaction too, one that changes nothing.
    ///
    /// # Panics
    /// On an opcode that is not a write's.
    pub fn prepare<'a>(&mut self, opcode: i32, body: &'a [u8], caller: Caller<'_>) -> Result<Txn<'a>, Refusal> {
        let reader = &mut Reader::new(body);
        let undecodable = |_| Refusal::Undecodable;
        let mut preparer = self.preparer(caller);
        let txn = match opcode {
            opcode::CREATE | opcode::CREATE2 | opcode::CREATE_CONTAINER | opcode::CREATE_TTL => {
                preparer.create(Create::read(opcode, reader).map_err(undecodable)?)
            }
            opcode::DELETE => preparer.delete(Versioned::read(reader).map_err(undecodable)?),
            opcode::SET_DATA => preparer.set_data(SetData::read(reader).map_err(undecodable)?),
            opcode::SET_ACL => preparer.set_acl(SetAcl::read(reader).map_err(undecodable)?),
            opcode::RECONFIG => {
                Reconfig::read(reader).map_err(undecodable)?;
                preparer.reconfig()
            }
            opcode::MULTI => match read_multi(reader) {
                // Unlike single operations, a multi has its zxid before it is decoded.
                Err(_) => Err(Code::Marshalling),
                Ok(members) => preparer.multi(members),
            },
            other => panic!("operation {other} is not a write"),
        };
        Ok(txn?)
    }

    fn preparer<'d, 'c>(&'d mut self, caller: Caller<'c>) -> Preparer<'d, 'c> {
        Preparer {
            outlook: Outlook {
                tree: &self.tree,
                extended_types: self.rules.extended_types,
                zxid: self.last_zxid.next().0,
                changed: HashMap::new(),
            },
            acls: &mut self.acls,
            authority: &self.rules.authority,
            quota: QuotaCheck {
                enforced: self.rules.enforce_quota,
                tree: &self.tree,
                quotas: &self.quotas,
                exceeded: &mut self.exceeded_quota,
                ahead: HashMap::new(),
            },
            reconfig_enabled: self.rules.reconfig_enabled,
            is_global: self.sessions.contains_key(&caller.session),
            caller,
            acl_bytes: 0,
            removed_bytes: 0,
            looked_at: 0,
        }
    }

    /// The transaction that ends a session and takes its ephemerals along.
    pub fn prepare_close_session(&self, session: i64) -> Txn<'static> {
        let bytes = || self.ephemerals_of(session).map(|path| path.len() + 4).sum::<usize>();
        let is_listed = self.ephemeral_count_of(session) <= LISTED_MAX && bytes() <= LISTED_BYTES_MAX;
        let list = || self.ephemerals_of(session).map(|path| Cow::Owned(path.to_owned())).collect();
        // An empty list and not none at all, which no digest may follow.
        Txn::CloseSession { ephemerals: Some(if is_listed { list() } else { Vec::new() }) }
    }
}

struct Preparer<'d, 'c> {
    outlook: Outlook<'d>,
    acls: &'d mut AclTable,
    authority: &'d Authority,
    is_global: bool,
    quota: QuotaCheck<'d>,
    reconfig_enabled: bool,
    caller: Caller<'c>,
    /// Of all lists of this request.
    acl_bytes: usize,
    /// Of all deletions that remove-recursive makes of this request.
    removed_bytes: usize,
    /// Znodes that this request's remove-recursives looked at.
    looked_at: usize,
}

/// What a create's flags ask for.
struct Mode {
    ephemeral: bool,
    sequential: bool,
    ttl: bool,
}

impl Mode {
    fn of_flags(flags: i32) -> Result<Mode, Code> {
        match flags {
            0..=6 => Ok(Mode {
                ephemeral: matches!(flags, 1 | 3),
                sequential: matches!(flags, 2 | 3 | 6),
                ttl: matches!(flags, 5 | 6),
            }),
            _ => Err(Code::BadArguments),
        }
    }
}

impl Preparer<'_, '_> {
    fn check_session(&self) -> Result<(), Code> {
        if self.is_global || self.caller.is_local { Ok(()) } else { Err(Code::SessionExpired) }
    }

    /// An ephemeral has an owner that every server knows.
    fn check_owner(&self) -> Result<(), Code> {
        match (self.is_global, self.caller.is_local) {
            (true, _) => Ok(()),
            (false, true) => Err(Code::EphemeralOnLocalSession),
            (false, false) => Err(Code::SessionExpired),
        }
    }

    fn check_acl(&self, acl: &Acl, asked: i32) -> Result<(), Code> {
        if self.authority.permits(acl, asked, self.caller.ids) { Ok(()) } else { Err(Code::NoAuth) }
    }

    fn fix_up(&mut self, claimed: &[ClaimedEntry]) -> Result<Acl, Code> {
        let acl = self.authority.fix_up(claimed, self.caller.ids, self.acls)?;
        self.acl_bytes += list_bytes(&acl);
        if self.acl_bytes > REQUEST_ACL_BYTES_MAX { Err(Code::InvalidAcl) } else { Ok(acl) }
    }

    fn create<'a>(&mut self, request: Create<'a>) -> Result<Txn<'a>, Code> {
        let mode = Mode::of_flags(request.flags)?;
        self.check_ttl(&mode, &request)?;
        if mode.ephemeral {
            self.check_owner()?
        } else {
            self.check_session()?
        }
        let path = request.path.ok_or(Code::Marshalling)?;
        let parent_path = parent_of(&path)?.to_owned();
        let acl = self.fix_up(&request.acl.unwrap_or_default())?;
        let parent = self.outlook.existing(&parent_path)?;
        self.check_acl(&parent.acl, perms::CREATE)?;
        let path = if mode.sequential { Cow::Owned(format!("{path}{:010}", parent.stat.cversion)) } else { path };
        if !path::is_valid(&path) {
            return Err(Code::BadArguments);
        }
        if self.outlook.node(&path).is_some() {
            return Err(Code::NodeExists);
        }
        if parent.owner == OwnerKind::Ephemeral {
            return Err(Code::NoChildrenForEphemerals);
        }
        self.quota.check(&path, Difference::creation(request.data.map_or(0, <[u8]>::len)))?;
        let parent_cversion = parent.stat.cversion.wrapping_add(1);
        let kind = match request.opcode {
            opcode::CREATE_CONTAINER => CreateKind::Container,
            opcode::CREATE_TTL => CreateKind::Ttl(request.ttl),
            opcode => CreateKind::Plain { opcode, ephemeral: mode.ephemeral },
        };
        Ok(Txn::Create { kind, path, data: request.data, acl, parent_cversion })
    }

    /// A createTTL whose flags name no TTL mode passes ZooKeeper's check with a negative time, and breaks it later.
    fn check_ttl(&self, mode: &Mode, request: &Create<'_>) -> Result<(), Code> {
        if mode.ttl && self.outlook.extended_types == ExtendedTypes::Off {
            return Err(Code::Unimplemented);
        }
        let fits = match mode.ttl {
            true => (1..=TTL_MAX_MS).contains(&request.ttl),
            false => request.ttl < 0 && request.opcode != opcode::CREATE_TTL,
        };
        if fits { Ok(()) } else { Err(Code::BadArguments) }
    }

    fn delete<'a>(&mut self, request: Versioned<'a>) -> Result<Txn<'a>, Code> {
        self.check_session()?;
        let path = request.path.ok_or(Code::Marshalling)?;
        let parent_path = parent_of(&path)?;
        if RESERVED.contains(&&*path) {
            return Err(Code::BadArguments);
        }
        let parent = self.outlook.existing(parent_path)?;
        self.check_acl(&parent.acl, perms::DELETE)?;
        let node = self.outlook.existing(&path)?;
        next_version(node.stat.version, request.version)?;
        if node.children > 0 {
            return Err(Code::NotEmpty);
        }
        Ok(Txn::Delete { path })
    }

    fn set_data<'a>(&mut self, request: SetData<'a>) -> Result<Txn<'a>, Code> {
        self.check_session()?;
        let path = valid(request.path)?;
        let node = self.outlook.existing(&path)?;
        self.check_acl(&node.acl, perms::WRITE)?;
        let difference = Difference::rewriting(node.data_bytes, request.data.map_or(0, <[u8]>::len));
        self.quota.check(&path, difference)?;
        let version = next_version(node.stat.version, request.version)?;
        Ok(Txn::SetData { path, data: request.data, version })
    }

    fn set_acl<'a>(&mut self, request: SetAcl<'a>) -> Result<Txn<'a>, Code> {
        self.check_session()?;
        let path = valid(request.path)?;
        let acl = self.fix_up(&request.acl)?;
        let node = self.outlook.existing(&path)?;
        self.check_acl(&node.acl, perms::ADMIN)?;
        let version = next_version(node.stat.aversion, request.version)?;
        Ok(Txn::SetAcl { path, acl, version })
    }

    /// A server alone has no ensemble that could be changed.
    fn reconfig<'a>(&self) -> Result<Txn<'a>, Code> {
        if !self.reconfig_enabled {
            return Err(Code::ReconfigDisabled);
        }
        self.check_session()?;
        Err(Code::Unimplemented)
    }

    fn check<'a>(&mut self, request: Versioned<'a>) -> Result<Txn<'a>, Code> {
        self.check_session()?;
        let path = valid(request.path)?;
        let node = self.outlook.existing(&path)?;
        self.check_acl(&node.acl, perms::READ)?;
        let version = next_version(node.stat.version, request.version)?;
        Ok(Txn::Check { path, version })
    }

    /// After the first member that fails nothing is tried any more. One that cannot be understood fails all of it.
    fn multi<'a>(&mut self, members: Vec<Member<'a>>) -> Result<Txn<'a>, Code> {
        let mut txns = Vec::with_capacity(members.len());
        let mut failed = false;
        for member in members {
            if failed {
                txns.push(Txn::Error(Code::RuntimeInconsistency.number()));
                continue;
            }
            txns.push(match self.member(member) {
                Ok(txn) => txn,
                Err(Code::Marshalling) => return Err(Code::Marshalling),
                Err(code) => {
                    failed = true;
                    Txn::Error(code.number())
                }
            });
        }
        Ok(Txn::Multi(txns))
    }

    fn member<'a>(&mut self, member: Member<'a>) -> Result<Txn<'a>, Code> {
        let txn = self.operation(member)?;
        self.foresee(&txn);
        Ok(txn)
    }

    fn operation<'a>(&mut self, member: Member<'a>) -> Result<Txn<'a>, Code> {
        match member {
            Member::Create(create) => self.create(create),
            Member::Delete(delete) => self.delete(delete),
            Member::SetData(set_data) => self.set_data(set_data),
            Member::Check(check) => self.check(check),
        }
    }
}

/// The path of a setData, setACL or check.
fn valid(path: Text<'_>) -> Result<Cow<'_, str>, Code> {
    path.filter(|path| path::is_valid(path)).ok_or(Code::BadArguments)
}

/// The text before the last slash. Unlike [`path::split`], `/` has a parent here: itself.
fn parent_of(path: &str) -> Result<&str, Code> {
    match path.rsplit_once('/') {
        None => Err(Code::BadArguments),
        Some(_) if path.contains('\0') => Err(Code::BadArguments),
        Some(("", _)) => Ok(path::ROOT),
        Some((parent, _)) => Ok(parent),
    }
}

/// The version after a change; -1 is never reached, because clients could not ask for it.
fn next_version(current: i32, expected: i32) -> Result<i32, Code> {
    if expected != -1 && expected != current {
        return Err(Code::BadVersion);
    }
    Ok(match current.wrapping_add(1) {
        -1 => 0,
        next => next,
    })
}
