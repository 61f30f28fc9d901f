//! Who asks.

use paddock_tests::client::Client;
use paddock_tests::request::Request;
use paddock_tests::server::Server;

use crate::place::Place;

/// Longer than any run.
const SESSION_MS: i32 = 200_000;

/// How someone comes in.
pub enum Entrance {
    /// Known by the address alone, 127.0.0.1.
    Plain,
    /// By TLS, with a certificate of this subject as openssl writes it.
    Certified(&'static str),
}

/// Someone who is judged.
pub struct Caller {
    pub name: &'static str,
    pub entrance: Entrance,
    /// What is proven by auth packets then: schemes and credentials.
    pub proves: &'static [(&'static str, &'static [u8])],
}

impl Caller {
    pub fn connect(&self, place: &Place) -> Client {
        self.prove(match self.entrance {
            Entrance::Plain => plain(&place.server),
            Entrance::Certified(subject) => {
                let address = place.tunnel(subject);
                Client::connect(address, SESSION_MS).expect("the server takes the certificate")
            }
        })
    }

    /// The client, once it has proven what it can.
    pub fn prove(&self, mut client: Client) -> Client {
        for (scheme, credential) in self.proves {
            client.ok(&Request::auth(scheme, credential));
        }
        client
    }
}

fn plain(server: &Server) -> Client {
    Client::connect(server.address(), SESSION_MS).expect("the server takes sessions")
}

/// The super user, who makes the znodes: of every scheme that takes the place of `auth` it has an identity.
pub const OWNER: Caller = Caller {
    name: "owner",
    entrance: Entrance::Plain,
    proves: &[("digest", b"super:test"), ("digest", b"u:p"), ("digest", b"w:p"), ("key", b"10")],
};

/// Those that come by TLS: the one whom entries name, another one who has a password besides, and the super user.
pub const CERTIFIED: [Caller; 3] = [
    Caller { name: "alice", entrance: Entrance::Certified("/O=Meadow/CN=alice"), proves: &[] },
    Caller {
        name: "bob",
        entrance: Entrance::Certified("/O=Meadow/CN=bob"),
        proves: &[("x509", b""), ("digest", b"u:p")],
    },
    Caller { name: "root", entrance: Entrance::Certified("/O=Meadow/CN=root"), proves: &[] },
];

/// Those that are known by their address and by auth packets.
pub const CALLERS: [Caller; 8] = [
    Caller { name: "nobody", entrance: Entrance::Plain, proves: &[] },
    Caller { name: "right password", entrance: Entrance::Plain, proves: &[("digest", b"u:p")] },
    Caller { name: "wrong password", entrance: Entrance::Plain, proves: &[("digest", b"u:q")] },
    Caller {
        name: "several",
        entrance: Entrance::Plain,
        proves: &[("digest", b"v:p"), ("digest", b"u:q"), ("digest", b"u:p")],
    },
    Caller { name: "super", entrance: Entrance::Plain, proves: &[("digest", b"super:test")] },
    Caller { name: "key", entrance: Entrance::Plain, proves: &[("key", b"5")] },
    Caller { name: "of the ensemble", entrance: Entrance::Plain, proves: &[("ensemble", b"meadow"), ("ip", b"")] },
    Caller { name: "of no ensemble", entrance: Entrance::Plain, proves: &[("ensemble", b"")] },
];
