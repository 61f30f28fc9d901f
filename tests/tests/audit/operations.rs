//! Each operation, as it is told by a server that stands alone; and the same by a ZooKeeper.
use crate::told::{file, lines, server_user, setup, text};
use paddock_tests::client::Client;
use paddock_tests::installed::current_zookeeper;
use paddock_tests::records::{Acl, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server};

/// Longer than any test.
const TIMEOUT_MS: i32 = 60_000;

fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server serves")
}

/// Asks for each operation that is told of, and for some that are not.
fn ask_for_all(client: &mut Client) {
    let absent = "/absent";
    for (request, succeeds) in [
        (Request::create("/a", b"data", flags::PERSISTENT), true),
        (Request::create("/a/e", b"", flags::EPHEMERAL), true),
        (Request::create("/a/s-", b"", flags::SEQUENTIAL), true),
        (Request::create2("/a/t-", b"", flags::EPHEMERAL_SEQUENTIAL), true),
        (Request::create_container("/c"), true),
        (Request::create_ttl("/ttl", flags::TTL, 1_000_000), true),
        (Request::create("/a", b"", flags::EPHEMERAL), false),
        (Request::create("relative", b"", flags::PERSISTENT), false),
        (Request::set_data("/a", b"other", -1), true),
        (Request::set_data(absent, b"", -1), false),
        (Request::set_acl("/a", vec![Acl::new(31, "world", "anyone"), Acl::new(1, "ip", "10.0.0.1")], -1), true),
        (Request::set_acl(absent, Acl::open(), -1), false),
        (Request::delete("/a/t-0000000002", -1), true),
        (Request::delete("/a/e", 99), false),
        (Request::delete(absent, -1), false),
        (Request::get_data("/a", false), true),
        (Request::sync("/a"), true),
    ] {
        assert_eq!(client.code(&request) == 0, succeeds, "{request:?}");
    }
    client.ok(&Request::multi(vec![
        Request::create("/m", b"", flags::PERSISTENT),
        Request::create("/m/e", b"", flags::EPHEMERAL),
        Request::create("/m/s-", b"", flags::SEQUENTIAL),
        Request::check("/m", -1),
        Request::set_data("/a", b"third", -1),
        Request::delete("/m/e", -1),
    ]));
    client
        .call(&Request::multi(vec![
            Request::create("/n", b"", flags::PERSISTENT),
            Request::create("/a", b"", flags::PERSISTENT),
        ]))
        .expect("it is answered");
    client.ok(&Request::close());
}

/// What is told of that to a client that has proven nothing.
fn expected() -> Vec<String> {
    let told = [
        "INFO|create znode=/a znode_type=persistent|success",
        "INFO|create znode=/a/e znode_type=ephemeral|success",
        "INFO|create znode=/a/s-0000000001 znode_type=persistent_sequential|success",
        "INFO|create znode=/a/t-0000000002 znode_type=ephemeral_sequential|success",
        "INFO|create znode=/c znode_type=container|success",
        "INFO|create znode=/ttl znode_type=persistent_with_ttl|success",
        "ERROR|create znode=/a znode_type=ephemeral|failure",
        "ERROR|create znode=relative znode_type=persistent|failure",
        "INFO|setData znode=/a|success",
        "ERROR|setData znode=/absent|failure",
        "INFO|setAcl znode=/a acl=world:anyone:cdrwaip:10.0.0.1:r|success",
        "ERROR|setAcl znode=/absent acl=world:anyone:cdrwa|failure",
        "INFO|delete znode=/a/t-0000000002|success",
        "ERROR|delete znode=/a/e|failure",
        "ERROR|delete znode=/absent|failure",
        "INFO|create znode=/m znode_type=persistent|success",
        "INFO|create znode=/m/e znode_type=ephemeral|success",
        "INFO|create znode=/m/s-0000000001|success",
        "INFO|setData znode=/a|success",
        "INFO|delete znode=/m/e|success",
        "ERROR|multiOperation|failure",
    ];
    let line = |told: &str| {
        let [level, what, result] = told.split('|').collect::<Vec<_>>()[..] else { panic!("{told}") };
        format!("{level} session=0 user=127.0.0.1 ip=127.0.0.1 operation={what} result={result}")
    };
    let mut lines: Vec<String> = told.iter().map(|told| line(told)).collect();
    let operation = "ephemeralZNodeDeletionOnSessionCloseOrExpire";
    lines.push(format!("INFO session=0 user={} operation={operation} znode=/a/e result=success", server_user()));
    lines
}

/// All that a server of this kind tells while a client asks for everything, and what is between its start and its stop.
fn told_by(kind: Kind, ask: impl FnOnce(&mut Client)) -> Vec<String> {
    let setup = setup(kind);
    let setup = if kind == Kind::ZooKeeper { setup.class_path(current_zookeeper()) } else { setup };
    let server = setup.start();
    ask(&mut client(&server));
    server.terminate_in_peace();
    match kind {
        Kind::Paddock => lines(&text(&file(&server))),
        Kind::ZooKeeper => lines(&server.log()),
    }
}

#[test]
fn each_operation_is_told_between_the_start_and_the_stop() {
    let user = server_user();
    let told = told_by(Kind::Paddock, ask_for_all);
    let [start, between @ .., stop] = &told[..] else { panic!("{told:?}") };
    assert_eq!(between, expected());
    assert_eq!(*start, format!("INFO user={user} operation=serverStart result=success"));
    assert_eq!(*stop, format!("INFO user={user} operation=serverStop result=invoked"));
}

#[test]
fn a_zookeeper_tells_the_same() {
    let told = told_by(Kind::ZooKeeper, ask_for_all);
    let by_clients: Vec<&String> = told.iter().filter(|line| line.contains("session=")).collect();
    let expected = expected();
    assert_eq!(by_clients, expected.iter().collect::<Vec<_>>());
}

/// Proves identities, and asks for something after each.
fn ask_as_several(client: &mut Client) {
    for (number, user) in ["pat", "alice", "zoe", "bob", "mallory"].into_iter().enumerate() {
        client.ok(&Request::auth("digest", format!("{user}:secret").as_bytes()));
        client.ok(&Request::create(&format!("/by-{number}"), b"", flags::PERSISTENT));
    }
}

#[test]
fn users_come_in_the_order_of_a_zookeeper() {
    let [ours, theirs] = [Kind::Paddock, Kind::ZooKeeper].map(|kind| told_by(kind, ask_as_several));
    let creates = |told: &[String]| -> Vec<String> {
        told.iter().filter(|line| line.contains("operation=create")).cloned().collect()
    };
    assert_eq!(creates(&ours).len(), 5);
    assert_eq!(creates(&ours), creates(&theirs));
    assert!(ours.iter().any(|line| line.contains("mallory")) && !ours.iter().any(|line| line.contains("secret")));
}

/// A path that is refused is told as it was asked for, but nothing in it ends a line or a pair.
#[test]
fn a_client_forges_nothing() {
    let forged = "/a\tresult=success\n2026-03-03 08:14:05,221 INFO o.a.z.a.Slf4jAuditLogger: session=0x1";
    let told = told_by(Kind::Paddock, |client| {
        assert_ne!(client.code(&Request::create(forged, b"", flags::PERSISTENT)), 0);
    });
    assert_eq!(told.len(), 3, "{told:?}");
    let line = told.iter().find(|line| line.contains("create")).expect("it is told");
    assert!(line.starts_with("ERROR ") && line.ends_with(" znode_type=persistent result=failure"), "{line}");
    assert!(line.contains("znode=/a\\tresult=success\\n2026-03-03"), "{line}");
}
