//! What connections are made with: made of settings and the files that they name, once at the start and again whenever one of
//! the files has changed.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig, SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion};
use tracing::warn;
use zeroize::Zeroizing;

use super::TlsError;
use super::certificate::{Certificate, KeyKind};
use super::distinguished_name;
use super::revocation::RevocationLists;
use super::settings::{ClientAuth, Settings, StoreSettings};
use super::stores::{KeyEntry, KeyStore, STORE_MAX, StoreError, TrustStore, ec_key};
use super::summary::Summary;
use super::verification::{self, NameRules, Trust};

/// Sessions of TLS 1.2 that a listener remembers for clients that take no tickets. With certificates of clients each takes
/// some kilobytes.
pub const SESSIONS_MAX: usize = 1024;

/// Tickets that a client is given with which it may resume a session. One is what Java gives.
const TICKETS: usize = 1;

/// What a listener accepts connections with. Cloned for a price of nothing.
#[derive(Clone, Debug)]
pub struct ServerContext {
    config: Arc<ServerConfig>,
    name_check: Option<ClientNameCheck>,
}

/// How the address of a client is compared with its certificate.
#[derive(Clone, Copy, Debug)]
struct ClientNameCheck {
    rules: NameRules,
    allows_reverse_dns: bool,
}

/// What is known of a client's name after its handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NameVerdict {
    Good,
    /// Its address is not of its certificate. Its name may be: whoever asks looks it up by the address, where waiting is no
    /// harm, and asks [`verification::names`].
    NeedsName,
    Bad(verification::NameMismatch),
}

impl ServerContext {
    /// Reads the files of the settings.
    ///
    /// # Errors
    /// One sentence: a file that is missing or cannot be read, a wrong password, no key, a key that its certificate is not of,
    /// protocols or ciphers of which none is known, revocation that cannot be checked.
    pub fn load(settings: &Settings) -> Result<ServerContext, TlsError> {
        let provider = Arc::new(provider(settings)?);
        let keys = match &settings.key_store {
            Some(store) => Keys::load(store)?,
            None => return Err(TlsError::of_settings("TLS needs a key: set keyStore.location")),
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&protocols(settings)?)
            .map_err(|error| TlsError::of_settings(format!("protocols and ciphers do not go together: {error}")))?;
        let builder = match settings.client_auth {
            ClientAuth::None => builder.with_no_client_auth(),
            ClientAuth::Want | ClientAuth::Need => {
                let trust = Arc::new(trust(settings, &provider)?);
                let required = settings.client_auth == ClientAuth::Need;
                builder.with_client_cert_verifier(Arc::new(verification::ClientVerifier::new(trust, required)))
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(keys));
        // The order of ssl.ciphersuites counts, as with Java.
        config.ignore_client_order = true;
        if settings.client_auth == ClientAuth::None {
            config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
            config.ticketer = ring::Ticketer::new()
                .map_err(|error| TlsError::of_settings(format!("the system gives no random numbers: {error}")))?;
            config.send_tls13_tickets = TICKETS;
        } else {
            // A session that is resumed brings the client's certificate back and does not look at it again: one that has expired
            // meanwhile, or is revoked, would go on for ever.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        let checks_names = settings.hostname_verification && settings.client_hostname_verification;
        let name_check = checks_names.then_some(ClientNameCheck {
            rules: NameRules::of(settings.fips_mode),
            allows_reverse_dns: settings.allows_reverse_dns,
        });
        Ok(ServerContext { config: Arc::new(config), name_check })
    }

    /// What rustls accepts connections with.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// Whether a client with these certificates may come from this address. To be asked once after each handshake, a resumed
    /// one too. A client without a certificate has no name to compare.
    pub fn check_name(&self, certificates: Option<&[CertificateDer<'_>]>, address: IpAddr) -> NameVerdict {
        let (Some(check), Some(certificate)) = (self.name_check, certificates.and_then(<[_]>::first)) else {
            return NameVerdict::Good;
        };
        match verification::names(certificate, &address.to_canonical().to_string(), check.rules) {
            Ok(()) => NameVerdict::Good,
            Err(_) if check.allows_reverse_dns => NameVerdict::NeedsName,
            Err(mismatch) => NameVerdict::Bad(mismatch),
        }
    }

    /// The second half of [`ServerContext::check_name`]: whether the certificate is of the name that its address has.
    pub fn check_found_name(&self, certificates: Option<&[CertificateDer<'_>]>, name: &str) -> NameVerdict {
        let (Some(check), Some(certificate)) = (self.name_check, certificates.and_then(<[_]>::first)) else {
            return NameVerdict::Good;
        };
        match verification::names(certificate, name, check.rules) {
            Ok(()) => NameVerdict::Good,
            Err(mismatch) => NameVerdict::Bad(mismatch),
        }
    }
}

/// What connections are opened with. Cloned for a price of nothing.
#[derive(Clone, Debug)]
pub struct ClientContext {
    config: Arc<ClientConfig>,
    /// What a verifier for certain other names is made of.
    trust: Arc<Trust>,
    name_rules: Option<NameRules>,
}

impl ClientContext {
    /// Reads the files of the settings. Without a key store, no certificate is shown to servers that ask for one.
    ///
    /// # Errors
    /// As of [`ServerContext::load`]; without a trust store there is nothing to check a server by.
    pub fn load(settings: &Settings) -> Result<ClientContext, TlsError> {
        let provider = Arc::new(provider(settings)?);
        let trust = Arc::new(trust(settings, &provider)?);
        let keys = settings.key_store.as_ref().map(Keys::load).transpose()?;
        let name_rules = settings.hostname_verification.then_some(NameRules::of(settings.fips_mode));
        let verifier = verification::ServerVerifier::new(Arc::clone(&trust), name_rules, Vec::new());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&protocols(settings)?)
            .map_err(|error| TlsError::of_settings(format!("protocols and ciphers do not go together: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match keys {
            Some(keys) => builder.with_client_cert_resolver(Arc::new(keys)),
            None => builder.with_no_client_auth(),
        };
        Ok(ClientContext { config: Arc::new(config), trust, name_rules })
    }

    /// What rustls opens connections with: the server's certificate must be of the name or the address that is given to it
    /// there, unless host names are not verified.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// The same for a server whose certificate may be of one of these names or addresses instead: ZooKeeper's own trust
    /// manager (without FIPS mode) takes a server's address as well as its name, and a name that its address has where reverse
    /// lookups are allowed.
    pub fn config_for(&self, also: Vec<String>) -> Arc<ClientConfig> {
        if self.name_rules.is_none() || also.is_empty() {
            return Arc::clone(&self.config);
        }
        let verifier = verification::ServerVerifier::new(Arc::clone(&self.trust), self.name_rules, also);
        let mut config = ClientConfig::clone(&self.config);
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
        // A session must not be resumed with fewer questions than it would take to begin it.
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }

    /// A host as rustls takes it: an address, in brackets or not, or a name.
    ///
    /// # Errors
    /// What is neither.
    pub fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let bare = bare.split('%').next().unwrap_or(bare);
        ServerName::try_from(bare.to_string())
            .map_err(|_| TlsError::of_settings(format!("{host} is no name that a certificate can be of")))
    }
}

/// What a store says of its certificates, for people who look after them: those of its keys, or those that it trusts.
///
/// # Errors
/// As the store would be refused.
pub fn summaries(store: &StoreSettings, is_key_store: bool) -> Result<Vec<Summary>, TlsError> {
    let certificates = if is_key_store {
        read_key_store(store)?.entries.into_iter().flat_map(|entry| entry.chain).collect()
    } else {
        read_trust_store(store)?.certificates
    };
    let summary = |certificate: &CertificateDer<'_>| Certificate::read(certificate).map(|read| Summary::of(&read));
    certificates
        .iter()
        .map(summary)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::of_file(&store.path, StoreError::BadCertificate))
}

fn read_key_store(store: &StoreSettings) -> Result<KeyStore, TlsError> {
    let kind = store.kind().map_err(|error| TlsError::of_file(&store.path, error))?;
    let bytes = read_file(&store.path)?;
    KeyStore::read(kind, &bytes, &store.password).map_err(|error| TlsError::of_file(&store.path, error))
}

fn read_trust_store(store: &StoreSettings) -> Result<TrustStore, TlsError> {
    let kind = store.kind().map_err(|error| TlsError::of_file(&store.path, error))?;
    let bytes = read_file(&store.path)?;
    TrustStore::read(kind, &bytes, &store.password).map_err(|error| TlsError::of_file(&store.path, error))
}

/// All of a file. It may hold a key, so it is wiped.
fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let read = || -> io::Result<Zeroizing<Vec<u8>>> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // Room for all of it at once: growing would leave copies behind that nobody wipes.
        let room = file.metadata()?.len().min(STORE_MAX) as usize + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        file.take(STORE_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| TlsError::of_file(path, format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > STORE_MAX {
        return Err(TlsError::of_file(
            path,
            format!("has more than {STORE_MAX} bytes, which no store has: give another file"),
        ));
    }
    Ok(bytes)
}

/// The ways to sign that are known.
pub fn algorithms() -> WebPkiSupportedAlgorithms {
    ring::default_provider().signature_verification_algorithms
}

/// Whom the settings trust.
fn trust(settings: &Settings, provider: &CryptoProvider) -> Result<Trust, TlsError> {
    let Some(store) = &settings.trust_store else {
        return Err(TlsError::of_settings(
            "TLS has nothing to check certificates by: set trustStore.location (Java would take the authorities of its own \
             installation, of which there are none here), or clientAuth=none where no client shall show one",
        ));
    };
    let anchors = read_trust_store(store)?.certificates;
    Ok(Trust::new(anchors, revocation_lists(settings)?, provider.signature_verification_algorithms))
}

/// The revocation lists that are to be looked at; `None` where none is.
fn revocation_lists(settings: &Settings) -> Result<Option<RevocationLists>, TlsError> {
    if settings.ocsp {
        return Err(TlsError::of_settings(
            "ssl.ocsp=true cannot be had: nobody is asked about a certificate while a connection waits; set it to false, and set \
             ssl.crl=true with paddock.ssl.crlFile, a file of revocation lists that is read again when it changes",
        ));
    }
    match (settings.crl, &settings.crl_file) {
        (false, _) => Ok(None),
        (true, None) => Err(TlsError::of_settings(
            "ssl.crl=true needs paddock.ssl.crlFile: no list is fetched from where certificates say; name a file of revocation \
             lists, PEM or DER, that is read again when it changes",
        )),
        (true, Some(path)) => {
            let bytes = read_file(path)?;
            let lists = RevocationLists::read(&bytes).map_err(|error| TlsError::of_file(path, error))?;
            Ok(Some(lists))
        }
    }
}

/// The ciphers of the settings, in their order.
fn provider(settings: &Settings) -> Result<CryptoProvider, TlsError> {
    let mut provider = ring::default_provider();
    let names: Vec<&str> = settings.ciphers.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Ok(provider);
    }
    let known = |name: &str| provider.cipher_suites.iter().find(|suite| java_name(suite) == name).copied();
    let suites: Vec<_> = names.iter().filter_map(|name| known(name)).collect();
    let unknown: Vec<_> = names.iter().filter(|name| known(name).is_none()).copied().collect();
    if suites.is_empty() {
        let all = provider.cipher_suites.iter().map(java_name).collect::<Vec<_>>().join(", ");
        return Err(TlsError::of_settings(format!(
            "ciphersuites names none that is known here ({}): name some of {all}, or none for all of them",
            unknown.join(", ")
        )));
    }
    if !unknown.is_empty() {
        warn!(ciphers = unknown.join(", "), "these cipher suites are not known here and will not be used");
    }
    provider.cipher_suites = suites;
    Ok(provider)
}

/// The name of a cipher suite in Java and in the standards. rustls puts the version into those of TLS 1.3.
fn java_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}

/// The protocols of the settings.
fn protocols(settings: &Settings) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let names: Vec<&str> = settings.protocols.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Ok(rustls::ALL_VERSIONS.to_vec());
    }
    let mut versions: Vec<&'static SupportedProtocolVersion> = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        match name {
            "TLSv1.3" => versions.push(&rustls::version::TLS13),
            "TLSv1.2" => versions.push(&rustls::version::TLS12),
            // What a context of Java by this name has.
            "TLS" => versions.extend(rustls::ALL_VERSIONS),
            _ => unknown.push(name),
        }
    }
    if versions.is_empty() {
        return Err(TlsError::of_settings(format!(
            "protocols {} cannot be had, because they are broken or unknown: set TLSv1.3 or TLSv1.2, or both",
            unknown.join(", ")
        )));
    }
    if !unknown.is_empty() {
        warn!(protocols = unknown.join(", "), "these protocols cannot be had and will not be used");
    }
    Ok(versions)
}

/// The keys of a store, each with its certificates. A peer is shown the first that it can check.
#[derive(Debug)]
struct Keys(Vec<Arc<CertifiedKey>>);

impl Keys {
    fn load(store: &StoreSettings) -> Result<Keys, TlsError> {
        let entries = read_key_store(store)?.entries;
        let mut keys = Vec::new();
        let mut refused = None;
        for entry in entries {
            match certified(entry) {
                Ok(key) => {
                    warn_of_dates(store, &key);
                    keys.push(Arc::new(key));
                }
                Err(problem) => refused = refused.or(Some(problem)),
            }
        }
        match refused {
            Some(problem) if keys.is_empty() => Err(TlsError::of_file(&store.path, problem)),
            Some(problem) => {
                warn!(path = %store.path.display(), problem, "a key of the store will not be used");
                Ok(Keys(keys))
            }
            None => Ok(Keys(keys)),
        }
    }

    fn choose(&self, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.iter().find(|key| key.key.choose_scheme(schemes).is_some()).cloned()
    }
}

impl ResolvesServerCert for Keys {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(client_hello.signature_schemes())
    }
}

impl ResolvesClientCert for Keys {
    fn resolve(&self, _root_hint_subjects: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.choose(schemes)
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

/// A key with its certificates, ready to sign; or what is wrong with it.
fn certified(entry: KeyEntry) -> Result<CertifiedKey, String> {
    let own = entry.chain.first().ok_or("has a key without a certificate: add its certificate")?;
    let certificate = Certificate::read(own).map_err(|_| "has a key whose certificate cannot be read")?;
    let kind = certificate.key_kind();
    let usable = matches!(kind, KeyKind::Rsa(2048..) | KeyKind::Ec(256 | 384) | KeyKind::Ed25519);
    if !usable {
        return Err(format!(
            "has a key that cannot be used ({kind}): make one of RSA with 2048 to 4096 bits, or of EC with 256 or 384"
        ));
    }
    let key = ring::sign::any_supported_type(&ec_key::completed(&entry.key, &certificate).der()).map_err(|_| {
        format!(
            "has a private key that its first certificate ({kind}) is not of, or that cannot be used: put the key's own \
             certificate first, or make a key of RSA with 2048 to 4096 bits, or of EC with 256 or 384"
        )
    })?;
    let fits = key.public_key().is_none_or(|public| public.as_ref() == certificate.public_key_info);
    if !fits {
        return Err(
            "has a private key that its first certificate is not of: put the key's own certificate first".into()
        );
    }
    Ok(CertifiedKey::new(entry.chain, key))
}

/// Says so where the peers will refuse a certificate because of its dates. It is no reason not to start: ZooKeeper does too, and
/// the file may be changed.
fn warn_of_dates(store: &StoreSettings, key: &CertifiedKey) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
    let Some(Ok(certificate)) = key.cert.first().map(|own| Certificate::read(own)) else { return };
    let subject = distinguished_name::of_name(certificate.subject).unwrap_or_default();
    let path = store.path.display();
    if certificate.not_after < now {
        let days = (now - certificate.not_after) / SECONDS_OF_DAY;
        warn!(%path, subject, days, "the certificate expired so many days ago, and peers will refuse it: renew it");
    } else if certificate.not_before > now {
        warn!(%path, subject, "the certificate is not valid yet, and peers will refuse it: look at the clock, or wait");
    }
}

const SECONDS_OF_DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, ServerConnection, SignatureScheme};

    use super::{ClientContext, Keys, NameVerdict, ServerContext, summaries};
    use crate::tls::certificate::{Certificate, KeyKind};
    use crate::tls::secret::Secret;
    use crate::tls::settings::{ClientAuth, Settings, StoreSettings};
    use crate::tls::untrusted;

    fn store(name: &str, password: &str) -> Option<StoreSettings> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls/stores/testdata").join(name);
        Some(StoreSettings { path, kind: None, password: Secret::new(password.as_bytes().to_vec()) })
    }

    /// Key store, trust store, and the password of both.
    fn settings(key_store: &str, trust_store: &str, password: &str) -> Settings {
        Settings {
            key_store: store(key_store, password),
            trust_store: store(trust_store, password),
            ..Settings::default()
        }
    }

    fn usual() -> Settings {
        settings("pkcs8.pem", "root.pem", "")
    }

    /// A handshake, until both have done their part; and what the client's next session is resumed with has come.
    fn handshake(
        server: &ServerContext,
        client: &Arc<ClientConfig>,
        host: &str,
    ) -> Result<(ServerConnection, ClientConnection), rustls::Error> {
        let name = ClientContext::server_name(host).unwrap();
        let mut client = ClientConnection::new(Arc::clone(client), name)?;
        let mut server = ServerConnection::new(Arc::clone(server.config()))?;
        while client.wants_write() || server.wants_write() {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).unwrap();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                server.read_tls(&mut rest).unwrap();
                server.process_new_packets()?;
            }
            let mut bytes = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                client.read_tls(&mut rest).unwrap();
                client.process_new_packets()?;
            }
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        Ok((server, client))
    }

    fn both(
        server: &Settings,
        client: &Settings,
        host: &str,
    ) -> Result<(ServerConnection, ClientConnection), rustls::Error> {
        let (server, client) = (ServerContext::load(server).unwrap(), ClientContext::load(client).unwrap());
        handshake(&server, client.config(), host)
    }

    #[test]
    fn every_kind_of_store_makes_connections() {
        for (key_store, trust_store, password, host) in [
            ("pkcs8.pem", "root.pem", "", "zk1.example.org"),
            ("sec1.pem", "root.pem", "", "127.0.0.1"),
            ("java17.p12", "trust17.p12", "paddock-test", "zk1.example.org"),
            ("java8.p12", "trust8.p12", "paddock-test", "[::1]"),
            ("java.jks", "trust.jks", "paddock-test", "a.wild.example.org"),
            ("openssl3.p12", "trust17.p12", "paddock-test", "zk1.example.org"),
            ("pkcs1.pem", "rsa-own.pem", "", "localhost"),
            ("self-signed.p12", "self-signed.pem", "paddock-test", "localhost"),
        ] {
            let settings = settings(key_store, trust_store, password);
            let (server, client) =
                both(&settings, &settings, host).unwrap_or_else(|error| panic!("{key_store} {host}: {error}"));
            assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
            assert_eq!(server.peer_certificates(), client.peer_certificates(), "{key_store}");
        }
    }

    #[test]
    fn clients_without_a_certificate() {
        let without = Settings { key_store: None, ..usual() };
        for (client_auth, may) in [(ClientAuth::Need, false), (ClientAuth::Want, true), (ClientAuth::None, true)] {
            let server = Settings { client_auth, ..usual() };
            assert_eq!(both(&server, &without, "zk1.example.org").is_ok(), may, "{client_auth:?}");
            let (server, _) = both(&server, &usual(), "zk1.example.org").unwrap();
            assert_eq!(server.peer_certificates().is_some(), client_auth != ClientAuth::None);
        }
        // One that is not trusted is refused where one may have none, too.
        let server = Settings { client_auth: ClientAuth::Want, ..usual() };
        let stranger = Settings { key_store: store("pkcs1.pem", ""), ..usual() };
        assert!(both(&server, &stranger, "zk1.example.org").is_err());
        // Without a need of certificates there is no need of a trust store.
        let none = Settings { client_auth: ClientAuth::None, trust_store: None, ..usual() };
        assert!(both(&none, &without, "zk1.example.org").is_ok());
        for client_auth in [ClientAuth::Need, ClientAuth::Want] {
            let error = ServerContext::load(&Settings { client_auth, trust_store: None, ..usual() }).unwrap_err();
            assert!(error.to_string().contains("trustStore.location"), "{error}");
        }
    }

    #[test]
    fn protocols_and_ciphers_have_javas_names() {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let old = Settings { protocols: names(&["TLSv1.2", "TLSv1.1"]), ..usual() };
        let (_, client) = both(&old, &usual(), "zk1.example.org").unwrap();
        assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_2));
        let new = Settings { protocols: names(&["TLSv1.3"]), ..usual() };
        assert!(both(&old, &new, "zk1.example.org").is_err());

        let wanted = names(&["TLS_RSA_WITH_AES_128_CBC_SHA", " TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"]);
        let ciphers = Settings { ciphers: wanted, ..usual() };
        let (_, client) = both(&ciphers, &usual(), "zk1.example.org").unwrap();
        let suite = client.negotiated_cipher_suite().unwrap().suite();
        assert_eq!(suite, rustls::CipherSuite::TLS13_AES_128_GCM_SHA256, "the server's order counts");
        let ciphers = names(&["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]);
        let (_, client) = both(&Settings { ciphers, ..usual() }, &usual(), "zk1.example.org").unwrap();
        assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_2), "no cipher is left for 1.3");

        for (refused, words) in [
            (Settings { protocols: names(&["TLSv1", "SSLv3"]), ..usual() }, "TLSv1, SSLv3"),
            (Settings { ciphers: names(&["TLS_RSA_WITH_AES_128_CBC_SHA"]), ..usual() }, "TLS_RSA_WITH_AES_128_CBC_SHA"),
            (
                Settings {
                    protocols: names(&["TLSv1.3"]),
                    ciphers: names(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]),
                    ..usual()
                },
                "do not go together",
            ),
        ] {
            let error = ServerContext::load(&refused).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert_eq!(ClientContext::load(&refused).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_server_must_be_who_was_sought() {
        let server = ServerContext::load(&usual()).unwrap();
        let client = ClientContext::load(&usual()).unwrap();
        let error = untrusted::words(&handshake(&server, client.config(), "zk2.example.org").unwrap_err());
        assert!(error.contains("not of zk2.example.org but of zk1.example.org"), "{error}");
        // Its address will do where it is named.
        let by_address = client.config_for(vec!["127.0.0.1".into()]);
        assert!(handshake(&server, &by_address, "zk2.example.org").is_ok());
        assert!(handshake(&server, &client.config_for(vec!["127.0.0.2".into()]), "zk2.example.org").is_err());
        let careless = ClientContext::load(&Settings { hostname_verification: false, ..usual() }).unwrap();
        assert!(handshake(&server, careless.config(), "zk2.example.org").is_ok());
        assert!(ClientContext::server_name("no name").is_err());
    }

    #[test]
    fn a_clients_address_is_compared_where_that_is_set() {
        let address = |text: &str| text.parse().unwrap();
        let (connection, _) = both(&usual(), &usual(), "zk1.example.org").unwrap();
        let shown = connection.peer_certificates();
        let context = |client_hostname_verification, hostname_verification, allows_reverse_dns| {
            let settings =
                Settings { client_hostname_verification, hostname_verification, allows_reverse_dns, ..usual() };
            ServerContext::load(&settings).unwrap()
        };
        assert_eq!(context(false, true, true).check_name(shown, address("10.0.0.1")), NameVerdict::Good);
        assert_eq!(context(true, false, true).check_name(shown, address("10.0.0.1")), NameVerdict::Good);
        let strict = context(true, true, false);
        for good in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(strict.check_name(shown, address(good)), NameVerdict::Good, "{good}");
        }
        assert!(matches!(strict.check_name(shown, address("10.0.0.1")), NameVerdict::Bad(_)));
        assert_eq!(strict.check_name(None, address("10.0.0.1")), NameVerdict::Good);
        let looks = context(true, true, true);
        assert_eq!(looks.check_name(shown, address("10.0.0.1")), NameVerdict::NeedsName);
        assert_eq!(looks.check_found_name(shown, "zk1.example.org"), NameVerdict::Good);
        assert!(matches!(looks.check_found_name(shown, "zk9.example.org"), NameVerdict::Bad(_)));
    }

    #[test]
    fn sessions_are_resumed_where_nobody_shows_who_he_is() {
        for protocol in ["TLSv1.2", "TLSv1.3"] {
            let client_auth = ClientAuth::None;
            let settings = Settings { protocols: vec![protocol.into()], client_auth, ..usual() };
            let (server, client) = (ServerContext::load(&settings).unwrap(), ClientContext::load(&settings).unwrap());
            let (first, _) = handshake(&server, client.config(), "zk1.example.org").unwrap();
            let (second, _) = handshake(&server, client.config(), "zk1.example.org").unwrap();
            assert_eq!(first.handshake_kind(), Some(HandshakeKind::Full), "{protocol}");
            assert_eq!(second.handshake_kind(), Some(HandshakeKind::Resumed), "{protocol}");
            // With files read anew every session begins anew: whom they do not trust any more does not come back.
            let reloaded = ServerContext::load(&settings).unwrap();
            let (third, _) = handshake(&reloaded, client.config(), "zk1.example.org").unwrap();
            assert_eq!(third.handshake_kind(), Some(HandshakeKind::Full), "{protocol}");
        }
    }

    /// A certificate is looked at with each connection: it may have expired since the last one.
    #[test]
    fn who_a_client_is_comes_back_with_no_session() {
        for client_auth in [ClientAuth::Want, ClientAuth::Need] {
            for protocol in ["TLSv1.2", "TLSv1.3"] {
                let settings = Settings { protocols: vec![protocol.into()], client_auth, ..usual() };
                let (server, client) =
                    (ServerContext::load(&settings).unwrap(), ClientContext::load(&settings).unwrap());
                for _ in 0..3 {
                    let (connection, _) = handshake(&server, client.config(), "zk1.example.org").unwrap();
                    assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Full), "{client_auth:?} {protocol}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_is_said_in_a_sentence() {
        let lists = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls").join(name);
            Settings { crl: true, crl_file: Some(path), ..usual() }
        };
        for (refused, words) in [
            (Settings { key_store: None, ..usual() }, "keyStore.location"),
            (settings("missing.pem", "root.pem", ""), "missing.pem cannot be read: No such file"),
            (settings("pkcs8.pem", "missing.p12", ""), "missing.p12 cannot be read"),
            (settings(".", "root.pem", ""), "suffix"),
            (settings("java17.p12", "root.pem", "wrong"), "java17.p12 does not open with its password"),
            (settings("dsa.p12", "root.pem", "paddock-test"), "cannot be used (DSA)"),
            (settings("root.pem", "root.pem", ""), "holds no private key"),
            (settings("store.bcfks", "root.pem", ""), "BCFKS"),
            (settings("make.sh", "root.pem", ""), "set its type"),
            (Settings { ocsp: true, ..usual() }, "ssl.crl=true"),
            (Settings { crl: true, ..usual() }, "paddock.ssl.crlFile"),
            (lists("stores/testdata/root.pem"), "no revocation list"),
            (lists("none.crl"), "cannot be read"),
        ] {
            let error = ServerContext::load(&refused).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("paddock-test") && !error.contains('\n'), "{error}");
        }
        assert!(ServerContext::load(&lists("testdata/chains/root.crl")).is_ok());
    }

    #[test]
    fn a_key_must_be_of_its_certificate() {
        let file = std::env::temp_dir().join(format!("paddock-mismatch-{}.pem", std::process::id()));
        let data = |name: &str| {
            let path: PathBuf = store(name, "").unwrap().path;
            std::fs::read_to_string(path).unwrap()
        };
        for (key, certificates) in [
            ("server-key.pem", data("middle.pem") + &data("server-own.pem")),
            ("rsa-key.pem", data("server-own.pem")),
            ("server-key.pem", data("rsa-own.pem")),
        ] {
            std::fs::write(&file, data(key) + &certificates).unwrap();
            let mut mismatched = usual();
            mismatched.key_store.as_mut().unwrap().path = file.clone();
            let error = ServerContext::load(&mismatched).unwrap_err().to_string();
            assert!(error.contains("first certificate"), "{key}: {error}");
        }
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn a_peer_is_shown_the_key_that_it_can_check() {
        let keys = Keys::load(&store("two-keys.p12", "paddock-test").unwrap()).unwrap();
        let shown = |scheme| {
            let key = keys.choose(&[scheme])?;
            Some(Certificate::read(&key.cert[0]).unwrap().key_kind())
        };
        assert_eq!(shown(SignatureScheme::ECDSA_NISTP256_SHA256), Some(KeyKind::Ec(256)));
        assert_eq!(shown(SignatureScheme::RSA_PSS_SHA256), Some(KeyKind::Rsa(2048)));
        assert_eq!(shown(SignatureScheme::ED25519), None);
    }

    #[test]
    fn stores_are_summed_up() {
        let [own, middle] = &summaries(&store("java.jks", "paddock-test").unwrap(), true).unwrap()[..] else {
            panic!()
        };
        assert_eq!(own.subject, "CN=zk1.example.org,O=Paddock tests,C=XX");
        assert_eq!((&own.issuer, own.key), (&middle.subject, KeyKind::Ec(256)));
        assert_eq!(own.not_after - own.not_before, 36_500 * 86_400);
        let [rsa] = &summaries(&store("rsa-own.pem", "").unwrap(), false).unwrap()[..] else { panic!() };
        assert_eq!((rsa.subject.as_str(), rsa.key.to_string().as_str()), ("CN=localhost", "RSA of 2048 bits"));
    }

    /// Connections keep what they were made with, and so does whoever prints a context.
    #[test]
    fn no_key_is_printed() {
        let settings = settings("java17.p12", "trust17.p12", "paddock-test");
        let printed = format!("{settings:?} {:?} {:?}", ServerContext::load(&settings), ClientContext::load(&settings));
        assert!(printed.contains("***") && !printed.contains("paddock-test"));
    }
}
