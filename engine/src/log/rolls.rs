//! How large the next segment is made.
//!
//! Sizes begin small, so that a start is quick, and grow by [`GROWTH`]. A log that rolls (at every snapshot) leaves the rest
//! of a segment unused, so segments are not made much larger than what was written between rolls: with 64 MiB segments and
//! a roll each 25 MiB, four times as many zeros went to the disk as transactions.

use super::segment::ZERO_BYTES;

/// A segment is at most so many times as large as the one before.
const GROWTH: u64 = 4;

/// How many bytes the log writes from one roll to the next.
pub(super) struct Rolls {
    /// The least that a segment has, in bytes.
    first_bytes: u64,
    /// Bytes since the last roll, in segments that are full.
    since: u64,
    /// Bytes that are expected from one roll to the next; `None` before the first.
    between: Option<u64>,
}

impl Rolls {
    /// Before the first roll of a log whose segments have so many bytes at least.
    pub fn new(first_bytes: u64) -> Rolls {
        Rolls { first_bytes, since: 0, between: None }
    }

    /// The log leaves a segment that has `used` bytes, because it is full or because of a roll.
    pub fn leave(&mut self, used: u64, is_roll: bool) {
        self.since += used;
        if is_roll {
            // Snapshots come after a random number of transactions, half of the most at least: a short distance is not
            // taken for the rule.
            let since = std::mem::take(&mut self.since);
            self.between = Some(since.max(self.between.map_or(0, |between| between / 4 * 3)));
        }
    }

    /// How large the segment after one of `current` bytes is made: `limit` at most. A distance that has become longer than
    /// was expected is expected to go on.
    pub fn next_size(&self, current: u64, limit: u64) -> u64 {
        let expected = self.between.map(|between| between.max(self.since));
        let enough = expected.map_or(u64::MAX, |bytes| bytes.saturating_add(bytes / 4).max(self.first_bytes));
        let enough = enough.checked_next_multiple_of(ZERO_BYTES as u64).unwrap_or(u64::MAX);
        limit.min(current.saturating_mul(GROWTH)).min(enough)
    }
}

#[cfg(test)]
mod tests {
    use super::Rolls;

    const FIRST_BYTES: u64 = 4 << 20;

    #[test]
    fn segments_become_as_large_as_rolls_are_apart() {
        const MIB: u64 = 1 << 20;
        let mut rolls = Rolls::new(FIRST_BYTES);
        assert_eq!(rolls.next_size(4 * MIB, 64 * MIB), 16 * MIB);
        assert_eq!(rolls.next_size(16 * MIB, 64 * MIB), 64 * MIB);
        rolls.leave(16 * MIB, false);
        rolls.leave(8 * MIB, true);
        assert_eq!(rolls.next_size(64 * MIB, 64 * MIB), 30 * MIB);
        assert_eq!(rolls.next_size(4 * MIB, 64 * MIB), 16 * MIB);
        rolls.leave(8 * MIB, true);
        let less = rolls.next_size(64 * MIB, 64 * MIB);
        assert!((22 * MIB..23 * MIB).contains(&less), "by a quarter after a shorter distance: {less}");
        (0..20).for_each(|_| rolls.leave(100, true));
        assert_eq!(rolls.next_size(64 * MIB, 64 * MIB), FIRST_BYTES);
        let mut size = FIRST_BYTES;
        for segments in 0.. {
            assert!(segments < 16, "they grow again where no roll comes: {size}");
            if size == 64 * MIB {
                break;
            }
            rolls.leave(size, false);
            size = rolls.next_size(size, 64 * MIB);
        }
        rolls.leave(size, true);
        rolls.leave(1 << 62, false);
        rolls.leave(1 << 62, true);
        assert_eq!(rolls.next_size(64 * MIB, 64 * MIB), 64 * MIB);
    }
}
