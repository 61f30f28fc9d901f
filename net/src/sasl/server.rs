//! The server's login: what a section of the JAAS file lets it find out of clients.

use std::collections::HashMap;
use std::sync::Arc;

use super::digest_md5::{self, Users};
use super::gssapi::Acceptor;
use super::gssapi_library::{Credential, GssapiLibrary};
use super::jaas::{Module, Section};
use super::kerberos_name::KerberosName;
use super::{Authorize, LoginError, Mechanism, Negotiation, Service};
use crate::tls::secret::Secret;

/// The options of users begin with it, whose names follow.
const USER_PREFIX: &str = "user_";
/// The user whose password a property may say.
const SUPER: &str = "super";

/// Who the server is to its clients, and what it knows of them. One for the program; each connection begins its own
/// [`Negotiation`].
#[derive(Clone)]
pub struct Login {
    kind: Kind,
    authorize: Arc<dyn Authorize>,
}

#[derive(Clone)]
enum Kind {
    DigestMd5 {
        users: Arc<Users>,
        service: Service,
    },
    Gssapi {
        library: GssapiLibrary,
        credential: Arc<Credential>,
        principal: String,
    },
    /// Takes its time as Kerberos does.
    #[cfg(test)]
    Scripted(fn() -> Box<dyn Negotiation>),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            Kind::DigestMd5 { users, .. } => write!(f, "Login of {} users", users.len()),
            Kind::Gssapi { principal, .. } => write!(f, "Login as {principal}"),
            #[cfg(test)]
            Kind::Scripted(_) => f.write_str("Login of a test"),
        }
    }
}

impl Login {
    /// Logs in by a section: by its `Krb5LoginModule` if it has one, and else by the users that its options name.
    ///
    /// `service`: what DIGEST-MD5 is for. `super_password`: the password of the user `super`, if the section has that user;
    /// it takes the place of the section's.
    ///
    /// # Errors
    /// When the section has modules that are not known, or Kerberos is asked for and its library or the keys are not there.
    pub fn load(
        section: &Section,
        service: Service,
        super_password: Option<&Secret>,
        authorize: Arc<dyn Authorize>,
    ) -> Result<Login, LoginError> {
        let name = &section.name;
        if section.modules.is_empty() {
            return Err(LoginError::new(format!("the section {name:?} names no login module")));
        }
        let known = ["DigestLoginModule", "Krb5LoginModule"];
        if let Some(strange) = section.modules.iter().find(|module| !known.contains(&module.class_name())) {
            return Err(LoginError::new(format!(
                "the section {name:?} names the login module {}, and there are only DigestLoginModule and Krb5LoginModule",
                strange.class
            )));
        }
        let kind = match section.modules.iter().find(|module| module.class_name() == "Krb5LoginModule") {
            Some(module) => kerberos(name, module)?,
            None => Kind::DigestMd5 { users: Arc::new(Users::new(users(section, super_password))), service },
        };
        Ok(Login { kind, authorize })
    }

    pub fn mechanism(&self) -> Mechanism {
        match self.kind {
            Kind::DigestMd5 { .. } => Mechanism::DigestMd5,
            Kind::Gssapi { .. } => Mechanism::Gssapi,
            #[cfg(test)]
            Kind::Scripted(_) => Mechanism::Gssapi,
        }
    }

    /// The server's principal, if it has one.
    pub fn principal(&self) -> Option<&str> {
        match &self.kind {
            Kind::DigestMd5 { .. } => None,
            Kind::Gssapi { principal, .. } => Some(principal),
            #[cfg(test)]
            Kind::Scripted(_) => None,
        }
    }

    /// How many users there are with a password.
    pub fn users(&self) -> usize {
        match &self.kind {
            Kind::DigestMd5 { users, .. } => users.len(),
            Kind::Gssapi { .. } => 0,
            #[cfg(test)]
            Kind::Scripted(_) => 0,
        }
    }

    /// Begins to find out who is at the other end of a connection.
    pub fn begin(&self) -> Box<dyn Negotiation> {
        let authorize = self.authorize.clone();
        match &self.kind {
            Kind::DigestMd5 { users, service } => Box::new(digest_md5::Server::new(users.clone(), *service, authorize)),
            Kind::Gssapi { library, credential, .. } => {
                Box::new(Acceptor::new(*library, credential.clone(), authorize))
            }
            #[cfg(test)]
            Kind::Scripted(begin) => begin(),
        }
    }
}

#[cfg(test)]
impl Login {
    pub fn scripted(begin: fn() -> Box<dyn Negotiation>, authorize: Arc<dyn Authorize>) -> Login {
        Login { kind: Kind::Scripted(begin), authorize }
    }
}

fn users(section: &Section, super_password: Option<&Secret>) -> HashMap<String, Secret> {
    let mut users = HashMap::new();
    for (name, value) in section.modules.iter().flat_map(Module::options) {
        if let Some(user) = name.strip_prefix(USER_PREFIX) {
            users.insert(user.to_owned(), value.clone());
        }
    }
    if let (Some(password), Some(of_super)) = (super_password, users.get_mut(SUPER)) {
        *of_super = password.clone();
    }
    users
}

fn kerberos(section: &str, module: &Module) -> Result<Kind, LoginError> {
    let problem = |text: String| LoginError::new(format!("the section {section:?}: {text}"));
    let principal = module.option("principal").ok_or_else(|| {
        problem("Krb5LoginModule has no option principal, such as principal=\"zookeeper/host@REALM\"".to_owned())
    })?;
    if KerberosName::parse(principal).is_none_or(|name| name.host.is_none()) && !principal.contains('/') {
        return Err(problem(format!(
            "the principal {principal:?} has no host, and so no client would ask for it; write zookeeper/host@REALM"
        )));
    }
    if !module.is_true("useKeyTab") {
        return Err(problem("a server needs keys: write useKeyTab=true and keyTab=\"file\"".to_owned()));
    }
    let keytab = module.option("keyTab");
    let library = GssapiLibrary::open().map_err(|error| problem(no_library(&error)))?;
    let credential = library.acceptor(principal, keytab).map_err(|error| {
        let keytab = keytab.unwrap_or("the default keytab");
        problem(format!("there are no keys of {principal} in {keytab}: {error}"))
    })?;
    Ok(Kind::Gssapi { library, credential: Arc::new(credential), principal: principal.to_owned() })
}

/// What is to be done where Kerberos is asked for and its library is not there.
pub(super) fn no_library(error: &dyn std::error::Error) -> String {
    format!("Kerberos needs the system's GSSAPI library (Debian: libgssapi-krb5-2; Fedora: krb5-libs): {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::Step;
    use crate::sasl::digest_md5::Client;
    use crate::sasl::jaas::Jaas;
    use crate::sasl::kerberos_name::KerberosNames;

    fn load(modules: &str, super_password: Option<&str>) -> Result<Login, LoginError> {
        let jaas = Jaas::parse(&format!("Server {{ {modules} }};"), &|_| None).unwrap();
        let names = Arc::new(KerberosNames::new("DEFAULT", "", false, false).unwrap());
        let password = super_password.map(|password| Secret::new(password.as_bytes().to_vec()));
        Login::load(jaas.section("Server").unwrap(), Service::CLIENTS, password.as_ref(), names)
    }

    fn lets_in(login: &Login, user: &str, password: &str) -> bool {
        let password = Secret::new(password.as_bytes().to_vec());
        let (mut server, mut client) = (login.begin(), Client::new(user.to_owned(), password, Service::CLIENTS));
        let mut step = client.step(b"");
        loop {
            let Step::Continue(token) = step else { panic!("{step:?}") };
            step = match server.step(&token) {
                Step::Continue(challenge) => client.step(&challenge),
                end => return matches!(end, Step::Done { .. }),
            };
        }
    }

    #[test]
    fn users_are_the_options_that_begin_so() {
        let login =
            load("a.DigestLoginModule required user_bob=x debug=true; b.DigestLoginModule optional user_ann=y;", None);
        let login = login.unwrap();
        assert_eq!((login.mechanism(), login.users(), login.principal()), (Mechanism::DigestMd5, 2, None));
        assert!(lets_in(&login, "bob", "x") && lets_in(&login, "ann", "y"));
        assert!(!lets_in(&login, "bob", "y") && !lets_in(&login, "debug", "true"));
    }

    #[test]
    fn the_password_of_super_is_the_propertys_where_there_is_such_a_user() {
        let with = load("DigestLoginModule required user_super=x;", Some("other")).unwrap();
        assert!(lets_in(&with, "super", "other") && !lets_in(&with, "super", "x"));
        let without = load("DigestLoginModule required user_bob=x;", Some("other")).unwrap();
        assert!(!lets_in(&without, "super", "other"));
    }

    #[test]
    fn a_section_that_is_no_login_says_why() {
        let kerberos = |options: &str| format!("com.sun.security.auth.module.Krb5LoginModule required {options};");
        for (modules, expected) in [
            ("".to_owned(), "the section \"Server\" names no login module"),
            ("my.Module required;".to_owned(), "the section \"Server\" names the login module my.Module, and"),
            (kerberos("useKeyTab=true"), "the section \"Server\": Krb5LoginModule has no option principal"),
            (
                kerberos("principal=zookeeper useKeyTab=true"),
                "the section \"Server\": the principal \"zookeeper\" has no host",
            ),
            (
                kerberos("principal=\"zookeeper/h@R\" useTicketCache=true"),
                "the section \"Server\": a server needs keys",
            ),
        ] {
            let error = load(&modules, None).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let keys = load(&kerberos("principal=\"zookeeper/h@R\" useKeyTab=true keyTab=\"/nowhere\""), None).unwrap_err();
        // What the machine lacks comes first.
        let keys = keys.to_string();
        assert!(
            keys.contains("there are no keys of zookeeper/h@R in /nowhere") || keys.contains("libgssapi"),
            "{keys}"
        );
    }
}
