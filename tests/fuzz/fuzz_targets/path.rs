//! Paths: what is valid, held against ZooKeeper's rules said in another way, and how they come apart.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_engine::path::{is_valid, split};

/// By UTF-16 units, as ZooKeeper looks at them.
fn is_valid_by_units(path: &str) -> bool {
    let units: Vec<u16> = path.encode_utf16().collect();
    if units.first() != Some(&u16::from(b'/')) {
        return false;
    }
    if units.len() == 1 {
        return true;
    }
    let names = units[1..].split(|&unit| unit == u16::from(b'/'));
    let dot = u16::from(b'.');
    let mut good_names = names.filter(|name| !name.is_empty() && *name != [dot] && *name != [dot, dot]);
    let count = units[1..].iter().filter(|&&unit| unit == u16::from(b'/')).count() + 1;
    let forbidden = |unit: &u16| matches!(unit, 0..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..=0xffff);
    good_names.by_ref().count() == count && !units.iter().any(forbidden)
}

fuzz_target!(|data: &[u8]| {
    let path = String::from_utf8_lossy(data);
    assert_eq!(is_valid(&path), is_valid_by_units(&path), "{path:?}");
    let Some((parent, name)) = split(&path) else { return };
    if is_valid(&path) {
        assert!(is_valid(parent) && !name.is_empty() && !name.contains('/'));
        let joined = if parent == "/" { format!("/{name}") } else { format!("{parent}/{name}") };
        assert_eq!(joined, path);
    }
});
