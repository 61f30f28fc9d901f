//! TLS of what is served by HTTP: of the AdminServer by the stores of the servers, as ZooKeeper has it, and of the exporter of
//! metrics by its own.

use paddock_net::tls::settings::{ClientAuth, Settings};

use super::assembly::Assembly;
use super::error::ConfigError;
use super::settings::Setting;

/// How a port takes TLS.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpTlsSettings {
    pub tls: Settings,
    /// Plain HTTP is served at the same port.
    pub takes_plain: bool,
}

impl Assembly<'_> {
    /// TLS of the AdminServer, if it is wanted.
    ///
    /// # Errors
    /// The key that wants it, where there is no key store.
    pub(super) fn admin_tls(&mut self) -> Result<Option<HttpTlsSettings>, ConfigError> {
        let (force, unify) = ("admin.forceHttps", "admin.portUnification");
        let forces = self.flag(force);
        if !forces && !self.flag(unify) {
            return Ok(None);
        }
        let key_store = self.store("ssl.quorum.keyStore")?;
        if key_store.is_none() {
            let key = if forces { force } else { unify };
            return Err(
                self.refused_http(key, "HTTPS takes a key; set ssl.quorum.keyStore.location, as ZooKeeper wants it")
            );
        }
        let client_auth = if self.flag("admin.needClientAuth") { ClientAuth::Need } else { ClientAuth::None };
        let trust_store = self.store("ssl.quorum.trustStore")?;
        let tls = Settings { key_store, trust_store, client_auth, ..Settings::default() };
        Ok(Some(HttpTlsSettings { tls, takes_plain: !forces }))
    }

    /// TLS of the exporter, whose keys begin with `metricsProvider.ssl.`.
    ///
    /// # Errors
    /// `httpsPort`, where there is no key store.
    pub(super) fn exporter_tls(&mut self) -> Result<Settings, ConfigError> {
        let prefix = "metricsProvider.ssl.";
        let flag = |name: &str| {
            let text = self.text(&format!("{prefix}{name}"));
            text.is_none_or(|text| text.eq_ignore_ascii_case("true"))
        };
        let list = |name: &str| -> Vec<String> {
            let text = self.text(&format!("{prefix}{name}")).unwrap_or_default();
            text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
        };
        let client_auth = match (flag("need.client.auth"), flag("want.client.auth")) {
            (true, _) => ClientAuth::Need,
            (false, true) => ClientAuth::Want,
            (false, false) => ClientAuth::None,
        };
        let key_store = self.store("metricsProvider.ssl.keyStore")?;
        if key_store.is_none() {
            return Err(self.refused_http(
                "metricsProvider.httpsPort",
                "HTTPS takes a key; set metricsProvider.ssl.keyStore.location",
            ));
        }
        Ok(Settings {
            key_store,
            trust_store: self.store("metricsProvider.ssl.trustStore")?,
            protocols: list("enabledProtocols"),
            ciphers: list("ciphersuites"),
            client_auth,
            ..Settings::default()
        })
    }

    /// The refusal of a key that somebody wrote.
    fn refused_http(&self, key: &str, problem: &str) -> ConfigError {
        let Setting { place, spelled, .. } = self.settings.given(key).expect("its default is not refused").clone();
        ConfigError::Refused { place, key: spelled, problem: problem.to_owned() }
    }
}
