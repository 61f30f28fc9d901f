//! The bytes that a connection opens with: the first four may be a word, the rest is a frame with a connect request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_net::connect::ConnectRequest;
use paddock_net::{four_letter, frame};

const FRAME_MAX: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    if let Some(first) = data.first_chunk::<4>() {
        four_letter::recognise(*first);
    }
    let Ok(Some(payload)) = frame::first(data, FRAME_MAX) else { return };
    let Ok(request) = ConnectRequest::read(payload) else { return };
    // Everything but the version, which nobody looks at, is in the bytes where it was read.
    assert_eq!(request.last_zxid_seen.to_be_bytes(), payload[4..12]);
    assert_eq!(request.timeout.to_be_bytes(), payload[12..16]);
    assert_eq!(request.session.to_be_bytes(), payload[16..24]);
    let password = request.password.map_or(0, <[u8]>::len);
    assert!(28 + password <= payload.len());
    assert_eq!(request.read_only.is_some(), 28 + password < payload.len());
});
