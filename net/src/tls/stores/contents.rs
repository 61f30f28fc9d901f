//! What is in a store.

use rustls::pki_types::CertificateDer;

use super::private_key::PrivateKey;

/// What a store of Java's kinds holds.
#[derive(Clone, Default, Debug)]
pub struct Contents {
    pub keys: Vec<KeyEntry>,
    /// Those that the store says are trusted. The certificates of its keys are not among them, as with Java's PKIX.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// A key with its certificates, its own first.
#[derive(Clone, Debug)]
pub struct KeyEntry {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKey,
}
