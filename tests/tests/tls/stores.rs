//! Stores that change while the server runs, and those that it cannot begin with.
use super::{Secure, TIMEOUT_MS, setup};
use paddock_tests::certificates::Authority;
use paddock_tests::client::Client;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, poll_until};
use paddock_tests::tls::Identity;
use std::fs;

#[test]
fn a_renewed_certificate_is_taken_up_and_a_broken_one_told() {
    let secure = Secure::start(&[("client.certReload", "true"), ("ssl.clientAuth", "none")]);
    let mut stays = secure.connect(&secure.nobody());
    fs::write(&secure.store, "no certificate").expect("it is ours");
    let is_told = || secure.server.log().contains("cannot be used").then_some(());
    assert!(poll_until(DEADLINE, is_told).is_some(), "nothing is told of it:\n{}", secure.server.log_tail());
    secure.connect(&secure.nobody()).ok(&Request::exists("/", false));
    let others = Authority::new();
    fs::copy(others.issue("/CN=localhost", 30).store, &secure.store).expect("it is ours");
    let tunnel = Identity::new(&others.certificate(), None).tunnel(secure.address);
    let renewed = poll_until(DEADLINE, || Client::connect(tunnel, TIMEOUT_MS).ok());
    assert!(renewed.is_some(), "the new one is not shown:\n{}", secure.server.log_tail());
    stays.ok(&Request::exists("/", false));
}

#[test]
fn without_a_store_that_can_be_used_no_server_begins() {
    let authority = Authority::new();
    for (key, value, expected) in [
        ("ssl.keyStore.location", "/no/such/store.pem", "/no/such/store.pem"),
        ("ssl.keyStore.type", "BCFKS", "Bouncy Castle"),
        ("ssl.keyStore.type", "PKCS12", ".pem is no PKCS#12 or JKS store"),
        ("ssl.ocsp", "true", "ssl.ocsp"),
    ] {
        let server = setup(&authority).0.config(key, value).prepare();
        server.spawn();
        let status = poll_until(DEADLINE, || server.exit_status());
        assert!(status.is_some_and(|status| !status.success()), "{key}={value}: {}", server.log_tail());
        assert!(server.log().contains(expected), "{key}={value}: {}", server.log_tail());
    }
}
