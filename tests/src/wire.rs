//! A connection without manners: it sends bytes, whole frames or not, and hands out whatever comes back.
use crate::client::{REPLY_DEADLINE, frame};
use crate::jute::Writer;
use crate::request::Request;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

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

    /// Exactly so many bytes, which must come.
    #[track_caller]
    pub fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).unwrap_or_else(|error| panic!("{count} bytes were due: {error}"));
        bytes
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

/// A request as it goes on the wire.
pub fn request(xid: i32, request: &Request) -> Vec<u8> {
    let mut payload = Writer::default();
    payload.i32(xid).i32(request.opcode());
    request.write_body(&mut payload);
    frame(&payload.bytes)
}

/// A record written field by field.
pub fn record(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::default();
    write(&mut out);
    out.bytes
}
