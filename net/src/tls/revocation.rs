//! Lists of certificates that are not valid any more (CRL, RFC 5280, 5): whole ones, each signed by the authority itself.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use rustls::crypto::WebPkiSupportedAlgorithms;

use super::certificate::{Certificate, bits, key_usage, time};
use super::der::{self, BadDer, Reader, Value, tag};
use super::distinguished_name::Comparable;
use super::signature::check_signature;
use super::stores::{StoreError, pem};
use super::untrusted::Untrusted;

/// Keys of which a list remembers whether they have signed it. An authority has one, or two for a while.
const KEYS_MAX: usize = 8;

/// The lists of a file.
#[derive(Debug)]
pub struct RevocationLists {
    lists: HashMap<Comparable, Vec<RevocationList>>,
}

#[derive(Debug)]
struct RevocationList {
    signed: Vec<u8>,
    signature_algorithm: Vec<u8>,
    signature: Vec<u8>,
    this_update: i64,
    next_update: Option<i64>,
    /// Serial numbers.
    revoked: HashSet<Vec<u8>>,
    /// Whether keys, by their SubjectPublicKeyInfo, have signed it: a list can be long, and nobody hashes it for each
    /// connection.
    signers: Mutex<Vec<(Vec<u8>, bool)>>,
}

impl RevocationLists {
    /// Reads lists in PEM, any number, or one in DER.
    ///
    /// # Errors
    /// What cannot be read, no list at all, and lists that tell of a part of an authority's certificates only.
    pub fn read(bytes: &[u8]) -> Result<RevocationLists, StoreError> {
        let sections = match bytes.first() {
            Some(&tag::SEQUENCE) => vec![bytes.to_vec()],
            _ => pem::read_sections(bytes, "CRL")?,
        };
        if sections.is_empty() {
            return Err(StoreError::Unsupported(
                "holds no revocation list, PEM or DER: give the file that has them".into(),
            ));
        }
        let mut lists: HashMap<Comparable, Vec<RevocationList>> = HashMap::new();
        for section in &sections {
            let (issuer, list) = RevocationList::read(section).map_err(|_| {
                let problem =
                    "holds a revocation list that cannot be read, or that is a part of another: give whole ones";
                StoreError::Unsupported(problem.into())
            })?;
            lists.entry(issuer).or_default().push(list);
        }
        Ok(RevocationLists { lists })
    }

    /// Whether a certificate, signed by `issuer`, is in none of its lists. At least one must be valid now.
    ///
    /// # Errors
    /// That it is revoked, or that nobody knows.
    pub fn check(
        &self,
        certificate: &Certificate<'_>,
        issuer: &Certificate<'_>,
        now: i64,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), Untrusted> {
        let name = Comparable::of_name(certificate.issuer)?;
        let mut is_known = false;
        for list in self.lists.get(&name).into_iter().flatten() {
            if !list.is_signed_by(issuer, algorithms) {
                continue;
            }
            // A list that has expired still tells the truth about those that are in it.
            if list.revoked.contains(certificate.serial) {
                return Err(Untrusted::Revoked);
            }
            is_known |= list.this_update <= now && list.next_update.is_none_or(|next| now <= next);
        }
        if is_known { Ok(()) } else { Err(Untrusted::RevocationUnknown) }
    }
}

impl RevocationList {
    fn read(bytes: &[u8]) -> Result<(Comparable, RevocationList), BadDer> {
        let mut outer = der::only(bytes, tag::SEQUENCE)?.reader();
        let signed = outer.value(tag::SEQUENCE)?;
        let signature_algorithm = outer.value(tag::SEQUENCE)?.content;
        let signature = bits(outer.value(tag::BIT_STRING)?)?;
        outer.end()?;
        let mut inner = signed.reader();
        inner.optional(tag::INTEGER)?;
        if inner.value(tag::SEQUENCE)?.content != signature_algorithm {
            return Err(BadDer);
        }
        let issuer = Comparable::of_name(inner.value(tag::SEQUENCE)?.whole)?;
        let this_update = time(inner.any()?)?;
        let next_update = match inner.optional(tag::UTC_TIME)? {
            Some(next) => Some(time(next)?),
            None => inner.optional(tag::GENERALIZED_TIME)?.map(time).transpose()?,
        };
        let revoked = inner.optional(tag::SEQUENCE)?.map(serials).transpose()?.unwrap_or_default();
        if let Some(extensions) = inner.optional(tag::CONTEXT_CONSTRUCTED)? {
            refuse_critical(der::only(extensions.content, tag::SEQUENCE)?)?;
        }
        inner.end()?;
        let list = RevocationList {
            signed: signed.whole.to_vec(),
            signature_algorithm: signature_algorithm.to_vec(),
            signature: signature.to_vec(),
            this_update,
            next_update,
            revoked,
            signers: Mutex::default(),
        };
        Ok((issuer, list))
    }

    fn is_signed_by(&self, issuer: &Certificate<'_>, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        if issuer.extensions.key_usage.is_some_and(|usage| usage & key_usage::LIST_SIGN == 0) {
            return false;
        }
        let mut signers = self.signers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, is_signer)) = signers.iter().find(|(key, _)| key == issuer.public_key_info) {
            return *is_signer;
        }
        let checked = check_signature(issuer, &self.signature_algorithm, &self.signed, &self.signature, algorithms);
        if signers.len() == KEYS_MAX {
            signers.remove(0);
        }
        signers.push((issuer.public_key_info.to_vec(), checked.is_ok()));
        checked.is_ok()
    }
}

fn serials(list: Value<'_>) -> Result<HashSet<Vec<u8>>, BadDer> {
    let mut reader = list.reader();
    let mut serials = HashSet::new();
    while !reader.is_empty() {
        let mut entry = reader.sequence()?;
        serials.insert(entry.value(tag::INTEGER)?.content.to_vec());
        time(entry.any()?)?;
        if let Some(extensions) = entry.optional(tag::SEQUENCE)? {
            refuse_critical(extensions)?;
        }
        entry.end()?;
    }
    Ok(serials)
}

/// Critical extensions of lists say that they are parts, or of others than their signer.
fn refuse_critical(extensions: Value<'_>) -> Result<(), BadDer> {
    let mut list: Reader<'_> = extensions.reader();
    while !list.is_empty() {
        let mut entry = list.sequence()?;
        entry.value(tag::OID)?;
        if entry.optional(tag::BOOLEAN)?.is_some_and(|critical| critical.content != [0]) {
            return Err(BadDer);
        }
        entry.value(tag::OCTET_STRING)?;
        entry.end()?;
    }
    Ok(())
}
