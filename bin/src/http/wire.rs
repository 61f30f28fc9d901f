//! The stream of a connection: plain, or with TLS.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use paddock_net::tls::context::{NameVerdict, ServerContext};
use paddock_net::tls::distinguished_name;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How a port takes TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    pub context: ServerContext,
    /// Whoever does not begin with TLS is served without.
    pub takes_plain: bool,
}

/// The first byte of a handshake; no request begins with it.
const HANDSHAKE: u8 = 0x16;

pub enum Wire {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Shakes hands, where that is to be done. The caller sees to the time.
    ///
    /// # Errors
    /// A client that has gone, or whose TLS is not what is wanted here.
    pub async fn accept(socket: TcpStream, tls: Option<&Tls>, address: IpAddr) -> io::Result<Wire> {
        let Some(Tls { context, takes_plain }) = tls else { return Ok(Wire::Plain(socket)) };
        if *takes_plain {
            let mut first = [0];
            let is_there = socket.peek(&mut first).await? == 1;
            if is_there && first[0] != HANDSHAKE {
                return Ok(Wire::Plain(socket));
            }
        }
        let stream = TlsAcceptor::from(context.config().clone()).accept(socket).await?;
        let certificates = stream.get_ref().1.peer_certificates();
        match context.check_name(certificates, address) {
            NameVerdict::Good => Ok(Wire::Secure(Box::new(stream))),
            NameVerdict::NeedsName | NameVerdict::Bad(_) => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    pub fn is_secure(&self) -> bool {
        matches!(self, Wire::Secure(_))
    }

    /// Whose certificate the client has shown: the subject as Java writes it.
    pub fn subject(&self) -> Option<String> {
        let Wire::Secure(stream) = self else { return None };
        let certificate = stream.get_ref().1.peer_certificates()?.first()?;
        distinguished_name::of_certificate(certificate).ok()
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Secure(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Secure(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(context),
            Wire::Secure(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Secure(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Wire::Secure(stream) => Pin::new(stream.as_mut()).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Secure(stream) => stream.is_write_vectored(),
        }
    }
}
