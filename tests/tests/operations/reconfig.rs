//! reconfig on a server alone, and the znode of the configuration.
use crate::wire::{ask, client, done, setup};
use paddock_tests::records::{Acl, err, flags, op};
use paddock_tests::request::Request;

const RECONFIG_DISABLED: i32 = -123;

fn reconfig() -> Request {
    Request::Reconfig { joining: None, leaving: Some("5".into()), members: None, config_id: -1 }
}

#[test]
fn trap_75_reconfig_and_the_configuration_are_out_of_reach() {
    let server = setup().start();
    let mut client = client(&server);
    let refused = ask(&mut client, &reconfig());
    assert_eq!(refused.err, RECONFIG_DISABLED);
    let next = ask(&mut client, &Request::create("/a", b"", flags::PERSISTENT));
    assert_eq!(next.zxid, refused.zxid + 1, "the refusal took a zxid, and the connection stands");
    let config = "/zookeeper/config";
    assert_eq!(ask(&mut client, &Request::set_data(config, b"", -1)).err, err::NO_AUTH);
    assert_eq!(ask(&mut client, &Request::create("/zookeeper/config/a", b"", flags::PERSISTENT)).err, err::NO_AUTH);
    let open = Request::SetAcl { path: Some(config.into()), acl: Some(Acl::open()), version: -1 };
    assert_eq!(ask(&mut client, &open).err, err::NO_AUTH);
    assert_eq!(ask(&mut client, &Request::delete(config, -1)).err, err::BAD_ARGUMENTS);
    done(&mut client, &Request::get_data(config, false));
}

#[test]
fn where_it_is_enabled_a_server_alone_does_not_know_it() {
    let server = setup().config("reconfigEnabled", "true").start();
    let mut client = client(&server);
    assert_eq!(ask(&mut client, &reconfig()).err, err::UNIMPLEMENTED);
    done(&mut client, &Request::create("/a", b"", flags::PERSISTENT));
    assert_eq!(ask(&mut client, &Request::Raw { opcode: op::RECONFIG, body: vec![0; 9] }).err, err::MARSHALLING);
}
