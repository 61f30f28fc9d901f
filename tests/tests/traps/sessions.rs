//! Sessions.
use crate::ground::{Place, assert_closed, client, data_changed, deleted, events, is_current, lost, setup};
use paddock_tests::client::{Client, ClientError, Hello, REPLY_DEADLINE, Session};
use paddock_tests::records::{err, event, flags};
use paddock_tests::request::Request;
use std::time::{Duration, Instant};

/// Of the servers on which sessions expire, ms.
const TICK_MS: u64 = 200;
/// What a session's end may come late by because this machine has other things to do.
const SLACK: Duration = Duration::from_millis(1_500);
/// Others wait no longer than this for a ping, whatever one client reads.
const PATIENCE: Duration = Duration::from_secs(3);

fn quick() -> Place {
    Place::on(setup().config("tickTime", &TICK_MS.to_string()).start(), "quick")
}

#[test]
fn trap_076_a_restart_keeps_sessions_and_ephemerals() {
    let mut place = Place::on(setup().start(), "trap_076");
    let mut old = place.client();
    let (ephemeral, watched) = (place.path("/e"), place.path("/w"));
    old.ok(&Request::create(&ephemeral, b"", flags::EPHEMERAL));
    old.ok(&Request::create(&watched, b"", 0));
    old.ok(&Request::get_data(&watched, true));
    let server = std::sync::Arc::get_mut(&mut place.server).expect("nobody shares it");
    server.kill();
    server.restart();
    let mut new = Client::reattach(place.server.address(), &old.session, old.last_zxid).expect("the session lives");
    let owner = new.ok(&Request::exists(&ephemeral, false)).stat().ephemeral_owner;
    assert_eq!((owner, new.session.id), (old.session.id, old.session.id));
    let (relative_zxid, data) = (old.last_zxid, vec![watched.clone()]);
    new.ok(&Request::SetWatches { relative_zxid, data, exist: vec![], child: vec![] });
    place.client().ok(&Request::set_data(&watched, b"", -1));
    assert_eq!(events(&mut new), [data_changed(&watched)]);
    new.ok(&Request::close());
    assert_eq!(place.client().code(&Request::exists(&ephemeral, false)), err::NO_NODE);
}

#[test]
fn trap_077_a_second_connection_closes_the_first() {
    let place = Place::new("trap_077");
    let mut first = place.client();
    first.ok(&Request::create(&place.path("/e"), b"", flags::EPHEMERAL));
    let mut second = Client::reattach(place.server.address(), &first.session, 0).expect("welcome");
    assert_eq!(second.session, first.session);
    lost(&mut first, &Request::create(&place.path("/from-the-first"), b"", 0));
    assert_eq!(second.code(&Request::exists(&place.path("/from-the-first"), false)), err::NO_NODE);
    second.ok(&Request::exists(&place.path("/e"), false));
}

#[test]
fn trap_078_nothing_behind_a_close_is_executed() {
    let place = Place::new("trap_078");
    let mut client = place.client();
    client.queue(&Request::close());
    client.queue(&Request::create(&place.path("/persistent"), b"", 0));
    client.queue(&Request::create(&place.path("/ephemeral"), b"", flags::EPHEMERAL));
    client.queue(&Request::multi(vec![Request::create(&place.path("/member"), b"", 0)]));
    client.flush().expect("the requests are taken");
    client.next_reply().expect("of the close");
    assert_closed(&mut client);
    assert_eq!(place.client().ok(&Request::get_children(&place.path(""), false)).names(), Vec::<&str>::new());
}

#[test]
fn trap_079_the_timeout_is_brought_into_the_server_s_bounds() {
    let place = Place::new("trap_079");
    let address = place.server.address();
    for (asked, got) in [(0, 4_000), (-1, 4_000), (i32::MIN, 4_000), (3_999, 4_000), (4_001, 4_001), (40_000, 40_000)] {
        assert_eq!(Client::connect(address, asked).expect("welcome").session.timeout_ms, got, "asked for {asked}");
    }
    let client = Client::connect(address, i32::MAX).expect("welcome");
    assert_eq!(client.session.timeout_ms, 40_000);
    let lower = Hello { timeout_ms: 1, ..Hello::reattach(&client.session, 0) };
    assert_eq!(Client::greet(address, &lower).expect("welcome").session.timeout_ms, 4_000, "anew on reattaching");
}

#[test]
fn trap_080_a_session_ends_after_its_timeout_and_not_much_later() {
    let place = quick();
    let mut witness = place.client();
    let timeout = Duration::from_millis(3 * TICK_MS);
    let mut silent = Client::connect(place.server.address(), 600).expect("welcome");
    let path = place.path("/e");
    silent.ok(&Request::create(&path, b"", flags::EPHEMERAL));
    witness.ok(&Request::exists(&path, true));
    let before = Instant::now();
    silent.ok(&Request::exists("/", false));
    let heard = Instant::now();
    assert_eq!(witness.next_event().expect("the session ends").kind, event::DELETED);
    let (longest, shortest) = (before.elapsed(), heard.elapsed());
    assert!(longest >= timeout, "{longest:?}");
    assert!(shortest < timeout + Duration::from_millis(TICK_MS) + SLACK, "{shortest:?}");
    assert_closed(&mut silent);
    let again = Client::reattach(place.server.address(), &silent.session, 0);
    assert!(matches!(again, Err(ClientError::Refused)), "{again:?}");
}

#[test]
fn trap_081_any_request_is_a_heartbeat_and_pings_are_answered_in_time() {
    let place = quick();
    let address = place.server.address();
    let (mut reader, mut pinging) = (Client::connect(address, 600).expect("welcome"), place.client());
    reader.ok(&Request::create(&place.path("/big"), &vec![1; 500_000], 0));
    // Two sessions of the same timeout fall silent one after the other, while this one asks and never pings.
    for round in 0..2 {
        let mut clock = Client::connect(address, 600).expect("welcome");
        let path = place.path(&format!("/clock-{round}"));
        clock.ok(&Request::create(&path, b"", flags::EPHEMERAL));
        let began = Instant::now();
        while reader.code(&Request::exists(&path, false)) == err::OK {
            assert!(began.elapsed() < REPLY_DEADLINE, "a silent session does not expire");
        }
    }
    reader.ok(&Request::create(&place.path("/alive"), b"", flags::EPHEMERAL));
    for _ in 0..200 {
        reader.queue(&Request::get_data(&place.path("/big"), false));
    }
    reader.flush().expect("small requests are taken");
    let asked = Instant::now();
    pinging.ok(&Request::ping());
    assert!(asked.elapsed() < PATIENCE, "a ping took {:?}", asked.elapsed());
    while reader.outstanding() > 0 {
        reader.next_reply().expect("a reply");
    }
}

#[test]
fn trap_082_a_close_takes_the_ephemerals_that_are_still_on_their_way() {
    let place = Place::new("trap_082");
    let (mut client, mut witness) = (place.client(), place.client());
    let (there, pending) = (place.path("/there"), place.path("/pending"));
    client.ok(&Request::create(&there, b"", flags::EPHEMERAL));
    witness.ok(&Request::exists(&there, true));
    client.queue(&Request::delete(&there, -1));
    client.queue(&Request::create(&pending, b"", flags::EPHEMERAL));
    client.queue(&Request::multi(vec![Request::create(&place.path("/member"), b"", flags::EPHEMERAL)]));
    client.queue(&Request::close());
    client.flush().expect("the requests are taken");
    for _ in 0..4 {
        assert_eq!(client.next_reply().expect("a reply").err, err::OK);
    }
    assert_closed(&mut client);
    assert_eq!(witness.ok(&Request::get_children(&place.path(""), false)).names(), Vec::<&str>::new());
    witness.events.clear();
    // Made anew by somebody else, it stays.
    witness.ok(&Request::create(&there, b"", 0));
    witness.ok(&Request::exists(&there, true));
    assert_eq!(events(&mut witness), []);
}

#[test]
fn trap_083_a_session_that_ends_grants_nothing_more() {
    let place = Place::new("trap_083");
    for round in 0..20 {
        let mut client = place.client();
        let path = place.path(&format!("/{round}"));
        client.queue(&Request::close());
        client.flush().expect("the close is taken");
        // These arrive while the close is under way, or after it.
        for _ in 0..10 {
            client.queue(&Request::create(&path, b"", flags::EPHEMERAL));
            drop(client.flush());
        }
        assert_eq!(client.next_reply().expect("of the close").err, err::OK);
        loop {
            match client.next_reply() {
                Ok(reply) => assert_eq!(reply.err, err::SESSION_EXPIRED),
                Err(ClientError::Closed) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(place.client().code(&Request::exists(&path, false)), err::NO_NODE);
    }
}

#[test]
fn trap_084_no_session_has_the_id_0_and_ids_may_be_negative() {
    let place = Place::new("trap_084");
    let address = place.server.address();
    // 0 asks for a new session, whatever comes with it.
    for password in [None, Some(vec![]), Some(vec![5; 16])] {
        let hello = Hello { password, ..Hello::new_session(10_000) };
        let client = Client::greet(address, &hello).expect("welcome");
        assert_ne!(client.session.id, 0);
        assert_eq!(client.session.id >> 56, 1, "the server id of a standalone server");
    }
    for id in [-1, i64::MIN, i64::MIN + 1, 0xff00_0000_0000_0001_u64 as i64] {
        let mut session = Session { id, password: vec![], timeout_ms: 10_000 };
        session.password = session.expected_password();
        let refused = Client::reattach(address, &session, 0);
        assert!(matches!(refused, Err(ClientError::Refused)), "{id:#x}: {refused:?}");
    }
    // An owner that is a large unsigned number is a session like any other: with the highest bits, not a container.
    let mut owner = client(&place.server);
    let path = place.path("/e");
    owner.ok(&Request::create(&path, b"", flags::EPHEMERAL));
    let mut witness = place.client();
    witness.ok(&Request::exists(&path, true));
    owner.ok(&Request::close());
    assert_eq!(events(&mut witness), [deleted(&path)]);
    assert!(is_current() || owner.session.id > 0);
}
