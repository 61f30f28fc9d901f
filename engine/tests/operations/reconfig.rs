//! reconfig on a server alone, and the znode of the configuration.

use paddock_engine::database::Rules;
use paddock_engine::error::Code;
use paddock_engine::jute::Write;
use paddock_engine::request::opcode;

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
