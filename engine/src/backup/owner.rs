//! The server that backups are of, as the index of a directory notes it.

/// Hexadecimal digits of a number.
pub(super) const DIGITS: usize = 32;

/// Which server it is: a number that nobody else has, and `myid`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    pub number: u128,
    /// What `myid` says, of a member of an ensemble.
    pub member: Option<u64>,
}

impl Owner {
    /// Whether both are one server. One that stood alone may have become a member since.
    pub(super) fn is_same(self, other: Owner) -> bool {
        let is_same_member = self.member.zip(other.member).is_none_or(|(one, other)| one == other);
        self.number == other.number && is_same_member
    }

    pub(super) fn text(self) -> String {
        let member = self.member.map_or("none".to_owned(), |member| member.to_string());
        format!("{:032x} myid {member}", self.number)
    }

    pub(super) fn read(number: &str, member: &str) -> Option<Owner> {
        let member = if member == "none" { None } else { Some(member.parse().ok()?) };
        Some(Owner { number: number_of(number)?, member })
    }
}

pub(super) fn number_of(digits: &str) -> Option<u128> {
    let is_hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u128::from_str_radix(digits, 16).ok().filter(|_| is_hex && digits.len() == DIGITS)
}
