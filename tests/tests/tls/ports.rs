//! Which ports there are, and what is told of who comes to them.
use super::{Secure, TIMEOUT_MS, setup};
use paddock_tests::certificates::Authority;
use paddock_tests::client::Client;
use paddock_tests::http::get;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, four_letter_word, free_port, poll_until};
use paddock_tests::tls::Identity;
use std::net::SocketAddr;

#[test]
fn one_port_takes_those_who_speak_tls_and_those_who_do_not() {
    let authority = Authority::new();
    let key = authority.issue("/CN=localhost", 30).store;
    let server = setup(&authority)
        .0
        .without("secureClientPort")
        .without("secureClientPortAddress")
        .config("client.portUnification", "true")
        .config("ssl.keyStore.location", &key.display().to_string())
        .config("ssl.clientAuth", "none")
        .start();
    let tunnel = Identity::new(&authority.certificate(), None).tunnel(server.address());
    let mut secure = Client::connect(tunnel, TIMEOUT_MS).expect("by TLS");
    let mut plain = Client::connect(server.address(), TIMEOUT_MS).expect("plainly");
    secure.ok(&Request::create("/a", b"", 0));
    plain.ok(&Request::exists("/a", false));
    assert_eq!(four_letter_word(tunnel, "ruok", DEADLINE).expect("by TLS too"), "imok");
}

#[test]
fn a_server_may_have_a_secure_port_alone() {
    let authority = Authority::new();
    let (setup, address, _) = setup(&authority);
    let setup = setup.config("ssl.clientAuth", "none");
    let server = setup.prepare();
    // The line that every server of the tests has.
    server.configure("clientPort", None);
    server.configure("clientPortAddress", None);
    server.spawn();
    let tunnel = Identity::new(&authority.certificate(), None).tunnel(address);
    let client = poll_until(DEADLINE, || Client::connect(tunnel, TIMEOUT_MS).ok());
    let mut client = client.unwrap_or_else(|| panic!("it does not serve:\n{}", server.log_tail()));
    client.ok(&Request::create("/a", b"", 0));
    let conf = four_letter_word(tunnel, "conf", DEADLINE).expect("it is answered");
    assert!(conf.contains("clientPort=-1\n"), "{conf}");
    assert!(conf.contains(&format!("secureClientPort={}\n", address.port())), "{conf}");
}

#[test]
fn who_is_connected_is_told_by_port() {
    let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let secure = Secure::start(&[
        ("admin.enableServer", "true"),
        ("admin.serverAddress", "127.0.0.1"),
        ("admin.serverPort", &admin.port().to_string()),
        ("ssl.clientAuth", "none"),
    ]);
    let identity = secure.nobody();
    let client = secure.connect(&identity);
    let plain = Client::connect(secure.server.address(), TIMEOUT_MS).expect("the plain port is there");
    let answer = get(admin, "/commands/connections");
    let told: serde_json::Value = serde_json::from_slice(&answer.body).expect("it is JSON");
    let sessions = |list: &str| -> Vec<i64> {
        let list = told[list].as_array().expect("a list");
        list.iter().map(|one| one["session_id"].as_i64().expect("a number")).collect()
    };
    assert_eq!(sessions("secure_connections"), [client.session.id]);
    assert_eq!(sessions("connections"), [plain.session.id]);
    // Words tell of those at the port where they are asked.
    let lines = |address| {
        let told = four_letter_word(address, "cons", DEADLINE).expect("it is answered");
        let sids = told.lines().filter_map(|line| line.split("sid=0x").nth(1)?.split(',').next());
        sids.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(identity.tunnel(secure.address)), [format!("{:x}", client.session.id)]);
    assert_eq!(lines(secure.server.address()), [format!("{:x}", plain.session.id)]);
}
