//! Multis, one after the other on one server. Each but the first finds what those before it have made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_engine::request::opcode;
use paddock_fuzz::{World, requests};

const MULTIS_MAX: usize = 16;

fuzz_target!(|data: &[u8]| {
    let mut world = World::new();
    for (_, body) in requests(data).take(MULTIS_MAX) {
        world.ask(opcode::MULTI, body);
    }
});
