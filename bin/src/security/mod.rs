//! How the clients of this program come to a server: with TLS or without, with a login by SASL or without, by the settings of ZooKeeper's Java client.
//!
//! | file | is |
//! |---|---|
//! | `properties` | the settings |
//! | `login` | who a client is, by SASL |
//! | `stream` | a socket that never blocks |
//! | `waiting_stream` | a socket that waits |

mod login;
pub mod properties;
mod stream;
mod waiting_stream;

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use paddock_net::tls::TlsError;
use paddock_net::tls::context::ClientContext;
use paddock_net::tls::secret::Secret;
use paddock_net::tls::settings::{Settings, StoreKind, StoreSettings};
use rustls::{ClientConnection, StreamOwned};

pub use self::login::Login;
use self::properties::{Properties, PropertyArgs};
use self::stream::Secure;
pub use self::stream::Stream;
pub use self::waiting_stream::WaitingStream;

/// What connections of a client are made with. Cloned for a price of nothing.
#[derive(Clone, Default, Debug)]
pub struct Security {
    tls: Option<ClientContext>,
    login: Option<Login>,
}

impl Security {
    /// As the arguments of a command say.
    ///
    /// # Errors
    /// As of [`Security::of`].
    pub fn of_arguments(arguments: &PropertyArgs) -> Result<Security, String> {
        Security::of(&arguments.read()?)
    }

    /// By settings of ZooKeeper's Java client. `zookeeper.clientCnxnSocket`, which Java wants for TLS, makes no difference.
    ///
    /// # Errors
    /// A sentence: which file or setting is wrong, and what to do.
    pub fn of(properties: &Properties) -> Result<Security, String> {
        let login = Login::of(properties)?;
        let reached = match properties.flag("zookeeper.client.secure", false) {
            true => Security::with_tls(properties)?,
            false => Security::default(),
        };
        Ok(Security { login, ..reached })
    }

    /// Whether a client logs in by SASL.
    pub fn logs_in(&self) -> bool {
        self.login.is_some()
    }

    /// With TLS, whatever `zookeeper.client.secure` says.
    ///
    /// # Errors
    /// As of [`Security::of`].
    pub fn with_tls(properties: &Properties) -> Result<Security, String> {
        let settings = tls_settings(properties)?;
        let context = ClientContext::load(&settings).map_err(|error: TlsError| format!("TLS: {error}"))?;
        Ok(Security { tls: Some(context), login: None })
    }

    /// Who each session logs in as, if it does.
    pub fn login(&self) -> Option<Login> {
        self.login.clone()
    }

    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// A socket that never blocks, to the server at `host`.
    ///
    /// # Errors
    /// If no certificate can be of such a host.
    pub fn over<S: Read + Write>(&self, socket: S, host: &str) -> io::Result<Stream<S>> {
        Ok(match self.begin(host)? {
            None => Stream::Plain(socket),
            Some(tls) => Stream::Secure(Box::new(Secure::new(tls, socket))),
        })
    }

    /// The same for one that waits. With TLS nothing is shaken until something is written or read.
    ///
    /// # Errors
    /// If no certificate can be of such a host.
    pub fn waiting(&self, socket: TcpStream, host: &str) -> io::Result<WaitingStream> {
        Ok(match self.begin(host)? {
            None => WaitingStream::Plain(socket),
            Some(tls) => WaitingStream::Secure(Box::new(StreamOwned::new(tls, socket))),
        })
    }

    fn begin(&self, host: &str) -> io::Result<Option<ClientConnection>> {
        let Some(context) = &self.tls else { return Ok(None) };
        let invalid = |error: &dyn std::fmt::Display| io::Error::new(ErrorKind::InvalidInput, error.to_string());
        let name = ClientContext::server_name(host).map_err(|error| invalid(&error))?;
        let connection = ClientConnection::new(context.config().clone(), name).map_err(|error| invalid(&error))?;
        Ok(Some(connection))
    }
}

fn tls_settings(properties: &Properties) -> Result<Settings, String> {
    let get = |name: &str| properties.get(&format!("zookeeper.ssl.{name}"));
    let flag = |name: &str, otherwise| properties.flag(&format!("zookeeper.ssl.{name}"), otherwise);
    let protocols = get("enabledProtocols").or(get("protocol"));
    let listed = |text: Option<&str>| text.into_iter().flat_map(|text| text.split(',')).map(str::to_owned).collect();
    Ok(Settings {
        key_store: store(properties, "keyStore")?,
        trust_store: store(properties, "trustStore")?,
        protocols: listed(protocols),
        ciphers: listed(get("ciphersuites")),
        hostname_verification: flag("hostnameVerification", true),
        allows_reverse_dns: flag("allowReverseDnsLookup", false),
        fips_mode: properties.flag("zookeeper.fips-mode", true),
        crl: flag("crl", false),
        ocsp: flag("ocsp", false),
        ..Settings::default()
    })
}

fn store(properties: &Properties, kind: &str) -> Result<Option<StoreSettings>, String> {
    let name = |what: &str| format!("zookeeper.ssl.{kind}.{what}");
    let get = |what: &str| properties.get(&name(what));
    let Some(location) = get("location") else { return Ok(None) };
    let of_value = StoreKind::of_value(get("type").unwrap_or_default());
    let of_kind = of_value.map_err(|bad| format!("{}: {location} {bad}", name("type")))?;
    let password = match get("passwordPath") {
        Some(path) => Secret::read_file(path.as_ref())
            .map_err(|error| format!("{}: {path} cannot be read: {error}", name("passwordPath")))?,
        None => Secret::new(get("password").unwrap_or_default().as_bytes().to_vec()),
    };
    Ok(Some(StoreSettings { path: PathBuf::from(location), kind: of_kind, password }))
}

#[cfg(test)]
mod tests {
    use super::{Properties, Security, tls_settings};

    fn properties(text: &str) -> Properties {
        let mut set = Properties::default();
        set.take_text(text.as_bytes()).unwrap();
        set
    }

    #[test]
    fn settings_are_those_of_javas_client() {
        let settings = tls_settings(&properties(
            "zookeeper.ssl.keyStore.location=/k.jks\nzookeeper.ssl.keyStore.password=hush\nzookeeper.ssl.protocol=TLSv1.2\n\
             zookeeper.ssl.ciphersuites=a,b\nzookeeper.ssl.hostnameVerification=false\nzookeeper.fips-mode=false\n",
        ));
        let settings = settings.unwrap();
        let keys = settings.key_store.unwrap();
        assert_eq!((keys.path.to_str(), keys.password.bytes()), (Some("/k.jks"), &b"hush"[..]));
        assert!(settings.trust_store.is_none() && !settings.hostname_verification && !settings.fips_mode);
        assert_eq!((settings.protocols, settings.ciphers.len()), (vec!["TLSv1.2".to_owned()], 2));
    }

    #[test]
    fn tls_is_what_is_asked_for() {
        let of = |text: &str| Security::of(&properties(text));
        assert!(!of("zookeeper.ssl.keyStore.location=/none\n").unwrap().has_tls());
        let why = of("zookeeper.client.secure=true\n").unwrap_err();
        assert!(why.contains("trustStore.location"), "{why}");
        let why = of("zookeeper.client.secure=true\nzookeeper.ssl.trustStore.location=/none.pem\n").unwrap_err();
        assert!(why.contains("/none.pem"), "{why}");
        let stores = "zookeeper.ssl.trustStore.location=/none.pem\nzookeeper.ssl.trustStore.passwordPath=/no\n";
        let why = of(&format!("zookeeper.client.secure=true\n{stores}")).unwrap_err();
        assert!(why.contains("passwordPath: /no cannot be read"), "{why}");
    }
}
