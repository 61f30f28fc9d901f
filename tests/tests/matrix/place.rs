//! The two servers that are compared, and the ways into them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use paddock_tests::certificates::Authority;
use paddock_tests::server::{Kind, Server, free_port};
use paddock_tests::tls::Identity;

use crate::setup;

pub struct Place {
    pub server: Server,
    secure: Option<Secure>,
}

/// A port with TLS, and who signs for both sides.
struct Secure {
    address: SocketAddr,
    authority: Arc<Authority>,
}

impl Place {
    fn plain(kind: Kind) -> Place {
        Place { server: setup(kind).start(), secure: None }
    }

    fn secure(kind: Kind, authority: &Arc<Authority>) -> Place {
        let port = free_port();
        let key = authority.issue("/CN=localhost", 30).store;
        let setup = setup(kind)
            .config("secureClientPort", &port.to_string())
            .config("secureClientPortAddress", "127.0.0.1")
            .config("ssl.keyStore.location", &key.display().to_string())
            .config("ssl.trustStore.location", &authority.certificate().display().to_string())
            .config("X509AuthenticationProvider.superUser", "CN=root,O=Meadow");
        let setup = match kind {
            Kind::Paddock => setup,
            // Its other way of serving clients has no TLS.
            Kind::ZooKeeper => setup.config("serverCnxnFactory", "org.apache.zookeeper.server.NettyServerCnxnFactory"),
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Place { server: setup.start(), secure: Some(Secure { address, authority: authority.clone() }) }
    }

    /// A port without TLS behind which is the server's with it, entered with a certificate of this subject.
    pub fn tunnel(&self, subject: &str) -> SocketAddr {
        let secure = self.secure.as_ref().expect("whoever has a certificate comes where there is TLS");
        let store = secure.authority.issue(subject, 30).store;
        Identity::new(&secure.authority.certificate(), Some(&store)).tunnel(secure.address)
    }
}

/// ZooKeeper, and the server under test.
pub fn both() -> [Place; 2] {
    [Kind::ZooKeeper, Kind::under_test()].map(Place::plain)
}

/// The same with ports for TLS.
pub fn both_secure() -> [Place; 2] {
    let authority = Arc::new(Authority::new());
    [Kind::ZooKeeper, Kind::under_test()].map(|kind| Place::secure(kind, &authority))
}
