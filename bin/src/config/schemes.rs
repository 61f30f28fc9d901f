//! The schemes of authentication that are served, and what rules each of them.

use super::assembly::Assembly;
use super::error::ConfigError;
use super::settings::Setting;
use super::value::{Value, shown};
use paddock_engine::acl::{Ensemble, Sasl, X509};

/// The schemes besides ip, which always is served. `None` and false: the scheme is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schemes {
    pub digest: bool,
    pub x509: Option<X509>,
    pub sasl: bool,
    /// What logins over SASL make, whether entries of the scheme count or not.
    pub sasl_rules: Sasl,
    pub ensemble: Option<Ensemble>,
    pub key: bool,
}

impl Schemes {
    /// Whether a client can have an identity of this scheme, and entries of it count.
    pub fn serves(&self, scheme: &str) -> bool {
        match scheme {
            "ip" => true,
            "digest" => self.digest,
            "x509" => self.x509.is_some(),
            "sasl" => self.sasl,
            "ensemble" => self.ensemble.is_some(),
            "key" => self.key,
            _ => false,
        }
    }
}

/// ZooKeeper's classes, behind the name of their package.
const PROVIDERS: &str = "org.apache.zookeeper.server.auth.";

impl Assembly<'_> {
    /// `has_tls`: there is a port with TLS for clients, where ZooKeeper serves x509 without being told.
    pub(super) fn schemes(&mut self, has_tls: bool) -> Result<Schemes, ConfigError> {
        self.refuse_other_certificates()?;
        let classes = self.providers();
        let has = |class: &str| classes.iter().any(|known| known == class);
        let text = |key: &str| self.settings.given(key).map(|setting| setting.text.clone());
        // A subject without anything in it would be anybody's.
        let super_user = text("X509AuthenticationProvider.superUser").filter(|subject| !subject.is_empty());
        let schemes = Schemes {
            digest: self.flag("DigestAuthenticationProvider.enabled") || has("DigestAuthenticationProvider"),
            x509: (has_tls || has("X509AuthenticationProvider")).then_some(X509 { super_user }),
            sasl: has("SASLAuthenticationProvider"),
            sasl_rules: Sasl { super_users: self.super_users(), any_user: text("letAnySaslUserDoX") },
            ensemble: has("EnsembleAuthenticationProvider").then(|| Ensemble::new(text("ensembleAuthName").as_deref())),
            key: has("KeyAuthenticationProvider"),
        };
        self.remark_names_without_scheme(&schemes);
        Ok(schemes)
    }

    /// The classes that `authProvider.*` names, without their package. The suffix says nothing. A class that is not there is
    /// passed over, as ZooKeeper passes over one that it does not find: nobody gets in by a scheme that is not served.
    fn providers(&mut self) -> Vec<String> {
        let settings: Vec<Setting> =
            self.settings.family("authProvider.").map(|(_, setting)| setting.clone()).collect();
        let mut classes = Vec::new();
        for Setting { text, place, spelled, .. } in settings {
            match text.strip_prefix(PROVIDERS) {
                Some(
                    class @ ("DigestAuthenticationProvider"
                    | "IPAuthenticationProvider"
                    | "X509AuthenticationProvider"
                    | "SASLAuthenticationProvider"
                    | "EnsembleAuthenticationProvider"),
                ) => classes.push(class.to_owned()),
                Some(class @ "KeyAuthenticationProvider") => {
                    let remark = format!(
                        "{spelled}: the scheme key is an example and keeps nobody out: the credential 0 is right for every \
                         number in /key; use digest, sasl or x509 for what is to be kept safe"
                    );
                    self.settings.warn(&place, remark);
                    classes.push(class.to_owned());
                }
                _ => {
                    let remark = format!(
                        "{spelled}: a server without a JVM cannot load the class {}, so nobody can prove an identity of its \
                         scheme; remove the line",
                        shown(&text)
                    );
                    self.settings.warn(&place, remark);
                }
            }
        }
        classes
    }

    /// The names of `superUser` and of all that begin with `superUser.`.
    fn super_users(&self) -> Vec<String> {
        let numbered = self.settings.family("superUser.").map(|(_, setting)| setting);
        self.settings.given("superUser").into_iter().chain(numbered).map(|setting| setting.text.clone()).collect()
    }

    /// Certificates are looked at by ZooKeeper's own class alone, whose scheme is x509.
    fn refuse_other_certificates(&self) -> Result<(), ConfigError> {
        match self.settings.given("ssl.authProvider").cloned() {
            Some(Setting { text, place, spelled, .. }) if text != "x509" => {
                let problem = format!(
                    "certificates make identities of the scheme x509 only, not of {}; write x509, or remove the line",
                    shown(&text)
                );
                Err(ConfigError::Refused { place, key: spelled, problem })
            }
            _ => Ok(()),
        }
    }

    /// Names that somebody wrote for a scheme that is not served.
    fn remark_names_without_scheme(&mut self, schemes: &Schemes) {
        for (key, scheme, class) in [
            ("ensembleAuthName", "ensemble", "EnsembleAuthenticationProvider"),
            ("letAnySaslUserDoX", "sasl", "SASLAuthenticationProvider"),
            ("X509AuthenticationProvider.superUser", "x509", "X509AuthenticationProvider"),
        ] {
            if let Some(Setting { place, spelled, .. }) = self.settings.given(key).cloned()
                && !schemes.serves(scheme)
            {
                let reason =
                    format!("the scheme {scheme} is not served; authProvider.{scheme}={PROVIDERS}{class} serves it");
                self.settings.without_effect(&place, &spelled, reason);
            }
        }
    }

    /// Empty where authentication is not enforced.
    pub(super) fn enforced_schemes(&mut self, served: &Schemes) -> Result<Vec<String>, ConfigError> {
        if let Some(sasl) = self.switched_on("sessionRequireClientSASLAuth") {
            // It takes the place of the other two, as in ZooKeeper.
            return served_of(vec!["sasl".to_owned()], served, sasl);
        }
        let Some(Setting { place, spelled, .. }) = self.switched_on("enforce.auth.enabled") else {
            return Ok(Vec::new());
        };
        let Some(setting) = self.settings.given("enforce.auth.schemes").cloned() else {
            let problem = "enforce.auth.schemes must say which schemes count, such as digest".to_owned();
            return Err(ConfigError::Refused { place, key: spelled, problem });
        };
        let schemes = setting.text.split(',').map(|scheme| scheme.trim().to_owned()).collect();
        served_of(schemes, served, setting)
    }

    fn switched_on(&self, key: &str) -> Option<Setting> {
        self.settings.given(key).filter(|setting| setting.value == Value::Bool(true)).cloned()
    }
}

/// The schemes, if all of them are served.
fn served_of(schemes: Vec<String>, served: &Schemes, setting: Setting) -> Result<Vec<String>, ConfigError> {
    let Some(missing) = schemes.iter().find(|scheme| !served.serves(scheme)) else { return Ok(schemes) };
    let advice = match &missing[..] {
        "sasl" => format!("add authProvider.sasl={PROVIDERS}SASLAuthenticationProvider"),
        "x509" => "set secureClientPort".to_owned(),
        _ => "name schemes of this server, such as digest, sasl or x509".to_owned(),
    };
    let problem =
        format!("the scheme {} is not served, so that no client could have proven it; {advice}", shown(missing));
    Err(ConfigError::Refused { place: setting.place, key: setting.spelled, problem })
}

#[cfg(test)]
mod tests {
    use super::super::assembly::tests::assemble_in;
    use super::super::{Config, Loaded};
    use super::*;

    fn load(lines: &str) -> Result<Loaded, ConfigError> {
        let text = format!("dataDir=/data\nclientPort=2181\n{lines}");
        assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), &[])
    }

    /// A configuration without anything to remark.
    fn config(lines: &str) -> Config {
        let Loaded { config, warnings } = load(lines).unwrap_or_else(|error| panic!("{lines:?}: {error}"));
        assert_eq!(warnings, [], "{lines:?}");
        config
    }

    fn warning(lines: &str) -> String {
        let warnings = load(lines).expect(lines).warnings;
        let [warning] = warnings.as_slice() else { panic!("{lines:?}: {warnings:?}") };
        warning.to_string()
    }

    fn refused(lines: &str) -> String {
        load(lines).expect_err(lines).to_string()
    }

    fn provider(suffix: &str, class: &str) -> String {
        format!("authProvider.{suffix}={PROVIDERS}{class}AuthenticationProvider\n")
    }

    #[test]
    fn classes_serve_their_scheme_under_any_suffix() {
        let none = config("").schemes;
        for (class, scheme) in [("SASL", "sasl"), ("X509", "x509"), ("Ensemble", "ensemble")] {
            assert!(!none.serves(scheme), "{scheme}");
            for suffix in ["1", scheme, "digest"] {
                assert!(config(&provider(suffix, class)).schemes.serves(scheme), "{scheme} {suffix}");
            }
        }
        assert!(none.serves("digest") && none.serves("ip") && !none.serves("world"));
        let off = "DigestAuthenticationProvider.enabled=false\n";
        assert!(!config(off).schemes.serves("digest"));
        assert!(config(&format!("{off}{}", provider("1", "Digest"))).schemes.serves("digest"), "as in ZooKeeper");
        assert!(load(&provider("key", "Key")).expect("well formed").config.schemes.key);
        assert!(
            warning(&provider("key", "Key")).starts_with("zoo.cfg:3: authProvider.key: the scheme key is an example")
        );
    }

    #[test]
    fn super_users_are_named_one_by_one() {
        let lines = "superUser=a\nsuperUser.1=b\nsuperUser.x.y=c";
        assert_eq!(config(lines).schemes.sasl_rules.super_users, ["a", "b", "c"]);
        let certified = format!("{}X509AuthenticationProvider.superUser=CN=root", provider("1", "X509"));
        assert_eq!(config(&certified).schemes.x509, Some(X509 { super_user: Some("CN=root".into()) }));
        let empty = format!("{}X509AuthenticationProvider.superUser=", provider("1", "X509"));
        assert_eq!(config(&empty).schemes.x509, Some(X509::default()), "a certificate may have an empty subject");
        let anybody = format!("{}letAnySaslUserDoX=staff", provider("1", "SASL"));
        assert_eq!(config(&anybody).schemes.sasl_rules.any_user.as_deref(), Some("staff"));
    }

    #[test]
    fn names_need_their_scheme() {
        let named = format!("{}ensembleAuthName=one,two", provider("1", "Ensemble"));
        assert_eq!(config(&named).schemes.ensemble, Some(Ensemble::new(Some("one,two"))));
        for key in ["ensembleAuthName", "letAnySaslUserDoX", "X509AuthenticationProvider.superUser"] {
            let found = warning(&format!("{key}=one"));
            assert!(found.starts_with(&format!("zoo.cfg:3: {key}: the scheme ")), "{found}");
        }
    }

    #[test]
    fn certificates_make_x509_only() {
        assert_eq!(config("ssl.authProvider=x509").schemes, config("").schemes);
        assert!(refused("ssl.authProvider=mine").starts_with("zoo.cfg:3: ssl.authProvider: certificates make "));
    }

    #[test]
    fn trap_073_enforced_schemes_must_be_served() {
        assert_eq!(config("enforce.auth.schemes=digest").enforced_schemes, Vec::<String>::new());
        let on = "enforce.auth.enabled=true\nenforce.auth.schemes=";
        assert_eq!(config(&format!("{on}digest, ip")).enforced_schemes, ["digest", "ip"]);
        assert!(refused("enforce.auth.enabled=true").starts_with("zoo.cfg:3: enforce.auth.enabled: "));
        for schemes in ["", "digest,", "sasl", "world", "super", "digest,x509"] {
            let error = refused(&format!("{on}{schemes}"));
            assert!(error.starts_with("zoo.cfg:4: enforce.auth.schemes: the scheme "), "{error}");
        }
        assert!(refused(&format!("{on}digest\nDigestAuthenticationProvider.enabled=false")).contains("digest"));
        let both = format!("{on}x509,sasl\n{}{}", provider("1", "SASL"), provider("2", "X509"));
        assert_eq!(config(&both).enforced_schemes, ["x509", "sasl"]);
    }

    #[test]
    fn sasl_may_be_required_alone() {
        let required = "sessionRequireClientSASLAuth=true\nenforce.auth.enabled=true\nenforce.auth.schemes=ip\n";
        let served = format!("{required}{}", provider("1", "SASL"));
        assert_eq!(config(&served).enforced_schemes, ["sasl"], "whatever else is enforced");
        assert!(refused(required).starts_with("zoo.cfg:3: sessionRequireClientSASLAuth: the scheme \"sasl\" is not"));
        assert_eq!(config("sessionRequireClientSASLAuth=false").enforced_schemes, Vec::<String>::new());
    }
}
