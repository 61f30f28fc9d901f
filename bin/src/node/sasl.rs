//! The server's login, by which clients show who they are over SASL, and the thread that takes tokens of Kerberos.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam::channel::{self, Sender};
use paddock_net::exchange::{Errand, Exchange};
use paddock_net::reactor::SaslSettings;
use paddock_net::sasl::jaas::{Jaas, JaasError};
use paddock_net::sasl::kerberos_name::KerberosNames;
use paddock_net::sasl::server::Login;
use paddock_net::sasl::{Authorize, LoginError, Service, krb5_conf};
use paddock_net::sasl_tokens::{SaslToken, TOKENS_PER_REACTOR_MAX};
use paddock_net::tls::secret::Secret;

use super::errands;
use crate::config::{Config, SaslConfig};
use crate::jaas_file;

/// Why nobody could log in as it is configured.
#[derive(Debug)]
pub enum SaslSetupError {
    /// The JAAS file is none.
    Jaas {
        file: PathBuf,
        error: JaasError,
    },
    Login {
        file: PathBuf,
        error: LoginError,
    },
    /// `requireKerberosConfig=true`, and this file says no default realm.
    NoRealm {
        file: PathBuf,
    },
}

impl fmt::Display for SaslSetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SaslSetupError::Jaas { file, error } => write!(
                f,
                "{}: the JAAS file that java.security.auth.login.config names: {error}; correct it, or remove the setting",
                file.display()
            ),
            SaslSetupError::Login { file, error } => write!(f, "{}: {error}", file.display()),
            SaslSetupError::NoRealm { file } => write!(
                f,
                "{}: there is no default_realm, which requireKerberosConfig=true demands; set it in its section libdefaults",
                file.display()
            ),
        }
    }
}

impl std::error::Error for SaslSetupError {}

/// How clients log in; `None` where no JAAS file is named, or it has no section for it.
pub fn settings(config: &Config) -> Result<Option<SaslSettings>, SaslSetupError> {
    let sasl = &config.sasl;
    let Some(file) = &sasl.jaas_file else { return Ok(None) };
    let jaas = read(config, file)?;
    let Some(section) = jaas.section(&sasl.server_section) else {
        tracing::warn!(
            "{}: there is no section {:?}, so that no client can log in by SASL; add it, or name another by \
             sasl.serverconfig",
            file.display(),
            sasl.server_section
        );
        return Ok(None);
    };
    let super_password =
        sasl.super_password.as_ref().map(|password| Secret::new(password.reveal().as_bytes().to_vec()));
    let login = Login::load(section, Service::CLIENTS, super_password.as_ref(), names(sasl)?)
        .map_err(|error| SaslSetupError::Login { file: file.clone(), error })?;
    match login.principal() {
        Some(principal) => tracing::info!("clients log in by SASL: GSSAPI, and this server is {principal}"),
        None => tracing::info!("clients log in by SASL: DIGEST-MD5, of {} users", login.users()),
    }
    Ok(Some(SaslSettings { login, keeps_failed: sasl.keeps_failed }))
}

/// The JAAS file, with the properties in it that this program has been given, and those of Java that it can know.
pub fn read(config: &Config, file: &Path) -> Result<Jaas, SaslSetupError> {
    let given = |name: &str| config.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Jaas::read(file, &|name: &str| jaas_file::property(name, given))
        .map_err(|error| SaslSetupError::Jaas { file: file.to_owned(), error })
}

/// As whom clients count that have shown who they are.
fn names(sasl: &SaslConfig) -> Result<Arc<dyn Authorize>, SaslSetupError> {
    let named = sasl.krb5_conf.as_ref().map(|path| path.display().to_string());
    let file = krb5_conf::path(named.as_deref(), std::env::var("KRB5_CONFIG").ok().as_deref());
    let realm = krb5_conf::default_realm(&file);
    if realm.is_none() && sasl.requires_realm {
        return Err(SaslSetupError::NoRealm { file });
    }
    let realm = realm.unwrap_or_default();
    let names = KerberosNames::new(&sasl.rules, &realm, sasl.removes_host, sasl.removes_realm);
    Ok(Arc::new(names.expect("the configuration refuses what are no rules")))
}

/// Starts the thread that takes the tokens. It ends when no reactor can send any more.
pub fn start(exchanges: Arc<[Arc<Exchange>]>) -> io::Result<Sender<SaslToken>> {
    let (sender, tokens) = channel::bounded(exchanges.len() * TOKENS_PER_REACTOR_MAX);
    std::thread::Builder::new().name("sasl".into()).spawn(move || {
        for SaslToken { reactor, connection, xid, token, mut negotiation } in tokens {
            let step = negotiation.step(&token);
            errands::tell(&exchanges[reactor], Errand::Stepped { connection, xid, negotiation, step });
        }
    })?;
    Ok(sender)
}
