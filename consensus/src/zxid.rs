//! Zxids: the names of transactions.

use core::fmt;

use crate::mutants::mutant;

/// The name and the place of one transaction: the epoch in the high 32 bits, a counter in the low 32.
///
/// A standalone server has no leader who begins an epoch: it counts in epoch 0, and begins the next one itself where the
/// counter ends.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zxid(pub i64);

/// An epoch that is so far above the own one is not believed.
const EPOCHS_AHEAD_MAX: i32 = 1 << 20;

/// The number of one leader's reign.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Epoch(pub i32);

impl Epoch {
    /// The epoch that follows; `None` after the last.
    #[must_use]
    pub fn next(self) -> Option<Epoch> {
        self.0.checked_add(1).map(Epoch)
    }

    /// Whether a server that has accepted this epoch believes that somebody has begun `told`, which nothing proves. An epoch is lost
    /// with each leader that comes to nothing, but there are no more than 2^31.
    pub(crate) fn is_credible(self, told: Epoch) -> bool {
        told.0.saturating_sub(self.0) <= EPOCHS_AHEAD_MAX
    }
}

/// The number of a server in its ensemble, as in `myid`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerId(pub i64);

impl Zxid {
    /// Before the first transaction.
    pub const ZERO: Zxid = Zxid(0);

    /// The position of a server that has no usable history: it never votes, and is brought a full copy.
    pub const NOTHING: Zxid = Zxid(-1);

    /// The epoch, by an arithmetic shift as ZooKeeper does it.
    pub fn epoch(self) -> Epoch {
        Epoch((self.0 >> 32) as i32)
    }

    /// The place within the epoch; 0 never names a transaction in an ensemble.
    pub fn counter(self) -> u32 {
        self.0 as u32
    }

    /// Where an epoch begins: the zxid of NEWLEADER, which names no transaction.
    pub const fn start_of(epoch: Epoch) -> Zxid {
        Zxid((epoch.0 as i64) << u32::BITS)
    }

    /// Whether the counter is 0, so that no transaction has this zxid.
    pub fn is_blank(self) -> bool {
        self.counter() == 0
    }

    /// The first one of an epoch that names a transaction.
    pub const fn first_of(epoch: Epoch) -> Zxid {
        Zxid((epoch.0 as i64) << u32::BITS | first_counter(epoch) as i64)
    }

    /// The zxid that follows in the same epoch; `None` at the end of the counter.
    #[must_use]
    pub fn next(self) -> Option<Zxid> {
        if mutant!(27) {
            return Some(Zxid(self.0.wrapping_add(1)));
        }
        // Below the end of the counter nothing carries.
        self.counter().checked_add(1).map(|_| Zxid(self.0 + 1))
    }
}

#[cfg(not(feature = "short-epochs"))]
const fn first_counter(_: Epoch) -> u32 {
    1
}

/// An epoch whose lower half is 0 has as many transactions as its upper half says, which are the last ones that an epoch can have.
#[cfg(feature = "short-epochs")]
const fn first_counter(epoch: Epoch) -> u32 {
    match (epoch.0 >> 16, epoch.0 & 0xffff) {
        (count @ 1.., 0) => (count as u32).wrapping_neg(),
        _ => 1,
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

    #[cfg(feature = "short-epochs")]
    #[test]
    fn a_short_epoch_has_the_last_transactions_of_one() {
        assert_eq!(Zxid::first_of(Epoch(0x1_0000)), Zxid(0x1_0000_ffff_ffff));
        assert_eq!(Zxid::first_of(Epoch(0x1001_0000)), Zxid(0x1001_0000_ffff_efff));
    }

    #[test]
    fn parts_of_a_zxid() {
        let zxid = Zxid(0x14_0000_0a2f);
        assert_eq!(zxid.epoch(), Epoch(0x14));
        assert_eq!(zxid.counter(), 0xa2f);
        assert!(Zxid(0x1_ffff_ffff) < zxid);
        assert_eq!(Zxid(-1).epoch(), Epoch(-1));
        assert_eq!(Zxid::first_of(Epoch(0x14)), Zxid(0x14_0000_0001));
        assert_eq!(Zxid::first_of(Epoch(-1)).epoch(), Epoch(-1));
        assert_eq!(Zxid::first_of(Epoch(0x3_0001)), Zxid(0x3_0001_0000_0001));
    }

    #[test]
    fn a_counter_does_not_carry_into_the_epoch() {
        assert_eq!(Zxid::ZERO.next(), Some(Zxid(1)));
        assert_eq!(Zxid(0x1_ffff_fffe).next(), Some(Zxid(0x1_ffff_ffff)));
        for last in [0xffff_ffff, 0x1_ffff_ffff, i64::MAX, -1] {
            assert_eq!(Zxid(last).next(), None, "{last:x}");
        }
        assert_eq!(Zxid(i64::MIN).next(), Some(Zxid(i64::MIN + 1)));
        assert_eq!((Epoch(0).next(), Epoch(i32::MAX).next()), (Some(Epoch(1)), None));
    }
}
