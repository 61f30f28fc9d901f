//! JKS: key stores and trust stores, whose digest is made right, so that what is behind it is reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_net::tls::secret::Secret;
use paddock_net::tls::stores::jks;
use sha1::{Digest, Sha1};

fuzz_target!(|data: &[u8]| {
    let password = Secret::new(b"a".to_vec());
    let _ = jks::read(data, &password);
    let digest = Sha1::new().chain_update(b"\0a").chain_update(b"Mighty Aphrodite").chain_update(data).finalize();
    match jks::read(&[data, digest.as_slice()].concat(), &password) {
        Ok(contents) => assert!(data.len() > 12 + 8 * (contents.keys.len() + contents.certificates.len()) || contents.keys.is_empty()),
        Err(error) => assert!(error.to_string().len() < 1000),
    }
});
