//! PKCS#12 (RFC 7292), which Java's keytool writes since version 9, and OpenSSL: bags of keys and certificates, some of them
//! encrypted, under a digest that the password goes into.
//!
//! Which certificates are whose, and which are trusted, is found as Java finds it: a key and its certificate have the same
//! local id, the chain goes on by the names of issuers, and what a trust store trusts is marked by an attribute of Oracle's.

use rustls::pki_types::CertificateDer;
use subtle::ConstantTimeEq;

use super::bounds::{ENTRIES_MAX, KEYS_MAX};
use super::contents::{Contents, KeyEntry};
use super::encryption::{self, DeriveFor, Hash, Work};
use super::private_key::{KeyEncoding, PrivateKey};
use super::store_error::StoreError;
use crate::tls::certificate::Certificate;
use crate::tls::der::{self, BadDer, Reader, Value, tag};
use crate::tls::distinguished_name::Comparable;
use crate::tls::secret::Secret;

/// Certificates of a chain, above which none is followed.
const CHAIN_MAX: usize = 32;

/// Object identifiers of what a store is made of.
mod oid {
    pub const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    pub const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 6];
    pub const KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 1];
    pub const SHROUDED_KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 2];
    pub const CERTIFICATE_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 3];
    pub const X509: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 22, 1];
    pub const LOCAL_KEY_ID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 21];
    pub const TRUSTED_KEY_USAGE: &[u8] = &[0x60, 0x86, 0x48, 1, 0x86, 0xf9, 0x66, 0xad, 0xca, 0x7b, 1, 1];
    pub const PBMAC1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 14];
}

/// Reads a store.
///
/// # Errors
/// A wrong password, something that is encrypted in a way that is not known, and what makes no sense.
pub fn read(bytes: &[u8], password: &Secret) -> Result<Contents, StoreError> {
    let mut work = Work::default();
    let safe = authenticated_safe(bytes, password, &mut work)?;
    let mut bags = Bags::default();
    let mut list = der::only(safe, tag::SEQUENCE).map_err(|_| DAMAGED)?.reader();
    while !list.is_empty() {
        let part = list.value(tag::SEQUENCE).map_err(|_| DAMAGED)?;
        match SafeContents::read(part).map_err(|_| DAMAGED)? {
            SafeContents::Plain(content) => bags.read(content, password, &mut work)?,
            SafeContents::Encrypted { algorithm, content } => {
                let plain = encryption::decrypt(algorithm, content, password, &mut work)?;
                bags.read(&plain, password, &mut work)?;
            }
            SafeContents::Unknown => {}
        }
    }
    Ok(bags.contents())
}

const DAMAGED: StoreError = StoreError::Damaged("its structure");

/// What the store protects, once its digest is found right. A store may have none.
fn authenticated_safe<'a>(bytes: &'a [u8], password: &Secret, work: &mut Work) -> Result<&'a [u8], StoreError> {
    const NO_STORE: StoreError = StoreError::NotAStore("PKCS#12 or JKS");
    let mut outer = Reader::new(bytes).sequence().map_err(|_| NO_STORE)?;
    if outer.value(tag::INTEGER).and_then(|version| version.number()) != Ok(3) {
        return Err(NO_STORE);
    }
    let safe = outer.value(tag::SEQUENCE).and_then(SafeContents::read).map_err(|_| DAMAGED)?;
    let SafeContents::Plain(safe) = safe else {
        return Err(StoreError::Unsupported(
            "is signed by a key and not by a password, which Java does not read either".into(),
        ));
    };
    if let Some(mac) = outer.optional(tag::SEQUENCE).map_err(|_| DAMAGED)? {
        check_mac(mac, safe, password, work)?;
    }
    Ok(safe)
}

fn check_mac(mac: Value<'_>, safe: &[u8], password: &Secret, work: &mut Work) -> Result<(), StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("its digest");
    let mut mac = mac.reader();
    let mut info = mac.sequence().map_err(|_| DAMAGED)?;
    let mut algorithm = info.sequence().map_err(|_| DAMAGED)?;
    let expected = info.value(tag::OCTET_STRING).map_err(|_| DAMAGED)?.content;
    let kind = algorithm.value(tag::OID).map_err(|_| DAMAGED)?.content;
    if kind == oid::PBMAC1 {
        return check_pbmac1(&mut algorithm, expected, safe, password, work);
    }
    let Some(hash) = Hash::of_digest(kind) else {
        let kind = der::dotted(kind).unwrap_or_default();
        let problem =
            format!("has a digest of a kind that is not known here ({kind}): write it anew with keytool or openssl");
        return Err(StoreError::Unsupported(problem));
    };
    let salt = encryption::salt(&mut mac)?;
    let iterations = if mac.is_empty() { 1 } else { encryption::iterations(&mut mac)? };
    for password in encryption::passwords(password)? {
        work.spend(iterations)?;
        let key = encryption::derive(hash, &password, salt, iterations, DeriveFor::Mac, hash.length());
        if bool::from(hash.hmac(&key, safe).as_slice().ct_eq(expected)) {
            return Ok(());
        }
    }
    Err(StoreError::WrongPassword)
}

/// A digest by a key that PBKDF2 makes (RFC 9579).
fn check_pbmac1(
    algorithm: &mut Reader<'_>,
    expected: &[u8],
    safe: &[u8],
    password: &Secret,
    work: &mut Work,
) -> Result<(), StoreError> {
    let read = |algorithm: &mut Reader<'_>| -> Result<(Vec<u8>, Option<Hash>), BadDer> {
        let mut parameters = algorithm.sequence()?;
        let derivation = parameters.value(tag::SEQUENCE)?.content;
        let scheme = parameters.sequence()?.value(tag::OID)?.content;
        Ok((derivation.to_vec(), Hash::of_hmac(scheme)))
    };
    let (derivation, hash) = read(algorithm).map_err(|_| StoreError::Damaged("its digest"))?;
    let hash = hash.ok_or(StoreError::Damaged("its digest"))?;
    let key = encryption::pbkdf2_by(&derivation, password, hash.length(), work)?;
    let is_right = bool::from(hash.hmac(&key, safe).as_slice().ct_eq(expected));
    if is_right { Ok(()) } else { Err(StoreError::WrongPassword) }
}

/// A part of a store.
enum SafeContents<'a> {
    Plain(&'a [u8]),
    Encrypted { algorithm: &'a [u8], content: &'a [u8] },
    Unknown,
}

impl<'a> SafeContents<'a> {
    /// Of a ContentInfo.
    fn read(info: Value<'a>) -> Result<SafeContents<'a>, BadDer> {
        let mut info = info.reader();
        let kind = info.value(tag::OID)?.content;
        let content = info.value(tag::CONTEXT_CONSTRUCTED)?.content;
        info.end()?;
        match kind {
            oid::DATA => Ok(SafeContents::Plain(der::only(content, tag::OCTET_STRING)?.content)),
            oid::ENCRYPTED_DATA => {
                let mut data = der::only(content, tag::SEQUENCE)?.reader();
                data.value(tag::INTEGER)?;
                let mut encrypted = data.sequence()?;
                encrypted.value(tag::OID)?;
                let algorithm = encrypted.value(tag::SEQUENCE)?.content;
                let content = encrypted.value(tag::CONTEXT)?.content;
                Ok(SafeContents::Encrypted { algorithm, content })
            }
            _ => Ok(SafeContents::Unknown),
        }
    }
}

/// The bags of a store that are of interest.
#[derive(Default)]
struct Bags {
    keys: Vec<(Option<Vec<u8>>, Secret)>,
    certificates: Vec<CertificateBag>,
}

struct CertificateBag {
    local_id: Option<Vec<u8>>,
    is_trusted: bool,
    certificate: CertificateDer<'static>,
}

/// What a bag's attributes say.
#[derive(Default)]
struct Attributes {
    local_id: Option<Vec<u8>>,
    is_trusted: bool,
}

impl Bags {
    fn read(&mut self, contents: &[u8], password: &Secret, work: &mut Work) -> Result<(), StoreError> {
        let mut list = der::only(contents, tag::SEQUENCE).map_err(|_| DAMAGED)?.reader();
        while !list.is_empty() {
            if self.certificates.len() == ENTRIES_MAX || self.keys.len() == KEYS_MAX {
                return Err(StoreError::TooMany);
            }
            let mut bag = list.sequence().map_err(|_| DAMAGED)?;
            let kind = bag.value(tag::OID).map_err(|_| DAMAGED)?.content;
            let value = bag.value(tag::CONTEXT_CONSTRUCTED).map_err(|_| DAMAGED)?.content;
            let attributes = Attributes::read(&mut bag).map_err(|_| DAMAGED)?;
            match kind {
                oid::KEY_BAG => self.keys.push((attributes.local_id, Secret::new(value.to_vec()))),
                oid::SHROUDED_KEY_BAG => {
                    let key = encryption::decrypt_key_info(value, password, work)?;
                    self.keys.push((attributes.local_id, key));
                }
                oid::CERTIFICATE_BAG => {
                    if let Some(certificate) = read_certificate(value).map_err(|_| DAMAGED)? {
                        let Attributes { local_id, is_trusted } = attributes;
                        self.certificates.push(CertificateBag { local_id, is_trusted, certificate });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The keys with their chains, and what is trusted.
    fn contents(self) -> Contents {
        let is_only_key = self.keys.len() == 1;
        let subjects: Vec<_> = self.certificates.iter().map(|bag| names(&bag.certificate)).collect();
        let chain = |id: &Option<Vec<u8>>| {
            let by_id = id.as_ref().and_then(|_| self.certificates.iter().position(|bag| bag.local_id == *id));
            // Some programs write no ids where there is one key.
            let alone = (is_only_key && !self.certificates.is_empty()).then_some(0);
            by_id.or(alone).map_or_else(Vec::new, |first| self.chain(first, &subjects))
        };
        let keys = self.keys.iter().map(|(id, key)| KeyEntry {
            chain: chain(id),
            key: PrivateKey { encoding: KeyEncoding::Pkcs8, bytes: key.clone() },
        });
        let trusted = self.certificates.iter().filter(|bag| bag.is_trusted).map(|bag| bag.certificate.clone());
        Contents { keys: keys.collect(), certificates: trusted.collect() }
    }

    /// A certificate with that of its issuer, and so on.
    fn chain(&self, first: usize, names: &[Option<(Comparable, Comparable)>]) -> Vec<CertificateDer<'static>> {
        let mut chain = Vec::new();
        let mut next = Some(first);
        while let Some(index) = next.filter(|_| chain.len() < CHAIN_MAX) {
            chain.push(self.certificates[index].certificate.clone());
            next = names[index].as_ref().filter(|(subject, issuer)| subject != issuer).and_then(|(_, issuer)| {
                names.iter().position(|other| other.as_ref().is_some_and(|(subject, _)| subject == issuer))
            });
        }
        chain
    }
}

/// Subject and issuer.
fn names(certificate: &[u8]) -> Option<(Comparable, Comparable)> {
    let read = Certificate::read(certificate).ok()?;
    Some((Comparable::of_name(read.subject).ok()?, Comparable::of_name(read.issuer).ok()?))
}

/// `None` for a certificate of another kind than X.509.
fn read_certificate(value: &[u8]) -> Result<Option<CertificateDer<'static>>, BadDer> {
    let mut bag = der::only(value, tag::SEQUENCE)?.reader();
    if bag.value(tag::OID)?.content != oid::X509 {
        return Ok(None);
    }
    let wrapped = bag.value(tag::CONTEXT_CONSTRUCTED)?.content;
    Ok(Some(CertificateDer::from(der::only(wrapped, tag::OCTET_STRING)?.content.to_vec())))
}

impl Attributes {
    fn read(bag: &mut Reader<'_>) -> Result<Attributes, BadDer> {
        let mut attributes = Attributes::default();
        let Some(set) = bag.optional(tag::SET)? else { return Ok(attributes) };
        let mut set = set.reader();
        while !set.is_empty() {
            let mut attribute = set.sequence()?;
            let kind = attribute.value(tag::OID)?.content;
            let mut values = attribute.value(tag::SET)?.reader();
            match kind {
                oid::LOCAL_KEY_ID => attributes.local_id = Some(values.value(tag::OCTET_STRING)?.content.to_vec()),
                oid::TRUSTED_KEY_USAGE => attributes.is_trusted = true,
                _ => {}
            }
        }
        Ok(attributes)
    }
}
