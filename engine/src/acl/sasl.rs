//! The scheme `sasl`: the name that a client's login came to.

use super::Id;

/// What a name of this scheme may do beyond what lists give it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Sasl {
    /// Names whose holders are `super` (`superUser` and `superUser.*`).
    pub super_users: Vec<String>,
    /// An entry for this name is anybody's who has logged in (`letAnySaslUserDoX`).
    pub any_user: Option<String>,
}

impl Sasl {
    /// The identities of who has logged in under this name.
    pub(super) fn ids_of(&self, name: &str) -> Vec<Id> {
        let mut ids = vec![Id { scheme: "sasl".into(), id: name.to_owned() }];
        if !name.is_empty() && self.super_users.iter().any(|user| user == name) {
            ids.push(Id { scheme: "super".into(), id: String::new() });
        }
        ids
    }

    /// Whether the entry is for this caller. The name `super` opens all entries of this scheme, as in ZooKeeper.
    pub(super) fn matches(&self, caller: &str, entry: &str) -> bool {
        caller == "super" || caller == entry || self.any_user.as_deref() == Some(entry)
    }
}

/// Whether an entry may name this: a short name, or one of Kerberos, `service/host@REALM` or `user@REALM`.
pub(super) fn is_valid(id: &str) -> bool {
    let Some((name, realm)) = id.split_once('@') else { return true };
    !realm.contains(['/', '@']) && name.split('/').count() <= 2
}

#[cfg(test)]
mod tests {
    use super::{Id, Sasl, is_valid};

    #[test]
    fn names_of_super_users_make_super() {
        let sasl = Sasl { super_users: vec!["root".into(), String::new()], any_user: None };
        let id = |scheme: &str, id: &str| Id { scheme: scheme.into(), id: id.into() };
        assert_eq!(sasl.ids_of("root"), [id("sasl", "root"), id("super", "")]);
        assert_eq!(sasl.ids_of("Root"), [id("sasl", "Root")]);
        assert_eq!(sasl.ids_of(""), [id("sasl", "")]);
    }

    #[test]
    fn entries_match_by_name() {
        let sasl = Sasl { super_users: Vec::new(), any_user: Some("anyone".into()) };
        for (caller, entry, expected) in
            [("a", "a", true), ("a", "b", false), ("super", "b", true), ("a", "anyone", true), ("a", "super", false)]
        {
            assert_eq!(sasl.matches(caller, entry), expected, "{caller} {entry}");
        }
        assert!(!Sasl::default().matches("a", "anyone"));
    }

    #[test]
    fn validity() {
        for id in ["", "a", "a/b", "a/b/c", "a@R", "a/h@R", "@", "/@", "a b@R\n"] {
            assert!(is_valid(id), "{id:?}");
        }
        for id in ["a@b@c", "a@b/c", "a/b/c@R", "@@", "//@"] {
            assert!(!is_valid(id), "{id:?}");
        }
    }
}
