//! Paths of znodes: what is valid, and how they come apart.

/// The root's path. Reads may also name it by the empty string.
pub const ROOT: &str = "/";

/// Whether a znode may have this path. The root may.
///
/// ZooKeeper looks at UTF-16 units, so everything above U+FFFF (two surrogates there) is invalid.
pub fn is_valid(path: &str) -> bool {
    if path == ROOT {
        return true;
    }
    let Some(names) = path.strip_prefix('/') else { return false };
    // Byte by byte: a search for the next slash costs more than the few bytes of a name.
    let mut each_name = names.as_bytes().split(|byte| *byte == b'/');
    let names_are_valid = each_name.all(|name| !matches!(name, b"" | b"." | b".."));
    // Without a branch for each byte; nearly every path is of printable ASCII.
    let is_plain = path.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    names_are_valid && (is_plain || path.chars().all(is_valid_char))
}

fn is_valid_char(c: char) -> bool {
    !matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}' | '\u{10000}'..)
}

/// Parent and name: the text before and after the last slash. The parent of a top-level path is the root; the root
/// and a text without a slash have none.
pub fn split(path: &str) -> Option<(&str, &str)> {
    if path == ROOT {
        return None;
    }
    let (parent, name) = path.rsplit_once('/')?;
    Some((if parent.is_empty() { ROOT } else { parent }, name))
}

#[cfg(test)]
mod tests {
    use super::{is_valid, split};

    #[test]
    fn valid_paths() {
        for path in [
            "/",
            "/a",
            "/a/b",
            "/...",
            "/.a",
            "/a.",
            "/..a",
            "/a..b",
            "/a b",
            "/\u{a0}",
            "/\u{f900}",
            "/\u{ffef}",
            "/中",
        ] {
            assert!(is_valid(path), "{path:?}");
        }
    }

    #[test]
    fn invalid_paths() {
        for path in [
            "",
            "a",
            "/a/",
            "//",
            "//a",
            "/a//b",
            "/.",
            "/..",
            "/a/./b",
            "/a/..",
            "/\0",
            "/\u{1}",
            "/\u{1f}",
            "/\u{7f}",
            "/\u{9f}",
            "/\u{e000}",
            "/\u{f8ff}",
            "/\u{fff0}",
            "/\u{fffd}",
            "/\u{10000}",
        ] {
            assert!(!is_valid(path), "{path:?}");
        }
    }

    #[test]
    fn splitting() {
        assert_eq!(split("/a/b"), Some(("/a", "b")));
        assert_eq!(split("/a"), Some(("/", "a")));
        assert_eq!(split("/a/"), Some(("/a", "")));
        assert_eq!(split("//"), Some(("/", "")));
        assert_eq!(split("/"), None);
        assert_eq!(split("a"), None);
    }
}
