//! Seeded choices: the same seed makes the same run on every machine.

/// SplitMix64: 64 bits of state, full period, good enough to choose operations with.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Random { state: seed }
    }

    /// The seed from the environment variable `name`, else one from the clock; printed, so that a run can be repeated.
    pub fn from_env(name: &str) -> (Self, u64) {
        let seed = match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text}: not a whole number")),
            Err(_) => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                u64::from(now.expect("the clock stands after 1970").subsec_nanos())
            }
        };
        eprintln!("seed: {name}={seed}");
        (Random::new(seed), seed)
    }

    pub fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number from 0 to `end`, `end` excluded.
    pub fn below(&mut self, end: usize) -> usize {
        assert!(end > 0, "a choice from nothing");
        usize::try_from(self.word() % end as u64).expect("smaller than a usize")
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.word() as u8).collect()
    }
}

/// A number from the environment, or `default`.
pub fn number_from_env(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text}: not a whole number")),
        Err(_) => default,
    }
}
