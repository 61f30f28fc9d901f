//! A connection that never blocks: frames out, frames in.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// No reply of these clients' requests is near this size, in bytes.
const FRAME_MAX: usize = 1 << 20;

pub struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Connection {
    /// Begins to connect, and sends `hello` as soon as that has come about.
    pub fn open(address: SocketAddr, hello: Vec<u8>, registry: &Registry, token: Token) -> io::Result<Connection> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Connection { stream, input: Vec::new(), output: hello })
    }

    /// Sends a frame behind what has not been sent yet.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.output.extend_from_slice(frame);
        self.flush()
    }

    /// Sends as much as the socket takes.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads all that there is. What came before an error or the end can be taken all the same.
    pub fn receive(&mut self, scratch: &mut [u8]) -> io::Result<()> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.input.extend_from_slice(&scratch[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next whole frame, without its length.
    pub fn take_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((prefix, rest)) = self.input.split_first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(i32::from_be_bytes(*prefix)).ok().filter(|length| *length <= FRAME_MAX);
        let length = length.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "a frame of no possible length"))?;
        if rest.len() < length {
            return Ok(None);
        }
        let frame = rest[..length].to_vec();
        self.input.drain(..4 + length);
        Ok(Some(frame))
    }
}
