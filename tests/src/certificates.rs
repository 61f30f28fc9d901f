//! Certificates that a test makes for itself, by openssl: an authority of its own, and whom it vouches for.
use crate::server::TempDir;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a server of this machine is called in its certificate.
const EXTENSIONS: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n";

/// The files are gone when it goes.
#[derive(Debug)]
pub struct Authority {
    dir: TempDir,
    issued: AtomicU32,
}

/// A key, its certificate, and both in one file, all of them PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    pub key: PathBuf,
    pub certificate: PathBuf,
    pub store: PathBuf,
}

impl Default for Authority {
    fn default() -> Authority {
        Authority::new()
    }
}

impl Authority {
    pub fn new() -> Authority {
        let dir = TempDir::new("authority");
        let authority = Authority { dir, issued: AtomicU32::new(0) };
        let (key, certificate) = (authority.path("authority.key"), authority.certificate());
        let mut request = new_key("/CN=Authority of a test", &key);
        openssl(request.args(["-x509", "-days", "365", "-out"]).arg(&certificate));
        authority
    }

    /// Its own certificate, a trust store.
    pub fn certificate(&self) -> PathBuf {
        self.path("authority.pem")
    }

    /// Vouches for so many days for a server of this machine, or for a client; -1 is over already. `subject` is as openssl takes
    /// it: `/O=Paddock/CN=server`.
    pub fn issue(&self, subject: &str, days: i32) -> Issued {
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let name = |kind: &str| self.path(&format!("{number}.{kind}"));
        let (key, request, extensions) = (name("key"), name("csr"), name("ext"));
        openssl(new_key(subject, &key).arg("-new").arg("-out").arg(&request));
        fs::write(&extensions, EXTENSIONS).expect("the temporary directory is writable");
        let certificate = name("crt");
        let mut signing = Command::new("openssl");
        signing.args(["x509", "-req", "-days", &days.to_string(), "-CAcreateserial"]);
        signing
            .arg("-in")
            .arg(request)
            .arg("-CA")
            .arg(self.certificate())
            .arg("-CAkey")
            .arg(self.path("authority.key"));
        openssl(signing.arg("-extfile").arg(extensions).arg("-out").arg(&certificate));
        let store = name("pem");
        let both = [&key, &certificate].map(|file| fs::read_to_string(file).expect("openssl has written it")).concat();
        fs::write(&store, both).expect("the temporary directory is writable");
        Issued { key, certificate, store }
    }

    /// A file of these bytes beside the others.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        self.dir.write(name, bytes)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

fn new_key(subject: &str, key: &Path) -> Command {
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        subject,
        "-keyout",
    ]);
    command.arg(key);
    command
}

/// Runs openssl, which must end well.
pub fn openssl(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("openssl cannot be started: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
