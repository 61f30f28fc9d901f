//! From a client's operation to a transaction: what only a leader does, or a server alone.
//!
//! Everything that decides whether a write succeeds is decided here, once, against the head: the session, the path, the
//! ACL, versions, existence. The order of the checks is ZooKeeper's, because clients see which of two errors they get. The
//! transaction's place and time, and whose the session is, are arguments.
//!
//! The head is changed only afterwards, by [`apply`](crate::apply). The members of a multi see each other through an
//! [`Outlook`], a thin layer of changes over the head, so that a multi that fails leaves nothing to undo.
//!
//! # ClickHouse Keeper's operations
//!
//! They become ZooKeeper's own transactions; [`keeper`](crate::keeper) has the list. The transaction of a multi tells what
//! became of each member that was asked for, so that whoever has the request and the transaction can answer
//! ([`answer`](crate::answer)): each member that was asked for stands for the next entry of the transaction. A
//! remove-recursive that found something stands for the next several: deletions, of which the last deletes the znode that
//! the member names. An operation of ClickHouse Keeper that changes nothing leaves a check of any version, which has no
//! effect.

mod outlook;
mod reconfig;
mod removal;

pub use self::reconfig::{Ensemble, reconfig_txn};

use std::borrow::Cow;

use crate::acl::{Acl, AclTable, Authority, ClaimedEntry, Id, list_bytes, perms};
use crate::admit::{FRAME_MAX, Member, Operation};
use crate::database::{Database, RESERVED};
use crate::error::Code;
use crate::keeper::{CheckStat, RemoveRecursive, stat_matches};
use crate::path;
use crate::quota::{Difference, QuotaCheck};
use crate::request::{Create, SetAcl, SetData, Text, Versioned, opcode};
use crate::tree::{ExtendedTypes, OwnerKind, TTL_MAX_MS};
use crate::txn::{CreateKind, Txn, TxnHeader};

use outlook::{Node, Outlook};
use removal::{REMOVED_BYTES_MAX, Removals};

/// The lists of one request have no more bytes once `auth` is replaced in all of them. Everything else in a transaction
/// came in the request's frame, at most [`FRAME_MAX`] bytes, so that no transaction can be too long for the log.
const REQUEST_ACL_BYTES_MAX: usize = 8 << 20;
/// The end of a session with more ephemerals than this, or with more bytes of their paths, lists none: whoever applies it,
/// ZooKeeper too, deletes what is listed and then all that the session still has. To list them takes a thousandth of a
/// second for ten thousand.
const LISTED_MAX: usize = 10_000;
const LISTED_BYTES_MAX: usize = 16 << 20;
// A member of a multi has at most twice its bytes in the transaction: the digits of a sequential name, and headers.
const _: () = assert!(2 * FRAME_MAX + REQUEST_ACL_BYTES_MAX + REMOVED_BYTES_MAX <= crate::log::RECORD_BYTES_MAX);

/// Who asks, besides the session, which the transaction's header names.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// As they were when the request arrived: later auth packets do not help it.
    pub ids: &'a [Id],
    /// The session is one of this server's alone, which no transaction has made.
    pub is_local: bool,
    /// The session's owner is another server than the one that the request came to.
    pub has_moved: bool,
}

impl Database {
    /// The transaction that a client's write becomes; that of a reconfig of a member is
    /// [another's](Database::order_reconfig). `header` is what will be written in front of it. A write that fails
    /// is a transaction too, an error or a multi that changes nothing. `None`: there is nothing to change, which only
    /// Keeper's operations can ask for.
    pub fn order<'a>(&mut self, header: &TxnHeader, operation: &Operation<'a>, caller: Caller<'_>) -> Option<Txn<'a>> {
        let mut orderer = self.orderer(header, caller);
        let ordered = match operation {
            Operation::Create(create) => orderer.create(create).map(Some),
            Operation::Delete(delete) => orderer.delete(delete).map(Some),
            Operation::SetData(set_data) => orderer.set_data(set_data).map(Some),
            Operation::SetAcl(set_acl) => orderer.set_acl(set_acl).map(Some),
            // A server that stands alone has no ensemble that could be changed.
            Operation::Reconfig(_) => orderer.may_reconfigure().and(Err(Code::Unimplemented)),
            Operation::Multi(Ok(members)) => orderer.multi(members).map(Some),
            Operation::Multi(Err(_)) => Err(Code::Marshalling),
            Operation::CreateIfNotExists(create) => orderer.create_if_not_exists(create),
            Operation::RemoveRecursive(remove) => orderer
                .remove_recursive(remove)
                .map(|mut deletions| if deletions.len() > 1 { Some(Txn::Multi(deletions)) } else { deletions.pop() }),
            Operation::TryRemove(remove) => orderer.try_remove(remove),
        };
        ordered.unwrap_or_else(|code| Some(Txn::Error(code.number())))
    }

    fn orderer<'d, 'c>(&'d mut self, header: &TxnHeader, caller: Caller<'c>) -> Orderer<'d, 'c> {
        Orderer {
            outlook: Outlook::new(&self.tree, self.rules.extended_types, *header),
            acls: &mut self.acls,
            authority: &self.rules.authority,
            quota: QuotaCheck::new(self.rules.enforce_quota, &self.tree, &self.quotas, &mut self.exceeded_quota),
            reconfig_enabled: self.rules.reconfig_enabled,
            is_global: self.sessions.contains_key(&header.client),
            caller,
            acl_bytes: 0,
            removals: Removals::default(),
        }
    }

    /// The transaction that ends a session and takes its ephemerals along.
    pub fn order_close_session(&self, session: i64) -> Txn<'static> {
        let bytes = || self.ephemerals_of(session).map(|path| path.len() + 4).sum::<usize>();
        let is_listed = self.ephemeral_count_of(session) <= LISTED_MAX && bytes() <= LISTED_BYTES_MAX;
        let list = || self.ephemerals_of(session).map(|path| Cow::Owned(path.to_owned())).collect();
        // An empty list, and not `None`: a digest must not follow a close without a list, because a reader would take it
        // for the list.
        Txn::CloseSession { ephemerals: Some(if is_listed { list() } else { Vec::new() }) }
    }
}

struct Orderer<'d, 'c> {
    outlook: Outlook<'d>,
    acls: &'d mut AclTable,
    authority: &'d Authority,
    is_global: bool,
    quota: QuotaCheck<'d>,
    reconfig_enabled: bool,
    caller: Caller<'c>,
    /// Of all lists of this request.
    acl_bytes: usize,
    removals: Removals,
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

impl Orderer<'_, '_> {
    fn check_session(&self) -> Result<(), Code> {
        match (self.is_global, self.caller.is_local) {
            (true, _) if self.caller.has_moved => Err(Code::SessionMoved),
            (true, _) | (false, true) => Ok(()),
            (false, false) => Err(Code::SessionExpired),
        }
    }

    /// An ephemeral has an owner that every server knows.
    fn check_owner(&self) -> Result<(), Code> {
        self.check_session()?;
        if self.is_global { Ok(()) } else { Err(Code::EphemeralOnLocalSession) }
    }

    fn check_acl(&self, acl: &Acl, asked: i32) -> Result<(), Code> {
        if self.authority.permits(acl, asked, self.caller.ids) { Ok(()) } else { Err(Code::NoAuth) }
    }

    fn fix_up(&mut self, claimed: &[ClaimedEntry]) -> Result<Acl, Code> {
        let acl = self.authority.fix_up(claimed, self.caller.ids, self.acls)?;
        self.acl_bytes += list_bytes(&acl);
        if self.acl_bytes > REQUEST_ACL_BYTES_MAX { Err(Code::InvalidAcl) } else { Ok(acl) }
    }

    fn create<'a>(&mut self, request: &Create<'a>) -> Result<Txn<'a>, Code> {
        let mode = Mode::of_flags(request.flags)?;
        self.check_ttl(&mode, request)?;
        if mode.ephemeral {
            self.check_owner()?
        } else {
            self.check_session()?
        }
        let path = request.path.clone().ok_or(Code::Marshalling)?;
        let parent_path = parent_of(&path)?.to_owned();
        let acl = self.fix_up(request.acl.as_deref().unwrap_or_default())?;
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
        // ZooKeeper's checks let it pass if its time is negative, and then ZooKeeper fails when it applies it.
        if request.opcode == opcode::CREATE_TTL && !mode.ttl {
            return Err(Code::BadArguments);
        }
        let parent_cversion = parent.stat.cversion.wrapping_add(1);
        let kind = match request.opcode {
            opcode::CREATE_CONTAINER => CreateKind::Container,
            opcode::CREATE_TTL => CreateKind::Ttl(request.ttl),
            opcode => CreateKind::Plain { opcode, ephemeral: mode.ephemeral },
        };
        Ok(Txn::Create { kind, path, data: request.data, acl, parent_cversion })
    }

    /// The time to live must fit the mode.
    fn check_ttl(&self, mode: &Mode, request: &Create<'_>) -> Result<(), Code> {
        if mode.ttl && self.outlook.extended_types() == ExtendedTypes::Off {
            return Err(Code::Unimplemented);
        }
        let fits = match mode.ttl {
            true => (1..=TTL_MAX_MS).contains(&request.ttl),
            false => request.ttl < 0,
        };
        if fits { Ok(()) } else { Err(Code::BadArguments) }
    }

    fn delete<'a>(&mut self, request: &Versioned<'a>) -> Result<Txn<'a>, Code> {
        self.check_session()?;
        let path = request.path.clone().ok_or(Code::Marshalling)?;
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

    fn set_data<'a>(&mut self, request: &SetData<'a>) -> Result<Txn<'a>, Code> {
        self.check_session()?;
        let path = valid(&request.path)?;
        let node = self.outlook.existing(&path)?;
        self.check_acl(&node.acl, perms::WRITE)?;
        let difference = Difference::rewriting(node.data_bytes, request.data.map_or(0, <[u8]>::len));
        self.quota.check(&path, difference)?;
        let version = next_version(node.stat.version, request.version)?;
        Ok(Txn::SetData { path, data: request.data, version })
    }

    fn set_acl<'a>(&mut self, request: &SetAcl<'a>) -> Result<Txn<'a>, Code> {
        self.check_session()?;
        let path = valid(&request.path)?;
        let acl = self.fix_up(&request.acl)?;
        let node = self.outlook.existing(&path)?;
        self.check_acl(&node.acl, perms::ADMIN)?;
        let version = next_version(node.stat.aversion, request.version)?;
        Ok(Txn::SetAcl { path, acl, version })
    }

    fn check<'a>(&mut self, request: &Versioned<'a>) -> Result<Txn<'a>, Code> {
        self.check_session()?;
        let path = valid(&request.path)?;
        let node = self.outlook.existing(&path)?;
        self.check_acl(&node.acl, perms::READ)?;
        let version = next_version(node.stat.version, request.version)?;
        Ok(Txn::Check { path, version })
    }

    /// The creation, unless it is there already.
    fn create_if_not_exists<'a>(&mut self, request: &Create<'a>) -> Result<Option<Txn<'a>>, Code> {
        // Its number makes a sequential znode a new one each time.
        if matches!(request.flags, 2 | 3) {
            return Err(Code::BadArguments);
        }
        match self.create(request) {
            Err(Code::NodeExists) => Ok(None),
            created => created.map(Some),
        }
    }

    /// The deletion, if there is anything to delete that may be.
    fn try_remove<'a>(&mut self, request: &Versioned<'a>) -> Result<Option<Txn<'a>>, Code> {
        match self.delete(request) {
            Err(Code::NoNode | Code::BadVersion | Code::NotEmpty) => Ok(None),
            deletion => deletion.map(Some),
        }
    }

    /// The deletions, children before their parents.
    fn remove_recursive<'a>(&mut self, request: &RemoveRecursive<'_>) -> Result<Vec<Txn<'a>>, Code> {
        self.check_session()?;
        let top = valid(&request.path)?;
        if RESERVED.contains(&&*top) {
            return Err(Code::BadArguments);
        }
        let parent = self.outlook.node(parent_of(&top)?);
        parent.map_or(Ok(()), |parent| self.check_acl(&parent.acl, perms::DELETE))?;
        self.removals.begin(self.outlook.changed())?;
        let paths = self.outlook.subtree(&top, Removals::limit(request.limit)).ok_or(Code::NotEmpty)?;
        self.removals.note(&paths)?;
        let mut parent_path = String::new();
        for path in &paths {
            let (parent, _) = path::split(path).expect("the root is not removed");
            if parent != parent_path {
                let node = self.outlook.existing(parent)?;
                self.check_acl(&node.acl, perms::DELETE)?;
                parent.clone_into(&mut parent_path);
            }
        }
        Ok(paths.into_iter().map(|path| Txn::Delete { path: Cow::Owned(path) }).collect())
    }

    fn check_not_exists(&mut self, request: &Versioned<'_>) -> Result<(), Code> {
        let Some(node) = self.readable(&request.path)? else { return Ok(()) };
        let is_meant = request.version == -1 || request.version == node.stat.version;
        if is_meant { Err(Code::NodeExists) } else { Ok(()) }
    }

    fn check_stat(&mut self, request: &CheckStat<'_>) -> Result<(), Code> {
        let node = self.readable(&request.path)?.ok_or(Code::NoNode)?;
        next_version(node.stat.version, request.version)?;
        let is_ephemeral = node.owner == OwnerKind::Ephemeral;
        let shown = node.stat.to_wire(node.data_bytes, node.children, is_ephemeral);
        if stat_matches(&request.stat, &shown) { Ok(()) } else { Err(Code::BadVersion) }
    }

    /// The znode, if it is there, which may be read.
    fn readable(&self, path: &Text<'_>) -> Result<Option<Node>, Code> {
        self.check_session()?;
        let node = self.outlook.node(&valid(path)?);
        node.iter().try_for_each(|node| self.check_acl(&node.acl, perms::READ))?;
        Ok(node)
    }

    /// Where a member fails, the transaction changes nothing and has as many members as were asked for. One that cannot be
    /// understood fails all of it.
    fn multi<'a>(&mut self, members: &[Member<'a>]) -> Result<Txn<'a>, Code> {
        let mut txns = Vec::with_capacity(members.len());
        for (index, member) in members.iter().enumerate() {
            let first = txns.len();
            match self.member(member, &mut txns) {
                Ok(()) => {}
                Err(Code::Marshalling) => return Err(Code::Marshalling),
                Err(code) => return Ok(failed_multi(members, txns, index, code)),
            }
            for txn in &txns[first..] {
                if let Some((path, difference)) = self.outlook.foresee(txn) {
                    self.quota.foresee(path, difference);
                }
            }
        }
        Ok(Txn::Multi(txns))
    }

    /// Appends what becomes of the member.
    fn member<'a>(&mut self, member: &Member<'a>, txns: &mut Vec<Txn<'a>>) -> Result<(), Code> {
        txns.push(match member {
            Member::Create(create) => self.create(create)?,
            Member::Delete(delete) => self.delete(delete)?,
            Member::SetData(set_data) => self.set_data(set_data)?,
            Member::Check(check) => self.check(check)?,
            Member::CheckNotExists(check) => {
                self.check_not_exists(check)?;
                nothing(&check.path)
            }
            Member::CheckStat(check) => {
                self.check_stat(check)?;
                nothing(&check.path)
            }
            Member::CreateIfNotExists(create) => {
                self.create_if_not_exists(create)?.unwrap_or_else(|| nothing(&create.path))
            }
            Member::TryRemove(remove) => self.try_remove(remove)?.unwrap_or_else(|| nothing(&remove.path)),
            Member::RemoveRecursive(remove) => {
                let deletions = self.remove_recursive(remove)?;
                if !deletions.is_empty() {
                    txns.extend(deletions);
                    return Ok(());
                }
                nothing(&remove.path)
            }
        });
        Ok(())
    }
}

/// What a multi's transaction has of a member that changes nothing.
fn nothing<'a>(path: &Text<'a>) -> Txn<'a> {
    Txn::Check { path: path.clone().unwrap_or_default(), version: -1 }
}

/// The transaction of a multi whose member at `index` has failed; `txns` are of those before it. A remove-recursive can
/// have made several entries of one member. So in a multi with ClickHouse Keeper's operations the entries before the failed
/// one are replaced by errors, one for each member, and the transaction has as many entries as there were members again.
fn failed_multi<'a>(members: &[Member<'a>], mut txns: Vec<Txn<'a>>, index: usize, failed: Code) -> Txn<'a> {
    if members.iter().any(Member::is_keepers) {
        txns = vec![Txn::Error(0); index];
    }
    txns.push(Txn::Error(failed.number()));
    txns.resize(members.len(), Txn::Error(Code::RuntimeInconsistency.number()));
    Txn::Multi(txns)
}

/// The path of a setData, setACL or check.
fn valid<'a>(path: &Text<'a>) -> Result<Cow<'a, str>, Code> {
    path.clone().filter(|path| path::is_valid(path)).ok_or(Code::BadArguments)
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
