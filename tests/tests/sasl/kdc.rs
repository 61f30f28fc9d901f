//! A KDC of the test's own: its realm, its database and its port, and no network.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use paddock_tests::server::{DEADLINE, TempDir, free_port, poll_until};

pub const REALM: &str = "PADDOCK.TEST";
/// Whom clients ask for: the name of this machine in their own eyes.
pub const SERVER: &str = "zookeeper/localhost";

pub struct Kdc {
    pub dir: TempDir,
    process: Child,
}

impl Kdc {
    /// With the server's principal in the keytab `server.keytab`.
    pub fn start() -> Kdc {
        let dir = TempDir::new("kdc");
        let port = free_port();
        // Names are as they are written, whatever a name service would say.
        let realm = format!(
            "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n \
             dns_canonicalize_hostname = false\n udp_preference_limit = 1\n[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
        );
        dir.write("krb5.conf", realm.as_bytes());
        let at = dir.path().display();
        let settings = format!(
            "[kdcdefaults]\n kdc_listen = \"\"\n kdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n {REALM} = {{\n  \
             database_name = {at}/principal\n  key_stash_file = {at}/stash\n  acl_file = {at}/acl\n  max_life = 10h\n }}\n\
             [logging]\n kdc = FILE:{at}/kdc.log\n"
        );
        dir.write("kdc.conf", settings.as_bytes());
        let of = |program: &str| of(dir.path(), program);
        let mut create = of("/usr/sbin/kdb5_util");
        succeed(create.args(["create", "-s", "-P", "of-the-test", "-r", REALM]));
        let mut kdc = of("/usr/sbin/krb5kdc");
        let process = kdc.arg("-n").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("krb5-kdc is installed");
        let kdc = Kdc { dir, process };
        let listens = || std::net::TcpStream::connect(("127.0.0.1", port)).ok();
        assert!(poll_until(DEADLINE, listens).is_some(), "the KDC does not listen");
        kdc.add(SERVER);
        kdc
    }

    /// Adds a principal and returns the file with its keys.
    pub fn add(&self, principal: &str) -> PathBuf {
        self.admin(&format!("addprinc -randkey {principal}"));
        let keytab = self.keytab(principal);
        self.admin(&format!("ktadd -k {} {principal}", keytab.display()));
        keytab
    }

    pub fn keytab(&self, principal: &str) -> PathBuf {
        self.dir.path().join(format!("{}.keytab", principal.replace('/', "-")))
    }

    /// A line of kadmin.
    pub fn admin(&self, line: &str) {
        succeed(self.command("/usr/sbin/kadmin.local").args(["-q", line]));
    }

    /// Tickets for a principal from its keytab, in a cache of their own.
    pub fn tickets(&self, principal: &str, more: &[&str]) -> PathBuf {
        let cache = self.dir.path().join(format!("{principal}.tickets"));
        let mut kinit = self.command("/usr/bin/kinit");
        kinit.args(more).args(["-k", "-t"]).arg(self.keytab(principal)).arg("-c").arg(&cache).arg(principal);
        succeed(&mut kinit);
        cache
    }

    pub fn conf(&self) -> PathBuf {
        self.dir.path().join("krb5.conf")
    }

    /// A program that finds this KDC.
    pub fn command(&self, program: &str) -> Command {
        of(self.dir.path(), program)
    }
}

fn of(dir: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("KRB5_CONFIG", dir.join("krb5.conf")).env("KRB5_KDC_PROFILE", dir.join("kdc.conf"));
    command
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // kadmin ends well whatever its line came to.
    let failed = said.lines().any(|line| line.contains("while "));
    assert!(output.status.success() && !failed, "{command:?}: {}\n{said}", output.status);
}

impl Drop for Kdc {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
