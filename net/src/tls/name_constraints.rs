//! The names that an authority may sign for (RFC 5280, 4.2.1.10). Names of hosts, addresses and directories are compared; of
//! other kinds none is let through once an authority limits them.

use std::net::IpAddr;

use super::certificate::{Certificate, general_name};
use super::der::{BadDer, Reader, Value, tag};
use super::distinguished_name::{self, Comparable};
use super::untrusted::Untrusted;

/// Names of constraints that are looked at, times names that are compared with them.
const COMPARISONS_MAX: usize = 100_000;

/// emailAddress, as a part of a subject.
const MAIL: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];

/// What an authority's certificate says of names.
#[derive(Debug)]
pub struct NameConstraints<'a> {
    /// Names of each kind that occurs here must be below one of that kind.
    permitted: Vec<Value<'a>>,
    /// No name may be below one of these.
    excluded: Vec<Value<'a>>,
}

impl<'a> NameConstraints<'a> {
    /// `None` where a certificate has none.
    ///
    /// # Errors
    /// Some that cannot be read, or that we do not know to apply.
    pub fn of(certificate: &Certificate<'a>) -> Result<Option<NameConstraints<'a>>, BadDer> {
        let Some(content) = certificate.extensions.name_constraints else { return Ok(None) };
        let mut reader = Reader::new(content);
        let permitted = reader.optional(tag::CONTEXT_CONSTRUCTED)?;
        let excluded = reader.optional(tag::CONTEXT_CONSTRUCTED + 1)?;
        reader.end()?;
        Ok(Some(NameConstraints { permitted: subtrees(permitted)?, excluded: subtrees(excluded)? }))
    }

    /// Whether all names of a certificate are among those that are permitted.
    ///
    /// # Errors
    /// One that is not.
    pub fn check(&self, certificate: &Certificate<'_>) -> Result<(), Untrusted> {
        let mut names: Vec<Name> = Vec::new();
        let subject = Comparable::of_name(certificate.subject)?;
        if subject.has(MAIL) {
            names.push(Name::Other(general_name::MAIL));
        }
        for name in &certificate.extensions.alternative_names {
            names.push(Name::read(name)?);
        }
        // Where nothing else says of which host or address a certificate is, its common name does.
        let hosts = names.iter().any(|name| matches!(name, Name::Host(_)));
        if let (false, Some(host)) = (hosts, distinguished_name::common_name(certificate.subject)) {
            let is_host = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte));
            names.extend(is_host.then(|| Name::host(&host)));
            let address: Option<IpAddr> = host.parse().ok();
            names.extend(address.map(|address| Name::Address(address.to_canonical())));
        }
        if !subject.is_empty() {
            names.push(Name::Directory(subject));
        }
        if names.len().saturating_mul(self.permitted.len() + self.excluded.len()) > COMPARISONS_MAX {
            return Err(Untrusted::ForbiddenName);
        }
        if names.iter().all(|name| self.lets_through(name)) { Ok(()) } else { Err(Untrusted::ForbiddenName) }
    }

    fn lets_through(&self, name: &Name) -> bool {
        if self.excluded.iter().any(|base| base.tag == name.tag() && name.may_be_below(base)) {
            return false;
        }
        let mut of_kind = self.permitted.iter().filter(|base| base.tag == name.tag()).peekable();
        of_kind.peek().is_none() || of_kind.any(|base| name.is_below(base))
    }
}

fn subtrees(list: Option<Value<'_>>) -> Result<Vec<Value<'_>>, BadDer> {
    let mut bases = Vec::new();
    let Some(list) = list else { return Ok(bases) };
    let mut reader = list.reader();
    while !reader.is_empty() {
        let mut subtree = reader.sequence()?;
        bases.push(subtree.any()?);
        // Depths, which nobody may use.
        subtree.end()?;
    }
    Ok(bases)
}

/// A name of a certificate.
enum Name {
    /// In small letters.
    Host(String),
    Address(IpAddr),
    Directory(Comparable),
    /// By its tag.
    Other(u8),
}

impl Name {
    /// In small letters, and without the dot at its end, which makes no other host of it.
    fn host(host: &str) -> Name {
        Name::Host(host.trim_end_matches('.').to_ascii_lowercase())
    }

    fn read(value: &Value<'_>) -> Result<Name, BadDer> {
        match value.tag {
            general_name::DNS => {
                let host = std::str::from_utf8(value.content).map_err(|_| BadDer)?;
                Ok(Name::host(host))
            }
            general_name::ADDRESS => match value.content.len() {
                4 => Ok(Name::Address(IpAddr::from(<[u8; 4]>::try_from(value.content).map_err(|_| BadDer)?))),
                16 => {
                    let address = IpAddr::from(<[u8; 16]>::try_from(value.content).map_err(|_| BadDer)?);
                    // It is taken for the same address where names are compared.
                    Ok(Name::Address(address.to_canonical()))
                }
                _ => Err(BadDer),
            },
            general_name::DIRECTORY => Ok(Name::Directory(Comparable::of_name(value.content)?)),
            other => Ok(Name::Other(other)),
        }
    }

    fn tag(&self) -> u8 {
        match self {
            Name::Host(_) => general_name::DNS,
            Name::Address(_) => general_name::ADDRESS,
            Name::Directory(_) => general_name::DIRECTORY,
            Name::Other(tag) => *tag,
        }
    }

    /// Whether every host that the name stands for is below the base.
    fn is_below(&self, base: &Value<'_>) -> bool {
        match self {
            Name::Host(host) => std::str::from_utf8(base.content).is_ok_and(|base| is_host_below(host, base)),
            Name::Address(address) => is_address_below(*address, base.content),
            Name::Directory(name) => Comparable::of_name(base.content).is_ok_and(|base| name.is_below(&base)),
            Name::Other(_) => false,
        }
    }

    /// Whether a host that the name stands for may be below the base. A base that cannot be read excludes all.
    fn may_be_below(&self, base: &Value<'_>) -> bool {
        match self {
            Name::Host(host) => std::str::from_utf8(base.content).map_or(true, |base| {
                let covered = host.split_once('.').filter(|(label, _)| label.contains('*')).map(|(_, rest)| rest);
                is_host_below(host, base)
                    || covered.is_some_and(|rest| is_host_below(base.trim_start_matches('.'), rest))
            }),
            Name::Address(address) => !matches!(base.content.len(), 8 | 32) || is_address_below(*address, base.content),
            Name::Directory(name) => Comparable::of_name(base.content).map_or(true, |base| name.is_below(&base)),
            Name::Other(_) => true,
        }
    }
}

fn is_host_below(host: &str, base: &str) -> bool {
    let (host, base) = (host.to_ascii_lowercase(), base.to_ascii_lowercase());
    match host.strip_suffix(&base) {
        Some(rest) => rest.is_empty() || base.is_empty() || base.starts_with('.') || rest.ends_with('.'),
        None => false,
    }
}

/// A base is an address and a mask.
fn is_address_below(address: IpAddr, base: &[u8]) -> bool {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let (network, mask) = base.split_at(base.len() / 2);
    base.len() == bytes.len() * 2
        && bytes.iter().zip(network).zip(mask).all(|((byte, network), mask)| byte & mask == network & mask)
}
