//! How programs log in by SASL, as it is configured: the JAAS file, Kerberos, and what names count as.

use std::path::PathBuf;

use paddock_net::sasl::kerberos_name::KerberosNames;

use super::Secret;
use super::assembly::Assembly;
use super::error::ConfigError;
use super::settings::Setting;
use crate::jaas_file;

/// The settings of SASL. Nothing has been read of what they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslConfig {
    /// The JAAS file, if one is named. Without it nobody logs in by SASL.
    pub jaas_file: Option<PathBuf>,
    /// The section of the JAAS file that the clients' side of the server logs in by.
    pub server_section: String,
    /// The krb5.conf that is named.
    pub krb5_conf: Option<PathBuf>,
    /// The start is refused where there is no default realm.
    pub requires_realm: bool,
    /// The password of the user `super`.
    pub super_password: Option<Secret>,
    /// Who has failed is served all the same, unless the scheme sasl is enforced.
    pub keeps_failed: bool,
    /// `security.auth_to_local`, as it was written; they are rules.
    pub rules: String,
    pub removes_host: bool,
    pub removes_realm: bool,
}

impl Assembly<'_> {
    pub(super) fn sasl(&mut self) -> Result<SaslConfig, ConfigError> {
        let text = |key: &str| self.settings.given(key).map(|setting| setting.text.clone());
        let path = |key: &str| jaas_file::path(&text(key)?);
        let rules = text("security.auth_to_local").unwrap_or("DEFAULT".to_owned());
        if let Err(error) = KerberosNames::new(&rules, "", false, false)
            && let Some(Setting { place, spelled, .. }) = self.settings.given("security.auth_to_local").cloned()
        {
            return Err(ConfigError::Refused { place, key: spelled, problem: error.to_string() });
        }
        Ok(SaslConfig {
            jaas_file: path("java.security.auth.login.config"),
            server_section: text("sasl.serverconfig").unwrap_or("Server".to_owned()),
            krb5_conf: path("java.security.krb5.conf"),
            requires_realm: self.flag("requireKerberosConfig"),
            super_password: text("SASLAuthenticationProvider.superPassword").map(Secret),
            keeps_failed: self.flag("allowSaslFailedClients"),
            rules,
            removes_host: self.flag("kerberos.removeHostFromPrincipal"),
            removes_realm: self.flag("kerberos.removeRealmFromPrincipal"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::assembly::tests::assemble_in;
    use super::SaslConfig;
    use std::path::Path;

    fn sasl(lines: &str, options: &[(&str, &str)]) -> SaslConfig {
        let text = format!("dataDir=/data\nclientPort=2181\n{lines}");
        let loaded = assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), options).expect(lines);
        assert_eq!(loaded.warnings, [], "{lines:?}");
        loaded.config.sasl
    }

    #[test]
    fn nothing_is_named_by_default() {
        let sasl = sasl("", &[]);
        assert_eq!((sasl.jaas_file, sasl.krb5_conf, sasl.super_password), (None, None, None));
        assert_eq!((&sasl.server_section[..], &sasl.rules[..]), ("Server", "DEFAULT"));
        assert!(!(sasl.requires_realm || sasl.keeps_failed || sasl.removes_host || sasl.removes_realm));
    }

    #[test]
    fn files_are_named_by_the_properties_of_java() {
        let key = "java.security.auth.login.config";
        for (written, expected) in [("/etc/jaas", "/etc/jaas"), ("=/etc/jaas", "/etc/jaas"), ("file:/a b", "/a b")] {
            assert_eq!(sasl("", &[(key, written)]).jaas_file.as_deref(), Some(Path::new(expected)));
        }
        assert_eq!(sasl(&format!("{key}=/of/file"), &[]).jaas_file.as_deref(), Some(Path::new("/of/file")));
        assert_eq!(sasl("", &[("java.security.krb5.conf", "/k")]).krb5_conf.as_deref(), Some(Path::new("/k")));
    }

    #[test]
    fn what_names_count_as() {
        let lines = "kerberos.removeHostFromPrincipal=true\nkerberos.removeRealmFromPrincipal=true\n\
                     security.auth_to_local=RULE:[1:$1]\nallowSaslFailedClients=true\nsasl.serverconfig=Other";
        let sasl = sasl(lines, &[("zookeeper.SASLAuthenticationProvider.superPassword", "hush")]);
        assert!(sasl.removes_host && sasl.removes_realm && sasl.keeps_failed);
        assert_eq!((&sasl.rules[..], &sasl.server_section[..]), ("RULE:[1:$1]", "Other"));
        assert!(!format!("{sasl:?}").contains("hush"));
        let text = "dataDir=/data\nclientPort=2181\nsecurity.auth_to_local=RULE:x";
        let error = assemble_in(&[("zoo.cfg", text)], Some("zoo.cfg"), &[]).expect_err("no rule").to_string();
        assert!(error.starts_with("zoo.cfg:3: security.auth_to_local: \"RULE:x\" is no rule"), "{error}");
    }
}
