//! The certificates and keys of TLS between servers, read again when their files change.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, RwLock, Weak};
use std::thread;
use std::time::Duration;

use paddock_net::tls::TlsError;
use paddock_net::tls::context::{ClientContext, ServerContext};
use paddock_net::tls::settings::Settings;

/// How often it is looked whether a file has changed.
const INTERVAL: Duration = Duration::from_secs(1);

/// What connections are made with.
#[derive(Clone, Debug)]
pub struct Contexts {
    pub server: ServerContext,
    pub client: ClientContext,
}

impl Contexts {
    fn load(settings: &Settings) -> Result<Contexts, TlsError> {
        Ok(Contexts { server: ServerContext::load(settings)?, client: ClientContext::load(settings)? })
    }
}

/// Connections that are there keep what they were made with.
#[derive(Debug)]
pub struct Certificates {
    settings: Settings,
    contexts: RwLock<Contexts>,
}

/// What a file is known by, as long as it does not change: where it is, how long, and since when.
type Stamp = Option<(u64, u64, i64, i64)>;

impl Certificates {
    /// With `reloads` they are read again when a file has changed, by a thread that ends with them.
    ///
    /// # Errors
    /// If they cannot be read now.
    pub fn load(settings: &Settings, reloads: bool) -> Result<Arc<Certificates>, TlsError> {
        let stamps = stamps(settings);
        let contexts = RwLock::new(Contexts::load(settings)?);
        let certificates = Arc::new(Certificates { settings: settings.clone(), contexts });
        if reloads {
            let watched = Arc::downgrade(&certificates);
            let thread = thread::Builder::new().name("certificates".into()).spawn(move || watch(&watched, stamps));
            if let Err(error) = thread {
                tracing::error!(
                    "changed certificates cannot be read again, because there is no thread for it: {error}"
                );
            }
        }
        Ok(certificates)
    }

    pub fn contexts(&self) -> Contexts {
        self.contexts.read().expect("nobody panics with this lock").clone()
    }

    /// A file has changed. What cannot be read, which may be half written, leaves everything as it is.
    fn reload(&self) {
        let files: Vec<String> = self.settings.files().map(|file| file.display().to_string()).collect();
        match Contexts::load(&self.settings) {
            Ok(contexts) => {
                *self.contexts.write().expect("nobody panics with this lock") = contexts;
                tracing::info!("certificates for TLS between servers are read again from {}", files.join(" and "));
            }
            Err(error) => tracing::error!(
                "changed certificates for TLS between servers cannot be read, so that those from before are kept: {error}"
            ),
        }
    }
}

fn stamps(settings: &Settings) -> Vec<(PathBuf, Stamp)> {
    let stamp = |metadata: fs::Metadata| (metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    settings.files().map(|file| (file.to_owned(), fs::metadata(file).ok().map(stamp))).collect()
}

fn watch(watched: &Weak<Certificates>, mut known: Vec<(PathBuf, Stamp)>) {
    loop {
        thread::sleep(INTERVAL);
        let Some(certificates) = watched.upgrade() else { return };
        let now = stamps(&certificates.settings);
        // A file that is away is about to be replaced.
        let has_changed = now.iter().zip(&known).any(|(now, known)| now.1.is_some() && now.1 != known.1);
        if has_changed {
            known = now;
            certificates.reload();
        }
    }
}
