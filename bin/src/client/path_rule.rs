//! Which paths a client may give at all, and what ZooKeeper's client says of the others.

/// What is wrong with a path. A client says so before it asks any server.
pub fn check(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("Path length must be > 0".into());
    }
    if !path.starts_with('/') {
        return Err("Path must start with / character".into());
    }
    if path.len() == 1 {
        return Ok(());
    }
    if path.ends_with('/') {
        return Err("Path must not end with / character".into());
    }
    match fault(path) {
        Some(fault) => Err(format!("Invalid path string \"{path}\" caused by {fault}")),
        None => Ok(()),
    }
}

/// The same of the path of a sequential znode, to which a number is added.
pub fn check_sequential(path: &str) -> Result<(), String> {
    check(&format!("{path}1"))
}

/// The first fault and its place, which is counted in UTF-16 units, as Java counts.
fn fault(path: &str) -> Option<String> {
    const SLASH: u16 = b'/' as u16;
    const DOT: u16 = b'.' as u16;
    let units: Vec<u16> = path.encode_utf16().collect();
    let ends_name = |at: usize| units.get(at).is_none_or(|unit| *unit == SLASH);
    for at in 1..units.len() {
        let (unit, last) = (units[at], units[at - 1]);
        let is_relative = match (last, unit) {
            (DOT, DOT) => units[at - 2] == SLASH && ends_name(at + 1),
            (SLASH, DOT) => ends_name(at + 1),
            _ => false,
        };
        let what = match unit {
            0 => "null character not allowed",
            SLASH if last == SLASH => "empty node name specified",
            DOT if is_relative => "relative paths not allowed",
            0x01..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..=0xffff => "invalid character",
            _ => continue,
        };
        return Some(format!("{what} @{at}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{check, check_sequential};

    #[test]
    fn paths_are_judged_in_zookeepers_words() {
        for path in ["/", "/a", "/a/b", "/...", "/.a", "/a..b", "/..a", "/中"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        let invalid = |path: &str, why: &str| format!("Invalid path string \"{path}\" caused by {why}");
        for (path, why) in [
            ("", "Path length must be > 0".to_owned()),
            ("a", "Path must start with / character".to_owned()),
            ("/a/", "Path must not end with / character".to_owned()),
            ("//a", invalid("//a", "empty node name specified @1")),
            ("/a//b", invalid("/a//b", "empty node name specified @3")),
            ("/.", invalid("/.", "relative paths not allowed @1")),
            ("/a/..", invalid("/a/..", "relative paths not allowed @4")),
            ("/a/./b", invalid("/a/./b", "relative paths not allowed @3")),
            ("/a\u{1}", invalid("/a\u{1}", "invalid character @2")),
            ("/\u{10000}", invalid("/\u{10000}", "invalid character @1")),
            ("/\0", invalid("/\0", "null character not allowed @1")),
        ] {
            assert_eq!(check(path), Err(why), "{path:?}");
        }
    }

    #[test]
    fn a_sequential_znode_may_have_no_name_of_its_own() {
        assert_eq!(check_sequential("/a/"), Ok(()));
        assert!(check_sequential("a/").is_err());
    }
}
