//! The server's rules of who is who and who may do what.

use std::collections::HashSet;

use super::{Acl, AclTable, ClaimedEntry, DigestAlgorithm, Ensemble, Entry, Id, Sasl, SuperDigest, X509};
use super::{digest, in_order, ip, key, perms, sasl, x509};
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
    pub super_digest: Option<SuperDigest>,
    /// Whether the scheme `x509` is served, and how.
    pub x509: Option<X509>,
    /// Whether entries of the scheme `sasl` count; who has logged in has an identity of it all the same.
    pub sasl_served: bool,
    pub sasl: Sasl,
    /// Whether the scheme `ensemble` is served, and how.
    pub ensemble: Option<Ensemble>,
    /// Whether the scheme `key` is served.
    pub key_served: bool,
}

impl Default for Authority {
    fn default() -> Self {
        Authority {
            skip_acl: false,
            digest_enabled: true,
            digest_algorithm: DigestAlgorithm::default(),
            super_digest: None,
            x509: None,
            sasl_served: false,
            sasl: Sasl::default(),
            ensemble: None,
            key_served: false,
        }
    }
}

impl Authority {
    /// The identities that an auth packet proves to those that are `held`, with `key` for the data of the znode that the
    /// scheme `key` reads; `Err` where the packet must be refused. Packets of the scheme `ensemble` are for [`Ensemble::greet`].
    pub fn authenticate<'k>(
        &self,
        scheme: &str,
        credential: Option<&[u8]>,
        held: &[Id],
        key: impl FnOnce() -> Option<&'k [u8]>,
    ) -> Result<Vec<Id>, Code> {
        match (scheme, credential) {
            // The address was noted when the connection was accepted; the packet adds nothing.
            ("ip", _) => Ok(Vec::new()),
            ("digest", Some(credential)) if self.digest_enabled => Ok(self.of_password(credential)),
            ("key", _) if self.key_served => key::id_of(key(), credential).map(|id| vec![id]).ok_or(Code::AuthFailed),
            // The certificate was shown when the connection was made.
            ("x509", _) if self.x509.is_some() && held.iter().any(|id| id.scheme == "x509") => Ok(Vec::new()),
            _ => Err(Code::AuthFailed),
        }
    }

    fn of_password(&self, credential: &[u8]) -> Vec<Id> {
        let id = self.digest_algorithm.id_of(credential);
        let is_super = self.super_digest.as_ref().is_some_and(|super_digest| super_digest.is(&id));
        let super_id = is_super.then(|| Id { scheme: "super".into(), id: String::new() });
        super_id.into_iter().chain([Id { scheme: "digest".into(), id }]).collect()
    }

    /// The identities of a client that has shown that the certificate with this subject (RFC 2253, as Java writes it) is its
    /// own: none where the scheme `x509` is not served, and then the connection is to be closed.
    pub fn of_certificate(&self, subject: &str) -> Vec<Id> {
        self.x509.as_ref().map_or_else(Vec::new, |x509| x509.ids_of(subject))
    }

    /// The identities of a client whose login over SASL came to this name.
    pub fn of_sasl(&self, authorization_id: &str) -> Vec<Id> {
        self.sasl.ids_of(authorization_id)
    }

    /// Whom an identity names, for people: [`Id::user`], and nobody where its scheme is not served.
    pub fn user<'i>(&self, id: &'i Id) -> &'i str {
        if self.serves(&id.scheme) { id.user() } else { "" }
    }

    /// Whether there is a provider for this scheme, in ZooKeeper's words.
    pub fn serves(&self, scheme: &str) -> bool {
        match scheme {
            "ip" => true,
            "digest" => self.digest_enabled,
            "x509" => self.x509.is_some(),
            "sasl" => self.sasl_served,
            "ensemble" => self.ensemble.is_some(),
            "key" => self.key_served,
            _ => false,
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
        if id.scheme == "world" {
            return id.id == "anyone";
        }
        self.serves(&id.scheme)
            && caller.iter().any(|held| held.scheme == id.scheme && self.matches(&id.scheme, &held.id, &id.id))
    }

    /// Whether the entry of this scheme is for this caller.
    fn matches(&self, scheme: &str, caller: &str, entry: &str) -> bool {
        match scheme {
            "ip" => ip::matches(caller, entry),
            "digest" => digest::matches(caller, entry),
            "sasl" => self.sasl.matches(caller, entry),
            "x509" | "key" => caller == entry,
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
            for id in in_order(caller).into_iter().filter(|id| self.proves(&id.scheme)) {
                *bytes += super::entry_bytes(id);
                if fixed.len() >= ENTRIES_MAX || *bytes > LIST_BYTES_MAX {
                    return Err(Code::InvalidAcl);
                }
                fixed.push(Entry { perms: entry.perms, id: id.clone() });
            }
            return if fixed.len() > before { Ok(()) } else { Err(Code::InvalidAcl) };
        }
        let id = self.valid(scheme, entry.id.as_deref())?;
        fixed.push(Entry { perms: entry.perms, id: Id { scheme: scheme.to_owned(), id: id.to_owned() } });
        Ok(())
    }

    /// Whether identities of this scheme take the place of `auth`.
    fn proves(&self, scheme: &str) -> bool {
        !matches!(scheme, "ip" | "ensemble") && self.serves(scheme)
    }

    /// The id, where an entry of this scheme may name it.
    fn valid<'i>(&self, scheme: &str, id: Option<&'i str>) -> Result<&'i str, Code> {
        let valid: fn(&str) -> bool = match scheme {
            "world" => |id| id == "anyone",
            _ if !self.serves(scheme) => return Err(Code::InvalidAcl),
            "ip" => ip::is_valid,
            "digest" => digest::is_valid,
            "x509" => x509::is_valid,
            "sasl" => sasl::is_valid,
            // A ZooKeeper takes a null id here, and ends when it writes it down. As a text it would be the empty one, which is
            // everybody's who proves the scheme.
            "key" => return id.ok_or(Code::InvalidAcl),
            _ => return Err(Code::InvalidAcl),
        };
        let id = id.ok_or(Code::Marshalling)?;
        if valid(id) { Ok(id) } else { Err(Code::InvalidAcl) }
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

#[cfg(test)]
mod tests {
    use super::Authority;
    use crate::acl::{AclTable, ClaimedEntry, Ensemble, Entry, Id, Sasl, SuperDigest, X509, entries, perms};
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
        assert_eq!(authority.authenticate("digest", Some(b"a:b"), &[], || None), Err(Code::AuthFailed));
        for scheme in ["digest", "auth"] {
            let fixed = authority.fix_up(&[claimed(1, scheme, "a:x")], &[id("digest", "a:x")], &mut table);
            assert_eq!(fixed, Err(Code::InvalidAcl), "{scheme}");
        }
    }

    #[test]
    fn the_algorithm_of_the_scheme_makes_super_too() {
        let digest_algorithm = crate::acl::DigestAlgorithm::named("SHA-256").unwrap();
        let super_digest = Some(SuperDigest::new(digest_algorithm.id_of(b"super:test")));
        let authority = Authority { digest_algorithm, super_digest, ..Authority::default() };
        assert_eq!(authority.authenticate("digest", Some(b"super:test"), &[], || None).unwrap()[0].scheme, "super");
        let other = Authority { digest_algorithm: Default::default(), ..authority };
        assert_eq!(other.authenticate("digest", Some(b"super:test"), &[], || None).unwrap().len(), 1);
    }

    #[test]
    fn the_super_digest_makes_super() {
        let super_digest = Some(SuperDigest::new("super:D/InIHSb7yEEbrWz8b9l71RjZJU=".into()));
        let authority = Authority { super_digest, ..Authority::default() };
        let ids = authority.authenticate("digest", Some(b"super:test"), &[], || None).unwrap();
        assert_eq!(ids[0].scheme, "super");
        assert_eq!(authority.authenticate("digest", Some(b"a:b"), &[], || None).unwrap().len(), 1);
        assert_eq!(authority.authenticate("digest", None, &[], || None), Err(Code::AuthFailed));
        assert_eq!(authority.authenticate("sasl", Some(b""), &[], || None), Err(Code::AuthFailed));
        assert_eq!(authority.authenticate("ip", None, &[], || None), Ok(vec![]));
    }
    /// Everything that can be served is.
    fn all() -> Authority {
        Authority {
            x509: Some(X509::default()),
            sasl_served: true,
            sasl: Sasl { any_user: Some("staff".into()), ..Sasl::default() },
            ensemble: Some(Ensemble::default()),
            key_served: true,
            ..Authority::default()
        }
    }

    #[test]
    fn each_scheme_has_its_own_rule_of_matching() {
        let permits = |authority: &Authority, entry: Id, held: Id| {
            let acl = AclTable::default().intern(vec![Entry { perms: perms::READ, id: entry }]);
            authority.permits(&acl, perms::READ, &[held])
        };
        for (entry, held, expected) in [
            (id("x509", "CN=a"), id("x509", "CN=a"), true),
            (id("x509", "CN=a"), id("x509", "cn=a"), false),
            (id("sasl", "a"), id("sasl", "a"), true),
            (id("sasl", "staff"), id("sasl", "b"), true),
            (id("sasl", "a"), id("sasl", "super"), true),
            (id("key", ""), id("key", ""), true),
            (id("key", "5"), id("key", ""), false),
            (id("x509", "a"), id("sasl", "a"), false),
            (id("ensemble", "a"), id("ensemble", "a"), false),
            (id("ip", "10.0.0.0/8"), id("ip", "10.1.2.3"), true),
        ] {
            assert_eq!(permits(&all(), entry.clone(), held.clone()), expected, "{entry:?} {held:?}");
            let served = entry.scheme == "ip" && expected;
            assert_eq!(permits(&Authority::default(), entry, held), served, "what is not served matches nobody");
        }
    }

    #[test]
    fn each_scheme_has_its_own_rule_of_what_is_valid() {
        let mut table = AclTable::default();
        let mut fix = |authority: &Authority, scheme: &str, id: Option<&str>| {
            let entry = ClaimedEntry { perms: 1, scheme: Some(scheme.into()), id: id.map(str::to_owned) };
            authority.fix_up(&[entry], &[], &mut table).err()
        };
        for (scheme, id, expected) in [
            ("x509", Some("CN=a,O=b"), None),
            ("x509", Some("a"), Some(Code::InvalidAcl)),
            ("x509", None, Some(Code::Marshalling)),
            ("sasl", Some("a/b@C"), None),
            ("sasl", Some("a@b@c"), Some(Code::InvalidAcl)),
            ("sasl", None, Some(Code::Marshalling)),
            ("key", Some("anything"), None),
            ("key", None, Some(Code::InvalidAcl)),
            ("ensemble", Some("a"), Some(Code::InvalidAcl)),
            ("ensemble", None, Some(Code::InvalidAcl)),
        ] {
            assert_eq!(fix(&all(), scheme, id), expected, "{scheme} {id:?}");
            assert_eq!(fix(&Authority::default(), scheme, id), Some(Code::InvalidAcl), "{scheme} {id:?}");
        }
        assert_eq!(fix(&Authority { digest_enabled: false, ..all() }, "digest", None), Some(Code::InvalidAcl));
    }

    #[test]
    fn auth_becomes_every_identity_that_was_proven() {
        let caller = [id("ip", "10.0.0.1"), id("sasl", "a"), id("x509", "CN=a"), id("key", ""), id("super", "")];
        let fixed = |authority: &Authority| {
            let acl = authority.fix_up(&[claimed(1, "auth", "")], &caller, &mut AclTable::default())?;
            let mut schemes: Vec<String> = entries(&acl).into_iter().map(|entry| entry.id.scheme).collect();
            schemes.sort_unstable();
            Ok(schemes)
        };
        assert_eq!(fixed(&all()).unwrap(), ["key", "sasl", "x509"]);
        assert_eq!(fixed(&Authority { key_served: false, ..all() }).unwrap(), ["sasl", "x509"]);
        assert_eq!(fixed(&Authority::default()), Err(Code::InvalidAcl));
    }

    #[test]
    fn logins_make_identities() {
        let authority = Authority {
            x509: Some(X509 { super_user: Some("CN=root".into()) }),
            sasl: Sasl { super_users: vec!["root".into()], any_user: None },
            ..Authority::default()
        };
        assert_eq!(authority.of_certificate("CN=a"), [id("x509", "CN=a")]);
        assert_eq!(authority.of_certificate("CN=root"), [id("super", "CN=root"), id("x509", "CN=root")]);
        assert_eq!(Authority::default().of_certificate("CN=a"), [], "nobody comes in by a scheme that is not served");
        assert_eq!(authority.of_sasl("root"), [id("sasl", "root"), id("super", "")]);
        assert_eq!(authority.user(&id("sasl", "root")), "", "as ZooKeeper tells of a scheme without its provider");
        assert_eq!(all().user(&id("sasl", "root")), "root");
        let certified = [id("ip", "10.0.0.1"), id("x509", "CN=a")];
        assert_eq!(all().authenticate("x509", None, &certified, || None), Ok(vec![]));
        assert_eq!(all().authenticate("x509", None, &certified[..1], || None), Err(Code::AuthFailed));
        assert_eq!(all().authenticate("sasl", Some(b"a"), &[id("sasl", "a")], || None), Err(Code::AuthFailed));
    }

    #[test]
    fn the_scheme_key_reads_its_znode() {
        let authenticate =
            |authority: &Authority, key: Option<&'static [u8]>| authority.authenticate("key", Some(b"10"), &[], || key);
        assert_eq!(authenticate(&all(), Some(b"5")), Ok(vec![id("key", "")]));
        assert_eq!(authenticate(&all(), Some(b"7")), Err(Code::AuthFailed));
        assert_eq!(authenticate(&all(), None), Ok(vec![id("key", "")]));
        assert_eq!(authenticate(&Authority::default(), None), Err(Code::AuthFailed));
    }
}
