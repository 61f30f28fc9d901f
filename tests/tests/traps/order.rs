//! Order, and what the server takes away by itself.
use crate::ground::{Place, assert_closed, client, is_paddock, setup};
use paddock_tests::client::Client;
use paddock_tests::records::{Acl, err, event, flags, op};
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::server::Server;
use paddock_tests::wire::Wire;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Of znodes whose age is the matter, ms.
const TTL_MS: i64 = 400;
/// What has to happen by itself happens within this.
const DEADLINE: Duration = Duration::from_secs(20);
/// Requests of one connection that the back-pressure has to hold back.
const PIPELINED: usize = 500;

/// A server that looks for containers to remove all the time.
fn eager() -> Server {
    setup().property("znode.container.checkIntervalMs", "50").start()
}

/// Waits until the znode at `path` is gone; `meanwhile` happens again and again until then.
fn wait_for_deletion(witness: &mut Client, path: &str, mut meanwhile: impl FnMut()) {
    let began = Instant::now();
    while witness.code(&Request::exists(path, false)) == err::OK {
        assert!(began.elapsed() < DEADLINE, "{path} is still there");
        meanwhile();
    }
}

#[test]
fn trap_087_answers_come_in_the_order_of_the_requests() {
    let place = Place::new("trap_087");
    let mut client = place.client();
    let path = place.path("/a");
    for round in 0..200 {
        client.queue(&Request::create(&path, b"", 0));
        client.queue(&Request::exists(&path, false));
        client.queue(&Request::get_children(&place.path(""), false));
        client.queue(&Request::sync(&path));
        client.queue(&Request::get_data(&place.path("/missing"), false));
        client.queue(&Request::set_data(&path, b"x", 0));
        client.queue(&Request::get_data(&path, false));
        client.queue(&Request::delete(&path, 1));
        client.queue(&Request::exists(&path, false));
        client.flush().expect("the requests are taken");
        let expected = [0, 0, 0, 0, err::NO_NODE, 0, 0, 0, err::NO_NODE];
        let replies: Vec<_> = (0..9).map(|_| client.next_reply().expect("in order")).collect();
        let codes: Vec<i32> = replies.iter().map(|reply| reply.err).collect();
        assert_eq!(codes, expected, "round {round}");
        assert_eq!(replies[6].data(), Some(&b"x"[..]), "a read behind a write sees it");
        assert!(replies.is_sorted_by_key(|reply| reply.zxid), "zxids never go back");
    }
}

#[test]
fn trap_088_sync_says_its_path_again() {
    let place = Place::new("trap_088");
    let mut client = place.client();
    for path in ["/missing/node", "", "no slash", "/a//b/", "/\u{1}"] {
        assert_eq!(client.ok(&Request::sync(path)).path(), path);
    }
    let null = Request::Path { opcode: op::SYNC, path: None };
    assert_eq!(client.ok(&null).body, Body::Path(None));
}

#[test]
fn trap_089_a_fresh_server_has_three_znodes_below_the_root() {
    let server = setup().start();
    let mut client = client(&server);
    assert_eq!(client.ok(&Request::get_all_children_number("/")).number(), 3);
    assert_eq!(client.ok(&Request::get_all_children_number("/zookeeper")).number(), 2);
    for path in ["/a", "/a/b", "/a/b/c", "/ab"] {
        client.ok(&Request::create(path, b"", 0));
    }
    let mut number = |path| client.ok(&Request::get_all_children_number(path)).number();
    assert_eq!((number("/"), number("/a"), number("/ab"), number("/a/b/c")), (7, 2, 0, 0));
    client.ok(&Request::set_acl("/a/b", vec![Acl::new(0, "world", "anyone")], -1));
    assert_eq!(client.ok(&Request::get_all_children_number("/a")).number(), 2, "descendants' ACLs do not matter");
    assert_eq!(client.code(&Request::get_all_children_number("/a/b")), err::NO_AUTH);
    assert_eq!(client.code(&Request::get_all_children_number("/missing")), err::NO_NODE);
}

#[test]
fn trap_090_the_prefix_of_get_ephemerals_is_text() {
    let place = Place::new("trap_090");
    let (mut client, mut other) = (place.client(), place.client());
    let paths = ["/a", "/ab", "/b"].map(|name| place.path(name));
    for path in &paths {
        client.ok(&Request::create(path, b"", flags::EPHEMERAL));
    }
    other.ok(&Request::create(&place.path("/a-other"), b"", flags::EPHEMERAL));
    client.ok(&Request::create(&place.path("/a-persistent"), b"", 0));
    let mut below = |prefix: Option<&str>| {
        let request = Request::Path { opcode: op::GET_EPHEMERALS, path: prefix.map(str::to_owned) };
        client.ok(&request).names().into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let all: BTreeSet<String> = paths.iter().cloned().collect();
    assert_eq!(below(Some(&place.path("/a"))), paths[..2].iter().cloned().collect());
    for prefix in [Some("/"), Some(""), Some("  "), None, Some(&*place.path(""))] {
        assert_eq!(below(prefix), all, "{prefix:?}");
    }
    assert_eq!(below(Some("/nowhere")), BTreeSet::new());
}

#[test]
fn trap_091_the_age_of_a_ttl_counts_from_the_last_write_of_its_data() {
    let place = Place::on(eager(), "trap_091");
    let (mut client, mut witness) = (place.client(), place.client());
    let [written, plain, busy] = ["/written", "/plain", "/busy"].map(|name| place.path(name));
    for path in [&written, &busy, &plain] {
        client.ok(&Request::create_ttl(path, flags::TTL, TTL_MS));
    }
    let created = Instant::now();
    // A child that comes and goes keeps the znode from being empty only for the moment of a transaction.
    let child = format!("{busy}/c");
    let come_and_go = Request::multi(vec![Request::create(&child, b"", 0), Request::delete(&child, 0)]);
    let renew = |client: &mut Client| {
        client.ok(&Request::set_data(&written, b"", -1));
        client.ok(&come_and_go);
    };
    wait_for_deletion(&mut witness, &plain, || renew(&mut client));
    assert!(created.elapsed() >= Duration::from_millis(TTL_MS as u64), "{:?}", created.elapsed());
    wait_for_deletion(&mut witness, &busy, || renew(&mut client));
    client.ok(&Request::exists(&written, false));
    wait_for_deletion(&mut witness, &written, || {});
}

#[test]
fn trap_092_a_container_that_was_never_used_stays() {
    let place = Place::on(eager(), "trap_092");
    let mut client = place.client();
    let (fresh, used) = (place.path("/fresh"), place.path("/used"));
    client.ok(&Request::create_container(&fresh));
    for round in 0..3 {
        client.ok(&Request::create_container(&used));
        client.ok(&Request::create(&format!("{used}/c"), b"", 0));
        client.ok(&Request::exists(&used, true));
        client.ok(&Request::delete(&format!("{used}/c"), 0));
        let told = client.next_event().expect("a pass removes it");
        assert_eq!((told.kind, told.path), (event::DELETED, used.clone()), "round {round}");
        client.ok(&Request::exists(&fresh, false));
    }
}

/// A container is filled again as soon as it is empty. Now and then a pass sees it empty, and must find out that it is
/// not any more; and where the pass wins, no child can be made.
#[test]
fn trap_093_a_child_that_comes_in_time_saves_its_container() {
    let place = Place::on(setup().property("znode.container.checkIntervalMs", "1").start(), "trap_093");
    let mut client = place.client();
    let (container, child) = (place.path("/c"), place.path("/c/child"));
    let mut saved = 0;
    for _ in 0..300 {
        client.queue(&Request::create_container(&container));
        client.queue(&Request::create(&child, b"", 0));
        client.queue(&Request::delete(&child, 0));
        client.queue(&Request::create(&child, b"", 0));
        client.queue(&Request::exists(&container, false));
        client.queue(&Request::exists(&child, false));
        client.queue(&Request::delete(&child, 0));
        client.flush().expect("the requests are taken");
        let codes: Vec<i32> = (0..7).map(|_| client.next_reply().expect("a reply").err).collect();
        if codes[3] == err::OK {
            assert_eq!(codes[4..6], [err::OK, err::OK], "a child without its container");
            saved += 1;
        } else {
            assert_eq!(codes[3..6], [err::NO_NODE; 3], "the container is there, and takes no child");
        }
    }
    assert!(saved > 0, "the child never came in time");
}

#[test]
fn trap_094_a_connection_too_many_is_closed_at_once() {
    let server = setup().config("maxClientCnxns", "2").start();
    let held = [client(&server), client(&server)];
    assert_eq!(Wire::open(server.address()).read_to_close(), [], "nothing was sent, nothing is waited for");
    drop(held);
    let began = Instant::now();
    while Client::connect(server.address(), 10_000).is_err() {
        assert!(began.elapsed() < DEADLINE, "the places of closed connections are not free again");
    }
}

#[test]
fn trap_095_back_pressure_always_lets_one_request_in() {
    let server = setup().property("zookeeper.globalOutstandingLimit", "1").start();
    let mut clients: Vec<Client> = (0..8).map(|_| client(&server)).collect();
    clients[0].ok(&Request::create("/a", b"", 0));
    for client in &mut clients {
        for number in 0..PIPELINED {
            client.queue(&if number % 2 == 0 { Request::set_data("/a", b"x", -1) } else { Request::sync("/a") });
        }
        client.flush().expect("the requests are taken");
    }
    for client in &mut clients {
        for number in 0..PIPELINED {
            let reply = client.next_reply().unwrap_or_else(|error| panic!("reply {number}: {error}"));
            assert_eq!(reply.err, err::OK);
        }
    }
}

#[test]
fn trap_096_children_have_one_order_as_long_as_nothing_changes() {
    let place = Place::new("trap_096");
    let (mut client, mut other) = (place.client(), place.client());
    let root = place.path("");
    let names = (0..500).map(|number| Request::create(&place.path(&format!("/n{}", number * 7919 % 500)), b"", 0));
    client.ok(&Request::multi(names.collect()));
    for number in 0..200 {
        client.ok(&Request::delete(&place.path(&format!("/n{number}")), -1));
    }
    let first = client.ok(&Request::get_children(&root, false));
    let order = first.names();
    assert_eq!(order.len(), 300);
    assert_eq!(client.ok(&Request::get_children(&root, true)).names(), order);
    assert_eq!(other.ok(&Request::get_children2(&root, false)).names(), order);
    let read = client.ok(&Request::multi_read(vec![Request::get_children(&root, false)]));
    assert_eq!(read.outcomes()[0].body, first.body);
}

#[test]
fn trap_097_the_root_is_one_znode_under_both_its_names() {
    let server = setup().start();
    let mut client = client(&server);
    let version = client.ok(&Request::exists("/", false)).stat().version;
    let requests = [
        Request::set_data("/", b"1", version),
        Request::create("/a", b"", 0),
        Request::set_data("/", b"2", version + 1),
        Request::create("/", b"", flags::SEQUENTIAL),
        Request::multi(vec![
            Request::set_data("/", b"3", version + 2),
            Request::create("/b", b"", 0),
            Request::set_data("/", b"4", version + 3),
            Request::check("/", version + 4),
            Request::create("/n-", b"", flags::SEQUENTIAL),
        ]),
        Request::set_acl("/", Acl::open(), 0),
        Request::set_data("/", b"5", version + 4),
    ];
    for request in &requests {
        client.queue(request);
    }
    client.flush().expect("the requests are taken");
    let replies: Vec<_> = requests.iter().map(|_| client.next_reply().expect("a reply")).collect();
    assert!(replies.iter().all(|reply| reply.err == err::OK), "{replies:?}");
    assert_eq!(replies[3].path(), "/0000000001");
    let outcomes = replies[4].outcomes();
    assert!(outcomes.iter().all(|outcome| outcome.err == err::OK), "{outcomes:?}");
    assert_eq!(outcomes[4].body, Body::Path(Some("/n-0000000003".into())));
    for name in ["/", ""] {
        let read = client.ok(&Request::get_data(name, false));
        assert_eq!((read.data(), read.stat().version, read.stat().num_children), (Some(&b"5"[..]), version + 5, 5));
    }
}

#[test]
fn trap_098_a_client_cannot_delete_by_the_container_s_way() {
    let place = Place::new("trap_098");
    let mut client = place.client();
    let path = place.path("/c");
    client.ok(&Request::create_container(&path));
    // ZooKeeper deletes, with no look at ACLs.
    if is_paddock() {
        let mut body = i32::try_from(path.len()).expect("short").to_be_bytes().to_vec();
        body.extend_from_slice(path.as_bytes());
        let reply = client.call(&Request::Raw { opcode: op::DELETE_CONTAINER, body }).expect("a reply");
        assert_eq!(reply.err, err::UNIMPLEMENTED);
        assert_closed(&mut client);
        place.client().ok(&Request::exists(&path, false));
    }
}

#[test]
fn trap_099_a_ttl_create_needs_flags_and_a_ttl_that_fit() {
    let place = Place::new("trap_099");
    let mut client = place.client();
    let path = place.path("/t");
    let mut wrong = vec![(flags::TTL, 0), (flags::TTL, -1), (flags::TTL, 0x100_0000_0000), (0, 1), (7, 1), (-1, 1)];
    // ZooKeeper passes these and breaks when it applies them.
    if is_paddock() {
        wrong.extend([(0, -1), (flags::EPHEMERAL, -1), (flags::SEQUENTIAL, -1), (flags::CONTAINER, -1)]);
    }
    for (flags, ttl) in wrong {
        let reply = client.call(&Request::create_ttl(&path, flags, ttl)).expect("a reply");
        assert_eq!(reply.err, err::BAD_ARGUMENTS, "flags {flags}, ttl {ttl}");
    }
    assert_eq!(client.code(&Request::exists(&path, false)), err::NO_NODE);
    client.ok(&Request::create_ttl(&path, flags::TTL, 0xff_ffff_ffff));
}
