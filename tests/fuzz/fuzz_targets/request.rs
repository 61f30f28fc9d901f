//! A stream of requests of every operation, on one server.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_engine::request::opcode;
use paddock_fuzz::{World, requests};
use paddock_net::read::is_read;

const REQUESTS_MAX: usize = 64;

/// What the replica orders.
fn is_write(opcode: i32) -> bool {
    matches!(
        opcode,
        opcode::CREATE
            | opcode::CREATE2
            | opcode::CREATE_CONTAINER
            | opcode::CREATE_TTL
            | opcode::DELETE
            | opcode::SET_DATA
            | opcode::SET_ACL
            | opcode::RECONFIG
            | opcode::MULTI
    )
}

fuzz_target!(|data: &[u8]| {
    let mut world = World::new();
    for (opcode, body) in requests(data).take(REQUESTS_MAX) {
        if is_read(opcode) || is_write(opcode) {
            world.ask(opcode, body);
        }
    }
});
