//! How many transactions there are from one to another.

use paddock_consensus::Zxid;

/// Those behind `before` up to `after`. Of an epoch that has begun in between, those of the newer one are counted.
pub fn transactions_between(before: Zxid, after: Zxid) -> u64 {
    let since = if before.epoch() == after.epoch() { before.counter() } else { 0 };
    u64::from(after.counter().saturating_sub(since))
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;

    use super::transactions_between;

    #[test]
    fn they_are_counted_within_an_epoch() {
        let zxid = |epoch: i64, counter: i64| Zxid((epoch << 32) | counter);
        assert_eq!(transactions_between(zxid(2, 5), zxid(2, 9)), 4);
        assert_eq!(transactions_between(zxid(2, 9), zxid(3, 2)), 2);
        assert_eq!(transactions_between(zxid(2, 9), zxid(2, 9)), 0);
    }
}
