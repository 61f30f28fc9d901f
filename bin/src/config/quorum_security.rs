//! How the servers of an ensemble make sure of each other: `sslQuorum`, `ssl.quorum.*`, `quorum.auth.*`.

use std::path::PathBuf;

use paddock_net::tls::settings::{ClientAuth, Settings};

use super::assembly::Assembly;
use super::error::ConfigError;
use super::settings::Setting;
use crate::jaas_file;

/// Where Java finds the JAAS file.
const JAAS: &str = "java.security.auth.login.config";
const ENABLE: &str = "quorum.auth.enableSasl";
const LEARNER_REQUIRES: &str = "quorum.auth.learnerRequireSasl";
const SERVER_REQUIRES: &str = "quorum.auth.serverRequireSasl";
/// Each of these is refused without the other: without SASL at all there is none to require, and a server that does not
/// authenticate could not come to the others.
const REQUIREMENTS: [(&str, &str); 3] =
    [(SERVER_REQUIRES, ENABLE), (LEARNER_REQUIRES, ENABLE), (SERVER_REQUIRES, LEARNER_REQUIRES)];

/// Neither by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuorumSecurity {
    /// `sslQuorum` or `portUnification` is on.
    pub tls: Option<QuorumTls>,
    /// `quorum.auth.enableSasl` is on.
    pub sasl: Option<QuorumSasl>,
}

impl QuorumSecurity {
    /// Whether a stranger who reaches the ports is taken for a server.
    pub fn lets_strangers_in(&self) -> bool {
        let takes_plaintext = self.tls.as_ref().is_none_or(|tls| tls.takes_plaintext);
        let asks_nobody = self.tls.as_ref().is_some_and(|tls| tls.settings.client_auth != ClientAuth::Need);
        (takes_plaintext || asks_nobody) && self.sasl.as_ref().is_none_or(|sasl| !sasl.server_requires)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct QuorumTls {
    /// Connections that this server begins are TLS: `sslQuorum`.
    pub dials: bool,
    /// Whoever connects may do so without TLS: `portUnification`.
    pub takes_plaintext: bool,
    /// Files that have changed are read again: `sslQuorumReloadCertFiles`.
    pub reloads: bool,
    pub settings: Settings,
}

#[derive(Debug, Clone, PartialEq)]
pub struct QuorumSasl {
    /// This server authenticates where it dials others.
    pub learner_requires: bool,
    /// Nobody is let in who does not authenticate.
    pub server_requires: bool,
    /// Sections of the JAAS file.
    pub learner_context: String,
    pub server_context: String,
    /// `_HOST` in it is the host of the server that is dialled.
    pub service_principal: String,
    pub jaas: PathBuf,
    /// `fips-mode`, which has no DIGEST-MD5.
    pub is_fips: bool,
}

impl Assembly<'_> {
    /// Refuses what would keep this server out, or lets nobody be asked, as ZooKeeper does of every server.
    pub(super) fn refuse_requirements(&self) -> Result<(), ConfigError> {
        for (requirement, needed) in REQUIREMENTS {
            if self.flag(requirement) && !self.flag(needed) {
                let problem = format!("it needs {needed}, which is off; set {needed}=true");
                return Err(self.refused(requirement, problem));
            }
        }
        Ok(())
    }

    /// How a member of an ensemble makes sure of the others.
    pub(super) fn quorum_security(&mut self) -> Result<QuorumSecurity, ConfigError> {
        let (dials, takes_plaintext) = (self.flag("sslQuorum"), self.flag("portUnification"));
        let tls = match dials || takes_plaintext {
            true => Some(QuorumTls {
                dials,
                takes_plaintext,
                reloads: self.flag("sslQuorumReloadCertFiles"),
                settings: self.quorum_tls(if dials { "sslQuorum" } else { "portUnification" })?,
            }),
            false => None,
        };
        let sasl = if self.flag(ENABLE) { Some(self.quorum_sasl()?) } else { None };
        Ok(QuorumSecurity { tls, sasl })
    }

    /// `switch` is what asks for them.
    fn quorum_tls(&self, switch: &'static str) -> Result<Settings, ConfigError> {
        let settings = self.tls_settings("ssl.quorum.", "paddock.ssl.quorum.crlFile")?;
        for (store, name, what) in [
            (&settings.key_store, "keyStore", "a certificate of this server and its key"),
            (&settings.trust_store, "trustStore", "the certificates of whom it trusts"),
        ] {
            if store.is_none() {
                let problem =
                    format!("TLS between servers needs {what}; set ssl.quorum.{name}.location, or {switch}=false");
                return Err(self.refused(switch, problem));
            }
        }
        // Unlike clients, whoever connects is looked at too.
        let otherwise = |key: &str, given: bool| self.settings.given(key).is_none() || given;
        // Java's own trust manager, which fips-mode leaves alone, looks at no names of sockets.
        let hostname_verification = settings.hostname_verification && !settings.fips_mode;
        Ok(Settings {
            hostname_verification,
            client_hostname_verification: hostname_verification
                && otherwise("ssl.quorum.clientHostnameVerification", settings.client_hostname_verification),
            allows_reverse_dns: otherwise("ssl.quorum.allowReverseDnsLookup", settings.allows_reverse_dns),
            ..settings
        })
    }

    fn quorum_sasl(&self) -> Result<QuorumSasl, ConfigError> {
        let Some(jaas) = self.text(JAAS).and_then(|jaas| jaas_file::path(&jaas)) else {
            let problem = format!("SASL between servers needs a JAAS file; name it with -D{JAAS}=/path/of/jaas.conf");
            return Err(self.refused(ENABLE, problem));
        };
        let text = |key: &str, default: &str| self.text(key).unwrap_or_else(|| default.to_owned());
        Ok(QuorumSasl {
            learner_requires: self.flag(LEARNER_REQUIRES),
            server_requires: self.flag(SERVER_REQUIRES),
            learner_context: text("quorum.auth.learner.saslLoginContext", "QuorumLearner"),
            server_context: text("quorum.auth.server.saslLoginContext", "QuorumServer"),
            service_principal: text("quorum.auth.kerberos.servicePrincipal", "zkquorum/localhost"),
            jaas,
            is_fips: self.flag("fips-mode"),
        })
    }

    /// The refusal of a key that somebody wrote.
    fn refused(&self, key: &str, problem: String) -> ConfigError {
        let Setting { place, spelled, .. } = self.settings.given(key).expect("its default is not refused").clone();
        ConfigError::Refused { place, key: spelled, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assembly::tests::assemble_in;
    use super::*;

    const MEMBER: &str = "dataDir=/data\nclientPort=2181\ninitLimit=10\nsyncLimit=5\nserver.1=a:1:2\nserver.2=b:1:2\n";
    const STORES: &str = "ssl.quorum.keyStore.location=/k.pem\nssl.quorum.trustStore.location=/t.p12\n";

    /// What a member with these lines from the seventh on is told.
    fn security(lines: &str, options: &[(&str, &str)]) -> Result<QuorumSecurity, String> {
        let text = format!("{MEMBER}{lines}");
        let files = [("zoo.cfg", text.as_str()), ("/data/myid", "1")];
        let loaded = assemble_in(&files, Some("zoo.cfg"), options).map_err(|error| error.to_string())?;
        Ok(loaded.config.ensemble.expect("there are two servers").security)
    }

    fn tls(lines: &str) -> QuorumTls {
        let security = security(&format!("{STORES}{lines}"), &[]).unwrap_or_else(|error| panic!("{lines:?}: {error}"));
        security.tls.unwrap_or_else(|| panic!("{lines:?}"))
    }

    #[test]
    fn nothing_is_secured_unless_a_switch_says_so() {
        for lines in ["", STORES, "ssl.quorum.keyStore.type=BCFKS", "sslQuorumReloadCertFiles=true"] {
            assert_eq!(security(lines, &[]), Ok(QuorumSecurity::default()), "{lines}");
        }
    }

    #[test]
    fn every_key_of_tls_reaches_its_field() {
        let usual = tls("sslQuorum=true");
        assert!(usual.dials && !usual.takes_plaintext && !usual.reloads);
        let differs = |line: &str, field: &dyn Fn(&Settings) -> String, expected: &str| {
            assert_eq!(field(&tls(&format!("sslQuorum=true\n{line}")).settings), expected, "{line}");
            assert_ne!(field(&usual.settings), expected, "{line} is the default");
        };
        let store = |settings: &Settings| settings.key_store.clone().expect("it is set");
        differs("ssl.quorum.keyStore.type=jks", &|s| format!("{:?}", store(s).kind), "Some(Jks)");
        differs("ssl.quorum.keyStore.password=x", &|s| format!("{:?}", store(s).password.bytes()), "[120]");
        differs("ssl.quorum.protocol=TLSv1.2", &|s| s.protocols.join(" "), "TLSv1.2");
        differs("ssl.quorum.enabledProtocols=TLSv1.2,TLSv1.3", &|s| s.protocols.join(" "), "TLSv1.2 TLSv1.3");
        differs("ssl.quorum.ciphersuites=A, B", &|s| s.ciphers.join(" "), "A B");
        differs("ssl.quorum.clientAuth=none", &|s| format!("{:?}", s.client_auth), "None");
        differs("ssl.quorum.allowReverseDnsLookup=false", &|s| s.allows_reverse_dns.to_string(), "false");
        differs("ssl.quorum.crl=true", &|s| s.crl.to_string(), "true");
        differs("ssl.quorum.ocsp=true", &|s| s.ocsp.to_string(), "true");
        let unified = tls("portUnification=true\nsslQuorumReloadCertFiles=true");
        assert!(!unified.dials && unified.takes_plaintext && unified.reloads);
    }

    #[test]
    fn names_are_looked_at_only_without_fips_mode() {
        let names = |lines: &str| {
            let settings = tls(&format!("sslQuorum=true\n{lines}")).settings;
            (settings.hostname_verification, settings.client_hostname_verification)
        };
        assert_eq!(names(""), (false, false));
        assert_eq!(names("ssl.quorum.hostnameVerification=true"), (false, false));
        assert_eq!(names("fips-mode=false"), (true, true));
        assert_eq!(names("fips-mode=false\nssl.quorum.clientHostnameVerification=false"), (true, false));
        assert_eq!(names("fips-mode=false\nssl.quorum.hostnameVerification=false"), (false, false));
    }

    #[test]
    fn every_key_of_sasl_reaches_its_field() {
        let sasl = |lines: &str| {
            let options = [("java.security.auth.login.config", "/jaas.conf")];
            let security = security(&format!("quorum.auth.enableSasl=true\n{lines}"), &options);
            security.expect("well formed").sasl.expect("it is on")
        };
        let usual = QuorumSasl {
            learner_requires: false,
            server_requires: false,
            learner_context: "QuorumLearner".to_owned(),
            server_context: "QuorumServer".to_owned(),
            service_principal: "zkquorum/localhost".to_owned(),
            jaas: "/jaas.conf".into(),
            is_fips: true,
        };
        assert_eq!(sasl(""), usual);
        let learner = "quorum.auth.learnerRequireSasl=true";
        assert_eq!(sasl(learner), QuorumSasl { learner_requires: true, ..usual.clone() });
        let both = sasl(&format!("{learner}\nquorum.auth.serverRequireSasl=true"));
        assert!(both.learner_requires && both.server_requires);
        assert_eq!(sasl("quorum.auth.learner.saslLoginContext=L").learner_context, "L");
        assert_eq!(sasl("quorum.auth.server.saslLoginContext=S").server_context, "S");
        assert_eq!(sasl("quorum.auth.kerberos.servicePrincipal=zk/_HOST").service_principal, "zk/_HOST");
        assert!(!sasl("fips-mode=false").is_fips);
    }

    #[test]
    fn whom_a_stranger_is_taken_for() {
        let jaas = [("java.security.auth.login.config", "/jaas.conf")];
        let sasl = "quorum.auth.enableSasl=true\nquorum.auth.learnerRequireSasl=true\n";
        for (lines, lets_in) in [
            ("", true),
            ("sslQuorum=true", false),
            ("sslQuorum=true\nssl.quorum.clientAuth=want", true),
            ("sslQuorum=true\nportUnification=true", true),
            ("portUnification=true", true),
            (sasl, true),
            (&format!("{sasl}quorum.auth.serverRequireSasl=true"), false),
        ] {
            let security = security(&format!("{STORES}{lines}"), &jaas).expect(lines);
            assert_eq!(security.lets_strangers_in(), lets_in, "{lines}");
        }
    }

    #[test]
    fn refusals() {
        for (lines, expected) in [
            (
                "sslQuorum=true",
                "zoo.cfg:7: sslQuorum: TLS between servers needs a certificate of this server and its key; set \
                 ssl.quorum.keyStore.location, or sslQuorum=false",
            ),
            (
                "ssl.quorum.keyStore.location=/k.pem\nportUnification=true",
                "zoo.cfg:8: portUnification: TLS between servers needs the certificates of whom it trusts; set \
                 ssl.quorum.trustStore.location, or portUnification=false",
            ),
            (
                &format!("{STORES}sslQuorum=true\nssl.quorum.keyStore.type=BCFKS"),
                "zoo.cfg:10: ssl.quorum.keyStore.type: the store \"/k.pem\" is a store of Bouncy Castle (BCFKS), which only",
            ),
            (
                &format!("{STORES}sslQuorum=true\nssl.quorum.trustStore.passwordPath=/none"),
                "/none: the file cannot be read: ",
            ),
            (
                "quorum.auth.enableSasl=true",
                "zoo.cfg:7: quorum.auth.enableSasl: SASL between servers needs a JAAS file; name it with \
                 -Djava.security.auth.login.config=/path/of/jaas.conf",
            ),
            (
                "quorum.auth.serverRequireSasl=true",
                "zoo.cfg:7: quorum.auth.serverRequireSasl: it needs quorum.auth.enableSasl, which is off; set",
            ),
            (
                "quorum.auth.learnerRequireSasl=true",
                "zoo.cfg:7: quorum.auth.learnerRequireSasl: it needs quorum.auth.enableSasl, which is off; set",
            ),
            (
                "quorum.auth.enableSasl=true\nquorum.auth.serverRequireSasl=true",
                "zoo.cfg:8: quorum.auth.serverRequireSasl: it needs quorum.auth.learnerRequireSasl, which is off; set",
            ),
        ] {
            let error = security(lines, &[]).expect_err(lines);
            assert!(error.starts_with(expected), "{lines:?}: {error}");
        }
    }
}
