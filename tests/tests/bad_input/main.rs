//! What [`hostile`](../hostile.rs) leaves: limits, memory that is only announced, and the operator's mistakes in full.
mod hints;
mod limit;
mod slow;
mod start;

use paddock_tests::client::Client;
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

/// A server that has not closed a connection that it must close after this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
const TIMEOUT_MS: i32 = 30_000;

/// What only Paddock says.
fn setup_of_paddock() -> Setup {
    Setup::new(Kind::Paddock)
}

fn start() -> Server {
    Setup::new(Kind::under_test()).property("org.slf4j.simpleLogger.defaultLogLevel", "off").start()
}

/// The process lives and a stranger is served: a write, a read, an end.
fn assert_serves(server: &Server) {
    server.assert_alive();
    let mut client =
        Client::connect(server.address(), TIMEOUT_MS).unwrap_or_else(|error| panic!("a stranger: {error}"));
    assert_serves_client(&mut client);
    let closed = client.call(&Request::close()).unwrap_or_else(|error| panic!("a stranger's close: {error}"));
    assert_eq!(closed.err, 0);
}

fn assert_serves_client(client: &mut Client) {
    let path = format!("/stranger-{:x}", client.session.id);
    let mut ask = |request: Request| client.call(&request).unwrap_or_else(|error| panic!("{request:?}: {error}"));
    assert_eq!(ask(Request::create(&path, b"hello", 0)).err, 0);
    let read = ask(Request::get_data(&path, false));
    assert!(matches!(&read.body, Body::Data(Some(data), _) if data == b"hello"), "{read:?}");
    assert_eq!(ask(Request::delete(&path, 0)).err, 0);
}

/// Reads until the server closes, and returns what it said before that.
fn read_to_close(mut stream: &TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => said,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => said,
        Err(error) => panic!("the server does not close the connection: {error}; it said {said:02x?}"),
    }
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap_or_else(|error| panic!("connect: {error}"));
    stream.set_nodelay(true).expect("a TCP option");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
    stream
}

/// Memory beyond `before` must stay below `bound`, both in bytes. Only Paddock promises that.
fn assert_bounded(server: &Server, before: u64, bound: u64) {
    let grown = server.resident_bytes().saturating_sub(before);
    eprintln!("memory grew by {} KiB", grown / 1024);
    assert!(Kind::under_test() != Kind::Paddock || grown < bound, "memory grew by {grown} bytes, more than {bound}");
}
