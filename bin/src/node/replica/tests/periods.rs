//! Serving periods, and states that take the place of another.

use std::time::Duration;

use paddock_consensus::Zxid;
use paddock_consensus::output::Part;
use paddock_engine::database::{Database, Rules};
use paddock_engine::error::Code;
use paddock_engine::tree::HashSeed;
use paddock_engine::txn::{Txn, TxnHeader};
use paddock_net::exchange::{Heard, Release, Request, RequestKind, Submission};
use paddock_net::serving::{Period, Serve};

use crate::config::RequestThrottleSettings;
use crate::node::replica::desk::Desk;
use crate::node::replica::home::Home;
use crate::node::replica::long_work::STEPS_PER_TURN;
use crate::node::replica::window::Window;

use super::world::*;
use crate::node::replica::role::Role;

#[test]
fn what_was_asked_in_another_period_is_dropped() {
    let mut world = World::new("period");
    let session = world.connect(FIRST);
    let connect = |_| RequestKind::Connect { timeout: TIMEOUT };
    world.send(FIRST, session, create(1), &create_body("/before", 0));
    world.send(home(0, 2), 0, connect, &[]);
    world.replica.begin_period(Serve::No);
    let before = world.period;
    world.period = world.told_period();
    assert_eq!(world.period, Period { number: before.number + 1, serve: Serve::No });
    assert_eq!(world.answers(), []);
    assert!(!world.exists("/before"));
    world.replica.begin_period(Serve::Yes);
    // It does not know yet.
    world.send(FIRST, session, create(2), &create_body("/between", 0));
    world.send(home(1, 2), 0, connect, &[]);
    world.period = world.told_period();
    world.send(FIRST, session, create(3), &create_body("/without-session", 0));
    world.send(SECOND, session, reattach(true), &[]);
    world.send(SECOND, session, create(4), &create_body("/after", 0));
    assert_eq!(world.answers(), [(SECOND, "connected".into()), (SECOND, "4: 0".into())], "the session lives");
    assert!(world.exists("/after") && !world.exists("/between") && !world.exists("/without-session"));
    assert_eq!(world.database().sessions().len(), 1);
}

/// As one that another server tells what is committed: it applies that in the midst of a turn.
#[test]
fn what_is_committed_is_public_before_the_next_period_begins() {
    let mut world = World::new("committed-before");
    world.replica.head.propose(0, 0, &Txn::CreateSession { timeout: TIMEOUT }, 0);
    let committed = world.database().last_zxid();
    let Role::Alone(alone) = &mut world.replica.role else { panic!("it stands alone") };
    alone.note_durable(committed);
    world.replica.head.propose(0, 0, &Txn::Error(0), 0);
    world.replica.head.seal();
    world.replica.head.propose(0, 0, &Txn::Error(0), 0);
    world.replica.begin_period(Serve::No);
    assert_eq!(world.told_period().serve, Serve::No, "the version has a transaction that is not committed");
    world.replica.head.propose(0, 0, &Txn::Error(0), 0);
    let committed = world.database().last_zxid();
    let Role::Alone(alone) = &mut world.replica.role else { panic!("it stands alone") };
    alone.note_durable(committed);
    world.replica.begin_period(Serve::Yes);
    for exchange in world.exchanges.iter() {
        let versions = [(); 3].map(|()| version(exchange).expect("a version comes before the period").zxid);
        assert_eq!(versions, [2, 3, 4]);
    }
    assert_eq!(world.told_period().serve, Serve::Yes);
}

#[test]
fn a_transaction_that_was_begun_is_finished_before_the_next_period_begins() {
    let mut world = World::new("finished-before");
    let (session, other) = (world.connect(FIRST), world.connect(home(0, 2)));
    give_ephemerals(&mut world, session, "e", 3 * STEPS_PER_TURN);
    world.go_on(Duration::from_secs(1));
    let request = |home: Home, session, kind| Request {
        connection: home.connection,
        session,
        fence: false,
        received: world.at.now,
        kind,
    };
    let bytes = create_body("/late", 0);
    let late = create(2)(0..bytes.len() as u32);
    let requests =
        vec![request(FIRST, session, RequestKind::CloseSession { xid: 1 }), request(home(0, 2), other, late)];
    let heard = Some(Heard { sessions: vec![other], until: world.at.now, at: world.at.now, pause: None });
    world.submit(0, Submission { bytes, requests, heard, ..Submission::default() });
    world.turn();
    let before = world.logged();
    assert!(world.is_in_long_work() && world.replica.sessions.reports().newest() < world.at.now);
    world.replica.begin_period(Serve::No);
    assert!(!world.is_in_long_work());
    assert_eq!((world.logged().0, world.database().ephemeral_count()), (before.0 + 1, 0));
    world.period = world.told_period();
    world.finish();
    assert!(!world.exists("/late"), "the rest of the submission was asked in the period before");
    assert_eq!(world.replica.sessions.reports().newest(), world.at.now, "what it reports counts");
}

#[test]
fn what_a_reactor_heard_before_a_period_counts() {
    let mut world = World::new("heard-before");
    let session = world.connect(FIRST);
    world.go_on(Duration::from_secs(1));
    world.report(&[session], Duration::ZERO);
    world.replica.begin_period(Serve::No);
    world.turn();
    assert_eq!(world.replica.sessions.reports().heard_until(), world.at.now);
}

#[test]
fn connections_of_another_period_are_no_reason_to_drop_a_request() {
    let mut world = World::with("throttle-period", |parts| {
        parts.throttle = RequestThrottleSettings {
            requests_max: Some(1),
            drops_stale: true,
            checks_connection: true,
            ..parts.throttle
        };
    });
    let session = world.connect(FIRST);
    world.exchanges[0].gone.push(FIRST.connection).unwrap();
    world.send(FIRST, session, create(1), &create_body("/a", 0));
    assert_eq!(world.answers(), [(FIRST, "cut".into())]);
    for serve in [Serve::No, Serve::Yes] {
        world.replica.begin_period(serve);
        world.period = world.told_period();
    }
    world.connect(FIRST);
}

/// A server that begins to end sessions has not heard anybody.
#[test]
fn sessions_have_their_whole_timeout_again_when_a_period_begins() {
    let mut world = World::new("armed");
    let session = world.connect(FIRST);
    world.go_on(Duration::from_millis(TIMEOUT as u64));
    world.turn();
    for serve in [Serve::No, Serve::Yes] {
        world.replica.begin_period(serve);
        world.period = world.told_period();
    }
    world.go_on(Duration::from_millis(TIMEOUT as u64 / 2));
    world.report(&[], Duration::ZERO);
    world.answers();
    assert_eq!(world.database().session_timeout(session), Some(TIMEOUT));
    world.go_on(Duration::from_millis(TIMEOUT as u64));
    world.report(&[], Duration::ZERO);
    world.answers();
    assert_eq!(world.database().session_timeout(session), None);
}

#[test]
fn clients_that_only_read_are_served_what_is_public_and_nothing_changes() {
    let mut world = World::with("read-only", |parts| {
        parts.is_member = true;
        parts.window = Some(Window::new(Zxid::ZERO, 0));
    });
    let global = world.connect(FIRST);
    let public = world.database().last_zxid();
    // What this server has proposed as a leader, and nobody knows to be committed.
    world.replica.head.propose(0, 0, &Txn::Error(0), 0);
    world.replica.head.seal();
    let begin = |world: &mut World, serve: Serve| {
        world.replica.membership_mut().become_part(Part::Looking, serve);
        world.replica.begin_period(serve);
        world.period = world.told_period();
    };
    begin(&mut world, Serve::No);
    world.replica.end_part();
    begin(&mut world, Serve::ReadOnly);
    let before = world.database().last_zxid();
    let ask = |world: &mut World, home: Home, session: i64, kind: RequestKind, body: &[u8]| {
        world.send(home, session, |_| kind, body);
        world.replica.begin_turn(world.at).unwrap();
        world.replica.gather(&mut Desk::ReadOnly);
        world.replica.see_to_due();
        world.told()
    };
    let connect = RequestKind::Connect { timeout: TIMEOUT };
    assert_eq!(ask(&mut world, SECOND, 0, connect, &[]), [(SECOND, "connected".into())]);
    let session = world.replica.sessions.session_at(SECOND).unwrap();
    let returns = || RequestKind::Reattach { timeout: TIMEOUT, password_matches: true };
    assert_eq!(ask(&mut world, FIRST, global, returns(), &[]), [(FIRST, "dropped".into())], "it may live");
    let body = create_body("/a", 0);
    let refused = |xid: i32| [(SECOND, format!("{xid}: {}", Code::NotReadOnly.number()))];
    assert_eq!(ask(&mut world, SECOND, session, create(1)(0..body.len() as u32), &body), refused(1));
    assert_eq!(ask(&mut world, SECOND, session, RequestKind::Sync { xid: 2, body: 0..0 }, &[]), refused(2));
    let list = RequestKind::Ephemerals { xid: 3, body: 0..5 };
    assert_eq!(ask(&mut world, SECOND, session, list, b"\0\0\0\x01/"), [(SECOND, "3: 0".into())]);
    world.send(SECOND, session, |_| RequestKind::Ephemerals { xid: 4, body: 0..5 }, b"\0\0\0\x01/");
    world.replica.gather(&mut Desk::ReadOnly);
    world.replica.see_to_due();
    let answered = world.exchanges[SECOND.reactor].releases.pop();
    let Some(Release::Version(answered)) = answered else { panic!("it is answered") };
    assert_eq!((answered.zxid, answered.answers[0].zxid), (public.0, public.0), "by what is public");
    world.told();
    let home = home(0, 5);
    assert_eq!(ask(&mut world, home, session, returns(), &[])[..1], [(home, "connected".into())]);
    let close = RequestKind::CloseSession { xid: 5 };
    assert_eq!(ask(&mut world, home, session, close, &[]), [(home, "5: closed".into())]);
    ask(&mut world, SECOND, 0, RequestKind::Connect { timeout: TIMEOUT }, &[]);
    let other = world.replica.sessions.session_at(SECOND).unwrap();
    assert_eq!((world.database().last_zxid(), world.logged()), (before, before), "no zxid is touched");
    begin(&mut world, Serve::No);
    assert!(!world.replica.sessions.is_local(other), "it ends with the period");
    assert_eq!(world.database().session_timeout(global), Some(TIMEOUT), "the others live");
}

#[test]
fn another_state_takes_the_place_of_the_present_one() {
    let mut world = World::with("state", |parts| parts.window = Some(Window::new(Zxid::ZERO, 0)));
    let (session, gone) = (world.connect(FIRST), world.connect(SECOND));
    world.send(FIRST, session, create(1), &create_body("/old", 0));
    assert_eq!(world.answers(), [(FIRST, "1: 0".into())]);
    world.replica.begin_period(Serve::No);
    world.period = world.told_period();
    let zxid = world.database().last_zxid();
    let mut rebuilt = Database::new(HashSeed([8; 16]), Rules::default());
    let header = TxnHeader { client: session, cxid: 0, zxid: zxid.0, time: 0 };
    rebuilt.apply(&header, &Txn::CreateSession { timeout: TIMEOUT }, None);
    assert!(world.replica.may_be_replaced());
    let former = world.replica.replace_database(rebuilt, world.at);
    assert!(former.tree().get("/old").is_some() && former.tree().is_seen(), "readers have it");
    for exchange in world.exchanges.iter() {
        let Some(Release::State(state)) = exchange.releases.pop() else { panic!("it is no state") };
        assert_eq!((state.zxid, state.reader.view().get("/old").is_some()), (zxid.0, false));
    }
    world.reader = None;
    assert!(!former.tree().is_seen(), "whoever has it may drop it");
    let window = world.replica.window().expect("it was given one");
    assert_eq!((window.last(), window.has(Zxid(1))), (zxid, false));
    world.replica.begin_period(Serve::Yes);
    world.period = world.told_period();
    world.send(FIRST, session, reattach(true), &[]);
    world.send(SECOND, gone, reattach(true), &[]);
    world.send(FIRST, session, create(2), &create_body("/new", 0));
    assert_eq!(
        world.answers(),
        [(FIRST, "connected".into()), (FIRST, "2: 0".into()), (SECOND, "refused".into())],
        "only what the state has is there"
    );
    assert_eq!((world.database().last_zxid().0, world.exists("/old")), (zxid.0 + 1, false));
    world.go_on(2 * Duration::from_millis(TIMEOUT as u64));
    world.report(&[], Duration::ZERO);
    world.answers();
    assert_eq!(world.database().sessions().len(), 0, "its sessions expire");
}
