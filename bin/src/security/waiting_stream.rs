//! A socket of a client that waits, with TLS or without, for questions that are asked once.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use rustls::{ClientConnection, StreamOwned};

pub enum WaitingStream {
    Plain(TcpStream),
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl WaitingStream {
    pub fn socket(&self) -> &TcpStream {
        match self {
            WaitingStream::Plain(socket) => socket,
            WaitingStream::Secure(stream) => &stream.sock,
        }
    }

    /// Says that nothing more comes. With TLS the other side goes on answering in any case, and some would take a closed side for
    /// the end.
    pub fn end_writing(&mut self) -> io::Result<()> {
        match self {
            WaitingStream::Plain(socket) => socket.shutdown(Shutdown::Write),
            WaitingStream::Secure(stream) => stream.flush(),
        }
    }
}

impl Read for WaitingStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            WaitingStream::Plain(socket) => socket.read(buffer),
            WaitingStream::Secure(stream) => match stream.read(buffer) {
                // A server may hang up behind its answer without a word of TLS, as ZooKeeper does behind a four-letter word.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
        }
    }
}

impl Write for WaitingStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            WaitingStream::Plain(socket) => socket.write(bytes),
            WaitingStream::Secure(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            WaitingStream::Plain(socket) => socket.flush(),
            WaitingStream::Secure(stream) => stream.flush(),
        }
    }
}
