//! How many authentications have failed from an address of late, so that who guesses passwords is slowed down.
//!
//! ZooKeeper has no such bound. It must not hit a normal client: behind one address there may be thousands whose keytab has
//! just changed. So nobody is refused. From an address of which more have failed than [`FREE_FAILURES`] within
//! [`WINDOW`], the end of each negotiation is told [`DELAY`] later, be it good or bad, so that not to wait for it tells
//! nothing. How many can wait at a time is bounded by the connections that an address may have.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// So many may fail in a window without anything being delayed.
pub const FREE_FAILURES: u32 = 100;
/// The time in which failures are counted together.
pub const WINDOW: Duration = Duration::from_secs(60);
/// How much later an end is told.
pub const DELAY: Duration = Duration::from_secs(1);
/// No more addresses are counted at a time. What comes from others is counted together, for one.
const ADDRESSES_MAX: usize = 4096;

/// The failures by address.
#[derive(Debug, Default)]
pub struct Failures {
    addresses: Mutex<HashMap<IpAddr, Count>>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    failures: u32,
}

impl Count {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= WINDOW
    }

    fn delay(&self) -> Option<Duration> {
        (self.failures > FREE_FAILURES).then_some(DELAY)
    }
}

impl Failures {
    /// How much later the end of a negotiation is to be told to this address, if it is.
    pub fn delay(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let addresses = self.addresses.lock().expect("no holder of this lock panics");
        addresses.get(&counted(address)).filter(|count| !count.is_over(now))?.delay()
    }

    /// One has failed. Returns how much later that is to be told, if it is.
    pub fn note(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let mut addresses = self.addresses.lock().expect("no holder of this lock panics");
        let mut key = counted(address);
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&key) {
            addresses.retain(|_, count| !count.is_over(now));
            if addresses.len() >= ADDRESSES_MAX {
                key = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        let count = addresses.entry(key).or_insert(Count { since: now, failures: 0 });
        if count.is_over(now) {
            *count = Count { since: now, failures: 0 };
        }
        count.failures = count.failures.saturating_add(1);
        if count.failures == FREE_FAILURES + 1 {
            tracing::warn!(
                %address,
                "more than {FREE_FAILURES} SASL authentications have failed from this address within {} s: until fewer do, \
                 each is answered {} s later; see whether its clients have the right passwords or keytabs, or somebody guesses",
                WINDOW.as_secs(),
                DELAY.as_secs()
            );
        }
        count.delay()
    }
}

/// Of IPv6 the first half is who somebody is: the rest is anybody's to choose.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 | last).into())
    }

    #[test]
    fn what_fails_now_and_then_is_told_at_once() {
        let (failures, now) = (Failures::default(), Instant::now());
        for _ in 0..FREE_FAILURES {
            assert_eq!(failures.note(address(1), now), None);
        }
        assert_eq!(failures.delay(address(1), now), None);
        assert_eq!(failures.note(address(1), now), Some(DELAY));
        assert_eq!(failures.delay(address(1), now), Some(DELAY), "also of what does not fail");
        assert_eq!(failures.delay(address(2), now), None);
        assert_eq!(failures.delay(address(1), now + WINDOW), None);
        assert_eq!(failures.note(address(1), now + WINDOW), None);
    }

    #[test]
    fn addresses_are_bounded() {
        let (failures, now) = (Failures::default(), Instant::now());
        for last in 0..3 * ADDRESSES_MAX as u32 {
            failures.note(address(last), now);
        }
        assert!(failures.addresses.lock().unwrap().len() <= ADDRESSES_MAX + 1);
        failures.note(address(1 << 20), now + WINDOW);
        assert_eq!(failures.addresses.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let (failures, now) = (Failures::default(), Instant::now());
        for last in 0..=u128::from(FREE_FAILURES) {
            failures.note(IpAddr::V6((0x2001_0db8_u128 << 96 | last).into()), now);
        }
        assert_eq!(failures.delay("2001:db8::77".parse().unwrap(), now), Some(DELAY));
        assert_eq!(failures.delay("2001:db9::77".parse().unwrap(), now), None);
    }
}
