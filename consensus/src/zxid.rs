//! Zxids: the names of transactions.

use core::fmt;

/// The name and the place of one transaction: the epoch in the high 32 bits, a counter in the low 32.
///
/// A standalone server has no epochs and just counts, so that its zxids carry over into the epoch bits after 2^32
/// transactions; the order stays right.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zxid(pub i64);

/// The reign of one leader.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Epoch(pub i32);

/// The number of a server in its ensemble, as in `myid`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerId(pub i64);

impl Zxid {
    /// Before the first transaction.
    pub const ZERO: Zxid = Zxid(0);

    /// The epoch, by an arithmetic shift as ZooKeeper does it.
    pub fn epoch(self) -> Epoch {
        Epoch((self.0 >> 32) as i32)
    }

    /// The place within the epoch; 0 never names a transaction in an ensemble.
    pub fn counter(self) -> u32 {
        self.0 as u32
    }

    /// The zxid that follows.
    ///
    /// # Panics
    /// At 2^63 transactions.
    #[must_use]
    pub fn next(self) -> Zxid {
        Zxid(self.0.checked_add(1).expect("zxids are exhausted"))
    }
}

/// Hexadecimal, as ZooKeeper prints and names files by it.
impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x}", self.0)
    }
}

impl fmt::Debug for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Epoch, Zxid};

    #[test]
    fn parts_of_a_zxid() {
        let zxid = Zxid(0x14_0000_0a2f);
        assert_eq!(zxid.epoch(), Epoch(0x14));
        assert_eq!(zxid.counter(), 0xa2f);
        assert!(Zxid(0x1_ffff_ffff) < zxid);
        assert_eq!(Zxid(-1).epoch(), Epoch(-1));
    }
}
