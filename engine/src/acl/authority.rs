//! The server's rules of who is who and who may do what.

use std::collections::HashSet;

use super::{Acl, AclTable, ClaimedEntry, DigestAlgorithm, Entry, Id, digest, ip, perms};
use crate::error::Code;

/// No list has more entries or bytes once `auth` is replaced: a caller of many identities could make much of little.
const ENTRIES_MAX: usize = 1 << 16;
const LIST_BYTES_MAX: usize = 1 << 20;

/// The schemes that are served, and the switches that operators have over them.
#[derive(Clone, Debug)]
pub struct Authority {
    /// `skipACL=yes`: every check passes.
    pub skip_acl: bool,
    /// Whether the scheme `digest` is served.
    pub digest_enabled: bool,
    pub digest_algorithm: DigestAlgorithm,
    /// The digest id whose holder is `super`.
    pub super_digest: Option<String>,
}

impl Default for Authority {
    fn default() -> Self {
        Authority {
            skip_acl: false,
            digest_enabled: true,
            digest_algorithm: DigestAlgorithm::default(),
            super_digest: None,
        }
    }
}

impl Authority {
    /// The identities that an auth packet proves; `Err` where the packet must be refused.
    pub fn authenticate(&self, scheme: &str, credential: Option<&[u8]>) -> Result<Vec<Id>, Code> {
        match (scheme, credential) {
            // The address was noted when the connection was accepted; the packet adds nothing.
            ("ip", _) => Ok(Vec::new()),
            ("digest", Some(credential)) if self.digest_enabled => {
                let id = self.digest_algorithm.id_of(credential);
                let mut ids = Vec::new();
                if self.super_digest.as_ref().is_some_and(|super_digest| equal_in_constant_time(super_digest, &id)) {
                    ids.push(Id { scheme: "super".into(), id: String::new() });
                }
                ids.push(Id { scheme: "digest".into(), id });
                Ok(ids)
            }
            _ => Err(Code::AuthFailed),
        }
    }

    /// Whether `caller` has any of the asked permission bits on a znode with this list.
    pub fn permits(&self, acl: &Acl, asked: i32, caller: &[Id]) -> bool {
        let Some(list) = acl else { return true };
        if self.skip_acl || list.0.is_empty() || caller.iter().any(|id| id.scheme == "super") {
            return true;
        }
        list.0.iter().any(|entry| entry.perms & asked != 0 && self.is_held(&entry.id, caller))
    }

    fn is_held(&self, id: &Id, caller: &[Id]) -> bool {
        match &id.scheme[..] {
            "world" => id.id == "anyone",
            "ip" => caller.iter().any(|held| held.scheme == "ip" && ip::matches(&held.id, &id.id)),
            "digest" => self.digest_enabled && caller.iter().any(|held| held.scheme == "digest" && held.id == id.id),
            _ => false,
        }
    }

    /// A list as it will be stored: duplicates gone, `auth` replaced by what the caller has proven.
    ///
    /// `Code::Marshalling` is ZooKeeper's answer to a null id where it does not expect one.
    pub fn fix_up(&self, claimed: &[ClaimedEntry], caller: &[Id], table: &mut AclTable) -> Result<Acl, Code> {
        // Nearly every create asks for the open list.
        if let [ClaimedEntry { perms: perms::ALL, scheme: Some(scheme), id: Some(id) }] = claimed
            && scheme == "world"
            && id == "anyone"
        {
            return Ok(None);
        }
        let (mut fixed, mut bytes) = (Vec::new(), 0);
        for entry in without_duplicates(claimed)? {
            self.fix_up_entry(entry, caller, &mut fixed, &mut bytes)?;
        }
        if fixed.is_empty() {
            return Err(Code::InvalidAcl);
        }
        Ok(table.intern(fixed))
    }

    /// `bytes` are those that `auth` has put into the list.
    fn fix_up_entry(
        &self,
        entry: &ClaimedEntry,
        caller: &[Id],
        fixed: &mut Vec<Entry>,
        bytes: &mut usize,
    ) -> Result<(), Code> {
        let scheme = entry.scheme.as_deref().ok_or(Code::InvalidAcl)?;
        if scheme == "auth" {
            let before = fixed.len();
            let proven = caller.iter().filter(|id| id.scheme == "digest" && self.digest_enabled);
            for id in proven {
                *bytes += super::entry_bytes(id);
                if fixed.len() >= ENTRIES_MAX || *bytes > LIST_BYTES_MAX {
                    return Err(Code::InvalidAcl);
                }
                fixed.push(Entry { perms: entry.perms, id: id.clone() });
            }
            return if fixed.len() > before { Ok(()) } else { Err(Code::InvalidAcl) };
        }
        let id = entry.id.as_deref();
        let valid = match (scheme, id) {
            ("world", None) => return Err(Code::Marshalling),
            ("world", Some(id)) => id == "anyone",
            ("ip", Some(id)) => ip::is_valid(id),
            ("digest", Some(id)) => self.digest_enabled && digest::is_valid(id),
            ("ip" | "digest", None) => return Err(Code::Marshalling),
            _ => false,
        };
        if !valid {
            return Err(Code::InvalidAcl);
        }
        let id = Id { scheme: scheme.to_owned(), id: id.unwrap_or_default().to_owned() };
        fixed.push(Entry { perms: entry.perms, id });
        Ok(())
    }
}

/// The entries, each once. ZooKeeper's comparison trips over a null text where all before it is equal to an earlier
/// entry's.
fn without_duplicates(claimed: &[ClaimedEntry]) -> Result<Vec<&ClaimedEntry>, Code> {
    let (mut perms, mut schemes, mut entries) = (HashSet::new(), HashSet::new(), HashSet::new());
    let mut kept = Vec::new();
    for entry in claimed {
        let trips = match (&entry.scheme, &entry.id) {
            (None, _) => perms.contains(&entry.perms),
            (Some(scheme), None) => schemes.contains(&(entry.perms, scheme)),
            (Some(_), Some(_)) => false,
        };
        if trips {
            return Err(Code::Marshalling);
        }
        perms.insert(entry.perms);
        schemes.extend(entry.scheme.as_ref().map(|scheme| (entry.perms, scheme)));
        if entries.insert(entry) {
            kept.push(entry);
        }
    }
    Ok(kept)
}

/// Tells nothing of where two secrets differ by the time it takes.
fn equal_in_constant_time(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::Authority;
    use crate::acl::{AclTable, ClaimedEntry, Entry, Id, entries, perms};
    use crate::error::Code;

    fn id(scheme: &str, id: &str) -> Id {
        Id { scheme: scheme.into(), id: id.into() }
    }

    fn claimed(perms: i32, scheme: &str, id: &str) -> ClaimedEntry {
        ClaimedEntry { perms, scheme: Some(scheme.into()), id: Some(id.into()) }
    }

    fn fix(list: &[ClaimedEntry], caller: &[Id]) -> Result<Vec<Entry>, Code> {
        Authority::default().fix_up(list, caller, &mut AclTable::default()).map(|acl| entries(&acl))
    }

    #[test]
    fn auth_becomes_what_the_caller_has_proven() {
        let caller = [id("ip", "127.0.0.1"), id("digest", "a:x"), id("digest", "b:y")];
        let fixed = fix(&[claimed(3, "auth", "")], &caller).unwrap();
        assert_eq!(fixed, [Entry { perms: 3, id: id("digest", "a:x") }, Entry { perms: 3, id: id("digest", "b:y") }]);
        assert_eq!(fix(&[claimed(3, "auth", "")], &caller[..1]), Err(Code::InvalidAcl));
        assert_eq!(fix(&[claimed(31, "world", "anyone"), claimed(3, "auth", "")], &caller[..1]), Err(Code::InvalidAcl));
    }

    #[test]
    fn lists_that_cannot_be_stored() {
        assert_eq!(fix(&[], &[]), Err(Code::InvalidAcl));
        for (scheme, id) in [("world", "someone"), ("ip", "1.2.3"), ("digest", "a"), ("nobody", "x"), ("super", "x:y")]
        {
            assert_eq!(fix(&[claimed(1, scheme, id)], &[]), Err(Code::InvalidAcl), "{scheme}:{id}");
        }
        let null_scheme = ClaimedEntry { perms: 1, scheme: None, id: Some("anyone".into()) };
        assert_eq!(fix(&[null_scheme], &[]), Err(Code::InvalidAcl));
        let null_id = ClaimedEntry { perms: 1, scheme: Some("world".into()), id: None };
        assert_eq!(fix(&[null_id], &[]), Err(Code::Marshalling));
    }

    #[test]
    fn what_auth_makes_of_a_list_is_bounded() {
        let caller: Vec<Id> = (0..256).map(|i| id("digest", &format!("u{i}:x"))).collect();
        let list: Vec<ClaimedEntry> = (0..30_000).map(|perms| claimed(perms, "auth", "")).collect();
        assert_eq!(fix(&list, &caller), Err(Code::InvalidAcl));
    }

    #[test]
    fn duplicates_collapse_and_keep_their_order() {
        let fixed =
            fix(&[claimed(1, "ip", "1.1.1.1"), claimed(1, "world", "anyone"), claimed(1, "ip", "1.1.1.1")], &[]);
        assert_eq!(
            fixed.unwrap(),
            [Entry { perms: 1, id: id("ip", "1.1.1.1") }, Entry { perms: 1, id: id("world", "anyone") }]
        );
    }

    #[test]
    fn null_texts_trip_the_comparison_with_equal_entries() {
        let auth_null = ClaimedEntry { perms: 1, scheme: Some("auth".into()), id: None };
        let caller = [id("digest", "a:x")];
        assert_eq!(fix(std::slice::from_ref(&auth_null), &caller).map(|list| list.len()), Ok(1));
        assert_eq!(fix(&[claimed(1, "auth", ""), auth_null.clone()], &caller), Err(Code::Marshalling));
        assert_eq!(fix(&[claimed(2, "auth", ""), auth_null], &caller).map(|list| list.len()), Ok(2));
        let null_scheme = ClaimedEntry { perms: 1, scheme: None, id: None };
        assert_eq!(fix(&[claimed(1, "world", "anyone"), null_scheme], &caller), Err(Code::Marshalling));
    }

    #[test]
    fn permission_is_by_scheme_and_bit() {
        let authority = Authority::default();
        let mut table = AclTable::default();
        let acl = table.intern(vec![
            Entry { perms: perms::READ, id: id("world", "anyone") },
            Entry { perms: perms::WRITE, id: id("digest", "a:x") },
        ]);
        assert!(authority.permits(&acl, perms::READ, &[]));
        assert!(!authority.permits(&acl, perms::WRITE, &[id("ip", "1.1.1.1"), id("digest", "b:x")]));
        assert!(authority.permits(&acl, perms::WRITE | perms::ADMIN, &[id("digest", "a:x")]));
        assert!(authority.permits(&acl, perms::ADMIN, &[id("super", "")]));
        assert!(Authority { skip_acl: true, ..authority }.permits(&acl, perms::ADMIN, &[]));
    }

    #[test]
    fn without_the_scheme_digest_nobody_holds_its_ids() {
        let authority = Authority { digest_enabled: false, ..Authority::default() };
        let mut table = AclTable::default();
        let acl = table.intern(vec![Entry { perms: perms::ALL, id: id("digest", "a:x") }]);
        assert!(!authority.permits(&acl, perms::READ, &[id("digest", "a:x")]));
        assert_eq!(authority.authenticate("digest", Some(b"a:b")), Err(Code::AuthFailed));
        for scheme in ["digest", "auth"] {
            let fixed = authority.fix_up(&[claimed(1, scheme, "a:x")], &[id("digest", "a:x")], &mut table);
            assert_eq!(fixed, Err(Code::InvalidAcl), "{scheme}");
        }
    }

    #[test]
    fn the_algorithm_of_the_scheme_makes_super_too() {
        let digest_algorithm = crate::acl::DigestAlgorithm::named("SHA-256").unwrap();
        let super_digest = Some(digest_algorithm.id_of(b"super:test"));
        let authority = Authority { digest_algorithm, super_digest, ..Authority::default() };
        assert_eq!(authority.authenticate("digest", Some(b"super:test")).unwrap()[0].scheme, "super");
        let other = Authority { digest_algorithm: Default::default(), ..authority };
        assert_eq!(other.authenticate("digest", Some(b"super:test")).unwrap().len(), 1);
    }

    #[test]
    fn the_super_digest_makes_super() {
        let authority =
            Authority { super_digest: Some("super:D/InIHSb7yEEbrWz8b9l71RjZJU=".into()), ..Authority::default() };
        let ids = authority.authenticate("digest", Some(b"super:test")).unwrap();
        assert_eq!(ids[0].scheme, "super");
        assert_eq!(authority.authenticate("digest", Some(b"a:b")).unwrap().len(), 1);
        assert_eq!(authority.authenticate("digest", None), Err(Code::AuthFailed));
        assert_eq!(authority.authenticate("sasl", Some(b"")), Err(Code::AuthFailed));
        assert_eq!(authority.authenticate("ip", None), Ok(vec![]));
    }
}
