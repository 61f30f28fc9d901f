//! What may differ, and why. Nothing else does.

use paddock_tests::records::Acl;

/// A list that is not compared.
pub struct Difference {
    pub scheme: &'static str,
    /// `None` is the null one.
    pub id: Option<&'static str>,
    pub why: &'static str,
}

pub const DIFFERENCES: [Difference; 1] = [Difference {
    scheme: "key",
    id: None,
    why: "a ZooKeeper that is asked for it ends its process; here such a list is invalid",
}];

/// Whether a list has an entry that may differ.
pub fn is_known(acl: &[Acl]) -> bool {
    let is = |entry: &Acl, known: &Difference| {
        entry.scheme.as_deref() == Some(known.scheme) && entry.id.as_deref() == known.id
    };
    let known = DIFFERENCES.iter().find(|known| acl.iter().any(|entry| is(entry, known)));
    known.is_some_and(|known| !known.why.is_empty())
}
