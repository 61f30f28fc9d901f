//! Whom an entry is for.

use paddock_tests::records::{Acl, perms};

/// Scheme and id of an entry.
pub type Subject = (&'static str, &'static str);

/// The digest id of `u:p`.
pub const USER: &str = "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=";

pub const SUBJECTS: [Subject; 12] = [
    ("world", "anyone"),
    ("auth", ""),
    ("digest", USER),
    ("digest", "u:hash"),
    ("ip", "127.0.0.1"),
    ("ip", "127.0.0.0/8"),
    ("ip", "127.0.0.2"),
    ("x509", "CN=alice,O=Meadow"),
    ("sasl", "alice"),
    ("sasl", "staff"),
    ("key", ""),
    ("key", "5"),
];

/// Each permission alone, and all but each.
pub fn permissions() -> impl Iterator<Item = i32> {
    let each = [perms::READ, perms::WRITE, perms::CREATE, perms::DELETE, perms::ADMIN];
    each.into_iter().flat_map(|one| [one, perms::ALL & !one])
}

pub fn list(subject: Subject, perms: i32) -> Vec<Acl> {
    vec![Acl::new(perms, subject.0, subject.1)]
}
