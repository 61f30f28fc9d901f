//! The client's login: who a section of the JAAS file says that this program is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::digest_md5;
use super::gssapi::{Initiator, Tickets};
use super::gssapi_library::GssapiLibrary;
use super::jaas::{Module, Section};
use super::server::no_library;
use super::{LoginError, Mechanism, Negotiation, Service};
use crate::tls::secret::Secret;

/// Where Java looks for keys if the section does not say where.
const KEYTAB: &str = "/etc/krb5.keytab";

/// Who this program is to servers. One for the program; each connection begins its own [`Negotiation`].
#[derive(Clone)]
pub struct Login(Kind);

#[derive(Clone)]
enum Kind {
    DigestMd5 { username: String, password: Secret },
    Gssapi { library: GssapiLibrary, tickets: Arc<Tickets> },
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Kind::DigestMd5 { username, .. } => write!(f, "Login as {username}"),
            Kind::Gssapi { tickets, .. } => write!(f, "Login with {tickets:?}"),
        }
    }
}

impl Login {
    /// Logs in by a section: by its `Krb5LoginModule` if it has one, and else by the `username` and `password` of its
    /// `DigestLoginModule`. The KDC is not asked yet.
    ///
    /// # Errors
    /// When the section has neither, or Kerberos is asked for and its library is not there.
    pub fn load(section: &Section) -> Result<Login, LoginError> {
        let of_class = |class| section.modules.iter().find(|module| module.class_name() == class);
        let problem = |text: String| LoginError::new(format!("the section {:?}: {text}", section.name));
        if let Some(module) = of_class("Krb5LoginModule") {
            let tickets = Arc::new(tickets(module).map_err(problem)?);
            let library = GssapiLibrary::open().map_err(|error| problem(no_library(&error)))?;
            return Ok(Login(Kind::Gssapi { library, tickets }));
        }
        let module = of_class("DigestLoginModule")
            .ok_or_else(|| problem("it names neither DigestLoginModule nor Krb5LoginModule".to_owned()))?;
        match (module.option("username"), module.secret("password")) {
            (Some(username), Some(password)) => {
                Ok(Login(Kind::DigestMd5 { username: username.to_owned(), password: password.clone() }))
            }
            _ => Err(problem("DigestLoginModule needs the options username and password here".to_owned())),
        }
    }

    /// By which mechanism. ZooKeeper's clients refuse DIGEST-MD5 under `fips-mode`; whoever uses this has to see to it.
    pub fn mechanism(&self) -> Mechanism {
        match self.0 {
            Kind::DigestMd5 { .. } => Mechanism::DigestMd5,
            Kind::Gssapi { .. } => Mechanism::Gssapi,
        }
    }

    /// Begins to show a server who this is. `service`: what DIGEST-MD5 is for. `server`: the server's principal, for GSSAPI,
    /// as `zookeeper/host`; where it has no realm, that of the client is meant.
    pub fn begin(&self, service: Service, server: &str) -> Box<dyn Negotiation> {
        match &self.0 {
            Kind::DigestMd5 { username, password } => {
                Box::new(digest_md5::Client::new(username.clone(), password.clone(), service))
            }
            Kind::Gssapi { library, tickets } => Box::new(Initiator::new(*library, tickets.clone(), server.to_owned())),
        }
    }
}

/// Where the options say that the tickets are. A cache and keys together: the cache's tickets count, and the keys have the
/// KDC give new ones.
fn tickets(module: &Module) -> Result<Tickets, String> {
    let principal = module.option("principal").map(str::to_owned);
    let uses_keytab = module.is_true("useKeyTab");
    if module.is_true("useTicketCache") && !uses_keytab {
        return Ok(Tickets { principal, cache: module.option("ticketCache").map(str::to_owned), keytab: None });
    }
    if !uses_keytab {
        return Err("Krb5LoginModule needs useKeyTab=true and keyTab=\"file\", or useTicketCache=true".to_owned());
    }
    if principal.is_none() {
        return Err("Krb5LoginModule needs the option principal with a keytab".to_owned());
    }
    let keytab = Some(module.option("keyTab").unwrap_or(KEYTAB).to_owned());
    Ok(Tickets { principal, cache: Some(own_cache()), keytab })
}

/// A cache in this program's memory, for one login.
fn own_cache() -> String {
    static LOGINS: AtomicU64 = AtomicU64::new(0);
    format!("MEMORY:paddock-{}", LOGINS.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::{Login, tickets};
    use crate::sasl::Mechanism;
    use crate::sasl::jaas::Jaas;

    fn parse(module: &str) -> Jaas {
        Jaas::parse(&format!("Client {{ {module} }};"), &|_| None).unwrap()
    }

    fn load(module: &str) -> Result<Login, String> {
        Login::load(parse(module).section("Client").unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_and_a_password_are_enough() {
        let login = load("a.DigestLoginModule required username=bob password=hush;").unwrap();
        assert_eq!((login.mechanism(), format!("{login:?}")), (Mechanism::DigestMd5, "Login as bob".to_owned()));
        for (module, expected) in [
            ("DigestLoginModule required username=bob;", "needs the options username and password"),
            ("Other required;", "names neither DigestLoginModule nor Krb5LoginModule"),
            ("Krb5LoginModule required;", "needs useKeyTab=true and keyTab"),
            ("Krb5LoginModule required useKeyTab=true;", "needs the option principal"),
        ] {
            let error = load(module).unwrap_err();
            assert!(error.starts_with("the section \"Client\": ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn tickets_are_in_a_cache_or_come_of_keys() {
        let of = |options: &str| {
            let jaas = parse(&format!("Krb5LoginModule required {options};"));
            tickets(&jaas.section("Client").unwrap().modules[0]).unwrap()
        };
        let cached = of("useTicketCache=true ticketCache=\"/tmp/c\"");
        assert_eq!((cached.cache.as_deref(), cached.keytab, cached.principal), (Some("/tmp/c"), None, None));
        assert_eq!(of("useTicketCache=true").cache, None);
        let (one, two) = (of("useKeyTab=true principal=bob"), of("useKeyTab=true keyTab=k principal=bob"));
        assert_eq!((one.keytab.as_deref(), two.keytab.as_deref()), (Some("/etc/krb5.keytab"), Some("k")));
        assert!(one.cache.as_ref().unwrap().starts_with("MEMORY:") && one.cache != two.cache);
    }
}
