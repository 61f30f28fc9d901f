//! Private keys of elliptic curves (RFC 5915), with the public key in them or without.

use zeroize::Zeroizing;

use super::private_key::{KeyEncoding, PrivateKey};
use crate::tls::certificate::{Certificate, KeyKind};
use crate::tls::der::{self, BadDer, Reader, tag};
use crate::tls::secret::Secret;

/// The key with the public half of its certificate added, if it is of an elliptic curve: Java leaves that half out, and rustls
/// wants it. Other keys stay as they are. Whether the halves are of one key is found when it is used.
pub fn completed(key: &PrivateKey, certificate: &Certificate<'_>) -> PrivateKey {
    match (certificate.key_kind(), key.encoding) {
        (KeyKind::Ec(bits), KeyEncoding::Pkcs8 | KeyEncoding::Sec1) => {
            with_public_key(key, bits, certificate).unwrap_or_else(|_| key.clone())
        }
        _ => key.clone(),
    }
}

/// The key in PKCS#8; an error if it is not of the curve with so many bits.
fn with_public_key(key: &PrivateKey, bits: usize, certificate: &Certificate<'_>) -> Result<PrivateKey, BadDer> {
    let inner = match key.encoding {
        KeyEncoding::Pkcs8 => {
            let mut outer = Reader::new(key.bytes.bytes()).sequence()?;
            outer.value(tag::INTEGER)?;
            outer.value(tag::SEQUENCE)?;
            outer.value(tag::OCTET_STRING)?.content
        }
        _ => key.bytes.bytes(),
    };
    let mut fields = der::only(inner, tag::SEQUENCE)?.reader();
    fields.value(tag::INTEGER)?;
    let number = number(fields.value(tag::OCTET_STRING)?.content, bits.div_ceil(8))?;

    let mut private = Zeroizing::new(Vec::with_capacity(ROOM));
    der::write(tag::INTEGER, &[1], &mut private);
    der::write(tag::OCTET_STRING, &number, &mut private);
    let mut public = vec![0];
    public.extend_from_slice(certificate.public_key);
    let mut public_bits = Vec::new();
    der::write(tag::BIT_STRING, &public, &mut public_bits);
    der::write(tag::CONTEXT_CONSTRUCTED + 1, &public_bits, &mut private);

    let mut sequence = Zeroizing::new(Vec::with_capacity(ROOM));
    der::write(tag::SEQUENCE, &private, &mut sequence);
    let mut fields = Zeroizing::new(Vec::with_capacity(ROOM));
    der::write(tag::INTEGER, &[0], &mut fields);
    der::write(tag::SEQUENCE, certificate.public_key_algorithm, &mut fields);
    der::write(tag::OCTET_STRING, &sequence, &mut fields);
    let mut whole = Vec::with_capacity(ROOM);
    der::write(tag::SEQUENCE, &fields, &mut whole);
    Ok(PrivateKey { encoding: KeyEncoding::Pkcs8, bytes: Secret::new(whole) })
}

/// Bytes that suffice for all of a key of 384 bits, so that nothing of it is left behind where a vector has grown.
const ROOM: usize = 512;

/// The private number, of as many bytes as the curve has.
fn number(bytes: &[u8], length: usize) -> Result<Zeroizing<Vec<u8>>, BadDer> {
    let zeros = bytes.len().saturating_sub(length);
    let (lead, digits) = bytes.split_at(zeros);
    if lead.iter().any(|byte| *byte != 0) {
        return Err(BadDer);
    }
    let mut number = Zeroizing::new(vec![0; length]);
    number[length - digits.len()..].copy_from_slice(digits);
    Ok(number)
}
