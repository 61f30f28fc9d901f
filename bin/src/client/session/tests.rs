use std::sync::{Arc, Mutex};

use crossbeam::channel::{Receiver, bounded};
use paddock_engine::jute::{Reader, Write as _};
use paddock_engine::request::{RequestHeader, opcode};
use paddock_net::sasl::jaas::Jaas;
use paddock_net::sasl::{Authorize, Negotiation, Service, Step, server};

use super::{Broken, Call, Session, WAITING_MAX};
use crate::client::code;
use crate::client::connect_string::ConnectString;
use crate::client::event::Event;
use crate::client::listener::Listener;
use crate::client::reply::Reply;
use crate::client::request::{Registration, Request, WatcherType};
use crate::client::state::{Standing, State};
use crate::security::Login;
use crate::security::properties::Properties;

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Listener for Heard {
    fn hear(&self, event: Event) {
        let path = event.path.map(|path| format!(" {path}")).unwrap_or_default();
        self.0.lock().expect("nobody panics").push(format!("{:?} {:?}{path}", event.state, event.kind));
    }
}

/// A session, what it says, and what it tells.
struct Stage {
    session: Session,
    out: Vec<u8>,
    heard: Arc<Heard>,
    /// Whoever waits for answers.
    asker: Arc<()>,
}

fn stage(connect: &str) -> Stage {
    stage_with(connect, None)
}

fn stage_with(connect: &str, login: Option<Login>) -> Stage {
    let chroot = ConnectString::parse(connect).expect("it is one").chroot;
    let heard = Arc::new(Heard::default());
    let session = Session::new(chroot, 30_000, false, login, Arc::new(Standing::new()), heard.clone());
    Stage { session, out: Vec::new(), heard, asker: Arc::new(()) }
}

impl Stage {
    fn connect(&mut self, timeout_ms: i32) {
        self.session.greet(&mut self.out);
        self.out.clear();
        let mut welcome = Vec::new();
        welcome.put_i32(0);
        welcome.put_i32(timeout_ms);
        welcome.put_i64(7);
        welcome.put_buffer(Some(&[1; 16]));
        welcome.put_bool(false);
        assert_eq!(self.session.receive(&welcome, &mut self.out), Ok(()));
    }

    fn submit(&mut self, request: Request) -> Receiver<Reply> {
        let (answer, answered) = bounded(1);
        self.session.submit(Call { request, answer, asker: Arc::downgrade(&self.asker) }, &mut self.out);
        answered
    }

    fn reply(&mut self, xid: i32, zxid: i64, code: i32, record: &[u8]) -> Result<(), Broken> {
        let mut payload = Vec::new();
        payload.put_i32(xid);
        payload.put_i64(zxid);
        payload.put_i32(code);
        payload.extend_from_slice(record);
        self.session.receive(&payload, &mut self.out)
    }

    /// xids and opcodes of what it has said since the last time.
    fn said(&mut self) -> Vec<(i32, i32)> {
        let mut rest = Reader::new(&self.out);
        let mut said = Vec::new();
        while !rest.is_empty() {
            let frame = rest.buffer().expect("whole").expect("not null");
            let RequestHeader { xid, opcode } = RequestHeader::read(&mut Reader::new(frame)).expect("whole");
            said.push((xid, opcode));
        }
        self.out.clear();
        said
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.0.lock().expect("nobody panics"))
    }
}

#[test]
fn what_waits_is_sent_when_there_is_a_connection() {
    let mut stage = stage("zk");
    let answered = stage.submit(Request::get_data("/a", false));
    assert!(stage.said().is_empty());
    stage.connect(4000);
    assert_eq!(stage.said(), [(1, opcode::GET_DATA)]);
    assert_eq!((stage.session.state(), stage.session.timeout_ms()), (State::Connected, 4000));
    assert_eq!(stage.told(), ["SyncConnected None"]);
    assert_eq!(stage.reply(1, 5, code::NO_NODE, &[]), Ok(()));
    assert_eq!(answered.try_recv(), Ok(Reply::of_code(code::NO_NODE)));
    assert_eq!(stage.reply(9, 5, 0, &[]), Err(Broken::Xid(9)));
}

#[test]
fn what_was_sent_is_lost_with_its_connection() {
    let mut stage = stage("zk");
    stage.session.lose(false);
    assert_eq!(stage.told(), [""; 0], "nobody was connected");
    stage.connect(4000);
    let sent = stage.submit(Request::get_data("/a", false));
    stage.session.lose(false);
    let waiting = stage.submit(Request::get_data("/b", false));
    assert_eq!(sent.try_recv(), Ok(Reply::of_code(code::CONNECTION_LOSS)));
    assert!(waiting.try_recv().is_err(), "there may be another server");
    stage.session.lose(true);
    assert_eq!(waiting.try_recv(), Ok(Reply::of_code(code::CONNECTION_LOSS)));
    assert_eq!(stage.told(), ["SyncConnected None", "Disconnected None"]);
}

#[test]
fn credentials_and_watches_come_along() {
    let mut stage = stage("zk/app");
    stage.connect(4000);
    stage.session.add_auth("digest".into(), Some(b"me:pw".to_vec()), &mut stage.out);
    let watch = Request::get_data("/app/a", true).registering(Some(Registration::Data("/a".into())));
    let answered = stage.submit(watch);
    assert_eq!(stage.said(), [(-4, opcode::AUTH), (1, opcode::GET_DATA)]);
    assert_eq!(stage.reply(1, 77, 0, b"data"), Ok(()));
    assert_eq!(answered.try_recv().map(|reply| reply.record), Ok(b"data".to_vec()));
    stage.session.lose(false);
    stage.session.greet(&mut stage.out);
    let hello = Reader::new(&stage.out).buffer().expect("whole").expect("not null").to_vec();
    let mut hello = Reader::new(&hello);
    let (_, zxid, _, id) = (hello.i32(), hello.i64(), hello.i32(), hello.i64());
    assert_eq!((zxid, id), (Ok(77), Ok(7)), "the same session goes on");
    stage.connect(4000);
    assert_eq!(stage.said(), [(-4, opcode::AUTH), (-8, opcode::SET_WATCHES)]);
    assert_eq!(stage.reply(-8, 0, 0, &[]), Ok(()));
    stage.told();
    let mut event = Vec::new();
    event.put_i32(3);
    event.put_i32(3);
    event.put_string("/app/a");
    assert_eq!(stage.reply(-1, 80, 0, &event), Ok(()));
    assert_eq!(stage.told(), ["SyncConnected NodeDataChanged /a"]);
    assert_eq!(stage.reply(-1, 81, 0, &event), Ok(()));
    assert_eq!(stage.told(), [""; 0], "a watch lasts for one event");
}

#[test]
fn a_session_that_is_refused_has_expired() {
    let mut stage = stage("zk");
    stage.connect(4000);
    let sent = stage.submit(Request::get_data("/a", false));
    stage.session.lose(false);
    stage.connect(0);
    assert_eq!(stage.session.state(), State::Closed);
    assert_eq!(stage.told(), ["SyncConnected None", "Disconnected None", "Expired None"]);
    assert_eq!(sent.try_recv(), Ok(Reply::of_code(code::CONNECTION_LOSS)));
    let late = stage.submit(Request::get_data("/a", false));
    assert_eq!(late.try_recv(), Ok(Reply::of_code(code::SESSION_EXPIRED)));
}

#[test]
fn a_wrong_credential_is_the_end() {
    let mut stage = stage("zk");
    stage.connect(4000);
    assert_eq!(stage.reply(-4, 0, code::AUTH_FAILED, &[]), Ok(()));
    assert_eq!(
        (stage.session.state(), stage.told()),
        (State::AuthFailed, vec!["SyncConnected None".to_owned(), "AuthFailed None".to_owned()])
    );
    let late = stage.submit(Request::get_data("/a", false));
    assert_eq!(late.try_recv(), Ok(Reply::of_code(code::AUTH_FAILED)));
}

#[test]
fn the_end_of_a_session_is_told_when_the_server_has_said_so() {
    let mut stage = stage("zk");
    stage.connect(4000);
    let (told, ended) = bounded(1);
    stage.session.close(told, &mut stage.out);
    assert_eq!(stage.said(), [(1, opcode::CLOSE_SESSION)]);
    assert!(ended.try_recv().is_err());
    assert_eq!(stage.reply(1, 9, 0, &[]), Ok(()));
    assert_eq!((stage.session.state(), ended.try_recv()), (State::Closed, Ok(())));
    assert_eq!(stage.told(), ["SyncConnected None", "Closed None"]);
}

#[test]
fn watches_are_removed_where_no_server_can_be_asked_if_that_is_wanted() {
    let mut stage = stage("zk");
    stage.connect(4000);
    let watch = Request::exists("/a", true).registering(Some(Registration::Exists("/a".into())));
    stage.submit(watch);
    assert_eq!(stage.reply(1, 1, code::NO_NODE, &[]), Ok(()));
    let removal = |local| {
        let registration = Registration::Removed { path: "/a".into(), kind: WatcherType::Any, local };
        Request::remove_watches("/a", WatcherType::Any).registering(Some(registration))
    };
    let removed = stage.submit(removal(false));
    stage.session.lose(true);
    assert_eq!(removed.try_recv().map(|reply| reply.code), Ok(code::CONNECTION_LOSS));
    let removed = stage.submit(removal(true));
    stage.told();
    stage.session.lose(true);
    assert_eq!(removed.try_recv().map(|reply| reply.code), Ok(code::OK));
    assert_eq!(stage.told()[0], "Disconnected DataWatchRemoved /a");
}

#[test]
fn what_nobody_waits_for_any_more_is_not_sent() {
    let mut stage = stage("zk");
    let given_up = stage.submit(Request::delete("/a", -1));
    stage.asker = Arc::new(());
    stage.submit(Request::sync("/"));
    stage.connect(4000);
    assert_eq!(stage.said(), [(1, opcode::SYNC)]);
    assert!(given_up.try_recv().is_err());
}

#[test]
fn no_more_than_so_many_requests_wait() {
    let mut stage = stage("zk");
    let mut first: Vec<_> = (0..WAITING_MAX / 2).map(|_| stage.submit(Request::sync("/"))).collect();
    stage.connect(4000);
    first.extend((0..WAITING_MAX / 2).map(|_| stage.submit(Request::sync("/"))));
    assert!(first.iter().all(Receiver::is_empty));
    let refused = stage.submit(Request::sync("/"));
    assert_eq!(refused.try_recv(), Ok(Reply::of_code(code::CONNECTION_LOSS)));
    assert_eq!(stage.reply(1, 1, 0, &[]), Ok(()));
    assert!(stage.submit(Request::sync("/")).is_empty());
}

#[test]
fn a_session_that_is_over_does_not_begin_anew() {
    let mut stage = stage("zk");
    stage.connect(0);
    assert_eq!(stage.session.state(), State::Closed);
    stage.connect(4000);
    assert_eq!((stage.session.state(), stage.told()), (State::Closed, vec!["Expired None".to_owned()]));
}

#[test]
fn numbers_of_requests_stay_positive() {
    let mut stage = stage("zk");
    stage.connect(4000);
    stage.session.next_xid = i32::MAX - 1;
    stage.submit(Request::sync("/"));
    stage.submit(Request::sync("/"));
    assert_eq!(stage.said(), [(i32::MAX - 1, opcode::SYNC), (1, opcode::SYNC)]);
}

/// Whoever has a password may be who it is of.
struct Anybody;

impl Authorize for Anybody {
    fn authorize(&self, authentication_id: &str, _authorization_id: &str) -> Option<String> {
        Some(authentication_id.to_owned())
    }
}

const DIGEST: &str = "org.apache.zookeeper.server.auth.DigestLoginModule required";

/// A client's login as pat with this password, and a server that knows the right one.
fn login(password: &str) -> (Login, Box<dyn Negotiation>) {
    let client = format!("Client {{ {DIGEST} username=\"pat\" password=\"{password}\"; }};");
    let name = std::thread::current().name().unwrap_or_default().replace(':', "-");
    let file = std::env::temp_dir().join(format!("paddock-session-{}-{name}", std::process::id()));
    std::fs::write(&file, client).expect("it is writable");
    let mut set = Properties::default();
    set.take_text(format!("java.security.auth.login.config={}", file.display()).as_bytes()).expect("well formed");
    let login = Login::of(&set).expect("it is one").expect("it is set");
    std::fs::remove_file(file).expect("it is ours");
    let jaas = Jaas::parse(&format!("Server {{ {DIGEST} user_pat=\"wonder\"; }};"), &|_| None).expect("well formed");
    let section = jaas.section("Server").expect("it is there");
    let server = server::Login::load(section, Service::CLIENTS, None, Arc::new(Anybody)).expect("it is a login");
    (login, server.begin())
}

impl Stage {
    /// The xid and the token of the one thing that it has said.
    fn token(&mut self) -> (i32, Vec<u8>) {
        let out = std::mem::take(&mut self.out);
        let mut rest = Reader::new(&out);
        let mut frame = Reader::new(rest.buffer().expect("whole").expect("not null"));
        let RequestHeader { xid, opcode } = RequestHeader::read(&mut frame).expect("whole");
        assert_eq!((opcode, rest.is_empty()), (opcode::SASL, true));
        (xid, frame.buffer().expect("whole").unwrap_or_default().to_vec())
    }

    fn answer_token(&mut self, xid: i32, token: &[u8]) {
        let mut record = Vec::new();
        record.put_buffer(Some(token));
        assert_eq!(self.reply(xid, 0, code::OK, &record), Ok(()));
    }
}

#[test]
fn nothing_else_is_said_until_a_login_is_over() {
    let (login, mut server) = login("wonder");
    let mut stage = stage_with("zk", Some(login));
    let answered = stage.submit(Request::get_data("/a", false));
    stage.connect(4000);
    let (xid, first) = stage.token();
    assert_eq!(first, b"", "a client begins with nothing");
    let Step::Continue(challenge) = server.step(&first) else { panic!("a challenge comes first") };
    stage.answer_token(xid, &challenge);
    let (xid, response) = stage.token();
    let also = stage.submit(Request::get_data("/b", false));
    assert!(stage.said().is_empty(), "it waits");
    let Step::Done { token: Some(proof), authorization_id } = server.step(&response) else { panic!("it is right") };
    assert_eq!(authorization_id, "pat");
    assert_eq!(stage.told(), ["SyncConnected None"]);
    stage.answer_token(xid, &proof);
    assert_eq!(stage.told(), ["SaslAuthenticated None"]);
    assert_eq!(stage.said(), [(3, opcode::GET_DATA), (4, opcode::GET_DATA)]);
    assert_eq!(stage.reply(3, 5, code::NO_NODE, &[]), Ok(()));
    assert_eq!(answered.try_recv(), Ok(Reply::of_code(code::NO_NODE)));
    assert!(also.try_recv().is_err());
    // Each connection logs in anew.
    stage.session.lose(false);
    stage.connect(4000);
    assert_eq!(stage.token().1, b"");
}

#[test]
fn a_login_that_fails_is_told_and_ends_the_session() {
    let (wrong, mut server) = login("another");
    let mut stage = stage_with("zk", Some(wrong));
    stage.connect(4000);
    let (xid, first) = stage.token();
    let Step::Continue(challenge) = server.step(&first) else { panic!("a challenge comes first") };
    stage.answer_token(xid, &challenge);
    let (xid, response) = stage.token();
    assert!(matches!(server.step(&response), Step::Failed(_)));
    assert_eq!(stage.reply(xid, 0, code::AUTH_FAILED, &[]), Ok(()));
    assert_eq!((stage.session.state(), stage.told().pop().as_deref()), (State::AuthFailed, Some("AuthFailed None")));
    assert!(stage.session.take_trouble().is_some_and(|why| why.contains("refuses")));
}
