//! What is recorded of a client's write: a function of who asked, what was asked and what became of it.
//!
//! Which operations are recorded, and what of each, is ZooKeeper's (3.9.5):
//!
//! * A createTTL that is a member of a multi is recorded without its type.
//! * Of a multi that has succeeded each member is a record, but for checks. The type of a create is looked up in the request
//!   by the path that was created, and so is not found for one with a number at its end. A multi that has failed is one
//!   record, which names no znode.
//! * A write that has failed names the path that was asked for, and one that has succeeded the path that was changed.
//!
//! ClickHouse Keeper's operations are recorded as the creates and deletes that became of them.

use std::collections::HashMap;
use std::sync::Arc;

use paddock_engine::acl::{ClaimedEntry, Id, perms};
use paddock_engine::admit::{Member, Operation};
use paddock_engine::apply::has_failed;
use paddock_engine::request::{Create, Text, opcode};
use paddock_engine::txn::Txn;

/// What a record has besides its texts, about, bytes.
const ACTION_BYTES: usize = 128;

/// What one request of a client has done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub session: i64,
    /// Who the client was when it asked.
    pub ids: Arc<[Id]>,
    /// At least one, each of which is a line.
    pub actions: Vec<Action>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Action {
    pub operation: &'static str,
    pub path: Option<Box<str>>,
    /// The type of a znode that is created.
    pub znode_type: Option<&'static str>,
    pub acl: Option<Box<str>>,
    pub succeeds: bool,
}

const CREATE: &str = "create";
const DELETE: &str = "delete";
const SET_DATA: &str = "setData";
const SET_ACL: &str = "setAcl";
const MULTI: &str = "multiOperation";
const RECONFIG: &str = "reconfig";

impl Record {
    /// What is recorded of `operation`, of which this transaction became; `None`: nothing.
    pub fn of(session: i64, ids: &Arc<[Id]>, operation: &Operation<'_>, txn: &Txn<'_>) -> Option<Box<Record>> {
        let actions = match txn {
            Txn::Error(_) => Action::failed(operation).into_iter().collect(),
            txn => Action::done(operation, txn),
        };
        Record::with(session, ids, actions)
    }

    /// What is recorded of a write of which no transaction becomes, because its server refuses it.
    pub fn refused(session: i64, ids: &Arc<[Id]>, operation: &Operation<'_>) -> Option<Box<Record>> {
        Record::with(session, ids, Action::failed(operation).into_iter().collect())
    }

    fn with(session: i64, ids: &Arc<[Id]>, actions: Vec<Action>) -> Option<Box<Record>> {
        (!actions.is_empty()).then(|| Box::new(Record { session, ids: ids.clone(), actions }))
    }

    /// Memory that it takes, about; the identities are their connection's.
    pub fn bytes(&self) -> usize {
        let length = |text: &Option<Box<str>>| text.as_deref().map_or(0, str::len);
        self.actions.iter().map(|action| ACTION_BYTES + length(&action.path) + length(&action.acl)).sum()
    }
}

impl Action {
    fn new(operation: &'static str, path: Option<&str>, succeeds: bool) -> Action {
        Action { operation, path: path.map(Box::from), znode_type: None, acl: None, succeeds }
    }

    fn of_create(path: Option<&str>, znode_type: Option<&'static str>, succeeds: bool) -> Action {
        Action { znode_type, ..Action::new(CREATE, path, succeeds) }
    }

    fn of_set_acl(path: Option<&str>, acl: &[ClaimedEntry], succeeds: bool) -> Action {
        Action { acl: Some(acl_text(acl).into()), ..Action::new(SET_ACL, path, succeeds) }
    }

    fn failed(operation: &Operation<'_>) -> Option<Action> {
        fn action(operation: &'static str, path: &Text<'_>) -> Option<Action> {
            Some(Action::new(operation, path.as_deref(), false))
        }
        match operation {
            Operation::Create(create) | Operation::CreateIfNotExists(create) => {
                Some(Action::of_create(create.path.as_deref(), znode_type(create.flags), false))
            }
            Operation::Delete(delete) | Operation::TryRemove(delete) => action(DELETE, &delete.path),
            Operation::RemoveRecursive(remove) => action(DELETE, &remove.path),
            Operation::SetData(set_data) => action(SET_DATA, &set_data.path),
            Operation::SetAcl(set_acl) => Some(Action::of_set_acl(set_acl.path.as_deref(), &set_acl.acl, false)),
            Operation::Reconfig(_) => action(RECONFIG, &None),
            Operation::Multi(_) => action(MULTI, &None),
        }
    }

    /// Of a transaction that is no error.
    fn done(operation: &Operation<'_>, txn: &Txn<'_>) -> Vec<Action> {
        match (operation, txn) {
            (Operation::Create(create) | Operation::CreateIfNotExists(create), Txn::Create { path, .. }) => {
                vec![Action::of_create(Some(path), znode_type(create.flags), true)]
            }
            (Operation::SetAcl(set_acl), Txn::SetAcl { path, .. }) => {
                vec![Action::of_set_acl(Some(path), &set_acl.acl, true)]
            }
            (_, Txn::Reconfig { path, .. }) => vec![Action::new(RECONFIG, Some(path), true)],
            (_, Txn::Multi(txns)) if has_failed(txns) => vec![Action::new(MULTI, None, false)],
            (Operation::Multi(Ok(members)), Txn::Multi(txns)) => {
                let types = types_by_path(members);
                txns.iter().filter_map(|txn| Action::of_member(txn, &types)).collect()
            }
            (_, Txn::Multi(txns)) => {
                let none = HashMap::new();
                txns.iter().filter_map(|txn| Action::of_member(txn, &none)).collect()
            }
            (_, txn) => Action::of_member(txn, &HashMap::new()).into_iter().collect(),
        }
    }

    fn of_member(txn: &Txn<'_>, types: &HashMap<&str, Option<&'static str>>) -> Option<Action> {
        match txn {
            Txn::Create { path, .. } => {
                let znode_type = types.get(&**path).copied().flatten();
                Some(Action::of_create(Some(path), znode_type, true))
            }
            Txn::Delete { path } => Some(Action::new(DELETE, Some(path), true)),
            Txn::SetData { path, .. } => Some(Action::new(SET_DATA, Some(path), true)),
            _ => None,
        }
    }
}

/// The types that a multi asks for by the paths that it asks for; of two of the same path the later one.
fn types_by_path<'m, 'a>(members: &'m [Member<'a>]) -> HashMap<&'m str, Option<&'static str>> {
    let create = |member: &'m Member<'a>| match member {
        Member::Create(create) | Member::CreateIfNotExists(create) => Some(create),
        _ => None,
    };
    let has_type = |create: &&Create<'_>| create.opcode != opcode::CREATE_TTL;
    let typed = members.iter().filter_map(create).filter(has_type);
    typed.filter_map(|create| Some((create.path.as_deref()?, znode_type(create.flags)))).collect()
}

/// The type by the flags of a create; `None` where they name none.
fn znode_type(flags: i32) -> Option<&'static str> {
    Some(match flags {
        0 => "persistent",
        1 => "ephemeral",
        2 => "persistent_sequential",
        3 => "ephemeral_sequential",
        4 => "container",
        5 => "persistent_with_ttl",
        6 => "persistent_sequential_with_ttl",
        _ => return None,
    })
}

/// `scheme:id:perms`, the permissions by their letters in ZooKeeper's order here, which is not that of its shell.
/// Nothing stands between two entries, as in ZooKeeper 3.9.5.
fn acl_text(acl: &[ClaimedEntry]) -> String {
    const LETTERS: [(i32, char); 5] =
        [(perms::CREATE, 'c'), (perms::DELETE, 'd'), (perms::READ, 'r'), (perms::WRITE, 'w'), (perms::ADMIN, 'a')];
    let entry = |entry: &ClaimedEntry| {
        let has = |(bit, letter): &(i32, char)| (entry.perms & bit != 0).then_some(*letter);
        let letters: String = LETTERS.iter().filter_map(has).collect();
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
        format!("{}:{}:{letters}", text(&entry.scheme), text(&entry.id))
    };
    acl.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use paddock_engine::acl::ClaimedEntry;
    use paddock_engine::admit::{Member, Operation};
    use paddock_engine::jute::Malformed;
    use paddock_engine::request::{Create, Reconfig, SetAcl, SetData, Versioned, opcode};
    use paddock_engine::txn::{CreateKind, Txn};

    use super::{Record, acl_text};

    const ERROR: Txn<'static> = Txn::Error(-110);

    fn create(opcode: i32, path: &'static str, flags: i32) -> Create<'static> {
        Create { opcode, path: Some(path.into()), data: None, acl: Some(Vec::new()), flags, ttl: -1 }
    }

    fn created(path: &'static str) -> Txn<'static> {
        let kind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
        Txn::Create { kind, path: path.into(), data: None, acl: None, parent_cversion: 1 }
    }

    fn versioned(path: &'static str) -> Versioned<'static> {
        Versioned { path: Some(path.into()), version: -1 }
    }

    fn set_data(path: &'static str) -> SetData<'static> {
        SetData { path: Some(path.into()), data: None, version: -1 }
    }

    fn deleted(path: &'static str) -> Txn<'static> {
        Txn::Delete { path: path.into() }
    }

    fn changed(path: &'static str) -> Txn<'static> {
        Txn::SetData { path: path.into(), data: None, version: 1 }
    }

    fn claimed(perms: i32, scheme: &str, id: &str) -> ClaimedEntry {
        ClaimedEntry { perms, scheme: Some(scheme.into()), id: Some(id.into()) }
    }

    fn reconfig() -> Operation<'static> {
        Operation::Reconfig(Reconfig { joining: Some("a".into()), leaving: None, members: None, config_id: -1 })
    }

    /// `operation znode znode_type acl result` of each action, without what there is not.
    fn recorded(operation: &Operation<'_>, txn: &Txn<'_>) -> Vec<String> {
        let record = Record::of(7, &Arc::from([]), operation, txn);
        let actions = record.map_or_else(Vec::new, |record| record.actions);
        let text = |action: &super::Action| {
            let texts = [Some(action.operation), action.path.as_deref(), action.znode_type, action.acl.as_deref()];
            let texts: Vec<&str> = texts.into_iter().flatten().collect();
            format!("{} {}", texts.join(" "), if action.succeeds { "success" } else { "failure" })
        };
        actions.iter().map(text).collect()
    }

    #[test]
    fn each_operation_that_has_succeeded() {
        let open = vec![claimed(31, "world", "anyone")];
        let set_acl = SetAcl { path: Some("/a".into()), acl: open, version: -1 };
        let acl_set = Txn::SetAcl { path: "/a".into(), acl: None, version: 1 };
        let reconfigured = Txn::Reconfig { path: "/zookeeper/config".into(), data: None, version: 1 };
        for (operation, txn, expected) in [
            (Operation::Create(create(opcode::CREATE, "/a", 0)), created("/a"), "create /a persistent success"),
            (Operation::Create(create(opcode::CREATE2, "/a", 1)), created("/a"), "create /a ephemeral success"),
            (
                Operation::Create(create(opcode::CREATE, "/a", 2)),
                created("/a0000000007"),
                "create /a0000000007 persistent_sequential success",
            ),
            (
                Operation::Create(create(opcode::CREATE, "/a", 3)),
                created("/a0000000007"),
                "create /a0000000007 ephemeral_sequential success",
            ),
            (
                Operation::Create(create(opcode::CREATE_CONTAINER, "/a", 4)),
                created("/a"),
                "create /a container success",
            ),
            (Operation::Delete(versioned("/a")), deleted("/a"), "delete /a success"),
            (Operation::SetData(set_data("/a")), changed("/a"), "setData /a success"),
            (Operation::SetAcl(set_acl), acl_set, "setAcl /a world:anyone:cdrwa success"),
            (reconfig(), reconfigured, "reconfig /zookeeper/config success"),
        ] {
            assert_eq!(recorded(&operation, &txn), [expected]);
        }
        let with_ttl = Operation::Create(create(opcode::CREATE_TTL, "/a", 5));
        assert_eq!(recorded(&with_ttl, &created("/a")), ["create /a persistent_with_ttl success"]);
    }

    #[test]
    fn each_operation_that_has_failed() {
        let set_acl = SetAcl { path: Some("/a".into()), acl: vec![claimed(1, "ip", "10.0.0.1")], version: -1 };
        let pathless = Versioned { path: None, version: -1 };
        for (operation, expected) in [
            (Operation::Create(create(opcode::CREATE, "/a", 3)), "create /a ephemeral_sequential failure"),
            (Operation::Create(create(opcode::CREATE, "/a", 9)), "create /a failure"),
            (Operation::Delete(versioned("/a")), "delete /a failure"),
            (Operation::Delete(pathless), "delete failure"),
            (Operation::SetData(set_data("/a")), "setData /a failure"),
            (Operation::SetAcl(set_acl), "setAcl /a ip:10.0.0.1:r failure"),
            (reconfig(), "reconfig failure"),
            (Operation::Multi(Err(Malformed)), "multiOperation failure"),
        ] {
            assert_eq!(recorded(&operation, &ERROR), [expected]);
        }
        let with_ttl = Operation::Create(create(opcode::CREATE_TTL, "/a", 5));
        assert_eq!(recorded(&with_ttl, &ERROR), ["create /a persistent_with_ttl failure"]);
    }

    #[test]
    fn members_of_a_multi() {
        let members = vec![
            Member::Create(create(opcode::CREATE, "/a", 1)),
            Member::Create(create(opcode::CREATE2, "/a/b", 2)),
            Member::Create(create(opcode::CREATE_TTL, "/t", 5)),
            Member::Check(versioned("/a")),
            Member::SetData(set_data("/c")),
            Member::Delete(versioned("/d")),
        ];
        let check = Txn::Check { path: "/a".into(), version: 0 };
        let txns = vec![created("/a"), created("/a/b0000000000"), created("/t"), check, changed("/c"), deleted("/d")];
        let operation = Operation::Multi(Ok(members));
        let expected = [
            "create /a ephemeral success",
            "create /a/b0000000000 success",
            "create /t success",
            "setData /c success",
            "delete /d success",
        ];
        assert_eq!(recorded(&operation, &Txn::Multi(txns)), expected);
        let failed = vec![Txn::Error(0), Txn::Error(-110), Txn::Error(-2), Txn::Error(-2), Txn::Error(-2), ERROR];
        assert_eq!(recorded(&operation, &Txn::Multi(failed)), ["multiOperation failure"]);
        assert_eq!(recorded(&Operation::Multi(Ok(Vec::new())), &Txn::Multi(Vec::new())), [""; 0]);
    }

    #[test]
    fn keepers_operations_are_what_became_of_them() {
        let create_once = Operation::CreateIfNotExists(create(opcode::CREATE, "/a", 0));
        assert_eq!(recorded(&create_once, &created("/a")), ["create /a persistent success"]);
        assert_eq!(recorded(&create_once, &Txn::Multi(Vec::new())), [""; 0], "it was there");
        let try_remove = Operation::TryRemove(versioned("/a"));
        assert_eq!(recorded(&try_remove, &deleted("/a")), ["delete /a success"]);
        assert_eq!(recorded(&try_remove, &ERROR), ["delete /a failure"]);
        let below = Txn::Multi(vec![deleted("/a/b"), deleted("/a")]);
        assert_eq!(recorded(&try_remove, &below), ["delete /a/b success", "delete /a success"]);
    }

    #[test]
    fn lists_have_zookeepers_letters() {
        let null = ClaimedEntry { perms: 5, scheme: None, id: None };
        assert_eq!(acl_text(&[claimed(18, "digest", "pat:hash"), null]), "digest:pat:hash:wanull:null:cr");
        assert_eq!(acl_text(&[]), "");
    }
}
