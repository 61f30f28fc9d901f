//! What a server says first on a connection of the election port: what can be read is written, and that is read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_net::peer::arriving::Stop;
use paddock_net::peer::initial_message::{BYTES_MAX, InitialMessage, write};

fuzz_target!(|data: &[u8]| {
    match InitialMessage::read(data) {
        Ok((message, length)) => {
            assert!((8..=data.len().min(BYTES_MAX)).contains(&length));
            let mut out = Vec::new();
            // A bare id has no addresses, and of others all may have been wildcards. A port may have lost zeros in front.
            if write(message.server, &message.addresses, &mut out).is_ok() {
                assert!(out.len() <= length, "more is written than was read");
                assert_eq!(InitialMessage::read(&out), Ok((message, out.len())));
            } else {
                assert!(message.addresses.is_empty());
            }
        }
        Err(Stop::Incomplete(incomplete)) => assert!(data.len() < incomplete.needed && incomplete.needed <= BYTES_MAX),
        Err(Stop::Bad(bad)) => assert!(!bad.to_string().is_empty()),
    }
});
