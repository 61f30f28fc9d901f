//! An ACL as text for people and as JSON for programs.

use paddock_engine::acl::{Acl, Entry, entries};
use serde_json::Value;

/// `scheme:id:perms`, the permissions by their letters as `zkCli.sh` has them.
pub fn text(acl: &Acl) -> String {
    let entry = |entry: &Entry| {
        let letters: String =
            "rwcda".chars().enumerate().filter(|(bit, _)| entry.perms >> bit & 1 == 1).map(|(_, c)| c).collect();
        format!("{}:{}:{letters}", entry.id.scheme, entry.id.id)
    };
    entries(acl).iter().map(entry).collect::<Vec<_>>().join(",")
}

/// The same for programs.
pub fn json(acl: &Acl) -> Value {
    let entry = |entry: &Entry| serde_json::json!({"perms": entry.perms, "scheme": entry.id.scheme, "id": entry.id.id});
    entries(acl).iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use paddock_engine::acl::{AclTable, Entry, Id};

    use super::{json, text};

    #[test]
    fn lists_have_texts() {
        assert_eq!(text(&None), "world:anyone:rwcda");
        let id = |scheme: &str, id: &str| Id { scheme: scheme.into(), id: id.into() };
        let entries = vec![
            Entry { perms: 1, id: id("ip", "10.0.0.1") },
            Entry { perms: 0x7fff_fffe, id: id("digest", "pat:hash") },
        ];
        let acl = AclTable::default().intern(entries);
        assert_eq!(text(&acl), "ip:10.0.0.1:r,digest:pat:hash:wcda");
        assert_eq!(json(&acl)[1]["perms"], 0x7fff_fffe);
    }
}
