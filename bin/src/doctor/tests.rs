//! Every finding, and its absence where the cause is gone.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::finding::{Findings, Severity};
use super::subject::Subject;
use crate::config::{self, Property};

/// A configuration with which nothing is found but what is only noted.
const SOUND: &str = "clientPort=2181\nclientPortAddress=127.0.0.1\nadmin.serverAddress=127.0.0.1\n";
/// The same of one of three servers.
const ENSEMBLE: &str = "initLimit=10\nsyncLimit=5\nserver.1=127.0.0.1:2888:3888\nserver.2=127.0.0.2:2888:3888\n\
                        server.3=127.0.0.3:2888:3888\n";

struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("paddock-doctor-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(dir.join("data")).unwrap();
        mode(&dir, 0o755);
        mode(&dir.join("data"), 0o750);
        Place(dir)
    }

    fn file(&self, name: &str, text: &str, of: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        mode(&path, of);
        path
    }

    /// A zoo.cfg with these lines, in which `DIR` is this directory.
    fn subject(&self, lines: &str, options: &[&str], now: SystemTime) -> Subject {
        let dir = self.0.display().to_string();
        let text = format!("dataDir={dir}/data\n{}", lines.replace("DIR", &dir));
        let file = self.0.join("zoo.cfg");
        if !file.exists() {
            self.file("zoo.cfg", "", 0o640);
        }
        fs::write(&file, text).unwrap();
        let options: Vec<Property> = options.iter().map(|option| Property::split(option)).collect();
        Subject::new(Some(file.clone()), config::examine(Some(&file), &options, &[]), now)
    }

    fn findings(&self, lines: &str) -> Findings {
        examine(&self.subject(lines, &[], SystemTime::now()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn examine(subject: &Subject) -> Findings {
    super::examine(subject, 30)
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Errors and warnings that these lines give.
fn bad(lines: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let findings = Place::new().findings(lines);
    (findings.checks(Severity::Error), findings.checks(Severity::Warning))
}

/// What `lines` have more of it than a sound configuration.
fn warned(lines: &str) -> Vec<&'static str> {
    let (errors, warnings) = bad(&format!("{SOUND}{lines}"));
    assert_eq!(errors, [""; 0], "{lines}");
    warnings
}

#[test]
fn a_sound_configuration_has_no_warnings() {
    assert_eq!(bad(SOUND), (vec![], vec![]));
    let findings = Place::new().findings(SOUND);
    assert_eq!((findings.checks(Severity::Note), findings.exit_code()), (vec!["digest-sha1"], 0));
    let findings = Place::new().findings(&format!("{SOUND}DigestAuthenticationProvider.digestAlg=SHA-256\n"));
    assert_eq!(findings.checks(Severity::Note), [""; 0]);
}

#[test]
fn what_a_start_refuses_or_warns_of_is_found() {
    let (errors, _) = bad("clientPort=2181\ntickTime=x\nadmin.serverAddress=127.0.0.1\n");
    assert_eq!(errors, ["start"]);
    assert_eq!(warned("tikTime=5\n"), ["setting"]);
}

#[test]
fn ports_for_clients() {
    let open = "clientPort=2181\nadmin.serverAddress=127.0.0.1\n";
    assert_eq!(bad(open).1, ["client-port-plaintext"]);
    assert_eq!(Place::new().findings(open).checks(Severity::Note), ["client-anonymous", "digest-sha1"]);
    let enforced = format!("{open}enforce.auth.enabled=true\nenforce.auth.schemes=digest\n");
    assert_eq!(Place::new().findings(&enforced).checks(Severity::Note), ["digest-sha1"]);
}

#[test]
fn ports_for_servers() {
    let place = Place::new();
    place.file("data/myid", "1\n", 0o644);
    assert_eq!(place.findings(&format!("{SOUND}{ENSEMBLE}")).checks(Severity::Warning), [""; 0], "on loopback alone");
    let open = ENSEMBLE.replace("127.0.0.1:2888", "10.0.0.1:2888");
    let findings = place.findings(&format!("{SOUND}{open}"));
    assert_eq!(findings.checks(Severity::Warning), ["quorum-port-open", "quorum-port-plaintext"]);
    let everywhere = format!("{SOUND}{ENSEMBLE}quorumListenOnAllIPs=true\n");
    assert_eq!(place.findings(&everywhere).checks(Severity::Warning), ["quorum-port-open", "quorum-port-plaintext"]);
}

#[test]
fn the_number_of_a_server() {
    let place = Place::new();
    place.file("data/myid", "7\n", 0o644);
    assert_eq!(place.findings(&format!("{SOUND}{ENSEMBLE}")).checks(Severity::Error), ["start"]);
    place.file("data/myid", "2\n", 0o644);
    assert_eq!(place.findings(&format!("{SOUND}{ENSEMBLE}")).checks(Severity::Error), [""; 0]);
}

#[test]
fn what_is_served_by_http() {
    let client = "clientPort=2181\nclientPortAddress=127.0.0.1\n";
    assert_eq!(bad(client).1, ["admin-open", "admin-plaintext"]);
    assert_eq!(bad(&format!("{client}admin.enableServer=false\n")).1, [""; 0]);
    assert_eq!(warned("IPAuthenticationProvider.usexforwardedfor=true\n"), ["forwarded-for"]);
    let metrics =
        format!("{SOUND}metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider\n");
    assert_eq!(Place::new().findings(&metrics).checks(Severity::Note), ["digest-sha1", "metrics-open"]);
    let local = format!("{metrics}metricsProvider.httpHost=127.0.0.1\n");
    assert_eq!(Place::new().findings(&local).checks(Severity::Note), ["digest-sha1"]);
}

#[test]
fn weak_settings() {
    assert_eq!(warned("skipACL=yes\n"), ["skip-acl"]);
    assert_eq!(warned("4lw.commands.whitelist=srvr, *\n"), ["four-letter-words"]);
    assert_eq!(warned("4lw.commands.whitelist=srvr,ruok\n"), [""; 0]);
}

#[test]
fn a_secret_among_the_arguments_is_everybodys() {
    let place = Place::new();
    let option = "zookeeper.DigestAuthenticationProvider.superDigest=super:x3CH7gFQtFbXO7hH2Y1ySYdzFrg=";
    let subject = place.subject(SOUND, &[option], SystemTime::now());
    assert_eq!(examine(&subject).checks(Severity::Error), ["secret-on-command-line"]);
}

#[test]
fn files_with_secrets_are_the_servers_alone() {
    let place = Place::new();
    let secret = format!("{SOUND}DigestAuthenticationProvider.superDigest=super:x3CH7gFQtFbXO7hH2Y1ySYdzFrg=\n");
    let file = place.file("zoo.cfg", "", 0o644);
    assert_eq!(place.findings(SOUND).checks(Severity::Error), [""; 0], "there is no secret in it");
    assert_eq!(place.findings(&secret).checks(Severity::Error), ["file-readable"]);
    mode(&file, 0o640);
    assert_eq!(place.findings(&secret).checks(Severity::Error), [""; 0]);
    mode(&file, 0o646);
    assert_eq!(place.findings(SOUND).checks(Severity::Error), ["file-writable"]);
    mode(&file, 0o600);
    let named = format!("{SOUND}ssl.keyStore.location=DIR/key.pem\nssl.keyStore.passwordPath=DIR/password\n");
    assert_eq!(place.findings(&named).checks(Severity::Error), ["file-missing", "file-missing"]);
}

#[test]
fn data_is_the_servers_alone() {
    let place = Place::new();
    let data = place.0.join("data");
    mode(&data, 0o755);
    assert_eq!(place.findings(SOUND).checks(Severity::Error), [""; 0], "there is none");
    place.file("data/snapshot.0", "x", 0o644);
    assert_eq!(place.findings(SOUND).checks(Severity::Error), ["data-readable"]);
    mode(&data, 0o750);
    assert_eq!(place.findings(SOUND).checks(Severity::Error), [""; 0]);
    mode(&data, 0o757);
    assert_eq!(place.findings(SOUND).checks(Severity::Error), ["data-readable", "data-writable"]);
}

#[test]
fn a_clock_that_went_back() {
    let place = Place::new();
    place.file("data/snapshot.0", "x", 0o640);
    let earlier = SystemTime::now() - Duration::from_secs(3600);
    assert_eq!(examine(&place.subject(SOUND, &[], earlier)).checks(Severity::Warning), ["clock"]);
    assert_eq!(place.findings(SOUND).checks(Severity::Warning), [""; 0]);
}

#[test]
fn no_secret_is_told() {
    let place = Place::new();
    place.file("zoo.cfg", "", 0o666);
    let lines = format!(
        "{SOUND}ssl.keyStore.location=DIR/none.jks\nssl.keyStore.password=hush-hush\n\
         DigestAuthenticationProvider.superDigest=hush-hush\nssl.quorum.trustStore.password=hush-hush\n"
    );
    let subject = place.subject(&lines, &["ssl.trustStore.password=hush-hush"], SystemTime::now());
    assert!(!format!("{:?} {:?}", examine(&subject), subject.wordings).contains("hush"));
}

#[test]
fn logins_need_their_sections() {
    let place = Place::new();
    let module = "org.apache.zookeeper.server.auth.DigestLoginModule required user_a=\"hush\";";
    let jaas = place.file("jaas.conf", &format!("Server {{ {module} }};"), 0o600);
    let option = format!("java.security.auth.login.config={}", jaas.display());
    let errors = |options: &[&str], lines: &str| {
        let subject = place.subject(&format!("{SOUND}{lines}"), options, SystemTime::now());
        examine(&subject).checks(Severity::Error)
    };
    assert_eq!(errors(&[&option], ""), [""; 0]);
    assert_eq!(errors(&[&option], "sasl.serverconfig=Other\n"), ["jaas-section"]);
    mode(&jaas, 0o644);
    assert_eq!(errors(&[&option], ""), ["file-readable"]);
    mode(&jaas, 0o600);
    fs::write(&jaas, "Server {").unwrap();
    assert_eq!(errors(&[&option], ""), ["jaas"]);
    let keytab = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab=\"/none/zk.keytab\";";
    fs::write(&jaas, format!("Server {{ {keytab} }};")).unwrap();
    assert_eq!(errors(&[&option], ""), ["file-missing"]);
}
