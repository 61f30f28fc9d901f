//! What all these tests use: servers, clients, and the question whether the server still stands.
use paddock_tests::client::{Client, Hello};
use paddock_tests::records::err;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};

pub use paddock_tests::wire::{Wire, record, request};

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

pub fn hello() -> Vec<u8> {
    Hello::new_session(TIMEOUT_MS).frame()
}
