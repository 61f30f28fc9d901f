//! What a server is filled with: every kind of transaction that a client can cause, and enough of them for snapshots that
//! are written meanwhile.

use std::net::SocketAddr;

use paddock_tests::client::Client;
use paddock_tests::records::{Acl, flags, op};
use paddock_tests::request::Request;
use paddock_tests::server::Server;

/// The `digest` user that may do all that others may not.
const USER: &[u8] = b"user:secret";
/// Of that user, hashed.
const USER_ID: &str = "user:5w9W4eL3797Y4Wq8AcKUPPk8ha4=";
/// A server that allows less grants less.
const TIMEOUT_MS: i32 = 600_000;
/// Of each directory.
pub const CHILDREN: usize = 100;

fn done(client: &mut Client, request: &Request) {
    client.ok(request);
}

/// Fills it from several sessions, two of which live on. Most of the znodes are in so many directories.
pub fn fill(address: SocketAddr, directories: usize) -> [Client; 2] {
    let [mut one, mut other, mut gone] = [(); 3].map(|()| Client::connect(address, TIMEOUT_MS).expect("a session"));
    done(&mut one, &Request::auth("digest", USER));
    kinds(&mut one);
    lists(&mut one);
    done(&mut one, &Request::create("/wide", b"", flags::PERSISTENT));
    quotas(&mut one);
    std::thread::scope(|scope| {
        scope.spawn(|| ephemerals(&mut other, &mut gone));
        wide(&mut one, directories);
    });
    // A failure has no digest, so that it must not be the last.
    done(&mut one, &Request::create("/last", b"", flags::PERSISTENT));
    [one, other]
}

/// The session goes on, so that nothing changes by its asking.
pub fn reattach(server: &Server, client: &Client) -> Client {
    let mut client = Client::reattach(server.address(), &client.session, 0).expect("the session lives on");
    client.ok(&Request::auth("digest", USER));
    client
}

fn kinds(client: &mut Client) {
    done(client, &Request::create("/kinds", b"", flags::PERSISTENT));
    done(client, &Request::create2("/kinds/second", b"two", flags::PERSISTENT));
    done(client, &Request::create_container("/kinds/container"));
    done(client, &Request::create("/kinds/container/child", b"", flags::PERSISTENT));
    done(client, &Request::create_container("/kinds/unused"));
    done(client, &Request::create_ttl("/kinds/ttl", flags::TTL, 600_000));
    done(client, &Request::create("/kinds/中文", "数据".as_bytes(), flags::PERSISTENT));
    for _ in 0..3 {
        done(client, &Request::create("/kinds/sequential-", b"", flags::SEQUENTIAL));
    }
    let null = Request::Create {
        opcode: op::CREATE,
        path: Some("/kinds/null".into()),
        data: None,
        acl: Some(Acl::open()),
        flags: flags::PERSISTENT,
    };
    done(client, &null);
    done(client, &Request::create("/kinds/large", &[7; 900_000], flags::PERSISTENT));
    done(client, &Request::delete("/kinds/sequential-0000000007", -1));
    done(
        client,
        &Request::multi(vec![
            Request::create("/kinds/multi", b"", flags::PERSISTENT),
            Request::create2("/kinds/multi/child", b"", flags::PERSISTENT),
            Request::create_ttl("/kinds/multi/ttl", flags::TTL, 600_000),
            Request::check("/kinds/multi", 0),
            Request::set_data("/kinds/multi", b"set", 0),
            Request::delete("/kinds/multi/child", 0),
        ]),
    );
    // Failures are transactions too.
    assert_ne!(client.code(&Request::create("/kinds", b"", flags::PERSISTENT)), 0);
    let members = vec![Request::create("/kinds/none", b"", flags::PERSISTENT), Request::check("/kinds", 99)];
    client.call(&Request::multi(members)).expect("an answer");
}

fn lists(client: &mut Client) {
    let user = |perms| vec![Acl::new(perms, "digest", USER_ID)];
    done(client, &Request::create_with_acl("/lists", user(31), flags::PERSISTENT));
    for number in 0..20 {
        let path = format!("/lists/{number}");
        let list = vec![Acl::new(number, "ip", "10.0.0.0/8"), Acl::new(31, "digest", USER_ID)];
        done(client, &Request::create_with_acl(&path, list, flags::PERSISTENT));
    }
    done(client, &Request::set_acl("/lists/3", user(31), -1));
    done(client, &Request::set_acl("/lists/4", [user(31), Acl::open()].concat(), -1));
}

fn quotas(client: &mut Client) {
    for (path, data) in [
        ("/zookeeper/quota/wide", &b""[..]),
        ("/zookeeper/quota/wide/zookeeper_limits", b"count=5,bytes=100"),
        ("/zookeeper/quota/wide/zookeeper_stats", b"count=0,bytes=0"),
    ] {
        done(client, &Request::create(path, data, flags::PERSISTENT));
    }
}

/// Ephemerals of a session that stays, and of one that goes.
fn ephemerals(stays: &mut Client, goes: &mut Client) {
    for number in 0..300 {
        done(stays, &Request::create(&format!("/stays-{number}"), b"here", flags::EPHEMERAL));
        done(goes, &Request::create(&format!("/goes-{number}"), b"here", flags::EPHEMERAL_SEQUENTIAL));
    }
    done(goes, &Request::close());
    for number in 0..100 {
        done(stays, &Request::delete(&format!("/stays-{number}"), 0));
    }
}

/// Many znodes, which come, change, go and come again.
fn wide(client: &mut Client, directories: usize) {
    for directory in 0..directories {
        let at = format!("/wide/{directory}");
        client.queue(&Request::create(&at, b"", flags::PERSISTENT));
        for child in 0..CHILDREN {
            client.queue(&Request::create(&format!("{at}/{child}"), &[child as u8; 50], flags::PERSISTENT));
        }
        for child in (0..CHILDREN).step_by(7) {
            let path = format!("{at}/{child}");
            client.queue(&Request::set_data(&path, b"changed", 0));
            client.queue(&Request::delete(&path, 1));
            client.queue(&Request::create(&path, b"again", flags::PERSISTENT));
            client.queue(&Request::create(&format!("{path}/below"), b"", flags::PERSISTENT));
            // It is there already.
            client.queue(&Request::create(&path, b"", flags::PERSISTENT));
        }
        client.flush().expect("the server takes requests");
        while client.outstanding() > 0 {
            client.next_reply().expect("the server answers");
        }
    }
}
