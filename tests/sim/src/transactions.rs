//! The records of a log in the words of the judge of histories.

use paddock_engine::acl::AclTable;
use paddock_engine::txn::{CreateKind, Txn};
use paddock_history::{Change, Data, Mode, Operation, Transaction};

/// What a record says.
///
/// # Panics
/// If it is none.
pub fn transaction(record: &[u8]) -> Transaction {
    let read = Txn::read(record, &mut AclTable::default()).expect("what was committed can be read");
    let change = match &read.txn {
        Txn::CreateSession { .. } => Change::CreateSession,
        Txn::CloseSession { .. } => Change::Done(Operation::Close),
        Txn::Multi(members) => members
            .iter()
            .map(operation)
            .collect::<Option<Vec<Operation>>>()
            .map_or(Change::Failed, |members| Change::Done(Operation::Multi(members))),
        one => operation(one).map_or(Change::Failed, Change::Done),
    };
    Transaction { zxid: read.header.zxid, session: read.header.client, cxid: read.header.cxid, change }
}

/// What one member of a multi did, or a transaction alone; nothing where it failed.
fn operation(txn: &Txn<'_>) -> Option<Operation> {
    let any = -1;
    Some(match txn {
        Txn::Create { kind, path, data, .. } => {
            let is_ephemeral = matches!(kind, CreateKind::Plain { ephemeral: true, .. });
            let mode = Mode { is_ephemeral, is_sequential: false };
            Operation::Create { path: path.to_string(), data: data.map(Data::of), mode }
        }
        Txn::Delete { path } | Txn::DeleteContainer { path } => {
            Operation::Delete { path: path.to_string(), version: any }
        }
        Txn::SetData { path, data, .. } | Txn::Reconfig { path, data, .. } => {
            Operation::SetData { path: path.to_string(), data: data.map(Data::of), version: any }
        }
        Txn::SetAcl { path, .. } => Operation::SetAcl { path: path.to_string(), version: any },
        Txn::Check { path, .. } => Operation::Check { path: path.to_string(), version: any },
        Txn::Multi(_) | Txn::Error(_) | Txn::CreateSession { .. } | Txn::CloseSession { .. } => return None,
    })
}
