//! PKCS#12: key stores and trust stores.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_net::tls::secret::Secret;
use paddock_net::tls::stores::pkcs12;

fuzz_target!(|data: &[u8]| {
    match pkcs12::read(data, &Secret::new(b"paddock-test".to_vec())) {
        Ok(contents) => assert!(contents.keys.iter().all(|entry| entry.chain.len() <= 32)),
        Err(error) => assert!(error.to_string().len() < 1000),
    }
});
