//! Digests of the tree at some transactions, which an operator compares with those of other servers: the word `hash`.

use std::collections::VecDeque;

use paddock_consensus::Zxid;

/// One is kept of so many transactions: of those whose zxids this divides.
const EVERY: i64 = 128;
/// So many are kept.
const MAX: usize = 1024;

#[derive(Debug, Default)]
pub struct Digests(VecDeque<(Zxid, u64)>);

impl Digests {
    /// The tree has this digest behind a transaction.
    #[inline]
    pub fn note(&mut self, zxid: Zxid, digest: u64) {
        if zxid.0 % EVERY == 0 {
            self.keep(zxid, digest);
        }
    }

    #[cold]
    fn keep(&mut self, zxid: Zxid, digest: u64) {
        if self.0.len() == MAX {
            self.0.pop_front();
        }
        self.0.push_back((zxid, digest));
    }

    /// Another state is there.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Those that are kept, the oldest first.
    pub fn to_vec(&self) -> Vec<(Zxid, u64)> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;

    use super::{Digests, EVERY, MAX};

    #[test]
    fn the_newest_are_kept_of_every_128th_transaction() {
        let mut digests = Digests::default();
        let last = EVERY * (MAX as i64 + 2);
        (1..=last).for_each(|zxid| digests.note(Zxid(zxid), zxid as u64));
        let kept = digests.to_vec();
        assert_eq!((kept.len(), kept[0].0), (MAX, Zxid(3 * EVERY)));
        assert_eq!(kept[MAX - 1], (Zxid(last), last as u64));
    }
}
