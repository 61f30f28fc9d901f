//! What servers make sure of each other with: read once at the start, certificates again when their files change.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use paddock_net::sasl::jaas::{Jaas, Properties, Section};
use paddock_net::sasl::{Authorize, Mechanism, Negotiation, Service, client, server};
use paddock_net::tls::context::{ClientContext, ServerContext};
use paddock_net::tls::settings::Settings;

use super::certificates::Certificates;
use super::channel::Channel;
use super::steps::Role;
use crate::config::{QuorumSasl, QuorumSecurity, QuorumTls};

/// Nothing is secured by default.
#[derive(Clone, Default, Debug)]
pub struct Security {
    /// TLS is taken, or wanted.
    pub tls: Option<Tls>,
    pub sasl: Option<Sasl>,
    hosts: Arc<Hosts>,
}

#[derive(Clone, Debug)]
pub struct Tls {
    /// Whoever connects may do so without TLS.
    pub takes_plaintext: bool,
    /// Connections that this server begins are TLS.
    dials: bool,
    certificates: Arc<Certificates>,
    hosts: Arc<Hosts>,
}

/// The hosts of the servers of an ensemble, in small letters.
#[derive(Default, Debug)]
struct Hosts(Mutex<BTreeSet<Box<str>>>);

impl Hosts {
    fn set(&self, hosts: &BTreeSet<Box<str>>) {
        let hosts = hosts.iter().map(|host| host.to_lowercase().into()).collect();
        *self.0.lock().expect("nobody panics with this lock") = hosts;
    }

    fn all(&self) -> BTreeSet<Box<str>> {
        self.0.lock().expect("nobody panics with this lock").clone()
    }

    fn has(&self, host: &str) -> bool {
        self.0.lock().expect("nobody panics with this lock").contains(host.to_lowercase().as_str())
    }
}

/// Quorum SASL is on.
#[derive(Clone, Debug)]
pub struct Sasl {
    /// Whether this server authenticates where it dials.
    pub learner_requires: bool,
    /// Whether nobody is let in who does not authenticate.
    pub server_requires: bool,
    server: server::Login,
    learner: client::Login,
    /// The principal of the servers that are dialled.
    service_principal: Box<str>,
}

/// Why nothing can be secured: one sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecurityError(String);

impl fmt::Display for SecurityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SecurityError {}

impl Security {
    /// Reads the files that the settings name. `properties` are what a JAAS file may ask for.
    ///
    /// # Errors
    /// If one of them cannot be read, or does not say what is needed.
    pub fn load(settings: &QuorumSecurity, properties: Properties<'_>) -> Result<Security, SecurityError> {
        let hosts = Arc::new(Hosts::default());
        let tls = settings.tls.as_ref().map(|tls| Tls::load(tls, hosts.clone())).transpose()?;
        let sasl = settings.sasl.as_ref().map(|sasl| Sasl::load(sasl, hosts.clone(), properties)).transpose()?;
        Ok(Security { tls, sasl, hosts })
    }

    /// These are the hosts of the servers that belong to the ensemble.
    pub fn set_hosts(&self, hosts: &BTreeSet<Box<str>>) {
        self.hosts.set(hosts);
    }

    /// Whether a stream that is accepted is a link at once.
    pub fn lets_all_in(&self) -> bool {
        self.tls.is_none() && self.sasl.is_none()
    }

    /// Whether nobody is let in who does not authenticate.
    pub fn requires_sasl(&self) -> bool {
        self.sasl.as_ref().is_some_and(|sasl| sasl.server_requires)
    }

    /// Whether steps of this side take time: they may read files and ask the KDC.
    pub fn is_slow(&self, role: Role) -> bool {
        self.sasl.as_ref().is_some_and(|sasl| sasl.is_slow(role))
    }

    /// Whether this server shows others who it is where it dials them.
    pub fn shows_itself(&self) -> bool {
        self.sasl.as_ref().is_some_and(|sasl| sasl.learner_requires)
    }
}

impl Tls {
    fn load(settings: &QuorumTls, hosts: Arc<Hosts>) -> Result<Tls, SecurityError> {
        let QuorumTls { dials, takes_plaintext, reloads, settings } = settings;
        let load = |settings: &Settings| Certificates::load(settings, *reloads);
        let certificates = load(settings).map_err(|error| SecurityError(format!("TLS between servers: {error}")))?;
        Ok(Tls { takes_plaintext: *takes_plaintext, dials: *dials, certificates, hosts })
    }

    /// What the next connection is accepted with.
    pub fn accepts_with(&self) -> ServerContext {
        self.certificates.contexts().server
    }

    /// What the next connection is begun with, if it is TLS.
    pub fn dials_with(&self) -> Option<ClientContext> {
        self.dials.then(|| self.certificates.contexts().client)
    }

    /// Whether who was accepted is on the host that its certificate names, if that is looked at.
    pub fn check_name(&self, channel: &Channel) -> Result<(), String> {
        channel.check_name(&self.accepts_with(), self.hosts.all().iter().map(|host| &**host))
    }
}

impl Sasl {
    fn load(settings: &QuorumSasl, hosts: Arc<Hosts>, properties: Properties<'_>) -> Result<Sasl, SecurityError> {
        let QuorumSasl { jaas: file, server_context, learner_context, .. } = settings;
        let wrong = |problem: &dyn fmt::Display| SecurityError(format!("{}: {problem}", file.display()));
        let jaas = Jaas::read(file, properties).map_err(|error| wrong(&error))?;
        let section = |key: &str, name: &str| {
            let missing = || wrong(&format!("there is no section {name}, which {key} asks for; add it"));
            jaas.section(name).ok_or_else(missing)
        };
        let of_server = section("quorum.auth.server.saslLoginContext", server_context)?;
        let of_learner = section("quorum.auth.learner.saslLoginContext", learner_context)?;
        let members = Arc::new(Members::new(of_server, hosts));
        let server = server::Login::load(of_server, Service::SERVERS, None, members);
        let learner = client::Login::load(of_learner).map_err(|error| wrong(&error))?;
        if settings.learner_requires && settings.is_fips && learner.mechanism() == Mechanism::DigestMd5 {
            return Err(wrong(&format!(
                "the section {learner_context} is for DIGEST-MD5, which fips-mode forbids where this server dials others; set \
                 fips-mode=false, or use Kerberos"
            )));
        }
        Ok(Sasl {
            learner_requires: settings.learner_requires,
            server_requires: settings.server_requires,
            server: server.map_err(|error| wrong(&error))?,
            learner,
            service_principal: settings.service_principal.as_str().into(),
        })
    }

    /// Begins to find out who has connected.
    pub fn begin_server(&self) -> Box<dyn Negotiation> {
        self.server.begin()
    }

    /// Begins to show a server on that host who this one is.
    pub fn begin_learner(&self, host: &str) -> Box<dyn Negotiation> {
        self.learner.begin(Service::SERVERS, &principal_of(&self.service_principal, host))
    }

    fn is_slow(&self, role: Role) -> bool {
        let mechanism = match role {
            Role::Server => self.server.mechanism(),
            Role::Learner => self.learner.mechanism(),
        };
        mechanism == Mechanism::Gssapi
    }
}

/// `service/_HOST` is of the host that is dialled; anything else is what it is.
fn principal_of(service_principal: &str, host: &str) -> String {
    match service_principal.split_once('/') {
        Some((service, "_HOST")) => format!("{service}/{}", host.to_lowercase()),
        _ => service_principal.to_owned(),
    }
}

/// Who may come: whoever acts as itself and, with Kerberos, is on a host of the ensemble.
#[derive(Debug)]
struct Members {
    is_digest: bool,
    hosts: Arc<Hosts>,
}

impl Members {
    fn new(section: &Section, hosts: Arc<Hosts>) -> Members {
        let is_digest = section.modules.iter().all(|module| module.class_name() == "DigestLoginModule");
        Members { is_digest, hosts }
    }
}

impl Authorize for Members {
    fn authorize(&self, authentication_id: &str, authorization_id: &str) -> Option<String> {
        let parts: Vec<&str> = authorization_id.split(['/', '@']).collect();
        let is_member = match parts[..] {
            _ if self.is_digest => true,
            [_, host, _] => self.hosts.has(host),
            _ => false,
        };
        (authentication_id == authorization_id && is_member).then(|| authorization_id.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use paddock_net::sasl::Authorize;
    use paddock_net::sasl::jaas::Jaas;

    use super::{Hosts, Members, Security, principal_of};
    use crate::config::{QuorumSasl, QuorumSecurity};

    fn members(module: &str) -> Members {
        let text = format!("S {{ {module} required; }};");
        let jaas = Jaas::parse(&text, &|_| None).expect("it is well formed");
        let hosts = Arc::new(Hosts::default());
        hosts.set(&["zk1.example.org".into(), "ZK2".into()].into());
        Members::new(jaas.section("S").expect("it is there"), hosts)
    }

    #[test]
    fn with_kerberos_only_who_is_on_a_host_of_the_ensemble_may_come() {
        let members = members("com.sun.security.auth.module.Krb5LoginModule");
        for (authentication, authorization, may_come) in [
            ("zkquorum/zk1.example.org@R", "zkquorum/zk1.example.org@R", true),
            ("zkquorum/zk2@R", "zkquorum/zk2@R", true),
            ("zkquorum/zk3@R", "zkquorum/zk3@R", false),
            ("zkquorum/zk2@R", "zkquorum/zk1.example.org@R", false),
            ("zk2@R", "zk2@R", false),
            ("zkquorum/zk2", "zkquorum/zk2", false),
            ("a/b/zk2@R", "a/b/zk2@R", false),
            ("", "", false),
        ] {
            let found = members.authorize(authentication, authorization);
            assert_eq!(found.as_deref(), may_come.then_some(authorization), "{authentication} as {authorization}");
        }
    }

    #[test]
    fn with_digest_md5_whoever_acts_as_itself_may_come() {
        let members = members("org.apache.zookeeper.server.auth.DigestLoginModule");
        assert_eq!(members.authorize("test", "test").as_deref(), Some("test"));
        assert_eq!(members.authorize("test", "other"), None);
    }

    #[test]
    fn the_host_that_is_dialled_takes_its_place_in_the_principal() {
        for (principal, expected) in [
            ("zkquorum/_HOST", "zkquorum/zk1.example.org"),
            ("zkquorum/localhost", "zkquorum/localhost"),
            ("zkquorum/_HOST@R", "zkquorum/_HOST@R"),
            ("zkquorum", "zkquorum"),
        ] {
            assert_eq!(principal_of(principal, "ZK1.example.org"), expected);
        }
    }

    /// What is said of a JAAS file with this text.
    fn load(name: &str, text: &str, settings: impl FnOnce(&mut QuorumSasl)) -> Result<(), String> {
        let file: PathBuf = std::env::temp_dir().join(format!("paddock-jaas-{name}-{}", std::process::id()));
        std::fs::write(&file, text).expect("the temporary directory is writable");
        let mut sasl = QuorumSasl {
            learner_requires: true,
            server_requires: true,
            learner_context: "QuorumLearner".into(),
            server_context: "QuorumServer".into(),
            service_principal: "zkquorum/localhost".into(),
            jaas: file.clone(),
            is_fips: false,
        };
        settings(&mut sasl);
        let settings = QuorumSecurity { sasl: Some(sasl), ..QuorumSecurity::default() };
        let loaded = Security::load(&settings, &|_| None);
        std::fs::remove_file(&file).expect("it is the test's own");
        loaded.map(|_| ()).map_err(|error| error.to_string().replace(&file.display().to_string(), "jaas.conf"))
    }

    #[test]
    fn what_a_jaas_file_lacks_is_told_in_a_sentence() {
        let module = "org.apache.zookeeper.server.auth.DigestLoginModule required";
        let server = format!("QuorumServer {{ {module} user_test=\"hush\"; }};");
        let learner = format!("QuorumLearner {{ {module} username=\"test\" password=\"hush\"; }};");
        let both = format!("{server}\n{learner}");
        assert_eq!(load("both", &both, |_| ()), Ok(()));
        assert_eq!(load("fips-unused", &both, |sasl| (sasl.is_fips, sasl.learner_requires) = (true, false)), Ok(()));
        for (name, text, is_fips, expected) in [
            ("server", &server, false, "there is no section QuorumLearner, which quorum.auth.learner.saslLoginContext"),
            ("learner", &learner, false, "there is no section QuorumServer, which quorum.auth.server.saslLoginContext"),
            ("fips", &both, true, "the section QuorumLearner is for DIGEST-MD5, which fips-mode forbids"),
        ] {
            let error = load(name, text, |sasl| sasl.is_fips = is_fips).expect_err(name);
            assert!(error.starts_with(&format!("jaas.conf: {expected}")), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
