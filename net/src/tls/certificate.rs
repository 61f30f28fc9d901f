//! A certificate (RFC 5280), taken apart. What it says is judged in [`super::verification`].

use std::fmt;

use super::der::{self, BadDer, Reader, Value, tag};

/// Bytes of a certificate, above which none is looked at.
pub const CERTIFICATE_MAX: usize = 256 * 1024;

/// Extensions of a certificate, above which none is looked at.
const EXTENSIONS_MAX: usize = 64;

/// Names, or purposes, in one of them, above which none is looked at.
const ENTRIES_MAX: usize = 4096;

/// Object identifiers of what certificates say.
mod oid {
    pub const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
    pub const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 17];
    pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
    pub const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
    pub const POLICIES: &[u8] = &[0x55, 0x1d, 32];
    pub const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
    pub const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    pub const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
    pub const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    pub const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];
    pub const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    pub const P384: &[u8] = &[0x2b, 0x81, 4, 0, 34];
    pub const P521: &[u8] = &[0x2b, 0x81, 4, 0, 35];
    pub const ED25519: &[u8] = &[0x2b, 101, 112];
}

/// A certificate, as views of its bytes.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    /// All of it.
    pub whole: &'a [u8],
    /// What is signed.
    pub signed: &'a [u8],
    /// 1 to 3.
    pub version: u8,
    /// The digits of its serial number.
    pub serial: &'a [u8],
    /// The content of the AlgorithmIdentifier that it is signed by.
    pub signature_algorithm: &'a [u8],
    pub signature: &'a [u8],
    /// Issuer and subject: each a Name, whole.
    pub issuer: &'a [u8],
    pub subject: &'a [u8],
    /// First and last second in which it is valid, since 1970.
    pub not_before: i64,
    pub not_after: i64,
    /// SubjectPublicKeyInfo: whole, and what it is made of.
    pub public_key_info: &'a [u8],
    pub public_key_algorithm: &'a [u8],
    pub public_key: &'a [u8],
    pub extensions: Extensions<'a>,
}

/// What the extensions say that we know.
#[derive(Clone, Default, Debug)]
pub struct Extensions<'a> {
    pub basic_constraints: Option<BasicConstraints>,
    /// The bits of its KeyUsage, the first of them the highest of sixteen.
    pub key_usage: Option<u16>,
    /// Object identifiers.
    pub extended_key_usage: Option<Vec<&'a [u8]>>,
    /// GeneralNames, each with its own tag.
    pub alternative_names: Vec<Value<'a>>,
    /// The content of NameConstraints.
    pub name_constraints: Option<&'a [u8]>,
    /// An extension that must be understood and is not: its object identifier.
    pub unknown_critical: Option<&'a [u8]>,
}

/// Whether the subject may sign certificates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BasicConstraints {
    pub is_authority: bool,
    /// Authorities that may stand between it and the last certificate.
    pub path_length: Option<u64>,
}

/// Bits of [`Extensions::key_usage`].
pub mod key_usage {
    pub const DIGITAL_SIGNATURE: u16 = 0x8000;
    pub const CERTIFICATE_SIGN: u16 = 0x0400;
    pub const LIST_SIGN: u16 = 0x0200;
}

/// Tags of GeneralName.
pub mod general_name {
    pub const MAIL: u8 = 0x81;
    pub const DNS: u8 = 0x82;
    pub const DIRECTORY: u8 = 0xa4;
    pub const URI: u8 = 0x86;
    pub const ADDRESS: u8 = 0x87;
}

impl<'a> Certificate<'a> {
    /// Takes a certificate apart.
    ///
    /// # Errors
    /// Anything but one certificate and nothing behind it.
    pub fn read(bytes: &'a [u8]) -> Result<Certificate<'a>, BadDer> {
        if bytes.len() > CERTIFICATE_MAX {
            return Err(BadDer);
        }
        let whole = der::only(bytes, tag::SEQUENCE)?;
        let mut outer = whole.reader();
        let signed = outer.value(tag::SEQUENCE)?;
        let outer_algorithm = outer.value(tag::SEQUENCE)?.content;
        let signature = bits(outer.value(tag::BIT_STRING)?)?;
        outer.end()?;

        let mut inner = signed.reader();
        let version = version(&mut inner)?;
        let serial = inner.value(tag::INTEGER)?.content;
        let signature_algorithm = inner.value(tag::SEQUENCE)?.content;
        if outer_algorithm != signature_algorithm {
            return Err(BadDer);
        }
        let issuer = inner.value(tag::SEQUENCE)?.whole;
        let mut validity = inner.sequence()?;
        let (not_before, not_after) = (time(validity.any()?)?, time(validity.any()?)?);
        let subject = inner.value(tag::SEQUENCE)?.whole;
        let key_info = inner.value(tag::SEQUENCE)?;
        let mut key = key_info.reader();
        let public_key_algorithm = key.value(tag::SEQUENCE)?.content;
        let public_key = bits(key.value(tag::BIT_STRING)?)?;
        inner.optional(tag::CONTEXT + 1)?;
        inner.optional(tag::CONTEXT + 2)?;
        let extensions = match inner.optional(tag::CONTEXT_CONSTRUCTED + 3)? {
            Some(wrapped) if version == 3 => Extensions::read(wrapped.content)?,
            Some(_) => return Err(BadDer),
            None => Extensions::default(),
        };
        inner.end()?;
        Ok(Certificate {
            whole: whole.whole,
            signed: signed.whole,
            version,
            serial,
            signature_algorithm,
            signature,
            issuer,
            subject,
            not_before,
            not_after,
            public_key_info: key_info.whole,
            public_key_algorithm,
            public_key,
            extensions,
        })
    }

    /// The public key's kind and size.
    pub fn key_kind(&self) -> KeyKind {
        KeyKind::read(self.public_key_algorithm, self.public_key)
    }
}

/// A public key's kind, with its size in bits where there are several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    Rsa(usize),
    Ec(usize),
    Ed25519,
    Dsa,
    Other,
}

impl KeyKind {
    /// Of the content of an AlgorithmIdentifier, and the key.
    fn read(algorithm: &[u8], key: &[u8]) -> KeyKind {
        let mut reader = Reader::new(algorithm);
        let Ok(kind) = reader.value(tag::OID) else { return KeyKind::Other };
        match kind.content {
            oid::RSA | oid::RSA_PSS => rsa_bits(key).map_or(KeyKind::Other, KeyKind::Rsa),
            oid::EC => match reader.value(tag::OID).map(|curve| curve.content) {
                Ok(oid::P256) => KeyKind::Ec(256),
                Ok(oid::P384) => KeyKind::Ec(384),
                Ok(oid::P521) => KeyKind::Ec(521),
                _ => KeyKind::Other,
            },
            oid::ED25519 => KeyKind::Ed25519,
            oid::DSA => KeyKind::Dsa,
            _ => KeyKind::Other,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyKind::Rsa(bits) => write!(f, "RSA of {bits} bits"),
            KeyKind::Ec(bits) => write!(f, "EC of {bits} bits"),
            KeyKind::Ed25519 => f.write_str("Ed25519"),
            KeyKind::Dsa => f.write_str("DSA"),
            KeyKind::Other => f.write_str("of an unknown kind"),
        }
    }
}

/// The bits of an RSA key's modulus.
fn rsa_bits(key: &[u8]) -> Result<usize, BadDer> {
    let modulus = der::only(key, tag::SEQUENCE)?.reader().value(tag::INTEGER)?.content;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros).ok_or(BadDer)?;
    Ok((modulus.len() - zeros) * 8 - first.leading_zeros() as usize)
}

fn version(inner: &mut Reader<'_>) -> Result<u8, BadDer> {
    let Some(wrapped) = inner.optional(tag::CONTEXT_CONSTRUCTED)? else { return Ok(1) };
    match der::only(wrapped.content, tag::INTEGER)?.content {
        [version @ 0..=2] => Ok(version + 1),
        _ => Err(BadDer),
    }
}

/// The bytes of a bit string whose last byte is full.
pub(super) fn bits(value: Value<'_>) -> Result<&[u8], BadDer> {
    match value.content.split_first() {
        Some((0, bytes)) => Ok(bytes),
        _ => Err(BadDer),
    }
}

impl<'a> Extensions<'a> {
    /// Of what the tag [3] holds.
    fn read(wrapped: &'a [u8]) -> Result<Extensions<'a>, BadDer> {
        let mut list = der::only(wrapped, tag::SEQUENCE)?.reader();
        let mut extensions = Extensions::default();
        let mut seen: Vec<&[u8]> = Vec::new();
        while !list.is_empty() {
            let mut entry = list.sequence()?;
            let kind = entry.value(tag::OID)?.content;
            let critical = entry.optional(tag::BOOLEAN)?.is_some_and(|critical| critical.content != [0]);
            let content = entry.value(tag::OCTET_STRING)?.content;
            entry.end()?;
            // Twice the same would leave open which one counts.
            if seen.contains(&kind) || seen.len() == EXTENSIONS_MAX {
                return Err(BadDer);
            }
            seen.push(kind);
            extensions.add(kind, critical, content)?;
        }
        Ok(extensions)
    }

    fn add(&mut self, kind: &'a [u8], critical: bool, content: &'a [u8]) -> Result<(), BadDer> {
        match kind {
            oid::KEY_USAGE => self.key_usage = Some(read_key_usage(content)?),
            oid::ALTERNATIVE_NAMES => self.alternative_names = values(content)?,
            oid::BASIC_CONSTRAINTS => self.basic_constraints = Some(BasicConstraints::read(content)?),
            oid::NAME_CONSTRAINTS => self.name_constraints = Some(der::only(content, tag::SEQUENCE)?.content),
            oid::EXTENDED_KEY_USAGE => {
                let usages = values(content)?;
                if usages.iter().any(|usage| usage.tag != tag::OID) {
                    return Err(BadDer);
                }
                self.extended_key_usage = Some(usages.iter().map(|usage| usage.content).collect());
            }
            // Any policy will do, as where nothing is set in Java.
            oid::POLICIES => {}
            _ if critical => self.unknown_critical = self.unknown_critical.or(Some(kind)),
            _ => {}
        }
        Ok(())
    }
}

impl BasicConstraints {
    fn read(content: &[u8]) -> Result<BasicConstraints, BadDer> {
        let mut reader = der::only(content, tag::SEQUENCE)?.reader();
        let is_authority = reader.optional(tag::BOOLEAN)?.is_some_and(|value| value.content != [0]);
        let path_length = reader.optional(tag::INTEGER)?.map(|value| value.number()).transpose()?;
        reader.end()?;
        Ok(BasicConstraints { is_authority, path_length })
    }
}

fn read_key_usage(content: &[u8]) -> Result<u16, BadDer> {
    match der::only(content, tag::BIT_STRING)?.content {
        [_] => Ok(0),
        [_, first] => Ok(u16::from_be_bytes([*first, 0])),
        [_, first, second] => Ok(u16::from_be_bytes([*first, *second])),
        _ => Err(BadDer),
    }
}

/// What a sequence is made of.
fn values(content: &[u8]) -> Result<Vec<Value<'_>>, BadDer> {
    let mut reader = der::only(content, tag::SEQUENCE)?.reader();
    let mut values = Vec::new();
    while !reader.is_empty() {
        if values.len() == ENTRIES_MAX {
            return Err(BadDer);
        }
        values.push(reader.any()?);
    }
    Ok(values)
}

/// Seconds since 1970 of a UTCTime or a GeneralizedTime, which end with seconds and `Z`.
pub(super) fn time(value: Value<'_>) -> Result<i64, BadDer> {
    let (year, rest) = match value.tag {
        tag::UTC_TIME => {
            let (year, rest) = digits(value.content, 2)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        tag::GENERALIZED_TIME => digits(value.content, 4)?,
        _ => return Err(BadDer),
    };
    let (month, rest) = digits(rest, 2)?;
    let (day, rest) = digits(rest, 2)?;
    let (hour, rest) = digits(rest, 2)?;
    let (minute, rest) = digits(rest, 2)?;
    let (second, rest) = digits(rest, 2)?;
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if rest != b"Z" || !fits {
        return Err(BadDer);
    }
    Ok(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn digits(bytes: &[u8], count: usize) -> Result<(i64, &[u8]), BadDer> {
    let (digits, rest) = bytes.split_at_checked(count).ok_or(BadDer)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadDer);
    }
    Ok((digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')), rest))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. Years begin with March here, so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{Certificate, days, time};
    use crate::tls::der::{Value, tag};

    #[test]
    fn times_are_seconds_since_1970() {
        let read = |tag, text: &'static str| time(Value { tag, content: text.as_bytes(), whole: &[] });
        assert_eq!(read(tag::UTC_TIME, "700101000000Z"), Ok(0));
        assert_eq!(read(tag::UTC_TIME, "491231235959Z"), Ok(2_524_607_999));
        assert_eq!(read(tag::UTC_TIME, "000229120000Z"), Ok(951_825_600));
        assert_eq!(read(tag::GENERALIZED_TIME, "20500101000000Z"), Ok(2_524_608_000));
        assert_eq!(read(tag::GENERALIZED_TIME, "99991231235959Z"), Ok(253_402_300_799));
        for text in ["7001010000Z", "700101000000+0100", "701301000000Z", "70010100000aZ", ""] {
            assert!(read(tag::UTC_TIME, text).is_err(), "{text}");
        }
        assert_eq!(days(1970, 1, 1), 0);
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        for bytes in [&[][..], &[0x30, 0], &[0x30, 2, 0x30, 0], b"-----BEGIN CERTIFICATE-----"] {
            assert!(Certificate::read(bytes).is_err());
        }
    }
}
