//! Which znode an operation touches, and what the znodes are called.
//!
//! Every name has the same length, so that a request is a template with 16 bytes to fill in. A name is a function of a
//! number: the keys are the numbers from 0, and each connection creates znodes under numbers of its own, so that no two
//! collide and a delete needs no memory of what was created but two counters.

use clap::ValueEnum;

use super::random::{Random, mix64};

/// Bytes of every name.
pub const NAME_BYTES: usize = 16;

/// Most connections of a run and most znodes one connection may create: together they fill a name's 16 digits.
pub const CONNECTIONS_MAX: u64 = 1_000_000;
pub const CREATED_MAX: u64 = 10_000_000_000;

/// How numbers become names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Names {
    /// Digits that count up: neighbours in time are neighbours in name.
    Sequential,
    /// Hexadecimal digits without order.
    Random,
}

impl Names {
    /// The name of `number`; distinct numbers below 10^16 have distinct names.
    pub fn write(self, number: u64, name: &mut [u8; NAME_BYTES]) {
        match self {
            Names::Sequential => {
                let mut rest = number;
                for digit in name.iter_mut().rev() {
                    *digit = b'0' + (rest % 10) as u8;
                    rest /= 10;
                }
            }
            Names::Random => {
                let mut rest = mix64(number);
                for digit in name.iter_mut() {
                    *digit = b"0123456789abcdef"[(rest & 15) as usize];
                    rest >>= 4;
                }
            }
        }
    }

    pub fn of(self, number: u64) -> [u8; NAME_BYTES] {
        let mut name = [0; NAME_BYTES];
        self.write(number, &mut name);
        name
    }
}

/// The number of the `n`th znode created by `connection`.
pub fn created_number(connection: u64, n: u64) -> u64 {
    debug_assert!(connection < CONNECTIONS_MAX && n < CREATED_MAX);
    connection * CREATED_MAX + n
}

/// How keys are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Distribution {
    /// Every key equally often.
    Uniform,
    /// Few keys often, most seldom, as YCSB draws them (--zipf-exponent, 0.99 there).
    Zipf,
    /// One key after the other; the connections share the keys in turn.
    Sequential,
}

/// Draws key numbers in `0..keys` for one connection.
#[derive(Clone, Debug)]
pub enum Picker {
    Uniform { keys: u64 },
    Zipf(Zipf),
    Sequential { keys: u64, next: u64, step: u64 },
}

impl Picker {
    pub fn pick(&mut self, random: &mut Random) -> u64 {
        match self {
            Picker::Uniform { keys } => random.below(*keys),
            Picker::Zipf(zipf) => zipf.pick(random),
            Picker::Sequential { keys, next, step } => {
                let key = *next % *keys;
                *next = (*next + *step) % *keys;
                key
            }
        }
    }
}

/// Zipf's law over `0..keys`: key `k` with probability in proportion to `(k + 1)^-exponent`.
///
/// The method is that of Gray et al. (Quickly Generating Billion-Record Synthetic Databases, SIGMOD 1994), which YCSB
/// uses: one power per draw, after one sum over all keys.
#[derive(Clone, Debug)]
pub struct Zipf {
    keys: f64,
    exponent: f64,
    zeta: f64,
    alpha: f64,
    eta: f64,
}

impl Zipf {
    /// `exponent` lies strictly between 0 and 1. Costs one power per key.
    pub fn new(keys: u64, exponent: f64) -> Zipf {
        assert!(exponent > 0.0 && exponent < 1.0, "the exponent must lie between 0 and 1");
        let zeta: f64 = (1..=keys).map(|k| (k as f64).powf(-exponent)).sum();
        let zeta_two = 1.0 + 0.5f64.powf(exponent);
        let eta = (1.0 - (2.0 / keys as f64).powf(1.0 - exponent)) / (1.0 - zeta_two / zeta);
        Zipf { keys: keys as f64, exponent, zeta, alpha: 1.0 / (1.0 - exponent), eta }
    }

    fn pick(&self, random: &mut Random) -> u64 {
        let fraction = random.fraction();
        let scaled = fraction * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5f64.powf(self.exponent) {
            return 1.min(self.keys as u64 - 1);
        }
        let key = self.keys * (self.eta * fraction - self.eta + 1.0).powf(self.alpha);
        (key as u64).min(self.keys as u64 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_have_one_length_and_do_not_collide() {
        assert_eq!(&Names::Sequential.of(42), b"0000000000000042");
        assert_eq!(&Names::Sequential.of(created_number(999_999, CREATED_MAX - 1)), b"9999999999999999");
        let names: BTreeSet<_> = (0..50_000).map(|number| Names::Random.of(number)).collect();
        assert_eq!(names.len(), 50_000);
        assert!(names.iter().flatten().all(u8::is_ascii_hexdigit));
    }

    /// Shares of the first keys under the law itself, compared with what is drawn.
    #[test]
    fn zipf_follows_the_law() {
        let (keys, exponent, draws) = (1000u64, 0.99, 400_000);
        let zeta: f64 = (1..=keys).map(|k| (k as f64).powf(-exponent)).sum();
        let mut picker = Picker::Zipf(Zipf::new(keys, exponent));
        let mut random = Random::new(3);
        let mut drawn = vec![0u64; keys as usize];
        for _ in 0..draws {
            drawn[picker.pick(&mut random) as usize] += 1;
        }
        // Gray's method is exact for the first two keys and approximate after them.
        for (key, tolerance) in [(0usize, 0.03), (1, 0.04), (9, 0.25), (99, 0.25)] {
            let expected = ((key + 1) as f64).powf(-exponent) / zeta;
            let got = drawn[key] as f64 / f64::from(draws);
            assert!((got / expected - 1.0).abs() < tolerance, "key {key}: {got} instead of {expected}");
        }
        let law_100: f64 = (1..=100).map(|k| f64::from(k).powf(-exponent) / zeta).sum();
        let got_100 = drawn[..100].iter().sum::<u64>() as f64 / f64::from(draws);
        assert!((got_100 - law_100).abs() < 0.02, "first hundred keys: {got_100} instead of {law_100}");
    }

    #[test]
    fn zipf_of_few_keys_stays_in_range() {
        for keys in 1..4 {
            let mut picker = Picker::Zipf(Zipf::new(keys, 0.5));
            let mut random = Random::new(keys);
            assert!((0..10_000).all(|_| picker.pick(&mut random) < keys), "{keys} keys");
        }
    }

    #[test]
    fn uniform_draws_reach_every_key() {
        let mut picker = Picker::Uniform { keys: 50 };
        let mut random = Random::new(11);
        let drawn: BTreeSet<u64> = (0..5000).map(|_| picker.pick(&mut random)).collect();
        assert_eq!(drawn.len(), 50);
    }

    #[test]
    fn sequential_connections_share_the_keys() {
        let mut random = Random::new(0);
        let mut drawn = BTreeSet::new();
        for connection in 0..4 {
            let mut picker = Picker::Sequential { keys: 100, next: connection, step: 4 };
            drawn.extend((0..25).map(|_| picker.pick(&mut random)));
        }
        assert_eq!(drawn.len(), 100);
    }
}
