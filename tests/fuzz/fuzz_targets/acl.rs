//! ACLs: lists as clients send them, credentials, and who may do what by them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_engine::acl::{Acl, AclTable, Authority, ClaimedEntry, Ensemble, Id, Sasl, X509, perms, read_claimed, write};
use paddock_engine::jute::Reader;

fuzz_target!(|data: &[u8]| {
    let sasl = Sasl { super_users: vec!["root".into()], any_user: Some("staff".into()) };
    let (x509, ensemble) = (Some(X509::default()), Some(Ensemble::new(Some("meadow"))));
    let authority =
        Authority { x509, sasl, sasl_served: true, ensemble, key_served: true, ..Authority::default() };
    let mut reader = Reader::new(data);
    let Ok(claimed) = read_claimed(&mut reader) else { return };
    let rest = reader.rest();
    let mut caller = vec![Id { scheme: "ip".into(), id: "127.0.0.1".into() }];
    let scheme = std::str::from_utf8(rest.get(..6).unwrap_or_default()).unwrap_or_default();
    for scheme in [scheme, "digest", "key"] {
        caller.extend(authority.authenticate(scheme, rest.get(6..), &[], || rest.get(..6)).into_iter().flatten());
    }
    let mut table = AclTable::default();
    // Subjects of certificates and names of SASL are such as a list may name.
    let named = authority.of_sasl(scheme).into_iter().chain(authority.of_certificate(scheme));
    caller.extend(named.filter(|id| can_be_named(&authority, id, &mut table)));
    let Ok(acl) = authority.fix_up(&claimed, &caller, &mut table) else { return };
    let granted = claimed.iter().fold(0, |granted, entry| granted | entry.perms);
    for asked in [perms::READ, perms::WRITE, perms::CREATE, perms::DELETE, perms::ADMIN] {
        if authority.permits(&acl, asked, &caller) {
            assert!(granted & asked != 0, "a permission that no entry grants");
        }
    }
    // A list as it is stored can be set again. What `auth` stands for may double an entry, which goes then; nothing more.
    let again = fixed_again(&authority, &acl, &caller, &mut table);
    let third = fixed_again(&authority, &again, &caller, &mut table);
    assert_eq!(bytes_of(&again), bytes_of(&third), "fixing a fixed list changes it");
});

fn can_be_named(authority: &Authority, id: &Id, table: &mut AclTable) -> bool {
    let entry = ClaimedEntry { perms: perms::READ, scheme: Some(id.scheme.clone()), id: Some(id.id.clone()) };
    authority.fix_up(&[entry], &[], table).is_ok()
}

fn bytes_of(acl: &Acl) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(acl, &mut bytes);
    bytes
}

fn fixed_again(authority: &Authority, acl: &Acl, caller: &[Id], table: &mut AclTable) -> Acl {
    let claimed = read_claimed(&mut Reader::new(&bytes_of(acl))).expect("what was written can be read");
    authority.fix_up(&claimed, caller, table).expect("a fixed list is valid")
}
