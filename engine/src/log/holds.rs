//! What keeps segments from being purged, and tells readers that the log was cut.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paddock_consensus::Zxid;

/// The holds on a log. It is shared by the log and whoever reads it.
#[derive(Default, Debug)]
pub(super) struct Holds {
    /// How many holds there are from each zxid on.
    counts: Mutex<BTreeMap<Zxid, usize>>,
    /// Times that records were taken off the end of the log.
    cuts: AtomicU64,
}

/// Keeps the records after a transaction from being purged, until it is dropped. It does not keep them from being cut.
#[derive(Debug)]
pub struct Hold {
    holds: Arc<Holds>,
    after: Zxid,
    /// How many cuts there had been.
    cuts: u64,
}

impl Holds {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<Zxid, usize>> {
        // Each change is whole before anything can panic.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the records after `after`.
    pub fn hold(self: &Arc<Self>, after: Zxid) -> Hold {
        *self.counts().entry(after).or_default() += 1;
        Hold { holds: Arc::clone(self), after, cuts: self.cuts.load(Ordering::Acquire) }
    }

    /// The zxid up to which records can be purged when they need not be kept up to `zxid`.
    pub fn limit(&self, zxid: Zxid) -> Zxid {
        self.counts().first_key_value().map_or(zxid, |(held, _)| zxid.min(*held))
    }

    /// Records are about to be taken off the end of the log.
    pub fn cut(&self) {
        self.cuts.fetch_add(1, Ordering::AcqRel);
    }
}

impl Hold {
    /// The records after this zxid stay.
    pub fn after(&self) -> Zxid {
        self.after
    }

    /// Whether the log has been cut since this hold was made. What was read before this says `false` was in the log when the
    /// hold was made, and is still there.
    pub(super) fn is_cut(&self) -> bool {
        self.holds.cuts.load(Ordering::Acquire) != self.cuts
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut counts = self.holds.counts();
        let count = counts.get_mut(&self.after).expect("a hold is counted");
        *count -= 1;
        if *count == 0 {
            counts.remove(&self.after);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use paddock_consensus::Zxid;

    use super::Holds;

    #[test]
    fn the_oldest_hold_counts_until_it_is_dropped() {
        let holds = Arc::new(Holds::default());
        assert_eq!(holds.limit(Zxid(9)), Zxid(9));
        let (one, other, later) = (holds.hold(Zxid(3)), holds.hold(Zxid(3)), holds.hold(Zxid(5)));
        assert_eq!((one.after(), holds.limit(Zxid(9)), holds.limit(Zxid(2))), (Zxid(3), Zxid(3), Zxid(2)));
        drop(one);
        assert_eq!(holds.limit(Zxid(9)), Zxid(3));
        drop(other);
        assert_eq!(holds.limit(Zxid(9)), Zxid(5));
        drop(later);
        assert_eq!(holds.limit(Zxid(9)), Zxid(9));
    }

    #[test]
    fn a_cut_is_told_to_holds_of_before() {
        let holds = Arc::new(Holds::default());
        let before = holds.hold(Zxid(3));
        assert!(!before.is_cut());
        holds.cut();
        assert!(before.is_cut() && !holds.hold(Zxid(3)).is_cut());
    }
}
