//! What carries the bytes of a stream: a socket as it is, one that speaks TLS, or one of which that is not known yet.
//!
//! A transport reads and writes as its socket does, and whoever has it need not know which it is. Where they differ:
//!
//! - A handshake goes on in reads, also where nothing is expected ([`Transport::is_handshaking`]). What it has to send is
//!   written by the same reads, as far as the socket takes it.
//! - What was written may stay in records ([`Transport::unwritten`]) until [`Write::flush`] is through, or the next write.
//! - A read fills its buffer unless the socket has no more for now, so that a short read means what it means with a socket;
//!   but for [`Transport::has_more`].

use std::io::{self, ErrorKind, IoSlice, Read, Write};

use rustls::pki_types::CertificateDer;

use crate::tls::context::{ClientContext, ServerContext};
use crate::tls::session::{HANDSHAKE_RECORD, Session};

/// A socket, and what is done with its bytes on their way. It does not block where its socket does not.
pub struct Transport<S> {
    socket: S,
    layer: Layer,
}

enum Layer {
    /// Bytes go as they are.
    Plain,
    Secure(Box<Session>),
    /// The first byte that comes tells whether the peer speaks TLS.
    Undecided(ServerContext),
}

impl<S> Transport<S> {
    /// The socket as it is.
    pub fn plain(socket: S) -> Transport<S> {
        Transport { socket, layer: Layer::Plain }
    }

    /// A socket that was accepted, whose peer has to speak TLS.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn accept(socket: S, context: &ServerContext) -> io::Result<Transport<S>> {
        let session = Session::server(context.config().clone())?;
        Ok(Transport { socket, layer: Layer::Secure(Box::new(session)) })
    }

    /// A socket that was connected to a host, and speaks TLS. The first message is written by the first read, write or flush.
    ///
    /// # Errors
    /// When the host is no name that a certificate can have; when the system has no random numbers.
    pub fn connect(socket: S, context: &ClientContext, host: &str) -> io::Result<Transport<S>> {
        let name = ClientContext::server_name(host)
            .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error.to_string()))?;
        let session = Session::client(context.config().clone(), name)?;
        Ok(Transport { socket, layer: Layer::Secure(Box::new(session)) })
    }

    /// A socket that was accepted, whose peer speaks TLS or does not: its first byte tells.
    pub fn detect(socket: S, context: &ServerContext) -> Transport<S> {
        Transport { socket, layer: Layer::Undecided(context.clone()) }
    }

    pub fn socket(&self) -> &S {
        &self.socket
    }

    pub fn socket_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    /// The socket alone.
    pub fn into_socket(self) -> S {
        self.socket
    }

    /// Whether TLS is spoken, as far as that is known.
    pub fn is_secure(&self) -> bool {
        matches!(self.layer, Layer::Secure(_))
    }

    /// Whether a handshake goes on, or may begin with the first byte.
    #[inline]
    pub fn is_handshaking(&self) -> bool {
        match &self.layer {
            Layer::Plain => false,
            Layer::Secure(session) => session.is_handshaking(),
            Layer::Undecided(_) => true,
        }
    }

    /// The certificates that the peer has shown, its own first, if it was asked for them and has any.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        match &self.layer {
            Layer::Secure(session) => session.peer_certificates(),
            _ => None,
        }
    }

    /// How many bytes were taken from whoever writes, or are a handshake's, and are not written to the socket.
    #[inline]
    pub fn unwritten(&self) -> usize {
        match &self.layer {
            Layer::Secure(session) => session.unwritten(),
            _ => 0,
        }
    }

    /// How many bytes have come and wait for the rest of a record, or for whoever reads.
    #[inline]
    pub fn waiting(&self) -> usize {
        match &self.layer {
            Layer::Secure(session) => session.waiting(),
            _ => 0,
        }
    }

    /// Whether something waits for the socket to take it.
    #[inline]
    pub fn wants_write(&self) -> bool {
        self.unwritten() > 0
    }

    /// Whether a read may find something, or the end, although no event will tell and the last one has not filled its buffer.
    #[inline]
    pub fn has_more(&self) -> bool {
        match &self.layer {
            Layer::Secure(session) => session.has_more(),
            _ => false,
        }
    }

    /// Memory that is held besides the socket, bytes.
    #[inline]
    pub fn memory(&self) -> usize {
        match &self.layer {
            Layer::Secure(session) => session.memory(),
            _ => 0,
        }
    }

    /// Frees the memory that is only kept for what may come next.
    pub fn shrink(&mut self) {
        if let Layer::Secure(session) = &mut self.layer {
            session.shrink();
        }
    }
}

impl<S: Write> Transport<S> {
    /// Tells the peer that nothing follows, if the socket takes it at once. The socket stays open.
    pub fn close(&mut self) {
        if let Layer::Secure(session) = &mut self.layer {
            session.close(&mut self.socket);
        }
    }
}

impl<S: Read + Write> Transport<S> {
    /// Reads the first bytes, and goes on as they say.
    fn decide(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Layer::Undecided(context) = &self.layer else { return self.read(buffer) };
        let read = self.socket.read(buffer)?;
        match buffer[..read].first() {
            None => Ok(0),
            Some(&HANDSHAKE_RECORD) => {
                let mut session = Session::server(context.config().clone())?;
                session.take_in(&mut buffer[..read]);
                self.layer = Layer::Secure(Box::new(session));
                self.read(buffer)
            }
            Some(_) => {
                self.layer = Layer::Plain;
                Ok(read)
            }
        }
    }
}

impl<S: Read + Write> Read for Transport<S> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Plain => self.socket.read(buffer),
            Layer::Secure(session) => session.read(&mut self.socket, buffer),
            Layer::Undecided(_) => self.decide(buffer),
        }
    }
}

impl<S: Read + Write> Write for Transport<S> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Plain => self.socket.write(bytes),
            Layer::Secure(session) => session.write(&mut self.socket, &[IoSlice::new(bytes)]),
            // Whoever speaks first is the peer.
            Layer::Undecided(_) => Err(ErrorKind::WouldBlock.into()),
        }
    }

    #[inline]
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Plain => self.socket.write_vectored(slices),
            Layer::Secure(session) => session.write(&mut self.socket, slices),
            Layer::Undecided(_) => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.layer {
            Layer::Secure(session) => session.flush(&mut self.socket),
            _ => self.socket.flush(),
        }
    }
}
