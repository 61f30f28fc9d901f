//! PEM: key stores, trust stores and revocation lists as text, with a password and without.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_net::tls::revocation::RevocationLists;
use paddock_net::tls::secret::Secret;
use paddock_net::tls::settings::StoreKind;
use paddock_net::tls::stores::{KeyStore, TrustStore};

fuzz_target!(|data: &[u8]| {
    for password in [Secret::default(), Secret::new(b"paddock-test".to_vec())] {
        match KeyStore::read(StoreKind::Pem, data, &password) {
            Ok(store) => assert!(store.entries.iter().all(|entry| !entry.chain.is_empty())),
            Err(error) => assert!(error.to_string().len() < 1000),
        }
    }
    if let Ok(store) = TrustStore::read(StoreKind::Pem, data, &Secret::default()) {
        assert!(!store.certificates.is_empty());
    }
    let _ = RevocationLists::read(data);
});
