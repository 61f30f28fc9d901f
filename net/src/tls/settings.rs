//! What the settings of TLS say, whoever they are of: `ssl.*` for clients, `ssl.quorum.*` between servers.

use std::fmt;
use std::path::{Path, PathBuf};

use super::secret::Secret;

/// The settings of one listener, or of whoever connects.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    pub key_store: Option<StoreSettings>,
    pub trust_store: Option<StoreSettings>,
    /// `ssl.enabledProtocols`, or else `ssl.protocol` alone, by Java's names (`TLSv1.2`, `TLSv1.3`); empty for both.
    pub protocols: Vec<String>,
    /// `ssl.ciphersuites` by Java's names; empty for all that there are.
    pub ciphers: Vec<String>,
    pub client_auth: ClientAuth,
    /// Whether whoever connects compares the server's name with its certificate.
    pub hostname_verification: bool,
    /// Whether who accepts compares the client's address, and its name, with its certificate. Of no effect without
    /// `hostname_verification`, as with ZooKeeper.
    pub client_hostname_verification: bool,
    /// Whether a peer's name may be looked up by its address for that.
    pub allows_reverse_dns: bool,
    /// `fips-mode`: names are then compared as Java does it by itself, and not as ZooKeeper's own trust manager does.
    pub fips_mode: bool,
    /// Whether certificates are looked up in revocation lists: those of `crl_file`.
    pub crl: bool,
    /// `paddock.ssl.crlFile` or its like: revocation lists, PEM (any number) or DER (one).
    pub crl_file: Option<PathBuf>,
    /// Whether a certificate's issuer is asked about it. Refused: see [`super::context::ServerContext::load`].
    pub ocsp: bool,
}

impl Default for Settings {
    /// What ZooKeeper has for clients where nothing is set.
    fn default() -> Settings {
        Settings {
            key_store: None,
            trust_store: None,
            protocols: Vec::new(),
            ciphers: Vec::new(),
            client_auth: ClientAuth::Need,
            hostname_verification: true,
            client_hostname_verification: false,
            allows_reverse_dns: false,
            fips_mode: true,
            crl: false,
            crl_file: None,
            ocsp: false,
        }
    }
}

impl Settings {
    /// The files that contexts of these settings are made of: when one of them changes, they must be made anew.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let stores = [&self.key_store, &self.trust_store];
        let crl_file = if self.crl { self.crl_file.as_deref() } else { None };
        stores.into_iter().flatten().map(|store| store.path.as_path()).chain(crl_file)
    }
}

/// A key store or a trust store.
#[derive(Clone, PartialEq, Debug)]
pub struct StoreSettings {
    pub path: PathBuf,
    /// `None`: by the suffix of the file.
    pub kind: Option<StoreKind>,
    /// Empty for none.
    pub password: Secret,
}

impl StoreSettings {
    /// The kind of the store: what is set, or what its suffix says.
    ///
    /// # Errors
    /// A suffix that says nothing.
    pub fn kind(&self) -> Result<StoreKind, BadStoreKind> {
        match self.kind {
            Some(kind) => Ok(kind),
            None => StoreKind::of_suffix(&self.path),
        }
    }
}

/// What a store is written in. Java reads both of its own formats under either name; so do we.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreKind {
    Pem,
    Pkcs12,
    Jks,
}

impl StoreKind {
    /// By the value of `ssl.*.type`, in capitals or not. An empty value is no value: `None`.
    ///
    /// # Errors
    /// A value that names no kind that can be read.
    pub fn of_value(value: &str) -> Result<Option<StoreKind>, BadStoreKind> {
        match value.to_ascii_uppercase().as_str() {
            "" => Ok(None),
            "PEM" => Ok(Some(StoreKind::Pem)),
            "PKCS12" => Ok(Some(StoreKind::Pkcs12)),
            "JKS" => Ok(Some(StoreKind::Jks)),
            "BCFKS" => Err(BadStoreKind::BouncyCastle),
            _ => Err(BadStoreKind::Unknown),
        }
    }

    /// By the end of a file's name, in small letters, as ZooKeeper does it.
    ///
    /// # Errors
    /// A suffix that is of no kind that can be read.
    pub fn of_suffix(path: &Path) -> Result<StoreKind, BadStoreKind> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match name.rsplit_once('.').map(|(_, suffix)| suffix) {
            Some("pem") => Ok(StoreKind::Pem),
            Some("p12") => Ok(StoreKind::Pkcs12),
            Some("jks") => Ok(StoreKind::Jks),
            Some("bcfks") => Err(BadStoreKind::BouncyCastle),
            _ => Err(BadStoreKind::Unknown),
        }
    }
}

/// A kind of store that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadStoreKind {
    /// BCFKS, which is Bouncy Castle's own.
    BouncyCastle,
    Unknown,
}

impl fmt::Display for BadStoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadStoreKind::BouncyCastle => {
                "is a store of Bouncy Castle (BCFKS), which only Java with its library reads: convert it to PKCS12 with \
                 keytool -importkeystore -deststoretype PKCS12"
            }
            BadStoreKind::Unknown => {
                "has neither the suffix .pem, .p12 or .jks, nor a type that is PEM, PKCS12 or JKS: set its type"
            }
        })
    }
}

impl std::error::Error for BadStoreKind {}

/// Whether a client must show a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ClientAuth {
    /// It is not asked for one.
    None,
    /// It is asked, and may have none; one that is not trusted is refused.
    Want,
    #[default]
    Need,
}

impl ClientAuth {
    /// By the value of `ssl.clientAuth`, in capitals or not; an empty one stands for the default. `None` for any other.
    pub fn of_value(value: &str) -> Option<ClientAuth> {
        match value.to_ascii_lowercase().as_str() {
            "none" => Some(ClientAuth::None),
            "want" => Some(ClientAuth::Want),
            "need" | "" => Some(ClientAuth::Need),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{BadStoreKind, ClientAuth, StoreKind};

    #[test]
    fn kinds_are_named_as_in_zookeeper() {
        for (value, kind) in [
            ("pem", Ok(Some(StoreKind::Pem))),
            ("Pkcs12", Ok(Some(StoreKind::Pkcs12))),
            ("JKS", Ok(Some(StoreKind::Jks))),
            ("", Ok(None)),
            ("bcfks", Err(BadStoreKind::BouncyCastle)),
            ("p12", Err(BadStoreKind::Unknown)),
        ] {
            assert_eq!(StoreKind::of_value(value), kind, "{value}");
        }
    }

    #[test]
    fn suffixes_are_in_small_letters() {
        for (name, kind) in [
            ("/etc/zk/server.pem", Ok(StoreKind::Pem)),
            ("server.tls.p12", Ok(StoreKind::Pkcs12)),
            ("server.jks", Ok(StoreKind::Jks)),
            ("server.bcfks", Err(BadStoreKind::BouncyCastle)),
            ("server.JKS", Err(BadStoreKind::Unknown)),
            ("server.pfx", Err(BadStoreKind::Unknown)),
            ("/etc/zk.jks/server", Err(BadStoreKind::Unknown)),
            ("", Err(BadStoreKind::Unknown)),
        ] {
            assert_eq!(StoreKind::of_suffix(Path::new(name)), kind, "{name}");
        }
    }

    #[test]
    fn client_auth_is_need_unless_it_is_set() {
        assert_eq!(ClientAuth::of_value(""), Some(ClientAuth::Need));
        assert_eq!(ClientAuth::of_value("WANT"), Some(ClientAuth::Want));
        assert_eq!(ClientAuth::of_value("no"), None);
    }
}
