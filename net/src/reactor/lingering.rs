//! The end of a connection that this server ends: what the client still sends must not cost it the answer.
//!
//! A socket that is closed while something in it is unread, or that something comes for afterwards, answers with a reset,
//! and a reset makes the client's system throw away what the client has not read yet. `echo srvr | nc` is enough, where
//! the newline comes in a packet of its own. So the client is told that nothing follows (FIN), and what comes is read and
//! dropped until the client has closed as well, within bounds of time, reads and sockets.
//!
//! Such a socket is no connection any more: it stands in no list and counts for no address. But it has a descriptor, and
//! counts as one until it is closed.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::descriptors::Descriptors;
use super::token::LINGERING;

/// A client that has not closed after this long is not waited for. It is looked after with the housekeeping, so that it
/// may be a second more.
const LINGER_MAX: Duration = Duration::from_secs(2);
/// Bytes that are read from one socket, and the reads for it; whoever still sends then gets its reset.
const BYTES_MAX: usize = 1024 * 1024;
const READS_MAX: u32 = 1024;
const READ_BYTES: usize = 16 * 1024;
/// Sockets of one reactor; the oldest makes room for one more.
const SOCKETS_MAX: usize = 64;
/// Tokens, used in turn: so many more than sockets that an event of a turn cannot mean a later socket.
const TOKENS: usize = 1 << 20;

/// A socket of which nothing is wanted but its end.
struct Socket {
    stream: TcpStream,
    token: Token,
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

    /// Ends the socket of a connection that has been told everything.
    pub fn add(&mut self, stream: TcpStream, now: Instant, registry: &Registry, descriptors: &Descriptors) {
        let token = self.next_token();
        let until = now + LINGER_MAX;
        let mut socket = Socket { stream, token, until, bytes_left: BYTES_MAX, reads_left: READS_MAX };
        if socket.has_ended() {
            return descriptors.close(socket.stream);
        }
        // Watched before the client can know that it is to close. A socket that cannot be has no more than its reset.
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

    /// Gives up on those that had their time.
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
    /// Drops what has come. `true`: there is no more to wait for, or it is not waited for any more.
    fn has_ended(&mut self) -> bool {
        // Of its own: a connection may be ended in the middle of a turn, while the reactor's is in use.
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
