//! With a login by SASL, with a name and a password.
use crate::said::shell;
use paddock_tests::server::{Kind, Server, Setup, TempDir};

const MODULE: &str = "org.apache.zookeeper.server.auth.DigestLoginModule required";
const PROVIDER: &str = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider";

fn start(kind: Kind, dir: &TempDir) -> Server {
    let jaas = dir.write("server.conf", format!("Server {{ {MODULE} user_pat=\"wonder\"; }};").as_bytes());
    let setup = Setup::new(kind).property("java.security.auth.login.config", &jaas.display().to_string());
    let setup = setup.property("zookeeper.authProvider.sasl", PROVIDER).property("zookeeper.fips-mode", "false");
    setup.start()
}

/// The option that names a JAAS file with this password.
fn login(dir: &TempDir, name: &str, password: &str) -> String {
    let text = format!("Client {{ {MODULE} username=\"pat\" password=\"{password}\"; }};");
    format!("-Djava.security.auth.login.config={}", dir.write(name, text.as_bytes()).display())
}

#[test]
fn whoever_has_the_password_is_who_it_is_of() {
    let dir = TempDir::new("logins");
    let (right, wrong) = (login(&dir, "right.conf", "wonder"), login(&dir, "wrong.conf", "another"));
    for kind in [Kind::under_test(), Kind::ZooKeeper] {
        let server = start(kind, &dir);
        let at = server.connect_string();
        let said = shell(&[&right, "--server", &at, "-e", "create /mine x sasl:pat:cdrwa; whoami; get /mine"]);
        assert_eq!(said.code, Some(0), "{kind:?}: {said:?}");
        assert!(said.out.iter().any(|line| line.contains("sasl") && line.contains("pat")), "{kind:?}: {said:?}");
        assert!(said.out.contains(&"x".to_owned()), "{kind:?}: {said:?}");
        let said = shell(&["--server", &at, "-e", "get /mine"]);
        assert_eq!(said.code, Some(1), "{kind:?}: who has not logged in may not: {said:?}");
        let said = shell(&[&wrong, "--server", &at, "--timeout", "4000", "-e", "get /mine"]);
        assert_eq!(said.code, Some(1), "{kind:?}: {said:?}");
        let off = shell(&[&wrong, "-Dzookeeper.sasl.client=false", "--server", &at, "-e", "ls /"]);
        assert_eq!(off.code, Some(0), "{kind:?}: {off:?}");
    }
}
