//! The stores of TLS are read again when they change, so that a certificate is renewed without a restart. Connections that are
//! there go on as they are.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use paddock_net::client_tls::ClientTls;
use paddock_net::tls::context::ServerContext;
use paddock_net::tls::settings::Settings;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// The thread that looks at the files, until this is dropped.
pub struct StoreWatcher {
    _end: Sender<()>,
}

impl StoreWatcher {
    /// Watches the files of the settings, of which `tls` was made.
    ///
    /// # Errors
    /// When there is no other thread to be had.
    pub fn start(settings: Settings, tls: Arc<ClientTls>) -> io::Result<StoreWatcher> {
        let (end, ends) = bounded(0);
        let mut stores = Stores::new(settings);
        let watch = move || {
            while goes_on(&ends) {
                stores.look(&tls);
            }
        };
        thread::Builder::new().name("store-watcher".to_owned()).spawn(watch)?;
        Ok(StoreWatcher { _end: end })
    }
}

/// Waits for the next look; `false`: there is none.
fn goes_on(ends: &Receiver<()>) -> bool {
    ends.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout)
}

/// The files, as they were when they were read last.
struct Stores {
    settings: Settings,
    seen: Vec<Stamp>,
}

/// What tells one content of a file from another. A file that cannot be looked at has none.
type Stamp = (PathBuf, Option<(u64, Option<SystemTime>)>);

impl Stores {
    fn new(settings: Settings) -> Stores {
        Stores { seen: stamps(&settings), settings }
    }

    /// Reads all of them again if one has changed. Where they cannot be used, what was read before stays, and the next change is
    /// waited for.
    fn look(&mut self, tls: &ClientTls) {
        let now = stamps(&self.settings);
        if now == self.seen {
            return;
        }
        self.seen = now;
        match ServerContext::load(&self.settings) {
            Ok(context) => {
                tls.replace(context);
                tracing::info!("the stores of TLS have changed; new connections of clients go by them");
            }
            Err(error) => tracing::error!(
                "the stores of TLS have changed and cannot be used, so that connections are made as before: {error}"
            ),
        }
    }
}

fn stamps(settings: &Settings) -> Vec<Stamp> {
    let stamp = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).ok();
        (path.to_owned(), metadata.map(|metadata| (metadata.len(), metadata.modified().ok())))
    };
    settings.files().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;
    use std::sync::Arc;

    use paddock_net::client_tls::ClientTls;
    use paddock_net::tls::context::ServerContext;
    use paddock_net::tls::secret::Secret;
    use paddock_net::tls::settings::{ClientAuth, Settings, StoreSettings};

    use super::Stores;

    /// A new key with its certificate, in PEM.
    fn make_store(path: &PathBuf) {
        let curve = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=one -days 30";
        let output = Command::new("openssl").args(curve.split(' ')).args(["-keyout", "-", "-out", "-"]).output();
        let output = output.expect("openssl runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::write(path, output.stdout).expect("it is writable");
    }

    #[test]
    fn stores_are_read_when_they_have_changed_and_kept_where_they_cannot_be_used() {
        let path = std::env::temp_dir().join(format!("paddock-store-{}.pem", std::process::id()));
        make_store(&path);
        let store = StoreSettings { path: path.clone(), kind: None, password: Secret::new(Vec::new()) };
        let settings = Settings { key_store: Some(store), client_auth: ClientAuth::None, ..Settings::default() };
        let tls = ClientTls::new(ServerContext::load(&settings).expect("it is a store"));
        let mut stores = Stores::new(settings);
        let first = tls.context();
        let is_first = |tls: &ClientTls| Arc::ptr_eq(tls.context().config(), first.config());
        stores.look(&tls);
        assert!(is_first(&tls), "nothing has changed");
        std::fs::write(&path, "no store").expect("it is writable");
        stores.look(&tls);
        assert!(is_first(&tls), "what was read before stays");
        std::fs::remove_file(&path).expect("it is ours");
        stores.look(&tls);
        assert!(is_first(&tls));
        make_store(&path);
        stores.look(&tls);
        assert!(!is_first(&tls));
        std::fs::remove_file(&path).expect("it is ours");
    }
}
