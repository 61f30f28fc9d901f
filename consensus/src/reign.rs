//! A reign: the zxids that one leader gives.

use crate::{Epoch, Zxid};

/// The zxids of one epoch that its leader has not given to transactions yet. Whoever gives them owns this value, and nobody
/// else allots any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reign {
    epoch: Epoch,
    /// `None`: the counter has come to its end.
    next: Option<Zxid>,
}

impl Reign {
    /// One of which no transaction is there yet.
    pub fn begin(epoch: Epoch) -> Reign {
        Reign { epoch, next: Some(Zxid::first_of(epoch)) }
    }

    /// One whose newest transaction is `last`.
    pub fn after(last: Zxid) -> Reign {
        Reign { epoch: last.epoch(), next: last.next() }
    }

    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The zxid that the next transaction will have; `None` if the epoch has no more of them.
    pub fn next(&self) -> Option<Zxid> {
        self.next
    }

    /// There is a transaction of this zxid now.
    ///
    /// # Panics
    /// If it is not the next one.
    pub fn take(&mut self, zxid: Zxid) {
        assert_eq!(self.next, Some(zxid), "zxids are given one after the other");
        self.next = zxid.next();
    }
}

#[cfg(test)]
mod tests {
    use super::Reign;
    use crate::{Epoch, Zxid};

    #[test]
    fn zxids_come_one_after_the_other_until_the_counter_ends() {
        let mut reign = Reign::begin(Epoch(3));
        for zxid in [0x3_0000_0001, 0x3_0000_0002].map(Zxid) {
            assert_eq!(reign.next(), Some(zxid));
            reign.take(zxid);
        }
        let mut reign = Reign::after(Zxid(0x3_ffff_fffe));
        reign.take(Zxid(0x3_ffff_ffff));
        assert_eq!((reign.epoch(), reign.next()), (Epoch(3), None));
        assert_eq!(reign, Reign::after(Zxid(0x3_ffff_ffff)));
    }

    #[test]
    fn a_reign_goes_on_behind_what_is_there() {
        assert_eq!(Reign::after(Zxid::ZERO), Reign::begin(Epoch(0)));
        assert_eq!(Reign::after(Zxid(7)).next(), Some(Zxid(8)));
    }

    #[test]
    #[should_panic(expected = "one after the other")]
    fn none_is_left_out() {
        Reign::begin(Epoch(0)).take(Zxid(2));
    }
}
