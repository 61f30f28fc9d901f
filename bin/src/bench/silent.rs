//! Sessions that watch and never read what they are told.
//!
//! Each sets a persistent watch, so that it need not read to be told again, and then asks for more than the sockets of
//! both sides hold, which are made small: from then on all that the server has for it stays with the server.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::BenchError;
use super::load::Site;
use super::server::Server;
use super::wire;

/// Of the client's side; the kernel doubles it.
const RECEIVE_BUFFER_BYTES: usize = 4096;
/// A server's buffer grows with the segments that it may send: with these it stays at some tens of KiB.
const SEGMENT_BYTES: u32 = 536;
/// Replies that fill the sockets, each with the data of the filler.
const FILLERS: usize = 2;
/// A server that does not answer for this long fails the run.
const PATIENCE: Duration = Duration::from_secs(20);
/// addWatch's mode for a persistent watch of one znode.
const PERSISTENT: i32 = 0;

pub struct Silent {
    streams: Vec<TcpStream>,
    timeout: Duration,
    kept_alive: Instant,
}

impl Silent {
    /// Opens sessions that watch the watched znode. The znode of fillers exists.
    pub fn open(count: u64, site: &Site) -> Result<Silent, BenchError> {
        let bar = site.progress.count("opening silent sessions", count);
        let mut streams = Vec::new();
        for index in 0..count as usize {
            let server = &site.servers[index % site.servers.len()];
            let stream =
                open(server, site).map_err(|error| BenchError::Open(format!("a silent watcher's: {error}")))?;
            streams.push(stream);
            bar.set(index as u64 + 1);
        }
        let timeout = Duration::from_millis(site.root.session_timeout as u64);
        Ok(Silent { streams, timeout, kept_alive: Instant::now() })
    }

    /// Sends what keeps the sessions alive, if it is time.
    pub fn keep_alive(&mut self) {
        if self.kept_alive.elapsed() < self.timeout / 3 {
            return;
        }
        self.kept_alive = Instant::now();
        let ping = wire::ping_request();
        for mut stream in &self.streams {
            // One that the server has cut off is told of nothing any more, which is the server's good right.
            let _ = stream.write(&ping);
        }
    }
}

fn open(server: &Server, site: &Site) -> io::Result<TcpStream> {
    if server.security.has_tls() {
        return Err(io::Error::other("who never reads has no TLS; leave out --silent"));
    }
    let socket = Socket::new(Domain::for_address(server.address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    socket.set_tcp_mss(SEGMENT_BYTES)?;
    socket.connect(&server.address.into())?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&wire::connect_request(site.root.session_timeout))?;
    skip_frame(&mut stream)?;
    let mut watch = wire::add_watch_request(&site.root.watched(), PERSISTENT);
    wire::set_xid(&mut watch, 1);
    stream.write_all(&watch)?;
    skip_frame(&mut stream)?;
    for xid in 0..FILLERS {
        let mut get = wire::get_request(&site.root.filler(), false);
        wire::set_xid(&mut get, xid as i32 + 2);
        stream.write_all(&get)?;
    }
    // Nothing that is sent to it later may make this tool wait.
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Reads one frame, whatever is in it: the last that is read of these connections.
fn skip_frame(stream: &mut TcpStream) -> io::Result<()> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u64::from(u32::from_be_bytes(length));
    match io::copy(&mut stream.take(length), &mut io::sink())? == length {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
