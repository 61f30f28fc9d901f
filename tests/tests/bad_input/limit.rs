//! More connections than are allowed.
use crate::{PATIENCE, TIMEOUT_MS, assert_serves_client, connect, read_to_close};
use paddock_tests::client::Client;
use paddock_tests::server::{Kind, Setup, poll_until};

/// Connections allowed.
const LIMIT: usize = 5;

#[test]
fn connections_beyond_max_client_cnxns_are_closed_at_once() {
    let server = Setup::new(Kind::under_test()).config("maxClientCnxns", &LIMIT.to_string()).start();
    // The connection that asked whether it serves may not be forgotten yet.
    let session = || Client::connect(server.address(), TIMEOUT_MS).ok();
    let mut clients: Vec<Client> = Vec::new();
    while clients.len() < LIMIT {
        clients.push(poll_until(PATIENCE, session).expect("there is room"));
    }
    for _ in 0..3 {
        assert_eq!(read_to_close(&connect(&server)), [], "one too many is closed without a word");
    }
    clients.iter_mut().for_each(assert_serves_client);
    clients.pop();
    let again = poll_until(PATIENCE, session);
    assert_serves_client(&mut again.expect("the place of a client that left is free"));
}
