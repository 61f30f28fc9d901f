//! How this server ends a connection so that the client reads its answer, whatever it still sends.
//!
//! If a socket is closed while something in it is unread, or if something comes for it afterwards, the kernel answers with a
//! reset, and a reset makes the client's system throw away what the client has not read yet. `echo srvr | nc` is enough for
//! that, where the newline comes in a packet of its own. So the client is told that nothing follows (FIN), and what comes is
//! read and dropped until the client has closed as well. The time, the reads and the number of such sockets are bounded.
//!
//! Such a socket is no connection any more: it stands in no list and counts for no address. Its descriptor counts until it
//! is closed.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::descriptors::Descriptors;
use super::token::LINGERING;

/// A client that has not closed after this time is not waited for any longer. The reactor's housekeeping looks for such
/// clients, so that it may take a second more.
const LINGER_MAX: Duration = Duration::from_secs(2);
/// How many bytes are read from one socket. A client that still sends after that gets its reset.
const BYTES_MAX: usize = 1024 * 1024;
/// How many times one socket is read from.
const READS_MAX: u32 = 1024;
/// How many bytes are read at a time.
const READ_BYTES: usize = 16 * 1024;
/// How many such sockets one reactor has. The oldest is closed to make room for one more.
const SOCKETS_MAX: usize = 64;
/// How many tokens there are, which are used in turn. They are so many more than sockets that an event of a turn cannot mean
/// a socket that has come since.
const TOKENS: usize = 1 << 20;

/// A socket of which nothing is wanted but its end.
struct Socket {
    stream: TcpStream,
    token: Token,
    /// How long the client is waited for.
    until: Instant,
    bytes_left: usize,
    reads_left: u32,
}

/// The sockets of one reactor, oldest first.
#[derive(Default)]
pub struct Lingering {
    sockets: VecDeque<Socket>,
    /// The number of the last token that was given.
    last: usize,
}

impl Lingering {
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Whether there may be one more without another being closed for it.
    pub fn has_room(&self) -> bool {
        self.sockets.len() < SOCKETS_MAX
    }

    /// Tells the client that nothing follows, and waits for it to close the socket.
    pub fn add(&mut self, stream: TcpStream, now: Instant, registry: &Registry, descriptors: &Descriptors) {
        let token = self.next_token();
        let until = now + LINGER_MAX;
        let mut socket = Socket { stream, token, until, bytes_left: BYTES_MAX, reads_left: READS_MAX };
        if socket.has_ended() {
            return descriptors.close(socket.stream);
        }
        // The poll watches it before the client can learn that it is to close. Where that cannot be, it is closed at once.
        let watched = registry.register(&mut socket.stream, token, Interest::READABLE);
        if watched.and_then(|()| socket.stream.shutdown(Shutdown::Write)).is_err() {
            return descriptors.close(socket.stream);
        }
        self.sockets.push_back(socket);
        if self.sockets.len() > SOCKETS_MAX
            && let Some(oldest) = self.sockets.pop_front()
        {
            descriptors.close(oldest.stream);
        }
    }

    /// Something has come for a socket, or its end.
    pub fn drain(&mut self, token: Token, descriptors: &Descriptors) {
        let Some(at) = self.sockets.iter().position(|socket| socket.token == token) else { return };
        if self.sockets[at].has_ended()
            && let Some(socket) = self.sockets.remove(at)
        {
            descriptors.close(socket.stream);
        }
    }

    /// Closes the sockets whose clients have had their time.
    pub fn give_up(&mut self, now: Instant, descriptors: &Descriptors) {
        while let Some(socket) = self.sockets.pop_front_if(|socket| socket.until <= now) {
            descriptors.close(socket.stream);
        }
    }

    fn next_token(&mut self) -> Token {
        self.last = (self.last + 1) % TOKENS;
        Token(LINGERING + self.last)
    }
}

impl Socket {
    /// Reads and drops what has come. `true`: the client has closed, or is not to be waited for any longer.
    fn has_ended(&mut self) -> bool {
        // A buffer of its own: a connection may be ended while the reactor's is in use.
        let mut buffer = [0; READ_BYTES];
        while self.reads_left > 0 && self.bytes_left > 0 {
            self.reads_left -= 1;
            match self.stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(read) => self.bytes_left = self.bytes_left.saturating_sub(read),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return true,
            }
        }
        true
    }
}
