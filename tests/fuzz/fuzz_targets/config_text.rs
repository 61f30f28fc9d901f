//! The text of a configuration, as it comes from another server or a file: what can be read is written in one form, which
//! means the same, and which no bound keeps from being read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_consensus::config::{Config, ServerLine};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(line) = ServerLine::parse(text) {
        let written = line.member.to_string();
        assert_eq!(ServerLine::parse(&written).map(|line| line.member), Ok(line.member), "{text:?}");
    }
    match Config::parse(text) {
        Ok(config) => assert_eq!(Config::parse(config.text()), Ok(config), "{text:?}"),
        Err(error) => assert!(error.to_string().len() < 1000, "{text:?}"),
    }
});
