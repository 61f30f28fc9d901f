//! What can be wrong with a store.

use std::fmt;

use super::bounds::{ENTRIES_MAX, ITERATIONS_MAX, KEYS_MAX};

/// What is wrong with a store, as the end of a sentence that begins with the file's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreError {
    /// It is not written in what was expected.
    NotAStore(&'static str),
    /// It begins well, and then makes no sense.
    Damaged(&'static str),
    WrongPassword,
    PasswordMissing,
    /// A password is set for a key that has none.
    KeyNotEncrypted,
    NoKey,
    NoCertificate,
    BadCertificate,
    TooMany,
    /// So many times would a password be hashed.
    TooManyIterations,
    /// It has something that is not known here: what, and what to do.
    Unsupported(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::NotAStore(kind) => write!(f, "is no {kind} store: set the type that it has, or give another file"),
            StoreError::Damaged(what) => write!(f, "is damaged ({what}): put a good copy in its place"),
            StoreError::WrongPassword => f.write_str("does not open with its password, or was tampered with: set the right one"),
            StoreError::PasswordMissing => f.write_str("is encrypted, and no password is set: set its password or passwordPath"),
            StoreError::KeyNotEncrypted => {
                f.write_str("has a key that is not encrypted, although a password is set: leave the password out, or encrypt the key")
            }
            StoreError::NoKey => f.write_str("holds no private key: give the file that has the key with its certificates"),
            StoreError::NoCertificate => f.write_str(
                "holds no certificate of use: a key needs its own, and what is trusted must be marked so, as keytool -importcert \
                 and openssl pkcs12 -jdktrust do",
            ),
            StoreError::BadCertificate => f.write_str("holds a certificate that cannot be read: export it again"),
            StoreError::TooMany => {
                write!(f, "holds more than {ENTRIES_MAX} certificates or {KEYS_MAX} keys: take those out that are not needed")
            },
            StoreError::TooManyIterations => {
                write!(f, "wants its password hashed more than {ITERATIONS_MAX} times: write it with fewer iterations")
            }
            StoreError::Unsupported(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for StoreError {}
