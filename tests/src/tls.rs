//! TLS as a client speaks it: one connection, or a tunnel by which everything that speaks plainly reaches a port with TLS.
use crate::server::DEADLINE;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Between two looks of a tunnel at its ends.
const LOOK: Duration = Duration::from_millis(1);
const CHUNK: usize = 64 << 10;

/// Whom a client trusts, and who it is.
#[derive(Debug, Clone)]
pub struct Identity(Arc<ClientConfig>);

impl Identity {
    /// One that trusts those of a store in PEM, and shows the certificate of another such store, if any.
    pub fn new(trust_store: &Path, key_store: Option<&Path>) -> Identity {
        Identity::with_versions(trust_store, key_store, rustls::ALL_VERSIONS)
    }

    pub fn with_versions(
        trust_store: &Path,
        key_store: Option<&Path>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Identity {
        let certificates = |store: &Path| -> Vec<CertificateDer<'static>> {
            let read = CertificateDer::pem_file_iter(store).expect("the store can be read");
            read.collect::<Result<_, _>>().expect("it has certificates")
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(trust_store));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
        let builder = builder.expect("the versions are known").with_root_certificates(roots);
        let config = match key_store {
            None => builder.with_no_client_auth(),
            Some(store) => {
                let key = PrivateKeyDer::from_pem_file(store).expect("the store has a key");
                builder.with_client_auth_cert(certificates(store), key).expect("the key can be used")
            }
        };
        Identity(Arc::new(config))
    }

    fn begin(&self) -> ClientConnection {
        let name = ServerName::try_from("localhost").expect("it is a name");
        ClientConnection::new(self.0.clone(), name).expect("the system has random numbers")
    }

    /// A connection on which nothing was said yet, the handshake neither.
    pub fn connect(&self, server: SocketAddr) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let socket = TcpStream::connect_timeout(&server, DEADLINE)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_nodelay(true)?;
        Ok(StreamOwned::new(self.begin(), socket))
    }

    /// A port without TLS behind which is the server's with TLS. It is there until the process ends.
    pub fn tunnel(&self, server: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let identity = self.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let connection = identity.begin();
                thread::spawn(move || {
                    // What goes wrong, the client sees as an end.
                    let _ = TcpStream::connect(server).and_then(|server| carry(connection, &client, &server));
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        address
    }
}

/// Carries bytes both ways until one side ends.
fn carry(mut tls: ClientConnection, mut client: &TcpStream, mut server: &TcpStream) -> io::Result<()> {
    for socket in [client, server] {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
    }
    let (mut to_client, mut to_server): (Vec<u8>, Vec<u8>) = Default::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let mut moved = false;
        if to_server.is_empty() && !tls.is_handshaking() {
            match now(client.read(&mut chunk))? {
                Some(0) => {
                    tls.send_close_notify();
                    while tls.wants_write() && now(tls.write_tls(&mut server))?.is_some() {}
                    return Ok(());
                }
                read => to_server.extend_from_slice(&chunk[..read.unwrap_or(0)]),
            }
        }
        if !to_server.is_empty() {
            let taken = tls.writer().write(&to_server)?;
            to_server.drain(..taken);
        }
        while tls.wants_write() && now(tls.write_tls(&mut server))?.is_some() {
            moved = true;
        }
        if to_client.len() < CHUNK
            && let Some(read) = now(tls.read_tls(&mut server))?
        {
            moved = true;
            let state = tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            let at = to_client.len();
            to_client.resize(at + state.plaintext_bytes_to_read(), 0);
            tls.reader().read_exact(&mut to_client[at..])?;
            if read == 0 && to_client.is_empty() {
                return Ok(());
            }
        }
        if !to_client.is_empty()
            && let Some(written) = now(client.write(&to_client))?
        {
            moved = true;
            to_client.drain(..written);
        }
        if !moved {
            thread::park_timeout(LOOK);
        }
    }
}

/// `None`: not at this moment.
fn now(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
