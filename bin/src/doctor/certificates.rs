//! The stores of TLS: whether they open, whether key and certificates are of each other, and until when they are valid.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use paddock_net::tls::context::{ServerContext, summaries};
use paddock_net::tls::secret::Secret;
use paddock_net::tls::settings::{ClientAuth, Settings, StoreKind, StoreSettings};
use paddock_net::tls::stores::{KeyStore, TrustStore};
use paddock_net::tls::summary::Summary;
use paddock_net::tls::verification::{NameRules, Purpose, Trust, names};
use rustls::crypto::ring;

use super::finding::{Findings, Spot};
use super::subject::Subject;
use super::tls_stores::{PREFIXES, Store, store};
use crate::date;

const DAY: i64 = 24 * 60 * 60;
/// The stores of servers among each other.
const QUORUM: &str = "ssl.quorum.";

/// `days` before its end a certificate is worth a warning.
pub fn look(subject: &Subject, days: u32, findings: &mut Findings) {
    for (prefix, _) in PREFIXES {
        let keys = store(subject, prefix, "keyStore").filter(|store| store.location.exists());
        let trust = store(subject, prefix, "trustStore").filter(|store| store.location.exists());
        let keys = keys.and_then(|store| open(subject, store, true, findings));
        let trust = trust.and_then(|store| open(subject, store, false, findings));
        if let Some(keys) = &keys {
            look_at_dates(subject, keys, days, findings);
            look_at_key(keys, findings);
        }
        if let Some(trust) = &trust {
            look_at_authorities(subject, trust, findings);
        }
        if let (QUORUM, Some(keys)) = (prefix, &keys) {
            look_at_peers(subject, keys, trust.as_ref(), findings);
        }
    }
}

/// A store that has been read.
struct Opened {
    settings: StoreSettings,
    spot: Spot,
    certificates: Vec<Summary>,
}

/// Reads a store, or says why it cannot be.
fn open(subject: &Subject, store: Store, has_keys: bool, findings: &mut Findings) -> Option<Opened> {
    let spot = subject.spot(&[&store.location_key]);
    let settings = settings(subject, store, findings)?;
    match summaries(&settings, has_keys) {
        Ok(certificates) => Some(Opened { settings, spot, certificates }),
        Err(error) => {
            findings.error("store", spot, error.to_string(), "correct that: no connection with TLS is made until then");
            None
        }
    }
}

fn settings(subject: &Subject, store: Store, findings: &mut Findings) -> Option<StoreSettings> {
    let Store { location_key, location, password_path } = store;
    let type_key = location_key.replace(".location", ".type");
    let kind = match StoreKind::of_value(subject.text(&type_key).unwrap_or_default()) {
        Ok(kind) => kind,
        Err(bad) => {
            let what = format!("{} {bad}", location.display());
            findings.error("store", subject.spot(&[&type_key]), what, "correct that");
            return None;
        }
    };
    let password = match password_path {
        // Whether the file is there is looked at with the others.
        Some((_, path)) => Secret::read_file(&path).ok()?,
        None => {
            let text = subject.text(&location_key.replace(".location", ".password")).unwrap_or_default();
            Secret::new(text.as_bytes().to_vec())
        }
    };
    Some(StoreSettings { path: location, kind, password })
}

fn look_at_dates(subject: &Subject, keys: &Opened, days: u32, findings: &mut Findings) {
    let now = seconds(subject.now);
    for Summary { subject: name, not_before, not_after, .. } in &keys.certificates {
        let (spot, path) = (keys.spot.clone(), keys.settings.path.display());
        let advice = format!("have it renewed, and put the new one into {path}");
        if *not_after < now {
            let what = format!("the certificate of {name} in {path} has expired, on {}", day(*not_after));
            findings.error("certificate-expired", spot, what, advice);
        } else if *not_before > now {
            let what = format!("the certificate of {name} in {path} is not valid before {}", day(*not_before));
            findings.error("certificate-not-yet", spot, what, "set the clock of this machine, or wait");
        } else if *not_after - now < i64::from(days) * DAY {
            let left = (*not_after - now) / DAY;
            let what = format!("the certificate of {name} in {path} expires in {left} days, on {}", day(*not_after));
            findings.warning("certificate-expires", spot, what, advice);
        }
    }
}

/// As a listener would take it.
fn look_at_key(keys: &Opened, findings: &mut Findings) {
    let key_store = Some(keys.settings.clone());
    let settings = Settings { key_store, client_auth: ClientAuth::None, ..Settings::default() };
    if let Err(error) = ServerContext::load(&settings) {
        findings.error(
            "key-mismatch",
            keys.spot.clone(),
            error.to_string(),
            "correct that: no server shows this certificate",
        );
    }
}

/// Java trusts what is in a trust store whatever it says of its own time.
fn look_at_authorities(subject: &Subject, trust: &Opened, findings: &mut Findings) {
    let now = seconds(subject.now);
    let path = trust.settings.path.display();
    for Summary { subject: name, not_after, .. } in trust.certificates.iter().filter(|found| found.not_after < now) {
        let what = format!("{name} in {path} has expired, on {}, and is trusted all the same", day(*not_after));
        let advice = "take it out, once nobody has a certificate of it any more";
        findings.note("authority-expired", trust.spot.clone(), what, advice);
    }
}

/// Whether other servers, which trust the same, would take this one for itself.
fn look_at_peers(subject: &Subject, keys: &Opened, trust: Option<&Opened>, findings: &mut Findings) {
    let Some(store) = read(keys, KeyStore::read) else { return };
    let Some(entry) = store.entries.first() else { return };
    let Some(own) = entry.chain.first() else { return };
    if let Some(anchors) = trust.and_then(|trust| read(trust, TrustStore::read)) {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        let trusted = Trust::new(anchors.certificates, None, algorithms);
        if let Err(why) = trusted.check(own, &entry.chain, seconds(subject.now), Purpose::Server) {
            let what = format!("this server's own trust store does not trust its certificate: {why}");
            let advice = "put the authority that has signed it into the trust store of every server";
            findings.error("quorum-certificate-untrusted", keys.spot.clone(), what, advice);
        }
    }
    look_at_name(subject, own, keys, findings);
}

/// With fips-mode no names are compared between servers, as with ZooKeeper.
fn look_at_name(subject: &Subject, own: &[u8], keys: &Opened, findings: &mut Findings) {
    let unchecked = subject.flag("fips-mode")
        || subject.text("ssl.quorum.hostnameVerification").is_some_and(|wish| !wish.eq_ignore_ascii_case("true"));
    let me = subject.server_id().and_then(|id| subject.members.get(id));
    let Some(me) = me.filter(|_| !unchecked) else { return };
    for address in &me.line.member.addresses {
        if let Err(mismatch) = names(own, &address.quorum.host, NameRules::of(false)) {
            let advice = "other servers do not connect to it: have a certificate made with this name, or write its name into \
                          the server line";
            findings.error("quorum-certificate-name", keys.spot.clone(), mismatch.to_string(), advice);
        }
    }
}

/// A store, read anew. It has been read once, so that what fails now is no matter.
fn read<T, E>(opened: &Opened, read: impl Fn(StoreKind, &[u8], &Secret) -> Result<T, E>) -> Option<T> {
    let StoreSettings { path, password, .. } = &opened.settings;
    let kind = opened.settings.kind().ok()?;
    read(kind, bytes(path)?.bytes(), password).ok()
}

/// They are wiped when they go.
fn bytes(path: &Path) -> Option<Secret> {
    fs::read(path).ok().map(Secret::new)
}

fn seconds(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// A day in words, of seconds since 1970.
fn day(seconds: i64) -> String {
    let text = date::when(seconds.saturating_mul(1000));
    text.split_once('T').map_or_else(|| text.clone(), |(day, _)| day.to_owned())
}
