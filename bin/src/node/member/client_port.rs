//! Where clients connect, if the configuration says that and is changed.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use paddock_consensus::config::HostPort;
use paddock_net::exchange::{Errand, Exchange};
use paddock_net::reactor::ACCEPTOR;

/// After this a name that could not be looked up is looked up again.
const RETRY: Duration = Duration::from_secs(1);

/// The listener belongs to a reactor, which is told to move.
pub struct ClientPort {
    exchanges: Arc<[Arc<Exchange>]>,
    /// clientPortListenBacklog.
    backlog: i32,
    /// Where it was told to listen last.
    last: Option<HostPort>,
    moves: Arc<Moves>,
}

/// Counts the moves: a name that is found after another move does not count any more. Whoever tells the reactor holds the
/// count meanwhile, so that it is told of moves in their order.
#[derive(Default)]
struct Moves {
    count: Mutex<u64>,
    counted: Condvar,
}

impl Moves {
    fn count(&self) -> MutexGuard<'_, u64> {
        // The number is whole, whoever has panicked.
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a name is to be looked up again; `false` if there was another move by then.
    fn wait(&self, number: u64) -> bool {
        let waited = self.counted.wait_timeout_while(self.count(), RETRY, |count| *count == number);
        let (count, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *count == number
    }
}

impl ClientPort {
    /// `configured` is what the configuration said when the listener was opened.
    pub fn new(exchanges: Arc<[Arc<Exchange>]>, backlog: i32, configured: Option<HostPort>) -> ClientPort {
        ClientPort { exchanges, backlog, last: configured, moves: Arc::default() }
    }

    /// The configuration says that clients connect here. What is connected stays. A name is looked up by a thread, for which
    /// nobody waits, until it is found or there is another move.
    pub fn move_to(&mut self, client: &HostPort) {
        if self.last.as_ref() == Some(client) {
            return;
        }
        self.last = Some(client.clone());
        let (acceptor, backlog, port) = (self.exchanges[ACCEPTOR].clone(), self.backlog, client.port);
        let mut count = self.moves.count();
        *count += 1;
        self.moves.counted.notify_all();
        let number = *count;
        if let Ok(address) = client.host.parse::<IpAddr>() {
            return listen(&acceptor, SocketAddr::new(address, port), backlog);
        }
        drop(count);
        let (host, moves) = (client.host.clone(), self.moves.clone());
        let look_up = move || {
            let Some(address) = find(&host, port, || moves.wait(number)) else { return };
            let count = moves.count();
            if *count == number {
                listen(&acceptor, address, backlog);
            }
        };
        if let Err(error) = thread::Builder::new().name("name lookup".to_owned()).spawn(look_up) {
            self.last = None;
            tracing::error!("{}; reconfigure again, or restart this server", unknown(&client.host, &error.to_string()));
        }
    }
}

impl Drop for ClientPort {
    /// Nobody looks a name up any more.
    fn drop(&mut self) {
        *self.moves.count() += 1;
        self.moves.counted.notify_all();
    }
}

/// Looks a name up until it is found, as long as that is to go on.
fn find(host: &str, port: u16, mut goes_on: impl FnMut() -> bool) -> Option<SocketAddr> {
    let mut is_told = false;
    loop {
        let why = match (host, port).to_socket_addrs() {
            Ok(addresses) => {
                let addresses: Vec<SocketAddr> = addresses.collect();
                // As at a start.
                match addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()) {
                    Some(address) => return Some(*address),
                    None => "the name service knows no address".to_owned(),
                }
            }
            Err(error) => error.to_string(),
        };
        if !is_told {
            is_told = true;
            tracing::error!(
                "{}; it is tried again each second; if the name is wrong, reconfigure",
                unknown(host, &why)
            );
        }
        if !goes_on() {
            return None;
        }
    }
}

fn unknown(host: &str, why: &str) -> String {
    format!(
        "clients still connect where they did: the host {host}, where the ensemble's configuration has this server for them, \
         cannot be looked up: {why}"
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
