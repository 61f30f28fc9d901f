//! `restore`: a server that stands alone goes on with the state of a snapshot that it is sent, also after a crash, and what is no
//! snapshot, or comes from the wrong one, changes nothing.
use crate::ensemble::Trio;
use crate::{Admin, SUPER, TIMEOUT_MS, setup, start, start_with, zookeeper_with_jetty};
use paddock_tests::client::Client;
use paddock_tests::http::{Answer, Connection, ask};
use paddock_tests::records::{err, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Setup, poll_until};
use serde_json::Value;
use std::net::SocketAddr;
use std::thread;

/// More than one piece of a body, and more than a connection keeps of it.
const LARGE: usize = 300_000;

fn restore(address: SocketAddr, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut connection = Connection::open(address).expect("it is open");
    connection.ask_with("POST", "/commands/restore", headers, Some(body)).expect("an answer")
}

fn snapshot(address: SocketAddr) -> Answer {
    let taken = ask(address, "GET", "/commands/snapshot", &[SUPER]);
    assert_eq!(taken.status, 200, "{}", taken.text());
    taken
}

/// One that can be asked for snapshots and restores one after the other.
fn often(setup: Setup) -> Setup {
    setup.config("admin.rateLimiterIntervalInMS", "0")
}

/// A client of the server, once that is there again.
fn connect(admin: &Admin) -> Client {
    let client = poll_until(DEADLINE, || Client::connect(admin.server.address(), TIMEOUT_MS).ok());
    client.expect("it serves again")
}

#[track_caller]
fn assert_has(client: &mut Client, paths: &[(&str, bool)]) {
    for (path, is_there) in paths {
        let code = if *is_there { err::OK } else { err::NO_NODE };
        assert_eq!(client.code(&Request::exists(path, false)), code, "{path}");
    }
}

#[test]
fn a_server_goes_on_with_what_it_is_sent_and_is_told_to_keep_it() {
    let mut admin = start_with(often);
    let mut client = connect(&admin);
    client.ok(&Request::create("/kept", &[b'x'; LARGE], flags::PERSISTENT));
    client.ok(&Request::create("/here", b"", flags::EPHEMERAL));
    let taken = snapshot(admin.address);
    let zxid = i64::from_str_radix(&taken.header("last_zxid").expect("it is told")[2..], 16).expect("a zxid");
    let session = client.session.clone();
    client.ok(&Request::create("/later", b"", flags::PERSISTENT));
    client.ok(&Request::delete("/kept", -1));

    let answer = restore(admin.address, &[SUPER], &taken.body);
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), admin.server.log());
    let told: Value = serde_json::from_slice(&answer.body).expect("it is JSON");
    assert_eq!((&told["last_zxid"], &told["command"], &told["error"]), (&zxid.into(), &"restore".into(), &Value::Null));
    let state = [("/kept", true), ("/here", true), ("/later", false)];
    assert_has(&mut connect(&admin), &state);
    // The session is one of the snapshot: its client comes back to it, as it has seen no later transaction than that has.
    let later = Client::reattach(admin.server.address(), &session, zxid + 1_000);
    assert!(later.is_err(), "its client has seen what this server does not know");
    let mut again = Client::reattach(admin.server.address(), &session, zxid).expect("its session lives");
    let created = again.ok(&Request::create("/behind", b"", flags::PERSISTENT)).zxid;
    assert!(created > zxid, "{created:x} {zxid:x}");

    admin.server.kill();
    admin.server.restart();
    let mut client = connect(&admin);
    assert_has(&mut client, &[("/behind", true)]);
    assert_has(&mut client, &state);
    let data = client.ok(&Request::get_data("/kept", false));
    assert!(format!("{data:?}").len() > LARGE, "it is whole");
    // And it can be done again, in the generation after that.
    assert_eq!(restore(admin.address, &[SUPER], &taken.body).status, 200);
    assert_has(&mut connect(&admin), &[("/kept", true), ("/behind", false)]);
}

#[test]
fn a_snapshot_of_a_zookeeper_is_taken() {
    let (zookeeper, address) = setup(Kind::ZooKeeper);
    let zookeeper =
        zookeeper.class_path(zookeeper_with_jetty()).property("zookeeper.serializeLastProcessedZxid.enabled", "true");
    let zookeeper = zookeeper.start();
    let mut client = Client::connect(zookeeper.address(), TIMEOUT_MS).expect("handshake");
    client.ok(&Request::create("/theirs", b"x", flags::PERSISTENT));
    let taken = snapshot(address);
    let admin = start();
    assert_eq!(restore(admin.address, &[SUPER], &taken.body).status, 200, "{}", admin.server.log());
    assert_has(&mut connect(&admin), &[("/theirs", true)]);
}

#[test]
fn what_is_no_snapshot_changes_nothing() {
    let admin = start_with(|setup| often(setup).config("paddock.restore.maxBytes", "1048576"));
    let mut client = connect(&admin);
    client.ok(&Request::create("/mine", &[b'x'; LARGE], flags::PERSISTENT));
    let whole = snapshot(admin.address).body;
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    let longer = [&whole[..], b"x"].concat();
    let refused = "what has come is no snapshot that this server can take: ";
    for (body, status, words) in [
        (&b""[..], 500, refused),
        (&b"nonsense that is long enough for the end of a snapshot"[..], 500, refused),
        (&damaged[..], 500, refused),
        (&whole[..whole.len() - 21], 500, refused),
        (&whole[..whole.len() - 1], 500, refused),
        (&longer[..], 500, refused),
        (&vec![0; (1 << 20) + 1][..], 413, "is longer than paddock.restore.maxBytes=1048576"),
        // The answer is seen, whatever else comes.
        (&vec![0; 40 << 20][..], 413, "is longer than paddock.restore.maxBytes=1048576"),
    ] {
        let answer = restore(admin.address, &[SUPER], body);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
    }
    // One that does not come whole.
    let mut connection = Connection::open(admin.address).expect("it is open");
    let head = format!(
        "POST /commands/restore HTTP/1.1\r\nhost: t\r\n{}: {}\r\ncontent-length: {}\r\n\r\n",
        SUPER.0,
        SUPER.1,
        whole.len()
    );
    connection.send(head.as_bytes()).expect("it is sent");
    connection.send(&whole[..whole.len() / 2]).expect("it is sent");
    drop(connection);
    let told = poll_until(DEADLINE, || admin.server.log().contains("the snapshot has not come whole").then_some(()));
    told.expect("it is seen");
    // The one session goes on all the while.
    client.ok(&Request::set_data("/mine", b"y", -1));
    assert_eq!(admin.json("monitor")["restore_error_count"], 9);
}

/// The length of such a body is not told before.
#[test]
fn a_body_in_chunks_is_refused_where_it_gets_too_long() {
    let admin = start_with(|setup| often(setup).config("paddock.restore.maxBytes", "1048576"));
    let mut connection = Connection::open(admin.address).expect("it is open");
    let head = format!(
        "POST /commands/restore HTTP/1.1\r\nhost: t\r\n{}: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        SUPER.0, SUPER.1
    );
    connection.send(head.as_bytes()).expect("it is sent");
    let chunk = [&b"10000\r\n"[..], &[0; 0x10000], b"\r\n"].concat();
    for _ in 0..100 {
        connection.send(&chunk).expect("it is taken, and thrown away");
    }
    connection.send(b"0\r\n\r\n").expect("it is sent");
    let answer = connection.answer(false).expect("an answer");
    assert_eq!(answer.status, 413, "{}", answer.text());
}

#[test]
fn whoever_may_not_do_everything_or_asks_too_often_brings_nothing() {
    let admin = start_with(|setup| setup.config("admin.rateLimiterIntervalInMS", "2147483647"));
    assert_eq!(restore(admin.address, &[], b"nonsense").status, 401);
    assert_eq!(restore(admin.address, &[("authorization", "digest a b")], b"").status, 401);
    let statuses = [(); 3].map(|()| restore(admin.address, &[SUPER], b"").status);
    assert_eq!(statuses, [500, 429, 429]);
    assert_eq!(admin.json("monitor")["restore_rate_limited_count"], 2);
}

/// It may be stopping already for the state that has come, or it may be the process in its place: it stops in order either way.
#[test]
fn whoever_ends_a_server_that_takes_in_a_state_ends_it_in_order() {
    let admin = start_with(often);
    let mut client = connect(&admin);
    client.ok(&Request::create("/kept", &[b'x'; LARGE], flags::PERSISTENT));
    let taken = snapshot(admin.address).body;
    let address = admin.address;
    let asking = thread::spawn(move || {
        let mut connection = Connection::open(address).expect("it is open");
        // The answer may not come any more.
        drop(connection.ask_with("POST", "/commands/restore", &[SUPER], Some(&taken)));
    });
    let told = poll_until(DEADLINE, || admin.server.log().contains("a snapshot has come by HTTP").then_some(()));
    told.expect("it is taken");
    admin.server.terminate_in_peace();
    assert!(!admin.server.log().contains("it ends at once"), "{}", admin.server.log());
    asking.join().expect("it does not panic");
    admin.server.spawn();
    assert_has(&mut connect(&admin), &[("/kept", true)]);
}

#[test]
fn a_member_says_what_to_do_instead() {
    let trio = Trio::of(Setup::new(Kind::Paddock));
    let leader = trio.ensemble.wait_for_leader(&trio.ensemble.places());
    let answer = restore(trio.admins[leader], &[("authorization", "ip")], b"nonsense");
    assert_eq!(answer.status, 501);
    assert!(answer.text().contains("with paddock restore, or with paddock convert"), "{}", answer.text());
}
