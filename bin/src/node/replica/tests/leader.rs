//! A leader: what its learners ask of it, whom it lets write, when it answers a sync, and when sessions expire.

use std::time::Duration;

use paddock_consensus::config::{Change, Config, Refused};
use paddock_consensus::input::{Link, Ticket};
use paddock_consensus::{Epoch, Zxid};
use paddock_engine::acl::AclTable;
use paddock_engine::error::Code;
use paddock_engine::jute::Write;
use paddock_engine::request::opcode;
use paddock_engine::txn::{Txn, TxnHeader};
use paddock_net::exchange::{Release, RequestKind};
use paddock_net::serving::Serve;

use super::world::{FIRST, SECOND, TIMEOUT, World, create, create_body, give_ephemerals, reattach, sync};
use crate::config::NewSessions;
use crate::node::replica::desk::Desk;
use crate::node::replica::home::Home;
use crate::node::replica::learner_requests::{REQUEST_BYTES_MAX, TooManyRequests};
use crate::node::replica::long_work::STEPS_PER_TURN;
use crate::node::replica::turn::REQUESTS_PER_TURN;
use crate::node::replica::window::Window;
use crate::node::replica::{Leader, LearnerRequest, LearnerRequests};

/// The longest transaction that every server takes, bytes.
const RECORD_MAX: usize = 200;
const NEAR: Link = Link(3);
const FAR: Link = Link(8);

/// An ensemble that nobody changes.
struct Unchanged;

impl paddock_engine::order::Ensemble for Unchanged {
    fn change(&self, _: &Change<'_>, _: Zxid) -> Result<Config, Refused> {
        Err(Refused::NewConfigNoQuorum)
    }

    fn note_change(&self) {
        unreachable!("it refuses all")
    }
}

/// A leader, its own clients, and learners by hand.
struct Ensemble {
    world: World,
    leader: Leader,
    requests: LearnerRequests,
}

impl Ensemble {
    fn new(name: &str) -> Ensemble {
        Ensemble::with(name, NewSessions::Global)
    }

    fn with(name: &str, new_sessions: NewSessions) -> Ensemble {
        let world = World::with(name, |parts| {
            parts.is_member = true;
            parts.window = Some(Window::new(Zxid::ZERO, 500));
            parts.new_sessions = new_sessions;
            parts.record_max = RECORD_MAX;
        });
        let mut requests = LearnerRequests::default();
        [NEAR, FAR].into_iter().for_each(|link| requests.join(link, false));
        Ensemble { world, leader: Leader::default(), requests }
    }

    fn push(&mut self, link: Link, session: i64, cxid: i32, opcode: i32, body: &[u8]) -> Result<(), TooManyRequests> {
        self.requests.push(link, LearnerRequest { session, cxid, opcode, body: body.into(), ids: [].into() })
    }

    /// A learner's client asks for a znode.
    fn create(&mut self, link: Link, session: i64, cxid: i32, path: &str) {
        self.push(link, session, cxid, opcode::CREATE, &create_body(path, 0)).unwrap();
    }

    /// Takes what has been asked for.
    fn gather(&mut self) {
        let Ensemble { world, leader, requests } = self;
        world.replica.gather(&mut Desk::Leads(leader, &Unchanged));
        world.replica.with_turn(|turn, sessions| requests.gather(turn, sessions, leader, &Unchanged));
    }

    /// The learners whose syncs are answered.
    fn answered(&mut self, committed: Zxid, confirmed: Ticket) -> Vec<Link> {
        let mut answered = Vec::new();
        self.requests.answer_syncs(committed, confirmed, |link| answered.push(link));
        answered
    }

    /// A learner's client begins a session.
    fn begin_session(&mut self, link: Link, session: i64) {
        self.push(link, session, 0, opcode::CREATE_SESSION, &TIMEOUT.to_be_bytes()).unwrap();
        self.gather();
        self.world.answers();
        assert_eq!(self.world.database().session_timeout(session), Some(TIMEOUT));
    }

    /// Session, xid and error of each transaction so far.
    fn txns(&mut self) -> Vec<(i64, i32, i32)> {
        self.world.answers();
        let window = self.world.replica.window().expect("it has one");
        let records = window.range(Zxid::ZERO, window.last()).expect("they are few");
        let mut acls = AclTable::default();
        let txns = records.map(|(zxid, record)| {
            let read = Txn::read(record, &mut acls).unwrap();
            let TxnHeader { client, cxid, .. } = read.header;
            assert_eq!(read.header.zxid, zxid.0);
            (client, cxid, if let Txn::Error(code) = read.txn { code } else { 0 })
        });
        txns.collect()
    }

    fn revalidate(&mut self, link: Link, session: i64) -> bool {
        let next = self.requests.next_number(link);
        self.world.replica.with_turn(|turn, sessions| sessions.revalidate(turn, (link, next), session, TIMEOUT))
    }

    fn go_on(&mut self, time: Duration) {
        self.world.go_on(time);
        self.world.report(&[], Duration::ZERO);
        self.world.answers();
    }

    fn lives(&self, session: i64) -> bool {
        self.world.database().session_timeout(session).is_some()
    }
}

fn text(path: &str) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_string(path);
    body
}

#[test]
fn a_turn_takes_no_more_of_learners_than_its_share() {
    let mut ensemble = Ensemble::new("leader-share");
    ensemble.begin_session(NEAR, 7);
    let begun = ensemble.txns().len();
    (0..REQUESTS_PER_TURN + 1).for_each(|cxid| ensemble.create(NEAR, 7, cxid as i32, "/there"));
    ensemble.gather();
    assert!(ensemble.requests.has_ready(), "one is left, and is next");
    ensemble.gather();
    assert!(!ensemble.requests.has_ready());
    // The window keeps the newest 500.
    assert_eq!(begun, 1);
    assert_eq!(ensemble.world.replica.head.appended().transactions, (begun + REQUESTS_PER_TURN + 1) as u64);
}

#[test]
fn learners_are_heard_by_turns_and_each_in_its_order() {
    let mut ensemble = Ensemble::new("leader-turns");
    ensemble.begin_session(NEAR, 70);
    ensemble.begin_session(FAR, 80);
    for cxid in 1..=3 {
        ensemble.create(NEAR, 70, cxid, &format!("/near{cxid}"));
    }
    ensemble.create(FAR, 80, 1, "/far1");
    ensemble.create(FAR, 80, 2, "/far2");
    assert!(ensemble.requests.has_ready());
    ensemble.gather();
    assert!(!ensemble.requests.has_ready());
    let expected = [(70, 0, 0), (80, 0, 0), (70, 1, 0), (80, 1, 0), (70, 2, 0), (80, 2, 0), (70, 3, 0)];
    assert_eq!(ensemble.txns(), expected);
    // What is taken of a learner that is gone, or has not come, is nothing.
    ensemble.requests.leave(NEAR);
    ensemble.create(NEAR, 70, 4, "/late");
    ensemble.create(Link(99), 70, 5, "/early");
    ensemble.gather();
    assert_eq!(ensemble.txns().len(), expected.len());
}

#[test]
fn a_learner_that_asks_for_too_much_is_told_so() {
    let mut ensemble = Ensemble::new("leader-bound");
    let half = vec![0; REQUEST_BYTES_MAX / 2];
    assert_eq!(ensemble.push(NEAR, 70, 1, opcode::CREATE, &half), Ok(()));
    assert_eq!(ensemble.push(NEAR, 70, 2, opcode::CREATE, &half), Err(TooManyRequests));
    assert_eq!(ensemble.push(FAR, 80, 1, opcode::CREATE, &half), Ok(()), "each has its own");
    ensemble.gather();
    assert_eq!(ensemble.push(NEAR, 70, 2, opcode::CREATE, &half), Ok(()), "there is room again");
}

#[test]
fn what_a_session_asks_for_behind_a_sync_waits_for_the_answer_to_it() {
    let mut ensemble = Ensemble::new("leader-behind-sync");
    ensemble.begin_session(NEAR, 70);
    ensemble.begin_session(FAR, 80);
    ensemble.create(NEAR, 70, 1, "/before");
    for cxid in [2, 3] {
        ensemble.push(NEAR, 70, cxid, opcode::SYNC, &text("/a")).unwrap();
    }
    ensemble.create(NEAR, 70, 4, "/behind");
    ensemble.create(FAR, 80, 1, "/of-another");
    ensemble.gather();
    let mut expected = vec![(70, 0, 0), (80, 0, 0), (70, 1, 0), (80, 1, 0)];
    assert_eq!(ensemble.txns(), expected);
    assert!(!ensemble.requests.has_ready(), "nobody is to come back for it before the answer");
    let (committed, confirmed) = (ensemble.world.database().last_zxid(), ensemble.leader.take_ticket().unwrap());
    assert_eq!(ensemble.answered(committed, confirmed), [NEAR, NEAR]);
    assert!(ensemble.requests.has_ready());
    ensemble.gather();
    expected.push((70, 4, 0));
    assert_eq!(ensemble.txns(), expected);
}

#[test]
fn syncs_are_answered_in_their_order_when_what_came_before_is_committed_and_the_leader_still_led() {
    let mut ensemble = Ensemble::new("leader-sync");
    ensemble.begin_session(NEAR, 70);
    ensemble.create(NEAR, 70, 1, "/a");
    ensemble.push(NEAR, 70, 2, opcode::SYNC, &text("/a")).unwrap();
    ensemble.gather();
    assert_eq!(ensemble.leader.take_ticket(), Some(Ticket(1)));
    assert_eq!(ensemble.leader.take_ticket(), None, "nobody has asked since");
    ensemble.push(NEAR, 70, 3, opcode::SYNC, &text("/a")).unwrap();
    ensemble.push(FAR, 80, 1, opcode::SYNC, &text("/a")).unwrap();
    ensemble.gather();
    assert_eq!(ensemble.leader.take_ticket(), Some(Ticket(2)), "a turn has one ticket");
    let last = ensemble.world.database().last_zxid();
    assert_eq!(ensemble.answered(Zxid(last.0 - 1), Ticket(2)), [], "the write before is not committed");
    assert_eq!(ensemble.answered(last, Ticket(0)), [], "nobody knows whether it leads");
    assert_eq!(ensemble.answered(last, Ticket(1)), [NEAR]);
    assert_eq!(ensemble.answered(last, Ticket(2)), [NEAR, FAR]);
    assert_eq!(ensemble.answered(last, Ticket(2)), [], "each is answered once");
}

#[test]
fn a_request_that_cannot_be_decoded_becomes_a_transaction_of_its_own() {
    let mut ensemble = Ensemble::new("leader-undecodable");
    ensemble.begin_session(NEAR, 70);
    ensemble.push(NEAR, 70, 1, opcode::CREATE, b"?").unwrap();
    ensemble.push(NEAR, 71, 0, opcode::CREATE_SESSION, b"?").unwrap();
    ensemble.push(NEAR, 70, 2, 12_345, b"").unwrap();
    ensemble.gather();
    let marshalling = Code::Marshalling.number();
    let unimplemented = Code::Unimplemented.number();
    let txns = ensemble.txns();
    assert_eq!(txns, [(70, 0, 0), (70, 1, marshalling), (71, 0, marshalling), (70, 2, unimplemented)]);
    assert!(!ensemble.lives(71));
}

#[test]
fn only_where_its_client_is_a_session_may_write() {
    let mut ensemble = Ensemble::new("leader-moved");
    ensemble.begin_session(NEAR, 70);
    ensemble.create(FAR, 70, 1, "/stolen");
    ensemble.gather();
    let moved = Code::SessionMoved.number();
    assert_eq!(ensemble.txns().last(), Some(&(70, 1, moved)));
    // The client goes there, and what it had asked before comes too late.
    assert!(ensemble.revalidate(FAR, 70));
    ensemble.create(FAR, 70, 2, "/there");
    ensemble.create(NEAR, 70, 3, "/late");
    ensemble.gather();
    let txns = ensemble.txns();
    assert_eq!(txns[txns.len() - 2..], [(70, 3, moved), (70, 2, 0)]);
    // It comes to the leader itself.
    ensemble.world.send(FIRST, 70, reattach(true), &[]);
    ensemble.create(FAR, 70, 4, "/late-too");
    ensemble.gather();
    assert_eq!(ensemble.txns().last(), Some(&(70, 4, moved)));
    assert_eq!(ensemble.world.replica.sessions.session_at(FIRST), Some(70));
    // And goes away again.
    assert!(ensemble.revalidate(NEAR, 70));
    assert_eq!(ensemble.world.replica.sessions.session_at(FIRST), None);
    assert!(!ensemble.revalidate(NEAR, 99), "there is none");
    // An id that is used anew is its new client's.
    ensemble.push(NEAR, 70, 5, opcode::CLOSE_SESSION, b"").unwrap();
    ensemble.gather();
    ensemble.begin_session(FAR, 70);
    ensemble.create(FAR, 70, 6, "/anew");
    ensemble.gather();
    assert_eq!(ensemble.txns().last(), Some(&(70, 6, 0)));
}

/// It is still there for what remains of it to be taken away.
#[test]
fn a_session_whose_end_is_under_way_does_not_come_back() {
    let mut ensemble = Ensemble::new("leader-closing");
    let session = ensemble.world.connect(FIRST);
    give_ephemerals(&mut ensemble.world, session, "e", 3 * STEPS_PER_TURN);
    ensemble.begin_session(NEAR, 70);
    ensemble.gather();
    ensemble.world.send(FIRST, session, |_| RequestKind::CloseSession { xid: 1 }, &[]);
    ensemble.gather();
    assert!(ensemble.world.is_in_long_work() && ensemble.world.database().session_timeout(session).is_some());
    assert!(!ensemble.revalidate(NEAR, session));
    assert!(ensemble.revalidate(FAR, 70), "another one does");
}

/// The learner's question overtakes its requests, which wait for room.
#[test]
fn what_a_client_asked_before_it_went_away_and_came_back_is_not_done_behind_what_it_asked_elsewhere() {
    let mut ensemble = Ensemble::new("leader-back");
    ensemble.begin_session(NEAR, 70);
    ensemble.create(NEAR, 70, 1, "/before");
    assert!(ensemble.revalidate(NEAR, 70), "it has lost its connection and nothing else");
    ensemble.create(NEAR, 70, 2, "/same");
    assert!(ensemble.revalidate(FAR, 70));
    ensemble.create(FAR, 70, 3, "/elsewhere");
    assert!(ensemble.revalidate(NEAR, 70));
    ensemble.create(NEAR, 70, 4, "/back");
    ensemble.gather();
    let moved = Code::SessionMoved.number();
    let mut txns = ensemble.txns().split_off(1);
    txns.sort();
    assert_eq!(txns, [(70, 1, moved), (70, 2, moved), (70, 3, moved), (70, 4, 0)]);
    // At the same learner all the time, it loses nothing.
    ensemble.create(NEAR, 70, 5, "/stays");
    assert!(ensemble.revalidate(NEAR, 70));
    ensemble.gather();
    assert_eq!(ensemble.txns().last(), Some(&(70, 5, 0)));
}

/// Each server has the list, and a reader that takes no more than its `jute.maxbuffer` would refuse a long one.
#[test]
fn a_list_of_ephemerals_that_is_too_long_to_be_read_is_left_out() {
    let mut ensemble = Ensemble::with("leader-long-list", NewSessions::Global);
    for (count, is_listed) in [(10, true), (30, false)] {
        let session = 70 + count as i64;
        ensemble.begin_session(NEAR, session);
        give_ephemerals(&mut ensemble.world, session, &format!("e{count}-"), count);
        ensemble.push(NEAR, session, 1, opcode::CLOSE_SESSION, b"").unwrap();
        ensemble.gather();
        ensemble.world.answers();
        let window = ensemble.world.replica.window().expect("it has one");
        let (_, record) = window.range(Zxid(window.last().0 - 1), window.last()).unwrap().next().unwrap();
        let read = Txn::read(record, &mut AclTable::default()).unwrap();
        let listed = if is_listed { count } else { 0 };
        assert!(matches!(&read.txn, Txn::CloseSession { ephemerals: Some(list) } if list.len() == listed));
        assert!(record.len() <= RECORD_MAX && ensemble.world.database().ephemeral_count() == 0);
    }
}

#[test]
fn nothing_is_taken_while_too_much_is_not_committed() {
    let mut ensemble = Ensemble::new("leader-outstanding");
    let session = ensemble.world.connect(FIRST);
    // Its learners do not answer.
    while ensemble.world.replica.head.has_room() {
        let data = vec![b'x'; 900_000];
        let txn = Txn::SetData { path: "/".into(), data: Some(&data), version: 1 };
        ensemble.world.replica.head.propose(0, 0, &txn, 0);
        ensemble.world.replica.submit().unwrap();
        while !ensemble.world.replica.head.is_drained() {
            ensemble.world.sleep();
            ensemble.world.replica.begin_turn(ensemble.world.at).unwrap();
            ensemble.world.replica.submit().unwrap();
        }
    }
    let window = ensemble.world.replica.window().expect("it has one");
    assert!(window.uncommitted().1 >= 64 << 20);
    ensemble.create(NEAR, session, 1, "/a");
    ensemble.gather();
    assert!(ensemble.requests.has_ready());
    ensemble.world.answers();
    ensemble.gather();
    assert!(!ensemble.requests.has_ready(), "all is committed");
}

#[test]
fn a_local_session_of_another_server_may_write_and_own_nothing() {
    let mut ensemble = Ensemble::with("leader-local", NewSessions::Local { may_upgrade: false });
    let session = 7_i64 << 56;
    ensemble.create(NEAR, session, 1, "/a");
    ensemble.push(NEAR, session, 2, opcode::CREATE, &create_body("/b", 1)).unwrap();
    // Its server has the number 1, as this one has.
    ensemble.create(NEAR, 1_i64 << 56, 3, "/c");
    ensemble.gather();
    let codes: Vec<i32> = ensemble.txns().iter().map(|(.., code)| *code).collect();
    let expired = Code::SessionExpired.number();
    assert_eq!(codes, [0, Code::EphemeralOnLocalSession.number(), expired]);
}

#[test]
fn a_sync_here_is_public_when_its_ticket_is_confirmed_and_lost_with_the_period() {
    let mut ensemble = Ensemble::new("leader-ticket");
    let session = ensemble.world.connect(FIRST);
    let other = ensemble.world.connect(SECOND);
    ensemble.world.send(FIRST, session, sync(1), &text("/a"));
    ensemble.gather();
    let ticket = ensemble.leader.take_ticket().unwrap();
    ensemble.world.turn();
    ensemble.world.send(SECOND, other, create(2), &create_body("/behind", 0));
    ensemble.gather();
    let told = |ensemble: &mut Ensemble| -> Vec<(Home, String)> {
        // As long as something waits, it is not idle.
        while !ensemble.world.replica.head.is_drained() {
            ensemble.world.turn();
            if !ensemble.world.replica.head.is_drained() {
                ensemble.world.sleep();
            }
        }
        ensemble.world.turn();
        ensemble.world.told()
    };
    assert_eq!(told(&mut ensemble), [], "nobody knows whether this server led");
    ensemble.world.replica.head.confirm(ticket);
    assert_eq!(told(&mut ensemble), [(FIRST, "1: 0".into()), (SECOND, "2: 0".into())]);
    // The next ticket is not confirmed before the period ends.
    ensemble.world.send(FIRST, session, sync(3), &text("/a"));
    ensemble.gather();
    let lost = ensemble.leader.take_ticket().unwrap();
    assert!(lost > ticket);
    ensemble.world.turn();
    ensemble.leader.end_reign();
    ensemble.world.replica.begin_period(Serve::No);
    ensemble.world.turn();
    for exchange in ensemble.world.exchanges.iter() {
        let told: Vec<Release> = std::iter::from_fn(|| exchange.releases.pop()).collect();
        let [Release::Version(version), Release::Serve(period)] = &told[..] else { panic!("a version and a period") };
        assert_eq!((version.answers.len(), period.serve), (0, Serve::No), "nobody is answered");
    }
}

#[test]
fn a_reign_confirms_no_ticket_of_another() {
    let mut leader = Leader::default();
    let first = leader.use_ticket();
    assert_eq!(leader.take_ticket(), Some(first));
    let second = leader.use_ticket();
    leader.end_reign();
    let third = leader.use_ticket();
    assert!(first < second && second < third);
}

#[test]
fn a_session_expires_when_every_learner_has_told_whom_it_heard() {
    let mut ensemble = Ensemble::new("leader-expiry");
    let now = ensemble.world.at.now;
    ensemble.world.replica.sessions.reports_mut().join(NEAR, now);
    ensemble.world.replica.sessions.reports_mut().join(FAR, now);
    ensemble.begin_session(NEAR, 70);
    ensemble.begin_session(NEAR, 71);
    let timeout = Duration::from_millis(TIMEOUT as u64);
    let hear = |ensemble: &mut Ensemble, link: Link, touched: &[(i64, i32)]| {
        let now = ensemble.world.at.now;
        ensemble.world.replica.sessions.hear_of(link, touched.iter().copied(), Some(now), now);
    };
    ensemble.go_on(timeout / 2);
    hear(&mut ensemble, NEAR, &[(71, TIMEOUT)]);
    ensemble.go_on(timeout / 2 + Duration::from_secs(3));
    hear(&mut ensemble, NEAR, &[]);
    ensemble.world.answers();
    assert!(ensemble.lives(70), "the other learner may have heard it");
    hear(&mut ensemble, FAR, &[]);
    ensemble.world.answers();
    assert!(!ensemble.lives(70) && ensemble.lives(71));
    // One that does not answer holds it up until its link is gone, and no longer.
    ensemble.go_on(timeout / 2);
    hear(&mut ensemble, NEAR, &[]);
    ensemble.go_on(timeout);
    hear(&mut ensemble, NEAR, &[]);
    ensemble.world.answers();
    assert!(ensemble.lives(71));
    let now = ensemble.world.at.now;
    ensemble.world.replica.sessions.leave_learner(FAR, now);
    ensemble.world.answers();
    assert!(!ensemble.lives(71));
}

/// Between two epochs it was not asked, and it has served since.
#[test]
fn sessions_of_a_learner_that_is_gone_were_heard_to_the_end_if_it_could_not_tell() {
    for tells in [false, true] {
        let mut ensemble = Ensemble::new("leader-mute");
        let now = ensemble.world.at.now;
        ensemble.world.replica.sessions.reports_mut().join(NEAR, now);
        ensemble.begin_session(NEAR, 70);
        ensemble.begin_session(FAR, 71);
        let timeout = Duration::from_millis(TIMEOUT as u64);
        ensemble.world.replica.sessions.reports_mut().mute(NEAR);
        ensemble.go_on(timeout + Duration::from_secs(3));
        ensemble.world.answers();
        assert!(ensemble.lives(70) && ensemble.lives(71), "it may have heard either");
        let now = ensemble.world.at.now;
        if tells {
            ensemble.world.replica.sessions.hear_of(NEAR, std::iter::empty(), Some(now), now);
        }
        ensemble.world.replica.sessions.leave_learner(NEAR, now);
        ensemble.world.answers();
        assert_eq!((ensemble.lives(70), ensemble.lives(71)), (!tells, false));
        ensemble.go_on(timeout + Duration::from_secs(3));
        ensemble.world.answers();
        assert!(!ensemble.lives(70));
    }
}

#[test]
fn sessions_have_their_whole_timeout_when_a_leader_begins() {
    let mut ensemble = Ensemble::new("leader-armed");
    ensemble.begin_session(NEAR, 70);
    let timeout = Duration::from_millis(TIMEOUT as u64);
    ensemble.world.go_on(timeout);
    ensemble.world.turn();
    ensemble.world.replica.begin_reign(Epoch(1));
    ensemble.go_on(timeout / 2);
    assert!(ensemble.lives(70));
    ensemble.go_on(timeout);
    assert!(!ensemble.lives(70));
}
