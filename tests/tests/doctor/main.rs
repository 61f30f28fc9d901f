//! `paddock doctor`: what it finds, and that it finds nothing where there is nothing. Each kind of thing has a unit test beside the
//! code; here the program itself is run, with real certificates and a real server.
use paddock_tests::certificates::{Authority, openssl};
use paddock_tests::server::{Kind, Setup, TempDir, paddock};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// A server that nobody else reaches.
const SOUND: &str = "clientPort=2181\nclientPortAddress=127.0.0.1\nadmin.serverAddress=127.0.0.1\n\
                     DigestAuthenticationProvider.digestAlg=SHA-256\n";

struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let dir = TempDir::new("doctor");
        fs::create_dir(dir.path().join("data")).expect("it is writable");
        fs::set_permissions(dir.path().join("data"), Permissions::from_mode(0o750)).expect("it is ours");
        Place(dir)
    }

    /// A zoo.cfg that nobody else reads.
    fn zoo_cfg(&self, lines: &str) -> std::path::PathBuf {
        let text = format!("dataDir={}\n{lines}", self.0.path().join("data").display());
        let file = self.0.write("zoo.cfg", text.as_bytes());
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
        file
    }

    /// The kinds of errors and of warnings, and the exit code.
    fn found(&self, lines: &str) -> (Vec<String>, Vec<String>, Option<i32>) {
        let output = run(&["--json".as_ref(), self.zoo_cfg(lines).as_os_str()]);
        let told = String::from_utf8(output.stdout).expect("JSON is UTF-8");
        let objects: Vec<Value> = told
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
            .collect();
        let of = |severity: &str| -> Vec<String> {
            let those = objects.iter().filter(|object| object["severity"] == severity);
            those.map(|object| object["check"].as_str().expect("it has one").to_owned()).collect()
        };
        (of("error"), of("warning"), output.status.code())
    }
}

fn run(arguments: &[&std::ffi::OsStr]) -> Output {
    Command::new(paddock()).arg("doctor").args(arguments).output().expect("the program is there")
}

fn private(file: &Path) -> String {
    fs::set_permissions(file, Permissions::from_mode(0o600)).expect("it is ours");
    file.display().to_string()
}

fn errors(kinds: &[&str]) -> (Vec<String>, Vec<String>, Option<i32>) {
    (kinds.iter().map(|kind| (*kind).to_owned()).collect(), Vec::new(), Some(2))
}

const NOTHING: (Vec<String>, Vec<String>, Option<i32>) = (Vec::new(), Vec::new(), Some(0));

#[test]
fn exit_codes_are_for_scripts_and_lines_for_people() {
    let place = Place::new();
    assert_eq!(place.found(SOUND), NOTHING);
    assert_eq!(place.found(&format!("{SOUND}skipACL=yes\n")), (vec![], vec!["skip-acl".to_owned()], Some(1)));
    assert_eq!(place.found(&format!("{SOUND}tickTime=x\n")), errors(&["start"]));
    let output = run(&[place.zoo_cfg(&format!("{SOUND}skipACL=yes\n")).as_os_str()]);
    let told = String::from_utf8(output.stdout).expect("it is UTF-8");
    assert!(told.starts_with("warning  ") && told.contains("zoo.cfg:6  no ACL is checked"), "{told}");
    assert!(told.contains("-> remove skipACL") && told.ends_with("0 errors, 1 warnings, 0 notes\n"), "{told}");
    let missing = run(&["/no/such/zoo.cfg".as_ref()]);
    assert_eq!(missing.status.code(), Some(2));
    assert_eq!(run(&["--server".as_ref(), "nonsense".as_ref()]).status.code(), Some(2));
}

#[test]
fn certificates_are_looked_at() {
    let (place, authority) = (Place::new(), Authority::new());
    let trust = authority.certificate().display().to_string();
    let with = |store: &str| {
        place.found(&format!("{SOUND}ssl.quorum.keyStore.location={store}\nssl.quorum.trustStore.location={trust}\n"))
    };
    let good = authority.issue("/O=Paddock/CN=server", 365);
    assert_eq!(with(&private(&good.store)), NOTHING);
    let expired = authority.issue("/CN=server", -1);
    assert_eq!(with(&private(&expired.store)), errors(&["certificate-expired", "quorum-certificate-untrusted"]));
    let soon = authority.issue("/CN=server", 3);
    assert_eq!(with(&private(&soon.store)), (vec![], vec!["certificate-expires".to_owned()], Some(1)));
    let stranger = Authority::new().issue("/CN=server", 365);
    let text = fs::read_to_string(&good.key).expect("it is there")
        + &fs::read_to_string(&soon.certificate).expect("it is there");
    let mixed = authority.file("mixed.pem", text.as_bytes());
    let (kinds, _, code) = with(&private(&mixed));
    assert!(kinds.contains(&"key-mismatch".to_owned()) && code == Some(2), "{kinds:?}");
    // The other authority is gone with its files.
    assert_eq!(with(&stranger.store.display().to_string()), errors(&["file-missing"]));
}

#[test]
fn a_store_opens_with_its_password_alone() {
    let (place, authority) = (Place::new(), Authority::new());
    let issued = authority.issue("/CN=server", 365);
    let store = authority.file("server.p12", b"");
    let mut export = Command::new("openssl");
    export.args(["pkcs12", "-export", "-passout", "pass:right-one", "-inkey"]).arg(&issued.key);
    openssl(export.arg("-in").arg(&issued.certificate).arg("-out").arg(&store));
    let store = private(&store);
    let with = |password: &str| {
        let lines = format!("{SOUND}ssl.keyStore.location={store}\nssl.keyStore.password={password}\n");
        place.found(&lines)
    };
    assert_eq!(with("right-one"), NOTHING);
    assert_eq!(with("another"), errors(&["store"]));
    let output = run(&[place
        .zoo_cfg(&format!("{SOUND}ssl.keyStore.location={store}\nssl.keyStore.password=hush-hush\n"))
        .as_os_str()]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("hush"), "no secret is told");
}

#[test]
fn who_else_may_read_is_told() {
    let (place, authority) = (Place::new(), Authority::new());
    let issued = authority.issue("/CN=server", 365);
    fs::set_permissions(&issued.store, Permissions::from_mode(0o644)).expect("it is ours");
    let lines = format!("{SOUND}ssl.keyStore.location={}\n", issued.store.display());
    assert_eq!(place.found(&lines), errors(&["file-readable"]));
    private(&issued.store);
    assert_eq!(place.found(&lines), NOTHING);
}

#[test]
fn a_server_is_asked_what_anybody_may_do() {
    let (place, server) = (Place::new(), Setup::new(Kind::under_test()).start());
    let file = place.zoo_cfg(SOUND);
    let ask = || run(&["--json".as_ref(), "--server".as_ref(), server.connect_string().as_ref(), file.as_os_str()]);
    let output = ask();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("acl-open"), "{output:?}");
    let script = "addauth digest a:b; setAcl / auth::cdrwa";
    let at = server.connect_string();
    let shell = Command::new(paddock()).args(["shell", "--server", &at, "-e", script]).output();
    assert!(shell.expect("the program is there").status.success());
    assert_eq!(ask().status.code(), Some(0));
    server.kill();
    assert_eq!(ask().status.code(), Some(2), "it does not answer");
}
