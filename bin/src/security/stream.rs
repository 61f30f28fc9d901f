//! A socket of a client that never blocks, with TLS or without. It reads and writes as a socket does: what cannot be done now is
//! `WouldBlock`, and a read that does not fill the buffer has left nothing behind, in the socket or in TLS.

use std::io::{self, ErrorKind, Read, Write};

use paddock_net::tls::untrusted::words;
use rustls::ClientConnection;

/// Either, over a socket `S`.
pub enum Stream<S> {
    Plain(S),
    Secure(Box<Secure<S>>),
}

impl<S> Stream<S> {
    pub fn socket(&self) -> &S {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Secure(secure) => &secure.socket,
        }
    }

    pub fn socket_mut(&mut self) -> &mut S {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Secure(secure) => &mut secure.socket,
        }
    }
}

impl<S: Read + Write> Read for Stream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Secure(secure) => secure.read(buffer),
        }
    }
}

impl<S: Read + Write> Write for Stream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Secure(secure) => secure.write(bytes),
        }
    }

    /// What was written is with the system: to be called again when the socket takes more, where it is `WouldBlock`.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.flush(),
            Stream::Secure(secure) => secure.push(),
        }
    }
}

/// A connection with TLS. What is written before the handshake is over waits in it, as far as its buffer takes that.
pub struct Secure<S> {
    tls: ClientConnection,
    socket: S,
}

impl<S: Read + Write> Secure<S> {
    pub fn new(tls: ClientConnection, socket: S) -> Secure<S> {
        Secure { tls, socket }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.tls.reader().read(&mut buffer[filled..]) {
                // The other side has said that it is done.
                Ok(0) => break,
                Ok(bytes) => {
                    filled += bytes;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
            match self.pull() {
                Ok(()) => {}
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Takes some of what the socket has, and answers what TLS itself has to answer.
    fn pull(&mut self) -> io::Result<()> {
        let pulled = self.tls.read_tls(&mut self.socket);
        if pulled? > 0 {
            let processed = self.tls.process_new_packets();
            let pushed = self.push();
            processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, format!("TLS: {}", words(&error))))?;
            match pushed {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        // At the end of the socket the reader says whether it may have ended here.
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.tls.writer().write(bytes)?;
        match self.push() {
            Err(error) if error.kind() == ErrorKind::WouldBlock && taken > 0 => Ok(taken),
            Err(error) => Err(error),
            // The buffer is full before the handshake is over: nothing goes until something comes.
            Ok(()) if taken == 0 && !bytes.is_empty() => Err(ErrorKind::WouldBlock.into()),
            Ok(()) => Ok(taken),
        }
    }

    fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                // Not yet.
                Err(error) if error.kind() == ErrorKind::NotConnected => return Err(ErrorKind::WouldBlock.into()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
