//! ZooKeeper's published vulnerabilities, as far as a server of this kind could have them. docs/src/security.md has the
//! others.

use std::net::{Ipv4Addr, SocketAddr};

use paddock_tests::client::Client;
use paddock_tests::http::ask;
use paddock_tests::records::{Acl, err, mode, perms};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, four_letter_word, free_port};

use crate::callers::{CALLERS, OWNER};
use crate::setup;
use crate::subjects::USER;

const TIMEOUT_MS: i32 = 20_000;
const SUPER_HASH: &str = "D/InIHSb7yEEbrWz8b9l71RjZJU=";

fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client")
}

fn owner(server: &Server) -> Client {
    OWNER.prove(client(server))
}

#[test]
fn cve_2019_0201_get_acl_shows_hashes_to_administrators_only() {
    let server = setup(Kind::under_test()).start();
    let (mut owner, mut other) = (owner(&server), client(&server));
    let acl = |read| vec![Acl::new(perms::ALL, "digest", USER), Acl::new(read, "world", "anyone")];
    owner.ok(&Request::create_with_acl("/a", acl(perms::READ), 0));
    let seen = other.ok(&Request::get_acl("/a"));
    assert_eq!(seen.acl()[0], Acl::new(perms::ALL, "digest", "u:x"));
    owner.ok(&Request::set_acl("/a", acl(perms::WRITE), -1));
    assert_eq!(other.code(&Request::get_acl("/a")), err::NO_AUTH, "who may neither read nor change it sees nothing");
    assert_eq!(owner.ok(&Request::get_acl("/a")).acl()[0], Acl::new(perms::ALL, "digest", USER));
}

#[test]
fn cve_2024_23944_watchers_are_not_told_of_what_they_may_not_read() {
    let server = setup(Kind::under_test()).start();
    let (mut owner, mut other) = (owner(&server), client(&server));
    let secret = vec![Acl::new(perms::ALL, "digest", USER)];
    owner.ok(&Request::create("/a", b"", 0));
    other.ok(&Request::add_watch("/a", mode::PERSISTENT_RECURSIVE));
    owner.ok(&Request::create_with_acl("/a/name-of-a-user", secret, 0));
    owner.ok(&Request::set_data("/a/name-of-a-user", b"", -1));
    owner.ok(&Request::create("/a/open", b"", 0));
    owner.ok(&Request::delete("/a/name-of-a-user", -1));
    other.ok(&Request::exists("/a", false));
    let paths: Vec<&str> = other.events.iter().map(|event| &event.path[..]).collect();
    assert_eq!(paths, ["/a/open"]);
}

#[test]
fn cve_2017_5637_words_that_cost_much_are_not_answered_unless_asked_for() {
    let file = Setup::new(Kind::under_test()).without("4lw.commands.whitelist").start();
    for word in ["wchp", "wchc", "dump", "cons", "mntr"] {
        let told = four_letter_word(file.address(), word, DEADLINE).expect("an answer");
        assert!(told.contains("is not executed because it is not in the whitelist"), "{word}: {told}");
    }
}

/// A server with an AdminServer, and where that is.
fn with_admin(change: impl FnOnce(Setup) -> Setup) -> (Server, SocketAddr) {
    let port = free_port();
    let setup = setup(Kind::Paddock)
        .config("admin.enableServer", "true")
        .config("admin.serverAddress", "127.0.0.1")
        .config("admin.rateLimiterIntervalInMS", "0")
        .config("admin.serverPort", &port.to_string());
    (change(setup).start(), SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

#[test]
fn cve_2024_51504_a_header_does_not_say_from_which_address_one_comes() {
    let forged = [("authorization", "ip"), ("x-forwarded-for", "10.9.8.7")];
    let status = |address| ask(address, "GET", "/commands/snapshot", &forged).status;
    let root = vec![Acl::new(perms::ALL, "ip", "10.9.8.7")];
    let (server, address) = with_admin(|setup| setup);
    owner(&server).ok(&Request::set_acl("/", root.clone(), -1));
    assert_eq!(status(address), 403);
    // Where a proxy is trusted, it is what its header says.
    let (server, address) = with_admin(|setup| setup.config("IPAuthenticationProvider.usexforwardedfor", "true"));
    owner(&server).ok(&Request::set_acl("/", root, -1));
    assert_eq!(status(address), 200);
}

#[test]
fn cve_2025_58457_a_snapshot_needs_every_permission_on_the_root() {
    let (server, address) = with_admin(|setup| setup);
    let mut owner = owner(&server);
    let login = [("authorization", "digest u:p")];
    for command in [("GET", "snapshot"), ("POST", "restore")] {
        for lacking in [perms::READ, perms::WRITE, perms::CREATE, perms::DELETE, perms::ADMIN] {
            owner.ok(&Request::set_acl("/", vec![Acl::new(perms::ALL & !lacking, "digest", USER)], -1));
            let status = ask(address, command.0, &format!("/commands/{}", command.1), &login).status;
            assert_eq!(status, 403, "{command:?} without {lacking}");
        }
    }
    owner.ok(&Request::set_acl("/", vec![Acl::new(perms::ALL, "digest", USER)], -1));
    assert_eq!(ask(address, "GET", "/commands/snapshot", &login).status, 200);
}

#[test]
fn cve_2026_24308_no_log_has_the_values_of_secrets() {
    const PASSWORD: &str = "swordfish-of-the-store";
    let (server, address) = with_admin(|setup| {
        let setup = setup.property("paddock.log.level", "debug");
        let setup = setup.property("zookeeper.ssl.quorum.keyStore.password", PASSWORD);
        setup.property("zookeeper.SASLAuthenticationProvider.superPassword", PASSWORD)
    });
    CALLERS[1].prove(client(&server)).ok(&Request::who_am_i());
    let refused = client(&server).code(&Request::auth("digest-of-mine", b"u:secret-credential"));
    assert_eq!(refused, err::AUTH_FAILED);
    let told: Vec<String> = ["configuration", "environment", "system_properties", "connections", "monitor"]
        .into_iter()
        .map(|command| ask(address, "GET", &format!("/commands/{command}"), &[]).text().to_owned())
        .chain([server.log()])
        .collect();
    for secret in [PASSWORD, SUPER_HASH, "secret-credential", "digest-of-mine", "super:test"] {
        assert!(!told.iter().any(|text| text.contains(secret)), "{secret}");
    }
    assert!(told[5].contains("authentication failed"), "{}", told[5]);
}
