//! Who is let in, how far, and for how long: opcodes, authentication, ACLs, sessions, limits, the operator's start.
//! Numbers are those of the protocol reference's list of traps.
mod acls;
mod admission;
mod enforcement;
mod life;
mod limits;
mod local;
mod pause;
mod start;

use paddock_tests::client::{Client, REPLY_DEADLINE, frame};
use paddock_tests::jute::Writer;
use paddock_tests::records::err;
use paddock_tests::reply::Reply;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// Of sessions whose timeout is not the matter, ms.
const TIMEOUT_MS: i32 = 20_000;

fn setup() -> Setup {
    Setup::new(Kind::under_test())
}

/// Ticks so short that a session of 200 ms may be asked for.
fn short_ticks() -> Setup {
    setup().config("tickTime", "100")
}

fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client")
}

fn ask(client: &mut Client, request: Request) -> Reply {
    client.call(&request).unwrap_or_else(|error| panic!("{request:?}: {error}"))
}

fn done(client: &mut Client, request: Request) -> Reply {
    let reply = ask(client, request.clone());
    assert_eq!(reply.err, err::OK, "{request:?}");
    reply
}

/// The last zxid that the server has applied, as a stranger's read tells it.
fn zxid(server: &Server) -> i64 {
    ask(&mut client(server), Request::get_data("/zookeeper", false)).zxid
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("the server listens");
    stream.set_nodelay(true).expect("a TCP option");
    stream.set_read_timeout(Some(REPLY_DEADLINE)).expect("not zero");
    stream.set_write_timeout(Some(REPLY_DEADLINE)).expect("not zero");
    stream
}

/// A request as it goes on the wire.
fn request(xid: i32, opcode: i32, body: &[u8]) -> Vec<u8> {
    let mut payload = Writer::default();
    payload.i32(xid).i32(opcode);
    payload.bytes.extend_from_slice(body);
    frame(&payload.bytes)
}

/// Whether the server has closed the connection, after what it had to say; it must within the deadline.
fn read_to_close(mut stream: impl Read) -> Vec<u8> {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => said,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => said,
        Err(error) => panic!("the server does not close the connection: {error}"),
    }
}

fn send(mut stream: &TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("the server reads");
}
