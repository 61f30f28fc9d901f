//! What is counted of writes by the namespace of their paths.

use paddock_engine::admit::{Member, Operation};
use paddock_engine::error::Code;
use paddock_engine::txn::Txn;
use paddock_net::namespaces::{Namespaces, Run};

/// Counts what a transaction writes, as ZooKeeper does: path and data. It is done for every write, and for a short path takes less
/// than a call.
#[inline(always)]
pub fn note_written(run: &mut Run, txn: &Txn<'_>, namespaces: &Namespaces) {
    match txn {
        Txn::Create { path, data, .. } | Txn::SetData { path, data, .. } | Txn::Reconfig { path, data, .. } => {
            let bytes = path.len() + data.map_or(0, <[u8]>::len);
            run.note(path.as_bytes(), bytes as u64, || namespaces);
        }
        Txn::Delete { path } | Txn::DeleteContainer { path } => {
            run.note(path.as_bytes(), path.len() as u64, || namespaces);
        }
        Txn::Multi(members) => note_members(run, members, namespaces),
        _ => {}
    }
}

fn note_members(run: &mut Run, members: &[Txn<'_>], namespaces: &Namespaces) {
    if !members.iter().any(|member| matches!(member, Txn::Error(_))) {
        members.iter().for_each(|member| note_written(run, member, namespaces));
    }
}

/// Counts an operation that a quota has refused, by the transaction that it became.
#[inline]
pub fn note_refused(namespaces: &Namespaces, operation: &Operation<'_>, txn: &Txn<'_>) {
    if matches!(txn, Txn::Error(_) | Txn::Multi(_)) {
        note_if_refused(namespaces, operation, txn);
    }
}

fn note_if_refused(namespaces: &Namespaces, operation: &Operation<'_>, txn: &Txn<'_>) {
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
    use paddock_net::namespaces::{Namespaces, Run};

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
        let (namespaces, mut run) = (Namespaces::default(), Run::default());
        for txn in [
            set_data("/a/b", b"123"),
            Txn::Multi(vec![set_data("/c", b"1"), Txn::Delete { path: "/a/b".into() }]),
            Txn::Multi(vec![set_data("/c", b"1"), Txn::Error(-110)]),
            Txn::Error(-101),
        ] {
            note_written(&mut run, &txn, &namespaces);
        }
        run.tell(&namespaces);
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
