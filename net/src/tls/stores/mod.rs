//! Key stores and trust stores: who a listener is, and whom it trusts. From bytes and a password; files are read in
//! [`super::context`].
//!
//! Java reads JKS and PKCS#12 under either name, by what the file begins with, and so must we: since version 9 its keytool
//! writes PKCS#12 whatever the file is called.

pub mod bounds;
pub mod contents;
pub mod ec_key;
pub mod encryption;
pub mod jks;
pub mod pem;
pub mod pkcs12;
pub mod private_key;
pub mod store_error;

use rustls::pki_types::CertificateDer;

pub use self::bounds::STORE_MAX;
pub use self::contents::{Contents, KeyEntry};
pub use self::private_key::{KeyEncoding, PrivateKey};
pub use self::store_error::StoreError;

use super::certificate::Certificate;
use super::secret::Secret;
use super::settings::StoreKind;

/// The keys of a store; at least one.
#[derive(Clone, Debug)]
pub struct KeyStore {
    pub entries: Vec<KeyEntry>,
}

/// The certificates that are trusted; at least one.
#[derive(Clone, Debug)]
pub struct TrustStore {
    pub certificates: Vec<CertificateDer<'static>>,
}

impl KeyStore {
    /// Reads the keys of a store.
    ///
    /// # Errors
    /// What is wrong with the store or its password.
    pub fn read(kind: StoreKind, bytes: &[u8], password: &Secret) -> Result<KeyStore, StoreError> {
        let entries = match Format::of(kind, bytes) {
            Format::Pem => pem::read_keys(bytes, password)?,
            Format::Pkcs12 => pkcs12::read(bytes, password)?.keys,
            Format::Jks => jks::read(bytes, password)?.keys,
        };
        if entries.is_empty() {
            return Err(StoreError::NoKey);
        }
        for entry in &entries {
            check(&entry.chain)?;
        }
        Ok(KeyStore { entries })
    }
}

impl TrustStore {
    /// Reads the trusted certificates of a store.
    ///
    /// # Errors
    /// What is wrong with the store or its password.
    pub fn read(kind: StoreKind, bytes: &[u8], password: &Secret) -> Result<TrustStore, StoreError> {
        let certificates = match Format::of(kind, bytes) {
            Format::Pem => pem::read_certificates(bytes)?,
            Format::Pkcs12 => pkcs12::read(bytes, password)?.certificates,
            Format::Jks => jks::read(bytes, password)?.certificates,
        };
        if certificates.is_empty() {
            return Err(StoreError::NoCertificate);
        }
        check(&certificates)?;
        Ok(TrustStore { certificates })
    }
}

fn check(certificates: &[CertificateDer<'static>]) -> Result<(), StoreError> {
    if certificates.iter().all(|certificate| Certificate::read(certificate).is_ok()) {
        Ok(())
    } else {
        Err(StoreError::BadCertificate)
    }
}

enum Format {
    Pem,
    Pkcs12,
    Jks,
}

impl Format {
    fn of(kind: StoreKind, bytes: &[u8]) -> Format {
        match kind {
            StoreKind::Pem => Format::Pem,
            StoreKind::Pkcs12 | StoreKind::Jks if jks::is_one(bytes) => Format::Jks,
            StoreKind::Pkcs12 | StoreKind::Jks => Format::Pkcs12,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use rustls::crypto::ring::sign::any_supported_type;

    use super::{KeyStore, StoreError, TrustStore, ec_key};
    use crate::tls::certificate::Certificate;
    use crate::tls::distinguished_name::of_certificate;
    use crate::tls::secret::Secret;
    use crate::tls::settings::StoreKind;

    const PASSWORD: &str = "paddock-test";

    fn path(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls/stores/testdata").join(name)
    }

    fn secret(password: &str) -> Secret {
        Secret::new(password.as_bytes().to_vec())
    }

    fn keys(name: &str, password: &str) -> Result<KeyStore, StoreError> {
        let path = path(name);
        KeyStore::read(StoreKind::of_suffix(&path).unwrap(), &std::fs::read(&path).unwrap(), &secret(password))
    }

    fn trusted(name: &str, password: &str) -> Result<Vec<String>, StoreError> {
        let path = path(name);
        let store =
            TrustStore::read(StoreKind::of_suffix(&path).unwrap(), &std::fs::read(&path).unwrap(), &secret(password))?;
        Ok(store.certificates.iter().map(|certificate| of_certificate(certificate).unwrap()).collect())
    }

    #[test]
    fn keys_with_their_chains() {
        for (name, password) in [
            ("pkcs8.pem", ""),
            ("sec1.pem", ""),
            ("pkcs8-aes.pem", PASSWORD),
            ("pkcs8-des3.pem", PASSWORD),
            ("pkcs8-pbe1.pem", PASSWORD),
            ("openssl3.p12", PASSWORD),
            ("openssl1.p12", PASSWORD),
            ("empty-password.p12", ""),
            ("java17.p12", PASSWORD),
            ("java8.p12", PASSWORD),
            ("java.jks", PASSWORD),
        ] {
            let store = keys(name, password).unwrap_or_else(|error| panic!("{name} {error}"));
            let [entry] = &store.entries[..] else { panic!("{name} has {} keys", store.entries.len()) };
            let names: Vec<_> = entry.chain.iter().map(|certificate| of_certificate(certificate).unwrap()).collect();
            assert_eq!(
                names,
                ["CN=zk1.example.org,O=Paddock tests,C=XX", "CN=Test middle,O=Paddock tests,C=XX"],
                "{name}"
            );
            let key = any_supported_type(&entry.key.der()).unwrap_or_else(|error| panic!("{name} {error}"));
            let public = Certificate::read(&entry.chain[0]).unwrap().public_key_info;
            assert_eq!(key.public_key().unwrap().as_ref(), public, "{name}");
        }
    }

    #[test]
    fn other_keys() {
        for (name, password, chain) in [
            ("pkcs1.pem", "", 1),
            ("pbmac1.p12", PASSWORD, 1),
            ("openssl-nomac.p12", PASSWORD, 1),
            ("self-signed.p12", PASSWORD, 1),
        ] {
            let store = keys(name, password).unwrap_or_else(|error| panic!("{name} {error}"));
            assert_eq!(store.entries[0].chain.len(), chain, "{name}");
            let entry = &store.entries[0];
            let key = ec_key::completed(&entry.key, &Certificate::read(&entry.chain[0]).unwrap());
            any_supported_type(&key.der()).unwrap_or_else(|error| panic!("{name} {error}"));
        }
        assert!(any_supported_type(&keys("dsa.p12", PASSWORD).unwrap().entries[0].key.der()).is_err());
    }

    #[test]
    fn what_is_trusted() {
        for (name, password) in [
            ("root.pem", ""),
            ("root.pem", "any"),
            ("trust17.p12", PASSWORD),
            ("trust8.p12", PASSWORD),
            ("trust.jks", PASSWORD),
        ] {
            assert_eq!(
                trusted(name, password).as_deref(),
                Ok(&["CN=Test root,O=Paddock tests,C=XX".into()][..]),
                "{name}"
            );
        }
        assert_eq!(trusted("server-chain.pem", "").unwrap().len(), 2);
    }

    /// Java's PKIX finds nothing in them that is trusted, and ZooKeeper does not start with them.
    #[test]
    fn certificates_that_are_not_marked_are_not_trusted() {
        for name in ["openssl-unmarked.p12", "java17.p12", "java.jks", "openssl3.p12"] {
            assert_eq!(trusted(name, PASSWORD), Err(StoreError::NoCertificate), "{name}");
        }
    }

    #[test]
    fn passwords_must_be_right() {
        for name in [
            "openssl3.p12",
            "openssl1.p12",
            "openssl-nomac.p12",
            "pbmac1.p12",
            "java17.p12",
            "java8.p12",
            "java.jks",
            "pkcs8-aes.pem",
        ] {
            assert_eq!(keys(name, "paddock-tesT").map(|_| ()), Err(StoreError::WrongPassword), "{name}");
        }
        for name in ["openssl3.p12", "java17.p12", "java8.p12", "java.jks"] {
            assert_eq!(keys(name, "").map(|_| ()), Err(StoreError::WrongPassword), "{name}");
        }
        for name in ["trust17.p12", "trust8.p12", "trust.jks"] {
            assert_eq!(trusted(name, "changeit").map(|_| ()), Err(StoreError::WrongPassword), "{name}");
        }
        assert_eq!(keys("pkcs8-aes.pem", "").map(|_| ()), Err(StoreError::PasswordMissing));
        assert_eq!(keys("pkcs8.pem", PASSWORD).map(|_| ()), Err(StoreError::KeyNotEncrypted));
        assert_eq!(keys("empty-password.p12", PASSWORD).map(|_| ()), Err(StoreError::WrongPassword));
    }

    #[test]
    fn what_is_refused_says_what_to_do() {
        for (name, password, words) in [
            ("pkcs8-scrypt.pem", PASSWORD, "not known here (1.3.6.1.4.1.11591.4.11)"),
            ("sec1-encrypted.pem", PASSWORD, "openssl pkcs8 -topk8"),
            ("own-password.jks", PASSWORD, "keytool -keypasswd"),
            ("java-ce.jks", PASSWORD, "JCEKS"),
            ("root.pem", "", "no private key"),
            ("trust17.p12", PASSWORD, "no private key"),
            ("root-key.pem", "", "no certificate"),
        ] {
            let error = keys(name, password).unwrap_err().to_string();
            assert!(error.contains(words), "{name} {error}");
        }
    }

    #[test]
    fn files_of_another_kind_are_no_stores() {
        for (kind, bytes) in [
            (StoreKind::Pem, &b"\x30\x82\x01\x02"[..]),
            (StoreKind::Pem, b""),
            (StoreKind::Pem, b"-----BEGIN CERTIFICATE-----\nMIIB"),
            (StoreKind::Pkcs12, b"-----BEGIN CERTIFICATE-----"),
            (StoreKind::Pkcs12, b""),
            (StoreKind::Jks, b"\x30\x03\x02\x01\x03"),
        ] {
            assert!(KeyStore::read(kind, bytes, &secret(PASSWORD)).is_err(), "{kind:?} {bytes:?}");
            assert!(TrustStore::read(kind, bytes, &secret(PASSWORD)).is_err(), "{kind:?} {bytes:?}");
        }
    }

    /// Java reads each of its own formats by either name.
    #[test]
    fn the_beginning_of_a_file_says_which_of_javas_formats_it_is() {
        let (jks, p12) = (std::fs::read(path("java.jks")).unwrap(), std::fs::read(path("java17.p12")).unwrap());
        assert!(KeyStore::read(StoreKind::Pkcs12, &jks, &secret(PASSWORD)).is_ok());
        assert!(KeyStore::read(StoreKind::Jks, &p12, &secret(PASSWORD)).is_ok());
    }

    /// Wherever a store is cut or changed, it is refused, and nothing panics. Stores with a digest notice every change.
    #[test]
    fn damaged_stores_are_refused() {
        for name in ["java.jks", "trust.jks"] {
            let bytes = std::fs::read(path(name)).unwrap();
            for at in 0..bytes.len() {
                assert!(KeyStore::read(StoreKind::Jks, &bytes[..at], &secret(PASSWORD)).is_err(), "{name} cut at {at}");
                let mut changed = bytes.clone();
                changed[at] ^= 0x41;
                assert!(KeyStore::read(StoreKind::Jks, &changed, &secret(PASSWORD)).is_err(), "{name} changed at {at}");
            }
        }
        // Its digest takes its time: here some places must do.
        let bytes = std::fs::read(path("trust17.p12")).unwrap();
        for at in (0..bytes.len()).step_by(37) {
            assert!(TrustStore::read(StoreKind::Pkcs12, &bytes[..at], &secret(PASSWORD)).is_err(), "cut at {at}");
            // The digest does not cover itself, and has a part that says nothing.
            let mut changed = bytes.clone();
            changed[at.min(bytes.len() - 80)] ^= 0x41;
            assert!(TrustStore::read(StoreKind::Pkcs12, &changed, &secret(PASSWORD)).is_err(), "changed at {at}");
        }
        let text = std::fs::read_to_string(path("pkcs8.pem")).unwrap();
        for at in (0..text.len() / 3).step_by(7) {
            let cut = format!("{}{}", &text[..at], &text[at + 5..]);
            let _ = KeyStore::read(StoreKind::Pem, cut.as_bytes(), &secret(""));
        }
    }

    /// How often a password is hashed is for the store to say, up to a bound.
    #[test]
    fn work_is_bounded() {
        let mut bytes = std::fs::read(path("trust17.p12")).unwrap();
        // 10,000, the last number of the file, becomes more than there may be.
        let iterations = bytes.len() - 2;
        assert_eq!(bytes[iterations..], 10_000u16.to_be_bytes());
        bytes[iterations - 1] = 4;
        bytes.extend([0, 0]);
        let grown = |at: usize, bytes: &mut Vec<u8>| bytes[at] += 2;
        // The lengths of the store, and of its digest, which stand before them.
        let outer = u16::from_be_bytes([bytes[2], bytes[3]]) + 2;
        bytes[2..4].copy_from_slice(&outer.to_be_bytes());
        let mac = bytes.windows(2).rposition(|pair| pair == [0x30, 0x4d]).expect("a digest of 77 bytes") + 1;
        grown(mac, &mut bytes);
        bytes[iterations] = 0x7f;
        let read = TrustStore::read(StoreKind::Pkcs12, &bytes, &secret(PASSWORD)).map(|_| ());
        assert_eq!(read, Err(StoreError::TooManyIterations));
    }
}
