//! JKS, the key stores of Java up to version 8: entries one behind the other, and a digest over all of them with the password
//! in it. Keys are protected in a way of Sun's own.
//!
//! ```text
//! u32 0xfeedfeed | u32 version, 1 or 2 | u32 entries
//! an entry:    u32 kind | UTF alias | u64 milliseconds since 1970 | what its kind says
//!   kind 1:    u32 length, protected key | u32 certificates, each as in kind 2
//!   kind 2:    in version 2: UTF type, "X.509" | u32 length, certificate in DER
//! at the end:  20 bytes: SHA-1 of the password, "Mighty Aphrodite" and everything before
//! UTF:         u16 length, so many bytes
//! ```
//!
//! Numbers have their highest byte first. Passwords are hashed as UTF-16 with the highest byte first.

use rustls::pki_types::CertificateDer;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::bounds::{ENTRIES_MAX, KEYS_MAX};
use super::contents::{Contents, KeyEntry};
use super::private_key::{KeyEncoding, PrivateKey};
use super::store_error::StoreError;
use crate::tls::der::{self, tag};
use crate::tls::secret::Secret;

/// What such a store begins with.
const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];

/// What stores for other keys too begin with (JCEKS), which ZooKeeper does not read either.
const OTHER_MAGIC: [u8; 4] = [0xce, 0xce, 0xce, 0xce];

/// Whether a file begins like one of these.
pub fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC) || bytes.starts_with(&OTHER_MAGIC)
}

/// Bytes of SHA-1.
const DIGEST: usize = 20;

/// What Sun put between password and store.
const WHITENER: &[u8] = b"Mighty Aphrodite";

/// The algorithm by which keys are protected, 1.3.6.1.4.1.42.2.17.1.1.
const PROTECTION: &[u8] = &[0x2b, 6, 1, 4, 1, 0x2a, 2, 17, 1, 1];

/// Reads a store.
///
/// # Errors
/// A password that is not the store's, which cannot be told from a store that somebody changed; and what makes no sense.
pub fn read(bytes: &[u8], password: &Secret) -> Result<Contents, StoreError> {
    if bytes.starts_with(&OTHER_MAGIC) {
        let problem = "is of the type JCEKS: convert it with keytool -importkeystore -deststoretype PKCS12";
        return Err(StoreError::Unsupported(problem.into()));
    }
    let hashed = utf16(password)?;
    let data = checked(bytes, &hashed)?;
    let mut fields = Fields { rest: data };
    fields.take(MAGIC.len())?;
    let version = fields.number()?;
    if version != 1 && version != 2 {
        return Err(StoreError::Damaged("its version"));
    }
    let entries = fields.count()?;
    let mut contents = Contents::default();
    for _ in 0..entries {
        read_entry(&mut fields, version, &hashed, &mut contents)?;
    }
    if fields.rest.is_empty() { Ok(contents) } else { Err(StoreError::Damaged("its end")) }
}

/// Everything before the digest, which is right.
fn checked<'a>(bytes: &'a [u8], password: &[u8]) -> Result<&'a [u8], StoreError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(StoreError::NotAStore("JKS"));
    }
    let length = bytes.len().checked_sub(DIGEST).ok_or(StoreError::Damaged("its length"))?;
    let (data, digest) = bytes.split_at(length);
    let expected = Sha1::new().chain_update(password).chain_update(WHITENER).chain_update(data).finalize();
    if bool::from(expected.as_slice().ct_eq(digest)) { Ok(data) } else { Err(StoreError::WrongPassword) }
}

fn read_entry(
    fields: &mut Fields<'_>,
    version: u32,
    password: &[u8],
    contents: &mut Contents,
) -> Result<(), StoreError> {
    let kind = fields.number()?;
    fields.text()?;
    fields.take(8)?;
    match kind {
        1 if contents.keys.len() == KEYS_MAX => return Err(StoreError::TooMany),
        1 => {
            let length = fields.number()?;
            let protected = fields.take(length as usize)?;
            let mut chain = Vec::new();
            for _ in 0..fields.count()? {
                chain.push(read_certificate(fields, version)?);
            }
            let bytes = uncover(protected, password)?;
            contents.keys.push(KeyEntry { chain, key: PrivateKey { encoding: KeyEncoding::Pkcs8, bytes } });
        }
        2 => contents.certificates.push(read_certificate(fields, version)?),
        _ => return Err(StoreError::Damaged("the kind of an entry")),
    }
    Ok(())
}

fn read_certificate(fields: &mut Fields<'_>, version: u32) -> Result<CertificateDer<'static>, StoreError> {
    if version == 2 && fields.text()? != b"X.509" {
        return Err(StoreError::BadCertificate);
    }
    let length = fields.number()?;
    Ok(CertificateDer::from(fields.take(length as usize)?.to_vec()))
}

/// The key, PKCS#8, out of its protection: 20 bytes of salt, the key under a stream of digests, and a digest of the key.
fn uncover(protected: &[u8], password: &[u8]) -> Result<Secret, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("a protected key");
    let mut info = der::only(protected, tag::SEQUENCE).map_err(|_| DAMAGED)?.reader();
    let algorithm = info.sequence().and_then(|mut algorithm| algorithm.value(tag::OID)).map_err(|_| DAMAGED)?;
    if algorithm.content != PROTECTION {
        let problem = "has a key that is protected in an unknown way: convert it with keytool -importkeystore";
        return Err(StoreError::Unsupported(problem.into()));
    }
    let covered = info.value(tag::OCTET_STRING).map_err(|_| DAMAGED)?.content;
    let (salt, rest) = covered.split_at_checked(DIGEST).ok_or(DAMAGED)?;
    let length = rest.len().checked_sub(DIGEST).ok_or(DAMAGED)?;
    let (key, digest) = rest.split_at(length);
    let mut plain = Zeroizing::new(Vec::with_capacity(key.len()));
    let mut stream = Sha1::new().chain_update(password).chain_update(salt).finalize();
    for block in key.chunks(DIGEST) {
        plain.extend(block.iter().zip(&stream).map(|(byte, mask)| byte ^ mask));
        stream = Sha1::new().chain_update(password).chain_update(stream).finalize();
    }
    let expected = Sha1::new().chain_update(password).chain_update(plain.as_slice()).finalize();
    // The store opens with the password and the key does not: it has one of its own.
    if !bool::from(expected.as_slice().ct_eq(digest)) {
        let problem = "has a key with a password of its own: give it the store's with keytool -keypasswd";
        return Err(StoreError::Unsupported(problem.into()));
    }
    Ok(Secret::new(std::mem::take(&mut *plain)))
}

/// A password as Java hashes it.
fn utf16(password: &Secret) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let text = std::str::from_utf8(password.bytes()).map_err(|_| StoreError::WrongPassword)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() * 2));
    for unit in text.encode_utf16() {
        bytes.extend(unit.to_be_bytes());
    }
    Ok(bytes)
}

struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(StoreError::Damaged("a length"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, StoreError> {
        let (number, rest) = self.rest.split_first_chunk().ok_or(StoreError::Damaged("a length"))?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*number))
    }

    /// How many things come.
    fn count(&mut self) -> Result<usize, StoreError> {
        match self.number()? as usize {
            count @ 0..=ENTRIES_MAX => Ok(count),
            _ => Err(StoreError::TooMany),
        }
    }

    fn text(&mut self) -> Result<&'a [u8], StoreError> {
        let (length, rest) = self.rest.split_first_chunk().ok_or(StoreError::Damaged("a length"))?;
        self.rest = rest;
        self.take(usize::from(u16::from_be_bytes(*length)))
    }
}
