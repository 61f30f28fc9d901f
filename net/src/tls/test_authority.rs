//! An authority of certificates, for tests: the program openssl signs them as the tests run, so that none is kept that expires.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::context::{ClientContext, ServerContext};
use super::secret::Secret;
use super::settings::{ClientAuth, Settings, StoreSettings};

/// One authority, in a directory of its own.
pub struct TestAuthority {
    dir: PathBuf,
}

fn openssl(dir: &Path, arguments: &str) {
    let output =
        Command::new("openssl").current_dir(dir).args(arguments.split(' ')).output().expect("openssl is there");
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

impl TestAuthority {
    pub fn new() -> TestAuthority {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("paddock-authority-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(&dir, &format!("req -x509 {curve} -keyout ca.key -out ca.pem -subj /CN=authority -days 30"));
        TestAuthority { dir }
    }

    /// A key with a certificate of this subject, for so many days; both in one file.
    pub fn issue(&self, name: &str, subject: &str, days: i32) -> PathBuf {
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(&self.dir, &format!("req -new {curve} -keyout {name}.key -out {name}.csr -subj {subject}"));
        std::fs::write(self.dir.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1").unwrap();
        let signed = format!("-CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -extfile names");
        openssl(&self.dir, &format!("x509 -req -in {name}.csr {signed} -out {name}.crt"));
        let read = |suffix: &str| std::fs::read_to_string(self.dir.join(format!("{name}.{suffix}"))).unwrap();
        let store = self.dir.join(format!("{name}.pem"));
        std::fs::write(&store, read("crt") + &read("key")).unwrap();
        store
    }

    /// Settings by which this authority is trusted, with this key.
    pub fn settings(&self, key: Option<PathBuf>) -> Settings {
        let store = |path| StoreSettings { path, kind: None, password: Secret::new(Vec::new()) };
        Settings { key_store: key.map(store), trust_store: Some(store(self.dir.join("ca.pem"))), ..Settings::default() }
    }

    /// A listener's.
    pub fn server(&self, client_auth: ClientAuth) -> ServerContext {
        let key = self.issue("server", "/CN=localhost", 30);
        ServerContext::load(&Settings { client_auth, ..self.settings(Some(key)) }).unwrap()
    }

    /// A client's, with a certificate of this subject if there is one.
    pub fn client(&self, subject: Option<&str>) -> ClientContext {
        let key = subject.map(|subject| self.issue("client", subject, 30));
        ClientContext::load(&self.settings(key)).unwrap()
    }
}

impl Default for TestAuthority {
    fn default() -> TestAuthority {
        TestAuthority::new()
    }
}

impl Drop for TestAuthority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
