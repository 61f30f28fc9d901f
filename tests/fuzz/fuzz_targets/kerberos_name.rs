//! Rules of auth_to_local and the names that they are for, and both sides' tokens of DIGEST-MD5.
#![no_main]

use std::collections::HashMap;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use paddock_net::sasl::digest_md5::{Client, Server, Users};
use paddock_net::sasl::kerberos_name::{KerberosName, KerberosNames};
use paddock_net::sasl::{Authorize, Negotiation, Service, Step};
use paddock_net::tls::secret::Secret;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (rules, name) = text.split_once('\0').unwrap_or((&text, "bob/host@REALM"));
    if let Some(parsed) = KerberosName::parse(name) {
        assert_eq!(parsed.to_string(), name);
    }
    if let Ok(names) = KerberosNames::new(rules, "REALM", false, false) {
        drop(names.authorize(name, "super"));
    }
    tokens(data);
});

/// Nobody gets in without the password, and nothing comes after an end.
fn tokens(data: &[u8]) {
    let secret = || Secret::new(b"a password that is in no token".to_vec());
    let names = Arc::new(KerberosNames::new("DEFAULT", "", false, false).expect("rules"));
    let users = Users::new(HashMap::from([("bob".to_owned(), secret())]));
    let mut server = Server::new(Arc::new(users), Service::CLIENTS, names);
    assert!(matches!(server.step(b""), Step::Continue(_)));
    assert!(matches!(server.step(data), Step::Failed(_)));
    assert!(matches!(server.step(b""), Step::Failed(_)));
    let mut client = Client::new("bob".to_owned(), secret(), Service::CLIENTS);
    client.step(b"");
    if let Step::Continue(_) = client.step(data) {
        assert!(matches!(client.step(data), Step::Failed(_)));
    }
}
