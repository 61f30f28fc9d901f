//! JAAS files: what a file says is bounded by the file, and whoever tells of it tells no value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_net::sasl::jaas::Jaas;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let home = |name: &str| (name == "h").then(|| "/home".to_owned());
    match Jaas::parse(&text, &home) {
        Ok(jaas) => drop(format!("{jaas:?}")),
        Err(error) => assert!(error.to_string().len() < 1024 + text.len() * 8, "{error}"),
    }
});
