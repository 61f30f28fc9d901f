//! Signatures: of certificates and lists by their issuers, and of handshakes by peers.

use ring::signature::{self, RsaParameters, UnparsedPublicKey};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{DigitallySignedStruct, Error};

use super::certificate::{Certificate, KeyKind};
use super::untrusted::Untrusted;

/// RSA signatures (PKCS#1 1.5) that Java takes and rustls does not: of keys with 1024 bits and more, and with SHA-1.
static OLD_RSA: [(&[u8], &RsaParameters); 4] = [
    (&RSA_SHA1, &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
    (&RSA_SHA256, &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
    (&RSA_SHA512, &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
    (&RSA_SHA1_OIW, &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
];
const RSA_SHA1: [u8; 13] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0];
const RSA_SHA256: [u8; 13] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0];
const RSA_SHA512: [u8; 13] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13, 5, 0];
const RSA_SHA1_OIW: [u8; 9] = [6, 5, 0x2b, 0x0e, 3, 2, 0x1d, 5, 0];

/// Whether `issuer` has signed `signed`.
///
/// # Errors
/// That it has not, or in a way that is not taken.
pub fn check_signature(
    issuer: &Certificate<'_>,
    algorithm: &[u8],
    signed: &[u8],
    signature: &[u8],
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), Untrusted> {
    if let KeyKind::Rsa(..1024) = issuer.key_kind() {
        return Err(Untrusted::UnusableKey(issuer.key_kind()));
    }
    let old = OLD_RSA.iter().find(|(kind, _)| *kind == algorithm);
    if let (KeyKind::Rsa(_), Some((_, parameters))) = (issuer.key_kind(), old) {
        let key = UnparsedPublicKey::new(*parameters, issuer.public_key);
        return key.verify(signed, signature).map_err(|_| Untrusted::BadSignature);
    }
    let mut why = Untrusted::UnknownAlgorithm;
    for known in algorithms.all {
        if known.signature_alg_id().as_ref() != algorithm
            || known.public_key_alg_id().as_ref() != issuer.public_key_algorithm
        {
            continue;
        }
        match known.verify_signature(issuer.public_key, signed, signature) {
            Ok(()) => return Ok(()),
            Err(_) => why = Untrusted::BadSignature,
        }
    }
    Err(why)
}

/// Whether the peer has signed the handshake with the key of its certificate (TLS 1.2).
///
/// # Errors
/// That it has not.
pub fn check_tls12_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let certificate = Certificate::read(certificate).map_err(Untrusted::from)?;
    let known = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
    for known in known.map_or(&[][..], |(_, known)| known) {
        let fits = known.public_key_alg_id().as_ref() == certificate.public_key_algorithm;
        if fits && known.verify_signature(certificate.public_key, message, signed.signature()).is_ok() {
            return Ok(HandshakeSignatureValid::assertion());
        }
    }
    Err(Untrusted::BadSignature.into())
}

/// The same (TLS 1.3).
///
/// # Errors
/// That it has not.
pub fn check_tls13_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let certificate = Certificate::read(certificate).map_err(Untrusted::from)?;
    let key = SubjectPublicKeyInfoDer::from(certificate.public_key_info);
    verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
}
