//! Who logs in by SASL: Java's client and kazoo, by DIGEST-MD5 and by Kerberos from a KDC of the test's own; and what comes
//! of tokens that nobody would send.
//!
//! | module | is about |
//! |---|---|
//! | `digest_md5` | names and passwords of a JAAS file |
//! | `kerberos` | keytabs and caches of tickets; tickets that are no good |
//! | `kdc` | the KDC |
//! | `tokens` | hostile tokens, by hand |

mod digest_md5;
mod kdc;
mod kerberos;
mod tokens;

use paddock_tests::installed::{class_path, installed, source};
use paddock_tests::program::Program;
use paddock_tests::server::{Kind, Server, Setup, TempDir};
use std::path::Path;
use std::process::Command;

/// What a client said that has ended well.
struct Said(Vec<String>);

impl Said {
    /// What follows a word at the beginning of a line.
    fn of(&self, word: &str) -> Option<&str> {
        self.0.iter().find_map(|line| line.strip_prefix(word)?.strip_prefix(": "))
    }

    #[track_caller]
    fn assert_owner(&self, owner: &str) {
        assert_eq!(self.of("acl"), Some(&*format!("sasl:{owner}")), "it said:\n{}", self.0.join("\n"));
    }

    fn has(&self, text: &str) -> bool {
        self.0.iter().any(|line| line.contains(text))
    }
}

fn run(mut command: Command, server: &str) -> Said {
    command.arg(server);
    let said = Program::start(command).finish();
    // What it tells on the other stream may come later.
    assert!(said.iter().any(|line| line == "DONE"), "it said:\n{}", said.join("\n"));
    Said(said)
}

/// A server whose clients log in by this section of a JAAS file.
fn setup(dir: &TempDir, section: &str) -> Setup {
    let jaas = dir.write("server.jaas", format!("Server {{ {section} }};\n").as_bytes());
    let provider = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider";
    let setup = Setup::new(Kind::under_test()).property("java.security.auth.login.config", &jaas.display().to_string());
    setup.property("zookeeper.authProvider.sasl", provider)
}

/// Java's client, whose section of a JAAS file this is.
fn java(dir: &TempDir, section: &str, path: &str) -> Command {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let jaas = dir.write(&format!("client-{number}.jaas"), format!("Client {{ {section} }};\n").as_bytes());
    let mut command = Command::new("java");
    command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]);
    command.arg(format!("-Djava.security.auth.login.config={}", jaas.display())).arg("-Dzookeeper.fips-mode=false");
    let classes = [installed("java").display().to_string(), class_path(&["zookeeper", "slf4j-simple"])].join(":");
    command.arg("-cp").arg(classes).args(["Login", path]);
    command
}

/// kazoo, with the interpreter whose packages have Kerberos.
fn kazoo(mechanism: &str, name: &str, password: &str, path: &str) -> Command {
    let packages = installed("venv/lib");
    let packages = std::fs::read_dir(packages).expect("it is there").flatten().next().expect("one version of Python");
    let mut command = Command::new("/usr/bin/python3");
    command.env("PYTHONPATH", packages.path().join("site-packages"));
    command.arg(source("clients/kazoo/login.py")).args([path, mechanism, name, password]);
    command
}

/// Whether kazoo was told that its login has failed. When that comes early, it may take it for a server that says nothing.
fn kazoo_fails(said: &Said) -> bool {
    matches!(said.of("state"), Some("AuthFailedError" | "KazooTimeoutError"))
}

fn digest_client(name: &str, password: &str) -> String {
    format!("org.apache.zookeeper.server.auth.DigestLoginModule required username=\"{name}\" password=\"{password}\";")
}

fn keytab_client(keytab: &Path, principal: &str) -> String {
    format!(
        "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab=\"{}\" storeKey=true \
         useTicketCache=false principal=\"{principal}\";",
        keytab.display()
    )
}

/// What the server's log says, once it does.
#[track_caller]
fn wait_for_log(server: &Server, text: &str) {
    let found = paddock_tests::server::poll_until(paddock_tests::server::DEADLINE, || {
        server.log().contains(text).then_some(())
    });
    assert!(found.is_some(), "the log never says {text:?}; it ends:\n{}", server.log_tail());
}
