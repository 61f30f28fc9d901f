//! PEM: keys and certificates as text, in one file.
//!
//! ZooKeeper takes all certificates of the file in their order, and its first private key. It knows keys in PKCS#8 only; those
//! that OpenSSL wrote by default for long (PKCS#1 and SEC1) are read here too.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::bounds::ENTRIES_MAX;
use super::contents::KeyEntry;
use super::encryption;
use super::private_key::{KeyEncoding, PrivateKey};
use super::store_error::StoreError;
use crate::tls::der::Reader;
use crate::tls::secret::Secret;

/// Letters of a section's name. They have at most some twenty.
const LABEL_MAX: usize = 64;

/// Padded or not, as Java takes it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The key of a file, with all the file's certificates; none if it has no key.
///
/// # Errors
/// What cannot be read, or a password that does not fit.
pub fn read_keys(bytes: &[u8], password: &Secret) -> Result<Vec<KeyEntry>, StoreError> {
    let Some(section) = Sections::new(bytes).find(|section| section.label.ends_with("PRIVATE KEY")) else {
        return if Sections::new(bytes).next().is_some() { Ok(Vec::new()) } else { Err(StoreError::NotAStore("PEM")) };
    };
    let key = read_key(&section, password)?;
    let chain = read_certificates(bytes)?;
    if chain.is_empty() {
        return Err(StoreError::NoCertificate);
    }
    Ok(vec![KeyEntry { chain, key }])
}

/// All certificates of a file.
///
/// # Errors
/// What cannot be read.
pub fn read_certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let mut certificates = Vec::new();
    for section in Sections::new(bytes) {
        if !section.label.ends_with("CERTIFICATE") {
            continue;
        }
        if certificates.len() == ENTRIES_MAX {
            return Err(StoreError::TooMany);
        }
        let decoded = section.decode()?;
        // OpenSSL's TRUSTED CERTIFICATE has more behind it.
        let first = Reader::new(&decoded).any().map_err(|_| StoreError::BadCertificate)?;
        certificates.push(CertificateDer::from(first.whole.to_vec()));
    }
    if certificates.is_empty() && Sections::new(bytes).next().is_none() {
        return Err(StoreError::NotAStore("PEM"));
    }
    Ok(certificates)
}

/// What the sections of a file hold whose name ends with `label`; none where there is no such section.
///
/// # Errors
/// What cannot be read.
pub fn read_sections(bytes: &[u8], label: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let sections = Sections::new(bytes).filter(|section| section.label.ends_with(label)).take(ENTRIES_MAX);
    sections.map(|section| section.decode().map(|decoded| decoded.to_vec())).collect()
}

fn read_key(section: &Section<'_>, password: &Secret) -> Result<PrivateKey, StoreError> {
    if section.body.contains(':') {
        return Err(StoreError::Unsupported(
            "has a key that is encrypted in OpenSSL's former way: convert it with openssl pkcs8 -topk8".into(),
        ));
    }
    let decoded = section.decode()?;
    let encrypted = section.label == "ENCRYPTED PRIVATE KEY";
    match (encrypted, password.is_empty()) {
        (true, true) => return Err(StoreError::PasswordMissing),
        (true, false) => {
            let bytes = encryption::decrypt_key(&decoded, password)?;
            return Ok(PrivateKey { encoding: KeyEncoding::Pkcs8, bytes });
        }
        (false, false) => return Err(StoreError::KeyNotEncrypted),
        (false, true) => {}
    }
    let encoding = match section.label {
        "PRIVATE KEY" => KeyEncoding::Pkcs8,
        "RSA PRIVATE KEY" => KeyEncoding::Pkcs1,
        "EC PRIVATE KEY" => KeyEncoding::Sec1,
        other => {
            let kind = other.trim_end_matches("PRIVATE KEY").trim_end();
            return Err(StoreError::Unsupported(format!(
                "has a key of the kind {kind}, which cannot be used: make one of the kind RSA or EC"
            )));
        }
    };
    Ok(PrivateKey { encoding, bytes: Secret::new(decoded.to_vec()) })
}

/// A part of a file from its BEGIN to its END.
struct Section<'a> {
    label: &'a str,
    body: &'a str,
}

impl Section<'_> {
    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let mut letters = Zeroizing::new(Vec::with_capacity(self.body.len()));
        letters.extend(self.body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        let decoded = BASE64.decode(letters.as_slice()).map_err(|_| StoreError::Damaged("its base64"))?;
        Ok(Zeroizing::new(decoded))
    }
}

/// The sections of a file. What stands between them is anybody's.
struct Sections<'a> {
    rest: &'a str,
}

impl<'a> Sections<'a> {
    fn new(bytes: &'a [u8]) -> Sections<'a> {
        // What is not UTF-8 can be a comment only, and ends what is looked at: base64 is ASCII.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        };
        Sections { rest: text }
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Section<'a>;

    /// A section without an end is none, and neither is one with another name than such a one has: names are told in errors,
    /// and what is in a file is not.
    fn next(&mut self) -> Option<Section<'a>> {
        loop {
            let (_, after) = self.rest.split_once("-----BEGIN ")?;
            self.rest = after;
            let (label, after) = after.split_once("-----")?;
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b' ';
            if label.len() > LABEL_MAX || !label.bytes().all(is_name) {
                continue;
            }
            let (body, after) = after.split_once("-----")?;
            let Some((_, rest)) = after.strip_prefix("END ").and_then(|after| after.split_once("-----")) else {
                continue;
            };
            self.rest = rest;
            return Some(Section { label: label.trim(), body });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Sections, read_keys};
    use crate::tls::secret::Secret;

    #[test]
    fn sections_have_an_end_and_a_short_name() {
        let labels =
            |text: &str| Sections::new(text.as_bytes()).map(|section| section.label.to_string()).collect::<Vec<_>>();
        let whole = "-----BEGIN A B-----\nAAAA\n-----END A B-----\n";
        assert_eq!(labels(&format!("words {whole} words\n{whole}")), ["A B", "A B"]);
        assert_eq!(labels(&format!("-----BEGIN C-----\nAAAA\n{whole}")), ["A B"], "one that does not end");
        assert_eq!(labels(&format!("-----BEGIN C\nAAAA\n{whole}")), ["A B"], "one whose name does not end");
        assert_eq!(labels("-----BEGIN A-----\nAAAA\n-----END A"), [""; 0]);
        assert_eq!(labels(&whole.replace("A B", &"A".repeat(65))), [""; 0]);
        assert_eq!(labels("-----BEGIN -----BEGIN -----BEGIN "), [""; 0]);
    }

    /// What a file holds is not told, whatever it is taken for.
    #[test]
    fn errors_tell_nothing_of_the_file() {
        let text = "-----BEGIN SECRET\nWONDER PRIVATE KEY-----\nAAAA\n-----END SECRET\nWONDER PRIVATE KEY-----\n";
        let error = read_keys(text.as_bytes(), &Secret::default()).unwrap_err().to_string();
        assert!(!error.contains("WONDER"), "{error}");
        let text = "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n";
        let error = read_keys(text.as_bytes(), &Secret::default()).unwrap_err().to_string();
        assert!(error.contains("of the kind DSA"), "{error}");
    }
}
