//! multi and multiRead.
use crate::ground::{Place, TIMEOUT_MS, children_changed, created, data_changed, deleted, events, is_current};
use paddock_tests::client::{Client, Frame};
use paddock_tests::records::{err, flags, mode, op};
use paddock_tests::reply::{Body, Outcome};
use paddock_tests::request::Request;

fn codes(outcomes: &[Outcome]) -> Vec<i32> {
    outcomes.iter().map(|outcome| outcome.err).collect()
}

#[test]
fn trap_041_a_failed_multi_says_so_member_by_member() {
    let place = Place::new("trap_041");
    let mut client = place.client();
    let members = vec![
        Request::create(&place.path("/a"), b"", 0),
        Request::check(&place.path(""), -1),
        Request::delete(&place.path("/missing"), -1),
        Request::set_data(&place.path(""), b"", -1),
        Request::create2(&place.path("/b"), b"", 0),
    ];
    let reply = client.call(&Request::multi(members)).expect("a reply");
    assert_eq!(reply.err, err::OK, "the header tells of no error");
    let expected = [err::OK, err::OK, err::NO_NODE, err::RUNTIME_INCONSISTENCY, err::RUNTIME_INCONSISTENCY];
    for (outcome, code) in reply.outcomes().iter().zip(expected) {
        assert_eq!(*outcome, Outcome { kind: op::ERROR, err: code, body: Body::Number(code) });
    }
    assert_eq!(reply.outcomes().len(), expected.len());
}

#[test]
fn trap_042_a_failed_multi_leaves_no_trace() {
    let place = Place::new("trap_042");
    let mut client = place.client();
    let root = place.path("");
    let failing = Request::multi(vec![
        Request::create(&place.path("/a"), b"", 0),
        Request::create(&place.path("/n-"), b"", flags::SEQUENTIAL),
        Request::set_data(&root, b"trace", -1),
        Request::delete(&place.path("/missing"), -1),
    ]);
    let before = client.ok(&Request::get_data(&root, true)).stat();
    client.ok(&Request::get_children(&root, true));
    // In the middle of other writes, all sent before any is answered.
    client.queue(&Request::create(&place.path("/first-"), b"", flags::SEQUENTIAL));
    client.queue(&failing);
    client.queue(&Request::create(&place.path("/second-"), b"", flags::SEQUENTIAL));
    client.queue(&failing);
    client.queue(&Request::create(&place.path("/a"), b"", flags::EPHEMERAL));
    client.flush().expect("the requests are taken");
    let replies: Vec<_> = (0..5).map(|_| client.next_reply().expect("a reply")).collect();
    assert_eq!(replies[0].path(), place.path("/first-0000000000"));
    for multi in [&replies[1], &replies[3]] {
        assert_eq!(codes(multi.outcomes()), [0, 0, 0, err::NO_NODE]);
    }
    assert_eq!(replies[2].path(), place.path("/second-0000000001"), "no number was used up");
    assert_eq!(replies[4].err, err::OK, "the name is free");
    let after = client.ok(&Request::get_data(&root, false));
    assert_eq!(
        (after.data(), after.stat().version, after.stat().mzxid),
        (Some(&b""[..]), before.version, before.mzxid)
    );
    assert_eq!(client.events.drain(..).count(), 1, "the children changed, the data did not");
    let later = Request::multi(vec![Request::create(&place.path("/n-"), b"", flags::SEQUENTIAL)]);
    assert_eq!(client.ok(&later).outcomes()[0].body, Body::Path(Some(place.path("/n-0000000003"))));
}

#[test]
fn trap_043_results_of_creates_by_opcode() {
    let place = Place::new("trap_043");
    let mut client = place.client();
    let members = vec![
        Request::create(&place.path("/1"), b"", 0),
        Request::create2(&place.path("/2"), b"", 0),
        Request::create_container(&place.path("/3")),
        Request::create_ttl(&place.path("/4"), flags::TTL, 3_600_000),
        Request::set_data(&place.path("/1"), b"", 0),
        Request::check(&place.path("/1"), 1),
        Request::delete(&place.path("/1"), 1),
    ];
    let reply = client.ok(&Request::multi(members));
    let kinds: Vec<i32> = reply.outcomes().iter().map(|outcome| outcome.kind).collect();
    // 3.8 answers create2 with the result of a create.
    let create2 = if is_current() { op::CREATE2 } else { op::CREATE };
    assert_eq!(kinds, [op::CREATE, create2, op::CREATE2, op::CREATE2, op::SET_DATA, op::CHECK, op::DELETE]);
    for (outcome, path) in reply.outcomes()[2..4].iter().zip(["/3", "/4"]) {
        let stat = client.ok(&Request::exists(&place.path(path), false)).stat();
        assert_eq!(outcome.body, Body::PathStat(Some(place.path(path)), stat));
    }
}

/// What of a createTTL the flags make in a multi, and that its mistakes are the member's.
#[test]
fn trap_043_a_create_with_ttl_goes_by_its_flags() {
    let place = Place::new("trap_043_ttl");
    let mut client = place.client();
    let mut one = |flags, ttl| {
        let member = Request::create_ttl(&place.path(&format!("/{flags}-")), flags, ttl);
        let outcome = client.ok(&Request::multi(vec![member])).outcomes()[0].clone();
        (outcome.kind, outcome.err)
    };
    assert_eq!(one(flags::PERSISTENT, 1), (op::CREATE, err::OK));
    assert_eq!(one(flags::CONTAINER, -1), (op::CREATE2, err::OK));
    assert_eq!(one(flags::TTL, 3_600_000), (op::CREATE2, err::OK));
    assert_eq!(one(flags::TTL, -1), (op::ERROR, err::BAD_ARGUMENTS));
    assert_eq!(one(7, 1), (op::ERROR, err::BAD_ARGUMENTS));
}

#[test]
fn trap_044_members_see_each_other() {
    let place = Place::new("trap_044");
    let mut client = place.client();
    let at = |below: &str| place.path(below);
    let members = vec![
        Request::create(&at("/p"), b"", 0),
        Request::create(&at("/p/a"), b"", flags::EPHEMERAL),
        Request::create(&at("/p/"), b"", flags::SEQUENTIAL),
        Request::set_data(&at("/p"), b"", 0),
        Request::check(&at("/p"), 1),
        Request::delete(&at("/p/a"), 0),
        Request::delete(&at("/p/0000000001"), 0),
        Request::delete(&at("/p"), 1),
        Request::create(&at("/p"), b"again", 0),
    ];
    let count = members.len();
    assert_eq!(codes(client.ok(&Request::multi(members)).outcomes()), vec![err::OK; count]);
    assert_eq!(client.ok(&Request::get_data(&at("/p"), false)).data(), Some(&b"again"[..]));
    let too_early = vec![Request::create(&at("/p/c"), b"", 0), Request::delete(&at("/p"), -1)];
    assert_eq!(codes(client.ok(&Request::multi(too_early)).outcomes()), [0, err::NOT_EMPTY]);
}

#[test]
fn trap_045_a_multi_read_goes_on_after_errors() {
    let place = Place::new("trap_045");
    let mut client = place.client();
    client.ok(&Request::create(&place.path("/a"), b"data", 0));
    let members = vec![
        Request::get_data(&place.path("/missing"), false),
        Request::get_data(&place.path("/a"), true),
        Request::get_children(&place.path("/missing"), false),
        Request::get_children(&place.path(""), true),
    ];
    let reply = client.ok(&Request::multi_read(members));
    assert_eq!(codes(reply.outcomes()), [err::NO_NODE, 0, err::NO_NODE, 0]);
    let kinds: Vec<i32> = reply.outcomes().iter().map(|outcome| outcome.kind).collect();
    assert_eq!(kinds, [op::ERROR, op::GET_DATA, op::ERROR, op::GET_CHILDREN]);
    assert!(matches!(&reply.outcomes()[1].body, Body::Data(Some(data), _) if data == b"data"));
    assert_eq!(reply.outcomes()[3].body, Body::Names(Some(vec![Some("a".into())])));
    // Flags of members set no watch.
    client.ok(&Request::set_data(&place.path("/a"), b"", -1));
    client.ok(&Request::create(&place.path("/b"), b"", 0));
    assert_eq!(events(&mut client), []);
}

#[test]
fn trap_046_a_multi_beyond_the_frame_limit_costs_the_connection() {
    let place = Place::new("trap_046");
    let mut client = place.client();
    let half = vec![1; 600_000];
    let paths = [place.path("/a"), place.path("/b")];
    client.queue(&Request::multi(paths.iter().map(|path| Request::create(path, &half, 0)).collect()));
    // The server closes at the length, perhaps before all of it is sent.
    drop(client.flush());
    client.expect_close().expect("nothing else is said");
    let mut again = Client::reattach(place.server.address(), &client.session, 0).expect("the session lives");
    for path in &paths {
        assert_eq!(again.code(&Request::exists(path, false)), err::NO_NODE);
    }
    assert_eq!(again.session.timeout_ms, TIMEOUT_MS);
}

#[test]
fn trap_047_members_share_zxid_and_time_and_tell_their_events_in_order() {
    let place = Place::new("trap_047");
    let mut client = place.client();
    let at = |below: &str| place.path(below);
    client.ok(&Request::create(&at("/old"), b"", 0));
    client.ok(&Request::add_watch(&at(""), mode::PERSISTENT_RECURSIVE));
    client.ok(&Request::get_children(&at(""), true));
    client.queue(&Request::multi(vec![
        Request::create(&at("/new"), b"", 0),
        Request::set_data(&at("/old"), b"", 0),
        Request::delete(&at("/old"), 1),
        Request::create(&at("/new/child"), b"", 0),
    ]));
    client.flush().expect("the multi is taken");
    let mut told = Vec::new();
    let reply = loop {
        match client.next_frame().expect("a frame") {
            Frame::Event(event) => told.push((event.kind, event.path)),
            Frame::Reply(reply) => break reply,
        }
    };
    let expected = [
        created(&at("/new")),
        children_changed(&at("")),
        data_changed(&at("/old")),
        deleted(&at("/old")),
        created(&at("/new/child")),
    ];
    assert_eq!(told, expected, "all of it before the reply");
    let (new, child) =
        (client.ok(&Request::exists(&at("/new"), false)), client.ok(&Request::exists(&at("/new/child"), false)));
    assert_eq!((new.stat().czxid, child.stat().czxid), (reply.zxid, reply.zxid));
    assert_eq!(new.stat().ctime, child.stat().ctime);
}
