//! reconfig on a server that stands alone and at a leader, and the znode of the configuration.

use std::cell::{Cell, RefCell};

use paddock_consensus::Zxid;
use paddock_consensus::config::{Change, Config, Refused};
use paddock_engine::acl::{Authority, Id};
use paddock_engine::admit::{Operation, admit};
use paddock_engine::answer::ReplyForm;
use paddock_engine::database::{CONFIG_PATH, Rules};
use paddock_engine::error::Code;
use paddock_engine::jute::{Reader, Write};
use paddock_engine::order::{Caller, Ensemble, reconfig_txn};
use paddock_engine::request::opcode;
use paddock_engine::stat::Stat;
use paddock_engine::txn::Txn;

use crate::world::{SESSION, World};

fn whole() -> Vec<u8> {
    let mut body = Vec::new();
    body.put_buffer(None);
    body.put_string("5");
    body.put_buffer(None);
    body.put_i64(-1);
    body
}

#[test]
fn trap_75_reconfig_is_refused_in_zookeepers_order() {
    let mut world = World::new();
    let before = world.database.last_zxid().0;
    assert_eq!(world.ask(opcode::RECONFIG, &whole()[..9]), Err(Code::Marshalling));
    assert_eq!(world.database.last_zxid().0, before);
    assert_eq!(world.ask(opcode::RECONFIG, &whole()), Err(Code::ReconfigDisabled));
    assert_eq!(world.database.last_zxid().0, before + 1, "it fails as a write does");
    let close = world.database.order_close_session(SESSION);
    world.apply(SESSION, &close);
    assert_eq!(world.ask(opcode::RECONFIG, &whole()), Err(Code::ReconfigDisabled), "before the session");

    let mut world = World::with(Rules { reconfig_enabled: true, ..Rules::default() });
    assert_eq!(world.ask(opcode::RECONFIG, &whole()), Err(Code::Unimplemented));
    let close = world.database.order_close_session(SESSION);
    world.apply(SESSION, &close);
    assert_eq!(world.ask(opcode::RECONFIG, &whole()), Err(Code::SessionExpired));
}

#[test]
fn the_configuration_is_shown_without_a_transaction_and_is_no_part_of_the_digest() {
    let mut world = World::new();
    let before = (world.database.last_zxid(), world.database.tree().digest());
    let fresh = world.database.tree().get(CONFIG_PATH).unwrap().stat();
    world.database.show_config("server.1=a:1:2:participant\nversion=1f", Zxid(0x1f));
    assert_eq!((world.database.last_zxid(), world.database.tree().digest()), before);
    let znode = world.database.tree().get(CONFIG_PATH).unwrap();
    assert_eq!(znode.data(), Some(&b"server.1=a:1:2:participant\nversion=1f"[..]));
    assert_eq!(znode.stat(), Stat { mzxid: 0x1f, version: -1, ..fresh });
}

#[test]
fn a_configuration_is_shown_where_its_znode_is_missing() {
    let mut world = World::new();
    world.apply(SESSION, &Txn::Delete { path: CONFIG_PATH.into() });
    assert!(world.database.tree().get(CONFIG_PATH).is_none());
    world.database.show_config("version=0", Zxid(0));
    assert_eq!(world.database.tree().get(CONFIG_PATH).unwrap().data(), Some(&b"version=0"[..]));
}

/// A leader's ensemble, which makes this of every change.
struct Made {
    refused: Option<Refused>,
    asked: RefCell<Vec<(Option<String>, i64, Zxid)>>,
    is_changing: Cell<bool>,
}

impl Made {
    fn of(refused: Option<Refused>) -> Made {
        Made { refused, asked: RefCell::default(), is_changing: Cell::new(false) }
    }
}

impl Ensemble for Made {
    fn change(&self, change: &Change<'_>, version: Zxid) -> Result<Config, Refused> {
        self.asked.borrow_mut().push((change.leaving.map(str::to_owned), change.config_id, version));
        let made = Config::parse("server.1=a:1:2\nserver.2=b:1:2\nversion=0").expect("it is well formed");
        self.refused.clone().map_or(Ok(made.with_version(version)), Err)
    }

    fn note_change(&self) {
        self.is_changing.set(true);
    }
}

/// What a leader makes of [`whole`] for somebody with these identities.
fn order(world: &mut World, ids: &[Id], ensemble: &Made) -> Result<Config, Code> {
    let body = whole();
    let Ok(Operation::Reconfig(reconfig)) = admit(opcode::RECONFIG, &body, false) else { panic!("it is one") };
    let header = world.next_header(SESSION);
    let caller = Caller { ids, is_local: false, has_moved: false };
    let ordered = world.database.order_reconfig(&header, &reconfig, caller, ensemble);
    assert_eq!(ensemble.is_changing.get(), ordered.is_ok());
    ordered
}

#[test]
fn a_leader_asks_its_ensemble_and_then_for_the_permission() {
    let nobody = [Id { scheme: "ip".into(), id: "127.0.0.1".into() }];
    let super_user = [Id { scheme: "super".into(), id: "".into() }];
    let mut world = World::new();
    assert_eq!(order(&mut world, &super_user, &Made::of(None)).err(), Some(Code::ReconfigDisabled));
    let rules = |skip_acl| Rules {
        reconfig_enabled: true,
        authority: Authority { skip_acl, ..Authority::default() },
        ..Rules::default()
    };
    let mut world = World::with(rules(false));
    for (refused, code) in [
        (Refused::ReconfigInProgress, Code::ReconfigInProgress),
        (Refused::BadVersion { there_is: Zxid(5) }, Code::BadVersion),
        (Refused::NewConfigNoQuorum, Code::NewConfigNoQuorum),
    ] {
        assert_eq!(order(&mut world, &nobody, &Made::of(Some(refused))).err(), Some(code));
    }
    assert_eq!(order(&mut world, &nobody, &Made::of(None)).err(), Some(Code::NoAuth));
    let (ensemble, zxid) = (Made::of(None), Zxid(world.next_header(SESSION).zxid));
    let config = order(&mut world, &super_user, &ensemble);
    assert_eq!(config.map(|config| config.version()), Ok(zxid));
    assert_eq!(ensemble.asked.take(), [(Some("5".to_owned()), -1, zxid)]);
    assert!(order(&mut World::with(rules(true)), &nobody, &Made::of(None)).is_ok(), "nobody asks for permissions");
    let close = world.database.order_close_session(SESSION);
    world.apply(SESSION, &close);
    assert_eq!(order(&mut world, &super_user, &Made::of(None)).err(), Some(Code::SessionExpired));
}

#[test]
fn a_change_is_answered_with_the_configuration_and_its_stat() {
    let super_user = [Id { scheme: "super".into(), id: "".into() }];
    let mut world = World::with(Rules { reconfig_enabled: true, ..Rules::default() });
    let digest = world.database.tree().digest();
    let ordered = order(&mut world, &super_user, &Made::of(None));
    let (txn, body) = (reconfig_txn(&ordered), whole());
    let operation = admit(opcode::RECONFIG, &body, false).expect("it is whole");
    let form = ReplyForm::of(&operation, &txn).expect("it became of it");
    world.apply(SESSION, &txn);
    assert_eq!(world.database.tree().digest(), digest, "the configuration is no part of it");
    let text = ordered.as_ref().expect("it is made").text();
    let answer = form.body(world.reply()).into_owned();
    let mut reader = Reader::new(&answer);
    assert_eq!(reader.buffer(), Ok(Some(text.as_bytes())));
    let znode = world.database.tree().get(CONFIG_PATH).expect("it is always there");
    assert_eq!((reader.rest(), znode.data()), (&znode.stat_wire()[..], Some(text.as_bytes())));
    assert_eq!((znode.stat().version, znode.stat().mzxid), (-1, world.database.last_zxid().0));
    let refused = Err(Code::NewConfigNoQuorum);
    assert!(matches!(reconfig_txn(&refused), Txn::Error(-13)));
    assert_eq!(ReplyForm::of(&operation, &reconfig_txn(&refused)).map(|form| form.code()), Some(-13));
}
