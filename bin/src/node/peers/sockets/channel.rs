//! The bytes of a stream on their way through its socket, with TLS or without.

use std::fmt;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;

use mio::net::TcpStream;
use paddock_net::tls::context::{ClientContext, NameVerdict, ServerContext};
use paddock_net::transport::Transport;

/// What is read of a stream that ends here, so that it does not break under what was written last: the kernel breaks a stream
/// that is closed while something is unread. Bytes.
const DRAINED_MAX: usize = 64 << 10;

/// Reads and writes as a socket that does not wait.
pub struct Channel {
    transport: Transport<TcpStream>,
}

impl Channel {
    pub fn plain(socket: TcpStream) -> Channel {
        Channel { transport: Transport::plain(socket) }
    }

    /// A socket of which somebody was accepted, whose first byte tells whether it speaks TLS.
    pub fn detect_tls(socket: TcpStream, context: &ServerContext) -> Channel {
        Channel { transport: Transport::detect(socket, context) }
    }

    /// A socket that was connected to this host, and speaks TLS.
    ///
    /// # Errors
    /// If the host cannot be one of a certificate, or the system has no random numbers.
    pub fn connect_tls(socket: TcpStream, context: &ClientContext, host: &str) -> io::Result<Channel> {
        Transport::connect(socket, context, host).map(|transport| Channel { transport })
    }

    pub fn socket(&self) -> &TcpStream {
        self.transport.socket()
    }

    /// Whether TLS is spoken, as far as that is known.
    pub fn is_secure(&self) -> bool {
        self.transport.is_secure()
    }

    /// Whether a handshake goes on, or whether there is one is not known yet.
    pub fn is_handshaking(&self) -> bool {
        self.transport.is_handshaking()
    }

    /// Whether the certificate of whoever was accepted is of its address, or of one of these hosts.
    pub fn check_name<'a>(
        &self,
        context: &ServerContext,
        mut hosts: impl Iterator<Item = &'a str>,
    ) -> Result<(), String> {
        let certificates = self.transport.peer_certificates();
        let Ok(address) = self.socket().peer_addr() else {
            return Err("its address is not known any more".to_owned());
        };
        match context.check_name(certificates, address.ip()) {
            NameVerdict::Good => Ok(()),
            NameVerdict::Bad(mismatch) => Err(mismatch.to_string()),
            NameVerdict::NeedsName => {
                match hosts.any(|host| context.check_found_name(certificates, host) == NameVerdict::Good) {
                    true => Ok(()),
                    false => Err("its certificate is neither of its address nor of a host of the ensemble".to_owned()),
                }
            }
        }
    }

    /// Whether there may be more to read although no event will tell.
    pub fn has_more(&self) -> bool {
        self.transport.has_more()
    }

    /// `None` if nothing is there; 0 at the end.
    pub fn read(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.transport.read(bytes) {
                Ok(count) => return Ok(Some(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// How many bytes were taken. Where these are not all, an event tells when more are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        // Only a socket that has refused bytes tells when it takes more.
        while written < bytes.len() {
            match self.transport.write(&bytes[written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.flush()?;
        Ok(written)
    }

    /// Whether something was taken that is not in the socket yet.
    pub fn is_unwritten(&self) -> bool {
        self.transport.wants_write()
    }

    /// Writes what was taken and is not in the socket yet. Whether all of it is.
    pub fn flush(&mut self) -> io::Result<bool> {
        if self.is_unwritten() {
            match self.transport.flush() {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(!self.is_unwritten())
    }

    /// Nothing more is written.
    pub fn finish(&mut self) {
        self.transport.close();
        if !self.is_unwritten() {
            let _ = self.socket().shutdown(Shutdown::Write);
        }
    }

    /// Ends a stream so that what was written still goes out, unless the other side goes on to send what nobody reads: that
    /// breaks the stream, and what was not sent yet is lost. What was read or is there is taken out first, so that a server that
    /// rings sees an end and no break. What a leader that stops has told last, the next one tells again.
    pub fn end(mut self) {
        self.transport.close();
        let mut socket = self.transport.into_socket();
        let _ = socket.shutdown(Shutdown::Write);
        let mut bytes = [0; 4 << 10];
        for _ in 0..DRAINED_MAX / bytes.len() {
            if !matches!(socket.read(&mut bytes), Ok(1..)) {
                return;
            }
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("socket", self.socket()).field("is_secure", &self.is_secure()).finish()
    }
}
