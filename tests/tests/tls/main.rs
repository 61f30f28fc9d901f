//! Clients that speak TLS, and what becomes of those that do not, or may not enter.
//!
//! | module | looks at |
//! |---|---|
//! | `entry` | certificates that are asked for, wrong, expired or strange; identities that come of them |
//! | `hostile` | no TLS where there must be, cut and slow handshakes, others meanwhile |
//! | `ports` | a server with one port or both, one port for both, what figures and words tell |
//! | `service` | operations, watches, long and many replies, ends |
//! | `stores` | stores that change while the server runs, or cannot be used |
mod entry;
mod hostile;
mod ports;
mod service;
mod stores;

use paddock_tests::certificates::Authority;
use paddock_tests::client::Client;
use paddock_tests::server::{Kind, Server, Setup, free_port};
use paddock_tests::tls::Identity;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Of sessions whose timeout is not the matter, ms.
const TIMEOUT_MS: i32 = 20_000;

/// A server with a port for TLS besides the plain one, and who signs for both sides.
struct Secure {
    server: Server,
    authority: Authority,
    address: SocketAddr,
    /// The server's store, which it reads again when it changes.
    store: PathBuf,
}

impl Secure {
    /// With these lines in zoo.cfg besides.
    fn start(lines: &[(&str, &str)]) -> Secure {
        let authority = Authority::new();
        let (setup, address, store) = setup(&authority);
        let setup = lines.iter().fold(setup, |setup, (key, value)| setup.config(key, value));
        Secure { server: setup.start(), authority, address, store }
    }

    /// A client with a certificate of this subject.
    fn identity(&self, subject: &str) -> Identity {
        let store = self.authority.issue(subject, 30).store;
        Identity::new(&self.authority.certificate(), Some(&store))
    }

    /// One without.
    fn nobody(&self) -> Identity {
        Identity::new(&self.authority.certificate(), None)
    }

    fn connect(&self, identity: &Identity) -> Client {
        Client::connect(identity.tunnel(self.address), TIMEOUT_MS).expect("it may enter")
    }
}

/// A setup with a port for TLS, where that is, and the server's store.
fn setup(authority: &Authority) -> (Setup, SocketAddr, PathBuf) {
    let port = free_port();
    let key = authority.issue("/CN=localhost", 30).store;
    let setup = Setup::new(Kind::Paddock)
        .config("secureClientPort", &port.to_string())
        .config("secureClientPortAddress", "127.0.0.1")
        .config("ssl.keyStore.location", &key.display().to_string())
        .config("ssl.trustStore.location", &authority.certificate().display().to_string());
    (setup, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), key)
}

/// A figure of `mntr`.
fn figure(server: &Server, name: &str) -> i64 {
    let told = paddock_tests::server::four_letter_word(server.address(), "mntr", paddock_tests::server::DEADLINE);
    let told = told.expect("the plain port answers");
    let line = told.lines().find_map(|line| line.strip_prefix(&format!("zk_{name}\t")));
    line.unwrap_or_else(|| panic!("{name} is not in\n{told}")).parse().expect("it is a number")
}
