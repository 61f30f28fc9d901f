//! DIGEST-MD5: users of the JAAS file.

use paddock_tests::server::{Kind, Server, TempDir};

use crate::{digest_client, java, kazoo, kazoo_fails, run, setup, wait_for_log};

const USERS: &str = "org.apache.zookeeper.server.auth.DigestLoginModule required // who may\n user_super=\"adminsecret\"\n \
                     user_bob=\"bobsecret\"\n user_alice=\"al ice's\\\"\";";

fn start(dir: &TempDir) -> Server {
    setup(dir, USERS).start()
}

#[test]
fn java_and_kazoo_log_in_and_own_what_they_make() {
    let dir = TempDir::new("digest");
    let server = start(&dir);
    let hosts = server.connect_string();
    let said = run(java(&dir, &digest_client("bob", "bobsecret"), "/bob"), &hosts);
    assert_eq!(said.of("state"), Some("SaslAuthenticated"));
    said.assert_owner("bob");
    run(kazoo("DIGEST-MD5", "bob", "bobsecret", "/bob"), &hosts).assert_owner("bob");
    let alice = run(kazoo("DIGEST-MD5", "alice", "al ice's\"", "/alice"), &hosts);
    alice.assert_owner("alice");
    // What is one's is nobody else's.
    assert!(run(kazoo("DIGEST-MD5", "alice", "al ice's\"", "/bob"), &hosts).has("no auth"));
    assert!(run(java(&dir, &digest_client("bob", "bobsecret"), "/alice"), &hosts).has("no auth"));
    // In ZooKeeper the name super opens every entry of the scheme.
    run(java(&dir, &digest_client("super", "adminsecret"), "/bob"), &hosts).assert_owner("bob");
}

#[test]
fn a_wrong_password_and_a_wrong_name_are_told_the_same() {
    let dir = TempDir::new("digest-wrong");
    let server = start(&dir);
    let hosts = server.connect_string();
    // Debian's 3.8.0 looks a name that it does not know up as the one that it has looked up before, whoever that was.
    let unknown = Kind::under_test().is_current().then_some(("nobody", "bobsecret"));
    for (name, password) in [("bob", "wrong")].into_iter().chain(unknown) {
        let java = run(java(&dir, &digest_client(name, password), "/x"), &hosts);
        assert!(java.of("state") == Some("AuthFailed") || java.of("cut").is_some(), "{:?}", java.0);
        assert!(kazoo_fails(&run(kazoo("DIGEST-MD5", name, password, "/x"), &hosts)));
    }
    if Kind::under_test() == Kind::Paddock {
        wait_for_log(&server, "the name \"nobody\" and the password do not go together");
    }
    assert!(!server.log().contains("bobsecret"), "no log tells a password");
    run(kazoo("DIGEST-MD5", "bob", "bobsecret", "/bob"), &hosts).assert_owner("bob");
}

#[test]
fn names_of_super_users_are_super() {
    let dir = TempDir::new("digest-super");
    let server = setup(&dir, USERS)
        .property("zookeeper.superUser.1", "bob")
        .property("zookeeper.SASLAuthenticationProvider.superPassword", "another")
        .start();
    let hosts = server.connect_string();
    run(kazoo("DIGEST-MD5", "alice", "al ice's\"", "/alice"), &hosts).assert_owner("alice");
    run(kazoo("DIGEST-MD5", "bob", "bobsecret", "/alice"), &hosts).assert_owner("alice");
    // The property's password counts, and not the section's.
    let former = run(kazoo("DIGEST-MD5", "super", "adminsecret", "/alice"), &hosts);
    assert!(kazoo_fails(&former));
    run(kazoo("DIGEST-MD5", "super", "another", "/alice"), &hosts).assert_owner("alice");
}

#[test]
fn a_server_whose_jaas_file_is_none_does_not_start() {
    if Kind::under_test() == Kind::ZooKeeper {
        return;
    }
    let dir = TempDir::new("digest-bad");
    let server = setup(&dir, "C required x=;").prepare();
    server.spawn();
    let status = paddock_tests::server::poll_until(paddock_tests::server::DEADLINE, || server.exit_status());
    assert_eq!(status.expect("it ends").code(), Some(1));
    assert!(
        server
            .log()
            .contains("server.jaas: the JAAS file that java.security.auth.login.config names: line 1: the value")
    );
}
