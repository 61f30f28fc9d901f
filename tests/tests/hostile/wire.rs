//! What all these tests use: a connection without manners, and the question whether the server still stands.
use paddock_tests::client::{Client, Hello, REPLY_DEADLINE};
use paddock_tests::jute::Writer;
use paddock_tests::records::err;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// `jute.maxbuffer` where nobody sets it, bytes; a frame may be as long as this.
pub const FRAME_MAX: usize = 0xf_ffff;
/// Of sessions whose timeout is not the matter, ms.
pub const TIMEOUT_MS: i32 = 20_000;
/// The largest data that fits a frame with a short path, nearly; bytes.
pub const BIG: usize = 1_000_000;

pub fn setup() -> Setup {
    Setup::new(Kind::under_test())
}

pub fn server() -> Server {
    setup().start()
}

pub fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client")
}

/// Every reactor serves a read and a write, the process lives and has not panicked anywhere.
pub fn assert_stands(server: &Server) {
    assert!(!server.log().contains("panicked"), "a thread of the server has panicked");
    server.assert_alive();
    // Connections go to the reactors in turn, of which there is one for each core.
    let reactors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut clients: Vec<Client> = (0..reactors + 1).map(|_| client(server)).collect();
    for client in &mut clients {
        let written = client.call(&Request::set_data("/zookeeper/quota", b"", -1)).expect("a write is answered");
        assert_eq!(written.err, err::OK);
        let read = client.call(&Request::get_data("/zookeeper/quota", false)).expect("a read is answered");
        assert_eq!(read.err, err::OK);
    }
    for client in &mut clients {
        client.call(&Request::close()).expect("a close is answered");
    }
    assert!(!server.log().contains("panicked"), "a thread of the server has panicked");
}

/// A connection that sends bytes and nothing else.
pub struct Wire {
    pub stream: TcpStream,
}

impl Wire {
    pub fn open(address: SocketAddr) -> Wire {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket takes its options");
        stream.set_read_timeout(Some(REPLY_DEADLINE)).expect("a socket takes its options");
        stream.set_write_timeout(Some(REPLY_DEADLINE)).expect("a socket takes its options");
        Wire { stream }
    }

    /// Sends, unless the server has closed meanwhile, which it may.
    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            assert!(is_close(error.kind()), "sending: {error}");
        }
    }

    /// Everything until the server closes the connection, which it must.
    pub fn read_to_close(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if is_close(error.kind()) => {}
            Err(error) => panic!("the server does not close the connection: {error}; it said {} bytes", bytes.len()),
        }
        bytes
    }

    /// Sends no more; the server sees the end.
    pub fn end(&mut self) {
        // A connection that the server has reset is ended already.
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

fn is_close(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted)
}

pub fn hello() -> Vec<u8> {
    Hello::new_session(TIMEOUT_MS).frame()
}

/// A request as it goes on the wire.
pub fn request(xid: i32, request: &Request) -> Vec<u8> {
    let mut payload = Writer::default();
    payload.i32(xid).i32(request.opcode());
    request.write_body(&mut payload);
    paddock_tests::client::frame(&payload.bytes)
}

/// A record written field by field.
pub fn record(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::default();
    write(&mut out);
    out.bytes
}
