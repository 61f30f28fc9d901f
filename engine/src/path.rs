//! Paths of znodes: what is valid, and how they come apart.

/// The root's path. Reads may also name it by the empty string.
pub const ROOT: &str = "/";

/// Whether a znode may have this path. The root may.
///
/// ZooKeeper looks at UTF-16 units, so everything above U+FFFF (two surrogates there) is invalid.
pub fn is_valid(path: &str) -> bool {
    let bytes = path.as_bytes();
    let [b'/', names @ ..] = bytes else { return false };
    // Nearly every path is of printable ASCII, and none of its names is empty or begins with a dot. That is seen in one pass
    // without a branch for each byte.
    let is_plain = names.iter().zip(bytes).fold(true, |plain, (byte, before)| {
        plain & matches!(byte, b' '..=b'~') & !((*before == b'/') & matches!(byte, b'/' | b'.'))
    });
    if is_plain { names.last() != Some(&b'/') } else { has_valid_names(names) && path.chars().all(is_valid_char) }
}

fn has_valid_names(names: &[u8]) -> bool {
    names.split(|byte| *byte == b'/').all(|name| !matches!(name, b"" | b"." | b".."))
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
    use super::{is_valid, is_valid_char, split};

    /// Every text of up to six of these letters.
    #[test]
    fn one_pass_sees_what_a_look_at_each_name_does() {
        let by_names = |path: &str| {
            let is_name = |name: &str| !matches!(name, "" | "." | "..") && name.chars().all(is_valid_char);
            path == "/" || path.strip_prefix('/').is_some_and(|names| names.split('/').all(is_name))
        };
        let mut texts = vec![String::new()];
        for _ in 0..6 {
            let longer =
                texts.iter().flat_map(|text| ['/', '.', 'a', '\u{7f}', 'é'].map(|letter| format!("{text}{letter}")));
            texts = std::iter::once(String::new()).chain(longer).collect();
        }
        assert_eq!(texts.len(), 1 + 5 + 25 + 125 + 625 + 3125 + 15_625);
        let valid = texts.iter().filter(|text| {
            assert_eq!(is_valid(text), by_names(text), "{text:?}");
            is_valid(text)
        });
        assert!(valid.count() > 100);
    }

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
