//! The scheme `digest`: a name and the hash of name and password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The id that a credential `user:password` stands for: the user, and the Base64 of the SHA-1 of the whole credential.
/// Without a colon the whole text is the user.
pub fn digest_id(credential: &[u8]) -> String {
    let user = credential.split(|&byte| byte == b':').next().unwrap_or_default();
    let hash = STANDARD.encode(Sha1::digest(credential));
    format!("{}:{hash}", String::from_utf8_lossy(user))
}

/// Whether an entry may name this id: exactly two parts at colons, empty ones at the end not counted.
pub(super) fn is_valid(id: &str) -> bool {
    id.trim_end_matches(':').split(':').count() == 2
}

#[cfg(test)]
mod tests {
    use super::{digest_id, is_valid};

    #[test]
    fn ids_of_credentials() {
        assert_eq!(digest_id(b"super:test"), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
        assert_eq!(digest_id(b"pat:passwd"), "pat:SYIOH1LKU7GTQz5fhafPZCTNyNQ=");
        assert_eq!(digest_id(b""), ":2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
        assert_eq!(digest_id(b"foo"), "foo:C+7Hteo/D9vJXQ3UfzxbwnXaijM=");
    }

    #[test]
    fn validity() {
        assert!(is_valid("a:b"));
        assert!(is_valid("a:b::"));
        assert!(is_valid(":b"));
        for id in ["", "a", "a:", "a:b:c", ":"] {
            assert!(!is_valid(id), "{id:?}");
        }
    }
}
