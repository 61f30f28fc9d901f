//! Whether a peer's certificates are trusted, and whether a name is theirs: by the rules of Java's PKIX, because certificates
//! that served a ZooKeeper must serve here too, and those that it refuses must be refused.
//!
//! What differs from what rustls has by itself: a certificate that is itself in the trust store is trusted as it is (keytool's
//! recipes put the same self-signed certificate into both stores), also if it says that it is an authority; certificates of
//! version 1 are taken from peers; certificates without an alternative name go by their common name. What differs from Java: no
//! policies but "any"; names are compared without Unicode's normal forms.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};

use super::certificate::{Certificate, KeyKind, general_name, key_usage};
use super::distinguished_name::{self, Comparable};
use super::name_constraints::NameConstraints;
use super::revocation::RevocationLists;
use super::signature::{check_signature, check_tls12_signature, check_tls13_signature};
use super::untrusted::Untrusted;

/// Authorities between a certificate and one that is trusted.
const AUTHORITIES_MAX: usize = 8;

/// Certificates that a peer may send along.
const SENT_MAX: usize = 32;

/// Signatures that are checked for one peer. Certificates that all have one name could have it checked very many.
const SIGNATURES_MAX: usize = 24;

/// Bytes of the names that clients are told of; with more, they are told of none, and show what they have.
const HINTS_MAX: usize = 16 * 1024;

/// Object identifiers of what a key is for.
mod purpose {
    pub const ANY: &[u8] = &[0x55, 0x1d, 37, 0];
    pub const SERVER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
    pub const CLIENT: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
}

/// What the peer's certificate must be for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    Server,
    Client,
}

/// Whom one trusts.
#[derive(Debug)]
pub struct Trust {
    anchors: Vec<Anchor>,
    revocation_lists: Option<RevocationLists>,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct Anchor {
    certificate: CertificateDer<'static>,
    subject: Comparable,
}

impl Trust {
    /// Certificates that cannot be read are left out: a trust store has none.
    pub fn new(
        certificates: Vec<CertificateDer<'static>>,
        revocation_lists: Option<RevocationLists>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Trust {
        let anchor = |certificate: CertificateDer<'static>| {
            let subject = Comparable::of_name(Certificate::read(&certificate).ok()?.subject).ok()?;
            Some(Anchor { certificate, subject })
        };
        Trust { anchors: certificates.into_iter().filter_map(anchor).collect(), revocation_lists, algorithms }
    }

    /// Whether a certificate is trusted at a time, in seconds since 1970. `sent` is what its owner sent with it, in any order.
    ///
    /// One that is in the trust store is trusted, whatever it says of itself: so it is with Java.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(&self, end: &[u8], sent: &[CertificateDer<'_>], now: i64, purpose: Purpose) -> Result<(), Untrusted> {
        let end = Certificate::read(end)?;
        check_own_key(&end)?;
        if self.anchors.iter().any(|anchor| anchor.certificate.as_ref() == end.whole) {
            return Ok(());
        }
        check_purpose(&end, purpose)?;
        let mut others = Vec::new();
        for certificate in sent.iter().take(SENT_MAX).filter_map(|certificate| Certificate::read(certificate).ok()) {
            let subject = Comparable::of_name(certificate.subject)?;
            others.push((certificate, subject));
        }
        let mut search = Search { trust: self, others: &others, now, signatures: 0 };
        search.extend(&mut vec![&end])
    }

    /// Their subjects, as clients are told of them.
    fn hints(&self) -> Vec<DistinguishedName> {
        let subject = |anchor: &Anchor| {
            Certificate::read(&anchor.certificate).ok().map(|read| DistinguishedName::from(read.subject.to_vec()))
        };
        let hints: Vec<_> = self.anchors.iter().filter_map(subject).collect();
        let bytes: usize = hints.iter().map(|hint| hint.as_ref().len() + 2).sum();
        if bytes > HINTS_MAX { Vec::new() } else { hints }
    }
}

/// A search for a way from a certificate to one that is trusted.
struct Search<'a> {
    trust: &'a Trust,
    others: &'a [(Certificate<'a>, Comparable)],
    now: i64,
    /// How many were checked.
    signatures: usize,
}

impl<'a> Search<'a> {
    /// Looks for a way from the last of `path`, whose first is the certificate in question and each other one has signed the
    /// one before. Of several ways that lead nowhere, the error tells of the one that came nearest.
    fn extend(&mut self, path: &mut Vec<&'a Certificate<'a>>) -> Result<(), Untrusted> {
        let last = *path.last().expect("a path begins with the certificate in question");
        let issuer = Comparable::of_name(last.issuer)?;
        let why = match self.end_at_anchor(path, last, &issuer) {
            Err(why) => why,
            Ok(()) => return Ok(()),
        };
        match self.go_on_over_others(path, last, &issuer) {
            Err(Untrusted::UnknownIssuer) => Err(why),
            found => found,
        }
    }

    fn end_at_anchor(
        &mut self,
        path: &[&'a Certificate<'a>],
        last: &Certificate<'_>,
        issuer: &Comparable,
    ) -> Result<(), Untrusted> {
        let mut why = Untrusted::UnknownIssuer;
        let trust = self.trust;
        for anchor in trust.anchors.iter().filter(|anchor| anchor.subject == *issuer) {
            let anchor = Certificate::read(&anchor.certificate)?;
            match self.signed_by(last, &anchor).and_then(|()| self.check_path(path, &anchor)) {
                Ok(()) => return Ok(()),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn go_on_over_others(
        &mut self,
        path: &mut Vec<&'a Certificate<'a>>,
        last: &Certificate<'_>,
        issuer: &Comparable,
    ) -> Result<(), Untrusted> {
        let mut why = Untrusted::UnknownIssuer;
        let others = self.others;
        for (other, _) in others.iter().filter(|(_, subject)| subject == issuer) {
            if path.iter().any(|passed| passed.whole == other.whole) {
                continue;
            }
            if path.len() > AUTHORITIES_MAX {
                return Err(Untrusted::TooManyAuthorities);
            }
            let found = self.signed_by(last, other).and_then(|()| {
                path.push(other);
                let found = self.extend(path);
                path.pop();
                found
            });
            match found {
                Ok(()) => return Ok(()),
                Err(Untrusted::UnknownIssuer) => {}
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn signed_by(&mut self, certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> Result<(), Untrusted> {
        self.signatures += 1;
        if self.signatures > SIGNATURES_MAX {
            return Err(Untrusted::TooManyAuthorities);
        }
        let Certificate { signed, signature_algorithm, signature, .. } = certificate;
        check_signature(issuer, signature_algorithm, signed, signature, &self.trust.algorithms)
    }

    /// Whether everybody on a whole path, which ends below `anchor`, may be there.
    fn check_path(&self, path: &[&Certificate<'_>], anchor: &Certificate<'_>) -> Result<(), Untrusted> {
        check_anchor(anchor)?;
        let mut constraints: Vec<NameConstraints<'_>> = Vec::new();
        let mut authorities_left = u64::MAX;
        let mut issuer = anchor;
        for (index, certificate) in path.iter().enumerate().rev() {
            let is_end = index == 0;
            self.check_alone(certificate)?;
            let is_self_issued = same_name(certificate.issuer, certificate.subject);
            if is_end || !is_self_issued {
                for constraint in &constraints {
                    constraint.check(certificate)?;
                }
            }
            if !is_end {
                authorities_left = check_authority(certificate, authorities_left, is_self_issued)?;
                constraints.extend(NameConstraints::of(certificate)?);
            }
            if let Some(lists) = &self.trust.revocation_lists {
                lists.check(certificate, issuer, self.now, &self.trust.algorithms)?;
            }
            issuer = certificate;
        }
        Ok(())
    }

    fn check_alone(&self, certificate: &Certificate<'_>) -> Result<(), Untrusted> {
        if self.now < certificate.not_before {
            return Err(Untrusted::NotYetValid);
        }
        if self.now > certificate.not_after {
            return Err(Untrusted::Expired);
        }
        if let Some(kind) = certificate.extensions.unknown_critical {
            return Err(Untrusted::UnknownExtension(super::der::dotted(kind).unwrap_or_default()));
        }
        Ok(())
    }
}

fn same_name(one: &[u8], other: &[u8]) -> bool {
    one == other
        || matches!((Comparable::of_name(one), Comparable::of_name(other)), (Ok(one), Ok(other)) if one == other)
}

/// Whether one of the trust store may sign others: of version 3, only if it says so.
fn check_anchor(anchor: &Certificate<'_>) -> Result<(), Untrusted> {
    if anchor.version < 3 {
        return Ok(());
    }
    let is_authority = anchor.extensions.basic_constraints.is_some_and(|constraints| constraints.is_authority);
    let signs = anchor.extensions.key_usage.is_none_or(|usage| usage & key_usage::CERTIFICATE_SIGN != 0);
    if is_authority && signs { Ok(()) } else { Err(Untrusted::NotAnAuthority) }
}

/// Whether one that a peer sent may sign others. Returns how many authorities may come below it.
fn check_authority(certificate: &Certificate<'_>, left: u64, is_self_issued: bool) -> Result<u64, Untrusted> {
    let constraints = certificate.extensions.basic_constraints.filter(|constraints| constraints.is_authority);
    let Some(constraints) = constraints else { return Err(Untrusted::NotAnAuthority) };
    if certificate.extensions.key_usage.is_some_and(|usage| usage & key_usage::CERTIFICATE_SIGN == 0) {
        return Err(Untrusted::NotAnAuthority);
    }
    let left = if is_self_issued { left } else { left.checked_sub(1).ok_or(Untrusted::TooManyAuthorities)? };
    Ok(constraints.path_length.map_or(left, |length| length.min(left)))
}

/// Whether the peer can prove with its key that it is the peer.
fn check_own_key(certificate: &Certificate<'_>) -> Result<(), Untrusted> {
    match certificate.key_kind() {
        KeyKind::Rsa(2048..) | KeyKind::Ec(256 | 384) | KeyKind::Ed25519 => Ok(()),
        other => Err(Untrusted::UnusableKey(other)),
    }
}

fn check_purpose(certificate: &Certificate<'_>, purpose: Purpose) -> Result<(), Untrusted> {
    let wanted = match purpose {
        Purpose::Server => purpose::SERVER,
        Purpose::Client => purpose::CLIENT,
    };
    let extensions = &certificate.extensions;
    let is_for = extensions
        .extended_key_usage
        .as_ref()
        .is_none_or(|usages| usages.iter().any(|usage| *usage == wanted || *usage == purpose::ANY));
    let signs = extensions.key_usage.is_none_or(|usage| usage & key_usage::DIGITAL_SIGNATURE != 0);
    if is_for && signs { Ok(()) } else { Err(Untrusted::WrongPurpose) }
}

fn seconds(now: UnixTime) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// Checks the certificates of clients.
#[derive(Debug)]
pub struct ClientVerifier {
    trust: Arc<Trust>,
    is_required: bool,
    hints: Vec<DistinguishedName>,
}

impl ClientVerifier {
    /// `is_required`: whether a client without a certificate is refused.
    pub fn new(trust: Arc<Trust>, is_required: bool) -> ClientVerifier {
        ClientVerifier { hints: trust.hints(), trust, is_required }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.trust.check(end_entity, intermediates, seconds(now), Purpose::Client)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_tls12_signature(message, cert, dss, &self.trust.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_tls13_signature(message, cert, dss, &self.trust.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms.supported_schemes()
    }
}

/// Checks the certificates of servers, and their names.
#[derive(Debug)]
pub struct ServerVerifier {
    trust: Arc<Trust>,
    /// `None`: names are not compared.
    rules: Option<NameRules>,
    /// Names and addresses of which the certificate may be too.
    also: Vec<String>,
}

impl ServerVerifier {
    /// `rules`: how names are compared, or that they are not; `also`: names and addresses that will do as well.
    pub fn new(trust: Arc<Trust>, rules: Option<NameRules>, also: Vec<String>) -> ServerVerifier {
        ServerVerifier { trust, rules, also }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.trust.check(end_entity, intermediates, seconds(now), Purpose::Server)?;
        let Some(rules) = self.rules else { return Ok(ServerCertVerified::assertion()) };
        match names(end_entity, &server_name.to_str(), rules) {
            Err(_) if self.also.iter().any(|also| names(end_entity, also, rules).is_ok()) => {}
            Err(mismatch) => {
                let error = CertificateError::Other(OtherError(Arc::new(mismatch)));
                return Err(Error::InvalidCertificate(error));
            }
            Ok(()) => {}
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_tls12_signature(message, cert, dss, &self.trust.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_tls13_signature(message, cert, dss, &self.trust.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms.supported_schemes()
    }
}

/// When the common name counts: where there is no alternative name of the kind in question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameRules {
    /// ZooKeeper's own trust manager: no alternative name that is a host's or an address.
    Zookeeper,
    /// Java by itself, which FIPS mode leaves it to: no alternative name that is a host's. Addresses have no common name.
    Java,
}

impl NameRules {
    /// By `fips-mode`.
    pub fn of(fips_mode: bool) -> NameRules {
        if fips_mode { NameRules::Java } else { NameRules::Zookeeper }
    }
}

/// A certificate is not of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameMismatch {
    pub host: String,
    /// What it is of, as far as it says so.
    pub names: Vec<String>,
}

/// Names of a certificate that are told of in an error.
const NAMES_TOLD: usize = 8;

impl fmt::Display for NameMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate is not of {}", self.host)?;
        match self.names.split_at_checked(NAMES_TOLD) {
            _ if self.names.is_empty() => f.write_str(", nor of any other host"),
            Some((told, rest)) if !rest.is_empty() => write!(f, " but of {} and others", told.join(", ")),
            _ => write!(f, " but of {}", self.names.join(", ")),
        }
    }
}

impl std::error::Error for NameMismatch {}

/// Whether a certificate is of a host, which is a name or an address.
///
/// # Errors
/// What it is of instead; nothing if it cannot be read.
pub fn names(certificate: &[u8], host: &str, rules: NameRules) -> Result<(), NameMismatch> {
    let host = host.trim_end_matches('.');
    let Ok(certificate) = Certificate::read(certificate) else {
        return Err(NameMismatch { host: host.to_string(), names: Vec::new() });
    };
    let (mut hosts, mut addresses) = (Vec::new(), Vec::new());
    for name in &certificate.extensions.alternative_names {
        match name.tag {
            general_name::DNS => hosts.extend(std::str::from_utf8(name.content).ok().map(str::to_string)),
            general_name::ADDRESS => addresses.extend(address(name.content)),
            _ => {}
        }
    }
    let common_name = distinguished_name::common_name(certificate.subject);
    let sought: Option<IpAddr> = host.parse().ok();
    let is_of = match (sought.map(|sought| sought.to_canonical()), rules) {
        (Some(sought), _) if addresses.contains(&sought) => true,
        (Some(_), NameRules::Zookeeper) if hosts.is_empty() && addresses.is_empty() => {
            common_name.as_deref().is_some_and(|name| name == host)
        }
        (Some(_), _) => false,
        (None, _) if hosts.iter().any(|name| matches(host, name)) => true,
        (None, NameRules::Zookeeper) if !addresses.is_empty() => false,
        (None, _) => hosts.is_empty() && common_name.as_deref().is_some_and(|name| matches(host, name)),
    };
    if is_of {
        return Ok(());
    }
    let mut names = hosts;
    names.extend(addresses.iter().map(IpAddr::to_string));
    if names.is_empty() {
        names.extend(common_name);
    }
    Err(NameMismatch { host: host.to_string(), names })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| IpAddr::from(bytes).to_canonical()),
        _ => None,
    }
}

/// Whether a host's name is one of a certificate, in which a star may stand for a part of the first label. The rest must have
/// at least two labels: a certificate of all of .org is nobody's.
fn matches(host: &str, name: &str) -> bool {
    let (host, name) = (host.to_ascii_lowercase(), name.trim_end_matches('.').to_ascii_lowercase());
    let Some((label, rest)) = name.split_once('.') else {
        return !name.contains('*') && !name.is_empty() && host == name;
    };
    let Some((before, after)) = label.split_once('*') else { return !name.contains('*') && host == name };
    let Some((host_label, host_rest)) = host.split_once('.') else { return false };
    let is_plain = !after.contains('*') && !rest.contains('*') && rest.contains('.');
    is_plain
        && host_rest == rest
        && host_label.len() > before.len() + after.len()
        && host_label.starts_with(before)
        && host_label.ends_with(after)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use rustls::crypto::ring;
    use rustls::pki_types::CertificateDer;

    use super::{NameRules, Purpose, RevocationLists, Trust, Untrusted, matches, names};
    use crate::tls::stores::pem;
    use crate::tls::untrusted::words;

    /// 2030-01-01: when the certificates of the tests are looked at.
    const NOW: i64 = 1_893_456_000;

    fn data() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls/testdata/chains")
    }

    /// A chain, and those that are trusted.
    fn case(name: &str) -> (Vec<CertificateDer<'static>>, Vec<CertificateDer<'static>>) {
        let text = std::fs::read_to_string(data().join(format!("{name}.pem"))).unwrap();
        let (chain, trusted) = text.split_once("# trusted\n").unwrap();
        let read = |text: &str| pem::read_certificates(text.as_bytes()).unwrap();
        (read(chain), read(trusted))
    }

    fn check(name: &str, lists: Option<&str>, now: i64, purpose: Purpose) -> Result<(), Untrusted> {
        let (chain, trusted) = case(name);
        let lists = lists.map(|list| RevocationLists::read(&std::fs::read(data().join(list)).unwrap()).unwrap());
        let trust = Trust::new(trusted, lists, ring::default_provider().signature_verification_algorithms);
        trust.check(&chain[0], &chain[1..], now, purpose)
    }

    #[test]
    fn chains_are_judged_as_java_judges_them() {
        let expected = std::fs::read_to_string(data().join("expected.txt")).unwrap();
        let mut differing = Vec::new();
        for line in expected.lines() {
            let [name, client, server] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            for (purpose, verdict) in [(Purpose::Client, client), (Purpose::Server, server)] {
                let ours = check(name, None, NOW, purpose);
                if ours.is_ok() != (verdict == "good") {
                    differing.push(format!("{name}: {purpose:?} is {verdict} in Java, {ours:?} here"));
                }
            }
        }
        assert!(expected.lines().count() > 60);
        assert!(differing.is_empty(), "{differing:#?}");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for why in [Untrusted::Expired, Untrusted::UnknownIssuer, Untrusted::ForbiddenName, Untrusted::WrongPurpose] {
            assert_eq!(words(&why.clone().into()), why.to_string());
        }
        for (name, why) in [
            ("expired", Untrusted::Expired),
            ("expired-middle", Untrusted::Expired),
            ("unknown", Untrusted::UnknownIssuer),
            ("deep-with-gap", Untrusted::UnknownIssuer),
            ("self-unknown", Untrusted::UnknownIssuer),
            ("tampered", Untrusted::BadSignature),
            ("same-name-other-key", Untrusted::BadSignature),
            ("by-no-authority", Untrusted::NotAnAuthority),
            ("version-1-middle", Untrusted::NotAnAuthority),
            ("length-bad", Untrusted::TooManyAuthorities),
            ("names-lbad", Untrusted::ForbiddenName),
            ("forserver", Untrusted::WrongPurpose),
            ("unknown-critical", Untrusted::UnknownExtension("1.2.3.4".into())),
            ("rsa-md5", Untrusted::UnknownAlgorithm),
        ] {
            assert_eq!(check(name, None, NOW, Purpose::Client), Err(why), "{name}");
        }
        assert_eq!(check("plain", None, 0, Purpose::Client), Err(Untrusted::NotYetValid));
        assert_eq!(check("plain", None, i64::MAX, Purpose::Client), Err(Untrusted::Expired));
    }

    #[test]
    fn revoked_certificates_are_refused_and_so_is_not_knowing() {
        let check = |name, list| check(name, Some(list), NOW, Purpose::Client);
        assert_eq!(check("plain", "root.crl"), Ok(()));
        assert_eq!(check("revoked", "root.crl"), Err(Untrusted::Revoked));
        assert_eq!(check("plain", "expired.crl"), Err(Untrusted::RevocationUnknown));
        assert_eq!(check("revoked", "expired.crl"), Err(Untrusted::Revoked));
        // Of an authority of the same name with another key.
        assert_eq!(check("plain", "other.crl"), Err(Untrusted::RevocationUnknown));
        assert_eq!(check("revoked", "other.crl"), Err(Untrusted::RevocationUnknown));
        // There is no list of the second authority.
        assert_eq!(check("deep", "root.crl"), Err(Untrusted::RevocationUnknown));
    }

    #[test]
    fn a_list_may_be_in_der_and_must_be_whole() {
        let text = std::fs::read(data().join("root.crl")).unwrap();
        let der = pem::read_sections(&text, "CRL").unwrap().remove(0);
        assert!(RevocationLists::read(&der).is_ok());
        for at in 0..der.len() {
            assert!(RevocationLists::read(&der[..at]).is_err(), "cut at {at}");
        }
        assert!(RevocationLists::read(b"").is_err());
    }

    /// Very many authorities of one name, each of which could have signed the others.
    #[test]
    fn a_search_without_an_end_is_given_up() {
        let (chain, trusted) = case("deep");
        let mut sent: Vec<_> = chain.iter().cloned().cycle().take(10_000).collect();
        sent.extend(case("same-name-other-key").1);
        let trust = Trust::new(
            std::iter::repeat_n(case("same-name-other-key").1.remove(0), 5_000).chain(trusted).collect(),
            None,
            ring::default_provider().signature_verification_algorithms,
        );
        assert_eq!(trust.check(&chain[0], &sent, NOW, Purpose::Client), Err(Untrusted::TooManyAuthorities));
    }

    #[test]
    fn hosts_and_addresses_are_compared() {
        let server = pem::read_certificates(include_bytes!("stores/testdata/server-own.pem")).unwrap().remove(0);
        let plain = pem::read_certificates(include_bytes!("stores/testdata/rsa-own.pem")).unwrap().remove(0);
        for rules in [NameRules::Java, NameRules::Zookeeper] {
            for host in
                ["zk1.example.org", "ZK1.Example.ORG", "a.wild.example.org", "127.0.0.1", "::1", "0:0:0:0:0:0:0:1"]
            {
                assert_eq!(names(&server, host, rules), Ok(()), "{host}");
            }
            for host in ["zk2.example.org", "a.b.wild.example.org", "wild.example.org", "127.0.0.2", "::2", "", "."] {
                assert!(names(&server, host, rules).is_err(), "{host}");
            }
            assert_eq!(names(&plain, "localhost", rules), Ok(()));
            assert!(names(&plain, "127.0.0.1", rules).is_err());
        }
        let words = names(&server, "zk2.example.org", NameRules::Java).unwrap_err().to_string();
        assert_eq!(
            words,
            "the certificate is not of zk2.example.org but of zk1.example.org, *.wild.example.org, 127.0.0.1, ::1"
        );
    }

    #[test]
    fn stars_stand_for_a_part_of_the_first_label() {
        for (host, name) in
            [("a.example.org", "*.example.org"), ("zk12.example.org", "zk*.example.org"), ("zk1a.x.y", "zk*a.x.y")]
        {
            assert!(matches(host, name), "{host} {name}");
        }
        for (host, name) in [
            ("example.org", "*.org"),
            ("example.org", "*"),
            ("org", "*"),
            ("a.b.example.org", "*.example.org"),
            ("a.b.example.org", "a.*.example.org"),
            ("zk.example.org", "zk*.example.org"),
            ("ab.example.org", "*a*.example.org"),
            ("a", ""),
            ("", ""),
        ] {
            assert!(!matches(host, name), "{host} {name}");
        }
    }
}
