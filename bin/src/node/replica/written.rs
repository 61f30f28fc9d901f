//! What is counted of writes by the namespace of their paths.

use paddock_engine::admit::{Member, Operation};
use paddock_engine::error::Code;
use paddock_engine::txn::Txn;
use paddock_net::namespaces::Namespaces;

/// Counts what a transaction writes, as ZooKeeper does: path and data.
pub fn note_written(namespaces: &Namespaces, txn: &Txn<'_>) {
    match txn {
        Txn::Create { path, data, .. } | Txn::SetData { path, data, .. } | Txn::Reconfig { path, data, .. } => {
            namespaces.note(path.as_bytes(), (path.len() + data.map_or(0, <[u8]>::len)) as u64);
        }
        Txn::Delete { path } | Txn::DeleteContainer { path } => namespaces.note(path.as_bytes(), path.len() as u64),
        Txn::Multi(members) if !members.iter().any(|member| matches!(member, Txn::Error(_))) => {
            members.iter().for_each(|member| note_written(namespaces, member));
        }
        _ => {}
    }
}

/// Counts an operation that a quota has refused, by the transaction that it became.
pub fn note_refused(namespaces: &Namespaces, operation: &Operation<'_>, txn: &Txn<'_>) {
    let path = match (operation, txn) {
        (Operation::Multi(Ok(members)), Txn::Multi(txns)) => {
            let refused = txns.iter().position(is_refused).and_then(|place| members.get(place));
            refused.and_then(|member| match member {
                Member::Create(create) | Member::CreateIfNotExists(create) => create.path.as_deref(),
                Member::SetData(set) => set.path.as_deref(),
                _ => None,
            })
        }
        (_, txn) if !is_refused(txn) => None,
        (Operation::Create(create) | Operation::CreateIfNotExists(create), _) => create.path.as_deref(),
        (Operation::SetData(set), _) => set.path.as_deref(),
        _ => None,
    };
    if let Some(path) = path {
        namespaces.note(path.as_bytes(), 1);
    }
}

fn is_refused(txn: &Txn<'_>) -> bool {
    matches!(txn, Txn::Error(code) if *code == Code::QuotaExceeded.number())
}

#[cfg(test)]
mod tests {
    use paddock_engine::admit::Operation;
    use paddock_engine::error::Code;
    use paddock_engine::request::SetData;
    use paddock_engine::txn::Txn;
    use paddock_net::namespaces::Namespaces;

    use super::{note_refused, note_written};

    fn sums(namespaces: &Namespaces) -> Vec<(String, u64)> {
        let mut sums: Vec<_> = namespaces.iter().map(|(name, totals)| (name.to_owned(), totals.sum)).collect();
        sums.sort();
        sums
    }

    fn set_data<'a>(path: &'a str, data: &'a [u8]) -> Txn<'a> {
        Txn::SetData { path: path.into(), data: Some(data), version: 1 }
    }

    #[test]
    fn paths_and_data_are_counted_where_something_is_written() {
        let namespaces = Namespaces::default();
        note_written(&namespaces, &set_data("/a/b", b"123"));
        note_written(&namespaces, &Txn::Multi(vec![set_data("/c", b"1"), Txn::Delete { path: "/a/b".into() }]));
        note_written(&namespaces, &Txn::Multi(vec![set_data("/c", b"1"), Txn::Error(-110)]));
        note_written(&namespaces, &Txn::Error(-101));
        assert_eq!(sums(&namespaces), [("a".into(), 7 + 4), ("c".into(), 3)]);
    }

    #[test]
    fn only_what_a_quota_has_refused_is_counted_as_that() {
        let namespaces = Namespaces::default();
        let operation = Operation::SetData(SetData { path: Some("/a/b".into()), data: None, version: -1 });
        note_refused(&namespaces, &operation, &Txn::Error(Code::QuotaExceeded.number()));
        note_refused(&namespaces, &operation, &Txn::Error(Code::NoNode.number()));
        note_refused(&namespaces, &operation, &set_data("/a/b", b""));
        assert_eq!(sums(&namespaces), [("a".into(), 1)]);
    }
}
