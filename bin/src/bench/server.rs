//! A server under load, and how it is reached.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::security::Security;

/// Cloned for a price of nothing.
#[derive(Clone, Debug)]
pub struct Server {
    pub address: SocketAddr,
    /// As it was named: what its certificate must be of.
    pub host: Arc<str>,
    pub security: Security,
}

impl Server {
    /// Without TLS.
    pub fn plain(address: SocketAddr) -> Server {
        Server { address, host: address.ip().to_string().into(), security: Security::default() }
    }
}
