//! Sets and maps of sessions.
//!
//! What is in them has no order, but the order in which they give it is the same wherever the same has happened, so that a
//! simulation can be run again. Nobody can choose ids that meet in the table: those in it are of sessions that there are, and a
//! server gives them. So it is enough to multiply them, which a learner does for each transaction.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

type State = BuildHasherDefault<SessionHasher>;

/// Of ids that a server gives one after the other, and of those of different servers, the product has low and high bits that
/// differ, which is what a table needs.
#[derive(Default)]
pub struct SessionHasher(u64);

impl Hasher for SessionHasher {
    #[inline]
    fn write_i64(&mut self, session: i64) {
        // A server's number is in the highest bits, which a product leaves there.
        self.0 = (session as u64 ^ (session as u64 >> 56)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("the id of a session is one number");
    }
}

pub type SessionSet = HashSet<i64, State>;
pub type SessionMap<V> = HashMap<i64, V, State>;

#[cfg(test)]
mod tests {
    use super::SessionSet;

    #[test]
    fn ids_of_servers_are_found_again() {
        let id = |server: i64, number: i64| (server << 56) | (0x9a_0000_0000_0000 + number);
        let mut sessions = SessionSet::default();
        for number in 0..1000 {
            (0..=255).for_each(|server| assert!(sessions.insert(id(server, number)), "{server} {number}"));
        }
        assert!(sessions.contains(&id(255, 999)) && sessions.contains(&id(0, 0)) && !sessions.contains(&id(3, 1000)));
        assert_eq!(sessions.len(), 256_000);
    }
}
