//! A packet by which servers make sure of each other: what can be read is written as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_net::peer::arriving::Stop;
use paddock_net::peer::quorum_auth::{BYTES_MAX, QuorumAuthPacket, authenticates};

fuzz_target!(|data: &[u8]| {
    match QuorumAuthPacket::read(data) {
        Ok((packet, length)) => {
            assert!((16..=data.len().min(BYTES_MAX)).contains(&length));
            assert_eq!(authenticates(data), Some(true));
            let mut out = Vec::new();
            packet.write(&mut out);
            assert_eq!(out, &data[..length]);
        }
        Err(Stop::Incomplete(incomplete)) => assert!(data.len() < incomplete.needed && incomplete.needed <= BYTES_MAX),
        Err(Stop::Bad(bad)) => assert!(!bad.to_string().is_empty()),
    }
});
