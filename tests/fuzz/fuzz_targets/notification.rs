//! Frames of the election port, and what may be notifications in them: what can be read is written in the newest layout,
//! and that is read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_consensus::notification::{Format, Notification};
use paddock_net::peer::notification::{read, read_frame, write};

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok((payload, length)) = read_frame(rest) {
        assert_eq!((payload, length), (&rest[4..length], 4 + payload.len()));
        rest = &rest[length..];
        let Ok((notification, configuration)) = read(payload) else { continue };
        assert!(payload.len() == 28 || payload.len() >= 40, "a notification of {} bytes", payload.len());
        let mut out = Vec::new();
        let text = configuration.unwrap_or_default();
        write(&notification, text, &mut out).expect("it was no longer than a frame may be");
        assert!(configuration.is_none() || out.len() <= length, "more is written than was read");
        let (again, _) = read_frame(&out).expect("a frame was written");
        let expected = Notification { format: Format::Versioned, ..notification };
        assert_eq!(read(again), Ok((expected, Some(text))));
    }
});
