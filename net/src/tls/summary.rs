//! What is told of a certificate to people who look after it.

use super::certificate::{Certificate, KeyKind};
use super::distinguished_name;

/// What is told of a certificate to people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// As Java writes them: [`distinguished_name`]; empty if they cannot be read.
    pub subject: String,
    pub issuer: String,
    /// First and last second in which it is valid, since 1970.
    pub not_before: i64,
    pub not_after: i64,
    pub key: KeyKind,
}

impl Summary {
    pub fn of(certificate: &Certificate<'_>) -> Summary {
        Summary {
            subject: distinguished_name::of_name(certificate.subject).unwrap_or_default(),
            issuer: distinguished_name::of_name(certificate.issuer).unwrap_or_default(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            key: certificate.key_kind(),
        }
    }
}
