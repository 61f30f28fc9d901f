//! Where clients connect, if the configuration says that and is changed.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use paddock_consensus::config::HostPort;
use paddock_net::exchange::{Errand, Exchange};
use paddock_net::reactor::ACCEPTOR;

/// The listener belongs to a reactor, which is told to move.
pub struct ClientPort {
    exchanges: Arc<[Arc<Exchange>]>,
    /// clientPortListenBacklog.
    backlog: i32,
    /// Where it was told to listen last.
    last: Option<HostPort>,
    /// Counts the moves: a name that is found after another move does not count any more.
    moves: Arc<AtomicU64>,
}

impl ClientPort {
    /// `configured` is what the configuration said when the listener was opened.
    pub fn new(exchanges: Arc<[Arc<Exchange>]>, backlog: i32, configured: Option<HostPort>) -> ClientPort {
        ClientPort { exchanges, backlog, last: configured, moves: Arc::default() }
    }

    /// The configuration says that clients connect here. What is connected stays. A name is looked up by a thread, for which
    /// nobody waits.
    pub fn move_to(&mut self, client: &HostPort) {
        if self.last.as_ref() == Some(client) {
            return;
        }
        self.last = Some(client.clone());
        let number = self.moves.fetch_add(1, Ordering::Relaxed) + 1;
        let (acceptor, backlog, port) = (self.exchanges[ACCEPTOR].clone(), self.backlog, client.port);
        if let Ok(address) = client.host.parse::<IpAddr>() {
            return listen(&acceptor, SocketAddr::new(address, port), backlog);
        }
        let (host, moves) = (client.host.clone(), self.moves.clone());
        let look_up = move || match (&*host, port).to_socket_addrs() {
            Ok(addresses) => {
                let addresses: Vec<SocketAddr> = addresses.collect();
                // As at a start.
                let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
                match address {
                    Some(_) if moves.load(Ordering::Relaxed) != number => {}
                    Some(address) => listen(&acceptor, *address, backlog),
                    None => tracing::error!("{}", unknown(&host, "the name service knows no address")),
                }
            }
            Err(error) => tracing::error!("{}", unknown(&host, &error.to_string())),
        };
        if let Err(error) = thread::Builder::new().name("name lookup".to_owned()).spawn(look_up) {
            tracing::error!("{}", unknown(&client.host, &error.to_string()));
        }
    }
}

fn unknown(host: &str, why: &str) -> String {
    format!(
        "clients still connect where they did: the host {host}, where the ensemble's configuration has this server for them, \
         cannot be looked up: {why}; correct the name, and reconfigure or restart this server"
    )
}

fn listen(acceptor: &Exchange, address: SocketAddr, backlog: i32) {
    if acceptor.errands.push(Errand::Listen { address, backlog }).is_err() {
        tracing::error!(
            "the listener for clients is not moved to {address}, because its thread is too busy; restart this server"
        );
    }
    acceptor.reactor_bell.ring();
}
