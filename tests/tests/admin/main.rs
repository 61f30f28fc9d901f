//! The AdminServer, as programs that look after a server ask it.
//!
//! | module | looks at |
//! |---|---|
//! | `alone` | each command on a server that stands alone |
//! | `beside` | the same questions to ZooKeeper 3.9.5 |
//! | `bounds` | clients that are slow, idle, many or send nonsense |
//! | `ensemble` | what members say, by their parts |
//! | `https` | the same over TLS, and the metrics |
//! | `log_level` | which lines the log has, changed while the server runs |
//! | `members` | the same questions to members of an ensemble of ZooKeeper 3.9.5 |
//! | `mistakes` | what is refused, and how |
//! | `ports` | which ports are opened, and what becomes of one that is not free |
//! | `restores` | `restore`, and what becomes of it |
//! | `snapshots` | `snapshot`, and who takes what it sends |
mod alone;
mod beside;
mod bounds;
mod ensemble;
mod https;
mod log_level;
mod members;
mod mistakes;
mod ports;
mod restores;
mod snapshots;

use paddock_tests::http::{Answer, get};
use paddock_tests::installed::{class_path, current_zookeeper};
use paddock_tests::server::{Kind, Server, Setup, free_port};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};

/// Of sessions whose timeout is not the matter, ms.
const TIMEOUT_MS: i32 = 20_000;
/// The super user, whose password is `test`.
const SUPER_DIGEST: &str = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
const SUPER: (&str, &str) = ("authorization", "digest super:test");

/// A server whose AdminServer is on, and where that is.
struct Admin {
    server: Server,
    address: SocketAddr,
}

/// A setup with an AdminServer, and its address.
fn setup(kind: Kind) -> (Setup, SocketAddr) {
    let port = free_port();
    let setup = Setup::new(kind)
        .config("admin.enableServer", "true")
        .config("admin.serverAddress", "127.0.0.1")
        .config("admin.serverPort", &port.to_string())
        .property("zookeeper.DigestAuthenticationProvider.superDigest", SUPER_DIGEST);
    (setup, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// The class path of a ZooKeeper 3.9.5 that has an AdminServer: Debian's lacks what Jetty serves by.
fn zookeeper_with_jetty() -> String {
    format!("{}:{}", current_zookeeper(), class_path(&["servlet-api"]))
}

fn start() -> Admin {
    start_with(|setup| setup)
}

fn start_with(change: impl FnOnce(Setup) -> Setup) -> Admin {
    let (setup, address) = setup(Kind::Paddock);
    Admin { server: change(setup).start(), address }
}

impl Admin {
    fn get(&self, command: &str) -> Answer {
        get(self.address, &format!("/commands/{command}"))
    }

    /// The answer of a command that is executed.
    #[track_caller]
    fn json(&self, command: &str) -> Value {
        json_at(self.address, command)
    }
}

/// The same of a ZooKeeper or a Paddock, executed or not: Jetty may also say of which characters JSON is.
#[track_caller]
fn json_of_either(address: SocketAddr, command: &str) -> Value {
    let answer = get(address, &format!("/commands/{command}"));
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{command}: {error}: {}", answer.text()))
}

#[track_caller]
fn json_at(address: SocketAddr, command: &str) -> Value {
    let answer = get(address, &format!("/commands/{command}"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{command}");
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{command}: {error}: {}", answer.text()))
}
