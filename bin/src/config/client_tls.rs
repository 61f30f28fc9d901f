//! TLS of the ports for clients: `ssl.*`, and who comes to which port.

use std::path::{Path, PathBuf};

use paddock_net::tls::secret::Secret;
use paddock_net::tls::settings::{ClientAuth, Settings, StoreKind, StoreSettings};

use super::assembly::{Assembly, count};
use super::error::ConfigError;
use super::settings::Setting;
use super::value::{Value, shown};

/// What the ports for clients are told of TLS, where one of them has it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientTlsSettings {
    pub tls: Settings,
    /// At `clientPort` the first byte tells whether a client speaks TLS.
    pub unifies: bool,
    /// TLS handshakes that may be under way at once; `None` is no limit.
    pub handshakes_max: Option<u32>,
    /// Secure connections are closed before their handshakes while nobody is served.
    pub drops_early: bool,
}

impl Assembly<'_> {
    /// `None` where no port for clients has TLS.
    pub(super) fn client_tls(
        &mut self,
        has_plain: bool,
        has_secure: bool,
    ) -> Result<Option<ClientTlsSettings>, ConfigError> {
        let unifies = has_plain && self.flag("client.portUnification");
        if !has_secure && !unifies {
            return Ok(None);
        }
        if self.text("ssl.keyStore.location").unwrap_or_default().is_empty() {
            return Err(self.refuse_without_key());
        }
        Ok(Some(ClientTlsSettings {
            tls: self.tls_settings("ssl.", "paddock.ssl.crlFile")?,
            unifies,
            handshakes_max: Some(count(self.number("netty.server.outstandingHandshake.limit"))).filter(|max| *max > 0),
            drops_early: self.flag("netty.server.earlyDropSecureConnectionHandshakes"),
        }))
    }

    /// Without a key no handshake could succeed.
    fn refuse_without_key(&self) -> ConfigError {
        let of_port =
            ["secureClientPort", "client.portUnification"].into_iter().find_map(|key| self.settings.given(key));
        let problem = "it takes a key to speak TLS; set ssl.keyStore.location to a store with the key and the certificate of \
                       this server (PEM, PKCS12 or JKS)";
        match of_port {
            Some(Setting { place, spelled, .. }) => {
                ConfigError::Refused { place: place.clone(), key: spelled.clone(), problem: problem.to_owned() }
            }
            // The port is in the line of this server.
            None => ConfigError::Missing {
                file: self.file.map(Path::to_owned).unwrap_or_default(),
                key: "ssl.keyStore.location",
                advice: problem,
            },
        }
    }

    /// The settings of TLS whose keys begin with `prefix`, such as `ssl.`; `crl_key` names the file of revocation lists.
    pub(super) fn tls_settings(&self, prefix: &str, crl_key: &str) -> Result<Settings, ConfigError> {
        let key = |name: &str| format!("{prefix}{name}");
        let default = Settings::default();
        let switch = |name: &str, otherwise: bool| match self.settings.given(&key(name)).map(|setting| &setting.value) {
            Some(Value::Bool(flag)) => *flag,
            _ => otherwise,
        };
        let list = |name: &str| -> Option<Vec<String>> {
            let text = self.text(&key(name)).filter(|text| !text.trim().is_empty())?;
            Some(text.split(',').map(|item| item.trim().to_owned()).collect())
        };
        let client_auth = self.text(&key("clientAuth")).unwrap_or_default();
        Ok(Settings {
            key_store: self.store(&key("keyStore"))?,
            trust_store: self.store(&key("trustStore"))?,
            protocols: list("enabledProtocols").or_else(|| list("protocol")).unwrap_or_default(),
            ciphers: list("ciphersuites").unwrap_or_default(),
            client_auth: ClientAuth::of_value(&client_auth).expect("the kind of the key takes no other words"),
            hostname_verification: switch("hostnameVerification", default.hostname_verification),
            client_hostname_verification: switch("clientHostnameVerification", default.client_hostname_verification),
            allows_reverse_dns: switch("allowReverseDnsLookup", default.allows_reverse_dns),
            fips_mode: self.flag("fips-mode"),
            crl: switch("crl", default.crl),
            crl_file: self.text(crl_key).map(PathBuf::from),
            ocsp: switch("ocsp", default.ocsp),
        })
    }

    /// The store whose keys begin with `prefix`, such as `ssl.keyStore`, if there is one.
    pub(super) fn store(&self, prefix: &str) -> Result<Option<StoreSettings>, ConfigError> {
        let Some(path) = self.text(&format!("{prefix}.location")).filter(|path| !path.is_empty()) else {
            return Ok(None);
        };
        let kind = match self.settings.given(&format!("{prefix}.type")) {
            None => None,
            Some(Setting { text, place, spelled, .. }) => StoreKind::of_value(text).map_err(|problem| {
                let problem = format!("the store {} {problem}", shown(&path));
                ConfigError::Refused { place: place.clone(), key: spelled.clone(), problem }
            })?,
        };
        Ok(Some(StoreSettings { path: PathBuf::from(path), kind, password: self.password(prefix)? }))
    }

    /// What stands in the file that `passwordPath` names, or else `password` itself; empty without either.
    fn password(&self, prefix: &str) -> Result<Secret, ConfigError> {
        let path = self.text(&format!("{prefix}.passwordPath")).filter(|path| !path.is_empty());
        match path.map(PathBuf::from) {
            Some(file) => Secret::read_file(&file).map_err(|source| ConfigError::Unreadable { file, source }),
            None => Ok(Secret::new(self.text(&format!("{prefix}.password")).unwrap_or_default().into_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assembly::tests::assemble_in;
    use super::*;

    fn load(lines: &str) -> Result<Option<ClientTlsSettings>, String> {
        let text = format!("dataDir=/data\n{lines}");
        let loaded = assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), &[]).map_err(|error| error.to_string())?;
        Ok(loaded.config.client_tls)
    }

    fn of(lines: &str) -> ClientTlsSettings {
        load(lines).unwrap_or_else(|error| panic!("{lines:?}: {error}")).expect(lines)
    }

    const SECURE: &str = "secureClientPort=2281\nssl.keyStore.location=/k.p12\nssl.keyStore.password=hush\n";

    #[test]
    fn without_a_port_for_it_there_is_no_tls() {
        assert_eq!(load("clientPort=2181\nssl.keyStore.location=/k.p12").unwrap(), None);
        assert_eq!(load("clientPort=2181\nclient.portUnification=false").unwrap(), None);
        let unified = of("clientPort=2181\nclient.portUnification=true\nssl.keyStore.location=/k.pem");
        assert!(unified.unifies);
        assert!(!of(SECURE).unifies);
        assert!(!of(&format!("{SECURE}client.portUnification=true")).unifies, "there is no plain port");
    }

    #[test]
    fn defaults_are_zookeepers() {
        let ClientTlsSettings { tls, handshakes_max, drops_early, .. } = of(SECURE);
        let store = StoreSettings { path: "/k.p12".into(), kind: None, password: Secret::new(b"hush".to_vec()) };
        assert_eq!(tls, Settings { key_store: Some(store), ..Settings::default() });
        assert_eq!(tls.client_auth, ClientAuth::Need);
        assert_eq!((handshakes_max, drops_early), (None, false));
    }

    #[test]
    fn everything_can_be_said() {
        let lines = "ssl.keyStore.type=pem\nssl.trustStore.location=/t\nssl.trustStore.type=JKS\n\
                     ssl.enabledProtocols=TLSv1.3, TLSv1.2\nssl.protocol=TLSv1.2\nssl.ciphersuites=A,B\nssl.clientAuth=WANT\n\
                     ssl.hostnameVerification=false\nssl.clientHostnameVerification=true\nssl.allowReverseDnsLookup=true\n\
                     ssl.crl=true\npaddock.ssl.crlFile=/crl.pem\nfips-mode=false\n\
                     netty.server.outstandingHandshake.limit=7\nnetty.server.earlyDropSecureConnectionHandshakes=true";
        let ClientTlsSettings { tls, handshakes_max, drops_early, .. } = of(&format!("{SECURE}{lines}"));
        assert_eq!(tls.key_store.map(|store| store.kind), Some(Some(StoreKind::Pem)));
        let trust = tls.trust_store.expect("it is named");
        assert_eq!((trust.kind, trust.password.is_empty()), (Some(StoreKind::Jks), true));
        assert_eq!(tls.protocols, ["TLSv1.3", "TLSv1.2"]);
        assert_eq!(tls.ciphers, ["A", "B"]);
        assert_eq!(tls.client_auth, ClientAuth::Want);
        assert!(
            !tls.hostname_verification && tls.client_hostname_verification && tls.allows_reverse_dns && !tls.fips_mode
        );
        assert_eq!((tls.crl, tls.crl_file), (true, Some("/crl.pem".into())));
        assert_eq!((handshakes_max, drops_early), (Some(7), true));
        assert_eq!(of(&format!("{SECURE}ssl.protocol=TLSv1.2")).tls.protocols, ["TLSv1.2"]);
        assert_eq!(of(&format!("{SECURE}outstandingHandshake.limit=8")).handshakes_max, Some(8));
    }

    #[test]
    fn refusals() {
        for (lines, expected) in [
            (
                "secureClientPort=1",
                "zoo.cfg:2: secureClientPort: it takes a key to speak TLS; set ssl.keyStore.location",
            ),
            ("clientPort=1\nclient.portUnification=true", "zoo.cfg:3: client.portUnification: it takes a key"),
            ("server.1=h:1:2;5;6", "zoo.cfg: ssl.keyStore.location is not set; it takes a key"),
            (
                "secureClientPort=1\nssl.keyStore.location=k\nssl.keyStore.type=BCFKS",
                "zoo.cfg:4: ssl.keyStore.type: the store \"k\" is a store of Bouncy Castle (BCFKS)",
            ),
            (
                "secureClientPort=1\nssl.keyStore.location=k\nssl.clientAuth=maybe",
                "zoo.cfg:4: ssl.clientAuth: \"maybe\"",
            ),
            (
                "secureClientPort=1\nssl.keyStore.location=k\nssl.keyStore.passwordPath=/no/such/file",
                "/no/such/file: the file cannot be read",
            ),
        ] {
            let error = load(lines).expect_err(lines);
            assert!(error.starts_with(expected), "{lines:?}: {error}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        assert!(!format!("{:?}", of(SECURE)).contains("hush"));
    }
}
