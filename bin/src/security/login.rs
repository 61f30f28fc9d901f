//! Who a client is, by SASL: a section of a JAAS file, as ZooKeeper's Java client takes it.

use std::path::Path;

use paddock_net::sasl::jaas::Jaas;
use paddock_net::sasl::{Mechanism, Negotiation, Service, client, gssapi_library};

use super::properties::Properties;
use crate::jaas_file;

/// The property with the path of the JAAS file.
const JAAS: &str = "java.security.auth.login.config";

/// Cloned for a price of nothing.
#[derive(Clone, Debug)]
pub struct Login {
    login: client::Login,
    principal: Principal,
}

/// What the server is called in Kerberos.
#[derive(Clone, Debug)]
enum Principal {
    Whole(String),
    /// With a realm behind the host, if one is set.
    OfHost {
        service: String,
        realm: Option<String>,
    },
}

impl Login {
    /// Where a JAAS file is set, the login of its section; `zookeeper.sasl.client=false` switches it off. To be called before the
    /// program has a second thread: `java.security.krb5.conf` is told by a variable of the environment.
    ///
    /// # Errors
    /// A sentence: what is wrong with the file, or with its section, and what to do.
    pub fn of(properties: &Properties) -> Result<Option<Login>, String> {
        let Some(path) = properties.get(JAAS) else { return Ok(None) };
        if !properties.flag("zookeeper.sasl.client", true) {
            return Ok(None);
        }
        let Some(file) = jaas_file::path(path) else { return Ok(None) };
        let (path, given) = (file.display(), |name: &str| properties.get(name).map(str::to_owned));
        let jaas = Jaas::read(&file, &|name: &str| jaas_file::property(name, given))
            .map_err(|error| format!("{path}: {error}"))?;
        let name = properties.get("zookeeper.sasl.clientconfig").unwrap_or("Client");
        let section = jaas.section(name).ok_or_else(|| {
            format!("{path}: it has no section {name}; add one, or set zookeeper.sasl.client=false for no login")
        })?;
        if let Some(krb5) = properties.get("java.security.krb5.conf") {
            gssapi_library::use_krb5_conf(Path::new(krb5));
        }
        let login = client::Login::load(section).map_err(|error| format!("{path}: {error}"))?;
        if login.mechanism() == Mechanism::DigestMd5 && properties.flag("zookeeper.fips-mode", false) {
            return Err("zookeeper.fips-mode=true has no DIGEST-MD5; set it to false, or log in by Kerberos".to_owned());
        }
        Ok(Some(Login { login, principal: Principal::of(properties) }))
    }

    /// Begins to log in at the server of this host.
    pub fn begin(&self, host: &str) -> Box<dyn Negotiation> {
        self.login.begin(Service::CLIENTS, &self.principal.at(host))
    }
}

impl Principal {
    fn of(properties: &Properties) -> Principal {
        match properties.get("zookeeper.server.principal") {
            Some(whole) => Principal::Whole(whole.to_owned()),
            None => Principal::OfHost {
                service: properties.get("zookeeper.sasl.client.username").unwrap_or("zookeeper").to_owned(),
                realm: properties.get("zookeeper.server.realm").map(str::to_owned),
            },
        }
    }

    fn at(&self, host: &str) -> String {
        match self {
            Principal::Whole(whole) => whole.clone(),
            Principal::OfHost { service, realm: Some(realm) } => format!("{service}/{host}@{realm}"),
            Principal::OfHost { service, realm: None } => format!("{service}/{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Login, Principal, Properties};

    fn properties(text: &str) -> Properties {
        let mut set = Properties::default();
        set.take_text(text.as_bytes()).unwrap();
        set
    }

    #[test]
    fn principals_are_named_as_by_javas_client() {
        for (text, expected) in [
            ("", "zookeeper/h"),
            ("zookeeper.sasl.client.username=zk\nzookeeper.server.realm=R\n", "zk/h@R"),
            ("zookeeper.server.principal=zk/other@R\n", "zk/other@R"),
        ] {
            assert_eq!(Principal::of(&properties(text)).at("h"), expected, "{text}");
        }
    }

    #[test]
    fn a_login_is_what_a_section_says() {
        assert!(Login::of(&properties("")).unwrap().is_none());
        let off = "java.security.auth.login.config=/none\nzookeeper.sasl.client=false\n";
        assert!(Login::of(&properties(off)).unwrap().is_none());
        let why = Login::of(&properties("java.security.auth.login.config=/none\n")).unwrap_err();
        assert!(why.starts_with("/none: cannot be read"), "{why}");
        let file = std::env::temp_dir().join(format!("paddock-login-{}", std::process::id()));
        let module = "org.apache.zookeeper.server.auth.DigestLoginModule required username=\"pat\" password=\"hush\";";
        std::fs::write(&file, format!("Client {{ {module} }};")).unwrap();
        let set = format!("java.security.auth.login.config={}\n", file.display());
        let login = Login::of(&properties(&set)).unwrap().unwrap();
        assert!(!format!("{login:?}").contains("hush"));
        let why = Login::of(&properties(&format!("{set}zookeeper.sasl.clientconfig=Other\n"))).unwrap_err();
        assert!(why.contains("no section Other"), "{why}");
        std::fs::remove_file(file).unwrap();
    }
}
