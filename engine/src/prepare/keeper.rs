//! From Keeper's requests to ZooKeeper's transactions: see [`keeper`](crate::keeper).

use std::borrow::Cow;
use std::cmp::Ordering;

use super::outlook::Node;
use super::{Caller, Preparer, Refusal, next_version, parent_of, valid};
use crate::acl::perms;
use crate::database::{Database, RESERVED};
use crate::error::Code;
use crate::jute::Reader;
use crate::keeper::{CheckStat, Member, Prepared, RemoveRecursive, ReplyForm, Shown, opcode, read_multi, stat_matches};
use crate::path;
use crate::request::{Create, Versioned, opcode as zookeeper};
use crate::tree::OwnerKind;
use crate::txn::Txn;

/// Znodes that one remove-recursive may remove, whatever limit it gives.
const REMOVED_MAX: usize = 100_000;
/// Znodes, and changes of earlier members, that one request's remove-recursives may look at.
const LOOKED_AT_MAX: usize = 1_000_000;
/// Bytes of all deletions that one request's remove-recursives become; of more nothing is removed.
pub(super) const REMOVED_BYTES_MAX: usize = 8 << 20;
/// Of one deletion in a multi, besides its path.
const DELETION_BYTES: usize = 12;

impl Database {
    /// The same as [`Database::prepare`] for Keeper's own writes, and for multis that may have them as members.
    ///
    /// # Panics
    /// On another opcode.
    pub fn prepare_keeper<'a>(
        &mut self,
        opcode: i32,
        body: &'a [u8],
        caller: Caller<'_>,
    ) -> Result<Prepared<'a>, Refusal> {
        let reader = &mut Reader::new(body);
        let undecodable = |_| Refusal::Undecodable;
        let mut preparer = self.preparer(caller);
        let prepared = match opcode {
            opcode::CREATE_IF_NOT_EXISTS => {
                preparer.keeper_create(Create::read(zookeeper::CREATE, reader).map_err(undecodable)?)
            }
            opcode::REMOVE_RECURSIVE => preparer.keeper_remove(RemoveRecursive::read(reader).map_err(undecodable)?),
            opcode::TRY_REMOVE => preparer.keeper_try_remove(Versioned::read(reader).map_err(undecodable)?),
            zookeeper::MULTI => match read_multi(reader) {
                Err(_) => Err(Code::Marshalling),
                Ok(members) => preparer.keeper_multi(members),
            },
            other => panic!("operation {other} is not a write of Keeper's"),
        };
        Ok(prepared?)
    }
}

impl Preparer<'_, '_> {
    fn keeper_create<'a>(&mut self, request: Create<'a>) -> Result<Prepared<'a>, Code> {
        Ok(match self.create_unless_there(request)? {
            Ok(txn) => Prepared { txn: Some(txn), reply: ReplyForm::OfTxn },
            Err(path) => Prepared { txn: None, reply: ReplyForm::Path(path) },
        })
    }

    /// The creation, or the path of what is there already.
    fn create_unless_there<'a>(&mut self, request: Create<'a>) -> Result<Result<Txn<'a>, Cow<'a, str>>, Code> {
        // Its number makes a sequential znode a new one each time.
        if matches!(request.flags, 2 | 3) {
            return Err(Code::BadArguments);
        }
        let path = request.path.clone();
        match (self.create(request), path) {
            (Err(Code::NodeExists), Some(path)) => Ok(Err(path)),
            (created, _) => created.map(Ok),
        }
    }

    fn keeper_remove<'a>(&mut self, request: RemoveRecursive<'a>) -> Result<Prepared<'a>, Code> {
        let mut deletions = self.remove_recursive(request)?;
        let txn = match deletions.len() {
            0 | 1 => deletions.pop(),
            _ => Some(Txn::Multi(deletions)),
        };
        Ok(Prepared { txn, reply: ReplyForm::Empty })
    }

    /// The deletions, children before their parents.
    fn remove_recursive(&mut self, request: RemoveRecursive<'_>) -> Result<Vec<Txn<'static>>, Code> {
        self.check_session()?;
        let top = valid(request.path)?;
        if RESERVED.contains(&&*top) {
            return Err(Code::BadArguments);
        }
        let limit = usize::try_from(request.limit).map_or(REMOVED_MAX, |limit| limit.min(REMOVED_MAX));
        let parent = self.outlook.node(parent_of(&top)?);
        parent.map_or(Ok(()), |parent| self.check_acl(&parent.acl, perms::DELETE))?;
        self.looked_at += self.outlook.changed.len() + 1;
        if self.looked_at > LOOKED_AT_MAX {
            return Err(Code::NotEmpty);
        }
        let paths = self.outlook.subtree(&top, limit).ok_or(Code::NotEmpty)?;
        self.looked_at += paths.len();
        self.removed_bytes += paths.iter().map(|path| path.len() + DELETION_BYTES).sum::<usize>();
        if self.removed_bytes > REMOVED_BYTES_MAX {
            return Err(Code::NotEmpty);
        }
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

    fn keeper_try_remove<'a>(&mut self, request: Versioned<'a>) -> Result<Prepared<'a>, Code> {
        Ok(Prepared { txn: self.try_remove(request)?, reply: ReplyForm::Empty })
    }

    /// The deletion, if there is anything to delete that may be.
    fn try_remove<'a>(&mut self, request: Versioned<'a>) -> Result<Option<Txn<'a>>, Code> {
        match self.delete(request) {
            Err(Code::NoNode | Code::BadVersion | Code::NotEmpty) => Ok(None),
            deletion => deletion.map(Some),
        }
    }

    fn check_not_exists(&mut self, request: Versioned<'_>) -> Result<(), Code> {
        let Some(node) = self.readable(request.path)? else { return Ok(()) };
        let is_meant = request.version == -1 || request.version == node.stat.version;
        if is_meant { Err(Code::NodeExists) } else { Ok(()) }
    }

    fn check_stat(&mut self, request: CheckStat<'_>) -> Result<(), Code> {
        let node = self.readable(request.path)?.ok_or(Code::NoNode)?;
        next_version(node.stat.version, request.version)?;
        let is_ephemeral = node.owner == OwnerKind::Ephemeral;
        let shown = node.stat.to_wire(node.data_bytes, node.children, is_ephemeral);
        if stat_matches(&request.stat, &shown) { Ok(()) } else { Err(Code::BadVersion) }
    }

    /// The znode, if it is there, which may be read.
    fn readable(&self, path: Option<Cow<'_, str>>) -> Result<Option<Node>, Code> {
        self.check_session()?;
        let node = self.outlook.node(&valid(path)?);
        node.iter().try_for_each(|node| self.check_acl(&node.acl, perms::READ))?;
        Ok(node)
    }

    /// A multi that fails has one error for each member that was asked for, as ZooKeeper's have.
    fn keeper_multi<'a>(&mut self, members: Vec<Member<'a>>) -> Result<Prepared<'a>, Code> {
        let count = members.len();
        let (mut txns, mut shown) = (Vec::new(), Vec::with_capacity(count));
        for (index, member) in members.into_iter().enumerate() {
            let first = txns.len();
            match self.keeper_member(member, &mut txns) {
                Ok(result) => shown.push(result),
                Err(Code::Marshalling) => return Err(Code::Marshalling),
                Err(code) => {
                    let errors = (0..count).map(|other| match other.cmp(&index) {
                        Ordering::Less => Txn::Error(0),
                        Ordering::Equal => Txn::Error(code.number()),
                        Ordering::Greater => Txn::Error(Code::RuntimeInconsistency.number()),
                    });
                    return Ok(Prepared { txn: Some(Txn::Multi(errors.collect())), reply: ReplyForm::OfTxn });
                }
            }
            txns[first..].iter().for_each(|txn| self.foresee(txn));
        }
        Ok(Prepared { txn: Some(Txn::Multi(txns)), reply: ReplyForm::Members(shown) })
    }

    /// Appends what the member does, and says how it is shown.
    fn keeper_member<'a>(&mut self, member: Member<'a>, txns: &mut Vec<Txn<'a>>) -> Result<Shown<'a>, Code> {
        let instead = |opcode, members| Shown::Instead { opcode, path: None, members };
        Ok(match member {
            Member::ZooKeepers(member) => {
                txns.push(self.operation(member)?);
                Shown::OfTxn
            }
            Member::CheckNotExists(check) => {
                self.check_not_exists(check)?;
                instead(opcode::CHECK_NOT_EXISTS, 0)
            }
            Member::CheckStat(check) => {
                self.check_stat(check)?;
                instead(opcode::CHECK_STAT, 0)
            }
            Member::CreateIfNotExists(create) => match self.create_unless_there(create)? {
                Ok(txn) => {
                    txns.push(txn);
                    Shown::OfTxnAs(opcode::CREATE_IF_NOT_EXISTS)
                }
                Err(path) => Shown::Instead { opcode: opcode::CREATE_IF_NOT_EXISTS, path: Some(path), members: 0 },
            },
            Member::RemoveRecursive(remove) => {
                let deletions = self.remove_recursive(remove)?;
                let members = deletions.len();
                txns.extend(deletions);
                instead(opcode::REMOVE_RECURSIVE, members)
            }
            Member::TryRemove(remove) => {
                let deletion = self.try_remove(remove)?;
                let members = usize::from(deletion.is_some());
                txns.extend(deletion);
                instead(opcode::TRY_REMOVE, members)
            }
        })
    }
}
