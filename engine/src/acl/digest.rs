//! The scheme `digest`: a name and the hash of name and password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use sha3::{Sha3_224, Sha3_256, Sha3_384, Sha3_512};

use crate::constant_time;

/// The id whose holder is `super`. Whoever knows it can try passwords at leisure, so it is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct SuperDigest(String);

impl SuperDigest {
    pub fn new(id: String) -> SuperDigest {
        SuperDigest(id)
    }

    pub(super) fn is(&self, id: &str) -> bool {
        matches(id, &self.0)
    }
}

impl std::fmt::Debug for SuperDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Whether the entry is for this caller. The hash in it is a secret to those who may not change the list.
pub(super) fn matches(caller: &str, entry: &str) -> bool {
    constant_time::equal(caller.as_bytes(), entry.as_bytes())
}

/// A hash of credentials. All servers of an ensemble have the same; lists made with another one match nobody.
#[derive(Clone, Copy)]
pub struct DigestAlgorithm {
    name: &'static str,
    hash: fn(&[u8]) -> Vec<u8>,
}

impl PartialEq for DigestAlgorithm {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for DigestAlgorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Default for DigestAlgorithm {
    fn default() -> Self {
        ALGORITHMS[0]
    }
}

fn hash<D: Digest>(credential: &[u8]) -> Vec<u8> {
    D::digest(credential).to_vec()
}

const fn algorithm<D: Digest>(name: &'static str) -> DigestAlgorithm {
    DigestAlgorithm { name, hash: hash::<D> }
}

/// By the names that Java knows them by. MD2 and MD5, which a JVM has too, are broken and not here.
const ALGORITHMS: [DigestAlgorithm; 13] = [
    algorithm::<Sha1>("SHA1"),
    algorithm::<Sha1>("SHA-1"),
    algorithm::<Sha1>("SHA"),
    algorithm::<Sha224>("SHA-224"),
    algorithm::<Sha256>("SHA-256"),
    algorithm::<Sha384>("SHA-384"),
    algorithm::<Sha512>("SHA-512"),
    algorithm::<Sha512_224>("SHA-512/224"),
    algorithm::<Sha512_256>("SHA-512/256"),
    algorithm::<Sha3_224>("SHA3-224"),
    algorithm::<Sha3_256>("SHA3-256"),
    algorithm::<Sha3_384>("SHA3-384"),
    algorithm::<Sha3_512>("SHA3-512"),
];

impl DigestAlgorithm {
    pub const NAMES: [&'static str; ALGORITHMS.len()] = {
        let mut names = [""; ALGORITHMS.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = ALGORITHMS[at].name;
            at += 1;
        }
        names
    };

    /// The algorithm of a name, in any case.
    pub fn named(name: &str) -> Option<DigestAlgorithm> {
        ALGORITHMS.into_iter().find(|algorithm| algorithm.name.eq_ignore_ascii_case(name))
    }

    /// The id that a credential `user:password` stands for: the user, and the Base64 of the hash of the whole credential.
    /// Without a colon the whole text is the user.
    pub fn id_of(self, credential: &[u8]) -> String {
        let user = credential.split(|&byte| byte == b':').next().unwrap_or_default();
        format!("{}:{}", String::from_utf8_lossy(user), STANDARD.encode((self.hash)(credential)))
    }

    pub fn name(self) -> &'static str {
        self.name
    }

    /// Whether a credential could stand for this id: a user, and the Base64 of as many bytes as the hash has.
    pub fn could_make(self, id: &str) -> bool {
        let bytes = (self.hash)(b"").len();
        let hash = id.split_once(':').and_then(|(_, hash)| STANDARD.decode(hash).ok());
        hash.is_some_and(|hash| hash.len() == bytes)
    }
}

/// Whether an entry may name this id: exactly two parts at colons, empty ones at the end not counted.
pub(super) fn is_valid(id: &str) -> bool {
    id.trim_end_matches(':').split(':').count() == 2
}

#[cfg(test)]
mod tests {
    use super::{DigestAlgorithm, is_valid};

    #[test]
    fn ids_of_credentials() {
        let sha1 = DigestAlgorithm::default();
        assert_eq!(sha1.id_of(b"super:test"), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
        assert_eq!(sha1.id_of(b"super:admin"), "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=");
        assert_eq!(sha1.id_of(b"pat:passwd"), "pat:SYIOH1LKU7GTQz5fhafPZCTNyNQ=");
        assert_eq!(sha1.id_of(b""), ":2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
        assert_eq!(sha1.id_of(b"foo"), "foo:C+7Hteo/D9vJXQ3UfzxbwnXaijM=");
    }

    #[test]
    fn ids_by_other_algorithms() {
        for (name, id) in [
            ("sha-1", "super:D/InIHSb7yEEbrWz8b9l71RjZJU="),
            ("SHA-256", "super:wjySwxg860UATFtciuZ1lpzrCHrPeov6SPu/ZD56uig="),
            ("SHA3-256", "super:cRy/KPYuDpW/dtsepniTMpuiuupnWgdU9txltIfv3hA="),
        ] {
            assert_eq!(
                DigestAlgorithm::named(name).map(|algorithm| algorithm.id_of(b"super:test")).as_deref(),
                Some(id)
            );
        }
        assert_eq!(DigestAlgorithm::named("MD5"), None);
        assert!(DigestAlgorithm::NAMES.into_iter().all(|name| DigestAlgorithm::named(name).is_some()));
    }

    #[test]
    fn ids_that_no_credential_makes() {
        let sha1 = DigestAlgorithm::default();
        assert!(sha1.could_make(&sha1.id_of(b"super:test")) && sha1.could_make(&sha1.id_of(b"")));
        for id in
            ["", "plain", "super:test", "super:", "super:D/InIHSb7yEEbrWz8b9l71RjZJU", "D/InIHSb7yEEbrWz8b9l71RjZJU="]
        {
            assert!(!sha1.could_make(id), "{id:?}");
        }
        let sha256 = DigestAlgorithm::named("SHA-256").unwrap();
        assert!(!sha256.could_make(&sha1.id_of(b"super:test")), "it is another algorithm's");
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
