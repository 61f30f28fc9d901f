//! The ports for clients: opened before the state is recovered, so that a port that is taken ends the start at once.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::TcpListener;
use paddock_engine::io::advice;
use paddock_net::accept;
use paddock_net::client_tls::{ClientTls, PortKind};
use paddock_net::reactor::Listeners;
use paddock_net::tls::TlsError;
use paddock_net::tls::context::ServerContext;
use paddock_net::tls::settings::ClientAuth;

use crate::config::Config;

/// The listeners, where they are, and with what TLS is spoken there.
pub struct ClientPorts {
    pub listeners: Listeners,
    pub addresses: ClientAddresses,
    pub tls: Option<Arc<ClientTls>>,
}

/// Where the server listens for clients: at one of the two at least.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddresses {
    pub plain: Option<SocketAddr>,
    pub secure: Option<SocketAddr>,
}

/// Why there are no ports for clients.
#[derive(Debug)]
pub enum ClientPortError {
    Listen {
        address: SocketAddr,
        /// The key of the port.
        key: &'static str,
        source: io::Error,
    },
    /// A store of `ssl.*` cannot be used.
    Tls(TlsError),
}

impl fmt::Display for ClientPortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientPortError::Listen { address, key, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {address}: the port is in use; stop what uses it or give another {key}")
            }
            ClientPortError::Listen { address, key, source } => {
                let advice: Cow<'_, str> = match source.raw_os_error() {
                    Some(libc::EADDRNOTAVAIL) => {
                        format!("no interface of this machine has the address; check {key}Address").into()
                    }
                    Some(libc::EACCES) => format!(
                        "a port below 1024 is for privileged users; give another {key}, or CAP_NET_BIND_SERVICE"
                    )
                    .into(),
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => advice(source).into(),
                    _ => format!("check {key} and {key}Address").into(),
                };
                write!(f, "cannot listen on {address}: {source}; {advice}")
            }
            ClientPortError::Tls(error) => write!(f, "TLS of clients (ssl.*): {error}"),
        }
    }
}

impl ClientPorts {
    /// # Errors
    /// When a port cannot be opened, or a store of TLS cannot be used.
    pub fn open(config: &Config) -> Result<ClientPorts, ClientPortError> {
        let open = |address: Option<SocketAddr>, key| {
            let listen = |address| {
                let listener = accept::listen(address, config.listen_backlog);
                listener.map_err(|source| ClientPortError::Listen { address, key, source })
            };
            address.map(listen).transpose()
        };
        let tls = client_tls(config)?;
        let plain = open(config.client_address, "clientPort")?;
        let secure = open(config.secure_client_address, "secureClientPort")?;
        let opened = |listener: &Option<TcpListener>, configured: Option<SocketAddr>| {
            listener.as_ref().and_then(|listener| listener.local_addr().ok()).or(configured)
        };
        let addresses = ClientAddresses {
            plain: opened(&plain, config.client_address),
            secure: opened(&secure, config.secure_client_address),
        };
        let unifies = config.client_tls.as_ref().is_some_and(|tls| tls.unifies);
        let kind = if unifies { PortKind::Unified } else { PortKind::Plain };
        let listeners = Listeners { plain: plain.map(|listener| (listener, kind)), secure };
        Ok(ClientPorts { listeners, addresses, tls })
    }
}

fn client_tls(config: &Config) -> Result<Option<Arc<ClientTls>>, ClientPortError> {
    let Some(settings) = &config.client_tls else { return Ok(None) };
    let context = ServerContext::load(&settings.tls).map_err(ClientPortError::Tls)?;
    let tls = ClientTls::new(context)
        .with_certificates(settings.tls.client_auth != ClientAuth::None)
        .with_handshakes_max(settings.handshakes_max.map(u64::from))
        .with_early_drops(settings.drops_early);
    Ok(Some(Arc::new(tls)))
}

impl ClientAddresses {
    /// One of them, the plain one if there is one.
    pub fn first(self) -> SocketAddr {
        self.plain.or(self.secure).expect("a configuration has one of them")
    }

    /// What the log says of each.
    pub fn told(self) -> Vec<String> {
        let plain = self.plain.map(|address| format!("listening on {address}"));
        let secure = self.secure.map(|address| format!("listening on {address} for clients that speak TLS"));
        plain.into_iter().chain(secure).collect()
    }
}
