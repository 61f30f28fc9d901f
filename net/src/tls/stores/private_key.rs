//! Private keys.

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use crate::tls::secret::Secret;

/// A private key in DER.
#[derive(Clone, Debug)]
pub struct PrivateKey {
    pub encoding: KeyEncoding,
    pub bytes: Secret,
}

/// What a private key is wrapped in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyEncoding {
    /// Of any kind, with a word of which (RFC 5208).
    Pkcs8,
    /// RSA (RFC 8017).
    Pkcs1,
    /// Elliptic curves (RFC 5915).
    Sec1,
}

impl PrivateKey {
    /// The key as rustls takes it; it is not copied.
    pub fn der(&self) -> PrivateKeyDer<'_> {
        match self.encoding {
            KeyEncoding::Pkcs8 => PrivatePkcs8KeyDer::from(self.bytes.bytes()).into(),
            KeyEncoding::Pkcs1 => PrivatePkcs1KeyDer::from(self.bytes.bytes()).into(),
            KeyEncoding::Sec1 => PrivateSec1KeyDer::from(self.bytes.bytes()).into(),
        }
    }
}
