//! From a transaction to a changed head.
//!
//! An ordered transaction always succeeds on the state it was ordered against. On replay it may meet a state that has
//! it already (ZooKeeper's snapshots are taken while the tree changes), so every case is idempotent: what is there
//! stays, what is gone stays gone, counters only move forward.

use paddock_consensus::Zxid;
use paddock_consensus::mutants::mutant;

use crate::acl::Acl;
use crate::database::Database;
use crate::error::Code;
use crate::event::{EventKind, Events};
use crate::jute::Write;
use crate::path;
use crate::quota::{Difference, Usage};
use crate::request::{opcode, write_multi_header};
use crate::stat::{CONTAINER_OWNER, Stat, WIRE_LENGTH};
use crate::tree::{NewZnode, OwnerKind, owner_kind, ttl_owner};
use crate::txn::{CreateKind, Txn, TxnHeader};

/// What a transaction gives besides the changed state.
#[derive(Debug, Default)]
pub struct Effects {
    /// For watchers; transactions append to it.
    pub events: Events,
    /// The body of the reply, appended to; nothing where the reply has no body.
    pub reply: Vec<u8>,
}

/// What became of one operation.
pub(crate) enum Done<'t> {
    Created {
        opcode: i32,
        path: &'t str,
    },
    Deleted,
    /// setData, setACL: the Stat is the result.
    Changed {
        opcode: i32,
        stat: [u8; WIRE_LENGTH],
    },
    Reconfigured {
        data: Option<&'t [u8]>,
        stat: [u8; WIRE_LENGTH],
    },
    Checked,
    Failed(i32),
}

impl Database {
    /// Applies the transaction that comes after the head. `effects` is `None` on replay.
    ///
    /// # Panics
    /// If the zxid does not come after the head's.
    pub fn apply(&mut self, header: &TxnHeader, txn: &Txn<'_>, mut effects: Option<&mut Effects>) {
        let zxid = Zxid(header.zxid);
        assert!(zxid > self.last_zxid, "transaction {zxid} after {}", self.last_zxid);
        self.last_zxid = zxid;
        match txn {
            Txn::Multi(members) => self.apply_multi(header, members, &mut effects),
            Txn::CreateSession { timeout } => {
                self.sessions.insert(header.client, *timeout);
            }
            Txn::CloseSession { ephemerals } => {
                for path in ephemerals.iter().flatten() {
                    self.delete(path, header.zxid, &mut effects);
                }
                while self.close_session(header, &mut effects) {}
            }
            operation => self.apply_alone(header, operation, None, &mut effects),
        }
    }

    /// Deletes one of the ephemerals that the session still has; `false` if there is none, and then the session is forgotten.
    pub(crate) fn close_session(&mut self, header: &TxnHeader, effects: &mut Option<&mut Effects>) -> bool {
        let Some(path) = self.pop_ephemeral(header.client) else {
            self.sessions.remove(&header.client);
            return false;
        };
        self.delete(&path, header.zxid, effects);
        true
    }

    fn apply_multi(&mut self, header: &TxnHeader, members: &[Txn<'_>], effects: &mut Option<&mut Effects>) {
        let failed = has_failed(members);
        for member in members {
            self.apply_member(header, member, failed, None, effects);
        }
        end_multi(effects);
    }

    /// Of a multi that has `failed`, no member changes anything. `counted` is as for [`Database::apply_operation`].
    pub(crate) fn apply_member(
        &mut self,
        header: &TxnHeader,
        member: &Txn<'_>,
        failed: bool,
        counted: Option<Usage>,
        effects: &mut Option<&mut Effects>,
    ) {
        let done = match member {
            Txn::Error(code) => Done::Failed(*code),
            _ if failed => Done::Failed(0),
            member => self.apply_operation(header, member, counted, effects),
        };
        if let Some(effects) = effects {
            self.write_member_result(&done, &mut effects.reply);
        }
    }

    /// Applies what is a transaction by itself and no multi. `counted` is as for [`Database::apply_operation`].
    #[inline]
    pub(crate) fn apply_alone(
        &mut self,
        header: &TxnHeader,
        txn: &Txn<'_>,
        counted: Option<Usage>,
        effects: &mut Option<&mut Effects>,
    ) {
        let done = self.apply_operation(header, txn, counted, effects);
        if let Some(effects) = effects {
            self.write_reply(&done, &mut effects.reply);
        }
    }

    /// `counted` is what [`Database::count_before_creation`] asks for, where that was done ahead.
    fn apply_operation<'t>(
        &mut self,
        header: &TxnHeader,
        txn: &'t Txn<'_>,
        counted: Option<Usage>,
        effects: &mut Option<&mut Effects>,
    ) -> Done<'t> {
        match txn {
            Txn::Create { kind, path, data, acl, parent_cversion } => {
                let ephemeral_owner = match *kind {
                    CreateKind::Plain { ephemeral: true, .. } => header.client,
                    CreateKind::Plain { .. } => 0,
                    CreateKind::Container => CONTAINER_OWNER,
                    CreateKind::Ttl(ttl) => ttl_owner(ttl),
                };
                let stat = Stat {
                    czxid: header.zxid,
                    mzxid: header.zxid,
                    pzxid: header.zxid,
                    ctime: header.time,
                    mtime: header.time,
                    ephemeral_owner,
                    ..Stat::default()
                };
                let znode = NewZnode { path, data: *data, acl: acl.clone(), stat };
                self.create(znode, *parent_cversion, counted, effects, txn.opcode())
            }
            Txn::Delete { path } | Txn::DeleteContainer { path } => self.delete(path, header.zxid, effects),
            Txn::SetData { path, data, version } | Txn::Reconfig { path, data, version } => {
                let changed = self.tree.set_data(path, *data, *version, header.zxid, header.time);
                let Some((znode, before)) = changed else { return Done::Failed(Code::NoNode.number()) };
                if let Some(effects) = effects {
                    effects.events.push(EventKind::DataChanged, header.zxid, path, znode.acl());
                }
                let stat = *znode.stat_wire();
                self.charge(path, Difference::rewriting(before, data.map_or(0, <[u8]>::len)));
                match txn {
                    Txn::Reconfig { .. } => Done::Reconfigured { data: *data, stat },
                    _ => Done::Changed { opcode: txn.opcode(), stat },
                }
            }
            Txn::SetAcl { path, acl, version } => {
                if self.tree.get(path).is_none() {
                    return Done::Failed(Code::NoNode.number());
                }
                let stat = *self.tree.set_acl(path, acl.clone(), *version).stat_wire();
                Done::Changed { opcode: opcode::SET_ACL, stat }
            }
            Txn::Check { .. } => Done::Checked,
            Txn::Error(code) => Done::Failed(*code),
            Txn::Multi(_) | Txn::CreateSession { .. } | Txn::CloseSession { .. } => {
                unreachable!("decoding lets none of these be a member")
            }
        }
    }

    fn create<'t>(
        &mut self,
        znode: NewZnode<'t>,
        parent_cversion: i32,
        counted: Option<Usage>,
        effects: &mut Option<&mut Effects>,
        opcode: i32,
    ) -> Done<'t> {
        let (path, zxid, owner) = (znode.path, znode.stat.czxid, znode.stat.ephemeral_owner);
        let bytes = znode.data.map_or(0, <[u8]>::len);
        let Some((parent, _)) = path::split(path).filter(|(parent, _)| self.tree.get(parent).is_some()) else {
            return Done::Failed(Code::NoNode.number());
        };
        if let Some(existing) = self.tree.get(path) {
            let aversion = existing.stat().aversion;
            self.tree.set_acl(path, znode.acl, aversion);
            self.tree.raise_cversion(parent, parent_cversion, zxid);
            return Done::Failed(Code::NodeExists.number());
        }
        let counted = counted.or_else(|| self.count_at_once(path));
        self.tree.create(znode, parent_cversion);
        match owner_kind(owner, self.rules.extended_types) {
            OwnerKind::Ephemeral => self.add_ephemeral(owner, path),
            kind => self.containers.note(kind, path),
        }
        self.charge_creation(path, bytes, counted);
        self.tell(EventKind::Created, zxid, path, effects);
        self.tell(EventKind::ChildrenChanged, zxid, parent, effects);
        Done::Created { opcode, path }
    }

    pub(crate) fn delete<'t>(&mut self, path: &str, zxid: i64, effects: &mut Option<&mut Effects>) -> Done<'t> {
        let Some((parent, _)) = path::split(path).filter(|(parent, _)| self.tree.get(parent).is_some()) else {
            return Done::Failed(Code::NoNode.number());
        };
        let Some(znode) = self.tree.get(path) else {
            if !mutant!(22) {
                self.tree.touch_pzxid(parent, zxid);
            }
            return Done::Failed(Code::NoNode.number());
        };
        if znode.num_children() > 0 {
            return Done::Failed(Code::NotEmpty.number());
        }
        let (kind, owner) = (znode.owner_kind(), znode.stat().ephemeral_owner);
        let bytes = znode.data().map_or(0, <[u8]>::len);
        self.tell(EventKind::Deleted, zxid, path, effects);
        self.tree.delete(path, zxid);
        match kind {
            OwnerKind::Ephemeral => self.remove_ephemeral(owner, path),
            kind => self.containers.forget(kind, path),
        }
        self.charge_deletion(path, bytes);
        self.tell(EventKind::ChildrenChanged, zxid, parent, effects);
        Done::Deleted
    }

    fn tell(&self, kind: EventKind, zxid: i64, path: &str, effects: &mut Option<&mut Effects>) {
        if let Some(effects) = effects {
            let open: Acl = None;
            let znode = self.tree.get(path);
            effects.events.push(kind, zxid, path, znode.as_ref().map_or(&open, |znode| znode.acl()));
        }
    }

    /// The body of a reply of its own.
    fn write_reply(&self, done: &Done<'_>, out: &mut Vec<u8>) {
        match done {
            Done::Created { opcode: opcode::CREATE, path } => out.put_string(path),
            Done::Created { path, .. } => {
                out.put_string(path);
                self.write_stat(path, out);
            }
            Done::Changed { stat, .. } => out.extend_from_slice(stat),
            Done::Reconfigured { data, stat } => {
                out.put_buffer(*data);
                out.extend_from_slice(stat);
            }
            Done::Deleted | Done::Checked | Done::Failed(_) => {}
        }
    }

    fn write_member_result(&self, done: &Done<'_>, out: &mut Vec<u8>) {
        let (opcode, code) = match done {
            Done::Created { opcode: opcode::CREATE, .. } => (opcode::CREATE, 0),
            Done::Created { .. } => (opcode::CREATE2, 0),
            Done::Deleted => (opcode::DELETE, 0),
            Done::Changed { opcode, .. } => (*opcode, 0),
            Done::Reconfigured { .. } => (opcode::RECONFIG, 0),
            Done::Checked => (opcode::CHECK, 0),
            Done::Failed(code) => (opcode::ERROR, *code),
        };
        write_multi_header(opcode, false, code, out);
        match done {
            Done::Failed(code) => out.put_i32(*code),
            _ => self.write_reply(done, out),
        }
    }

    fn write_stat(&self, path: &str, out: &mut Vec<u8>) {
        let znode = self.tree.get(path).expect("it was changed by this very operation");
        out.extend_from_slice(znode.stat_wire());
    }
}

/// Whether any member is an error, so that none changes anything.
pub fn has_failed(members: &[Txn<'_>]) -> bool {
    members.iter().any(|member| matches!(member, Txn::Error(_)))
}

/// Ends the results of a multi.
pub(crate) fn end_multi(effects: &mut Option<&mut Effects>) {
    if let Some(effects) = effects {
        write_multi_header(-1, true, -1, &mut effects.reply);
    }
}
