//! reconfig on a server alone, and the znode of the configuration.

use paddock_consensus::Zxid;
use paddock_engine::database::{CONFIG_PATH, Rules};
use paddock_engine::error::Code;
use paddock_engine::jute::Write;
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
