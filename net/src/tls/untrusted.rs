//! Why a peer's certificate is refused, in words and as rustls tells the peer.

use std::fmt;
use std::sync::Arc;

use rustls::{CertificateError, Error, OtherError};

use super::certificate::KeyKind;
use super::der::BadDer;

/// Why a certificate is not trusted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Untrusted {
    Damaged,
    Expired,
    NotYetValid,
    /// Nobody in the trust store has signed it, nor an authority that one of them has signed.
    UnknownIssuer,
    BadSignature,
    /// Signed in a way that is broken or unknown.
    UnknownAlgorithm,
    /// Its key, or an authority's, is too short, or of a kind that cannot be used.
    UnusableKey(KeyKind),
    /// Signed by a certificate that may not sign others.
    NotAnAuthority,
    TooManyAuthorities,
    /// An authority may not sign for such a name.
    ForbiddenName,
    UnknownExtension(String),
    WrongPurpose,
    Revoked,
    /// No list of its issuer is there that is valid now.
    RevocationUnknown,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Untrusted::Damaged => "a certificate cannot be read",
            Untrusted::Expired => "a certificate has expired",
            Untrusted::NotYetValid => "a certificate is not valid yet",
            Untrusted::UnknownIssuer => "nobody in the trust store has signed the certificate",
            Untrusted::BadSignature => "a certificate's signature is wrong",
            Untrusted::UnknownAlgorithm => "a certificate is signed in a way that is broken or not known",
            Untrusted::UnusableKey(kind) => return write!(f, "a certificate has a key that cannot be used ({kind})"),
            Untrusted::NotAnAuthority => "a certificate is signed by one that may not sign others",
            Untrusted::TooManyAuthorities => "too many authorities stand between the certificate and the trust store",
            Untrusted::ForbiddenName => "a certificate has a name that its authority may not sign for",
            Untrusted::UnknownExtension(kind) => {
                return write!(f, "a certificate has a critical extension that is not known ({kind})");
            }
            Untrusted::WrongPurpose => "the certificate is not for this purpose",
            Untrusted::Revoked => "the certificate, or its authority's, is revoked",
            Untrusted::RevocationUnknown => "no valid revocation list is there of a certificate's issuer",
        };
        f.write_str(words)
    }
}

impl std::error::Error for Untrusted {}

impl From<BadDer> for Untrusted {
    fn from(_: BadDer) -> Untrusted {
        Untrusted::Damaged
    }
}

impl From<Untrusted> for Error {
    /// Where rustls has a word of its own, it is that, because it decides on what the peer is told.
    fn from(untrusted: Untrusted) -> Error {
        let error = match &untrusted {
            Untrusted::Damaged => CertificateError::BadEncoding,
            Untrusted::Expired => CertificateError::Expired,
            Untrusted::NotYetValid => CertificateError::NotValidYet,
            Untrusted::UnknownIssuer => CertificateError::UnknownIssuer,
            Untrusted::BadSignature => CertificateError::BadSignature,
            Untrusted::WrongPurpose => CertificateError::InvalidPurpose,
            Untrusted::Revoked => CertificateError::Revoked,
            Untrusted::RevocationUnknown => CertificateError::UnknownRevocationStatus,
            _ => CertificateError::Other(OtherError(Arc::new(untrusted))),
        };
        Error::InvalidCertificate(error)
    }
}

/// Why a handshake failed, in words: rustls prints reasons of ours as they look in Rust.
pub fn words(error: &Error) -> String {
    let Error::InvalidCertificate(why) = error else { return error.to_string() };
    let untrusted = match why {
        CertificateError::BadEncoding => Untrusted::Damaged,
        CertificateError::Expired => Untrusted::Expired,
        CertificateError::NotValidYet => Untrusted::NotYetValid,
        CertificateError::UnknownIssuer => Untrusted::UnknownIssuer,
        CertificateError::BadSignature => Untrusted::BadSignature,
        CertificateError::InvalidPurpose => Untrusted::WrongPurpose,
        CertificateError::Revoked => Untrusted::Revoked,
        CertificateError::UnknownRevocationStatus => Untrusted::RevocationUnknown,
        CertificateError::Other(OtherError(why)) => return why.to_string(),
        _ => return error.to_string(),
    };
    untrusted.to_string()
}
