//! A four-letter word, and the answer to it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use paddock_consensus::config::HostPort;

use crate::security::{Security, WaitingStream};

/// How long a server may take to be reached, and then to answer. A name service may take its own time besides.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// A longer answer is none. `srvr` has a few hundred bytes, ZooKeeper's `mntr` some ten thousand.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// The same where there is a line of some two hundred bytes for each connection. A server cuts it at 64 MiB, and says so.
const CONNECTIONS_BYTES_MAX: usize = 65 << 20;

/// What comes from another machine is shown without what a terminal would obey.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The whole answer of a server to a word, within a bounded time.
pub fn send(server: &HostPort, word: &str, security: &Security) -> io::Result<String> {
    send_for(server, word, security, ANSWER_BYTES_MAX)
}

/// The same to a word that has a line for each connection.
pub fn send_for_connections(server: &HostPort, word: &str, security: &Security) -> io::Result<String> {
    send_for(server, word, security, CONNECTIONS_BYTES_MAX)
}

fn send_for(server: &HostPort, word: &str, security: &Security, bytes_max: usize) -> io::Result<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut stream = reach(server, security)?;
    stream.write_all(word.as_bytes())?;
    stream.end_writing()?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(too_late());
        }
        stream.socket().set_read_timeout(Some(left))?;
        match stream.read(&mut chunk) {
            Ok(0) if answer.is_empty() => return Err(io::Error::new(ErrorKind::UnexpectedEof, "it closes at once")),
            Ok(0) => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            Ok(read) => answer.extend_from_slice(&chunk[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Err(too_late()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if answer.len() > bytes_max {
            return Err(io::Error::new(ErrorKind::InvalidData, "its answer has no end"));
        }
    }
}

pub fn too_late() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("nothing whole has come within {} s", PATIENCE.as_secs()))
}

/// A stream to a server, which waits for an answer as long as it is worth.
pub fn reach(server: &HostPort, security: &Security) -> io::Result<WaitingStream> {
    let socket = connect(server)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    security.waiting(socket, &server.host)
}

/// The addresses of the host are tried one after the other, all of them in the same time.
fn connect(server: &HostPort) -> io::Result<TcpStream> {
    let deadline = Instant::now() + PATIENCE;
    let mut failure = io::Error::new(ErrorKind::NotFound, "the name service knows no address");
    for address in (&*server.host, server.port).to_socket_addrs()? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
