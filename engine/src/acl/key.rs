//! The scheme `key`, ZooKeeper's example of a scheme that reads znodes: a credential is a number that the number in the
//! znode `/key` divides. All who prove it have the same identity, that of the empty text.

use super::Id;

/// Where the number is that credentials are measured by.
pub const PATH: &str = "/key";

/// The identity that a credential proves; `None` where it proves nothing. Where the znode is not there or its data is null,
/// everything proves it, so that somebody may create the znode.
pub(super) fn id_of(key: Option<&[u8]>, credential: Option<&[u8]>) -> Option<Id> {
    let credential = credential?;
    let proven = key.is_none_or(|key| match (number(key), number(credential)) {
        (Some(key), Some(credential)) => key == 0 || credential.wrapping_rem(key) == 0,
        _ => false,
    });
    proven.then(|| Id { scheme: "key".into(), id: String::new() })
}

fn number(text: &[u8]) -> Option<i32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::id_of;

    #[test]
    fn multiples_of_the_key_prove_it() {
        for (key, credential, expected) in [
            ("5", "25", true),
            ("5", "0", true),
            ("5", "-10", true),
            ("+5", "+5", true),
            ("5", "6", false),
            ("0", "6", true),
            ("-1", "-2147483648", true),
            ("5", "", false),
            ("", "5", false),
            ("5", " 5", false),
            ("5", "2147483648", false),
        ] {
            let id = id_of(Some(key.as_bytes()), Some(credential.as_bytes()));
            assert_eq!(id.is_some(), expected, "{key:?} {credential:?}");
            assert!(id.is_none_or(|id| id.scheme == "key" && id.id.is_empty()));
        }
    }

    #[test]
    fn without_the_znode_everything_proves_it() {
        assert!(id_of(None, Some(b"anything")).is_some());
        assert!(id_of(None, None).is_none(), "a credential there must be");
    }
}
