//! A learner's clients: what goes to the leader, and how the answers come in the order in which was asked.

use std::time::Duration;

use paddock_consensus::output::Part;
use paddock_consensus::{Epoch, ServerId, Zxid};
use paddock_engine::acl::Id;
use paddock_engine::error::Code;
use paddock_engine::jute::Write;
use paddock_engine::log::RECORD_BYTES_MAX;
use paddock_engine::replay::ReplayError;
use paddock_engine::request::opcode;
use paddock_engine::txn::{CreateKind, Txn, TxnHeader, write_digest};
use paddock_net::exchange::{Request, RequestKind, Submission};

use super::world::{FIRST, SECOND, TIMEOUT, World, create, create_body, reattach, said, sync, version};
use crate::audit::{AuditLog, WhenFull};
use crate::config::NewSessions;
use crate::node::replica::Parts;
use crate::node::replica::desk::Desk;
use crate::node::replica::draft::VERSION_TXNS;
use crate::node::replica::forwarding::{LeaderRequest, ToLeader};
use crate::node::replica::home::Home;
use crate::node::replica::learner::Learner;
use crate::node::replica::long_work::STEPS_PER_TURN;
use crate::node::replica::turn::Turn;
use crate::node::replica::window::Window;

/// What the leader was sent, and whether it is to be sent no more now.
#[derive(Default)]
struct Sent(Vec<String>, bool);

impl ToLeader for Sent {
    fn has_room(&self) -> bool {
        !self.1
    }

    fn request(&mut self, request: &LeaderRequest<'_>) {
        let LeaderRequest { session, cxid, opcode, body, ids } = *request;
        let ids: Vec<&Id> = ids.iter().collect();
        assert!(ids.is_empty());
        self.0.push(format!("{session:x} {cxid}: {opcode} {} bytes", body.len()));
    }

    fn revalidate(&mut self, session: i64, timeout: i32) {
        self.0.push(format!("{session:x}: revalidate {timeout}"));
    }
}

/// A learner, its clients, and a leader by hand.
struct Ensemble {
    world: World,
    learner: Learner,
    sent: Sent,
    zxid: i64,
    /// The leader's state.
    leader: paddock_engine::database::Database,
}

const EPOCH: i64 = 5 << 32;

impl Ensemble {
    fn new(name: &str) -> Ensemble {
        Ensemble::with(name, NewSessions::Global)
    }

    fn with(name: &str, new_sessions: NewSessions) -> Ensemble {
        Ensemble::changed(name, |parts| parts.new_sessions = new_sessions)
    }

    fn changed(name: &str, change: impl FnOnce(&mut Parts)) -> Ensemble {
        let mut world = World::with(name, |parts| {
            parts.is_member = true;
            parts.window = Some(Window::new(Zxid::ZERO, 500));
            change(parts);
        });
        world.serve_as(Part::Following { leader: ServerId(2), epoch: Epoch(5) });
        let seed = paddock_engine::tree::HashSeed([7; 16]);
        let leader = paddock_engine::database::Database::new(seed, Default::default());
        Ensemble { world, learner: Learner::default(), sent: Sent::default(), zxid: EPOCH, leader }
    }

    /// Takes what was sent to the reactors, and gives what went to the leader.
    fn ask(&mut self, home: Home, session: i64, kind: impl FnOnce(std::ops::Range<u32>) -> RequestKind, body: &[u8]) {
        self.world.send(home, session, kind, body);
        self.gather();
    }

    fn gather(&mut self) {
        let replica = &mut self.world.replica;
        let turn = &mut Turn { head: &mut replica.head, at: self.world.at };
        let mut desk = Desk::Learns(&mut self.learner, &mut self.sent);
        replica.intake.gather(turn, &mut replica.sessions, &mut desk);
    }

    /// Likewise, where the client has asked for a read before.
    fn ask_behind_a_read(
        &mut self,
        home: Home,
        session: i64,
        kind: impl FnOnce(std::ops::Range<u32>) -> RequestKind,
        body: &[u8],
    ) {
        let kind = kind(0..body.len() as u32);
        let received = self.world.at.now;
        let request = Request { connection: home.connection, session, fence: true, received, kind };
        let submission = Submission { bytes: body.to_vec(), requests: vec![request], ..Submission::default() };
        self.world.submit(home.reactor, submission);
        self.gather();
    }

    fn sent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent.0)
    }

    /// The leader proposes and commits.
    fn commit(&mut self, session: i64, cxid: i32, txn: &Txn<'_>) {
        let (zxid, record) = self.propose(session, cxid, txn);
        self.world.replica.head.append(zxid, &record);
        self.apply().unwrap();
    }

    fn propose(&mut self, session: i64, cxid: i32, txn: &Txn<'_>) -> (Zxid, Vec<u8>) {
        self.zxid += 1;
        let header = TxnHeader { client: session, cxid, zxid: self.zxid, time: 7 };
        let mut record = Vec::new();
        txn.write(&header, &mut record);
        self.leader.apply(&header, txn, None);
        write_digest(self.leader.tree().digest(), &mut record);
        (Zxid(self.zxid), record)
    }

    fn apply(&mut self) -> Result<(), ReplayError> {
        let replica = &mut self.world.replica;
        let turn = &mut Turn { head: &mut replica.head, at: self.world.at };
        self.learner.apply_up_to(turn, &mut replica.sessions, Zxid(self.zxid))
    }

    fn answers(&mut self) -> Vec<(Home, String)> {
        self.world.answers()
    }

    /// A turn in which nothing comes, and what is committed is applied.
    fn turn(&mut self) -> Result<(), ReplayError> {
        let at = self.world.at;
        self.world.replica.begin_turn(at).unwrap();
        let applied = self.apply();
        self.world.replica.see_to_due();
        self.world.replica.submit().unwrap();
        self.world.replica.end_turn().unwrap();
        applied
    }

    /// Gives the session so many ephemerals, with the state that the leader has.
    fn give_ephemerals(&mut self, session: i64, count: usize) {
        for number in 0..count {
            let txn = Txn::Create {
                kind: CreateKind::Plain { opcode: opcode::CREATE, ephemeral: true },
                path: format!("/e{number}").into(),
                data: None,
                acl: None,
                parent_cversion: -1,
            };
            self.commit(session, -1, &txn);
            if number % VERSION_TXNS == 0 {
                self.answers();
            }
        }
        self.answers();
    }

    /// The leader proposes what ends a session, and it is in the log here.
    fn propose_end(&mut self, session: i64) {
        let (zxid, record) = self.propose(session, 0, &Txn::CloseSession { ephemerals: Some(Vec::new()) });
        self.world.replica.head.append(zxid, &record);
    }

    /// A client's session, from its first request to its answer.
    fn connect(&mut self, home: Home) -> i64 {
        self.ask(home, 0, |_| RequestKind::Connect { timeout: TIMEOUT }, &[]);
        let sent = self.sent();
        let session = i64::from_str_radix(sent[0].split(' ').next().unwrap(), 16).unwrap();
        assert_eq!(sent, [format!("{session:x} 0: -10 4 bytes")]);
        self.commit(session, 0, &Txn::CreateSession { timeout: TIMEOUT });
        assert_eq!(self.answers(), [(home, "connected".into())]);
        session
    }
}

fn made(path: &str) -> Txn<'_> {
    let kind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
    Txn::Create { kind, path: path.into(), data: Some(b""), acl: None, parent_cversion: 1 }
}

#[test]
fn a_write_is_answered_when_its_transaction_is_applied() {
    let mut ensemble = Ensemble::new("learner-write");
    let session = ensemble.connect(FIRST);
    ensemble.ask(FIRST, session, create(7), &create_body("/a", 0));
    assert_eq!(ensemble.sent(), [format!("{session:x} 7: 1 {} bytes", create_body("/a", 0).len())]);
    let (zxid, record) = ensemble.propose(session, 7, &made("/a"));
    ensemble.world.replica.head.append(zxid, &record);
    assert_eq!(ensemble.answers(), [], "it is in the log, and not committed");
    assert!(!ensemble.world.exists("/a"));
    ensemble.apply().unwrap();
    assert_eq!(ensemble.answers(), [(FIRST, "7: 0".into())]);
    assert!(ensemble.world.exists("/a"));
    assert_eq!(ensemble.learner.outstanding(), Some(0));
}

#[test]
fn a_session_is_answered_in_the_order_in_which_it_asked() {
    let mut ensemble = Ensemble::new("learner-order");
    let session = ensemble.connect(FIRST);
    let mut text = Vec::new();
    text.put_string("/a");
    ensemble.ask(FIRST, session, create(1), &create_body("/a", 0));
    ensemble.ask(FIRST, session, sync(2), &text);
    // It cannot be decoded, and does not go to the leader.
    ensemble.ask(FIRST, session, create(3), b"?");
    ensemble.ask(FIRST, session, |body| RequestKind::Ephemerals { xid: 4, body }, &text);
    ensemble.ask(FIRST, session, create(5), &create_body("/b", 0));
    assert_eq!(ensemble.sent().len(), 3);
    // Another server's transaction with the same xid, and another session's.
    ensemble.commit(session + 1, 1, &made("/other"));
    assert!(ensemble.learner.take_sync(&mut ensemble.world.replica.head, Zxid(ensemble.zxid)).is_some());
    assert_eq!(ensemble.answers(), [], "the first has no answer");
    ensemble.commit(session, 1, &Txn::Error(Code::NoAuth.number()));
    let marshalling = format!("3: {}", Code::Marshalling.number());
    let told = [format!("1: {}", Code::NoAuth.number()), "2: 0".into(), marshalling, "4: 0".into()];
    assert_eq!(ensemble.answers(), told.map(|text| (FIRST, text)));
    ensemble.commit(session, 5, &made("/b"));
    assert_eq!(ensemble.answers(), [(FIRST, "5: 0".into())]);
    assert!(
        ensemble.learner.take_sync(&mut ensemble.world.replica.head, Zxid(ensemble.zxid)).is_none(),
        "nobody waits for one"
    );
}

#[test]
fn what_the_leader_does_not_take_waits_in_the_queue() {
    let mut ensemble = Ensemble::new("learner-full");
    let session = ensemble.connect(FIRST);
    ensemble.sent.1 = true;
    ensemble.ask(FIRST, session, create(1), &create_body("/a", 0));
    assert!(ensemble.sent().is_empty());
    ensemble.sent.1 = false;
    ensemble.gather();
    assert_eq!(ensemble.sent().len(), 1);
}

/// A read that was asked for between two writes is answered by the version of the first.
#[test]
fn a_version_ends_where_a_read_was_asked_for() {
    let mut ensemble = Ensemble::new("learner-fence");
    let session = ensemble.connect(FIRST);
    ensemble.ask(FIRST, session, create(1), &create_body("/a", 0));
    // What cannot be decoded needs no leader, but its place.
    for (xid, body) in [(2, b"?".to_vec()), (3, create_body("/b", 0))] {
        ensemble.ask_behind_a_read(FIRST, session, create(xid), &body);
    }
    ensemble.ask(FIRST, session, create(4), &create_body("/c", 0));
    for (xid, path) in [(1, "/a"), (3, "/b"), (4, "/c")] {
        let (zxid, record) = ensemble.propose(session, xid, &made(path));
        ensemble.world.replica.head.append(zxid, &record);
    }
    ensemble.apply().unwrap();
    ensemble.world.finish();
    let versions = std::iter::from_fn(|| version(&ensemble.world.exchanges[FIRST.reactor]));
    let told: Vec<Vec<String>> =
        versions.map(|version| version.answers.iter().map(|answer| said(&answer.kind)).collect()).collect();
    let marshalling = format!("2: {}", Code::Marshalling.number());
    assert_eq!(told, [vec!["1: 0".to_owned()], vec![marshalling], vec!["3: 0".to_owned(), "4: 0".to_owned()]]);
}

#[test]
fn a_request_that_was_late_closes_its_connection() {
    let mut ensemble = Ensemble::new("learner-moved");
    let session = ensemble.connect(FIRST);
    ensemble.ask(FIRST, session, create(1), &create_body("/a", 0));
    ensemble.commit(session, 1, &Txn::Error(Code::SessionMoved.number()));
    assert_eq!(ensemble.answers(), [(FIRST, "dropped".into())]);
    assert_eq!(ensemble.world.replica.sessions.session_at(FIRST), None);
}

#[test]
fn a_client_comes_back_when_the_leader_says_that_its_session_lives() {
    let mut ensemble = Ensemble::new("learner-back");
    let session = ensemble.connect(FIRST);
    ensemble.ask(SECOND, session, reattach(true), &[]);
    assert_eq!(ensemble.answers(), [(FIRST, "dropped".into())], "a session has one connection");
    assert_eq!(ensemble.sent(), [format!("{session:x}: revalidate {TIMEOUT}")]);
    let replica = &mut ensemble.world.replica;
    let turn = &mut Turn { head: &mut replica.head, at: ensemble.world.at };
    assert!(ensemble.learner.take_revalidated(turn, &mut replica.sessions, session, true).is_some());
    assert!(ensemble.learner.take_revalidated(turn, &mut replica.sessions, session, true).is_none(), "asked once");
    assert_eq!(ensemble.answers(), [(SECOND, "connected".into())]);
    assert_eq!(ensemble.learner.take_touched(9).collect::<Vec<_>>(), [(session, TIMEOUT)]);
    ensemble.ask(FIRST, 77, reattach(true), &[]);
    let replica = &mut ensemble.world.replica;
    let turn = &mut Turn { head: &mut replica.head, at: ensemble.world.at };
    assert!(ensemble.learner.take_revalidated(turn, &mut replica.sessions, 77, false).is_some());
    assert_eq!(ensemble.answers(), [(FIRST, "refused".into())]);
    ensemble.sent();
    ensemble.ask(FIRST, session, reattach(false), &[]);
    assert_eq!(ensemble.sent(), [""; 0], "who does not know the password is not the session's client");
}

#[test]
fn a_session_ends_here_whoever_asked_for_it() {
    let mut ensemble = Ensemble::new("learner-end");
    let session = ensemble.connect(FIRST);
    ensemble.ask(FIRST, session, |_| RequestKind::CloseSession { xid: 3 }, &[]);
    assert_eq!(ensemble.sent(), [format!("{session:x} 3: -11 0 bytes")]);
    ensemble.commit(session, 3, &Txn::CloseSession { ephemerals: Some(Vec::new()) });
    assert_eq!(ensemble.answers(), [(FIRST, "3: closed".into())]);
    let session = ensemble.connect(SECOND);
    ensemble.commit(session, 0, &Txn::CloseSession { ephemerals: Some(Vec::new()) });
    assert_eq!(ensemble.answers(), [(SECOND, "dropped".into())], "the leader says that it has expired");
    assert_eq!(ensemble.learner.take_touched(9).count(), 0);
}

#[test]
fn a_local_session_is_known_here_alone_until_it_asks_for_an_ephemeral() {
    for may_upgrade in [true, false] {
        let mut ensemble = Ensemble::with("learner-local", NewSessions::Local { may_upgrade });
        ensemble.ask(FIRST, 0, |_| RequestKind::Connect { timeout: TIMEOUT }, &[]);
        assert_eq!((ensemble.sent(), ensemble.answers()), (vec![], vec![(FIRST, "connected".into())]));
        let session = ensemble.world.replica.sessions.session_at(FIRST).unwrap();
        ensemble.ask(FIRST, session, create(1), &create_body("/a", 0));
        assert_eq!(ensemble.sent().len(), 1, "its writes are the leader's");
        ensemble.commit(session, 1, &made("/a"));
        ensemble.answers();
        ensemble.ask(FIRST, session, create(2), &create_body("/b", 1));
        if may_upgrade {
            assert_eq!(ensemble.sent()[0], format!("{session:x} 0: -10 4 bytes"));
            ensemble.commit(session, 0, &Txn::CreateSession { timeout: TIMEOUT });
            ensemble.commit(session, 2, &made("/b"));
            assert_eq!(ensemble.answers(), [(FIRST, "2: 0".into())]);
            assert_eq!(ensemble.learner.take_touched(9).collect::<Vec<_>>(), [(session, TIMEOUT)]);
        } else {
            let refused = Code::EphemeralOnLocalSession.number();
            assert_eq!((ensemble.sent(), ensemble.answers()), (vec![], vec![(FIRST, format!("2: {refused}"))]));
            ensemble.ask(FIRST, session, |_| RequestKind::CloseSession { xid: 3 }, &[]);
            assert_eq!((ensemble.sent(), ensemble.answers()), (vec![], vec![(FIRST, "3: closed".into())]));
        }
    }
}

#[test]
fn what_its_clients_do_is_recorded_when_it_is_applied_or_refused() {
    let audit = AuditLog::unwritten(WhenFull::Wait);
    let mut ensemble = Ensemble::changed("learner-audit", |parts| {
        parts.new_sessions = NewSessions::Local { may_upgrade: false };
        parts.audit = Some(audit.clone());
    });
    ensemble.ask(FIRST, 0, |_| RequestKind::Connect { timeout: TIMEOUT }, &[]);
    ensemble.answers();
    let session = ensemble.world.replica.sessions.session_at(FIRST).unwrap();
    ensemble.ask(FIRST, session, create(1), &create_body("/a", 0));
    ensemble.answers();
    assert_eq!(audit.take(), [""; 0], "nothing has become of it yet");
    ensemble.commit(session, 1, &made("/a"));
    ensemble.answers();
    let asked = format!("session=0x{session:x} ip= operation=create");
    assert_eq!(audit.take(), [format!("{asked} znode=/a znode_type=persistent result=success")]);
    ensemble.ask(FIRST, session, create(2), &create_body("/b", 1));
    ensemble.answers();
    assert_eq!(audit.take(), [format!("{asked} znode=/b znode_type=ephemeral result=failure")], "it is local");
    ensemble.commit(7, 1, &made("/c"));
    ensemble.answers();
    assert_eq!(audit.take(), [""; 0], "that is recorded where it was asked for");
}

#[test]
fn local_sessions_end_with_the_part_and_expire_here_before() {
    let mut ensemble = Ensemble::with("learner-local-end", NewSessions::Local { may_upgrade: false });
    let connect = |ensemble: &mut Ensemble, home: Home| {
        ensemble.ask(home, 0, |_| RequestKind::Connect { timeout: TIMEOUT }, &[]);
        ensemble.answers();
        ensemble.world.replica.sessions.session_at(home).unwrap()
    };
    let (gone, session) = (connect(&mut ensemble, FIRST), connect(&mut ensemble, SECOND));
    // A global one of another server's client, which is the leader's to end.
    ensemble.commit(7, 0, &Txn::CreateSession { timeout: TIMEOUT });
    ensemble.answers();
    let timeout = Duration::from_millis(TIMEOUT as u64);
    ensemble.world.go_on(timeout / 2);
    ensemble.world.report(&[session], Duration::ZERO);
    ensemble.answers();
    ensemble.world.go_on(timeout / 2 + Duration::from_secs(3));
    ensemble.world.report(&[], Duration::ZERO);
    assert_eq!(ensemble.answers(), [(FIRST, "dropped".into())]);
    let world = &mut ensemble.world;
    assert!(!world.replica.sessions.is_local(gone) && world.replica.sessions.is_local(session));
    assert_eq!(world.database().session_timeout(7), Some(TIMEOUT));
    world.replica.end_part();
    assert!(!world.replica.sessions.is_local(session));
}

#[test]
fn a_state_that_is_not_the_leaders_is_noticed_at_once() {
    let mut ensemble = Ensemble::new("learner-digest");
    let session = ensemble.connect(FIRST);
    let (zxid, mut record) = ensemble.propose(session, 1, &made("/a"));
    let last = record.len() - 1;
    record[last] ^= 1;
    assert!(record.len() < RECORD_BYTES_MAX);
    ensemble.world.replica.head.append(zxid, &record);
    assert!(matches!(ensemble.apply(), Err(ReplayError::Digest { .. })));
}

/// The readers go on meanwhile, and the leader is heard. What comes behind it is applied behind it, and a sync is answered when
/// everything is applied that was committed before it.
#[test]
fn a_long_transaction_of_the_leader_is_applied_a_slice_each_turn() {
    const TURNS: usize = 4;
    let mut ensemble = Ensemble::new("learner-long");
    let (session, other) = (ensemble.connect(FIRST), ensemble.connect(SECOND));
    ensemble.give_ephemerals(session, TURNS * STEPS_PER_TURN - 1);
    let mut text = Vec::new();
    text.put_string("/a");
    ensemble.ask(SECOND, other, sync(1), &text);
    ensemble.ask(SECOND, other, create(2), &create_body("/later", 0));
    let version = ensemble.world.database().tree().root().version();
    ensemble.propose_end(session);
    let end = Zxid(ensemble.zxid);
    for left in (1..TURNS).rev() {
        ensemble.turn().unwrap();
        assert_eq!(ensemble.world.database().ephemeral_count(), left * STEPS_PER_TURN - 1);
        assert_eq!(ensemble.world.replica.timeout(), Some(Duration::ZERO), "it goes on at once");
        assert_eq!(ensemble.world.logged(), Zxid(ensemble.zxid), "the log has it, and what comes behind");
        assert_eq!(ensemble.world.database().tree().root().version(), version, "no reader has anything of it");
        assert!(!ensemble.world.exists("/later"));
        if left == TURNS - 1 {
            assert!(ensemble.learner.take_sync(&mut ensemble.world.replica.head, end).is_some());
            assert!(
                ensemble.learner.take_sync(&mut ensemble.world.replica.head, end).is_none(),
                "nobody waits for another"
            );
            let (later, record) = ensemble.propose(other, 2, &made("/later"));
            ensemble.world.replica.head.append(later, &record);
        }
        assert!(ensemble.world.replica.window().unwrap().record(end).is_some(), "it is read again at the end");
    }
    ensemble.turn().unwrap();
    assert_eq!(ensemble.world.database().last_zxid(), Zxid(ensemble.zxid));
    let told = [(FIRST, "dropped".into()), (SECOND, "1: 0".into()), (SECOND, "2: 0".into())];
    let mut answers = ensemble.answers();
    answers.sort_by_key(|(home, _)| home.reactor);
    assert_eq!(answers, told);
    assert_eq!(ensemble.learner.outstanding(), Some(0));
}

/// The state is one between two transactions then, and the log has each of them once.
#[test]
fn a_long_transaction_of_the_leader_is_finished_when_the_part_ends() {
    let mut ensemble = Ensemble::new("learner-long-end");
    let session = ensemble.connect(FIRST);
    ensemble.give_ephemerals(session, 3 * STEPS_PER_TURN);
    ensemble.propose_end(session);
    let end = Zxid(ensemble.zxid);
    ensemble.turn().unwrap();
    assert!(ensemble.world.is_in_long_work());
    let replica = &mut ensemble.world.replica;
    let turn = &mut Turn { head: &mut replica.head, at: ensemble.world.at };
    ensemble.learner.finish_applying(turn, &mut replica.sessions).unwrap();
    assert!(!ensemble.world.is_in_long_work());
    assert_eq!((ensemble.world.database().last_zxid(), ensemble.world.logged()), (end, end));
    assert_eq!(ensemble.world.database().ephemeral_count(), 0);
    assert_eq!(ensemble.answers(), [(FIRST, "dropped".into())]);
}

#[test]
fn a_state_that_is_not_the_leaders_is_noticed_behind_a_long_transaction_too() {
    let mut ensemble = Ensemble::new("learner-long-digest");
    let session = ensemble.connect(FIRST);
    ensemble.give_ephemerals(session, 2 * STEPS_PER_TURN - 1);
    let (zxid, mut record) = ensemble.propose(session, 0, &Txn::CloseSession { ephemerals: Some(Vec::new()) });
    let last = record.len() - 1;
    record[last] ^= 1;
    ensemble.world.replica.head.append(zxid, &record);
    ensemble.turn().unwrap();
    assert!(matches!(ensemble.turn(), Err(ReplayError::Digest { .. })));
}
