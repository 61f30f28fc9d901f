//! The JAAS file that a setting names, and what `${name}` stands for in it: the same for clients, for servers among each other, and
//! for whoever only looks at it.

use std::env;
use std::path::PathBuf;

/// The file that `java.security.auth.login.config` names; `None` for the empty text. `-Dname==file` lets Java read no other file besides, and
/// it may be a URL.
pub fn path(value: &str) -> Option<PathBuf> {
    let value = value.trim_start_matches('=');
    let path = value.strip_prefix("file:").unwrap_or(value);
    (!path.is_empty()).then(|| PathBuf::from(path))
}

/// The property of a name, for a file of this process: one of Java's own, as far as they are known here, or one that was given.
pub fn property(name: &str, given: impl Fn(&str) -> Option<String>) -> Option<String> {
    match name {
        "user.home" => env::var("HOME").ok(),
        "user.name" => env::var("USER").ok(),
        "user.dir" => env::current_dir().ok().map(|dir| dir.display().to_string()),
        "java.io.tmpdir" => Some("/tmp".to_owned()),
        name => given(name),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{path, property};

    #[test]
    fn a_file_is_named_as_java_has_it() {
        for (written, expected) in [("/etc/jaas", "/etc/jaas"), ("=/etc/jaas", "/etc/jaas"), ("file:/a b", "/a b")] {
            assert_eq!(path(written).as_deref(), Some(Path::new(expected)));
        }
        assert_eq!((path(""), path("=")), (None, None));
    }

    #[test]
    fn properties_are_javas_or_those_that_were_given() {
        let given = |name: &str| (name == "keys").then(|| "/keys".to_owned());
        assert_eq!(property("keys", given).as_deref(), Some("/keys"));
        assert_eq!(property("java.io.tmpdir", given).as_deref(), Some("/tmp"));
        assert_eq!(property("others", given), None);
    }
}
